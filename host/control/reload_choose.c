/* host/control/reload_choose.c - which plugin objects are put into service. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host/control/admission.h"
#include "host/control/build_config.h"
#include "host/control/control_log.h"
#include "host/control/manifest.h"
#include "host/control/object_kind.h"
#include "host/control/plugin_scan.h"
#include "host/control/quarantine.h"
#include "host/control/reload_parts.h"
#include "host/control/signature.h"
#include "host/control/staging.h"
#include "host/core/configuration.h"
#include "host/core/json_value.h"

#define USERS_NAMED    10u /* of a plugin that is still configured */
#define UNKNOWN_NUMBER 0u

json_t *hgh_reload_report_add(hgh_reload_run *run, const char *name, const char *state)
{
    json_t *item = json_pack("{s:s, s:s}", "name", name, "state", state);

    (void)json_array_append_new(run->report, item);
    return item;
}

/* The object of a plugin that will not be used; what is in force of that name stays. */
void hgh_reload_reject(hgh_reload *reload,
                       const char *name,
                       const char *sha256,
                       const char *reason,
                       const json_t *issues)
{
    hgh_reload_run *run = &reload->run;
    json_t *item = hgh_reload_report_add(run, name, "rejected");

    (void)json_object_set_new(item, "reason", json_string(reason));
    if (json_array_size(issues) > 0) {
        (void)json_object_set(item, "issues", (json_t *)(uintptr_t)issues);
    }
    if (sha256 != NULL) {
        (void)json_object_set_new(item, "sha256", json_string(sha256));
        (void)json_object_set_new(reload->rejected, name,
                                  json_pack("{s:s, s:s}", "sha256", sha256, "reason", reason));
    }
    run->rejections++;
    if (run->reason[0] == '\0') {
        (void)snprintf(run->reason, sizeof(run->reason), "plugin %s: %s", name, reason);
    }
    hgh_log(HG_LOG_ERROR, "reload: plugin %s is refused: %s", name, reason);
}

void hgh_reload_report_still_rejected(hgh_reload *reload, const char *name)
{
    const json_t *rejected = json_object_get(reload->rejected, name);
    json_t *item = hgh_reload_report_add(&reload->run, name, "still rejected");

    (void)json_object_set(item, "reason", json_object_get(rejected, "reason"));
    (void)json_object_set(item, "sha256", json_object_get(rejected, "sha256"));
}

void hgh_reload_keep_entry(hgh_reload_run *run, json_t *entry)
{
    (void)json_array_append(json_object_get(run->next, "plugins"), entry);
}

/* ----------------------------------------------------------------------------------- users */

typedef void
config_visit(void *context, const hgh_resource_object *object, const char *use, json_t *value);

/* Calls for every object that has a configuration of a plugin in its own place. */
static void
each_own_config(const hgh_reload *reload, const char *name, config_visit *visit, void *context)
{
    const hgh_object_kind *kind;
    char key[HG_NAME_MAX + sizeof(HGH_PLUGIN_KIND) + 1];

    (void)snprintf(key, sizeof(key), HGH_PLUGIN_KIND "/%s", name);
    for (size_t i = 0; (kind = hgh_object_kind_at(i)) != NULL; i++) {
        const hgh_resource_object *object = NULL;

        while ((object = hgh_resource_table_referer(reload->options.table, kind->name, key,
                                                    object)) != NULL) {
            json_t *value = json_loadb(object->value, object->value_length, 0, NULL);
            json_t *config = hgh_object_plugin_config(kind, object->id, value, name);

            if (config != NULL) {
                visit(context, object, kind->plugin_use, config);
            }
            json_decref(config);
            json_decref(value);
        }
    }
}

/* The walk over the configurations inside those of another plugin. */
typedef struct inner_walk {
    const char *name; /* whose are looked for */
    const char *list; /* where the other plugin holds them */
    config_visit *visit;
    void *context;
} inner_walk;

static void
each_inner_config(void *context, const hgh_resource_object *object, const char *use, json_t *value)
{
    const inner_walk *walk = context;
    size_t index;
    json_t *holder;

    if (hgh_configuration_is_disabled(value)) {
        return;
    }
    json_array_foreach(json_object_get(value, walk->list), index, holder)
    {
        json_t *inner = json_object_get(holder, walk->name);

        if (inner != NULL) {
            walk->visit(walk->context, object, use, inner);
        }
    }
}

