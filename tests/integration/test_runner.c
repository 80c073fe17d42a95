/* tests/integration/test_runner.c - plugins behind the external plugin protocol: a real runner. */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/integration/author.h"
#include "tests/integration/command.h"
#include "tests/integration/gateway.h"
#include "tests/integration/runner_peer.h"
#include "tests/integration/served_runner.h"
#include "tests/unit/unit.h"

/* As HG_TEXT(), for a constant that stands outside of functions. */
#define TEXT(literal)                                                                              \
    {                                                                                              \
        "" literal, sizeof("" literal) - 1                                                         \
    }

static served_runner served;
static peer gateway_side;

static int group_begin(void **state)
{
    (void)state;
    runner_make(&served);
    runner_install(&served, "request", "request", "");
    runner_install(&served, "response", "response", "");
    runner_install(&served, "exit", "exit", "");
    runner_install(&served, "waiting", "waiting", "");
    runner_install(&served, "responding", "responding", "");
    runner_start(&served, NULL);
    return 0;
}

static int group_end(void **state)
{
    (void)state;
    runner_done(&served);
    return 0;
}

static int connect_peer(void **state)
{
    (void)state;
    peer_open(&gateway_side, served.path);
    return 0;
}

static int close_peer(void **state)
{
    (void)state;
    peer_close(&gateway_side);
    return 0;
}

static uint32_t prepared(const char *plugin, const char *value)
{
    uint32_t error = 99;
    uint32_t token = peer_prepare(&gateway_side, "route#1#test#1", plugin, value, &error);

    if (token == 0) {
        fail_msg("%s %s: error %u", plugin, value, error);
    }
    return token;
}

/* A call with what many tests need. */
static const hg_header call_headers[] = {
    {TEXT("host"), TEXT("example.com")},
    {TEXT("x-one"), TEXT("1")},
    {TEXT("cookie"), TEXT("a=b; c=d")},
};
static const hg_header call_arguments[] = {
    {TEXT("x"), TEXT("1")},
    {TEXT("x"), TEXT("two words")},
    {TEXT("y"), TEXT("")},
    {TEXT("z"), {NULL, 0}},
};

static hgh_a6_request_call call_of(uint32_t token)
{
    return (hgh_a6_request_call){
        .id = 7,
        .source_address = HG_TEXT("\x0a\x01\x02\x03"),
        .method = 2,
        .path = HG_TEXT("/some path"),
        .arguments = {call_arguments, ARRAY_SIZE(call_arguments)},
        .headers = {call_headers, ARRAY_SIZE(call_headers)},
        .conf_token = token,
    };
}

static uint32_t called(const char *plugin, const char *value, hgh_a6_request_answer *out_answer)
{
    hgh_a6_request_call call = call_of(prepared(plugin, value));

    return peer_call_request(&gateway_side, &call, out_answer);
}

/* ------------------------------------------------------------------------------------ calls */

static void a_call_that_changes_nothing_says_so(void **state)
{
    hgh_a6_request_answer answer = {0};

    (void)state;
    assert_int_equal(called("request", "{\"actions\":[]}", &answer), HGH_A6_HTTP_REQ_CALL);
    assert_int_equal(answer.id, 7);
    assert_int_equal(answer.action, HGH_A6_NO_ACTION);
    assert_int_equal(gateway_side.questions, 0);
}

static void changes_become_a_rewrite(void **state)
{
    static const char value[] =
        "{\"actions\":["
        "{\"call\":\"set_uri\",\"value\":\"/new path\"},"
        "{\"call\":\"set_header\",\"name\":\"X-One\",\"value\":\"other\"},"
        "{\"call\":\"remove_header\",\"name\":\"Cookie\"},"
        "{\"call\":\"set_arguments\",\"value\":\"x=3&y=&z&new=a%20b\"},"
        "{\"call\":\"set_response_header\",\"name\":\"X-Set\",\"value\":\"early\"},"
        "{\"call\":\"set_upstream_host\",\"value\":\"other.example\"},"
        "{\"call\":\"set_body\",\"value\":\"new body\"}]}";
    hgh_a6_request_answer answer = {0};

    (void)state;
    assert_int_equal(called("request", value, &answer), HGH_A6_HTTP_REQ_CALL);
    assert_int_equal(answer.action, HGH_A6_REWRITE);
    assert_true(hg_text_equal(answer.path, HG_TEXT("/new path")));
    assert_true(hg_text_equal(answer.body, HG_TEXT("new body")));
    assert_string_equal(peer_entry(&gateway_side, &answer.headers, "x-one"), "other");
    assert_true(peer_entry_deletes(&answer.headers, "cookie"));
    assert_string_equal(peer_entry(&gateway_side, &answer.headers, "host"), "other.example");
    assert_string_equal(peer_entry(&gateway_side, &answer.response_headers, "X-Set"), "early");
    assert_int_equal(answer.arguments.count, 2);
    assert_string_equal(peer_entry(&gateway_side, &answer.arguments, "x"), "3");
    assert_string_equal(peer_entry(&gateway_side, &answer.arguments, "new"), "a b");
}

