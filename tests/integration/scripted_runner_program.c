/* tests/integration/scripted_runner_program.c - a scripted runner as a process of its own.
 *
 * usage: scripted-runner [SOCKET]     or with APISIX_LISTEN_ADDRESS=unix:SOCKET, as a gateway
 * starts it
 *
 * Its plugin `scripted` is told by its configuration what to do. SIGTERM or SIGINT ends it.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/integration/scripted_runner.h"
#include "tests/integration/scripted_told.h"

#define SCHEME "unix:"

int main(int argument_count, char **arguments)
{
    const char *path = argument_count > 1 ? arguments[1] : getenv("APISIX_LISTEN_ADDRESS");
    scripted_runner *runner;
    sigset_t ends;
    int number = 0;

    if (path == NULL) {
        (void)fputs("scripted runner: no socket is named\n", stderr);
        return 2;
    }
    path += strncmp(path, SCHEME, strlen(SCHEME)) == 0 ? strlen(SCHEME) : 0;
    (void)sigemptyset(&ends);
    (void)sigaddset(&ends, SIGTERM);
    (void)sigaddset(&ends, SIGINT);
    (void)sigprocmask(SIG_BLOCK, &ends, NULL); /* in all its threads */
    runner = scripted_runner_start(path, scripted_told, NULL);
    (void)printf("scripted runner listens at %s\n", path);
    (void)fflush(stdout);
    (void)sigwait(&ends, &number);
    scripted_runner_stop(runner);
    return 0;
}
