/* host/core/stand_in.h - a plugin that runs in the isolated runner alone, in a worker: what chains
 * need to know of it, without its object. */
#ifndef HOST_CORE_STAND_IN_H
#define HOST_CORE_STAND_IN_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "host/core/plugin.h"

/**
 * True if a plugin is not to be loaded in this process: all of its configurations are isolated, the
 * gateway keeps a runner for them, and the manifest says what it is.
 *
 * item  its entry in the manifest.
 */
bool hgh_stand_in_is_enough(const hgh_plugin_host *plugin_host, const json_t *item);

/**
 * Makes one from "described" of its entry: {"priority", "flags": [names], "phases": [names]}. Its
 * callbacks are never called.
 *
 * out_plugin  on HG_OK one reference of the caller's; else untouched.
 */
hg_status hgh_stand_in_new(hgh_plugin_host *plugin_host,
                           const json_t *item,
                           const char *name,
                           uint32_t number,
                           hgh_plugin **out_plugin,
                           hg_error *err);

#endif
