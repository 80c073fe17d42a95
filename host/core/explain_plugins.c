/* host/core/explain_plugins.c - the plugins of a request, where each comes from and why it stands
 * where it does. */
#include "host/core/explain_plugins.h"

#include <stdlib.h>
#include <string.h>

#include "host/core/board.h"
#include "host/core/chain_parts.h"
#include "host/core/explain_values.h"
#include "host/core/guard.h"
#include "host/core/runtime.h"
#include "host/core/text_builder.h"

#define NAMES_MAX 4096u /* bytes of the names of all callbacks */

static json_t *source_of(const hgh_resource *owner)
{
    return json_sprintf("%s/%s", hgh_resource_kind_name((hgh_resource_kind)owner->kind), owner->id);
}

json_t *hgh_explain_source(const hgh_configuration *configuration)
{
    const hg_config_source *source = &configuration->source;

    return json_pack("{s:s, s:o}", "plugin", configuration->plugin->name, "from",
                     json_sprintf("%s/%s%s", source->resource.data, source->id.data,
                                  configuration->place == NULL ? "" : configuration->place));
}

/* What the filter of a configuration has said; NULL: it was not asked. */
static const json_t *filter_note(const json_t *filters, const hgh_configuration *configuration)
{
    json_t *wanted = hgh_explain_source(configuration);
    const json_t *found = NULL;

    for (size_t i = 0; wanted != NULL && i < json_array_size(filters); i++) {
        const json_t *note = json_array_get(filters, i);

        if (json_equal(json_object_get(note, "plugin"), json_object_get(wanted, "plugin")) &&
            json_equal(json_object_get(note, "from"), json_object_get(wanted, "from"))) {
            found = note; /* the last one counts: it is asked anew for a consumer */
        }
    }
    json_decref(wanted);
    return found;
}

static bool is_filtered(const json_t *filters, const hgh_configuration *configuration)
{
    return configuration->filter != NULL &&
           json_is_false(json_object_get(filter_note(filters, configuration), "holds"));
}

/* ---------------------------------------------------------------------------------- the steps */

/* The chain in which a phase of the route runs first; NULL: there is one chain alone. */
static const hgh_chain *earlier_chain(const hg_request *request, uint32_t phase)
{
    return phase == HG_PHASE_REWRITE && request->consumer != NULL ? request->first_chain : NULL;
}

typedef void step_visit(void *context, uint32_t phase, const hgh_configuration *configuration);

static void steps_each(const hgh_chain *chain, uint32_t phase, step_visit *visit, void *context)
{
    for (uint32_t i = 0; chain != NULL && i < chain->phases[phase].count; i++) {
        visit(context, phase, hgh_chain_configuration(chain, &chain->phases[phase].items[i]));
    }
}

/* All that is called in a phase, in its order. */
static void phase_each(const hg_request *request, uint32_t phase, step_visit *visit, void *context)
{
    steps_each(request->global, phase, visit, context);
    steps_each(earlier_chain(request, phase), phase, visit, context);
    steps_each(request->chain, phase, visit, context);
}

/* The phases in which one configuration is called. */
typedef struct phase_search {
    const hgh_configuration *configuration;
    json_t *phases;
} phase_search;

static void phase_search_visit(void *context, uint32_t phase, const hgh_configuration *found)
{
    const phase_search *search = context;

    if (found == search->configuration) {
        (void)json_array_append_new(search->phases, json_string(hgh_call_name(phase)));
    }
}

static json_t *phases_of(const hg_request *request, const hgh_configuration *configuration)
{
    phase_search search = {configuration, json_array()};

    for (uint32_t turn = 0; turn < HGH_PHASES - 1; turn++) {
        phase_each(request, hgh_phase_at(turn), phase_search_visit, &search);
    }
    return search.phases;
}

/* The plugins inside a configuration, as one of its steps has them; NULL: it holds none. */
static json_t *held_by(const hgh_chain *chain, const hgh_configuration *configuration)
{
    for (uint32_t i = 0; i < chain->delegates_count; i++) {
        const hgh_chain_delegates *list = &chain->delegates[i];

        if (hgh_chain_configuration(chain, list->outer) == configuration) {
            json_t *held = json_array();

            for (uint32_t k = 0; k < list->count; k++) {
                const hgh_configuration *one = hgh_chain_configuration(chain, &list->items[k]);

                (void)json_array_append_new(held, json_string(one->plugin->name));
            }
            return held;
        }
    }
    return NULL;
}

