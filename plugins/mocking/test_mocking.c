/* test_mocking.c - what is answered without an upstream. */
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
        hg_test_request request = {.uri = "/x"};
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
    hg_test_request request = {.uri = "/?a=%0a"};
    const hg_test_exchange *exchange = hg_test_run(
        *state,
        "{\"response_example\": \"x\", \"with_mock_header\": false, \"response_headers\": {"
        "\"X-A\": \"$remote_addr\", \"X-B\": 7, \"X-C\": 0.5, \"X-D\": \"$arg_a\"}}",
        &request);

    assert_null(hg_test_header(*state, exchange, "x-mock-by"));
    assert_string_equal(hg_test_header(*state, exchange, "X-A"), "127.0.0.1");
    assert_string_equal(hg_test_header(*state, exchange, "X-B"), "7");
    assert_string_equal(hg_test_header(*state, exchange, "X-C"), "0.5");
    assert_null(hg_test_header(*state, exchange, "X-D"));
}

static void an_answer_can_take_its_time(void **state)
{
    uint64_t before_ms = hg_test_now_ms(*state);
    const hg_test_exchange *waiting;

    (void)hg_test_run(*state, "{\"response_example\": \"x\", \"delay\": 2}", NULL);
    assert_int_equal(hg_test_now_ms(*state) - before_ms, 2000);
    waiting = hg_test_begin(*state, &(hg_test_request){.uri = "/"});
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
        {"html from a schema", "{\"response_schema\": {}, \"content_type\": \"text/html\"}",
         "/plugins/mocking/content_type: found text/html, which a schema cannot describe, wanted "
         "JSON, XML or plain text"},
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
         "/plugins/mocking/response_headers: found A B, wanted names of header fields"},
        {"broken header", "{\"response_example\": \"\", \"response_headers\": {\"A\": \"${\"}}",
         "/plugins/mocking/response_headers: found ${ without } at offset 0, wanted text with "
         "variables such as $remote_addr"},
    };

    hg_test_judge(*state, rows, ARRAY_SIZE(rows));
}

HG_TEST_MAIN("mocking",
             HG_TEST_CASE(an_example_is_the_body),
             HG_TEST_CASE(headers_are_added),
             HG_TEST_CASE(an_answer_can_take_its_time),
             HG_TEST_CASE(a_body_is_made_up_from_a_schema),
             HG_TEST_CASE(what_is_made_up_is_bounded),
             HG_TEST_CASE(a_body_is_made_up_as_xml),
             HG_TEST_CASE(configurations_are_judged))
