/* host/control/health_view.h - the health of nodes as the Control API shows it. */
#ifndef HOST_CONTROL_HEALTH_VIEW_H
#define HOST_CONTROL_HEALTH_VIEW_H

#include <jansson.h>

#include "host/control/resource_table.h"
#include "host/core/arena.h"

/**
 * {name, type, nodes} of an object whose upstream is checked, as the workers have it now; a new
 * reference. NULL: it has no upstream of its own, that has no checks, or no worker checks it.
 *
 * arena  of the gateway; NULL: there is none.
 */
json_t *hgh_health_view_one(hgh_arena *arena, const hgh_resource_object *object);

/** An array of those of all routes, services and upstreams; NULL: no memory. */
json_t *hgh_health_view_all(hgh_arena *arena, const hgh_resource_table *table);

#endif
