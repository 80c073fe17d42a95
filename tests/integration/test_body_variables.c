/* tests/integration/test_body_variables.c - variables that stand in a request's body, through
 * nginx: however the body comes, and whoever asks. */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <curl/curl.h>

#include "tests/integration/author.h"
#include "tests/integration/certificates.h"
#include "tests/integration/command.h"
#include "tests/integration/gateway.h"
#include "tests/integration/origin.h"
#include "tests/unit/unit.h"

#define FORM        "Content-Type: application/x-www-form-urlencoded\r\n"
#define JSON        "Content-Type: application/json\r\n"
#define MIB         (1u << 20) /* apisix.max_post_args_readable_size of this gateway */
#define GRAPHQL_MAX 200u
#define MANY        100u
#define SERVED_MS   2000

static gateway *running;
static origin *upstream;
static char *folder; /* of the certificates */
static response got;
static connection one;

static int set_up(void **state)
{
    (void)state;
    upstream = origin_start();
    folder = authority_make();
    certificate_make(folder, "a", "ec", "DNS:localhost");
    running = gateway_make(&(gateway_options){
        .workers = 1,
        .apisix = "max_post_args_readable_size: 1",
        .settings = "graphql: {max_size: 200}",
        .environment = "MALLOC_PERTURB_=200", /* what was freed shows */
    });
    author_install(running, "mark", "mark", "");
    author_install(running, "waits", "waits", "");
    gateway_start(running);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    response_done(&got);
    gateway_free(running);
    folder_remove(folder);
    origin_stop(upstream);
    return 0;
}

static int open_one(void **state)
{
    (void)state;
    one = (connection){.fd = -1};
    return connection_open(&one, running->port) ? 0 : -1;
}

static int close_one(void **state)
{
    (void)state;
    connection_close(&one);
    return 0;
}

/* A route /NAME, or of its own path with what `members` says. */
static void put(const char *name, const char *members, const char *plugins)
{
    char *key = text_format("routes/%s", name);

    gateway_put(running, key,
                "{\"uri\": \"/%s\", %s \"plugins\": {%s},"
                " \"upstream\": {\"nodes\": {\"127.0.0.1:%u\": 1}}}",
                name, members, plugins, origin_port(upstream));
    free(key);
}

/* A member of what the upstream got. */
static json_t *upstream_got(const char *member)
{
    json_t *echo = json_loads(got.body == NULL ? "" : got.body, 0, NULL);
    json_t *value = json_incref(json_object_get(echo, member));

    if (value == NULL) {
        fail_msg("no echo: %d %.200s", got.status, got.body);
    }
    json_decref(echo);
    return value;
}

static size_t upstream_length(void)
{
    json_t *length = upstream_got("body_length");
    size_t value = (size_t)json_integer_value(length);

    json_decref(length);
    return value;
}

static void expect_header(const char *label, const char *name, const char *value)
{
    const char *found = response_header(&got, name);

    if (found == NULL ? value != NULL : value == NULL || strcmp(found, value) != 0) {
        fail_msg("%s: %d, %s is \"%s\"", label, got.status, name, found == NULL ? "" : found);
    }
}

static void nothing_is_left(void)
{
    WAIT_UNTIL(gateway_sum(running, "requests_live") == 0);
    assert_int_equal(gateway_sum(running, "requests_parked"), 0);
}

/* "a=1&b=xxx...", of that length. */
static char *form_of(size_t length)
{
    char *text = malloc(length + 1);

    assert_non_null(text);
    memset(text, 'x', length);
    memcpy(text, "a=1&b=", 6);
    text[length] = '\0';
    return text;
}

/* ------------------------------------------------------------------------- ways of a body */

/* What the route /ways answers if it has found its variable. */
#define WAYS                                                                                       \
    "\"mark\": {\"text\": \"found\", \"_meta\": {\"filter\": [[\"post_arg_a\", \"==\", \"1\"]]}}," \
    "\"response-rewrite\": {\"headers\": {\"set\": {\"X-Late\": \"<$post_arg_a>\"}}}"

