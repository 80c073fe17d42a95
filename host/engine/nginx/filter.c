/* host/engine/nginx/filter.c - runs the response phases inside nginx's filter chain. */
#include "host/core/response_hold.h"
#include "host/engine/nginx/module.h"

#define CHANGED_STEP 4096u /* bytes: sizes of our buffers, so that one suits the next piece too */

static ngx_http_output_header_filter_pt next_header_filter;
static ngx_http_output_body_filter_pt next_body_filter;

static ngx_int_t server_header_set(ngx_http_request_t *http, const hgh_nginx_main *main)
{
    static u_char lowcase_key[] = "server";
    ngx_table_elt_t *header = http->headers_out.server;

    if (header == NULL) {
        header = ngx_list_push(&http->headers_out.headers);
        if (header == NULL) {
            return NGX_ERROR;
        }
        ngx_memzero(header, sizeof(*header));
        ngx_str_set(&header->key, "Server");
        header->lowcase_key = lowcase_key;
        http->headers_out.server = header;
    }
    header->hash = 1;
    header->value = main->server_header;
    return NGX_OK;
}

/* Nothing follows the headers: a plugin that waits for the body would wait for ever. */
bool hgh_nginx_has_no_body(const ngx_http_request_t *http)
{
    ngx_uint_t status = http->headers_out.status;

    return http->header_only || http->method == NGX_HTTP_HEAD || status == NGX_HTTP_NO_CONTENT ||
           status == NGX_HTTP_NOT_MODIFIED;
}

static inline ngx_int_t
headers_pass(ngx_http_request_t *http, const hgh_nginx_main *main, hgh_nginx_request *self)
{
    if (server_header_set(http, main) != NGX_OK) {
        return NGX_ERROR;
    }
    if (self == NULL || self->headers_passed) {
        return next_header_filter(http);
    }
    self->headers_passed = true;
    hgh_nginx_limit_lift(self);
    /* Ranges are cut out before our body filter, and the length follows later. */
    self->body_left =
        http->headers_in.range == NULL ? http->headers_out.content_length_n : (off_t)-1;
    self->headers_held = hgh_request_header_filter(self->request);
    if (hgh_request_has_body_filters(self->request)) {
        http->filter_need_in_memory = 1;
    }
    if (self->headers_held && hgh_nginx_has_no_body(http)) {
        hg_text nothing;

        /* A plugin that waits for the body is told that there is none. */
        (void)hgh_request_body_filter(self->request, HG_TEXT(""), true, &nothing);
        self->headers_held = false;
    }
    return self->headers_held ? NGX_OK : next_header_filter(http);
}

ngx_int_t hgh_nginx_headers_pass(hgh_nginx_request *self)
{
    return headers_pass(self->http,
                        ngx_http_get_module_main_conf(self->http, ngx_http_hotgate_module), self);
}

static ngx_int_t header_filter(ngx_http_request_t *http)
{
    const hgh_nginx_main *main = ngx_http_get_module_main_conf(http, ngx_http_hotgate_module);
    hgh_nginx_request *self;
    ngx_int_t result;

    if (http != http->main || !main->enabled) {
        return next_header_filter(http);
    }
    self = hgh_nginx_request_find(http);
    if (self != NULL && !self->headers_passed && hgh_request_has_response(self->request) &&
        hgh_nginx_response_begin(self, &result)) {
        return result;
    }
    return headers_pass(http, main, self);
}

