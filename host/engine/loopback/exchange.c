/* host/engine/loopback/exchange.c - one request in memory, from its text to its log phase. */
#include "host/engine/loopback/exchange.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/core/address.h"
#include "host/core/response_hold.h"
#include "host/engine/loopback/gateway.h"
#include "host/engine/loopback/target.h"

#define BODY_MAX       (256u << 20)
#define LIST_MAX       (64u << 10)
#define STATUS_CLOSED  499u /* nginx's own: the client closed the connection before the answer */
#define CLIENT_DEFAULT "127.0.0.1:40000"

/* ---------------------------------------------------------------------------------- request */

static hg_status target_read(hgh_exchange *exchange, const char *target, hg_error *err)
{
    hgh_exchange_request *in = &exchange->in;
    const char *question = strchr(target, '?');
    size_t path_length = question == NULL ? strlen(target) : (size_t)(question - target);
    hg_status status;

    in->raw_uri = hgh_memory_copy(&exchange->memory, hg_text_of(target));
    if (question != NULL) {
        in->arguments = hgh_memory_copy(&exchange->memory, hg_text_of(question + 1));
    }
    status = hgh_target_normalise(&exchange->memory, (hg_text){target, path_length}, &in->uri);
    in->sent_uri = in->uri;
    in->sent_arguments = in->arguments;
    return status == HG_OK
               ? HG_OK
               : hg_error_set(err, status, "uri: found \"%.200s\", wanted a path", target);
}

/* Lower case and without its port; nginx keeps the brackets of an IPv6 address. */
static hg_text host_read(hgh_exchange *exchange, hg_text header)
{
    const char *bracket = header.length == 0 ? NULL : memchr(header.data, ']', header.length);
    size_t length = bracket == NULL ? 0 : (size_t)(bracket - header.data);
    hg_text host;

    while (length < header.length && header.data[length] != ':') {
        length++;
    }
    host = hgh_memory_copy(&exchange->memory, (hg_text){header.data, length});
    for (size_t i = 0; i < host.length; i++) {
        ((char *)(uintptr_t)host.data)[i] = (char)tolower((unsigned char)host.data[i]);
    }
    return host;
}

static hg_status client_read(const char *text, hg_address *out_address, hg_error *err)
{
    text = text == NULL ? CLIENT_DEFAULT : text;
    if (strcmp(text, "unix:") == 0) {
        *out_address = (hg_address){.family = HG_ADDRESS_NONE};
        return HG_OK;
    }
    if (hgh_address_parse(hg_text_of(text), out_address) == HG_OK ||
        hgh_address_parse_with_port(hg_text_of(text), out_address) == HG_OK) {
        return HG_OK;
    }
    return hg_error_set(err, HG_ERR_INVALID, "client: found \"%.80s\", wanted ADDRESS[:PORT]",
                        text);
}

static hg_status headers_read(hgh_exchange *exchange, const char *lines, hg_error *err)
{
    hgh_exchange_request *in = &exchange->in;
    char length[24];
    hg_status status = hgh_headers_add_lines(&in->headers, &exchange->memory, lines);

    if (status != HG_OK) {
        return hg_error_set(err, status, "headers: found \"%.200s\", wanted \"Name: value\" lines",
                            lines);
    }
    if (hgh_headers_find(&in->headers, HG_TEXT("Host")).data == NULL) {
        status =
            hgh_headers_set(&in->headers, &exchange->memory, HG_TEXT("Host"), HG_TEXT("localhost"));
    }
    if (status == HG_OK && in->body.data != NULL &&
        hgh_headers_find(&in->headers, HG_TEXT("Transfer-Encoding")).data == NULL &&
        hgh_headers_find(&in->headers, HG_TEXT("Content-Length")).data == NULL) {
        (void)snprintf(length, sizeof(length), "%zu", in->body.length);
        status = hgh_headers_set(&in->headers, &exchange->memory, HG_TEXT("Content-Length"),
                                 hg_text_of(length));
    }
    in->host = host_read(exchange, hgh_headers_find(&in->headers, HG_TEXT("Host")));
    return status;
}

