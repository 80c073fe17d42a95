/* tests/plugins/waits.c - waits as it is told, and tells how that ended. */
#define _GNU_SOURCE

#include <fcntl.h>
#include <stdlib.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <hotgate/plugin.h>

enum waits_for {
    WAITS_SLEEP = 0,
    WAITS_BODY = 1,
    WAITS_PIPE = 2,  /* that has a byte in it */
    WAITS_NEVER = 3, /* a pipe that nobody writes to */
    WAITS_TIMER = 4, /* a timer's descriptor */
    WAITS_TWICE = 5, /* sleeps again, also when it was told to return */
};

typedef struct waits_config {
    int32_t what;
    int32_t phase;
    int64_t time_ms;
    int64_t max_bytes;
    bool answers; /* ends the request with what it found */
} waits_config;

static const hg_field waits_fields[] = {
    HG_ENUM(waits_config,
            what,
            "for",
            .initial = "sleep",
            .names = {"sleep", "body", "pipe", "never", "timer", "twice"}),
    HG_ENUM(waits_config,
            phase,
            "phase",
            .initial = "access",
            .names = {"rewrite", "access", "before_proxy"}),
    HG_DURATION(waits_config, time_ms, "time", .initial = "100ms"),
    HG_BYTES(waits_config, max_bytes, "max", .initial = "64m"),
    HG_BOOL(waits_config, answers, "answers"),
    HG_FIELDS_END,
};

static hg_status wait_pipe(hg_request *request, const waits_config *own)
{
    hg_status status = HG_ERR_IO;
    int ends[2];

    if (pipe2(ends, O_NONBLOCK | O_CLOEXEC) != 0) {
        return HG_ERR_IO;
    }
    if (own->what == WAITS_NEVER || write(ends[1], "x", 1) == 1) {
        status = hg_wait_fd(request, ends[0], HG_WAIT_READABLE, (uint64_t)own->time_ms);
    }
    (void)close(ends[0]);
    (void)close(ends[1]);
    return status;
}

static hg_status wait_timer(hg_request *request, const waits_config *own)
{
    struct itimerspec when = {
        .it_value = {own->time_ms / 1000, (own->time_ms % 1000) * 1000000},
    };
    int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    hg_status status = HG_ERR_IO;

    if (fd >= 0 && timerfd_settime(fd, 0, &when, NULL) == 0) {
        status = hg_wait_fd(request, fd, HG_WAIT_READABLE, 10000);
    }
    if (fd >= 0) {
        (void)close(fd);
    }
    return status;
}

static uint32_t sum_of(hg_text body)
{
    uint32_t sum = 2166136261u; /* FNV-1a */

    for (size_t i = 0; i < body.length; i++) {
        sum = (sum ^ (unsigned char)body.data[i]) * 16777619u;
    }
    return sum;
}

static hg_verdict waits_run(hg_request *request, const void *config, int32_t phase)
{
    const waits_config *own = config;
    hg_text body = {NULL, 0};
    hg_status status = HG_OK;
    char text[128];

    if (own->phase != phase) {
        return HG_NEXT;
    }
    switch ((enum waits_for)own->what) {
    case WAITS_SLEEP:
        status = hg_sleep(request, (uint64_t)own->time_ms);
        break;
    case WAITS_BODY:
        status = hg_request_body(request, (size_t)own->max_bytes, &body);
        break;
    case WAITS_PIPE:
    case WAITS_NEVER:
        status = wait_pipe(request, own);
        break;
    case WAITS_TIMER:
        status = wait_timer(request, own);
        break;
    case WAITS_TWICE:
        (void)hg_sleep(request, (uint64_t)own->time_ms);
        status = hg_sleep(request, (uint64_t)own->time_ms);
        break;
    }
    hg_log(request, HG_LOG_NOTICE, "the wait for %d ended with %d", (int)own->what, (int)status);
    (void)snprintf(text, sizeof(text), "{\"status\": %d, \"length\": %zu, \"sum\": %lu}",
                   (int)status, body.length, (unsigned long)sum_of(body));
    (void)hg_response_set_header(request, HG_TEXT("X-Waited"), hg_text_of(text));
    return own->answers ? hg_exit_with(request, 200, HG_TEXT("application/json"), hg_text_of(text))
                        : HG_NEXT;
}

static hg_verdict waits_rewrite(hg_request *request, const void *config)
{
    return waits_run(request, config, 0);
}

static hg_verdict waits_access(hg_request *request, const void *config)
{
    return waits_run(request, config, 1);
}

static hg_verdict waits_before_proxy(hg_request *request, const void *config)
{
    return waits_run(request, config, 2);
}

HG_PLUGIN("waits",
          "1.0.0",
          .summary = "Waits as it is told, and tells how that ended.",
          .priority = 60,
          .flags = HG_WAITS,
          .config = HG_CONFIG(waits_config, waits_fields),
          .rewrite = waits_rewrite,
          .access = waits_access,
          .before_proxy = waits_before_proxy);
