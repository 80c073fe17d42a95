/* host/control/reference_index.h - who names what, found in one lookup. */
#ifndef HOST_CONTROL_REFERENCE_INDEX_H
#define HOST_CONTROL_REFERENCE_INDEX_H

#include <stddef.h>

#include "host/core/map.h"

/** References by the kind of whoever names and the key that is named. */
typedef struct hgh_reference_index {
    hgh_map targets; /* of what references share; freed with the last of them */
} hgh_reference_index;

struct hgh_reference_target;

/** One reference, embedded in the caller's storage; inside are links of the index. */
typedef struct hgh_reference {
    struct hgh_reference_target *target; /* NULL: not opened */
    struct hgh_reference *next;          /* with the same target, in the order of their entry */
    struct hgh_reference *previous;
    const void *owner; /* whoever names; NULL: not entered */
} hgh_reference;

void hgh_reference_index_init(hgh_reference_index *index);

/** All references must have been closed. */
void hgh_reference_index_done(hgh_reference_index *index);

/**
 * Makes a reference without showing it, so that entering it cannot fail.
 *
 * kind  of whoever names ("routes"); key: what is named ("services/1"). Both are copied.
 * Returns HG_OK or HG_ERR_NO_MEMORY.
 */
hg_status hgh_reference_open(hgh_reference_index *index,
                             hgh_reference *reference,
                             const char *kind,
                             const char *key);

/** From now on it is found; `owner` is not NULL. */
void hgh_reference_enter(hgh_reference *reference, const void *owner);

/** Takes it out, if it was entered, and drops what it holds. Harmless if it is not open. */
void hgh_reference_close(hgh_reference_index *index, hgh_reference *reference);

/** The first reference to a key by a kind; NULL: there is none. */
const hgh_reference *
hgh_reference_find(const hgh_reference_index *index, const char *kind, const char *key);

/** Calls for each key that a kind names, with the first reference to it. */
void hgh_reference_each(const hgh_reference_index *index,
                        void (*visit)(void *context, const char *key, const hgh_reference *first),
                        void *context);

#endif
