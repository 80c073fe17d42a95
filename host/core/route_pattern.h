/* host/core/route_pattern.h - the patterns of a route: paths and hosts. */
#ifndef HOST_CORE_ROUTE_PATTERN_H
#define HOST_CORE_ROUTE_PATTERN_H

#include <stdbool.h>
#include <stddef.h>

#include "host/core/router.h"

/** How much a pattern's literal beginning says. */
typedef enum hgh_route_pattern_kind {
    HGH_PATTERN_EXACT,  /* it is the path */
    HGH_PATTERN_PREFIX, /* the path begins with it */
    HGH_PATTERN_WHOLE,  /* the path begins with it, and the rest is compared with the whole pattern
                         */
} hgh_route_pattern_kind;

/** Where the literal beginning of a pattern ends, and what it says. */
hgh_route_pattern_kind
hgh_route_pattern_split(hgh_router_mode mode, hg_text uri, size_t *out_length);

/**
 * Compares what is left of a pattern, behind its literal beginning, with what is left of a path,
 * and adds the parameters to `match`. The effort is at most quadratic.
 */
bool hgh_route_pattern_fits(hgh_router_mode mode,
                            const char *pattern,
                            const char *pattern_end,
                            const char *path,
                            const char *path_end,
                            hgh_route_match *match);

/** True for "*" and what follows it. */
bool hgh_host_is_suffix(hg_text pattern);

/** True for "foo.com:8080", "[::1]:80": what is compared is the Host header as it was sent. */
bool hgh_host_has_port(hg_text pattern);

/** host: lower case, no port. */
bool hgh_host_fits(hg_text pattern, hg_text host);

/** raw_host: the Host header as it was sent. */
bool hgh_raw_host_fits(hg_text pattern, hg_text raw_host);

#endif
