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
        char config[512];
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
        {"below not", "{\"not\": {\"required\": [\"X-A\"]}}", "x-a: 1\n", "supposed to match"},
        {"depending on another", "{\"dependencies\": {\"X-A\": [\"X-B\"]}}", "x-a: 1\n", "x-b"},
        {"depending on another, there", "{\"dependencies\": {\"X-A\": [\"X-B\"]}}",
         "x-a: 1\nx-b: 1\n", NULL},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char config[512];
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

static void long_and_broken_bodies_are_refused(void **state)
{
    static const char config[] = "{\"body_schema\": {}, \"max_req_body_size\": 4}";
    hg_test_request fits = {.method = "POST", .body = "1234"};
    hg_test_request longer = {.method = "POST", .body = "12345"};
    hg_test_request broken = {.method = "POST", .body = "1", .body_breaks_off = true};
    hg_test_request slow = {.method = "POST", .body = "1", .body_delay_ms = 100};
    const hg_test_exchange *exchange;

    assert_int_equal(hg_test_run(*state, config, &fits)->status, 200);
    exchange = hg_test_run(*state, config, &longer);
    assert_int_equal(exchange->status, 400);
    assert_string_equal(exchange->body,
                        "the request body is greater than the maximum size allowed");
    assert_int_equal(hg_test_run(*state, config, &broken)->status, 400);
    exchange = hg_test_begin(*state, &slow);
    hg_test_cancel(*state, exchange);
    assert_int_equal(exchange->tries, 0);
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
        assert_int_equal(
            hg_test_check(*state, "request-validation", HG_TEST_ON_ROUTE, config, NULL, NULL),
            length == 256 ? HG_OK : HG_ERR_INVALID);
    }
}

HG_TEST_MAIN("request-validation",
             HG_TEST_CASE(bodies_are_judged),
             HG_TEST_CASE(headers_are_judged),
             HG_TEST_CASE(a_refusal_looks_as_configured),
             HG_TEST_CASE(long_and_broken_bodies_are_refused),
             HG_TEST_CASE(configurations_are_judged))
