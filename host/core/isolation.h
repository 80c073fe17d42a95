/* host/core/isolation.h - plugins that run in the gateway's own runner instead of in a worker:
 * `_meta.isolate` and hotgate.isolate.
 *
 * A worker decodes nothing for such a configuration and calls nothing of its plugin: each phase
 * that the plugin has is a call to the runner of the generation that the request began on.
 */
#ifndef HOST_CORE_ISOLATION_H
#define HOST_CORE_ISOLATION_H

#include <stdbool.h>

#include "host/core/chain.h"
#include "host/core/configuration.h"
#include "host/core/plugin.h"

/** What the runner is told of one configuration. */
typedef struct hgh_isolation hgh_isolation;

/**
 * Judges a plugin by its descriptor: the protocol of runners carries a request and a response, and
 * nothing of what such a plugin does beside. Timers cannot be known before they are started.
 *
 * pointer  JSON Pointer of what asks for isolation.
 * issues   one finding for each reason.
 * Returns true if there is none.
 */
bool hgh_isolation_judge(const hgh_plugin *plugin, const char *pointer, hg_issues *issues);

/**
 * Makes what stands in the place of a decoded configuration.
 *
 * value  the configuration without `_meta`; borrowed.
 * Returns NULL if there is no memory.
 */
hgh_isolation *hgh_isolation_new(const hgh_configuration *configuration,
                                 const hgh_plugin *plugin,
                                 const json_t *value);

/** Accepts NULL. */
void hgh_isolation_free(hgh_isolation *isolation);

/** As hgh_chain_step_make(), of a configuration with an isolation. */
bool hgh_isolation_step_make(const hgh_configuration *configuration,
                             uint32_t phase,
                             hgh_step *step);

#endif
