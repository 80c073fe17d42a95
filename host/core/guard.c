/* host/core/guard.c - stands before callbacks that do not run for every request. */
#include "host/core/guard.h"

#include <string.h>

#include "host/core/explain.h"
#include "host/core/expression.h"
#include "host/core/request_parts.h"

/* What a filter has said to a request. */
enum answer {
    ANSWER_NONE = 0, /* it was not asked */
    ANSWER_YES = 1,
    ANSWER_NO = 2,
};

/* Keeps what the filter has said for the later callbacks of its plugin; without memory it is asked
 * again. */
static void answer_keep(hg_request *request, const hgh_guard *guard, bool holds)
{
    uint8_t **answers = &request->filter_answers[guard->global];
    uint32_t count = request->running->filter_count;

    if (*answers == NULL) {
        *answers = request->engine->allocate(request->engine_request, count);
        if (*answers == NULL) {
            return;
        }
        memset(*answers, ANSWER_NONE, count);
    }
    (*answers)[guard->answer] = holds ? ANSWER_YES : ANSWER_NO;
}

static bool filter_ask(hg_request *request, const hgh_guard *guard)
{
    bool failed = false;
    bool holds =
        hgh_expression_ask(guard->filter, hgh_request_expression_variable, request, &failed);

    if (request->explanation != NULL) {
        hgh_explain_filter(request, guard->filter, holds, failed);
    }
    if (failed) {
        /* What the filter should have kept away may be what protects: it runs. It is not asked
         * again for this request, which could go on for as long as the response has pieces. */
        holds = true;
        hgh_request_log_line(request, HG_LOG_WARN,
                             "plugin %s: its filter cannot be decided and counts as true",
                             hgh_request_configuration(request)->plugin->name);
    }
    answer_keep(request, guard, holds);
    return holds;
}

/* True if the route, with its consumer, runs that plugin with a configuration of its own. */
static bool route_has(const hgh_chain *chain, const hgh_plugin *plugin)
{
    for (uint32_t i = 0; chain != NULL && i < chain->configuration_count; i++) {
        const hgh_configuration *configuration = chain->configurations[i];

        if (configuration->plugin == plugin && configuration->use == HGH_USE_CONFIG &&
            configuration->place == NULL && !configuration->disabled) {
            return true;
        }
    }
    return false;
}

/* The filter is asked before the first callback of a plugin; the others go by the same answer. */
static inline bool may_run(hg_request *request, const hgh_guard *guard)
{
    const uint8_t *answers = request->filter_answers[guard->global];

    if (guard->prefers_route != NULL && route_has(request->chain, guard->prefers_route)) {
        return false;
    }
    if (guard->filter == NULL) {
        return true;
    }
    return answers == NULL || answers[guard->answer] == ANSWER_NONE
               ? filter_ask(request, guard)
               : answers[guard->answer] == ANSWER_YES;
}

static hg_verdict on_request(hg_request *request, const void *state)
{
    const hgh_guard *guard = state;

    if (guard->body != 0 && request->stage < HGH_STAGE_UPSTREAM && /* a retry waits for nothing */
        hgh_request_body_is_needed(request, guard->body)) {
        return HGH_READ_BODY;
    }
    return may_run(request, guard) ? guard->step.call.on_request(request, guard->step.state)
                                   : HG_NEXT;
}

static void on_response(hg_request *request, const void *state)
{
    const hgh_guard *guard = state;

    if (may_run(request, guard)) {
        guard->step.call.on_response(request, guard->step.state);
    }
}

static void on_body(hg_request *request, hg_chunk *chunk, const void *state)
{
    const hgh_guard *guard = state;

    if (may_run(request, guard)) {
        guard->step.call.on_body(request, chunk, guard->step.state);
    }
}

static bool prefers_route(const hgh_configuration *configuration, bool global)
{
    return global && (configuration->plugin->descriptor->flags & HG_PREFER_ROUTE) != 0;
}

bool hgh_guard_gives_way(const hgh_configuration *configuration, const hgh_chain *route_chain)
{
    return prefers_route(configuration, true) && route_has(route_chain, configuration->plugin);
}

bool hgh_guard_is_needed(const hgh_configuration *configuration, bool global, uint8_t body)
{
    return body != 0 || configuration->filter != NULL || prefers_route(configuration, global);
}

void hgh_guard_set(hgh_guard *guard,
                   hgh_step *step,
                   uint32_t phase,
                   const hgh_configuration *configuration,
                   bool global,
                   uint8_t body,
                   uint32_t answer)
{
    *guard = (hgh_guard){
        .step = *step,
        .filter = configuration->filter,
        .answer = answer,
        .global = global,
        .body = hgh_phase_is_early(phase) ? body : 0,
        .prefers_route = prefers_route(configuration, global) ? configuration->plugin : NULL,
    };
    step->state = guard;
    switch (phase) {
    case HG_PHASE_REWRITE:
    case HG_PHASE_ACCESS:
    case HG_PHASE_BEFORE_PROXY:
    case HG_PHASE_RESPONSE:
        step->call.on_request = on_request;
        break;
    case HG_PHASE_BODY_FILTER:
    case HG_PHASE_DELAYED_BODY_FILTER:
        step->call.on_body = on_body;
        break;
    default:
        step->call.on_response = on_response;
        break;
    }
}
