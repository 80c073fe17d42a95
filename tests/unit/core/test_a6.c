/* tests/unit/core/test_a6.c - the messages of the external plugin protocol. */
#include <stdlib.h>

#include "host/core/a6.h"
#include "tests/unit/core/a6_kinds.h"
#include "tests/unit/core/a6_samples.h"
#include "tests/unit/core/frames.h"
#include "tests/unit/unit.h"

#define FRAME_MAX (HGH_A6_HEADER_BYTES + HGH_A6_PAYLOAD_MAX)

static void messages_are_read_as_they_were_written(void **state)
{
    hgh_text_builder frame = {.max = FRAME_MAX};

    (void)state;
    for (size_t i = 0; i < a6_sample_count; i++) {
        const a6_kind *kind = a6_kind_find(a6_samples[i].kind);
        frame_memory memory = {{NULL}, 0, 0, 0};
        hgh_a6_memory lists = frame_memory_of(&memory);
        hg_error err = HG_ERROR_INIT;
        a6_message again;
        json_t *wanted = kind->json(&a6_samples[i].message);
        json_t *found;

        hgh_text_builder_cut(&frame, 0);
        assert_int_equal(kind->encode(&frame, &a6_samples[i].message), HG_OK);
        if (kind->decode(
                frame_payload(frame_copy(&memory, (hg_text){frame.data, frame.length}), kind->type),
                &lists, &again, &err) != HG_OK) {
            fail_msg("row %zu, %s: %s", i, kind->name, err.text);
        }
        found = kind->json(&again);
        if (!json_equal(found, wanted)) {
            fail_msg("row %zu: found %s, wanted %s", i, json_dumps(found, JSON_COMPACT),
                     json_dumps(wanted, JSON_COMPACT));
        }
        json_decref(found);
        json_decref(wanted);
        frame_memory_done(&memory);
    }
    hgh_text_builder_done(&frame);
}

