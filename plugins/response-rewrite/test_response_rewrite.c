/* test_response_rewrite.c - what the client sees instead. */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <hotgate/test_cmocka.h>

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

static bool same(const char *found, const char *wanted)
{
    return found == NULL || wanted == NULL ? found == wanted : strcmp(found, wanted) == 0;
}

static void the_status_is_replaced(void **state)
{
    static const uint32_t statuses[] = {200, 404, 598};
    hg_test_request request = {.uri = "/"};

    for (size_t i = 0; i < ARRAY_SIZE(statuses); i++) {
        char config[64];

        (void)snprintf(config, sizeof(config), "{\"status_code\": %u}", statuses[i]);
        assert_int_equal(hg_test_run(*state, config, &request)->status, statuses[i]);
    }
}

static void headers_are_changed(void **state)
{
    static const struct {
        const char *label;
        const char *headers;
        const char *value; /* of X-A as the client sees it; NULL: none */
    } cases[] = {
        {"flat", "{\"X-A\": \"2\"}", "2"},
        {"flat, number", "{\"x-a\": 2}", "2"},
        {"flat, fraction", "{\"x-a\": 0.5}", "0.5"},
        {"flat, empty", "{\"X-A\": \"\"}", ""},
        {"flat, variables", "{\"X-A\": \"$remote_addr $upstream_status\"}", "127.0.0.1 200"},
        {"add", "{\"add\": [\"X-A: 2\", \"X-A:3:4\"]}", "1, 2, 3:4"},
        {"add with variable", "{\"add\": [\"X-A : $request_method\"]}", "1, GET"},
        {"set", "{\"set\": {\"X-A\": \"2\"}}", "2"},
        {"remove", "{\"remove\": [\"x-a\"]}", NULL},
        {"add, then set", "{\"set\": {\"X-A\": 3}, \"add\": [\"X-A: 2\"]}", "3"},
        {"set, then remove", "{\"remove\": [\"X-A\"], \"set\": {\"X-A\": 3}}", NULL},
        {"a header called add", "{\"add\": \"1\", \"X-A\": \"2\"}", "2"},
        {"value that is not allowed", "{\"X-A\": \"$arg_a\"}", "1"},
    };
    hg_test_upstream upstream = {.headers = "X-A: 1\n", .body = "abc"};

    hg_test_set_upstream(*state, &upstream);
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        hg_test_request request = {.uri = "/?a=%0A"};
        const hg_test_exchange *exchange;
        char config[256];

        (void)snprintf(config, sizeof(config), "{\"headers\": %s}", cases[i].headers);
        exchange = hg_test_run(*state, config, &request);
        if (!same(hg_test_header(*state, exchange, "X-A"), cases[i].value) ||
            !same(exchange->body, "abc") ||
            !same(hg_test_header(*state, exchange, "Content-Length"), "3")) {
            fail_msg("%s: got %s", cases[i].label, hg_test_header(*state, exchange, "X-A"));
        }
    }
}

static void the_body_is_replaced(void **state)
{
    static const struct {
        const char *label;
        const char *config;
        const char *body;
        size_t length;
    } cases[] = {
        {"text", "{\"body\": \"new\"}", "new", 3},
        {"nothing", "{\"body\": \"\"}", "", 0},
        {"base64", "{\"body\": \"SGVsbG8=\", \"body_base64\": true}", "Hello", 5},
        {"base64 of any bytes", "{\"body\": \"AP8Q\", \"body_base64\": true}", "\x00\xff\x10", 3},
        {"base64, two missing", "{\"body\": \"YQ==\", \"body_base64\": true}", "a", 1},
        {"no variables", "{\"body\": \"$remote_addr\"}", "$remote_addr", 12},
    };
    static const size_t pieces[] = {0, 1, 4};

    for (size_t i = 0; i < ARRAY_SIZE(cases) * ARRAY_SIZE(pieces); i++) {
        hg_test_request request = {.uri = "/"};
        hg_test_upstream upstream = {.headers = "Content-Encoding: gzip\nETag: \"1\"\n"
                                                "Last-Modified: Tue, 14 Nov 2023 22:13:20 GMT\n",
                                     .body = "abcdef",
                                     .piece_bytes = pieces[i % ARRAY_SIZE(pieces)]};
        size_t k = i / ARRAY_SIZE(pieces);
        const hg_test_exchange *exchange;

        hg_test_set_upstream(*state, &upstream);
        exchange = hg_test_run(*state, cases[k].config, &request);
        if (exchange->body_length != cases[k].length ||
            memcmp(exchange->body, cases[k].body, cases[k].length) != 0 ||
            hg_test_header(*state, exchange, "Content-Length") != NULL ||
            hg_test_header(*state, exchange, "Content-Encoding") != NULL ||
            hg_test_header(*state, exchange, "ETag") != NULL ||
            hg_test_header(*state, exchange, "Last-Modified") != NULL) {
            fail_msg("%s in pieces of %zu: got %s", cases[k].label, upstream.piece_bytes,
                     exchange->body);
        }
    }
}

