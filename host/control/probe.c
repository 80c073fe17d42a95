/* host/control/probe.c - control's side of a probe: starts it, talks to it, tells how it ended. */
#include "host/control/probe.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host/control/control_log.h"
#include "host/control/frame.h"
#include "host/control/probe_confinement.h"
#include "host/control/probe_page.h"
#include "host/core/board.h"
#include "host/core/json_value.h"

#define WHY_BYTES         256u
#define LINES_MAX         50u /* of what it prints, after a message to it; the others are dropped */
#define LINE_BYTES        200u /* of one of them */
#define TAKEN_BYTES       4096u
#define OUTPUT_LEFT_BYTES 65536u /* what a pipe holds */

struct hgh_probe {
    hgh_probe_options options;
    pid_t pid;
    int pid_fd; /* readable when the child has ended */
    int socket;
    int output;            /* what it prints */
    char line[LINE_BYTES]; /* of that, so far */
    size_t line_length;
    unsigned lines;
    hgh_probe_page *page; /* shared with the child */
    uint64_t within_ms;   /* of the deadline that is running */
    bool timed_out;
    bool garbled; /* it sent what is no message */
    bool *freed;  /* while messages are delivered: set when a callback frees the probe */
    hgh_event_loop_timer deadline;
    hgh_frame_buffer in;
    hgh_frame_buffer out;
};

static void probe_watch(hgh_probe *probe);

/* ----------------------------------------------------------------------------------- start */

/* What the child inherits; -1: not open yet. */
typedef struct child_ends {
    int socket;
    int page;
    int output;
} child_ends;

static void ends_close(const child_ends *ends)
{
    const int all[] = {ends->socket, ends->page, ends->output};

    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        if (all[i] >= 0) {
            (void)close(all[i]);
        }
    }
}

/* Between fork and exec: only calls that are safe there. */
static void child_exec(const hgh_probe_options *options,
                       const child_ends *ends,
                       char *const *argv,
                       char *const *environment)
{
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    (void)setpgid(0, 0); /* so that what it starts ends with it */
    if (chdir(options->directory) != 0 || fcntl(ends->socket, F_SETFD, 0) != 0 ||
        fcntl(ends->page, F_SETFD, 0) != 0 || dup2(ends->output, STDOUT_FILENO) < 0 ||
        dup2(ends->output, STDERR_FILENO) < 0) {
        _exit(126);
    }
    (void)execve("/proc/self/exe", argv, environment);
    _exit(127);
}

/* Ours, and that malloc() tells what is in use exactly: what lies in its caches would count. */
static char **environment_make(void)
{
    static char exact[] = "GLIBC_TUNABLES=glibc.malloc.tcache_count=0";
    char **made;
    size_t count = 0;

    while (environ[count] != NULL) {
        count++;
    }
    made = calloc(count + 2, sizeof(*made));
    if (made != NULL) {
        made[0] = exact; /* of two, the first one counts */
        memcpy(made + 1, environ, count * sizeof(*made));
    }
    return made;
}

static hg_status child_start(hgh_probe *probe, const child_ends *ends, hg_error *err)
{
    char socket_text[16];
    char marker_text[16];
    char memory_text[24];
    char *const argv[] = {(char[]){"hotgate"},
                          (char[]){"probe"},
                          (char[]){"--socket"},
                          socket_text,
                          (char[]){"--marker"},
                          marker_text,
                          (char[]){"--shared-memory"},
                          memory_text,
                          probe->options.unconfined ? (char[]){"--unconfined"} : NULL,
                          NULL};
    char **environment;

    (void)snprintf(socket_text, sizeof(socket_text), "%d", ends->socket);
    (void)snprintf(marker_text, sizeof(marker_text), "%d", ends->page);
    (void)snprintf(memory_text, sizeof(memory_text), "%llu",
                   (unsigned long long)probe->options.shared_memory_bytes);
    environment = environment_make();
    probe->pid = environment == NULL ? -1 : fork();
    if (probe->pid == 0) {
        sigset_t none;

        (void)sigemptyset(&none);
        (void)sigprocmask(SIG_SETMASK, &none, NULL); /* control has its signals blocked */
        child_exec(&probe->options, ends, argv, environment);
    }
    if (probe->pid < 0) {
        free(environment);
        return hg_error_set(err, HG_ERR_IO, "probe: fork: %s", strerror(errno));
    }
    free(environment);
    (void)setpgid(probe->pid, probe->pid); /* whoever is first */
    probe->pid_fd = (int)syscall(SYS_pidfd_open, probe->pid, 0);
    if (probe->pid_fd < 0) {
        return hg_error_set(err, HG_ERR_IO, "probe: pidfd_open: %s", strerror(errno));
    }
    return HG_OK;
}

