/* host/core/chain.h - the plugins of a request, compiled: one array of callbacks a phase.
 *
 * A chain belongs to a route, or to a route and a consumer. It is made on first use from the JSON
 * of the participating objects and cached; running a phase is a walk over an array.
 */
#ifndef HOST_CORE_CHAIN_H
#define HOST_CORE_CHAIN_H

#include <stdbool.h>
#include <stdint.h>

#include "host/core/configuration.h"
#include "host/core/generation.h"
#include "host/core/map.h"
#include "host/core/resource.h"

#define HGH_CHAINS_MAX 8192u /* cached by a worker */
#define HGH_PHASES     (HG_PHASE_LOG + 1)

typedef hg_verdict (*hgh_request_callback)(hg_request *request, const void *config);
typedef void (*hgh_response_callback)(hg_request *request, const void *config);
typedef void (*hgh_body_callback)(hg_request *request, hg_chunk *chunk, const void *config);

/** One callback of one plugin. Small: a request walks over all of them. */
typedef struct hgh_step {
    union {
        hgh_request_callback on_request;   /* rewrite, access, before_proxy */
        hgh_response_callback on_response; /* header_filter, log */
        hgh_body_callback on_body;         /* body_filter, delayed_body_filter */
    } call;
    const void *state; /* of the configuration */
    uint32_t marker;   /* hgh_marker_make(0, plugin, phase) */
    bool waits;        /* runs on a coroutine */
} hgh_step;

typedef struct hgh_steps {
    uint32_t count;
    const hgh_step *items;
} hgh_steps;

/** A cached chain in the list of one object that takes part in it. */
typedef struct hgh_chain_link {
    struct hgh_chain *chain;
    struct hgh_chain_link *next;
    struct hgh_chain_link **at; /* what points here */
} hgh_chain_link;

#define HGH_CHAIN_OBJECTS 3u /* route, service, consumer */

/** Shared by the cache and the requests that run on it. Immutable but for the cache's links. */
typedef struct hgh_chain {
    uint32_t references;
    hgh_generation *generation; /* a reference, as are the next three */
    hgh_route *route;
    hgh_service *service;         /* NULL: none */
    hg_consumer *consumer;        /* NULL: none */
    hgh_steps phases[HGH_PHASES]; /* with a consumer, rewrite has that consumer's plugins only */
    uint32_t configuration_count;
    hgh_configuration **configurations; /* references: of the steps, and the consumer's own keys */
    char *unavailable;                  /* why requests get 503 instead; NULL: all is well */
    hgh_step *steps;                    /* owns what the phases point to */
    const hgh_configuration **step_configurations; /* owned; beside `steps`, one each */
    uint64_t prepared; /* serial of the preparation that has decoded its configurations again */

    struct hgh_chain *newer; /* least recently used list of the cache */
    struct hgh_chain *older;
    hgh_map_node node; /* with a consumer: in the cache's map */
    const void *key[2];
    hgh_chain_link links[HGH_CHAIN_OBJECTS];
} hgh_chain;

/** The configuration that a step of this chain runs with; borrowed from the chain. */
static inline const hgh_configuration *hgh_chain_configuration(const hgh_chain *chain,
                                                               const hgh_step *step)
{
    return chain->step_configurations[step - chain->steps];
}

/**
 * Compiles a chain.
 *
 * out_chain  on HG_OK one reference of the caller's: also when a plugin is not available, which
 *            the chain then says. Else untouched.
 */
hg_status hgh_chain_compile(hgh_generation *generation,
                            hgh_route *route,
                            hgh_service *service,
                            hg_consumer *consumer,
                            hgh_chain **out_chain,
                            hg_error *err);

static inline hgh_chain *hgh_chain_ref(hgh_chain *chain)
{
    chain->references++;
    return chain;
}

/** Accepts NULL. Never called from inside a call into a plugin. */
void hgh_chain_unref(hgh_chain *chain);

/** The chains of one process that requests are likely to need again. */
typedef struct hgh_chain_cache {
    hgh_map with_consumer;
    hgh_chain *newest;
    hgh_chain *oldest;
    uint32_t count;
    const hgh_generation *generation; /* in force: chains of another are not kept; borrowed */
    hgh_chain *detached;              /* to be freed in slices; linked by `older` */
} hgh_chain_cache;

void hgh_chain_cache_init(hgh_chain_cache *cache);
void hgh_chain_cache_done(hgh_chain_cache *cache);

/**
 * The chain of a route, and of a consumer if there is one, compiled if it is not there or not up to
 * date. It is kept for later only if the generation and all its objects are in force: a request
 * that waited while they were replaced leaves nothing of them behind.
 *
 * out_chain  on HG_OK one reference of the caller's; else untouched.
 */
hg_status hgh_chain_cache_get(hgh_chain_cache *cache,
                              hgh_generation *generation,
                              hgh_route *route,
                              hg_consumer *consumer,
                              hgh_chain **out_chain,
                              hg_error *err);

/** Detaches the chains in which an object takes part that goes. */
void hgh_chain_cache_forget(hgh_chain_cache *cache, hgh_resource *resource);

/**
 * Another generation is in force: takes all chains out, so that none keeps an old object; they are
 * freed by the next function.
 */
void hgh_chain_cache_detach(hgh_chain_cache *cache, const hgh_generation *generation);

/** Frees up to `most` detached chains; true if there are none left. */
bool hgh_chain_cache_free_some(hgh_chain_cache *cache, uint32_t most);

#endif
