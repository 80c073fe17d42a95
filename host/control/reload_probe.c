/* host/control/reload_probe.c - tries each new object in a process of its own. */
#include <string.h>
#include <time.h>

#include "host/control/control_log.h"
#include "host/control/manifest.h"
#include "host/control/probe.h"
#include "host/control/quarantine.h"
#include "host/control/reload_parts.h"
#include "host/control/staging.h"
#include "host/control/worker_board.h"
#include "host/core/time_limit.h"

#define PROBE_MS           HGH_TIME_LIMIT(2000u) /* for one object */
#define PROBE_PER_MS       10u                   /* configurations that add a millisecond */
#define PROBE_AGAIN_MS     400u /* at most: some of them are decoded in each cycle */
#define OBJECTS_PINNED_MAX 16u  /* of one worker: each of them is memory that is not coming back */

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

static const hgh_reload_candidate *candidate_probed(const hgh_reload *reload)
{
    return &reload->run.candidates[reload->run.probed];
}

/* What is configured may be mended without a change of the file, which is tried again then. */
static void candidate_report(hgh_reload *reload,
                             const hgh_reload_candidate *failed,
                             const char *reason,
                             const json_t *issues)
{
    const char *sha256 = json_string_value(json_object_get(failed->entry, "sha256"));
    json_t *rejected = json_object_get(reload->rejected, failed->name);

    if (reload->run.kind == HGH_RELOAD_RECOVERY) { /* of an object that was good for years, maybe */
        hgh_log(HG_LOG_ERROR, "plugin %s cannot go back, it is switched off: %s", failed->name,
                reason);
        (void)json_object_set_new(hgh_reload_report_add(&reload->run, failed->name, "disabled"),
                                  "reason", json_string(reason));
        (void)hgh_quarantine_add(reload->run.next, failed->fallback, "disabled",
                                 json_string_value(json_object_get(failed->fallback, "disabled")),
                                 time(NULL));
        return;
    }
    if (failed->tried) {
        const char *before = json_string_value(json_object_get(rejected, "reason"));

        if (before == NULL || strcmp(before, reason) != 0) { /* the same is told once */
            hgh_log(HG_LOG_ERROR, "reload: plugin %s is refused as before: %s", failed->name,
                    reason);
        }
        (void)json_object_set_new(rejected, "reason", json_string(reason));
        hgh_reload_report_still_rejected(reload, failed->name);
        return;
    }
    hgh_reload_reject(reload, failed->name, sha256, reason, issues);
    if (json_array_size(issues) > 0) {
        (void)json_object_set_new(json_object_get(reload->rejected, failed->name), "configured",
                                  json_true());
    }
}

/* Of a plugin that will be in force. */
static void warnings_log(const char *name, const json_t *warnings)
{
    for (size_t i = 0; i < json_array_size(warnings); i++) {
        const json_t *warning = json_array_get(warnings, i);
        const char *const members[] = {"pointer", "found", "wanted"};
        const char *texts[3];

        for (size_t k = 0; k < 3; k++) {
            texts[k] = json_string_value(json_object_get(warning, members[k]));
        }
        hgh_log(HG_LOG_WARN, "reload: plugin %s: %s: found %s, wanted %s", name,
                texts[0] == NULL ? "" : texts[0], texts[1] == NULL ? "" : texts[1],
                texts[2] == NULL ? "" : texts[2]);
    }
}

/* What was in force stays instead of a candidate that failed; at a start and in a recovery the
 * others go on without it. */
