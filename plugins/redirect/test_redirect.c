/* test_redirect.c - where clients are sent to. */
#include <stdio.h>
#include <string.h>

#include <hotgate/test_cmocka.h>

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

static void clients_are_sent_elsewhere(void **state)
{
    static const struct {
        const char *label;
        const char *config;
        hg_test_request request;
        uint32_t status; /* 200: the request goes on */
        const char *place;
    } cases[] = {
        {"plain", "{\"uri\": \"/new\"}", {.uri = "/old"}, 302, "/new"},
        {"own status", "{\"uri\": \"/new\", \"ret_code\": 308}", {.uri = "/old"}, 308, "/new"},
        {"variables",
         "{\"uri\": \"https://$host/x$uri?$args\"}",
         {.uri = "/a?b=1"},
         302,
         "https://localhost/x/a?b=1"},
        {"variable in braces", "{\"uri\": \"/${arg_a ?? none}/\"}", {.uri = "/"}, 302, "/none/"},
        {"escaped sign", "{\"uri\": \"/\\\\$uri\"}", {.uri = "/"}, 302, "/$uri"},
        {"blanks", "{\"uri\": \"/x$uri\"}", {.uri = "/a%20b"}, 302, "/x/a%20b"},
        {"line break",
         "{\"uri\": \"/x?$arg_a\"}",
         {.uri = "/?a=1%0d%0aX:%202"},
         302,
         "/x?1%0D%0AX:%202"},
        {"beyond ASCII", "{\"uri\": \"/x$uri\"}", {.uri = "/%C3%A4"}, 302, "/x/\xc3\xa4"},
        {"encoded",
         "{\"uri\": \"/x$uri\", \"encode_uri\": true}",
         {.uri = "/%C3%A4%7B"},
         302,
         "/x/%C3%A4%7B"},
        {"encoded keeps what may stand",
         "{\"uri\": \"/a?b=c&d=%20#e\", \"encode_uri\": true}",
         {.uri = "/"},
         302,
         "/a?b=c&d=%20#e"},
        {"arguments appended",
         "{\"uri\": \"/new\", \"append_query_string\": true}",
         {.uri = "/old?a=1&b=%20"},
         302,
         "/new?a=1&b=%20"},
        {"arguments appended to arguments",
         "{\"uri\": \"/new?x=1\", \"append_query_string\": true}",
         {.uri = "/old?a=1"},
         302,
         "/new?x=1&a=1"},
        {"no arguments to append",
         "{\"uri\": \"/new\", \"append_query_string\": true}",
         {.uri = "/old"},
         302,
         "/new"},
        {"pattern",
         "{\"regex_uri\": [\"^/a/(.*)/(.*)\", \"/b/$2-$1\"]}",
         {.uri = "/a/1/2"},
         302,
         "/b/2-1"},
        {"pattern inside", "{\"regex_uri\": [\"/b/\", \"/x/\"]}", {.uri = "/a/b/c"}, 302, "/a/x/c"},
        {"pattern, arguments",
         "{\"regex_uri\": [\"^/a\", \"/b\"],"
         " \"append_query_string\": true, \"ret_code\": 301}",
         {.uri = "/a?c"},
         301,
         "/b?c"},
        {"pattern that does not match",
         "{\"regex_uri\": [\"^/a\", \"/b\"]}",
         {.uri = "/c"},
         200,
         NULL},
        {"to https",
         "{\"http_to_https\": true}",
         {.uri = "/a%20b?c=1"},
         301,
         "https://localhost/a%20b?c=1"},
        {"to https, host with a port",
         "{\"http_to_https\": true}",
         {.headers = "Host: Example.com:9080\n"},
         301,
         "https://example.com/"},
        {"to https, HEAD",
         "{\"http_to_https\": true}",
         {.method = "HEAD"},
         301,
         "https://localhost/"},
        {"to https, POST",
         "{\"http_to_https\": true, \"ret_code\": 302}",
         {.method = "POST"},
         308,
         "https://localhost/"},
        {"to https, without a host",
         "{\"http_to_https\": true}",
         {.headers = "Host:\n"},
         400,
         NULL},
        {"https already", "{\"http_to_https\": true}", {.https = true}, 200, NULL},
        {"behind a proxy with https",
         "{\"http_to_https\": true}",
         {.headers = "X-Forwarded-Proto: https\n"},
         200,
         NULL},
        {"behind a proxy with http",
         "{\"http_to_https\": true}",
         {.headers = "X-Forwarded-Proto: http\n", .https = true},
         301,
         "https://localhost/"},
        {"not to https", "{\"http_to_https\": false}", {.uri = "/"}, 200, NULL},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        const hg_test_exchange *exchange = hg_test_run(*state, cases[i].config, &cases[i].request);
        const char *place = hg_test_header(*state, exchange, "Location");

        if (exchange->status != cases[i].status || (place == NULL) != (cases[i].place == NULL) ||
            (place != NULL && strcmp(place, cases[i].place) != 0) ||
            (exchange->tries == 0) != (cases[i].status != 200)) {
            fail_msg("%s: got %u %s", cases[i].label, exchange->status, place);
        }
    }
}

