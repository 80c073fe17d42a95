/* host/engine/nginx/adapter.c - nginx's request and response in the words of host/core/engine.h. */
#include <stddef.h>

#include "host/core/address.h"
#include "host/engine/nginx/module.h"

static ngx_http_request_t *http_of(hgh_engine_request *request)
{
    return ((hgh_nginx_request *)request)->http;
}

/* nginx aligns for pointers; plugins are promised memory for any type. */
static void *adapter_allocate(hgh_engine_request *request, size_t size)
{
    u_char *memory = ngx_palloc(http_of(request)->pool, size + _Alignof(max_align_t));

    return memory == NULL ? NULL : ngx_align_ptr(memory, _Alignof(max_align_t));
}

/* --------------------------------------------------------------------------- request line */

static hg_text adapter_method(hgh_engine_request *request)
{
    return hgh_text_of_str(http_of(request)->method_name);
}

/* The number stays that of the client's method: it decides whether the client gets a body. */
static hg_status adapter_set_method(hgh_engine_request *request, hg_text method)
{
    http_of(request)->method_name = hgh_str_of_text(method);
    return HG_OK;
}

static hg_text adapter_scheme(hgh_engine_request *request)
{
#if (NGX_HTTP_SSL)
    if (http_of(request)->connection->ssl != NULL) {
        return HG_TEXT("https");
    }
#endif
    (void)request;
    return HG_TEXT("http");
}

static hg_text adapter_host(hgh_engine_request *request)
{
    return hgh_text_of_str(http_of(request)->headers_in.server);
}

static hg_text adapter_uri(hgh_engine_request *request)
{
    return hgh_text_of_str(http_of(request)->uri);
}

static hg_status adapter_set_uri(hgh_engine_request *request, hg_text uri)
{
    ngx_http_request_t *http = http_of(request);

    http->uri = hgh_str_of_text(uri);
    http->valid_unparsed_uri = 0;
    http->quoted_uri = 1; /* it holds plain characters: the proxy encodes what must be */
    return HG_OK;
}

static hg_status adapter_restore_uri(hgh_engine_request *request)
{
    const hgh_nginx_request *self = request;
    ngx_http_request_t *http = self->http;

    http->uri = self->uri;
    http->args = self->args;
    http->valid_unparsed_uri = self->unparsed_uri_is_valid;
    return HG_OK;
}

static hg_text adapter_raw_uri(hgh_engine_request *request)
{
    return hgh_text_of_str(http_of(request)->unparsed_uri);
}

static hg_text adapter_arguments(hgh_engine_request *request)
{
    return hgh_text_of_str(http_of(request)->args);
}

static hg_status adapter_set_arguments(hgh_engine_request *request, hg_text arguments)
{
    ngx_http_request_t *http = http_of(request);

    http->args = hgh_str_of_text(arguments);
    if (http->valid_unparsed_uri) {
        http->valid_unparsed_uri = 0;
        http->quoted_uri = 1;
    }
    return HG_OK;
}

/* --------------------------------------------------------------------------------- headers */

/* The next element of a header list; starts with *part and *index zeroed by the caller. */
static ngx_table_elt_t *list_next(ngx_list_part_t **part, ngx_uint_t *index)
{
    while (*index >= (*part)->nelts) {
        if ((*part)->next == NULL) {
            return NULL;
        }
        *part = (*part)->next;
        *index = 0;
    }
    return (ngx_table_elt_t *)(*part)->elts + (*index)++;
}

static bool is_named(const ngx_table_elt_t *header, hg_text name)
{
    return header->hash != 0 && header->key.len == name.length &&
           ngx_strncasecmp(header->key.data, (u_char *)(uintptr_t)name.data, name.length) == 0;
}

static ngx_table_elt_t *header_find(ngx_list_t *list, hg_text name)
{
    ngx_list_part_t *part = &list->part;
    ngx_uint_t index = 0;
    ngx_table_elt_t *header;

    while ((header = list_next(&part, &index)) != NULL) {
        if (is_named(header, name)) {
            return header;
        }
    }
    return NULL;
}

