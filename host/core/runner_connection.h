/* host/core/runner_connection.h - one connection to a plugin runner: whole frames, each in its
 * time.
 *
 * All that waits is called on the coroutine of the call that the connection is used for. Every
 * error says at which address it was. After one, a connection can only be closed.
 */
#ifndef HOST_CORE_RUNNER_CONNECTION_H
#define HOST_CORE_RUNNER_CONNECTION_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <hotgate/error.h>
#include <hotgate/text.h>

#include "host/core/wait.h"

/** Owned by who uses it, or by the pool while it is idle. */
typedef struct hgh_runner_connection {
    struct hgh_runner_connection *next; /* in the pool */
    const char *path;                   /* of the socket; borrowed from the client */
    int fd;
    pid_t process;    /* who listens there; 0: not known */
    bool is_reused;   /* it has carried another call before */
    bool is_answered; /* a byte came while it carried this one */
    bool is_broken;   /* the other end has closed it */
    uint64_t idle_since_ms;
    char *buffer; /* owned: what is being received */
    size_t room;
} hgh_runner_connection;

/** How long it is tried. */
typedef struct hgh_runner_patience {
    uint64_t connect_ms; /* the runner does not accept */
    uint64_t start_ms;   /* nobody listens there, or not yet; 0: that is a failure at once */
} hgh_runner_patience;

/**
 * Connects to a socket.
 *
 * path            of a Unix socket; borrowed as long as the connection.
 * out_connection  on HG_OK the caller's; else untouched.
 * Returns HG_OK, HG_ERR_IO, HG_ERR_TIMEOUT, HG_ERR_NO_MEMORY or HG_CANCELED.
 */
hg_status hgh_runner_connection_open(hgh_wait *wait,
                                     const char *path,
                                     const hgh_runner_patience *patience,
                                     hgh_runner_connection **out_connection,
                                     hg_error *err);

/** Closes and frees it. Accepts NULL. */
void hgh_runner_connection_close(hgh_runner_connection *connection);

/** False if the other end has closed it, or sent what nobody asked for. */
bool hgh_runner_connection_is_good(const hgh_runner_connection *connection);

/** Gives up memory that only large frames need. */
void hgh_runner_connection_rest(hgh_runner_connection *connection);

/** Sends a whole frame, in one write if the socket takes it. Each wait takes at most timeout_ms.
 * Returns HG_OK, HG_ERR_IO, HG_ERR_TIMEOUT or HG_CANCELED. */
hg_status hgh_runner_connection_send(hgh_wait *wait,
                                     hgh_runner_connection *connection,
                                     hg_text frame,
                                     uint64_t timeout_ms,
                                     hg_error *err);

/**
 * Receives a whole frame. Each wait for bytes takes at most timeout_ms.
 *
 * out_payload  borrowed from the connection until the next call with it.
 * Returns HG_OK; HG_ERR_INVALID: bytes follow that nobody has asked for; HG_ERR_IO, HG_ERR_TIMEOUT,
 * HG_ERR_NO_MEMORY or HG_CANCELED.
 */
hg_status hgh_runner_connection_receive(hgh_wait *wait,
                                        hgh_runner_connection *connection,
                                        uint64_t timeout_ms,
                                        uint32_t *out_type,
                                        hg_text *out_payload,
                                        hg_error *err);

#endif
