/* tests/unit/core/test_json_schema.c - findings, bounds and defaults; see also the suite's test. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "host/core/issues.h"
#include "host/core/json_schema.h"
#include "tests/unit/unit.h"

#define STALL_MS_MAX 5000 /* generous: sanitizers, shared machines */

static json_t *parsed(const char *text)
{
    json_error_t err;
    json_t *value = json_loads(text, JSON_DECODE_ANY, &err);

    if (value == NULL) {
        fail_msg("%s: %s", text, err.text);
    }
    return value;
}

static hgh_schema *compiled(const char *text)
{
    json_t *source = parsed(text);
    hgh_schema *schema = NULL;
    hg_error err = HG_ERROR_INIT;

    if (hgh_schema_compile(source, &schema, &err) != HG_OK) {
        fail_msg("%s: %s", text, err.text);
    }
    json_decref(source);
    return schema;
}

static void findings_speak_as_apisix_does(void **state)
{
    static const struct {
        const char *schema;
        const char *value;
        const char *pointer;
        const char *found;
        const char *wanted;
        const char *text;
    } cases[] = {
        {"{\"properties\":{\"count\":{\"minimum\":1}}}", "{\"count\":0}", "/p/count", "0",
         "at least 1", "property \"count\" validation failed: expected 0 to be at least 1"},
        {"{\"required\":[\"a\"]}", "{}", "/p/a", "nothing", "a value",
         "property \"a\" is required"},
        {"{\"properties\":{\"a\":{}},\"required\":[\"a\"]}", "{}", "/p/a", "nothing", "a value",
         "property \"a\" is required"},
        {"{\"type\":\"string\"}", "null", "/p", "null", "string",
         "wrong type: expected string, got userdata"},
        {"{\"type\":\"string\"}", "[1,2]", "/p", "an array of 2", "string",
         "wrong type: expected string, got table"},
        {"{\"type\":\"integer\"}", "1.5", "/p", "1.5", "integer",
         "wrong type: expected integer, got number"},
        {"{\"type\":[\"string\",\"integer\"]}", "true", "/p", "true", "string, integer",
         "wrong type: expected one of string, integer, got boolean"},
        {"{\"enum\":[\"a\",1]}", "\"b\"", "/p", "\"b\"", "one of \"a\", 1",
         "matches none of the enum values"},
        {"{\"const\":\"a\"}", "\"b\"", "/p", "\"b\"", "\"a\"", "failed to check const value"},
        {"{\"maximum\":2.5}", "3", "/p", "3", "at most 2.5", "expected 3 to be at most 2.5"},
        {"{\"exclusiveMinimum\":0}", "0", "/p", "0", "greater than 0",
         "expected 0 to be greater than 0"},
        {"{\"exclusiveMaximum\":1}", "1.0", "/p", "1", "smaller than 1",
         "expected 1 to be smaller than 1"},
        {"{\"multipleOf\":2}", "3", "/p", "3", "a multiple of 2",
         "expected 3 to be a multiple of 2"},
        {"{\"minLength\":2}", "\"\xc3\xa4\"", "/p", "1 characters", "at least 2 characters",
         "string too short, expected at least 2, got 1"},
        {"{\"maxLength\":1}", "\"ab\"", "/p", "2 characters", "at most 1 characters",
         "string too long, expected at most 1, got 2"},
        {"{\"pattern\":\"^\\\\d\"}", "\"x\\\"\"", "/p", "\"x\"\"", "text that matches ^\\d",
         "failed to match pattern \"^\\\\d\" with \"x\\\"\""},
        {"{\"items\":{\"type\":\"string\"}}", "[\"a\",2]", "/p/1", "2", "string",
         "failed to validate item 2: wrong type: expected string, got number"},
        {"{\"items\":[{}],\"additionalItems\":false}", "[1,2]", "/p", "2 items", "at most 1",
         "found unexpected extra items in array"},
        {"{\"items\":[{}],\"additionalItems\":{\"minimum\":5}}", "[1,2]", "/p/1", "2", "at least 5",
         "failed to validate additional item 2: expected 2 to be at least 5"},
        {"{\"minItems\":1}", "[]", "/p", "0 items", "at least 1",
         "expect array to have at least 1 items"},
        {"{\"maxItems\":1}", "[1,2]", "/p", "2 items", "at most 1",
         "expect array to have at most 1 items"},
        {"{\"uniqueItems\":true}", "[1,{\"a\":1,\"b\":2},{\"b\":2,\"a\":1.0}]", "/p",
         "equal items 2 and 3", "unique items",
         "expected unique items but items 2 and 3 are equal"},
        {"{\"contains\":{\"const\":1}}", "[2]", "/p", "an array without such an item",
         "an item as described", "failed to check contains"},
        {"{\"minProperties\":1}", "{}", "/p", "0 properties", "at least 1",
         "expect object to have at least 1 properties"},
        {"{\"maxProperties\":0}", "{\"a\":1}", "/p", "1 properties", "at most 0",
         "expect object to have at most 0 properties"},
        {"{\"additionalProperties\":false}", "{\"a/b\":1}", "/p/a~1b", "an unknown field",
         "no field of that name", "additional properties forbidden, found a/b"},
        {"{\"additionalProperties\":{\"minimum\":1}}", "{\"a\":0}", "/p/a", "0", "at least 1",
         "failed to validate additional property a: expected 0 to be at least 1"},
        {"{\"patternProperties\":{\"^x\":{\"minimum\":1}}}", "{\"xy\":0}", "/p/xy", "0",
         "at least 1", "failed to validate xy (matching \"^x\"): expected 0 to be at least 1"},
        {"{\"propertyNames\":{\"maxLength\":1}}", "{\"ab\":1}", "/p/ab", "2 characters",
         "at most 1 characters",
         "name of property \"ab\" validation failed: string too long, expected at most 1, got 2"},
        {"{\"dependencies\":{\"a\":[\"b\"]}}", "{\"a\":1}", "/p/b", "nothing",
         "a value, since \"a\" is given", "property \"b\" is required when \"a\" is set"},
        {"{\"dependencies\":{\"a\":{\"required\":[\"b\"]}}}", "{\"a\":1}", "/p/b", "nothing",
         "a value", "failed to validate dependent schema for \"a\": property \"b\" is required"},
        {"{\"allOf\":[{},{\"minimum\":1}]}", "0", "/p", "0", "at least 1",
         "allOf 2 failed: expected 0 to be at least 1"},
        {"{\"anyOf\":[{\"required\":[\"a\"]},{\"required\":[\"b\",\"c\"]}]}", "{}", "/p",
         "an object", "[\"a\"] or [\"b\",\"c\"]",
         "object matches none of the required: [\"a\"] or [\"b\",\"c\"]"},
        {"{\"anyOf\":[{\"type\":\"string\"}]}", "1", "/p", "1", "one of the alternatives",
         "object matches none of the required"},
        {"{\"oneOf\":[{\"required\":[\"a\"]},{\"required\":[\"b\"]}]}", "{\"a\":1,\"b\":1}", "/p",
         "more than one of them", "exactly one of [\"a\"] or [\"b\"]",
         "value should match only one schema, but matches both schemas 1 and 2"},
        {"{\"oneOf\":[{\"type\":\"string\"},{\"minimum\":2}]}", "1", "/p", "1",
         "exactly one of the alternatives", "value should match only one schema, but matches none"},
        {"{\"not\":{\"type\":\"string\"}}", "\"a\"", "/p", "\"a\"", "another value",
         "value wasn't supposed to match schema"},
        {"{\"if\":{\"required\":[\"a\"]},\"then\":{\"required\":[\"b\"]}}", "{\"a\":1}", "/p/b",
         "nothing", "a value", "then clause did not match"},
        {"{\"if\":false,\"else\":{\"properties\":{\"a\":{\"minimum\":1}}}}", "{\"a\":0}", "/p/a",
         "0", "at least 1", "else clause did not match"},
        {"{\"format\":\"ipv4\"}", "\"1.2.3\"", "/p", "\"1.2.3\"", "ipv4",
         "expect valid ipv4 format but got: 1.2.3"},
        {"false", "1", "/p", "1", "no value", "expect false always"},
        {"{\"properties\":{\"a\":{\"properties\":{\"b\":{\"items\":{\"minimum\":1e20}}}}}}",
         "{\"a\":{\"b\":[1]}}", "/p/a/b/0", "1", "at least 1e+20",
         "property \"a\" validation failed: property \"b\" validation failed: failed to validate "
         "item 1: expected 1 to be at least 1e+20"},
        {"{\"writeOnly\":true,\"pattern\":\"^a\"}", "\"secret\"", "/p", "***",
         "text that matches ^a", "failed to match pattern \"^a\" with \"***\""},
        {"{\"writeOnly\":true,\"format\":\"uuid\"}", "\"secret\"", "/p", "***", "uuid",
         "expect valid uuid format but got: ***"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        hgh_schema *schema = compiled(cases[i].schema);
        json_t *value = parsed(cases[i].value);
        hg_issues issues = {0};
        const hgh_issue *issue = &issues.items[0];

        if (hgh_schema_validate(schema, value, "/p", &issues) || issues.count != 1 ||
            hgh_schema_validate(schema, value, "/p", NULL)) {
            fail_msg("%s: wanted one finding, got %zu", cases[i].schema, issues.count);
        }
        if (strcmp(issue->pointer, cases[i].pointer) != 0 ||
            strcmp(issue->found, cases[i].found) != 0 ||
            strcmp(issue->wanted, cases[i].wanted) != 0 ||
            strcmp(issue->text, cases[i].text) != 0) {
            fail_msg("%s: got %s: found %s, wanted %s; %s", cases[i].schema, issue->pointer,
                     issue->found, issue->wanted, issue->text);
        }
        hgh_issues_done(&issues);
        json_decref(value);
        hgh_schema_free(schema);
    }
}

static void all_findings_are_collected_at_once(void **state)
{
    hgh_schema *schema = compiled(
        "{\"type\":\"object\",\"required\":[\"z\",\"a\"],\"additionalProperties\":false,"
        "\"properties\":{\"a\":{\"type\":\"string\"},\"b\":{\"minimum\":1,\"multipleOf\":2},"
        "\"c\":{\"items\":{\"type\":\"integer\"}}}}");
    json_t *value = parsed("{\"a\":1,\"b\":-1,\"c\":[1,\"x\",null],\"d\":0,\"e\":0}");
    static const char *const pointers[] = {"/a", "/b", "/b", "/c/1", "/c/2", "/z", "/d", "/e"};
    hg_issues issues = {0};

    (void)state;
    assert_false(hgh_schema_validate(schema, value, "", &issues));
    assert_int_equal(issues.count, ARRAY_SIZE(pointers));
    for (size_t i = 0; i < ARRAY_SIZE(pointers); i++) {
        assert_string_equal(issues.items[i].pointer, pointers[i]);
    }
    hgh_issues_done(&issues);
    json_decref(value);
    hgh_schema_free(schema);
}

static void compile_says_where_a_schema_is_wrong(void **state)
{
    static const struct {
        const char *schema;
        const char *text;
    } cases[] = {
        {"1", "found 1, wanted a schema: an object or a boolean"},
        {"{\"type\":\"strin\"}", "/type: found \"strin\", wanted the name of a type"},
        {"{\"properties\":{\"a/b\":{\"type\":[\"x\"]}}}", "/properties/a~1b/type: found \"x\""},
        {"{\"properties\":[]}", "/properties: found an array of 0, wanted an object"},
        {"{\"items\":[{\"minimum\":\"1\"}]}", "/items/0/minimum: found \"1\", wanted a number"},
        {"{\"multipleOf\":0}", "/multipleOf: found 0, wanted a number above 0"},
        {"{\"minLength\":-1}", "/minLength: found -1, wanted an integer of 0 or more"},
        {"{\"maxItems\":1.5}", "/maxItems: found 1.5, wanted an integer of 0 or more"},
        {"{\"required\":[1]}", "/required: found an array of 1, wanted an array of strings"},
        {"{\"enum\":1}", "/enum: found 1, wanted an array"},
        {"{\"allOf\":[]}", "/allOf: found an array of 0, wanted an array of at least one schema"},
        {"{\"pattern\":\"(\"}", "/pattern: found \"(\", wanted a regular expression: missing"},
        {"{\"patternProperties\":{\"(\":{}}}", "/patternProperties/(: found \"(\", wanted a reg"},
        {"{\"dependencies\":{\"a\":[1]}}", "/dependencies/a: found an array of 1"},
        {"{\"not\":{\"then\":3}}", "/not/then: found 3, wanted a schema"},
        {"{\"$ref\":1}", "/$ref: found 1, wanted a string"},
        {"{\"$id\":1}", "/$id: found 1, wanted a string"},
        {"{\"items\":{\"$ref\":\"#/definitions/a\"}}",
         "/items/$ref: found \"#/definitions/a\", wanted a schema within this document"},
        {"{\"$ref\":\"http://example.com/x\"}", "wanted a schema within this document"},
        {"{\"$ref\":\"#nowhere\"}", "wanted a schema within this document"},
        {"{\"enum\":[1],\"items\":{\"$ref\":\"#/enum/0\"}}", "found 1, wanted a schema"},
        {"{\"$ref\":\"#\"}", "found a reference that leads to itself"},
        {"{\"items\":{\"$ref\":\"#/definitions/a\"},\"definitions\":{\"a\":{\"$ref\":"
         "\"#/definitions/b\"},\"b\":{\"$ref\":\"#/definitions/a\"}}}",
         "found a reference that leads to itself"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        json_t *source = parsed(cases[i].schema);
        hgh_schema *schema = NULL;
        hg_error err = HG_ERROR_INIT;
        hg_status status = hgh_schema_compile(source, &schema, &err);

        if (status != HG_ERR_INVALID || schema != NULL || strstr(err.text, cases[i].text) == NULL) {
            fail_msg("%s: got status %d, \"%s\"", cases[i].schema, (int)status, err.text);
        }
        json_decref(source);
    }
    hgh_schema_free(NULL);
}

static void references_lead_anywhere_in_the_document(void **state)
{
    static const struct {
        const char *schema;
        const char *valid;
        const char *invalid;
    } cases[] = {
        {"{\"properties\":{\"next\":{\"$ref\":\"#\"}},\"required\":[\"n\"]}",
         "{\"n\":1,\"next\":{\"n\":1}}", "{\"n\":1,\"next\":{}}"},
        {"{\"items\":{\"$ref\":\"#/x-mine/list/1\"},\"x-mine\":{\"list\":[0,{\"$ref\":"
         "\"#/x-mine/deep\"}],\"deep\":{\"type\":\"string\"}}}",
         "[\"a\"]", "[1]"},
        {"{\"items\":{\"$ref\":\"#word\"},\"definitions\":{\"a\":{\"$id\":\"#word\","
         "\"type\":\"string\"}}}",
         "[\"a\"]", "[1]"},
        {"{\"items\":{\"$ref\":\"b.json\"},\"$id\":\"http://x.org/a/a.json\",\"definitions\":{"
         "\"a\":{\"$id\":\"http://x.org/a/b.json\",\"type\":\"string\"}}}",
         "[\"a\"]", "[1]"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        hgh_schema *schema = compiled(cases[i].schema);
        json_t *valid = parsed(cases[i].valid);
        json_t *invalid = parsed(cases[i].invalid);

        if (!hgh_schema_validate(schema, valid, "", NULL) ||
            hgh_schema_validate(schema, invalid, "", NULL)) {
            fail_msg("%s", cases[i].schema);
        }
        json_decref(valid);
        json_decref(invalid);
        hgh_schema_free(schema);
    }
}

/** Arrays in one another, `levels` of them. */
static json_t *nested(unsigned levels, const char *innermost)
{
    json_t *value = parsed(innermost);

    for (unsigned i = 0; i < levels; i++) {
        value = json_pack("[o]", value);
        assert_non_null(value);
    }
    return value;
}

static void references_lead_into_documents_that_are_given(void **state)
{
    static const struct {
        const char *label;
        const char *schema;
        const char *value; /* that is valid */
        const char *wrong;
    } cases[] = {
        {"the meta-schema", "{\"$ref\":\"http://json-schema.org/draft-07/schema#\"}",
         "{\"minLength\":1}", "{\"minLength\":-1}"},
        {"a part of the meta-schema",
         "{\"$ref\":\"http://json-schema.org/draft-07/schema#/definitions/stringArray\"}",
         "[\"a\"]", "[1]"},
        {"a document", "{\"$ref\":\"http://a.example/one\"}", "\"x\"", "1"},
        {"relative to an id", "{\"$id\":\"http://a.example/top\",\"items\":{\"$ref\":\"one\"}}",
         "[\"x\"]", "[1]"},
        {"a document that refers to others", "{\"$ref\":\"http://a.example/two\"}",
         "{\"a\":\"x\",\"b\":1}", "{\"a\":1}"},
        {"its name inside the document by both of the document's names",
         "{\"items\":[{\"$ref\":\"http://a.example/two#b\"},{\"$ref\":\"urn:two#b\"}]}", "[1,2]",
         "[1,\"x\"]"},
    };
    json_t *documents = parsed("{\"http://a.example/one\":{\"type\":\"string\"},"
                               "\"http://a.example/two\":{\"$id\":\"urn:two\",\"properties\":{"
                               "\"a\":{\"$ref\":\"http://a.example/one\"},\"b\":{\"$ref\":"
                               "\"#b\"}},\"definitions\":{\"b\":{\"$id\":\"#b\",\"type\":"
                               "\"integer\"}}}}");

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        json_t *source = parsed(cases[i].schema);
        json_t *value = parsed(cases[i].value);
        json_t *wrong = parsed(cases[i].wrong);
        hgh_schema *schema = NULL;
        hg_error err = HG_ERROR_INIT;

        if (hgh_schema_compile_with(source, documents, &schema, &err) != HG_OK ||
            !hgh_schema_validate(schema, value, "", NULL) ||
            hgh_schema_validate(schema, wrong, "", NULL)) {
            fail_msg("%s: %s", cases[i].label, err.text);
        }
        json_decref(source);
        json_decref(value);
        json_decref(wrong);
        hgh_schema_free(schema);
    }
    json_decref(documents);
}

static void what_is_wrong_in_a_document_is_told_with_its_uri(void **state)
{
    json_t *documents = parsed("{\"http://a.example/bad\":{\"items\":{\"minimum\":null}},"
                               "\"http://a.example/odd\":{\"x\":[1]}}");
    static const struct {
        const char *schema;
        const char *text;
    } cases[] = {
        {"{\"$ref\":\"http://a.example/bad\"}",
         "http://a.example/bad#/items/minimum: found null, wanted a number"},
        {"{\"$ref\":\"http://a.example/odd#/x/0\"}",
         "http://a.example/odd#/x/0: found 1, wanted a "},
        {"{\"items\":{\"$ref\":\"http://a.example/none\"}}",
         "/items/$ref: found \"http://a.example/none\", wanted a schema within this document or "
         "a "},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        json_t *source = parsed(cases[i].schema);
        hgh_schema *schema = NULL;
        hg_error err = HG_ERROR_INIT;

        if (hgh_schema_compile_with(source, documents, &schema, &err) != HG_ERR_INVALID ||
            strstr(err.text, cases[i].text) != err.text) {
            fail_msg("%s: got %s", cases[i].schema, err.text);
        }
        json_decref(source);
    }
    json_decref(documents);
}

static void long_chains_of_references_are_followed(void **state)
{
    enum {
        LENGTH = 20000
    };
    json_t *definitions = json_object();
    json_t *source;
    json_t *number = json_integer(1);
    hgh_schema *schema = NULL;
    hg_error err = HG_ERROR_INIT;

    (void)state;
    for (int i = 0; i < LENGTH; i++) {
        char name[16];

        (void)snprintf(name, sizeof(name), "%d", i);
        assert_int_equal(json_object_set_new(
                             definitions, name,
                             i + 1 == LENGTH ? json_pack("{s:s}", "type", "string")
                                             : json_pack("{s:o}", "$ref",
                                                         json_sprintf("#/definitions/%d", i + 1))),
                         0);
    }
    source = json_pack("{s:o, s:[{s:s}]}", "definitions", definitions, "allOf", "$ref",
                       "#/definitions/0");
    if (hgh_schema_compile(source, &schema, &err) != HG_OK) {
        fail_msg("%s", err.text);
    }
    assert_false(hgh_schema_validate(schema, number, "", NULL));
    json_decref(number);
    json_decref(source);
    hgh_schema_free(schema);
}

static void values_deeper_than_256_levels_are_invalid(void **state)
{
    /* The second descends with four schemas a level, the third not at all. */
    static const char *const schemas[] = {
        "{\"items\":{\"$ref\":\"#\"}}",
        "{\"allOf\":[{\"anyOf\":[{\"not\":{\"not\":{\"items\":{\"$ref\":\"#\"}}}}]}]}",
        "{}",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(schemas); i++) {
        hgh_schema *schema = compiled(schemas[i]);
        json_t *deep = nested(257, "1");
        json_t *deepest = nested(5000, "1");
        json_t *fitting = nested(i == 1 ? 190 : 256, "1");
        hg_issues issues = {0};

        assert_true(hgh_schema_validate(schema, fitting, "", &issues));
        assert_false(hgh_schema_validate(schema, deep, "", NULL));
        assert_false(hgh_schema_validate(schema, deepest, "/x", &issues));
        assert_int_equal(issues.count, 1);
        assert_string_equal(issues.items[0].pointer, "/x");
        assert_string_equal(issues.items[0].text, "value is nested deeper than 256 levels");
        assert_int_equal(hgh_schema_fill_defaults(schema, deepest), HG_ERR_TOO_LARGE);
        hgh_issues_done(&issues);
        json_decref(fitting);
        json_decref(deep);
        json_decref(deepest);
        hgh_schema_free(schema);
    }
}

static void schemas_deeper_than_256_levels_are_refused(void **state)
{
    json_t *source = json_object();
    hgh_schema *schema = NULL;

    (void)state;
    for (unsigned i = 0; i < 300; i++) {
        source = json_pack("{s:o}", "not", source);
        assert_non_null(source);
    }
    assert_int_equal(hgh_schema_compile(source, &schema, NULL), HG_ERR_TOO_LARGE);
    json_decref(source);
}

static int64_t now_ms(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void effort_is_bounded(void **state)
{
    static const struct {
        const char *schema;
        const char *text;
        hg_status filled;
    } cases[] = {
        /* each level asks the next one twice */
        {"{\"anyOf\":[{\"type\":\"array\",\"items\":{\"$ref\":\"#\"}},{\"type\":\"array\","
         "\"items\":{\"$ref\":\"#\"}}]}",
         "value is too complex to validate", HG_ERR_TOO_LARGE},
        {"{\"allOf\":[{\"$ref\":\"#\"}]}", "value is nested deeper than 256 levels",
         HG_ERR_TOO_LARGE},
        {"{\"not\":{\"$ref\":\"#\"}}", "value is nested deeper than 256 levels", HG_OK},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        hgh_schema *schema = compiled(cases[i].schema);
        json_t *value = nested(100, "1");
        hg_issues issues = {0};
        int64_t began = now_ms();

        assert_false(hgh_schema_validate(schema, value, "", &issues));
        assert_int_equal(issues.count, 1);
        assert_string_equal(issues.items[0].text, cases[i].text);
        assert_int_equal(hgh_schema_fill_defaults(schema, value), cases[i].filled);
        assert_true(now_ms() - began < STALL_MS_MAX);
        hgh_issues_done(&issues);
        json_decref(value);
        hgh_schema_free(schema);
    }
}

static void large_lists_are_judged_quickly(void **state)
{
    hgh_schema *schema = compiled("{\"uniqueItems\":true,\"items\":{\"type\":\"integer\"}}");
    json_t *list = json_array();
    hg_issues issues = {0};

    (void)state;
    for (int i = 0; i < 200000; i++) {
        assert_int_equal(json_array_append_new(list, json_integer(i)), 0);
    }
    assert_true(hgh_schema_validate(schema, list, "", NULL));
    assert_int_equal(json_array_append_new(list, json_integer(7)), 0);
    assert_false(hgh_schema_validate(schema, list, "", &issues));
    assert_string_equal(issues.items[0].text,
                        "expected unique items but items 8 and 200001 are equal");
    hgh_issues_done(&issues);
    json_decref(list);
    hgh_schema_free(schema);
}

static void more_findings_than_are_kept_are_counted(void **state)
{
    hgh_schema *schema = compiled("{\"items\":{\"type\":\"integer\"}}");
    json_t *list = json_array();
    hg_issues issues = {0};

    (void)state;
    for (int i = 0; i < 1000; i++) {
        assert_int_equal(json_array_append_new(list, json_null()), 0);
    }
    assert_false(hgh_schema_validate(schema, list, "", &issues));
    assert_int_equal(issues.count, HGH_ISSUES_MAX);
    assert_int_equal(issues.dropped, 1000 - HGH_ISSUES_MAX);
    hgh_issues_done(&issues);
    json_decref(list);
    hgh_schema_free(schema);
}

static void texts_of_hostile_values_stay_short_and_valid(void **state)
{
    enum {
        LENGTH = 300001
    };
    hgh_schema *schema = compiled("{\"additionalProperties\":{\"pattern\":\"^b\"}}");
    char *text = malloc(LENGTH + 1);
    json_t *value = json_object();
    hg_issues issues = {0};
    json_t *shown;

    (void)state;
    assert_non_null(text);
    for (int i = 0; i < LENGTH; i++) { /* characters of two bytes, so that cuts may hit inside */
        text[i] = i == 0 ? 'a' : i % 2 == 1 ? '\xc3' : '\xa4';
    }
    text[LENGTH] = '\0';
    assert_int_equal(json_object_set_new(value, text, json_string(text)), 0);
    assert_false(hgh_schema_validate(schema, value, "", &issues));
    assert_int_equal(issues.count, 1);
    assert_true(strlen(issues.items[0].text) < 4096);
    shown = hgh_issues_json(&issues); /* refuses what is no UTF-8 */
    assert_non_null(shown);
    json_decref(shown);
    hgh_issues_done(&issues);
    json_decref(value);
    free(text);
    hgh_schema_free(schema);
}

static void defaults_fill_every_level_that_is_there(void **state)
{
    static const struct {
        const char *label;
        const char *schema;
        const char *value;
        const char *filled;
    } cases[] = {
        {"scalars and tables",
         "{\"properties\":{\"a\":{\"default\":1},\"b\":{\"default\":\"x\"},\"c\":{\"default\":"
         "false},\"d\":{\"default\":[1,{}]},\"e\":{\"default\":null}}}",
         "{}", "{\"a\":1,\"b\":\"x\",\"c\":false,\"d\":[1,{}]}"},
        {"what is given stays", "{\"properties\":{\"a\":{\"default\":1}}}", "{\"a\":null}",
         "{\"a\":null}"},
        {"an absent parent does not pull in its children",
         "{\"properties\":{\"p\":{\"properties\":{\"c\":{\"default\":1}}}}}", "{}", "{}"},
        {"a parent that is there does",
         "{\"properties\":{\"p\":{\"properties\":{\"c\":{\"default\":1}}}}}", "{\"p\":{}}",
         "{\"p\":{\"c\":1}}"},
        {"a parent by default stays as it is",
         "{\"properties\":{\"p\":{\"default\":{},\"properties\":{\"c\":{\"default\":1}}}}}", "{}",
         "{\"p\":{}}"},
        {"items", "{\"items\":{\"properties\":{\"c\":{\"default\":1}}}}", "[{},2,{\"c\":3}]",
         "[{\"c\":1},2,{\"c\":3}]"},
        {"items by place and more",
         "{\"items\":[{\"properties\":{\"a\":{\"default\":1}}}],\"additionalItems\":{"
         "\"properties\":{\"b\":{\"default\":2}}}}",
         "[{},{},{}]", "[{\"a\":1},{\"b\":2},{\"b\":2}]"},
        {"patterns and additional ones",
         "{\"patternProperties\":{\"^x\":{\"properties\":{\"a\":{\"default\":1}}}},"
         "\"additionalProperties\":{\"properties\":{\"b\":{\"default\":2}}}}",
         "{\"x\":{},\"y\":{}}", "{\"x\":{\"a\":1},\"y\":{\"b\":2}}"},
        {"allOf", "{\"allOf\":[{\"properties\":{\"a\":{\"default\":1}}}]}", "{}", "{\"a\":1}"},
        {"the branch of anyOf that fits",
         "{\"anyOf\":[{\"required\":[\"x\"],\"properties\":{\"a\":{\"default\":1}}},{\"required\":"
         "[\"y\"],\"properties\":{\"b\":{\"default\":2}}}]}",
         "{\"y\":0}", "{\"y\":0,\"b\":2}"},
        {"the branch of oneOf that fits",
         "{\"oneOf\":[{\"required\":[\"x\"],\"properties\":{\"a\":{\"default\":1}}},{\"required\":"
         "[\"y\"],\"properties\":{\"b\":{\"default\":2}}}]}",
         "{\"x\":0}", "{\"x\":0,\"a\":1}"},
        {"a condition sees the defaults of its level",
         "{\"properties\":{\"policy\":{\"enum\":[\"local\",\"redis\"],\"default\":\"local\"}},"
         "\"if\":{\"properties\":{\"policy\":{\"const\":\"redis\"}}},\"then\":{\"properties\":{"
         "\"port\":{\"default\":6379}}},\"else\":{\"properties\":{\"size\":{\"default\":1}}}}",
         "{}", "{\"policy\":\"local\",\"size\":1}"},
        {"then",
         "{\"if\":{\"required\":[\"a\"]},\"then\":{\"properties\":{\"b\":{\"default\":1}}}}",
         "{\"a\":0}", "{\"a\":0,\"b\":1}"},
        {"a schema that another member asks for",
         "{\"dependencies\":{\"a\":{\"properties\":{\"b\":{\"default\":1}}}}}", "{\"a\":0}",
         "{\"a\":0,\"b\":1}"},
        {"behind a reference",
         "{\"properties\":{\"n\":{\"$ref\":\"#/definitions/n\"}},\"definitions\":{\"n\":{"
         "\"default\":5}}}",
         "{}", "{\"n\":5}"},
        {"no object", "{\"properties\":{\"a\":{\"default\":1}}}", "[]", "[]"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        hgh_schema *schema = compiled(cases[i].schema);
        json_t *value = parsed(cases[i].value);
        json_t *wanted = parsed(cases[i].filled);

        assert_int_equal(hgh_schema_fill_defaults(schema, value), HG_OK);
        if (!json_equal(value, wanted)) {
            char *text = json_dumps(value, JSON_ENCODE_ANY);

            fail_msg("%s: got %s", cases[i].label, text);
        }
        json_decref(value);
        json_decref(wanted);
        hgh_schema_free(schema);
    }
}

static void defaults_are_copies(void **state)
{
    hgh_schema *schema = compiled("{\"properties\":{\"a\":{\"default\":[]}}}");
    json_t *first = json_object();
    json_t *second = json_object();

    (void)state;
    assert_int_equal(hgh_schema_fill_defaults(schema, first), HG_OK);
    assert_int_equal(json_array_append_new(json_object_get(first, "a"), json_null()), 0);
    assert_int_equal(hgh_schema_fill_defaults(schema, second), HG_OK);
    assert_int_equal(json_array_size(json_object_get(second, "a")), 0);
    json_decref(first);
    json_decref(second);
    hgh_schema_free(schema);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(findings_speak_as_apisix_does),
        cmocka_unit_test(all_findings_are_collected_at_once),
        cmocka_unit_test(compile_says_where_a_schema_is_wrong),
        cmocka_unit_test(references_lead_anywhere_in_the_document),
        cmocka_unit_test(references_lead_into_documents_that_are_given),
        cmocka_unit_test(what_is_wrong_in_a_document_is_told_with_its_uri),
        cmocka_unit_test(long_chains_of_references_are_followed),
        cmocka_unit_test(values_deeper_than_256_levels_are_invalid),
        cmocka_unit_test(schemas_deeper_than_256_levels_are_refused),
        cmocka_unit_test(effort_is_bounded),
        cmocka_unit_test(large_lists_are_judged_quickly),
        cmocka_unit_test(more_findings_than_are_kept_are_counted),
        cmocka_unit_test(texts_of_hostile_values_stay_short_and_valid),
        cmocka_unit_test(defaults_fill_every_level_that_is_there),
        cmocka_unit_test(defaults_are_copies),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
