/* host/control/nginx_config.c - run/nginx.conf, made from the settings. */
#include "host/control/nginx_config.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "host/control/admin_exchange.h"
#include "host/control/build_config.h"
#include "host/control/local_socket.h"
#include "host/control/runner_socket.h"

#define MODULE_FILE        "ngx_http_hotgate_module.so"
#define BUILD_MODULE       "host/engine/nginx/" MODULE_FILE /* in a build folder */
#define RESOLV_CONF        "/etc/resolv.conf"
#define ADMIN_TIMEOUT      "300s" /* a reload probes every plugin */
#define ADMIN_BODY_MAX     "16m"  /* control reads and refuses what is above 1.5 MiB */
#define ADMIN_BUFFER       "2m"   /* more than control takes */
#define ISOLATION_START_MS 10000u /* in which the gateway's own runner loads its plugins */
#define ISOLATION_IDLE_MAX 1024   /* connections of a worker: the gateway serves both ends */
#define ISOLATION_RETRIES  2u     /* of calls that it was answering when it died of another one */
#define WORKERS_MAX        128 /* as nginx_config.worker_processes takes; the board has room for these */

/* A quoted parameter: whatever it holds, it stays one. nginx unescapes both characters. */
static void quote(FILE *out, const char *text)
{
    (void)fputc('\'', out);
    for (const char *at = text; *at != '\0'; at++) {
        if (*at == '\'' || *at == '\\') {
            (void)fputc('\\', out);
        }
        (void)fputc(*at, out);
    }
    (void)fputc('\'', out);
}

static void directive(FILE *out, const char *indent, const char *name, const char *value)
{
    (void)fprintf(out, "%s%s ", indent, name);
    quote(out, value);
    (void)fputs(";\n", out);
}

static const char *on_off(bool value)
{
    return value ? "on" : "off";
}

static hg_status find_module(const hgh_instance *instance, char **out_path, hg_error *err)
{
    static const char *const places[] = {HGH_ENGINE_DIRECTORY "/" MODULE_FILE, BUILD_MODULE};

    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        char *path = hgh_install_path(instance, places[i]);

        if (path == NULL) {
            return hg_error_set(err, HG_ERR_NO_MEMORY, "out of memory");
        }
        if (access(path, R_OK) == 0) {
            *out_path = path;
            return HG_OK;
        }
        free(path);
    }
    return hg_error_set(err, HG_ERR_NOT_FOUND, "the nginx module is not installed: no %s/%s",
                        instance->install, places[0]);
}

/* Without the right to raise the hard limit nginx would complain in every worker: root has it, but
 * not in every container. */
static int64_t open_files(const hgh_settings *settings)
{
    struct rlimit limit;
    rlim_t wanted = (rlim_t)settings->worker_rlimit_nofile;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_max < wanted) {
        struct rlimit raised = {limit.rlim_cur, wanted};

        if (setrlimit(RLIMIT_NOFILE, &raised) != 0) {
            return (int64_t)limit.rlim_max;
        }
    }
    return settings->worker_rlimit_nofile;
}

static void write_main(FILE *out,
                       const hgh_instance *instance,
                       const hgh_settings *settings,
                       const char *module)
{
    (void)fputs("# Made by `hotgate run` from config.yaml; do not edit.\n", out);
    directive(out, "", "load_module", module);
#ifdef HGH_FAILPOINTS
    (void)fputs("env HOTGATE_FAILPOINTS;\n", out);
#endif
    for (size_t i = 0; i < settings->envs_count; i++) {
        directive(out, "", "env", settings->envs[i]);
    }
    (void)fputs("daemon off;\nmaster_process on;\npid " HGH_NGINX_PID_FILE ";\n", out);
    if (instance->as_root) {
        (void)fprintf(out, "user %s " HGH_CONTROL_USER ";\n", settings->user);
    }
    if (settings->worker_processes > 0) {
        (void)fprintf(out, "worker_processes %lld;\n", (long long)settings->worker_processes);
    } else if (sysconf(_SC_NPROCESSORS_ONLN) > WORKERS_MAX) {
        (void)fprintf(out, "worker_processes %d;\n", WORKERS_MAX);
    } else {
        (void)fputs("worker_processes auto;\n", out);
    }
    (void)fprintf(out, "worker_rlimit_nofile %lld;\n", (long long)open_files(settings));
    (void)fprintf(out, "worker_shutdown_timeout %lldms;\n",
                  (long long)settings->worker_shutdown_timeout_ms);
    (void)fputs("error_log ", out);
    quote(out, settings->error_log);
    (void)fprintf(out, " %s;\n", settings->error_log_level);
    (void)fprintf(out, "\nevents {\n    worker_connections %lld;\n}\n",
                  (long long)settings->worker_connections);
}

