/* host/core/leftover.c - what of an object the process would still go to after it is gone. */
#include "host/core/leftover.h"

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define ENDING_LOOKS   10      /* a joined thread is listed for a moment longer */
#define ENDING_LOOK_NS 1000000 /* between two of them */
#define NAME_SHOWN     40      /* bytes of a variable's name */

extern char **environ;

/* --------------------------------------------------------------------------------- threads */

void hgh_thread_list_take(hgh_thread_list *list)
{
    DIR *directory = opendir("/proc/self/task");
    const struct dirent *item;

    list->count = 0;
    list->is_whole = directory != NULL;
    while (directory != NULL && (item = readdir(directory)) != NULL) {
        if (item->d_name[0] == '.') {
            continue;
        }
        if (list->count == HGH_LEFTOVER_THREADS) {
            list->is_whole = false;
            break;
        }
        list->ids[list->count++] = (pid_t)strtol(item->d_name, NULL, 10);
    }
    if (directory != NULL) {
        (void)closedir(directory);
    }
}

static bool was_there(const hgh_thread_list *before, pid_t id)
{
    for (size_t i = 0; i < before->count; i++) {
        if (before->ids[i] == id) {
            return true;
        }
    }
    return false;
}

/* The number of threads that are new; one of them in *out_id. */
static size_t threads_new(const hgh_thread_list *before, pid_t *out_id)
{
    hgh_thread_list now;
    size_t count = 0;

    hgh_thread_list_take(&now);
    if (!before->is_whole || !now.is_whole) {
        return 0;
    }
    for (size_t i = 0; i < now.count; i++) {
        if (!was_there(before, now.ids[i])) {
            *out_id = now.ids[i];
            count++;
        }
    }
    return count;
}

static bool thread_find(const hgh_thread_list *before, char text[HGH_LEFTOVER_TEXT])
{
    const struct timespec pause = {0, ENDING_LOOK_NS};
    pid_t id = 0;
    size_t count = threads_new(before, &id);

    for (int i = 0; i < ENDING_LOOKS && count > 0; i++) {
        (void)nanosleep(&pause, NULL);
        count = threads_new(before, &id);
    }
    if (count == 0) {
        return false;
    }
    (void)snprintf(text, HGH_LEFTOVER_TEXT, "%zu thread%s that still run%s (%d)", count,
                   count == 1 ? "" : "s", count == 1 ? "s" : "", (int)id);
    return true;
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

bool hgh_leftover_find(uintptr_t begin,
                       uintptr_t end,
                       const hgh_thread_list *before,
                       char text[HGH_LEFTOVER_TEXT])
{
    return handler_find(begin, end, text) || variable_find(begin, end, text) ||
           buffer_find(begin, end, text) || (before != NULL && thread_find(before, text));
}
