/* host/engine/nginx/event.c - waiting in nginx's event loop: timers, descriptors, names, bodies. */
#include "host/core/address.h"
#include "host/engine/nginx/module.h"

#define DELAY_MAX_MS (UINT64_C(1) << 40) /* 34 years: far from where nginx's times wrap */

typedef enum handle_kind {
    HANDLE_TIMER,
    HANDLE_WATCH,
    HANDLE_RESOLUTION,
} handle_kind;

struct hgh_engine_handle {
    handle_kind kind;
    hgh_callback done;
    void *context;
    ngx_event_t event;         /* the timer; of a resolution: posted with its result */
    ngx_connection_t *watched; /* around a descriptor of a plugin's */
    hgh_resolved resolved;
    ngx_resolver_ctx_t *resolution; /* under way */
    hg_address addresses[HGH_NODE_ADDRESSES_MAX];
    size_t address_count;
    uint32_t ttl_s;
};

static hgh_engine_handle *handle_new(handle_kind kind, hgh_callback done, void *context)
{
    hgh_engine_handle *handle = ngx_calloc(sizeof(*handle), ngx_cycle->log);

    if (handle != NULL) {
        handle->kind = kind;
        handle->done = done;
        handle->context = context;
        handle->event.data = handle;
        handle->event.log = ngx_cycle->log;
    }
    return handle;
}

/* ---------------------------------------------------------------------------------- timers */

static void timer_over(ngx_event_t *event)
{
    const hgh_engine_handle *handle = event->data;

    handle->done(handle->context); /* which stops, and so frees, the handle */
}

static hgh_engine_handle *
timer_start(uint64_t delay_ms, bool background, hgh_callback done, void *context)
{
    hgh_engine_handle *handle = handle_new(HANDLE_TIMER, done, context);

    if (handle == NULL) {
        return NULL;
    }
    handle->event.handler = timer_over;
    handle->event.cancelable = background;
    ngx_add_timer(&handle->event, (ngx_msec_t)(delay_ms > DELAY_MAX_MS ? DELAY_MAX_MS : delay_ms));
    return handle;
}

/* Work in the background does not keep a worker alive that is to end. */
hgh_engine_handle *hgh_nginx_start_timer(uint64_t delay_ms, hgh_callback done, void *context)
{
    return timer_start(delay_ms, delay_ms == 0, done, context);
}

hgh_engine_handle *
hgh_nginx_start_background_timer(uint64_t delay_ms, hgh_callback done, void *context)
{
    return timer_start(delay_ms, true, done, context);
}

/* ----------------------------------------------------------------------------- descriptors */

static void watch_ready(ngx_event_t *event)
{
    ngx_connection_t *connection = event->data;
    const hgh_engine_handle *handle = connection->data;

    handle->done(handle->context);
}

hgh_engine_handle *hgh_nginx_watch(int fd, uint32_t events, hgh_callback ready, void *context)
{
    hgh_engine_handle *handle = handle_new(HANDLE_WATCH, ready, context);
    ngx_connection_t *connection;

    if (handle == NULL) {
        return NULL;
    }
    connection = ngx_get_connection(fd, ngx_cycle->log);
    if (connection == NULL) {
        ngx_free(handle);
        return NULL;
    }
    handle->watched = connection;
    connection->data = handle;
    connection->read->handler = watch_ready;
    connection->write->handler = watch_ready;
    connection->read->log = ngx_cycle->log;
    connection->write->log = ngx_cycle->log;
    /* Level-triggered: the plugin may leave data behind and wait again. */
    if (((events & HG_WAIT_READABLE) != 0 &&
         ngx_add_event(connection->read, NGX_READ_EVENT, NGX_LEVEL_EVENT) != NGX_OK) ||
        ((events & HG_WAIT_WRITABLE) != 0 &&
         ngx_add_event(connection->write, NGX_WRITE_EVENT, NGX_LEVEL_EVENT) != NGX_OK)) {
        hgh_nginx_stop(handle);
        return NULL;
    }
    return handle;
}

static void watch_stop(ngx_connection_t *connection)
{
    if (connection->read->active) {
        (void)ngx_del_event(connection->read, NGX_READ_EVENT, 0); /* the descriptor may be gone */
    }
    if (connection->write->active) {
        (void)ngx_del_event(connection->write, NGX_WRITE_EVENT, 0);
    }
    if (connection->read->posted) {
        ngx_delete_posted_event(connection->read);
    }
    if (connection->write->posted) {
        ngx_delete_posted_event(connection->write);
    }
    ngx_free_connection(connection);
    connection->fd = (ngx_socket_t)-1; /* it stays the plugin's */
}

