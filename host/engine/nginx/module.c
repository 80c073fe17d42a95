/* host/engine/nginx/module.c - the nginx module: directives, phases, and the life of a worker. */
#include "host/engine/nginx/module.h"

#include <signal.h>
#include <sys/prctl.h>

#include "host/core/crash_handler.h"
#include "host/core/offload.h"

#define PARKED_MAX 10000
/* nginx_config.http.upstream has the same. */
#define KEEPALIVE_SIZE       320
#define KEEPALIVE_REQUESTS   1000
#define KEEPALIVE_TIMEOUT_MS 60000
#define SETTLE_MS            2000 /* for functions of plugins on threads, when a worker ends */
#define RESTART_PAUSE_MS     200  /* nginx starts a worker that has ended again at once */

/* --------------------------------------------------------------------------------- request */

/* Ends the callback that waits, if there is one: it may still use the request's memory. */
static void request_cancel(hgh_nginx_request *self)
{
    if (self->resume.posted) {
        ngx_delete_posted_event(&self->resume);
    }
    if (self->hold != NULL) {
        hgh_nginx_response_stop(self);
    }
    if (self->parked || self->request->wait.coroutine != NULL) {
        self->parked = false;
        hgh_request_cancel(self->request);
    }
}

/* A request is over when its pool is destroyed, whatever way it ended. */
static void request_cleanup(void *data)
{
    hgh_nginx_request *self = data;

    request_cancel(self); /* of a request that was never logged */
    hgh_request_done(self->request);
    hgh_nginx_client_restore(self);
}

hgh_nginx_request *hgh_nginx_request_find(ngx_http_request_t *http)
{
    hgh_nginx_request *self = ngx_http_get_module_ctx(http, ngx_http_hotgate_module);

    if (self != NULL || !http->internal || http != http->main) {
        return self; /* a request inside another one shares its pool, and is none of ours */
    }
    /* A redirect inside nginx (an error page) clears the contexts of all modules. */
    for (ngx_pool_cleanup_t *cleanup = http->pool->cleanup; cleanup != NULL;
         cleanup = cleanup->next) {
        if (cleanup->handler == request_cleanup) {
            self = cleanup->data;
            ngx_http_set_ctx(http, self, ngx_http_hotgate_module);
            return self;
        }
    }
    return NULL;
}

static hgh_nginx_request *request_begin(ngx_http_request_t *http)
{
    const hgh_nginx_main *main = ngx_http_get_module_main_conf(http, ngx_http_hotgate_module);
    ngx_pool_cleanup_t *cleanup = ngx_pool_cleanup_add(http->pool, 0);
    hgh_nginx_request *self = ngx_pcalloc(http->pool, sizeof(*self));
    hgh_explanation *explanation = NULL;

    if (cleanup == NULL || self == NULL) {
        return NULL;
    }
    self->http = http;
    self->method_name = http->method_name;
    self->uri = http->uri;
    self->args = http->args;
    self->unparsed_uri_is_valid = http->valid_unparsed_uri;
    if (hgh_nginx_explain_begin(self, &explanation) == NGX_OK) {
        self->request = hgh_request_new_explained(main->runtime, self, explanation);
    }
    if (self->request == NULL) {
        hgh_nginx_client_restore(self);
        return NULL;
    }
    cleanup->handler = request_cleanup;
    cleanup->data = self;
    ngx_http_set_ctx(http, self, ngx_http_hotgate_module);
    return self;
}

/* Sends what a plugin, or the gateway itself, answers. */
static ngx_int_t answer_send(hgh_nginx_request *self)
{
    ngx_http_request_t *http = self->http;
    const hgh_exit *answer = &self->request->exit;
    ngx_buf_t *buffer;
    ngx_chain_t out;
    ngx_int_t result = ngx_http_discard_request_body(http);

    if (result != NGX_OK) {
        return result;
    }
    self->answered = true;
    http->headers_out.status = answer->status;
    /* A length with 304 would be that of what the client has (RFC 9110 section 8.6). */
    http->headers_out.content_length_n =
        answer->status == NGX_HTTP_NOT_MODIFIED ? (off_t)-1 : (off_t)answer->body.length;
    if (answer->content_type.data != NULL) {
        http->headers_out.content_type = hgh_str_of_text(answer->content_type);
        http->headers_out.content_type_len = answer->content_type.length;
    }
    buffer = ngx_calloc_buf(http->pool);
    if (buffer == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }
    buffer->pos = (u_char *)(uintptr_t)answer->body.data;
    buffer->last = buffer->pos + answer->body.length;
    buffer->memory = answer->body.length > 0;
    buffer->last_buf = 1;
    buffer->last_in_chain = 1;
    out.buf = buffer;
    out.next = NULL;
    result = ngx_http_send_header(http);
    if (result == NGX_ERROR || result > NGX_OK || http->header_only) {
        return result;
    }
    return ngx_http_output_filter(http, &out);
}

