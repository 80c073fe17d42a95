/* host/control/settings.h - config.yaml, decoded once: every key that this gateway knows, typed. */
#ifndef HOST_CONTROL_SETTINGS_H
#define HOST_CONTROL_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include <hotgate/error.h>

#include "host/core/issues.h"

/** One address to listen on. */
typedef struct hgh_listen {
    char address[46]; /* IPv4 or IPv6, without brackets */
    uint16_t port;
    bool http2; /* HTTP/2 as well; without TLS: HTTP/2 alone */
    bool tls;
} hgh_listen;

typedef enum hgh_role {
    HGH_ROLE_VIEWER = 1, /* GET only */
    HGH_ROLE_ADMIN = 2,
} hgh_role;

/** Where objects come from. */
typedef enum hgh_config_source {
    HGH_CONFIG_STORE = 0, /* the Admin API writes them */
    HGH_CONFIG_YAML,      /* conf/apisix.yaml */
    HGH_CONFIG_JSON,      /* conf/apisix.json */
} hgh_config_source;

/** One entry of deployment.admin.admin_key. */
typedef struct hgh_admin_key {
    char *name;
    char *key; /* secret */
    hgh_role role;
} hgh_admin_key;

/**
 * The configuration file merged over the defaults. Texts are owned by it. Keys and defaults are
 * those of APISIX's config.yaml; the name of each is in the comment.
 */
