/* tests/unit/control/test_expiry_heap.c - the nearest end is first, whatever comes and goes. */
#include <stdlib.h>

#include "host/control/expiry_heap.h"
#include "tests/unit/unit.h"

#define COUNT 500u

/* The same numbers in every run; a linear congruential generator will do. */
static int64_t next_number(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 22;
}

static void the_first_one_is_the_nearest(void **state)
{
    hgh_expiry_heap heap = {0};
    hgh_expiry items[COUNT] = {0};
    uint32_t seed = 1;

    (void)state;
    assert_null(hgh_expiry_heap_first(&heap));
    assert_int_equal(hgh_expiry_heap_reserve(&heap, COUNT), HG_OK);
    for (size_t i = 0; i < COUNT; i++) {
        items[i].wall_s = next_number(&seed);
        hgh_expiry_heap_add(&heap, &items[i]);
    }
    for (size_t i = 0; i < COUNT; i += 3) {
        hgh_expiry_heap_remove(&heap, &items[i]);
        hgh_expiry_heap_remove(&heap, &items[i]); /* harmless */
    }
    for (int64_t last = -1; heap.count > 0;) {
        hgh_expiry *first = heap.items[0];

        assert_ptr_equal(hgh_expiry_heap_first(&heap), first);
        assert_true(first->wall_s >= last);
        for (size_t i = 1; i < heap.count; i++) {
            assert_true(heap.items[i]->wall_s >= first->wall_s);
            assert_int_equal(heap.items[i]->place, i + 1);
        }
        last = first->wall_s;
        hgh_expiry_heap_remove(&heap, first);
    }
    hgh_expiry_heap_done(&heap);
}

static void what_is_over_is_found_and_nothing_else(void **state)
{
    static const struct {
        int64_t wall_s;
        size_t max;
        size_t count;
    } cases[] = {{0, 100, 0}, {1, 100, 1}, {50, 100, 50}, {50, 7, 7}, {1000, 1000, 100}, {9, 0, 0}};
    hgh_expiry_heap heap = {0};
    hgh_expiry items[100] = {0};
    const hgh_expiry *over[1000];

    (void)state;
    assert_int_equal(hgh_expiry_heap_over(&heap, 5, over, 10), 0);
    assert_int_equal(hgh_expiry_heap_reserve(&heap, 100), HG_OK);
    for (size_t i = 0; i < 100; i++) {
        items[i].wall_s = (int64_t)((i * 37) % 100 + 1); /* each from 1 to 100 once */
        hgh_expiry_heap_add(&heap, &items[i]);
    }
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        assert_int_equal(hgh_expiry_heap_over(&heap, cases[i].wall_s, over, cases[i].max),
                         cases[i].count);
        for (size_t k = 0; k < cases[i].count; k++) {
            assert_true(over[k]->wall_s <= cases[i].wall_s);
        }
    }
    hgh_expiry_heap_done(&heap);
    hgh_expiry_heap_done(&heap);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_one_is_the_nearest),
        cmocka_unit_test(what_is_over_is_found_and_nothing_else),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
