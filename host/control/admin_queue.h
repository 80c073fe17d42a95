/* host/control/admin_queue.h - what changes the state of the gateway runs one at a time, in order.
 */
#ifndef HOST_CONTROL_ADMIN_QUEUE_H
#define HOST_CONTROL_ADMIN_QUEUE_H

#include <stdbool.h>
#include <stddef.h>

#include "host/core/event_loop.h"

/** Writes and reloads wait here for their turn. */
typedef struct hgh_admin_queue hgh_admin_queue;

/** One turn: the caller's storage, alive until it has ended. */
typedef struct hgh_admin_job {
    struct hgh_admin_job *next;
    /** Its turn has come. It may end before run() returns or long after. */
    void (*run)(struct hgh_admin_job *job);
    /** The queue goes away before its turn has come, or while it runs. */
    void (*cancel)(struct hgh_admin_job *job);
} hgh_admin_job;

/** NULL: no memory. */
hgh_admin_queue *hgh_admin_queue_new(hgh_event_loop *loop);

/** Cancels the jobs that have not ended. Accepts NULL. */
void hgh_admin_queue_free(hgh_admin_queue *queue);

/** Puts a job at the end; it is never run before this returns. */
void hgh_admin_queue_add(hgh_admin_queue *queue, hgh_admin_job *job);

/** The running job has ended; the next one is run from the event loop. */
void hgh_admin_queue_end(hgh_admin_queue *queue);

/** Jobs that run or wait. */
size_t hgh_admin_queue_count(const hgh_admin_queue *queue);

#endif
