/* tests/unit/cli/test_plugin_page.c - a page says all that a plugin says of itself. */
#include <stdio.h>
#include <stdlib.h>

#include "host/cli/plugin_page.h"
#include "tests/unit/unit.h"

#define PAGE_MAX (8u << 20)
#define COLUMNS  4u
#define HEAD     "| Attribute | Type | Default | Meaning |\n| --- | --- | --- | --- |\n"

static json_t *parsed(const char *text)
{
    json_error_t err;
    json_t *value = json_loads(text, JSON_DECODE_ANY, &err);

    if (value == NULL) {
        fail_msg("%s: %s", text, err.text);
    }
    return value;
}

/* The page of a description; the caller frees it. Takes the reference. */
static char *page_of(json_t *description)
{
    hgh_text_builder out = {.max = PAGE_MAX};
    char *text;

    hgh_plugin_page_write(&out, description);
    assert_false(out.is_cut);
    text = strdup(hgh_text_builder_string(&out));
    hgh_text_builder_done(&out);
    json_decref(description);
    return text;
}

/* The rows and rules of a schema, without what stands before them. */
static char *table_of(const char *schema)
{
    char *page = page_of(json_pack("{s:o}", "schema", parsed(schema)));
    char *begin = strstr(page, "\nConfiguration:");
    char *table;

    assert_non_null(begin);
    table = strdup(begin + strlen("\nConfiguration:"));
    free(page);
    return table;
}

static void a_page_tells_all_descriptions(void **state)
{
    static const char description[] =
        "{\"name\": \"door\", \"priority\": 2500, \"phases\": [\"rewrite\", \"access\", "
        "\"header_filter\"], \"flags\": [\"auth\", \"waits\", \"prefer_route\", \"strict\"],"
        " \"schema\": {\"properties\": {\"realm\": {\"type\": \"string\", \"default\": \"key\","
        "  \"description\": \"What `401` says.\", \"examples\": [\"staff\", \"guests\"]}}},"
        " \"consumer_schema\": {\"properties\": {\"key\": {\"type\": \"string\", \"writeOnly\":"
        "  true}}, \"required\": [\"key\"]}, \"key\": \"key\","
        " \"metadata_schema\": {\"properties\": {\"a\": {}}},"
        " \"attributes_schema\": {\"properties\": {\"b\": {}}}, \"delegates\": \"list\","
        " \"metrics\": [{\"name\": \"visits\", \"kind\": \"counter\", \"labels\": [\"method\","
        "  \"host\"], \"summary\": \"Visits | of all.\"}, {\"name\": \"live\", \"kind\": \"gauge\","
        "  \"labels\": []}]}";
    char *page = page_of(parsed(description));

    (void)state;
    assert_string_equal(
        page,
        "Priority 2500, phases rewrite, access and header_filter. It identifies consumers. It may "
        "let requests wait. On a route it takes the place of itself in global rules. Attributes "
        "that are not listed are refused.\n"
        "\n"
        "Configuration on a route, a service, a plugin config or a global rule:\n"
        "\n" HEAD "| `realm` | string | `\"key\"` | What `401` says. Example: `\"staff\"` |\n"
        "\n"
        "`list` holds configurations of other plugins, which are judged as theirs.\n"
        "\n"
        "Configuration on a consumer or a credential:\n"
        "\n" HEAD "| `key` | string, secret, required | | |\n"
        "\n"
        "The consumer is found by its `key`.\n"
        "\n"
        "Metadata, `plugin_metadata/door`:\n"
        "\n" HEAD "| `a` | any value | | |\n"
        "\n"
        "In `config.yaml`, `plugin_attr.door`:\n"
        "\n" HEAD "| `b` | any value | | |\n"
        "\n"
        "Metrics:\n"
        "\n"
        "| Metric | Kind | Labels | Meaning |\n"
        "| --- | --- | --- | --- |\n"
        "| `visits` | counter | `method`, `host` | Visits \\| of all. |\n"
        "| `live` | gauge | | |\n");
    free(page);
}

