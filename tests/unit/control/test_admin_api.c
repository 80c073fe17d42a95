/* tests/unit/control/test_admin_api.c - each request has its status and its words. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "host/control/admin_api.h"
#include "host/control/store_sqlite.h"
#include "host/core/address.h"
#include "tests/unit/unit.h"

#define ADMIN  "the-admin-key"
#define VIEWER "the-viewer-key"
#define UP     "\"upstream\":{\"nodes\":{\"127.0.0.1:80\":1}}"
#define ROUTE  "{\"uri\":\"/a\"," UP "}"

/* Judges without plugins: what is to be found stands in the configuration. */
struct hgh_plugin_check {
    hgh_event_loop *loop;
    hgh_event_loop_timer timer;
    hgh_plugin_check_done done;
    void *context;
    json_t *issues;
    json_t *warnings;
    hg_status status;
};

typedef struct fake_client {
    hgh_admin_answer_later later; /* first: the API hands it back */
    struct api_test *test;
    hgh_admin_answer answer;
    int answers;
} fake_client;

typedef struct api_test {
    char directory[64];
    hgh_event_loop *loop;
    hgh_store *store;
    hgh_resource_table *table;
    hgh_feed_writer *feed;
    hgh_publisher *publisher;
    hgh_plugin_catalog *catalog;
    hgh_plugin_check plugin_check;
    hgh_settings settings;
    hgh_admin_api *api;
    fake_client client;
    const char *key_header;
    const char *cookie;
    const char *client_address;
    int waiting; /* answers that the loop still runs for */
} api_test;

static void check_over(void *context)
{
    hgh_plugin_check *check = context;
    json_t *issues = check->issues;
    json_t *warnings = check->warnings;

    check->done(check->context, check->status, issues, warnings);
    json_decref(issues);
    json_decref(warnings);
}

void hgh_plugin_check_run(hgh_plugin_check *check,
                          const json_t *configs,
                          hgh_plugin_check_done done,
                          void *context)
{
    check->done = done;
    check->context = context;
    check->issues = json_array();
    check->warnings = json_array();
    check->status = HG_OK;
    for (size_t i = 0; i < json_array_size(configs); i++) {
        const json_t *config = json_array_get(configs, i);
        const json_t *value = json_object_get(config, "value");
        const char *name = json_string_value(json_object_get(config, "plugin"));
        json_t *pointer = json_object_get(config, "pointer");
        const char *text = NULL;

        if (strcmp(name, "unknown") == 0) {
            text = "unknown plugin [unknown]";
        } else if (json_is_true(json_object_get(value, "bad"))) {
            text = "failed to check the configuration of plugin x err: bad";
        }
        if (text != NULL) {
            check->status = HG_ERR_INVALID;
            json_array_append_new(check->issues,
                                  json_pack("{s:O, s:s, s:s, s:s}", "pointer", pointer, "found",
                                            "f", "wanted", "w", "text", text));
        }
        if (json_is_true(json_object_get(value, "crash"))) {
            check->status = HG_ERR_IO;
        }
        if (json_is_true(json_object_get(value, "odd"))) {
            json_array_append_new(check->warnings, json_pack("{s:s, s:s, s:s}", "pointer", "/odd",
                                                             "found", "odd", "wanted", "even"));
        }
    }
    hgh_event_loop_timer_start(check->loop, &check->timer, 1, check_over, check);
}

static const char *find_header(void *context, const char *name)
{
    const api_test *test = context;

    if (strcmp(name, "X-API-KEY") == 0) {
        return test->key_header;
    }
    return strcmp(name, "Cookie") == 0 ? test->cookie : NULL;
}

static void client_send(hgh_admin_answer_later *later, hgh_admin_answer *answer)
{
    fake_client *client = (fake_client *)later;

    client->answers++;
    client->answer = *answer;
    memset(answer, 0, sizeof(*answer));
    if (--client->test->waiting <= 0) {
        hgh_event_loop_stop(client->test->loop);
    }
}

static void open_all(api_test *test)
{
    static char loopback[] = "127.0.0.0/24";
    static char loopback6[] = "::1";
    static char *networks[] = {loopback, loopback6};
    static char admin[] = ADMIN;
    static char viewer[] = VIEWER;
    static hgh_admin_key keys[] = {
        {NULL, admin, HGH_ROLE_ADMIN},
        {NULL, viewer, HGH_ROLE_VIEWER},
    };
    char path[128];
    hgh_feed_writer_options feed = {.directory = test->directory, .group = (gid_t)-1, .wake = -1};
    hgh_admin_api_parts parts;

    test->settings = (hgh_settings){
        .admin_key_required = true,
        .admin_key = keys,
        .admin_key_count = ARRAY_SIZE(keys),
        .allow_admin = networks,
        .allow_admin_count = ARRAY_SIZE(networks),
        .enable_admin_cors = true,
        .admin_api_version = test->settings.admin_api_version,
    };
    (void)snprintf(path, sizeof(path), "%s/store.db", test->directory);
    assert_int_equal(hgh_event_loop_new(&test->loop, NULL), HG_OK);
    assert_int_equal(hgh_store_sqlite_open(path, &test->store, NULL), HG_OK);
    test->table = hgh_resource_table_new();
    feed.store_id = test->store->id;
    feed.table = test->table;
    assert_int_equal(hgh_feed_writer_open(&feed, &test->feed, NULL), HG_OK);
    test->publisher = hgh_publisher_new(test->store, test->table, test->feed);
    test->catalog = hgh_plugin_catalog_new();
    test->plugin_check.loop = test->loop;
    parts = (hgh_admin_api_parts){
        .loop = test->loop,
        .settings = &test->settings,
        .version = "0.1",
        .table = test->table,
        .publisher = test->publisher,
        .catalog = test->catalog,
        .plugin_check = &test->plugin_check,
    };
    assert_int_equal(hgh_admin_api_new(&parts, &test->api, NULL), HG_OK);
}

static int set_up_version(void **state, const char *version)
{
    api_test *test = calloc(1, sizeof(*test));

    assert_non_null(test);
    (void)strcpy(test->directory, "/tmp/hotgate-api-XXXXXX");
    assert_non_null(mkdtemp(test->directory));
    test->settings.admin_api_version = strdup(version);
    test->key_header = ADMIN;
    test->client_address = "127.0.0.1";
    open_all(test);
    *state = test;
    return 0;
}

static int set_up(void **state)
{
    return set_up_version(state, "v3");
}

static int set_up_v2(void **state)
{
    return set_up_version(state, "v2");
}

static int tear_down(void **state)
{
    api_test *test = *state;
    char command[128];

    hgh_admin_api_free(test->api);
    hgh_plugin_catalog_free(test->catalog);
    hgh_publisher_free(test->publisher);
    hgh_feed_writer_close(test->feed);
    hgh_store_close(test->store);
    hgh_resource_table_free(test->table);
    hgh_event_loop_free(test->loop);
    hgh_admin_answer_done(&test->client.answer);
    free(test->settings.admin_api_version);
    (void)snprintf(command, sizeof(command), "rm -rf %s", test->directory);
    assert_int_equal(system(command), 0);
    free(test);
    return 0;
}

