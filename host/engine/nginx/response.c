/* host/engine/nginx/response.c - the response of an upstream, held back while plugins decide on it.
 *
 * The header filter sends nothing, and the body filter leaves the buffers as they are, so that the
 * upstream waits as for a slow client. Nothing of the response is gone on with from inside nginx's
 * own code for upstreams: that happens in an event of ours.
 */
#include "host/core/response_hold.h"
#include "host/engine/nginx/module.h"

#define HELD_BUFFERED 0x08u /* of r->buffered: a bit that no filter in use here has */
#define DISCARD_MS    1000u /* for the rest of a body that is not sent, before its connection ends */

typedef enum hold_state {
    HOLD_DECIDING = 0,   /* plugins run, or wait */
    HOLD_DECIDED = 1,    /* they have ended at once: the event goes on */
    HOLD_DISCARDING = 2, /* the client has its response: the upstream's is thrown away */
    HOLD_PASSED = 3,
} hold_state;

/** Of one request; pooled. */
struct hgh_nginx_hold {
    hgh_nginx_request *self;
    hold_state state;
    ngx_event_t event; /* posted when there is news; its time limits the throwing away */
    ngx_http_event_handler_pt read_handler; /* that of nginx's; NULL: it is in place */
    ngx_chain_t *waiting;                   /* what has come of the body, and nobody has taken */
    ngx_chain_t **tail;
    bool ended;  /* the whole body has been taken */
    bool broken; /* the upstream broke off */
};

/* ---------------------------------------------------------------------------------- buffers */

static hg_text buffer_bytes(const ngx_http_request_t *http, const ngx_buf_t *buffer)
{
    if (http->method == NGX_HTTP_HEAD || !ngx_buf_in_memory(buffer)) {
        return HG_TEXT("");
    }
    return (hg_text){(const char *)buffer->pos, (size_t)(buffer->last - buffer->pos)};
}

/* Gives it back to who filled it. */
static void buffer_consume(ngx_buf_t *buffer)
{
    if (ngx_buf_in_memory(buffer)) {
        buffer->pos = buffer->last;
    }
    if (buffer->in_file) {
        buffer->file_pos = buffer->file_last;
    }
}

static void waiting_drop(hgh_nginx_hold *hold)
{
    for (const ngx_chain_t *link = hold->waiting; link != NULL; link = link->next) {
        buffer_consume(link->buf);
    }
    hold->waiting = NULL;
    hold->tail = &hold->waiting;
}

/* A link with bytes of ours at the end of a chain, or without any as a mark; NULL: no memory. */
static ngx_chain_t *link_make(ngx_http_request_t *http, hg_text bytes)
{
    ngx_chain_t *link = ngx_alloc_chain_link(http->pool);
    ngx_buf_t *buffer = ngx_calloc_buf(http->pool);

    if (link == NULL || buffer == NULL) {
        return NULL;
    }
    if (bytes.length > 0) {
        buffer->pos = (u_char *)(uintptr_t)bytes.data;
        buffer->last = buffer->pos + bytes.length;
        buffer->memory = 1;
    }
    link->buf = buffer;
    link->next = NULL;
    return link;
}

/* --------------------------------------------------------------------------------- upstream */

static bool upstream_is_active(const ngx_http_request_t *http)
{
    return http->upstream != NULL && http->upstream->cleanup != NULL;
}

/* Ends what is left of the upstream: the request becomes ours alone. Before a request is ended that
 * has one: nginx would free it while it runs what is to be cleaned up. */
static void upstream_detach(ngx_http_request_t *http)
{
    if (upstream_is_active(http)) {
        http->main->count++; /* the end of an upstream ends its request, if nobody else has it */
        (*http->upstream->cleanup)(http);
    }
}

/* No time of nginx's runs out because a plugin waits. */
static void timers_stop(ngx_http_request_t *http, bool body_is_wanted)
{
    ngx_event_t *write = http->connection->write;
    ngx_connection_t *peer = upstream_is_active(http) ? http->upstream->peer.connection : NULL;

    if (write->timer_set) {
        ngx_del_timer(write);
    }
    if (peer != NULL && peer->read->timer_set && !body_is_wanted) {
        ngx_del_timer(peer->read); /* it cannot be read: its buffers are here */
    }
}

/* nginx sets its own handlers when it is done with the upstream: ours come back. */
static void handlers_take(hgh_nginx_hold *hold)
{
    ngx_http_request_t *http = hold->self->http;
    bool is_active = upstream_is_active(http);

    if (!is_active) {
        http->write_event_handler = ngx_http_request_empty_handler;
    }
    if (is_active && http->request_body_no_buffering && http->reading_body) {
        return; /* the client's body still goes upstream, and says when the client goes */
    }
    if (!hgh_nginx_is_watched(http)) {
        hold->read_handler = http->read_event_handler;
        hgh_nginx_watch_client(http);
    }
}

