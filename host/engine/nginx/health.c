/* host/engine/nginx/health.c - active health checks: each due node is asked by one of the workers.
 *
 * A check that is due is claimed in shared memory by whatever worker looks first
 * (host/core/health.h) so that each node is asked once in its interval, and goes on whichever
 * worker dies.
 */
#include "host/core/health.h"

#include "host/core/address.h"
#include "host/engine/nginx/module.h"

#define TICK_MS        200  /* how late a check may begin */
#define TICK_IDLE_MS   1000 /* nothing is checked: how late the first check of all may begin */
#define RESPONSE_BYTES 512  /* a status line is shorter */
#define REQUEST_HEAD   512  /* what stands around path, host, headers and body */
#define POOL_BYTES     1024

/* One check under way. */
typedef struct probe {
    ngx_queue_t queue;
    ngx_pool_t *pool;
    hgh_nginx_main *main;
    hgh_upstream *upstream; /* a reference */
    uint32_t node;
    hgh_engine_handle *resolution;
    ngx_peer_connection_t peer;
    hg_address address;
    union {
        struct sockaddr any;
        struct sockaddr_in ipv4;
        struct sockaddr_in6 ipv6;
    } socket_address;
    socklen_t socket_length;
    ngx_buf_t *request;
    u_char response[RESPONSE_BYTES];
    size_t received;
} probe;

static const hgh_node *node_of(const probe *self)
{
    return &self->upstream->nodes[self->node];
}

/* ------------------------------------------------------------------------------------ end */

static void probe_close(probe *self)
{
    ngx_connection_t *connection = self->peer.connection;
    ngx_pool_t *pool = self->pool;

    ngx_queue_remove(&self->queue);
    if (self->resolution != NULL) {
        hgh_nginx_stop(self->resolution);
    }
    if (connection != NULL) {
#if (NGX_HTTP_SSL)
        if (connection->ssl != NULL) {
            connection->ssl->no_wait_shutdown = 1;
            connection->ssl->no_send_shutdown = 1;
            (void)ngx_ssl_shutdown(connection); /* it neither waits nor sends */
        }
#endif
        ngx_close_connection(connection);
    }
    self->upstream->health->in_flight--;
    hgh_upstream_unref(self->upstream);
    ngx_destroy_pool(pool);
}

static void probe_end(probe *self, hgh_health_event event)
{
    hgh_health *health = self->upstream->health;
    hgh_health_status status = HGH_HEALTHY;

    if (hgh_health_report(health, self->node, &health->active, event, &status)) {
        ngx_log_error(NGX_LOG_WARN, ngx_cycle->log, 0, "health check of %s: node %s is %s",
                      health->name, node_of(self)->text.data, hgh_health_status_name(status));
    }
    probe_close(self);
}

/* -------------------------------------------------------------------------------- response */

/* The status of what has come so far; 0: not there yet, -1: that is no HTTP. */
static ngx_int_t response_status(probe *self)
{
    static const size_t number_at = sizeof("HTTP/1.1 ") - 1;
    u_char *line = self->response;

    if (ngx_strncmp(line, "HTTP/1.", ngx_min(self->received, sizeof("HTTP/1.") - 1)) != 0) {
        return -1;
    }
    if (self->received < number_at + 3) {
        return 0;
    }
    return line[number_at - 1] == ' ' ? ngx_atoi(line + number_at, 3) : -1;
}

static void probe_read(ngx_event_t *event)
{
    ngx_connection_t *connection = event->data;
    probe *self = connection->data;

    if (event->timedout) {
        probe_end(self, HGH_HEALTH_TIMEOUT);
        return;
    }
    for (;;) {
        ssize_t size = connection->recv(connection, self->response + self->received,
                                        sizeof(self->response) - self->received);
        ngx_int_t status;

        if (size == NGX_AGAIN) {
            if (ngx_handle_read_event(event, 0) != NGX_OK) {
                probe_end(self, HGH_HEALTH_TCP_FAILURE);
            }
            return;
        }
        if (size <= 0) {
            probe_end(self, HGH_HEALTH_TCP_FAILURE);
            return;
        }
        self->received += (size_t)size;
        status = response_status(self);
        if (status != 0) {
            /* What is neither good nor bad by the rules counts as nothing. */
            probe_end(self, status < 0 ? HGH_HEALTH_TCP_FAILURE
                                       : hgh_health_event_of(&self->upstream->health->active,
                                                             (uint32_t)status));
            return;
        }
    }
}

