/* tests/integration/scripted_runner.c - a runner of external plugins in threads of the test. */
#include "tests/integration/scripted_runner.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/integration/scripted_record.h"

#define CONNECTIONS_MAX 1024u
#define TOKENS_MAX      8192u
#define CALLS_MAX       20000u
#define SOCKET_MODE     0766 /* as other runners have it: workers run as another user */

/** What a call's texts and lists lie in; it lives as long as they are needed. */
struct scripted_storage {
    scripted_storage *next;
    /* the bytes follow */
};

typedef struct token {
    uint32_t number;
    bool is_forgotten;
    hgh_a6_prepare_request request;
    scripted_storage *storage;
} token;

struct scripted_runner {
    char *path;
    int listener; /* -1: between two lives */
    pthread_t acceptor;
    pthread_mutex_t lock;
    pthread_cond_t changed; /* connections, held calls, the gate */
    scripted_on_call on_call;
    void *context;
    bool is_ending;

    int connections[CONNECTIONS_MAX]; /* descriptors; -1: free */
    size_t open_count;
    size_t connection_count;
    size_t frame_count;
    size_t counts[HGH_A6_HTTP_RESP_CALL + 1]; /* of calls, by type */
    size_t held_count;
    size_t gate; /* how often calls were let go */
    json_t *calls;

    token tokens[TOKENS_MAX]; /* of all lives, in their order */
    size_t token_count;
    uint32_t next_token;
    size_t times_to_forget;
};

typedef struct peer {
    scripted_runner *owner;
    size_t slot;
    size_t number;
    int fd;
} peer;

/* --------------------------------------------------------------------------------- storage */

static void *storage_take(void *context, size_t size)
{
    scripted_storage **storage = context;
    scripted_storage *block = malloc(sizeof(max_align_t) + size);

    if (block == NULL) {
        abort();
    }
    block->next = *storage;
    *storage = block;
    return (char *)block + sizeof(max_align_t);
}
_Static_assert(sizeof(scripted_storage) <= sizeof(max_align_t), "stands before what is aligned");

static void storage_done(scripted_storage *storage)
{
    while (storage != NULL) {
        scripted_storage *next = storage->next;

        free(storage);
        storage = next;
    }
}

/* ---------------------------------------------------------------------------------- frames */

static bool receive(int fd, void *into, size_t length)
{
    char *at = into;

    while (length > 0) {
        ssize_t got = recv(fd, at, length, 0);

        if (got <= 0) {
            return false;
        }
        at += got;
        length -= (size_t)got;
    }
    return true;
}

/** Takes the next frame off the stream; false: there is none. */
static bool receive_frame(scripted_runner *self,
                          int fd,
                          scripted_storage **storage,
                          uint32_t *out_type,
                          hg_text *out_payload)
{
    unsigned char header[HGH_A6_HEADER_BYTES];
    size_t length = 0;
    char *payload;

    if (!receive(fd, header, sizeof(header))) {
        return false;
    }
    hgh_a6_header_read(header, out_type, &length);
    payload = storage_take(storage, length);
    if (!receive(fd, payload, length)) {
        return false;
    }
    *out_payload = (hg_text){payload, length};
    (void)pthread_mutex_lock(&self->lock);
    self->frame_count++;
    (void)pthread_mutex_unlock(&self->lock);
    return true;
}

static void transmit(scripted_call *call, hg_text bytes)
{
    size_t sent = 0;

    while (sent < bytes.length) {
        size_t piece = call->is_bytewise ? 1 : bytes.length - sent;
        ssize_t got = send(call->fd, bytes.data + sent, piece, MSG_NOSIGNAL);

        if (got <= 0) {
            call->is_closing = true;
            return;
        }
        sent += (size_t)got;
    }
}

void scripted_send_bytes(scripted_call *call, hg_text bytes)
{
    call->is_answered = true;
    transmit(call, bytes);
}

void scripted_send_frame(scripted_call *call, uint32_t type, hg_text payload)
{
    hgh_text_builder frame = {.max = HGH_A6_HEADER_BYTES + payload.length};
    const char header[HGH_A6_HEADER_BYTES] = {(char)type, (char)(payload.length >> 16),
                                              (char)(payload.length >> 8), (char)payload.length};

    hgh_text_builder_add(&frame, (hg_text){header, sizeof(header)});
    hgh_text_builder_add(&frame, payload);
    scripted_send_bytes(call, (hg_text){frame.data, frame.length});
    hgh_text_builder_done(&frame);
}

