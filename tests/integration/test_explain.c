/* tests/integration/test_explain.c - what `hotgate explain` tells is what a request gets. */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "tests/integration/command.h"
#include "tests/integration/gateway.h"
#include "tests/integration/origin.h"
#include "tests/unit/unit.h"

static gateway *running;
static origin *upstream;
static response got;

static int set_up(void **state)
{
    (void)state;
    upstream = origin_start();
    running = gateway_run(NULL);
    gateway_put(running, "services/s", "{\"upstream\": {\"nodes\": {\"127.0.0.1:%u\": 1}}}",
                origin_port(upstream));
    gateway_put(running, "consumers/jack",
                "{\"username\": \"jack\", \"plugins\": {\"key-auth\": {\"key\": \"k\"},"
                " \"response-rewrite\": {\"headers\": {\"set\": {\"X-Plan\": \"gold\"}}}}}");
    gateway_put(running, "global_rules/1", "{\"plugins\": {\"request-id\": {}}}");
    gateway_put(running, "routes/1",
                "{\"uri\": \"/shop/*\", \"service_id\": \"s\", \"plugins\": {\"key-auth\": {},"
                " \"limit-count\": {\"count\": 1, \"time_window\": 600},"
                " \"echo\": {\"body\": \"v2\", \"_meta\":"
                " {\"filter\": [[\"arg_version\", \"==\", \"v2\"]]}}}}");
    gateway_put(running, "routes/2", "{\"uri\": \"/*\", \"service_id\": \"s\"}");
    gateway_put(running, "routes/3",
                "{\"uri\": \"/shop/cart\", \"methods\": [\"POST\"], \"service_id\": \"s\"}");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    response_done(&got);
    gateway_free(running);
    origin_stop(upstream);
    return 0;
}

/* What the command prints with these arguments; the caller frees. */
static char *explain(int wanted, const char *const *arguments)
{
    const char *line[24] = {running->program, "explain", "-p", running->directory};
    command what = {.arguments = line};
    size_t count = 4;
    char *text = NULL;
    int code;

    while (*arguments != NULL) {
        line[count++] = *arguments++;
    }
    code = command_run(&what, &text);
    if (code != wanted) {
        fail_msg("exit code %d: %s", code, text);
    }
    return text;
}

#define EXPLAIN(wanted, ...) explain(wanted, (const char *const[]){__VA_ARGS__, NULL})

static void expect_line(const char *text, const char *line)
{
    const char *at = strstr(text, line);

    if (at == NULL || (at != text && at[-1] != '\n') || at[strlen(line)] != '\n') {
        fail_msg("no line \"%s\" in\n%s", line, text);
    }
}

static void request(const char *target, const char *headers)
{
    connection client;

    connection_open(&client, running->port);
    connection_request(&client, "GET", target, headers, NULL, &got);
    connection_close(&client);
}

static const char *header(const char *name)
{
    static char value[16384];
    const char *at = strstr(got.head, name);

    value[0] = '\0';
    if (at != NULL) {
        at += strlen(name) + 2;
        (void)snprintf(value, sizeof(value), "%.*s", (int)strcspn(at, "\r\n"), at);
    }
    return value;
}

/* -------------------------------------------------------------------------------- the command */

static void a_request_is_explained_and_goes_nowhere(void **state)
{
    size_t before = origin_requests(upstream);
    char *text;

    (void)state;
    /* More often than limit-count lets pass. */
    for (int i = 0; i < 3; i++) {
        text = EXPLAIN(0, "-H", "apikey: k", "GET", "http://shop.com/shop/cart?version=v1");
        expect_line(text, "request: GET /shop/cart of shop.com from 127.0.0.1");
        expect_line(text, "route: 1");
        expect_line(text, "service: s");
        expect_line(text, "consumer: jack");
        expect_line(text, "upstream: services/s");
        expect_line(text, "1      /shop/*     taken         a prefix; all its conditions hold");
        expect_line(text, "2      /*          next          its prefix is shorter");
        expect_line(text, "3      /shop/cart  does not fit  its methods: [\"POST\"]");
        assert_non_null(strstr(text, "response-rewrite  consumers/jack  899"));
        assert_non_null(strstr(text, "is asked later, is false now"));
        assert_non_null(strstr(text, "arg_version is \"v1\""));
        expect_line(text, "access         limit-count (routes/1)");
        free(text);
    }
    assert_int_equal(origin_requests(upstream), before);
    request("/shop/cart", "apikey: k\r\n"); /* the one that may pass */
    assert_int_equal(got.status, 200);
    request("/shop/cart", "apikey: k\r\n");
    assert_int_equal(got.status, 503);
    text = gateway_log(running, "logs/access.log");
    assert_null(strstr(text, "shop.com"));
    free(text);
    text = gateway_log(running, "logs/error.log");
    assert_null(strstr(text, "exits with http status code 401"));
    free(text);
}

