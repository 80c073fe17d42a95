/* tests/integration/origin.c - an upstream in threads of the test, told by each request what to do.
 */
#include "tests/integration/origin.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <zlib.h>

#include <jansson.h>

#include "tests/integration/command.h"
#include "tests/unit/unit.h"

#define CONNECTIONS_MAX 512u
#define HEAD_MAX        65536u
#define BODY_SHOWN_MAX  4096u
#define PIECE           65536u
#define OUTGOING_PORTS  32768u /* from here on the kernel gives ports to outgoing connections */

static char pattern[PIECE + 26]; /* 'a' to 'z' and again; filled before any thread is there */

struct origin {
    int listener;
    unsigned port;
    pthread_t acceptor;
    pthread_mutex_t lock;
    pthread_cond_t idle;
    int connections[CONNECTIONS_MAX]; /* descriptors; -1: free */
    size_t active;
    size_t connection_count;
    size_t request_count;
    size_t check_count;
    unsigned health; /* of /health; 0: 200 */
    bool is_stopping;
};

typedef struct peer {
    origin *owner;
    size_t slot;
    size_t number;
    int fd;
    char buffer[HEAD_MAX];
    size_t length; /* bytes in buffer */
} peer;

typedef struct exchange {
    char method[32];
    char target[8192];
    json_t *headers;
    char *body; /* its first bytes */
    size_t body_length;
} exchange;

/* -------------------------------------------------------------------------------- requests */

static bool peer_fill(peer *self)
{
    ssize_t got;

    if (self->length == sizeof(self->buffer)) {
        return false;
    }
    got = recv(self->fd, self->buffer + self->length, sizeof(self->buffer) - self->length, 0);
    if (got <= 0) {
        return false;
    }
    self->length += (size_t)got;
    return true;
}

static void peer_take(peer *self, size_t count)
{
    memmove(self->buffer, self->buffer + count, self->length - count);
    self->length -= count;
}

static char *find_end(const peer *self, const char *end)
{
    return memmem(self->buffer, self->length, end, strlen(end));
}

static const char *header_of(const exchange *self, const char *name)
{
    return json_string_value(json_object_get(self->headers, name));
}

static void header_add(exchange *self, char *line)
{
    char *colon = strchr(line, ':');
    const char *before;
    char *name = line;

    if (colon == NULL) {
        return;
    }
    *colon = '\0';
    for (; *line != '\0'; line++) {
        *line = (char)(*line >= 'A' && *line <= 'Z' ? *line + ('a' - 'A') : *line);
    }
    line = colon + 1 + strspn(colon + 1, " \t");
    before = header_of(self, name);
    if (before != NULL) {
        (void)json_object_set_new(self->headers, name, json_sprintf("%s, %s", before, line));
    } else {
        (void)json_object_set_new(self->headers, name, json_string(line));
    }
}

static bool read_head(peer *self, exchange *out)
{
    char *end;
    char *state = NULL;

    while ((end = find_end(self, "\r\n\r\n")) == NULL) {
        if (!peer_fill(self)) {
            return false;
        }
    }
    *end = '\0';
    for (char *line = strtok_r(self->buffer, "\r\n", &state); line != NULL;
         line = strtok_r(NULL, "\r\n", &state)) {
        if (out->method[0] == '\0') {
            (void)sscanf(line, "%31s %8191s", out->method, out->target);
        } else {
            header_add(out, line);
        }
    }
    peer_take(self, (size_t)(end + 4 - self->buffer));
    return true;
}

static void body_keep(exchange *self, const char *data, size_t length)
{
    size_t room =
        self->body_length < BODY_SHOWN_MAX ? BODY_SHOWN_MAX - self->body_length : (size_t)0;

    memcpy(self->body + BODY_SHOWN_MAX - room, data, length < room ? length : room);
    self->body_length += length;
}

static bool read_body_bytes(peer *self, exchange *out, size_t count)
{
    while (count > 0) {
        size_t taken;

        if (self->length == 0 && !peer_fill(self)) {
            return false;
        }
        taken = self->length < count ? self->length : count;
        body_keep(out, self->buffer, taken);
        peer_take(self, taken);
        count -= taken;
    }
    return true;
}

