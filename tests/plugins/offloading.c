/* tests/plugins/offloading.c - has functions run on threads, and tells what came of it. */
#define _POSIX_C_SOURCE 200809L

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

#include <hotgate/plugin.h>

#ifndef VERSION
#define VERSION "1.0.0"
#endif

typedef struct offloading_config {
    int64_t ms;
    int64_t times;
    bool crashes;
    bool in_filter;
} offloading_config;

static const hg_field offloading_fields[] = {
    HG_INT(offloading_config, ms, "ms"),
    HG_INT(offloading_config, times, "times", .initial = "1"),
    HG_BOOL(offloading_config, crashes, "crashes"),
    HG_BOOL(offloading_config, in_filter, "in_filter"),
    HG_FIELDS_END,
};

/** On the stack of the call that waits. */
typedef struct work_order {
    const offloading_config *config;
    pthread_t thread;
    bool takes_signals;
    int result;
} work_order;

static void work_do(void *argument)
{
    work_order *own = argument;
    struct timespec time = {own->config->ms / 1000, own->config->ms % 1000 * 1000000};
    sigset_t mask;

    own->thread = pthread_self();
    (void)pthread_sigmask(SIG_SETMASK, NULL, &mask);
    own->takes_signals = sigismember(&mask, SIGTERM) == 0 || sigismember(&mask, SIGCHLD) == 0;
    (void)nanosleep(&time, NULL);
    if (own->config->crashes) {
        abort();
    }
    own->result = 42;
}

static hg_verdict on_access(hg_request *request, const void *config)
{
    const offloading_config *own = config;
    hg_status status = HG_OK;
    work_order work = {.config = own};
    json_t *told;
    hg_verdict verdict;

    if (own->in_filter) {
        return HG_NEXT;
    }
    for (int64_t i = 0; i < own->times && status == HG_OK; i++) {
        work.result = 0;
        status = hg_offload(request, work_do, &work);
    }
    hg_log(request, HG_LOG_NOTICE, "offload -> %d, result %d", (int)status, work.result);
    if (status == HG_CANCELED) {
        return HG_NEXT;
    }
    told =
        json_pack("{s:i, s:i, s:b, s:b}", "status", (int)status, "result", work.result,
                  "on_a_thread", status == HG_OK && pthread_equal(work.thread, pthread_self()) == 0,
                  "takes_signals", work.takes_signals);
    verdict = hg_exit_json(request, 200, told);
    json_decref(told);
    return verdict;
}

static void on_header_filter(hg_request *request, const void *config)
{
    const offloading_config *own = config;
    work_order work = {.config = own};

    if (own->in_filter) {
        hg_log(request, HG_LOG_NOTICE, "filter -> %d", (int)hg_offload(request, work_do, &work));
    }
}

HG_PLUGIN("offloading",
          VERSION,
          .summary = "Has functions run on threads, and tells what came of it.",
          .priority = 62,
          .flags = HG_WAITS,
          .config = HG_CONFIG(offloading_config, offloading_fields),
          .access = on_access,
          .header_filter = on_header_filter);
