/* tests/unit/core/test_snapshot.c - cells have a name whether or not an object is there. */
#include <stdio.h>
#include <string.h>

#include "host/core/snapshot.h"
#include "tests/unit/core/objects.h"
#include "tests/unit/unit.h"

static hgh_snapshot snapshot;

static int set_up(void **state)
{
    (void)state;
    hgh_snapshot_init(&snapshot);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    hgh_snapshot_done(&snapshot);
    return 0;
}

static void an_object_is_found_by_kind_and_id(void **state)
{
    hgh_resource *route = object_put(&snapshot, HGH_ROUTES, "1", 1, "{}");

    (void)state;
    assert_ptr_equal(hgh_snapshot_find(&snapshot, HGH_ROUTES, HG_TEXT("1")), route);
    assert_null(hgh_snapshot_find(&snapshot, HGH_SERVICES, HG_TEXT("1")));
    assert_null(hgh_snapshot_find(&snapshot, HGH_ROUTES, HG_TEXT("11")));
    assert_int_equal(snapshot.counts[HGH_ROUTES], 1);
}

static void putting_hands_out_what_was_there(void **state)
{
    hgh_resource *first = object_put(&snapshot, HGH_ROUTES, "1", 1, "{}");
    hgh_resource *second = object_make(&snapshot, HGH_ROUTES, "1", 2, "{}");
    hgh_resource *previous = NULL;

    (void)state;
    assert_true(first->in_force);
    assert_false(second->in_force);
    assert_int_equal(hgh_snapshot_put(&snapshot, second, &previous), HG_OK);
    assert_ptr_equal(previous, first);
    assert_false(first->in_force);
    assert_true(second->in_force);
    assert_int_equal(snapshot.counts[HGH_ROUTES], 1);
    hgh_resource_unref(previous);
}

static void taking_leaves_nothing_but_what_is_referred_to(void **state)
{
    hgh_cell *cell = hgh_cell_ref(&snapshot, HGH_SERVICES, HG_TEXT("s"));
    hgh_resource *taken;

    (void)state;
    assert_null(cell->current);
    assert_null(hgh_snapshot_take(&snapshot, HGH_SERVICES, HG_TEXT("s")));
    (void)object_put(&snapshot, HGH_SERVICES, "s", 1, "{}");
    assert_non_null(cell->current);
    taken = hgh_snapshot_take(&snapshot, HGH_SERVICES, HG_TEXT("s"));
    assert_non_null(taken);
    assert_false(taken->in_force);
    hgh_resource_unref(taken);
    assert_null(cell->current);
    assert_int_equal(snapshot.kinds[HGH_SERVICES].count, 1);
    hgh_cell_unref(cell);
    assert_int_equal(snapshot.kinds[HGH_SERVICES].count, 0);
    hgh_cell_unref(NULL);
}

static void objects_that_refer_to_each_other_all_go(void **state)
{
    char id[16];
    char json[96];

    (void)state;
    for (int i = 0; i < 500; i++) {
        (void)snprintf(id, sizeof(id), "%d", i);
        (void)snprintf(json, sizeof(json), "{\"service_id\":\"%d\",\"upstream_id\":\"%d\"}", i % 7,
                       i % 11);
        (void)object_put(&snapshot, HGH_ROUTES, id, 1, json);
        (void)object_put(&snapshot, HGH_SERVICES, id, 1, "{\"upstream_id\":\"3\"}");
        if (i % 2 == 0) {
            (void)object_put(&snapshot, HGH_UPSTREAMS, id, 1, "{\"nodes\":{\"a\":1}}");
        }
    }
    for (int i = 0; i < 500; i += 3) {
        (void)snprintf(id, sizeof(id), "%d", i);
        object_remove(&snapshot, HGH_SERVICES, id);
        object_remove(&snapshot, HGH_ROUTES, id);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_object_is_found_by_kind_and_id, set_up, tear_down),
        cmocka_unit_test_setup_teardown(putting_hands_out_what_was_there, set_up, tear_down),
        cmocka_unit_test_setup_teardown(taking_leaves_nothing_but_what_is_referred_to, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(objects_that_refer_to_each_other_all_go, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
