/* tests/bench/bench_echo.c - what a round trip over a Unix socket costs: the floor of any runner.
 *
 * usage: bench_echo CONNECTIONS SECONDS [BYTES]
 *
 * A process sends back what comes; this one has one message under way on each connection. Prints
 * round trips a second, and the median of their microseconds.
 */
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define CONNECTIONS_MAX 1024
#define BYTES_MAX       65536
#define BYTES           256 /* a call with a few headers, about */
#define TIMES_MAX       (1u << 22)

static int ends[CONNECTIONS_MAX][2]; /* ours, and the other process's */
static int64_t sent_us[CONNECTIONS_MAX];
static uint32_t times_us[TIMES_MAX];
static char bytes[BYTES_MAX];

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static int64_t now_us(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static int watch_all(int connections, int side)
{
    int loop = epoll_create1(EPOLL_CLOEXEC);

    for (int i = 0; i < connections; i++) {
        struct epoll_event event = {.events = EPOLLIN, .data.u32 = (uint32_t)i};

        if (epoll_ctl(loop, EPOLL_CTL_ADD, ends[i][side], &event) != 0) {
            die("epoll_ctl");
        }
    }
    return loop;
}

/** Sends back whatever comes, until it is killed. */
static void echo(int connections)
{
    struct epoll_event events[CONNECTIONS_MAX];
    int loop = watch_all(connections, 1);

    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (;;) {
        int count = epoll_wait(loop, events, CONNECTIONS_MAX, -1);

        for (int i = 0; i < count; i++) {
            int fd = ends[events[i].data.u32][1];
            ssize_t got = recv(fd, bytes, sizeof(bytes), 0);

            if (got <= 0 || send(fd, bytes, (size_t)got, MSG_NOSIGNAL) != got) {
                _exit(1);
            }
        }
    }
}

static void send_one(uint32_t connection, size_t length)
{
    sent_us[connection] = now_us();
    if (send(ends[connection][0], bytes, length, MSG_NOSIGNAL) != (ssize_t)length) {
        die("send");
    }
}

/** Keeps all connections busy; how many round trips there were. */
static size_t exchange(int connections, int64_t until_us, size_t length)
{
    struct epoll_event events[CONNECTIONS_MAX];
    int loop = watch_all(connections, 0);
    size_t trips = 0;

    for (int i = 0; i < connections; i++) {
        send_one((uint32_t)i, length);
    }
    while (now_us() < until_us) {
        int count = epoll_wait(loop, events, CONNECTIONS_MAX, 1000);

        for (int i = 0; i < count; i++) {
            uint32_t connection = events[i].data.u32;

            if (recv(ends[connection][0], bytes, length, MSG_WAITALL) != (ssize_t)length) {
                die("recv");
            }
            times_us[trips++ % TIMES_MAX] = (uint32_t)(now_us() - sent_us[connection]);
            send_one(connection, length);
        }
    }
    return trips;
}

/** Processor time of this process, or of its children that have ended. */
static double processor_us(int who)
{
    struct rusage used;

    (void)getrusage(who, &used);
    return (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1e6 +
           (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec);
}

static int compare(const void *a, const void *b)
{
    uint32_t left = *(const uint32_t *)a;
    uint32_t right = *(const uint32_t *)b;

    return (left > right) - (left < right);
}

int main(int count, char **arguments)
{
    int connections = count > 1 ? atoi(arguments[1]) : 0;
    int seconds = count > 2 ? atoi(arguments[2]) : 0;
    int length = count > 3 ? atoi(arguments[3]) : BYTES;
    size_t trips;
    size_t kept;
    double used_us;
    pid_t child;

    if (connections < 1 || connections > CONNECTIONS_MAX || seconds < 1 || length < 1 ||
        length > BYTES_MAX) {
        (void)fprintf(stderr, "usage: bench_echo CONNECTIONS SECONDS [BYTES]\n");
        return 2;
    }
    for (int i = 0; i < connections; i++) {
        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends[i]) != 0) {
            die("socketpair");
        }
    }
    child = fork();
    if (child == 0) {
        echo(connections);
    }
    trips = exchange(connections, now_us() + (int64_t)seconds * 1000000, (size_t)length);
    (void)kill(child, SIGKILL);
    (void)waitpid(child, NULL, 0);
    used_us = processor_us(RUSAGE_SELF) + processor_us(RUSAGE_CHILDREN);
    kept = trips < TIMES_MAX ? trips : TIMES_MAX;
    qsort(times_us, kept, sizeof(times_us[0]), compare);
    if (kept == 0) {
        (void)fprintf(stderr, "bench_echo: not one round trip\n");
        return 1;
    }
    (void)printf("%.0f %u %.2f\n", (double)trips / seconds, times_us[kept / 2],
                 used_us / (double)trips);
    return 0;
}
