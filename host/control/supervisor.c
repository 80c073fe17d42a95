/* host/control/supervisor.c - keeps control and nginx running; does no other work. */
#include "host/control/supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "host/control/build_config.h"
#include "host/control/child_process.h"
#include "host/control/control_log.h"
#include "host/control/instance_secrets.h"
#include "host/control/kept_process.h"
#include "host/control/keyring_file.h"
#include "host/control/listener.h"
#include "host/control/listener_list.h"
#include "host/control/local_socket.h"
#include "host/control/nginx_binary.h"
#include "host/control/nginx_config.h"
#include "host/control/runners.h"
#include "host/control/shared_memory.h"
#include "host/control/standalone_report.h"
#include "host/control/supervisor_answer.h"
#include "host/control/worker_process.h"
#include "host/core/crash_handler.h"
#include "host/core/event_loop.h"
#include "host/core/feed.h"
#include "host/core/time_limit.h"

#define BACK_OFF_MAX_MS    5000u
#define START_FAILURES_MAX 5u                    /* in a row at the very start, then we give up */
#define READY_GRACE_MS     HGH_TIME_LIMIT(5000u) /* then nginx starts on what was published last */
#define READY_MAX_MS                                                                               \
    HGH_TIME_LIMIT(30000u) /* with nothing published: probing many plugins takes time */
#define STOP_GRACE_MS         HGH_TIME_LIMIT(10000u) /* from a signal to end to SIGKILL */
#define TAKEN_PORT_WAIT_MS    1000
#define ORPHAN_WAIT_MS        HGH_TIME_LIMIT(5000u)
#define REQUEST_MAX           64u /* bytes of a packet from control */
#define DESCRIPTORS_MAX       600u
#define CONTROL_ARGUMENTS_MAX 32u
#define ENGINE_FIXED          4u   /* the same without the socket */
#define FIRST_LINE_MAX        400u /* bytes of nginx's own error that are repeated */
#define PROGRAM               "/proc/self/exe"
#define FEED_WORD             "state/feed/" HGH_FEED_WORD_FILE
#define NGINX_FIRST_LOG       "logs/error.log" /* where it writes before it has read its file */

/* The listeners that are control's. */
enum {
    OWN_ADMIN = 0,
    OWN_CONTROL = 1,
    OWN_STATUS = 2,
    OWN_COUNT = 3
};

static const struct {
    const char *option; /* by which control is told of them */
    const char *name;
} own_names[OWN_COUNT] = {
    [OWN_ADMIN] = {"--listen", "Admin API"},
    [OWN_CONTROL] = {"--listen-control", "Control API"},
    [OWN_STATUS] = {"--listen-status", "status"},
};

typedef struct supervisor {
    hgh_instance *instance;
    hgh_settings *settings; /* owned */
    hgh_event_loop *loop;
    char *nginx; /* path of the program */
    hgh_listener_list data;
    hgh_listener_list own[OWN_COUNT];
    int local;        /* HGH_CONTROL_SOCKET; -1: it could not be opened */
    int engine_admin; /* HGH_ADMIN_SOCKET, from its first use on; -1: none */
    hgh_kept_process control;
    hgh_kept_process engine;   /* nginx's master */
    unsigned control_failures; /* starts in a row that came to nothing, as the next one */
    unsigned engine_failures;
    hgh_runners *runners;
    int socket;             /* our end to control, -1: none */
    bool is_ready;          /* control has said so, once */
    bool engine_allowed;    /* nginx may run from here on */
    bool engine_proven;     /* it has started once */
    off_t engine_log_start; /* length of its log before the first start */
    bool watches_plugins;
    bool is_stopping;
    int engine_stop; /* the signal that ends nginx */
    uint64_t begun_ms;
    hgh_event_loop_timer ready_timer;
    hgh_event_loop_timer end_timer;
    uint64_t sweep_until_ms;
    int exit_code;
} supervisor;

static void control_start(void *context);
static void engine_start(void *context);
static void stop(supervisor *self, int engine_signal);

/* --- listeners --- */

/* What the settings want of the listeners of control. */
static size_t own_wanted(const hgh_settings *settings, size_t which, const hgh_listen **out_listens)
{
    switch (which) {
    case OWN_ADMIN:
        *out_listens = settings->admin_listen;
        return settings->enable_admin ? settings->admin_listen_count : 0;
    case OWN_CONTROL:
        *out_listens = &settings->control_listen;
        return settings->enable_control ? 1 : 0;
    default:
        *out_listens = &settings->status_listen;
        return settings->status_listen.port != 0 ? 1 : 0;
    }
}