static void handlers_give_back(hgh_nginx_hold *hold)
{
    ngx_http_request_t *http = hold->self->http;

    if (hold->read_handler != NULL && hgh_nginx_is_watched(http)) {
        http->read_event_handler = hold->read_handler;
    }
    hold->read_handler = NULL;
}

/* ------------------------------------------------------------------------------ going on with it
 */

/* Goes on with the request where nginx has left it; it may be gone behind this. */
static void source_run(ngx_http_request_t *http, ngx_int_t result)
{
    if (result == NGX_ERROR) {
        upstream_detach(http);
        ngx_http_finalize_request(http, result);
    } else if (upstream_is_active(http)) {
        http->write_event_handler(http); /* which passes on what has come, and reads more */
    } else {
        if (http->buffered) { /* a filter before ours has the rest of a file */
            result = ngx_http_output_filter(http, NULL);
        }
        ngx_http_finalize_request(http, result);
    }
}

/* What plugins have put in the place of the body, as far as there can be one. */
static ngx_int_t replacement_send(hgh_nginx_hold *hold)
{
    ngx_http_request_t *http = hold->self->http;
    hg_text bytes = hold->self->request->hold->replacement;
    ngx_chain_t *link;

    if (http->header_only) {
        return NGX_OK; /* nginx has sent all of it */
    }
    link = link_make(http, hgh_nginx_has_no_body(http) ? HG_TEXT("") : bytes);
    if (link == NULL) {
        return NGX_ERROR;
    }
    link->buf->last_buf = 1;
    link->buf->last_in_chain = 1;
    return hgh_nginx_body_pass(hold->self, link);
}

/* The upstream's body as far as it is here: what was taken, then what waits. */
static ngx_int_t body_send(hgh_nginx_hold *hold)
{
    ngx_http_request_t *http = hold->self->http;
    const hgh_text_builder *collected = &hold->self->request->hold->collected;
    ngx_chain_t *out = hold->waiting;

    hold->waiting = NULL;
    hold->tail = &hold->waiting;
    if (collected->length > 0 || hold->ended || hold->broken) {
        ngx_chain_t *link =
            link_make(http, (hg_text){hgh_text_builder_string(collected), collected->length});

        if (link == NULL) {
            return NGX_ERROR;
        }
        link->buf->last_buf = hold->ended;
        link->buf->last_in_chain = hold->ended;
        link->buf->flush = hold->broken; /* nothing comes behind it */
        link->next = out;
        out = link;
    }
    return out == NULL ? NGX_OK : hgh_nginx_body_pass(hold->self, out);
}

/* The client has another response than the upstream's, of which the rest is read so that its
 * connection can be used again; not while the client is slow, and not for long. */
static void rest_discard(hgh_nginx_hold *hold, ngx_int_t result)
{
    ngx_http_request_t *http = hold->self->http;

    hold->state = HOLD_DISCARDING;
    if (hold->event.posted) {
        ngx_delete_posted_event(&hold->event); /* news of before, not the end of the time */
    }
    if (http->connection->buffered) {
        upstream_detach(http);
    }
    if (upstream_is_active(http)) {
        http->read_event_handler = ngx_http_block_reading; /* a client that goes has all it gets */
        ngx_add_timer(&hold->event, DISCARD_MS);
    }
    source_run(http, result);
}

/* The headers cannot be sent as they are: nginx answers with something else. */
static void headers_failed(hgh_nginx_hold *hold, ngx_int_t result)
{
    ngx_http_request_t *http = hold->self->http;

    waiting_drop(hold);
    hold->state = HOLD_PASSED;
    upstream_detach(http);
    ngx_http_finalize_request(http, result);
}

/* The plugins have decided: headers and body are sent. The request may be gone behind this. */
static void response_release(hgh_nginx_hold *hold)
{
    ngx_http_request_t *http = hold->self->http;
    bool replaced = hold->self->request->hold->replaced;
    ngx_int_t result;

    hold->state = HOLD_PASSED;
    http->buffered &= ~HELD_BUFFERED & 0xfu;
    handlers_give_back(hold);
    if (replaced && http->headers_out.status != NGX_HTTP_NO_CONTENT &&
        http->headers_out.status != NGX_HTTP_NOT_MODIFIED) {
        http->headers_out.content_length_n = (off_t)hold->self->request->hold->replacement.length;
    }
    result = hgh_nginx_headers_pass(hold->self);
    if (result == NGX_ERROR || result > NGX_OK) {
        headers_failed(hold, result);
    } else if (replaced || hgh_nginx_has_no_body(http)) {
        waiting_drop(hold);
        rest_discard(hold, replacement_send(hold));
    } else {
        source_run(http, body_send(hold));
    }
}

