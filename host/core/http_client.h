/* host/core/http_client.h - HTTP calls of one process, on the engine's event loop.
 *
 * libcurl does the protocol; the engine watches its sockets, runs its timers and looks up names, so
 * that nothing here blocks and no thread is made: Debian's libcurl has one for each name that it
 * looks up itself. Main stack only.
 */
#ifndef HOST_CORE_HTTP_CLIENT_H
#define HOST_CORE_HTTP_CLIENT_H

#include <hotgate/http.h>

#include "host/core/engine.h"
#include "host/core/text_builder.h"

typedef struct hgh_http_client hgh_http_client;
typedef struct hgh_http_transfer hgh_http_transfer;

/** What has come of a transfer. */
typedef struct hgh_http_result {
    hg_error error; /* HG_OK: there is an answer */
    uint32_t status;
    hgh_text_builder head; /* "Name\0value\0" for each header */
    size_t header_count;
    hgh_text_builder body;
} hgh_http_result;

/**
 * Makes one that has done nothing yet.
 *
 * engine       borrowed.
 * authorities  a file of certificates, borrowed; NULL: those of the system.
 * Returns NULL if there is no memory.
 */
hgh_http_client *hgh_http_client_new(const hgh_engine *engine, const char *authorities);

/** Closes the kept connections. No transfer may be left. Accepts NULL. */
void hgh_http_client_free(hgh_http_client *client);

/** True if a call keeps the rules; else `err` says which it breaks. [any stack] */
bool hgh_http_call_check(const hg_http_call *call, hg_error *err);

/**
 * Begins a call that was checked.
 *
 * request  whose resolver is asked; NULL: of none.
 * done     when it has ended; not before this has returned.
 * Returns the transfer, to be freed by the caller at any time; NULL: there is no memory.
 */
hgh_http_transfer *hgh_http_transfer_new(hgh_http_client *client,
                                         hgh_engine_request *request,
                                         const hg_http_call *call,
                                         hgh_callback done,
                                         void *context);

/** What has come of it; borrowed, once `done` was called. */
const hgh_http_result *hgh_http_transfer_result(const hgh_http_transfer *transfer);

/** Gives it up, if it is still under way. Accepts NULL. */
void hgh_http_transfer_free(hgh_http_transfer *transfer);

#endif
