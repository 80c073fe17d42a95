/* host/control/kept_process.h - a child that is started again whenever it ends. */
#ifndef HOST_CONTROL_KEPT_PROCESS_H
#define HOST_CONTROL_KEPT_PROCESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <hotgate/error.h>

#include "host/core/event_loop.h"

/** The first seven are the caller's to set, the rest begins as zero. */
typedef struct hgh_kept_process {
    hgh_event_loop *loop;
    const char *name;             /* in the log */
    hgh_event_loop_on_time start; /* makes the process and sets `pid` */
    void *context;                /* of start */
    uint64_t back_off_max_ms;     /* of the doubling wait before a start */
    unsigned free_restarts;       /* in a row that wait for nothing */
    bool has_group;               /* signals go to all of its process group */

    pid_t pid; /* 0: not running */
    uint64_t started_ms;
    uint64_t back_off_ms; /* before the next start; 0: the first one's */
    unsigned ends;        /* in a row, none of them after a good run */
    bool restart_at_once; /* it was asked to end */
    hgh_event_loop_timer restart;
    hgh_event_loop_timer kill_it;
} hgh_kept_process;

/** Sends a signal, if it runs. */
void hgh_kept_process_signal(const hgh_kept_process *one, int number);

/** Sends a signal to end it, and after `grace_ms` SIGKILL. */
void hgh_kept_process_end(hgh_kept_process *one, int number, uint64_t grace_ms);

/** It has ended: takes the pid away, and no signal will follow. */
void hgh_kept_process_ended(hgh_kept_process *one);

/** Logs how `pid` ended and starts it again: at once if it was asked to end, else after its
 * back-off. Call hgh_kept_process_ended() before. */
void hgh_kept_process_restart(hgh_kept_process *one, pid_t pid, int wait_status);

/** The same for a start that came to nothing without any child. */
void hgh_kept_process_start_failed(hgh_kept_process *one, const hg_error *err);

/** It is not started again. */
void hgh_kept_process_give_up(hgh_kept_process *one);

#endif
