/* host/core/request_call.c - a request whose route is in another process, which calls plugins here.
 */
#include "host/core/request_call.h"

#include <string.h>

#include "host/core/request_parts.h"

hg_request *
hgh_request_new_called(hgh_runtime *runtime, hgh_engine_request *engine_request, hgh_chain *chain)
{
    const hgh_engine *engine = runtime->engine;
    hg_request *request = engine->allocate(engine_request, sizeof(*request));
    hgh_board_slot *slot = runtime->slot;

    if (request == NULL) {
        return NULL;
    }
    memset(request, 0, sizeof(*request));
    request->is_called = true;
    request->runtime = runtime;
    request->engine = engine;
    request->engine_request = engine_request;
    request->generation = hgh_runtime_enter(runtime);
    request->chain = hgh_chain_ref(chain);
    atomic_fetch_add_explicit(&slot->requests, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&slot->requests_live, 1, memory_order_relaxed);
    return request;
}

bool hgh_request_call(hg_request *request, void (*function)(void *context), void *context)
{
    hgh_board_slot *slot = request->runtime->slot;

    request->wait.owner = &hgh_request_wait_owner;
    if (!hgh_coroutine_begin(&request->runtime->coroutines, function, context,
                             &request->wait.coroutine)) {
        return false;
    }
    if (request->wait.coroutine != NULL) {
        hgh_marker_clear(hgh_request_blame(request));
        atomic_fetch_add_explicit(&slot->requests_parked, 1, memory_order_relaxed);
        (void)hgh_wait_begin(&request->wait); /* if it could not: the function has returned */
    }
    return true;
}

hgh_outcome hgh_request_call_phase(hg_request *request, hg_phase phase)
{
    if (request->exit.set) { /* its body could not be read */
        return HGH_ANSWER;
    }
    request->stage = phase == HG_PHASE_REWRITE ? HGH_STAGE_REWRITE : HGH_STAGE_ACCESS;
    return hgh_request_phase_run(request, request->chain, phase);
}
