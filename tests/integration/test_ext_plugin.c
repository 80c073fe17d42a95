/* tests/integration/test_ext_plugin.c - requests that a plugin runner judges: what it is told and
 * asks, what its answers do, and a runner that does wrong, is slow, or dies. */
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include "tests/integration/command.h"
#include "tests/integration/gateway.h"
#include "tests/integration/load.h"
#include "tests/integration/origin.h"
#include "tests/integration/sanitizer.h"
#include "tests/integration/scripted_runner.h"
#include "tests/integration/scripted_told.h"
#include "tests/unit/unit.h"

#define BROKEN              10000u /* connections that break */
#define GROWTH_MAX_KIB      2048
#define BODY_GROWTH_MAX_KIB 32768 /* half of the body */

static gateway *running;
static origin *upstream;
static scripted_runner *runner;
static char *folder;
static char *path; /* of the runner's socket */
static response got;

static int set_up(void **state)
{
    char *settings;

    (void)state;
    upstream = origin_start();
    folder = folder_make();
    path = text_format("%s/runner.sock", folder);
    runner = scripted_runner_start(path, scripted_told, NULL);
    settings = text_format("ext-plugin:\n  path_for_test: %s\n", path);
    running = gateway_run(&(gateway_options){
        .workers = 1,
        .settings = settings,
        .hotgate = "ext_plugin: {call_timeout: 500ms, prepare_timeout: 500ms}",
    });
    free(settings);
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
    free(path);
    return 0;
}

/* ------------------------------------------------------------------------------- routes */

/* What the plugin of a route is configured with: `told` says what the runner does. */
static json_t *configuration(const char *told, bool degrades)
{
    return json_pack("{s:[{s:s, s:s}], s:b}", "conf", "name", SCRIPTED_PLUGIN, "value", told,
                     "allow_degradation", degrades);
}

/* A route /NAME for all below, with these plugins, which are given up. */
static void route_put(const char *name, json_t *plugins)
{
    char *key = text_format("routes/%s", name);
    char *text = json_dumps(plugins, 0);

    assert_non_null(text);
    gateway_put(running, key,
                "{\"uris\": [\"/%s\", \"/%s/*\"], \"plugins\": %s,"
                " \"upstream\": {\"nodes\": {\"127.0.0.1:%u\": 1}}}",
                name, name, text, origin_port(upstream));
    free(text);
    free(key);
    json_decref(plugins);
}

/* One whose ext-plugin-pre-req does that. */
static void tell(const char *name, const char *told)
{
    route_put(name, json_pack("{s:o}", "ext-plugin-pre-req", configuration(told, false)));
}

static json_t *body_json(void)
{
    json_t *body = json_loads(got.body == NULL ? "" : got.body, 0, NULL);

    if (body == NULL) {
        fail_msg("no JSON: %d %s", got.status, got.body);
    }
    return body;
}

/* A member of the origin's echo, or of one of its headers, equals a text. */
static void echo_is(const char *label, const char *object, const char *member, const char *wanted)
{
    json_t *body = body_json();
    const json_t *of = object == NULL ? body : json_object_get(body, object);
    const char *found = json_string_value(json_object_get(of, member));

    if (got.status != 200 || (found == NULL) != (wanted == NULL) ||
        (found != NULL && strcmp(found, wanted) != 0)) {
        fail_msg("%s: %d %s", label, got.status, got.body);
    }
    json_decref(body);
}

static pid_t worker(void)
{
    pid_t pids[GATEWAY_WORKERS_MAX] = {0};

    assert_int_equal(gateway_workers(running, pids), 1);
    return pids[0];
}

/* A line of its status, as VmRSS: and VmHWM:, its peak. */
static long memory_kib(pid_t pid, const char *what)
{
    char *name = text_format("/proc/%d/status", (int)pid);
    char *status = file_read(name);
    const char *line = strstr(status, what);
    long kib;

    assert_non_null(line);
    kib = strtol(line + strlen(what), NULL, 10);
    free(status);
    free(name);
    return kib;
}

/* --------------------------------------------------------------------------- what it is told */

