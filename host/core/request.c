/* host/core/request.c - one request on its way through the plugins: stages, waiting, its end. */
#include "host/core/request.h"

#include <stdlib.h>
#include <string.h>

#include "host/core/explain.h"
#include "host/core/request_parts.h"
#include "host/core/response_hold.h"

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

/* A request that is only explained goes nowhere, and nothing of it into the log. */
static inline bool goes_upstream(const hg_request *request)
{
    return request->explanation == NULL || !hgh_explanation_is_dry(request->explanation);
}

void hgh_request_log_line(hg_request *request, hg_log_level level, const char *format, ...)
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

        if (request->explanation != NULL) {
            hgh_explain_logged(request, (hg_text){line, kept});
        }
        if (goes_upstream(request)) {
            request->engine->log(request->engine_request, level, (hg_text){line, kept});
        }
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

/* Of a response that a plugin made without a body, or with one that cannot be (RFC 9110 sections
 * 15.3.5 and 15.4.5). */
static void exit_fill_body(hg_request *request)
{
    hgh_exit *end = &request->exit;
    char text[128];

    if (end->status == 204 || end->status == 304) {
        end->body = (hg_text){0};
        end->content_type = (hg_text){0};
        return;
    }
    if (end->body.data != NULL || end->status < 300) {
        return;
    }
    (void)snprintf(text, sizeof(text), "%u %s", end->status, hgh_status_reason(end->status));
    hgh_request_fail(request, end->status, text);
}

/* ----------------------------------------------------------------------------------- begin */

/* A plugin of that chain cannot run, which is the request's exit. */
static void
chain_unavailable(hg_request *request, const hgh_chain *chain, const char *of, const char *id)
{
    hgh_request_log_line(request, HG_LOG_ERROR, "%s%s: %s", of, id, chain->unavailable);
    hgh_request_fail(request, 503, "503 Service Unavailable");
}

static void chain_failed(hg_request *request, const hg_error *err)
{
    hgh_request_log_line(request, HG_LOG_ERROR, "%s", err->text);
    hgh_request_fail(request, 500, "500 Internal Server Error");
}

/* The chain of the route, or of the route and the attached consumer. */
static hg_status chain_switch(hg_request *request)
{
    hgh_chain *chain = NULL;
    hg_error err = HG_ERROR_INIT;
    hg_status status =
        hgh_chain_cache_get(&request->runtime->chains, request->generation, request->route,
                            request->consumer, request->credential, &chain, &err);

    if (status == HG_OK && request->explanation != NULL) {
        status = hgh_explain_chain(request, &chain, &err);
    }
    if (status != HG_OK) {
        chain_failed(request, &err);
        return status;
    }
    request->first_chain = request->chain;
    request->chain = chain;
    request->filter_answers[0] = NULL; /* they may be other ones for the consumer */
    if (chain->unavailable != NULL) {
        chain_unavailable(request, chain, "route ", request->route->base.id);
        return HG_ERR_NOT_FOUND;
    }
    return HG_OK;
}

