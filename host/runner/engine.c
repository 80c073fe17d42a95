/* host/runner/engine.c - the runner as an engine: what the core asks of it, over frames. */
#include "host/runner/engine.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "host/core/address.h"
#include "host/runner/log.h"
#include "host/runner/served_call.h"

#define DELAY_MAX_MS                                                                               \
    (UINT64_C(1) << 40) /* 34 years: as good as never, and still to be added to                    \
                         */

/* Of the process, set when it starts. */
static hgh_event_loop *current_loop;
static hgh_resolver *current_resolver;

void hgh_runner_engine_set_loop(hgh_event_loop *loop)
{
    current_loop = loop;
}

void hgh_runner_engine_set_resolver(hgh_resolver *resolver)
{
    current_resolver = resolver;
}

static hgh_served_call *call_of(hgh_engine_request *request)
{
    return request;
}

static hg_text ask(hgh_engine_request *request, const char *variable)
{
    return hgh_served_call_ask(call_of(request), HGH_A6_VAR, hg_text_of(variable));
}

/* --------------------------------------------------------------------------------- request */

static void *engine_allocate(hgh_engine_request *request, size_t size)
{
    return hgh_memory_take(&call_of(request)->memory, size);
}

/* The call of a response says nothing of its request. */
static hg_text engine_method(hgh_engine_request *request)
{
    return call_of(request)->is_response ? ask(request, "request_method")
                                         : call_of(request)->in.method;
}

static hg_text engine_scheme(hgh_engine_request *request)
{
    return ask(request, "scheme");
}

static hg_text engine_host(hgh_engine_request *request)
{
    return ask(request, "host");
}

static hg_text engine_uri(hgh_engine_request *request)
{
    return call_of(request)->is_response ? ask(request, "uri") : call_of(request)->in.path;
}

static hg_text engine_raw_uri(hgh_engine_request *request)
{
    return ask(request, "request_uri");
}

static hg_text engine_arguments(hgh_engine_request *request)
{
    return call_of(request)->is_response ? ask(request, "args") : call_of(request)->in.query;
}

static hg_status engine_set_uri(hgh_engine_request *request, hg_text uri)
{
    return hgh_call_request_set_path(&call_of(request)->in, uri);
}

static hg_status engine_set_arguments(hgh_engine_request *request, hg_text arguments)
{
    return hgh_call_request_set_arguments(&call_of(request)->in, arguments);
}

/* "X-Api-Key" is http_x_api_key. */
static hg_text header_ask(hgh_engine_request *request, hg_text name)
{
    static const char prefix[] = "http_";
    char *variable = engine_allocate(request, sizeof(prefix) + name.length);

    if (variable == NULL) {
        return (hg_text){0};
    }
    memcpy(variable, prefix, sizeof(prefix) - 1);
    for (size_t i = 0; i < name.length; i++) {
        char at = name.data[i];

        variable[sizeof(prefix) - 1 + i] = (char)(at == '-'                ? '_'
                                                  : at >= 'A' && at <= 'Z' ? at - 'A' + 'a'
                                                                           : at);
    }
    variable[sizeof(prefix) - 1 + name.length] = '\0';
    return ask(request, variable);
}

static hg_text engine_header(hgh_engine_request *request, hg_text name)
{
    return call_of(request)->is_response ? header_ask(request, name)
                                         : hgh_headers_find(&call_of(request)->in.headers, name);
}

static bool engine_header_at(hgh_engine_request *request, size_t index, hg_header *out_header)
{
    return hgh_headers_at(&call_of(request)->in.headers, index, out_header);
}

static hg_status engine_set_header(hgh_engine_request *request, hg_text name, hg_text value)
{
    return hgh_call_request_set_header(&call_of(request)->in, name, value);
}

static hg_status engine_add_header(hgh_engine_request *request, hg_text name, hg_text value)
{
    return hgh_call_request_add_header(&call_of(request)->in, name, value);
}

static void engine_client_address(hgh_engine_request *request, hg_address *out_address)
{
    hgh_call_request *in = &call_of(request)->in;

    if (call_of(request)->is_response && in->client.family == HG_ADDRESS_NONE) {
        (void)hgh_address_parse(ask(request, "remote_addr"), &in->client); /* or it has none */
    }
    *out_address = in->client;
}

