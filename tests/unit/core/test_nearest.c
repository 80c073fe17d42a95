/* tests/unit/core/test_nearest.c - a slip of the pen finds the name that was meant. */
#include "host/core/nearest.h"
#include "tests/unit/unit.h"

static void nearest_needs_few_edits(void **state)
{
    static const char *const candidates[] = {"count", "time_window", "key", "policy", "counter"};
    static const struct {
        const char *name;
        const char *nearest;
    } cases[] = {
        {"count", "count"},
        {"cuont", "count"},
        {"coun", "count"},
        {"counts", "count"},
        {"Count", "count"},
        {"timewindow", "time_window"},
        {"timeWindow", "time_window"},
        {"polic", "policy"},
        {"kee", "key"},
        {"countr", "count"},
        {"x", NULL},
        {"", NULL},
        {"rejected_code", NULL},
        {"abc", NULL},
        {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", NULL},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        const char *nearest = hgh_nearest(cases[i].name, candidates, ARRAY_SIZE(candidates));

        if ((nearest == NULL) != (cases[i].nearest == NULL) ||
            (nearest != NULL && strcmp(nearest, cases[i].nearest) != 0)) {
            fail_msg("\"%s\": got %s", cases[i].name, nearest == NULL ? "none" : nearest);
        }
    }
    assert_null(hgh_nearest("a", NULL, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nearest_needs_few_edits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
