/* host/core/chain.c - the plugins of a request, compiled: one array of callbacks a phase. */
#include "host/core/chain.h"

#include <stdlib.h>
#include <string.h>

#include "host/core/chain_parts.h"
#include "host/core/guard.h"
#include "host/core/isolation.h"
#include "host/core/issues.h"

static bool is_of_consumer(const hgh_resource *owner)
{
    return owner->kind == HGH_CONSUMERS || owner->kind == HGH_CREDENTIALS;
}

static bool is_authentication(const hgh_compilation *work, const char *name)
{
    hgh_plugin *plugin = NULL;

    return hgh_generation_find(work->generation, name, &plugin, NULL) == HGH_PLUGIN_LOADED &&
           (plugin->descriptor->flags & HG_AUTH) != 0;
}

static bool is_ignored(const hgh_compilation *work, const char *name)
{
    return hgh_generation_find(work->generation, name, NULL, NULL) == HGH_PLUGIN_IGNORED;
}

static hg_status warn_of_duplicate(hgh_chain *chain, const hgh_candidate *first, const char *other)
{
    if (chain != NULL && chain->warning == NULL &&
        asprintf(&chain->warning,
                 "plugin %s stands in global rule %s and in %s: that of %s is not run", first->name,
                 first->owner->id, other, other) < 0) {
        chain->warning = NULL;
        return HG_ERR_NO_MEMORY;
    }
    return HG_OK;
}

/* A member configured on several objects counts once: who comes first has precedence. */
static void candidates_add(hgh_compilation *work, json_t *object, hgh_resource *owner)
{
    json_t *plugins = json_object_get(object, "plugins");
    bool on_consumer_side = is_of_consumer(owner) || owner->kind == HGH_CONSUMER_GROUPS;
    const char *name;
    json_t *value;

    json_object_foreach(plugins, name, value)
    {
        bool is_key = is_of_consumer(owner) && is_authentication(work, name);
        hgh_candidate *known = NULL;

        for (size_t i = 0; i < work->count && known == NULL && !is_key; i++) {
            bool same = !work->candidates[i].is_key && strcmp(work->candidates[i].name, name) == 0;

            known = same ? &work->candidates[i] : NULL;
        }
        if (known != NULL) {
            /* It stays the consumer's, but its rewrite runs with the route, which has it too. */
            known->from_consumer &= on_consumer_side;
            if (owner->kind == HGH_GLOBAL_RULES) {
                (void)warn_of_duplicate(work->chain, known, owner->id); /* without memory: silent */
            }
        } else if (work->chain != NULL && is_ignored(work, name)) {
            continue; /* it takes no room of those that run */
        } else if (work->count == HGH_CHAIN_PLUGINS_MAX) {
            work->too_many = true;
            return;
        } else {
            work->candidates[work->count++] =
                (hgh_candidate){name, value, owner, on_consumer_side, is_key, NULL};
        }
    }
}

bool hgh_chain_candidates_take(hgh_compilation *work, hgh_resource *owner, json_t **out_object)
{
    if (owner == NULL || !owner->has_plugins) {
        return true;
    }
    *out_object = hgh_resource_json(owner);
    if (*out_object != NULL) {
        candidates_add(work, *out_object, owner);
    }
    return *out_object != NULL;
}

hg_status hgh_chain_unavailable(hgh_chain *chain, const char *name, const char *why)
{
    if (chain->unavailable == NULL &&
        asprintf(&chain->unavailable, "plugin %s is not available: %s", name, why) < 0) {
        chain->unavailable = NULL;
        return HG_ERR_NO_MEMORY;
    }
    return HG_OK;
}