static hg_status check_own(supervisor *self, const hgh_settings *settings, hg_error *err)
{
    hg_status status = HG_OK;

    for (size_t i = 0; i < OWN_COUNT && status == HG_OK; i++) {
        const hgh_listen *wanted = NULL;
        size_t count = own_wanted(settings, i, &wanted);

        status = hgh_listener_list_check(&self->own[i], wanted, count, 0, err);
    }
    return status;
}

/* Keeps, closes and opens. */
static hg_status
change_own(supervisor *self, const hgh_settings *settings, int64_t wait_ms, hg_error *err)
{
    hg_status status = HG_OK;

    for (size_t i = 0; i < OWN_COUNT && status == HG_OK; i++) {
        const hgh_listen *wanted = NULL;
        size_t count = own_wanted(settings, i, &wanted);

        status = hgh_listener_list_change(&self->own[i], wanted, count, err);
        if (status == HG_OK) {
            status = hgh_listener_list_open(&self->own[i], wait_ms, err);
        }
    }
    return status;
}

/* --- the children --- */

static void fail(supervisor *self, const char *why)
{
    hgh_log(HG_LOG_ERROR, "%s", why);
    self->exit_code = 1;
    stop(self, SIGTERM);
}

/* --- control --- */

/* Whether there is a state that nginx could serve without control: with a file as its source, none
 * before one was good. */
static bool is_published(const supervisor *self)
{
    char *path = hgh_instance_path(self->instance, FEED_WORD);
    uint64_t word = 0;
    int fd = path == NULL ? -1 : open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    bool has_good = self->settings->config_source == HGH_CONFIG_STORE ||
                    hgh_standalone_report_has_good(self->instance);

    if (fd >= 0) {
        if (read(fd, &word, sizeof(word)) != (ssize_t)sizeof(word)) {
            word = 0;
        }
        (void)close(fd);
    }
    free(path);
    return word != 0 && has_good;
}

static void allow_engine(supervisor *self)
{
    if (!self->engine_allowed && !self->is_stopping) {
        self->engine_allowed = true;
        hgh_event_loop_timer_stop(self->loop, &self->ready_timer);
        engine_start(self);
    }
}

static void on_ready_time(void *context)
{
    supervisor *self = context;
    uint64_t waited_ms = hgh_event_loop_now_ms() - self->begun_ms;

    if (is_published(self)) {
        hgh_log(HG_LOG_WARN,
                "control is not ready after %llu ms: nginx starts on the state that "
                "was published last",
                (unsigned long long)waited_ms);
        allow_engine(self);
    } else if (waited_ms >= READY_MAX_MS) {
        fail(self, "control did not become ready, and no state was ever published: nothing to "
                   "serve");
    } else {
        hgh_event_loop_timer_start(self->loop, &self->ready_timer, READY_GRACE_MS, on_ready_time,
                                   self);
    }
}

static void close_socket(supervisor *self)
{
    if (self->socket >= 0) {
        hgh_event_loop_unwatch(self->loop, self->socket);
        (void)close(self->socket);
        self->socket = -1;
    }
}

/* A signal for a worker, a process whose parent is our nginx, or for a runner. It cannot end and
 * its number be another's between the look and the signal. */
static void signal_worker(const supervisor *self, const char *request)
{
    static const int allowed[] = {HGH_SIGHTING_SIGNAL, SIGABRT, SIGKILL, SIGQUIT};
    int number = 0;
    int pid = 0;
    int fd;
    bool is_ours;

    if (sscanf(request, "signal %d %d", &number, &pid) != 2 || pid <= 1) {
        return;
    }
    fd = pidfd_open(pid, 0);
    is_ours = hgh_runners_have(self->runners, pid) ||
              (self->engine.pid > 0 && hgh_worker_process_parent(pid) == self->engine.pid);
    for (size_t i = 0; fd >= 0 && i < sizeof(allowed) / sizeof(allowed[0]); i++) {
        if (allowed[i] == number && is_ours) {
            (void)pidfd_send_signal(fd, number, NULL, 0); /* it may have ended just now */
        }
    }
    if (fd >= 0) {
        (void)close(fd);
    }
}

static void isolate(supervisor *self, uint64_t generation)
{
    hg_error err = HG_ERROR_INIT;

    if (hgh_runners_isolate(self->runners, self->settings, generation, &err) != HG_OK) {
        hgh_log(HG_LOG_ERROR, "%s", err.text);
    }
}

