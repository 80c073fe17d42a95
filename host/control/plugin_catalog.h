/* host/control/plugin_catalog.h - what control knows of the plugins in force, without their code.
 */
#ifndef HOST_CONTROL_PLUGIN_CATALOG_H
#define HOST_CONTROL_PLUGIN_CATALOG_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

/** The plugins of the generation in force, from the probe's reports. */
typedef struct hgh_plugin_catalog hgh_plugin_catalog;

hgh_plugin_catalog *hgh_plugin_catalog_new(void);
void hgh_plugin_catalog_free(hgh_plugin_catalog *catalog);

/** Replaces all: an array of {name, version, summary, priority, flags: [...], sha256, path, object,
 * schema, consumer_schema, metadata_schema, key, ...}; the caller's reference is taken. */
void hgh_plugin_catalog_set(hgh_plugin_catalog *catalog, uint64_t generation, json_t *plugins);

uint64_t hgh_plugin_catalog_generation(const hgh_plugin_catalog *catalog);

/** All, by priority descending and then by name; borrowed until the next set. */
const json_t *hgh_plugin_catalog_all(const hgh_plugin_catalog *catalog);

/** One of them, or NULL; borrowed until the next set. */
const json_t *hgh_plugin_catalog_find(const hgh_plugin_catalog *catalog, const char *name);

/** True if a plugin of the catalog has that flag: "auth". */
bool hgh_plugin_catalog_has_flag(const json_t *plugin, const char *flag);

#endif
