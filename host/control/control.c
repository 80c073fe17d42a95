/* host/control/control.c - the control plane as a process: makes its parts and wires them. */
#include "host/control/control.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/control/admin_api.h"
#include "host/control/admin_server.h"
#include "host/control/build_config.h"
#include "host/control/control_api.h"
#include "host/control/control_log.h"
#include "host/control/control_options.h"
#include "host/control/engine_explain.h"
#include "host/control/feed_writer.h"
#include "host/control/instance.h"
#include "host/control/instance_secrets.h"
#include "host/control/keyring.h"
#include "host/control/manifest.h"
#include "host/control/plugin_catalog.h"
#include "host/control/plugin_check.h"
#include "host/control/plugin_watch.h"
#include "host/control/publisher.h"
#include "host/control/reload.h"
#include "host/control/resource_table.h"
#include "host/control/runner_report.h"
#include "host/control/settings.h"
#include "host/control/standalone.h"
#include "host/control/store.h"
#include "host/control/store_sealed.h"
#include "host/control/store_sqlite.h"
#include "host/control/supervisor_link.h"
#include "host/control/watchdog.h"
#include "host/control/worker_process.h"
#include "host/core/event_loop.h"
#include "host/core/time_limit.h"

#define CONNECTIONS_MAX       1000u /* of all listeners of the network together */
#define LOCAL_CONNECTIONS_MAX 100u
#define STATE_UMASK           0027u /* what control writes is for its user and the group's readers */
#define FEED_DIRECTORY        "state/feed"
#define LOG_FILE              "logs/control.log"
#define EXIT_FAILED_START     1
#define EXIT_BAD_OPTIONS      2

/* Everything that runs. What begins as zero is not there. */
typedef struct control {
    hgh_control_options options;
    hgh_instance instance;
    hgh_settings *settings;
    hgh_instance_secrets secrets;
    hgh_event_loop *loop;
    hgh_store *store;
    hgh_resource_table *table;
    hgh_feed_writer *feed;
    hgh_publisher *publisher;
    hgh_plugin_catalog *catalog;
    hgh_admin_api *api;
    json_t *manifest; /* as it was at the start */
    hgh_plugin_check *check;
    hgh_isolated_generations *isolated;
    hgh_reload *reload;
    hgh_standalone *standalone;     /* NULL: objects are written at the Admin API */
    hgh_plugin_watch *plugin_watch; /* NULL: reloads are asked for */
    hgh_watchdog *watchdog;
    hgh_admin_job first_look; /* of the reload, in the queue of the writes */
    size_t server_count;
    hgh_admin_server *servers[HGH_CONTROL_LISTENERS_MAX + 4];
    hgh_board *board;
    hgh_arena *arena;
    hgh_health_board health;
    hgh_engine_explain *explain;
    hgh_control_api control_api;
} control;

static hg_status no_memory(hg_error *err)
{
    return hg_error_set(err, HG_ERR_NO_MEMORY, "out of memory");
}

static hg_status make_instance(control *self, hg_error *err)
{
    hg_status status =
        hgh_instance_open(&self->instance, self->options.directory, self->options.config_path, err);
    char *path;

    if (status != HG_OK) {
        return status;
    }
    self->instance.shared = self->options.shared;
    path = hgh_instance_path(&self->instance, LOG_FILE);
    status = path == NULL ? no_memory(err) : hgh_log_open(path, true, err);
    free(path);
    return status;
}

static void log_issues(const hg_issues *issues, hg_log_level level)
{
    for (size_t i = 0; i < issues->count; i++) {
        const hgh_issue *issue = &issues->items[i];

        if (issue->text != NULL) {
            hgh_log(level, "%s", issue->text);
        } else {
            hgh_log(level, "%s: found %s, wanted %s", issue->pointer, issue->found, issue->wanted);
        }
    }
}

/* The configured level is that of nginx's log; this one is short and tells what the gateway does,
 * so it only ever says more. */
static void log_level_set(const char *name)
{
    if (strcmp(name, "debug") == 0) {
        hgh_log_set_level(HG_LOG_DEBUG);
    } else if (strcmp(name, "info") == 0) {
        hgh_log_set_level(HG_LOG_INFO);
    }
}

