/* host/core/event_loop.c - the loop of a single thread: descriptors, timers, signals. */
#include "host/core/event_loop.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#define EVENTS_A_TURN  64
#define SIGNALS_MAX    64  /* Linux's: 1 to 64 */
#define WATCHES_FIRST  64u /* entries: grown by doubling */
#define WAIT_MAX_MS    60000u
#define GENERATION_BIT 32u /* of an epoll event's data: the descriptor lies below */

/* What is asked about one descriptor; the index is its number. */
typedef struct watch {
    hgh_event_loop_on_ready call; /* NULL: not watched */
    void *context;
    uint32_t generation; /* tells a reused descriptor from the one an event was about */
} watch;

typedef struct signal_call {
    hgh_event_loop_on_signal call;
    void *context;
} signal_call;

struct hgh_event_loop {
    int epoll;
    int signals; /* signalfd; -1 until the first signal is asked for */
    bool is_stopped;
    sigset_t signal_set;
    signal_call signal_calls[SIGNALS_MAX + 1];
    size_t watch_count;
    watch *watches;              /* owned */
    hgh_event_loop_timer timers; /* ring in order of due_ms; the head is no timer */
    hgh_event_loop_timer deferred;
};

static void ring_init(hgh_event_loop_timer *head)
{
    head->next = head;
    head->previous = head;
}

static void ring_insert_before(hgh_event_loop_timer *position, hgh_event_loop_timer *timer)
{
    timer->next = position;
    timer->previous = position->previous;
    position->previous->next = timer;
    position->previous = timer;
    timer->is_waiting = true;
}

static void ring_remove(hgh_event_loop_timer *timer)
{
    timer->previous->next = timer->next;
    timer->next->previous = timer->previous;
    timer->is_waiting = false;
}

uint64_t hgh_event_loop_now_ms(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now); /* cannot fail with this clock */
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

hg_status hgh_event_loop_new(hgh_event_loop **out_loop, hg_error *err)
{
    hgh_event_loop *loop = calloc(1, sizeof(*loop));

    if (loop == NULL) {
        return hg_error_set(err, HG_ERR_NO_MEMORY, "event loop: out of memory");
    }
    loop->signals = -1;
    (void)sigemptyset(&loop->signal_set);
    ring_init(&loop->timers);
    ring_init(&loop->deferred);
    loop->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (loop->epoll < 0) {
        hg_status status = hg_error_set(err, HG_ERR_IO, "event loop: %s", strerror(errno));

        free(loop);
        return status;
    }
    *out_loop = loop;
    return HG_OK;
}

void hgh_event_loop_free(hgh_event_loop *loop)
{
    if (loop == NULL) {
        return;
    }
    if (loop->signals >= 0) {
        (void)close(loop->signals);
    }
    (void)close(loop->epoll);
    free(loop->watches);
    free(loop);
}

static hg_status watches_reach(hgh_event_loop *loop, size_t index, hg_error *err)
{
    size_t count = loop->watch_count == 0 ? WATCHES_FIRST : loop->watch_count;
    watch *grown;

    if (index < loop->watch_count) {
        return HG_OK;
    }
    while (count <= index) {
        count *= 2;
    }
    grown = realloc(loop->watches, count * sizeof(*grown));
    if (grown == NULL) {
        return hg_error_set(err, HG_ERR_NO_MEMORY, "event loop: out of memory");
    }
    memset(grown + loop->watch_count, 0, (count - loop->watch_count) * sizeof(*grown));
    loop->watches = grown;
    loop->watch_count = count;
    return HG_OK;
}

hg_status hgh_event_loop_watch(hgh_event_loop *loop,
                               int fd,
                               uint32_t events,
                               hgh_event_loop_on_ready call,
                               void *context,
                               hg_error *err)
{
    hg_status status = watches_reach(loop, (size_t)fd, err);
    struct epoll_event event = {.events = events};
    watch *entry;
    int operation;

    if (status != HG_OK) {
        return status;
    }
    entry = &loop->watches[fd];
    operation = entry->call == NULL ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;
    event.data.u64 = (uint64_t)(entry->generation + 1) << GENERATION_BIT | (uint32_t)fd;
    if (epoll_ctl(loop->epoll, operation, fd, &event) != 0) {
        return hg_error_set(err, HG_ERR_IO, "watching descriptor %d: %s", fd, strerror(errno));
    }
    entry->generation++;
    entry->call = call;
    entry->context = context;
    return HG_OK;
}

void hgh_event_loop_unwatch(hgh_event_loop *loop, int fd)
{
    if (fd < 0 || (size_t)fd >= loop->watch_count || loop->watches[fd].call == NULL) {
        return;
    }
    loop->watches[fd].call = NULL;
    (void)epoll_ctl(loop->epoll, EPOLL_CTL_DEL, fd, NULL); /* closed already: gone by itself */
}

void hgh_event_loop_timer_start(hgh_event_loop *loop,
                                hgh_event_loop_timer *timer,
                                uint64_t after_ms,
                                hgh_event_loop_on_time call,
                                void *context)
{
    hgh_event_loop_timer *position;

    hgh_event_loop_timer_stop(loop, timer);
    timer->due_ms = hgh_event_loop_now_ms() + after_ms;
    timer->call = call;
    timer->context = context;
    position = loop->timers.previous;
    while (position != &loop->timers && position->due_ms > timer->due_ms) {
        position = position->previous;
    }
    ring_insert_before(position->next, timer);
}

