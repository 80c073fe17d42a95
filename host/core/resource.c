/* host/core/resource.c - one object that the operator configured, decoded for the data plane. */
#include "host/core/resource.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "host/core/address.h"
#include "host/core/configuration.h"
#include "host/core/issues.h"
#include "host/core/json_value.h"
#include "host/core/snapshot.h"
#include "host/core/ssl.h"

static const char *const kind_names[HGH_RESOURCE_KINDS] = {
    [HGH_ROUTES] = "routes",
    [HGH_SERVICES] = "services",
    [HGH_UPSTREAMS] = "upstreams",
    [HGH_CONSUMERS] = "consumers",
    [HGH_CREDENTIALS] = "credentials",
    [HGH_CONSUMER_GROUPS] = "consumer_groups",
    [HGH_PLUGIN_CONFIGS] = "plugin_configs",
    [HGH_GLOBAL_RULES] = "global_rules",
    [HGH_PLUGIN_METADATA] = "plugin_metadata",
    [HGH_SSLS] = "ssls",
};

const char *hgh_resource_kind_name(hgh_resource_kind kind)
{
    return kind_names[kind];
}

bool hgh_resource_kind_find(hg_text name, hgh_resource_kind *out_kind)
{
    for (int kind = 0; kind < HGH_RESOURCE_KINDS; kind++) {
        if (hg_text_equal(name, hg_text_of(kind_names[kind]))) {
            *out_kind = (hgh_resource_kind)kind;
            return true;
        }
    }
    return false;
}

uint32_t hgh_method_bit(hg_text method)
{
    static const char *const methods[] = {"GET",  "POST",    "PUT",     "DELETE", "PATCH",
                                          "HEAD", "OPTIONS", "CONNECT", "TRACE",  "PURGE"};

    for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
        if (hg_text_equal(method, hg_text_of(methods[i]))) {
            return 1u << i;
        }
    }
    return 0;
}

/* Texts under `many`, or the single one under `one`, in one block with their array. */
static hg_status texts_decode(
    const json_t *object, const char *one, const char *many, hg_text **out_texts, size_t *out_count)
{
    const json_t *single = json_object_get(object, one);
    const json_t *list = json_object_get(object, many);
    size_t count = json_is_string(single) ? 1 : json_array_size(list);
    size_t size = 0;
    hg_text *texts;
    char *at;

    if (count == 0) {
        return HG_OK;
    }
    for (size_t i = 0; i < count; i++) {
        const json_t *item = json_is_string(single) ? single : json_array_get(list, i);

        size += json_string_length(item) + 1;
    }
    texts = calloc(1, count * sizeof(*texts) + size);
    if (texts == NULL) {
        return HG_ERR_NO_MEMORY;
    }
    at = (char *)(texts + count);
    for (size_t i = 0; i < count; i++) {
        const json_t *item = json_is_string(single) ? single : json_array_get(list, i);
        size_t length = json_string_length(item);

        if (length > 0) {
            memcpy(at, json_string_value(item), length);
        }
        texts[i] = (hg_text){at, length};
        at += length + 1;
    }
    *out_texts = texts;
    *out_count = count;
    return HG_OK;
}

static hg_status hosts_decode(const json_t *object, hg_text **out_hosts, size_t *out_count)
{
    hg_status status = texts_decode(object, "host", "hosts", out_hosts, out_count);

    for (size_t i = 0; status == HG_OK && i < *out_count; i++) {
        char *host = (char *)(uintptr_t)(*out_hosts)[i].data;

        for (size_t k = 0; k < (*out_hosts)[i].length; k++) {
            host[k] = (char)tolower((unsigned char)host[k]);
        }
    }
    return status;
}

/* An id, which may be written as a number, as text in the caller's buffer; absent: none. */
static hg_text id_decode(const json_t *object, const char *member, char *buffer, size_t size)
{
    const json_t *value = json_object_get(object, member);

    if (json_is_string(value)) {
        return (hg_text){json_string_value(value), json_string_length(value)};
    }
    if (json_is_integer(value)) {
        int length = snprintf(buffer, size, "%lld", (long long)json_integer_value(value));

        return (hg_text){buffer, (size_t)length};
    }
    return (hg_text){0};
}

