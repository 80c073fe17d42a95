/* host/engine/nginx/module.h - what the files of the nginx engine share. */
#ifndef HOST_ENGINE_NGINX_MODULE_H
#define HOST_ENGINE_NGINX_MODULE_H

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "host/core/explain.h"
#include "host/core/request.h"
#include "host/core/runtime.h"
#include "host/engine/nginx/keepalive.h"

#define HGH_REMOVED_HEADER "X-Hotgate-Removed" /* never sent upstream: see nginx_config.c */

/** One process: what the directives of the http block say, and what a worker makes of it. */
typedef struct hgh_nginx_main {
    char *directory; /* the instance: nginx's prefix, with a NUL */
    ngx_str_t feed_directory;
    ngx_int_t board_fd;
    ngx_int_t arena_fd;
    ngx_int_t wake_fd;
    ngx_int_t ack_fd;
    ngx_str_t router;
    ngx_int_t parked_max;
    ngx_int_t offload_threads;
    ngx_int_t offload_queue;
    ngx_flag_t server_tokens;
    ngx_flag_t delete_tail_slash;
    ngx_flag_t like_servlet;
    ngx_flag_t encoded_slash;
    size_t post_max_bytes; /* of a body that variables are looked for in; 0: any */
    size_t graphql_max_bytes;
    ngx_str_t server_header;  /* the value of "Server" */
    ngx_str_t explain_socket; /* "unix:PATH" of the listener whose requests are only explained;
                                 empty: none */
    ngx_uint_t explain_hash;  /* of the name of the header that asks for one */
    bool enabled;             /* any location has `hotgate on` */
    ngx_http_ssl_srv_conf_t *tls_server; /* of the server with `hotgate_tls`; NULL: none */
    ngx_str_t fallback_sni;              /* for clients that send no name; empty: none */

    ngx_int_t keepalive_size; /* of the gateway's own pool */
    ngx_int_t keepalive_requests;
    ngx_int_t keepalive_timeout_ms;
    ngx_flag_t health;                  /* nodes of upstreams are checked */
    ngx_http_core_loc_conf_t *location; /* of the http block: its resolver */
    ngx_str_t trusted_certificate;      /* a file; empty: the system's authorities */
    hgh_runner_options runner;          /* its path NULL: none */
    hgh_runner_options isolation;       /* its path is a directory */

    hgh_runtime *runtime; /* in a worker */
    hgh_nginx_keepalive keepalive;
    ngx_event_t health_tick;
    ngx_queue_t probes;       /* checks under way */
    ngx_ssl_t client_context; /* of checks by https; made on first use */
    hgh_arena *arena;
    hgh_board *board;
    hgh_board_slot *slot;
} hgh_nginx_main;

typedef struct hgh_nginx_location {
    ngx_flag_t enable;
} hgh_nginx_location;

/** Who a connection's client is, as nginx has it. */
typedef struct hgh_nginx_client {
    struct sockaddr *sockaddr;
    socklen_t socklen;
    ngx_str_t text;
} hgh_nginx_client;

/** What response.c keeps of a request. */
typedef struct hgh_nginx_hold hgh_nginx_hold;

/** One request, in the module's slot of r->ctx; found through the pool when nginx has cleared
 * that. */
typedef struct hgh_nginx_request {
    ngx_http_request_t *http;
    hg_request *request;
    ngx_event_t resume; /* posted when a wait was over before it had begun */
    hgh_status_callback body_done;
    void *body_context;
    hg_status body_status;
    ngx_str_t method_name; /* as the client sent it, as are the next two */
    ngx_str_t uri;
    ngx_str_t args;
    bool unparsed_uri_is_valid;
    bool client_changed;     /* `client` holds the one of the connection */
    hgh_nginx_client client; /* to be put back when the request is over */
    off_t body_max;          /* 0: the location's limit alone */
    void **limited_conf;     /* the location with that limit; NULL: none was made */
    void **unlimited_conf;   /* the one it is a copy of */
    ngx_chain_t *free;
    ngx_chain_t *busy;
    ngx_http_upstream_conf_t *upstream_conf;
    hgh_nginx_hold *hold; /* NULL: no plugin was to decide on its response */
    bool parked;
    bool client_gone;    /* while a function of a plugin's was running on a thread */
    bool answered;       /* by hgh_exit: the response is on its way */
    bool headers_passed; /* header_filter has run */
    bool headers_held;
    bool body_ended; /* the plugins have seen the last piece */
    off_t body_left; /* bytes that the response still has; -1: not known */
    bool reading_body;
    bool body_comes_later; /* it was not here when its reading began */
    bool logged;
} hgh_nginx_request;

extern ngx_module_t ngx_http_hotgate_module;

/** The engine's table. */
extern const hgh_engine hgh_nginx_engine;

/** The request's record, or NULL if the gateway does not serve it. */
hgh_nginx_request *hgh_nginx_request_find(ngx_http_request_t *http);

/** Runs a request on; what the access phase returns. */
ngx_int_t hgh_nginx_request_drive(hgh_nginx_request *self);

/** From now on the client's events say only whether it has gone, which it may have already. */
void hgh_nginx_park(ngx_http_request_t *http);

/** The same of its read events alone, and whether that is so. */
void hgh_nginx_watch_client(ngx_http_request_t *http);
bool hgh_nginx_is_watched(const ngx_http_request_t *http);

/** Goes on with another location's settings; it was told if there is none. */
ngx_int_t hgh_nginx_location_enter(ngx_http_request_t *http, const ngx_str_t *name);

