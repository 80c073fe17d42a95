/* host/core/wait.h - a plugin's call that waits: parked on its coroutine, gone on with later.
 *
 * What is waited for is an operation: a time, a descriptor, a body, the answer of another server, a
 * function on a thread. Who waits is an owner: a request, or a run of a timer.
 */
#ifndef HOST_CORE_WAIT_H
#define HOST_CORE_WAIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <hotgate/error.h>
#include <hotgate/host.h>

#include "host/core/coroutine.h"
#include "host/core/engine.h"

struct hgh_plugin_host;
typedef struct hgh_wait hgh_wait;

/** Begun and ended on the main stack; it stands on the stack of the call that waits for it. */
typedef struct hgh_operation {
    /** Begins it: hgh_wait_over() follows, not before this has returned. Anything else than HG_OK
     * is what the waiting call returns at once. */
    hg_status (*begin)(struct hgh_operation *operation, hgh_wait *wait);
    /** Gives it up: hgh_wait_over() does not come any more. False: it has to come to its end, which
     * comes by hgh_wait_over() as ever; with `now` that is waited for, and true returned. */
    bool (*cancel)(struct hgh_operation *operation, bool now);
} hgh_operation;

typedef struct hgh_wait_owner {
    /** True if its callback may wait where it is. */
    bool (*may_wait)(const hgh_wait *wait);
    /** Around each going on. */
    void (*enter)(hgh_wait *wait);
    void (*leave)(hgh_wait *wait, bool ended);
    /** The callback has ended behind a wait. Not called by hgh_wait_cancel(). */
    void (*ended)(hgh_wait *wait);
    /** Memory that lives as long as the owner; NULL: there is none. */
    void *(*allocate)(hgh_wait *wait, size_t size);
    struct hgh_plugin_host *(*plugin_host)(const hgh_wait *wait);
    /** Whose names are looked up; NULL: of no request. */
    hgh_engine_request *(*engine_request)(const hgh_wait *wait);
} hgh_wait_owner;

/** A callback that may wait. */
struct hgh_wait {
    const hgh_wait_owner *owner;
    hgh_coroutine *coroutine; /* parked; NULL: none */
    hgh_operation *operation; /* waited for; NULL: none */
    hg_status status;         /* what the waiting call returns */
    bool canceled;
};

/** How a plugin's call may wait: `request` as it was given, NULL in a timer. NULL: it may not. */
hgh_wait *hgh_wait_of(hg_request *request);

/**
 * Parks the running callback until an operation is over. On its coroutine.
 *
 * Returns what ended it, or HG_CANCELED without beginning it when the owner is to end.
 */
hg_status hgh_wait_for(hgh_wait *wait, hgh_operation *operation);

/** Begins the operation of a callback that has just parked; false: it could not, and the callback
 * has ended over that. Main stack only. */
bool hgh_wait_begin(hgh_wait *wait);

/** The operation is over: goes on with the callback. Main stack only. */
void hgh_wait_over(hgh_wait *wait, hg_status status);

/** Ends a parked callback, if there is one: its call returns HG_CANCELED, and a further one at
 * once. False, never with `now`: it goes on to the end of its operation first. Main stack only. */
bool hgh_wait_cancel(hgh_wait *wait, bool now);

/** The functions behind <hotgate/wait.h> that need no request. */
hg_status hgh_wait_sleep(hgh_wait *wait, uint64_t duration_ms);
hg_status hgh_wait_descriptor(hgh_wait *wait, int fd, uint32_t events, uint64_t timeout_ms);

#endif
