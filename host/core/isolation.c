/* host/core/isolation.c - plugins that run in the gateway's own runner instead of in a worker. */
#include "host/core/isolation.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/core/host_api_internal.h"
#include "host/core/issues.h"
#include "host/core/request_parts.h"
#include "host/core/runner_call.h"

/* ----------------------------------------------------------------------------- which can be */

static bool authenticates(const hgh_plugin *plugin)
{
    return (plugin->descriptor->flags & HG_AUTH) != 0;
}

static bool holds_others(const hgh_plugin *plugin)
{
    return plugin->delegates != NULL;
}

static bool has_metadata(const hgh_plugin *plugin)
{
    return plugin->descriptor->metadata != NULL;
}

static bool has_before_proxy(const hgh_plugin *plugin)
{
    return plugin->descriptor->before_proxy != NULL;
}

static bool has_log(const hgh_plugin *plugin)
{
    return plugin->descriptor->log != NULL;
}

static const struct {
    bool (*applies)(const hgh_plugin *plugin);
    const char *what;
} reasons[] = {
    {authenticates, "authenticates consumers"},
    {holds_others, "holds configurations of other plugins"},
    {has_metadata, "reads plugin metadata"},
    {has_before_proxy, "has a callback for before_proxy"},
    {has_log, "has a callback for log"},
};

bool hgh_isolation_judge(const hgh_plugin *plugin, const char *pointer, hg_issues *issues)
{
    bool is_possible = true;

    for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
        char found[100];
        char text[400];

        if (!reasons[i].applies(plugin)) {
            continue;
        }
        is_possible = false;
        (void)snprintf(found, sizeof(found), "a plugin that %s", reasons[i].what);
        (void)snprintf(text, sizeof(text),
                       "failed to check the configuration of plugin %s err: it cannot be isolated: "
                       "it %s",
                       plugin->name, reasons[i].what);
        hgh_issues_add(issues, pointer, found, "one that a runner can run", text);
    }
    return is_possible;
}

/* ------------------------------------------------------------------------------- the runner */

/* The phases in which a runner is asked; header and body filters are asked in the last. */
static const uint32_t asked[] = {HG_PHASE_REWRITE, HG_PHASE_ACCESS, HG_PHASE_RESPONSE};

#define ASKED (sizeof(asked) / sizeof(asked[0]))

struct hgh_isolation {
    hg_runner_plugin plugin; /* its value is owned */
    hgh_runner_conf confs[ASKED];
    char *keys[ASKED];
};

/* "hotgate#PHASE#routes#1#CHECKSUM": our own runner runs what the key names. */
static bool key_make(hgh_isolation *self, size_t i, const hgh_configuration *configuration)
{
    const hg_config_source *source = &configuration->source;
    int length =
        asprintf(&self->keys[i], "hotgate#%s#%s#%s#%s#%016" PRIx64, hgh_call_name(asked[i]),
                 source->resource.data, source->id.data, self->plugin.name.data, source->checksum);

    if (length < 0) {
        self->keys[i] = NULL;
        return false;
    }
    self->confs[i] = (hgh_runner_conf){
        .key = {self->keys[i], (size_t)length},
        .plugins = &self->plugin,
        .count = 1,
    };
    return true;
}

hgh_isolation *hgh_isolation_new(const hgh_configuration *configuration,
                                 const hgh_plugin *plugin,
                                 const json_t *value)
{
    hgh_isolation *self = calloc(1, sizeof(*self));
    char *text = json_dumps(value, JSON_COMPACT);

    if (self == NULL || text == NULL) {
        free(text);
        free(self);
        return NULL;
    }
    self->plugin = (hg_runner_plugin){hg_text_of(plugin->name), hg_text_of(text)};
    for (size_t i = 0; i < ASKED; i++) {
        if (!key_make(self, i, configuration)) {
            hgh_isolation_free(self);
            return NULL;
        }
    }
    return self;
}

void hgh_isolation_free(hgh_isolation *isolation)
{
    if (isolation == NULL) {
        return;
    }
    for (size_t i = 0; i < ASKED; i++) {
        free(isolation->keys[i]);
    }
    free((void *)(uintptr_t)isolation->plugin.value.data);
    free(isolation);
}

/* Connections to the runner of the generation that the request began on, made with the first call;
 * NULL: no memory. */
static hgh_runner_client *client_of(const hg_request *request)
{
    hgh_generation *generation = request->generation;
    const hgh_plugin_host *plugin_host = &request->runtime->plugin_host;
    hgh_runner_options options = plugin_host->isolation;
    char *path = NULL;

    if (generation->isolation != NULL) {
        return generation->isolation;
    }
    if (asprintf(&path, "%s/%" PRIu64 ".sock", options.path, generation->number) < 0) {
        return NULL;
    }
    options.path = path;
    generation->isolation = hgh_runner_client_new(request->engine, &options);
    free(path);
    return generation->isolation;
}

static const hgh_runner_conf *conf_of(const hgh_isolation *self, hg_phase phase)
{
    size_t i = 0;

    while (asked[i] != (uint32_t)phase) {
        i++;
    }
    return &self->confs[i];
}

/* In the place of the plugin's callback. */
static hg_verdict ask(hg_request *request, const void *state)
{
    const hgh_isolation *self = state;
    const hgh_runner_conf *conf = conf_of(self, (hg_phase)request->phase);
    hgh_runner_client *client = client_of(request);
    hg_verdict verdict = HG_NEXT;
    hg_error err = HG_ERROR_INIT;
    hg_status status = HG_ERR_NO_MEMORY;

    if (client == NULL) {
        (void)hg_error_set(&err, status, "out of memory");
    } else if (request->phase == HG_PHASE_RESPONSE) {
        status = hgh_runner_call_response(client, request, conf, &err);
    } else {
        status = hgh_runner_call_request(client, request, conf, &verdict, &err);
    }
    if (status == HG_OK || status == HG_CANCELED) {
        return verdict;
    }
    hgh_request_log_line(request, HG_LOG_ERROR, "plugin %s, isolated: %s", self->plugin.name.data,
                         err.text);
    return hgh_host_exit(request, 503, (hg_text){0}, (hg_text){0});
}

static bool has_phase(const hg_plugin *plugin, uint32_t phase)
{
    switch (phase) {
    case HG_PHASE_REWRITE:
        return plugin->rewrite != NULL;
    case HG_PHASE_ACCESS:
        return plugin->access != NULL;
    case HG_PHASE_RESPONSE:
        return plugin->response != NULL || plugin->header_filter != NULL ||
               plugin->body_filter != NULL || plugin->delayed_body_filter != NULL;
    default:
        return false;
    }
}

bool hgh_isolation_step_make(const hgh_configuration *configuration, uint32_t phase, hgh_step *step)
{
    *step = (hgh_step){
        .call.on_request = ask,
        .state = configuration->isolation,
        .waits = true,
    };
    return has_phase(configuration->plugin->descriptor, phase);
}