static void write_name_server(FILE *out, const char *address)
{
    unsigned char bytes[16];

    if (inet_pton(AF_INET6, address, bytes) == 1) {
        (void)fprintf(out, " [%s]", address);
    } else if (inet_pton(AF_INET, address, bytes) == 1) {
        (void)fprintf(out, " %s", address);
    }
}

/* nginx does not read resolv.conf. Addresses with a zone it could not use anyway. */
static void write_system_name_servers(FILE *out)
{
    FILE *file = fopen(RESOLV_CONF, "re");
    char line[512];

    while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
        char *state = NULL;
        const char *key = strtok_r(line, " \t\r\n", &state);
        const char *address = strtok_r(NULL, " \t\r\n", &state);

        if (key != NULL && address != NULL && strcmp(key, "nameserver") == 0) {
            write_name_server(out, address);
        }
    }
    if (file != NULL) {
        (void)fclose(file);
    }
}

static void write_resolver(FILE *out, const hgh_settings *settings)
{
    char *servers = NULL;
    size_t length = 0;
    FILE *list = open_memstream(&servers, &length);

    if (list == NULL) {
        return; /* the caller's stream fails likewise, and that is noticed */
    }
    for (size_t i = 0; i < settings->dns_resolver_count; i++) {
        (void)fprintf(list, " %s", settings->dns_resolver[i]);
    }
    if (settings->dns_resolver_count == 0) {
        write_system_name_servers(list);
    }
    if (fclose(list) == 0 && length > 0) {
        (void)fprintf(out, "    resolver%s", servers);
        if (settings->dns_resolver_valid_s > 0) {
            (void)fprintf(out, " valid=%llds", (long long)settings->dns_resolver_valid_s);
        }
        (void)fprintf(out, ";\n    resolver_timeout %llds;\n",
                      (long long)settings->resolver_timeout_s);
    }
    free(servers);
}

static void write_http_settings(FILE *out, const hgh_settings *settings)
{
    /* A request's own record and nginx's fit into one allocation. */
    (void)fputs("    request_pool_size 8k;\n"
                "    client_body_temp_path run/tmp/client_body;\n"
                "    proxy_temp_path run/tmp/proxy;\n"
                "    fastcgi_temp_path run/tmp/fastcgi;\n"
                "    uwsgi_temp_path run/tmp/uwsgi;\n"
                "    scgi_temp_path run/tmp/scgi;\n",
                out);
    (void)fputs("    log_format hotgate ", out);
    quote(out, settings->access_log_format);
    (void)fputs(";\n    access_log ", out);
    if (settings->enable_access_log) {
        quote(out, settings->access_log);
        (void)fputs(" hotgate;\n", out);
    } else {
        (void)fputs("off;\n", out);
    }
    (void)fprintf(
        out,
        "    keepalive_timeout %lldms;\n    keepalive_requests %lld;\n"
        "    client_header_timeout %lldms;\n    client_body_timeout %lldms;\n"
        "    send_timeout %lldms;\n    client_max_body_size %lld;\n"
        "    underscores_in_headers %s;\n",
        (long long)settings->keepalive_timeout_ms, (long long)settings->keepalive_requests,
        (long long)settings->client_header_timeout_ms, (long long)settings->client_body_timeout_ms,
        (long long)settings->send_timeout_ms, (long long)settings->client_max_body_bytes,
        on_off(settings->underscores_in_headers));
    directive(out, "    ", "real_ip_header", settings->real_ip_header);
    for (size_t i = 0; i < settings->real_ip_from_count; i++) {
        directive(out, "    ", "set_real_ip_from", settings->real_ip_from[i]);
    }
    write_resolver(out, settings);
}

static void
write_runner(FILE *out, const hgh_settings *settings, const char *path, int64_t idle_max)
{
    quote(out, path);
    (void)fprintf(out,
                  " connect_timeout_ms=%lld send_timeout_ms=%lld prepare_timeout_ms=%lld\n"
                  "        call_timeout_ms=%lld idle_max=%lld idle_ms=%lld body_max_bytes=%lld",
                  (long long)settings->ext_plugin_connect_timeout_ms,
                  (long long)settings->ext_plugin_send_timeout_ms,
                  (long long)settings->ext_plugin_prepare_timeout_ms,
                  (long long)settings->ext_plugin_call_timeout_ms, (long long)idle_max,
                  (long long)settings->ext_plugin_idle_timeout_ms,
                  (long long)settings->ext_plugin_body_max_bytes);
}

