/* host/control/reload.c - puts plugin objects into service: all of them or none. */
#include "host/control/reload.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "host/control/admission.h"
#include "host/control/build_config.h"
#include "host/control/control_log.h"
#include "host/control/manifest.h"
#include "host/control/plugin_scan.h"
#include "host/control/probe.h"
#include "host/control/staging.h"
#include "host/control/supervisor_link.h"
#include "host/control/worker_board.h"

#define PROBE_MS       2000u  /* for one object */
#define PROBE_PER_MS   10u    /* configurations that add a millisecond */
#define VOTE_MS        10000u /* until every worker has voted */
#define FOLLOW_MS      2000u  /* until every worker runs what was committed */
#define DRAIN_MS       300u   /* how long the answer waits for old objects to go */
#define LOOK_MS        20u    /* between looks at the board, if nobody says anything */
#define SWEEP_MS       500u   /* between looks for workers that have died */
#define USERS_NAMED    10u    /* of a plugin that is still configured */
#define DEAD_TOLD      16u
#define UNKNOWN_NUMBER 0u
#define STATUS_REFUSED 409u
#define CONFIG_RESERVE 64u

/* An object that is to be put into service. */
typedef struct candidate {
    json_t *entry; /* of the next manifest; borrowed from it */
    const char *name;
    bool replaces;
} candidate;

/* What is being waited for. */
typedef enum run_step {
    STEP_NONE = 0,
    STEP_PROBE,
    STEP_VOTES,
    STEP_FOLLOW,
} run_step;

/* One reload under way. */
typedef struct reload_run {
    bool at_start; /* bad objects are left out instead of refusing all */
    bool force;
    run_step step;
    hgh_settings *settings; /* read anew; NULL: those of the start */
    json_t *next;           /* manifest */
    json_t *report;         /* an array, one object a plugin */
    json_t *descriptions;   /* by name, of the candidates that were probed */
    candidate *candidates;
    size_t candidate_count;
    size_t probed;
    size_t rejections; /* new ones */
    bool removes;
    char reason[HG_ERROR_TEXT_MAX]; /* of a refusal as a whole */
    hgh_probe *probe;
    uint64_t began_ms;
    uint64_t deadline_ms;
    uint64_t drain_deadline_ms;
    hgh_admin_answer_later *later; /* NULL at the start */
} reload_run;

struct hgh_reload {
    hgh_reload_options options;
    hgh_board *board;
    json_t *manifest; /* in force */
    json_t *previous; /* in force before */
    json_t *rejected; /* by name: {"sha256", "reason"} of the last look */
    uint64_t newest;  /* highest generation that was ever prepared */
    reload_run run;
    hgh_event_loop_timer look;
    hgh_event_loop_timer sweep;
    hgh_event_loop_timer deferred;
    void (*begun)(void *context);
    void *begun_context;
};

static const hgh_settings *settings_of(const hgh_reload *reload)
{
    return reload->run.settings == NULL ? reload->options.settings : reload->run.settings;
}

/* ---------------------------------------------------------------------------------- report */

static json_t *report_add(reload_run *run, const char *name, const char *state)
{
    json_t *item = json_pack("{s:s, s:s}", "name", name, "state", state);

    (void)json_array_append_new(run->report, item);
    return item;
}

