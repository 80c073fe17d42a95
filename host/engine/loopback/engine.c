/* host/engine/loopback/engine.c - what the core asks of an engine, done in memory. */
#include "host/engine/loopback/engine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/engine/loopback/call.h"
#include "host/engine/loopback/gateway.h"
#include "host/engine/loopback/variable.h"

/* --------------------------------------------------------------------------------- request */

static hgh_exchange *exchange_of(hgh_engine_request *request)
{
    return request;
}

static void *engine_allocate(hgh_engine_request *request, size_t size)
{
    return hgh_memory_take(&exchange_of(request)->memory, size);
}

static hg_text engine_method(hgh_engine_request *request)
{
    return exchange_of(request)->in.method;
}

static hg_status engine_set_method(hgh_engine_request *request, hg_text method)
{
    exchange_of(request)->in.method = method;
    return HG_OK;
}

static hg_text engine_scheme(hgh_engine_request *request)
{
    return exchange_of(request)->in.https ? HG_TEXT("https") : HG_TEXT("http");
}

static hg_text engine_host(hgh_engine_request *request)
{
    return exchange_of(request)->in.host;
}

static hg_text engine_uri(hgh_engine_request *request)
{
    return exchange_of(request)->in.uri;
}

static hg_status engine_set_uri(hgh_engine_request *request, hg_text uri)
{
    hgh_exchange_request *in = &exchange_of(request)->in;

    in->uri = uri;
    in->uri_changed = true;
    return HG_OK;
}

static hg_status engine_restore_uri(hgh_engine_request *request)
{
    hgh_exchange_request *in = &exchange_of(request)->in;

    in->uri = in->sent_uri;
    in->arguments = in->sent_arguments;
    in->uri_changed = false;
    in->arguments_changed = false;
    return HG_OK;
}

static hg_text engine_raw_uri(hgh_engine_request *request)
{
    return exchange_of(request)->in.raw_uri;
}

static hg_text engine_arguments(hgh_engine_request *request)
{
    return exchange_of(request)->in.arguments;
}

static hg_status engine_set_arguments(hgh_engine_request *request, hg_text arguments)
{
    hgh_exchange_request *in = &exchange_of(request)->in;

    in->arguments = arguments;
    in->arguments_changed = true;
    return HG_OK;
}

static hg_text engine_header(hgh_engine_request *request, hg_text name)
{
    return hgh_headers_find(&exchange_of(request)->in.headers, name);
}

static bool engine_header_at(hgh_engine_request *request, size_t index, hg_header *out_header)
{
    return hgh_headers_at(&exchange_of(request)->in.headers, index, out_header);
}

static hg_status engine_set_header(hgh_engine_request *request, hg_text name, hg_text value)
{
    hgh_exchange *exchange = exchange_of(request);

    return hgh_headers_set(&exchange->in.headers, &exchange->memory, name, value);
}

static hg_status engine_add_header(hgh_engine_request *request, hg_text name, hg_text value)
{
    hgh_exchange *exchange = exchange_of(request);

    return hgh_headers_add(&exchange->in.headers, &exchange->memory, name, value);
}

static void engine_client_address(hgh_engine_request *request, hg_address *out_address)
{
    *out_address = exchange_of(request)->in.client;
}

static hg_status engine_set_client_address(hgh_engine_request *request, const hg_address *address)
{
    exchange_of(request)->in.client = *address;
    return HG_OK;
}

/* A body without a length is found too long when it is read. */
static hg_status engine_limit_body(hgh_engine_request *request, uint64_t max_bytes)
{
    hgh_exchange *exchange = exchange_of(request);
    hgh_headers *headers = &exchange->in.headers;

    if (max_bytes > 0 && (exchange->in.body_max == 0 || max_bytes < exchange->in.body_max)) {
        exchange->in.body_max = max_bytes;
    }
    return max_bytes > 0 && hgh_exchange_is_too_large(exchange) &&
                   hgh_headers_find(headers, HG_TEXT("Content-Length")).data != NULL
               ? HG_ERR_TOO_LARGE
               : HG_OK;
}

static hg_text engine_variable(hgh_engine_request *request, hg_text name)
{
    return hgh_variable_get(exchange_of(request), name);
}

