/* host/runner/served_call.c - one call of a gateway, from its frame to the answer. */
#include "host/runner/served_call.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "host/core/coroutine.h"
#include "host/core/request_call.h"
#include "host/core/response_hold.h"
#include "host/runner/log.h"

/* --------------------------------------------------------------------------------- questions */

static hgh_served_call *call_of_question(hgh_operation *operation)
{
    return HGH_CONTAINER_OF(operation, hgh_served_call, question);
}

static hg_status question_send(hgh_served_call *call)
{
    const hgh_a6_question message = {call->asking->info, call->asking->name};
    hg_status status =
        call->connection == NULL
            ? HG_ERR_IO
            : hgh_a6_encode_question(hgh_frame_connection_out(call->connection), &message);

    if (status == HG_OK) {
        hgh_frame_connection_send(call->connection);
        hgh_frame_connection_release(call->connection);
    }
    return status;
}

static hg_status question_begin(hgh_operation *operation, hgh_wait *wait)
{
    (void)wait;
    return question_send(call_of_question(operation));
}

static bool question_cancel(hgh_operation *operation, bool now)
{
    (void)now;
    call_of_question(operation)->asking = NULL;
    return true;
}

static hgh_asked *asked_find(const hgh_served_call *call, hgh_a6_info info, hg_text name)
{
    hgh_asked *asked = call->asked;

    while (asked != NULL && (asked->info != info || !hg_text_equal(asked->name, name))) {
        asked = asked->next;
    }
    return asked;
}

static hgh_asked *asked_new(hgh_served_call *call, hgh_a6_info info, hg_text name)
{
    hgh_asked *asked = hgh_memory_take(&call->memory, sizeof(*asked));

    if (asked == NULL) {
        return NULL;
    }
    *asked = (hgh_asked){.info = info, .name = hgh_memory_copy(&call->memory, name)};
    return name.data != NULL && asked->name.data == NULL ? NULL : asked;
}

static void asked_keep(hgh_served_call *call, hgh_asked *asked)
{
    asked->next = call->asked;
    call->asked = asked;
}

hg_text hgh_served_call_ask(hgh_served_call *call, hgh_a6_info info, hg_text name)
{
    hgh_asked *asked = asked_find(call, info, name);
    hg_status status;

    if (asked != NULL || !hgh_coroutine_is_running()) {
        return asked == NULL ? (hg_text){0} : asked->result;
    }
    asked = asked_new(call, info, name);
    if (asked == NULL) {
        return (hg_text){0};
    }
    call->asking = asked;
    status = hgh_wait_for(&call->request->wait, &call->question);
    if (status != HG_OK) {
        call->asking = NULL;
        call->has_failed = true;
        return (hg_text){0};
    }
    asked_keep(call, asked);
    return asked->result;
}

/* The body is here already, or there was no asking for it. */
static void body_over(void *context)
{
    hgh_served_call *call = context;
    hgh_status_callback done = call->body_done;

    call->body_done = NULL;
    if (done != NULL) {
        done(call->body_context, call->body_status);
    }
}

/* Asks for a body without waiting, unless it is here. */
static void body_ask(
    hgh_served_call *call, hgh_a6_info info, bool is_here, hgh_status_callback done, void *context)
{
    call->body_done = done;
    call->body_context = context;
    call->body_status = HG_OK;
    if (!is_here && asked_find(call, info, (hg_text){0}) == NULL) {
        call->asking = asked_new(call, info, (hg_text){0});
        call->body_status = call->asking == NULL ? HG_ERR_NO_MEMORY : question_send(call);
        if (call->body_status == HG_OK) {
            return;
        }
        call->asking = NULL;
    }
    hgh_event_loop_defer(call->serving->loop, &call->body_timer, body_over, call);
}

void hgh_served_call_read_body(hgh_served_call *call, hgh_status_callback done, void *context)
{
    body_ask(call, HGH_A6_REQUEST_BODY, call->in.body.data != NULL, done, context);
}

/* Hands it to the callback that waits for it. */
static void response_body_read(void *context, hg_status status)
{
    hgh_served_call *call = context;
    hg_request *request = call->request;
    const hgh_asked *asked = asked_find(call, HGH_A6_RESPONSE_BODY, (hg_text){0});

    if (!hgh_response_is_wanted(request)) {
        return; /* the call is to end */
    }
    if (status != HG_OK || asked == NULL) {
        hgh_response_end(request, HG_ERR_IO);
    } else if (asked->result.length == 0 || hgh_response_take(request, asked->result)) {
        hgh_response_end(request, HG_OK);
    }
    hgh_response_tell(request);
}

