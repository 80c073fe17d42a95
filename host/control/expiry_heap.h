/* host/control/expiry_heap.h - what has an end, the nearest one first. */
#ifndef HOST_CONTROL_EXPIRY_HEAP_H
#define HOST_CONTROL_EXPIRY_HEAP_H

#include <stddef.h>
#include <stdint.h>

#include <hotgate/error.h>

/** An end in time, embedded in what ends. */
typedef struct hgh_expiry {
    int64_t wall_s;
    size_t place; /* one more than its place in the heap; 0: it is not in one */
} hgh_expiry;

/** Zero-initialise; hgh_expiry_heap_done(). */
typedef struct hgh_expiry_heap {
    hgh_expiry **items; /* owned */
    size_t count;
    size_t room;
} hgh_expiry_heap;

/** The expiries themselves are the caller's. */
void hgh_expiry_heap_done(hgh_expiry_heap *heap);

/** Makes room for `count` in all, so that adding them cannot fail. HG_OK or HG_ERR_NO_MEMORY. */
hg_status hgh_expiry_heap_reserve(hgh_expiry_heap *heap, size_t count);

/** There must be room. */
void hgh_expiry_heap_add(hgh_expiry_heap *heap, hgh_expiry *expiry);

/** Harmless if it is not in. */
void hgh_expiry_heap_remove(hgh_expiry_heap *heap, hgh_expiry *expiry);

/** The nearest one; NULL: the heap is empty. */
const hgh_expiry *hgh_expiry_heap_first(const hgh_expiry_heap *heap);

/** Those that end at `wall_s` or before, at most `max`, in any order; returns how many. */
size_t hgh_expiry_heap_over(const hgh_expiry_heap *heap,
                            int64_t wall_s,
                            const hgh_expiry **over,
                            size_t max);

#endif
