/* tests/unit/engine/test_kit_state.c - shared tables and metrics, seen from a test. */
#include "tests/unit/engine/kit.h"

static void a_table_counts_and_its_keys_expire(void **state)
{
    int64_t value = 0;
    uint64_t ttl_ms = 0;

    kit_load(*state, "state");
    kit_route(*state, "{\"state\": {\"delta\": 2, \"ttl\": \"10s\"}}");
    (void)hg_test_get(*state, "/?key=a");
    hg_test_advance(*state, 4000);
    (void)hg_test_get(*state, "/?key=a");
    kit_assert_log(*state, "add -> 0: 4 for 6000 ms");
    assert_int_equal(hg_test_dict_get(*state, "state", "counts", "a", &value, &ttl_ms), HG_OK);
    assert_int_equal(value, 4);
    assert_int_equal(ttl_ms, 6000);
    hg_test_advance(*state, 6000);
    assert_int_equal(hg_test_dict_get(*state, "state", "counts", "a", &value, NULL),
                     HG_ERR_NOT_FOUND);
    assert_int_equal(hg_test_dict_get(*state, "state", "others", "a", &value, NULL),
                     HG_ERR_NOT_FOUND);
}

static void a_full_table_refuses_new_keys(void **state)
{
    kit_load(*state, "state");
    kit_route(*state, "{\"state\": {}}");
    for (int i = 0; i < 1000 && hg_test_log_count(*state, 0, "add -> 3") == 0; i++) {
        char uri[32];

        (void)snprintf(uri, sizeof(uri), "/?key=%d", i);
        (void)hg_test_get(*state, uri);
    }
    kit_assert_log(*state, "add -> 3: 0 for 0 ms");
}

static void a_table_outlives_a_reload(void **state)
{
    int64_t value = 0;

    kit_load(*state, "state");
    kit_route(*state, "{\"state\": {}}");
    (void)hg_test_get(*state, "/?key=a");
    kit_load(*state, "state");
    (void)hg_test_get(*state, "/?key=a");
    assert_int_equal(hg_test_dict_get(*state, "state", "counts", "a", &value, NULL), HG_OK);
    assert_int_equal(value, 2);
}

static void metrics_can_be_read(void **state)
{
    static const char *const labels[] = {"PUT", "200", NULL};
    static const char *const others[] = {"PUT", "201", NULL};
    int64_t value = 7;

    kit_load(*state, "state");
    kit_route(*state, "{\"state\": {}}");
    (void)hg_test_send(*state, &(hg_test_request){.method = "PUT"});
    (void)hg_test_send(*state, &(hg_test_request){.method = "PUT"});
    assert_int_equal(hg_test_metric(*state, "state", "requests", labels, &value), HG_OK);
    assert_int_equal(value, 2);
    assert_int_equal(hg_test_metric(*state, "state", "live", NULL, &value), HG_OK);
    assert_int_equal(value, 0);
    assert_int_equal(hg_test_metric(*state, "state", "requests", others, &value), HG_ERR_NOT_FOUND);
    assert_int_equal(hg_test_metric(*state, "state", "no_such", NULL, &value), HG_ERR_NOT_FOUND);
    assert_int_equal(
        hg_test_log_count(*state, HG_LOG_NOTICE, "counter down -> 1, no such metric -> 1"), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        KIT_TEST(a_table_counts_and_its_keys_expire),
        KIT_TEST(a_full_table_refuses_new_keys),
        KIT_TEST(a_table_outlives_a_reload),
        KIT_TEST(metrics_can_be_read),
    };

    return cmocka_run_group_tests_name("kit_state", tests, NULL, NULL);
}
