/* host/core/offload.h - functions of plugins that block, on threads of the host's.
 *
 * A process without a second thread is faster in every call of the C library that locks, so the
 * threads are made when there is work for them, one by one. All functions here are called on the
 * worker's main thread.
 */
#ifndef HOST_CORE_OFFLOAD_H
#define HOST_CORE_OFFLOAD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <hotgate/error.h>

#include "host/core/board.h"
#include "host/core/engine.h"

#define HGH_OFFLOAD_THREADS 4u    /* unless the settings say otherwise, as does the next */
#define HGH_OFFLOAD_QUEUE   1000u /* functions that wait for a thread */

typedef struct hgh_offload hgh_offload;

/** One function. Its storage is the caller's, until it is over. */
typedef struct hgh_job {
    struct hgh_job *next;
    void (*function)(void *argument);
    void *argument;
    uint32_t object;                   /* the plugin's number, for the blame marker */
    void (*over)(struct hgh_job *job); /* on the main thread; not after hgh_offload_take_back() */
    bool finished;                     /* it has returned; guarded by the pool's lock */
} hgh_job;

/**
 * Makes a pool without a thread.
 *
 * engine   borrowed.
 * markers  of HGH_OFFLOAD_THREADS_MAX threads: where each says what it runs; borrowed.
 * threads, queue  at most; 0: as above.
 * Returns NULL if there is no memory.
 */
hgh_offload *hgh_offload_new(const hgh_engine *engine,
                             _Atomic uint64_t *markers,
                             uint32_t threads,
                             uint32_t queue);

/** Hands a function over. HG_OK; HG_ERR_FULL: too many wait already; HG_ERR_NO_MEMORY: there is no
 * thread for it, and none can be made. */
hg_status hgh_offload_begin(hgh_offload *offload, hgh_job *job);

/** Takes a function back that has not begun. False: a thread has it; with `now` its end is waited
 * for, and true returned. */
bool hgh_offload_take_back(hgh_offload *offload, hgh_job *job, bool now);

/** Waits for the functions that run, at most so long; false: one still does. */
bool hgh_offload_settle(hgh_offload *offload, uint32_t timeout_ms);

/** The marker of one of its threads; NULL: that is none of them. From a signal handler too. */
_Atomic uint64_t *hgh_offload_marker(const hgh_offload *offload, pid_t thread);

/** Ends the threads. No function may be left. Accepts NULL. */
void hgh_offload_free(hgh_offload *offload);

#endif
