/* tests/fuzz/fuzz.h - what the fuzz targets share. */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hotgate/text.h>

/**
 * Runs one input; libFuzzer's name. Each target is one file that defines it; replay.c calls it too.
 * Returns 0. What the input must not be able to do ends the process.
 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/** Ends the process if what the code promises does not hold. */
#define FUZZ_PROMISE(condition)                                                                    \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            (void)fprintf(stderr, "%s:%d: broken promise: %s\n", __FILE__, __LINE__, #condition);  \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

/** The input, or a part of it, as NUL-terminated text in a block of its own; the caller frees. */
static inline char *fuzz_string(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);

    FUZZ_PROMISE(text != NULL);
    if (size > 0) {
        memcpy(text, data, size);
    }
    text[size] = '\0';
    return text;
}

/** Takes the text before the next line feed off the input; false at its end. */
static inline bool fuzz_line(const uint8_t **data, size_t *size, hg_text *out_line)
{
    const uint8_t *end = *size == 0 ? NULL : memchr(*data, '\n', *size);
    size_t length = end == NULL ? *size : (size_t)(end - *data);

    if (*size == 0) {
        return false;
    }
    *out_line = (hg_text){(const char *)*data, length};
    length += end == NULL ? 0 : 1;
    *data += length;
    *size -= length;
    return true;
}

#endif
