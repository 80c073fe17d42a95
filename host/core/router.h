/* host/core/router.h - finds the route of a request. A change costs what it changes.
 *
 * Patterns are kept in hash tables by their literal beginning: exact paths in one, prefixes in one
 * with a list of the lengths that occur, so that the longest one that fits is found by one lookup a
 * length. Host patterns stand before them in the same way, from the most to the least specific.
 */
#ifndef HOST_CORE_ROUTER_H
#define HOST_CORE_ROUTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "host/core/expression.h"
#include "host/core/map.h"
#include "host/core/resource.h"

#define HGH_ROUTE_PARAMETERS_MAX 16u

/** The values of apisix.router.http. */
typedef enum hgh_router_mode {
    HGH_ROUTER_HOST_URI = 0,           /* radixtree_host_uri: host before path */
    HGH_ROUTER_URI = 1,                /* radixtree_uri: the host is one more condition */
    HGH_ROUTER_URI_WITH_PARAMETER = 2, /* as the last, and ":name" segments */
} hgh_router_mode;

typedef struct hgh_router hgh_router;

/** What a route is looked up by. */
typedef struct hgh_route_query {
    hg_text method;
    hg_text host; /* lower case, no port */
    hg_text uri;  /* decoded, normalised */
    const hg_address *client;
    hgh_expression_lookup find; /* for conditions; path parameters are the router's own */
    void *context;
    hgh_route *const *without; /* routes that are passed over, as if they were not there */
    size_t without_count;
} hgh_route_query;

/** A path parameter, as it stood in the request. */
typedef struct hgh_route_parameter {
    hg_text name; /* ":ext" for a "*" without a name */
    hg_text value;
} hgh_route_parameter;

typedef struct hgh_route_match {
    hgh_route *route; /* borrowed from the router; NULL: none fits */
    hg_text uri;      /* the pattern that fitted; borrowed from the route */
    uint32_t parameter_count;
    hgh_route_parameter parameters[HGH_ROUTE_PARAMETERS_MAX];
} hgh_route_match;

/** False if the name is none of APISIX's. */
bool hgh_router_mode_find(hg_text name, hgh_router_mode *out_mode);

/** NULL if there is no memory. */
hgh_router *hgh_router_new(hgh_router_mode mode);
void hgh_router_free(hgh_router *router);

/**
 * Enters a route under all its patterns; a disabled one under none. The router borrows it until
 * hgh_router_remove(). HG_OK or HG_ERR_NO_MEMORY, when it is not entered at all.
 */
hg_status hgh_router_add(hgh_router *router, hgh_route *route);

/** Takes it out again; does nothing for a route that is not in. */
void hgh_router_remove(hgh_router *router, hgh_route *route);

/**
 * Takes out all routes that have their hosts from a service, before those change. Linked by
 * of_service_next until they are put in again.
 */
hgh_route *hgh_router_take_routes(hgh_router *router, hgh_cell *service);

/** Enters them under the hosts that their service has now. HG_OK or HG_ERR_NO_MEMORY, when some are
 * not entered. */
hg_status hgh_router_put_routes(hgh_router *router, hgh_route *taken);

void hgh_router_match(const hgh_router *router,
                      const hgh_route_query *query,
                      hgh_route_match *out_match);

#endif
