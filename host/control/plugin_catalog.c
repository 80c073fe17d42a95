/* host/control/plugin_catalog.c - what control knows of the plugins in force, without their code.
 */
#include "host/control/plugin_catalog.h"

#include <stdlib.h>
#include <string.h>

struct hgh_plugin_catalog {
    uint64_t generation;
    json_t *plugins; /* owned: a sorted array */
};

hgh_plugin_catalog *hgh_plugin_catalog_new(void)
{
    hgh_plugin_catalog *catalog = calloc(1, sizeof(*catalog));

    if (catalog == NULL) {
        return NULL;
    }
    catalog->plugins = json_array();
    if (catalog->plugins == NULL) {
        free(catalog);
        return NULL;
    }
    return catalog;
}

void hgh_plugin_catalog_free(hgh_plugin_catalog *catalog)
{
    if (catalog != NULL) {
        json_decref(catalog->plugins);
        free(catalog);
    }
}

static const char *name_of(const json_t *plugin)
{
    const char *name = json_string_value(json_object_get(plugin, "name"));

    return name == NULL ? "" : name;
}

static int compare(const void *left, const void *right)
{
    const json_t *const *one = left;
    const json_t *const *other = right;
    json_int_t first = json_integer_value(json_object_get(*one, "priority"));
    json_int_t second = json_integer_value(json_object_get(*other, "priority"));

    if (first != second) {
        return first > second ? -1 : 1;
    }
    return strcmp(name_of(*one), name_of(*other));
}

/* A new array in the order of the catalog; NULL: no memory. */
static json_t *sorted(const json_t *plugins)
{
    size_t count = json_array_size(plugins);
    json_t **items = calloc(count + 1, sizeof(*items));
    json_t *array = json_array();

    if (items == NULL || array == NULL) {
        goto failed;
    }
    for (size_t i = 0; i < count; i++) {
        items[i] = json_array_get(plugins, i);
    }
    qsort(items, count, sizeof(json_t *), compare);
    for (size_t i = 0; i < count; i++) {
        if (json_array_append(array, items[i]) != 0) {
            goto failed;
        }
    }
    free(items);
    return array;

failed:
    free(items);
    json_decref(array);
    return NULL;
}

void hgh_plugin_catalog_set(hgh_plugin_catalog *catalog, uint64_t generation, json_t *plugins)
{
    json_t *array = sorted(plugins);

    if (array == NULL) {
        array = plugins; /* out of order is better than out of date */
    } else {
        json_decref(plugins);
    }
    json_decref(catalog->plugins);
    catalog->plugins = array;
    catalog->generation = generation;
}

uint64_t hgh_plugin_catalog_generation(const hgh_plugin_catalog *catalog)
{
    return catalog->generation;
}

const json_t *hgh_plugin_catalog_all(const hgh_plugin_catalog *catalog)
{
    return catalog->plugins;
}

bool hgh_plugin_catalog_has_flag(const json_t *plugin, const char *flag)
{
    const json_t *flags = json_object_get(plugin, "flags");

    for (size_t i = 0; i < json_array_size(flags); i++) {
        const char *text = json_string_value(json_array_get(flags, i));

        if (text != NULL && strcmp(text, flag) == 0) {
            return true;
        }
    }
    return false;
}

const json_t *hgh_plugin_catalog_find(const hgh_plugin_catalog *catalog, const char *name)
{
    for (size_t i = 0; i < json_array_size(catalog->plugins); i++) {
        const json_t *plugin = json_array_get(catalog->plugins, i);

        if (strcmp(name_of(plugin), name) == 0) {
            return plugin;
        }
    }
    return NULL;
}
