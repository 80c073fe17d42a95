/* host/core/chain_cache.c - the chains that requests are likely to need again. */
#include "host/core/chain_cache.h"

#include <stdlib.h>
#include <string.h>

#define DETACHED_AT_ONCE 16u /* chains of an object that goes */

void hgh_chain_cache_init(hgh_chain_cache *cache, const hgh_snapshot *snapshot)
{
    memset(cache, 0, sizeof(*cache));
    cache->snapshot = snapshot;
    hgh_map_init(&cache->with_consumer);
}

static void list_add(hgh_chain_cache *cache, hgh_chain *chain)
{
    chain->newer = NULL;
    chain->older = cache->newest;
    if (cache->newest != NULL) {
        cache->newest->newer = chain;
    } else {
        cache->oldest = chain;
    }
    cache->newest = chain;
    cache->count++;
}

static void list_remove(hgh_chain_cache *cache, hgh_chain *chain)
{
    *(chain->newer != NULL ? &chain->newer->older : &cache->newest) = chain->older;
    *(chain->older != NULL ? &chain->older->newer : &cache->oldest) = chain->newer;
    cache->count--;
}

/* Enters the chain in the lists of its objects. */
static void links_add(hgh_chain *chain)
{
    for (size_t i = 0; i < HGH_CHAIN_PARTS; i++) {
        hgh_resource *part = chain->parts[i];
        hgh_chain_link *link = &chain->links[i];

        if (part == NULL) {
            continue;
        }
        *link = (hgh_chain_link){chain, part->chains, &part->chains};
        if (link->next != NULL) {
            link->next->at = &link->next;
        }
        part->chains = link;
    }
}

static void links_remove(hgh_chain *chain)
{
    for (size_t i = 0; i < HGH_CHAIN_PARTS; i++) {
        hgh_chain_link *link = &chain->links[i];

        if (link->chain == NULL) {
            continue;
        }
        *link->at = link->next;
        if (link->next != NULL) {
            link->next->at = link->at;
        }
        *link = (hgh_chain_link){0};
    }
}

static hgh_route *route_of(const hgh_chain *chain)
{
    return (hgh_route *)(void *)chain->parts[HGH_PART_ROUTE];
}

/* Out of the cache's tables; the reference is the caller's to drop. */
static void cache_take(hgh_chain_cache *cache, hgh_chain *chain)
{
    list_remove(cache, chain);
    links_remove(chain);
    if (chain->parts[HGH_PART_CONSUMER] != NULL) {
        hgh_map_remove(&cache->with_consumer, &chain->node);
    } else {
        route_of(chain)->chain = NULL;
    }
}

static void detached_add(hgh_chain_cache *cache, hgh_chain *chain)
{
    chain->older = cache->detached;
    cache->detached = chain;
}

static void cache_detach_one(hgh_chain_cache *cache, hgh_chain *chain)
{
    cache_take(cache, chain);
    detached_add(cache, chain);
}

/* What a chain with a consumer is found by. */
static const hg_consumer *key_of(const hg_consumer *consumer, const hg_consumer *credential)
{
    return credential == NULL ? consumer : credential;
}

/* Takes over a reference on HG_OK. */
static hg_status cache_enter(hgh_chain_cache *cache, hgh_chain *chain, const hg_consumer *key)
{
    if (key != NULL) {
        hg_status status;

        chain->key[0] = route_of(chain);
        chain->key[1] = key;
        chain->node.key = (hg_text){(const char *)chain->key, sizeof(chain->key)};
        status = hgh_map_add(&cache->with_consumer, &chain->node);
        if (status != HG_OK) {
            return status;
        }
    } else {
        route_of(chain)->chain = chain;
    }
    list_add(cache, chain);
    links_add(chain);
    return HG_OK;
}

/* False: one of its parts was replaced while the request that asks was under way. */
static bool chain_is_in_force(const hgh_chain_cache *cache, const hgh_chain *chain)
{
    for (size_t i = 0; i < HGH_CHAIN_PARTS; i++) {
        if (chain->parts[i] != NULL && !chain->parts[i]->in_force) {
            return false;
        }
    }
    return chain->generation == cache->generation;
}

