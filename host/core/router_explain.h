/* host/core/router_explain.h - why a request gets this route and none of the others. */
#ifndef HOST_CORE_ROUTER_EXPLAIN_H
#define HOST_CORE_ROUTER_EXPLAIN_H

#include <jansson.h>

#include "host/core/router.h"
#include "host/core/snapshot.h"

#define HGH_ROUTER_EXPLAIN_NEXT_MAX  4u  /* routes told that would come after the one taken */
#define HGH_ROUTER_EXPLAIN_UNFIT_MAX 15u /* routes told whose path fits and something else not */

/**
 * Looks at all routes, which takes milliseconds where there are very many.
 *
 * query  as for hgh_router_match().
 * asked  id of a route that is told of in any case; absent: none.
 * Returns [{"route", "uri", "result", "why", "values"}...]: first the one that is taken, then those
 * that would be taken without it, in the router's order, then those whose path fits and that have
 * another condition which does not hold, the longest path first. "result" is "taken", "next" or
 * "does not fit"; "values" holds the variables of "vars" where that is one of the reasons. A new
 * reference; NULL: no memory.
 */
json_t *hgh_router_explain(const hgh_router *router,
                           const hgh_snapshot *snapshot,
                           const hgh_route_query *query,
                           hg_text asked);

#endif
