/* test_request_validation.c - which requests keep to their schemas, and what the upstream gets. */
#include <stdio.h>
#include <string.h>

#include <hotgate/test_cmocka.h>

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))
#define FORM              "Content-Type: application/x-www-form-urlencoded\n"

static void bodies_are_judged(void **state)
{
    static const struct {
        const char *label;
        const char *schema;
        const char *headers;
        const char *body;
        const char *text;     /* of the refusal; NULL: it passes */
        const char *upstream; /* what it gets; NULL: what was sent */
    } cases[] = {
        {"valid", "{\"required\": [\"a\"]}", "", "{\"a\": 1}", NULL, NULL},
        {"blanks stay", "{\"type\": \"object\"}", "", " { \"a\" : 1.10 } ", NULL, NULL},
        {"invalid", "{\"required\": [\"a\"]}", "", "{}", "property \"a\" is required", NULL},
        {"wrong type", "{\"properties\": {\"a\": {\"type\": \"string\"}}}", "", "{\"a\": 1}",
         "property \"a\" validation failed: wrong type: expected string, got number", NULL},
        {"no object", "{\"type\": \"object\"}", "", "[]", "wrong type", NULL},
        {"a scalar", "{\"type\": \"number\"}", "", "7", NULL, NULL},
        {"no JSON", "{\"type\": \"object\"}", "", "a=1", "", NULL},
        {"more than JSON", "{\"type\": \"object\"}", "", "{} {}", "", NULL},
        {"none", "{}", "", "", "the request has no body", NULL},
        {"defaults", "{\"properties\": {\"b\": {\"default\": \"x\"}}}", "", "{\"a\": 1}", NULL,
         "{\"a\":1,\"b\":\"x\"}"},
        {"a member twice", "{\"properties\": {\"a\": {\"type\": \"integer\"}}}", "",
         "{\"a\": \"x\", \"a\": 2}", NULL, "{\"a\":2}"},
        {"form", "{\"properties\": {\"a\": {\"const\": \"1 2\"}}, \"required\": [\"a\"]}", FORM,
         "a=1+2&b=%20", NULL, NULL},
        {"true", "{\"const\": true}", "", "true", NULL, NULL},
        {"a text", "{\"minLength\": 2}", "", "\"\xe2\x82\xac\"",
         "string too short, expected at least 2, got 1", NULL},
        {"no UTF-8", "{}", "", "\"\xff\"", "unable to decode byte 0xff", NULL},
        {"a NUL in a text", "{}", "", "\"\\u0000\"", "\\u0000 is not allowed", NULL},
        {"blanks alone", "{}", "", "  ", "unexpected token near end of file", NULL},
        {"an integer of 64 bits", "{\"maximum\": 9223372036854775807}", "", "9223372036854775807",
         NULL, NULL},
        {"an integer beyond 64 bits", "{}", "", "9223372036854775808", "too big integer", NULL},
        {"a number beyond all", "{}", "", "1e999", "real number overflow", NULL},
        {"two findings, the first is told", "{\"required\": [\"a\", \"b\"]}", "", "{}",
         "property \"a\" is required", NULL},
        {"defaults inside",
         "{\"properties\": {\"o\": {\"properties\": {\"b\": {\"default\": 1}}},"
         " \"p\": {\"properties\": {\"c\": {\"default\": 2}}}}}",
         "", "{\"o\": {}}", NULL, "{\"o\":{\"b\":1}}"},
        {"defaults that are there already", "{\"properties\": {\"b\": {\"default\": \"x\"}}}", "",
         "{ \"b\" : 1 }", NULL, NULL},
        {"a member twice inside", "{}", "", "{\"o\": [{\"a\": 1, \"a\": 2}]}", NULL,
         "{\"o\":[{\"a\":2}]}"},
        {"a member twice, that is wrong at last",
         "{\"properties\": {\"a\": {\"type\": \"integer\"}}}", "", "{\"a\": 2, \"a\": \"x\"}",
         "property \"a\" validation failed: wrong type", NULL},
        {"JSON of another type", "{\"required\": [\"a\"]}", "Content-Type: text/plain\n",
         "{\"a\": 1}", NULL, NULL},
        {"form, decoded",
         "{\"properties\": {\"a b\": {\"const\": \"+% /09afAF\\u20ac\"}}, \"required\": [\"a b\"]}",
         FORM, "a+b=%2B%25+%2f%30%39%61%66%41%46%E2%82%ac", NULL, NULL},
        {"form, what is no encoding",
         "{\"properties\": {\"a\": {\"const\": \"%\"}, \"b\": {\"const\": \"%4\"},"
         " \"c\": {\"const\": \"%4g\"}, \"d\": {\"const\": \"%g4\"}, \"e\": {\"const\": "
         "\"%/0%:0%`0%G0\"}},"
         " \"required\": [\"a\", \"b\", \"c\", \"d\", \"e\"]}",
         FORM, "a=%&b=%4&c=%4g&d=%g4&e=%/0%:0%`0%G0", NULL, NULL},
        {"form, an encoding at the end", "{\"properties\": {\"a\": {\"const\": \"xA\"}}}", FORM,
         "a=x%41", NULL, NULL},
        {"form, an encoding before more", "{\"properties\": {\"a\": {\"const\": \"A4\"}}}", FORM,
         "a=%414", NULL, NULL},
        {"form, an equals sign in a value", "{\"properties\": {\"a\": {\"const\": \"b=c\"}}}", FORM,
         "a=b=c", NULL, NULL},
        {"form, an encoded separator", "{\"properties\": {\"a\": {\"const\": \"b&c=d\"}}}", FORM,
         "a=b%26c%3dd", NULL, NULL},
        {"form, an empty value",
         "{\"properties\": {\"a\": {\"const\": \"\"}}, \"required\": [\"a\"]}", FORM, "a=", NULL,
         NULL},
        {"form, empty fields", "{\"maxProperties\": 2, \"required\": [\"a\", \"b\"]}", FORM,
         "&a=1&&b=2&=x&=&", NULL, NULL},
        {"form, three of one name", "{\"properties\": {\"a\": {\"const\": [\"1\", true, \"\"]}}}",
         FORM, "a=1&a&a=", NULL, NULL},
        {"form, numbers are texts", "{\"properties\": {\"a\": {\"type\": \"number\"}}}", FORM,
         "a=1", "property \"a\" validation failed: wrong type: expected number, got string", NULL},
        {"form, defaults are not filled in", "{\"properties\": {\"b\": {\"default\": \"x\"}}}",
         FORM, "a=1", NULL, NULL},
        {"form, a NUL in a name", "{\"additionalProperties\": false}", FORM, "a%00=1",
         "the name of a field is no UTF-8, or holds a NUL", NULL},
        {"form, a NUL in front of a name", "{}", FORM, "%00a=1",
         "the name of a field is no UTF-8, or holds a NUL", NULL},
        {"form, a name that is no UTF-8", "{\"additionalProperties\": false}", FORM, "b=1&%ff=1",
         "the name of a field is no UTF-8, or holds a NUL", NULL},
        {"form, a NUL in a value", "{\"properties\": {\"a\": {\"type\": \"string\"}}}", FORM,
         "a=%00", NULL, NULL},
        {"form with a tab behind its type", "{\"required\": [\"a\"]}",
         "Content-Type: application/x-www-form-urlencoded\t;a\n", "a=1", NULL, NULL},
        {"form with a blank behind its type", "{\"required\": [\"a\"]}",
         "Content-Type: application/x-www-form-urlencoded a\n", "a=1", NULL, NULL},
        {"part of a form's type", "{\"required\": [\"a\"]}",
         "Content-Type: application/x-www-form-urlencode\n", "{\"a\": 1}", NULL, NULL},
        {"form without a field", "{\"required\": [\"c\"]}", FORM, "a=1",
         "property \"c\" is required", NULL},
        {"form with a list", "{\"properties\": {\"a\": {\"const\": [\"1\", \"2\"]}}}", FORM,
         "a=1&a=2", NULL, NULL},
        {"form with a name alone", "{\"properties\": {\"a\": {\"const\": true}}}", FORM, "a", NULL,
         NULL},
        {"form with a character set", "{\"required\": [\"a\"]}",
         "content-type: Application/X-WWW-Form-Urlencoded; charset=utf-8\n", "a=1", NULL, NULL},
        {"no form", "{\"required\": [\"a\"]}", "Content-Type: application/x-www-form-urlencoded2\n",
         "a=1", "", NULL},
        {"form that is no UTF-8", "{\"properties\": {\"a\": {\"type\": \"string\"}}}", FORM,
         "a=%ff", "wrong type", NULL},
        {"two types", "{}", FORM "Content-Type: application/json\n", "{}",
         "duplicate Content-Type header", NULL},
        {"deep", "{}", "", "[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]", NULL, NULL},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char config[1024];
        hg_test_request request = {
            .method = "POST", .headers = cases[i].headers, .body = cases[i].body};
        const hg_test_exchange *exchange;
        const char *wanted = cases[i].upstream == NULL ? cases[i].body : cases[i].upstream;

        (void)snprintf(config, sizeof(config), "{\"body_schema\": %s}", cases[i].schema);
        exchange = hg_test_run(*state, config, &request);
        if (cases[i].text == NULL
                ? exchange->status != 200 || strcmp(exchange->upstream_body, wanted) != 0
                : exchange->status != 400 || exchange->tries != 0 ||
                      strstr(exchange->body, cases[i].text) == NULL) {
            fail_msg("%s: got %u %s, %s", cases[i].label, exchange->status, exchange->body,
                     exchange->upstream_body);
        }
    }
}

