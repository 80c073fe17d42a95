/* tests/unit/control/test_json_place.c - values of a JSON text are found where they stand. */
#include "host/control/json_place.h"
#include "tests/unit/unit.h"

static const char text[] = "{\"a\": [1, {\"b/c\": \"x]}\\\"\"}, [[], {}], null],\n"
                           "  \"\\u00fc\": \"\xc3\xbc\", \"~\": {\"\": true},\n"
                           "\t\"last\": -1.5e3 }\n";

static void a_pointer_leads_to_a_line_and_a_column(void **state)
{
    static const struct {
        const char *pointer;
        unsigned line;
        unsigned column;
    } cases[] = {
        {"", 1, 1},           {"/a", 1, 7},      {"/a/0", 1, 8},   {"/a/1", 1, 11},
        {"/a/1/b~1c", 1, 19}, {"/a/2/1", 1, 34}, {"/a/3", 1, 39},  {"/\xc3\xbc", 2, 13},
        {"/~0", 2, 23},       {"/~0/", 2, 28},   {"/last", 3, 10},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        unsigned line = 0;
        unsigned column = 0;

        hgh_json_place(text, strlen(text), cases[i].pointer, &line, &column);
        if (line != cases[i].line || column != cases[i].column) {
            fail_msg("%s: %u:%u, wanted %u:%u", cases[i].pointer, line, column, cases[i].line,
                     cases[i].column);
        }
    }
}

static void what_is_not_there_is_found_at_what_is_around_it(void **state)
{
    static const struct {
        const char *pointer;
        const char *around;
    } cases[] = {
        {"/none", ""},        {"/a/7", "/a"},         {"/a/0/deep", "/a/0"}, {"/a/x", "/a"},
        {"/last/x", "/last"}, {"/a/2/0/0", "/a/2/0"}, {"no pointer", ""},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        unsigned place[4] = {0};

        hgh_json_place(text, strlen(text), cases[i].pointer, &place[0], &place[1]);
        hgh_json_place(text, strlen(text), cases[i].around, &place[2], &place[3]);
        if (place[0] != place[2] || place[1] != place[3]) {
            fail_msg("%s: %u:%u, wanted %u:%u", cases[i].pointer, place[0], place[1], place[2],
                     place[3]);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pointer_leads_to_a_line_and_a_column),
        cmocka_unit_test(what_is_not_there_is_found_at_what_is_around_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
