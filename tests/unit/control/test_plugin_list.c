/* tests/unit/control/test_plugin_list.c - lists of plugins; null is all that there are. */
#include "host/control/plugin_list.h"
#include "tests/unit/unit.h"

static json_t *list_of(const char *text)
{
    json_t *list = json_loads(text, JSON_DECODE_ANY, NULL);

    assert_non_null(list);
    return list;
}

static void lists_are_compared_and_joined_as_sets(void **state)
{
    static const struct {
        const char *part;
        const char *whole;
        bool is_within;
        const char *joined;
    } cases[] = {
        {"[]", "[]", true, "[]"},
        {"[]", "[\"a\"]", true, "[\"a\"]"},
        {"[\"a\"]", "[]", false, "[\"a\"]"},
        {"[\"b\", \"a\"]", "[\"a\", \"b\"]", true, "[\"b\", \"a\"]"},
        {"[\"a\", \"c\"]", "[\"a\", \"b\"]", false, "[\"a\", \"c\", \"b\"]"},
        {"[\"a\"]", "null", true, "null"},
        {"null", "[\"a\"]", false, "null"},
        {"null", "null", true, "null"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        json_t *part = list_of(cases[i].part);
        json_t *whole = list_of(cases[i].whole);
        json_t *wanted = list_of(cases[i].joined);
        json_t *joined = hgh_plugin_list_join(part, whole);

        if (hgh_plugin_list_is_within(part, whole) != cases[i].is_within ||
            !json_equal(joined, wanted)) {
            fail_msg("%s and %s", cases[i].part, cases[i].whole);
        }
        json_decref(part);
        json_decref(whole);
        json_decref(wanted);
        json_decref(joined);
    }
}

static void a_list_has_what_it_names_and_no_list_has_all(void **state)
{
    json_t *list = list_of("[\"a\", 5]");

    (void)state;
    assert_true(hgh_plugin_list_has(list, "a"));
    assert_false(hgh_plugin_list_has(list, "b"));
    assert_true(hgh_plugin_list_has(NULL, "b"));
    assert_true(hgh_plugin_list_is_within(list, NULL));
    json_decref(list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists_are_compared_and_joined_as_sets),
        cmocka_unit_test(a_list_has_what_it_names_and_no_list_has_all),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
