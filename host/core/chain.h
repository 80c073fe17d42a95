/* host/core/chain.h - the plugins of a request, compiled: one array of callbacks a phase.
 *
 * A chain belongs to a route, to a route and a consumer, or to all global rules. It is made on
 * first use from the JSON of the participating objects and cached; running a phase is a walk over
 * an array.
 */
#ifndef HOST_CORE_CHAIN_H
#define HOST_CORE_CHAIN_H

#include <stdbool.h>
#include <stdint.h>

#include "host/core/configuration.h"
#include "host/core/generation.h"
#include "host/core/map.h"
#include "host/core/phase.h"
#include "host/core/resource.h"
#include "host/core/snapshot.h"

typedef hg_verdict (*hgh_request_callback)(hg_request *request, const void *config);
typedef void (*hgh_response_callback)(hg_request *request, const void *config);
typedef void (*hgh_body_callback)(hg_request *request, hg_chunk *chunk, const void *config);

/** One callback of one plugin. Small: a request walks over all of them. */
typedef struct hgh_step {
    union {
        hgh_request_callback on_request;   /* rewrite, access, before_proxy, response */
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

/** The objects that a chain of a route is made from; their plugins by precedence, highest first. */
typedef enum hgh_chain_part {
    HGH_PART_CREDENTIAL = 0, /* by which the consumer was found; it has no plugins that run */
    HGH_PART_CONSUMER = 1,
    HGH_PART_GROUP = 2, /* the consumer's */
    HGH_PART_ROUTE = 3,
    HGH_PART_PLUGIN_CONFIG = 4,
    HGH_PART_SERVICE = 5,
    HGH_CHAIN_PARTS = 6,
} hgh_chain_part;

/** The plugins that one step of a phase of requests holds; their steps are of the chain as well. */
typedef struct hgh_chain_delegates {
    const hgh_step *outer;
    const hgh_step *items; /* call.on_request is NULL if one has no callback for the phase */
    uint32_t count;
} hgh_chain_delegates;

/** Shared by the cache and the requests that run on it. Immutable but for the cache's links. */
typedef struct hgh_chain {
    uint32_t references;
    hgh_generation *generation;           /* a reference */
    hgh_resource *parts[HGH_CHAIN_PARTS]; /* references; NULL: none. The global rules' has none */
    hgh_steps phases[HGH_PHASES]; /* with a consumer, rewrite has that consumer's plugins only */
    bool filters_body;            /* a plugin wants to see the response's body */
    bool is_called;               /* of a called request: neither a route's nor of global rules */
    uint8_t late_body; /* families of variables in the request's body that are asked for with the
                          response first: hgh_body_family */
    uint32_t configuration_count;
    hgh_configuration **configurations; /* references: of the steps, the metadata of their plugins,
                                           and the consumer's own keys */
    char *unavailable;                  /* why requests get 503 instead; NULL: all is well */
    char *warning;                      /* to be logged once; NULL: nothing */
    hgh_step *steps;                    /* owns what the phases point to */
    const hgh_configuration **step_configurations; /* owned; beside `steps`, one each */
    struct hgh_guard *guards;   /* owned: before the steps that do not always run */
    uint32_t filter_count;      /* configurations with a filter */
    const void **step_metadata; /* owned; the same; NULL: no plugin of the chain has metadata */
    struct hgh_chain_delegates *delegates; /* owned; of the steps that hold other plugins */
    uint32_t delegates_count;
    uint64_t metadata_changes; /* of the cache, as of which its metadata is */
    uint64_t prepared; /* serial of the preparation that has decoded its configurations again */

    struct hgh_chain *newer; /* least recently used list of the cache */
    struct hgh_chain *older;
    hgh_map_node node; /* with a consumer: in the cache's map */
    const void *key[2];
    hgh_chain_link links[HGH_CHAIN_PARTS];
} hgh_chain;

/** The configuration that a step of this chain runs with; borrowed from the chain. */
static inline const hgh_configuration *hgh_chain_configuration(const hgh_chain *chain,
                                                               const hgh_step *step)
{
    return chain->step_configurations[step - chain->steps];
}

/** The decoded metadata of a step's plugin; borrowed from the chain. NULL: it has none. */
static inline const void *hgh_chain_metadata(const hgh_chain *chain, const hgh_step *step)
{
    return chain->step_metadata == NULL ? NULL : chain->step_metadata[step - chain->steps];
}

/** Borrowed; NULL: the route has none. */
static inline hgh_service *hgh_chain_service(const hgh_chain *chain)
{
    return (hgh_service *)(void *)chain->parts[HGH_PART_SERVICE];
}

/**
 * Compiles the chain of a route.
 *
 * snapshot   where the metadata of plugins is.
 * parts      borrowed; HGH_PART_ROUTE is there, the others may be NULL.
 * out_chain  on HG_OK one reference of the caller's: also when a plugin is not available, which
 *            the chain then says. Else untouched.
 */
hg_status hgh_chain_compile(hgh_generation *generation,
                            const hgh_snapshot *snapshot,
                            hgh_resource *const parts[HGH_CHAIN_PARTS],
                            hgh_chain **out_chain,
                            hg_error *err);

/**
 * Compiles the chain of all global rules of a snapshot, which are one virtual object. A plugin that
 * stands in several counts where it was written first; the chain's warning names it.
 */
hg_status hgh_chain_compile_global(hgh_generation *generation,
                                   const hgh_snapshot *snapshot,
                                   hgh_chain **out_chain,
                                   hg_error *err);

/** One plugin of a called request, with its configuration. Borrowed for the call. */
typedef struct hgh_called_plugin {
    const char *name;
    const json_t *value;
} hgh_called_plugin;

/**
 * Compiles the chain of called requests (request_call.h): plugins run in the order in which they
 * stand, whatever their priorities are.
 *
 * resource, id  whose plugins these are, for configurations and reports; copied.
 * out_chain     on HG_OK one reference of the caller's: all its plugins are available. Else
 *               untouched.
 * issues        every finding of every plugin, at "/NAME".
 * Returns HG_OK, HG_ERR_INVALID (one is unknown, stands there twice, or its configuration is
 * refused) or HG_ERR_NO_MEMORY.
 */
hg_status hgh_chain_compile_called(hgh_generation *generation,
                                   const hgh_snapshot *snapshot,
                                   const hgh_called_plugin *plugins,
                                   size_t count,
                                   const char *resource,
                                   const char *id,
                                   hgh_chain **out_chain,
                                   hg_issues *issues);

static inline hgh_chain *hgh_chain_ref(hgh_chain *chain)
{
    chain->references++;
    return chain;
}

/** Accepts NULL. Never called from inside a call into a plugin. */
void hgh_chain_unref(hgh_chain *chain);

#endif
