/* host/engine/nginx/balancer.c - hands the chosen node to nginx's proxy, and the next one on a
 * retry. */
#include "host/engine/nginx/module.h"

/* An address, and behind it what else must be equal for a kept connection to be used again. nginx
 * compares all of socklen; the kernel reads only what the family has. */
typedef struct identified_address {
    union {
        struct sockaddr any;
        struct sockaddr_in ipv4;
        struct sockaddr_in6 ipv6;
        unsigned char bytes[sizeof(struct sockaddr_in6) + sizeof(uint64_t)];
    } address;
} identified_address;

typedef struct balancer_peer {
    hgh_nginx_request *self;
    identified_address address;
    ngx_uint_t tries; /* peer.tries after the last get */
    bool started;
} balancer_peer;

static ngx_int_t peer_set_address(ngx_peer_connection_t *connection, balancer_peer *peer)
{
    /* Of its own for each try: the access log lists them all in the end. */
    ngx_str_t *name = ngx_palloc(peer->self->http->pool, sizeof(*name));
    const hgh_target *target = &peer->self->request->target;
    const hg_address *from = &target->address;
    size_t size;

    if (name == NULL) {
        return NGX_ERROR;
    }
    ngx_memzero(&peer->address, sizeof(peer->address));
    if (from->family == HG_ADDRESS_IPV6) {
        peer->address.address.ipv6.sin6_family = AF_INET6;
        peer->address.address.ipv6.sin6_port = htons(from->port);
        ngx_memcpy(&peer->address.address.ipv6.sin6_addr, from->bytes, 16);
        size = sizeof(struct sockaddr_in6);
    } else {
        peer->address.address.ipv4.sin_family = AF_INET;
        peer->address.address.ipv4.sin_port = htons(from->port);
        ngx_memcpy(&peer->address.address.ipv4.sin_addr, from->bytes, 4);
        size = sizeof(struct sockaddr_in);
    }
    ngx_memcpy(peer->address.address.bytes + size, &target->upstream->identity,
               sizeof(target->upstream->identity));
    connection->sockaddr = &peer->address.address.any;
    connection->socklen = (socklen_t)(size + sizeof(target->upstream->identity));
    *name = hgh_str_of_text(target->node->text);
    connection->name = name;
    return NGX_OK;
}

/* The request to the upstream is written once; a retry may go to another host, with other headers
 * that before_proxy has set. */
static ngx_int_t request_write_again(ngx_http_request_t *http)
{
    ngx_http_upstream_t *upstream = http->upstream;

    if (http->request_body_no_buffering) {
        return NGX_OK;
    }
    upstream->request_bufs = http->request_body == NULL ? NULL : http->request_body->bufs;
    return upstream->create_request(http);
}

static ngx_int_t peer_get(ngx_peer_connection_t *connection, void *data)
{
    balancer_peer *peer = data;
    /* nginx gives a try back when a kept connection turned out to be closed: that says nothing of
     * the node, which is asked again. */
    bool next_node = peer->started && connection->tries < peer->tries;

    connection->cached = 0;
    connection->connection = NULL;
    if (next_node) {
        if (!hgh_request_retry(peer->self->request)) {
            return NGX_BUSY;
        }
        if (request_write_again(peer->self->http) != NGX_OK) {
            return NGX_ERROR;
        }
    }
    peer->started = true;
    peer->tries = connection->tries;
    return peer_set_address(connection, peer);
}

/* How a try ended, as far as nginx tells. */
static hgh_try_result try_result(const ngx_peer_connection_t *connection,
                                 const ngx_http_upstream_t *upstream,
                                 ngx_uint_t state)
{
    const ngx_connection_t *peer = connection->connection;
    hgh_try_result result = {.status = (uint32_t)upstream->headers_in.status_n};

    if (result.status != 0) {
        return result;
    }
    result.failure = HGH_TRY_UNKNOWN; /* the client has gone first */
    if (peer != NULL && (peer->read->timedout || peer->write->timedout)) {
        result.failure = HGH_TRY_TIMED_OUT;
    } else if ((state & NGX_PEER_FAILED) != 0) {
        result.failure = HGH_TRY_BROKEN;
    }
    return result;
}