/* Sends METHOD to /apisix/admin + target (path and query, not encoded). Returns the body. */
static const char *
ask_bytes(api_test *test, const char *method, const char *target, const char *body, size_t length)
{
    char text[512];
    hgh_admin_argument arguments[8];
    hgh_admin_request request = {
        .method = method,
        .path = text,
        .arguments = arguments,
        .body = length > HGH_ADMIN_BODY_MAX ? NULL : body,
        .body_length = length,
        .body_is_dropped = length > HGH_ADMIN_BODY_MAX,
        .header = find_header,
        .context = test,
    };
    hgh_admin_handler handler = hgh_admin_api_handler(test->api);
    hg_text address = hg_text_of(test->client_address);
    char *rest;

    (void)snprintf(text, sizeof(text), "%s%s", target[0] == '!' ? "" : "/apisix/admin",
                   target + (target[0] == '!' ? 1 : 0));
    (void)strtok_r(text, "?", &rest);
    for (char *at = strtok_r(NULL, "&", &rest); at != NULL; at = strtok_r(NULL, "&", &rest)) {
        char *value = strchr(at, '=');

        *value = '\0';
        arguments[request.argument_count++] = (hgh_admin_argument){at, value + 1};
    }
    assert_int_equal(hgh_address_parse(address, &request.client), HG_OK);
    hgh_admin_answer_done(&test->client.answer);
    test->client.later.send = client_send;
    test->client.test = test;
    test->client.answers = 0;
    test->waiting = 1;
    handler.handle(handler.context, &request, &test->client.later);
    if (test->client.answers == 0) {
        assert_int_equal(hgh_event_loop_run(test->loop, NULL), HG_OK);
    }
    assert_int_equal(test->client.answers, 1);
    if (test->client.answer.body != NULL) { /* cut off the length's end for comparisons */
        char *copy = strndup(test->client.answer.body, test->client.answer.body_length);

        free(test->client.answer.body);
        test->client.answer.body = copy;
    }
    return test->client.answer.body == NULL ? "" : test->client.answer.body;
}

static const char *ask(api_test *test, const char *method, const char *target, const char *body)
{
    return ask_bytes(test, method, target, body, body == NULL ? 0 : strlen(body));
}

static void expect(api_test *test,
                   const char *method,
                   const char *target,
                   const char *body,
                   unsigned status,
                   const char *part)
{
    const char *seen = ask(test, method, target, body);

    if (test->client.answer.status != status || strstr(seen, part) == NULL) {
        fail_msg("%s %s %s: %u %s", method, target, body == NULL ? "" : body,
                 test->client.answer.status, seen);
    }
}

static const char *answer_header(const api_test *test, const char *name)
{
    for (size_t i = 0; i < test->client.answer.header_count; i++) {
        if (strcmp(test->client.answer.headers[i].name, name) == 0) {
            return test->client.answer.headers[i].value;
        }
    }
    return "(none)";
}

static void only_those_with_a_key_get_in(void **state)
{
    static const struct {
        const char *label;
        const char *address;
        const char *header;
        const char *cookie;
        const char *method;
        const char *target;
        unsigned status;
        const char *part;
    } cases[] = {
        {"header", "127.0.0.1", ADMIN, NULL, "GET", "/routes", 200, "{\"total\":0,\"list\":[]}"},
        {"query", "127.0.0.1", NULL, NULL, "GET", "/routes?api_key=" ADMIN, 200, "list"},
        {"cookie", "127.0.0.1", NULL, "a=b; x_api_key=" ADMIN "; c=d", "GET", "/routes", 200, ""},
        {"query beats header", "127.0.0.1", ADMIN, NULL, "GET", "/routes?api_key=x", 401,
         "wrong apikey"},
        {"nothing", "127.0.0.1", NULL, NULL, "GET", "/routes", 401,
         "{\"error_msg\":\"failed to check token\",\"description\":\"missing apikey\"}\n"},
        {"other cookie", "127.0.0.1", NULL, "xx_api_key=" ADMIN, "GET", "/routes", 401, "missing"},
        {"wrong", "127.0.0.1", "no", NULL, "GET", "/routes", 401, "\"wrong apikey\""},
        {"longer", "127.0.0.1", ADMIN "x", NULL, "GET", "/routes", 401, "wrong apikey"},
        {"empty", "127.0.0.1", "", NULL, "GET", "/routes", 401, "wrong apikey"},
        {"viewer reads", "127.0.0.1", VIEWER, NULL, "GET", "/routes", 200, "list"},
        {"viewer writes", "127.0.0.1", VIEWER, NULL, "DELETE", "/routes/1", 401,
         "invalid method for role viewer"},
        {"viewer reloads", "127.0.0.1", VIEWER, NULL, "PUT", "/plugins/reload", 401,
         "invalid method for role viewer"},
        {"from elsewhere", "10.0.0.1", ADMIN, NULL, "GET", "/routes", 403, "allow_admin"},
        {"by IPv6", "::1", ADMIN, NULL, "GET", "/routes", 200, "list"},
        {"mapped IPv4", "::ffff:127.0.0.1", ADMIN, NULL, "GET", "/routes", 200, "list"},
        {"unknown path needs a key too", "127.0.0.1", NULL, NULL, "GET", "/nope", 401, "missing"},
        {"probe", "127.0.0.1", NULL, NULL, "HEAD", "", 200, ""},
        {"preflight", "127.0.0.1", NULL, NULL, "OPTIONS", "/routes/1", 200, ""},
        {"preflight from elsewhere", "10.0.0.1", NULL, NULL, "OPTIONS", "/routes/1", 403, ""},
        {"outside", "127.0.0.1", ADMIN, NULL, "GET", "!/other", 404, "error_msg"},
        {"beside", "127.0.0.1", ADMIN, NULL, "GET", "!/apisix/adminx", 404, "error_msg"},
    };
    api_test *test = *state;

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        const char *seen;

        test->client_address = cases[i].address;
        test->key_header = cases[i].header;
        test->cookie = cases[i].cookie;
        seen = ask(test, cases[i].method, cases[i].target, NULL);
        if (test->client.answer.status != cases[i].status || strstr(seen, cases[i].part) == NULL) {
            fail_msg("%s: %u %s", cases[i].label, test->client.answer.status, seen);
        }
    }
}

static void answers_carry_the_headers_that_clients_read(void **state)
{
    api_test *test = *state;

    (void)ask(test, "GET", "/routes", NULL);
    assert_string_equal(answer_header(test, "Server"), "APISIX/3.18.0 hotgate/0.1");
    assert_string_equal(answer_header(test, "X-API-VERSION"), "v3");
    assert_string_equal(answer_header(test, "Content-Type"), "application/json");
    assert_string_equal(answer_header(test, "Access-Control-Allow-Origin"), "*");
    assert_string_equal(answer_header(test, "Access-Control-Max-Age"), "3600");
    test->key_header = "no";
    (void)ask(test, "GET", "/routes", NULL);
    assert_string_equal(answer_header(test, "X-API-VERSION"), "(none)");
    assert_string_equal(answer_header(test, "Server"), "APISIX/3.18.0 hotgate/0.1");
    (void)ask(test, "OPTIONS", "/any/thing", NULL);
    assert_string_equal(answer_header(test, "Access-Control-Allow-Methods"), "*");
}

