/* test_proxy_rewrite.c - what the upstream sees instead. */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <hotgate/test_cmocka.h>

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

static bool same(const char *found, const char *wanted)
{
    return found == NULL || wanted == NULL ? found == wanted : strcmp(found, wanted) == 0;
}

static void the_target_is_rewritten(void **state)
{
    static const struct {
        const char *label;
        const char *config;
        const char *sent;
        const char *uri;
        const char *arguments;
    } cases[] = {
        {"uri", "{\"uri\": \"/new\"}", "/old", "/new", NULL},
        {"arguments stay", "{\"uri\": \"/new\"}", "/old?a=1&b=2", "/new", "a=1&b=2"},
        {"arguments of the uri", "{\"uri\": \"/new?x=1\"}", "/old", "/new", "x=1"},
        {"both arguments", "{\"uri\": \"/new?x=1\"}", "/old?a=1", "/new", "x=1&a=1"},
        {"variables", "{\"uri\": \"/$request_method/${arg_a}?b=$arg_a\"}", "/?a=1", "/GET/1",
         "b=1&a=1"},
        {"fallback", "{\"uri\": \"/${arg_b ?? none}\"}", "/", "/none", NULL},
        {"path is encoded", "{\"uri\": \"/a b$arg_a\"}", "/?a=%20%25", "/a%20b%20%25", "a=%20%25"},
        {"question mark in a value", "{\"uri\": \"/$arg_a\"}", "/?a=1%3Fb", "/1%3Fb", "a=1%3Fb"},
        {"blank in arguments", "{\"uri\": \"/n?x=$arg_a\"}", "/?a=1%202", "/n", "x=1%202&a=1%202"},
        {"regex", "{\"regex_uri\": [\"^/old/(.*)$\", \"/new/$1\"]}", "/old/a/b", "/new/a/b", NULL},
        {"regex keeps arguments", "{\"regex_uri\": [\"^/old/(.*)$\", \"/new/$1\"]}", "/old/a?x=1",
         "/new/a", "x=1"},
        {"regex in braces", "{\"regex_uri\": [\"^/(a)(b)$\", \"/${2}${1}$0\"]}", "/ab", "/ba/ab",
         NULL},
        {"first match alone", "{\"regex_uri\": [\"a\", \"b\"]}", "/aaa", "/baa", NULL},
        {"in the middle", "{\"regex_uri\": [\"b+\", \"x\"]}", "/abbc", "/axc", NULL},
        {"no match", "{\"regex_uri\": [\"^/x\", \"/y\"]}", "/a%2Fb?c", "/a%2Fb", "c"},
        {"first of two pairs", "{\"regex_uri\": [\"^/a\", \"/1\", \"^/\", \"/2\"]}", "/a", "/1",
         NULL},
        {"second of two pairs", "{\"regex_uri\": [\"^/x\", \"/1\", \"^/\", \"/2\"]}", "/a", "/2a",
         NULL},
        {"regex with arguments", "{\"regex_uri\": [\"^/(.*)$\", \"/n?p=$1\"]}", "/old?x=1", "/n",
         "p=old&x=1"},
        {"group that is not there", "{\"regex_uri\": [\"^/(a)|b$\", \"/[$1$2]\"]}", "/b", "//[]",
         NULL},
        {"uri goes before regex", "{\"uri\": \"/u\", \"regex_uri\": [\"^/\", \"/r\"]}", "/", "/u",
         NULL},
        {"nothing of the target", "{\"method\": \"PUT\"}", "/a%2Fb//c?x", "/a%2Fb//c", "x"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        hg_test_request request = {.uri = cases[i].sent};
        const hg_test_exchange *exchange;

        exchange = hg_test_run(*state, cases[i].config, &request);
        if (exchange->status != 200 || !same(exchange->upstream_uri, cases[i].uri) ||
            !same(exchange->upstream_arguments, cases[i].arguments)) {
            fail_msg("%s: got %u %s ? %s", cases[i].label, exchange->status, exchange->upstream_uri,
                     exchange->upstream_arguments);
        }
    }
}

static void every_method_can_be_chosen(void **state)
{
    static const char *const methods[] = {"GET",     "POST",   "PUT",   "HEAD", "DELETE",
                                          "OPTIONS", "MKCOL",  "COPY",  "MOVE", "PROPFIND",
                                          "LOCK",    "UNLOCK", "PATCH", "TRACE"};

    for (size_t i = 0; i < ARRAY_SIZE(methods); i++) {
        hg_test_request request = {.method = "POST"};
        char config[64];

        (void)snprintf(config, sizeof(config), "{\"method\": \"%s\"}", methods[i]);
        assert_string_equal(hg_test_run(*state, config, &request)->upstream_method, methods[i]);
    }
}

static void the_host_is_rewritten(void **state)
{
    hg_test_request request = {.headers = "Host: client.example\n"};

    assert_string_equal(hg_test_run(*state, "{\"uri\": \"/\"}", &request)->upstream_host,
                        "client.example");
    assert_string_equal(
        hg_test_run(*state, "{\"host\": \"up.example:81\"}", &request)->upstream_host,
        "up.example:81");
    assert_string_equal(
        hg_test_run(*state, "{\"headers\": {\"Host\": \"h.example\"}}", &request)->upstream_host,
        "h.example");
}

static void headers_are_changed(void **state)
{
    static const struct {
        const char *label;
        const char *config;
        const char *value; /* of X-A as the upstream sees it; NULL: none */
    } cases[] = {
        {"flat", "{\"headers\": {\"X-A\": \"2\"}}", "2"},
        {"flat, number", "{\"headers\": {\"x-a\": 2}}", "2"},
        {"flat, fraction", "{\"headers\": {\"x-a\": 1.25}}", "1.25"},
        {"flat, empty", "{\"headers\": {\"X-A\": \"\"}}", ""},
        {"flat, variable", "{\"headers\": {\"X-A\": \"<$remote_addr>\"}}", "<127.0.0.1>"},
        {"add", "{\"headers\": {\"add\": {\"X-A\": \"2\"}}}", "1, 2"},
        {"set", "{\"headers\": {\"set\": {\"X-A\": \"2\"}}}", "2"},
        {"remove", "{\"headers\": {\"remove\": [\"x-a\"]}}", NULL},
        {"add, then set", "{\"headers\": {\"set\": {\"X-A\": 3}, \"add\": {\"X-A\": 2}}}", "3"},
        {"set, then remove", "{\"headers\": {\"remove\": [\"X-A\"], \"set\": {\"X-A\": 3}}}", NULL},
        {"a header called set", "{\"headers\": {\"set\": \"1\", \"X-A\": \"2\"}}", "2"},
        {"captures", "{\"regex_uri\": [\"^/(.)(.)$\", \"/$2\"], \"headers\": {\"X-A\": \"$2$1\"}}",
         "ba"},
        {"captures of no match",
         "{\"regex_uri\": [\"^/(x)$\", \"/\"], \"headers\":"
         " {\"X-A\": \"[$1]\"}}",
         "[]"},
        {"value that is not allowed", "{\"headers\": {\"X-A\": \"$arg_a\"}}", "1"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        hg_test_request request = {.uri = "/ab?a=x%0D%0AX-B:%201", .headers = "X-A: 1\n"};
        const hg_test_exchange *exchange = hg_test_run(*state, cases[i].config, &request);
        const char *value = hg_test_upstream_header(*state, exchange, "X-A");

        if (exchange->status != 200 || !same(value, cases[i].value)) {
            fail_msg("%s: got %s", cases[i].label, value);
        }
    }
}

static void a_target_that_cannot_be_sent_is_an_error(void **state)
{
    hg_test_request request = {.uri = "/a"};
    const hg_test_exchange *exchange =
        hg_test_run(*state, "{\"regex_uri\": [\"^/a\", \"http://x\"]}", &request);

    assert_int_equal(exchange->status, 500);
    assert_int_equal(exchange->tries, 0);
    assert_string_equal(exchange->body, "{\"message\":\"failed to rewrite the request\"}\n");
}

static void configurations_are_judged(void **state)
{
    static const hg_test_row rows[] = {
        {"nothing", "{}", ""},
        {"uri", "{\"uri\": \"/\"}", NULL},
        {"uri without a slash", "{\"uri\": \"a\"}", ""},
        {"empty uri", "{\"uri\": \"\"}", ""},
        {"uri of another type", "{\"uri\": 1}", ""},
        {"broken uri", "{\"uri\": \"/${a\"}", "${ without }"},
        {"one regex_uri", "{\"regex_uri\": [\"a\"]}", ""},
        {"three regex_uri", "{\"regex_uri\": [\"a\", \"b\", \"c\"]}", "an odd number of entries"},
        {"broken regex_uri", "{\"regex_uri\": [\"(\", \"b\"]}", "/regex_uri/0: found "},
        {"broken second regex_uri", "{\"regex_uri\": [\"a\", \"b\", \"c\", \"${\"]}",
         "/regex_uri/3: found "},
        {"method", "{\"method\": \"get\"}", ""},
        {"unknown method", "{\"method\": \"CONNECT\"}", ""},
        {"host", "{\"host\": \"a.b-c:65535\"}", NULL},
        {"host with a path", "{\"host\": \"a/b\"}", ""},
        {"host with a long port", "{\"host\": \"a:123456\"}", ""},
        {"no headers", "{\"headers\": {}}", ""},
        {"headers of another type", "{\"headers\": []}", ""},
        {"header value of another type", "{\"headers\": {\"A\": true}}", "strings and numbers"},
        {"header name", "{\"headers\": {\"A:\": \"b\"}}", "names of header fields"},
        {"broken header value", "{\"headers\": {\"A\": \"${\"}}", "${ without }"},
        {"empty add", "{\"headers\": {\"add\": {}, \"set\": {\"A\": \"b\"}}}", "/headers/add"},
        {"empty remove", "{\"headers\": {\"remove\": []}}", "/headers/remove"},
        {"remove of another type", "{\"headers\": {\"remove\": [1]}}", "/headers/remove"},
        {"operations and headers", "{\"headers\": {\"set\": {\"A\": \"b\"}, \"X\": \"y\"}}",
         "add, set and remove alone"},
        {"unsafe", "{\"uri\": \"/\", \"use_real_request_uri_unsafe\": true}", NULL},
        {"unsafe of another type", "{\"use_real_request_uri_unsafe\": 1}",
         "use_real_request_uri_unsafe"},
        {"safe", "{\"uri\": \"/\", \"use_real_request_uri_unsafe\": false}", NULL},
        {"scheme", "{\"scheme\": \"https\"}", "scheme"},
    };
    char config[8192];
    char path[4200];

    hg_test_judge(*state, rows, ARRAY_SIZE(rows));
    memset(path, 'a', sizeof(path));
    path[0] = '/';
    for (size_t length = 4096; length <= 4097; length++) {
        (void)snprintf(config, sizeof(config), "{\"uri\": \"%.*s\"}", (int)length, path);
        assert_int_equal(
            hg_test_check(*state, "proxy-rewrite", HG_TEST_ON_ROUTE, config, NULL, NULL),
            length == 4096 ? HG_OK : HG_ERR_INVALID);
    }
}

static void the_target_as_it_came_is_sent_on_demand(void **state)
{
    hg_test_request request = {.uri = "/a%2Fb//../%63?x=%20"};
    const hg_test_exchange *exchange = hg_test_run(
        *state, "{\"uri\": \"/new\", \"method\": \"POST\", \"use_real_request_uri_unsafe\": true}",
        &request);

    assert_string_equal(exchange->upstream_uri, "/a%2Fb//../%63");
    assert_string_equal(exchange->upstream_arguments, "x=%20");
    assert_string_equal(exchange->upstream_method, "POST");
}

HG_TEST_MAIN("proxy-rewrite",
             HG_TEST_CASE(the_target_is_rewritten),
             HG_TEST_CASE(every_method_can_be_chosen),
             HG_TEST_CASE(the_host_is_rewritten),
             HG_TEST_CASE(headers_are_changed),
             HG_TEST_CASE(a_target_that_cannot_be_sent_is_an_error),
             HG_TEST_CASE(the_target_as_it_came_is_sent_on_demand),
             HG_TEST_CASE(configurations_are_judged))
