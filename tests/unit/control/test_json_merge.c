/* tests/unit/control/test_json_merge.c - a part of a value changes that part alone. */
#include <stdio.h>
#include <stdlib.h>

#include "host/control/json_merge.h"
#include "tests/unit/unit.h"

static json_t *load(const char *text)
{
    json_t *value = json_loads(text, JSON_DECODE_ANY, NULL);

    assert_non_null(value);
    return value;
}

static void assert_dump(const char *label, json_t *value, const char *expected)
{
    char *text = json_dumps(value, JSON_COMPACT | JSON_SORT_KEYS);

    if (strcmp(text, expected) != 0) {
        fail_msg("%s: %s", label, text);
    }
    free(text);
    json_decref(value);
}

static void a_merge_follows_the_rules_of_patch(void **state)
{
    static const struct {
        const char *label;
        const char *target;
        const char *patch;
        const char *result;
    } cases[] = {
        {"adds", "{\"a\":1}", "{\"b\":2}", "{\"a\":1,\"b\":2}"},
        {"replaces a value", "{\"a\":1}", "{\"a\":\"x\"}", "{\"a\":\"x\"}"},
        {"merges objects", "{\"a\":{\"x\":1,\"y\":2}}", "{\"a\":{\"y\":3}}",
         "{\"a\":{\"x\":1,\"y\":3}}"},
        {"replaces arrays", "{\"a\":[1,2]}", "{\"a\":[3]}", "{\"a\":[3]}"},
        {"null deletes", "{\"a\":1,\"b\":2}", "{\"a\":null}", "{\"b\":2}"},
        {"null deletes inside", "{\"n\":{\"h:1\":1,\"h:2\":1}}", "{\"n\":{\"h:1\":null}}",
         "{\"n\":{\"h:2\":1}}"},
        {"null of nothing", "{\"a\":1}", "{\"b\":null}", "{\"a\":1}"},
        {"empty object replaces", "{\"plugins\":{\"x\":{}}}", "{\"plugins\":{}}",
         "{\"plugins\":{}}"},
        {"empty array replaces", "{\"a\":{\"x\":1}}", "{\"a\":[]}", "{\"a\":[]}"},
        {"object over a text", "{\"a\":\"x\"}", "{\"a\":{\"b\":1}}", "{\"a\":{\"b\":1}}"},
        {"object over an array", "{\"a\":[1]}", "{\"a\":{\"b\":1}}", "{\"a\":{\"b\":1}}"},
        {"nothing", "{\"a\":1}", "{}", "{\"a\":1}"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        json_t *target = load(cases[i].target);
        json_t *patch = load(cases[i].patch);

        assert_int_equal(hgh_json_merge(target, patch, NULL), HG_OK);
        json_decref(patch);
        assert_dump(cases[i].label, target, cases[i].result);
    }
}

static void a_path_sets_one_value(void **state)
{
    static const struct {
        const char *label;
        const char *target;
        const char *path;
        const char *value;
        const char *result;
    } cases[] = {
        {"replaces", "{\"a\":{\"b\":{\"c\":1}}}", "a/b", "{\"d\":2}", "{\"a\":{\"b\":{\"d\":2}}}"},
        {"a text", "{\"uri\":\"/a\"}", "uri", "\"/b\"", "{\"uri\":\"/b\"}"},
        {"makes parents", "{}", "a/b/c", "1", "{\"a\":{\"b\":{\"c\":1}}}"},
        {"null stays null", "{\"a\":1}", "a", "null", "{\"a\":null}"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        json_t *target = load(cases[i].target);
        json_t *value = load(cases[i].value);

        assert_int_equal(hgh_json_merge_path(target, cases[i].path, value, NULL), HG_OK);
        json_decref(value);
        assert_dump(cases[i].label, target, cases[i].result);
    }
}

static void a_path_through_what_is_no_object_is_refused(void **state)
{
    static const char *const paths[] = {"a/b/x", "n/b/x"};
    static const char *const texts[] = {"invalid sub-path: /a/b", "invalid sub-path: /n"};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
        json_t *target = load("{\"a\":{\"b\":[1]},\"n\":null}");
        hg_error err = HG_ERROR_INIT;

        assert_int_equal(hgh_json_merge_path(target, paths[i], target, &err), HG_ERR_INVALID);
        assert_string_equal(err.text, texts[i]);
        json_decref(target);
    }
}

static void a_merge_deeper_than_the_limit_is_refused(void **state)
{
    json_t *target = json_object();
    json_t *patch;
    hg_error err = HG_ERROR_INIT;

    (void)state;
    for (int i = 0; i < 300; i++) {
        json_t *outer = json_object();

        assert_int_equal(json_object_set_new(outer, "a", target), 0);
        assert_int_equal(json_object_set_new(outer, "b", json_integer(1)), 0);
        target = outer;
    }
    patch = json_deep_copy(target);
    assert_int_equal(hgh_json_merge(target, patch, &err), HG_ERR_TOO_LARGE);
    assert_string_equal(err.text, "found more than 256 levels");
    json_decref(patch);
    json_decref(target);
}

static void a_path_deeper_than_the_limit_is_refused(void **state)
{
    json_t *target = json_object();
    char path[1000];
    hg_error err = HG_ERROR_INIT;

    (void)state;
    for (size_t i = 0; i < sizeof(path) - 1; i++) {
        path[i] = i % 2 == 0 ? 'a' : '/';
    }
    path[sizeof(path) - 1] = '\0';
    assert_int_equal(hgh_json_merge_path(target, path, target, &err), HG_ERR_TOO_LARGE);
    assert_string_equal(err.text, "found more than 256 levels");
    json_decref(target);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_merge_follows_the_rules_of_patch),
        cmocka_unit_test(a_path_sets_one_value),
        cmocka_unit_test(a_path_through_what_is_no_object_is_refused),
        cmocka_unit_test(a_merge_deeper_than_the_limit_is_refused),
        cmocka_unit_test(a_path_deeper_than_the_limit_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