static bool read_body_chunks(peer *self, exchange *out)
{
    for (;;) {
        char *end;
        size_t size;

        while ((end = find_end(self, "\r\n")) == NULL) {
            if (!peer_fill(self)) {
                return false;
            }
        }
        size = (size_t)strtoull(self->buffer, NULL, 16);
        peer_take(self, (size_t)(end + 2 - self->buffer));
        if (!read_body_bytes(self, out, size)) {
            return false;
        }
        while (self->length < 2) {
            if (!peer_fill(self)) {
                return false;
            }
        }
        peer_take(self, 2);
        if (size == 0) {
            return true;
        }
    }
}

static bool read_request(peer *self, exchange *out)
{
    const char *length;

    if (!read_head(self, out)) {
        return false;
    }
    length = header_of(out, "content-length");
    if (length != NULL) {
        return read_body_bytes(self, out, (size_t)strtoull(length, NULL, 10));
    }
    return header_of(out, "transfer-encoding") == NULL || read_body_chunks(self, out);
}

/* --------------------------------------------------------------------------------- answers */

/* A number in the target's arguments; -1: it is not there. */
static long argument(const exchange *self, const char *name)
{
    const char *at = strchr(self->target, '?');
    size_t length = strlen(name);

    while (at != NULL) {
        at++;
        if (strncmp(at, name, length) == 0 && at[length] == '=') {
            return strtol(at + length + 1, NULL, 10);
        }
        at = strchr(at, '&');
    }
    return -1;
}

static bool peer_send(const peer *self, const char *data, size_t length)
{
    while (length > 0) {
        ssize_t sent = send(self->fd, data, length, MSG_NOSIGNAL);

        if (sent <= 0) {
            return false;
        }
        data += sent;
        length -= (size_t)sent;
    }
    return true;
}

static char *echo_text(const peer *self, const exchange *request, size_t number)
{
    size_t shown = request->body_length < BODY_SHOWN_MAX ? request->body_length : BODY_SHOWN_MAX;
    json_t *body = json_stringn(request->body, shown); /* NULL if it is no UTF-8 */
    json_t *echo =
        json_pack("{s:i, s:I, s:I, s:s, s:s, s:O, s:I, s:o*}", "origin", (int)self->owner->port,
                  "connection", (json_int_t)self->number, "request", (json_int_t)number, "method",
                  request->method, "target", request->target, "headers", request->headers,
                  "body_length", (json_int_t)request->body_length, "body", body);
    char *text = json_dumps(echo, JSON_COMPACT);

    json_decref(echo);
    return text;
}

static char *compress_text(const char *text, size_t length, size_t *out_length)
{
    z_stream stream = {.next_in = (Bytef *)(uintptr_t)text, .avail_in = (uInt)length};
    size_t room = length + 1024;
    char *into = malloc(room);

    if (into == NULL || deflateInit2(&stream, 6, Z_DEFLATED, 15 + 16, 8, 0) != Z_OK) {
        abort();
    }
    stream.next_out = (Bytef *)into;
    stream.avail_out = (uInt)room;
    (void)deflate(&stream, Z_FINISH);
    *out_length = room - stream.avail_out;
    (void)deflateEnd(&stream);
    return into;
}

/* One piece of the body, as a chunk if there is no length; false: no more. */
static bool send_piece(const peer *self, bool chunked, const char *data, size_t length)
{
    char line[32];
    int size = snprintf(line, sizeof(line), "%zx\r\n", length);

    if (!chunked) {
        return peer_send(self, data, length);
    }
    return peer_send(self, line, (size_t)size) && peer_send(self, data, length) &&
           peer_send(self, "\r\n", 2);
}

static bool
send_body(const peer *self, const exchange *request, const char *text, size_t length, bool chunked)
{
    long cut = argument(request, "cut");
    long slow_ms = argument(request, "slow");
    long delay_ms = argument(request, "body_delay");
    struct pollfd stopped = {.fd = self->fd}; /* origin_stop() ends the pause too */
    size_t sent = 0;

    if (delay_ms > 0) {
        (void)poll(&stopped, 1, (int)delay_ms);
    }
    while (sent < length) {
        size_t size = length - sent < PIECE ? length - sent : PIECE;

        if (cut >= 0 && sent + size > (size_t)cut) {
            (void)send_piece(self, chunked, text == NULL ? pattern + sent % 26 : text + sent,
                             (size_t)cut - sent);
            return false;
        }
        if (!send_piece(self, chunked, text == NULL ? pattern + sent % 26 : text + sent, size)) {
            return false;
        }
        sent += size;
        if (slow_ms > 0) {
            (void)poll(NULL, 0, (int)slow_ms);
        }
    }
    return !chunked || peer_send(self, "0\r\n\r\n", 5);
}

