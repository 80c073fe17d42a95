/* host/engine/nginx/keepalive.c - idle connections to nodes of upstreams, kept by each worker. */
#include "host/engine/nginx/keepalive.h"

#include <ngx_event.h>

#define AGE_MAX_MS 3600000u /* as nginx's keepalive_time: a connection is not used for ever */

/* Idle connections of one upstream, the one used last in front. */
typedef struct pool {
    hgh_map_node node;
    hgh_nginx_keepalive *owner;
    ngx_queue_t idle;
    uint32_t count;
    uint64_t key;
} pool;

typedef struct kept {
    ngx_queue_t queue;
    pool *pool;
    ngx_connection_t *connection;
    uint64_t identity;
    socklen_t address_length;
    unsigned char address[sizeof(struct sockaddr_in6)];
} kept;

void hgh_nginx_keepalive_init(hgh_nginx_keepalive *keepalive)
{
    hgh_map_init(&keepalive->pools);
    ngx_queue_init(&keepalive->spare);
    hgh_hash_key_init(&keepalive->secret);
}

static pool *pool_find(const hgh_nginx_keepalive *keepalive, uint64_t key)
{
    hgh_map_node *node;

    if (key == 0) {
        return keepalive->common;
    }
    node = hgh_map_find(&keepalive->pools, (hg_text){(const char *)&key, sizeof(key)});

    return node == NULL ? NULL : HGH_CONTAINER_OF(node, pool, node);
}

static pool *pool_find_or_make(hgh_nginx_keepalive *keepalive, uint64_t key)
{
    pool *found = pool_find(keepalive, key);

    if (found != NULL) {
        return found;
    }
    found = ngx_calloc(sizeof(*found), ngx_cycle->log);
    if (found == NULL) {
        return NULL;
    }
    found->owner = keepalive;
    found->key = key;
    found->node.key = (hg_text){(const char *)&found->key, sizeof(found->key)};
    ngx_queue_init(&found->idle);
    if (key == 0) {
        keepalive->common = found;
    } else if (hgh_map_add(&keepalive->pools, &found->node) != HG_OK) {
        ngx_free(found);
        return NULL;
    }
    return found;
}

/* Takes a connection out of its pool, which goes if it was the last one. */
static ngx_connection_t *kept_release(kept *item)
{
    ngx_connection_t *connection = item->connection;
    pool *from = item->pool;

    ngx_queue_remove(&item->queue);
    from->count--;
    ngx_queue_insert_head(&from->owner->spare, &item->queue);
    if (from->count == 0 && from->key != 0) {
        hgh_map_remove(&from->owner->pools, &from->node);
        ngx_free(from);
    }
    return connection;
}

static void connection_end(ngx_connection_t *connection)
{
#if (NGX_HTTP_SSL)
    if (connection->ssl != NULL) {
        connection->ssl->no_wait_shutdown = 1;
        connection->ssl->no_send_shutdown = 1;
        if (ngx_ssl_shutdown(connection) == NGX_AGAIN) {
            connection->ssl->handler = connection_end;
            return;
        }
    }
#endif
    ngx_destroy_pool(connection->pool);
    ngx_close_connection(connection);
}

static bool is_equal(const kept *item, const hgh_nginx_kept_for *what)
{
    return item->identity == what->identity && item->address_length == what->address_length &&
           ngx_memcmp(item->address, what->address, item->address_length) == 0;
}

ngx_connection_t *hgh_nginx_keepalive_take(hgh_nginx_keepalive *keepalive,
                                           const hgh_nginx_kept_for *what,
                                           ngx_log_t *log)
{
    const pool *from = pool_find(keepalive, what->numbers->key);
    ngx_connection_t *connection;
    kept *item = NULL;

    for (ngx_queue_t *at = from == NULL ? NULL : ngx_queue_head(&from->idle);
         at != NULL && at != ngx_queue_sentinel(&from->idle); at = ngx_queue_next(at)) {
        item = ngx_queue_data(at, kept, queue);
        if (is_equal(item, what)) {
            break;
        }
        item = NULL;
    }
    if (item == NULL) {
        return NULL;
    }
    connection = kept_release(item);
    connection->idle = 0;
    connection->sent = 0;
    connection->data = NULL;
    connection->log = log;
    connection->read->log = log;
    connection->write->log = log;
    connection->pool->log = log;
    if (connection->read->timer_set) {
        ngx_del_timer(connection->read);
    }
    return connection;
}

static void idle_write(ngx_event_t *event)
{
    (void)event; /* nothing is written to an idle connection */
}

/* The node has closed it, its time is over, or the worker is to end. */
static void idle_read(ngx_event_t *event)
{
    ngx_connection_t *connection = event->data;
    char byte;

    if (!connection->close && !event->timedout && recv(connection->fd, &byte, 1, MSG_PEEK) == -1 &&
        ngx_socket_errno == NGX_EAGAIN) {
        event->ready = 0;
        if (ngx_handle_read_event(event, 0) == NGX_OK) {
            return;
        }
    }
    connection_end(kept_release(connection->data));
}

static bool is_worn_out(const ngx_connection_t *connection, const hgh_keepalive *numbers)
{
    return connection->requests >= numbers->requests ||
           ngx_current_msec - connection->start_time > AGE_MAX_MS;
}

static kept *kept_new(hgh_nginx_keepalive *keepalive)
{
    ngx_queue_t *first = ngx_queue_head(&keepalive->spare);

    if (first == ngx_queue_sentinel(&keepalive->spare)) {
        return ngx_alloc(sizeof(kept), ngx_cycle->log);
    }
    ngx_queue_remove(first);
    return ngx_queue_data(first, kept, queue);
}

bool hgh_nginx_keepalive_keep(hgh_nginx_keepalive *keepalive,
                              const hgh_nginx_kept_for *what,
                              ngx_connection_t *connection)
{
    pool *into;
    kept *item;

    if (is_worn_out(connection, what->numbers) || what->address_length > sizeof(item->address) ||
        ngx_handle_read_event(connection->read, 0) != NGX_OK) {
        return false;
    }
    into = pool_find_or_make(keepalive, what->numbers->key);
    item = into == NULL ? NULL : kept_new(keepalive);
    if (item == NULL) {
        return false; /* an empty pool is used by the next one */
    }
    item->pool = into;
    item->connection = connection;
    item->identity = what->identity;
    item->address_length = what->address_length;
    ngx_memcpy(item->address, what->address, what->address_length);
    ngx_queue_insert_head(&into->idle, &item->queue);
    into->count++;
    connection->read->delayed = 0;
    /* Without a time of its own it ends with its age: nobody may ever ask for it again. */
    ngx_add_timer(connection->read, what->numbers->idle_timeout_ms > 0
                                        ? (ngx_msec_t)what->numbers->idle_timeout_ms
                                        : AGE_MAX_MS);
    if (connection->write->timer_set) {
        ngx_del_timer(connection->write);
    }
    connection->read->handler = idle_read;
    connection->write->handler = idle_write;
    connection->data = item;
    connection->idle = 1;
    connection->log = ngx_cycle->log;
    connection->read->log = ngx_cycle->log;
    connection->write->log = ngx_cycle->log;
    connection->pool->log = ngx_cycle->log;
    while (into->count > what->numbers->size) { /* never the last: the size is 1 at least */
        connection_end(kept_release(ngx_queue_data(ngx_queue_last(&into->idle), kept, queue)));
    }
    if (connection->read->ready) {
        idle_read(connection->read); /* what has come is its end */
    }
    return true;
}
