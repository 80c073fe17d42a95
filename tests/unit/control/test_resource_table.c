/* tests/unit/control/test_resource_table.c - objects are found, listed by age, counted, named. */
#include <stdio.h>
#include <time.h>

#include "host/control/resource_table.h"
#include "host/core/feed.h"
#include "tests/unit/unit.h"

static void put(hgh_resource_table *table, const char *key, uint64_t created, const char *reference)
{
    json_t *references = reference == NULL ? NULL : json_pack("[s, s]", "upstreams/0", reference);
    hgh_resource_object *object = hgh_resource_object_new(table, key, "{}", 2, references);

    assert_non_null(object);
    object->created = created;
    object->modified = created;
    hgh_resource_table_put(table, object);
    json_decref(references);
}

static void list(const hgh_resource_table *table, const char *kind, char *into)
{
    *into = '\0';
    for (const hgh_resource_object *object = hgh_resource_table_first(table, kind); object != NULL;
         object = hgh_resource_table_next(object)) {
        (void)strcat(strcat(into, object->id), " ");
    }
}

static void a_kind_is_listed_by_age(void **state)
{
    hgh_resource_table *table = hgh_resource_table_new();
    char ids[100];

    (void)state;
    put(table, "routes/b", 2, NULL);
    put(table, "services/x", 3, NULL);
    put(table, "routes/c", 7, NULL);
    put(table, "routes/a", 1, NULL);
    put(table, "routes/b", 2, NULL); /* replaced: keeps its age */
    list(table, "routes", ids);
    assert_string_equal(ids, "a b c ");
    list(table, "services", ids);
    assert_string_equal(ids, "x ");
    list(table, "route", ids);
    assert_string_equal(ids, "");
    hgh_resource_table_remove(table, "routes/b");
    hgh_resource_table_remove(table, "routes/b");
    list(table, "routes", ids);
    assert_string_equal(ids, "a c ");
    assert_int_equal(hgh_resource_table_count(table), 3);
    hgh_resource_table_free(table);
}

static void an_emptied_kind_does_not_end_the_walk_over_all(void **state)
{
    hgh_resource_table *table = hgh_resource_table_new();
    const hgh_resource_object *object;

    (void)state;
    put(table, "routes/1", 1, NULL);
    put(table, "services/1", 2, NULL);
    put(table, "upstreams/1", 3, NULL);
    hgh_resource_table_remove(table, "services/1");
    object = hgh_resource_table_first(table, NULL);
    assert_string_equal(object->key, "routes/1");
    object = hgh_resource_table_next_of_all(table, object);
    assert_string_equal(object->key, "upstreams/1");
    assert_null(hgh_resource_table_next_of_all(table, object));
    hgh_resource_table_free(table);
}

static void references_are_found_by_what_they_name(void **state)
{
    hgh_resource_table *table = hgh_resource_table_new();

    (void)state;
    put(table, "routes/1", 1, NULL);
    put(table, "routes/2", 2, "services/10");
    put(table, "routes/3", 3, "services/1");
    assert_string_equal(hgh_resource_table_referer(table, "routes", "services/1", NULL)->id, "3");
    assert_string_equal(hgh_resource_table_referer(table, "routes", "upstreams/0", NULL)->id, "2");
    assert_null(hgh_resource_table_referer(table, "routes", "services/100", NULL));
    assert_null(hgh_resource_table_referer(table, "services", "services/1", NULL));
    put(table, "routes/3", 3, NULL);
    assert_null(hgh_resource_table_referer(table, "routes", "services/1", NULL));
    hgh_resource_table_free(table);
}

static void add_named(void *context, const char *key, size_t count)
{
    char *text = context;
    size_t length = strlen(text);

    (void)snprintf(text + length, 100 - length, "%s=%zu ", key, count);
}

static void what_is_named_is_counted_by_kind(void **state)
{
    hgh_resource_table *table = hgh_resource_table_new();
    char text[100] = "";

    (void)state;
    put(table, "routes/1", 1, "services/10");
    put(table, "routes/2", 2, "services/10");
    put(table, "services/10", 3, NULL);
    hgh_resource_table_each_named(table, "services/", add_named, text);
    assert_string_equal(text, "services/10=2 ");
    text[0] = '\0';
    hgh_resource_table_remove(table, "routes/1");
    hgh_resource_table_remove(table, "routes/2");
    hgh_resource_table_each_named(table, "services/", add_named, text);
    assert_string_equal(text, "");
    hgh_resource_table_free(table);
}

