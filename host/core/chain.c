/* host/core/chain.c - the plugins of a request, compiled: one array of callbacks a phase. */
#include "host/core/chain.h"

#include <stdlib.h>
#include <string.h>

#include "host/core/issues.h"

#define PLUGINS_MAX 1024u /* on one chain */

/* One plugin on its way into a chain. */
typedef struct candidate {
    const char *name; /* borrowed from the JSON */
    const json_t *value;
    hgh_resource *owner;
    bool from_consumer;
} candidate;

typedef struct compilation {
    hgh_generation *generation;
    hgh_chain *chain;
    candidate candidates[PLUGINS_MAX];
    size_t count;
    bool too_many;
} compilation;

/* A member configured on several objects counts once: who comes first has precedence. */
static void
candidates_add(compilation *work, json_t *object, hgh_resource *owner, bool from_consumer)
{
    json_t *plugins = json_object_get(object, "plugins");
    const char *name;
    json_t *value;

    json_object_foreach(plugins, name, value)
    {
        bool known = false;

        for (size_t i = 0; i < work->count && !known; i++) {
            known = strcmp(work->candidates[i].name, name) == 0;
            /* It stays the consumer's, but the route has it too: its rewrite runs with the route.
             */
            if (known && !from_consumer && work->candidates[i].from_consumer) {
                work->candidates[i].from_consumer = false;
            }
        }
        if (!known && work->count == PLUGINS_MAX) {
            work->too_many = true;
            return;
        }
        if (!known) {
            work->candidates[work->count++] = (candidate){name, value, owner, from_consumer};
        }
    }
}

/* False: its JSON cannot be read again for want of memory. Nothing would protect its route then. */
static bool candidates_take(compilation *work, hgh_resource *owner, json_t **out_object)
{
    if (!owner->has_plugins) {
        return true;
    }
    *out_object = hgh_resource_json(owner);
    if (*out_object != NULL) {
        candidates_add(work, *out_object, owner, owner->kind == HGH_CONSUMERS);
    }
    return *out_object != NULL;
}

static hg_status unavailable(hgh_chain *chain, const char *name, const char *why)
{
    if (chain->unavailable == NULL &&
        asprintf(&chain->unavailable, "plugin %s is not available: %s", name, why) < 0) {
        chain->unavailable = NULL;
        return HG_ERR_NO_MEMORY;
    }
    return HG_OK;
}

/* The decoded configuration, shared if another chain has it; a reference. */
static hg_status configuration_get(hgh_plugin *plugin,
                                   hgh_use use,
                                   const candidate *from,
                                   hgh_configuration **out_configuration,
                                   hg_issues *issues)
{
    hgh_configuration *configuration = hgh_configuration_bound(from->owner, plugin, use);
    hg_status status;

    if (configuration != NULL) {
        *out_configuration = hgh_configuration_ref(configuration);
        return HG_OK;
    }
    status = hgh_configuration_decode(plugin, use, from->value,
                                      hgh_resource_kind_name(from->owner->kind), from->owner->id,
                                      "", out_configuration, issues, NULL);
    if (status == HG_OK) {
        hgh_configuration_bind(*out_configuration, from->owner);
    }
    return status;
}

/* What the chain does with one configured plugin: nothing, a configuration, or 503. */
static hg_status candidate_compile(compilation *work, const candidate *from, bool *out_runs)
{
    hgh_chain *chain = work->chain;
    hgh_plugin *plugin = NULL;
    hgh_configuration *configuration = NULL;
    hg_issues issues = {0};
    const char *reason = "";
    hgh_plugin_state state = hgh_generation_find(work->generation, from->name, &plugin, &reason);
    bool credential;
    hg_status status;

    *out_runs = false;
    if (state == HGH_PLUGIN_IGNORED) {
        return HG_OK;
    }
    if (state == HGH_PLUGIN_MISSING) {
        return unavailable(chain, from->name, reason);
    }
    /* On a consumer an authentication plugin holds a credential: it never runs, but the chain
     * keeps it decoded for the next request of that consumer. */
    credential = from->owner->kind == HGH_CONSUMERS && (plugin->descriptor->flags & HG_AUTH) != 0;
    status = configuration_get(plugin, credential ? HGH_USE_CONSUMER : HGH_USE_CONFIG, from,
                               &configuration, &issues);
    if (status == HG_ERR_INVALID) {
        char line[HG_ERROR_TEXT_MAX];

        status = credential ? HG_OK
                            : unavailable(chain, from->name,
                                          hgh_issues_first(&issues, line, sizeof(line)));
    } else if (status == HG_OK) {
        chain->configurations[chain->configuration_count++] = configuration;
        *out_runs = !credential && !configuration->disabled;
    }
    hgh_issues_done(&issues);
    return status;
}