/* admin-api.md section 2, in its order. */
static void generic_errors_come_in_their_order(void **state)
{
    static const struct {
        const char *method;
        const char *target;
        const char *body;
        unsigned status;
        const char *part;
    } cases[] = {
        {"PUT", "/stream_routes/1", "{", 400,
         "{\"error_msg\":\"stream mode is disabled, can not add stream routes\"}\n"},
        {"GET", "/nope", "{", 404, "{\"error_msg\":\"Unsupported resource type: nope\"}\n"},
        {"GET", "", NULL, 404, "Unsupported resource type: "},
        {"PURGE", "/routes/1", "{", 404, "{\"error_msg\":\"not found\"}\n"},
        {"POST", "/plugins", "{", 404, "not found"},
        {"PUT", "/schema/route", NULL, 404, "not found"},
        {"PUT", "/routes/1", "{\"uri\":", 400, "{\"error_msg\":\"invalid request body: "},
        {"PUT", "/routes/1", "{\"uri\":", 400, "\"req_body\":\"{\\\"uri\\\":\"}\n"},
        {"GET", "/routes", "x", 400, "invalid request body: "},
        {"POST", "/consumers?ttl=x", "{", 400, "invalid request body: "},
        {"POST", "/consumers?ttl=x", "{}", 400, "invalid argument ttl: should be a number"},
        {"PUT", "/routes/1?ttl=", ROUTE, 400, "invalid argument ttl: should be a number"},
        {"PUT", "/routes/1?ttl=nan", ROUTE, 400, "invalid argument ttl: should be a number"},
        {"PUT", "/routes/1?ttl=0", ROUTE, 400, "invalid argument ttl: should be from 1 to"},
        {"PUT", "/routes/1?ttl=1e30", ROUTE, 400, "invalid argument ttl: should be from 1 to"},
        {"POST", "/consumers", "{}", 405,
         "{\"error_msg\":\"not supported `POST` method for consumer\"}\n"},
        {"PATCH", "/consumers/a", "{}", 405, "not supported `PATCH` method for consumer"},
        {"PUT", "/routes/1", NULL, 400, "{\"error_msg\":\"missing configurations\"}\n"},
        {"POST", "/routes", NULL, 400, "missing configurations"},
        {"PUT", "/consumers", NULL, 400, "missing configurations"},
        {"PATCH", "/routes/1", NULL, 400, "missing new configuration"},
        {"PATCH", "/routes/1", "[]", 400, "\"invalid configuration\""},
        {"PATCH", "/routes/1", "7", 400, "\"invalid configuration\""},
        {"PUT", "/routes/1", "[]", 400, "invalid configuration: wrong type"},
        {"PUT", "/routes/1", "null", 400, "invalid configuration: wrong type"},
        {"PUT", "/routes", ROUTE, 400, "{\"error_msg\":\"missing route id\"}\n"},
        {"PUT", "/services", "{}", 400, "missing service id"},
        {"PATCH", "/upstreams", "{}", 400, "missing upstream id"},
        {"DELETE", "/routes", NULL, 400, "missing route id"},
        {"DELETE", "/consumers", NULL, 400, "missing consumer id"},
        {"POST", "/routes/1", ROUTE, 400, "wrong route id, do not need it"},
        {"POST", "/routes", "{\"id\":1,\"uri\":\"/a\"," UP "}", 400,
         "wrong route id, do not need it"},
        {"PUT", "/routes/1", "{\"id\":\"2\",\"uri\":\"/a\"," UP "}", 400, "wrong route id"},
        {"PUT", "/routes/1", "{\"id\":[1],\"uri\":\"/a\"," UP "}", 400, "wrong route id"},
        {"PUT", "/routes/1", "{\"create_time\":1,\"uri\":\"/a\"," UP "}", 400,
         "{\"error_msg\":\"the property is forbidden:  create_time\"}\n"},
        {"PUT", "/routes/1", "{\"update_time\":1}", 400, "the property is forbidden:  update_time"},
        {"POST", "/services", "{\"upstream\":{\"create_time\":1}}", 400,
         "the property is forbidden:  upstream.create_time"},
        {"PUT", "/consumers", "{\"username\":\"a\",\"plugins\":{\"update_time\":1}}", 400,
         "the property is forbidden:  plugins.update_time"},
        {"PUT", "/routes/1", "{\"uri\":\"/a\"," UP ",\"nope\":1}", 400,
         "{\"error_msg\":\"invalid configuration: additional properties forbidden, found nope\","
         "\"errors\":[{\"pointer\":\"/nope\""},
        {"PUT", "/routes/a%b", ROUTE, 400, "invalid configuration: property \\\"id\\\" validation"},
        {"PUT", "/routes/1", "{\"uri\":\"/a\",\"plugins\":{\"unknown\":{}}}", 400,
         "{\"error_msg\":\"unknown plugin "
         "[unknown]\",\"errors\":[{\"pointer\":\"/plugins/unknown\","
         "\"found\":\"f\",\"wanted\":\"w\""},
        {"PUT", "/routes/1", "{\"uri\":\"/a\",\"plugins\":{\"x\":{\"bad\":true}}}", 400,
         "failed to check the configuration of plugin x err: bad"},
        {"PUT", "/routes/1", "{\"uri\":\"/a\",\"plugins\":{\"x\":{\"crash\":true}}}", 400,
         "the check of the plugins' configurations failed"},
        {"PUT", "/consumers", "{\"username\":\"a\",\"plugins\":{\"unknown\":{}}}", 400,
         "invalid plugins configuration: unknown plugin [unknown]"},
        {"PUT", "/routes/1", "{\"uri\":\"/a\"," UP ",\"vars\":[[\"a\"]]}", 400,
         "failed to validate the 'vars' expression: invalid expression"},
        {"PUT", "/routes/1", "{\"vars\": { { \"arg_a\", \"==\", \"b\" } } }", 400,
         "expressions are arrays: [[\\\"arg_version\\\",\\\"==\\\",\\\"v2\\\"]]"},
        {"PUT", "/consumers/b", "{\"username\":\"a\"}", 400, "\"wrong username\""},
        {"PUT", "/consumers/a/credentials/1", "{}", 404,
         "{\"error_msg\":\"consumer not found\"}\n"},
        {"DELETE", "/consumers/a/credentials/1", NULL, 404, "consumer not found"},
        {"GET", "/consumers/a/credentials/1", NULL, 404, "consumer not found"},
        {"GET", "/consumers/a/credentials", NULL, 404, "consumer not found"},
        {"POST", "/consumers/a/credentials", "{}", 405,
         "{\"error_msg\":\"not supported `POST` method for credential\"}\n"},
        {"PATCH", "/consumers/a/credentials/1", "{}", 405,
         "not supported `PATCH` method for credential"},
        {"GET", "/credentials", NULL, 404, "Unsupported resource type: credentials"},
        {"POST", "/consumer_groups", "{}", 405, "not supported `POST` method for consumer group"},
        {"POST", "/plugin_configs", "{}", 405, "not supported `POST` method for plugin config"},
        {"POST", "/global_rules", "{}", 405, "not supported `POST` method for global rule"},
        {"POST", "/plugin_metadata", "{}", 405, "not supported `POST` method for plugin_metadata"},
        {"PATCH", "/plugin_metadata/x", "{}", 405,
         "not supported `PATCH` method for plugin_metadata"},
        {"PUT", "/consumer_groups", "{\"plugins\":{}}", 400, "missing consumer group id"},
        {"PUT", "/plugin_configs", "{\"plugins\":{}}", 400, "missing plugin config id"},
        {"PUT", "/global_rules", "{\"plugins\":{}}", 400, "missing global rule id"},
        {"PUT", "/plugin_metadata", "{}", 400, "{\"error_msg\":\"missing plugin name\"}\n"},
        {"PUT", "/plugin_metadata/unknown", "{}", 400,
         "{\"error_msg\":\"invalid plugin name\",\"errors\""},
        {"PUT", "/plugin_metadata/x", "{\"bad\":true}", 400,
         "{\"error_msg\":\"invalid configuration: bad\",\"errors\""},
        {"PUT", "/plugin_metadata/x", "{\"id\":\"y\"}", 400, "wrong plugin_metadata id"},
        {"DELETE", "/plugin_metadata/x", NULL, 404, "Key not found"},
        {"GET", "/routes/1", NULL, 404, "{\"message\":\"Key not found\"}\n"},
        {"DELETE", "/routes/1", NULL, 404, "{\"message\":\"Key not found\"}\n"},
        {"PATCH", "/routes/1", "{}", 404, "{\"message\":\"Key not found\"}\n"},
        {"GET", "/consumers/nobody", NULL, 404, "Key not found"},
    };
    api_test *test = *state;

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        expect(test, cases[i].method, cases[i].target, cases[i].body, cases[i].status,
               cases[i].part);
    }
    assert_int_equal(hgh_resource_table_count(test->table), 0);
    assert_int_equal(test->store->revision, 0);
}

