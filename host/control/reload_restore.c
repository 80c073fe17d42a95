/* host/control/reload_restore.c - ways back: to an earlier generation, and out of one that workers
 * die of. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "host/control/control_log.h"
#include "host/control/generation_archive.h"
#include "host/control/manifest.h"
#include "host/control/quarantine.h"
#include "host/control/reload_parts.h"
#include "host/control/staging.h"

#define RETRY_MS     1000u /* after a recovery that failed; doubled each time */
#define RETRY_MAX_MS 30000u
#define FAILURES_MAX 16u
#define ROLLED_BACK  "rolled back"
#define DISABLED     "disabled"

static const char *name_of(const json_t *entry)
{
    return json_string_value(json_object_get(entry, "name"));
}

static const char *hash_of(const json_t *entry)
{
    return json_string_value(json_object_get(entry, "sha256"));
}

/* A staged copy as it was written, and of what was admitted then. */
static hg_status
staged_read(const hgh_reload *reload, const json_t *object, hgh_object_file *file, hg_error *err)
{
    const char *path = json_string_value(json_object_get(object, "path"));
    char *full = path == NULL ? NULL : hgh_instance_path(reload->options.instance, path);
    hg_status status;

    if (full == NULL || hash_of(object) == NULL) {
        free(full);
        return hg_error_set(err, HG_ERR_INVALID, "the manifest says of no file");
    }
    status = hgh_object_file_read(full, HGH_OBJECT_BYTES_MAX, file, err);
    if (status == HG_OK && strcmp(file->sha256, hash_of(object)) != 0) {
        status = hg_error_set(err, HG_ERR_INVALID, "%s: is not what was staged", full);
    }
    free(full);
    return status;
}

/* Puts an object of before into the next manifest: the same bytes, as a new object. */
static hg_status object_restore(hgh_reload *reload,
                                const char *name,
                                const json_t *object,
                                json_t *attributes,
                                json_t *fallback,
                                hg_error *err)
{
    hgh_reload_run *run = &reload->run;
    hgh_object_file file = {0};
    char *path = NULL;
    hg_status status = staged_read(reload, object, &file, err);
    uint32_t number = 0;

    if (status == HG_OK) {
        number = hgh_manifest_take_number(run->next);
        status = number == 0
                     ? hg_error_set(err, HG_ERR_FULL, "no number is free")
                     : hgh_staging_write(reload->options.instance, name,
                                         hgh_manifest_generation(run->next), &file, &path, err);
    }
    hgh_object_file_done(&file);
    if (status == HG_OK) {
        json_t *entry = json_pack(
            "{s:s, s:O*, s:O, s:O*, s:s, s:i, s:b, s:b, s:O*, s:o*}", "name", name, "version",
            json_object_get(object, "version"), "sha256", json_object_get(object, "sha256"),
            "build_id", json_object_get(object, "build_id"), "path", path, "number", (int)number,
            "shipped", json_is_true(json_object_get(object, "shipped")), "restored", 1,
            "attributes", attributes, "isolated",
            hgh_reload_is_isolated(hgh_reload_settings(reload), name) ? json_true() : NULL);

        status = hgh_reload_candidate_add(reload, entry, NULL, fallback, false);
    }
    free(path);
    return status;
}

/* -------------------------------------------------------------------------------- rollback */

/* The manifest that is asked for; NULL with the text of what there is. */
static json_t *manifest_asked_for(const hgh_reload *reload, json_t *kept, hg_error *err)
{
    char known[128] = "";
    uint64_t current = hgh_manifest_generation(reload->manifest);

    for (size_t i = 0; i < json_array_size(kept); i++) {
        json_t *manifest = json_array_get(kept, i);
        uint64_t generation = hgh_manifest_generation(manifest);
        size_t length = strlen(known);

        if (generation != current &&
            (reload->run.back_to == 0 || reload->run.back_to == generation)) {
            return manifest;
        }
        (void)snprintf(known + length, sizeof(known) - length, "%s%llu", length == 0 ? "" : ", ",
                       (unsigned long long)generation);
    }
    if (reload->run.back_to == 0) {
        (void)hg_error_set(err, HG_ERR_NOT_FOUND, "no earlier generation is kept");
    } else {
        (void)hg_error_set(err, HG_ERR_NOT_FOUND, "generation %llu is not kept: wanted one of %s",
                           (unsigned long long)reload->run.back_to,
                           known[0] == '\0' ? "none: there is none" : known);
    }
    return NULL;
}

