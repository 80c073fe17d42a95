/* tests/integration/test_ext_plugin_response.c - responses that a plugin runner judges: the real
 * ones, once, whatever they are like. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include "tests/integration/certificates.h"
#include "tests/integration/command.h"
#include "tests/integration/gateway.h"
#include "tests/integration/load.h"
#include "tests/integration/origin.h"
#include "tests/integration/scripted_runner.h"
#include "tests/integration/scripted_told.h"
#include "tests/unit/unit.h"

#define FOUNDING_VALUE "{\"enable\":\"feature\"}"
#define LARGE_BYTES    (40u << 20)
#define LIMIT_BYTES    (1u << 20)

static gateway *running;
static origin *upstream;
static scripted_runner *runner;
static char *folder;
static response got;

static int set_up(void **state)
{
    char *settings;
    char *path;
    char *trust;

    (void)state;
    upstream = origin_start();
    folder = authority_make();
    certificate_make(folder, "m", "ec", "DNS:m.example");
    certificate_make(folder, "client", "ec", NULL);
    shell("chmod 755 '%s' && chmod 644 '%s/ca.pem'", folder, folder);
    path = text_format("%s/runner.sock", folder);
    runner = scripted_runner_start(path, scripted_told, NULL);
    settings = text_format("ext-plugin:\n  path_for_test: %s\n", path);
    trust = text_format("ssl_trusted_certificate: %s/ca.pem", folder);
    running = gateway_run(&(gateway_options){
        .workers = 1,
        .ssl = trust,
        .settings = settings,
        .hotgate = "ext_plugin: {call_timeout: 500ms, response_body_limit: 1m}",
    });
    free(settings);
    free(path);
    free(trust);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    response_done(&got);
    gateway_free(running);
    scripted_runner_stop(runner);
    origin_stop(upstream);
    folder_remove(folder);
    return 0;
}

/* ------------------------------------------------------------------------------- routes */

/* A route /NAME for all below, whose ext-plugin-post-resp has the runner do that; `more` are
 * further members of its configuration, `nodes` those before the origin, `members` those of the
 * route. */
static void route_put(
    const char *name, const char *told, const char *more, const char *nodes, const char *members)
{
    char *key = text_format("routes/%s", name);
    json_t *value = json_string(told);
    char *text = json_dumps(value, JSON_ENCODE_ANY);

    assert_non_null(text);
    gateway_put(
        running, key,
        "{\"uris\": [\"/%s\", \"/%s/*\"], \"plugins\": {\"ext-plugin-post-resp\": {\"conf\":"
        " [{\"name\": \"" SCRIPTED_PLUGIN "\", \"value\": %s}]%s}}, \"upstream\":"
        " {\"nodes\": {%s\"127.0.0.1:%u\": 1}}%s}",
        name, name, text, more, nodes, origin_port(upstream), members);
    free(text);
    free(key);
    json_decref(value);
}

static void tell(const char *name, const char *told)
{
    route_put(name, told, "", "", "");
}

static json_t *last_call(void)
{
    json_t *call = scripted_runner_last(runner, HGH_A6_HTTP_RESP_CALL);

    assert_non_null(call);
    return call;
}

/* What came to its first question; owned by the caller. */
static json_t *last_result(void)
{
    json_t *call = last_call();
    json_t *result =
        json_incref(json_object_get(json_array_get(json_object_get(call, "answers"), 0), "result"));

    json_decref(call);
    return result;
}

static void header_is(const char *label, const char *name, const char *wanted)
{
    const char *found = response_header(&got, name);

    if ((found == NULL) != (wanted == NULL) || (found != NULL && strcmp(found, wanted) != 0)) {
        fail_msg("%s: %s: %s\n%s", label, name, found, got.head);
    }
}

/* -------------------------------------------------------------------------- the founding page */

