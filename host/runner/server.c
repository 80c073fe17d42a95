/* host/runner/server.c - the socket that gateways connect to, and their connections. */
#include "host/runner/server.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "host/runner/log.h"

#define BACKLOG        511
#define SOCKET_MODE    0766u /* a gateway's workers are other users than who starts a runner */
#define ACCEPTS_A_TURN 64u
#define PAUSE_MS       100u /* without a free descriptor: until one is closed, perhaps */

typedef struct connected {
    struct connected *next;
    struct connected **at;
    hgh_server *server;
    hgh_session *session;
} connected;

struct hgh_server {
    hgh_serving *serving;
    int fd; /* -1: it does not listen any more */
    char *path;
    dev_t device; /* of the file that it has made, as the next */
    ino_t inode;
    connected *sessions;
    bool is_stopped;
    void (*on_emptied)(void *context);
    void *context;
    hgh_event_loop_timer pause;
};

static void on_connections(void *context, uint32_t events);

/* ---------------------------------------------------------------------------------- listen */

hg_status hgh_server_path(const char *address, const char **out_path, hg_error *err)
{
    const size_t prefix = strlen(HGH_SERVER_SCHEME);
    const size_t room = sizeof(((struct sockaddr_un *)NULL)->sun_path);

    if (strncmp(address, HGH_SERVER_SCHEME, prefix) != 0 || address[prefix] == '\0') {
        return hg_error_set(err, HG_ERR_INVALID,
                            "the address to listen on: found \"%.200s\", wanted unix:PATH",
                            address);
    }
    if (strlen(address + prefix) >= room) {
        return hg_error_set(err, HG_ERR_INVALID,
                            "the address to listen on: found a path of %zu bytes, wanted at most "
                            "%zu: %.200s",
                            strlen(address + prefix), room - 1, address + prefix);
    }
    *out_path = address + prefix;
    return HG_OK;
}

static hg_status failure(const char *path, const char *what, hg_error *err)
{
    return hg_error_set(err, HG_ERR_IO, "%s: %s: %s", path, what, strerror(errno));
}

/* HG_OK if its server has died. */
static hg_status stale_check(const struct sockaddr_un *address, hg_error *err)
{
    const char *path = address->sun_path;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int connected_errno;

    if (fd < 0) {
        return failure(path, "cannot listen there", err);
    }
    connected_errno =
        connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0 ? 0 : errno;
    (void)close(fd);
    return connected_errno == ECONNREFUSED
               ? HG_OK
               : hg_error_set(err, HG_ERR_EXISTS, "%s: %s", path,
                              connected_errno == 0 || connected_errno == EAGAIN
                                  ? "somebody listens there already"
                                  : strerror(connected_errno));
}

/* Makes way: removes a socket whose server has died, or whose place is to be taken. */
static hg_status way_make(const struct sockaddr_un *address, bool takes_over, hg_error *err)
{
    const char *path = address->sun_path;
    struct stat info;
    hg_status status;

    if (lstat(path, &info) != 0) {
        return errno == ENOENT ? HG_OK : failure(path, "cannot listen there", err);
    }
    if (!S_ISSOCK(info.st_mode)) {
        return hg_error_set(err, HG_ERR_EXISTS, "%s: there is a file that is no socket", path);
    }
    status = takes_over ? HG_OK : stale_check(address, err);
    if (status != HG_OK) {
        return status;
    }
    return unlink(path) == 0 || errno == ENOENT ? HG_OK : failure(path, "cannot be replaced", err);
}

static hg_status listen_there(hgh_server *server, bool takes_over, hg_error *err)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct stat info;
    hg_status status;

    (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", server->path);
    status = way_make(&address, takes_over, err);
    if (status != HG_OK) {
        return status;
    }
    server->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (server->fd < 0 ||
        bind(server->fd, (const struct sockaddr *)&address, sizeof(address)) != 0) {
        return failure(server->path, "cannot listen there", err);
    }
    if (lstat(server->path, &info) != 0) {
        return failure(server->path, "cannot listen there", err);
    }
    server->device = info.st_dev;
    server->inode = info.st_ino;
    if (chmod(server->path, SOCKET_MODE) != 0 || listen(server->fd, BACKLOG) != 0) {
        return failure(server->path, "cannot listen there", err);
    }
    return hgh_event_loop_watch(server->serving->loop, server->fd, EPOLLIN, on_connections, server,
                                err);
}