static void peer_free(ngx_peer_connection_t *connection, void *data, ngx_uint_t state)
{
    const balancer_peer *peer = data;
    hgh_try_result result = try_result(connection, peer->self->http->upstream, state);

    /* A kept connection that was closed meanwhile is no try: nginx asks the same node again. */
    if (!connection->cached || result.failure == HGH_TRY_RESPONSE ||
        result.failure == HGH_TRY_TIMED_OUT) {
        hgh_request_try_ended(peer->self->request, &result);
    }
    if (connection->tries > 0) {
        connection->tries--;
    }
}

#if (NGX_HTTP_SSL)
/* Without these two a worker crashes on a TLS upstream. No session is kept: nodes change. */
static ngx_int_t peer_set_session(ngx_peer_connection_t *connection, void *data)
{
    (void)connection;
    (void)data;
    return NGX_OK;
}

static void peer_save_session(ngx_peer_connection_t *connection, void *data)
{
    (void)connection;
    (void)data;
}
#endif

/* This request's own times, where its route or upstream has some. */
static ngx_int_t timeouts_set(hgh_nginx_request *self)
{
    const hgh_timeouts *timeouts = &self->request->target.timeouts;
    ngx_http_upstream_t *upstream = self->http->upstream;
    ngx_http_upstream_conf_t *conf;

    if (timeouts->connect_ms == 0) {
        return NGX_OK;
    }
    conf = ngx_palloc(self->http->pool, sizeof(*conf));
    if (conf == NULL) {
        return NGX_ERROR;
    }
    *conf = *upstream->conf;
    conf->connect_timeout = (ngx_msec_t)timeouts->connect_ms;
    conf->send_timeout = (ngx_msec_t)timeouts->send_ms;
    conf->read_timeout = (ngx_msec_t)timeouts->read_ms;
    upstream->conf = conf;
    return NGX_OK;
}

static ngx_int_t peer_init(ngx_http_request_t *http, ngx_http_upstream_srv_conf_t *conf)
{
    hgh_nginx_request *self = hgh_nginx_request_find(http);
    ngx_peer_connection_t *connection = &http->upstream->peer;
    balancer_peer *peer;

    (void)conf;
    if (self == NULL || self->request->target.node == NULL) {
        ngx_log_error(NGX_LOG_ERR, http->connection->log, 0,
                      "hotgate_upstream is for locations with \"hotgate on\" only");
        return NGX_ERROR;
    }
    peer = ngx_pcalloc(http->pool, sizeof(*peer));
    if (peer == NULL || timeouts_set(self) != NGX_OK) {
        return NGX_ERROR;
    }
    peer->self = self;
    connection->data = peer;
    connection->get = peer_get;
    connection->free = peer_free;
    connection->tries = self->request->target.tries_left + 1;
#if (NGX_HTTP_SSL)
    connection->set_session = peer_set_session;
    connection->save_session = peer_save_session;
#endif
    return NGX_OK;
}

static ngx_int_t upstream_init(ngx_conf_t *conf, ngx_http_upstream_srv_conf_t *upstream)
{
    (void)conf;
    upstream->peer.init = peer_init;
    return NGX_OK;
}

char *hgh_nginx_balancer_directive(ngx_conf_t *conf, ngx_command_t *command, void *target)
{
    ngx_http_upstream_srv_conf_t *upstream =
        ngx_http_conf_get_module_srv_conf(conf, ngx_http_upstream_module);

    (void)command;
    (void)target;
    upstream->peer.init_upstream = upstream_init;
    upstream->flags = NGX_HTTP_UPSTREAM_CREATE | NGX_HTTP_UPSTREAM_MAX_CONNS;
    return NGX_CONF_OK;
}
