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
#define HGH_OBJECT_KEY_MAX 300u /* kind, '/' and id, with the NUL */

/** A member that names an object of another kind. */
typedef struct hgh_object_reference {
    const char *member; /* "upstream_id"; NULL ends the list */
    const char *kind;   /* "upstreams", whether or not that kind has a row yet */
    const char *noun;   /* "upstream": in texts */
} hgh_object_reference;

/** What tells one kind from the others. */
typedef struct hgh_object_kind {
    const char *name;           /* "routes": in paths and keys */
    const char *noun;           /* "route": in texts */
    const char *schema;         /* of hgh_object_schema_make() and /schema/NAME */
    uint32_t methods;           /* HGH_ADMIN_*; the others answer 405 */
    const char *id_member;      /* "id"; "username": the id is the name in the body */
    const char *plugin_use;     /* what a plugin's configuration is here, by plugin_check.h */
    const char *plugins_prefix; /* before the text of a finding about a plugin */
    const char *kept_text;      /* "can not delete this upstream": while something names it */
    const hgh_object_reference *references;
    void (*check)(const json_t *object, hg_issues *issues); /* beyond the schema */
} hgh_object_kind;

/** The kind with that name, or NULL. */
const hgh_object_kind *hgh_object_kind_find(const char *name);

/** The kind whose schema has that name, or NULL. */
const hgh_object_kind *hgh_object_kind_find_schema(const char *schema);

/** By index from 0; NULL behind the last one. */
const hgh_object_kind *hgh_object_kind_at(size_t index);

/** True if its ids stand in the body as `id` and in the path. */
bool hgh_object_kind_has_id(const hgh_object_kind *kind);

/** The text of an id, which may be written as a number; false if it is neither or too long. */
bool hgh_object_id_text(const json_t *id, char *into, size_t size);

/** Keys that an object names ("upstreams/1"): a new array; NULL: no memory. */
json_t *hgh_object_references(const hgh_object_kind *kind, const json_t *object);

/**
 * The object that keeps another from being deleted: the first that names it.
 *
 * out_kind  its kind, if there is one.
 */
const hgh_resource_object *
hgh_object_user(const hgh_resource_table *table, const char *key, const hgh_object_kind **out_kind);

#endif
