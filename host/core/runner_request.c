/* host/core/runner_request.c - a plugin runner is asked about a request: what goes out, what comes
 * of the answer. */
#include <string.h>

#include "host/core/host_api_internal.h"
#include "host/core/runner_arguments.h"
#include "host/core/runner_call_parts.h"

#define ARGUMENTS_BYTES_MAX (1u << 20) /* of an answer; ours */

typedef struct request_call {
    hgh_runner_call call;
    hgh_a6_request_call message;
    hg_verdict verdict;
} request_call;

/* --------------------------------------------------------------------------------- what goes out
 */

/* In network order; who has no address of these kinds sits on this machine. */
static hg_text source_address(const hg_request *request)
{
    static const char loopback[] = {127, 0, 0, 1};
    const hg_address *client = &request->client;

    switch (client->family) {
    case HG_ADDRESS_IPV4:
        return (hg_text){(const char *)client->bytes, 4};
    case HG_ADDRESS_IPV6:
        return (hg_text){(const char *)client->bytes, 16};
    default:
        return (hg_text){loopback, sizeof(loopback)};
    }
}

/* The Host that the upstream will see, as far as plugins have said by now. */
static hg_text host_in_force(hg_request *request)
{
    return request->upstream_host.data != NULL
               ? request->upstream_host
               : request->engine->header(request->engine_request, HG_TEXT("Host"));
}

static char *name_lower(char *to, hg_text name)
{
    for (size_t i = 0; i < name.length; i++) {
        char c = name.data[i];

        *to++ = c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
    }
    return to;
}

/* Names in lower case, one entry a value. False: no memory. */
static bool headers_list(hg_request *request, hgh_a6_list *out_list)
{
    const hgh_engine *engine = request->engine;
    hg_text host = host_in_force(request);
    hg_header header;
    size_t count = 0;
    size_t bytes = 0;
    hg_header *items;
    char *names;

    while (engine->header_at(request->engine_request, count, &header)) {
        bytes += header.name.length;
        count++;
    }
    items = hgh_request_allocate(request, (count + 1) * sizeof(*items) + bytes);
    if (items == NULL) {
        return false;
    }
    names = (char *)(items + count + 1);
    *out_list = (hgh_a6_list){items, 0};
    if (host.data != NULL) {
        items[out_list->count++] = (hg_header){HG_TEXT("host"), host};
    }
    for (size_t i = 0; i < count && engine->header_at(request->engine_request, i, &header); i++) {
        if (!hg_text_equal_ignoring_case(header.name, HG_TEXT("Host"))) {
            char *end = name_lower(names, header.name);

            items[out_list->count++] =
                (hg_header){{names, header.name.length},
                            header.value.data == NULL ? HG_TEXT("") : header.value};
            names = end;
        }
    }
    return true;
}

static hg_status message_make(request_call *self, hg_error *err)
{
    hg_request *request = self->call.request;
    hgh_a6_request_call *message = &self->message;
    hg_text method = hgh_request_method(request);

    if (!hgh_a6_method_number(method, &message->method)) {
        return hgh_runner_call_fail(&self->call, HG_ERR_UNSUPPORTED, err,
                                    "the protocol has no number for the method %.*s",
                                    (int)(method.length < 32 ? method.length : 32), method.data);
    }
    message->source_address = source_address(request);
    message->path = hgh_request_path(request);
    if (!hgh_runner_arguments_list(request, self->call.client->options.empty_flag_arguments,
                                   &message->arguments) ||
        !headers_list(request, &message->headers)) {
        return hgh_runner_call_fail(&self->call, HG_ERR_NO_MEMORY, err, "out of memory");
    }
    return HG_OK;
}

static hg_status encode(hgh_runner_call *call, uint32_t token, hgh_text_builder *frame)
{
    hgh_a6_request_call *message = &((request_call *)(void *)call)->message;

    message->id = call->id;
    message->conf_token = token;
    return hgh_a6_encode_request_call(frame, message);
}

/* ------------------------------------------------------------------------------------ judging */

static hg_status
stop_check(const hgh_runner_call *call, const hgh_a6_request_answer *answer, hg_error *err)
{
    return hgh_runner_headers_check(call, &answer->headers, "headers", err);
}