static bool has_body(const exchange *request, long status)
{
    return strcmp(request->method, "HEAD") != 0 && status != 204 && status != 304;
}

static bool is_check(const exchange *request)
{
    return strncmp(request->target, "/health", 7) == 0;
}

static long health_of(origin *self)
{
    unsigned status;

    (void)pthread_mutex_lock(&self->lock);
    status = self->health;
    (void)pthread_mutex_unlock(&self->lock);
    return status == 0 ? 200 : (long)status;
}

/* False: the connection is to be closed. */
static bool answer(const peer *self, const exchange *request, size_t number)
{
    long status = argument(request, "status");
    long only_at = argument(request, "status_at");
    long bytes = argument(request, "bytes");
    bool chunked = argument(request, "chunked") > 0;
    bool gzip = argument(request, "gzip") > 0;
    bool tagged = argument(request, "etag") > 0;
    bool redirects = argument(request, "redirect") > 0;
    bool unbuffered = argument(request, "unbuffered") > 0;
    bool part = argument(request, "part") > 0;
    char *text = bytes < 0 ? echo_text(self, request, number) : NULL;
    size_t length = bytes < 0 ? strlen(text) : (size_t)bytes;
    char head[1024];
    char framing[64];
    bool goes_on;

    if (is_check(request)) {
        status = health_of(self->owner);
    }
    if (argument(request, "plain") > 0) {
        (void)peer_send(self, "no HTTP at all\r\n", 16);
        free(text);
        return false;
    }
    status = status < 0 || (only_at >= 0 && only_at != (long)self->owner->port) ? 200 : status;
    if (gzip && text != NULL) {
        char *packed = compress_text(text, length, &length);

        free(text);
        text = packed;
    }
    (void)snprintf(framing, sizeof(framing),
                   chunked ? "Transfer-Encoding: chunked\r\n" : "Content-Length: %zu\r\n", length);
    (void)snprintf(head, sizeof(head),
                   "HTTP/1.1 %ld Told\r\nServer: origin\r\nContent-Type: %s\r\nX-Origin: "
                   "%u\r\n%s%s%s%s%s%s\r\n",
                   status, text == NULL ? "text/plain" : "application/json", self->owner->port,
                   status == 204 || status == 304 ? "" : framing,
                   gzip ? "Content-Encoding: gzip\r\n" : "",
                   tagged ? "ETag: \"tag\"\r\nAccept-Ranges: bytes\r\n" : "",
                   redirects ? "X-Accel-Redirect: /redirected\r\n" : "",
                   unbuffered ? "X-Accel-Buffering: no\r\n" : "",
                   part ? "Content-Range: bytes 0-0/1\r\n" : "");
    goes_on = peer_send(self, head, strlen(head)) &&
              (!has_body(request, status) || send_body(self, request, text, length, chunked));
    free(text);
    return goes_on;
}

/* What comes goes back, until the client ends it. */
static void echo_bytes(peer *self)
{
    static const char head[] = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                               "Connection: upgrade\r\n\r\n";

    if (!peer_send(self, head, sizeof(head) - 1)) {
        return;
    }
    while (self->length > 0 || peer_fill(self)) {
        if (!peer_send(self, self->buffer, self->length)) {
            return;
        }
        self->length = 0;
    }
}

static bool serve_one(peer *self, size_t number)
{
    exchange request = {.headers = json_object(), .body = calloc(1, BODY_SHOWN_MAX)};
    bool goes_on = false;
    long delay_ms;
    long only_at;

    if (request.body == NULL || request.headers == NULL) {
        abort();
    }
    if (read_request(self, &request)) {
        (void)pthread_mutex_lock(&self->owner->lock);
        self->owner->request_count++;
        self->owner->check_count += is_check(&request);
        (void)pthread_mutex_unlock(&self->owner->lock);
        delay_ms = argument(&request, "delay");
        only_at = argument(&request, "delay_at");
        if (delay_ms > 0 && (only_at < 0 || only_at == (long)self->owner->port)) {
            struct pollfd stopped = {.fd = self->fd}; /* origin_stop() ends the pause too */

            (void)poll(&stopped, 1, (int)delay_ms);
        }
        if (header_of(&request, "upgrade") != NULL) {
            echo_bytes(self);
        } else if (argument(&request, "close") < 0) {
            goes_on = answer(self, &request, number);
        }
    }
    json_decref(request.headers);
    free(request.body);
    return goes_on;
}