static hg_status cell_decode(hgh_snapshot *snapshot,
                             hgh_resource_kind kind,
                             const json_t *object,
                             const char *member,
                             hgh_cell **out_cell)
{
    char buffer[24];
    hg_text id = id_decode(object, member, buffer, sizeof(buffer));

    if (id.data == NULL) {
        return HG_OK;
    }
    *out_cell = hgh_cell_ref(snapshot, kind, id);
    return *out_cell == NULL ? HG_ERR_NO_MEMORY : HG_OK;
}

static hg_status upstream_decode(hgh_snapshot *snapshot,
                                 const hgh_resource *owner,
                                 const json_t *object,
                                 hgh_upstream **out_upstream,
                                 hg_error *err)
{
    hg_status status = hgh_upstream_decode(object, out_upstream, err);

    return status != HG_OK
               ? status
               : hgh_upstream_bind(*out_upstream, snapshot, kind_names[owner->kind], owner->id);
}

static hg_status upstream_decode_member(hgh_snapshot *snapshot,
                                        const hgh_resource *owner,
                                        const json_t *object,
                                        hgh_upstream **out_upstream,
                                        hg_error *err)
{
    const json_t *upstream = json_object_get(object, "upstream");

    return json_is_object(upstream) ? upstream_decode(snapshot, owner, upstream, out_upstream, err)
                                    : HG_OK;
}

static hg_status remote_addresses_decode(hgh_route *route, const json_t *object, hg_error *err)
{
    hg_text *texts = NULL;
    size_t count = 0;
    const char **entries = NULL;
    hg_status status = texts_decode(object, "remote_addr", "remote_addrs", &texts, &count);

    if (status != HG_OK || count == 0) {
        return status;
    }
    entries = calloc(count, sizeof(*entries));
    if (entries == NULL) {
        free(texts);
        return HG_ERR_NO_MEMORY;
    }
    for (size_t i = 0; i < count; i++) {
        entries[i] = texts[i].data;
    }
    status = hgh_cidrs_parse(entries, count, &route->remote_addresses, err);
    free(entries);
    free(texts);
    return status;
}

static hg_status vars_decode(hgh_route *route, const json_t *object, hg_error *err)
{
    const json_t *vars = json_object_get(object, "vars");
    hg_issues issues = {0};
    char line[HG_ERROR_TEXT_MAX];
    hg_status status;

    if (vars == NULL) {
        return HG_OK;
    }
    status = hgh_expression_compile(vars, "/vars", &route->vars, &issues);
    if (status != HG_OK) {
        (void)hg_error_set(err, status, "%s", hgh_issues_first(&issues, line, sizeof(line)));
    }
    hgh_issues_done(&issues);
    return status;
}

static hg_status
route_decode(hgh_snapshot *snapshot, hgh_route *route, const json_t *object, hg_error *err)
{
    const json_t *status_value = json_object_get(object, "status");
    const json_t *websocket = json_object_get(object, "enable_websocket");
    const json_t *methods = json_object_get(object, "methods");
    hg_status status = texts_decode(object, "uri", "uris", &route->uris, &route->uri_count);

    for (size_t i = 0; i < json_array_size(methods); i++) {
        uint32_t bit = hgh_method_bit(hg_text_of(json_string_value(json_array_get(methods, i))));

        /* A list of none but unknown methods is not the empty list, which takes any. */
        route->methods |= bit == 0 ? HGH_METHOD_NONE : bit;
    }
    route->priority = (int32_t)hgh_json_whole_within(json_object_get(object, "priority"), INT32_MIN,
                                                     INT32_MAX, 0);
    route->enabled = hgh_json_whole_within(status_value, 0, 1, 1) != 0;
    route->timeouts = hgh_timeouts_decode(json_object_get(object, "timeout"));
    route->has_websocket = json_is_boolean(websocket);
    route->websocket = json_is_true(websocket);
    if (status == HG_OK) {
        status = hosts_decode(object, &route->hosts, &route->host_count);
    }
    if (status == HG_OK) {
        status = remote_addresses_decode(route, object, err);
    }
    if (status == HG_OK) {
        status = vars_decode(route, object, err);
    }
    if (status == HG_OK) {
        status = cell_decode(snapshot, HGH_SERVICES, object, "service_id", &route->service);
    }
    if (status == HG_OK) {
        status = cell_decode(snapshot, HGH_PLUGIN_CONFIGS, object, "plugin_config_id",
                             &route->plugin_config);
    }
    if (status == HG_OK) {
        status = cell_decode(snapshot, HGH_UPSTREAMS, object, "upstream_id", &route->upstream_cell);
    }
    if (status == HG_OK) {
        status = upstream_decode_member(snapshot, &route->base, object, &route->upstream, err);
    }
    return status;
}