static void the_runner_is_told_of_the_request(void **state)
{
    connection client = {.fd = -1};
    json_t *body;
    json_t *call;
    json_t *wanted;

    (void)state;
    tell("told",
         "{\"answer\": \"tell\", \"ask\": [\"remote_addr\", \"arg_x\", \"arg_z\", \"no_such\","
         " \"route_id\", \"http_x_one\", \"(request body)\"]}");
    assert_true(connection_open(&client, running->port));
    connection_request(&client, "POST", "/told/a%20b?x=1&y=&z&x=2",
                       "X-One: 1\r\nX-One: two\r\nCookie: k=v\r\n", "the body", &got);
    connection_close(&client);
    body = body_json();
    call = json_object_get(body, "call");
    wanted = json_pack("{s:s, s:s, s:s, s:[[s,s],[s,s],[s,n],[s,s]]}", "method", "POST", "path",
                       "/told/a b", "source_address", "7f000001", "arguments", "x", "1", "y", "",
                       "z", "x", "2");
    for (void *at = json_object_iter(wanted); at != NULL; at = json_object_iter_next(wanted, at)) {
        if (!json_equal(json_object_get(call, json_object_iter_key(at)),
                        json_object_iter_value(at))) {
            fail_msg("%s: %s", json_object_iter_key(at), got.body);
        }
    }
    json_decref(wanted);
    wanted = json_loads(
        "[\"127.0.0.1\", \"1\", \"true\", null, \"told\", \"1, two\", \"the body\"]", 0, NULL);
    for (size_t i = 0; i < json_array_size(wanted); i++) {
        const json_t *answer = json_array_get(json_object_get(call, "answers"), i);
        const json_t *result = json_object_get(answer, "result");

        if (!json_equal(result, json_array_get(wanted, i)) &&
            strcmp("no_such", json_string_value(json_object_get(answer, "name"))) != 0 &&
            strcmp("http_x_one", json_string_value(json_object_get(answer, "name"))) != 0) {
            fail_msg("question %zu: %s", i, got.body);
        }
    }
    assert_non_null(strstr(got.body, "[\"x-one\",\"1\"],[\"x-one\",\"two\"]"));
    assert_non_null(strstr(got.body, "[\"cookie\",\"k=v\"]"));
    json_decref(wanted);
    json_decref(body);
}

static void a_large_body_is_handed_over(void **state)
{
    size_t length = 3u << 20; /* nginx keeps it in a file */
    char *large = malloc(length + 1);
    connection client = {.fd = -1};
    json_t *call;

    (void)state;
    assert_non_null(large);
    memset(large, 'x', length);
    large[length] = '\0';
    tell("large", "{\"ask\": [\"(request body)\"]}");
    assert_true(connection_open(&client, running->port));
    connection_request(&client, "POST", "/large", "", large, &got);
    connection_close(&client);
    assert_int_equal(got.status, 200);
    call = scripted_runner_last(runner, HGH_A6_HTTP_REQ_CALL);
    assert_int_equal(json_string_length(json_object_get(
                         json_array_get(json_object_get(call, "answers"), 0), "result")),
                     length);
    json_decref(call);
    free(large);
}

/* What no variable is looked for in does not come into memory, however long it says nothing about
 * itself. */
static void a_variable_in_a_body_without_end_costs_no_memory(void **state)
{
    static const char head[] = "POST /endless HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n"
                               "Content-Type: application/x-www-form-urlencoded\r\n\r\n";
    static char piece[1u << 20];
    connection client = {.fd = -1};
    json_t *call;
    long before;

    (void)state;
    memset(piece, 'x', sizeof(piece));
    /* A name that stands in the configuration has the body read before, as for all plugins. */
    tell("endless", "{\"ask\": [\"post\\u005farg_x\"]}");
    before = memory_kib(worker(), "VmHWM:");
    assert_true(connection_open(&client, running->port));
    assert_true(connection_send(&client, head, sizeof(head) - 1));
    for (size_t i = 0; i < 66; i++) { /* apisix.max_post_args_readable_size and more */
        assert_true(connection_send(&client, "100000\r\n", 8));
        assert_true(connection_send(&client, piece, sizeof(piece)));
        assert_true(connection_send(&client, "\r\n", 2));
    }
    assert_true(connection_send(&client, "0\r\n\r\n", 5));
    assert_true(connection_receive(&client, false, &got));
    connection_close(&client);
    assert_int_equal(got.status, 200);
    call = scripted_runner_last(runner, HGH_A6_HTTP_REQ_CALL);
    assert_true(json_is_null(
        json_object_get(json_array_get(json_object_get(call, "answers"), 0), "result")));
    json_decref(call);
    assert_true(sanitizer_is_on() || memory_kib(worker(), "VmHWM:") - before < BODY_GROWTH_MAX_KIB);
}

