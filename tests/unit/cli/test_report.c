/* tests/unit/cli/test_report.c - whatever an answer holds, people can read it. */
#include <stdlib.h>

#include "host/cli/report.h"
#include "tests/unit/unit.h"

static void answers_become_lines_and_tables(void **state)
{
    static const struct {
        const char *label;
        const char *json;
        const char *text;
    } cases[] = {
        {"members", "{\"generation\":3,\"ok\":true,\"why\":null,\"empty\":[],\"none\":{}}",
         "generation: 3\nok: yes\nwhy: -\nempty: -\n"},
        {"table, columns of all rows",
         "{\"n\":1,\"plugins\":[{\"name\":\"echo\",\"version\":\"0.1\"},"
         "{\"name\":\"key-auth\",\"pinned\":true}]}",
         "n: 1\n\nplugins\nname      version  pinned\necho      0.1      -\n"
         "key-auth  -        yes\n"},
        {"map of rows", "{\"m\":1,\"w\":{\"a\":{\"pid\":1},\"bb\":{\"pid\":22}}}",
         "m: 1\n\nw\nname  pid\na     1\nbb    22\n"},
        {"hash is cut",
         "[{\"sha256\":\"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\"}]",
         "sha256\n0123456789ab\n"},
        {"list of words", "{\"a\":1,\"flags\":[\"x\",\"y\"]}", "a: 1\nflags: x, y\n"},
        {"list of numbers", "{\"a\":1,\"n\":[1,2]}", "a: 1\nn: [1,2]\n"},
        {"nested in a cell", "[{\"a\":{\"b\":1}}]", "a\n{\"b\":1}\n"},
        {"wide characters", "[{\"a\":\"\xc3\xa4\xc3\xa4\",\"b\":1},{\"a\":\"xxx\",\"b\":2}]",
         "a    b\n\xc3\xa4\xc3\xa4   1\nxxx  2\n"},
        {"controls do not reach the terminal", "{\"a\":\"x\\u001b[0my\\nz\",\"b\":1}",
         "a: x [0my z\nb: 1\n"},
        {"plain", "\"done\"", "done\n"},
        {"empty list", "[]", "-\n"},
        {"empty object", "{}", ""},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char *text = NULL;
        size_t length = 0;
        FILE *out = open_memstream(&text, &length);
        json_t *value = json_loads(cases[i].json, JSON_DECODE_ANY, NULL);

        assert_non_null(out);
        assert_non_null(value);
        hgh_report_print(out, value);
        assert_int_equal(fclose(out), 0);
        if (strcmp(text, cases[i].text) != 0) {
            fail_msg("%s: got\n%s", cases[i].label, text);
        }
        free(text);
        json_decref(value);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_become_lines_and_tables),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
