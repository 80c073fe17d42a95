/* tests/unit/core/test_a6_flatc.c - the compiler of FlatBuffers reads what we write, and we read
 * what it writes. Skipped where it is not installed (Debian: flatbuffers-compiler). */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <jansson.h>

#include "host/core/a6.h"
#include "tests/unit/core/a6_kinds.h"
#include "tests/unit/core/a6_samples.h"
#include "tests/unit/core/frames.h"
#include "tests/unit/unit.h"

#define FRAME_MAX 65536u

/* Codes and methods are numbers here, as they are in ours. */
static const char schema[] =
    "namespace A6;\n"
    "table TextEntry { name: string; value: string; }\n"
    "namespace A6.Err;\n"
    "table Resp { code: ubyte; }\n"
    "namespace A6.PrepareConf;\n"
    "table Req { conf: [A6.TextEntry]; key: string; }\n"
    "table Resp { conf_token: uint32; }\n"
    "namespace A6.HTTPReqCall;\n"
    "table Req { id: uint32; src_ip: [ubyte]; method: ubyte; path: string; args: [A6.TextEntry];\n"
    "            headers: [A6.TextEntry]; conf_token: uint32; }\n"
    "table Stop { status: uint16; headers: [A6.TextEntry]; body: [ubyte]; }\n"
    "table Rewrite { path: string; headers: [A6.TextEntry]; args: [A6.TextEntry];\n"
    "                resp_headers: [A6.TextEntry]; body: [ubyte]; }\n"
    "union Action { Stop, Rewrite }\n"
    "table Resp { id: uint32; action: Action; }\n"
    "namespace A6.ExtraInfo;\n"
    "table Var { name: string; }\n"
    "table ReqBody { }\n"
    "table RespBody { }\n"
    "union Info { Var, ReqBody, RespBody }\n"
    "table Req { info: Info; }\n"
    "table Resp { result: [ubyte]; }\n"
    "namespace A6.HTTPRespCall;\n"
    "table Req { id: uint32; status: uint16; headers: [A6.TextEntry]; conf_token: uint32; }\n"
    "table Resp { id: uint32; status: uint16; headers: [A6.TextEntry]; body: [ubyte]; }\n";

static char folder[] = "/tmp/hotgate-flatc-XXXXXX";

/** The path of a file in the folder, which is good until the next call. */
static const char *place(const char *name)
{
    static char path[256];

    (void)snprintf(path, sizeof(path), "%s/%s", folder, name);
    return path;
}

static void write_file(const char *name, const void *data, size_t length)
{
    FILE *file = fopen(place(name), "we");

    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, length, file), length);
    assert_int_equal(fclose(file), 0);
}

/** Runs the compiler in the folder. */
static void flatc(const char *options, const char *file)
{
    char line[512];

    (void)snprintf(line, sizeof(line), "cd %s && flatc %s a6.fbs %s", folder, options, file);
    if (system(line) != 0) {
        fail_msg("failed: %s", line);
    }
}

static int make_folder(void **state)
{
    (void)state;
    assert_non_null(mkdtemp(folder));
    write_file("a6.fbs", schema, strlen(schema));
    return 0;
}

static int remove_folder(void **state)
{
    char line[512];

    (void)state;
    (void)snprintf(line, sizeof(line), "rm -rf %s", folder);
    return system(line);
}

static json_t *bytes_of(const char *hex)
{
    json_t *bytes = json_array();

    for (; *hex != '\0'; hex += 2) {
        const char pair[3] = {hex[0], hex[1], '\0'};

        (void)json_array_append_new(bytes, json_integer(strtol(pair, NULL, 16)));
    }
    return bytes;
}

