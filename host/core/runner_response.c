/* host/core/runner_response.c - a plugin runner is asked about a response: what goes out, what
 * comes of the answer. */
#include <string.h>

#include "host/core/host_api_internal.h"
#include "host/core/inflate.h"
#include "host/core/response_hold.h"
#include "host/core/runner_call_parts.h"

#define CONTENT_ENCODING HG_TEXT("Content-Encoding")

typedef struct response_call {
    hgh_runner_call call;
    hgh_a6_response_call message;
    hgh_text_builder decoded; /* the body as the runner has got it, if that was decoded */
    bool is_body_seen;        /* the runner has got the body */
    bool is_body_decoded;     /* and not as the upstream has sent it */
} response_call;

static response_call *self_of(hgh_runner_call *call)
{
    return (response_call *)(void *)call;
}

/* ------------------------------------------------------------------------------ what goes out */

/* All of them, as the upstream has written them. False: no memory. */
static bool headers_list(hg_request *request, hgh_a6_list *out_list)
{
    const hgh_engine *engine = request->engine;
    hg_header header;
    hg_header *items;
    size_t count = 0;

    while (engine->response_header_at(request->engine_request, count, &header)) {
        count++;
    }
    items = hgh_request_allocate(request, (count + 1) * sizeof(*items));
    if (items == NULL) {
        return false;
    }
    *out_list = (hgh_a6_list){items, 0};
    while (out_list->count < count &&
           engine->response_header_at(request->engine_request, out_list->count, &header)) {
        items[out_list->count++] =
            (hg_header){header.name, header.value.data == NULL ? HG_TEXT("") : header.value};
    }
    return true;
}

static hg_status encode(hgh_runner_call *call, uint32_t token, hgh_text_builder *frame)
{
    hgh_a6_response_call *message = &self_of(call)->message;

    message->id = call->id;
    message->conf_token = token;
    return hgh_a6_encode_response_call(frame, message);
}

/* --------------------------------------------------------------------------------- the body */

/* What the response's body is coded in; absent: in nothing that is known. */
static hg_text coding_of(const hg_request *request)
{
    hg_text coding = request->engine->response_header(request->engine_request, CONTENT_ENCODING);

    return coding.data != NULL && hgh_inflate_knows(coding) ? coding : (hg_text){NULL, 0};
}

static hg_status body_decode(response_call *self, hg_text coding, hg_text *body, hg_error *err)
{
    hgh_runner_call *call = &self->call;
    hg_status status;

    if (self->decoded.length == 0) { /* else it asks once more */
        self->decoded.max = (size_t)call->client->options.body_max_bytes;
        status = hgh_inflate(coding, *body, &self->decoded);
        if (status != HG_OK) {
            return hgh_runner_call_fail(call, status, err,
                                        "the body of the response cannot be decoded (%.*s): %s",
                                        (int)coding.length, coding.data,
                                        status == HG_ERR_TOO_LARGE   ? "it is larger than the limit"
                                        : status == HG_ERR_NO_MEMORY ? "out of memory"
                                                                     : "it is damaged");
        }
    }
    *body = (hg_text){hgh_text_builder_string(&self->decoded), self->decoded.length};
    return HG_OK;
}

static hg_status response_body(hgh_runner_call *call, hg_text *out_body, hg_error *err)
{
    size_t max_bytes = (size_t)call->client->options.body_max_bytes;
    hg_text coding = coding_of(call->request);
    hg_text body = {NULL, 0};
    hg_status status = hgh_response_body(call->request, max_bytes, &body);

    if (status != HG_OK) {
        return hgh_runner_call_fail(call, status, err,
                                    "the runner asks for the body of the response: %s",
                                    status == HG_ERR_TOO_LARGE   ? "it is larger than the limit"
                                    : status == HG_ERR_IO        ? "the upstream has broken off"
                                    : status == HG_CANCELED      ? "the client has gone"
                                    : status == HG_ERR_NO_MEMORY ? "out of memory"
                                                                 : "it cannot be had here");
    }
    if ((call->conf->flags & HG_RUNNER_DECODE_BODY) != 0 && coding.data != NULL &&
        body.length > 0) {
        status = body_decode(self_of(call), coding, &body, err);
        self_of(call)->is_body_decoded = true;
    }
    self_of(call)->is_body_seen = true;
    *out_body = body.data == NULL ? HG_TEXT("") : body;
    return status;
}

/* ------------------------------------------------------------------------------- the answer */

/* First with a value of that name; absent: none. */
static hg_text list_find(const hgh_a6_list *headers, hg_text name)
{
    for (size_t i = 0; i < headers->count; i++) {
        if (headers->items[i].value.data != NULL &&
            hg_text_equal_ignoring_case(headers->items[i].name, name)) {
            return headers->items[i].value;
        }
    }
    return (hg_text){NULL, 0};
}

