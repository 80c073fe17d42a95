/* host/core/plugin.c - a plugin that is loaded, initialised and ready to be configured. */
#include "host/core/plugin.h"

#include <stdlib.h>
#include <string.h>

#include "host/core/configuration.h"
#include "host/core/delegation.h"
#include "host/core/engine.h"
#include "host/core/host_api.h"
#include "host/core/issues.h"
#include "host/core/json_value.h"
#include "host/core/phase.h"
#include "host/core/plugin_timer.h"

hg_status hgh_plugin_use_compile(hgh_plugin *plugin,
                                 hgh_use use,
                                 const hg_config_description *description,
                                 hg_error *err)
{
    static const char *const names[HGH_USES] = {"config", "consumer", "metadata", "attributes"};
    hgh_plugin_use *compiled = &plugin->uses[use];
    hg_error cause = HG_ERROR_INIT;
    hg_status status = HG_OK;

    compiled->description = description;
    if (description == NULL) {
        compiled->schema_json = json_pack("{s:s, s:{}}", "type", "object", "properties");
    } else if (description->size != sizeof(*description)) {
        status = hg_error_set(&cause, HG_ERR_ABI, "found %u bytes", description->size);
    } else if (description->fields != NULL) {
        status = hgh_field_table_check(description, &cause);
        if (status == HG_OK) {
            compiled->schema_json =
                hgh_field_table_schema(description, (plugin->descriptor->flags & HG_STRICT) != 0);
        }
    } else if (description->schema == NULL || description->parse == NULL ||
               description->release == NULL) {
        status = hg_error_set(&cause, HG_ERR_INVALID,
                              "wanted a field table, or a schema with parse and release");
    } else {
        json_error_t where;

        compiled->schema_json = json_loads(description->schema, JSON_REJECT_DUPLICATES, &where);
        if (compiled->schema_json == NULL) {
            status = hg_error_set(&cause, HG_ERR_INVALID, "schema, line %d column %d: %s",
                                  where.line, where.column, where.text);
        }
    }
    if (status == HG_OK && compiled->schema_json == NULL) {
        status = hg_error_set(&cause, HG_ERR_NO_MEMORY, "out of memory");
    }
    if (status == HG_OK) {
        status = hgh_schema_compile(compiled->schema_json, &compiled->schema, &cause);
    }
    if (status != HG_OK) {
        return hg_error_set(err, status, "%s: %s", names[use], cause.text);
    }
    return HG_OK;
}

static hg_status metrics_open(hgh_plugin *plugin, hg_error *err)
{
    const hg_metric *metrics = plugin->descriptor->metrics;
    uint32_t count = 0;

    while (metrics != NULL && metrics[count].kind != HG_METRIC_END) {
        count++;
    }
    if (count == 0) {
        return HG_OK;
    }
    plugin->metrics = calloc(count, sizeof(*plugin->metrics));
    if (plugin->metrics == NULL) {
        return hg_error_set(err, HG_ERR_NO_MEMORY, "metrics: out of memory");
    }
    plugin->metrics_count = count;
    for (uint32_t i = 0; i < count; i++) {
        hg_error cause = HG_ERROR_INIT;
        hg_status status = hgh_metric_open(&plugin->metrics[i], plugin->plugin_host->arena,
                                           plugin->name, &metrics[i], &cause);

        if (status != HG_OK) {
            return hg_error_set(err, status, "metrics: entry %u: %.400s", i, cause.text);
        }
    }
    return HG_OK;
}

static hg_status plugin_attributes(hgh_plugin *plugin, const json_t *attributes, hg_issues *issues)
{
    const hg_config_description *description = plugin->uses[HGH_USE_ATTRIBUTES].description;
    json_t *empty = NULL;
    char prefix[HG_NAME_MAX + 16];
    hg_status status;

    if (description == NULL) {
        return HG_OK;
    }
    if (attributes == NULL) {
        empty = json_object(); /* so that its defaults arrive */
        attributes = empty;
    }
    (void)snprintf(prefix, sizeof(prefix), "/plugin_attr/%s", plugin->name);
    status = hgh_configuration_decode(plugin, HGH_USE_ATTRIBUTES, attributes, "plugin_attr",
                                      plugin->name, prefix, &plugin->attributes, issues, NULL);
    json_decref(empty);
    return status;
}