/* --------------------------------------------------------------------------------- request */

static hg_text host_of(const probe *self)
{
    const hgh_health *health = self->upstream->health;

    return health->host.data != NULL ? health->host : node_of(self)->host_port;
}

static ngx_int_t request_make(probe *self)
{
    const hgh_health *health = self->upstream->health;
    ngx_str_t method = hgh_str_of_text(health->method);
    ngx_str_t path = hgh_str_of_text(health->path);
    ngx_str_t host = hgh_str_of_text(host_of(self));
    ngx_str_t headers = hgh_str_of_text(health->headers);
    ngx_str_t body = hgh_str_of_text(health->body);
    ngx_buf_t *buffer = ngx_create_temp_buf(self->pool, method.len + path.len + host.len +
                                                            headers.len + body.len + REQUEST_HEAD);

    if (buffer == NULL) {
        return NGX_ERROR;
    }
    buffer->last = ngx_sprintf(buffer->last,
                               "%V %V HTTP/1.1\r\nHost: %V\r\nConnection: close\r\n"
                               "User-Agent: hotgate-health-check\r\n%V",
                               &method, &path, &host, &headers);
    if (body.len > 0) {
        buffer->last = ngx_sprintf(buffer->last, "Content-Length: %uz\r\n", body.len);
    }
    buffer->last = ngx_sprintf(buffer->last, "\r\n%V", &body);
    self->request = buffer;
    return NGX_OK;
}

static void idle_write(ngx_event_t *event)
{
    (void)event;
}

static void probe_write(ngx_event_t *event)
{
    ngx_connection_t *connection = event->data;
    probe *self = connection->data;
    ngx_buf_t *buffer = self->request;

    while (buffer->pos < buffer->last) {
        ssize_t size =
            connection->send(connection, buffer->pos, (size_t)(buffer->last - buffer->pos));

        if (size == NGX_AGAIN) {
            if (ngx_handle_write_event(event, 0) != NGX_OK) {
                probe_end(self, HGH_HEALTH_TCP_FAILURE);
            }
            return;
        }
        if (size <= 0) {
            probe_end(self, HGH_HEALTH_TCP_FAILURE);
            return;
        }
        buffer->pos += size;
    }
    event->handler = idle_write;
    connection->read->handler = probe_read;
    probe_read(connection->read);
}

/* -------------------------------------------------------------------------------------- TLS */

#if (NGX_HTTP_SSL)
static bool is_trusted(probe *self)
{
    ngx_connection_t *connection = self->peer.connection;
    ngx_str_t name = hgh_str_of_text(hgh_host_without_port(host_of(self)));

    return SSL_get_verify_result(connection->ssl->connection) == X509_V_OK &&
           ngx_ssl_check_host(connection, &name) == NGX_OK;
}

static void handshake_done(ngx_connection_t *connection)
{
    probe *self = connection->data;

    if (!connection->ssl->handshaked) {
        probe_end(self, connection->read->timedout || connection->write->timedout
                            ? HGH_HEALTH_TIMEOUT
                            : HGH_HEALTH_TCP_FAILURE);
        return;
    }
    if (self->upstream->health->verify && !is_trusted(self)) {
        probe_end(self, HGH_HEALTH_TCP_FAILURE);
        return;
    }
    connection->write->handler = probe_write;
    connection->read->handler = probe_read;
    probe_write(connection->write);
}

