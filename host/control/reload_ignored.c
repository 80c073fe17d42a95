/* host/control/reload_ignored.c - plugins that objects configure and the list leaves out. */
#include <stdlib.h>
#include <string.h>

#include "host/control/control_log.h"
#include "host/control/object_kind.h"
#include "host/control/reload_parts.h"

typedef struct ignored_search {
    const json_t *listed;
    json_t *counts; /* by name */
} ignored_search;

static bool is_in(const json_t *names, const char *name)
{
    for (size_t i = 0; i < json_array_size(names); i++) {
        const char *item = json_string_value(json_array_get(names, i));

        if (item != NULL && strcmp(item, name) == 0) {
            return true;
        }
    }
    return false;
}

static void count_named(void *context, const char *key, size_t count)
{
    const ignored_search *search = context;
    const char *name = key + sizeof(HGH_PLUGIN_KIND "/") - 1;
    json_int_t known = json_integer_value(json_object_get(search->counts, name));

    if (!is_in(search->listed, name)) {
        (void)json_object_set_new(search->counts, name, json_integer(known + (json_int_t)count));
    }
}

json_t *hgh_reload_ignored(const hgh_reload *reload)
{
    ignored_search search = {json_object_get(reload->manifest, "listed"), json_object()};
    json_t *ignored = json_array();
    const char *name;
    json_t *count;

    if (json_is_array(search.listed)) {
        hgh_resource_table_each_named(reload->options.table, HGH_PLUGIN_KIND "/", count_named,
                                      &search);
    }
    json_object_foreach(search.counts, name, count)
    {
        (void)json_array_append_new(ignored,
                                    json_pack("{s:s, s:O}", "name", name, "objects", count));
    }
    json_decref(search.counts);
    return ignored;
}

void hgh_reload_log_ignored(const hgh_reload *reload)
{
    json_t *ignored = hgh_reload_ignored(reload);

    for (size_t i = 0; i < json_array_size(ignored); i++) {
        const json_t *item = json_array_get(ignored, i);

        hgh_log(HG_LOG_WARN,
                "plugin %s is ignored: the list `plugins` leaves it out; objects that configure "
                "it: %lld",
                json_string_value(json_object_get(item, "name")),
                (long long)json_integer_value(json_object_get(item, "objects")));
    }
    json_decref(ignored);
}