static hg_status page_make(hgh_probe *probe, int *out_fd, hg_error *err)
{
    int fd = memfd_create("hotgate-probe", MFD_CLOEXEC);
    void *memory;

    if (fd < 0 || ftruncate(fd, HGH_PROBE_PAGE_BYTES) != 0) {
        (void)hg_error_set(err, HG_ERR_IO, "probe: memory: %s", strerror(errno));
        if (fd >= 0) {
            (void)close(fd);
        }
        return HG_ERR_IO;
    }
    memory = mmap(NULL, HGH_PROBE_PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (memory == MAP_FAILED) {
        (void)close(fd);
        return hg_error_set(err, HG_ERR_IO, "probe: memory: %s", strerror(errno));
    }
    probe->page = memory;
    *out_fd = fd;
    return HG_OK;
}

hg_status hgh_probe_start(const hgh_probe_options *options, hgh_probe **out_probe, hg_error *err)
{
    hgh_probe *probe = calloc(1, sizeof(*probe));
    int pair[2] = {-1, -1};
    int pipe_ends[2] = {-1, -1};
    child_ends ends = {-1, -1, -1};
    hg_status status;

    if (probe == NULL) {
        return hg_error_set(err, HG_ERR_NO_MEMORY, "probe: out of memory");
    }
    probe->options = *options;
    probe->pid_fd = -1;
    probe->socket = -1;
    probe->output = -1;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0 ||
        pipe2(pipe_ends, O_CLOEXEC) != 0) {
        status = hg_error_set(err, HG_ERR_IO, "probe: socket: %s", strerror(errno));
    } else {
        status = page_make(probe, &ends.page, err);
    }
    probe->socket = pair[0];
    probe->output = pipe_ends[0];
    ends.socket = pair[1];
    ends.output = pipe_ends[1];
    if (status == HG_OK) {
        status = child_start(probe, &ends, err);
    }
    if (status == HG_OK) {
        (void)fcntl(probe->socket, F_SETFL, O_NONBLOCK);
        (void)fcntl(probe->output, F_SETFL, O_NONBLOCK);
        probe_watch(probe);
        *out_probe = probe;
        probe = NULL; /* now the caller's */
    }

    ends_close(&ends);
    hgh_probe_free(probe);
    return status;
}

/* ---------------------------------------------------------------------------------- output */

static void line_log(hgh_probe *probe)
{
    probe->line[probe->line_length] = '\0';
    if (probe->line_length > 0 && probe->lines < LINES_MAX) {
        hgh_utf8_mend(probe->line);
        hgh_log(HG_LOG_NOTICE, "probe: %s", probe->line);
    } else if (probe->line_length > 0 && probe->lines == LINES_MAX) {
        hgh_log(HG_LOG_NOTICE, "probe: what else it prints is left out");
    }
    probe->lines += probe->line_length > 0 ? 1 : 0;
    probe->line_length = 0;
}

/* Takes what the child has printed, at most so much. */
static void output_take(hgh_probe *probe, size_t bytes_max)
{
    char bytes[TAKEN_BYTES];
    ssize_t got;

    while (bytes_max > 0 && (got = read(probe->output, bytes, sizeof(bytes))) > 0) {
        for (ssize_t i = 0; i < got; i++) {
            if (bytes[i] == '\n') {
                line_log(probe);
            } else if (probe->line_length + 1 < sizeof(probe->line)) { /* the rest of it is cut */
                probe->line[probe->line_length++] = bytes[i];
            }
        }
        bytes_max -= bytes_max < (size_t)got ? bytes_max : (size_t)got;
    }
}