static void the_founding_example_works(void **state)
{
    json_t *call;

    (void)state;
    gateway_put(
        running, "routes/1",
        "{\"uri\": \"/index.html\", \"plugins\": {\"ext-plugin-post-resp\": {\"conf\" :"
        " [{\"name\": \"ext-plugin-A\", \"value\": \"{\\\"enable\\\":\\\"feature\\\"}\"}]}},"
        " \"upstream\": {\"type\": \"roundrobin\", \"nodes\": {\"127.0.0.1:%u\": 1}}}",
        origin_port(upstream));
    http_get(running->port, "/index.html", "", &got);
    assert_int_equal(got.status, 200);
    call = scripted_runner_last(runner, HGH_A6_PREPARE_CONF);
    assert_string_equal(
        json_string_value(json_array_get(json_array_get(json_object_get(call, "conf"), 0), 0)),
        "ext-plugin-A");
    assert_string_equal(
        json_string_value(json_array_get(json_array_get(json_object_get(call, "conf"), 0), 1)),
        FOUNDING_VALUE);
    json_decref(call);
    call = last_call();
    assert_int_equal(json_integer_value(json_object_get(call, "status")), 200);
    json_decref(call);

    gateway_put(running, "routes/1",
                "{\"uri\": \"/index.html\", \"upstream\": {\"type\": \"roundrobin\", \"nodes\":"
                " {\"127.0.0.1:%u\": 1}}}",
                origin_port(upstream));
    scripted_runner_clear(runner);
    http_get(running->port, "/index.html", "", &got);
    assert_int_equal(got.status, 200);
    assert_null(scripted_runner_last(runner, HGH_A6_HTTP_RESP_CALL));
}

/* ------------------------------------------------------------------------ what its answers do */

static void an_answer_changes_the_response(void **state)
{
    static const struct {
        const char *label;
        const char *told;
        int status;
        const char *body; /* NULL: the upstream's */
        const char *type; /* NULL: none */
        const char *x_new;
    } cases[] = {
        {"nothing", "{}", 200, NULL, "application/json", NULL},
        {"status", "{\"answer\": \"respond\", \"status\": 418}", 418, NULL, "application/json",
         NULL},
        {"body", "{\"answer\": \"respond\", \"body\": \"another\"}", 200, "another",
         "application/json", NULL},
        {"headers are all", "{\"answer\": \"respond\", \"headers\": [[\"X-New\", \"1\"]]}", 200,
         NULL, NULL, "1"},
        {"all",
         "{\"answer\": \"respond\", \"status\": 203, \"headers\": [[\"x-new\", \"1\"],"
         " [\"content-type\", \"a/b\"], [\"content-length\", \"99\"],"
         " [\"transfer-encoding\", \"x\"], [\"connection\", \"close\"]], \"body\": \"another\"}",
         203, "another", "a/b", "1"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        size_t before = origin_requests(upstream);

        tell("change", cases[i].told);
        http_get(running->port, "/change", "", &got);
        if (got.status != cases[i].status ||
            (cases[i].body == NULL ? strstr(got.body, "\"target\":\"/change\"") == NULL
                                   : strcmp(got.body, cases[i].body) != 0)) {
            fail_msg("%s: %d %s", cases[i].label, got.status, got.body);
        }
        header_is(cases[i].label, "Content-Type", cases[i].type);
        header_is(cases[i].label, "X-New", cases[i].x_new);
        header_is(cases[i].label, "Content-Length",
                  cases[i].body == NULL ? response_header(&got, "Content-Length") : "7");
        assert_int_equal(origin_requests(upstream), before + 1);
    }
}

static void several_headers_are_several_lines(void **state)
{
    (void)state;
    tell("lines", "{\"answer\": \"respond\", \"headers\": [[\"Set-Cookie\", \"a=1\"],"
                  " [\"set-cookie\", \"b=2\"]]}");
    http_get(running->port, "/lines", "", &got);
    assert_non_null(strstr(got.head, "Set-Cookie: a=1\r\n"));
    assert_non_null(strstr(got.head, "set-cookie: b=2\r\n"));
}

/* Those that nginx makes itself are there once all the same. */
static void headers_of_the_gateway_are_there_once(void **state)
{
    const char *date;
    const char *server;

    (void)state;
    tell("once", "{\"answer\": \"respond\", \"headers\": [[\"Date\", \"today\"],"
                 " [\"Server\", \"another\"]]}");
    http_get(running->port, "/once", "", &got);
    date = strstr(got.head, "Date: today\r\n");
    server = strstr(got.head, "Server: ");
    assert_true(date != NULL && server != NULL);
    assert_true(strstr(got.head, "Date: ") == date && strstr(date + 1, "Date: ") == NULL);
    assert_null(strstr(server + 1, "Server: "));
}

static void its_questions_are_answered(void **state)
{
    connection client = {.fd = -1};
    json_t *call;
    json_t *answers;

    (void)state;
    tell("asks", "{\"ask\": [\"(response body)\", \"(request body)\", \"upstream_status\","
                 " \"balancer_ip\"]}");
    assert_true(connection_open(&client, running->port));
    connection_request(&client, "POST", "/asks?bytes=5&chunked=1", "", "asked", &got);
    connection_close(&client);
    assert_string_equal(got.body, "abcde");
    call = last_call();
    answers = json_object_get(call, "answers");
    assert_string_equal(json_string_value(json_object_get(json_array_get(answers, 0), "result")),
                        "abcde");
    assert_string_equal(json_string_value(json_object_get(json_array_get(answers, 1), "result")),
                        "asked");
    assert_string_equal(json_string_value(json_object_get(json_array_get(answers, 2), "result")),
                        "200");
    assert_string_equal(json_string_value(json_object_get(json_array_get(answers, 3), "result")),
                        "127.0.0.1");
    json_decref(call);
}

static void codings_are_kept_or_taken_off(void **state)
{
    json_t *result;

    (void)state;
    tell("coded", "{\"ask\": [\"(response body)\"]}");
    http_get(running->port, "/coded?gzip=1", "Accept-Encoding: gzip\r\n", &got);
    header_is("as it is", "Content-Encoding", "gzip");
    result = last_result();
    assert_non_null(json_object_get(result, "hex")); /* no text */
    json_decref(result);

    route_put("coded", "{\"ask\": [\"(response body)\"]}", ", \"decode_body\": true", "", "");
    http_get(running->port, "/coded?gzip=1", "Accept-Encoding: gzip\r\n", &got);
    header_is("decoded for the runner alone", "Content-Encoding", "gzip");
    result = last_result();
    assert_true(json_is_string(result));
    json_decref(result);

    route_put("coded",
              "{\"ask\": [\"(response body)\"], \"answer\": \"respond\", \"body\": \"plain\"}",
              ", \"decode_body\": true", "", "");
    http_get(running->port, "/coded?gzip=1", "Accept-Encoding: gzip\r\n", &got);
    header_is("another body", "Content-Encoding", NULL);
    assert_string_equal(got.body, "plain");
}

/* --------------------------------------------------------------------- whatever responses are */

static void responses_without_a_body_go_through_once(void **state)
{
    static const struct {
        const char *method;
        const char *target;
        int status;
    } cases[] = {
        {"HEAD", "/none?bytes=1000", 200},
        {"GET", "/none?status=204", 204},
        {"GET", "/none?status=304", 304},
    };

    (void)state;
    tell("none",
         "{\"ask\": [\"(response body)\"], \"answer\": \"respond\", \"body\": \"not sent\"}");
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        connection client = {.fd = -1};
        size_t before = origin_requests(upstream);

        assert_true(connection_open(&client, running->port));
        connection_request(&client, cases[i].method, cases[i].target, "", NULL, &got);
        if (got.status != cases[i].status || got.length != 0 ||
            origin_requests(upstream) != before + 1) {
            fail_msg("%s: %d %s", cases[i].target, got.status, got.body);
        }
        connection_request(&client, "GET", "/none", "", NULL, &got); /* the connection is in step */
        assert_string_equal(got.body, "not sent");
        connection_close(&client);
    }
}

