/* tests/unit/control/test_frame.c - messages arrive whole, however the stream cuts them. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host/control/frame.h"
#include "tests/unit/unit.h"

static int pair[2];
static hgh_frame_buffer in;
static hgh_frame_buffer out;

static int set_up(void **state)
{
    (void)state;
    return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair);
}

static int tear_down(void **state)
{
    (void)state;
    hgh_frame_buffer_done(&in);
    hgh_frame_buffer_done(&out);
    (void)close(pair[0]);
    (void)close(pair[1]);
    return 0;
}

/* A message whose frame has that many bytes. */
static json_t *message_of(size_t frame_bytes)
{
    size_t length = frame_bytes - 4 - strlen("{\"a\":\"\"}");
    char *text = malloc(length + 1);
    json_t *message;

    memset(text, 'x', length);
    text[length] = '\0';
    message = json_pack("{s:s}", "a", text);
    free(text);
    return message;
}

static void give(const void *bytes, size_t length)
{
    hgh_frame_buffer_done(&in);
    in.bytes = malloc(length);
    memcpy(in.bytes, bytes, length);
    in.length = length;
    in.room = length;
}

static void a_message_arrives_as_it_was_sent(void **state)
{
    json_t *message = json_pack("{s:[i,s,n]}", "a", 1, "b");
    json_t *taken = NULL;

    (void)state;
    assert_int_equal(hgh_frame_append(&out, message), HG_OK);
    assert_false(hgh_frame_is_sent(&out));
    assert_int_equal(hgh_frame_send(&out, pair[0]), HG_OK);
    assert_true(hgh_frame_is_sent(&out));
    assert_int_equal(hgh_frame_receive(&in, pair[1]), HG_OK);
    assert_int_equal(hgh_frame_take(&in, &taken), HG_OK);
    assert_true(json_equal(message, taken));
    json_decref(taken);
    assert_int_equal(hgh_frame_take(&in, &taken), HG_OK);
    assert_null(taken);
    json_decref(message);
}

static void any_cut_of_the_stream_will_do(void **state)
{
    json_t *first = json_pack("{s:i}", "first", 1);
    json_t *second = json_pack("[s]", "second");

    (void)state;
    assert_int_equal(hgh_frame_append(&out, first), HG_OK);
    assert_int_equal(hgh_frame_append(&out, second), HG_OK);
    for (size_t cut = 0; cut <= out.length; cut++) {
        json_t *taken[2] = {NULL};
        int count = 0;

        hgh_frame_buffer_done(&in);
        assert_int_equal(send(pair[0], out.bytes, cut, 0), cut);
        for (int part = 0; part < 2; part++) {
            json_t *message = NULL;

            if (part == 1) {
                assert_int_equal(send(pair[0], out.bytes + cut, out.length - cut, 0),
                                 out.length - cut);
            }
            if (part == 0 ? cut > 0 : cut < out.length) {
                assert_int_equal(hgh_frame_receive(&in, pair[1]), HG_OK);
            }
            while (hgh_frame_take(&in, &message) == HG_OK && message != NULL && count < 2) {
                taken[count++] = message;
            }
        }
        assert_int_equal(count, 2);
        assert_true(json_equal(taken[0], first) && json_equal(taken[1], second));
        json_decref(taken[0]);
        json_decref(taken[1]);
    }
    json_decref(first);
    json_decref(second);
}

static void a_large_message_is_sent_as_the_peer_takes_it(void **state)
{
    json_t *message = message_of(3u << 20);
    json_t *taken = NULL;

    (void)state;
    (void)fcntl(pair[0], F_SETFL, O_NONBLOCK);
    (void)fcntl(pair[1], F_SETFL, O_NONBLOCK);
    assert_int_equal(hgh_frame_append(&out, message), HG_OK);
    while (taken == NULL) {
        assert_int_equal(hgh_frame_send(&out, pair[0]), HG_OK);
        assert_int_equal(hgh_frame_receive(&in, pair[1]), HG_OK);
        assert_int_equal(hgh_frame_take(&in, &taken), HG_OK);
    }
    assert_true(hgh_frame_is_sent(&out));
    assert_true(json_equal(message, taken));
    json_decref(taken);
    json_decref(message);
}