/* What is in force of that name and goes, is not to come back with the next reload. */
static hg_status current_dismiss(hgh_reload *reload, const json_t *current, uint64_t back_to)
{
    char why[128];

    if (current == NULL) {
        return HG_OK;
    }
    (void)snprintf(why, sizeof(why), "%s went back to generation %llu",
                   reload->run.who == NULL ? "somebody" : reload->run.who,
                   (unsigned long long)back_to);
    return hgh_quarantine_add(reload->run.next, current, ROLLED_BACK, why, time(NULL));
}

static hg_status entry_go_back(hgh_reload *reload, json_t *wanted, uint64_t back_to, hg_error *err)
{
    json_t *current = hgh_manifest_find(reload->manifest, name_of(wanted));
    bool is_bad = json_object_get(wanted, "disabled") != NULL;
    hg_error why = HG_ERROR_INIT;

    if (current != NULL && (is_bad || (json_object_get(current, "disabled") == NULL &&
                                       strcmp(hash_of(current), hash_of(wanted)) == 0))) {
        (void)hgh_reload_report_add(&reload->run, name_of(wanted), "unchanged");
        hgh_reload_keep_entry(&reload->run, current);
        return HG_OK;
    }
    if (is_bad) {
        return HG_OK; /* it is gone, and did not run in that generation either */
    }
    if (current_dismiss(reload, current, back_to) != HG_OK) {
        return hg_error_set(err, HG_ERR_NO_MEMORY, "out of memory");
    }
    hgh_quarantine_remove(reload->run.next, name_of(wanted), hash_of(wanted));
    if (object_restore(reload, name_of(wanted), wanted,
                       hgh_reload_attributes(hgh_reload_settings(reload), name_of(wanted)), current,
                       &why) != HG_OK) {
        return hg_error_set(err, HG_ERR_IO, "plugin %s: %.400s", name_of(wanted), why.text);
    }
    return HG_OK;
}

hg_status hgh_reload_choose_rollback(hgh_reload *reload, hg_error *err)
{
    json_t *kept = hgh_generation_archive_all(reload->options.instance);
    json_t *manifest = manifest_asked_for(reload, kept, err);
    hg_status status = manifest == NULL ? HG_ERR_NOT_FOUND : HG_OK;
    uint64_t back_to = manifest == NULL ? 0 : hgh_manifest_generation(manifest);
    size_t index;
    json_t *entry;

    json_array_foreach(json_object_get(manifest, "plugins"), index, entry)
    {
        if (status == HG_OK) {
            status = entry_go_back(reload, entry, back_to, err);
        }
    }
    json_array_foreach(json_object_get(reload->manifest, "plugins"), index, entry)
    {
        if (status == HG_OK && hgh_manifest_find(manifest, name_of(entry)) == NULL) {
            status = current_dismiss(reload, entry, back_to);
            (void)hgh_reload_report_add(&reload->run, name_of(entry), "removed");
            reload->run.changes = true;
        }
    }
    json_decref(kept);
    return status;
}

/* -------------------------------------------------------------------------------- recovery */

static json_t *entry_disabled(const json_t *entry, const char *why)
{
    json_t *copy = json_copy((json_t *)(uintptr_t)entry);

    (void)json_object_set_new(copy, "disabled", json_string(why));
    return copy;
}

static void
action_report(hgh_reload *reload, const json_t *entry, const char *state, const char *why)
{
    json_t *item = hgh_reload_report_add(&reload->run, name_of(entry), state);

    (void)json_object_set(item, "version", json_object_get(entry, "version"));
    (void)json_object_set(item, "sha256", json_object_get(entry, "sha256"));
    (void)json_object_set_new(item, "reason", json_string(why));
}

static void entry_disable(hgh_reload *reload, const json_t *entry, const char *why)
{
    hgh_log(HG_LOG_ERROR, "plugin %s %s is switched off, its routes answer 503: %s", name_of(entry),
            json_string_value(json_object_get(entry, "version")), why);
    action_report(reload, entry, DISABLED, why);
    (void)hgh_quarantine_add(reload->run.next, entry, DISABLED, why, time(NULL));
    (void)json_array_append_new(json_object_get(reload->run.next, "plugins"),
                                entry_disabled(entry, why));
    reload->run.changes = true;
}

