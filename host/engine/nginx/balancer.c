/* host/engine/nginx/balancer.c - hands the chosen node to nginx's proxy, and the next one on a
 * retry. */
#include "host/engine/nginx/module.h"

typedef struct balancer_peer {
    hgh_nginx_request *self;
    hgh_nginx_main *main;
    uint64_t identity; /* of the connection, beside its address */
    union {
        struct sockaddr any;
        struct sockaddr_in ipv4;
        struct sockaddr_in6 ipv6;
    } address;
    ngx_uint_t tries; /* peer.tries after the last get */
    bool started;
} balancer_peer;

socklen_t hgh_nginx_socket_address(const hg_address *from, struct sockaddr *into)
{
    if (from->family == HG_ADDRESS_IPV6) {
        struct sockaddr_in6 *ipv6 = (struct sockaddr_in6 *)(void *)into;

        ngx_memzero(ipv6, sizeof(*ipv6));
        ipv6->sin6_family = AF_INET6;
        ipv6->sin6_port = htons(from->port);
        ngx_memcpy(&ipv6->sin6_addr, from->bytes, 16);
        return sizeof(*ipv6);
    }
    struct sockaddr_in *ipv4 = (struct sockaddr_in *)(void *)into;

    ngx_memzero(ipv4, sizeof(*ipv4));
    ipv4->sin_family = AF_INET;
    ipv4->sin_port = htons(from->port);
    ngx_memcpy(&ipv4->sin_addr, from->bytes, 4);
    return sizeof(*ipv4);
}

static ngx_int_t peer_set_address(ngx_peer_connection_t *connection, balancer_peer *peer)
{
    /* Of its own for each try: the access log lists them all in the end. */
    ngx_str_t *name = ngx_palloc(peer->self->http->pool, sizeof(*name));
    const hgh_target *target = &peer->self->request->target;

    if (name == NULL) {
        return NGX_ERROR;
    }
    connection->socklen = hgh_nginx_socket_address(&target->address, &peer->address.any);
    connection->sockaddr = &peer->address.any;
    *name = hgh_str_of_text(target->node->text);
    connection->name = name;
    return NGX_OK;
}