/* How workers reach runners. `path` NULL: there is none for ext-plugin. That of the isolated ones
 * begins where nginx is started: however long that of the instance is. */
static void write_runners(FILE *out, const hgh_settings *settings, const char *path)
{
    if (path != NULL) {
        (void)fputs("    hotgate_runner ", out);
        write_runner(out, settings, path, settings->ext_plugin_idle_max);
        (void)fprintf(out, "\n        empty_flag_arguments=%d;\n",
                      settings->ext_plugin_empty_flag_arguments);
    }
    (void)fputs("    hotgate_isolation ", out);
    write_runner(out, settings, HGH_ISOLATION_DIRECTORY, ISOLATION_IDLE_MAX);
    (void)fprintf(out, "\n        wait_for_start_ms=%u retries_broken=%u;\n", ISOLATION_START_MS,
                  ISOLATION_RETRIES);
}

static void write_module(FILE *out, const hgh_instance *instance, const hgh_settings *settings)
{
    (void)fprintf(out,
                  "\n    hotgate_feed state/feed;\n    hotgate_board %d;\n    hotgate_arena %d;\n"
                  "    hotgate_wake %d;\n    hotgate_ack %d;\n",
                  instance->shared.board, instance->shared.arena, instance->shared.wake,
                  instance->shared.ack);
    (void)fprintf(out,
                  "    hotgate_router %s;\n    hotgate_parked_requests %lld;\n"
                  "    hotgate_offload_threads %lld;\n    hotgate_offload_queue %lld;\n"
                  "    hotgate_server_tokens %s;\n",
                  settings->router, (long long)settings->parked_requests_max,
                  (long long)settings->offload_threads, (long long)settings->offload_queue,
                  on_off(settings->enable_server_tokens));
    (void)fprintf(out,
                  "    hotgate_delete_uri_tail_slash %s;\n"
                  "    hotgate_normalize_uri_like_servlet %s;\n"
                  "    hotgate_match_uri_encoded_slash %s;\n",
                  on_off(settings->delete_uri_tail_slash),
                  on_off(settings->normalize_uri_like_servlet),
                  on_off(settings->match_uri_encoded_slash));
    (void)fputs("    hotgate_explain_socket unix:" HGH_EXPLAIN_SOCKET ";\n", out);
    (void)fprintf(out, "    hotgate_post_args_size %lld;\n    hotgate_graphql_size %lld;\n",
                  (long long)settings->post_args_max_mib * (1 << 20),
                  (long long)settings->graphql_max_bytes);
    (void)fprintf(out, "    hotgate_health %s;\n", on_off(!settings->disable_upstream_healthcheck));
    if (settings->ssl_trusted_certificate != NULL) {
        directive(out, "    ", "hotgate_trusted_certificate", settings->ssl_trusted_certificate);
    }
    (void)fprintf(out,
                  "    hotgate_keepalive %lld;\n    hotgate_keepalive_requests %lld;\n"
                  "    hotgate_keepalive_timeout %lld;\n"
                  "\n    upstream hotgate_upstream {\n        server 127.0.0.1:1;\n"
                  "        hotgate_balancer;\n    }\n\n",
                  (long long)settings->upstream_keepalive,
                  (long long)settings->upstream_keepalive_requests,
                  (long long)settings->upstream_keepalive_timeout_ms);
}

/* What every upstream is told, whatever the protocol: PREFIX_set_header. */
static void write_forwarded(FILE *out, const char *prefix)
{
    static const char *const headers[] = {
        "Host $hotgate_upstream_host",
        "X-Real-IP $remote_addr",
        "X-Forwarded-For $proxy_add_x_forwarded_for",
        "X-Forwarded-Proto $scheme",
        "X-Forwarded-Host $http_host",
        "X-Forwarded-Port $server_port",
        /* A header that a plugin has removed bears this name, and is not sent. */
        "X-Hotgate-Removed ''",
    };

    for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
        (void)fprintf(out, "            %s_set_header %s;\n", prefix, headers[i]);
    }
}

static void write_upstream_tls(FILE *out, const char *prefix)
{
    (void)fprintf(out,
                  "            %s_ssl_server_name on;\n"
                  "            %s_ssl_name $hotgate_upstream_host;\n",
                  prefix, prefix);
}

