/* tests/unit/engine/test_kit_runner.c - plugins that have a runner judge a request: what it is
 * asked, what its answers do, and what becomes of a runner that does wrong. */
#include <dirent.h>
#include <unistd.h>

#include <jansson.h>

#include "host/core/runner_client.h"
#include "host/engine/loopback/gateway.h"
#include "tests/unit/engine/kit.h"
#include "tests/unit/engine/runner_peer.h"

#define CONFIG     "{\"running\": {\"plugins\": [{\"name\": \"say\", \"value\": \"{}\"}]}}"
#define RECONNECTS 10000u

/** A gateway and its runner. */
typedef struct stand {
    hg_test *test;
    runner_peer peer;
} stand;

static int begin(void **state)
{
    stand *on = calloc(1, sizeof(*on));
    void *test = NULL;

    if (on == NULL || kit_begin(&test) != 0) {
        free(on);
        return -1;
    }
    on->test = test;
    peer_start(&on->peer);
    assert_int_equal(hg_test_set_runner(on->test, on->peer.path), HG_OK);
    kit_load(on->test, "running");
    kit_route(on->test, CONFIG);
    *state = on;
    return 0;
}

static int end(void **state)
{
    stand *on = *state;

    hg_test_free(on->test);
    peer_done(&on->peer);
    free(on);
    return 0;
}

#define RUNNER_TEST(function) cmocka_unit_test_setup_teardown(function, begin, end)

/* What an operator can say of it, and a test kit cannot. */
static hgh_runner_client *client_of(const stand *on)
{
    return on->test->runtime->plugin_host.runner;
}

static size_t descriptors(void)
{
    DIR *directory = opendir("/proc/self/fd");
    size_t count = 0;

    while (readdir(directory) != NULL) {
        count++;
    }
    (void)closedir(directory);
    return count;
}

static void assert_json(const char *label, const json_t *found, const char *wanted)
{
    json_t *expected = json_loads(wanted, JSON_DECODE_ANY, NULL);

    assert_non_null(expected);
    if (!json_equal(found, expected)) {
        char *text = json_dumps(found, JSON_ENCODE_ANY);

        fail_msg("%s: %s", label, text);
    }
    json_decref(expected);
}

/* Each member of `wanted` is one of the last message of that type. */
static void assert_last(stand *on, const char *label, hgh_a6_type type, const char *wanted)
{
    json_t *found = peer_last(&on->peer, type);
    json_t *expected = json_loads(wanted, 0, NULL);

    assert_non_null(expected);
    for (void *at = json_object_iter(expected); at != NULL;
         at = json_object_iter_next(expected, at)) {
        if (!json_equal(json_object_get(found, json_object_iter_key(at)),
                        json_object_iter_value(at))) {
            fail_msg("%s: %s", label, json_dumps(found, 0));
        }
    }
    json_decref(expected);
    json_decref(found);
}

/* Likewise what came to its first question. */
static void assert_result(stand *on, const char *label, hgh_a6_type type, const char *wanted)
{
    json_t *found = peer_results(&on->peer, type);

    assert_json(label, json_array_get(found, 0), wanted);
    json_decref(found);
}

/* A list of headers or arguments, of the function in which it stands. */
#define LIST(...)                                                                                  \
    {                                                                                              \
        .items = (const hg_header[]){__VA_ARGS__},                                                 \
        .count = sizeof((const hg_header[]){__VA_ARGS__}) / sizeof(hg_header)                      \
    }
#define PAIR(name, value)                                                                          \
    {                                                                                              \
        {name, sizeof(name) - 1},                                                                  \
        {                                                                                          \
            value, sizeof(value) - 1                                                               \
        }                                                                                          \
    }
#define ALONE(name)                                                                                \
    {                                                                                              \
        {name, sizeof(name) - 1},                                                                  \
        {                                                                                          \
            NULL, 0                                                                                \
        }                                                                                          \
    }
#define TEXT(literal)                                                                              \
    {                                                                                              \
        literal, sizeof(literal) - 1                                                               \
    }

/* ---------------------------------------------------------------------------- what it is asked */

static void the_runner_is_told_of_the_request(void **state)
{
    stand *on = *state;
    static const hg_test_request request = {
        .method = "POST",
        .uri = "/a%20b/../c%2Fd?x=1&y=&z&&=n&x=2&%3D=q%2B+r",
        .headers = "Host: Shop.Example:8080\nX-A: 1\nX-a: two\nCookie: k=v\n",
        .client = "192.0.2.7:1234",
        .body = "not sent",
    };

    assert_int_equal(hg_test_send(on->test, &request)->status, 200);
    assert_last(on, "call", HGH_A6_HTTP_REQ_CALL,
                "{\"id\": 1, \"conf_token\": 1, \"method\": \"POST\", \"path\": \"/c/d\","
                " \"source_address\": \"c0000207\", \"arguments\": [[\"x\", \"1\"], [\"y\", \"\"], "
                "[\"z\", null],"
                " [\"x\", \"2\"], [\"=\", \"q+ r\"]], \"headers\": [[\"host\","
                " \"Shop.Example:8080\"], [\"x-a\", \"1\"], [\"x-a\", \"two\"],"
                " [\"cookie\", \"k=v\"], [\"content-length\", \"8\"]]}");
}

static void a_client_has_four_or_sixteen_bytes(void **state)
{
    static const struct {
        const char *label;
        const char *client;
        const char *source;
    } cases[] = {
        {"IPv4", "127.0.0.1:1", "{\"source_address\": \"7f000001\"}"},
        {"IPv6", "[2001:db8::1]:1", "{\"source_address\": \"20010db8000000000000000000000001\"}"},
        {"none", "unix:", "{\"source_address\": \"7f000001\"}"},
    };
    stand *on = *state;

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        hg_test_request request = {.client = cases[i].client};

        assert_int_equal(hg_test_send(on->test, &request)->status, 200);
        assert_last(on, cases[i].label, HGH_A6_HTTP_REQ_CALL, cases[i].source);
    }
}

static void a_method_that_the_protocol_does_not_know_fails(void **state)
{
    stand *on = *state;
    hg_test_request request = {.method = "PURGE"};
    const hg_test_exchange *exchange = hg_test_send(on->test, &request);

    assert_int_equal(exchange->status, 500);
    assert_non_null(strstr(exchange->body, "no number for the method PURGE"));
    assert_int_equal(peer_seen(&on->peer).connections, 0);
}

/* The key of the last configuration, up to what the client adds; owned by the caller. */
static char *last_key(stand *on)
{
    json_t *prepare = peer_last(&on->peer, HGH_A6_PREPARE_CONF);
    char *key = strdup(json_string_value(json_object_get(prepare, "key")));

    json_decref(prepare);
    return key;
}

static void a_configuration_is_prepared_once(void **state)
{
    stand *on = *state;
    char *first;
    char *second;

    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(hg_test_get(on->test, "/")->status, 200);
    }
    assert_int_equal(peer_seen(&on->peer).prepares, 1);
    assert_int_equal(peer_seen(&on->peer).calls, 3);
    assert_int_equal(peer_seen(&on->peer).connections, 1);
    assert_last(on, "conf", HGH_A6_PREPARE_CONF, "{\"conf\": [[\"say\", \"{}\"]]}");
    first = last_key(on);
    assert_non_null(strstr(first, "#running#routes#1#"));

    kit_route(on->test, "{\"running\": {\"plugins\": [{\"name\": \"say\", \"value\": \"{ }\"},"
                        " {\"name\": \"b\", \"value\": \"\"}]}}");
    assert_int_equal(hg_test_get(on->test, "/")->status, 200);
    assert_int_equal(peer_seen(&on->peer).prepares, 2);
    assert_last(on, "conf", HGH_A6_PREPARE_CONF, "{\"conf\": [[\"say\", \"{ }\"], [\"b\", \"\"]]}");
    second = last_key(on);
    assert_string_not_equal(second, first);

    hg_test_advance(on->test, 3240000);
    assert_int_equal(hg_test_get(on->test, "/")->status, 200);
    assert_int_equal(peer_seen(&on->peer).prepares, 3);
    free(first);
    free(second);
}

