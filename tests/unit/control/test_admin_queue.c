/* tests/unit/control/test_admin_queue.c - one at a time, in order, none forgotten. */
#include <stdlib.h>

#include "host/control/admin_queue.h"
#include "tests/unit/unit.h"

typedef struct test_job {
    hgh_admin_job job; /* first: the queue hands it back */
    struct queue_test *test;
    char name;
    bool ends_at_once;
} test_job;

typedef struct queue_test {
    hgh_event_loop *loop;
    hgh_admin_queue *queue;
    hgh_event_loop_timer timer;
    char calls[64];
    test_job jobs[4];
} queue_test;

static void note(queue_test *test, char call)
{
    test->calls[strlen(test->calls)] = call;
}

static void end_later(void *context)
{
    queue_test *test = context;

    note(test, '.');
    hgh_admin_queue_end(test->queue);
    if (hgh_admin_queue_count(test->queue) == 0) {
        hgh_event_loop_stop(test->loop);
    }
}

static void run(hgh_admin_job *base)
{
    test_job *job = (test_job *)base;

    note(job->test, job->name);
    if (job->ends_at_once) {
        end_later(job->test);
    } else {
        hgh_event_loop_timer_start(job->test->loop, &job->test->timer, 2, end_later, job->test);
    }
}

static void cancel(hgh_admin_job *base)
{
    test_job *job = (test_job *)base;

    note(job->test, 'x');
    note(job->test, job->name);
}

static int set_up(void **state)
{
    queue_test *test = calloc(1, sizeof(*test));

    assert_non_null(test);
    assert_int_equal(hgh_event_loop_new(&test->loop, NULL), HG_OK);
    test->queue = hgh_admin_queue_new(test->loop);
    for (size_t i = 0; i < ARRAY_SIZE(test->jobs); i++) {
        test->jobs[i] = (test_job){{NULL, run, cancel}, test, (char)('a' + i), i % 2 == 0};
    }
    *state = test;
    return 0;
}

static int tear_down(void **state)
{
    queue_test *test = *state;

    hgh_admin_queue_free(test->queue);
    hgh_event_loop_free(test->loop);
    free(test);
    return 0;
}

static void each_job_waits_for_the_end_of_the_one_before(void **state)
{
    queue_test *test = *state;

    for (size_t i = 0; i < ARRAY_SIZE(test->jobs); i++) {
        hgh_admin_queue_add(test->queue, &test->jobs[i].job);
    }
    assert_string_equal(test->calls, ""); /* never within the call that adds it */
    assert_int_equal(hgh_admin_queue_count(test->queue), 4);
    assert_int_equal(hgh_event_loop_run(test->loop, NULL), HG_OK);
    assert_string_equal(test->calls, "a.b.c.d.");
    hgh_admin_queue_add(test->queue, &test->jobs[0].job);
    assert_int_equal(hgh_event_loop_run(test->loop, NULL), HG_OK);
    assert_string_equal(test->calls, "a.b.c.d.a.");
}

static void what_has_not_ended_is_cancelled(void **state)
{
    queue_test *test = *state;

    hgh_admin_queue_add(test->queue, &test->jobs[1].job);
    hgh_admin_queue_add(test->queue, &test->jobs[2].job);
    hgh_admin_queue_free(test->queue);
    test->queue = NULL;
    assert_string_equal(test->calls, "xbxc");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_job_waits_for_the_end_of_the_one_before, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(what_has_not_ended_is_cancelled, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
