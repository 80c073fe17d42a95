/* hotgate/http.h - calls to other HTTP servers, which wait without stopping the worker. */
#ifndef HOTGATE_HTTP_H
#define HOTGATE_HTTP_H

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
 * A call is made where <hotgate/wait.h> says that calls may wait, and waits as they do. The worker
 * speaks HTTP/1.1 itself, on its own event loop: no thread, and names are looked up by the resolver
 * of the gateway. Connections are kept and used again by all plugins of the worker, among calls
 * with the same scheme, host, port and TLS settings. A redirect is an answer as any other; nothing
 * follows it. Proxies of the environment are not used.
 */

/** How a call differs. ABI: a value never changes its meaning. */
typedef enum hg_http_flag {
    HG_HTTP_INSECURE = 1,     /* https: any certificate will do, of anyone */
    HG_HTTP_NO_KEEPALIVE = 2, /* a connection of its own, which is closed behind it */
} hg_http_flag;

#define HG_HTTP_TIMEOUT_MS     3000u       /* of a call that does not say */
#define HG_HTTP_IDLE_MS        60000u      /* of a kept connection that does not say */
#define HG_HTTP_BODY_MAX_BYTES (1u << 20)  /* of an answer that does not say */
#define HG_HTTP_HEAD_MAX_BYTES (64u << 10) /* all headers of an answer */
#define HG_HTTP_CALLS_MAX      16u         /* at once by one hg_http_all() */

/**
 * One call; borrowed while it is made. Zero-initialise it and set what is needed. ABI: fields are
 * only appended.
 */
typedef struct hg_http_call {
    hg_text url;              /* http:// or https:// */
    hg_text method;           /* absent: GET */
    const hg_header *headers; /* beside Host and Content-Length, which are made; a Host among them
                                 is sent instead */
    size_t header_count;
    hg_text body;                /* absent: none */
    uint64_t timeout_ms;         /* of all of it; 0: HG_HTTP_TIMEOUT_MS */
    uint64_t connect_timeout_ms; /* of connecting, with TLS; 0: no other one */
    uint64_t idle_ms;            /* longest pause of a kept connection; 0: HG_HTTP_IDLE_MS */
    size_t body_max_bytes;       /* of the answer; 0: HG_HTTP_BODY_MAX_BYTES */
    uint32_t flags;              /* of hg_http_flag */
    uint32_t reserved;
    hg_text server_name; /* https: for SNI and the certificate; absent: the URL's host */
    hg_text authorities; /* https: certificates, PEM; absent: those that the gateway trusts */
    hg_text certificate; /* https: of the client, PEM; absent: none */
    hg_text key;         /* to it, PEM */
} hg_http_call;

/** What came of a call; pooled with the request. ABI: fields are only appended. */
typedef struct hg_http_answer {
    int32_t result;           /* an hg_status, as hg_http() returns it */
    uint32_t status;          /* 100 to 999 */
    const hg_header *headers; /* in their order, several of one name among them */
    size_t header_count;
    hg_text body;  /* the bytes, chunks put together, not decompressed; NUL-terminated */
    hg_text error; /* unless HG_OK: one line about why */
} hg_http_answer;

/** The host's side of this header. ABI: fields are only appended. */
typedef struct hg_http_api {
    uint32_t size;
    uint32_t reserved;
    hg_status (*call)(const hg_host *host,
                      hg_request *request,
                      const hg_http_call *calls,
                      size_t call_size,
                      hg_http_answer *answers,
                      size_t answer_size,
                      size_t count);
} hg_http_api;

/**
 * Calls a server and waits for its answer. [rewrite, access, first before_proxy, response,
 * timer]
 *
 * request  NULL in the callback of a timer; the answer is then valid until that ends.
 * answer   always written; without HG_OK it holds `result` and `error` alone.
 * Returns HG_OK with any status of the server's, or
 *   HG_ERR_TIMEOUT      a time is over
 *   HG_ERR_NOT_FOUND    the host's name has no address
 *   HG_ERR_TLS          the handshake failed, or the certificate is not to be trusted
 *   HG_ERR_TOO_LARGE    body or headers are over their limit
 *   HG_ERR_IO           refused, reset, or what came was no HTTP
 *   HG_ERR_INVALID      the call breaks a rule: nothing was sent
 *   HG_ERR_UNSUPPORTED  nothing can be waited for here
 *   HG_ERR_NO_MEMORY
 *   HG_CANCELED         the client has gone: return HG_NEXT
 */
static inline hg_status
hg_http(hg_request *request, const hg_http_call *call, hg_http_answer *answer)
{
    return hg_host_slot->http->call(hg_host_slot, request, call, sizeof(*call), answer,
                                    sizeof(*answer), 1);
}

/**
 * Makes several calls at once and waits until each has ended. [as hg_http()]
 *
 * answers  of as many as `calls`, at most HG_HTTP_CALLS_MAX; each with its own result.
 * Returns HG_OK if all have an answer, else the result of the first that has none.
 */
static inline hg_status
hg_http_all(hg_request *request, const hg_http_call *calls, hg_http_answer *answers, size_t count)
{
    return hg_host_slot->http->call(hg_host_slot, request, calls, sizeof(*calls), answers,
                                    sizeof(*answers), count);
}

/** The first header of that name in an answer, in any case; absent if there is none. [any] */
static inline hg_text hg_http_header(const hg_http_answer *answer, hg_text name)
{
    hg_text none = {NULL, 0};

    for (size_t i = 0; i < answer->header_count; i++) {
        if (hg_text_equal_ignoring_case(answer->headers[i].name, name)) {
            return answer->headers[i].value;
        }
    }
    return none;
}

#ifdef __cplusplus
}
#endif

#endif