ngx_int_t hgh_nginx_location_enter(ngx_http_request_t *http, const ngx_str_t *name)
{
    ngx_http_core_srv_conf_t *server = ngx_http_get_module_srv_conf(http, ngx_http_core_module);

    for (ngx_http_core_loc_conf_t **at = server->named_locations; at != NULL && *at != NULL; at++) {
        if ((*at)->name.len == name->len &&
            ngx_strncmp((*at)->name.data, name->data, name->len) == 0) {
            http->loc_conf = (*at)->loc_conf;
            ngx_http_update_location_config(http);
            return NGX_OK;
        }
    }
    ngx_log_error(NGX_LOG_ERR, http->connection->log, 0, "the configuration has no location %V",
                  name);
    return NGX_HTTP_INTERNAL_SERVER_ERROR;
}

/* Which location of the generated configuration talks to this upstream. */
static ngx_int_t location_switch(hgh_nginx_request *self)
{
    static const ngx_str_t names[HGH_SCHEMES][2] = {
        [HGH_SCHEME_HTTP] = {ngx_null_string, ngx_string("@hotgate_websocket")},
        [HGH_SCHEME_HTTPS] = {ngx_string("@hotgate_https"), ngx_string("@hotgate_https_websocket")},
        [HGH_SCHEME_GRPC] = {ngx_string("@hotgate_grpc"), ngx_string("@hotgate_grpc")},
        [HGH_SCHEME_GRPCS] = {ngx_string("@hotgate_grpcs"), ngx_string("@hotgate_grpcs")},
    };
    ngx_http_request_t *http = self->http;
    const hg_request *request = self->request;
    const hgh_route *route = request->route;
    const hgh_service *service = hgh_chain_service(request->chain);
    bool websocket =
        route->has_websocket ? route->websocket : service != NULL && service->websocket;
    const ngx_str_t *name =
        &names[request->target.upstream->scheme][websocket && http->headers_in.upgrade != NULL];

    return name->len == 0 ? NGX_OK : hgh_nginx_location_enter(http, name);
}

ngx_int_t hgh_nginx_request_drive(hgh_nginx_request *self)
{
    ngx_http_request_t *http = self->http;
    ngx_int_t result;

    switch (hgh_request_run(self->request)) {
    case HGH_GO_UPSTREAM:
        result = location_switch(self);
        if (result == NGX_OK && hgh_nginx_limit_apply(self) != NGX_OK) {
            result = NGX_HTTP_INTERNAL_SERVER_ERROR;
        }
        return result == NGX_OK ? NGX_DECLINED : result;
    case HGH_PARKED:
        self->parked = true;
        if (!self->reading_body) {
            hgh_nginx_park(http);
        }
        return NGX_AGAIN;
    case HGH_ANSWER:
        break;
    }
    result = answer_send(self);
    ngx_http_finalize_request(http, result);
    return NGX_DONE;
}

static ngx_int_t access_handler(ngx_http_request_t *http)
{
    const hgh_nginx_location *location =
        ngx_http_get_module_loc_conf(http, ngx_http_hotgate_module);
    hgh_nginx_request *self;

    if (!location->enable || http != http->main) {
        return NGX_DECLINED;
    }
    self = ngx_http_get_module_ctx(http, ngx_http_hotgate_module);
    if (self == NULL && (self = hgh_nginx_request_find(http)) != NULL) {
        request_cancel(self); /* sent on inside nginx: its plugins have run, or waited in vain */
    } else if (self == NULL) {
        self = request_begin(http);
        if (self == NULL) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }
        if (http->connection->ssl != NULL && !hgh_nginx_tls_allows(http)) {
            hgh_request_fail(self->request, 400, "400 Bad Request");
            http->keepalive = 0; /* a new connection may have what this one lacks */
        }
    } else if (self->parked) {
        return NGX_AGAIN; /* a write event of the connection, not what it waits for */
    }
    return hgh_nginx_request_drive(self);
}

