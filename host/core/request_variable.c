/* host/core/request_variable.c - what variables, arguments, cookies and object ids are for a
 * request. */
#include <string.h>

#include "host/core/address.h"
#include "host/core/host_api_internal.h"
#include "host/core/query.h"

hg_text hgh_query_decode(hg_request *request, hg_text text)
{
    char *copy = hgh_request_allocate(request, text.length + 1);
    size_t length;

    if (copy == NULL) {
        return (hg_text){0};
    }
    length = hgh_query_decode_into(text, copy);
    copy[length] = '\0';
    return (hg_text){copy, length};
}

static bool is_encoded(hg_text text)
{
    return memchr(text.data, '%', text.length) != NULL ||
           memchr(text.data, '+', text.length) != NULL;
}

/* The first argument of that name as it was sent; out_bare: it has no "=". */
static hg_text argument_find(hg_request *request, hg_text name, bool *out_bare)
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
        if (is_encoded(key)) {
            key = hgh_query_decode(request, key);
        }
        if (hg_text_equal(key, name)) {
            *out_bare = equals == NULL;
            return equals == NULL ? HG_TEXT("")
                                  : (hg_text){equals + 1, (size_t)(stop - equals - 1)};
        }
        at = stop + 1;
    }
    return (hg_text){0};
}

hg_text hgh_request_argument(hg_request *request, hg_text name)
{
    bool bare = false;
    hg_text value = argument_find(request, name, &bare);

    return value.data == NULL ? value : hgh_query_decode(request, value);
}

/* One "name=value" of a Cookie header (RFC 6265 section 4.2). */
static hg_text cookie_in(hg_text header, hg_text name)
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
            return (hg_text){at, (size_t)(stop - at)};
        }
        at = stop + 1;
    }
    return (hg_text){0};
}

static hg_text cookie_find(hg_request *request, hg_text name)
{
    hg_header header;

    for (size_t i = 0; request->engine->header_at(request->engine_request, i, &header); i++) {
        if (hg_text_equal_ignoring_case(header.name, HG_TEXT("Cookie"))) {
            hg_text value = cookie_in(header.value, name);

            if (value.data != NULL) {
                return value;
            }
        }
    }
    return (hg_text){0};
}

hg_text hgh_request_cookie(hg_request *request, hg_text name)
{
    return hgh_request_text_copy(request, cookie_find(request, name));
}

/* What is known of the route of a called request: its process is asked. */
static hg_text object_asked(hg_request *request, hg_object which)
{
    static const char *const names[] = {
        [HG_OBJECT_ROUTE_ID] = "route_id",
        [HG_OBJECT_ROUTE_NAME] = "route_name",
        [HG_OBJECT_SERVICE_ID] = "service_id",
        [HG_OBJECT_SERVICE_NAME] = "service_name",
        [HG_OBJECT_CONSUMER_NAME] = "consumer_name",
        [HG_OBJECT_CONSUMER_GROUP_ID] = "consumer_group_id",
    };
    const char *name = (size_t)which < sizeof(names) / sizeof(names[0]) ? names[which] : NULL;

    return name == NULL ? (hg_text){0}
                        : request->engine->variable(request->engine_request, hg_text_of(name));
}

