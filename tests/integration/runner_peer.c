/* tests/integration/runner_peer.c - the gateway's side of the external plugin protocol. */
#include "tests/integration/runner_peer.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/integration/command.h"
#include "tests/unit/unit.h"

#define FRAME_BUILDER_MAX (2u * HGH_A6_PAYLOAD_MAX)

static bool connected(peer *self, const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    self->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(self->fd, (const struct sockaddr *)&address, sizeof(address)) == 0) {
        return true;
    }
    (void)close(self->fd);
    self->fd = -1;
    return false;
}

void peer_open(peer *self, const char *path)
{
    *self = (peer){.fd = -1};
    WAIT_UNTIL(connected(self, path));
}

void peer_close(peer *self)
{
    if (self->fd >= 0) {
        (void)close(self->fd);
    }
    self->fd = -1;
    hgh_memory_done(&self->memory);
}

void peer_send(const peer *self, const void *data, size_t length)
{
    const char *at = data;

    while (length > 0) {
        ssize_t sent = send(self->fd, at, length, MSG_NOSIGNAL);

        if (sent <= 0) {
            fail_msg("send: %s", strerror(errno));
        }
        at += sent;
        length -= (size_t)sent;
    }
}

static void bytes_receive(const peer *self, void *into, size_t length)
{
    char *at = into;
    struct pollfd readable = {self->fd, POLLIN, 0};

    while (length > 0) {
        ssize_t received;

        if (poll(&readable, 1, (int)DEADLINE_MS) != 1) {
            fail_msg("no frame has come");
        }
        received = recv(self->fd, at, length, 0);
        if (received <= 0) {
            fail_msg("the connection was closed, %zu bytes before the end of a frame", length);
        }
        at += received;
        length -= (size_t)received;
    }
}

uint32_t peer_receive(peer *self, hg_text *out_payload)
{
    unsigned char header[HGH_A6_HEADER_BYTES];
    uint32_t type;
    size_t length;
    char *payload;

    bytes_receive(self, header, sizeof(header));
    hgh_a6_header_read(header, &type, &length);
    payload = hgh_memory_take(&self->memory, length + 1);
    assert_non_null(payload);
    bytes_receive(self, payload, length);
    *out_payload = (hg_text){payload, length};
    return type;
}

bool peer_is_closed(const peer *self)
{
    struct pollfd readable = {self->fd, POLLIN, 0};
    char byte;

    return poll(&readable, 1, (int)DEADLINE_MS) == 1 && recv(self->fd, &byte, 1, 0) <= 0;
}

static void *memory_take(void *context, size_t size)
{
    return hgh_memory_take(context, size);
}

static hgh_a6_memory memory_of(peer *self)
{
    return (hgh_a6_memory){memory_take, &self->memory};
}

static void frame_send(const peer *self, hgh_text_builder *frame)
{
    peer_send(self, frame->data, frame->length);
    hgh_text_builder_done(frame);
}

uint32_t peer_error_code(peer *self, hg_text payload)
{
    const hgh_a6_memory memory = memory_of(self);
    hgh_a6_error error = {0};

    assert_int_equal(hgh_a6_decode_error(payload, &memory, &error, NULL), HG_OK);
    return error.code;
}

uint32_t peer_prepare(
    peer *self, const char *key, const char *plugin, const char *value, uint32_t *out_error)
{
    const hg_header entry = {hg_text_of(plugin), hg_text_of(value)};
    const hgh_a6_prepare_request message = {{&entry, 1}, hg_text_of(key)};
    const hgh_a6_memory memory = memory_of(self);
    hgh_text_builder frame = {.max = FRAME_BUILDER_MAX};
    hgh_a6_prepare_answer answer = {0};
    hg_text payload;

    assert_int_equal(hgh_a6_encode_prepare_request(&frame, &message), HG_OK);
    frame_send(self, &frame);
    if (peer_receive(self, &payload) == HGH_A6_ERROR) {
        *out_error = peer_error_code(self, payload);
        return 0;
    }
    assert_int_equal(hgh_a6_decode_prepare_answer(payload, &memory, &answer, NULL), HG_OK);
    return answer.conf_token;
}

