/* host/control/quarantine.c - what is done about plugins that workers have died in. */
#include "host/control/quarantine.h"

#include <stdio.h>
#include <string.h>

#include "host/control/manifest.h"

/* ----------------------------------------------------------------------------------- judge */

/* It came by a reload with the generation in force, and not as the way back from another one. */
static bool is_new(const json_t *manifest, const json_t *entry)
{
    json_int_t since = json_integer_value(json_object_get(entry, "since"));

    return since > 0 && since == (json_int_t)hgh_manifest_generation(manifest) &&
           !json_is_true(json_object_get(entry, "restored"));
}

static bool is_disabled(const json_t *entry)
{
    return json_object_get(entry, "disabled") != NULL;
}

static bool has_new(const json_t *manifest)
{
    size_t index;
    json_t *entry;

    json_array_foreach(json_object_get(manifest, "plugins"), index, entry)
    {
        if (is_new(manifest, entry) && !is_disabled(entry)) {
            return true;
        }
    }
    return false;
}

static uint32_t number_of(const json_t *entry)
{
    return (uint32_t)json_integer_value(json_object_get(entry, "number"));
}

static bool was_committed_lately(const hgh_board *board, uint64_t now_ms)
{
    uint64_t committed_ms = atomic_load(&board->committed_ms);

    return committed_ms != 0 && now_ms - committed_ms < HGH_CRASH_WINDOW_MS;
}

/* Workers die since the commit where none did before: in an object that was there already, or
 * outside of any. What came with it may have written where it should not. Says which. */
static bool new_are_suspected(const hgh_board *board,
                              const json_t *manifest,
                              uint64_t now_ms,
                              char why[HG_ERROR_TEXT_MAX])
{
    uint64_t committed_ms = atomic_load(&board->committed_ms);
    size_t unblamed;
    size_t index;
    json_t *entry;

    if (!was_committed_lately(board, now_ms)) {
        return false;
    }
    unblamed = hgh_crash_count_unblamed(board, committed_ms, now_ms);
    if (unblamed >= HGH_CRASHES_TO_BLAME) {
        (void)snprintf(why, HG_ERROR_TEXT_MAX,
                       "%zu workers have died outside of any plugin since it came", unblamed);
        return true;
    }
    json_array_foreach(json_object_get(manifest, "plugins"), index, entry)
    {
        size_t count = hgh_crash_count(board, number_of(entry), committed_ms, now_ms);

        if (!is_new(manifest, entry) && count >= HGH_CRASHES_TO_BLAME) {
            (void)snprintf(why, HG_ERROR_TEXT_MAX,
                           "%zu workers have died in plugin %s, which is not new, since it came",
                           count, json_string_value(json_object_get(entry, "name")));
            return true;
        }
    }
    return false;
}

static void last_crash_text(const hgh_board *board, uint32_t number, char *text, size_t size)
{
    uint64_t newest = hgh_crash_newest(board);
    hgh_crash crash;

    text[0] = '\0';
    for (uint64_t at = newest; at > 0 && newest - at < HGH_CRASHES_MAX; at--) {
        if (hgh_crash_read(board, at, &crash) && hgh_crash_is_of_worker(&crash) &&
            hgh_crash_is_blamed(&crash) && hgh_marker_object(crash.marker) == number) {
            (void)snprintf(text, size, ", the last one in its %s%s%s",
                           hgh_call_name(hgh_marker_call(crash.marker)),
                           crash.seen.subject[0] == '\0' ? "" : " for ", crash.seen.subject);
            return;
        }
    }
}

static hgh_quarantine_action way_out(const json_t *manifest, const json_t *entry)
{
    return is_new(manifest, entry) && json_is_object(json_object_get(entry, "previous"))
               ? HGH_QUARANTINE_GO_BACK
               : HGH_QUARANTINE_DISABLE;
}

static bool is_poison_known(const json_t *entry, const char *subject)
{
    size_t index;
    json_t *item;

    json_array_foreach(json_object_get(entry, "poison"), index, item)
    {
        if (json_is_string(item) && strcmp(json_string_value(item), subject) == 0) {
            return true;
        }
    }
    return false;
}

/* A configuration over which two workers have died, and which the manifest does not name yet. */
static bool poison_find(const hgh_board *board,
                        const json_t *entry,
                        uint64_t now_ms,
                        char subject[HGH_SUBJECT_MAX])
{
    uint64_t newest = hgh_crash_newest(board);
    uint32_t number = number_of(entry);
    hgh_crash crash;

    for (uint64_t at = newest; at > 0 && newest - at < HGH_CRASHES_MAX; at--) {
        if (hgh_crash_read(board, at, &crash) && hgh_marker_object(crash.marker) == number &&
            hgh_crash_is_poison(board, number, crash.seen.subject, now_ms) &&
            !is_poison_known(entry, crash.seen.subject)) {
            (void)strcpy(subject, crash.seen.subject);
            return true;
        }
    }
    return false;
}

