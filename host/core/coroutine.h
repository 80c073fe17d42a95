/* host/core/coroutine.h - stacks for plugin callbacks that wait.
 *
 * A callback that may wait runs on a stack of its own, so that parking it is a switch back to the
 * worker's main stack. Stacks are pooled; each has a guard page below it. A stack is given back
 * only when its callback has returned: one that is abandoned would leak what the callback holds.
 */
#ifndef HOST_CORE_COROUTINE_H
#define HOST_CORE_COROUTINE_H

#include <stdbool.h>
#include <stdint.h>

#define HGH_COROUTINE_STACK_BYTES (256u << 10) /* only touched pages cost memory */
#define HGH_COROUTINE_IDLE_MAX    256u         /* stacks kept for later */

typedef struct hgh_coroutine hgh_coroutine;

/** The stacks of one process. */
typedef struct hgh_coroutine_pool {
    hgh_coroutine *idle;
    uint32_t idle_count;
    uint32_t active;     /* begun and not ended */
    uint32_t active_max; /* more are refused */
} hgh_coroutine_pool;

/**
 * Begins a function on a stack of its own and returns when it parks or ends. Main stack only.
 *
 * out_coroutine  the parked coroutine, or NULL if the function has returned already.
 * Returns false, with nothing run, if active_max are under way or there is no memory for a stack.
 */
bool hgh_coroutine_begin(hgh_coroutine_pool *pool,
                         void (*function)(void *context),
                         void *context,
                         hgh_coroutine **out_coroutine);

/** Goes on behind hgh_coroutine_park() until the next one or the end; true at the end, when the
 * coroutine exists no more. Main stack only. */
bool hgh_coroutine_resume(hgh_coroutine *coroutine);

/** Switches back to the main stack until resumed. Only on a coroutine. */
void hgh_coroutine_park(void);

/** True on a coroutine's stack, false on the main one. */
bool hgh_coroutine_is_running(void);

/** Unmaps the idle stacks. */
void hgh_coroutine_pool_done(hgh_coroutine_pool *pool);

#endif
