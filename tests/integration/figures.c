/* tests/integration/figures.c - what many measured values say together. */
#include "tests/integration/figures.h"

#include <stdlib.h>

#include "tests/unit/unit.h"

double slope(const double *values, size_t from, size_t to)
{
    double count = 0;
    double sum_x = 0;
    double sum_y = 0;
    double sum_xx = 0;
    double sum_xy = 0;

    for (size_t i = from; i < to; i++) {
        double x = (double)i;

        count += 1;
        sum_x += x;
        sum_y += values[i];
        sum_xx += x * x;
        sum_xy += x * values[i];
    }
    return (count * sum_xy - sum_x * sum_y) / (count * sum_xx - sum_x * sum_x);
}

double slope_but_one_step(double *values, size_t from, size_t to)
{
    size_t highest = from;
    double step = 0;

    for (size_t i = from + 1; i < to; i++) {
        if (values[i] - values[i - 1] > step) {
            step = values[i] - values[i - 1];
            highest = i;
        }
    }
    for (size_t i = highest; i < to; i++) {
        values[i] -= step;
    }
    return slope(values, from, to);
}

static int compare(const void *a, const void *b)
{
    int64_t left = *(const int64_t *)a;
    int64_t right = *(const int64_t *)b;

    return left < right ? -1 : left > right;
}

void durations_print(const char *what, int64_t *values_ms, size_t count)
{
    qsort(values_ms, count, sizeof(*values_ms), compare);
    print_message("%s: median %lld ms, 99 %% within %lld ms, worst %lld ms of %zu\n", what,
                  (long long)values_ms[(count - 1) / 2],
                  (long long)values_ms[(count - 1) * 99 / 100], (long long)values_ms[count - 1],
                  count);
}
