/* tests/plugins/waiting.c - waits as its configuration says. */
#include <hotgate/plugin.h>

typedef struct waiting_config {
    int64_t sleep_ms;
    int64_t sleeps;
    int64_t body_max;
    int64_t fd;
    int64_t fd_timeout_ms;
    bool in_filter;
    bool before_proxy;
} waiting_config;

static const hg_field waiting_fields[] = {
    HG_DURATION(waiting_config, sleep_ms, "sleep"),
    HG_INT(waiting_config, sleeps, "sleeps", .initial = "1"),
    HG_INT(waiting_config, body_max, "body_max"),
    HG_INT(waiting_config, fd, "fd", .min = -1, .initial = "-1"),
    HG_DURATION(waiting_config, fd_timeout_ms, "fd_timeout", .initial = "5s"),
    HG_BOOL(waiting_config, in_filter, "in_filter"),
    HG_BOOL(waiting_config, before_proxy, "before_proxy"),
    HG_FIELDS_END,
};

static hg_status waiting_sleep(hg_request *request, const waiting_config *config)
{
    hg_status status = HG_OK;

    for (int64_t i = 0; i < config->sleeps && status == HG_OK; i++) {
        status = hg_sleep(request, (uint64_t)config->sleep_ms);
        hg_log(request, HG_LOG_NOTICE, "sleep -> %d at %llu", (int)status,
               (unsigned long long)hg_now_ms());
    }
    return status;
}

static hg_verdict waiting_access(hg_request *request, const void *config)
{
    const waiting_config *own = config;
    hg_status status = HG_OK;

    if (own->sleep_ms > 0 && !own->before_proxy) {
        status = waiting_sleep(request, own);
    }
    if (status == HG_OK && own->fd >= 0) {
        status = hg_wait_fd(request, (int)own->fd, HG_WAIT_READABLE, (uint64_t)own->fd_timeout_ms);
        hg_log(request, HG_LOG_NOTICE, "wait_fd -> %d at %llu", (int)status,
               (unsigned long long)hg_now_ms());
    }
    if (status == HG_OK && own->body_max > 0) {
        hg_text body = {NULL, 0};

        status = hg_request_body(request, (size_t)own->body_max, &body);
        hg_log(request, HG_LOG_NOTICE, "body -> %d: %.*s", (int)status, (int)body.length,
               body.length == 0 ? "" : body.data);
    }
    return HG_NEXT;
}

static hg_verdict waiting_before_proxy(hg_request *request, const void *config)
{
    const waiting_config *own = config;

    if (own->before_proxy) {
        (void)waiting_sleep(request, own); /* it says how it ended */
    }
    return HG_NEXT;
}

static void waiting_header_filter(hg_request *request, const void *config)
{
    const waiting_config *own = config;

    if (own->in_filter) {
        hg_log(request, HG_LOG_NOTICE, "filter -> %d", (int)hg_sleep(request, 1));
    }
}

static void waiting_log(hg_request *request, const void *config)
{
    (void)config;
    hg_log(request, HG_LOG_NOTICE, "ended with %u", hg_response_status(request));
}

HG_PLUGIN("waiting",
          "1.0.0",
          .summary = "Waits as its configuration says.",
          .priority = 60,
          .flags = HG_WAITS,
          .config = HG_CONFIG(waiting_config, waiting_fields),
          .access = waiting_access,
          .before_proxy = waiting_before_proxy,
          .header_filter = waiting_header_filter,
          .log = waiting_log);