static void on_control_packet(void *context, uint32_t events)
{
    supervisor *self = context;
    char request[REQUEST_MAX];
    unsigned long long generation = 0;
    ssize_t length = recv(self->socket, request, sizeof(request) - 1, MSG_DONTWAIT);

    (void)events;
    if (length < 0 && (errno == EAGAIN || errno == EINTR)) {
        return;
    }
    if (length <= 0) { /* its end is closed: SIGCHLD says the rest */
        close_socket(self);
        return;
    }
    request[length] = '\0';
    if (strcmp(request, "settings") == 0) {
        hgh_supervisor_answer_settings(self->socket, self->settings);
    } else if (strcmp(request, "secrets") == 0) {
        hgh_supervisor_answer_secrets(self->socket, self->instance, self->settings);
    } else if (strcmp(request, "ready") == 0) {
        self->is_ready = true;
        self->control_failures = 0;
        allow_engine(self);
    } else if (strcmp(request, "renew") == 0) {
        if (self->engine.pid > 0 && !self->is_stopping) {
            (void)kill(self->engine.pid, SIGHUP);
        }
    } else if (strncmp(request, "signal ", strlen("signal ")) == 0) {
        signal_worker(self, request);
    } else if (sscanf(request, "isolate %llu", &generation) == 1) {
        isolate(self, generation);
    } else if (sscanf(request, "keep %llu", &generation) == 1) {
        hgh_runners_keep(self->runners, generation);
    } else if (sscanf(request, "drop %llu", &generation) == 1) {
        hgh_runners_drop(self->runners, generation);
    } else if (strcmp(request, "refused") == 0) {
        if (!self->engine_allowed) {
            fail(self, "nothing to serve: the gateway does not start");
        }
    } else {
        hgh_log(HG_LOG_WARN, "control asks \"%s\", which is not known", request);
    }
}

/* Our end is watched; the other is for the child that is about to start. */
static hg_status open_socket(supervisor *self, int *out_other, hg_error *err)
{
    int size = (int)HGH_SUPERVISOR_PACKET_MAX * 2; /* the kernel's accounting included */
    int ends[2];
    hg_status status;

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) {
        return hg_error_set(err, HG_ERR_IO, "a socket to control: %s", strerror(errno));
    }
    (void)setsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)); /* enough by default */
    status = hgh_event_loop_watch(self->loop, ends[0], EPOLLIN, on_control_packet, self, err);
    if (status != HG_OK) {
        (void)close(ends[0]);
        (void)close(ends[1]);
        return status;
    }
    self->socket = ends[0];
    *out_other = ends[1];
    return HG_OK;
}

/* What control is started with; zero-initialised, the arguments end with NULL. */
typedef struct control_arguments {
    size_t count;
    char *arguments[CONTROL_ARGUMENTS_MAX];
    char options[CONTROL_ARGUMENTS_MAX][20];
    size_t descriptor_count;
    int descriptors[DESCRIPTORS_MAX];
    char numbers[CONTROL_ARGUMENTS_MAX][16]; /* as text, by the index of the descriptor */
} control_arguments;

static void add_option(control_arguments *into, const char *option, char *value)
{
    char *copy = into->options[into->count];

    (void)snprintf(copy, sizeof(into->options[0]), "%s", option);
    into->arguments[into->count++] = copy;
    into->arguments[into->count++] = value;
}

/* An option with a descriptor as its value, if there is one. */
static void add_descriptor(control_arguments *into, const char *option, int descriptor)
{
    char *number = into->numbers[into->descriptor_count];

    if (descriptor >= 0) {
        (void)snprintf(number, sizeof(into->numbers[0]), "%d", descriptor);
        into->descriptors[into->descriptor_count++] = descriptor;
        add_option(into, option, number);
    }
}

static hg_status control_execute(supervisor *self, int socket, hg_error *err)
{
    const hgh_instance *instance = self->instance;
    const hgh_shared *shared = &instance->shared;
    char listen[OWN_COUNT][HGH_LISTENER_LIST_TEXT_MAX];
    char name[] = "hotgate";
    char command[] = "control";
    char watch[] = "--watch-plugins";
    control_arguments arguments = {.arguments = {name, command}, .count = 2};
    hgh_child_plan plan = {
        .program = PROGRAM,
        .arguments = arguments.arguments,
        .descriptors = arguments.descriptors,
        .death_signal = SIGKILL, /* it holds nothing that a kill could harm */
        .change_user = instance->as_root,
        .user = HGH_CONTROL_USER,
        .uid = instance->control_uid,
        .group = instance->group,
    };

    add_option(&arguments, "-p", instance->directory);
    add_option(&arguments, "--config", self->settings->path);
    add_descriptor(&arguments, "--board", shared->board);
    add_descriptor(&arguments, "--arena", shared->arena);
    add_descriptor(&arguments, "--wake", shared->wake);
    add_descriptor(&arguments, "--ack", shared->ack);
    add_descriptor(&arguments, "--supervisor", socket);
    add_descriptor(&arguments, "--listen-local", self->local);
    if (self->settings->enable_admin_on_data_port) {
        add_descriptor(&arguments, "--listen-engine", self->engine_admin);
    }
    if (self->settings->config_source != HGH_CONFIG_STORE) {
        add_option(&arguments, "--standalone", self->settings->config_provider);
    }
    if (self->watches_plugins) {
        arguments.arguments[arguments.count++] = watch;
    }
    for (size_t i = 0; i < OWN_COUNT; i++) {
        arguments.descriptor_count += hgh_listener_list_text(
            &self->own[i], ",", listen[i], arguments.descriptors + arguments.descriptor_count,
            DESCRIPTORS_MAX - arguments.descriptor_count);
        if (listen[i][0] != '\0') {
            add_option(&arguments, own_names[i].option, listen[i]);
        }
    }
    plan.descriptor_count = arguments.descriptor_count;
    return hgh_child_process_start(&plan, &self->control.pid, err);
}

