/* host/control/control_health.h - the health of checked nodes, as the Control API tells it. */
#ifndef HOST_CONTROL_CONTROL_HEALTH_H
#define HOST_CONTROL_CONTROL_HEALTH_H

#include <jansson.h>

#include "host/control/object_kind.h"
#include "host/control/resource_table.h"
#include "host/core/health.h"

/**
 * {name, type, nodes: [{ip, port, status, counter}]} of an upstream, or of an object that holds
 * one: new. NULL: its nodes are not checked, or there is no memory.
 */
json_t *hgh_control_health_item(const hgh_health_board *board,
                                const hgh_object_kind *kind,
                                const hgh_resource_object *object);

/** All of them: a new array; NULL: no memory. */
json_t *hgh_control_health_all(const hgh_health_board *board, const hgh_resource_table *table);

/** The same as a page for people; free() it. NULL: no memory. */
char *hgh_control_health_page(const json_t *items);

#endif