static void a_status_without_a_body_takes_it_away(void **state)
{
    static const int statuses[] = {204, 304};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(statuses); i++) {
        char *told = text_format("{\"answer\": \"respond\", \"status\": %d}", statuses[i]);
        connection client = {.fd = -1};

        tell("taken", told);
        tell("next", "{}");
        assert_true(connection_open(&client, running->port));
        connection_request(&client, "GET", "/taken?bytes=100000", "", NULL, &got);
        assert_int_equal(got.status, statuses[i]);
        assert_int_equal(got.length, 0);
        connection_request(&client, "GET", "/next", "", NULL, &got); /* it is in step */
        assert_int_equal(got.status, 200);
        assert_non_null(strstr(got.body, "\"target\":\"/next\""));
        connection_close(&client);
        free(told);
    }
}

static void failures_of_the_upstream_are_not_judged(void **state)
{
    char *nodes = text_format("\"127.0.0.1:%u\": 1000, ", free_port());

    (void)state;
    tell("fails", "{\"answer\": \"respond\", \"status\": 299}");
    scripted_runner_clear(runner);
    http_get(running->port, "/fails?close=1", "", &got);
    assert_int_equal(got.status, 502);
    assert_null(scripted_runner_last(runner, HGH_A6_HTTP_RESP_CALL));

    /* A try at a dead node is not, the next one is. */
    route_put("fails", "{\"answer\": \"respond\", \"status\": 299}", "", nodes, "");
    for (int i = 0; i < 5; i++) {
        http_get(running->port, "/fails", "", &got);
        assert_int_equal(got.status, 299);
    }
    route_put("fails", "{\"answer\": \"respond\", \"status\": 299}", "", "",
              ", \"timeout\": {\"connect\": 1, \"send\": 1, \"read\": 0.2}");
    scripted_runner_clear(runner);
    http_get(running->port, "/fails?delay=2000", "", &got);
    assert_int_equal(got.status, 504);
    assert_null(scripted_runner_last(runner, HGH_A6_HTTP_RESP_CALL));
    free(nodes);
}