/* What a plugin sees while no metadata is stored: the defaults of its description, or nothing if
 * that demands more. */
static hg_status plugin_metadata(hgh_plugin *plugin)
{
    hg_issues issues = {0};
    json_t *empty = json_object();
    hg_status status = HG_OK;

    if (empty == NULL) {
        return HG_ERR_NO_MEMORY;
    }
    if (plugin->uses[HGH_USE_METADATA].description != NULL) {
        status = hgh_configuration_decode(plugin, HGH_USE_METADATA, empty, "plugin_metadata",
                                          plugin->name, "", &plugin->metadata, &issues, NULL);
    }
    hgh_issues_done(&issues);
    json_decref(empty);
    return status == HG_ERR_INVALID ? HG_OK : status;
}

/* Maps the object, which runs its constructors. */
static hg_status plugin_open(hgh_plugin *plugin, const char *path, hg_error *err)
{
    hgh_plugin_host *plugin_host = plugin->plugin_host;
    uint64_t outer = hgh_blame_enter(&plugin_host->blame, plugin->number, HGH_CALL_LOAD);
    hg_status status;

    plugin_host->loading_path = path;
    plugin_host->loading_number = plugin->number;
    status = hgh_plugin_object_open(path, plugin->name, &plugin->object, err);
    plugin_host->loading_path = NULL;
    hgh_blame_leave(&plugin_host->blame, outer);
    if (status == HG_OK) {
        plugin_host->objects_mapped++;
        plugin->loaded_next = plugin_host->loaded;
        plugin_host->loaded = plugin;
    }
    return status;
}

static void pin_tell(hgh_plugin *plugin, const char *why)
{
    hgh_plugin_host *plugin_host = plugin->plugin_host;
    char text[HG_NAME_MAX + HGH_LEFTOVER_TEXT + 64];
    int length =
        snprintf(text, sizeof(text), "plugin %s stays in memory, something of it is in use: %s",
                 plugin->name, why);

    if (plugin_host->objects_pinned < HGH_BOARD_PINS) {
        (void)snprintf(plugin_host->pins[plugin_host->objects_pinned], HGH_BOARD_PIN_TEXT, "%s: %s",
                       plugin->name, why);
    }
    plugin_host->engine->log(NULL, HG_LOG_ERROR, (hg_text){text, (size_t)length});
}

/* The opposite; at the end its addresses belong to nobody. */
static void plugin_close(hgh_plugin *plugin)
{
    char why[HGH_LEFTOVER_TEXT];
    bool stays;
    hgh_plugin_host *plugin_host = plugin->plugin_host;
    uint64_t outer = hgh_blame_enter(&plugin_host->blame, plugin->number, HGH_CALL_UNLOAD);
    hgh_plugin **at = &plugin_host->loaded;

    stays = plugin_host->watches_threads &&
            hgh_thread_watch_find(&plugin_host->threads, plugin->number, plugin_host->offload, why);
    if (hgh_plugin_object_close(plugin->object, stays, why)) {
        plugin_host->objects_mapped--;
    } else {
        pin_tell(plugin, why);
        plugin_host->objects_pinned++;
    }
    while (*at != plugin) {
        at = &(*at)->loaded_next;
    }
    *at = plugin->loaded_next;
    hgh_blame_leave(&plugin_host->blame, outer);
}

static hg_status plugin_init(hgh_plugin *plugin, hg_error *err)
{
    hgh_blame *blame = &plugin->plugin_host->blame;
    const hg_plugin *descriptor = plugin->descriptor;
    hg_error cause = HG_ERROR_INIT;
    hg_status status = HG_OK;

    if (descriptor->init != NULL) {
        uint64_t outer = hgh_blame_enter(blame, plugin->number, HGH_CALL_INIT);

        status =
            descriptor->init(plugin->attributes == NULL ? NULL : plugin->attributes->state, &cause);
        hgh_blame_leave(blame, outer);
    }
    if (status != HG_OK) {
        cause.text[sizeof(cause.text) - 1] = '\0';
        return hg_error_set(err, status, "init failed: %s",
                            cause.text[0] == '\0' ? "it gave no reason" : cause.text);
    }
    plugin->initialised = true;
    return HG_OK;
}

static void threads_note(hgh_plugin_host *plugin_host, uint32_t owner)
{
    if (plugin_host->watches_threads) {
        hgh_thread_watch_note(&plugin_host->threads, owner);
    }
}

