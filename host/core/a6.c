/* host/core/a6.c - the messages of the external plugin protocol, between a gateway and a runner. */
#include "host/core/a6.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Rows of a message's table: field, its kind and slot in the schema, member of the struct. */
#define FIELD(kind_, slot_, struct_, member_)                                                      \
    {                                                                                              \
        .name = #member_, .kind = HGH_FLATBUFFER_##kind_, .slot = slot_,                           \
        .offset = offsetof(struct_, member_)                                                       \
    }
#define LIST(slot_, struct_, member_)                                                              \
    {                                                                                              \
        .name = #member_, .kind = HGH_FLATBUFFER_LIST, .slot = slot_,                              \
        .offset = offsetof(struct_, member_), .tables = &entry_table                               \
    }
#define UNION(slot_, struct_, member_, tables_)                                                    \
    {                                                                                              \
        .name = #member_, .kind = HGH_FLATBUFFER_UNION, .slot = slot_,                             \
        .offset = offsetof(struct_, member_), .tables = tables_, .table_count = COUNT(tables_)     \
    }
#define TABLE(name_, struct_, fields_)                                                             \
    {                                                                                              \
        .name = name_, .size = sizeof(struct_), .fields = fields_, .field_count = COUNT(fields_)   \
    }

/* Lists and unions go through types of the flatbuffer's own. */
_Static_assert(sizeof(hgh_a6_list) == sizeof(hgh_flatbuffer_list) &&
                   offsetof(hgh_a6_list, count) == offsetof(hgh_flatbuffer_list, count),
               "a list is copied bytewise");
_Static_assert(sizeof(hgh_a6_action) == sizeof(uint32_t) && sizeof(hgh_a6_info) == sizeof(uint32_t),
               "the type of a union is copied bytewise");

static const hgh_flatbuffer_field entry_fields[] = {
    FIELD(TEXT, 0, hg_header, name),
    FIELD(TEXT, 1, hg_header, value),
};
static const hgh_flatbuffer_table entry_table = TABLE("TextEntry", hg_header, entry_fields);

static const hgh_flatbuffer_field error_fields[] = {
    FIELD(U8, 0, hgh_a6_error, code),
};

static const hgh_flatbuffer_field prepare_request_fields[] = {
    LIST(0, hgh_a6_prepare_request, conf),
    FIELD(TEXT, 1, hgh_a6_prepare_request, key),
};

static const hgh_flatbuffer_field prepare_answer_fields[] = {
    FIELD(U32, 0, hgh_a6_prepare_answer, conf_token),
};

static const hgh_flatbuffer_field request_call_fields[] = {
    FIELD(U32, 0, hgh_a6_request_call, id),
    FIELD(TEXT, 1, hgh_a6_request_call, source_address),
    FIELD(U8, 2, hgh_a6_request_call, method),
    FIELD(TEXT, 3, hgh_a6_request_call, path),
    LIST(4, hgh_a6_request_call, arguments),
    LIST(5, hgh_a6_request_call, headers),
    FIELD(U32, 6, hgh_a6_request_call, conf_token),
};

static const hgh_flatbuffer_field stop_fields[] = {
    FIELD(U16, 0, hgh_a6_request_answer, status),
    LIST(1, hgh_a6_request_answer, headers),
    FIELD(TEXT, 2, hgh_a6_request_answer, body),
};
static const hgh_flatbuffer_field rewrite_fields[] = {
    FIELD(TEXT, 0, hgh_a6_request_answer, path), LIST(1, hgh_a6_request_answer, headers),
    LIST(2, hgh_a6_request_answer, arguments),   LIST(3, hgh_a6_request_answer, response_headers),
    FIELD(TEXT, 4, hgh_a6_request_answer, body),
};
static const hgh_flatbuffer_table actions[] = {
    /* in the order of hgh_a6_action, from 1 */
    TABLE("Stop", hgh_a6_request_answer, stop_fields),
    TABLE("Rewrite", hgh_a6_request_answer, rewrite_fields),
};
static const hgh_flatbuffer_field request_answer_fields[] = {
    FIELD(U32, 0, hgh_a6_request_answer, id),
    UNION(1, hgh_a6_request_answer, action, actions),
};

static const hgh_flatbuffer_field var_fields[] = {
    FIELD(TEXT, 0, hgh_a6_question, name),
};
static const hgh_flatbuffer_table infos[] = {
    /* in the order of hgh_a6_info, from 1 */
    TABLE("Var", hgh_a6_question, var_fields),
    {.name = "ReqBody", .size = sizeof(hgh_a6_question)},
    {.name = "RespBody", .size = sizeof(hgh_a6_question)},
};
static const hgh_flatbuffer_field question_fields[] = {
    UNION(0, hgh_a6_question, info, infos),
};

static const hgh_flatbuffer_field question_answer_fields[] = {
    FIELD(TEXT, 0, hgh_a6_question_answer, result),
};

static const hgh_flatbuffer_field response_call_fields[] = {
    FIELD(U32, 0, hgh_a6_response_call, id),
    FIELD(U16, 1, hgh_a6_response_call, status),
    LIST(2, hgh_a6_response_call, headers),
    FIELD(U32, 3, hgh_a6_response_call, conf_token),
};

