/* tests/integration/figures.h - what many measured values say together. */
#ifndef TESTS_INTEGRATION_FIGURES_H
#define TESTS_INTEGRATION_FIGURES_H

#include <stddef.h>
#include <stdint.h>

/** What the values [from, to) rise by from one to the next: least squares. */
double slope(const double *values, size_t from, size_t to);

/** The same without the highest single step, which is taken out of the values: a heap that grows
 * once, for a request that was larger than those before, is none that leaks. */
double slope_but_one_step(double *values, size_t from, size_t to);

/** Prints the median, the 99th percentile and the worst; sorts the values. */
void durations_print(const char *what, int64_t *values_ms, size_t count);

#endif