static ngx_int_t log_handler(ngx_http_request_t *http)
{
    hgh_nginx_request *self = hgh_nginx_request_find(http);

    if (self != NULL && !self->logged) {
        self->logged = true;
        request_cancel(self); /* while there is memory: nginx takes the pool away after this */
        hgh_request_log(self->request);
    }
    return NGX_OK;
}

/* ------------------------------------------------------------------------------ error pages */

/* What nginx itself refuses or cannot do is answered as JSON too. */
static ngx_int_t error_handler(ngx_http_request_t *http)
{
    ngx_uint_t status =
        http->err_status != 0 ? (ngx_uint_t)http->err_status : NGX_HTTP_INTERNAL_SERVER_ERROR;
    ngx_http_complex_value_t value;
    static ngx_str_t type = ngx_string("application/json");
    u_char *text = ngx_pnalloc(http->pool, 128);

    if (text == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }
    ngx_memzero(&value, sizeof(value));
    value.value.data = text;
    value.value.len = (size_t)(ngx_sprintf(text, "{\"error_msg\":\"%ui %s\"}\n", status,
                                           hgh_status_reason((uint32_t)status)) -
                               text);
    return ngx_http_send_response(http, status, &type, &value);
}

static char *error_directive(ngx_conf_t *conf, ngx_command_t *command, void *target)
{
    ngx_http_core_loc_conf_t *location =
        ngx_http_conf_get_module_loc_conf(conf, ngx_http_core_module);

    (void)command;
    (void)target;
    location->handler = error_handler;
    return NGX_CONF_OK;
}

/* ------------------------------------------------------------------------------- variables */

static void variable_set(ngx_http_variable_value_t *value, hg_text text)
{
    value->data = (u_char *)(uintptr_t)text.data;
    value->len = (unsigned)text.length & 0xfffffff;
    value->valid = 1;
    value->no_cacheable = 1; /* a retry may go elsewhere */
    value->not_found = 0;
}

/* The Host header for the upstream. */
static ngx_int_t
variable_upstream_host(ngx_http_request_t *http, ngx_http_variable_value_t *value, uintptr_t data)
{
    const hgh_nginx_request *self = hgh_nginx_request_find(http);
    hg_text host = {0};

    (void)data;
    if (self != NULL && self->request->target.upstream != NULL) {
        host = hgh_request_upstream_host(self->request);
    }
    if (host.data == NULL) {
        host = http->headers_in.host == NULL ? hgh_text_of_str(http->headers_in.server)
                                             : hgh_text_of_str(http->headers_in.host->value);
    }
    variable_set(value, host);
    return NGX_OK;
}

static ngx_int_t
variable_upstream_scheme(ngx_http_request_t *http, ngx_http_variable_value_t *value, uintptr_t data)
{
    const hgh_nginx_request *self = hgh_nginx_request_find(http);
    const hgh_upstream *upstream = self == NULL ? NULL : self->request->target.upstream;

    (void)data;
    variable_set(
        value, hg_text_of(hgh_scheme_name(upstream == NULL ? HGH_SCHEME_HTTP : upstream->scheme)));
    return NGX_OK;
}

/* Path and arguments as they go upstream, before encoding. */
static ngx_int_t
variable_upstream_uri(ngx_http_request_t *http, ngx_http_variable_value_t *value, uintptr_t data)
{
    u_char *text;
    u_char *end;

    (void)data;
    if (http->valid_unparsed_uri) {
        variable_set(value, hgh_text_of_str(http->unparsed_uri));
        return NGX_OK;
    }
    text = ngx_pnalloc(http->pool, http->uri.len + 1 + http->args.len);
    if (text == NULL) {
        return NGX_ERROR;
    }
    end = http->uri.len == 0 ? text : ngx_copy(text, http->uri.data, http->uri.len);
    if (http->args.len > 0) {
        *end++ = '?';
        end = ngx_copy(end, http->args.data, http->args.len);
    }
    variable_set(value, (hg_text){(const char *)text, (size_t)(end - text)});
    return NGX_OK;
}

