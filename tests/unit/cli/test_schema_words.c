/* tests/unit/cli/test_schema_words.c - each keyword of a schema has its words. */
#include <stdio.h>
#include <stdlib.h>

#include "host/cli/schema_words.h"
#include "tests/unit/unit.h"

#define TEXT_MAX (1u << 20)

/* The words for a schema; `root` is what references go to. The caller frees them. */
static char *words_of(const char *root, const char *schema, bool is_member)
{
    hgh_text_builder out = {.max = TEXT_MAX};
    json_t *document = json_loads(root, JSON_DECODE_ANY, NULL);
    json_t *value = json_loads(schema, JSON_DECODE_ANY, NULL);
    char *text;

    assert_non_null(document);
    assert_non_null(value);
    hgh_schema_words_add(&out, document, value, is_member);
    assert_false(out.is_cut);
    text = strdup(hgh_text_builder_string(&out));
    hgh_text_builder_done(&out);
    json_decref(value);
    json_decref(document);
    return text;
}

static void every_keyword_has_words(void **state)
{
    static const struct {
        const char *schema;
        const char *words;
    } cases[] = {
        {"true", "any value"},
        {"{}", "any value"},
        {"false", "no value"},
        {"{\"type\": \"boolean\"}", "boolean"},
        {"{\"type\": [\"string\", \"number\", \"null\"]}", "string, number or null"},
        {"{\"minLength\": 3}", "any value, at least 3 characters"},
        /* numbers */
        {"{\"type\": \"integer\", \"minimum\": 200, \"maximum\": 599}", "integer, 200 to 599"},
        {"{\"type\": \"number\", \"minimum\": 0.1}", "number, at least 0.1"},
        {"{\"type\": \"number\", \"maximum\": -1e+30}", "number, at most -1e30"},
        {"{\"type\": \"number\", \"exclusiveMinimum\": 0, \"maximum\": 1}",
         "number, above 0, at most 1"},
        {"{\"type\": \"number\", \"minimum\": 0, \"exclusiveMaximum\": 1}",
         "number, at least 0, below 1"},
        {"{\"type\": \"integer\", \"multipleOf\": 5}", "integer, a multiple of 5"},
        /* texts */
        {"{\"type\": \"string\", \"minLength\": 1, \"maxLength\": 50}",
         "string, 1 to 50 characters"},
        {"{\"type\": \"string\", \"minLength\": 1}", "string, not empty"},
        {"{\"type\": \"string\", \"minLength\": 0}", "string"},
        {"{\"type\": \"string\", \"minLength\": 2}", "string, at least 2 characters"},
        {"{\"type\": \"string\", \"maxLength\": 1}", "string, at most 1 character"},
        {"{\"type\": \"string\", \"minLength\": 8, \"maxLength\": 8}", "string, 8 characters"},
        {"{\"type\": \"string\", \"pattern\": \"^(a|b)$\"}", "string, matching `^(a\\|b)$`"},
        {"{\"type\": \"string\", \"format\": \"ipv4\"}", "string, format `ipv4`"},
        {"{\"type\": \"string\", \"contentEncoding\": \"base64\", \"contentMediaType\": "
         "\"image/png\"}",
         "string, encoded as `base64`, holding `image/png`"},
        {"{\"type\": \"string\", \"writeOnly\": true}", "string, secret"},
        /* values */
        {"{\"enum\": [\"a\"]}", "`a`"},
        {"{\"type\": \"string\", \"enum\": [\"a\", \"b\", \"c\"]}", "`a`, `b` or `c`"},
        {"{\"enum\": [\"5\", 5, \"true\", null, \"\", \" a\", \"a\\nb\", [1]]}",
         "`\"5\"`, `5`, `\"true\"`, `null`, `\"\"`, `\" a\"`, `\"a\\nb\"` or `[1]`"},
        {"{\"const\": \"a|b\"}", "`a\\|b`"},
        {"{\"title\": \"a *colour*\", \"type\": \"string\", \"minLength\": 1}",
         "a \\*colour\\*, not empty"},
        {"{\"title\": \"colour\", \"enum\": [\"red\", \"green\"]}", "colour: `red` or `green`"},
        /* lists */
        {"{\"type\": \"array\", \"items\": {\"type\": \"string\"}}", "array of strings"},
        {"{\"type\": \"array\", \"items\": {\"type\": \"object\", \"properties\": {\"a\": {}}},"
         " \"minItems\": 2, \"maxItems\": 64, \"uniqueItems\": true}",
         "array of objects, 2 to 64 elements, unique"},
        {"{\"type\": \"array\", \"items\": {\"type\": \"string\", \"minLength\": 1}}",
         "array; each: string, not empty"},
        {"{\"type\": \"array\", \"items\": {\"type\": \"string\", \"minLength\": 1,"
         " \"description\": \"Has a row.\"}}",
         "array"},
        {"{\"type\": \"array\", \"items\": {\"type\": \"string\", \"description\": \"As well.\"}}",
         "array of strings"},
        {"{\"type\": \"array\", \"items\": [{\"type\": \"string\"}, {\"type\": \"integer\"}],"
         " \"additionalItems\": false}",
         "array; in this order: string; integer; no further ones"},
        {"{\"type\": \"array\", \"items\": [{\"const\": 1}], \"additionalItems\": {\"const\": 2}}",
         "array; in this order: `1`; further ones: `2`"},
        {"{\"type\": \"array\", \"contains\": {\"const\": 1}}", "array; at least one: `1`"},
        {"{\"type\": \"array\", \"items\": {\"type\": \"array\", \"items\": {\"type\":"
         " \"object\"}}}",
         "array; each: array of objects"},
        /* objects */
        {"{\"type\": \"object\", \"minProperties\": 1}", "object, not empty"},
        {"{\"type\": \"object\", \"maxProperties\": 3}", "object, at most 3 members"},
        {"{\"type\": \"object\", \"additionalProperties\": false}", "object, empty"},
        {"{\"type\": \"object\", \"properties\": {\"a\": {}}, \"additionalProperties\": false}",
         "object, no other members"},
        {"{\"type\": \"object\", \"additionalProperties\": {\"type\": \"integer\"}}",
         "object; members: integer"},
        {"{\"type\": \"object\", \"propertyNames\": {\"maxLength\": 3}}",
         "object; names: any value, at most 3 characters"},
        {"{\"title\": \"weights\", \"additionalProperties\": {\"const\": 1}, \"items\": {\"const\":"
         " 2}, \"minProperties\": 1}",
         "weights, not empty"},
        {"{\"title\": \"pair\", \"items\": [{\"const\": 1}, {\"const\": 2}]}", "pair"},
        /* combined */
        {"{\"anyOf\": [{\"type\": \"integer\", \"exclusiveMinimum\": 0}, {\"type\": \"string\"}]}",
         "integer, above 0; or string"},
        {"{\"type\": \"string\", \"oneOf\": [{\"pattern\": \"a\"}, {\"maxLength\": 2}]}",
         "string, and one of these: any value, matching `a`; or any value, at most 2 characters"},
        {"{\"type\": \"string\", \"allOf\": [{\"pattern\": \"a\"}, {\"pattern\": \"b\"}]}",
         "string, and: any value, matching `a`, and: any value, matching `b`"},
        {"{\"type\": \"string\", \"not\": {\"const\": \"a\"}}", "string, but not: `a`"},
        {"{\"type\": \"object\", \"oneOf\": [{\"required\": [\"a\"]}, {\"required\": [\"b\"]}]}",
         "object"}, /* a rule */
        {"{\"type\": \"object\", \"not\": {\"required\": [\"a\"]}}", "object"},
        /* of the wrong type: shown as far as it can be, never trusted */
        {"{\"type\": 5, \"enum\": 5, \"items\": 5, \"anyOf\": 5, \"minimum\": \"a\", \"title\": 5}",
         ""},
        {"{\"type\": [5], \"pattern\": [], \"properties\": [], \"minLength\": {}}", "?"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char *words = words_of("{}", cases[i].schema, false);

        if (strcmp(words, cases[i].words) != 0) {
            fail_msg("%s: got %s", cases[i].schema, words);
        }
        free(words);
    }
}

static void members_with_rows_are_not_told_twice(void **state)
{
    char *words =
        words_of("{}", "{\"type\": \"object\", \"additionalProperties\": {\"const\": 1}}", true);

    (void)state;
    assert_string_equal(words, "object");
    free(words);
}

static void references_are_followed_inside_the_document(void **state)
{
    static const char root[] =
        "{\"definitions\": {\"a\": {\"type\": \"string\", \"description\": \"Of a.\"},"
        " \"b\": {\"$ref\": \"#/definitions/a\"}, \"x/y~z\": {\"const\": 1},"
        " \"loop\": {\"$ref\": \"#/definitions/loop\"},"
        " \"tree\": {\"type\": \"array\", \"items\": {\"$ref\": \"#/definitions/tree\"}}},"
        " \"list\": [{\"const\": 2}, {\"const\": 3}]}";
    static const struct {
        const char *schema;
        const char *words;
    } cases[] = {
        {"{\"$ref\": \"#/definitions/a\"}", "string"},
        {"{\"$ref\": \"#/definitions/b\"}", "string"},
        {"{\"$ref\": \"#/definitions/x~1y~0z\"}", "`1`"},
        {"{\"$ref\": \"#/list/1\"}", "`3`"},
        {"{\"$ref\": \"#/definitions/none\"}", "any value of `\"#/definitions/none\"`"},
        {"{\"$ref\": \"other.json#/a\"}", "any value of `\"other.json#/a\"`"},
        {"{\"$ref\": \"#a\"}", "any value of `\"#a\"`"},
        {"{\"$ref\": 5}", "any value of `5`"},
        {"{\"$ref\": \"#/definitions/loop\"}", "any value of `\"#/definitions/loop\"`"},
        {"{\"$ref\": \"#/definitions/tree\"}", "array; each: ..."},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char *words = words_of(root, cases[i].schema, false);

        if (strcmp(words, cases[i].words) != 0) {
            fail_msg("%s: got %s", cases[i].schema, words);
        }
        free(words);
    }
}

/* Each step refers ten times to the next one: 10^11 schemas if nobody counted. */
static void references_that_multiply_come_to_an_end(void **state)
{
    hgh_text_builder out = {.max = TEXT_MAX};
    json_t *definitions = json_object();
    json_t *root = json_pack("{s:o}", "definitions", definitions);

    (void)state;
    for (int step = 0; step < 11; step++) {
        json_t *schema = json_pack("{s:[]}", "anyOf");
        char name[8];

        for (int i = 0; i < 10; i++) {
            json_t *next = json_pack("{s:o}", "$ref", json_sprintf("#/definitions/s%d", step + 1));

            assert_int_equal(json_array_append_new(json_object_get(schema, "anyOf"), next), 0);
        }
        (void)snprintf(name, sizeof(name), "s%d", step);
        assert_int_equal(json_object_set_new(definitions, name, schema), 0);
    }
    hgh_schema_words_add(&out, root, json_object_get(definitions, "s0"), true);
    assert_non_null(strstr(hgh_text_builder_string(&out), "..."));
    hgh_text_builder_done(&out);
    json_decref(root);
}

static void long_enums_are_cut(void **state)
{
    hgh_text_builder out = {.max = TEXT_MAX};
    json_t *values = json_array();
    json_t *schema = json_pack("{s:s, s:o}", "type", "string", "enum", values);

    (void)state;
    for (int i = 0; i < 5000; i++) {
        assert_int_equal(json_array_append_new(values, json_sprintf("value|%d", i)), 0);
    }
    hgh_schema_words_add(&out, schema, schema, false);
    assert_non_null(strstr(out.data, "`value\\|39` or one of 4960 more"));
    assert_true(out.length < 1000);
    hgh_text_builder_done(&out);
    json_decref(schema);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_keyword_has_words),
        cmocka_unit_test(members_with_rows_are_not_told_twice),
        cmocka_unit_test(references_are_followed_inside_the_document),
        cmocka_unit_test(references_that_multiply_come_to_an_end),
        cmocka_unit_test(long_enums_are_cut),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