static void calls_beside_each_other_prepare_once(void **state)
{
    stand *on = *state;
    const hg_test_exchange *exchanges[8];
    static const hg_test_request request = {.uri = "/"};

    pthread_mutex_lock(&on->peer.lock); /* it answers none before all have been made */
    for (size_t i = 0; i < ARRAY_SIZE(exchanges); i++) {
        exchanges[i] = hg_test_begin(on->test, &request);
    }
    pthread_mutex_unlock(&on->peer.lock);
    for (size_t i = 0; i < ARRAY_SIZE(exchanges); i++) {
        hg_test_finish(on->test, exchanges[i]);
        assert_int_equal(exchanges[i]->status, 200);
    }
    assert_int_equal(peer_seen(&on->peer).prepares, 1);
    assert_int_equal(peer_seen(&on->peer).calls, ARRAY_SIZE(exchanges));
    assert_int_equal(peer_seen(&on->peer).connections, ARRAY_SIZE(exchanges));
}

/* ------------------------------------------------------------------------------ what it asks */

static void its_questions_are_answered(void **state)
{
    static const struct {
        const char *label;
        hgh_a6_question question;
        const char *result; /* JSON */
    } cases[] = {
        {"variable", {HGH_A6_VAR, TEXT("request_method")}, "\"POST\""},
        {"argument", {HGH_A6_VAR, TEXT("arg_x")}, "\"1 2\""},
        {"empty argument", {HGH_A6_VAR, TEXT("arg_y")}, "\"\""},
        {"argument alone", {HGH_A6_VAR, TEXT("arg_z")}, "\"true\""},
        {"no such argument", {HGH_A6_VAR, TEXT("arg_n")}, "null"},
        {"header", {HGH_A6_VAR, TEXT("http_x_a")}, "\"b\""},
        {"route", {HGH_A6_VAR, TEXT("route_id")}, "\"1\""},
        {"in the body", {HGH_A6_VAR, TEXT("post_arg_q")}, "\"w\""},
        {"body", {HGH_A6_REQUEST_BODY, TEXT("")}, "\"q=w\""},
        {"no response yet", {HGH_A6_RESPONSE_BODY, TEXT("")}, "null"},
    };
    static const hg_test_request request = {
        .method = "POST",
        .uri = "/?x=1%202&y=&z",
        .headers = "X-A: b\nContent-Type: application/x-www-form-urlencoded\n",
        .body = "q=w",
    };
    stand *on = *state;

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        peer_script script = {.questions = {cases[i].question}, .question_count = 1};
        const hg_test_exchange *exchange;

        peer_tell(&on->peer, &script);
        exchange = hg_test_send(on->test, &request);
        if (exchange->status != 200 || strcmp(exchange->upstream_body, "q=w") != 0) {
            fail_msg("%s: %u: %s", cases[i].label, exchange->status, exchange->body);
        }
        assert_result(on, cases[i].label, HGH_A6_HTTP_REQ_CALL, cases[i].result);
    }
    kit_assert_log(on->test, "asks for the response body, and there is no response yet");
}

static void several_questions_are_asked_one_after_the_other(void **state)
{
    stand *on = *state;
    json_t *results;
    static const peer_script script = {
        .questions = {{HGH_A6_VAR, TEXT("arg_a")},
                      {HGH_A6_REQUEST_BODY, {NULL, 0}},
                      {HGH_A6_VAR, TEXT("uri")}},
        .question_count = 3,
    };
    static const peer_script again = {
        .questions = {{HGH_A6_REQUEST_BODY, {NULL, 0}}, {HGH_A6_REQUEST_BODY, {NULL, 0}}},
        .question_count = 2,
    };
    static const hg_test_request posted = {.method = "POST", .body = "sent"};

    peer_tell(&on->peer, &script);
    assert_int_equal(hg_test_get(on->test, "/u?a=b")->status, 200);
    results = peer_results(&on->peer, HGH_A6_HTTP_REQ_CALL);
    assert_json("results", results, "[\"b\", null, \"/u\"]");
    json_decref(results);
    peer_tell(&on->peer, &again);
    assert_int_equal(hg_test_send(on->test, &posted)->status, 200);
    results = peer_results(&on->peer, HGH_A6_HTTP_REQ_CALL);
    assert_json("results", results, "[\"sent\", \"sent\"]");
    json_decref(results);
}

static void a_body_is_handed_over_up_to_what_a_frame_holds(void **state)
{
    static const struct {
        size_t length;
        uint32_t status;
    } cases[] = {{3u << 20, 200}, {16777152, 200}, {16777153, 500}};
    static const peer_script script = {.questions = {{HGH_A6_REQUEST_BODY, {NULL, 0}}},
                                       .question_count = 1};
    stand *on = *state;
    char *body = calloc(1, 16777153);

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        hg_test_request request = {.method = "POST", .body = body, .body_length = cases[i].length};
        const hg_test_exchange *exchange;

        peer_tell(&on->peer, &script);
        exchange = hg_test_send(on->test, &request);
        if (exchange->status != cases[i].status) {
            fail_msg("%zu: %u: %s", cases[i].length, exchange->status, exchange->body);
        }
        if (exchange->status == 200) {
            json_t *results = peer_results(&on->peer, HGH_A6_HTTP_REQ_CALL);

            assert_int_equal(json_string_length(json_array_get(results, 0)), cases[i].length);
            json_decref(results);
        } else {
            assert_non_null(strstr(exchange->body, "more than 16777152 bytes"));
        }
    }
    free(body);
}

/* ------------------------------------------------------------------------- what its answers do */