static void handshake_begin(probe *self)
{
    ngx_connection_t *connection = self->peer.connection;
    hg_text host = hgh_host_without_port(host_of(self));
    ngx_ssl_t *context = hgh_nginx_client_context(self->main);
    u_char *name = ngx_pnalloc(self->pool, host.length + 1);
    hg_address ignored;
    ngx_int_t result;

    if (context == NULL || name == NULL ||
        ngx_ssl_create_connection(context, connection, NGX_SSL_BUFFER | NGX_SSL_CLIENT) != NGX_OK) {
        probe_end(self, HGH_HEALTH_EVENTS);
        return;
    }
    (void)ngx_cpystrn(name, (u_char *)(uintptr_t)host.data, host.length + 1);
    if (hgh_address_parse(host, &ignored) != HG_OK) { /* an address is no name: RFC 6066 */
        (void)SSL_set_tlsext_host_name(connection->ssl->connection, (char *)name);
    }
    result = ngx_ssl_handshake(connection);
    if (result == NGX_AGAIN) {
        connection->ssl->handler = handshake_done;
        return;
    }
    handshake_done(connection);
}
#endif

/* ------------------------------------------------------------------------------ connection */

/* The error that a connection attempt has ended with; 0: it is there. */
static int connect_error(const ngx_connection_t *connection)
{
    int error = 0;
    socklen_t length = sizeof(error);

    if (getsockopt(connection->fd, SOL_SOCKET, SO_ERROR, &error, &length) != 0) {
        return errno;
    }
    return error;
}

static void probe_connected(ngx_event_t *event)
{
    ngx_connection_t *connection = event->data;
    probe *self = connection->data;

    if (event->timedout) {
        probe_end(self, HGH_HEALTH_TIMEOUT);
        return;
    }
    if (connect_error(connection) != 0) {
        probe_end(self, HGH_HEALTH_TCP_FAILURE);
        return;
    }
    switch ((hgh_check_type)self->upstream->health->type) {
    case HGH_CHECK_TCP:
        probe_end(self, HGH_HEALTH_SUCCESS);
        return;
    case HGH_CHECK_HTTPS:
#if (NGX_HTTP_SSL)
        handshake_begin(self);
        return;
#endif
    case HGH_CHECK_HTTP:
        break;
    }
    connection->write->handler = probe_write;
    connection->read->handler = probe_read;
    probe_write(connection->write);
}

/* Nothing is expected before the connection is there, but its failure. */
static void probe_early_read(ngx_event_t *event)
{
    ngx_connection_t *connection = event->data;

    if (event->timedout) {
        probe_end(connection->data, HGH_HEALTH_TIMEOUT);
    } else if (connect_error(connection) != 0) {
        probe_end(connection->data, HGH_HEALTH_TCP_FAILURE);
    }
}

static void probe_connect(probe *self)
{
    const hgh_health *health = self->upstream->health;
    ngx_str_t *name = ngx_palloc(self->pool, sizeof(*name));
    ngx_connection_t *connection;
    ngx_int_t result;

    if (name == NULL || request_make(self) != NGX_OK) {
        probe_end(self, HGH_HEALTH_EVENTS);
        return;
    }
    if (health->port != 0) {
        self->address.port = health->port;
    }
    self->socket_length = hgh_nginx_socket_address(&self->address, &self->socket_address.any);
    *name = hgh_str_of_text(node_of(self)->text);
    self->peer.sockaddr = &self->socket_address.any;
    self->peer.socklen = self->socket_length;
    self->peer.name = name;
    self->peer.get = ngx_event_get_peer;
    self->peer.log = ngx_cycle->log;
    self->peer.log_error = NGX_ERROR_IGNORE_ECONNRESET;
    result = ngx_event_connect_peer(&self->peer);
    connection = self->peer.connection;
    if (result == NGX_ERROR || result == NGX_BUSY || result == NGX_DECLINED) {
        probe_end(self, result == NGX_DECLINED ? HGH_HEALTH_TCP_FAILURE : HGH_HEALTH_EVENTS);
        return;
    }
    connection->data = self;
    connection->pool = self->pool;
    connection->log = ngx_cycle->log;
    connection->read->log = ngx_cycle->log;
    connection->write->log = ngx_cycle->log;
    connection->read->handler = probe_early_read;
    connection->write->handler = probe_connected;
    connection->read->cancelable = 1; /* no worker that is to end waits for a check */
    ngx_add_timer(connection->read, (ngx_msec_t)health->timeout_ms);
    if (result == NGX_OK) {
        probe_connected(connection->write);
    }
}