static void a_body_over_the_limit_is_named_by_its_size(void **state)
{
    api_test *test = *state;
    size_t length = HGH_ADMIN_BODY_MAX + 1;
    const char *seen = ask_bytes(test, "PUT", "/routes/1", "", length);

    assert_int_equal(test->client.answer.status, 400);
    assert_string_equal(seen, "{\"error_msg\":\"invalid request body: request size 1572865 is "
                              "greater than the maximum size 1572864 allowed\"}\n");
    test->key_header = "no";
    (void)ask_bytes(test, "PUT", "/routes/1", "", length);
    assert_int_equal(test->client.answer.status, 401);
}

static void hostile_bodies_end_in_a_clear_400(void **state)
{
    static char deep[3000];
    static char levels[1200];
    static const struct {
        const char *label;
        const char *body;
        size_t length; /* 0: to its NUL */
        const char *part;
    } cases[] = {
        {"deeper than the parser", deep, 0, "invalid request body: maximum parsing depth"},
        {"300 levels", levels, 0, "invalid request body: found more than 256 levels"},
        {"huge integer", "{\"priority\":99999999999999999999999}", 0, "too big integer"},
        {"huge real", "{\"priority\":1e999}", 0, "real number overflow"},
        {"escaped NUL", "{\"uri\":\"/\\u0000\"}", 0, "\\\\u0000 is not allowed"},
        {"NUL byte", "{\"uri\"\0:1}", 9, "invalid request body: "},
        {"invalid UTF-8", "{\"uri\":\"/\xff\xfe\"}", 0, "unable to decode byte 0xff"},
        {"overlong UTF-8", "{\"uri\":\"/\xc0\xaf\"}", 0, "unable to decode byte 0xc0"},
        {"surrogate half", "{\"uri\":\"/\\ud800\"}", 0, "invalid request body: "},
        {"name twice", "{\"uri\":\"/a\",\"uri\":\"/b\"}", 0, "duplicate object key"},
        {"two values", "{} {}", 0, "end of file expected"},
        {"comment", "/* */ {}", 0, "invalid request body: "},
        {"only blanks", "  ", 0, "invalid request body: "},
    };
    api_test *test = *state;

    memset(deep, '[', sizeof(deep) - 1);
    for (size_t i = 0; i < 300; i++) {
        memcpy(levels + i, "[", 1);
        levels[300 + i] = ']';
    }
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        size_t length = cases[i].length == 0 ? strlen(cases[i].body) : cases[i].length;
        const char *seen = ask_bytes(test, "PUT", "/routes/1", cases[i].body, length);
        json_t *parsed = json_loads(seen, 0, NULL);

        if (test->client.answer.status != 400 || strstr(seen, cases[i].part) == NULL ||
            json_object_get(parsed, "req_body") == NULL) {
            fail_msg("%s: %u %s", cases[i].label, test->client.answer.status, seen);
        }
        json_decref(parsed);
    }
}

/* Replaces the digits of the times by T, so that an answer can be compared whole. */
static const char *without_times(const char *seen)
{
    static char into[4000];
    size_t length = 0;

    while (*seen != '\0' && length + 20 < sizeof(into)) {
        into[length++] = *seen++;
        if (length >= 7 && memcmp(into + length - 7, "_time\":", 7) == 0) {
            into[length++] = 'T';
            seen += strspn(seen, "0123456789");
        }
    }
    into[length] = '\0';
    return into;
}

static void objects_are_written_and_read_in_v3(void **state)
{
    api_test *test = *state;

    expect(test, "PUT", "/routes/1", "{\"uri\":\"/a\",\"upstream\":{\"nodes\":{}}}", 201, "");
    assert_string_equal(without_times(test->client.answer.body),
                        "{\"key\":\"/apisix/routes/1\",\"value\":{\"uri\":\"/a\",\"upstream\":{"
                        "\"nodes\":{}},\"id\":\"1\",\"create_time\":T,\"update_time\":T}}\n");
    expect(test, "PUT", "/routes/1", "{\"uri\":\"/b\",\"id\":1,\"upstream\":{\"nodes\":{}}}", 200,
           "\"uri\":\"/b\"");
    expect(test, "PUT", "/routes", "{\"uri\":\"/c\",\"id\":\"two\",\"upstream\":{\"nodes\":{}}}",
           201, "\"key\":\"/apisix/routes/two\"");
    expect(test, "GET", "/routes/1", NULL, 200, ",\"createdIndex\":1,\"modifiedIndex\":2}\n");
    expect(test, "GET", "/routes/", NULL, 200,
           "{\"total\":2,\"list\":[{\"key\":\"/apisix/routes/1\"");
    expect(test, "POST", "/routes", ROUTE, 201, "\"key\":\"/apisix/routes/00000000000000000004\"");
    expect(test, "POST", "/routes", ROUTE, 201, "\"id\":\"00000000000000000005\"");
    expect(test, "PATCH", "/routes/two", "{\"uri\":\"/d\"}", 200, "\"uri\":\"/d\"");
    expect(test, "PATCH", "/routes/two/uri", "\"/e\"", 200, "\"uri\":\"/e\"");
    expect(test, "DELETE", "/routes/two", NULL, 200,
           "{\"key\":\"/apisix/routes/two\",\"deleted\":\"1\"}\n");
    expect(test, "GET", "/routes/two", NULL, 404, "Key not found");
    expect(test, "PUT", "/consumers", "{\"username\":\"jack\",\"plugins\":{\"x\":{}}}", 201,
           "{\"key\":\"/apisix/consumers/jack\",\"value\":{\"username\":\"jack\"");
    expect(test, "PUT", "/consumers/jack", "{\"username\":\"jack\"}", 200, "jack");
    expect(test, "GET", "/consumers", NULL, 200, "{\"total\":1,");
    expect(test, "HEAD", "/consumers", NULL, 200, "{\"total\":1,");
    expect(test, "PUT", "/upstreams/1", "{\"nodes\":{},\"retry_timeout\":0.1}", 201,
           "\"retry_timeout\":0.1,");
}