static void ten_thousand_objects_are_found_and_measured(void **state)
{
    hgh_resource_table *table = hgh_resource_table_new();
    uint64_t bytes = 0;
    char key[32];

    (void)state;
    for (unsigned i = 0; i < 10000; i++) {
        (void)snprintf(key, sizeof(key), "routes/%u", i);
        put(table, key, i + 1, NULL);
        bytes += hgh_feed_record_size(strlen(key), 2);
    }
    assert_int_equal(hgh_resource_table_feed_bytes(table), bytes);
    for (unsigned i = 0; i < 10000; i++) {
        (void)snprintf(key, sizeof(key), "routes/%u", i);
        assert_string_equal(hgh_resource_table_find(table, key)->key, key);
        hgh_resource_table_remove(table, key);
    }
    assert_int_equal(hgh_resource_table_feed_bytes(table), 0);
    assert_int_equal(hgh_resource_table_count(table), 0);
    assert_null(hgh_resource_table_first(table, NULL));
    hgh_resource_table_free(table);
}

static void the_earliest_expiry_is_known(void **state)
{
    hgh_resource_table *table = hgh_resource_table_new();

    (void)state;
    assert_int_equal(hgh_resource_table_expiry(table), 0);
    for (int i = 0; i < 3; i++) {
        char key[] = {'r', '/', (char)('a' + i), '\0'};
        hgh_resource_object *object = hgh_resource_object_new(table, key, "{}", 2, NULL);

        object->expires_wall_s = i == 0 ? 0 : 100 - i;
        hgh_resource_table_put(table, object);
    }
    assert_int_equal(hgh_resource_table_expiry(table), 98);
    hgh_resource_table_remove(table, "r/c");
    assert_int_equal(hgh_resource_table_expiry(table), 99);
    hgh_resource_table_remove(table, "r/b");
    assert_int_equal(hgh_resource_table_expiry(table), 0);
    hgh_resource_table_free(table);
}

static void what_is_over_is_found_in_one_step(void **state)
{
    hgh_resource_table *table = hgh_resource_table_new();
    const hgh_resource_object *over[10];

    (void)state;
    for (int i = 0; i < 20; i++) {
        char key[] = {'r', '/', (char)('a' + i), '\0'};
        hgh_resource_object *object = hgh_resource_object_new(table, key, "{}", 2, NULL);

        object->expires_wall_s = i == 0 ? 0 : i;
        hgh_resource_table_put(table, object);
    }
    assert_int_equal(hgh_resource_table_over(table, 0, over, 10), 0);
    assert_int_equal(hgh_resource_table_over(table, 1, over, 10), 1);
    assert_string_equal(over[0]->key, "r/b");
    assert_int_equal(hgh_resource_table_over(table, 100, over, 10), 10);
    assert_non_null(hgh_resource_table_find(table, "r/b"));
    assert_null(hgh_resource_table_find_live(table, "r/b")); /* 1970 is long ago */
    assert_non_null(hgh_resource_table_find_live(table, "r/a"));
    hgh_resource_table_free(table);
}

/* Each step once walked over all: 100,000 of them took minutes. */
static void a_write_costs_what_it_changes(void **state)
{
    enum {
        COUNT = 100000,
        SECONDS_MAX = 20
    };
    hgh_resource_table *table = hgh_resource_table_new();
    clock_t begin;
    char key[32];

    (void)state;
    for (unsigned i = 0; i < COUNT; i++) {
        (void)snprintf(key, sizeof(key), "routes/%u", i);
        put(table, key, i + 1, "services/1");
    }
    put(table, "consumers/x", COUNT + 1, "services/2");
    begin = clock();
    for (unsigned i = 0; i < COUNT; i++) {
        put(table, "routes/0", 1, "services/1"); /* the oldest one keeps its place */
        assert_string_equal(hgh_resource_table_referer(table, "consumers", "services/2", NULL)->id,
                            "x");
        assert_null(hgh_resource_table_referer(table, "routes", "services/2", NULL));
        assert_non_null(hgh_resource_table_referer(table, "routes", "services/1", NULL));
        assert_int_equal(hgh_resource_table_expiry(table), 0);
    }
    assert_true((clock() - begin) / CLOCKS_PER_SEC < SECONDS_MAX);
    assert_string_equal(hgh_resource_table_first(table, "routes")->id, "0");
    hgh_resource_table_free(table);
}

