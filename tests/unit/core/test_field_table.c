/* tests/unit/core/test_field_table.c - tables are checked, become schemas, and decode. */
#include <stdio.h>
#include <stdlib.h>

#include "host/core/address.h"
#include "host/core/field_table.h"
#include "host/core/issues.h"
#include "host/core/json_schema.h"
#include "host/core/regex.h"
#include "host/core/template.h"
#include "tests/unit/unit.h"

typedef struct node_config {
    hg_text host;
    int64_t weight;
    int32_t scheme;
} node_config;

typedef struct inner_config {
    int64_t timeout_ms;
    int32_t mode;
    hg_text password;
} inner_config;

typedef struct full_config {
    bool enabled;
    int64_t count;
    double ratio;
    hg_text name;
    hg_text secret;
    int32_t policy;
    int32_t absent_policy;
    int64_t window_ms;
    int64_t size;
    const hg_cidrs *allowed;
    const hg_regex *pattern;
    const hg_template *message;
    hg_list words;
    hg_list nodes;
    hg_map labels;
    inner_config inner;
    const json_t *extra;
    bool has_count;
    bool has_words;
} full_config;

static const hg_field word_item = HG_ITEM(HG_KIND_STRING, hg_text, .min_length = 1);
static const hg_field label_item = HG_ITEM(HG_KIND_STRING, hg_text);

static const hg_field node_fields[] = {
    HG_STRING(node_config, host, "host", .required = true),
    HG_INT(node_config, weight, "weight", .initial = "1"),
    HG_ENUM(node_config, scheme, "scheme", .names = {"http", "https"}),
    HG_FIELDS_END,
};
static const hg_field node_item = HG_ITEM_OBJECT(node_config, node_fields);

static const hg_field inner_fields[] = {
    HG_DURATION(inner_config, timeout_ms, "timeout", .initial = "10s", .positive = true),
    HG_ENUM(inner_config, mode, "mode", .names = {"a", "b"}),
    HG_SECRET(inner_config, password, "password"),
    HG_FIELDS_END,
};

static const hg_field full_fields[] = {
    HG_BOOL(full_config, enabled, "enabled", .initial = "true"),
    HG_INT(full_config,
           count,
           "count",
           .summary = "How many.",
           .example = "5",
           .required = true,
           .presence = HG_PRESENCE(full_config, has_count),
           .min = 1,
           .max = 100),
    HG_NUMBER(full_config, ratio, "ratio", .min = -1, .max = 1, .initial = "0.5"),
    HG_STRING(full_config, name, "name", .max_length = 8, .pattern = "^[a-z]*$"),
    HG_SECRET(full_config, secret, "secret"),
    HG_ENUM(full_config, policy, "policy", .initial = "redis", .names = {"local", "redis"}),
    HG_ENUM(full_config, absent_policy, "absent_policy", .names = {"local", "redis"}),
    HG_DURATION(full_config, window_ms, "window", .positive = true, .max = 3600),
    HG_BYTES(full_config, size, "size", .initial = "64k"),
    HG_CIDRS(full_config, allowed, "allowed", .min_length = 1),
    HG_REGEX(full_config, pattern, "pattern", .initial = "^a+$"),
    HG_TEMPLATE(full_config, message, "message", .initial = "hello $host"),
    HG_LIST(full_config,
            words,
            "words",
            &word_item,
            .unique = true,
            .presence = HG_PRESENCE(full_config, has_words),
            .max_length = 20000),
    HG_LIST(full_config, nodes, "nodes", &node_item),
    HG_MAP(full_config, labels, "labels", &label_item, .max_length = 3),
    HG_OBJECT(full_config, inner, inner_config, "inner", inner_fields, .strict = true),
    HG_JSON(full_config, extra, "extra", .schema = "{\"type\":[\"object\",\"array\"]}"),
    HG_RULE(HG_REQUIRES, "name", "secret"),
    HG_FIELDS_END,
};

static const hg_config_description full = {
    .size = sizeof(hg_config_description),
    .field_size = sizeof(hg_field),
    .state_size = sizeof(full_config),
    .fields = full_fields,
};

static json_t *parsed(const char *text)
{
    json_error_t err;
    json_t *value = json_loads(text, JSON_DECODE_ANY | JSON_ALLOW_NUL, &err);

    if (value == NULL) {
        fail_msg("%s: %s", text, err.text);
    }
    return value;
}

