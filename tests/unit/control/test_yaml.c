/* tests/unit/control/test_yaml.c - YAML becomes JSON by the core schema; errors say where. */
#include <stdlib.h>

#include "host/control/yaml.h"
#include "tests/unit/unit.h"

static void scalars_have_the_types_of_the_core_schema(void **state)
{
    static const struct {
        const char *text;
        const char *json;
    } cases[] = {
        {"on", "\"on\""},
        {"no", "\"no\""},
        {"Yes", "\"Yes\""},
        {"true", "true"},
        {"False", "false"},
        {"tRUE", "\"tRUE\""},
        {"null", "null"},
        {"~", "null"},
        {"", "null"},
        {"# nothing but a comment", "null"},
        {"12", "12"},
        {"-12", "-12"},
        {"+12", "12"},
        {"012", "12"},
        {"0x1f", "31"},
        {"0o17", "15"},
        {"0x", "\"0x\""},
        {"0b1", "\"0b1\""},
        {"1_000", "\"1_000\""},
        {"190:20:30", "\"190:20:30\""},
        {"1.5", "1.5"},
        {"1.", "1.0"},
        {".5", "0.5"},
        {".", "\".\""},
        {"1e3", "1000.0"},
        {"1e", "\"1e\""},
        {"2026-11-22", "\"2026-11-22\""},
        {"240s", "\"240s\""},
        {"'12'", "\"12\""},
        {"\"true\"", "\"true\""},
        {"''", "\"\""},
        {"!!str 12", "\"12\""},
        {"! 12", "\"12\""},
        {"!!int '12'", "12"},
        {"!!float 1", "1"},
        {"|\n a\n b\n", "\"a\\nb\\n\""},
        {">\n a\n b\n", "\"a b\\n\""},
        {"9223372036854775807", "9223372036854775807"},
        {"\xef\xbb\xbf"
         "a",
         "\"a\""},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        hg_error err = HG_ERROR_INIT;
        json_t *value = NULL;
        hg_status status = hgh_yaml_parse(cases[i].text, strlen(cases[i].text), &value, NULL, &err);
        char *json = status == HG_OK ? json_dumps(value, JSON_ENCODE_ANY) : NULL;

        if (json == NULL || strcmp(json, cases[i].json) != 0) {
            fail_msg("%s: got %s, \"%s\"", cases[i].text, json == NULL ? "nothing" : json,
                     err.text);
        }
        free(json);
        json_decref(value);
    }
}

static void collections_and_aliases_become_objects_and_arrays(void **state)
{
    static const char text[] = "a: &x\n"
                               "  - 1\n"
                               "  - {b: two, 3: ~}\n"
                               "c: *x\n"
                               "d: &x 7\n"
                               "e: *x\n"
                               "\"<<\": quoted\n";
    json_t *value = NULL;
    char *json;

    (void)state;
    assert_int_equal(hgh_yaml_parse(text, strlen(text), &value, NULL, NULL), HG_OK);
    json = json_dumps(value, JSON_COMPACT | JSON_SORT_KEYS);
    assert_string_equal(json, "{\"<<\":\"quoted\",\"a\":[1,{\"3\":null,\"b\":\"two\"}],"
                              "\"c\":[1,{\"3\":null,\"b\":\"two\"}],\"d\":7,\"e\":7}");
    free(json);
    json_decref(value);
}

