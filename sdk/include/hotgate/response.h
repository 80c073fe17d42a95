/* hotgate/response.h - the response: what a plugin reads of it and changes in it. */
#ifndef HOTGATE_RESPONSE_H
#define HOTGATE_RESPONSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <hotgate/error.h>
#include <hotgate/host.h>
#include <hotgate/request.h>
#include <hotgate/text.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Lifetimes and values as in <hotgate/request.h>. Status and headers can be changed in response and
 * header_filter, and in body_filter while the host holds the headers back for
 * hg_response_buffer_body(); later is HG_ERR_TOO_LATE. Headers added in rewrite, access and
 * before_proxy go onto the response whoever makes it, behind the phase response: that one sees the
 * headers of the upstream alone. What it ends the request with has the headers that the callbacks
 * of this phase have set, and none of the upstream's.
 */

/** The host's side of this header. ABI: fields are only appended. */
typedef struct hg_response_api {
    uint32_t size;
    uint32_t reserved;
    uint32_t (*status)(hg_request *request);
    hg_status (*set_status)(hg_request *request, uint32_t status);
    hg_text (*header)(hg_request *request, hg_text name);
    bool (*header_at)(hg_request *request, size_t index, hg_header *out_header);
    hg_status (*set_header)(hg_request *request, hg_text name, hg_text value);
    hg_status (*add_header)(hg_request *request, hg_text name, hg_text value);
    hg_status (*remove_header)(hg_request *request, hg_text name);
    hg_status (*change_body)(hg_request *request);
    hg_status (*buffer_body)(hg_request *request, size_t max_bytes);
    hg_text (*chunk_data)(const hg_chunk *chunk);
    bool (*chunk_is_last)(const hg_chunk *chunk);
    hg_status (*chunk_set)(hg_request *request, hg_chunk *chunk, const void *data, size_t length);
    hg_status (*body)(hg_request *request, size_t max_bytes, hg_text *out_body);
    hg_status (*set_body)(hg_request *request, const void *data, size_t length);
} hg_response_api;

/** The status that the client will see; 0 before there is one. [response on] */
static inline uint32_t hg_response_status(hg_request *request)
{
    return hg_host_slot->response->status(request);
}

/** Changes the status: 200 to 599. [response, header_filter; body_filter while headers are held] */
static inline hg_status hg_response_set_status(hg_request *request, uint32_t status)
{
    return hg_host_slot->response->set_status(request, status);
}

/** The first response header of that name, in any case; absent if there is none. [response on] */
static inline hg_text hg_response_header(hg_request *request, hg_text name)
{
    return hg_host_slot->response->header(request, name);
}

/** The response header at a place, from 0; false past the end. [response on] */
static inline bool hg_response_header_at(hg_request *request, size_t index, hg_header *out_header)
{
    return hg_host_slot->response->header_at(request, index, out_header);
}

/** Replaces all response headers of that name by one. [rewrite to header_filter] */
static inline hg_status hg_response_set_header(hg_request *request, hg_text name, hg_text value)
{
    return hg_host_slot->response->set_header(request, name, value);
}

/** Adds a response header, also if there is one of that name. [rewrite to header_filter] */
static inline hg_status hg_response_add_header(hg_request *request, hg_text name, hg_text value)
{
    return hg_host_slot->response->add_header(request, name, value);
}

/** Removes all response headers of that name. [response, header_filter; body_filter while headers
 * are held] */
static inline hg_status hg_response_remove_header(hg_request *request, hg_text name)
{
    return hg_host_slot->response->remove_header(request, name);
}

/**
 * Waits until the whole body of the upstream's response is here. [response]
 *
 * max_bytes  of a longer one the host keeps what it has: it is sent as it is, unless replaced.
 * out_body   the bytes as the upstream sent them (Content-Encoding says how), not NUL-terminated,
 *            valid until the request ends; empty if there is none, as for HEAD, 204 and 304. Once a
 *            callback has called hg_response_set_body(): what that one has set.
 * Returns HG_OK, HG_ERR_TOO_LARGE, HG_ERR_IO (the upstream broke off: what there is of the body is
 * sent, and the client's connection is broken off too, unless a plugin puts something else in its
 * place), HG_ERR_NO_MEMORY, HG_CANCELED, or HG_ERR_UNSUPPORTED in other phases and without
 * HG_WAITS. Called again it returns the same, without waiting.
 */
static inline hg_status hg_response_body(hg_request *request, size_t max_bytes, hg_text *out_body)
{
    return hg_host_slot->response->body(request, max_bytes, out_body);
}

/**
 * Puts another body in the place of the upstream's, which is read and thrown away; copied.
 * [response]
 *
 * Content-Length follows, ETag becomes weak, and a 206 becomes a 200 without Content-Range; other
 * headers stay: remove Content-Encoding if the new bytes have none. Responses to HEAD, and those
 * with 204 or 304, are sent without it. Returns HG_OK, HG_ERR_NO_MEMORY, HG_ERR_TOO_LATE in other
 * phases, or HG_ERR_UNSUPPORTED for an empty one in a runner.
 */
static inline hg_status hg_response_set_body(hg_request *request, const void *data, size_t length)
{
    return hg_host_slot->response->set_body(request, data, length);
}

/**
 * Says that a body filter of this plugin may change the body: the host drops what no longer holds
 * (Content-Length, Content-Encoding stays, ETag becomes weak, ranges go). [header_filter]
 */
static inline hg_status hg_response_change_body(hg_request *request)
{
    return hg_host_slot->response->change_body(request);
}

/**
 * As hg_response_change_body(), and this plugin's body_filter runs once, with the whole body; until
 * then the headers are held back, and Content-Length is set from what comes out. [header_filter]
 *
 * max_bytes  a larger body is passed on unchanged, without that call, and the log says so.
 */
static inline hg_status hg_response_buffer_body(hg_request *request, size_t max_bytes)
{
    return hg_host_slot->response->buffer_body(request, max_bytes);
}

/** The bytes of this piece, not NUL-terminated, valid for the call; may be empty. [body_filter] */
static inline hg_text hg_chunk_data(const hg_chunk *chunk)
{
    return hg_host_slot->response->chunk_data(chunk);
}

/** True for the last piece of the body, which may be empty. [body_filter] */
static inline bool hg_chunk_is_last(const hg_chunk *chunk)
{
    return hg_host_slot->response->chunk_is_last(chunk);
}

/**
 * Replaces the bytes of this piece; they are copied. [body_filter]
 *
 * Returns HG_OK, HG_ERR_NO_MEMORY, or HG_ERR_TOO_LATE: Content-Length has been sent, since neither
 * hg_response_change_body() nor hg_response_buffer_body() was called in header_filter.
 */
static inline hg_status
hg_chunk_set(hg_request *request, hg_chunk *chunk, const void *data, size_t length)
{
    return hg_host_slot->response->chunk_set(request, chunk, data, length);
}

#ifdef __cplusplus
}
#endif

#endif