/* What a question asks for, as facts are named. */
static const char *question_name(peer *self, hg_text payload)
{
    const hgh_a6_memory memory = memory_of(self);
    hgh_a6_question question = {0};

    assert_int_equal(hgh_a6_decode_question(payload, &memory, &question, NULL), HG_OK);
    switch (question.info) {
    case HGH_A6_VAR:
        return hgh_memory_copy(&self->memory, question.name).data;
    case HGH_A6_REQUEST_BODY:
        return "REQUEST BODY";
    case HGH_A6_RESPONSE_BODY:
        return "RESPONSE BODY";
    case HGH_A6_NO_INFO:
        break;
    }
    fail_msg("a question for nothing");
    return NULL;
}

static void question_answer(peer *self, hg_text payload)
{
    const char *name = question_name(self, payload);
    hgh_text_builder frame = {.max = FRAME_BUILDER_MAX};
    hgh_a6_question_answer answer = {{0}};
    size_t length = strlen(self->asked);

    for (const peer_fact *fact = self->facts; fact != NULL && fact->name != NULL; fact++) {
        if (strcmp(fact->name, name) == 0) {
            answer.result = hg_text_of(fact->value);
        }
    }
    self->questions++;
    (void)snprintf(self->asked + length, sizeof(self->asked) - length, "%s ", name);
    assert_int_equal(hgh_a6_encode_question_answer(&frame, &answer), HG_OK);
    frame_send(self, &frame);
}

/* Answers what is asked until something else comes. */
static uint32_t answer_receive(peer *self, hg_text *out_payload)
{
    uint32_t type;

    while ((type = peer_receive(self, out_payload)) == HGH_A6_EXTRA_INFO) {
        question_answer(self, *out_payload);
    }
    return type;
}

uint32_t
peer_call_request(peer *self, const hgh_a6_request_call *call, hgh_a6_request_answer *out_answer)
{
    const hgh_a6_memory memory = memory_of(self);
    hgh_text_builder frame = {.max = FRAME_BUILDER_MAX};
    hg_text payload;
    uint32_t type;

    assert_int_equal(hgh_a6_encode_request_call(&frame, call), HG_OK);
    frame_send(self, &frame);
    type = answer_receive(self, &payload);
    if (type == HGH_A6_HTTP_REQ_CALL) {
        assert_int_equal(hgh_a6_decode_request_answer(payload, &memory, out_answer, NULL), HG_OK);
    } else {
        out_answer->status = peer_error_code(self, payload);
    }
    return type;
}

uint32_t
peer_call_response(peer *self, const hgh_a6_response_call *call, hgh_a6_response_answer *out_answer)
{
    const hgh_a6_memory memory = memory_of(self);
    hgh_text_builder frame = {.max = FRAME_BUILDER_MAX};
    hg_text payload;
    uint32_t type;

    assert_int_equal(hgh_a6_encode_response_call(&frame, call), HG_OK);
    frame_send(self, &frame);
    type = answer_receive(self, &payload);
    if (type == HGH_A6_HTTP_RESP_CALL) {
        assert_int_equal(hgh_a6_decode_response_answer(payload, &memory, out_answer, NULL), HG_OK);
    } else {
        out_answer->status = peer_error_code(self, payload);
    }
    return type;
}

const char *peer_entry(peer *self, const hgh_a6_list *list, const char *name)
{
    for (size_t i = 0; i < list->count; i++) {
        if (hg_text_equal_ignoring_case(list->items[i].name, hg_text_of(name))) {
            return hgh_memory_copy(&self->memory, list->items[i].value).data;
        }
    }
    return NULL;
}

bool peer_entry_deletes(const hgh_a6_list *list, const char *name)
{
    for (size_t i = 0; i < list->count; i++) {
        if (hg_text_equal_ignoring_case(list->items[i].name, hg_text_of(name))) {
            return list->items[i].value.data == NULL;
        }
    }
    return false;
}