static void a_rewrite_changes_the_request(void **state)
{
    const struct {
        const char *label;
        hgh_a6_request_answer answer;
        const char *uri;
        const char *arguments; /* NULL: none */
        const char *header;    /* of the upstream's request; NULL: not looked at */
        const char *value;     /* NULL: it is not there */
    } cases[] = {
        {"no action",
         {.action = HGH_A6_NO_ACTION, .path = TEXT("/x")},
         "/p",
         "a=1&b&a=%20",
         NULL,
         NULL},
        {"empty", {.action = HGH_A6_REWRITE}, "/p", "a=1&b&a=%20", NULL, NULL},
        {"path",
         {.action = HGH_A6_REWRITE, .path = TEXT("/new")},
         "/new",
         "a=1&b&a=%20",
         NULL,
         NULL},
        {"path is plain",
         {.action = HGH_A6_REWRITE, .path = TEXT("/a b?c%41\n")},
         "/a%20b%3Fc%2541%0A",
         "a=1&b&a=%20",
         NULL,
         NULL},
        {"header",
         {.action = HGH_A6_REWRITE, .headers = LIST(PAIR("X-NEW", "v"))},
         "/p",
         "a=1&b&a=%20",
         "x-new",
         "v"},
        {"header replaces all",
         {.action = HGH_A6_REWRITE, .headers = LIST(PAIR("x-two", "v"))},
         "/p",
         "a=1&b&a=%20",
         "X-Two",
         "v"},
        {"last wins",
         {.action = HGH_A6_REWRITE, .headers = LIST(PAIR("x-two", "v"), PAIR("X-TWO", "w"))},
         "/p",
         "a=1&b&a=%20",
         "X-Two",
         "w"},
        {"header goes",
         {.action = HGH_A6_REWRITE, .headers = LIST(ALONE("x-two"))},
         "/p",
         "a=1&b&a=%20",
         "X-Two",
         NULL},
        {"empty header",
         {.action = HGH_A6_REWRITE, .headers = LIST(PAIR("x-two", ""))},
         "/p",
         "a=1&b&a=%20",
         "X-Two",
         ""},
        {"bytes",
         {.action = HGH_A6_REWRITE, .headers = LIST(PAIR("x-two", "\xff\t\x80"))},
         "/p",
         "a=1&b&a=%20",
         "X-Two",
         "\xff\t\x80"},
        {"host",
         {.action = HGH_A6_REWRITE, .headers = LIST(PAIR("host", "other.example"))},
         "/p",
         "a=1&b&a=%20",
         "Host",
         "other.example"},
        {"framing is the host's",
         {.action = HGH_A6_REWRITE, .headers = LIST(PAIR("content-length", "99"))},
         "/p",
         "a=1&b&a=%20",
         "Content-Length",
         "4"},
        {"argument",
         {.action = HGH_A6_REWRITE, .arguments = LIST(PAIR("c", "d e&"))},
         "/p",
         "a=1&b&a=%20&c=d%20e%26",
         NULL,
         NULL},
        {"argument replaces all",
         {.action = HGH_A6_REWRITE, .arguments = LIST(PAIR("a", "2"))},
         "/p",
         "b&a=2",
         NULL,
         NULL},
        {"further ones are added",
         {.action = HGH_A6_REWRITE, .arguments = LIST(PAIR("a", "2"), PAIR("a", "3"))},
         "/p",
         "b&a=2&a=3",
         NULL,
         NULL},
        {"argument goes",
         {.action = HGH_A6_REWRITE, .arguments = LIST(ALONE("a"))},
         "/p",
         "b",
         NULL,
         NULL},
        {"set, gone, set",
         {.action = HGH_A6_REWRITE, .arguments = LIST(PAIR("a", "2"), ALONE("a"), PAIR("a", "3"))},
         "/p",
         "b&a=3",
         NULL,
         NULL},
        {"all go",
         {.action = HGH_A6_REWRITE, .arguments = LIST(ALONE("a"), ALONE("b"))},
         "/p",
         NULL,
         NULL,
         NULL},
        {"empty value",
         {.action = HGH_A6_REWRITE, .arguments = LIST(PAIR("b", ""))},
         "/p",
         "a=1&a=%20&b=",
         NULL,
         NULL},
        {"both",
         {.action = HGH_A6_REWRITE, .path = TEXT("/q"), .arguments = LIST(ALONE("a"))},
         "/q",
         "b",
         NULL,
         NULL},
    };
    static const hg_test_request request = {
        .method = "POST",
        .uri = "/p?a=1&b&a=%20",
        .headers = "Host: client.example\nX-Two: 1\nX-Two: 2\n",
        .body = "four",
    };
    stand *on = *state;

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        peer_script script = {.request_answer = cases[i].answer};
        const hg_test_exchange *exchange;
        const char *value;

        peer_tell(&on->peer, &script);
        exchange = hg_test_send(on->test, &request);
        value = cases[i].header == NULL
                    ? NULL
                    : hg_test_upstream_header(on->test, exchange, cases[i].header);
        if (exchange->status != 200 || strcmp(exchange->upstream_uri, cases[i].uri) != 0 ||
            strcmp(exchange->upstream_arguments == NULL ? "" : exchange->upstream_arguments,
                   cases[i].arguments == NULL ? "" : cases[i].arguments) != 0 ||
            strcmp(exchange->upstream_body, "four") != 0 ||
            (value == NULL) != (cases[i].value == NULL) ||
            (value != NULL && strcmp(value, cases[i].value) != 0)) {
            fail_msg("%s: %u %s ? %s, %s: %s", cases[i].label, exchange->status,
                     exchange->upstream_uri, exchange->upstream_arguments, value, exchange->body);
        }
    }
}

static void a_body_of_the_answer_takes_the_place_of_the_clients(void **state)
{
    stand *on = *state;
    peer_script script = {.request_answer = {.action = HGH_A6_REWRITE, .body = TEXT("a\0b")}};
    static const hg_test_request request = {.method = "POST", .body = "client"};
    const hg_test_exchange *exchange;

    peer_tell(&on->peer, &script);
    exchange = hg_test_send(on->test, &request);
    assert_int_equal(exchange->upstream_body_length, 3);
    assert_memory_equal(exchange->upstream_body, "a\0b", 3);
    assert_string_equal(hg_test_upstream_header(on->test, exchange, "Content-Length"), "3");

    script.request_answer.body = (hg_text){"", 0};
    peer_tell(&on->peer, &script);
    assert_string_equal(hg_test_send(on->test, &request)->upstream_body, "client");
}

static void response_headers_go_beside_the_upstreams(void **state)
{
    const struct {
        const char *label;
        hgh_a6_list headers;
        const char *name;
        const char *value;
        const char *log; /* NULL: nothing */
    } cases[] = {
        {"added", LIST(PAIR("x-new", "1")), "X-New", "1", NULL},
        {"several", LIST(PAIR("x-new", "1"), PAIR("X-New", "2")), "X-New", "1, 2", NULL},
        {"beside the upstream's", LIST(PAIR("X-Up", "1")), "X-Up", "up, 1", NULL},
        {"no value", LIST(ALONE("X-Up")), "X-Up", "up", NULL},
        {"refused", LIST(PAIR("Content-Type", "a/b")), "Content-Type", "text/plain",
         "resp_headers: Content-Type is not the runner's to set"},
        {"refused too", LIST(PAIR("location", "/")), "Location", "", "resp_headers: location"},
    };
    stand *on = *state;

    hg_test_set_upstream(on->test,
                         &(hg_test_upstream){.headers = "Content-Type: text/plain\nX-Up: up\n"});
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        peer_script script = {
            .request_answer = {.action = HGH_A6_REWRITE, .response_headers = cases[i].headers}};
        const hg_test_exchange *exchange;
        const char *value;

        hg_test_log_clear(on->test);
        peer_tell(&on->peer, &script);
        exchange = hg_test_get(on->test, "/");
        value = hg_test_header(on->test, exchange, cases[i].name);
        if (exchange->status != 200 || strcmp(value == NULL ? "" : value, cases[i].value) != 0 ||
            hg_test_log_count(on->test, HG_LOG_WARN, cases[i].log == NULL ? "" : cases[i].log) !=
                (cases[i].log == NULL ? 0 : 1)) {
            fail_msg("%s: %s", cases[i].label, value);
        }
    }
}

static void a_stop_is_the_clients_answer(void **state)
{
    const struct {
        const char *label;
        hgh_a6_request_answer answer;
        uint32_t status;
        const char *body;
        const char *name; /* NULL: not looked at */
        const char *value;
    } cases[] = {
        {"nothing", {.action = HGH_A6_STOP}, 200, "", NULL, NULL},
        {"status and body",
         {.action = HGH_A6_STOP, .status = 201, .body = TEXT("made")},
         201,
         "made",
         "Content-Type",
         "text/plain; charset=utf-8"},
        {"type",
         {.action = HGH_A6_STOP, .headers = LIST(PAIR("content-type", "a/b")), .body = TEXT("x")},
         200,
         "x",
         "Content-Type",
         "a/b"},
        {"first sets, later add",
         {.action = HGH_A6_STOP, .headers = LIST(PAIR("X-A", "1"), PAIR("x-a", "2"))},
         200,
         "",
         "X-A",
         "1, 2"},
        {"cleared",
         {.action = HGH_A6_STOP, .headers = LIST(PAIR("X-A", "1"), ALONE("x-a"))},
         200,
         "",
         "X-A",
         ""},
        {"any name",
         {.action = HGH_A6_STOP, .status = 302, .headers = LIST(PAIR("Location", "/l"))},
         302,
         "{\"error_msg\":\"302 Found\"}\n",
         "Location",
         "/l"},
        {"length is ours",
         {.action = HGH_A6_STOP, .headers = LIST(PAIR("content-length", "99")), .body = TEXT("x")},
         200,
         "x",
         "Content-Length",
         "1"},
        {"the gateway's page",
         {.action = HGH_A6_STOP, .status = 403},
         403,
         "{\"error_msg\":\"403 Forbidden\"}\n",
         "Content-Type",
         "application/json"},
        {"no page of the runner's type",
         {.action = HGH_A6_STOP, .status = 403, .headers = LIST(PAIR("content-type", "a/b"))},
         403,
         "{\"error_msg\":\"403 Forbidden\"}\n",
         "Content-Type",
         "application/json"},
        {"highest",
         {.action = HGH_A6_STOP, .status = 599, .body = TEXT("x")},
         599,
         "x",
         NULL,
         NULL},
    };
    stand *on = *state;

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        peer_script script = {.request_answer = cases[i].answer};
        const hg_test_exchange *exchange;
        const char *value;

        peer_tell(&on->peer, &script);
        exchange = hg_test_get(on->test, "/");
        value = cases[i].name == NULL ? NULL : hg_test_header(on->test, exchange, cases[i].name);
        if (exchange->status != cases[i].status || exchange->tries != 0 ||
            strcmp(exchange->body, cases[i].body) != 0 ||
            (cases[i].name != NULL && strcmp(value == NULL ? "" : value, cases[i].value) != 0)) {
            fail_msg("%s: %u \"%s\" %s", cases[i].label, exchange->status, exchange->body, value);
        }
    }
}