/* The node's host as it is configured, before its name was looked up. */
static ngx_int_t variable_upstream_unresolved_host(ngx_http_request_t *http,
                                                   ngx_http_variable_value_t *value,
                                                   uintptr_t data)
{
    const hgh_nginx_request *self = hgh_nginx_request_find(http);

    (void)data;
    if (self == NULL || self->request->target.node == NULL) {
        value->not_found = 1;
        return NGX_OK;
    }
    variable_set(value, self->request->target.node->host);
    return NGX_OK;
}

static ngx_int_t variables_add(ngx_conf_t *conf)
{
    static const struct {
        ngx_str_t name;
        ngx_http_get_variable_pt get;
    } variables[] = {
        {ngx_string("hotgate_upstream_host"), variable_upstream_host},
        {ngx_string("upstream_host"), variable_upstream_host},
        {ngx_string("upstream_scheme"), variable_upstream_scheme},
        {ngx_string("upstream_uri"), variable_upstream_uri},
        {ngx_string("upstream_unresolved_host"), variable_upstream_unresolved_host},
    };

    for (size_t i = 0; i < sizeof(variables) / sizeof(variables[0]); i++) {
        ngx_str_t name = variables[i].name;
        ngx_http_variable_t *variable =
            ngx_http_add_variable(conf, &name, NGX_HTTP_VAR_NOCACHEABLE);

        if (variable == NULL) {
            return NGX_ERROR;
        }
        variable->get_handler = variables[i].get;
    }
    return NGX_OK;
}

/* ---------------------------------------------------------------------------- configuration */

static void *main_conf_create(ngx_conf_t *conf)
{
    hgh_nginx_main *main = ngx_pcalloc(conf->pool, sizeof(*main));

    if (main != NULL) {
        main->board_fd = NGX_CONF_UNSET;
        main->arena_fd = NGX_CONF_UNSET;
        main->wake_fd = NGX_CONF_UNSET;
        main->ack_fd = NGX_CONF_UNSET;
        main->parked_max = NGX_CONF_UNSET;
        main->offload_threads = NGX_CONF_UNSET;
        main->offload_queue = NGX_CONF_UNSET;
        main->health = NGX_CONF_UNSET;
        main->keepalive_size = NGX_CONF_UNSET;
        main->keepalive_requests = NGX_CONF_UNSET;
        main->keepalive_timeout_ms = NGX_CONF_UNSET;
        main->server_tokens = NGX_CONF_UNSET;
        main->delete_tail_slash = NGX_CONF_UNSET;
        main->like_servlet = NGX_CONF_UNSET;
        main->encoded_slash = NGX_CONF_UNSET;
        main->post_max_bytes = NGX_CONF_UNSET_SIZE;
        main->graphql_max_bytes = NGX_CONF_UNSET_SIZE;
    }
    return main;
}

static char *main_conf_init(ngx_conf_t *conf, void *data)
{
    hgh_nginx_main *main = data;
    hgh_router_mode mode;

    u_char explain_header[] = HGH_EXPLAIN_HEADER;

    ngx_conf_init_value(main->parked_max, PARKED_MAX);
    ngx_conf_init_value(main->offload_threads, HGH_OFFLOAD_THREADS);
    ngx_conf_init_value(main->offload_queue, HGH_OFFLOAD_QUEUE);
    main->explain_hash =
        ngx_hash_strlow(explain_header, explain_header, sizeof(explain_header) - 1);
    ngx_conf_init_value(main->health, 1);
    ngx_conf_init_value(main->keepalive_size, KEEPALIVE_SIZE);
    ngx_conf_init_value(main->keepalive_requests, KEEPALIVE_REQUESTS);
    ngx_conf_init_value(main->keepalive_timeout_ms, KEEPALIVE_TIMEOUT_MS);
    main->location = ngx_http_conf_get_module_loc_conf(conf, ngx_http_core_module);
    ngx_conf_init_value(main->server_tokens, 1);
    ngx_conf_init_value(main->delete_tail_slash, 0);
    ngx_conf_init_value(main->like_servlet, 0);
    ngx_conf_init_value(main->encoded_slash, 0);
    ngx_conf_init_size_value(main->post_max_bytes, HGH_BODY_POST_MAX_BYTES);
    ngx_conf_init_size_value(main->graphql_max_bytes, HGH_BODY_GRAPHQL_MAX_BYTES);
    if (main->server_tokens) {
        ngx_str_set(&main->server_header, "APISIX/" HGH_API_LEVEL " hotgate/" HGH_VERSION);
    } else {
        ngx_str_set(&main->server_header, "APISIX");
    }
    if (main->router.len == 0) {
        ngx_str_set(&main->router, "radixtree_host_uri");
    }
    if (!hgh_router_mode_find(hgh_text_of_str(main->router), &mode)) {
        ngx_conf_log_error(NGX_LOG_EMERG, conf, 0, "hotgate_router: there is no router \"%V\"",
                           &main->router);
        return NGX_CONF_ERROR;
    }
    if (main->enabled && main->feed_directory.len == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, conf, 0, "\"hotgate on\" needs \"hotgate_feed\"");
        return NGX_CONF_ERROR;
    }
    main->directory = ngx_pnalloc(conf->pool, conf->cycle->prefix.len + 1);
    if (main->directory == NULL) {
        return NGX_CONF_ERROR;
    }
    (void)ngx_cpystrn((u_char *)main->directory, conf->cycle->prefix.data,
                      conf->cycle->prefix.len + 1);
    if (main->feed_directory.len > 0 &&
        ngx_conf_full_name(conf->cycle, &main->feed_directory, 0) != NGX_OK) {
        return NGX_CONF_ERROR;
    }
    return NGX_CONF_OK;
}

