/* tests/integration/runner_process.h - a real `hotgate runner` with objects that a test builds. */
#ifndef TESTS_INTEGRATION_RUNNER_PROCESS_H
#define TESTS_INTEGRATION_RUNNER_PROCESS_H

#include <stdbool.h>
#include <sys/types.h>

typedef struct runner_process {
    char *folder;  /* plugins, socket and log are below it */
    char *plugins; /* the directory */
    char *path;    /* of the socket */
    char *log;
    pid_t pid; /* 0: it does not run */
} runner_process;

/** Makes the folder; nothing runs yet. */
void runner_make(runner_process *self);

/** Builds tests/plugins/SOURCE.c and puts it into the directory as NAME.so, in one step. */
void runner_install(const runner_process *self,
                    const char *source,
                    const char *name,
                    const char *flags);

/** Starts it and waits until it listens; further arguments end with NULL, or there are none. */
void runner_start(runner_process *self, const char *const *arguments);

/** Sends a signal and returns how it ended, as waitpid() says it; -1: not within the time. */
int runner_stop(runner_process *self, int number);

/** True if its log has that text. */
bool runner_logged(const runner_process *self, const char *text);

/** Kills what runs, and removes the folder. */
void runner_done(runner_process *self);

#endif
