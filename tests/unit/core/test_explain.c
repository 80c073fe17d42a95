/* tests/unit/core/test_explain.c - a request is told why it gets what it gets. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/core/explain.h"
#include "tests/unit/core/requests.h"
#include "tests/unit/unit.h"

#define PLUGINS                                                                                    \
    "unit_a=1 unit_auth=2 unit_b=3 unit_c=4 unit_global=5 unit_auth_wait=6 unit_metadata=7 "       \
    "delegate=8"
#define UPSTREAM "\"upstream\":{\"nodes\":{\"127.0.0.1:1\":1}}"
#define ROWS_MAX 4096u

static char rows_text[ROWS_MAX];

static int set_up(void **state)
{
    (void)state;
    requests_set_up(PLUGINS, NULL);
    return 0;
}

static int set_up_listed(void **state)
{
    (void)state;
    requests_set_up("unit_b=3", "[\"unit_b\",\"unit_c\"]");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    requests_tear_down();
    return 0;
}

static void put(hgh_resource_kind kind, const char *id, const char *json)
{
    request_object_put(kind, id, json);
}

static void say_key(const char *key)
{
    on.client.headers[on.client.header_count++] = (hg_header){HG_TEXT("key"), hg_text_of(key)};
}

static hg_request *begin(const hgh_explain_options *options)
{
    hg_request *request =
        hgh_request_new_explained(on.runtime, &on.client, hgh_explanation_new(options));

    assert_non_null(request);
    return request;
}

static void end(hg_request *request)
{
    (void)hgh_request_header_filter(request);
    hgh_request_log(request);
    hgh_request_done(request);
    (void)fake_engine_run();
}

static json_t *report_of(const hg_request *request)
{
    json_t *report = json_loadb(request->exit.body.data, request->exit.body.length, 0, NULL);

    assert_non_null(report);
    return report;
}

/* The whole report of a request that goes nowhere. */
static json_t *explain_with(const hgh_explain_options *options)
{
    hg_request *request;
    json_t *report;

    fake_log_clear();
    request = begin(options);
    assert_int_equal(hgh_request_run(request), HGH_ANSWER);
    assert_int_equal(request->exit.status, 200);
    report = report_of(request);
    end(request);
    return report;
}

static json_t *explain(void)
{
    return explain_with(&(hgh_explain_options){.is_dry = true});
}

/* The rows under a name as "MEMBER MEMBER; MEMBER MEMBER", of the members that are named. */
static const char *rows(const json_t *report, const char *name, const char *const *members)
{
    const json_t *list = json_object_get(report, name);
    size_t length = 0;

    rows_text[0] = '\0';
    for (size_t i = 0; i < json_array_size(list); i++) {
        for (size_t k = 0; members[k] != NULL; k++) {
            json_t *value = json_object_get(json_array_get(list, i), members[k]);
            char *text = json_is_string(value)
                             ? strdup(json_string_value(value))
                             : json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY | JSON_SORT_KEYS);

            length +=
                (size_t)snprintf(rows_text + length, sizeof(rows_text) - length, "%s%s",
                                 k > 0 ? " " : (i > 0 ? "; " : ""), text == NULL ? "-" : text);
            free(text);
        }
    }
    return rows_text;
}

static const char *plugins_of(const json_t *report)
{
    return rows(report, "plugins", (const char *const[]){"plugin", "from", "place", NULL});
}

static const char *skipped_of(const json_t *report)
{
    return rows(report, "skipped", (const char *const[]){"plugin", "from", "why", "values", NULL});
}

static const char *answer_of(const json_t *report)
{
    static char text[256];
    char *dumped = json_dumps(json_object_get(report, "answer"), JSON_COMPACT | JSON_SORT_KEYS);

    (void)snprintf(text, sizeof(text), "%s", dumped == NULL ? "" : dumped);
    free(dumped);
    return text;
}

static const char *text_of(const json_t *report, const char *name)
{
    const char *text = json_string_value(json_object_get(report, name));

    return text == NULL ? "" : text;
}

/* ----------------------------------------------------------------------------------- a dry one */

