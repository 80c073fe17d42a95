/* tests/unit/control/test_reference_index.c - whoever names a key is found by it, and no longer. */
#include <stdio.h>
#include <stdlib.h>

#include "host/control/reference_index.h"
#include "tests/unit/unit.h"

static int set_up(void **state)
{
    hgh_reference_index *index = calloc(1, sizeof(*index));

    assert_non_null(index);
    hgh_reference_index_init(index);
    *state = index;
    return 0;
}

static int tear_down(void **state)
{
    hgh_reference_index *index = *state;

    assert_int_equal(index->targets.count, 0);
    hgh_reference_index_done(index);
    free(index);
    return 0;
}

static void references_are_found_in_the_order_of_their_entry(void **state)
{
    hgh_reference_index *index = *state;
    hgh_reference references[3];
    const hgh_reference *found;

    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(hgh_reference_open(index, &references[i], "routes", "services/1"), HG_OK);
    }
    assert_null(hgh_reference_find(index, "routes", "services/1")); /* none was entered */
    hgh_reference_enter(&references[1], "one");
    hgh_reference_enter(&references[0], "two");
    hgh_reference_enter(&references[2], "three");
    found = hgh_reference_find(index, "routes", "services/1");
    assert_string_equal(found->owner, "one");
    assert_string_equal(found->next->owner, "two");
    hgh_reference_close(index, &references[0]);
    found = hgh_reference_find(index, "routes", "services/1");
    assert_string_equal(found->next->owner, "three");
    assert_null(found->next->next);
    hgh_reference_close(index, &references[1]);
    assert_string_equal(hgh_reference_find(index, "routes", "services/1")->owner, "three");
    hgh_reference_close(index, &references[2]);
    hgh_reference_close(index, &references[2]); /* harmless */
    assert_null(hgh_reference_find(index, "routes", "services/1"));
}

static void kinds_and_keys_are_told_apart(void **state)
{
    static const struct {
        const char *kind;
        const char *key;
        bool is_found;
    } cases[] = {
        {"routes", "services/1", true},  {"routes", "services/10", false},
        {"routes", "services/", false},  {"services", "services/1", false},
        {"route", "sservices/1", false}, {"", "", false},
    };
    hgh_reference_index *index = *state;
    hgh_reference reference;

    assert_int_equal(hgh_reference_open(index, &reference, "routes", "services/1"), HG_OK);
    hgh_reference_enter(&reference, "one");
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        if ((hgh_reference_find(index, cases[i].kind, cases[i].key) != NULL) != cases[i].is_found) {
            fail_msg("%s, %s", cases[i].kind, cases[i].key);
        }
    }
    hgh_reference_close(index, &reference);
}

static void a_key_that_nothing_can_have_is_never_found(void **state)
{
    hgh_reference_index *index = *state;
    hgh_reference reference;
    char key[2000];

    memset(key, 'k', sizeof(key));
    key[sizeof(key) - 1] = '\0';
    assert_int_equal(hgh_reference_open(index, &reference, "routes", key), HG_OK);
    hgh_reference_enter(&reference, "one");
    assert_null(hgh_reference_find(index, "routes", key));
    hgh_reference_close(index, &reference);
}

static void ten_thousand_references_come_and_go(void **state)
{
    enum {
        COUNT = 10000
    };
    hgh_reference_index *index = *state;
    hgh_reference *references = calloc(COUNT, sizeof(*references));
    char key[32];

    for (size_t i = 0; i < COUNT; i++) {
        (void)snprintf(key, sizeof(key), "services/%zu", i / 2);
        assert_int_equal(hgh_reference_open(index, &references[i], "routes", key), HG_OK);
        hgh_reference_enter(&references[i], &references[i]);
    }
    for (size_t i = 0; i < COUNT; i += 2) {
        const hgh_reference *found;

        (void)snprintf(key, sizeof(key), "services/%zu", i / 2);
        found = hgh_reference_find(index, "routes", key);
        assert_ptr_equal(found->owner, &references[i]);
        assert_ptr_equal(found->next->owner, &references[i + 1]);
        hgh_reference_close(index, &references[i]);
        hgh_reference_close(index, &references[i + 1]);
    }
    free(references);
}

typedef struct seen {
    size_t count;
    char keys[200];
} seen;

static void look(void *context, const char *key, const hgh_reference *first)
{
    seen *all = context;

    assert_non_null(first->owner);
    all->count++;
    (void)strcat(strcat(all->keys, key), " ");
}

static void each_key_that_is_named_is_visited(void **state)
{
    static const char *const rows[][2] = {{"routes", "services/1"},
                                          {"routes", "services/1"},
                                          {"routes", "plugins/a"},
                                          {"services", "plugins/a"}};
    hgh_reference_index *index = *state;
    hgh_reference references[ARRAY_SIZE(rows) + 1];
    seen all = {0};

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        assert_int_equal(hgh_reference_open(index, &references[i], rows[i][0], rows[i][1]), HG_OK);
        hgh_reference_enter(&references[i], "one");
    }
    assert_int_equal(
        hgh_reference_open(index, &references[ARRAY_SIZE(rows)], "routes", "services/2"), HG_OK);
    hgh_reference_each(index, look, &all); /* the last one was not entered */
    assert_int_equal(all.count, 3);
    assert_non_null(strstr(all.keys, "services/1 "));
    assert_non_null(strstr(all.keys, "plugins/a "));
    for (size_t i = 0; i <= ARRAY_SIZE(rows); i++) {
        hgh_reference_close(index, &references[i]);
    }
}

#define INDEX_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        INDEX_TEST(references_are_found_in_the_order_of_their_entry),
        INDEX_TEST(kinds_and_keys_are_told_apart),
        INDEX_TEST(a_key_that_nothing_can_have_is_never_found),
        INDEX_TEST(ten_thousand_references_come_and_go),
        INDEX_TEST(each_key_that_is_named_is_visited),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