/* What the request takes on the wire. */
static uint64_t length_of(const hgh_exchange_request *in)
{
    uint64_t length = in->method.length + in->raw_uri.length + strlen("  HTTP/1.1\r\n\r\n");

    for (const hgh_header_line *line = in->headers.first; line != NULL; line = line->next) {
        length += line->header.name.length + line->header.value.length + strlen(": \r\n");
    }
    return length + in->body.length;
}

static hg_status request_read(hgh_exchange *exchange, const hg_test_request *source, hg_error *err)
{
    hgh_exchange_request *in = &exchange->in;
    const char *method = source->method == NULL ? "GET" : source->method;
    hg_status status = client_read(source->client, &in->client, err);

    if (status == HG_OK) {
        status = target_read(exchange, source->uri == NULL ? "/" : source->uri, err);
    }
    if (status != HG_OK) {
        return status;
    }
    in->method = hgh_memory_copy(&exchange->memory, hg_text_of(method));
    in->https = source->https;
    if (source->body != NULL) {
        size_t length = source->body_length > 0 ? source->body_length : strlen(source->body);

        in->body = hgh_memory_copy(&exchange->memory, (hg_text){source->body, length});
    }
    exchange->body_delay_ms = source->body_delay_ms;
    exchange->body_breaks_off = source->body_breaks_off;
    status = headers_read(exchange, source->headers, err);
    in->length = length_of(in);
    return status;
}

hg_status hgh_exchange_new(hg_test *test,
                           const hg_test_request *source,
                           hgh_exchange **out_exchange,
                           hg_error *err)
{
    hgh_exchange *exchange = calloc(1, sizeof(*exchange));
    hg_status status;

    if (exchange == NULL) {
        return hg_error_set(err, HG_ERR_NO_MEMORY, "out of memory");
    }
    exchange->test = test;
    exchange->view = (hg_test_exchange){
        .body = "",
        .upstream_method = "",
        .upstream_uri = "",
        .upstream_host = "",
        .upstream_node = "",
        .upstream_body = "",
    };
    exchange->out.body.max = BODY_MAX;
    exchange->tries.addresses.max = LIST_MAX;
    exchange->tries.statuses.max = LIST_MAX;
    exchange->tries.times.max = LIST_MAX;
    status = request_read(exchange, source, err);
    if (status == HG_OK) {
        exchange->id = ++test->exchange_count;
        exchange->began_ms = test->loop.now_ms;
        exchange->began_wall_ms = test->loop.wall_ms;
        *out_exchange = exchange;
        exchange = NULL; /* now the caller's */
    }
    hgh_exchange_free(exchange);
    return status;
}

/* ---------------------------------------------------------------------------------- the end */

static const char *kept_text(hgh_exchange *exchange, hg_text text)
{
    hg_text copy = hgh_memory_copy(&exchange->kept, text);

    return copy.data == NULL ? "" : copy.data;
}

static void timers_stop(hgh_exchange *exchange)
{
    hgh_loop_stop(exchange->resume_timer);
    hgh_loop_stop(exchange->upstream_timer);
    hgh_loop_stop(exchange->body_timer);
    hgh_loop_stop(exchange->response_timer);
    exchange->resume_timer = NULL;
    exchange->upstream_timer = NULL;
    exchange->body_timer = NULL;
    exchange->response_timer = NULL;
}

static void exchange_end(hgh_exchange *exchange)
{
    hgh_exchange_response *out = &exchange->out;
    hg_test_exchange *view = &exchange->view;

    view->status = out->status;
    view->body_length = out->body.length;
    view->body =
        kept_text(exchange, (hg_text){hgh_text_builder_string(&out->body), out->body.length});
    timers_stop(exchange);
    hgh_request_log(exchange->request);
    hgh_request_done(exchange->request);
    exchange->request = NULL;
    /* What a plugin might still hold of the request is gone now, for the sanitizer to see. */
    hgh_memory_done(&exchange->memory);
    exchange->in = (hgh_exchange_request){0};
    hgh_text_builder_done(&out->body);
    hgh_text_builder_done(&exchange->tries.addresses);
    hgh_text_builder_done(&exchange->tries.statuses);
    hgh_text_builder_done(&exchange->tries.times);
    view->ended = true;
}

/* --------------------------------------------------------------------------------- response */

static void headers_send(hgh_exchange *exchange)
{
    exchange->out.headers_sent = true;
    (void)hgh_headers_copy(&exchange->sent_headers, &exchange->kept, &exchange->out.headers);
}

