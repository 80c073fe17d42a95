/* tests/unit/engine/test_kit_timer.c - timers of plugins, on the clock of the test. */
#include <hotgate/error.h>

#include "tests/unit/engine/kit.h"

static void load(hg_test *test, const char *attributes)
{
    hg_error err = HG_ERROR_INIT;

    if (hg_test_load(test, kit_path("timing"), attributes, &err) != HG_OK) {
        fail_msg("%s", err.text);
    }
}

static void a_timer_comes_again_and_again(void **state)
{
    load(*state, "{\"first\": 100, \"every\": 1000}");
    hg_test_advance(*state, 99);
    assert_int_equal(hg_test_log_count(*state, 0, "of tick"), 0);
    hg_test_advance(*state, 1);
    kit_assert_log(*state, "turn 1 of tick at 1000100");
    hg_test_advance(*state, 10000);
    kit_assert_log(*state, "turn 11 of tick at 1010100");
    assert_int_equal(hg_test_log_count(*state, 0, "of tick"), 11);
}

static void a_timer_of_one_turn_comes_once(void **state)
{
    load(*state, "{\"first\": 5}");
    hg_test_advance(*state, 100000);
    kit_assert_log(*state, "turn 1 of tick at 1000005");
    assert_int_equal(hg_test_log_count(*state, 0, "of tick"), 1);
}

static void a_turn_may_wait_and_the_next_one_begins_behind_it(void **state)
{
    load(*state, "{\"first\": 0, \"every\": 100, \"sleep\": 250}");
    hg_test_advance(*state, 700);
    kit_assert_log(*state, "turn 1 of tick at 1000000");
    kit_assert_log(*state, "slept -> 0 at 1000250");
    kit_assert_log(*state, "turn 2 of tick at 1000350");
    kit_assert_log(*state, "slept -> 0 at 1000600");
    kit_assert_log(*state, "turn 3 of tick at 1000700");
}

static bool answer(void *context, const hg_test_call *call, hg_test_reply *reply)
{
    (void)context;
    (void)call;
    *reply = (hg_test_reply){.status = 203, .body = "tokens", .delay_ms = 20};
    return true;
}

static void a_turn_may_call_other_servers(void **state)
{
    hg_test_on_call(*state, answer, NULL);
    load(*state, "{\"every\": 100, \"url\": \"http://a.example/\"}");
    hg_test_advance(*state, 130);
    assert_int_equal(hg_test_log_count(*state, 0, "called -> 0 203 tokens"), 1);
    kit_assert_log(*state, "turn 2 of tick at 1000120");
}

static void a_timer_stops_when_it_is_told(void **state)
{
    load(*state, "{\"every\": 10, \"stop_after\": 3}");
    hg_test_advance(*state, 10000);
    assert_int_equal(hg_test_log_count(*state, 0, "of tick"), 3);
}

static void no_turn_comes_after_exit(void **state)
{
    hg_error err = HG_ERROR_INIT;

    load(*state, "{\"every\": 10}");
    hg_test_advance(*state, 25);
    assert_int_equal(hg_test_log_count(*state, 0, "of tick"), 3);
    assert_int_equal(hg_test_unload(*state, "timing", &err), HG_OK);
    kit_assert_log(*state, "exit after 3 turns, a new one: 6");
    hg_test_advance(*state, 1000);
    assert_int_equal(hg_test_log_count(*state, 0, "of tick"), 3);
    assert_int_equal(hg_test_objects_mapped(*state), 0);
}

static void a_turn_that_waits_holds_its_version(void **state)
{
    load(*state, "{\"every\": 100, \"sleep\": 50}");
    hg_test_advance(*state, 10);
    load(*state, "{\"first\": 1000}");
    assert_int_equal(hg_test_objects_mapped(*state), 2);
    hg_test_advance(*state, 40);
    kit_assert_log(*state, "slept -> 0 at 1000050");
    kit_assert_log(*state, "exit after 1 turns, a new one: 6");
    assert_int_equal(hg_test_objects_mapped(*state), 1);
}

static void a_turn_that_waits_at_the_end_is_canceled(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        void *test = NULL;

        assert_int_equal(kit_begin(&test), 0);
        load(test, "{\"every\": 100, \"sleep\": 50}");
        hg_test_advance(test, 10);
        hg_test_free(test); /* which looks whether the object goes */
    }
}

static void turns_of_one_worker_are_taken(void **state)
{
    load(*state, "{\"first\": 100, \"every\": 1000, \"one_worker\": true}");
    hg_test_advance(*state, 5100);
    assert_int_equal(hg_test_log_count(*state, 0, "of tick"), 6);
    kit_assert_log(*state, "turn 6 of tick at 1005100");
}

static void what_is_no_timer_is_refused(void **state)
{
    static const struct {
        const char *uri;
        const char *line;
    } cases[] = {
        {"/?name=other", "started -> 0"},
        {"/?name=tick", "started -> 5 timer tick: there is one of that name"},
        {"/", "started -> 1 timer: found the name \"\""},
        {"/?name=A", "started -> 1 timer: found the name \"A\", wanted 1 to 31 of [a-z0-9_-]"},
        {"/?name=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "started -> 1 timer: found the name"},
        {"/?name=b&without=1", "started -> 1 timer b: wanted a callback"},
        {"/?name=b&one=1", "started -> 1 timer b: HG_TIMER_ONE_WORKER is for one that comes"},
    };

    load(*state, "{\"first\": 100000}");
    kit_route(*state, "{\"timing\": {}}");
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        hg_test_log_clear(*state);
        assert_int_equal(hg_test_get(*state, cases[i].uri)->status, 204);
        kit_assert_log(*state, cases[i].line);
    }
    hg_test_log_clear(*state);
    hg_test_advance(*state, 20);
    kit_assert_log(*state, "of another"); /* once, and then its name is free again */
    assert_int_equal(hg_test_get(*state, "/?name=other")->status, 204);
    kit_assert_log(*state, "started -> 0");
}

static void there_are_so_many_and_no_more(void **state)
{
    char uri[32];

    load(*state, "{\"first\": 100000}");
    kit_route(*state, "{\"timing\": {}}");
    for (unsigned i = 0; i < 64; i++) {
        (void)snprintf(uri, sizeof(uri), "/?name=n%u", i);
        (void)hg_test_get(*state, uri);
    }
    assert_int_equal(hg_test_log_count(*state, 0, "started -> 0"), 63);
    kit_assert_log(*state, "started -> 3 timer n63: there are 64 already");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        KIT_TEST(a_timer_comes_again_and_again),
        KIT_TEST(a_timer_of_one_turn_comes_once),
        KIT_TEST(a_turn_may_wait_and_the_next_one_begins_behind_it),
        KIT_TEST(a_turn_may_call_other_servers),
        KIT_TEST(a_timer_stops_when_it_is_told),
        KIT_TEST(no_turn_comes_after_exit),
        KIT_TEST(a_turn_that_waits_holds_its_version),
        cmocka_unit_test(a_turn_that_waits_at_the_end_is_canceled),
        KIT_TEST(turns_of_one_worker_are_taken),
        KIT_TEST(what_is_no_timer_is_refused),
        KIT_TEST(there_are_so_many_and_no_more),
    };

    return cmocka_run_group_tests_name("kit_timer", tests, NULL, NULL);
}
