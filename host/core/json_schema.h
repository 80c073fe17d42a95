/* host/core/json_schema.h - JSON Schema draft 7: compiled once, then judges many values. */
#ifndef HOST_CORE_JSON_SCHEMA_H
#define HOST_CORE_JSON_SCHEMA_H

#include <stdbool.h>

#include <jansson.h>

#include <hotgate/error.h>

/** A compiled schema; owns what it needs of its source text. */
typedef struct hgh_schema hgh_schema;

/**
 * Compiles a schema. `$ref` may point into the same document and to the meta-schema of draft 7;
 * nothing is ever fetched.
 *
 * out_schema  on HG_OK owned by the caller; else untouched.
 * Returns HG_OK, HG_ERR_INVALID (the text names the pointer inside the schema), HG_ERR_TOO_LARGE
 * (deeper than 256 levels) or HG_ERR_NO_MEMORY.
 */
hg_status hgh_schema_compile(const json_t *source, hgh_schema **out_schema, hg_error *err);

/**
 * The same for a schema that refers to other documents too.
 *
 * documents  an object of schemas by their URIs, absolute and without a fragment; borrowed for the
 *            call; NULL: none. The meta-schema need not be among them.
 */
hg_status hgh_schema_compile_with(const json_t *source,
                                  const json_t *documents,
                                  hgh_schema **out_schema,
                                  hg_error *err);

/** Accepts NULL. */
void hgh_schema_free(hgh_schema *schema);

/**
 * Judges a value. Each finding goes to `issues` with the text that APISIX's validator would give
 * ("property \"count\" validation failed: expected 0 to be at least 1").
 *
 * prefix  JSON Pointer of the value in what the operator wrote; "" at the root.
 * issues  may be NULL: then it stops at the first finding.
 * Returns true if the value is valid. Values deeper than 256 levels are not.
 */
bool hgh_schema_validate(const hgh_schema *schema,
                         const json_t *value,
                         const char *prefix,
                         hg_issues *issues);

/**
 * Fills in the defaults of absent properties at every level whose object is there, also below
 * anyOf, oneOf, allOf and if that the value satisfies. Changes `value` in place.
 * Returns HG_OK, HG_ERR_TOO_LARGE (it is nested too deep or takes too many checks: some defaults
 * may be missing) or HG_ERR_NO_MEMORY.
 */
hg_status hgh_schema_fill_defaults(const hgh_schema *schema, json_t *value);

#endif
