/* tests/integration/test_scripted_runner.c - the runner that other tests rely on does what it is
 * told, to a gateway that is a few lines here. */
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <jansson.h>

#include "tests/integration/command.h"
#include "tests/integration/scripted_runner.h"
#include "tests/integration/scripted_told.h"
#include "tests/unit/unit.h"

#define FRAME_MAX 65536u

static scripted_runner *runner;
static char *folder;
static char *path;

/** What came back last. */
static struct {
    char bytes[FRAME_MAX];
    size_t length; /* 0: the end of the stream */
} got;

static int set_up(void **state)
{
    (void)state;
    folder = folder_make();
    path = text_format("%s/runner.sock", folder);
    runner = scripted_runner_start(path, scripted_told, NULL);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    scripted_runner_stop(runner);
    free(path);
    folder_remove(folder);
    return 0;
}

static int dial(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    memcpy(address.sun_path, path, strlen(path));
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    return fd;
}

static void read_all(int fd, size_t length)
{
    while (got.length < length) {
        ssize_t count = recv(fd, got.bytes + got.length, length - got.length, 0);

        if (count <= 0) {
            got.length = 0;
            return;
        }
        got.length += (size_t)count;
    }
}

/** Sends a frame, and reads the one that comes back. Its type; -1: the stream has ended. */
static int exchange(int fd, hgh_text_builder *frame)
{
    uint32_t type = 0;
    size_t length = 0;

    assert_int_equal(send(fd, frame->data, frame->length, MSG_NOSIGNAL), frame->length);
    hgh_text_builder_done(frame);
    got.length = 0;
    read_all(fd, HGH_A6_HEADER_BYTES);
    if (got.length == 0) {
        return -1;
    }
    hgh_a6_header_read((const unsigned char *)got.bytes, &type, &length);
    if (HGH_A6_HEADER_BYTES + length > FRAME_MAX) {
        return -2;
    }
    read_all(fd, HGH_A6_HEADER_BYTES + length);
    return got.length == 0 ? -1 : (int)type;
}

static hg_text payload(void)
{
    return (hg_text){got.bytes + HGH_A6_HEADER_BYTES, got.length - HGH_A6_HEADER_BYTES};
}

static void *no_lists(void *context, size_t size)
{
    (void)context;
    (void)size;
    return NULL;
}
static const hgh_a6_memory no_memory = {no_lists, NULL};

static uint32_t prepare(int fd, const char *told, const char *key)
{
    const hg_header conf = {HG_TEXT(SCRIPTED_PLUGIN), hg_text_of(told)};
    hgh_text_builder frame = {.max = FRAME_MAX};
    hgh_a6_prepare_answer answer = {0};

    (void)hgh_a6_encode_prepare_request(&frame,
                                        &(hgh_a6_prepare_request){{&conf, 1}, hg_text_of(key)});
    assert_int_equal(exchange(fd, &frame), HGH_A6_PREPARE_CONF);
    assert_int_equal(hgh_a6_decode_prepare_answer(payload(), &no_memory, &answer, NULL), HG_OK);
    return answer.conf_token;
}

static int call(int fd, uint32_t token)
{
    hgh_text_builder frame = {.max = FRAME_MAX};
    const hgh_a6_request_call request = {.id = 7, .path = HG_TEXT("/a"), .conf_token = token};

    (void)hgh_a6_encode_request_call(&frame, &request);
    return exchange(fd, &frame);
}

static hgh_a6_request_answer answer_of(void)
{
    hgh_a6_request_answer answer = {0};

    if (hgh_a6_decode_request_answer(payload(), &no_memory, &answer, NULL) != HG_OK) {
        answer.status = 1; /* of no answer */
    }
    return answer;
}

