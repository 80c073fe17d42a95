/* tests/unit/core/test_body_tree.c - bodies are read as they stand, or refused with their place. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/core/body_tree.h"
#include "tests/unit/unit.h"

#define WRITTEN_MAX (64u << 10)
#define BODY(text)                                                                                 \
    {                                                                                              \
        (text), sizeof(text) - 1                                                                   \
    }

typedef hg_status (*reader)(hg_text body, hgh_body_tree **out_tree, hg_error *err);

static hg_status read_parts(hg_text body, hgh_body_tree **out_tree, hg_error *err)
{
    return hgh_body_tree_of_parts(body, HG_TEXT("multipart/form-data; boundary=b"), out_tree, err);
}

/* The tree as JSON; the caller's. */
static char *written(const hgh_body_tree *tree)
{
    hgh_text_builder builder = {.max = WRITTEN_MAX};
    const uint32_t root = HGH_BODY_ROOT;

    hgh_body_tree_write(tree, &root, 1, false, &builder);
    assert_false(builder.is_cut);
    return builder.data;
}

typedef struct read_case {
    const char *label;
    hg_text body;
    const char *written; /* as JSON; NULL: it is refused */
    const char *error;   /* a part of why */
} read_case;

/* Each body in a block of its own, so that a sanitizer sees what is read behind it. */
static void expect_read(reader read, const read_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char *body = malloc(cases[i].body.length + 1);
        hgh_body_tree *tree = NULL;
        hg_error err = HG_ERROR_INIT;
        hg_status status;

        assert_non_null(body);
        memcpy(body, cases[i].body.data, cases[i].body.length);
        body = realloc(body, cases[i].body.length + (cases[i].body.length == 0));
        status = read((hg_text){body, cases[i].body.length}, &tree, &err);
        if (cases[i].written == NULL) {
            if (status != HG_ERR_INVALID || strstr(err.text, cases[i].error) == NULL) {
                fail_msg("%s: got %d, \"%s\"", cases[i].label, (int)status, err.text);
            }
        } else if (status != HG_OK) {
            fail_msg("%s: got %d, \"%s\"", cases[i].label, (int)status, err.text);
        } else {
            char *text = written(tree);

            if (strcmp(text, cases[i].written) != 0) {
                fail_msg("%s: got %s, wanted %s", cases[i].label, text, cases[i].written);
            }
            free(text);
        }
        hgh_body_tree_free(tree);
        free(body);
    }
}

#define SAME(label, text)                                                                          \
    {                                                                                              \
        label, BODY(text), text, NULL                                                              \
    }
#define REFUSED(label, text, error)                                                                \
    {                                                                                              \
        label, BODY(text), NULL, error                                                             \
    }

static void json_is_read_as_it_stands(void **state)
{
    static const read_case cases[] = {
        SAME("an empty object", "{}"),
        SAME("an empty array", "[]"),
        SAME("a number alone", "-0.5e+10"),
        SAME("a text alone", "\"a\""),
        SAME("the words", "[true,false,null]"),
        SAME("containers in containers", "{\"a\":[{\"b\":{}},[],[[1]]],\"c\":{\"d\":\"e\"}}"),
        SAME("escapes", "{\"\\u00e9\\n\":\"\\\\ \\\" \\/ \\b\\f\\n\\r\\t \\ud83d\\ude00\"}"),
        SAME("doubled members", "{\"a\":1,\"a\":2}"),
        SAME("bytes that are no UTF-8", "[\"\xff\xc0\"]"),
        SAME("numbers", "[0,-0,1.5,1e3,1E-3,10,9007199254740993]"),
        {"blanks", BODY(" \t\r\n{ \"a\" : [ 1 , 2 ] } \n"), "{\"a\":[1,2]}", NULL},
    };

    (void)state;
    expect_read(hgh_body_tree_of_json, cases, ARRAY_SIZE(cases));
}

