/* host/runner/call_request.h - the request of a call as it is now, and what has become of it in the
 * words of the protocol.
 */
#ifndef HOST_RUNNER_CALL_REQUEST_H
#define HOST_RUNNER_CALL_REQUEST_H

#include <stdbool.h>
#include <stdint.h>

#include "host/core/a6.h"
#include "host/core/memory.h"
#include "host/core/request.h"

#define HGH_CALL_ENTRIES_MAX 4096u /* headers, and arguments, of one call */

/** Names and values; an absent value is none, which differs from an empty one. */
typedef struct hgh_call_list {
    hg_header *items; /* texts end with NUL */
    size_t count;
} hgh_call_list;

/** A header that is to be set, or, without a value, to go. */
typedef struct hgh_header_change {
    struct hgh_header_change *next;
    hg_header header;
} hgh_header_change;

/** Everything lies in the memory that it was read into. Zero-initialise. */
typedef struct hgh_call_request {
    hgh_memory *memory;
    hg_text method;
    hg_text path; /* decoded */
    bool path_changed;
    hgh_call_list sent_arguments; /* decoded, as they came */
    hgh_call_list arguments;      /* as they are now */
    hg_text query;                /* these as text; absent: there are none */
    hgh_headers headers;          /* as they are now */
    hgh_header_change *changes;   /* of headers, each name once, in the order of the last change */
    hg_address client;
    hg_text body; /* what takes the place of the client's; absent: nothing does */
} hgh_call_request;

/** Copies headers of a message. As below. */
hg_status hgh_call_headers_read(hgh_headers *headers,
                                hgh_memory *memory,
                                const hgh_a6_list *from,
                                hg_error *err);

/** Copies a message. HG_OK, HG_ERR_INVALID (err says what cannot be) or HG_ERR_NO_MEMORY. */
hg_status hgh_call_request_read(hgh_call_request *request,
                                hgh_memory *memory,
                                const hgh_a6_request_call *message,
                                hg_error *err);

/* As the functions of an engine of these names. HG_ERR_UNSUPPORTED: the protocol has no words for
 * that: an argument without "=" that was not there, a second value for a header, an empty body. */
hg_status hgh_call_request_set_path(hgh_call_request *request, hg_text path);
hg_status hgh_call_request_set_arguments(hgh_call_request *request, hg_text query);
hg_status hgh_call_request_set_header(hgh_call_request *request, hg_text name, hg_text value);
hg_status hgh_call_request_add_header(hgh_call_request *request, hg_text name, hg_text value);
hg_status hgh_call_request_set_body(hgh_call_request *request, const void *data, size_t length);

/** True for a header that a gateway does not take over from a request that goes on. */
bool hgh_call_header_is_refused(hg_text name);

/**
 * Says what has changed, in an answer whose id is set: nothing, or a rewrite.
 *
 * early          headers for the response; refused ones are left out.
 * upstream_host  the Host that a plugin has set for the upstream; absent: none.
 */
hg_status hgh_call_request_rewrite(const hgh_call_request *request,
                                   const hgh_early_header *early,
                                   hg_text upstream_host,
                                   hgh_a6_request_answer *answer);

/** Says how a plugin has ended the request; `early` as above, and none is refused. */
hg_status hgh_call_request_stop(const hgh_call_request *request,
                                const hgh_early_header *early,
                                const hgh_exit *end,
                                hgh_a6_request_answer *answer);

#endif
