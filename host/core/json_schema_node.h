/* host/core/json_schema_node.h - the tree that a JSON Schema is compiled to; for json_schema_*.c.
 */
#ifndef HOST_CORE_JSON_SCHEMA_NODE_H
#define HOST_CORE_JSON_SCHEMA_NODE_H

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

#include <hotgate/config.h>

#include "host/core/json_format.h"
#include "host/core/json_schema.h"

/** Types as bits, so that "type" is one mask. */
typedef enum hgh_schema_type {
    HGH_TYPE_NULL = 1,
    HGH_TYPE_BOOLEAN = 2,
    HGH_TYPE_OBJECT = 4,
    HGH_TYPE_ARRAY = 8,
    HGH_TYPE_STRING = 16,
    HGH_TYPE_NUMBER = 32,
    HGH_TYPE_INTEGER = 64,
} hgh_schema_type;

/** Keywords whose value is a number. */
typedef enum hgh_schema_limit {
    HGH_LIMIT_MINIMUM,
    HGH_LIMIT_MAXIMUM,
    HGH_LIMIT_EXCLUSIVE_MINIMUM,
    HGH_LIMIT_EXCLUSIVE_MAXIMUM,
    HGH_LIMIT_MULTIPLE_OF,
    HGH_LIMIT_MIN_LENGTH, /* from here on: a count, not negative */
    HGH_LIMIT_MAX_LENGTH,
    HGH_LIMIT_MIN_ITEMS,
    HGH_LIMIT_MAX_ITEMS,
    HGH_LIMIT_MIN_PROPERTIES,
    HGH_LIMIT_MAX_PROPERTIES,
    HGH_LIMIT_COUNT,
} hgh_schema_limit;

/** Keywords whose value is one schema. */
typedef enum hgh_schema_child {
    HGH_CHILD_NOT,
    HGH_CHILD_IF,
    HGH_CHILD_THEN,
    HGH_CHILD_ELSE,
    HGH_CHILD_ITEMS, /* where "items" is not a list */
    HGH_CHILD_ADDITIONAL_ITEMS,
    HGH_CHILD_CONTAINS,
    HGH_CHILD_ADDITIONAL_PROPERTIES,
    HGH_CHILD_PROPERTY_NAMES,
    HGH_CHILD_COUNT,
} hgh_schema_child;

/** Keywords whose value is a list of schemas. */
typedef enum hgh_schema_list {
    HGH_LIST_ALL_OF,
    HGH_LIST_ANY_OF,
    HGH_LIST_ONE_OF,
    HGH_LIST_ITEMS, /* where "items" is a list */
    HGH_LIST_COUNT,
} hgh_schema_list;

/** Keywords whose value is schemas by name. */
typedef enum hgh_schema_map {
    HGH_MAP_PROPERTIES,
    HGH_MAP_PATTERN_PROPERTIES,
    HGH_MAP_DEPENDENCIES,
    HGH_MAP_DEFINITIONS, /* compiled for the references into it */
    HGH_MAP_COUNT,
} hgh_schema_map;

typedef struct hgh_schema_node hgh_schema_node;

typedef struct hgh_schema_nodes {
    const hgh_schema_node **items; /* owned; the nodes are the schema's */
    size_t count;
} hgh_schema_nodes;

/** A member of one of the maps. */
typedef struct hgh_schema_named {
    const char *name;            /* borrowed from the schema's copy of its source */
    const hgh_schema_node *node; /* NULL in a dependency that is a list of names */
    const json_t *names;         /* that list; else NULL */
    hg_regex *regex;             /* owned; of a pattern property; else NULL */
    bool is_required;            /* of a property: it is among the required names too */
} hgh_schema_named;

typedef struct hgh_schema_names {
    hgh_schema_named *items; /* owned */
    size_t count;
} hgh_schema_names;

/** One schema. JSON values are borrowed from the schema's copies of its sources; NULL: not given.
 */
struct hgh_schema_node {
    const json_t *source;
    const char *base;                 /* URI that its references are relative to */
    const hgh_schema_node *reference; /* "$ref": this one judges instead, nothing below counts */
    bool never;                       /* the schema `false` */
    bool is_secret;                   /* "writeOnly": the value is not to be shown */
    bool unique_items;
    unsigned types;      /* a mask of hgh_schema_type; 0: any */
    const json_t *type;  /* as written, for messages */
    const json_t *names; /* "required" */
    const json_t *enumeration;
    const json_t *constant;
    const json_t *properties; /* as written, to look up names */
    const json_t *initial;    /* "default" */
    const char *pattern;
    hg_regex *pattern_regex; /* owned */
    const hgh_json_format *format;
    const json_t *limits[HGH_LIMIT_COUNT];
    const hgh_schema_node *children[HGH_CHILD_COUNT];
    hgh_schema_nodes lists[HGH_LIST_COUNT];
    hgh_schema_names maps[HGH_MAP_COUNT];
};

struct hgh_schema {
    json_t *sources; /* an array: copies of what was compiled and of what that refers to */
    const hgh_schema_node *root;
    hgh_schema_node **nodes; /* owned, all of them */
    size_t count;
    size_t room;  /* of `nodes` */
    char **bases; /* owned: the URIs that nodes point to */
    size_t base_count;
    size_t base_room;
};

/** The node that judges in place of this one: itself, or what its "$ref" leads to. */
static inline const hgh_schema_node *hgh_schema_node_target(const hgh_schema_node *node)
{
    return node->reference == NULL ? node : node->reference;
}

#endif
