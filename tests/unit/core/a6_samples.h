/* tests/unit/core/a6_samples.h - messages of each kind, empty, full and in between. */
#ifndef TESTS_UNIT_CORE_A6_SAMPLES_H
#define TESTS_UNIT_CORE_A6_SAMPLES_H

#include "tests/unit/core/a6_kinds.h"

typedef struct a6_sample {
    const char *kind; /* for a6_kind_find() */
    a6_message message;
} a6_sample;

extern const a6_sample a6_samples[];
extern const size_t a6_sample_count;

#endif