static hg_status
rewrite_check(const hgh_runner_call *call, const hgh_a6_request_answer *answer, hg_error *err)
{
    hg_text path = answer->path;
    size_t bytes = 0;
    hg_status status = hgh_runner_headers_check(call, &answer->headers, "headers", err);

    if (status == HG_OK) {
        status = hgh_runner_headers_check(call, &answer->response_headers, "resp_headers", err);
    }
    if (status != HG_OK) {
        return status;
    }
    if (path.length > 0 && (path.data[0] != '/' || memchr(path.data, '\0', path.length) != NULL)) {
        return hgh_runner_call_fail(call, HG_ERR_INVALID, err,
                                    "path: wanted one that begins with \"/\" and has no NUL");
    }
    for (size_t i = 0; i < answer->arguments.count; i++) {
        bytes += answer->arguments.items[i].name.length + answer->arguments.items[i].value.length;
    }
    if (bytes > ARGUMENTS_BYTES_MAX) {
        return hgh_runner_call_fail(call, HG_ERR_INVALID, err,
                                    "args: found %zu bytes, wanted at most %u", bytes,
                                    ARGUMENTS_BYTES_MAX);
    }
    return HG_OK;
}

/* --------------------------------------------------------------------------------------- stop */

static hg_status stop_headers_set(hg_request *request, const hgh_a6_list *headers)
{
    hg_status status = HG_OK;

    for (size_t i = 0; i < headers->count && status == HG_OK; i++) {
        const hg_header *header = &headers->items[i];

        if (hgh_runner_header_is_framing(header->name) ||
            hg_text_equal_ignoring_case(header->name, HG_TEXT("Content-Type"))) {
            continue;
        }
        if (header->value.data == NULL) {
            hgh_host_forget_response_header(request, header->name);
        } else if (hgh_runner_header_is_repeated(headers, i)) {
            status = hgh_host_add_response_header(request, header->name, header->value);
        } else {
            hgh_host_forget_response_header(request, header->name);
            status = hgh_host_set_response_header(request, header->name, header->value);
        }
    }
    return status;
}

/* The first that has a value; absent: none. */
static hg_text content_type(const hgh_a6_list *headers)
{
    for (size_t i = 0; i < headers->count; i++) {
        if (headers->items[i].value.data != NULL &&
            hg_text_equal_ignoring_case(headers->items[i].name, HG_TEXT("Content-Type"))) {
            return headers->items[i].value;
        }
    }
    return (hg_text){NULL, 0};
}

static hg_status stop_apply(request_call *self, const hgh_a6_request_answer *answer)
{
    hg_request *request = self->call.request;
    uint32_t status = answer->status == 0 ? 200 : answer->status;
    hg_text type = content_type(&answer->headers);
    hg_text body = answer->body.length == 0 ? (hg_text){NULL, 0} : answer->body;
    hg_status done = stop_headers_set(request, &answer->headers);

    if (done == HG_OK && body.data == NULL && type.data != NULL && status < 300) {
        done = hgh_host_set_response_header(request, HG_TEXT("Content-Type"), type);
    }
    if (done == HG_OK) {
        self->verdict = hgh_host_exit(request, status, type, body);
    }
    return done;
}

/* ------------------------------------------------------------------------------------ rewrite */

/* What it has sent back as it got it changes nothing: neither the framing, which is the host's, nor
 * what pass_host says. */
static bool header_is_ours(hg_request *request, const hg_header *header)
{
    return hgh_runner_header_is_framing(header->name) ||
           (hg_text_equal_ignoring_case(header->name, HG_TEXT("Host")) &&
            (header->value.data == NULL || hg_text_equal(header->value, host_in_force(request))));
}

static hg_status headers_rewrite(hg_request *request, const hgh_a6_list *headers)
{
    hg_status status = HG_OK;

    for (size_t i = 0; i < headers->count && status == HG_OK; i++) {
        const hg_header *header = &headers->items[i];

        if (!header_is_ours(request, header)) {
            status = header->value.data == NULL
                         ? hgh_host_remove_header(request, header->name)
                         : hgh_host_set_header(request, header->name, header->value);
        }
    }
    return status;
}

