/* tests/unit/control/test_quantity.c - durations and sizes in nginx's notation. */
#include "host/control/quantity.h"
#include "tests/unit/unit.h"

#define REFUSED (-1)

static void durations_are_read(void **state)
{
    static const struct {
        const char *text;
        int64_t ms; /* REFUSED: no duration */
    } cases[] = {
        {"0", 0},
        {"60", 60000},
        {"60s", 60000},
        {"500ms", 500},
        {"1m", 60000},
        {"1h30m", 5400000},
        {"1m500ms", 60500},
        {"1w", 604800000},
        {"", REFUSED},
        {"s", REFUSED},
        {"-1s", REFUSED},
        {"1.5s", REFUSED},
        {"1 s", REFUSED},
        {"1x", REFUSED},
        {"1s1m", REFUSED},
        {"1s1s", REFUSED},
        {"99999999999999999999", REFUSED},
        {"1000000000000w", REFUSED},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        int64_t ms = REFUSED;

        if (hgh_quantity_duration(cases[i].text, &ms) != (cases[i].ms != REFUSED) ||
            ms != cases[i].ms) {
            fail_msg("%s: got %lld", cases[i].text, (long long)ms);
        }
    }
}

static void sizes_are_read(void **state)
{
    static const struct {
        const char *text;
        int64_t bytes; /* REFUSED: no size */
    } cases[] = {
        {"0", 0},
        {"17", 17},
        {"1k", 1024},
        {"64m", 64 << 20},
        {"64M", 64 << 20},
        {"2g", INT64_C(2) << 30},
        {"", REFUSED},
        {"m", REFUSED},
        {"1mb", REFUSED},
        {"-1m", REFUSED},
        {"1000000000000g", REFUSED},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        int64_t bytes = REFUSED;

        if (hgh_quantity_bytes(cases[i].text, &bytes) != (cases[i].bytes != REFUSED) ||
            bytes != cases[i].bytes) {
            fail_msg("%s: got %lld", cases[i].text, (long long)bytes);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(durations_are_read),
        cmocka_unit_test(sizes_are_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
