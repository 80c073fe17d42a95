/* host/control/child_process.h - starts a program that dies with the process that started it. */
#ifndef HOST_CONTROL_CHILD_PROCESS_H
#define HOST_CONTROL_CHILD_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include <hotgate/error.h>

/** What to start, and as what. All is borrowed for the call. */
typedef struct hgh_child_plan {
    const char *program;      /* a path; without a '/' it is looked for in PATH */
    char *const *arguments;   /* NULL at the end */
    char *const *environment; /* NULL at the end; or NULL: the caller's */
    const int *descriptors;   /* inherited, under the same numbers; beside 1 and 2 no other is */
    size_t descriptor_count;
    int output;            /* what 1 and 2 are; 0: the caller's */
    const char *directory; /* where it starts; NULL: where the caller is */
    const char *variable;  /* one more variable of the environment, with its value; or NULL */
    const char *value;
    int death_signal; /* what it gets when the calling thread ends */
    bool change_user; /* become `user`, with `group` and the user's other groups */
    const char *user;
    uid_t uid;
    gid_t group;
} hgh_child_plan;

/**
 * Starts it in a process group of its own, so that Ctrl-C reaches it through the caller alone, with
 * nothing on standard input and no signal blocked. What fails after the fork goes to stderr, and
 * the child ends with status 127. Call it from the main thread: death_signal follows the thread.
 * Returns HG_OK or HG_ERR_IO.
 */
hg_status hgh_child_process_start(const hgh_child_plan *plan, pid_t *out_pid, hg_error *err);

/**
 * Sends a signal to all children of this process but those in `except`: what an ended child left
 * behind and this process, a subreaper, has inherited. Returns how many there were.
 */
size_t hgh_child_process_signal_orphans(int number, const pid_t *except, size_t except_count);

/** "exited with status 1", "was killed by signal 9 (Killed)"; borrowed from `buffer`. */
const char *hgh_child_process_end_text(int wait_status, char *buffer, size_t size);

#endif
