/* tests/plugins/responding.c - decides on an upstream's response, as its configuration says. */
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include <hotgate/plugin.h>

typedef struct responding_config {
    int64_t sleep_ms;
    int64_t offload_ms;
    int64_t body_max;   /* waits for the body; 0: does not */
    int64_t body_again; /* and once more, with this limit */
    int64_t request_body_max;
    int64_t status;
    hg_text body;
    int64_t times;  /* that the body is repeated */
    hg_text header; /* the value of X-Responding */
    hg_text remove;
    int64_t exit;
    hg_text exit_body;
    bool done_without_exit;
    bool in_filter;
} responding_config;

static const hg_field responding_fields[] = {
    HG_DURATION(responding_config, sleep_ms, "sleep"),
    HG_DURATION(responding_config, offload_ms, "offload"),
    HG_INT(responding_config, body_max, "body_max"),
    HG_INT(responding_config, body_again, "body_again"),
    HG_INT(responding_config, request_body_max, "request_body_max"),
    HG_INT(responding_config, status, "status"),
    HG_STRING(responding_config, body, "body"),
    HG_INT(responding_config, times, "times", .min = 1, .max = 10000000, .initial = "1"),
    HG_STRING(responding_config, header, "header"),
    HG_STRING(responding_config, remove, "remove"),
    HG_INT(responding_config, exit, "exit"),
    HG_STRING(responding_config, exit_body, "exit_body"),
    HG_BOOL(responding_config, done_without_exit, "done_without_exit"),
    HG_BOOL(responding_config, in_filter, "in_filter"),
    HG_FIELDS_END,
};

static void block(void *argument)
{
    const int64_t *duration_ms = argument;

    (void)poll(NULL, 0, (int)*duration_ms);
}

static void note(hg_request *request, const char *what, hg_status status, hg_text text)
{
    hg_log(request, HG_LOG_NOTICE, "%s -> %d, %zu bytes: %.*s", what, (int)status, text.length,
           text.length > 64 ? 64 : (int)text.length, text.length == 0 ? "" : text.data);
}

/* The configured times; a request may ask for one of its own with the argument "wait". */
static hg_status wait_times(hg_request *request, const responding_config *own)
{
    hg_text asked = hg_request_argument(request, HG_TEXT("wait"));
    int64_t sleep_ms = asked.data == NULL ? own->sleep_ms : atoll(asked.data);
    int64_t offload_ms = own->offload_ms;
    hg_status status = HG_OK;

    if (sleep_ms > 0) {
        status = hg_sleep(request, (uint64_t)sleep_ms);
        note(request, "sleep", status, (hg_text){0});
    }
    if (status == HG_OK && offload_ms > 0) {
        status = hg_offload(request, block, &offload_ms);
        note(request, "offload", status, (hg_text){0});
    }
    return status;
}

static hg_status wait_bodies(hg_request *request, const responding_config *own)
{
    const int64_t limits[] = {own->body_max, own->body_again};
    hg_status status = HG_OK;

    if (own->request_body_max > 0) {
        hg_text sent = {0};

        status = hg_request_body(request, (size_t)own->request_body_max, &sent);
        note(request, "request body", status, sent);
    }
    for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
        hg_text body = {0};

        if (limits[i] > 0) {
            status = hg_response_body(request, (size_t)limits[i], &body);
            note(request, "body", status, body);
        }
    }
    return status;
}

static void body_set(hg_request *request, const responding_config *own)
{
    size_t times = (size_t)own->times;
    char *bytes = hg_request_allocate(request, own->body.length * times + 1);

    for (size_t i = 0; bytes != NULL && i < times; i++) {
        memcpy(bytes + i * own->body.length, own->body.data, own->body.length);
    }
    note(request, "set", hg_response_set_body(request, bytes, own->body.length * times),
         (hg_text){0});
}

static hg_verdict responding_response(hg_request *request, const void *config)
{
    const responding_config *own = config;

    hg_log(request, HG_LOG_NOTICE, "phase %d, status %u", (int)hg_request_phase(request),
           (unsigned)hg_response_status(request));
    if (wait_times(request, own) == HG_CANCELED || wait_bodies(request, own) == HG_CANCELED) {
        hg_log(request, HG_LOG_NOTICE, "canceled");
        return HG_NEXT;
    }
    if (own->header.data != NULL) {
        (void)hg_response_add_header(request, HG_TEXT("X-Responding"), own->header);
    }
    if (own->remove.data != NULL) {
        (void)hg_response_remove_header(request, own->remove);
    }
    if (own->status > 0) {
        (void)hg_response_set_status(request, (uint32_t)own->status);
    }
    if (own->body.data != NULL) {
        body_set(request, own);
    }
    if (own->done_without_exit) {
        return HG_DONE;
    }
    return own->exit == 0
               ? HG_NEXT
               : hg_exit_with(request, (uint32_t)own->exit, HG_TEXT("text/x-exit"), own->exit_body);
}

static void responding_header_filter(hg_request *request, const void *config)
{
    const responding_config *own = config;
    hg_text body = {0};

    if (own->in_filter) {
        note(request, "in the filter", hg_response_body(request, 1, &body), body);
        note(request, "set in the filter", hg_response_set_body(request, "x", 1), body);
    }
}

static void responding_log(hg_request *request, const void *config)
{
    (void)config;
    hg_log(request, HG_LOG_NOTICE, "ended with %u", (unsigned)hg_response_status(request));
}

HG_PLUGIN("responding",
          "1.0.0",
          .summary = "Decides on an upstream's response, as its configuration says.",
          .priority = 55,
          .flags = HG_WAITS,
          .config = HG_CONFIG(responding_config, responding_fields),
          .header_filter = responding_header_filter,
          .log = responding_log,
          .response = responding_response);