hg_status hgh_server_open(hgh_serving *serving,
                          const char *path,
                          bool takes_over,
                          void (*on_emptied)(void *context),
                          void *context,
                          hgh_server **out_server,
                          hg_error *err)
{
    hgh_server *server = calloc(1, sizeof(*server));
    hg_status status;

    if (server == NULL) {
        return hg_error_set(err, HG_ERR_NO_MEMORY, "out of memory");
    }
    server->serving = serving;
    server->fd = -1;
    server->on_emptied = on_emptied;
    server->context = context;
    server->path = strdup(path);
    status = server->path == NULL ? hg_error_set(err, HG_ERR_NO_MEMORY, "out of memory")
                                  : listen_there(server, takes_over, err);
    if (status != HG_OK) {
        hgh_server_free(server);
        return status;
    }
    *out_server = server;
    return HG_OK;
}

/* ----------------------------------------------------------------------------- connections */

static void session_ended(void *context, hgh_session *session)
{
    connected *entry = context;
    hgh_server *server = entry->server;

    (void)session; /* frees itself */
    *entry->at = entry->next;
    if (entry->next != NULL) {
        entry->next->at = entry->at;
    }
    free(entry);
    if (server->is_stopped && server->sessions == NULL) {
        server->on_emptied(server->context);
    }
}

static void session_begin(hgh_server *server, int fd)
{
    connected *entry = calloc(1, sizeof(*entry));

    if (entry == NULL) {
        (void)close(fd);
        return;
    }
    entry->server = server;
    entry->session = hgh_session_new(server->serving, fd, session_ended, entry);
    if (entry->session == NULL) {
        free(entry);
        return;
    }
    entry->at = &server->sessions;
    entry->next = server->sessions;
    if (entry->next != NULL) {
        entry->next->at = &entry->next;
    }
    server->sessions = entry;
}

static void accept_again(void *context)
{
    hgh_server *server = context;

    (void)hgh_event_loop_watch(server->serving->loop, server->fd, EPOLLIN, on_connections, server,
                               NULL); /* it was watched before */
}

static void on_connections(void *context, uint32_t events)
{
    hgh_server *server = context;

    (void)events;
    for (unsigned i = 0; i < ACCEPTS_A_TURN; i++) {
        int fd = accept4(server->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

        if (fd >= 0) {
            session_begin(server, fd);
        } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            hgh_runner_log(HG_LOG_ERROR, "%s: a connection cannot be taken: %s", server->path,
                           strerror(errno));
            hgh_event_loop_unwatch(server->serving->loop, server->fd);
            hgh_event_loop_timer_start(server->serving->loop, &server->pause, PAUSE_MS,
                                       accept_again, server);
            return;
        } else if (errno == EAGAIN) {
            return;
        }
    }
}

/* ------------------------------------------------------------------------------------- end */

/* Another runner may listen at the same path by now: its file stays. */
static void file_remove(const hgh_server *server)
{
    struct stat info;

    if (server->inode != 0 && lstat(server->path, &info) == 0 && info.st_dev == server->device &&
        info.st_ino == server->inode) {
        (void)unlink(server->path); /* gone meanwhile: just as well */
    }
}

static void listening_end(hgh_server *server)
{
    if (server->fd < 0) {
        return;
    }
    hgh_event_loop_timer_stop(server->serving->loop, &server->pause);
    hgh_event_loop_unwatch(server->serving->loop, server->fd);
    file_remove(server);
    (void)close(server->fd);
    server->fd = -1;
}

void hgh_server_stop(hgh_server *server)
{
    listening_end(server);
    server->is_stopped = true;
    for (connected *entry = server->sessions; entry != NULL; entry = entry->next) {
        hgh_session_finish(entry->session);
    }
}

bool hgh_server_is_empty(const hgh_server *server)
{
    return server->sessions == NULL;
}

void hgh_server_free(hgh_server *server)
{
    if (server == NULL) {
        return;
    }
    listening_end(server);
    while (server->sessions != NULL) {
        connected *entry = server->sessions;

        server->sessions = entry->next;
        hgh_session_free(entry->session);
        free(entry);
    }
    free(server->path);
    free(server);
}