static void control_start(void *context)
{
    supervisor *self = context;
    hg_error err = HG_ERROR_INIT;
    int other = -1;
    hg_status status;

    if (self->is_stopping || self->control.pid > 0) {
        return;
    }
    close_socket(self);
    status = open_socket(self, &other, &err);
    if (status == HG_OK) {
        status = control_execute(self, other, &err);
        (void)close(other);
    }
    if (status != HG_OK) {
        close_socket(self);
        hgh_kept_process_start_failed(&self->control, &err);
        return;
    }
    self->control.started_ms = hgh_event_loop_now_ms();
}

static void control_ended(supervisor *self, pid_t pid, int wait_status)
{
    char text[120];

    close_socket(self);
    self->control_failures++;
    if (!self->is_ready && !self->engine_allowed && !is_published(self) &&
        self->control_failures >= START_FAILURES_MAX) {
        char why[300];

        (void)snprintf(why, sizeof(why),
                       "control could not be started, %u times in a row (%s), and no state was "
                       "ever published: nothing to serve",
                       self->control_failures,
                       hgh_child_process_end_text(wait_status, text, sizeof(text)));
        fail(self, why);
        return;
    }
    hgh_kept_process_restart(&self->control, pid, wait_status);
}

/* --- nginx --- */

static off_t file_length(const supervisor *self, const char *relative)
{
    char *path = hgh_instance_path(self->instance, relative);
    struct stat info = {0};

    if (path != NULL) {
        (void)stat(path, &info); /* absent: 0 */
    }
    free(path);
    return info.st_size;
}

/* What nginx has to say about a start that failed, from its log; "" if nothing. */
static const char *engine_error(const supervisor *self, char line[FIRST_LINE_MAX])
{
    char *path = hgh_instance_path(self->instance, NGINX_FIRST_LOG);
    FILE *file = path == NULL ? NULL : fopen(path, "re");
    bool is_found = false;

    line[0] = '\0';
    if (file != NULL && fseeko(file, self->engine_log_start, SEEK_SET) == 0) {
        while (!is_found && fgets(line, (int)FIRST_LINE_MAX, file) != NULL) {
            is_found = strstr(line, "[emerg]") != NULL;
        }
    }
    if (file != NULL) {
        (void)fclose(file);
    }
    free(path);
    line[is_found ? strcspn(line, "\n") : 0] = '\0';
    return line;
}

/* It writes the file once its configuration is good and its sockets are open. */
static bool engine_has_started(const supervisor *self, pid_t pid)
{
    char *path = hgh_instance_path(self->instance, HGH_NGINX_PID_FILE);
    FILE *file = path == NULL ? NULL : fopen(path, "re");
    char line[32] = "";

    if (file != NULL) {
        if (fgets(line, sizeof(line), file) == NULL) {
            line[0] = '\0';
        }
        (void)fclose(file);
    }
    free(path);
    return line[0] != '\0' && strtol(line, NULL, 10) == (long)pid;
}

static hg_status engine_execute(supervisor *self, hg_error *err)
{
    const hgh_shared *shared = &self->instance->shared;
    int descriptors[DESCRIPTORS_MAX] = {shared->board, shared->arena, shared->wake, shared->ack};
    char listen[HGH_LISTENER_LIST_TEXT_MAX];
    char prefix[PATH_MAX];
    char config[PATH_MAX];
    char log[] = NGINX_FIRST_LOG;
    char options[][4] = {"-p", "-c", "-e"};
    char *arguments[] = {self->nginx, options[0], prefix, options[1],
                         config,      options[2], log,    NULL};
    hgh_child_plan plan = {
        .program = self->nginx,
        .arguments = arguments,
        .descriptors = descriptors,
        .directory = self->instance->directory, /* for a socket whose path may be short then */
        .variable = "NGINX", /* nginx takes the sockets named there instead of opening its own */
        .value = listen,
        .death_signal = SIGTERM, /* it ends its workers; these also watch it */
    };

    if (snprintf(prefix, sizeof(prefix), "%s/", self->instance->directory) >= (int)sizeof(prefix) ||
        snprintf(config, sizeof(config), "%s/%s", self->instance->directory,
                 HGH_NGINX_CONFIG_FILE) >= (int)sizeof(config)) {
        return hg_error_set(err, HG_ERR_INVALID, "the path of the instance is too long for nginx");
    }
    plan.descriptor_count =
        ENGINE_FIXED + hgh_listener_list_text(&self->data, ";", listen, descriptors + ENGINE_FIXED,
                                              DESCRIPTORS_MAX - ENGINE_FIXED);
    return hgh_child_process_start(&plan, &self->engine.pid, err);
}