static void a_large_body_of_a_stop_arrives_whole(void **state)
{
    stand *on = *state;
    size_t length = 5u << 20;
    char *body = malloc(length);
    peer_script script = {.request_answer = {.action = HGH_A6_STOP, .body = {body, length}}};
    const hg_test_exchange *exchange;

    assert_non_null(body);
    memset(body, 'x', length);
    peer_tell(&on->peer, &script);
    exchange = hg_test_get(on->test, "/");
    assert_int_equal(exchange->body_length, length);
    assert_memory_equal(exchange->body, body, length);
    free(body);
}

static void an_answer_that_cannot_be_done_does_nothing(void **state)
{
    const struct {
        const char *label;
        hgh_a6_request_answer answer;
        const char *text;
    } cases[] = {
        {"path without slash", {.action = HGH_A6_REWRITE, .path = TEXT("x")}, "path: wanted one"},
        {"path with NUL", {.action = HGH_A6_REWRITE, .path = TEXT("/\0")}, "path: wanted one"},
        {"header's name",
         {.action = HGH_A6_REWRITE, .path = TEXT("/x"), .headers = LIST(PAIR("a b", "c"))},
         "headers: entry 0: found \\\"a b\\\", wanted a header's name"},
        {"no name",
         {.action = HGH_A6_REWRITE, .headers = LIST(PAIR("x", "y"), PAIR("", "c"))},
         "headers: entry 1: found"},
        {"value with CR",
         {.action = HGH_A6_REWRITE, .path = TEXT("/x"), .headers = LIST(PAIR("a", "b\rc"))},
         "headers: a: found NUL, CR or LF"},
        {"value with LF",
         {.action = HGH_A6_REWRITE, .headers = LIST(PAIR("a", "b\n"))},
         "headers: a: found NUL, CR or LF"},
        {"value with NUL",
         {.action = HGH_A6_REWRITE, .headers = LIST(PAIR("a", "b\0"))},
         "headers: a: found NUL, CR or LF"},
        {"response header",
         {.action = HGH_A6_REWRITE, .path = TEXT("/x"), .response_headers = LIST(PAIR("a", "\n"))},
         "resp_headers: a: found NUL, CR or LF"},
        {"stop's header",
         {.action = HGH_A6_STOP, .headers = LIST(PAIR("a:", "b"))},
         "headers: entry 0: found"},
        {"low status", {.action = HGH_A6_STOP, .status = 199}, "status: found 199, wanted 200"},
        {"high status", {.action = HGH_A6_STOP, .status = 600}, "status: found 600, wanted 200"},
    };
    stand *on = *state;

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        peer_script script = {.request_answer = cases[i].answer};
        const hg_test_exchange *exchange;

        peer_tell(&on->peer, &script);
        exchange = hg_test_get(on->test, "/p");
        if (exchange->status != 500 || strstr(exchange->body, cases[i].text) == NULL ||
            strstr(exchange->body, on->peer.path) == NULL) {
            fail_msg("%s: %u %s", cases[i].label, exchange->status, exchange->body);
        }
    }
    peer_tell(&on->peer, &(peer_script){.code = 0});
    assert_int_equal(hg_test_get(on->test, "/p")->status, 200);
}

/* A frame may name the same bytes for all of them: what is made of it would fill the memory. */
static void headers_of_an_answer_are_bounded(void **state)
{
    static const struct {
        const char *label;
        size_t length;
        hgh_a6_action action;
        uint32_t status;
    } cases[] = {
        {"of the request", (1u << 20) - 2, HGH_A6_REWRITE, 200},
        {"of the request, one more", (1u << 20) - 1, HGH_A6_REWRITE, 500},
        {"of a stop, one more", (1u << 20) - 1, HGH_A6_STOP, 500},
    };
    stand *on = *state;
    char *value = malloc(1u << 20);

    assert_non_null(value);
    memset(value, 'v', 1u << 20);
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        hg_header headers[] = {PAIR("a", ""), {HG_TEXT("b"), {value, cases[i].length}}};
        peer_script script = {
            .request_answer = {.action = cases[i].action, .headers = {headers, 2}}};
        const hg_test_exchange *exchange;

        peer_tell(&on->peer, &script);
        exchange = hg_test_get(on->test, "/");
        if (exchange->status != cases[i].status ||
            (cases[i].status == 500 &&
             strstr(exchange->body, "headers: found 1048577 bytes, wanted at most 1048576") ==
                 NULL)) {
            fail_msg("%s: %u %.200s", cases[i].label, exchange->status, exchange->body);
        }
    }
    free(value);
}

/* ----------------------------------------------------------------------------------- responses */

/* "hello" in gzip. */
static const char hello_gzip[] = "\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\xcb\x48\xcd\xc9"
                                 "\xc9\x07\x00\x86\xa6\x10\x36\x05\x00\x00\x00";

#define ON_RESPONSE                                                                                \
    "{\"running\": {\"phase\": \"response\", \"plugins\": [{\"name\": \"say\", \"value\": "        \
    "\"{}\"}]}}"
#define DECODING "{\"running\": {\"phase\": \"response\", \"decodes\": true}}"

static void the_runner_is_told_of_the_response(void **state)
{
    stand *on = *state;

    kit_route(on->test, ON_RESPONSE);
    hg_test_set_upstream(on->test,
                         &(hg_test_upstream){.status = 404,
                                             .headers = "X-A: 1\nx-a: \nContent-Type: a/b\n",
                                             .body = "gone"});
    assert_int_equal(hg_test_get(on->test, "/")->status, 404);
    assert_last(on, "call", HGH_A6_HTTP_RESP_CALL,
                "{\"id\": 1, \"conf_token\": 1, \"status\": 404, \"headers\": [[\"X-A\", \"1\"],"
                " [\"x-a\", \"\"], [\"Content-Type\", \"a/b\"], [\"Content-Length\", \"4\"]]}");
}

