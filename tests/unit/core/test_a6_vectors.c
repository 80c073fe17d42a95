/* tests/unit/core/test_a6_vectors.c - frames recorded from real runners and gateways. */
#include <stdio.h>
#include <stdlib.h>

#include <jansson.h>

#include "host/core/a6.h"
#include "tests/unit/core/a6_kinds.h"
#include "tests/unit/core/frames.h"
#include "tests/unit/unit.h"

#define FILE_VARIABLE "HOTGATE_A6_VECTORS" /* the environment's word for the file with them */
#define FRAME_MAX     65536u

/** Opens the file, which is no part of the sources; NULL: it is not there. */
static FILE *open_vectors(void)
{
    const char *path = getenv(FILE_VARIABLE);
    char beside[4096];

    if (path == NULL) {
        (void)snprintf(beside, sizeof(beside), "%s/../shared/reference/a6-vectors.json",
                       getenv("HOTGATE_SOURCE_ROOT"));
        path = beside;
    }
    return fopen(path, "re");
}

static json_t *load(void)
{
    FILE *file = open_vectors();
    json_error_t problem;
    json_t *vectors;

    if (file == NULL) {
        print_message("no recorded frames: set " FILE_VARIABLE " to the file that has them\n");
        skip();
    }
    vectors = json_loadf(file, 0, &problem);
    (void)fclose(file);
    if (vectors == NULL) {
        fail_msg("line %d: %s", problem.line, problem.text);
    }
    return vectors;
}

/** Bytes are {"hex", "text"} there and their hex here; an empty list is null here. */
static json_t *normalised(json_t *value)
{
    const char *name;
    json_t *hex = json_object_get(value, "hex");
    json_t *copy;
    json_t *part;
    size_t i;

    if (hex != NULL) {
        return json_incref(hex);
    }
    if (json_is_object(value)) {
        copy = json_object();
        json_object_foreach(value, name, part)
        {
            (void)json_object_set_new(copy, name, normalised(part));
        }
        return copy;
    }
    if (json_is_array(value) && json_array_size(value) > 0) {
        copy = json_array();
        json_array_foreach(value, i, part)
        {
            (void)json_array_append_new(copy, normalised(part));
        }
        return copy;
    }
    return json_is_array(value) ? json_null() : json_incref(value);
}

static void
assert_says(const a6_kind *kind, const a6_message *message, json_t *wanted, const char *label)
{
    json_t *found = kind->json(message);

    if (!json_equal(found, wanted)) {
        fail_msg("%s, %s: found %s, wanted %s", label, kind->name,
                 json_dumps(found, JSON_COMPACT | JSON_SORT_KEYS),
                 json_dumps(wanted, JSON_COMPACT | JSON_SORT_KEYS));
    }
    json_decref(found);
}

static void replay(json_t *step, const char *label)
{
    const a6_kind *kind = a6_kind_find(json_string_value(json_object_get(step, "root")));
    json_t *wanted = normalised(json_object_get(step, "decoded"));
    frame_memory memory = {{NULL}, 0, 0, 0};
    hgh_a6_memory lists = frame_memory_of(&memory);
    hgh_text_builder frame = {.max = FRAME_MAX};
    hg_error err = HG_ERROR_INIT;
    a6_message message;
    hg_text recorded;

    assert_non_null(kind);
    recorded = frame_bytes(&memory, json_string_value(json_object_get(step, "hex")));
    if (kind->decode(frame_payload(recorded, kind->type), &lists, &message, &err) != HG_OK) {
        fail_msg("%s: %s", label, err.text);
    }
    assert_says(kind, &message, wanted, label);

    assert_int_equal(kind->encode(&frame, &message), HG_OK);
    recorded = frame_copy(&memory, (hg_text){frame.data, frame.length});
    assert_int_equal(kind->decode(frame_payload(recorded, kind->type), &lists, &message, &err),
                     HG_OK);
    assert_says(kind, &message, wanted, label);

    json_decref(wanted);
    hgh_text_builder_done(&frame);
    frame_memory_done(&memory);
}

static void recorded_frames_are_read_and_written_again(void **state)
{
    json_t *vectors = load();
    size_t frames = 0;
    json_t *conversation;
    json_t *step;
    size_t i;
    size_t k;

    (void)state;
    json_array_foreach(json_object_get(vectors, "conversations"), i, conversation)
    {
        json_array_foreach(json_object_get(conversation, "steps"), k, step)
        {
            replay(step, json_string_value(json_object_get(conversation, "name")));
            frames++;
        }
    }
    assert_true(frames > 20); /* a file without them must not pass */
    json_decref(vectors);
}

/** True if it is cut short, refused, or a union that says nothing, which must only do no harm. */
static bool is_refused(hg_text frame)
{
    const a6_kind *kind = a6_kind_find("A6.HTTPReqCall.Resp");
    frame_memory memory = {{NULL}, 0, 0, 0};
    hgh_a6_memory lists = frame_memory_of(&memory);
    a6_message message;
    uint32_t type = 0;
    size_t length = 0;
    hg_status status;

    if (frame.length < HGH_A6_HEADER_BYTES) {
        return true;
    }
    hgh_a6_header_read((const unsigned char *)frame.data, &type, &length);
    if (length != frame.length - HGH_A6_HEADER_BYTES) {
        return true;
    }
    if (type == HGH_A6_PREPARE_CONF) {
        kind = a6_kind_find("A6.PrepareConf.Req");
    }
    status = kind->decode(frame_payload(frame, kind->type), &lists, &message, NULL);
    frame_memory_done(&memory);
    return status == HG_ERR_INVALID ||
           (type == HGH_A6_HTTP_REQ_CALL && message.request_answer.action == HGH_A6_NO_ACTION);
}

static void malformed_frames_are_refused(void **state)
{
    json_t *vectors = load();
    json_t *invalid = json_object_get(vectors, "invalid");
    json_t *vector;
    size_t i;

    (void)state;
    assert_true(json_array_size(invalid) > 5);
    json_array_foreach(invalid, i, vector)
    {
        frame_memory memory = {{NULL}, 0, 0, 0};

        if (!is_refused(frame_bytes(&memory, json_string_value(json_object_get(vector, "hex"))))) {
            fail_msg("%s is read", json_string_value(json_object_get(vector, "name")));
        }
        frame_memory_done(&memory);
    }
    json_decref(vectors);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(recorded_frames_are_read_and_written_again),
        cmocka_unit_test(malformed_frames_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