static hg_status engine_set_body(hgh_engine_request *request, const void *data, size_t length)
{
    return hgh_call_request_set_body(&call_of(request)->in, data, length);
}

/* What the protocol has no words for. */

static hg_status engine_set_method(hgh_engine_request *request, hg_text method)
{
    (void)request;
    (void)method;
    return HG_ERR_UNSUPPORTED;
}

static hg_status engine_set_client_address(hgh_engine_request *request, const hg_address *address)
{
    (void)request;
    (void)address;
    return HG_ERR_UNSUPPORTED;
}

static hg_status engine_restore_uri(hgh_engine_request *request)
{
    (void)request;
    return HG_ERR_UNSUPPORTED;
}

static hg_status engine_limit_body(hgh_engine_request *request, uint64_t max_bytes)
{
    (void)request;
    return max_bytes == 0 ? HG_OK : HG_ERR_UNSUPPORTED;
}

/* ------------------------------------------------------------------------------- variables */

static hg_text remote_address(hgh_served_call *call)
{
    char text[64];
    size_t length = hgh_address_format(&call->in.client, text, sizeof(text));

    return hgh_memory_copy(&call->memory, (hg_text){text, length});
}

/* The header that a variable names behind its prefix; a name there has "_" for "-". */
static hg_text header_named(const hgh_headers *headers, hg_text name)
{
    for (const hgh_header_line *line = headers->first; line != NULL; line = line->next) {
        hg_text other = line->header.name;
        size_t i = 0;

        while (i < other.length && other.length == name.length &&
               (other.data[i] == '-' ? '_' : other.data[i] | 0x20) ==
                   (name.data[i] == '_' ? '_' : name.data[i] | 0x20)) {
            i++;
        }
        if (i == name.length && i == other.length) {
            return line->header.value;
        }
    }
    return (hg_text){0};
}

static bool has_prefix(hg_text name, hg_text prefix, hg_text *out_rest)
{
    if (!hg_text_starts_with(name, prefix)) {
        return false;
    }
    *out_rest = (hg_text){name.data + prefix.length, name.length - prefix.length};
    return true;
}

/* What the call itself says, as plugins have changed it; false: the gateway knows. */
static bool variable_own(hgh_served_call *call, hg_text name, hg_text *out_value)
{
    hg_text rest = {0};

    if (call->is_response) {
        if (has_prefix(name, HG_TEXT("sent_http_"), &rest)) {
            *out_value = header_named(&call->response_headers, rest);
            return true;
        }
        if (hg_text_equal(name, HG_TEXT("status"))) {
            char text[16];
            int length = snprintf(text, sizeof(text), "%" PRIu32, call->status);

            *out_value = hgh_memory_copy(&call->memory, (hg_text){text, (size_t)length});
            return true;
        }
        return false;
    }
    if (has_prefix(name, HG_TEXT("http_"), &rest)) {
        *out_value = header_named(&call->in.headers, rest);
    } else if (hg_text_equal(name, HG_TEXT("request_method"))) {
        *out_value = call->in.method;
    } else if (hg_text_equal(name, HG_TEXT("args")) ||
               hg_text_equal(name, HG_TEXT("query_string"))) {
        *out_value = call->in.query;
    } else if (hg_text_equal(name, HG_TEXT("is_args"))) {
        *out_value = call->in.query.length > 0 ? HG_TEXT("?") : HG_TEXT("");
    } else if (hg_text_equal(name, HG_TEXT("remote_addr")) &&
               call->in.client.family != HG_ADDRESS_NONE) {
        *out_value = remote_address(call);
    } else {
        return false;
    }
    return true;
}

static hg_text engine_variable(hgh_engine_request *request, hg_text name)
{
    hg_text value = {0};

    return variable_own(call_of(request), name, &value)
               ? value
               : hgh_served_call_ask(call_of(request), HGH_A6_VAR, name);
}

/* -------------------------------------------------------------------------------- response */

static uint32_t engine_response_status(hgh_engine_request *request)
{
    return call_of(request)->status;
}

static hg_status engine_set_response_status(hgh_engine_request *request, uint32_t status)
{
    hgh_served_call *call = call_of(request);

    call->response_changed |= call->status != status;
    call->status = status;
    return HG_OK;
}

