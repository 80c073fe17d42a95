/* host/runner/frame_connection.c - one connection: whole frames in, whole frames out. */
#include "host/runner/frame_connection.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "host/core/a6.h"

#define ROOM_FIRST   ((size_t)4096)
#define ROOM_KEPT    ((size_t)65536) /* between frames: a large one's memory is given back */
#define READS_A_TURN 16u             /* so that one peer does not keep the others waiting */
#define OUT_MAX      (2 * ((size_t)HGH_A6_PAYLOAD_MAX + HGH_A6_HEADER_BYTES))

struct hgh_frame_connection {
    hgh_event_loop *loop;
    int fd;
    hgh_frame_receiver receiver;
    char *in; /* owned */
    size_t in_begin;
    size_t in_length; /* bytes from in_begin on */
    size_t in_room;
    hgh_text_builder out;
    size_t sent;
    uint32_t events; /* watched */
    bool is_held;
    bool is_paused; /* something came while it was held: not asked for until it is released */
    bool is_finishing;
    bool is_over;              /* on_end() is due */
    hgh_event_loop_timer turn; /* what cannot be done inside a call of the receiver's */
};

static void on_ready(void *context, uint32_t events);

/* Nothing comes from it any more. */
static void over(hgh_frame_connection *connection)
{
    connection->is_over = true;
    hgh_event_loop_unwatch(connection->loop, connection->fd);
    connection->events = 0;
}

static void watch(hgh_frame_connection *connection)
{
    bool has_output = connection->out.length > 0;
    bool reads = !connection->is_paused && !connection->is_finishing && !has_output;
    uint32_t events = (uint32_t)EPOLLRDHUP | (reads ? (uint32_t)EPOLLIN : 0) |
                      (has_output ? (uint32_t)EPOLLOUT : 0);

    if (connection->is_over || events == connection->events) {
        return;
    }
    if (hgh_event_loop_watch(connection->loop, connection->fd, events, on_ready, connection,
                             NULL) == HG_OK) {
        connection->events = events;
    } else {
        over(connection);
    }
}

/* A frame whole in the buffer is handed over. False: there is none, or not now. */
static bool frame_deliver(hgh_frame_connection *connection)
{
    const unsigned char *at =
        (const unsigned char *)connection->in + connection->in_begin; /* only read if it is there */
    uint32_t type = 0;
    size_t length = 0;

    if (connection->is_held || connection->is_finishing || connection->is_over ||
        connection->out.length > 0 || connection->in_length < HGH_A6_HEADER_BYTES) {
        return false;
    }
    hgh_a6_header_read(at, &type, &length);
    if (connection->in_length - HGH_A6_HEADER_BYTES < length) {
        return false;
    }
    connection->in_begin += HGH_A6_HEADER_BYTES + length;
    connection->in_length -= HGH_A6_HEADER_BYTES + length;
    connection->receiver.on_frame(connection->receiver.context, type,
                                  (hg_text){(const char *)at + HGH_A6_HEADER_BYTES, length});
    return true;
}

/* What has been handed over makes room. */
static void in_settle(hgh_frame_connection *connection)
{
    if (connection->in_length == 0) {
        connection->in_begin = 0;
        if (connection->in_room > ROOM_KEPT) {
            free(connection->in);
            connection->in = NULL;
            connection->in_room = 0;
        }
    } else if (connection->in_begin > 0) {
        memmove(connection->in, connection->in + connection->in_begin, connection->in_length);
        connection->in_begin = 0;
    }
}

static bool in_reserve(hgh_frame_connection *connection)
{
    size_t room = connection->in_room == 0 ? ROOM_FIRST : connection->in_room * 2;
    char *grown;

    if (connection->in_length < connection->in_room) {
        return true;
    }
    grown = realloc(connection->in, room);
    if (grown == NULL) {
        return false;
    }
    connection->in = grown;
    connection->in_room = room;
    return true;
}

/* Grows with what comes, not with what a header promises. */
static void bytes_read(hgh_frame_connection *connection)
{
    for (unsigned i = 0; i < READS_A_TURN && !connection->is_over; i++) {
        size_t room;
        ssize_t length;

        if (!in_reserve(connection)) {
            over(connection);
            return;
        }
        room = connection->in_room - connection->in_length;
        length = recv(connection->fd, connection->in + connection->in_length, room, MSG_DONTWAIT);
        if (length > 0) {
            connection->in_length += (size_t)length;
        } else if (length == 0 || (errno != EAGAIN && errno != EINTR)) {
            over(connection);
        }
        if (length < (ssize_t)room) {
            return; /* that was all there is for now */
        }
    }
}