static void bodies_of_all_lengths_are_read_and_sent_on(void **state)
{
    static const size_t lengths[] = {7, 1000, 20000, MIB}; /* the last two in a temporary file */

    (void)state;
    put("ways", "", WAYS);
    for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
        char *text = form_of(lengths[i]);

        for (unsigned again = 0; again < 2; again++) { /* the connection stays usable */
            connection_request(&one, "POST", "/ways", FORM, text, &got);
            assert_int_equal(got.status, 200);
            expect_header("length", "X-Mark", "found");
            expect_header("length", "X-Late", "<1>");
            assert_int_equal(upstream_length(), lengths[i]);
        }
        free(text);
    }
    connection_request(&one, "POST", "/ways", FORM, "a=2", &got);
    expect_header("another value", "X-Mark", NULL);
    expect_header("another value", "X-Late", "<2>");
    connection_request(&one, "POST", "/ways", FORM, "", &got);
    expect_header("an empty one", "X-Late", "<>");
    connection_request(&one, "GET", "/ways", FORM, NULL, &got);
    expect_header("none", "X-Late", "<>");
    nothing_is_left();
}

static void send_all(const char *text, size_t length)
{
    if (!connection_send(&one, text, length)) {
        fail_msg("%s", one.error);
    }
}

static void bodies_in_pieces_are_waited_for(void **state)
{
    static const char head[] =
        "POST /ways HTTP/1.1\r\nHost: a\r\n" FORM "Content-Length: 7\r\n\r\n";
    static const char chunked[] =
        "POST /ways HTTP/1.1\r\nHost: a\r\n" FORM "Transfer-Encoding: chunked\r\n\r\n";
    static const char body[] = "a=1&b=2";
    static const char *const chunks[] = {"3\r\na=", "1\r\n", "4\r\n&b=2\r", "\n0\r\n", "\r\n"};

    (void)state;
    send_all(head, sizeof(head) - 1);
    for (size_t i = 0; i < sizeof(body) - 1; i++) {
        send_all(body + i, 1);
        (void)poll(NULL, 0, 2); /* a segment each */
    }
    assert_true(connection_receive(&one, false, &got));
    expect_header("byte by byte", "X-Mark", "found");
    send_all(chunked, sizeof(chunked) - 1);
    for (size_t i = 0; i < ARRAY_SIZE(chunks); i++) {
        send_all(chunks[i], strlen(chunks[i]));
        (void)poll(NULL, 0, 2);
    }
    assert_true(connection_receive(&one, false, &got));
    expect_header("chunks", "X-Mark", "found");
    expect_header("chunks", "X-Late", "<1>");
    assert_int_equal(upstream_length(), 7);
    /* All of it in one segment, and the next request behind it. */
    send_all(
        "POST /ways HTTP/1.1\r\nHost: a\r\n" FORM "Content-Length: 3\r\n\r\na=1"
        "POST /ways HTTP/1.1\r\nHost: a\r\n" FORM "Content-Length: 3\r\n\r\na=2",
        2 * (strlen("POST /ways HTTP/1.1\r\nHost: a\r\n" FORM "Content-Length: 3\r\n\r\n") + 3));
    assert_true(connection_receive(&one, false, &got));
    expect_header("the first of two", "X-Late", "<1>");
    assert_true(connection_receive(&one, false, &got));
    expect_header("the second of two", "X-Late", "<2>");
}

/* Reads what the gateway says before it has the body. */
static void expect_continue(void)
{
    char text[64] = "";
    size_t length = 0;

    while (strstr(text, "\r\n\r\n") == NULL && length < sizeof(text) - 1) {
        long received = connection_read(&one, text + length, 1);

        assert_true(received > 0);
        length += (size_t)received;
    }
    assert_string_equal(text, "HTTP/1.1 100 Continue\r\n\r\n");
}

static void a_client_that_waits_is_told_to_go_on(void **state)
{
    static const char *const paths[] = {"/ways", "/go"};

    (void)state;
    put("go", "\"vars\": [[\"post_arg_a\", \"==\", \"1\"]],", "");
    for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
        char *head = text_format("POST %s HTTP/1.1\r\nHost: a\r\n" FORM
                                 "Content-Length: 3\r\nExpect: 100-continue\r\n\r\n",
                                 paths[i]);

        send_all(head, strlen(head));
        expect_continue();
        send_all("a=1", 3);
        assert_true(connection_receive(&one, false, &got));
        assert_int_equal(got.status, 200);
        assert_int_equal(upstream_length(), 3);
        free(head);
    }
}