static void errors_say_line_and_column(void **state)
{
    static const struct {
        const char *label;
        const char *text;
        hg_status status;
        const char *message;
    } cases[] = {
        {"duplicate key", "a: 1\nb: 2\na: 3\n", HG_ERR_INVALID,
         "3:1: the key \"a\" is there twice"},
        {"duplicate key below", "x:\n  a: 1\n  'a': 3\n", HG_ERR_INVALID,
         "3:3: the key \"a\" is there twice"},
        {"merge key", "a: &x {b: 1}\nc:\n  <<: *x\n", HG_ERR_INVALID,
         "3:3: merge keys (<<) are not part of YAML 1.2: write the keys out"},
        {"mapping as key", "? {a: 1}\n: 2\n", HG_ERR_INVALID,
         "1:3: a key must be text, not a mapping, a list or an alias"},
        {"second document", "a: 1\n---\nb: 2\n", HG_ERR_INVALID,
         "2:1: a second document begins; one is wanted"},
        {"second document after null", "---\n~\n---\n~\n", HG_ERR_INVALID,
         "3:1: a second document begins; one is wanted"},
        {"unknown anchor", "a: *x\n", HG_ERR_INVALID, "1:4: no anchor has the name \"x\""},
        {"alias to itself", "a: &x [1, *x]\n", HG_ERR_INVALID,
         "1:11: this alias stands inside the value that it names"},
        {"too large", "a: 9223372036854775808\n", HG_ERR_INVALID,
         "1:4: this number does not fit 64 bits; quote it if it is text"},
        {"too large float", "a: 1e999\n", HG_ERR_INVALID,
         "1:4: this number is too large; quote it if it is text"},
        {"infinity", "a: -.inf\n", HG_ERR_INVALID,
         "1:4: infinity and NaN have no place in JSON; quote it if it is text"},
        {"NUL", "a: \"x\\0y\"\n", HG_ERR_INVALID, "1:4: text with a NUL character"},
        {"NUL in a key", "\"x\\0y\": 1\n", HG_ERR_INVALID, "1:1: a key with a NUL character"},
        {"own tag", "a: !secret x\n", HG_ERR_INVALID, "1:4: this tag is not known here"},
        {"own tag of a list", "a: !secret [x]\n", HG_ERR_INVALID,
         "1:4: this tag is not known here"},
        {"wrong tag", "a: !!int x\n", HG_ERR_INVALID, "1:4: the value is not of its tag"},
        {"tab", "a:\n\tb: 1\n", HG_ERR_INVALID,
         "2:1: found character that cannot start any token (while scanning for the next token)"},
        {"not closed", "a: [1, 2\n", HG_ERR_INVALID,
         "2:1: did not find expected ',' or ']' (while parsing a flow sequence)"},
        {"indentation", "a: 1\n  b: 2\n", HG_ERR_INVALID,
         "2:4: mapping values are not allowed in this context"},
        {"not UTF-8", "a: 1\nb: \xff\n", HG_ERR_INVALID, "2:4: invalid leading UTF-8 octet"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        hg_error err = HG_ERROR_INIT;
        json_t *value = NULL;
        hgh_yaml_marks *marks = NULL;
        hg_status status =
            hgh_yaml_parse(cases[i].text, strlen(cases[i].text), &value, &marks, &err);

        if (status != cases[i].status || strcmp(err.text, cases[i].message) != 0) {
            fail_msg("%s: got status %d, \"%s\"", cases[i].label, (int)status, err.text);
        }
        assert_null(value);
        assert_null(marks);
    }
}

/* Nine levels of nine aliases each: nine to the ninth values in 400 bytes. */
static void an_alias_bomb_is_refused(void **state)
{
    char text[1024] = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n";
    hg_error err = HG_ERROR_INIT;
    json_t *value = NULL;

    (void)state;
    for (int i = 1; i < 9; i++) {
        size_t length = strlen(text);

        (void)snprintf(text + length, sizeof(text) - length,
                       "a%d: &a%d [*a%d, *a%d, *a%d, *a%d, *a%d, *a%d, *a%d, *a%d, *a%d]\n", i, i,
                       i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1);
    }
    assert_int_equal(hgh_yaml_parse(text, strlen(text), &value, NULL, &err), HG_ERR_TOO_LARGE);
    assert_non_null(strstr(err.text, "the aliases repeat more than 16 MiB"));
}

static void deep_nesting_is_refused(void **state)
{
    char text[HGH_YAML_DEPTH_MAX + 2];
    hg_error err = HG_ERROR_INIT;
    json_t *value = NULL;

    (void)state;
    memset(text, '[', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    assert_int_equal(hgh_yaml_parse(text, strlen(text), &value, NULL, &err), HG_ERR_TOO_LARGE);
    assert_string_equal(err.text, "1:65: nested more than 64 deep");
}

static void marks_find_each_value(void **state)
{
    static const char text[] = "# \xc3\xa4\n"
                               "a:\n"
                               "  \xc3\xb6: '\xc3\xbc'\n"
                               "  list: [1, {x/y: 2}]\n"
                               "b:\n"
                               "- 5\n";
    json_t *value = NULL;
    hgh_yaml_marks *marks = NULL;
    const hgh_yaml_mark *mark;

    (void)state;
    assert_int_equal(hgh_yaml_parse(text, strlen(text), &value, &marks, NULL), HG_OK);
    mark = hgh_yaml_find(marks, "/a/\xc3\xb6");
    assert_non_null(mark);
    assert_int_equal(mark->line, 3);
    assert_int_equal(mark->column, 6);
    assert_int_equal(mark->key_column, 3);
    assert_memory_equal(text + mark->start, "'\xc3\xbc'", mark->end - mark->start);
    mark = hgh_yaml_find(marks, "/a/list/1/x~1y");
    assert_non_null(mark);
    assert_memory_equal(text + mark->start, "2", mark->end - mark->start);
    mark = hgh_yaml_find(marks, "/a/list");
    assert_true(mark->flow);
    assert_int_equal(mark->end - mark->start, strlen("[1, {x/y: 2}]"));
    mark = hgh_yaml_find(marks, "/a");
    assert_false(mark->flow);
    assert_int_equal(mark->line, 3);
    assert_int_equal(mark->key_line, 2);
    assert_null(hgh_yaml_find(marks, "/b/0/deeper"));
    assert_int_equal(hgh_yaml_locate(marks, "/b/0/deeper")->line, 6);
    assert_int_equal(hgh_yaml_locate(marks, "/nothing")->line, 2);
    hgh_yaml_marks_free(marks);
    json_decref(value);
}

static void variables_are_replaced(void **state)
{
    static const struct {
        const char *label;
        const char *text;
        hg_status status;
        const char *result; /* or the error */
    } cases[] = {
        {"set", "port: ${{HG_TEST_PORT}}\n", HG_OK, "port: 9080\n"},
        {"blanks", "port: ${{ HG_TEST_PORT }}", HG_OK, "port: 9080"},
        {"set, with default", "${{HG_TEST_PORT:=1}}", HG_OK, "9080"},
        {"default", "${{HG_TEST_NONE:=1:2}}", HG_OK, "1:2"},
        {"empty default", "a${{HG_TEST_NONE:=}}b", HG_OK, "ab"},
        {"two on a line", "${{HG_TEST_PORT}}-${{HG_TEST_PORT}}", HG_OK, "9080-9080"},
        {"comment", "  # ${{HG_TEST_NONE}} ${{\nx", HG_OK, "  # ${{HG_TEST_NONE}} ${{\nx"},
        {"nothing to do", "$host ${x} {{y}}\n\n", HG_OK, "$host ${x} {{y}}\n\n"},
        {"not set", "a: 1\nb: ${{HG_TEST_NONE}}\n", HG_ERR_INVALID,
         "2:4: the environment variable HG_TEST_NONE is not set, and ${{HG_TEST_NONE}} gives no "
         "default"},
        {"not closed", "b: ${{HG_TEST_PORT}\n", HG_ERR_INVALID,
         "1:4: ${{ without }} on the same line"},
        {"no name", "${{}}", HG_ERR_INVALID,
         "1:1: found ${{}}, wanted ${{NAME}} or ${{NAME:=default}}"},
        {"one colon", "${{A:b}}", HG_ERR_INVALID,
         "1:1: found ${{A:b}}, wanted ${{NAME}} or ${{NAME:=default}}"},
        {"line break in it", "x: ${{HG_TEST_LINES}}", HG_ERR_INVALID,
         "1:4: the environment variable HG_TEST_LINES holds a line break, which would change the "
         "meaning of the lines below"},
    };

    (void)state;
    (void)setenv("HG_TEST_PORT", "9080", 1);
    (void)setenv("HG_TEST_LINES", "a\nb: c", 1);
    (void)unsetenv("HG_TEST_NONE");
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        hg_error err = HG_ERROR_INIT;
        char *text = NULL;
        size_t length = 0;
        hg_status status =
            hgh_yaml_expand(cases[i].text, strlen(cases[i].text), &text, &length, &err);
        const char *result = status == HG_OK ? text : err.text;

        if (status != cases[i].status || strcmp(result, cases[i].result) != 0) {
            fail_msg("%s: got status %d, \"%s\"", cases[i].label, (int)status, result);
        }
        assert_true(status != HG_OK || length == strlen(text));
        free(text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scalars_have_the_types_of_the_core_schema),
        cmocka_unit_test(collections_and_aliases_become_objects_and_arrays),
        cmocka_unit_test(errors_say_line_and_column),
        cmocka_unit_test(an_alias_bomb_is_refused),
        cmocka_unit_test(deep_nesting_is_refused),
        cmocka_unit_test(marks_find_each_value),
        cmocka_unit_test(variables_are_replaced),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
