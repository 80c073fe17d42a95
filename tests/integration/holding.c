/* tests/integration/holding.c - what a process holds: memory, descriptors, mappings, objects. */
#include "tests/integration/holding.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/integration/command.h"
#include "tests/unit/unit.h"

double private_dirty_kib_of(pid_t pid)
{
    char path[64];
    char *text;
    const char *line;
    double kib = -1;

    (void)snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", (int)pid);
    text = file_read(path);
    line = strstr(text, "Private_Dirty:");
    if (line != NULL) {
        kib = strtod(line + strlen("Private_Dirty:"), NULL);
    }
    free(text);
    return kib;
}

static void read_descriptors(pid_t pid, holding *into)
{
    char path[64];
    DIR *all;
    const struct dirent *entry;

    (void)snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
    all = opendir(path);
    assert_non_null(all);
    while ((entry = readdir(all)) != NULL) {
        char target[256];
        ssize_t length = readlinkat(dirfd(all), entry->d_name, target, sizeof(target) - 1);

        if (length > 0) {
            into->descriptors++;
            into->files += strncmp(target, "socket:", strlen("socket:")) != 0;
        }
    }
    (void)closedir(all);
}

static void read_mappings(pid_t pid, const char *plugin, holding *into)
{
    char path[64];
    char staged[80];
    char *text;
    char *state = NULL;
    char last[512] = "";

    (void)snprintf(path, sizeof(path), "/proc/%d/maps", (int)pid);
    (void)snprintf(staged, sizeof(staged), "/staging/%s.", plugin);
    text = file_read(path);
    for (char *line = strtok_r(text, "\n", &state); line != NULL;
         line = strtok_r(NULL, "\n", &state)) {
        const char *object = strstr(line, staged);

        into->mappings++;
        if (object != NULL && strcmp(object, last) != 0) { /* its segments stand together */
            into->objects++;
            (void)snprintf(last, sizeof(last), "%s", object);
        }
    }
    free(text);
}

holding hold(pid_t pid, const char *plugin)
{
    holding now = {.private_dirty_kib = private_dirty_kib_of(pid)};

    read_descriptors(pid, &now);
    read_mappings(pid, plugin, &now);
    return now;
}

bool maps_file_of(pid_t pid, const char *folder)
{
    char path[64];
    char *text;
    bool maps;

    (void)snprintf(path, sizeof(path), "/proc/%d/maps", (int)pid);
    text = file_read(path);
    maps = strstr(text, folder) != NULL;
    free(text);
    return maps;
}
