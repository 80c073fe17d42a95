/* ext-plugin-post-resp.c - has the plugins of a runner judge the upstream's response. */
#include <hotgate/plugin.h>

typedef struct runner_config {
    hg_list conf; /* of hg_runner_plugin */
    bool allow_degradation;
    bool decode_body;
} runner_config;

HG_RUNNER_ITEM(plugin_item);

static const hg_field fields[] = {
    HG_LIST(runner_config,
            conf,
            "conf",
            &plugin_item,
            .summary = "What the runner runs, in this order.",
            .min_length = 1),
    HG_BOOL(runner_config,
            allow_degradation,
            "allow_degradation",
            .summary = "The upstream's response goes on, complete, if the runner cannot be asked, "
                       "or its answer cannot be used.",
            .initial = "false"),
    HG_BOOL(runner_config,
            decode_body,
            "decode_body",
            .summary = "The runner gets a body in gzip or deflate decoded.",
            .initial = "false"),
    HG_FIELDS_END,
};

enum {
    METRIC_CALLS = 0,
    METRIC_MILLISECONDS = 1
};

static const hg_metric metrics[] = {
    {.kind = HG_METRIC_COUNTER,
     .name = "calls",
     .summary = "Calls to the runner, by what came of them.",
     .labels = {"result"}},
    {.kind = HG_METRIC_COUNTER,
     .name = "call_milliseconds",
     .summary = "Time that these calls took, waiting included.",
     .labels = {"result"}},
    {.kind = HG_METRIC_END},
};

/* A metric that is full shows the operator less, and that is all. */
static void count(hg_text result, uint64_t began_ms)
{
    (void)hg_metric_add(METRIC_CALLS, 1, &result);
    (void)hg_metric_add(METRIC_MILLISECONDS, (int64_t)(hg_clock_ms() - began_ms), &result);
}

static hg_verdict on_response(hg_request *request, const void *config)
{
    const runner_config *own = config;
    uint64_t began_ms = hg_clock_ms();
    hg_error err = HG_ERROR_INIT;
    hg_status status =
        hg_runner_response(request, own->conf.items, own->conf.count,
                           own->decode_body ? (uint32_t)HG_RUNNER_DECODE_BODY : 0, &err);

    count(status == HG_OK ? HG_TEXT("passed") : hg_text_of(hg_status_name(status)), began_ms);
    if (status == HG_OK || status == HG_CANCELED) {
        return HG_NEXT;
    }
    hg_log(request, own->allow_degradation ? HG_LOG_WARN : HG_LOG_ERROR,
           "failed to have the response judged%s: %s", own->allow_degradation ? ", it goes on" : "",
           err.text);
    return own->allow_degradation ? HG_NEXT : hg_exit(request, 503);
}

HG_PLUGIN("ext-plugin-post-resp",
          "1.0.0",
          .summary = "Has the plugins of a runner judge the upstream's response.",
          .priority = -4000,
          .flags = HG_WAITS,
          .config = HG_CONFIG(runner_config, fields),
          .metrics = metrics,
          .response = on_response);
