/* host/core/crash_handler.h - a worker says itself where it is: when it dies, and when it is asked.
 *
 * One process has one handler. It runs on a stack of its own, writes what it saw to the worker's
 * slot on the board and to the log, and leaves the death itself to the system, so that there is a
 * core file where the operator wants one.
 */
#ifndef HOST_CORE_CRASH_HANDLER_H
#define HOST_CORE_CRASH_HANDLER_H

#include <signal.h>

#include <hotgate/error.h>

#include "host/core/crash_record.h"
#include "host/core/plugin.h"

/** Asks a worker where it is; a process without the handler takes no notice. */
#define HGH_SIGHTING_SIGNAL SIGURG

/**
 * Puts the handler in place, for the calling thread's stack.
 *
 * plugin_host, seen  borrowed until hgh_crash_handler_remove(); `seen` is the slot's.
 */
hg_status
hgh_crash_handler_install(const hgh_plugin_host *plugin_host, hgh_sighting *seen, hg_error *err);

/** Puts the system's handlers back. */
void hgh_crash_handler_remove(void);

#endif
