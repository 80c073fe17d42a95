/* host/core/guard.h - stands before callbacks that do not run for every request.
 *
 * A guard is a step of a chain that looks first: whether the body has to be here, whether the
 * filter of its configuration holds, and whether a global rule gives way to the route. Steps
 * without one pay nothing for those with.
 */
#ifndef HOST_CORE_GUARD_H
#define HOST_CORE_GUARD_H

#include "host/core/chain.h"

typedef struct hgh_guard {
    hgh_step step;                /* what runs if it may */
    const hgh_expression *filter; /* borrowed from the configuration; NULL: always */
    uint32_t answer;              /* of the filter: its place among those of the chain */
    bool global;                  /* in the chain of the global rules */
    uint8_t body; /* families of variables in the request's body that it may ask for; of steps
                     before the request goes upstream */
    const hgh_plugin *prefers_route; /* does not run if the route's chain has it; NULL: runs */
} hgh_guard;

/** True if a configuration of a global rule gives way to the one that the route's chain has; NULL:
 * there is no chain. */
bool hgh_guard_gives_way(const hgh_configuration *configuration, const hgh_chain *route_chain);

/** True if a configuration needs one; `global`: in the chain of the global rules; `body`: what its
 * plugin may ask for. */
bool hgh_guard_is_needed(const hgh_configuration *configuration, bool global, uint8_t body);

/**
 * Puts a guard before a step.
 *
 * step    made for `phase`; becomes the guard.
 * answer  the same for all steps of one configuration, below the chain's filter_count.
 * guard   to be filled; stays at its place as long as the chain.
 */
void hgh_guard_set(hgh_guard *guard,
                   hgh_step *step,
                   uint32_t phase,
                   const hgh_configuration *configuration,
                   bool global,
                   uint8_t body,
                   uint32_t answer);

#endif