static void filters_replace_what_matches(void **state)
{
    static const struct {
        const char *label;
        const char *filters;
        const char *body;
    } cases[] = {
        {"once", "{\"regex\": \"b\", \"replace\": \"x\"}", "axb Bb\nab\xc3\xa4"},
        {"global", "{\"regex\": \"b\", \"replace\": \"x\", \"scope\": \"global\"}",
         "axx Bx\nax\xc3\xa4"},
        {"no match", "{\"regex\": \"z\", \"replace\": \"x\"}", "abb Bb\nab\xc3\xa4"},
        {"removed", "{\"regex\": \"b+\", \"replace\": \"\", \"scope\": \"global\"}",
         "a B\na\xc3\xa4"},
        {"groups", "{\"regex\": \"(a)(b)\", \"replace\": \"${2}$1[$0]$$1\"}",
         "ba[ab]$1b Bb\nab\xc3\xa4"},
        {"any case",
         "{\"regex\": \"b\", \"replace\": \"x\", \"scope\": \"global\","
         " \"options\": \"joi\"}",
         "axx xx\nax\xc3\xa4"},
        {"lines",
         "{\"regex\": \"^ab$\", \"replace\": \"x\", \"scope\": \"global\","
         " \"options\": \"jom\"}",
         "abb Bb\nab\xc3\xa4"},
        {"beginnings of lines",
         "{\"regex\": \"^a\", \"replace\": \"x\", \"scope\": \"global\","
         " \"options\": \"m\"}",
         "xbb Bb\nxb\xc3\xa4"},
        {"line breaks", "{\"regex\": \"B.*a\", \"replace\": \"x\", \"options\": \"s\"}",
         "abb xb\xc3\xa4"},
        {"blanks", "{\"regex\": \"b b\", \"replace\": \"x\", \"options\": \"x\"}",
         "ax Bb\nab\xc3\xa4"},
        {"empty matches", "{\"regex\": \"z*\", \"replace\": \"-\", \"scope\": \"global\"}",
         "-a-b-b- -B-b-\n-a-b-\xc3\xa4-"},
        {"the beginning is there once",
         "{\"regex\": \"^.\", \"replace\": \"\","
         " \"scope\": \"global\"}",
         "bb Bb\nab\xc3\xa4"},
        {"what stands before counts",
         "{\"regex\": \"(?<=b)b\", \"replace\": \"x\","
         " \"scope\": \"global\"}",
         "abx Bb\nab\xc3\xa4"},
        {"two filters",
         "{\"regex\": \"a\", \"replace\": \"c\"}, {\"regex\": \"c\","
         " \"replace\": \"d\"}",
         "dbb Bb\nab\xc3\xa4"},
    };
    static const size_t pieces[] = {0, 1, 5};

    for (size_t i = 0; i < ARRAY_SIZE(cases) * ARRAY_SIZE(pieces); i++) {
        hg_test_request request = {.uri = "/"};
        hg_test_upstream upstream = {.headers = "ETag: \"1\"\n",
                                     .body = "abb Bb\nab\xc3\xa4",
                                     .piece_bytes = pieces[i % ARRAY_SIZE(pieces)]};
        size_t k = i / ARRAY_SIZE(pieces);
        const hg_test_exchange *exchange;
        char config[512];
        char length[24];

        hg_test_set_upstream(*state, &upstream);
        (void)snprintf(config, sizeof(config), "{\"filters\": [%s]}", cases[k].filters);
        exchange = hg_test_run(*state, config, &request);
        (void)snprintf(length, sizeof(length), "%zu", strlen(cases[k].body));
        if (!same(exchange->body, cases[k].body) ||
            !same(hg_test_header(*state, exchange, "Content-Length"), length) ||
            hg_test_header(*state, exchange, "ETag") != NULL) {
            fail_msg("%s in pieces of %zu: got %s", cases[k].label, upstream.piece_bytes,
                     exchange->body);
        }
    }
}