/* ----------------------------------------------------------------------------- the candidates */

/* A configuration that runs. */
typedef struct standing {
    const hgh_configuration *configuration;
    const hgh_candidate *candidate;
} standing;

/* Those of the global rules, or of the route and its consumer. */
typedef struct side {
    hg_request *request;
    const hgh_chain *chain;
    const json_t *filters;
    hgh_resource *const *owners; /* by precedence, with NULLs between them */
    json_t **objects;            /* owned: the JSON of each */
    size_t owner_count;
    hgh_compilation *work; /* owned */
    standing *standing;    /* owned */
    size_t standing_count;
    json_t *plugins; /* borrowed, as is the next one */
    json_t *skipped;
} side;

static void skip(side *at, const hgh_candidate *candidate, const char *why, const json_t *values)
{
    json_t *row = json_pack("{s:s, s:o, s:s}", "plugin", candidate->name, "from",
                            source_of(candidate->owner), "why", why);

    if (values != NULL) {
        (void)json_object_set(row, "values", (json_t *)(uintptr_t)values); /* it is only read */
    }
    (void)json_array_append_new(at->skipped, row);
}

/* Why a configuration that is decoded does not run; NULL: it does. */
static const char *why_skipped(const side *at, const hgh_configuration *configuration)
{
    if (configuration->disabled) {
        return "_meta.disable is true";
    }
    if (at->chain == at->request->global &&
        hgh_guard_gives_way(configuration, at->request->chain)) {
        return "the route has it";
    }
    return is_filtered(at->filters, configuration) ? "its filter is false" : NULL;
}

static void candidate_look_at(side *at, const hgh_candidate *candidate)
{
    hgh_plugin *plugin = NULL;
    const char *why = "";
    const hgh_configuration *configuration;

    switch (hgh_generation_find(at->request->generation, candidate->name, &plugin, &why)) {
    case HGH_PLUGIN_IGNORED:
        skip(at, candidate, "the list of plugins in config.yaml leaves it out", NULL);
        return;
    case HGH_PLUGIN_MISSING:
        skip(at, candidate,
             hgh_configuration_is_disabled(candidate->value) ? "_meta.disable is true" : why, NULL);
        return;
    case HGH_PLUGIN_LOADED:
        break;
    }
    if (candidate->is_key) {
        skip(at, candidate, "it is what the consumer is known by", NULL);
        return;
    }
    configuration = hgh_configuration_bound_at(candidate->owner, plugin, HGH_USE_CONFIG, NULL);
    why = configuration == NULL ? "its configuration is refused" : why_skipped(at, configuration);
    if (why == NULL) {
        at->standing[at->standing_count++] = (standing){configuration, candidate};
    } else {
        skip(at, candidate, why,
             configuration == NULL || configuration->disabled
                 ? NULL
                 : json_object_get(filter_note(at->filters, configuration), "values"));
    }
}

/* The objects whose configuration of the same plugin does not count because of this one. */
static json_t *overridden_by(const side *at, const hgh_candidate *candidate)
{
    json_t *list = json_array();
    size_t i = 0;

    while (i < at->owner_count && at->owners[i] != candidate->owner) {
        i++;
    }
    for (i++; i < at->owner_count; i++) {
        if (json_object_get(json_object_get(at->objects[i], "plugins"), candidate->name) != NULL) {
            (void)json_array_append_new(list, source_of(at->owners[i]));
        }
    }
    return list;
}

/* Why it stands behind the one before it. */
static json_t *place_of(const hgh_configuration *before, const hgh_configuration *configuration)
{
    const char *priority = configuration->has_priority ? "_meta.priority" : "priority";

    if (before != NULL && before->priority == configuration->priority) {
        return json_sprintf("%s, that of %s too: by name", priority, before->plugin->name);
    }
    return json_string(priority);
}

