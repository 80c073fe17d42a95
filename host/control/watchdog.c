/* host/control/watchdog.c - notices plugins that do not come back, and workers that grow. */
#include "host/control/watchdog.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/control/control_log.h"
#include "host/control/worker_process.h"
#include "host/core/crash_handler.h"

#define LOOKS_PER_LIMIT 4u
#define ANSWER_MS       200u   /* for a worker to say where it is */
#define KILL_MS         2000u  /* after SIGABRT: writing a core file takes its time */
#define MEMORY_MS       100u   /* between looks at memory */
#define TOLD_MAX        256u   /* kinds of slow calls that are remembered */
#define TOLD_MS         10000u /* between two lines about slow calls of one kind */

/* How far it has come with one call. */
typedef enum stage {
    STAGE_RUNS = 0,
    STAGE_ASKED,    /* where it is */
    STAGE_REPORTED, /* it is slow */
    STAGE_ABORTED,
    STAGE_KILLED,
} stage;

/* What one worker was doing at the last look. */
typedef struct sight {
    uint64_t owner;
    uint64_t marker;
    uint64_t since_ms; /* it has run since then; anew once it stood still */
    uint64_t stage_ms; /* when the stage was reached */
    stage stage;
    bool asked_to_quit;
} sight;

/* What was told of calls of one plugin for one purpose. */
typedef struct told {
    uint32_t object;
    uint32_t call;
    uint64_t at_ms; /* 0: never */
    uint64_t since; /* further ones that were counted and not told */
} told;

struct hgh_watchdog {
    hgh_watchdog_options options;
    hgh_board *board;
    hgh_event_loop_timer timer;
    uint64_t memory_ms; /* of the last look at it */
    sight sights[HGH_BOARD_SLOTS];
    told told[TOLD_MAX];
};

/* To the one that was looked at: the slot may have another owner by now. */
static void signal_send(const hgh_watchdog *watchdog, const sight *at, int number)
{
    watchdog->options.signal_worker(watchdog->options.context, hgh_board_pid(at->owner), number);
}

/* "access of plugin echo, routes/1" */
static void place_text(const hgh_watchdog *watchdog,
                       const hgh_board_slot *slot,
                       uint64_t marker,
                       char *text,
                       size_t size)
{
    const hgh_sighting *seen = &slot->seen;
    char subject[HGH_SUBJECT_MAX] = "";

    if (seen->marker == marker) { /* it has answered; a byte may still change: it is bounded */
        memcpy(subject, seen->subject, sizeof(subject));
        subject[sizeof(subject) - 1] = '\0';
    }
    (void)snprintf(
        text, size, "%s of plugin %s%s%s", hgh_call_name(hgh_marker_call(marker)),
        watchdog->options.plugin_name(watchdog->options.context, hgh_marker_object(marker)),
        subject[0] == '\0' ? "" : ", ", subject);
}

/* ------------------------------------------------------------------------------------ time */

static void stage_set(sight *at, stage next, uint64_t now_ms)
{
    at->stage = next;
    at->stage_ms = now_ms;
}

/* A plugin that is always slow must fill no log. Its place in the table may be another one's, who
 * then is told of again. */
static told *told_of(hgh_watchdog *watchdog, uint64_t marker)
{
    uint32_t object = hgh_marker_object(marker);
    uint32_t call = hgh_marker_call(marker);
    told *found = &watchdog->told[(object * 31 + call) % TOLD_MAX];

    if (found->object != object || found->call != call) {
        *found = (told){.object = object, .call = call};
    }
    return found;
}

static void
report_slow(hgh_watchdog *watchdog, const hgh_board_slot *slot, const sight *at, uint64_t ran_ms)
{
    told *last = told_of(watchdog, at->marker);
    char place[256];
    char more[64] = "";

    if (last->since > 0) {
        (void)snprintf(more, sizeof(more), " (%llu such calls since the last line)",
                       (unsigned long long)last->since);
    }
    last->since = 0;
    place_text(watchdog, slot, at->marker, place, sizeof(place));
    hgh_log(HG_LOG_WARN,
            "worker %d: %s has been running for %llu ms; its stack is in the error log%s",
            (int)hgh_board_pid(at->owner), place, (unsigned long long)ran_ms, more);
}

/* It is slow by now: counted always, looked at now and then. */
static void begin_slow(hgh_watchdog *watchdog, hgh_board_slot *slot, sight *at, uint64_t now_ms)
{
    told *last = told_of(watchdog, at->marker);

    atomic_fetch_add_explicit(&slot->slow_calls, 1, memory_order_relaxed);
    if (last->at_ms != 0 && now_ms - last->at_ms < TOLD_MS) {
        last->since++;
        stage_set(at, STAGE_REPORTED, now_ms);
        return;
    }
    last->at_ms = now_ms;
    signal_send(watchdog, at, HGH_SIGHTING_SIGNAL);
    stage_set(at, STAGE_ASKED, now_ms);
}

static void
end_worker(const hgh_watchdog *watchdog, hgh_board_slot *slot, const sight *at, hgh_killed_for why)
{
    char place[256];

    place_text(watchdog, slot, at->marker, place, sizeof(place));
    hgh_log(HG_LOG_ERROR, "worker %d: %s %s: it is ended", (int)hgh_board_pid(at->owner), place,
            why == HGH_KILLED_FOR_TIME ? "does not come back" : "takes too much memory");
    atomic_store(&slot->killed_for, why);
    signal_send(watchdog, at, SIGABRT);
}

/* A debugger holds it, or somebody has stopped it. */
static bool stands_still(const sight *at)
{
    return (at->stage == STAGE_RUNS || at->stage == STAGE_REPORTED) &&
           hgh_worker_process_is_stopped(hgh_board_pid(at->owner));
}

