/* host/cli/markdown.h - foreign text in a cell of a Markdown table: it shows as it is, whatever it
 * holds, and ends neither its cell nor its row. */
#ifndef HOST_CLI_MARKDOWN_H
#define HOST_CLI_MARKDOWN_H

#include <jansson.h>

#include "host/core/text_builder.h"

/** Text as code. Control characters are written as escapes; a long text is cut, "..." behind it. */
void hgh_markdown_add_code(hgh_text_builder *out, const char *text);

/** A JSON value as code. */
void hgh_markdown_add_json(hgh_text_builder *out, const json_t *value);

/** Sentences: what stands between two backticks is code, all else is plain text. Line breaks and
 * control characters become blanks. */
void hgh_markdown_add_prose(hgh_text_builder *out, const char *text);

#endif
