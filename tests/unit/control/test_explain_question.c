/* tests/unit/control/test_explain_question.c - a question becomes the request that it is about. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/control/explain_question.h"
#include "tests/unit/unit.h"

/* What is sent for a question; the caller frees. */
static char *written(const char *question)
{
    json_t *value = json_loads(question, JSON_DECODE_ANY, NULL);
    hg_issues issues = {0};
    char *text = NULL;
    size_t length = 0;

    assert_non_null(value);
    if (hgh_explain_question_write(value, &text, &length, &issues) != HG_OK) {
        char line[512];

        fail_msg("%s: %s", question, hgh_issues_first(&issues, line, sizeof(line)));
    }
    assert_int_equal(strlen(text), length);
    json_decref(value);
    return text;
}

static void a_question_is_written_as_its_request(void **state)
{
    static const struct {
        const char *label;
        const char *question;
        const char *wanted;
    } cases[] = {
        {"path", "{\"uri\":\"/a?b=1\"}",
         "GET /a?b=1 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nX-Hotgate-Explain: "
         "\r\n\r\n"},
        {"method and URL", "{\"uri\":\"http://foo.com:8080/a#part\",\"method\":\"PATCH\"}",
         "PATCH /a HTTP/1.1\r\nHost: foo.com:8080\r\nConnection: close\r\nX-Hotgate-Explain: "
         "\r\n\r\n"},
        {"URL without a path", "{\"uri\":\"https://foo.com?x=1\"}",
         "GET /?x=1 HTTP/1.1\r\nHost: foo.com\r\nConnection: close\r\nX-Hotgate-Explain: "
         "\r\n\r\n"},
        {"a list of headers",
         "{\"uri\":\"/\",\"headers\":[\"Host: bar.com\",\"X-A:b\",\"X-A: c \",\"X-Empty:\"]}",
         "GET / HTTP/1.1\r\nHost: bar.com\r\nConnection: close\r\nX-A: b\r\nX-A: c \r\nX-Empty: "
         "\r\nX-Hotgate-Explain: \r\n\r\n"},
        {"headers by name", "{\"uri\":\"http://foo.com/\",\"headers\":{\"host\":\"bar.com\"}}",
         "GET / HTTP/1.1\r\nHost: bar.com\r\nConnection: close\r\nX-Hotgate-Explain: \r\n\r\n"},
        {"what is asked beside it",
         "{\"uri\":\"/\",\"client\":\"::1\",\"consumer\":\"a&b\",\"route\":\"1\"}",
         "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nX-Hotgate-Explain: "
         "client=%3A%3A1&consumer=a%26b&route=1\r\n\r\n"},
        {"a body", "{\"uri\":\"/\",\"method\":\"POST\",\"body\":\"a=1\"}",
         "POST / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nX-Hotgate-Explain: "
         "\r\nContent-Length: 3\r\n\r\na=1"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char *text = written(cases[i].question);

        if (strcmp(text, cases[i].wanted) != 0) {
            fail_msg("%s: got %s", cases[i].label, text);
        }
        free(text);
    }
}

/* Nothing can be smuggled into the connection to nginx, and all mistakes are told at once. */
static void a_question_that_is_none_is_refused_with_all_its_mistakes(void **state)
{
    static const struct {
        const char *label;
        const char *question;
        const char *pointers;
    } cases[] = {
        {"no object", "[]", " "},
        {"nothing", "{}", "/uri "},
        {"relative", "{\"uri\":\"a\"}", "/uri "},
        {"a line end in the path", "{\"uri\":\"/a\\r\\nX: y\"}", "/uri "},
        {"a blank in the path", "{\"uri\":\"/a b\"}", "/uri "},
        {"a NUL in the path", "{\"uri\":\"/a\\u0000b\"}", "/uri "},
        {"no text",
         "{\"uri\":1,\"method\":2,\"client\":3,\"consumer\":4,\"route\":5,\"body\":6,"
         "\"headers\":7}",
         "/method /uri /headers /client /consumer /route /body "},
        {"a method that is none", "{\"uri\":\"/\",\"method\":\"GE T\"}", "/method "},
        {"odd bytes in a method", "{\"uri\":\"/\",\"method\":\"G(T\"}", "/method "},
        {"a long method", "{\"uri\":\"/\",\"method\":\"MMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMM\"}",
         "/method "},
        {"headers that are none",
         "{\"uri\":\"/\",\"headers\":[\"a\",\"a b: c\",\": c\",\"a: b\\r\\nc: d\",\"a: "
         "\\u0000\",1]}",
         "/headers/0 /headers/1 /headers/2 /headers/3 /headers/4 /headers/5 "},
        {"headers of the connection",
         "{\"uri\":\"/\",\"headers\":{\"connection\":\"a\",\"Content-Length\":\"1\","
         "\"transfer-encoding\":\"chunked\",\"X-Hotgate-Explain\":\"route=1\",\"a/b\":\"c\"}}",
         "/headers/connection /headers/Content-Length /headers/transfer-encoding "
         "/headers/X-Hotgate-Explain /headers/a~1b "},
        {"an unknown member", "{\"uri\":\"/\",\"a/b\":1}", "/a~1b "},
        {"no address", "{\"uri\":\"/\",\"client\":\"localhost\"}", "/client "},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        json_t *value = json_loads(cases[i].question, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
        hg_issues issues = {0};
        char pointers[512] = "";
        char *text = NULL;
        size_t length = 0;

        assert_int_equal(hgh_explain_question_write(value, &text, &length, &issues),
                         HG_ERR_INVALID);
        assert_null(text);
        for (size_t k = 0; k < issues.count; k++) {
            (void)strcat(strcat(pointers, issues.items[k].pointer), " ");
        }
        if (strcmp(pointers, cases[i].pointers) != 0) {
            fail_msg("%s: got %s", cases[i].label, pointers);
        }
        hgh_issues_done(&issues);
        json_decref(value);
    }
}

static void a_query_is_a_question_too(void **state)
{
    const hgh_admin_argument arguments[] = {
        {"uri", "/a"}, {"header", "A: b"}, {"method", "PUT"}, {"header", "C: d"}};
    const hgh_admin_request request = {
        .method = "GET", .argument_count = ARRAY_SIZE(arguments), .arguments = arguments};
    hgh_admin_answer answer = {0};
    json_t *question = NULL;
    char *text;

    (void)state;
    assert_true(hgh_explain_question_read(&request, &question, &answer));
    text = json_dumps(question, JSON_COMPACT | JSON_SORT_KEYS);
    assert_string_equal(text,
                        "{\"headers\":[\"A: b\",\"C: d\"],\"method\":\"PUT\",\"uri\":\"/a\"}");
    free(text);
    json_decref(question);
}

static void a_body_that_is_no_json_is_answered(void **state)
{
    const hgh_admin_request request = {.method = "POST", .body = "{", .body_length = 1};
    hgh_admin_answer answer = {0};
    json_t *question = NULL;

    (void)state;
    assert_false(hgh_explain_question_read(&request, &question, &answer));
    assert_int_equal(answer.status, 400);
    hgh_admin_answer_done(&answer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_question_is_written_as_its_request),
        cmocka_unit_test(a_question_that_is_none_is_refused_with_all_its_mistakes),
        cmocka_unit_test(a_query_is_a_question_too),
        cmocka_unit_test(a_body_that_is_no_json_is_answered),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
