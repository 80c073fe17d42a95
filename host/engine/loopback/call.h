/* host/engine/loopback/call.h - calls of plugins to other servers, answered by a test. */
#ifndef HOST_ENGINE_LOOPBACK_CALL_H
#define HOST_ENGINE_LOOPBACK_CALL_H

#include "host/core/engine.h"

/** Asks the test; false: the network is to answer. */
bool hgh_call_answer(const hg_http_call *call, hgh_http_reply *out_reply);

#endif
