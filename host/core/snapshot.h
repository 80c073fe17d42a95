/* host/core/snapshot.h - all objects of one process as of the last applied change. */
#ifndef HOST_CORE_SNAPSHOT_H
#define HOST_CORE_SNAPSHOT_H

#include "host/core/resource.h"

/** Objects by kind and id. Has one user: the process's runtime. */
typedef struct hgh_snapshot {
    hgh_map kinds[HGH_RESOURCE_KINDS]; /* of hgh_cell */
    size_t counts[HGH_RESOURCE_KINDS]; /* cells with an object */
} hgh_snapshot;

void hgh_snapshot_init(hgh_snapshot *snapshot);
void hgh_snapshot_done(hgh_snapshot *snapshot);

/** The object, or NULL; borrowed. */
hgh_resource *hgh_snapshot_find(const hgh_snapshot *snapshot, hgh_resource_kind kind, hg_text id);

/** The cell of that name with one more reference, made if there is none; NULL: no memory. */
hgh_cell *hgh_cell_ref(hgh_snapshot *snapshot, hgh_resource_kind kind, hg_text id);

/** Gives a reference back; accepts NULL. A cell that nobody refers to and that is empty goes. */
void hgh_cell_unref(hgh_cell *cell);

/**
 * Puts an object into its cell.
 *
 * resource   taken over on HG_OK.
 * out_previous  what was there, now the caller's; NULL: nothing.
 */
hg_status
hgh_snapshot_put(hgh_snapshot *snapshot, hgh_resource *resource, hgh_resource **out_previous);

/** Takes an object out; now the caller's. NULL: there is none. */
hgh_resource *hgh_snapshot_take(hgh_snapshot *snapshot, hgh_resource_kind kind, hg_text id);

#endif
