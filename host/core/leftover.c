/* host/core/leftover.c - what of an object the process would still go to after it is gone. */
#include "host/core/leftover.h"

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "host/core/offload.h"

#define ENDING_LOOKS   10      /* a joined thread is listed for a moment longer */
#define ENDING_LOOK_NS 1000000 /* between two of them */
#define NAME_SHOWN     40      /* bytes of a variable's name */

extern char **environ;

/* --------------------------------------------------------------------------------- threads */

/* All there are; false: they could not be listed, or are too many. */
static bool threads_list(pid_t ids[HGH_LEFTOVER_THREADS], size_t *out_count)
{
    DIR *directory = opendir("/proc/self/task");
    const struct dirent *item;
    size_t count = 0;

    if (directory == NULL) {
        return false;
    }
    while ((item = readdir(directory)) != NULL) {
        if (item->d_name[0] != '.' && count < HGH_LEFTOVER_THREADS) {
            ids[count] = (pid_t)strtol(item->d_name, NULL, 10);
        }
        count += item->d_name[0] != '.' ? 1 : 0;
    }
    (void)closedir(directory);
    *out_count = count;
    return count <= HGH_LEFTOVER_THREADS;
}

static uint32_t owner_of(const hgh_thread_watch *watch, pid_t id, uint32_t otherwise)
{
    for (size_t i = 0; i < watch->count; i++) {
        if (watch->ids[i] == id) {
            return watch->owners[i];
        }
    }
    return otherwise;
}

void hgh_thread_watch_note(hgh_thread_watch *watch, uint32_t owner)
{
    hgh_thread_watch now = {.has_begun = true};

    if (threads_list(now.ids, &now.count)) {
        for (size_t i = 0; i < now.count; i++) {
            now.owners[i] =
                owner_of(watch, now.ids[i], watch->has_begun ? owner : HGH_THREAD_OF_HOST);
        }
        *watch = now;
    }
}

/* How many of them still run; one of them in *out_id. */
static size_t
threads_of(hgh_thread_watch *watch, uint32_t owner, const hgh_offload *offload, pid_t *out_id)
{
    size_t count = 0;

    hgh_thread_watch_note(watch, HGH_THREAD_OF_UNKNOWN);
    for (size_t i = 0; i < watch->count; i++) {
        if ((watch->owners[i] == owner || watch->owners[i] == HGH_THREAD_OF_UNKNOWN) &&
            hgh_offload_marker(offload, watch->ids[i]) == NULL) {
            *out_id = watch->ids[i];
            count++;
        }
    }
    return count;
}

bool hgh_thread_watch_find(hgh_thread_watch *watch,
                           uint32_t owner,
                           const hgh_offload *offload,
                           char text[HGH_LEFTOVER_TEXT])
{
    const struct timespec pause = {0, ENDING_LOOK_NS};
    pid_t id = 0;
    size_t count = threads_of(watch, owner, offload, &id);

    for (int i = 0; i < ENDING_LOOKS && count > 0; i++) {
        (void)nanosleep(&pause, NULL);
        count = threads_of(watch, owner, offload, &id);
    }
    if (count > 0) {
        (void)snprintf(text, HGH_LEFTOVER_TEXT, "%zu thread%s that still run%s (%d)", count,
                       count == 1 ? "" : "s", count == 1 ? "s" : "", (int)id);
    }
    return count > 0;
}

/* ----------------------------------------------------------------------------------- range */

static bool is_in(uintptr_t address, uintptr_t begin, uintptr_t end)
{
    return address >= begin && address < end;
}

static bool handler_find(uintptr_t begin, uintptr_t end, char text[HGH_LEFTOVER_TEXT])
{
    for (int number = 1; number <= SIGRTMAX; number++) {
        struct sigaction action;

        if (sigaction(number, NULL, &action) == 0 &&
            (is_in((uintptr_t)action.sa_handler, begin, end) ||
             is_in((uintptr_t)action.sa_sigaction, begin, end))) {
            (void)snprintf(text, HGH_LEFTOVER_TEXT, "a handler of signal %d (%s)", number,
                           strsignal(number));
            return true;
        }
    }
    return false;
}

static bool variable_find(uintptr_t begin, uintptr_t end, char text[HGH_LEFTOVER_TEXT])
{
    if (is_in((uintptr_t)environ, begin, end)) {
        (void)snprintf(text, HGH_LEFTOVER_TEXT, "the environment");
        return true;
    }
    for (char **at = environ; at != NULL && *at != NULL; at++) {
        if (is_in((uintptr_t)*at, begin, end)) {
            (void)snprintf(
                text, HGH_LEFTOVER_TEXT, "the variable %.*s of the environment",
                (int)strnlen(*at, strcspn(*at, "=") < NAME_SHOWN ? strcspn(*at, "=") : NAME_SHOWN),
                *at);
            return true;
        }
    }
    return false;
}

static bool buffer_find(uintptr_t begin, uintptr_t end, char text[HGH_LEFTOVER_TEXT])
{
    const FILE *const streams[] = {stdin, stdout, stderr};
    static const char *const names[] = {"stdin", "stdout", "stderr"};

    for (size_t i = 0; i < sizeof(streams) / sizeof(streams[0]); i++) {
        if (is_in((uintptr_t)streams[i]->_IO_buf_base, begin, end)) {
            (void)snprintf(text, HGH_LEFTOVER_TEXT, "the buffer of %s", names[i]);
            return true;
        }
    }
    return false;
}

bool hgh_leftover_find(uintptr_t begin, uintptr_t end, char text[HGH_LEFTOVER_TEXT])
{
    return handler_find(begin, end, text) || variable_find(begin, end, text) ||
           buffer_find(begin, end, text);
}