static void the_longest_name_is_as_good_as_any(void **state)
{
    api_test *test = *state;
    char name[258];
    char body[300];
    char target[300];

    memset(name, 'n', sizeof(name));
    name[256] = '\0';
    (void)snprintf(body, sizeof(body), "{\"username\":\"%s\"}", name);
    (void)snprintf(target, sizeof(target), "/consumers/%s", name);
    expect(test, "PUT", target, body, 201, name);
    expect(test, "GET", target, NULL, 200, name);
    name[256] = 'n';
    name[257] = '\0';
    (void)snprintf(target, sizeof(target), "/consumers/%s", name);
    expect(test, "GET", target, NULL, 404, "Key not found");
    expect(test, "DELETE", target, NULL, 404, "Key not found");
    expect(test, "PUT", target, body, 400, "wrong username");
    (void)snprintf(body, sizeof(body), "{\"username\":\"%s\"}", name);
    expect(test, "PUT", "/consumers", body, 400, "string too long, expected at most 256, got 257");
}

static void objects_are_written_and_read_in_v2(void **state)
{
    api_test *test = *state;

    expect(test, "PUT", "/services/1", "{}", 201,
           "{\"action\":\"set\",\"node\":{\"key\":\"/apisix/services/1\",\"value\":{");
    assert_string_equal(answer_header(test, "X-API-VERSION"), "v2");
    expect(test, "POST", "/services", "{}", 201, "{\"action\":\"create\",\"node\":{\"key\"");
    expect(test, "PATCH", "/services/1", "{\"desc\":\"d\"}", 200,
           "{\"action\":\"compareAndSwap\",");
    expect(test, "GET", "/services/1", NULL, 200,
           "{\"action\":\"get\",\"count\":1,\"node\":{\"key\":\"/apisix/services/1\",\"value\":{");
    assert_null(strstr(test->client.answer.body, "createdIndex"));
    expect(test, "GET", "/services", NULL, 200,
           "{\"action\":\"get\",\"count\":2,\"node\":{\"dir\":true,\"key\":\"/apisix/services\","
           "\"nodes\":[{\"key\":\"/apisix/services/1\",");
    expect(test, "GET", "/services/9", NULL, 404,
           "{\"message\":\"Key not found\",\"action\":\"get\"}\n");
    expect(test, "DELETE", "/services/1", NULL, 200, "\"action\":\"delete\",\"node\":{}}\n");
}

static void set_plugins(api_test *test)
{
    json_t *plugins = json_loads(
        "[{\"name\":\"low\",\"version\":\"0.1\",\"priority\":1,\"flags\":[],\"schema\":{\"type\":"
        "\"object\",\"properties\":{\"a\":{\"type\":\"string\"}}},\"consumer_schema\":null,"
        "\"metadata_schema\":{\"type\":\"object\"}},"
        "{\"name\":\"key\",\"version\":\"1.2.3\",\"priority\":2500,\"flags\":[\"auth\"],\"schema\":"
        "{\"type\":\"object\"},\"consumer_schema\":{\"type\":\"object\",\"properties\":{\"key\":"
        "{\"type\":\"string\",\"writeOnly\":true},\"n\":{\"type\":\"object\",\"properties\":"
        "{\"s\":{\"writeOnly\":true}}}},\"encrypt_fields\":[\"o.p\"]}}]",
        0, NULL);

    assert_non_null(plugins);
    hgh_plugin_catalog_set(test->catalog, 1, plugins);
}

static void credentials_stand_below_their_consumer(void **state)
{
    api_test *test = *state;

    set_plugins(test);
    expect(test, "PUT", "/consumers", "{\"username\":\"jack\"}", 201, "");
    expect(test, "PUT", "/consumers", "{\"username\":\"jill\"}", 201, "");
    expect(test, "GET", "/consumers/jack/credentials", NULL, 404,
           "{\"message\":\"Key not found\"}\n");
    expect(test, "PUT", "/consumers/jack/credentials/one",
           "{\"plugins\":{\"key\":{\"key\":\"a\"}}}", 201, "");
    assert_string_equal(without_times(test->client.answer.body),
                        "{\"key\":\"/apisix/consumers/jack/credentials/one\",\"value\":{"
                        "\"plugins\":{\"key\":{\"key\":\"a\"}},\"id\":\"one\",\"create_time\":T,"
                        "\"update_time\":T}}\n");
    expect(test, "PUT", "/consumers/jack/credentials", "{\"id\":2}", 201,
           "\"key\":\"/apisix/consumers/jack/credentials/2\"");
    expect(test, "PUT", "/consumers/jill/credentials/one", "{}", 201, "");
    expect(test, "PUT", "/consumers/jack/credentials", "{}", 400, "missing credential id");
    expect(test, "PUT", "/consumers/jack/credentials/a%b", "{}", 400, "invalid configuration");
    expect(test, "PUT", "/consumers/jack/credentials/3", "{\"plugins\":{\"low\":{}}}", 400,
           "{\"error_msg\":\"only supports auth type plugins in consumer credential\",");
    expect(test, "PUT", "/consumers/jack/credentials/3", "{\"plugins\":{\"unknown\":{}}}", 400,
           "invalid plugins configuration: unknown plugin [unknown]");
    expect(test, "GET", "/consumers/jack/credentials/one", NULL, 200,
           "{\"key\":\"/apisix/consumers/jack/credentials/one\",\"value\":{\"plugins\":");
    expect(test, "GET", "/consumers/jack/credentials", NULL, 200,
           "{\"total\":2,\"list\":[{\"key\":\"/apisix/consumers/jack/credentials/one\"");
    expect(test, "GET", "/consumers", NULL, 200, "{\"total\":2,");
    expect(test, "GET", "/consumers/jack/credentials/7", NULL, 404, "Key not found");
    expect(test, "DELETE", "/consumers/jack/credentials/2", NULL, 200,
           "{\"key\":\"/apisix/consumers/jack/credentials/2\",\"deleted\":\"1\"}\n");
    expect(test, "DELETE", "/consumers/jack", NULL, 200, "");
    expect(test, "GET", "/consumers/jack/credentials/one", NULL, 404, "consumer not found");
    expect(test, "PUT", "/consumers", "{\"username\":\"jack\"}", 201, "");
    expect(test, "GET", "/consumers/jack/credentials", NULL, 404, "Key not found");
    expect(test, "GET", "/consumers/jill/credentials", NULL, 200, "\"total\":1");
}

