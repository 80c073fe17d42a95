/* tests/unit/engine/test_kit_delegate.c - plugins whose configurations stand inside another one's.
 */
#include "tests/unit/engine/kit.h"

/* Route 1 runs the plugin `delegate` with these inside. */
static void route(hg_test *test, const char *inside)
{
    char plugins[2048];

    kit_load(test, "delegate");
    (void)snprintf(plugins, sizeof(plugins), "{\"delegate\": {\"inside\": [%s]}}", inside);
    kit_route(test, plugins);
    hg_test_log_clear(test);
}

static void delegates_run_in_their_order_and_end_nothing(void **state)
{
    const hg_test_exchange *exchange;

    kit_load(*state, "exit");
    kit_load(*state, "request");
    route(*state, "{\"exit\": {\"way\": \"unauthorized\", \"phase\": \"rewrite\"}},"
                  "{\"request\": {\"actions\": [{\"call\": \"set_header\", \"name\": \"X-One\","
                  " \"value\": \"1\"}]}, \"exit\": {\"way\": \"text\", \"status\": 200,"
                  " \"phase\": \"rewrite\", \"text\": \"a\"}}");
    exchange = hg_test_get(*state, "/");
    assert_int_equal(exchange->status, 200);
    assert_int_equal(exchange->tries, 1);
    assert_string_equal(hg_test_upstream_header(*state, exchange, "X-One"), "1");
    assert_null(hg_test_header(*state, exchange, "WWW-Authenticate"));
    kit_assert_log(*state, "rewrite exit: 401 '{\"message\":\"who are you\"}\\x0a' 'Basic "
                           "realm=\"no\"'");
    kit_assert_log(*state, "rewrite request: 0 '' ''");
    kit_assert_log(*state, "rewrite exit: 200 'a' ''");
    assert_string_equal(hg_test_log_line(*state, 1, NULL),
                        "plugin request: set_header -> 0"); /* of the second one */
    assert_int_equal(hg_test_log_count(*state, 0, "exits with http status"), 0);
}

static void a_plugin_ends_the_request_by_itself(void **state)
{
    hg_error err = HG_ERROR_INIT;

    kit_load(*state, "exit");
    kit_load(*state, "delegate");
    assert_int_equal(hg_test_put(*state, "routes/1",
                                 "{\"uri\": \"/*\", \"plugins\": {\"delegate\": {\"ends\": true,"
                                 " \"inside\": [{\"exit\": {\"way\": \"status\"}}]}},"
                                 " \"upstream\": {\"nodes\": {\"127.0.0.1:80\": 1}}}",
                                 &err),
                     HG_OK);
    assert_int_equal(hg_test_get(*state, "/")->status, 418);
    kit_assert_log(*state, "delegate exits with http status code 418");
}

static void mistakes_of_delegates_are_theirs(void **state)
{
    kit_load(*state, "exit");
    route(*state, "{\"exit\": {\"way\": \"silent\", \"phase\": \"rewrite\"}},"
                  "{\"exit\": {\"way\": \"forgotten\", \"phase\": \"rewrite\"}}");
    assert_int_equal(hg_test_get(*state, "/")->status, 200);
    kit_assert_log(*state, "rewrite exit: 500 '' ''");
    kit_assert_log(*state, "rewrite exit: 403 '' ''");
}

static void they_run_in_the_phases_of_requests(void **state)
{
    hg_test_set_upstream(*state, &(hg_test_upstream){.body = "ok", .failures = 1});
    kit_load(*state, "request");
    kit_load(*state, "response");
    route(*state, "{\"request\": {\"actions\": ["
                  "{\"phase\": \"access\", \"call\": \"set_header\", \"name\": \"X-Access\","
                  " \"value\": \"1\"},"
                  "{\"phase\": \"header_filter\", \"call\": \"method\"},"
                  "{\"phase\": \"log\", \"call\": \"method\"}]}},"
                  "{\"response\": {\"header\": \"never\"}}");
    const hg_test_exchange *exchange = hg_test_get(*state, "/");

    assert_int_equal(exchange->status, 200);
    assert_string_equal(hg_test_upstream_header(*state, exchange, "X-Access"), "1");
    assert_null(hg_test_header(*state, exchange, "X-Test"));
    kit_assert_log(*state, "rewrite request: 0");
    kit_assert_log(*state, "access request: 0");
    kit_assert_log(*state, "before_proxy request: 0");  /* not for the second try */
    kit_assert_log(*state, "before_proxy response: 0"); /* without a callback */
    kit_assert_log(*state, "in log -> 0");
    assert_int_equal(hg_test_log_count(*state, 0, "method="), 0);
}