/* A filter is asked before the first callback of its plugin, which may be one for the response. */
static void filter_add(const side *at, const hgh_configuration *configuration, json_t *row)
{
    const char *says = "holds";
    bool failed = false;

    if (filter_note(at->filters, configuration) == NULL) {
        bool holds = hgh_expression_ask(configuration->filter, hgh_request_expression_variable,
                                        at->request, &failed);

        says = holds || failed ? "is asked later, holds now" : "is asked later, is false now";
        (void)json_object_set_new(row, "values",
                                  hgh_explain_values(configuration->filter,
                                                     hgh_request_expression_variable, at->request));
    }
    (void)json_object_set_new(row, "filter", json_string(says));
}

static void standing_add(const side *at, size_t index)
{
    const standing *one = &at->standing[index];
    const hgh_configuration *before = index == 0 ? NULL : at->standing[index - 1].configuration;
    const hgh_configuration *configuration = one->configuration;
    json_t *row = hgh_explain_source(configuration);
    json_t *overrides = overridden_by(at, one->candidate);
    json_t *held = held_by(at->chain, configuration);

    if (row == NULL) {
        json_decref(overrides);
        json_decref(held);
        return;
    }
    (void)json_object_set_new(row, "priority", json_integer(configuration->priority));
    (void)json_object_set_new(row, "place", place_of(before, configuration));
    (void)json_object_set_new(row, "phases", phases_of(at->request, configuration));
    (void)json_object_set_new(row, "overrides", overrides);
    if (held != NULL) {
        (void)json_object_set_new(row, "holds", held);
    }
    if (configuration->isolation != NULL) {
        (void)json_object_set_new(row, "isolated", json_true());
    }
    if (configuration->filter != NULL) {
        filter_add(at, configuration, row);
    }
    (void)json_array_append_new(at->plugins, row);
}

static int compare_standing(const void *a, const void *b)
{
    return hgh_chain_compare(((const standing *)a)->configuration,
                             ((const standing *)b)->configuration);
}

/* False: no memory. */
static bool side_gather(side *at)
{
    at->work = calloc(1, sizeof(*at->work));
    at->objects = calloc(at->owner_count + 1, sizeof(json_t *));
    if (at->work == NULL || at->objects == NULL) {
        return false;
    }
    at->work->generation = at->request->generation;
    for (size_t i = 0; i < at->owner_count; i++) {
        if (!hgh_chain_candidates_take(at->work, at->owners[i], &at->objects[i])) {
            return false;
        }
    }
    at->standing = calloc(at->work->count + 1, sizeof(*at->standing));
    return at->standing != NULL;
}

static void side_explain(side *at)
{
    if (side_gather(at)) {
        for (size_t i = 0; i < at->work->count; i++) {
            candidate_look_at(at, &at->work->candidates[i]);
        }
        qsort(at->standing, at->standing_count, sizeof(*at->standing), compare_standing);
        for (size_t i = 0; i < at->standing_count; i++) {
            standing_add(at, i);
        }
    }
    for (size_t i = 0; at->objects != NULL && i < at->owner_count; i++) {
        json_decref(at->objects[i]);
    }
    free(at->standing);
    free(at->objects);
    free(at->work);
}

/* ---------------------------------------------------------------------- what the consumer took
 * over */

static bool chain_has(const hgh_chain *chain, const hgh_configuration *configuration)
{
    for (uint32_t i = 0; i < chain->configuration_count; i++) {
        if (chain->configurations[i] == configuration) {
            return true;
        }
    }
    return false;
}

/* Configurations of the route that ran their rewrite before the consumer was known, and gave way to
 * the consumer's then. */
static void plugins_add_replaced(const hg_request *request, json_t *plugins)
{
    const hgh_chain *earlier = earlier_chain(request, HG_PHASE_REWRITE);

    for (uint32_t i = 0; earlier != NULL && i < earlier->phases[HG_PHASE_REWRITE].count; i++) {
        const hgh_configuration *configuration =
            hgh_chain_configuration(earlier, &earlier->phases[HG_PHASE_REWRITE].items[i]);

        if (!chain_has(request->chain, configuration)) {
            json_t *row = hgh_explain_source(configuration);

            (void)json_object_set_new(row, "priority", json_integer(configuration->priority));
            (void)json_object_set_new(
                row, "place",
                json_string("before the consumer was known, whose configuration counts now"));
            (void)json_object_set_new(row, "phases", phases_of(request, configuration));
            (void)json_array_append_new(plugins, row);
        }
    }
}