static void bodies_that_filters_cannot_take_pass_unchanged(void **state)
{
    hg_test_request request = {.uri = "/"};
    hg_test_upstream encoded = {.headers = "Content-Encoding: br\nETag: \"1\"\n", .body = "aaa"};
    hg_test_upstream damaged = {.headers = "Content-Encoding: gzip\nETag: \"1\"\n", .body = "aaa"};
    hg_test_upstream large = {.body = "aaaaa", .piece_bytes = 2};
    static const char config[] = "{\"max_resp_body_size\": 4, \"filters\":"
                                 " [{\"regex\": \"a\", \"replace\": \"b\"}]}";
    const hg_test_exchange *exchange;

    hg_test_set_upstream(*state, &encoded);
    exchange = hg_test_run(*state, config, &request);
    assert_string_equal(exchange->body, "aaa");
    assert_string_equal(hg_test_header(*state, exchange, "ETag"), "\"1\"");
    assert_string_equal(hg_test_header(*state, exchange, "Content-Encoding"), "br");
    assert_int_equal(hg_test_log_count(*state, HG_LOG_WARN, "encoded body: br"), 1);

    hg_test_set_upstream(*state, &damaged);
    exchange = hg_test_run(*state, config, &request);
    assert_string_equal(exchange->body, "aaa");
    assert_string_equal(hg_test_header(*state, exchange, "Content-Encoding"), "gzip");
    assert_int_equal(hg_test_log_count(*state, HG_LOG_WARN, "is damaged or longer than 4"), 1);

    hg_test_set_upstream(*state, &large);
    exchange = hg_test_run(*state, config, &request);
    assert_string_equal(exchange->body, "aaaaa");
    assert_int_equal(hg_test_log_count(*state, HG_LOG_WARN, "larger than its limit of 4 bytes"), 1);
}

static void compressed_bodies_are_unpacked_for_filters(void **state)
{
    /* "abab" by gzip and by zlib. */
    static const unsigned char gzip[] = {0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00,
                                         0x02, 0xff, 0x4b, 0x4c, 0x4a, 0x4c, 0x02, 0x00,
                                         0xa6, 0x0a, 0xd7, 0x36, 0x04, 0x00, 0x00, 0x00};
    static const unsigned char zlib[] = {0x78, 0x9c, 0x4b, 0x4c, 0x4a, 0x4c,
                                         0x02, 0x00, 0x03, 0xd2, 0x01, 0x87};
    static const struct {
        const char *label;
        const char *headers;
        const void *body;
        size_t length;
        const char *config;
        const char *wanted; /* NULL: as it came */
    } cases[] = {
        {"gzip", "Content-Encoding: gzip\nETag: \"1\"\n", gzip, sizeof(gzip),
         "{\"filters\": [{\"regex\": \"a\", \"replace\": \"c\"}]}", "cbab"},
        {"deflate", "Content-Encoding: DEFLATE\n", zlib, sizeof(zlib),
         "{\"filters\": [{\"regex\": \"b\", \"replace\": \"\", \"scope\": \"global\"}]}", "aa"},
        {"no match", "Content-Encoding: gzip\n", gzip, sizeof(gzip),
         "{\"filters\": [{\"regex\": \"x\", \"replace\": \"c\"}]}", "abab"},
        {"cut short", "Content-Encoding: gzip\n", gzip, sizeof(gzip) - 9,
         "{\"filters\": [{\"regex\": \"a\", \"replace\": \"c\"}]}", NULL},
        {"longer than the limit", "Content-Encoding: deflate\n", zlib, sizeof(zlib),
         "{\"max_resp_body_size\": 3, \"filters\": [{\"regex\": \"a\", \"replace\": \"c\"}]}",
         NULL},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        hg_test_request request = {.uri = "/"};
        hg_test_upstream upstream = {.headers = cases[i].headers,
                                     .body = cases[i].body,
                                     .body_length = cases[i].length,
                                     .piece_bytes = 5};
        const hg_test_exchange *exchange;
        bool opened = cases[i].wanted != NULL;

        hg_test_set_upstream(*state, &upstream);
        exchange = hg_test_run(*state, cases[i].config, &request);
        if ((hg_test_header(*state, exchange, "Content-Encoding") == NULL) != opened ||
            exchange->body_length != (opened ? strlen(cases[i].wanted) : cases[i].length) ||
            memcmp(exchange->body, opened ? cases[i].wanted : cases[i].body,
                   exchange->body_length) != 0) {
            fail_msg("%s: got %zu bytes: %s", cases[i].label, exchange->body_length,
                     exchange->body);
        }
    }
}