static void *location_conf_create(ngx_conf_t *conf)
{
    hgh_nginx_location *location = ngx_pcalloc(conf->pool, sizeof(*location));

    if (location != NULL) {
        location->enable = NGX_CONF_UNSET;
    }
    return location;
}

static char *location_conf_merge(ngx_conf_t *conf, void *parent, void *child)
{
    const hgh_nginx_location *outer = parent;
    hgh_nginx_location *inner = child;
    hgh_nginx_main *main = ngx_http_conf_get_module_main_conf(conf, ngx_http_hotgate_module);

    ngx_conf_merge_value(inner->enable, outer->enable, 0);
    main->enabled = main->enabled || inner->enable;
    return NGX_CONF_OK;
}

static ngx_int_t
phase_add(ngx_http_core_main_conf_t *core, ngx_uint_t phase, ngx_http_handler_pt to)
{
    ngx_http_handler_pt *handler = ngx_array_push(&core->phases[phase].handlers);

    if (handler == NULL) {
        return NGX_ERROR;
    }
    *handler = to;
    return NGX_OK;
}

static ngx_int_t postconfiguration(ngx_conf_t *conf)
{
    ngx_http_core_main_conf_t *core =
        ngx_http_conf_get_module_main_conf(conf, ngx_http_core_module);

    if (phase_add(core, NGX_HTTP_ACCESS_PHASE, access_handler) != NGX_OK ||
        phase_add(core, NGX_HTTP_LOG_PHASE, log_handler) != NGX_OK) {
        return NGX_ERROR;
    }
    if (hgh_nginx_tls_install(
            conf, ngx_http_conf_get_module_main_conf(conf, ngx_http_hotgate_module)) != NGX_OK) {
        return NGX_ERROR;
    }
    return hgh_nginx_filters_install();
}

/* ---------------------------------------------------------------------------------- worker */

/* Control has published something: an idle worker applies it without waiting for a request. */
static void wake_handler(ngx_event_t *event)
{
    ngx_connection_t *connection = event->data;
    hgh_nginx_main *main = connection->data;

    if (ngx_exiting) {
        atomic_store(&main->slot->state, HGH_WORKER_DRAINING);
    }
    (void)hgh_runtime_sync(main->runtime); /* what takes longer goes on by itself */
}

/* All workers share the descriptor: it is never read, each write is an edge for all of them. */
static ngx_int_t wake_watch(ngx_cycle_t *cycle, hgh_nginx_main *main)
{
    ngx_connection_t *connection = ngx_get_connection((ngx_socket_t)main->wake_fd, cycle->log);

    if (connection == NULL) {
        return NGX_ERROR;
    }
    connection->data = main;
    connection->read->handler = wake_handler;
    connection->read->log = cycle->log;
    connection->read->channel = 1; /* nothing that a worker which is to end waits for */
    return ngx_add_event(connection->read, NGX_READ_EVENT, NGX_CLEAR_EVENT);
}

