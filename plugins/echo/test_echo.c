/* test_echo.c - what becomes of bodies and headers. */
#include <stdio.h>
#include <string.h>

#include <hotgate/test_cmocka.h>

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

static void the_body_is_framed_or_replaced(void **state)
{
    static const struct {
        const char *label;
        const char *config;
        const char *body;
    } cases[] = {
        {"before", "{\"before_body\": \"<\"}", "<abcdef"},
        {"after", "{\"after_body\": \">\"}", "abcdef>"},
        {"both", "{\"before_body\": \"<\", \"after_body\": \">\"}", "<abcdef>"},
        {"replaced", "{\"body\": \"x\"}", "x"},
        {"replaced and framed", "{\"before_body\": \"<\", \"body\": \"x\", \"after_body\": \">\"}",
         "<x>"},
        {"replaced by nothing", "{\"body\": \"\"}", ""},
    };
    static const size_t pieces[] = {0, 1, 4, 6};

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        for (size_t k = 0; k < ARRAY_SIZE(pieces); k++) {
            hg_test_request request = {.uri = "/"};
            hg_test_upstream upstream = {.body = "abcdef", .piece_bytes = pieces[k]};
            const hg_test_exchange *exchange;

            hg_test_set_upstream(*state, &upstream);
            exchange = hg_test_run(*state, cases[i].config, &request);
            if (exchange->status != 200 || strcmp(exchange->body, cases[i].body) != 0) {
                fail_msg("%s in pieces of %zu: got %s", cases[i].label, pieces[k], exchange->body);
            }
        }
    }
}

static void an_empty_body_is_framed_too(void **state)
{
    hg_test_request request = {.uri = "/"};

    assert_string_equal(
        hg_test_run(*state, "{\"before_body\": \"<\", \"after_body\": \">\"}", &request)->body,
        "<>");
}

static void headers_are_set_and_stale_ones_go(void **state)
{
    hg_test_request request = {.uri = "/"};
    hg_test_upstream upstream = {.headers = "X-Text: old\nContent-Encoding: gzip\nETag: \"1\"\n"
                                            "Last-Modified: Tue, 14 Nov 2023 22:13:20 GMT\n",
                                 .body = "abc"};
    const hg_test_exchange *exchange;

    hg_test_set_upstream(*state, &upstream);
    exchange =
        hg_test_run(*state,
                    "{\"after_body\": \"\", \"headers\": {\"X-Text\": \"new\", \"X-Int\": 42,"
                    " \"X-Real\": 1.5}}",
                    &request);
    assert_string_equal(hg_test_header(*state, exchange, "X-Text"), "new");
    assert_string_equal(hg_test_header(*state, exchange, "X-Int"), "42");
    assert_string_equal(hg_test_header(*state, exchange, "X-Real"), "1.5");
    assert_null(hg_test_header(*state, exchange, "Content-Length"));
    assert_null(hg_test_header(*state, exchange, "Content-Encoding"));
    assert_null(hg_test_header(*state, exchange, "ETag"));
    assert_null(hg_test_header(*state, exchange, "Last-Modified"));
}

static void a_response_to_head_stays_empty(void **state)
{
    hg_test_request request = {.method = "HEAD"};

    assert_int_equal(hg_test_run(*state, "{\"body\": \"x\"}", &request)->body_length, 0);
}

static void configurations_are_judged(void **state)
{
    static const hg_test_row rows[] = {
        {"nothing", "{}", ""},
        {"headers alone", "{\"headers\": {\"A\": \"b\"}}", ""},
        {"no headers", "{\"body\": \"\", \"headers\": {}}", ""},
        {"headers", "{\"body\": \"\", \"headers\": {\"A\": \"b\"}}", NULL},
        {"header value of another type", "{\"body\": \"\", \"headers\": {\"A\": true}}", ""},
        {"header name", "{\"body\": \"\", \"headers\": {\"A B\": \"c\"}}",
         "/headers: found A B, wanted names of header fields"},
        {"header value of two lines", "{\"body\": \"\", \"headers\": {\"A\": \"b\\nC: d\"}}",
         "a line break"},
        {"body of another type", "{\"body\": 1}", ""},
        {"before_body of another type", "{\"before_body\": null}", ""},
        {"after_body of another type", "{\"after_body\": []}", ""},
    };

    hg_test_judge(*state, rows, ARRAY_SIZE(rows));
}

HG_TEST_MAIN("echo",
             HG_TEST_CASE(the_body_is_framed_or_replaced),
             HG_TEST_CASE(an_empty_body_is_framed_too),
             HG_TEST_CASE(headers_are_set_and_stale_ones_go),
             HG_TEST_CASE(a_response_to_head_stays_empty),
             HG_TEST_CASE(configurations_are_judged))