static void the_port_of_https_is_an_attribute(void **state)
{
    static const struct {
        const char *attributes;
        const char *place; /* NULL: refused */
    } cases[] = {
        {"{\"https_port\": 9443}", "https://localhost:9443/"},
        {"{\"https_port\": 443}", "https://localhost/"},
        {"{\"https_port\": 65535}", "https://localhost:65535/"},
        {"{\"https_port\": 0}", NULL},
        {"{\"https_port\": 65536}", NULL},
        {"{\"https_port\": \"9443\"}", NULL},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        hg_status status =
            hg_test_load(*state, hg_test_the_subject()->path, cases[i].attributes, NULL);

        assert_int_equal(status, cases[i].place == NULL ? HG_ERR_INVALID : HG_OK);
        if (status == HG_OK) {
            assert_string_equal(
                hg_test_header(*state, hg_test_run(*state, "{\"http_to_https\": true}", NULL),
                               "Location"),
                cases[i].place);
        }
    }
}

static void configurations_are_judged(void **state)
{
    static const hg_test_row rows[] = {
        {"nothing", "{}", "value should match only one schema, but matches none"},
        {"uri and regex_uri", "{\"uri\": \"/a\", \"regex_uri\": [\"a\", \"b\"]}",
         "value should match only one schema, but matches both schemas 1 and 2"},
        {"uri and http_to_https", "{\"uri\": \"/a\", \"http_to_https\": true}",
         "value should match only one schema, but matches both schemas 1 and 3"},
        {"short uri", "{\"uri\": \"/\"}",
         "property \"uri\" validation failed: string too short, expected at least 2, got 1"},
        {"shortest uri", "{\"uri\": \"/a\"}", NULL},
        {"uri of another type", "{\"uri\": 11}",
         "property \"uri\" validation failed: wrong type: expected string, got number"},
        {"broken uri", "{\"uri\": \"/${\"}",
         "/plugins/redirect/uri: found ${ without } at offset 1, wanted text with variables such "
         "as $request_uri"},
        {"one entry", "{\"regex_uri\": [\"a\"]}",
         "property \"regex_uri\" validation failed: expect array to have at least 2 items"},
        {"three entries", "{\"regex_uri\": [\"a\", \"b\", \"c\"]}",
         "property \"regex_uri\" validation failed: expect array to have at most 2 items"},
        {"entry of another type", "{\"regex_uri\": [\"a\", 1]}",
         "property \"regex_uri\" validation failed: failed to validate item 2: wrong type: "
         "expected string, got number"},
        {"broken pattern", "{\"regex_uri\": [\"(\", \"b\"]}",
         "/plugins/redirect/regex_uri/0: found missing closing parenthesis at offset 1, wanted a "
         "regular expression"},
        {"broken replacement", "{\"regex_uri\": [\"a\", \"${\"]}",
         "/plugins/redirect/regex_uri/1: found ${ without } at offset 0, wanted text with "
         "variables such as $request_uri"},
        {"http_to_https", "{\"http_to_https\": 1}",
         "property \"http_to_https\" validation failed: wrong type: expected boolean, got number"},
        {"ret_code 199", "{\"uri\": \"/a\", \"ret_code\": 199}",
         "property \"ret_code\" validation failed: expected 199 to be at least 200"},
        {"ret_code 200", "{\"uri\": \"/a\", \"ret_code\": 200}", NULL},
        {"ret_code 599", "{\"uri\": \"/a\", \"ret_code\": 599}", NULL},
        {"ret_code 600", "{\"uri\": \"/a\", \"ret_code\": 600}",
         "property \"ret_code\" validation failed: expected 600 to be at most 599"},
        {"encode_uri", "{\"uri\": \"/a\", \"encode_uri\": 1}",
         "property \"encode_uri\" validation failed: wrong type: expected boolean, got number"},
        {"append_query_string", "{\"uri\": \"/a\", \"append_query_string\": 1}",
         "property \"append_query_string\" validation failed: wrong type: expected boolean, got "
         "number"},
        {"append_query_string to https", "{\"http_to_https\": true, \"append_query_string\": true}",
         "/plugins/redirect/append_query_string: found true beside http_to_https, wanted only one "
         "of `http_to_https` and `append_query_string`"},
    };

    hg_test_judge(*state, rows, ARRAY_SIZE(rows));
}

HG_TEST_MAIN("redirect",
             HG_TEST_CASE(clients_are_sent_elsewhere),
             HG_TEST_CASE(the_port_of_https_is_an_attribute),
             HG_TEST_CASE(configurations_are_judged))
