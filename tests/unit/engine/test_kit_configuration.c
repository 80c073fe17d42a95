/* tests/unit/engine/test_kit_configuration.c - objects, configurations, consumers, reloads. */
#include "tests/unit/engine/kit.h"

static void assert_member(const json_t *body, const char *name, const char *json)
{
    char *text = json_dumps(json_object_get(body, name), JSON_COMPACT | JSON_ENCODE_ANY);

    if (text == NULL || strcmp(text, json) != 0) {
        fail_msg("%s: found %s, wanted %s", name, text == NULL ? "nothing" : text, json);
    }
    free(text);
}

static json_t *kinds(hg_test *test, const char *config, const char *uri)
{
    char plugins[1024];
    const hg_test_exchange *exchange;
    json_t *body;

    (void)snprintf(plugins, sizeof(plugins), "{\"kinds\": %s}", config);
    kit_route(test, plugins);
    exchange = hg_test_get(test, uri);
    body = json_loads(exchange->body, 0, NULL);
    if (body == NULL) {
        fail_msg("%u %s", exchange->status, exchange->body);
    }
    return body;
}

static void fields_of_every_kind_have_their_defaults(void **state)
{
    json_t *body;

    kit_load(*state, "kinds");
    body = kinds(*state, "{}", "/kilo");
    assert_member(body, "flag", "true");
    assert_member(body, "count", "0");
    assert_member(body, "has_count", "false");
    assert_member(body, "ratio", "0.5");
    assert_member(body, "name", "\"nobody\"");
    assert_null(json_object_get(body, "password"));
    assert_member(body, "color", "0");
    assert_member(body, "wait_ms", "2000");
    assert_member(body, "size", "4096");
    assert_member(body, "known", "false");
    assert_member(body, "capture", "\"ilo\"");
    assert_member(body, "greeting", "\"hello you\"");
    assert_member(body, "first", "\"\"");
    assert_member(body, "depth", "3");
    assert_member(body, "limit", "7");
    assert_member(body, "resource", "\"routes\"");
    assert_member(body, "id", "\"1\"");
    json_decref(body);
}

static void fields_of_every_kind_are_decoded(void **state)
{
    json_t *body;

    kit_load(*state, "kinds");
    body = kinds(*state,
                 "{\"flag\": false, \"count\": 9, \"ratio\": 1, \"name\": \"me\","
                 " \"password\": \"p\", \"color\": \"green\", \"wait\": \"5m\", \"size\": \"1m\","
                 " \"networks\": [\"127.0.0.0/8\"], \"pattern\": \"(x+)\","
                 " \"greeting\": \"$request_method $arg_who\", \"list\": [\"a\", \"b\"],"
                 " \"object\": {\"depth\": 5}, \"map\": {\"k\": 8}, \"json\": [null]}",
                 "/axxx?who=you");
    assert_member(body, "flag", "false");
    assert_member(body, "count", "9");
    assert_member(body, "has_count", "true");
    assert_member(body, "ratio", "1.0");
    assert_member(body, "password", "\"p\"");
    assert_member(body, "color", "1");
    assert_member(body, "wait_ms", "300000");
    assert_member(body, "size", "1048576");
    assert_member(body, "known", "true");
    assert_member(body, "capture", "\"xxx\"");
    assert_member(body, "greeting", "\"GET you\"");
    assert_member(body, "first", "\"a\"");
    assert_member(body, "depth", "5");
    assert_member(body, "key", "\"k\"");
    assert_member(body, "value", "8");
    assert_member(body, "json", "[null]");
    json_decref(body);
}

static void a_check_names_all_findings(void **state)
{
    json_t *issues = NULL;
    hg_error err = HG_ERROR_INIT;

    kit_load(*state, "kinds");
    assert_int_equal(hg_test_check(*state, "kinds", HG_TEST_ON_ROUTE,
                                   "{\"count\": 10, \"color\": \"blue\"}", &issues, &err),
                     HG_ERR_INVALID);
    assert_int_equal(json_array_size(issues), 2);
    assert_non_null(strstr(err.text, "failed to check the configuration of plugin kinds err: "));
    for (size_t i = 0; i < 2; i++) {
        const json_t *issue = json_array_get(issues, i);

        assert_true(json_is_string(json_object_get(issue, "found")));
        assert_true(json_is_string(json_object_get(issue, "wanted")));
        assert_int_equal(
            strncmp(json_string_value(json_object_get(issue, "pointer")), "/plugins/kinds/co", 17),
            0);
    }
    json_decref(issues);
}

