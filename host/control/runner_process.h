/* host/control/runner_process.h - one runner, kept running by the supervisor. */
#ifndef HOST_CONTROL_RUNNER_PROCESS_H
#define HOST_CONTROL_RUNNER_PROCESS_H

#include <stdbool.h>
#include <sys/types.h>

#include <jansson.h>

#include <hotgate/error.h>

#include "host/control/instance.h"
#include "host/control/runner_plan.h"
#include "host/core/event_loop.h"

typedef struct hgh_runner_process hgh_runner_process;

typedef struct hgh_runner_process_options {
    hgh_event_loop *loop;         /* borrowed */
    const hgh_instance *instance; /* borrowed */
    const char *name;             /* copied: before what the log has of it */
    unsigned free_restarts;       /* in a row that wait for nothing */
    /** It has started, or ended: what hgh_runner_process_json() says is another. */
    void (*on_change)(void *context);
    void *context;
} hgh_runner_process_options;

/** Starts it, as soon as the loop runs. plan: taken over. NULL: no memory. As root it is the
 * workers' user: they have to reach each other's socket, and its code is no more trusted. */
hgh_runner_process *hgh_runner_process_new(const hgh_runner_process_options *options,
                                           hgh_runner_plan *plan);

/** From now on it is started so: the running one ends first, as runners remove their socket at
 * their end. Nothing happens if that is how it runs. One that was to stop is started again when it
 * has ended. plan: taken over. */
void hgh_runner_process_change(hgh_runner_process *process, hgh_runner_plan *plan);

/** It ends, within a second or by SIGKILL, and is not started again. */
void hgh_runner_process_stop(hgh_runner_process *process);

/** It has been told to. */
bool hgh_runner_process_is_stopping(const hgh_runner_process *process);

void hgh_runner_process_kill(const hgh_runner_process *process);

/** 0: it does not run now. */
pid_t hgh_runner_process_pid(const hgh_runner_process *process);

/** It has been waited for. */
void hgh_runner_process_ended(hgh_runner_process *process, int wait_status);

/** {name, pid or null, since or null, restarts, last_exit or null, program, socket}; NULL: no
 * memory.
 */
json_t *hgh_runner_process_json(const hgh_runner_process *process);

/** Accepts NULL. It does not run. */
void hgh_runner_process_free(hgh_runner_process *process);

#endif
