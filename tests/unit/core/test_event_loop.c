/* tests/unit/control/test_event_loop.c - what is due is called, in order, once. */
#include <signal.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "host/core/event_loop.h"
#include "tests/unit/unit.h"

typedef struct turn {
    hgh_event_loop *loop;
    char calls[64];
    int fds[2];
    hgh_event_loop_timer timers[4];
} turn;

static void note(turn *test, char call)
{
    size_t length = strlen(test->calls);

    assert_true(length + 1 < sizeof(test->calls));
    test->calls[length] = call;
    test->calls[length + 1] = '\0';
}

static void note_a(void *context)
{
    note(context, 'a');
}

static void note_b(void *context)
{
    note(context, 'b');
}

static void note_end(void *context)
{
    turn *test = context;

    note(test, 'e');
    hgh_event_loop_stop(test->loop);
}

static turn *turn_new(void)
{
    static turn test;
    hg_error err = HG_ERROR_INIT;

    memset(&test, 0, sizeof(test));
    assert_int_equal(hgh_event_loop_new(&test.loop, &err), HG_OK);
    return &test;
}

static void run(turn *test)
{
    hg_error err = HG_ERROR_INIT;

    assert_int_equal(hgh_event_loop_run(test->loop, &err), HG_OK);
}

static void timers_run_in_the_order_of_their_times(void **state)
{
    turn *test = turn_new();

    (void)state;
    hgh_event_loop_timer_start(test->loop, &test->timers[0], 30, note_end, test);
    hgh_event_loop_timer_start(test->loop, &test->timers[1], 20, note_b, test);
    hgh_event_loop_timer_start(test->loop, &test->timers[2], 1, note_a, test);
    run(test);
    assert_string_equal(test->calls, "abe");
    hgh_event_loop_free(test->loop);
}

static void a_timer_that_is_started_again_runs_once_at_its_new_time(void **state)
{
    turn *test = turn_new();

    (void)state;
    hgh_event_loop_timer_start(test->loop, &test->timers[0], 1, note_a, test);
    hgh_event_loop_timer_start(test->loop, &test->timers[1], 2, note_b, test);
    hgh_event_loop_timer_start(test->loop, &test->timers[0], 10, note_a, test);
    hgh_event_loop_timer_start(test->loop, &test->timers[2], 20, note_end, test);
    run(test);
    assert_string_equal(test->calls, "bae");
    hgh_event_loop_free(test->loop);
}

static void a_stopped_timer_does_not_run(void **state)
{
    turn *test = turn_new();

    (void)state;
    hgh_event_loop_timer_start(test->loop, &test->timers[0], 1, note_a, test);
    hgh_event_loop_timer_start(test->loop, &test->timers[1], 5, note_end, test);
    hgh_event_loop_timer_stop(test->loop, &test->timers[0]);
    hgh_event_loop_timer_stop(test->loop, &test->timers[0]);
    run(test);
    assert_string_equal(test->calls, "e");
    hgh_event_loop_free(test->loop);
}

static void defer_again(void *context)
{
    turn *test = context;

    note(test, 'd');
    if (strlen(test->calls) < 3) {
        hgh_event_loop_defer(test->loop, &test->timers[0], defer_again, test);
    } else {
        hgh_event_loop_stop(test->loop);
    }
}

static void a_deferred_call_may_defer_itself(void **state)
{
    turn *test = turn_new();

    (void)state;
    hgh_event_loop_defer(test->loop, &test->timers[0], defer_again, test);
    run(test);
    assert_string_equal(test->calls, "ddd");
    hgh_event_loop_free(test->loop);
}

static void stop_the_other(void *context)
{
    turn *test = context;

    note(test, 's');
    hgh_event_loop_timer_stop(test->loop, &test->timers[1]);
    hgh_event_loop_defer(test->loop, &test->timers[2], note_end, test);
}

static void a_deferred_call_can_be_stopped_by_the_one_before_it(void **state)
{
    turn *test = turn_new();

    (void)state;
    hgh_event_loop_defer(test->loop, &test->timers[0], stop_the_other, test);
    hgh_event_loop_defer(test->loop, &test->timers[1], note_a, test);
    run(test);
    assert_string_equal(test->calls, "se");
    hgh_event_loop_free(test->loop);
}