static void a_dry_request_calls_no_plugin_but_those_that_authenticate(void **state)
{
    json_t *report;

    (void)state;
    put(HGH_GLOBAL_RULES, "1", "{\"plugins\":{\"unit_global\":{}}}");
    put(HGH_CONSUMERS, "jack",
        "{\"plugins\":{\"unit_auth\":{\"key\":\"k\"},\"unit_c\":{\"exit_status\":500}}}");
    put(HGH_ROUTES, "1",
        "{\"uri\":\"/\"," UPSTREAM ",\"plugins\":{\"unit_auth\":{},\"unit_b\":{}}}");
    say_key("k");
    report = explain();
    assert_string_equal(fake_log_text(), "plugin unit_auth: rewrite:-\nplugin unit_auth: key:k\n");
    assert_string_equal(text_of(report, "consumer"), "jack");
    assert_string_equal(plugins_of(report),
                        "unit_global global_rules/1 priority; unit_auth routes/1 priority; "
                        "unit_b routes/1 priority; unit_c consumers/jack priority");
    json_decref(report);
}

static void a_request_after_it_runs_as_ever(void **state)
{
    hg_request *request;

    (void)state;
    put(HGH_ROUTES, "1", "{\"uri\":\"/\"," UPSTREAM ",\"plugins\":{\"unit_b\":{}}}");
    json_decref(explain());
    request = hgh_request_new(on.runtime, &on.client);
    assert_int_equal(hgh_request_run(request), HGH_GO_UPSTREAM);
    end(request);
    assert_int_equal(fake_log_count("unit_b: "), 5);
    assert_int_equal(fake_log_count("explain"), 0);
}

static void an_authentication_that_waits_is_waited_for(void **state)
{
    hg_request *request;
    json_t *report;

    (void)state;
    put(HGH_CONSUMERS, "jack", "{\"plugins\":{\"unit_auth_wait\":{\"key\":\"k\"}}}");
    put(HGH_ROUTES, "1",
        "{\"uri\":\"/\"," UPSTREAM ",\"plugins\":{\"unit_auth_wait\":{\"sleep_ms\":5}}}");
    say_key("k");
    request = begin(&(hgh_explain_options){.is_dry = true});
    assert_int_equal(hgh_request_run(request), HGH_PARKED);
    fake_now_ms += 5;
    (void)fake_engine_run();
    assert_true(on.client.resumed);
    assert_int_equal(hgh_request_run(request), HGH_ANSWER);
    report = report_of(request);
    assert_string_equal(text_of(report, "consumer"), "jack");
    json_decref(report);
    end(request);
}

static void a_consumer_may_be_named(void **state)
{
    json_t *report;

    (void)state;
    put(HGH_CONSUMERS, "jack", "{\"plugins\":{\"unit_c\":{}}}");
    put(HGH_ROUTES, "1", "{\"uri\":\"/\"," UPSTREAM ",\"plugins\":{\"unit_auth\":{}}}");
    report = explain_with(&(hgh_explain_options){.is_dry = true, .consumer = HG_TEXT("jack")});
    assert_string_equal(fake_log_text(), ""); /* nobody authenticates */
    assert_string_equal(text_of(report, "consumer"), "jack");
    assert_string_equal(plugins_of(report),
                        "unit_auth routes/1 priority; unit_c consumers/jack priority");
    json_decref(report);
    report = explain_with(&(hgh_explain_options){.is_dry = true, .consumer = HG_TEXT("nobody")});
    assert_string_equal(text_of(report, "consumer"), "");
    assert_string_equal(json_string_value(json_array_get(json_object_get(report, "log"), 0)),
                        "explain: there is no consumer nobody");
    json_decref(report);
}

/* ------------------------------------------------------------------------------- what is told */

static void each_place_has_its_reason(void **state)
{
    json_t *report;

    (void)state;
    put(HGH_ROUTES, "1",
        "{\"uri\":\"/\"," UPSTREAM ",\"plugins\":{\"unit_a\":{},\"unit_c\":{},"
        "\"unit_b\":{\"_meta\":{\"priority\":-5}},\"unit_metadata\":{\"_meta\":{\"priority\":10}}}"
        "}");
    report = explain();
    assert_string_equal(plugins_of(report),
                        "unit_a routes/1 priority; "
                        "unit_c routes/1 priority, that of unit_a too: by name; "
                        "unit_metadata routes/1 _meta.priority, that of unit_c too: by name; "
                        "unit_b routes/1 _meta.priority");
    json_decref(report);
}

