/* tests/integration/test_auth.c - who is let in, as whom, and what of that reaches the upstream.
 *
 * One connection is pinned to each worker, so that every claim is made of all of them. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/integration/author.h"
#include "tests/integration/gateway.h"
#include "tests/integration/origin.h"
#include "tests/unit/unit.h"

#define LARGE_BYTES (1u << 20)

/* Made by hand, with an old date that the routes allow: what they are over is the gateway's claim.
 */
#define JWT_TOKEN                                                                                  \
    "eyJhbGciOiJIUzI1NiJ9.eyJrZXkiOiJqd3Qta2V5In0.5YyKqoN26nqkDuhFG12bk4zWPwdKv-mwo3UsBJh6jtY"
#define JWT_UNSIGNED "eyJhbGciOiJub25lIn0.eyJrZXkiOiJqd3Qta2V5In0."
#define HMAC_TARGET  "/hmac?a=b"
#define HMAC_LINES                                                                                 \
    "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\nAuthorization: Signature keyId=\"hmac-key\","          \
    "algorithm=\"hmac-sha256\",headers=\"@request-target date\","                                  \
    "signature=\"o2kFdgl5mosID1gvA0BH9WF2Q9TdVAtUZ+hEhlXJbuM=\"\r\n"
#define ANY_TIME    "\"clock_skew\": 4000000000"
#define BASIC_LINE  "Authorization: Basic YmFzaWMtdXNlcjpiYXNpYy1zZWNyZXQtb2YtamFjaw==\r\n"
#define KEY_LINE    "apikey: key-secret-of-jack\r\n"
#define HMAC_SECRET "hmac-secret-of-jack"

static gateway *running;
static origin *upstream;
static connection pinned[GATEWAY_WORKERS_MAX];
static pid_t workers[GATEWAY_WORKERS_MAX];
static size_t worker_count;
static response got;

/* jack is known by a credential of each plugin, rose by a key of her own. */
static void put_consumers(void)
{
    gateway_put(running, "consumer_groups/crew", "{\"plugins\": {}}");
    gateway_put(running, "consumers/jack",
                "{\"username\": \"jack\", \"group_id\": \"crew\","
                " \"labels\": {\"custom_id\": \"4711\"}}");
    gateway_put(running, "consumers/jack/credentials/of-key",
                "{\"plugins\": {\"key-auth\": {\"key\": \"key-secret-of-jack\"}}}");
    gateway_put(running, "consumers/jack/credentials/of-basic",
                "{\"plugins\": {\"basic-auth\": {\"username\": \"basic-user\","
                " \"password\": \"basic-secret-of-jack\"}}}");
    gateway_put(running, "consumers/jack/credentials/of-jwt",
                "{\"plugins\": {\"jwt-auth\": {\"key\": \"jwt-key\","
                " \"secret\": \"jwt-secret-of-jack\"}}}");
    gateway_put(running, "consumers/jack/credentials/of-hmac",
                "{\"plugins\": {\"hmac-auth\": {\"key_id\": \"hmac-key\","
                " \"secret_key\": \"" HMAC_SECRET "\"}}}");
    gateway_put(running, "consumers/rose",
                "{\"username\": \"rose\","
                " \"plugins\": {\"key-auth\": {\"key\": \"key-secret-of-rose\"}}}");
    gateway_put(running, "consumers/nobody",
                "{\"username\": \"nobody\", \"plugins\": {\"response-rewrite\":"
                " {\"headers\": {\"set\": {\"X-Guest\": \"yes\"}}}}}");
}

static int set_up(void **state)
{
    (void)state;
    upstream = origin_start();
    running = gateway_make(NULL);
    author_install(running, "worker", "worker", "");
    author_install(running, "delegate", "delegate", "");
    author_install(running, "version", "version", "");
    author_install(running, "consumer", "consumer", "");
    gateway_start(running);
    gateway_put(running, "routes/worker",
                "{\"uri\": \"/worker\", \"plugins\": {\"worker\": {}},"
                " \"upstream\": {\"nodes\": {\"127.0.0.1:%u\": 1}}}",
                origin_port(upstream));
    worker_count = gateway_pin(running, "/worker", pinned, workers);
    assert_true(worker_count > 1);
    put_consumers();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    for (size_t i = 0; i < worker_count; i++) {
        connection_close(&pinned[i]);
    }
    response_done(&got);
    gateway_free(running);
    origin_stop(upstream);
    return 0;
}