void hgh_served_call_read_response_body(hgh_served_call *call)
{
    body_ask(call, HGH_A6_RESPONSE_BODY, false, response_body_read, call);
}

bool hgh_served_call_is_asking(const hgh_served_call *call)
{
    return call->asking != NULL;
}

static void *memory_take(void *context, size_t size)
{
    return hgh_memory_take(context, size);
}

static hgh_a6_memory memory_of(hgh_served_call *call)
{
    return (hgh_a6_memory){memory_take, &call->memory};
}

hg_status hgh_served_call_answered(hgh_served_call *call, hg_text payload, hg_error *err)
{
    const hgh_a6_memory memory = memory_of(call);
    hgh_asked *asked = call->asking;
    hgh_a6_question_answer answer = {0};
    hg_status status = hgh_a6_decode_question_answer(payload, &memory, &answer, err);

    if (status == HG_ERR_INVALID) {
        return status;
    }
    call->asking = NULL;
    if (status == HG_OK) {
        asked->result = hgh_memory_copy(&call->memory, answer.result);
        status =
            answer.result.data != NULL && asked->result.data == NULL ? HG_ERR_NO_MEMORY : HG_OK;
    }
    if (call->body_done == NULL) {
        hgh_wait_over(&call->request->wait, status);
        return HG_OK;
    }
    if (status == HG_OK) {
        asked_keep(call, asked);
    }
    call->body_status = status;
    body_over(call);
    return HG_OK;
}

/* ------------------------------------------------------------------------------- running it */

static hg_status pause_begin(hgh_operation *operation, hgh_wait *wait)
{
    (void)wait;
    HGH_CONTAINER_OF(operation, hgh_served_call, pause)->pauses = true;
    return HG_OK;
}

static bool pause_cancel(hgh_operation *operation, bool now)
{
    hgh_served_call *call = HGH_CONTAINER_OF(operation, hgh_served_call, pause);

    (void)now;
    call->pauses = false;
    call->body_done = NULL;
    call->asking = NULL;
    return true;
}

void hgh_served_call_resume(hgh_served_call *call)
{
    if (call->pauses) {
        call->pauses = false;
        hgh_wait_over(&call->request->wait, HG_OK);
    }
}

static void fail(hgh_served_call *call, const char *why)
{
    call->has_failed = true;
    hgh_runner_log(HG_LOG_ERROR, "call %" PRIu32 ": %s", call->id, why);
}

/* Until engine->resume(). False: the call is to end. */
static bool pause_wait(hgh_served_call *call)
{
    if (hgh_wait_for(&call->request->wait, &call->pause) != HG_OK) {
        call->has_failed = true;
    }
    return !call->has_failed;
}

/* One phase, until it is over. */
static hgh_outcome phase_run(hgh_served_call *call, hg_phase phase)
{
    hgh_outcome outcome;

    while ((outcome = hgh_request_call_phase(call->request, phase)) == HGH_PARKED) {
        if (!pause_wait(call)) {
            return HGH_ANSWER;
        }
    }
    return outcome;
}

static void request_run(hgh_served_call *call)
{
    uint32_t serves = call->conf->serves;
    hgh_outcome outcome = HGH_GO_UPSTREAM;

    if ((serves & HGH_SERVES_REWRITE) != 0) {
        outcome = phase_run(call, HG_PHASE_REWRITE);
    }
    if (outcome == HGH_GO_UPSTREAM && (serves & HGH_SERVES_ACCESS) != 0) {
        (void)phase_run(call, HG_PHASE_ACCESS);
    }
}

/* Variables in the request's body are read before anything of the response runs. */
static bool request_body_read(hgh_served_call *call)
{
    const hgh_chain *chain = call->request->chain;
    uint8_t families = 0;

    for (uint32_t i = 0; i < chain->configuration_count; i++) {
        families |= chain->configurations[i]->body;
    }
    if (families != 0 && hgh_request_body_is_needed(call->request, families) &&
        hgh_request_body_begin(call->request)) {
        (void)pause_wait(call);
    }
    if (call->request->exit.set) {
        fail(call, "the request's body cannot be read");
    }
    return !call->has_failed;
}

