/* host/control/plugin_list.h - lists of plugins by name; JSON's null, and NULL, are all there are.
 */
#ifndef HOST_CONTROL_PLUGIN_LIST_H
#define HOST_CONTROL_PLUGIN_LIST_H

#include <stdbool.h>

#include <jansson.h>

bool hgh_plugin_list_has(const json_t *list, const char *name);

/** True if all of `part` is in `whole`. */
bool hgh_plugin_list_is_within(const json_t *part, const json_t *whole);

/** What is in one of them: a new reference; NULL: no memory. */
json_t *hgh_plugin_list_join(const json_t *one, const json_t *other);

#endif