static void what_the_protocol_cannot_say_is_unsupported(void **state)
{
    static const char *const actions[] = {
        "{\"call\":\"set_method\",\"value\":\"PUT\"}",
        "{\"call\":\"add_header\",\"name\":\"x-one\",\"value\":\"second\"}",
        "{\"call\":\"set_body\",\"value\":\"\"}",
        "{\"call\":\"set_arguments\",\"value\":\"x=1&x=two+words&y=&z&flag\"}",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(actions); i++) {
        char *value = text_format("{\"actions\":[%s]}", actions[i]);
        hgh_a6_request_answer answer = {0};

        assert_int_equal(called("request", value, &answer), HGH_A6_HTTP_REQ_CALL);
        assert_int_equal(answer.action, HGH_A6_NO_ACTION);
        free(value);
    }
    assert_true(runner_logged(&served, "set_method -> 9"));
    assert_true(runner_logged(&served, "add_header -> 9"));
    assert_true(runner_logged(&served, "set_body -> 9"));
    assert_true(runner_logged(&served, "set_arguments -> 9"));
}

static void an_exit_becomes_a_stop_with_all_its_headers(void **state)
{
    hgh_a6_request_answer answer = {0};

    (void)state;
    assert_int_equal(
        called("exit", "{\"way\":\"unauthorized\",\"text\":\"realm\",\"status\":401}", &answer),
        HGH_A6_HTTP_REQ_CALL);
    assert_int_equal(answer.action, HGH_A6_STOP);
    assert_int_equal(answer.status, 401);
    assert_non_null(
        strstr(peer_entry(&gateway_side, &answer.headers, "www-authenticate"), "realm"));
    assert_string_equal(peer_entry(&gateway_side, &answer.headers, "content-type"),
                        "application/json");
    assert_non_null(strstr(hgh_memory_copy(&gateway_side.memory, answer.body).data, "who are you"));
}

static void what_the_call_does_not_say_is_asked_once(void **state)
{
    static const char value[] = "{\"actions\":["
                                "{\"call\":\"variable\",\"name\":\"server_port\"},"
                                "{\"call\":\"variable\",\"name\":\"server_port\"},"
                                "{\"call\":\"variable\",\"name\":\"nothing\"},"
                                "{\"call\":\"variable\",\"name\":\"nothing\"},"
                                "{\"call\":\"scheme\"},{\"call\":\"route_id\"},"
                                "{\"call\":\"variable\",\"name\":\"remote_addr\"},"
                                "{\"call\":\"variable\",\"name\":\"http_x_one\"},"
                                "{\"call\":\"cookie\",\"name\":\"c\"},"
                                "{\"call\":\"argument\",\"name\":\"x\"},"
                                "{\"call\":\"client\"},{\"call\":\"method\"},{\"call\":\"uri\"}]}";
    static const peer_fact facts[] = {
        {"server_port", "9080"}, {"scheme", "https"}, {"route_id", "r1"}, {NULL, NULL}};
    hgh_a6_request_answer answer = {0};

    (void)state;
    gateway_side.facts = facts;
    assert_int_equal(called("request", value, &answer), HGH_A6_HTTP_REQ_CALL);
    assert_string_equal(gateway_side.asked, "server_port nothing scheme route_id ");
    assert_true(runner_logged(&served, "variable=9080"));
    assert_true(runner_logged(&served, "variable is absent"));
    assert_true(runner_logged(&served, "scheme=https"));
    assert_true(runner_logged(&served, "route_id=r1"));
    assert_true(runner_logged(&served, "variable=10.1.2.3"));
    assert_true(runner_logged(&served, "variable=1\n"));
    assert_true(runner_logged(&served, "cookie=d"));
    assert_true(runner_logged(&served, "client=10.1.2.3"));
    assert_true(runner_logged(&served, "method=POST"));
    assert_true(runner_logged(&served, "uri=/some path"));
}