/* The route for all paths but those of others. */
static void put(const char *plugins)
{
    gateway_put(running, "routes/all",
                "{\"uri\": \"/*\", \"plugins\": {%s},"
                " \"upstream\": {\"nodes\": {\"127.0.0.1:%u\": 1}}}",
                plugins, origin_port(upstream));
}

/* A header as the upstream got it, of the last response; "": none. Until the next call. */
static const char *upstream_header(const char *name)
{
    static char text[256];
    json_t *echo = json_loads(got.body, 0, NULL);
    const char *value = json_string_value(json_object_get(json_object_get(echo, "headers"), name));

    (void)snprintf(text, sizeof(text), "%s", value == NULL ? "" : value);
    json_decref(echo);
    return text;
}

/* Each worker lets the request in as that consumer, known by that credential. */
static void expect_known(const char *label,
                         const char *target,
                         const char *headers,
                         const char *consumer,
                         const char *credential)
{
    for (size_t i = 0; i < worker_count; i++) {
        connection_request(&pinned[i], "GET", target, headers, NULL, &got);
        if (got.status != 200 || strcmp(upstream_header("x-consumer-username"), consumer) != 0 ||
            strcmp(upstream_header("x-credential-identifier"), credential) != 0 ||
            strcmp(upstream_header("x-consumer-custom-id"),
                   strcmp(consumer, "jack") == 0 ? "4711" : "") != 0) {
            fail_msg("%s: worker %d: %d %s", label, (int)workers[i], got.status, got.body);
        }
    }
}

/* Each worker refuses it with 401 and that message, and asks the upstream nothing. */
static void
expect_refused(const char *label, const char *target, const char *headers, const char *message)
{
    size_t before = origin_requests(upstream);
    char body[128];

    (void)snprintf(body, sizeof(body), "{\"message\":\"%s\"}\n", message);
    for (size_t i = 0; i < worker_count; i++) {
        connection_request(&pinned[i], "GET", target, headers, NULL, &got);
        if (got.status != 401 || strcmp(got.body, body) != 0 ||
            response_header(&got, "WWW-Authenticate") == NULL) {
            fail_msg("%s: worker %d: %d %s", label, (int)workers[i], got.status, got.body);
        }
    }
    assert_int_equal(origin_requests(upstream), before);
}

/* --------------------------------------------------------------------------- single plugins */