static void shared_configurations_are_written_and_used(void **state)
{
    api_test *test = *state;

    expect(test, "PUT", "/plugin_configs/p", "{\"plugins\":{\"x\":{\"a\":1}}}", 201,
           "{\"key\":\"/apisix/plugin_configs/p\",\"value\":{\"plugins\"");
    expect(test, "PATCH", "/plugin_configs/p", "{\"plugins\":{\"y\":{}}}", 200,
           "\"plugins\":{\"x\":{\"a\":1},\"y\":{}}");
    expect(test, "PATCH", "/plugin_configs/p/plugins/x/a", "2", 200, "\"a\":2");
    expect(test, "PUT", "/routes/1", "{\"uri\":\"/a\",\"plugin_config_id\":\"p\"," UP "}", 201, "");
    expect(test, "DELETE", "/plugin_configs/p", NULL, 400,
           "{\"error_msg\":\"can not delete this plugin config, route [1] is still using it "
           "now\"}\n");
    expect(test, "DELETE", "/plugin_configs/p?force=true", NULL, 200, "");
    expect(test, "PUT", "/consumer_groups/g", "{\"plugins\":{}}", 201, "");
    expect(test, "PUT", "/consumers", "{\"username\":\"jack\",\"group_id\":\"g\"}", 201, "");
    expect(test, "DELETE", "/consumer_groups/g", NULL, 400,
           "{\"error_msg\":\"can not delete this consumer group, consumer [jack] is still using it "
           "now\"}\n");
    expect(test, "DELETE", "/consumers/jack", NULL, 200, "");
    expect(test, "DELETE", "/consumer_groups/g", NULL, 200, "");
    expect(test, "PUT", "/global_rules/1", "{\"plugins\":{\"x\":{}}}", 201, "");
    expect(test, "PUT", "/global_rules/1", "{\"plugins\":{\"x\":{\"a\":1}}}", 200, "");
    expect(test, "PUT", "/global_rules/2", "{\"plugins\":{\"x\":{}}}", 400,
           "{\"error_msg\":\"plugin 'x' already exists in global rule with id '1'\",");
    expect(test, "PATCH", "/global_rules/1", "{\"plugins\":{\"x\":null}}", 200, "\"plugins\":{}");
    expect(test, "PUT", "/global_rules/2", "{\"plugins\":{\"x\":{}}}", 201, "");
    expect(test, "PUT", "/plugin_metadata/x", "{\"create_time\":\"mine\"}", 201,
           "{\"key\":\"/apisix/plugin_metadata/"
           "x\",\"value\":{\"create_time\":\"mine\",\"id\":\"x\"}}\n");
    expect(test, "GET", "/plugin_metadata/x", NULL, 200, "{\"create_time\":\"mine\",\"id\":\"x\"}");
    expect(test, "GET", "/plugin_metadata", NULL, 200, "{\"total\":1,");
    expect(test, "DELETE", "/plugin_metadata/x", NULL, 200, "");
}

static void times_are_kept_and_patched(void **state)
{
    api_test *test = *state;
    json_t *first;
    json_t *second;

    first = json_loads(ask(test, "PUT", "/services/1", "{}"), 0, NULL);
    second = json_loads(ask(test, "PATCH", "/services/1", "{\"create_time\":5,\"update_time\":6}"),
                        0, NULL);
    assert_true(
        json_integer_value(json_object_get(json_object_get(first, "value"), "create_time")) > 1000);
    expect(test, "GET", "/services/1", NULL, 200, "\"create_time\":5,\"update_time\":6");
    expect(test, "PUT", "/services/1", "{\"desc\":\"x\"}", 200, "\"create_time\":5,");
    assert_null(strstr(test->client.answer.body, "\"update_time\":6,"));
    json_decref(first);
    json_decref(second);
}

static void a_patch_is_checked_like_a_put(void **state)
{
    static const struct {
        const char *target;
        const char *body;
        unsigned status;
        const char *part;
    } cases[] = {
        {"/routes/1", "{\"nope\":1}", 400, "additional properties forbidden, found nope"},
        {"/routes/1", "{\"uri\":null}", 400, "invalid configuration: "},
        {"/routes/1", "{\"id\":\"2\"}", 400, "wrong route id"},
        {"/routes/1", "{\"plugins\":{\"unknown\":{}}}", 400, "unknown plugin [unknown]"},
        {"/routes/1", "{\"upstream_id\":\"9\"}", 400, "failed to fetch upstream info"},
        {"/routes/1/uri", "null", 400, "invalid configuration: "},
        {"/routes/1/uri/x", "1", 400, "{\"error_msg\":\"invalid sub-path: /uri\"}\n"},
        {"/routes/1/plugins", "{\"x\":{\"n\":1}}", 200, "\"plugins\":{\"x\":{\"n\":1}}"},
        {"/routes/1/plugins/x/n/", "2", 200, "\"plugins\":{\"x\":{\"n\":2}}"},
        {"/routes/1", "{\"plugins\":{}}", 200, "\"plugins\":{}"},
        {"/routes/1", "{\"upstream\":{\"nodes\":{\"127.0.0.1:80\":null,\"b:1\":2}}}", 200,
         "\"nodes\":{\"b:1\":2}"},
    };
    api_test *test = *state;

    expect(test, "PUT", "/routes/1", ROUTE, 201, "");
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        expect(test, "PATCH", cases[i].target, cases[i].body, cases[i].status, cases[i].part);
    }
}

static void what_is_used_is_not_deleted(void **state)
{
    api_test *test = *state;

    expect(test, "PUT", "/upstreams/u", "{\"nodes\":{}}", 201, "");
    expect(test, "PUT", "/services/s", "{\"upstream_id\":\"u\"}", 201, "");
    expect(test, "DELETE", "/upstreams/u", NULL, 400,
           "{\"error_msg\":\"can not delete this upstream, service [s] is still using it now\"}\n");
    expect(test, "PUT", "/routes/r", "{\"uri\":\"/\",\"service_id\":\"s\",\"upstream_id\":\"u\"}",
           201, "");
    expect(test, "DELETE", "/upstreams/u", NULL, 400,
           "can not delete this upstream, route [r] is still using it now");
    expect(test, "DELETE", "/services/s?force=1", NULL, 400,
           "can not delete this service directly, route [r] is still using it now");
    expect(test, "DELETE", "/services/s?force=true", NULL, 200, "\"deleted\":\"1\"");
    expect(test, "PUT", "/routes/r", "{\"uri\":\"/\",\"plugins\":{}}", 200, "");
    expect(test, "DELETE", "/upstreams/u", NULL, 200, "\"deleted\":\"1\"");
}

