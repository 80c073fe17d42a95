/* host/core/runner_connection.c - one connection to a plugin runner: whole frames, each in its
 * time.
 */
#include "host/core/runner_connection.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <hotgate/wait.h>

#include "host/core/a6.h"
#include "host/core/plugin.h"

#define BUFFER_BYTES 8192u       /* most frames fit */
#define REST_BYTES   (64u << 10) /* kept with an idle connection */
#define PAUSE_MS     10u         /* before it is tried again to connect */

/* ------------------------------------------------------------------------------- connecting */

static hg_status
wait_failed(hg_status status, const char *path, const char *what, uint64_t ms, hg_error *err)
{
    if (status == HG_ERR_TIMEOUT) {
        return hg_error_set(err, status, "unix:%s: %s within %llu ms", path, what,
                            (unsigned long long)ms);
    }
    return hg_error_set(err, status, "unix:%s: %s", path,
                        status == HG_CANCELED ? "the client has gone"
                        : status == HG_ERR_IO ? "no connection of the worker is free "
                                                "(worker_connections)"
                                              : "out of memory");
}

/* Returns 0 or an errno. */
static int connect_once(int fd, const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    if (strlen(path) >= sizeof(address.sun_path)) {
        return ENAMETOOLONG;
    }
    strcpy(address.sun_path, path);
    return connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0 ? 0 : errno;
}

/* How long it is worth to go on after that error. */
static uint64_t patience_for(int error, const hgh_runner_patience *patience)
{
    switch (error) {
    case EAGAIN: /* its queue is full: a Unix socket is not waited for otherwise */
        return patience->connect_ms;
    case ENOENT:
    case ECONNREFUSED:
        return patience->start_ms;
    default:
        return 0;
    }
}

/* Leaves a connected descriptor, or -1. */
static hg_status connect_patiently(hgh_wait *wait,
                                   const char *path,
                                   const hgh_runner_patience *patience,
                                   int *out_fd,
                                   hg_error *err)
{
    const hgh_engine *engine = wait->owner->plugin_host(wait)->engine;
    uint64_t began_ms = engine->now_ms();

    for (;;) {
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        int error = fd < 0 ? errno : connect_once(fd, path);
        uint64_t most_ms = patience_for(error, patience);
        hg_status status;

        if (error == 0) {
            *out_fd = fd;
            return HG_OK;
        }
        if (fd >= 0) {
            (void)close(fd);
        }
        if (engine->now_ms() - began_ms >= most_ms) {
            return error == EAGAIN
                       ? wait_failed(HG_ERR_TIMEOUT, path, "it accepts no connection", most_ms, err)
                       : hg_error_set(err, HG_ERR_IO, "unix:%s: connect: %s", path,
                                      strerror(error));
        }
        status = hgh_wait_sleep(wait, PAUSE_MS);
        if (status != HG_OK) {
            return wait_failed(status, path, "", 0, err);
        }
    }
}

static pid_t process_of(int fd)
{
    struct ucred other = {0};
    socklen_t size = sizeof(other);

    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &other, &size) == 0 ? other.pid : 0;
}

hg_status hgh_runner_connection_open(hgh_wait *wait,
                                     const char *path,
                                     const hgh_runner_patience *patience,
                                     hgh_runner_connection **out_connection,
                                     hg_error *err)
{
    hgh_runner_connection *connection = calloc(1, sizeof(*connection));
    hg_status status;

    if (connection == NULL) {
        return wait_failed(HG_ERR_NO_MEMORY, path, "", 0, err);
    }
    *connection = (hgh_runner_connection){.path = path, .fd = -1};
    status = connect_patiently(wait, path, patience, &connection->fd, err);
    if (status != HG_OK) {
        hgh_runner_connection_close(connection);
        return status;
    }
    connection->process = process_of(connection->fd);
    *out_connection = connection;
    return HG_OK;
}

void hgh_runner_connection_close(hgh_runner_connection *connection)
{
    if (connection == NULL) {
        return;
    }
    if (connection->fd >= 0) {
        (void)close(connection->fd);
    }
    free(connection->buffer);
    free(connection);
}

