/* tests/unit/cli/test_markdown.c - whatever a plugin says, its table stays one. */
#include <stdlib.h>

#include "host/cli/markdown.h"
#include "tests/unit/unit.h"

#define TEXT_MAX 65536u

typedef struct markdown_case {
    const char *label;
    const char *text;
    const char *markdown;
} markdown_case;

static void expect(const markdown_case *row, void (*add)(hgh_text_builder *out, const char *text))
{
    hgh_text_builder out = {.max = TEXT_MAX};

    add(&out, row->text);
    if (strcmp(hgh_text_builder_string(&out), row->markdown) != 0 || out.is_cut) {
        fail_msg("%s: got %s", row->label, hgh_text_builder_string(&out));
    }
    hgh_text_builder_done(&out);
}

static void code_shows_every_text_as_it_is(void **state)
{
    static const markdown_case cases[] = {
        {"a word", "realm", "`realm`"},
        {"what would be markup", "*a* _b_ <c> [d](e) &amp; $f", "`*a* _b_ <c> [d](e) &amp; $f`"},
        {"a pipe", "a|b", "`a\\|b`"},
        {"a backslash before a pipe", "a\\|b", "<code>a&#92;&#124;b</code>"},
        {"a backslash at the end", "a\\", "`a\\`"},
        {"a backtick inside", "a`b", "``a`b``"},
        {"backticks at the ends", "`a`", "`` `a` ``"},
        {"three backticks", "a```b", "````a```b````"},
        {"blanks at both ends", " a ", "`  a  `"},
        {"a blank at one end", " a", "` a`"},
        {"only blanks", "  ", "`  `"},
        {"nothing", "", "<code></code>"},
        {"line breaks", "a\nb\r\tc", "`a\\nb\\r\\tc`"},
        {"controls", "\x1b[0m\x7f", "`\\x1b[0m\\x7f`"},
        {"UTF-8", "gr\xc3\xbc\xc3\x9f", "`gr\xc3\xbc\xc3\x9f`"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        expect(&cases[i], hgh_markdown_add_code);
    }
}

static void code_that_is_too_long_is_cut_between_characters(void **state)
{
    hgh_text_builder out = {.max = TEXT_MAX};
    char text[2001];

    (void)state;
    for (size_t i = 0; i + 1 < sizeof(text); i += 2) { /* 1,000 times two bytes, one byte off */
        memcpy(&text[i], "\xc3\xbc", 2);
    }
    text[0] = 'a';
    text[1] = 'b';
    text[2] = 'c';
    memmove(&text[3], &text[4], sizeof(text) - 4);
    text[sizeof(text) - 2] = '\0';
    hgh_markdown_add_code(&out, text);
    assert_int_equal(out.length, 1 + 1023 + 1 + 4);
    assert_string_equal(out.data + out.length - 7, "\xc3\xbc` ...");
    hgh_text_builder_done(&out);
}

static void prose_is_text_but_for_what_stands_between_backticks(void **state)
{
    static const markdown_case cases[] = {
        {"a sentence", "What a refused client is told.", "What a refused client is told."},
        {"code", "As `Digest` says, `a|b`.", "As `Digest` says, `a\\|b`."},
        {"a backtick alone", "5` long", "5\\` long"},
        {"two and a half", "`a` and `b", "`a` and \\`b"},
        {"nothing between them", "a `` b", "a \\`\\` b"},
        {"a fence", "```sh", "\\`\\`\\`sh"},
        {"a fence and code", "``` `a` ```", "\\`\\`\\` `a` \\`\\`\\`"},
        {"pipes", "a | b || c", "a \\| b \\|\\| c"},
        {"line breaks and controls", " a\n\n| b |\r\n\tc\x01 ", "a \\| b \\| c"},
        {"only blanks", " \n\t", ""},
        {"markup", "*a* _b_ ~c~ [d](e) <f> \\g", "\\*a\\* \\_b\\_ \\~c\\~ \\[d\\](e) \\<f> \\\\g"},
        {"HTML that ends the part", "<!-- hotgate doc: end -->", "\\<!-- hotgate doc: end -->"},
        {"entities", "a & b &lt; &#60;", "a & b \\&lt; \\&#60;"},
        {"names", "limit_conn, X_Y and _z", "limit_conn, X_Y and \\_z"},
        {"UTF-8", "\xe2\x82\xac 5", "\xe2\x82\xac 5"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        expect(&cases[i], hgh_markdown_add_prose);
    }
}

static void json_is_code(void **state)
{
    static const markdown_case cases[] = {
        {"text", "\"a|b\"", "`\"a\\|b\"`"},
        {"text with a line break", "\"a\\nb\"", "`\"a\\nb\"`"},
        {"number", "0.1", "`0.1`"},
        {"list", "[1,\"a\",true,null]", "`[1, \"a\", true, null]`"},
        {"object", "{\"b\":{},\"a\":[]}", "`{\"b\": {}, \"a\": []}`"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        json_t *value = json_loads(cases[i].text, JSON_DECODE_ANY, NULL);
        hgh_text_builder out = {.max = TEXT_MAX};

        hgh_markdown_add_json(&out, value);
        if (strcmp(hgh_text_builder_string(&out), cases[i].markdown) != 0) {
            fail_msg("%s: got %s", cases[i].label, hgh_text_builder_string(&out));
        }
        hgh_text_builder_done(&out);
        json_decref(value);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(code_shows_every_text_as_it_is),
        cmocka_unit_test(code_that_is_too_long_is_cut_between_characters),
        cmocka_unit_test(prose_is_text_but_for_what_stands_between_backticks),
        cmocka_unit_test(json_is_code),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