static hg_status engine_set_body(hgh_engine_request *request, const void *data, size_t length)
{
    hgh_exchange *exchange = exchange_of(request);
    hg_text body = hgh_memory_copy(&exchange->memory, (hg_text){length == 0 ? "" : data, length});
    char text[24];

    if (body.data == NULL) {
        return HG_ERR_NO_MEMORY;
    }
    exchange->in.body = body;
    (void)snprintf(text, sizeof(text), "%zu", length);
    return hgh_headers_set(&exchange->in.headers, &exchange->memory, HG_TEXT("Content-Length"),
                           hg_text_of(text));
}

/* -------------------------------------------------------------------------------- response */

static uint32_t engine_response_status(hgh_engine_request *request)
{
    return exchange_of(request)->out.status;
}

static hg_status engine_set_response_status(hgh_engine_request *request, uint32_t status)
{
    exchange_of(request)->out.status = status;
    return HG_OK;
}

static hg_text engine_response_header(hgh_engine_request *request, hg_text name)
{
    return hgh_headers_find(&exchange_of(request)->out.headers, name);
}

static bool
engine_response_header_at(hgh_engine_request *request, size_t index, hg_header *out_header)
{
    return hgh_headers_at(&exchange_of(request)->out.headers, index, out_header);
}

static hg_status
engine_set_response_header(hgh_engine_request *request, hg_text name, hg_text value)
{
    hgh_exchange *exchange = exchange_of(request);

    return hgh_headers_set(&exchange->out.headers, &exchange->memory, name, value);
}

static hg_status
engine_add_response_header(hgh_engine_request *request, hg_text name, hg_text value)
{
    hgh_exchange *exchange = exchange_of(request);

    return hgh_headers_add(&exchange->out.headers, &exchange->memory, name, value);
}

/* As nginx: no length, no ranges, and a strong validator becomes a weak one (RFC 9110 8.8.3). */
static void engine_forget_body_length(hgh_engine_request *request)
{
    hgh_exchange *exchange = exchange_of(request);
    hgh_headers *headers = &exchange->out.headers;
    hg_text tag = hgh_headers_find(headers, HG_TEXT("ETag"));

    (void)hgh_headers_set(headers, &exchange->memory, HG_TEXT("Content-Length"), (hg_text){0});
    (void)hgh_headers_set(headers, &exchange->memory, HG_TEXT("Accept-Ranges"), (hg_text){0});
    if (tag.data != NULL && !hg_text_starts_with(tag, HG_TEXT("W/"))) {
        char *weak = hgh_memory_take(&exchange->memory, tag.length + 3);

        if (weak != NULL) {
            (void)snprintf(weak, tag.length + 3, "W/%s", tag.data);
            (void)hgh_headers_set(headers, &exchange->memory, HG_TEXT("ETag"), hg_text_of(weak));
        }
    }
}

static void engine_clear_response(hgh_engine_request *request)
{
    exchange_of(request)->out.headers = (hgh_headers){0};
}

/* --------------------------------------------------------------------------------- waiting */

static void engine_read_response_body(hgh_engine_request *request)
{
    hgh_exchange_read_response(exchange_of(request));
}

static void body_arrived(void *context)
{
    hgh_exchange *exchange = context;

    hgh_loop_stop(exchange->body_timer);
    exchange->body_timer = NULL;
    exchange->body_delay_ms = 0; /* it is here: reading it again takes no time */
    if (hgh_exchange_is_too_large(exchange)) {
        exchange->body_done(exchange->body_context, HG_ERR_TOO_LARGE);
        return;
    }
    exchange->body_done(exchange->body_context, exchange->body_breaks_off ? HG_ERR_IO : HG_OK);
}

static void engine_read_body(hgh_engine_request *request, hgh_status_callback done, void *context)
{
    hgh_exchange *exchange = exchange_of(request);

    exchange->body_done = done;
    exchange->body_context = context;
    exchange->body_timer = hgh_loop_start_timer(&exchange->test->loop, exchange->body_delay_ms,
                                                body_arrived, exchange);
    if (exchange->body_timer == NULL) {
        hgh_gateway_fail(exchange->test, "request body: no memory");
    }
}

