/* host/core/router_table.h - what a router holds: routes by host and path. For the router's own
 * files. */
#ifndef HOST_CORE_ROUTER_TABLE_H
#define HOST_CORE_ROUTER_TABLE_H

#include "host/core/affix_table.h"
#include "host/core/route_pattern.h"
#include "host/core/router.h"

/* Sorted by the order in which they are tried. Nearly all have one entry. */
typedef struct hgh_router_list {
    uint32_t count;
    uint32_t room; /* of `many`; 0: `one` is meant */
    union {
        struct hgh_router_entry *one;
        struct hgh_router_entry **many; /* owned */
    } items;
} hgh_router_list;

/* One pattern of a route in one bucket. What most routes need to fit is here, so that no more
 * memory is looked at. */
struct hgh_router_entry {
    struct hgh_router_entry *next_of_route;
    hgh_route *route;
    struct hgh_router_bucket *bucket;
    struct hgh_router_host *host; /* in the bucket, where its list is; NULL: the bucket's own */
    hg_text uri;                  /* as written; borrowed from the route */
    uint32_t methods;             /* the route's */
    uint8_t kind;                 /* an hgh_route_pattern_kind */
    bool has_conditions;          /* others than methods */
};

/* Routes under one literal beginning. */
typedef struct hgh_router_bucket {
    hgh_map_node node;
    hgh_router_list entries; /* but for those in by_host */
    hgh_map
        *by_host; /* of hgh_router_host, where paths lead: routes with this exact host; or NULL */
    struct hgh_router_level *level;
    struct hgh_router_entry first; /* memory for one of the entries; in use if it has a route */
    char key[];
} hgh_router_bucket;

/* Routes of one bucket for one exact host, so that the others are not looked at. */
typedef struct hgh_router_host {
    hgh_map_node node;
    hgh_router_list entries;
    struct hgh_router_entry first; /* as a bucket's */
    char key[];
} hgh_router_host;

/* The paths below one host pattern. */
typedef struct hgh_router_level {
    hgh_map_node node;
    hgh_map exact;
    hgh_affix_table prefixes;
    size_t entries;
    char key[];
} hgh_router_level;

struct hgh_router {
    hgh_router_mode mode;
    hgh_map exact_hosts;
    hgh_affix_table host_suffixes; /* "*.foo.com" under ".foo.com" */
    hgh_router_level *any_host;
};

/** A level that is in no table yet; NULL: no memory. */
hgh_router_level *hgh_router_level_new(hg_text key);

/** Frees a level with all below it but the entries that have memory of their own: for a router that
 * goes as a whole, as a visitor of its maps. */
void hgh_router_level_free(void *context, hgh_map_node *node);

/** The level of a host pattern, made if there is none; where paths lead, the only one. NULL: no
 * memory. */
hgh_router_level *hgh_router_level_make(hgh_router *router, hg_text host);

/**
 * Enters a route under one of its patterns.
 *
 * in          from hgh_router_level_make(), which may have failed.
 * exact_host  where paths lead, of a route that is found by it; else absent.
 * Returns HG_OK or HG_ERR_NO_MEMORY, when nothing was entered.
 */
hg_status hgh_router_entry_add(
    hgh_router *router, hgh_route *route, hg_text uri, hgh_router_level *in, hg_text exact_host);

/** Takes an entry out and frees it; it is not in its route's list any more. */
void hgh_router_entry_remove(hgh_router *router, struct hgh_router_entry *entry);

/** True if a request tries `a` before `b`. */
bool hgh_router_entry_goes_before(const struct hgh_router_entry *a,
                                  const struct hgh_router_entry *b);

/** The entries of a list, in order. */
struct hgh_router_entry *const *hgh_router_list_items(const hgh_router_list *list);

/** The hosts of a route: its own, else those of its service. */
const hg_text *hgh_route_hosts(const hgh_route *route, size_t *out_count);

/** What the conditions of a route are asked about: the request, and how its path fits this route.
 */
typedef struct hgh_route_candidate {
    const hgh_route_query *query;
    const hgh_route_match *match; /* with the parameters of the path */
} hgh_route_candidate;

/** An hgh_expression_lookup whose context is an hgh_route_candidate. */
hgh_variable hgh_route_candidate_variable(void *context, hg_text name);

/** True if a host pattern fits the host that is asked for. */
bool hgh_route_host_fits(hg_text pattern, const hgh_route_query *query);

#endif