static void a_delegate_may_wait(void **state)
{
    const hg_test_exchange *exchange;

    kit_load(*state, "waiting");
    route(*state, "{\"waiting\": {\"sleep\": \"5s\"}}, {\"waiting\": {\"sleep\": \"2s\"}}");
    exchange = hg_test_begin(*state, &(hg_test_request){0});
    assert_false(exchange->ended);
    hg_test_advance(*state, 6000);
    assert_false(exchange->ended);
    hg_test_advance(*state, 1000);
    assert_true(exchange->ended);
    assert_int_equal(exchange->status, 200);
    assert_int_equal(hg_test_log_count(*state, 0, "access waiting: 0"), 2);
}

static void a_client_may_leave_while_a_delegate_waits(void **state)
{
    const hg_test_exchange *exchange;

    kit_load(*state, "waiting");
    route(*state, "{\"waiting\": {\"sleep\": \"5s\"}}, {\"waiting\": {\"sleep\": \"2s\"}}");
    exchange = hg_test_begin(*state, &(hg_test_request){0});
    hg_test_cancel(*state, exchange);
    assert_true(exchange->ended);
    assert_int_equal(hg_test_log_count(*state, 0, "sleep -> 13"), 2);
}

static void a_disabled_one_is_not_counted(void **state)
{
    kit_load(*state, "exit");
    kit_load(*state, "request");
    route(*state, "{\"exit\": {\"way\": \"status\", \"_meta\": {\"disable\": true}}},"
                  "{\"request\": {\"actions\": []}}");
    assert_int_equal(hg_test_get(*state, "/")->status, 200);
    assert_int_equal(hg_test_log_count(*state, 0, "rewrite exit"), 0);
    kit_assert_log(*state, "rewrite request: 0");
}

static void none_at_all_is_nothing(void **state)
{
    route(*state, "");
    assert_int_equal(hg_test_get(*state, "/")->status, 200);
    assert_int_equal(hg_test_log_count(*state, 0, "rewrite"), 0);
}

static void a_consumer_of_a_refused_request_is_forgotten(void **state)
{
    hg_error err = HG_ERROR_INIT;
    const hg_test_exchange *exchange;

    kit_load(*state, "consumer");
    assert_int_equal(hg_test_put(*state, "consumers/jack",
                                 "{\"username\": \"jack\", \"plugins\": {\"consumer\":"
                                 " {\"token\": \"t\"}}}",
                                 &err),
                     HG_OK);
    route(*state, "{\"consumer\": {}}");
    exchange = hg_test_send(*state, &(hg_test_request){.headers = "X-Token: t\n"});
    assert_string_equal(hg_test_upstream_header(*state, exchange, "X-Consumer-Username"), "jack");
    kit_assert_log(*state, "rewrite consumer: 0");
    route(*state, "{\"consumer\": {\"ends\": true}}");
    exchange = hg_test_send(*state, &(hg_test_request){.headers = "X-Token: t\n"});
    assert_null(hg_test_upstream_header(*state, exchange, "X-Consumer-Username"));
    kit_assert_log(*state, "rewrite consumer: 403");
}

/* ------------------------------------------------------------------------------- judgement */

static void configurations_inside_are_judged_with_their_place(void **state)
{
    static const struct {
        const char *label;
        const char *inside;
        const char *pointer;
        const char *text;
    } cases[] = {
        {"wrong", "{\"exit\": {\"way\": \"no\"}}", "/plugins/delegate/inside/0/exit/way",
         "failed to check the configuration of plugin delegate err: plugin exit check schema "
         "failed: "},
        {"the second one", "{}, {\"request\": {}, \"exit\": {}}",
         "/plugins/delegate/inside/1/exit/way", "plugin exit check schema failed"},
        {"no object", "{\"exit\": 1}", "/plugins/delegate/inside/0/exit",
         "invalid plugin conf 1 for plugin [exit]"},
        {"not there", "{\"no-such\": {}}", "/plugins/delegate/inside/0/no-such",
         "failed to check the configuration of plugin delegate err: no-such plugin did not found"},
        {"holds others itself", "{\"delegate\": {\"inside\": []}}",
         "/plugins/delegate/inside/0/delegate", "delegate plugin is not supported"},
        {"filter", "{\"request\": {\"_meta\": {\"filter\": []}}}",
         "/plugins/delegate/inside/0/request/_meta/filter", "the plugin around it"},
    };

    kit_load(*state, "exit");
    kit_load(*state, "request");
    kit_load(*state, "delegate");
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char config[512];
        json_t *issues = NULL;
        hg_error err = HG_ERROR_INIT;
        const char *pointer;

        (void)snprintf(config, sizeof(config), "{\"inside\": [%s]}", cases[i].inside);
        assert_int_equal(hg_test_check(*state, "delegate", HG_TEST_ON_ROUTE, config, &issues, &err),
                         HG_ERR_INVALID);
        pointer = json_string_value(json_object_get(json_array_get(issues, 0), "pointer"));
        if (pointer == NULL || strcmp(pointer, cases[i].pointer) != 0 ||
            strstr(err.text, cases[i].text) == NULL) {
            fail_msg("%s: %s \"%s\"", cases[i].label, pointer, err.text);
        }
        json_decref(issues);
    }
    assert_int_equal(hg_test_check(*state, "delegate", HG_TEST_ON_ROUTE,
                                   "{\"inside\": [{\"exit\": {\"way\": \"status\"}}]}", NULL, NULL),
                     HG_OK);
    /* What is wrong outside is found first, and the inside is not walked. */
    assert_int_equal(
        hg_test_check(*state, "delegate", HG_TEST_ON_ROUTE, "{\"inside\": 1}", NULL, NULL),
        HG_ERR_INVALID);
}