/* One way to talk to an upstream: nginx cannot choose it by a variable, so the module goes to the
 * location that fits (host/engine/nginx/module.c). */
static void write_location(FILE *out, const char *name, const char *scheme, bool websocket)
{
    (void)fprintf(out,
                  "        location %s {\n            hotgate on;\n"
                  "            proxy_pass %s://hotgate_upstream;\n"
                  "            proxy_http_version 1.1;\n",
                  name, scheme);
    (void)fputs(websocket ? "            proxy_set_header Connection upgrade;\n"
                            "            proxy_set_header Upgrade $http_upgrade;\n"
                          : "            proxy_set_header Connection '';\n",
                out);
    write_forwarded(out, "proxy");
    if (strcmp(scheme, "https") == 0) {
        write_upstream_tls(out, "proxy");
    }
    (void)fputs("        }\n", out);
}

static void write_grpc_location(FILE *out, const char *scheme)
{
    (void)fprintf(out,
                  "        location @hotgate_%s {\n            hotgate on;\n"
                  "            grpc_pass %s://hotgate_upstream;\n",
                  scheme, scheme);
    write_forwarded(out, "grpc");
    if (strcmp(scheme, "grpcs") == 0) {
        write_upstream_tls(out, "grpc");
    }
    (void)fputs("        }\n", out);
}

/* The Admin API on the data plane's ports. Its queries may hold a key (?api_key=), so they are in
 * no log: neither in that of accesses, nor in lines that nginx writes about a request. */
static void write_admin_upstream(FILE *out, const hgh_instance *instance)
{
    (void)fputs(
        "    log_format hotgate_admin '$remote_addr - $remote_user [$time_local] $http_host "
        "\"$request_method $uri $server_protocol\" $status $body_bytes_sent "
        "$request_time';\n"
        "    upstream hotgate_admin {\n        server ",
        out);
    (void)fprintf(out, "'unix:");
    for (const char *at = instance->directory; *at != '\0'; at++) {
        (void)fprintf(out, "%s%c", *at == '\'' || *at == '\\' ? "\\" : "", *at);
    }
    (void)fputs("/" HGH_ADMIN_SOCKET "';\n    }\n\n", out);
}

static void write_admin_location(FILE *out, const hgh_settings *settings, const char *match)
{
    (void)fprintf(out,
                  "        location %s {\n"
                  "            proxy_pass http://hotgate_admin;\n"
                  "            proxy_http_version 1.1;\n"
                  "            proxy_set_header Connection '';\n"
                  "            proxy_set_header Host $http_host;\n"
                  "            proxy_set_header " HGH_ADMIN_CLIENT_HEADER " $remote_addr;\n"
                  "            proxy_pass_header Server;\n"
                  "            proxy_read_timeout " ADMIN_TIMEOUT ";\n"
                  "            client_max_body_size " ADMIN_BODY_MAX ";\n"
                  /* What is written and read holds secrets: it stays in memory. */
                  "            client_body_buffer_size " ADMIN_BUFFER ";\n"
                  "            proxy_max_temp_file_size 0;\n",
                  match);
    (void)fputs("            error_log ", out);
    quote(out, settings->error_log);
    (void)fputs(" emerg;\n", out);
    if (settings->enable_access_log) {
        (void)fputs("            access_log ", out);
        quote(out, settings->access_log);
        (void)fputs(" hotgate_admin;\n", out);
    }
    (void)fputs("        }\n", out);
}

/* Certificates come with each handshake (host/engine/nginx/tls.c), which undoes the rejection. */
static void write_tls(FILE *out, const hgh_settings *settings)
{
    (void)fprintf(out,
                  "        ssl_reject_handshake on;\n        ssl_protocols %s;\n"
                  "        ssl_session_tickets %s;\n",
                  settings->ssl_protocols, on_off(settings->ssl_session_tickets));
    if (settings->ssl_ciphers != NULL) {
        directive(out, "        ", "ssl_ciphers", settings->ssl_ciphers);
        (void)fputs("        ssl_prefer_server_ciphers on;\n", out);
    }
    directive(out, "        ", "hotgate_tls",
              settings->fallback_sni == NULL ? "" : settings->fallback_sni);
}