static size_t take(char *data, size_t size, size_t count, void *context)
{
    char **text = context;
    size_t length = strlen(*text);
    char *grown = realloc(*text, length + size * count + 1);

    if (grown == NULL) {
        return 0;
    }
    memcpy(grown + length, data, size * count);
    grown[length + size * count] = '\0';
    *text = grown;
    return size * count;
}

static size_t give(char *into, size_t size, size_t count, void *context)
{
    const char **rest = context;
    size_t length = strlen(*rest);

    length = length < size * count ? length : size * count;
    length = length < 1000 ? length : 1000;
    memcpy(into, *rest, length);
    *rest += length;
    return length;
}

/* POSTs over HTTP/2; the headers of the response, the caller's. */
static char *post_http2(const char *path, const char *body, bool with_length, long *out_status)
{
    char *url = text_format("https://localhost:%u%s", running->tls_port, path);
    char *authority = text_format("%s/ca.pem", folder);
    char *headers = strdup("");
    struct curl_slist *lines =
        curl_slist_append(NULL, "Content-Type: application/x-www-form-urlencoded");
    CURL *curl = curl_easy_init();
    long version = 0;
    CURLcode code;

    assert_non_null(curl);
    got.body = got.body == NULL ? strdup("") : (got.body[0] = '\0', got.body);
    (void)curl_easy_setopt(curl, CURLOPT_URL, url);
    (void)curl_easy_setopt(curl, CURLOPT_CAINFO, authority);
    (void)curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_2TLS);
    (void)curl_easy_setopt(curl, CURLOPT_HTTPHEADER, lines);
    (void)curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
    (void)curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(curl, CURLOPT_TIMEOUT, 20L);
    (void)curl_easy_setopt(curl, CURLOPT_POST, 1L);
    if (with_length) {
        (void)curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)strlen(body));
    }
    (void)curl_easy_setopt(curl, CURLOPT_READFUNCTION, give);
    (void)curl_easy_setopt(curl, CURLOPT_READDATA, &body);
    (void)curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, take);
    (void)curl_easy_setopt(curl, CURLOPT_HEADERDATA, &headers);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEDATA, &got.body);
    code = curl_easy_perform(curl);
    if (code != CURLE_OK) {
        fail_msg("HTTP/2: %s", curl_easy_strerror(code));
    }
    (void)curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, out_status);
    (void)curl_easy_getinfo(curl, CURLINFO_HTTP_VERSION, &version);
    assert_int_equal(version, CURL_HTTP_VERSION_2_0);
    curl_easy_cleanup(curl);
    curl_slist_free_all(lines);
    free(authority);
    free(url);
    return headers;
}

static void bodies_of_http2_are_read(void **state)
{
    static const size_t lengths[] = {7, 20000, 300000};
    json_t *certificate = certificate_json(folder, "a");
    char *text;

    (void)state;
    (void)json_object_set_new(certificate, "snis", json_pack("[s]", "localhost"));
    text = json_dumps(certificate, 0);
    gateway_put(running, "ssls/a", "%s", text);
    json_decref(certificate);
    free(text);
    for (size_t i = 0; i < 2 * ARRAY_SIZE(lengths); i++) {
        char *body = form_of(lengths[i / 2]);
        long status = 0;
        char *headers = post_http2("/ways", body, i % 2 == 0, &status);

        assert_int_equal(status, 200);
        if (strstr(headers, "x-mark: found\r\n") == NULL ||
            strstr(headers, "x-late: <1>\r\n") == NULL) {
            fail_msg("%zu bytes: %s", lengths[i / 2], headers);
        }
        assert_int_equal(upstream_length(), lengths[i / 2]);
        free(headers);
        free(body);
    }
    nothing_is_left();
}

/* ------------------------------------------------------------------------------ who may ask */

