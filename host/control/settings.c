/* host/control/settings.c - config.yaml, decoded by one table of all keys. */
#include "host/control/settings.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/control/settings_decode.h"
#include "host/control/yaml.h"
#include "host/core/nearest.h"

#define SEGMENT_MAX   64u  /* bytes of one key of ours, with the NUL */
#define SIBLINGS_MAX  128u /* known keys in one mapping */
#define COMMENT_WIDTH 96u  /* columns of the generated file */
#define NO_EFFECT     "known from APISIX, has no effect in this gateway"

/* --- the table --- */

#define AT(name) .offset = offsetof(hgh_settings, name)
#define LIST(name)                                                                                 \
    .offset = offsetof(hgh_settings, name), .count_offset = offsetof(hgh_settings, name##_count)

#define DURATION_MAX_MS INT64_C(86400000000) /* a thousand days */

/* In the order of the generated file. */
static const hgh_decode_row rows[] = {
    {"apisix.node_listen", hgh_decode_listen, LIST(node_listen), .words = "0.0.0.0",
     .fallback = "[9080]",
     .comment = "What the data plane listens on: a port, or a list of ports, \"ADDRESS:PORT\" and "
                "{ip: ADDRESS, port: PORT}. A port alone is on all IPv4 addresses."},
    {"apisix.ssl.enable", hgh_decode_bool, AT(ssl_enable), .fallback = "true",
     .comment = "Whether the data plane listens for TLS, with the certificates of ssls."},
    {"apisix.ssl.listen", hgh_decode_listen, LIST(ssl_listen), .words = "0.0.0.0", .min = 1,
     .fallback = "[{port: 9443}]",
     .comment = "What it listens on for TLS, as in node_listen. HTTP/2 is offered unless "
                "enable_http2 is false."},
    {"apisix.ssl.ssl_protocols", hgh_decode_protocols, AT(ssl_protocols),
     .words = "TLSv1.1 TLSv1.2 TLSv1.3", .fallback = "TLSv1.2 TLSv1.3",
     .comment = "Versions of TLS for ssls that name none."},
    {"apisix.ssl.ssl_ciphers", hgh_decode_ciphers, AT(ssl_ciphers),
     .example = "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256",
     .comment = "Ciphers up to TLSv1.2, as OpenSSL names them. Without: those of nginx."},
    {"apisix.ssl.ssl_session_tickets", hgh_decode_bool, AT(ssl_session_tickets),
     .fallback = "false",
     .comment = "Whether clients may resume sessions by tickets, without forward secrecy."},
    {"apisix.ssl.fallback_sni", hgh_decode_token, AT(fallback_sni), .example = "example.com",
     .comment = "The name that is taken for clients that send none."},
    {"apisix.ssl.ssl_trusted_certificate", hgh_decode_trust, AT(ssl_trusted_certificate),
     .fallback = "system",
     .comment = "Authorities that certificates of upstreams must be signed by, where they are "
                "checked: a file in PEM, or system."},
    {"apisix.disable_upstream_healthcheck", hgh_decode_bool, AT(disable_upstream_healthcheck),
     .fallback = "false",
     .comment = "Whether `checks` of upstreams are left out: all nodes count as "
                "fit."},
    {"apisix.enable_http2", hgh_decode_bool, AT(enable_http2), .fallback = "true",
     .comment = "Whether TLS listeners offer HTTP/2."},
    {"apisix.enable_admin", hgh_decode_bool, AT(enable_admin), .fallback = "true",
     .comment = "Whether there is an Admin API."},
    {"apisix.enable_control", hgh_decode_bool, AT(enable_control), .fallback = "true",
     .comment =
         "Whether there is a Control API: reads for scripts on this machine, without a key."},
    {"apisix.control.ip", hgh_decode_listen_ip, AT(control_listen), .fallback = "127.0.0.1",
     .comment = "The address that the Control API listens on."},
    {"apisix.control.port", hgh_decode_listen_port, AT(control_listen), .min = 1,
     .fallback = "9090", .comment = "Its port."},
    {"apisix.status.ip", hgh_decode_listen_ip, AT(status_listen), .fallback = "127.0.0.1",
     .comment = "The address that /status and /status/ready listen on."},
    {"apisix.status.port", hgh_decode_listen_port, AT(status_listen), .fallback = "0",
     .comment = "Their port, in APISIX 7085; 0: there is no such listener."},
    {"apisix.enable_server_tokens", hgh_decode_bool, AT(enable_server_tokens), .fallback = "true",
     .comment = "Whether the Server header of answers carries versions."},
    {"apisix.delete_uri_tail_slash", hgh_decode_bool, AT(delete_uri_tail_slash),
     .fallback = "false", .comment = "Whether routes see /a/ as /a."},
    {"apisix.normalize_uri_like_servlet", hgh_decode_bool, AT(normalize_uri_like_servlet),
     .fallback = "false",
     .comment = "Whether routes see /a;x=1/b as /a/b, as servlet containers do; the upstream gets "
                "what the client sent."},
    {"apisix.match_uri_encoded_slash", hgh_decode_bool, AT(match_uri_encoded_slash),
     .fallback = "false",
     .comment = "Whether routes see %2F in a path as these three characters, not as a slash."},
    {"apisix.max_post_args_readable_size", hgh_decode_integer, AT(post_args_max_mib), .max = 2048,
     .fallback = "64",
     .comment = "MiB of a request's body that post_arg_NAME and post_arg.PATH look into; 0: no "
                "limit."},
    {"apisix.router.http", hgh_decode_word, AT(router),
     .words = "radixtree_host_uri radixtree_uri radixtree_uri_with_parameter",
     .fallback = "radixtree_host_uri",
     .comment = "What is matched first: radixtree_host_uri the host, radixtree_uri the path, "
                "radixtree_uri_with_parameter the path, with :name segments."},
    {"apisix.dns_resolver", hgh_decode_name_servers, LIST(dns_resolver),
     .example = "[10.0.0.2, 10.0.0.3]",
     .comment = "Name servers. None: those of /etc/resolv.conf."},
    {"apisix.dns_resolver_valid", hgh_decode_seconds, AT(dns_resolver_valid_s), .max = 31536000,
     .fallback = "0", .comment = "How long answers are kept; 0: as long as they say."},
    {"apisix.resolver_timeout", hgh_decode_seconds, AT(resolver_timeout_s), .min = 1, .max = 3600,
     .fallback = "5", .comment = "How long an answer is waited for."},
    {"apisix.data_encryption.enable_encrypt_fields", hgh_decode_bool, AT(encrypt_store),
     .fallback = "true", .comment = "Whether objects are encrypted in the store."},
    {"apisix.data_encryption.keyring", hgh_decode_keyring, LIST(keyring),
     .example = "[${{HOTGATE_STORE_KEY}}]",
     .comment = "The store's keys, 16 characters or more each: the first one encrypts, all "
                "decrypt. None is built in: `hotgate run` generates one into conf/keyring of the "
                "instance."},
    {"deployment.role", hgh_decode_word, AT(role), .words = "traditional data_plane control_plane",
     .fallback = "traditional",
     .comment = "data_plane with a config_provider of yaml or json: all objects come from a file, "
                "and there is no Admin API unless apisix.enable_admin is written out as true."},
    {"deployment.role_data_plane.config_provider", hgh_decode_word, AT(config_provider),
     .words = "yaml json etcd xds", .example = "yaml",
     .comment = "yaml: conf/apisix.yaml of the instance, with #END as its last line; json: "
                "conf/apisix.json. Changes of the file come into force by themselves."},
    {"deployment.admin.admin_listen", hgh_decode_listen, LIST(admin_listen), .words = "127.0.0.1",
     .fallback = "{ip: 127.0.0.1, port: 9180}",
     .comment = "What the Admin API listens on. A port alone is on 127.0.0.1."},
    {"deployment.admin.admin_key_required", hgh_decode_bool, AT(admin_key_required),
     .fallback = "true", .comment = "false: whoever reaches the Admin API may do everything."},
    {"deployment.admin.admin_key", hgh_decode_admin_keys, LIST(admin_key),
     .example = "[{name: admin, key: \"32 characters or more\", role: admin}]",
     .comment =
         "Who may use the Admin API; a viewer may only read. None is built in: `hotgate run` "
         "generates one into the file in the instance."},
    {"deployment.admin.allow_admin", hgh_decode_networks, LIST(allow_admin), .min = 1,
     .fallback = "[127.0.0.0/24, \"::1/128\"]",
     .comment = "Client addresses that may use the Admin API."},
    {"deployment.admin.enable_admin_on_data_port", hgh_decode_bool, AT(enable_admin_on_data_port),
     .fallback = "false",
     .comment =
         "Whether the data plane has the Admin API too, below /apisix/admin/ on its ports. A "
         "file in the form of APISIX 2.15 (apisix.enable_admin without port_admin, "
         "admin_listen and deployment.admin) has it there alone."},
    {"deployment.admin.https_admin", hgh_decode_bool, AT(https_admin), .fallback = "false",
     .comment = "Whether admin_listen speaks TLS; admin_api_mtls says with which certificate."},
    {"deployment.admin.admin_api_mtls.admin_ssl_cert", hgh_decode_file, AT(admin_ssl_cert),
     .fallback = "\"\"",
     .comment = "The certificate and those that lead from it to its authority, "
                "PEM; relative to the instance."},
    {"deployment.admin.admin_api_mtls.admin_ssl_cert_key", hgh_decode_file, AT(admin_ssl_cert_key),
     .fallback = "\"\"", .comment = "Its private key, PEM."},
    {"deployment.admin.admin_api_mtls.admin_ssl_ca_cert", hgh_decode_file, AT(admin_ssl_ca_cert),
     .fallback = "\"\"",
     .comment = "Authorities, PEM. With it, clients need a certificate that one of them has "
                "signed, and their key as well."},
    {"deployment.admin.enable_admin_cors", hgh_decode_bool, AT(enable_admin_cors),
     .fallback = "true", .comment = "Whether pages of other origins may call the Admin API."},
    {"deployment.admin.admin_api_version", hgh_decode_word, AT(admin_api_version), .words = "v3 v2",
     .fallback = "v3", .comment = "The form of its answers: v3 or v2."},
    {"graphql.max_size", hgh_decode_integer, AT(graphql_max_bytes), .min = 1,
     .max = INT64_C(1) << 31, .fallback = "1048576",
     .comment = "Bytes of a request that graphql_name and its like look into."},
    {"plugins", hgh_decode_names, AT(plugins), .example = "[key-auth, limit-count]",
     .comment = "The only plugins to load, by name. Without the list: all that are there."},
    {"plugin_attr", hgh_decode_attributes, AT(plugin_attr), .fallback = "{}",
     .comment = "Settings of plugins that hold for the whole gateway, by plugin name."},
    {"ext-plugin.cmd", hgh_decode_command, LIST(ext_plugin_cmd), .min = 1,
     .example = "[/usr/local/bin/go-runner, run]",
     .comment = "A runner of external plugins that the gateway starts and keeps running: a program "
                "and its arguments, without a shell."},
    {"ext-plugin.path_for_test", hgh_decode_socket_path, AT(ext_plugin_socket),
     .example = "/tmp/runner.sock",
     .comment = "The socket of a runner: without cmd, of one that somebody else runs. Without: "
                "run/ext-plugin/runner.sock of the instance."},
    {"plugins_security.require_signature", hgh_decode_bool, AT(require_signature),
     .fallback = "false",
     .comment = "Whether your own plugins need a signature, NAME.so.sig, by a trusted key."},
    {"plugins_security.trusted_keys", hgh_decode_trusted_keys, AT(trusted_keys), .fallback = "[]",
     .comment =
         "Public keys whose signatures count: \"ed25519:...\" as `hotgate sign` prints it, or "
         "a file in PEM; relative to the instance."},
    {"hotgate.plugins_directory", hgh_decode_path, AT(plugins_directory), .fallback = "plugins",
     .comment = "Where your own plugins lie; relative to the instance."},
    {"hotgate.plugins_override", hgh_decode_names, AT(plugins_override), .fallback = "[]",
     .comment = "Plugins of which your own object replaces the shipped one of that name."},
    {"hotgate.allow_libraries", hgh_decode_names, AT(allow_libraries), .fallback = "[]",
     .comment = "Shared libraries that plugins may need beside the usual ones, such as "
                "libexample.so.1."},
    {"hotgate.shared_memory", hgh_decode_bytes, AT(shared_memory_bytes), .min = 1 << 20,
     .max = INT64_C(1) << 36, .fallback = "64m",
     .comment = "Memory that all workers share: counters, dictionaries, metrics."},
    {"hotgate.parked_requests", hgh_decode_integer, AT(parked_requests_max), .min = 1,
     .max = 1000000, .fallback = "10000",
     .comment = "Requests of one worker that may wait in plugins at a time."},
    {"hotgate.offload.threads", hgh_decode_integer, AT(offload_threads), .min = 1, .max = 16,
     .fallback = "4",
     .comment = "Threads of one worker for functions of plugins that block; made when needed."},
    {"hotgate.offload.queue", hgh_decode_integer, AT(offload_queue), .min = 1, .max = 1000000,
     .fallback = "1000", .comment = "Such functions that may wait for a thread."},
    {"hotgate.slow_call", hgh_decode_milliseconds, AT(slow_call_ms), .min = 1, .max = 60000,
     .fallback = "20ms", .comment = "A call into a plugin that takes longer is reported."},
    {"hotgate.call_limit", hgh_decode_milliseconds, AT(call_limit_ms), .max = 3600000,
     .fallback = "10s",
     .comment =
         "One that takes longer ends its worker, and counts as a crash of the plugin; 0: none "
         "does."},
    {"hotgate.worker_memory", hgh_decode_bytes, AT(worker_memory_bytes), .max = INT64_C(1) << 46,
     .fallback = "0",
     .comment =
         "A worker that has more memory to itself is replaced; a plugin that takes it in one "
         "call is to blame. 0: half of what the machine or the control group has."},
    {"hotgate.isolate", hgh_decode_names, AT(isolate), .fallback = "[]",
     .comment = "Plugins that run in a process of their own, behind the protocol of runners, as "
                "with _meta.isolate in each of their configurations."},
    {"hotgate.ext_plugin.connect_timeout", hgh_decode_milliseconds,
     AT(ext_plugin_connect_timeout_ms), .min = 1, .max = 60000, .fallback = "1s",
     .comment = "How long a connection to the runner may take to come about."},
    {"hotgate.ext_plugin.send_timeout", hgh_decode_milliseconds, AT(ext_plugin_send_timeout_ms),
     .min = 1, .max = 3600000, .fallback = "60s",
     .comment = "How long a pause may be in which the runner takes nothing."},
    {"hotgate.ext_plugin.prepare_timeout", hgh_decode_milliseconds,
     AT(ext_plugin_prepare_timeout_ms), .min = 1, .max = 3600000, .fallback = "60s",
     .comment = "How long it may think about a configuration."},
    {"hotgate.ext_plugin.call_timeout", hgh_decode_milliseconds, AT(ext_plugin_call_timeout_ms),
     .min = 1, .max = 3600000, .fallback = "60s",
     .comment = "How long a call may take until its answer or its next question."},
    {"hotgate.ext_plugin.idle_connections", hgh_decode_integer, AT(ext_plugin_idle_max), .min = 1,
     .max = 10000, .fallback = "32", .comment = "Idle connections to the runner, of each worker."},
    {"hotgate.ext_plugin.idle_timeout", hgh_decode_milliseconds, AT(ext_plugin_idle_timeout_ms),
     .min = 1, .max = 3600000, .fallback = "180s", .comment = "How long one is kept."},
    {"hotgate.ext_plugin.response_body_limit", hgh_decode_bytes, AT(ext_plugin_body_max_bytes),
     .min = 1, .max = 1 << 24, .fallback = "16m",
     .comment = "The longest response that a runner is given the body of; a frame of the protocol "
                "holds a little less than 16 MiB."},
    {"hotgate.ext_plugin.empty_flag_arguments", hgh_decode_bool,
     AT(ext_plugin_empty_flag_arguments), .fallback = "false",
     .comment = "Whether arguments without a value (?debug) go to the runner with an empty one: "
                "the Python runner breaks on those without."},
    {"hotgate.nginx", hgh_decode_path, AT(nginx_binary), .fallback = "nginx",
     .comment = "The nginx to run: a path, or a name that is looked for in PATH and /usr/sbin."},
    {"nginx_config.user", hgh_decode_token, AT(user), .fallback = "hotgate-worker",
     .comment = "The user of the workers, if the gateway is started as root."},
    {"nginx_config.envs", hgh_decode_environment, LIST(envs), .example = "[REGION, MODE=test]",
     .comment = "Environment variables that workers and the runner of ext-plugin.cmd have: names, "
                "or NAME=VALUE."},
    {"nginx_config.error_log", hgh_decode_path, AT(error_log), .fallback = "logs/error.log",
     .comment = "Relative to the instance."},
    {"nginx_config.error_log_level", hgh_decode_word, AT(error_log_level),
     .words = "debug info notice warn error crit alert emerg", .fallback = "warn",
     .comment = "debug, info, notice, warn, error, crit, alert or emerg."},
    {"nginx_config.worker_processes", hgh_decode_workers, AT(worker_processes), .min = 1,
     .max = 128, .fallback = "auto", .comment = "auto: one for each processor."},
    {"nginx_config.worker_rlimit_nofile", hgh_decode_integer, AT(worker_rlimit_nofile), .min = 64,
     .max = 1 << 30, .fallback = "20480", .comment = "Open files of one worker."},
    {"nginx_config.worker_shutdown_timeout", hgh_decode_milliseconds,
     AT(worker_shutdown_timeout_ms), .max = DURATION_MAX_MS, .fallback = "240s",
     .comment = "How long running requests may take when a worker is to end."},
    {"nginx_config.event.worker_connections", hgh_decode_integer, AT(worker_connections), .min = 16,
     .max = 1 << 24, .fallback = "10620", .comment = "Connections of one worker."},
    {"nginx_config.http.enable_access_log", hgh_decode_bool, AT(enable_access_log),
     .fallback = "true", .comment = "Whether each request is logged."},
    {"nginx_config.http.access_log", hgh_decode_path, AT(access_log), .fallback = "logs/access.log",
     .comment = "Relative to the instance."},
    {"nginx_config.http.access_log_format", hgh_decode_log_format, AT(access_log_format),
     .fallback = "'$remote_addr - $remote_user [$time_local] $http_host \"$request\" $status "
                 "$body_bytes_sent $request_time \"$http_referer\" \"$http_user_agent\" "
                 "$upstream_addr $upstream_status $upstream_response_time "
                 "\"$upstream_scheme://$upstream_host$upstream_uri\"'",
     .comment = "With nginx's variables."},
    {"nginx_config.http.keepalive_timeout", hgh_decode_milliseconds, AT(keepalive_timeout_ms),
     .max = DURATION_MAX_MS, .fallback = "60s",
     .comment = "How long a client's idle connection is kept."},
    {"nginx_config.http.keepalive_requests", hgh_decode_integer, AT(keepalive_requests), .min = 1,
     .max = INT32_MAX, .fallback = "1000", .comment = "Requests on one client connection."},
    {"nginx_config.http.client_header_timeout", hgh_decode_milliseconds,
     AT(client_header_timeout_ms), .min = 1, .max = DURATION_MAX_MS, .fallback = "60s",
     .comment = "How long a request's headers may take."},
    {"nginx_config.http.client_body_timeout", hgh_decode_milliseconds, AT(client_body_timeout_ms),
     .min = 1, .max = DURATION_MAX_MS, .fallback = "60s",
     .comment = "How long a pause in a request's body may be."},
    {"nginx_config.http.send_timeout", hgh_decode_milliseconds, AT(send_timeout_ms), .min = 1,
     .max = DURATION_MAX_MS, .fallback = "10s",
     .comment = "How long a pause may be in which a client takes nothing."},
    {"nginx_config.http.client_max_body_size", hgh_decode_bytes, AT(client_max_body_bytes),
     .max = INT64_C(1) << 50, .fallback = "0", .comment = "0: no limit."},
    {"nginx_config.http.underscores_in_headers", hgh_decode_switch, AT(underscores_in_headers),
     .fallback = "\"on\"",
     .comment = "Whether headers with _ in their names are taken: on or off."},
    {"nginx_config.http.real_ip_header", hgh_decode_token, AT(real_ip_header),
     .fallback = "X-Real-IP",
     .comment = "The header in which trusted proxies say who the client is."},
    {"nginx_config.http.real_ip_from", hgh_decode_trusted, LIST(real_ip_from),
     .fallback = "[127.0.0.1, \"unix:\"]", .comment = "Which proxies are trusted."},
    {"nginx_config.http.upstream.keepalive", hgh_decode_integer, AT(upstream_keepalive), .min = 1,
     .max = 1000000, .fallback = "320",
     .comment = "Idle connections to upstreams, for each worker."},
    {"nginx_config.http.upstream.keepalive_requests", hgh_decode_integer,
     AT(upstream_keepalive_requests), .min = 1, .max = INT32_MAX, .fallback = "1000",
     .comment = "Requests on one upstream connection."},
    {"nginx_config.http.upstream.keepalive_timeout", hgh_decode_milliseconds,
     AT(upstream_keepalive_timeout_ms), .min = 1, .max = DURATION_MAX_MS, .fallback = "60s",
     .comment = "How long an idle upstream connection is kept."},
    {"nginx_config.http_configuration_snippet", hgh_decode_snippet, AT(http_configuration_snippet),
     .fallback = "\"\"", .comment = "Lines for nginx.conf's http block, as they are."},
    {"nginx_config.http_server_configuration_snippet", hgh_decode_snippet,
     AT(http_server_configuration_snippet), .fallback = "\"\"",
     .comment = "Lines for nginx.conf's server block, as they are."},
};

#define ROW_COUNT (sizeof(rows) / sizeof(rows[0]))

/* Where release 2.15 of APISIX has a key of the table. */
static const struct {
    const char *old;
    const char *path;
} moved[] = {
    {"apisix.config_center", "deployment.role_data_plane.config_provider"},
    {"apisix.admin_key", "deployment.admin.admin_key"},
    {"apisix.allow_admin", "deployment.admin.allow_admin"},
    {"apisix.admin_listen", "deployment.admin.admin_listen"},
    {"apisix.port_admin", "deployment.admin.admin_listen"},
    {"apisix.data_encryption.enable", "apisix.data_encryption.enable_encrypt_fields"},
    {"apisix.https_admin", "deployment.admin.https_admin"},
    {"apisix.admin_api_mtls.admin_ssl_cert", "deployment.admin.admin_api_mtls.admin_ssl_cert"},
    {"apisix.admin_api_mtls.admin_ssl_cert_key",
     "deployment.admin.admin_api_mtls.admin_ssl_cert_key"},
    {"apisix.admin_api_mtls.admin_ssl_ca_cert",
     "deployment.admin.admin_api_mtls.admin_ssl_ca_cert"},
    {"apisix.enable_admin_cors", "deployment.admin.enable_admin_cors"},
    {"apisix.admin_api_version", "deployment.admin.admin_api_version"},
};

#define MOVED_COUNT (sizeof(moved) / sizeof(moved[0]))

/* What APISIX knows and this gateway does otherwise or not at all; with all that is below. */
static const struct {
    const char *path;
    const char *same; /* the text for which nothing is lost; NULL: none */
} ignored[] = {
    {"apisix.control.router", NULL},
    {"apisix.disable_sync_configuration_during_start", NULL},
    {"apisix.enable_debug", NULL},
    {"apisix.enable_dev_mode", NULL},
    {"apisix.enable_heartbeat", NULL},
    {"apisix.enable_ipv6", NULL},
    {"apisix.enable_resolv_search_opt", NULL},
    {"apisix.enable_reuseport", NULL},
    {"apisix.events", NULL},
    {"apisix.extra_lua_cpath", NULL},
    {"apisix.extra_lua_path", NULL},
    {"apisix.id", NULL},
    {"apisix.lru", NULL},
    {"apisix.lua_module_hook", NULL},
    {"apisix.proxy_cache", NULL},
    {"apisix.proxy_mode", "http"},
    {"apisix.proxy_protocol", NULL},
    {"apisix.router.ssl", "radixtree_sni"},
    {"apisix.show_upstream_status_in_response_header", NULL},
    {"apisix.ssl.key_encrypt_salt", NULL},
    {"apisix.stream_proxy", NULL},
    {"apisix.tracing", NULL},
    {"apisix.trusted_addresses", NULL},
    {"apisix.worker_startup_time_threshold", NULL},
    {"deployment.admin.enable_admin_ui", NULL},
    {"deployment.certs", NULL},
    {"deployment.etcd", NULL},
    {"deployment.role_control_plane", NULL},
    {"deployment.role_data_plane.control_plane", NULL},
    {"deployment.role_traditional", NULL},
    {"discovery", NULL},
    {"etcd", NULL},
    {"nginx_config.enable_cpu_affinity", NULL},
    {"nginx_config.http.access_log_buffer", NULL},
    {"nginx_config.http.access_log_format_escape", NULL},
    {"nginx_config.http.charset", NULL},
    {"nginx_config.http.client_body_buffer_size", NULL},
    {"nginx_config.http.custom_lua_shared_dict", NULL},
    {"nginx_config.http.lua_shared_dict", NULL},
    {"nginx_config.http.proxy_ssl_server_name", NULL},
    {"nginx_config.http.real_ip_recursive", NULL},
    {"nginx_config.http.variables_hash_max_size", NULL},
    {"nginx_config.http_admin_configuration_snippet", NULL},
    {"nginx_config.http_end_configuration_snippet", NULL},
    {"nginx_config.main_configuration_snippet", NULL},
    {"nginx_config.max_pending_timers", NULL},
    {"nginx_config.max_running_timers", NULL},
    {"nginx_config.meta", NULL},
    {"nginx_config.stream", NULL},
    {"nginx_config.stream_configuration_snippet", NULL},
    {"stream_plugins", NULL},
    {"wasm", NULL},
    {"xrpc", NULL},
};

#define IGNORED_COUNT (sizeof(ignored) / sizeof(ignored[0]))
#define KNOWN_COUNT   (ROW_COUNT + MOVED_COUNT + IGNORED_COUNT)

static const char *known_path(size_t i)
{
    if (i < ROW_COUNT) {
        return rows[i].path;
    }
    i -= ROW_COUNT;
    return i < MOVED_COUNT ? moved[i].old : ignored[i - MOVED_COUNT].path;
}

/* --- unknown keys --- */

/* If `path` stands below `parent` ("" is above all), its first key there. */
static bool child_of(const char *path, const char *parent, char child[SEGMENT_MAX])
{
    size_t length = strlen(parent);
    size_t end;

    if (length > 0 && (strncmp(path, parent, length) != 0 || path[length] != '.')) {
        return false;
    }
    path += length > 0 ? length + 1 : 0;
    end = strcspn(path, ".");
    (void)snprintf(child, SEGMENT_MAX, "%.*s", (int)end, path);
    return true;
}

static const char *last_key(const char *path)
{
    const char *dot = strrchr(path, '.');

    return dot == NULL ? path : dot + 1;
}

/* First among the neighbours; then the same name anywhere, since indentation is easily lost. */
static void
complain_unknown(hgh_decode_reader *self, const char *parent, const char *key, const char *pointer)
{
    char names[SIBLINGS_MAX][SEGMENT_MAX];
    const char *candidates[SIBLINGS_MAX];
    size_t count = 0;
    const char *meant;
    char wanted[200] = "a key of this mapping";
    char sentence[300];

    for (size_t i = 0; i < KNOWN_COUNT && count < SIBLINGS_MAX; i++) {
        if (child_of(known_path(i), parent, names[count])) {
            candidates[count] = names[count];
            count++;
        }
    }
    meant = hgh_nearest(key, candidates, count);
    for (size_t i = 0; i < ROW_COUNT && meant == NULL; i++) {
        meant = strcmp(last_key(rows[i].path), key) == 0 ? rows[i].path : NULL;
    }
    if (meant != NULL) {
        (void)snprintf(wanted, sizeof(wanted), "%s", meant);
        (void)snprintf(sentence, sizeof(sentence), "unknown key, did you mean \"%s\"?", meant);
    } else {
        (void)snprintf(sentence, sizeof(sentence), "unknown key");
    }
    hgh_decode_report(self, self->errors, pointer, true, key, wanted, sentence);
}

typedef enum key_kind {
    KEY_UNKNOWN,
    KEY_IGNORED,
    KEY_ABOVE, /* known keys stand below it */
    KEY_KNOWN,
} key_kind;

static key_kind kind_of(const char *path, const json_t *value)
{
    char child[SEGMENT_MAX];
    key_kind kind = KEY_UNKNOWN;

    for (size_t i = 0; i < KNOWN_COUNT; i++) {
        if (strcmp(known_path(i), path) == 0) {
            size_t number = i - ROW_COUNT - MOVED_COUNT;

            if (i < ROW_COUNT + MOVED_COUNT || json_is_null(value) ||
                (ignored[number].same != NULL && json_is_string(value) &&
                 strcmp(ignored[number].same, json_string_value(value)) == 0)) {
                return KEY_KNOWN;
            }
            return KEY_IGNORED;
        }
        if (child_of(known_path(i), path, child)) {
            kind = KEY_ABOVE;
        }
    }
    return kind;
}

/* Goes down at most as deep as the keys of the table. */
static void
check_keys(hgh_decode_reader *self, json_t *mapping, const char *parent, const char *parent_pointer)
{
    const char *key;
    json_t *value;

    json_object_foreach(mapping, key, value)
    {
        char pointer[HGH_DECODE_POINTER_MAX];
        char path[HGH_DECODE_POINTER_MAX];
        key_kind kind = KEY_UNKNOWN;

        hgh_decode_append_key(pointer, sizeof(pointer), parent_pointer, key);
        (void)snprintf(path, sizeof(path), "%s%s%s", parent, parent[0] == '\0' ? "" : ".", key);
        if (strchr(key, '.') == NULL) {
            kind = kind_of(path, value);
        }
        if (kind == KEY_UNKNOWN) {
            complain_unknown(self, parent, key, pointer);
        } else if (kind == KEY_IGNORED) {
            hgh_decode_warn(self, pointer, NO_EFFECT);
        } else if (kind == KEY_ABOVE && json_is_object(value)) {
            check_keys(self, value, path, pointer);
        } else if (kind == KEY_ABOVE && !json_is_null(value)) {
            hgh_decode_complain_value(self, pointer, value, "a mapping");
        }
    }
}

/* --- decoding --- */

/* The value at a dotted path; NULL if it is absent or null. */
static json_t *find_path(json_t *document, const char *path, char *pointer, size_t pointer_size)
{
    json_t *value = document;
    size_t length = 0;

    pointer[0] = '\0';
    for (const char *at = path; value != NULL && *at != '\0';) {
        char key[SEGMENT_MAX];
        size_t end = strcspn(at, ".");

        (void)snprintf(key, sizeof(key), "%.*s", (int)end, at);
        length = hgh_pointer_append(pointer, length, pointer_size, key);
        value = json_object_get(value, key);
        at += end;
        at += *at == '.' ? 1 : 0;
    }
    return json_is_null(value) ? NULL : value;
}

/* Its own place counts before the places of release 2.15. */
static json_t *
find_value(hgh_decode_reader *self, const hgh_decode_row *row, char *pointer, size_t pointer_size)
{
    json_t *found = find_path(self->document, row->path, pointer, pointer_size);

    for (size_t i = 0; i < MOVED_COUNT; i++) {
        char old_pointer[HGH_DECODE_POINTER_MAX];
        json_t *old;

        if (strcmp(moved[i].path, row->path) != 0) {
            continue;
        }
        old = find_path(self->document, moved[i].old, old_pointer, sizeof(old_pointer));
        if (old != NULL && found != NULL) {
            hgh_decode_warn(self, old_pointer, "has no effect: the same is set at its newer place");
        } else if (old != NULL) {
            found = old;
            (void)snprintf(pointer, pointer_size, "%s", old_pointer);
        }
    }
    return found;
}

static void decode_fallback(hgh_decode_reader *self, const hgh_decode_row *row)
{
    hgh_decode_reader quiet = {.settings = self->settings,
                               .path = "default",
                               .errors = self->errors,
                               .warnings = self->warnings};
    json_t *value = NULL;

    if (row->fallback == NULL) {
        return;
    }
    if (hgh_yaml_parse(row->fallback, strlen(row->fallback), &value, NULL, NULL) != HG_OK) {
        self->no_memory = true; /* a test holds that the table's texts are good */
        return;
    }
    row->decode(&quiet, row, value, row->path);
    self->no_memory = self->no_memory || quiet.no_memory;
    json_decref(value);
}

static void decode_all(hgh_decode_reader *self)
{
    for (size_t i = 0; i < ROW_COUNT; i++) {
        char pointer[HGH_DECODE_POINTER_MAX];
        json_t *value = find_value(self, &rows[i], pointer, sizeof(pointer));

        if (value == NULL) {
            decode_fallback(self, &rows[i]);
        } else {
            rows[i].decode(self, &rows[i], value, pointer);
        }
    }
}

static bool is_set(const hgh_decode_reader *self, const char *path)
{
    char pointer[HGH_DECODE_POINTER_MAX];

    return find_path(self->document, path, pointer, sizeof(pointer)) != NULL;
}

/* A file of release 2.15 that has the Admin API where the data plane listens, and there alone. */
static bool is_admin_of_2_15(const hgh_decode_reader *self)
{
    return self->settings->enable_admin && is_set(self, "apisix.enable_admin") &&
           !is_set(self, "deployment.role") && !is_set(self, "apisix.port_admin") &&
           !is_set(self, "apisix.admin_listen") && !is_set(self, "deployment.admin");
}

/* All addresses of the data plane in one list. */
static void data_listen_join(hgh_decode_reader *self)
{
    hgh_settings *settings = self->settings;
    size_t count = settings->node_listen_count;
    size_t more = settings->ssl_enable ? settings->ssl_listen_count : 0;
    hgh_listen *all = calloc(count + more + 1, sizeof(*all));

    if (all == NULL) {
        self->no_memory = true;
        return;
    }
    for (size_t i = 0; i < count + more; i++) {
        all[i] = i < count ? settings->node_listen[i] : settings->ssl_listen[i - count];
        all[i].tls = i >= count;
        all[i].http2 = all[i].http2 && (i < count || settings->enable_http2);
        for (size_t k = 0; i >= count && k < count; k++) {
            if (all[i].port == all[k].port && strcmp(all[i].address, all[k].address) == 0) {
                hgh_decode_complain(self, "/apisix/ssl/listen", "an address of node_listen",
                                    "addresses of its own");
            }
        }
    }
    settings->data_listen = all;
    settings->data_listen_count = count + more;
}

/* APISIX loads no plugin then. Whoever has commented all of them out may mean the opposite. */
static void check_plugins_given(hgh_decode_reader *self)
{
    if (json_is_null(json_object_get(self->document, "plugins"))) {
        hgh_decode_complain(self, "/plugins", "nothing",
                            "a list of names; [] loads none, without the key all are loaded");
    }
}

/* Roles and providers that this gateway does not have are told; the others say where objects come
 * from. */
static void decide_source(hgh_decode_reader *self)
{
    hgh_settings *settings = self->settings;
    const char *provider = settings->config_provider == NULL ? "etcd" : settings->config_provider;
    bool is_old = is_set(self, "apisix.config_center"); /* there were no roles then */
    bool is_data_plane =
        is_old || (settings->role != NULL && strcmp(settings->role, "data_plane") == 0);

    if (settings->role != NULL && strcmp(settings->role, "control_plane") == 0) {
        hgh_decode_warn(self, "/deployment/role", NO_EFFECT);
    }
    if (is_data_plane && strcmp(provider, "yaml") == 0) {
        settings->config_source = HGH_CONFIG_YAML;
    } else if (is_data_plane && strcmp(provider, "json") == 0) {
        settings->config_source = HGH_CONFIG_JSON;
    } else if (is_data_plane) {
        hgh_decode_warn(self, is_old ? "/apisix/config_center" : "/deployment/role", NO_EFFECT);
    } else if (settings->config_provider != NULL) {
        hgh_decode_warn(self, "/deployment/role_data_plane/config_provider",
                        "has no effect: deployment.role is not data_plane");
    }
    if (settings->config_source != HGH_CONFIG_STORE && !is_set(self, "apisix.enable_admin")) {
        settings->enable_admin = false;
    }
}

/* What one key means for another. */
static void check_together(hgh_decode_reader *self)
{
    hgh_settings *settings = self->settings;

    data_listen_join(self);
    check_plugins_given(self);
    decide_source(self);

    if (settings->https_admin &&
        (settings->admin_ssl_cert == NULL || settings->admin_ssl_cert_key == NULL)) {
        hgh_decode_complain(self, "/deployment/admin/https_admin",
                            "true without a certificate and its key",
                            "admin_api_mtls.admin_ssl_cert and admin_ssl_cert_key beside it");
    }
    if (settings->require_signature && json_array_size(settings->trusted_keys) == 0) {
        hgh_decode_complain(self, "/plugins_security/require_signature",
                            "true without a key that is trusted",
                            "plugins_security.trusted_keys beside it");
    }
    settings->enable_admin_on_data_port =
        settings->enable_admin && settings->enable_admin_on_data_port;
    if (is_admin_of_2_15(self)) {
        settings->enable_admin_on_data_port = true;
        settings->admin_listen_count = 0; /* the default's: the file has none */
    }
}

/* The findings of the two steps before decoding begin with LINE:COLUMN. */
static hg_status fail_whole(hgh_decode_reader *self, hg_status status, const hg_error *err)
{
    char *text = NULL;

    if (status == HG_ERR_NO_MEMORY || asprintf(&text, "%s:%s", self->path, err->text) < 0) {
        return HG_ERR_NO_MEMORY;
    }
    hgh_issues_add(self->errors, "", err->text, "YAML", text);
    free(text);
    return HG_ERR_INVALID;
}

hg_status hgh_settings_parse(const char *text,
                             size_t length,
                             const char *path,
                             hgh_settings **out_settings,
                             hg_issues *errors,
                             hg_issues *warnings)
{
    hgh_decode_reader self = {.path = path, .errors = errors, .warnings = warnings};
    hg_error err = HG_ERROR_INIT;
    size_t errors_before = errors->count;
    char *expanded = NULL;
    size_t expanded_length = 0;
    json_t *document = NULL;
    hgh_yaml_marks *marks = NULL;
    hg_status status = hgh_yaml_expand(text, length, &expanded, &expanded_length, &err);

    if (status == HG_OK) {
        status = hgh_yaml_parse(expanded, expanded_length, &document, &marks, &err);
    }
    if (status != HG_OK) {
        status = fail_whole(&self, status, &err);
        goto cleanup;
    }
    if (json_is_null(document)) {
        json_decref(document);
        document = json_object();
    }
    self.marks = marks;
    self.document = document;
    self.settings = calloc(1, sizeof(*self.settings));
    if (self.settings == NULL || document == NULL) {
        status = HG_ERR_NO_MEMORY;
        goto cleanup;
    }
    hgh_decode_put_text(&self, &(const hgh_decode_row){AT(path)}, path);
    if (json_is_object(document)) {
        check_keys(&self, document, "", "");
        decode_all(&self);
        check_together(&self);
    } else {
        hgh_decode_complain_value(&self, "", document, "a mapping of keys");
    }
    status = self.no_memory                  ? HG_ERR_NO_MEMORY
             : errors->count > errors_before ? HG_ERR_INVALID
                                             : HG_OK;
    if (status == HG_OK) {
        *out_settings = self.settings;
        self.settings = NULL;
    }

cleanup:
    hgh_settings_free(self.settings);
    hgh_yaml_marks_free(marks);
    json_decref(document);
    free(expanded);
    return status;
}

hg_status hgh_settings_read(const char *path, char **out_text, size_t *out_length, hg_error *err)
{
    char *text = NULL;
    size_t length = 0;
    struct stat info;
    hg_status status = HG_OK;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a FIFO must not hold us */

    if (fd < 0 || fstat(fd, &info) != 0) {
        status = hg_error_set(err, errno == ENOENT ? HG_ERR_NOT_FOUND : HG_ERR_IO,
                              "%s: cannot be read: %s", path, strerror(errno));
        goto cleanup;
    }
    if (!S_ISREG(info.st_mode)) {
        status = hg_error_set(err, HG_ERR_IO, "%s: is not a regular file", path);
        goto cleanup;
    }
    text = malloc(HGH_SETTINGS_FILE_MAX + 1);
    if (text == NULL) {
        status = hg_error_set(err, HG_ERR_NO_MEMORY, "%s: out of memory", path);
        goto cleanup;
    }
    while (length <= HGH_SETTINGS_FILE_MAX) {
        ssize_t got = read(fd, text + length, HGH_SETTINGS_FILE_MAX + 1 - length);

        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            status = hg_error_set(err, HG_ERR_IO, "%s: cannot be read: %s", path, strerror(errno));
            goto cleanup;
        }
        if (got == 0) {
            break;
        }
        length += (size_t)got;
    }
    if (length > HGH_SETTINGS_FILE_MAX) {
        status = hg_error_set(err, HG_ERR_TOO_LARGE, "%s: has more than %u KiB", path,
                              HGH_SETTINGS_FILE_MAX >> 10);
        goto cleanup;
    }
    text[length] = '\0';
    *out_text = text;
    *out_length = length;
    text = NULL;

cleanup:
    free(text);
    if (fd >= 0) {
        (void)close(fd);
    }
    return status;
}

