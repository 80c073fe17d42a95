/* host/core/resource.h - one object that the operator configured, decoded for the data plane. */
#ifndef HOST_CORE_RESOURCE_H
#define HOST_CORE_RESOURCE_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include <hotgate/address.h>
#include <hotgate/error.h>

#include "host/core/expression.h"
#include "host/core/feed_reader.h"
#include "host/core/map.h"
#include "host/core/upstream.h"

/** The kinds that the data plane knows. */
typedef enum hgh_resource_kind {
    HGH_ROUTES = 0,
    HGH_SERVICES = 1,
    HGH_UPSTREAMS = 2,
    HGH_CONSUMERS = 3,
    HGH_CREDENTIALS = 4, /* id: CONSUMER/credentials/ID */
    HGH_CONSUMER_GROUPS = 5,
    HGH_PLUGIN_CONFIGS = 6,
    HGH_GLOBAL_RULES = 7,
    HGH_PLUGIN_METADATA = 8, /* id: the plugin's name */
    HGH_SSLS = 9,
    HGH_RESOURCE_KINDS = 10,
} hgh_resource_kind;

#define HGH_CREDENTIAL_PLACE "/credentials/" /* between the two ids of a credential */

/** "routes", ...: the first part of its key. */
const char *hgh_resource_kind_name(hgh_resource_kind kind);

/** The kind with that name; false if there is none. */
bool hgh_resource_kind_find(hg_text name, hgh_resource_kind *out_kind);

struct hgh_resource;

/**
 * A place that has a name whether or not an object is there: routes refer to the cell of their
 * service, so that following the reference is one load and a service that comes later is found.
 */
typedef struct hgh_cell {
    hgh_map_node node; /* by id, in the snapshot's map of its kind */
    struct hgh_snapshot *snapshot;
    struct hgh_resource *current; /* a reference, or NULL */
    struct hgh_route *routes; /* of a service: those that have their hosts from it, a weak list */
    uint32_t references;      /* of other objects to this cell */
    uint8_t kind;
    char id[]; /* NUL-terminated */
} hgh_cell;

/** What stands in a cell; borrowed. NULL: nothing, or there is no cell. */
static inline struct hgh_resource *hgh_cell_current(const hgh_cell *cell)
{
    return cell == NULL ? NULL : cell->current;
}

/** What all kinds have. Shared; immutable but for references, in_force, source and the lists. */
typedef struct hgh_resource {
    uint32_t references;
    uint8_t kind; /* an hgh_resource_kind */
    bool has_plugins;
    bool in_force;                            /* it stands in its cell */
    uint64_t revision;                        /* of its last change */
    uint64_t created;                         /* when it was first written: the storage order */
    hgh_feed_slice source;                    /* its JSON text */
    char *id;                                 /* owned, NUL-terminated, as is the name behind it */
    hg_text name;                             /* absent if it has none */
    struct hgh_configuration *configurations; /* decoded ones that are in use: a weak list */
    struct hgh_chain_link *chains;            /* cached ones that it takes part in: a weak list */
} hgh_resource;

/** One pattern of a route's URIs; a member of the router's tables. */
struct hgh_router_entry;

typedef struct hgh_route {
    hgh_resource base;
    size_t uri_count;
    hg_text *uris; /* owned, in one block with what they point to */
    size_t host_count;
    hg_text *hosts;   /* lower case; owned as uris */
    uint32_t methods; /* bits of hgh_method_bit(); 0: any */
    int32_t priority;
    bool enabled;               /* status */
    hg_cidrs *remote_addresses; /* NULL: any */
    hgh_expression *vars;       /* NULL: always true */
    hgh_cell *service;          /* a reference to the cell, or NULL, as are the next two */
    hgh_cell *plugin_config;    /* plugin_config_id */
    hgh_cell *upstream_cell;    /* upstream_id */
    hgh_upstream *upstream;     /* inline */
    hgh_timeouts timeouts;
    bool has_websocket; /* enable_websocket is given */
    bool websocket;
    struct hgh_router_entry *entries;  /* where the router has put it */
    struct hgh_route *of_service_next; /* in the list of its service's cell, as is the next */
    struct hgh_route **of_service_at;
    struct hgh_chain *chain; /* cached: borrowed from the chain cache */
} hgh_route;

typedef struct hgh_service {
    hgh_resource base;
    size_t host_count;
    hg_text *hosts;
    hgh_cell *upstream_cell;
    hgh_upstream *upstream;
    bool websocket;
} hgh_service;

typedef struct hgh_upstream_resource {
    hgh_resource base;
    hgh_upstream *upstream;
} hgh_upstream_resource;

/** Where a consumer is found by one key. */
typedef struct hgh_consumer_key {
    hgh_map_node node; /* key: PLUGIN NUL VALUE */
    struct hg_consumer *owner;
    struct hgh_consumer_key *next;  /* of the same owner */
    struct hgh_consumer_key *older; /* the same key of another owner, not in the map */
    char text[];
} hgh_consumer_key;

/** Whom a key identifies: a consumer itself, or one credential of it. Plugins see no difference. */
typedef struct hg_consumer {
    hgh_resource base; /* HGH_CONSUMERS: its id is the username; or HGH_CREDENTIALS */
    hgh_consumer_key *keys;
    hgh_cell *group;    /* of a consumer: group_id; NULL: none. A reference, as is the next */
    hgh_cell *consumer; /* of a credential: whose it is; never NULL there */
    hg_text custom_id;  /* of a consumer: its label custom_id, owned; absent: none */
} hg_consumer;

/** The consumer behind what a key has found; borrowed. NULL: a credential without its consumer. */
static inline hg_consumer *hgh_consumer_of(const hg_consumer *found)
{
    return found->consumer == NULL ? (hg_consumer *)(uintptr_t)found
                                   : (hg_consumer *)(void *)found->consumer->current;
}

/** The last part of a credential's id, as the operator knows it. */
hg_text hgh_credential_id(const hg_consumer *credential);

struct hgh_snapshot;

/** A bit of hgh_route.methods that no method has. */
#define HGH_METHOD_NONE (1u << 31)

/** The bit of a method in hgh_route.methods; 0 for one that APISIX does not know. */
uint32_t hgh_method_bit(hg_text method);

/**
 * Decodes one object.
 *
 * snapshot  holds the cells that it refers to.
 * source    its JSON text; on HG_OK the resource takes over the reference, else the caller keeps
 * it. out_resource  on HG_OK one reference of the caller's; else untouched.
 */
hg_status hgh_resource_decode(struct hgh_snapshot *snapshot,
                              hgh_resource_kind kind,
                              hg_text id,
                              hgh_feed_slice source,
                              uint64_t revision,
                              uint64_t created,
                              hgh_resource **out_resource,
                              hg_error *err);

static inline hgh_resource *hgh_resource_ref(hgh_resource *resource)
{
    resource->references++;
    return resource;
}

/** Accepts NULL. */
void hgh_resource_unref(hgh_resource *resource);

/** The object's JSON, parsed anew; a new reference, NULL if there is no memory. */
json_t *hgh_resource_json(const hgh_resource *resource);

#endif