static void engine_start(void *context)
{
    supervisor *self = context;
    hg_error err = HG_ERROR_INIT;

    if (self->is_stopping || self->engine.pid > 0) {
        return;
    }
    /* After HUP nginx opens new addresses itself; now that it is gone they can be ours. */
    if (hgh_listener_list_open(&self->data, 0, &err) != HG_OK) {
        hgh_log(HG_LOG_WARN, "%s; nginx tries it itself", err.text);
    }
    hgh_local_socket_remove(self->instance->directory,
                            HGH_EXPLAIN_SOCKET); /* of one that was killed */
    if (!self->engine_proven) {
        self->engine_log_start = file_length(self, NGINX_FIRST_LOG);
    }
    if (engine_execute(self, &err) != HG_OK) {
        hgh_kept_process_start_failed(&self->engine, &err);
        return;
    }
    self->engine.started_ms = hgh_event_loop_now_ms();
}

static void engine_ended(supervisor *self, pid_t pid, int wait_status)
{
    bool has_started =
        engine_has_started(self, pid) || (WIFEXITED(wait_status) && WEXITSTATUS(wait_status) == 0);
    char text[120];
    pid_t others[HGH_RUNNERS_MAX + 1];
    size_t count = hgh_runners_pids(self->runners, others);

    /* Its workers are ours now; they serve nothing that anybody controls. */
    others[count] = self->control.pid;
    (void)hgh_child_process_signal_orphans(SIGTERM, others, count + 1);
    self->engine_proven = self->engine_proven || has_started;
    self->engine_failures = has_started ? 0 : self->engine_failures + 1;
    if (!self->engine_proven && self->engine_failures >= START_FAILURES_MAX) {
        char line[FIRST_LINE_MAX];
        char why[FIRST_LINE_MAX + 200];

        (void)snprintf(why, sizeof(why), "nginx could not be started, %u times in a row (%s)%s%s",
                       self->engine_failures,
                       hgh_child_process_end_text(wait_status, text, sizeof(text)),
                       engine_error(self, line)[0] == '\0' ? "" : ": ", line);
        fail(self, why);
        return;
    }
    hgh_kept_process_restart(&self->engine, pid, wait_status);
}

/* --- stopping --- */

/* Waits for what the two left behind: nothing of the gateway outlives its supervisor. */
static void sweep(void *context)
{
    supervisor *self = context;

    while (waitpid(-1, NULL, WNOHANG) > 0) {
    }
    if (hgh_child_process_signal_orphans(SIGKILL, NULL, 0) == 0 ||
        hgh_event_loop_now_ms() >= self->sweep_until_ms) {
        hgh_event_loop_stop(self->loop);
        return;
    }
    hgh_event_loop_timer_start(self->loop, &self->end_timer, 10, sweep, self);
}

/* One step on the way down: nginx first, so that the last requests still have their control and
 * their runners. */
static void stop_further(supervisor *self)
{
    pid_t runners[HGH_RUNNERS_MAX];

    if (self->engine.pid > 0) {
        return;
    }
    hgh_runners_stop(self->runners);
    if (self->control.pid > 0) {
        hgh_kept_process_end(&self->control, SIGTERM, STOP_GRACE_MS);
        return;
    }
    if (hgh_runners_pids(self->runners, runners) > 0) {
        return;
    }
    self->sweep_until_ms = hgh_event_loop_now_ms() + ORPHAN_WAIT_MS;
    hgh_event_loop_timer_start(self->loop, &self->end_timer, 0, sweep, self);
}

static void stop(supervisor *self, int engine_signal)
{
    uint64_t grace_ms = STOP_GRACE_MS;

    if (self->is_stopping) {
        return;
    }
    self->is_stopping = true;
    hgh_event_loop_timer_stop(self->loop, &self->ready_timer);
    hgh_kept_process_give_up(&self->control);
    hgh_kept_process_give_up(&self->engine);
    if (engine_signal == SIGQUIT) {
        grace_ms += (uint64_t)self->settings->worker_shutdown_timeout_ms;
    }
    hgh_kept_process_end(&self->engine, engine_signal, grace_ms);
    stop_further(self);
}