static void what_is_no_json_is_refused(void **state)
{
    static const read_case cases[] = {
        REFUSED("nothing", "", "byte 1: wanted a value"),
        REFUSED("blanks", "  ", "byte 3: wanted a value"),
        REFUSED("two values", "1 2", "byte 3: wanted nothing behind the value"),
        REFUSED("a comma too many", "[1,]", "byte 4: wanted a value"),
        REFUSED("a comma too many in an object", "{\"a\":1,}", "wanted the name of a member"),
        REFUSED("no comma", "[1 2]", "byte 4: wanted \",\" or \"]\""),
        REFUSED("no colon", "{\"a\" 1}", "byte 6: wanted \":\""),
        REFUSED("the other bracket", "[1}", "wanted \",\" or \"]\""),
        REFUSED("the other bracket of an object", "{\"a\":1]", "wanted \",\" or \"}\""),
        REFUSED("a name without quotes", "{a:1}", "byte 2: wanted the name of a member"),
        REFUSED("single quotes", "['a']", "wanted a value"),
        REFUSED("cut short", "{\"a\":[1", "wanted \",\" or \"]\""),
        REFUSED("a text cut short", "\"a", "the end of a text"),
        REFUSED("a line break in a text", "\"a\nb\"", "the end of a text"),
        REFUSED("an unknown escape", "\"\\x\"", "an escape sequence"),
        REFUSED("an escape cut short", "\"\\", "an escape sequence"),
        REFUSED("a code cut short", "\"\\u12", "four hexadecimal digits"),
        REFUSED("no code", "\"\\u12g4\"", "four hexadecimal digits"),
        REFUSED("a plus", "+1", "a value"),
        REFUSED("a leading zero", "01", "nothing behind the value"),
        REFUSED("no digit before the point", ".5", "a value"),
        REFUSED("no digit behind the point", "1.", "a digit"),
        REFUSED("no exponent", "1e", "a digit"),
        REFUSED("a minus alone", "-", "a digit"),
        REFUSED("hexadecimal", "0x10", "nothing behind the value"),
        REFUSED("no number", "NaN", "a value"),
        REFUSED("a word cut short", "tru", "a value"),
        REFUSED("a comment", "[1] // one", "nothing behind the value"),
        REFUSED("a byte order mark", "\xef\xbb\xbf{}", "a value"),
        REFUSED("a NUL", "[1]\0", "nothing behind the value"),
    };

    (void)state;
    expect_read(hgh_body_tree_of_json, cases, ARRAY_SIZE(cases));
}

static void forms_are_read_field_by_field(void **state)
{
    static const read_case cases[] = {
        {"nothing", BODY(""), "{}", NULL},
        {"fields", BODY("a=1&bb=2"), "{\"a\":\"1\",\"bb\":\"2\"}", NULL},
        {"several of one name", BODY("b=1&a=x&b=2&b=1"), "{\"b\":[\"1\",\"2\",\"1\"],\"a\":\"x\"}",
         NULL},
        {"codes", BODY("%61+b=%22%5C+%0a%2"), "{\"a b\":\"\\\"\\\\ \\u000a%2\"}", NULL},
        {"a code in one of two names", BODY("%61=1&a=2"), "{\"a\":[\"1\",\"2\"]}", NULL},
        {"without a sign, and without a value", BODY("a&b="), "{\"a\":true,\"b\":\"\"}", NULL},
        {"a second sign", BODY("a=b=c"), "{\"a\":\"b=c\"}", NULL},
        {"empty fields", BODY("&&a=1&"), "{\"a\":\"1\"}", NULL},
        {"no name", BODY("=1&="), "{\"\":[\"1\",\"\"]}", NULL},
    };

    (void)state;
    expect_read(hgh_body_tree_of_form, cases, ARRAY_SIZE(cases));
}

#define NAMED(name) "Content-Disposition: form-data; name=" name "\r\n\r\n"

static void parts_are_read_by_their_names(void **state)
{
    static const read_case cases[] = {
        {"none", BODY("--b--"), "{}", NULL},
        {"parts",
         BODY("--b\r\n" NAMED("\"a\"") "1\r\n--b\r\n" NAMED("\"c d\"") "2\r\n3\r\n--b--\r\n"),
         "{\"a\":\"1\",\"c d\":\"2\\u000d\\u000a3\"}", NULL},
        {"what stands before and behind", BODY("x\r\n--b \t\r\n" NAMED("a") "1\r\n--b--\r\nmore"),
         "{\"a\":\"1\"}", NULL},
        {"an empty one", BODY("--b\r\n" NAMED("a") "\r\n--b--"), "{\"a\":\"\"}", NULL},
        {"a file, other headers, any case",
         BODY("--b\r\nContent-Type: text/plain\r\ncontent-disposition:form-data;"
              "filename=\"a;name=x\" ; NAME=\"f\"\r\nX: y\r\n\r\nx--b\r\n--b--"),
         "{\"f\":\"x--b\"}", NULL},
        {"a head alone", BODY("--b\r\n" NAMED("a") "--b--"), "{\"a\":\"\"}", NULL},
        {"without a name", BODY("--b\r\nX: y\r\n\r\n1\r\n--b\r\n\r\n2\r\n--b--"), "{}", NULL},
        REFUSED("no boundary", "a=1", "a part that ends with the boundary"),
        REFUSED("no end", "--b\r\n" NAMED("a") "1", "a part that ends with the boundary"),
        REFUSED("a longer boundary", "--bc\r\n" NAMED("a") "1\r\n--b--",
                "the end of the boundary's line"),
        REFUSED("no empty line", "--b\r\nX: y\r\n--b--", "an empty line"),
        REFUSED("cut short behind a boundary", "--b", "the end of the boundary's line"),
        REFUSED("nothing", "", "a part that ends with the boundary"),
    };
    static const struct {
        const char *type;
        bool is_read;
    } types[] = {
        {"multipart/form-data; boundary=b", true},
        {"multipart/form-data; charset=x; Boundary=\"b\"", true},
        {"multipart/form-data;boundary=c", false},
        {"multipart/form-data", false},
        {"multipart/form-data; boundary=", false},
        {"multipart/form-data; boundary=\"\"", false},
        {"multipart/form-data; x=\"boundary=b\"", false},
    };

    (void)state;
    expect_read(read_parts, cases, ARRAY_SIZE(cases));
    for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
        hgh_body_tree *tree = NULL;
        hg_status status =
            hgh_body_tree_of_parts(HG_TEXT("--b--"), hg_text_of(types[i].type), &tree, NULL);

        if ((status == HG_OK) != types[i].is_read) {
            fail_msg("%s: got %d", types[i].type, (int)status);
        }
        hgh_body_tree_free(tree);
    }
}

