/* host/control/worker_process.c - what the system says of a worker's process: proc(5), cgroups(7).
 */
#include "host/control/worker_process.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TEXT_MAX 1024u

static bool text_read(const char *path, char text[TEXT_MAX])
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t length = fd < 0 ? -1 : read(fd, text, TEXT_MAX - 1);

    if (fd >= 0) {
        (void)close(fd);
    }
    text[length < 0 ? 0 : length] = '\0';
    return length > 0;
}

/* State and parent stand behind the name, which may hold anything but is the only thing in
 * parentheses at the end. */
static bool stat_read(pid_t pid, char *out_state, int *out_parent)
{
    char path[64];
    char text[TEXT_MAX];
    const char *behind;

    (void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    if (pid <= 0 || !text_read(path, text)) {
        return false;
    }
    behind = strrchr(text, ')');
    return behind != NULL && sscanf(behind, ") %c %d", out_state, out_parent) == 2;
}

bool hgh_worker_process_is_stopped(pid_t pid)
{
    char state;
    int parent;

    return stat_read(pid, &state, &parent) && (state == 'T' || state == 't');
}

pid_t hgh_worker_process_parent(pid_t pid)
{
    char state;
    int parent;

    return stat_read(pid, &state, &parent) ? parent : 0;
}

uint64_t hgh_worker_process_memory(pid_t pid)
{
    char path[64];
    char text[TEXT_MAX];
    unsigned long long total;
    unsigned long long resident;
    unsigned long long shared;

    (void)snprintf(path, sizeof(path), "/proc/%d/statm", (int)pid);
    if (pid <= 0 || !text_read(path, text) ||
        sscanf(text, "%llu %llu %llu", &total, &resident, &shared) != 3 || resident < shared) {
        return 0;
    }
    return (resident - shared) * (uint64_t)sysconf(_SC_PAGESIZE);
}

/* The limit of our own control group (version 2) and of those above it; 0: there is none. */
static uint64_t group_limit(void)
{
    char text[TEXT_MAX];
    char path[TEXT_MAX + 64];
    uint64_t least = 0;
    char *end;

    if (!text_read("/proc/self/cgroup", text) || strncmp(text, "0::", 3) != 0) {
        return 0;
    }
    end = strchr(text, '\n');
    if (end != NULL) {
        *end = '\0';
    }
    for (;;) {
        char limit[TEXT_MAX];
        char *slash;

        (void)snprintf(path, sizeof(path), "/sys/fs/cgroup%s/memory.max", text + 3);
        if (text_read(path, limit) && limit[0] >= '0' && limit[0] <= '9') {
            uint64_t bytes = strtoull(limit, NULL, 10);

            least = least == 0 || bytes < least ? bytes : least;
        }
        slash = strrchr(text + 3, '/');
        if (slash == NULL) {
            return least;
        }
        *slash = '\0';
    }
}

uint64_t hgh_machine_memory(void)
{
    long pages = sysconf(_SC_PHYS_PAGES);
    uint64_t all = pages <= 0 ? 0 : (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE);
    uint64_t group = group_limit();

    return group != 0 && (all == 0 || group < all) ? group : all;
}