static hg_status make_settings(control *self, hg_error *err)
{
    hg_issues errors = {0};
    hg_issues warnings = {0};
    char *text = NULL;
    size_t length = 0;
    hg_status status =
        hgh_supervisor_link_settings(self->instance.shared.supervisor, &text, &length, err);

    if (status == HG_OK) {
        status = hgh_settings_parse(text, length, self->options.config_path, &self->settings,
                                    &errors, &warnings);
        if (status != HG_OK) {
            log_issues(&errors, HG_LOG_ERROR);
            (void)hg_error_set(err, status, "%s cannot be used", self->options.config_path);
        }
    }
    if (status == HG_OK) { /* the supervisor has told the warnings */
        log_level_set(self->settings->error_log_level);
        /* The gateway's from its start on: workers go on with what they have. */
        self->settings->config_source = self->options.source;
    }
    hgh_issues_done(&errors);
    hgh_issues_done(&warnings);
    if (text != NULL) {
        explicit_bzero(text, length); /* it holds the keys */
    }
    free(text);
    if (status == HG_OK) {
        status = hgh_supervisor_link_secrets(self->instance.shared.supervisor, &self->secrets, err);
    }
    return status;
}

static void on_end_signal(void *context, int number)
{
    control *self = context;

    hgh_log(HG_LOG_NOTICE, "signal %d (%s): control ends", number, strsignal(number));
    hgh_event_loop_stop(self->loop);
}

static void on_rotate_signal(void *context, int number)
{
    hg_error err = HG_ERROR_INIT;

    (void)context;
    (void)number;
    if (hgh_log_reopen(&err) != HG_OK) {
        hgh_log(HG_LOG_ERROR, "%s", err.text);
    }
}

/* The supervisor says nothing more on its own: what comes is its end. */
static void on_supervisor(void *context, uint32_t events)
{
    control *self = context;

    (void)events;
    hgh_log(HG_LOG_ERROR, "the supervisor is gone: control ends");
    hgh_event_loop_stop(self->loop);
}

static hg_status make_loop(control *self, hg_error *err)
{
    static const struct {
        int number;
        hgh_event_loop_on_signal call;
    } signals[] = {
        {SIGTERM, on_end_signal},
        {SIGUSR1, on_rotate_signal},
    };
    hg_status status = hgh_event_loop_new(&self->loop, err);

    for (size_t i = 0; status == HG_OK && i < sizeof(signals) / sizeof(signals[0]); i++) {
        status = hgh_event_loop_signal(self->loop, signals[i].number, signals[i].call, self, err);
    }
    if (status == HG_OK) {
        status = hgh_event_loop_watch(self->loop, self->instance.shared.supervisor, EPOLLRDHUP,
                                      on_supervisor, self, err);
    }
    return status;
}

/* Everything that is stored has the form that the settings ask for from here on. */
static hg_status seal_store(control *self, hg_error *err)
{
    hgh_store *inner = self->store;
    hgh_keyring *keyring = NULL;
    hg_error why = HG_ERROR_INIT;
    size_t count = 0;
    hg_status status = HG_OK;

    self->store = NULL;
    if (self->secrets.keyring_count > 0) {
        status = hgh_keyring_new((const char *const *)self->secrets.keyring,
                                 self->secrets.keyring_count, &keyring, err);
    }
    if (status != HG_OK) {
        hgh_store_close(inner);
        return status;
    }
    status = hgh_store_sealed_new(inner, keyring, self->settings->encrypt_store, &self->store, err);
    if (status == HG_OK) {
        status = hgh_store_sealed_settle(self->store, &count, &why);
        if (status != HG_OK) {
            (void)hg_error_set(err, status, "%s: %.480s", hgh_standalone_store(self->settings),
                               why.text);
        }
    }
    if (status == HG_OK && count > 0) {
        hgh_log(HG_LOG_NOTICE, "the store: %zu objects were %s", count,
                self->settings->encrypt_store ? "encrypted with the first key of the keyring"
                                              : "decrypted, as apisix.data_encryption says");
    }
    return status;
}

