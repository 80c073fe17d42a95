/* host/core/host_api.c - the functions that plugins reach through their host slot. */
#include "host/core/host_api.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include <hotgate/plugin.h>

#include "host/core/address.h"
#include "host/core/engine.h"
#include "host/core/issues.h"
#include "host/core/plugin.h"
#include "host/core/regex.h"
#include "host/core/request.h"
#include "host/core/runtime.h"
#include "host/core/template.h"

#define HELD_MAX 16u /* consumers' configurations that one request may look at */

static const hgh_plugin *plugin_of(const hg_host *host)
{
    return host->plugin;
}

static void *request_allocate(hg_request *request, size_t size)
{
    return request->engine->allocate(request->engine_request, size);
}

/* A copy of a text that lives as long as the request and ends with NUL. */
static hg_text text_copy(hg_request *request, hg_text text)
{
    char *copy;

    if (text.data == NULL) {
        return text;
    }
    copy = request_allocate(request, text.length + 1);
    if (copy == NULL) {
        return (hg_text){0};
    }
    if (text.length > 0) {
        memcpy(copy, text.data, text.length);
    }
    copy[text.length] = '\0';
    return (hg_text){copy, text.length};
}

/* The same, made once: engines hand out parts of their buffers. */
static hg_text text_cached(hg_request *request, hg_text *cache, hg_text text)
{
    if (cache->data == NULL || !hg_text_equal(*cache, text)) {
        *cache = text_copy(request, text);
    }
    return *cache;
}

/* A value that would end a header line early could forge the next one. */
static bool value_is_clean(hg_text value)
{
    for (size_t i = 0; i < value.length; i++) {
        if (value.data[i] == '\0' || value.data[i] == '\r' || value.data[i] == '\n') {
            return false;
        }
    }
    return true;
}

/* A field name is a token: RFC 9110 section 5.6.2. */
static bool name_is_token(hg_text name)
{
    for (size_t i = 0; i < name.length; i++) {
        unsigned char c = (unsigned char)name.data[i];

        if (!isalnum(c) && (c == '\0' || strchr("!#$%&'*+-.^_`|~", c) == NULL)) {
            return false;
        }
    }
    return name.length > 0;
}

/* ---------------------------------------------------------------------------------- config */

static void
config_issue_add(hg_issues *issues, const char *pointer, const char *found, const char *wanted)
{
    hgh_issues_add(issues, pointer, found, wanted, NULL);
}

static const hg_config_source *config_source(const hg_request *request)
{
    return &request->step->configuration->source;
}

static hg_text template_lookup(void *context, hg_text name)
{
    return hgh_request_variable(context, name);
}

static void *template_allocate(void *context, size_t size)
{
    return request_allocate(context, size);
}

static hg_text config_template_render(hg_request *request,
                                      const hg_template *compiled,
                                      const hg_text *captures,
                                      uint32_t captures_count)
{
    return hgh_template_render(compiled, captures, captures_count, template_lookup,
                               template_allocate, request, NULL);
}

static const hg_config_api config_api = {
    .size = sizeof(config_api),
    .issue_add = config_issue_add,
    .source = config_source,
    .regex_compile = hgh_regex_compile,
    .regex_free = hgh_regex_free,
    .regex_match = hgh_regex_match,
    .template_compile = hgh_template_compile,
    .template_free = hgh_template_free,
    .template_render = config_template_render,
    .cidrs_parse = hgh_cidrs_parse,
    .cidrs_free = hgh_cidrs_free,
    .cidrs_contain = hgh_cidrs_contain,
    .address_parse = hgh_address_parse,
    .address_format = hgh_address_format,
    .regex_match_from = hgh_regex_match_from,
};

/* --------------------------------------------------------------------------------- request */

static void *request_data(hg_request *request)
{
    const hgh_plugin *plugin = request->step->configuration->plugin;
    size_t size = plugin->descriptor->request_size;
    hgh_plugin_data *data = request->data;

    while (data != NULL && data->plugin != plugin) {
        data = data->next;
    }
    if (data == NULL && size > 0) {
        data = request_allocate(request, sizeof(*data) + size);
        if (data == NULL) {
            return NULL;
        }
        memset(data, 0, sizeof(*data) + size);
        data->plugin = plugin;
        data->next = request->data;
        request->data = data;
    }
    return data == NULL ? NULL : data->bytes;
}

