/* tests/unit/core/plugins.h - loads the objects of tests/plugins, for tests of the core. */
#ifndef TESTS_UNIT_CORE_PLUGINS_H
#define TESTS_UNIT_CORE_PLUGINS_H

#include <stdbool.h>

#include <jansson.h>

#include "host/core/generation.h"
#include "host/core/plugin.h"

/** What a process needs to load plugins, on the fake engine. Zero-initialise. */
typedef struct plugin_place {
    hgh_plugin_host host;
    _Atomic uint64_t marker;
    char directory[64]; /* of private copies */
} plugin_place;

void plugin_place_init(plugin_place *place);

/** Fails the test if an object is mapped that it has not accounted for. */
void plugin_place_done(plugin_place *place);

/** The built object of that name; borrowed until the next call. */
const char *plugin_path(const char *name);

/** A second object of the same bytes, which the loader tells apart; borrowed until the next call.
 */
const char *plugin_copy(const plugin_place *place, const char *name, const char *as);

/** True if an object whose path ends so is mapped now. */
bool plugin_is_mapped(const char *path_end);

/** A plugin that must load; one reference. */
hgh_plugin *plugin_load(plugin_place *place, const char *name, uint32_t number);

/**
 * A manifest: entries such as "unit_a=1", or "unit_a=2@/path/of/object", with blanks between.
 *
 * listed  JSON text of the member "listed"; NULL: no list.
 */
json_t *manifest_make(uint64_t generation, const char *listed, const char *entries);

/** Loads a manifest, entries that fail included. One reference. */
hgh_generation *generation_make(plugin_place *place,
                                const hgh_generation *previous,
                                uint64_t number,
                                const char *listed,
                                const char *entries);

#endif
