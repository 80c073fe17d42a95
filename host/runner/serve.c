/* host/runner/serve.c - `hotgate runner`: the process that serves plugins to gateways. */
#include "host/runner/serve.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "host/runner/engine.h"
#include "host/runner/log.h"
#include "host/runner/server.h"

#define SETTLE_MS       500u /* for functions on threads, once the calls have ended */
#define DESCRIPTORS_MAX 65536u

typedef struct runner_process {
    const hgh_serve_options *options;
    hgh_event_loop *loop;
    hgh_serving serving;
    hgh_resolver resolver;
    hgh_plugin_set plugins;
    hgh_server *server;
    bool is_stopping;
    hgh_event_loop_timer grace;
} runner_process;

/* ------------------------------------------------------------------------------------- end */

static void grace_over(void *context)
{
    runner_process *self = context;

    hgh_runner_log(HG_LOG_WARN, "calls under way are given up");
    hgh_event_loop_stop(self->loop);
}

/* The last connection, or the last call, has gone. */
static void end_if_idle(void *context)
{
    runner_process *self = context;

    if (self->is_stopping && hgh_server_is_empty(self->server) && self->serving.calls == NULL) {
        hgh_event_loop_stop(self->loop);
    }
}

static void on_end_signal(void *context, int number)
{
    runner_process *self = context;

    if (!self->is_stopping) {
        self->is_stopping = true;
        hgh_runner_log(HG_LOG_NOTICE, "ends by signal %d (%s)", number, strsignal(number));
        hgh_server_stop(self->server);
    }
    /* Where the gateway has calls that break off made again, the next process is what counts. */
    if ((number != SIGQUIT || self->options->gather == NULL) && !self->grace.is_waiting) {
        hgh_event_loop_timer_start(self->loop, &self->grace, self->options->grace_ms, grace_over,
                                   self);
    }
    end_if_idle(self);
}

static void on_reload_signal(void *context, int number)
{
    runner_process *self = context;

    (void)number;
    if (self->options->gather == NULL) {
        hgh_runner_log(HG_LOG_NOTICE, "reload: the gateway that started this runner does that");
    } else if (!self->is_stopping) {
        hgh_plugin_set_reload(&self->plugins);
    }
}

/* ----------------------------------------------------------------------------------- begin */

static hg_status signals_take(runner_process *self, hg_error *err)
{
    static const struct {
        int number;
        hgh_event_loop_on_signal call;
    } signals[] = {
        {SIGTERM, on_end_signal},
        {SIGINT, on_end_signal},
        {SIGQUIT, on_end_signal},
        {SIGHUP, on_reload_signal},
    };
    hg_status status = HG_OK;

    for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]) && status == HG_OK; i++) {
        status = hgh_event_loop_signal(self->loop, signals[i].number, signals[i].call, self, err);
    }
    return status;
}

static hg_status runtime_begin(runner_process *self, hg_error *err)
{
    const hgh_serve_options *options = self->options;
    const hgh_runtime_options runtime = {
        .engine = &hgh_runner_engine,
        .arena = options->arena,
        .board = options->board,
        .slot = options->slot,
        .ack_fd = -1,
        .parked_max = HGH_RUNNER_PARKED_MAX,
        .log_level = HG_LOG_NOTICE,
        .calls_whole = true,
        .process = "runner",
        .dying = hgh_served_call_dying,
        .handles_crashes = true,
    };
    hg_status status = hgh_serving_prepare_last_word();

    if (status != HG_OK) {
        return hg_error_set(err, status, "out of memory");
    }
    status = hgh_runtime_new(&runtime, &self->serving.runtime, err);

    if (status == HG_OK) {
        self->resolver.offload = self->serving.runtime->plugin_host.offload;
        hgh_runner_engine_set_resolver(&self->resolver);
    }
    return status;
}

static hg_status plugins_begin(runner_process *self, hg_error *err)
{
    hgh_generation *generation = NULL;
    hg_status status;

    if (self->options->gather != NULL) {
        return hgh_plugin_set_start(&self->plugins, err);
    }
    status = hgh_runtime_load_generation(self->serving.runtime, self->options->manifest, false,
                                         &generation, err);
    if (status == HG_OK) {
        hgh_runtime_switch(self->serving.runtime, generation);
    }
    return status;
}

/* Each call has a connection. What a process begins with is little, as some programs use select().
 */
static void descriptors_raise(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < DESCRIPTORS_MAX) {
        limit.rlim_cur = limit.rlim_max < DESCRIPTORS_MAX ? limit.rlim_max : DESCRIPTORS_MAX;
        (void)setrlimit(RLIMIT_NOFILE, &limit); /* up to the hard limit: allowed */
    }
}

/* Everything up to the first connection. */
static hg_status begin(runner_process *self, hg_error *err)
{
    const hgh_serve_options *options = self->options;
    hg_status status = hgh_event_loop_new(&self->loop, err);

    if (status != HG_OK) {
        return status;
    }
    self->serving.loop = self->loop;
    self->serving.call_max_ms = options->call_max_ms;
    self->serving.on_calls_over = end_if_idle;
    self->serving.context = self;
    hgh_runner_engine_set_loop(self->loop);
    hgh_plugin_set_init(&self->plugins, &self->serving, options->gather, options->gather_context);
    status = signals_take(self, err);
    if (status == HG_OK) { /* a gateway promises to prepare again within its time */
        status = hgh_conf_table_init(&self->serving.confs, self->loop,
                                     options->conf_expire_s * 1200, err);
    }
    if (status == HG_OK) {
        status = runtime_begin(self, err);
    }
    if (status == HG_OK) {
        status = plugins_begin(self, err);
    }
    if (status == HG_OK) {
        status = hgh_server_open(&self->serving, options->path, options->takes_over, end_if_idle,
                                 self, &self->server, err);
    }
    return status;
}

/* What still runs on a thread cannot be taken away from it: then the system does the rest. */
static void finish(runner_process *self)
{
    hgh_runtime *runtime = self->serving.runtime;

    hgh_plugin_set_done(&self->plugins);
    if (self->server != NULL) {
        hgh_server_stop(self->server); /* its file goes in any case */
    }
    if (runtime != NULL && !hgh_runtime_settle(runtime, SETTLE_MS)) {
        _exit(EXIT_SUCCESS);
    }
    self->is_stopping = false; /* nothing is to be ended any more */
    hgh_server_free(self->server);
    hgh_serving_cancel_all(&self->serving);
    hgh_conf_table_done(&self->serving.confs);
    if (runtime != NULL) {
        hgh_resolver_done(&self->resolver);
        hgh_runtime_free(runtime);
    }
    hgh_runner_engine_set_resolver(NULL);
    hgh_runner_engine_set_loop(NULL);
    hgh_event_loop_free(self->loop);
}

hg_status hgh_serve(const hgh_serve_options *options, hg_error *err)
{
    runner_process self = {.options = options};
    hg_status status;

    (void)prctl(PR_SET_NAME, "hotgate-runner"); /* of several, operators see which is which */
    descriptors_raise();
    status = begin(&self, err);
    if (status == HG_OK) {
        hgh_runner_log(HG_LOG_NOTICE, "serves %zu plugins on %s",
                       self.serving.runtime->generation->count, options->path);
        status = hgh_event_loop_run(self.loop, err);
    }
    finish(&self);
    return status;
}
