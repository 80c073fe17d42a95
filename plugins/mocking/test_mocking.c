/* test_mocking.c - what is answered without an upstream. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hotgate/test_cmocka.h>

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

static void an_example_is_the_body(void **state)
{
    static const struct {
        const char *label;
        const char *config;
        uint32_t status;
        const char *type;
        const char *body;
    } cases[] = {
        {"defaults", "{\"response_example\": \"{}\"}", 200, "application/json;charset=utf8", "{}"},
        {"variables", "{\"response_example\": \"$uri ${arg_a ?? b}\"}", 200,
         "application/json;charset=utf8", "/x b"},
        {"empty", "{\"response_example\": \"\"}", 200, "application/json;charset=utf8", ""},
        {"status", "{\"response_example\": \"x\", \"response_status\": 503}", 503,
         "application/json;charset=utf8", "x"},
        {"lowest status", "{\"response_example\": \"x\", \"response_status\": 200}", 200,
         "application/json;charset=utf8", "x"},
        {"highest status", "{\"response_example\": \"x\", \"response_status\": 599}", 599,
         "application/json;charset=utf8", "x"},
        {"beyond ASCII", "{\"response_example\": \"\\u20ac\"}", 200,
         "application/json;charset=utf8", "\xe2\x82\xac"},
        {"odd bytes", "{\"response_example\": \"<$arg_o>\"}", 200, "application/json;charset=utf8",
         "<\xff\r\n>"},
        {"a variable without a value", "{\"response_example\": \"<$arg_a>\"}", 200,
         "application/json;charset=utf8", "<>"},
        {"type in capitals", "{\"response_example\": \"x\", \"content_type\": \"TEXT/Plain\"}", 200,
         "TEXT/Plain", "x"},
        {"type with a blank behind",
         "{\"response_example\": \"x\", \"content_type\": \"application/json a\"}", 200,
         "application/json a", "x"},
        {"another body for a refusal",
         "{\"response_example\": \"x\", \"response_status\": 404,"
         " \"_meta\": {\"error_response\": {\"a\": 1}}}",
         404, "application/json", "{\"a\":1}\n"},
        {"not below 400",
         "{\"response_example\": \"x\", \"response_status\": 399,"
         " \"_meta\": {\"error_response\": {\"a\": 1}}}",
         399, "application/json;charset=utf8", "x"},
        {"plain", "{\"response_example\": \"x\", \"content_type\": \"text/plain\"}", 200,
         "text/plain", "x"},
        {"html", "{\"response_example\": \"x\", \"content_type\": \"text/html; charset=a\"}", 200,
         "text/html; charset=a", "x"},
        {"xml", "{\"response_example\": \"<a/>\", \"content_type\": \"application/xml\"}", 200,
         "application/xml", "<a/>"},
        {"other xml", "{\"response_example\": \"<a/>\", \"content_type\": \"text/xml\"}", 200,
         "text/xml", "<a/>"},
        {"before a schema", "{\"response_example\": \"x\", \"response_schema\": {}}", 200,
         "application/json;charset=utf8", "x"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        hg_test_request request = {.uri = "/x?o=%ff%0d%0a"};
        const hg_test_exchange *exchange = hg_test_run(*state, cases[i].config, &request);

        if (exchange->status != cases[i].status || strcmp(exchange->body, cases[i].body) != 0 ||
            exchange->tries != 0 ||
            strcmp(hg_test_header(*state, exchange, "Content-Type"), cases[i].type) != 0 ||
            strcmp(hg_test_header(*state, exchange, "x-mock-by"), "APISIX/3.18.0") != 0) {
            fail_msg("%s: got %u %s", cases[i].label, exchange->status, exchange->body);
        }
    }
}

static void headers_are_added(void **state)
{
    static const struct {
        const char *label;
        const char *options;
        const char *name;
        const char *value; /* NULL: none */
    } cases[] = {
        {"by default", "", "x-mock-by", "APISIX/3.18.0"},
        {"as told", ", \"with_mock_header\": true", "x-mock-by", "APISIX/3.18.0"},
        {"not told", ", \"with_mock_header\": false", "x-mock-by", NULL},
        {"variable", ", \"response_headers\": {\"X-A\": \"$remote_addr\"}", "X-A", "127.0.0.1"},
        {"integer", ", \"response_headers\": {\"X-A\": 7}", "X-A", "7"},
        {"the greatest integer", ", \"response_headers\": {\"X-A\": 9223372036854775807}", "X-A",
         "9223372036854775807"},
        {"fraction", ", \"response_headers\": {\"X-A\": 0.5}", "X-A", "0.5"},
        {"empty", ", \"response_headers\": {\"X-A\": \"\"}", "X-A", ""},
        {"beyond ASCII", ", \"response_headers\": {\"X-A\": \"\\u20ac\"}", "X-A", "\xe2\x82\xac"},
        {"no UTF-8", ", \"response_headers\": {\"X-A\": \"$arg_b\"}", "X-A", "\xff"},
        {"line break", ", \"response_headers\": {\"X-A\": \"$arg_a\"}", "X-A", NULL},
        {"the second of two", ", \"response_headers\": {\"X-A\": \"a\", \"X-B\": \"b\"}", "X-B",
         "b"},
        {"in the place of the type", ", \"response_headers\": {\"Content-Type\": \"text/css\"}",
         "Content-Type", "text/css"},
        {"in the place of the mark", ", \"response_headers\": {\"X-Mock-By\": \"me\"}", "x-mock-by",
         "me"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        hg_test_request request = {.uri = "/?a=%0a&b=%ff"};
        char config[256];
        const char *found;

        (void)snprintf(config, sizeof(config), "{\"response_example\": \"x\"%s}", cases[i].options);
        found = hg_test_header(*state, hg_test_run(*state, config, &request), cases[i].name);
        if (found == NULL || cases[i].value == NULL ? found != cases[i].value
                                                    : strcmp(found, cases[i].value) != 0) {
            fail_msg("%s: got %s", cases[i].label, found);
        }
    }
    assert_int_equal(
        hg_test_log_count(*state, HG_LOG_WARN, "header X-A has a value that cannot be sent"), 1);
}