static hg_phase request_phase(const hg_request *request)
{
    return request->phase;
}

static hg_text request_method(hg_request *request)
{
    return text_cached(request, &request->texts.method,
                       request->engine->method(request->engine_request));
}

static hg_text request_scheme(hg_request *request)
{
    return request->engine->scheme(request->engine_request);
}

static hg_text request_host(hg_request *request)
{
    return text_cached(request, &request->texts.host,
                       request->engine->host(request->engine_request));
}

static hg_text request_uri(hg_request *request)
{
    return text_cached(request, &request->texts.uri, request->engine->uri(request->engine_request));
}

static hg_text request_raw_uri(hg_request *request)
{
    return text_cached(request, &request->texts.raw_uri,
                       request->engine->raw_uri(request->engine_request));
}

static hg_text request_arguments(hg_request *request)
{
    hg_text arguments = request->engine->arguments(request->engine_request);

    return text_cached(request, &request->texts.arguments,
                       arguments.data == NULL ? HG_TEXT("") : arguments);
}

static bool request_is_open(const hg_request *request)
{
    return request->phase >= HG_PHASE_REWRITE && request->phase <= HG_PHASE_BEFORE_PROXY;
}

static hg_status request_set_method(hg_request *request, hg_text method)
{
    if (!request_is_open(request)) {
        return HG_ERR_TOO_LATE;
    }
    if (!name_is_token(method)) {
        return HG_ERR_INVALID;
    }
    method = text_copy(request, method);
    return method.data == NULL ? HG_ERR_NO_MEMORY
                               : request->engine->set_method(request->engine_request, method);
}

static hg_status request_set_uri(hg_request *request, hg_text uri)
{
    if (!request_is_open(request)) {
        return HG_ERR_TOO_LATE;
    }
    if (uri.length == 0 || uri.data[0] != '/' || !value_is_clean(uri)) {
        return HG_ERR_INVALID;
    }
    uri = text_copy(request, uri);
    return uri.data == NULL ? HG_ERR_NO_MEMORY
                            : request->engine->set_uri(request->engine_request, uri);
}

static hg_status request_set_arguments(hg_request *request, hg_text arguments)
{
    if (!request_is_open(request)) {
        return HG_ERR_TOO_LATE;
    }
    for (size_t i = 0; i < arguments.length; i++) {
        if ((unsigned char)arguments.data[i] <= ' ' || arguments.data[i] == 0x7f) {
            return HG_ERR_INVALID; /* would end the request line early */
        }
    }
    arguments = text_copy(request, arguments.data == NULL ? HG_TEXT("") : arguments);
    return arguments.data == NULL
               ? HG_ERR_NO_MEMORY
               : request->engine->set_arguments(request->engine_request, arguments);
}

static hg_text request_header(hg_request *request, hg_text name)
{
    return request->engine->header(request->engine_request, name);
}

static bool request_header_at(hg_request *request, size_t index, hg_header *out_header)
{
    return request->engine->header_at(request->engine_request, index, out_header);
}

static hg_status header_change(hg_request *request, hg_text name, hg_text value, bool replaces)
{
    const hgh_engine *engine = request->engine;

    if (!request_is_open(request)) {
        return HG_ERR_TOO_LATE;
    }
    if (!name_is_token(name) || !value_is_clean(value)) {
        return HG_ERR_INVALID;
    }
    name = text_copy(request, name);
    value = text_copy(request, value.data == NULL ? HG_TEXT("") : value);
    if (name.data == NULL || value.data == NULL) {
        return HG_ERR_NO_MEMORY;
    }
    if (replaces && hg_text_equal_ignoring_case(name, HG_TEXT("Host"))) {
        request->upstream_host = value;
    }
    return replaces ? engine->set_header(request->engine_request, name, value)
                    : engine->add_header(request->engine_request, name, value);
}

static hg_status request_set_header(hg_request *request, hg_text name, hg_text value)
{
    return header_change(request, name, value, true);
}

static hg_status request_add_header(hg_request *request, hg_text name, hg_text value)
{
    return header_change(request, name, value, false);
}

