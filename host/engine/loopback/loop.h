/* host/engine/loopback/loop.h - timers on a clock that only a test moves, and descriptors. */
#ifndef HOST_ENGINE_LOOPBACK_LOOP_H
#define HOST_ENGINE_LOOPBACK_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#include "host/core/engine.h"

/** Zero-initialise, set the clocks, then hgh_loop_done(). */
typedef struct hgh_loop {
    uint64_t now_ms;
    int64_t wall_ms;
    uint64_t sequence;          /* of the next handle: timers of one time keep their order */
    hgh_engine_handle *handles; /* owned; stopped ones are freed between callbacks */
} hgh_loop;

/** NULL: no memory. */
hgh_engine_handle *
hgh_loop_start_timer(hgh_loop *loop, uint64_t delay_ms, hgh_callback done, void *context);

/** As epoll, it cannot watch a regular file or a directory: NULL. */
hgh_engine_handle *
hgh_loop_watch(hgh_loop *loop, int fd, uint32_t events, hgh_callback ready, void *context);

/** Memory of malloc() that is freed with the handle. */
void hgh_loop_own(hgh_engine_handle *handle, void *memory);

/** Accepts NULL. Its callback does not come any more. */
void hgh_loop_stop(hgh_engine_handle *handle);

/**
 * Runs what is due and what is ready until nothing is, first waiting up to real_timeout_ms for a
 * descriptor. Returns how many callbacks ran; UINT32_MAX: they do not come to an end.
 */
uint32_t hgh_loop_run(hgh_loop *loop, int real_timeout_ms);

/** When the next timer is over; false: there is none. */
bool hgh_loop_next_timer(const hgh_loop *loop, uint64_t *out_due_ms);

/** True if any descriptor is watched. */
bool hgh_loop_is_watching(const hgh_loop *loop);

/** Moves both clocks. */
void hgh_loop_advance(hgh_loop *loop, uint64_t duration_ms);

/** Frees all handles. */
void hgh_loop_done(hgh_loop *loop);

#endif
