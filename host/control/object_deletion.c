/* host/control/object_deletion.c - objects that go together: each with what stands below it. */
#include "host/control/object_deletion.h"

#include <stdlib.h>
#include <string.h>

#include "host/control/object_kind.h"

#define ROOM_FIRST 16u

static hg_status append(hgh_object_deletion *deletion, const char *key)
{
    if (deletion->count == deletion->room) {
        size_t room = deletion->room == 0 ? ROOM_FIRST : deletion->room * 2;
        hgh_publisher_change *grown = realloc(deletion->changes, room * sizeof(*grown));

        if (grown == NULL) {
            return HG_ERR_NO_MEMORY;
        }
        deletion->changes = grown;
        deletion->room = room;
    }
    deletion->changes[deletion->count++] = (hgh_publisher_change){.key = key};
    return HG_OK;
}

static hg_status append_children(hgh_object_deletion *deletion,
                                 const hgh_resource_table *table,
                                 const hgh_object_kind *kind,
                                 const char *parent)
{
    const hgh_resource_object *child = NULL;
    hg_status status = HG_OK;

    while (status == HG_OK &&
           (child = hgh_resource_table_referer(table, kind->name, parent, child)) != NULL) {
        if (!hgh_resource_object_is_over(child)) {
            status = append(deletion, child->key);
        }
    }
    return status;
}

hg_status hgh_object_deletion_add(hgh_object_deletion *deletion,
                                  const hgh_resource_table *table,
                                  const hgh_resource_object *object)
{
    const hgh_object_kind *kind = hgh_object_key_kind(object->key);
    const hgh_object_kind *below;
    hg_status status = HG_OK;

    for (size_t i = 0; status == HG_OK && (below = hgh_object_kind_at(i)) != NULL; i++) {
        if (kind != NULL && below->parent != NULL && strcmp(below->parent, kind->name) == 0) {
            status = append_children(deletion, table, below, object->key);
        }
    }
    return status == HG_OK ? append(deletion, object->key) : status;
}

void hgh_object_deletion_done(hgh_object_deletion *deletion)
{
    free(deletion->changes);
    *deletion = (hgh_object_deletion){0};
}