static void a_body_that_nobody_asks_for_flows(void **state)
{
    char *target = text_format("/flows?bytes=%u", LARGE_BYTES);

    (void)state;
    tell("flows", "{\"answer\": \"respond\", \"status\": 203}");
    http_get(running->port, target, "", &got);
    assert_int_equal(got.status, 203);
    assert_int_equal(got.length, LARGE_BYTES);
    free(target);
}

static void a_body_is_handed_over_up_to_the_limit(void **state)
{
    static const struct {
        const char *label;
        const char *more;
        size_t bytes;
        int status;
        size_t length; /* 0: not looked at */
    } cases[] = {
        {"the longest", "", LIMIT_BYTES, 200, LIMIT_BYTES},
        {"longer", "", LIMIT_BYTES + 1, 503, 0},
        {"longer, passed on", ", \"allow_degradation\": true", LIMIT_BYTES + 1, 200,
         LIMIT_BYTES + 1},
        {"much longer, passed on", ", \"allow_degradation\": true", LARGE_BYTES, 200, LARGE_BYTES},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char *target = text_format("/limit?bytes=%zu", cases[i].bytes);

        route_put("limit", "{\"ask\": [\"(response body)\"]}", cases[i].more, "", "");
        http_get(running->port, target, "", &got);
        if (got.status != cases[i].status ||
            (cases[i].length != 0 && got.length != cases[i].length)) {
            fail_msg("%s: %d, %zu bytes", cases[i].label, got.status, got.length);
        }
        free(target);
    }
    gateway_wait_log(running, "logs/error.log", "the body of the response: it is larger than");
}

static void a_runner_that_fails_refuses_or_is_passed_over(void **state)
{
    static const char *const faults[] = {"error",   "silent", "close",      "half_close",
                                         "garbage", "cut",    "wrong_type", "wrong_id"};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(faults); i++) {
        char *told = text_format("{\"answer\": \"%s\", \"code\": 1}", faults[i]);

        route_put("bad", told, "", "", "");
        http_get(running->port, "/bad?etag=1", "", &got);
        if (got.status != 503 ||
            strcmp(got.body, "{\"error_msg\":\"503 Service Unavailable\"}\n") != 0) {
            fail_msg("%s: %d %s", faults[i], got.status, got.body);
        }
        header_is(faults[i], "ETag", NULL);
        route_put("bad", told, ", \"allow_degradation\": true", "", "");
        http_get(running->port, "/bad?etag=1", "", &got);
        if (got.status != 200 || strstr(got.body, "\"target\":\"/bad?etag=1\"") == NULL ||
            response_header(&got, "ETag") == NULL) {
            fail_msg("%s, passed over: %d %s", faults[i], got.status, got.head);
        }
        free(told);
    }
}

static void a_websocket_is_not_judged(void **state)
{
    connection client = {.fd = -1};
    char answer[256] = "";
    static const char request[] =
        "GET /ws HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\n"
        "Upgrade: websocket\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
        "Sec-WebSocket-Version: 13\r\n\r\n";

    (void)state;
    route_put("ws", "{\"answer\": \"respond\", \"status\": 299}", "", "",
              ", \"enable_websocket\": true");
    scripted_runner_clear(runner);
    assert_true(connection_open(&client, running->port));
    assert_true(connection_send(&client, request, sizeof(request) - 1));
    assert_true(connection_read(&client, answer, sizeof(answer) - 1) > 0);
    assert_non_null(strstr(answer, " 101 "));
    assert_null(scripted_runner_last(runner, HGH_A6_HTTP_RESP_CALL));
    connection_close(&client);
}

