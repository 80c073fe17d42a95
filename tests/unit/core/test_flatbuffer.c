/* tests/unit/core/test_flatbuffer.c - buffers of any layout are read, damaged ones refused. */
#include "host/core/flatbuffer.h"
#include "tests/unit/core/frames.h"
#include "tests/unit/unit.h"

#define TEXT_MAX 4096u

typedef struct entry {
    hg_text name;
    uint32_t number;
} entry;

/** A table with a field of each kind. */
typedef struct message {
    hg_text text;
    uint32_t small;
    uint32_t medium;
    uint32_t large;
    hgh_flatbuffer_list first;
    uint32_t choice; /* 1: left; 2: right; 3: nothing in it */
    uint32_t left;
    hg_text right;
    hgh_flatbuffer_list second;
} message;

static const hgh_flatbuffer_field entry_fields[] = {
    {"name", HGH_FLATBUFFER_TEXT, 0, offsetof(entry, name), NULL, 0},
    {"number", HGH_FLATBUFFER_U16, 1, offsetof(entry, number), NULL, 0},
};
static const hgh_flatbuffer_table entry_table = {"Entry", sizeof(entry), entry_fields, 2};
static const hgh_flatbuffer_field left_fields[] = {
    {"left", HGH_FLATBUFFER_U32, 0, offsetof(message, left), NULL, 0},
};
static const hgh_flatbuffer_field right_fields[] = {
    {"right", HGH_FLATBUFFER_TEXT, 0, offsetof(message, right), NULL, 0},
};
static const hgh_flatbuffer_table choices[] = {
    {"Left", sizeof(message), left_fields, 1},
    {"Right", sizeof(message), right_fields, 1},
    {"Nothing", sizeof(message), NULL, 0},
};
static const hgh_flatbuffer_field message_fields[] = {
    {"text", HGH_FLATBUFFER_TEXT, 0, offsetof(message, text), NULL, 0},
    {"small", HGH_FLATBUFFER_U8, 1, offsetof(message, small), NULL, 0},
    {"medium", HGH_FLATBUFFER_U16, 2, offsetof(message, medium), NULL, 0},
    {"large", HGH_FLATBUFFER_U32, 3, offsetof(message, large), NULL, 0},
    {"first", HGH_FLATBUFFER_LIST, 4, offsetof(message, first), &entry_table, 0},
    {"choice", HGH_FLATBUFFER_UNION, 5, offsetof(message, choice), choices, 3},
    {"second", HGH_FLATBUFFER_LIST, 7, offsetof(message, second), &entry_table, 0},
};
static const hgh_flatbuffer_table message_table = {"Message", sizeof(message), message_fields, 7};

/** What a message says, as text: of each field that is there. */
static void describe(const message *of, hgh_text_builder *into)
{
    static const char *const names[] = {"first", "second"};
    const hgh_flatbuffer_list lists[] = {of->first, of->second};

    if (hg_text_is_present(of->text)) {
        hgh_text_builder_format(into, "text=%.*s ", (int)of->text.length, of->text.data);
    }
    hgh_text_builder_format(into, "%u %u %u", of->small, of->medium, of->large);
    for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
        const entry *entries = lists[i].items;

        for (size_t k = 0; k < lists[i].count; k++) {
            bool is_present = hg_text_is_present(entries[k].name);

            hgh_text_builder_format(into, " %s:%.*s/%u", names[i],
                                    is_present ? (int)entries[k].name.length : 4,
                                    is_present ? entries[k].name.data : "none", entries[k].number);
        }
    }
    if (of->choice != 0) {
        hgh_text_builder_format(into, " choice=%u %u %.*s", of->choice, of->left,
                                (int)of->right.length, of->right.length > 0 ? of->right.data : "");
    }
}