/* A buffer for changed bytes: a free one of this response that is large enough, or a new one. */
static ngx_chain_t *changed_link(hgh_nginx_request *self, hg_text data)
{
    ngx_chain_t **at = &self->free;
    size_t room = ngx_align(data.length + 1, CHANGED_STEP);
    ngx_chain_t *link;

    while (*at != NULL && (size_t)((*at)->buf->end - (*at)->buf->start) < data.length) {
        at = &(*at)->next;
    }
    link = *at;
    if (link != NULL) {
        *at = link->next;
        link->buf->pos = link->buf->start;
        link->buf->last_buf = 0;
        link->buf->flush = 0;
    } else {
        link = ngx_alloc_chain_link(self->http->pool);
        if (link == NULL || (link->buf = ngx_create_temp_buf(self->http->pool, room)) == NULL) {
            return NULL;
        }
        link->buf->tag = (ngx_buf_tag_t)&ngx_http_hotgate_module;
    }
    link->next = NULL;
    link->buf->last =
        data.length == 0 ? link->buf->pos : ngx_cpymem(link->buf->pos, data.data, data.length);
    return link;
}

/* A mark without bytes may not look like data. */
static void link_set_empty(ngx_buf_t *buffer)
{
    buffer->temporary = 0;
    buffer->memory = 0;
    buffer->sync = !buffer->last_buf && !buffer->flush;
}

/* True if these bytes are the body's last. nginx marks the end in a buffer of its own; where the
 * length is known the plugins need not be called for that one too. */
static bool body_ends_with(hgh_nginx_request *self, const ngx_buf_t *buffer, size_t length)
{
    if (buffer->last_buf) {
        return true;
    }
    if (self->body_left < 0 || length == 0) {
        return false;
    }
    self->body_left -= (off_t)length;
    return self->body_left == 0;
}

static ngx_int_t link_append(hgh_nginx_request *self, ngx_buf_t *buffer, ngx_chain_t ***tail)
{
    ngx_chain_t *link = ngx_alloc_chain_link(self->http->pool);

    if (link == NULL) {
        return NGX_ERROR;
    }
    link->buf = buffer;
    link->next = NULL;
    **tail = link;
    *tail = &link->next;
    return NGX_OK;
}

/* What the plugins made of a buffer: in its own place if it fits, else in one of ours. That one
 * holds the other until it has been sent, so that the upstream waits for a slow client. */
static ngx_int_t
changed_append(hgh_nginx_request *self, ngx_buf_t *buffer, hg_text changed, ngx_chain_t ***tail)
{
    ngx_chain_t *link;

    if (changed.length == 0 && !buffer->last_buf && !buffer->flush) {
        buffer->pos = buffer->last;
        return NGX_OK;
    }
    if (changed.length > 0 && buffer->temporary &&
        changed.length <= (size_t)(buffer->last - buffer->pos)) {
        buffer->last = ngx_movemem(buffer->pos, changed.data, changed.length);
        return link_append(self, buffer, tail);
    }
    link = changed_link(self, changed);
    if (link == NULL) {
        return NGX_ERROR;
    }
    link->buf->shadow = buffer;
    link->buf->recycled = buffer->recycled;
    link->buf->last_buf = buffer->last_buf;
    link->buf->last_in_chain = buffer->last_in_chain;
    link->buf->flush = buffer->flush;
    if (changed.length == 0) {
        link_set_empty(link->buf);
    } else {
        link->buf->temporary = 1;
        link->buf->sync = 0;
    }
    **tail = link;
    *tail = &link->next;
    return NGX_OK;
}

/* One buffer through the plugins; what is to be sent is appended to *tail. */
static ngx_int_t buffer_filter(hgh_nginx_request *self, ngx_buf_t *buffer, ngx_chain_t ***tail)
{
    bool in_memory = ngx_buf_in_memory(buffer);
    hg_text data = {in_memory ? (const char *)buffer->pos : "",
                    in_memory ? (size_t)(buffer->last - buffer->pos) : 0};
    hg_text changed;

    if (self->body_ended) {
        return link_append(self, buffer, tail); /* the mark behind the last bytes */
    }
    self->body_ended = body_ends_with(self, buffer, data.length);
    if (hgh_request_body_filter(self->request, data, self->body_ended, &changed) != HG_OK) {
        return NGX_ERROR;
    }
    return changed.data == data.data && changed.length == data.length
               ? link_append(self, buffer, tail)
               : changed_append(self, buffer, changed, tail);
}

