/* host/control/runners.h - all runners that the supervisor keeps running. */
#ifndef HOST_CONTROL_RUNNERS_H
#define HOST_CONTROL_RUNNERS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include <hotgate/error.h>

#include "host/control/event_loop.h"
#include "host/control/instance.h"
#include "host/control/settings.h"

typedef struct hgh_runners hgh_runners;

#define HGH_RUNNERS_MAX 8u /* at a time */

/** Both are borrowed. NULL: no memory. */
hgh_runners *hgh_runners_new(hgh_event_loop *loop, const hgh_instance *instance);

/** The runner of ext-plugin.cmd is as these settings say: started, started anew if it differs,
 * ended. Returns HG_OK; or what it returns, and nothing has changed. */
hg_status hgh_runners_configure(hgh_runners *runners, const hgh_settings *settings, hg_error *err);

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