void hgh_reload_each_config(
    const hgh_reload *reload,
    const char *name,
    void (*visit)(void *context, const hgh_resource_object *object, const char *use, json_t *value),
    void *context)
{
    const json_t *all = hgh_plugin_catalog_all(reload->options.catalog);
    inner_walk walk = {name, NULL, visit, context};

    each_own_config(reload, name, visit, context);
    for (size_t i = 0; i < json_array_size(all); i++) {
        const json_t *outer = json_array_get(all, i);

        walk.list = json_string_value(json_object_get(outer, "delegates"));
        if (walk.list != NULL) {
            each_own_config(reload, json_string_value(json_object_get(outer, "name")),
                            each_inner_config, &walk);
        }
    }
}

typedef struct user_list {
    size_t count;
    char text[HG_ERROR_TEXT_MAX];
} user_list;

static void
user_add(void *context, const hgh_resource_object *object, const char *use, json_t *value)
{
    user_list *list = context;
    size_t length = strlen(list->text);

    (void)value;
    if (strcmp(use, "metadata") == 0) {
        return; /* it waits for its plugin, and no request needs it */
    }
    if (list->count++ < USERS_NAMED) {
        (void)snprintf(list->text + length, sizeof(list->text) - length, "%s%s",
                       length == 0 ? "" : ", ", object->key);
    }
}

/* ---------------------------------------------------------------------------------- choose */

bool hgh_reload_name_is_in(const json_t *names, const char *name)
{
    size_t index;
    json_t *item;

    json_array_foreach((json_t *)(uintptr_t)names, index, item)
    {
        if (json_is_string(item) && strcmp(json_string_value(item), name) == 0) {
            return true;
        }
    }
    return false;
}

bool hgh_reload_is_listed(const hgh_reload *reload, const char *name)
{
    const json_t *listed = hgh_reload_listed(reload);

    return listed == NULL || hgh_reload_name_is_in(listed, name);
}

json_t *hgh_reload_attributes(const hgh_settings *settings, const char *name)
{
    return json_object_get(settings->plugin_attr, name);
}

bool hgh_reload_is_isolated(const hgh_settings *settings, const char *name)
{
    return hgh_reload_name_is_in(settings->isolate, name);
}

bool hgh_reload_is_as_configured(const hgh_settings *settings, const json_t *entry)
{
    const char *name = json_string_value(json_object_get(entry, "name"));
    json_t *attributes = hgh_reload_attributes(settings, name);
    json_t *old = json_object_get(entry, "attributes");
    bool is_same = (old == NULL && attributes == NULL) ||
                   (old != NULL && attributes != NULL && json_equal(old, attributes) != 0);

    return is_same && json_is_true(json_object_get(entry, "isolated")) ==
                          hgh_reload_is_isolated(settings, name);
}

/* What a way back needs, if workers die in the new one. */
static json_t *predecessor(const json_t *entry, const json_t *replaced)
{
    const json_t *sha256 = json_object_get(replaced, "sha256");

    if (replaced == NULL) {
        return NULL;
    }
    if (json_object_get(replaced, "disabled") != NULL ||
        json_equal(sha256, json_object_get(entry, "sha256"))) {
        return json_incref(json_object_get(replaced, "previous")); /* that itself is no way back */
    }
    return json_pack(
        "{s:O*, s:O*, s:O*, s:O*, s:O*}", "version", json_object_get(replaced, "version"), "sha256",
        sha256, "build_id", json_object_get(replaced, "build_id"), "path",
        json_object_get(replaced, "path"), "shipped", json_object_get(replaced, "shipped"));
}

hg_status hgh_reload_candidate_add(
    hgh_reload *reload, json_t *entry, const json_t *replaced, json_t *fallback, bool tried)
{
    hgh_reload_run *run = &reload->run;
    void *grown = realloc(run->candidates, (run->candidate_count + 1) * sizeof(*run->candidates));
    json_t *previous = predecessor(entry, replaced);

    if (grown == NULL || entry == NULL) {
        json_decref(previous);
        json_decref(entry);
        return HG_ERR_NO_MEMORY;
    }
    if (run->kind != HGH_RELOAD_AT_START) {
        (void)json_object_set_new(entry, "since",
                                  json_integer((json_int_t)hgh_manifest_generation(run->next)));
    }
    if (previous != NULL) {
        (void)json_object_set_new(entry, "previous", previous);
    }
    run->candidates = grown;
    run->candidates[run->candidate_count++] = (hgh_reload_candidate){
        .entry = entry,
        .name = json_string_value(json_object_get(entry, "name")),
        .fallback = json_incref(fallback),
        .replaces = fallback != NULL,
        .tried = tried,
    };
    return json_array_append_new(json_object_get(run->next, "plugins"), entry) == 0
               ? HG_OK
               : HG_ERR_NO_MEMORY;
}

