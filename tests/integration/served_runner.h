/* tests/integration/served_runner.h - a real `hotgate runner` with objects that a test builds. */
#ifndef TESTS_INTEGRATION_SERVED_RUNNER_H
#define TESTS_INTEGRATION_SERVED_RUNNER_H

#include <stdbool.h>
#include <sys/types.h>

typedef struct served_runner {
    char *folder;  /* plugins, socket and log are below it */
    char *plugins; /* the directory */
    char *path;    /* of the socket */
    char *listen;  /* the same as an address */
    char *log;
    pid_t pid; /* 0: it does not run */
} served_runner;

/** Makes the folder; nothing runs yet. */
void runner_make(served_runner *self);

/** Builds tests/plugins/SOURCE.c and puts it into the directory as NAME.so, in one step. */
void runner_install(const served_runner *self,
                    const char *source,
                    const char *name,
                    const char *flags);

/** Starts it and waits until it listens; further arguments end with NULL, or there are none. */
void runner_start(served_runner *self, const char *const *arguments);

/** Sends a signal and returns how it ended, as waitpid() says it; -1: not within the time. */
int runner_stop(served_runner *self, int number);

/** True if its log has that text. */
bool runner_logged(const served_runner *self, const char *text);

/** Kills what runs, and removes the folder. */
void runner_done(served_runner *self);

#endif