static hgh_chain *
cache_find(const hgh_chain_cache *cache, const hgh_route *route, const hg_consumer *key)
{
    const void *pair[2] = {route, key};
    hgh_map_node *node;

    if (key == NULL) {
        return route->chain;
    }
    node = hgh_map_find(&cache->with_consumer, (hg_text){(const char *)pair, sizeof(pair)});
    return node == NULL ? NULL : HGH_CONTAINER_OF(node, hgh_chain, node);
}

/* Who takes part now. */
static void parts_find(hgh_route *route,
                       hg_consumer *consumer,
                       hg_consumer *credential,
                       hgh_resource *parts[HGH_CHAIN_PARTS])
{
    memset(parts, 0, HGH_CHAIN_PARTS * sizeof(hgh_resource *));
    if (consumer != NULL) {
        parts[HGH_PART_CREDENTIAL] = credential == NULL ? NULL : &credential->base;
        parts[HGH_PART_CONSUMER] = &consumer->base;
        parts[HGH_PART_GROUP] = hgh_cell_current(consumer->group);
    }
    parts[HGH_PART_ROUTE] = &route->base;
    parts[HGH_PART_PLUGIN_CONFIG] = hgh_cell_current(route->plugin_config);
    parts[HGH_PART_SERVICE] = hgh_cell_current(route->service);
}

/* Of another generation, or one of its parts has come, gone or been replaced. */
static bool chain_is_stale(const hgh_chain *chain,
                           const hgh_generation *generation,
                           hgh_resource *const parts[HGH_CHAIN_PARTS])
{
    return chain->generation != generation ||
           memcmp(parts, chain->parts, HGH_CHAIN_PARTS * sizeof(*parts)) != 0;
}

/* True if a plugin of the chain has, or has not, other metadata than when it was compiled. */
static bool metadata_is_stale(const hgh_chain *chain, const hgh_snapshot *snapshot)
{
    for (uint32_t i = 0; i < chain->configuration_count; i++) {
        const hgh_plugin *plugin = chain->configurations[i]->plugin;
        const hgh_resource *had = NULL;

        if (plugin->uses[HGH_USE_METADATA].description == NULL) {
            continue;
        }
        for (uint32_t k = 0; k < chain->configuration_count; k++) {
            const hgh_configuration *other = chain->configurations[k];

            if (other->plugin == plugin && other->use == HGH_USE_METADATA) {
                had = other->bound;
            }
        }
        if (had != hgh_snapshot_find(snapshot, HGH_PLUGIN_METADATA, hg_text_of(plugin->name))) {
            return true;
        }
    }
    return false;
}

/* Looks once after each change of any metadata. */
static bool metadata_is_current(const hgh_chain_cache *cache, hgh_chain *chain)
{
    if (chain->metadata_changes != cache->metadata_changes) {
        if (metadata_is_stale(chain, cache->snapshot)) {
            return false;
        }
        chain->metadata_changes = cache->metadata_changes;
    }
    return true;
}

void hgh_chain_cache_touch(hgh_chain_cache *cache, hgh_chain *chain)
{
    list_remove(cache, chain);
    list_add(cache, chain);
}

hg_status hgh_chain_cache_find_or_compile(hgh_chain_cache *cache,
                                          hgh_generation *generation,
                                          hgh_route *route,
                                          hg_consumer *consumer,
                                          hg_consumer *credential,
                                          hgh_chain **out_chain,
                                          hg_error *err)
{
    const hg_consumer *key = key_of(consumer, credential);
    hgh_chain *chain = cache_find(cache, route, key);
    hgh_resource *parts[HGH_CHAIN_PARTS];
    hg_status status;

    parts_find(route, consumer, credential, parts);
    if (chain != NULL && !chain_is_stale(chain, generation, parts) &&
        metadata_is_current(cache, chain)) {
        hgh_chain_cache_touch(cache, chain);
        *out_chain = hgh_chain_ref(chain);
        return HG_OK;
    }
    status = hgh_chain_compile(generation, cache->snapshot, parts, out_chain, err);
    if (status != HG_OK || !chain_is_in_force(cache, *out_chain)) {
        return status;
    }
    (*out_chain)->metadata_changes = cache->metadata_changes;
    if (chain != NULL) {
        cache_take(cache, chain);
        hgh_chain_unref(chain);
    }
    if (cache_enter(cache, *out_chain, key) == HG_OK) { /* else it serves this request alone */
        (void)hgh_chain_ref(*out_chain);
    }
    if (cache->count > HGH_CHAINS_MAX) {
        hgh_chain *oldest = cache->oldest;

        cache_take(cache, oldest);
        hgh_chain_unref(oldest);
    }
    return HG_OK;
}