static void write_server(FILE *out, const hgh_settings *settings)
{
    (void)fputs("    server {\n", out);
    for (size_t i = 0; i < settings->data_listen_count; i++) {
        const hgh_listen *listen = &settings->data_listen[i];
        bool is_ipv6 = strchr(listen->address, ':') != NULL;

        (void)fprintf(out, "        listen %s%s%s:%u%s%s;\n", is_ipv6 ? "[" : "", listen->address,
                      is_ipv6 ? "]" : "", (unsigned)listen->port, listen->tls ? " ssl" : "",
                      listen->http2 ? " http2" : "");
    }
    /* A path from where nginx is started: however long that of the instance is. */
    (void)fputs("        listen unix:" HGH_EXPLAIN_SOCKET ";\n", out);
    if (settings->ssl_enable) {
        write_tls(out, settings);
    }
    (void)fprintf(out, "%s\n", settings->http_server_configuration_snippet);
    /* What nginx itself answers once a request is read is JSON too. */
    (void)fputs("        server_tokens off;\n"
                "        error_page 403 404 405 411 413 415 416 421 500 501 502 503 504 "
                "@hotgate_error;\n"
                "        location @hotgate_error {\n            hotgate_error;\n        }\n",
                out);
    (void)fputs("        location @hotgate_explain {\n            hotgate on;\n"
                "            access_log off;\n        }\n",
                out);
    write_location(out, "/", "http", false);
    write_location(out, "@hotgate_https", "https", false);
    write_location(out, "@hotgate_websocket", "http", true);
    write_location(out, "@hotgate_https_websocket", "https", true);
    write_grpc_location(out, "grpc");
    write_grpc_location(out, "grpcs");
    if (settings->enable_admin_on_data_port) {
        write_admin_location(out, settings, "= /apisix/admin");
        write_admin_location(out, settings, "^~ /apisix/admin/");
    }
    (void)fputs("    }\n", out);
}

static hg_status replace_file(const char *path, const char *text, size_t length, hg_error *err)
{
    char *temporary = NULL;
    hg_status status = HG_OK;
    FILE *file;

    if (asprintf(&temporary, "%s.new", path) < 0) {
        return hg_error_set(err, HG_ERR_NO_MEMORY, "out of memory");
    }
    file = fopen(temporary, "we");
    if (file == NULL || fwrite(text, 1, length, file) != length) {
        status = hg_error_set(err, HG_ERR_IO, "%s: %s", temporary, strerror(errno));
    }
    if (file != NULL && fclose(file) != 0 && status == HG_OK) {
        status = hg_error_set(err, HG_ERR_IO, "%s: %s", temporary, strerror(errno));
    }
    if (status == HG_OK && rename(temporary, path) != 0) {
        status = hg_error_set(err, HG_ERR_IO, "%s: %s", path, strerror(errno));
    }
    if (status != HG_OK && file != NULL) {
        (void)unlink(temporary);
    }
    free(temporary);
    return status;
}

hg_status
hgh_nginx_config_write(const hgh_instance *instance, const hgh_settings *settings, hg_error *err)
{
    char *module = NULL;
    char *runner = NULL; /* where it listens */
    char *path = NULL;
    char *text = NULL;
    size_t length = 0;
    FILE *out;
    hg_status status = find_module(instance, &module, err);

    if (status == HG_OK) {
        status = hgh_runner_socket_path(instance, settings, &runner, err);
    }
    if (status == HG_OK && settings->enable_admin_on_data_port &&
        !hgh_local_socket_fits(instance->directory, HGH_ADMIN_SOCKET)) {
        status = hg_error_set(err, HG_ERR_INVALID,
                              "%s/" HGH_ADMIN_SOCKET
                              ": the path is too long for a socket: the Admin API on the data port "
                              "needs an instance with a shorter one",
                              instance->directory);
    }
    if (status != HG_OK) {
        goto cleanup;
    }
    out = open_memstream(&text, &length);
    if (out != NULL) {
        write_main(out, instance, settings, module);
        (void)fputs("\nhttp {\n", out);
        write_http_settings(out, settings);
        write_runners(out, settings, runner);
        write_module(out, instance, settings);
        (void)fprintf(out, "%s\n", settings->http_configuration_snippet);
        if (settings->enable_admin_on_data_port) {
            write_admin_upstream(out, instance);
        }
        write_server(out, settings);
        (void)fputs("}\n", out);
    }
    path = hgh_instance_path(instance, HGH_NGINX_CONFIG_FILE);
    if (out == NULL || ferror(out) != 0 || fclose(out) != 0 || path == NULL) {
        status = hg_error_set(err, HG_ERR_NO_MEMORY, "out of memory");
    } else {
        status = replace_file(path, text, length, err);
    }

cleanup:
    free(text);
    free(path);
    free(runner);
    free(module);
    return status;
}