static int32_t log_level(const ngx_cycle_t *cycle)
{
    static const hg_log_level levels[] = {
        [NGX_LOG_STDERR] = HG_LOG_ERROR,  [NGX_LOG_EMERG] = HG_LOG_ERROR,
        [NGX_LOG_ALERT] = HG_LOG_ERROR,   [NGX_LOG_CRIT] = HG_LOG_ERROR,
        [NGX_LOG_ERR] = HG_LOG_ERROR,     [NGX_LOG_WARN] = HG_LOG_WARN,
        [NGX_LOG_NOTICE] = HG_LOG_NOTICE, [NGX_LOG_INFO] = HG_LOG_INFO,
        [NGX_LOG_DEBUG] = HG_LOG_DEBUG,
    };
    ngx_uint_t level = cycle->log->log_level;

    return level > NGX_LOG_DEBUG ? (int32_t)HG_LOG_DEBUG : (int32_t)levels[level];
}

static hgh_nginx_main *main_of(const ngx_cycle_t *cycle)
{
    return ngx_http_cycle_get_module_main_conf(cycle, ngx_http_hotgate_module);
}

static ngx_int_t shared_map(ngx_cycle_t *cycle, hgh_nginx_main *main)
{
    hg_error err = HG_ERROR_INIT;
    uint32_t pause_ms;

    main->board = hgh_board_map((int)main->board_fd, true);
    if (main->board == NULL) {
        ngx_log_error(NGX_LOG_EMERG, cycle->log, ngx_errno, "hotgate_board: cannot be mapped");
        return NGX_ERROR;
    }
    if (hgh_crash_bury(main->board, hgh_nginx_engine.clock_ms()) > 0) {
        uint64_t one = 1;
        ssize_t written = write((int)main->ack_fd, &one, sizeof(one));

        (void)written; /* control looks by itself, later */
    }
    pause_ms = hgh_crash_pause_ms(main->board, hgh_nginx_engine.clock_ms());
    if (pause_ms > 0) {
        ngx_log_error(NGX_LOG_ALERT, cycle->log, 0,
                      "workers die one after the other: this one begins in %uD ms", pause_ms);
        ngx_msleep(pause_ms);
    }
    main->slot = hgh_board_take(main->board, (uint32_t)ngx_worker);
    if (main->slot == NULL) {
        ngx_log_error(NGX_LOG_EMERG, cycle->log, 0, "hotgate_board: no slot is free");
        return NGX_ERROR;
    }
    atomic_store(&main->slot->begun_ms, hgh_nginx_engine.clock_ms());
    if (hgh_arena_map((int)main->arena_fd, true, &main->arena, &err) != HG_OK) {
        ngx_log_error(NGX_LOG_EMERG, cycle->log, 0, "hotgate_arena: %s", err.text);
        return NGX_ERROR;
    }
    return NGX_OK;
}

/* A worker does not outlive its master, which may be gone before this is in place. */
static void follow_master(ngx_cycle_t *cycle)
{
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != ngx_parent) {
        ngx_log_error(NGX_LOG_ALERT, cycle->log, 0, "the master process is gone");
        _exit(1);
    }
}

static ngx_int_t worker_start(ngx_cycle_t *cycle, hgh_nginx_main *main)
{
    hgh_runtime_options options;
    hg_error err = HG_ERROR_INIT;

    if (shared_map(cycle, main) != NGX_OK) {
        return NGX_ERROR;
    }
    options = (hgh_runtime_options){
        .engine = &hgh_nginx_engine,
        .arena = main->arena,
        .board = main->board,
        .slot = main->slot,
        .directory = main->directory,
        .feed_directory = (const char *)main->feed_directory.data,
        .ack_fd = (int)main->ack_fd,
        .path_rules = {.delete_tail_slash = main->delete_tail_slash != 0,
                       .like_servlet = main->like_servlet != 0,
                       .encoded_slash = main->encoded_slash != 0},
        .body_limits = {.post_max_bytes = main->post_max_bytes,
                        .graphql_max_bytes = main->graphql_max_bytes},
        .parked_max = (uint32_t)main->parked_max,
        .offload_threads = (uint32_t)main->offload_threads,
        .offload_queue = (uint32_t)main->offload_queue,
        .authorities = main->trusted_certificate.len == 0
                           ? NULL
                           : (const char *)main->trusted_certificate.data,
        .runner = main->runner,
        .isolation = main->isolation,
        .log_level = log_level(cycle),
        .checks_health = main->health != 0,
        .watches_threads = true,
        .handles_crashes = true,
    };
    (void)hgh_router_mode_find(hgh_text_of_str(main->router), &options.router_mode);
    if (hgh_runtime_new(&options, &main->runtime, &err) != HG_OK) {
        ngx_log_error(NGX_LOG_EMERG, cycle->log, 0, "hotgate: %s", err.text);
        return NGX_ERROR;
    }
    hgh_nginx_keepalive_init(&main->keepalive);
    main->keepalive.own = (hgh_keepalive){
        .size = (uint32_t)main->keepalive_size,
        .requests = (uint32_t)main->keepalive_requests,
        .idle_timeout_ms = (uint64_t)main->keepalive_timeout_ms,
    };
    if (main->health) {
        hgh_nginx_health_start(main);
    }
    return wake_watch(cycle, main);
}