/* The chain takes over a reference, also if it has no memory for it. */
hg_status hgh_chain_keep(hgh_compilation *work, hgh_configuration *configuration)
{
    hgh_chain *chain = work->chain;

    if (chain->configuration_count == work->room) {
        uint32_t room = work->room == 0 ? 8 : work->room * 2;
        void *grown = realloc(chain->configurations, room * sizeof(*chain->configurations));

        if (grown == NULL) {
            hgh_configuration_unref(configuration);
            return HG_ERR_NO_MEMORY;
        }
        chain->configurations = grown;
        work->room = room;
    }
    chain->configurations[chain->configuration_count++] = configuration;
    return HG_OK;
}

/* The decoded configuration, shared if another chain has it; a reference. */
hg_status hgh_chain_configuration_get(const hgh_compilation *work,
                                      hgh_plugin *plugin,
                                      hgh_use use,
                                      const hgh_candidate *from,
                                      hgh_configuration **out_configuration,
                                      hg_issues *issues)
{
    hgh_configuration *configuration = NULL;
    hg_status status;

    if (from->owner == NULL) {
        return hgh_configuration_decode(plugin, use, from->value, work->resource, work->id,
                                        from->place == NULL ? "" : from->place, out_configuration,
                                        issues, NULL);
    }
    configuration = hgh_configuration_bound_at(from->owner, plugin, use, from->place);

    if (configuration != NULL) {
        *out_configuration = hgh_configuration_ref(configuration);
        return HG_OK;
    }
    status = hgh_configuration_decode(plugin, use, from->value,
                                      hgh_resource_kind_name(from->owner->kind), from->owner->id,
                                      "", out_configuration, issues, NULL);
    if (status == HG_OK && from->place == NULL) {
        hgh_configuration_bind(*out_configuration, from->owner);
    } else if (status == HG_OK) {
        status = hgh_configuration_bind_at(*out_configuration, from->owner, from->place);
        if (status != HG_OK) {
            hgh_configuration_unref(*out_configuration);
        }
    }
    return status;
}

hg_status hgh_chain_unavailable_for(hgh_chain *chain,
                                    const char *name,
                                    const char *where,
                                    const hg_issues *issues)
{
    char line[HG_ERROR_TEXT_MAX];
    char why[HG_ERROR_TEXT_MAX + 64];

    (void)snprintf(why, sizeof(why), "%s%s", where, hgh_issues_first(issues, line, sizeof(line)));
    return hgh_chain_unavailable(chain, name, why);
}

hg_status hgh_chain_metadata_get(hgh_compilation *work, hgh_plugin *plugin, hgh_runner *into)
{
    hgh_chain *chain = work->chain;
    hgh_resource *stored =
        hgh_snapshot_find(work->snapshot, HGH_PLUGIN_METADATA, hg_text_of(plugin->name));
    hgh_configuration *configuration = NULL;
    hg_issues issues = {0};
    hgh_candidate from = {.name = plugin->name, .owner = stored};
    json_t *object = NULL;
    hg_status status;

    into->body |= plugin->attributes == NULL ? 0 : plugin->attributes->body;
    if (plugin->uses[HGH_USE_METADATA].description == NULL) {
        return HG_OK;
    }
    if (stored == NULL) {
        into->metadata = plugin->metadata == NULL ? NULL : plugin->metadata->state;
        return HG_OK;
    }
    if (hgh_configuration_bound(stored, plugin, HGH_USE_METADATA) == NULL) {
        object = hgh_resource_json(stored);
        from.value = object;
    }
    status =
        hgh_chain_configuration_get(work, plugin, HGH_USE_METADATA, &from, &configuration, &issues);
    if (status == HG_OK) {
        into->metadata = configuration->state;
        into->body |= configuration->body;
        status = hgh_chain_keep(work, configuration);
    } else if (status == HG_ERR_INVALID) {
        status = hgh_chain_unavailable_for(chain, plugin->name, "plugin_metadata: ", &issues);
    }
    hgh_issues_done(&issues);
    json_decref(object);
    return status;
}