static void probe_resolved(
    void *context, hg_status status, const hg_address *addresses, size_t count, uint32_t ttl_s)
{
    probe *self = context;
    hgh_node *node = &self->upstream->nodes[self->node];

    self->resolution = NULL;
    if (status == HG_OK && count > 0) {
        hgh_node_resolved(node, addresses, count, ttl_s, ngx_current_msec);
    }
    if (hgh_node_address(node, ngx_current_msec, &self->address) == NULL) {
        probe_end(self, HGH_HEALTH_TCP_FAILURE);
        return;
    }
    probe_connect(self);
}

static void probe_begin(hgh_nginx_main *main, hgh_upstream *upstream, uint32_t index)
{
    ngx_pool_t *pool = ngx_create_pool(POOL_BYTES, ngx_cycle->log);
    probe *self = pool == NULL ? NULL : ngx_pcalloc(pool, sizeof(*self));
    hgh_node *node = &upstream->nodes[index];

    if (self == NULL) {
        if (pool != NULL) {
            ngx_destroy_pool(pool);
        }
        return;
    }
    self->pool = pool;
    self->main = main;
    self->upstream = hgh_upstream_ref(upstream);
    self->node = index;
    upstream->health->in_flight++;
    ngx_queue_insert_tail(&main->probes, &self->queue);
    if (hgh_node_address(node, ngx_current_msec, &self->address) != NULL) {
        probe_connect(self);
        return;
    }
    self->resolution = hgh_nginx_resolve_name(main->location, node->host, probe_resolved, self);
    if (self->resolution == NULL) {
        probe_end(self, HGH_HEALTH_TCP_FAILURE);
    }
}

/* -------------------------------------------------------------------------------------- tick */

static void upstream_check(hgh_nginx_main *main, hgh_health *health, uint64_t clock_ms)
{
    for (uint32_t i = 0; i < health->cell_count; i++) {
        if (health->in_flight >= health->concurrency) {
            return;
        }
        if (hgh_health_claim(health, i, clock_ms)) {
            probe_begin(main, health->upstream, i);
        }
    }
}

static void tick(ngx_event_t *event)
{
    hgh_nginx_main *main = event->data;
    uint64_t clock_ms = hgh_nginx_engine.clock_ms();
    hgh_health *next;

    if (ngx_exiting) {
        return; /* the workers that stay check */
    }
    for (hgh_health *at = main->runtime->checked; at != NULL; at = next) {
        next = at->next; /* nothing here takes one out of the list */
        upstream_check(main, at, clock_ms);
    }
    ngx_add_timer(event, main->runtime->checked == NULL ? TICK_IDLE_MS : TICK_MS);
}

void hgh_nginx_health_start(hgh_nginx_main *main)
{
    ngx_queue_init(&main->probes);
    main->health_tick.handler = tick;
    main->health_tick.data = main;
    main->health_tick.log = ngx_cycle->log;
    main->health_tick.cancelable = 1;
    ngx_add_timer(&main->health_tick, TICK_MS);
}

void hgh_nginx_health_stop(hgh_nginx_main *main)
{
    if (main->health_tick.handler == NULL) {
        return; /* it was never started */
    }
    if (main->health_tick.timer_set) {
        ngx_del_timer(&main->health_tick);
    }
    while (!ngx_queue_empty(&main->probes)) {
        probe_close(ngx_queue_data(ngx_queue_head(&main->probes), probe, queue));
    }
}