/* ---------------------------------------------------------------------------------- reload */

static void a_plugin_that_goes_makes_its_routes_unavailable(void **state)
{
    hg_error err = HG_ERROR_INIT;

    kit_load(*state, "exit");
    route(*state, "{\"exit\": {\"way\": \"status\"}}");
    assert_int_equal(hg_test_get(*state, "/")->status, 200);
    assert_int_equal(hg_test_unload(*state, "exit", &err), HG_OK);
    assert_int_equal(hg_test_get(*state, "/")->status, 503);
    kit_assert_log(*state, "plugin exit is not available");
    kit_load(*state, "exit");
    assert_int_equal(hg_test_get(*state, "/")->status, 200);
}

static void another_version_takes_over(void **state)
{
    hg_error err = HG_ERROR_INIT;
    const hg_test_exchange *first;
    size_t mapped;

    kit_load(*state, "version");
    route(*state, "{\"version\": {\"number\": 10}}");
    mapped = hg_test_objects_mapped(*state);
    first = hg_test_begin(*state, &(hg_test_request){0});
    assert_false(first->ended);
    assert_int_equal(hg_test_load(*state, kit_path("second/version"), NULL, &err), HG_OK);
    (void)hg_test_get(*state, "/");
    hg_test_finish(*state, first);
    kit_assert_log(*state, "access version: 200 '1.0.0'");
    kit_assert_log(*state, "access version: 200 '2.0.0'");
    assert_int_equal(hg_test_objects_mapped(*state), mapped); /* nothing holds the old one */
}

static void a_version_that_refuses_what_is_inside_is_refused(void **state)
{
    hg_error err = HG_ERROR_INIT;

    kit_load(*state, "version");
    route(*state, "{\"version\": {\"number\": 11}}");
    assert_int_equal(hg_test_load(*state, kit_path("second/version"), NULL, &err), HG_ERR_INVALID);
    assert_non_null(strstr(err.text, "routes/1"));
    (void)hg_test_get(*state, "/");
    kit_assert_log(*state, "access version: 200 '1.0.0'");
}

/* A configuration that two objects hold, and the same one twice, are decoded once each. */
static void places_are_told_apart(void **state)
{
    kit_load(*state, "exit");
    route(*state, "{\"exit\": {\"way\": \"text\", \"phase\": \"rewrite\", \"status\": 200,"
                  " \"text\": \"one\"}},"
                  "{\"exit\": {\"way\": \"text\", \"phase\": \"rewrite\", \"status\": 200,"
                  " \"text\": \"two\"}}");
    (void)hg_test_get(*state, "/");
    (void)hg_test_get(*state, "/");
    assert_int_equal(hg_test_log_count(*state, 0, "rewrite exit: 200 'one'"), 2);
    assert_int_equal(hg_test_log_count(*state, 0, "rewrite exit: 200 'two'"), 2);
}

static void a_list_without_a_good_name_is_refused(void **state)
{
    hg_error err = HG_ERROR_INIT;

    assert_int_equal(hg_test_load(*state, kit_path("unit_bad_delegates"), NULL, &err),
                     HG_ERR_INVALID);
    assert_non_null(strstr(err.text, "extension hotgate.delegates: wanted"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        KIT_TEST(delegates_run_in_their_order_and_end_nothing),
        KIT_TEST(a_plugin_ends_the_request_by_itself),
        KIT_TEST(mistakes_of_delegates_are_theirs),
        KIT_TEST(they_run_in_the_phases_of_requests),
        KIT_TEST(a_delegate_may_wait),
        KIT_TEST(a_client_may_leave_while_a_delegate_waits),
        KIT_TEST(a_disabled_one_is_not_counted),
        KIT_TEST(none_at_all_is_nothing),
        KIT_TEST(a_consumer_of_a_refused_request_is_forgotten),
        KIT_TEST(configurations_inside_are_judged_with_their_place),
        KIT_TEST(a_plugin_that_goes_makes_its_routes_unavailable),
        KIT_TEST(another_version_takes_over),
        KIT_TEST(a_version_that_refuses_what_is_inside_is_refused),
        KIT_TEST(places_are_told_apart),
        KIT_TEST(a_list_without_a_good_name_is_refused),
    };

    return cmocka_run_group_tests_name("kit_delegate", tests, NULL, NULL);
}