static hg_status request_remove_header(hg_request *request, hg_text name)
{
    if (!request_is_open(request)) {
        return HG_ERR_TOO_LATE;
    }
    return name_is_token(name)
               ? request->engine->set_header(request->engine_request, name, (hg_text){0})
               : HG_ERR_INVALID;
}

static hg_status request_set_body(hg_request *request, const void *data, size_t length)
{
    if (request->phase != HG_PHASE_REWRITE && request->phase != HG_PHASE_ACCESS) {
        return HG_ERR_TOO_LATE;
    }
    return request->engine->set_body(request->engine_request, data, length);
}

static hg_status request_set_upstream_host(hg_request *request, hg_text host)
{
    if (!request_is_open(request)) {
        return HG_ERR_TOO_LATE;
    }
    if (host.length == 0 || !value_is_clean(host)) {
        return HG_ERR_INVALID;
    }
    host = text_copy(request, host);
    if (host.data == NULL) {
        return HG_ERR_NO_MEMORY;
    }
    request->upstream_host = host;
    return HG_OK;
}

static const hg_address *request_client_address(hg_request *request)
{
    return &request->client;
}

static uint64_t engine_now_ms(const hg_host *host)
{
    return plugin_of(host)->plugin_host->engine->now_ms();
}

static int64_t engine_wall_ms(const hg_host *host)
{
    return plugin_of(host)->plugin_host->engine->wall_ms();
}

static const hg_consumer *request_consumer_find(hg_request *request, hg_text key)
{
    const char *plugin = request->step->configuration->plugin->name;

    return hgh_consumer_index_find(&request->runtime->consumers, plugin, key);
}

static bool request_consumer_any(hg_request *request)
{
    return hgh_consumer_index_has(&request->runtime->consumers,
                                  request->step->configuration->plugin->name);
}

