/* tests/plugins/timing.c - timers as its attributes say; what they do stands in the log. */
#include <stdlib.h>

#include <hotgate/plugin.h>

#ifndef VERSION
#define VERSION "1.0.0"
#endif

typedef struct timing_attributes {
    int64_t first_ms;
    int64_t every_ms;
    bool one_worker;
    int64_t sleep_ms;
    hg_text url;
    int64_t stop_after;
    int64_t crash_at; /* a turn; 0: none */
} timing_attributes;

static const hg_field attribute_fields[] = {
    HG_INT(timing_attributes, first_ms, "first"),
    HG_INT(timing_attributes, every_ms, "every"),
    HG_BOOL(timing_attributes, one_worker, "one_worker"),
    HG_INT(timing_attributes, sleep_ms, "sleep"),
    HG_STRING(timing_attributes, url, "url"),
    HG_INT(timing_attributes, stop_after, "stop_after"),
    HG_INT(timing_attributes, crash_at, "crash_at"),
    HG_FIELDS_END,
};

static const timing_attributes *own; /* of init(), as are the next */
static hg_timer *timer;
static int64_t turns;

static char tick[] = "tick"; /* contexts */
static char another[] = "another";

static void on_time(hg_timer *self, void *context)
{
    hg_http_call call = {.url = own->url};
    hg_http_answer answer;

    turns++;
    hg_log(NULL, HG_LOG_NOTICE, "turn %d of %s at %llu", (int)turns, (const char *)context,
           (unsigned long long)hg_now_ms());
    if (own->sleep_ms > 0) {
        hg_status status = hg_sleep(NULL, (uint64_t)own->sleep_ms);

        hg_log(NULL, HG_LOG_NOTICE, "slept -> %d at %llu", (int)status,
               (unsigned long long)hg_now_ms());
    }
    if (hg_text_is_present(own->url)) {
        hg_status status = hg_http(NULL, &call, &answer);

        hg_log(NULL, HG_LOG_NOTICE, "called -> %d %u %s", (int)status, answer.status,
               status == HG_OK ? answer.body.data : answer.error.data);
    }
    if (turns == own->crash_at) {
        abort();
    }
    if (turns == own->stop_after) {
        hg_timer_stop(self);
        timer = NULL;
    }
}

static hg_status init(const void *attributes, hg_error *err)
{
    hg_timer_options options = {
        .name = "tick",
        .on_time = on_time,
        .context = tick,
    };

    own = attributes;
    options.first_ms = (uint64_t)own->first_ms;
    options.every_ms = (uint64_t)own->every_ms;
    options.flags = own->one_worker ? HG_TIMER_ONE_WORKER : 0;
    return hg_timer_start(&options, &timer, err);
}

static void at_exit(void)
{
    hg_timer_options options = {.name = "late", .on_time = on_time, .context = another};

    hg_log(NULL, HG_LOG_NOTICE, "exit after %d turns, a new one: %d", (int)turns,
           (int)hg_timer_start(&options, NULL, NULL));
    hg_timer_stop(timer);
}

/* Each request tries to start one more. */
static hg_verdict on_access(hg_request *request, const void *config)
{
    hg_error err = HG_ERROR_INIT;
    hg_text name = hg_request_argument(request, HG_TEXT("name"));
    hg_timer_options options = {
        .name = name.data, .first_ms = 10, .on_time = on_time, .context = another};
    hg_status status;

    (void)config;
    if (hg_text_is_present(hg_request_argument(request, HG_TEXT("without")))) {
        options.on_time = NULL;
    }
    options.flags =
        hg_text_is_present(hg_request_argument(request, HG_TEXT("one"))) ? HG_TIMER_ONE_WORKER : 0;
    status = hg_timer_start(&options, NULL, &err);
    hg_log(request, HG_LOG_NOTICE, "started -> %d %s", (int)status, err.text);
    return hg_exit(request, 204);
}

HG_PLUGIN("timing",
          VERSION,
          .summary = "Timers as its attributes say.",
          .priority = 63,
          .flags = HG_WAITS,
          .attributes = HG_CONFIG(timing_attributes, attribute_fields),
          .init = init,
          .exit = at_exit,
          .access = on_access);
