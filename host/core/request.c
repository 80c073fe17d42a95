/* host/core/request.c - one request on its way through the plugins: stages, waiting, its end. */
#include "host/core/request.h"

#include <stdlib.h>
#include <string.h>

#include "host/core/runtime.h"

#define JSON_TYPE "application/json"
#define TEXT_TYPE "text/plain; charset=utf-8"

/* Reasons of RFC 9110 section 15 that a gateway gives. */
const char *hgh_status_reason(uint32_t status)
{
    static const struct {
        uint32_t status;
        const char *reason;
    } reasons[] = {
        {300, "Multiple Choices"},
        {301, "Moved Permanently"},
        {302, "Found"},
        {303, "See Other"},
        {304, "Not Modified"},
        {307, "Temporary Redirect"},
        {308, "Permanent Redirect"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {402, "Payment Required"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {406, "Not Acceptable"},
        {408, "Request Timeout"},
        {409, "Conflict"},
        {410, "Gone"},
        {411, "Length Required"},
        {412, "Precondition Failed"},
        {413, "Content Too Large"},
        {414, "URI Too Long"},
        {415, "Unsupported Media Type"},
        {416, "Range Not Satisfiable"},
        {421, "Misdirected Request"},
        {422, "Unprocessable Content"},
        {429, "Too Many Requests"},
        {431, "Request Header Fields Too Large"},
        {494, "Request Header Too Large"},
        {500, "Internal Server Error"},
        {501, "Not Implemented"},
        {502, "Bad Gateway"},
        {503, "Service Unavailable"},
        {504, "Gateway Timeout"},
        {505, "HTTP Version Not Supported"},
    };

    for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
        if (reasons[i].status == status) {
            return reasons[i].reason;
        }
    }
    return "Error";
}

static void request_log(hg_request *request, hg_log_level level, const char *format, ...)
    HG_PRINTF(3, 4);

static void request_log(hg_request *request, hg_log_level level, const char *format, ...)
{
    char line[HG_LOG_LINE_MAX];
    va_list arguments;
    int length;

    if ((int32_t)level > request->runtime->plugin_host.log_level) {
        return;
    }
    va_start(arguments, format);
    length = vsnprintf(line, sizeof(line), format, arguments);
    va_end(arguments);
    if (length > 0) {
        size_t kept = (size_t)length < sizeof(line) ? (size_t)length : sizeof(line) - 1;

        request->engine->log(request->engine_request, level, (hg_text){line, kept});
    }
}

void hgh_request_fail(hg_request *request, uint32_t status, const char *text)
{
    char body[256];
    int length = snprintf(body, sizeof(body), "{\"error_msg\":\"%s\"}\n", text);
    char *copy = request->engine->allocate(request->engine_request, (size_t)length + 1);

    request->exit = (hgh_exit){.set = true, .status = status};
    if (copy != NULL) {
        memcpy(copy, body, (size_t)length + 1);
        request->exit.body = (hg_text){copy, (size_t)length};
        request->exit.content_type = HG_TEXT(JSON_TYPE);
    }
    request->stage = HGH_STAGE_ANSWERED;
}

/* Of a response that a plugin made without a body. */
static void exit_fill_body(hg_request *request)
{
    hgh_exit *end = &request->exit;
    char text[128];

    if (end->body.data != NULL || end->status < 300) {
        return;
    }
    (void)snprintf(text, sizeof(text), "%u %s", end->status, hgh_status_reason(end->status));
    hgh_request_fail(request, end->status, text);
}

/* ----------------------------------------------------------------------------------- begin */

static hg_status chain_switch(hg_request *request, hg_consumer *consumer)
{
    hgh_chain *chain = NULL;
    hg_error err = HG_ERROR_INIT;
    hg_status status = hgh_chain_cache_get(&request->runtime->chains, request->generation,
                                           request->route, consumer, &chain, &err);

    if (status != HG_OK) {
        request_log(request, HG_LOG_ERROR, "%s", err.text);
        hgh_request_fail(request, 500, "500 Internal Server Error");
        return status;
    }
    request->first_chain = request->chain;
    request->chain = chain;
    if (chain->unavailable != NULL) {
        request_log(request, HG_LOG_ERROR, "route %s: %s", request->route->base.id,
                    chain->unavailable);
        hgh_request_fail(request, 503, "503 Service Unavailable");
        return HG_ERR_NOT_FOUND;
    }
    return HG_OK;
}

static void parameters_keep(hg_request *request, const hgh_route_match *match)
{
    size_t size = match->parameter_count * sizeof(*request->parameters);

    if (size == 0) {
        return;
    }
    request->parameters = request->engine->allocate(request->engine_request, size);
    if (request->parameters != NULL) {
        memcpy(request->parameters, match->parameters, size);
        request->parameter_count = match->parameter_count;
    }
}

static void route_find(hg_request *request)
{
    const hgh_engine *engine = request->engine;
    hgh_engine_request *engine_request = request->engine_request;
    hgh_route_match match;
    hgh_route_query query = {
        .method = engine->method(engine_request),
        .host = engine->host(engine_request),
        .uri = engine->uri(engine_request),
        .client = &request->client,
    };

    hgh_router_match(request->runtime->router, &query, &match);
    if (match.route == NULL) {
        hgh_request_fail(request, 404, "404 Route Not Found");
        return;
    }
    request->route = (hgh_route *)hgh_resource_ref(&match.route->base);
    request->matched_uri = match.uri;
    parameters_keep(request, &match);
    if (match.route->service != NULL && match.route->service->current == NULL) {
        request_log(request, HG_LOG_ERROR, "route %s: service %s is not there",
                    match.route->base.id, match.route->service->id);
        hgh_request_fail(request, 404, "404 Not Found");
        return;
    }
    (void)chain_switch(request, NULL); /* a failure is the request's exit */
}

hg_request *hgh_request_new(hgh_runtime *runtime, hgh_engine_request *engine_request)
{
    const hgh_engine *engine = runtime->engine;
    hg_request *request = engine->allocate(engine_request, sizeof(*request));
    hgh_board_slot *slot = runtime->slot;

    if (request == NULL) {
        return NULL;
    }
    hgh_runtime_sync(runtime);
    memset(request, 0, sizeof(*request));
    request->runtime = runtime;
    request->engine = engine;
    request->engine_request = engine_request;
    request->generation = hgh_generation_ref(runtime->generation);
    engine->client_address(engine_request, &request->client);
    atomic_fetch_add_explicit(&slot->requests, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&slot->requests_live, 1, memory_order_relaxed);
    route_find(request);
    return request;
}

/* ------------------------------------------------------------------------------------- run */

static hgh_blame *blame_of(const hg_request *request)
{
    return &request->runtime->plugin_host.blame;
}

/* Sequence numbers stand in the marker's upper bits. */
#define MARKER_STEP ((uint64_t)1 << 24)

static inline void marker_set(hgh_blame *blame, const hgh_step *step)
{
    blame->sequence += MARKER_STEP;
    atomic_store_explicit(blame->marker, blame->sequence | step->marker, memory_order_relaxed);
}

static inline void marker_clear(hgh_blame *blame)
{
    atomic_store_explicit(blame->marker, 0, memory_order_relaxed);
}

static void step_run(void *context)
{
    hg_request *request = context;

    request->verdict = request->step->call.on_request(request, request->step->state);
}

static bool wait_begin(hg_request *request);

/* Runs a callback that may wait; true: it is parked. */
static bool step_run_waiting(hg_request *request)
{
    hgh_board_slot *slot = request->runtime->slot;

    if (!hgh_coroutine_begin(&request->runtime->coroutines, step_run, request,
                             &request->wait.coroutine)) {
        request_log(
            request, HG_LOG_ERROR, "plugin %s: %u requests are parked already, no more are taken",
            request->step->configuration->plugin->name, request->runtime->coroutines.active);
        hgh_request_fail(request, 503, "503 Service Unavailable");
        request->verdict = HG_DONE;
        return false;
    }
    if (request->wait.coroutine == NULL) {
        return false;
    }
    marker_clear(blame_of(request));
    atomic_fetch_add_explicit(&slot->requests_parked, 1, memory_order_relaxed);
    return wait_begin(request);
}

/* The end that a plugin gave to the request: its warning, its body, what it may not do. */
static void step_ended_request(hg_request *request, const hgh_step *step, hg_verdict verdict)
{
    const hgh_configuration *configuration = step->configuration;
    const char *name = configuration->plugin->name;
    hgh_exit *end = &request->exit;

    if (!end->set) {
        request_log(request, HG_LOG_ERROR, "plugin %s returned HG_DONE without calling hg_exit()",
                    name);
        hgh_request_fail(request, 500, "500 Internal Server Error");
        return;
    }
    if (verdict != HG_DONE) {
        request_log(request, HG_LOG_ERROR, "plugin %s called hg_exit() and returned HG_NEXT", name);
    }
    if (end->status >= 400) {
        request_log(request, HG_LOG_WARN, "%s exits with http status code %u", name, end->status);
        if (configuration->error_response.data != NULL) {
            end->body = configuration->error_response;
            end->content_type =
                configuration->error_response_json ? HG_TEXT(JSON_TYPE) : HG_TEXT(TEXT_TYPE);
        }
    }
    exit_fill_body(request);
    request->stage = HGH_STAGE_ANSWERED;
}

/* Walks the rest of a phase. HGH_GO_UPSTREAM: it is over, the next one begins. */
static hgh_outcome phase_run(hg_request *request, hg_phase phase)
{
    const hgh_steps *steps = &request->chain->phases[phase];
    const hgh_step *end = steps->items + steps->count;
    const hgh_step *step = steps->items + request->index;
    hgh_blame *blame = blame_of(request);
    hg_verdict verdict = HG_NEXT;

    if (steps->count == 0) {
        return HGH_GO_UPSTREAM;
    }
    request->phase = phase;
    if (request->verdict_ready) { /* a parked callback has ended */
        request->verdict_ready = false;
        verdict = request->verdict;
        step++;
    }
    while (verdict == HG_NEXT && !request->exit.set && step < end) {
        request->step = step;
        marker_set(blame, step);
        if (!step->waits) {
            verdict = step->call.on_request(request, step->state);
        } else if (step_run_waiting(request)) {
            request->index = (uint32_t)(step - steps->items);
            return HGH_PARKED;
        } else {
            verdict = request->verdict;
        }
        step++;
    }
    marker_clear(blame);
    if (verdict != HG_NEXT || request->exit.set) {
        step_ended_request(request, step - 1, verdict);
        request->phase = HG_PHASE_NONE;
        return HGH_ANSWER;
    }
    request->index = 0;
    request->phase = HG_PHASE_NONE;
    return HGH_GO_UPSTREAM;
}

static hgh_upstream *upstream_in(const hgh_cell *cell)
{
    return cell->current == NULL
               ? NULL
               : ((const hgh_upstream_resource *)(const void *)cell->current)->upstream;
}

/* The upstream in force: of the route, else of its service; an id before an inline one. */
static hgh_upstream *upstream_find(hg_request *request)
{
    const hgh_route *route = request->route;
    const hgh_service *service = request->chain->service;
    const hgh_cell *cell = route->upstream_cell;
    hgh_upstream *upstream = route->upstream;

    if (cell == NULL && upstream == NULL && service != NULL) {
        cell = service->upstream_cell;
        upstream = service->upstream;
    }
    if (cell != NULL) {
        upstream = upstream_in(cell);
        if (upstream == NULL) {
            request_log(request, HG_LOG_ERROR, "route %s: upstream %s is not there", route->base.id,
                        cell->id);
            hgh_request_fail(request, 502, "502 Bad Gateway");
        }
    } else if (upstream == NULL) {
        request_log(request, HG_LOG_ERROR, "route %s: has no upstream", route->base.id);
        hgh_request_fail(request, 503, "503 Service Unavailable");
    }
    return upstream;
}

static hgh_timeouts timeouts_of(const hg_request *request, const hgh_upstream *upstream)
{
    const hgh_timeouts *route = &request->route->timeouts;

    return route->connect_ms != 0 ? *route : upstream->timeouts;
}

static void target_set(hg_request *request, hgh_upstream *upstream)
{
    hgh_target *target = &request->target;

    upstream->references++;
    target->upstream = upstream;
    target->tries_left = upstream->retries;
    target->timeouts = timeouts_of(request, upstream);
    if (upstream->retry_timeout_ms != 0) {
        target->deadline_ms = request->engine->now_ms() + upstream->retry_timeout_ms;
    }
}

static void target_resolved(
    void *context, hg_status status, const hg_address *addresses, size_t count, uint32_t ttl_s)
{
    hg_request *request = context;
    hgh_node *node = request->target.node;

    request->wait.resolution = NULL;
    if (status == HG_OK && count > 0) {
        hgh_node_resolved(node, addresses, count, ttl_s, request->engine->now_ms());
    } else {
        request_log(request, HG_LOG_ERROR, "upstream node %s: its name has no address",
                    node->host.data);
    }
    if (!request->canceled) {
        request->engine->resume(request->engine_request);
    }
}

/* Chooses nodes until one has an address; false: none has, the request has its exit. */
static hgh_outcome target_pick(hg_request *request)
{
    hgh_target *target = &request->target;
    const hgh_engine *engine = request->engine;

    if (target->upstream == NULL) {
        hgh_upstream *upstream = upstream_find(request);

        if (upstream == NULL) {
            return HGH_ANSWER;
        }
        target_set(request, upstream);
    }
    for (;;) {
        bool resolved = request->stage == HGH_STAGE_RESOLVE;

        if (!resolved) {
            target->node = hgh_upstream_pick(target->upstream, &target->tried);
        }
        if (target->node == NULL) {
            bool none = target->upstream->node_count == 0;

            request_log(request, HG_LOG_ERROR, "route %s: its upstream has no %s node",
                        request->route->base.id, none ? "single" : "usable");
            hgh_request_fail(request, none ? 503 : 502,
                             none ? "503 Service Unavailable" : "502 Bad Gateway");
            return HGH_ANSWER;
        }
        if (hgh_node_address(target->node, engine->now_ms(), &target->address) != NULL) {
            request->stage = HGH_STAGE_BEFORE_PROXY;
            return HGH_GO_UPSTREAM;
        }
        request->stage = HGH_STAGE_PICK;
        if (resolved) {
            continue; /* its name has no address: the next node */
        }
        request->stage = HGH_STAGE_RESOLVE;
        request->wait.resolution =
            engine->resolve(request->engine_request, target->node->host, target_resolved, request);
        if (request->wait.resolution != NULL) {
            return HGH_PARKED;
        }
        request_log(request, HG_LOG_ERROR,
                    "upstream node %s: names cannot be looked up, no resolver is configured",
                    target->node->host.data);
        request->stage = HGH_STAGE_PICK;
    }
}

hgh_outcome hgh_request_run(hg_request *request)
{
    hgh_outcome outcome = HGH_GO_UPSTREAM;

    for (;;) {
        switch ((hgh_stage)request->stage) {
        case HGH_STAGE_REWRITE:
            outcome = phase_run(request, HG_PHASE_REWRITE);
            if (outcome != HGH_GO_UPSTREAM) {
                return outcome;
            }
            request->stage = HGH_STAGE_ACCESS;
            if (request->consumer != NULL) {
                if (chain_switch(request, request->consumer) != HG_OK) {
                    return HGH_ANSWER;
                }
                request->stage = HGH_STAGE_CONSUMER_REWRITE;
            }
            break;
        case HGH_STAGE_CONSUMER_REWRITE:
            outcome = phase_run(request, HG_PHASE_REWRITE);
            if (outcome != HGH_GO_UPSTREAM) {
                return outcome;
            }
            request->stage = HGH_STAGE_ACCESS;
            break;
        case HGH_STAGE_ACCESS:
            outcome = phase_run(request, HG_PHASE_ACCESS);
            if (outcome != HGH_GO_UPSTREAM) {
                return outcome;
            }
            request->stage = HGH_STAGE_PICK;
            break;
        case HGH_STAGE_PICK:
        case HGH_STAGE_RESOLVE:
            outcome = target_pick(request);
            if (outcome != HGH_GO_UPSTREAM) {
                return outcome;
            }
            break;
        case HGH_STAGE_BEFORE_PROXY:
            outcome = phase_run(request, HG_PHASE_BEFORE_PROXY);
            if (outcome == HGH_GO_UPSTREAM) {
                request->stage = HGH_STAGE_UPSTREAM;
            }
            return outcome;
        case HGH_STAGE_UPSTREAM:
            return HGH_GO_UPSTREAM;
        case HGH_STAGE_ANSWERED:
            return HGH_ANSWER;
        }
    }
}

bool hgh_request_retry(hg_request *request)
{
    hgh_target *target = &request->target;
    const hgh_steps *steps = &request->chain->phases[HG_PHASE_BEFORE_PROXY];
    hgh_blame *blame = blame_of(request);
    hgh_node *node;

    if (target->tries_left == 0 ||
        (target->deadline_ms != 0 && request->engine->now_ms() >= target->deadline_ms)) {
        return false;
    }
    do {
        node = hgh_upstream_pick(target->upstream, &target->tried);
        if (node == NULL) {
            return false;
        }
    } while (hgh_node_address(node, request->engine->now_ms(), &target->address) == NULL);
    target->node = node;
    target->tries_left--;
    request->phase = HG_PHASE_BEFORE_PROXY;
    for (uint32_t i = 0; i < steps->count; i++) {
        request->step = &steps->items[i];
        marker_set(blame, request->step);
        (void)request->step->call.on_request(request, request->step->state); /* cannot end it */
    }
    marker_clear(blame);
    request->phase = HG_PHASE_NONE;
    return true;
}

hg_text hgh_request_upstream_host(hg_request *request)
{
    const hgh_upstream *upstream = request->target.upstream;

    if (request->upstream_host.data != NULL) {
        return request->upstream_host;
    }
    switch ((hgh_pass_host)upstream->pass_host) {
    case HGH_PASS_HOST_NODE:
        return request->target.node->host_port;
    case HGH_PASS_HOST_REWRITE:
        return upstream->upstream_host;
    case HGH_PASS_HOST_CLIENT:
        break;
    }
    return (hg_text){0};
}

/* -------------------------------------------------------------------------------- response */

static void early_headers_apply(hg_request *request)
{
    const hgh_engine *engine = request->engine;

    for (const hgh_early_header *early = request->early_headers; early != NULL;
         early = early->next) {
        hg_status status =
            early->replaces
                ? engine->set_response_header(request->engine_request, early->name, early->value)
                : engine->add_response_header(request->engine_request, early->name, early->value);

        if (status != HG_OK) {
            request_log(request, HG_LOG_ERROR, "response header %.*s: no memory",
                        (int)early->name.length, early->name.data);
        }
    }
}

bool hgh_request_header_filter(hg_request *request)
{
    const hgh_steps *steps;
    hgh_blame *blame = blame_of(request);

    early_headers_apply(request);
    if (request->chain == NULL) {
        return false;
    }
    steps = &request->chain->phases[HG_PHASE_HEADER_FILTER];
    request->phase = HG_PHASE_HEADER_FILTER;
    for (uint32_t i = 0; i < steps->count; i++) {
        request->step = &steps->items[i];
        marker_set(blame, request->step);
        request->step->call.on_response(request, request->step->state);
    }
    if (steps->count > 0) {
        marker_clear(blame);
    }
    request->phase = HG_PHASE_NONE;
    if (request->body_may_change) {
        request->engine->forget_body_length(request->engine_request);
    }
    request->headers_held = request->body_buffers != NULL;
    request->headers_sent = !request->headers_held;
    return request->headers_held;
}

bool hgh_request_has_body_filters(const hg_request *request)
{
    return request->chain != NULL &&
           (request->chain->phases[HG_PHASE_BODY_FILTER].count > 0 ||
            request->chain->phases[HG_PHASE_DELAYED_BODY_FILTER].count > 0);
}

static hgh_body_buffer *buffer_of(const hg_request *request, const hgh_plugin *plugin)
{
    hgh_body_buffer *buffer = request->body_buffers;

    while (buffer != NULL && buffer->plugin != plugin) {
        buffer = buffer->next;
    }
    return buffer;
}

static hg_status buffer_append(hgh_body_buffer *buffer, hg_text data)
{
    size_t wanted = buffer->length + data.length;

    if (wanted > buffer->room) {
        size_t room = buffer->room == 0 ? 4096 : buffer->room;
        char *grown;

        while (room < wanted) {
            room *= 2;
        }
        grown = realloc(buffer->data, room);
        if (grown == NULL) {
            return HG_ERR_NO_MEMORY;
        }
        buffer->data = grown;
        buffer->room = room;
    }
    if (data.length > 0) {
        memcpy(buffer->data + buffer->length, data.data, data.length);
        buffer->length = wanted;
    }
    return HG_OK;
}

/* Collects for a plugin that wants the whole body. False: nothing flows on yet. */
static bool
buffer_collect(hg_request *request, hgh_body_buffer *buffer, hg_chunk *chunk, bool *out_call)
{
    *out_call = false;
    if (buffer->gave_up) {
        return true;
    }
    if (buffer->length + chunk->data.length > buffer->max_bytes ||
        buffer_append(buffer, chunk->data) != HG_OK) {
        request_log(request, HG_LOG_WARN,
                    "plugin %s: the response body is larger than its limit of %zu bytes and is "
                    "passed on unchanged",
                    buffer->plugin->name, buffer->max_bytes);
        buffer->gave_up = true;
        if (buffer->length > 0) { /* what was held back goes first */
            char *joined = request->engine->allocate(request->engine_request,
                                                     buffer->length + chunk->data.length);

            if (joined == NULL) {
                return true;
            }
            memcpy(joined, buffer->data, buffer->length);
            memcpy(joined + buffer->length, chunk->data.data, chunk->data.length);
            chunk->data = (hg_text){joined, buffer->length + chunk->data.length};
            chunk->changed = true;
        }
        return true;
    }
    if (!chunk->last) {
        chunk->data = (hg_text){"", 0};
        chunk->changed = true;
        return false;
    }
    chunk->data = (hg_text){buffer->data == NULL ? "" : buffer->data, buffer->length};
    chunk->changed = true;
    *out_call = true;
    return true;
}

/* Collects for the plugins that want the whole body. False: nothing flows on from here. */
static bool
body_step_collects(hg_request *request, const hgh_step *step, hg_chunk *chunk, bool *out_call)
{
    hgh_body_buffer *buffer = buffer_of(request, step->configuration->plugin);

    *out_call = true;
    return buffer == NULL || buffer_collect(request, buffer, chunk, out_call);
}

static bool body_steps_run(hg_request *request, hg_phase phase, hg_chunk *chunk)
{
    const hgh_steps *steps = &request->chain->phases[phase];
    const hgh_step *end = steps->items + steps->count;
    bool collects = request->body_buffers != NULL && phase == HG_PHASE_BODY_FILTER;
    hgh_blame *blame = blame_of(request);
    bool flows = true;

    if (steps->count == 0) {
        return true;
    }
    request->phase = phase;
    for (const hgh_step *step = steps->items; step < end; step++) {
        bool call = true;

        if (chunk->data.length == 0 && !chunk->last) {
            break; /* no piece of a body */
        }
        if (collects && !(flows = body_step_collects(request, step, chunk, &call))) {
            break;
        }
        if (call) {
            request->step = step;
            marker_set(blame, step);
            step->call.on_body(request, chunk, step->state);
        }
    }
    marker_clear(blame);
    request->phase = HG_PHASE_NONE;
    return flows;
}

hg_status hgh_request_body_filter(hg_request *request, hg_text data, bool last, hg_text *out_data)
{
    hg_chunk chunk = {.data = data, .last = last};
    bool flows = false;

    if (request->chain == NULL) {
        *out_data = data;
        return HG_OK;
    }
    if (body_steps_run(request, HG_PHASE_BODY_FILTER, &chunk)) {
        (void)body_steps_run(request, HG_PHASE_DELAYED_BODY_FILTER, &chunk);
        flows = chunk.data.length > 0;
    }
    if (last || flows) { /* bytes that go need their headers before them */
        request->headers_held = false;
        request->headers_sent = true;
    }
    *out_data = chunk.data;
    return HG_OK;
}

/* ------------------------------------------------------------------------------ log and end */

void hgh_request_log(hg_request *request)
{
    const hgh_steps *steps;
    hgh_blame *blame = blame_of(request);

    if (request->chain == NULL) {
        return;
    }
    steps = &request->chain->phases[HG_PHASE_LOG];
    request->headers_sent = true;
    request->phase = HG_PHASE_LOG;
    for (uint32_t i = 0; i < steps->count; i++) {
        request->step = &steps->items[i];
        marker_set(blame, request->step);
        request->step->call.on_response(request, request->step->state);
    }
    if (steps->count > 0) {
        marker_clear(blame);
    }
    request->phase = HG_PHASE_NONE;
}

void hgh_request_done(hg_request *request)
{
    hgh_runtime *runtime = request->runtime;

    for (hgh_body_buffer *buffer = request->body_buffers; buffer != NULL; buffer = buffer->next) {
        free(buffer->data);
    }
    free(request->body_scratch[0].data);
    free(request->body_scratch[1].data);
    for (uint32_t i = 0; i < request->held_count; i++) {
        hgh_configuration_unref(request->held[i]);
    }
    free(request->held);
    hgh_upstream_unref(request->target.upstream);
    hgh_chain_unref(request->chain);
    hgh_chain_unref(request->first_chain);
    if (request->consumer != NULL) {
        hgh_resource_unref(&request->consumer->base);
    }
    if (request->route != NULL) {
        hgh_resource_unref(&request->route->base);
    }
    if (request->generation != runtime->generation) {
        /* It may have been the last one on an old generation, which control waits for. */
        hgh_generation_unref(request->generation);
        hgh_runtime_report(runtime);
    } else {
        hgh_generation_unref(request->generation);
    }
    atomic_fetch_sub_explicit(&runtime->slot->requests_live, 1, memory_order_relaxed);
}

/* --------------------------------------------------------------------------------- waiting */

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
    hgh_blame *blame = blame_of(request);
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
    marker_set(blame, request->step);
    ended = hgh_coroutine_resume(coroutine);
    marker_clear(blame);
    if (ended) {
        wait->coroutine = NULL;
        atomic_fetch_sub_explicit(&request->runtime->slot->requests_parked, 1,
                                  memory_order_relaxed);
    }
    return ended;
}

/* Begins the wait; false: it could not, and the callback has ended over that. */
static bool wait_begin(hg_request *request)
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
    if (!wait_resume(request, status) && wait_begin(request)) {
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

    return status != HG_OK ? status
                           : request->engine->body(request->engine_request, max_bytes, out_body);
}

void hgh_request_cancel(hg_request *request)
{
    hgh_wait *wait = &request->wait;

    request->canceled = true;
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