static void length_set(hgh_exchange *exchange, size_t length)
{
    char text[24];

    (void)snprintf(text, sizeof(text), "%zu", length);
    (void)hgh_headers_set(&exchange->out.headers, &exchange->memory, HG_TEXT("Content-Length"),
                          hg_text_of(text));
}

/* Sends one piece of the body through the filters to the client. */
static void piece_send(hgh_exchange *exchange, hg_text piece, bool last)
{
    hg_text data = {0};

    if (hgh_request_body_filter(exchange->request, piece, last, &data) != HG_OK) {
        hgh_gateway_fail(exchange->test, "body filter: no memory");
        return;
    }
    if (data.length > 0 && !exchange->out.without_body) {
        hgh_text_builder_add(&exchange->out.body, data);
        exchange->view.pieces++;
    }
}

/* The body as sent must be as long as its header says: a client would hang or lose bytes. */
static void length_check(hgh_exchange *exchange)
{
    const hgh_exchange_response *out = &exchange->out;
    hg_text length = hgh_headers_find(&exchange->sent_headers, HG_TEXT("Content-Length"));

    if (length.data != NULL && !out->without_body &&
        strtoull(length.data, NULL, 10) != out->body.length) {
        hgh_gateway_fail(exchange->test,
                         "Content-Length: %s was sent, the body that followed has %zu bytes",
                         length.data, out->body.length);
    }
}

/* Sends the body in pieces, the last one marked unless the upstream breaks off behind it. */
static void body_send(hgh_exchange *exchange)
{
    const hgh_exchange_response *out = &exchange->out;
    hg_text body = out->body_in;
    size_t step = out->piece_bytes == 0 ? body.length : out->piece_bytes;
    size_t at = 0;

    do {
        size_t length = body.length - at < step ? body.length - at : step;

        piece_send(exchange, (hg_text){body.data + at, length},
                   at + length == body.length && !out->broken);
        at += length;
    } while (at < body.length);
}

/* The response stands in `out`. */
static void response_send(hgh_exchange *exchange)
{
    hgh_exchange_response *out = &exchange->out;
    bool held = hgh_request_header_filter(exchange->request);

    out->without_body = hg_text_equal(exchange->in.method, HG_TEXT("HEAD")) || out->status == 204 ||
                        out->status == 304;
    if (!held) {
        headers_send(exchange);
    }
    if (!out->without_body) {
        body_send(exchange);
    } else if (held) { /* so that a plugin that waits for the body sees that there is none */
        piece_send(exchange, HG_TEXT(""), true);
    }
    exchange->view.broken_off = out->broken && !out->without_body;
    if (held && !exchange->view.broken_off) {
        if (!out->without_body) {
            length_set(exchange, out->body.length);
        }
        headers_send(exchange);
    }
    if (!out->headers_sent) {
        out->status = 0; /* the client got nothing */
    }
    if (!exchange->view.broken_off) {
        length_check(exchange);
    }
    exchange_end(exchange);
}

/* What a plugin or the gateway itself answers. */
static void answer(hgh_exchange *exchange)
{
    const hgh_exit *end = &exchange->request->exit;
    hgh_exchange_response *out = &exchange->out;
    hg_text body = end->body.data == NULL ? HG_TEXT("") : end->body;

    out->status = end->status;
    out->headers = (hgh_headers){0};
    if (end->content_type.data != NULL) {
        (void)hgh_headers_add(&out->headers, &exchange->memory, HG_TEXT("Content-Type"),
                              end->content_type);
    }
    length_set(exchange, body.length);
    out->body_in = body;
    out->piece_bytes = 0;
    response_send(exchange);
}

/* --------------------------------------------------------------------------------- upstream */

static void tries_add(hgh_text_builder *list, const char *item)
{
    hgh_text_builder_format(list, "%s%s", list->length == 0 ? "" : ", ", item);
}