static void an_answer_changes_the_response(void **state)
{
    const struct {
        const char *label;
        hgh_a6_response_answer answer;
        uint32_t status;
        const char *body;
        const char *length;
        const char *name;
        const char *value; /* NULL: it is not there */
    } cases[] = {
        {"nothing", {.id = 0}, 200, "upstream", "8", "X-Up", "1, 2"},
        {"nothing of the type", {.id = 0}, 200, "upstream", "8", "Content-Type", "a/b"},
        {"nothing of the place", {.id = 0}, 200, "upstream", "8", "Location", "/l"},
        {"status", {.status = 418}, 418, "upstream", "8", "X-Up", "1, 2"},
        {"body", {.body = TEXT("runner's")}, 200, "runner's", "8", "Content-Type", "a/b"},
        {"shorter body", {.body = TEXT("r\xff")}, 200, "r\xff", "2", "X-Up", "1, 2"},
        {"an empty one is none", {.body = TEXT("")}, 200, "upstream", "8", "X-Up", "1, 2"},
        {"headers are all of them",
         {.headers = LIST(PAIR("x-new", "n"))},
         200,
         "upstream",
         "8",
         "X-Up",
         NULL},
        {"also the type",
         {.headers = LIST(PAIR("x-new", "n"))},
         200,
         "upstream",
         "8",
         "Content-Type",
         NULL},
        {"first sets, later add",
         {.headers = LIST(PAIR("x-new", "n"), PAIR("X-New", "m"))},
         200,
         "upstream",
         "8",
         "X-New",
         "n, m"},
        {"the same name", {.headers = LIST(PAIR("X-UP", "3"))}, 200, "upstream", "8", "X-Up", "3"},
        {"no value",
         {.headers = LIST(PAIR("x-new", "n"), ALONE("x-up"))},
         200,
         "upstream",
         "8",
         "X-Up",
         NULL},
        {"any name",
         {.headers = LIST(PAIR("content-type", "c/d"))},
         200,
         "upstream",
         "8",
         "Content-Type",
         "c/d"},
        {"framing is the host's",
         {.headers = LIST(PAIR("content-length", "99"), PAIR("transfer-encoding", "chunked"),
                          PAIR("connection", "close"))},
         200,
         "upstream",
         "8",
         "Transfer-Encoding",
         NULL},
        {"all",
         {.status = 203, .headers = LIST(PAIR("x-new", "n")), .body = TEXT("b")},
         203,
         "b",
         "1",
         "X-New",
         "n"},
    };
    stand *on = *state;

    kit_route(on->test, ON_RESPONSE);
    hg_test_set_upstream(
        on->test,
        &(hg_test_upstream){.headers = "X-Up: 1\nX-Up: 2\nContent-Type: a/b\nLocation: /l\n",
                            .body = "upstream"});
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        peer_script script = {.response_answer = cases[i].answer};
        const hg_test_exchange *exchange;
        const char *length;
        const char *value;

        peer_tell(&on->peer, &script);
        exchange = hg_test_get(on->test, "/");
        length = hg_test_header(on->test, exchange, "Content-Length");
        value = hg_test_header(on->test, exchange, cases[i].name);
        if (exchange->status != cases[i].status || exchange->tries != 1 ||
            strcmp(exchange->body, cases[i].body) != 0 ||
            (length != NULL && strcmp(length, cases[i].length) != 0) ||
            (value == NULL) != (cases[i].value == NULL) ||
            (value != NULL && strcmp(value, cases[i].value) != 0)) {
            fail_msg("%s: %u \"%s\" (%s), %s", cases[i].label, exchange->status, exchange->body,
                     length, value);
        }
    }
}

static void a_body_and_its_coding_stay_together(void **state)
{
    const struct {
        const char *label;
        const char *config;
        bool asks;
        hgh_a6_response_answer answer;
        const char *result; /* JSON, of its question */
        const char *coding; /* NULL: none */
    } cases[] = {
        {"as it is", ON_RESPONSE, true, {.status = 201}, NULL, "gzip"},
        {"decoded", DECODING, true, {.status = 201}, "\"hello\"", "gzip"},
        {"another list", ON_RESPONSE, false, {.headers = LIST(PAIR("x", "y"))}, NULL, "gzip"},
        {"another list with another coding",
         ON_RESPONSE,
         false,
         {.headers = LIST(PAIR("content-encoding", "br"))},
         NULL,
         "gzip"},
        {"made of it", ON_RESPONSE, true, {.body = TEXT("x")}, NULL, "gzip"},
        {"made without it", ON_RESPONSE, false, {.body = TEXT("x")}, NULL, NULL},
        {"made of the decoded", DECODING, true, {.body = TEXT("x")}, "\"hello\"", NULL},
        {"sent back with the list",
         DECODING,
         true,
         {.body = TEXT("x"), .headers = LIST(PAIR("content-encoding", "gzip"))},
         "\"hello\"",
         NULL},
        {"its own",
         DECODING,
         true,
         {.body = TEXT("x"), .headers = LIST(PAIR("content-encoding", "br"))},
         "\"hello\"",
         "br"},
    };
    stand *on = *state;

    hg_test_set_upstream(on->test, &(hg_test_upstream){.headers = "Content-Encoding: gzip\n",
                                                       .body = hello_gzip,
                                                       .body_length = sizeof(hello_gzip) - 1});
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        peer_script script = {.questions = {{HGH_A6_RESPONSE_BODY, {NULL, 0}}},
                              .question_count = cases[i].asks ? 1 : 0,
                              .response_answer = cases[i].answer};
        const hg_test_exchange *exchange;
        const char *coding;

        kit_route(on->test, cases[i].config);
        peer_tell(&on->peer, &script);
        exchange = hg_test_get(on->test, "/");
        coding = hg_test_header(on->test, exchange, "Content-Encoding");
        if (exchange->status >= 300 ||
            strcmp(coding == NULL ? "" : coding, cases[i].coding == NULL ? "" : cases[i].coding) !=
                0 ||
            exchange->body_length !=
                (cases[i].answer.body.length > 0 ? 1 : sizeof(hello_gzip) - 1)) {
            fail_msg("%s: %u %s %zu: %s", cases[i].label, exchange->status, coding,
                     exchange->body_length, exchange->body);
        }
        if (cases[i].result != NULL) {
            assert_result(on, cases[i].label, HGH_A6_HTTP_RESP_CALL, cases[i].result);
        }
    }
}

/* What cannot be decoded is handed over as it is, and so is what is made of it. */
static void a_coding_that_is_not_known_stays(void **state)
{
    const hgh_a6_list lists[] = {{NULL, 0}, LIST(PAIR("content-encoding", "br"))};
    stand *on = *state;

    kit_route(on->test, DECODING);
    hg_test_set_upstream(
        on->test, &(hg_test_upstream){.headers = "Content-Encoding: br\n", .body = "packed"});
    for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
        peer_script script = {.questions = {{HGH_A6_RESPONSE_BODY, {NULL, 0}}},
                              .question_count = 1,
                              .response_answer = {.body = TEXT("other"), .headers = lists[i]}};
        const hg_test_exchange *exchange;

        peer_tell(&on->peer, &script);
        exchange = hg_test_get(on->test, "/");
        assert_string_equal(exchange->body, "other");
        assert_non_null(hg_test_header(on->test, exchange, "Content-Encoding"));
        assert_string_equal(hg_test_header(on->test, exchange, "Content-Encoding"), "br");
        assert_result(on, "body", HGH_A6_HTTP_RESP_CALL, "\"packed\"");
    }
}

static void its_questions_about_a_response_are_answered(void **state)
{
    static const struct {
        const char *label;
        hgh_a6_question question;
        const char *result; /* JSON */
    } cases[] = {
        {"body", {HGH_A6_RESPONSE_BODY, {NULL, 0}}, "\"whole\""},
        {"body of the request", {HGH_A6_REQUEST_BODY, {NULL, 0}}, "\"asked\""},
        {"variable", {HGH_A6_VAR, TEXT("route_id")}, "\"1\""},
    };
    stand *on = *state;
    static const hg_test_request request = {.method = "POST", .body = "asked"};

    kit_route(on->test, ON_RESPONSE);
    hg_test_set_upstream(on->test, &(hg_test_upstream){.body = "whole", .piece_bytes = 2});
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        peer_script script = {.questions = {cases[i].question}, .question_count = 1};
        const hg_test_exchange *exchange;

        peer_tell(&on->peer, &script);
        exchange = hg_test_send(on->test, &request);
        if (exchange->status != 200 || strcmp(exchange->body, "whole") != 0) {
            fail_msg("%s: %u %s", cases[i].label, exchange->status, exchange->body);
        }
        assert_result(on, cases[i].label, HGH_A6_HTTP_RESP_CALL, cases[i].result);
    }
}

