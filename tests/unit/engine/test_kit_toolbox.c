/* tests/unit/engine/test_kit_toolbox.c - expressions, schemas, random numbers, clients, shares. */
#include "tests/unit/engine/kit.h"

static void expressions_decide_about_requests(void **state)
{
    kit_load(*state, "toolbox");
    kit_route(*state, "{\"toolbox\": {\"when\": [[\"arg_a\", \"==\", \"1\"]]}}");
    (void)hg_test_get(*state, "/?a=1");
    kit_assert_log(*state, "holds: 1");
    (void)hg_test_get(*state, "/?a=2");
    kit_assert_log(*state, "holds: 0");
    hg_test_log_clear(*state);
    kit_route(*state, "{\"toolbox\": {\"when\": []}}");
    (void)hg_test_get(*state, "/");
    kit_assert_log(*state, "holds: 1");
}

static void expressions_are_judged_when_they_are_written(void **state)
{
    static const struct {
        const char *config;
        const char *text;
    } cases[] = {
        {"{\"when\": [[\"arg_a\", \"=\", \"1\"]]}", "invalid operator '='"},
        {"{\"when\": \"arg_a\"}", "when"},
        {"{\"when\": [\"arg_a\", \"==\", \"1\"]}", "rule should be wrapped inside brackets"},
    };

    kit_load(*state, "toolbox");
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        hg_error err = HG_ERROR_INIT;

        assert_int_equal(
            hg_test_check(*state, "toolbox", HG_TEST_ON_ROUTE, cases[i].config, NULL, &err),
            HG_ERR_INVALID);
        if (strstr(err.text, cases[i].text) == NULL) {
            fail_msg("%s: %s", cases[i].config, err.text);
        }
        assert_int_equal(
            hg_test_check(*state, "toolbox", HG_TEST_ON_ROUTE, cases[i].config, NULL, NULL),
            HG_ERR_INVALID);
    }
}

static void schemas_judge_and_fill_in(void **state)
{
    static const struct {
        const char *schema;
        const char *line;
    } cases[] = {
        {"{\"properties\": {\"b\": {\"default\": 2}}}", "schema kept: {\"a\":1,\"b\":2}"},
        {"{\"required\": [\"c\"]}", "schema broken: property \"c\" is required"},
        {"{\"type\": 1}", "schema refused: "},
    };

    kit_load(*state, "toolbox");
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char plugins[256];

        (void)snprintf(plugins, sizeof(plugins), "{\"toolbox\": {\"schema\": %s}}",
                       cases[i].schema);
        kit_route(*state, plugins);
        (void)hg_test_get(*state, "/");
        kit_assert_log(*state, cases[i].line);
    }
}

static void random_bytes_do_not_repeat(void **state)
{
    kit_load(*state, "toolbox");
    kit_route(*state, "{\"toolbox\": {}}");
    (void)hg_test_get(*state, "/");
    kit_assert_log(*state, ": random: new");
    kit_assert_log(*state, "much random: new");
    kit_assert_log(*state, "dice: below 3f, of none 0");
}

static void shares_and_values_are_kept(void **state)
{
    kit_load(*state, "toolbox");
    kit_route(*state, "{\"toolbox\": {}}");
    (void)hg_test_get(*state, "/");
    kit_assert_log(*state, "held: 1");
    kit_assert_log(*state, "replace -> 0");
    kit_assert_log(*state, "replace again -> 12");
    kit_assert_log(*state, "value: 5");
    kit_assert_log(*state, "clock: 1");
    (void)hg_test_get(*state, "/");
    kit_assert_log(*state, "held: 2");
}

static void a_client_is_who_a_plugin_says(void **state)
{
    kit_load(*state, "toolbox");
    kit_route(*state, "{\"toolbox\": {}}");
    (void)hg_test_get(*state, "/");
    kit_assert_log(*state, "no client -> 1");
    kit_assert_log(*state, ": client -> 0");
    kit_assert_log(*state, "client is 2001:db8::7 port 77, 6");
    kit_assert_log(*state, "too late: 6 6 6");
}

static void a_target_is_restored_as_it_was_sent(void **state)
{
    const hg_test_exchange *exchange;

    kit_load(*state, "toolbox");
    kit_route(*state, "{\"toolbox\": {}}");
    exchange = hg_test_get(*state, "/%61//b?x=%20");
    assert_string_equal(exchange->upstream_uri, "/%61//b");
    assert_string_equal(exchange->upstream_arguments, "x=%20");
    kit_assert_log(*state, "restored -> 0");
}

static void a_body_has_the_limit_that_a_plugin_sets(void **state)
{
    hg_test_request request = {.method = "POST", .body = "1234"};

    kit_load(*state, "toolbox");
    kit_route(*state, "{\"toolbox\": {}}");
    assert_int_equal(hg_test_send(*state, &request)->status, 200);
    kit_assert_log(*state, "limit -> 0");
    request.body = "12345";
    assert_int_equal(hg_test_send(*state, &request)->status, 413);
    kit_assert_log(*state, "limit -> 7"); /* announced */
    request.headers = "Transfer-Encoding: chunked\n";
    assert_int_equal(hg_test_send(*state, &request)->status, 413);
    assert_int_equal(hg_test_log_count(*state, 0, "limit -> 0"), 2); /* found later */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        KIT_TEST(expressions_decide_about_requests),
        KIT_TEST(expressions_are_judged_when_they_are_written),
        KIT_TEST(schemas_judge_and_fill_in),
        KIT_TEST(random_bytes_do_not_repeat),
        KIT_TEST(shares_and_values_are_kept),
        KIT_TEST(a_client_is_who_a_plugin_says),
        KIT_TEST(a_target_is_restored_as_it_was_sent),
        KIT_TEST(a_body_has_the_limit_that_a_plugin_sets),
    };

    return cmocka_run_group_tests_name("kit_toolbox", tests, NULL, NULL);
}