/** Sends what was encoded, and frees it. */
static void send_encoded(scripted_call *call, hg_status status, hgh_text_builder *frame)
{
    if (status != HG_OK) {
        (void)fprintf(stderr, "scripted runner: an answer cannot be encoded: %d\n", (int)status);
        abort();
    }
    transmit(call, (hg_text){frame->data, frame->length});
    hgh_text_builder_done(frame);
}

#define FRAME_INIT                                                                                 \
    {                                                                                              \
        .max = HGH_A6_HEADER_BYTES + HGH_A6_PAYLOAD_MAX                                            \
    }

void scripted_answer_token(scripted_call *call, uint32_t number)
{
    hgh_text_builder frame = FRAME_INIT;

    call->is_answered = true;
    (void)pthread_mutex_lock(&call->runner->lock);
    (void)json_object_set_new(call->record, "token", json_integer((json_int_t)number));
    (void)pthread_mutex_unlock(&call->runner->lock);
    send_encoded(call, hgh_a6_encode_prepare_answer(&frame, &(hgh_a6_prepare_answer){number}),
                 &frame);
}

void scripted_answer_request(scripted_call *call, const hgh_a6_request_answer *answer)
{
    hgh_text_builder frame = FRAME_INIT;

    call->is_answered = true;
    send_encoded(call, hgh_a6_encode_request_answer(&frame, answer), &frame);
}

void scripted_answer_response(scripted_call *call, const hgh_a6_response_answer *answer)
{
    hgh_text_builder frame = FRAME_INIT;

    call->is_answered = true;
    send_encoded(call, hgh_a6_encode_response_answer(&frame, answer), &frame);
}

void scripted_answer_error(scripted_call *call, uint32_t code)
{
    hgh_text_builder frame = FRAME_INIT;

    call->is_answered = true;
    send_encoded(call, hgh_a6_encode_error(&frame, &(hgh_a6_error){code}), &frame);
}

void scripted_half_close(scripted_call *call)
{
    call->is_answered = true;
    (void)shutdown(call->fd, SHUT_WR);
}

void scripted_close(scripted_call *call)
{
    call->is_answered = true;
    call->is_closing = true;
    (void)shutdown(call->fd, SHUT_RDWR);
}

/* ------------------------------------------------------------------------------- questions */

/** A question whose union has a type that is not in the schema, with an empty table. */
static void send_unknown_question(scripted_call *call, uint32_t info)
{
    const char frame[] = {HGH_A6_EXTRA_INFO,
                          0,
                          0,
                          32, /* header */
                          12,
                          0,
                          0,
                          0, /* 0: the root is at 12 */
                          8,
                          0,
                          12,
                          0,
                          11,
                          0,
                          4,
                          0, /* 4: its vtable: type at 11, value at 4 */
                          8,
                          0,
                          0,
                          0,
                          12,
                          0,
                          0,
                          0,
                          0,
                          0,
                          0,
                          (char)info, /* 12: root; value at 28 */
                          4,
                          0,
                          4,
                          0, /* 24: an empty vtable */
                          4,
                          0,
                          0,
                          0}; /* 28: and its table */

    transmit(call, (hg_text){frame, sizeof(frame)});
}

hg_text scripted_ask(scripted_call *call, uint32_t info, hg_text name)
{
    const hgh_a6_question question = {(hgh_a6_info)info, name};
    const hgh_a6_memory memory = {storage_take, &call->storage};
    hgh_a6_question_answer answer = {{NULL, 0}};
    hgh_text_builder frame = FRAME_INIT;
    hg_text payload = {NULL, 0};
    uint32_t type = 0;

    if (info > HGH_A6_RESPONSE_BODY) {
        send_unknown_question(call, info);
    } else {
        send_encoded(call, hgh_a6_encode_question(&frame, &question), &frame);
    }
    if (!receive_frame(call->runner, call->fd, &call->storage, &type, &payload) ||
        type != HGH_A6_EXTRA_INFO ||
        hgh_a6_decode_question_answer(payload, &memory, &answer, NULL) != HG_OK) {
        scripted_close(call);
    }
    (void)pthread_mutex_lock(&call->runner->lock);
    scripted_record_answer(call->record, info, name, answer.result);
    (void)pthread_mutex_unlock(&call->runner->lock);
    return answer.result;
}