static void a_response_that_cannot_be_judged_has_its_error(void **state)
{
    const struct {
        const char *label;
        peer_script script;
        hg_test_upstream upstream;
        const char *text;
    } cases[] = {
        {"closes", {.call_fault = PEER_CLOSES}, {.body = "u"}, "has closed the connection"},
        {"low status", {.response_answer = {.status = 101}}, {.body = "u"}, "status: found 101"},
        {"bad header",
         {.response_answer = {.status = 201, .headers = LIST(PAIR("a", "b"), PAIR("c", "\n"))}},
         {.body = "u"},
         "headers: c: found NUL, CR or LF"},
        {"other id",
         {.keeps_id = true, .response_answer = {.id = 9999}},
         {.body = "u"},
         "id: found 9999"},
        {"damaged body",
         {.questions = {{HGH_A6_RESPONSE_BODY, {NULL, 0}}}, .question_count = 1},
         {.body = "no gzip", .headers = "Content-Encoding: gzip\n"},
         "cannot be decoded (gzip): it is damaged"},
        {"long body",
         {.questions = {{HGH_A6_RESPONSE_BODY, {NULL, 0}}}, .question_count = 1},
         {.body = "eleven byte", .headers = "X: y\n"},
         "the body of the response: it is larger than the limit"},
        {"broken body",
         {.questions = {{HGH_A6_RESPONSE_BODY, {NULL, 0}}}, .question_count = 1},
         {.body = "half", .body_breaks_off = true},
         "the upstream has broken off"},
    };
    stand *on = *state;

    kit_route(on->test, DECODING);
    client_of(on)->options.body_max_bytes = 10;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        const hg_test_exchange *exchange;

        hg_test_set_upstream(on->test, &cases[i].upstream);
        peer_tell(&on->peer, &cases[i].script);
        exchange = hg_test_get(on->test, "/");
        if (exchange->status != 500 || strstr(exchange->body, cases[i].text) == NULL ||
            hg_test_header(on->test, exchange, "a") != NULL) {
            fail_msg("%s: %u %s", cases[i].label, exchange->status, exchange->body);
        }
    }
}

static void a_response_without_a_body_goes_through_once(void **state)
{
    static const struct {
        const char *method;
        uint32_t status;
    } cases[] = {{"HEAD", 200}, {"GET", 204}, {"GET", 304}};
    stand *on = *state;

    kit_route(on->test, ON_RESPONSE);
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        peer_script script = {.questions = {{HGH_A6_RESPONSE_BODY, {NULL, 0}}},
                              .question_count = 1,
                              .response_answer = {.body = TEXT("not sent")}};
        hg_test_request request = {.method = cases[i].method};
        const hg_test_exchange *exchange;

        hg_test_set_upstream(on->test, &(hg_test_upstream){.status = cases[i].status});
        peer_tell(&on->peer, &script);
        exchange = hg_test_send(on->test, &request);
        if (exchange->status != cases[i].status || exchange->tries != 1 ||
            exchange->body_length != 0) {
            fail_msg("%s %u: %u \"%s\"", cases[i].method, cases[i].status, exchange->status,
                     exchange->body);
        }
        assert_result(on, "body", HGH_A6_HTTP_RESP_CALL, "\"\"");
    }
}

static void an_answer_of_the_gateway_is_not_judged(void **state)
{
    stand *on = *state;

    kit_route(on->test, ON_RESPONSE);
    hg_test_set_upstream(on->test, &(hg_test_upstream){.failures = 9});
    assert_int_equal(hg_test_get(on->test, "/")->status, 502);
    assert_int_equal(peer_seen(&on->peer).calls, 0);
}

/* ------------------------------------------------------------------- a runner that does wrong */

static void each_fault_has_its_error(void **state)
{
    static const char wrong_type[] = {9, 0, 0, 0};
    static const char malformed[] = {2, 0, 0, 4, 99, 0, 0, 0};
    static const char empty[] = {2, 0, 0, 0};
    static const char prepare_answer[] = {1, 0, 0, 12, 8, 0, 0, 0, 4, 0, 4, 0, 4, 0, 0, 0};
    static const char trailing[] = {3, 0, 0, 0, 1};
    static const char unknown_question[] = {3, 0, 0, 12, 8, 0, 0, 0, 4, 0, 4, 0, 4, 0, 0, 0};
    static const struct {
        const char *label;
        peer_script script;
        const char *text;
    } cases[] = {
        {"prepare: closes", {.prepare_fault = PEER_CLOSES}, "has closed the connection"},
        {"prepare: cut", {.prepare_fault = PEER_CUT}, "closed the connection within a message"},
        {"prepare: silent", {.prepare_fault = PEER_SILENT}, "no answer within 60000 ms"},
        {"prepare: error", {.prepare_fault = PEER_SAYS_ERROR}, "the runner says: bad request"},
        {"prepare: token 0",
         {.prepare_fault = PEER_SENDS, .bytes = {prepare_answer, sizeof(prepare_answer)}},
         "conf_token: found 0, wanted a token"},
        {"prepare: other type",
         {.prepare_fault = PEER_SENDS, .bytes = {malformed, 8}},
         "found a message of type 2, wanted one of type 1"},
        {"closes", {.call_fault = PEER_CLOSES}, "has closed the connection"},
        {"cut", {.call_fault = PEER_CUT}, "closed the connection within a message"},
        {"silent", {.call_fault = PEER_SILENT}, "no answer within 60000 ms"},
        {"bad request", {.call_fault = PEER_SAYS_ERROR}, "the runner says: bad request"},
        {"unavailable",
         {.call_fault = PEER_SAYS_ERROR, .code = 1},
         "the runner says: service unavailable"},
        {"other error",
         {.call_fault = PEER_SAYS_ERROR, .code = 77},
         "the runner says: unknown err 77"},
        {"forgets for ever", {.call_fault = PEER_FORGETS}, "the runner says: conf token not found"},
        {"unknown type",
         {.call_fault = PEER_SENDS, .bytes = {wrong_type, sizeof(wrong_type)}},
         "found a message of type 9, wanted one of type 2"},
        {"other type",
         {.call_fault = PEER_SENDS, .bytes = {prepare_answer, 16}},
         "found a message of type 1, wanted one of type 2"},
        {"malformed",
         {.call_fault = PEER_SENDS, .bytes = {malformed, sizeof(malformed)}},
         "answer: "},
        {"empty", {.call_fault = PEER_SENDS, .bytes = {empty, sizeof(empty)}}, "answer: "},
        {"more than a message",
         {.call_fault = PEER_SENDS, .bytes = {trailing, sizeof(trailing)}},
         "1 bytes follow a message"},
        {"question of no kind",
         {.call_fault = PEER_SENDS, .bytes = {unknown_question, sizeof(unknown_question)}},
         "ExtraInfo: found a question of no kind"},
        {"asks for ever",
         {.questions = {{HGH_A6_VAR, TEXT("uri")}}, .question_count = 1, .asks_for_ever = true},
         "asks more than 1000 questions"},
        {"other id", {.keeps_id = true, .request_answer = {.id = 4711}}, "id: found 4711, wanted"},
    };
    stand *on = *state;

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        const hg_test_exchange *exchange;

        assert_int_equal(hg_test_set_runner(on->test, on->peer.path), HG_OK); /* knows no token */
        peer_tell(&on->peer, &cases[i].script);
        exchange = hg_test_get(on->test, "/");
        if (exchange->status != 500 || exchange->tries != 0 ||
            strstr(exchange->body, cases[i].text) == NULL ||
            strstr(exchange->body, on->peer.path) == NULL) {
            fail_msg("%s: %u %s", cases[i].label, exchange->status, exchange->body);
        }
        peer_tell(&on->peer, &(peer_script){.code = 0});
        exchange = hg_test_get(on->test, "/");
        if (exchange->status != 200 || peer_seen(&on->peer).connections != 1) {
            fail_msg("after %s: %u %s", cases[i].label, exchange->status, exchange->body);
        }
    }
}

static void an_answer_without_id_is_taken(void **state)
{
    stand *on = *state;

    peer_tell(&on->peer, &(peer_script){.keeps_id = true,
                                        .request_answer = {.action = HGH_A6_STOP, .status = 202}});
    assert_int_equal(hg_test_get(on->test, "/")->status, 202);
}

static void an_answer_in_pieces_is_taken(void **state)
{
    stand *on = *state;

    peer_tell(&on->peer, &(peer_script){.prepare_fault = PEER_PIECES,
                                        .call_fault = PEER_PIECES,
                                        .request_answer = {.action = HGH_A6_STOP, .status = 202}});
    assert_int_equal(hg_test_get(on->test, "/")->status, 202);
}

