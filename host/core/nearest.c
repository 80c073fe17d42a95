/* host/core/nearest.c - which known name somebody meant who wrote another one. */
#include "host/core/nearest.h"

#include <ctype.h>
#include <string.h>

#define NAME_BYTES_MAX 64u /* longer names are near to nothing */
#define EDITS_MAX      3u

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

/** Edits between two names, without regard to case (optimal string alignment). */
static size_t edits_between(const char *a, size_t a_length, const char *b, size_t b_length)
{
    /* Three rows of the table: the one before the last is for swapped characters. */
    size_t rows[3][NAME_BYTES_MAX + 1];

    for (size_t column = 0; column <= b_length; column++) {
        rows[0][column] = column;
    }
    for (size_t row = 1; row <= a_length; row++) {
        const size_t *swapped = rows[(row + 1) % 3];
        const size_t *above = rows[(row - 1) % 3];
        size_t *current = rows[row % 3];

        current[0] = row;
        for (size_t column = 1; column <= b_length; column++) {
            int left = tolower((unsigned char)a[row - 1]);
            int right = tolower((unsigned char)b[column - 1]);
            size_t edits = above[column - 1] + (left == right ? 0 : 1);

            edits = smaller(edits, smaller(above[column], current[column - 1]) + 1);
            if (row > 1 && column > 1 && left == tolower((unsigned char)b[column - 2]) &&
                right == tolower((unsigned char)a[row - 2])) {
                edits = smaller(edits, swapped[column - 2] + 1);
            }
            current[column] = edits;
        }
    }
    return rows[a_length % 3][b_length];
}

const char *hgh_nearest(const char *name, const char *const *candidates, size_t count)
{
    size_t length = strnlen(name, NAME_BYTES_MAX + 1);
    size_t least = smaller((length + 2) / 3, EDITS_MAX) + 1;
    const char *nearest = NULL;

    for (size_t i = 0; length <= NAME_BYTES_MAX && i < count; i++) {
        size_t other = strnlen(candidates[i], NAME_BYTES_MAX + 1);
        size_t edits;

        if (other > NAME_BYTES_MAX) {
            continue;
        }
        edits = edits_between(name, length, candidates[i], other);
        if (edits < least && edits < length) {
            least = edits;
            nearest = candidates[i];
        }
    }
    return nearest;
}