/* They would say something about a response that comes from elsewhere. */
static bool response_header_is_refused(hg_text name)
{
    static const char *const names[] = {
        "connection",       "content-length",   "transfer-encoding", "location",
        "server",           "www-authenticate", "content-encoding",  "content-type",
        "content-location", "content-language",
    };

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (hg_text_equal_ignoring_case(name, hg_text_of(names[i]))) {
            return true;
        }
    }
    return false;
}

/* They go beside what the upstream sends; of what plugins before have set the first takes the
 * place.
 */
static hg_status response_headers_add(hgh_runner_call *call, const hgh_a6_list *headers)
{
    hg_status status = HG_OK;

    for (size_t i = 0; i < headers->count && status == HG_OK; i++) {
        const hg_header *header = &headers->items[i];

        if (response_header_is_refused(header->name)) {
            hgh_runner_call_log(call, HG_LOG_WARN, "resp_headers: %.*s is not the runner's to set",
                                (int)header->name.length, header->name.data);
            continue;
        }
        if (!hgh_runner_header_is_repeated(headers, i)) {
            hgh_host_forget_response_header(call->request, header->name);
        }
        if (header->value.data != NULL) {
            status = hgh_host_add_response_header(call->request, header->name, header->value);
        }
    }
    return status;
}

static hg_status arguments_rewrite(hg_request *request, const hgh_a6_list *arguments)
{
    hg_text query;

    if (arguments->count == 0) {
        return HG_OK;
    }
    query = hgh_runner_arguments_merge(request, arguments);
    return query.data == NULL ? HG_ERR_NO_MEMORY : hgh_host_set_arguments(request, query);
}

static hg_status rewrite_apply(request_call *self, const hgh_a6_request_answer *answer)
{
    hg_request *request = self->call.request;
    hg_status status = HG_OK;

    if (answer->path.length > 0) {
        status = hgh_request_set_path(request, answer->path);
    }
    if (status == HG_OK) {
        status = headers_rewrite(request, &answer->headers);
    }
    if (status == HG_OK && answer->body.length > 0) {
        status = hgh_host_set_body(request, answer->body.data, answer->body.length);
    }
    if (status == HG_OK) {
        status = response_headers_add(&self->call, &answer->response_headers);
    }
    if (status == HG_OK) {
        status = arguments_rewrite(request, &answer->arguments);
    }
    return status;
}

/* --------------------------------------------------------------------------------- the answer */

static hg_status apply(hgh_runner_call *call, hg_text payload, hg_error *err)
{
    request_call *self = (request_call *)(void *)call;
    hgh_a6_request_answer answer = {0};
    hg_error found = HG_ERROR_INIT;
    hg_status status = hgh_a6_decode_request_answer(payload, &call->memory, &answer, &found);

    if (status != HG_OK) {
        return hgh_runner_call_fail_codec(call, status, "answer", &found, err);
    }
    status = hgh_runner_answer_check(call, answer.id, answer.status, err);
    if (status != HG_OK || answer.action == HGH_A6_NO_ACTION) {
        return status;
    }
    status = answer.action == HGH_A6_STOP ? stop_check(call, &answer, err)
                                          : rewrite_check(call, &answer, err);
    if (status != HG_OK) {
        return status;
    }
    status =
        answer.action == HGH_A6_STOP ? stop_apply(self, &answer) : rewrite_apply(self, &answer);
    return status == HG_OK ? HG_OK
                           : hgh_runner_call_fail(
                                 call, status, err, "the answer cannot be applied: %s",
                                 status == HG_ERR_NO_MEMORY ? "out of memory" : "it is too late");
}

static const hgh_runner_role role = {
    .type = HGH_A6_HTTP_REQ_CALL,
    .encode = encode,
    .apply = apply,
};

hg_status hgh_runner_call_request(hgh_runner_client *client,
                                  hg_request *request,
                                  const hgh_runner_conf *conf,
                                  hg_verdict *out_verdict,
                                  hg_error *err)
{
    request_call self = {
        .call = {.role = &role, .client = client, .request = request, .conf = conf},
        .verdict = HG_NEXT,
    };
    hg_status status = message_make(&self, err);

    if (status == HG_OK) {
        status = hgh_runner_call_run(&self.call, err);
    }
    if (status == HG_OK) {
        *out_verdict = self.verdict;
    }
    return status;
}
