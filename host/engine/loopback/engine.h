/* host/engine/loopback/engine.h - what the core asks of an engine, done in memory. */
#ifndef HOST_ENGINE_LOOPBACK_ENGINE_H
#define HOST_ENGINE_LOOPBACK_ENGINE_H

#include "host/core/engine.h"

/** Its requests are of type hgh_exchange, its process is hgh_gateway_current. */
extern const hgh_engine hgh_loopback_engine;

#endif