static hg_status make_store(control *self, hg_error *err)
{
    char *path = hgh_instance_path(&self->instance, hgh_standalone_store(self->settings));
    hg_status status =
        path == NULL ? no_memory(err) : hgh_store_sqlite_open(path, &self->store, err);

    free(path);
    if (status == HG_OK) {
        status = seal_store(self, err);
    }
    if (status != HG_OK) {
        return status;
    }
    self->table = hgh_resource_table_new();
    return self->table == NULL ? no_memory(err) : hgh_publisher_load(self->store, self->table, err);
}

/* The manifest in force, as it was written by the last reload; none before the first one. */
static hg_status make_manifest(control *self, hg_error *err)
{
    char *path = hgh_instance_path(&self->instance, HGH_MANIFEST_FILE);
    hg_status status =
        path == NULL ? no_memory(err) : hgh_manifest_read(path, &self->manifest, err);

    free(path);
    return status;
}

static hg_status make_feed(control *self, hg_error *err)
{
    char *directory = hgh_instance_path(&self->instance, FEED_DIRECTORY);
    char *manifest = NULL;
    hgh_feed_writer_options options = {
        .directory = directory,
        .group = self->instance.group,
        .store_id = self->store->id,
        .table = self->table,
        .wake = self->instance.shared.wake,
    };
    hg_status status = HG_OK;

    if (self->manifest != NULL) {
        manifest = json_dumps(self->manifest, JSON_COMPACT);
    }
    if (directory == NULL || (self->manifest != NULL && manifest == NULL)) {
        status = no_memory(err);
    }
    options.manifest = manifest;
    if (status == HG_OK) {
        status = hgh_feed_writer_open(&options, &self->feed, err);
    }
    free(manifest);
    free(directory);
    return status;
}

static hg_status make_api(control *self, hg_error *err)
{
    hgh_admin_api_parts parts;

    self->catalog = hgh_plugin_catalog_new();
    self->publisher = hgh_publisher_new(self->store, self->table, self->feed);
    if (self->catalog == NULL || self->publisher == NULL) {
        return no_memory(err);
    }
    parts = (hgh_admin_api_parts){
        .loop = self->loop,
        .settings = self->settings,
        .version = HGH_VERSION,
        .table = self->table,
        .publisher = self->publisher,
        .catalog = self->catalog,
        .read_only = hgh_standalone_name(self->settings),
    };
    return hgh_admin_api_new(&parts, &self->api, err);
}

static hg_status make_server(control *self,
                             const hgh_admin_server_options *options,
                             const hgh_admin_handler *handler,
                             hg_error *err)
{
    hg_status status =
        hgh_admin_server_new(self->loop, options, handler, &self->servers[self->server_count], err);

    self->server_count += status == HG_OK ? 1 : 0;
    return status;
}

/* Where workers keep the health of nodes; NULL: it cannot be read, and nothing else suffers. */
static const hgh_health_board *open_health(control *self)
{
    hg_error err = HG_ERROR_INIT;

    if (hgh_arena_map(self->options.shared.arena, true, &self->arena, &err) == HG_OK &&
        hgh_health_board_open(self->arena, &self->health, &err) == HG_OK) {
        return &self->health;
    }
    hgh_log(HG_LOG_WARN, "the Control API shows no health checks: %s", err.text);
    return NULL;
}

/* What workers are asked through, and where they say how far they are. */
static hg_status make_worker_views(control *self, hg_error *err)
{
    hgh_engine_explain_options options = {
        .loop = self->loop,
        .directory = self->instance.directory,
        .admin_is_on_data_ports = self->settings->enable_admin_on_data_port,
    };

    options.key = self->board->explain_key;
    self->explain = hgh_engine_explain_new(&options);
    if (self->explain == NULL) {
        return no_memory(err);
    }
    hgh_admin_api_set_explain(self->api, hgh_engine_explain_start, hgh_engine_explain_token,
                              self->explain);
    return HG_OK;
}

