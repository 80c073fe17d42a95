/* host/core/host_api_random.c - the functions behind <hotgate/random.h>. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "host/core/host_api_internal.h"

/* A kernel that cannot give random bytes to a process that has started does not exist: getrandom()
 * waits only while a machine boots. */
static void fill(void *buffer, size_t size)
{
    char *at = buffer;

    while (size > 0) {
        ssize_t got = getrandom(at, size, 0);

        if (got < 0 && errno != EINTR) {
            abort(); /* identifiers that repeat would be worse */
        }
        if (got > 0) {
            at += got;
            size -= (size_t)got;
        }
    }
}

/* Asked of the kernel in advance, so that an identifier costs no system call. */
static void random_bytes(const hg_host *host, void *buffer, size_t size)
{
    const hgh_plugin *plugin = host->plugin;
    hgh_random *random = &plugin->plugin_host->random;

    if (size > sizeof(random->bytes)) {
        fill(buffer, size);
        return;
    }
    if (random->left < size) {
        fill(random->bytes, sizeof(random->bytes));
        random->left = sizeof(random->bytes);
    }
    random->left -= size;
    memcpy(buffer, random->bytes + random->left, size);
    memset(random->bytes + random->left, 0, size); /* nobody reads them again */
}

static uint64_t random_below(const hg_host *host, uint64_t limit)
{
    uint64_t number;

    if (limit == 0) {
        return 0;
    }
    do { /* the numbers of the incomplete last round would make small ones likelier */
        random_bytes(host, &number, sizeof(number));
    } while (number >= UINT64_MAX - UINT64_MAX % limit);
    return number % limit;
}

const hg_random_api hgh_host_random_api = {
    .size = sizeof(hgh_host_random_api),
    .bytes = random_bytes,
    .below = random_below,
};
