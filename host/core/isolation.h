/* host/core/isolation.h - which plugins can run in a runner instead of in a worker: `_meta.isolate`
 * and hotgate.isolate. */
#ifndef HOST_CORE_ISOLATION_H
#define HOST_CORE_ISOLATION_H

#include <stdbool.h>

#include "host/core/plugin.h"

/**
 * Judges a plugin by its descriptor: the protocol of runners carries a request and a response, and
 * nothing of what such a plugin does beside. Timers cannot be known before they are started.
 *
 * pointer  JSON Pointer of what asks for isolation.
 * issues   one finding for each reason.
 * Returns true if there is none.
 */
bool hgh_isolation_judge(const hgh_plugin *plugin, const char *pointer, hg_issues *issues);

#endif