hgh_quarantine_verdict hgh_quarantine_judge(const hgh_board *board,
                                            const json_t *manifest,
                                            const json_t *entry,
                                            uint64_t now_ms)
{
    hgh_quarantine_verdict verdict = {0};
    uint32_t number = number_of(entry);
    size_t count;
    char last[HGH_SUBJECT_MAX + 64];
    char suspicion[HG_ERROR_TEXT_MAX]; /* of the new ones, which go in its place */

    if (is_disabled(entry) || hgh_crash_newest(board) == 0) {
        return verdict;
    }
    if (is_new(manifest, entry) && new_are_suspected(board, manifest, now_ms, verdict.why)) {
        verdict.is_suspect = true;
        verdict.action = way_out(manifest, entry);
        return verdict;
    }
    count = hgh_crash_count(board, number, 0, now_ms);
    if (count >= HGH_CRASHES_TO_BLAME && (is_new(manifest, entry) || !has_new(manifest) ||
                                          !new_are_suspected(board, manifest, now_ms, suspicion))) {
        last_crash_text(board, number, last, sizeof(last));
        (void)snprintf(verdict.why, sizeof(verdict.why),
                       "%zu workers have died in it within %u s%s", count,
                       HGH_CRASH_WINDOW_MS / 1000, last);
        verdict.action = way_out(manifest, entry);
        return verdict;
    }
    if (!poison_find(board, entry, now_ms, verdict.subject)) {
        return verdict;
    }
    if (json_array_size(json_object_get(entry, "poison")) >= HGH_POISON_MAX) {
        (void)snprintf(verdict.why, sizeof(verdict.why),
                       "workers have died while it decoded more than %u configurations",
                       HGH_POISON_MAX);
        verdict.action = way_out(manifest, entry);
    } else {
        (void)snprintf(verdict.why, sizeof(verdict.why),
                       "workers have died while it decoded the configuration of %s",
                       verdict.subject);
        verdict.action = HGH_QUARANTINE_POISON;
    }
    return verdict;
}

bool hgh_quarantine_is_due(const hgh_board *board, const json_t *manifest, uint64_t now_ms)
{
    size_t index;
    json_t *entry;

    if (hgh_crash_newest(board) <= atomic_load(&board->crashes_settled)) {
        return false;
    }
    json_array_foreach(json_object_get(manifest, "plugins"), index, entry)
    {
        if (hgh_quarantine_judge(board, manifest, entry, now_ms).action != HGH_QUARANTINE_NOTHING) {
            return true;
        }
    }
    return false;
}

/* ------------------------------------------------------------------------------------ list */

static bool is_about(const json_t *item, const char *name, const char *sha256)
{
    const char *its_name = json_string_value(json_object_get(item, "name"));
    const char *its_hash = json_string_value(json_object_get(item, "sha256"));

    return its_name != NULL && its_hash != NULL && strcmp(its_name, name) == 0 &&
           strcmp(its_hash, sha256) == 0;
}

const json_t *hgh_quarantine_find(const json_t *manifest, const char *name, const char *sha256)
{
    const json_t *list = json_object_get(manifest, "quarantine");

    for (size_t i = 0; i < json_array_size(list); i++) {
        if (is_about(json_array_get(list, i), name, sha256)) {
            return json_array_get(list, i);
        }
    }
    return NULL;
}

void hgh_quarantine_remove(json_t *manifest, const char *name, const char *sha256)
{
    json_t *list = json_object_get(manifest, "quarantine");

    for (size_t i = json_array_size(list); i-- > 0;) {
        if (is_about(json_array_get(list, i), name, sha256)) {
            (void)json_array_remove(list, i);
        }
    }
}

hg_status hgh_quarantine_add(
    json_t *manifest, const json_t *entry, const char *action, const char *why, int64_t at)
{
    const char *name = json_string_value(json_object_get(entry, "name"));
    const char *sha256 = json_string_value(json_object_get(entry, "sha256"));
    json_t *list = json_object_get(manifest, "quarantine");

    if (!json_is_array(list)) {
        list = json_array();
        if (json_object_set_new(manifest, "quarantine", list) != 0) {
            return HG_ERR_NO_MEMORY;
        }
    }
    hgh_quarantine_remove(manifest, name, sha256);
    while (json_array_size(list) >= HGH_QUARANTINE_MAX) {
        (void)json_array_remove(list, 0);
    }
    return json_array_append_new(list, json_pack("{s:s, s:s, s:O*, s:s, s:s, s:I}", "name", name,
                                                 "sha256", sha256, "version",
                                                 json_object_get(entry, "version"), "action",
                                                 action, "why", why, "at", (json_int_t)at)) == 0
               ? HG_OK
               : HG_ERR_NO_MEMORY;
}