/** As a gateway does it: schema, defaults, decoding. NULL if it is refused. */
static hgh_decoded *
decoded(const hg_config_description *description, json_t *value, hg_issues *issues)
{
    json_t *source = hgh_field_table_schema(description, false);
    hgh_schema *schema = NULL;
    hgh_decoded *made = NULL;
    hg_error err = HG_ERROR_INIT;

    assert_int_equal(hgh_field_table_check(description, &err), HG_OK);
    assert_int_equal(hgh_schema_compile(source, &schema, &err), HG_OK);
    if (hgh_schema_validate(schema, value, "/c", issues)) {
        assert_int_equal(hgh_schema_fill_defaults(schema, value), HG_OK);
        if (hgh_field_table_decode(description, value, "/c", &made, issues) != HG_OK) {
            assert_null(made);
        }
    }
    hgh_schema_free(schema);
    json_decref(source);
    return made;
}

static hg_text no_variable(void *context, hg_text name)
{
    (void)context;
    return name;
}

static void *from_heap(void *context, size_t size)
{
    (void)context;
    return malloc(size);
}

static void a_whole_configuration_is_decoded(void **state)
{
    json_t *value = parsed(
        "{\"enabled\":false,\"count\":5.0,\"ratio\":-0.25,\"name\":\"abc\",\"secret\":\"s\","
        "\"policy\":\"local\",\"window\":\"1.5m\",\"size\":\"2m\",\"allowed\":[\"10.0.0.0/8\"],"
        "\"pattern\":\"x(y)\",\"message\":\"${a ?? b}!\",\"words\":[\"one\",\"two\"],\"nodes\":[{"
        "\"host\":\"h1\",\"scheme\":\"https\"},{\"host\":\"h2\",\"weight\":7}],\"labels\":{\"k\":"
        "\"v\",\"l\":\"w\"},\"inner\":{\"timeout\":0.5,\"mode\":\"b\"},\"extra\":{\"x\":[1]}}");
    hg_issues issues = {0};
    hgh_decoded *made = decoded(&full, value, &issues);
    const full_config *config;
    const hg_text *words;
    const node_config *nodes;
    const hg_text *label_values;
    hg_address address;

    (void)state;
    assert_true(hgh_issues_is_empty(&issues));
    assert_non_null(made);
    json_decref(value); /* what was decoded stands alone */
    config = hgh_decoded_state(made);
    assert_false(config->enabled);
    assert_int_equal(config->count, 5);
    assert_true(config->has_count);
    assert_true(config->ratio == -0.25);
    assert_string_equal(config->name.data, "abc");
    assert_int_equal(config->policy, 0);
    assert_int_equal(config->absent_policy, -1);
    assert_int_equal(config->window_ms, 90000);
    assert_int_equal(config->size, 2 * 1024 * 1024);
    assert_int_equal(hgh_address_parse(HG_TEXT("10.1.2.3"), &address), HG_OK);
    assert_true(hgh_cidrs_contain(config->allowed, &address));
    assert_int_equal(hgh_regex_match(config->pattern, HG_TEXT("axyb"), NULL, 0), 2);
    {
        hg_text text =
            hgh_template_render(config->message, NULL, 0, no_variable, from_heap, NULL, NULL);

        assert_string_equal(text.data, "a!");
        free((void *)(uintptr_t)text.data);
    }
    words = config->words.items;
    assert_int_equal(config->words.count, 2);
    assert_true(config->has_words);
    assert_string_equal(words[1].data, "two");
    nodes = config->nodes.items;
    assert_int_equal(config->nodes.count, 2);
    assert_int_equal(nodes[0].weight, 1);
    assert_int_equal(nodes[0].scheme, 1);
    assert_string_equal(nodes[1].host.data, "h2");
    assert_int_equal(nodes[1].weight, 7);
    assert_int_equal(nodes[1].scheme, -1);
    label_values = config->labels.values;
    assert_int_equal(config->labels.count, 2);
    assert_string_equal(config->labels.keys[1].data, "l");
    assert_string_equal(label_values[1].data, "w");
    assert_int_equal(config->inner.timeout_ms, 500);
    assert_int_equal(config->inner.mode, 1);
    assert_int_equal(json_array_size(json_object_get(config->extra, "x")), 1);
    hgh_decoded_free(made);
    hgh_decoded_free(NULL);
}

