/* tests/unit/cli/test_schema_rules.c - what holds for several members is said in sentences. */
#include <stdlib.h>

#include "host/cli/schema_rules.h"
#include "tests/unit/unit.h"

#define TEXT_MAX (1u << 20)

static char *rules_of(const char *schema, const char *path)
{
    hgh_text_builder out = {.max = TEXT_MAX};
    json_t *value = json_loads(schema, JSON_DECODE_ANY, NULL);
    char *text;

    assert_non_null(value);
    hgh_schema_rules_add(&out, value, value, path);
    assert_false(out.is_cut);
    text = strdup(hgh_text_builder_string(&out));
    hgh_text_builder_done(&out);
    json_decref(value);
    return text;
}

static void every_rule_has_a_sentence(void **state)
{
    static const struct {
        const char *schema;
        const char *path;
        const char *sentences;
    } cases[] = {
        {"{\"properties\": {\"a\": {}}, \"required\": [\"a\"]}", "", ""}, /* its row says it */
        {"{\"oneOf\": [{\"required\": [\"a\"]}, {\"required\": [\"b\"]}]}", "",
         "Exactly one of `a` and `b` is given."},
        {"{\"anyOf\": [{\"required\": [\"a\"]}, {\"required\": [\"b\"]}, {\"required\": "
         "[\"c|d\"]}]}",
         "", "At least one of `a`, `b` and `c\\|d` is given."},
        {"{\"oneOf\": [{\"required\": [\"a\", \"b\", \"c\"]}, {\"required\": [\"d\"]}]}", "",
         "Exactly one of these is given: `a`, `b` and `c`; `d`."},
        {"{\"oneOf\": [{\"required\": [\"a\"], \"not\": {\"required\": [\"b\"]}}, {\"required\": "
         "[\"b\"], \"not\": {\"anyOf\": [{\"required\": [\"a\"]}, {\"required\": [\"c\"]}]}}, "
         "{\"not\": {\"required\": [\"d\"]}}]}",
         "",
         "Exactly one of these is given: `a`, without `b`; `b`, without `a` and `c`; anything "
         "without `d`."},
        {"{\"oneOf\": [{\"required\": [\"a\"]}, {\"required\": [\"b\"]}]}", "rules[]",
         "In `rules[]`: exactly one of `a` and `b` is given."},
        {"{\"allOf\": [{\"anyOf\": [{\"required\": [\"a\"]}, {\"required\": [\"b\"]}]}, "
         "{\"dependencies\": {\"a\": [\"b\", \"c\"]}}]}",
         "", "At least one of `a` and `b` is given. `a` needs `b` and `c`."},
        {"{\"dependencies\": {\"a\": {\"required\": [\"b\"]}, \"c\": {\"not\": {\"required\": "
         "[\"d\"]}}, \"e\": {\"minProperties\": 2}}}",
         "", "`a` needs `b`. `c` excludes `d`. `e` needs `{\"minProperties\": 2}`."},
        {"{\"not\": {\"required\": [\"a\"]}}", "", "`a` cannot be given."},
        {"{\"not\": {\"required\": [\"a\", \"b\"]}}", "", "`a` and `b` are not given together."},
        {"{\"not\": {\"anyOf\": [{\"required\": [\"a\"]}, {\"required\": [\"b\"]}]}}", "",
         "`a` and `b` cannot be given."},
        {"{\"required\": [\"a\"]}", "", "`a` is required."},
        /* of the root, which has no type that says it */
        {"{\"minProperties\": 1}", "", "At least 1 attribute is given."},
        {"{\"minProperties\": 1, \"maxProperties\": 3}", "", "There are 1 to 3 attributes."},
        {"{\"additionalProperties\": false}", "", "Other attributes are refused."},
        {"{\"propertyNames\": {\"type\": \"string\", \"maxLength\": 3}}", "",
         "Names of attributes: string, at most 3 characters."},
        {"{\"minProperties\": 1, \"additionalProperties\": false, \"propertyNames\": false}", "a",
         ""},
        /* of which one says the other */
        {"{\"minProperties\": 1, \"anyOf\": [{\"required\": [\"a\"]}, {\"required\": [\"b\"]}]}",
         "", "At least one of `a` and `b` is given."},
        /* what has no words */
        {"{\"oneOf\": [{\"properties\": {\"a\": {\"const\": 1}}}, {\"required\": [\"b\"]}]}", "",
         "Exactly one of these holds: `{\"properties\": {\"a\": {\"const\": 1}}}`; "
         "`{\"required\": [\"b\"]}`."},
        {"{\"not\": {\"minProperties\": 3}}", "", "This does not hold: `{\"minProperties\": 3}`."},
        {"{\"if\": {\"required\": [\"a\"]}, \"then\": {\"required\": [\"b\"]}, \"else\": true}",
         "x",
         "In `x`: this holds: `{\"if\": {\"required\": [\"a\"]}, \"then\": {\"required\": [\"b\"]},"
         " \"else\": true}`."},
        /* of the wrong type */
        {"{\"oneOf\": 5, \"anyOf\": {}, \"allOf\": [5], \"dependencies\": [], \"required\": [5]}",
         "", ""},
        {"{\"oneOf\": [{\"required\": []}, 5]}", "",
         "Exactly one of these holds: `{\"required\": []}`; `5`."},
        {"[]", "", ""},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char *sentences = rules_of(cases[i].schema, cases[i].path);

        if (strcmp(sentences, cases[i].sentences) != 0) {
            fail_msg("%s: got %s", cases[i].schema, sentences);
        }
        free(sentences);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_rule_has_a_sentence),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