static hgh_nginx_kept_for kept_for(const balancer_peer *peer,
                                   const ngx_peer_connection_t *connection)
{
    const hgh_upstream *upstream = peer->self->request->target.upstream;
    hgh_nginx_kept_for what = {
        .numbers = upstream->keepalive.key != 0 ? &upstream->keepalive : &peer->main->keepalive.own,
        .identity = peer->identity,
        .address = connection->sockaddr,
        .address_length = connection->socklen,
    };

    return what;
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

/* Two requests share a connection only if they would make it in the same way. */
static uint64_t identity_of(const hgh_nginx_request *self, const hgh_hash_key *secret)
{
    const hgh_upstream *upstream = self->request->target.upstream;
    const ngx_table_elt_t *header = self->http->headers_in.host;
    uint64_t identity = upstream->identity;
    uint64_t revision = 1;
    const hgh_certificate *certificate = NULL;
    hg_text host;

    if (!hgh_scheme_is_tls(upstream->scheme)) {
        return identity;
    }
    host = hgh_request_upstream_host(self->request);
    if (host.data == NULL && header != NULL) {
        host = hgh_text_of_str(header->value);
    }
    if (upstream->tls != NULL) {
        (void)hgh_upstream_certificate(upstream, &certificate, &revision, NULL);
        identity += upstream->tls->verify;
        if (upstream->tls->client_id != NULL) {
            identity ^= hgh_upstream_hash(hg_text_of(upstream->tls->client_id)) + revision;
        }
    }
    host = hgh_host_without_port(host);
    return identity ^ hgh_siphash128(secret, host.data == NULL ? "" : host.data, host.length).low;
}

static ngx_int_t peer_get(ngx_peer_connection_t *connection, void *data)
{
    balancer_peer *peer = data;
    hgh_nginx_kept_for what;
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
    if (peer_set_address(connection, peer) != NGX_OK) {
        return NGX_ERROR;
    }
    peer->identity = identity_of(peer->self, &peer->main->keepalive.secret);
    what = kept_for(peer, connection);
    connection->connection =
        hgh_nginx_keepalive_take(&peer->main->keepalive, &what, connection->log);
    if (connection->connection == NULL) {
        return NGX_OK;
    }
    connection->cached = 1;
    return NGX_DONE;
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

static bool can_be_kept(const ngx_connection_t *connection, const ngx_http_upstream_t *upstream)
{
    return connection != NULL && !connection->read->eof && !connection->read->error &&
           !connection->read->timedout && !connection->write->error &&
           !connection->write->timedout && upstream->keepalive && upstream->request_body_sent &&
           !ngx_terminate && !ngx_exiting;
}

static void peer_free(ngx_peer_connection_t *connection, void *data, ngx_uint_t state)
{
    const balancer_peer *peer = data;
    const ngx_http_upstream_t *upstream = peer->self->http->upstream;
    hgh_try_result result = try_result(connection, upstream, state);

    /* A kept connection that was closed meanwhile is no try: nginx asks the same node again. */
    if (!connection->cached || result.failure == HGH_TRY_RESPONSE ||
        result.failure == HGH_TRY_TIMED_OUT) {
        hgh_request_try_ended(peer->self->request, &result);
    }
    if ((state & NGX_PEER_FAILED) == 0 && can_be_kept(connection->connection, upstream)) {
        hgh_nginx_kept_for what = kept_for(peer, connection);

        if (hgh_nginx_keepalive_keep(&peer->main->keepalive, &what, connection->connection)) {
            connection->connection = NULL;
        }
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

/* What this request's upstream wants otherwise than the location says. */
static ngx_int_t conf_set(hgh_nginx_request *self, hgh_nginx_main *main)
{
    const hgh_target *target = &self->request->target;
    ngx_http_upstream_t *upstream = self->http->upstream;
    bool has_tls = target->upstream->tls != NULL && hgh_scheme_is_tls(target->upstream->scheme);
    ngx_http_upstream_conf_t *conf;

    if (target->timeouts.connect_ms == 0 && !has_tls) {
        return NGX_OK;
    }
    conf = ngx_palloc(self->http->pool, sizeof(*conf));
    if (conf == NULL) {
        return NGX_ERROR;
    }
    *conf = *upstream->conf;
    if (target->timeouts.connect_ms != 0) {
        conf->connect_timeout = (ngx_msec_t)target->timeouts.connect_ms;
        conf->send_timeout = (ngx_msec_t)target->timeouts.send_ms;
        conf->read_timeout = (ngx_msec_t)target->timeouts.read_ms;
    }
    if (has_tls) {
        conf->ssl = hgh_nginx_upstream_context(main, target->upstream, self->http->connection->log);
        conf->ssl_verify = target->upstream->tls->verify;
        if (conf->ssl == NULL) {
            return NGX_ERROR;
        }
    }
    upstream->conf = conf;
    return NGX_OK;
}

static ngx_int_t peer_init(ngx_http_request_t *http, ngx_http_upstream_srv_conf_t *conf)
{
    hgh_nginx_request *self = hgh_nginx_request_find(http);
    hgh_nginx_main *main = ngx_http_get_module_main_conf(http, ngx_http_hotgate_module);
    ngx_peer_connection_t *connection = &http->upstream->peer;
    balancer_peer *peer;

    (void)conf;
    if (self == NULL || self->request->target.node == NULL) {
        ngx_log_error(NGX_LOG_ERR, http->connection->log, 0,
                      "hotgate_upstream is for locations with \"hotgate on\" only");
        return NGX_ERROR;
    }
    peer = ngx_pcalloc(http->pool, sizeof(*peer));
    if (peer == NULL || conf_set(self, main) != NGX_OK) {
        return NGX_ERROR;
    }
    peer->self = self;
    peer->main = main;
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
