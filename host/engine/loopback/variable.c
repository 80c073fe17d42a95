/* host/engine/loopback/variable.c - nginx's variables, for requests in memory. */
#include "host/engine/loopback/variable.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "host/core/address.h"
#include "host/engine/loopback/gateway.h"

#define PORT_HTTP  "9080"
#define PORT_HTTPS "9443"

typedef hg_text (*variable_get)(hgh_exchange *exchange);

static hg_text format(hgh_exchange *exchange, const char *template, ...) HG_PRINTF(2, 3);

static hg_text format(hgh_exchange *exchange, const char *template, ...)
{
    char text[512];
    va_list arguments;
    int length;

    va_start(arguments, template);
    length = vsnprintf(text, sizeof(text), template, arguments);
    va_end(arguments);
    if (length < 0) {
        return (hg_text){0};
    }
    return hgh_memory_copy(
        &exchange->memory,
        (hg_text){text, (size_t)length < sizeof(text) ? (size_t)length : sizeof(text) - 1});
}

static hg_text seconds(hgh_exchange *exchange, uint64_t duration_ms)
{
    return format(exchange, "%llu.%03llu", (unsigned long long)(duration_ms / 1000),
                  (unsigned long long)(duration_ms % 1000));
}

/* ---------------------------------------------------------------------------------- request */

static hg_text get_remote_addr(hgh_exchange *exchange)
{
    char address[64];
    size_t length = hgh_address_format(&exchange->in.client, address, sizeof(address));

    return length == 0 ? HG_TEXT("unix:")
                       : hgh_memory_copy(&exchange->memory, (hg_text){address, length});
}

static hg_text get_remote_port(hgh_exchange *exchange)
{
    return exchange->in.client.port == 0 ? HG_TEXT("")
                                         : format(exchange, "%u", exchange->in.client.port);
}

static hg_text get_server_addr(hgh_exchange *exchange)
{
    return exchange->in.client.family == HG_ADDRESS_IPV6 ? HG_TEXT("::1") : HG_TEXT("127.0.0.1");
}

static hg_text get_server_port(hgh_exchange *exchange)
{
    return exchange->in.https ? HG_TEXT(PORT_HTTPS) : HG_TEXT(PORT_HTTP);
}

static hg_text get_server_name(hgh_exchange *exchange)
{
    (void)exchange;
    return HG_TEXT("_");
}

static hg_text get_server_protocol(hgh_exchange *exchange)
{
    (void)exchange;
    return HG_TEXT("HTTP/1.1");
}

static hg_text get_scheme(hgh_exchange *exchange)
{
    return exchange->in.https ? HG_TEXT("https") : HG_TEXT("http");
}

static hg_text get_https(hgh_exchange *exchange)
{
    return exchange->in.https ? HG_TEXT("on") : HG_TEXT("");
}

static hg_text get_host(hgh_exchange *exchange)
{
    return exchange->in.host;
}

static hg_text get_request_method(hgh_exchange *exchange)
{
    return exchange->in.method;
}

static hg_text get_request(hgh_exchange *exchange)
{
    return format(exchange, "%s %s HTTP/1.1", exchange->in.method.data, exchange->in.raw_uri.data);
}

static hg_text get_args(hgh_exchange *exchange)
{
    return exchange->in.arguments;
}

static hg_text get_is_args(hgh_exchange *exchange)
{
    return exchange->in.arguments.length > 0 ? HG_TEXT("?") : HG_TEXT("");
}

static hg_text get_content_type(hgh_exchange *exchange)
{
    return hgh_headers_find(&exchange->in.headers, HG_TEXT("Content-Type"));
}

static hg_text get_content_length(hgh_exchange *exchange)
{
    return hgh_headers_find(&exchange->in.headers, HG_TEXT("Content-Length"));
}

static hg_text get_request_length(hgh_exchange *exchange)
{
    return format(exchange, "%llu", (unsigned long long)exchange->in.length);
}

static hg_text get_request_id(hgh_exchange *exchange)
{
    return format(exchange, "%032llx", (unsigned long long)exchange->id);
}

static hg_text get_connection(hgh_exchange *exchange)
{
    return format(exchange, "%llu", (unsigned long long)exchange->id);
}

static hg_text get_connection_requests(hgh_exchange *exchange)
{
    (void)exchange;
    return HG_TEXT("1");
}

/* ------------------------------------------------------------------------------------- time */

static hg_text get_request_time(hgh_exchange *exchange)
{
    return seconds(exchange, exchange->test->loop.now_ms - exchange->began_ms);
}

static hg_text get_msec(hgh_exchange *exchange)
{
    return seconds(exchange, (uint64_t)exchange->test->loop.wall_ms);
}

static struct tm wall_parts(const hgh_exchange *exchange)
{
    time_t now = (time_t)(exchange->test->loop.wall_ms / 1000);
    struct tm parts;

    (void)gmtime_r(&now, &parts);
    return parts;
}

static hg_text get_time_iso8601(hgh_exchange *exchange)
{
    struct tm parts = wall_parts(exchange);
    char text[64];
    size_t length = strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S+00:00", &parts);

    return hgh_memory_copy(&exchange->memory, (hg_text){text, length});
}

static hg_text get_time_local(hgh_exchange *exchange)
{
    struct tm parts = wall_parts(exchange);
    char text[64];
    size_t length = strftime(text, sizeof(text), "%d/%b/%Y:%H:%M:%S +0000", &parts);

    return hgh_memory_copy(&exchange->memory, (hg_text){text, length});
}

/* ------------------------------------------------------------------------------ the process */