/* Those that come with the gateway are as trusted as its program, which lies beside them. */
static hg_status signature_check(const hgh_reload *reload,
                                 const hgh_found_plugin *found,
                                 const hgh_object_file *file,
                                 hg_error *err)
{
    const hgh_settings *settings = hgh_reload_settings(reload);
    hgh_trusted_keys keys;
    char *path = NULL;
    hg_status status;

    if (!settings->require_signature || found->shipped) {
        return HG_OK;
    }
    status = hgh_trusted_keys_load(settings->trusted_keys, reload->options.instance->directory,
                                   &keys, err);
    if (status != HG_OK) {
        return status;
    }
    if (asprintf(&path, "%s" HGH_SIGNATURE_SUFFIX, found->path) < 0) {
        return hg_error_set(err, HG_ERR_NO_MEMORY, "out of memory");
    }
    status = hgh_signature_check(file, path, false, &keys, NULL, err);
    free(path);
    return status;
}

/* Admits and stages a file that differs from what is in force. */
static void object_admit(hgh_reload *reload,
                         const hgh_found_plugin *found,
                         const hgh_object_file *file,
                         json_t *attributes,
                         json_t *old,
                         bool tried)
{
    hgh_reload_run *run = &reload->run;
    hgh_object_claims claims = {0};
    hg_issues issues = {0};
    hg_error err = HG_ERROR_INIT;
    char *path = NULL;
    uint32_t number;
    json_t *entry;

    if (hgh_admission_check(file, found->name, hgh_reload_settings(reload)->allow_libraries,
                            &claims, &issues) != HG_OK) {
        char line[HG_ERROR_TEXT_MAX];
        json_t *all = hgh_issues_json(&issues);

        hgh_reload_reject(reload, found->name, file->sha256,
                          hgh_issues_first(&issues, line, sizeof(line)), all);
        json_decref(all);
        hgh_issues_done(&issues);
        return;
    }
    hgh_issues_done(&issues);
    number = hgh_manifest_take_number(run->next);
    if (number == UNKNOWN_NUMBER) {
        hgh_reload_reject(reload, found->name, NULL, "65535 plugins are in force already", NULL);
        return;
    }
    if (hgh_staging_write(reload->options.instance, found->name, hgh_manifest_generation(run->next),
                          file, &path, &err) != HG_OK) {
        hgh_reload_reject(reload, found->name, NULL, err.text, NULL);
        return;
    }
    entry = json_pack(
        "{s:s, s:s, s:s, s:s, s:s, s:i, s:b, s:O*, s:o*}", "name", found->name, "version",
        claims.version, "sha256", file->sha256, "build_id", claims.build_id, "path", path, "number",
        (int)number, "shipped", found->shipped, "attributes", attributes, "isolated",
        hgh_reload_is_isolated(hgh_reload_settings(reload), found->name) ? json_true() : NULL);
    free(path);
    hgh_quarantine_remove(run->next, found->name, file->sha256); /* it is forced, if it is there */
    if (hgh_reload_candidate_add(reload, entry, old, old, tried) != HG_OK) {
        hgh_reload_reject(reload, found->name, NULL, "out of memory", NULL);
    }
}

/* Workers have died in this very file, or somebody went back from it; the report says so. */
static bool is_quarantined(hgh_reload *reload, const char *name, const hgh_object_file *file)
{
    const json_t *item = hgh_quarantine_find(reload->manifest, name, file->sha256);
    json_t *line;
    char reason[HG_ERROR_TEXT_MAX];

    if (item == NULL) {
        return false;
    }
    line = hgh_reload_report_add(&reload->run, name, "quarantined");
    (void)snprintf(reason, sizeof(reason), "%s: %.300s; build it anew, or reload with force",
                   json_string_value(json_object_get(item, "action")),
                   json_string_value(json_object_get(item, "why")));
    (void)json_object_set(line, "version", json_object_get(item, "version"));
    (void)json_object_set(line, "sha256", json_object_get(item, "sha256"));
    (void)json_object_set_new(line, "reason", json_string(reason));
    return true;
}