/* False: a global rule cannot run, which is the request's exit. */
static bool global_begin(hg_request *request)
{
    hgh_chain *chain = NULL;
    hg_error err = HG_ERROR_INIT;
    hg_status status =
        hgh_chain_cache_get_global(&request->runtime->chains, request->generation, &chain, &err);

    if (status == HG_OK && request->explanation != NULL) {
        status = hgh_explain_chain(request, &chain, &err);
    }
    if (status != HG_OK) {
        chain_failed(request, &err);
        return false;
    }
    request->global = chain;
    if (chain->warning != NULL) {
        hgh_request_log_line(request, HG_LOG_ERROR, "%s", chain->warning);
        free(chain->warning);
        chain->warning = NULL;
    }
    if (chain->unavailable != NULL) {
        chain_unavailable(request, chain, "global rules", "");
        return false;
    }
    return true;
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

/* Applies the path rules. False: the request has its exit. */
static bool path_prepare(hg_request *request)
{
    const hgh_path_rules *rules = &request->runtime->path_rules;
    const hgh_engine *engine = request->engine;
    hg_text path = engine->uri(request->engine_request);
    hg_text target = rules->encoded_slash ? engine->raw_uri(request->engine_request) : (hg_text){0};
    bool encoded = rules->encoded_slash && hgh_path_has_encoded_slash(target);
    hg_error err = HG_ERROR_INIT;
    char *buffer;

    if (encoded) {
        buffer = engine->allocate(request->engine_request, target.length + 1);
        if (buffer == NULL) {
            hgh_request_fail(request, 500, "500 Internal Server Error");
            return false;
        }
        path = hgh_path_keeping_slashes(target, buffer);
    }
    if (rules->like_servlet && hgh_path_has_parameters(path)) {
        buffer = engine->allocate(request->engine_request, path.length);
        if (buffer == NULL) {
            hgh_request_fail(request, 500, "500 Internal Server Error");
            return false;
        }
        if (hgh_path_like_servlet(path, buffer, &path, &err) != HG_OK) {
            hgh_request_log_line(request, HG_LOG_ERROR, "failed to normalize: %s", err.text);
            hgh_request_fail(request, 400, "400 Bad Request");
            return false;
        }
    }
    request->path = rules->delete_tail_slash ? hgh_path_without_tail_slash(path) : path;
    return true;
}

static bool has_path_rules(const hgh_path_rules *rules)
{
    return rules->delete_tail_slash || rules->like_servlet || rules->encoded_slash;
}

static void route_missing(hg_request *request)
{
    hgh_request_fail(request, 404, "404 Route Not Found");
}

/* True if the route names an object that has gone. */
static bool is_missing(hg_request *request, const hgh_cell *cell, const char *noun)
{
    if (cell == NULL || cell->current != NULL) {
        return false;
    }
    hgh_request_log_line(request, HG_LOG_ERROR, "route %s: %s %s is not there",
                         request->route->base.id, noun, cell->id);
    return true;
}

static void route_find(hg_request *request)
{
    const hgh_engine *engine = request->engine;
    hgh_engine_request *engine_request = request->engine_request;
    hgh_route_match match;
    hgh_route_query query = {
        .method = engine->method(engine_request),
        .host = engine->host(engine_request),
        .uri = hgh_request_path(request),
        .client = &request->client,
        .find = hgh_request_expression_variable,
        .context = request,
    };

    hgh_router_match(request->runtime->router, &query, &match);
    if (request->explanation != NULL) {
        hgh_explain_routes(request, &query);
    }
    if (request->body_asked) {
        request->stage = HGH_STAGE_MATCH;
        return;
    }
    if (match.route == NULL) {
        if (request->global == NULL) {
            route_missing(request);
        }
        return;
    }
    request->route = (hgh_route *)hgh_resource_ref(&match.route->base);
    request->matched_uri = match.uri;
    parameters_keep(request, &match);
    if (is_missing(request, match.route->plugin_config, "plugin config")) {
        hgh_request_fail(request, 503, "503 Service Unavailable");
    } else if (is_missing(request, match.route->service, "service")) {
        hgh_request_fail(request, 404, "404 Not Found");
    } else {
        (void)chain_switch(request); /* a failure is the request's exit */
    }
}

/* Takes what is in force now, and finds its route. */
static void request_begin(hg_request *request)
{
    hgh_runtime *runtime = request->runtime;

    request->generation = hgh_runtime_enter(runtime);
    request->stage = HGH_STAGE_GLOBAL_REWRITE;
    if (has_path_rules(&runtime->path_rules) && !path_prepare(request)) {
        return;
    }
    if (runtime->snapshot.counts[HGH_GLOBAL_RULES] == 0) {
        request->stage = HGH_STAGE_REWRITE;
    } else if (!global_begin(request)) {
        return;
    }
    route_find(request);
}

/* The body is here that a route has asked for: looks for one again, with what is in force now. */
static void request_begin_again(hg_request *request)
{
    request->body_asked = false;
    hgh_runtime_leave(request->runtime, request->generation);
    request->generation = NULL;
    hgh_chain_unref(request->global);
    request->global = NULL;
    if (hgh_runtime_sync(request->runtime)) {
        request_begin(request);
    } else {
        request->stage = HGH_STAGE_SYNC;
        hgh_runtime_wait(request->runtime, request);
    }
}

hg_request *hgh_request_new(hgh_runtime *runtime, hgh_engine_request *engine_request)
{
    return hgh_request_new_explained(runtime, engine_request, NULL);
}

hg_request *hgh_request_new_explained(hgh_runtime *runtime,
                                      hgh_engine_request *engine_request,
                                      hgh_explanation *explanation)
{
    const hgh_engine *engine = runtime->engine;
    hg_request *request = engine->allocate(engine_request, sizeof(*request));
    hgh_board_slot *slot = runtime->slot;
    bool in_step = hgh_runtime_sync(runtime);

    if (request == NULL) {
        hgh_explanation_free(explanation);
        return NULL;
    }
    memset(request, 0, sizeof(*request));
    request->explanation = explanation;
    request->runtime = runtime;
    request->engine = engine;
    request->engine_request = engine_request;
    engine->client_address(engine_request, &request->client);
    atomic_fetch_add_explicit(&slot->requests, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&slot->requests_live, 1, memory_order_relaxed);
    if (in_step) {
        request_begin(request);
    } else {
        request->stage = HGH_STAGE_SYNC;
        hgh_runtime_wait(runtime, request);
    }
    return request;
}

/* ------------------------------------------------------------------------------------- run */

static void step_run(void *context)
{
    hg_request *request = context;

    request->verdict = request->step->call.on_request(request, request->step->state);
}

/* Runs a callback that may wait; true: it is parked. */
static bool step_run_waiting(hg_request *request)
{
    hgh_board_slot *slot = request->runtime->slot;

    request->wait.owner = &hgh_request_wait_owner;
    if (!hgh_coroutine_begin(&request->runtime->coroutines, step_run, request,
                             &request->wait.coroutine)) {
        hgh_request_log_line(
            request, HG_LOG_ERROR, "plugin %s: %u requests are parked already, no more are taken",
            hgh_request_configuration(request)->plugin->name, request->runtime->coroutines.active);
        hgh_request_fail(request, 503, "503 Service Unavailable");
        request->verdict = HG_DONE;
        return false;
    }
    if (request->wait.coroutine == NULL) {
        return false;
    }
    hgh_marker_clear(hgh_request_blame(request));
    atomic_fetch_add_explicit(&slot->requests_parked, 1, memory_order_relaxed);
    return hgh_wait_begin(&request->wait);
}

/* The end that a plugin gave to the request: its warning, its body, what it may not do. */
static void step_ended_request(hg_request *request, const hgh_step *step, hg_verdict verdict)
{
    const hgh_configuration *configuration = hgh_chain_configuration(request->running, step);
    const char *name = configuration->plugin->name;
    hgh_exit *end = &request->exit;

    if (!end->set) {
        hgh_request_log_line(request, HG_LOG_ERROR,
                             "plugin %s returned HG_DONE without calling hg_exit()", name);
        hgh_request_fail(request, 500, "500 Internal Server Error");
        return;
    }
    if (verdict != HG_DONE) {
        hgh_request_log_line(request, HG_LOG_ERROR,
                             "plugin %s called hg_exit() and returned HG_NEXT", name);
    }
    if (end->status >= 400) {
        hgh_request_log_line(request, HG_LOG_WARN, "%s exits with http status code %u", name,
                             end->status);
        if (configuration->error_response.data != NULL) {
            end->body = configuration->error_response;
            end->content_type =
                configuration->error_response_json ? HG_TEXT(JSON_TYPE) : HG_TEXT(TEXT_TYPE);
        }
    }
    if (request->explanation != NULL) {
        hgh_explain_ended(request, configuration);
    }
    exit_fill_body(request);
    request->stage = HGH_STAGE_ANSWERED;
}

/* Walks the rest of a phase that has steps. */
static hgh_outcome steps_run(hg_request *request, const hgh_chain *chain, hg_phase phase)
{
    const hgh_steps *steps = &chain->phases[phase];
    const hgh_step *end = steps->items + steps->count;
    const hgh_step *step = steps->items + request->index;
    hgh_blame *blame = hgh_request_blame(request);
    hg_verdict verdict = HG_NEXT;

    request->phase = phase;
    request->running = chain;
    if (request->verdict_ready) { /* a parked callback has ended */
        request->verdict_ready = false;
        verdict = request->verdict;
        step++;
    }
    while (verdict == HG_NEXT && !request->exit.set && step < end) {
        request->step = step;
        hgh_marker_set(blame, step);
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
    hgh_marker_clear(blame);
    if (verdict == HGH_READ_BODY && hgh_request_body_begin(request)) {
        request->index = (uint32_t)(step - 1 - steps->items); /* which is asked again */
        request->phase = HG_PHASE_NONE;
        return HGH_PARKED;
    }
    if (verdict != HG_NEXT || request->exit.set) {
        step_ended_request(request, step - 1, verdict);
        request->phase = HG_PHASE_NONE;
        return HGH_ANSWER;
    }
    request->index = 0;
    request->phase = HG_PHASE_NONE;
    return HGH_GO_UPSTREAM;
}

/* HGH_GO_UPSTREAM: it is over, the next one begins. */
static inline hgh_outcome phase_run(hg_request *request, const hgh_chain *chain, hg_phase phase)
{
    return chain->phases[phase].count == 0 ? HGH_GO_UPSTREAM : steps_run(request, chain, phase);
}

hgh_outcome hgh_request_phase_run(hg_request *request, const hgh_chain *chain, hg_phase phase)
{
    return phase_run(request, chain, phase);
}

/* What follows the rewrite phase of the route: that of the attached consumer, if there is one. */
static void rewrite_end(hg_request *request)
{
    const hg_consumer *consumer;

    if (request->explanation != NULL) {
        hgh_explain_rewrite_end(request);
    }
    consumer = request->consumer;
    request->stage = request->global == NULL ? HGH_STAGE_ACCESS : HGH_STAGE_GLOBAL_ACCESS;
    if (consumer == NULL) {
        return;
    }
    if (consumer->group != NULL && consumer->group->current == NULL) {
        hgh_request_log_line(request, HG_LOG_ERROR, "consumer %s: consumer group %s is not there",
                             consumer->base.id, consumer->group->id);
        hgh_request_fail(request, 503, "503 Service Unavailable");
    } else if (chain_switch(request) == HG_OK) {
        request->stage = HGH_STAGE_CONSUMER_REWRITE;
    }
}

static hgh_outcome stages_run(hg_request *request)
{
    hgh_outcome outcome = HGH_GO_UPSTREAM;

    for (;;) {
        switch ((hgh_stage)request->stage) {
        case HGH_STAGE_SYNC:
            if (request->waiting_at != NULL) {
                return HGH_PARKED;
            }
            request_begin(request);
            break;
        case HGH_STAGE_MATCH:
            if (hgh_request_body_begin(request)) {
                return HGH_PARKED;
            }
            if (request->stage == HGH_STAGE_MATCH) { /* unless there was no memory */
                request_begin_again(request);
            }
            break;
        case HGH_STAGE_GLOBAL_REWRITE:
            outcome = phase_run(request, request->global, HG_PHASE_REWRITE);
            if (outcome != HGH_GO_UPSTREAM) {
                return outcome;
            }
            request->stage = request->chain == NULL ? HGH_STAGE_GLOBAL_ACCESS : HGH_STAGE_REWRITE;
            break;
        case HGH_STAGE_REWRITE:
            outcome = phase_run(request, request->chain, HG_PHASE_REWRITE);
            if (outcome != HGH_GO_UPSTREAM) {
                return outcome;
            }
            rewrite_end(request);
            break;
        case HGH_STAGE_CONSUMER_REWRITE:
            outcome = phase_run(request, request->chain, HG_PHASE_REWRITE);
            if (outcome != HGH_GO_UPSTREAM) {
                return outcome;
            }
            request->stage = request->global == NULL ? HGH_STAGE_ACCESS : HGH_STAGE_GLOBAL_ACCESS;
            break;
        case HGH_STAGE_GLOBAL_ACCESS:
            outcome = phase_run(request, request->global, HG_PHASE_ACCESS);
            if (outcome != HGH_GO_UPSTREAM) {
                return outcome;
            }
            request->stage = HGH_STAGE_ACCESS;
            if (request->chain == NULL) {
                route_missing(request);
            }
            break;
        case HGH_STAGE_ACCESS:
            outcome = phase_run(request, request->chain, HG_PHASE_ACCESS);
            if (outcome != HGH_GO_UPSTREAM) {
                return outcome;
            }
            request->stage = goes_upstream(request) ? HGH_STAGE_PICK : HGH_STAGE_UPSTREAM;
            if (!goes_upstream(request) && hgh_request_late_body_begin(request, 0)) {
                return HGH_PARKED; /* filters of the response are told as they would be */
            }
            break;
        case HGH_STAGE_PICK:
        case HGH_STAGE_RESOLVE:
            outcome = hgh_request_target_pick(request);
            if (outcome != HGH_GO_UPSTREAM) {
                return outcome;
            }
            break;
        case HGH_STAGE_GLOBAL_BEFORE_PROXY:
            outcome = phase_run(request, request->global, HG_PHASE_BEFORE_PROXY);
            if (outcome != HGH_GO_UPSTREAM) {
                return outcome;
            }
            request->stage = HGH_STAGE_BEFORE_PROXY;
            break;
        case HGH_STAGE_BEFORE_PROXY:
            outcome = phase_run(request, request->chain, HG_PHASE_BEFORE_PROXY);
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

hgh_outcome hgh_request_run(hg_request *request)
{
    hgh_outcome outcome = stages_run(request);

    return request->explanation == NULL || outcome == HGH_PARKED
               ? outcome
               : hgh_explain_outcome(request, outcome);
}

/* ------------------------------------------------------------------------------------- end */

void hgh_request_detach_consumer(hg_request *request)
{
    if (request->consumer != NULL) {
        hgh_resource_unref(&request->consumer->base);
        request->consumer = NULL;
    }
    if (request->credential != NULL) {
        hgh_resource_unref(&request->credential->base);
        request->credential = NULL;
    }
}

void hgh_request_done(hg_request *request)
{
    hgh_runtime *runtime = request->runtime;

    hgh_runtime_wait_end(runtime, request);
    for (hgh_body_buffer *buffer = request->body_buffers; buffer != NULL; buffer = buffer->next) {
        free(buffer->data);
    }
    /* Few requests have these: a look is less than a call. */
    if (request->body_scratch[0].data != NULL) {
        free(request->body_scratch[0].data);
        free(request->body_scratch[1].data);
    }
    if (request->body != NULL) {
        hgh_request_body_done(request);
    }
    if (request->hold != NULL) {
        hgh_response_hold_done(request->hold);
    }
    if (request->held != NULL) {
        for (uint32_t i = 0; i < request->held_count; i++) {
            hgh_configuration_unref(request->held[i]);
        }
        free(request->held);
    }
    if (request->explanation != NULL) {
        hgh_explanation_free(request->explanation);
    }
    hgh_request_try_ended(request, &(hgh_try_result){.failure = HGH_TRY_UNKNOWN});
    hgh_upstream_unref(request->target.upstream);
    hgh_chain_unref(request->chain);
    if (request->global != NULL) {
        hgh_chain_unref(request->global);
    }
    if (request->consumer != NULL) {
        hgh_chain_unref(request->first_chain);
        hgh_request_detach_consumer(request);
    }
    for (const hgh_found_consumer *found = request->found; found != NULL; found = found->next) {
        hgh_resource_unref(&found->consumer->base);
    }
    if (request->route != NULL) {
        hgh_resource_unref(&request->route->base);
    }
    hgh_runtime_leave(request->runtime, request->generation);
    atomic_fetch_sub_explicit(&runtime->slot->requests_live, 1, memory_order_relaxed);
}
