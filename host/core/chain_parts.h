/* host/core/chain_parts.h - what the files that compile a chain share. */
#ifndef HOST_CORE_CHAIN_PARTS_H
#define HOST_CORE_CHAIN_PARTS_H

#include "host/core/chain.h"

#define HGH_CHAIN_PLUGINS_MAX 1024u /* on one chain */

/* One plugin on its way into a chain. */
typedef struct hgh_candidate {
    const char *name; /* borrowed from the JSON */
    const json_t *value;
    hgh_resource *owner; /* NULL: they are those of a called request */
    bool from_consumer;  /* the consumer's side has it and the route's has not */
    bool is_key;         /* an authentication plugin of a consumer or credential: it never runs */
    const char *place;   /* JSON Pointer in the owner, of one inside another; NULL: in "plugins" */
} hgh_candidate;

/* One configuration that runs. */
typedef struct hgh_runner {
    hgh_configuration *configuration;
    const void *metadata; /* decoded, of its plugin; NULL: none */
    bool in_rewrite;
    struct hgh_runner *delegates; /* owned: those that it holds */
    uint32_t delegates_count;
    bool guarded;
    bool has_early;  /* it has a step before the request goes upstream */
    uint8_t body;    /* families of variables in the request's body that it asks for */
    uint32_t answer; /* of its filter */
} hgh_runner;

/* A chain that is being made. */
typedef struct hgh_compilation {
    hgh_generation *generation;
    const hgh_snapshot *snapshot;
    hgh_chain *chain; /* NULL: candidates are gathered, nothing is compiled */
    uint32_t room;    /* for configurations of the chain */
    const char
        *resource; /* whose plugins these are, where candidates have no owner; the next too */
    const char *id;
    hgh_candidate candidates[HGH_CHAIN_PLUGINS_MAX];
    size_t count;
    bool too_many;
} hgh_compilation;

/**
 * Gathers the plugins of an object, behind those of objects with precedence over it.
 *
 * out_object  its JSON, which the candidates borrow from: a new reference, NULL if it has no
 *             plugins.
 * Returns false if its JSON cannot be read again for want of memory: nothing would protect its
 * route then.
 */
bool hgh_chain_candidates_take(hgh_compilation *work, hgh_resource *owner, json_t **out_object);

/** The global rules of a snapshot, the oldest first; NULL: no memory. The caller frees. */
hgh_resource **hgh_chain_global_owners(const hgh_snapshot *snapshot, size_t *out_count);

/** Below 0 if a plugin runs before another one: by priority, then by name. */
int hgh_chain_compare(const hgh_configuration *a, const hgh_configuration *b);

/** Says why requests get 503, if nothing else has said so yet. HG_OK or HG_ERR_NO_MEMORY. */
hg_status hgh_chain_unavailable(hgh_chain *chain, const char *name, const char *why);

/** The same, of a configuration that is refused. */
hg_status hgh_chain_unavailable_for(hgh_chain *chain,
                                    const char *name,
                                    const char *where,
                                    const hg_issues *issues);

/** The chain takes over a reference, also if it has no memory for it. */
hg_status hgh_chain_keep(hgh_compilation *work, hgh_configuration *configuration);

/** The decoded configuration of a candidate, shared if another chain has it; a reference. */
hg_status hgh_chain_configuration_get(const hgh_compilation *work,
                                      hgh_plugin *plugin,
                                      hgh_use use,
                                      const hgh_candidate *from,
                                      hgh_configuration **out_configuration,
                                      hg_issues *issues);

/** The metadata of a plugin: what is stored, else what its description says without any; with
 * the variables that it asks for, and those of the plugin's attributes. */
hg_status hgh_chain_metadata_get(hgh_compilation *work, hgh_plugin *plugin, hgh_runner *into);

/** The callback of a plugin in a phase; false if it has none. */
bool hgh_chain_step_make(const hgh_configuration *configuration, uint32_t phase, hgh_step *step);

/** Fills the chain's phases; `running` is in the order in which plugins run. */
hg_status hgh_chain_phases_fill(hgh_chain *chain, hgh_runner *running, size_t count);

/* chain_delegates.c */

/** Compiles the plugins inside the configuration of `outer`, if it holds any. */
hg_status hgh_chain_delegates_compile(hgh_compilation *work,
                                      const hgh_candidate *outer,
                                      const hgh_plugin *plugin,
                                      hgh_runner *into);

/** How many steps they need; *has_metadata becomes true if one of them has metadata. */
size_t hgh_chain_delegates_count(const hgh_runner *running, size_t count, bool *has_metadata);

/** Fills in their steps, from `at` on: behind those of all phases. */
hg_status
hgh_chain_delegates_fill(hgh_chain *chain, const hgh_runner *running, size_t count, hgh_step *at);

#endif