/* ---------------------------------------------------------------------- what its answers do */

static void a_rewrite_reaches_the_upstream(void **state)
{
    static const struct {
        const char *label;
        const char *told;
        const char *object; /* of the echo; NULL: itself */
        const char *member;
        const char *wanted;
    } cases[] = {
        {"nothing", "{}", NULL, "target", "/r/p?a=1&b&a=%20"},
        {"path", "{\"answer\": \"rewrite\", \"path\": \"/new\"}", NULL, "target",
         "/new?a=1&b&a=%20"},
        {"path is plain", "{\"answer\": \"rewrite\", \"path\": \"/a b?%41\\n\"}", NULL, "target",
         "/a%20b%3F%2541%0A?a=1&b&a=%20"},
        {"arguments",
         "{\"answer\": \"rewrite\", \"arguments\": [[\"a\", \"x y\"], [\"c\", \"\"], [\"b\", "
         "null]]}",
         NULL, "target", "/r/p?a=x%20y&c="},
        {"header", "{\"answer\": \"rewrite\", \"headers\": [[\"X-New\", \"v\"]]}", "headers",
         "x-new", "v"},
        {"header replaces all", "{\"answer\": \"rewrite\", \"headers\": [[\"x-two\", \"v\"]]}",
         "headers", "x-two", "v"},
        {"header goes", "{\"answer\": \"rewrite\", \"headers\": [[\"X-TWO\", null]]}", "headers",
         "x-two", NULL},
        {"host", "{\"answer\": \"rewrite\", \"headers\": [[\"host\", \"other.example\"]]}",
         "headers", "host", "other.example"},
        {"framing",
         "{\"answer\": \"rewrite\", \"headers\": [[\"content-length\", \"1\"],"
         " [\"transfer-encoding\", \"chunked\"]]}",
         NULL, "body", "four"},
        {"body", "{\"answer\": \"rewrite\", \"body\": \"another body\"}", NULL, "body",
         "another body"},
        {"length of the body", "{\"answer\": \"rewrite\", \"body\": \"another body\"}", "headers",
         "content-length", "12"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        connection client = {.fd = -1};

        tell("r", cases[i].told);
        assert_true(connection_open(&client, running->port));
        connection_request(&client, "POST", "/r/p?a=1&b&a=%20", "X-Two: 1\r\nX-Two: 2\r\n", "four",
                           &got);
        connection_close(&client);
        echo_is(cases[i].label, cases[i].object, cases[i].member, cases[i].wanted);
    }
}

static void a_stop_reaches_the_client(void **state)
{
    static const struct {
        const char *label;
        const char *told;
        int status;
        const char *body;
        const char *header;
        const char *value; /* NULL: it is not there */
    } cases[] = {
        {"status and body", "{\"answer\": \"stop\", \"status\": 201, \"body\": \"made\"}", 201,
         "made", "Content-Length", "4"},
        {"no status",
         "{\"answer\": \"stop\", \"headers\": [[\"X-A\", \"1\"], [\"content-type\", \"a/b\"]],"
         " \"body\": \"b\"}",
         200, "b", "Content-Type", "a/b"},
        {"any header",
         "{\"answer\": \"stop\", \"status\": 302, \"headers\": [[\"location\", \"/l\"]]}", 302,
         "{\"error_msg\":\"302 Found\"}\n", "Location", "/l"},
        {"no body", "{\"answer\": \"stop\", \"status\": 401}", 401,
         "{\"error_msg\":\"401 Unauthorized\"}\n", "Content-Type", "application/json"},
        {"framing",
         "{\"answer\": \"stop\", \"headers\": [[\"content-length\", \"99\"],"
         " [\"transfer-encoding\", \"chunked\"]], \"body\": \"b\"}",
         200, "b", "Transfer-Encoding", NULL},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        const char *value;

        tell("s", cases[i].told);
        http_get(running->port, "/s", "", &got);
        value = response_header(&got, cases[i].header);
        if (got.status != cases[i].status || strcmp(got.body, cases[i].body) != 0 ||
            (value == NULL) != (cases[i].value == NULL) ||
            (value != NULL && strcmp(value, cases[i].value) != 0)) {
            fail_msg("%s: %d %s, %s", cases[i].label, got.status, got.body, got.head);
        }
    }
}

static void response_headers_go_beside_the_upstreams(void **state)
{
    (void)state;
    tell("rh",
         "{\"answer\": \"rewrite\", \"response_headers\": [[\"X-One\", \"1\"], [\"x-one\", \"2\"],"
         " [\"Content-Type\", \"a/b\"]]}");
    http_get(running->port, "/rh", "", &got);
    assert_int_equal(got.status, 200);
    assert_non_null(strstr(got.head, "X-One: 1\r\n"));
    assert_non_null(strstr(got.head, "x-one: 2\r\n"));
    assert_null(strstr(got.head, "a/b"));
    gateway_wait_log(running, "logs/error.log",
                     "resp_headers: Content-Type is not the runner's to set");
}

static void before_and_after_other_plugins(void **state)
{
    json_t *plugins = json_pack(
        "{s:{}, s:o, s:o}", "key-auth", "ext-plugin-pre-req",
        configuration("{\"answer\": \"rewrite\", \"headers\": [[\"apikey\", \"k\"]]}", false),
        "ext-plugin-post-req",
        configuration("{\"answer\": \"tell\", \"ask\": [\"consumer_name\"]}", false));

    (void)state;
    gateway_put(running, "consumers/jack",
                "{\"username\": \"jack\", \"plugins\": {\"key-auth\": {\"key\": \"k\"}}}");
    route_put("both", plugins);
    http_get(running->port, "/both", "", &got);
    assert_int_equal(got.status, 200);
    assert_non_null(strstr(got.body, "\"result\":\"jack\""));
    gateway_delete(running, "routes/both");
    gateway_delete(running, "consumers/jack");
}

/* ------------------------------------------------------------------- a runner that does wrong */

static void each_fault_has_its_answer(void **state)
{
    static const struct {
        const char *told;
        const char *log;
    } cases[] = {
        {"{\"answer\": \"error\", \"code\": 0}", "the runner says: bad request"},
        {"{\"answer\": \"error\", \"code\": 1}", "the runner says: service unavailable"},
        {"{\"answer\": \"error\", \"code\": 2}", "the runner says: conf token not found"},
        {"{\"answer\": \"silent\"}", "no answer within 500 ms"},
        {"{\"answer\": \"close\"}", "the runner has closed the connection"},
        {"{\"answer\": \"half_close\"}", "the runner has closed the connection"},
        {"{\"answer\": \"garbage\"}", "answer: "},
        {"{\"answer\": \"large\"}", "the runner has closed the connection within a message"},
        {"{\"answer\": \"cut\"}", "the runner has closed the connection within a message"},
        {"{\"answer\": \"wrong_type\"}", "found a message of type 1, wanted one of type 2"},
        {"{\"answer\": \"wrong_id\"}", "id: found "},
        {"{\"answer\": \"rewrite\", \"path\": \"no slash\"}", "path: wanted one that begins"},
        {"{\"answer\": \"rewrite\", \"headers\": [[\"a\\r\\nb\", \"c\"]]}",
         "wanted a header's name"},
        {"{\"answer\": \"stop\", \"headers\": [[\"a\", \"b\\r\\nc: d\"]]}", "found NUL, CR or LF"},
        {"{\"answer\": \"stop\", \"status\": 99}", "status: found 99"},
        {"{\"ask\": [\"(unknown)\"]}", "a question of no kind"},
        {"{\"prepare\": \"zero\"}", "conf_token: found 0"},
        {"{\"prepare\": \"error\", \"code\": 0}", "the runner says: bad request"},
        {"{\"prepare\": \"silent\"}", "no answer within 500 ms"},
        {"{\"prepare\": \"garbage\"}", "PrepareConf: "},
    };

    (void)state;
    tell("good", "{}");
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char *text;

        tell("bad", cases[i].told);
        http_get(running->port, "/bad", "", &got);
        if (got.status != 503 ||
            strcmp(got.body, "{\"error_msg\":\"503 Service Unavailable\"}\n") != 0) {
            fail_msg("%s: %d %s", cases[i].told, got.status, got.body);
        }
        route_put("bad",
                  json_pack("{s:o}", "ext-plugin-pre-req", configuration(cases[i].told, true)));
        http_get(running->port, "/bad?degrades", "", &got);
        echo_is(cases[i].told, NULL, "target", "/bad?degrades");
        text = text_format("unix:%s: ", path);
        gateway_wait_log(running, "logs/error.log", text);
        free(text);
        gateway_wait_log(running, "logs/error.log", cases[i].log);
        http_get(running->port, "/good", "", &got); /* nothing of it is left */
        echo_is("good", NULL, "target", "/good");
    }
}

