/* tests/integration/command.h - starts other programs, and waits for what is to become true. */
#ifndef TESTS_INTEGRATION_COMMAND_H
#define TESTS_INTEGRATION_COMMAND_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <hotgate/log.h>

#include "host/core/time_limit.h"

/** What to start, and in which surroundings. */
typedef struct command {
    const char *const *arguments;   /* the program first, searched in PATH; ends with NULL */
    const char *const *environment; /* NAME=VALUE in addition to ours; ends with NULL; or NULL */
    const char *directory;          /* to run in; NULL: ours */
    const char *hide;               /* a folder that it finds empty, if we are root; or NULL */
    const char *only_writes;        /* all else is read-only for it; needs root; or NULL */
    uid_t user;                     /* 0: ours */
    size_t file_max_bytes;          /* no file may grow larger; 0: no limit */
} command;

/** Starts it, with its output going to a descriptor; -1: it cannot be started. */
pid_t command_start(const command *what, int output);

/**
 * Runs it to its end, at most two minutes.
 *
 * out_text  what it printed, owned by the caller; may be NULL.
 * Returns its exit code, 128 and the number of the signal that ended it, or -1.
 */
int command_run(const command *what, char **out_text);

/** Runs a line of shell text and fails the test if that fails. */
HG_PRINTF(1, 2) void shell(const char *format, ...);

/** Milliseconds of a clock that never goes back. */
int64_t clock_ms(void);

/** Waits for the end of a child; -1: it has not come in time. As waitpid() says it. */
int wait_for_end(pid_t child, int64_t timeout_ms);

/** True if a process of that id is there and has not ended. */
bool process_lives(pid_t pid);

/** A file's text, owned by the caller; "" if it cannot be read. */
char *file_read(const char *path);

void file_write(const char *path, const void *data, size_t length);

/** As printf() into memory of the caller's. */
HG_PRINTF(1, 2) char *text_format(const char *format, ...);

/** A new folder below /tmp that all users may enter; owned by the caller. */
char *folder_make(void);

/** Removes a folder with all that is in it, and frees the name. */
void folder_remove(char *path);

/** Removes what folder_make() has made and nobody has removed: a test failed before that. */
void folder_remove_all(void);

/** True if HOTGATE_TEST_SCALE asks for the full counts. */
bool scale_is_full(void);

#define DEADLINE_MS HGH_TIME_LIMIT(20000)

/** Looks again and again until the condition holds; fails the test after DEADLINE_MS. */
#define WAIT_UNTIL(condition)                                                                      \
    do {                                                                                           \
        int64_t wait_deadline_ms = clock_ms() + DEADLINE_MS;                                       \
        while (!(condition)) {                                                                     \
            if (clock_ms() > wait_deadline_ms) {                                                   \
                fail_msg("never true: %s", #condition);                                            \
            }                                                                                      \
            (void)poll(NULL, 0, 5);                                                                \
        }                                                                                          \
    } while (0)

#endif