static void a_filter_keeps_echo_and_authentication_away(void **state)
{
    (void)state;
    put("echo", "",
        "\"echo\": {\"body\": \"hidden\", \"_meta\": {\"filter\": "
        "[[\"post_arg.mode\", \"==\", \"quiet\"]]}}");
    connection_request(&one, "POST", "/echo", JSON, "{\"mode\": \"quiet\"}", &got);
    assert_string_equal(got.body, "hidden");
    connection_request(&one, "POST", "/echo", JSON, "{\"mode\": \"loud\"}", &got);
    assert_int_equal(upstream_length(), 16);
    connection_request(&one, "POST", "/echo", FORM, "mode=quiet", &got);
    assert_string_equal(got.body, "hidden");

    put("auth", "",
        "\"key-auth\": {\"_meta\": {\"filter\": [[\"post_arg.guest\", \"~=\", true]]}}");
    connection_request(&one, "POST", "/auth", JSON, "{\"guest\": true}", &got);
    assert_int_equal(got.status, 200);
    connection_request(&one, "POST", "/auth", JSON, "{\"guest\": false}", &got);
    assert_int_equal(got.status, 401);
    connection_request(&one, "POST", "/auth", JSON, "{\"guest\": true", &got);
    assert_int_equal(got.status, 401);
    gateway_wait_log(running, "logs/error.log", "post_arg: the request's body is no JSON: byte 15");
}

static void a_plugin_that_waits_has_such_a_filter_too(void **state)
{
    (void)state;
    put("waiting", "",
        "\"waits\": {\"for\": \"sleep\", \"time\": \"10ms\", \"phase\": \"before_proxy\","
        " \"_meta\": {\"filter\": [[\"post_arg_a\", \"==\", \"1\"]]}}");
    connection_request(&one, "POST", "/waiting", FORM, "a=1", &got);
    assert_non_null(response_header(&got, "X-Waited"));
    assert_int_equal(upstream_length(), 3);
    connection_request(&one, "POST", "/waiting", FORM, "a=2", &got);
    assert_null(response_header(&got, "X-Waited"));
    put("waiting", "",
        "\"waits\": {\"for\": \"body\", \"_meta\": {\"filter\": [[\"post_arg_a\", \"==\", "
        "\"1\"]]}}");
    connection_request(&one, "POST", "/waiting", FORM, "a=1", &got);
    assert_non_null(strstr(response_header(&got, "X-Waited"), "\"status\": 0, \"length\": 3"));
    assert_int_equal(upstream_length(), 3);
}

static void a_global_rule_asks_for_every_request(void **state)
{
    (void)state;
    gateway_put(running, "global_rules/g",
                "{\"plugins\": {\"response-rewrite\": {\"headers\": {\"set\":"
                " {\"X-Global\": \"<$post_arg_a>\"}}}, \"mark\": {\"text\": \"global\","
                " \"_meta\": {\"filter\": [[\"post_arg_a\", \"==\", \"7\"]]}}}}");
    put("plain", "", "");
    connection_request(&one, "POST", "/plain", FORM, "a=7", &got);
    assert_int_equal(got.status, 200);
    expect_header("a global rule", "X-Global", "<7>");
    expect_header("a global rule", "X-Mark", "global");
    connection_request(&one, "POST", "/nowhere", FORM, "a=7", &got);
    assert_int_equal(got.status, 404);
    expect_header("without a route", "X-Mark", "global");
    gateway_delete(running, "global_rules/g");
}

static void a_consumer_s_plugin_asks_after_its_authentication(void **state)
{
    (void)state;
    gateway_put(running, "consumers/jack",
                "{\"username\": \"jack\", \"plugins\": {\"key-auth\": {\"key\": \"jacks\"},"
                " \"mark\": {\"text\": \"jack's\", \"_meta\": {\"filter\":"
                " [[\"post_arg_a\", \"==\", \"1\"]]}}}}");
    put("members", "", "\"key-auth\": {}");
    connection_request(&one, "POST", "/members", FORM "apikey: jacks\r\n", "a=1", &got);
    expect_header("jack", "X-Mark", "jack's");
    connection_request(&one, "POST", "/members", FORM "apikey: jacks\r\n", "a=2", &got);
    assert_int_equal(got.status, 200);
    expect_header("jack", "X-Mark", NULL);
}