static hg_text get_hostname(hgh_exchange *exchange)
{
    char name[256] = "";

    (void)gethostname(name, sizeof(name) - 1); /* what it leaves is empty */
    return hgh_memory_copy(&exchange->memory, hg_text_of(name));
}

static hg_text get_pid(hgh_exchange *exchange)
{
    return format(exchange, "%ld", (long)getpid());
}

/* --------------------------------------------------------------------------------- response */

static hg_text get_status(hgh_exchange *exchange)
{
    return format(exchange, "%03u", exchange->out.status);
}

static hg_text get_body_bytes_sent(hgh_exchange *exchange)
{
    return format(exchange, "%zu", exchange->out.body.length);
}

static hg_text get_bytes_sent(hgh_exchange *exchange)
{
    size_t length = exchange->out.body.length;

    if (exchange->out.headers_sent) {
        length += strlen("HTTP/1.1 200 \r\n\r\n") + strlen(hgh_status_reason(exchange->out.status));
        for (const hgh_header_line *line = exchange->sent_headers.first; line != NULL;
             line = line->next) {
            length += line->header.name.length + line->header.value.length + strlen(": \r\n");
        }
    }
    return format(exchange, "%zu", length);
}

/* --------------------------------------------------------------------------------- upstream */

static hg_text list_text(hgh_exchange *exchange, const hgh_text_builder *list)
{
    return list->length == 0
               ? (hg_text){0}
               : hgh_memory_copy(&exchange->memory, (hg_text){list->data, list->length});
}

static hg_text get_upstream_addr(hgh_exchange *exchange)
{
    return list_text(exchange, &exchange->tries.addresses);
}

static hg_text get_upstream_status(hgh_exchange *exchange)
{
    return list_text(exchange, &exchange->tries.statuses);
}

static hg_text get_upstream_time(hgh_exchange *exchange)
{
    return list_text(exchange, &exchange->tries.times);
}

static hg_text get_upstream_response_length(hgh_exchange *exchange)
{
    return exchange->tries.answered
               ? format(exchange, "%llu", (unsigned long long)exchange->tries.body_length)
               : (hg_text){0};
}

/* ------------------------------------------------------------------------------------ names */

static const struct {
    const char *name;
    variable_get get;
} variables[] = {
    {"args", get_args},
    {"body_bytes_sent", get_body_bytes_sent},
    {"bytes_sent", get_bytes_sent},
    {"connection", get_connection},
    {"connection_requests", get_connection_requests},
    {"content_length", get_content_length},
    {"content_type", get_content_type},
    {"host", get_host},
    {"hostname", get_hostname},
    {"https", get_https},
    {"is_args", get_is_args},
    {"msec", get_msec},
    {"pid", get_pid},
    {"query_string", get_args},
    {"remote_addr", get_remote_addr},
    {"remote_port", get_remote_port},
    {"request", get_request},
    {"request_id", get_request_id},
    {"request_length", get_request_length},
    {"request_method", get_request_method},
    {"request_time", get_request_time},
    {"scheme", get_scheme},
    {"server_addr", get_server_addr},
    {"server_name", get_server_name},
    {"server_port", get_server_port},
    {"server_protocol", get_server_protocol},
    {"status", get_status},
    {"time_iso8601", get_time_iso8601},
    {"time_local", get_time_local},
    {"upstream_addr", get_upstream_addr},
    {"upstream_connect_time", get_upstream_time},
    {"upstream_header_time", get_upstream_time},
    {"upstream_response_length", get_upstream_response_length},
    {"upstream_response_time", get_upstream_time},
    {"upstream_status", get_upstream_status},
};

/* A header by its name in a variable: "x_real_ip" is X-Real-IP. */
static hg_text header_get(const hgh_headers *headers, hg_text name)
{
    for (const hgh_header_line *line = headers->first; line != NULL; line = line->next) {
        hg_text own = line->header.name;
        size_t i = 0;

        while (own.length == name.length && i < name.length) {
            char c = own.data[i] == '-' ? '_' : (char)tolower((unsigned char)own.data[i]);

            if (c != tolower((unsigned char)name.data[i])) {
                break;
            }
            i++;
        }
        if (i == name.length && own.length == name.length) {
            return line->header.value;
        }
    }
    return (hg_text){0};
}

/* Names that stand for a header. False: it is none of them. */
static bool header_variable(hgh_exchange *exchange, hg_text name, hg_text *out_value)
{
    const struct {
        hg_text prefix;
        const hgh_headers *headers;
    } families[] = {
        {HG_TEXT("http_"), &exchange->in.headers},
        {HG_TEXT("sent_http_"), &exchange->out.headers},
        {HG_TEXT("upstream_http_"), &exchange->tries.headers},
    };

    for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++) {
        hg_text prefix = families[i].prefix;

        if (name.length > prefix.length && hg_text_starts_with(name, prefix)) {
            *out_value = header_get(families[i].headers, (hg_text){name.data + prefix.length,
                                                                   name.length - prefix.length});
            return true;
        }
    }
    return false;
}

hg_text hgh_variable_get(hgh_exchange *exchange, hg_text name)
{
    hg_text value = {0};

    for (size_t i = 0; i < sizeof(variables) / sizeof(variables[0]); i++) {
        if (hg_text_equal_ignoring_case(name, hg_text_of(variables[i].name))) {
            return variables[i].get(exchange);
        }
    }
    if (!header_variable(exchange, name, &value)) {
        hgh_gateway_fail(exchange->test,
                         "variable $%.*s is not in the list of those that every engine has "
                         "(docs/variables.md)",
                         (int)name.length, name.data);
    }
    return value;
}