hg_status hgh_settings_load(const char *path,
                            hgh_settings **out_settings,
                            hg_issues *errors,
                            hg_issues *warnings)
{
    hg_error err = HG_ERROR_INIT;
    char *text = NULL;
    size_t length = 0;
    hg_status status = hgh_settings_read(path, &text, &length, &err);

    if (status != HG_OK) {
        hgh_issues_add(errors, "", err.text, "a file that can be read", err.text);
        return status == HG_ERR_NO_MEMORY ? status : HG_ERR_IO;
    }
    status = hgh_settings_parse(text, length, path, out_settings, errors, warnings);
    free(text);
    return status;
}

static void free_texts(char **texts, size_t count)
{
    for (size_t i = 0; texts != NULL && i < count; i++) {
        free(texts[i]);
    }
    free(texts);
}

void hgh_settings_free(hgh_settings *settings)
{
    if (settings == NULL) {
        return;
    }
    for (size_t i = 0; settings->admin_key != NULL && i < settings->admin_key_count; i++) {
        free(settings->admin_key[i].name);
        free(settings->admin_key[i].key);
    }
    free(settings->admin_key);
    free_texts(settings->dns_resolver, settings->dns_resolver_count);
    free_texts(settings->allow_admin, settings->allow_admin_count);
    free_texts(settings->real_ip_from, settings->real_ip_from_count);
    free(settings->path);
    free(settings->node_listen);
    free(settings->data_listen);
    free(settings->ssl_listen);
    free(settings->ssl_protocols);
    free(settings->ssl_ciphers);
    free(settings->fallback_sni);
    free(settings->ssl_trusted_certificate);
    free(settings->router);
    free(settings->role);
    free(settings->config_provider);
    free(settings->admin_listen);
    free(settings->admin_api_version);
    free(settings->admin_ssl_cert);
    free(settings->admin_ssl_cert_key);
    free(settings->admin_ssl_ca_cert);
    free_texts(settings->ext_plugin_cmd, settings->ext_plugin_cmd_count);
    free(settings->ext_plugin_socket);
    free_texts(settings->envs, settings->envs_count);
    json_decref(settings->isolate);
    free_texts(settings->keyring, settings->keyring_count);
    json_decref(settings->plugins);
    json_decref(settings->plugin_attr);
    free(settings->plugins_directory);
    json_decref(settings->plugins_override);
    json_decref(settings->allow_libraries);
    json_decref(settings->trusted_keys);
    free(settings->nginx_binary);
    free(settings->user);
    free(settings->error_log);
    free(settings->error_log_level);
    free(settings->access_log);
    free(settings->access_log_format);
    free(settings->real_ip_header);
    free(settings->http_configuration_snippet);
    free(settings->http_server_configuration_snippet);
    free(settings);
}