hg_text scripted_conf(const scripted_call *call, hg_text plugin)
{
    for (size_t i = 0; i < call->conf.count; i++) {
        if (hg_text_equal(call->conf.items[i].name, plugin)) {
            return call->conf.items[i].value;
        }
    }
    return hg_text_of(NULL);
}

json_t *scripted_record(const scripted_call *call)
{
    json_t *record;

    (void)pthread_mutex_lock(&call->runner->lock);
    record = json_deep_copy(call->record);
    (void)pthread_mutex_unlock(&call->runner->lock);
    return record;
}

void scripted_hold(scripted_call *call)
{
    scripted_runner *self = call->runner;
    size_t gate;

    (void)pthread_mutex_lock(&self->lock);
    gate = self->gate;
    self->held_count++;
    while (self->gate == gate && !self->is_ending) {
        (void)pthread_cond_wait(&self->changed, &self->lock);
    }
    self->held_count--;
    (void)pthread_mutex_unlock(&self->lock);
}

/* ---------------------------------------------------------------------------------- tokens */

static uint32_t token_of(const scripted_call *call)
{
    return call->type == HGH_A6_HTTP_REQ_CALL ? call->request.conf_token
                                              : call->response.conf_token;
}

/** Finds what a call's token stands for; false: it is to be told that there is none. */
static bool find_conf(scripted_call *call)
{
    scripted_runner *self = call->runner;
    bool is_found = false;

    (void)pthread_mutex_lock(&self->lock);
    if (self->times_to_forget > 0) {
        self->times_to_forget--;
    } else {
        for (size_t i = 0; i < self->token_count && !is_found; i++) {
            const token *one = &self->tokens[i];

            if (!one->is_forgotten && one->number == token_of(call)) {
                call->conf = one->request.conf;
                is_found = true;
            }
        }
    }
    (void)pthread_mutex_unlock(&self->lock);
    return is_found;
}

/** The token for what is prepared: the one that its key has, or a new one, which keeps the texts.
 */
static uint32_t give_token(scripted_call *call)
{
    scripted_runner *self = call->runner;
    uint32_t number = 0;

    (void)pthread_mutex_lock(&self->lock);
    for (size_t i = 0; i < self->token_count && number == 0; i++) {
        const token *one = &self->tokens[i];

        if (!one->is_forgotten && hg_text_equal(one->request.key, call->prepare.key)) {
            number = one->number;
        }
    }
    if (number == 0 && self->token_count < TOKENS_MAX) {
        number = self->next_token++;
        self->tokens[self->token_count++] = (token){number, false, call->prepare, call->storage};
        call->storage = NULL;
    }
    (void)pthread_mutex_unlock(&self->lock);
    return number;
}

void scripted_runner_forget(scripted_runner *self, size_t times)
{
    (void)pthread_mutex_lock(&self->lock);
    for (size_t i = 0; i < self->token_count; i++) {
        self->tokens[i].is_forgotten = true;
    }
    self->times_to_forget = times;
    (void)pthread_mutex_unlock(&self->lock);
}

/* ----------------------------------------------------------------------------------- calls */

static hg_status decode(scripted_call *call, uint32_t type, hg_text payload, hg_error *err)
{
    const hgh_a6_memory memory = {storage_take, &call->storage};

    call->type = (hgh_a6_type)type;
    switch (type) {
    case HGH_A6_PREPARE_CONF:
        return hgh_a6_decode_prepare_request(payload, &memory, &call->prepare, err);
    case HGH_A6_HTTP_REQ_CALL:
        return hgh_a6_decode_request_call(payload, &memory, &call->request, err);
    case HGH_A6_HTTP_RESP_CALL:
        return hgh_a6_decode_response_call(payload, &memory, &call->response, err);
    default:
        return hg_error_set(err, HG_ERR_INVALID, "a frame of type %u, wanted 1, 2 or 4", type);
    }
}

/** The answer of a runner without plugins. */
static void answer_untold(scripted_call *call)
{
    if (call->type == HGH_A6_PREPARE_CONF) {
        scripted_answer_token(call, give_token(call));
    } else if (call->type == HGH_A6_HTTP_REQ_CALL) {
        scripted_answer_request(call, &(hgh_a6_request_answer){.id = call->request.id});
    } else {
        scripted_answer_response(call, &(hgh_a6_response_answer){.id = call->response.id});
    }
}

