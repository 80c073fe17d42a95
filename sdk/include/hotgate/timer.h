/* hotgate/timer.h - work that a plugin does by itself, apart from requests. */
#ifndef HOTGATE_TIMER_H
#define HOTGATE_TIMER_H

#include <stddef.h>
#include <stdint.h>

#include <hotgate/error.h>
#include <hotgate/host.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * A timer belongs to the loaded object that started it. It runs from when that is in service (what
 * init() starts does not run in the probe, nor while a reload is undecided) until exit() is called;
 * the host stops what is left then. Its callback runs on the worker's main thread as those of
 * requests do: it must not block. In a plugin with HG_WAITS it may call the functions of
 * <hotgate/wait.h> and <hotgate/http.h>, with NULL as request; after HG_CANCELED, which comes when
 * the worker ends, it must return. Whatever is marked [any] may be called in it.
 */

/** A timer; the plugin's until it has stopped it, or until exit(). */
typedef struct hg_timer hg_timer;

/** Flags of a timer. ABI: a value never changes its meaning. */
typedef enum hg_timer_flag {
    HG_TIMER_ONE_WORKER = 1, /* with every_ms: each turn runs in one worker of this gateway,
                                whichever comes first, and not in all of them; `every_ms` counts
                                from the begin of a turn then */
} hg_timer_flag;

#define HG_TIMER_NAME_MAX 31u /* bytes of a timer's name */
#define HG_TIMERS_MAX     64u /* of one plugin, at once */

/** How a timer runs. Zero-initialise it and set what is needed. ABI: fields are only appended. */
typedef struct hg_timer_options {
    const char *name;  /* [a-z0-9_-], for the log; workers know one and the same timer by it */
    uint64_t first_ms; /* from the start, or from when the plugin is in service; to 2^40 */
    uint64_t every_ms; /* from the end of one turn to the next; 0: there is one turn; to 2^40 */
    uint32_t flags;    /* of hg_timer_flag */
    uint32_t reserved;
    void (*on_time)(hg_timer *timer, void *context);
    void *context; /* the plugin's */
} hg_timer_options;

/** The host's side of this header. ABI: fields are only appended. */
typedef struct hg_timer_api {
    uint32_t size;
    uint32_t reserved;
    hg_status (*start)(const hg_host *host,
                       const hg_timer_options *options,
                       size_t options_size,
                       hg_timer **out_timer,
                       hg_error *err);
    void (*stop)(hg_timer *timer);
} hg_timer_api;

/**
 * Starts a timer. [any]
 *
 * options    copied.
 * out_timer  NULL: nobody stops it, and one of a single turn is gone after it. Otherwise, on HG_OK,
 *            valid until hg_timer_stop() or exit(), also when its last turn is over.
 * Returns HG_OK, HG_ERR_INVALID, HG_ERR_EXISTS (one of that name), HG_ERR_FULL (HG_TIMERS_MAX, or
 * no shared memory for HG_TIMER_ONE_WORKER), HG_ERR_TOO_LATE (in exit()) or HG_ERR_NO_MEMORY.
 */
static inline hg_status
hg_timer_start(const hg_timer_options *options, hg_timer **out_timer, hg_error *err)
{
    return hg_host_slot->timer->start(hg_host_slot, options, sizeof(*options), out_timer, err);
}

/** Stops a timer, which is gone then; accepts NULL. [any] Its callback does not come any more; one
 * that waits in a call goes on to its end. */
static inline void hg_timer_stop(hg_timer *timer)
{
    hg_host_slot->timer->stop(timer);
}

#ifdef __cplusplus
}
#endif

#endif