static hg_status
service_decode(hgh_snapshot *snapshot, hgh_service *service, const json_t *object, hg_error *err)
{
    hg_status status = hosts_decode(object, &service->hosts, &service->host_count);

    service->websocket = json_is_true(json_object_get(object, "enable_websocket"));
    if (status == HG_OK) {
        status =
            cell_decode(snapshot, HGH_UPSTREAMS, object, "upstream_id", &service->upstream_cell);
    }
    if (status == HG_OK) {
        status = upstream_decode_member(snapshot, &service->base, object, &service->upstream, err);
    }
    return status;
}

static hg_status
consumer_decode(hgh_snapshot *snapshot, hg_consumer *consumer, const json_t *object)
{
    const json_t *custom_id = json_object_get(json_object_get(object, "labels"), "custom_id");

    if (json_is_string(custom_id)) {
        consumer->custom_id = hg_text_of(strdup(json_string_value(custom_id)));
        if (consumer->custom_id.data == NULL) {
            return HG_ERR_NO_MEMORY;
        }
    }
    return cell_decode(snapshot, HGH_CONSUMER_GROUPS, object, "group_id", &consumer->group);
}

static const char *credential_place(const char *id)
{
    return strstr(id, HGH_CREDENTIAL_PLACE);
}

static hg_status credential_decode(hgh_snapshot *snapshot, hg_consumer *credential, hg_error *err)
{
    const char *id = credential->base.id;
    const char *place = credential_place(id);

    if (place == NULL || place == id || place[strlen(HGH_CREDENTIAL_PLACE)] == '\0') {
        return hg_error_set(err, HG_ERR_INVALID,
                            "found this id, wanted CONSUMER" HGH_CREDENTIAL_PLACE "ID");
    }
    credential->consumer =
        hgh_cell_ref(snapshot, HGH_CONSUMERS, (hg_text){id, (size_t)(place - id)});
    return credential->consumer == NULL ? HG_ERR_NO_MEMORY : HG_OK;
}

hg_text hgh_credential_id(const hg_consumer *credential)
{
    return hg_text_of(credential_place(credential->base.id) + strlen(HGH_CREDENTIAL_PLACE));
}

static hg_status base_decode(hgh_resource *base, hg_text id, const json_t *object)
{
    const json_t *name = json_object_get(object, "name");
    size_t name_size = json_is_string(name) ? json_string_length(name) + 1 : 0;

    base->id = malloc(id.length + 1 + name_size);
    if (base->id == NULL) {
        return HG_ERR_NO_MEMORY;
    }
    memcpy(base->id, id.data, id.length);
    base->id[id.length] = '\0';
    if (name_size > 0) {
        char *copy = base->id + id.length + 1;

        memcpy(copy, json_string_value(name), name_size);
        base->name = (hg_text){copy, name_size - 1};
    }
    base->has_plugins = json_object_size(json_object_get(object, "plugins")) > 0;
    return HG_OK;
}

/* What one kind has beyond the others. */
static hg_status
own_decode(hgh_snapshot *snapshot, hgh_resource *resource, const json_t *object, hg_error *err)
{
    switch ((hgh_resource_kind)resource->kind) {
    case HGH_ROUTES:
        return route_decode(snapshot, (hgh_route *)resource, object, err);
    case HGH_SERVICES:
        return service_decode(snapshot, (hgh_service *)resource, object, err);
    case HGH_UPSTREAMS:
        return upstream_decode(snapshot, resource, object,
                               &((hgh_upstream_resource *)resource)->upstream, err);
    case HGH_CONSUMERS:
        return consumer_decode(snapshot, (hg_consumer *)resource, object);
    case HGH_CREDENTIALS:
        return credential_decode(snapshot, (hg_consumer *)resource, err);
    case HGH_SSLS:
        return hgh_ssl_decode((hgh_ssl *)resource, object, err);
    case HGH_CONSUMER_GROUPS:
    case HGH_PLUGIN_CONFIGS:
    case HGH_GLOBAL_RULES:
    case HGH_PLUGIN_METADATA:
    case HGH_RESOURCE_KINDS:
        break;
    }
    return HG_OK;
}