static ngx_int_t process_init(ngx_cycle_t *cycle)
{
    hgh_nginx_main *main = main_of(cycle);

    if (main == NULL || !main->enabled ||
        (ngx_process != NGX_PROCESS_WORKER && ngx_process != NGX_PROCESS_SINGLE)) {
        return NGX_OK;
    }
    if (ngx_process == NGX_PROCESS_WORKER) {
        follow_master(cycle);
    }
    if (worker_start(cycle, main) == NGX_OK) {
        return NGX_OK;
    }
    if (ngx_process == NGX_PROCESS_WORKER) {
        /* Returning an error would be the last of this worker: nginx never starts it again, and a
         * master without workers accepts and answers nothing. What is missing may come back. */
        ngx_msleep(RESTART_PAUSE_MS);
        _exit(1);
    }
    return NGX_ERROR;
}

static void process_exit(ngx_cycle_t *cycle)
{
    hgh_nginx_main *main = main_of(cycle);

    if (main == NULL || main->runtime == NULL) {
        return;
    }
    hgh_nginx_health_stop(main);
    if (!hgh_runtime_settle(main->runtime, SETTLE_MS)) {
        hgh_board_release(main->slot);
        _exit(0); /* nothing may be taken apart under a thread that runs */
    }
    hgh_crash_handler_remove(); /* what ends from here on ends on purpose */
    /* A fast end leaves requests behind whose plugins must stay: the process ends with them. */
    if (atomic_load(&main->slot->requests_live) == 0) {
        hgh_runtime_free(main->runtime);
        main->runtime = NULL;
    }
    hgh_board_release(main->slot);
}

/* --------------------------------------------------------------------------------- directives */

#define MAIN_DIRECTIVE(name, parse, member)                                                        \
    {                                                                                              \
        ngx_string(name), NGX_HTTP_MAIN_CONF | NGX_CONF_TAKE1, (parse), NGX_HTTP_MAIN_CONF_OFFSET, \
            offsetof(hgh_nginx_main, member), NULL                                                 \
    }