static void the_request_body_is_asked_for_and_waiting_is_possible(void **state)
{
    static const peer_fact facts[] = {{"REQUEST BODY", "a=1&b=2"}, {NULL, NULL}};
    hgh_a6_request_answer answer = {0};

    (void)state;
    gateway_side.facts = facts;
    assert_int_equal(called("waiting", "{\"sleep\":\"20ms\",\"body_max\":100}", &answer),
                     HGH_A6_HTTP_REQ_CALL);
    assert_string_equal(gateway_side.asked, "REQUEST BODY ");
    assert_true(runner_logged(&served, "sleep -> 0"));
    assert_true(runner_logged(&served, "body -> 0: a=1&b=2"));
    assert_int_equal(called("waiting", "{\"body_max\":3}", &answer), HGH_A6_HTTP_REQ_CALL);
    assert_true(runner_logged(&served, "body -> 7"));
}

static void a_filter_may_ask_for_variables_of_the_body(void **state)
{
    static const peer_fact facts[] = {{"REQUEST BODY", "name=x"}, {NULL, NULL}};
    static const hg_header headers[] = {
        {TEXT("content-type"), TEXT("application/x-www-form-urlencoded")},
        {TEXT("content-length"), TEXT("6")},
    };
    hgh_a6_request_call call = call_of(
        prepared("exit", "{\"way\":\"status\",\"_meta\":{\"filter\":[[\"post_arg_name\",\"==\","
                         "\"x\"]]}}"));
    hgh_a6_request_answer answer = {0};

    (void)state;
    gateway_side.facts = facts;
    call.headers = (hgh_a6_list){headers, ARRAY_SIZE(headers)};
    assert_int_equal(peer_call_request(&gateway_side, &call, &answer), HGH_A6_HTTP_REQ_CALL);
    assert_string_equal(gateway_side.asked, "REQUEST BODY ");
    assert_int_equal(answer.action, HGH_A6_STOP);
    assert_int_equal(answer.status, 403);
}

static void a_key_of_hotgate_names_the_phase_that_runs(void **state)
{
    static const struct {
        const char *key;
        hgh_a6_action action;
    } cases[] = {
        {"hotgate#rewrite#routes#1#hash#nonce", HGH_A6_NO_ACTION},
        {"hotgate#access#routes#1#hash#nonce", HGH_A6_STOP},
        {"route#1#ext-plugin-pre-req#1", HGH_A6_STOP},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        uint32_t error = 99;
        uint32_t token = peer_prepare(&gateway_side, cases[i].key, "exit",
                                      "{\"way\":\"status\",\"phase\":\"access\"}", &error);
        hgh_a6_request_call call = call_of(token);
        hgh_a6_request_answer answer = {0};

        assert_int_not_equal(token, 0);
        assert_int_equal(peer_call_request(&gateway_side, &call, &answer), HGH_A6_HTTP_REQ_CALL);
        assert_int_equal(answer.action, cases[i].action);
    }
    {
        uint32_t error = 99;

        assert_int_equal(peer_prepare(&gateway_side, "hotgate#log#routes#1#", "exit",
                                      "{\"way\":\"status\"}", &error),
                         0);
        assert_int_equal(error, HGH_A6_BAD_REQUEST);
    }
}

/* -------------------------------------------------------------------------------- responses */

static const hg_header upstream_headers[] = {
    {TEXT("Content-Type"), TEXT("text/plain")},
    {TEXT("Content-Length"), TEXT("5")},
    {TEXT("X-Gone"), TEXT("1")},
    {TEXT("Set-Cookie"), TEXT("a=1")},
    {TEXT("Set-Cookie"), TEXT("b=2")},
};