static const hgh_flatbuffer_field response_answer_fields[] = {
    FIELD(U32, 0, hgh_a6_response_answer, id),
    FIELD(U16, 1, hgh_a6_response_answer, status),
    LIST(2, hgh_a6_response_answer, headers),
    FIELD(TEXT, 3, hgh_a6_response_answer, body),
};

/** Appends the four bytes of the header, then the payload. */
static hg_status encode(hgh_text_builder *into,
                        hgh_a6_type type,
                        const hgh_flatbuffer_table *table,
                        const void *message)
{
    char header[HGH_A6_HEADER_BYTES] = {(char)type};
    bool was_cut = into->is_cut;
    size_t before = into->length;
    size_t length;
    hg_status status;

    if (into->max - before < sizeof(header)) {
        return HG_ERR_TOO_LARGE;
    }
    hgh_text_builder_add(into, (hg_text){header, sizeof(header)});
    if (into->length == before) {
        into->is_cut = was_cut;
        return HG_ERR_NO_MEMORY;
    }
    status = hgh_flatbuffer_write(into, table, message, HGH_A6_PAYLOAD_MAX);
    if (status != HG_OK) {
        hgh_text_builder_cut(into, before);
        return status;
    }
    length = into->length - before - sizeof(header);
    into->data[before + 1] = (char)(length >> 16);
    into->data[before + 2] = (char)(length >> 8);
    into->data[before + 3] = (char)length;
    return HG_OK;
}

/* The two functions of a message: the frame's type, the schema's name of the table, ours. */
#define MESSAGE(type_, name_, message_)                                                            \
    static const hgh_flatbuffer_table message_##_table =                                           \
        TABLE(name_, hgh_a6_##message_, message_##_fields);                                        \
                                                                                                   \
    hg_status hgh_a6_decode_##message_(hg_text payload, const hgh_a6_memory *memory,               \
                                       hgh_a6_##message_ *out, hg_error *err)                      \
    {                                                                                              \
        hgh_a6_##message_ message = {0};                                                           \
        hg_status status = hgh_flatbuffer_read(payload, &message_##_table, memory, &message, err); \
                                                                                                   \
        if (status == HG_OK) {                                                                     \
            *out = message;                                                                        \
        }                                                                                          \
        return status;                                                                             \
    }                                                                                              \
                                                                                                   \
    hg_status hgh_a6_encode_##message_(hgh_text_builder *into, const hgh_a6_##message_ *message)   \
    {                                                                                              \
        return encode(into, type_, &message_##_table, message);                                    \
    }                                                                                              \
    _Static_assert(sizeof(hgh_a6_##message_) > 0, "takes the semicolon")

MESSAGE(HGH_A6_ERROR, "Err.Resp", error);
MESSAGE(HGH_A6_PREPARE_CONF, "PrepareConf.Req", prepare_request);
MESSAGE(HGH_A6_PREPARE_CONF, "PrepareConf.Resp", prepare_answer);
MESSAGE(HGH_A6_HTTP_REQ_CALL, "HTTPReqCall.Req", request_call);
MESSAGE(HGH_A6_HTTP_REQ_CALL, "HTTPReqCall.Resp", request_answer);
MESSAGE(HGH_A6_EXTRA_INFO, "ExtraInfo.Req", question);
MESSAGE(HGH_A6_EXTRA_INFO, "ExtraInfo.Resp", question_answer);
MESSAGE(HGH_A6_HTTP_RESP_CALL, "HTTPRespCall.Req", response_call);
MESSAGE(HGH_A6_HTTP_RESP_CALL, "HTTPRespCall.Resp", response_answer);

void hgh_a6_header_read(const unsigned char header[HGH_A6_HEADER_BYTES],
                        uint32_t *out_type,
                        size_t *out_length)
{
    *out_type = header[0];
    *out_length = (size_t)header[1] << 16 | (size_t)header[2] << 8 | header[3];
}

static const hg_text methods[] = {
    /* in the order of the schema's enum */
    {"GET", 3},       {"HEAD", 4}, {"POST", 4},   {"PUT", 3},     {"DELETE", 6},
    {"MKCOL", 5},     {"COPY", 4}, {"MOVE", 4},   {"OPTIONS", 7}, {"PROPFIND", 8},
    {"PROPPATCH", 9}, {"LOCK", 4}, {"UNLOCK", 6}, {"PATCH", 5},   {"TRACE", 5},
};

bool hgh_a6_method_number(hg_text method, uint32_t *out_number)
{
    for (uint32_t i = 0; i < COUNT(methods); i++) {
        if (hg_text_equal(method, methods[i])) {
            *out_number = i;
            return true;
        }
    }
    return false;
}

hg_text hgh_a6_method_name(uint32_t number)
{
    return number < COUNT(methods) ? methods[number] : hg_text_of(NULL);
}

const char *hgh_a6_error_text(uint32_t code)
{
    static const char *const texts[] = {
        [HGH_A6_BAD_REQUEST] = "bad request",
        [HGH_A6_SERVICE_UNAVAILABLE] = "service unavailable",
        [HGH_A6_CONF_TOKEN_NOT_FOUND] = "conf token not found",
    };

    return code < COUNT(texts) ? texts[code] : NULL;
}