static void the_order_is_that_of_the_calls(void **state)
{
    json_t *report;

    (void)state;
    put(HGH_CONSUMERS, "jack",
        "{\"plugins\":{\"unit_auth\":{\"key\":\"k\"},\"unit_b\":{\"tag\":\"c\"},"
        "\"unit_c\":{\"_meta\":{\"priority\":99}}}}");
    put(HGH_ROUTES, "1",
        "{\"uri\":\"/\"," UPSTREAM
        ",\"plugins\":{\"unit_auth\":{},\"unit_a\":{},\"unit_b\":{\"tag\":\"r\"}}}");
    say_key("k");
    report = explain();
    assert_string_equal(
        rows(report, "phases", (const char *const[]){"phase", "plugins", NULL}),
        "rewrite [\"unit_auth (routes/1)\",\"unit_b (routes/1)\",\"unit_a (routes/1)\","
        "\"unit_c (consumers/jack)\"]; "
        "access [\"unit_c (consumers/jack)\",\"unit_auth (routes/1)\",\"unit_b (consumers/jack)\","
        "\"unit_a (routes/1)\"]; "
        "before_proxy [\"unit_c (consumers/jack)\",\"unit_auth (routes/1)\","
        "\"unit_b (consumers/jack)\",\"unit_a (routes/1)\"]; "
        "header_filter [\"unit_c (consumers/jack)\",\"unit_auth (routes/1)\","
        "\"unit_b (consumers/jack)\",\"unit_a (routes/1)\"]; "
        "body_filter [\"unit_c (consumers/jack)\",\"unit_auth (routes/1)\","
        "\"unit_b (consumers/jack)\",\"unit_a (routes/1)\"]; "
        "log [\"unit_c (consumers/jack)\",\"unit_auth (routes/1)\",\"unit_b (consumers/jack)\","
        "\"unit_a (routes/1)\"]");
    assert_string_equal(
        rows(report, "plugins", (const char *const[]){"plugin", "from", "overrides", NULL}),
        "unit_c consumers/jack []; unit_auth routes/1 []; unit_b consumers/jack [\"routes/1\"]; "
        "unit_a routes/1 []; unit_b routes/1 -");
    json_decref(report);
}

static void every_object_is_named_that_a_configuration_comes_from(void **state)
{
    json_t *report;

    (void)state;
    put(HGH_CONSUMER_GROUPS, "gold", "{\"plugins\":{\"unit_a\":{},\"unit_b\":{}}}");
    put(HGH_CONSUMERS, "jack", "{\"group_id\":\"gold\",\"plugins\":{\"unit_a\":{}}}");
    put(HGH_CREDENTIALS, "jack/credentials/one", "{\"plugins\":{\"unit_auth\":{\"key\":\"k\"}}}");
    put(HGH_PLUGIN_CONFIGS, "pc", "{\"plugins\":{\"unit_a\":{},\"unit_c\":{}}}");
    put(HGH_SERVICES, "s",
        "{\"name\":\"shop\",\"plugins\":{\"unit_a\":{},\"unit_metadata\":{}}," UPSTREAM "}");
    put(HGH_ROUTES, "1",
        "{\"uri\":\"/\",\"name\":\"one\",\"service_id\":\"s\",\"plugin_config_id\":\"pc\","
        "\"plugins\":{\"unit_a\":{},\"unit_auth\":{}}}");
    put(HGH_GLOBAL_RULES, "g", "{\"plugins\":{\"unit_a\":{}}}");
    say_key("k");
    report = explain();
    assert_string_equal(
        rows(report, "plugins", (const char *const[]){"plugin", "from", "overrides", NULL}),
        "unit_a global_rules/g []; unit_metadata services/s []; unit_auth routes/1 []; "
        "unit_b consumer_groups/gold []; unit_a consumers/jack [\"consumer_groups/gold\","
        "\"routes/1\",\"plugin_configs/pc\",\"services/s\"]; unit_c plugin_configs/pc []; "
        "unit_a routes/1 -");
    assert_string_equal(text_of(report, "route_name"), "one");
    assert_string_equal(text_of(report, "service"), "s");
    assert_string_equal(text_of(report, "service_name"), "shop");
    assert_string_equal(text_of(report, "plugin_config"), "pc");
    assert_string_equal(text_of(report, "credential"), "one");
    assert_string_equal(text_of(report, "group"), "gold");
    assert_string_equal(text_of(report, "upstream"), "services/s");
    json_decref(report);
}