static bool header_at(ngx_list_t *list, size_t place, hg_header *out_header)
{
    ngx_list_part_t *part = &list->part;
    ngx_uint_t index = 0;
    ngx_table_elt_t *header;

    while ((header = list_next(&part, &index)) != NULL) {
        if (header->hash == 0 || is_named(header, HG_TEXT(HGH_REMOVED_HEADER))) {
            continue;
        }
        if (place-- == 0) {
            out_header->name = hgh_text_of_str(header->key);
            out_header->value = hgh_text_of_str(header->value);
            return true;
        }
    }
    return false;
}

static ngx_table_elt_t *header_push(ngx_pool_t *pool, ngx_list_t *list, hg_text name, hg_text value)
{
    ngx_table_elt_t *header = ngx_list_push(list);

    if (header == NULL) {
        return NULL;
    }
    ngx_memzero(header, sizeof(*header));
    header->key = hgh_str_of_text(name);
    header->value = hgh_str_of_text(value);
    header->lowcase_key = ngx_pnalloc(pool, name.length);
    if (header->lowcase_key == NULL) {
        header->hash = 0;
        return NULL;
    }
    header->hash = ngx_hash_strlow(header->lowcase_key, header->key.data, header->key.len);
    return header;
}

static hg_text adapter_header(hgh_engine_request *request, hg_text name)
{
    const ngx_table_elt_t *header = header_find(&http_of(request)->headers_in.headers, name);

    return header == NULL ? (hg_text){0} : hgh_text_of_str(header->value);
}

static bool adapter_header_at(hgh_engine_request *request, size_t index, hg_header *out_header)
{
    return header_at(&http_of(request)->headers_in.headers, index, out_header);
}

/* nginx keeps pointers to the headers that it knows: where the one of that name is, or NULL for
 * names without one and for those that it keeps in lists. */
static ngx_table_elt_t **known_header(ngx_http_request_t *http, const ngx_table_elt_t *header)
{
    ngx_http_core_main_conf_t *core = ngx_http_get_module_main_conf(http, ngx_http_core_module);
    const ngx_http_header_t *known =
        ngx_hash_find(&core->headers_in_hash, header->hash, header->lowcase_key, header->key.len);

    if (known == NULL || known->offset == 0) {
        return NULL;
    }
#if nginx_version < 1023000
    if (known->offset == offsetof(ngx_http_headers_in_t, cookies)
#if (NGX_HTTP_X_FORWARDED_FOR)
        || known->offset == offsetof(ngx_http_headers_in_t, x_forwarded_for)
#endif
    ) {
        return NULL;
    }
#endif
    return (ngx_table_elt_t **)(void *)((char *)&http->headers_in + known->offset);
}

#if nginx_version < 1023000
static void array_remove(ngx_array_t *array, const ngx_table_elt_t *header)
{
    ngx_table_elt_t **items = array->elts;
    ngx_uint_t kept = 0;

    for (ngx_uint_t i = 0; i < array->nelts; i++) {
        if (items[i] != header) {
            items[kept++] = items[i];
        }
    }
    array->nelts = kept;
}
#endif

/* An element cannot leave the list, which others point into: it gets a name that is never sent. */
static void header_remove(ngx_http_request_t *http, ngx_table_elt_t *header)
{
    static u_char removed_key[] = "x-hotgate-removed";
    ngx_table_elt_t **known = known_header(http, header);

    if (known != NULL && *known == header) {
#if nginx_version >= 1023000
        *known = header->next;
#else
        *known = NULL;
#endif
    }
#if nginx_version < 1023000
    array_remove(&http->headers_in.cookies, header);
#if (NGX_HTTP_X_FORWARDED_FOR)
    array_remove(&http->headers_in.x_forwarded_for, header);
#endif
#endif
    ngx_str_set(&header->key, HGH_REMOVED_HEADER);
    header->lowcase_key = removed_key;
    header->hash = ngx_hash_key(header->lowcase_key, header->key.len);
    ngx_str_null(&header->value);
}