static void all_that_name_a_key_are_walked_once(void **state)
{
    hgh_resource_table *table = hgh_resource_table_new();
    const hgh_resource_object *at = NULL;
    json_t *twice = json_pack("[s, s]", "services/1", "services/1");
    char ids[50] = "";

    (void)state;
    put(table, "routes/1", 1, "services/1");
    hgh_resource_table_put(table, hgh_resource_object_new(table, "routes/2", "{}", 2, twice));
    put(table, "routes/3", 3, "services/1");
    while ((at = hgh_resource_table_referer(table, "routes", "services/1", at)) != NULL) {
        (void)strcat(strcat(ids, at->id), " ");
    }
    assert_string_equal(ids, "1 2 3 ");
    json_decref(twice);
    hgh_resource_table_free(table);
}

static void a_cursor_survives_what_happens_around_it(void **state)
{
    hgh_resource_table *table = hgh_resource_table_new();
    hgh_resource_cursor cursor = {0};
    hgh_resource_cursor other = {0};

    (void)state;
    for (uint64_t i = 0; i < 5; i++) {
        char key[] = {'r', '/', (char)('a' + i), '\0'};

        put(table, key, i + 1, NULL);
    }
    hgh_resource_cursor_open(table, &cursor, "r");
    hgh_resource_cursor_open(table, &other, "r");
    assert_string_equal(hgh_resource_cursor_take(&cursor)->id, "a");
    hgh_resource_table_remove(table, "r/a"); /* behind it */
    hgh_resource_table_remove(table, "r/b"); /* the next one */
    assert_string_equal(hgh_resource_cursor_take(&cursor)->id, "c");
    put(table, "r/d", 4, "services/1"); /* the next one, replaced */
    assert_string_equal(hgh_resource_cursor_take(&cursor)->id, "d");
    put(table, "r/f", 6, NULL);
    assert_string_equal(hgh_resource_cursor_take(&cursor)->id, "e");
    hgh_resource_table_remove(table, "r/f");
    assert_null(hgh_resource_cursor_take(&cursor));
    assert_string_equal(hgh_resource_cursor_take(&other)->id, "c");
    hgh_resource_cursor_close(&cursor);
    hgh_resource_cursor_close(&cursor);
    hgh_resource_cursor_close(&other);
    assert_int_equal(hgh_resource_table_count_of(table, "r"), 3);
    assert_int_equal(hgh_resource_table_count_of(table, "none"), 0);
    hgh_resource_cursor_open(table, &cursor, "none");
    assert_null(hgh_resource_cursor_take(&cursor));
    hgh_resource_cursor_close(&cursor);
    hgh_resource_table_free(table);
}

static void a_key_without_a_kind_is_no_object(void **state)
{
    hgh_resource_table *table = hgh_resource_table_new();

    (void)state;
    assert_null(hgh_resource_object_new(table, "routes", "{}", 2, NULL));
    hgh_resource_object_free(NULL);
    hgh_resource_table_free(table);
    hgh_resource_table_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_kind_is_listed_by_age),
        cmocka_unit_test(an_emptied_kind_does_not_end_the_walk_over_all),
        cmocka_unit_test(references_are_found_by_what_they_name),
        cmocka_unit_test(what_is_named_is_counted_by_kind),
        cmocka_unit_test(ten_thousand_objects_are_found_and_measured),
        cmocka_unit_test(the_earliest_expiry_is_known),
        cmocka_unit_test(what_is_over_is_found_in_one_step),
        cmocka_unit_test(a_write_costs_what_it_changes),
        cmocka_unit_test(all_that_name_a_key_are_walked_once),
        cmocka_unit_test(a_cursor_survives_what_happens_around_it),
        cmocka_unit_test(a_key_without_a_kind_is_no_object),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
