/* hotgate/schema.h - JSON Schema draft 7, for JSON that a plugin meets in requests. */
#ifndef HOTGATE_SCHEMA_H
#define HOTGATE_SCHEMA_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include <hotgate/error.h>
#include <hotgate/host.h>

#ifdef __cplusplus
extern "C" {
#endif

/** A compiled schema. */
typedef struct hg_schema hg_schema;

/** The host's side of this header. ABI: fields are only appended. */
typedef struct hg_schema_api {
    uint32_t size;
    uint32_t reserved;
    hg_status (*compile)(const json_t *source, hg_schema **out_schema, hg_error *err);
    void (*free)(hg_schema *schema);
    bool (*validate)(const hg_schema *schema, const json_t *value, hg_error *err);
    hg_status (*fill_defaults)(const hg_schema *schema, json_t *value);
} hg_schema_api;

/**
 * Compiles a schema; nothing is ever fetched for it. [config]
 *
 * source      borrowed for the call.
 * out_schema  on HG_OK the caller's, to be freed in release(); else untouched.
 * Returns HG_OK, HG_ERR_INVALID (the text names the place in the schema), HG_ERR_TOO_LARGE (deeper
 * than 256 levels) or HG_ERR_NO_MEMORY.
 */
static inline hg_status
hg_schema_compile(const json_t *source, hg_schema **out_schema, hg_error *err)
{
    return hg_host_slot->schema->compile(source, out_schema, err);
}

/** Frees what hg_schema_compile() made; accepts NULL. [config] */
static inline void hg_schema_free(hg_schema *schema)
{
    hg_host_slot->schema->free(schema);
}

/** True if the value keeps to the schema; else `err` says what the first finding is. [any] */
static inline bool hg_schema_validate(const hg_schema *schema, const json_t *value, hg_error *err)
{
    return hg_host_slot->schema->validate(schema, value, err);
}

/**
 * Sets the properties that are absent and have a default, at every level that is there. [any]
 * Returns HG_OK or HG_ERR_NO_MEMORY.
 */
static inline hg_status hg_schema_fill_defaults(const hg_schema *schema, json_t *value)
{
    return hg_host_slot->schema->fill_defaults(schema, value);
}

#ifdef __cplusplus
}
#endif

#endif