/* The phase response; false: the call has failed. */
static bool response_decide(hgh_served_call *call)
{
    hgh_outcome outcome = HGH_GO_UPSTREAM;

    if (hgh_request_has_response(call->request)) {
        while ((outcome = hgh_request_response(call->request)) == HGH_PARKED) {
            if (!pause_wait(call)) {
                return false;
            }
        }
    }
    if (outcome != HGH_GO_UPSTREAM) {
        fail(call, "out of memory for the response");
    }
    return !call->has_failed;
}

static bool is_without_body(const hgh_served_call *call)
{
    return call->status == 204 || call->status == 304;
}

/* All of a body through the filters, at once. */
static hg_text body_filter(hgh_served_call *call, hg_text body)
{
    hg_text data = {0};

    if (hgh_request_body_filter(call->request, body, true, &data) != HG_OK) {
        fail(call, "out of memory for the response's body");
    }
    return data;
}

/* Keeps what takes the place of the upstream's body. */
static void body_put(hgh_served_call *call, hg_text body)
{
    if (body.length == 0 && !is_without_body(call)) {
        fail(call, "a plugin has emptied the response's body, which the protocol cannot say");
    } else if (body.length > 0) {
        call->response_body = hgh_memory_copy(&call->memory, body);
        if (call->response_body.data == NULL) {
            fail(call, "out of memory for the response's body");
        }
    }
}

static void response_run(hgh_served_call *call)
{
    const hgh_response_hold *hold;
    hg_text body = {0};
    hg_text sent;
    bool is_filtered;
    bool is_replaced;

    if (!request_body_read(call) || !response_decide(call)) {
        return;
    }
    hold = call->request->hold;
    is_replaced = hold != NULL && hold->replaced;
    is_filtered =
        hgh_request_header_filter(call->request) || hgh_request_has_body_filters(call->request);
    if (is_replaced) {
        body = hold->replacement;
    } else if (is_filtered) {
        body = hgh_served_call_ask(call, HGH_A6_RESPONSE_BODY, (hg_text){0});
        body = body.data == NULL ? HG_TEXT("") : body;
    }
    sent = is_filtered ? body_filter(call, body) : body;
    if (!call->has_failed && (is_replaced || !hg_text_equal(sent, body))) {
        body_put(call, sent);
    }
}

static void end(void *context);

static void run(void *context)
{
    hgh_served_call *call = context;

    if (!call->is_response) {
        request_run(call);
    } else if ((call->conf->serves & HGH_SERVES_RESPONSE) != 0) {
        response_run(call);
    }
    hgh_event_loop_defer(call->serving->loop, &call->end, end, call);
}

/* -------------------------------------------------------------------------------------- end */

static void call_free(hgh_served_call *call)
{
    hgh_serving *serving = call->serving;

    hgh_event_loop_timer_stop(serving->loop, &call->deadline);
    hgh_event_loop_timer_stop(serving->loop, &call->body_timer);
    hgh_event_loop_timer_stop(serving->loop, &call->end);
    if (call->at != NULL) {
        *call->at = call->next;
        if (call->next != NULL) {
            call->next->at = call->at;
        }
    }
    if (call->request != NULL) {
        hgh_request_done(call->request);
    }
    hgh_served_conf_unref(call->conf);
    hgh_memory_done(&call->memory);
    free(call);
    if (serving->calls == NULL && serving->on_calls_over != NULL) {
        serving->on_calls_over(serving->context);
    }
}

static void refused_headers_tell(const hgh_served_call *call)
{
    for (const hgh_early_header *early = call->request->early_headers; early != NULL;
         early = early->next) {
        if (hgh_call_header_is_refused(early->name)) {
            hgh_runner_log(HG_LOG_WARN,
                           "call %" PRIu32 ": response header %s is left out: the protocol sets it "
                           "with a response of the plugin's own only",
                           call->id, early->name.data);
        }
    }
}

static hg_status request_answer(hgh_served_call *call, hgh_text_builder *out)
{
    const hg_request *request = call->request;
    hgh_a6_request_answer answer = {.id = call->id};
    hg_status status;

    if (request->exit.set) {
        status = hgh_call_request_stop(&call->in, request->early_headers, &request->exit, &answer);
    } else {
        refused_headers_tell(call);
        status = hgh_call_request_rewrite(&call->in, request->early_headers, request->upstream_host,
                                          &answer);
    }
    return status == HG_OK ? hgh_a6_encode_request_answer(out, &answer) : status;
}