static void every_plugin_knows_a_consumer_by_a_credential(void **state)
{
    static const struct {
        const char *plugin; /* with its configuration */
        const char *target;
        const char *headers;
        const char *credential;
        const char *missing; /* what a request without anything is told */
    } cases[] = {
        {"\"key-auth\": {}", "/", KEY_LINE, "of-key", "Missing API key in request"},
        {"\"key-auth\": {}", "/?apikey=key-secret-of-jack", "", "of-key",
         "Missing API key in request"},
        {"\"basic-auth\": {}", "/", BASIC_LINE, "of-basic", "Missing authorization in request"},
        {"\"jwt-auth\": {}", "/", "Authorization: Bearer " JWT_TOKEN "\r\n", "of-jwt",
         "Missing JWT token in request"},
        {"\"jwt-auth\": {}", "/?jwt=" JWT_TOKEN, "", "of-jwt", "Missing JWT token in request"},
        {"\"jwt-auth\": {}", "/", "Cookie: a=b; jwt=" JWT_TOKEN "\r\n", "of-jwt",
         "Missing JWT token in request"},
        {"\"hmac-auth\": {" ANY_TIME "}", HMAC_TARGET, HMAC_LINES, "of-hmac",
         "client request can't be validated"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        put(cases[i].plugin);
        expect_known(cases[i].plugin, cases[i].target, cases[i].headers, "jack",
                     cases[i].credential);
        /* What the client says about itself does not count. */
        expect_refused(cases[i].plugin, "/", "X-Consumer-Username: jack\r\n", cases[i].missing);
    }
    put("\"key-auth\": {}");
    expect_known("a key of the consumer itself", "/?apikey=key-secret-of-rose",
                 "X-Credential-Identifier: x\r\nX-Consumer-Custom-ID: y\r\n", "rose", "");
}

static void credentials_are_hidden_from_the_upstream(void **state)
{
    static const struct {
        const char *plugin;
        const char *target;
        const char *headers;
        const char *header; /* in lower case, that is hidden */
        const char *seen;   /* the target that the upstream gets */
    } cases[] = {
        {"\"key-auth\": {\"hide_credentials\": %s}", "/a", KEY_LINE, "apikey", "/a"},
        {"\"key-auth\": {\"hide_credentials\": %s}", "/a?b=%20c&apikey=key-secret-of-jack&d", "",
         "apikey", "/a?b=%20c&d"},
        {"\"basic-auth\": {\"hide_credentials\": %s}", "/a", BASIC_LINE, "authorization", "/a"},
        {"\"jwt-auth\": {\"hide_credentials\": %s}", "/a",
         "Authorization: Bearer " JWT_TOKEN "\r\n", "authorization", "/a"},
        {"\"jwt-auth\": {\"hide_credentials\": %s}", "/a?jwt=" JWT_TOKEN, "", "authorization",
         "/a"},
        {"\"jwt-auth\": {\"hide_credentials\": %s}", "/a", "Cookie: jwt=" JWT_TOKEN "\r\n",
         "cookie", "/a"},
        {"\"hmac-auth\": {" ANY_TIME ", \"hide_credentials\": %s}", HMAC_TARGET, HMAC_LINES,
         "authorization", HMAC_TARGET},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        const char *at = strstr(cases[i].plugin, "%s");
        char plugin[256];
        json_t *echo;

        (void)snprintf(plugin, sizeof(plugin), "%.*strue%s", (int)(at - cases[i].plugin),
                       cases[i].plugin, at + 2);
        put(plugin);
        connection_request(&pinned[0], "GET", cases[i].target, cases[i].headers, NULL, &got);
        echo = json_loads(got.body, 0, NULL);
        if (got.status != 200 || strcmp(upstream_header(cases[i].header), "") != 0 ||
            strcmp(json_string_value(json_object_get(echo, "target")), cases[i].seen) != 0) {
            fail_msg("%s: %d %s", plugin, got.status, got.body);
        }
        json_decref(echo);
        (void)snprintf(plugin, sizeof(plugin), "%.*sfalse%s", (int)(at - cases[i].plugin),
                       cases[i].plugin, at + 2);
        put(plugin);
        connection_request(&pinned[0], "GET", cases[i].target, cases[i].headers, NULL, &got);
        assert_int_equal(got.status, 200);
        assert_true(strstr(got.body, "secret-of-jack") != NULL ||
                    strstr(got.body, JWT_TOKEN) != NULL ||
                    strcmp(upstream_header(cases[i].header), "") != 0);
    }
}

static void who_is_not_known_is_the_anonymous_consumer(void **state)
{
    static const char *const plugins[] = {
        "\"key-auth\": {\"anonymous_consumer\": \"nobody\"}",
        "\"basic-auth\": {\"anonymous_consumer\": \"nobody\"}",
        "\"jwt-auth\": {\"anonymous_consumer\": \"nobody\"}",
        "\"hmac-auth\": {\"anonymous_consumer\": \"nobody\"}",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(plugins); i++) {
        put(plugins[i]);
        expect_known(plugins[i], "/", "", "nobody", "");
        assert_string_equal(response_header(&got, "X-Guest"), "yes"); /* its own plugin */
    }
    put("\"key-auth\": {\"anonymous_consumer\": \"nobody\"}");
    expect_known("known", "/", KEY_LINE, "jack", "of-key");
    assert_null(response_header(&got, "X-Guest"));
    put("\"key-auth\": {\"anonymous_consumer\": \"somebody\"}");
    expect_refused("no such consumer", "/", "", "Invalid user authorization");
}

static void bad_tokens_are_refused(void **state)
{
    static const struct {
        const char *label;
        const char *token;
        const char *message;
    } cases[] = {
        {"unsigned", JWT_UNSIGNED, "failed to verify jwt"},
        {"unsigned, in capitals", "eyJhbGciOiJOT05FIn0.eyJrZXkiOiJqd3Qta2V5In0.",
         "failed to verify jwt"},
        {"another signature", JWT_TOKEN "x", "failed to verify jwt"},
        {"an unknown key", "eyJhbGciOiJIUzI1NiJ9.eyJrZXkiOiJ4In0.AA",
         "Invalid user key in JWT token"},
        {"no key", "eyJhbGciOiJIUzI1NiJ9.e30.AA", "missing user key in JWT token"},
        {"no dots", "e30", "JWT token invalid"},
        {"dots alone", "..", "JWT token invalid"},
        {"a dot more", JWT_TOKEN ".", "JWT token invalid"},
        {"a NUL behind", JWT_TOKEN "%00", "JWT token invalid"},
        {"a NUL in the key", "eyJhbGciOiJIUzI1NiJ9.eyJrZXkiOiJqd3Qta2V5XHUwMDAwIn0.AA",
         "JWT token invalid"},
        {"no UTF-8", "%ff.%fe.%fd", "JWT token invalid"},
    };

    (void)state;
    put("\"jwt-auth\": {}");
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char target[256];

        (void)snprintf(target, sizeof(target), "/?jwt=%s", cases[i].token);
        expect_refused(cases[i].label, target, "", cases[i].message);
    }
}

