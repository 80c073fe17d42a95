/* host/core/stand_in.c - a plugin that runs in the isolated runner alone, in a worker. */
#include "host/core/stand_in.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* They say that a phase is there: isolated configurations call the runner in their place. */

static hg_verdict on_request(hg_request *request, const void *config)
{
    (void)request;
    (void)config;
    return HG_NEXT;
}

static void on_response(hg_request *request, const void *config)
{
    (void)request;
    (void)config;
}

static void on_body(hg_request *request, hg_chunk *chunk, const void *config)
{
    (void)request;
    (void)chunk;
    (void)config;
}

static bool has_name(const json_t *names, const char *name)
{
    for (size_t i = 0; i < json_array_size(names); i++) {
        const char *text = json_string_value(json_array_get(names, i));

        if (text != NULL && strcmp(text, name) == 0) {
            return true;
        }
    }
    return false;
}

static bool has_phase(const json_t *described, hg_phase phase)
{
    return has_name(json_object_get(described, "phases"), hgh_call_name(phase));
}

bool hgh_stand_in_is_enough(const hgh_plugin_host *plugin_host, const json_t *item)
{
    return plugin_host->isolation.path != NULL && json_is_true(json_object_get(item, "isolated")) &&
           json_is_object(json_object_get(item, "described"));
}

/* As the object's own, with what the protocol of runners can carry. */
static void descriptor_fill(hg_plugin *descriptor, const char *name, const json_t *described)
{
    const json_t *flags = json_object_get(described, "flags");

    descriptor->size = (uint32_t)sizeof(*descriptor);
    descriptor->abi_major = HG_ABI_MAJOR;
    descriptor->abi_minor = HG_ABI_MINOR;
    descriptor->name = name;
    descriptor->priority = (int32_t)json_integer_value(json_object_get(described, "priority"));
    descriptor->flags = has_name(flags, "prefer_route") ? HG_PREFER_ROUTE : 0;
    descriptor->rewrite = has_phase(described, HG_PHASE_REWRITE) ? on_request : NULL;
    descriptor->access = has_phase(described, HG_PHASE_ACCESS) ? on_request : NULL;
    descriptor->response = has_phase(described, HG_PHASE_RESPONSE) ? on_request : NULL;
    descriptor->header_filter = has_phase(described, HG_PHASE_HEADER_FILTER) ? on_response : NULL;
    descriptor->body_filter = has_phase(described, HG_PHASE_BODY_FILTER) ? on_body : NULL;
    descriptor->delayed_body_filter =
        has_phase(described, HG_PHASE_DELAYED_BODY_FILTER) ? on_body : NULL;
}

hg_status hgh_stand_in_new(hgh_plugin_host *plugin_host,
                           const json_t *item,
                           const char *name,
                           uint32_t number,
                           hgh_plugin **out_plugin,
                           hg_error *err)
{
    hgh_plugin *plugin = calloc(1, sizeof(*plugin));
    hg_plugin *descriptor = calloc(1, sizeof(*descriptor));
    hg_status status = HG_OK;

    if (plugin == NULL || descriptor == NULL) {
        free(plugin);
        free(descriptor);
        return hg_error_set(err, HG_ERR_NO_MEMORY, "%s: out of memory", name);
    }
    plugin->references = 1;
    plugin->number = number;
    plugin->plugin_host = plugin_host;
    plugin->initialised = true; /* there is nothing to do for it */
    plugin->isolated = true;
    (void)snprintf(plugin->name, sizeof(plugin->name), "%s", name);
    descriptor_fill(descriptor, plugin->name, json_object_get(item, "described"));
    plugin->stand_in = descriptor;
    plugin->descriptor = descriptor;
    for (int use = 0; use < HGH_USES && status == HG_OK; use++) {
        status = hgh_plugin_use_compile(plugin, (hgh_use)use, NULL, err); /* takes any object */
    }
    if (status != HG_OK) {
        hgh_plugin_unref(plugin);
        return status;
    }
    *out_plugin = plugin;
    return HG_OK;
}
