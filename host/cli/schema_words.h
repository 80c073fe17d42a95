/* host/cli/schema_words.h - what a value of a JSON Schema is, in words of Markdown.
 *
 * Schemas come from foreign code: what they hold may be of any type. What words cannot say is shown
 * as JSON, so that nothing is passed over. A title is its author's word for a value: it takes the
 * place of the type, and of what elements and other members are. */
#ifndef HOST_CLI_SCHEMA_WORDS_H
#define HOST_CLI_SCHEMA_WORDS_H

#include <stdbool.h>

#include <jansson.h>

#include "host/core/text_builder.h"

/** The schema that `$ref` names in the same document, borrowed; the schema itself if it names none
 * or leads nowhere. */
const json_t *hgh_schema_words_resolve(const json_t *root, const json_t *schema);

/** Its description, or that of what it refers to; NULL: none. */
const char *hgh_schema_words_description(const json_t *root, const json_t *schema);

/** True if its author has named what its values are. */
bool hgh_schema_words_has_title(const json_t *schema);

/**
 * Adds what a value is: "integer, 200 to 599". `oneOf` and the like are left to schema_rules.h
 * where they are about which members there are.
 *
 * is_member  it has a row of its own, and the members of a map that it may be have one, too.
 */
void hgh_schema_words_add(hgh_text_builder *out,
                          const json_t *root,
                          const json_t *schema,
                          bool is_member);

/** Adds ", 1 to 5 members" or the like; nothing if neither keyword is there. */
void hgh_schema_words_add_count(hgh_text_builder *out,
                                const json_t *schema,
                                const char *min_keyword,
                                const char *max_keyword,
                                const char *what);

#endif
