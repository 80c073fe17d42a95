/* host/control/admin_server.h - HTTP for the Admin API: one listening socket on the event loop. */
#ifndef HOST_CONTROL_ADMIN_SERVER_H
#define HOST_CONTROL_ADMIN_SERVER_H

#include <stdbool.h>
#include <stdint.h>

#include <hotgate/error.h>

#include "host/control/admin_exchange.h"
#include "host/control/admin_tls.h"
#include "host/core/event_loop.h"

/** A server on one listening socket. */
typedef struct hgh_admin_server hgh_admin_server;

/** Who answers. */
typedef struct hgh_admin_handler {
    /** Called once its headers are there: false drops the body of a request that will be refused.
     */
    bool (*wants_body)(void *context, const hgh_admin_request *request);
    /** Called once per whole request: answers through `later`, now or later. */
    void (*handle)(void *context, const hgh_admin_request *request, hgh_admin_answer_later *later);
    void *context;
} hgh_admin_handler;

/** Limits; 0: the ones for the gateway. */
typedef struct hgh_admin_server_options {
    int listener; /* a listening socket; the server closes it */
    hgh_admin_peer peer;
    const hgh_admin_tls *tls; /* borrowed as long as the server lives; NULL or empty: none */
    uint32_t connections_max; /* 1,000; at this limit the slowest ones are cut off */
    uint32_t body_max_bytes;  /* HGH_ADMIN_BODY_MAX */
    uint32_t timeout_s;       /* 30: for a whole request to arrive, and without progress */
} hgh_admin_server_options;

/**
 * Serves until it is freed.
 *
 * handler     copied; what its context points to lives as long as the server.
 * out_server  on HG_OK owned by the caller; else untouched, and the listener is still open.
 */
hg_status hgh_admin_server_new(hgh_event_loop *loop,
                               const hgh_admin_server_options *options,
                               const hgh_admin_handler *handler,
                               hgh_admin_server **out_server,
                               hg_error *err);

/** Requests that wait for their answer are cut off; answering them afterwards is harmless. Accepts
 * NULL. */
void hgh_admin_server_free(hgh_admin_server *server);

#endif
