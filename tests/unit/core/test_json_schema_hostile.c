/* tests/unit/core/test_json_schema_hostile.c - no schema and no value takes long, or ends the
 * process. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "host/core/issues.h"
#include "host/core/json_schema.h"
#include "tests/unit/unit.h"

#define BOUND_MS                                                                                   \
    4000 /* what is promised is a second; this is for sanitizers and shared machines               \
          */
#define DEEP 10000u
#define MANY 100000u

static int64_t now_ms(void)
{
    struct timespec now = {0};

    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/** Builds a value; what it returns is the caller's. */
typedef json_t *(*maker)(void);

static json_t *parsed(const char *text)
{
    json_error_t err;
    json_t *value = json_loads(text, JSON_DECODE_ANY, &err);

    if (value == NULL) {
        fail_msg("%s: %s", text, err.text);
    }
    return value;
}

static json_t *repeated(const char *text, size_t count)
{
    json_t *item = parsed(text);
    json_t *list = json_array();

    for (size_t i = 0; i < count; i++) {
        assert_int_equal(json_array_append(list, item), 0);
    }
    json_decref(item);
    return list;
}

static json_t *numbers(size_t count)
{
    json_t *list = json_array();

    for (size_t i = 0; i < count; i++) {
        assert_int_equal(json_array_append_new(list, json_integer((json_int_t)i)), 0);
    }
    return list;
}

static json_t *names(size_t count)
{
    json_t *list = json_array();

    for (size_t i = 0; i < count; i++) {
        assert_int_equal(json_array_append_new(list, json_sprintf("name%zu", i)), 0);
    }
    return list;
}

/** {"name0":VALUE,"name1":VALUE...} */
static json_t *object_of(json_t *value, size_t count)
{
    json_t *object = json_object();

    for (size_t i = 0; i < count; i++) {
        char name[32];

        (void)snprintf(name, sizeof(name), "name%zu", i);
        assert_int_equal(json_object_set(object, name, value), 0);
    }
    json_decref(value);
    return object;
}

/** A string of one character. */
static json_t *string_of(char character, size_t length)
{
    char *text = malloc(length);
    json_t *string;

    assert_non_null(text);
    memset(text, character, length);
    string = json_stringn(text, length);
    free(text);
    return string;
}

/** VALUE in DEEP objects or arrays, each the member NAME of the next, or its first item. */
static json_t *wrapped(const char *name, json_t *value, size_t levels)
{
    for (size_t i = 0; i < levels; i++) {
        value = name == NULL ? json_pack("[o]", value) : json_pack("{s:o}", name, value);
    }
    return value;
}

/* --------------------------------------------------------------------------------- schemas */

static json_t *schema_of_deep_items(void)
{
    return wrapped("items", json_object(), DEEP);
}

static json_t *schema_of_deep_all_of(void)
{
    json_t *schema = json_object();

    for (size_t i = 0; i < DEEP; i++) {
        schema = json_pack("{s:[o]}", "allOf", schema);
    }
    return schema;
}

static json_t *schema_of_huge_pattern(void)
{
    return json_pack("{s:o}", "pattern", string_of('(', 5000000));
}

static json_t *schema_of_pattern_that_explodes(void)
{
    return json_pack("{s:s}", "pattern", "((((a{1,1000}){1,1000}){1,1000}){1,1000})");
}

static json_t *schema_of_references_in_a_ring(void)
{
    json_t *definitions = json_object();

    for (size_t i = 0; i < MANY; i++) {
        char name[32];

        (void)snprintf(name, sizeof(name), "%zu", i);
        assert_int_equal(
            json_object_set_new(
                definitions, name,
                json_pack("{s:o}", "$ref", json_sprintf("#/definitions/%zu", (i + 1) % MANY))),
            0);
    }
    return json_pack("{s:o}", "definitions", definitions);
}

static json_t *schema_of_reference_into_the_depth(void)
{
    char *pointer = malloc(2 * DEEP * sizeof("/items"));
    json_t *schema;
    size_t length = 1;

    assert_non_null(pointer);
    pointer[0] = '#';
    for (size_t i = 0; i < DEEP; i++) {
        length += (size_t)sprintf(pointer + length, "/items");
    }
    schema = json_pack("{s:s}", "$ref", pointer);
    free(pointer);
    return schema;
}

static json_t *schema_of_long_names(void)
{
    return json_pack("{s:o, s:o}", "$id", string_of('a', 5000000), "$ref", string_of('/', 5000000));
}

static void schemas_end_in_an_error(void **state)
{
    static const struct {
        const char *label;
        maker make;
        const char *text; /* how the error begins, or contains it */
    } cases[] = {
        {"items in items", schema_of_deep_items, "schema is nested deeper than 256 levels"},
        {"allOf in allOf", schema_of_deep_all_of, "schema is nested deeper than 256 levels"},
        {"a huge pattern", schema_of_huge_pattern, "regular expression has 5000000 bytes"},
        {"a pattern that explodes", schema_of_pattern_that_explodes, "regular expression is too"},
        {"a ring of references", schema_of_references_in_a_ring, "leads to itself"},
        {"a pointer into the depth", schema_of_reference_into_the_depth, "wanted a schema within"},
        {"long names", schema_of_long_names, "wanted a schema within"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        json_t *source = cases[i].make();
        hgh_schema *schema = NULL;
        hg_error err = HG_ERROR_INIT;
        int64_t began = now_ms();
        hg_status status = hgh_schema_compile(source, &schema, &err);
        int64_t took = now_ms() - began;

        if (status == HG_OK || strstr(err.text, cases[i].text) == NULL || took > BOUND_MS) {
            fail_msg("%s: took %d ms, got \"%s\"", cases[i].label, (int)took, err.text);
        }
        json_decref(source);
    }
}

/* ---------------------------------------------------------------------------------- values */

static json_t *deep_arrays(void)
{
    return wrapped(NULL, json_integer(1), DEEP);
}

static json_t *deep_objects(void)
{
    return wrapped("a", json_integer(1), DEEP);
}

static json_t *arrays_of_255(void)
{
    return wrapped(NULL, json_integer(1), 255);
}

static json_t *many_numbers(void)
{
    return numbers(MANY);
}

static json_t *many_nulls(void)
{
    return repeated("null", 3000000);
}

static json_t *many_strings_that_explode(void)
{
    return repeated("\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!\"", MANY);
}

static json_t *many_patterns(void)
{
    return repeated("\"^(?:[a-z]+\\\\.){1,9}(?<x>\\\\p{L}+|[^\\\\s]*)(?=x)$\"", MANY);
}

static json_t *many_names(void)
{
    return object_of(json_integer(1), MANY);
}

static json_t *many_empty_objects(void)
{
    return repeated("{}", MANY);
}

static json_t *long_strings(void)
{
    json_t *list = json_array();
    json_t *text = string_of('a', 1000000);

    for (size_t i = 0; i < 10000; i++) {
        assert_int_equal(json_array_append(list, text), 0);
    }
    json_decref(text);
    return list;
}

/** Arrays that differ in their last item only, and hash to different values. */
static json_t *arrays_that_are_alike(void)
{
    json_t *list = json_array();

    for (json_int_t i = 0; i < 1000; i++) {
        json_t *item = repeated("0", 1000);

        assert_int_equal(json_array_append_new(item, json_integer(i)), 0);
        assert_int_equal(json_array_append_new(list, item), 0);
    }
    return list;
}

static json_t *schema_of_many_alternatives(const char *keyword)
{
    return json_pack("{s:{s:o}}", "items", keyword, repeated("{\"type\":\"string\"}", 1000));
}

static json_t *any_of_1000(void)
{
    return schema_of_many_alternatives("anyOf");
}

static json_t *one_of_1000(void)
{
    return schema_of_many_alternatives("oneOf");
}

/** Each level asks the next one twice, in the way of each keyword that may. */
static json_t *any_of_itself(void)
{
    return parsed("{\"anyOf\":[{\"type\":\"array\",\"items\":{\"$ref\":\"#\"}},{\"type\":\"array\","
                  "\"items\":{\"$ref\":\"#\"}}]}");
}

static json_t *one_of_itself(void)
{
    return parsed("{\"oneOf\":[{\"items\":{\"$ref\":\"#\"}},{\"items\":{\"$ref\":\"#\"}}]}");
}

static json_t *all_of_itself(void)
{
    return parsed("{\"allOf\":[{\"items\":{\"$ref\":\"#\"}},{\"items\":{\"$ref\":\"#\"}}]}");
}

static json_t *condition_of_itself(void)
{
    return parsed("{\"if\":{\"items\":{\"$ref\":\"#\"}},\"then\":{\"items\":{\"$ref\":\"#\"}},"
                  "\"else\":{\"items\":{\"$ref\":\"#\"}}}");
}

static json_t *chain_of_doubling(void)
{
    json_t *definitions = json_object();

    for (int i = 0; i < 60; i++) { /* 2^60 ways */
        char name[8];
        char next[32];

        (void)snprintf(name, sizeof(name), "%d", i);
        (void)snprintf(next, sizeof(next), "#/definitions/%d", i + 1);
        assert_int_equal(json_object_set_new(
                             definitions, name,
                             json_pack("{s:[{s:s},{s:s}]}", "anyOf", "$ref", next, "$ref", next)),
                         0);
    }
    assert_int_equal(json_object_set_new(definitions, "60", json_false()), 0);
    return json_pack("{s:o, s:[{s:s}]}", "definitions", definitions, "allOf", "$ref",
                     "#/definitions/0");
}

static json_t *enumeration_of_many(void)
{
    return json_pack("{s:{s:o}}", "items", "enum", names(MANY));
}

static json_t *enumeration_of_arrays_that_are_alike(void)
{
    return json_pack("{s:{s:o}}", "items", "enum", arrays_that_are_alike());
}

static json_t *many_required(void)
{
    return json_pack("{s:{s:o, s:o}}", "items", "required", names(20000), "properties",
                     object_of(json_object(), 20000));
}

static json_t *any_of_many_required(void)
{
    return json_pack("{s:{s:[{s:o}]}}", "items", "anyOf", "required", names(20000));
}

static json_t *many_name_patterns(void)
{
    json_t *patterns = json_object();

    for (int i = 0; i < 200; i++) {
        char pattern[64];

        (void)snprintf(pattern, sizeof(pattern), "^(.*)*x%d(.*)*$", i);
        assert_int_equal(json_object_set_new(patterns, pattern, json_true()), 0);
    }
    return json_pack("{s:o}", "patternProperties", patterns);
}

static json_t *unique_items(void)
{
    return parsed("{\"uniqueItems\":true}");
}

static json_t *exploding_pattern(void)
{
    return parsed("{\"items\":{\"pattern\":\"^(a+)+$\"}}");
}

static json_t *regex_format(void)
{
    return parsed("{\"items\":{\"format\":\"regex\"}}");
}

static json_t *type_of_items(void)
{
    return parsed("{\"items\":{\"type\":\"string\"}}");
}

static json_t *length_of_items(void)
{
    return parsed("{\"items\":{\"maxLength\":10000000}}");
}

static json_t *levels_of_arrays(void)
{
    return parsed("{\"items\":{\"$ref\":\"#\"}}");
}

static json_t *name_of_each(void)
{
    return parsed("{\"propertyNames\":{\"pattern\":\"^[a-z]+$\"},\"additionalProperties\":"
                  "{\"type\":\"string\"}}");
}

static json_t *deep_names(void)
{
    return parsed("{\"additionalProperties\":{\"$ref\":\"#\"}}");
}

/** Long names in a deep value: the prefix of each finding has them all. */
static json_t *deep_long_names(void)
{
    char name[1001];
    json_t *value = repeated("null", MANY);

    memset(name, 'n', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    return wrapped(name, value, 30);
}

static json_t *strings_below(void)
{
    return parsed("{\"additionalProperties\":{\"$ref\":\"#\"},\"items\":{\"type\":\"string\"}}");
}

static void judging_takes_a_bounded_time(void **state)
{
    static const struct {
        const char *label;
        maker schema;
        maker value;
        const char *text; /* of a finding; NULL: it is valid */
    } cases[] = {
        {"arrays in arrays", levels_of_arrays, deep_arrays, "nested deeper than 256 levels"},
        {"objects in objects", deep_names, deep_objects, "nested deeper than 256 levels"},
        {"anyOf that doubles", any_of_itself, arrays_of_255, "too complex"},
        {"oneOf that doubles", one_of_itself, arrays_of_255, "too complex"},
        {"allOf that doubles", all_of_itself, arrays_of_255, "too complex"},
        {"if that doubles", condition_of_itself, arrays_of_255, "too complex"},
        {"60 levels of two alternatives", chain_of_doubling, many_numbers, "too complex"},
        {"1,000 alternatives, anyOf", any_of_1000, many_numbers, "too complex"},
        {"1,000 alternatives, oneOf", one_of_1000, many_numbers, "too complex"},
        {"an enum of 100,000", enumeration_of_many, many_numbers, "too complex"},
        {"an enum of arrays", enumeration_of_arrays_that_are_alike, arrays_that_are_alike, ""},
        {"20,000 required names", many_required, many_empty_objects, "too complex"},
        {"20,000 required names, anyOf", any_of_many_required, many_empty_objects, ""},
        {"200 patterns for names", many_name_patterns, many_names, "too complex"},
        {"uniqueItems of 100,000", unique_items, many_numbers, NULL},
        {"uniqueItems of arrays", unique_items, arrays_that_are_alike, NULL},
        {"a pattern that explodes", exploding_pattern, many_strings_that_explode, "too complex"},
        {"100,000 patterns", regex_format, many_patterns, "too complex"},
        {"3,000,000 findings", type_of_items, many_nulls, ""},
        {"strings of 10 GB", length_of_items, long_strings, "too complex"},
        {"a pattern on 10 GB", exploding_pattern, long_strings, "too complex"},
        {"100,000 names", name_of_each, many_names, ""},
        {"findings with long names", strings_below, deep_long_names, ""},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        json_t *source = cases[i].schema();
        json_t *value = cases[i].value();
        hgh_schema *schema = NULL;
        hg_issues issues = {0};
        hg_error err = HG_ERROR_INIT;
        const char *found = NULL;
        int64_t began = now_ms();
        int64_t compiled;
        int64_t judged;
        int64_t filled;

        if (hgh_schema_compile(source, &schema, &err) != HG_OK) {
            fail_msg("%s: %s", cases[i].label, err.text);
        }
        compiled = now_ms();
        assert_int_equal(hgh_schema_validate(schema, value, "", &issues), cases[i].text == NULL);
        judged = now_ms();
        (void)hgh_schema_fill_defaults(schema, value); /* too much of it is an error */
        filled = now_ms();
        printf("%s: %d ms to compile, %d ms to judge, %d ms to fill\n", cases[i].label,
               (int)(compiled - began), (int)(judged - compiled), (int)(filled - judged));
        for (size_t at = 0; at < issues.count && cases[i].text != NULL; at++) {
            if (strstr(issues.items[at].text, cases[i].text) != NULL) {
                found = issues.items[at].text;
            }
        }
        if ((found == NULL) != (cases[i].text == NULL) || filled - began > BOUND_MS) {
            fail_msg("%s: took %d ms, got \"%s\"", cases[i].label, (int)(filled - began),
                     issues.count == 0 ? "" : issues.items[issues.count - 1].text);
        }
        hgh_issues_done(&issues);
        hgh_schema_free(schema);
        json_decref(source);
        json_decref(value);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(schemas_end_in_an_error),
        cmocka_unit_test(judging_takes_a_bounded_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