static void the_plugins_own_check_is_asked(void **state)
{
    json_t *issues = NULL;
    hg_error err = HG_ERROR_INIT;

    kit_load(*state, "kinds");
    assert_int_equal(
        hg_test_check(*state, "kinds", HG_TEST_ON_ROUTE, "{\"count\": 4}", &issues, &err),
        HG_ERR_INVALID);
    assert_string_equal(json_string_value(json_object_get(json_array_get(issues, 0), "pointer")),
                        "/plugins/kinds/count");
    json_decref(issues);
    assert_int_equal(
        hg_test_check(*state, "kinds", HG_TEST_ON_ROUTE, "{\"count\": 5}", &issues, &err), HG_OK);
    assert_int_equal(json_array_size(issues), 0);
    json_decref(issues);
}

static void objects_are_refused_as_the_admin_api_does(void **state)
{
    static const struct {
        const char *label;
        const char *key;
        const char *json;
        const char *text;
    } cases[] = {
        {"unknown kind", "rotues/1", "{}", "wanted routes/ID"},
        {"no id", "routes/", "{}", "wanted routes/ID"},
        {"no JSON", "routes/1", "{", "JSON, line 1"},
        {"no object", "routes/1", "[]", "is no JSON object"},
        {"unknown plugin", "routes/1", "{\"uri\": \"/\", \"plugins\": {\"no\": {}}}",
         "unknown plugin [no]"},
        {"configuration that is no object", "routes/1",
         "{\"uri\": \"/\", \"plugins\": {\"kinds\": 1}}",
         "invalid plugin conf 1 for plugin [kinds]"},
        {"consumer", "consumers/c", "{\"username\": \"c\", \"plugins\": {\"no\": {}}}",
         "invalid plugins configuration: unknown plugin [no]"},
    };

    kit_load(*state, "kinds");
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        hg_error err = HG_ERROR_INIT;
        hg_status status = hg_test_put(*state, cases[i].key, cases[i].json, &err);

        if (status != HG_ERR_INVALID || strstr(err.text, cases[i].text) == NULL) {
            fail_msg("%s: %d \"%s\"", cases[i].label, (int)status, err.text);
        }
    }
    assert_int_equal(hg_test_get(*state, "/")->status, 404);
}

static void an_object_that_is_deleted_is_gone(void **state)
{
    hg_error err = HG_ERROR_INIT;

    kit_route(*state, "{}");
    assert_int_equal(hg_test_get(*state, "/")->status, 200);
    assert_int_equal(hg_test_delete(*state, "routes/1", &err), HG_OK);
    assert_int_equal(hg_test_get(*state, "/")->status, 404);
    assert_int_equal(hg_test_delete(*state, "routes/1", &err), HG_ERR_NOT_FOUND);
}

static void services_and_upstreams_are_found(void **state)
{
    hg_error err = HG_ERROR_INIT;
    const hg_test_exchange *exchange;

    kit_load(*state, "exit");
    assert_int_equal(hg_test_put(*state, "upstreams/u", "{\"nodes\": {\"10.9.9.9:99\": 1}}", &err),
                     HG_OK);
    assert_int_equal(hg_test_put(*state, "services/s",
                                 "{\"upstream_id\": \"u\", \"plugins\": {\"exit\":"
                                 " {\"way\": \"status\", \"status\": 418}}}",
                                 &err),
                     HG_OK);
    assert_int_equal(
        hg_test_put(*state, "routes/1", "{\"uri\": \"/a\", \"service_id\": \"s\"}", &err), HG_OK);
    assert_int_equal(hg_test_get(*state, "/a")->status, 418);
    assert_int_equal(hg_test_put(*state, "services/s", "{\"upstream_id\": \"u\"}", &err), HG_OK);
    exchange = hg_test_get(*state, "/a");
    assert_string_equal(exchange->upstream_node, "10.9.9.9:99");
}

