/* host/core/event_loop.h - the loop of a single thread: descriptors, timers, signals. */
#ifndef HOST_CORE_EVENT_LOOP_H
#define HOST_CORE_EVENT_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#include <hotgate/error.h>

/** One thread's loop. Every function is for that thread only. */
typedef struct hgh_event_loop hgh_event_loop;

/** A descriptor is ready; `events` are epoll's (EPOLLIN, ...). */
typedef void (*hgh_event_loop_on_ready)(void *context, uint32_t events);

typedef void (*hgh_event_loop_on_time)(void *context);

typedef void (*hgh_event_loop_on_signal)(void *context, int number);

/**
 * A call that is due: the caller's storage, zero-initialised, alive until it has run or was
 * stopped. Inside are links of the loop; nobody else writes them.
 */
typedef struct hgh_event_loop_timer {
    struct hgh_event_loop_timer *next;
    struct hgh_event_loop_timer *previous;
    uint64_t due_ms;
    hgh_event_loop_on_time call;
    void *context;
    bool is_waiting;
} hgh_event_loop_timer;

/** out_loop: on HG_OK owned by the caller; else untouched. HG_OK, HG_ERR_NO_MEMORY, HG_ERR_IO. */
hg_status hgh_event_loop_new(hgh_event_loop **out_loop, hg_error *err);

/** Closes what the loop opened, not the watched descriptors. Accepts NULL. */
void hgh_event_loop_free(hgh_event_loop *loop);

/**
 * Calls `call` whenever one of `events` (epoll's bits, EPOLLET included if given) holds. Watching a
 * watched descriptor replaces what was asked before.
 * Returns HG_OK, HG_ERR_NO_MEMORY or HG_ERR_IO.
 */
hg_status hgh_event_loop_watch(hgh_event_loop *loop,
                               int fd,
                               uint32_t events,
                               hgh_event_loop_on_ready call,
                               void *context,
                               hg_error *err);

/** Before the descriptor is closed. Nothing is called for it any more, not even in this turn. */
void hgh_event_loop_unwatch(hgh_event_loop *loop, int fd);

/** Calls once, `after_ms` of monotonic time from now; a waiting timer is set anew. */
void hgh_event_loop_timer_start(hgh_event_loop *loop,
                                hgh_event_loop_timer *timer,
                                uint64_t after_ms,
                                hgh_event_loop_on_time call,
                                void *context);

/** Harmless if it is not waiting. */
void hgh_event_loop_timer_stop(hgh_event_loop *loop, hgh_event_loop_timer *timer);

/** Calls once, after the callback that runs now and before the loop waits again. */
void hgh_event_loop_defer(hgh_event_loop *loop,
                          hgh_event_loop_timer *timer,
                          hgh_event_loop_on_time call,
                          void *context);

/**
 * Blocks the signal in this thread and delivers it through the loop. Start no thread before that is
 * to leave it alone. Returns HG_OK or HG_ERR_IO.
 */
hg_status hgh_event_loop_signal(
    hgh_event_loop *loop, int number, hgh_event_loop_on_signal call, void *context, hg_error *err);

/** Runs until hgh_event_loop_stop(). Returns HG_OK or HG_ERR_IO. */
hg_status hgh_event_loop_run(hgh_event_loop *loop, hg_error *err);

/** Ends hgh_event_loop_run() once the callback that runs now has returned. */
void hgh_event_loop_stop(hgh_event_loop *loop);

/** Monotonic milliseconds, read now. */
uint64_t hgh_event_loop_now_ms(void);

#endif