hg_status hgh_chain_cache_get_global(hgh_chain_cache *cache,
                                     hgh_generation *generation,
                                     hgh_chain **out_chain,
                                     hg_error *err)
{
    hg_status status = HG_OK;

    if (cache->global != NULL && !metadata_is_current(cache, cache->global)) {
        hgh_chain_cache_forget_global(cache);
    }
    if (cache->global == NULL) {
        status = hgh_chain_compile_global(generation, cache->snapshot, &cache->global, err);
    }
    if (status == HG_OK) {
        cache->global->metadata_changes = cache->metadata_changes;
        *out_chain = hgh_chain_ref(cache->global);
    }
    return status;
}

/* Detaches up to `most` chains of an object; true if it has none left. */
static bool owner_detach(hgh_chain_cache *cache,
                         const hgh_resource *resource,
                         uint32_t most,
                         uint32_t *out_done)
{
    *out_done = 0;
    while (resource->chains != NULL && *out_done < most) {
        cache_detach_one(cache, resource->chains->chain);
        (*out_done)++;
    }
    return resource->chains == NULL;
}

void hgh_chain_cache_forget(hgh_chain_cache *cache, hgh_resource *resource)
{
    hgh_chain_owner *owner;
    uint32_t done;

    if (owner_detach(cache, resource, DETACHED_AT_ONCE, &done)) {
        return;
    }
    owner = malloc(sizeof(*owner));
    if (owner == NULL) {
        (void)owner_detach(cache, resource, UINT32_MAX, &done);
        return;
    }
    *owner = (hgh_chain_owner){cache->gone, hgh_resource_ref(resource)};
    cache->gone = owner;
}

void hgh_chain_cache_forget_global(hgh_chain_cache *cache)
{
    if (cache->global != NULL) {
        detached_add(cache, cache->global);
        cache->global = NULL;
    }
}

void hgh_chain_cache_detach(hgh_chain_cache *cache, const hgh_generation *generation)
{
    cache->generation = generation;
    while (cache->newest != NULL) {
        cache_detach_one(cache, cache->newest);
    }
    hgh_chain_cache_forget_global(cache);
}

/* Detaches up to `most` chains of the objects that have gone; what is left of `most`. */
static uint32_t gone_detach_some(hgh_chain_cache *cache, uint32_t most)
{
    while (cache->gone != NULL && most > 0) {
        hgh_chain_owner *owner = cache->gone;
        uint32_t done;

        if (owner_detach(cache, owner->resource, most, &done)) {
            cache->gone = owner->next;
            hgh_resource_unref(owner->resource);
            free(owner);
        }
        most -= done;
    }
    return most;
}

bool hgh_chain_cache_free_some(hgh_chain_cache *cache, uint32_t most)
{
    most = gone_detach_some(cache, most);
    while (cache->detached != NULL && most > 0) {
        hgh_chain *chain = cache->detached;

        cache->detached = chain->older;
        hgh_chain_unref(chain);
        most--;
    }
    return cache->detached == NULL && cache->gone == NULL;
}

void hgh_chain_cache_done(hgh_chain_cache *cache)
{
    hgh_chain_cache_detach(cache, NULL);
    (void)hgh_chain_cache_free_some(cache, UINT32_MAX);
    hgh_map_done(&cache->with_consumer);
}
