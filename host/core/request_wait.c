/* host/core/request_wait.c - a request whose callback waits, and one that is to end. */
#include "host/core/request_parts.h"

static hg_request *request_of(const hgh_wait *wait)
{
    return (hg_request *)(uintptr_t)((const char *)wait - offsetof(hg_request, wait));
}

static bool may_wait(const hgh_wait *wait)
{
    const hg_request *request = request_of(wait);

    if (!hgh_phase_has_verdict(request->phase)) {
        return false;
    }
    /* A called request is on a coroutine whatever its plugins have asked for. */
    return !request->is_called ||
           (hgh_request_configuration(request)->plugin->descriptor->flags & HG_WAITS) != 0;
}

static void enter(hgh_wait *wait)
{
    hg_request *request = request_of(wait);

    if (request->phase != HG_PHASE_NONE) { /* a called request may wait between its phases */
        hgh_marker_set(hgh_request_blame(request), request->step);
    }
}

static void leave(hgh_wait *wait, bool ended)
{
    const hg_request *request = request_of(wait);

    hgh_marker_clear(hgh_request_blame(request));
    if (ended) {
        atomic_fetch_sub_explicit(&request->runtime->slot->requests_parked, 1,
                                  memory_order_relaxed);
    }
}

static void wait_ended(hgh_wait *wait)
{
    hg_request *request = request_of(wait);

    if (request->is_called) {
        return; /* who runs on the coroutine says so itself */
    }
    request->verdict_ready = true;
    if (wait->canceled) {
        request->stage = HGH_STAGE_ANSWERED;
    }
    request->engine->resume(request->engine_request);
}

static void *allocate(hgh_wait *wait, size_t size)
{
    const hg_request *request = request_of(wait);

    return request->engine->allocate(request->engine_request, size);
}

static hgh_plugin_host *plugin_host_of(const hgh_wait *wait)
{
    return &request_of(wait)->runtime->plugin_host;
}

static hgh_engine_request *engine_request_of(const hgh_wait *wait)
{
    return request_of(wait)->engine_request;
}

const hgh_wait_owner hgh_request_wait_owner = {
    .may_wait = may_wait,
    .enter = enter,
    .leave = leave,
    .ended = wait_ended,
    .allocate = allocate,
    .plugin_host = plugin_host_of,
    .engine_request = engine_request_of,
};

/* ------------------------------------------------------------------------------------ body */

typedef struct body_operation {
    hgh_operation operation;
    hg_request *request;
} body_operation;

static void body_read(void *context, hg_status status)
{
    hg_request *request = context;

    if (request->reading) { /* else the client has gone meanwhile */
        request->reading = false;
        hgh_wait_over(&request->wait, status);
    }
}

static hg_status body_begin(hgh_operation *operation, hgh_wait *wait)
{
    hg_request *request = ((body_operation *)(void *)operation)->request;

    (void)wait;
    request->reading = true;
    request->engine->read_body(request->engine_request, body_read, request);
    return HG_OK;
}

static bool body_cancel(hgh_operation *operation, bool now)
{
    (void)now;
    ((body_operation *)(void *)operation)->request->reading = false;
    return true;
}

hg_status hgh_request_read_body(hg_request *request, size_t max_bytes, hg_text *out_body)
{
    hgh_wait *wait = request == NULL ? NULL : hgh_wait_of(request);
    body_operation self = {{.begin = body_begin, .cancel = body_cancel}, request};
    hg_status status = HG_OK;

    if (wait == NULL) {
        return HG_ERR_UNSUPPORTED;
    }
    if (request->phase != HG_PHASE_RESPONSE) { /* where it has gone upstream already */
        status = hgh_wait_for(wait, &self.operation);
    }
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

/* --------------------------------------------------------------------------------- the end */

static bool request_cancel(hg_request *request, bool now)
{
    bool waits = request->wait.coroutine != NULL;

    hgh_request_body_cancel(request);
    hgh_runtime_wait_end(request->runtime, request);
    request->engine->stop(request->resolution);
    request->resolution = NULL;
    if (!hgh_wait_cancel(&request->wait, now)) {
        return false;
    }
    request->reading = false;
    if (waits) {
        request->stage = HGH_STAGE_ANSWERED;
    }
    return true;
}

void hgh_request_cancel(hg_request *request)
{
    (void)request_cancel(request, true);
}

bool hgh_request_cancel_begin(hg_request *request)
{
    return request_cancel(request, false);
}