static hg_status engine_body(hgh_engine_request *request, size_t max_bytes, hg_text *out_body)
{
    const hgh_exchange_request *in = &exchange_of(request)->in;

    if (in->body.length > max_bytes) {
        return HG_ERR_TOO_LARGE;
    }
    *out_body = in->body.data == NULL ? HG_TEXT("") : in->body;
    return HG_OK;
}

static hgh_engine_handle *engine_start_timer(uint64_t delay_ms, hgh_callback done, void *context)
{
    return hgh_loop_start_timer(&hgh_gateway_current->loop, delay_ms, done, context);
}

static hgh_engine_handle *engine_watch(int fd, uint32_t events, hgh_callback ready, void *context)
{
    return hgh_loop_watch(&hgh_gateway_current->loop, fd, events, ready, context);
}

/* A name that is being looked up. */
typedef struct resolution {
    hgh_engine_handle *timer;
    hgh_resolved done;
    void *context;
    bool exists;
    bool is_local;
} resolution;

/* Every name has one address, of the block for documentation (RFC 5737); "localhost" has its own,
 * those below "invalid" have none (RFC 6761 sections 6.3 and 6.4). */
static void name_resolved(void *context)
{
    resolution *lookup = context;
    hg_address address = {.family = HG_ADDRESS_IPV4, .bytes = {192, 0, 2, 53}};

    if (lookup->is_local) {
        address = (hg_address){.family = HG_ADDRESS_IPV4, .bytes = {127, 0, 0, 1}};
    }
    hgh_loop_stop(lookup->timer); /* it is freed when this has returned */
    if (lookup->exists) {
        lookup->done(lookup->context, HG_OK, &address, 1, 60);
    } else {
        lookup->done(lookup->context, HG_ERR_NOT_FOUND, NULL, 0, 0);
    }
}

static hgh_engine_handle *
engine_resolve(hgh_engine_request *request, hg_text name, hgh_resolved done, void *context)
{
    static const char invalid[] = ".invalid";
    resolution *lookup = calloc(1, sizeof(*lookup));
    size_t suffix = sizeof(invalid) - 1;

    (void)request;
    if (lookup == NULL) {
        return NULL;
    }
    lookup->done = done;
    lookup->context = context;
    lookup->exists =
        name.length < suffix || memcmp(name.data + name.length - suffix, invalid, suffix) != 0;
    lookup->is_local = hg_text_equal_ignoring_case(name, HG_TEXT("localhost"));
    lookup->timer = hgh_loop_start_timer(&hgh_gateway_current->loop, 0, name_resolved, lookup);
    if (lookup->timer == NULL) {
        free(lookup);
        return NULL;
    }
    hgh_loop_own(lookup->timer, lookup);
    return lookup->timer;
}

static void resume_due(void *context)
{
    hgh_exchange *exchange = context;

    hgh_loop_stop(exchange->resume_timer);
    exchange->resume_timer = NULL;
    hgh_exchange_run(exchange);
}

static void engine_resume(hgh_engine_request *request)
{
    hgh_exchange *exchange = exchange_of(request);

    if (exchange->resume_timer == NULL) {
        exchange->resume_timer =
            hgh_loop_start_timer(&exchange->test->loop, 0, resume_due, exchange);
    }
    if (exchange->resume_timer == NULL) {
        hgh_gateway_fail(exchange->test, "resume: no memory");
    }
}

/* ----------------------------------------------------------------------------- the process */

static uint64_t engine_now_ms(void)
{
    return hgh_gateway_current->loop.now_ms;
}

static int64_t engine_wall_ms(void)
{
    return hgh_gateway_current->loop.wall_ms;
}

static void engine_log(hgh_engine_request *request, hg_log_level level, hg_text text)
{
    (void)request;
    hgh_gateway_log(hgh_gateway_current, level, text);
}

const hgh_engine hgh_loopback_engine = {
    .name = "loopback",
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
    .stop = hgh_loop_stop,
    .resolve = engine_resolve,
    .answer_call = hgh_call_answer,
    .resume = engine_resume,
    .now_ms = engine_now_ms,
    .clock_ms = engine_now_ms,
    .wall_ms = engine_wall_ms,
    .log = engine_log,
};