static uint32_t
responded_by(const char *plugin, const char *value, hgh_a6_response_answer *out_answer)
{
    const hgh_a6_response_call call = {
        .id = 9,
        .status = 200,
        .headers = {upstream_headers, ARRAY_SIZE(upstream_headers)},
        .conf_token = prepared(plugin, value),
    };

    return peer_call_response(&gateway_side, &call, out_answer);
}

static uint32_t responded(const char *value, hgh_a6_response_answer *out_answer)
{
    return responded_by("response", value, out_answer);
}

static void a_changed_response_has_its_whole_list_of_headers(void **state)
{
    static const peer_fact facts[] = {{"RESPONSE BODY", "hello"}, {NULL, NULL}};
    hgh_a6_response_answer answer = {0};

    (void)state;
    gateway_side.facts = facts;
    assert_int_equal(responded("{\"status\":201,\"header\":\"set\",\"remove\":\"X-Gone\","
                               "\"change_body\":true,\"suffix\":\" world\"}",
                               &answer),
                     HGH_A6_HTTP_RESP_CALL);
    assert_int_equal(answer.id, 9);
    assert_int_equal(answer.status, 201);
    assert_true(hg_text_equal(answer.body, HG_TEXT("hello world")));
    assert_int_equal(answer.headers.count, 4);
    assert_string_equal(peer_entry(&gateway_side, &answer.headers, "X-Test"), "set");
    assert_string_equal(peer_entry(&gateway_side, &answer.headers, "Content-Type"), "text/plain");
    assert_null(peer_entry(&gateway_side, &answer.headers, "X-Gone"));
    assert_null(peer_entry(&gateway_side, &answer.headers, "Content-Length"));
}

static const peer_fact response_facts[] = {
    {"RESPONSE BODY", "hello"}, {"args", "wait=10"}, {NULL, NULL}};

static void the_phase_response_waits_and_sees_the_body(void **state)
{
    hgh_a6_response_answer answer = {0};

    (void)state;
    gateway_side.facts = response_facts;
    assert_int_equal(responded_by("responding",
                                  "{\"body_max\":100,\"body_again\":3,\"body\":\"other\","
                                  "\"header\":\"h\",\"offload\":\"5ms\"}",
                                  &answer),
                     HGH_A6_HTTP_RESP_CALL);
    assert_string_equal(gateway_side.asked, "args RESPONSE BODY ");
    assert_true(runner_logged(&served, "sleep -> 0"));
    assert_true(runner_logged(&served, "offload -> 0"));
    assert_true(runner_logged(&served, "body -> 0, 5 bytes: hello"));
    assert_true(runner_logged(&served, "body -> 7"));
    assert_true(hg_text_equal(answer.body, HG_TEXT("other")));
    assert_int_equal(answer.status, 200);
    assert_string_equal(peer_entry(&gateway_side, &answer.headers, "X-Responding"), "h");
    assert_null(peer_entry(&gateway_side, &answer.headers, "Content-Length"));
}

static void an_exit_takes_the_place_of_the_response(void **state)
{
    hgh_a6_response_answer answer = {0};

    (void)state;
    gateway_side.facts = response_facts;
    assert_int_equal(responded_by("responding",
                                  "{\"exit\":418,\"exit_body\":\"tea\",\"header\":\"h\"}", &answer),
                     HGH_A6_HTTP_RESP_CALL);
    assert_int_equal(answer.status, 418);
    assert_true(hg_text_equal(answer.body, HG_TEXT("tea")));
    assert_int_equal(answer.headers.count, 2);
    assert_string_equal(peer_entry(&gateway_side, &answer.headers, "Content-Type"), "text/x-exit");
    assert_string_equal(peer_entry(&gateway_side, &answer.headers, "X-Responding"), "h");
}

static void an_unchanged_response_keeps_all_its_headers(void **state)
{
    hgh_a6_response_answer answer = {0};

    (void)state;
    gateway_side.facts = response_facts;
    assert_int_equal(responded("{}", &answer), HGH_A6_HTTP_RESP_CALL);
    assert_int_equal(answer.status, 200);
    assert_int_equal(answer.headers.count, ARRAY_SIZE(upstream_headers));
    assert_null(answer.body.data);
}

