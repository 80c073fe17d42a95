/* host/runner/server.h - the socket that gateways connect to, and their connections. */
#ifndef HOST_RUNNER_SERVER_H
#define HOST_RUNNER_SERVER_H

#include "host/runner/session.h"

typedef struct hgh_server hgh_server;

#define HGH_SERVER_SCHEME "unix:"

/** The path in "unix:PATH". HG_OK, or HG_ERR_INVALID: err says what is wrong. */
hg_status hgh_server_path(const char *address, const char **out_path, hg_error *err);

/**
 * Listens there, for everybody who gets to the file. A file that is there is replaced if it is a
 * socket on which nobody listens.
 *
 * path        copied.
 * takes_over  also if somebody listens there: a gateway that reloads starts the next runner before
 *             it ends this one.
 * on_emptied  after hgh_server_stop(): the last connection has gone.
 * out_server  on HG_OK the caller's; else untouched.
 * Returns HG_OK, HG_ERR_INVALID (the path), HG_ERR_EXISTS (somebody listens there, or it is no
 * socket), HG_ERR_IO or HG_ERR_NO_MEMORY.
 */
hg_status hgh_server_open(hgh_serving *serving,
                          const char *path,
                          bool takes_over,
                          void (*on_emptied)(void *context),
                          void *context,
                          hgh_server **out_server,
                          hg_error *err);

/** Takes no connections any more, removes the file if it is still this server's, and lets each
 * connection end once its call is answered. */
void hgh_server_stop(hgh_server *server);

bool hgh_server_is_empty(const hgh_server *server);

/** Closes everything. Accepts NULL. */
void hgh_server_free(hgh_server *server);

#endif
