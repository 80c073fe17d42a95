/* host/control/object_deletion.h - objects that go together: each with what stands below it. */
#ifndef HOST_CONTROL_OBJECT_DELETION_H
#define HOST_CONTROL_OBJECT_DELETION_H

#include <stddef.h>

#include <hotgate/error.h>

#include "host/control/publisher.h"
#include "host/control/resource_table.h"

/** Zero-initialise; hgh_object_deletion_done(). */
typedef struct hgh_object_deletion {
    hgh_publisher_change *changes; /* owned; the keys are those of the table's objects */
    size_t count;
    size_t room;
} hgh_object_deletion;

/**
 * Adds an object, and what stands below it: the credentials of a consumer. Those whose own time is
 * over are left to it.
 *
 * object  borrowed until the deletion is through.
 * Returns HG_OK or HG_ERR_NO_MEMORY.
 */
hg_status hgh_object_deletion_add(hgh_object_deletion *deletion,
                                  const hgh_resource_table *table,
                                  const hgh_resource_object *object);

void hgh_object_deletion_done(hgh_object_deletion *deletion);

#endif