/* The object of a plugin that will not be used; what is in force of that name stays. */
static void reject(hgh_reload *reload,
                   const char *name,
                   const char *sha256,
                   const char *reason,
                   const json_t *issues)
{
    reload_run *run = &reload->run;
    json_t *item = report_add(run, name, "rejected");

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

static void keep_entry(reload_run *run, json_t *entry)
{
    (void)json_array_append(json_object_get(run->next, "plugins"), entry);
}

/* ------------------------------------------------------------------------------------ ends */

static void run_done(reload_run *run)
{
    hgh_probe_free(run->probe);
    json_decref(run->next);
    json_decref(run->report);
    json_decref(run->descriptions);
    free(run->candidates);
    hgh_settings_free(run->settings);
    memset(run, 0, sizeof(*run));
}

static json_t *report_json(const hgh_reload *reload, const char *result)
{
    const reload_run *run = &reload->run;

    return json_pack("{s:s, s:I, s:O, s:o, s:I}", "result", result, "generation",
                     (json_int_t)hgh_manifest_generation(reload->manifest), "plugins", run->report,
                     "workers", hgh_worker_board_json(reload->board), "duration_ms",
                     (json_int_t)(hgh_event_loop_now_ms() - run->began_ms));
}

/* `done` is what APISIX says: its clients look no further. */
static void answer_committed(hgh_reload *reload, const char *result)
{
    hgh_admin_answer_later *later = reload->run.later;

    if (later == NULL) {
        return;
    }
    if (strcmp(reload->options.settings->admin_api_version, "v3") != 0) {
        hgh_admin_answer answer = {0};

        hgh_admin_answer_text(&answer, 200, strdup("done"), strlen("done"));
        later->send(later, &answer);
        return;
    }
    hgh_admin_later_json(later, 200, report_json(reload, result));
}

static void answer_refused(hgh_reload *reload)
{
    reload_run *run = &reload->run;
    json_t *body;

    if (run->later == NULL) {
        return;
    }
    body = report_json(reload, "refused");
    (void)json_object_set_new(body, "error_msg", json_string(run->reason));
    hgh_admin_later_json(run->later, STATUS_REFUSED, body);
}

static void run_end(hgh_reload *reload)
{
    void (*begun)(void *) = reload->begun;

    hgh_event_loop_timer_stop(reload->options.loop, &reload->look);
    run_done(&reload->run);
    if (begun != NULL) {
        reload->begun = NULL;
        begun(reload->begun_context);
    }
}

/* Nothing is in force of what was staged. */
static void candidates_discard(hgh_reload *reload)
{
    reload_run *run = &reload->run;

    for (size_t i = 0; i < run->candidate_count; i++) {
        hgh_staging_remove(reload->options.instance,
                           json_string_value(json_object_get(run->candidates[i].entry, "path")));
    }
}

static void run_refuse(hgh_reload *reload)
{
    hgh_log(HG_LOG_ERROR, "reload refused, generation %llu stays in force: %s",
            (unsigned long long)hgh_manifest_generation(reload->manifest), reload->run.reason);
    answer_refused(reload);
    candidates_discard(reload);
    run_end(reload);
}

static void run_refuse_with(hgh_reload *reload, const char *reason)
{
    (void)snprintf(reload->run.reason, sizeof(reload->run.reason), "%s", reason);
    run_refuse(reload);
}

/* ----------------------------------------------------------------------------------- users */

/* Calls for every configuration of a plugin that is stored. A text that does not hold the name
 * cannot hold the plugin, and need not be parsed. */
static void each_config(
    const hgh_reload *reload,
    const char *name,
    void (*visit)(void *context, const hgh_resource_object *object, const char *use, json_t *value),
    void *context)
{
    char quoted[HG_NAME_MAX + 3];

    (void)snprintf(quoted, sizeof(quoted), "\"%s\"", name);
    for (const hgh_resource_object *object = hgh_resource_table_first(reload->options.table, NULL);
         object != NULL; object = hgh_resource_table_next_of_all(reload->options.table, object)) {
        json_t *value;
        json_t *config;

        if (strstr(object->value, quoted) == NULL) {
            continue;
        }
        value = json_loadb(object->value, object->value_length, 0, NULL);
        config = json_object_get(json_object_get(value, "plugins"), name);
        if (config != NULL) {
            bool consumer = strncmp(object->key, "consumers/", strlen("consumers/")) == 0;

            visit(context, object, consumer ? "consumer" : "config", config);
        }
        json_decref(value);
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

    (void)use;
    (void)value;
    if (list->count++ < USERS_NAMED) {
        (void)snprintf(list->text + length, sizeof(list->text) - length, "%s%s",
                       length == 0 ? "" : ", ", object->key);
    }
}

static void
config_add(void *context, const hgh_resource_object *object, const char *use, json_t *value)
{
    json_t *configs = context;
    const char *slash = strchr(object->key, '/');

    (void)json_array_append_new(
        configs, json_pack("{s:s, s:s%, s:s, s:O}", "use", use, "resource", object->key,
                           slash == NULL ? strlen(object->key) : (size_t)(slash - object->key),
                           "id", object->id, "value", value));
}

/* ---------------------------------------------------------------------------------- choose */

static bool name_is_in(const json_t *names, const char *name)
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

static bool is_listed(const hgh_settings *settings, const char *name)
{
    return settings->plugins == NULL || name_is_in(settings->plugins, name);
}

static json_t *attributes_of(const hgh_settings *settings, const char *name)
{
    return json_object_get(settings->plugin_attr, name);
}

static bool attributes_are_same(const json_t *entry, json_t *attributes)
{
    json_t *old = json_object_get(entry, "attributes");

    return (old == NULL && attributes == NULL) ||
           (old != NULL && attributes != NULL && json_equal(old, attributes) != 0);
}

static hg_status candidate_add(hgh_reload *reload, json_t *entry, bool replaces)
{
    reload_run *run = &reload->run;
    void *grown = realloc(run->candidates, (run->candidate_count + 1) * sizeof(*run->candidates));

    if (grown == NULL) {
        json_decref(entry);
        return HG_ERR_NO_MEMORY;
    }
    run->candidates = grown;
    run->candidates[run->candidate_count++] = (candidate){
        .entry = entry,
        .name = json_string_value(json_object_get(entry, "name")),
        .replaces = replaces,
    };
    return json_array_append_new(json_object_get(run->next, "plugins"), entry) == 0
               ? HG_OK
               : HG_ERR_NO_MEMORY;
}

/* Admits and stages a file that differs from what is in force. */
static void object_admit(hgh_reload *reload,
                         const hgh_found_plugin *found,
                         const hgh_object_file *file,
                         json_t *attributes,
                         bool replaces)
{
    reload_run *run = &reload->run;
    hgh_object_claims claims = {0};
    hg_issues issues = {0};
    hg_error err = HG_ERROR_INIT;
    char *path = NULL;
    uint32_t number;
    json_t *entry;

    if (hgh_admission_check(file, found->name, settings_of(reload)->allow_libraries, &claims,
                            &issues) != HG_OK) {
        char line[HG_ERROR_TEXT_MAX];
        json_t *all = hgh_issues_json(&issues);

        reject(reload, found->name, file->sha256, hgh_issues_first(&issues, line, sizeof(line)),
               all);
        json_decref(all);
        hgh_issues_done(&issues);
        return;
    }
    hgh_issues_done(&issues);
    number = hgh_manifest_take_number(run->next);
    if (number == UNKNOWN_NUMBER) {
        reject(reload, found->name, NULL, "65535 plugins are in force already", NULL);
        return;
    }
    if (hgh_staging_write(reload->options.instance, found->name, hgh_manifest_generation(run->next),
                          file, &path, &err) != HG_OK) {
        reject(reload, found->name, NULL, err.text, NULL);
        return;
    }
    entry =
        json_pack("{s:s, s:s, s:s, s:s, s:s, s:i, s:b, s:O*}", "name", found->name, "version",
                  claims.version, "sha256", file->sha256, "build_id", claims.build_id, "path", path,
                  "number", (int)number, "shipped", found->shipped, "attributes", attributes);
    free(path);
    if (entry == NULL || candidate_add(reload, entry, replaces) != HG_OK) {
        reject(reload, found->name, NULL, "out of memory", NULL);
    }
}

/* Decides about one file that was found. */
static void object_choose(hgh_reload *reload, const hgh_found_plugin *found)
{
    reload_run *run = &reload->run;
    json_t *old = hgh_manifest_find(reload->manifest, found->name);
    json_t *attributes = attributes_of(settings_of(reload), found->name);
    const json_t *rejected = json_object_get(reload->rejected, found->name);
    const char *rejected_hash = json_string_value(json_object_get(rejected, "sha256"));
    hgh_object_file file = {0};
    hg_error err = HG_ERROR_INIT;
    size_t candidates_before = run->candidate_count;

    if (found->conflict != NULL) {
        reject(reload, found->name, NULL, found->conflict, NULL);
    } else if (hgh_object_file_read(found->path, &file, &err) != HG_OK) {
        reject(reload, found->name, NULL, err.text, NULL);
    } else if (old != NULL && !run->force && attributes_are_same(old, attributes) &&
               strcmp(json_string_value(json_object_get(old, "sha256")), file.sha256) == 0) {
        json_t *item = report_add(run, found->name, "unchanged");

        (void)json_object_set(item, "version", json_object_get(old, "version"));
        (void)json_object_set(item, "sha256", json_object_get(old, "sha256"));
        (void)json_object_del(reload->rejected, found->name);
    } else if (rejected_hash != NULL && !run->force && strcmp(rejected_hash, file.sha256) == 0) {
        json_t *item = report_add(run, found->name, "still rejected");

        (void)json_object_set(item, "reason", json_object_get(rejected, "reason"));
        (void)json_object_set(item, "sha256", json_object_get(rejected, "sha256"));
    } else {
        (void)json_object_del(reload->rejected, found->name);
        object_admit(reload, found, &file, attributes, old != NULL);
    }
    hgh_object_file_done(&file);
    if (old != NULL && run->candidate_count == candidates_before) {
        keep_entry(run, old); /* unchanged, or refused: it goes on serving */
    }
}

/* A plugin that is in force and whose file is gone. */
static void object_missing(hgh_reload *reload, json_t *old)
{
    reload_run *run = &reload->run;
    const char *name = json_string_value(json_object_get(old, "name"));
    user_list users = {0};
    char reason[HG_ERROR_TEXT_MAX];

    each_config(reload, name, user_add, &users);
    if (users.count > 0 && !run->force) {
        (void)snprintf(reason, sizeof(reason),
                       "its file is gone, but %zu %s: %.300s; put it back, or reload with force",
                       users.count, users.count == 1 ? "object uses it" : "objects use it",
                       users.text);
        reject(reload, name, NULL, reason, NULL);
        keep_entry(run, old);
        return;
    }
    (void)report_add(run, name, "removed");
    run->removes = true;
}

/* Whatever is in force and was not found, or is left out by the list. */
static void removals_choose(hgh_reload *reload, const hgh_plugin_scan *scan)
{
    size_t index;
    json_t *old;

    json_array_foreach(json_object_get(reload->manifest, "plugins"), index, old)
    {
        const char *name = json_string_value(json_object_get(old, "name"));

        if (!is_listed(settings_of(reload), name)) {
            (void)report_add(&reload->run, name, "ignored");
            reload->run.removes = true;
        } else if (hgh_plugin_scan_find(scan, name) == NULL) {
            object_missing(reload, old);
        }
    }
}

static void missing_report(hgh_reload *reload, const hgh_plugin_scan *scan)
{
    size_t index;
    json_t *item;

    json_array_foreach(settings_of(reload)->plugins, index, item)
    {
        const char *name = json_string_value(item);

        if (name != NULL && hgh_plugin_scan_find(scan, name) == NULL &&
            hgh_manifest_find(reload->manifest, name) == NULL) {
            (void)report_add(&reload->run, name, "missing");
            hgh_log(HG_LOG_WARN, "plugin %s is listed but there is no file of it", name);
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

static hg_status objects_choose(hgh_reload *reload, hg_error *err)
{
    const hgh_settings *settings = settings_of(reload);
    char *shipped = shipped_directory(reload->options.instance);
    char *own = settings->plugins_directory[0] == '/'
                    ? strdup(settings->plugins_directory)
                    : hgh_instance_path(reload->options.instance, settings->plugins_directory);
    hgh_plugin_scan scan = {0};
    hg_status status = HG_ERR_NO_MEMORY;

    if (shipped != NULL && own != NULL) {
        status = hgh_plugin_scan_run(shipped, own, settings->plugins_override, &scan, err);
    }
    for (size_t i = 0; i < scan.count && status == HG_OK; i++) {
        if (is_listed(settings, scan.plugins[i].name)) {
            object_choose(reload, &scan.plugins[i]);
        } else if (hgh_manifest_find(reload->manifest, scan.plugins[i].name) == NULL) {
            (void)report_add(&reload->run, scan.plugins[i].name, "ignored");
        }
    }
    if (status == HG_OK) {
        removals_choose(reload, &scan);
        missing_report(reload, &scan);
    }
    hgh_plugin_scan_done(&scan);
    free(shipped);
    free(own);
    return status;
}

/* ----------------------------------------------------------------------------------- probe */

static void probe_next(hgh_reload *reload);
static void prepare(hgh_reload *reload);

static const candidate *candidate_probed(const hgh_reload *reload)
{
    return &reload->run.candidates[reload->run.probed];
}

/* A candidate that failed keeps what was in force; at a start the others go on without it. */
static void candidate_reject(hgh_reload *reload, const char *reason, const json_t *issues)
{
    reload_run *run = &reload->run;
    const candidate *failed = candidate_probed(reload);
    json_t *plugins = json_object_get(run->next, "plugins");
    json_t *entry = json_incref(failed->entry);
    size_t index;
    json_t *item;

    reject(reload, failed->name, json_string_value(json_object_get(entry, "sha256")), reason,
           issues);
    hgh_staging_remove(reload->options.instance, json_string_value(json_object_get(entry, "path")));
    json_array_foreach(plugins, index, item)
    {
        json_t *old;

        if (item != entry) {
            continue;
        }
        (void)json_array_remove(plugins, index);
        old = hgh_manifest_find(reload->manifest, failed->name);
        if (old != NULL) {
            keep_entry(run, old);
        }
        break;
    }
    memmove(&run->candidates[run->probed], &run->candidates[run->probed + 1],
            (run->candidate_count - run->probed - 1) * sizeof(*run->candidates));
    run->candidate_count--;
    json_decref(entry);
}

static void probe_end(hgh_reload *reload)
{
    hgh_probe_free(reload->run.probe);
    reload->run.probe = NULL;
    probe_next(reload);
}

/* Callbacks of the probe may not free it: what follows is run from the loop. */
static void on_probe_next(void *context)
{
    probe_end(context);
}

static void on_probe_message(void *context, const json_t *message)
{
    hgh_reload *reload = context;
    reload_run *run = &reload->run;
    const char *error = json_string_value(json_object_get(message, "error"));

    hgh_probe_set_deadline(run->probe, 0);
    if (json_is_true(json_object_get(message, "ok"))) {
        const candidate *good = candidate_probed(reload);
        json_t *description = json_object_get(message, "description");

        (void)json_object_set(good->entry, "version", json_object_get(description, "version"));
        (void)json_object_set(run->descriptions, good->name, description);
        run->probed++;
    } else {
        candidate_reject(reload, error == NULL ? "the probe gave no reason" : error,
                         json_object_get(message, "issues"));
    }
    run->step = STEP_NONE;
    hgh_event_loop_defer(reload->options.loop, &reload->deferred, on_probe_next, reload);
}

static void on_probe_end(void *context, const char *why, uint32_t object)
{
    hgh_reload *reload = context;

    (void)object;
    if (reload->run.step != STEP_PROBE) {
        return; /* it has answered: the deferred call frees it */
    }
    candidate_reject(reload, why, NULL);
    reload->run.step = STEP_NONE;
    hgh_event_loop_defer(reload->options.loop, &reload->deferred, on_probe_next, reload);
}

static hg_status probe_begin(hgh_reload *reload, hg_error *err)
{
    reload_run *run = &reload->run;
    const candidate *next = candidate_probed(reload);
    hgh_probe_options options = {
        .loop = reload->options.loop,
        .directory = reload->options.instance->directory,
        .shared_memory_bytes = (uint64_t)settings_of(reload)->shared_memory_bytes,
        .on_message = on_probe_message,
        .on_end = on_probe_end,
        .context = reload,
    };
    json_t *configs = json_array();
    json_t *message;
    hg_status status = hgh_probe_start(&options, &run->probe, err);

    if (status != HG_OK) {
        json_decref(configs);
        return status;
    }
    each_config(reload, next->name, config_add, configs);
    run->step = STEP_PROBE;
    hgh_probe_set_deadline(run->probe, PROBE_MS + json_array_size(configs) / PROBE_PER_MS);
    message = json_pack("{s:s, s:O, s:O, s:O, s:O*, s:o}", "op", "examine", "name",
                        json_object_get(next->entry, "name"), "path",
                        json_object_get(next->entry, "path"), "number",
                        json_object_get(next->entry, "number"), "attributes",
                        json_object_get(next->entry, "attributes"), "configs", configs);
    hgh_probe_send(run->probe, message);
    json_decref(message);
    return HG_OK;
}

static void probe_next(hgh_reload *reload)
{
    reload_run *run = &reload->run;
    hg_error err = HG_ERROR_INIT;

    if (run->probed < run->candidate_count) {
        if (probe_begin(reload, &err) != HG_OK) {
            run_refuse_with(reload, err.text);
        }
        return;
    }
    if (run->rejections > 0 && !run->at_start) {
        run_refuse(reload);
        return;
    }
    prepare(reload);
}

/* ------------------------------------------------------------------------- prepare, commit */

static bool listed_is_same(const hgh_reload *reload)
{
    json_t *now = json_object_get(reload->run.next, "listed");

    return json_equal(now, json_object_get(reload->manifest, "listed")) != 0;
}

static void look_again(hgh_reload *reload);

/* What is known of each plugin in force: new descriptions, by name, over the old ones. */
static void catalog_fill(hgh_reload *reload, const json_t *descriptions)
{
    json_t *all = json_array();
    size_t index;
    json_t *entry;

    json_array_foreach(json_object_get(reload->manifest, "plugins"), index, entry)
    {
        const char *name = json_string_value(json_object_get(entry, "name"));
        const json_t *known = json_object_get(descriptions, name);
        json_t *item;

        if (known == NULL) {
            known = hgh_plugin_catalog_find(reload->options.catalog, name);
        }
        item = known == NULL ? json_object() : json_copy((json_t *)(uintptr_t)known);
        (void)json_object_update(item, entry);
        (void)json_object_del(item, "attributes"); /* may hold secrets */
        (void)json_array_append_new(all, item);
    }
    hgh_plugin_catalog_set(reload->options.catalog, hgh_manifest_generation(reload->manifest), all);
}

static void candidates_report(hgh_reload *reload)
{
    reload_run *run = &reload->run;

    for (size_t i = 0; i < run->candidate_count; i++) {
        const candidate *new = &run->candidates[i];
        const json_t *old = hgh_manifest_find(reload->manifest, new->name);
        json_t *item = report_add(run, new->name, new->replaces ? "replaced" : "loaded");

        (void)json_object_set(item, "version", json_object_get(new->entry, "version"));
        (void)json_object_set(item, "sha256", json_object_get(new->entry, "sha256"));
        (void)json_object_set(item, "build_id", json_object_get(new->entry, "build_id"));
        if (old != NULL) {
            (void)json_object_set(item, "previous_version", json_object_get(old, "version"));
            (void)json_object_set(item, "previous_sha256", json_object_get(old, "sha256"));
        }
        hgh_log(HG_LOG_NOTICE, "reload: plugin %s %s is %s", new->name,
                json_string_value(json_object_get(new->entry, "version")),
                new->replaces ? "replaced" : "loaded");
    }
}

/* Every worker has said yes: from the manifest's rename on the new generation is in force. */
static void commit(hgh_reload *reload)
{
    reload_run *run = &reload->run;
    uint64_t generation = hgh_manifest_generation(run->next);
    char *path = hgh_instance_path(reload->options.instance, HGH_MANIFEST_FILE);
    hg_error err = HG_ERROR_INIT;
    hg_status status = path == NULL ? HG_ERR_NO_MEMORY : hgh_manifest_write(path, run->next, &err);

    free(path);
    if (status != HG_OK) {
        (void)hgh_feed_writer_abort(reload->options.feed, generation, NULL);
        run_refuse_with(reload, err.text);
        return;
    }
    status = hgh_feed_writer_commit(reload->options.feed, generation, &err);
    if (status != HG_OK) { /* room for it is reserved; the next epoch states it in any case */
        hgh_log(HG_LOG_ERROR, "reload: %s", err.text);
    }
    candidates_report(reload);
    json_decref(reload->previous);
    reload->previous = reload->manifest;
    reload->manifest = json_incref(run->next);
    catalog_fill(reload, run->descriptions);
    hgh_plugin_check_set_manifest(reload->options.check, reload->manifest);
    run->step = STEP_FOLLOW;
    run->deadline_ms = hgh_event_loop_now_ms() + FOLLOW_MS;
    run->drain_deadline_ms = hgh_event_loop_now_ms() + DRAIN_MS;
    look_again(reload);
}

static void abort_prepared(hgh_reload *reload, const char *reason)
{
    hg_error err = HG_ERROR_INIT;

    if (hgh_feed_writer_abort(reload->options.feed, hgh_manifest_generation(reload->run.next),
                              &err) != HG_OK) {
        hgh_log(HG_LOG_ERROR, "reload: %s", err.text);
    }
    run_refuse_with(reload, reason);
}

static void prepare(hgh_reload *reload)
{
    reload_run *run = &reload->run;
    hg_error err = HG_ERROR_INIT;
    char *text;
    hg_status status;

    if (run->candidate_count == 0 && !run->removes && listed_is_same(reload) && !run->at_start) {
        answer_committed(reload, "unchanged");
        run_end(reload);
        return;
    }
    /* A vote on an attempt that was given up must not count for this one: no number is used twice,
     * and votes from before a restart of control are struck out. */
    hgh_worker_board_clear_votes(reload->board);
    text = json_dumps(run->next, JSON_COMPACT);
    status =
        text == NULL ? HG_ERR_NO_MEMORY : hgh_feed_writer_prepare(reload->options.feed, text, &err);
    free(text);
    if (status != HG_OK) {
        run_refuse_with(reload, err.text[0] == '\0' ? "out of memory" : err.text);
        return;
    }
    run->step = STEP_VOTES;
    run->deadline_ms = hgh_event_loop_now_ms() + VOTE_MS;
    look_again(reload);
}

/* ----------------------------------------------------------------------------------- board */

/* A worker that dies over a candidate has voted no. */
static bool dead_blames_candidate(const hgh_reload *reload, const hgh_dead_worker *dead)
{
    const reload_run *run = &reload->run;

    for (size_t i = 0; i < run->candidate_count && dead->marker != 0; i++) {
        json_int_t number = json_integer_value(json_object_get(run->candidates[i].entry, "number"));

        if (number == (json_int_t)hgh_marker_object(dead->marker)) {
            return true;
        }
    }
    return false;
}

const char *hgh_reload_plugin_name(const hgh_reload *reload, uint32_t number)
{
    const json_t *const manifests[] = {reload->run.next, reload->manifest, reload->previous};

    for (size_t i = 0; i < sizeof(manifests) / sizeof(manifests[0]); i++) {
        size_t index;
        json_t *entry;

        json_array_foreach(json_object_get(manifests[i], "plugins"), index, entry)
        {
            if (json_integer_value(json_object_get(entry, "number")) == (json_int_t)number) {
                return json_string_value(json_object_get(entry, "name"));
            }
        }
    }
    return "-";
}

/* Looks for workers that have died; true: one of them over a candidate, said in `reason`. */
static bool dead_look(hgh_reload *reload, char *reason, size_t size)
{
    hgh_dead_worker dead[DEAD_TOLD];
    size_t count = hgh_worker_board_sweep(reload->board, dead, DEAD_TOLD);
    bool blamed = false;

    for (size_t i = 0; i < count && i < DEAD_TOLD; i++) {
        uint32_t call = hgh_marker_call(dead[i].marker);
        const char *name = hgh_reload_plugin_name(reload, hgh_marker_object(dead[i].marker));

        if (dead[i].marker == 0) {
            hgh_log(HG_LOG_WARN, "worker %d has died, outside of any plugin", dead[i].pid);
            continue;
        }
        hgh_log(HG_LOG_ERROR, "worker %d has died in %s of plugin %s", dead[i].pid,
                hgh_call_name(call), name);
        if (!blamed && dead_blames_candidate(reload, &dead[i])) {
            blamed = true;
            (void)snprintf(reason, size, "plugin %s: worker %d died in its %s", name, dead[i].pid,
                           hgh_call_name(call));
        }
    }
    return blamed;
}

static void on_sweep(void *context)
{
    hgh_reload *reload = context;
    char reason[HG_ERROR_TEXT_MAX];

    if (dead_look(reload, reason, sizeof(reason)) && reload->run.step == STEP_VOTES) {
        abort_prepared(reload, reason);
    }
    hgh_event_loop_timer_start(reload->options.loop, &reload->sweep, SWEEP_MS, on_sweep, reload);
}

static void votes_look(hgh_reload *reload)
{
    reload_run *run = &reload->run;
    hgh_vote_count count =
        hgh_worker_board_votes(reload->board, hgh_manifest_generation(run->next));
    char reason[HG_ERROR_TEXT_MAX];

    if (dead_look(reload, reason, sizeof(reason))) {
        abort_prepared(reload, reason);
    } else if (count.no > 0) {
        abort_prepared(reload, count.reason);
    } else if (count.yes == count.voters) {
        commit(reload);
    } else if (hgh_event_loop_now_ms() >= run->deadline_ms) {
        (void)snprintf(reason, sizeof(reason), "%zu of %zu workers have not voted within %u s",
                       count.voters - count.yes, count.voters, VOTE_MS / 1000);
        abort_prepared(reload, reason);
    } else {
        look_again(reload);
    }
}

/* The answer waits until every worker runs the new generation, and a moment for the old one's last
 * requests. What takes longer is in the report. */
static void follow_look(hgh_reload *reload)
{
    const reload_run *run = &reload->run;
    uint64_t now = hgh_event_loop_now_ms();
    hgh_follow_count count =
        hgh_worker_board_follow(reload->board, hgh_manifest_generation(reload->manifest),
                                json_array_size(json_object_get(reload->manifest, "plugins")));

    if ((count.there < count.workers && now < run->deadline_ms) ||
        (count.drained < count.workers && now < run->drain_deadline_ms)) {
        look_again(reload);
        return;
    }
    hgh_log(HG_LOG_NOTICE,
            "reload: generation %llu is in force on %zu of %zu workers, after %llu ms",
            (unsigned long long)hgh_manifest_generation(reload->manifest), count.there,
            count.workers, (unsigned long long)(now - run->began_ms));
    hgh_staging_sweep(reload->options.instance, reload->manifest, reload->previous);
    answer_committed(reload, "committed");
    run_end(reload);
}

static void on_look(void *context)
{
    hgh_reload *reload = context;

    if (reload->run.step == STEP_VOTES) {
        votes_look(reload);
    } else if (reload->run.step == STEP_FOLLOW) {
        follow_look(reload);
    }
}

static void look_again(hgh_reload *reload)
{
    hgh_event_loop_timer_start(reload->options.loop, &reload->look, LOOK_MS, on_look, reload);
}

/* Workers say that there is news on the board. */
static void on_ack(void *context, uint32_t events)
{
    hgh_reload *reload = context;
    uint64_t count;

    (void)events;
    if (read(reload->options.instance->shared.ack, &count, sizeof(count)) < 0) {
        return; /* another look has taken it */
    }
    on_look(reload);
}

/* ----------------------------------------------------------------------------------- begin */

/* The configuration may name other plugins and attributes by now. */
static hg_status settings_read(hgh_reload *reload, hg_error *err)
{
    const hgh_instance *instance = reload->options.instance;
    hg_issues errors = {0};
    hg_issues warnings = {0};
    char line[HG_ERROR_TEXT_MAX];
    char *text = NULL;
    size_t length = 0;
    hg_status status =
        hgh_supervisor_link_settings(instance->shared.supervisor, &text, &length, err);

    if (status == HG_OK) {
        status = hgh_settings_parse(text, length, instance->config_path, &reload->run.settings,
                                    &errors, &warnings);
        if (status != HG_OK) {
            (void)hg_error_set(err, status, "%s", hgh_issues_first(&errors, line, sizeof(line)));
        }
    }
    hgh_issues_done(&errors);
    hgh_issues_done(&warnings);
    if (text != NULL) {
        explicit_bzero(text, length); /* it holds the keys */
    }
    free(text);
    return status;
}

static hg_status run_prepare(hgh_reload *reload, hg_error *err)
{
    reload_run *run = &reload->run;
    const hgh_settings *settings = settings_of(reload);

    /* Never a number that was refused: votes on that one still stand on the board. */
    run->report = json_array();
    run->descriptions = json_object();
    run->next = json_pack(
        "{s:I, s:O, s:o, s:[]}", "generation", (json_int_t)reload->newest + 1, "next_number",
        json_object_get(reload->manifest, "next_number"), "listed",
        settings->plugins == NULL ? json_null() : json_deep_copy(settings->plugins), "plugins");
    if (run->report == NULL || run->descriptions == NULL || run->next == NULL) {
        return hg_error_set(err, HG_ERR_NO_MEMORY, "out of memory");
    }
    reload->newest++;
    return hgh_staging_check(reload->options.instance, err);
}

/* Takes the hgh_reload through a whole reload; the end is run_end(). */
static void run_begin(hgh_reload *reload)
{
    reload_run *run = &reload->run;
    hg_error err = HG_ERROR_INIT;
    hg_status status;

    run->began_ms = hgh_event_loop_now_ms();
    hgh_log(HG_LOG_NOTICE, "start to hot reload plugins");
    status = run->at_start ? HG_OK : settings_read(reload, &err);
    if (status == HG_OK) {
        status = run_prepare(reload, &err);
    }
    if (status == HG_OK) {
        status = objects_choose(reload, &err);
    }
    if (status != HG_OK) {
        run_refuse_with(reload, err.text[0] == '\0' ? "out of memory" : err.text);
        return;
    }
    probe_next(reload);
}

void hgh_reload_answer(void *context,
                       const hgh_admin_request *request,
                       hgh_admin_answer_later *later)
{
    hgh_reload *reload = context;
    const char *force = hgh_admin_request_argument(request, "force");

    reload->run.later = later;
    reload->run.force = force != NULL && strcmp(force, "true") == 0;
    run_begin(reload);
}

void hgh_reload_answer_status(void *context,
                              const hgh_admin_request *request,
                              hgh_admin_answer_later *later)
{
    const hgh_reload *reload = context;
    json_t *plugins = json_array();
    size_t index;
    json_t *entry;

    (void)request;
    json_array_foreach(json_object_get(reload->manifest, "plugins"), index, entry)
    {
        json_t *item = json_copy(entry);

        (void)json_object_del(item, "attributes"); /* may hold secrets */
        (void)json_object_set_new(item, "state", json_string("loaded"));
        (void)json_array_append_new(plugins, item);
    }
    hgh_admin_later_json(
        later, 200,
        json_pack("{s:I, s:s, s:o, s:O, s:O, s:o}", "generation",
                  (json_int_t)hgh_manifest_generation(reload->manifest), "version", HGH_VERSION,
                  "plugins", plugins, "listed", json_object_get(reload->manifest, "listed"),
                  "rejected", reload->rejected, "workers", hgh_worker_board_json(reload->board)));
}

/* ------------------------------------------------------------------------------------- new */

hg_status hgh_reload_new(const hgh_reload_options *options,
                         json_t *manifest,
                         hgh_reload **out_reload,
                         hg_error *err)
{
    hgh_reload *reload = calloc(1, sizeof(*reload));
    hg_status status;

    if (reload == NULL) {
        return hg_error_set(err, HG_ERR_NO_MEMORY, "out of memory");
    }
    reload->options = *options;
    reload->manifest = manifest == NULL ? hgh_manifest_new() : json_incref(manifest);
    reload->rejected = json_object();
    reload->board = hgh_board_map(options->instance->shared.board, true);
    if (reload->board == NULL) {
        status = hg_error_set(err, HG_ERR_IO, "the board: %s", strerror(errno));
    } else if (reload->manifest == NULL || reload->rejected == NULL) {
        status = hg_error_set(err, HG_ERR_NO_MEMORY, "out of memory");
    } else {
        reload->newest =
            hgh_worker_board_newest_vote(reload->board, hgh_manifest_generation(reload->manifest));
        status = hgh_event_loop_watch(options->loop, options->instance->shared.ack, EPOLLIN, on_ack,
                                      reload, err);
    }
    if (status != HG_OK) {
        hgh_reload_free(reload);
        return status;
    }
    hgh_event_loop_timer_start(options->loop, &reload->sweep, SWEEP_MS, on_sweep, reload);
    *out_reload = reload;
    return HG_OK;
}

void hgh_reload_free(hgh_reload *reload)
{
    if (reload == NULL) {
        return;
    }
    hgh_event_loop_timer_stop(reload->options.loop, &reload->look);
    hgh_event_loop_timer_stop(reload->options.loop, &reload->sweep);
    hgh_event_loop_timer_stop(reload->options.loop, &reload->deferred);
    hgh_event_loop_unwatch(reload->options.loop, reload->options.instance->shared.ack);
    if (reload->run.step == STEP_VOTES) { /* nobody will decide: workers forget it */
        (void)hgh_feed_writer_abort(reload->options.feed, hgh_manifest_generation(reload->run.next),
                                    NULL);
    }
    run_done(&reload->run);
    hgh_board_unmap(reload->board);
    json_decref(reload->manifest);
    json_decref(reload->previous);
    json_decref(reload->rejected);
    free(reload);
}

/* True if the configuration asks for other plugins or attributes than the manifest has. */
static bool configuration_differs(const hgh_reload *reload)
{
    const hgh_settings *settings = reload->options.settings;
    json_t *listed = json_object_get(reload->manifest, "listed");
    size_t index;
    json_t *entry;

    if (settings->plugins == NULL ? !json_is_null(listed)
                                  : json_equal(settings->plugins, listed) == 0) {
        return true;
    }
    json_array_foreach(json_object_get(reload->manifest, "plugins"), index, entry)
    {
        const char *name = json_string_value(json_object_get(entry, "name"));

        if (!attributes_are_same(entry, attributes_of(settings, name))) {
            return true;
        }
    }
    return false;
}

void hgh_reload_begin(hgh_reload *reload, void (*done)(void *context), void *context)
{
    hg_error err = HG_ERROR_INIT;

    if (hgh_manifest_generation(reload->manifest) == 0 || configuration_differs(reload)) {
        reload->begun = done;
        reload->begun_context = context;
        reload->run.at_start = true;
        run_begin(reload);
        return;
    }
    hgh_plugin_check_set_manifest(reload->options.check, reload->manifest);
    catalog_fill(reload, NULL);
    if (hgh_plugin_check_load(reload->options.check, &err) != HG_OK) {
        hgh_log(HG_LOG_ERROR, "%s", err.text);
    }
    done(context);
}

void hgh_reload_describe(hgh_reload *reload, const json_t *plugins)
{
    json_t *by_name = json_object();
    size_t index;
    json_t *plugin;

    json_array_foreach((json_t *)(uintptr_t)plugins, index, plugin)
    {
        const char *name = json_string_value(json_object_get(plugin, "name"));

        if (name != NULL) {
            (void)json_object_set(by_name, name, plugin);
        }
    }
    catalog_fill(reload, by_name);
    json_decref(by_name);
}