bool hgh_runner_connection_is_good(const hgh_runner_connection *connection)
{
    char byte;

    return recv(connection->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && errno == EAGAIN;
}

void hgh_runner_connection_rest(hgh_runner_connection *connection)
{
    if (connection->room > REST_BYTES) {
        free(connection->buffer);
        connection->buffer = NULL;
        connection->room = 0;
    }
}

/* ------------------------------------------------------------------------------------ frames */

hg_status hgh_runner_connection_send(hgh_wait *wait,
                                     hgh_runner_connection *connection,
                                     hg_text frame,
                                     uint64_t timeout_ms,
                                     hg_error *err)
{
    while (frame.length > 0) {
        ssize_t sent = send(connection->fd, frame.data, frame.length, MSG_NOSIGNAL | MSG_DONTWAIT);

        if (sent >= 0) {
            frame.data += sent;
            frame.length -= (size_t)sent;
        } else if (errno == EAGAIN) {
            hg_status status =
                hgh_wait_descriptor(wait, connection->fd, HG_WAIT_WRITABLE, timeout_ms);

            if (status != HG_OK) {
                return wait_failed(status, connection->path, "it does not take a message",
                                   timeout_ms, err);
            }
        } else if (errno != EINTR) {
            connection->is_broken = true;
            return hg_error_set(err, HG_ERR_IO, "unix:%s: send: %s", connection->path,
                                strerror(errno));
        }
    }
    return HG_OK;
}

/* Room for so many bytes in all. */
static bool buffer_reserve(hgh_runner_connection *connection, size_t wanted)
{
    char *larger;

    if (connection->room >= wanted) {
        return true;
    }
    larger = realloc(connection->buffer, wanted);
    if (larger == NULL) {
        return false;
    }
    connection->buffer = larger;
    connection->room = wanted;
    return true;
}

/* Some bytes behind the `have` that are there. */
static hg_status receive_some(hgh_wait *wait,
                              hgh_runner_connection *connection,
                              uint64_t timeout_ms,
                              size_t *have,
                              hg_error *err)
{
    for (;;) {
        ssize_t got = recv(connection->fd, connection->buffer + *have, connection->room - *have,
                           MSG_DONTWAIT);

        if (got > 0) {
            connection->is_answered = true;
            *have += (size_t)got;
            return HG_OK;
        }
        if (got == 0) {
            connection->is_broken = true;
            return hg_error_set(err, HG_ERR_IO, "unix:%s: the runner has closed the connection%s",
                                connection->path, *have > 0 ? " within a message" : "");
        }
        if (errno == EAGAIN) {
            hg_status status =
                hgh_wait_descriptor(wait, connection->fd, HG_WAIT_READABLE, timeout_ms);

            if (status != HG_OK) {
                return wait_failed(status, connection->path, "no answer", timeout_ms, err);
            }
        } else if (errno != EINTR) {
            connection->is_broken = true;
            return hg_error_set(err, HG_ERR_IO, "unix:%s: receive: %s", connection->path,
                                strerror(errno));
        }
    }
}

hg_status hgh_runner_connection_receive(hgh_wait *wait,
                                        hgh_runner_connection *connection,
                                        uint64_t timeout_ms,
                                        uint32_t *out_type,
                                        hg_text *out_payload,
                                        hg_error *err)
{
    size_t have = 0;
    size_t wanted = HGH_A6_HEADER_BYTES;
    uint32_t type = 0;
    size_t length = 0;

    if (!buffer_reserve(connection, BUFFER_BYTES)) {
        return wait_failed(HG_ERR_NO_MEMORY, connection->path, "", 0, err);
    }
    while (have < wanted) {
        hg_status status = receive_some(wait, connection, timeout_ms, &have, err);

        if (status != HG_OK) {
            return status;
        }
        if (wanted == HGH_A6_HEADER_BYTES && have >= wanted) {
            hgh_a6_header_read((const unsigned char *)connection->buffer, &type, &length);
            wanted += length;
            if (!buffer_reserve(connection, wanted)) {
                return wait_failed(HG_ERR_NO_MEMORY, connection->path, "", 0, err);
            }
        }
    }
    if (have > wanted) {
        return hg_error_set(err, HG_ERR_INVALID,
                            "unix:%s: %zu bytes follow a message, wanted none before the next "
                            "question",
                            connection->path, have - wanted);
    }
    *out_type = type;
    *out_payload = (hg_text){connection->buffer + HGH_A6_HEADER_BYTES, length};
    return HG_OK;
}