static int compare_steps(const void *a, const void *b)
{
    const hgh_configuration *left = *(hgh_configuration *const *)a;
    const hgh_configuration *right = *(hgh_configuration *const *)b;

    if (left->priority != right->priority) {
        return left->priority > right->priority ? -1 : 1;
    }
    return strcmp(left->plugin->name, right->plugin->name);
}

/* The callback of a plugin in a phase; false if it has none. */
static bool step_make(const hgh_configuration *configuration, uint32_t phase, hgh_step *step)
{
    const hg_plugin *plugin = configuration->plugin->descriptor;

    *step = (hgh_step){
        .state = configuration->state,
        .marker = (uint32_t)hgh_marker_make(0, configuration->plugin->number, phase),
        .waits = (plugin->flags & HG_WAITS) != 0,
    };
    switch (phase) {
    case HG_PHASE_REWRITE:
        step->call.on_request = plugin->rewrite;
        return plugin->rewrite != NULL;
    case HG_PHASE_ACCESS:
        step->call.on_request = plugin->access;
        return plugin->access != NULL;
    case HG_PHASE_BEFORE_PROXY:
        step->call.on_request = plugin->before_proxy;
        return plugin->before_proxy != NULL;
    case HG_PHASE_HEADER_FILTER:
        step->call.on_response = plugin->header_filter;
        return plugin->header_filter != NULL;
    case HG_PHASE_BODY_FILTER:
        step->call.on_body = plugin->body_filter;
        return plugin->body_filter != NULL;
    case HG_PHASE_DELAYED_BODY_FILTER:
        step->call.on_body = plugin->delayed_body_filter;
        return plugin->delayed_body_filter != NULL;
    case HG_PHASE_LOG:
        step->call.on_response = plugin->log;
        return plugin->log != NULL;
    default:
        return false;
    }
}

/* `running` are the configurations that run, in order; in_rewrite says which also in rewrite. */
static hg_status phases_fill(hgh_chain *chain,
                             hgh_configuration *const *running,
                             const bool *in_rewrite,
                             size_t count)
{
    hgh_step *at;

    if (count == 0) {
        return HG_OK;
    }
    chain->steps = calloc(count * HGH_PHASES, sizeof(*chain->steps));
    chain->step_configurations = calloc(count * HGH_PHASES, sizeof(*chain->step_configurations));
    if (chain->steps == NULL || chain->step_configurations == NULL) {
        return HG_ERR_NO_MEMORY;
    }
    at = chain->steps;
    for (uint32_t phase = HG_PHASE_REWRITE; phase <= HG_PHASE_LOG; phase++) {
        chain->phases[phase].items = at;
        for (size_t i = 0; i < count; i++) {
            if ((phase != HG_PHASE_REWRITE || in_rewrite[i]) && step_make(running[i], phase, at)) {
                chain->step_configurations[at - chain->steps] = running[i];
                at++;
                chain->phases[phase].count++;
            }
        }
    }
    return HG_OK;
}

static hg_status candidates_compile(compilation *work)
{
    hgh_chain *chain = work->chain;
    hgh_configuration **running = calloc(work->count + 1, sizeof(*running));
    bool *in_rewrite = calloc(work->count + 1, sizeof(*in_rewrite));
    size_t count = 0;
    hg_status status = HG_OK;

    chain->configurations = calloc(work->count + 1, sizeof(*chain->configurations));
    if (running == NULL || in_rewrite == NULL || chain->configurations == NULL) {
        status = HG_ERR_NO_MEMORY;
        goto cleanup;
    }
    for (size_t i = 0; i < work->count && status == HG_OK; i++) {
        bool runs = false;

        status = candidate_compile(work, &work->candidates[i], &runs);
        if (runs) {
            running[count++] = chain->configurations[chain->configuration_count - 1];
        }
    }
    if (status == HG_OK) {
        qsort(running, count, sizeof(*running), compare_steps);
        for (size_t i = 0; i < count; i++) {
            /* With a consumer, the route's own plugins have been through rewrite already. */
            in_rewrite[i] = chain->consumer == NULL;
            for (size_t k = 0; k < work->count && !in_rewrite[i]; k++) {
                in_rewrite[i] = work->candidates[k].from_consumer &&
                                strcmp(work->candidates[k].name, running[i]->plugin->name) == 0;
            }
        }
        status = phases_fill(chain, running, in_rewrite, count);
    }

cleanup:
    free(running);
    free(in_rewrite);
    return status;
}

