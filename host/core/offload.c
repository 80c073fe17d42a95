/* host/core/offload.c - functions of plugins that block, on threads of the host's. */
#include "host/core/offload.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include <hotgate/wait.h>

#define STACK_BYTES        (1u << 20)
#define SIGNAL_STACK_BYTES (64u << 10)
#if defined(__SANITIZE_ADDRESS__)
#define HAS_SIGNAL_STACK true /* the sanitizer gives one to each thread, and takes it back */
#else
#define HAS_SIGNAL_STACK false
#endif

typedef struct offload_thread {
    hgh_offload *offload;
    pthread_t handle;
    _Atomic pid_t id; /* 0: it has not begun */
    _Atomic uint64_t *marker;
    void *signal_stack; /* owned: a function that has used up its stack has none for a handler */
} offload_thread;

struct hgh_offload {
    const hgh_engine *engine;
    uint32_t threads_max;
    uint32_t queue_max;
    int event_fd;               /* -1: not made yet */
    hgh_engine_handle *watch;   /* while functions are under way, as is the next */
    hgh_engine_handle *present; /* a timer that never ends: it keeps the worker alive */
    uint32_t under_way;         /* begun, and not told to be over */
    uint64_t sequence;          /* of the markers, as in hgh_blame */
    uint32_t thread_count;
    offload_thread threads[HGH_OFFLOAD_THREADS_MAX];
    pthread_mutex_t lock; /* of what follows */
    pthread_cond_t work;  /* there is a function, or the end */
    pthread_cond_t over;  /* a function has returned */
    hgh_job *queue;
    hgh_job **queue_end;
    uint32_t queued;
    uint32_t idle;
    uint32_t running;
    hgh_job *finished;
    bool stops;
};

hgh_offload *hgh_offload_new(const hgh_engine *engine,
                             _Atomic uint64_t *markers,
                             uint32_t threads,
                             uint32_t queue)
{
    hgh_offload *offload = calloc(1, sizeof(*offload));
    pthread_condattr_t attributes;

    if (offload == NULL) {
        return NULL;
    }
    offload->engine = engine;
    offload->threads_max = threads == 0 ? HGH_OFFLOAD_THREADS : threads;
    if (offload->threads_max > HGH_OFFLOAD_THREADS_MAX) {
        offload->threads_max = HGH_OFFLOAD_THREADS_MAX;
    }
    offload->queue_max = queue == 0 ? HGH_OFFLOAD_QUEUE : queue;
    offload->event_fd = -1;
    offload->queue_end = &offload->queue;
    for (uint32_t i = 0; i < HGH_OFFLOAD_THREADS_MAX; i++) {
        offload->threads[i].offload = offload;
        offload->threads[i].marker = &markers[i];
    }
    (void)pthread_condattr_init(&attributes);
    (void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    (void)pthread_mutex_init(&offload->lock, NULL); /* none of these can fail on Linux */
    (void)pthread_cond_init(&offload->work, NULL);
    (void)pthread_cond_init(&offload->over, &attributes);
    (void)pthread_condattr_destroy(&attributes);
    return offload;
}

/* ---------------------------------------------------------------------------------- thread */

/* A crash of its own must reach the handler; all other signals are the main thread's. */
static void signals_set(offload_thread *self)
{
    static const int own[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGSYS, SIGTRAP, SIGABRT};
    stack_t stack = {.ss_sp = self->signal_stack, .ss_size = SIGNAL_STACK_BYTES};
    sigset_t all;

    (void)sigfillset(&all);
    for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
        (void)sigdelset(&all, own[i]);
    }
    (void)pthread_sigmask(SIG_SETMASK, &all, NULL);
    if (!HAS_SIGNAL_STACK) {
        (void)sigaltstack(&stack, NULL);
    }
}

