/* test_redirect.c - where clients are sent to. */
#include <stdbool.h>
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
        {"arguments appended behind encoded ones",
         "{\"uri\": \"/new$uri\", \"append_query_string\": true, \"encode_uri\": true}",
         {.uri = "/%C3%A4?a=%C3%A4"},
         302,
         "/new/%C3%A4?a=%C3%A4"},
        {"arguments not appended, as told",
         "{\"uri\": \"/new\", \"append_query_string\": false, \"encode_uri\": false}",
         {.uri = "/old?a=1"},
         302,
         "/new"},
        {"lowest status", "{\"uri\": \"/new\", \"ret_code\": 200}", {.uri = "/old"}, 200, "/new"},
        {"highest status", "{\"uri\": \"/new\", \"ret_code\": 599}", {.uri = "/old"}, 599, "/new"},
        {"a variable without a value", "{\"uri\": \"$arg_x\"}", {.uri = "/old"}, 302, ""},
        {"the target as it was sent",
         "{\"uri\": \"https://a.com$real_request_uri\"}",
         {.uri = "/%C3%A4?a=%20"},
         302,
         "https://a.com/%C3%A4?a=%20"},
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
        {"pattern in another case", "{\"regex_uri\": [\"^/A\", \"/b\"]}", {.uri = "/a"}, 200, NULL},
        {"pattern beyond ASCII",
         "{\"regex_uri\": [\"\\u20ac\", \"x\"]}",
         {.uri = "/a%E2%82%ACb"},
         302,
         "/axb"},
        {"pattern for the arguments",
         "{\"regex_uri\": [\"c=1\", \"x\"]}",
         {.uri = "/a?c=1"},
         200,
         NULL},
        {"pattern, first match alone",
         "{\"regex_uri\": [\"a\", \"x\"]}",
         {.uri = "/aa"},
         302,
         "/xa"},
        {"pattern, a group without a match",
         "{\"regex_uri\": [\"^/(a)|/(b)\", \"/$1-$2\"]}",
         {.uri = "/b"},
         302,
         "/-b"},
        {"pattern, a variable beside groups",
         "{\"regex_uri\": [\"^/a(.*)\", \"https://$host/$1\"]}",
         {.uri = "/abc"},
         302,
         "https://localhost/bc"},
        {"pattern, encoded",
         "{\"regex_uri\": [\"^/a\", \"/b\"], \"encode_uri\": true}",
         {.uri = "/a%22"},
         302,
         "/b%22"},
        {"to https, IPv6",
         "{\"http_to_https\": true}",
         {.headers = "Host: [::1]:9080\n"},
         301,
         "https://[::1]/"},
        {"to https, the target as it was sent",
         "{\"http_to_https\": true}",
         {.uri = "/a/../%41?b=%20&&"},
         301,
         "https://localhost/a/../%41?b=%20&&"},
        {"to https, OPTIONS",
         "{\"http_to_https\": true}",
         {.method = "OPTIONS"},
         308,
         "https://localhost/"},
        {"behind a proxy, in capitals",
         "{\"http_to_https\": true}",
         {.headers = "X-Forwarded-Proto: HTTP\n", .https = true},
         301,
         "https://localhost/"},
        {"behind a proxy, neither",
         "{\"http_to_https\": true}",
         {.headers = "X-Forwarded-Proto: ws\n"},
         200,
         NULL},
        {"behind two proxies, the first counts",
         "{\"http_to_https\": true}",
         {.headers = "X-Forwarded-Proto: https\nX-Forwarded-Proto: http\n"},
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
            (exchange->tries == 0) != (cases[i].status != 200 || cases[i].place != NULL)) {
            fail_msg("%s: got %u %s", cases[i].label, exchange->status, place);
        }
    }
}