static void variables_decide_which_responses_are_changed(void **state)
{
    static const struct {
        const char *label;
        const char *vars;
        bool changed;
    } cases[] = {
        {"status", "[[\"status\", \"==\", 200]]", true},
        {"another status", "[[\"status\", \"==\", 404]]", false},
        {"argument", "[[\"arg_a\", \"==\", \"1\"]]", true},
        {"header of the response", "[[\"sent_http_x_a\", \"==\", \"1\"]]", true},
        {"of the upstream", "[[\"upstream_http_x_a\", \"~=\", \"1\"]]", false},
        {"either", "[\"OR\", [\"arg_a\", \"==\", \"2\"], [\"arg_a\", \"==\", \"1\"]]", true},
        {"always", "[]", true},
    };
    static const char *const changes[] = {
        "\"status_code\": 201, \"headers\": {\"X-B\": \"2\"}, \"body\": \"new\"",
        "\"status_code\": 201, \"headers\": {\"X-B\": \"2\"},"
        " \"filters\": [{\"regex\": \"old\", \"replace\": \"new\"}]",
    };
    hg_test_upstream upstream = {.headers = "X-A: 1\n", .body = "old"};

    hg_test_set_upstream(*state, &upstream);
    for (size_t i = 0; i < ARRAY_SIZE(cases) * ARRAY_SIZE(changes); i++) {
        hg_test_request request = {.uri = "/?a=1"};
        const hg_test_exchange *exchange;
        size_t k = i / ARRAY_SIZE(changes);
        char config[512];

        (void)snprintf(config, sizeof(config), "{%s, \"vars\": %s}", changes[i % 2], cases[k].vars);
        exchange = hg_test_run(*state, config, &request);
        if ((exchange->status == 201) != cases[k].changed ||
            (hg_test_header(*state, exchange, "X-B") != NULL) != cases[k].changed ||
            !same(exchange->body, cases[k].changed ? "new" : "old")) {
            fail_msg("%s: got %u %s", cases[k].label, exchange->status, exchange->body);
        }
    }
}

static void responses_of_the_gateway_are_changed_too(void **state)
{
    hg_test_request request = {.uri = "/"};
    hg_test_upstream dead = {.failures = 9};
    const hg_test_exchange *exchange;

    hg_test_set_upstream(*state, &dead);
    exchange = hg_test_run(*state, "{\"status_code\": 200, \"body\": \"sorry\"}", &request);
    assert_int_equal(exchange->status, 200);
    assert_string_equal(exchange->body, "sorry");
}