/* The listeners that nobody needs a key for. */
static hg_status make_open_servers(control *self, hg_error *err)
{
    const hgh_control_options *options = &self->options;
    hgh_admin_handler control_api = hgh_control_api_handler(&self->control_api);
    hgh_admin_handler status_api = hgh_control_api_status_handler(&self->control_api);
    hg_status status = HG_OK;

    self->control_api = (hgh_control_api){
        .loop = self->loop,
        .version = HGH_VERSION,
        .table = self->table,
        .catalog = self->catalog,
        .object_check = hgh_admin_api_object_check(self->api),
        .queue = hgh_admin_api_queue(self->api),
        .reload = hgh_reload_answer,
        .reload_context = self->reload,
        .explain = hgh_engine_explain_start,
        .explain_context = self->explain,
        .standalone = self->standalone,
        .instance = &self->instance,
        .board = self->board,
        .health = open_health(self),
    };
    if (options->control_api >= 0) {
        status = make_server(self,
                             &(hgh_admin_server_options){
                                 .listener = options->control_api,
                                 .peer = HGH_ADMIN_PEER_NETWORK,
                                 .connections_max = LOCAL_CONNECTIONS_MAX,
                             },
                             &control_api, err);
    }
    if (status == HG_OK && options->status >= 0) {
        status = make_server(self,
                             &(hgh_admin_server_options){
                                 .listener = options->status,
                                 .peer = HGH_ADMIN_PEER_NETWORK,
                                 .connections_max = LOCAL_CONNECTIONS_MAX,
                             },
                             &status_api, err);
    }
    return status;
}

static hg_status make_servers(control *self, hg_error *err)
{
    const hgh_control_options *options = &self->options;
    hgh_admin_handler handler = hgh_admin_api_handler(self->api);
    hg_status status = make_open_servers(self, err);

    for (size_t i = 0; i < options->listener_count && status == HG_OK; i++) {
        status =
            make_server(self,
                        &(hgh_admin_server_options){
                            .listener = options->listeners[i],
                            .peer = HGH_ADMIN_PEER_NETWORK,
                            .tls = &self->secrets.admin_tls,
                            .connections_max = CONNECTIONS_MAX / (unsigned)options->listener_count,
                        },
                        &handler, err);
    }
    if (status == HG_OK && options->engine >= 0) {
        status = make_server(self,
                             &(hgh_admin_server_options){
                                 .listener = options->engine,
                                 .peer = HGH_ADMIN_PEER_ENGINE,
                                 .connections_max = CONNECTIONS_MAX,
                             },
                             &handler, err);
    }
    if (status == HG_OK && options->local >= 0) {
        status = make_server(self,
                             &(hgh_admin_server_options){
                                 .listener = options->local,
                                 .peer = HGH_ADMIN_PEER_LOCAL,
                                 .body_max_bytes = HGH_ADMIN_IMPORT_MAX,
                                 .connections_max = LOCAL_CONNECTIONS_MAX,
                             },
                             &handler, err);
    }
    return status;
}

static void on_loaded(void *context, const json_t *plugins)
{
    const control *self = context;

    hgh_reload_describe(self->reload, plugins);
}

static void on_status(void *context, json_t *status)
{
    const control *self = context;

    if (self->standalone != NULL) {
        (void)json_object_set_new(status, "standalone", hgh_standalone_status(self->standalone));
    }
    (void)json_object_set_new(status, "runners", hgh_runner_report_read(&self->instance));
}

static hg_status make_board(control *self, hg_error *err)
{
    self->board = hgh_board_map(self->options.shared.board, false);
    return self->board == NULL ? hg_error_set(err, HG_ERR_IO, "the board: %s", strerror(errno))
                               : HG_OK;
}

static void on_objects_changed(void *context)
{
    const control *self = context;

    hgh_isolated_generations_look(self->isolated);
}

static hg_status make_isolated(control *self, hg_error *err)
{
    const hgh_isolated_generations_options options = {
        .loop = self->loop,
        .instance = &self->instance,
        .table = self->table,
        .board = self->board,
    };

    self->isolated = hgh_isolated_generations_new(&options);
    if (self->isolated == NULL) {
        return no_memory(err);
    }
    hgh_publisher_watch(self->publisher, on_objects_changed, self);
    return HG_OK;
}