/* What the chain does with one configured plugin: nothing, a configuration, or 503. */
static hg_status
candidate_compile(hgh_compilation *work, const hgh_candidate *from, hgh_runner *out_runner)
{
    hgh_chain *chain = work->chain;
    hgh_plugin *plugin = NULL;
    hgh_configuration *configuration = NULL;
    hg_issues issues = {0};
    const char *reason = "";
    hgh_plugin_state state = hgh_generation_find(work->generation, from->name, &plugin, &reason);
    hg_status status;

    if (state == HGH_PLUGIN_IGNORED) {
        return HG_OK;
    }
    if (state == HGH_PLUGIN_MISSING) {
        return hgh_configuration_is_disabled(from->value)
                   ? HG_OK
                   : hgh_chain_unavailable(chain, from->name, reason);
    }
    /* The chain keeps a key decoded for the next request of that consumer. */
    status =
        hgh_chain_configuration_get(work, plugin, from->is_key ? HGH_USE_CONSUMER : HGH_USE_CONFIG,
                                    from, &configuration, &issues);
    if (status == HG_ERR_INVALID) {
        status = from->is_key ? HG_OK : hgh_chain_unavailable_for(chain, from->name, "", &issues);
    } else if (status == HG_OK) {
        status = hgh_chain_keep(work, configuration);
        if (status == HG_OK && !from->is_key && !configuration->disabled) {
            out_runner->configuration = configuration;
            out_runner->body = configuration->body;
            status = hgh_chain_metadata_get(work, plugin, out_runner);
        }
        if (status == HG_OK && out_runner->configuration != NULL) {
            status = hgh_chain_delegates_compile(work, from, plugin, out_runner);
        }
    }
    /* With a consumer, the route's own plugins have been through rewrite already. */
    out_runner->in_rewrite = chain->parts[HGH_PART_CONSUMER] == NULL ||
                             (from->from_consumer && (plugin->descriptor->flags & HG_AUTH) == 0);
    hgh_issues_done(&issues);
    return status;
}

int hgh_chain_compare(const hgh_configuration *a, const hgh_configuration *b)
{
    if (a->priority != b->priority) {
        return a->priority > b->priority ? -1 : 1;
    }
    return strcmp(a->plugin->name, b->plugin->name);
}

static int compare_runners(const void *a, const void *b)
{
    return hgh_chain_compare(((const hgh_runner *)a)->configuration,
                             ((const hgh_runner *)b)->configuration);
}

/* The callback of a plugin in a phase; false if it has none. */
bool hgh_chain_step_make(const hgh_configuration *configuration, uint32_t phase, hgh_step *step)
{
    const hg_plugin *plugin = configuration->plugin->descriptor;

    if (configuration->isolation != NULL) {
        return hgh_isolation_step_make(configuration, phase, step);
    }
    *step = (hgh_step){
        .state = configuration->state,
        .marker = (uint32_t)hgh_marker_make(0, configuration->plugin->number, phase),
        .waits =
            (plugin->flags & HG_WAITS) != 0 && !configuration->plugin->plugin_host->calls_whole,
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
    case HG_PHASE_RESPONSE:
        step->call.on_request = plugin->response;
        return plugin->response != NULL;
    default:
        return false;
    }
}

static bool is_global(const hgh_chain *chain)
{
    return chain->parts[HGH_PART_ROUTE] == NULL && !chain->is_called;
}

/* Room for the steps of all phases; false: no memory. */
static bool steps_allocate(hgh_chain *chain, hgh_runner *running, size_t count)
{
    bool has_metadata = false;
    bool is_guarded = false;
    size_t most = count * HGH_PHASES + hgh_chain_delegates_count(running, count, &has_metadata);

    for (size_t i = 0; i < count; i++) {
        hgh_runner *at = &running[i];

        at->guarded = hgh_guard_is_needed(at->configuration, is_global(chain), at->body);
        if (at->configuration->filter != NULL) {
            at->answer = chain->filter_count++;
        }
        has_metadata |= at->metadata != NULL;
        is_guarded |= at->guarded;
    }
    chain->steps = calloc(most, sizeof(*chain->steps));
    chain->step_configurations = calloc(most, sizeof(*chain->step_configurations));
    chain->step_metadata = has_metadata ? calloc(most, sizeof(*chain->step_metadata)) : NULL;
    chain->guards = is_guarded ? calloc(most, sizeof(*chain->guards)) : NULL;
    return chain->steps != NULL && chain->step_configurations != NULL &&
           (chain->step_metadata != NULL || !has_metadata) &&
           (chain->guards != NULL || !is_guarded);
}

