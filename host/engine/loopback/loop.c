/* host/engine/loopback/loop.c - timers on a clock that only a test moves, and descriptors. */
#include "host/engine/loopback/loop.h"

#include <poll.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <hotgate/wait.h>

#define CALLBACKS_MAX 100000u /* without the clock moving: more is a loop without an end */
#define POLLED_MAX    256u

struct hgh_engine_handle {
    hgh_engine_handle *next;
    uint64_t sequence;
    uint64_t due_ms; /* of a timer */
    int fd;          /* of a watch; -1: a timer */
    uint32_t events;
    hgh_callback callback;
    void *context;
    void *owned;  /* memory that goes with it */
    bool over;    /* a timer that has called */
    bool stopped; /* to be freed */
};

static hgh_engine_handle *handle_new(hgh_loop *loop, int fd, hgh_callback callback, void *context)
{
    hgh_engine_handle *handle = calloc(1, sizeof(*handle));

    if (handle != NULL) {
        handle->fd = fd;
        handle->callback = callback;
        handle->context = context;
        handle->sequence = loop->sequence++;
        handle->next = loop->handles;
        loop->handles = handle;
    }
    return handle;
}

hgh_engine_handle *
hgh_loop_start_timer(hgh_loop *loop, uint64_t delay_ms, hgh_callback done, void *context)
{
    hgh_engine_handle *handle = handle_new(loop, -1, done, context);

    if (handle != NULL) {
        handle->due_ms =
            delay_ms > UINT64_MAX - loop->now_ms ? UINT64_MAX : loop->now_ms + delay_ms;
    }
    return handle;
}

hgh_engine_handle *
hgh_loop_watch(hgh_loop *loop, int fd, uint32_t events, hgh_callback ready, void *context)
{
    struct stat status;
    hgh_engine_handle *handle;

    if (fstat(fd, &status) != 0 || S_ISREG(status.st_mode) || S_ISDIR(status.st_mode)) {
        return NULL;
    }
    handle = handle_new(loop, fd, ready, context);
    if (handle != NULL) {
        handle->events = events;
    }
    return handle;
}

void hgh_loop_own(hgh_engine_handle *handle, void *memory)
{
    handle->owned = memory;
}

void hgh_loop_stop(hgh_engine_handle *handle)
{
    if (handle != NULL) {
        handle->stopped = true;
    }
}

static void sweep(hgh_loop *loop)
{
    hgh_engine_handle **at = &loop->handles;

    while (*at != NULL) {
        hgh_engine_handle *handle = *at;

        if (handle->stopped) {
            *at = handle->next;
            free(handle->owned);
            free(handle);
        } else {
            at = &handle->next;
        }
    }
}

/* The timer that is over first; NULL: none is running. */
static hgh_engine_handle *first_timer(const hgh_loop *loop)
{
    hgh_engine_handle *first = NULL;

    for (hgh_engine_handle *handle = loop->handles; handle != NULL; handle = handle->next) {
        if (handle->fd < 0 && !handle->over && !handle->stopped &&
            (first == NULL || handle->due_ms < first->due_ms ||
             (handle->due_ms == first->due_ms && handle->sequence < first->sequence))) {
            first = handle;
        }
    }
    return first;
}

static uint32_t run_timers(hgh_loop *loop)
{
    uint32_t count = 0;

    while (count < CALLBACKS_MAX) {
        hgh_engine_handle *timer = first_timer(loop);

        if (timer == NULL || timer->due_ms > loop->now_ms) {
            break;
        }
        timer->over = true;
        timer->callback(timer->context);
        sweep(loop);
        count++;
    }
    return count;
}

static uint32_t run_watches(hgh_loop *loop, int real_timeout_ms)
{
    struct pollfd polled[POLLED_MAX];
    hgh_engine_handle *watches[POLLED_MAX];
    nfds_t count = 0;
    uint32_t ran = 0;

    for (hgh_engine_handle *handle = loop->handles; handle != NULL && count < POLLED_MAX;
         handle = handle->next) {
        if (handle->fd >= 0 && !handle->stopped) {
            short events = 0;

            events |= (handle->events & HG_WAIT_READABLE) != 0 ? POLLIN : 0;
            events |= (handle->events & HG_WAIT_WRITABLE) != 0 ? POLLOUT : 0;
            polled[count] = (struct pollfd){.fd = handle->fd, .events = events};
            watches[count++] = handle;
        }
    }
    if (count == 0 || poll(polled, count, real_timeout_ms) <= 0) {
        return 0;
    }
    for (nfds_t i = 0; i < count; i++) {
        if (polled[i].revents != 0 && !watches[i]->stopped) {
            watches[i]->callback(watches[i]->context);
            ran++;
        }
    }
    sweep(loop);
    return ran;
}

uint32_t hgh_loop_run(hgh_loop *loop, int real_timeout_ms)
{
    uint32_t total = 0;
    uint32_t ran;

    do {
        ran = run_timers(loop);
        ran += run_watches(loop, total + ran == 0 ? real_timeout_ms : 0);
        total += ran;
        if (total >= CALLBACKS_MAX) {
            return UINT32_MAX;
        }
    } while (ran > 0);
    sweep(loop);
    return total;
}

bool hgh_loop_next_timer(const hgh_loop *loop, uint64_t *out_due_ms)
{
    const hgh_engine_handle *timer = first_timer(loop);

    if (timer == NULL || timer->due_ms == UINT64_MAX) {
        return false;
    }
    *out_due_ms = timer->due_ms;
    return true;
}

bool hgh_loop_is_watching(const hgh_loop *loop)
{
    for (const hgh_engine_handle *handle = loop->handles; handle != NULL; handle = handle->next) {
        if (handle->fd >= 0 && !handle->stopped) {
            return true;
        }
    }
    return false;
}

void hgh_loop_advance(hgh_loop *loop, uint64_t duration_ms)
{
    loop->now_ms += duration_ms;
    loop->wall_ms += (int64_t)duration_ms;
}

void hgh_loop_done(hgh_loop *loop)
{
    while (loop->handles != NULL) {
        hgh_engine_handle *next = loop->handles->next;

        free(loop->handles->owned);
        free(loop->handles);
        loop->handles = next;
    }
}
