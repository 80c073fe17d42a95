/* host/core/runner_question.c - what a plugin runner asks while it is being asked. */
#include "host/core/host_api_internal.h"
#include "host/core/runner_call_parts.h"

#define NAME_BYTES_MAX 8192u /* of a variable; ours */

/* A body of the client's, or what a plugin has put in its place; absent: there is none. */
static hg_status request_body_read(hgh_runner_call *call, hg_text *out_body, hg_error *err)
{
    hg_text body = {NULL, 0};
    hg_status status = hgh_request_read_body(call->request, HGH_RUNNER_BODY_MAX_BYTES, &body);

    if (status == HG_OK) {
        *out_body = body.length == 0 ? (hg_text){NULL, 0} : body;
        return HG_OK;
    }
    if (status == HG_ERR_TOO_LARGE) {
        return hgh_runner_call_fail(call, status, err,
                                    "the runner asks for a request body of more than %u bytes",
                                    HGH_RUNNER_BODY_MAX_BYTES);
    }
    if (status == HG_CANCELED || status == HG_ERR_NO_MEMORY) {
        return hgh_runner_call_fail(call, status, err, "%s",
                                    status == HG_CANCELED ? "the client has gone"
                                                          : "out of memory");
    }
    if (call->role->response_body == NULL) {
        return hgh_runner_call_fail(call, status, err, "the request body cannot be read");
    }
    hgh_runner_call_log(call, HG_LOG_WARN,
                        "the runner asks for the request body, which is not there any more");
    *out_body = (hg_text){NULL, 0};
    return HG_OK;
}

/* Once: each look at it is a copy, which lives as long as the request. */
static hg_status request_body(hgh_runner_call *call, hg_text *out_body, hg_error *err)
{
    if (!call->has_request_body) {
        hg_status status = request_body_read(call, &call->request_body, err);

        if (status != HG_OK) {
            return status;
        }
        call->has_request_body = true;
    }
    *out_body = call->request_body;
    return HG_OK;
}

static hg_status response_body(hgh_runner_call *call, hg_text *out_body, hg_error *err)
{
    if (call->role->response_body != NULL) {
        return call->role->response_body(call, out_body, err);
    }
    hgh_runner_call_log(call, HG_LOG_ERROR,
                        "the runner asks for the response body, and there is no response yet");
    *out_body = (hg_text){NULL, 0};
    return HG_OK;
}

/* The body is read first if that is where it stands; of a longer one than variables are looked for
 * in nothing comes into memory. */
static hg_status variable(hgh_runner_call *call, hg_text name, hg_text *out_value, hg_error *err)
{
    hg_request *request = call->request;
    uint8_t family = hgh_body_family_of(name);
    hg_status status = HG_OK;
    hg_text unused;

    if (name.length > NAME_BYTES_MAX) {
        *out_value = (hg_text){NULL, 0}; /* no variable has such a name */
        return HG_OK;
    }
    if (family != 0 && hgh_request_body_is_needed(request, family)) {
        status = hgh_request_read_body(request, 0, &unused);
    }
    if (status == HG_CANCELED) {
        return hgh_runner_call_fail(call, status, err, "the client has gone");
    }
    if (status == HG_ERR_TOO_LARGE) { /* than nothing, unless the engine has refused it */
        hgh_request_body_look(request);
    }
    if (hg_text_starts_with(name, HG_TEXT("arg_")) &&
        hgh_request_expression_variable(request, name).kind == HGH_VARIABLE_TRUE) {
        *out_value = HG_TEXT("true"); /* an argument without "=", as in APISIX */
        return HG_OK;
    }
    *out_value = hgh_request_variable(request, name);
    return HG_OK;
}

static hg_status
result_find(hgh_runner_call *call, const hgh_a6_question *question, hg_text *out, hg_error *err)
{
    switch (question->info) {
    case HGH_A6_VAR:
        return variable(call, question->name, out, err);
    case HGH_A6_REQUEST_BODY:
        return request_body(call, out, err);
    case HGH_A6_RESPONSE_BODY:
        return response_body(call, out, err);
    case HGH_A6_NO_INFO:
    default:
        return hgh_runner_call_fail(call, HG_ERR_INVALID, err,
                                    "ExtraInfo: found a question of no kind, wanted one for a "
                                    "variable, the request body or the response body");
    }
}

hg_status hgh_runner_question_answer(hgh_runner_call *call, hg_text payload, hg_error *err)
{
    hgh_text_builder frame = {.max = HGH_A6_HEADER_BYTES + HGH_A6_PAYLOAD_MAX};
    hgh_a6_question question = {0};
    hgh_a6_question_answer answer = {0};
    hg_error found = HG_ERROR_INIT;
    hg_status status = hgh_a6_decode_question(payload, &call->memory, &question, &found);

    if (status != HG_OK) {
        return hgh_runner_call_fail_codec(call, status, "ExtraInfo", &found, err);
    }
    status = result_find(call, &question, &answer.result, err);
    if (status != HG_OK) {
        return status;
    }
    status = hgh_a6_encode_question_answer(&frame, &answer);
    status = status == HG_OK
                 ? hgh_runner_call_send(call, &frame, err)
                 : hgh_runner_call_fail_codec(call, status, "answer to ExtraInfo", &found, err);
    hgh_text_builder_done(&frame);
    return status;
}
