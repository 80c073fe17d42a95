/* host/core/chain_called.c - the chain of called requests: plugins that another process names. */
#include <stdlib.h>
#include <string.h>

#include "host/core/chain_parts.h"
#include "host/core/issues.h"

#define PREFIX_MAX (2 * HG_NAME_MAX + 2) /* "/" and a name, each byte of which may be escaped */

static void prefix_make(const char *name, char prefix[PREFIX_MAX])
{
    prefix[0] = '\0';
    (void)hgh_pointer_append(prefix, 0, PREFIX_MAX, name);
}

static void refuse(hg_issues *issues, const char *name, const char *text)
{
    char prefix[PREFIX_MAX];

    prefix_make(name, prefix);
    hgh_issues_add(issues, prefix, name, "a plugin that is loaded, once", text);
}

static bool stands_before(const hgh_called_plugin *plugins, size_t index)
{
    for (size_t i = 0; i < index; i++) {
        if (strcmp(plugins[i].name, plugins[index].name) == 0) {
            return true;
        }
    }
    return false;
}

/* One plugin that was found: nothing if it is disabled, else what runs. */
static hg_status configuration_compile(hgh_compilation *work,
                                       hgh_plugin *plugin,
                                       const hgh_called_plugin *from,
                                       hgh_runner *out_runner,
                                       hg_issues *issues)
{
    const hgh_candidate candidate = {.name = from->name, .value = from->value};
    hgh_configuration *configuration = NULL;
    char prefix[PREFIX_MAX];
    hg_status status;

    prefix_make(from->name, prefix);
    status = hgh_configuration_decode(plugin, HGH_USE_CONFIG, from->value, work->resource, work->id,
                                      prefix, &configuration, issues, NULL);
    if (status == HG_OK) {
        status = hgh_chain_keep(work, configuration);
    }
    if (status != HG_OK || configuration->disabled) {
        return status;
    }
    out_runner->configuration = configuration;
    out_runner->body = configuration->body;
    out_runner->in_rewrite = true;
    status = hgh_chain_metadata_get(work, plugin, out_runner);
    if (status == HG_OK) {
        status = hgh_chain_delegates_compile(work, &candidate, plugin, out_runner);
    }
    return status;
}

/* HG_ERR_NO_MEMORY ends it; everything else is a finding, and the next plugin is looked at. */
static hg_status plugin_compile(hgh_compilation *work,
                                const hgh_called_plugin *plugins,
                                size_t index,
                                hgh_runner *out_runner,
                                hg_issues *issues)
{
    const hgh_called_plugin *from = &plugins[index];
    hgh_plugin *plugin = NULL;
    const char *reason = "";
    char text[HG_ERROR_TEXT_MAX];

    if (stands_before(plugins, index)) {
        (void)snprintf(text, sizeof(text), "plugin [%.64s] stands there twice", from->name);
        refuse(issues, from->name, text);
        return HG_OK;
    }
    if (hgh_generation_find(work->generation, from->name, &plugin, &reason) != HGH_PLUGIN_LOADED) {
        (void)snprintf(text, sizeof(text), "unknown plugin [%.64s]: %.300s", from->name, reason);
        refuse(issues, from->name, text);
        return HG_OK;
    }
    return configuration_compile(work, plugin, from, out_runner, issues) == HG_ERR_NO_MEMORY
               ? HG_ERR_NO_MEMORY
               : HG_OK;
}

static hg_status
compile(hgh_compilation *work, const hgh_called_plugin *plugins, size_t count, hg_issues *issues)
{
    hgh_runner *running = calloc(count + 1, sizeof(*running));
    size_t runs = 0;
    hg_status status = running == NULL ? HG_ERR_NO_MEMORY : HG_OK;

    for (size_t i = 0; i < count && status == HG_OK; i++) {
        status = plugin_compile(work, plugins, i, &running[runs], issues);
        if (status == HG_OK && work->chain->unavailable != NULL) { /* one inside another, say */
            refuse(issues, plugins[i].name, work->chain->unavailable);
            free(work->chain->unavailable);
            work->chain->unavailable = NULL;
        }
        runs += running[runs].configuration != NULL;
    }
    if (status == HG_OK && !hgh_issues_is_empty(issues)) {
        status = HG_ERR_INVALID;
    }
    if (status == HG_OK) {
        status = hgh_chain_phases_fill(work->chain, running, runs);
    }
    for (size_t i = 0; i < runs; i++) {
        free(running[i].delegates);
    }
    free(running);
    return status;
}

hg_status hgh_chain_compile_called(hgh_generation *generation,
                                   const hgh_snapshot *snapshot,
                                   const hgh_called_plugin *plugins,
                                   size_t count,
                                   const char *resource,
                                   const char *id,
                                   hgh_chain **out_chain,
                                   hg_issues *issues)
{
    hgh_compilation *work = calloc(1, sizeof(*work));
    hgh_chain *chain = calloc(1, sizeof(*chain));
    hg_status status = HG_ERR_NO_MEMORY;

    if (chain != NULL) {
        chain->references = 1;
        chain->is_called = true;
        chain->generation = hgh_generation_ref(generation);
    }
    if (work != NULL && chain != NULL) {
        work->generation = generation;
        work->snapshot = snapshot;
        work->chain = chain;
        work->resource = resource;
        work->id = id;
        status = compile(work, plugins, count, issues);
    }
    free(work);
    if (status != HG_OK) {
        hgh_chain_unref(chain);
        return status;
    }
    *out_chain = chain;
    return HG_OK;
}