static ngx_command_t directives[] = {
    MAIN_DIRECTIVE("hotgate_feed", ngx_conf_set_str_slot, feed_directory),
    MAIN_DIRECTIVE("hotgate_board", ngx_conf_set_num_slot, board_fd),
    MAIN_DIRECTIVE("hotgate_arena", ngx_conf_set_num_slot, arena_fd),
    MAIN_DIRECTIVE("hotgate_wake", ngx_conf_set_num_slot, wake_fd),
    MAIN_DIRECTIVE("hotgate_ack", ngx_conf_set_num_slot, ack_fd),
    MAIN_DIRECTIVE("hotgate_router", ngx_conf_set_str_slot, router),
    MAIN_DIRECTIVE("hotgate_parked_requests", ngx_conf_set_num_slot, parked_max),
    MAIN_DIRECTIVE("hotgate_offload_threads", ngx_conf_set_num_slot, offload_threads),
    MAIN_DIRECTIVE("hotgate_offload_queue", ngx_conf_set_num_slot, offload_queue),
    MAIN_DIRECTIVE("hotgate_server_tokens", ngx_conf_set_flag_slot, server_tokens),
    MAIN_DIRECTIVE("hotgate_delete_uri_tail_slash", ngx_conf_set_flag_slot, delete_tail_slash),
    MAIN_DIRECTIVE("hotgate_normalize_uri_like_servlet", ngx_conf_set_flag_slot, like_servlet),
    MAIN_DIRECTIVE("hotgate_match_uri_encoded_slash", ngx_conf_set_flag_slot, encoded_slash),
    MAIN_DIRECTIVE("hotgate_post_args_size", ngx_conf_set_size_slot, post_max_bytes),
    MAIN_DIRECTIVE("hotgate_graphql_size", ngx_conf_set_size_slot, graphql_max_bytes),
    {ngx_string("hotgate_health"), NGX_HTTP_MAIN_CONF | NGX_CONF_FLAG, ngx_conf_set_flag_slot,
     NGX_HTTP_MAIN_CONF_OFFSET, offsetof(hgh_nginx_main, health), NULL},
    MAIN_DIRECTIVE("hotgate_keepalive", ngx_conf_set_num_slot, keepalive_size),
    MAIN_DIRECTIVE("hotgate_keepalive_requests", ngx_conf_set_num_slot, keepalive_requests),
    MAIN_DIRECTIVE("hotgate_keepalive_timeout", ngx_conf_set_num_slot, keepalive_timeout_ms),
    MAIN_DIRECTIVE("hotgate_explain_socket", ngx_conf_set_str_slot, explain_socket),
    MAIN_DIRECTIVE("hotgate_trusted_certificate", ngx_conf_set_str_slot, trusted_certificate),
    {ngx_string("hotgate_runner"), NGX_HTTP_MAIN_CONF | NGX_CONF_1MORE, hgh_nginx_runner_directive,
     NGX_HTTP_MAIN_CONF_OFFSET, offsetof(hgh_nginx_main, runner), NULL},
    {ngx_string("hotgate_isolation"), NGX_HTTP_MAIN_CONF | NGX_CONF_1MORE,
     hgh_nginx_runner_directive, NGX_HTTP_MAIN_CONF_OFFSET, offsetof(hgh_nginx_main, isolation),
     NULL},
    {ngx_string("hotgate_balancer"), NGX_HTTP_UPS_CONF | NGX_CONF_NOARGS,
     hgh_nginx_balancer_directive, 0, 0, NULL},
    {ngx_string("hotgate_tls"), NGX_HTTP_SRV_CONF | NGX_CONF_TAKE1, hgh_nginx_tls_directive,
     NGX_HTTP_SRV_CONF_OFFSET, 0, NULL},
    {ngx_string("hotgate"), NGX_HTTP_LOC_CONF | NGX_CONF_FLAG, ngx_conf_set_flag_slot,
     NGX_HTTP_LOC_CONF_OFFSET, offsetof(hgh_nginx_location, enable), NULL},
    {ngx_string("hotgate_error"), NGX_HTTP_LOC_CONF | NGX_CONF_NOARGS, error_directive,
     NGX_HTTP_LOC_CONF_OFFSET, 0, NULL},
    ngx_null_command,
};

static ngx_http_module_t http_module = {
    .preconfiguration = variables_add,
    .postconfiguration = postconfiguration,
    .create_main_conf = main_conf_create,
    .init_main_conf = main_conf_init,
    .create_loc_conf = location_conf_create,
    .merge_loc_conf = location_conf_merge,
};

HG_EXPORT ngx_module_t ngx_http_hotgate_module = {
    NGX_MODULE_V1,
    &http_module,
    directives,
    NGX_HTTP_MODULE,
    NULL,         /* init master */
    NULL,         /* init module */
    process_init, /* init process */
    NULL,         /* init thread */
    NULL,         /* exit thread */
    process_exit, /* exit process */
    NULL,         /* exit master */
    NGX_MODULE_V1_PADDING,
};

/* What nginx looks up in a dynamic module; its own configure would write this file. */
static char module_name[] = "ngx_http_hotgate_module";
static char next_module_name[] = "ngx_http_copy_filter_module";

HG_EXPORT ngx_module_t *ngx_modules[] = {&ngx_http_hotgate_module, NULL};
HG_EXPORT char *ngx_module_names[] = {module_name, NULL};
/* Our filters see the body in memory (after copy) and before it is compressed or chunked. */
HG_EXPORT char *ngx_module_order[] = {module_name, next_module_name, NULL};