static hg_text engine_response_header(hgh_engine_request *request, hg_text name)
{
    return hgh_headers_find(&call_of(request)->response_headers, name);
}

static bool
engine_response_header_at(hgh_engine_request *request, size_t index, hg_header *out_header)
{
    return hgh_headers_at(&call_of(request)->response_headers, index, out_header);
}

static hg_status
engine_set_response_header(hgh_engine_request *request, hg_text name, hg_text value)
{
    hgh_served_call *call = call_of(request);

    call->response_changed = true;
    return hgh_headers_set(&call->response_headers, &call->memory, name, value);
}

static hg_status
engine_add_response_header(hgh_engine_request *request, hg_text name, hg_text value)
{
    hgh_served_call *call = call_of(request);

    call->response_changed = true;
    return hgh_headers_add(&call->response_headers, &call->memory, name, value);
}

/* A length is left out of the answer when there is another body; the rest as in other engines. */
static void engine_forget_body_length(hgh_engine_request *request)
{
    hgh_served_call *call = call_of(request);
    hgh_headers *headers = &call->response_headers;
    hg_text tag = hgh_headers_find(headers, HG_TEXT("ETag"));

    if (hgh_headers_find(headers, HG_TEXT("Accept-Ranges")).data != NULL) {
        (void)engine_set_response_header(request, HG_TEXT("Accept-Ranges"), (hg_text){0});
    }
    if (tag.data != NULL && !hg_text_starts_with(tag, HG_TEXT("W/"))) {
        char *weak = hgh_memory_take(&call->memory, tag.length + 3);

        if (weak != NULL) {
            (void)snprintf(weak, tag.length + 3, "W/%s", tag.data);
            (void)engine_set_response_header(request, HG_TEXT("ETag"), hg_text_of(weak));
        }
    }
}

static void engine_clear_response(hgh_engine_request *request)
{
    hgh_served_call *call = call_of(request);

    call->response_changed = true;
    call->response_headers = (hgh_headers){0};
}

/* ------------------------------------------------------------------------------------ body */

static void engine_read_body(hgh_engine_request *request, hgh_status_callback done, void *context)
{
    hgh_served_call_read_body(call_of(request), done, context);
}

static hg_status engine_body(hgh_engine_request *request, size_t max_bytes, hg_text *out_body)
{
    hgh_served_call *call = call_of(request);
    hg_text body = call->in.body; /* as a plugin has set it */

    if (body.data == NULL) {
        body = hgh_served_call_ask(call, HGH_A6_REQUEST_BODY, (hg_text){0});
    }
    if (body.length > max_bytes) {
        return HG_ERR_TOO_LARGE;
    }
    *out_body = body.data == NULL ? HG_TEXT("") : body;
    return HG_OK;
}

static void engine_read_response_body(hgh_engine_request *request)
{
    hgh_served_call_read_response_body(call_of(request));
}

/* --------------------------------------------------------------------------------- waiting */

/* A timer, a descriptor that is watched, or a name that is being looked up. */
struct hgh_engine_handle {
    hgh_event_loop_timer timer;
    int fd; /* -1: a timer's */
    hgh_lookup *lookup;
    hgh_callback call;
    hgh_resolved resolved;
    void *context;
};

static hgh_engine_handle *handle_new(hgh_callback call, void *context)
{
    hgh_engine_handle *handle = calloc(1, sizeof(*handle));

    if (handle != NULL) {
        handle->fd = -1;
        handle->call = call;
        handle->context = context;
    }
    return handle;
}

static void timer_over(void *context)
{
    const hgh_engine_handle *handle = context;

    handle->call(handle->context);
}

static hgh_engine_handle *engine_start_timer(uint64_t delay_ms, hgh_callback done, void *context)
{
    hgh_engine_handle *handle = handle_new(done, context);

    if (handle != NULL) {
        hgh_event_loop_timer_start(current_loop, &handle->timer,
                                   delay_ms < DELAY_MAX_MS ? delay_ms : DELAY_MAX_MS, timer_over,
                                   handle);
    }
    return handle;
}