/* Keeps what the upstream would see of the request. */
static void upstream_record(hgh_exchange *exchange)
{
    const hgh_exchange_request *in = &exchange->in;
    hg_test_exchange *view = &exchange->view;
    hg_text host = hgh_request_upstream_host(exchange->request);
    char address[64];
    char node[80];
    hg_text uri = in->uri;

    if (in->uri_changed || in->arguments_changed) {
        uri = hgh_target_encode(&exchange->memory, uri);
    } else { /* as the client wrote it */
        const char *question = memchr(in->raw_uri.data, '?', in->raw_uri.length);

        uri = in->raw_uri;
        uri.length = question == NULL ? uri.length : (size_t)(question - uri.data);
    }
    if (host.data == NULL) {
        host = hgh_headers_find(&in->headers, HG_TEXT("Host"));
    }
    (void)hgh_address_format(&exchange->request->target.address, address, sizeof(address));
    (void)snprintf(node, sizeof(node),
                   exchange->request->target.address.family == HG_ADDRESS_IPV6 ? "[%s]:%u"
                                                                               : "%s:%u",
                   address, exchange->request->target.address.port);
    view->tries++;
    view->upstream_method = kept_text(exchange, in->method);
    view->upstream_uri = kept_text(exchange, uri);
    view->upstream_arguments =
        in->arguments.length == 0 ? NULL : kept_text(exchange, in->arguments);
    view->upstream_host = kept_text(exchange, host);
    view->upstream_node = kept_text(exchange, hg_text_of(node));
    view->upstream_body = kept_text(exchange, in->body);
    view->upstream_body_length = in->body.length;
    exchange->upstream_sent_headers = (hgh_headers){0};
    (void)hgh_headers_copy(&exchange->upstream_sent_headers, &exchange->kept, &in->headers);
    (void)hgh_headers_set(&exchange->upstream_sent_headers, &exchange->kept, HG_TEXT("Host"), host);
    tries_add(&exchange->tries.addresses, node);
}

static void upstream_time_add(hgh_exchange *exchange)
{
    uint64_t took_ms = exchange->test->loop.now_ms - exchange->tries.began_ms;
    char text[32];

    (void)snprintf(text, sizeof(text), "%llu.%03llu", (unsigned long long)(took_ms / 1000),
                   (unsigned long long)(took_ms % 1000));
    tries_add(&exchange->tries.times, text);
}

/* The upstream's response once the plugins have decided on it. */
static void response_go_on(hgh_exchange *exchange)
{
    hgh_exchange_response *out = &exchange->out;
    const hgh_response_hold *hold = exchange->request->hold;

    if (hold != NULL && hold->replaced) {
        out->body_in = hold->replacement;
        out->piece_bytes = 0;
        out->broken = false;
        if (out->status != 204 && out->status != 304) {
            length_set(exchange, out->body_in.length);
        }
    }
    response_send(exchange);
}

static void response_run(hgh_exchange *exchange)
{
    hgh_outcome outcome = HGH_GO_UPSTREAM;

    if (hgh_request_has_response(exchange->request)) {
        outcome = hgh_request_response(exchange->request);
    }
    exchange->out.parked = outcome == HGH_PARKED;
    if (outcome == HGH_GO_UPSTREAM) {
        response_go_on(exchange);
    } else if (outcome == HGH_ANSWER) {
        hgh_gateway_fail(exchange->test, "response: no memory");
    }
}

/* All of the body that the upstream sends is there. */
static void response_body_arrived(void *context)
{
    hgh_exchange *exchange = context;
    const hgh_exchange_response *out = &exchange->out;
    bool has_body = !hg_text_equal(exchange->in.method, HG_TEXT("HEAD"));
    hg_text rest = has_body ? out->body_in : HG_TEXT("");
    size_t step = out->piece_bytes == 0 ? rest.length : out->piece_bytes;

    hgh_loop_stop(exchange->response_timer);
    exchange->response_timer = NULL;
    rest.data += exchange->request->hold->collected.length;
    rest.length -= exchange->request->hold->collected.length;
    while (rest.length > 0 && hgh_response_is_wanted(exchange->request)) {
        size_t length = rest.length < step ? rest.length : step;

        if (hgh_response_take(exchange->request, (hg_text){rest.data, length})) {
            rest.data += length;
            rest.length -= length;
        }
    }
    if (rest.length == 0) {
        hgh_response_end(exchange->request, out->broken ? HG_ERR_IO : HG_OK);
    }
    hgh_response_tell(exchange->request);
}

