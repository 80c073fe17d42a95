/* test_echo.c - what becomes of bodies and headers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <hotgate/test.h>

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))
#define NAME              "echo"

static const char *plugin_path; /* of the built object: the program's argument */

static void failed(void *context, const char *text)
{
    (void)context;
    fail_msg("%s", text);
}

static int begin(void **state)
{
    hg_error err = HG_ERROR_INIT;
    hg_test *test = hg_test_new();

    *state = test;
    hg_test_on_failure(test, failed, NULL);
    if (hg_test_load(test, plugin_path, NULL, &err) != HG_OK) {
        print_error("%s\n", err.text);
        return -1;
    }
    return 0;
}

static int end(void **state)
{
    hg_test_free(*state);
    return 0;
}

/* Sends a request through a route with that configuration. */
static const hg_test_exchange *
run(hg_test *test, const char *config, const hg_test_request *request)
{
    char route[4096];
    hg_error err = HG_ERROR_INIT;

    (void)snprintf(route, sizeof(route),
                   "{\"uri\": \"/*\", \"plugins\": {\"" NAME "\": %s},"
                   " \"upstream\": {\"nodes\": {\"127.0.0.1:80\": 1}}}",
                   config);
    if (hg_test_put(test, "routes/1", route, &err) != HG_OK) {
        fail_msg("%s: %s", config, err.text);
    }
    return hg_test_send(test, request);
}

/* Judges rows of configurations. */
typedef struct judged {
    const char *label;
    const char *config;
    const char *text; /* part of the finding; NULL: accepted */
} judged;

static void judge(hg_test *test, const judged *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        hg_error err = HG_ERROR_INIT;
        hg_status status = hg_test_check(test, NAME, HG_TEST_ON_ROUTE, rows[i].config, NULL, &err);

        if ((status == HG_OK) != (rows[i].text == NULL) ||
            (rows[i].text != NULL && strstr(err.text, rows[i].text) == NULL)) {
            fail_msg("%s: got %d \"%s\"", rows[i].label, (int)status, err.text);
        }
    }
}

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
            exchange = run(*state, cases[i].config, &request);
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
        run(*state, "{\"before_body\": \"<\", \"after_body\": \">\"}", &request)->body, "<>");
}

static void headers_are_set_and_stale_ones_go(void **state)
{
    hg_test_request request = {.uri = "/"};
    hg_test_upstream upstream = {.headers = "X-Text: old\nContent-Encoding: gzip\nETag: \"1\"\n"
                                            "Last-Modified: Tue, 14 Nov 2023 22:13:20 GMT\n",
                                 .body = "abc"};
    const hg_test_exchange *exchange;

    hg_test_set_upstream(*state, &upstream);
    exchange = run(*state,
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

    assert_int_equal(run(*state, "{\"body\": \"x\"}", &request)->body_length, 0);
}

static void configurations_are_judged(void **state)
{
    static const judged rows[] = {
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

    judge(*state, rows, ARRAY_SIZE(rows));
}

int main(int count, char **arguments)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_body_is_framed_or_replaced, begin, end),
        cmocka_unit_test_setup_teardown(an_empty_body_is_framed_too, begin, end),
        cmocka_unit_test_setup_teardown(headers_are_set_and_stale_ones_go, begin, end),
        cmocka_unit_test_setup_teardown(a_response_to_head_stays_empty, begin, end),
        cmocka_unit_test_setup_teardown(configurations_are_judged, begin, end),
    };

    plugin_path = count > 1 ? arguments[1] : "./" NAME ".so";
    return cmocka_run_group_tests_name(NAME, tests, NULL, NULL);
}
