/* host/core/wait.c - a plugin's call that waits: parked on its coroutine, gone on with later. */
#include "host/core/wait.h"

#include "host/core/plugin.h"

/* ---------------------------------------------------------------------------------- parking */

hg_status hgh_wait_for(hgh_wait *wait, hgh_operation *operation)
{
    if (wait->canceled) {
        return HG_CANCELED;
    }
    wait->operation = operation;
    hgh_coroutine_park();
    return wait->status;
}

/* Goes on behind the wait, on the coroutine; true: the callback has ended. */
static bool wait_resume(hgh_wait *wait, hg_status status)
{
    bool ended;

    wait->operation = NULL;
    wait->status = wait->canceled ? HG_CANCELED : status;
    wait->owner->enter(wait);
    ended = hgh_coroutine_resume(wait->coroutine);
    if (ended) {
        wait->coroutine = NULL;
    }
    wait->owner->leave(wait, ended);
    return ended;
}

bool hgh_wait_begin(hgh_wait *wait)
{
    hg_status status = wait->operation->begin(wait->operation, wait);

    while (status != HG_OK) {
        if (wait_resume(wait, status)) {
            return false;
        }
        status = wait->operation->begin(wait->operation, wait);
    }
    return true;
}

void hgh_wait_over(hgh_wait *wait, hg_status status)
{
    if (wait_resume(wait, status) || !hgh_wait_begin(wait)) {
        wait->owner->ended(wait);
    }
}

bool hgh_wait_cancel(hgh_wait *wait, bool now)
{
    wait->canceled = true;
    if (wait->coroutine == NULL) {
        return true;
    }
    /* A second wait inside the callback is refused at once, so one resume ends it. */
    return wait->operation->cancel(wait->operation, now) && wait_resume(wait, HG_CANCELED);
}

/* ------------------------------------------------------------------------------------ time */

typedef struct time_operation {
    hgh_operation operation;
    const hgh_engine *engine;
    hgh_wait *wait;
    uint64_t duration_ms;
    hgh_engine_handle *timer;
    int fd; /* -1: for the time alone */
    uint32_t events;
    hgh_engine_handle *watch;
} time_operation;

static void time_stop(time_operation *self)
{
    self->engine->stop(self->timer);
    self->engine->stop(self->watch);
    self->timer = NULL;
    self->watch = NULL;
}

static void time_over(void *context)
{
    time_operation *self = context;

    time_stop(self);
    hgh_wait_over(self->wait, self->fd < 0 ? HG_OK : HG_ERR_TIMEOUT);
}

static void descriptor_ready(void *context)
{
    time_operation *self = context;

    time_stop(self);
    hgh_wait_over(self->wait, HG_OK);
}

static hg_status time_begin(hgh_operation *operation, hgh_wait *wait)
{
    time_operation *self = (time_operation *)(void *)operation;

    self->wait = wait;
    if (self->fd >= 0) {
        self->watch = self->engine->watch(self->fd, self->events, descriptor_ready, self);
        if (self->watch == NULL) {
            return HG_ERR_IO;
        }
    }
    /* A worker that is to end waits for requests. */
    self->timer = (wait->owner->engine_request(wait) == NULL
                       ? self->engine->start_background_timer
                       : self->engine->start_timer)(self->duration_ms, time_over, self);
    if (self->timer == NULL) {
        time_stop(self);
        return HG_ERR_NO_MEMORY;
    }
    return HG_OK;
}

static bool time_cancel(hgh_operation *operation, bool now)
{
    (void)now;
    time_stop((time_operation *)(void *)operation);
    return true;
}

hg_status hgh_wait_sleep(hgh_wait *wait, uint64_t duration_ms)
{
    return hgh_wait_descriptor(wait, -1, 0, duration_ms);
}

hg_status hgh_wait_descriptor(hgh_wait *wait, int fd, uint32_t events, uint64_t timeout_ms)
{
    time_operation self = {
        .operation = {.begin = time_begin, .cancel = time_cancel},
        .engine = wait->owner->plugin_host(wait)->engine,
        .duration_ms = timeout_ms,
        .fd = fd,
        .events = events,
    };

    return hgh_wait_for(wait, &self.operation);
}