static void pages_are_cut_from_the_list(void **state)
{
    static const struct {
        const char *query;
        unsigned status;
        size_t total;
        size_t count;
    } cases[] = {
        {"", 200, 25, 25},
        {"?page=1", 200, 25, 25},
        {"?page_size=10", 200, 25, 25},
        {"?page=1&page_size=10", 200, 25, 10},
        {"?page=3&page_size=10", 200, 25, 5},
        {"?page=4&page_size=10", 200, 25, 0},
        {"?page=99999999999&page_size=10", 200, 25, 0},
        {"?page=0&page_size=10", 200, 25, 10},
        {"?page=x&page_size=10", 200, 25, 10},
        {"?page=1&page_size=9", 400, 0, 0},
        {"?page=1&page_size=501", 400, 0, 0},
    };
    api_test *test = *state;

    for (int i = 0; i < 25; i++) {
        expect(test, "POST", "/services", "{}", 201, "");
    }
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char target[100];
        json_t *seen;

        (void)snprintf(target, sizeof(target), "/services%s", cases[i].query);
        seen = json_loads(ask(test, "GET", target, NULL), JSON_DECODE_ANY, NULL);
        if (test->client.answer.status != cases[i].status ||
            json_integer_value(json_object_get(seen, "total")) != (json_int_t)cases[i].total ||
            json_array_size(json_object_get(seen, "list")) != cases[i].count) {
            fail_msg("%s: %u", cases[i].query, test->client.answer.status);
        }
        json_decref(seen);
    }
}

static void an_object_with_a_time_to_live_goes_by_itself(void **state)
{
    api_test *test = *state;
    time_t end = time(NULL) + 5;

    expect(test, "PUT", "/services/1?ttl=1", "{}", 201, "");
    expect(test, "PUT", "/services/2?ttl=1", "{}", 201, "");
    expect(test, "PUT", "/services/2", "{}", 200, ""); /* permanent again */
    expect(test, "GET", "/services/1", NULL, 200, "");
    while (hgh_resource_table_find(test->table, "services/1") != NULL && time(NULL) < end) {
        hgh_event_loop_timer timer = {0};

        hgh_event_loop_timer_start(test->loop, &timer, 50,
                                   (hgh_event_loop_on_time)hgh_event_loop_stop, test->loop);
        assert_int_equal(hgh_event_loop_run(test->loop, NULL), HG_OK);
    }
    expect(test, "GET", "/services/1", NULL, 404, "Key not found");
    assert_null(hgh_resource_table_find(test->table, "services/1"));
    expect(test, "GET", "/services/2", NULL, 200, "");
}

static void plugins_and_schemas_are_shown(void **state)
{
    static const struct {
        const char *target;
        unsigned status;
        const char *part;
    } cases[] = {
        {"/plugins/list", 200, "[\"key\",\"low\"]\n"},
        {"/plugins/list?subsystem=http", 200, "[\"key\",\"low\"]\n"},
        {"/plugins/list?subsystem=stream", 200, "[]\n"},
        {"/plugins/list?subsystem=x", 400, "invalid subsystem passed"},
        {"/plugins/low", 200, "\"properties\":{\"a\":{\"type\":\"string\"},\"_meta\":{"},
        {"/plugins/low", 200, "\"$comment\":\"this is a mark for our injected plugin schema\""},
        {"/schema/plugins/low", 200, "\"_meta\""},
        {"/plugins/key?schema_type=consumer", 200, "{\"type\":\"object\",\"properties\":{\"key\""},
        {"/plugins/low?schema_type=consumer", 400, "{\"error_msg\":\"not found schema\"}\n"},
        {"/plugins/low?subsystem=x", 400, "{\"error_msg\":\"unsupported subsystem: x\"}\n"},
        {"/plugins/low?subsystem=stream", 404, "plugin not found in subsystem stream"},
        {"/plugins/none", 404, "{\"error_msg\":\"plugin not found in subsystem http\"}\n"},
        {"/plugins", 404, "plugin not found in subsystem http"},
        {"/plugins?all=true", 200,
         "{\"key\":{\"priority\":2500,\"version\":\"1.2.3\",\"schema\":{\"type\":\"object\","},
        {"/plugins?all=true", 200, "\"type\":\"auth\",\"consumer_schema\":{"},
        {"/plugins?all=true", 200, "\"low\":{\"priority\":1,\"version\":0.1"},
        {"/plugins?all=true&subsystem=stream", 200, "{}\n"},
        {"/schema/route", 200, "\"uri\":{\"type\":\"string\",\"minLength\":1"},
        {"/schema/consumer", 200, "\"required\":[\"username\"]"},
        {"/schema/nope", 400, "{\"error_msg\":\"not found schema: nope\"}\n"},
        {"/schema", 400, "not found schema: "},
        {"/plugins/reload", 404, "plugin not found"},
    };
    api_test *test = *state;

    set_plugins(test);
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        expect(test, "GET", cases[i].target, NULL, cases[i].status, cases[i].part);
    }
}

static void a_viewer_sees_no_secret(void **state)
{
    api_test *test = *state;

    set_plugins(test);
    expect(test, "PUT", "/consumers",
           "{\"username\":\"a\",\"plugins\":{\"key\":{\"key\":\"hidden1\",\"n\":{\"s\":\"hidden2\","
           "\"t\":1},\"o\":{\"p\":\"hidden3\"}},\"gone\":{\"x\":\"hidden4\"}}}",
           201, "hidden1");
    test->key_header = VIEWER;
    expect(test, "GET", "/consumers/a", NULL, 200,
           "\"plugins\":{\"key\":{\"key\":\"***\",\"n\":{\"s\":\"***\",\"t\":1},\"o\":{\"p\":"
           "\"***\"}},\"gone\":{}}");
    expect(test, "GET", "/consumers", NULL, 200, "\"***\"");
    assert_null(strstr(test->client.answer.body, "hidden"));
    test->key_header = ADMIN;
    expect(test, "GET", "/consumers/a", NULL, 200, "hidden4");
}

static void warnings_of_plugins_are_told(void **state)
{
    api_test *test = *state;

    expect(test, "PUT", "/routes/1", "{\"uri\":\"/\",\"plugins\":{\"x\":{\"odd\":true}}}", 201,
           ",\"warnings\":[{\"pointer\":\"/odd\",\"found\":\"odd\",\"wanted\":\"even\"}]}\n");
    expect(test, "GET", "/routes/1", NULL, 200, "odd");
    assert_null(strstr(test->client.answer.body, "warnings"));
}

static void without_a_judge_each_plugin_is_unknown(void **state)
{
    api_test *test = *state;

    hgh_admin_api_set_plugin_check(test->api, NULL);
    expect(test, "PUT", "/routes/1", "{\"uri\":\"/\",\"plugins\":{\"x\":{}}}", 400,
           "{\"error_msg\":\"unknown plugin [x]\"");
    expect(test, "PUT", "/routes/1", "{\"uri\":\"/\",\"plugins\":{}}", 201, "");
}

