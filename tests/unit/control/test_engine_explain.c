/* tests/unit/control/test_engine_explain.c - whatever nginx answers, the question is answered. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "host/control/engine_explain.h"
#include "host/control/local_socket.h"
#include "host/core/explain_token.h"
#include "tests/unit/unit.h"

static const unsigned char key[HGH_EXPLAIN_KEY_SIZE] = "a key";

/* The stand-in for nginx, and who asks it. */
typedef struct explain_test {
    hgh_event_loop *loop;
    hgh_engine_explain *explain;
    char directory[64];
    int listener; /* -1: nobody listens */
    int connection;
    const char *answer; /* what the stand-in says; NULL: it hangs up at once */
    size_t sent;        /* of it */
    hgh_admin_answer_later later;
    unsigned status;
    char *body;
} explain_test;

static explain_test *test;

static int set_up(void **state)
{
    hgh_engine_explain_options options = {.admin_is_on_data_ports = true, .key = key};
    char path[128];

    (void)state;
    test = calloc(1, sizeof(*test));
    test->listener = -1;
    test->connection = -1;
    (void)strcpy(test->directory, "/tmp/hotgate-explain-XXXXXX");
    assert_non_null(mkdtemp(test->directory));
    (void)snprintf(path, sizeof(path), "%s/run", test->directory);
    assert_int_equal(mkdir(path, 0755), 0);
    (void)snprintf(path, sizeof(path), "%s/run/explain", test->directory);
    assert_int_equal(mkdir(path, 0755), 0);
    assert_int_equal(hgh_event_loop_new(&test->loop, NULL), HG_OK);
    options.loop = test->loop;
    options.directory = test->directory;
    test->explain = hgh_engine_explain_new(&options);
    assert_non_null(test->explain);
    return 0;
}

static int tear_down(void **state)
{
    char command[128];

    (void)state;
    hgh_engine_explain_free(test->explain);
    if (test->connection >= 0) {
        hgh_event_loop_unwatch(test->loop, test->connection);
        (void)close(test->connection);
    }
    if (test->listener >= 0) {
        hgh_event_loop_unwatch(test->loop, test->listener);
        (void)close(test->listener);
    }
    hgh_event_loop_free(test->loop);
    (void)snprintf(command, sizeof(command), "rm -rf '%s'", test->directory);
    free(test->body);
    free(test);
    return system(command);
}

static void on_answer(hgh_admin_answer_later *later, hgh_admin_answer *answer)
{
    (void)later;
    test->status = answer->status;
    free(test->body);
    test->body = answer->body == NULL ? strdup("") : strndup(answer->body, answer->body_length);
    hgh_admin_answer_done(answer);
    hgh_event_loop_stop(test->loop);
}

/* Goes on with what is to be said, and hangs up. */
static void on_writable(void *context, uint32_t events)
{
    size_t length = test->answer == NULL ? 0 : strlen(test->answer);

    (void)context;
    (void)events;
    if (test->sent < length) {
        ssize_t count = send(test->connection, test->answer + test->sent, length - test->sent,
                             MSG_NOSIGNAL | MSG_DONTWAIT);

        test->sent += count > 0 ? (size_t)count : 0;
    }
    if (test->sent == length) {
        hgh_event_loop_unwatch(test->loop, test->connection);
        (void)close(test->connection);
        test->connection = -1;
    }
}

/* Reads the request, or some of it. */
static void on_request(void *context, uint32_t events)
{
    char request[65536];

    (void)context;
    (void)events;
    assert_true(recv(test->connection, request, sizeof(request), MSG_DONTWAIT) > 0);
    test->sent = 0;
    assert_int_equal(
        hgh_event_loop_watch(test->loop, test->connection, EPOLLOUT, on_writable, NULL, NULL),
        HG_OK);
}

static void on_connection(void *context, uint32_t events)
{
    (void)context;
    (void)events;
    test->connection = accept(test->listener, NULL, NULL);
    assert_true(test->connection >= 0);
    assert_int_equal(
        hgh_event_loop_watch(test->loop, test->connection, EPOLLIN, on_request, NULL, NULL), HG_OK);
}

static void listen_with(const char *answer)
{
    test->answer = answer;
    assert_int_equal(hgh_local_socket_open(test->directory, HGH_EXPLAIN_SOCKET, (gid_t)-1,
                                           &test->listener, NULL),
                     HG_OK);
    assert_int_equal(
        hgh_event_loop_watch(test->loop, test->listener, EPOLLIN, on_connection, NULL, NULL),
        HG_OK);
}

static void ask(const char *body)
{
    hgh_admin_request request = {
        .method = "POST", .body = body, .body_length = body == NULL ? 0 : strlen(body)};

    test->later.send = on_answer;
    test->status = 0;
    hgh_engine_explain_start(test->explain, &request, &test->later);
    if (test->status == 0) {
        assert_int_equal(hgh_event_loop_run(test->loop, NULL), HG_OK);
    }
}