/* Decides about one file that was found. */
static void object_choose(hgh_reload *reload, const hgh_found_plugin *found)
{
    hgh_reload_run *run = &reload->run;
    json_t *old = hgh_manifest_find(reload->manifest, found->name);
    json_t *attributes = hgh_reload_attributes(hgh_reload_settings(reload), found->name);
    const json_t *rejected = json_object_get(reload->rejected, found->name);
    const char *rejected_hash = json_string_value(json_object_get(rejected, "sha256"));
    hgh_object_file file = {0};
    hg_error err = HG_ERROR_INIT;
    size_t candidates_before = run->candidate_count;
    bool is_tried;

    if (found->conflict != NULL) {
        hgh_reload_reject(reload, found->name, NULL, found->conflict, NULL);
    } else if (hgh_object_file_read(found->path, HGH_OBJECT_BYTES_MAX, &file, &err) != HG_OK) {
        hgh_reload_reject(reload, found->name, NULL, err.text, NULL);
    } else if (!run->force && is_quarantined(reload, found->name, &file)) {
        (void)json_object_del(reload->rejected, found->name);
    } else if (signature_check(reload, found, &file, &err) != HG_OK) {
        hgh_reload_reject(reload, found->name, NULL, err.text, NULL); /* it may be signed yet */
    } else if (old != NULL && !run->force &&
               hgh_reload_is_as_configured(hgh_reload_settings(reload), old) &&
               strcmp(json_string_value(json_object_get(old, "sha256")), file.sha256) == 0) {
        json_t *item = hgh_reload_report_add(run, found->name, "unchanged");

        (void)json_object_set(item, "version", json_object_get(old, "version"));
        (void)json_object_set(item, "sha256", json_object_get(old, "sha256"));
        (void)json_object_del(reload->rejected, found->name);
    } else {
        is_tried = rejected_hash != NULL && !run->force && strcmp(rejected_hash, file.sha256) == 0;
        if (is_tried && !json_is_true(json_object_get(rejected, "configured"))) {
            hgh_reload_report_still_rejected(reload, found->name);
        } else {
            if (!is_tried) {
                (void)json_object_del(reload->rejected, found->name);
            }
            object_admit(reload, found, &file, attributes, old, is_tried);
        }
    }
    hgh_object_file_done(&file);
    if (old != NULL && run->candidate_count == candidates_before) {
        hgh_reload_keep_entry(run, old); /* unchanged, or refused: it goes on serving */
    }
}

/* A plugin that is in force and whose file is gone. */
static void object_missing(hgh_reload *reload, json_t *old)
{
    hgh_reload_run *run = &reload->run;
    const char *name = json_string_value(json_object_get(old, "name"));
    user_list users = {0};
    char reason[HG_ERROR_TEXT_MAX];

    hgh_reload_each_config(reload, name, user_add, &users);
    if (users.count > 0 && !run->force) {
        (void)snprintf(reason, sizeof(reason),
                       "its file is gone, but %zu %s: %.300s; put it back, or reload with force",
                       users.count, users.count == 1 ? "object uses it" : "objects use it",
                       users.text);
        hgh_reload_reject(reload, name, NULL, reason, NULL);
        hgh_reload_keep_entry(run, old);
        return;
    }
    (void)hgh_reload_report_add(run, name, "removed");
    run->changes = true;
}

static bool is_asked_for(const hgh_reload_run *run, const char *name)
{
    return run->only == NULL || strcmp(run->only, name) == 0;
}

/* Whatever is in force and was not found, or is left out by the list. */
static void removals_choose(hgh_reload *reload, const hgh_plugin_scan *scan)
{
    size_t index;
    json_t *old;

    json_array_foreach(json_object_get(reload->manifest, "plugins"), index, old)
    {
        const char *name = json_string_value(json_object_get(old, "name"));

        if (!is_asked_for(&reload->run, name)) {
            hgh_reload_keep_entry(&reload->run, old);
        } else if (!hgh_reload_is_listed(reload, name)) {
            (void)hgh_reload_report_add(&reload->run, name, "ignored");
            reload->run.changes = true;
        } else if (hgh_plugin_scan_find(scan, name) == NULL) {
            object_missing(reload, old);
        }
    }
}

