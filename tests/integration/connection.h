/* tests/integration/connection.h - a client's connection: what is sent and read is under control.
 *
 * Nothing is repeated behind the caller's back: a test that says "the next request" means one. */
#ifndef TESTS_INTEGRATION_CONNECTION_H
#define TESTS_INTEGRATION_CONNECTION_H

#include <stdbool.h>
#include <stddef.h>

#include <hotgate/log.h>

#define RESPONSE_HEAD_MAX  16384u
#define RESPONSE_VALUE_MAX 2048u

/** One HTTP/1.1 connection to a port of 127.0.0.1. */
typedef struct connection {
    int fd; /* -1: closed */
    unsigned timeout_ms;
    size_t body_kept_max; /* bytes of a body that are kept; the rest is read and counted */
    bool is_ended;        /* the other side will not go on: a new one is needed */
    char error[200];      /* why the last call failed */
    char pending[65536];  /* read ahead */
    size_t pending_start;
    size_t pending_end;
} connection;

/** A response that was read whole. */
typedef struct response {
    int status;
    char head[RESPONSE_HEAD_MAX]; /* status line and headers, NUL-terminated */
    char *body;                   /* owned, NUL-terminated */
    size_t kept;                  /* bytes in body */
    size_t length;                /* bytes that came */
    unsigned long crc;            /* of all of them, as zlib's crc32() */
    char value[RESPONSE_VALUE_MAX];
} response;

/** Connects; false with the reason in `error`. */
bool connection_open(connection *self, unsigned port);

/** Accepts one that was never opened, or is closed. */
void connection_close(connection *self);

bool connection_send(connection *self, const void *data, size_t length);

/** Reads one response to its end. `head`: it answers a HEAD request and has no body. */
bool connection_receive(connection *self, bool head, response *out);

/** Reads what comes, at most `size` bytes; 0: the other side has closed, -1: an error. */
long connection_read(connection *self, void *into, size_t size);

/**
 * Sends a request and reads its response. Fails the test if that is not possible.
 *
 * headers  whole lines, each ended by CRLF; "" for none. Host is added.
 * body     NULL: none; else sent with its Content-Length.
 */
void connection_request(connection *self,
                        const char *method,
                        const char *target,
                        const char *headers,
                        const char *body,
                        response *out);

/** GET on a connection of its own. Fails the test if there is no response. */
void http_get(unsigned port, const char *target, const char *headers, response *out);

/** The value of a header, until the next call with this response; NULL: it is not there. */
const char *response_header(response *self, const char *name);

/** Frees the body; may be repeated. */
void response_done(response *self);

#endif
