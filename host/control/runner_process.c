/* host/control/runner_process.c - one runner, kept running by the supervisor. */
#include "host/control/runner_process.h"

#include <errno.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "host/control/child_process.h"
#include "host/control/control_log.h"
#include "host/control/kept_process.h"
#include "host/control/runner_output.h"
#include "host/core/time_limit.h"

#define BACK_OFF_MAX_MS 3000u
#define STOP_GRACE_MS   HGH_TIME_LIMIT(1000u) /* from SIGTERM to SIGKILL, as in APISIX */
#define EXIT_TEXT_MAX   120u

struct hgh_runner_process {
    hgh_runner_process_options options;
    char *name;
    hgh_runner_plan plan;
    hgh_runner_plan next; /* once the running one has ended; zero: none */
    hgh_kept_process kept;
    hgh_runner_output output;
    bool is_stopping;
    unsigned starts;
    time_t since_wall_s;
    char last_exit[EXIT_TEXT_MAX]; /* "": it never ended */
};

/* The socket of one that was killed: the next one could not listen there. Anything else that lies
 * there is not ours to remove. */
static void remove_stale_socket(const hgh_runner_process *process)
{
    const char *socket = process->plan.socket;
    char *path =
        socket[0] == '/' ? strdup(socket) : hgh_instance_path(process->options.instance, socket);
    struct stat info;

    if (path != NULL && lstat(path, &info) == 0 && S_ISSOCK(info.st_mode) && unlink(path) != 0) {
        hgh_log(HG_LOG_ERROR, "%s: %s: cannot be removed: %s", process->name, path,
                strerror(errno));
    }
    free(path);
}

/* Whose groups it gets as root; borrowed until the next call. */
static const char *worker_name(const hgh_instance *instance)
{
    const struct passwd *user = instance->as_root ? getpwuid(instance->worker_uid) : NULL;

    return user == NULL ? HGH_WORKER_USER : user->pw_name;
}

static void on_start(void *context)
{
    hgh_runner_process *process = context;
    const hgh_instance *instance = process->options.instance;
    hgh_child_plan plan = {
        .program = process->plan.program,
        .arguments = process->plan.arguments,
        .environment = process->plan.environment,
        .descriptors = process->plan.descriptors,
        .descriptor_count = process->plan.descriptor_count,
        .directory = instance->directory,
        .death_signal = SIGKILL,
        .change_user = instance->as_root,
        .user = worker_name(instance),
        .uid = instance->worker_uid,
        .group = instance->group,
    };
    hg_error err = HG_ERROR_INIT;
    hg_status status;

    if (process->is_stopping || process->kept.pid > 0) {
        return;
    }
    remove_stale_socket(process);
    status = hgh_runner_output_open(&process->output, process->options.loop, process->name,
                                    &plan.output, &err);
    if (status == HG_OK) {
        status = hgh_child_process_start(&plan, &process->kept.pid, &err);
        (void)close(plan.output);
    }
    if (status != HG_OK) {
        hgh_runner_output_close(&process->output);
        hgh_kept_process_start_failed(&process->kept, &err);
        return;
    }
    process->kept.started_ms = hgh_event_loop_now_ms();
    process->since_wall_s = time(NULL);
    process->starts++;
    hgh_log(HG_LOG_NOTICE, "%s: process %ld is started: %s", process->name, (long)process->kept.pid,
            process->plan.program);
    process->options.on_change(process->options.context);
}

hgh_runner_process *hgh_runner_process_new(const hgh_runner_process_options *options,
                                           hgh_runner_plan *plan)
{
    hgh_runner_process *process = calloc(1, sizeof(*process));
    char *name = strdup(options->name);

    if (process == NULL || name == NULL) {
        free(process);
        free(name);
        hgh_runner_plan_done(plan);
        return NULL;
    }
    process->options = *options;
    process->name = name;
    process->plan = *plan;
    process->kept = (hgh_kept_process){
        .loop = options->loop,
        .name = name,
        .start = on_start,
        .context = process,
        .back_off_max_ms = BACK_OFF_MAX_MS,
        .free_restarts = options->free_restarts,
        .has_group = true,
    };
    hgh_event_loop_timer_start(options->loop, &process->kept.restart, 0, on_start, process);
    return process;
}