static void who_waits_holds_up_nobody(void **state)
{
    static const char request[] = "GET /held HTTP/1.1\r\nHost: h\r\n\r\n";
    connection held[8];

    (void)state;
    tell("held", "{\"hold\": true}");
    tell("free", "{}");
    for (size_t i = 0; i < ARRAY_SIZE(held); i++) {
        held[i] = (connection){.fd = -1};
        assert_true(connection_open(&held[i], running->port));
        assert_true(connection_send(&held[i], request, sizeof(request) - 1));
    }
    for (int64_t until = clock_ms() + DEADLINE_MS;
         scripted_runner_held(runner) < ARRAY_SIZE(held);) {
        assert_true(clock_ms() < until);
        http_get(running->port, "/free", "", &got);
        echo_is("meanwhile", NULL, "target", "/free");
    }
    connection_close(&held[0]); /* one goes away */
    scripted_runner_let_go(runner);
    for (size_t i = 1; i < ARRAY_SIZE(held); i++) {
        if (!connection_receive(&held[i], false, &got) ||
            (got.status != 200 && got.status != 503)) { /* the latter when it was held too long */
            fail_msg("%zu: %d %s", i, got.status, held[i].error);
        }
        connection_close(&held[i]);
    }
}

static void a_runner_that_is_started_anew_is_told_anew(void **state)
{
    (void)state;
    tell("anew", "{\"answer\": \"stop\", \"status\": 202}");
    http_get(running->port, "/anew", "", &got);
    assert_int_equal(got.status, 202);
    scripted_runner_end(runner);
    http_get(running->port, "/anew", "", &got);
    assert_int_equal(got.status, 503);
    scripted_runner_begin(runner, 5000);
    http_get(running->port, "/anew", "", &got);
    assert_int_equal(got.status, 202);
    scripted_runner_forget(runner, 2);
    http_get(running->port, "/anew", "", &got);
    assert_int_equal(got.status, 202);
    scripted_runner_forget(runner, 3);
    http_get(running->port, "/anew", "", &got);
    assert_int_equal(got.status, 503);
}

