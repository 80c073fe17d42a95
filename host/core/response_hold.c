/* host/core/response_hold.c - the response of an upstream, held while plugins decide on it. */
#include "host/core/response_hold.h"

#include "host/core/host_api_internal.h"
#include "host/core/request_parts.h"

#define PARTIAL_CONTENT 206u

/* -------------------------------------------------------------------------------- the phase */

static bool hold_begin(hg_request *request)
{
    request->hold = hgh_request_allocate(request, sizeof(*request->hold));
    if (request->hold == NULL) {
        hgh_request_log_line(request, HG_LOG_ERROR, "the response cannot be held: no memory");
        return false;
    }
    *request->hold = (hgh_response_hold){.status = HG_OK, .refused = HG_OK};
    return true;
}

static hgh_outcome chain_run(hg_request *request, const hgh_chain *chain)
{
    return chain == NULL ? HGH_GO_UPSTREAM
                         : hgh_request_phase_run(request, chain, HG_PHASE_RESPONSE);
}

/* What a callback has ended the request with takes the place of the response. */
static hg_status exit_put(hg_request *request)
{
    const hgh_engine *engine = request->engine;
    const hgh_exit *end = &request->exit;
    hg_status status;

    engine->clear_response(request->engine_request);
    status = hgh_early_headers_apply(request, request->hold->changes);
    if (status == HG_OK) {
        status = engine->set_response_status(request->engine_request, end->status);
    }
    if (status == HG_OK && end->content_type.data != NULL) {
        status = engine->set_response_header(request->engine_request, HG_TEXT("Content-Type"),
                                             end->content_type);
    }
    request->hold->replaced = true;
    request->hold->replacement = end->body.data == NULL ? HG_TEXT("") : end->body;
    return status;
}

/* A part of another body is none of this one. */
static hg_status replacement_fit(hg_request *request)
{
    const hgh_engine *engine = request->engine;

    engine->forget_body_length(request->engine_request);
    if (engine->response_status(request->engine_request) != PARTIAL_CONTENT) {
        return HG_OK;
    }
    (void)engine->set_response_header(request->engine_request, HG_TEXT("Content-Range"),
                                      (hg_text){0}); /* to remove takes no memory */
    return engine->set_response_status(request->engine_request, 200);
}

hgh_outcome hgh_request_response(hg_request *request)
{
    hgh_outcome outcome = HGH_GO_UPSTREAM;
    hg_status status = HG_OK;

    if (request->hold == NULL && !hold_begin(request)) {
        return HGH_ANSWER;
    }
    if (!request->hold->global_over) {
        outcome = chain_run(request, request->global);
        request->hold->global_over = outcome != HGH_PARKED;
    }
    if (outcome == HGH_GO_UPSTREAM) {
        outcome = chain_run(request, request->chain);
    }
    if (outcome == HGH_PARKED) {
        return HGH_PARKED;
    }
    if (outcome == HGH_ANSWER) {
        status = exit_put(request);
    }
    if (status == HG_OK && request->hold->replaced) {
        status = replacement_fit(request);
    }
    return status == HG_OK ? HGH_GO_UPSTREAM : HGH_ANSWER;
}

hg_status hgh_response_note(hg_request *request, hg_text name, hg_text value, bool replaces)
{
    return hgh_early_header_add(request, &request->hold->changes, name, value, replaces);
}

/* --------------------------------------------------------------------------------- the body */

bool hgh_response_is_wanted(const hg_request *request)
{
    const hgh_response_hold *hold = request->hold;

    return hold != NULL && hold->waited_for && !hold->ended && hold->refused == HG_OK;
}

bool hgh_response_take(hg_request *request, hg_text piece)
{
    hgh_response_hold *hold = request->hold;
    size_t room = hold->collected.max - hold->collected.length;

    hgh_text_builder_add(&hold->collected, piece);
    if (hold->collected.is_cut) {
        hold->collected.is_cut = false;
        hold->refused = piece.length > room ? HG_ERR_TOO_LARGE : HG_ERR_NO_MEMORY;
    }
    return hold->refused == HG_OK;
}

void hgh_response_end(hg_request *request, hg_status status)
{
    request->hold->ended = true;
    request->hold->status = status;
}

void hgh_response_tell(hg_request *request)
{
    hgh_response_hold *hold = request->hold;

    if (hold->waited_for && !hgh_response_is_wanted(request)) {
        hold->waited_for = false;
        hgh_wait_over(&request->wait, hold->ended ? hold->status : hold->refused);
    }
}

typedef struct body_operation {
    hgh_operation operation;
    hg_request *request;
} body_operation;

static hg_request *request_of(hgh_operation *operation)
{
    return ((body_operation *)(void *)operation)->request;
}

static hg_status body_begin(hgh_operation *operation, hgh_wait *wait)
{
    hg_request *request = request_of(operation);

    (void)wait;
    request->hold->waited_for = true;
    request->hold->refused = HG_OK;
    request->engine->read_response_body(request->engine_request);
    return HG_OK;
}

static bool body_cancel(hgh_operation *operation, bool now)
{
    (void)now;
    request_of(operation)->hold->waited_for = false;
    return true;
}

/* Waits for the rest of the body, to be kept up to that length. */
static hg_status body_wait(hg_request *request, hgh_wait *wait, size_t max_bytes)
{
    body_operation self = {{.begin = body_begin, .cancel = body_cancel}, request};

    if (request->hold->collected.length > max_bytes) {
        return HG_ERR_TOO_LARGE;
    }
    request->hold->collected.max = max_bytes;
    return hgh_wait_for(wait, &self.operation);
}

hg_status hgh_response_body(hg_request *request, size_t max_bytes, hg_text *out_body)
{
    hgh_wait *wait = request->phase == HG_PHASE_RESPONSE ? hgh_wait_of(request) : NULL;
    hgh_response_hold *hold = request->hold;
    hg_status status = HG_OK;
    hg_text body;

    if (wait == NULL) {
        return HG_ERR_UNSUPPORTED;
    }
    if (!hold->replaced && hold->ended) {
        status = hold->status;
    } else if (!hold->replaced) {
        status = body_wait(request, wait, max_bytes);
    }
    if (status != HG_OK) {
        return status;
    }
    body = hold->replaced
               ? hold->replacement
               : (hg_text){hgh_text_builder_string(&hold->collected), hold->collected.length};
    if (body.length > max_bytes) {
        return HG_ERR_TOO_LARGE;
    }
    *out_body = body;
    return HG_OK;
}

hg_status hgh_response_set_body(hg_request *request, const void *data, size_t length)
{
    hg_text copy;

    if (request->phase != HG_PHASE_RESPONSE) {
        return HG_ERR_TOO_LATE;
    }
    if (request->is_called && length == 0) {
        return HG_ERR_UNSUPPORTED; /* an answer without a body leaves the upstream's */
    }
    copy = hgh_request_text_copy(request, (hg_text){length == 0 ? "" : data, length});
    if (copy.data == NULL) {
        return HG_ERR_NO_MEMORY;
    }
    request->hold->replaced = true;
    request->hold->replacement = copy;
    return HG_OK;
}

void hgh_response_hold_done(hgh_response_hold *hold)
{
    hgh_text_builder_done(&hold->collected);
}
