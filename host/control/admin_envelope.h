/* host/control/admin_envelope.h - objects as the Admin API shows them, in its two formats. */
#ifndef HOST_CONTROL_ADMIN_ENVELOPE_H
#define HOST_CONTROL_ADMIN_ENVELOPE_H

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

#include "host/control/admin_exchange.h"
#include "host/control/resource_table.h"

#define HGH_ADMIN_PREFIX "/apisix" /* before a key in every answer */

/** The outer form of an answer: deployment.admin.admin_api_version. */
typedef enum hgh_admin_format {
    HGH_ADMIN_V3 = 3,
    HGH_ADMIN_V2 = 2, /* every other value: etcd's v2 envelope, as before APISIX 3 */
} hgh_admin_format;

/** Gives the text of an object to show; free() it. NULL: no memory. */
typedef char *(*hgh_admin_show)(void *context, const hgh_resource_object *object);

/** A stored object after a write. `action` ("set", "create", "compareAndSwap") shows in V2 only;
 * `warnings` may be NULL or empty. */
void hgh_admin_envelope_written(hgh_admin_answer *answer,
                                hgh_admin_format format,
                                unsigned status,
                                const char *action,
                                const char *key,
                                const char *value,
                                const json_t *warnings);

/** One object that was asked for. show: how; NULL: as it is stored. */
void hgh_admin_envelope_one(hgh_admin_answer *answer,
                            hgh_admin_format format,
                            const hgh_resource_object *object,
                            hgh_admin_show show,
                            void *context);

/** Objects of a kind. total: of all pages. */
void hgh_admin_envelope_list(hgh_admin_answer *answer,
                             hgh_admin_format format,
                             const char *kind,
                             const hgh_resource_object *const *objects,
                             size_t count,
                             size_t total,
                             hgh_admin_show show,
                             void *context);

void hgh_admin_envelope_deleted(hgh_admin_answer *answer, hgh_admin_format format, const char *key);

/** 404, "Key not found". */
void hgh_admin_envelope_missing(hgh_admin_answer *answer,
                                hgh_admin_format format,
                                const char *action);

#endif