static void the_last_of_members_with_one_name_is_found(void **state)
{
    hgh_body_tree *tree = NULL;
    uint32_t place;

    (void)state;
    assert_int_equal(
        hgh_body_tree_of_json(HG_TEXT("{\"a\":1,\"\\u0061\":[{\"x\":9}],\"b\":3}"), &tree, NULL),
        HG_OK);
    place = hgh_body_tree_member(tree, HGH_BODY_ROOT, HG_TEXT("a"));
    assert_int_equal(tree->values[place].kind, HGH_VALUE_ARRAY);
    assert_int_equal(hgh_body_tree_member(tree, place, HG_TEXT("x")), HGH_BODY_NOTHING);
    assert_int_equal(hgh_body_tree_member(tree, place + 1, HG_TEXT("x")), place + 2);
    assert_int_equal(hgh_body_tree_member(tree, HGH_BODY_ROOT, HG_TEXT("x")), HGH_BODY_NOTHING);
    assert_int_equal(hgh_body_tree_member(tree, HGH_BODY_ROOT, HG_TEXT("")), HGH_BODY_NOTHING);
    hgh_body_tree_free(tree);
}

static void escapes_are_taken_out_of_texts(void **state)
{
    static const struct {
        const char *raw;
        const char *text;
    } cases[] = {
        {"a", "a"},
        {"\\\"\\\\\\/\\b\\f\\n\\r\\t", "\"\\/\b\f\n\r\t"},
        {"\\u0041\\u00e9\\u20AC", "A\xc3\xa9\xe2\x82\xac"},
        {"\\ud83d\\ude00!", "\xf0\x9f\x98\x80!"},
        {"\\ud83d", "\xef\xbf\xbd"},
        {"\\ud83dx", "\xef\xbf\xbdx"},
        {"\\ude00\\ud83d", "\xef\xbf\xbd\xef\xbf\xbd"},
        {"\\ud83d\\u0041", "\xef\xbf\xbd"
                           "A"},
        {"\\ud83d\\n", "\xef\xbf\xbd\n"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char buffer[64];
        char json[80];
        size_t length = hgh_body_unescape(hg_text_of(cases[i].raw), buffer);
        hgh_body_tree *tree = NULL;

        if (length != strlen(cases[i].text) || memcmp(buffer, cases[i].text, length) != 0) {
            fail_msg("%s: got %.*s", cases[i].raw, (int)length, buffer);
        }
        /* A name is compared in the same way. */
        (void)snprintf(json, sizeof(json), "{\"%s\":1}", cases[i].raw);
        assert_int_equal(hgh_body_tree_of_json(hg_text_of(json), &tree, NULL), HG_OK);
        if (hgh_body_tree_member(tree, HGH_BODY_ROOT, hg_text_of(cases[i].text)) != 1) {
            fail_msg("%s: not found by its name", cases[i].raw);
        }
        hgh_body_tree_free(tree);
    }
}

static void numbers_are_written_as_in_lua_but_whole_ones_keep_their_digits(void **state)
{
    static const struct {
        const char *raw;
        const char *text;
    } cases[] = {
        {"0", "0"},
        {"-0", "-0"},
        {"7", "7"},
        {"0.7", "0.7"},
        {"1.0", "1"},
        {"1.50", "1.5"},
        {"1e3", "1000"},
        {"1E-7", "1e-07"},
        {"0.1234567890123456789", "0.12345678901235"},
        {"1234567890123456789", "1234567890123456789"},
        {"1e20", "1e+20"},
        {"1e999", "inf"},
    };
    char digits[600];
    char buffer[HGH_BODY_NUMBER_MAX];
    double number = 0;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        hg_text text = hgh_body_number_text(hg_text_of(cases[i].raw), buffer, &number);

        if (!hg_text_equal(text, hg_text_of(cases[i].text))) {
            fail_msg("%s: got %.*s", cases[i].raw, (int)text.length, text.data);
        }
    }
    memset(digits, '1', sizeof(digits));
    digits[1] = '.';
    assert_int_equal(
        hgh_body_number_text((hg_text){digits, sizeof(digits)}, buffer, &number).length, 600);
    assert_true(number > 1.1 && number < 1.2);
}

