/* host/core/explain.h - why a request gets its route, its plugins and their configurations.
 *
 * A request that is to be explained carries an explanation, which notes what is decided while the
 * request runs. There are two kinds. A dry one goes through routing, filters and authentication and
 * ends before the upstream with the explanation as its answer: no plugin but those that
 * authenticate is called. A live one runs as always and has the explanation in a response header
 * and in the log. All other requests pay one look at a pointer where something is noted.
 */
#ifndef HOST_CORE_EXPLAIN_H
#define HOST_CORE_EXPLAIN_H

#include <stdbool.h>

#include <hotgate/error.h>
#include <hotgate/text.h>

#include "host/core/configuration.h"
#include "host/core/request.h"
#include "host/core/router.h"

#define HGH_EXPLAIN_HEADER         "X-Hotgate-Explain" /* of requests that ask, and of responses */
#define HGH_EXPLAIN_PLUGINS_HEADER "Apisix-Plugins"    /* of responses: as APISIX's debug mode */
#define HGH_EXPLAIN_HEADER_MAX     4096u               /* bytes of an explanation in a header */

typedef struct hgh_explain_options {
    bool is_dry;
    hg_text consumer; /* dry: the request is this consumer's, and nobody authenticates; absent: who
                         the request says */
    hg_text route;    /* a route that is told of in any case; absent: none */
} hgh_explain_options;

/** What has been noted so far; owned by its request. */
typedef struct hgh_explanation hgh_explanation;

/** Texts are copied. NULL: no memory. */
hgh_explanation *hgh_explanation_new(const hgh_explain_options *options);

/** Accepts NULL. */
void hgh_explanation_free(hgh_explanation *explanation);

/* What a request calls where it has an explanation. */

/** The route was looked for with this. */
void hgh_explain_routes(hg_request *request, const hgh_route_query *query);

/**
 * In the place of a chain of the cache: of a dry request one whose callbacks do nothing, but for
 * those that authenticate; of a live one the same chain.
 *
 * chain  taken over; the one to be used is the caller's.
 */
hg_status hgh_explain_chain(hg_request *request, hgh_chain **chain, hg_error *err);

/** The rewrite phase of the route is over: a consumer that was named is attached. */
void hgh_explain_rewrite_end(hg_request *request);

/** The filter of the running step was asked; `failed`: its value is not known. */
void hgh_explain_filter(hg_request *request, const hgh_expression *filter, bool holds, bool failed);

/** The running step has ended the request. */
void hgh_explain_ended(hg_request *request, const hgh_configuration *configuration);

/** A line about the request was logged. */
void hgh_explain_logged(hg_request *request, hg_text line);

/** What becomes of a request that has run: a dry one is answered with the explanation. */
hgh_outcome hgh_explain_outcome(hg_request *request, hgh_outcome outcome);

/** The response's headers are made: a live one gets its own. */
void hgh_explain_response(hg_request *request);

/** The request is over: a live one is logged. */
void hgh_explain_log(hg_request *request);

/** True if it goes no further than the access phase. */
bool hgh_explanation_is_dry(const hgh_explanation *explanation);

#endif