static off_t chain_size(const ngx_chain_t *chain)
{
    off_t size = 0;

    for (; chain != NULL; chain = chain->next) {
        size += ngx_buf_size(chain->buf);
    }
    return size;
}

/* Headers that were held back go now; with the whole body here its length is known. */
static ngx_int_t headers_release(hgh_nginx_request *self, const ngx_chain_t *body, bool complete)
{
    self->headers_held = false;
    if (complete) {
        self->http->headers_out.content_length_n = chain_size(body);
    }
    return next_header_filter(self->http);
}

/* Takes back the buffers that have been sent, and gives back those that they stood for. */
static void links_recycle(hgh_nginx_request *self)
{
    ngx_chain_t *link;

    while ((link = self->busy) != NULL) {
        bool ours = link->buf->tag == (ngx_buf_tag_t)&ngx_http_hotgate_module;

        if (ours && ngx_buf_size(link->buf) != 0) {
            return;
        }
        self->busy = link->next;
        if (!ours) {
            ngx_free_chain(self->http->pool, link);
            continue;
        }
        if (link->buf->shadow != NULL) {
            link->buf->shadow->pos = link->buf->shadow->last;
            link->buf->shadow = NULL;
        }
        link->next = self->free;
        self->free = link;
    }
}

static ngx_int_t body_send(hgh_nginx_request *self, ngx_chain_t *out)
{
    ngx_int_t result = next_body_filter(self->http, out);
    ngx_chain_t **end = &self->busy;

    while (*end != NULL) {
        end = &(*end)->next;
    }
    *end = out;
    links_recycle(self);
    return result;
}

/* What a plugin appended to a response without body would be taken for the next response. */
static inline bool is_unfiltered(const hgh_nginx_request *self)
{
    return !self->headers_passed || hgh_nginx_has_no_body(self->http) ||
           !hgh_request_has_body_filters(self->request);
}

static ngx_int_t body_run(hgh_nginx_request *self, ngx_chain_t *in)
{
    ngx_http_request_t *http = self->http;
    ngx_chain_t *out = NULL;
    ngx_chain_t **tail = &out;

    for (ngx_chain_t *link = in; link != NULL; link = link->next) {
        if (buffer_filter(self, link->buf, &tail) != NGX_OK) {
            return NGX_ERROR;
        }
    }
    if (self->headers_held) {
        if (self->request->headers_held && !self->body_ended) {
            return NGX_OK; /* the plugins have what came so far */
        }
        ngx_int_t result = headers_release(self, out, self->body_ended);

        if (result == NGX_ERROR || result > NGX_OK || http->header_only) {
            return result;
        }
    }
    return out == NULL && in != NULL ? NGX_OK : body_send(self, out);
}

ngx_int_t hgh_nginx_body_pass(hgh_nginx_request *self, ngx_chain_t *in)
{
    return is_unfiltered(self) ? next_body_filter(self->http, in) : body_run(self, in);
}

static ngx_int_t body_filter(ngx_http_request_t *http, ngx_chain_t *in)
{
    hgh_nginx_request *self = http == http->main ? hgh_nginx_request_find(http) : NULL;

    if (self != NULL && self->hold != NULL) {
        if (hgh_nginx_response_takes(self)) {
            return hgh_nginx_response_take(self, in);
        }
        if (in == NULL && !http->connection->buffered) {
            links_recycle(self);
            return NGX_OK; /* nginx looks after buffers that are back already */
        }
    }
    return self == NULL || is_unfiltered(self) ? next_body_filter(http, in) : body_run(self, in);
}

ngx_int_t hgh_nginx_filters_install(void)
{
    next_header_filter = ngx_http_top_header_filter;
    ngx_http_top_header_filter = header_filter;
    next_body_filter = ngx_http_top_body_filter;
    ngx_http_top_body_filter = body_filter;
    return NGX_OK;
}