static void remember(scripted_runner *self, json_t *record, uint32_t type)
{
    (void)pthread_mutex_lock(&self->lock);
    if (json_array_size(self->calls) == CALLS_MAX) {
        (void)json_array_clear(self->calls);
    }
    (void)json_array_append(self->calls, record);
    if (type < sizeof(self->counts) / sizeof(self->counts[0])) {
        self->counts[type]++;
    }
    (void)pthread_mutex_unlock(&self->lock);
}

static void answer(scripted_call *call)
{
    scripted_runner *self = call->runner;
    scripted_on_call on_call;
    void *context;

    if (call->type == HGH_A6_PREPARE_CONF) {
        call->conf = call->prepare.conf;
    } else if (!find_conf(call)) {
        scripted_answer_error(call, HGH_A6_CONF_TOKEN_NOT_FOUND);
        return;
    }
    (void)pthread_mutex_lock(&self->lock);
    on_call = self->on_call;
    context = self->context;
    (void)pthread_mutex_unlock(&self->lock);
    if (on_call != NULL) {
        on_call(context, call);
    }
    if (!call->is_answered && !call->is_silent) {
        answer_untold(call);
    }
}

/** Serves the next call of a connection; false: the connection is at its end. */
static bool serve_one(const peer *from)
{
    scripted_call call = {.runner = from->owner, .connection = from->number, .fd = from->fd};
    hg_error err = HG_ERROR_INIT;
    hg_text payload = {NULL, 0};
    uint32_t type = 0;
    bool is_framed = receive_frame(from->owner, from->fd, &call.storage, &type, &payload);

    if (is_framed && decode(&call, type, payload, &err) == HG_OK) {
        call.record = scripted_record_of(&call);
        remember(from->owner, call.record, type);
        answer(&call);
    } else if (is_framed) {
        call.record = scripted_record_malformed(type, from->number, err.text);
        remember(from->owner, call.record, type);
        scripted_answer_error(&call, HGH_A6_BAD_REQUEST);
    }
    (void)pthread_mutex_lock(&from->owner->lock);
    json_decref(call.record);
    (void)pthread_mutex_unlock(&from->owner->lock);
    storage_done(call.storage);
    return is_framed && !call.is_closing;
}

/* --------------------------------------------------------------------------------- threads */

static void *serve(void *context)
{
    peer *from = context;
    scripted_runner *self = from->owner;

    while (serve_one(from)) {
        /* the next one */
    }
    (void)pthread_mutex_lock(&self->lock);
    (void)close(from->fd);
    self->connections[from->slot] = -1;
    self->open_count--;
    (void)pthread_cond_broadcast(&self->changed);
    (void)pthread_mutex_unlock(&self->lock);
    free(from);
    return NULL;
}

static void peer_begin(scripted_runner *self, int fd)
{
    peer *one = calloc(1, sizeof(*one));
    pthread_t thread;

    if (one == NULL) {
        abort();
    }
    (void)pthread_mutex_lock(&self->lock);
    while (one->slot < CONNECTIONS_MAX && self->connections[one->slot] >= 0) {
        one->slot++;
    }
    one->owner = self;
    one->fd = fd;
    one->number = ++self->connection_count;
    if (one->slot == CONNECTIONS_MAX || self->is_ending ||
        pthread_create(&thread, NULL, serve, one) != 0) {
        (void)close(fd);
        free(one);
    } else {
        self->connections[one->slot] = fd;
        self->open_count++;
        (void)pthread_detach(thread);
    }
    (void)pthread_mutex_unlock(&self->lock);
}

