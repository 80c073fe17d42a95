/* tests/unit/engine/runner_peer.c - a plugin runner on a thread of the test. */
#include "tests/unit/engine/runner_peer.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/unit/unit.h"

#define FRAME_MAX (HGH_A6_HEADER_BYTES + HGH_A6_PAYLOAD_MAX)

/** Memory of one message. */
typedef struct message_memory {
    void *blocks[8];
    size_t count;
} message_memory;

static void *message_allocate(void *context, size_t size)
{
    message_memory *memory = context;

    if (memory->count == ARRAY_SIZE(memory->blocks)) {
        return NULL;
    }
    memory->blocks[memory->count] = malloc(size + 1);
    return memory->blocks[memory->count++];
}

static void message_free(message_memory *memory)
{
    while (memory->count > 0) {
        free(memory->blocks[--memory->count]);
    }
}

/* ------------------------------------------------------------------------------------- frames */

static bool read_all(int fd, char *into, size_t length)
{
    while (length > 0) {
        ssize_t got = read(fd, into, length);

        if (got <= 0) {
            return false;
        }
        into += got;
        length -= (size_t)got;
    }
    return true;
}

/* To be freed; NULL: the connection has ended. */
static char *frame_read(int fd, uint32_t *out_type, hg_text *out_payload)
{
    char header[HGH_A6_HEADER_BYTES];
    size_t length;
    char *payload;

    if (!read_all(fd, header, sizeof(header))) {
        return NULL;
    }
    hgh_a6_header_read((const unsigned char *)header, out_type, &length);
    payload = malloc(length + 1);
    if (payload == NULL || !read_all(fd, payload, length)) {
        free(payload);
        return NULL;
    }
    *out_payload = (hg_text){payload, length};
    return payload;
}

static bool send_all(int fd, hg_text bytes, size_t piece)
{
    while (bytes.length > 0) {
        ssize_t sent =
            send(fd, bytes.data, piece < bytes.length ? piece : bytes.length, MSG_NOSIGNAL);

        if (sent <= 0) {
            return false;
        }
        bytes.data += sent;
        bytes.length -= (size_t)sent;
    }
    return true;
}

/* ------------------------------------------------------------------------------------ records */

/* Bytes that are no UTF-8 in hex. */
static json_t *text_json(hg_text text)
{
    json_t *made = text.data == NULL ? json_null() : json_stringn(text.data, text.length);
    char hex[64] = "";

    if (made != NULL) {
        return made;
    }
    for (size_t i = 0; i < text.length && i < 30; i++) {
        (void)snprintf(hex + 2 * i, 3, "%02x", (unsigned char)text.data[i]);
    }
    return json_string(hex);
}

static json_t *list_json(const hgh_a6_list *list)
{
    json_t *made = json_array();

    for (size_t i = 0; i < list->count; i++) {
        json_t *pair = json_array();

        json_array_append_new(pair, text_json(list->items[i].name));
        json_array_append_new(pair, text_json(list->items[i].value));
        json_array_append_new(made, pair);
    }
    return made;
}

static void record_set(json_t **at, json_t *made)
{
    json_decref(*at);
    *at = made;
}

static json_t *address_json(hg_text address)
{
    char text[64] = "";

    for (size_t i = 0; i < address.length && i < 16; i++) {
        (void)snprintf(text + 2 * i, 3, "%02x", (unsigned char)address.data[i]);
    }
    return json_string(text);
}

/* --------------------------------------------------------------------------------- its answers */

/* True: the fault takes place. */
static bool fault_now(peer_fault *fault, unsigned *left, peer_fault *out_fault)
{
    *out_fault = *fault;
    if (*fault != PEER_ANSWERS && *left > 0 && --*left == 0) {
        *fault = PEER_ANSWERS;
    }
    return *out_fault != PEER_ANSWERS;
}

/* Sends the answer, or does what stands in its place. False: the connection ends. */
static bool
answer_send(const runner_peer *peer, int fd, peer_fault fault, const hgh_text_builder *answer)
{
    hgh_text_builder error = {.max = FRAME_MAX};
    hg_text bytes = {answer->data, answer->length};
    bool good;

    switch (fault) {
    case PEER_SILENT:
        return true;
    case PEER_CLOSES:
        return false;
    case PEER_CUT:
        (void)send_all(fd, (hg_text){bytes.data, bytes.length - 1}, SIZE_MAX);
        return false;
    case PEER_FORGETS:
    case PEER_SAYS_ERROR:
        (void)hgh_a6_encode_error(&error, &(hgh_a6_error){fault == PEER_FORGETS
                                                              ? HGH_A6_CONF_TOKEN_NOT_FOUND
                                                              : peer->script.code});
        good = send_all(fd, (hg_text){error.data, error.length}, SIZE_MAX);
        hgh_text_builder_done(&error);
        return good;
    case PEER_SENDS:
        return send_all(fd, peer->script.bytes, SIZE_MAX);
    case PEER_PIECES:
        return send_all(fd, bytes, 1);
    case PEER_ANSWERS:
    default:
        return send_all(fd, bytes, SIZE_MAX);
    }
}

