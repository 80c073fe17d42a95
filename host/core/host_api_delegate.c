/* host/core/host_api_delegate.c - how a plugin runs those whose configurations it holds. */
#include <string.h>

#include "host/core/host_api_internal.h"
#include "host/core/request_parts.h"

static const hgh_chain_delegates *delegates_of(const hg_request *request)
{
    const hgh_chain *chain = request->running;

    for (uint32_t i = 0; i < chain->delegates_count; i++) {
        if (chain->delegates[i].outer == request->step) {
            return &chain->delegates[i];
        }
    }
    return NULL;
}

static hgh_early_header **early_headers_end(hg_request *request)
{
    hgh_early_header **end = &request->early_headers;

    while (*end != NULL) {
        end = &(*end)->next;
    }
    return end;
}

/* The response that the delegate wanted is told, and forgotten. */
static void response_take(hg_request *request, hgh_early_header **from, hg_delegate_result *result)
{
    result->status = request->exit.set ? request->exit.status : 500;
    result->body = request->exit.body;
    for (const hgh_early_header *header = *from; header != NULL; header = header->next) {
        if (hg_text_equal_ignoring_case(header->name, HG_TEXT("WWW-Authenticate"))) {
            result->challenge = header->value;
        }
    }
    *from = NULL; /* pooled */
    request->exit = (hgh_exit){0};
}

/* One that has attached a consumer and then ends the request has not identified anybody. */
static void consumer_forget(hg_request *request, const hg_consumer *before)
{
    if (request->consumer == before) {
        return;
    }
    hgh_request_detach_consumer(request);
    (void)hgh_host_remove_header(request, HG_TEXT("X-Consumer-Username"));
    (void)hgh_host_remove_header(request, HG_TEXT("X-Consumer-Custom-ID"));
    (void)hgh_host_remove_header(request, HG_TEXT("X-Credential-Identifier"));
}

static bool delegate_run(hg_request *request, uint32_t index, hg_delegate_result *out_result)
{
    const hgh_chain_delegates *delegates = delegates_of(request);
    hgh_early_header **headers_end = early_headers_end(request);
    const hg_consumer *consumer = request->consumer;
    const hgh_step *step;
    hg_delegate_result result = {.size = sizeof(result)};
    hg_verdict verdict = HG_NEXT;

    if (delegates == NULL || index >= delegates->count || !hgh_request_is_open(request) ||
        request->stage >= HGH_STAGE_UPSTREAM || request->exit.set) {
        return false;
    }
    step = &delegates->items[index];
    request->step = step;
    result.plugin = hg_text_of(hgh_request_configuration(request)->plugin->name);
    if (step->call.on_request != NULL) {
        hgh_marker_set(hgh_request_blame(request), step);
        verdict = step->call.on_request(request, step->state);
    }
    request->step = delegates->outer;
    hgh_marker_set(hgh_request_blame(request), delegates->outer);
    if (verdict != HG_NEXT || request->exit.set) {
        response_take(request, headers_end, &result);
        consumer_forget(request, consumer);
    }
    memcpy(out_result, &result,
           out_result->size < sizeof(result) ? out_result->size : sizeof(result));
    return true;
}

const hg_delegate_api hgh_host_delegate_api = {
    .size = sizeof(hgh_host_delegate_api),
    .run = delegate_run,
};
