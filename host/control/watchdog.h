/* host/control/watchdog.h - notices plugins that do not come back, and workers that grow.
 *
 * Control looks at every worker's blame marker. A thread inside the worker could do the same, but a
 * process with a second thread pays for it in every call of the C library that locks or may be
 * canceled: 300 instructions a request, measured. */
#ifndef HOST_CONTROL_WATCHDOG_H
#define HOST_CONTROL_WATCHDOG_H

#include <stdint.h>
#include <sys/types.h>

#include <hotgate/error.h>

#include "host/core/board.h"
#include "host/core/event_loop.h"

typedef struct hgh_watchdog hgh_watchdog;

/** All borrowed, as long as it lives. */
typedef struct hgh_watchdog_options {
    hgh_event_loop *loop;
    int board_fd;
    uint64_t slow_ms;  /* a call that runs for longer is counted once, and reported with its stack
                          unless one like it was a moment ago */
    uint64_t limit_ms; /* one that runs for longer ends its worker; 0: none does */
    uint64_t memory_bytes; /* a worker that has more to itself is replaced; 0: none is */
    /** The name of the plugin with that number; borrowed until the next call. */
    const char *(*plugin_name)(void *context, uint32_t number);
    /** Has a signal sent to a worker: HGH_SIGHTING_SIGNAL, SIGABRT, SIGKILL or SIGQUIT. */
    void (*signal_worker)(void *context, pid_t pid, int number);
    void *context;
} hgh_watchdog_options;

/** Begins to look. out_watchdog: on HG_OK the caller's; else untouched. */
hg_status
hgh_watchdog_new(const hgh_watchdog_options *options, hgh_watchdog **out_watchdog, hg_error *err);

/** Accepts NULL. */
void hgh_watchdog_free(hgh_watchdog *watchdog);

#endif