static void reads_any_layout(void **state)
{
    static const struct {
        const char *label;
        const char *hex;
        const char *wanted;
    } cases[] = {
        {"nothing", "08000000 04000400 04000000", "0 0 0"},
        {"vtable of absent slots", "0c000000 0800 0400 0000 0000 08000000", "0 0 0"},
        {"text at the very end, no terminator",
         "0c000000 0000 060008000400 06000000 04000000 02000000 6162", "text=ab 0 0 0"},
        {"empty text at the very end", "0c000000 0000 060008000400 06000000 04000000 00000000",
         "text= 0 0 0"},
        {"vtable behind its table, text at an odd place",
         "04000000 f8ffffff 0b000000 060008000400 00 01000000 61", "text=a 0 0 0"},
        {"a byte at an odd place", "0c000000 0800080000000700 08000000 0000002a", "42 0 0"},
        {"numbers in no order",
         "10000000 0c001000 0000 0b00 0c00 0400 0c000000 01020380 000000ff 3412 0000",
         "255 4660 2147680769"},
        {"more slots than we know",
         "1c000000 1600 0800 0000 0000 0000 0000 0000 0000 0000 0000 0700 0000 18000000 00000001",
         "0 0 0"},
        {"an empty list", "14000000 0e000800 0000000000000000 0400 0000 10000000 04000000 00000000",
         "0 0 0"},
        {"entries that share one vtable, one entry twice",
         "14000000 0e000800 0000000000000000 0400 0000 10000000 04000000 03000000 1c000000 "
         "10000000 14000000 08000800 0000 0600 08000000 00000700 10000000 00000900",
         "0 0 0 first:none/9 first:none/7 first:none/9"},
        {"a union's second table",
         "18000000 12000c00 0000000000000000 0000 0b00 0400 0000 14000000 10000000 00000002 "
         "0600 0800 0400 0000 08000000 04000000 01000000 72",
         "0 0 0 choice=2 0 r"},
        {"a union's table without fields",
         "18000000 12000c00 0000000000000000 0000 0b00 0400 0000 14000000 0c000000 00000003 "
         "04000400 04000000",
         "0 0 0 choice=3 0 "},
        {"a union without its value",
         "18000000 12000c00 0000000000000000 0000 0b00 0000 0000 14000000 ffffffff 00000002",
         "0 0 0"},
        {"an unknown type of a union, whatever its value",
         "18000000 12000c00 0000000000000000 0000 0b00 0400 0000 14000000 ffffffff 00000004",
         "0 0 0"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        frame_memory memory = {{NULL}, 0, 0, 0};
        hgh_flatbuffer_memory lists = frame_memory_of(&memory);
        hgh_text_builder text = {.max = TEXT_MAX};
        hg_error err = HG_ERROR_INIT;
        message got = {.small = 0};

        if (hgh_flatbuffer_read(frame_bytes(&memory, cases[i].hex), &message_table, &lists, &got,
                                &err) != HG_OK) {
            fail_msg("%s: %s", cases[i].label, err.text);
        }
        describe(&got, &text);
        if (strcmp(hgh_text_builder_string(&text), cases[i].wanted) != 0) {
            fail_msg("%s: got \"%s\"", cases[i].label, hgh_text_builder_string(&text));
        }
        hgh_text_builder_done(&text);
        frame_memory_done(&memory);
    }
}

static void refuses_what_points_outside(void **state)
{
    static const struct {
        const char *label;
        const char *hex;
        const char *text;
    } cases[] = {
        {"no byte", "", "Message: a message of 0 bytes, wanted at least 4"},
        {"three bytes", "000000", "Message: a message of 3 bytes"},
        {"root past the end", "ff000000 00000000", "Message: a table at byte 255"},
        {"root in the last bytes", "06000000 00000000", "Message: a table at byte 6"},
        {"root of 2^32-1", "ffffffff 00000000", "Message: a table at byte 4294967295"},
        {"vtable before the buffer", "04000000 00010000", "Message: a vtable at byte -252"},
        {"vtable past the end", "04000000 00ffffff", "Message: a vtable at byte 260"},
        {"vtable in the last bytes", "04000000 feffffff", "Message: a vtable at byte 6"},
        {"vtable with an odd size", "08000000 05000400 04000000", "Message: a vtable of 5 bytes"},
        {"vtable without a head", "08000000 02000400 04000000", "Message: a vtable of 2 bytes"},
        {"vtable longer than the buffer", "08000000 0a000400 04000000",
         "Message: a vtable of 10 bytes at 4"},
        {"table without a head", "08000000 04000300 04000000", "Message: a table of 3 bytes at 8"},
        {"table longer than the buffer", "08000000 04000500 04000000",
         "Message: a table of 5 bytes at 8"},
        {"field in the table's head", "0c000000 0000 060008000300 06000000 00000000",
         "Message/text: a field at byte 3 of its table, wanted 4 to 4"},
        {"field outside of the table", "0c000000 0000 060008004000 06000000 00000000",
         "Message/text: a field at byte 64"},
        {"field over the table's end", "0c000000 0000 060008000500 06000000 00000000",
         "Message/text: a field at byte 5"},
        {"byte outside of the table", "0c000000 0800080000000800 08000000 0000002a",
         "Message/small: a field at byte 8 of its table, wanted 4 to 7"},
        {"reference to itself", "0c000000 0000 060008000400 06000000 00000000",
         "Message/text: a reference of 0 at byte 16"},
        {"reference into itself", "0c000000 0000 060008000400 06000000 03000000 00000000",
         "Message/text: a reference of 3"},
        {"reference past the end", "0c000000 0000 060008000400 06000000 08000000 00000000",
         "Message/text: a reference of 8"},
        {"reference to the last bytes", "0c000000 0000 060008000400 06000000 06000000 00000000",
         "Message/text: a reference of 6"},
        {"reference of 2^32-1", "0c000000 0000 060008000400 06000000 ffffffff 00000000",
         "Message/text: a reference of 4294967295"},
        {"text past the end", "0c000000 0000 060008000400 06000000 04000000 03000000 6162",
         "Message/text: 3 elements at byte 20, wanted inside the message's 26"},
        {"text of 2^32-1", "0c000000 0000 060008000400 06000000 04000000 ffffffff 6162",
         "Message/text: 4294967295 elements"},
        {"list past the end",
         "14000000 0e000800 0000000000000000 0400 0000 10000000 04000000 01000000",
         "Message/first: 1 elements at byte 28"},
        {"list whose bytes are 2^32",
         "14000000 0e000800 0000000000000000 0400 0000 10000000 04000000 00000040",
         "Message/first: 1073741824 elements"},
        {"entry outside",
         "14000000 0e000800 0000000000000000 0400 0000 10000000 04000000 02000000 08000000 "
         "ff000000 04000400 04000000",
         "Message/first/0: a vtable at byte"},
        {"second entry outside",
         "14000000 0e000800 0000000000000000 0400 0000 10000000 04000000 02000000 0c000000 "
         "ff000000 04000400 04000000",
         "Message/first/1: a reference of 255"},
        {"field of an entry",
         "14000000 0e000800 0000000000000000 0400 0000 10000000 04000000 01000000 0c000000 "
         "0600 0800 0400 0000 08000000 40000000",
         "Message/first/0/name: a reference of 64"},
        {"value of a union outside",
         "18000000 12000c00 0000000000000000 0000 0b00 0400 0000 14000000 10000000 00000002",
         "Message/choice: a reference of 16"},
        {"table of a union",
         "18000000 12000c00 0000000000000000 0000 0b00 0400 0000 14000000 08000000 00000002 "
         "ffffff7f",
         "Message/choice: a vtable at byte"},
        {"field in a union",
         "18000000 12000c00 0000000000000000 0000 0b00 0400 0000 14000000 10000000 00000002 "
         "0600 0800 0400 0000 08000000 04000000 02000000 72",
         "Message/choice/right: 2 elements"},
        {"place of a union's value",
         "18000000 12000c00 0000000000000000 0000 0b00 0a00 0000 14000000 10000000 00000002",
         "Message/choice: a field at byte 10 of its table, wanted 4 to 8"},
        {"two lists that share their references: more entries than references",
         "18000000 14000c00 0000000000000000 0400 0000 0000 0800 14000000 08000000 04000000 "
         "0d000000 "
         "38000000 34000000 30000000 2c000000 28000000 24000000 "
         "20000000 1c000000 18000000 14000000 10000000 0c000000 08000000 04000400 04000000",
         "Message/second: 13 entries"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        frame_memory memory = {{NULL}, 0, 0, 0};
        hgh_flatbuffer_memory lists = frame_memory_of(&memory);
        hg_text buffer = frame_bytes(&memory, cases[i].hex);
        hg_error err = HG_ERROR_INIT;
        message got = {.small = 0};
        hg_status status = hgh_flatbuffer_read(buffer, &message_table, &lists, &got, &err);

        if (status != HG_ERR_INVALID || strstr(err.text, cases[i].text) == NULL) {
            fail_msg("%s: got status %d, \"%s\"", cases[i].label, (int)status, err.text);
        }
        assert_int_equal(hgh_flatbuffer_read(buffer, &message_table, &lists, &got, NULL),
                         HG_ERR_INVALID);
        frame_memory_done(&memory);
    }
}

static void every_shortened_buffer_is_read_or_refused_within_it(void **state)
{
    const entry entries[] = {
        {HG_TEXT("one"), 1}, {HG_TEXT(""), 2}, {{NULL, 0}, 3}, {HG_TEXT("four"), 0}};
    const message sent = {.text = HG_TEXT("a text"),
                          .small = 200,
                          .medium = 60000,
                          .large = 4000000000u,
                          .first = {entries, 4},
                          .choice = 2,
                          .right = HG_TEXT("right"),
                          .second = {entries + 1, 2}};
    hgh_text_builder buffer = {.max = TEXT_MAX};

    (void)state;
    assert_int_equal(hgh_flatbuffer_write(&buffer, &message_table, &sent, TEXT_MAX), HG_OK);
    for (size_t length = 0; length < buffer.length; length++) {
        frame_memory memory = {{NULL}, 0, 0, 0};
        hgh_flatbuffer_memory lists = frame_memory_of(&memory);
        message got = {.small = 0};
        hg_text cut = frame_copy(&memory, (hg_text){buffer.data, length});
        hg_status status = hgh_flatbuffer_read(cut, &message_table, &lists, &got, NULL);

        assert_true(status == HG_OK || status == HG_ERR_INVALID);
        /* The last text ends a few bytes of padding before the end; all else must be missed. */
        assert_true(status == HG_ERR_INVALID || buffer.length - length <= 4);
        frame_memory_done(&memory);
    }
    hgh_text_builder_done(&buffer);
}

static void every_changed_byte_is_read_or_refused_within_the_buffer(void **state)
{
    const entry entries[] = {{HG_TEXT("one"), 1}, {HG_TEXT("two"), 2}};
    const message sent = {.text = HG_TEXT("a"),
                          .first = {entries, 2},
                          .choice = 1,
                          .left = 7,
                          .second = {entries, 1}};
    hgh_text_builder buffer = {.max = TEXT_MAX};
    size_t refused = 0;

    (void)state;
    assert_int_equal(hgh_flatbuffer_write(&buffer, &message_table, &sent, TEXT_MAX), HG_OK);
    for (size_t i = 0; i < buffer.length * 256; i++) {
        frame_memory memory = {{NULL}, 0, 0, 0};
        hgh_flatbuffer_memory lists = frame_memory_of(&memory);
        hgh_text_builder text = {.max = TEXT_MAX};
        message got = {.small = 0};
        char kept = buffer.data[i / 256];
        hg_text changed;

        buffer.data[i / 256] = (char)(i % 256);
        changed = frame_copy(&memory, (hg_text){buffer.data, buffer.length});
        buffer.data[i / 256] = kept;
        if (hgh_flatbuffer_read(changed, &message_table, &lists, &got, NULL) == HG_OK) {
            describe(&got, &text); /* touches all that was found */
        } else {
            refused++;
        }
        hgh_text_builder_done(&text);
        frame_memory_done(&memory);
    }
    assert_true(refused > 0 && refused < buffer.length * 256);
    hgh_text_builder_done(&buffer);
}

static void what_is_written_is_read_again(void **state)
{
    const entry entries[] = {
        {HG_TEXT("one"), 1}, {HG_TEXT("two"), 65535}, {HG_TEXT(""), 3}, {{NULL, 0}, 0}};
    const struct {
        const char *label;
        message sent;
        const char *wanted;
    } cases[] = {
        {"nothing", {.small = 0}, "0 0 0"},
        {"largest numbers",
         {.small = 255, .medium = 65535, .large = UINT32_MAX},
         "255 65535 4294967295"},
        {"empty text", {.text = HG_TEXT("")}, "text= 0 0 0"},
        {"lists",
         {.first = {entries, 2}, .second = {entries + 1, 3}},
         "0 0 0 first:one/1 first:two/65535 second:two/65535 second:/3 second:none/0"},
        {"an empty list", {.first = {entries, 0}}, "0 0 0"},
        {"a union", {.choice = 1, .left = 5, .right = HG_TEXT("not its")}, "0 0 0 choice=1 5 "},
        {"its other table", {.choice = 2, .left = 5, .right = HG_TEXT("r")}, "0 0 0 choice=2 0 r"},
        {"its empty table", {.choice = 3, .left = 5}, "0 0 0 choice=3 0 "},
        {"a union of no known type", {.choice = 4, .left = 5}, "0 0 0"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        frame_memory memory = {{NULL}, 0, 0, 0};
        hgh_flatbuffer_memory lists = frame_memory_of(&memory);
        hgh_text_builder buffer = {.max = TEXT_MAX};
        hgh_text_builder text = {.max = TEXT_MAX};
        hg_error err = HG_ERROR_INIT;
        message got = {.small = 0};
        hg_text written;

        hgh_text_builder_add(&buffer, HG_TEXT("odd")); /* aligned to itself, not to what is there */
        assert_int_equal(hgh_flatbuffer_write(&buffer, &message_table, &cases[i].sent, TEXT_MAX),
                         HG_OK);
        assert_int_equal((buffer.length - 3) % 4, 0);
        written = frame_copy(&memory, (hg_text){buffer.data + 3, buffer.length - 3});
        if (hgh_flatbuffer_read(written, &message_table, &lists, &got, &err) != HG_OK) {
            fail_msg("%s: %s", cases[i].label, err.text);
        }
        describe(&got, &text);
        if (strcmp(hgh_text_builder_string(&text), cases[i].wanted) != 0) {
            fail_msg("%s: got \"%s\"", cases[i].label, hgh_text_builder_string(&text));
        }
        hgh_text_builder_done(&text);
        hgh_text_builder_done(&buffer);
        frame_memory_done(&memory);
    }
}

static void what_is_written_is_aligned_and_terminated(void **state)
{
    const entry entries[] = {{HG_TEXT("ab"), 1}, {HG_TEXT("abcd"), 2}};
    const message sent = {.small = 9, .medium = 513, .large = 3, .first = {entries, 2}};
    frame_memory memory = {{NULL}, 0, 0, 0};
    hgh_text_builder buffer = {.max = TEXT_MAX};
    hg_text wanted =
        frame_bytes(&memory, "14000000"                          /* 0: the root is at 20 */
                             "0e001000 0000 0400 0600 0800 0c00" /* 4: vtable, five slots */
                             "0000"                              /* up to a multiple of 4 */
                             "10000000 09000102 03000000"        /* 20: table; a byte between */
                             "04000000"                          /* 32: the list is at 36 */
                             "02000000 10000000 20000000"        /* 36: entries at 56 and 76 */
                             "08000a00 04000800"                 /* 48: vtable of both */
                             "08000000 08000000 01000000"        /* 56: table, padded */
                             "02000000 61620000"                 /* 68: text and its zero */
                             "1c000000 08000000 02000000"        /* 76 */
                             "04000000 61626364 00000000");      /* 88 */

    (void)state;
    assert_int_equal(hgh_flatbuffer_write(&buffer, &message_table, &sent, TEXT_MAX), HG_OK);
    assert_int_equal(buffer.length, wanted.length);
    assert_memory_equal(buffer.data, wanted.data, wanted.length);
    hgh_text_builder_done(&buffer);
    frame_memory_done(&memory);
}

static void what_is_too_large_leaves_nothing_behind(void **state)
{
    static const char long_text[TEXT_MAX];
    const entry wide = {HG_TEXT("name"), 65536};
    const struct {
        const char *label;
        message sent;
        size_t builder_max;
        size_t max;
    } cases[] = {
        {"text over the limit", {.text = {long_text, 990}}, TEXT_MAX, 1000},
        {"text over the builder's", {.text = {long_text, 990}}, 1000, TEXT_MAX},
        {"room for the root alone", {.text = HG_TEXT("a")}, TEXT_MAX, 4},
        {"room for nothing", {.text = HG_TEXT("a")}, TEXT_MAX, 0},
        {"more entries than references fit", {.first = {long_text, 1025}}, TEXT_MAX, TEXT_MAX},
        {"so many that their bytes overflow",
         {.first = {long_text, SIZE_MAX / 2}},
         TEXT_MAX,
         TEXT_MAX},
        {"a number over its byte", {.small = 256}, TEXT_MAX, TEXT_MAX},
        {"a number over its two bytes", {.medium = 65536}, TEXT_MAX, TEXT_MAX},
        {"a number in an entry", {.first = {&wide, 1}}, TEXT_MAX, TEXT_MAX},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        hgh_text_builder buffer = {.max = cases[i].builder_max};
        hg_status status;

        hgh_text_builder_add(&buffer, HG_TEXT("before"));
        status = hgh_flatbuffer_write(&buffer, &message_table, &cases[i].sent, cases[i].max);
        if (status != HG_ERR_TOO_LARGE || buffer.is_cut ||
            strcmp(hgh_text_builder_string(&buffer), "before") != 0) {
            fail_msg("%s: status %d, %zu bytes", cases[i].label, (int)status, buffer.length);
        }
        hgh_text_builder_done(&buffer);
    }
}

static void no_memory_for_a_list_is_told(void **state)
{
    const entry entries[] = {{HG_TEXT("one"), 1}, {HG_TEXT("two"), 2}};
    const message sent = {.first = {entries, 2}};
    hgh_text_builder buffer = {.max = TEXT_MAX};
    frame_memory memory = {{NULL}, 0, 0, sizeof(entries) - 1};
    hgh_flatbuffer_memory lists = frame_memory_of(&memory);
    hg_error err = HG_ERROR_INIT;
    message got = {.small = 0};

    (void)state;
    assert_int_equal(hgh_flatbuffer_write(&buffer, &message_table, &sent, TEXT_MAX), HG_OK);
    assert_int_equal(hgh_flatbuffer_read((hg_text){buffer.data, buffer.length}, &message_table,
                                         &lists, &got, &err),
                     HG_ERR_NO_MEMORY);
    assert_string_equal(err.text, "first: out of memory");
    hgh_text_builder_done(&buffer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_any_layout),
        cmocka_unit_test(refuses_what_points_outside),
        cmocka_unit_test(every_shortened_buffer_is_read_or_refused_within_it),
        cmocka_unit_test(every_changed_byte_is_read_or_refused_within_the_buffer),
        cmocka_unit_test(what_is_written_is_read_again),
        cmocka_unit_test(what_is_written_is_aligned_and_terminated),
        cmocka_unit_test(what_is_too_large_leaves_nothing_behind),
        cmocka_unit_test(no_memory_for_a_list_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