static void a_token_that_is_forgotten_is_asked_for_again(void **state)
{
    stand *on = *state;

    assert_int_equal(hg_test_get(on->test, "/")->status, 200);
    peer_tell(&on->peer, &(peer_script){.call_fault = PEER_FORGETS, .call_faults = 2});
    assert_int_equal(hg_test_get(on->test, "/")->status, 200);
    assert_int_equal(peer_seen(&on->peer).calls, 3);
    assert_int_equal(peer_seen(&on->peer).prepares, 2);
    peer_tell(&on->peer, &(peer_script){.call_fault = PEER_FORGETS, .call_faults = 3});
    assert_int_equal(hg_test_get(on->test, "/")->status, 500);
    assert_int_equal(peer_seen(&on->peer).calls, 3);
    assert_int_equal(hg_test_get(on->test, "/")->status, 200);
}

static void a_kept_connection_that_has_ended_is_replaced(void **state)
{
    stand *on = *state;

    assert_int_equal(hg_test_get(on->test, "/")->status, 200);
    scripted_runner_end(on->peer.runner);
    scripted_runner_begin(on->peer.runner, 1);
    assert_int_equal(hg_test_get(on->test, "/")->status, 200);
    /* One that ends only when it is used: once more, and not a third time. */
    peer_tell(&on->peer, &(peer_script){.call_fault = PEER_CLOSES, .call_faults = 1});
    assert_int_equal(hg_test_get(on->test, "/")->status, 200);
    assert_int_equal(peer_seen(&on->peer).calls, 2);
    peer_tell(&on->peer, &(peer_script){.call_fault = PEER_CLOSES});
    assert_int_equal(hg_test_get(on->test, "/")->status, 500);
    assert_int_equal(peer_seen(&on->peer).calls, 2);
}

static void calls_that_break_off_can_be_made_anew(void **state)
{
    stand *on = *state;

    client_of(on)->options.retries_broken = 2;
    peer_tell(&on->peer, &(peer_script){.call_fault = PEER_CUT, .call_faults = 2});
    assert_int_equal(hg_test_get(on->test, "/")->status, 200);
    assert_int_equal(peer_seen(&on->peer).calls, 3);
    peer_tell(&on->peer, &(peer_script){.call_fault = PEER_CUT});
    assert_int_equal(hg_test_get(on->test, "/")->status, 500);
    assert_int_equal(peer_seen(&on->peer).calls, 3);
    peer_tell(&on->peer, &(peer_script){.call_fault = PEER_SAYS_ERROR});
    assert_int_equal(hg_test_get(on->test, "/")->status, 500);
    assert_int_equal(peer_seen(&on->peer).calls, 1);
}

static void idle_connections_go_after_a_while(void **state)
{
    stand *on = *state;
    size_t before = descriptors();

    assert_int_equal(hg_test_get(on->test, "/")->status, 200);
    hg_test_advance(on->test, 179999);
    assert_int_equal(hg_test_get(on->test, "/")->status, 200);
    assert_int_equal(peer_seen(&on->peer).connections, 1);
    hg_test_advance(on->test, 180000);
    (void)hg_test_poll(on->test, 0);
    for (int i = 0; i < 500 && descriptors() > before; i++) {
        (void)hg_test_poll(on->test, 10); /* the peer's end closes in its own time */
    }
    assert_int_equal(descriptors(), before);
    assert_int_equal(hg_test_get(on->test, "/")->status, 200);
    assert_int_equal(peer_seen(&on->peer).connections, 2);
}

static void a_runner_that_is_not_there_is_left_alone(void **state)
{
    stand *on = *state;
    const hg_test_exchange *exchange;

    scripted_runner_end(on->peer.runner);
    for (size_t i = 0; i < 3; i++) {
        exchange = hg_test_get(on->test, "/");
        assert_non_null(strstr(exchange->body, "connect: No such file or directory"));
    }
    exchange = hg_test_get(on->test, "/");
    assert_non_null(
        strstr(exchange->body, "3 calls in a row have failed, the next try is in 100 ms"));
    hg_test_advance(on->test, 100);
    exchange = hg_test_get(on->test, "/");
    assert_non_null(strstr(exchange->body, "connect: No such file or directory"));
    exchange = hg_test_get(on->test, "/");
    assert_non_null(
        strstr(exchange->body, "4 calls in a row have failed, the next try is in 200 ms"));
    scripted_runner_begin(on->peer.runner, 1);
    hg_test_advance(on->test, 200);
    assert_int_equal(hg_test_get(on->test, "/")->status, 200);
    assert_int_equal(hg_test_get(on->test, "/")->status, 200);
}

static void a_runner_that_is_being_started_is_waited_for(void **state)
{
    stand *on = *state;
    static const hg_test_request request = {.uri = "/"};
    const hg_test_exchange *exchange;

    client_of(on)->options.wait_for_start_ms = 3000;
    scripted_runner_end(on->peer.runner);
    exchange = hg_test_begin(on->test, &request);
    hg_test_advance(on->test, 2000);
    assert_false(exchange->ended);
    scripted_runner_begin(on->peer.runner, 1);
    hg_test_finish(on->test, exchange);
    assert_int_equal(exchange->status, 200);

    scripted_runner_end(on->peer.runner);
    assert_int_equal(hg_test_set_runner(on->test, on->peer.path), HG_OK);
    client_of(on)->options.wait_for_start_ms = 3000;
    exchange = hg_test_begin(on->test, &request);
    hg_test_advance(on->test, 3000);
    assert_true(exchange->ended);
    assert_non_null(strstr(exchange->body, "connect: No such file or directory"));
    scripted_runner_begin(on->peer.runner, 1);
}

static void another_process_is_told_everything_anew(void **state)
{
    stand *on = *state;

    assert_int_equal(hg_test_get(on->test, "/")->status, 200);
    peer_tell(&on->peer, &(peer_script){.code = 0});
    client_of(on)->process = 1; /* as if that one had listened before */
    assert_int_equal(hg_test_get(on->test, "/")->status, 200);
    assert_int_equal(peer_seen(&on->peer).prepares, 1);
    assert_int_equal(client_of(on)->process, getpid());
}

/* A token that a process of before has given says nothing to this one. */
static void a_token_of_a_process_of_before_is_not_kept(void **state)
{
    stand *on = *state;

    assert_int_equal(hg_test_get(on->test, "/")->status, 200);
    assert_int_equal(client_of(on)->tokens.count, 1);
    client_of(on)->process = 1; /* as if that one listened now, and the kept connection were old */
    kit_route(on->test, "{\"running\": {\"plugins\": [{\"name\": \"b\", \"value\": \"\"}]}}");
    assert_int_equal(hg_test_get(on->test, "/")->status, 200);
    assert_int_equal(client_of(on)->tokens.count, 1);
}

/* As one in another container. */
static void a_process_without_a_number_may_be_another_one(void **state)
{
    stand *on = *state;

    assert_int_equal(hg_test_get(on->test, "/")->status, 200);
    client_of(on)->process = 0;
    client_of(on)->idle->process = 0;
    scripted_runner_end(on->peer.runner);
    scripted_runner_begin(on->peer.runner, 1);
    peer_tell(&on->peer, &(peer_script){.code = 0});
    assert_int_equal(hg_test_get(on->test, "/")->status, 200);
    assert_int_equal(peer_seen(&on->peer).calls, 1); /* the token is not tried in vain */
    assert_int_equal(peer_seen(&on->peer).prepares, 1);
}