void hgh_event_loop_timer_stop(hgh_event_loop *loop, hgh_event_loop_timer *timer)
{
    (void)loop; /* the ring knows itself */
    if (timer->is_waiting) {
        ring_remove(timer);
    }
}

void hgh_event_loop_defer(hgh_event_loop *loop,
                          hgh_event_loop_timer *timer,
                          hgh_event_loop_on_time call,
                          void *context)
{
    hgh_event_loop_timer_stop(loop, timer);
    timer->call = call;
    timer->context = context;
    ring_insert_before(&loop->deferred, timer);
}

static void on_signals(void *context, uint32_t events)
{
    hgh_event_loop *loop = context;
    struct signalfd_siginfo info;

    (void)events;
    while (read(loop->signals, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
        if (info.ssi_signo <= SIGNALS_MAX && loop->signal_calls[info.ssi_signo].call != NULL) {
            const signal_call *entry = &loop->signal_calls[info.ssi_signo];

            entry->call(entry->context, (int)info.ssi_signo);
        }
    }
}

hg_status hgh_event_loop_signal(
    hgh_event_loop *loop, int number, hgh_event_loop_on_signal call, void *context, hg_error *err)
{
    bool is_first = loop->signals < 0;

    if (number < 1 || number > SIGNALS_MAX) {
        return hg_error_set(err, HG_ERR_IO, "signal %d: wanted 1 to %d", number, SIGNALS_MAX);
    }
    (void)sigaddset(&loop->signal_set, number);
    if (sigprocmask(SIG_BLOCK, &loop->signal_set, NULL) != 0) {
        return hg_error_set(err, HG_ERR_IO, "signal %d: %s", number, strerror(errno));
    }
    loop->signals = signalfd(loop->signals, &loop->signal_set, SFD_NONBLOCK | SFD_CLOEXEC);
    if (loop->signals < 0) {
        return hg_error_set(err, HG_ERR_IO, "signal %d: %s", number, strerror(errno));
    }
    loop->signal_calls[number] = (signal_call){.call = call, .context = context};
    return is_first ? hgh_event_loop_watch(loop, loop->signals, EPOLLIN, on_signals, loop, err)
                    : HG_OK;
}

static void timers_run(hgh_event_loop *loop)
{
    uint64_t now_ms = hgh_event_loop_now_ms();

    /* A callback may start a timer of 0 ms: it is due at `now_ms` or later and waits a turn at
     * most, since the clock is not read again here. */
    while (!loop->is_stopped && loop->timers.next != &loop->timers &&
           loop->timers.next->due_ms <= now_ms) {
        hgh_event_loop_timer *timer = loop->timers.next;

        ring_remove(timer);
        timer->call(timer->context);
    }
}

/* Those deferred by a deferred call run in the next turn: the loop cannot starve. */
static void deferred_run(hgh_event_loop *loop)
{
    hgh_event_loop_timer turn;

    if (loop->deferred.next == &loop->deferred) {
        return;
    }
    turn.next = loop->deferred.next;
    turn.previous = loop->deferred.previous;
    turn.next->previous = &turn;
    turn.previous->next = &turn;
    ring_init(&loop->deferred);
    while (turn.next != &turn) {
        hgh_event_loop_timer *task = turn.next;

        ring_remove(task);
        task->call(task->context);
    }
}

static int wait_ms(const hgh_event_loop *loop)
{
    uint64_t now_ms;
    uint64_t due_ms;

    if (loop->deferred.next != &loop->deferred) {
        return 0;
    }
    if (loop->timers.next == &loop->timers) {
        return -1;
    }
    now_ms = hgh_event_loop_now_ms();
    due_ms = loop->timers.next->due_ms;
    if (due_ms <= now_ms) {
        return 0;
    }
    return (int)(due_ms - now_ms < WAIT_MAX_MS ? due_ms - now_ms : WAIT_MAX_MS);
}

static void events_run(hgh_event_loop *loop, const struct epoll_event *events, int count)
{
    for (int i = 0; i < count && !loop->is_stopped; i++) {
        size_t fd = (uint32_t)events[i].data.u64;
        const watch *entry = &loop->watches[fd];

        /* An earlier callback of this turn may have unwatched it, or closed and reused it. */
        if (entry->call != NULL &&
            entry->generation == (uint32_t)(events[i].data.u64 >> GENERATION_BIT)) {
            entry->call(entry->context, events[i].events);
        }
    }
}

hg_status hgh_event_loop_run(hgh_event_loop *loop, hg_error *err)
{
    struct epoll_event events[EVENTS_A_TURN];

    loop->is_stopped = false;
    while (!loop->is_stopped) {
        int count = epoll_wait(loop->epoll, events, EVENTS_A_TURN, wait_ms(loop));

        if (count < 0 && errno != EINTR) {
            return hg_error_set(err, HG_ERR_IO, "event loop: %s", strerror(errno));
        }
        events_run(loop, events, count);
        timers_run(loop);
        deferred_run(loop);
    }
    return HG_OK;
}

void hgh_event_loop_stop(hgh_event_loop *loop)
{
    loop->is_stopped = true;
}