static hg_status adapter_add_header(hgh_engine_request *request, hg_text name, hg_text value)
{
    ngx_http_request_t *http = http_of(request);
    ngx_table_elt_t *header = header_push(http->pool, &http->headers_in.headers, name, value);
    ngx_table_elt_t **known;

    if (header == NULL) {
        return HG_ERR_NO_MEMORY;
    }
    known = known_header(http, header);
    if (known != NULL && *known == NULL) {
        *known = header;
    }
#if nginx_version < 1023000
    if (is_named(header, HG_TEXT("Cookie"))) {
        ngx_table_elt_t **item = ngx_array_push(&http->headers_in.cookies);

        if (item == NULL) {
            return HG_ERR_NO_MEMORY;
        }
        *item = header;
    }
#endif
    return HG_OK;
}

static hg_status adapter_set_header(hgh_engine_request *request, hg_text name, hg_text value)
{
    ngx_http_request_t *http = http_of(request);
    ngx_list_part_t *part = &http->headers_in.headers.part;
    ngx_uint_t index = 0;
    ngx_table_elt_t *header;
    bool placed = value.data == NULL; /* nothing is to be placed: all go */

    while ((header = list_next(&part, &index)) != NULL) {
        if (!is_named(header, name)) {
            continue;
        }
        if (!placed) {
            header->value = hgh_str_of_text(value);
            placed = true;
        } else {
            header_remove(http, header);
        }
    }
    return placed ? HG_OK : adapter_add_header(request, name, value);
}

static void adapter_client_address(hgh_engine_request *request, hg_address *out_address)
{
    hgh_address_from_sockaddr(http_of(request)->connection->sockaddr, out_address);
}

static hg_text adapter_variable(hgh_engine_request *request, hg_text name)
{
    ngx_http_request_t *http = http_of(request);
    u_char short_name[64]; /* bytes; nearly all are shorter */
    ngx_str_t lower = {name.length, short_name};
    ngx_http_variable_value_t *value;
    ngx_uint_t hash;

    if (name.length > sizeof(short_name)) {
        lower.data = ngx_pnalloc(http->pool, name.length);
    }
    if (lower.data == NULL) {
        return (hg_text){0};
    }
    hash = ngx_hash_strlow(lower.data, (u_char *)(uintptr_t)name.data, name.length);
    value = ngx_http_get_variable(http, &lower, hash);
    if (value == NULL || value->not_found) {
        return (hg_text){0};
    }
    return (hg_text){value->len == 0 ? "" : (const char *)value->data, value->len};
}

/* -------------------------------------------------------------------------------- response */

static uint32_t adapter_response_status(hgh_engine_request *request)
{
    const ngx_http_request_t *http = http_of(request);

    return (uint32_t)(http->err_status != 0 ? http->err_status : http->headers_out.status);
}

static hg_status adapter_set_response_status(hgh_engine_request *request, uint32_t status)
{
    ngx_http_request_t *http = http_of(request);

    http->headers_out.status = status;
    http->err_status = 0;
    ngx_str_null(&http->headers_out.status_line); /* the upstream's reason no longer fits */
    return HG_OK;
}

/* Content-Type and Content-Length have fields of their own in nginx. */
static hg_text adapter_response_header(hgh_engine_request *request, hg_text name)
{
    ngx_http_request_t *http = http_of(request);
    const ngx_table_elt_t *header;

    if (hg_text_equal_ignoring_case(name, HG_TEXT("Content-Type"))) {
        return http->headers_out.content_type.len == 0
                   ? (hg_text){0}
                   : hgh_text_of_str(http->headers_out.content_type);
    }
    if (hg_text_equal_ignoring_case(name, HG_TEXT("Content-Length"))) {
        u_char *text;

        if (http->headers_out.content_length_n < 0 ||
            (text = ngx_pnalloc(http->pool, NGX_OFF_T_LEN + 1)) == NULL) {
            return (hg_text){0};
        }
        u_char *end = ngx_sprintf(text, "%O", http->headers_out.content_length_n);
        *end = '\0';
        return (hg_text){(const char *)text, (size_t)(end - text)};
    }
    header = header_find(&http->headers_out.headers, name);
    return header == NULL ? (hg_text){0} : hgh_text_of_str(header->value);
}

