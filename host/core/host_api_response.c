/* host/core/host_api_response.c - the functions behind <hotgate/response.h>. */
#include <stdlib.h>
#include <string.h>

#include "host/core/host_api_internal.h"
#include "host/core/request_parts.h"
#include "host/core/response_hold.h"

static bool response_is_open(const hg_request *request)
{
    return request->phase == HG_PHASE_HEADER_FILTER || request->phase == HG_PHASE_RESPONSE ||
           (request->phase == HG_PHASE_BODY_FILTER && request->headers_held);
}

static uint32_t response_status(hg_request *request)
{
    return request->phase < HG_PHASE_HEADER_FILTER
               ? 0
               : request->engine->response_status(request->engine_request);
}

hg_status hgh_host_set_response_status(hg_request *request, uint32_t status)
{
    if (!response_is_open(request)) {
        return HG_ERR_TOO_LATE;
    }
    return status < 200 || status > 599
               ? HG_ERR_INVALID
               : request->engine->set_response_status(request->engine_request, status);
}

static hg_text response_header(hg_request *request, hg_text name)
{
    return request->phase < HG_PHASE_HEADER_FILTER
               ? (hg_text){0}
               : request->engine->response_header(request->engine_request, name);
}

static bool response_header_at(hg_request *request, size_t index, hg_header *out_header)
{
    return request->phase >= HG_PHASE_HEADER_FILTER &&
           request->engine->response_header_at(request->engine_request, index, out_header);
}

/* On the response that is there; name and value are pooled. */
static hg_status real_header_change(hg_request *request, hg_text name, hg_text value, bool replaces)
{
    const hgh_engine *engine = request->engine;

    if (request->phase == HG_PHASE_RESPONSE &&
        hgh_response_note(request, name, value, replaces) != HG_OK) {
        return HG_ERR_NO_MEMORY;
    }
    return replaces ? engine->set_response_header(request->engine_request, name, value)
                    : engine->add_response_header(request->engine_request, name, value);
}

void hgh_host_forget_response_header(hg_request *request, hg_text name)
{
    hgh_early_header **at = &request->early_headers;

    while (*at != NULL) {
        if (hg_text_equal_ignoring_case((*at)->name, name)) {
            *at = (*at)->next;
        } else {
            at = &(*at)->next;
        }
    }
}

static hg_status
response_header_change(hg_request *request, hg_text name, hg_text value, bool replaces)
{
    if (!hgh_request_is_open(request) && !response_is_open(request)) {
        return HG_ERR_TOO_LATE;
    }
    if (!hgh_name_is_token(name) || !hgh_value_is_clean(value)) {
        return HG_ERR_INVALID;
    }
    if (!hgh_request_header_copy(request, &name, &value)) {
        return HG_ERR_NO_MEMORY;
    }
    return hgh_request_is_open(request)
               ? hgh_early_header_add(request, &request->early_headers, name, value, replaces)
               : real_header_change(request, name, value, replaces);
}

hg_status hgh_host_set_response_header(hg_request *request, hg_text name, hg_text value)
{
    return response_header_change(request, name, value, true);
}

hg_status hgh_host_add_response_header(hg_request *request, hg_text name, hg_text value)
{
    return response_header_change(request, name, value, false);
}

hg_status hgh_host_remove_response_header(hg_request *request, hg_text name)
{
    hg_text copy = name;
    hg_text unused = {0};

    if (!response_is_open(request)) {
        return HG_ERR_TOO_LATE;
    }
    if (!hgh_name_is_token(name)) {
        return HG_ERR_INVALID;
    }
    return hgh_request_header_copy(request, &copy, &unused)
               ? real_header_change(request, copy, (hg_text){0}, true)
               : HG_ERR_NO_MEMORY;
}

static hg_status response_change_body(hg_request *request)
{
    if (request->phase != HG_PHASE_HEADER_FILTER) {
        return HG_ERR_TOO_LATE;
    }
    request->body_may_change = true;
    return HG_OK;
}

static hg_status response_buffer_body(hg_request *request, size_t max_bytes)
{
    hgh_body_buffer *buffer;

    if (request->phase != HG_PHASE_HEADER_FILTER) {
        return HG_ERR_TOO_LATE;
    }
    buffer = hgh_request_allocate(request, sizeof(*buffer));
    if (buffer == NULL) {
        return HG_ERR_NO_MEMORY;
    }
    *buffer = (hgh_body_buffer){
        .next = request->body_buffers,
        .plugin = hgh_request_configuration(request)->plugin,
        .is_global = hgh_request_is_global(request),
        .max_bytes = max_bytes,
    };
    request->body_buffers = buffer;
    request->body_may_change = true;
    return HG_OK;
}

static hg_text response_chunk_data(const hg_chunk *chunk)
{
    return chunk->data;
}

static bool response_chunk_is_last(const hg_chunk *chunk)
{
    return chunk->last;
}

static bool scratch_holds(const hgh_body_scratch *scratch, const void *data)
{
    uintptr_t at = (uintptr_t)data;
    uintptr_t begin = (uintptr_t)scratch->data;

    return scratch->data != NULL && at >= begin && at < begin + scratch->room;
}

/* Where a changed piece can be written: neither over what it is made from, nor, if that can be,
 * over what the plugin still sees. Pooled memory would grow with the body. */
static hgh_body_scratch *
scratch_choose(hg_request *request, const hg_chunk *chunk, const void *data)
{
    hgh_body_scratch *first = &request->body_scratch[0];
    hgh_body_scratch *second = &request->body_scratch[1];

    if (scratch_holds(first, data)) {
        return second;
    }
    return scratch_holds(first, chunk->data.data) && !scratch_holds(second, data) ? second : first;
}

static hg_status
response_chunk_set(hg_request *request, hg_chunk *chunk, const void *data, size_t length)
{
    hgh_body_scratch *scratch;

    if (!request->body_may_change) {
        return HG_ERR_TOO_LATE;
    }
    scratch = scratch_choose(request, chunk, data);
    if (scratch->room <= length) {
        char *grown = malloc(length + 1);

        if (grown == NULL) {
            return HG_ERR_NO_MEMORY;
        }
        free(scratch->data);
        scratch->data = grown;
        scratch->room = length + 1;
    }
    if (length > 0) {
        memcpy(scratch->data, data, length);
    }
    chunk->data = (hg_text){scratch->data, length};
    chunk->changed = true;
    return HG_OK;
}

const hg_response_api hgh_host_response_api = {
    .size = sizeof(hgh_host_response_api),
    .status = response_status,
    .set_status = hgh_host_set_response_status,
    .header = response_header,
    .header_at = response_header_at,
    .set_header = hgh_host_set_response_header,
    .add_header = hgh_host_add_response_header,
    .remove_header = hgh_host_remove_response_header,
    .change_body = response_change_body,
    .buffer_body = response_buffer_body,
    .chunk_data = response_chunk_data,
    .chunk_is_last = response_chunk_is_last,
    .chunk_set = response_chunk_set,
    .body = hgh_response_body,
    .set_body = hgh_response_set_body,
};