hg_status hgh_resource_decode(hgh_snapshot *snapshot,
                              hgh_resource_kind kind,
                              hg_text id,
                              hgh_feed_slice source,
                              uint64_t revision,
                              uint64_t created,
                              hgh_resource **out_resource,
                              hg_error *err)
{
    static const size_t sizes[HGH_RESOURCE_KINDS] = {
        [HGH_ROUTES] = sizeof(hgh_route),
        [HGH_SERVICES] = sizeof(hgh_service),
        [HGH_UPSTREAMS] = sizeof(hgh_upstream_resource),
        [HGH_CONSUMERS] = sizeof(hg_consumer),
        [HGH_CREDENTIALS] = sizeof(hg_consumer),
        [HGH_CONSUMER_GROUPS] = sizeof(hgh_resource),
        [HGH_PLUGIN_CONFIGS] = sizeof(hgh_resource),
        [HGH_GLOBAL_RULES] = sizeof(hgh_resource),
        [HGH_PLUGIN_METADATA] = sizeof(hgh_resource),
        [HGH_SSLS] = sizeof(hgh_ssl),
    };
    hg_text text = hgh_feed_slice_text(&source);
    json_error_t where;
    json_t *object = json_loadb(text.data, text.length, 0, &where);
    hgh_resource *resource = calloc(1, sizes[kind]);
    hg_error cause = HG_ERROR_INIT;
    hg_status status;

    if (resource == NULL) {
        status = HG_ERR_NO_MEMORY;
        goto cleanup;
    }
    resource->references = 1; /* before the first failure: cleanup drops it */
    resource->kind = (uint8_t)kind;
    if (!json_is_object(object)) {
        status = hg_error_set(&cause, HG_ERR_INVALID, "is no JSON object: %s", where.text);
        goto cleanup;
    }
    resource->revision = revision;
    resource->created = created;
    status = base_decode(resource, id, object);
    if (status == HG_OK) {
        status = own_decode(snapshot, resource, object, &cause);
    }
    if (status == HG_OK) {
        resource->source = source; /* taken over */
        *out_resource = resource;
        resource = NULL; /* now the caller's */
    }

cleanup:
    if (status != HG_OK) {
        (void)hg_error_set(err, status, "%s/%.*s: %.300s", kind_names[kind], (int)id.length,
                           id.data, status == HG_ERR_NO_MEMORY ? "out of memory" : cause.text);
    }
    hgh_resource_unref(resource);
    json_decref(object);
    return status;
}

static void route_done(hgh_route *route)
{
    free(route->uris);
    free(route->hosts);
    hgh_cidrs_free(route->remote_addresses);
    hgh_expression_free(route->vars);
    hgh_cell_unref(route->service);
    hgh_cell_unref(route->plugin_config);
    hgh_cell_unref(route->upstream_cell);
    hgh_upstream_unref(route->upstream);
}

static void service_done(hgh_service *service)
{
    free(service->hosts);
    hgh_cell_unref(service->upstream_cell);
    hgh_upstream_unref(service->upstream);
}

static void consumer_done(hg_consumer *consumer)
{
    while (consumer->keys != NULL) {
        hgh_consumer_key *next = consumer->keys->next;

        free(consumer->keys);
        consumer->keys = next;
    }
    hgh_cell_unref(consumer->group);
    hgh_cell_unref(consumer->consumer);
    free((char *)(uintptr_t)consumer->custom_id.data);
}

void hgh_resource_unref(hgh_resource *resource)
{
    if (resource == NULL || --resource->references > 0) {
        return;
    }
    switch ((hgh_resource_kind)resource->kind) {
    case HGH_ROUTES:
        route_done((hgh_route *)resource);
        break;
    case HGH_SERVICES:
        service_done((hgh_service *)resource);
        break;
    case HGH_UPSTREAMS:
        hgh_upstream_unref(((hgh_upstream_resource *)resource)->upstream);
        break;
    case HGH_CONSUMERS:
    case HGH_CREDENTIALS:
        consumer_done((hg_consumer *)resource);
        break;
    case HGH_SSLS:
        hgh_ssl_done((hgh_ssl *)resource);
        break;
    case HGH_CONSUMER_GROUPS:
    case HGH_PLUGIN_CONFIGS:
    case HGH_GLOBAL_RULES:
    case HGH_PLUGIN_METADATA:
    case HGH_RESOURCE_KINDS:
        break;
    }
    hgh_feed_file_unref(resource->source.file);
    free(resource->id);
    free(resource);
}

json_t *hgh_resource_json(const hgh_resource *resource)
{
    hg_text text = hgh_feed_slice_text(&resource->source);

    return json_loadb(text.data, text.length, 0, NULL);
}