/* Both descriptors are ready; whichever is called first unwatches both. */
static void unwatch_both(void *context, uint32_t events)
{
    turn *test = context;

    assert_true((events & EPOLLIN) != 0);
    note(test, 'u');
    hgh_event_loop_unwatch(test->loop, test->fds[0]);
    hgh_event_loop_unwatch(test->loop, test->fds[1]);
    hgh_event_loop_timer_start(test->loop, &test->timers[0], 5, note_end, test);
}

static void nothing_is_called_for_an_unwatched_descriptor(void **state)
{
    turn *test = turn_new();

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        test->fds[i] = eventfd(1, EFD_NONBLOCK);
        assert_int_equal(
            hgh_event_loop_watch(test->loop, test->fds[i], EPOLLIN, unwatch_both, test, NULL),
            HG_OK);
    }
    run(test);
    assert_string_equal(test->calls, "ue");
    (void)close(test->fds[0]);
    (void)close(test->fds[1]);
    hgh_event_loop_free(test->loop);
}

static void never(void *context, uint32_t events)
{
    (void)events;
    note(context, 'n');
}

/* The number of the second descriptor is used anew while its old event waits in this turn. */
static void reuse_the_other(void *context, uint32_t events)
{
    turn *test = context;
    int other = test->fds[1];

    (void)events;
    note(test, 'r');
    hgh_event_loop_unwatch(test->loop, test->fds[0]);
    hgh_event_loop_unwatch(test->loop, other);
    (void)close(other);
    assert_int_equal(eventfd(0, EFD_NONBLOCK), other);
    assert_int_equal(hgh_event_loop_watch(test->loop, other, EPOLLIN, never, test, NULL), HG_OK);
    hgh_event_loop_timer_start(test->loop, &test->timers[0], 5, note_end, test);
}

static void an_old_event_does_not_reach_a_reused_descriptor(void **state)
{
    turn *test = turn_new();

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        test->fds[i] = eventfd(1, EFD_NONBLOCK);
    }
    assert_int_equal(
        hgh_event_loop_watch(test->loop, test->fds[0], EPOLLIN, reuse_the_other, test, NULL),
        HG_OK);
    assert_int_equal(hgh_event_loop_watch(test->loop, test->fds[1], EPOLLIN, never, test, NULL),
                     HG_OK);
    run(test);
    assert_string_equal(test->calls, "re");
    (void)close(test->fds[0]);
    (void)close(test->fds[1]);
    hgh_event_loop_free(test->loop);
}

static void on_signal(void *context, int number)
{
    turn *test = context;

    note(test, number == SIGUSR1 ? '1' : '2');
    if (number == SIGUSR2) {
        hgh_event_loop_stop(test->loop);
    }
}

static void signals_arrive_through_the_loop(void **state)
{
    turn *test = turn_new();

    (void)state;
    assert_int_equal(hgh_event_loop_signal(test->loop, SIGUSR1, on_signal, test, NULL), HG_OK);
    assert_int_equal(hgh_event_loop_signal(test->loop, SIGUSR2, on_signal, test, NULL), HG_OK);
    assert_int_equal(raise(SIGUSR1), 0);
    assert_int_equal(raise(SIGUSR2), 0);
    run(test);
    assert_string_equal(test->calls, "12");
    hgh_event_loop_free(test->loop);
}

static void what_cannot_be_watched_is_an_error_with_its_reason(void **state)
{
    turn *test = turn_new();
    hg_error err = HG_ERROR_INIT;

    (void)state;
    assert_int_equal(hgh_event_loop_watch(test->loop, 900, EPOLLIN, never, test, &err), HG_ERR_IO);
    assert_non_null(strstr(err.text, "Bad file descriptor"));
    hgh_event_loop_unwatch(test->loop, 900);
    hgh_event_loop_unwatch(test->loop, 100000);
    hgh_event_loop_free(test->loop);
    hgh_event_loop_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(timers_run_in_the_order_of_their_times),
        cmocka_unit_test(a_timer_that_is_started_again_runs_once_at_its_new_time),
        cmocka_unit_test(a_stopped_timer_does_not_run),
        cmocka_unit_test(a_deferred_call_may_defer_itself),
        cmocka_unit_test(a_deferred_call_can_be_stopped_by_the_one_before_it),
        cmocka_unit_test(nothing_is_called_for_an_unwatched_descriptor),
        cmocka_unit_test(an_old_event_does_not_reach_a_reused_descriptor),
        cmocka_unit_test(signals_arrive_through_the_loop),
        cmocka_unit_test(what_cannot_be_watched_is_an_error_with_its_reason),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