/* --------------------------------------------------------------------------- what is left */

static size_t descriptors(pid_t pid)
{
    char *name = text_format("/proc/%d/fd", (int)pid);
    DIR *directory = opendir(name);
    size_t count = 0;

    assert_non_null(directory);
    while (readdir(directory) != NULL) {
        count++;
    }
    (void)closedir(directory);
    free(name);
    return count;
}

static void connections_that_break_leave_nothing(void **state)
{
    connection client = {.fd = -1};
    size_t fds = 0;
    long kib = 0;
    size_t before;

    (void)state;
    tell("late", "{\"answer\": \"late\", \"status\": 202}");
    assert_true(connection_open(&client, running->port));
    before = scripted_runner_connections(runner);
    for (size_t i = 0; i < BROKEN; i++) {
        connection_request(&client, "GET", "/late", "", NULL, &got);
        if (got.status != 202) {
            fail_msg("request %zu: %d %s", i, got.status, got.body);
        }
        if (client.is_ended) {
            connection_close(&client);
            assert_true(connection_open(&client, running->port));
        }
        if (i == BROKEN / 10) {
            fds = descriptors(worker());
            kib = memory_kib(worker(), "VmRSS:");
        }
    }
    assert_in_range(scripted_runner_connections(runner) - before, BROKEN - 1, 2 * BROKEN);
    assert_in_range(descriptors(worker()), fds - 3, fds + 3);
    assert_true(sanitizer_is_on() || memory_kib(worker(), "VmRSS:") - kib < GROWTH_MAX_KIB);
    connection_close(&client);
}

/* ------------------------------------------------------------------------- a runner that dies */