static void our_own_gateway_is_told_nothing_of_an_unchanged_response(void **state)
{
    hgh_a6_response_call call = {
        .id = 9, .status = 200, .headers = {upstream_headers, ARRAY_SIZE(upstream_headers)}};
    hgh_a6_response_answer answer = {0};
    uint32_t error = 99;

    (void)state;
    gateway_side.facts = response_facts;
    call.conf_token =
        peer_prepare(&gateway_side, "hotgate#response#routes#1#x", "response", "{}", &error);
    assert_int_equal(peer_call_response(&gateway_side, &call, &answer), HGH_A6_HTTP_RESP_CALL);
    assert_int_equal(answer.id, 9);
    assert_int_equal(answer.status, 0);
    assert_int_equal(answer.headers.count, 0);
    assert_null(answer.body.data);
}

static void a_body_that_a_filter_empties_fails_the_call(void **state)
{
    static const peer_fact facts[] = {{"RESPONSE BODY", "hello"}, {NULL, NULL}};
    hgh_a6_response_answer answer = {0};

    (void)state;
    gateway_side.facts = facts;
    assert_int_equal(responded("{\"change_body\":true,\"body\":\"\"}", &answer), HGH_A6_ERROR);
    assert_int_equal(answer.status, HGH_A6_SERVICE_UNAVAILABLE);
}

/* --------------------------------------------------------------------------------- refusals */