static void requests_are_counted_by_a_field_of_the_body(void **state)
{
    (void)state;
    put("counted", "",
        "\"limit-count\": {\"count\": 2, \"time_window\": 600, \"rejected_code\": 429,"
        " \"key_type\": \"var\", \"key\": \"post_arg_user\"}");
    for (unsigned i = 0; i < 3; i++) {
        connection_request(&one, "POST", "/counted", FORM, "user=jack", &got);
        assert_int_equal(got.status, i < 2 ? 200 : 429);
    }
    connection_request(&one, "POST", "/counted", FORM, "user=rose", &got);
    assert_int_equal(got.status, 200);
    put("combined", "",
        "\"limit-count\": {\"count\": 1, \"time_window\": 600, \"rejected_code\": 429,"
        " \"key_type\": \"var_combination\", \"key\": \"${post_arg.user.name} $uri\"}");
    connection_request(&one, "POST", "/combined", JSON, "{\"user\": {\"name\": \"jack\"}}", &got);
    assert_int_equal(got.status, 200);
    connection_request(&one, "POST", "/combined", JSON, "{\"user\": {\"name\":\"j\\u0061ck\"}}",
                       &got);
    assert_int_equal(got.status, 429);
    connection_request(&one, "POST", "/combined", JSON, "{\"user\": {\"name\": \"rose\"}}", &got);
    assert_int_equal(got.status, 200);
}

static void logs_and_headers_hold_values_of_the_body(void **state)
{
    char *path = gateway_path(running, "logged");

    (void)state;
    assert_int_equal(mkdir(path, 0700), 0);
    assert_int_equal(chmod(path, 0777), 0); /* workers run as a user of their own */
    free(path);
    gateway_put(running, "plugin_metadata/file-logger",
                "{\"log_format\": {\"model\": \"$post_arg.model\", \"tags\": \"$post_arg.tags\"}}");
    put("logged", "",
        "\"file-logger\": {\"path\": \"logged/body.json\"},"
        "\"proxy-rewrite\": {\"headers\": {\"set\": {\"X-Model\": \"${post_arg.model}\"}}}");
    connection_request(&one, "POST", "/logged", JSON,
                       "{\"model\": \"gpt\", \"tags\": [1, \"a\"], \"stream\": true}", &got);
    assert_int_equal(got.status, 200);
    assert_non_null(strstr(got.body, "\"x-model\":\"gpt\""));
    gateway_wait_log(running, "logged/body.json", "\"model\":\"gpt\"");
    gateway_wait_log(running, "logged/body.json", "\"tags\":\"[1,\\\"a\\\"]\"");
    gateway_delete(running, "plugin_metadata/file-logger");
}

/* ------------------------------------------------------------------------------------ routes */

static void route_put(const char *id, const char *vars)
{
    char *key = text_format("routes/%s", id);

    gateway_put(running, key,
                "{\"uri\": \"/by\", \"vars\": %s, \"plugins\": {\"mark\": {\"text\": \"%s\"}},"
                " \"upstream\": {\"nodes\": {\"127.0.0.1:%u\": 1}}}",
                vars, id, origin_port(upstream));
    free(key);
}

