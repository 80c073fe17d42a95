/* host/core/request_response.c - a request's response phases: headers, body, log. */
#include <stdlib.h>
#include <string.h>

#include "host/core/explain.h"
#include "host/core/request_parts.h"

hg_status hgh_early_header_add(
    hg_request *request, hgh_early_header **list, hg_text name, hg_text value, bool replaces)
{
    hgh_early_header *early = request->engine->allocate(request->engine_request, sizeof(*early));

    if (early == NULL) {
        return HG_ERR_NO_MEMORY;
    }
    *early = (hgh_early_header){.replaces = replaces, .name = name, .value = value};
    while (*list != NULL) {
        list = &(*list)->next;
    }
    *list = early;
    return HG_OK;
}

hg_status hgh_early_headers_apply(hg_request *request, const hgh_early_header *headers)
{
    const hgh_engine *engine = request->engine;
    hg_status result = HG_OK;

    for (const hgh_early_header *early = headers; early != NULL; early = early->next) {
        hg_status status =
            early->replaces
                ? engine->set_response_header(request->engine_request, early->name, early->value)
                : engine->add_response_header(request->engine_request, early->name, early->value);

        if (status != HG_OK) {
            hgh_request_log_line(request, HG_LOG_ERROR, "response header %.*s: no memory",
                                 (int)early->name.length, early->name.data);
            result = status;
        }
    }
    return result;
}

/* The callbacks of one chain in a phase that only looks on. */
static void
responses_run(hg_request *request, const hgh_chain *chain, const hgh_steps *steps, hg_phase phase)
{
    hgh_blame *blame = hgh_request_blame(request);

    request->running = chain;
    request->phase = phase;
    for (uint32_t i = 0; i < steps->count; i++) {
        request->step = &steps->items[i];
        hgh_marker_set(blame, request->step);
        request->step->call.on_response(request, request->step->state);
    }
    hgh_marker_clear(blame);
    request->phase = HG_PHASE_NONE;
}

static inline void chain_run(hg_request *request, const hgh_chain *chain, hg_phase phase)
{
    if (chain != NULL && chain->phases[phase].count > 0) {
        responses_run(request, chain, &chain->phases[phase], phase);
    }
}

bool hgh_request_header_filter(hg_request *request)
{
    if (request->early_headers != NULL) { /* without memory for one the others are worth sending */
        (void)hgh_early_headers_apply(request, request->early_headers);
    }
    chain_run(request, request->global, HG_PHASE_HEADER_FILTER);
    chain_run(request, request->chain, HG_PHASE_HEADER_FILTER);
    if (request->explanation != NULL) {
        hgh_explain_response(request);
    }
    if (request->body_may_change) {
        request->engine->forget_body_length(request->engine_request);
    }
    request->headers_held = request->body_buffers != NULL;
    request->headers_sent = !request->headers_held;
    return request->headers_held;
}

bool hgh_request_has_body_filters(const hg_request *request)
{
    return (request->chain != NULL && request->chain->filters_body) ||
           (request->global != NULL && request->global->filters_body);
}

/* That of the running callback, if it has asked for one. */
static hgh_body_buffer *buffer_of(const hg_request *request, const hgh_plugin *plugin)
{
    hgh_body_buffer *buffer = request->body_buffers;
    bool is_global = hgh_request_is_global(request);

    while (buffer != NULL && (buffer->plugin != plugin || buffer->is_global != is_global)) {
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
        hgh_request_log_line(
            request, HG_LOG_WARN,
            "plugin %s: the response body is larger than its limit of %zu bytes and is "
            "passed on unchanged",
            buffer->plugin->name, buffer->max_bytes);
        buffer->gave_up = true;
        if (buffer->length > 0) { /* what was held back goes first */
            char *joined = request->engine->allocate(request->engine_request,
                                                     buffer->length + chunk->data.length);

            if (joined == NULL) {
                request->body_failed = true;
                return false;
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
    hgh_body_buffer *buffer =
        buffer_of(request, hgh_chain_configuration(request->running, step)->plugin);

    *out_call = true;
    return buffer == NULL || buffer_collect(request, buffer, chunk, out_call);
}

/* False: nothing flows on. */
static bool
body_steps_run(hg_request *request, const hgh_chain *chain, hg_phase phase, hg_chunk *chunk)
{
    const hgh_steps *steps = &chain->phases[phase];
    const hgh_step *end = steps->items + steps->count;
    bool collects = request->body_buffers != NULL && phase == HG_PHASE_BODY_FILTER;
    hgh_blame *blame = hgh_request_blame(request);
    bool flows = true;

    request->phase = phase;
    request->running = chain;
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
            hgh_marker_set(blame, step);
            step->call.on_body(request, chunk, step->state);
        }
    }
    hgh_marker_clear(blame);
    request->phase = HG_PHASE_NONE;
    return flows;
}

/* False: nothing flows on. */
static inline bool
body_chain_run(hg_request *request, const hgh_chain *chain, hg_phase phase, hg_chunk *chunk)
{
    return chain == NULL || chain->phases[phase].count == 0 ||
           body_steps_run(request, chain, phase, chunk);
}

/* One piece through one phase of both chains. */
static inline bool body_phase_run(hg_request *request, hg_phase phase, hg_chunk *chunk)
{
    return body_chain_run(request, request->global, phase, chunk) &&
           body_chain_run(request, request->chain, phase, chunk);
}

hg_status hgh_request_body_filter(hg_request *request, hg_text data, bool last, hg_text *out_data)
{
    hg_chunk chunk = {.data = data, .last = last};
    bool flows = false;

    if (request->chain == NULL && request->global == NULL) {
        *out_data = data;
        return HG_OK;
    }
    if (body_phase_run(request, HG_PHASE_BODY_FILTER, &chunk)) {
        (void)body_phase_run(request, HG_PHASE_DELAYED_BODY_FILTER, &chunk);
        flows = chunk.data.length > 0;
    }
    if (request->body_failed) {
        return HG_ERR_NO_MEMORY;
    }
    if (last || flows) { /* bytes that go need their headers before them */
        request->headers_held = false;
        request->headers_sent = true;
    }
    *out_data = chunk.data;
    return HG_OK;
}

void hgh_request_log(hg_request *request)
{
    request->headers_sent = true;
    chain_run(request, request->global, HG_PHASE_LOG);
    chain_run(request, request->chain, HG_PHASE_LOG);
    if (request->explanation != NULL) {
        hgh_explain_log(request);
    }
}