/* Decoded on the first look; kept by the request, later by the chain of route and consumer. */
static const void *request_consumer_config(hg_request *request, const hg_consumer *consumer)
{
    hgh_plugin *plugin = request->step->configuration->plugin;
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

static hg_text request_consumer_name(const hg_consumer *consumer)
{
    return hg_text_of(consumer->base.id);
}

static hg_status request_consumer_attach(hg_request *request, const hg_consumer *consumer)
{
    if (request->phase != HG_PHASE_REWRITE) {
        return HG_ERR_TOO_LATE;
    }
    if (request->consumer != NULL) {
        hgh_resource_unref(&request->consumer->base);
    }
    request->consumer = (hg_consumer *)hgh_resource_ref((hgh_resource *)(uintptr_t)&consumer->base);
    (void)request_remove_header(request, HG_TEXT("X-Credential-Identifier"));
    (void)request_remove_header(request, HG_TEXT("X-Consumer-Custom-ID"));
    return request_set_header(request, HG_TEXT("X-Consumer-Username"),
                              hg_text_of(consumer->base.id));
}

static hg_verdict exit_refused(hg_request *request, const char *why)
{
    char line[256];
    int length = snprintf(line, sizeof(line), "plugin %s: hg_exit() %s",
                          request->step->configuration->plugin->name, why);

    request->engine->log(request->engine_request, HG_LOG_ERROR, (hg_text){line, (size_t)length});
    return HG_NEXT;
}

static hg_verdict
request_exit(hg_request *request, uint32_t status, hg_text content_type, hg_text body)
{
    if (!request_is_open(request) || request->stage >= HGH_STAGE_UPSTREAM) {
        return exit_refused(request, "is not possible in this phase");
    }
    if (status < 200 || status > 599 || !value_is_clean(content_type)) {
        (void)exit_refused(request, "wants a status of 200 to 599 and a clean content type");
        status = 500;
        body = (hg_text){0};
    }
    request->exit = (hgh_exit){.set = true, .status = status, .body = text_copy(request, body)};
    if (body.data != NULL) {
        request->exit.content_type = content_type.data == NULL
                                         ? HG_TEXT("text/plain; charset=utf-8")
                                         : text_copy(request, content_type);
    }
    return HG_DONE;
}

static hg_verdict request_exit_json(hg_request *request, uint32_t status, const json_t *body)
{
    char *text = json_dumps(body, JSON_COMPACT | JSON_ENCODE_ANY);
    size_t length = text == NULL ? 0 : strlen(text);
    hg_verdict verdict;

    if (text == NULL) { /* json_pack() returns NULL for a wrong format: not a success then */
        (void)exit_refused(request, "wants a JSON value");
        return request_exit(request, 500, (hg_text){0}, (hg_text){0});
    }
    text[length] = '\n'; /* where its NUL was: the body is copied by length */
    verdict =
        request_exit(request, status, HG_TEXT("application/json"), (hg_text){text, length + 1});
    free(text);
    return verdict;
}

static hg_verdict
request_exit_member(hg_request *request, uint32_t status, const char *member, hg_text text)
{
    json_t *body = json_pack("{s:s%}", member, text.data == NULL ? "" : text.data, text.length);
    hg_verdict verdict;

    if (body == NULL) { /* not UTF-8 */
        body = json_pack("{s:s}", member, hgh_status_reason(status));
    }
    verdict = request_exit_json(request, status, body);
    json_decref(body);
    return verdict;
}

/* ------------------------------------------------------------------------------- variables */

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Percent-decoding of a query, where "+" is a blank (WHATWG URL, section 5.1). */
static hg_text query_decode(hg_request *request, hg_text text)
{
    char *copy = request_allocate(request, text.length + 1);
    size_t length = 0;

    if (copy == NULL) {
        return (hg_text){0};
    }
    for (size_t i = 0; i < text.length; i++) {
        int high = -1;
        int low = -1;

        if (text.data[i] == '%' && i + 2 < text.length) {
            high = hex_digit(text.data[i + 1]);
            low = hex_digit(text.data[i + 2]);
        }
        if (high >= 0 && low >= 0) {
            copy[length++] = (char)(high * 16 + low);
            i += 2;
        } else {
            copy[length++] = text.data[i] == '+' ? ' ' : text.data[i];
        }
    }
    copy[length] = '\0';
    return (hg_text){copy, length};
}

hg_text hgh_request_argument(hg_request *request, hg_text name)
{
    hg_text arguments = request->engine->arguments(request->engine_request);
    const char *at = arguments.data;
    const char *end = at == NULL ? NULL : at + arguments.length;

    while (at != NULL && at < end) {
        const char *stop = memchr(at, '&', (size_t)(end - at));
        const char *equals;
        hg_text key;

        stop = stop == NULL ? end : stop;
        equals = memchr(at, '=', (size_t)(stop - at));
        key = (hg_text){at, (size_t)((equals == NULL ? stop : equals) - at)};
        if (memchr(key.data, '%', key.length) != NULL ||
            memchr(key.data, '+', key.length) != NULL) {
            key = query_decode(request, key);
        }
        if (hg_text_equal(key, name)) {
            return equals == NULL
                       ? HG_TEXT("")
                       : query_decode(request, (hg_text){equals + 1, (size_t)(stop - equals - 1)});
        }
        at = stop + 1;
    }
    return (hg_text){0};
}

/* One "name=value" of a Cookie header (RFC 6265 section 4.2). */
static hg_text cookie_in(hg_request *request, hg_text header, hg_text name)
{
    const char *at = header.data;
    const char *end = at + header.length;

    while (at < end) {
        const char *stop = memchr(at, ';', (size_t)(end - at));

        stop = stop == NULL ? end : stop;
        while (at < stop && *at == ' ') {
            at++;
        }
        if ((size_t)(stop - at) > name.length && at[name.length] == '=' &&
            memcmp(at, name.data, name.length) == 0) {
            at += name.length + 1;
            return text_copy(request, (hg_text){at, (size_t)(stop - at)});
        }
        at = stop + 1;
    }
    return (hg_text){0};
}

hg_text hgh_request_cookie(hg_request *request, hg_text name)
{
    hg_header header;

    for (size_t i = 0; request->engine->header_at(request->engine_request, i, &header); i++) {
        if (hg_text_equal_ignoring_case(header.name, HG_TEXT("Cookie"))) {
            hg_text value = cookie_in(request, header.value, name);

            if (value.data != NULL) {
                return value;
            }
        }
    }
    return (hg_text){0};
}

hg_text hgh_request_object(hg_request *request, hg_object which)
{
    const hgh_route *route = request->route;
    const hgh_service *service = request->chain == NULL ? NULL : request->chain->service;

    switch (which) {
    case HG_OBJECT_ROUTE_ID:
        return route == NULL ? (hg_text){0} : hg_text_of(route->base.id);
    case HG_OBJECT_ROUTE_NAME:
        return route == NULL ? (hg_text){0} : route->base.name;
    case HG_OBJECT_SERVICE_ID:
        return service == NULL ? (hg_text){0} : hg_text_of(service->base.id);
    case HG_OBJECT_SERVICE_NAME:
        return service == NULL ? (hg_text){0} : service->base.name;
    case HG_OBJECT_CONSUMER_NAME:
        return request->consumer == NULL ? (hg_text){0} : hg_text_of(request->consumer->base.id);
    case HG_OBJECT_UPSTREAM_ID:
        return route == NULL || route->upstream_cell == NULL ? (hg_text){0}
                                                             : hg_text_of(route->upstream_cell->id);
    }
    return (hg_text){0};
}

static hg_text variable_parameter(const hg_request *request, hg_text name)
{
    for (uint32_t i = 0; i < request->parameter_count; i++) {
        if (hg_text_equal(request->parameters[i].name, name)) {
            return request->parameters[i].value;
        }
    }
    return (hg_text){0};
}

static hg_text variable_balancer(hg_request *request, bool port)
{
    char text[64];
    size_t length;

    if (request->target.node == NULL) {
        return (hg_text){0};
    }
    length = port ? (size_t)snprintf(text, sizeof(text), "%u", request->target.address.port)
                  : hgh_address_format(&request->target.address, text, sizeof(text));
    return text_copy(request, (hg_text){text, length});
}

static bool take_prefix(hg_text *name, hg_text prefix)
{
    if (!hg_text_starts_with(*name, prefix)) {
        return false;
    }
    name->data += prefix.length;
    name->length -= prefix.length;
    return true;
}

hg_text hgh_request_variable(hg_request *request, hg_text name)
{
    static const struct {
        const char *name;
        hg_object object;
    } objects[] = {
        {"route_id", HG_OBJECT_ROUTE_ID},           {"route_name", HG_OBJECT_ROUTE_NAME},
        {"service_id", HG_OBJECT_SERVICE_ID},       {"service_name", HG_OBJECT_SERVICE_NAME},
        {"consumer_name", HG_OBJECT_CONSUMER_NAME},
    };

    for (size_t i = 0; i < sizeof(objects) / sizeof(objects[0]); i++) {
        if (hg_text_equal(name, hg_text_of(objects[i].name))) {
            return hgh_request_object(request, objects[i].object);
        }
    }
    if (hg_text_equal(name, HG_TEXT("balancer_ip"))) {
        return variable_balancer(request, false);
    }
    if (hg_text_equal(name, HG_TEXT("balancer_port"))) {
        return variable_balancer(request, true);
    }
    if (hg_text_equal(name, HG_TEXT("matched_uri"))) {
        return text_copy(request, request->matched_uri);
    }
    if (hg_text_equal(name, HG_TEXT("method"))) {
        return request_method(request);
    }
    if (take_prefix(&name, HG_TEXT("arg_"))) {
        return hgh_request_argument(request, name);
    }
    if (take_prefix(&name, HG_TEXT("cookie_"))) {
        return hgh_request_cookie(request, name);
    }
    if (take_prefix(&name, HG_TEXT("uri_param_"))) {
        return text_copy(request, variable_parameter(request, name));
    }
    return text_copy(request, request->engine->variable(request->engine_request, name));
}

static const hg_request_api request_api = {
    .size = sizeof(request_api),
    .allocate = request_allocate,
    .data = request_data,
    .phase = request_phase,
    .now_ms = engine_now_ms,
    .wall_ms = engine_wall_ms,
    .method = request_method,
    .set_method = request_set_method,
    .scheme = request_scheme,
    .host = request_host,
    .uri = request_uri,
    .set_uri = request_set_uri,
    .raw_uri = request_raw_uri,
    .arguments = request_arguments,
    .set_arguments = request_set_arguments,
    .argument = hgh_request_argument,
    .header = request_header,
    .header_at = request_header_at,
    .set_header = request_set_header,
    .add_header = request_add_header,
    .remove_header = request_remove_header,
    .cookie = hgh_request_cookie,
    .set_body = request_set_body,
    .set_upstream_host = request_set_upstream_host,
    .client_address = request_client_address,
    .variable = hgh_request_variable,
    .object = hgh_request_object,
    .consumer_find = request_consumer_find,
    .consumer_config = request_consumer_config,
    .consumer_name = request_consumer_name,
    .consumer_attach = request_consumer_attach,
    .consumer_any = request_consumer_any,
    .exit = request_exit,
    .exit_json = request_exit_json,
    .exit_member = request_exit_member,
};

/* -------------------------------------------------------------------------------- response */

static bool response_is_open(const hg_request *request)
{
    return request->phase == HG_PHASE_HEADER_FILTER ||
           (request->phase == HG_PHASE_BODY_FILTER && request->headers_held);
}

static uint32_t response_status(hg_request *request)
{
    return request->phase < HG_PHASE_HEADER_FILTER
               ? 0
               : request->engine->response_status(request->engine_request);
}

static hg_status response_set_status(hg_request *request, uint32_t status)
{
    if (!response_is_open(request)) {
        return HG_ERR_TOO_LATE;
    }
    return status < 200 || status > 599
               ? HG_ERR_INVALID
               : request->engine->set_response_status(request->engine_request, status);
}

static hg_text response_header(hg_request *request, hg_text name)
{
    return request->phase < HG_PHASE_HEADER_FILTER
               ? (hg_text){0}
               : request->engine->response_header(request->engine_request, name);
}

static bool response_header_at(hg_request *request, size_t index, hg_header *out_header)
{
    return request->phase >= HG_PHASE_HEADER_FILTER &&
           request->engine->response_header_at(request->engine_request, index, out_header);
}

static hg_status early_header_add(hg_request *request, hg_text name, hg_text value, bool replaces)
{
    hgh_early_header *early = request_allocate(request, sizeof(*early));
    hgh_early_header **at = &request->early_headers;

    if (early == NULL) {
        return HG_ERR_NO_MEMORY;
    }
    *early = (hgh_early_header){.replaces = replaces, .name = name, .value = value};
    while (*at != NULL) {
        at = &(*at)->next;
    }
    *at = early;
    return HG_OK;
}

static hg_status
response_header_change(hg_request *request, hg_text name, hg_text value, bool replaces)
{
    const hgh_engine *engine = request->engine;

    if (!request_is_open(request) && !response_is_open(request)) {
        return HG_ERR_TOO_LATE;
    }
    if (!name_is_token(name) || !value_is_clean(value)) {
        return HG_ERR_INVALID;
    }
    name = text_copy(request, name);
    value = text_copy(request, value.data == NULL ? HG_TEXT("") : value);
    if (name.data == NULL || value.data == NULL) {
        return HG_ERR_NO_MEMORY;
    }
    if (request_is_open(request)) {
        return early_header_add(request, name, value, replaces);
    }
    return replaces ? engine->set_response_header(request->engine_request, name, value)
                    : engine->add_response_header(request->engine_request, name, value);
}

static hg_status response_set_header(hg_request *request, hg_text name, hg_text value)
{
    return response_header_change(request, name, value, true);
}

static hg_status response_add_header(hg_request *request, hg_text name, hg_text value)
{
    return response_header_change(request, name, value, false);
}

static hg_status response_remove_header(hg_request *request, hg_text name)
{
    if (!response_is_open(request)) {
        return HG_ERR_TOO_LATE;
    }
    return name_is_token(name)
               ? request->engine->set_response_header(request->engine_request, name, (hg_text){0})
               : HG_ERR_INVALID;
}

static hg_status response_change_body(hg_request *request)
{
    if (request->phase != HG_PHASE_HEADER_FILTER) {
        return HG_ERR_TOO_LATE;
    }
    request->body_may_change = true;
    return HG_OK;
}

static hg_status response_buffer_body(hg_request *request, size_t max_bytes)
{
    hgh_body_buffer *buffer;

    if (request->phase != HG_PHASE_HEADER_FILTER) {
        return HG_ERR_TOO_LATE;
    }
    buffer = request_allocate(request, sizeof(*buffer));
    if (buffer == NULL) {
        return HG_ERR_NO_MEMORY;
    }
    *buffer = (hgh_body_buffer){
        .next = request->body_buffers,
        .plugin = request->step->configuration->plugin,
        .max_bytes = max_bytes,
    };
    request->body_buffers = buffer;
    request->body_may_change = true;
    return HG_OK;
}

static hg_text response_chunk_data(const hg_chunk *chunk)
{
    return chunk->data;
}

static bool response_chunk_is_last(const hg_chunk *chunk)
{
    return chunk->last;
}

static hg_status
response_chunk_set(hg_request *request, hg_chunk *chunk, const void *data, size_t length)
{
    char *copy;

    if (!request->body_may_change) {
        return HG_ERR_TOO_LATE;
    }
    copy = request_allocate(request, length + 1);
    if (copy == NULL) {
        return HG_ERR_NO_MEMORY;
    }
    if (length > 0) {
        memcpy(copy, data, length);
    }
    chunk->data = (hg_text){copy, length};
    chunk->changed = true;
    return HG_OK;
}

static const hg_response_api response_api = {
    .size = sizeof(response_api),
    .status = response_status,
    .set_status = response_set_status,
    .header = response_header,
    .header_at = response_header_at,
    .set_header = response_set_header,
    .add_header = response_add_header,
    .remove_header = response_remove_header,
    .change_body = response_change_body,
    .buffer_body = response_buffer_body,
    .chunk_data = response_chunk_data,
    .chunk_is_last = response_chunk_is_last,
    .chunk_set = response_chunk_set,
};

/* ------------------------------------------------------------------- wait, dict, metric, log */

static const hg_wait_api wait_api = {
    .size = sizeof(wait_api),
    .sleep = hgh_request_sleep,
    .request_body = hgh_request_read_body,
    .descriptor = hgh_request_wait_fd,
};

/* A table as one plugin has it open. */
struct hg_dict {
    hg_dict *next; /* of the same plugin */
    hgh_table *table;
    const hgh_engine *engine;
};

static hg_status dict_open(const hg_host *host,
                           const char *name,
                           const hg_dict_options *options,
                           hg_dict **out_dict,
                           hg_error *err)
{
    hgh_plugin *plugin = host->plugin;
    char full_name[HGH_TABLE_NAME_MAX + 1];
    hg_dict *dict;
    hg_status status;

    if (options == NULL || options->size != sizeof(*options) || options->layout == NULL ||
        name == NULL || name[0] == '\0' || strlen(name) > 54) {
        return hg_error_set(err, HG_ERR_INVALID,
                            "hg_dict_open: wanted options and a name of 1 to "
                            "54 bytes");
    }
    dict = calloc(1, sizeof(*dict));
    if (dict == NULL) {
        return hg_error_set(err, HG_ERR_NO_MEMORY, "out of memory");
    }
    (void)snprintf(full_name, sizeof(full_name), "dict/%s/%s", plugin->name, name);
    status = hgh_arena_open_table(plugin->plugin_host->arena, full_name, options->layout,
                                  options->entries, 0, &dict->table, err);
    if (status != HG_OK) {
        free(dict);
        return status;
    }
    dict->engine = plugin->plugin_host->engine;
    dict->next = plugin->dicts;
    plugin->dicts = dict;
    *out_dict = dict;
    return HG_OK;
}

static hg_status dict_get(hg_dict *dict, hg_text key, int64_t *out_value, uint64_t *out_ttl_ms)
{
    return hgh_table_get(dict->table, key, dict->engine->clock_ms(), out_value, out_ttl_ms);
}

static hg_status dict_set(hg_dict *dict, hg_text key, int64_t value, uint64_t ttl_ms)
{
    return hgh_table_set(dict->table, key, value, ttl_ms, dict->engine->clock_ms());
}

static hg_status dict_add(hg_dict *dict,
                          hg_text key,
                          int64_t delta,
                          uint64_t ttl_ms,
                          int64_t *out_value,
                          uint64_t *out_ttl_ms)
{
    return hgh_table_add(dict->table, key, delta, ttl_ms, dict->engine->clock_ms(), out_value,
                         out_ttl_ms);
}

static hg_status dict_compare_and_set(hg_dict *dict, hg_text key, int64_t expected, int64_t value)
{
    return hgh_table_compare_and_set(dict->table, key, expected, value, dict->engine->clock_ms());
}

static hg_status dict_remove(hg_dict *dict, hg_text key)
{
    return hgh_table_remove(dict->table, key, dict->engine->clock_ms());
}

static const hg_dict_api dict_api = {
    .size = sizeof(dict_api),
    .open = dict_open,
    .get = dict_get,
    .set = dict_set,
    .add = dict_add,
    .compare_and_set = dict_compare_and_set,
    .remove = dict_remove,
};

/* The key of one combination of label values: the values, each ended by the unit separator. */
static hg_status metric_key(const hgh_plugin *plugin,
                            uint32_t index,
                            const hg_text *labels,
                            char *buffer,
                            size_t size,
                            hg_text *out_key)
{
    const hg_metric *metric;
    size_t length = 0;

    if (index >= plugin->metrics_count) {
        return HG_ERR_INVALID;
    }
    metric = &plugin->descriptor->metrics[index];
    for (size_t i = 0; i < HG_METRIC_LABELS_MAX && metric->labels[i] != NULL; i++) {
        hg_text label = labels == NULL ? (hg_text){0} : labels[i];
        size_t kept = label.length < size - length - 1 ? label.length : size - length - 1;

        if (kept > 0) {
            memcpy(buffer + length, label.data, kept);
        }
        length += kept;
        buffer[length++] = '\x1f';
        if (length + 1 >= size) {
            break;
        }
    }
    *out_key = (hg_text){buffer, length};
    return HG_OK;
}

static hg_status
metric_add(const hg_host *host, uint32_t index, int64_t delta, const hg_text *labels)
{
    const hgh_plugin *plugin = plugin_of(host);
    char buffer[256];
    hg_text key;
    int64_t value;
    hg_status status = metric_key(plugin, index, labels, buffer, sizeof(buffer), &key);

    if (status != HG_OK ||
        (delta < 0 && plugin->descriptor->metrics[index].kind == HG_METRIC_COUNTER)) {
        return HG_ERR_INVALID;
    }
    return hgh_table_add(plugin->metrics[index], key, delta, 0, 0, &value, NULL);
}

static hg_status
metric_set(const hg_host *host, uint32_t index, int64_t value, const hg_text *labels)
{
    const hgh_plugin *plugin = plugin_of(host);
    char buffer[256];
    hg_text key;
    hg_status status = metric_key(plugin, index, labels, buffer, sizeof(buffer), &key);

    if (status != HG_OK || plugin->descriptor->metrics[index].kind != HG_METRIC_GAUGE) {
        return HG_ERR_INVALID;
    }
    return hgh_table_set(plugin->metrics[index], key, value, 0, 0);
}

static const hg_metric_api metric_api = {
    .size = sizeof(metric_api),
    .add = metric_add,
    .set = metric_set,
};

/* Control characters could forge lines of the log. */
static void log_write(
    const hg_host *host, hg_request *request, hg_log_level level, const char *text, size_t length)
{
    const hgh_plugin *plugin = plugin_of(host);
    const hgh_engine *engine = plugin->plugin_host->engine;
    char line[HG_LOG_LINE_MAX + HG_NAME_MAX + 16];
    size_t at = (size_t)snprintf(line, sizeof(line), "plugin %s: ", plugin->name);

    for (size_t i = 0; i < length && at + 4 < sizeof(line); i++) {
        unsigned char c = (unsigned char)text[i];

        if (c >= ' ' && c != 0x7f) {
            line[at++] = (char)c;
        } else {
            at += (size_t)snprintf(line + at, sizeof(line) - at, "\\x%02x", c);
        }
    }
    engine->log(request == NULL ? NULL : request->engine_request, level, (hg_text){line, at});
}

static const hg_log_api log_api = {
    .size = sizeof(log_api),
    .write = log_write,
};

hg_host hgh_host_api(int32_t log_level, struct hgh_plugin *plugin)
{
    return (hg_host){
        .size = sizeof(hg_host),
        .abi_major = HG_ABI_MAJOR,
        .abi_minor = HG_ABI_MINOR,
        .log_level = log_level,
        .plugin = plugin,
        .config = &config_api,
        .request = &request_api,
        .response = &response_api,
        .wait = &wait_api,
        .dict = &dict_api,
        .metric = &metric_api,
        .log = &log_api,
    };
}

void hgh_host_api_done(struct hgh_plugin *plugin)
{
    while (plugin->dicts != NULL) {
        hg_dict *next = plugin->dicts->next;

        free(plugin->dicts);
        plugin->dicts = next;
    }
}
