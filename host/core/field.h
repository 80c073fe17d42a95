/* host/core/field.h - one field of a table, as the plugin was built; for field_*.c.
 *
 * A plugin may be older or newer than the host: its fields may be shorter or longer than hg_field.
 * So no field is used in place; each is copied, and what it lacks is zero.
 */
#ifndef HOST_CORE_FIELD_H
#define HOST_CORE_FIELD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include <hotgate/config.h>

#define HGH_FIELD_DEPTH_MAX 16u  /* tables in tables, lists and maps */
#define HGH_FIELDS_MAX      512u /* of one table; more: its end is missing */

/** A table on its way through the tables below it. */
typedef struct hgh_fields {
    const hg_field *first; /* borrowed from the plugin */
    uint32_t stride;       /* bytes from one field to the next */
} hgh_fields;

/** Copies a field that stands alone: an element description, or the start of a table. */
void hgh_field_copy(const hg_field *from, uint32_t stride, hg_field *out_field);

/** Copies the i-th field of a table; false at its end. */
bool hgh_field_read(hgh_fields table, size_t i, hg_field *out_field);

/** Finds a field by its name. */
bool hgh_field_find(hgh_fields table, const char *name, hg_field *out_field);

/** What a field holds, for messages: "duration"; NULL for a kind that is not known. */
const char *hgh_field_kind_name(int32_t kind);

/** True for a kind whose `initial` and `example` are plain text. */
bool hgh_field_is_text(int32_t kind);

/**
 * `initial` or `example` as JSON; a new reference, NULL if it is no JSON where it should be, or
 * for want of memory.
 */
json_t *hgh_field_json(const hg_field *field, const char *text);

/** The schema of the values of a field; a new reference, NULL for want of memory. */
json_t *hgh_field_schema(const hg_field *field, uint32_t stride);

#endif
