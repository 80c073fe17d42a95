/* host/cli/plugin_page.h - the part of a plugin's page that is made from the plugin itself. */
#ifndef HOST_CLI_PLUGIN_PAGE_H
#define HOST_CLI_PLUGIN_PAGE_H

#include <jansson.h>

#include "host/core/text_builder.h"

/**
 * Writes Markdown: what the plugin is, then a table for each of its descriptions, and one of its
 * metrics.
 *
 * description  as hgh_plugin_describe() makes it; it comes from a process with foreign code, so
 *              anything may stand in it.
 * out          is cut (`is_cut`) if that is too much for a page, or without memory.
 */
void hgh_plugin_page_write(hgh_text_builder *out, const json_t *description);

#endif
