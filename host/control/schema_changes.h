/* host/control/schema_changes.h - how the schemas of two versions of a plugin differ. */
#ifndef HOST_CONTROL_SCHEMA_CHANGES_H
#define HOST_CONTROL_SCHEMA_CHANGES_H

#include <jansson.h>

#define HGH_SCHEMA_CHANGES_MAX 50u /* told; further ones are counted in one last line */

/**
 * Compares the schemas of two descriptions of a plugin: configuration, metadata and consumer.
 *
 * before, after  objects with "schema", "metadata_schema" and "consumer_schema", of which any may
 *                be missing.
 * Returns a new array of objects: "pointer" (RFC 6901, the schema's name first), "change" ("added",
 * "removed" or "changed"), "from" and "to", of which what is added has no "from", what is removed
 * no "to", and what lies too deep to be named, told of at its parent, neither. A last line that
 * counts is {"pointer": "", "change": "more", "to": N}. Empty: they are the same. NULL: no memory.
 */
json_t *hgh_schema_changes(const json_t *before, const json_t *after);

#endif