/* One call that goes on since the last look. */
static void call_look(hgh_watchdog *watchdog, hgh_board_slot *slot, sight *at, uint64_t now_ms)
{
    const hgh_watchdog_options *options = &watchdog->options;
    uint64_t ran_ms = now_ms - at->since_ms;

    if (ran_ms >= options->slow_ms && stands_still(at)) {
        at->since_ms = now_ms; /* its time begins anew */
    } else if (at->stage == STAGE_RUNS && ran_ms >= options->slow_ms) {
        begin_slow(watchdog, slot, at, now_ms);
    } else if (at->stage == STAGE_ASKED &&
               (slot->seen.marker == at->marker || now_ms - at->stage_ms >= ANSWER_MS)) {
        report_slow(watchdog, slot, at, ran_ms);
        stage_set(at, STAGE_REPORTED, now_ms);
    } else if (at->stage == STAGE_REPORTED && options->limit_ms != 0 &&
               ran_ms >= options->limit_ms) {
        end_worker(watchdog, slot, at, HGH_KILLED_FOR_TIME);
        stage_set(at, STAGE_ABORTED, now_ms);
    } else if (at->stage == STAGE_ABORTED && now_ms - at->stage_ms >= KILL_MS) {
        signal_send(watchdog, at, SIGKILL);
        stage_set(at, STAGE_KILLED, now_ms);
    }
}

static void slot_look(hgh_watchdog *watchdog, hgh_board_slot *slot, sight *at, uint64_t now_ms)
{
    uint64_t owner = atomic_load_explicit(&slot->owner, memory_order_relaxed);
    uint64_t marker = atomic_load_explicit(&slot->marker, memory_order_relaxed);

    if (marker != 0 && marker == at->marker && owner == at->owner) {
        call_look(watchdog, slot, at, now_ms);
        return;
    }
    if (at->stage == STAGE_ASKED && owner == at->owner) { /* it was slow, and is done meanwhile */
        report_slow(watchdog, slot, at, at->stage_ms - at->since_ms);
    }
    if (at->stage >= STAGE_ABORTED && owner == at->owner) {
        atomic_store(&slot->killed_for, HGH_KILLED_FOR_NOTHING); /* it came back at last */
    }
    *at = (sight){
        .owner = owner,
        .marker = marker,
        .since_ms = now_ms,
        .asked_to_quit = at->asked_to_quit && owner == at->owner,
    };
}

/* ---------------------------------------------------------------------------------- memory */

static void memory_look(const hgh_watchdog *watchdog, hgh_board_slot *slot, sight *at)
{
    uint64_t bytes = hgh_worker_process_memory(hgh_board_pid(at->owner));

    if (bytes <= watchdog->options.memory_bytes || at->stage >= STAGE_ABORTED) {
        return;
    }
    if (at->marker != 0 && at->stage != STAGE_RUNS) { /* a call that goes on: it will not quit */
        end_worker(watchdog, slot, at, HGH_KILLED_FOR_MEMORY);
        stage_set(at, STAGE_ABORTED, hgh_event_loop_now_ms());
        return;
    }
    if (at->asked_to_quit) {
        return;
    }
    hgh_log(HG_LOG_ERROR,
            "worker %d has %llu MiB of memory, more than hotgate.worker_memory: it ends when its "
            "requests have, and another one takes its place",
            (int)hgh_board_pid(at->owner), (unsigned long long)(bytes >> 20));
    at->asked_to_quit = true;
    signal_send(watchdog, at, SIGQUIT);
}

/* ------------------------------------------------------------------------------------ look */

static void on_look(void *context)
{
    hgh_watchdog *watchdog = context;
    uint64_t now_ms = hgh_event_loop_now_ms();
    uint64_t pause_ms = watchdog->options.slow_ms / LOOKS_PER_LIMIT;
    bool looks_at_memory =
        watchdog->options.memory_bytes != 0 && now_ms - watchdog->memory_ms >= MEMORY_MS;

    for (uint32_t i = 0; i < HGH_BOARD_SLOTS; i++) {
        hgh_board_slot *slot = &watchdog->board->slot[i];
        sight *at = &watchdog->sights[i];

        if (atomic_load_explicit(&slot->owner, memory_order_relaxed) == 0) {
            at->owner = 0;
            continue;
        }
        slot_look(watchdog, slot, at, now_ms);
        if (looks_at_memory) {
            memory_look(watchdog, slot, at);
        }
    }
    if (looks_at_memory) {
        watchdog->memory_ms = now_ms;
    }
    hgh_event_loop_timer_start(watchdog->options.loop, &watchdog->timer,
                               pause_ms == 0 ? 1 : pause_ms, on_look, watchdog);
}

hg_status
hgh_watchdog_new(const hgh_watchdog_options *options, hgh_watchdog **out_watchdog, hg_error *err)
{
    hgh_watchdog *watchdog = calloc(1, sizeof(*watchdog));

    if (watchdog == NULL) {
        return hg_error_set(err, HG_ERR_NO_MEMORY, "out of memory");
    }
    watchdog->options = *options;
    watchdog->board = hgh_board_map(options->board_fd, true);
    if (watchdog->board == NULL) {
        free(watchdog);
        return hg_error_set(err, HG_ERR_IO, "the board: %s", strerror(errno));
    }
    on_look(watchdog);
    *out_watchdog = watchdog;
    return HG_OK;
}

void hgh_watchdog_free(hgh_watchdog *watchdog)
{
    if (watchdog != NULL) {
        hgh_event_loop_timer_stop(watchdog->options.loop, &watchdog->timer);
        hgh_board_unmap(watchdog->board);
        free(watchdog);
    }
}
