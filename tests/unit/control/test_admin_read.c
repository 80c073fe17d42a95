/* tests/unit/control/test_admin_read.c - objects, plugins and schemas are shown to those who may
 * see them. */
#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/control/api_fixture.h"
#include "tests/unit/unit.h"

static void lists_are_filtered(void **state)
{
    static const struct {
        const char *target;
        const char *ids; /* those that are listed, in their order */
    } cases[] = {
        {"/routes", "1 2 3 4 "},
        {"/routes?name=a", "1 2 "},
        {"/routes?name=^a", "1 "},
        {"/routes?name=ni", "3 4 "}, /* nil */
        {"/routes?name=^$", ""},
        {"/routes?label=env", "2 3 "},
        {"/routes?label=prod", ""},
        {"/routes?label=", ""},
        {"/routes?uri=/two", "2 3 "},
        {"/routes?uri=e$", "1 3 "},
        {"/routes?uri=/two&label=env&name=be", "2 "},
        {"/routes?filter=service_id=s", "1 "},
        {"/routes?filter=upstream_id=5", "2 4 "},
        {"/routes?filter=upstream_id=5&uri=four", "4 "},
        {"/routes?filter=service_id=s;upstream_id=5", ""},
        {"/routes?filter=upstream_id=6", ""},
        {"/routes?filter=nothing=1", "1 2 3 4 "},
        {"/routes?filter=upstream_id", "1 2 3 4 "},
        {"/services?filter=upstream_id=9", "s "},
        {"/routes?uri=o&page=1&page_size=10", "1 2 3 4 "},
        {"/routes?uri=wo&page=2&page_size=10", ""},
    };
    static const char *const routes[] = {
        "{\"id\":\"1\",\"name\":\"alpha\",\"uri\":\"/one\",\"service_id\":\"s\"}",
        "{\"id\":\"2\",\"name\":\"beta\",\"uri\":\"/"
        "two\",\"upstream_id\":5,\"labels\":{\"env\":\"prod\"}}",
        "{\"id\":\"3\",\"uris\":[\"/two/x\",\"/"
        "three\"],\"plugins\":{},\"labels\":{\"env\":\"test\"}}",
        "{\"id\":\"4\",\"uri\":\"/four\",\"upstream_id\":\"5\"}",
    };
    api_test *test = *state;

    expect(test, "PUT", "/services/s", "{}", 201, "");
    expect(test, "PUT", "/upstreams/5", "{\"nodes\":{}}", 201, "");
    for (size_t i = 0; i < ARRAY_SIZE(routes); i++) {
        expect(test, "PUT", "/routes", routes[i], 201, "");
    }
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        json_t *seen = json_loads(ask(test, "GET", cases[i].target, NULL), 0, NULL);
        char ids[100] = "";
        size_t index;
        json_t *item;

        json_array_foreach(json_object_get(seen, "list"), index, item)
        {
            const json_t *id = json_object_get(json_object_get(item, "value"), "id");

            (void)strcat(strcat(ids, json_string_value(id)), " ");
        }
        if (strcmp(ids, cases[i].ids) != 0) {
            fail_msg("%s: %s", cases[i].target, ids);
        }
        json_decref(seen);
    }
    expect(test, "GET", "/routes?uri=/two&page=1&page_size=10", NULL, 200, "{\"total\":2,");
    expect(test, "GET", "/routes?name=(", NULL, 400, "{\"error_msg\":\"invalid argument name: ");
    expect(test, "GET", "/routes?uri=[", NULL, 400, "{\"error_msg\":\"invalid argument uri: ");
}

static void objects_are_validated_without_being_stored(void **state)
{
    static const struct {
        const char *target;
        const char *body;
        unsigned status;
        const char *part;
    } cases[] = {
        {"/schema/validate/routes", ROUTE, 200, ""},
        {"/schema/validate/routes", "{\"uri\":\"/a\",\"plugins\":{\"unknown\":1}}", 200, ""},
        {"/schema/validate/routes", "{\"uri\":\"/a\",\"service_id\":\"none\"}", 200, ""},
        {"/schema/validate/routes", "{\"uri\":7}", 400,
         "{\"error_msg\":\"property \\\"uri\\\" validation failed: wrong type: expected string, "
         "got "
         "number\",\"errors\":["},
        {"/schema/validate/routes", NULL, 400, "\"wrong type: expected object, got nil\""},
        {"/schema/validate/routes", "[]", 400, "wrong type: expected object, got table"},
        {"/schema/validate/routes", "{", 400, "{\"error_msg\":\"invalid request body: "},
        {"/schema/validate/credentials", "{\"plugins\":{\"a\":{},\"b\":{}}}", 400, "at most 1"},
        {"/schema/validate/global_rules", "{\"id\":1,\"plugins\":{}}", 200, ""},
        {"/schema/validate/nope", "{}", 404,
         "{\"error_msg\":\"Unsupported resource type: nope\"}\n"},
        {"/schema/validate", "{}", 404, "Unsupported resource type: "},
        {"/schema/route", "{}", 404, "not found"},
    };
    api_test *test = *state;

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        expect(test, "POST", cases[i].target, cases[i].body, cases[i].status, cases[i].part);
        assert_true(cases[i].status != 200 || test->client.answer.body_length == 0);
    }
    assert_int_equal(test->store->revision, 0);
    expect(test, "PUT", "/schema/validate/routes", ROUTE, 404, "not found");
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
        {"/plugins/key", 200, "{\"type\":\"object\",\"properties\":{\"_meta\":{"},
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
        {"/schema/host", 400, "not found schema: host"},
        {"/schema/service", 200, "\"hosts\""},
        {"/schema/upstream", 200, "\"retry_timeout\""},
        {"/schema/credential", 200, "\"maxProperties\":1"},
        {"/schema/consumer_group", 200, "\"required\":[\"id\",\"plugins\"]"},
        {"/schema/plugin_config", 200, "\"required\":[\"id\",\"plugins\"]"},
        {"/schema/global_rule", 200, "\"required\":[\"id\",\"plugins\"]"},
        {"/schema/proto", 200, "\"content\""},
        {"/schema/stream_route", 200, "\"server_port\""},
        {"/schema/upstream_hash_vars_schema", 200, "\"mqtt_client_id\""},
        {"/schema/upstream_hash_header_schema", 200, "\"pattern\""},
        {"/schema/plugins", 200, "{\"type\":\"array\""},
        {"/plugins/low?schema_type=metadata", 200, "{\"type\":\"object\"}"},
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

#define API_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        API_TEST(lists_are_filtered),          API_TEST(objects_are_validated_without_being_stored),
        API_TEST(pages_are_cut_from_the_list), API_TEST(plugins_and_schemas_are_shown),
        API_TEST(a_viewer_sees_no_secret),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