/* Adds the step of a plugin in a phase, if it has one. */
static void phase_add(hgh_chain *chain, hgh_runner *from, uint32_t phase, size_t place)
{
    hgh_step *step = &chain->steps[place];

    if ((phase == HG_PHASE_REWRITE && !from->in_rewrite) ||
        !hgh_chain_step_make(from->configuration, phase, step)) {
        return;
    }
    chain->step_configurations[place] = from->configuration;
    if (chain->step_metadata != NULL) {
        chain->step_metadata[place] = from->metadata;
    }
    if (from->guarded) {
        hgh_guard_set(&chain->guards[place], step, phase, from->configuration, is_global(chain),
                      from->body, from->answer);
    }
    from->has_early |= hgh_phase_is_early(phase);
    chain->phases[phase].count++;
}

/* `running` is in the order in which plugins run. */
hg_status hgh_chain_phases_fill(hgh_chain *chain, hgh_runner *running, size_t count)
{
    size_t place = 0;

    if (count == 0) {
        return HG_OK;
    }
    if (!steps_allocate(chain, running, count)) {
        return HG_ERR_NO_MEMORY;
    }
    for (uint32_t phase = HG_PHASE_REWRITE; phase < HGH_PHASES; phase++) {
        chain->phases[phase].items = &chain->steps[place];
        for (size_t i = 0; i < count; i++) {
            phase_add(chain, &running[i], phase, place + chain->phases[phase].count);
        }
        place += chain->phases[phase].count;
    }
    for (size_t i = 0; i < count; i++) {
        chain->late_body |= running[i].has_early ? 0 : running[i].body;
    }
    chain->filters_body = chain->phases[HG_PHASE_BODY_FILTER].count > 0 ||
                          chain->phases[HG_PHASE_DELAYED_BODY_FILTER].count > 0;
    return hgh_chain_delegates_fill(chain, running, count, &chain->steps[place]);
}

static hg_status candidates_compile(hgh_compilation *work)
{
    hgh_chain *chain = work->chain;
    hgh_runner *running = calloc(work->count + 1, sizeof(*running));
    size_t count = 0;
    hg_status status = HG_OK;

    if (running == NULL) {
        return HG_ERR_NO_MEMORY;
    }
    for (size_t i = 0; i < work->count && status == HG_OK; i++) {
        status = candidate_compile(work, &work->candidates[i], &running[count]);
        count += running[count].configuration != NULL;
    }
    if (status == HG_OK) {
        qsort(running, count, sizeof(*running), compare_runners);
        status = hgh_chain_phases_fill(chain, running, count);
    }
    for (size_t i = 0; i < count; i++) {
        free(running[i].delegates);
    }
    free(running);
    return status;
}

/* `owners` by precedence, with NULLs between them. */
static hg_status compile(hgh_generation *generation,
                         const hgh_snapshot *snapshot,
                         hgh_resource *const *owners,
                         size_t owner_count,
                         hgh_chain *chain)
{
    hgh_compilation *work = calloc(1, sizeof(*work));
    json_t **objects = calloc(owner_count + 1, sizeof(json_t *));
    hg_status status = HG_ERR_NO_MEMORY;
    size_t taken = 0;

    if (work == NULL || objects == NULL) {
        goto cleanup;
    }
    work->generation = generation;
    work->snapshot = snapshot;
    work->chain = chain;
    while (taken < owner_count && hgh_chain_candidates_take(work, owners[taken], &objects[taken])) {
        taken++;
    }
    if (taken == owner_count) {
        status = work->too_many ? hgh_chain_unavailable(chain, "chain",
                                                        "more than 1024 plugins meet a request")
                                : candidates_compile(work);
    }

cleanup:
    for (size_t i = 0; objects != NULL && i < owner_count; i++) {
        json_decref(objects[i]);
    }
    free(objects);
    free(work);
    return status;
}