static void job_run(offload_thread *self, const hgh_job *job)
{
    atomic_store_explicit(self->marker,
                          hgh_marker_make(++self->offload->sequence, job->object, HGH_CALL_OFFLOAD),
                          memory_order_relaxed);
    (void)pthread_mutex_unlock(&self->offload->lock);
    job->function(job->argument);
    (void)pthread_mutex_lock(&self->offload->lock);
    atomic_store_explicit(self->marker, 0, memory_order_relaxed);
}

/* Tells the main thread, whose loop has it watched. */
static void job_finish(hgh_offload *offload, hgh_job *job)
{
    uint64_t one = 1;
    ssize_t written;

    job->finished = true;
    job->next = offload->finished;
    offload->finished = job;
    (void)pthread_cond_broadcast(&offload->over);
    written = write(offload->event_fd, &one, sizeof(one));
    (void)written; /* its counter is full: the loop is awake anyway */
}

static void *thread_main(void *context)
{
    offload_thread *self = context;
    hgh_offload *offload = self->offload;

    signals_set(self);
    atomic_store(&self->id, gettid());
    (void)pthread_mutex_lock(&offload->lock);
    for (;;) {
        hgh_job *job = offload->queue;

        if (job == NULL && offload->stops) {
            break;
        }
        if (job == NULL) {
            offload->idle++;
            (void)pthread_cond_wait(&offload->work, &offload->lock);
            offload->idle--;
            continue;
        }
        offload->queue = job->next;
        if (offload->queue == NULL) {
            offload->queue_end = &offload->queue;
        }
        offload->queued--;
        offload->running++;
        job_run(self, job);
        offload->running--;
        job_finish(offload, job);
    }
    (void)pthread_mutex_unlock(&offload->lock);
    return NULL;
}

/* One thread more; false: it cannot be made. */
static bool thread_add(hgh_offload *offload)
{
    offload_thread *self = &offload->threads[offload->thread_count];
    pthread_attr_t attributes;
    sigset_t all;
    sigset_t before;
    int failed;

    self->signal_stack = malloc(SIGNAL_STACK_BYTES);
    if (self->signal_stack == NULL) {
        return false;
    }
    (void)pthread_attr_init(&attributes);
    (void)pthread_attr_setstacksize(&attributes, STACK_BYTES);
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before); /* none reaches it before it is ready */
    failed = pthread_create(&self->handle, &attributes, thread_main, self);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    (void)pthread_attr_destroy(&attributes);
    if (failed != 0) {
        free(self->signal_stack);
        self->signal_stack = NULL;
        return false;
    }
    offload->thread_count++;
    return true;
}

/* ----------------------------------------------------------------------------- main thread */

/* When nothing is under way nothing is watched: an idle loop can rest, a worker end. */
static void job_leave(hgh_offload *offload)
{
    if (--offload->under_way == 0) {
        offload->engine->stop(offload->watch);
        offload->engine->stop(offload->present);
        offload->watch = NULL;
        offload->present = NULL;
    }
}

static void jobs_over(void *context)
{
    hgh_offload *offload = context;
    uint64_t count;
    ssize_t got = read(offload->event_fd, &count, sizeof(count));
    hgh_job *job;

    (void)got; /* what has finished stands in the list */
    do {       /* what is told may take back, or wait for, another one */
        (void)pthread_mutex_lock(&offload->lock);
        job = offload->finished;
        if (job != NULL) {
            offload->finished = job->next;
        }
        (void)pthread_mutex_unlock(&offload->lock);
        if (job != NULL) {
            job_leave(offload);
            job->over(job);
        }
    } while (job != NULL);
}

static void present_over(void *context)
{
    (void)context; /* it is stopped when nothing is under way */
}

static bool loop_join(hgh_offload *offload)
{
    if (offload->event_fd < 0) {
        offload->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    }
    if (offload->event_fd < 0) {
        return false;
    }
    offload->watch =
        offload->engine->watch(offload->event_fd, HG_WAIT_READABLE, jobs_over, offload);
    offload->present = offload->engine->start_timer(UINT64_MAX, present_over, offload);
    return offload->watch != NULL && offload->present != NULL;
}