void hgh_nginx_response_resume(hgh_nginx_request *self)
{
    switch (hgh_request_response(self->request)) {
    case HGH_PARKED:
        self->parked = true;
        break;
    case HGH_GO_UPSTREAM:
        response_release(self->hold);
        break;
    case HGH_ANSWER:
        upstream_detach(self->http);
        ngx_http_finalize_request(self->http, NGX_ERROR);
        break;
    }
}

/* ----------------------------------------------------------------------------------- the body */

/* Hands what waits to a callback that wants it. */
static void body_feed(hgh_nginx_hold *hold)
{
    ngx_http_request_t *http = hold->self->http;
    hg_request *request = hold->self->request;

    while (hold->waiting != NULL && hgh_response_is_wanted(request)) {
        ngx_chain_t *link = hold->waiting;
        hg_text bytes = buffer_bytes(http, link->buf);

        if (bytes.length > 0 && !hgh_response_take(request, bytes)) {
            break;
        }
        buffer_consume(link->buf);
        hold->waiting = link->next;
        if (hold->waiting == NULL) {
            hold->tail = &hold->waiting;
        }
        if (link->buf->last_buf) {
            hold->ended = true;
            hgh_response_end(request, HG_OK);
        }
        ngx_free_chain(http->pool, link);
    }
    if (hold->broken && hold->waiting == NULL && hgh_response_is_wanted(request)) {
        hgh_response_end(request, HG_ERR_IO);
    }
}

static void hold_deciding(hgh_nginx_hold *hold)
{
    hgh_nginx_request *self = hold->self;
    bool wanted;

    if (self->client_gone) {
        return; /* a thread has not ended yet */
    }
    body_feed(hold);
    wanted = hgh_response_is_wanted(self->request);
    handlers_take(hold);
    timers_stop(self->http, wanted);
    hgh_response_tell(self->request);
}

static void hold_event(ngx_event_t *event)
{
    hgh_nginx_hold *hold = event->data;
    ngx_http_request_t *http = hold->self->http;
    ngx_connection_t *connection = http->connection;

    switch (hold->state) {
    case HOLD_DECIDING:
        hold_deciding(hold);
        break;
    case HOLD_DECIDED:
        response_release(hold);
        break;
    case HOLD_DISCARDING:
        upstream_detach(http);
        ngx_http_finalize_request(http, NGX_OK);
        break;
    case HOLD_PASSED:
        break;
    }
    ngx_http_run_posted_requests(connection);
}

/* A callback waits for the body: what is here goes to it, and the upstream is read on. */
static void body_read(ngx_event_t *event)
{
    hgh_nginx_hold *hold = event->data;
    ngx_http_request_t *http = hold->self->http;
    ngx_connection_t *connection = http->connection;

    event->handler = hold_event;
    body_feed(hold);
    ngx_post_event(event, &ngx_posted_events);
    if (hgh_response_is_wanted(hold->self->request)) {
        if (upstream_is_active(http)) {
            http->write_event_handler(http);
        } else if (ngx_http_output_filter(http, NULL) == NGX_ERROR) {
            ngx_http_finalize_request(http, NGX_ERROR);
        }
    }
    ngx_http_run_posted_requests(connection);
}

void hgh_nginx_read_response_body(hgh_engine_request *request)
{
    hgh_nginx_hold *hold = ((hgh_nginx_request *)request)->hold;

    hold->event.handler = body_read;
    ngx_post_event(&hold->event, &ngx_posted_events);
}

/* The mark that nginx leaves behind what it could not read to its end. */
static bool is_break(const ngx_http_request_t *http, const ngx_buf_t *buffer)
{
    return buffer->flush && !buffer->last_buf && ngx_buf_special(buffer) &&
           !upstream_is_active(http);
}

static ngx_int_t waiting_append(hgh_nginx_hold *hold, ngx_chain_t *in)
{
    ngx_http_request_t *http = hold->self->http;

    for (; in != NULL; in = in->next) {
        ngx_chain_t *link = ngx_alloc_chain_link(http->pool);

        if (link == NULL) {
            return NGX_ERROR;
        }
        hold->broken |= is_break(http, in->buf);
        link->buf = in->buf;
        link->next = NULL;
        *hold->tail = link;
        hold->tail = &link->next;
    }
    return NGX_OK;
}

bool hgh_nginx_response_takes(const hgh_nginx_request *self)
{
    return self->hold != NULL && self->hold->state != HOLD_PASSED;
}