static void an_answer_can_take_its_time(void **state)
{
    static const struct {
        const char *config;
        uint64_t delay_ms;
    } cases[] = {
        {"{\"response_example\": \"x\"}", 0},
        {"{\"response_example\": \"x\", \"delay\": 0}", 0},
        {"{\"response_example\": \"x\", \"delay\": 1}", 1000},
        {"{\"response_schema\": {}, \"delay\": 86400}", 86400000},
    };
    const hg_test_exchange *waiting;

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        uint64_t before_ms = hg_test_now_ms(*state);
        const hg_test_exchange *got = hg_test_run(*state, cases[i].config, NULL);

        assert_int_equal(got->status, 200);
        assert_int_equal(got->tries, 0);
        assert_int_equal(hg_test_now_ms(*state) - before_ms, cases[i].delay_ms);
    }
    waiting = hg_test_begin(*state, &(hg_test_request){.uri = "/"});
    assert_false(waiting->ended);
    hg_test_cancel(*state, waiting);
    assert_int_equal(waiting->status, 499);
}

/* Each property of what is made up, judged by its own value. */
static void a_body_is_made_up_from_a_schema(void **state)
{
    static const char config[] =
        "{\"response_schema\": {\"type\": \"object\", \"properties\": {"
        "\"s\": {\"type\": \"string\"},"
        "\"s5\": {\"type\": \"string\", \"minLength\": 5, \"maxLength\": 5},"
        "\"s20\": {\"type\": \"string\", \"minLength\": 20},"
        "\"i\": {\"type\": \"integer\"},"
        "\"i3\": {\"type\": \"integer\", \"minimum\": 3, \"maximum\": 4},"
        "\"i8\": {\"type\": \"integer\", \"exclusiveMinimum\": 7, \"exclusiveMaximum\": 9},"
        "\"n\": {\"type\": \"number\", \"maximum\": -1},"
        "\"b\": {\"type\": \"boolean\"},"
        "\"z\": {\"type\": \"null\"},"
        "\"e\": {\"type\": \"string\", \"example\": \"given\"},"
        "\"c\": {\"const\": 7},"
        "\"d\": {\"default\": [1]},"
        "\"x\": {\"enum\": [\"p\", \"q\"]},"
        "\"a\": {\"type\": \"array\", \"items\": {\"type\": \"integer\"}},"
        "\"a4\": {\"items\": {}, \"minItems\": 4},"
        "\"t\": {\"type\": [\"boolean\", \"null\"]},"
        "\"o\": {\"properties\": {\"u\": {}}}}}}";
    const char *required[] = {"s", "s5", "s20", "i", "i3", "i8", "n", "b", "z",
                              "e", "c",  "d",   "x", "a",  "a4", "t", "o"};

    (void)hg_test_run(*state, config, NULL);
    for (int round = 0; round < 200; round++) {
        json_t *body = json_loads(hg_test_get(*state, "/")->body, 0, NULL);
        const char *text;

        assert_int_equal(json_object_size(body), ARRAY_SIZE(required));
        for (size_t i = 0; i < ARRAY_SIZE(required); i++) {
            assert_non_null(json_object_get(body, required[i]));
        }
        assert_in_range(json_string_length(json_object_get(body, "s")), 1, 10);
        assert_int_equal(json_string_length(json_object_get(body, "s5")), 5);
        assert_true(json_string_length(json_object_get(body, "s20")) >= 20);
        assert_true(json_is_integer(json_object_get(body, "i")));
        assert_in_range(json_integer_value(json_object_get(body, "i3")), 3, 4);
        assert_int_equal(json_integer_value(json_object_get(body, "i8")), 8);
        assert_true(json_real_value(json_object_get(body, "n")) <= -1);
        assert_true(json_is_boolean(json_object_get(body, "b")));
        assert_true(json_is_null(json_object_get(body, "z")));
        assert_string_equal(json_string_value(json_object_get(body, "e")), "given");
        assert_int_equal(json_integer_value(json_object_get(body, "c")), 7);
        assert_int_equal(json_array_size(json_object_get(body, "d")), 1);
        text = json_string_value(json_object_get(body, "x"));
        assert_true(strcmp(text, "p") == 0 || strcmp(text, "q") == 0);
        assert_in_range(json_array_size(json_object_get(body, "a")), 1, 3);
        assert_true(json_array_size(json_object_get(body, "a4")) >= 4);
        assert_true(json_is_boolean(json_object_get(body, "t")));
        assert_true(json_is_string(json_object_get(json_object_get(body, "o"), "u")));
        json_decref(body);
    }
}

