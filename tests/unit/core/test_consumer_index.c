/* tests/unit/core/test_consumer_index.c - a key finds the consumer that has it, and no other. */
#include <stdio.h>
#include <string.h>

#include "host/core/consumer_index.h"
#include "host/core/snapshot.h"
#include "tests/unit/core/objects.h"
#include "tests/unit/core/plugins.h"
#include "tests/unit/unit.h"

static plugin_place place;
static hgh_snapshot snapshot;
static hgh_generation *generation;
static hgh_consumer_index consumers;

static int set_up(void **state)
{
    (void)state;
    plugin_place_init(&place);
    hgh_snapshot_init(&snapshot);
    generation = generation_make(&place, NULL, 1, NULL, "unit_a=1 unit_auth=2");
    hgh_consumer_index_init(&consumers);
    return 0;
}

static void take_out(void *context, hgh_map_node *node)
{
    hgh_cell *cell = HGH_CONTAINER_OF(node, hgh_cell, node);

    (void)context;
    if (cell->current != NULL) {
        hgh_consumer_index_remove(&consumers, (hg_consumer *)(void *)cell->current);
    }
}

static int tear_down(void **state)
{
    (void)state;
    hgh_map_each(&snapshot.kinds[HGH_CONSUMERS], take_out, NULL);
    hgh_map_each(&snapshot.kinds[HGH_CREDENTIALS], take_out, NULL);
    hgh_consumer_index_done(&consumers);
    hgh_snapshot_done(&snapshot);
    hgh_generation_unref(generation);
    plugin_place_done(&place);
    return 0;
}

static hg_consumer *enter(const char *name, uint64_t revision, const char *json)
{
    hg_consumer *consumer =
        (hg_consumer *)(void *)object_put(&snapshot, HGH_CONSUMERS, name, revision, json);

    assert_int_equal(hgh_consumer_index_add(&consumers, generation, consumer), HG_OK);
    return consumer;
}

static const char *found(const char *key)
{
    const hg_consumer *consumer = hgh_consumer_index_find(&consumers, "unit_auth", hg_text_of(key));

    return consumer == NULL ? "" : consumer->base.id;
}

static void a_key_finds_its_consumer(void **state)
{
    (void)state;
    assert_false(hgh_consumer_index_has(&consumers, "unit_auth"));
    (void)enter("jack", 1, "{\"plugins\":{\"unit_auth\":{\"key\":\"k1\"}}}");
    (void)enter("jill", 2, "{\"plugins\":{\"unit_auth\":{\"key\":\"k2\"},\"unit_a\":{}}}");
    assert_string_equal(found("k1"), "jack");
    assert_string_equal(found("k2"), "jill");
    assert_string_equal(found("k"), "");
    assert_string_equal(found("k11"), "");
    assert_true(hgh_consumer_index_has(&consumers, "unit_auth"));
    assert_null(hgh_consumer_index_find(&consumers, "unit_a", HG_TEXT("k1")));
    assert_null(hgh_consumer_index_find(&consumers, "unit_auth", (hg_text){0}));
}

static void keys_may_hold_any_bytes_that_json_can(void **state)
{
    (void)state;
    (void)enter("empty", 1, "{\"plugins\":{\"unit_auth\":{\"key\":\"\"}}}");
    (void)enter("odd", 2, "{\"plugins\":{\"unit_auth\":{\"key\":\"\\u00e4 \\n/\"}}}");
    assert_string_equal(found(""), "empty");
    assert_string_equal(found("\xc3\xa4 \n/"), "odd");
}

static void what_is_no_key_is_passed_over(void **state)
{
    static const char *const rows[] = {
        "{}",
        "{\"plugins\":{}}",
        "{\"plugins\":{\"unit_auth\":{}}}",
        "{\"plugins\":{\"unit_auth\":{\"key\":7}}}",
        "{\"plugins\":{\"unit_auth\":{\"key\":null}}}",
        "{\"plugins\":{\"unit_auth\":{\"key\":[\"k\"]}}}",
        "{\"plugins\":{\"unit_auth\":7}}",
        "{\"plugins\":{\"unit_auth\":\"key\"}}",
        "{\"plugins\":{\"unknown\":{\"key\":\"k\"}}}",
        "{\"plugins\":{\"unit_a\":{\"key\":\"k\"}}}",
        "{\"plugins\":[\"unit_auth\"]}",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        hg_consumer *consumer = enter("x", i + 1, rows[i]);

        if (consumer->keys != NULL || hgh_consumer_index_has(&consumers, "unit_auth")) {
            fail_msg("%s", rows[i]);
        }
    }
}

static void a_key_that_is_too_long_finds_nobody(void **state)
{
    static char key[5001];
    static char json[6000];

    (void)state;
    memset(key, 'k', 4097);
    (void)snprintf(json, sizeof(json), "{\"plugins\":{\"unit_auth\":{\"key\":\"%s\"}}}", key);
    (void)enter("long", 1, json);
    assert_string_equal(found(key), "");
    memset(key, 'k', 5000);
    assert_string_equal(found(key), "");
    key[4096] = '\0';
    (void)snprintf(json, sizeof(json), "{\"plugins\":{\"unit_auth\":{\"key\":\"%s\"}}}", key);
    hgh_consumer_index_remove(&consumers, enter("fits", 2, json));
    assert_string_equal(found(key), "");
}

static void a_removed_consumer_is_found_no_more(void **state)
{
    hg_consumer *consumer = enter("jack", 1, "{\"plugins\":{\"unit_auth\":{\"key\":\"k\"}}}");

    (void)state;
    hgh_consumer_index_remove(&consumers, consumer);
    assert_string_equal(found("k"), "");
    assert_false(hgh_consumer_index_has(&consumers, "unit_auth"));
    hgh_consumer_index_remove(&consumers, consumer);
}