static void consumers_are_identified_and_bring_their_plugins(void **state)
{
    hg_error err = HG_ERROR_INIT;
    const hg_test_exchange *exchange;

    kit_load(*state, "consumer");
    kit_load(*state, "response");
    kit_route(*state, "{\"consumer\": {}}");
    exchange = hg_test_send(*state, &(hg_test_request){.headers = "X-Token: t\n"});
    assert_int_equal(exchange->status, 401);
    kit_assert_log(*state, "any -> 0");
    assert_int_equal(hg_test_put(*state, "consumers/jack",
                                 "{\"username\": \"jack\", \"plugins\": {\"consumer\":"
                                 " {\"token\": \"t\", \"role\": \"admin\"},"
                                 " \"response\": {\"header\": \"of jack\"}}}",
                                 &err),
                     HG_OK);
    exchange = hg_test_send(*state, &(hg_test_request){.headers = "X-Token: t\n"});
    assert_int_equal(exchange->status, 200);
    kit_assert_log(*state, "jack is a admin");
    assert_string_equal(hg_test_upstream_header(*state, exchange, "X-Consumer-Username"), "jack");
    assert_string_equal(hg_test_header(*state, exchange, "X-Test"), "of jack");
    exchange = hg_test_send(*state, &(hg_test_request){.headers = "X-Token: u\n"});
    assert_int_equal(exchange->status, 401);
    assert_int_equal(hg_test_check(*state, "consumer", HG_TEST_ON_CONSUMER, "{}", NULL, &err),
                     HG_ERR_INVALID);
    assert_int_equal(hg_test_check(*state, "consumer", HG_TEST_ON_ROUTE, "{}", NULL, &err), HG_OK);
}

static void a_consumer_is_found_by_its_name_too(void **state)
{
    hg_error err = HG_ERROR_INIT;
    const hg_test_exchange *exchange;

    kit_load(*state, "consumer");
    kit_load(*state, "response");
    kit_route(*state, "{\"consumer\": {\"anonymous\": \"nobody\"}}");
    assert_int_equal(hg_test_get(*state, "/")->status, 401);
    assert_int_equal(hg_test_put(*state, "consumers/nobody",
                                 "{\"username\": \"nobody\", \"plugins\":"
                                 " {\"response\": {\"header\": \"of nobody\"}}}",
                                 &err),
                     HG_OK);
    exchange = hg_test_get(*state, "/");
    assert_int_equal(exchange->status, 200);
    kit_assert_log(*state, "nobody is a ?"); /* it has no token */
    assert_string_equal(hg_test_upstream_header(*state, exchange, "X-Consumer-Username"), "nobody");
    assert_string_equal(hg_test_header(*state, exchange, "X-Test"), "of nobody");
    assert_int_equal(hg_test_delete(*state, "consumers/nobody", &err), HG_OK);
    assert_int_equal(hg_test_get(*state, "/")->status, 401);
}

static void attributes_reach_init(void **state)
{
    static const struct {
        const char *label;
        const char *attributes;
        hg_status status;
        const char *text;
    } cases[] = {
        {"given", "{\"limit\": 3}", HG_OK, ""},
        {"out of range", "{\"limit\": 0}", HG_ERR_INVALID, "plugin_attr: "},
        {"refused by init", "{\"limit\": 13}", HG_ERR_INVALID, "13 brings bad luck"},
        {"no JSON", "{", HG_ERR_INVALID, "attributes: "},
    };
    json_t *body;

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        hg_error err = HG_ERROR_INIT;
        hg_status status = hg_test_load(*state, kit_path("kinds"), cases[i].attributes, &err);

        if (status != cases[i].status || strstr(err.text, cases[i].text) == NULL) {
            fail_msg("%s: %d \"%s\"", cases[i].label, (int)status, err.text);
        }
    }
    body = kinds(*state, "{}", "/k"); /* the one that was accepted is still there */
    assert_member(body, "limit", "3");
    json_decref(body);
}

static void objects_that_are_no_plugins_are_refused(void **state)
{
    hg_error err = HG_ERROR_INIT;
    char path[] = "/tmp/hotgate-kit-XXXXXX.so";
    int fd = mkstemps(path, 3);

    assert_int_equal(hg_test_load(*state, "/nowhere/a.so", NULL, &err), HG_ERR_IO);
    assert_int_equal(hg_test_load(*state, "/nowhere/a", NULL, &err), HG_ERR_INVALID);
    assert_true(fd >= 0);
    assert_int_equal(hg_test_load(*state, path, NULL, &err), HG_ERR_IO);
    assert_int_equal(remove(path), 0);
    assert_int_equal(hg_test_objects_mapped(*state), 0);
    assert_int_equal(hg_test_unload(*state, "nobody", &err), HG_ERR_NOT_FOUND);
}

