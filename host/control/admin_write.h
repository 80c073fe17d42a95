/* host/control/admin_write.h - one write to one object: judged, stored, published, answered. */
#ifndef HOST_CONTROL_ADMIN_WRITE_H
#define HOST_CONTROL_ADMIN_WRITE_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "host/control/admin_envelope.h"
#include "host/control/admin_exchange.h"
#include "host/control/admin_queue.h"
#include "host/control/object_check.h"
#include "host/control/object_kind.h"
#include "host/control/plugin_catalog.h"
#include "host/control/plugin_check.h"
#include "host/control/publisher.h"
#include "host/control/resource_table.h"

/** What writes need; all borrowed, as long as a write may run. */
typedef struct hgh_admin_write_parts {
    hgh_admin_format format;
    hgh_admin_queue *queue;
    hgh_resource_table *table;
    hgh_publisher *publisher;
    const hgh_object_check *object_check;
    const hgh_plugin_catalog *catalog;
    hgh_plugin_check *plugin_check; /* NULL: no plugin is in force, each is unknown */
    /** After objects were stored: their expiry may be nearer than any before. */
    void (*on_stored)(void *context);
    void *context;
} hgh_admin_write_parts;

/** What is asked for. Texts and body are copied or taken. */
typedef struct hgh_admin_write {
    const hgh_object_kind *kind;
    uint32_t method;      /* one of HGH_ADMIN_PUT, POST, PATCH, DELETE */
    const char *parent;   /* id of what it stands below; NULL: it stands alone */
    const char *id;       /* NULL: not in the path */
    const char *sub_path; /* behind the id, without the first '/'; NULL: none */
    json_t *body;         /* taken; NULL: none */
    int64_t ttl_s;        /* 0: for ever */
    bool force;           /* of DELETE: although something names it */
} hgh_admin_write;

/** Queues the write; the answer comes through `later`. */
void hgh_admin_write_start(const hgh_admin_write_parts *parts,
                           const hgh_admin_write *write,
                           hgh_admin_answer_later *later);

#endif
