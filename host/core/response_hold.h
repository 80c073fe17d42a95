/* host/core/response_hold.h - the response of an upstream, held while plugins decide on it.
 *
 * An engine that has the headers of such a response asks hgh_request_has_response(), calls
 * hgh_request_response(), and holds headers and body back until that is over. What comes of the
 * body meanwhile waits with the engine, unless a callback waits for it: then the engine hands it
 * over, piece by piece.
 */
#ifndef HOST_CORE_RESPONSE_HOLD_H
#define HOST_CORE_RESPONSE_HOLD_H

#include "host/core/request.h"
#include "host/core/text_builder.h"

/** Of one request; pooled, from the beginning of the phase on. */
typedef struct hgh_response_hold {
    hgh_early_header *changes;  /* made by callbacks of this phase: they outlive the response */
    hgh_text_builder collected; /* the beginning of the body, which the engine has no more */
    bool global_over;           /* the callbacks of the global rules have run */
    bool waited_for;            /* by a callback: the body */
    bool ended;                 /* the body has: completely, or as `status` says */
    hg_status status;           /* HG_OK, HG_ERR_IO */
    hg_status refused;          /* why the last piece was not taken; HG_OK: it was */
    bool replaced;
    hg_text replacement; /* pooled; what is to be sent instead of the body */
} hgh_response_hold;

/** True if any callback is to decide on an upstream's response. */
static inline bool hgh_request_has_response(const hg_request *request)
{
    return (request->chain != NULL && request->chain->phases[HG_PHASE_RESPONSE].count > 0) ||
           (request->global != NULL && request->global->phases[HG_PHASE_RESPONSE].count > 0);
}

/**
 * Runs the phase on, from its beginning or from where it was parked.
 *
 * Returns HGH_PARKED: again when engine->resume() is called. HGH_GO_UPSTREAM: the response goes on,
 * with what stands in `request->hold`. HGH_ANSWER: there is no memory, it cannot go on.
 */
hgh_outcome hgh_request_response(hg_request *request);

/** True while a callback waits for the body, and the engine is to hand it over. */
bool hgh_response_is_wanted(const hg_request *request);

/** Takes a piece of the body, which the engine gives up. False: it is one too many, and stays with
 * the engine as all that follows. */
bool hgh_response_take(hg_request *request, hg_text piece);

/** The body has ended: HG_OK, or HG_ERR_IO if the upstream broke off. */
void hgh_response_end(hg_request *request, hg_status status);

/** Goes on with the callback that waits for the body, if its waiting is over. Main stack only, and
 * not from inside engine->read_response_body(). */
void hgh_response_tell(hg_request *request);

/** Notes a change for the response that may take the place of this one; an absent value removes. */
hg_status hgh_response_note(hg_request *request, hg_text name, hg_text value, bool replaces);

/** Behind <hotgate/response.h>. */
hg_status hgh_response_body(hg_request *request, size_t max_bytes, hg_text *out_body);
hg_status hgh_response_set_body(hg_request *request, const void *data, size_t length);

/** Gives up what it holds. */
void hgh_response_hold_done(hgh_response_hold *hold);

#endif
