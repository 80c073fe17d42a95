/* host/control/reload_crash.c - what is made of workers that have died. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "host/control/control_log.h"
#include "host/control/history.h"
#include "host/control/manifest.h"
#include "host/control/reload_parts.h"
#include "host/core/crash_record.h"

#define TEXT_SIZE 512u

const json_t *hgh_reload_entry_of(const hgh_reload *reload, uint32_t number)
{
    const json_t *const manifests[] = {reload->run.next, reload->manifest, reload->previous};

    for (size_t i = 0; i < sizeof(manifests) / sizeof(manifests[0]); i++) {
        size_t index;
        json_t *entry;

        json_array_foreach(json_object_get(manifests[i], "plugins"), index, entry)
        {
            if (json_integer_value(json_object_get(entry, "number")) == (json_int_t)number) {
                return entry;
            }
        }
    }
    return NULL;
}

const char *hgh_reload_plugin_name(const hgh_reload *reload, uint32_t number)
{
    const json_t *entry = hgh_reload_entry_of(reload, number);

    return entry == NULL ? "-" : json_string_value(json_object_get(entry, "name"));
}

/* The one that a worker has died over; NULL: none. */
static const hgh_reload_candidate *candidate_of(const hgh_reload *reload, const hgh_crash *crash)
{
    const hgh_reload_run *run = &reload->run;

    if (!hgh_crash_is_of_worker(crash)) {
        return NULL; /* workers take it as before */
    }
    for (size_t i = 0; i < run->candidate_count && crash->marker != 0; i++) {
        json_int_t number = json_integer_value(json_object_get(run->candidates[i].entry, "number"));

        if (number == (json_int_t)hgh_marker_object(crash->marker)) {
            return &run->candidates[i];
        }
    }
    return NULL;
}

/* "signal 11 (Segmentation fault)", "called exit()", "did not come back", ... */
static void cause_text(const hgh_crash *crash, char *text, size_t size)
{
    int number = crash->seen.signal_number;

    if (crash->killed_for == HGH_KILLED_FOR_TIME) {
        (void)snprintf(text, size, "it did not come back and was killed");
    } else if (crash->killed_for == HGH_KILLED_FOR_MEMORY) {
        (void)snprintf(text, size, "it took too much memory and was killed");
    } else if (number == HGH_SIGNAL_OF_EXIT) {
        (void)snprintf(text, size, "it called exit()");
    } else if (number != 0) {
        const char *name = sigdescr_np(number);

        (void)snprintf(text, size, "signal %d (%s)", number, name == NULL ? "unknown" : name);
    } else {
        (void)snprintf(text, size, "killed from outside, it seems");
    }
}

static const char *kind_of(const hgh_crash *crash)
{
    return hgh_crash_is_of_worker(crash) ? "worker" : "process";
}

/* What a place ends with where it is not a worker. */
static const char *aside_of(const hgh_crash *crash)
{
    return hgh_crash_is_of_worker(crash) ? "" : ", in the isolated runner";
}

/* "rewrite of plugin echo 1.2.0 (sha256 0123456789ab), routes/1" */
static void place_text(const hgh_reload *reload, const hgh_crash *crash, char *text, size_t size)
{
    const json_t *entry = hgh_reload_entry_of(reload, hgh_marker_object(crash->marker));
    const char *version = json_string_value(json_object_get(entry, "version"));
    const char *sha256 = json_string_value(json_object_get(entry, "sha256"));
    const char *subject = crash->seen.subject;

    (void)snprintf(text, size, "%s of plugin %s %s (sha256 %.12s)%s%s%s",
                   hgh_call_name(hgh_marker_call(crash->marker)),
                   hgh_reload_plugin_name(reload, hgh_marker_object(crash->marker)),
                   version == NULL ? "-" : version, sha256 == NULL ? "-" : sha256,
                   subject[0] == '\0' ? "" : ", ", subject, aside_of(crash));
}

/* The stack as crash_report.h takes it. */
static json_t *frames_json(const hgh_reload *reload, const hgh_crash *crash)
{
    json_t *frames = json_array();

    for (uint32_t i = 0; i < crash->seen.frame_count; i++) {
        const hgh_stack_frame *frame = &crash->seen.frames[i];
        const json_t *entry = hgh_reload_entry_of(reload, frame->object);
        const char *path = json_string_value(json_object_get(entry, "path"));
        char *full = path == NULL ? NULL : hgh_instance_path(reload->options.instance, path);

        (void)json_array_append_new(frames, json_pack("{s:O*, s:s*, s:I}", "plugin",
                                                      json_object_get(entry, "name"), "path", full,
                                                      "offset", (json_int_t)frame->offset));
        free(full);
    }
    return frames;
}

