/* host/core/host_api_wait.c - the functions behind <hotgate/wait.h>. */
#include "host/core/coroutine.h"
#include "host/core/host_api_internal.h"
#include "host/core/offload.h"
#include "host/core/plugin_timer.h"

hgh_wait *hgh_wait_of(hg_request *request)
{
    hgh_wait *wait = request != NULL ? &request->wait : hgh_timer_wait();

    return hgh_coroutine_is_running() && wait != NULL && wait->owner != NULL &&
                   wait->owner->may_wait(wait)
               ? wait
               : NULL;
}

static hg_status wait_sleep(hg_request *request, uint64_t duration_ms)
{
    hgh_wait *wait = hgh_wait_of(request);

    return wait == NULL ? HG_ERR_UNSUPPORTED : hgh_wait_sleep(wait, duration_ms);
}

static hg_status wait_descriptor(hg_request *request, int fd, uint32_t events, uint64_t timeout_ms)
{
    hgh_wait *wait = hgh_wait_of(request);

    if (fd < 0 || events == 0) {
        return HG_ERR_INVALID;
    }
    return wait == NULL ? HG_ERR_UNSUPPORTED : hgh_wait_descriptor(wait, fd, events, timeout_ms);
}

/* --------------------------------------------------------------------------------- offload */

typedef struct offload_operation {
    hgh_operation operation;
    hgh_offload *offload;
    hgh_job job;
    hgh_wait *wait;
} offload_operation;

static void offload_over(hgh_job *job)
{
    const offload_operation *self =
        (const offload_operation *)(const void *)((const char *)job -
                                                  offsetof(offload_operation, job));

    hgh_wait_over(self->wait, HG_OK);
}

static hg_status offload_begin(hgh_operation *operation, hgh_wait *wait)
{
    offload_operation *self = (offload_operation *)(void *)operation;

    self->wait = wait;
    return hgh_offload_begin(self->offload, &self->job);
}

/* What a thread works on may stand on the stack of the call: it is not let go before. */
static bool offload_cancel(hgh_operation *operation, bool now)
{
    offload_operation *self = (offload_operation *)(void *)operation;

    return hgh_offload_take_back(self->offload, &self->job, now);
}

static hg_status wait_offload(const hg_host *host,
                              hg_request *request,
                              void (*function)(void *argument),
                              void *argument)
{
    const hgh_plugin *plugin = host->plugin;
    hgh_wait *wait = hgh_wait_of(request);
    offload_operation self = {
        .operation = {.begin = offload_begin, .cancel = offload_cancel},
        .offload = plugin->plugin_host->offload,
        .job = {.function = function,
                .argument = argument,
                .object = plugin->number,
                .over = offload_over},
    };

    if (function == NULL) {
        return HG_ERR_INVALID;
    }
    return wait == NULL ? HG_ERR_UNSUPPORTED : hgh_wait_for(wait, &self.operation);
}

const hg_wait_api hgh_host_wait_api = {
    .size = sizeof(hgh_host_wait_api),
    .sleep = wait_sleep,
    .request_body = hgh_request_read_body,
    .descriptor = wait_descriptor,
    .offload = wait_offload,
};
