/* tests/plugins/state.c - counts in a shared table and in metrics. */
#include <hotgate/plugin.h>

typedef struct state_config {
    int64_t delta;
    int64_t ttl_ms;
} state_config;

static const hg_field state_fields[] = {
    HG_INT(state_config, delta, "delta", .min = -100, .initial = "1"),
    HG_DURATION(state_config, ttl_ms, "ttl", .initial = "10s"),
    HG_FIELDS_END,
};

enum {
    REQUESTS = 0,
    LIVE = 1,
};

static const hg_metric state_metrics[] = {
    {.kind = HG_METRIC_COUNTER,
     .name = "requests",
     .summary = "Requests by method and status.",
     .labels = {"method", "status"}},
    {.kind = HG_METRIC_GAUGE, .name = "live", .summary = "Requests in flight."},
    {.kind = HG_METRIC_END},
};

static hg_dict *dict; /* of init() */

static hg_status state_init(const void *attributes, hg_error *err)
{
    hg_dict_options options = HG_DICT_OPTIONS_INIT;

    (void)attributes;
    options.entries = 8;
    return hg_dict_open("counts", &options, &dict, err);
}

static hg_verdict state_access(hg_request *request, const void *config)
{
    const state_config *own = config;
    hg_text key = hg_request_argument(request, HG_TEXT("key"));
    int64_t value = 0;
    uint64_t ttl_ms = 0;
    hg_status status;

    (void)hg_metric_add(LIVE, 1, NULL);
    status = hg_dict_add(dict, key.data == NULL ? HG_TEXT("all") : key, own->delta,
                         (uint64_t)own->ttl_ms, &value, &ttl_ms);
    hg_log(request, HG_LOG_NOTICE, "add -> %d: %lld for %llu ms", (int)status, (long long)value,
           (unsigned long long)ttl_ms);
    return HG_NEXT;
}

static void state_log(hg_request *request, const void *config)
{
    hg_text labels[2];

    (void)config;
    labels[0] = hg_request_method(request);
    labels[1] = hg_request_variable(request, HG_TEXT("status"));
    (void)hg_metric_add(REQUESTS, 1, labels);
    (void)hg_metric_add(LIVE, -1, NULL);
    hg_log(request, HG_LOG_NOTICE, "counter down -> %d, no such metric -> %d",
           (int)hg_metric_add(REQUESTS, -1, labels), (int)hg_metric_add(7, 1, NULL));
}

HG_PLUGIN("state",
          "1.0.0",
          .summary = "Counts requests.",
          .priority = 30,
          .config = HG_CONFIG(state_config, state_fields),
          .metrics = state_metrics,
          .init = state_init,
          .access = state_access,
          .log = state_log);