static void what_is_prepared_is_told_at_the_calls(void **state)
{
    int fd = dial();
    uint32_t token = prepare(
        fd, "{\"answer\": \"stop\", \"status\": 403, \"body\": {\"hex\": \"00ff\"}}", "key 1");
    json_t *last;

    (void)state;
    assert_int_equal(token, 1);
    assert_int_equal(prepare(fd, "{}", "key 1"), 1); /* the first conf of a key stays */
    assert_int_equal(prepare(fd, "{}", "key 2"), 2);
    assert_int_equal(call(fd, 1), HGH_A6_HTTP_REQ_CALL);
    assert_int_equal(answer_of().id, 7);
    assert_int_equal(answer_of().status, 403);
    assert_memory_equal(answer_of().body.data, "\0\xff", 2);
    assert_int_equal(call(fd, 2), HGH_A6_HTTP_REQ_CALL);
    assert_int_equal(answer_of().action, HGH_A6_NO_ACTION);
    assert_int_equal(call(fd, 3), HGH_A6_ERROR);

    last = scripted_runner_last(runner, HGH_A6_HTTP_REQ_CALL);
    assert_string_equal(json_string_value(json_object_get(last, "path")), "/a");
    assert_int_equal(json_integer_value(json_object_get(last, "conf_token")), 3);
    json_decref(last);
    last = scripted_runner_last(runner, HGH_A6_PREPARE_CONF);
    assert_string_equal(json_string_value(json_object_get(last, "key")), "key 2");
    assert_int_equal(json_integer_value(json_object_get(last, "token")), 2);
    json_decref(last);
    assert_int_equal(scripted_runner_count(runner, HGH_A6_PREPARE_CONF), 3);
    assert_int_equal(scripted_runner_frames(runner), 6);
    (void)close(fd);
    WAIT_UNTIL(scripted_runner_open(runner) == 0);
}

static void tokens_are_forgotten_and_lives_end(void **state)
{
    int fd = dial();

    (void)state;
    assert_true(prepare(fd, "{}", "of this life") > 0);
    scripted_runner_forget(runner, 1);
    assert_int_equal(call(fd, prepare(fd, "{}", "again")), HGH_A6_ERROR);
    assert_int_equal(call(fd, prepare(fd, "{}", "again")), HGH_A6_HTTP_REQ_CALL);
    scripted_runner_end(runner);
    assert_int_equal(recv(fd, got.bytes, 1, 0), 0);
    assert_int_equal(access(path, F_OK), -1);
    (void)close(fd);
    scripted_runner_begin(runner, 1);
    fd = dial();
    assert_int_equal(prepare(fd, "{}", "again"), 1);
    (void)close(fd);
}

static void answers_are_as_bad_as_told(void **state)
{
    static const struct {
        const char *told;
        int type;        /* -1: the stream ends; -2: too large */
        uint32_t id;     /* of an answer to a request */
        uint32_t status; /* 1: it is no message */
    } cases[] = {
        {"{}", HGH_A6_HTTP_REQ_CALL, 7, 0},
        {"{\"bytewise\": true, \"answer\": \"stop\", \"status\": 200}", HGH_A6_HTTP_REQ_CALL, 7,
         200},
        {"{\"answer\": \"late\", \"status\": 201}", HGH_A6_HTTP_REQ_CALL, 7, 201},
        {"{\"answer\": \"error\", \"code\": 1}", HGH_A6_ERROR, 0, 0},
        {"{\"answer\": \"no such\"}", HGH_A6_ERROR, 0, 0},
        {"{\"answer\": \"close\"}", -1, 0, 0},
        {"{\"answer\": \"half_close\"}", -1, 0, 0},
        {"{\"answer\": \"cut\"}", -1, 0, 0},
        {"{\"answer\": \"large\"}", -2, 0, 0},
        {"{\"answer\": \"garbage\"}", HGH_A6_HTTP_REQ_CALL, 0, 1},
        {"{\"answer\": \"wrong_type\"}", HGH_A6_PREPARE_CONF, 0, 0},
        {"{\"answer\": \"wrong_id\"}", HGH_A6_HTTP_REQ_CALL, 8, 0},
        {"{\"answer\": \"no_id\"}", HGH_A6_HTTP_REQ_CALL, 0, 0},
        {"{\"ask\": [\"(unknown)\"]}", HGH_A6_EXTRA_INFO, 0, 0},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        int fd = dial();
        int type = call(fd, prepare(fd, cases[i].told, cases[i].told));

        if (type != cases[i].type) {
            fail_msg("%s: a frame of type %d", cases[i].told, type);
        }
        if (type == HGH_A6_HTTP_REQ_CALL &&
            (answer_of().id != cases[i].id || answer_of().status != cases[i].status)) {
            fail_msg("%s: id %u, status %u", cases[i].told, answer_of().id, answer_of().status);
        }
        (void)close(fd);
    }
}

