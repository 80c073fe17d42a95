/* host/core/generation.h - the set of plugins that serves together, made from one manifest. */
#ifndef HOST_CORE_GENERATION_H
#define HOST_CORE_GENERATION_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "host/core/map.h"
#include "host/core/plugin.h"

/** Why a configured plugin does not run. */
typedef enum hgh_plugin_state {
    HGH_PLUGIN_LOADED = 0,
    HGH_PLUGIN_IGNORED = 1, /* an explicit list leaves it out: skipped */
    HGH_PLUGIN_MISSING = 2, /* not there or could not be loaded: its routes answer 503 */
} hgh_plugin_state;

/** Shared, immutable. Holds its plugins. */
typedef struct hgh_generation {
    uint32_t references;
    uint64_t number;
    json_t *manifest; /* until all is loaded */
    size_t count;
    struct hgh_generation_entry *entries; /* as in the manifest */
    bool has_list;                        /* the configuration lists the plugins that may run */
    json_t *listed; /* object of these names, for lookup; NULL without a list */
    hgh_map by_name;
    struct hgh_runner_client *isolation; /* owned: to the runner of this generation; NULL: nothing
                                            was isolated yet */
    uint64_t requests;                   /* live ones that began on it */
    struct hgh_generation *older_in_use; /* of the runtime's list of such; not a reference */
} hgh_generation;

/** One plugin of the manifest. */
typedef struct hgh_generation_entry {
    hgh_map_node node;
    hgh_plugin *plugin; /* a reference; NULL: could not be loaded here */
    char name[HG_NAME_MAX + 1];
    char *failure; /* why not; NULL if loaded */
} hgh_generation_entry;

/**
 * Begins a generation; nothing is loaded yet.
 *
 * manifest  {"generation": N, "listed": [names] or null, "plugins": [{"name", "path", "number",
 *           "attributes", "disabled", "isolated", "poison"}...]}; a reference is kept until all is
 *           loaded. One with "disabled", why, is left out; "poison" lists configurations that it
 *           does not decode; all those of one that is "isolated" are, for which it has another
 *           number than before, and which is not loaded where "described" is enough.
 *
 * out_generation  on HG_OK one reference of the caller's; else untouched.
 */
hg_status hgh_generation_new(json_t *manifest, hgh_generation **out_generation, hg_error *err);

/**
 * Loads the next plugin of the manifest, or shares it with `previous` if it is there under the same
 * number. A worker calls it in slices, so that requests go on meanwhile.
 *
 * previous   NULL at the start.
 * out_done   true when all are loaded; only then it may be used.
 * Returns HG_OK, or why this plugin failed ("NAME: why"). Its entry keeps the reason, and the next
 * call goes on with the next one: a reload gives up then, a start does without it.
 */
hg_status hgh_generation_load_next(hgh_generation *generation,
                                   hgh_plugin_host *plugin_host,
                                   const hgh_generation *previous,
                                   bool *out_done,
                                   hg_error *err);

static inline hgh_generation *hgh_generation_ref(hgh_generation *generation)
{
    generation->references++;
    return generation;
}

/** Accepts NULL. Never called from inside a call into a plugin. */
void hgh_generation_unref(hgh_generation *generation);

/** Looks up a configured name; out_plugin is borrowed from the generation, NULL unless LOADED. */
hgh_plugin_state hgh_generation_find(const hgh_generation *generation,
                                     const char *name,
                                     hgh_plugin **out_plugin,
                                     const char **out_reason);

#endif