static void what_nginx_answers_is_judged(void **state)
{
    static const struct {
        const char *label;
        const char *answer;
        unsigned status;
        const char *body;
    } cases[] = {
        {"an explanation",
         "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n"
         "{\"request\":{},\"routes\":[]}",
         200, "{\"request\":{},\"routes\":[]}"},
        {"a page of its own", "HTTP/1.1 400 Bad Request\r\n\r\n<html>", 200,
         "{\"answer\":{\"status\":400,\"by\":\"nginx, before the gateway sees the request\"}}"},
        {"JSON of something else", "HTTP/1.1 200 OK\r\n\r\n{\"a\":1}", 200,
         "{\"answer\":{\"status\":200,\"by\":\"nginx, before the gateway sees the request\"}}"},
        {"no HTTP", "hello\r\n\r\n", 503,
         "{\"error_msg\":\"nginx does not explain: its answer is none of HTTP\"}"},
        {"half an answer", "HTTP/1.1 200 OK\r\n", 503,
         "{\"error_msg\":\"nginx does not explain: its answer is none of HTTP\"}"},
        {"nothing", NULL, 503,
         "{\"error_msg\":\"nginx does not explain: its answer is none of HTTP\"}"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        if (test->listener < 0) {
            listen_with(cases[i].answer);
        }
        test->answer = cases[i].answer;
        ask("{\"uri\":\"/\"}");
        test->body[strcspn(test->body, "\n")] = '\0';
        if (test->status != cases[i].status || strcmp(test->body, cases[i].body) != 0) {
            fail_msg("%s: got %u %s", cases[i].label, test->status, test->body);
        }
    }
}

/* It comes in many pieces. */
static void a_long_explanation_arrives_whole(void **state)
{
    const size_t length = 3u << 20;
    char *answer = malloc(length + 100);
    size_t at;

    (void)state;
    assert_non_null(answer);
    at = (size_t)sprintf(answer, "HTTP/1.1 200 OK\r\n\r\n{\"routes\":[],\"request\":{\"uri\":\"");
    memset(answer + at, 'a', length);
    (void)strcpy(answer + at + length, "\"}}");
    listen_with(answer);
    ask("{\"uri\":\"/\"}");
    assert_int_equal(test->status, 200);
    assert_true(strlen(test->body) > length);
    free(answer);
}

static void without_nginx_there_is_no_explanation(void **state)
{
    (void)state;
    ask("{\"uri\":\"/\"}");
    assert_int_equal(test->status, 503);
    assert_non_null(strstr(test->body, "nginx does not explain: "));
}

static void a_bad_question_is_not_sent(void **state)
{
    (void)state;
    ask("{\"uri\":1}");
    assert_int_equal(test->status, 400);
    assert_non_null(strstr(test->body, "\"pointer\":\"/uri\""));
}

static void paths_of_the_admin_api_reach_no_route(void **state)
{
    static const struct {
        const char *uri;
        bool is_of_admin;
    } cases[] = {
        {"/apisix/admin", true},
        {"/apisix/admin/routes", true},
        {"http://h/apisix/admin/?a", true},
        {"/apisix/admin?x", true},
        {"/apisix/administrator", false},
        {"/apisix", false},
        {"http://h", false},
    };

    (void)state;
    listen_with("HTTP/1.1 200 OK\r\n\r\n{\"request\":{},\"routes\":[]}");
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char body[128];

        (void)snprintf(body, sizeof(body), "{\"uri\":\"%s\"}", cases[i].uri);
        ask(body);
        assert_int_equal(test->status, 200);
        if ((strstr(test->body, "the Admin API") != NULL) != cases[i].is_of_admin) {
            fail_msg("%s: got %s", cases[i].uri, test->body);
        }
    }
}

static void what_still_waits_is_answered_at_the_end(void **state)
{
    hgh_admin_request request = {.method = "POST", .body = "{\"uri\":\"/\"}", .body_length = 11};

    (void)state;
    listen_with(NULL);
    test->later.send = on_answer;
    hgh_engine_explain_start(test->explain, &request, &test->later);
    assert_int_equal(test->status, 0);
    hgh_engine_explain_free(test->explain);
    test->explain = NULL;
    assert_int_equal(test->status, 503);
}

static void a_token_lasts_as_long_as_it_was_asked_for(void **state)
{
    static const struct {
        const char *valid; /* NULL: not said */
        unsigned status;
        int64_t seconds;
    } cases[] = {
        {NULL, 200, 600}, {"1", 200, 1},   {"86400", 200, 86400}, {"0", 400, 0}, {"86401", 400, 0},
        {"-1", 400, 0},   {"1.5", 400, 0}, {"", 400, 0},          {"x", 400, 0}, {"1x", 400, 0},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        const hgh_admin_argument argument = {"valid", cases[i].valid};
        hgh_admin_request request = {.method = "POST",
                                     .argument_count = cases[i].valid == NULL ? 0 : 1,
                                     .arguments = &argument};
        hgh_explain_key good;
        int64_t before = (int64_t)time(NULL);
        json_t *answer;
        int64_t expiry;
        hg_text token;

        test->later.send = on_answer;
        hgh_engine_explain_token(test->explain, &request, &test->later);
        assert_int_equal(test->status, cases[i].status);
        if (test->status != 200) {
            continue;
        }
        answer = json_loads(test->body, 0, NULL);
        assert_string_equal(json_string_value(json_object_get(answer, "header")),
                            "X-Hotgate-Explain");
        expiry = json_integer_value(json_object_get(answer, "expires"));
        assert_true(expiry >= before + cases[i].seconds &&
                    expiry <= (int64_t)time(NULL) + cases[i].seconds);
        token = hg_text_of(json_string_value(json_object_get(answer, "token")));
        memcpy(good.bytes, key, sizeof(good.bytes));
        assert_int_equal(hgh_explain_token_check(&good, token, expiry - 1), HG_OK);
        assert_int_equal(hgh_explain_token_check(&good, token, expiry), HG_ERR_TIMEOUT);
        json_decref(answer);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_nginx_answers_is_judged, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_long_explanation_arrives_whole, set_up, tear_down),
        cmocka_unit_test_setup_teardown(without_nginx_there_is_no_explanation, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_bad_question_is_not_sent, set_up, tear_down),
        cmocka_unit_test_setup_teardown(paths_of_the_admin_api_reach_no_route, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_still_waits_is_answered_at_the_end, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_token_lasts_as_long_as_it_was_asked_for, set_up,
                                        tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
