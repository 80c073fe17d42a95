/* host/core/chain_delegates.c - plugins inside the configuration of another one, in its chain. */
#include <stdlib.h>

#include "host/core/chain_parts.h"
#include "host/core/delegation.h"
#include "host/core/issues.h"

#define PLACE_MAX 512u /* bytes of where one stands inside another */

/* Phases in which a plugin can run those that it holds. */
#define DELEGATE_PHASES (HG_PHASE_BEFORE_PROXY - HG_PHASE_REWRITE + 1)

/* One plugin inside another: nothing, a configuration that runs, or 503. */
static hg_status delegate_compile(hgh_compilation *work,
                                  const hgh_candidate *outer,
                                  const hg_delegates *delegates,
                                  const hgh_delegate *delegate,
                                  hgh_runner *out_runner)
{
    hgh_chain *chain = work->chain;
    hgh_plugin *plugin = NULL;
    hgh_configuration *configuration = NULL;
    hg_issues issues = {0};
    const char *reason = "";
    char place[PLACE_MAX];
    char prefix[HG_NAME_MAX + 16];
    hgh_candidate from = {delegate->name, delegate->value, outer->owner, false, false, place};
    hg_status status;

    switch (hgh_generation_find(work->generation, delegate->name, &plugin, &reason)) {
    case HGH_PLUGIN_IGNORED:
        return HG_OK;
    case HGH_PLUGIN_MISSING:
        return hgh_configuration_is_disabled(delegate->value)
                   ? HG_OK
                   : hgh_chain_unavailable(chain, delegate->name, reason);
    case HGH_PLUGIN_LOADED:
        break;
    }
    if (hgh_delegate_unfit(delegates, plugin) != NULL) {
        return hgh_chain_unavailable(chain, delegate->name, hgh_delegate_unfit(delegates, plugin));
    }
    (void)snprintf(prefix, sizeof(prefix), "/plugins/%s", outer->name);
    hgh_delegate_pointer(delegates, delegate, prefix, place, sizeof(place));
    status =
        hgh_chain_configuration_get(work, plugin, HGH_USE_CONFIG, &from, &configuration, &issues);
    if (status == HG_ERR_INVALID) {
        status = hgh_chain_unavailable_for(chain, delegate->name, "", &issues);
    } else if (status == HG_OK) {
        status = hgh_chain_keep(work, configuration);
        if (status == HG_OK && !configuration->disabled) {
            out_runner->configuration = configuration;
            status = hgh_chain_metadata_get(work, plugin, out_runner);
        }
    }
    hgh_issues_done(&issues);
    return status;
}

hg_status hgh_chain_delegates_compile(hgh_compilation *work,
                                      const hgh_candidate *outer,
                                      const hgh_plugin *plugin,
                                      hgh_runner *into)
{
    const hg_delegates *delegates = plugin->delegates;
    hgh_delegate delegate = {0};
    size_t count = 0;
    hg_status status = HG_OK;

    while (delegates != NULL && hgh_delegate_next(delegates, outer->value, &delegate)) {
        count++;
    }
    if (count == 0) {
        return HG_OK;
    }
    if (count > HGH_CHAIN_PLUGINS_MAX) {
        return hgh_chain_unavailable(work->chain, outer->name, "more than 1024 plugins inside it");
    }
    into->delegates = calloc(count, sizeof(*into->delegates));
    if (into->delegates == NULL) {
        return HG_ERR_NO_MEMORY;
    }
    delegate = (hgh_delegate){0};
    while (status == HG_OK && hgh_delegate_next(delegates, outer->value, &delegate)) {
        hgh_runner *one = &into->delegates[into->delegates_count];

        status = delegate_compile(work, outer, delegates, &delegate, one);
        into->delegates_count += one->configuration != NULL;
        into->body |= one->body;
    }
    return status;
}

/* The steps of the plugins that `outer` holds, in one of the phases of requests; *at is behind all
 * others. */
static void delegates_fill(
    hgh_chain *chain, const hgh_runner *from, uint32_t phase, hgh_step *outer, hgh_step **at)
{
    hgh_chain_delegates *list = &chain->delegates[chain->delegates_count++];

    *list = (hgh_chain_delegates){outer, *at, from->delegates_count};
    for (uint32_t i = 0; i < from->delegates_count; i++) {
        const hgh_runner *one = &from->delegates[i];

        (void)hgh_chain_step_make(one->configuration, phase,
                                  *at); /* without a callback it goes on */
        chain->step_configurations[*at - chain->steps] = one->configuration;
        if (chain->step_metadata != NULL) {
            chain->step_metadata[*at - chain->steps] = one->metadata;
        }
        outer->waits |= (*at)->waits && (*at)->call.on_request != NULL;
        (*at)++;
    }
}

/* How many steps the plugins inside others need, and whether any of them has metadata. */
size_t hgh_chain_delegates_count(const hgh_runner *running, size_t count, bool *has_metadata)
{
    size_t steps = 0;

    for (size_t i = 0; i < count; i++) {
        for (uint32_t k = 0; k < running[i].delegates_count; k++) {
            *has_metadata |= running[i].delegates[k].metadata != NULL;
        }
        steps += (size_t)running[i].delegates_count * DELEGATE_PHASES;
    }
    return steps;
}

/* All lists of plugins inside others, behind the steps of the phases. */
hg_status
hgh_chain_delegates_fill(hgh_chain *chain, const hgh_runner *running, size_t count, hgh_step *at)
{
    bool unused = false;

    if (hgh_chain_delegates_count(running, count, &unused) == 0) {
        return HG_OK;
    }
    chain->delegates = calloc(count * DELEGATE_PHASES, sizeof(*chain->delegates));
    if (chain->delegates == NULL) {
        return HG_ERR_NO_MEMORY;
    }
    for (uint32_t phase = HG_PHASE_REWRITE; phase <= HG_PHASE_BEFORE_PROXY; phase++) {
        hgh_step *first = chain->steps + (chain->phases[phase].items - chain->steps);

        for (uint32_t i = 0; i < chain->phases[phase].count; i++) {
            for (size_t k = 0; k < count; k++) {
                if (running[k].delegates_count > 0 &&
                    hgh_chain_configuration(chain, &first[i]) == running[k].configuration) {
                    delegates_fill(chain, &running[k], phase, &first[i], &at);
                }
            }
        }
    }
    return HG_OK;
}