static void headers_are_judged(void **state)
{
    static const struct {
        const char *label;
        const char *schema;
        const char *headers;
        const char *text; /* of the refusal; NULL: it passes */
    } cases[] = {
        {"there", "{\"required\": [\"x-a\"]}", "X-A: 1\n", NULL},
        {"in any case", "{\"required\": [\"X-A\"], \"properties\": {\"X-a\": {\"const\": \"1\"}}}",
         "x-A: 1\n", NULL},
        {"missing", "{\"required\": [\"X-A\"]}", "", "property \"x-a\" is required"},
        {"another value", "{\"properties\": {\"X-A\": {\"enum\": [\"1\", \"2\"]}}}", "X-A: 3\n",
         "x-a"},
        {"a number is text", "{\"properties\": {\"X-A\": {\"type\": \"integer\"}}}", "X-A: 3\n",
         "wrong type"},
        {"twice", "{\"properties\": {\"X-A\": {\"type\": \"array\", \"maxItems\": 2}}}",
         "X-A: 1\nX-A: 2\n", NULL},
        {"three times", "{\"properties\": {\"X-A\": {\"type\": \"array\", \"maxItems\": 2}}}",
         "X-A: 1\nX-A: 2\nX-A: 3\n", "x-a"},
        {"below anyOf", "{\"anyOf\": [{\"required\": [\"X-A\"]}, {\"required\": [\"X-B\"]}]}",
         "X-b: 1\n", NULL},
        {"there, as it was written", "{\"required\": [\"AZaz-09\"]}", "AZAZ-09: 1\n", NULL},
        {"an empty value",
         "{\"properties\": {\"X-A\": {\"const\": \"\"}}, \"required\": [\"X-A\"]}", "X-A: \n",
         NULL},
        {"beyond ASCII", "{\"properties\": {\"X-A\": {\"const\": \"\\u20ac\"}}}",
         "X-A: \xe2\x82\xac\n", NULL},
        {"no UTF-8", "{\"properties\": {\"X-A\": {\"type\": \"string\"}}}", "X-A: \xff\n",
         "wrong type: expected string, got userdata"},
        {"Host is there too",
         "{\"properties\": {\"Host\": {\"const\": \"localhost\"}}, \"required\":"
         " [\"Host\"]}",
         "", NULL},
        {"below allOf", "{\"allOf\": [{\"required\": [\"X-A\"]}, {\"required\": [\"X-B\"]}]}",
         "x-a: 1\nx-b: 1\n", NULL},
        {"below allOf, one missing",
         "{\"allOf\": [{\"required\": [\"X-A\"]}, {\"required\":"
         " [\"X-B\"]}]}",
         "x-a: 1\n", "property \"x-b\" is required"},
        {"below oneOf", "{\"oneOf\": [{\"required\": [\"X-A\"]}, {\"required\": [\"X-B\"]}]}",
         "x-b: 1\n", NULL},
        {"below oneOf, both", "{\"oneOf\": [{\"required\": [\"X-A\"]}, {\"required\": [\"X-B\"]}]}",
         "x-a: 1\nx-b: 1\n", "value should match only one schema"},
        {"below then",
         "{\"if\": {\"required\": [\"X-A\"]}, \"then\": {\"required\": [\"X-B\"]},"
         " \"else\": {\"required\": [\"X-C\"]}}",
         "x-a: 1\nx-b: 1\n", NULL},
        {"below then, missing",
         "{\"if\": {\"required\": [\"X-A\"]}, \"then\": {\"required\": [\"X-B\"]},"
         " \"else\": {\"required\": [\"X-C\"]}}",
         "x-a: 1\nx-c: 1\n", "then clause did not match"},
        {"below else",
         "{\"if\": {\"required\": [\"X-A\"]}, \"then\": {\"required\": [\"X-B\"]},"
         " \"else\": {\"required\": [\"X-C\"]}}",
         "x-c: 1\n", NULL},
        {"below else, missing",
         "{\"if\": {\"required\": [\"X-A\"]}, \"then\": {\"required\": [\"X-B\"]},"
         " \"else\": {\"required\": [\"X-C\"]}}",
         "x-b: 1\n", "else clause did not match"},
        {"by a reference",
         "{\"$ref\": \"#/definitions/D\", \"definitions\": {\"D\": {\"required\": [\"X-A\"]}}}",
         "x-a: 1\n", NULL},
        {"by a reference, missing",
         "{\"$ref\": \"#/definitions/D\", \"definitions\": {\"D\": {\"required\": [\"X-A\"]}}}", "",
         "property \"x-a\" is required"},
        {"nothing else",
         "{\"properties\": {\"Host\": {}, \"X-A\": {}}, \"additionalProperties\": false}",
         "X-A: 1\n", NULL},
        {"something else",
         "{\"properties\": {\"Host\": {}, \"X-A\": {}}, \"additionalProperties\": false}",
         "X-B: 1\n", "additional properties forbidden, found x-b"},
        {"everything else is a text", "{\"additionalProperties\": {\"type\": \"string\"}}",
         "X-A: 1\nX-A: 2\n", "failed to validate additional property x-a"},
        {"patterns are for names in lower case",
         "{\"patternProperties\": {\"^x-[a-z]$\": {\"const\": \"1\"}}}", "X-A: 2\n", "x-a"},
        {"patterns for others", "{\"patternProperties\": {\"^X-\": {\"const\": \"1\"}}}",
         "X-A: 2\n", NULL},
        {"depending on another schema", "{\"dependencies\": {\"X-A\": {\"required\": [\"X-B\"]}}}",
         "x-a: 1\n", "property \"x-b\" is required"},
        {"one of a list",
         "{\"properties\": {\"X-A\": {\"type\": \"array\", \"contains\": {\"const\":"
         " \"2\"}}}}",
         "X-A: 1\nX-A: 2\n", NULL},
        {"below not", "{\"not\": {\"required\": [\"X-A\"]}}", "x-a: 1\n", "supposed to match"},
        {"depending on another", "{\"dependencies\": {\"X-A\": [\"X-B\"]}}", "x-a: 1\n", "x-b"},
        {"depending on another, there", "{\"dependencies\": {\"X-A\": [\"X-B\"]}}",
         "x-a: 1\nx-b: 1\n", NULL},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char config[1024];
        hg_test_request request = {.headers = cases[i].headers};
        const hg_test_exchange *exchange;

        (void)snprintf(config, sizeof(config), "{\"header_schema\": %s}", cases[i].schema);
        exchange = hg_test_run(*state, config, &request);
        if (cases[i].text == NULL
                ? exchange->status != 200
                : exchange->status != 400 || strstr(exchange->body, cases[i].text) == NULL) {
            fail_msg("%s: got %u %s", cases[i].label, exchange->status, exchange->body);
        }
    }
}

