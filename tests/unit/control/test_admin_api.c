/* tests/unit/control/test_admin_api.c - each request has its status and its words. */
#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/control/api_fixture.h"
#include "tests/unit/unit.h"

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
        {"PUT", "/routes/1", "{\"uri\":", 400, "\"req_body\":\"***\"}\n"},
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
        {"PUT", "/routes", "{\"id\":0,\"uri\":\"/a\"," UP "}", 400,
         "invalid configuration: property \\\"id\\\" validation"},
        {"PUT", "/routes", "{\"id\":-1,\"uri\":\"/a\"," UP "}", 400,
         "invalid configuration: property \\\"id\\\" validation"},
        {"PUT", "/routes", "{\"id\":1.5,\"uri\":\"/a\"," UP "}", 400,
         "invalid configuration: property \\\"id\\\" validation"},
        {"PUT", "/routes/1", "{\"uri\":\"/a\",\"upstream_id\":1e3}", 400,
         "failed to fetch upstream info by upstream id [1000], response code: 404"},
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

/* As in APISIX's own documentation, where code stands in a configuration. */
static void line_breaks_inside_of_texts_are_taken(void **state)
{
    static const struct {
        const char *body;
        const char *desc; /* as it is stored */
    } cases[] = {
        {"{\"plugins\":{},\"uri\":\"/\",\n\t\"desc\":\"one\ntwo\"}", "one\\ntwo"},
        {"{\"plugins\":{},\"uri\":\"/\",\"desc\":\"a\tb\rc\"}\n", "a\\tb\\rc"},
        {"{\"plugins\":{},\"uri\":\"/\",\"desc\":\"a\\\"\nb\\\\\"}", "a\\\"\\nb\\\\"},
        {"{\"plugins\":{},\"uri\":\"/\",\"desc\":\"no\\nbreak\"}", "no\\nbreak"},
    };
    api_test *test = *state;

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char wanted[64];
        const char *seen;

        (void)snprintf(wanted, sizeof(wanted), "\"desc\":\"%s\"", cases[i].desc);
        seen = ask_bytes(test, "PUT", "/routes/1", cases[i].body, strlen(cases[i].body));
        if (test->client.answer.status > 201 || strstr(seen, wanted) == NULL) {
            fail_msg("%s: %u %s", wanted, test->client.answer.status, seen);
        }
    }
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
        {"another control character", "{\"uri\":\"/\x01\"}", 0, "control character 0x1"},
        {"a line break in a text that does not end", "{\"uri\":\"/\n", 0, "invalid request body: "},
        {"a line break behind a backslash", "{\"uri\":\"/\\\n\"}", 0, "invalid request body: "},
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
    hgh_admin_api_set_reload(test->api, &(hgh_admin_reload_calls){
                                            .reload = reload_hook,
                                            .status = status_hook,
                                            .context = test,
                                        });
    expect(test, "PUT", "/plugins/reload", NULL, 200, "{\"result\":\"done\"}\n");
    assert_int_equal(hgh_admin_queue_count(hgh_admin_api_queue(test->api)), 0);
    assert_string_equal(answer_header(test, "X-API-VERSION"), "v3");
    expect(test, "GET", "/plugins/status", NULL, 200, "{\"generation\":1}\n");
    expect(test, "POST", "/plugins/reload", NULL, 405,
           "{\"error_msg\":\"please use PUT method to reload the plugins, POST method is not "
           "allowed.\"}\n");
    expect(test, "PUT", "/routes/1", ROUTE, 201, ""); /* the queue goes on */
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
        API_TEST(line_breaks_inside_of_texts_are_taken),
        API_TEST(hostile_bodies_end_in_a_clear_400),
        API_TEST(reload_and_status_are_answered_by_their_hooks),
        API_TEST(bytes_that_are_no_utf8_do_not_break_an_answer),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