/* --------------------------------------------------------------------------------- threads */

static void *serve(void *context)
{
    peer *self = context;
    origin *owner = self->owner;
    size_t number = 1;

    while (serve_one(self, number)) {
        number++;
    }
    (void)pthread_mutex_lock(&owner->lock);
    (void)close(self->fd);
    owner->connections[self->slot] = -1;
    owner->active--;
    (void)pthread_cond_broadcast(&owner->idle);
    (void)pthread_mutex_unlock(&owner->lock);
    free(self);
    return NULL;
}

static void peer_begin(origin *self, int fd)
{
    peer *one = calloc(1, sizeof(*one));
    pthread_t thread;
    int on = 1;

    if (one == NULL) {
        abort();
    }
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    (void)pthread_mutex_lock(&self->lock);
    while (one->slot < CONNECTIONS_MAX && self->connections[one->slot] >= 0) {
        one->slot++;
    }
    one->owner = self;
    one->fd = fd;
    one->number = ++self->connection_count;
    if (one->slot == CONNECTIONS_MAX || self->is_stopping ||
        pthread_create(&thread, NULL, serve, one) != 0) {
        (void)close(fd);
        free(one);
    } else {
        self->connections[one->slot] = fd;
        self->active++;
        (void)pthread_detach(thread);
    }
    (void)pthread_mutex_unlock(&self->lock);
}

static void *accept_all(void *context)
{
    origin *self = context;
    int fd;

    while ((fd = accept4(self->listener, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
        peer_begin(self, fd);
    }
    return NULL;
}

/* -------------------------------------------------------------------------- start and stop */

static int listen_on(unsigned port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int on = 1;

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) != 0 ||
        listen(fd, 1024) != 0) {
        (void)close(fd);
        return -1;
    }
    return fd;
}

unsigned free_port(void)
{
    static unsigned next;
    int fd = -1;

    if (next == 0) {
        next = 10000 + (unsigned)getpid() * 37 % 20000;
    }
    while (fd < 0) {
        next = next + 1 < OUTGOING_PORTS ? next + 1 : 10000;
        fd = listen_on(next);
    }
    (void)close(fd);
    return next;
}

origin *origin_start(void)
{
    origin *self = calloc(1, sizeof(*self));

    assert_non_null(self);
    for (size_t i = 0; i < sizeof(pattern); i++) {
        pattern[i] = (char)('a' + i % 26);
    }
    for (size_t i = 0; i < CONNECTIONS_MAX; i++) {
        self->connections[i] = -1;
    }
    (void)pthread_mutex_init(&self->lock, NULL);
    (void)pthread_cond_init(&self->idle, NULL);
    self->port = free_port();
    self->listener = listen_on(self->port);
    if (self->listener < 0 || pthread_create(&self->acceptor, NULL, accept_all, self) != 0) {
        fail_msg("origin on port %u: %s", self->port, strerror(errno));
    }
    return self;
}

void origin_stop(origin *self)
{
    if (self == NULL) {
        return;
    }
    (void)shutdown(self->listener, SHUT_RDWR);
    (void)pthread_join(self->acceptor, NULL);
    (void)close(self->listener);
    (void)pthread_mutex_lock(&self->lock);
    self->is_stopping = true;
    for (size_t i = 0; i < CONNECTIONS_MAX; i++) {
        if (self->connections[i] >= 0) {
            (void)shutdown(self->connections[i], SHUT_RDWR);
        }
    }
    while (self->active > 0) {
        (void)pthread_cond_wait(&self->idle, &self->lock);
    }
    (void)pthread_mutex_unlock(&self->lock);
    (void)pthread_mutex_destroy(&self->lock);
    (void)pthread_cond_destroy(&self->idle);
    free(self);
}

void origin_set_health(origin *self, unsigned status)
{
    (void)pthread_mutex_lock(&self->lock);
    self->health = status;
    (void)pthread_mutex_unlock(&self->lock);
}

size_t origin_checks(origin *self)
{
    size_t count;

    (void)pthread_mutex_lock(&self->lock);
    count = self->check_count;
    (void)pthread_mutex_unlock(&self->lock);
    return count;
}

unsigned origin_port(const origin *self)
{
    return self->port;
}

size_t origin_requests(origin *self)
{
    size_t count;

    (void)pthread_mutex_lock(&self->lock);
    count = self->request_count;
    (void)pthread_mutex_unlock(&self->lock);
    return count;
}