hg_status hgh_plugin_load(hgh_plugin_host *plugin_host,
                          const char *path,
                          const char *name,
                          uint32_t number,
                          const json_t *attributes,
                          hgh_plugin **out_plugin,
                          hg_issues *issues,
                          hg_error *err)
{
    hgh_plugin *plugin = calloc(1, sizeof(*plugin));
    const hg_plugin *descriptor;
    hg_status status;

    if (plugin == NULL) {
        return hg_error_set(err, HG_ERR_NO_MEMORY, "%s: out of memory", name);
    }
    plugin->references = 1;
    plugin->number = number;
    plugin->plugin_host = plugin_host;
    (void)snprintf(plugin->name, sizeof(plugin->name), "%s", name);
    threads_note(plugin_host, HGH_THREAD_OF_UNKNOWN);
    status = plugin_open(plugin, path, err);
    if (status != HG_OK) {
        goto cleanup;
    }
    descriptor = hgh_plugin_object_descriptor(plugin->object);
    plugin->descriptor = descriptor;
    plugin->host = hgh_host_api(plugin_host->log_level, plugin);
    *descriptor->host = &plugin->host;

    status = hgh_delegates_find(descriptor, &plugin->delegates, err);
    if (status == HG_OK) {
        status = hgh_plugin_use_compile(plugin, HGH_USE_CONFIG, descriptor->config, err);
    }
    if (status == HG_OK) {
        status = hgh_plugin_use_compile(
            plugin, HGH_USE_CONSUMER,
            descriptor->consumer == NULL ? descriptor->config : descriptor->consumer, err);
    }
    if (status == HG_OK) {
        status = hgh_plugin_use_compile(plugin, HGH_USE_METADATA, descriptor->metadata, err);
    }
    if (status == HG_OK) {
        status = hgh_plugin_use_compile(plugin, HGH_USE_ATTRIBUTES, descriptor->attributes, err);
    }
    if (status == HG_OK) {
        status = metrics_open(plugin, err);
    }
    if (status == HG_OK) {
        status = plugin_attributes(plugin, attributes, issues);
        if (status != HG_OK) {
            char buffer[HG_ERROR_TEXT_MAX - 32];

            (void)hg_error_set(err, status, "plugin_attr: %s",
                               hgh_issues_first(issues, buffer, sizeof(buffer)));
        }
    }
    if (status == HG_OK && plugin_metadata(plugin) != HG_OK) {
        status = hg_error_set(err, HG_ERR_NO_MEMORY, "metadata: out of memory");
    }
    if (status == HG_OK) {
        status = plugin_init(plugin, err);
    }
    if (status == HG_OK) {
        *out_plugin = plugin;
        plugin = NULL; /* now the caller's */
    }

cleanup:
    threads_note(plugin_host, number);
    hgh_plugin_unref(plugin); /* accepts NULL and the half-built */
    return status;
}

static void plugin_unload(hgh_plugin *plugin)
{
    hgh_plugin_host *plugin_host = plugin->plugin_host;
    hgh_blame *blame = &plugin->plugin_host->blame;
    uint64_t outer;

    hgh_timers_stop(plugin);
    if (plugin->initialised && plugin->descriptor->exit != NULL) {
        outer = hgh_blame_enter(blame, plugin->number, HGH_CALL_EXIT);
        plugin->descriptor->exit();
        hgh_blame_leave(blame, outer);
    }
    hgh_configuration_unref(plugin->attributes);
    hgh_configuration_unref(plugin->metadata);
    for (int use = 0; use < HGH_USES; use++) {
        hgh_schema_free(plugin->uses[use].schema);
        json_decref(plugin->uses[use].schema_json);
    }
    if (plugin->object != NULL) {
        plugin_close(plugin);
    }
    json_decref(plugin->poison);
    hgh_timers_done(plugin);
    hgh_host_api_done(plugin);
    for (uint32_t i = 0; i < plugin->metrics_count; i++) {
        hgh_metric_done(&plugin->metrics[i]);
    }
    free(plugin->metrics);
    free(plugin->stand_in);
    free(plugin);
    if (plugin_host->unloaded != NULL) {
        plugin_host->unloaded(plugin_host);
    }
}

