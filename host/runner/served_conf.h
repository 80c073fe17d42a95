/* host/runner/served_conf.h - what one PrepareConf asks for: plugins, their configurations, and the
 * chain that is made of them.
 */
#ifndef HOST_RUNNER_SERVED_CONF_H
#define HOST_RUNNER_SERVED_CONF_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "host/core/a6.h"
#include "host/core/chain.h"

/* Which callbacks a call runs: bits. */
#define HGH_SERVES_REWRITE  1u
#define HGH_SERVES_ACCESS   2u
#define HGH_SERVES_RESPONSE 4u
#define HGH_SERVES_ALL      (HGH_SERVES_REWRITE | HGH_SERVES_ACCESS | HGH_SERVES_RESPONSE)

/** Shared by the table of tokens and the calls that run on it. */
typedef struct hgh_served_conf {
    uint32_t references;
    uint32_t token;
    uint32_t serves; /* bits of HGH_SERVES_* */
    char *resource;  /* owned, as the next: whose plugins these are, "routes" and "1" */
    char *id;
    json_t *plugins;  /* owned: [{"name", "value"}...] */
    hgh_chain *chain; /* a reference: of the generation in force */

    /* of the table */
    char *text; /* owned: key and conf as they came, which it is found by */
    hgh_map_node by_text;
    hgh_map_node by_token;
    uint64_t used_ms;
    struct hgh_served_conf *newer;
    struct hgh_served_conf *older;
} hgh_served_conf;

/**
 * Reads and judges what a gateway asks for.
 *
 * A key "hotgate#PHASE#RESOURCE#ID#..." is of a gateway that moves one callback of a plugin out of
 * its process: then PHASE (rewrite, access, response) is all that runs, and the plugin is told of
 * RESOURCE and ID. With any other key a request runs rewrite, then access.
 *
 * out_conf  on HG_OK one reference of the caller's, without a token; else untouched.
 * issues    every finding.
 * Returns HG_OK, HG_ERR_INVALID or HG_ERR_NO_MEMORY.
 */
hg_status hgh_served_conf_new(hgh_generation *generation,
                              const hgh_snapshot *snapshot,
                              const hgh_a6_prepare_request *message,
                              hgh_served_conf **out_conf,
                              hg_issues *issues);

/** Makes the chain that it would have in another generation: as above. */
hg_status hgh_served_conf_compile(const hgh_served_conf *conf,
                                  hgh_generation *generation,
                                  const hgh_snapshot *snapshot,
                                  hgh_chain **out_chain,
                                  hg_issues *issues);

static inline hgh_served_conf *hgh_served_conf_ref(hgh_served_conf *conf)
{
    conf->references++;
    return conf;
}

/** Accepts NULL. */
void hgh_served_conf_unref(hgh_served_conf *conf);

#endif