static void a_reload_exchanges_the_code_and_unmaps_the_old(void **state)
{
    hg_error err = HG_ERROR_INIT;
    const hg_test_exchange *running;
    json_t *about;

    kit_load(*state, "version");
    kit_route(*state, "{\"version\": {\"number\": 5}}");
    assert_string_equal(hg_test_get(*state, "/")->body, "1.0.0");
    assert_int_equal(hg_test_objects_mapped(*state), 1);

    running = hg_test_begin(*state, &(hg_test_request){0});
    kit_load(*state, "second/version");
    assert_string_equal(hg_test_get(*state, "/")->body, "2.0.0");
    assert_true(running->ended); /* its time was over too */
    assert_string_equal(running->body, "1.0.0");
    hg_test_advance(*state, 0);
    assert_int_equal(hg_test_objects_mapped(*state), 1);
    about = hg_test_describe(*state, "version");
    assert_string_equal(json_string_value(json_object_get(about, "version")), "2.0.0");
    json_decref(about);

    for (int i = 0; i < 20; i++) {
        kit_load(*state, i % 2 == 0 ? "version" : "second/version");
        (void)hg_test_get(*state, "/");
        assert_int_equal(hg_test_objects_mapped(*state), 1);
    }
    assert_int_equal(hg_test_unload(*state, "version", &err), HG_OK);
    assert_int_equal(hg_test_objects_mapped(*state), 0);
    assert_int_equal(hg_test_get(*state, "/")->status, 503);
    assert_null(hg_test_describe(*state, "version"));
}

static void a_version_that_refuses_a_configuration_in_use_is_not_loaded(void **state)
{
    hg_error err = HG_ERROR_INIT;

    kit_load(*state, "version");
    kit_route(*state, "{\"version\": {\"number\": 50}}");
    assert_int_equal(hg_test_load(*state, kit_path("second/version"), NULL, &err), HG_ERR_INVALID);
    assert_non_null(strstr(err.text, "routes/1: "));
    assert_string_equal(hg_test_get(*state, "/")->body, "1.0.0");
    assert_int_equal(hg_test_objects_mapped(*state), 1);
}

static void a_new_generation_keeps_the_other_plugins(void **state)
{
    kit_load(*state, "version");
    kit_load(*state, "exit");
    assert_int_equal(hg_test_objects_mapped(*state), 2);
    kit_route(*state, "{\"version\": {}}");
    kit_load(*state, "exit");
    assert_string_equal(hg_test_get(*state, "/")->body, "1.0.0");
    assert_int_equal(hg_test_objects_mapped(*state), 2);
}

static void put_ok(hg_test *test, const char *key, const char *json)
{
    hg_error err = HG_ERROR_INIT;

    if (hg_test_put(test, key, json, &err) != HG_OK) {
        fail_msg("%s: %s", key, err.text);
    }
}

static void objects_of_every_kind_bind_plugins(void **state)
{
    static const struct {
        const char *key;
        const char *json;
    } objects[] = {
        {"services/s", "{\"plugins\": {\"unit_a\": {\"tag\": \"service\"}}}"},
        {"plugin_configs/p", "{\"plugins\": {\"unit_b\": {\"tag\": \"plugin config\"}}}"},
        {"consumer_groups/g", "{\"plugins\": {\"unit_c\": {\"tag\": \"group\"}}}"},
        {"consumers/jack", "{\"username\": \"jack\", \"group_id\": \"g\"}"},
        {"consumers/jack/credentials/one", "{\"plugins\": {\"unit_auth\": {\"key\": \"k\"}}}"},
        {"global_rules/1", "{\"plugins\": {\"unit_a\": {\"tag\": \"global\"}}}"},
        {"plugin_metadata/unit_metadata", "{\"word\": \"shared\"}"},
        {"routes/1", "{\"uri\": \"/*\", \"service_id\": \"s\", \"plugin_config_id\": \"p\","
                     " \"plugins\": {\"unit_auth\": {}, \"unit_metadata\": {}},"
                     " \"upstream\": {\"nodes\": {\"10.0.0.1:80\": 1}}}"},
    };
    static const char *const lines[] = {"access:service", "access:plugin config", "access:group",
                                        "access:global", "word:shared"};
    static const char *const plugins[] = {"unit_a", "unit_auth", "unit_b", "unit_c",
                                          "unit_metadata"};
    hg_test_request request = {.headers = "key: k\n"};
    const hg_test_exchange *exchange;

    for (size_t i = 0; i < ARRAY_SIZE(plugins); i++) {
        kit_load(*state, plugins[i]);
    }
    for (size_t i = 0; i < ARRAY_SIZE(objects); i++) {
        put_ok(*state, objects[i].key, objects[i].json);
    }
    exchange = hg_test_send(*state, &request);
    assert_int_equal(exchange->status, 200);
    for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
        kit_assert_log(*state, lines[i]);
    }
    assert_string_equal(hg_test_upstream_header(*state, exchange, "X-Credential-Identifier"),
                        "one");
    assert_string_equal(hg_test_header(*state, exchange, "X-Word"), "shared");
    for (size_t i = 0; i < ARRAY_SIZE(objects); i++) {
        if (hg_test_delete(*state, objects[i].key, NULL) != HG_OK) {
            fail_msg("%s", objects[i].key);
        }
    }
}

