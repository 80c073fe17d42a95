/* tests/unit/core/test_coroutine.c - functions park and go on, and a deep one hits the guard. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host/core/coroutine.h"
#include "tests/unit/unit.h"

#define MANY 10000u

static hgh_coroutine_pool pool;

static int set_up(void **state)
{
    (void)state;
    pool = (hgh_coroutine_pool){.active_max = MANY};
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    hgh_coroutine_pool_done(&pool);
    return 0;
}

typedef struct work {
    int parks; /* how often it parks */
    int done;  /* steps so far */
    bool was_running;
} work;

static void park_some(void *context)
{
    work *own = context;

    own->was_running = hgh_coroutine_is_running();
    for (int i = 0; i < own->parks; i++) {
        own->done++;
        hgh_coroutine_park();
    }
    own->done++;
}

static void a_function_that_does_not_park_ends_at_once(void **state)
{
    work own = {0};
    hgh_coroutine *coroutine = (hgh_coroutine *)&own;

    (void)state;
    assert_false(hgh_coroutine_is_running());
    assert_true(hgh_coroutine_begin(&pool, park_some, &own, &coroutine));
    assert_null(coroutine);
    assert_int_equal(own.done, 1);
    assert_true(own.was_running);
    assert_false(hgh_coroutine_is_running());
    assert_int_equal(pool.active, 0);
}

static void a_parked_function_goes_on_where_it_was(void **state)
{
    work own = {.parks = 3};
    hgh_coroutine *coroutine = NULL;

    (void)state;
    assert_true(hgh_coroutine_begin(&pool, park_some, &own, &coroutine));
    assert_int_equal(own.done, 1);
    assert_false(hgh_coroutine_resume(coroutine));
    assert_false(hgh_coroutine_resume(coroutine));
    assert_int_equal(own.done, 3);
    assert_int_equal(pool.active, 1);
    assert_true(hgh_coroutine_resume(coroutine));
    assert_int_equal(own.done, 4);
    assert_int_equal(pool.active, 0);
    assert_int_equal(pool.idle_count, 1);
}

static void several_take_turns_in_any_order(void **state)
{
    work own[3] = {{.parks = 2}, {.parks = 2}, {.parks = 2}};
    hgh_coroutine *coroutines[3] = {NULL};
    static const int order[] = {2, 0, 1, 1, 0, 2};

    (void)state;
    for (int i = 0; i < 3; i++) {
        assert_true(hgh_coroutine_begin(&pool, park_some, &own[i], &coroutines[i]));
    }
    for (size_t i = 0; i < ARRAY_SIZE(order); i++) {
        assert_int_equal(hgh_coroutine_resume(coroutines[order[i]]), i >= 3);
    }
    assert_int_equal(own[0].done + own[1].done + own[2].done, 9);
}

static void no_more_are_taken_than_allowed(void **state)
{
    work own[3] = {{.parks = 1}, {.parks = 1}, {.parks = 1}};
    hgh_coroutine *coroutines[3] = {NULL};

    (void)state;
    pool.active_max = 2;
    assert_true(hgh_coroutine_begin(&pool, park_some, &own[0], &coroutines[0]));
    assert_true(hgh_coroutine_begin(&pool, park_some, &own[1], &coroutines[1]));
    assert_false(hgh_coroutine_begin(&pool, park_some, &own[2], &coroutines[2]));
    assert_int_equal(own[2].done, 0);
    assert_true(hgh_coroutine_resume(coroutines[0]));
    assert_true(hgh_coroutine_begin(&pool, park_some, &own[2], &coroutines[2]));
    assert_true(hgh_coroutine_resume(coroutines[1]));
    assert_true(hgh_coroutine_resume(coroutines[2]));
}

static void ten_thousand_may_be_parked(void **state)
{
    work *own = calloc(MANY, sizeof(*own));
    hgh_coroutine **coroutines = calloc(MANY, sizeof(*coroutines));

    (void)state;
    for (uint32_t i = 0; i < MANY; i++) {
        own[i].parks = 1;
        assert_true(hgh_coroutine_begin(&pool, park_some, &own[i], &coroutines[i]));
    }
    assert_int_equal(pool.active, MANY);
    for (uint32_t i = 0; i < MANY; i++) {
        assert_true(hgh_coroutine_resume(coroutines[(i * 7919u) % MANY]));
    }
    assert_int_equal(pool.active, 0);
    assert_int_equal(pool.idle_count, HGH_COROUTINE_IDLE_MAX);
    for (uint32_t i = 0; i < MANY; i++) {
        assert_int_equal(own[i].done, 2);
    }
    free(coroutines);
    free(own);
}

static void use_stack(void *context)
{
    size_t bytes = *(const size_t *)context;
    volatile char *on_stack = __builtin_alloca(bytes);

    for (size_t i = 0; i < bytes; i += 1024) {
        on_stack[bytes - 1 - i] = 1; /* downwards, as calls do */
    }
}

static void a_stack_has_the_room_that_it_says(void **state)
{
    size_t bytes = HGH_COROUTINE_STACK_BYTES - (16u << 10);
    hgh_coroutine *coroutine = NULL;

    (void)state;
    for (int i = 0; i < 3; i++) { /* the same stack again */
        assert_true(hgh_coroutine_begin(&pool, use_stack, &bytes, &coroutine));
        assert_null(coroutine);
    }
}

static void more_than_that_hits_the_guard(void **state)
{
    int status = 0;
    pid_t child = fork();

    (void)state;
    if (child == 0) {
        size_t bytes = HGH_COROUTINE_STACK_BYTES + 2048;
        hgh_coroutine *coroutine = NULL;
        static char other_stack[65536]; /* the signal must not need the one that is full */
        stack_t alternative = {.ss_sp = other_stack, .ss_size = sizeof(other_stack)};

        (void)sigaltstack(&alternative, NULL);
        (void)signal(SIGSEGV, SIG_DFL);
        (void)hgh_coroutine_begin(&pool, use_stack, &bytes, &coroutine);
        _exit(0);
    }
    (void)waitpid(child, &status, 0);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGSEGV);
}

static void signals_stay_as_they_were(void **state)
{
    work own = {.parks = 1};
    hgh_coroutine *coroutine = NULL;
    sigset_t before;
    sigset_t after;

    (void)state;
    (void)sigprocmask(SIG_SETMASK, NULL, &before);
    assert_true(hgh_coroutine_begin(&pool, park_some, &own, &coroutine));
    assert_true(hgh_coroutine_resume(coroutine));
    (void)sigprocmask(SIG_SETMASK, NULL, &after);
    assert_memory_equal(&before, &after, 8);
}

#define ROW(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ROW(a_function_that_does_not_park_ends_at_once),
        ROW(a_parked_function_goes_on_where_it_was),
        ROW(several_take_turns_in_any_order),
        ROW(no_more_are_taken_than_allowed),
        ROW(ten_thousand_may_be_parked),
        ROW(a_stack_has_the_room_that_it_says),
        ROW(more_than_that_hits_the_guard),
        ROW(signals_stay_as_they_were),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
