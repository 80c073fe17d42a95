/* host/control/quantity.c - durations and sizes as nginx writes them: 60s, 1h30m, 500ms, 64m. */
#include "host/control/quantity.h"

#include <stddef.h>
#include <string.h>

#define NUMBER_MAX INT64_C(1000000000000) /* far more than any setting needs, far from overflow */

static bool read_number(const char **at, int64_t *out_number)
{
    int64_t number = 0;
    const char *start = *at;

    while (**at >= '0' && **at <= '9' && number <= NUMBER_MAX) {
        number = number * 10 + (**at - '0');
        (*at)++;
    }
    *out_number = number;
    return *at > start && number <= NUMBER_MAX;
}

bool hgh_quantity_duration(const char *text, int64_t *out_ms)
{
    static const struct {
        const char *name;
        int64_t ms;
    } units[] = {
        {"w", 604800000}, {"d", 86400000}, {"h", 3600000}, {"ms", 1}, {"m", 60000}, {"s", 1000},
    };
    const char *at = text;
    int64_t previous = INT64_MAX;
    int64_t total = 0;

    do {
        int64_t number;
        int64_t unit_ms = 0;

        if (!read_number(&at, &number)) {
            return false;
        }
        if (*at == '\0') {
            unit_ms = 1000;
        }
        for (size_t i = 0; unit_ms == 0 && i < sizeof(units) / sizeof(units[0]); i++) {
            if (strncmp(at, units[i].name, strlen(units[i].name)) == 0) {
                unit_ms = units[i].ms;
                at += strlen(units[i].name);
            }
        }
        if (unit_ms == 0 || unit_ms >= previous || number > (INT64_MAX - total) / unit_ms) {
            return false;
        }
        previous = unit_ms;
        total += number * unit_ms;
    } while (*at != '\0');
    *out_ms = total;
    return true;
}

bool hgh_quantity_bytes(const char *text, int64_t *out_bytes)
{
    const char *at = text;
    int64_t number;
    unsigned shift = 0;

    if (!read_number(&at, &number)) {
        return false;
    }
    if (*at == 'k' || *at == 'K') {
        shift = 10;
    } else if (*at == 'm' || *at == 'M') {
        shift = 20;
    } else if (*at == 'g' || *at == 'G') {
        shift = 30;
    }
    at += shift > 0 ? 1 : 0;
    if (*at != '\0' || number > INT64_MAX >> shift) {
        return false;
    }
    *out_bytes = number << shift;
    return true;
}
