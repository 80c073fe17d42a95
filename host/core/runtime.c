/* host/core/runtime.c - one process that serves: what it has applied and what it runs. */
#include "host/core/runtime.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "host/core/crash_handler.h"
#include "host/core/failpoint.h"
#include "host/core/http_client.h"
#include "host/core/issues.h"
#include "host/core/offload.h"
#include "host/core/plugin_timer.h"
#include "host/core/request.h"
#include "host/core/runner_client.h"

#define SLICE_NS       1000000u /* how long requests may have to wait for work in the background */
#define CHAINS_A_TURN  16u      /* freed before the clock is read again */
#define RECORDS_A_LOOK 16u      /* applied before the clock is read again */

static void runtime_log(const hgh_runtime *runtime, hg_log_level level, const char *format, ...)
    HG_PRINTF(3, 4);

static void runtime_log(const hgh_runtime *runtime, hg_log_level level, const char *format, ...)
{
    char line[HG_LOG_LINE_MAX];
    va_list arguments;
    int length;

    if ((int32_t)level > runtime->plugin_host.log_level) {
        return;
    }
    va_start(arguments, format);
    length = vsnprintf(line, sizeof(line), format, arguments);
    va_end(arguments);
    if (length > 0) {
        size_t kept = (size_t)length < sizeof(line) ? (size_t)length : sizeof(line) - 1;

        runtime->engine->log(NULL, level, (hg_text){line, kept});
    }
}