hg_text hgh_request_object(hg_request *request, hg_object which)
{
    const hgh_route *route = request->route;
    const hgh_service *service = request->chain == NULL ? NULL : hgh_chain_service(request->chain);
    const hg_consumer *consumer = request->consumer;

    if (request->is_called) {
        return object_asked(request, which);
    }
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
        return consumer == NULL ? (hg_text){0} : hg_text_of(consumer->base.id);
    case HG_OBJECT_UPSTREAM_ID:
        return route == NULL || route->upstream_cell == NULL ? (hg_text){0}
                                                             : hg_text_of(route->upstream_cell->id);
    case HG_OBJECT_CONSUMER_GROUP_ID:
        return consumer == NULL || consumer->group == NULL ? (hg_text){0}
                                                           : hg_text_of(consumer->group->id);
    case HG_OBJECT_CREDENTIAL_ID:
        return request->credential == NULL ? (hg_text){0} : hgh_credential_id(request->credential);
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
    return hgh_request_text_copy(request, (hg_text){text, length});
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

hg_text hgh_request_target(hg_request *request)
{
    hg_text path = hgh_request_path(request);
    hg_text arguments = request->engine->arguments(request->engine_request);
    char *text;

    if (request->request_uri.data != NULL) {
        return request->request_uri;
    }
    text = hgh_request_allocate(request, path.length + 1 + arguments.length + 1);
    if (text == NULL) {
        return (hg_text){0};
    }
    memcpy(text, path.data, path.length);
    if (arguments.length > 0) {
        text[path.length] = '?';
        memcpy(text + path.length + 1, arguments.data, arguments.length);
        path.length += 1 + arguments.length;
    }
    text[path.length] = '\0';
    request->request_uri = (hg_text){text, path.length};
    return request->request_uri;
}

static hg_text own_route_id(hg_request *request)
{
    return hgh_request_object(request, HG_OBJECT_ROUTE_ID);
}

static hg_text own_route_name(hg_request *request)
{
    return hgh_request_object(request, HG_OBJECT_ROUTE_NAME);
}

static hg_text own_service_id(hg_request *request)
{
    return hgh_request_object(request, HG_OBJECT_SERVICE_ID);
}

static hg_text own_service_name(hg_request *request)
{
    return hgh_request_object(request, HG_OBJECT_SERVICE_NAME);
}

static hg_text own_consumer_name(hg_request *request)
{
    return hgh_request_object(request, HG_OBJECT_CONSUMER_NAME);
}

static hg_text own_consumer_group_id(hg_request *request)
{
    return hgh_request_object(request, HG_OBJECT_CONSUMER_GROUP_ID);
}

static hg_text own_balancer_ip(hg_request *request)
{
    return variable_balancer(request, false);
}

static hg_text own_balancer_port(hg_request *request)
{
    return variable_balancer(request, true);
}

static hg_text own_unresolved_host(hg_request *request)
{
    return request->target.node == NULL ? (hg_text){0} : request->target.node->host;
}

static hg_text own_matched_uri(hg_request *request)
{
    return request->matched_uri;
}

static hg_text own_method(hg_request *request)
{
    return request->engine->method(request->engine_request);
}

static hg_text own_uri(hg_request *request)
{
    return hgh_request_path(request);
}

static hg_text own_raw_uri(hg_request *request)
{
    return request->engine->raw_uri(request->engine_request);
}

/* For a table, whose initialisers are constants. */
#define NAME(text)                                                                                 \
    {                                                                                              \
        text, sizeof(text) - 1                                                                     \
    }

/* True if the name is one of the gateway's own that need no decoding. */
static bool variable_own(hg_request *request, hg_text name, hg_text *out_value)
{
    static const struct {
        hg_text name;
        hg_text (*get)(hg_request *request);
        bool of_route; /* which of a called request is in another process */
    } own[] = {
        {NAME("route_id"), own_route_id, true},
        {NAME("route_name"), own_route_name, true},
        {NAME("service_id"), own_service_id, true},
        {NAME("service_name"), own_service_name, true},
        {NAME("consumer_name"), own_consumer_name, true},
        {NAME("consumer_group_id"), own_consumer_group_id, true},
        {NAME("balancer_ip"), own_balancer_ip, true},
        {NAME("balancer_port"), own_balancer_port, true},
        {NAME("upstream_unresolved_host"), own_unresolved_host, true},
        {NAME("matched_uri"), own_matched_uri, true},
        {NAME("method"), own_method, false},
        {NAME("uri"), own_uri, false},
        {NAME("document_uri"), own_uri, false},
        {NAME("request_uri"), hgh_request_target, true},
        {NAME("real_request_uri"), own_raw_uri, true},
    };

    for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
        /* Most names are none of these, which length and first letter tell. */
        if (own[i].name.length == name.length && own[i].name.data[0] == name.data[0] &&
            hg_text_equal(name, own[i].name)) {
            if (own[i].of_route && request->is_called) {
                return false;
            }
            *out_value = own[i].get(request);
            return true;
        }
    }
    if (!request->is_called && take_prefix(&name, HG_TEXT("uri_param_"))) {
        *out_value = variable_parameter(request, name);
        return true;
    }
    return false;
}

/* Its family if it stands in the body; 0: elsewhere, as the first letter tells of most. */
static uint8_t body_family(hg_text name)
{
    return name.length > 0 && (name.data[0] == 'p' || name.data[0] == 'g')
               ? hgh_body_family_of(name)
               : 0;
}

hg_text hgh_request_variable(hg_request *request, hg_text name)
{
    uint8_t family = body_family(name);
    hg_text value;

    if (family != 0) {
        return hgh_request_body_text(request, family, name);
    }
    if (take_prefix(&name, HG_TEXT("arg_"))) {
        return hgh_request_argument(request, name);
    }
    if (take_prefix(&name, HG_TEXT("cookie_"))) {
        return hgh_request_cookie(request, name);
    }
    if (!variable_own(request, name, &value)) {
        value = request->engine->variable(request->engine_request, name);
    }
    return hgh_request_text_copy(request, value);
}

hgh_variable hgh_request_expression_variable(void *context, hg_text name)
{
    hg_request *request = context;
    hgh_variable variable = {.kind = HGH_VARIABLE_TEXT};
    uint8_t family = body_family(name);
    bool bare = false;

    if (family != 0) {
        return hgh_request_body_variable(request, family, name);
    }
    if (take_prefix(&name, HG_TEXT("arg_"))) {
        variable.text = argument_find(request, name, &bare);
        if (variable.text.data != NULL && is_encoded(variable.text)) {
            variable.text = hgh_query_decode(request, variable.text);
        }
    } else if (take_prefix(&name, HG_TEXT("cookie_"))) {
        variable.text = cookie_find(request, name);
    } else if (!variable_own(request, name, &variable.text)) {
        variable.text = request->engine->variable(request->engine_request, name);
    }
    if (variable.text.data == NULL) {
        variable.kind = HGH_VARIABLE_ABSENT;
    } else if (bare) {
        variable.kind = HGH_VARIABLE_TRUE;
    }
    return variable;
}