/* explain.c */
/** Whether a request is to be explained: *out_explanation is the caller's, NULL if not. NGX_ERROR:
 * no memory. */
ngx_int_t hgh_nginx_explain_begin(hgh_nginx_request *self, hgh_explanation **out_explanation);

/* event.c, for the engine's table */
hgh_engine_handle *hgh_nginx_start_timer(uint64_t delay_ms, hgh_callback done, void *context);
hgh_engine_handle *
hgh_nginx_start_background_timer(uint64_t delay_ms, hgh_callback done, void *context);
hgh_engine_handle *hgh_nginx_watch(int fd, uint32_t events, hgh_callback ready, void *context);
void hgh_nginx_stop(hgh_engine_handle *handle);
hgh_engine_handle *
hgh_nginx_resolve(hgh_engine_request *request, hg_text name, hgh_resolved done, void *context);
/** The same outside a request. */
hgh_engine_handle *hgh_nginx_resolve_name(const ngx_http_core_loc_conf_t *location,
                                          hg_text name,
                                          hgh_resolved done,
                                          void *context);
void hgh_nginx_read_body(hgh_engine_request *request, hgh_status_callback done, void *context);
hg_status hgh_nginx_body(hgh_engine_request *request, size_t max_bytes, hg_text *out_body);
hg_status hgh_nginx_set_body(hgh_engine_request *request, const void *data, size_t length);
void hgh_nginx_resume(hgh_engine_request *request);

/* health.c */
void hgh_nginx_health_start(hgh_nginx_main *main);
void hgh_nginx_health_stop(hgh_nginx_main *main);

/* client.c; the first two for the engine's table */
hg_status hgh_nginx_set_client_address(hgh_engine_request *request, const hg_address *address);
hg_status hgh_nginx_limit_body(hgh_engine_request *request, uint64_t max_bytes);
/** Gives the connection its own client back. */
void hgh_nginx_client_restore(hgh_nginx_request *self);
/** Puts the limit of the body in force, again after the location was switched. */
ngx_int_t hgh_nginx_limit_apply(hgh_nginx_request *self);
/** Takes it back: nothing of the request's memory is its location any more. */
void hgh_nginx_limit_lift(hgh_nginx_request *self);

/* balancer.c */
/** Writes a socket address, which has room for IPv6; its length. */
socklen_t hgh_nginx_socket_address(const hg_address *from, struct sockaddr *into);
char *hgh_nginx_balancer_directive(ngx_conf_t *conf, ngx_command_t *command, void *target);

/* tls_client.c */
/** What connections to nodes are made with unless their upstream says more; NULL: no memory. */
ngx_ssl_t *hgh_nginx_client_context(hgh_nginx_main *main);
/** What connections to this upstream's nodes are made with; NULL: its certificate is not there,
 * which has been logged. */
ngx_ssl_t *hgh_nginx_upstream_context(hgh_nginx_main *main, hgh_upstream *upstream, ngx_log_t *log);
/** The host of "host:port" or "[v6]:port". */
hg_text hgh_host_without_port(hg_text host);

/* tls.c */
char *hgh_nginx_tls_directive(ngx_conf_t *conf, ngx_command_t *command, void *target);
ngx_int_t hgh_nginx_tls_install(ngx_conf_t *conf, hgh_nginx_main *main);
/** True if a request on a TLS connection may go on: its client has shown what is wanted. */
bool hgh_nginx_tls_allows(ngx_http_request_t *http);

/* runner.c */
char *hgh_nginx_runner_directive(ngx_conf_t *conf, ngx_command_t *command, void *target);

/* filter.c */
ngx_int_t hgh_nginx_filters_install(void);
/** Nothing follows the headers. */
bool hgh_nginx_has_no_body(const ngx_http_request_t *http);
/** The rest of the header filter, and of the body filter, once plugins have decided on the
 * response.
 */
ngx_int_t hgh_nginx_headers_pass(hgh_nginx_request *self);
ngx_int_t hgh_nginx_body_pass(hgh_nginx_request *self, ngx_chain_t *in);

/* response.c */
/** Begins the phase of plugins that decide on an upstream's response, of which there are some.
 * False: the headers may go at once; else *out_result is what the header filter returns. */
bool hgh_nginx_response_begin(hgh_nginx_request *self, ngx_int_t *out_result);
/** True while the body goes to hgh_nginx_response_take(), which returns as a body filter does. */
bool hgh_nginx_response_takes(const hgh_nginx_request *self);
ngx_int_t hgh_nginx_response_take(hgh_nginx_request *self, ngx_chain_t *in);
/** A callback that had parked has ended. The request may be gone behind this. */
void hgh_nginx_response_resume(hgh_nginx_request *self);
/** The client has gone: nothing is received any more. */
void hgh_nginx_response_abandon(hgh_nginx_request *self);
/** Ends it all, as when the request ends. */
void hgh_nginx_response_stop(hgh_nginx_request *self);
void hgh_nginx_read_response_body(hgh_engine_request *request); /* for the engine's table */

/* Texts both ways. nginx's are not NUL-terminated in general. */
static inline hg_text hgh_text_of_str(ngx_str_t str)
{
    hg_text text = {(const char *)str.data, str.len};
    return text;
}

static inline ngx_str_t hgh_str_of_text(hg_text text)
{
    ngx_str_t str = {text.length, (u_char *)(uintptr_t)text.data};
    return str;
}

#endif
