/* tests/bench/counts.c - the metrics of requests that a gateway is watched by: how many, by status
 * and route, and the time that they took. */
#include <hotgate/plugin.h>

enum {
    REQUESTS,
    MILLISECONDS,
};

typedef struct began {
    uint64_t at_ms;
} began;

static const hg_metric metrics[] = {
    {.kind = HG_METRIC_COUNTER,
     .name = "requests",
     .summary = "Requests.",
     .labels = {"status", "route"}},
    {.kind = HG_METRIC_COUNTER,
     .name = "milliseconds",
     .summary = "Time that they took.",
     .labels = {"route"}},
    {.kind = HG_METRIC_END},
};

static hg_verdict on_rewrite(hg_request *request, const void *config)
{
    began *own = hg_request_data(request);

    (void)config;
    if (own != NULL) {
        own->at_ms = hg_now_ms();
    }
    return HG_NEXT;
}

static void on_log(hg_request *request, const void *config)
{
    const began *own = hg_request_data(request);
    uint32_t code = hg_response_status(request);
    char status[] = {(char)('0' + code / 100 % 10), (char)('0' + code / 10 % 10),
                     (char)('0' + code % 10)};
    hg_text route = hg_request_object(request, HG_OBJECT_ROUTE_ID);
    hg_text labels[2] = {{status, sizeof(status)}, route};

    (void)config;
    (void)hg_metric_add(REQUESTS, 1, labels);
    if (own != NULL) {
        (void)hg_metric_add(MILLISECONDS, (int64_t)(hg_now_ms() - own->at_ms), &route);
    }
}

HG_PLUGIN("counts",
          "1.0.0",
          .priority = 20000,
          .metrics = metrics,
          .request_size = (uint32_t)sizeof(began),
          .rewrite = on_rewrite,
          .log = on_log);
