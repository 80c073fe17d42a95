/* host/core/request_parts.h - what the files of a request share: its log and its blame marker. */
#ifndef HOST_CORE_REQUEST_PARTS_H
#define HOST_CORE_REQUEST_PARTS_H

#include <stdatomic.h>
#include <stdbool.h>

#include "host/core/request.h"
#include "host/core/runtime.h"

/** Logs a line about a request. */
HG_PRINTF(3, 4)
void hgh_request_log_line(hg_request *request, hg_log_level level, const char *format, ...);

/** Who waits when a request's callback does. */
extern const hgh_wait_owner hgh_request_wait_owner;

/** Begins to read the body if what comes with the response asks for it, or `more` families do.
 * True: the request is parked. */
bool hgh_request_late_body_begin(hg_request *request, uint8_t more);

/** Chooses the target, until a node has an address; HGH_ANSWER: none has, that is its exit. */
hgh_outcome hgh_request_target_pick(hg_request *request);

/** Runs one phase on, that returns verdicts. HGH_GO_UPSTREAM: it is over, the next one begins;
 * HGH_ANSWER: a callback has ended the request. */
hgh_outcome hgh_request_phase_run(hg_request *request, const hgh_chain *chain, hg_phase phase);

/** Puts headers onto the response in the order in which they were set. */
hg_status hgh_early_headers_apply(hg_request *request, const hgh_early_header *headers);

/** Adds to the end of such a list. */
hg_status hgh_early_header_add(
    hg_request *request, hgh_early_header **list, hg_text name, hg_text value, bool replaces);

/** The marker, for what this request runs next. */
static inline hgh_blame *hgh_request_blame(const hg_request *request)
{
    hgh_blame *blame = &request->runtime->plugin_host.blame;

    blame->request = request;
    return blame;
}

/* Sequence numbers stand in the marker's upper bits. */
#define HGH_MARKER_STEP ((uint64_t)1 << 24)

/** The call of a step begins. No call of a step is inside another one's. */
static inline void hgh_marker_set(hgh_blame *blame, const hgh_step *step)
{
    blame->sequence += HGH_MARKER_STEP;
    atomic_store_explicit(blame->marker, blame->sequence | step->marker, memory_order_relaxed);
}

/** The last of a phase's calls has ended. */
static inline void hgh_marker_clear(hgh_blame *blame)
{
    atomic_store_explicit(blame->marker, 0, memory_order_relaxed);
}

#endif
