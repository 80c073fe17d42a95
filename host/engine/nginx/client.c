/* host/engine/nginx/client.c - what plugins say about a client: its address, how much it may send.
 */
#include "host/core/address.h"
#include "host/engine/nginx/module.h"

/* nginx keeps the address with the connection, which outlives the request. */
void hgh_nginx_client_restore(hgh_nginx_request *self)
{
    ngx_connection_t *connection = self->http->connection;

    if (self->client_changed) {
        self->client_changed = false;
        connection->sockaddr = self->client.sockaddr;
        connection->socklen = self->client.socklen;
        connection->addr_text = self->client.text;
    }
}

static void client_keep(hgh_nginx_request *self)
{
    const ngx_connection_t *connection = self->http->connection;

    if (!self->client_changed) {
        self->client_changed = true;
        self->client.sockaddr = connection->sockaddr;
        self->client.socklen = connection->socklen;
        self->client.text = connection->addr_text;
    }
}

/* A socket address in the request's memory; NULL: none is left. */
static struct sockaddr *
sockaddr_make(ngx_pool_t *pool, const hg_address *address, socklen_t *out_length)
{
    if (address->family == HG_ADDRESS_IPV4) {
        struct sockaddr_in *ipv4 = ngx_pcalloc(pool, sizeof(*ipv4));

        if (ipv4 != NULL) {
            ipv4->sin_family = AF_INET;
            ipv4->sin_port = htons(address->port);
            ngx_memcpy(&ipv4->sin_addr, address->bytes, sizeof(ipv4->sin_addr));
        }
        *out_length = sizeof(*ipv4);
        return (struct sockaddr *)(void *)ipv4;
    }
    struct sockaddr_in6 *ipv6 = ngx_pcalloc(pool, sizeof(*ipv6));

    if (ipv6 != NULL) {
        ipv6->sin6_family = AF_INET6;
        ipv6->sin6_port = htons(address->port);
        ngx_memcpy(&ipv6->sin6_addr, address->bytes, sizeof(ipv6->sin6_addr));
    }
    *out_length = sizeof(*ipv6);
    return (struct sockaddr *)(void *)ipv6;
}

hg_status hgh_nginx_set_client_address(hgh_engine_request *request, const hg_address *address)
{
    hgh_nginx_request *self = request;
    ngx_http_request_t *http = self->http;
    socklen_t length = 0;
    struct sockaddr *sockaddr = sockaddr_make(http->pool, address, &length);
    char text[NGX_SOCKADDR_STRLEN];
    size_t text_length = hgh_address_format(address, text, sizeof(text));
    u_char *copy = ngx_pnalloc(http->pool, text_length);

    if (sockaddr == NULL || copy == NULL) {
        return HG_ERR_NO_MEMORY;
    }
    ngx_memcpy(copy, text, text_length);
    client_keep(self);
    http->connection->sockaddr = sockaddr;
    http->connection->socklen = length;
    http->connection->addr_text.data = copy;
    http->connection->addr_text.len = text_length;
    return HG_OK;
}

/* True if it is certain that the request has no body. */
static bool has_no_body(const ngx_http_request_t *http)
{
    return http->headers_in.content_length_n == 0 ||
           (http->headers_in.content_length_n < 0 && !http->headers_in.chunked &&
            http->http_version < NGX_HTTP_VERSION_20);
}

/* nginx reads the limit from the location while it reads a body: the request gets a copy of its
 * location, with a smaller one. */
ngx_int_t hgh_nginx_limit_apply(hgh_nginx_request *self)
{
    ngx_http_request_t *http = self->http;
    size_t size = ngx_http_max_module * sizeof(void *);
    void **all;
    ngx_http_core_loc_conf_t *core;

    if (self->body_max == 0 || has_no_body(http)) {
        return NGX_OK;
    }
    hgh_nginx_limit_lift(self); /* one copy is not made of another */
    all = ngx_palloc(http->pool, size);
    core = ngx_palloc(http->pool, sizeof(*core));
    if (all == NULL || core == NULL) {
        return NGX_ERROR;
    }
    ngx_memcpy(all, http->loc_conf, size);
    *core = *(ngx_http_core_loc_conf_t *)all[ngx_http_core_module.ctx_index];
    if (core->client_max_body_size == 0 || core->client_max_body_size > self->body_max) {
        core->client_max_body_size = self->body_max;
    }
    core->loc_conf = all;
    all[ngx_http_core_module.ctx_index] = core;
    self->unlimited_conf = http->loc_conf;
    self->limited_conf = all;
    http->loc_conf = all;
    return NGX_OK;
}

/* nginx reads the location once more when it keeps the connection, after the request's memory has
 * gone. */
void hgh_nginx_limit_lift(hgh_nginx_request *self)
{
    if (self->limited_conf != NULL && self->http->loc_conf == self->limited_conf) {
        self->http->loc_conf = self->unlimited_conf;
    }
}

hg_status hgh_nginx_limit_body(hgh_engine_request *request, uint64_t max_bytes)
{
    hgh_nginx_request *self = request;
    off_t limit = max_bytes > (uint64_t)NGX_MAX_OFF_T_VALUE ? 0 : (off_t)max_bytes;

    if (limit == 0) {
        return HG_OK;
    }
    if (self->body_max == 0 || limit < self->body_max) {
        self->body_max = limit;
        if (hgh_nginx_limit_apply(self) != NGX_OK) {
            return HG_ERR_NO_MEMORY;
        }
    }
    return self->http->headers_in.content_length_n > limit ? HG_ERR_TOO_LARGE : HG_OK;
}