static uint64_t clock_ns(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* Control waits for votes and for generations: tells it that there is news on the board. */
static void runtime_acknowledge(const hgh_runtime *runtime)
{
    uint64_t one = 1;

    if (runtime->ack_fd >= 0) {
        ssize_t written = write(runtime->ack_fd, &one, sizeof(one));
        (void)written; /* its counter is full: control is awake anyway */
    }
}

/* 0: no request is on an earlier one. */
static uint64_t oldest_in_use(const hgh_runtime *runtime)
{
    uint64_t number = 0;

    for (const hgh_generation *at = runtime->old_in_use; at != NULL; at = at->older_in_use) {
        number = at->number;
    }
    return number;
}

void hgh_runtime_report(hgh_runtime *runtime)
{
    hgh_board_slot *slot = runtime->slot;
    uint64_t generation = runtime->generation == NULL ? 0 : runtime->generation->number;

    atomic_store_explicit(&slot->objects_mapped, runtime->plugin_host.objects_mapped,
                          memory_order_relaxed);
    if (atomic_load_explicit(&slot->objects_pinned, memory_order_relaxed) !=
        runtime->plugin_host.objects_pinned) {
        memcpy(slot->pins, runtime->plugin_host.pins, sizeof(slot->pins));
        atomic_store_explicit(&slot->objects_pinned, runtime->plugin_host.objects_pinned,
                              memory_order_release);
    }
    atomic_store_explicit(&slot->requests_old, runtime->requests_old, memory_order_relaxed);
    atomic_store_explicit(&slot->oldest_generation, oldest_in_use(runtime), memory_order_relaxed);
    atomic_store_explicit(&slot->chains, runtime->chains.count, memory_order_relaxed);
    atomic_store_explicit(&slot->word, runtime->word, memory_order_relaxed);
    atomic_store_explicit(&slot->generation, generation, memory_order_release);
}

/* ---------------------------------------------------------------------------------- chains */

static void sweep(void *context)
{
    hgh_runtime *runtime = context;
    uint64_t end = clock_ns() + SLICE_NS;

    runtime->engine->stop(runtime->sweep_timer);
    runtime->sweep_timer = NULL;
    while (!hgh_chain_cache_free_some(&runtime->chains, CHAINS_A_TURN)) {
        if (clock_ns() >= end) {
            runtime->sweep_timer = runtime->engine->start_timer(0, sweep, runtime);
            if (runtime->sweep_timer != NULL) {
                return;
            }
        }
    }
    hgh_runtime_report(runtime);
    runtime_acknowledge(runtime);
}

/* Frees what is detached: in slices while requests are served, else at once. */
static void sweep_begin(hgh_runtime *runtime)
{
    if (runtime->serving && runtime->sweep_timer == NULL) {
        runtime->sweep_timer = runtime->engine->start_timer(0, sweep, runtime);
    }
    if (runtime->sweep_timer == NULL) {
        (void)hgh_chain_cache_free_some(&runtime->chains, UINT32_MAX);
    }
}

/* -------------------------------------------------------------------- warm configurations */

static void warm_drop(hgh_runtime *runtime)
{
    for (size_t i = 0; i < runtime->warm_count; i++) {
        runtime->warm[i]->warm_place = 0;
        hgh_configuration_unref(runtime->warm[i]);
    }
    free(runtime->warm);
    runtime->warm = NULL;
    runtime->warm_count = 0;
    runtime->warm_room = 0;
}

static hg_status warm_add(hgh_runtime *runtime, hgh_configuration *configuration)
{
    if (runtime->warm_count == runtime->warm_room) {
        size_t room = runtime->warm_room == 0 ? 64 : runtime->warm_room * 2;
        void *grown = realloc(runtime->warm, room * sizeof(*runtime->warm));

        if (grown == NULL) {
            return HG_ERR_NO_MEMORY;
        }
        runtime->warm = grown;
        runtime->warm_room = room;
    }
    runtime->warm[runtime->warm_count++] = configuration;
    configuration->warm_place = runtime->warm_count;
    return HG_OK;
}

/* Drops those of an object that goes, which they would keep. */
static void warm_forget(hgh_runtime *runtime, hgh_resource *resource)
{
    hgh_configuration *at = resource->configurations;

    while (at != NULL) {
        size_t place = at->warm_place;

        if (place == 0) {
            at = at->bound_next;
            continue;
        }
        runtime->warm[place - 1] = runtime->warm[--runtime->warm_count];
        runtime->warm[place - 1]->warm_place = place;
        at->warm_place = 0;
        hgh_configuration_unref(at);
        at = resource->configurations; /* the list has changed */
    }
}

/* ------------------------------------------------------------------------------- resources */

static bool services_differ_in_hosts(const hgh_resource *a, const hgh_resource *b)
{
    const hgh_service *left = (const hgh_service *)(const void *)a;
    const hgh_service *right = (const hgh_service *)(const void *)b;
    size_t left_count = left == NULL ? 0 : left->host_count;
    size_t right_count = right == NULL ? 0 : right->host_count;

    for (size_t i = 0; left_count == right_count && i < left_count; i++) {
        if (!hg_text_equal(left->hosts[i], right->hosts[i])) {
            return true;
        }
    }
    return left_count != right_count;
}

/* Puts or, with resource NULL, takes out a service, moving its routes under its hosts. */
static hg_status service_change_apply(hgh_runtime *runtime,
                                      hg_text id,
                                      hgh_resource *resource,
                                      hgh_resource **out_previous)
{
    hgh_resource *previous = hgh_snapshot_find(&runtime->snapshot, HGH_SERVICES, id);
    bool moves = services_differ_in_hosts(previous, resource);
    hgh_cell *cell = hgh_cell_ref(&runtime->snapshot, HGH_SERVICES, id);
    hgh_route *taken = NULL;
    hg_status status = HG_OK;

    if (cell == NULL) {
        return HG_ERR_NO_MEMORY;
    }
    if (moves) {
        taken = hgh_router_take_routes(runtime->router, cell);
    }
    if (resource == NULL) {
        *out_previous = hgh_snapshot_take(&runtime->snapshot, HGH_SERVICES, id);
    } else {
        status = hgh_snapshot_put(&runtime->snapshot, resource, out_previous);
    }
    if (moves && hgh_router_put_routes(runtime->router, taken) != HG_OK) {
        runtime_log(runtime, HG_LOG_ERROR, "routes of services/%s: no memory", cell->id);
    }
    hgh_cell_unref(cell);
    return status;
}

static bool has_keys(const hgh_resource *resource)
{
    return resource->kind == HGH_CONSUMERS || resource->kind == HGH_CREDENTIALS;
}

/* Detaches the chains that an object takes part in, or would take part in if it is new. */
static void chains_forget(hgh_runtime *runtime, hgh_resource *resource)
{
    hgh_chain_cache_forget(&runtime->chains, resource);
    if (resource->kind == HGH_GLOBAL_RULES) {
        hgh_chain_cache_forget_global(&runtime->chains);
    } else if (resource->kind == HGH_PLUGIN_METADATA) {
        hgh_chain_cache_metadata_changed(&runtime->chains);
    }
    if (!hgh_chain_cache_free_some(&runtime->chains, CHAINS_A_TURN)) {
        sweep_begin(runtime);
    }
}

/* The upstream that stands in an object, or NULL. */
static hgh_upstream *upstream_of(const hgh_resource *resource)
{
    switch ((hgh_resource_kind)resource->kind) {
    case HGH_ROUTES:
        return ((const hgh_route *)(const void *)resource)->upstream;
    case HGH_SERVICES:
        return ((const hgh_service *)(const void *)resource)->upstream;
    case HGH_UPSTREAMS:
        return ((const hgh_upstream_resource *)(const void *)resource)->upstream;
    case HGH_CONSUMERS:
    case HGH_CREDENTIALS:
    case HGH_CONSUMER_GROUPS:
    case HGH_PLUGIN_CONFIGS:
    case HGH_GLOBAL_RULES:
    case HGH_PLUGIN_METADATA:
    case HGH_SSLS:
    case HGH_RESOURCE_KINDS:
        break;
    }
    return NULL;
}

static void health_enter(hgh_runtime *runtime, const hgh_resource *resource)
{
    const hgh_upstream *upstream = runtime->checks_health ? upstream_of(resource) : NULL;
    const char *kind = hgh_resource_kind_name((hgh_resource_kind)resource->kind);

    if (upstream != NULL && upstream->health != NULL &&
        hgh_health_enter(upstream->health, &runtime->health_board, kind, resource->id,
                         runtime->engine->clock_ms(), &runtime->checked) != HG_OK) {
        runtime_log(runtime, HG_LOG_ERROR,
                    "%s/%s: there is no room for the health of all its nodes; "
                    "hotgate.shared_memory enlarges it",
                    kind, resource->id);
    }
}

static void health_leave(const hgh_resource *resource)
{
    const hgh_upstream *upstream = upstream_of(resource);

    if (upstream != NULL && upstream->health != NULL) {
        hgh_health_leave(upstream->health);
    }
}

/* Takes what the indexes know of an object that goes. */
static void resource_forget(hgh_runtime *runtime, hgh_resource *resource)
{
    health_leave(resource);
    warm_forget(runtime, resource);
    chains_forget(runtime, resource);
    if (resource->kind == HGH_ROUTES) {
        hgh_router_remove(runtime->router, (hgh_route *)(void *)resource);
    } else if (has_keys(resource)) {
        hgh_consumer_index_remove(&runtime->consumers, (hg_consumer *)(void *)resource);
    } else if (resource->kind == HGH_SSLS) {
        hgh_sni_index_remove(&runtime->snis, (hgh_ssl *)(void *)resource);
    }
}

static hg_status resource_enter(hgh_runtime *runtime, hgh_resource *resource)
{
    health_enter(runtime, resource);
    chains_forget(runtime, resource);
    if (resource->kind == HGH_ROUTES) {
        return hgh_router_add(runtime->router, (hgh_route *)(void *)resource);
    }
    if (has_keys(resource) && runtime->generation != NULL) {
        return hgh_consumer_index_add(&runtime->consumers, runtime->generation,
                                      (hg_consumer *)(void *)resource);
    }
    if (resource->kind == HGH_SSLS) {
        return hgh_sni_index_add(&runtime->snis, (hgh_ssl *)(void *)resource);
    }
    return HG_OK;
}

hg_status hgh_runtime_put(hgh_runtime *runtime,
                          hgh_resource_kind kind,
                          hg_text id,
                          hgh_feed_slice source,
                          uint64_t revision,
                          uint64_t created,
                          hg_error *err)
{
    hgh_resource *resource = NULL;
    hgh_resource *previous = NULL;
    hg_status status = hgh_resource_decode(&runtime->snapshot, kind, id, source, revision, created,
                                           &resource, err);

    if (status != HG_OK) {
        hgh_feed_file_unref(source.file);
        return status;
    }
    status = kind == HGH_SERVICES ? service_change_apply(runtime, id, resource, &previous)
                                  : hgh_snapshot_put(&runtime->snapshot, resource, &previous);
    if (status != HG_OK) {
        hgh_resource_unref(resource);
        return hg_error_set(err, status, "%s: no memory", hgh_resource_kind_name(kind));
    }
    if (previous != NULL) {
        resource_forget(runtime, previous);
        hgh_resource_unref(previous);
    }
    status = resource_enter(runtime, resource);
    return status == HG_OK ? HG_OK
                           : hg_error_set(err, status, "%s/%s: no memory",
                                          hgh_resource_kind_name(kind), resource->id);
}

hg_status hgh_runtime_delete(hgh_runtime *runtime, hgh_resource_kind kind, hg_text id)
{
    hgh_resource *previous = NULL;

    if (kind != HGH_SERVICES) {
        previous = hgh_snapshot_take(&runtime->snapshot, kind, id);
    } else if (hgh_snapshot_find(&runtime->snapshot, kind, id) != NULL) {
        (void)service_change_apply(runtime, id, NULL, &previous); /* taking needs no memory */
    }
    if (previous == NULL) {
        return HG_ERR_NOT_FOUND;
    }
    resource_forget(runtime, previous);
    hgh_resource_unref(previous);
    return HG_OK;
}

/* ----------------------------------------------------------------------------- generations */

static void keys_reindex(void *context, hgh_map_node *node)
{
    hgh_runtime *runtime = context;
    hgh_cell *cell = HGH_CONTAINER_OF(node, hgh_cell, node);
    hg_consumer *owner = (hg_consumer *)(void *)cell->current;

    if (owner == NULL) {
        return;
    }
    hgh_consumer_index_remove(&runtime->consumers, owner);
    if (hgh_consumer_index_add(&runtime->consumers, runtime->generation, owner) != HG_OK) {
        runtime_log(runtime, HG_LOG_ERROR, "%s/%s: no memory",
                    hgh_resource_kind_name(owner->base.kind), owner->base.id);
    }
}

static void old_forget(hgh_runtime *runtime, const hgh_generation *generation)
{
    hgh_generation **at = &runtime->old_in_use;

    while (*at != NULL && *at != generation) {
        at = &(*at)->older_in_use;
    }
    if (*at != NULL) {
        *at = generation->older_in_use;
    }
}

/* It may have been the last request on an old one, which control waits for. */
void hgh_runtime_leave(hgh_runtime *runtime, hgh_generation *generation)
{
    if (generation == NULL) {
        return;
    }
    generation->requests--;
    if (generation == runtime->generation) {
        hgh_generation_unref(generation);
        return;
    }
    runtime->requests_old--;
    if (generation->requests == 0) {
        old_forget(runtime, generation);
    }
    hgh_generation_unref(generation);
    hgh_runtime_report(runtime);
}

void hgh_runtime_switch(hgh_runtime *runtime, hgh_generation *generation)
{
    hgh_generation *previous = runtime->generation;

    runtime->generation = generation;
    if (previous != NULL && previous->requests > 0) {
        previous->older_in_use = runtime->old_in_use;
        runtime->old_in_use = previous;
        runtime->requests_old += previous->requests;
    }
    for (size_t i = 0; i < generation->count; i++) {
        if (generation->entries[i].plugin != NULL) {
            hgh_timers_begin(generation->entries[i].plugin);
        }
    }
    if (previous == NULL || !hgh_consumer_index_is_same(previous, generation)) {
        hgh_map_each(&runtime->snapshot.kinds[HGH_CONSUMERS], keys_reindex, runtime);
        hgh_map_each(&runtime->snapshot.kinds[HGH_CREDENTIALS], keys_reindex, runtime);
    }
    hgh_chain_cache_detach(&runtime->chains, generation);
    hgh_generation_unref(previous); /* requests and detached chains may still hold it */
    sweep_begin(runtime);
    hgh_runtime_report(runtime);
}

hg_status hgh_runtime_load_generation(hgh_runtime *runtime,
                                      json_t *manifest,
                                      bool strict,
                                      hgh_generation **out_generation,
                                      hg_error *err)
{
    hgh_generation *generation = NULL;
    hg_error cause = HG_ERROR_INIT;
    bool done = false;
    hg_status status = hgh_generation_new(manifest, &generation, err);

    while (status == HG_OK && !done) {
        hg_status loaded = hgh_generation_load_next(generation, &runtime->plugin_host,
                                                    runtime->generation, &done, &cause);

        if (loaded != HG_OK && strict) {
            status = hg_error_set(err, loaded, "%s", cause.text);
        } else if (loaded != HG_OK) {
            runtime_log(runtime, HG_LOG_ERROR, "plugin %s", cause.text);
        }
    }
    if (status != HG_OK) {
        hgh_generation_unref(generation);
        return status;
    }
    *out_generation = generation;
    return HG_OK;
}

hg_status
hgh_runtime_set_generation(hgh_runtime *runtime, json_t *manifest, bool strict, hg_error *err)
{
    hgh_generation *generation = NULL;
    hg_status status = hgh_runtime_load_generation(runtime, manifest, strict, &generation, err);

    if (status == HG_OK) {
        warm_drop(runtime);
        hgh_runtime_switch(runtime, generation);
    }
    return status;
}

/* ----------------------------------------------------------------------------- preparation */

static void preparation_drop(hgh_runtime *runtime)
{
    hgh_preparation *preparation = &runtime->preparation;

    runtime->engine->stop(preparation->timer);
    hgh_generation_unref(preparation->generation);
    *preparation = (hgh_preparation){.serial = preparation->serial};
}

static void preparation_vote(hgh_runtime *runtime, hgh_vote vote, const char *why)
{
    hgh_board_vote(runtime->slot, runtime->preparation.generation->number, vote, why);
    hgh_failpoint("worker.voted");
    runtime_acknowledge(runtime);
}

/* Decodes a configuration that is in use with the plugin's next version. */
static hg_status
configuration_redecode(hgh_runtime *runtime, const hgh_configuration *current, hg_error *err)
{
    hgh_configuration *next = NULL;
    hgh_plugin *plugin = NULL;
    hg_issues issues = {0};
    json_t *object;
    const json_t *value;
    hg_status status;

    if (current->bound == NULL || !current->bound->in_force ||
        hgh_generation_find(runtime->preparation.generation, current->plugin->name, &plugin,
                            NULL) != HGH_PLUGIN_LOADED ||
        plugin == current->plugin ||
        hgh_configuration_bound_at(current->bound, plugin, current->use, current->place) != NULL) {
        return HG_OK;
    }
    object = hgh_resource_json(current->bound);
    if (object == NULL) {
        return hg_error_set(err, HG_ERR_NO_MEMORY, "out of memory");
    }
    value = hgh_configuration_value_of(current, object);
    if (value == NULL) {
        json_decref(object);
        return HG_OK;
    }
    status = hgh_configuration_decode(plugin, current->use, value,
                                      hgh_resource_kind_name(current->bound->kind),
                                      current->bound->id, "", &next, &issues, NULL);
    if (status == HG_OK && current->place != NULL) {
        status = hgh_configuration_bind_at(next, current->bound, current->place);
    } else if (status == HG_OK) {
        hgh_configuration_bind(next, current->bound);
    }
    if (next != NULL) {
        status = status == HG_OK ? warm_add(runtime, next) : status;
        if (status != HG_OK) {
            hgh_configuration_unref(next);
        }
    } else {
        char line[HG_ERROR_TEXT_MAX];

        (void)hg_error_set(err, status, "%s/%s: %.380s",
                           hgh_resource_kind_name(current->bound->kind), current->bound->id,
                           hgh_issues_first(&issues, line, sizeof(line)));
    }
    hgh_issues_done(&issues);
    json_decref(object);
    return status;
}

/* The next cached chain that has not been looked at for this preparation. Requests that run between
 * the slices move chains about, so each slice looks from the beginning. */
static hgh_chain *preparation_next_chain(hgh_runtime *runtime, hgh_chain *from)
{
    while (from != NULL && from->prepared == runtime->preparation.serial) {
        from = from->older;
    }
    return from;
}

/* Loads what is left of the plugins, until the slice is over. */
static hg_status preparation_load(hgh_runtime *runtime, uint64_t end, hg_error *err)
{
    hgh_preparation *preparation = &runtime->preparation;
    hg_status status = HG_OK;

    while (!preparation->loaded && status == HG_OK && clock_ns() < end) {
        status = hgh_generation_load_next(preparation->generation, &runtime->plugin_host,
                                          runtime->generation, &preparation->loaded, err);
    }
    return status;
}

static hg_status chain_redecode(hgh_runtime *runtime, hgh_chain *chain, hg_error *err)
{
    hg_status status = HG_OK;

    for (uint32_t i = 0; i < chain->configuration_count && status == HG_OK; i++) {
        status = configuration_redecode(runtime, chain->configurations[i], err);
    }
    chain->prepared = runtime->preparation.serial;
    return status;
}

/* Decodes for the cached chains, until the slice is over. */
static hg_status
preparation_decode(hgh_runtime *runtime, uint64_t end, bool *out_done, hg_error *err)
{
    hgh_chain *global = preparation_next_chain(runtime, runtime->chains.global);
    hgh_chain *chain = preparation_next_chain(runtime, runtime->chains.newest);
    hg_status status = global == NULL ? HG_OK : chain_redecode(runtime, global, err);

    while (chain != NULL && status == HG_OK && clock_ns() < end) {
        status = chain_redecode(runtime, chain, err);
        chain = preparation_next_chain(runtime, chain);
    }
    *out_done = chain == NULL;
    return status;
}

static void preparation_slice(void *context)
{
    hgh_runtime *runtime = context;
    hgh_preparation *preparation = &runtime->preparation;
    uint64_t end = clock_ns() + SLICE_NS;
    hg_error err = HG_ERROR_INIT;
    hg_status status;
    bool done = false;

    runtime->engine->stop(preparation->timer);
    preparation->timer = NULL;
    status = preparation_load(runtime, end, &err);
    if (status == HG_OK && preparation->loaded) {
        status = preparation_decode(runtime, end, &done, &err);
    }
    if (status != HG_OK) {
        runtime_log(runtime, HG_LOG_ERROR, "generation %llu refused: %s",
                    (unsigned long long)preparation->generation->number, err.text);
        preparation_vote(runtime, HGH_VOTE_NO, err.text);
    } else if (done) {
        hgh_failpoint("worker.loaded");
        preparation_vote(runtime, HGH_VOTE_YES, NULL);
    } else {
        preparation->timer = runtime->engine->start_timer(0, preparation_slice, runtime);
        if (preparation->timer == NULL) {
            preparation_vote(runtime, HGH_VOTE_NO, "out of memory");
        }
    }
}

static uint64_t manifest_generation(const json_t *manifest)
{
    return (uint64_t)json_integer_value(json_object_get(manifest, "generation"));
}

static void preparation_begin(hgh_runtime *runtime, json_t *manifest)
{
    const hgh_generation *current = runtime->preparation.generation;
    hg_error err = HG_ERROR_INIT;
    hg_status status;

    if (runtime->preparation.unconfirmed && current != NULL &&
        current->number == manifest_generation(manifest)) {
        runtime->preparation.unconfirmed = false; /* a new file says again what is under way */
        return;
    }
    hgh_failpoint("worker.preparing");
    preparation_drop(runtime);
    warm_drop(runtime);
    runtime->preparation.serial++;
    status = hgh_generation_new(manifest, &runtime->preparation.generation, &err);
    if (status == HG_OK) {
        preparation_slice(runtime);
    } else {
        runtime_log(runtime, HG_LOG_ERROR, "reload: %s", err.text);
    }
}

static void preparation_abort(hgh_runtime *runtime)
{
    preparation_drop(runtime);
    warm_drop(runtime);
    hgh_runtime_report(runtime);
    runtime_acknowledge(runtime);
}

static void preparation_commit(hgh_runtime *runtime, uint64_t number)
{
    hgh_preparation *preparation = &runtime->preparation;
    hgh_generation *generation = preparation->generation;
    hg_error err = HG_ERROR_INIT;

    if (generation == NULL || generation->number != number) {
        runtime_log(runtime, HG_LOG_ERROR,
                    "generation %llu is to be in force but was not prepared here",
                    (unsigned long long)number);
        return;
    }
    hgh_failpoint("worker.committing");
    while (!preparation->loaded) { /* control has counted a vote of ours: there is none left */
        (void)hgh_generation_load_next(generation, &runtime->plugin_host, runtime->generation,
                                       &preparation->loaded, &err);
    }
    preparation->generation = NULL; /* now the runtime's */
    preparation_drop(runtime);
    hgh_runtime_switch(runtime, generation);
    hgh_failpoint("worker.switched");
    runtime_acknowledge(runtime);
}

/* The manifest of a new feed file, when the COMMIT itself stood at the end of the old one. */
static void manifest_follow(hgh_runtime *runtime, json_t *manifest)
{
    uint64_t number = manifest_generation(manifest);
    const hgh_generation *prepared = runtime->preparation.generation;
    hg_error err = HG_ERROR_INIT;

    if (runtime->generation->number == number) {
        return;
    }
    if (prepared != NULL && prepared->number == number) {
        preparation_commit(runtime, number);
    } else if (hgh_runtime_set_generation(runtime, manifest, false, &err) != HG_OK) {
        runtime_log(runtime, HG_LOG_ERROR, "generation: %s", err.text);
    }
}

/* ------------------------------------------------------------------------------------ feed */

static uint64_t record_generation(const hgh_feed_record *record)
{
    json_t *value = json_loadb(hgh_feed_record_value(record), record->value_length, 0, NULL);
    uint64_t number = manifest_generation(value);

    json_decref(value);
    return number;
}

static json_t *record_manifest(const hgh_runtime *runtime, const hgh_feed_record *record)
{
    json_error_t where;
    json_t *value = json_loadb(hgh_feed_record_value(record), record->value_length, 0, &where);

    if (value == NULL) {
        runtime_log(runtime, HG_LOG_ERROR, "feed: manifest: %s", where.text);
    }
    return value;
}

/* Kind and id of a key such as "routes/1"; false: none of the data plane's. */
static bool record_key(const hgh_feed_record *record, hgh_resource_kind *out_kind, hg_text *out_id)
{
    const char *key = hgh_feed_record_key(record);
    const char *slash = memchr(key, '/', record->key_length);

    if (slash == NULL) {
        return false;
    }
    *out_id = (hg_text){slash + 1, record->key_length - (size_t)(slash + 1 - key)};
    return hgh_resource_kind_find((hg_text){key, (size_t)(slash - key)}, out_kind);
}

static void apply_failed(hgh_runtime *runtime, const hg_error *err)
{
    atomic_fetch_add_explicit(&runtime->slot->apply_failures, 1, memory_order_relaxed);
    runtime_log(runtime, HG_LOG_ERROR, "a change could not be applied: %s", err->text);
}

static void apply_put(hgh_runtime *runtime, const hgh_feed_record *record)
{
    hgh_resource_kind kind;
    hg_text id;
    hg_error err = HG_ERROR_INIT;

    if (record_key(record, &kind, &id) &&
        hgh_runtime_put(runtime, kind, id, hgh_feed_slice_of(&runtime->reader, record),
                        record->revision, record->created, &err) != HG_OK) {
        apply_failed(runtime, &err);
    }
}

static void apply_record(hgh_runtime *runtime, const hgh_feed_record *record)
{
    hgh_resource_kind kind;
    hg_text id;
    json_t *manifest;

    switch ((hgh_feed_kind)record->kind) {
    case HGH_FEED_PUT:
        apply_put(runtime, record);
        break;
    case HGH_FEED_DELETE:
        if (record_key(record, &kind, &id)) {
            (void)hgh_runtime_delete(runtime, kind, id); /* it may have been refused before */
        }
        break;
    case HGH_FEED_BASE:
        break;
    case HGH_FEED_MANIFEST:
    case HGH_FEED_PREPARE:
        manifest = record_manifest(runtime, record);
        if (runtime->serving && manifest != NULL) {
            if (record->kind == HGH_FEED_PREPARE) {
                preparation_begin(runtime, manifest);
            } else {
                manifest_follow(runtime, manifest);
            }
            json_decref(manifest);
        } else if (record->kind == HGH_FEED_PREPARE) {
            json_decref(runtime->pending_manifest);
            runtime->pending_manifest = manifest;
        } else {
            json_decref(runtime->manifest);
            runtime->manifest = manifest;
        }
        break;
    case HGH_FEED_COMMIT:
        if (runtime->serving) {
            preparation_commit(runtime, record_generation(record));
        } else if (runtime->pending_manifest != NULL) {
            json_decref(runtime->manifest);
            runtime->manifest = runtime->pending_manifest;
            runtime->pending_manifest = NULL;
        }
        break;
    case HGH_FEED_ABORT:
        if (runtime->serving) {
            preparation_abort(runtime);
        } else {
            json_decref(runtime->pending_manifest);
            runtime->pending_manifest = NULL;
        }
        break;
    }
    runtime->revision = record->revision;
}

/* ----------------------------------------------------- a new file that states the whole state */

/* Lets an unchanged object refer into the new file, so that the old one can be unmapped. False: it
 * is new or has changed. */
static bool
resource_repoint(hgh_runtime *runtime, hgh_feed_file *file, const hgh_feed_record *record)
{
    hgh_resource_kind kind;
    hg_text id;
    hgh_resource *resource;
    const unsigned char *value = (const unsigned char *)hgh_feed_record_value(record);

    if (!record_key(record, &kind, &id)) {
        return true;
    }
    resource = hgh_snapshot_find(&runtime->snapshot, kind, id);
    if (resource == NULL || resource->revision != record->revision) {
        return false;
    }
    if (resource->source.file != file) {
        hgh_feed_file_unref(resource->source.file);
        resource->source.file = hgh_feed_file_ref(file);
        resource->source.offset = (uint64_t)(value - file->bytes);
        resource->source.length = record->value_length;
    }
    return true;
}

static void repoint_stop(hgh_runtime *runtime)
{
    runtime->engine->stop(runtime->repoint_timer);
    runtime->repoint_timer = NULL;
    hgh_feed_file_unref(runtime->repoint_file);
    runtime->repoint_file = NULL;
}

/* Goes on with what repoint_begin() began, for one slice. */
static void repoint_slice(void *context)
{
    hgh_runtime *runtime = context;
    hgh_feed_file *file = runtime->repoint_file;
    uint64_t end = clock_ns() + SLICE_NS;

    runtime->engine->stop(runtime->repoint_timer);
    runtime->repoint_timer = NULL;
    while (runtime->repoint_offset < runtime->repoint_end && clock_ns() < end) {
        const hgh_feed_record *record = hgh_feed_record_check(
            file->bytes + runtime->repoint_offset, runtime->repoint_end - runtime->repoint_offset);

        if (record == NULL) {
            runtime_log(runtime, HG_LOG_ERROR, "feed: damaged record in epoch %u", file->epoch);
            break;
        }
        if (record->kind == HGH_FEED_PUT) {
            (void)resource_repoint(runtime, file, record); /* changed meanwhile: points elsewhere */
        }
        runtime->repoint_offset += record->length;
    }
    if (runtime->repoint_offset < runtime->repoint_end) {
        runtime->repoint_timer = runtime->engine->start_timer(0, repoint_slice, runtime);
    }
    if (runtime->repoint_timer == NULL) {
        repoint_stop(runtime);
    }
}

/* The file begins with the very state that is in force here: nothing has to be applied, and the
 * references into the old file are moved in slices. */
static void repoint_begin(hgh_runtime *runtime, uint64_t base_end)
{
    repoint_stop(runtime);
    runtime->repoint_file = hgh_feed_file_ref(runtime->reader.file);
    runtime->repoint_offset = sizeof(hgh_feed_header);
    runtime->repoint_end = base_end;
    runtime->reader.offset = base_end;
    runtime->repoint_timer = runtime->engine->start_timer(0, repoint_slice, runtime);
}

/* What the whole state does not name is gone. */
typedef struct removal {
    hgh_runtime *runtime;
    hgh_resource_kind kind;
} removal;

/* Every object that the new file names refers into it by now. */
static void resource_remove_if_old(void *context, hgh_map_node *node)
{
    const removal *pass = context;
    hgh_cell *cell = HGH_CONTAINER_OF(node, hgh_cell, node);
    hgh_resource *resource = cell->current;

    if (resource != NULL && resource->source.file != pass->runtime->reader.file) {
        (void)hgh_runtime_delete(pass->runtime, pass->kind, hg_text_of(cell->id));
    }
}

/* Another file was gone to, which begins with the state at its making. */
static hg_status base_begin(hgh_runtime *runtime, uint64_t word, hg_error *err)
{
    const hgh_feed_header *header = hgh_feed_reader_header(&runtime->reader);
    const hgh_feed_record *record = NULL;
    hg_status status;

    runtime->switched = true;
    runtime->preparation.unconfirmed = true;
    repoint_stop(runtime);
    if (!runtime->serving || header->base_revision != runtime->revision ||
        header->base_end < sizeof(*header) || header->base_end > hgh_feed_word_offset(word)) {
        runtime->in_base = true; /* it is read and applied where it differs */
        return HG_OK;
    }
    /* Its first record is the manifest: the COMMIT may have been the old file's last. */
    status = hgh_feed_reader_next(&runtime->reader, word, &record, err);
    if (status == HG_OK && record != NULL && record->kind == HGH_FEED_MANIFEST) {
        apply_record(runtime, record);
    }
    repoint_begin(runtime, header->base_end);
    return status;
}

static void apply_base_record(hgh_runtime *runtime, const hgh_feed_record *record)
{
    if (record->kind != HGH_FEED_PUT || !resource_repoint(runtime, runtime->reader.file, record)) {
        apply_record(runtime, record);
    }
    if (record->kind != HGH_FEED_BASE) {
        return;
    }
    runtime->in_base = false;
    for (int kind = 0; kind < HGH_RESOURCE_KINDS; kind++) {
        removal pass = {runtime, (hgh_resource_kind)kind};

        hgh_map_each(&runtime->snapshot.kinds[kind], resource_remove_if_old, &pass);
    }
}

/* Applies records up to the word or the end of the slice, which *out_over says. */
static hg_status
apply_some(hgh_runtime *runtime, uint64_t word, uint64_t end, bool *out_over, hg_error *err)
{
    const hgh_feed_record *record = NULL;
    bool switched = false;
    hg_status status = hgh_feed_reader_follow(&runtime->reader, word, &switched, err);

    *out_over = false;
    if (status == HG_OK && switched) {
        status = base_begin(runtime, word, err);
    }
    for (unsigned i = 1; status == HG_OK; i++) {
        status = hgh_feed_reader_next(&runtime->reader, word, &record, err);
        if (status != HG_OK || record == NULL) {
            break;
        }
        if (runtime->in_base) {
            apply_base_record(runtime, record);
        } else {
            apply_record(runtime, record);
        }
        if (i % RECORDS_A_LOOK == 0 && runtime->serving && clock_ns() >= end) {
            *out_over = true;
            break;
        }
    }
    return status;
}

/* All up to the word is applied, or cannot be. */
static void apply_end(hgh_runtime *runtime, uint64_t word, hg_status status, const hg_error *err)
{
    if (status != HG_OK) {
        runtime->in_base = false;
        apply_failed(runtime, err);
    } else if (runtime->switched && runtime->preparation.unconfirmed &&
               runtime->preparation.generation != NULL) {
        preparation_abort(runtime); /* the ABORT stood at the end of the old file */
    }
    runtime->switched = false;
    runtime->behind = false;
    runtime->word = word; /* also after a failure: the same word will not do better */
    hgh_runtime_report(runtime);
    while (runtime->waiting != NULL && !runtime->behind) {
        hg_request *request = runtime->waiting;

        hgh_runtime_wait_end(runtime, request);
        runtime->engine->resume(request->engine_request);
    }
}

static void apply_slice(void *context)
{
    hgh_runtime *runtime = context;

    runtime->engine->stop(runtime->apply_timer);
    runtime->apply_timer = NULL;
    hgh_runtime_apply_word(runtime, hgh_feed_reader_word(&runtime->reader));
}

void hgh_runtime_apply_word(hgh_runtime *runtime, uint64_t word)
{
    uint64_t end = runtime->serving ? clock_ns() + SLICE_NS : UINT64_MAX;
    hg_error err = HG_ERROR_INIT;
    hg_status status = HG_OK;
    bool over = false;

    if (word == 0) {
        return; /* nothing was ever published */
    }
    do { /* the rest of one file, then the next file */
        status = apply_some(runtime, word, end, &over, &err);
        if (over) {
            runtime->apply_timer = runtime->engine->start_timer(0, apply_slice, runtime);
        }
        if (runtime->apply_timer != NULL) {
            runtime->behind = true;
            return;
        }
    } while (status == HG_OK && (over || hgh_feed_reader_is_behind(&runtime->reader, word)));
    apply_end(runtime, word, status, &err);
}

void hgh_runtime_wait(hgh_runtime *runtime, hg_request *request)
{
    request->waiting_next = runtime->waiting;
    request->waiting_at = &runtime->waiting;
    if (request->waiting_next != NULL) {
        request->waiting_next->waiting_at = &request->waiting_next;
    }
    runtime->waiting = request;
}

void hgh_runtime_wait_end(hgh_runtime *runtime, hg_request *request)
{
    (void)runtime;
    if (request->waiting_at == NULL) {
        return;
    }
    *request->waiting_at = request->waiting_next;
    if (request->waiting_next != NULL) {
        request->waiting_next->waiting_at = request->waiting_at;
    }
    request->waiting_next = NULL;
    request->waiting_at = NULL;
}

/* ------------------------------------------------------------------------- begin and end */

static hg_status runtime_start(hgh_runtime *runtime, hg_error *err)
{
    hg_status status;

    (void)hgh_runtime_sync(runtime); /* all of it: nothing is put off before it serves */
    if (runtime->manifest == NULL) {
        runtime->manifest = json_pack("{s:i, s:n, s:[]}", "generation", 0, "listed", "plugins");
    }
    status = runtime->manifest == NULL
                 ? hg_error_set(err, HG_ERR_NO_MEMORY, "out of memory")
                 : hgh_runtime_set_generation(runtime, runtime->manifest, false, err);
    json_decref(runtime->manifest);
    runtime->manifest = NULL;
    if (status != HG_OK) {
        return status;
    }
    runtime->serving = true;
    if (runtime->pending_manifest != NULL) {
        preparation_begin(runtime, runtime->pending_manifest);
        json_decref(runtime->pending_manifest);
        runtime->pending_manifest = NULL;
    }
    return HG_OK;
}

/* Also by a timer's turn that held it: control waits for that. */
static void plugin_unloaded(hgh_plugin_host *plugin_host)
{
    hgh_runtime *runtime = HGH_CONTAINER_OF(plugin_host, hgh_runtime, plugin_host);

    if (runtime->serving) {
        hgh_runtime_report(runtime);
        runtime_acknowledge(runtime);
    }
}

hg_status
hgh_runtime_new(const hgh_runtime_options *options, hgh_runtime **out_runtime, hg_error *err)
{
    hgh_runtime *runtime = calloc(1, sizeof(*runtime));
    hg_status status = HG_OK;

    if (runtime == NULL) {
        return hg_error_set(err, HG_ERR_NO_MEMORY, "out of memory");
    }
    runtime->engine = options->engine;
    runtime->ack_fd = options->ack_fd;
    runtime->path_rules = options->path_rules;
    runtime->body_limits = options->body_limits;
    runtime->handles_crashes = options->handles_crashes;
    hgh_snapshot_init(&runtime->snapshot);
    hgh_chain_cache_init(&runtime->chains, &runtime->snapshot);
    hgh_consumer_index_init(&runtime->consumers);
    hgh_sni_index_init(&runtime->snis);
    runtime->coroutines.active_max = options->parked_max;
    runtime->router = hgh_router_new(options->router_mode);
    runtime->own_slot = options->slot == NULL ? calloc(1, sizeof(*runtime->own_slot)) : NULL;
    runtime->slot = options->slot == NULL ? runtime->own_slot : options->slot;
    if (runtime->router == NULL || runtime->slot == NULL) {
        status = hg_error_set(err, HG_ERR_NO_MEMORY, "out of memory");
        goto cleanup;
    }
    runtime->plugin_host = (hgh_plugin_host){
        .blame = {.marker = &runtime->slot->marker},
        .board = options->board,
        .arena = options->arena,
        .engine = options->engine,
        .directory = options->directory,
        .log_level = options->log_level,
        .watches_threads = options->watches_threads,
        .process = options->process,
        .dying = options->dying,
        .calls_whole = options->calls_whole,
        .unloaded = plugin_unloaded,
        .coroutines = &runtime->coroutines,
        .http = hgh_http_client_new(options->engine, options->authorities),
        .offload = hgh_offload_new(options->engine, runtime->slot->offload_markers,
                                   options->offload_threads, options->offload_queue),
        .isolation = options->isolation,
        .runner = options->runner.path == NULL
                      ? NULL
                      : hgh_runner_client_new(options->engine, &options->runner),
    };
    if (runtime->plugin_host.http == NULL || runtime->plugin_host.offload == NULL ||
        (runtime->plugin_host.runner == NULL && options->runner.path != NULL)) {
        status = hg_error_set(err, HG_ERR_NO_MEMORY, "out of memory");
        goto cleanup;
    }
    hgh_share_init(&runtime->plugin_host.share, options->board, options->slot);
    if (options->handles_crashes) {
        status = hgh_crash_handler_install(&runtime->plugin_host, &runtime->slot->seen, err);
    }
    if (status == HG_OK && options->checks_health && options->arena != NULL) {
        status = hgh_health_board_open(options->arena, &runtime->health_board, err);
        runtime->checks_health = status == HG_OK;
    }
    if (status == HG_OK && options->feed_directory != NULL) {
        status = hgh_feed_reader_open(&runtime->reader, options->feed_directory, err);
        runtime->has_feed = status == HG_OK;
    }
    if (status == HG_OK) {
        status = runtime_start(runtime, err);
    }
    if (status == HG_OK) {
        atomic_store(&runtime->slot->state, HGH_WORKER_SERVING);
        hgh_runtime_report(runtime);
        *out_runtime = runtime;
        runtime = NULL; /* now the caller's */
    }

cleanup:
    hgh_runtime_free(runtime);
    return status;
}

static void route_forget(void *context, hgh_map_node *node)
{
    hgh_runtime *runtime = context;
    hgh_cell *cell = HGH_CONTAINER_OF(node, hgh_cell, node);

    if (cell->current != NULL) {
        resource_forget(runtime, cell->current);
    }
}

/* Each one is held while it is looked at: a turn may be the last thing that keeps it. */
static bool timers_cancel(hgh_runtime *runtime, bool now)
{
    hgh_plugin *plugin = runtime->plugin_host.loaded;
    bool all = true;

    while (plugin != NULL) {
        hgh_plugin *next;

        (void)hgh_plugin_ref(plugin);
        all = hgh_timers_cancel(plugin, now) && all;
        next = plugin->loaded_next;
        hgh_plugin_unref(plugin);
        plugin = next;
    }
    return all;
}

static void offloaded_name(const hgh_runtime *runtime)
{
    for (uint32_t i = 0; i < HGH_OFFLOAD_THREADS_MAX; i++) {
        uint64_t marker = atomic_load(&runtime->slot->offload_markers[i]);

        for (const hgh_plugin *plugin = runtime->plugin_host.loaded; plugin != NULL;
             plugin = plugin->loaded_next) {
            if (marker != 0 && plugin->number == hgh_marker_object(marker)) {
                runtime_log(runtime, HG_LOG_ERROR,
                            "plugin %s: a function on a thread has not returned, the worker ends "
                            "without it",
                            plugin->name);
            }
        }
    }
}

bool hgh_runtime_settle(hgh_runtime *runtime, uint32_t timeout_ms)
{
    (void)timers_cancel(runtime, false);
    if (!hgh_offload_settle(runtime->plugin_host.offload, timeout_ms)) {
        offloaded_name(runtime);
        return false;
    }
    return timers_cancel(runtime, true);
}

void hgh_runtime_free(hgh_runtime *runtime)
{
    if (runtime == NULL) {
        return;
    }
    (void)timers_cancel(runtime, true);
    runtime->serving = false; /* nothing is put off any more */
    preparation_drop(runtime);
    warm_drop(runtime);
    repoint_stop(runtime);
    runtime->engine->stop(runtime->sweep_timer);
    runtime->sweep_timer = NULL;
    runtime->engine->stop(runtime->apply_timer);
    runtime->apply_timer = NULL;
    if (runtime->router != NULL) {
        hgh_map_each(&runtime->snapshot.kinds[HGH_ROUTES], route_forget, runtime);
        hgh_map_each(&runtime->snapshot.kinds[HGH_CONSUMERS], route_forget, runtime);
        hgh_map_each(&runtime->snapshot.kinds[HGH_CREDENTIALS], route_forget, runtime);
    }
    hgh_chain_cache_done(&runtime->chains);
    hgh_snapshot_done(&runtime->snapshot);
    hgh_router_free(runtime->router);
    hgh_generation_unref(runtime->generation);
    hgh_consumer_index_done(&runtime->consumers);
    hgh_sni_index_done(&runtime->snis);
    hgh_offload_free(runtime->plugin_host.offload);
    hgh_http_client_free(runtime->plugin_host.http);
    hgh_runner_client_free(runtime->plugin_host.runner);
    hgh_coroutine_pool_done(&runtime->coroutines);
    hgh_feed_reader_done(&runtime->reader);
    if (runtime->handles_crashes) {
        hgh_crash_handler_remove();
    }
    json_decref(runtime->manifest);
    json_decref(runtime->pending_manifest);
    free(runtime->own_slot);
    free(runtime);
}
