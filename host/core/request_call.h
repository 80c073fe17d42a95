/* host/core/request_call.h - a request whose route is in another process, which calls plugins here.
 *
 * That process says which plugins run, and when; what the engine does not know of the request it
 * has to ask for, which waits. So all of a call runs on one coroutine, and what waits in it parks
 * the call: a callback that may wait as well as a question behind any function of the SDK.
 */
#ifndef HOST_CORE_REQUEST_CALL_H
#define HOST_CORE_REQUEST_CALL_H

#include "host/core/request.h"

/** Begins one on a chain of hgh_chain_compile_called(), of which it takes a reference. NULL: no
 * memory. Ended by hgh_request_done(). */
hg_request *hgh_request_new_called(struct hgh_runtime *runtime,
                                   hgh_engine_request *engine_request,
                                   hgh_chain *chain);

/**
 * Runs a function on the request's coroutine until it parks or returns; on the main stack. When it
 * returns, the request may be at its end: it has to say so itself, and nothing is done about that
 * before the main stack runs again.
 *
 * Returns false if too many are parked already, or there is no memory: it was not called.
 */
bool hgh_request_call(hg_request *request, void (*function)(void *context), void *context);

/** Runs rewrite or access; on the coroutine. HGH_PARKED: again, once engine->resume() was called
 * for it. */
hgh_outcome hgh_request_call_phase(hg_request *request, hg_phase phase);

#endif