static bool
adapter_response_header_at(hgh_engine_request *request, size_t index, hg_header *out_header)
{
    ngx_http_request_t *http = http_of(request);
    static const char *const own[] = {"Content-Type", "Content-Length"};

    for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
        hg_text value = adapter_response_header(request, hg_text_of(own[i]));

        if (value.data != NULL && index-- == 0) {
            *out_header = (hg_header){hg_text_of(own[i]), value};
            return true;
        }
    }
    return header_at(&http->headers_out.headers, index, out_header);
}

/* nginx prints one of its own unless it knows of another. */
static void response_header_show(ngx_http_headers_out_t *out, ngx_table_elt_t *header)
{
    if (out->date == NULL && is_named(header, HG_TEXT("Date"))) {
        out->date = header;
    } else if (out->server == NULL && is_named(header, HG_TEXT("Server"))) {
        out->server = header;
    }
}

static hg_status
adapter_add_response_header(hgh_engine_request *request, hg_text name, hg_text value)
{
    ngx_http_headers_out_t *out = &http_of(request)->headers_out;
    ngx_table_elt_t *header = ngx_list_push(&out->headers);

    if (header == NULL) {
        return HG_ERR_NO_MEMORY;
    }
    ngx_memzero(header, sizeof(*header));
    header->hash = 1; /* of a response it says no more than that it is sent */
    header->key = hgh_str_of_text(name);
    header->value = hgh_str_of_text(value);
    response_header_show(out, header);
    return HG_OK;
}

static void content_type_set(ngx_http_request_t *http, hg_text value)
{
    http->headers_out.content_type = hgh_str_of_text(value);
    http->headers_out.content_type_len = value.length;
    http->headers_out.content_type_lowcase = NULL;
    ngx_str_null(&http->headers_out.charset); /* the value says it, or there is none */
}

/* nginx's own pointers to headers that go. */
static void response_header_forget(ngx_http_request_t *http, const ngx_table_elt_t *header)
{
    ngx_http_headers_out_t *out = &http->headers_out;
    ngx_table_elt_t **const pointers[] = {
        &out->server,        &out->date,          &out->content_encoding,
        &out->location,      &out->refresh,       &out->last_modified,
        &out->content_range, &out->accept_ranges, &out->www_authenticate,
        &out->expires,       &out->etag};

    for (size_t i = 0; i < sizeof(pointers) / sizeof(pointers[0]); i++) {
        if (*pointers[i] == header) {
            *pointers[i] = NULL;
        }
    }
    if (is_named(header, HG_TEXT("Last-Modified"))) {
        out->last_modified_time = -1;
    }
}

static hg_status
adapter_set_response_header(hgh_engine_request *request, hg_text name, hg_text value)
{
    ngx_http_request_t *http = http_of(request);
    ngx_list_part_t *part = &http->headers_out.headers.part;
    ngx_uint_t index = 0;
    ngx_table_elt_t *header;
    bool placed = value.data == NULL;

    if (hg_text_equal_ignoring_case(name, HG_TEXT("Content-Type"))) {
        content_type_set(http, value);
        return HG_OK;
    }
    if (hg_text_equal_ignoring_case(name, HG_TEXT("Content-Length"))) {
        if (value.data == NULL) {
            ngx_http_clear_content_length(http);
        }
        return HG_OK; /* it follows from the body */
    }
    if (hg_text_equal_ignoring_case(name, HG_TEXT("Last-Modified"))) {
        http->headers_out.last_modified_time = -1; /* nginx would print it a second time */
    }
    while ((header = list_next(&part, &index)) != NULL) {
        if (!is_named(header, name)) {
            continue;
        }
        if (!placed) {
            header->value = hgh_str_of_text(value);
            placed = true;
        } else {
            response_header_forget(http, header);
            header->hash = 0; /* nginx leaves out what has no hash */
        }
    }
    return placed ? HG_OK : adapter_add_response_header(request, name, value);
}

static void adapter_forget_body_length(hgh_engine_request *request)
{
    ngx_http_request_t *http = http_of(request);

    ngx_http_clear_content_length(http);
    ngx_http_clear_accept_ranges(http);
    ngx_http_weak_etag(http);
    http->allow_ranges = 0;
    http->filter_need_in_memory = 1;
}