static void what_the_request_says_decides(void **state)
{
    static const struct {
        const char *label;
        const char *arguments[12];
        const char *line;
    } cases[] = {
        {"nobody", {"GET", "/shop/a"}, "answer: 401 by key-auth of routes/1 in rewrite"},
        {"HEAD", {"HEAD", "/a"}, "request: HEAD /a of localhost from 127.0.0.1"},
        {"an unknown method", {"FOO", "/a"}, "request: FOO /a of localhost from 127.0.0.1"},
        {"another route", {"POST", "/shop/cart"}, "route: 3"},
        {"a filter that holds",
         {"-H", "apikey: k", "GET", "/shop/a?version=v2"},
         "header_filter  request-id (global_rules/1), response-rewrite (consumers/jack), echo "
         "(routes/1)"},
        {"a filter that holds for responses",
         {"--json", "--consumer", "jack", "GET", "/shop/a?version=v2"},
         "\"values\":{\"arg_version\":\"v2\"},\"filter\":\"is asked later, holds now\""},
        {"a named consumer", {"--consumer", "jack", "GET", "/shop/a"}, "consumer: jack"},
        {"a client",
         {"--client", "2001:db8::1", "GET", "/a"},
         "request: GET /a of localhost from 2001:db8::1"},
        {"an encoded path",
         {"GET", "/%61/../b%20c"},
         "request: GET /b c of localhost from 127.0.0.1"},
        {"a body", {"-d", "a=1", "-H", "Content-Type: text/plain", "POST", "/a"}, "route: 2"},
        {"a route that is asked for",
         {"--route", "3", "GET", "/else"},
         "3      -    does not fit  its path: \"/shop/cart\"; its methods: [\"POST\"]"},
        {"what nginx refuses",
         {"-H", "Host: a b", "GET", "/"},
         "answer: 400 by nginx, before the gateway sees the request"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char *text = explain(0, cases[i].arguments);

        if (strstr(text, cases[i].line) == NULL) {
            fail_msg("%s: no \"%s\" in\n%s", cases[i].label, cases[i].line, text);
        }
        free(text);
    }
}

/* Of routes that are tried and of those that are only told of, of filters now and later. */
static void what_stands_in_the_body_decides(void **state)
{
    char *text;

    (void)state;
    gateway_put(
        running, "routes/4",
        "{\"uri\": \"/body\", \"service_id\": \"s\", \"priority\": 1, \"vars\":"
        " [[\"post_arg.model\", \"==\", \"gpt\"]], \"plugins\": {\"echo\": {\"body\": \"a\","
        " \"_meta\": {\"filter\": [[\"post_arg.n\", \">\", 6]]}}, \"proxy-rewrite\":"
        " {\"uri\": \"/b\", \"_meta\": {\"filter\": [[\"post_arg.n\", \"<\", 6]]}}}}");
    gateway_put(running, "routes/5",
                "{\"uri\": \"/body\", \"service_id\": \"s\", \"vars\":"
                " [[\"post_arg.stream\", \"==\", false]]}");
    text = EXPLAIN(0, "-H", "Content-Type: application/json", "-d",
                   "{\"model\": \"gpt\", \"n\": 7, \"stream\": true}", "--json", "POST", "/body");
    if (strstr(text, "\"route\":\"4\"") == NULL ||
        strstr(text, "{\"post_arg.stream\":true}") == NULL ||
        strstr(text, "{\"post_arg.n\":7},\"filter\":\"is asked later, holds now\"") == NULL ||
        strstr(text, "{\"post_arg.n\":7}}") == NULL) {
        fail_msg("%s", text);
    }
    free(text);
    text = EXPLAIN(0, "-H", "Content-Type: application/json", "-d", "{\"stream\": false}", "POST",
                   "/body");
    expect_line(text, "route: 5");
    free(text);
}

static void wrong_usage_is_told(void **state)
{
    static const struct {
        const char *label;
        const char *arguments[8];
        int code;
        const char *text;
    } cases[] = {
        {"nothing", {NULL}, 2, "wants a method and a URI"},
        {"too much", {"GET", "/", "/"}, 2, "wants a method and a URI"},
        {"an unknown option", {"--what", "GET", "/"}, 2, "Usage: hotgate explain"},
        {"no path", {"GET", "a"}, 1, "/uri: found \"a\", wanted a path that begins with /"},
        {"no method", {"G T", "/"}, 1, "/method: found \"G T\", wanted a method of HTTP"},
        {"no address",
         {"--client", "x", "GET", "/"},
         1,
         "/client: found \"x\", wanted an IP address"},
        {"no header", {"-H", "x", "GET", "/"}, 1, "/headers/0: found \"x\""},
        {"no time",
         {"--token", "--valid", "long"},
         2,
         "--valid: found long, wanted a time like 10m"},
        {"too long a time", {"--token", "--valid", "2d"}, 1, "should be seconds, from 1 to 86400"},
        {"a token for a request", {"--token", "GET", "/"}, 2, "Usage: hotgate explain"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char *text = explain(cases[i].code, cases[i].arguments);

        if (strstr(text, cases[i].text) == NULL) {
            fail_msg("%s: got %s", cases[i].label, text);
        }
        free(text);
    }
}

/* ------------------------------------------------------------------------------------- the APIs */

static void both_apis_answer_the_same(void **state)
{
    admin_reply reply = gateway_admin(running, "GET", "/explain?uri=/a&method=PUT", NULL);
    char *by_control = NULL;
    char *url =
        text_format("http://127.0.0.1:%u/v1/explain?uri=/a&method=PUT", running->control_port);
    json_t *same;

    (void)state;
    assert_int_equal(reply.status, 200);
    assert_int_equal(
        command_run(&(command){.arguments = (const char *const[]){"curl", "-s", url, NULL}},
                    &by_control),
        0);
    same = json_loads(by_control, 0, NULL);
    assert_true(json_equal(same, reply.json));
    json_decref(same);
    free(by_control);
    assert_int_equal(
        command_run(
            &(command){.arguments = (const char *const[]){"curl", "-s", "-d",
                                                          "{\"uri\": \"/a\", \"method\": \"PUT\"}",
                                                          url, NULL}},
            &by_control),
        0);
    same = json_loads(by_control, 0, NULL);
    assert_true(json_equal(same, reply.json));
    json_decref(same);
    free(by_control);
    free(url);
    admin_reply_done(&reply);
    reply = gateway_admin(running, "POST", "/explain", "{\"uri\": 1, \"what\": 2}");
    assert_int_equal(reply.status, 400);
    assert_int_equal(json_array_size(json_object_get(reply.json, "errors")), 2);
    admin_reply_done(&reply);
    reply = gateway_admin(running, "DELETE", "/explain", NULL);
    assert_int_equal(reply.status, 404);
    admin_reply_done(&reply);
}

/* The socket through which workers are asked is for the gateway's own user and group. */
static void nobody_else_can_ask_a_worker(void **state)
{
    char *path = gateway_path(running, "run/explain");
    struct stat info;

    (void)state;
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 07777, 0750);
    free(path);
}

static bool all_serve(void)
{
    pid_t pids[GATEWAY_WORKERS_MAX];

    return gateway_workers(running, pids) == 2;
}

/* A master that is killed leaves its socket behind. */
static void a_new_master_explains_too(void **state)
{
    pid_t master = gateway_master(running);
    pid_t pids[GATEWAY_WORKERS_MAX];
    size_t count = gateway_workers(running, pids);
    char *text;

    (void)state;
    assert_int_equal(kill(master, SIGKILL), 0);
    for (size_t i = 0; i < count;
         i++) { /* they serve for a moment longer, and are asked by nobody */
        WAIT_UNTIL(!process_lives(pids[i]));
    }
    WAIT_UNTIL(gateway_master(running) != 0 && gateway_master(running) != master && all_serve());
    text = EXPLAIN(0, "GET", "/a");
    expect_line(text, "route: 2");
    free(text);
}

/* The gateway's own configuration is read again while it runs. */
static void a_configuration_that_is_read_again_changes_nothing_about_it(void **state)
{
    char *text;

    (void)state;
    assert_int_equal(kill(running->pid, SIGHUP), 0);
    gateway_wait_log(running, "logs/output.log", "the configuration was read again");
    WAIT_UNTIL(all_serve());
    text = EXPLAIN(0, "GET", "/a");
    expect_line(text, "route: 2");
    free(text);
}

/* ---------------------------------------------------------------------------------- live traffic
 */

/* The header line that `hotgate explain --token` prints; the caller frees. */
static char *token_line(void)
{
    char *text = EXPLAIN(0, "--token", "--valid", "1h");

    assert_int_equal(strncmp(text, "X-Hotgate-Explain: ", 19), 0);
    text[strcspn(text, "\n")] = '\0';
    return text;
}

static void a_real_request_is_explained_by_a_token(void **state)
{
    char *token = token_line();
    char *headers = text_format("%s\r\napikey: k\r\n", token);
    json_t *told;
    char *log;

    (void)state;
    request("/shop/cart?version=v2", headers);
    assert_int_equal(got.status, 200);
    told = json_loads(header("X-Hotgate-Explain"), 0, NULL);
    assert_string_equal(json_string_value(json_object_get(told, "route")), "1");
    assert_string_equal(json_string_value(json_object_get(told, "consumer")), "jack");
    json_decref(told);
    assert_string_equal(header("Apisix-Plugins"),
                        "request-id#rewrite,key-auth#rewrite,limit-count#access,"
                        "request-id#header_filter,response-rewrite#header_filter,"
                        "echo#header_filter,response-rewrite#body_filter,echo#body_filter");
    request("/a", headers);
    assert_non_null(strstr(got.body, "\"apikey\"")); /* the origin tells the headers it has got */
    assert_null(strstr(got.body, "x-hotgate-explain"));
    gateway_wait_log(running, "logs/error.log",
                     "explain: the request {\"request\":{\"method\":\"GET\"");
    gateway_wait_log(running, "logs/error.log", "explain: plugins {\"plugin\":\"key-auth\"");
    log = gateway_log(running, "logs/error.log");
    assert_null(strstr(log, token + 19));
    free(log);
    request("/shop/cart", headers); /* it counts as any other */
    assert_int_equal(got.status, 503);
    told = json_loads(header("X-Hotgate-Explain"), 0, NULL);
    assert_string_equal(
        json_string_value(json_object_get(json_object_get(told, "answer"), "plugin")),
        "limit-count");
    json_decref(told);
    free(headers);
    free(token);
}

static void no_other_header_explains_anything(void **state)
{
    char *token = token_line();

    (void)state;
    token[strlen(token) - 1] ^= 1;
    for (int i = 0; i < 2; i++) {
        char *headers = i == 0 ? text_format("%s\r\n", token)
                               : strdup("X-Hotgate-Explain: client=1.2.3.4&consumer=jack\r\n");

        request("/a", headers);
        assert_int_equal(got.status, 200);
        assert_null(strstr(got.head, "X-Hotgate-Explain"));
        assert_null(strstr(got.head, "Apisix-Plugins"));
        assert_null(strstr(got.body, "x-hotgate-explain")); /* the origin has not seen it */
        free(headers);
    }
    free(token);
}

/* What curl prints of a request to the Admin API with a viewer's key; the caller frees. */
static char *as_viewer(const char *method, const char *path)
{
    char *url = text_format("http://127.0.0.1:%u/apisix/admin%s", running->admin_port, path);
    char *text = NULL;

    assert_int_equal(
        command_run(
            &(command){.arguments =
                           (const char *const[]){"curl", "-s", "-X", method, "-H",
                                                 "X-API-KEY: " GATEWAY_KEY "-viewer", url, NULL}},
            &text),
        0);
    free(url);
    return text;
}

static void a_viewer_may_ask_and_gets_no_token(void **state)
{
    char *text = as_viewer("GET", "/explain?uri=/a");

    (void)state;
    assert_non_null(strstr(text, "\"route\":\"2\""));
    free(text);
    text = as_viewer("POST", "/explain/token");
    assert_non_null(strstr(text, "invalid method for role viewer"));
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_request_is_explained_and_goes_nowhere, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_the_request_says_decides, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_stands_in_the_body_decides, set_up, tear_down),
        cmocka_unit_test_setup_teardown(wrong_usage_is_told, set_up, tear_down),
        cmocka_unit_test_setup_teardown(both_apis_answer_the_same, set_up, tear_down),
        cmocka_unit_test_setup_teardown(nobody_else_can_ask_a_worker, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_new_master_explains_too, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_configuration_that_is_read_again_changes_nothing_about_it,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_real_request_is_explained_by_a_token, set_up, tear_down),
        cmocka_unit_test_setup_teardown(no_other_header_explains_anything, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_viewer_may_ask_and_gets_no_token, set_up, tear_down),
    };

    return report(cmocka_run_group_tests(tests, NULL, NULL));
}