static pid_t runner_launch(void)
{
    const char *const arguments[] = {getenv("HOTGATE_SCRIPTED_RUNNER"), path, NULL};
    pid_t pid = command_start(&(command){.arguments = arguments}, STDERR_FILENO);

    assert_true(pid > 0);
    return pid;
}

/* Until the answer is there. */
static void wait_until_judged(const char *target, int status)
{
    int64_t until = clock_ms() + DEADLINE_MS;

    do {
        assert_true(clock_ms() < until);
        http_get(running->port, target, "", &got);
    } while (got.status != status);
}

static void a_runner_that_is_killed_costs_its_calls(void **state)
{
    load *requests;
    load_result result;
    pid_t pid;

    (void)state;
    tell("judged", "{\"answer\": \"rewrite\", \"headers\": [[\"x-judged\", \"yes\"]]}");
    route_put("passed", json_pack("{s:o}", "ext-plugin-pre-req",
                                  configuration("{\"answer\": \"rewrite\"}", true)));
    scripted_runner_end(runner);
    pid = runner_launch();
    wait_until_judged("/judged", 200);

    requests =
        load_start(&(load_plan){.port = running->port, .target = "/passed", .connections = 8});
    load_wait(requests, 200);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(kill(pid, SIGKILL), 0);
        (void)wait_for_end(pid, DEADLINE_MS);
        load_wait(requests, 100); /* they go on without it */
        http_get(running->port, "/judged", "", &got);
        assert_int_equal(got.status, 503);
        pid = runner_launch();
        wait_until_judged("/judged", 200);
        echo_is("its own configuration, though tokens begin anew", "headers", "x-judged", "yes");
        load_wait(requests, 100);
    }
    result = load_stop(requests);
    if (result.failures > 0) {
        fail_msg("%zu failures: %s", result.failures, result.first);
    }
    assert_int_equal(kill(pid, SIGTERM), 0);
    (void)wait_for_end(pid, DEADLINE_MS);
    scripted_runner_begin(runner, 1);
    wait_until_judged("/judged", 200);
}

/* ------------------------------------------------------------------------------ configuration */

static void a_configuration_is_judged_when_it_is_written(void **state)
{
    static const struct {
        const char *conf;
        const char *text;
    } cases[] = {
        {"[{\"name\": \"a\"}]", "property \\\"value\\\" is required"},
        {"[{\"value\": \"a\"}]", "failed to validate item 1: property \\\"name\\\" is required"},
        {"[]", "property \\\"conf\\\" validation failed"},
    };
    static const char *const names[] = {"ext-plugin-pre-req", "ext-plugin-post-req",
                                        "ext-plugin-post-resp"};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        for (size_t k = 0; k < ARRAY_SIZE(names); k++) {
            char *body = text_format("{\"uri\": \"/x\", \"plugins\": {\"%s\": {\"conf\": %s}},"
                                     " \"upstream\": {\"nodes\": {\"127.0.0.1:1\": 1}}}",
                                     names[k], cases[i].conf);
            admin_reply reply = gateway_admin(running, "PUT", "routes/x", body);

            if (reply.status != 400 || strstr(reply.text, cases[i].text) == NULL) {
                fail_msg("%s: %ld %s", cases[i].conf, reply.status, reply.text);
            }
            admin_reply_done(&reply);
            free(body);
        }
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_runner_is_told_of_the_request),
        cmocka_unit_test(a_large_body_is_handed_over),
        cmocka_unit_test(a_variable_in_a_body_without_end_costs_no_memory),
        cmocka_unit_test(a_rewrite_reaches_the_upstream),
        cmocka_unit_test(a_stop_reaches_the_client),
        cmocka_unit_test(response_headers_go_beside_the_upstreams),
        cmocka_unit_test(before_and_after_other_plugins),
        cmocka_unit_test(each_fault_has_its_answer),
        cmocka_unit_test(who_waits_holds_up_nobody),
        cmocka_unit_test(a_runner_that_is_started_anew_is_told_anew),
        cmocka_unit_test(connections_that_break_leave_nothing),
        cmocka_unit_test(a_runner_that_is_killed_costs_its_calls),
        cmocka_unit_test(a_configuration_is_judged_when_it_is_written),
    };

    return report(cmocka_run_group_tests(tests, set_up, tear_down));
}