/* One schema at a time, many values: all within the limits, and at both ends where it says so. */
static void numbers_keep_to_their_limits(void **state)
{
    static const struct {
        const char *label;
        const char *model;
        double least;
        double most;
        bool is_integer;
        bool meets_ends; /* the least and the most come up */
    } cases[] = {
        {"integer", "\"type\": \"integer\"", 0, 1000, true, false},
        {"from", "\"type\": \"integer\", \"minimum\": 5", 5, 1005, true, false},
        {"up to", "\"type\": \"integer\", \"maximum\": 5", 0, 5, true, false},
        {"up to 0", "\"type\": \"integer\", \"maximum\": 0", -1000, 0, true, false},
        {"below 0", "\"type\": \"integer\", \"exclusiveMaximum\": 0", -1000, -1, true, false},
        {"just below 0", "\"type\": \"integer\", \"minimum\": -1, \"exclusiveMaximum\": 0", -1, -1,
         true, true},
        {"one", "\"type\": \"integer\", \"minimum\": 3, \"maximum\": 3", 3, 3, true, true},
        {"two", "\"type\": \"integer\", \"exclusiveMinimum\": 3, \"exclusiveMaximum\": 6", 4, 5,
         true, true},
        {"above, up to", "\"type\": \"integer\", \"exclusiveMinimum\": 1, \"maximum\": 2", 2, 2,
         true, true},
        {"from, below", "\"type\": \"integer\", \"minimum\": 1, \"exclusiveMaximum\": 2", 1, 1,
         true, true},
        {"above its minimum",
         "\"type\": \"integer\", \"minimum\": 3, \"exclusiveMinimum\": 3, \"maximum\": 4", 4, 4,
         true, true},
        {"between halves", "\"type\": \"integer\", \"minimum\": 0.5, \"maximum\": 1.5", 1, 1, true,
         true},
        {"between halves below 0", "\"type\": \"integer\", \"minimum\": -1.5, \"maximum\": -0.5",
         -1, -1, true, true},
        {"around 0", "\"type\": \"integer\", \"minimum\": -1, \"maximum\": 1.5", -1, 1, true,
         false},
        {"far below 0", "\"type\": \"integer\", \"maximum\": -5000", -6000, -5000, true, false},
        {"beyond what is exact", "\"type\": \"integer\", \"minimum\": 9223372036854775806", 9.2e18,
         9.3e18, true, false},
        {"below what is exact", "\"type\": \"integer\", \"maximum\": -9223372036854775807", -9.3e18,
         -9.2e18, true, false},
        {"number", "\"type\": \"number\"", 0, 1000, false, false},
        {"small number", "\"type\": \"number\", \"minimum\": 0.25, \"maximum\": 0.5", 0.25, 0.5,
         false, false},
        {"number up to a half", "\"type\": \"number\", \"maximum\": 0.5", 0, 0.5, false, false},
        {"number below 0", "\"type\": \"number\", \"exclusiveMaximum\": 0", -1000, -1e-9, false,
         false},
        {"number above", "\"type\": \"number\", \"exclusiveMinimum\": 7", 7 + 1e-9, 1007, false,
         false},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char config[256];
        bool least = false;
        bool most = false;

        (void)snprintf(config, sizeof(config), "{\"response_schema\": {%s}}", cases[i].model);
        (void)hg_test_run(*state, config, NULL);
        for (int round = 0; round < 300; round++) {
            const char *body = hg_test_get(*state, "/")->body;
            json_t *made = json_loads(body, JSON_DECODE_ANY, NULL);
            double value = json_number_value(made);

            if (made == NULL || json_is_integer(made) != cases[i].is_integer ||
                value < cases[i].least || value > cases[i].most) {
                fail_msg("%s: got %s", cases[i].label, body);
            }
            least |= value <= cases[i].least;
            most |= value >= cases[i].most;
            json_decref(made);
        }
        if (cases[i].meets_ends && (!least || !most)) {
            fail_msg("%s: an end never came up", cases[i].label);
        }
    }
}