/** A member as the compiler says it; NULL: it leaves it out. */
static json_t *as_compiled(const char *name, json_t *value)
{
    static const char *const actions[] = {"NONE", "Stop", "Rewrite"};
    static const char *const infos[] = {"NONE", "Var", "ReqBody", "RespBody"};
    json_t *copy;
    json_t *part;
    const char *member;
    size_t i;

    if (json_is_null(value) || (json_is_integer(value) && json_integer_value(value) == 0)) {
        return NULL;
    }
    if (strcmp(name, "src_ip") == 0 || strcmp(name, "body") == 0 || strcmp(name, "result") == 0) {
        return bytes_of(json_string_value(value));
    }
    if (strcmp(name, "action_type") == 0) {
        return json_string(actions[json_integer_value(value)]);
    }
    if (strcmp(name, "info_type") == 0) {
        return json_string(infos[json_integer_value(value)]);
    }
    if (!json_is_object(value) && !json_is_array(value)) {
        return json_incref(value);
    }
    copy = json_is_object(value) ? json_object() : json_array();
    json_object_foreach(value, member, part)
    {
        json_t *inside = as_compiled(member, part);

        if (inside != NULL) {
            (void)json_object_set_new(copy, member, inside);
        }
    }
    json_array_foreach(value, i, part)
    {
        (void)json_array_append_new(copy, as_compiled("", part));
    }
    return copy;
}

static void assert_json_equal(size_t row, const json_t *found, const json_t *wanted)
{
    if (!json_equal(found, wanted)) {
        fail_msg("row %zu, %s: found %s, wanted %s", row, a6_samples[row].kind,
                 json_dumps(found, JSON_COMPACT | JSON_SORT_KEYS),
                 json_dumps(wanted, JSON_COMPACT | JSON_SORT_KEYS));
    }
}

static void the_compiler_reads_what_we_write(size_t row, const a6_kind *kind, const json_t *wanted)
{
    hgh_text_builder frame = {.max = FRAME_MAX};
    char options[256];
    json_t *found;

    assert_int_equal(kind->encode(&frame, &a6_samples[row].message), HG_OK);
    write_file("sent.bin", frame.data + HGH_A6_HEADER_BYTES, frame.length - HGH_A6_HEADER_BYTES);
    (void)snprintf(options, sizeof(options), "--json --raw-binary --strict-json --root-type %s",
                   kind->name);
    flatc(options, "-- sent.bin");
    found = json_load_file(place("sent.json"), 0, NULL);
    assert_json_equal(row, found, wanted);
    json_decref(found);
    hgh_text_builder_done(&frame);
}

static void we_read_what_the_compiler_writes(size_t row,
                                             const a6_kind *kind,
                                             json_t *told,
                                             const json_t *wanted)
{
    frame_memory memory = {{NULL}, 0, 0, 0};
    hgh_a6_memory lists = frame_memory_of(&memory);
    hg_error err = HG_ERROR_INIT;
    char options[256];
    char bytes[FRAME_MAX];
    a6_message message;
    size_t length;
    json_t *found;
    FILE *file;

    assert_int_equal(json_dump_file(told, place("made.json"), 0), 0);
    (void)snprintf(options, sizeof(options), "--binary --root-type %s", kind->name);
    flatc(options, "made.json");
    file = fopen(place("made.bin"), "re");
    assert_non_null(file);
    length = fread(bytes, 1, sizeof(bytes), file);
    (void)fclose(file);
    if (kind->decode(frame_copy(&memory, (hg_text){bytes, length}), &lists, &message, &err) !=
        HG_OK) {
        fail_msg("row %zu, %s: %s", row, kind->name, err.text);
    }
    found = kind->json(&message);
    assert_json_equal(row, found, wanted);
    json_decref(found);
    frame_memory_done(&memory);
}

static void messages_are_the_same_to_the_compiler(void **state)
{
    (void)state;
    if (system("flatc --version >/dev/null 2>&1") != 0) {
        print_message("flatc is not installed\n");
        skip();
    }
    for (size_t i = 0; i < a6_sample_count; i++) {
        const a6_kind *kind = a6_kind_find(a6_samples[i].kind);
        json_t *ours = kind->json(&a6_samples[i].message);
        json_t *theirs = as_compiled("", ours);

        the_compiler_reads_what_we_write(i, kind, theirs);
        we_read_what_the_compiler_writes(i, kind, theirs, ours);
        json_decref(theirs);
        json_decref(ours);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_are_the_same_to_the_compiler),
    };

    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
