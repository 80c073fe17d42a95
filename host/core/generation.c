/* host/core/generation.c - the set of plugins that serves together, made from one manifest. */
#include "host/core/generation.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "host/core/engine.h"
#include "host/core/issues.h"
#include "host/core/runner_client.h"
#include "host/core/stand_in.h"

static hgh_plugin *plugin_shared(const hgh_generation *previous, const char *name, uint32_t number)
{
    hgh_plugin *plugin = NULL;

    if (previous != NULL &&
        hgh_generation_find(previous, name, &plugin, NULL) == HGH_PLUGIN_LOADED &&
        plugin->number == number) {
        return hgh_plugin_ref(plugin);
    }
    return NULL;
}

/* What is known to be bad is left out, which fails nothing: the manifest says so, or the board. */
static hg_status
entry_judge(const json_t *item, const hgh_plugin_host *plugin_host, uint32_t number, hg_error *err)
{
    const char *disabled = json_string_value(json_object_get(item, "disabled"));
    size_t crashes;

    if (disabled != NULL) {
        return hg_error_set(err, HG_ERR_INVALID, "disabled: %.300s", disabled);
    }
    if (plugin_host->board == NULL || hgh_crash_newest(plugin_host->board) == 0) {
        return HG_OK;
    }
    crashes = hgh_crash_count(plugin_host->board, number, 0, plugin_host->engine->clock_ms());
    return crashes < HGH_CRASHES_TO_BLAME
               ? HG_OK
               : hg_error_set(err, HG_ERR_INVALID,
                              "left out: %zu workers have died in it within %u s", crashes,
                              HGH_CRASH_WINDOW_MS / 1000);
}

/* Configurations that it is not to decode: those of before stay. */
static hg_status poison_set(hgh_plugin *plugin, const json_t *item)
{
    const json_t *poison = json_object_get(item, "poison");

    for (size_t i = 0; i < json_array_size(poison); i++) {
        const char *subject = json_string_value(json_array_get(poison, i));

        if (plugin->poison == NULL) {
            plugin->poison = json_object();
        }
        if (subject != NULL && json_object_set_new(plugin->poison, subject, json_true()) != 0) {
            return HG_ERR_NO_MEMORY;
        }
    }
    return HG_OK;
}

static hg_status entry_open(hgh_plugin_host *plugin_host,
                            const json_t *item,
                            const char *path,
                            hgh_generation_entry *entry,
                            uint32_t number,
                            hg_error *err)
{
    char full[PATH_MAX];
    bool relative = path[0] != '/' && plugin_host->directory != NULL;
    hg_issues issues = {0};
    hg_status status;

    (void)snprintf(full, sizeof(full), "%s%s%s", relative ? plugin_host->directory : "",
                   relative ? "/" : "", path);
    status = hgh_plugin_load(plugin_host, full, entry->name, number,
                             json_object_get(item, "attributes"), &entry->plugin, &issues, err);
    hgh_issues_done(&issues);
    if (status == HG_OK) {
        entry->plugin->isolated = json_is_true(json_object_get(item, "isolated"));
    }
    return status;
}

static hg_status entry_load(const hgh_generation *generation,
                            hgh_plugin_host *plugin_host,
                            const json_t *item,
                            const hgh_generation *previous,
                            hgh_generation_entry *entry,
                            hg_error *err)
{
    const char *name = json_string_value(json_object_get(item, "name"));
    const char *path = json_string_value(json_object_get(item, "path"));
    json_int_t number = json_integer_value(json_object_get(item, "number"));
    hg_error cause = HG_ERROR_INIT;
    hg_status status = HG_OK;

    if (name == NULL || path == NULL || strlen(name) > HG_NAME_MAX || number < 1 ||
        number > UINT16_MAX) {
        return hg_error_set(err, HG_ERR_INVALID, "manifest: an entry has no name, path or number");
    }
    if (hgh_map_find(&generation->by_name, hg_text_of(name)) != NULL) {
        /* One path opened twice is one object, whose host slot would change hands. */
        return hg_error_set(err, HG_ERR_INVALID, "manifest: %s stands there twice", name);
    }
    (void)strcpy(entry->name, name);
    entry->node.key = hg_text_of(entry->name);
    if (entry_judge(item, plugin_host, (uint32_t)number, &cause) != HG_OK) {
        entry->failure = strdup(cause.text);
        return HG_OK;
    }
    entry->plugin = plugin_shared(previous, name, (uint32_t)number);
    if (entry->plugin == NULL && hgh_stand_in_is_enough(plugin_host, item)) {
        status =
            hgh_stand_in_new(plugin_host, item, name, (uint32_t)number, &entry->plugin, &cause);
    } else if (entry->plugin == NULL) {
        status = entry_open(plugin_host, item, path, entry, (uint32_t)number, &cause);
    }
    if (status == HG_OK && poison_set(entry->plugin, item) != HG_OK) {
        status = hg_error_set(&cause, HG_ERR_NO_MEMORY, "out of memory");
    }
    if (status != HG_OK) {
        entry->failure = strdup(cause.text);
        (void)hg_error_set(err, status, "%s: %.400s", name, cause.text);
    }
    return status;
}

