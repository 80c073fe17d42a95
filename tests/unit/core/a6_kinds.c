/* tests/unit/core/a6_kinds.c - the nine messages of the external plugin protocol, by name. */
#include "tests/unit/core/a6_kinds.h"

#include <string.h>

static json_t *text_json(hg_text text)
{
    return hg_text_is_present(text) ? json_stringn(text.data, text.length) : json_null();
}

static json_t *bytes_json(hg_text bytes)
{
    hgh_text_builder hex = {.max = 2 * bytes.length + 1};
    json_t *json;

    if (!hg_text_is_present(bytes)) {
        return json_null();
    }
    for (size_t i = 0; i < bytes.length; i++) {
        hgh_text_builder_format(&hex, "%02x", (unsigned char)bytes.data[i]);
    }
    json = json_string(hgh_text_builder_string(&hex));
    hgh_text_builder_done(&hex);
    return json;
}

static json_t *list_json(hgh_a6_list list)
{
    json_t *entries = list.count == 0 ? json_null() : json_array();

    for (size_t i = 0; i < list.count; i++) {
        (void)json_array_append_new(entries,
                                    json_pack("{s:o, s:o}", "name", text_json(list.items[i].name),
                                              "value", text_json(list.items[i].value)));
    }
    return entries;
}

static json_t *number_json(uint32_t number)
{
    return json_integer((json_int_t)number);
}

static json_t *json_error(const a6_message *of)
{
    return json_pack("{s:o}", "code", number_json(of->error.code));
}

static json_t *json_prepare_request(const a6_message *of)
{
    return json_pack("{s:o, s:o}", "conf", list_json(of->prepare_request.conf), "key",
                     text_json(of->prepare_request.key));
}

static json_t *json_prepare_answer(const a6_message *of)
{
    return json_pack("{s:o}", "conf_token", number_json(of->prepare_answer.conf_token));
}

static json_t *json_request_call(const a6_message *of)
{
    const hgh_a6_request_call *call = &of->request_call;

    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "id", number_json(call->id), "src_ip",
                     bytes_json(call->source_address), "method", number_json(call->method), "path",
                     text_json(call->path), "args", list_json(call->arguments), "headers",
                     list_json(call->headers), "conf_token", number_json(call->conf_token));
}

static json_t *json_request_answer(const a6_message *of)
{
    const hgh_a6_request_answer *answer = &of->request_answer;
    json_t *action = json_null();

    if (answer->action == HGH_A6_STOP) {
        action = json_pack("{s:o, s:o, s:o}", "status", number_json(answer->status), "headers",
                           list_json(answer->headers), "body", bytes_json(answer->body));
    } else if (answer->action == HGH_A6_REWRITE) {
        action = json_pack("{s:o, s:o, s:o, s:o, s:o}", "path", text_json(answer->path), "headers",
                           list_json(answer->headers), "args", list_json(answer->arguments),
                           "resp_headers", list_json(answer->response_headers), "body",
                           bytes_json(answer->body));
    }
    return json_pack("{s:o, s:o, s:o}", "id", number_json(answer->id), "action_type",
                     number_json((uint32_t)answer->action), "action", action);
}

static json_t *json_question(const a6_message *of)
{
    json_t *info = of->question.info == HGH_A6_NO_INFO ? json_null() : json_object();

    if (of->question.info == HGH_A6_VAR) {
        (void)json_object_set_new(info, "name", text_json(of->question.name));
    }
    return json_pack("{s:o, s:o}", "info_type", number_json((uint32_t)of->question.info), "info",
                     info);
}

static json_t *json_question_answer(const a6_message *of)
{
    return json_pack("{s:o}", "result", bytes_json(of->question_answer.result));
}

static json_t *json_response_call(const a6_message *of)
{
    const hgh_a6_response_call *call = &of->response_call;

    return json_pack("{s:o, s:o, s:o, s:o}", "id", number_json(call->id), "status",
                     number_json(call->status), "headers", list_json(call->headers), "conf_token",
                     number_json(call->conf_token));
}

static json_t *json_response_answer(const a6_message *of)
{
    const hgh_a6_response_answer *answer = &of->response_answer;

    return json_pack("{s:o, s:o, s:o, s:o}", "id", number_json(answer->id), "status",
                     number_json(answer->status), "headers", list_json(answer->headers), "body",
                     bytes_json(answer->body));
}

/* The functions of each message, as ones of the union. */
#define MESSAGE(message_)                                                                          \
    static hg_status decode_##message_(hg_text payload, const hgh_a6_memory *memory,               \
                                       a6_message *out, hg_error *err)                             \
    {                                                                                              \
        return hgh_a6_decode_##message_(payload, memory, &out->message_, err);                     \
    }                                                                                              \
                                                                                                   \
    static hg_status encode_##message_(hgh_text_builder *into, const a6_message *message)          \
    {                                                                                              \
        return hgh_a6_encode_##message_(into, &message->message_);                                 \
    }                                                                                              \
    _Static_assert(sizeof(a6_message) > 0, "takes the semicolon")

MESSAGE(error);
MESSAGE(prepare_request);
MESSAGE(prepare_answer);
MESSAGE(request_call);
MESSAGE(request_answer);
MESSAGE(question);
MESSAGE(question_answer);
MESSAGE(response_call);
MESSAGE(response_answer);

#define KIND(name_, type_, message_)                                                               \
    {                                                                                              \
        name_, type_, decode_##message_, encode_##message_, json_##message_                        \
    }

const a6_kind a6_kinds[] = {
    KIND("A6.Err.Resp", HGH_A6_ERROR, error),
    KIND("A6.PrepareConf.Req", HGH_A6_PREPARE_CONF, prepare_request),
    KIND("A6.PrepareConf.Resp", HGH_A6_PREPARE_CONF, prepare_answer),
    KIND("A6.HTTPReqCall.Req", HGH_A6_HTTP_REQ_CALL, request_call),
    KIND("A6.HTTPReqCall.Resp", HGH_A6_HTTP_REQ_CALL, request_answer),
    KIND("A6.ExtraInfo.Req", HGH_A6_EXTRA_INFO, question),
    KIND("A6.ExtraInfo.Resp", HGH_A6_EXTRA_INFO, question_answer),
    KIND("A6.HTTPRespCall.Req", HGH_A6_HTTP_RESP_CALL, response_call),
    KIND("A6.HTTPRespCall.Resp", HGH_A6_HTTP_RESP_CALL, response_answer),
    {NULL, 0, NULL, NULL, NULL},
};

const a6_kind *a6_kind_find(const char *name)
{
    for (const a6_kind *kind = a6_kinds; kind->name != NULL; kind++) {
        if (strcmp(kind->name, name) == 0) {
            return kind;
        }
    }
    return NULL;
}