static void what_does_not_run_has_its_reason(void **state)
{
    json_t *report;

    (void)state;
    put(HGH_GLOBAL_RULES, "1", "{\"plugins\":{\"unit_global\":{}}}");
    put(HGH_CONSUMERS, "jack", "{\"plugins\":{\"unit_auth\":{\"key\":\"k\"}}}");
    put(HGH_ROUTES, "1",
        "{\"uri\":\"/\"," UPSTREAM ",\"plugins\":{\"unit_auth\":{},\"unit_global\":{},\"unit_a\":{"
        "\"_meta\":{\"disable\":true}},"
        "\"unit_b\":{\"_meta\":{\"filter\":[[\"arg_x\",\"==\",\"1\"],[\"http_y\",\"==\",\"2\"]]}}}"
        "}");
    on.client.arguments = HG_TEXT("x=7");
    say_key("k");
    report = explain();
    assert_string_equal(skipped_of(report),
                        "unit_global global_rules/1 the route has it -; "
                        "unit_auth consumers/jack it is what the consumer is known by -; "
                        "unit_a routes/1 _meta.disable is true -; "
                        "unit_b routes/1 its filter is false {\"arg_x\":\"7\",\"http_y\":null}");
    json_decref(report);
}

static void a_list_of_plugins_is_a_reason(void **state)
{
    json_t *report;

    (void)state;
    put(HGH_ROUTES, "1", "{\"uri\":\"/\"," UPSTREAM ",\"plugins\":{\"unit_a\":{},\"unit_b\":{}}}");
    report = explain();
    assert_string_equal(skipped_of(report),
                        "unit_a routes/1 the list of plugins in config.yaml leaves it out -");
    assert_string_equal(answer_of(report), "");
    json_decref(report);
    put(HGH_ROUTES, "1", "{\"uri\":\"/\"," UPSTREAM ",\"plugins\":{\"unit_c\":{}}}");
    report = explain();
    assert_string_equal(skipped_of(report), "unit_c routes/1 not in the plugins directory -");
    assert_string_equal(answer_of(report), "{\"plugin\":null,\"status\":503}");
    json_decref(report);
}

static void a_request_without_a_route_is_told_so(void **state)
{
    json_t *report;

    (void)state;
    put(HGH_ROUTES, "1", "{\"uri\":\"/\",\"methods\":[\"POST\"]," UPSTREAM "}");
    report = explain();
    assert_string_equal(answer_of(report), "{\"plugin\":null,\"status\":404}");
    assert_string_equal(
        rows(report, "routes", (const char *const[]){"route", "result", "why", NULL}),
        "1 does not fit its methods: [\"POST\"]");
    json_decref(report);
}

static void a_plugin_that_holds_others_names_them(void **state)
{
    json_t *report;

    (void)state;
    put(HGH_ROUTES, "1",
        "{\"uri\":\"/\"," UPSTREAM ",\"plugins\":{\"delegate\":{\"inside\":"
        "[{\"unit_a\":{}},{\"unit_auth\":{}}]}}}");
    report = explain();
    assert_string_equal(rows(report, "plugins", (const char *const[]){"plugin", "holds", NULL}),
                        "delegate [\"unit_a\",\"unit_auth\"]");
    json_decref(report);
}

/* ----------------------------------------------------------------------------------- a live one */

static hg_text response_header(const char *name)
{
    for (size_t i = 0; i < on.client.response_header_count; i++) {
        if (hg_text_equal(on.client.response_headers[i].name, hg_text_of(name))) {
            return on.client.response_headers[i].value;
        }
    }
    return (hg_text){0};
}

static void a_live_request_runs_and_is_told_in_a_header_and_in_the_log(void **state)
{
    hg_request *request;
    json_t *report;

    (void)state;
    put(HGH_ROUTES, "1",
        "{\"uri\":\"/\"," UPSTREAM ",\"plugins\":{\"unit_a\":{},\"unit_b\":{\"_meta\":"
        "{\"filter\":[[\"arg_x\",\"==\",\"1\"]]}}}}");
    request = begin(&(hgh_explain_options){.is_dry = false});
    assert_int_equal(hgh_request_run(request), HGH_GO_UPSTREAM);
    end(request);
    assert_int_equal(fake_log_count("unit_a: "), 5);
    assert_int_equal(fake_log_count("unit_b: "), 0);
    report = json_loads(response_header(HGH_EXPLAIN_HEADER).data, 0, NULL);
    assert_string_equal(plugins_of(report), "unit_a routes/1 priority");
    assert_string_equal(skipped_of(report), "unit_b routes/1 its filter is false {\"arg_x\":null}");
    json_decref(report);
    assert_string_equal(response_header(HGH_EXPLAIN_PLUGINS_HEADER).data,
                        "unit_a#rewrite,unit_a#access,unit_a#before_proxy,unit_a#header_filter,"
                        "unit_a#body_filter,unit_a#log");
    assert_int_equal(fake_log_count("explain: the request {\"request\":{\"method\":\"GET\""), 1);
    assert_int_equal(fake_log_count("explain: plugins {\"plugin\":\"unit_a\""), 1);
    assert_int_equal(fake_log_count("explain: skipped {\"plugin\":\"unit_b\""), 1);
}