static void configurations_are_judged(void **state)
{
    static const hg_test_row rows[] = {
        {"nothing", "{}", NULL},
        {"status 199", "{\"status_code\": 199}", ""},
        {"status 200", "{\"status_code\": 200}", NULL},
        {"status 598", "{\"status_code\": 598}", NULL},
        {"status 599", "{\"status_code\": 599}", ""},
        {"body of another type", "{\"body\": {}}", ""},
        {"base64 without body", "{\"body_base64\": true}", "invalid base64 content"},
        {"base64 of nothing", "{\"body\": \"\", \"body_base64\": true}", "invalid base64 content"},
        {"no base64", "{\"body\": \"a?b=\", \"body_base64\": true}", "invalid base64 content"},
        {"cut base64", "{\"body\": \"abc\", \"body_base64\": true}", "invalid base64 content"},
        {"no headers", "{\"headers\": {}}", ""},
        {"header value of another type", "{\"headers\": {\"A\": null}}", "strings and numbers"},
        {"header name", "{\"headers\": {\"A B\": \"b\"}}", "names of header fields"},
        {"broken header value", "{\"headers\": {\"A\": \"${\"}}", "${ without }"},
        {"empty add", "{\"headers\": {\"add\": []}}", "/headers/add"},
        {"add without a colon", "{\"headers\": {\"add\": [\"a b\"]}}", "/headers/add"},
        {"add of another type", "{\"headers\": {\"add\": [1]}}", "/headers/add"},
        {"empty set", "{\"headers\": {\"set\": {}}}", "/headers/set"},
        {"empty remove", "{\"headers\": {\"remove\": []}}", "/headers/remove"},
        {"remove of another type", "{\"headers\": {\"remove\": [1]}}", "/headers/remove"},
        {"operations and headers", "{\"headers\": {\"remove\": [\"A\"], \"X\": \"y\"}}",
         "add, set and remove alone"},
        {"vars", "{\"body\": \"x\", \"vars\": [[\"status\", \"==\", 200]]}", NULL},
        {"vars of another type", "{\"body\": \"x\", \"vars\": {}}", "vars"},
        {"broken vars", "{\"body\": \"x\", \"vars\": [[\"status\", \"=\", 200]]}",
         "invalid operator '='"},
        {"vars without brackets", "{\"body\": \"x\", \"vars\": [\"status\", \"==\", 200]}",
         "rule should be wrapped inside brackets"},
        {"groups of one name",
         "{\"filters\": [{\"regex\": \"(?<a>x)(?<a>y)\", \"replace\": \"\", \"options\": "
         "\"joD\"}]}",
         NULL},
        {"groups of one name without the option",
         "{\"filters\": [{\"regex\": \"(?<a>x)(?<a>y)\", \"replace\": \"\"}]}", "/filters/0/regex"},
        {"no filters", "{\"filters\": []}", ""},
        {"filter without regex", "{\"filters\": [{\"replace\": \"a\"}]}", ""},
        {"filter without replace", "{\"filters\": [{\"regex\": \"a\"}]}", ""},
        {"empty regex", "{\"filters\": [{\"regex\": \"\", \"replace\": \"a\"}]}", ""},
        {"broken regex", "{\"filters\": [{\"regex\": \"(\", \"replace\": \"a\"}]}",
         "/filters/0/regex"},
        {"scope", "{\"filters\": [{\"regex\": \"a\", \"replace\": \"a\", \"scope\": \"all\"}]}",
         ""},
        {"options", "{\"filters\": [{\"regex\": \"a\", \"replace\": \"a\", \"options\": \"a\"}]}",
         "/filters/0/options"},
        {"body and filters",
         "{\"body\": \"\", \"filters\": [{\"regex\": \"a\", \"replace\": \"a\"}]}", ""},
        {"max_resp_body_size", "{\"max_resp_body_size\": 0}", ""},
    };

    hg_test_judge(*state, rows, ARRAY_SIZE(rows));
}

HG_TEST_MAIN("response-rewrite",
             HG_TEST_CASE(the_status_is_replaced),
             HG_TEST_CASE(headers_are_changed),
             HG_TEST_CASE(the_body_is_replaced),
             HG_TEST_CASE(filters_replace_what_matches),
             HG_TEST_CASE(bodies_that_filters_cannot_take_pass_unchanged),
             HG_TEST_CASE(compressed_bodies_are_unpacked_for_filters),
             HG_TEST_CASE(variables_decide_which_responses_are_changed),
             HG_TEST_CASE(responses_of_the_gateway_are_changed_too),
             HG_TEST_CASE(configurations_are_judged))