/* Beyond 2 to the 53rd a double cannot tell neighbours apart. */
static void integers_beyond_doubles_are_right_to_the_digit(void **state)
{
    static const struct {
        const char *limits;
        const char *body;
    } cases[] = {
        {"\"minimum\": 9007199254740993, \"maximum\": 9007199254740993", "9007199254740993"},
        {"\"minimum\": -9007199254740993, \"maximum\": -9007199254740993", "-9007199254740993"},
        {"\"minimum\": 9223372036854775807", "9223372036854775807"},
        {"\"maximum\": -9223372036854775808", "-9223372036854775808"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char config[256];

        (void)snprintf(config, sizeof(config), "{\"response_schema\": {\"type\": \"integer\", %s}}",
                       cases[i].limits);
        (void)hg_test_run(*state, config, NULL);
        assert_string_equal(hg_test_get(*state, "/")->body, cases[i].body);
    }
}

/* The same of how long texts and lists are; each length of it comes up. */
static void lengths_keep_to_their_limits(void **state)
{
    static const struct {
        const char *label;
        const char *model;
        size_t least;
        size_t most;
    } cases[] = {
        {"text", "\"type\": \"string\"", 1, 10},
        {"text from", "\"type\": \"string\", \"minLength\": 9", 9, 10},
        {"text from further on", "\"type\": \"string\", \"minLength\": 20", 20, 20},
        {"text up to", "\"type\": \"string\", \"maxLength\": 2", 1, 2},
        {"text up to nothing", "\"type\": \"string\", \"maxLength\": 0", 0, 0},
        {"text within", "\"type\": \"string\", \"minLength\": 0, \"maxLength\": 1", 0, 1},
        {"the longest text", "\"type\": \"string\", \"minLength\": 1001", 1000, 1000},
        {"list", "\"type\": \"array\", \"items\": {}", 1, 3},
        {"list from", "\"items\": {}, \"minItems\": 2", 2, 3},
        {"list from further on", "\"items\": {}, \"minItems\": 5", 5, 5},
        {"list up to", "\"items\": {}, \"maxItems\": 2", 1, 2},
        {"list up to nothing", "\"items\": {}, \"maxItems\": 0", 0, 0},
        {"the longest list", "\"items\": {}, \"minItems\": 1001", 1000, 1000},
        {"list of nothing", "\"type\": \"array\"", 0, 0},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char config[256];
        bool seen[1001] = {false};

        (void)snprintf(config, sizeof(config), "{\"response_schema\": {%s}}", cases[i].model);
        (void)hg_test_run(*state, config, NULL);
        for (int round = 0; round < 300; round++) {
            json_t *made = json_loads(hg_test_get(*state, "/")->body, JSON_DECODE_ANY, NULL);
            size_t length = json_is_array(made) ? json_array_size(made) : json_string_length(made);

            assert_true(json_is_array(made) || json_is_string(made));
            if (length < cases[i].least || length > cases[i].most) {
                fail_msg("%s: %zu", cases[i].label, length);
            }
            seen[length] = true;
            json_decref(made);
        }
        for (size_t length = cases[i].least; length <= cases[i].most; length++) {
            if (!seen[length]) {
                fail_msg("%s: %zu never came up", cases[i].label, length);
            }
        }
    }
}

static void choices_all_come_up(void **state)
{
    static const struct {
        const char *label;
        const char *model;
        const char *values[54]; /* of the body, in JSON */
    } cases[] = {
        {"boolean", "\"type\": \"boolean\"", {"true", "false"}},
        {"enum", "\"enum\": [1, \"b\", null]", {"1", "\"b\"", "null"}},
        {"null", "\"type\": \"null\"", {"null"}},
        {"example before const",
         "\"default\": 3, \"const\": 2, \"example\": 1, \"enum\": [4]",
         {"1"}},
        {"const before default", "\"default\": 3, \"const\": 2, \"enum\": [4]", {"2"}},
        {"default before enum", "\"default\": 3, \"enum\": [4]", {"3"}},
        {"the first of several types", "\"type\": [\"null\", \"string\"]", {"null"}},
        {"letters",
         "\"type\": \"string\", \"maxLength\": 1",
         {"\"a\"", "\"b\"", "\"c\"", "\"d\"", "\"e\"", "\"f\"", "\"g\"", "\"h\"", "\"i\"",
          "\"j\"", "\"k\"", "\"l\"", "\"m\"", "\"n\"", "\"o\"", "\"p\"", "\"q\"", "\"r\"",
          "\"s\"", "\"t\"", "\"u\"", "\"v\"", "\"w\"", "\"x\"", "\"y\"", "\"z\"", "\"A\"",
          "\"B\"", "\"C\"", "\"D\"", "\"E\"", "\"F\"", "\"G\"", "\"H\"", "\"I\"", "\"J\"",
          "\"K\"", "\"L\"", "\"M\"", "\"N\"", "\"O\"", "\"P\"", "\"Q\"", "\"R\"", "\"S\"",
          "\"T\"", "\"U\"", "\"V\"", "\"W\"", "\"X\"", "\"Y\"", "\"Z\""}},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char config[256];
        bool seen[54] = {false};

        (void)snprintf(config, sizeof(config), "{\"response_schema\": {%s}}", cases[i].model);
        (void)hg_test_run(*state, config, NULL);
        for (int round = 0; round < 2000; round++) {
            const char *body = hg_test_get(*state, "/")->body;
            size_t which = 0;

            while (cases[i].values[which] != NULL && strcmp(cases[i].values[which], body) != 0) {
                which++;
            }
            if (cases[i].values[which] == NULL) {
                fail_msg("%s: got %s", cases[i].label, body);
            }
            seen[which] = true;
        }
        for (size_t which = 0; cases[i].values[which] != NULL; which++) {
            if (!seen[which]) {
                fail_msg("%s: %s never came up", cases[i].label, cases[i].values[which]);
            }
        }
    }
}

/* How deep a body is; its values are counted too. */
static size_t depth_of(const json_t *value, size_t *count)
{
    size_t deepest = 0;

    (*count)++;
    for (size_t i = 0; i < json_array_size(value); i++) {
        size_t depth = depth_of(json_array_get(value, i), count);

        deepest = depth > deepest ? depth : deepest;
    }
    return deepest + 1;
}

static void a_body_has_64_levels_and_10000_values_at_most(void **state)
{
    static const struct {
        const char *label;
        int levels; /* of lists */
        int items;  /* in each at least */
        const char *last;
        size_t depth;
        size_t count;
    } cases[] = {
        {"as deep as it may be", 64, 1, "{\"type\": \"null\"}", 65, 0},
        {"deeper", 65, 1, "{\"type\": \"null\"}", 65, 0},
        {"wide", 2, 200, "{}", 3, 10000},
        {"wide, of what is given", 2, 200, "{\"example\": 1}", 3, 10000},
        {"not so wide", 2, 99, "{}", 3, 1 + 99 + 99 * 99},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char config[8000] = "{\"response_schema\": ";
        size_t length = strlen(config);
        size_t count = 0;
        size_t depth;
        json_t *made;

        for (int k = 0; k < cases[i].levels; k++) {
            length += (size_t)snprintf(
                config + length, sizeof(config) - length,
                "{\"minItems\": %d, \"maxItems\": %d, \"items\": ", cases[i].items, cases[i].items);
        }
        length += (size_t)snprintf(config + length, sizeof(config) - length, "%s", cases[i].last);
        memset(config + length, '}', (size_t)cases[i].levels + 1);
        made = json_loads(hg_test_run(*state, config, NULL)->body, 0, NULL);
        depth = depth_of(made, &count);
        if (depth != cases[i].depth || (cases[i].count != 0 && count != cases[i].count)) {
            fail_msg("%s: %zu values in %zu levels", cases[i].label, count, depth);
        }
        json_decref(made);
    }
}

static void a_body_has_16_mib_at_most(void **state)
{
    static const char *const types[] = {"application/json", "text/xml"};

    for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
        for (int kib = 3; kib <= 5; kib += 2) { /* 5000 times that */
            static char config[8000];
            const hg_test_exchange *got;

            (void)snprintf(config, sizeof(config),
                           "{\"content_type\": \"%s\", \"response_schema\": {\"minItems\": 5,"
                           " \"maxItems\": 5, \"items\": {\"minItems\": 1000,"
                           " \"items\": {\"example\": \"%0*d\"}}}}",
                           types[i], kib * 1024, 0);
            got = hg_test_run(*state, config, NULL);
            if (kib == 3 ? got->status != 200 || got->body_length < 5000 * 3 * 1024
                         : got->status != 500 ||
                               strcmp(got->body,
                                      "{\"error_msg\":\"500 Internal Server Error\"}\n") != 0) {
                fail_msg("%s of %d KiB: got %u with %zu bytes", types[i], kib, got->status,
                         got->body_length);
            }
        }
    }
}