static void on_output(void *context, uint32_t events)
{
    hgh_probe *probe = context;

    output_take(probe, TAKEN_BYTES); /* others have their turn */
    if ((events & EPOLLIN) == 0) {
        hgh_event_loop_unwatch(probe->options.loop, probe->output);
    }
}

/* ------------------------------------------------------------------------------------- end */

/* What was being run, and how that ended. */
static void why_format(const hgh_probe *probe, int wait_status, char *into, size_t size)
{
    uint32_t call = hgh_marker_call(atomic_load(&probe->page->marker));
    uint32_t ended_by = atomic_load(&probe->page->ended_by);
    const char *what = call == HGH_CALL_NONE ? "probe" : hgh_call_name(call);

    if (probe->timed_out) {
        (void)snprintf(into, size, "%s: did not return within %llu ms", what,
                       (unsigned long long)probe->within_ms);
    } else if (probe->garbled) {
        (void)snprintf(into, size, "%s: wrote into the connection to the gateway", what);
    } else if (ended_by > 0 && ended_by <= HGH_ACTS) {
        (void)snprintf(into, size, "%s: %s", what, hgh_act_name((hgh_act)(ended_by - 1)));
    } else if (WIFSIGNALED(wait_status) && WTERMSIG(wait_status) == SIGSYS) {
        (void)snprintf(into, size,
                       "%s: called fork or exec with its signals blocked, as system() and "
                       "posix_spawn() do",
                       what);
    } else if (WIFSIGNALED(wait_status)) {
        int number = WTERMSIG(wait_status);

        (void)snprintf(into, size, "%s: %s with signal %d (%s)", what,
                       number == SIGABRT ? "aborted" : "crashed", number, strsignal(number));
    } else {
        (void)snprintf(into, size, "%s: called exit(%d)", what, WEXITSTATUS(wait_status));
    }
    hgh_probe_append_acts(probe->page, into, size);
}

static void probe_unwatch(hgh_probe *probe)
{
    hgh_event_loop_timer_stop(probe->options.loop, &probe->deadline);
    if (probe->socket >= 0) {
        hgh_event_loop_unwatch(probe->options.loop, probe->socket);
        (void)close(probe->socket);
        probe->socket = -1;
    }
    if (probe->output >= 0) {
        hgh_event_loop_unwatch(probe->options.loop, probe->output);
        (void)close(probe->output);
        probe->output = -1;
    }
    if (probe->pid_fd >= 0) {
        hgh_event_loop_unwatch(probe->options.loop, probe->pid_fd);
        (void)close(probe->pid_fd);
        probe->pid_fd = -1;
    }
}

static bool messages_deliver(hgh_probe *probe);

static void on_child_end(void *context, uint32_t events)
{
    hgh_probe *probe = context;
    char why[WHY_BYTES];
    uint32_t object;
    int wait_status = 0;

    (void)events;
    /* Its last words first: they may have arrived in the same turn. */
    (void)hgh_frame_receive(&probe->in, probe->socket);
    /* What it has started and left behind; until it is reaped, its group's number is its own. */
    (void)kill(-probe->pid, SIGKILL);
    (void)waitpid(probe->pid, &wait_status, 0);
    probe->pid = 0;
    why_format(probe, wait_status, why, sizeof(why));
    object = hgh_marker_object(atomic_load(&probe->page->marker));
    output_take(probe, OUTPUT_LEFT_BYTES);
    line_log(probe);
    probe_unwatch(probe);
    if (messages_deliver(probe)) {
        probe->options.on_end(probe->options.context, why, object);
    }
}

static void on_deadline(void *context)
{
    hgh_probe *probe = context;

    probe->timed_out = true;
    (void)kill(-probe->pid, SIGKILL); /* its end is heard of through the descriptor */
}