/* What is larger than a buffer is nginx's to refuse, before any plugin sees it. */
static void tokens_of_any_size_leave_the_workers_serving(void **state)
{
    static const struct {
        const char *label;
        const char *before; /* the token */
        const char *behind;
        size_t bytes;
        int status; /* 0: it may be cut off instead */
    } cases[] = {
        {"as much as a header holds", "GET / HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ",
         "\r\n\r\n", 8000, 401},
        {"more than a header holds", "GET / HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ",
         "\r\n\r\n", 9000, 400},
        {"as much as a target holds", "GET /?jwt=", " HTTP/1.1\r\nHost: a\r\n\r\n", 8000, 401},
        {"more than a target holds", "GET /?jwt=", " HTTP/1.1\r\nHost: a\r\n\r\n", 9000, 414},
        {"a cookie that is too large", "GET / HTTP/1.1\r\nHost: a\r\nCookie: jwt=", "\r\n\r\n",
         9000, 400},
        {"a megabyte", "GET / HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ", "\r\n\r\n",
         LARGE_BYTES, 0},
        {"eight megabytes", "GET / HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ", "\r\n\r\n",
         8 * LARGE_BYTES, 0},
        {"eight megabytes in the target", "GET /?jwt=", " HTTP/1.1\r\nHost: a\r\n\r\n",
         8 * LARGE_BYTES, 0},
    };

    (void)state;
    put("\"jwt-auth\": {}");
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        size_t before = origin_requests(upstream);
        connection own = {.fd = -1};
        char *token = malloc(cases[i].bytes);
        pid_t now[GATEWAY_WORKERS_MAX];

        assert_non_null(token);
        memset(token, 'A', cases[i].bytes);
        assert_true(connection_open(&own, running->port));
        if (connection_send(&own, cases[i].before, strlen(cases[i].before)) &&
            connection_send(&own, token, cases[i].bytes) &&
            connection_send(&own, cases[i].behind, strlen(cases[i].behind)) &&
            connection_receive(&own, false, &got)) {
            if (cases[i].status != 0 ? got.status != cases[i].status
                                     : got.status != 400 && got.status != 414) {
                fail_msg("%s: %d %s", cases[i].label, got.status, got.body);
            }
        } else if (cases[i].status != 0) {
            fail_msg("%s: %s", cases[i].label, own.error);
        }
        connection_close(&own);
        free(token);
        assert_int_equal(origin_requests(upstream), before);
        assert_int_equal(gateway_workers(running, now), worker_count);
        expect_known(cases[i].label, "/?jwt=" JWT_TOKEN, "", "jack", "of-jwt"); /* the same ones */
    }
}

/* ----------------------------------------------------------------------------- clashing keys */

/* The request that shows a key goes on as that consumer's, on every worker; NULL: as nobody's. */
static void expect_owner(const char *label, const char *headers, const char *consumer)
{
    for (size_t i = 0; i < worker_count; i++) {
        connection_request(&pinned[i], "GET", "/", headers, NULL, &got);
        if (consumer == NULL ? got.status != 401
                             : got.status != 200 ||
                                   strcmp(upstream_header("x-consumer-username"), consumer) != 0) {
            fail_msg("%s: worker %d: %d %s", label, (int)workers[i], got.status, got.body);
        }
    }
}

