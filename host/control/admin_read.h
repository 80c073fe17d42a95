/* host/control/admin_read.h - reads of the Admin API: one object, or a list of them. */
#ifndef HOST_CONTROL_ADMIN_READ_H
#define HOST_CONTROL_ADMIN_READ_H

#include <stdbool.h>

#include "host/control/admin_envelope.h"
#include "host/control/admin_exchange.h"
#include "host/control/object_kind.h"
#include "host/control/plugin_catalog.h"
#include "host/control/resource_table.h"

/** What is asked for, and of whom; all borrowed for the call. */
typedef struct hgh_admin_read {
    hgh_admin_format format;
    const hgh_resource_table *table;
    const hgh_plugin_catalog *catalog;
    const hgh_admin_request *request; /* its arguments name the page and the filters */
    const hgh_object_kind *kind;
    const char *parent; /* id of what it stands below; NULL: it stands alone */
    const char *id;     /* NULL: the list */
    bool hides_secrets; /* for the role viewer */
} hgh_admin_read;

/** The answer is made at once; hgh_admin_answer_done(). */
void hgh_admin_read_answer(const hgh_admin_read *read, hgh_admin_answer *answer);

#endif
