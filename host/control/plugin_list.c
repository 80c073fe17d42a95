/* host/control/plugin_list.c - lists of plugins by name; JSON's null, and NULL, are all there are.
 */
#include "host/control/plugin_list.h"

#include <string.h>

#include "host/core/json_value.h"

bool hgh_plugin_list_has(const json_t *list, const char *name)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *item = json_string_value(json_array_get(list, i));

        if (item != NULL && strcmp(item, name) == 0) {
            return true;
        }
    }
    return !json_is_array(list);
}

bool hgh_plugin_list_is_within(const json_t *part, const json_t *whole)
{
    if (!json_is_array(part)) {
        return !json_is_array(whole);
    }
    for (size_t i = 0; i < json_array_size(part); i++) {
        if (!hgh_plugin_list_has(whole, json_string_value(json_array_get(part, i)))) {
            return false;
        }
    }
    return true;
}

json_t *hgh_plugin_list_join(const json_t *one, const json_t *other)
{
    json_t *joined;

    if (!json_is_array(one) || !json_is_array(other)) {
        return json_null();
    }
    joined = json_copy(hgh_json_unconst(one));
    for (size_t i = 0; joined != NULL && i < json_array_size(other); i++) {
        json_t *name = json_array_get(other, i);

        if (!hgh_plugin_list_has(one, json_string_value(name)) &&
            json_array_append(joined, name) != 0) {
            json_decref(joined);
            joined = NULL;
        }
    }
    return joined;
}