/* The coding of the upstream's body is none of the runner's if that was not made from the coded
 * bytes; and it stays with the upstream's, whatever a list says. */
static bool keeps_coding(const response_call *self, const hgh_a6_response_answer *answer)
{
    return answer->body.length == 0 || (self->is_body_seen && !self->is_body_decoded);
}

static hg_status headers_remove(const response_call *self, bool keeps_encoding)
{
    const hgh_a6_list *old = &self->message.headers;
    hg_status status = HG_OK;

    for (size_t i = 0; i < old->count && status == HG_OK; i++) {
        hg_text name = old->items[i].name;

        if (hgh_runner_header_is_framing(name) ||
            (keeps_encoding && hg_text_equal_ignoring_case(name, CONTENT_ENCODING))) {
            continue;
        }
        status = hgh_host_remove_response_header(self->call.request, name);
        status = status == HG_ERR_INVALID ? HG_OK : status; /* no name that could be set, either */
    }
    return status;
}

/* The coding of the upstream's bytes is not the runner's to say; sent back with bytes that are not
 * coded so, it was not meant. */
static bool is_coding_dropped(const response_call *self,
                              const hgh_a6_response_answer *answer,
                              const hg_header *header)
{
    return hg_text_equal_ignoring_case(header->name, CONTENT_ENCODING) &&
           (answer->body.length == 0 ||
            (!keeps_coding(self, answer) &&
             hg_text_equal(header->value, list_find(&self->message.headers, CONTENT_ENCODING))));
}

static hg_status headers_put(const response_call *self, const hgh_a6_response_answer *answer)
{
    hg_request *request = self->call.request;
    const hgh_a6_list *headers = &answer->headers;
    hg_status status = HG_OK;

    for (size_t i = 0; i < headers->count && status == HG_OK; i++) {
        const hg_header *header = &headers->items[i];

        if (header->value.data == NULL || hgh_runner_header_is_framing(header->name) ||
            is_coding_dropped(self, answer, header)) {
            continue;
        }
        status = hgh_runner_header_is_repeated(headers, i)
                     ? hgh_host_add_response_header(request, header->name, header->value)
                     : hgh_host_set_response_header(request, header->name, header->value);
    }
    return status;
}

static hg_status headers_apply(const response_call *self, const hgh_a6_response_answer *answer)
{
    hg_status status;

    if (answer->headers.count == 0) {
        return keeps_coding(self, answer)
                   ? HG_OK
                   : hgh_host_remove_response_header(self->call.request, CONTENT_ENCODING);
    }
    status = headers_remove(self, answer->body.length == 0);
    return status == HG_OK ? headers_put(self, answer) : status;
}

static hg_status apply(hgh_runner_call *call, hg_text payload, hg_error *err)
{
    response_call *self = self_of(call);
    hgh_a6_response_answer answer = {0};
    hg_error found = HG_ERROR_INIT;
    hg_status status = hgh_a6_decode_response_answer(payload, &call->memory, &answer, &found);

    if (status != HG_OK) {
        return hgh_runner_call_fail_codec(call, status, "answer", &found, err);
    }
    status = hgh_runner_answer_check(call, answer.id, answer.status, err);
    if (status == HG_OK) {
        status = hgh_runner_headers_check(call, &answer.headers, "headers", err);
    }
    if (status != HG_OK) {
        return status;
    }
    status = headers_apply(self, &answer);
    if (status == HG_OK && answer.status != 0) {
        status = hgh_host_set_response_status(call->request, answer.status);
    }
    if (status == HG_OK && answer.body.length > 0) {
        status = hgh_response_set_body(call->request, answer.body.data, answer.body.length);
    }
    return status == HG_OK ? HG_OK
                           : hgh_runner_call_fail(
                                 call, status, err, "the answer cannot be applied: %s",
                                 status == HG_ERR_NO_MEMORY ? "out of memory" : "it is too late");
}

static const hgh_runner_role role = {
    .type = HGH_A6_HTTP_RESP_CALL,
    .encode = encode,
    .apply = apply,
    .response_body = response_body,
};

hg_status hgh_runner_call_response(hgh_runner_client *client,
                                   hg_request *request,
                                   const hgh_runner_conf *conf,
                                   hg_error *err)
{
    response_call self = {
        .call = {.role = &role, .client = client, .request = request, .conf = conf},
        .message = {.status = request->engine->response_status(request->engine_request)},
    };
    hg_status status;

    if (!headers_list(request, &self.message.headers)) {
        return hgh_runner_call_fail(&self.call, HG_ERR_NO_MEMORY, err, "out of memory");
    }
    status = hgh_runner_call_run(&self.call, err);
    hgh_text_builder_done(&self.decoded);
    return status;
}
