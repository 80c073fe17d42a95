/* host/core/quantity.c - numbers with a unit: durations and sizes as operators write them. */
#include "host/core/quantity.h"

#include <math.h>

#define MS_PER_S        1000
#define FRACTION_DIGITS 9u /* of a second and more; further ones change nothing */

typedef struct unit {
    const char *name;
    int64_t factor;
} unit;

/** Takes digits off the front of the rest; false if there are none or too many. */
static bool take_number(hg_text *rest, int64_t *out_number)
{
    int64_t number = 0;
    size_t digits = 0;

    while (digits < rest->length && rest->data[digits] >= '0' && rest->data[digits] <= '9') {
        if (__builtin_mul_overflow(number, 10, &number) ||
            __builtin_add_overflow(number, rest->data[digits] - '0', &number)) {
            return false;
        }
        digits++;
    }
    rest->data += digits;
    rest->length -= digits;
    *out_number = number;
    return digits > 0;
}

static bool find_factor(hg_text name, const unit *units, size_t count, int64_t *out_factor)
{
    for (size_t i = 0; i < count; i++) {
        if (hg_text_equal(name, hg_text_of(units[i].name))) {
            *out_factor = units[i].factor;
            return true;
        }
    }
    return false;
}

/** Takes ".25" off the front of the rest, if it is there, as a part of one. */
static bool take_fraction(hg_text *rest, double *out_fraction)
{
    double weight = 0.1;
    size_t digits = 0;

    *out_fraction = 0;
    if (rest->length == 0 || rest->data[0] != '.') {
        return true;
    }
    rest->data++;
    rest->length--;
    while (rest->length > 0 && rest->data[0] >= '0' && rest->data[0] <= '9') {
        if (digits < FRACTION_DIGITS) {
            *out_fraction += (rest->data[0] - '0') * weight;
            weight /= 10;
        }
        digits++;
        rest->data++;
        rest->length--;
    }
    return digits > 0;
}

bool hgh_duration_parse(hg_text text, int64_t *out_ms)
{
    static const unit units[] = {
        {"ms", 1},
        {"s", MS_PER_S},
        {"m", 60 * MS_PER_S},
        {"h", 3600 * MS_PER_S},
        {"d", 86400 * MS_PER_S},
    };
    int64_t factor;
    int64_t number;
    double fraction;

    if (!take_number(&text, &number) || !take_fraction(&text, &fraction) ||
        !find_factor(text, units, sizeof(units) / sizeof(units[0]), &factor) ||
        __builtin_mul_overflow(number, factor, &number) ||
        __builtin_add_overflow(number, llround(fraction * (double)factor), &number)) {
        return false;
    }
    *out_ms = number;
    return true;
}

bool hgh_bytes_parse(hg_text text, int64_t *out_bytes)
{
    static const unit units[] = {
        {"", 1},        {"k", 1024},    {"K", 1024}, {"m", 1024 * 1024}, {"M", 1024 * 1024},
        {"g", 1 << 30}, {"G", 1 << 30},
    };
    int64_t factor;
    int64_t number;

    if (!take_number(&text, &number) ||
        !find_factor(text, units, sizeof(units) / sizeof(units[0]), &factor) ||
        __builtin_mul_overflow(number, factor, &number)) {
        return false;
    }
    *out_bytes = number;
    return true;
}

bool hgh_duration_from_seconds(double seconds, int64_t *out_ms)
{
    double ms = round(seconds * MS_PER_S);

    if (!(ms >= -0x1p63 && ms < 0x1p63)) { /* so that NaN fails too */
        return false;
    }
    *out_ms = (int64_t)ms;
    return true;
}