static void metadata_is_judged_when_it_is_put_and_when_a_plugin_is_loaded(void **state)
{
    hg_error err = HG_ERROR_INIT;

    kit_load(*state, "unit_metadata");
    assert_int_equal(hg_test_put(*state, "plugin_metadata/unit_metadata", "{\"word\": 7}", &err),
                     HG_ERR_INVALID);
    assert_non_null(strstr(err.text, "unit_metadata"));
    assert_int_equal(hg_test_put(*state, "plugin_metadata/gone", "{}", &err), HG_ERR_INVALID);
    assert_int_equal(hg_test_check(*state, "unit_metadata", HG_TEST_AS_METADATA,
                                   "{\"word\": \"longer than twenty characters\"}", NULL, &err),
                     HG_ERR_INVALID);
    put_ok(*state, "plugin_metadata/unit_metadata", "{\"word\": \"fine\"}");
    kit_load(*state, "unit_metadata"); /* its next version takes it too */
    kit_route(*state, "{\"unit_metadata\": {}}");
    assert_string_equal(hg_test_header(*state, hg_test_get(*state, "/"), "X-Word"), "fine");
}

/* As the Admin API reads them: a schema takes 5.0 for an integer, and so does who reads it. */
static void whole_numbers_are_integers_however_they_are_written(void **state)
{
    static const char *const rows[][2] = {
        {"{\"unit_raw\": {\"count\": 5}}", "count:5"},
        {"{\"unit_raw\": {\"count\": 6.0}}", "count:6"},
        {"{\"unit_raw\": {\"count\": 7e2}}", "count:700"},
    };

    kit_load(*state, "unit_raw");
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        kit_route(*state, rows[i][0]);
        assert_int_equal(hg_test_get(*state, "/")->status, 200);
        kit_assert_log(*state, rows[i][1]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        KIT_TEST(fields_of_every_kind_have_their_defaults),
        KIT_TEST(fields_of_every_kind_are_decoded),
        KIT_TEST(a_check_names_all_findings),
        KIT_TEST(the_plugins_own_check_is_asked),
        KIT_TEST(objects_are_refused_as_the_admin_api_does),
        KIT_TEST(an_object_that_is_deleted_is_gone),
        KIT_TEST(services_and_upstreams_are_found),
        KIT_TEST(consumers_are_identified_and_bring_their_plugins),
        KIT_TEST(a_consumer_is_found_by_its_name_too),
        KIT_TEST(attributes_reach_init),
        KIT_TEST(objects_that_are_no_plugins_are_refused),
        KIT_TEST(a_reload_exchanges_the_code_and_unmaps_the_old),
        KIT_TEST(a_version_that_refuses_a_configuration_in_use_is_not_loaded),
        KIT_TEST(a_new_generation_keeps_the_other_plugins),
        KIT_TEST(objects_of_every_kind_bind_plugins),
        KIT_TEST(metadata_is_judged_when_it_is_put_and_when_a_plugin_is_loaded),
        KIT_TEST(whole_numbers_are_integers_however_they_are_written),
    };

    return cmocka_run_group_tests_name("kit_configuration", tests, NULL, NULL);
}
