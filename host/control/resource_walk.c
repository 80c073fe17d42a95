/* host/control/resource_walk.c - looks at all objects of a kind, a few at a time. */
#include "host/control/resource_walk.h"

#define SLICE_MS      2u /* for which others wait */
#define CLOCK_OBJECTS 4u /* looked at before the clock is read again */

static void finish(hgh_resource_walk *walk)
{
    hgh_resource_cursor_close(&walk->cursor);
    walk->end(walk->context);
}

static void slice(void *context)
{
    hgh_resource_walk *walk = context;
    uint64_t until_ms = hgh_event_loop_now_ms() + SLICE_MS;

    do {
        for (unsigned i = 0; i < CLOCK_OBJECTS; i++) {
            const hgh_resource_object *object = hgh_resource_cursor_take(&walk->cursor);

            if (object == NULL || !walk->visit(walk->context, object)) {
                finish(walk);
                return;
            }
        }
    } while (hgh_event_loop_now_ms() < until_ms);
    hgh_event_loop_defer(walk->loop, &walk->turn, slice, walk);
}

void hgh_resource_walk_start(hgh_resource_walk *walk)
{
    hgh_resource_cursor_open(walk->table, &walk->cursor, walk->kind);
    slice(walk);
}

void hgh_resource_walk_stop(hgh_resource_walk *walk)
{
    hgh_event_loop_timer_stop(walk->loop, &walk->turn);
    hgh_resource_cursor_close(&walk->cursor);
}
