/* tests/unit/core/test_map.c - the hash table finds what is in it, while it grows and shrinks. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/core/map.h"
#include "tests/unit/unit.h"

#define ITEMS 20000u

typedef struct item {
    hgh_map_node node;
    bool present;
    char key[16];
} item;

static item *items_new(void)
{
    item *items = calloc(ITEMS, sizeof(*items));

    for (unsigned i = 0; i < ITEMS; i++) {
        (void)snprintf(items[i].key, sizeof(items[i].key), "key%u", i);
        items[i].node.key = hg_text_of(items[i].key);
    }
    return items;
}

static void an_empty_map_finds_nothing(void **state)
{
    hgh_map map;

    (void)state;
    hgh_map_init(&map);
    assert_null(hgh_map_find(&map, HG_TEXT("a")));
    assert_null(hgh_map_find(&map, (hg_text){0}));
    hgh_map_done(&map);
}

static void an_absent_key_is_the_empty_one(void **state)
{
    hgh_map map;
    item one = {.node = {.key = {NULL, 0}}};

    (void)state;
    hgh_map_init(&map);
    assert_int_equal(hgh_map_add(&map, &one.node), HG_OK);
    assert_ptr_equal(hgh_map_find(&map, HG_TEXT("")), &one.node);
    hgh_map_done(&map);
}

static void keys_are_compared_with_their_length(void **state)
{
    hgh_map map;
    item one = {.node = {.key = {"a\0b", 3}}};

    (void)state;
    hgh_map_init(&map);
    assert_int_equal(hgh_map_add(&map, &one.node), HG_OK);
    assert_null(hgh_map_find(&map, HG_TEXT("a")));
    assert_ptr_equal(hgh_map_find(&map, (hg_text){"a\0b", 3}), &one.node);
    hgh_map_done(&map);
}

static void all_are_found_at_every_moment_of_growth(void **state)
{
    hgh_map map;
    item *items = items_new();

    (void)state;
    hgh_map_init(&map);
    for (unsigned i = 0; i < ITEMS; i++) {
        assert_int_equal(hgh_map_add(&map, &items[i].node), HG_OK);
        assert_ptr_equal(hgh_map_find(&map, items[i / 2].node.key), &items[i / 2].node);
        assert_ptr_equal(hgh_map_find(&map, items[i].node.key), &items[i].node);
    }
    for (unsigned i = 0; i < ITEMS; i++) {
        assert_ptr_equal(hgh_map_find(&map, items[i].node.key), &items[i].node);
    }
    assert_int_equal(map.count, ITEMS);
    hgh_map_done(&map);
    free(items);
}

static void no_insertion_moves_more_than_a_few_buckets(void **state)
{
    hgh_map map;
    item *items = items_new();
    size_t most = 0;

    (void)state;
    hgh_map_init(&map);
    for (unsigned i = 0; i < ITEMS; i++) {
        size_t before = map.moved;

        assert_int_equal(hgh_map_add(&map, &items[i].node), HG_OK);
        most = map.moved > before && map.moved - before > most ? map.moved - before : most;
    }
    assert_in_range(most, 1, 4);
    hgh_map_done(&map);
    free(items);
}

static void random_changes_leave_what_a_list_would_have(void **state)
{
    hgh_map map;
    item *items = items_new();
    size_t count = 0;

    (void)state;
    hgh_map_init(&map);
    srandom(7);
    for (unsigned step = 0; step < 8 * ITEMS; step++) {
        item *at = &items[(unsigned long)random() % ITEMS];

        if (at->present) {
            hgh_map_remove(&map, &at->node);
            assert_null(hgh_map_find(&map, at->node.key));
        } else {
            assert_int_equal(hgh_map_add(&map, &at->node), HG_OK);
            assert_ptr_equal(hgh_map_find(&map, at->node.key), &at->node);
        }
        at->present = !at->present;
        count += at->present ? 1 : (size_t)-1;
        assert_int_equal(map.count, count);
    }
    for (unsigned i = 0; i < ITEMS; i++) {
        assert_int_equal(hgh_map_find(&map, items[i].node.key) != NULL, items[i].present);
    }
    hgh_map_done(&map);
    free(items);
}

static void a_node_that_is_not_in_may_be_removed(void **state)
{
    hgh_map map;
    item *items = items_new();

    (void)state;
    hgh_map_init(&map);
    hgh_map_remove(&map, &items[0].node);
    assert_int_equal(hgh_map_add(&map, &items[1].node), HG_OK);
    hgh_map_remove(&map, &items[0].node);
    assert_int_equal(map.count, 1);
    hgh_map_done(&map);
    free(items);
}

typedef struct visits {
    hgh_map *map;
    size_t count;
} visits;

static void remove_each(void *context, hgh_map_node *node)
{
    visits *seen = context;

    hgh_map_remove(seen->map, node);
    seen->count++;
}

static void a_visit_may_remove_its_own_node(void **state)
{
    hgh_map map;
    item *items = items_new();
    visits seen = {&map, 0};

    (void)state;
    hgh_map_init(&map);
    for (unsigned i = 0; i < 1000; i++) { /* some of them still in the smaller table */
        assert_int_equal(hgh_map_add(&map, &items[i].node), HG_OK);
    }
    hgh_map_each(&map, remove_each, &seen);
    assert_int_equal(seen.count, 1000);
    assert_int_equal(map.count, 0);
    hgh_map_done(&map);
    free(items);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_map_finds_nothing),
        cmocka_unit_test(an_absent_key_is_the_empty_one),
        cmocka_unit_test(keys_are_compared_with_their_length),
        cmocka_unit_test(all_are_found_at_every_moment_of_growth),
        cmocka_unit_test(no_insertion_moves_more_than_a_few_buckets),
        cmocka_unit_test(random_changes_leave_what_a_list_would_have),
        cmocka_unit_test(a_node_that_is_not_in_may_be_removed),
        cmocka_unit_test(a_visit_may_remove_its_own_node),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