static void what_is_written_has_a_bound(void **state)
{
    hgh_text_builder builder = {.max = 10};
    hgh_body_tree *tree = NULL;
    const uint32_t places[] = {1, 3};

    (void)state;
    assert_int_equal(hgh_body_tree_of_json(HG_TEXT("[{\"a\":1},[2]]"), &tree, NULL), HG_OK);
    hgh_body_tree_write(tree, places, 2, true, &builder);
    assert_true(builder.is_cut);
    hgh_text_builder_cut(&builder, 0);
    builder.is_cut = false;
    builder.max = 100;
    hgh_body_tree_write(tree, places, 2, true, &builder);
    assert_string_equal(hgh_text_builder_string(&builder), "[{\"a\":1},[2]]");
    hgh_text_builder_done(&builder);
    hgh_body_tree_free(tree);
}

/* A body of `count` times `piece`, between brackets if it is JSON. */
static char *repeated(const char *piece, size_t count, size_t *out_length)
{
    size_t length = strlen(piece);
    char *text = malloc(count * length + 1);

    assert_non_null(text);
    for (size_t i = 0; i < count; i++) {
        memcpy(text + i * length, piece, length);
    }
    *out_length = count * length;
    return text;
}

static void depth_and_number_of_values_have_bounds(void **state)
{
    static const struct {
        const char *label;
        reader read;
        const char *piece;
        size_t count;
        hg_status status;
    } cases[] = {
        {"the deepest", hgh_body_tree_of_json, "[", HGH_BODY_DEPTH_MAX, HG_ERR_INVALID},
        {"deeper", hgh_body_tree_of_json, "[", HGH_BODY_DEPTH_MAX + 1, HG_ERR_TOO_LARGE},
        {"deeper in objects", hgh_body_tree_of_json, "{\"a\":", HGH_BODY_DEPTH_MAX + 1,
         HG_ERR_TOO_LARGE},
        {"as many fields as values", hgh_body_tree_of_form, "a&", HGH_BODY_VALUES_MAX - 2, HG_OK},
        {"more fields", hgh_body_tree_of_form, "a&", HGH_BODY_VALUES_MAX + 1, HG_ERR_TOO_LARGE},
        {"the array is one more", hgh_body_tree_of_form, "a&", HGH_BODY_VALUES_MAX - 1,
         HG_ERR_TOO_LARGE},
    };
    size_t length;
    char *text;
    hgh_body_tree *tree = NULL;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        hg_status status;

        text = repeated(cases[i].piece, cases[i].count, &length);
        tree = NULL;
        status = cases[i].read((hg_text){text, length}, &tree, NULL);
        if (status != cases[i].status) {
            fail_msg("%s: got %d", cases[i].label, (int)status);
        }
        hgh_body_tree_free(tree);
        free(text);
    }
    text = repeated("1,", HGH_BODY_VALUES_MAX, &length);
    text[0] = '[';
    text[length - 1] = ']';
    assert_int_equal(hgh_body_tree_of_json((hg_text){text, length}, &tree, NULL), HG_ERR_INVALID);
    text[1] = '1'; /* "[1" is one value less than what would be */
    assert_int_equal(hgh_body_tree_of_json((hg_text){text, length}, &tree, NULL), HG_OK);
    assert_int_equal(tree->count, HGH_BODY_VALUES_MAX);
    hgh_body_tree_free(tree);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_is_read_as_it_stands),
        cmocka_unit_test(what_is_no_json_is_refused),
        cmocka_unit_test(forms_are_read_field_by_field),
        cmocka_unit_test(parts_are_read_by_their_names),
        cmocka_unit_test(the_last_of_members_with_one_name_is_found),
        cmocka_unit_test(escapes_are_taken_out_of_texts),
        cmocka_unit_test(numbers_are_written_as_in_lua_but_whole_ones_keep_their_digits),
        cmocka_unit_test(what_is_written_has_a_bound),
        cmocka_unit_test(depth_and_number_of_values_have_bounds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
