/* host/control/admin_read.h - reads of the Admin API: one object, or a list of them. */
#ifndef HOST_CONTROL_ADMIN_READ_H
#define HOST_CONTROL_ADMIN_READ_H

#include <stdbool.h>

#include "host/control/admin_envelope.h"
#include "host/control/admin_exchange.h"
#include "host/control/object_kind.h"
#include "host/control/plugin_catalog.h"
#include "host/control/resource_table.h"
#include "host/core/event_loop.h"

/** Reads that are under way. Zero-initialise; hgh_admin_reads_done(). */
typedef struct hgh_admin_reads {
    hgh_event_loop *loop; /* borrowed, as the next two */
    hgh_resource_table *table;
    const hgh_plugin_catalog *catalog;
    hgh_admin_format format;
    struct hgh_admin_list_read *first;
} hgh_admin_reads;

/** What is asked for; all borrowed until it is answered. */
typedef struct hgh_admin_read {
    const hgh_admin_request *request; /* its arguments name the page and the filters */
    const hgh_object_kind *kind;
    const char *parent; /* id of what it stands below; NULL: it stands alone */
    const char *id;     /* NULL: the list */
    bool hides_secrets; /* for the role viewer */
} hgh_admin_read;

/** Answers, once: a long list in slices, so that it holds up nobody else. */
void hgh_admin_read_start(hgh_admin_reads *reads,
                          const hgh_admin_read *read,
                          hgh_admin_answer_later *later);

/** Answers those that are under way that it is too late. */
void hgh_admin_reads_done(hgh_admin_reads *reads);

#endif