/* Lists of their own, into which nginx puts headers of these names beside the list of all. */
static void response_lists_clear(ngx_http_headers_out_t *out)
{
#if nginx_version >= 1023000
    out->cache_control = NULL;
    out->link = NULL;
#else
    out->cache_control.nelts = 0;
    out->link.nelts = 0;
#endif
    out->trailers.part.nelts = 0;
    out->trailers.part.next = NULL;
    out->trailers.last = &out->trailers.part;
}

static void adapter_clear_response(hgh_engine_request *request)
{
    ngx_http_request_t *http = http_of(request);
    ngx_list_part_t *part = &http->headers_out.headers.part;
    ngx_uint_t index = 0;
    ngx_table_elt_t *header;

    while ((header = list_next(&part, &index)) != NULL) {
        response_header_forget(http, header);
        header->hash = 0;
    }
    response_lists_clear(&http->headers_out);
    ngx_http_clear_content_length(http);
    http->headers_out.last_modified_time = -1;
    content_type_set(http, (hg_text){0});
}

/* --------------------------------------------------------------------------------- process */

static uint64_t adapter_now_ms(void)
{
    return (uint64_t)ngx_current_msec;
}

static uint64_t adapter_clock_ms(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static int64_t adapter_wall_ms(void)
{
    const ngx_time_t *now = ngx_timeofday();

    return (int64_t)now->sec * 1000 + (int64_t)now->msec;
}

static void adapter_log(hgh_engine_request *request, hg_log_level level, hg_text text)
{
    static const ngx_uint_t levels[] = {
        [HG_LOG_ERROR] = NGX_LOG_ERR,     [HG_LOG_WARN] = NGX_LOG_WARN,
        [HG_LOG_NOTICE] = NGX_LOG_NOTICE, [HG_LOG_INFO] = NGX_LOG_INFO,
        [HG_LOG_DEBUG] = NGX_LOG_DEBUG,
    };
    ngx_log_t *log = request == NULL ? ngx_cycle->log : http_of(request)->connection->log;
    ngx_str_t line = hgh_str_of_text(text);

    ngx_log_error(levels[level], log, 0, "%V", &line);
}

const hgh_engine hgh_nginx_engine = {
    .name = "nginx",
    .allocate = adapter_allocate,
    .method = adapter_method,
    .set_method = adapter_set_method,
    .scheme = adapter_scheme,
    .host = adapter_host,
    .uri = adapter_uri,
    .set_uri = adapter_set_uri,
    .raw_uri = adapter_raw_uri,
    .arguments = adapter_arguments,
    .set_arguments = adapter_set_arguments,
    .header = adapter_header,
    .header_at = adapter_header_at,
    .set_header = adapter_set_header,
    .add_header = adapter_add_header,
    .client_address = adapter_client_address,
    .variable = adapter_variable,
    .set_body = hgh_nginx_set_body,
    .set_client_address = hgh_nginx_set_client_address,
    .restore_uri = adapter_restore_uri,
    .limit_body = hgh_nginx_limit_body,
    .response_status = adapter_response_status,
    .set_response_status = adapter_set_response_status,
    .response_header = adapter_response_header,
    .response_header_at = adapter_response_header_at,
    .set_response_header = adapter_set_response_header,
    .add_response_header = adapter_add_response_header,
    .forget_body_length = adapter_forget_body_length,
    .clear_response = adapter_clear_response,
    .read_body = hgh_nginx_read_body,
    .body = hgh_nginx_body,
    .read_response_body = hgh_nginx_read_response_body,
    .start_timer = hgh_nginx_start_timer,
    .start_background_timer = hgh_nginx_start_background_timer,
    .watch = hgh_nginx_watch,
    .stop = hgh_nginx_stop,
    .resolve = hgh_nginx_resolve,
    .resume = hgh_nginx_resume,
    .now_ms = adapter_now_ms,
    .clock_ms = adapter_clock_ms,
    .wall_ms = adapter_wall_ms,
    .log = adapter_log,
};
