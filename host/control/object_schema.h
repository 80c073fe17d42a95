/* host/control/object_schema.h - what each kind of object may hold, as JSON Schema. */
#ifndef HOST_CONTROL_OBJECT_SCHEMA_H
#define HOST_CONTROL_OBJECT_SCHEMA_H

#include <jansson.h>

#include <hotgate/error.h>

/**
 * The schema with that name ("route", "upstream", ...), all references replaced.
 *
 * out_schema  on HG_OK a new reference; else untouched.
 * Returns HG_OK, HG_ERR_NOT_FOUND or HG_ERR_NO_MEMORY.
 */
hg_status hgh_object_schema_make(const char *name, json_t **out_schema, hg_error *err);

#endif