static hg_status list_set(hgh_generation *generation, const json_t *listed)
{
    size_t index;
    json_t *name;

    if (!json_is_array(listed)) {
        return HG_OK;
    }
    generation->has_list = true;
    generation->listed = json_object();
    json_array_foreach(listed, index, name)
    {
        if (json_is_string(name) &&
            json_object_set_new(generation->listed, json_string_value(name), json_true()) != 0) {
            return HG_ERR_NO_MEMORY;
        }
    }
    return generation->listed == NULL ? HG_ERR_NO_MEMORY : HG_OK;
}

hg_status hgh_generation_new(json_t *manifest, hgh_generation **out_generation, hg_error *err)
{
    hgh_generation *generation = calloc(1, sizeof(*generation));
    size_t count = json_array_size(json_object_get(manifest, "plugins"));

    if (generation == NULL) {
        return hg_error_set(err, HG_ERR_NO_MEMORY, "out of memory");
    }
    generation->references = 1;
    generation->number = (uint64_t)json_integer_value(json_object_get(manifest, "generation"));
    generation->manifest = json_incref(manifest);
    hgh_map_init(&generation->by_name);
    generation->entries = calloc(count + 1, sizeof(*generation->entries));
    if (generation->entries == NULL ||
        list_set(generation, json_object_get(manifest, "listed")) != HG_OK) {
        hgh_generation_unref(generation);
        return hg_error_set(err, HG_ERR_NO_MEMORY, "out of memory");
    }
    *out_generation = generation;
    return HG_OK;
}

hg_status hgh_generation_load_next(hgh_generation *generation,
                                   hgh_plugin_host *plugin_host,
                                   const hgh_generation *previous,
                                   bool *out_done,
                                   hg_error *err)
{
    const json_t *plugins = json_object_get(generation->manifest, "plugins");
    hg_status status = HG_OK;

    if (generation->count < json_array_size(plugins)) {
        hgh_generation_entry *entry = &generation->entries[generation->count];

        status = entry_load(generation, plugin_host, json_array_get(plugins, generation->count),
                            previous, entry, err);
        generation->count++;
        if (entry->name[0] != '\0' && hgh_map_add(&generation->by_name, &entry->node) != HG_OK) {
            status = hg_error_set(err, HG_ERR_NO_MEMORY, "%s: out of memory", entry->name);
        }
    }
    *out_done = generation->count == json_array_size(plugins);
    if (*out_done) {
        json_decref(generation->manifest);
        generation->manifest = NULL;
    }
    return status;
}

void hgh_generation_unref(hgh_generation *generation)
{
    if (generation == NULL || --generation->references > 0) {
        return;
    }
    hgh_runner_client_free(generation->isolation);
    hgh_map_done(&generation->by_name);
    for (size_t i = 0; i < generation->count; i++) {
        hgh_plugin_unref(generation->entries[i].plugin);
        free(generation->entries[i].failure);
    }
    free(generation->entries);
    json_decref(generation->listed);
    json_decref(generation->manifest);
    free(generation);
}

hgh_plugin_state hgh_generation_find(const hgh_generation *generation,
                                     const char *name,
                                     hgh_plugin **out_plugin,
                                     const char **out_reason)
{
    hgh_map_node *node = hgh_map_find(&generation->by_name, hg_text_of(name));
    const hgh_generation_entry *entry;

    if (out_reason != NULL) {
        *out_reason = "not in the plugins directory";
    }
    if (node == NULL) {
        return generation->has_list && json_object_get(generation->listed, name) == NULL
                   ? HGH_PLUGIN_IGNORED
                   : HGH_PLUGIN_MISSING;
    }
    entry = HGH_CONTAINER_OF(node, hgh_generation_entry, node);
    if (entry->plugin == NULL) {
        if (out_reason != NULL && entry->failure != NULL) {
            *out_reason = entry->failure;
        }
        return HGH_PLUGIN_MISSING;
    }
    if (out_plugin != NULL) {
        *out_plugin = entry->plugin;
    }
    return HGH_PLUGIN_LOADED;
}
