/* tests/unit/control/test_probe_leak.c - only what grows in each cycle is a leak. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/control/probe_leak.h"
#include "tests/unit/unit.h"

static void what_grows_in_both_halves_is_judged(void **state)
{
    static const struct {
        const char *label;
        hgh_leak_amount at[3];
        hg_status status;
        const char *text; /* of the error, or of the first warning; "": there is none */
    } rows[] = {
        {"nothing", {{1000, 4096, 5}, {1000, 4096, 5}, {1000, 4096, 5}}, HG_OK, ""},
        {"less and less", {{3000, 8192, 9}, {2000, 4096, 7}, {1000, 4096, 5}}, HG_OK, ""},
        {"a table that grew once", {{0, 0, 0}, {70000000, 0, 9}, {70000000, 0, 9}}, HG_OK, ""},
        {"late", {{0, 0, 0}, {0, 0, 0}, {70000000, 70000000, 9}}, HG_OK, ""},
        {"a little each time",
         {{0, 0, 0}, {700, 0, 0}, {1400, 0, 0}},
         HG_OK,
         "loses 100 bytes of memory each time it is loaded and unloaded"},
        {"less than a byte each time",
         {{0, 0, 0}, {1, 0, 0}, {2, 0, 0}},
         HG_OK,
         "loses 0.1 bytes of memory"},
        {"just below", {{0, 0, 0}, {458751, 0, 0}, {917503, 0, 0}}, HG_OK, "loses 65536 bytes"},
        {"at the limit",
         {{0, 0, 0}, {458752, 0, 0}, {917504, 0, 0}},
         HG_ERR_INVALID,
         "loses 65536 bytes of memory each time it is loaded and unloaded, less than 65536 are put "
         "up with"},
        {"some descriptors",
         {{0, 0, 3}, {0, 0, 6}, {0, 0, 9}},
         HG_OK,
         "loses 0.4 descriptors each time"},
        {"descriptors",
         {{0, 0, 3}, {0, 0, 10}, {0, 0, 17}},
         HG_ERR_INVALID,
         "loses 1.0 descriptors each time"},
        {"mappings",
         {{0, 0, 0}, {0, 28672, 0}, {0, 57344, 0}},
         HG_OK,
         "loses 4096 bytes of mappings each time"},
        {"mappings of the heap",
         {{0, 0, 0}, {700, 28672, 0}, {1400, 57344, 0}},
         HG_OK,
         "loses 100 bytes of memory"},
        {"large mappings",
         {{0, 0, 0}, {0, 7340032, 0}, {0, 14680064, 0}},
         HG_ERR_INVALID,
         "loses 1048576 bytes of mappings each time"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        hgh_probe_leak leak = {0};
        hg_issues warnings = {0};
        hg_error err = HG_ERROR_INIT;
        hg_status status;
        const char *text;

        memcpy(leak.at, rows[i].at, sizeof(leak.at));
        status = hgh_probe_leak_judge(&leak, &warnings, &err);
        text = status != HG_OK ? err.text : warnings.count == 0 ? "" : warnings.items[0].found;
        if (status != rows[i].status || strncmp(text, rows[i].text, strlen(rows[i].text)) != 0 ||
            (rows[i].text[0] == '\0' && text[0] != '\0') || warnings.count > 1) {
            fail_msg("%s: got status %d, \"%s\"", rows[i].label, (int)status, text);
        }
        hgh_issues_done(&warnings);
    }
}

static void what_is_taken_in_each_cycle_is_counted(void **state)
{
    hgh_probe_leak leak = {0};
    void *taken[HGH_PROBE_CYCLES];

    (void)state;
    hgh_probe_leak_begin(&leak);
    assert_non_null(leak.descriptors);
    for (unsigned i = 0; i < HGH_PROBE_CYCLES; i++) {
        taken[i] = malloc(5000000); /* mapped, one by one */
        assert_non_null(taken[i]);
        hgh_probe_leak_cycle(&leak, i + 1);
    }
    assert_true(leak.at[0].mapped > 0 && leak.at[0].descriptors >= 3);
    assert_int_equal(leak.at[0].descriptors, leak.at[2].descriptors);
    assert_true(leak.at[1].mapped - leak.at[0].mapped >= 7u * 5000000u);
#if !defined(__SANITIZE_ADDRESS__)
    assert_true(leak.at[2].heap - leak.at[1].heap >= 7u * 5000000u);
#endif
    for (unsigned i = 0; i < HGH_PROBE_CYCLES; i++) {
        free(taken[i]);
    }
    (void)closedir(leak.descriptors);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_grows_in_both_halves_is_judged),
        cmocka_unit_test(what_is_taken_in_each_cycle_is_counted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
