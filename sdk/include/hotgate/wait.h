/* hotgate/wait.h - calls that wait without stopping the worker. */
#ifndef HOTGATE_WAIT_H
#define HOTGATE_WAIT_H

#include <stddef.h>
#include <stdint.h>

#include <hotgate/error.h>
#include <hotgate/host.h>
#include <hotgate/text.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * A plugin whose descriptor has HG_WAITS calls these like any function; the host parks this
 * request, serves others, and goes on behind the call. Only in rewrite, access, the first
 * before_proxy, response and, with NULL as request, in the callback of a timer: elsewhere, and
 * without HG_WAITS, they return HG_ERR_UNSUPPORTED at once. After HG_CANCELED the callback must
 * return HG_NEXT without waiting again. Between the calls nothing else runs in this worker; across
 * them, do not keep what belongs to the worker as a whole (static buffers, errno).
 */

/** What to wait for on a descriptor; may be combined with |. */
typedef enum hg_wait_events {
    HG_WAIT_READABLE = 1,
    HG_WAIT_WRITABLE = 2,
} hg_wait_events;

/** The host's side of this header. ABI: fields are only appended. */
typedef struct hg_wait_api {
    uint32_t size;
    uint32_t reserved;
    hg_status (*sleep)(hg_request *request, uint64_t duration_ms);
    hg_status (*request_body)(hg_request *request, size_t max_bytes, hg_text *out_body);
    hg_status (*descriptor)(hg_request *request, int fd, uint32_t events, uint64_t timeout_ms);
    hg_status (*offload)(const hg_host *host,
                         hg_request *request,
                         void (*function)(void *argument),
                         void *argument);
} hg_wait_api;

/** Waits for a time. [rewrite, access, first before_proxy, response, timer] Returns HG_OK or
 * HG_CANCELED. */
static inline hg_status hg_sleep(hg_request *request, uint64_t duration_ms)
{
    return hg_host_slot->wait->sleep(request, duration_ms);
}

/**
 * Waits until the whole request body is here. [rewrite, access; response, as it went upstream]
 *
 * max_bytes  a larger body is HG_ERR_TOO_LARGE; it is still sent upstream if the request goes on.
 * out_body   the bytes, not NUL-terminated, pooled with the request; empty if there is no body.
 * Returns HG_OK, HG_ERR_TOO_LARGE, HG_ERR_NO_MEMORY, HG_ERR_IO (the client broke off or sent a
 * malformed body), HG_CANCELED, or HG_ERR_UNSUPPORTED: in response, of a body that was passed on
 * without being kept, as gRPC's.
 */
static inline hg_status hg_request_body(hg_request *request, size_t max_bytes, hg_text *out_body)
{
    return hg_host_slot->wait->request_body(request, max_bytes, out_body);
}

/**
 * Waits until a descriptor of the plugin's own (a socket, a pipe) is ready. [rewrite, access,
 * first before_proxy, response, timer]
 *
 * fd      non-blocking; stays the plugin's, which must not close it during the call. A descriptor
 *         is waited for by one request at a time.
 * events  of hg_wait_events.
 * Returns HG_OK (it is ready or has an error to be read), HG_ERR_TIMEOUT, HG_ERR_IO (it cannot be
 * watched) or HG_CANCELED.
 */
static inline hg_status
hg_wait_fd(hg_request *request, int fd, uint32_t events, uint64_t timeout_ms)
{
    return hg_host_slot->wait->descriptor(request, fd, events, timeout_ms);
}

/**
 * Runs a function that blocks, or takes long, on a thread of the host's, and waits until it has
 * returned. [rewrite, access, first before_proxy, response, timer]
 *
 * function  calls nothing of the host's: it has its argument alone. It shares what it uses with
 *           other threads, which may run it for other requests at the same time. All signals are
 *           blocked in it. It must end by itself: nothing can break it off.
 * argument  what it works on and where it leaves its result. Anything that the waiting call may use
 *           will do, its own variables too: also when the client goes away, the call returns only
 *           after the function has.
 * Returns HG_OK, HG_ERR_FULL (too many wait for a thread already), HG_ERR_NO_MEMORY (no thread can
 * be made), HG_ERR_UNSUPPORTED or HG_CANCELED. The function has run with HG_OK, may have run with
 * HG_CANCELED, and has not with anything else.
 */
static inline hg_status
hg_offload(hg_request *request, void (*function)(void *argument), void *argument)
{
    return hg_host_slot->wait->offload(hg_host_slot, request, function, argument);
}

#ifdef __cplusplus
}
#endif

#endif