static void on_stop_signal(void *context, int number)
{
    supervisor *self = context;

    if (self->is_stopping) {
        hgh_log(HG_LOG_WARN, "a second signal to stop: all is killed");
        hgh_kept_process_signal(&self->engine, SIGKILL);
        hgh_kept_process_signal(&self->control, SIGKILL);
        hgh_runners_kill(self->runners);
        return;
    }
    hgh_log(HG_LOG_NOTICE, "signal %d (%s): stopping", number, strsignal(number));
    stop(self, number == SIGQUIT ? SIGQUIT : SIGTERM);
}

static void child_ended(supervisor *self, pid_t pid, int wait_status)
{
    hgh_kept_process *one = pid == self->control.pid ? &self->control : &self->engine;

    hgh_kept_process_ended(one);
    if (self->is_stopping) {
        stop_further(self);
    } else if (one == &self->control) {
        control_ended(self, pid, wait_status);
    } else {
        engine_ended(self, pid, wait_status);
    }
}

static void runner_ended(supervisor *self, pid_t pid)
{
    int wait_status = 0;

    (void)kill(-pid, SIGKILL); /* what it has started; the number is still its own */
    if (waitpid(pid, &wait_status, WNOHANG) == pid) {
        hgh_runners_ended(self->runners, pid, wait_status);
    }
    if (self->is_stopping) {
        stop_further(self);
    }
}

static void on_child(void *context, int number)
{
    supervisor *self = context;
    siginfo_t ended = {0};

    (void)number;
    while (waitid(P_ALL, 0, &ended, WEXITED | WNOHANG | WNOWAIT) == 0 && ended.si_pid > 0) {
        pid_t pid = ended.si_pid;
        int wait_status = 0;

        ended.si_pid = 0;
        if (hgh_runners_have(self->runners, pid)) {
            runner_ended(self, pid);
        } else if (waitpid(pid, &wait_status, WNOHANG) == pid &&
                   (pid == self->control.pid || pid == self->engine.pid)) {
            child_ended(self, pid, wait_status); /* others are orphans of theirs: probes, workers */
        }
    }
}

/* --- reloading --- */

static hgh_settings *load_again(supervisor *self)
{
    hg_issues errors = {0};
    hg_issues warnings = {0};
    hg_error err = HG_ERROR_INIT;
    hgh_settings *settings = NULL;
    hg_status status = hgh_settings_load(self->settings->path, &settings, &errors, &warnings);

    for (size_t i = 0; i < errors.count; i++) {
        hgh_log(HG_LOG_ERROR, "%s", errors.items[i].text);
    }
    for (size_t i = 0; i < warnings.count; i++) {
        hgh_log(HG_LOG_WARN, "%s", warnings.items[i].text);
    }
    hgh_issues_done(&errors);
    hgh_issues_done(&warnings);
    if (status == HG_OK) {
        status = hgh_settings_ensure_admin_key(
            settings, settings->path, hgh_instance_contains(self->instance, settings->path), &err);
        if (status != HG_OK) {
            hgh_log(HG_LOG_ERROR, "%s", err.text);
        }
    }
    if (status != HG_OK) {
        hgh_settings_free(settings);
        return NULL;
    }
    return settings;
}

/* What the settings name and nobody opens before control does. */
static hg_status check_secrets(const supervisor *self, const hgh_settings *settings, hg_error *err)
{
    hgh_instance_secrets secrets = {0};
    bool is_new = false;
    hg_status status =
        hgh_instance_secrets_ensure(self->instance->directory, settings, &is_new, err);

    if (is_new) {
        hgh_log(HG_LOG_NOTICE, "a key for the store was generated into %s/" HGH_KEYRING_FILE,
                self->instance->directory);
    }
    if (status == HG_OK) {
        status = hgh_instance_secrets_load(self->instance->directory, settings, &secrets, err);
    }
    hgh_instance_secrets_done(&secrets);
    return status;
}

/* The sockets below run/: control's own, and nginx's if it forwards to control. */
static hg_status open_local(supervisor *self, const hgh_settings *settings, hg_error *err)
{
    const hgh_instance *instance = self->instance;
    hg_status status = HG_OK;

    if (self->local < 0) {
        status = hgh_local_socket_open(instance->directory, HGH_CONTROL_SOCKET, (gid_t)-1,
                                       &self->local, err);
    }
    if (status == HG_OK && settings->enable_admin_on_data_port && self->engine_admin < 0) {
        status = hgh_local_socket_open(instance->directory, HGH_ADMIN_SOCKET, instance->group,
                                       &self->engine_admin, err);
    }
    return status;
}

static void close_local(supervisor *self)
{
    if (self->local >= 0) {
        (void)close(self->local);
        hgh_local_socket_remove(self->instance->directory, HGH_CONTROL_SOCKET);
    }
    if (self->engine_admin >= 0) {
        (void)close(self->engine_admin);
        hgh_local_socket_remove(self->instance->directory, HGH_ADMIN_SOCKET);
    }
}

