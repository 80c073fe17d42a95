/* host/core/host_api_request.c - the functions behind <hotgate/request.h>. */
#include <string.h>

#include "host/core/host_api_internal.h"

static const hgh_plugin *plugin_of(const hg_host *host)
{
    return host->plugin;
}

/* The same, made once: engines hand out parts of their buffers. */
static hg_text text_cached(hg_request *request, hg_text *cache, hg_text text)
{
    if (cache->data == NULL || !hg_text_equal(*cache, text)) {
        *cache = hgh_request_text_copy(request, text);
    }
    return *cache;
}

static void *request_data(hg_request *request)
{
    const hgh_plugin *plugin = hgh_request_configuration(request)->plugin;
    size_t size = plugin->descriptor->request_size;
    bool is_global = hgh_request_is_global(request);
    hgh_plugin_data *data = request->data;

    while (data != NULL && (data->plugin != plugin || data->is_global != is_global)) {
        data = data->next;
    }
    if (data == NULL && size > 0) {
        data = hgh_request_allocate(request, sizeof(*data) + size);
        if (data == NULL) {
            return NULL;
        }
        memset(data, 0, sizeof(*data) + size);
        data->plugin = plugin;
        data->is_global = is_global;
        data->next = request->data;
        request->data = data;
    }
    return data == NULL ? NULL : data->bytes;
}

static hg_phase request_phase(const hg_request *request)
{
    return request->phase;
}

hg_text hgh_request_method(hg_request *request)
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
    return text_cached(request, &request->texts.uri, hgh_request_path(request));
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

static hg_status request_set_method(hg_request *request, hg_text method)
{
    if (!hgh_request_is_open(request)) {
        return HG_ERR_TOO_LATE;
    }
    if (!hgh_name_is_token(method)) {
        return HG_ERR_INVALID;
    }
    method = hgh_request_text_copy(request, method);
    return method.data == NULL ? HG_ERR_NO_MEMORY
                               : request->engine->set_method(request->engine_request, method);
}

static hg_status request_set_uri(hg_request *request, hg_text uri)
{
    if (!hgh_request_is_open(request)) {
        return HG_ERR_TOO_LATE;
    }
    return uri.length == 0 || uri.data[0] != '/' || !hgh_value_is_clean(uri)
               ? HG_ERR_INVALID
               : hgh_request_set_path(request, uri);
}

hg_status hgh_request_set_path(hg_request *request, hg_text path)
{
    path = hgh_request_text_copy(request, path);
    if (path.data == NULL ||
        hgh_request_target(request).data == NULL) { /* kept before it changes */
        return HG_ERR_NO_MEMORY;
    }
    request->path = (hg_text){0};
    return request->engine->set_uri(request->engine_request, path);
}

hg_status hgh_host_set_arguments(hg_request *request, hg_text arguments)
{
    if (!hgh_request_is_open(request)) {
        return HG_ERR_TOO_LATE;
    }
    for (size_t i = 0; i < arguments.length; i++) {
        if ((unsigned char)arguments.data[i] <= ' ' || arguments.data[i] == 0x7f) {
            return HG_ERR_INVALID; /* would end the request line early */
        }
    }
    arguments = hgh_request_text_copy(request, arguments.data == NULL ? HG_TEXT("") : arguments);
    if (arguments.data == NULL || hgh_request_target(request).data == NULL) {
        return HG_ERR_NO_MEMORY;
    }
    return request->engine->set_arguments(request->engine_request, arguments);
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

    if (!hgh_request_is_open(request)) {
        return HG_ERR_TOO_LATE;
    }
    if (!hgh_name_is_token(name) || !hgh_value_is_clean(value)) {
        return HG_ERR_INVALID;
    }
    if (!hgh_request_header_copy(request, &name, &value)) {
        return HG_ERR_NO_MEMORY;
    }
    if (replaces && hg_text_equal_ignoring_case(name, HG_TEXT("Host"))) {
        request->upstream_host = value;
    }
    return replaces ? engine->set_header(request->engine_request, name, value)
                    : engine->add_header(request->engine_request, name, value);
}

hg_status hgh_host_set_header(hg_request *request, hg_text name, hg_text value)
{
    return header_change(request, name, value, true);
}

static hg_status request_add_header(hg_request *request, hg_text name, hg_text value)
{
    return header_change(request, name, value, false);
}

hg_status hgh_host_remove_header(hg_request *request, hg_text name)
{
    if (!hgh_request_is_open(request)) {
        return HG_ERR_TOO_LATE;
    }
    return hgh_name_is_token(name)
               ? request->engine->set_header(request->engine_request, name, (hg_text){0})
               : HG_ERR_INVALID;
}