/* ----------------------------------------------------------------------------------- names */

static void resolution_deliver(ngx_event_t *event)
{
    hgh_engine_handle *handle = event->data;
    hgh_resolved resolved = handle->resolved;

    /* The receiver forgets the handle: it is freed here. */
    resolved(handle->context, handle->address_count > 0 ? HG_OK : HG_ERR_NOT_FOUND,
             handle->addresses, handle->address_count, handle->ttl_s);
    ngx_free(handle);
}

static void resolution_done(ngx_resolver_ctx_t *resolution)
{
    hgh_engine_handle *handle = resolution->data;
    time_t now = ngx_time();

    if (resolution->state == NGX_OK) {
        for (ngx_uint_t i = 0;
             i < resolution->naddrs && handle->address_count < HGH_NODE_ADDRESSES_MAX; i++) {
            hg_address *address = &handle->addresses[handle->address_count];

            hgh_address_from_sockaddr(resolution->addrs[i].sockaddr, address);
            handle->address_count += address->family != HG_ADDRESS_NONE;
        }
        handle->ttl_s = resolution->valid > now ? (uint32_t)(resolution->valid - now) : 1;
    }
    handle->resolution = NULL;
    ngx_resolve_name_done(resolution);
    /* nginx calls back at once when it knows the name; our callers have not returned yet then. */
    ngx_post_event(&handle->event, &ngx_posted_events);
}

/* RFC 6761 section 6.3: never asked of a server. */
static bool name_is_localhost(hg_text name)
{
    return hg_text_equal_ignoring_case(name, HG_TEXT("localhost"));
}

hgh_engine_handle *
hgh_nginx_resolve(hgh_engine_request *request, hg_text name, hgh_resolved done, void *context)
{
    const hgh_nginx_request *self = request;
    const hgh_nginx_main *main =
        (hgh_nginx_main *)ngx_http_cycle_get_module_main_conf(ngx_cycle, ngx_http_hotgate_module);

    return hgh_nginx_resolve_name(
        self == NULL ? main->location
                     : ngx_http_get_module_loc_conf(self->http, ngx_http_core_module),
        name, done, context);
}

hgh_engine_handle *hgh_nginx_resolve_name(const ngx_http_core_loc_conf_t *location,
                                          hg_text name,
                                          hgh_resolved done,
                                          void *context)
{
    hgh_engine_handle *handle = handle_new(HANDLE_RESOLUTION, NULL, context);
    ngx_resolver_ctx_t *resolution;

    if (handle == NULL) {
        return NULL;
    }
    handle->resolved = done;
    handle->event.handler = resolution_deliver;
    if (name_is_localhost(name)) {
        (void)hgh_address_parse(HG_TEXT("127.0.0.1"), &handle->addresses[0]);
        handle->address_count = 1;
        handle->ttl_s = 60;
        ngx_post_event(&handle->event, &ngx_posted_events);
        return handle;
    }
    resolution = location->resolver == NULL ? NULL : ngx_resolve_start(location->resolver, NULL);
    if (resolution == NULL || resolution == NGX_NO_RESOLVER) {
        ngx_free(handle);
        return NULL;
    }
    resolution->name = hgh_str_of_text(name);
    resolution->handler = resolution_done;
    resolution->data = handle;
    resolution->timeout = location->resolver_timeout;
    handle->resolution = resolution;
    if (ngx_resolve_name(resolution) != NGX_OK) { /* which has freed it */
        ngx_free(handle);
        return NULL;
    }
    return handle;
}

void hgh_nginx_stop(hgh_engine_handle *handle)
{
    if (handle == NULL) {
        return;
    }
    if (handle->event.timer_set) {
        ngx_del_timer(&handle->event);
    }
    if (handle->event.posted) {
        ngx_delete_posted_event(&handle->event);
    }
    if (handle->watched != NULL) {
        watch_stop(handle->watched);
    }
    if (handle->resolution != NULL) {
        ngx_resolve_name_done(handle->resolution);
    }
    ngx_free(handle);
}

/* ----------------------------------------------------------------------------------- bodies */

static void body_deliver(ngx_event_t *event)
{
    hgh_nginx_request *self = event->data;
    hgh_status_callback done = self->body_done;

    self->body_done = NULL;
    done(self->body_context, self->body_status);
}