/* Nothing is changed unless all can be: addresses, and nginx.conf as a whole. */
static hg_status try_settings(supervisor *self, const hgh_settings *settings, hg_error *err)
{
    hg_status status = hgh_listener_list_check(&self->data, settings->data_listen,
                                               settings->data_listen_count, 0, err);

    if (status == HG_OK) {
        status = check_own(self, settings, err);
    }
    if (status == HG_OK) {
        status = check_secrets(self, settings, err);
    }
    if (status == HG_OK) {
        status = open_local(self, settings, err);
    }
    return status == HG_OK ? hgh_nginx_config_write(self->instance, settings, err) : status;
}

/* What cannot change while the gateway runs keeps its value. */
static void keep_fixed(supervisor *self, hgh_settings *settings)
{
    if (settings->shared_memory_bytes != self->settings->shared_memory_bytes) {
        hgh_log(HG_LOG_WARN, "hotgate.shared_memory: counts at the next start");
    }
    if (settings->config_source != self->settings->config_source) {
        char *provider = settings->config_provider;

        hgh_log(HG_LOG_WARN, "where objects come from (deployment.role): counts at the next start");
        settings->config_source = self->settings->config_source;
        settings->config_provider = self->settings->config_provider;
        self->settings->config_provider = provider; /* freed with the rest */
        settings->enable_admin = self->settings->enable_admin;
        settings->enable_admin_on_data_port = self->settings->enable_admin_on_data_port;
    }
    if (self->instance->as_root && strcmp(settings->user, self->settings->user) != 0) {
        char *user = settings->user;

        hgh_log(HG_LOG_WARN, "nginx_config.user: counts at the next start");
        settings->user = self->settings->user;
        self->settings->user = user; /* freed with the rest */
    }
}

static void on_reload_signal(void *context, int number)
{
    supervisor *self = context;
    hg_error err = HG_ERROR_INIT;
    hgh_settings *settings;

    (void)number;
    if (self->is_stopping) {
        return;
    }
    settings = load_again(self);
    if (settings == NULL) {
        hgh_log(HG_LOG_ERROR, "the configuration stays as it was");
        return;
    }
    keep_fixed(self, settings);
    if (try_settings(self, settings, &err) != HG_OK) {
        hgh_log(HG_LOG_ERROR, "the configuration stays as it was: %s", err.text);
        hgh_settings_free(settings);
        return;
    }
    /* A running nginx opens new addresses itself: it takes sockets at its start only. */
    if (hgh_listener_list_change(&self->data, settings->data_listen, settings->data_listen_count,
                                 &err) != HG_OK ||
        change_own(self, settings, 0, &err) != HG_OK) {
        hgh_log(HG_LOG_ERROR, "%s", err.text);
    }
    if (hgh_runners_configure(self->runners, settings, &err) != HG_OK) {
        hgh_log(HG_LOG_ERROR, "%s", err.text);
    }
    hgh_settings_free(self->settings);
    self->settings = settings;
    hgh_log(HG_LOG_NOTICE, "the configuration was read again");
    hgh_kept_process_signal(&self->engine, SIGHUP);
    /* Control holds no traffic: a new one reads the settings and takes the listeners. */
    self->control.restart_at_once = self->control.pid > 0;
    hgh_kept_process_end(&self->control, SIGTERM, STOP_GRACE_MS);
}

static void on_rotate_signal(void *context, int number)
{
    supervisor *self = context;
    hg_error err = HG_ERROR_INIT;

    if (hgh_instance_prepare_log(self->instance, &err) != HG_OK || hgh_log_reopen(&err) != HG_OK) {
        hgh_log(HG_LOG_ERROR, "%s", err.text);
    }
    hgh_kept_process_signal(&self->engine, number);
    hgh_kept_process_signal(&self->control, number);
}

/* --- the whole --- */

static hg_status watch_signals(supervisor *self, hg_error *err)
{
    static const struct {
        int number;
        hgh_event_loop_on_signal call;
    } signals[] = {
        {SIGCHLD, on_child},       {SIGINT, on_stop_signal},   {SIGTERM, on_stop_signal},
        {SIGQUIT, on_stop_signal}, {SIGHUP, on_reload_signal}, {SIGUSR1, on_rotate_signal},
    };
    hg_status status = HG_OK;

    for (size_t i = 0; status == HG_OK && i < sizeof(signals) / sizeof(signals[0]); i++) {
        status = hgh_event_loop_signal(self->loop, signals[i].number, signals[i].call, self, err);
    }
    return status;
}