static bool request_is_new(const hg_request *request)
{
    return request->phase == HG_PHASE_REWRITE || request->phase == HG_PHASE_ACCESS;
}

hg_status hgh_host_set_body(hg_request *request, const void *data, size_t length)
{
    if (!request_is_new(request)) {
        return HG_ERR_TOO_LATE;
    }
    hgh_request_body_was_replaced(request);
    return request->engine->set_body(request->engine_request, data, length);
}

static hg_status request_set_upstream_host(hg_request *request, hg_text host)
{
    if (!hgh_request_is_open(request)) {
        return HG_ERR_TOO_LATE;
    }
    if (host.length == 0 || !hgh_value_is_clean(host)) {
        return HG_ERR_INVALID;
    }
    host = hgh_request_text_copy(request, host);
    if (host.data == NULL) {
        return HG_ERR_NO_MEMORY;
    }
    request->upstream_host = host;
    return HG_OK;
}

static const hg_address *request_client_address(hg_request *request)
{
    if (request->is_called && request->client.family == HG_ADDRESS_NONE) { /* it may be asked for */
        request->engine->client_address(request->engine_request, &request->client);
    }
    return &request->client;
}

static hg_status request_set_client_address(hg_request *request, const hg_address *address)
{
    hg_status status;

    if (!request_is_new(request)) {
        return HG_ERR_TOO_LATE;
    }
    if (address->family != HG_ADDRESS_IPV4 && address->family != HG_ADDRESS_IPV6) {
        return HG_ERR_INVALID;
    }
    status = request->engine->set_client_address(request->engine_request, address);
    if (status == HG_OK) {
        request->client = *address;
    }
    return status;
}

static hg_status request_restore_uri(hg_request *request)
{
    return hgh_request_is_open(request) ? request->engine->restore_uri(request->engine_request)
                                        : HG_ERR_TOO_LATE;
}

static hg_status request_limit_body(hg_request *request, uint64_t max_bytes)
{
    return request_is_new(request) ? request->engine->limit_body(request->engine_request, max_bytes)
                                   : HG_ERR_TOO_LATE;
}

static uint64_t engine_now_ms(const hg_host *host)
{
    return plugin_of(host)->plugin_host->engine->now_ms();
}

static uint64_t engine_clock_ms(const hg_host *host)
{
    return plugin_of(host)->plugin_host->engine->clock_ms();
}

static int64_t engine_wall_ms(const hg_host *host)
{
    return plugin_of(host)->plugin_host->engine->wall_ms();
}

const hg_request_api hgh_host_request_api = {
    .size = sizeof(hgh_host_request_api),
    .allocate = hgh_request_allocate,
    .data = request_data,
    .phase = request_phase,
    .now_ms = engine_now_ms,
    .wall_ms = engine_wall_ms,
    .method = hgh_request_method,
    .set_method = request_set_method,
    .scheme = request_scheme,
    .host = request_host,
    .uri = request_uri,
    .set_uri = request_set_uri,
    .raw_uri = request_raw_uri,
    .arguments = request_arguments,
    .set_arguments = hgh_host_set_arguments,
    .argument = hgh_request_argument,
    .header = request_header,
    .header_at = request_header_at,
    .set_header = hgh_host_set_header,
    .add_header = request_add_header,
    .remove_header = hgh_host_remove_header,
    .cookie = hgh_request_cookie,
    .set_body = hgh_host_set_body,
    .set_upstream_host = request_set_upstream_host,
    .client_address = request_client_address,
    .variable = hgh_request_variable,
    .object = hgh_request_object,
    .consumer_find = hgh_host_consumer_find,
    .consumer_config = hgh_host_consumer_config,
    .consumer_name = hgh_host_consumer_name,
    .consumer_attach = hgh_host_consumer_attach,
    .consumer_any = hgh_host_consumer_any,
    .exit = hgh_host_exit,
    .exit_json = hgh_host_exit_json,
    .exit_member = hgh_host_exit_member,
    .consumer_named = hgh_host_consumer_named,
    .remove_argument = hgh_request_remove_argument,
    .remove_cookie = hgh_request_remove_cookie,
    .exit_unauthorized = hgh_host_exit_unauthorized,
    .clock_ms = engine_clock_ms,
    .set_client_address = request_set_client_address,
    .restore_uri = request_restore_uri,
    .limit_body = request_limit_body,
};
