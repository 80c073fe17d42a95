/* host/control/expiry_heap.c - what has an end, the nearest one first: a binary heap. */
#include "host/control/expiry_heap.h"

#include <stdlib.h>

#define ROOM_FIRST 64u

void hgh_expiry_heap_done(hgh_expiry_heap *heap)
{
    free(heap->items);
    *heap = (hgh_expiry_heap){0};
}

hg_status hgh_expiry_heap_reserve(hgh_expiry_heap *heap, size_t count)
{
    size_t room = heap->room == 0 ? ROOM_FIRST : heap->room;
    hgh_expiry **grown;

    while (room < count) {
        room *= 2;
    }
    if (room == heap->room) {
        return HG_OK;
    }
    grown = realloc(heap->items, room * sizeof(*grown));
    if (grown == NULL) {
        return HG_ERR_NO_MEMORY;
    }
    heap->items = grown;
    heap->room = room;
    return HG_OK;
}

static void set(hgh_expiry_heap *heap, size_t place, hgh_expiry *expiry)
{
    heap->items[place] = expiry;
    expiry->place = place + 1;
}

static void rise(hgh_expiry_heap *heap, size_t place, hgh_expiry *expiry)
{
    while (place > 0) {
        size_t parent = (place - 1) / 2;

        if (heap->items[parent]->wall_s <= expiry->wall_s) {
            break;
        }
        set(heap, place, heap->items[parent]);
        place = parent;
    }
    set(heap, place, expiry);
}

static void sink(hgh_expiry_heap *heap, size_t place, hgh_expiry *expiry)
{
    size_t child;

    while ((child = 2 * place + 1) < heap->count) {
        if (child + 1 < heap->count &&
            heap->items[child + 1]->wall_s < heap->items[child]->wall_s) {
            child++;
        }
        if (expiry->wall_s <= heap->items[child]->wall_s) {
            break;
        }
        set(heap, place, heap->items[child]);
        place = child;
    }
    set(heap, place, expiry);
}

void hgh_expiry_heap_add(hgh_expiry_heap *heap, hgh_expiry *expiry)
{
    rise(heap, heap->count++, expiry);
}

void hgh_expiry_heap_remove(hgh_expiry_heap *heap, hgh_expiry *expiry)
{
    size_t place = expiry->place;
    hgh_expiry *last;

    if (place == 0) {
        return;
    }
    expiry->place = 0;
    last = heap->items[--heap->count];
    if (last == expiry) {
        return;
    }
    place--;
    if (place > 0 && heap->items[(place - 1) / 2]->wall_s > last->wall_s) {
        rise(heap, place, last);
    } else {
        sink(heap, place, last);
    }
}

const hgh_expiry *hgh_expiry_heap_first(const hgh_expiry_heap *heap)
{
    return heap->count == 0 ? NULL : heap->items[0];
}

/* A heap's nodes are looked at level by level: below one that lasts longer all do. */
static size_t over_below(
    const hgh_expiry_heap *heap, size_t place, int64_t wall_s, const hgh_expiry **over, size_t max)
{
    size_t count = 0;

    if (place >= heap->count || max == 0 || heap->items[place]->wall_s > wall_s) {
        return 0;
    }
    over[count++] = heap->items[place];
    count += over_below(heap, 2 * place + 1, wall_s, over + count, max - count);
    count += over_below(heap, 2 * place + 2, wall_s, over + count, max - count);
    return count;
}

size_t hgh_expiry_heap_over(const hgh_expiry_heap *heap,
                            int64_t wall_s,
                            const hgh_expiry **over,
                            size_t max)
{
    return over_below(heap, 0, wall_s, over, max);
}