/* The next plan counts from here on. */
static void take_next(hgh_runner_process *process)
{
    if (process->next.arguments != NULL) {
        hgh_runner_plan_done(&process->plan);
        process->plan = process->next;
        process->next = (hgh_runner_plan){0};
    }
}

void hgh_runner_process_change(hgh_runner_process *process, hgh_runner_plan *plan)
{
    bool ends = process->is_stopping; /* and is started once more then */

    hgh_runner_plan_done(&process->next);
    process->is_stopping = false;
    if (!ends && hgh_runner_plan_equal(&process->plan, plan)) {
        hgh_runner_plan_done(plan);
        return;
    }
    process->next = *plan;
    process->kept.back_off_ms = 0;
    if (process->kept.pid > 0) {
        process->kept.restart_at_once = true;
        if (!ends) {
            hgh_kept_process_end(&process->kept, SIGTERM, STOP_GRACE_MS);
        }
    } else {
        take_next(process);
        hgh_event_loop_timer_start(process->options.loop, &process->kept.restart, 0, on_start,
                                   process);
    }
}

void hgh_runner_process_stop(hgh_runner_process *process)
{
    if (!process->is_stopping) {
        process->is_stopping = true;
        hgh_kept_process_give_up(&process->kept);
        hgh_kept_process_end(&process->kept, SIGTERM, STOP_GRACE_MS);
    }
}

bool hgh_runner_process_is_stopping(const hgh_runner_process *process)
{
    return process->is_stopping;
}

void hgh_runner_process_kill(const hgh_runner_process *process)
{
    hgh_kept_process_signal(&process->kept, SIGKILL);
}

pid_t hgh_runner_process_pid(const hgh_runner_process *process)
{
    return process->kept.pid;
}

void hgh_runner_process_ended(hgh_runner_process *process, int wait_status)
{
    pid_t pid = process->kept.pid;

    hgh_kept_process_ended(&process->kept);
    hgh_runner_output_close(&process->output);
    (void)hgh_child_process_end_text(wait_status, process->last_exit, sizeof(process->last_exit));
    if (process->is_stopping) {
        hgh_log(HG_LOG_NOTICE, "%s (process %ld) %s", process->name, (long)pid, process->last_exit);
        remove_stale_socket(process);
    } else {
        take_next(process);
        hgh_kept_process_restart(&process->kept, pid, wait_status);
    }
    process->options.on_change(process->options.context);
}

json_t *hgh_runner_process_json(const hgh_runner_process *process)
{
    bool runs = process->kept.pid > 0;

    /* Nobody needs a key to see it: arguments may be secret. */
    return json_pack("{s:s, s:o, s:o, s:I, s:s?, s:s, s:s}", "name", process->name, "pid",
                     runs ? json_integer((json_int_t)process->kept.pid) : json_null(), "since",
                     runs ? json_integer((json_int_t)process->since_wall_s) : json_null(),
                     "restarts", (json_int_t)(process->starts > 0 ? process->starts - 1 : 0),
                     "last_exit", process->last_exit[0] == '\0' ? NULL : process->last_exit,
                     "program", process->plan.arguments[0], "socket", process->plan.socket);
}

void hgh_runner_process_free(hgh_runner_process *process)
{
    if (process == NULL) {
        return;
    }
    hgh_kept_process_give_up(&process->kept);
    hgh_runner_output_close(&process->output);
    hgh_runner_plan_done(&process->plan);
    hgh_runner_plan_done(&process->next);
    free(process->name);
    free(process);
}