static void a_key_of_somebody_else_is_refused(void **state)
{
    static const struct {
        const char *label;
        const char *method;
        const char *path;
        const char *body;
        long status;
        const char *text;
        const char *owner; /* of the key, then; NULL: nobody */
    } steps[] = {
        {"two consumers: one", "PUT", "consumers/adam",
         "{\"username\": \"adam\", \"plugins\": {\"key-auth\": {\"key\": \"clash\"}}}", 201, "",
         "adam"},
        {"two consumers: the other", "PUT", "consumers/eve",
         "{\"username\": \"eve\", \"plugins\": {\"key-auth\": {\"key\": \"clash\"}}}", 400,
         "{\"error_msg\":\"duplicate key of plugin key-auth found with consumer: adam\"", "adam"},
        {"the other without it", "PUT", "consumers/eve", "{\"username\": \"eve\"}", 201, "",
         "adam"},
        {"a change of the other", "PUT", "consumers/eve",
         "{\"username\": \"eve\", \"plugins\": {\"key-auth\": {\"key\": \"clash\"}}}", 400,
         "duplicate key of plugin key-auth found with consumer: adam", "adam"},
        {"a credential of the other", "PUT", "consumers/eve/credentials/a",
         "{\"plugins\": {\"key-auth\": {\"key\": \"clash\"}}}", 400,
         "duplicate key of plugin key-auth found with consumer: adam", "adam"},
        {"an own credential", "PUT", "consumers/adam/credentials/a",
         "{\"plugins\": {\"key-auth\": {\"key\": \"clash\"}}}", 201, "", "adam"},
        {"the credential alone", "PUT", "consumers/adam", "{\"username\": \"adam\"}", 200, "",
         "adam"},
        {"two credentials of two consumers", "PUT", "consumers/eve/credentials/a",
         "{\"plugins\": {\"key-auth\": {\"key\": \"clash\"}}}", 400,
         "duplicate key of plugin key-auth found with credential: a of consumer: adam", "adam"},
        {"a consumer against a credential", "PUT", "consumers/eve",
         "{\"username\": \"eve\", \"plugins\": {\"key-auth\": {\"key\": \"clash\"}}}", 400,
         "duplicate key of plugin key-auth found with credential: a of consumer: adam", "adam"},
        {"PATCH of a consumer, which there is not", "PATCH", "consumers/eve",
         "{\"plugins\": {\"key-auth\": {\"key\": \"clash\"}}}", 405, "not supported `PATCH` method",
         "adam"},
        {"PATCH of a credential, which there is not", "PATCH", "consumers/eve/credentials/a",
         "{\"plugins\": {\"key-auth\": {\"key\": \"clash\"}}}", 405, "not supported `PATCH` method",
         "adam"},
        {"the same text for another plugin", "PUT", "consumers/eve",
         "{\"username\": \"eve\", \"plugins\": {\"basic-auth\": {\"username\": \"clash\","
         " \"password\": \"p\"}, \"jwt-auth\": {\"key\": \"clash\", \"secret\": \"s\"},"
         " \"hmac-auth\": {\"key_id\": \"clash\", \"secret_key\": \"s\"}}}",
         200, "", "adam"},
        {"basic-auth", "PUT", "consumers/adam/credentials/b",
         "{\"plugins\": {\"basic-auth\": {\"username\": \"clash\", \"password\": \"q\"}}}", 400,
         "duplicate username of plugin basic-auth found with consumer: eve", "adam"},
        {"jwt-auth", "PUT", "consumers/adam/credentials/b",
         "{\"plugins\": {\"jwt-auth\": {\"key\": \"clash\", \"secret\": \"t\"}}}", 400,
         "duplicate key of plugin jwt-auth found with consumer: eve", "adam"},
        {"hmac-auth", "PUT", "consumers/adam/credentials/b",
         "{\"plugins\": {\"hmac-auth\": {\"key_id\": \"clash\", \"secret_key\": \"t\"}}}", 400,
         "duplicate key_id of plugin hmac-auth found with consumer: eve", "adam"},
        {"a secret may be the same", "PUT", "consumers/adam/credentials/b",
         "{\"plugins\": {\"jwt-auth\": {\"key\": \"other\", \"secret\": \"s\"}}}", 201, "", "adam"},
        {"the owner goes", "DELETE", "consumers/adam", NULL, 200, "", NULL},
        {"and the key is free", "PUT", "consumers/eve/credentials/a",
         "{\"plugins\": {\"key-auth\": {\"key\": \"clash\"}}}", 201, "", "eve"},
        {"to the end", "DELETE", "consumers/eve", NULL, 200, "", NULL},
    };

    (void)state;
    put("\"key-auth\": {}");
    for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
        admin_reply reply = gateway_admin(running, steps[i].method, steps[i].path, steps[i].body);

        if (reply.status != steps[i].status || strstr(reply.text, steps[i].text) == NULL) {
            fail_msg("%s: %ld %s", steps[i].label, reply.status, reply.text);
        }
        admin_reply_done(&reply);
        expect_owner(steps[i].label, "apikey: clash\r\n", steps[i].owner);
    }
}

