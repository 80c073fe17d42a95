/* host/engine/nginx/explain.c - requests that ask why they get what they get (host/core/explain.h).
 *
 * Control asks through a socket of the instance: its requests are explained and go nowhere. Anybody
 * else shows a token in a header, and the request is served as always. */
#include "host/core/explain.h"

#include "host/core/address.h"
#include "host/core/explain_token.h"
#include "host/engine/nginx/module.h"

/* True if the connection came through the instance's socket. */
static bool is_of_control(const ngx_http_request_t *http, const hgh_nginx_main *main)
{
    const ngx_listening_t *listening = http->connection->listening;

    return main->explain_socket.len > 0 && listening->sockaddr->sa_family == AF_UNIX &&
           listening->addr_text.len == main->explain_socket.len &&
           ngx_strncmp(listening->addr_text.data, main->explain_socket.data,
                       main->explain_socket.len) == 0;
}

/* nginx has hashed every name: nearly always no name is compared. */
static ngx_table_elt_t *header_find(ngx_http_request_t *http, ngx_uint_t hash)
{
    static const u_char name[] = "x-hotgate-explain";

    for (ngx_list_part_t *part = &http->headers_in.headers.part; part != NULL; part = part->next) {
        ngx_table_elt_t *headers = part->elts;

        for (ngx_uint_t i = 0; i < part->nelts; i++) {
            if (headers[i].hash == hash && headers[i].key.len == sizeof(name) - 1 &&
                ngx_memcmp(headers[i].lowcase_key, name, sizeof(name) - 1) == 0) {
                return &headers[i];
            }
        }
    }
    return NULL;
}

/* The value of a member of "a=1&b=2", decoded; absent: it is not there. */
static hg_text member(ngx_http_request_t *http, ngx_str_t text, const char *name)
{
    size_t length = ngx_strlen(name);
    u_char *at = text.data;
    u_char *end = text.data + text.len;

    while (at < end) {
        u_char *stop = ngx_strlchr(at, end, '&');

        stop = stop == NULL ? end : stop;
        if ((size_t)(stop - at) > length && ngx_strncmp(at, name, length) == 0 &&
            at[length] == '=') {
            u_char *from = at + length + 1;
            u_char *copy = ngx_pnalloc(http->pool, (size_t)(stop - from) + 1);
            u_char *into = copy;

            if (copy == NULL) {
                return (hg_text){0};
            }
            ngx_unescape_uri(&into, &from, (size_t)(stop - from), 0);
            return (hg_text){(const char *)copy, (size_t)(into - copy)};
        }
        at = stop + 1;
    }
    return (hg_text){0};
}

/* The client that control's request is to be thought of. */
static ngx_int_t client_set(hgh_nginx_request *self, hg_text client)
{
    hg_address address;

    if (hgh_address_parse(client.data == NULL ? HG_TEXT("127.0.0.1") : client, &address) != HG_OK) {
        return NGX_ERROR;
    }
    return hgh_nginx_set_client_address(self, &address) == HG_OK ? NGX_OK : NGX_ERROR;
}

static hgh_explanation *dry_begin(hgh_nginx_request *self, const ngx_table_elt_t *header)
{
    static const ngx_str_t location = ngx_string("@hotgate_explain");
    ngx_http_request_t *http = self->http;
    ngx_str_t text = header == NULL ? (ngx_str_t)ngx_null_string : header->value;
    hgh_explain_options options = {
        .is_dry = true,
        .consumer = member(http, text, "consumer"),
        .route = member(http, text, "route"),
    };

    http->method =
        NGX_HTTP_GET; /* for nginx alone: its name stays, and HEAD would have no answer */
    if (client_set(self, member(http, text, "client")) != NGX_OK ||
        hgh_nginx_location_enter(http, &location) != NGX_OK) {
        return NULL;
    }
    return hgh_explanation_new(&options);
}

/* NULL: the token is not good, and the request is as any other. */
static hgh_explanation *live_begin(hgh_nginx_request *self, const ngx_table_elt_t *header)
{
    const hgh_nginx_main *main = ngx_http_get_module_main_conf(self->http, ngx_http_hotgate_module);
    ngx_log_t *log = self->http->connection->log;
    hgh_explain_key key;
    hg_status status;

    ngx_memcpy(key.bytes, main->board->explain_key, sizeof(key.bytes));
    status = hgh_explain_token_check(&key, hgh_text_of_str(header->value), (int64_t)ngx_time());
    if (status == HG_OK) {
        return hgh_explanation_new(&(hgh_explain_options){.is_dry = false});
    }
    ngx_log_error(NGX_LOG_INFO, log, 0, HGH_EXPLAIN_HEADER ": %s",
                  status == HG_ERR_TIMEOUT ? "the token has ended" : "this is no token");
    return NULL;
}

ngx_int_t hgh_nginx_explain_begin(hgh_nginx_request *self, hgh_explanation **out_explanation)
{
    ngx_http_request_t *http = self->http;
    const hgh_nginx_main *main = ngx_http_get_module_main_conf(http, ngx_http_hotgate_module);
    const ngx_table_elt_t *header = header_find(http, main->explain_hash);
    bool is_dry = is_of_control(http, main);

    *out_explanation = NULL;
    if (header == NULL && !is_dry) {
        return NGX_OK;
    }
    *out_explanation = is_dry ? dry_begin(self, header) : live_begin(self, header);
    /* Nobody behind the gateway is to see the token. */
    if (header != NULL &&
        hgh_nginx_engine.set_header(self, HG_TEXT(HGH_EXPLAIN_HEADER), (hg_text){0}) != HG_OK) {
        hgh_explanation_free(*out_explanation);
        *out_explanation = NULL;
        return NGX_ERROR;
    }
    return is_dry && *out_explanation == NULL ? NGX_ERROR : NGX_OK;
}
