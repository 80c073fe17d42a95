/* tests/unit/control/test_resource_walk.c - a long walk lets others have their turn. */
#include <stdio.h>
#include <stdlib.h>

#include "host/control/resource_walk.h"
#include "tests/unit/unit.h"

#define COUNT 20000u

typedef struct walk_test {
    hgh_resource_walk walk;
    hgh_event_loop_timer others;
    size_t seen;
    size_t most;
    int turns_of_others;
    int ends;
} walk_test;

static void put(hgh_resource_table *table, unsigned number)
{
    char key[32];
    hgh_resource_object *object;

    (void)snprintf(key, sizeof(key), "routes/%u", number);
    object = hgh_resource_object_new(table, key, "{}", 2, NULL);
    assert_non_null(object);
    object->created = number + 1;
    hgh_resource_table_put(table, object);
}

/* Some work, so that the walk does not fit into one slice. */
static bool visit(void *context, const hgh_resource_object *object)
{
    walk_test *test = context;
    volatile unsigned work = 0;

    assert_non_null(object->id);
    for (unsigned i = 0; i < 2000; i++) {
        work = work + i;
    }
    return ++test->seen < test->most;
}

static void end(void *context)
{
    walk_test *test = context;

    test->ends++;
    hgh_event_loop_stop(test->walk.loop);
}

/* Somebody else: removes an object, which the walk may be at. */
static void others(void *context)
{
    walk_test *test = context;
    char key[32];

    (void)snprintf(key, sizeof(key), "routes/%zu", test->seen);
    hgh_resource_table_remove(test->walk.table, key);
    test->turns_of_others++;
    hgh_event_loop_timer_start(test->walk.loop, &test->others, 0, others, test);
}

static int set_up(void **state)
{
    walk_test *test = calloc(1, sizeof(*test));

    assert_non_null(test);
    assert_int_equal(hgh_event_loop_new(&test->walk.loop, NULL), HG_OK);
    test->walk.table = hgh_resource_table_new();
    test->walk.kind = "routes";
    test->walk.visit = visit;
    test->walk.end = end;
    test->walk.context = test;
    test->most = SIZE_MAX;
    for (unsigned i = 0; i < COUNT; i++) {
        put(test->walk.table, i);
    }
    *state = test;
    return 0;
}

static int tear_down(void **state)
{
    walk_test *test = *state;

    hgh_event_loop_timer_stop(test->walk.loop, &test->others);
    hgh_resource_table_free(test->walk.table);
    hgh_event_loop_free(test->walk.loop);
    free(test);
    return 0;
}

static void others_run_between_the_slices_of_a_walk(void **state)
{
    walk_test *test = *state;

    hgh_resource_walk_start(&test->walk);
    assert_int_equal(test->ends, 0);
    assert_true(test->seen < COUNT);
    others(test);
    assert_int_equal(hgh_event_loop_run(test->walk.loop, NULL), HG_OK);
    assert_int_equal(test->ends, 1);
    assert_true(test->turns_of_others > 1);
    assert_true(test->seen >= hgh_resource_table_count(test->walk.table)); /* what stayed */
    assert_in_range(test->seen, 1, COUNT);
}

static void a_short_walk_has_ended_when_it_returns(void **state)
{
    walk_test *test = *state;

    test->most = 3;
    hgh_resource_walk_start(&test->walk);
    assert_int_equal(test->ends, 1);
    assert_int_equal(test->seen, 3);
    test->walk.kind = "none";
    hgh_resource_walk_start(&test->walk);
    assert_int_equal(test->ends, 2);
    assert_int_equal(test->seen, 3);
}

static void a_walk_that_is_dropped_does_not_end(void **state)
{
    walk_test *test = *state;

    hgh_resource_walk_start(&test->walk);
    hgh_resource_walk_stop(&test->walk);
    hgh_event_loop_timer_start(test->walk.loop, &test->others, 20,
                               (hgh_event_loop_on_time)hgh_event_loop_stop, test->walk.loop);
    assert_int_equal(hgh_event_loop_run(test->walk.loop, NULL), HG_OK);
    assert_int_equal(test->ends, 0);
}

#define WALK_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WALK_TEST(others_run_between_the_slices_of_a_walk),
        WALK_TEST(a_short_walk_has_ended_when_it_returns),
        WALK_TEST(a_walk_that_is_dropped_does_not_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