static void missing_report(hgh_reload *reload, const hgh_plugin_scan *scan)
{
    size_t index;
    json_t *item;

    json_array_foreach(hgh_json_unconst(hgh_reload_listed(reload)), index, item)
    {
        const char *name = json_string_value(item);

        if (name != NULL && hgh_plugin_scan_find(scan, name) == NULL &&
            hgh_manifest_find(reload->manifest, name) == NULL) {
            (void)hgh_reload_report_add(&reload->run, name, "missing");
            hgh_log(HG_LOG_WARN, "plugin %s is listed but there is no file of it", name);
        }
    }
}

/* What is said of plugins that are not there has no effect, as other keys of APISIX's file. */
static void absent_warn(const hgh_reload *reload, const hgh_plugin_scan *scan)
{
    const hgh_settings *settings = hgh_reload_settings(reload);
    const char *name;
    json_t *value;
    size_t index;

    json_object_foreach(settings->plugin_attr, name, value)
    {
        if (hgh_plugin_scan_find(scan, name) == NULL) {
            hgh_log(HG_LOG_WARN, "plugin_attr.%s has no effect: there is no plugin of that name",
                    name);
        }
    }
    json_array_foreach(settings->isolate, index, value)
    {
        if (hgh_plugin_scan_find(scan, json_string_value(value)) == NULL) {
            hgh_log(HG_LOG_WARN, "hotgate.isolate: there is no plugin %s",
                    json_string_value(value));
        }
    }
}

/* Where the plugins are that come with the gateway: installed, or in the folder it was built in. */
static char *shipped_directory(const hgh_instance *instance)
{
    char *installed = hgh_install_path(instance, HGH_PLUGIN_DIRECTORY);

    if (installed == NULL || access(installed, F_OK) == 0) {
        return installed;
    }
    free(installed);
    return hgh_install_path(instance, "plugins");
}

/* A reload of one plugin needs one of that name. */
static hg_status only_check(const hgh_reload *reload, const hgh_plugin_scan *scan, hg_error *err)
{
    const char *only = reload->run.only;

    if (only == NULL || hgh_manifest_find(reload->manifest, only) != NULL ||
        (hgh_plugin_scan_find(scan, only) != NULL && hgh_reload_is_listed(reload, only))) {
        return HG_OK;
    }
    return hg_error_set(err, HG_ERR_NOT_FOUND, "plugin %s: %s", only,
                        hgh_plugin_scan_find(scan, only) == NULL
                            ? "there is no file of it, and it is not in force"
                            : "plugins of the configuration does not list it");
}

char *hgh_reload_own_directory(const hgh_reload *reload)
{
    const char *directory = hgh_reload_settings(reload)->plugins_directory;

    return directory[0] == '/' ? strdup(directory)
                               : hgh_instance_path(reload->options.instance, directory);
}

hg_status hgh_reload_choose(hgh_reload *reload, hg_error *err)
{
    const hgh_settings *settings = hgh_reload_settings(reload);
    char *shipped = shipped_directory(reload->options.instance);
    char *own = hgh_reload_own_directory(reload);
    hgh_plugin_scan scan = {0};
    hg_status status = HG_ERR_NO_MEMORY;

    if (shipped != NULL && own != NULL) {
        status = hgh_plugin_scan_run(shipped, own, settings->plugins_override, &scan, err);
    }
    if (status == HG_OK) {
        status = only_check(reload, &scan, err);
    }
    for (size_t i = 0; i < scan.count && status == HG_OK; i++) {
        if (!is_asked_for(&reload->run, scan.plugins[i].name)) {
            continue;
        }
        if (hgh_reload_is_listed(reload, scan.plugins[i].name)) {
            object_choose(reload, &scan.plugins[i]);
        } else if (hgh_manifest_find(reload->manifest, scan.plugins[i].name) == NULL) {
            (void)hgh_reload_report_add(&reload->run, scan.plugins[i].name, "ignored");
        }
    }
    if (status == HG_OK) {
        removals_choose(reload, &scan);
    }
    if (status == HG_OK && reload->run.only == NULL) {
        missing_report(reload, &scan);
        absent_warn(reload, &scan);
    }
    hgh_plugin_scan_done(&scan);
    free(shipped);
    free(own);
    return status;
}