/* Every byte that a client can bring into a place. */
static void what_a_place_cannot_hold_is_encoded(void **state)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    static const char others[] = "-._~:/?#[]@!$&'()*+,;=%";

    for (int encode = 0; encode < 2; encode++) {
        for (int c = 1; c < 256; c++) {
            bool stays = encode ? strchr(letters, c) != NULL || strchr(others, c) != NULL
                                : c > 0x20 && c != 0x7f;
            char uri[16];
            char wanted[16];
            hg_test_request request = {.uri = uri};
            const char *place;

            (void)snprintf(uri, sizeof(uri), "/?a=%%%02X", c);
            (void)snprintf(wanted, sizeof(wanted), stays ? "/%c." : "/%%%02X.", c);
            place = hg_test_header(
                *state,
                hg_test_run(*state,
                            encode ? "{\"uri\": \"/${arg_a}.\", \"encode_uri\": true}"
                                   : "{\"uri\": \"/${arg_a}.\", \"encode_uri\": false}",
                            &request),
                "Location");
            if (strcmp(place, wanted) != 0) {
                fail_msg("%s: got %s, wanted %s", uri, place, wanted);
            }
        }
    }
}

static void an_answer_has_the_body_of_its_status(void **state)
{
    static const struct {
        const char *label;
        const char *config;
        hg_test_request request;
        uint32_t status;
        const char *body;
    } cases[] = {
        {"found", "{\"uri\": \"/new\"}", {0}, 302, "{\"error_msg\":\"302 Found\"}\n"},
        {"below 300", "{\"uri\": \"/new\", \"ret_code\": 200}", {0}, 200, ""},
        {"without a host",
         "{\"http_to_https\": true}",
         {.headers = "Host:\n"},
         400,
         "{\"error_msg\":\"the request names no host\"}\n"},
        {"another body, which is for refusals alone",
         "{\"uri\": \"/new\", \"_meta\": {\"error_response\": \"gone\"}}",
         {0},
         302,
         "{\"error_msg\":\"302 Found\"}\n"},
        {"another body",
         "{\"uri\": \"/new\", \"ret_code\": 410, \"_meta\": {\"error_response\": \"gone\"}}",
         {0},
         410,
         "gone"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        const hg_test_exchange *got = hg_test_run(*state, cases[i].config, &cases[i].request);

        if (got->status != cases[i].status || strcmp(got->body, cases[i].body) != 0) {
            fail_msg("%s: got %u %s", cases[i].label, got->status, got->body);
        }
    }
    assert_int_equal(
        hg_test_log_count(*state, HG_LOG_WARN, "redirect exits with http status code 400"), 1);
}

static void the_port_of_https_is_an_attribute(void **state)
{
    static const struct {
        const char *attributes;
        const char *place; /* NULL: refused */
        const char *text;  /* of that */
    } cases[] = {
        {NULL, "https://localhost/", NULL},
        {"{}", "https://localhost/", NULL},
        {"{\"https_port\": 1}", "https://localhost:1/", NULL},
        {"{\"https_port\": 442}", "https://localhost:442/", NULL},
        {"{\"https_port\": 9443}", "https://localhost:9443/", NULL},
        {"{\"https_port\": 443}", "https://localhost/", NULL},
        {"{\"https_port\": 65535}", "https://localhost:65535/", NULL},
        {"{\"https_port\": 0}", NULL, "expected 0 to be at least 1"},
        {"{\"https_port\": 65536}", NULL, "expected 65536 to be at most 65535"},
        {"{\"https_port\": \"9443\"}", NULL, "wrong type: expected integer, got string"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        hg_error err = HG_ERROR_INIT;
        hg_status status =
            hg_test_load(*state, hg_test_the_subject()->path, cases[i].attributes, &err);

        if (status != (cases[i].place == NULL ? HG_ERR_INVALID : HG_OK) ||
            (cases[i].text != NULL && strstr(err.text, cases[i].text) == NULL)) {
            fail_msg("%s: got %d %s", cases[i].attributes, (int)status, err.text);
        }
        if (status == HG_OK) {
            assert_string_equal(
                hg_test_header(*state, hg_test_run(*state, "{\"http_to_https\": true}", NULL),
                               "Location"),
                cases[i].place);
        }
    }
}

static void every_field_is_told(void **state)
{
    static const hg_test_fact facts[] = {
        {"/priority", "900"},
        {"/flags", "[]"},
        {"/phases", "[\"rewrite\"]"},
        {"/schema", "{\"type\": \"object\", \"oneOf\": [{\"required\": [\"uri\"]},"
                    " {\"required\": [\"regex_uri\"]}, {\"required\": [\"http_to_https\"]}]}"},
        {"/schema/properties/uri", "{\"type\": \"string\", \"minLength\": 2}"},
        {"/schema/properties/regex_uri", "{\"type\": \"array\", \"minItems\": 2, \"maxItems\": 2, "
                                         "\"items\": {\"type\": \"string\"}}"},
        {"/schema/properties/http_to_https", "{\"type\": \"boolean\"}"},
        {"/schema/properties/ret_code",
         "{\"type\": \"integer\", \"minimum\": 200, \"maximum\": 599, \"default\": 302}"},
        {"/schema/properties/encode_uri", "{\"type\": \"boolean\", \"default\": false}"},
        {"/schema/properties/append_query_string", "{\"type\": \"boolean\", \"default\": false}"},
        {"/attributes_schema", "{\"type\": \"object\"}"},
        {"/attributes_schema/properties/https_port",
         "{\"type\": \"integer\", \"minimum\": 1, \"maximum\": 65535, \"default\": 443}"},
    };

    hg_test_expect_facts(*state, facts, ARRAY_SIZE(facts));
}

static void configurations_are_judged(void **state)
{
    static const hg_test_row rows[] = {
        {"nothing", "{}", "value should match only one schema, but matches none"},
        {"uri and regex_uri", "{\"uri\": \"/a\", \"regex_uri\": [\"a\", \"b\"]}",
         "value should match only one schema, but matches both schemas 1 and 2"},
        {"uri and http_to_https", "{\"uri\": \"/a\", \"http_to_https\": true}",
         "value should match only one schema, but matches both schemas 1 and 3"},
        {"regex_uri and http_to_https", "{\"regex_uri\": [\"a\", \"b\"], \"http_to_https\": false}",
         "value should match only one schema, but matches both schemas 2 and 3"},
        {"all three", "{\"uri\": \"/a\", \"regex_uri\": [\"a\", \"b\"], \"http_to_https\": true}",
         "value should match only one schema, but matches both schemas 1 and 2"},
        {"two characters beyond ASCII", "{\"uri\": \"\\u20ac\\u20ac\"}", NULL},
        {"one character of three bytes", "{\"uri\": \"\\u20ac\"}",
         "property \"uri\" validation failed: string too short, expected at least 2, got 1"},
        {"no entries", "{\"regex_uri\": []}",
         "property \"regex_uri\" validation failed: expect array to have at least 2 items"},
        {"pattern of another type", "{\"regex_uri\": \"a\"}",
         "property \"regex_uri\" validation failed: wrong type: expected array, got string"},
        {"empty pattern and replacement", "{\"regex_uri\": [\"\", \"\"]}", NULL},
        {"ret_code as text", "{\"uri\": \"/a\", \"ret_code\": \"302\"}",
         "property \"ret_code\" validation failed: wrong type: expected integer, got string"},
        {"append_query_string, not to https",
         "{\"http_to_https\": false, \"append_query_string\": true}", NULL},
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
             HG_TEST_CASE(what_a_place_cannot_hold_is_encoded),
             HG_TEST_CASE(an_answer_has_the_body_of_its_status),
             HG_TEST_CASE(the_port_of_https_is_an_attribute),
             HG_TEST_CASE(every_field_is_told),
             HG_TEST_CASE(configurations_are_judged))