/* A plugin that finds consumers by another field, from its next version on, may find two by one
 * text: the one that was changed last counts, on every worker, and no write makes it worse. */
static void of_two_owners_of_a_key_the_last_changed_counts(void **state)
{
    char *second = author_build("consumer", "consumer", "'-DKEY_FIELD=\"role\"'");
    json_t *report;
    admin_reply reply;

    (void)state;
    gateway_put(running, "consumers/adam",
                "{\"username\": \"adam\", \"plugins\": {\"consumer\":"
                " {\"token\": \"one\", \"role\": \"same\"}}}");
    gateway_put(running, "consumers/eve",
                "{\"username\": \"eve\", \"plugins\": {\"consumer\":"
                " {\"token\": \"two\", \"role\": \"same\"}}}");
    put("\"consumer\": {}");
    expect_owner("by its token", "X-Token: one\r\n", "adam");
    expect_owner("by a role", "X-Token: same\r\n", NULL);
    author_copy(running, second, "consumer");
    report = gateway_reload(running);
    json_decref(report);
    expect_owner("by a token", "X-Token: one\r\n", NULL);
    expect_owner("by the role of both", "X-Token: same\r\n", "eve");
    reply = gateway_admin(running, "PUT", "consumers/eve",
                          "{\"username\": \"eve\", \"plugins\": {\"consumer\":"
                          " {\"token\": \"two\", \"role\": \"same\"}}}");
    assert_int_equal(reply.status, 400);
    assert_non_null(strstr(reply.text, "duplicate role of plugin consumer found with consumer: "
                                       "adam"));
    admin_reply_done(&reply);
    expect_owner("after a refused write", "X-Token: same\r\n", "eve");
    gateway_put(running, "consumers/eve",
                "{\"username\": \"eve\", \"plugins\": {\"consumer\":"
                " {\"token\": \"two\", \"role\": \"other\"}}}");
    expect_owner("one of them gone", "X-Token: same\r\n", "adam");
    expect_owner("the other one", "X-Token: other\r\n", "eve");
    put("\"key-auth\": {}");
    gateway_delete(running, "consumers/adam");
    gateway_delete(running, "consumers/eve");
    free(second);
}

/* -------------------------------------------------------------------------- several plugins */

static void all_plugins_of_a_route_have_to_know_the_request(void **state)
{
    static const char all[] = "\"key-auth\": {}, \"basic-auth\": {},"
                              " \"jwt-auth\": {\"header\": \"X-Token\"}";

    (void)state;
    put(all);
    /* The last one counts: that of the lowest priority. */
    expect_known("all", "/?jwt=" JWT_TOKEN, BASIC_LINE "apikey: key-secret-of-rose\r\n", "rose",
                 "");
    expect_refused("without a key", "/?jwt=" JWT_TOKEN, BASIC_LINE, "Missing API key in request");
    expect_refused("without a token", "/", BASIC_LINE KEY_LINE, "Missing JWT token in request");
    expect_refused("without a password", "/?jwt=" JWT_TOKEN, KEY_LINE,
                   "Missing authorization in request");
}

