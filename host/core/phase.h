/* host/core/phase.h - the phases of a request: how many there are, and in which order they run. */
#ifndef HOST_CORE_PHASE_H
#define HOST_CORE_PHASE_H

#include <stdbool.h>
#include <stdint.h>

#include <hotgate/request.h>

#define HGH_PHASES 9u /* one more than the highest; arrays have a place for each */

/** Those that there are, by their turn from 0 to HGH_PHASES - 2. */
static inline hg_phase hgh_phase_at(uint32_t turn)
{
    static const uint8_t order[HGH_PHASES - 1] = {
        HG_PHASE_REWRITE,
        HG_PHASE_ACCESS,
        HG_PHASE_BEFORE_PROXY,
        HG_PHASE_RESPONSE,
        HG_PHASE_HEADER_FILTER,
        HG_PHASE_BODY_FILTER,
        HG_PHASE_DELAYED_BODY_FILTER,
        HG_PHASE_LOG,
    };

    return (hg_phase)order[turn];
}

/** True before the request goes upstream: it can still be changed. */
static inline bool hgh_phase_is_early(uint32_t phase)
{
    return phase >= HG_PHASE_REWRITE && phase <= HG_PHASE_BEFORE_PROXY;
}

/** True where callbacks return a verdict, and may wait. */
static inline bool hgh_phase_has_verdict(uint32_t phase)
{
    return hgh_phase_is_early(phase) || phase == HG_PHASE_RESPONSE;
}

#endif