void hgh_plugin_unref(hgh_plugin *plugin)
{
    if (plugin != NULL && --plugin->references == 0) {
        plugin_unload(plugin);
    }
}

static json_t *plugin_flags(uint32_t flags)
{
    static const struct {
        uint32_t flag;
        const char *name;
    } names[] = {{HG_AUTH, "auth"},
                 {HG_WAITS, "waits"},
                 {HG_PREFER_ROUTE, "prefer_route"},
                 {HG_STRICT, "strict"}};
    json_t *array = json_array();

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if ((flags & names[i].flag) != 0) {
            (void)json_array_append_new(array, json_string(names[i].name));
        }
    }
    return array;
}

static json_t *plugin_phases(const hg_plugin *descriptor)
{
    json_t *array = json_array();
    const bool has[] = {
        [HG_PHASE_REWRITE] = descriptor->rewrite != NULL,
        [HG_PHASE_ACCESS] = descriptor->access != NULL,
        [HG_PHASE_BEFORE_PROXY] = descriptor->before_proxy != NULL,
        [HG_PHASE_HEADER_FILTER] = descriptor->header_filter != NULL,
        [HG_PHASE_BODY_FILTER] = descriptor->body_filter != NULL,
        [HG_PHASE_DELAYED_BODY_FILTER] = descriptor->delayed_body_filter != NULL,
        [HG_PHASE_LOG] = descriptor->log != NULL,
        [HG_PHASE_RESPONSE] = descriptor->response != NULL,
    };

    for (uint32_t turn = 0; turn < HGH_PHASES - 1; turn++) {
        hg_phase phase = hgh_phase_at(turn);

        if (has[phase]) {
            (void)json_array_append_new(array, json_string(hgh_call_name(phase)));
        }
    }
    return array;
}

/* A text of the object; NULL if it has none. What is no UTF-8 in it becomes '?'. */
static json_t *text_of_object(const char *text)
{
    char *copy = text == NULL ? NULL : strdup(text);
    json_t *made = NULL;

    if (copy != NULL) {
        hgh_utf8_mend(copy);
        made = json_string(copy);
        free(copy);
    }
    return made;
}

static json_t *metric_describe(const hg_metric *metric)
{
    json_t *labels = json_array();

    for (size_t i = 0; i < HG_METRIC_LABELS_MAX && metric->labels[i] != NULL; i++) {
        (void)json_array_append_new(labels, text_of_object(metric->labels[i]));
    }
    return json_pack("{s:o, s:s, s:o, s:o*}", "name", text_of_object(metric->name), "kind",
                     metric->kind == HG_METRIC_COUNTER ? "counter" : "gauge", "labels", labels,
                     "summary", text_of_object(metric->summary));
}

/* NULL: none are declared. */
static json_t *plugin_metrics(const hgh_plugin *plugin)
{
    json_t *array = plugin->metrics_count == 0 ? NULL : json_array();

    for (uint32_t i = 0; i < plugin->metrics_count; i++) {
        (void)json_array_append_new(array, metric_describe(&plugin->descriptor->metrics[i]));
    }
    return array;
}

json_t *hgh_plugin_describe(const hgh_plugin *plugin)
{
    const hg_plugin *descriptor = plugin->descriptor;

    return json_pack(
        "{s:s, s:s, s:o*, s:i, s:o, s:o, s:O, s:O*, s:O*, s:O*, s:s*, s:s*, s:o*}", "name",
        plugin->name, "version", descriptor->version, "summary",
        text_of_object(descriptor->summary), "priority", descriptor->priority, "flags",
        plugin_flags(descriptor->flags), "phases", plugin_phases(descriptor), "schema",
        plugin->uses[HGH_USE_CONFIG].schema_json, "consumer_schema",
        descriptor->consumer == NULL ? NULL : plugin->uses[HGH_USE_CONSUMER].schema_json,
        "metadata_schema",
        descriptor->metadata == NULL ? NULL : plugin->uses[HGH_USE_METADATA].schema_json,
        "attributes_schema",
        descriptor->attributes == NULL ? NULL : plugin->uses[HGH_USE_ATTRIBUTES].schema_json, "key",
        descriptor->consumer == NULL ? NULL : descriptor->consumer->key, "delegates",
        plugin->delegates == NULL ? NULL : plugin->delegates->list, "metrics",
        plugin_metrics(plugin));
}
