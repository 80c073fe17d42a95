/* tests/unit/runner/test_frame_connection.c - whole frames, whatever pieces a peer makes of them.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "host/core/a6.h"
#include "host/runner/frame_connection.h"
#include "tests/unit/unit.h"

#define LARGE (3u << 20)

typedef struct fixture {
    hgh_event_loop *loop;
    hgh_frame_connection *connection;
    int peer;
    size_t frames;
    uint32_t type;   /* of the last one */
    size_t length;   /* of its payload */
    size_t wanted;   /* frames until the loop stops */
    size_t answers;  /* bytes that each frame is answered with */
    bool is_holding; /* after a frame */
    bool has_ended;
} fixture;

static void answer(fixture *self)
{
    hgh_text_builder *out = hgh_frame_connection_out(self->connection);
    char *bytes = calloc(1, self->answers + 1);

    assert_non_null(bytes);
    hgh_text_builder_add(out, (hg_text){bytes, self->answers});
    free(bytes);
    hgh_frame_connection_send(self->connection);
}

static void on_frame(void *context, uint32_t type, hg_text payload)
{
    fixture *self = context;

    self->frames++;
    self->type = type;
    self->length = payload.length;
    if (self->answers > 0) {
        answer(self);
    }
    if (self->is_holding) {
        hgh_frame_connection_hold(self->connection);
    }
    if (self->frames == self->wanted) {
        hgh_event_loop_stop(self->loop);
    }
}

static void on_end(void *context)
{
    fixture *self = context;

    self->has_ended = true;
    hgh_frame_connection_free(self->connection);
    self->connection = NULL;
    hgh_event_loop_stop(self->loop);
}

static int set_up(void **state)
{
    fixture *self = calloc(1, sizeof(*self));
    const hgh_frame_receiver receiver = {on_frame, on_end, self};
    int ends[2];

    assert_non_null(self);
    assert_int_equal(hgh_event_loop_new(&self->loop, NULL), HG_OK);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), 0);
    self->peer = ends[1];
    self->connection = hgh_frame_connection_new(self->loop, ends[0], &receiver);
    assert_non_null(self->connection);
    *state = self;
    return 0;
}

static int tear_down(void **state)
{
    fixture *self = *state;

    hgh_frame_connection_free(self->connection);
    if (self->peer >= 0) {
        (void)close(self->peer);
    }
    hgh_event_loop_free(self->loop);
    free(self);
    return 0;
}

static void stop(void *context)
{
    hgh_event_loop_stop(context);
}

/* Runs what is ready now. */
static void run_once(fixture *self)
{
    hgh_event_loop_timer timer = {0};

    hgh_event_loop_timer_start(self->loop, &timer, 1, stop, self->loop);
    assert_int_equal(hgh_event_loop_run(self->loop, NULL), HG_OK);
    hgh_event_loop_timer_stop(self->loop, &timer);
}

static void put(const fixture *self, const void *bytes, size_t length)
{
    assert_int_equal(send(self->peer, bytes, length, 0), length);
}

static void single_bytes_make_frames(void **state)
{
    static const char bytes[] = "\x02\x00\x00\x03"
                                "abc"
                                "\x01\x00\x00\x00";
    fixture *self = *state;

    for (size_t i = 0; i + 1 < sizeof(bytes); i++) {
        put(self, bytes + i, 1);
        run_once(self);
        assert_int_equal(self->frames, i < 6 ? 0 : i < 10 ? 1 : 2);
    }
    assert_int_equal(self->type, 1);
    assert_int_equal(self->length, 0);
}

static void several_frames_in_one_piece_are_several(void **state)
{
    static const char bytes[] = "\x02\x00\x00\x01x\x03\x00\x00\x02yz\x04\x00\x00\x00";
    fixture *self = *state;

    put(self, bytes, sizeof(bytes) - 1);
    run_once(self);
    assert_int_equal(self->frames, 3);
    assert_int_equal(self->type, 4);
}

static void a_held_connection_hands_over_nothing_until_it_is_released(void **state)
{
    static const char bytes[] = "\x02\x00\x00\x00\x03\x00\x00\x00";
    fixture *self = *state;

    self->is_holding = true;
    put(self, bytes, sizeof(bytes) - 1);
    run_once(self);
    assert_int_equal(self->frames, 1);
    hgh_frame_connection_release(self->connection);
    run_once(self);
    assert_int_equal(self->frames, 2);
}

static void a_peer_that_does_not_read_is_told_nothing_more(void **state)
{
    static const char bytes[] = "\x02\x00\x00\x00\x03\x00\x00\x00";
    fixture *self = *state;
    char *room = malloc(LARGE);
    size_t received = 0;

    assert_non_null(room);
    self->answers = LARGE;
    put(self, bytes, sizeof(bytes) - 1);
    run_once(self);
    assert_int_equal(self->frames, 1); /* the second waits until the answer has gone */
    while (received < 2 * (size_t)LARGE) {
        ssize_t length = recv(self->peer, room, LARGE, 0);

        if (length > 0) {
            received += (size_t)length;
        } else {
            assert_int_equal(errno, EAGAIN);
            run_once(self);
        }
    }
    assert_int_equal(self->frames, 2);
    free(room);
}

static void the_end_of_a_peer_is_noticed_while_it_is_held(void **state)
{
    fixture *self = *state;

    hgh_frame_connection_hold(self->connection);
    (void)close(self->peer);
    self->peer = -1;
    assert_int_equal(hgh_event_loop_run(self->loop, NULL), HG_OK);
    assert_true(self->has_ended);
}

static void one_that_is_to_finish_ends_when_all_is_sent(void **state)
{
    fixture *self = *state;
    char bytes[4];

    put(self, "\x02\x00\x00\x00", 4);
    self->answers = 4;
    self->wanted = 1;
    assert_int_equal(hgh_event_loop_run(self->loop, NULL), HG_OK);
    hgh_frame_connection_finish(self->connection);
    assert_int_equal(hgh_event_loop_run(self->loop, NULL), HG_OK);
    assert_true(self->has_ended);
    assert_int_equal(recv(self->peer, bytes, sizeof(bytes), 0), 4);
    assert_int_equal(recv(self->peer, bytes, sizeof(bytes), 0), 0);
}

static void a_large_frame_comes_whole(void **state)
{
    static const char header[] = "\x02\x30\x00\x00"; /* 3 MiB */
    fixture *self = *state;
    char *piece = calloc(1, 65536);
    size_t sent = 0;

    assert_non_null(piece);
    put(self, header, 4);
    while (sent < LARGE) {
        size_t rest = LARGE - sent;
        ssize_t length = send(self->peer, piece, rest < 65536 ? rest : 65536, 0);

        if (length > 0) {
            sent += (size_t)length;
        } else {
            run_once(self);
        }
    }
    while (self->frames == 0) {
        run_once(self);
    }
    assert_int_equal(self->length, LARGE);
    free(piece);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        CASE(single_bytes_make_frames),
        CASE(several_frames_in_one_piece_are_several),
        CASE(a_held_connection_hands_over_nothing_until_it_is_released),
        CASE(a_peer_that_does_not_read_is_told_nothing_more),
        CASE(the_end_of_a_peer_is_noticed_while_it_is_held),
        CASE(one_that_is_to_finish_ends_when_all_is_sent),
        CASE(a_large_frame_comes_whole),
#undef CASE
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