/* --------------------------------------------------------------------------------- the phases */

typedef struct phase_list {
    const json_t *filters;
    json_t *names;
} phase_list;

static void phase_list_visit(void *context, uint32_t phase, const hgh_configuration *configuration)
{
    const phase_list *list = context;

    (void)phase;
    if (!is_filtered(list->filters, configuration)) {
        (void)json_array_append_new(list->names,
                                    json_sprintf("%s (%s/%s)", configuration->plugin->name,
                                                 configuration->source.resource.data,
                                                 configuration->source.id.data));
    }
}

static json_t *phases_make(const hg_request *request, const json_t *filters)
{
    json_t *phases = json_array();

    for (uint32_t turn = 0; turn < HGH_PHASES - 1; turn++) {
        uint32_t phase = hgh_phase_at(turn);
        phase_list list = {filters, json_array()};

        phase_each(request, phase, phase_list_visit, &list);
        if (json_array_size(list.names) == 0) {
            json_decref(list.names);
        } else {
            (void)json_array_append_new(
                phases,
                json_pack("{s:s, s:o}", "phase", hgh_call_name(phase), "plugins", list.names));
        }
    }
    return phases;
}

/* Without a route or a consumer the parts that there are. */
static void
explain_route_side(hg_request *request, const json_t *filters, json_t *plugins, json_t *skipped)
{
    side route = {
        .request = request,
        .chain = request->chain,
        .filters = filters,
        .plugins = plugins,
        .skipped = skipped,
    };

    if (request->chain == NULL) {
        return;
    }
    route.owners = request->chain->parts;
    route.owner_count = HGH_CHAIN_PARTS;
    side_explain(&route);
    plugins_add_replaced(request, plugins);
}

static void
explain_global_side(hg_request *request, const json_t *filters, json_t *plugins, json_t *skipped)
{
    side global = {
        .request = request,
        .chain = request->global,
        .filters = filters,
        .plugins = plugins,
        .skipped = skipped,
    };
    hgh_resource **owners;

    if (request->global == NULL) {
        return;
    }
    owners = hgh_chain_global_owners(&request->runtime->snapshot, &global.owner_count);
    global.owners = owners;
    if (owners != NULL) {
        side_explain(&global);
    }
    free(owners);
}

void hgh_explain_plugins(hg_request *request, const json_t *filters, json_t *report)
{
    json_t *plugins = json_array();
    json_t *skipped = json_array();

    explain_global_side(request, filters, plugins, skipped);
    explain_route_side(request, filters, plugins, skipped);
    (void)json_object_set_new(report, "plugins", plugins);
    (void)json_object_set_new(report, "skipped", skipped);
    (void)json_object_set_new(report, "phases", phases_make(request, filters));
}

/* -------------------------------------------------------------------------------- APISIX's way */

typedef struct name_list {
    const json_t *filters;
    hgh_text_builder text;
} name_list;

static void name_list_visit(void *context, uint32_t phase, const hgh_configuration *configuration)
{
    name_list *list = context;

    if (!is_filtered(list->filters, configuration)) {
        hgh_text_builder_format(&list->text, "%s%s#%s", list->text.length == 0 ? "" : ",",
                                configuration->plugin->name, hgh_call_name(phase));
    }
}

char *hgh_explain_plugin_names(const hg_request *request, const json_t *filters)
{
    name_list list = {filters, {.max = NAMES_MAX}};
    char *names;

    for (uint32_t turn = 0; turn < HGH_PHASES - 1; turn++) {
        phase_each(request, hgh_phase_at(turn), name_list_visit, &list);
    }
    names = strdup(list.text.length == 0 ? "no plugin" : hgh_text_builder_string(&list.text));
    hgh_text_builder_done(&list.text);
    return names;
}