static void a_refusal_looks_as_configured(void **state)
{
    static const struct {
        const char *options;
        uint32_t status;
        const char *body;
    } cases[] = {
        {"", 400, "property \"a\" is required"},
        {", \"rejected_code\": 422", 422, "property \"a\" is required"},
        {", \"rejected_msg\": \"no\"", 400, "no"},
        {", \"rejected_code\": 200, \"rejected_msg\": \"{}\"", 200, "{}"},
        {", \"rejected_code\": 599", 599, "property \"a\" is required"},
        {", \"rejected_msg\": \"\\u20ac\\n\"", 400, "\xe2\x82\xac\n"},
        {", \"rejected_msg\": \"no\", \"_meta\": {\"error_response\": \"other\"}", 400, "other"},
        {", \"rejected_code\": 200, \"_meta\": {\"error_response\": \"other\"}", 200,
         "property \"a\" is required"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char config[256];
        hg_test_request request = {.method = "POST", .body = "{}"};
        const hg_test_exchange *exchange;

        (void)snprintf(config, sizeof(config), "{\"body_schema\": {\"required\": [\"a\"]}%s}",
                       cases[i].options);
        exchange = hg_test_run(*state, config, &request);
        assert_int_equal(exchange->status, cases[i].status);
        assert_string_equal(exchange->body, cases[i].body);
        assert_string_equal(hg_test_header(*state, exchange, "Content-Type"),
                            "text/plain; charset=utf-8");
    }
}

/* The message that an operator has chosen is for every reason. */
static void a_refusal_says_why_unless_told(void **state)
{
    static const struct {
        const char *label;
        const char *config;
        hg_test_request request;
        const char *body;
    } cases[] = {
        {"no body", "\"body_schema\": {}", {.method = "POST"}, "the request has no body"},
        {"two types",
         "\"body_schema\": {}",
         {.method = "POST", .headers = FORM FORM, .body = "a"},
         "duplicate Content-Type header"},
        {"too long",
         "\"body_schema\": {}, \"max_req_body_size\": 1",
         {.method = "POST", .body = "12"},
         "the request body is greater than the maximum size allowed"},
        {"broken off",
         "\"body_schema\": {}",
         {.method = "POST", .body = "1", .body_breaks_off = true},
         "failed to get body"},
        {"headers before the body",
         "\"header_schema\": {\"required\": [\"X-A\"]}, \"body_schema\": {\"required\": [\"b\"]}",
         {.method = "POST", .body = "{}"},
         "property \"x-a\" is required"},
        {"the body behind the headers",
         "\"header_schema\": {\"required\": [\"X-A\"]}, \"body_schema\": {\"required\": [\"b\"]}",
         {.method = "POST", .headers = "X-A: 1\n", .body = "{}"},
         "property \"b\" is required"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        for (int told = 0; told < 2; told++) {
            const hg_test_exchange *got;
            char config[256];

            (void)snprintf(config, sizeof(config), "{%s%s}", cases[i].config,
                           told ? ", \"rejected_msg\": \"go\"" : "");
            got = hg_test_run(*state, config, &cases[i].request);
            if (got->status != 400 || got->tries != 0 ||
                strcmp(got->body, told ? "go" : cases[i].body) != 0) {
                fail_msg("%s: got %u %s", cases[i].label, got->status, got->body);
            }
        }
    }
}

static void why_a_request_was_refused_stands_in_the_log(void **state)
{
    static const struct {
        const char *config;
        const char *line;
    } cases[] = {
        {"{\"header_schema\": {\"required\": [\"X-A\"]}}",
         "req header validation failed: property \"x-a\" is required"},
        {"{\"body_schema\": {\"type\": \"array\"}}",
         "req schema validation failed: wrong type: expected array, got table"},
        {"{\"body_schema\": {\"type\": \"array\"}, \"rejected_msg\": \"no\"}",
         "req schema validation failed: wrong type: expected array, got table"},
    };
    hg_test_request broken = {.method = "POST", .body = "{"};

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        hg_test_request request = {.method = "POST", .body = "{}"};

        hg_test_log_clear(*state);
        (void)hg_test_run(*state, cases[i].config, &request);
        if (hg_test_log_count(*state, HG_LOG_INFO, cases[i].line) != 1) {
            fail_msg("%s: got %s", cases[i].line, hg_test_log_line(*state, 0, NULL));
        }
    }
    (void)hg_test_run(*state, "{\"body_schema\": {}}", &broken);
    assert_int_equal(hg_test_log_count(*state, HG_LOG_INFO, "failed to decode the req body: "), 1);
    assert_int_equal(hg_test_log_count(*state, HG_LOG_WARN,
                                       "request-validation exits with http status code 400"),
                     2);
}

static void long_and_broken_bodies_are_refused(void **state)
{
    static const char config[] = "{\"body_schema\": {}, \"max_req_body_size\": 4}";
    hg_test_request fits = {.method = "POST", .body = "1234"};
    hg_test_request longer = {.method = "POST", .body = "12345"};
    hg_test_request slow = {.method = "POST", .body = "1", .body_delay_ms = 100};
    const hg_test_exchange *exchange;

    assert_int_equal(hg_test_run(*state, config, &fits)->status, 200);
    assert_int_equal(hg_test_run(*state, config, &longer)->status, 400);
    exchange = hg_test_begin(*state, &slow);
    assert_false(exchange->ended);
    hg_test_cancel(*state, exchange);
    assert_int_equal(exchange->status, 499);
    assert_int_equal(exchange->tries, 0);
    assert_int_equal(hg_test_log_count(*state, HG_LOG_WARN,
                                       "request-validation exits with http status code 400"),
                     1); /* who has gone is told nothing */
}

static void every_field_is_told(void **state)
{
    static const hg_test_fact facts[] = {
        {"/priority", "2800"},
        {"/flags", "[\"waits\"]"},
        {"/phases", "[\"rewrite\"]"},
        {"/schema",
         "{\"type\": \"object\","
         " \"anyOf\": [{\"required\": [\"header_schema\"]}, {\"required\": [\"body_schema\"]}]}"},
        {"/schema/properties/header_schema", "{\"type\": \"object\"}"},
        {"/schema/properties/body_schema", "{\"type\": \"object\"}"},
        {"/schema/properties/rejected_code",
         "{\"type\": \"integer\", \"minimum\": 200, \"maximum\": 599, \"default\": 400}"},
        {"/schema/properties/rejected_msg",
         "{\"type\": \"string\", \"minLength\": 1, \"maxLength\": 256}"},
        {"/schema/properties/max_req_body_size",
         "{\"type\": \"integer\", \"minimum\": 1, \"maximum\": 9223372036854775807,"
         " \"default\": 67108864}"},
    };

    hg_test_expect_facts(*state, facts, ARRAY_SIZE(facts));
}

static void configurations_are_judged(void **state)
{
    static const hg_test_row rows[] = {
        {"nothing", "{}",
         "object matches none of the required: [\"header_schema\"] or [\"body_schema\"]"},
        {"headers alone", "{\"header_schema\": {}}", NULL},
        {"body alone", "{\"body_schema\": {}}", NULL},
        {"both", "{\"body_schema\": {}, \"header_schema\": {}}", NULL},
        {"header_schema of another type", "{\"header_schema\": []}",
         "property \"header_schema\" validation failed: wrong type: expected object, got table"},
        {"body_schema of another type", "{\"body_schema\": true}",
         "property \"body_schema\" validation failed: wrong type: expected object, got boolean"},
        {"broken header_schema", "{\"header_schema\": {\"type\": \"text\"}}",
         "/plugins/request-validation/header_schema: found /type: found \"text\", wanted the name "
         "of a type, wanted a JSON Schema"},
        {"broken body_schema", "{\"body_schema\": {\"properties\": {\"a\": {\"pattern\": \"(\"}}}}",
         "/plugins/request-validation/body_schema: found /properties/a/pattern: found \"(\", "
         "wanted a regular expression: missing closing parenthesis at offset 1, wanted a JSON "
         "Schema"},
        {"header_schema that is none inside",
         "{\"header_schema\": {\"properties\": {\"X-A\": {\"minLength\": -1}}}}",
         "/plugins/request-validation/header_schema: found /properties/X-A/minLength: found -1"},
        {"headers that differ in their case",
         "{\"header_schema\": {\"properties\": {\"X-A\": {}, \"x-a\": {}}}}",
         "/plugins/request-validation/header_schema: found a header twice, in names that differ in "
         "their case alone, wanted each header once"},
        {"the same in a dependency, further down",
         "{\"header_schema\": {\"anyOf\": [{\"dependencies\": {\"A\": [\"b\"], \"a\": [\"c\"]}}]}}",
         "found a header twice"},
        {"the same in two schemas",
         "{\"header_schema\": {\"allOf\": [{\"properties\": {\"X-A\": {}}},"
         " {\"properties\": {\"x-a\": {}}}]}}",
         NULL},
        {"the same in a body", "{\"body_schema\": {\"properties\": {\"X-A\": {}, \"x-a\": {}}}}",
         NULL},
        {"true and false",
         "{\"header_schema\": {\"not\": false, \"if\": true, \"then\": true,"
         " \"additionalProperties\": true, \"properties\": {\"a\": true}, \"allOf\": [true]}}",
         NULL},
        {"rejected_code as text", "{\"body_schema\": {}, \"rejected_code\": \"400\"}",
         "property \"rejected_code\" validation failed: wrong type: expected integer, got string"},
        {"rejected_msg of one", "{\"body_schema\": {}, \"rejected_msg\": \"a\"}", NULL},
        {"rejected_msg of another type", "{\"body_schema\": {}, \"rejected_msg\": {}}",
         "property \"rejected_msg\" validation failed: wrong type: expected string, got table"},
        {"the greatest max_req_body_size",
         "{\"body_schema\": {}, \"max_req_body_size\": 9223372036854775807}", NULL},
        {"max_req_body_size beyond 64 bits", "{\"body_schema\": {}, \"max_req_body_size\": 1e300}",
         "property \"max_req_body_size\" validation failed: expected 1e+300 to be at most "
         "9.2233720368548e+18"},
        {"rejected_code 199", "{\"body_schema\": {}, \"rejected_code\": 199}",
         "property \"rejected_code\" validation failed: expected 199 to be at least 200"},
        {"rejected_code 200", "{\"body_schema\": {}, \"rejected_code\": 200}", NULL},
        {"rejected_code 599", "{\"body_schema\": {}, \"rejected_code\": 599}", NULL},
        {"rejected_code 600", "{\"body_schema\": {}, \"rejected_code\": 600}",
         "property \"rejected_code\" validation failed: expected 600 to be at most 599"},
        {"empty rejected_msg", "{\"body_schema\": {}, \"rejected_msg\": \"\"}",
         "property \"rejected_msg\" validation failed: string too short, expected at least 1, got "
         "0"},
        {"max_req_body_size 0", "{\"body_schema\": {}, \"max_req_body_size\": 0}",
         "property \"max_req_body_size\" validation failed: expected 0 to be at least 1"},
        {"max_req_body_size 1", "{\"body_schema\": {}, \"max_req_body_size\": 1}", NULL},
        {"max_req_body_size as text", "{\"body_schema\": {}, \"max_req_body_size\": \"1\"}",
         "property \"max_req_body_size\" validation failed: wrong type: expected integer, got "
         "string"},
    };
    char config[400];

    hg_test_judge(*state, rows, ARRAY_SIZE(rows));
    for (int length = 256; length <= 257; length++) {
        (void)snprintf(config, sizeof(config), "{\"body_schema\": {}, \"rejected_msg\": \"%0*d\"}",
                       length, 0);
        hg_test_judge(*state,
                      &(hg_test_row){"length of rejected_msg", config,
                                     length == 256 ? NULL
                                                   : "property \"rejected_msg\" validation failed: "
                                                     "string too long, expected at most 256, got "
                                                     "257"},
                      1);
    }
}

HG_TEST_MAIN("request-validation",
             HG_TEST_CASE(bodies_are_judged),
             HG_TEST_CASE(headers_are_judged),
             HG_TEST_CASE(a_refusal_looks_as_configured),
             HG_TEST_CASE(a_refusal_says_why_unless_told),
             HG_TEST_CASE(why_a_request_was_refused_stands_in_the_log),
             HG_TEST_CASE(long_and_broken_bodies_are_refused),
             HG_TEST_CASE(every_field_is_told),
             HG_TEST_CASE(configurations_are_judged))
