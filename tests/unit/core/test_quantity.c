/* tests/unit/core/test_quantity.c - durations and sizes are read with their unit, exactly. */
#include <math.h>

#include "host/core/quantity.h"
#include "tests/unit/unit.h"

#define REFUSED (-1)

typedef struct quantity_case {
    const char *text;
    int64_t number;
} quantity_case;

static void durations_become_milliseconds(void **state)
{
    static const quantity_case cases[] = {
        {"500ms", 500},
        {"10s", 10000},
        {"0s", 0},
        {"5m", 300000},
        {"2h", 7200000},
        {"1d", 86400000},
        {"1.5s", 1500},
        {"0.25h", 900000},
        {"0.1s", 100},
        {"10", REFUSED},
        {"s", REFUSED},
        {"", REFUSED},
        {"1.s", REFUSED},
        {".5s", REFUSED},
        {"-1s", REFUSED},
        {"+1s", REFUSED},
        {"1 s", REFUSED},
        {"1S", REFUSED},
        {"1w", REFUSED},
        {"1ss", REFUSED},
        {"0x1s", REFUSED},
        {"1e3s", REFUSED},
        {"106751991168d", REFUSED},
        {"99999999999999999999ms", REFUSED},
        {"9223372036854775807ms", INT64_MAX},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        int64_t number = REFUSED;

        (void)hgh_duration_parse(hg_text_of(cases[i].text), &number);
        if (number != cases[i].number) {
            fail_msg("\"%s\": got %lld", cases[i].text, (long long)number);
        }
    }
    assert_false(hgh_duration_parse(HG_TEXT("1s\0"), &(int64_t){0}));
}

static void seconds_are_rounded_to_milliseconds(void **state)
{
    int64_t ms = 0;

    (void)state;
    assert_true(hgh_duration_from_seconds(0.0015, &ms));
    assert_int_equal(ms, 2);
    assert_true(hgh_duration_from_seconds(-1.5, &ms));
    assert_int_equal(ms, -1500);
    assert_false(hgh_duration_from_seconds(1e300, &ms));
    assert_false(hgh_duration_from_seconds((double)NAN, &ms));
}

static void sizes_count_1024(void **state)
{
    static const quantity_case cases[] = {
        {"100", 100},
        {"64k", 65536},
        {"64K", 65536},
        {"10m", 10485760},
        {"1g", 1073741824},
        {"0", 0},
        {"1kb", REFUSED},
        {"k", REFUSED},
        {"1.5k", REFUSED},
        {"-1", REFUSED},
        {"", REFUSED},
        {"9223372036854775808", REFUSED},
        {"8589934592g", REFUSED},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        int64_t number = REFUSED;

        (void)hgh_bytes_parse(hg_text_of(cases[i].text), &number);
        if (number != cases[i].number) {
            fail_msg("\"%s\": got %lld", cases[i].text, (long long)number);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(durations_become_milliseconds),
        cmocka_unit_test(seconds_are_rounded_to_milliseconds),
        cmocka_unit_test(sizes_count_1024),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
