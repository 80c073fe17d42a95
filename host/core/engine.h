/* host/core/engine.h - what the core needs of the program it runs in.
 *
 * An engine receives requests, owns their memory and sends responses; the core decides what happens
 * to them. nginx, the testkit's loopback and the external runner are engines. Everything here is
 * called on the worker's main thread, and on its main stack unless marked [any stack].
 */
#ifndef HOST_CORE_ENGINE_H
#define HOST_CORE_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <hotgate/address.h>
#include <hotgate/error.h>
#include <hotgate/http.h>
#include <hotgate/log.h>
#include <hotgate/request.h>
#include <hotgate/text.h>

/** A request of the engine's own. */
typedef void hgh_engine_request;

/** A running timer or watch of the engine's. */
typedef struct hgh_engine_handle hgh_engine_handle;

/** What happens when a timer is over, a descriptor is ready, a body has arrived. */
typedef void (*hgh_callback)(void *context);
typedef void (*hgh_status_callback)(void *context, hg_status status);

/** The addresses of a name, borrowed for the call; ttl_s is how long they hold. */
typedef void (*hgh_resolved)(
    void *context, hg_status status, const hg_address *addresses, size_t count, uint32_t ttl_s);

/** An answer to a call, that an engine gives instead of the network; borrowed for the call. */
typedef struct hgh_http_reply {
    hg_status failure; /* HG_OK: there is an answer */
    uint32_t status;
    const char *headers; /* "Name: value" lines; NULL: none */
    hg_text body;
    uint64_t delay_ms;
} hgh_http_reply;

/**
 * Texts that it returns live as long as the request and need no NUL at their end. An absent value
 * in a `set` removes. A status other than HG_OK from a `set` means that there is no memory.
 */
typedef struct hgh_engine {
    const char *name;

    /* The request. [any stack] */
    void *(*allocate)(hgh_engine_request *request, size_t size); /* NULL: no memory */
    hg_text (*method)(hgh_engine_request *request);
    hg_status (*set_method)(hgh_engine_request *request, hg_text method);
    hg_text (*scheme)(hgh_engine_request *request);
    hg_text (*host)(hgh_engine_request *request); /* lower case, no port */
    hg_text (*uri)(hgh_engine_request *request);  /* decoded, normalised */
    hg_status (*set_uri)(hgh_engine_request *request, hg_text uri);
    hg_text (*raw_uri)(hgh_engine_request *request);
    hg_text (*arguments)(hgh_engine_request *request);
    hg_status (*set_arguments)(hgh_engine_request *request, hg_text arguments);
    hg_text (*header)(hgh_engine_request *request, hg_text name);
    bool (*header_at)(hgh_engine_request *request, size_t index, hg_header *out_header);
    hg_status (*set_header)(hgh_engine_request *request, hg_text name, hg_text value);
    hg_status (*add_header)(hgh_engine_request *request, hg_text name, hg_text value);
    void (*client_address)(hgh_engine_request *request, hg_address *out_address);
    hg_text (*variable)(hgh_engine_request *request, hg_text name);
    hg_status (*set_body)(hgh_engine_request *request, const void *data, size_t length);
    hg_status (*set_client_address)(hgh_engine_request *request, const hg_address *address);
    hg_status (*restore_uri)(hgh_engine_request *request); /* as the client sent it */
    /** A longer body is answered with 413; 0 changes nothing, of several the smallest counts.
     * HG_ERR_TOO_LARGE: it is longer already. */
    hg_status (*limit_body)(hgh_engine_request *request, uint64_t max_bytes);

    /* The response. [any stack] */
    uint32_t (*response_status)(hgh_engine_request *request);
    hg_status (*set_response_status)(hgh_engine_request *request, uint32_t status);
    hg_text (*response_header)(hgh_engine_request *request, hg_text name);
    bool (*response_header_at)(hgh_engine_request *request, size_t index, hg_header *out_header);
    hg_status (*set_response_header)(hgh_engine_request *request, hg_text name, hg_text value);
    hg_status (*add_response_header)(hgh_engine_request *request, hg_text name, hg_text value);
    /* The body will change: its length, ranges and strong validators no longer hold. */
    void (*forget_body_length)(hgh_engine_request *request);
    /* Of a response that is held: all its headers go, and the trailers. */
    void (*clear_response)(hgh_engine_request *request);

    /* Waiting. A callback never comes before the call has returned. */
    /** Reads the whole request body; NULL is never called back after stop_reading(). */
    void (*read_body)(hgh_engine_request *request, hgh_status_callback done, void *context);
    /** The body that read_body() has read; HG_ERR_TOO_LARGE over max_bytes. Once it has gone
     * upstream: HG_ERR_UNSUPPORTED if nothing of it was kept. */
    hg_status (*body)(hgh_engine_request *request, size_t max_bytes, hg_text *out_body);
    /** The body of the response that is held is wanted: it goes to hgh_response_take(), then
     * hgh_response_tell() is called, not before this has returned (host/core/response_hold.h). */
    void (*read_response_body)(hgh_engine_request *request);
    /** UINT64_MAX: as good as never. A worker that is to end waits for its timers, but for those
     * without a delay. [any stack] */
    hgh_engine_handle *(*start_timer)(uint64_t delay_ms, hgh_callback done, void *context);
    /** The same, and a worker that is to end does not wait for it. [any stack] */
    hgh_engine_handle *(*start_background_timer)(uint64_t delay_ms,
                                                 hgh_callback done,
                                                 void *context);
    /** Calls each time the descriptor is ready, until stop(); NULL: cannot be watched. */
    hgh_engine_handle *(*watch)(int fd, uint32_t events, hgh_callback ready, void *context);
    void (*stop)(hgh_engine_handle *handle); /* of a timer that is over too; accepts NULL. [any
                                                stack] */
    /** Looks up a name, for no request if that is NULL; NULL: names cannot be looked up here. */
    hgh_engine_handle *(*resolve)(hgh_engine_request *request,
                                  hg_text name,
                                  hgh_resolved done,
                                  void *context);
    /** Answers a call instead of the network, as the testkit does; false, or NULL: it does not. */
    bool (*answer_call)(const hg_http_call *call, hgh_http_reply *out_reply);
    /** A parked request can go on: the engine calls hgh_request_run() for it again, or
     * hgh_request_response() if it was parked in that. */
    void (*resume)(hgh_engine_request *request);

    /* The process. [any stack] */
    uint64_t (*now_ms)(void);   /* monotonic, cached per turn of the loop */
    uint64_t (*clock_ms)(void); /* CLOCK_MONOTONIC at the call: what processes share */
    int64_t (*wall_ms)(void);
    void (*log)(hgh_engine_request *request, hg_log_level level, hg_text text); /* may be NULL */
} hgh_engine;

#endif
