/* host/core/request_wait.c - parks a request's callback and goes on behind the wait. */
#include "host/core/request_parts.h"

enum wait_kind {
    WAIT_SLEEP = 1,
    WAIT_DESCRIPTOR = 2,
    WAIT_BODY = 3,
};

static void wait_end(hg_request *request, hg_status status);

static void wait_timer_over(void *context)
{
    hg_request *request = context;

    wait_end(request, request->wait.kind == WAIT_SLEEP ? HG_OK : HG_ERR_TIMEOUT);
}

static void wait_descriptor_ready(void *context)
{
    wait_end(context, HG_OK);
}

static void wait_body_read(void *context, hg_status status)
{
    hg_request *request = context;

    if (request->wait.reading) { /* else the client has gone meanwhile */
        request->wait.reading = false;
        wait_end(request, status);
    }
}

/* Begins what the callback that has just parked waits for, on the main stack; false: no memory. */
static bool wait_arm(hg_request *request)
{
    hgh_wait *wait = &request->wait;
    const hgh_engine *engine = request->engine;
    uint64_t timeout_ms = wait->timeout_ms;

    if (wait->kind == WAIT_BODY) {
        wait->reading = true;
        engine->read_body(request->engine_request, wait_body_read, request);
        return true;
    }
    if (wait->kind == WAIT_DESCRIPTOR) {
        wait->watch = engine->watch(wait->fd, wait->events, wait_descriptor_ready, request);
        timeout_ms = wait->watch == NULL ? 0 : timeout_ms;
    }
    wait->timer = engine->start_timer(timeout_ms, wait_timer_over, request);
    return wait->timer != NULL;
}

/* Goes on behind the wait, on the coroutine; true: the callback has ended. */
static bool wait_resume(hg_request *request, hg_status status)
{
    hgh_wait *wait = &request->wait;
    hgh_blame *blame = hgh_request_blame(request);
    hgh_coroutine *coroutine = wait->coroutine;
    bool ended;

    request->engine->stop(wait->timer);
    request->engine->stop(wait->watch);
    wait->timer = NULL;
    /* A descriptor that cannot be watched ends its wait at once, by the timer. */
    wait->status = wait->kind == WAIT_DESCRIPTOR && wait->watch == NULL && status == HG_ERR_TIMEOUT
                       ? HG_ERR_IO
                       : status;
    wait->watch = NULL;
    hgh_marker_set(blame, request->step);
    ended = hgh_coroutine_resume(coroutine);
    hgh_marker_clear(blame);
    if (ended) {
        wait->coroutine = NULL;
        atomic_fetch_sub_explicit(&request->runtime->slot->requests_parked, 1,
                                  memory_order_relaxed);
    }
    return ended;
}

/* Begins the wait; false: it could not, and the callback has ended over that. */
bool hgh_request_wait_begin(hg_request *request)
{
    while (!wait_arm(request)) {
        if (wait_resume(request, HG_ERR_NO_MEMORY)) {
            return false;
        }
    }
    return true;
}

static void wait_end(hg_request *request, hg_status status)
{
    if (!wait_resume(request, status) && hgh_request_wait_begin(request)) {
        return;
    }
    request->verdict_ready = true;
    request->engine->resume(request->engine_request);
}

/* Parks the running callback. On a coroutine only. */
static hg_status wait_park(hg_request *request, uint8_t kind)
{
    if (!hgh_coroutine_is_running() || request->phase > HG_PHASE_BEFORE_PROXY) {
        return HG_ERR_UNSUPPORTED;
    }
    if (request->canceled) {
        return HG_CANCELED;
    }
    request->wait.kind = kind;
    hgh_coroutine_park();
    return request->wait.status;
}

hg_status hgh_request_sleep(hg_request *request, uint64_t duration_ms)
{
    request->wait.timeout_ms = duration_ms;
    return wait_park(request, WAIT_SLEEP);
}

hg_status hgh_request_wait_fd(hg_request *request, int fd, uint32_t events, uint64_t timeout_ms)
{
    if (fd < 0 || events == 0) {
        return HG_ERR_INVALID;
    }
    request->wait.fd = fd;
    request->wait.events = events;
    request->wait.timeout_ms = timeout_ms;
    return wait_park(request, WAIT_DESCRIPTOR);
}

hg_status hgh_request_read_body(hg_request *request, size_t max_bytes, hg_text *out_body)
{
    hg_status status = wait_park(request, WAIT_BODY);

    if (status == HG_ERR_IO || status == HG_ERR_TOO_LARGE) {
        hgh_request_body_was_read(request, status, (hg_text){0});
    }
    if (status != HG_OK) {
        return status;
    }
    status = request->engine->body(request->engine_request, max_bytes, out_body);
    if (status == HG_OK) { /* one that is longer than this plugin wants is taken by who wants it */
        hgh_request_body_was_read(request, HG_OK, *out_body);
    }
    return status;
}

void hgh_request_cancel(hg_request *request)
{
    hgh_wait *wait = &request->wait;

    request->canceled = true;
    hgh_request_body_cancel(request);
    hgh_runtime_wait_end(request->runtime, request);
    request->engine->stop(wait->resolution);
    wait->resolution = NULL;
    wait->reading = false;
    if (wait->coroutine == NULL) {
        return;
    }
    /* A second wait inside the callback is refused at once, so one resume ends it. */
    (void)wait_resume(request, HG_CANCELED);
    request->stage = HGH_STAGE_ANSWERED;
}