static void configurations_are_judged_and_every_finding_is_logged(void **state)
{
    static const struct {
        const char *label;
        const char *plugin;
        const char *value;
        const char *logged;
    } cases[] = {
        {"no JSON", "exit", "{\"way\"", "/exit: found line 1"},
        {"no object", "exit", "[1]", "invalid plugin conf [1] for plugin [exit]"},
        {"missing", "exit", "{}", "property \"way\" is required"},
        {"wrong type", "exit", "{\"way\":\"status\",\"status\":\"x\"}", "property \"status\""},
        {"unknown plugin", "nobody", "{}", "unknown plugin [nobody]"},
        {"no name", "", "{}", "/conf/0: found no name"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        uint32_t error = 99;
        uint32_t token = peer_prepare(&gateway_side, "k", cases[i].plugin, cases[i].value, &error);

        if (token != 0 || error != HGH_A6_BAD_REQUEST || !runner_logged(&served, cases[i].logged)) {
            fail_msg("%s: token %u, error %u", cases[i].label, token, error);
        }
    }
}

static void tokens_are_of_the_content_and_shared_by_connections(void **state)
{
    uint32_t error = 99;
    uint32_t token = prepared("exit", "{\"way\":\"status\"}");
    uint32_t other = prepared("exit", "{\"way\":\"text\"}");
    peer second;
    hgh_a6_request_call call = call_of(token);
    hgh_a6_request_answer answer = {0};

    (void)state;
    assert_int_not_equal(token, other);
    peer_open(&second, served.path);
    assert_int_equal(
        peer_prepare(&second, "route#1#test#1", "exit", "{\"way\":\"status\"}", &error), token);
    assert_int_equal(peer_call_request(&second, &call, &answer), HGH_A6_HTTP_REQ_CALL);
    call.conf_token = token ^ 0x40000000u;
    assert_int_equal(peer_call_request(&second, &call, &answer), HGH_A6_ERROR);
    assert_int_equal(answer.status, HGH_A6_CONF_TOKEN_NOT_FOUND);
    peer_close(&second);
}

static void what_is_no_message_is_a_bad_request_and_the_connection_stays(void **state)
{
    static const struct {
        const char *label;
        const char *bytes;
        size_t length;
    } cases[] = {
        {"unknown type", "\x09\x00\x00\x00", 4},
        {"an error", "\x00\x00\x00\x00", 4},
        {"an answer to nothing", "\x03\x00\x00\x00", 4},
        {"empty prepare", "\x01\x00\x00\x00", 4},
        {"empty call", "\x02\x00\x00\x00", 4},
        {"empty response call", "\x04\x00\x00\x00", 4},
        {"garbage", "\x02\x00\x00\x08\xff\xff\xff\xff\xff\xff\xff\xff", 12},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        hg_text payload;

        peer_send(&gateway_side, cases[i].bytes, cases[i].length);
        if (peer_receive(&gateway_side, &payload) != HGH_A6_ERROR ||
            peer_error_code(&gateway_side, payload) != HGH_A6_BAD_REQUEST) {
            fail_msg("%s", cases[i].label);
        }
    }
    assert_int_not_equal(prepared("exit", "{\"way\":\"status\"}"), 0);
}

static void another_frame_in_place_of_an_answer_ends_the_connection(void **state)
{
    hgh_a6_request_call call =
        call_of(prepared("request", "{\"actions\":[{\"call\":\"scheme\"}]}"));
    hgh_text_builder frame = {.max = 65536};
    hg_text payload;

    (void)state;
    assert_int_equal(hgh_a6_encode_request_call(&frame, &call), HG_OK);
    peer_send(&gateway_side, frame.data, frame.length);
    assert_int_equal(peer_receive(&gateway_side, &payload), HGH_A6_EXTRA_INFO);
    peer_send(&gateway_side, frame.data, frame.length);
    hgh_text_builder_done(&frame);
    assert_int_equal(peer_receive(&gateway_side, &payload), HGH_A6_ERROR);
    assert_int_equal(peer_error_code(&gateway_side, payload), HGH_A6_BAD_REQUEST);
    assert_true(peer_is_closed(&gateway_side));
}

static void a_body_larger_than_a_frame_can_carry_fails_the_call(void **state)
{
    /* the plugin doubles what it gets */
    char *body = malloc((9u << 20) + 1);
    peer_fact facts[] = {{"RESPONSE BODY", body}, {NULL, NULL}};
    hgh_a6_response_answer answer = {0};
    char *value = malloc((9u << 20) + 64);

    (void)state;
    assert_non_null(body);
    assert_non_null(value);
    memset(body, 'x', 9u << 20);
    body[9u << 20] = '\0';
    (void)sprintf(value, "{\"change_body\":true,\"suffix\":\"%s\"}", body);
    gateway_side.facts = facts;
    assert_int_equal(responded(value, &answer), HGH_A6_ERROR);
    assert_int_equal(answer.status, HGH_A6_SERVICE_UNAVAILABLE);
    assert_true(runner_logged(&served, "too large for the protocol"));
    free(body);
    free(value);
}

/* -------------------------------------------------------------------------------- many peers */

static void pieces_and_silence_hold_up_nobody(void **state)
{
    hgh_a6_request_call call = call_of(prepared("exit", "{\"way\":\"status\"}"));
    hgh_text_builder frame = {.max = 65536};
    peer silent;
    peer slow;
    hg_text payload;

    (void)state;
    peer_open(&silent, served.path);
    peer_open(&slow, served.path);
    peer_send(&silent, "\x02\xff\xff\xff", 4);
    assert_int_equal(hgh_a6_encode_request_call(&frame, &call), HG_OK);
    for (size_t i = 0; i < frame.length; i++) {
        peer_send(&slow, frame.data + i, 1);
        if (i % 64 == 0) {
            hgh_a6_request_answer answer = {0};

            assert_int_equal(peer_call_request(&gateway_side, &call, &answer),
                             HGH_A6_HTTP_REQ_CALL);
        }
    }
    assert_int_equal(peer_receive(&slow, &payload), HGH_A6_HTTP_REQ_CALL);
    hgh_text_builder_done(&frame);
    peer_close(&silent);
    peer_close(&slow);
}

#define PEERS 128u

static void as_many_calls_run_at_once_as_there_are_connections(void **state)
{
    static peer peers[PEERS];
    hgh_a6_request_call call = call_of(prepared("waiting", "{\"sleep\":\"300ms\"}"));
    hgh_text_builder frame = {.max = 65536};
    int64_t begun_ms;

    (void)state;
    assert_int_equal(hgh_a6_encode_request_call(&frame, &call), HG_OK);
    for (size_t i = 0; i < PEERS; i++) {
        peer_open(&peers[i], served.path);
    }
    begun_ms = clock_ms();
    for (size_t i = 0; i < PEERS; i++) {
        peer_send(&peers[i], frame.data, frame.length);
    }
    for (size_t i = 0; i < PEERS; i++) {
        hg_text payload;

        assert_int_equal(peer_receive(&peers[i], &payload), HGH_A6_HTTP_REQ_CALL);
        peer_close(&peers[i]);
    }
    assert_true(clock_ms() - begun_ms < (int64_t)(PEERS * 300 / 2));
    hgh_text_builder_done(&frame);
}

/* Resident kilobytes of the runner. */
static long resident_kib(void)
{
    char *path = text_format("/proc/%d/status", (int)served.pid);
    char *text = file_read(path);
    const char *line = strstr(text, "VmRSS:");
    long kib = line == NULL ? 0 : strtol(line + 6, NULL, 10);

    free(text);
    free(path);
    return kib;
}

static unsigned descriptors(void)
{
    char *path = text_format("ls /proc/%d/fd | wc -l", (int)served.pid);
    char *text = NULL;
    unsigned count;

    assert_int_equal(
        command_run(&(command){.arguments = (const char *const[]){"sh", "-c", path, NULL}}, &text),
        0);
    count = (unsigned)strtoul(text, NULL, 10);
    free(text);
    free(path);
    return count;
}

/* Gone in the middle of a frame, a call, a question. */
static void peer_leaves(unsigned turn, uint32_t token, uint32_t asking)
{
    hgh_a6_request_call call = call_of(turn % 3 == 1 ? token : asking);
    hgh_text_builder frame = {.max = 65536};
    peer one;

    peer_open(&one, served.path);
    assert_int_equal(hgh_a6_encode_request_call(&frame, &call), HG_OK);
    peer_send(&one, frame.data, turn % 3 == 0 ? frame.length / 2 : frame.length);
    if (turn % 3 == 2) {
        hg_text payload;

        assert_int_equal(peer_receive(&one, &payload), HGH_A6_EXTRA_INFO);
    }
    hgh_text_builder_done(&frame);
    peer_close(&one);
}

static void peers_that_leave_at_any_time_leave_nothing_behind(void **state)
{
    uint32_t token = prepared("waiting", "{\"sleep\":\"30s\"}");
    uint32_t asking = prepared("request", "{\"actions\":[{\"call\":\"scheme\"}]}");
    unsigned turns = scale_is_full() ? 10000 : 1000;
    unsigned before;
    long kib;

    (void)state;
    for (unsigned i = 0; i < turns / 4; i++) {
        peer_leaves(i, token, asking);
    }
    WAIT_UNTIL(descriptors() <= 16);
    before = descriptors();
    kib = resident_kib();
    for (unsigned i = 0; i < turns; i++) {
        peer_leaves(i, token, asking);
    }
    WAIT_UNTIL(descriptors() <= before);
    if (getenv("HOTGATE_SANITIZED") == NULL) {
        assert_true(resident_kib() < kib + 2048);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define CASE(name) cmocka_unit_test_setup_teardown(name, connect_peer, close_peer)
        CASE(a_call_that_changes_nothing_says_so),
        CASE(changes_become_a_rewrite),
        CASE(what_the_protocol_cannot_say_is_unsupported),
        CASE(an_exit_becomes_a_stop_with_all_its_headers),
        CASE(what_the_call_does_not_say_is_asked_once),
        CASE(the_request_body_is_asked_for_and_waiting_is_possible),
        CASE(a_filter_may_ask_for_variables_of_the_body),
        CASE(a_key_of_hotgate_names_the_phase_that_runs),
        CASE(a_changed_response_has_its_whole_list_of_headers),
        CASE(the_phase_response_waits_and_sees_the_body),
        CASE(an_exit_takes_the_place_of_the_response),
        CASE(an_unchanged_response_keeps_all_its_headers),
        CASE(our_own_gateway_is_told_nothing_of_an_unchanged_response),
        CASE(a_body_that_a_filter_empties_fails_the_call),
        CASE(configurations_are_judged_and_every_finding_is_logged),
        CASE(tokens_are_of_the_content_and_shared_by_connections),
        CASE(what_is_no_message_is_a_bad_request_and_the_connection_stays),
        CASE(another_frame_in_place_of_an_answer_ends_the_connection),
        CASE(a_body_larger_than_a_frame_can_carry_fails_the_call),
        CASE(pieces_and_silence_hold_up_nobody),
        CASE(as_many_calls_run_at_once_as_there_are_connections),
        CASE(peers_that_leave_at_any_time_leave_nothing_behind),
#undef CASE
    };

    return report(cmocka_run_group_tests(tests, group_begin, group_end));
}
