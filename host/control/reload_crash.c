/* host/control/reload_crash.c - what is made of workers that have died. */
#include <stdio.h>
#include <string.h>

#include "host/control/control_log.h"
#include "host/control/manifest.h"
#include "host/control/reload_parts.h"
#include "host/core/crash_record.h"

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

/* A worker that dies over a candidate has voted no. */
static bool is_over_candidate(const hgh_reload *reload, const hgh_crash *crash)
{
    const hgh_reload_run *run = &reload->run;

    for (size_t i = 0; i < run->candidate_count && crash->marker != 0; i++) {
        json_int_t number = json_integer_value(json_object_get(run->candidates[i].entry, "number"));

        if (number == (json_int_t)hgh_marker_object(crash->marker)) {
            return true;
        }
    }
    return false;
}

static void crash_log(const hgh_reload *reload, const hgh_crash *crash)
{
    if (crash->marker == 0) {
        hgh_log(HG_LOG_WARN, "worker %d has died, outside of any plugin", (int)crash->pid);
        return;
    }
    hgh_log(HG_LOG_ERROR, "worker %d has died in %s of plugin %s", (int)crash->pid,
            hgh_call_name(hgh_marker_call(crash->marker)),
            hgh_reload_plugin_name(reload, hgh_marker_object(crash->marker)));
}

bool hgh_reload_tell_dead(hgh_reload *reload, char *reason, size_t size)
{
    hgh_board *board = reload->board;
    uint64_t number = atomic_load(&board->crashes_told);
    bool blamed = false;
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
        crash_log(reload, &crash);
        if (!blamed && is_over_candidate(reload, &crash)) {
            blamed = true;
            (void)snprintf(reason, size, "plugin %s: worker %d died in its %s",
                           hgh_reload_plugin_name(reload, hgh_marker_object(crash.marker)),
                           (int)crash.pid, hgh_call_name(hgh_marker_call(crash.marker)));
        }
    }
    atomic_store(&board->crashes_told, number);
    return blamed;
}