static void body_read(ngx_http_request_t *http)
{
    hgh_nginx_request *self = hgh_nginx_request_find(http);

    if (!self->body_comes_later) {
        http->main->count--; /* that of ngx_http_read_client_request_body() */
    }
    self->reading_body = false;
    /* nginx calls back at once when the body is here; our callers have not returned yet then. */
    self->resume.handler = body_deliver;
    ngx_post_event(&self->resume, &ngx_posted_events);
    hgh_nginx_park(http);
}

void hgh_nginx_read_body(hgh_engine_request *request, hgh_status_callback done, void *context)
{
    hgh_nginx_request *self = request;
    ngx_http_request_t *http = self->http;
    ngx_int_t result;

    self->body_done = done;
    self->body_context = context;
    self->body_status = HG_OK;
    self->reading_body = true;
    self->resume.data = self;
    self->resume.log = http->connection->log;
    self->body_comes_later = false;
    http->request_body_in_single_buf = 1;
    result = ngx_http_read_client_request_body(http, body_read);
    if (result == NGX_AGAIN) {
        /* From here on the count of the reading is the request's only one: when nginx ends the
         * request over a body that is malformed or too long, nothing of ours holds it back. */
        self->body_comes_later = true;
        http->main->count--;
    }
    if (result >= NGX_HTTP_SPECIAL_RESPONSE) {
        /* It has given its count back itself. The plugin hears of it; what it answers is sent. What
         * follows of such a body must not be taken for the next request. */
        self->reading_body = false;
        http->keepalive = 0;
        self->body_status =
            result == NGX_HTTP_REQUEST_ENTITY_TOO_LARGE ? HG_ERR_TOO_LARGE : HG_ERR_IO;
        self->resume.handler = body_deliver;
        ngx_post_event(&self->resume, &ngx_posted_events);
    }
}

/* Bytes of one buffer, wherever they are; false: the file cannot be read. */
static bool buffer_copy(const ngx_buf_t *buffer, u_char *into)
{
    if (ngx_buf_in_memory(buffer)) {
        ngx_memcpy(into, buffer->pos, (size_t)(buffer->last - buffer->pos));
        return true;
    }
    size_t size = buffer->in_file ? (size_t)(buffer->file_last - buffer->file_pos) : 0;

    /* The mark of an empty body is neither in memory nor in a file. */
    return size == 0 || ngx_read_file(buffer->file, into, size, buffer->file_pos) == (ssize_t)size;
}

hg_status hgh_nginx_body(hgh_engine_request *request, size_t max_bytes, hg_text *out_body)
{
    ngx_http_request_t *http = ((hgh_nginx_request *)request)->http;
    size_t length = 0;
    u_char *bytes;

    if (http->upstream != NULL && http->request_body_no_buffering) {
        return HG_ERR_UNSUPPORTED; /* it has been passed on */
    }
    *out_body = (hg_text){"", 0};
    if (http->request_body == NULL || http->request_body->bufs == NULL) {
        return HG_OK;
    }
    for (const ngx_chain_t *link = http->request_body->bufs; link != NULL; link = link->next) {
        length += (size_t)ngx_buf_size(link->buf);
        if (length > max_bytes) {
            return HG_ERR_TOO_LARGE;
        }
    }
    bytes = ngx_pnalloc(http->pool, length + 1);
    if (bytes == NULL) {
        return HG_ERR_NO_MEMORY;
    }
    length = 0;
    for (const ngx_chain_t *link = http->request_body->bufs; link != NULL; link = link->next) {
        if (!buffer_copy(link->buf, bytes + length)) {
            return HG_ERR_IO;
        }
        length += (size_t)ngx_buf_size(link->buf);
    }
    bytes[length] = '\0';
    *out_body = (hg_text){(const char *)bytes, length};
    return HG_OK;
}