static void what_is_made_up_is_bounded(void **state)
{
    char config[8192] = "{\"response_schema\": ";
    size_t length = strlen(config);
    const hg_test_exchange *exchange;

    for (int i = 0; i < 60; i++) { /* two in each of two in each of ... */
        length += (size_t)snprintf(config + length, sizeof(config) - length,
                                   "{\"type\": \"array\", \"minItems\": 2, \"items\": ");
    }
    length += (size_t)snprintf(config + length, sizeof(config) - length, "{}");
    memset(config + length, '}', 61);
    exchange = hg_test_run(*state, config, NULL);
    assert_int_equal(exchange->status, 200);
    assert_in_range(exchange->body_length, 1000, 200000);
    exchange = hg_test_run(*state,
                           "{\"response_schema\": {\"minItems\": 100000, \"items\": {\"minItems\":"
                           " 100000, \"items\": {\"minLength\": 100000}}}}",
                           NULL);
    assert_int_equal(exchange->status, 200);
    assert_true(exchange->body_length < 12000000);
}

static void a_body_is_made_up_as_xml(void **state)
{
    const hg_test_exchange *exchange = hg_test_run(
        *state,
        "{\"content_type\": \"text/xml\", \"response_schema\": {\"properties\": {"
        "\"a b\": {\"const\": \"<1>&\"}, \"2\": {\"const\": 2}, \"n\": {\"const\": null},"
        " \"o\": {\"properties\": {\"i\": {\"const\": [true, 1.5]}}}}}}",
        NULL);

    assert_string_equal(exchange->body, "<data><a_b>&lt;1&gt;&amp;</a_b><_2>2</_2><n></n>"
                                        "<o><i>true</i><i>1.5</i></o></data>");
    assert_string_equal(hg_test_header(*state, exchange, "Content-Type"), "text/xml");
}

