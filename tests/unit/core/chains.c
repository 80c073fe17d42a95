/* tests/unit/core/chains.c - objects, a generation and a cache, for tests of chains. */
#include "tests/unit/core/chains.h"

#include <stdio.h>
#include <string.h>

#include "tests/unit/core/objects.h"
#include "tests/unit/unit.h"

#define PLUGINS                                                                                    \
    "unit_a=1 unit_b=2 unit_c=3 unit_auth=4 unit_raw=5 unit_bad_size=6 unit_metadata=7 "           \
    "unit_global=8"
#define PLUGINS_JSON_MAX 512u

chain_stand stand;

int chains_set_up(void **state)
{
    (void)state;
    plugin_place_init(&stand.place);
    hgh_snapshot_init(&stand.snapshot);
    stand.generation = generation_make(&stand.place, NULL, 1, NULL, PLUGINS);
    hgh_chain_cache_init(&stand.cache, &stand.snapshot);
    hgh_chain_cache_detach(&stand.cache, stand.generation);
    return 0;
}

int chains_tear_down(void **state)
{
    (void)state;
    hgh_chain_cache_done(&stand.cache);
    hgh_snapshot_done(&stand.snapshot);
    hgh_generation_unref(stand.generation);
    plugin_place_done(&stand.place);
    return 0;
}

hgh_route *route_of(const char *json)
{
    return (hgh_route *)(void *)object_put(&stand.snapshot, HGH_ROUTES, "1", 1, json);
}

hg_consumer *consumer_of(const char *json)
{
    return (hg_consumer *)(void *)object_put(&stand.snapshot, HGH_CONSUMERS, "jack", 1, json);
}

/* NULL: no such object. */
static hgh_resource *part_put(hgh_resource_kind kind, const char *id, const char *plugins)
{
    char json[PLUGINS_JSON_MAX];

    if (plugins == NULL) {
        return NULL;
    }
    (void)snprintf(json, sizeof(json), "{\"plugins\":%s}", plugins);
    return object_put(&stand.snapshot, kind, id, 1, json);
}

hgh_chain *chain_of(hgh_generation *with, const chain_plugins *plugins)
{
    hgh_resource *parts[HGH_CHAIN_PARTS] = {
        [HGH_PART_CONSUMER] = part_put(HGH_CONSUMERS, "jack", plugins->consumer),
        [HGH_PART_GROUP] = part_put(HGH_CONSUMER_GROUPS, "g", plugins->group),
        [HGH_PART_ROUTE] =
            part_put(HGH_ROUTES, "1", plugins->route == NULL ? "{}" : plugins->route),
        [HGH_PART_PLUGIN_CONFIG] = part_put(HGH_PLUGIN_CONFIGS, "p", plugins->plugin_config),
        [HGH_PART_SERVICE] = part_put(HGH_SERVICES, "s", plugins->service),
        [HGH_PART_CREDENTIAL] =
            part_put(HGH_CREDENTIALS, "jack/credentials/1", plugins->credential),
    };
    hgh_chain *chain = NULL;
    hg_error err = HG_ERROR_INIT;

    if (hgh_chain_compile(with, &stand.snapshot, parts, &chain, &err) != HG_OK) {
        fail_msg("%s", err.text);
    }
    return chain;
}

hgh_chain *chain_of_route(hgh_generation *with, hgh_route *route)
{
    hgh_resource *parts[HGH_CHAIN_PARTS] = {[HGH_PART_ROUTE] = &route->base};
    hgh_chain *chain = NULL;
    hg_error err = HG_ERROR_INIT;

    if (hgh_chain_compile(with, &stand.snapshot, parts, &chain, &err) != HG_OK) {
        fail_msg("%s", err.text);
    }
    return chain;
}

/* "NAME:TAG NAME:TAG": the steps of a phase, in their order. */
static const char *steps_text(const hgh_chain *chain, hg_phase phase)
{
    static char text[1024];
    const hgh_steps *steps = &chain->phases[phase];
    size_t at = 0;

    text[0] = '\0';
    for (uint32_t i = 0; i < steps->count; i++) {
        const hgh_configuration *configuration = hgh_chain_configuration(chain, &steps->items[i]);
        const hg_text *tag = configuration->state; /* the first member of unit_step's */

        at += (size_t)snprintf(text + at, sizeof(text) - at, "%s%s:%.*s", i == 0 ? "" : " ",
                               configuration->plugin->name, (int)tag->length, tag->data);
    }
    return text;
}

void expect_steps(const char *label, const hgh_chain *chain, hg_phase phase, const char *wanted)
{
    if (strcmp(steps_text(chain, phase), wanted) != 0) {
        fail_msg("%s: got \"%s\", wanted \"%s\"", label, steps_text(chain, phase), wanted);
    }
}