void hgh_exchange_read_response(hgh_exchange *exchange)
{
    uint64_t arrives_ms = exchange->tries.answered_ms + exchange->tries.body_delay_ms;
    uint64_t now_ms = exchange->test->loop.now_ms;

    exchange->response_timer =
        hgh_loop_start_timer(&exchange->test->loop, arrives_ms > now_ms ? arrives_ms - now_ms : 0,
                             response_body_arrived, exchange);
    if (exchange->response_timer == NULL) {
        hgh_gateway_fail(exchange->test, "response body: no memory");
    }
}

static void upstream_answers(void *context)
{
    hgh_exchange *exchange = context;
    const hg_test_upstream *script = &exchange->test->upstream;
    hgh_exchange_response *out = &exchange->out;
    uint32_t status = script->status == 0 ? 200 : script->status;
    hg_text body = {script->body, script->body_length};
    char text[16];

    hgh_loop_stop(exchange->upstream_timer);
    exchange->upstream_timer = NULL;
    (void)snprintf(text, sizeof(text), "%u", status);
    tries_add(&exchange->tries.statuses, text);
    upstream_time_add(exchange);
    exchange->tries.answered = true;
    exchange->tries.answered_ms = exchange->test->loop.now_ms;
    exchange->tries.body_delay_ms = script->body_delay_ms;
    exchange->tries.body_length = body.length;
    out->status = status;
    (void)hgh_headers_add_lines(&out->headers, &exchange->memory,
                                script->headers == NULL ? "Content-Type: text/plain\n"
                                                        : script->headers);
    if (!script->without_length && status != 204 && status != 304) {
        length_set(exchange, body.length);
    }
    (void)hgh_headers_copy(&exchange->tries.headers, &exchange->memory, &out->headers);
    /* The script may be changed by the time the body is looked at. */
    out->body_in = hgh_memory_copy(&exchange->memory, body.data == NULL ? HG_TEXT("") : body);
    out->piece_bytes = script->piece_bytes;
    out->broken = script->body_breaks_off;
    response_run(exchange);
}

static void go_upstream(hgh_exchange *exchange)
{
    hg_test *test = exchange->test;

    if (hgh_exchange_is_too_large(exchange)) { /* the gateway reads it before it sends it on */
        hgh_request_fail(exchange->request, 413, "413 Content Too Large");
        answer(exchange);
        return;
    }
    for (;;) {
        exchange->tries.began_ms = test->loop.now_ms;
        upstream_record(exchange);
        if (test->upstream.failures == 0) {
            break;
        }
        test->upstream.failures--;
        tries_add(&exchange->tries.statuses, "502");
        upstream_time_add(exchange);
        if (!hgh_request_retry(exchange->request)) {
            hgh_request_fail(exchange->request, 502, "502 Bad Gateway");
            answer(exchange);
            return;
        }
    }
    if (test->upstream.delay_ms == 0) {
        upstream_answers(exchange);
        return;
    }
    exchange->upstream_timer =
        hgh_loop_start_timer(&test->loop, test->upstream.delay_ms, upstream_answers, exchange);
}

void hgh_exchange_run(hgh_exchange *exchange)
{
    if (exchange->out.parked) {
        response_run(exchange);
        return;
    }
    switch (hgh_request_run(exchange->request)) {
    case HGH_GO_UPSTREAM:
        go_upstream(exchange);
        break;
    case HGH_ANSWER:
        answer(exchange);
        break;
    case HGH_PARKED:
        break;
    }
}

void hgh_exchange_start(hgh_exchange *exchange)
{
    exchange->request = hgh_request_new(exchange->test->runtime, exchange);
    if (exchange->request == NULL) {
        hgh_gateway_fail(exchange->test, "request: no memory");
        exchange->view.ended = true;
        return;
    }
    hgh_exchange_run(exchange);
}

void hgh_exchange_cancel(hgh_exchange *exchange)
{
    if (exchange->request == NULL) {
        return;
    }
    exchange->view.canceled = true;
    timers_stop(exchange); /* a body that is being read is not reported any more */
    hgh_request_cancel(exchange->request);
    exchange->out.status = STATUS_CLOSED;
    exchange_end(exchange);
}

void hgh_exchange_free(hgh_exchange *exchange)
{
    if (exchange == NULL) {
        return;
    }
    hgh_memory_done(&exchange->memory);
    hgh_memory_done(&exchange->kept);
    free(exchange);
}