ngx_int_t hgh_nginx_response_take(hgh_nginx_request *self, ngx_chain_t *in)
{
    hgh_nginx_hold *hold = self->hold;
    ngx_http_request_t *http = self->http;

    if (waiting_append(hold, in) != NGX_OK) {
        return NGX_ERROR;
    }
    if (hold->state == HOLD_DISCARDING) {
        waiting_drop(hold);
        return http->connection->buffered ? hgh_nginx_body_pass(self, NULL) : NGX_OK;
    }
    body_feed(hold);
    http->buffered |= HELD_BUFFERED;
    ngx_post_event(&hold->event, &ngx_posted_events);
    return NGX_AGAIN;
}

/* --------------------------------------------------------------------------- begin and end */

static bool is_cached(const ngx_http_request_t *http)
{
#if (NGX_HTTP_CACHE)
    return http->upstream != NULL && http->cached;
#else
    (void)http;
    return false;
#endif
}

/* Not what nginx makes of an upstream that has failed: that one is over then. */
static bool is_of_upstream(const hgh_nginx_request *self)
{
    const ngx_http_request_t *http = self->http;

    return (upstream_is_active(http) || is_cached(http)) && http->err_status == 0 &&
           !self->answered && !http->upstream->upgrade;
}

/* What nginx takes for HTTP/0.9, as it does with all that has no status line, or for a response
 * that goes on: nobody can decide on that, and it must not pass for that reason. */
static ngx_int_t response_refuse(hgh_nginx_request *self)
{
    ngx_http_request_t *http = self->http;

    ngx_log_error(NGX_LOG_ERR, http->connection->log, 0,
                  "plugins cannot decide on what the upstream has sent: status %ui, wanted 200 on",
                  http->headers_out.status);
    hgh_nginx_engine.clear_response(self);
    http->http_version = http->http_major * 1000u + http->http_minor;
#if (NGX_HTTP_V2)
    if (http->stream != NULL) {
        http->http_version = NGX_HTTP_VERSION_20;
    }
#endif
    return NGX_HTTP_BAD_GATEWAY;
}

static ngx_int_t hold_begin(hgh_nginx_request *self)
{
    ngx_http_request_t *http = self->http;
    hgh_nginx_hold *hold = ngx_pcalloc(http->pool, sizeof(*hold));

    if (hold == NULL) {
        return NGX_ERROR;
    }
    hold->self = self;
    hold->tail = &hold->waiting;
    hold->event.data = hold;
    hold->event.handler = hold_event;
    hold->event.log = http->connection->log;
    self->hold = hold;
    http->filter_need_in_memory = 1;
    http->preserve_body = 1; /* callbacks may ask for what the client has sent */
    return NGX_OK;
}

bool hgh_nginx_response_begin(hgh_nginx_request *self, ngx_int_t *out_result)
{
    ngx_http_request_t *http = self->http;

    if (self->hold != NULL) { /* nginx sends something else: there is nothing to decide any more */
        hgh_nginx_response_stop(self);
        return false;
    }
    if (!is_of_upstream(self)) {
        return false;
    }
    if (http->headers_out.status < NGX_HTTP_OK) {
        *out_result = response_refuse(self);
        return true;
    }
    *out_result = hold_begin(self);
    if (*out_result != NGX_OK) {
        return true;
    }
    switch (hgh_request_response(self->request)) {
    case HGH_PARKED:
        self->parked = true;
        break;
    case HGH_GO_UPSTREAM:
        if (!self->request->hold->replaced) {
            self->hold->state = HOLD_PASSED;
            return false;
        }
        self->hold->state = HOLD_DECIDED;
        break;
    case HGH_ANSWER:
        *out_result = NGX_ERROR;
        return true;
    }
    /* Parts are cut out before our filter: of a body that passes there before its headers, none. */
    http->allow_ranges = 0;
    http->buffered |= HELD_BUFFERED;
    ngx_post_event(&self->hold->event, &ngx_posted_events);
    return true;
}

void hgh_nginx_response_abandon(hgh_nginx_request *self)
{
    if (hgh_nginx_response_takes(self)) {
        self->http->headers_out.status =
            NGX_HTTP_CLIENT_CLOSED_REQUEST; /* not what it has not got */
        upstream_detach(self->http);
        timers_stop(self->http, false);
        self->http->write_event_handler = ngx_http_request_empty_handler;
    }
}

void hgh_nginx_response_stop(hgh_nginx_request *self)
{
    hgh_nginx_hold *hold = self->hold;

    if (hold->event.posted) {
        ngx_delete_posted_event(&hold->event);
    }
    if (hold->event.timer_set) {
        ngx_del_timer(&hold->event);
    }
    if (hold->state == HOLD_DECIDING) {
        self->parked = false;
        hgh_request_cancel(self->request);
    }
    hold->state = HOLD_PASSED;
    hold->waiting = NULL;
    hold->tail = &hold->waiting;
    self->http->buffered &= ~HELD_BUFFERED & 0xfu;
}
