/* host/control/runners.h - all runners that the supervisor keeps running. */
#ifndef HOST_CONTROL_RUNNERS_H
#define HOST_CONTROL_RUNNERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <hotgate/error.h>

#include "host/control/instance.h"
#include "host/control/settings.h"
#include "host/core/event_loop.h"

typedef struct hgh_runners hgh_runners;

#define HGH_ISOLATED_MAX 4u  /* isolated ones at a time */
#define HGH_RUNNERS_MAX  16u /* all, with those that are about to end */

/** Both are borrowed. NULL: no memory. */
hgh_runners *hgh_runners_new(hgh_event_loop *loop, const hgh_instance *instance);

/** The runner of ext-plugin.cmd is as these settings say: started, started anew if it differs,
 * ended; isolated ones are started anew if their environment differs. Returns HG_OK, or why not. */
hg_status hgh_runners_configure(hgh_runners *runners, const hgh_settings *settings, hg_error *err);

/**
 * The isolated runner of a generation runs from now on, restarted at once if it dies: its manifest
 * is in HGH_ISOLATED_MANIFEST. Nothing happens if it does. Of more than HGH_ISOLATED_MAX the oldest
 * ends.
 */
hg_status hgh_runners_isolate(hgh_runners *runners,
                              const hgh_settings *settings,
                              uint64_t generation,
                              hg_error *err);

/** Those of all other generations end. */
void hgh_runners_keep(hgh_runners *runners, uint64_t generation);

/** That of this generation ends, if there is one. */
void hgh_runners_drop(hgh_runners *runners, uint64_t generation);

/** True if that process is one of them. */
bool hgh_runners_have(const hgh_runners *runners, pid_t pid);

/** One of them has been waited for. */
void hgh_runners_ended(hgh_runners *runners, pid_t pid, int wait_status);

/** The processes of those that run; their number. */
size_t hgh_runners_pids(const hgh_runners *runners, pid_t into[HGH_RUNNERS_MAX]);

/** All of them end, and no other is started. Harmless when it was called before. */
void hgh_runners_stop(hgh_runners *runners);

/** Ends them without ado. */
void hgh_runners_kill(const hgh_runners *runners);

/** None is running any more. Accepts NULL. */
void hgh_runners_free(hgh_runners *runners);

#endif