static void candidate_reject(hgh_reload *reload, const char *reason, const json_t *issues)
{
    hgh_reload_run *run = &reload->run;
    const hgh_reload_candidate *failed = candidate_probed(reload);
    json_t *plugins = json_object_get(run->next, "plugins");
    json_t *entry = json_incref(failed->entry);
    size_t index;
    json_t *item;

    candidate_report(reload, failed, reason, issues);
    hgh_staging_remove(reload->options.instance, json_string_value(json_object_get(entry, "path")));
    json_array_foreach(plugins, index, item)
    {
        if (item == entry) {
            (void)json_array_remove(plugins, index);
            break;
        }
    }
    if (failed->fallback != NULL) {
        hgh_reload_keep_entry(run, failed->fallback);
        run->changes = run->changes || run->kind == HGH_RELOAD_RECOVERY;
        json_decref(failed->fallback);
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
    hgh_reload_probe_next(reload);
}

/* Callbacks of the probe may not free it: what follows is run from the loop. */
static void on_probe_next(void *context)
{
    probe_end(context);
}

/* What workers know of a plugin whose object they do not load. */
static void described_set(json_t *entry, const json_t *description)
{
    if (json_is_true(json_object_get(entry, "isolated"))) {
        (void)json_object_set_new(entry, "described",
                                  json_pack("{s:O*, s:O*, s:O*}", "priority",
                                            json_object_get(description, "priority"), "flags",
                                            json_object_get(description, "flags"), "phases",
                                            json_object_get(description, "phases")));
    }
}

static void on_probe_message(void *context, const json_t *message)
{
    hgh_reload *reload = context;
    hgh_reload_run *run = &reload->run;
    const char *error = json_string_value(json_object_get(message, "error"));

    hgh_probe_set_deadline(run->probe, 0);
    if (json_is_true(json_object_get(message, "ok"))) {
        const hgh_reload_candidate *good = candidate_probed(reload);
        json_t *description = json_object_get(message, "description");

        (void)json_object_set(good->entry, "version", json_object_get(description, "version"));
        (void)json_object_set(run->descriptions, good->name, description);
        described_set(good->entry, description);
        (void)json_object_del(reload->rejected, good->name);
        warnings_log(good->name, json_object_get(message, "warnings"));
        if (json_array_size(json_object_get(message, "warnings")) > 0) {
            (void)json_object_set(run->warnings, good->name, json_object_get(message, "warnings"));
        }
        run->probed++;
    } else {
        candidate_reject(reload, error == NULL ? "the probe gave no reason" : error,
                         json_object_get(message, "issues"));
    }
    run->step = HGH_RELOAD_NONE;
    hgh_event_loop_defer(reload->options.loop, &reload->deferred, on_probe_next, reload);
}

static void on_probe_end(void *context, const char *why, uint32_t object)
{
    hgh_reload *reload = context;

    (void)object;
    if (reload->run.step != HGH_RELOAD_PROBE) {
        return; /* it has answered: the deferred call frees it */
    }
    candidate_reject(reload, why, NULL);
    reload->run.step = HGH_RELOAD_NONE;
    hgh_event_loop_defer(reload->options.loop, &reload->deferred, on_probe_next, reload);
}

static uint64_t probe_ms(size_t configs)
{
    uint64_t again_ms = configs * 2;

    return PROBE_MS + configs / PROBE_PER_MS +
           (again_ms < PROBE_AGAIN_MS ? again_ms : PROBE_AGAIN_MS);
}

static hg_status probe_begin(hgh_reload *reload, hg_error *err)
{
    hgh_reload_run *run = &reload->run;
    const hgh_reload_candidate *next = candidate_probed(reload);
    hgh_probe_options options = {
        .loop = reload->options.loop,
        .directory = reload->options.instance->directory,
        .shared_memory_bytes = (uint64_t)hgh_reload_settings(reload)->shared_memory_bytes,
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
    hgh_reload_each_config(reload, next->name, config_add, configs);
    run->step = HGH_RELOAD_PROBE;
    hgh_probe_set_deadline(run->probe, probe_ms(json_array_size(configs)));
    message = json_pack("{s:s, s:O, s:O, s:O, s:O*, s:O*, s:o}", "op", "examine", "name",
                        json_object_get(next->entry, "name"), "path",
                        json_object_get(next->entry, "path"), "number",
                        json_object_get(next->entry, "number"), "attributes",
                        json_object_get(next->entry, "attributes"), "isolated",
                        json_object_get(next->entry, "isolated"), "configs", configs);
    hgh_probe_send(run->probe, message);
    json_decref(message);
    return HG_OK;
}

/* Each further reload may add one to each worker. */
static bool pins_are_too_many(const hgh_reload *reload, hg_error *err)
{
    pid_t worker = 0;
    uint64_t pinned = hgh_worker_board_most_pinned(reload->board, &worker);

    if (pinned < OBJECTS_PINNED_MAX) {
        return false;
    }
    (void)hg_error_set(err, HG_ERR_FULL,
                       "worker %d has %llu objects that could not be unloaded, at most %u are put "
                       "up with: `hotgate status` says why; send HUP to hotgate, which replaces "
                       "its workers gracefully, and reload again",
                       (int)worker, (unsigned long long)pinned, OBJECTS_PINNED_MAX);
    return true;
}

void hgh_reload_probe_next(hgh_reload *reload)
{
    hgh_reload_run *run = &reload->run;
    hg_error err = HG_ERROR_INIT;

    if (run->probed < run->candidate_count) {
        if (probe_begin(reload, &err) != HG_OK) {
            hgh_reload_refuse_with(reload, err.text);
        }
        return;
    }
    if (run->rejections > 0 && run->kind != HGH_RELOAD_AT_START) {
        hgh_reload_refuse(reload);
        return;
    }
    if (run->kind == HGH_RELOAD_BY_REQUEST && run->candidate_count > 0 &&
        pins_are_too_many(reload, &err)) {
        hgh_reload_refuse_with(reload, err.text);
        return;
    }
    hgh_reload_prepare(reload);
}