/* --- the generated file --- */

static void print_comment(FILE *out, size_t indent, const char *text)
{
    const char *at = text;

    while (*at != '\0') {
        size_t room = COMMENT_WIDTH - indent - 2;
        size_t length = strlen(at);

        if (length > room) {
            length = room;
            while (length > 0 && at[length] != ' ') {
                length--;
            }
        }
        (void)fprintf(out, "%*s# %.*s\n", (int)indent, "", (int)length, at);
        at += length;
        at += *at == ' ' ? 1 : 0;
    }
}

/* The mappings that begin between the row before and this one; returns the depth of the key. */
static size_t print_parents(FILE *out, const char *path, const char *previous)
{
    size_t depth = 0;
    size_t start = 0;
    bool is_shared = true;

    for (;;) {
        size_t end = start + strcspn(path + start, ".");

        if (path[end] == '\0') {
            return depth;
        }
        is_shared = is_shared && strncmp(path, previous, end + 1) == 0;
        if (!is_shared) {
            (void)fprintf(out, "%s%*s%.*s:\n", depth == 0 ? "\n" : "", (int)(2 * depth), "",
                          (int)(end - start), path + start);
        }
        depth++;
        start = end + 1;
    }
}

/* Every plugin that comes with the gateway, a line each to be uncommented. */
static void print_plugins(FILE *out, const char *const *plugins, size_t count)
{
    (void)fputs("# plugins:\n", out);
    for (size_t i = 0; i < count; i++) {
        (void)fprintf(out, "#   - %s\n", plugins[i]);
    }
}