static void
entry_poison(hgh_reload *reload, const json_t *entry, const hgh_quarantine_verdict *verdict)
{
    json_t *copy = json_copy((json_t *)(uintptr_t)entry);
    json_t *poison = json_deep_copy(json_object_get(entry, "poison"));

    if (poison == NULL) {
        poison = json_array();
    }
    hgh_log(HG_LOG_ERROR, "plugin %s is not given a configuration any more: %s", name_of(entry),
            verdict->why);
    (void)json_array_append_new(poison, json_string(verdict->subject));
    (void)json_object_set_new(copy, "poison", poison);
    action_report(reload, entry, "kept from a configuration", verdict->why);
    (void)json_array_append_new(json_object_get(reload->run.next, "plugins"), copy);
    reload->run.changes = true;
}

/* Its predecessor comes into service; if that is not possible it is switched off. */
static void entry_recover(hgh_reload *reload, const json_t *entry, const char *why)
{
    const json_t *previous = json_object_get(entry, "previous");
    json_t *fallback = entry_disabled(entry, why);
    hg_error err = HG_ERROR_INIT;

    if (object_restore(reload, name_of(entry), previous, json_object_get(entry, "attributes"),
                       fallback, &err) == HG_OK) {
        hgh_log(HG_LOG_ERROR, "plugin %s %s goes back to %s: %s", name_of(entry),
                json_string_value(json_object_get(entry, "version")),
                json_string_value(json_object_get(previous, "version")), why);
        (void)hgh_quarantine_add(reload->run.next, entry, ROLLED_BACK, why, time(NULL));
    } else {
        hgh_log(HG_LOG_ERROR, "plugin %s has no way back: %s", name_of(entry), err.text);
        entry_disable(reload, entry, why);
    }
    json_decref(fallback);
}

hg_status hgh_reload_choose_recovery(hgh_reload *reload, hg_error *err)
{
    size_t index;
    json_t *entry;

    (void)err;
    json_array_foreach(json_object_get(reload->manifest, "plugins"), index, entry)
    {
        hgh_quarantine_verdict verdict =
            hgh_quarantine_judge(reload->board, reload->manifest, entry, hgh_event_loop_now_ms());

        reload->run.distrusts_workers |= verdict.is_suspect;
        if (verdict.action == HGH_QUARANTINE_GO_BACK && reload->recovery_failures == 0) {
            entry_recover(reload, entry, verdict.why);
        } else if (verdict.action == HGH_QUARANTINE_GO_BACK ||
                   verdict.action == HGH_QUARANTINE_DISABLE) {
            entry_disable(reload, entry, verdict.why);
        } else if (verdict.action == HGH_QUARANTINE_POISON) {
            entry_poison(reload, entry, &verdict);
        } else {
            hgh_reload_keep_entry(&reload->run, entry);
        }
    }
    return HG_OK;
}

/* ------------------------------------------------------------------------------------ turn */

static hgh_reload *reload_of(hgh_admin_job *job)
{
    return (hgh_reload *)(void *)((char *)job - offsetof(hgh_reload, recovery));
}

static void recovery_ended(void *context)
{
    hgh_reload *reload = context;

    reload->recovery_is_queued = false;
    hgh_admin_queue_end(reload->options.queue);
}

static void recovery_run(hgh_admin_job *job)
{
    hgh_reload *reload = reload_of(job);

    if (!hgh_quarantine_is_due(reload->board, reload->manifest, hgh_event_loop_now_ms())) {
        recovery_ended(reload); /* a reload that came before has done it */
        return;
    }
    reload->run.kind = HGH_RELOAD_RECOVERY;
    reload->run.ended = recovery_ended;
    reload->run.ended_context = reload;
    hgh_reload_run_begin(reload);
}

static void recovery_cancel(hgh_admin_job *job)
{
    reload_of(job)->recovery_is_queued = false;
}

void hgh_reload_recover(hgh_reload *reload)
{
    uint64_t now_ms = hgh_event_loop_now_ms();

    if (reload->recovery_is_queued || now_ms < reload->recovery_not_before_ms ||
        !hgh_quarantine_is_due(reload->board, reload->manifest, now_ms)) {
        return;
    }
    reload->recovery_is_queued = true;
    reload->recovery = (hgh_admin_job){.run = recovery_run, .cancel = recovery_cancel};
    hgh_admin_queue_add(reload->options.queue, &reload->recovery);
}

void hgh_reload_recovery_failed(hgh_reload *reload)
{
    uint64_t pause_ms = RETRY_MS << (reload->recovery_failures < 5 ? reload->recovery_failures : 5);

    if (reload->recovery_failures < FAILURES_MAX) {
        reload->recovery_failures++;
    }
    reload->recovery_not_before_ms =
        hgh_event_loop_now_ms() + (pause_ms < RETRY_MAX_MS ? pause_ms : RETRY_MAX_MS);
}