static void a_blocking_reader_gets_a_message_that_fills_its_buffer(void **state)
{
    (void)state;
    for (size_t bytes = 65536; bytes <= 131072; bytes *= 2) {
        json_t *message = message_of(bytes);
        pid_t child;
        int status = 0;

        assert_int_equal(hgh_frame_append(&out, message), HG_OK);
        json_decref(message);
        child = fork();
        if (child == 0) {
            json_t *taken = NULL;

            (void)alarm(10); /* instead of for ever */
            while (taken == NULL && hgh_frame_receive(&in, pair[1]) == HG_OK) {
                (void)hgh_frame_take(&in, &taken);
            }
            _exit(taken == NULL ? 1 : 0);
        }
        assert_int_equal(hgh_frame_send(&out, pair[0]), HG_OK);
        (void)waitpid(child, &status, 0);
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    }
}

static void garbage_is_refused(void **state)
{
    static const struct {
        const char *label;
        const char *bytes;
        size_t length;
    } cases[] = {
        {"no JSON", "\x03\0\0\0abc", 7},
        {"nothing", "\0\0\0\0", 4},
        {"cut JSON", "\x02\0\0\0{\"", 6},
        {"two values",
         "\x03\0\0\0"
         "1 2",
         7},
        {"not UTF-8", "\x03\0\0\0\"\xff\"", 7},
        {"longer than any message", "\xff\xff\xff\xff", 4},
        {"just longer than any message", "\x01\0\0\x20", 4},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        json_t *message = NULL;

        give(cases[i].bytes, cases[i].length);
        if (hgh_frame_take(&in, &message) != HG_ERR_INVALID || message != NULL) {
            fail_msg("%s", cases[i].label);
        }
    }
}

static void what_is_not_there_yet_is_waited_for(void **state)
{
    static const struct {
        const char *label;
        const char *bytes;
        size_t length;
    } cases[] = {
        {"part of the length", "\x02\0", 2},
        {"length alone", "\x02\0\0\0", 4},
        {"part of the text", "\x02\0\0\0{", 5},
        {"the longest message", "\0\0\0\x20", 4},
    };
    json_t *message = NULL;

    (void)state;
    assert_int_equal(hgh_frame_take(&in, &message), HG_OK);
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        give(cases[i].bytes, cases[i].length);
        if (hgh_frame_take(&in, &message) != HG_OK || message != NULL) {
            fail_msg("%s", cases[i].label);
        }
    }
}

static void a_peer_that_is_gone_is_noticed(void **state)
{
    json_t *message = json_object();

    (void)state;
    (void)close(pair[0]);
    assert_int_equal(hgh_frame_receive(&in, pair[1]), HG_ERR_NOT_FOUND);
    assert_int_equal(hgh_frame_append(&out, message), HG_OK);
    assert_int_equal(hgh_frame_send(&out, pair[1]), HG_ERR_IO); /* and no SIGPIPE */
    pair[0] = open("/dev/null", O_RDONLY | O_CLOEXEC);
    json_decref(message);
}

static void a_peer_that_floods_is_cut_off(void **state)
{
    static const char endless[65536];
    hg_status status = HG_OK;
    json_t *message = NULL;
    uint32_t longest = 16;

    (void)state;
    (void)fcntl(pair[0], F_SETFL, O_NONBLOCK);
    (void)fcntl(pair[1], F_SETFL, O_NONBLOCK);
    assert_int_equal(send(pair[0], &longest, 4, 0), 4); /* and then no JSON, without end */
    for (int i = 0; i < 200 && status == HG_OK; i++) {
        (void)send(pair[0], endless, sizeof(endless), 0);
        status = hgh_frame_receive(&in, pair[1]);
        if (status == HG_OK) {
            status = hgh_frame_take(&in, &message);
        }
    }
    assert_int_equal(status, HG_ERR_INVALID);
    assert_true(in.room < 1u << 20);
}

#define ROW(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ROW(a_message_arrives_as_it_was_sent),
        ROW(any_cut_of_the_stream_will_do),
        ROW(a_large_message_is_sent_as_the_peer_takes_it),
        ROW(a_blocking_reader_gets_a_message_that_fills_its_buffer),
        ROW(garbage_is_refused),
        ROW(what_is_not_there_yet_is_waited_for),
        ROW(a_peer_that_is_gone_is_noticed),
        ROW(a_peer_that_floods_is_cut_off),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
