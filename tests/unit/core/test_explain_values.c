/* tests/unit/core/test_explain_values.c - what an operator is shown of a request's variables. */
#include <stdlib.h>
#include <string.h>

#include "host/core/explain_values.h"
#include "host/core/issues.h"
#include "tests/unit/unit.h"

static hgh_variable variable(void *context, hg_text name)
{
    static const hgh_variable list[] = {
        {.kind = HGH_VARIABLE_TEXT, .text = {"a", 1}},
        {.kind = HGH_VARIABLE_TEXT, .text = {"b\xff", 2}},
        {.kind = HGH_VARIABLE_NUMBER, .text = {"7", 1}, .number = 7},
        {.kind = HGH_VARIABLE_NUMBER, .text = {"99999999999999999999", 20}, .number = 1e20},
        {.kind = HGH_VARIABLE_BOOLEAN, .text = {"false", 5}},
        {.kind = HGH_VARIABLE_LIST},
    };

    (void)context;
    if (hg_text_equal(name, HG_TEXT("arg_true"))) {
        return (hgh_variable){.kind = HGH_VARIABLE_TRUE};
    }
    if (hg_text_equal(name, HG_TEXT("arg_list"))) {
        return (hgh_variable){.kind = HGH_VARIABLE_LIST, .items = list, .item_count = 6};
    }
    if (hg_text_equal(name, HG_TEXT("arg_unknown"))) {
        return (hgh_variable){.kind = HGH_VARIABLE_UNKNOWN};
    }
    if (hg_text_equal(name, HG_TEXT("arg_odd"))) {
        return (hgh_variable){.kind = HGH_VARIABLE_TEXT, .text = {"a\0\xc3\n\xc3\xa4", 6}};
    }
    if (hg_text_starts_with(name, HG_TEXT("arg_none"))) {
        return (hgh_variable){0};
    }
    return (hgh_variable){.kind = HGH_VARIABLE_TEXT, .text = name};
}

static char *shown(const char *expression)
{
    json_t *value = json_loads(expression, 0, NULL);
    hgh_expression *compiled = NULL;
    hg_issues issues = {0};
    json_t *values;
    char *text;

    assert_int_equal(hgh_expression_compile(value, "", &compiled, &issues), HG_OK);
    values = hgh_explain_values(compiled, variable, NULL);
    text = json_dumps(values, JSON_COMPACT | JSON_SORT_KEYS);
    json_decref(values);
    hgh_expression_free(compiled);
    json_decref(value);
    return text;
}

static void each_kind_of_value_is_shown(void **state)
{
    static const struct {
        const char *label;
        const char *expression;
        const char *wanted;
    } cases[] = {
        {"always true", "[]", "{}"},
        {"text", "[[\"uri\",\"==\",\"/\"]]", "{\"uri\":\"uri\"}"},
        {"absent", "[[\"arg_none\",\"==\",\"/\"]]", "{\"arg_none\":null}"},
        {"without =", "[[\"arg_true\",\"==\",\"/\"]]", "{\"arg_true\":true}"},
        {"list", "[[\"arg_list\",\"has\",\"a\"]]",
         "{\"arg_list\":[\"a\",\"b?\",7,\"99999999999999999999\",false,[]]}"},
        {"not known", "[[\"arg_unknown\",\"==\",\"/\"]]", "{\"arg_unknown\":\"(not known)\"}"},
        {"odd bytes", "[[\"arg_odd\",\"==\",\"a\"]]", "{\"arg_odd\":\"a\?\?\\n\xc3\xa4\"}"},
        {"groups",
         "[\"OR\",[\"uri\",\"==\",\"/\"],[[\"host\",\"==\",\"h\"],[\"uri\",\"==\",\"\"]]]",
         "{\"host\":\"host\",\"uri\":\"uri\"}"},
        {"secrets",
         "[[\"http_authorization\",\"==\",\"/\"],[\"HTTP_Cookie\",\"==\",\"/"
         "\"],[\"cookie_a\",\"==\","
         "\"/\"],[\"http_apikey\",\"==\",\"/\"]]",
         "{\"HTTP_Cookie\":\"***\",\"cookie_a\":\"***\",\"http_apikey\":\"***\","
         "\"http_authorization\":\"***\"}"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char *text = shown(cases[i].expression);

        if (strcmp(text, cases[i].wanted) != 0) {
            fail_msg("%s: got %s", cases[i].label, text);
        }
        free(text);
    }
}

static void long_values_and_many_are_cut(void **state)
{
    char expression[8192] = "[";
    size_t length = 1;
    json_t *values;
    char *text;

    (void)state;
    for (int i = 0; i < 30; i++) {
        length += (size_t)snprintf(expression + length, sizeof(expression) - length,
                                   "%s[\"a%d%0200d\",\"==\",\"\"]", i == 0 ? "" : ",", i, 0);
    }
    (void)strcpy(expression + length, "]");
    text = shown(expression);
    values = json_loads(text, 0, NULL);
    assert_int_equal(json_object_size(values), 20);
    assert_int_equal(json_string_length(json_object_iter_value(json_object_iter(values))), 203);
    json_decref(values);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_kind_of_value_is_shown),
        cmocka_unit_test(long_values_and_many_are_cut),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
