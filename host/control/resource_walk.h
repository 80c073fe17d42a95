/* host/control/resource_walk.h - looks at all objects of a kind, a few at a time. */
#ifndef HOST_CONTROL_RESOURCE_WALK_H
#define HOST_CONTROL_RESOURCE_WALK_H

#include <stdbool.h>

#include "host/control/resource_table.h"
#include "host/core/event_loop.h"

/**
 * A walk over 100,000 objects takes a second: it lets the loop serve others every few
 * milliseconds. What is put or removed meanwhile is seen or not, nothing is seen twice. The
 * caller's storage; zero-initialise and fill in the first part.
 */
typedef struct hgh_resource_walk {
    hgh_event_loop *loop;
    hgh_resource_table *table;
    const char *kind; /* "routes" */
    /** Called for each object, borrowed for the call; false ends the walk. */
    bool (*visit)(void *context, const hgh_resource_object *object);
    /** Called once, after the last object; may free the walk. */
    void (*end)(void *context);
    void *context;

    hgh_resource_cursor cursor; /* from here on: the walk's own */
    hgh_event_loop_timer turn;
} hgh_resource_walk;

/** Begins at once; a short walk has ended when this returns. */
void hgh_resource_walk_start(hgh_resource_walk *walk);

/** Drops a walk that has not ended; end() is not called. */
void hgh_resource_walk_stop(hgh_resource_walk *walk);

#endif