static void of_several_with_one_key_the_last_changed_counts(void **state)
{
    static const struct {
        const char *label;
        int order[3]; /* in which they are entered */
        int gone;     /* which goes first */
        const char *before;
        const char *after;
    } cases[] = {
        {"in their order, last gone", {0, 1, 2}, 2, "c", "b"},
        {"in their order, middle gone", {0, 1, 2}, 1, "c", "c"},
        {"in their order, first gone", {0, 1, 2}, 0, "c", "c"},
        {"the other way round", {2, 1, 0}, 2, "c", "b"},
        {"mixed", {1, 2, 0}, 2, "c", "b"},
    };
    static const char *const names[] = {"a", "b", "c"};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        hg_consumer *all[3] = {NULL};

        for (int k = 0; k < 3; k++) {
            int which = cases[i].order[k];

            all[which] = enter(names[which], (uint64_t)which + 1,
                               "{\"plugins\":{\"unit_auth\":{\"key\":\"shared\"}}}");
        }
        if (strcmp(found("shared"), cases[i].before) != 0) {
            fail_msg("%s: found %s", cases[i].label, found("shared"));
        }
        hgh_consumer_index_remove(&consumers, all[cases[i].gone]);
        if (strcmp(found("shared"), cases[i].after) != 0) {
            fail_msg("%s: found %s after one has gone", cases[i].label, found("shared"));
        }
        for (int k = 0; k < 3; k++) {
            hgh_consumer_index_remove(&consumers, all[k]);
        }
        assert_string_equal(found("shared"), "");
        assert_false(hgh_consumer_index_has(&consumers, "unit_auth"));
    }
}

static void a_shared_key_stays_right_while_the_index_grows(void **state)
{
    char name[16];
    char json[96];

    (void)state;
    (void)enter("old", 1, "{\"plugins\":{\"unit_auth\":{\"key\":\"shared\"}}}");
    (void)enter("new", 2, "{\"plugins\":{\"unit_auth\":{\"key\":\"shared\"}}}");
    for (uint64_t i = 0; i < 2000; i++) {
        (void)snprintf(name, sizeof(name), "c%llu", (unsigned long long)i);
        (void)snprintf(json, sizeof(json), "{\"plugins\":{\"unit_auth\":{\"key\":\"k%llu\"}}}",
                       (unsigned long long)i);
        (void)enter(name, i + 3, json);
        assert_string_equal(found("shared"), "new");
    }
}

static void each_of_100000_keys_finds_its_consumer(void **state)
{
    char name[16];
    char text[96];

    (void)state;
    for (unsigned i = 0; i < 100000; i++) {
        (void)snprintf(name, sizeof(name), "c%u", i);
        (void)snprintf(text, sizeof(text), "{\"plugins\":{\"unit_auth\":{\"key\":\"k%u\"}}}", i);
        (void)enter(name, i + 1, text);
    }
    for (unsigned i = 0; i < 100000; i++) {
        (void)snprintf(name, sizeof(name), "c%u", i);
        (void)snprintf(text, sizeof(text), "k%u", i);
        assert_string_equal(found(text), name);
    }
    assert_string_equal(found("k100000"), "");
}

static void a_key_finds_a_credential_while_its_consumer_is_there(void **state)
{
    hg_consumer *credential =
        (hg_consumer *)(void *)object_put(&snapshot, HGH_CREDENTIALS, "jack/credentials/1", 3,
                                          "{\"plugins\":{\"unit_auth\":{\"key\":\"k\"}}}");

    (void)state;
    assert_int_equal(hgh_consumer_index_add(&consumers, generation, credential), HG_OK);
    assert_true(hgh_consumer_index_has(&consumers, "unit_auth"));
    assert_string_equal(found("k"), "");
    (void)enter("jill", 1, "{\"plugins\":{\"unit_auth\":{\"key\":\"k\"}}}");
    assert_string_equal(found("k"), "jill"); /* the older owner that is somebody */
    (void)enter("jack", 2, "{}");
    assert_string_equal(found("k"), "jack/credentials/1");
    assert_string_equal(hgh_consumer_of(credential)->base.id, "jack");
    hgh_consumer_index_remove(&consumers, credential);
    assert_string_equal(found("k"), "jill");
}

static void generations_differ_by_the_fields_that_find_consumers(void **state)
{
    hgh_generation *same = generation_make(&place, generation, 2, NULL, "unit_auth=2");
    hgh_generation *none = generation_make(&place, generation, 3, NULL, "unit_a=1");

    (void)state;
    assert_true(hgh_consumer_index_is_same(generation, same));
    assert_false(hgh_consumer_index_is_same(generation, none));
    assert_false(hgh_consumer_index_is_same(none, generation));
    hgh_generation_unref(same);
    hgh_generation_unref(none);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_key_finds_its_consumer, set_up, tear_down),
        cmocka_unit_test_setup_teardown(keys_may_hold_any_bytes_that_json_can, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_no_key_is_passed_over, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_key_that_is_too_long_finds_nobody, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_removed_consumer_is_found_no_more, set_up, tear_down),
        cmocka_unit_test_setup_teardown(of_several_with_one_key_the_last_changed_counts, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_shared_key_stays_right_while_the_index_grows, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(each_of_100000_keys_finds_its_consumer, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_key_finds_a_credential_while_its_consumer_is_there,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(generations_differ_by_the_fields_that_find_consumers,
                                        set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
