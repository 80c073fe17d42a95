/* host/core/failpoint.c - places where a test ends or stops a process, to see what is left of it.
 */
#include "host/core/failpoint.h"

#ifdef HGH_FAILPOINTS

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PATH_SIZE 512u

static void hit_note(const char *plan, const char *name)
{
    char path[PATH_SIZE];
    char line[PATH_SIZE];
    int length = snprintf(line, sizeof(line), "%s\n", name);
    int fd;

    (void)snprintf(path, sizeof(path), "%s.hits", plan);
    fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
    if (fd >= 0) {
        ssize_t written = write(fd, line, (size_t)length);

        (void)written; /* the test misses it, and says so */
        (void)close(fd);
    }
}

void hgh_failpoint(const char *name)
{
    const char *plan = getenv("HOTGATE_FAILPOINTS");
    char wanted[64] = "";
    char action[16] = "";
    FILE *file;

    if (plan == NULL) {
        return;
    }
    hit_note(plan, name);
    file = fopen(plan, "re");
    if (file == NULL) {
        return;
    }
    if (fscanf(file, "%63s %15s", wanted, action) == 2 && strcmp(wanted, name) == 0 &&
        unlink(plan) == 0) {
        (void)raise(strcmp(action, "stop") == 0 ? SIGSTOP : SIGKILL);
    }
    (void)fclose(file);
}

#else

typedef int hgh_failpoint_is_off; /* a file of C declares something */

#endif