typedef struct hgh_settings {
    char *path; /* of the file it came from */

    size_t node_listen_count; /* apisix.node_listen: [9080] on 0.0.0.0 */
    hgh_listen *node_listen;
    size_t data_listen_count; /* all that the data plane listens on: the above and ssl_listen */
    hgh_listen *data_listen;
    bool disable_upstream_healthcheck; /* apisix.disable_upstream_healthcheck: false */
    bool enable_http2;                 /* apisix.enable_http2: true */
    bool ssl_enable;                   /* apisix.ssl.enable: true */
    size_t ssl_listen_count;           /* apisix.ssl.listen: [{port: 9443}] on 0.0.0.0 */
    hgh_listen *ssl_listen;
    char *ssl_protocols;             /* apisix.ssl.ssl_protocols: TLSv1.2 TLSv1.3 */
    char *ssl_ciphers;               /* apisix.ssl.ssl_ciphers: NULL, nginx's own */
    bool ssl_session_tickets;        /* apisix.ssl.ssl_session_tickets: false */
    char *fallback_sni;              /* apisix.ssl.fallback_sni: NULL, none */
    char *ssl_trusted_certificate;   /* apisix.ssl.ssl_trusted_certificate: NULL, the system's */
    bool enable_server_tokens;       /* apisix.enable_server_tokens: true */
    bool delete_uri_tail_slash;      /* apisix.delete_uri_tail_slash: false */
    bool normalize_uri_like_servlet; /* apisix.normalize_uri_like_servlet: false */
    bool match_uri_encoded_slash;    /* apisix.match_uri_encoded_slash: false */
    int64_t post_args_max_mib;       /* apisix.max_post_args_readable_size: 64; 0: no limit */
    int64_t graphql_max_bytes;       /* graphql.max_size: 1048576 */
    char *router;                    /* apisix.router.http: radixtree_host_uri */
    size_t dns_resolver_count;       /* apisix.dns_resolver: none; then /etc/resolv.conf's */
    char **dns_resolver;
    int64_t dns_resolver_valid_s; /* apisix.dns_resolver_valid: 0, the record's own TTL */
    int64_t resolver_timeout_s;   /* apisix.resolver_timeout: 5 */

    bool enable_control;       /* apisix.enable_control: true */
    hgh_listen control_listen; /* apisix.control.{ip,port}: 127.0.0.1, 9090 */
    hgh_listen status_listen;  /* apisix.status.{ip,port}: 127.0.0.1; port 0: there is none */

    char *role;                      /* deployment.role: traditional */
    char *config_provider;           /* deployment.role_data_plane.config_provider: NULL, none */
    hgh_config_source config_source; /* what the two mean */

    bool enable_admin;         /* apisix.enable_admin: true; false for a data plane of a file */
    size_t admin_listen_count; /* deployment.admin.admin_listen: 127.0.0.1:9180; 0: a file of
                                  release 2.15 that has the Admin API on the data port alone */
    hgh_listen *admin_listen;
    bool admin_key_required; /* deployment.admin.admin_key_required: true */
    size_t admin_key_count;  /* deployment.admin.admin_key */
    hgh_admin_key *admin_key;
    size_t allow_admin_count; /* deployment.admin.allow_admin: 127.0.0.0/24, ::1/128 */
    char **allow_admin;
    bool enable_admin_on_data_port; /* deployment.admin.enable_admin_on_data_port: false */
    bool https_admin;               /* deployment.admin.https_admin: false */
    char *admin_ssl_cert;           /* deployment.admin.admin_api_mtls.*: NULL is none */
    char *admin_ssl_cert_key;
    char *admin_ssl_ca_cert;
    bool enable_admin_cors;  /* deployment.admin.enable_admin_cors: true */
    char *admin_api_version; /* deployment.admin.admin_api_version: v3 */

    bool encrypt_store;   /* apisix.data_encryption.enable_encrypt_fields: true */
    size_t keyring_count; /* apisix.data_encryption.keyring: 0, one is made in the instance */
    char **keyring;       /* secrets; the first one encrypts, all decrypt */

    json_t *plugins;          /* plugins: an array of names; NULL: everything that is there */
    json_t *plugin_attr;      /* plugin_attr: an object, never NULL */
    char *plugins_directory;  /* hotgate.plugins_directory: DIR/plugins of the instance */
    json_t *plugins_override; /* hotgate.plugins_override: names whose own object wins over a
                                 shipped one; an array, never NULL */
    json_t *isolate;          /* hotgate.isolate: names of plugins that run in the gateway's own
                                 runner; an array, never NULL */
    json_t *allow_libraries;  /* hotgate.allow_libraries: more libraries that plugins may need; an
                                 array, never NULL */
    bool require_signature;   /* plugins_security.require_signature: false */
    json_t *trusted_keys;     /* plugins_security.trusted_keys: texts and paths; an array, never
                                 NULL */
    int64_t shared_memory_bytes; /* hotgate.shared_memory: 64m */
    int64_t parked_requests_max; /* hotgate.parked_requests: 10000 a worker */
    int64_t offload_threads;     /* hotgate.offload.threads: 4 a worker */
    int64_t offload_queue;       /* hotgate.offload.queue: 1000 a worker */
    int64_t slow_call_ms;        /* hotgate.slow_call: 20 ms */
    int64_t call_limit_ms;       /* hotgate.call_limit: 10 s; 0: none */
    int64_t worker_memory_bytes; /* hotgate.worker_memory; 0: half of what there is */

    size_t ext_plugin_cmd_count; /* ext-plugin.cmd: a program and its arguments; 0: none */
    char **ext_plugin_cmd;
    char *ext_plugin_socket;               /* ext-plugin.path_for_test: NULL, the gateway's own */
    int64_t ext_plugin_connect_timeout_ms; /* hotgate.ext_plugin.connect_timeout: 1s */
    int64_t ext_plugin_send_timeout_ms;    /* ...send_timeout: 60s */
    int64_t ext_plugin_prepare_timeout_ms; /* ...prepare_timeout: 60s */
    int64_t ext_plugin_call_timeout_ms;    /* ...call_timeout: 60s */
    int64_t ext_plugin_idle_max;           /* ...idle_connections: 32 a worker */
    int64_t ext_plugin_idle_timeout_ms;    /* ...idle_timeout: 180s */
    int64_t ext_plugin_body_max_bytes;     /* ...response_body_limit: 16m */
    bool ext_plugin_empty_flag_arguments;  /* ...empty_flag_arguments: false */

    size_t envs_count; /* nginx_config.envs: names, or NAME=VALUE */
    char **envs;
    char *nginx_binary;                 /* hotgate.nginx: found in PATH and /usr/sbin */
    char *user;                         /* nginx_config.user: hotgate-worker; used as root only */
    char *error_log;                    /* nginx_config.error_log: logs/error.log */
    char *error_log_level;              /* nginx_config.error_log_level: warn */
    int64_t worker_processes;           /* nginx_config.worker_processes: auto, which is 0 here */
    int64_t worker_rlimit_nofile;       /* nginx_config.worker_rlimit_nofile: 20480 */
    int64_t worker_shutdown_timeout_ms; /* nginx_config.worker_shutdown_timeout: 240s */
    int64_t worker_connections;         /* nginx_config.event.worker_connections: 10620 */
    bool enable_access_log;             /* nginx_config.http.enable_access_log: true */
    char *access_log;                   /* nginx_config.http.access_log: logs/access.log */
    char *access_log_format;            /* nginx_config.http.access_log_format: admin-api.md 7 */
    int64_t keepalive_timeout_ms;       /* nginx_config.http.keepalive_timeout: 60s */
    int64_t keepalive_requests;         /* nginx_config.http.keepalive_requests: 1000 */
    int64_t client_header_timeout_ms;   /* nginx_config.http.client_header_timeout: 60s */
    int64_t client_body_timeout_ms;     /* nginx_config.http.client_body_timeout: 60s */
    int64_t send_timeout_ms;            /* nginx_config.http.send_timeout: 10s */
    int64_t client_max_body_bytes;      /* nginx_config.http.client_max_body_size: 0, no limit */
    bool underscores_in_headers;        /* nginx_config.http.underscores_in_headers: on */
    char *real_ip_header;               /* nginx_config.http.real_ip_header: X-Real-IP */
    size_t real_ip_from_count;          /* nginx_config.http.real_ip_from: 127.0.0.1, unix: */
    char **real_ip_from;
    int64_t upstream_keepalive;              /* nginx_config.http.upstream.keepalive: 320 */
    int64_t upstream_keepalive_requests;     /* ...keepalive_requests: 1000 */
    int64_t upstream_keepalive_timeout_ms;   /* ...keepalive_timeout: 60s */
    char *http_configuration_snippet;        /* nginx_config.http_configuration_snippet */
    char *http_server_configuration_snippet; /* nginx_config.http_server_configuration_snippet */
} hgh_settings;