static void what_is_left_out_has_its_initial_value(void **state)
{
    json_t *value = parsed("{\"count\":1}");
    hg_issues issues = {0};
    hgh_decoded *made = decoded(&full, value, &issues);
    const full_config *config;

    (void)state;
    assert_non_null(made);
    config = hgh_decoded_state(made);
    assert_true(config->enabled);
    assert_true(config->ratio == 0.5);
    assert_false(hg_text_is_present(config->name));
    assert_int_equal(config->policy, 1);
    assert_int_equal(config->window_ms, 0);
    assert_int_equal(config->size, 65536);
    assert_null(config->allowed);
    assert_int_equal(hgh_regex_match(config->pattern, HG_TEXT("aaa"), NULL, 0), 1);
    assert_int_equal(config->message->count, 2);
    assert_int_equal(config->words.count, 0);
    assert_false(config->has_words);
    assert_int_equal(config->inner.timeout_ms, 10000); /* though its object is left out */
    assert_int_equal(config->inner.mode, -1);
    assert_null(config->extra);
    hgh_decoded_free(made);
    json_decref(value);
}

static void wrong_values_are_found_in_their_place(void **state)
{
    static const struct {
        const char *label;
        const char *value;
        const char *line; /* the first finding */
    } cases[] = {
        {"nothing", "{}", "property \"count\" is required"},
        {"no object", "[]", "wrong type: expected object, got table"},
        {"below", "{\"count\":0}",
         "property \"count\" validation failed: expected 0 to be at least 1"},
        {"above", "{\"count\":101}",
         "property \"count\" validation failed: expected 101 to be at most 100"},
        {"negative size", "{\"count\":1,\"size\":-1}",
         "property \"size\" validation failed: expected -1 to be at least 0"},
        {"size beyond int64", "{\"count\":1,\"size\":1e30}",
         "/c/size: found 1e+30, wanted bytes, or a number with k, m or g"},
        {"size in text beyond int64", "{\"count\":1,\"size\":\"99999999999g\"}",
         "/c/size: found \"99999999999g\", wanted bytes, or a number with k, m or g"},
        {"duration of 0", "{\"count\":1,\"window\":0}",
         "property \"window\" validation failed: expected 0 to be greater than 0"},
        {"duration in text of 0", "{\"count\":1,\"window\":\"0s\"}",
         "/c/window: found 0 s, wanted more than 0"},
        {"duration under a millisecond", "{\"count\":1,\"window\":0.0001}",
         "/c/window: found 0 s, wanted more than 0"},
        {"duration over its max", "{\"count\":1,\"window\":\"2h\"}",
         "/c/window: found 7200 s, wanted at most 3600 s"},
        {"duration without unit", "{\"count\":1,\"window\":\"5\"}",
         "property \"window\" validation failed: failed to match pattern "
         "\"^[0-9]+(\\\\.[0-9]+)?(ms|s|m|h|d)$\" with \"5\""},
        {"enum", "{\"count\":1,\"policy\":\"x\"}",
         "property \"policy\" validation failed: matches none of the enum values"},
        {"network", "{\"count\":1,\"allowed\":[\"10.0.0.0/8\",\"x\",\"y\"]}",
         "invalid ip address: x"},
        {"no networks", "{\"count\":1,\"allowed\":[]}",
         "property \"allowed\" validation failed: expect array to have at least 1 items"},
        {"pattern", "{\"count\":1,\"pattern\":\"(\"}",
         "/c/pattern: found \"(\", wanted a regular expression: missing closing parenthesis at "
         "offset 1"},
        {"template", "{\"count\":1,\"message\":\"${x\"}",
         "/c/message: found \"${x\", wanted text with variables: ${ without } at offset 0"},
        {"NUL", "{\"count\":1,\"secret\":\"a\\u0000b\"}",
         "/c/secret: found a text with a NUL inside, wanted a text without"},
        {"too long", "{\"count\":1,\"secret\":\"a\",\"name\":\"abcdefghi\"}",
         "property \"name\" validation failed: string too long, expected at most 8, got 9"},
        {"rule", "{\"count\":1,\"name\":\"a\"}",
         "property \"secret\" is required when \"name\" is set"},
        {"element", "{\"count\":1,\"words\":[\"a\",\"\"]}",
         "property \"words\" validation failed: failed to validate item 2: string too short, "
         "expected at least 1, got 0"},
        {"map", "{\"count\":1,\"labels\":{\"a\":1}}",
         "property \"labels\" validation failed: failed to validate additional property a: wrong "
         "type: expected string, got number"},
        {"strict object", "{\"count\":1,\"inner\":{\"x\":1}}",
         "property \"inner\" validation failed: additional properties forbidden, found x"},
        {"JSON by its schema", "{\"count\":1,\"extra\":1}",
         "property \"extra\" validation failed: wrong type: expected one of object, array, got "
         "number"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        json_t *value = parsed(cases[i].value);
        hg_issues issues = {0};
        char line[512];

        if (decoded(&full, value, &issues) != NULL) {
            fail_msg("%s: was taken", cases[i].label);
        }
        if (strcmp(hgh_issues_first(&issues, line, sizeof(line)), cases[i].line) != 0) {
            fail_msg("%s: got %s", cases[i].label, line);
        }
        hgh_issues_done(&issues);
        json_decref(value);
    }
}

/* Decoding alone, of values that no schema has seen: findings, never a crash. */
static void values_of_any_type_are_survived(void **state)
{
    static const char *const values[] = {
        "null",
        "true",
        "-1",
        "1.5",
        "1e308",
        "-9223372036854775808",
        "\"\"",
        "\"x\"",
        "\"a\\u0000b\"",
        "[]",
        "[1]",
        "[[]]",
        "[null]",
        "[{}]",
        "[{\"host\":1}]",
        "{}",
        "{\"a\":null}",
        "{\"host\":[]}",
        "{\"timeout\":[]}",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
        for (size_t at = 0; full_fields[at].kind != HG_KIND_RULE; at++) {
            json_t *value = json_pack("{s:o}", full_fields[at].name, parsed(values[i]));
            hg_issues issues = {0};
            hgh_decoded *made = NULL;
            hg_status status = hgh_field_table_decode(&full, value, "", &made, &issues);

            assert_int_equal(status == HG_OK, made != NULL);
            assert_int_equal(status == HG_OK, hgh_issues_is_empty(&issues));
            hgh_decoded_free(made);
            hgh_issues_done(&issues);
            json_decref(value);
        }
    }
}

static void long_lists_are_decoded(void **state)
{
    enum {
        COUNT = 10000
    };
    json_t *value = parsed("{\"count\":1,\"words\":[],\"nodes\":[],\"allowed\":[]}");
    hg_issues issues = {0};
    const full_config *config;
    const hg_text *words;
    const node_config *nodes;
    hgh_decoded *made;

    (void)state;
    for (int i = 0; i < COUNT; i++) {
        char text[32];

        (void)snprintf(text, sizeof(text), "word%d", i);
        assert_int_equal(json_array_append_new(json_object_get(value, "words"), json_string(text)),
                         0);
        assert_int_equal(json_array_append_new(json_object_get(value, "nodes"),
                                               json_pack("{s:s, s:i}", "host", text, "weight", i)),
                         0);
        assert_int_equal(json_array_append_new(json_object_get(value, "allowed"),
                                               json_sprintf("10.%d.%d.1", i / 256, i % 256)),
                         0);
    }
    made = decoded(&full, value, &issues);
    assert_non_null(made);
    config = hgh_decoded_state(made);
    words = config->words.items;
    nodes = config->nodes.items;
    assert_int_equal(config->words.count, COUNT);
    assert_int_equal(config->nodes.count, COUNT);
    assert_string_equal(words[COUNT - 1].data, "word9999");
    assert_string_equal(nodes[COUNT - 1].host.data, "word9999");
    assert_int_equal(nodes[COUNT - 1].weight, COUNT - 1);
    hgh_decoded_free(made);
    json_decref(value);
}

static void findings_of_decoding_are_collected_at_once(void **state)
{
    json_t *value = parsed("{\"count\":1,\"pattern\":\"(\",\"message\":\"${\",\"allowed\":[\"x\","
                           "\"1.2.3.4\",\"y\"],\"window\":\"1d\"}");
    static const char *const pointers[] = {"/c/window", "/c/allowed/0", "/c/allowed/2",
                                           "/c/pattern", "/c/message"};
    hg_issues issues = {0};

    (void)state;
    assert_null(decoded(&full, value, &issues));
    assert_int_equal(issues.count, ARRAY_SIZE(pointers));
    for (size_t i = 0; i < ARRAY_SIZE(pointers); i++) {
        assert_string_equal(issues.items[i].pointer, pointers[i]);
    }
    hgh_issues_done(&issues);
    json_decref(value);
}

static void the_schema_says_what_the_table_says(void **state)
{
    json_t *schema = hgh_field_table_schema(&full, true);
    json_t *properties = json_object_get(schema, "properties");
    static const struct {
        const char *name; /* NULL: the root without its properties */
        const char *schema;
    } cases[] = {
        {"enabled", "{\"type\":\"boolean\",\"default\":true}"},
        {"count", "{\"type\":\"integer\",\"minimum\":1,\"maximum\":100,\"description\":"
                  "\"How many.\",\"examples\":[5]}"},
        {"ratio", "{\"type\":\"number\",\"minimum\":-1,\"maximum\":1,\"default\":0.5}"},
        {"name", "{\"type\":\"string\",\"maxLength\":8,\"pattern\":\"^[a-z]*$\"}"},
        {"secret", "{\"type\":\"string\",\"writeOnly\":true}"},
        {"policy", "{\"type\":\"string\",\"enum\":[\"local\",\"redis\"],\"default\":\"redis\"}"},
        {"window", "{\"title\":\"seconds or text with a unit (ms, s, m, h, d)\","
                   "\"type\":[\"number\",\"string\"],\"exclusiveMinimum\":0,\"maximum\":3600,"
                   "\"pattern\":\"^[0-9]+(\\\\.[0-9]+)?(ms|s|m|h|d)$\"}"},
        {"size", "{\"title\":\"bytes or text with a unit (k, m, "
                 "g)\",\"type\":[\"integer\",\"string\"],\"minimum\":0,\"pattern\":"
                 "\"^[0-9]+[kKmMgG]?$\",\"default\":\"64k\"}"},
        {"allowed", "{\"type\":\"array\",\"items\":{\"title\":\"IP address or network\","
                    "\"type\":\"string\"},\"minItems\":1}"},
        {"pattern", "{\"title\":\"regular expression\",\"type\":\"string\",\"default\":\"^a+$\"}"},
        {"message", "{\"title\":\"text with $variables\",\"type\":\"string\","
                    "\"default\":\"hello $host\"}"},
        {"words", "{\"type\":\"array\",\"items\":{\"type\":\"string\",\"minLength\":1},"
                  "\"maxItems\":20000,\"uniqueItems\":true}"},
        {"labels", "{\"type\":\"object\",\"additionalProperties\":{\"type\":\"string\"},"
                   "\"maxProperties\":3}"},
        {"inner",
         "{\"type\":\"object\",\"properties\":{\"timeout\":{\"title\":\"seconds or "
         "text with a unit (ms, s, m, h, d)\",\"type\":[\"number\",\"string\"],"
         "\"exclusiveMinimum\":0,\"pattern\":\"^[0-9]+(\\\\.[0-9]+)?(ms|s|m|h|d)$\",\"default\":"
         "\"10s\"},\"mode\":{\"type\":\"string\",\"enum\":[\"a\",\"b\"]},\"password\":{\"type\":"
         "\"string\",\"writeOnly\":true}},\"additionalProperties\":false}"},
        {"extra", "{\"type\":[\"object\",\"array\"]}"},
        {NULL, "{\"type\":\"object\",\"required\":[\"count\"],\"dependencies\":{\"name\":["
               "\"secret\"]},\"additionalProperties\":false}"},
    };

    (void)state;
    assert_non_null(schema);
    json_incref(properties);
    assert_int_equal(json_object_del(schema, "properties"), 0);
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        json_t *found = cases[i].name == NULL ? schema : json_object_get(properties, cases[i].name);
        json_t *wanted = parsed(cases[i].schema);

        if (!json_equal(found, wanted)) {
            char *text = json_dumps(found, JSON_COMPACT);

            fail_msg("%s: got %s", cases[i].name == NULL ? "root" : cases[i].name, text);
        }
        json_decref(wanted);
    }
    json_decref(properties);
    json_decref(schema);
}