static void *accept_all(void *context)
{
    scripted_runner *self = context;
    int fd;

    while ((fd = accept4(self->listener, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
        peer_begin(self, fd);
    }
    return NULL;
}

/* -------------------------------------------------------------------------- start and stop */

static int listen_at(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool fits = strlen(path) < sizeof(address.sun_path);

    if (fits) {
        memcpy(address.sun_path, path, strlen(path));
        (void)unlink(path);
    }
    if (!fits || fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) != 0 ||
        chmod(path, SOCKET_MODE) != 0 || listen(fd, CONNECTIONS_MAX) != 0) {
        (void)fprintf(stderr, "scripted runner at %s: %s\n", path,
                      fits ? strerror(errno) : "the path is too long for a socket");
        abort();
    }
    return fd;
}

void scripted_runner_begin(scripted_runner *self, uint32_t first_token)
{
    self->is_ending = false;
    self->next_token = first_token;
    self->listener = listen_at(self->path);
    if (pthread_create(&self->acceptor, NULL, accept_all, self) != 0) {
        abort();
    }
}

void scripted_runner_end(scripted_runner *self)
{
    if (self->listener < 0) {
        return;
    }
    (void)unlink(self->path);
    (void)shutdown(self->listener, SHUT_RDWR);
    (void)pthread_join(self->acceptor, NULL);
    (void)close(self->listener);
    self->listener = -1;
    (void)pthread_mutex_lock(&self->lock);
    self->is_ending = true;
    (void)pthread_cond_broadcast(&self->changed);
    for (size_t i = 0; i < CONNECTIONS_MAX; i++) {
        if (self->connections[i] >= 0) {
            (void)shutdown(self->connections[i], SHUT_RDWR);
        }
    }
    while (self->open_count > 0) {
        (void)pthread_cond_wait(&self->changed, &self->lock);
    }
    (void)pthread_mutex_unlock(&self->lock);
    scripted_runner_forget(self, 0);
}

scripted_runner *scripted_runner_start(const char *path, scripted_on_call on_call, void *context)
{
    scripted_runner *self = calloc(1, sizeof(*self));

    if (self == NULL) {
        abort();
    }
    for (size_t i = 0; i < CONNECTIONS_MAX; i++) {
        self->connections[i] = -1;
    }
    self->path = strdup(path);
    self->calls = json_array();
    self->on_call = on_call;
    self->context = context;
    (void)pthread_mutex_init(&self->lock, NULL);
    (void)pthread_cond_init(&self->changed, NULL);
    scripted_runner_begin(self, 1);
    return self;
}

void scripted_runner_stop(scripted_runner *self)
{
    if (self == NULL) {
        return;
    }
    scripted_runner_end(self);
    for (size_t i = 0; i < self->token_count; i++) {
        storage_done(self->tokens[i].storage);
    }
    (void)pthread_mutex_destroy(&self->lock);
    (void)pthread_cond_destroy(&self->changed);
    json_decref(self->calls);
    free(self->path);
    free(self);
}

void scripted_runner_tell(scripted_runner *self, scripted_on_call on_call, void *context)
{
    (void)pthread_mutex_lock(&self->lock);
    self->on_call = on_call;
    self->context = context;
    (void)pthread_mutex_unlock(&self->lock);
}

void scripted_runner_let_go(scripted_runner *self)
{
    (void)pthread_mutex_lock(&self->lock);
    self->gate++;
    (void)pthread_cond_broadcast(&self->changed);
    (void)pthread_mutex_unlock(&self->lock);
}

/* ------------------------------------------------------------------------ what it was asked */

static size_t read_count(scripted_runner *self, const size_t *count)
{
    size_t value;

    (void)pthread_mutex_lock(&self->lock);
    value = *count;
    (void)pthread_mutex_unlock(&self->lock);
    return value;
}

size_t scripted_runner_connections(scripted_runner *self)
{
    return read_count(self, &self->connection_count);
}

size_t scripted_runner_open(scripted_runner *self)
{
    return read_count(self, &self->open_count);
}

size_t scripted_runner_frames(scripted_runner *self)
{
    return read_count(self, &self->frame_count);
}

size_t scripted_runner_count(scripted_runner *self, hgh_a6_type type)
{
    return read_count(self, &self->counts[type]);
}

size_t scripted_runner_held(scripted_runner *self)
{
    return read_count(self, &self->held_count);
}

json_t *scripted_runner_calls(scripted_runner *self)
{
    json_t *calls;

    (void)pthread_mutex_lock(&self->lock);
    calls = json_deep_copy(self->calls);
    (void)pthread_mutex_unlock(&self->lock);
    return calls;
}

json_t *scripted_runner_last(scripted_runner *self, hgh_a6_type type)
{
    json_t *last = NULL;

    (void)pthread_mutex_lock(&self->lock);
    for (size_t i = json_array_size(self->calls); i > 0 && last == NULL; i--) {
        const json_t *call = json_array_get(self->calls, i - 1);

        if (json_integer_value(json_object_get(call, "type")) == (json_int_t)type) {
            last = json_deep_copy(call);
        }
    }
    (void)pthread_mutex_unlock(&self->lock);
    return last;
}

void scripted_runner_clear(scripted_runner *self)
{
    (void)pthread_mutex_lock(&self->lock);
    (void)json_array_clear(self->calls);
    (void)pthread_mutex_unlock(&self->lock);
}