static void the_plugin_that_ended_a_live_request_is_told(void **state)
{
    hg_request *request;
    json_t *report;

    (void)state;
    put(HGH_ROUTES, "1",
        "{\"uri\":\"/\"," UPSTREAM ",\"plugins\":{\"unit_b\":{\"exit_status\":403}}}");
    request = begin(&(hgh_explain_options){.is_dry = false});
    assert_int_equal(hgh_request_run(request), HGH_ANSWER);
    assert_int_equal(request->exit.status, 403);
    end(request);
    report = json_loads(response_header(HGH_EXPLAIN_HEADER).data, 0, NULL);
    assert_string_equal(answer_of(report), "{\"from\":\"routes/1\",\"phase\":\"access\","
                                           "\"plugin\":\"unit_b\",\"status\":403}");
    json_decref(report);
}

static void a_route_without_plugins_is_told_as_apisix_tells_it(void **state)
{
    hg_request *request;

    (void)state;
    put(HGH_ROUTES, "1", "{\"uri\":\"/\"," UPSTREAM "}");
    request = begin(&(hgh_explain_options){.is_dry = false});
    assert_int_equal(hgh_request_run(request), HGH_GO_UPSTREAM);
    end(request);
    assert_string_equal(response_header(HGH_EXPLAIN_PLUGINS_HEADER).data, "no plugin");
}

/* Whole parts go, so that what is left can be read. */
static void a_header_has_an_end(void **state)
{
    hg_request *request;
    json_t *report;

    (void)state;
    put(HGH_ROUTES, "0", "{\"uri\":\"/\"," UPSTREAM "}");
    for (int i = 1; i < 10; i++) {
        char id[8];
        char json[1024];

        (void)snprintf(id, sizeof(id), "%d", i);
        (void)snprintf(json, sizeof(json),
                       "{\"uri\":\"/\"," UPSTREAM ",\"vars\":[[\"arg_z\",\"==\",\"%0500d\"]]}", i);
        put(HGH_ROUTES, id, json);
    }
    request = begin(&(hgh_explain_options){.is_dry = false});
    assert_int_equal(hgh_request_run(request), HGH_GO_UPSTREAM);
    end(request);
    assert_true(response_header(HGH_EXPLAIN_HEADER).length <= HGH_EXPLAIN_HEADER_MAX);
    report = json_loads(response_header(HGH_EXPLAIN_HEADER).data, 0, NULL);
    assert_true(json_is_true(json_object_get(report, "cut")));
    assert_null(json_object_get(report, "routes"));
    assert_string_equal(text_of(report, "route"), "0");
    json_decref(report);
}

static void without_memory_there_is_no_request(void **state)
{
    (void)state;
    fake_memory_fails = true;
    assert_null(hgh_request_new_explained(
        on.runtime, &on.client, hgh_explanation_new(&(hgh_explain_options){.is_dry = true})));
    fake_memory_fails = false;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_dry_request_calls_no_plugin_but_those_that_authenticate,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_request_after_it_runs_as_ever, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_authentication_that_waits_is_waited_for, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_consumer_may_be_named, set_up, tear_down),
        cmocka_unit_test_setup_teardown(each_place_has_its_reason, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_order_is_that_of_the_calls, set_up, tear_down),
        cmocka_unit_test_setup_teardown(every_object_is_named_that_a_configuration_comes_from,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_does_not_run_has_its_reason, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_list_of_plugins_is_a_reason, set_up_listed, tear_down),
        cmocka_unit_test_setup_teardown(a_request_without_a_route_is_told_so, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_plugin_that_holds_others_names_them, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_live_request_runs_and_is_told_in_a_header_and_in_the_log,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_plugin_that_ended_a_live_request_is_told, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_route_without_plugins_is_told_as_apisix_tells_it, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_header_has_an_end, set_up, tear_down),
        cmocka_unit_test_setup_teardown(without_memory_there_is_no_request, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
