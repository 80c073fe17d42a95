/* host/control/child_process.c - starts a program that dies with the process that started it. */
#include "host/control/child_process.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHILDREN_MAX 65536u /* bytes of the kernel's list */

static bool become_user(const hgh_child_plan *plan)
{
    return !plan->change_user || (initgroups(plan->user, plan->group) == 0 &&
                                  setresgid(plan->group, plan->group, plan->group) == 0 &&
                                  setresuid(plan->uid, plan->uid, plan->uid) == 0);
}

static bool inherit(const hgh_child_plan *plan)
{
    for (size_t i = 0; i < plan->descriptor_count; i++) {
        if (fcntl(plan->descriptors[i], F_SETFD, 0) != 0) {
            return false;
        }
    }
    return true;
}

static bool set_standard(const hgh_child_plan *plan)
{
    int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);

    return nothing >= 0 && dup2(nothing, STDIN_FILENO) == STDIN_FILENO &&
           (plan->output == 0 || (dup2(plan->output, STDOUT_FILENO) == STDOUT_FILENO &&
                                  dup2(plan->output, STDERR_FILENO) == STDERR_FILENO));
}

/* What whoever started this process has left open stays here. */
static void close_others(void)
{
    (void)close_range(STDERR_FILENO + 1, UINT_MAX, CLOSE_RANGE_CLOEXEC); /* since Linux 5.11 */
}

static _Noreturn void become_child(const hgh_child_plan *plan, pid_t parent)
{
    sigset_t none;

    (void)sigemptyset(&none);
    (void)setpgid(0, 0);
    (void)signal(SIGPIPE, SIG_DFL);
    close_others();
    if ((plan->directory == NULL || chdir(plan->directory) == 0) && become_user(plan) &&
        prctl(PR_SET_PDEATHSIG, plan->death_signal) == 0 && set_standard(plan) && inherit(plan) &&
        (plan->variable == NULL || setenv(plan->variable, plan->value, 1) == 0) &&
        sigprocmask(SIG_SETMASK, &none, NULL) == 0) {
        if (getppid() != parent) { /* it ended before the signal was asked for */
            _exit(127);
        }
        (void)execvpe(plan->program, plan->arguments,
                      plan->environment == NULL ? environ : plan->environment);
    }
    (void)dprintf(STDERR_FILENO, "%s: %s\n", plan->program, strerror(errno));
    _exit(127);
}

hg_status hgh_child_process_start(const hgh_child_plan *plan, pid_t *out_pid, hg_error *err)
{
    pid_t parent = getpid();
    pid_t child = fork();

    if (child < 0) {
        return hg_error_set(err, HG_ERR_IO, "%s: no process: %s", plan->program, strerror(errno));
    }
    if (child == 0) {
        become_child(plan, parent);
    }
    *out_pid = child;
    return HG_OK;
}

static bool is_one_of(pid_t pid, const pid_t *pids, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (pids[i] == pid) {
            return true;
        }
    }
    return false;
}

size_t hgh_child_process_signal_orphans(int number, const pid_t *except, size_t except_count)
{
    char *list = malloc(CHILDREN_MAX);
    int fd = open("/proc/thread-self/children", O_RDONLY | O_CLOEXEC);
    size_t count = 0;
    ssize_t length = -1;
    char *at = list;

    if (list != NULL && fd >= 0) {
        length = read(fd, list, CHILDREN_MAX - 1);
    }
    if (length > 0 && list != NULL) {
        list[length] = '\0';
        for (;;) {
            char *end = NULL;
            long pid = strtol(at, &end, 10);

            if (end == at) {
                break;
            }
            at = end;
            if (pid > 1 && !is_one_of((pid_t)pid, except, except_count)) {
                (void)kill((pid_t)pid, number);
                count++;
            }
        }
    }
    if (fd >= 0) {
        (void)close(fd);
    }
    free(list);
    return count;
}

const char *hgh_child_process_end_text(int wait_status, char *buffer, size_t size)
{
    if (WIFSIGNALED(wait_status)) {
        (void)snprintf(buffer, size, "was killed by signal %d (%s)%s", WTERMSIG(wait_status),
                       strsignal(WTERMSIG(wait_status)),
                       WCOREDUMP(wait_status) ? ", core dumped" : "");
    } else {
        (void)snprintf(buffer, size, "exited with status %d", WEXITSTATUS(wait_status));
    }
    return buffer;
}