static void questions_are_asked_and_their_answers_kept(void **state)
{
    int fd = dial();
    hgh_text_builder frame = {.max = FRAME_MAX};
    json_t *last;
    json_t *answers;
    hgh_a6_question question;

    (void)state;
    assert_int_equal(call(fd, prepare(fd, "{\"ask\": [\"host\", \"(request body)\"]}", "asks")),
                     HGH_A6_EXTRA_INFO);
    assert_int_equal(hgh_a6_decode_question(payload(), &no_memory, &question, NULL), HG_OK);
    assert_int_equal(question.info, HGH_A6_VAR);
    assert_true(hg_text_equal(question.name, HG_TEXT("host")));
    (void)hgh_a6_encode_question_answer(&frame, &(hgh_a6_question_answer){HG_TEXT("there")});
    assert_int_equal(exchange(fd, &frame), HGH_A6_EXTRA_INFO);
    (void)hgh_a6_encode_question_answer(&frame, &(hgh_a6_question_answer){{NULL, 0}});
    assert_int_equal(exchange(fd, &frame), HGH_A6_HTTP_REQ_CALL);
    last = scripted_runner_last(runner, HGH_A6_HTTP_REQ_CALL);
    answers = json_object_get(last, "answers");
    assert_string_equal(json_string_value(json_object_get(json_array_get(answers, 0), "result")),
                        "there");
    assert_true(json_is_null(json_object_get(json_array_get(answers, 1), "result")));
    json_decref(last);
    (void)close(fd);
}

static void *call_held(void *context)
{
    int *fd = context;

    return call(*fd, prepare(*fd, "{\"hold\": true}", "held")) == HGH_A6_HTTP_REQ_CALL ? fd : NULL;
}

static void calls_are_held_until_they_are_let_go(void **state)
{
    int fd = dial();
    pthread_t thread;
    void *answered = NULL;

    (void)state;
    assert_int_equal(pthread_create(&thread, NULL, call_held, &fd), 0);
    WAIT_UNTIL(scripted_runner_held(runner) == 1);
    scripted_runner_let_go(runner);
    (void)pthread_join(thread, &answered);
    assert_non_null(answered);
    assert_int_equal(scripted_runner_held(runner), 0);
    (void)close(fd);
}

static void a_process_of_its_own_does_the_same(void **state)
{
    char *variable = text_format("APISIX_LISTEN_ADDRESS=unix:%s/process.sock", folder);
    const char *const arguments[] = {getenv("HOTGATE_SCRIPTED_RUNNER"), NULL};
    const char *const environment[] = {variable, NULL};
    char *before = path;
    pid_t pid;
    int fd;

    (void)state;
    pid = command_start(&(command){.arguments = arguments, .environment = environment}, 2);
    assert_true(pid > 0);
    path = text_format("%s/process.sock", folder);
    WAIT_UNTIL(access(path, F_OK) == 0);
    fd = dial();
    assert_int_equal(call(fd, prepare(fd, "{\"answer\": \"stop\", \"status\": 418}", "stops")),
                     HGH_A6_HTTP_REQ_CALL);
    assert_int_equal(answer_of().status, 418);
    (void)close(fd);
    fd = dial();
    assert_int_equal(call(fd, prepare(fd, "{\"exit\": 3}", "exits")), -1);
    (void)close(fd);
    assert_int_equal(wait_for_end(pid, DEADLINE_MS), 3 << 8);
    free(path);
    path = before;
    free(variable);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_prepared_is_told_at_the_calls),
        cmocka_unit_test(tokens_are_forgotten_and_lives_end),
        cmocka_unit_test(answers_are_as_bad_as_told),
        cmocka_unit_test(questions_are_asked_and_their_answers_kept),
        cmocka_unit_test(calls_are_held_until_they_are_let_go),
        cmocka_unit_test(a_process_of_its_own_does_the_same),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
