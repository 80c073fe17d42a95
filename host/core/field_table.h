/* host/core/field_table.h - a plugin's field table: its JSON Schema, and decoding into its struct.
 */
#ifndef HOST_CORE_FIELD_TABLE_H
#define HOST_CORE_FIELD_TABLE_H

#include <stdbool.h>

#include <jansson.h>

#include <hotgate/config.h>

/**
 * Checks the table itself: known kinds, offsets inside the struct, names there and unique, rules
 * that name fields of the table, patterns that compile, initial values that fit their own field.
 * Everything that a careless author can write wrong is found here, before any decoding.
 *
 * description  of the plugin; field_size may be smaller than the host's hg_field (older plugin):
 *              what lies beyond counts as zero. Nesting deeper than 16 is refused.
 * Returns HG_OK or HG_ERR_INVALID: "field \"count\": ...".
 */
hg_status hgh_field_table_check(const hg_config_description *description, hg_error *err);

/**
 * The table as JSON Schema (draft 7): properties with type, limits, default, description,
 * examples; rules as oneOf / anyOf / dependencies. A secret has "writeOnly": true, and a value that
 * is more than its JSON type says, such as a duration or a pattern, has a title that names it.
 *
 * strict  refuse unknown names at the root ("additionalProperties": false).
 * Returns a new reference, NULL if there is no memory.
 */
json_t *hgh_field_table_schema(const hg_config_description *description, bool strict);

/** What decoding allocated: owned by the caller, freed by hgh_decoded_free(). */
typedef struct hgh_decoded hgh_decoded;

/**
 * Decodes a configuration that has passed the schema and whose defaults are filled in.
 *
 * value       borrowed for the call; HG_JSON members take a reference of their own.
 * prefix      JSON Pointer of the value in what the operator wrote.
 * out_decoded on HG_OK owned by the caller; else untouched.
 * issues      what the schema cannot say: a pattern that does not compile, a bad network, a bad
 *             duration; all of them.
 * Returns HG_OK, HG_ERR_INVALID or HG_ERR_NO_MEMORY.
 */
hg_status hgh_field_table_decode(const hg_config_description *description,
                                 const json_t *value,
                                 const char *prefix,
                                 hgh_decoded **out_decoded,
                                 hg_issues *issues);

/** The author's struct inside. Never NULL for a decoded value; aligned for any type. */
void *hgh_decoded_state(const hgh_decoded *decoded);

/** Frees everything; accepts NULL. */
void hgh_decoded_free(hgh_decoded *decoded);

/**
 * Adds a finding for each member of `value` that the table does not know ("/plugins/x/cuont":
 * found an unknown field, wanted one of ..., nearest first). For warnings.
 */
void hgh_field_table_unknown(const hg_config_description *description,
                             const json_t *value,
                             const char *prefix,
                             hg_issues *issues);

/** A copy of `value` with every secret field replaced by "***"; a new reference. */
json_t *hgh_field_table_redact(const hg_config_description *description, const json_t *value);

#endif
