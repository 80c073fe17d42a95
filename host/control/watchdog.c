/* host/control/watchdog.c - notices a plugin's callback that does not come back. */
#include "host/control/watchdog.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "host/control/control_log.h"

#define LOOKS_PER_LIMIT 4u

/* What one worker was doing at the last look. */
typedef struct sight {
    uint64_t marker;
    uint64_t since_ms;
    bool reported;
} sight;

struct hgh_watchdog {
    hgh_watchdog_options options;
    hgh_board *board;
    hgh_event_loop_timer timer;
    sight sights[HGH_BOARD_SLOTS];
};

static void report(hgh_watchdog *watchdog, hgh_board_slot *slot, uint64_t marker, uint64_t ran_ms)
{
    atomic_fetch_add_explicit(&slot->slow_calls, 1, memory_order_relaxed);
    hgh_log(HG_LOG_WARN, "worker %d: plugin %s has been running for %llu ms in %s",
            (int)hgh_board_pid(atomic_load(&slot->owner)),
            watchdog->options.plugin_name(watchdog->options.context, hgh_marker_object(marker)),
            (unsigned long long)ran_ms, hgh_call_name(hgh_marker_call(marker)));
}

static void slot_look(hgh_watchdog *watchdog, uint32_t index, uint64_t now_ms)
{
    hgh_board_slot *slot = &watchdog->board->slot[index];
    sight *last = &watchdog->sights[index];
    uint64_t marker = atomic_load_explicit(&slot->marker, memory_order_relaxed);

    if (marker == 0 || marker != last->marker) {
        *last = (sight){.marker = marker, .since_ms = now_ms};
    } else if (!last->reported && now_ms - last->since_ms >= watchdog->options.limit_ms) {
        last->reported = true;
        report(watchdog, slot, marker, now_ms - last->since_ms);
    }
}

static void on_look(void *context)
{
    hgh_watchdog *watchdog = context;
    uint64_t now_ms = hgh_event_loop_now_ms();
    uint64_t pause_ms = watchdog->options.limit_ms / LOOKS_PER_LIMIT;

    for (uint32_t i = 0; i < HGH_BOARD_SLOTS; i++) {
        if (atomic_load_explicit(&watchdog->board->slot[i].owner, memory_order_relaxed) != 0) {
            slot_look(watchdog, i, now_ms);
        }
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