static void slots_and_kinds_are_those_of_the_schema(void **state)
{
    /* Laid out as our writer never does: vtables behind, odd offsets, texts that just end. */
    static const struct {
        const char *kind;
        const char *hex;
        const char *wanted; /* JSON */
    } cases[] = {
        {"A6.Err.Resp", "00000012 04000000 f8ffffff 00000002 06000800 0700", "{\"code\": 2}"},
        {"A6.PrepareConf.Req",
         "0100006d 04000000 f4ffffff 10000000 14000000 08000c00 08000400 01000000 6b000000 "
         "02000000 08000000 28000000 f4ffffff 10000000 14000000 08000c00 08000400 02000000 "
         "7b7d0000 01000000 70000000 f4ffffff 10000000 10000000 08000c00 08000400 00000000 "
         "01000000 71",
         "{\"conf\": [{\"name\": \"p\", \"value\": \"{}\"}, {\"name\": \"q\", \"value\": \"\"}], "
         "\"key\": \"k\"}"},
        {"A6.PrepareConf.Resp", "01000012 04000000 f8ffffff fcfdfeff 06000800 0400",
         "{\"conf_token\": 4294901244}"},
        {"A6.HTTPReqCall.Req",
         "02000095 04000000 e0ffffff 01000000 2c000000 0000000e 2c000000 34000000 50000000 "
         "03000000 12002000 04000800 0f001000 14001800 1c000000 04000000 7f000001 08000000 "
         "2f616263 64656667 01000000 04000000 f8ffffff 0c000000 06000800 04000000 01000000 "
         "61000000 01000000 04000000 f4ffffff 10000000 14000000 08000c00 04000800 01000000 "
         "68000000 01000000 76",
         "{\"id\": 1, \"src_ip\": \"7f000001\", \"method\": 14, \"path\": \"/abcdefg\", \"args\": "
         "[{\"nam"
         "e\": \"a\", \"value\": null}], \"headers\": [{\"name\": \"h\", \"value\": \"v\"}], "
         "\"conf_token\""
         ": 3}"},
        {"A6.HTTPReqCall.Resp",
         "0200006e 04000000 f0ffffff 07000000 00000001 10000000 0a001000 04000b00 0c000000 "
         "f0ffffff 94010000 14000000 3c000000 0a001000 04000800 0c000000 01000000 04000000 "
         "f4ffffff 10000000 14000000 08000c00 04000800 01000000 68000000 01000000 76000000 "
         "02000000 6e6f",
         "{\"id\": 7, \"action_type\": 1, \"action\": {\"status\": 404, \"headers\": [{\"name\": "
         "\"h\", "
         "\"value\": \"v\"}], \"body\": \"6e6f\"}}"},
        {"A6.HTTPReqCall.Resp",
         "020000c8 04000000 f6ffffff 10000000 02000a00 09000000 08000400 e8ffffff 24000000 "
         "28000000 50000000 78000000 94000000 0e001800 14001000 0c000800 04000000 01000000 "
         "62000000 01000000 04000000 f4ffffff 10000000 14000000 08000c00 08000400 01000000 "
         "32000000 01000000 72000000 01000000 04000000 f4ffffff 10000000 14000000 08000c00 "
         "08000400 01000000 31000000 01000000 61000000 01000000 04000000 f8ffffff 0c000000 "
         "06000800 04000000 01000000 68000000 04000000 2f616263",
         "{\"id\": 0, \"action_type\": 2, \"action\": {\"path\": \"/abc\", \"headers\": "
         "[{\"name\": \"h\","
         " \"value\": null}], \"args\": [{\"name\": \"a\", \"value\": \"1\"}], \"resp_headers\": "
         "[{\"name"
         "\": \"r\", \"value\": \"2\"}], \"body\": \"62\"}}"},
        {"A6.ExtraInfo.Req",
         "03000030 04000000 f6ffffff 10000000 01000800 09000800 04000000 f8ffffff 0c000000 "
         "06000800 04000000 04000000 686f7374",
         "{\"info_type\": 1, \"info\": {\"name\": \"host\"}}"},
        {"A6.ExtraInfo.Req",
         "03000020 04000000 f4ffffff 00000003 0c000000 08000c00 07000800 fcffffff 04000400",
         "{\"info_type\": 3, \"info\": {}}"},
        {"A6.ExtraInfo.Resp", "03000019 0c000000 06000800 04000000 08000000 04000000 01000000 ff",
         "{\"result\": \"ff\"}"},
        {"A6.HTTPRespCall.Req",
         "0400004d 04000000 ecffffff 09000000 18000000 c8000000 07000000 0c001400 10000c00 "
         "08000400 01000000 04000000 f4ffffff 10000000 14000000 08000c00 08000400 01000000 "
         "76000000 01000000 68",
         "{\"id\": 7, \"status\": 200, \"headers\": [{\"name\": \"h\", \"value\": \"v\"}], "
         "\"conf_token\":"
         " 9}"},
        {"A6.HTTPRespCall.Resp",
         "04000057 04000000 ecffffff 07000000 a2010000 14000000 3c000000 0c001400 04000800 "
         "0c001000 01000000 04000000 f4ffffff 10000000 14000000 08000c00 04000800 01000000 "
         "68000000 01000000 76000000 03000000 746561",
         "{\"id\": 7, \"status\": 418, \"headers\": [{\"name\": \"h\", \"value\": \"v\"}], "
         "\"body\": \"7465"
         "61\"}"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        const a6_kind *kind = a6_kind_find(cases[i].kind);
        json_t *wanted = json_loads(cases[i].wanted, 0, NULL);
        frame_memory memory = {{NULL}, 0, 0, 0};
        hgh_a6_memory lists = frame_memory_of(&memory);
        hg_error err = HG_ERROR_INIT;
        a6_message message;
        json_t *found;

        assert_non_null(wanted);
        if (kind->decode(frame_payload(frame_bytes(&memory, cases[i].hex), kind->type), &lists,
                         &message, &err) != HG_OK) {
            fail_msg("row %zu: %s", i, err.text);
        }
        found = kind->json(&message);
        if (!json_equal(found, wanted)) {
            fail_msg("row %zu: found %s", i, json_dumps(found, JSON_COMPACT));
        }
        json_decref(found);
        json_decref(wanted);
        frame_memory_done(&memory);
    }
}

static void a_refused_message_says_where_and_leaves_what_was_there(void **state)
{
    static const struct {
        const char *label;
        const char *kind;
        const char *hex; /* payload */
        const char *text;
    } cases[] = {
        {"no payload", "A6.Err.Resp", "", "Err.Resp: a message of 0 bytes, wanted at least 4"},
        {"key that says more than there is", "A6.PrepareConf.Req",
         "0c000000 08000800 00000400 08000000 04000000 ffffff7f 61620000",
         "PrepareConf.Req/key: 2147483647 elements at byte 20"},
        {"a rewrite's second header", "A6.HTTPReqCall.Resp",
         "10000000 0000 0a00 0c00 0000 0b00 0400 0a000000 10000000 00000002 0800 0800 0000 0400 "
         "08000000 04000000 02000000 0c000000 40000000 04000400 04000000",
         "HTTPReqCall.Resp/action/headers/1: a reference of 64"},
        {"a question's name", "A6.ExtraInfo.Req",
         "04000000 f6ffffff 10000000 01000800 09000800 04000000 f8ffffff 0c000000 06000800 "
         "04000000 05000000 686f7374",
         "ExtraInfo.Req/info/name: 5 elements"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        const a6_kind *kind = a6_kind_find(cases[i].kind);
        frame_memory memory = {{NULL}, 0, 0, 0};
        hgh_a6_memory lists = frame_memory_of(&memory);
        hg_error err = HG_ERROR_INIT;
        a6_message before;
        a6_message message;
        hg_status status;

        memset(&before, 0x5a, sizeof(before));
        message = before;
        status = kind->decode(frame_bytes(&memory, cases[i].hex), &lists, &message, &err);
        if (status != HG_ERR_INVALID || strstr(err.text, cases[i].text) != err.text) {
            fail_msg("%s: got status %d, \"%s\"", cases[i].label, (int)status, err.text);
        }
        assert_memory_equal(&message, &before, sizeof(before));
        frame_memory_done(&memory);
    }
}

static void absent_is_not_empty(void **state)
{
    const hg_header pairs[] = {{HG_TEXT("a"), HG_TEXT("")}, {HG_TEXT("b"), {NULL, 0}}};
    const hgh_a6_request_call sent = {.path = HG_TEXT(""), .arguments = {pairs, 2}};
    frame_memory memory = {{NULL}, 0, 0, 0};
    hgh_a6_memory lists = frame_memory_of(&memory);
    hgh_text_builder frame = {.max = FRAME_MAX};
    hgh_a6_request_call got = {.id = 1};

    (void)state;
    assert_int_equal(hgh_a6_encode_request_call(&frame, &sent), HG_OK);
    assert_int_equal(hgh_a6_decode_request_call((hg_text){frame.data + HGH_A6_HEADER_BYTES,
                                                          frame.length - HGH_A6_HEADER_BYTES},
                                                &lists, &got, NULL),
                     HG_OK);
    assert_true(hg_text_is_present(got.path) && got.path.length == 0);
    assert_false(hg_text_is_present(got.source_address));
    assert_int_equal(got.arguments.count, 2);
    assert_true(hg_text_is_present(got.arguments.items[0].value));
    assert_false(hg_text_is_present(got.arguments.items[1].value));
    assert_null(got.headers.items);
    hgh_text_builder_done(&frame);
    frame_memory_done(&memory);
}

/** How many bytes a frame has beside its body; the body is aligned and ends with a zero. */
static size_t bytes_beside_body(void)
{
    hgh_text_builder frame = {.max = FRAME_MAX};
    const hgh_a6_question_answer empty = {HG_TEXT("")};
    size_t length;

    assert_int_equal(hgh_a6_encode_question_answer(&frame, &empty), HG_OK);
    length = frame.length - 4; /* the zero, padded */
    hgh_text_builder_done(&frame);
    return length;
}

static void the_largest_frame_is_sent_and_a_larger_one_refused(void **state)
{
    char *body = calloc(1, HGH_A6_PAYLOAD_MAX);
    hgh_text_builder frame = {.max = 2 * (size_t)FRAME_MAX};
    /* A payload is a multiple of four, 16777212 at most; the last byte of it is the zero. */
    size_t most = HGH_A6_HEADER_BYTES + 16777212u - bytes_beside_body() - 1;
    uint32_t type = 0;
    size_t length = 0;

    (void)state;
    assert_non_null(body);
    hgh_text_builder_add(&frame, HG_TEXT("before"));
    assert_int_equal(
        hgh_a6_encode_question_answer(&frame, &(hgh_a6_question_answer){{body, most + 1}}),
        HG_ERR_TOO_LARGE);
    assert_string_equal(hgh_text_builder_string(&frame), "before");
    assert_false(frame.is_cut);
    assert_int_equal(hgh_a6_encode_question_answer(&frame, &(hgh_a6_question_answer){{body, most}}),
                     HG_OK);
    assert_int_equal(frame.length, strlen("before") + HGH_A6_HEADER_BYTES + 16777212u);
    hgh_a6_header_read((const unsigned char *)frame.data + strlen("before"), &type, &length);
    assert_int_equal(type, HGH_A6_EXTRA_INFO);
    assert_int_equal(length, 16777212u);
    hgh_text_builder_done(&frame);
    free(body);
}

static void what_does_not_fit_leaves_nothing_behind(void **state)
{
    static const struct {
        const char *label;
        const char *kind;
        a6_message message;
        size_t max; /* of the builder */
    } cases[] = {
        {"code over a byte", "A6.Err.Resp", {.error = {256}}, FRAME_MAX},
        {"method over a byte", "A6.HTTPReqCall.Req", {.request_call = {.method = 256}}, FRAME_MAX},
        {"status over two bytes",
         "A6.HTTPRespCall.Resp",
         {.response_answer = {.status = 65536}},
         FRAME_MAX},
        {"status of a stop",
         "A6.HTTPReqCall.Resp",
         {.request_answer = {.action = HGH_A6_STOP, .status = 65536}},
         FRAME_MAX},
        {"no room for the header", "A6.Err.Resp", {.error = {1}}, 3},
        {"room for the header alone", "A6.Err.Resp", {.error = {1}}, 4},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        hgh_text_builder frame = {.max = cases[i].max};
        hg_status status = a6_kind_find(cases[i].kind)->encode(&frame, &cases[i].message);

        if (status != HG_ERR_TOO_LARGE || frame.length != 0 || frame.is_cut) {
            fail_msg("%s: status %d, %zu bytes", cases[i].label, (int)status, frame.length);
        }
        hgh_text_builder_done(&frame);
    }
}

static void a_header_is_a_type_and_a_length(void **state)
{
    static const struct {
        unsigned char header[HGH_A6_HEADER_BYTES];
        uint32_t type;
        size_t length;
    } cases[] = {
        {{0, 0, 0, 0}, 0, 0},
        {{2, 0, 1, 0x68}, 2, 360},
        {{4, 1, 2, 3}, 4, 0x010203},
        {{255, 255, 255, 255}, 255, HGH_A6_PAYLOAD_MAX},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        uint32_t type = 9;
        size_t length = 9;

        hgh_a6_header_read(cases[i].header, &type, &length);
        assert_int_equal(type, cases[i].type);
        assert_int_equal(length, cases[i].length);
    }
}

static void methods_have_the_numbers_of_the_schema(void **state)
{
    static const struct {
        const char *method;
        uint32_t number;
    } cases[] = {
        {"GET", 0},        {"HEAD", 1},  {"POST", 2},    {"PUT", 3},     {"DELETE", 4},
        {"MKCOL", 5},      {"COPY", 6},  {"MOVE", 7},    {"OPTIONS", 8}, {"PROPFIND", 9},
        {"PROPPATCH", 10}, {"LOCK", 11}, {"UNLOCK", 12}, {"PATCH", 13},  {"TRACE", 14},
    };
    static const char *const others[] = {"", "get", "GE", "GETS", "CONNECT", "PURGE"};
    uint32_t number = 99;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        assert_true(hgh_a6_method_number(hg_text_of(cases[i].method), &number));
        assert_int_equal(number, cases[i].number);
        assert_string_equal(hgh_a6_method_name(number).data, cases[i].method);
        assert_int_equal(hgh_a6_method_name(number).length, strlen(cases[i].method));
    }
    for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
        number = 99;
        assert_false(hgh_a6_method_number(hg_text_of(others[i]), &number));
        assert_int_equal(number, 99);
    }
    assert_false(hg_text_is_present(hgh_a6_method_name(15)));
    assert_false(hg_text_is_present(hgh_a6_method_name(UINT32_MAX)));
}

static void error_codes_have_texts(void **state)
{
    (void)state;
    assert_string_equal(hgh_a6_error_text(0), "bad request");
    assert_string_equal(hgh_a6_error_text(1), "service unavailable");
    assert_string_equal(hgh_a6_error_text(2), "conf token not found");
    assert_null(hgh_a6_error_text(3));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_are_read_as_they_were_written),
        cmocka_unit_test(slots_and_kinds_are_those_of_the_schema),
        cmocka_unit_test(a_refused_message_says_where_and_leaves_what_was_there),
        cmocka_unit_test(absent_is_not_empty),
        cmocka_unit_test(the_largest_frame_is_sent_and_a_larger_one_refused),
        cmocka_unit_test(what_does_not_fit_leaves_nothing_behind),
        cmocka_unit_test(a_header_is_a_type_and_a_length),
        cmocka_unit_test(methods_have_the_numbers_of_the_schema),
        cmocka_unit_test(error_codes_have_texts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