static void names_in_xml_are_names(void **state)
{
    static const struct {
        const char *name;
        const char *body;
    } cases[] = {
        {"azAZ_09-.", "<data><azAZ_09-.>1</azAZ_09-.></data>"},
        {"0", "<data><_0>1</_0></data>"},
        {"-a", "<data><_-a>1</_-a></data>"},
        {".a", "<data><_.a>1</_.a></data>"},
        {"", "<data><_>1</_></data>"},
        {"a:b/c", "<data><a_b_c>1</a_b_c></data>"},
        {"<>&", "<data><____>1</____></data>"},
        {"\\u20ac", "<data><____>1</____></data>"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char config[256];
        const hg_test_exchange *got;

        (void)snprintf(config, sizeof(config),
                       "{\"content_type\": \"application/xml\", \"response_schema\":"
                       " {\"properties\": {\"%s\": {\"const\": 1}}}}",
                       cases[i].name);
        got = hg_test_run(*state, config, NULL);
        if (strcmp(got->body, cases[i].body) != 0) {
            fail_msg("%s: got %s", cases[i].name, got->body);
        }
    }
}

static void every_field_is_told(void **state)
{
    static const hg_test_fact facts[] = {
        {"/priority", "10900"},
        {"/flags", "[\"waits\"]"},
        {"/phases", "[\"access\"]"},
        {"/schema", "{\"type\": \"object\", \"anyOf\": [{\"required\": [\"response_example\"]},"
                    " {\"required\": [\"response_schema\"]}]}"},
        {"/schema/properties/delay",
         "{\"type\": \"integer\", \"minimum\": 0, \"maximum\": 86400, \"default\": 0}"},
        {"/schema/properties/response_status",
         "{\"type\": \"integer\", \"minimum\": 200, \"maximum\": 599, \"default\": 200}"},
        {"/schema/properties/content_type",
         "{\"type\": \"string\", \"default\": \"application/json;charset=utf8\"}"},
        {"/schema/properties/response_example", "{\"type\": \"string\"}"},
        {"/schema/properties/response_schema", "{\"type\": \"object\"}"},
        {"/schema/properties/with_mock_header", "{\"type\": \"boolean\", \"default\": true}"},
        {"/schema/properties/response_headers",
         "{\"type\": \"object\", \"minProperties\": 1,"
         " \"additionalProperties\": {\"type\": [\"string\", \"number\"]}}"},
    };

    hg_test_expect_facts(*state, facts, ARRAY_SIZE(facts));
}

static void configurations_are_judged(void **state)
{
    static const hg_test_row rows[] = {
        {"nothing", "{}",
         "object matches none of the required: [\"response_example\"] or [\"response_schema\"]"},
        {"example alone", "{\"response_example\": \"\"}", NULL},
        {"schema alone", "{\"response_schema\": {}}", NULL},
        {"example of another type", "{\"response_example\": {}}",
         "property \"response_example\" validation failed: wrong type: expected string, got table"},
        {"broken example", "{\"response_example\": \"${\"}",
         "/plugins/mocking/response_example: found ${ without } at offset 0, wanted text with "
         "variables such as $remote_addr"},
        {"schema of another type", "{\"response_schema\": []}",
         "property \"response_schema\" validation failed: wrong type: expected object, got table"},
        {"broken schema", "{\"response_schema\": {\"type\": \"text\"}}",
         "/plugins/mocking/response_schema: found /type: found \"text\", wanted the name of a "
         "type, wanted a JSON Schema"},
        {"content_type", "{\"response_example\": \"\", \"content_type\": \"image/png\"}",
         "/plugins/mocking/content_type: found unsupported content type!, wanted application/xml, "
         "application/json, text/plain, text/html or text/xml"},
        {"part of a content_type",
         "{\"response_example\": \"\", \"content_type\": \"text/plainer\"}",
         "/plugins/mocking/content_type: found unsupported content type!, wanted application/xml, "
         "application/json, text/plain, text/html or text/xml"},
        {"line break in content_type",
         "{\"response_example\": \"\", \"content_type\": \"text/plain;\\na\"}",
         "/plugins/mocking/content_type: found a control character, wanted a media type"},
        {"DEL in content_type",
         "{\"response_example\": \"\", \"content_type\": \"text/xml;\\u007f\"}",
         "a control character"},
        {"content_type of another type", "{\"response_example\": \"\", \"content_type\": 1}",
         "property \"content_type\" validation failed: wrong type: expected string, got number"},
        {"empty content_type", "{\"response_example\": \"\", \"content_type\": \"\"}",
         "unsupported content type!"},
        {"part of a type", "{\"response_example\": \"\", \"content_type\": \"text/plai\"}",
         "unsupported content type!"},
        {"json", "{\"response_example\": \"\", \"content_type\": \"application/json\"}", NULL},
        {"xml", "{\"response_example\": \"\", \"content_type\": \"application/xml\"}", NULL},
        {"other xml", "{\"response_example\": \"\", \"content_type\": \"text/xml\"}", NULL},
        {"plain", "{\"response_example\": \"\", \"content_type\": \"text/plain\"}", NULL},
        {"html", "{\"response_example\": \"\", \"content_type\": \"text/html\"}", NULL},
        {"plain from a schema", "{\"response_schema\": {}, \"content_type\": \"text/plain\"}",
         NULL},
        {"html beside a schema",
         "{\"response_example\": \"\", \"response_schema\": {}, \"content_type\": \"text/html\"}",
         NULL},
        {"html from a schema", "{\"response_schema\": {}, \"content_type\": \"text/html\"}",
         "/plugins/mocking/content_type: found text/html, which a schema cannot describe, wanted "
         "JSON, XML or plain text"},
        {"delay 0", "{\"response_example\": \"\", \"delay\": 0}", NULL},
        {"delay 86400", "{\"response_example\": \"\", \"delay\": 86400}", NULL},
        {"delay as text", "{\"response_example\": \"\", \"delay\": \"1\"}",
         "property \"delay\" validation failed: wrong type: expected integer, got string"},
        {"status as text", "{\"response_example\": \"\", \"response_status\": \"200\"}",
         "property \"response_status\" validation failed: wrong type: expected integer, got "
         "string"},
        {"headers of another type", "{\"response_example\": \"\", \"response_headers\": []}",
         "property \"response_headers\" validation failed: wrong type: expected object, got table"},
        {"header of all that a name may have",
         "{\"response_example\": \"\", \"response_headers\": {\"!#$%&'*+-.^_`|~09AZaz\": \"\"}}",
         NULL},
        {"header without a name",
         "{\"response_example\": \"\", \"response_headers\": {\"\": \"a\"}}",
         "/plugins/mocking/response_headers/: found what is no name of a header field"},
        {"header with a slash",
         "{\"response_example\": \"\", \"response_headers\": {\"~/\": \"a\"}}",
         "/plugins/mocking/response_headers/~0~1: found what is no name of a header field"},
        {"delay -1", "{\"response_example\": \"\", \"delay\": -1}",
         "property \"delay\" validation failed: expected -1 to be at least 0"},
        {"delay 1.5", "{\"response_example\": \"\", \"delay\": 1.5}",
         "property \"delay\" validation failed: wrong type: expected integer, got number"},
        {"delay 86401", "{\"response_example\": \"\", \"delay\": 86401}",
         "property \"delay\" validation failed: expected 86401 to be at most 86400"},
        {"status 199", "{\"response_example\": \"\", \"response_status\": 199}",
         "property \"response_status\" validation failed: expected 199 to be at least 200"},
        {"status 200", "{\"response_example\": \"\", \"response_status\": 200}", NULL},
        {"status 599", "{\"response_example\": \"\", \"response_status\": 599}", NULL},
        {"status 600", "{\"response_example\": \"\", \"response_status\": 600}",
         "property \"response_status\" validation failed: expected 600 to be at most 599"},
        {"with_mock_header", "{\"response_example\": \"\", \"with_mock_header\": 1}",
         "property \"with_mock_header\" validation failed: wrong type: expected boolean, got "
         "number"},
        {"no headers", "{\"response_example\": \"\", \"response_headers\": {}}",
         "property \"response_headers\" validation failed: expect object to have at least 1 "
         "properties"},
        {"header value", "{\"response_example\": \"\", \"response_headers\": {\"A\": true}}",
         "property \"response_headers\" validation failed: failed to validate additional property "
         "A: wrong type: expected one of string, number, got boolean"},
        {"header name", "{\"response_example\": \"\", \"response_headers\": {\"A B\": \"\"}}",
         "/plugins/mocking/response_headers/A B: found what is no name of a header field, "
         "wanted a token"},
        {"broken header", "{\"response_example\": \"\", \"response_headers\": {\"A\": \"${\"}}",
         "/plugins/mocking/response_headers/A: found ${ without } at offset 0, wanted text with "
         "variables such as $remote_addr"},
    };

    hg_test_judge(*state, rows, ARRAY_SIZE(rows));
}

HG_TEST_MAIN("mocking",
             HG_TEST_CASE(an_example_is_the_body),
             HG_TEST_CASE(headers_are_added),
             HG_TEST_CASE(an_answer_can_take_its_time),
             HG_TEST_CASE(a_body_is_made_up_from_a_schema),
             HG_TEST_CASE(numbers_keep_to_their_limits),
             HG_TEST_CASE(integers_beyond_doubles_are_right_to_the_digit),
             HG_TEST_CASE(lengths_keep_to_their_limits),
             HG_TEST_CASE(choices_all_come_up),
             HG_TEST_CASE(a_body_has_64_levels_and_10000_values_at_most),
             HG_TEST_CASE(a_body_has_16_mib_at_most),
             HG_TEST_CASE(what_is_made_up_is_bounded),
             HG_TEST_CASE(names_in_xml_are_names),
             HG_TEST_CASE(every_field_is_told),
             HG_TEST_CASE(a_body_is_made_up_as_xml),
             HG_TEST_CASE(configurations_are_judged))
