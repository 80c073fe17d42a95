/* tests/bench/counts.c - the metrics of requests that a gateway is watched by: how many, by status
 * and route; the time that they took; the bytes that were sent. */
#include <stdio.h>
#include <stdlib.h>

#include <hotgate/plugin.h>

enum {
    REQUESTS,
    MILLISECONDS,
    BYTES,
};

static const hg_metric metrics[] = {
    {.kind = HG_METRIC_COUNTER,
     .name = "requests",
     .summary = "Requests.",
     .labels = {"status", "route"}},
    {.kind = HG_METRIC_COUNTER,
     .name = "milliseconds",
     .summary = "Time that they took.",
     .labels = {"route"}},
    {.kind = HG_METRIC_COUNTER,
     .name = "bytes",
     .summary = "Bytes that were sent.",
     .labels = {"route"}},
    {.kind = HG_METRIC_END},
};

static int64_t number_of(hg_request *request, hg_text variable, int64_t scale)
{
    hg_text text = hg_request_variable(request, variable);

    return text.data == NULL ? 0 : (int64_t)(strtod(text.data, NULL) * (double)scale);
}

static void on_log(hg_request *request, const void *config)
{
    char status[16];
    hg_text route = hg_request_object(request, HG_OBJECT_ROUTE_ID);
    hg_text labels[2] = {{status, (size_t)snprintf(status, sizeof(status), "%u",
                                                   (unsigned)hg_response_status(request))},
                         route};

    (void)config;
    (void)hg_metric_add(REQUESTS, 1, labels);
    (void)hg_metric_add(MILLISECONDS, number_of(request, HG_TEXT("request_time"), 1000), &route);
    (void)hg_metric_add(BYTES, number_of(request, HG_TEXT("bytes_sent"), 1), &route);
}

HG_PLUGIN("counts", "1.0.0", .priority = 2, .metrics = metrics, .log = on_log);
