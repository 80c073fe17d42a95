/* host/engine/nginx/watchdog.c - notices a plugin's callback that does not come back.
 *
 * A thread of this process looks at the blame marker every few milliseconds. It touches nothing of
 * nginx but the descriptor of its log: a main thread that hangs may hold any lock. */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>

#include "host/engine/nginx/module.h"

#define LOOKS_PER_LIMIT 4u

typedef struct watchdog {
    pthread_t thread;
    hgh_board_slot *slot;
    uint64_t limit_ms;
    int log_fd;
    pid_t pid;
    atomic_bool stop;
    bool running;
} watchdog;

static watchdog instance;

static void report(uint64_t marker, uint64_t elapsed_ms)
{
    char line[256];
    char when[32];
    time_t now = time(NULL);
    struct tm local;
    int length;

    (void)localtime_r(&now, &local);
    (void)strftime(when, sizeof(when), "%Y/%m/%d %H:%M:%S", &local);
    length = snprintf(line, sizeof(line),
                      "%s [warn] %d#0: plugin number %u has been running for %llu ms in %s\n", when,
                      (int)instance.pid, hgh_marker_object(marker), (unsigned long long)elapsed_ms,
                      hgh_call_name(hgh_marker_call(marker)));
    if (length > 0) {
        ssize_t written = write(instance.log_fd, line, (size_t)length);
        (void)written; /* there is nobody else to tell */
    }
}

static void *watch(void *context)
{
    uint64_t pause_ns = instance.limit_ms * 1000000 / LOOKS_PER_LIMIT;
    struct timespec pause = {(time_t)(pause_ns / 1000000000), (long)(pause_ns % 1000000000)};
    uint64_t seen = 0;
    uint64_t looks = 0;

    (void)context;
    while (!atomic_load(&instance.stop)) {
        uint64_t marker = atomic_load_explicit(&instance.slot->marker, memory_order_relaxed);

        if (marker == 0 || marker != seen) {
            seen = marker;
            looks = 0;
        } else if (++looks == LOOKS_PER_LIMIT) {
            atomic_fetch_add_explicit(&instance.slot->slow_calls, 1, memory_order_relaxed);
            report(marker, instance.limit_ms);
        }
        (void)nanosleep(&pause, NULL);
    }
    return NULL;
}

ngx_int_t hgh_nginx_watchdog_start(ngx_cycle_t *cycle, hgh_nginx_main *main)
{
    sigset_t all, before;
    int result;

    instance.slot = main->slot;
    instance.limit_ms = main->slow_call_ms;
    instance.log_fd = cycle->log->file == NULL ? STDERR_FILENO : cycle->log->file->fd;
    instance.pid = getpid();
    atomic_store(&instance.stop, false);
    /* nginx's signals are for its main thread. */
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    result = pthread_create(&instance.thread, NULL, watch, NULL);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (result != 0) {
        ngx_log_error(NGX_LOG_ERR, cycle->log, result, "no thread for the watchdog");
        return NGX_ERROR;
    }
    instance.running = true;
    return NGX_OK;
}

void hgh_nginx_watchdog_stop(void)
{
    if (instance.running) {
        atomic_store(&instance.stop, true);
        (void)pthread_join(instance.thread, NULL);
        instance.running = false;
    }
}
