/* tests/integration/connection.c - a client's connection: what is sent and read is under control.
 */
#include "tests/integration/connection.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>
#include <zlib.h>

#include "tests/integration/command.h"
#include "tests/unit/unit.h"

#define TIMEOUT_MS 20000u

HG_PRINTF(2, 3) static bool connection_fail(connection *self, const char *format, ...)
{
    va_list values;

    va_start(values, format);
    (void)vsnprintf(self->error, sizeof(self->error), format, values);
    va_end(values);
    self->is_ended = true;
    return false;
}

bool connection_open(connection *self, unsigned port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int on = 1;

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (self->timeout_ms == 0) {
        self->timeout_ms = TIMEOUT_MS;
    }
    if (self->body_kept_max == 0) {
        self->body_kept_max = 1u << 20;
    }
    self->is_ended = false;
    self->pending_start = 0;
    self->pending_end = 0;
    self->error[0] = '\0';
    self->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (self->fd < 0 || connect(self->fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
        int error = errno;

        connection_close(self);
        return connection_fail(self, "port %u: %s", port, strerror(error));
    }
    (void)setsockopt(self->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    return true;
}

void connection_close(connection *self)
{
    if (self->fd > 0) {
        (void)close(self->fd);
    }
    self->fd = -1;
    self->is_ended = true;
}

bool connection_send(connection *self, const void *data, size_t length)
{
    const char *at = data;

    while (length > 0) {
        ssize_t sent = send(self->fd, at, length, MSG_NOSIGNAL);

        if (sent < 0 && errno == EINTR) {
            continue;
        }
        if (sent < 0) {
            return connection_fail(self, "while sending: %s", strerror(errno));
        }
        at += sent;
        length -= (size_t)sent;
    }
    return true;
}

long connection_read(connection *self, void *into, size_t size)
{
    struct pollfd wanted = {.fd = self->fd, .events = POLLIN};
    size_t pending = self->pending_end - self->pending_start;
    ssize_t got;

    if (pending > 0) {
        size_t taken = pending < size ? pending : size;

        memcpy(into, self->pending + self->pending_start, taken);
        self->pending_start += taken;
        return (long)taken;
    }
    if (poll(&wanted, 1, (int)self->timeout_ms) <= 0) {
        (void)connection_fail(self, "nothing came in %u ms", self->timeout_ms);
        return -1;
    }
    got = recv(self->fd, into, size, 0);
    if (got < 0) {
        (void)connection_fail(self, "while reading: %s", strerror(errno));
    }
    return (long)got;
}

static bool fill(connection *self)
{
    long got;

    if (self->pending_start < self->pending_end) {
        return true;
    }
    self->pending_start = 0;
    self->pending_end = 0;
    got = connection_read(self, self->pending, sizeof(self->pending));
    if (got == 0) {
        return connection_fail(self, "the connection was closed");
    }
    if (got < 0) {
        return false;
    }
    self->pending_end = (size_t)got;
    return true;
}

/* A line without its CRLF. */
static bool read_line(connection *self, char *line, size_t size)
{
    size_t length = 0;

    for (;;) {
        char byte;

        if (!fill(self)) {
            return false;
        }
        byte = self->pending[self->pending_start++];
        if (byte == '\n') {
            if (length > 0 && line[length - 1] == '\r') {
                length--;
            }
            line[length] = '\0';
            return true;
        }
        if (length + 1 == size) {
            return connection_fail(self, "a line of more than %zu bytes", size);
        }
        line[length++] = byte;
    }
}

static void keep(const connection *self, response *out, const char *data, size_t length)
{
    size_t room = self->body_kept_max - out->kept;
    size_t kept = length < room ? length : room;

    if (kept > 0) {
        out->body = realloc(out->body, out->kept + kept + 1);
        if (out->body == NULL) {
            abort(); /* also called in threads, where a test cannot fail */
        }
        memcpy(out->body + out->kept, data, kept);
        out->kept += kept;
        out->body[out->kept] = '\0';
    }
    out->length += length;
    out->crc = crc32(out->crc, (const Bytef *)data, (uInt)length);
}

static bool read_bytes(connection *self, response *out, size_t count)
{
    while (count > 0) {
        size_t taken;

        if (!fill(self)) {
            return false;
        }
        taken = self->pending_end - self->pending_start;
        taken = taken < count ? taken : count;
        keep(self, out, self->pending + self->pending_start, taken);
        self->pending_start += taken;
        count -= taken;
    }
    return true;
}

static bool read_chunks(connection *self, response *out)
{
    char line[256];

    for (;;) {
        size_t size;

        if (!read_line(self, line, sizeof(line))) {
            return false;
        }
        size = (size_t)strtoull(line, NULL, 16);
        if (size == 0) {
            do { /* the trailer */
                if (!read_line(self, line, sizeof(line))) {
                    return false;
                }
            } while (line[0] != '\0');
            return true;
        }
        if (!read_bytes(self, out, size) || !read_line(self, line, sizeof(line))) {
            return false;
        }
    }
}

static bool read_to_end(connection *self, response *out)
{
    while (fill(self)) {
        keep(self, out, self->pending + self->pending_start,
             self->pending_end - self->pending_start);
        self->pending_start = self->pending_end;
    }
    return strcmp(self->error, "the connection was closed") == 0;
}

static bool read_head(connection *self, response *out)
{
    size_t length = 0;
    char line[8192];

    do {
        if (!read_line(self, line, sizeof(line))) {
            return false;
        }
        if (length + strlen(line) + 3 > sizeof(out->head)) {
            return connection_fail(self, "headers of more than %zu bytes", sizeof(out->head));
        }
        length += (size_t)snprintf(out->head + length, sizeof(out->head) - length, "%s\r\n", line);
    } while (line[0] != '\0');
    if (sscanf(out->head, "HTTP/1.1 %d", &out->status) != 1) {
        return connection_fail(self, "no HTTP: %.60s", out->head);
    }
    return true;
}

bool connection_receive(connection *self, bool head, response *out)
{
    const char *length;
    const char *ending;
    bool is_whole;

    response_done(out);
    do {
        if (!read_head(self, out)) {
            return false;
        }
    } while (out->status == 100);
    out->body = calloc(1, 1);
    if (head || out->status == 101 || out->status == 204 || out->status == 304) {
        is_whole = true;
    } else if (response_header(out, "Transfer-Encoding") != NULL) {
        is_whole = read_chunks(self, out);
    } else if ((length = response_header(out, "Content-Length")) != NULL) {
        is_whole = read_bytes(self, out, (size_t)strtoull(length, NULL, 10));
    } else {
        is_whole = read_to_end(self, out);
    }
    ending = response_header(out, "Connection");
    if (ending != NULL && strcasecmp(ending, "close") == 0) {
        self->is_ended = true;
    }
    return is_whole;
}

void connection_request(connection *self,
                        const char *method,
                        const char *target,
                        const char *headers,
                        const char *body,
                        response *out)
{
    char *text;

    if (body == NULL) {
        text = text_format("%s %s HTTP/1.1\r\nHost: localhost\r\n%s\r\n", method, target, headers);
    } else {
        text = text_format("%s %s HTTP/1.1\r\nHost: localhost\r\n%sContent-Length: %zu\r\n\r\n%s",
                           method, target, headers, strlen(body), body);
    }
    if (!connection_send(self, text, strlen(text)) ||
        !connection_receive(self, strcmp(method, "HEAD") == 0, out)) {
        fail_msg("%s %s: %s", method, target, self->error);
    }
    free(text);
}

void http_get(unsigned port, const char *target, const char *headers, response *out)
{
    connection self = {.fd = -1};

    if (!connection_open(&self, port)) {
        fail_msg("%s", self.error);
    }
    connection_request(&self, "GET", target, headers, NULL, out);
    connection_close(&self);
}

const char *response_header(response *self, const char *name)
{
    size_t length = strlen(name);

    for (const char *line = strchr(self->head, '\n'); line != NULL; line = strchr(line, '\n')) {
        line++;
        if (strncasecmp(line, name, length) == 0 && line[length] == ':') {
            line += length + 1;
            line += strspn(line, " \t");
            (void)snprintf(self->value, sizeof(self->value), "%.*s", (int)strcspn(line, "\r\n"),
                           line);
            return self->value;
        }
    }
    return NULL;
}

void response_done(response *self)
{
    free(self->body);
    *self = (response){0};
}