static void one_of_several_is_enough_for_multi_auth(void **state)
{
    (void)state;
    put("\"multi-auth\": {\"auth_plugins\": [{\"key-auth\": {}}, {\"basic-auth\": {}},"
        " {\"jwt-auth\": {\"hide_credentials\": true}},"
        " {\"hmac-auth\": {" ANY_TIME ", \"validate_request_body\": true}}]}");
    expect_known("key", "/", KEY_LINE, "jack", "of-key");
    expect_known("password", "/", BASIC_LINE, "jack", "of-basic");
    expect_known("token", "/", "Authorization: " JWT_TOKEN "\r\n", "jack", "of-jwt");
    assert_string_equal(upstream_header("authorization"), "");
    expect_refused("a body without its digest", HMAC_TARGET, HMAC_LINES, "Authorization Failed");
    expect_refused("nothing", "/", "", "Authorization Failed");
    assert_non_null(strstr(got.head, "WWW-Authenticate: apikey realm=\"key\"\r\n"
                                     "WWW-Authenticate: Basic realm=\"basic\"\r\n"
                                     "WWW-Authenticate: Bearer realm=\"jwt\"\r\n"
                                     "WWW-Authenticate: hmac realm=\"hmac\"\r\n"));
}

static void consumers_are_restricted(void **state)
{
    (void)state;
    put("\"key-auth\": {}, \"consumer-restriction\":"
        " {\"type\": \"consumer_group_id\", \"whitelist\": [\"crew\"]}");
    expect_known("of the group", "/", KEY_LINE, "jack", "of-key");
    connection_request(&pinned[0], "GET", "/", "apikey: key-secret-of-rose\r\n", NULL, &got);
    assert_int_equal(got.status, 401);
    put("\"key-auth\": {}, \"consumer-restriction\": {\"blacklist\": [\"rose\"]}");
    connection_request(&pinned[0], "GET", "/", "apikey: key-secret-of-rose\r\n", NULL, &got);
    assert_int_equal(got.status, 403);
    assert_string_equal(got.body, "{\"message\":\"The consumer_name is forbidden.\"}\n");
}

/* ---------------------------------------------------------------------------------- changes */

static void a_change_counts_for_the_next_request(void **state)
{
    (void)state;
    put("\"basic-auth\": {}");
    for (int i = 0; i < 5; i++) {
        gateway_put(running, "consumers/jack/credentials/of-basic",
                    "{\"plugins\": {\"basic-auth\": {\"username\": \"basic-user\","
                    " \"password\": \"another\"}}}");
        expect_refused("another password", "/", BASIC_LINE, "Invalid user authorization");
        gateway_put(running, "consumers/jack/credentials/of-basic",
                    "{\"plugins\": {\"basic-auth\": {\"username\": \"basic-user\","
                    " \"password\": \"basic-secret-of-jack\"}}}");
        expect_known("the old one", "/", BASIC_LINE, "jack", "of-basic");
    }
}

static void reload_refused(const char *why)
{
    admin_reply reply = gateway_admin(running, "PUT", "plugins/reload", NULL);

    if (reply.status != 409 || strstr(reply.text, why) == NULL) {
        fail_msg("wanted \"%s\": %ld %s", why, reply.status, reply.text);
    }
    admin_reply_done(&reply);
}