/* What is about the connection, or no longer true of another body. */
static bool stays(const hgh_served_call *call, hg_text name)
{
    return !hg_text_equal_ignoring_case(name, HG_TEXT("Connection")) &&
           !hg_text_equal_ignoring_case(name, HG_TEXT("Transfer-Encoding")) &&
           (call->response_body.data == NULL ||
            !hg_text_equal_ignoring_case(name, HG_TEXT("Content-Length")));
}

/* A list of headers is complete: what does not stand in it goes. So all of them stand there, also
 * if nothing has changed: APISIX loses some, Content-Type among them, where there is no list. A
 * gateway that names phases is ours, and needs none. */
static hg_status response_answer(hgh_served_call *call, hgh_text_builder *out)
{
    hgh_a6_response_answer answer = {.id = call->id, .body = call->response_body};
    hg_header *items;
    size_t count = 0;

    if (!call->response_changed && call->response_body.data == NULL &&
        call->conf->serves != HGH_SERVES_ALL) {
        return hgh_a6_encode_response_answer(out, &answer);
    }
    for (const hgh_header_line *line = call->response_headers.first; line != NULL;
         line = line->next) {
        count++;
    }
    items = hgh_memory_take(&call->memory, (count + 1) * sizeof(*items));
    if (items == NULL) {
        return HG_ERR_NO_MEMORY;
    }
    count = 0;
    for (const hgh_header_line *line = call->response_headers.first; line != NULL;
         line = line->next) {
        if (stays(call, line->header.name)) {
            items[count++] = line->header;
        }
    }
    answer.status = call->status;
    answer.headers = (hgh_a6_list){items, count};
    return hgh_a6_encode_response_answer(out, &answer);
}

/* Answers, if anybody waits for it. */
static void answer(hgh_served_call *call)
{
    hgh_text_builder *out = hgh_frame_connection_out(call->connection);
    hg_status status = HG_ERR_UNSUPPORTED;

    if (!call->has_failed && !call->is_timed_out) {
        status = call->is_response ? response_answer(call, out) : request_answer(call, out);
        if (status != HG_OK) {
            hgh_runner_log(HG_LOG_ERROR, "call %" PRIu32 ": %s", call->id,
                           status == HG_ERR_TOO_LARGE ? "its answer is too large for the protocol"
                                                      : "out of memory");
        }
    }
    if (status != HG_OK) {
        (void)hgh_a6_encode_error(out, &(hgh_a6_error){HGH_A6_SERVICE_UNAVAILABLE}); /* or none */
    }
    hgh_frame_connection_send(call->connection);
}

/* The gateway waits no longer: it is told, or gone. */
static void let_go(hgh_served_call *call)
{
    void (*on_end)(void *context) = call->on_end;

    call->connection = NULL;
    call->on_end = NULL;
    if (on_end != NULL) {
        on_end(call->context);
    }
}

static void end(void *context)
{
    hgh_served_call *call = context;

    if (call->connection != NULL) {
        answer(call);
        let_go(call);
    }
    call_free(call);
}

static void timed_out(void *context)
{
    hgh_served_call *call = context;

    hgh_runner_log(HG_LOG_ERROR, "call %" PRIu32 ": its plugins have not ended within %u ms",
                   call->id, call->serving->call_max_ms);
    call->is_timed_out = true;
    if (!hgh_request_cancel_begin(call->request) && call->connection != NULL) {
        answer(call); /* a function on a thread goes on: the gateway does not wait for it */
        let_go(call);
    }
}

void hgh_served_call_abandon(hgh_served_call *call)
{
    call->connection = NULL;
    call->on_end = NULL;
    (void)hgh_request_cancel_begin(call->request); /* false: it ends with its function */
}

/* RPC_ERROR, service unavailable. Made once, before anything can die. */
static struct {
    char bytes[64];
    size_t length;
} last_word;

hg_status hgh_serving_prepare_last_word(void)
{
    hgh_text_builder frame = {.max = sizeof(last_word.bytes)};
    hg_status status =
        hgh_a6_encode_error(&frame, &(hgh_a6_error){.code = HGH_A6_SERVICE_UNAVAILABLE});

    if (status == HG_OK) {
        memcpy(last_word.bytes, frame.data, frame.length);
        last_word.length = frame.length;
    }
    hgh_text_builder_done(&frame);
    return status;
}

void hgh_served_call_dying(const hg_request *request)
{
    const hgh_served_call *call = request->engine_request;

    if (call->connection != NULL) {
        hgh_frame_connection_last_word(call->connection,
                                       (hg_text){last_word.bytes, last_word.length});
    }
}