/* The upstream is the gateway's own listener, which asks for a certificate. */
static void an_upstream_that_asks_for_a_certificate_is_judged(void **state)
{
    json_t *mutual = certificate_json(folder, "m");
    json_t *client = certificate_json(folder, "client");
    char *node = text_format("127.0.0.1:%u", running->tls_port);
    json_t *route;
    char *text;

    (void)state;
    (void)json_object_set_new(mutual, "snis", json_pack("[s]", "m.example"));
    (void)json_object_set_new(mutual, "client",
                              json_pack("{s:o}", "ca", pem_json(folder, "ca.pem")));
    text = json_dumps(mutual, 0);
    gateway_put(running, "ssls/m", "%s", text);
    free(text);
    gateway_put(running, "routes/behind",
                "{\"uri\": \"/mutual\", \"hosts\": [\"m.example\"], \"upstream\": {\"nodes\":"
                " {\"127.0.0.1:%u\": 1}}}",
                origin_port(upstream));
    route =
        json_pack("{s:s, s:[s], s:{s:{s:[{s:s, s:s}]}}, s:{s:{s:i}, s:s, s:s, s:s, s:{s:O, s:O}}}",
                  "uri", "/mutual", "hosts", "localhost", "plugins", "ext-plugin-post-resp", "conf",
                  "name", SCRIPTED_PLUGIN, "value", "{\"answer\": \"respond\", \"status\": 218}",
                  "upstream", "nodes", node, 1, "scheme", "https", "pass_host", "rewrite",
                  "upstream_host", "m.example", "tls", "client_cert",
                  json_object_get(client, "cert"), "client_key", json_object_get(client, "key"));
    text = json_dumps(route, 0);
    assert_non_null(text);
    gateway_put(running, "routes/mutual", "%s", text);
    http_get(running->port, "/mutual", "", &got);
    if (got.status != 218 || strstr(got.body, "\"target\":\"/mutual\"") == NULL) {
        fail_msg("%d %s", got.status, got.body);
    }
    free(text);
    free(node);
    json_decref(route);
    json_decref(client);
    json_decref(mutual);
}

static void other_plugins_work_beside_it(void **state)
{
    (void)state;
    gateway_put(
        running, "routes/beside",
        "{\"uri\": \"/beside\", \"plugins\": {\"ext-plugin-post-resp\": {\"conf\": [{\"name\":"
        " \"" SCRIPTED_PLUGIN "\", \"value\": \"{\\\"answer\\\": \\\"respond\\\","
        " \\\"headers\\\": [[\\\"X-Runner\\\", \\\"1\\\"]], \\\"body\\\": \\\"runner\\\"}\"}]},"
        " \"response-rewrite\": {\"headers\": {\"set\": {\"X-After\": \"2\"}}},"
        " \"proxy-rewrite\": {\"uri\": \"/rewritten\"}},"
        " \"upstream\": {\"nodes\": {\"127.0.0.1:%u\": 1}}}",
        origin_port(upstream));
    http_get(running->port, "/beside", "", &got);
    assert_string_equal(got.body, "runner");
    header_is("runner", "X-Runner", "1");
    header_is("after it", "X-After", "2");
}

static void who_waits_holds_up_nobody(void **state)
{
    load *requests;
    load_result result;

    (void)state;
    tell("slow", "{\"answer\": \"silent\"}");
    tell("free", "{}");
    requests = load_start(&(load_plan){.port = running->port, .target = "/free", .connections = 4});
    load_wait(requests, 100);
    http_get(running->port, "/slow", "", &got);
    assert_int_equal(got.status, 503);
    load_wait(requests, 100);
    result = load_stop(requests);
    if (result.failures > 0) {
        fail_msg("%zu failures: %s", result.failures, result.first);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_founding_example_works),
        cmocka_unit_test(an_answer_changes_the_response),
        cmocka_unit_test(several_headers_are_several_lines),
        cmocka_unit_test(headers_of_the_gateway_are_there_once),
        cmocka_unit_test(its_questions_are_answered),
        cmocka_unit_test(codings_are_kept_or_taken_off),
        cmocka_unit_test(responses_without_a_body_go_through_once),
        cmocka_unit_test(a_status_without_a_body_takes_it_away),
        cmocka_unit_test(failures_of_the_upstream_are_not_judged),
        cmocka_unit_test(a_body_that_nobody_asks_for_flows),
        cmocka_unit_test(a_body_is_handed_over_up_to_the_limit),
        cmocka_unit_test(a_runner_that_fails_refuses_or_is_passed_over),
        cmocka_unit_test(a_websocket_is_not_judged),
        cmocka_unit_test(an_upstream_that_asks_for_a_certificate_is_judged),
        cmocka_unit_test(other_plugins_work_beside_it),
        cmocka_unit_test(who_waits_holds_up_nobody),
    };

    return report(cmocka_run_group_tests(tests, set_up, tear_down));
}
