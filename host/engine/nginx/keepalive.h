/* host/engine/nginx/keepalive.h - idle connections to nodes of upstreams, kept by each worker.
 *
 * nginx's own module has one pool for an upstream block, which all our upstreams share, and
 * compares socket addresses only. Here an upstream may have a pool of its own, and a connection is
 * used again for what it was made for alone: address, protocol, server name and certificate.
 */
#ifndef HOST_ENGINE_NGINX_KEEPALIVE_H
#define HOST_ENGINE_NGINX_KEEPALIVE_H

#include <ngx_config.h>
#include <ngx_core.h>

#include "host/core/map.h"
#include "host/core/upstream.h"

/** All pools of a worker. Zeroed memory, then hgh_nginx_keepalive_init(). */
typedef struct hgh_nginx_keepalive {
    hgh_map pools;       /* of upstreams that have one, while there is something in it */
    struct pool *common; /* of all others */
    ngx_queue_t spare;   /* records without a connection */
    hgh_hash_key secret; /* of this process: nobody can choose a host for its hash */
    hgh_keepalive own;   /* numbers of the gateway's pool, for upstreams without one */
} hgh_nginx_keepalive;

/** What a connection must be equal in to be used again. */
typedef struct hgh_nginx_kept_for {
    const hgh_keepalive *numbers; /* borrowed for the call */
    uint64_t identity;
    const struct sockaddr *address;
    socklen_t address_length;
} hgh_nginx_kept_for;

void hgh_nginx_keepalive_init(hgh_nginx_keepalive *keepalive);

/** An idle connection, which is the caller's then; NULL: there is none. */
ngx_connection_t *hgh_nginx_keepalive_take(hgh_nginx_keepalive *keepalive,
                                           const hgh_nginx_kept_for *what,
                                           ngx_log_t *log);

/** Keeps a connection that can be used again. False: it stays the caller's. */
bool hgh_nginx_keepalive_keep(hgh_nginx_keepalive *keepalive,
                              const hgh_nginx_kept_for *what,
                              ngx_connection_t *connection);

#endif
