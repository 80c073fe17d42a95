/* host/core/json_schema_meta.h - the schema of schemas, draft 7. */
#ifndef HOST_CORE_JSON_SCHEMA_META_H
#define HOST_CORE_JSON_SCHEMA_META_H

/** Its URI, without the empty fragment that "$schema" shows. */
#define HGH_SCHEMA_META_URI "http://json-schema.org/draft-07/schema"

/** JSON text. Source: JSON Schema draft 7, http://json-schema.org/draft-07/schema. */
extern const char hgh_schema_meta[];

#endif