static bool prepare(runner_peer *peer, int fd, hg_text payload, message_memory *memory)
{
    hgh_a6_memory lists = {message_allocate, memory};
    hgh_a6_prepare_request request = {0};
    hgh_text_builder answer = {.max = FRAME_MAX};
    peer_fault fault;
    bool good;

    (void)fault_now(&peer->script.prepare_fault, &peer->script.prepare_faults, &fault);
    peer->record.prepares++;
    if (hgh_a6_decode_prepare_request(payload, &lists, &request, NULL) != HG_OK) {
        return false;
    }
    record_set(&peer->record.prepare, json_pack("{s:o, s:o}", "key", text_json(request.key), "conf",
                                                list_json(&request.conf)));
    (void)hgh_a6_encode_prepare_answer(&answer, &(hgh_a6_prepare_answer){peer->script.token});
    good = answer_send(peer, fd, fault, &answer);
    hgh_text_builder_done(&answer);
    return good;
}

/* One question, and what comes to it. The lock is not held meanwhile. */
static bool ask(runner_peer *peer, int fd, const hgh_a6_question *question)
{
    hgh_text_builder frame = {.max = FRAME_MAX};
    hgh_a6_question_answer answer = {0};
    uint32_t type = 0;
    hg_text payload = {NULL, 0};
    char *got;
    bool good;

    (void)hgh_a6_encode_question(&frame, question);
    pthread_mutex_unlock(&peer->lock);
    good = send_all(fd, (hg_text){frame.data, frame.length}, SIZE_MAX);
    got = good ? frame_read(fd, &type, &payload) : NULL;
    pthread_mutex_lock(&peer->lock);
    hgh_text_builder_done(&frame);
    good = got != NULL && type == HGH_A6_EXTRA_INFO &&
           hgh_a6_decode_question_answer(payload, NULL, &answer, NULL) == HG_OK;
    if (good) {
        peer->record.result_bytes = answer.result.length;
        json_array_append_new(peer->record.results, answer.result.length > 1000
                                                        ? json_string("long")
                                                        : text_json(answer.result));
    }
    free(got);
    return good;
}

static bool request_call(runner_peer *peer, int fd, hg_text payload, message_memory *memory)
{
    hgh_a6_memory lists = {message_allocate, memory};
    hgh_a6_request_call call = {0};
    hgh_text_builder frame = {.max = FRAME_MAX};
    hgh_a6_request_answer answer;
    peer_fault fault;
    bool good = true;

    (void)fault_now(&peer->script.call_fault, &peer->script.call_faults, &fault);
    peer->record.calls++;
    if (hgh_a6_decode_request_call(payload, &lists, &call, NULL) != HG_OK) {
        return false;
    }
    record_set(&peer->record.call,
               json_pack("{s:i, s:i, s:s, s:o, s:o, s:o, s:o}", "id", (int)call.id, "token",
                         (int)call.conf_token, "method", hgh_a6_method_name(call.method).data,
                         "path", text_json(call.path), "source", address_json(call.source_address),
                         "args", list_json(&call.arguments), "headers", list_json(&call.headers)));
    for (size_t i = 0; good && i < peer->script.question_count; i++) {
        good = ask(peer, fd, &peer->script.questions[i]);
        i -= peer->script.asks_for_ever ? 1 : 0;
    }
    if (!good) {
        return false;
    }
    answer = peer->script.request_answer;
    answer.id = peer->script.keeps_id ? answer.id : call.id;
    (void)hgh_a6_encode_request_answer(&frame, &answer);
    good = answer_send(peer, fd, fault, &frame);
    hgh_text_builder_done(&frame);
    return good;
}

static bool response_call(runner_peer *peer, int fd, hg_text payload, message_memory *memory)
{
    hgh_a6_memory lists = {message_allocate, memory};
    hgh_a6_response_call call = {0};
    hgh_text_builder frame = {.max = FRAME_MAX};
    hgh_a6_response_answer answer;
    peer_fault fault;
    bool good = true;

    (void)fault_now(&peer->script.call_fault, &peer->script.call_faults, &fault);
    peer->record.calls++;
    if (hgh_a6_decode_response_call(payload, &lists, &call, NULL) != HG_OK) {
        return false;
    }
    record_set(&peer->record.call,
               json_pack("{s:i, s:i, s:i, s:o}", "id", (int)call.id, "token", (int)call.conf_token,
                         "status", (int)call.status, "headers", list_json(&call.headers)));
    for (size_t i = 0; good && i < peer->script.question_count; i++) {
        good = ask(peer, fd, &peer->script.questions[i]);
    }
    if (!good) {
        return false;
    }
    answer = peer->script.response_answer;
    answer.id = peer->script.keeps_id ? answer.id : call.id;
    (void)hgh_a6_encode_response_answer(&frame, &answer);
    good = answer_send(peer, fd, fault, &frame);
    hgh_text_builder_done(&frame);
    return good;
}