static void descriptor_ready(void *context, uint32_t events)
{
    const hgh_engine_handle *handle = context;

    (void)events;
    handle->call(handle->context);
}

/* A copy is watched: several may wait for one descriptor, and the loop knows each once. */
static hgh_engine_handle *engine_watch(int fd, uint32_t events, hgh_callback ready, void *context)
{
    hgh_engine_handle *handle = handle_new(ready, context);

    if (handle == NULL) {
        return NULL;
    }
    handle->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (handle->fd < 0 || hgh_event_loop_watch(current_loop, handle->fd, events, descriptor_ready,
                                               handle, NULL) != HG_OK) {
        if (handle->fd >= 0) {
            (void)close(handle->fd);
        }
        free(handle);
        return NULL;
    }
    return handle;
}

static void engine_stop(hgh_engine_handle *handle)
{
    if (handle == NULL) {
        return;
    }
    hgh_event_loop_timer_stop(current_loop, &handle->timer);
    if (handle->fd >= 0) {
        hgh_event_loop_unwatch(current_loop, handle->fd);
        (void)close(handle->fd);
    }
    hgh_lookup_cancel(handle->lookup);
    free(handle);
}

/* The handle goes before the caller is told, who may begin the next one. */
static void name_found(
    void *context, hg_status status, const hg_address *addresses, size_t count, uint32_t ttl_s)
{
    hgh_engine_handle *handle = context;
    hgh_engine_handle told = *handle;

    free(handle);
    told.resolved(told.context, status, addresses, count, ttl_s);
}

static hgh_engine_handle *
engine_resolve(hgh_engine_request *request, hg_text name, hgh_resolved done, void *context)
{
    hgh_engine_handle *handle = current_resolver == NULL ? NULL : handle_new(NULL, context);

    (void)request;
    if (handle == NULL) {
        return NULL;
    }
    handle->resolved = done;
    handle->lookup = hgh_lookup_new(current_resolver, name, name_found, handle);
    if (handle->lookup == NULL) {
        free(handle);
        return NULL;
    }
    return handle;
}

static void engine_resume(hgh_engine_request *request)
{
    hgh_served_call_resume(call_of(request));
}

/* ----------------------------------------------------------------------------- the process */

static int64_t engine_wall_ms(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_REALTIME, &now); /* cannot fail with this clock */
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void engine_log(hgh_engine_request *request, hg_log_level level, hg_text text)
{
    if (request == NULL) {
        hgh_runner_log(level, "%.*s", (int)text.length, text.data);
    } else {
        hgh_runner_log(level, "call %" PRIu32 ": %.*s", call_of(request)->id, (int)text.length,
                       text.data);
    }
}

const hgh_engine hgh_runner_engine = {
    .name = "runner",
    .allocate = engine_allocate,
    .method = engine_method,
    .set_method = engine_set_method,
    .scheme = engine_scheme,
    .host = engine_host,
    .uri = engine_uri,
    .set_uri = engine_set_uri,
    .raw_uri = engine_raw_uri,
    .arguments = engine_arguments,
    .set_arguments = engine_set_arguments,
    .header = engine_header,
    .header_at = engine_header_at,
    .set_header = engine_set_header,
    .add_header = engine_add_header,
    .client_address = engine_client_address,
    .variable = engine_variable,
    .set_body = engine_set_body,
    .set_client_address = engine_set_client_address,
    .restore_uri = engine_restore_uri,
    .limit_body = engine_limit_body,
    .response_status = engine_response_status,
    .set_response_status = engine_set_response_status,
    .response_header = engine_response_header,
    .response_header_at = engine_response_header_at,
    .set_response_header = engine_set_response_header,
    .add_response_header = engine_add_response_header,
    .forget_body_length = engine_forget_body_length,
    .clear_response = engine_clear_response,
    .read_body = engine_read_body,
    .body = engine_body,
    .read_response_body = engine_read_response_body,
    .start_timer = engine_start_timer,
    .start_background_timer = engine_start_timer,
    .watch = engine_watch,
    .stop = engine_stop,
    .resolve = engine_resolve,
    .resume = engine_resume,
    .now_ms = hgh_event_loop_now_ms,
    .clock_ms = hgh_event_loop_now_ms,
    .wall_ms = engine_wall_ms,
    .log = engine_log,
};
