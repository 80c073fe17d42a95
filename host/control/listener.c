/* host/control/listener.c - a socket that listens. */
#include "host/control/listener.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define BACKLOG  511 /* nginx's own on Linux: it would change another one */
#define PAUSE_MS 20

typedef union address {
    struct sockaddr any;
    struct sockaddr_in ipv4;
    struct sockaddr_in6 ipv6;
} address;

const char *hgh_listener_text(const hgh_listen *listen, char text[HGH_LISTENER_TEXT_MAX])
{
    bool is_ipv6 = strchr(listen->address, ':') != NULL;

    (void)snprintf(text, HGH_LISTENER_TEXT_MAX, "%s%s%s:%u", is_ipv6 ? "[" : "", listen->address,
                   is_ipv6 ? "]" : "", (unsigned)listen->port);
    return text;
}

static socklen_t make_address(const hgh_listen *listen, address *out)
{
    memset(out, 0, sizeof(*out));
    if (inet_pton(AF_INET6, listen->address, &out->ipv6.sin6_addr) == 1) {
        out->ipv6.sin6_family = AF_INET6;
        out->ipv6.sin6_port = htons(listen->port);
        return sizeof(out->ipv6);
    }
    memset(out, 0, sizeof(*out));
    if (inet_pton(AF_INET, listen->address, &out->ipv4.sin_addr) == 1) {
        out->ipv4.sin_family = AF_INET;
        out->ipv4.sin_port = htons(listen->port);
        return sizeof(out->ipv4);
    }
    return 0;
}

/* 0 or an errno. */
static int try_once(const address *where, socklen_t length, int *out_fd)
{
    int on = 1;
    int error;
    int fd = socket(where->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0) {
        return errno;
    }
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0 &&
        (where->any.sa_family != AF_INET6 ||
         setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) == 0) &&
        bind(fd, &where->any, length) == 0 && listen(fd, BACKLOG) == 0) {
        *out_fd = fd;
        return 0;
    }
    error = errno;
    (void)close(fd);
    return error;
}

hg_status hgh_listener_open(const hgh_listen *listen, int64_t wait_ms, int *out_fd, hg_error *err)
{
    static const struct timespec pause = {.tv_nsec = PAUSE_MS * 1000000};
    char text[HGH_LISTENER_TEXT_MAX];
    address where;
    socklen_t length = make_address(listen, &where);
    int error = length == 0 ? EAFNOSUPPORT : try_once(&where, length, out_fd);

    while (error == EADDRINUSE && wait_ms > 0) {
        (void)nanosleep(&pause, NULL);
        wait_ms -= PAUSE_MS;
        error = try_once(&where, length, out_fd);
    }
    if (error == 0) {
        return HG_OK;
    }
    return hg_error_set(err, error == EADDRINUSE ? HG_ERR_EXISTS : HG_ERR_IO,
                        "cannot listen on %s: %s", hgh_listener_text(listen, text),
                        strerror(error));
}
