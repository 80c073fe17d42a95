/* tests/integration/scripted_record.c - what a scripted runner was asked, as JSON. */
#include "tests/integration/scripted_record.h"

#include "host/core/text_builder.h"

static json_t *hex_json(hg_text bytes)
{
    hgh_text_builder hex = {.max = 2 * bytes.length};
    json_t *json;

    for (size_t i = 0; i < bytes.length; i++) {
        hgh_text_builder_format(&hex, "%02x", (unsigned char)bytes.data[i]);
    }
    json = json_string(hgh_text_builder_string(&hex));
    hgh_text_builder_done(&hex);
    return json;
}

static json_t *text_json(hg_text text)
{
    json_t *json;

    if (!hg_text_is_present(text)) {
        return json_null();
    }
    json = json_stringn(text.data, text.length);
    return json != NULL ? json : json_pack("{s:o}", "hex", hex_json(text));
}

static json_t *list_json(hgh_a6_list list)
{
    json_t *array = json_array();

    for (size_t i = 0; i < list.count; i++) {
        (void)json_array_append_new(array, json_pack("[o, o]", text_json(list.items[i].name),
                                                     text_json(list.items[i].value)));
    }
    return array;
}

static json_t *request_json(const hgh_a6_request_call *call)
{
    return json_pack("{s:I, s:I, s:o, s:o, s:o, s:o, s:o}", "id", (json_int_t)call->id,
                     "conf_token", (json_int_t)call->conf_token, "source_address",
                     hex_json(call->source_address), "method",
                     text_json(hgh_a6_method_name(call->method)), "path", text_json(call->path),
                     "arguments", list_json(call->arguments), "headers", list_json(call->headers));
}

static json_t *response_json(const hgh_a6_response_call *call)
{
    return json_pack("{s:I, s:I, s:I, s:o}", "id", (json_int_t)call->id, "conf_token",
                     (json_int_t)call->conf_token, "status", (json_int_t)call->status, "headers",
                     list_json(call->headers));
}

/** Adds what every record has. */
static json_t *complete(json_t *record, uint32_t type, size_t connection)
{
    (void)json_object_set_new(record, "type", json_integer((json_int_t)type));
    (void)json_object_set_new(record, "connection", json_integer((json_int_t)connection));
    (void)json_object_set_new(record, "answers", json_array());
    return record;
}

json_t *scripted_record_of(const scripted_call *call)
{
    json_t *record;

    if (call->type == HGH_A6_PREPARE_CONF) {
        record = json_pack("{s:o, s:o, s:i}", "conf", list_json(call->prepare.conf), "key",
                           text_json(call->prepare.key), "token", 0);
    } else if (call->type == HGH_A6_HTTP_REQ_CALL) {
        record = request_json(&call->request);
    } else {
        record = response_json(&call->response);
    }
    return complete(record, (uint32_t)call->type, call->connection);
}

json_t *scripted_record_malformed(uint32_t type, size_t connection, const char *problem)
{
    return complete(json_pack("{s:s}", "malformed", problem), type, connection);
}

void scripted_record_answer(json_t *record, uint32_t info, hg_text name, hg_text result)
{
    (void)json_array_append_new(json_object_get(record, "answers"),
                                json_pack("{s:I, s:o, s:o}", "info", (json_int_t)info, "name",
                                          text_json(name), "result", text_json(result)));
}