hg_status hgh_offload_begin(hgh_offload *offload, hgh_job *job)
{
    hg_status status = HG_OK;

    if (offload->under_way++ == 0 && !loop_join(offload)) {
        job_leave(offload);
        return HG_ERR_NO_MEMORY;
    }
    job->next = NULL;
    job->finished = false;
    (void)pthread_mutex_lock(&offload->lock);
    if (offload->queued >= offload->threads_max - offload->running + offload->queue_max) {
        status = HG_ERR_FULL;
    } else if (offload->queued >= offload->idle && offload->thread_count < offload->threads_max &&
               !thread_add(offload) && offload->thread_count == 0) {
        status = HG_ERR_NO_MEMORY;
    } else {
        *offload->queue_end = job;
        offload->queue_end = &job->next;
        offload->queued++;
        (void)pthread_cond_signal(&offload->work);
    }
    (void)pthread_mutex_unlock(&offload->lock);
    if (status != HG_OK) {
        job_leave(offload);
    }
    return status;
}

/* Takes it out of a list that it may stand in. */
static bool job_unlink(hgh_job **at, const hgh_job *job)
{
    while (*at != NULL && *at != job) {
        at = &(*at)->next;
    }
    if (*at == NULL) {
        return false;
    }
    *at = job->next;
    return true;
}

bool hgh_offload_take_back(hgh_offload *offload, hgh_job *job, bool now)
{
    bool taken;

    (void)pthread_mutex_lock(&offload->lock);
    taken = job_unlink(&offload->queue, job);
    if (taken) {
        offload->queued--;
        offload->queue_end = &offload->queue;
        while (*offload->queue_end != NULL) {
            offload->queue_end = &(*offload->queue_end)->next;
        }
    }
    while (!taken && now && !job->finished) {
        (void)pthread_cond_wait(&offload->over, &offload->lock);
    }
    if (!taken && job->finished) {
        taken = job_unlink(&offload->finished, job);
    }
    (void)pthread_mutex_unlock(&offload->lock);
    if (taken) {
        job_leave(offload);
    }
    return taken;
}

bool hgh_offload_settle(hgh_offload *offload, uint32_t timeout_ms)
{
    struct timespec end;
    int failed = 0;
    bool settled;

    (void)clock_gettime(CLOCK_MONOTONIC, &end);
    end.tv_sec += timeout_ms / 1000;
    end.tv_nsec += (long)(timeout_ms % 1000) * 1000000;
    if (end.tv_nsec >= 1000000000) {
        end.tv_nsec -= 1000000000;
        end.tv_sec++;
    }
    (void)pthread_mutex_lock(&offload->lock);
    while (offload->running > 0 && failed == 0) {
        failed = pthread_cond_timedwait(&offload->over, &offload->lock, &end);
    }
    settled = offload->running == 0;
    (void)pthread_mutex_unlock(&offload->lock);
    return settled;
}

_Atomic uint64_t *hgh_offload_marker(const hgh_offload *offload, pid_t thread)
{
    for (uint32_t i = 0; offload != NULL && i < HGH_OFFLOAD_THREADS_MAX; i++) {
        if (atomic_load(&offload->threads[i].id) == thread) {
            return offload->threads[i].marker;
        }
    }
    return NULL;
}

void hgh_offload_free(hgh_offload *offload)
{
    if (offload == NULL) {
        return;
    }
    (void)pthread_mutex_lock(&offload->lock);
    offload->stops = true;
    (void)pthread_cond_broadcast(&offload->work);
    (void)pthread_mutex_unlock(&offload->lock);
    for (uint32_t i = 0; i < offload->thread_count; i++) {
        (void)pthread_join(offload->threads[i].handle, NULL);
        free(offload->threads[i].signal_stack);
    }
    if (offload->event_fd >= 0) {
        (void)close(offload->event_fd);
    }
    (void)pthread_cond_destroy(&offload->work);
    (void)pthread_cond_destroy(&offload->over);
    (void)pthread_mutex_destroy(&offload->lock);
    free(offload);
}