static void routes_are_chosen_by_graphql_and_by_paths(void **state)
{
    static const struct {
        const char *label;
        const char *method;
        const char *target;
        const char *headers;
        const char *body;
        const char *route; /* NULL: none */
    } cases[] = {
        {"a name", "POST", "/by", "Content-Type: application/graphql\r\n",
         "query repo {owner {name}}", "name"},
        {"a mutation", "POST", "/by", "", "mutation {create {id}}", "operation"},
        {"a root field in JSON", "POST", "/by", JSON, "{\"query\": \"{x: secret {id}}\"}", "field"},
        {"in a fragment", "POST", "/by", JSON,
         "{\"query\": \"{...F} fragment F on Query {secret}\"}", "field"},
        {"GET", "GET", "/by?query=query+repo+%7Bowner%7D", "", NULL, "name"},
        {"something else", "POST", "/by", "", "{a}", NULL},
        {"no GraphQL", "POST", "/by", "", "AA", NULL},
        {"an image", "POST", "/by", JSON,
         "{\"messages\":[{\"content\":[{\"type\":\"text\"},{\"type\":\"image_url\"}]}]}", "image"},
        {"no image", "POST", "/by", JSON, "{\"messages\":[{\"content\":[{\"type\":\"text\"}]}]}",
         NULL},
        {"parts", "POST", "/by", "Content-Type: multipart/form-data; boundary=testboundary\r\n",
         "--testboundary\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nopenai\r\n"
         "--testboundary--\r\n",
         "model"},
        {"a form", "POST", "/by", FORM, "model=openai", "model"},
        {"JSON", "POST", "/by", JSON, "{\"model\":\"openai\"}", "model"},
    };

    (void)state;
    route_put("name", "[[\"graphql_name\", \"==\", \"repo\"]]");
    route_put("operation", "[[\"graphql_operation\", \"==\", \"mutation\"]]");
    route_put("field", "[[\"graphql_root_fields\", \"has\", \"secret\"]]");
    route_put("image", "[[\"post_arg.messages[*].content[*].type\", \"has\", \"image_url\"]]");
    route_put("model", "[[\"post_arg.model\", \"==\", \"openai\"]]");
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        connection_request(&one, cases[i].method, cases[i].target, cases[i].headers, cases[i].body,
                           &got);
        if (got.status != (cases[i].route == NULL ? 404 : 200)) {
            fail_msg("%s: %d", cases[i].label, got.status);
        }
        if (cases[i].route != NULL) {
            expect_header(cases[i].label, "X-Mark", cases[i].route);
            assert_int_equal(upstream_length(), cases[i].body == NULL ? 0 : strlen(cases[i].body));
        }
    }
    gateway_wait_log(running, "logs/error.log",
                     "failed to parse graphql: syntax error near line 1");
}