hg_status hgh_chain_compile(hgh_generation *generation,
                            hgh_route *route,
                            hgh_service *service,
                            hg_consumer *consumer,
                            hgh_chain **out_chain,
                            hg_error *err)
{
    compilation *work = calloc(1, sizeof(*work));
    hgh_chain *chain = calloc(1, sizeof(*chain));
    json_t *objects[3] = {NULL};
    hg_status status = HG_ERR_NO_MEMORY;

    if (work == NULL || chain == NULL) {
        goto cleanup;
    }
    chain->references = 1;
    chain->generation = hgh_generation_ref(generation);
    chain->route = (hgh_route *)hgh_resource_ref(&route->base);
    if (service != NULL) {
        chain->service = (hgh_service *)hgh_resource_ref(&service->base);
    }
    if (consumer != NULL) {
        chain->consumer = (hg_consumer *)hgh_resource_ref(&consumer->base);
    }
    work->generation = generation;
    work->chain = chain;
    /* By precedence: consumer > route > service. */
    if (consumer != NULL && !candidates_take(work, &consumer->base, &objects[0])) {
        goto cleanup;
    }
    if (!candidates_take(work, &route->base, &objects[1])) {
        goto cleanup;
    }
    if (service != NULL && !candidates_take(work, &service->base, &objects[2])) {
        goto cleanup;
    }
    status = work->too_many ? unavailable(chain, "chain", "more than 1024 plugins on one route")
                            : candidates_compile(work);
    if (status == HG_OK) {
        *out_chain = chain;
        chain = NULL; /* now the caller's */
    }

cleanup:
    if (status != HG_OK) {
        (void)hg_error_set(err, status, "routes/%s: out of memory", route->base.id);
    }
    for (size_t i = 0; i < 3; i++) {
        json_decref(objects[i]);
    }
    hgh_chain_unref(chain);
    free(work);
    return status;
}

void hgh_chain_unref(hgh_chain *chain)
{
    if (chain == NULL || --chain->references > 0) {
        return;
    }
    for (uint32_t i = 0; i < chain->configuration_count; i++) {
        hgh_configuration_unref(chain->configurations[i]);
    }
    free(chain->configurations);
    free(chain->steps);
    free(chain->step_configurations);
    free(chain->unavailable);
    if (chain->route != NULL) {
        hgh_resource_unref(&chain->route->base);
    }
    if (chain->service != NULL) {
        hgh_resource_unref(&chain->service->base);
    }
    if (chain->consumer != NULL) {
        hgh_resource_unref(&chain->consumer->base);
    }
    hgh_generation_unref(chain->generation);
    free(chain);
}

/* ----------------------------------------------------------------------------------- cache */

void hgh_chain_cache_init(hgh_chain_cache *cache)
{
    memset(cache, 0, sizeof(*cache));
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
    hgh_resource *objects[HGH_CHAIN_OBJECTS] = {
        &chain->route->base,
        chain->service == NULL ? NULL : &chain->service->base,
        chain->consumer == NULL ? NULL : &chain->consumer->base,
    };

    for (size_t i = 0; i < HGH_CHAIN_OBJECTS; i++) {
        hgh_chain_link *link = &chain->links[i];

        if (objects[i] == NULL) {
            continue;
        }
        *link = (hgh_chain_link){chain, objects[i]->chains, &objects[i]->chains};
        if (link->next != NULL) {
            link->next->at = &link->next;
        }
        objects[i]->chains = link;
    }
}

