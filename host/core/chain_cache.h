/* host/core/chain_cache.h - the chains that requests are likely to need again. */
#ifndef HOST_CORE_CHAIN_CACHE_H
#define HOST_CORE_CHAIN_CACHE_H

#include "host/core/chain.h"

#define HGH_CHAINS_MAX 8192u /* cached by a worker */

/** An object that has gone, while its chains are detached in slices. */
typedef struct hgh_chain_owner {
    struct hgh_chain_owner *next;
    hgh_resource *resource; /* a reference */
} hgh_chain_owner;

/** Those of one process. */
typedef struct hgh_chain_cache {
    const hgh_snapshot *snapshot; /* borrowed */
    hgh_map with_consumer;
    hgh_chain *newest;
    hgh_chain *oldest;
    hgh_chain *global; /* of the global rules; NULL: not compiled now */
    uint32_t count;
    const hgh_generation *generation; /* in force: chains of another are not kept; borrowed */
    uint64_t metadata_changes;        /* how often any plugin's metadata has changed */
    hgh_chain_owner *gone;            /* whose chains are still to be detached */
    hgh_chain *detached;              /* to be freed in slices; linked by `older` */
} hgh_chain_cache;

void hgh_chain_cache_init(hgh_chain_cache *cache, const hgh_snapshot *snapshot);
void hgh_chain_cache_done(hgh_chain_cache *cache);

/** A chain of the cache has been used: it is the newest from now on. */
void hgh_chain_cache_touch(hgh_chain_cache *cache, hgh_chain *chain);

/** hgh_chain_cache_get() beyond its quick way. */
hg_status hgh_chain_cache_find_or_compile(hgh_chain_cache *cache,
                                          hgh_generation *generation,
                                          hgh_route *route,
                                          hg_consumer *consumer,
                                          hg_consumer *credential,
                                          hgh_chain **out_chain,
                                          hg_error *err);

/**
 * The chain of a route, and of a consumer if there is one, compiled if it is not there or not up to
 * date. It is kept for later only if the generation and all its objects are in force: a request
 * that waited while they were replaced leaves nothing of them behind.
 *
 * consumer    NULL: none.
 * credential  of that consumer, by which it was found; NULL: none.
 * out_chain   on HG_OK one reference of the caller's; else untouched.
 */
static inline hg_status hgh_chain_cache_get(hgh_chain_cache *cache,
                                            hgh_generation *generation,
                                            hgh_route *route,
                                            hg_consumer *consumer,
                                            hg_consumer *credential,
                                            hgh_chain **out_chain,
                                            hg_error *err)
{
    hgh_chain *chain = route->chain;

    /* The way of most requests. */
    if (chain != NULL && consumer == NULL && chain->generation == generation &&
        chain->metadata_changes == cache->metadata_changes &&
        chain->parts[HGH_PART_SERVICE] == hgh_cell_current(route->service) &&
        chain->parts[HGH_PART_PLUGIN_CONFIG] == hgh_cell_current(route->plugin_config)) {
        if (chain != cache->newest) {
            hgh_chain_cache_touch(cache, chain);
        }
        *out_chain = hgh_chain_ref(chain);
        return HG_OK;
    }
    return hgh_chain_cache_find_or_compile(cache, generation, route, consumer, credential,
                                           out_chain, err);
}

/** The same of the global rules, with the generation in force. */
hg_status hgh_chain_cache_get_global(hgh_chain_cache *cache,
                                     hgh_generation *generation,
                                     hgh_chain **out_chain,
                                     hg_error *err);

/**
 * Detaches the chains in which an object takes part that has gone: a few at once, the rest by
 * hgh_chain_cache_free_some(). Meanwhile no request is given them.
 */
void hgh_chain_cache_forget(hgh_chain_cache *cache, hgh_resource *resource);

/** Detaches the chain of the global rules: one of them has changed. */
void hgh_chain_cache_forget_global(hgh_chain_cache *cache);

/** Some plugin's metadata has changed: each chain that is asked for next looks whether it has it.
 */
static inline void hgh_chain_cache_metadata_changed(hgh_chain_cache *cache)
{
    cache->metadata_changes++;
}

/**
 * Another generation is in force: takes all chains out, so that none keeps an old object; they are
 * freed by the next function.
 */
void hgh_chain_cache_detach(hgh_chain_cache *cache, const hgh_generation *generation);

/** Detaches or frees up to `most` chains that are not needed; true if there are none left. */
bool hgh_chain_cache_free_some(hgh_chain_cache *cache, uint32_t most);

#endif
