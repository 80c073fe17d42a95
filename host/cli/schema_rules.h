/* host/cli/schema_rules.h - what a JSON Schema says of the members of an object together, in
 * sentences of Markdown. */
#ifndef HOST_CLI_SCHEMA_RULES_H
#define HOST_CLI_SCHEMA_RULES_H

#include <stdbool.h>

#include <jansson.h>

#include "host/core/text_builder.h"

/** True if every schema of the list says no more than which members there are and which not. */
bool hgh_schema_rules_are_presence(const json_t *list);

/** True if what stands behind "not" is such a schema: members that are not there. */
bool hgh_schema_rules_is_absence(const json_t *schema);

/** True if a schema says only what hgh_schema_rules_add() tells. */
bool hgh_schema_rules_is_rule(const json_t *schema);

/**
 * Adds a sentence for each rule: "Exactly one of `a` and `b` is given.", a blank between two.
 *
 * path  of the object, such as "rules[]"; "" for the root, of which is told, too, what types tell
 *       of others: how many members there are, and that others are refused.
 */
void hgh_schema_rules_add(hgh_text_builder *out,
                          const json_t *root,
                          const json_t *schema,
                          const char *path);

#endif