static void bytes_write(hgh_frame_connection *connection)
{
    hgh_text_builder *out = &connection->out;

    while (connection->sent < out->length && !connection->is_over) {
        ssize_t length = send(connection->fd, out->data + connection->sent,
                              out->length - connection->sent, MSG_DONTWAIT | MSG_NOSIGNAL);

        if (length > 0) {
            connection->sent += (size_t)length;
        } else if (errno == EAGAIN) {
            return;
        } else if (errno != EINTR) {
            over(connection);
        }
    }
    if (!connection->is_over) {
        connection->sent = 0;
        if (out->size > ROOM_KEPT) {
            hgh_text_builder_done(out);
            *out = (hgh_text_builder){.max = OUT_MAX};
        } else {
            hgh_text_builder_cut(out, 0);
        }
    }
}

/* Does what can be done now; on_end() may free the connection, so it comes last. */
static void turn(void *context)
{
    hgh_frame_connection *connection = context;

    while (frame_deliver(connection)) {
    }
    in_settle(connection);
    if (connection->is_finishing && connection->out.length == 0) {
        over(connection);
    }
    watch(connection);
    if (connection->is_over) {
        hgh_event_loop_timer_stop(connection->loop, &connection->turn);
        connection->receiver.on_end(connection->receiver.context);
    }
}

static void turn_later(hgh_frame_connection *connection)
{
    hgh_event_loop_defer(connection->loop, &connection->turn, turn, connection);
}

static void on_ready(void *context, uint32_t events)
{
    hgh_frame_connection *connection = context;

    if ((events & EPOLLOUT) != 0) {
        bytes_write(connection);
    }
    if (connection->is_held) {
        connection->is_paused = (events & EPOLLIN) != 0 || connection->is_paused;
    }
    if ((connection->events & EPOLLIN) != 0 && !connection->is_held && !connection->is_over) {
        bytes_read(connection); /* also what came before the peer's end */
    } else if ((events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0) {
        over(connection);
    }
    turn(connection);
}

hgh_frame_connection *
hgh_frame_connection_new(hgh_event_loop *loop, int fd, const hgh_frame_receiver *receiver)
{
    hgh_frame_connection *connection = calloc(1, sizeof(*connection));

    if (connection == NULL) {
        (void)close(fd);
        return NULL;
    }
    connection->loop = loop;
    connection->fd = fd;
    connection->receiver = *receiver;
    connection->out.max = OUT_MAX;
    watch(connection);
    if (connection->is_over) {
        hgh_frame_connection_free(connection);
        return NULL;
    }
    return connection;
}

hgh_text_builder *hgh_frame_connection_out(hgh_frame_connection *connection)
{
    return &connection->out;
}

void hgh_frame_connection_send(hgh_frame_connection *connection)
{
    bytes_write(connection);
    turn_later(connection);
}

void hgh_frame_connection_last_word(const hgh_frame_connection *connection, hg_text frame)
{
    if (connection->out.length == 0) {
        (void)send(connection->fd, frame.data, frame.length, MSG_DONTWAIT | MSG_NOSIGNAL);
    }
}

void hgh_frame_connection_hold(hgh_frame_connection *connection)
{
    connection->is_held = true; /* what is watched changes when something comes, which is rare */
}

void hgh_frame_connection_release(hgh_frame_connection *connection)
{
    connection->is_held = false;
    connection->is_paused = false;
    turn_later(connection);
}

void hgh_frame_connection_finish(hgh_frame_connection *connection)
{
    connection->is_finishing = true;
    turn_later(connection);
}

void hgh_frame_connection_free(hgh_frame_connection *connection)
{
    if (connection == NULL) {
        return;
    }
    hgh_event_loop_timer_stop(connection->loop, &connection->turn);
    hgh_event_loop_unwatch(connection->loop, connection->fd);
    (void)close(connection->fd);
    free(connection->in);
    hgh_text_builder_done(&connection->out);
    free(connection);
}
