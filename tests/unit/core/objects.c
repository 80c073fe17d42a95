/* tests/unit/core/objects.c - objects as the feed would bring them, for tests of the core. */
#include "tests/unit/core/objects.h"

#include <string.h>

#include "tests/unit/unit.h"

hgh_resource *object_make(hgh_snapshot *snapshot,
                          hgh_resource_kind kind,
                          const char *id,
                          uint64_t revision,
                          const char *json)
{
    hgh_resource *resource = NULL;
    hg_error err = HG_ERROR_INIT;
    hgh_feed_slice source = hgh_feed_slice_copy(json, strlen(json));

    if (hgh_resource_decode(snapshot, kind, hg_text_of(id), source, revision, revision, &resource,
                            &err) != HG_OK) {
        fail_msg("%s: %s", json, err.text);
    }
    return resource;
}

hgh_resource *object_put(hgh_snapshot *snapshot,
                         hgh_resource_kind kind,
                         const char *id,
                         uint64_t revision,
                         const char *json)
{
    hgh_resource *resource = object_make(snapshot, kind, id, revision, json);
    hgh_resource *previous = NULL;

    assert_int_equal(hgh_snapshot_put(snapshot, resource, &previous), HG_OK);
    hgh_resource_unref(previous);
    return resource;
}

void object_remove(hgh_snapshot *snapshot, hgh_resource_kind kind, const char *id)
{
    hgh_resource_unref(hgh_snapshot_take(snapshot, kind, hg_text_of(id)));
}
