/* tests/integration/told.c - what the Admin API tells of reloads and plugins, taken apart. */
#include "tests/integration/told.h"

#include <string.h>

const char *text_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));

    return text == NULL ? "" : text;
}

const json_t *item_of(const json_t *told, const char *list, const char *name)
{
    const json_t *items = json_object_get(told, list);

    for (size_t i = 0; i < json_array_size(items); i++) {
        if (strcmp(text_of(json_array_get(items, i), "name"), name) == 0) {
            return json_array_get(items, i);
        }
    }
    return NULL;
}