hg_status hgh_nginx_set_body(hgh_engine_request *request, const void *data, size_t length)
{
    ngx_http_request_t *http = ((hgh_nginx_request *)request)->http;
    ngx_buf_t *buffer;
    ngx_chain_t *link;

    if (http->request_body == NULL) {
        /* The client's own has not been read: what comes of it is thrown away. */
        if (ngx_http_discard_request_body(http) != NGX_OK) {
            return HG_ERR_IO;
        }
        http->request_body = ngx_pcalloc(http->pool, sizeof(*http->request_body));
    }
    buffer = ngx_create_temp_buf(http->pool, length + 1);
    link = ngx_alloc_chain_link(http->pool);
    if (http->request_body == NULL || buffer == NULL || link == NULL) {
        return HG_ERR_NO_MEMORY;
    }
    buffer->last = length == 0 ? buffer->pos : ngx_cpymem(buffer->pos, data, length);
    buffer->last_buf = 1;
    link->buf = buffer;
    link->next = NULL;
    http->request_body->bufs = length == 0 ? NULL : link;
    http->request_body->buf = buffer;
    http->request_body->temp_file = NULL;
    http->headers_in.content_length_n = (off_t)length;
    http->headers_in.chunked = 0;
    return HG_OK;
}

/* --------------------------------------------------------------------------------- parking */

void hgh_nginx_resume(hgh_engine_request *request)
{
    hgh_nginx_request *self = request;
    ngx_http_request_t *http = self->http;
    ngx_connection_t *connection = http->connection;

    self->parked = false;
    if (self->client_gone) {
        ngx_http_finalize_request(http, NGX_HTTP_CLIENT_CLOSED_REQUEST);
    } else if (hgh_nginx_response_takes(self)) {
        hgh_nginx_response_resume(self);
    } else {
        http->read_event_handler = ngx_http_block_reading;
        http->write_event_handler = ngx_http_core_run_phases;
        ngx_http_core_run_phases(http);
    }
    ngx_http_run_posted_requests(connection);
}

/* The client has gone: the callback that waits is told and runs to its end, while the request's
 * memory still exists; then the request ends. */
static void parked_client_gone(ngx_http_request_t *http, ngx_err_t error)
{
    hgh_nginx_request *self = hgh_nginx_request_find(http);
    ngx_connection_t *connection = http->connection;

    connection->read->eof = 1;
    connection->error = 1;
    connection->read->error = error != 0;
    ngx_log_error(NGX_LOG_INFO, connection->log, error, "client prematurely closed connection");
    if (self != NULL && self->parked) {
        bool has_ended = hgh_request_cancel_begin(self->request);

        hgh_nginx_response_abandon(self);
        if (!has_ended) {
            self->client_gone = true; /* hgh_nginx_resume() ends it */
            http->read_event_handler = ngx_http_block_reading;
            return;
        }
        self->parked = false;
    }
    ngx_http_finalize_request(http, NGX_HTTP_CLIENT_CLOSED_REQUEST);
}

/* The client's read events while a request is parked. */
static void parked_read(ngx_http_request_t *http)
{
    ngx_connection_t *connection = http->connection;
    ngx_event_t *event = connection->read;
    ngx_err_t error = 0;
    ssize_t received;
    char byte;

#if (NGX_HTTP_V2)
    if (http->stream != NULL) {
        if (connection->error) {
            parked_client_gone(http, 0);
        }
        return;
    }
#endif
#if (NGX_HAVE_EPOLLRDHUP)
    if ((ngx_event_flags & NGX_USE_EPOLL_EVENT) != 0 && ngx_use_epoll_rdhup) {
        socklen_t length = sizeof(error);

        if (!event->pending_eof) {
            return;
        }
        if (getsockopt(connection->fd, SOL_SOCKET, SO_ERROR, &error, &length) != 0) {
            error = ngx_socket_errno;
        }
        parked_client_gone(http, error);
        return;
    }
#endif
    received = recv(connection->fd, &byte, 1, MSG_PEEK);
    if (received > 0 || (received < 0 && ngx_socket_errno == NGX_EAGAIN)) {
        return; /* the next request of this connection may be here already */
    }
    error = received < 0 ? ngx_socket_errno : 0;
    parked_client_gone(http, error);
    (void)event;
}

bool hgh_nginx_is_watched(const ngx_http_request_t *http)
{
    return http->read_event_handler == parked_read;
}

void hgh_nginx_watch_client(ngx_http_request_t *http)
{
    ngx_event_t *read = http->connection->read;

    http->read_event_handler = parked_read;
#if (NGX_HTTP_V2)
    if (http->stream != NULL) {
        return; /* nginx looks after its connection */
    }
#endif
    if (read->ready || read->pending_eof) { /* what came with the request does not come again */
        ngx_post_event(read, &ngx_posted_events);
    }
}

void hgh_nginx_park(ngx_http_request_t *http)
{
    http->write_event_handler = ngx_http_request_empty_handler;
    hgh_nginx_watch_client(http);
}
