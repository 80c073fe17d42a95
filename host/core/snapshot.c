/* host/core/snapshot.c - all objects of one process as of the last applied change. */
#include "host/core/snapshot.h"

#include <stdlib.h>
#include <string.h>

void hgh_snapshot_init(hgh_snapshot *snapshot)
{
    memset(snapshot, 0, sizeof(*snapshot));
    for (int kind = 0; kind < HGH_RESOURCE_KINDS; kind++) {
        hgh_map_init(&snapshot->kinds[kind]);
    }
}

static void cell_clear(void *context, hgh_map_node *node)
{
    hgh_cell *cell = HGH_CONTAINER_OF(node, hgh_cell, node);
    hgh_resource *resource = cell->current;

    (void)context;
    cell->current = NULL;
    hgh_resource_unref(resource);
}

static void cell_free(void *context, hgh_map_node *node)
{
    (void)context;
    free(HGH_CONTAINER_OF(node, hgh_cell, node));
}

void hgh_snapshot_done(hgh_snapshot *snapshot)
{
    /* Routes first: letting go of them gives their references to cells back. */
    for (int kind = 0; kind < HGH_RESOURCE_KINDS; kind++) {
        hgh_map_each(&snapshot->kinds[kind], cell_clear, NULL);
    }
    for (int kind = 0; kind < HGH_RESOURCE_KINDS; kind++) {
        hgh_map_each(&snapshot->kinds[kind], cell_free, NULL);
        hgh_map_done(&snapshot->kinds[kind]);
    }
}

static hgh_cell *cell_find(const hgh_snapshot *snapshot, hgh_resource_kind kind, hg_text id)
{
    hgh_map_node *node = hgh_map_find(&snapshot->kinds[kind], id);

    return node == NULL ? NULL : HGH_CONTAINER_OF(node, hgh_cell, node);
}

hgh_resource *hgh_snapshot_find(const hgh_snapshot *snapshot, hgh_resource_kind kind, hg_text id)
{
    const hgh_cell *cell = cell_find(snapshot, kind, id);

    return cell == NULL ? NULL : cell->current;
}

static hgh_cell *cell_find_or_make(hgh_snapshot *snapshot, hgh_resource_kind kind, hg_text id)
{
    hgh_cell *cell = cell_find(snapshot, kind, id);

    if (cell != NULL) {
        return cell;
    }
    cell = calloc(1, sizeof(*cell) + id.length + 1);
    if (cell == NULL) {
        return NULL;
    }
    memcpy(cell->id, id.data, id.length);
    cell->snapshot = snapshot;
    cell->kind = (uint8_t)kind;
    cell->node.key = (hg_text){cell->id, id.length};
    if (hgh_map_add(&snapshot->kinds[kind], &cell->node) != HG_OK) {
        free(cell);
        return NULL;
    }
    return cell;
}

static void cell_free_if_unused(hgh_cell *cell)
{
    if (cell->references == 0 && cell->current == NULL) {
        hgh_map_remove(&cell->snapshot->kinds[cell->kind], &cell->node);
        free(cell);
    }
}

hgh_cell *hgh_cell_ref(hgh_snapshot *snapshot, hgh_resource_kind kind, hg_text id)
{
    hgh_cell *cell = cell_find_or_make(snapshot, kind, id);

    if (cell != NULL) {
        cell->references++;
    }
    return cell;
}

void hgh_cell_unref(hgh_cell *cell)
{
    if (cell != NULL) {
        cell->references--;
        cell_free_if_unused(cell);
    }
}

hg_status
hgh_snapshot_put(hgh_snapshot *snapshot, hgh_resource *resource, hgh_resource **out_previous)
{
    hgh_cell *cell = cell_find_or_make(snapshot, resource->kind, hg_text_of(resource->id));

    if (cell == NULL) {
        return HG_ERR_NO_MEMORY;
    }
    *out_previous = cell->current;
    if (cell->current != NULL) {
        cell->current->in_force = false;
    }
    resource->in_force = true;
    snapshot->counts[resource->kind] += cell->current == NULL;
    cell->current = resource;
    return HG_OK;
}

hgh_resource *hgh_snapshot_take(hgh_snapshot *snapshot, hgh_resource_kind kind, hg_text id)
{
    hgh_cell *cell = cell_find(snapshot, kind, id);
    hgh_resource *resource;

    if (cell == NULL || cell->current == NULL) {
        return NULL;
    }
    resource = cell->current;
    resource->in_force = false;
    cell->current = NULL;
    snapshot->counts[kind]--;
    cell_free_if_unused(cell);
    return resource;
}