static void links_remove(hgh_chain *chain)
{
    for (size_t i = 0; i < HGH_CHAIN_OBJECTS; i++) {
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

/* Out of the cache's tables; the reference is the caller's to drop. */
static void cache_take(hgh_chain_cache *cache, hgh_chain *chain)
{
    list_remove(cache, chain);
    links_remove(chain);
    if (chain->consumer != NULL) {
        hgh_map_remove(&cache->with_consumer, &chain->node);
    } else {
        chain->route->chain = NULL;
    }
}

static void cache_detach_one(hgh_chain_cache *cache, hgh_chain *chain)
{
    cache_take(cache, chain);
    chain->older = cache->detached;
    cache->detached = chain;
}

/* Takes over a reference on HG_OK. */
static hg_status cache_enter(hgh_chain_cache *cache, hgh_chain *chain)
{
    if (chain->consumer != NULL) {
        hg_status status;

        chain->key[0] = chain->route;
        chain->key[1] = chain->consumer;
        chain->node.key = (hg_text){(const char *)chain->key, sizeof(chain->key)};
        status = hgh_map_add(&cache->with_consumer, &chain->node);
        if (status != HG_OK) {
            return status;
        }
    } else {
        chain->route->chain = chain;
    }
    list_add(cache, chain);
    links_add(chain);
    return HG_OK;
}

/* False: one of its parts was replaced while the request that asks was under way. */
static bool chain_is_in_force(const hgh_chain_cache *cache, const hgh_chain *chain)
{
    return chain->generation == cache->generation && chain->route->base.in_force &&
           (chain->consumer == NULL || chain->consumer->base.in_force);
}

static hgh_chain *
cache_find(const hgh_chain_cache *cache, const hgh_route *route, const hg_consumer *consumer)
{
    const void *key[2] = {route, consumer};
    hgh_map_node *node;

    if (consumer == NULL) {
        return route->chain;
    }
    node = hgh_map_find(&cache->with_consumer, (hg_text){(const char *)key, sizeof(key)});
    return node == NULL ? NULL : HGH_CONTAINER_OF(node, hgh_chain, node);
}

hg_status hgh_chain_cache_get(hgh_chain_cache *cache,
                              hgh_generation *generation,
                              hgh_route *route,
                              hg_consumer *consumer,
                              hgh_chain **out_chain,
                              hg_error *err)
{
    hgh_service *service = route->service == NULL ? NULL : (hgh_service *)route->service->current;
    hgh_chain *chain = cache_find(cache, route, consumer);
    hg_status status;

    if (chain != NULL && chain->generation == generation && chain->service == service) {
        if (chain != cache->newest) {
            list_remove(cache, chain);
            list_add(cache, chain);
        }
        *out_chain = hgh_chain_ref(chain);
        return HG_OK;
    }
    status = hgh_chain_compile(generation, route, service, consumer, out_chain, err);
    if (status != HG_OK || !chain_is_in_force(cache, *out_chain)) {
        return status;
    }
    if (chain != NULL) {
        cache_take(cache, chain);
        hgh_chain_unref(chain);
    }
    if (cache_enter(cache, *out_chain) == HG_OK) { /* else it serves this request alone */
        (void)hgh_chain_ref(*out_chain);
    }
    if (cache->count > HGH_CHAINS_MAX) {
        hgh_chain *oldest = cache->oldest;

        cache_take(cache, oldest);
        hgh_chain_unref(oldest);
    }
    return HG_OK;
}

void hgh_chain_cache_forget(hgh_chain_cache *cache, hgh_resource *resource)
{
    while (resource->chains != NULL) {
        cache_detach_one(cache, resource->chains->chain);
    }
}

void hgh_chain_cache_detach(hgh_chain_cache *cache, const hgh_generation *generation)
{
    cache->generation = generation;
    while (cache->newest != NULL) {
        cache_detach_one(cache, cache->newest);
    }
}

bool hgh_chain_cache_free_some(hgh_chain_cache *cache, uint32_t most)
{
    while (cache->detached != NULL && most > 0) {
        hgh_chain *chain = cache->detached;

        cache->detached = chain->older;
        hgh_chain_unref(chain);
        most--;
    }
    return cache->detached == NULL;
}

void hgh_chain_cache_done(hgh_chain_cache *cache)
{
    hgh_chain_cache_detach(cache, NULL);
    (void)hgh_chain_cache_free_some(cache, UINT32_MAX);
    hgh_map_done(&cache->with_consumer);
}
