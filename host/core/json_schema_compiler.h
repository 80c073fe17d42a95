/* host/core/json_schema_compiler.h - what compiling a schema shares; for json_schema_*.c. */
#ifndef HOST_CORE_JSON_SCHEMA_COMPILER_H
#define HOST_CORE_JSON_SCHEMA_COMPILER_H

#include "host/core/json_schema_node.h"
#include "host/core/text_builder.h"

/** A "$ref" that waits until all nodes are there. */
typedef struct hgh_schema_pending {
    hgh_schema_node *node;
    char *pointer; /* owned; of the node, for messages */
} hgh_schema_pending;

typedef struct hgh_schema_compiler {
    hgh_schema *schema;
    const json_t *documents; /* borrowed: others by their URIs; NULL: none */
    json_t *ids;             /* absolute URI -> place in schema->nodes */
    void *by_json;           /* tsearch() tree of nodes, by the JSON they were made from */
    hgh_schema_pending *pending;
    size_t pending_count;
    size_t pending_room;
    hgh_text_builder pointer; /* of the schema that is being compiled */
    hg_error *err;
} hgh_schema_compiler;

/** Compiles one schema and what is below, or finds that it has been. The base outlives the schema.
 */
hg_status hgh_schema_compile_node(hgh_schema_compiler *compiler,
                                  const json_t *json,
                                  const char *base,
                                  const hgh_schema_node **out_node);

/** Compiles a whole document: a copy of it, which the schema keeps. */
hg_status hgh_schema_compile_document(hgh_schema_compiler *compiler,
                                      const json_t *json,
                                      const char *base,
                                      const hgh_schema_node **out_node);

/** Notes the base URI and the names that a schema gives itself by "$id"; returns its base. */
hg_status hgh_schema_note_id(hgh_schema_compiler *compiler,
                             size_t place,
                             const json_t *json,
                             const char *base,
                             const char **out_base);

/** Notes a "$ref" for hgh_schema_resolve_references(). */
hg_status hgh_schema_note_reference(hgh_schema_compiler *compiler, hgh_schema_node *node);

/** Finds what each "$ref" leads to, in this document and in those that are at hand. */
hg_status hgh_schema_resolve_references(hgh_schema_compiler *compiler);

/** Sets the error "POINTER: found F, wanted W". */
hg_status hgh_schema_refuse(hgh_schema_compiler *compiler,
                            const char *keyword,
                            const json_t *found,
                            const char *wanted);

hg_status hgh_schema_no_memory(hgh_schema_compiler *compiler);

/** Doubles an array of `*room` elements if it is full; NULL and untouched without memory. */
void *hgh_schema_grown(void *items, size_t count, size_t *room, size_t item_size);

#endif
