/* tests/bench/bench_core.c - what the core adds to a plugin's own time, in nanoseconds.
 *
 * One callback: the walk over a compiled phase, with the blame marker, to a function that does
 * nothing. One park and resume: two switches between the main stack and a callback's own. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "host/core/coroutine.h"
#include "host/core/request.h"
#include "host/core/runtime.h"

#define STEPS   1000u
#define ROUNDS  20000u
#define PARKS   1000000u
#define SAMPLES 9

static uint64_t now_ns(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static int compare(const void *a, const void *b)
{
    double left = *(const double *)a;
    double right = *(const double *)b;

    return (left > right) - (left < right);
}

static void print_median(const char *what, double *samples)
{
    qsort(samples, SAMPLES, sizeof(*samples), compare);
    (void)printf("%-24s %6.1f ns (median of %d, best %.1f)\n", what, samples[SAMPLES / 2], SAMPLES,
                 samples[0]);
}

static void do_nothing(hg_request *request, const void *config)
{
    (void)request;
    (void)config;
}

static double callback_sample(hg_request *request)
{
    uint64_t began = now_ns();

    for (unsigned i = 0; i < ROUNDS; i++) {
        hgh_request_log(request);
    }
    return (double)(now_ns() - began) / ROUNDS / STEPS;
}

static void bench_callback(void)
{
    hgh_runtime *runtime = calloc(1, sizeof(*runtime));
    hgh_chain *chain = calloc(1, sizeof(*chain));
    hgh_step *steps = calloc(STEPS, sizeof(*steps));
    hg_request *request = calloc(1, sizeof(*request));
    _Atomic uint64_t marker = 0;
    double samples[SAMPLES];

    if (runtime == NULL || chain == NULL || steps == NULL || request == NULL) {
        abort();
    }
    for (unsigned i = 0; i < STEPS; i++) {
        steps[i].call.on_response = do_nothing;
        steps[i].marker = (uint32_t)hgh_marker_make(0, i, HG_PHASE_LOG);
    }
    runtime->plugin_host.blame.marker = &marker;
    chain->phases[HG_PHASE_LOG] = (hgh_steps){STEPS, steps};
    request->runtime = runtime;
    request->chain = chain;
    for (int i = 0; i < SAMPLES; i++) {
        samples[i] = callback_sample(request);
    }
    print_median("one callback", samples);
    free(request);
    free(steps);
    free(chain);
    free(runtime);
}

static void park_for_ever(void *context)
{
    const bool *stop = context;

    while (!*stop) {
        hgh_coroutine_park();
    }
}

static void bench_park(void)
{
    hgh_coroutine_pool pool = {.active_max = 1};
    hgh_coroutine *coroutine = NULL;
    bool stop = false;
    double samples[SAMPLES];

    if (!hgh_coroutine_begin(&pool, park_for_ever, &stop, &coroutine)) {
        abort();
    }
    for (int i = 0; i < SAMPLES; i++) {
        uint64_t began = now_ns();

        for (unsigned k = 0; k < PARKS; k++) {
            (void)hgh_coroutine_resume(coroutine);
        }
        samples[i] = (double)(now_ns() - began) / PARKS;
    }
    stop = true;
    (void)hgh_coroutine_resume(coroutine);
    hgh_coroutine_pool_done(&pool);
    print_median("one park and resume", samples);
}

int main(void)
{
    bench_callback();
    bench_park();
    return 0;
}
