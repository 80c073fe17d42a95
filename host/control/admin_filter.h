/* host/control/admin_filter.h - which objects of a list a client wants. */
#ifndef HOST_CONTROL_ADMIN_FILTER_H
#define HOST_CONTROL_ADMIN_FILTER_H

#include <stdbool.h>

#include <hotgate/config.h>
#include <hotgate/error.h>

#include "host/control/admin_exchange.h"
#include "host/control/object_kind.h"
#include "host/control/resource_table.h"

#define HGH_ADMIN_FILTER_MEMBERS 2u

/** Filters that a query names; all of them must hold. Zero-initialise; hgh_admin_filter_done(). */
typedef struct hgh_admin_filter {
    hg_regex *name;    /* owned, found in the name; NULL: any */
    hg_regex *uri;     /* owned, found in one of the URIs */
    const char *label; /* borrowed: the object has that label */
    struct {
        const char *member; /* static: "service_id"; NULL: no condition */
        char *value;        /* owned: the id as text */
    } members[HGH_ADMIN_FILTER_MEMBERS];
} hgh_admin_filter;

/**
 * Reads the arguments name, label, uri and filter.
 *
 * request  borrowed for the life of the filter.
 * Returns HG_OK, HG_ERR_INVALID (a pattern is none; `err` names the argument) or HG_ERR_NO_MEMORY.
 */
hg_status hgh_admin_filter_parse(hgh_admin_filter *filter,
                                 const hgh_object_kind *kind,
                                 const hgh_admin_request *request,
                                 hg_error *err);

/** True if every object passes. */
bool hgh_admin_filter_is_empty(const hgh_admin_filter *filter);

/** True if the object passes. */
bool hgh_admin_filter_takes(const hgh_admin_filter *filter, const hgh_resource_object *object);

void hgh_admin_filter_done(hgh_admin_filter *filter);

#endif
