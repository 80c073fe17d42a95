/* host/core/nearest.h - which known name somebody meant who wrote another one. */
#ifndef HOST_CORE_NEAREST_H
#define HOST_CORE_NEAREST_H

#include <stddef.h>

/**
 * The candidate that takes the fewest edits (one character more, less, other, or two swapped) to
 * become `name`; NULL if none is near: a third of the name's length, at most 3 edits.
 * Borrowed from the candidates.
 */
const char *hgh_nearest(const char *name, const char *const *candidates, size_t count);

#endif
