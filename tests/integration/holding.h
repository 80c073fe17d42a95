/* tests/integration/holding.h - what a process holds: memory, descriptors, mappings, objects. */
#ifndef TESTS_INTEGRATION_HOLDING_H
#define TESTS_INTEGRATION_HOLDING_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/** What a process holds at one moment. */
typedef struct holding {
    double private_dirty_kib;
    size_t descriptors;
    size_t files;    /* descriptors that are no sockets */
    size_t mappings; /* lines of /proc/PID/maps */
    size_t objects;  /* different staged objects of the plugin that are mapped */
} holding;

/** Looks; `plugin` names the one whose objects are counted. */
holding hold(pid_t pid, const char *plugin);

/** Its `private_dirty_kib` alone; -1: there is no such process. */
double private_dirty_kib_of(pid_t pid);

/** True if a process maps a file below a folder. */
bool maps_file_of(pid_t pid, const char *folder);

#endif
