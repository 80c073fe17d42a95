/* host/core/explain_plugins.h - the plugins of a request, where each comes from and why it stands
 * where it does. */
#ifndef HOST_CORE_EXPLAIN_PLUGINS_H
#define HOST_CORE_EXPLAIN_PLUGINS_H

#include <jansson.h>

#include "host/core/request.h"

/** {"plugin": name, "from": "routes/1"}; a new reference; NULL: no memory. */
json_t *hgh_explain_source(const hgh_configuration *configuration);

/**
 * Adds to a report:
 *   plugins  those that run, in the order of one phase: {"plugin", "from", "priority", "place",
 *            "phases", "overrides", "holds", "isolated", "filter", "values"}; first those of global
 *            rules
 *   skipped  those that do not: {"plugin", "from", "why", "values"}
 *   phases   {"phase", "plugins"}: what is called, in its order
 *
 * filters  what filters have said so far: {"plugin", "from", "holds", "values"}; borrowed.
 */
void hgh_explain_plugins(hg_request *request, const json_t *filters, json_t *report);

/** "key-auth#rewrite,limit-count#access", or "no plugin", as APISIX's debug header has it; the
 * caller frees. NULL: no memory. */
char *hgh_explain_plugin_names(const hg_request *request, const json_t *filters);

#endif
