/* host/runner/resolver.c - addresses of names, by the system's resolver on the host's threads. */
#include "host/runner/resolver.h"

#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "host/core/address.h"
#include "host/core/map.h"

#define ADDRESSES_MAX 8u
#define TTL_S         30u /* the system's resolver does not say how long an answer holds */

struct hgh_lookup {
    hgh_resolver *resolver;
    hgh_lookup *next;
    hgh_lookup **at;
    hgh_job job;
    hgh_resolved done; /* NULL: given up */
    void *context;
    hg_status status;
    hg_address addresses[ADDRESSES_MAX];
    size_t count;
    char name[];
};

/* On a thread. */
static void look_up(void *argument)
{
    hgh_lookup *lookup = argument;
    const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;

    lookup->status = HG_ERR_NOT_FOUND;
    if (getaddrinfo(lookup->name, NULL, &hints, &found) != 0) {
        return;
    }
    for (const struct addrinfo *at = found; at != NULL && lookup->count < ADDRESSES_MAX;
         at = at->ai_next) {
        hg_address *address = &lookup->addresses[lookup->count];

        hgh_address_from_sockaddr(at->ai_addr, address);
        lookup->count += address->family != HG_ADDRESS_NONE;
    }
    freeaddrinfo(found);
    lookup->status = lookup->count > 0 ? HG_OK : HG_ERR_NOT_FOUND;
}

static void lookup_free(hgh_lookup *lookup)
{
    *lookup->at = lookup->next;
    if (lookup->next != NULL) {
        lookup->next->at = lookup->at;
    }
    free(lookup);
}

static void over(hgh_job *job)
{
    hgh_lookup *lookup = HGH_CONTAINER_OF(job, hgh_lookup, job);

    if (lookup->done != NULL) {
        lookup->done(lookup->context, lookup->status, lookup->addresses, lookup->count, TTL_S);
    }
    lookup_free(lookup);
}

hgh_lookup *hgh_lookup_new(hgh_resolver *resolver, hg_text name, hgh_resolved done, void *context)
{
    hgh_lookup *lookup = calloc(1, sizeof(*lookup) + name.length + 1);

    if (lookup == NULL) {
        return NULL;
    }
    memcpy(lookup->name, name.data, name.length);
    lookup->resolver = resolver;
    lookup->done = done;
    lookup->context = context;
    lookup->job = (hgh_job){.function = look_up, .argument = lookup, .over = over};
    if (hgh_offload_begin(resolver->offload, &lookup->job) != HG_OK) {
        free(lookup);
        return NULL;
    }
    lookup->at = &resolver->lookups;
    lookup->next = resolver->lookups;
    if (lookup->next != NULL) {
        lookup->next->at = &lookup->next;
    }
    resolver->lookups = lookup;
    return lookup;
}

void hgh_lookup_cancel(hgh_lookup *lookup)
{
    if (lookup == NULL) {
        return;
    }
    lookup->done = NULL;
    if (hgh_offload_take_back(lookup->resolver->offload, &lookup->job, false)) {
        lookup_free(lookup);
    }
}

void hgh_resolver_done(hgh_resolver *resolver)
{
    while (resolver->lookups != NULL) {
        (void)hgh_offload_take_back(resolver->offload, &resolver->lookups->job, true);
        lookup_free(resolver->lookups);
    }
}
