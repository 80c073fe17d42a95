/* host/control/admin_envelope.h - objects as the Admin API shows them, in its two formats. */
#ifndef HOST_CONTROL_ADMIN_ENVELOPE_H
#define HOST_CONTROL_ADMIN_ENVELOPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

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

/** A list that is put together object by object; between the calls they may change. */
typedef struct hgh_admin_envelope_list {
    FILE *stream;
    char *text; /* owned: the items */
    size_t length;
    size_t count;
    bool is_broken; /* no memory: the answer will be 500 */
} hgh_admin_envelope_list;

void hgh_admin_envelope_list_begin(hgh_admin_envelope_list *list);

void hgh_admin_envelope_list_add(hgh_admin_envelope_list *list,
                                 const hgh_resource_object *object,
                                 hgh_admin_show show,
                                 void *context);

/** Adds one that is text already, such as {"key": ...}. */
void hgh_admin_envelope_list_add_text(hgh_admin_envelope_list *list, const char *text);

/** Drops a list that is not wanted any more. */
void hgh_admin_envelope_list_done(hgh_admin_envelope_list *list);

/** Ends the list: objects in their envelope. directory: "routes"; total: of all pages. */
void hgh_admin_envelope_list_answer(hgh_admin_envelope_list *list,
                                    hgh_admin_format format,
                                    const char *directory,
                                    size_t total,
                                    hgh_admin_answer *answer);

/** Ends the list: its items between two texts, such as "[" and "]". */
void hgh_admin_envelope_list_answer_between(hgh_admin_envelope_list *list,
                                            const char *before,
                                            const char *after,
                                            hgh_admin_answer *answer);

void hgh_admin_envelope_deleted(hgh_admin_answer *answer, hgh_admin_format format, const char *key);

/** 404, "Key not found". */
void hgh_admin_envelope_missing(hgh_admin_answer *answer,
                                hgh_admin_format format,
                                const char *action);

#endif
