/* host/core/host_api_http.c - the functions behind <hotgate/http.h>. */
#include <string.h>

#include "host/core/host_api_internal.h"
#include "host/core/http_client.h"

#define BODY_MAX_BYTES ((size_t)1 << 31) /* whatever a plugin asks for */

/** The calls that one plugin waits for together. */
typedef struct http_operation {
    hgh_operation operation;
    hgh_wait *wait;
    hgh_http_client *client;
    size_t count;
    size_t under_way;
    hg_http_call calls[HG_HTTP_CALLS_MAX];
    hg_http_answer answers[HG_HTTP_CALLS_MAX];
    hgh_http_transfer *transfers[HG_HTTP_CALLS_MAX];
} http_operation;

/* ---------------------------------------------------------------------------------- answers */

static hg_text text_keep(hgh_wait *wait, const char *data, size_t length)
{
    char *copy = wait->owner->allocate(wait, length + 1);

    if (copy == NULL) {
        return (hg_text){0};
    }
    if (length > 0) {
        memcpy(copy, data, length);
    }
    copy[length] = '\0';
    return (hg_text){copy, length};
}

static void answer_fail(hgh_wait *wait, hg_http_answer *answer, hg_status status, const char *why)
{
    *answer = (hg_http_answer){.result = (int32_t)status};
    answer->error = text_keep(wait, why, strlen(why));
    if (answer->error.data == NULL) {
        answer->error = HG_TEXT("out of memory");
    }
}

static bool headers_keep(hgh_wait *wait, const hgh_http_result *result, hg_http_answer *answer)
{
    size_t size = result->header_count * sizeof(hg_header);
    hg_text head = text_keep(wait, result->head.data, result->head.length);
    hg_header *headers = size == 0 ? NULL : wait->owner->allocate(wait, size);
    const char *at = head.data;

    if (head.data == NULL || (headers == NULL && size > 0)) {
        return false;
    }
    for (size_t i = 0; i < result->header_count; i++) {
        headers[i].name = hg_text_of(at);
        at += headers[i].name.length + 1;
        headers[i].value = hg_text_of(at);
        at += headers[i].value.length + 1;
    }
    answer->headers = headers;
    answer->header_count = result->header_count;
    return true;
}

static void answer_keep(hgh_wait *wait, const hgh_http_result *result, hg_http_answer *answer)
{
    if (result->error.status != HG_OK) {
        answer_fail(wait, answer, (hg_status)result->error.status, result->error.text);
        return;
    }
    *answer = (hg_http_answer){.status = result->status};
    answer->body = text_keep(wait, result->body.data, result->body.length);
    if (answer->body.data == NULL || !headers_keep(wait, result, answer)) {
        answer_fail(wait, answer, HG_ERR_NO_MEMORY, "out of memory");
    }
}

/* ------------------------------------------------------------------------------ on the way */

/* Which of them it was does not matter: all are looked at when the last has ended. */
static void call_over(void *context)
{
    http_operation *self = context;

    if (--self->under_way > 0) {
        return;
    }
    for (size_t i = 0; i < self->count; i++) {
        if (self->transfers[i] != NULL) {
            answer_keep(self->wait, hgh_http_transfer_result(self->transfers[i]),
                        &self->answers[i]);
            hgh_http_transfer_free(self->transfers[i]);
        }
    }
    hgh_wait_over(self->wait, HG_OK);
}

static hg_status http_begin(hgh_operation *operation, hgh_wait *wait)
{
    http_operation *self = (http_operation *)(void *)operation;

    self->wait = wait;
    for (size_t i = 0; i < self->count; i++) {
        if (self->answers[i].result != HG_OK) {
            continue; /* it breaks a rule */
        }
        self->transfers[i] = hgh_http_transfer_new(self->client, wait->owner->engine_request(wait),
                                                   &self->calls[i], call_over, self);
        if (self->transfers[i] == NULL) {
            answer_fail(wait, &self->answers[i], HG_ERR_NO_MEMORY, "out of memory");
        } else {
            self->under_way++;
        }
    }
    return self->under_way > 0 ? HG_OK : HG_ERR_NO_MEMORY;
}

static bool http_cancel(hgh_operation *operation, bool now)
{
    http_operation *self = (http_operation *)(void *)operation;

    (void)now;
    for (size_t i = 0; i < self->count; i++) {
        hgh_http_transfer_free(self->transfers[i]);
    }
    return true;
}

/* ----------------------------------------------------------------------------------- calls */

/* As it will be made, with what it does not say. False: it breaks a rule, and has its answer. */
static bool call_take(http_operation *self, size_t i, const void *from, size_t size)
{
    hg_http_call *call = &self->calls[i];
    hg_error err = HG_ERROR_INIT;

    memcpy(call, from, size < sizeof(*call) ? size : sizeof(*call));
    if (!hgh_http_call_check(call, &err)) {
        answer_fail(self->wait, &self->answers[i], HG_ERR_INVALID, err.text);
        return false;
    }
    call->timeout_ms = call->timeout_ms == 0 ? HG_HTTP_TIMEOUT_MS : call->timeout_ms;
    call->idle_ms = call->idle_ms == 0 ? HG_HTTP_IDLE_MS : call->idle_ms;
    call->body_max_bytes =
        call->body_max_bytes == 0 ? HG_HTTP_BODY_MAX_BYTES : call->body_max_bytes;
    if (call->body_max_bytes > BODY_MAX_BYTES) {
        call->body_max_bytes = BODY_MAX_BYTES;
    }
    return true;
}

static void all_fail(http_operation *self, hg_status status, const char *why)
{
    for (size_t i = 0; i < self->count; i++) {
        self->answers[i] = (hg_http_answer){.result = (int32_t)status, .error = hg_text_of(why)};
    }
}

static hg_status first_failure(const http_operation *self)
{
    for (size_t i = 0; i < self->count; i++) {
        if (self->answers[i].result != HG_OK) {
            return (hg_status)self->answers[i].result;
        }
    }
    return HG_OK;
}

static void calls_make(http_operation *self, const hg_http_call *calls, size_t call_size)
{
    size_t good = 0;
    hg_status status;

    for (size_t i = 0; i < self->count; i++) {
        good += call_take(self, i, (const char *)calls + i * call_size, call_size);
    }
    status = good == 0 ? HG_OK : hgh_wait_for(self->wait, &self->operation);
    if (status == HG_CANCELED) {
        all_fail(self, status, "the client has gone");
    }
}

static hg_status http_call(const hg_host *host,
                           hg_request *request,
                           const hg_http_call *calls,
                           size_t call_size,
                           hg_http_answer *answers,
                           size_t answer_size,
                           size_t count)
{
    const hgh_plugin *plugin = host->plugin;
    hgh_wait *wait = hgh_wait_of(request);
    http_operation self = {
        .operation = {.begin = http_begin, .cancel = http_cancel},
        .wait = wait,
        .client = plugin->plugin_host->http,
        .count = count,
    };

    if (count == 0 || count > HG_HTTP_CALLS_MAX) {
        return HG_ERR_INVALID;
    }
    if (wait == NULL) {
        all_fail(&self, HG_ERR_UNSUPPORTED, "nothing can be waited for here");
    } else {
        calls_make(&self, calls, call_size);
    }
    for (size_t i = 0; i < count; i++) {
        memcpy((char *)answers + i * answer_size, &self.answers[i],
               answer_size < sizeof(self.answers[i]) ? answer_size : sizeof(self.answers[i]));
    }
    return first_failure(&self);
}

const hg_http_api hgh_host_http_api = {
    .size = sizeof(hgh_host_http_api),
    .call = http_call,
};