void hgh_probe_set_deadline(hgh_probe *probe, uint64_t within_ms)
{
    hgh_event_loop_timer_stop(probe->options.loop, &probe->deadline);
    probe->within_ms = within_ms;
    if (within_ms > 0) {
        hgh_event_loop_timer_start(probe->options.loop, &probe->deadline, within_ms, on_deadline,
                                   probe);
    }
}

void hgh_probe_free(hgh_probe *probe)
{
    if (probe == NULL) {
        return;
    }
    if (probe->freed != NULL) {
        *probe->freed = true;
    }
    probe_unwatch(probe);
    if (probe->pid > 0) {
        (void)kill(-probe->pid, SIGKILL);
        (void)kill(probe->pid, SIGKILL);
        (void)waitpid(probe->pid, NULL, 0);
    }
    if (probe->page != NULL) {
        (void)munmap(probe->page, HGH_PROBE_PAGE_BYTES);
    }
    hgh_frame_buffer_done(&probe->in);
    hgh_frame_buffer_done(&probe->out);
    free(probe);
}

/* -------------------------------------------------------------------------------- messages */

/* Delivers what has arrived whole; false: a callback has freed the probe. */
static bool messages_deliver(hgh_probe *probe)
{
    json_t *message = NULL;
    hg_status status;
    bool freed = false;

    probe->freed = &freed;
    while ((status = hgh_frame_take(&probe->in, &message)) == HG_OK && message != NULL) {
        probe->options.on_message(probe->options.context, message);
        json_decref(message);
        if (freed) {
            return false;
        }
    }
    probe->freed = NULL;
    if (status != HG_OK && !probe->garbled) { /* nothing behind it can be made out */
        probe->garbled = true;
        if (probe->socket >= 0) {
            hgh_event_loop_unwatch(probe->options.loop, probe->socket);
        }
        if (probe->pid > 0) {
            (void)kill(-probe->pid, SIGKILL); /* its end is heard of through the descriptor */
        }
    }
    return true;
}

static void on_socket(void *context, uint32_t events);

static void socket_watch(hgh_probe *probe)
{
    uint32_t events = EPOLLIN | (hgh_frame_is_sent(&probe->out) ? 0u : (uint32_t)EPOLLOUT);

    hgh_event_loop_unwatch(probe->options.loop, probe->socket);
    (void)hgh_event_loop_watch(probe->options.loop, probe->socket, events, on_socket, probe, NULL);
}

static void on_socket(void *context, uint32_t events)
{
    hgh_probe *probe = context;

    if ((events & EPOLLOUT) != 0) {
        (void)hgh_frame_send(&probe->out, probe->socket); /* a dead child is heard of elsewhere */
        if (hgh_frame_is_sent(&probe->out)) {
            socket_watch(probe);
        }
    }
    if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0) {
        if (hgh_frame_receive(&probe->in, probe->socket) != HG_OK) {
            hgh_event_loop_unwatch(probe->options.loop, probe->socket); /* it is about to end */
        }
        (void)messages_deliver(probe); /* the last that is done here */
    }
}

static void probe_watch(hgh_probe *probe)
{
    (void)hgh_event_loop_watch(probe->options.loop, probe->socket, EPOLLIN, on_socket, probe, NULL);
    (void)hgh_event_loop_watch(probe->options.loop, probe->output, EPOLLIN, on_output, probe, NULL);
    (void)hgh_event_loop_watch(probe->options.loop, probe->pid_fd, EPOLLIN, on_child_end, probe,
                               NULL);
}

void hgh_probe_send(hgh_probe *probe, const json_t *message)
{
    if (probe->socket < 0 || hgh_frame_append(&probe->out, message) != HG_OK) {
        return;
    }
    probe->lines = 0;
    (void)hgh_frame_send(&probe->out, probe->socket);
    if (!hgh_frame_is_sent(&probe->out)) {
        socket_watch(probe);
    }
}
