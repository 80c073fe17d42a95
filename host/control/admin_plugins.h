/* host/control/admin_plugins.h - the plugins in force, as the Admin and Control APIs show them. */
#ifndef HOST_CONTROL_ADMIN_PLUGINS_H
#define HOST_CONTROL_ADMIN_PLUGINS_H

#include <jansson.h>

#include "host/control/admin_exchange.h"
#include "host/control/plugin_catalog.h"

/**
 * Answers GET /plugins/NAME, /plugins/list and /plugins?all=true.
 *
 * name    behind /plugins/; NULL: nothing.
 * answer  made at once; hgh_admin_answer_done().
 */
void hgh_admin_plugins_answer(const hgh_plugin_catalog *catalog,
                              const hgh_admin_request *request,
                              const char *name,
                              hgh_admin_answer *answer);

/** Name -> {version, priority, schema, ...} of all; new; NULL: no memory. */
json_t *hgh_admin_plugins_all(const hgh_plugin_catalog *catalog);

#endif