hg_status hgh_chain_compile(hgh_generation *generation,
                            const hgh_snapshot *snapshot,
                            hgh_resource *const parts[HGH_CHAIN_PARTS],
                            hgh_chain **out_chain,
                            hg_error *err)
{
    hgh_chain *chain = calloc(1, sizeof(*chain));
    hg_status status = HG_ERR_NO_MEMORY;

    if (chain != NULL) {
        chain->references = 1;
        chain->generation = hgh_generation_ref(generation);
        for (size_t i = 0; i < HGH_CHAIN_PARTS; i++) {
            chain->parts[i] = parts[i] == NULL ? NULL : hgh_resource_ref(parts[i]);
        }
        status = compile(generation, snapshot, parts, HGH_CHAIN_PARTS, chain);
    }
    if (status != HG_OK) {
        hgh_chain_unref(chain);
        return hg_error_set(err, status, "routes/%s: out of memory", parts[HGH_PART_ROUTE]->id);
    }
    *out_chain = chain;
    return HG_OK;
}

/* The objects of one kind. */
typedef struct object_list {
    hgh_resource **items;
    size_t count;
} object_list;

static void object_list_add(void *context, hgh_map_node *node)
{
    object_list *list = context;
    const hgh_cell *cell = HGH_CONTAINER_OF(node, hgh_cell, node);

    if (cell->current != NULL) {
        list->items[list->count++] = cell->current;
    }
}

static int compare_ages(const void *a, const void *b)
{
    const hgh_resource *left = *(hgh_resource *const *)a;
    const hgh_resource *right = *(hgh_resource *const *)b;

    if (left->created != right->created) {
        return left->created < right->created ? -1 : 1;
    }
    return strcmp(left->id, right->id);
}

hgh_resource **hgh_chain_global_owners(const hgh_snapshot *snapshot, size_t *out_count)
{
    const hgh_map *rules = &snapshot->kinds[HGH_GLOBAL_RULES];
    object_list list = {calloc(rules->count + 1, sizeof(hgh_resource *)), 0};

    if (list.items != NULL) {
        hgh_map_each((hgh_map *)(uintptr_t)rules, object_list_add, &list); /* which only reads */
        qsort(list.items, list.count, sizeof(*list.items), compare_ages);
    }
    *out_count = list.count;
    return list.items;
}

hg_status hgh_chain_compile_global(hgh_generation *generation,
                                   const hgh_snapshot *snapshot,
                                   hgh_chain **out_chain,
                                   hg_error *err)
{
    size_t count = 0;
    hgh_resource **owners = hgh_chain_global_owners(snapshot, &count);
    hgh_chain *chain = calloc(1, sizeof(*chain));
    hg_status status = HG_ERR_NO_MEMORY;

    if (owners != NULL && chain != NULL) {
        chain->references = 1;
        chain->generation = hgh_generation_ref(generation);
        status = compile(generation, snapshot, owners, count, chain);
    }
    free(owners);
    if (status != HG_OK) {
        hgh_chain_unref(chain);
        return hg_error_set(err, status, "global_rules: out of memory");
    }
    *out_chain = chain;
    return HG_OK;
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
    free(chain->delegates);
    free(chain->step_metadata);
    free(chain->guards);
    free(chain->unavailable);
    free(chain->warning);
    for (size_t i = 0; i < HGH_CHAIN_PARTS; i++) {
        hgh_resource_unref(chain->parts[i]);
    }
    hgh_generation_unref(chain->generation);
    free(chain);
}