static hg_status make_plugins(control *self, hg_error *err)
{
    hgh_plugin_check_options check = {
        .loop = self->loop,
        .directory = self->instance.directory,
        .shared_memory_bytes = (uint64_t)self->settings->shared_memory_bytes,
        .on_loaded = on_loaded,
        .context = self,
    };
    hgh_reload_options reload;
    hg_status status;

    self->check = hgh_plugin_check_new(&check);
    if (self->check == NULL) {
        return no_memory(err);
    }
    reload = (hgh_reload_options){
        .loop = self->loop,
        .instance = &self->instance,
        .settings = self->settings,
        .feed = self->feed,
        .table = self->table,
        .catalog = self->catalog,
        .check = self->check,
        .isolated = self->isolated,
        .queue = hgh_admin_api_queue(self->api),
        .on_status = on_status,
        .context = self,
    };
    status = hgh_reload_new(&reload, self->manifest, &self->reload, err);
    if (status == HG_OK) {
        hgh_admin_api_set_plugin_check(self->api, self->check);
        hgh_admin_api_set_reload(self->api, &(hgh_admin_reload_calls){
                                                .reload = hgh_reload_answer,
                                                .status = hgh_reload_answer_status,
                                                .history = hgh_reload_answer_history,
                                                .context = self->reload,
                                            });
    }
    return status;
}

static const char *plugin_name(void *context, uint32_t number)
{
    const control *self = context;

    return hgh_reload_plugin_name(self->reload, number);
}

static void signal_worker(void *context, pid_t pid, int number)
{
    const control *self = context;

    hgh_supervisor_link_signal(self->instance.shared.supervisor, pid, number);
}

static hg_status make_watchdog(control *self, hg_error *err)
{
    const hgh_settings *settings = self->settings;
    hgh_watchdog_options options = {
        .loop = self->loop,
        .board_fd = self->instance.shared.board,
        .slow_ms = (uint64_t)settings->slow_call_ms,
        .limit_ms = HGH_TIME_LIMIT((uint64_t)settings->call_limit_ms),
        .memory_bytes = settings->worker_memory_bytes == 0
                            ? hgh_machine_memory() / 2
                            : (uint64_t)settings->worker_memory_bytes,
        .plugin_name = plugin_name,
        .signal_worker = signal_worker,
        .context = self,
    };

    return hgh_watchdog_new(&options, &self->watchdog, err);
}

static hg_status make_standalone(control *self, hg_error *err)
{
    const hgh_standalone_options options = {
        .loop = self->loop,
        .instance = &self->instance,
        .settings = self->settings,
        .parts = hgh_admin_api_write_parts(self->api),
        .reload = self->reload,
    };
    hg_status status;

    if (hgh_standalone_name(self->settings) == NULL) {
        return HG_OK;
    }
    status = hgh_standalone_new(&options, &self->standalone, err);
    if (status == HG_OK) {
        hgh_standalone_prepare(self->standalone);
    }
    return status;
}

/* A new object in the directory is put into service by itself. */
static void watch_plugins(control *self)
{
    hgh_plugin_watch_options options = {
        .loop = self->loop,
        .queue = hgh_admin_api_queue(self->api),
        .reload = self->reload,
    };
    hg_error err = HG_ERROR_INIT;
    char *directory = hgh_reload_own_directory(self->reload);

    options.directory = directory;
    if (directory == NULL || hgh_plugin_watch_new(&options, &self->plugin_watch, &err) != HG_OK) {
        hgh_log(HG_LOG_ERROR, "--watch-plugins: %s",
                directory == NULL ? "out of memory" : err.text);
    }
    free(directory);
}

/* State is published and the Admin API answers; without anything to serve, the start is off. */
static void on_can_serve(void *context, bool can_serve)
{
    control *self = context;
    int supervisor = self->instance.shared.supervisor;
    hg_error err = HG_ERROR_INIT;
    hg_status status = can_serve ? hgh_supervisor_link_ready(supervisor, &err)
                                 : hgh_supervisor_link_refused(supervisor, &err);

    if (status != HG_OK) {
        hgh_log(HG_LOG_ERROR, "%s", err.text);
        hgh_event_loop_stop(self->loop);
    }
}

static void on_begun(void *context)
{
    control *self = context;

    hgh_admin_queue_end(hgh_admin_api_queue(self->api));
    if (self->options.watches_plugins) {
        watch_plugins(self);
    }
    if (self->standalone == NULL) {
        on_can_serve(self, true);
    } else {
        hgh_standalone_begin(self->standalone, on_can_serve, self);
    }
}

