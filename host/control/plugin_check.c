/* host/control/plugin_check.c - judges plugin configurations in a process of their own. */
#include "host/control/plugin_check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/control/control_log.h"
#include "host/control/probe.h"
#include "host/core/time_limit.h"

#define LOAD_MS          HGH_TIME_LIMIT(5000u) /* for the whole generation */
#define CHECK_MS         HGH_TIME_LIMIT(2000u) /* and 100 us for each configuration */
#define CHECKS_PER_MS    10u
#define JUDGED_TEXT_SIZE 512u

struct hgh_plugin_check {
    hgh_plugin_check_options options;
    json_t *manifest;
    hgh_probe *probe; /* NULL: started when it is needed */
    bool loading;
    json_t *configs; /* being judged; NULL: nothing is */
    hgh_plugin_check_done done;
    void *context;
    hgh_event_loop_timer later; /* a failure to start is told after run() has returned */
    hg_error start_error;
};

hgh_plugin_check *hgh_plugin_check_new(const hgh_plugin_check_options *options)
{
    hgh_plugin_check *check = calloc(1, sizeof(*check));

    if (check != NULL) {
        check->options = *options;
        check->manifest = json_pack("{s:i, s:n, s:[]}", "generation", 0, "listed", "plugins");
    }
    return check;
}

void hgh_plugin_check_free(hgh_plugin_check *check)
{
    if (check == NULL) {
        return;
    }
    hgh_event_loop_timer_stop(check->options.loop, &check->later);
    hgh_probe_free(check->probe);
    json_decref(check->manifest);
    json_decref(check->configs);
    free(check);
}

/* A plugin that is switched off in the workers still judges what is written for it. */
static json_t *with_all_enabled(const json_t *manifest)
{
    json_t *copy = json_deep_copy(manifest);
    size_t index;
    json_t *entry;

    json_array_foreach(json_object_get(copy, "plugins"), index, entry)
    {
        (void)json_object_del(entry, "disabled");
        (void)json_object_del(entry, "poison");
    }
    return copy;
}

void hgh_plugin_check_set_manifest(hgh_plugin_check *check, json_t *manifest)
{
    json_t *mine = with_all_enabled(manifest);

    json_decref(check->manifest);
    check->manifest = mine == NULL ? json_incref(manifest) : mine;
    hgh_probe_free(check->probe);
    check->probe = NULL;
}

/* ------------------------------------------------------------------------------------ ends */

static void
check_end(hgh_plugin_check *check, hg_status status, const json_t *issues, const json_t *warnings)
{
    hgh_plugin_check_done done = check->done;
    json_t *configs = check->configs;

    check->configs = NULL;
    check->done = NULL;
    done(check->context, status, issues, warnings);
    json_decref(configs);
}

/* One finding that is about the judging itself. */
static void
check_fail(hgh_plugin_check *check, hg_status status, const char *pointer, const char *text)
{
    json_t *issues = json_pack("[{s:s, s:s, s:s, s:s}]", "pointer", pointer, "found", text,
                               "wanted", "an answer", "text", text);
    json_t *warnings = json_array();

    check_end(check, status, issues, warnings);
    json_decref(issues);
    json_decref(warnings);
}

static const char *plugin_name(const hgh_plugin_check *check, uint32_t number)
{
    size_t index;
    json_t *plugin;

    json_array_foreach(json_object_get(check->manifest, "plugins"), index, plugin)
    {
        if (json_integer_value(json_object_get(plugin, "number")) == (json_int_t)number) {
            return json_string_value(json_object_get(plugin, "name"));
        }
    }
    return NULL;
}

/* Where the operator wrote the first configuration of a plugin. */
static const char *plugin_pointer(const hgh_plugin_check *check, const char *name)
{
    size_t index;
    json_t *config;

    json_array_foreach(check->configs, index, config)
    {
        const char *plugin = json_string_value(json_object_get(config, "plugin"));

        if (plugin != NULL && strcmp(plugin, name) == 0) {
            return json_string_value(json_object_get(config, "pointer"));
        }
    }
    return "";
}

static void on_end(void *context, const char *why, uint32_t object)
{
    hgh_plugin_check *check = context;
    const char *name = plugin_name(check, object);
    char text[JUDGED_TEXT_SIZE];

    hgh_probe_free(check->probe);
    check->probe = NULL;
    hgh_log(HG_LOG_ERROR, "probe of configurations: plugin %s: %s", name == NULL ? "-" : name, why);
    if (check->configs != NULL) {
        (void)snprintf(text, sizeof(text), "failed to check the configuration of plugin %s err: %s",
                       name == NULL ? "-" : name, why);
        check_fail(check, strstr(why, "did not return") == NULL ? HG_ERR_IO : HG_ERR_TIMEOUT,
                   name == NULL ? "" : plugin_pointer(check, name), text);
    }
}

/* -------------------------------------------------------------------------------- requests */

static void on_message(void *context, const json_t *message)
{
    hgh_plugin_check *check = context;
    const json_t *issues = json_object_get(message, "issues");

    if (check->loading) {
        check->loading = false;
        if (check->configs != NULL) {
            hgh_probe_set_deadline(check->probe,
                                   CHECK_MS + json_array_size(check->configs) / CHECKS_PER_MS);
        } else {
            hgh_probe_set_deadline(check->probe, 0);
        }
        if (check->options.on_loaded != NULL) {
            check->options.on_loaded(check->options.context, json_object_get(message, "plugins"));
        }
        return;
    }
    if (issues == NULL || check->configs == NULL) {
        return;
    }
    hgh_probe_set_deadline(check->probe, 0);
    check_end(check, json_array_size(issues) == 0 ? HG_OK : HG_ERR_INVALID, issues,
              json_object_get(message, "warnings"));
}

hg_status hgh_plugin_check_load(hgh_plugin_check *check, hg_error *err)
{
    hgh_probe_options options = {
        .loop = check->options.loop,
        .directory = check->options.directory,
        .shared_memory_bytes = check->options.shared_memory_bytes,
        .on_message = on_message,
        .on_end = on_end,
        .context = check,
    };
    hg_status status;
    json_t *message;

    if (check->probe != NULL) {
        return HG_OK;
    }
    status = hgh_probe_start(&options, &check->probe, err);
    if (status != HG_OK) {
        return status;
    }
    message = json_pack("{s:s, s:O}", "op", "load", "manifest", check->manifest);
    check->loading = true;
    hgh_probe_set_deadline(check->probe, LOAD_MS);
    hgh_probe_send(check->probe, message);
    json_decref(message);
    return HG_OK;
}

static void on_start_failure(void *context)
{
    hgh_plugin_check *check = context;

    check_fail(check, HG_ERR_IO, "", check->start_error.text);
}

void hgh_plugin_check_run(hgh_plugin_check *check,
                          const json_t *configs,
                          hgh_plugin_check_done done,
                          void *context)
{
    json_t *message;

    check->configs = json_deep_copy(configs);
    check->done = done;
    check->context = context;
    check->start_error = (hg_error)HG_ERROR_INIT;
    if (hgh_plugin_check_load(check, &check->start_error) != HG_OK) {
        hgh_event_loop_defer(check->options.loop, &check->later, on_start_failure, check);
        return;
    }
    if (!check->loading) {
        hgh_probe_set_deadline(check->probe, CHECK_MS + json_array_size(configs) / CHECKS_PER_MS);
    }
    message = json_pack("{s:s, s:O}", "op", "check", "configs", check->configs);
    hgh_probe_send(check->probe, message);
    json_decref(message);
}
