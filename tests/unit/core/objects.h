/* tests/unit/core/objects.h - objects as the feed would bring them, for tests of the core. */
#ifndef TESTS_UNIT_CORE_OBJECTS_H
#define TESTS_UNIT_CORE_OBJECTS_H

#include "host/core/resource.h"
#include "host/core/snapshot.h"

/** Decodes an object; fails the test if it is refused. One reference of the caller's. */
hgh_resource *object_make(hgh_snapshot *snapshot,
                          hgh_resource_kind kind,
                          const char *id,
                          uint64_t revision,
                          const char *json);

/** Decodes an object and puts it into its cell; borrowed from the snapshot. What was there goes. */
hgh_resource *object_put(hgh_snapshot *snapshot,
                         hgh_resource_kind kind,
                         const char *id,
                         uint64_t revision,
                         const char *json);

/** Takes an object out of its cell and drops it. */
void object_remove(hgh_snapshot *snapshot, hgh_resource_kind kind, const char *id);

#endif