#define HGH_SETTINGS_FILE_MAX (128u << 10) /* bytes; a packet to control holds the whole file */

/** Reads a configuration file as it is; the text is NUL-terminated, the caller frees it. */
hg_status hgh_settings_read(const char *path, char **out_text, size_t *out_length, hg_error *err);

/**
 * Decodes a configuration file's text, merged over the defaults. `${{VAR}}` and
 * `${{VAR:=default}}` are replaced from the environment before parsing.
 *
 * path          of the file, for messages and hgh_settings.path.
 * out_settings  on HG_OK owned by the caller; else untouched.
 * errors        every unknown key (with the nearest known one), wrong type, value out of range,
 *               and syntax error. The text of each is a whole line: "PATH:LINE:COLUMN: ...".
 * warnings      known APISIX keys that have no effect here.
 * Returns HG_OK, HG_ERR_INVALID (see errors) or HG_ERR_NO_MEMORY.
 */
hg_status hgh_settings_parse(const char *text,
                             size_t length,
                             const char *path,
                             hgh_settings **out_settings,
                             hg_issues *errors,
                             hg_issues *warnings);

/** hgh_settings_read() and hgh_settings_parse(); HG_ERR_IO if the file cannot be read, with the
 * reason in `errors`. */
hg_status hgh_settings_load(const char *path,
                            hgh_settings **out_settings,
                            hg_issues *errors,
                            hg_issues *warnings);

/**
 * Sees to it that there is an admin key: none is built in. Does nothing if the Admin API is off,
 * asks for no key, or every configured key has a value; else generates what is missing from the
 * kernel's random numbers, into the file and into `settings`. Comments and all other bytes of the
 * file stay. A file that does not exist is made.
 *
 * may_write  the file lies in the instance. If not, or if it cannot be written, HG_ERR_INVALID
 *            with the lines to add.
 */
hg_status hgh_settings_ensure_admin_key(hgh_settings *settings,
                                        const char *path,
                                        bool may_write,
                                        hg_error *err);

/** Text that may stand in nginx.conf as a name or a path: no quotes, no `;{}$\`, no controls. */
bool hgh_settings_is_safe(const char *text);

/** Accepts NULL. */
void hgh_settings_free(hgh_settings *settings);

/**
 * All keys with their defaults and comments, as conf/config-default.yaml; the caller frees it.
 * NULL: no memory.
 *
 * plugins  names of those that come with the gateway, which the list `plugins` shows.
 */
char *hgh_settings_default_yaml(const char *const *plugins, size_t count);

#endif