/* Writes a file about it; its name, the caller's to free. NULL: no memory. */
static char *
report_write(const hgh_reload *reload, const hgh_crash *crash, const char *place, const char *cause)
{
    const json_t *entry = hgh_reload_entry_of(reload, hgh_marker_object(crash->marker));
    const char *members[] = {"path", "sha256", "build_id"};
    time_t now = time(NULL);
    char when[32] = "-";
    char *name = NULL;
    char *text = NULL;
    struct tm utc;

    if (gmtime_r(&now, &utc) != NULL) {
        (void)strftime(when, sizeof(when), "%Y%m%dT%H%M%SZ", &utc);
    }
    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
        const char *value = json_string_value(json_object_get(entry, members[i]));

        members[i] = value == NULL ? "-" : value;
    }
    if (asprintf(&name, "%s-%d.txt", when, (int)crash->pid) >= 0 &&
        asprintf(&text,
                 "%s %d of generation %llu\nin:       %s\ncause:    %s\nobject:   %s\n"
                 "sha256:   %s\nbuild id: %s\n",
                 kind_of(crash), (int)crash->pid, (unsigned long long)crash->generation, place,
                 cause, members[0], members[1], members[2]) >= 0) {
        hgh_crash_reports_add(reload->crash_reports, name, text, frames_json(reload, crash));
    }
    free(text);
    return name;
}

static void crash_tell(const hgh_reload *reload, const hgh_crash *crash)
{
    char cause[TEXT_SIZE];
    char place[TEXT_SIZE];
    char *report = NULL;
    hg_error err = HG_ERROR_INIT;
    json_t *event;

    cause_text(crash, cause, sizeof(cause));
    if (crash->marker == 0) {
        (void)snprintf(place, sizeof(place), "no plugin%s", aside_of(crash));
        hgh_log(hgh_crash_is_own(crash) ? HG_LOG_ERROR : HG_LOG_WARN,
                "%s %d has died, outside of any plugin%s: %s", kind_of(crash), (int)crash->pid,
                aside_of(crash), cause);
    } else {
        place_text(reload, crash, place, sizeof(place));
        hgh_log(HG_LOG_ERROR, "%s %d has died in %s: %s", kind_of(crash), (int)crash->pid, place,
                cause);
    }
    if (hgh_crash_is_own(crash)) {
        report = report_write(reload, crash, place, cause);
    }
    event = json_pack("{s:s, s:s, s:s, s:I, s:i, s:s, s:s, s:s*}", "event", "crash", "result",
                      hgh_crash_is_blamed(crash) ? "blamed" : "not blamed", "who", "the gateway",
                      "generation", (json_int_t)crash->generation, "worker", (int)crash->pid,
                      "place", place, "reason", cause, "report", report);
    if (hgh_history_add(reload->options.instance, event, &err) != HG_OK) {
        hgh_log(HG_LOG_WARN, "the history: %s", err.text);
    }
    free(report);
}

const hgh_reload_candidate *hgh_reload_tell_dead(hgh_reload *reload, char *reason, size_t size)
{
    hgh_board *board = reload->board;
    uint64_t number = atomic_load(&board->crashes_told);
    const hgh_reload_candidate *blamed = NULL;
    hgh_crash crash;

    (void)hgh_crash_bury(board, hgh_event_loop_now_ms());
    while (number < hgh_crash_newest(board)) {
        if (!hgh_crash_read(board, number + 1, &crash)) {
            if (number + 1 == hgh_crash_newest(board)) {
                break; /* a worker writes it at this moment */
            }
            number++; /* more have died than there is room for */
            continue;
        }
        number++;
        crash_tell(reload, &crash);
        if (blamed == NULL && (blamed = candidate_of(reload, &crash)) != NULL) {
            (void)snprintf(reason, size, "worker %d died in its %s", (int)crash.pid,
                           hgh_call_name(hgh_marker_call(crash.marker)));
        }
    }
    atomic_store(&board->crashes_told, number);
    return blamed;
}
