/* tests/unit/core/test_issues.c - findings are kept, bounded, moved and shown. */
#include "host/core/issues.h"
#include "tests/unit/unit.h"

static void first_prefers_the_text_of_apisix(void **state)
{
    hg_issues issues = {0};
    char buffer[100];

    (void)state;
    hgh_issues_add(&issues, "/count", "0", "at least 1", NULL);
    assert_string_equal(hgh_issues_first(&issues, buffer, sizeof(buffer)),
                        "/count: found 0, wanted at least 1");
    hgh_issues_done(&issues);
    hgh_issues_add(&issues, "/count", "0", "at least 1", "expected 0 to be at least 1");
    assert_string_equal(hgh_issues_first(&issues, buffer, sizeof(buffer)),
                        "expected 0 to be at least 1");
    hgh_issues_done(&issues);
    assert_true(hgh_issues_is_empty(&issues));
}

static void more_than_the_maximum_are_counted(void **state)
{
    hg_issues issues = {0};

    (void)state;
    for (int i = 0; i < 100; i++) {
        hgh_issues_add(&issues, "", "a", "b", NULL);
    }
    assert_int_equal(issues.count, HGH_ISSUES_MAX);
    assert_int_equal(issues.dropped, 100 - HGH_ISSUES_MAX);
    hgh_issues_done(&issues);
}

static void findings_quote_any_bytes(void **state)
{
    hg_issues issues = {0};
    json_t *shown;

    (void)state;
    hgh_issues_add(&issues, "/\xff", "\xc3", "\x80\x80", "symbol \xfe_x");
    shown = hgh_issues_json(&issues);
    assert_non_null(shown);
    assert_string_equal(json_string_value(json_object_get(json_array_get(shown, 0), "text")),
                        "symbol ?_x");
    json_decref(shown);
    hgh_issues_done(&issues);
}

static void take_puts_the_prefix_before_each_pointer(void **state)
{
    hg_issues from = {0};
    hg_issues into = {0};

    (void)state;
    hgh_issues_add(&from, "/a", "x", "y", NULL);
    hgh_issues_add(&from, "", "x", "y", NULL);
    hgh_issues_take(&into, &from, "/plugins/p");
    assert_int_equal(from.count, 0);
    assert_string_equal(into.items[0].pointer, "/plugins/p/a");
    assert_string_equal(into.items[1].pointer, "/plugins/p");
    hgh_issues_done(&into);
}

static void pointer_segments_are_escaped_and_cut(void **state)
{
    char pointer[16] = "/x";

    (void)state;
    assert_int_equal(hgh_pointer_append(pointer, 2, sizeof(pointer), "a/b~c"), 10);
    assert_string_equal(pointer, "/x/a~1b~0c");
    (void)hgh_pointer_append(pointer, 10, sizeof(pointer), "abcdefghij");
    assert_true(strlen(pointer) < sizeof(pointer));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_prefers_the_text_of_apisix),
        cmocka_unit_test(more_than_the_maximum_are_counted),
        cmocka_unit_test(findings_quote_any_bytes),
        cmocka_unit_test(take_puts_the_prefix_before_each_pointer),
        cmocka_unit_test(pointer_segments_are_escaped_and_cut),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
