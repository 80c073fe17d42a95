/* host/core/blame.h - says at any moment which plugin this process is running, and for what.
 *
 * A word in shared memory is set around every call into a plugin, so that whoever reads it after
 * the process has died, or while it hangs, knows whom to blame.
 */
#ifndef HOST_CORE_BLAME_H
#define HOST_CORE_BLAME_H

#include <stdatomic.h>
#include <stdint.h>

#include <hotgate/config.h>

#include "host/core/board.h"

/** One a process: where its marker is. */
typedef struct hgh_blame {
    _Atomic uint64_t *marker; /* in the board's slot, or private memory where there is no board */
    uint64_t sequence;        /* of the last call, in the bits where a marker has it */
    const struct hg_request *request; /* whose phase was begun last; holds while a phase is run */
    const hg_config_source *source;   /* of the configuration that a call is about; NULL: none */
} hgh_blame;

/** Marks that a call begins; returns what to give to hgh_blame_leave(). */
static inline uint64_t hgh_blame_enter(hgh_blame *blame, uint32_t object, uint32_t call)
{
    uint64_t outer = atomic_load_explicit(blame->marker, memory_order_relaxed);

    blame->sequence += (uint64_t)1 << 24;
    atomic_store_explicit(blame->marker, blame->sequence | hgh_marker_make(0, object, call),
                          memory_order_relaxed);
    return outer;
}

static inline void hgh_blame_leave(hgh_blame *blame, uint64_t outer)
{
    atomic_store_explicit(blame->marker, outer, memory_order_relaxed);
}

#endif