char *hgh_settings_default_yaml(const char *const *plugins, size_t count)
{
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);

    if (out == NULL) {
        return NULL;
    }
    print_comment(out, 0,
                  "All keys of hotgate's configuration with their defaults. This file is made by "
                  "the build: write into conf/config.yaml of your instance what differs, keep the "
                  "keys above it.");
    print_comment(out, 0,
                  "Durations: 60s, 500ms, 1h30m, or a number of seconds. Sizes: 64m, 512k, or a "
                  "number of bytes. ${{NAME}} and ${{NAME:=default}} are replaced from the "
                  "environment.");
    for (size_t i = 0; i < ROW_COUNT; i++) {
        size_t indent = 2 * print_parents(out, rows[i].path, i == 0 ? "" : rows[i - 1].path);

        if (indent == 0) {
            (void)fputs("\n", out);
        }
        print_comment(out, indent, rows[i].comment);
        if (count > 0 && strcmp(rows[i].path, "plugins") == 0) {
            print_plugins(out, plugins, count);
            continue;
        }
        (void)fprintf(out, "%*s%s%s: %s\n", (int)indent, "", rows[i].fallback == NULL ? "# " : "",
                      last_key(rows[i].path),
                      rows[i].fallback == NULL ? rows[i].example : rows[i].fallback);
    }
    if (fclose(out) != 0) {
        free(text);
        return NULL;
    }
    return text;
}