static void
reload_hook(void *context, const hgh_admin_request *request, hgh_admin_answer_later *later)
{
    api_test *test = context;

    assert_string_equal(request->method, "PUT");
    assert_int_equal(hgh_admin_queue_count(hgh_admin_api_queue(test->api)), 1);
    hgh_admin_later_json(later, 200, json_pack("{s:s}", "result", "done"));
}

static void
status_hook(void *context, const hgh_admin_request *request, hgh_admin_answer_later *later)
{
    (void)context;
    (void)request;
    hgh_admin_later_json(later, 200, json_pack("{s:i}", "generation", 1));
}

static void reload_and_status_are_answered_by_their_hooks(void **state)
{
    api_test *test = *state;

    expect(test, "PUT", "/plugins/reload", NULL, 404, "not found");
    hgh_admin_api_set_reload(test->api, reload_hook, status_hook, test);
    expect(test, "PUT", "/plugins/reload", NULL, 200, "{\"result\":\"done\"}\n");
    assert_int_equal(hgh_admin_queue_count(hgh_admin_api_queue(test->api)), 0);
    assert_string_equal(answer_header(test, "X-API-VERSION"), "v3");
    expect(test, "GET", "/plugins/status", NULL, 200, "{\"generation\":1}\n");
    expect(test, "POST", "/plugins/reload", NULL, 405,
           "{\"error_msg\":\"please use PUT method to reload the plugins, POST method is not "
           "allowed.\"}\n");
    expect(test, "PUT", "/routes/1", ROUTE, 201, ""); /* the queue goes on */
}

/* Sends without waiting: the answers come in the order of the writes. */
typedef struct racer {
    fake_client client;
    hgh_admin_request request;
    char path[64];
    char body[128];
} racer;

static void writes_take_their_turns_and_reads_do_not_wait(void **state)
{
    api_test *test = *state;
    hgh_admin_handler handler = hgh_admin_api_handler(test->api);
    racer *racers = calloc(100, sizeof(*racers));

    for (int i = 0; i < 100; i++) {
        racer *one = &racers[i];

        one->client.later.send = client_send;
        one->client.test = test;
        (void)snprintf(one->path, sizeof(one->path), "/apisix/admin/services/one");
        (void)snprintf(one->body, sizeof(one->body), "{\"desc\":\"%d\",\"plugins\":{\"x\":{}}}", i);
        one->request = (hgh_admin_request){.method = "PUT",
                                           .path = one->path,
                                           .body = one->body,
                                           .body_length = strlen(one->body),
                                           .header = find_header,
                                           .context = test};
        assert_int_equal(hgh_address_parse(hg_text_of("127.0.0.1"), &one->request.client), HG_OK);
        handler.handle(handler.context, &one->request, &one->client.later);
        assert_int_equal(one->client.answers, 0);
    }
    expect(test, "GET", "/services", NULL, 200, "\"total\":0"); /* at once, the writes wait */
    test->waiting = 100;
    assert_int_equal(hgh_event_loop_run(test->loop, NULL), HG_OK);
    for (int i = 0; i < 100; i++) {
        char part[32];

        (void)snprintf(part, sizeof(part), "\"desc\":\"%d\"", i);
        assert_int_equal(racers[i].client.answers, 1);
        assert_int_equal(racers[i].client.answer.status, i == 0 ? 201 : 200);
        assert_non_null(strstr(racers[i].client.answer.body, part));
        hgh_admin_answer_done(&racers[i].client.answer);
    }
    expect(test, "GET", "/services/one", NULL, 200, "\"desc\":\"99\"");
    assert_int_equal(test->store->revision, 100);
    free(racers);
}

static void writes_that_wait_at_the_end_are_answered(void **state)
{
    api_test *test = *state;
    hgh_admin_handler handler = hgh_admin_api_handler(test->api);
    racer one = {.client = {.later = {client_send}, .test = test}};

    one.request = (hgh_admin_request){.method = "DELETE",
                                      .path = "/apisix/admin/services/one",
                                      .header = find_header,
                                      .context = test};
    assert_int_equal(hgh_address_parse(hg_text_of("127.0.0.1"), &one.request.client), HG_OK);
    handler.handle(handler.context, &one.request, &one.client.later);
    hgh_admin_api_free(test->api);
    test->api = NULL;
    assert_int_equal(one.client.answers, 1);
    assert_int_equal(one.client.answer.status, 503);
    hgh_admin_answer_done(&one.client.answer);
}

static void bytes_that_are_no_utf8_do_not_break_an_answer(void **state)
{
    api_test *test = *state;

    static const char *const targets[] = {"/\xff", "/routes/\xc0\xaf", "/routes/\xe2\x82",
                                          "/routes/1/\xed\xa0\x80", "/routes/\xf5\x80\x80\x80"};

    for (size_t i = 0; i < ARRAY_SIZE(targets); i++) {
        expect(test, "PUT", targets[i], ROUTE, 400, "found a path that is not UTF-8");
    }
    expect(test, "GET", "/plugins/x?subsystem=\xff\xe2\x82", NULL, 400,
           "unsupported subsystem: ???");
    expect(test, "PUT", "/routes/\xc3\xa9", ROUTE, 400, "invalid configuration: property");
    expect(test, "GET", "/\xf0\x9f\x98\x80", NULL, 404, "Unsupported resource type: ");
}

#define API_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        API_TEST(only_those_with_a_key_get_in),
        API_TEST(answers_carry_the_headers_that_clients_read),
        API_TEST(generic_errors_come_in_their_order),
        API_TEST(a_body_over_the_limit_is_named_by_its_size),
        API_TEST(hostile_bodies_end_in_a_clear_400),
        API_TEST(objects_are_written_and_read_in_v3),
        cmocka_unit_test_setup_teardown(objects_are_written_and_read_in_v2, set_up_v2, tear_down),
        API_TEST(the_longest_name_is_as_good_as_any),
        API_TEST(credentials_stand_below_their_consumer),
        API_TEST(shared_configurations_are_written_and_used),
        API_TEST(times_are_kept_and_patched),
        API_TEST(a_patch_is_checked_like_a_put),
        API_TEST(what_is_used_is_not_deleted),
        API_TEST(pages_are_cut_from_the_list),
        API_TEST(an_object_with_a_time_to_live_goes_by_itself),
        API_TEST(plugins_and_schemas_are_shown),
        API_TEST(a_viewer_sees_no_secret),
        API_TEST(warnings_of_plugins_are_told),
        API_TEST(without_a_judge_each_plugin_is_unknown),
        API_TEST(reload_and_status_are_answered_by_their_hooks),
        API_TEST(writes_take_their_turns_and_reads_do_not_wait),
        API_TEST(writes_that_wait_at_the_end_are_answered),
        API_TEST(bytes_that_are_no_utf8_do_not_break_an_answer),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
