/* host/core/host_api_consumer.c - how an authentication plugin finds and attaches consumers. */
#include <stdlib.h>

#include "host/core/host_api_internal.h"
#include "host/core/issues.h"
#include "host/core/runtime.h"

#define HELD_MAX 16u /* consumers' configurations that one request may look at */

/* A plugin may keep what it found while it waits: the request holds it. */
static const hg_consumer *consumer_hold(hg_request *request, hg_consumer *found)
{
    hgh_found_consumer *held = request->found;

    if (found == NULL || (held != NULL && held->consumer == found)) {
        return found;
    }
    held = hgh_request_allocate(request, sizeof(*held));
    if (held == NULL) {
        return NULL;
    }
    held->consumer = (hg_consumer *)hgh_resource_ref(&found->base);
    held->next = request->found;
    request->found = held;
    return found;
}

const hg_consumer *hgh_host_consumer_find(hg_request *request, hg_text key)
{
    const char *plugin = hgh_request_configuration(request)->plugin->name;

    return consumer_hold(request,
                         hgh_consumer_index_find(&request->runtime->consumers, plugin, key));
}

const hg_consumer *hgh_host_consumer_named(hg_request *request, hg_text name)
{
    hgh_resource *found = hgh_snapshot_find(&request->runtime->snapshot, HGH_CONSUMERS, name);

    return consumer_hold(request, (hg_consumer *)(void *)found);
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
    value = hgh_configuration_value(object, plugin->name, HGH_USE_CONSUMER);
    if (request->held != NULL && request->held_count < HELD_MAX && value != NULL &&
        hgh_configuration_decode(plugin, HGH_USE_CONSUMER, value,
                                 hgh_resource_kind_name(consumer->base.kind), consumer->base.id, "",
                                 &configuration, &issues, NULL) == HG_OK) {
        /* The index hands consumers out as constants; the list of decoded ones is a cache. */
        hgh_configuration_bind(configuration, (hgh_resource *)(uintptr_t)&consumer->base);
        request->held[request->held_count++] = configuration;
    }
    hgh_issues_done(&issues);
    json_decref(object);
    return configuration == NULL ? NULL : configuration->state;
}

/* What tells whose a credential is stands in its id: its consumer may have gone meanwhile. */
hg_text hgh_host_consumer_name(const hg_consumer *consumer)
{
    return hg_text_of(consumer->consumer == NULL ? consumer->base.id : consumer->consumer->id);
}

/* Without a value the header goes: the client must not speak for the gateway. */
static hg_status header_tell(hg_request *request, hg_text name, hg_text value)
{
    return value.data == NULL ? hgh_host_remove_header(request, name)
                              : hgh_host_set_header(request, name, value);
}

hg_status hgh_host_consumer_attach(hg_request *request, const hg_consumer *found)
{
    hg_consumer *consumer = hgh_consumer_of(found);
    bool by_credential = consumer != found;
    hg_status status;

    if (request->phase != HG_PHASE_REWRITE) {
        return HG_ERR_TOO_LATE;
    }
    if (consumer == NULL) {
        return HG_ERR_NOT_FOUND;
    }
    (void)hgh_resource_ref(&consumer->base);
    hgh_request_detach_consumer(request);
    request->consumer = consumer;
    if (by_credential) {
        request->credential =
            (hg_consumer *)hgh_resource_ref((hgh_resource *)(uintptr_t)&found->base);
    }
    status = header_tell(request, HG_TEXT("X-Credential-Identifier"),
                         by_credential ? hgh_credential_id(found) : (hg_text){0});
    if (status == HG_OK) {
        status = header_tell(request, HG_TEXT("X-Consumer-Custom-ID"), consumer->custom_id);
    }
    if (status == HG_OK) {
        status =
            header_tell(request, HG_TEXT("X-Consumer-Username"), hg_text_of(consumer->base.id));
    }
    return status;
}