static void a_plugin_without_attributes_says_so(void **state)
{
    char *page = page_of(parsed("{\"priority\": -5, \"phases\": [\"log\"], \"flags\": [],"
                                " \"schema\": {\"type\": \"object\", \"properties\": {}}}"));

    (void)state;
    assert_string_equal(page, "Priority -5, phase log.\n\nConfiguration: any object.\n");
    free(page);
    page = page_of(parsed("{\"phases\": [], \"schema\": {\"additionalProperties\": false}}"));
    assert_string_equal(page, "Priority 0, no phases.\n\nConfiguration: an empty object.\n\n"
                              "Other attributes are refused.\n");
    free(page);
}

static void every_member_at_every_depth_has_a_row(void **state)
{
    static const struct {
        const char *label;
        const char *schema;
        const char *table;
    } cases[] = {
        {"nested objects",
         "{\"properties\": {\"a\": {\"type\": \"object\", \"required\": [\"b\"], \"properties\": {"
         "\"b\": {\"type\": \"object\", \"properties\": {\"c\": {\"const\": 1}}}}}}}",
         "| `a` | object | | |\n| `a.b` | object, required | | |\n| `a.b.c` | `1` | | |\n"},
        {"elements",
         "{\"properties\": {\"rules\": {\"type\": \"array\", \"items\": {\"type\": \"object\","
         " \"properties\": {\"count\": {\"type\": \"integer\"}}, \"required\": [\"count\"]}}}}",
         "| `rules` | array of objects | | |\n| `rules[].count` | integer, required | | |\n"},
        {"elements with a meaning",
         "{\"properties\": {\"names\": {\"type\": \"array\", \"items\": {\"type\": \"string\","
         " \"minLength\": 1, \"description\": \"A name.\"}}}}",
         "| `names` | array | | |\n| `names[]` | string, not empty | | A name. |\n"},
        {"values of a map",
         "{\"properties\": {\"headers\": {\"type\": \"object\", \"additionalProperties\": "
         "{\"type\": [\"string\", \"number\"], \"description\": \"Its value.\"}}}}",
         "| `headers` | object | | |\n| `headers.*` | string or number | | Its value. |\n"},
        {"objects of a map",
         "{\"properties\": {\"m\": {\"additionalProperties\": {\"type\": \"object\","
         " \"properties\": {\"x\": {\"const\": 1}}}}}}",
         "| `m` | any value | | |\n| `m.*` | object | | |\n| `m.*.x` | `1` | | |\n"},
        {"maps with a title",
         "{\"properties\": {\"m\": {\"title\": \"weights\", \"additionalProperties\": {\"type\":"
         " \"integer\"}}, \"n\": {\"title\": \"names\", \"additionalProperties\": {\"type\":"
         " \"string\", \"description\": \"A name.\"}}}}",
         "| `m` | weights | | |\n| `n` | names | | |\n| `n.*` | string | | A name. |\n"},
        {"a map at the root", "{\"additionalProperties\": {\"type\": \"integer\"}}",
         "| `*` | integer | | |\n"},
        {"names by pattern",
         "{\"patternProperties\": {\"^x-\": {\"type\": \"string\"}}, \"properties\": {\"a\": "
         "{\"patternProperties\": {\"a|b\": {\"const\": 1}}}}}",
         "| `a` | any value | | |\n| `a./a\\|b/` | `1` | | |\n| `/^x-/` | string | | |\n"},
        {"a tuple",
         "{\"properties\": {\"a\": {\"type\": \"array\", \"items\": [{\"type\": \"string\","
         " \"description\": \"First.\"}, {\"properties\": {\"b\": {\"const\": 1}}}]}}}",
         "| `a` | array; in this order: string; any value | | |\n"
         "| `a[0]` | string | | First. |\n| `a[1].b` | `1` | | |\n"},
        {"alternatives",
         "{\"properties\": {\"a\": {\"description\": \"All.\", \"anyOf\": [{\"type\": \"string\","
         " \"description\": \"Text.\"}, {\"type\": \"object\", \"required\": [\"b\"],"
         " \"properties\": {\"b\": {\"const\": 1}}}, {\"type\": \"object\", \"required\": [\"b\"],"
         " \"properties\": {\"b\": {\"const\": 1}, \"c\": {\"const\": 2}}}]}}}",
         "| `a` | string; or object; or object | | All. Text. |\n| `a.b` | `1`, required | | |\n"
         "| `a.c` | `2` | | |\n"},
        {"required of several parts",
         "{\"properties\": {\"a\": {\"anyOf\": [{\"type\": \"integer\"}, {\"type\": \"string\"}]}},"
         " \"required\": [\"a\"]}",
         "| `a` | integer; or string; required | | |\n"},
        {"references",
         "{\"definitions\": {\"t\": {\"type\": \"integer\", \"default\": 5, \"description\":"
         " \"Of t.\"}}, \"properties\": {\"a\": {\"$ref\": \"#/definitions/t\"}, \"b\": "
         "{\"$ref\": \"#/definitions/t\", \"description\": \"Own.\"}}}",
         "| `a` | integer | `5` | Of t. |\n| `b` | integer | `5` | Own. |\n"},
        {"a reference that leads back",
         "{\"properties\": {\"tree\": {\"type\": \"object\", \"properties\": {\"left\": {\"$ref\":"
         " \"#/properties/tree\"}, \"all\": {\"$ref\": \"#\"}}}}}",
         "| `tree` | object | | |\n| `tree.left` | object | | |\n"
         "| `tree.all` | any value | | |\n"},
        {"APISIX's list of secrets",
         "{\"encrypt_fields\": [\"a.b\"], \"properties\": {\"a\": {\"properties\": {\"b\": "
         "{\"type\": \"string\"}, \"c\": {\"type\": \"string\"}}}}}",
         "| `a` | any value | | |\n| `a.b` | string, secret | | |\n| `a.c` | string | | |\n"},
        {"rules at each depth",
         "{\"properties\": {\"a\": {\"type\": \"object\", \"oneOf\": [{\"required\": [\"b\"]},"
         " {\"required\": [\"c\"]}]}}, \"not\": {\"required\": [\"d\"]}}",
         "| `a` | object | | |\n\nIn `a`: exactly one of `b` and `c` is given. `d` cannot be given."
         "\n"},
        {"alternatives at the root",
         "{\"oneOf\": [{\"properties\": {\"a\": {\"const\": 1}}}, {\"properties\": {\"b\": "
         "{\"const\": 2}}}]}",
         "| `a` | `1` | | |\n| `b` | `2` | | |\n\nExactly one of these holds: "
         "`{\"properties\": {\"a\": {\"const\": 1}}}`; `{\"properties\": {\"b\": {\"const\": "
         "2}}}`.\n"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char *table = table_of(cases[i].schema);

        if (strncmp(table, "\n\n" HEAD, strlen("\n\n" HEAD)) != 0 ||
            strcmp(table + strlen("\n\n" HEAD), cases[i].table) != 0) {
            fail_msg("%s: got %s", cases[i].label, table);
        }
        free(table);
    }
}

/* Pipes that part cells: those behind an even number of backslashes. */
static size_t count_of_cells(const char *row, size_t length)
{
    size_t pipes = 0;

    for (size_t i = 0; i < length; i++) {
        if (row[i] == '\\') {
            i++;
        } else if (row[i] == '|') {
            pipes++;
        }
    }
    return pipes - 1;
}

static void hostile_texts_stay_in_their_cells(void **state)
{
    static const char *const texts[] = {
        "a | b || c",
        "a\nb\n\n| c | d | e | f |\n\n# heading",
        "\\| \\\\| \\\\\\|",
        "` | ` | `` | ``` |",
        "```\ncode\n```",
        "<!-- hotgate doc: end -->\n<!-- hotgate doc: begin -->",
        "<script>alert(1)</script> [a](javascript:b) ![c](d)",
        "\x1b[31m\x07\x08\r\t",
        "`",
        "\\",
        "|",
        "\n",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        json_t *member = json_pack("{s:s, s:s, s:s, s:[s, s], s:s, s:[s]}", "description", texts[i],
                                   "default", texts[i], "pattern", texts[i], "enum", texts[i],
                                   texts[i], "title", texts[i], "examples", texts[i]);
        json_t *schema = json_pack("{s:{s:o}, s:[{s:[s]}, {s:[s]}], s:{s:[s]}}", "properties",
                                   texts[i], member, "anyOf", "required", texts[i], "required",
                                   texts[i], "dependencies", texts[i], texts[i]);
        char *page = page_of(
            json_pack("{s:s, s:[s], s:O, s:O, s:O, s:O, s:s, s:s}", "name", texts[i], "phases",
                      texts[i], "schema", schema, "consumer_schema", schema, "metadata_schema",
                      schema, "attributes_schema", schema, "key", texts[i], "delegates", texts[i]));
        size_t rows = 0;
        size_t lines = 0;

        for (const char *line = page; *line != '\0'; lines++) {
            size_t length = strcspn(line, "\n");

            if (line[0] == '|') {
                rows++;
                if (count_of_cells(line, length) != COLUMNS || line[length - 1] != '|') {
                    fail_msg("%s: got %.*s", texts[i], (int)length, line);
                }
            }
            for (size_t j = 0; j < length; j++) {
                assert_true((unsigned char)line[j] >= 0x20 && line[j] != 0x7f);
            }
            line += length + 1;
        }
        if (rows != 4 * 3 || lines != 1 + 4 * 8) { /* four tables: head, its line, one row */
            fail_msg("%s: %zu rows in %zu lines: %s", texts[i], rows, lines, page);
        }
        free(page);
        json_decref(schema);
    }
}

static void what_is_no_description_does_no_harm(void **state)
{
    static const char *const descriptions[] = {
        "{}",
        "{\"schema\": 5, \"phases\": {}, \"flags\": \"auth\", \"priority\": \"high\"}",
        "{\"schema\": [], \"consumer_schema\": true, \"metadata_schema\": null,"
        " \"attributes_schema\": \"a\", \"metrics\": [5, {}, {\"name\": 5, \"labels\": [5]}]}",
        "{\"schema\": {\"properties\": {\"a\": 5, \"b\": [], \"c\": null}, \"required\": [5],"
        " \"encrypt_fields\": [5], \"items\": [5], \"anyOf\": [5], \"allOf\": [null]}}",
        "{\"schema\": {\"properties\": []}, \"key\": 5, \"delegates\": {}, \"flags\": [5]}",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(descriptions); i++) {
        char *page = page_of(parsed(descriptions[i]));

        if (strncmp(page, "Priority 0, ", strlen("Priority 0, ")) != 0) {
            fail_msg("%s: got %s", descriptions[i], page);
        }
        free(page);
    }
}

/* {"properties": {"a": {"$ref": next}, "b": {"$ref": next}}}, again and again. */
static json_t *doubling_schema(int steps)
{
    json_t *definitions = json_object();

    for (int step = 0; step < steps; step++) {
        char name[16];

        (void)snprintf(name, sizeof(name), "s%d", step);
        assert_int_equal(
            json_object_set_new(definitions, name,
                                json_pack("{s:{s:{s:o}, s:{s:o}}}", "properties", "a", "$ref",
                                          json_sprintf("#/definitions/s%d", step + 1), "b", "$ref",
                                          json_sprintf("#/definitions/s%d", step + 1))),
            0);
    }
    return json_pack("{s:s, s:o}", "$ref", "#/definitions/s0", "definitions", definitions);
}

static void too_much_is_no_page(void **state)
{
    hgh_text_builder out = {.max = PAGE_MAX};
    json_t *description = json_pack("{s:o}", "schema", doubling_schema(20));

    (void)state;
    hgh_plugin_page_write(&out, description);
    assert_true(out.is_cut);
    hgh_text_builder_done(&out);
    json_decref(description);

    out = (hgh_text_builder){.max = 100};
    description = json_pack("{s:{s:{s:{s:s}}}}", "schema", "properties", "a", "description",
                            "Is longer than there is room.");
    hgh_plugin_page_write(&out, description);
    assert_true(out.is_cut);
    hgh_text_builder_done(&out);
    json_decref(description);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_page_tells_all_descriptions),
        cmocka_unit_test(a_plugin_without_attributes_says_so),
        cmocka_unit_test(every_member_at_every_depth_has_a_row),
        cmocka_unit_test(hostile_texts_stay_in_their_cells),
        cmocka_unit_test(what_is_no_description_does_no_harm),
        cmocka_unit_test(too_much_is_no_page),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