static void others_are_served_while_many_bodies_are_slow(void **state)
{
    static const char head[] =
        "POST /slow HTTP/1.1\r\nHost: a\r\n" FORM "Content-Length: 10\r\n\r\na=1&b";
    connection *slow = calloc(MANY, sizeof(*slow));

    (void)state;
    assert_non_null(slow);
    put("slow", "\"vars\": [[\"post_arg_a\", \"==\", \"1\"]],", WAYS);
    put("free", "", "");
    for (size_t i = 0; i < MANY; i++) {
        slow[i].fd = -1;
        assert_true(connection_open(&slow[i], running->port));
        assert_true(connection_send(&slow[i], head, sizeof(head) - 1));
    }
    WAIT_UNTIL(gateway_sum(running, "requests_parked") == MANY);
    for (size_t i = 0; i < 20; i++) {
        int64_t began_ms = clock_ms();

        connection_request(&one, "POST", "/ways", FORM, "a=1", &got);
        assert_int_equal(got.status, 200);
        expect_header("meanwhile", "X-Mark", "found");
        connection_request(&one, "GET", "/free", "", NULL, &got);
        assert_int_equal(got.status, 200);
        assert_true(clock_ms() - began_ms < SERVED_MS);
    }
    for (size_t i = 0; i < MANY; i++) {
        assert_true(connection_send(&slow[i], "=2345", i % 2 == 0 ? 5 : 4));
    }
    for (size_t i = 0; i < MANY; i += 2) { /* the others go away without their last byte */
        assert_true(connection_receive(&slow[i], false, &got));
        assert_int_equal(got.status, 200);
        expect_header("slow", "X-Late", "<1>");
        assert_int_equal(upstream_length(), 10);
    }
    for (size_t i = 0; i < MANY; i++) {
        struct linger at_once = {.l_onoff = 1}; /* a reset instead of an end */

        if (i % 4 == 1) {
            (void)setsockopt(slow[i].fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
        }
        connection_close(&slow[i]);
    }
    free(slow);
    nothing_is_left();
}

/* The route that asks is gone when the body is here; another one takes its place. */
static void a_route_that_changes_meanwhile_counts_as_it_is(void **state)
{
    static const char head[] =
        "POST /change HTTP/1.1\r\nHost: a\r\n" FORM "Content-Length: 3\r\n\r\n";

    (void)state;
    put("change", "\"vars\": [[\"post_arg_a\", \"==\", \"1\"]],", "\"mark\": {\"text\": \"old\"}");
    send_all(head, sizeof(head) - 1);
    WAIT_UNTIL(gateway_sum(running, "requests_parked") == 1);
    put("change", "\"vars\": [[\"post_arg_a\", \"==\", \"2\"]],", "\"mark\": {\"text\": \"new\"}");
    json_decref(gateway_reload(running));
    send_all("a=2", 3);
    assert_true(connection_receive(&one, false, &got));
    expect_header("changed", "X-Mark", "new");
}

/* ------------------------------------------------------------------------ what goes wrong */

static void a_body_over_the_limit_is_sent_on_and_not_known(void **state)
{
    char *text = form_of(MIB + 1);
    char *document = text_format("{a %*s}", (int)GRAPHQL_MAX, "");

    (void)state;
    put("limit", "", "\"key-auth\": {\"_meta\": {\"filter\": [[\"post_arg_a\", \"~=\", \"1\"]]}}");
    connection_request(&one, "POST", "/limit", FORM, text + 1, &got);
    assert_int_equal(got.status, 401); /* "=1&b=" and more: as much as may be */
    connection_request(&one, "POST", "/limit", FORM, text, &got);
    assert_int_equal(got.status, 401); /* what it says is not looked at */
    put("limit", "", WAYS);
    connection_request(&one, "POST", "/limit", FORM, text, &got);
    assert_int_equal(got.status, 200);
    expect_header("over the limit", "X-Mark", "found");
    expect_header("over the limit", "X-Late", "<>");
    assert_int_equal(upstream_length(), MIB + 1);
    gateway_wait_log(running, "logs/error.log", "larger than apisix.max_post_args_readable_size");
    put("limit", "\"vars\": [[\"post_arg_a\", \"~=\", \"2\"]],", "");
    connection_request(&one, "POST", "/limit", FORM, text, &got);
    assert_int_equal(got.status, 404);

    put("limit", "\"vars\": [[\"graphql_operation\", \"==\", \"query\"]],", "");
    connection_request(&one, "POST", "/limit", "", "{a}", &got);
    assert_int_equal(got.status, 200);
    connection_request(&one, "POST", "/limit", "", document, &got);
    assert_int_equal(got.status, 404);
    gateway_wait_log(running, "logs/error.log", "larger than graphql.max_size, 200 bytes");
    free(document);
    free(text);
}

/* What one sends may not become the next request on its connection, whoever has read it. */
static void malformed_bodies_are_answered_with_400(void **state)
{
    static const char *const paths[] = {"/ways", "/bad-route", "/bad-waits"};
    static const char *const bodies[] = {
        "zz\r\nGET /free HTTP/1.1\r\nHost: a\r\n\r\n",
        "3\r\na=1\r\nzz\r\nGET /free HTTP/1.1\r\nHost: a\r\n\r\n",
    };

    (void)state;
    put("bad-route", "\"vars\": [[\"post_arg_a\", \"==\", \"1\"]],", "");
    put("bad-waits", "", "\"waits\": {\"for\": \"body\", \"answers\": true}");
    for (size_t i = 0; i < 2 * ARRAY_SIZE(paths) * ARRAY_SIZE(bodies); i++) {
        const char *path = paths[i / 2 % ARRAY_SIZE(paths)];
        const char *body = bodies[i / 2 / ARRAY_SIZE(paths)];
        char *head = text_format(
            "POST %s HTTP/1.1\r\nHost: a\r\n" FORM "Transfer-Encoding: chunked\r\n\r\n", path);
        char rest[256];

        connection_close(&one);
        assert_true(connection_open(&one, running->port));
        if (i % 2 == 0) { /* in one segment with the head, or later */
            char *whole = text_format("%s%s", head, body);

            send_all(whole, strlen(whole));
            free(whole);
        } else {
            send_all(head, strlen(head));
            WAIT_UNTIL(gateway_sum(running, "requests_parked") == 1);
            send_all(body, strlen(body));
        }
        assert_true(connection_receive(&one, false, &got));
        if (got.status != (strcmp(path, "/bad-waits") == 0 && i % 2 == 0 ? 200 : 400)) {
            fail_msg("%s, case %zu: %d", path, i, got.status);
        }
        if (connection_read(&one, rest, sizeof(rest)) > 0) {
            fail_msg("%s, case %zu: the connection goes on", path, i);
        }
        free(head);
    }
    nothing_is_left();
}

static void a_limit_of_a_plugin_counts_for_a_body_that_was_read_before(void **state)
{
    static const char head[] =
        "POST /control HTTP/1.1\r\nHost: a\r\n" FORM "Transfer-Encoding: chunked\r\n\r\n";

    (void)state;
    put("control", "\"vars\": [[\"post_arg_a\", \"==\", \"1\"]],",
        "\"client-control\": {\"max_body_size\": 5}");
    send_all(head, sizeof(head) - 1);
    send_all("3\r\na=1\r\n0\r\n\r\n", 13);
    assert_true(connection_receive(&one, false, &got));
    assert_int_equal(got.status, 200);
    send_all(head, sizeof(head) - 1);
    send_all("6\r\na=1&b=\r\n0\r\n\r\n", 16);
    assert_true(connection_receive(&one, false, &got));
    assert_int_equal(got.status, 413);
}

static void a_retry_sends_the_body_again(void **state)
{
    unsigned dead = free_port();
    char *text = form_of(100000);

    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        gateway_put(
            running, "routes/retry",
            "{\"uri\": \"/retry\", \"plugins\": {" WAYS "}, \"upstream\": {\"retries\": 1,"
            " \"nodes\": [{\"host\": \"127.0.0.1\", \"port\": %u, \"weight\": 1, \"priority\": 1},"
            " {\"host\": \"127.0.0.1\", \"port\": %u, \"weight\": 1, \"priority\": 0}]}}",
            dead, origin_port(upstream));
        connection_request(&one, "POST", "/retry", FORM, i % 2 == 0 ? "a=1" : text, &got);
        assert_int_equal(got.status, 200);
        assert_int_equal(upstream_length(), i % 2 == 0 ? 3 : 100000);
        expect_header("retry", "X-Mark", "found");
        expect_header("retry", "X-Late", "<1>");
    }
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(bodies_of_all_lengths_are_read_and_sent_on, open_one,
                                        close_one),
        cmocka_unit_test_setup_teardown(bodies_in_pieces_are_waited_for, open_one, close_one),
        cmocka_unit_test_setup_teardown(a_client_that_waits_is_told_to_go_on, open_one, close_one),
        cmocka_unit_test(bodies_of_http2_are_read),
        cmocka_unit_test_setup_teardown(a_filter_keeps_echo_and_authentication_away, open_one,
                                        close_one),
        cmocka_unit_test_setup_teardown(a_plugin_that_waits_has_such_a_filter_too, open_one,
                                        close_one),
        cmocka_unit_test_setup_teardown(a_global_rule_asks_for_every_request, open_one, close_one),
        cmocka_unit_test_setup_teardown(a_consumer_s_plugin_asks_after_its_authentication, open_one,
                                        close_one),
        cmocka_unit_test_setup_teardown(requests_are_counted_by_a_field_of_the_body, open_one,
                                        close_one),
        cmocka_unit_test_setup_teardown(logs_and_headers_hold_values_of_the_body, open_one,
                                        close_one),
        cmocka_unit_test_setup_teardown(routes_are_chosen_by_graphql_and_by_paths, open_one,
                                        close_one),
        cmocka_unit_test_setup_teardown(others_are_served_while_many_bodies_are_slow, open_one,
                                        close_one),
        cmocka_unit_test_setup_teardown(a_route_that_changes_meanwhile_counts_as_it_is, open_one,
                                        close_one),
        cmocka_unit_test_setup_teardown(a_body_over_the_limit_is_sent_on_and_not_known, open_one,
                                        close_one),
        cmocka_unit_test_setup_teardown(malformed_bodies_are_answered_with_400, open_one,
                                        close_one),
        cmocka_unit_test_setup_teardown(a_limit_of_a_plugin_counts_for_a_body_that_was_read_before,
                                        open_one, close_one),
        cmocka_unit_test_setup_teardown(a_retry_sends_the_body_again, open_one, close_one),
    };

    return report(cmocka_run_group_tests(tests, set_up, tear_down));
}
