/* host/control/object_kind.h - the kinds of objects that the Admin API keeps: one row each. */
#ifndef HOST_CONTROL_OBJECT_KIND_H
#define HOST_CONTROL_OBJECT_KIND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "host/control/resource_table.h"
#include "host/core/issues.h"

/* Methods, as bits. */
#define HGH_ADMIN_GET    1u
#define HGH_ADMIN_PUT    2u
#define HGH_ADMIN_POST   4u
#define HGH_ADMIN_DELETE 8u
#define HGH_ADMIN_PATCH  16u

#define HGH_OBJECT_ID_MAX  256u /* bytes; a consumer's name is the longest id */
#define HGH_OBJECT_KEY_MAX 600u /* kind, parent and id, with the NUL; a longer one is no key */
#define HGH_CHECKS_KEY     "checks/any"    /* named by each object whose upstream is checked */
#define HGH_ISOLATION_KEY  "isolation/any" /* named by each object that isolates a plugin */
#define HGH_PLUGIN_KIND    "plugins" /* "plugins/NAME": what an object that configures NAME names */

/** A member that names an object of another kind. */
typedef struct hgh_object_reference {
    const char *member; /* "upstream_id", "tls.client_cert_id"; NULL ends the list */
    const char *kind;   /* "upstreams", whether or not that kind has a row yet */
    const char *noun;   /* "upstream": in texts */
    const char *type;   /* what its `type` must be; NULL: anything */
} hgh_object_reference;

/** What tells one kind from the others. */
typedef struct hgh_object_kind {
    const char *name;       /* "routes": in paths and keys */
    const char *noun;       /* "route": in texts */
    const char *schema;     /* of hgh_object_schema_make() and /schema/NAME */
    uint32_t methods;       /* HGH_ADMIN_*; the others answer 405 */
    const char *id_member;  /* "id"; "username": the id is the name in the body */
    const char *parent;     /* "consumers": it stands below one of these; NULL: it stands alone */
    const char *plugin_use; /* what a plugin's configuration is here, by plugin_check.h */
    const char *plugins_prefix; /* before the text of a finding about a plugin */
    const char *kept_text;      /* "can not delete this upstream": while something names it */
    bool is_metadata;          /* the object is the configuration of the plugin that its id names */
    bool only_auth;            /* takes plugins that authenticate, and no others */
    bool own_plugins;          /* a plugin stands in one object of the kind only */
    bool has_filter;           /* its list can be filtered by the ids that it names */
    const char *const *hidden; /* members that no answer shows, up to a NULL; NULL: none */
    const hgh_object_reference *references;
    void (*check)(const json_t *object, hg_issues *issues); /* beyond the schema */
} hgh_object_kind;

/** The kind with that name, or NULL. */
const hgh_object_kind *hgh_object_kind_find(const char *name);

/** By index from 0; NULL behind the last one. */
const hgh_object_kind *hgh_object_kind_at(size_t index);

/** True if its ids stand in the body as `id` and in the path. */
bool hgh_object_kind_has_id(const hgh_object_kind *kind);

/** The value of a reference's member, which may stand in members of the object; or NULL. */
const json_t *hgh_object_reference_value(const hgh_object_reference *reference,
                                         const json_t *object);

/** The text of an id, which may be written as a number; false if it is neither or too long. */
bool hgh_object_id_text(const json_t *id, char *into, size_t size);

/**
 * The key of an object, in the store, on the feed and in the table: "routes/1",
 * "credentials/jack/credentials/1".
 *
 * parent  the id of what it stands below; NULL for a kind that stands alone.
 * Returns false if it does not fit.
 */
bool hgh_object_key_make(
    const hgh_object_kind *kind, const char *parent, const char *id, char *into, size_t size);

/** The kind of a key, or NULL. */
const hgh_object_kind *hgh_object_key_kind(const char *key);

/** The key as clients see it, without the prefix: "consumers/jack/credentials/1". */
void hgh_object_key_show(const char *key, char *into, size_t size);

/**
 * Keys that an object names: those of its references ("upstreams/1"), of what it stands below,
 * HGH_CHECKS_KEY, HGH_ISOLATION_KEY, "plugins/NAME" of each plugin that it configures,
 * "traffic-split/ID" of each upstream that this plugin may choose, and its credentials
 * (object_credential.h). A new array; NULL: no memory.
 *
 * id  as it follows the kind in its key.
 */
json_t *hgh_object_references(const hgh_object_kind *kind, const char *id, const json_t *object);

/** The configuration of one plugin in an object, new; NULL: it has none, or there is no memory. */
json_t *hgh_object_plugin_config(const hgh_object_kind *kind,
                                 const char *id,
                                 const json_t *object,
                                 const char *plugin);

/**
 * The object that keeps another from being deleted: the first that names it. What stands below it
 * does not keep it, but goes with it.
 *
 * out_kind       its kind, if there is one.
 * out_by_plugin  a plugin in it names the object, not it itself.
 */
const hgh_resource_object *hgh_object_user(const hgh_resource_table *table,
                                           const char *key,
                                           const hgh_object_kind **out_kind,
                                           bool *out_by_plugin);

#endif