/* A configuration inside that of another plugin is in use like any other. */
static void a_reload_takes_part_of_what_stands_inside(void **state)
{
    char *path = gateway_path(running, "plugins/version.so");
    admin_reply reply;
    char *second;

    (void)state;
    gateway_put(running, "routes/inside",
                "{\"uri\": \"/inside\", \"plugins\": {\"delegate\": {\"ends\": true,"
                " \"inside\": [{\"version\": {\"number\": 50}}]}},"
                " \"upstream\": {\"nodes\": {\"127.0.0.1:%u\": 1}}}",
                origin_port(upstream));
    connection_request(&pinned[0], "GET", "/inside", "", NULL, &got);
    assert_int_equal(got.status, 418);
    assert_string_equal(response_header(&got, "X-Inside"), "1.0.0");
    second = author_build("version", "version", "-DSECOND"); /* takes numbers up to 10 */
    author_copy(running, second, "version");
    reload_refused("/routes/inside");
    assert_int_equal(unlink(path), 0);
    reload_refused("routes/inside");
    connection_request(&pinned[0], "GET", "/inside", "", NULL, &got);
    assert_int_equal(got.status, 418);
    gateway_put(running, "routes/inside",
                "{\"uri\": \"/inside\", \"plugins\": {\"delegate\": {\"ends\": true,"
                " \"inside\": [{\"version\": {\"number\": 5}}]}},"
                " \"upstream\": {\"nodes\": {\"127.0.0.1:%u\": 1}}}",
                origin_port(upstream));
    author_copy(running, second, "version");
    reply = gateway_admin(running, "PUT", "plugins/reload?force=true", NULL); /* it was refused */
    assert_int_equal(reply.status, 200);
    admin_reply_done(&reply);
    connection_request(&pinned[0], "GET", "/inside", "", NULL, &got);
    assert_int_equal(got.status, 418);
    assert_string_equal(response_header(&got, "X-Inside"), "2.0.0");
    gateway_delete(running, "routes/inside");
    free(second);
    free(path);
}

/* ---------------------------------------------------------------------------------- secrets */

static void no_secret_is_shown_or_logged(void **state)
{
    static const char *const secrets[] = {"key-secret-of-jack", "basic-secret-of-jack",
                                          "jwt-secret-of-jack", HMAC_SECRET};
    static const char *const names[] = {"of-key", "of-basic", "of-jwt", "of-hmac"};
    static const char *const logs[] = {"error.log", "control.log"};
    connection admin = {.fd = -1};

    (void)state;
    assert_true(connection_open(&admin, running->admin_port));
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        char target[128];

        (void)snprintf(target, sizeof(target), "/apisix/admin/consumers/jack/credentials/%s",
                       names[i]);
        connection_request(&admin, "GET", target, "X-API-KEY: " GATEWAY_KEY "-viewer\r\n", NULL,
                           &got);
        if (got.status != 200 || strstr(got.body, secrets[i]) != NULL ||
            strstr(got.body, "***") == NULL) {
            fail_msg("%s: %d %s", names[i], got.status, got.body);
        }
    }
    connection_close(&admin);
    /* Also what is refused: the text says where, not what. */
    {
        admin_reply reply =
            gateway_admin(running, "PUT", "consumers/bad",
                          "{\"username\": \"bad\", \"plugins\": {\"jwt-auth\": {\"key\": \"a\","
                          " \"base64_secret\": true, \"secret\": \"" HMAC_SECRET "\"}}}");

        assert_int_equal(reply.status, 400);
        assert_null(strstr(reply.text, HMAC_SECRET));
        admin_reply_done(&reply);
    }
    put("\"basic-auth\": {}");
    expect_refused("logged", "/", "Authorization: Basic YmFzaWMtdXNlcjpubw==\r\n",
                   "Invalid user authorization");
    for (size_t i = 0; i < ARRAY_SIZE(logs); i++) {
        char *text = gateway_log(running, logs[i]);

        for (size_t k = 1; k < ARRAY_SIZE(secrets); k++) { /* a key in a query is in the request */
            if (strstr(text, secrets[k]) != NULL) {
                fail_msg("%s: %s", logs[i], secrets[k]);
            }
        }
        free(text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_plugin_knows_a_consumer_by_a_credential),
        cmocka_unit_test(credentials_are_hidden_from_the_upstream),
        cmocka_unit_test(who_is_not_known_is_the_anonymous_consumer),
        cmocka_unit_test(bad_tokens_are_refused),
        cmocka_unit_test(tokens_of_any_size_leave_the_workers_serving),
        cmocka_unit_test(a_key_of_somebody_else_is_refused),
        cmocka_unit_test(of_two_owners_of_a_key_the_last_changed_counts),
        cmocka_unit_test(all_plugins_of_a_route_have_to_know_the_request),
        cmocka_unit_test(one_of_several_is_enough_for_multi_auth),
        cmocka_unit_test(consumers_are_restricted),
        cmocka_unit_test(a_change_counts_for_the_next_request),
        cmocka_unit_test(a_reload_takes_part_of_what_stands_inside),
        cmocka_unit_test(no_secret_is_shown_or_logged),
    };

    return report(cmocka_run_group_tests(tests, set_up, tear_down));
}