static void so_many_connections_are_kept(void **state)
{
    stand *on = *state;
    const hg_test_exchange *exchanges[4];
    static const hg_test_request request = {.uri = "/"};

    client_of(on)->options.idle_max = 2;
    pthread_mutex_lock(&on->peer.lock); /* it answers none before all have been made */
    for (size_t i = 0; i < ARRAY_SIZE(exchanges); i++) {
        exchanges[i] = hg_test_begin(on->test, &request);
    }
    pthread_mutex_unlock(&on->peer.lock);
    for (size_t i = 0; i < ARRAY_SIZE(exchanges); i++) {
        hg_test_finish(on->test, exchanges[i]);
    }
    assert_int_equal(peer_seen(&on->peer).connections, 4);
    assert_int_equal(client_of(on)->idle_count, 2);
}

static void an_argument_alone_can_be_sent_with_an_empty_value(void **state)
{
    stand *on = *state;

    client_of(on)->options.empty_flag_arguments = true;
    assert_int_equal(hg_test_get(on->test, "/?a&b=")->status, 200);
    assert_last(on, "args", HGH_A6_HTTP_REQ_CALL,
                "{\"arguments\": [[\"a\", \"\"], [\"b\", \"\"]]}");
}

static void tokens_are_bounded(void **state)
{
    stand *on = *state;
    char plugins[128];

    for (size_t i = 0; i < 4200; i++) {
        (void)snprintf(plugins, sizeof(plugins),
                       "{\"running\": {\"plugins\": [{\"name\": \"n%zu\", \"value\": \"\"}]}}", i);
        kit_route(on->test, plugins);
        assert_int_equal(hg_test_get(on->test, "/")->status, 200);
    }
    assert_int_equal(client_of(on)->tokens.count, 4096);
    assert_int_equal(peer_seen(&on->peer).prepares, 4200);
}

static void a_silent_runner_holds_up_its_own_calls_alone(void **state)
{
    stand *on = *state;
    static const hg_test_request request = {.uri = "/"};
    const hg_test_exchange *first;

    peer_tell(&on->peer, &(peer_script){.call_fault = PEER_SILENT, .call_faults = 1});
    first = hg_test_begin(on->test, &request);
    while (peer_seen(&on->peer).calls == 0) {
        (void)hg_test_poll(on->test, 10);
    }
    assert_int_equal(hg_test_get(on->test, "/")->status, 200);
    assert_false(first->ended);
    hg_test_advance(on->test, 60000);
    hg_test_finish(on->test, first);
    assert_int_equal(first->status, 500);
}

static void who_goes_away_takes_the_call_along(void **state)
{
    stand *on = *state;
    static const hg_test_request request = {.uri = "/"};
    const hg_test_exchange *asks;
    const hg_test_exchange *waits;
    const hg_test_exchange *goes_on;

    pthread_mutex_lock(&on->peer.lock); /* it answers none before two have gone */
    asks = hg_test_begin(on->test, &request);
    waits = hg_test_begin(on->test, &request);
    goes_on = hg_test_begin(on->test, &request);
    hg_test_cancel(on->test, waits);
    hg_test_cancel(on->test, asks);
    pthread_mutex_unlock(&on->peer.lock);
    hg_test_finish(on->test, goes_on);
    assert_true(asks->canceled && waits->canceled);
    assert_int_equal(goes_on->status, 200);
    assert_int_equal(hg_test_log_count(on->test, HG_LOG_WARN, ""), 0);
}

static void connections_that_break_leave_nothing(void **state)
{
    stand *on = *state;
    size_t before;

    assert_int_equal(hg_test_get(on->test, "/")->status, 200);
    peer_tell(&on->peer, &(peer_script){.call_fault = PEER_CLOSES});
    assert_int_equal(hg_test_get(on->test, "/")->status, 500);
    before = descriptors();
    for (size_t i = 0; i < RECONNECTS; i++) {
        const hg_test_exchange *exchange = hg_test_get(on->test, "/");

        assert_int_equal(exchange->status, 500);
    }
    assert_int_equal(peer_seen(&on->peer).connections, RECONNECTS + 1);
    assert_in_range(descriptors(), before - 1, before + 1); /* the peer closes in its own time */
    peer_tell(&on->peer, &(peer_script){.code = 0});
    assert_int_equal(hg_test_get(on->test, "/")->status, 200);
}

/* ------------------------------------------------------------------------------------- where */

static void without_a_runner_it_says_so(void **state)
{
    stand *on = *state;

    assert_int_equal(hg_test_set_runner(on->test, NULL), HG_OK);
    assert_non_null(
        strstr(hg_test_get(on->test, "/")->body, "no plugin runner is configured (ext-plugin"));
}

static void it_is_asked_in_rewrite_and_access(void **state)
{
    stand *on = *state;

    peer_tell(&on->peer, &(peer_script){.request_answer = {.action = HGH_A6_STOP, .status = 202}});
    kit_route(on->test, "{\"running\": {\"phase\": \"rewrite\"}}");
    assert_int_equal(hg_test_get(on->test, "/")->status, 202);
    kit_route(on->test, "{\"running\": {\"phase\": \"header_filter\"}}");
    assert_int_equal(hg_test_get(on->test, "/")->status, 200);
    kit_assert_log(on->test, "status 9, err: a runner is asked about a request in rewrite and");
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        RUNNER_TEST(the_runner_is_told_of_the_request),
        RUNNER_TEST(a_client_has_four_or_sixteen_bytes),
        RUNNER_TEST(a_method_that_the_protocol_does_not_know_fails),
        RUNNER_TEST(a_configuration_is_prepared_once),
        RUNNER_TEST(calls_beside_each_other_prepare_once),
        RUNNER_TEST(its_questions_are_answered),
        RUNNER_TEST(several_questions_are_asked_one_after_the_other),
        RUNNER_TEST(a_body_is_handed_over_up_to_what_a_frame_holds),
        RUNNER_TEST(a_rewrite_changes_the_request),
        RUNNER_TEST(a_body_of_the_answer_takes_the_place_of_the_clients),
        RUNNER_TEST(response_headers_go_beside_the_upstreams),
        RUNNER_TEST(a_stop_is_the_clients_answer),
        RUNNER_TEST(a_large_body_of_a_stop_arrives_whole),
        RUNNER_TEST(an_answer_that_cannot_be_done_does_nothing),
        RUNNER_TEST(headers_of_an_answer_are_bounded),
        RUNNER_TEST(the_runner_is_told_of_the_response),
        RUNNER_TEST(an_answer_changes_the_response),
        RUNNER_TEST(a_body_and_its_coding_stay_together),
        RUNNER_TEST(a_coding_that_is_not_known_stays),
        RUNNER_TEST(its_questions_about_a_response_are_answered),
        RUNNER_TEST(a_response_that_cannot_be_judged_has_its_error),
        RUNNER_TEST(a_response_without_a_body_goes_through_once),
        RUNNER_TEST(an_answer_of_the_gateway_is_not_judged),
        RUNNER_TEST(each_fault_has_its_error),
        RUNNER_TEST(an_answer_without_id_is_taken),
        RUNNER_TEST(an_answer_in_pieces_is_taken),
        RUNNER_TEST(a_token_that_is_forgotten_is_asked_for_again),
        RUNNER_TEST(a_kept_connection_that_has_ended_is_replaced),
        RUNNER_TEST(calls_that_break_off_can_be_made_anew),
        RUNNER_TEST(idle_connections_go_after_a_while),
        RUNNER_TEST(a_runner_that_is_not_there_is_left_alone),
        RUNNER_TEST(a_runner_that_is_being_started_is_waited_for),
        RUNNER_TEST(another_process_is_told_everything_anew),
        RUNNER_TEST(a_token_of_a_process_of_before_is_not_kept),
        RUNNER_TEST(a_process_without_a_number_may_be_another_one),
        RUNNER_TEST(so_many_connections_are_kept),
        RUNNER_TEST(an_argument_alone_can_be_sent_with_an_empty_value),
        RUNNER_TEST(tokens_are_bounded),
        RUNNER_TEST(a_silent_runner_holds_up_its_own_calls_alone),
        RUNNER_TEST(who_goes_away_takes_the_call_along),
        RUNNER_TEST(connections_that_break_leave_nothing),
        RUNNER_TEST(without_a_runner_it_says_so),
        RUNNER_TEST(it_is_asked_in_rewrite_and_access),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
