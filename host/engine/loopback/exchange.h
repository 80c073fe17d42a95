/* host/engine/loopback/exchange.h - one request in memory, from its text to its log phase. */
#ifndef HOST_ENGINE_LOOPBACK_EXCHANGE_H
#define HOST_ENGINE_LOOPBACK_EXCHANGE_H

#include <hotgate/test.h>

#include "host/core/memory.h"
#include "host/core/request.h"
#include "host/core/text_builder.h"

/** The request as the client sent it and as plugins have changed it since. */
typedef struct hgh_exchange_request {
    hg_text method;
    bool https;
    hg_text host;    /* lower case, no port; absent: a request without one */
    hg_text raw_uri; /* as sent, with its query */
    hg_text uri;     /* decoded */
    bool uri_changed;
    hg_text arguments; /* absent: no "?" */
    bool arguments_changed;
    hgh_headers headers;
    hg_text body;
    uint64_t body_max; /* 0: none */
    hg_text sent_uri;  /* decoded, as the client sent it; the next one too */
    hg_text sent_arguments;
    hg_address client;
    uint64_t length; /* bytes: request line, headers and body */
} hgh_exchange_request;

/** The response on its way to the client. */
typedef struct hgh_exchange_response {
    uint32_t status;
    hgh_headers headers;
    bool headers_sent;
    bool without_body; /* to HEAD, 204, 304 */
    bool parked;       /* a plugin decides on it */
    bool broken;       /* the upstream breaks off behind the body */
    hg_text body_in;   /* as the upstream sends it */
    size_t piece_bytes;
    hgh_text_builder body;
} hgh_exchange_response;

/** What an upstream_* variable tells of the tries. */
typedef struct hgh_exchange_tries {
    hgh_text_builder addresses; /* "10.0.0.1:80, 10.0.0.2:80" */
    hgh_text_builder statuses;
    hgh_text_builder times;
    uint64_t began_ms; /* of the last one */
    bool answered;
    uint64_t answered_ms;
    uint64_t body_delay_ms; /* from then on, until the body is there */
    hgh_headers headers;    /* that the upstream sent, unchanged */
    uint64_t body_length;
} hgh_exchange_tries;

typedef struct hgh_exchange {
    hg_test_exchange view; /* first: what the author sees is this object */
    struct hgh_exchange *next;
    struct hg_test *test;
    hg_request *request; /* NULL: done */
    hgh_memory memory;   /* as long as the request */
    hgh_memory kept;     /* as long as the test: what the view points to */
    hgh_exchange_request in;
    hgh_exchange_response out;
    hgh_exchange_tries tries;
    hgh_headers sent_headers;          /* kept */
    hgh_headers upstream_sent_headers; /* kept */
    uint64_t id;
    uint64_t began_ms;
    int64_t began_wall_ms;
    uint64_t body_delay_ms;
    bool body_breaks_off;
    hgh_engine_handle *resume_timer;
    hgh_engine_handle *upstream_timer;
    hgh_engine_handle *body_timer;
    hgh_engine_handle *response_timer; /* until the rest of the upstream's body is there */
    hgh_status_callback body_done;
    void *body_context;
} hgh_exchange;

/** True if the body is longer than a plugin lets it be. */
static inline bool hgh_exchange_is_too_large(const hgh_exchange *exchange)
{
    return exchange->in.body_max > 0 && exchange->in.body.length > exchange->in.body_max;
}

/** Makes one of what the author wrote. HG_ERR_INVALID with the reason: it cannot be sent. */
hg_status hgh_exchange_new(struct hg_test *test,
                           const hg_test_request *source,
                           hgh_exchange **out_exchange,
                           hg_error *err);

/** Hands it to the core and runs it until it ends or waits. */
void hgh_exchange_start(hgh_exchange *exchange);

/** A plugin waits for the body of the response. */
void hgh_exchange_read_response(hgh_exchange *exchange);

/** Runs it on: the core said that it can. */
void hgh_exchange_run(hgh_exchange *exchange);

/** The client goes away. */
void hgh_exchange_cancel(hgh_exchange *exchange);

/** Accepts NULL. It has ended. */
void hgh_exchange_free(hgh_exchange *exchange);

#endif
