/* host/control/control_view.h - stored objects as the data plane has them: with their defaults. */
#ifndef HOST_CONTROL_CONTROL_VIEW_H
#define HOST_CONTROL_CONTROL_VIEW_H

#include <jansson.h>

#include "host/control/object_check.h"
#include "host/control/object_kind.h"
#include "host/control/plugin_catalog.h"
#include "host/control/resource_table.h"

/** Schemas of plugins, compiled as they are met: for as many objects as one answer shows. */
typedef struct hgh_control_view hgh_control_view;

/** All borrowed, as long as the view lives. NULL: no memory. */
hgh_control_view *hgh_control_view_new(const hgh_object_check *check,
                                       const hgh_plugin_catalog *catalog);

/** Accepts NULL. */
void hgh_control_view_free(hgh_control_view *view);

/**
 * {key, value, modifiedIndex, createdIndex, has_domain, orig_modifiedIndex}, without secrets: new.
 * NULL: no memory.
 */
json_t *hgh_control_view_item(hgh_control_view *view,
                              const hgh_object_kind *kind,
                              const hgh_resource_object *object);

#endif