/* All that can be refused before a process is started. */
static hg_status prepare(supervisor *self, hg_error *err)
{
    char *pid_file = hgh_instance_path(self->instance, HGH_NGINX_PID_FILE);
    hg_status status = hgh_nginx_binary_find(self->settings->nginx_binary, &self->nginx, err);

    if (pid_file != NULL) {
        (void)unlink(pid_file); /* of a gateway that was killed */
    }
    free(pid_file);
    if (status == HG_OK) {
        status = hgh_nginx_binary_check(self->nginx, err);
    }
    if (status == HG_OK) {
        status = hgh_listener_list_change(&self->data, self->settings->data_listen,
                                          self->settings->data_listen_count, err);
    }
    if (status == HG_OK) {
        status = hgh_listener_list_open(&self->data, TAKEN_PORT_WAIT_MS, err);
    }
    if (status == HG_OK) {
        status = change_own(self, self->settings, TAKEN_PORT_WAIT_MS, err);
    }
    if (status == HG_OK) {
        status = check_secrets(self, self->settings, err);
    }
    if (status == HG_OK) {
        status = open_local(self, self->settings, err);
    }
    if (status == HG_OK) {
        status = hgh_shared_memory_make(&self->instance->shared,
                                        (size_t)self->settings->shared_memory_bytes, err);
    }
    if (status == HG_OK) {
        status = hgh_nginx_config_write(self->instance, self->settings, err);
    }
    if (status == HG_OK) {
        status = hgh_event_loop_new(&self->loop, err);
    }
    if (status == HG_OK) {
        status = watch_signals(self, err);
    }
    if (status == HG_OK && prctl(PR_SET_CHILD_SUBREAPER, 1) != 0) {
        status = hg_error_set(err, HG_ERR_IO, "subreaper: %s", strerror(errno));
    }
    if (status == HG_OK) {
        self->runners = hgh_runners_new(self->loop, self->instance);
        status = self->runners == NULL ? hg_error_set(err, HG_ERR_NO_MEMORY, "out of memory")
                                       : hgh_runners_configure(self->runners, self->settings, err);
    }
    return status;
}

static void log_start(const supervisor *self)
{
    char text[HGH_LISTENER_TEXT_MAX];

    hgh_log(HG_LOG_NOTICE,
            "hotgate " HGH_VERSION " with nginx " HGH_NGINX_VERSION ", instance %s%s",
            self->instance->directory,
            self->instance->as_root ? "" : ", all of it as one ordinary user");
    for (size_t i = 0; i < self->data.count; i++) {
        hgh_log(HG_LOG_NOTICE, "data plane on %s",
                hgh_listener_text(&self->data.items[i].listen, text));
    }
    for (size_t which = 0; which < OWN_COUNT; which++) {
        for (size_t i = 0; i < self->own[which].count; i++) {
            hgh_log(HG_LOG_NOTICE, "%s on %s%s", own_names[which].name,
                    hgh_listener_text(&self->own[which].items[i].listen, text),
                    which == OWN_ADMIN && self->settings->https_admin ? ", with TLS" : "");
        }
    }
    if (self->settings->enable_admin_on_data_port) {
        hgh_log(HG_LOG_NOTICE, "Admin API on the data plane, below /apisix/admin/");
    }
}

int hgh_supervisor_run(hgh_instance *instance, hgh_settings *settings, bool watches_plugins)
{
    supervisor self = {
        .instance = instance,
        .settings = settings,
        .watches_plugins = watches_plugins,
        .control = {.name = "control", .start = control_start, .back_off_max_ms = BACK_OFF_MAX_MS},
        .engine = {.name = "nginx", .start = engine_start, .back_off_max_ms = BACK_OFF_MAX_MS},
        .socket = -1,
        .local = -1,
        .engine_admin = -1,
        .begun_ms = hgh_event_loop_now_ms(),
    };
    hg_error err = HG_ERROR_INIT;

    if (prepare(&self, &err) == HG_OK) {
        self.control.loop = self.engine.loop = self.loop;
        self.control.context = self.engine.context = &self;
        log_start(&self);
        hgh_event_loop_timer_start(self.loop, &self.ready_timer, READY_GRACE_MS, on_ready_time,
                                   &self);
        hgh_event_loop_timer_start(self.loop, &self.control.restart, 0, control_start, &self);
        if (hgh_event_loop_run(self.loop, &err) != HG_OK) {
            hgh_log(HG_LOG_ERROR, "%s", err.text);
            self.exit_code = 1;
        }
        hgh_log(HG_LOG_NOTICE, "stopped");
    } else {
        hgh_log(HG_LOG_ERROR, "%s", err.text);
        self.exit_code = 1;
    }
    if (self.loop != NULL) {
        close_socket(&self);
    }
    hgh_runners_free(self.runners);
    hgh_event_loop_free(self.loop);
    hgh_listener_list_close(&self.data);
    for (size_t i = 0; i < OWN_COUNT; i++) {
        hgh_listener_list_close(&self.own[i]);
    }
    close_local(&self);
    hgh_settings_free(self.settings);
    free(self.nginx);
    return self.exit_code;
}
