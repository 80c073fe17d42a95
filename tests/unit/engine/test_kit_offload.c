/* tests/unit/engine/test_kit_offload.c - functions of plugins that block, on threads of the host's.
 */
#include <jansson.h>

#include <hotgate/error.h>

#include "tests/unit/engine/kit.h"

static void configure(hg_test *test, const char *config)
{
    char plugins[512];

    kit_load(test, "offloading");
    (void)snprintf(plugins, sizeof(plugins), "{\"offloading\": %s}", config);
    kit_route(test, plugins);
}

static void a_function_runs_on_a_thread_and_its_result_is_there(void **state)
{
    configure(*state, "{\"ms\": 5, \"times\": 3}");
    assert_string_equal(hg_test_get(*state, "/")->body,
                        "{\"status\":0,\"result\":42,\"on_a_thread\":true,"
                        "\"takes_signals\":false}\n");
    assert_int_equal(hg_test_now_ms(*state), HG_TEST_START_MS); /* it took no time of the test's */
}

static void requests_offload_at_the_same_time(void **state)
{
    const hg_test_exchange *all[20];

    configure(*state, "{\"ms\": 10}");
    for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
        all[i] = hg_test_begin(*state, &(hg_test_request){0});
    }
    for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
        hg_test_finish(*state, all[i]);
        assert_non_null(strstr(all[i]->body, "\"result\":42"));
    }
}

static void a_canceled_request_waits_for_its_function(void **state)
{
    const hg_test_exchange *exchange;

    configure(*state, "{\"ms\": 50}");
    exchange = hg_test_begin(*state, &(hg_test_request){0});
    while (hg_test_poll(*state, 10)) {
    }
    hg_test_cancel(*state, exchange);
    assert_true(exchange->ended);
    kit_assert_log(*state, "offload -> 13, result"); /* its variables were there to the end */
}

static void a_function_that_has_not_begun_is_taken_back(void **state)
{
    const hg_test_exchange *all[8]; /* twice as many as there are threads */

    configure(*state, "{\"ms\": 50}");
    for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
        all[i] = hg_test_begin(*state, &(hg_test_request){0});
    }
    for (size_t i = 4; i < ARRAY_SIZE(all); i++) {
        hg_test_cancel(*state, all[i]);
        assert_true(all[i]->canceled);
    }
    assert_int_equal(hg_test_log_count(*state, 0, "offload -> 13, result 0"), 4);
    for (size_t i = 0; i < 4; i++) {
        hg_test_finish(*state, all[i]);
        assert_non_null(strstr(all[i]->body, "\"result\":42"));
    }
}

static void only_where_calls_may_wait(void **state)
{
    configure(*state, "{\"in_filter\": true}");
    assert_int_equal(hg_test_get(*state, "/")->status, 200);
    kit_assert_log(*state, "filter -> 9");
}

static void a_function_keeps_the_version_that_it_is_of(void **state)
{
    const hg_test_exchange *exchange;

    configure(*state, "{\"ms\": 50}");
    exchange = hg_test_begin(*state, &(hg_test_request){0});
    kit_load(*state, "offloading");
    assert_int_equal(hg_test_objects_mapped(*state), 2);
    hg_test_finish(*state, exchange);
    (void)hg_test_poll(*state, 0);
    assert_int_equal(hg_test_objects_mapped(*state), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        KIT_TEST(a_function_runs_on_a_thread_and_its_result_is_there),
        KIT_TEST(requests_offload_at_the_same_time),
        KIT_TEST(a_canceled_request_waits_for_its_function),
        KIT_TEST(a_function_that_has_not_begun_is_taken_back),
        KIT_TEST(only_where_calls_may_wait),
        KIT_TEST(a_function_keeps_the_version_that_it_is_of),
    };

    return cmocka_run_group_tests_name("kit_offload", tests, NULL, NULL);
}