typedef struct rule_config {
    bool a, b, c, d;
} rule_config;

static const hg_field rule_fields[] = {
    HG_BOOL(rule_config, a, "a"),      HG_BOOL(rule_config, b, "b"),
    HG_BOOL(rule_config, c, "c"),      HG_BOOL(rule_config, d, "d"),
    HG_RULE(HG_EXACTLY_ONE, "a", "b"), HG_RULE(HG_AT_LEAST_ONE, "c", "d"),
    HG_RULE(HG_EXACTLY_ONE, "b", "c"), HG_RULE(HG_REQUIRES, "a", "c"),
    HG_RULE(HG_REQUIRES, "a", "d"),    HG_FIELDS_END,
};

static void rules_hold_together(void **state)
{
    static const hg_config_description description = {
        .size = sizeof(hg_config_description),
        .field_size = sizeof(hg_field),
        .state_size = sizeof(rule_config),
        .fields = rule_fields,
    };
    static const struct {
        const char *value;
        bool valid;
    } cases[] = {
        {"{\"a\":true,\"c\":true,\"d\":true}", true},
        {"{\"b\":true,\"d\":false}", true},
        {"{\"a\":true,\"c\":true}", false},
        {"{\"a\":true,\"d\":true}", false},
        {"{\"b\":true,\"c\":true}", false},
        {"{\"b\":true}", false},
        {"{\"c\":true}", false},
        {"{}", false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        json_t *value = parsed(cases[i].value);
        hg_issues issues = {0};
        hgh_decoded *made = decoded(&description, value, &issues);

        if ((made != NULL) != cases[i].valid) {
            fail_msg("%s", cases[i].value);
        }
        hgh_decoded_free(made);
        hgh_issues_done(&issues);
        json_decref(value);
    }
}

typedef struct small_config {
    int64_t number;
    hg_text text;
    hg_list list;
    const json_t *json;
} small_config;

static const hg_field endless_item; /* of lists in lists without end */
static const hg_field endless_item = HG_ITEM(HG_KIND_LIST, hg_list, .item = &endless_item);
static const hg_field no_item = HG_ITEM(HG_KIND_LIST, hg_list);
static const hg_field small_item = HG_ITEM(HG_KIND_STRING, int32_t);

static void check_finds_what_an_author_writes_wrong(void **state)
{
    static const struct {
        const char *label;
        hg_field fields[3];
        const char *text;
    } cases[] = {
        {"right", {HG_INT(small_config, number, "n", .initial = "5")}, NULL},
        {"unknown kind", {{.kind = 40, .name = "n", .size = 8}}, "kind 40 is not known"},
        {"negative kind", {{.kind = -1, .name = "n", .size = 8}}, "kind -1 is not known"},
        {"outside",
         {{.kind = HG_KIND_INT, .name = "n", .size = 8, .offset = 1000}},
         "field \"n\": lies outside its struct"},
        {"far outside",
         {{.kind = HG_KIND_INT, .name = "n", .size = 8, .offset = UINT32_MAX}},
         "lies outside its struct"},
        {"wrong size",
         {{.kind = HG_KIND_INT, .name = "n", .size = 4}},
         "has 4 bytes, a integer has 8"},
        {"presence outside",
         {{.kind = HG_KIND_INT, .name = "n", .size = 8, .presence = 1000}},
         "presence lies outside"},
        {"no name", {{.kind = HG_KIND_INT, .size = 8}}, "field 1 has no name"},
        {"empty name", {HG_INT(small_config, number, "")}, "field 1 has no name"},
        {"name is no UTF-8", {HG_INT(small_config, number, "\xff")}, "field 1 has no name"},
        {"twice",
         {HG_INT(small_config, number, "n"), HG_INT(small_config, number, "n")},
         "field \"n\": is twice"},
        {"min above max",
         {HG_INT(small_config, number, "n", .min = 2, .max = 1)},
         "min is above max"},
        {"min_length above max_length",
         {HG_STRING(small_config, text, "t", .min_length = 2, .max_length = 1)},
         "min_length is above max_length"},
        {"bad pattern",
         {HG_STRING(small_config, text, "t", .pattern = "(")},
         "field \"t\": pattern: missing closing parenthesis"},
        {"pattern of a number",
         {HG_INT(small_config, number, "n", .pattern = "a")},
         "a pattern, yet no text"},
        {"summary is no UTF-8",
         {HG_INT(small_config, number, "n", .summary = "gr\xfc\xdf")},
         "field \"n\": summary or example is no UTF-8"},
        {"example is no UTF-8",
         {HG_STRING(small_config, text, "t", .example = "\xff")},
         "field \"t\": summary or example is no UTF-8"},
        {"initial out of limits",
         {HG_INT(small_config, number, "n", .min = 6, .initial = "5")},
         "field \"n\": initial: expected 5 to be at least 6"},
        {"initial of another type",
         {HG_INT(small_config, number, "n", .initial = "\"a\"")},
         "initial: wrong type: expected integer"},
        {"initial is no JSON",
         {HG_INT(small_config, number, "n", .initial = "five")},
         "initial is no JSON"},
        {"initial duration",
         {HG_DURATION(small_config, number, "n", .initial = "5 minutes")},
         "initial: failed to match pattern"},
        {"initial duration over its max",
         {HG_DURATION(small_config, number, "n", .max = 60, .initial = "2m")},
         "initial: found 120 s, wanted at most 60 s"},
        {"initial does not match",
         {HG_STRING(small_config, text, "t", .pattern = "^a", .initial = "b")},
         "initial: failed to match pattern"},
        {"list without item",
         {HG_LIST(small_config, list, "l", NULL)},
         "without a description of its elements"},
        {"list of lists without item",
         {HG_LIST(small_config, list, "l", &no_item)},
         "without a description of its elements"},
        {"item of another size",
         {HG_LIST(small_config, list, "l", &small_item)},
         "field \"l\": has 4 bytes, a string has 16"},
        {"endless",
         {HG_LIST(small_config, list, "l", &endless_item)},
         "nested deeper than 16 levels"},
        {"object without table",
         {{.kind = HG_KIND_OBJECT, .name = "o", .size = 8}},
         "an object without a table"},
        {"enum without names",
         {{.kind = HG_KIND_ENUM, .name = "e", .size = 4}},
         "an enum without names"},
        {"enum with a name twice",
         {{.kind = HG_KIND_ENUM, .name = "e", .size = 4, .names = {"a", "a"}}},
         "names \"a\" twice"},
        {"bad schema",
         {HG_JSON(small_config, json, "j", .schema = "{\"type\":1}")},
         "field \"j\": schema: /type: found 1"},
        {"schema is no JSON",
         {HG_JSON(small_config, json, "j", .schema = "{")},
         "field \"j\": schema: line 1"},
        {"rule about nothing",
         {HG_INT(small_config, number, "n"), HG_RULE(HG_REQUIRES, "n", "x")},
         "rule names \"x\", which is no field"},
        {"rule of one",
         {HG_INT(small_config, number, "n"), HG_RULE(HG_EXACTLY_ONE, "n")},
         "rule names 1 fields"},
        {"unknown rule",
         {{.kind = HG_KIND_RULE, .rule = 9, .names = {"a", "b"}}},
         "rule 9 is not known"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        hg_config_description description = full;
        hg_error err = HG_ERROR_INIT;
        hg_status status;

        description.state_size = sizeof(small_config);
        description.fields = cases[i].fields;
        status = hgh_field_table_check(&description, &err);
        if (status != (cases[i].text == NULL ? HG_OK : HG_ERR_INVALID) ||
            (cases[i].text != NULL && strstr(err.text, cases[i].text) == NULL)) {
            fail_msg("%s: got status %d, \"%s\"", cases[i].label, (int)status, err.text);
        }
    }
}

static void check_judges_the_description_too(void **state)
{
    hg_config_description description = full;

    (void)state;
    description.key = "name";
    assert_int_equal(hgh_field_table_check(&description, NULL), HG_OK);
    description.key = "count";
    assert_int_equal(hgh_field_table_check(&description, NULL), HG_ERR_INVALID);
    description.key = "nothing";
    assert_int_equal(hgh_field_table_check(&description, NULL), HG_ERR_INVALID);
    description.key = NULL;
    description.field_size = 16;
    assert_int_equal(hgh_field_table_check(&description, NULL), HG_ERR_INVALID);
    description.field_size = sizeof(hg_field) + 1;
    assert_int_equal(hgh_field_table_check(&description, NULL), HG_ERR_INVALID);
    description.fields = NULL;
    assert_int_equal(hgh_field_table_check(&description, NULL), HG_ERR_INVALID);
}

/* A plugin of an older SDK, whose fields ended before `schema` and `names`; and of a newer one. */
static void fields_of_other_lengths_are_read(void **state)
{
    static const size_t strides[] = {offsetof(hg_field, schema), sizeof(hg_field) + 64};
    static const hg_field fields[] = {
        HG_INT(small_config, number, "n", .initial = "5"),
        HG_STRING(small_config, text, "t", .initial = "x"),
        HG_FIELDS_END,
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(strides); i++) {
        max_align_t *memory = calloc(ARRAY_SIZE(fields), strides[i]);
        size_t length = strides[i] < sizeof(hg_field) ? strides[i] : sizeof(hg_field);
        hg_config_description description = full;
        json_t *value = parsed("{\"t\":\"abc\"}");
        hg_issues issues = {0};
        const small_config *config;
        hgh_decoded *made;

        assert_non_null(memory);
        for (size_t at = 0; at < ARRAY_SIZE(fields); at++) {
            memcpy((char *)memory + at * strides[i], &fields[at], length);
        }
        description.fields = (const hg_field *)(const void *)memory;
        description.field_size = (uint32_t)strides[i];
        description.state_size = sizeof(small_config);
        made = decoded(&description, value, &issues);
        assert_non_null(made);
        config = hgh_decoded_state(made);
        assert_int_equal(config->number, 5);
        assert_string_equal(config->text.data, "abc");
        hgh_decoded_free(made);
        json_decref(value);
        free(memory);
    }
}

static void unknown_fields_come_with_the_nearest_name(void **state)
{
    json_t *value = parsed("{\"cuont\":1,\"nodes\":[{\"host\":\"h\",\"wieght\":1}],\"inner\":{"
                           "\"zzz\":1},\"labels\":{\"any\":\"x\"},\"extra\":{\"any\":1}}");
    hg_issues issues = {0};

    (void)state;
    hgh_field_table_unknown(&full, value, "/p", &issues);
    assert_int_equal(issues.count, 3);
    assert_string_equal(issues.items[0].pointer, "/p/cuont");
    assert_string_equal(issues.items[0].found, "an unknown field");
    assert_true(strncmp(issues.items[0].wanted, "one of \"count\", \"enabled\", ", 27) == 0);
    assert_string_equal(issues.items[1].pointer, "/p/nodes/0/wieght");
    assert_string_equal(issues.items[1].wanted, "one of \"weight\", \"host\", \"scheme\"");
    assert_string_equal(issues.items[2].pointer, "/p/inner/zzz");
    assert_string_equal(issues.items[2].wanted, "one of \"timeout\", \"mode\", \"password\"");
    hgh_issues_done(&issues);
    json_decref(value);
}

static void redacted_copies_have_no_secrets(void **state)
{
    static const char *const cases[][2] = {
        {"{\"count\":1,\"secret\":\"s\"}", "{\"count\":1,\"secret\":\"***\"}"},
        {"{\"secret\":{\"in\":\"s\"}}", "{\"secret\":\"***\"}"},
        {"{\"secret\":null}", "{\"secret\":null}"},
        {"{\"inner\":{\"password\":\"s\",\"mode\":\"a\"}}",
         "{\"inner\":{\"password\":\"***\",\"mode\":\"a\"}}"},
        {"{\"inner\":[{\"password\":\"s\"}]}", "{\"inner\":[{\"password\":\"***\"}]}"},
        {"{\"nodes\":[{\"host\":\"h\"}],\"other\":[1]}",
         "{\"nodes\":[{\"host\":\"h\"}],\"other\":[1]}"},
        {"[1]", "[1]"},
        {"\"x\"", "\"x\""},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        json_t *value = parsed(cases[i][0]);
        json_t *wanted = parsed(cases[i][1]);
        json_t *found = hgh_field_table_redact(&full, value);

        if (!json_equal(found, wanted)) {
            char *text = json_dumps(found, JSON_COMPACT | JSON_ENCODE_ANY);

            fail_msg("%s: got %s", cases[i][0], text);
        }
        json_decref(found);
        json_decref(wanted);
        json_decref(value);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_whole_configuration_is_decoded),
        cmocka_unit_test(what_is_left_out_has_its_initial_value),
        cmocka_unit_test(wrong_values_are_found_in_their_place),
        cmocka_unit_test(values_of_any_type_are_survived),
        cmocka_unit_test(long_lists_are_decoded),
        cmocka_unit_test(findings_of_decoding_are_collected_at_once),
        cmocka_unit_test(the_schema_says_what_the_table_says),
        cmocka_unit_test(rules_hold_together),
        cmocka_unit_test(check_finds_what_an_author_writes_wrong),
        cmocka_unit_test(check_judges_the_description_too),
        cmocka_unit_test(fields_of_other_lengths_are_read),
        cmocka_unit_test(unknown_fields_come_with_the_nearest_name),
        cmocka_unit_test(redacted_copies_have_no_secrets),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