static void first_look_run(hgh_admin_job *job)
{
    control *self = (control *)(void *)((char *)job - offsetof(control, first_look));

    hgh_reload_begin(self->reload, on_begun, self);
}

/* Control ends first: the reload goes with its own part. */
static void first_look_cancel(hgh_admin_job *job)
{
    (void)job;
}

static hg_status begin(control *self, hg_error *err)
{
    (void)err;
    self->first_look = (hgh_admin_job){.run = first_look_run, .cancel = first_look_cancel};
    hgh_admin_queue_add(hgh_admin_api_queue(self->api), &self->first_look);
    return HG_OK;
}

/* In the order in which they are made; each may use those before it. */
static const struct {
    const char *name; /* for the message when it fails */
    hg_status (*make)(control *self, hg_error *err);
} parts[] = {
    {"the instance", make_instance},
    {"the settings", make_settings},
    {"the loop", make_loop},
    {"the store", make_store},
    {"the manifest", make_manifest},
    {"the feed", make_feed},
    {"the Admin API", make_api},
    {"the board", make_board},
    {"the isolated generations", make_isolated},
    {"the plugins", make_plugins},
    {"the file", make_standalone},
    {"the watchdog", make_watchdog},
    {"the workers", make_worker_views},
    {"the listeners", make_servers},
    {"the first look", begin},
};

/* Against the order in which they were made. */
static void control_done(control *self)
{
    for (size_t i = 0; i < self->server_count; i++) {
        hgh_admin_server_free(self->servers[i]);
    }
    hgh_control_api_done(&self->control_api);
    hgh_engine_explain_free(self->explain);
    hgh_arena_close(self->arena);
    hgh_standalone_end(self->standalone);
    hgh_admin_api_free(self->api);
    hgh_plugin_watch_free(self->plugin_watch);
    hgh_standalone_free(self->standalone);
    hgh_watchdog_free(self->watchdog);
    hgh_reload_free(self->reload);
    hgh_isolated_generations_free(self->isolated);
    hgh_board_unmap(self->board);
    hgh_plugin_check_free(self->check);
    json_decref(self->manifest);
    hgh_publisher_free(self->publisher);
    hgh_plugin_catalog_free(self->catalog);
    hgh_feed_writer_close(self->feed);
    hgh_resource_table_free(self->table);
    hgh_store_close(self->store);
    hgh_event_loop_free(self->loop);
    hgh_instance_secrets_done(&self->secrets);
    hgh_settings_free(self->settings);
    hgh_instance_done(&self->instance);
    hgh_log_close();
}

static int run(control *self)
{
    hg_error err = HG_ERROR_INIT;

    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        if (parts[i].make(self, &err) != HG_OK) {
            hgh_log(HG_LOG_ERROR, "control cannot start: %s: %s", parts[i].name, err.text);
            return EXIT_FAILED_START;
        }
    }
    hgh_log(HG_LOG_NOTICE, "control runs: revision %llu, %zu objects",
            (unsigned long long)hgh_resource_table_revision(self->table),
            hgh_resource_table_count(self->table));
    if (hgh_event_loop_run(self->loop, &err) != HG_OK) {
        hgh_log(HG_LOG_ERROR, "control ends: %s", err.text);
        return EXIT_FAILED_START;
    }
    return 0;
}

int hgh_control_main(int argc, char **argv)
{
    control self = {.instance = {.lock = -1, .shared = {-1, -1, -1, -1, -1}}};
    int code;

    if (!hgh_control_options_parse(argc, argv, &self.options)) {
        (void)fputs("hotgate control: is started by `hotgate run`, with its descriptors\n", stderr);
        return EXIT_BAD_OPTIONS;
    }
    if (!hgh_supervisor_link_is_parent(self.options.shared.supervisor)) {
        (void)fputs("hotgate control: the supervisor is gone\n", stderr);
        return EXIT_FAILED_START;
    }
    (void)signal(SIGPIPE, SIG_IGN); /* a client that has gone is an error of that write */
    (void)signal(SIGXFSZ, SIG_IGN); /* so is a file that may not grow */
    (void)umask(STATE_UMASK);
    hgh_control_options_keep(&self.options);
    code = run(&self);
    control_done(&self);
    return code;
}