/* ------------------------------------------------------------------------------------- thread */

/* One message of a connection; false: it ends. */
static bool serve_one(runner_peer *peer, int fd)
{
    message_memory memory = {.count = 0};
    uint32_t type = 0;
    hg_text payload = {NULL, 0};
    char *got = frame_read(fd, &type, &payload);
    bool good = got != NULL;

    if (good) {
        pthread_mutex_lock(&peer->lock);
        good = type == HGH_A6_PREPARE_CONF     ? prepare(peer, fd, payload, &memory)
               : type == HGH_A6_HTTP_REQ_CALL  ? request_call(peer, fd, payload, &memory)
               : type == HGH_A6_HTTP_RESP_CALL ? response_call(peer, fd, payload, &memory)
                                               : false;
        pthread_mutex_unlock(&peer->lock);
    }
    message_free(&memory);
    free(got);
    return good;
}

static void open_count(runner_peer *peer, unsigned made)
{
    pthread_mutex_lock(&peer->lock);
    peer->record.connections += made;
    peer->record.open = (unsigned)peer->count;
    pthread_mutex_unlock(&peer->lock);
}

static void connections_serve(runner_peer *peer, const struct pollfd *polled)
{
    size_t kept = 0;
    size_t count = peer->count;

    for (size_t i = 0; i < count; i++) {
        if (polled[i].revents == 0 || serve_one(peer, peer->connections[i])) {
            peer->connections[kept++] = peer->connections[i];
        } else {
            (void)close(peer->connections[i]);
        }
    }
    peer->count = kept;
    if (kept != count) {
        open_count(peer, 0);
    }
}

static void *serve(void *argument)
{
    runner_peer *peer = argument;
    struct pollfd polled[PEER_CONNECTIONS_MAX + 2];

    for (;;) {
        size_t count = peer->count;

        for (size_t i = 0; i < count; i++) {
            polled[i] = (struct pollfd){.fd = peer->connections[i], .events = POLLIN};
        }
        polled[count] = (struct pollfd){.fd = peer->stop[0], .events = POLLIN};
        polled[count + 1] = (struct pollfd){
            .fd = count < PEER_CONNECTIONS_MAX ? peer->listener : -1, .events = POLLIN};
        if (poll(polled, count + 2, -1) < 0 || polled[count].revents != 0) {
            break;
        }
        connections_serve(peer, polled);
        if (polled[count + 1].revents != 0) {
            int fd = accept(peer->listener, NULL, NULL);

            if (fd >= 0) {
                peer->connections[peer->count++] = fd;
                open_count(peer, 1);
            }
        }
    }
    while (peer->count > 0) {
        (void)close(peer->connections[--peer->count]);
    }
    return NULL;
}

/* --------------------------------------------------------------------------------- for tests */

void peer_start_again(runner_peer *peer)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", peer->path);
    (void)unlink(peer->path);
    peer->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(peer->listener, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(peer->listener, 64), 0);
    assert_int_equal(pipe(peer->stop), 0);
    assert_int_equal(pthread_create(&peer->thread, NULL, serve, peer), 0);
}

void peer_start(runner_peer *peer)
{
    char directory[] = "/tmp/hotgate-runner-XXXXXX";

    *peer = (runner_peer){.script = {.token = 7}};
    assert_int_equal(pthread_mutex_init(&peer->lock, NULL), 0);
    assert_non_null(mkdtemp(directory));
    (void)snprintf(peer->path, sizeof(peer->path), "%s/a.sock", directory);
    peer->record.results = json_array();
    peer_start_again(peer);
}

void peer_stop(runner_peer *peer)
{
    (void)close(peer->stop[1]);
    (void)pthread_join(peer->thread, NULL);
    (void)close(peer->stop[0]);
    (void)close(peer->listener);
    peer->record.open = 0;
}

void peer_done(runner_peer *peer)
{
    peer_stop(peer);
    (void)unlink(peer->path);
    *strrchr(peer->path, '/') = '\0';
    (void)rmdir(peer->path);
    json_decref(peer->record.prepare);
    json_decref(peer->record.call);
    json_decref(peer->record.results);
    (void)pthread_mutex_destroy(&peer->lock);
}

void peer_tell(runner_peer *peer, const peer_script *script)
{
    pthread_mutex_lock(&peer->lock);
    peer->script = *script;
    if (peer->script.token == 0 && peer->script.prepare_fault == PEER_ANSWERS) {
        peer->script.token = 7;
    }
    json_decref(peer->record.prepare);
    json_decref(peer->record.call);
    json_array_clear(peer->record.results);
    peer->record = (peer_record){.open = peer->record.open, .results = peer->record.results};
    pthread_mutex_unlock(&peer->lock);
}

peer_record peer_seen(runner_peer *peer)
{
    peer_record record;

    pthread_mutex_lock(&peer->lock);
    record = peer->record;
    pthread_mutex_unlock(&peer->lock);
    return record;
}
