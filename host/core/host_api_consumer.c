/* host/core/host_api_consumer.c - how an authentication plugin finds and attaches consumers. */
#include <stdlib.h>

#include "host/core/host_api_internal.h"
#include "host/core/issues.h"
#include "host/core/runtime.h"

#define HELD_MAX 16u /* consumers' configurations that one request may look at */

const hg_consumer *hgh_host_consumer_find(hg_request *request, hg_text key)
{
    const char *plugin = hgh_request_configuration(request)->plugin->name;

    return hgh_consumer_index_find(&request->runtime->consumers, plugin, key);
}

const hg_consumer *hgh_host_consumer_named(hg_request *request, hg_text name)
{
    return (const hg_consumer *)(const void *)hgh_snapshot_find(&request->runtime->snapshot,
                                                                HGH_CONSUMERS, name);
}

bool hgh_host_consumer_any(hg_request *request)
{
    return hgh_consumer_index_has(&request->runtime->consumers,
                                  hgh_request_configuration(request)->plugin->name);
}

/* Decoded on the first look; kept by the request, later by the chain of route and consumer. */
const void *hgh_host_consumer_config(hg_request *request, const hg_consumer *consumer)
{
    hgh_plugin *plugin = hgh_request_configuration(request)->plugin;
    hgh_configuration *configuration =
        hgh_configuration_bound(&consumer->base, plugin, HGH_USE_CONSUMER);
    hg_issues issues = {0};
    json_t *object;
    const json_t *value;

    if (configuration != NULL) {
        return configuration->state;
    }
    if (request->held == NULL) {
        request->held = calloc(HELD_MAX, sizeof(*request->held));
    }
    object = hgh_resource_json(&consumer->base);
    value = json_object_get(json_object_get(object, "plugins"), plugin->name);
    if (request->held != NULL && request->held_count < HELD_MAX && value != NULL &&
        hgh_configuration_decode(plugin, HGH_USE_CONSUMER, value, "consumers", consumer->base.id,
                                 "", &configuration, &issues, NULL) == HG_OK) {
        /* The index hands consumers out as constants; the list of decoded ones is a cache. */
        hgh_configuration_bind(configuration, (hgh_resource *)(uintptr_t)&consumer->base);
        request->held[request->held_count++] = configuration;
    }
    hgh_issues_done(&issues);
    json_decref(object);
    return configuration == NULL ? NULL : configuration->state;
}

hg_text hgh_host_consumer_name(const hg_consumer *consumer)
{
    return hg_text_of(consumer->base.id);
}

hg_status hgh_host_consumer_attach(hg_request *request, const hg_consumer *consumer)
{
    if (request->phase != HG_PHASE_REWRITE) {
        return HG_ERR_TOO_LATE;
    }
    if (request->consumer != NULL) {
        hgh_resource_unref(&request->consumer->base);
    }
    request->consumer = (hg_consumer *)hgh_resource_ref((hgh_resource *)(uintptr_t)&consumer->base);
    (void)hgh_host_remove_header(request, HG_TEXT("X-Credential-Identifier"));
    (void)hgh_host_remove_header(request, HG_TEXT("X-Consumer-Custom-ID"));
    return hgh_host_set_header(request, HG_TEXT("X-Consumer-Username"),
                               hg_text_of(consumer->base.id));
}
