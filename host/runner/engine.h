/* host/runner/engine.h - the runner as an engine: what the core asks of it, over frames. */
#ifndef HOST_RUNNER_ENGINE_H
#define HOST_RUNNER_ENGINE_H

#include "host/core/engine.h"
#include "host/core/event_loop.h"
#include "host/runner/resolver.h"

extern const hgh_engine hgh_runner_engine;

/** The loop of this process, before the engine is used; NULL at its end. Borrowed. */
void hgh_runner_engine_set_loop(hgh_event_loop *loop);

/** Who looks up names; NULL: nobody does. Borrowed. */
void hgh_runner_engine_set_resolver(hgh_resolver *resolver);

#endif