void hgh_serving_cancel_all(hgh_serving *serving)
{
    while (serving->calls != NULL) {
        hgh_served_call *call = serving->calls;

        call->connection = NULL;
        call->on_end = NULL;
        hgh_request_cancel(call->request);
        call_free(call);
    }
}

/* -------------------------------------------------------------------------------------- new */

/* The message of a frame, and whose token it bears. */
static hg_status
message_read(hgh_served_call *call, hg_text payload, uint32_t *out_token, hg_error *err)
{
    const hgh_a6_memory memory = memory_of(call);
    hg_status status;

    if (call->is_response) {
        hgh_a6_response_call message = {0};

        status = hgh_a6_decode_response_call(payload, &memory, &message, err);
        call->id = message.id;
        *out_token = message.conf_token;
        call->status = message.status;
        return status == HG_OK ? hgh_call_headers_read(&call->response_headers, &call->memory,
                                                       &message.headers, err)
                               : status;
    }
    hgh_a6_request_call message = {0};

    status = hgh_a6_decode_request_call(payload, &memory, &message, err);
    call->id = message.id;
    *out_token = message.conf_token;
    return status == HG_OK ? hgh_call_request_read(&call->in, &call->memory, &message, err)
                           : status;
}

/* HG_OK: it can be run. Else what is logged, and what the gateway is told. */
static hg_status
call_prepare(hgh_served_call *call, hg_text payload, hgh_a6_error_code *out_code, hg_error *err)
{
    uint32_t token = 0;
    hgh_served_conf *conf;
    hg_status status = message_read(call, payload, &token, err);

    if (status != HG_OK) {
        *out_code = status == HG_ERR_INVALID ? HGH_A6_BAD_REQUEST : HGH_A6_SERVICE_UNAVAILABLE;
        return status;
    }
    conf = hgh_conf_table_find_token(&call->serving->confs, token);
    if (conf == NULL) {
        *out_code = HGH_A6_CONF_TOKEN_NOT_FOUND;
        return hg_error_set(err, HG_ERR_NOT_FOUND, "token %" PRIu32 " is not known", token);
    }
    call->conf = hgh_served_conf_ref(conf);
    call->request = hgh_request_new_called(call->serving->runtime, call, conf->chain);
    *out_code = HGH_A6_SERVICE_UNAVAILABLE;
    return call->request == NULL ? hg_error_set(err, HG_ERR_NO_MEMORY, "out of memory") : HG_OK;
}

static void list_enter(hgh_served_call *call)
{
    hgh_serving *serving = call->serving;

    call->at = &serving->calls;
    call->next = serving->calls;
    if (call->next != NULL) {
        call->next->at = &call->next;
    }
    serving->calls = call;
}

hgh_served_call *hgh_served_call_new(hgh_serving *serving,
                                     hgh_frame_connection *connection,
                                     hgh_a6_type type,
                                     hg_text payload,
                                     void (*on_end)(void *context),
                                     void *context,
                                     hgh_a6_error_code *out_code)
{
    hgh_served_call *call = calloc(1, sizeof(*call));
    hg_error err = HG_ERROR_INIT;
    hg_status status;

    *out_code = HGH_A6_SERVICE_UNAVAILABLE;
    if (call == NULL) {
        return NULL;
    }
    call->serving = serving;
    call->connection = connection;
    call->on_end = on_end;
    call->context = context;
    call->is_response = type == HGH_A6_HTTP_RESP_CALL;
    call->question = (hgh_operation){.begin = question_begin, .cancel = question_cancel};
    call->pause = (hgh_operation){.begin = pause_begin, .cancel = pause_cancel};
    list_enter(call);
    status = call_prepare(call, payload, out_code, &err);
    hgh_event_loop_timer_start(serving->loop, &call->deadline, serving->call_max_ms, timed_out,
                               call);
    if (status == HG_OK && !hgh_request_call(call->request, run, call)) {
        status = hg_error_set(&err, HG_ERR_FULL, "%u calls are waiting already, no more are taken",
                              serving->runtime->coroutines.active);
    }
    if (status != HG_OK) {
        hgh_runner_log(status == HG_ERR_NOT_FOUND ? HG_LOG_NOTICE : HG_LOG_ERROR,
                       "call %" PRIu32 ": %s", call->id, err.text);
        call_free(call);
        return NULL;
    }
    return call;
}
