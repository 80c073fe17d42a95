/* tests/unit/core/test_offload.c - functions on threads: how many, in what order, how they end. */
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>
#include <unistd.h>

#include "host/core/offload.h"
#include "tests/unit/unit.h"

#define THREADS 2u
#define QUEUE   3u
#define PLUGIN  9u

static _Atomic uint64_t markers[HGH_OFFLOAD_THREADS_MAX];
static hgh_offload *pool;

/* ---------------------------------------------------- an engine that watches one descriptor */

static struct {
    int fd; /* -1: none is watched */
    hgh_callback ready;
    void *context;
    unsigned handles;
    bool watch_fails;
} loop;

static hgh_engine_handle *watch(int fd, uint32_t events, hgh_callback ready, void *context)
{
    (void)events;
    if (loop.watch_fails) {
        return NULL;
    }
    loop.fd = fd;
    loop.ready = ready;
    loop.context = context;
    loop.handles++;
    return (hgh_engine_handle *)&loop.fd;
}

static hgh_engine_handle *start_timer(uint64_t delay_ms, hgh_callback done, void *context)
{
    (void)done;
    (void)context;
    assert_true(delay_ms == UINT64_MAX); /* it keeps the worker alive, nothing else */
    loop.handles++;
    return (hgh_engine_handle *)&loop.handles;
}

static void stop(hgh_engine_handle *handle)
{
    if (handle == NULL) {
        return;
    }
    loop.handles--;
    if (handle == (hgh_engine_handle *)&loop.fd) {
        loop.fd = -1;
    }
}

static const hgh_engine engine = {.watch = watch, .start_timer = start_timer, .stop = stop};

/* Lets what has returned be told, waiting for it for a while. */
static void turn(void)
{
    struct pollfd polled = {.fd = loop.fd, .events = POLLIN};

    assert_int_equal(poll(&polled, 1, 5000), 1);
    loop.ready(loop.context);
}

/* -------------------------------------------------------------------------------- functions */

/** A function that runs until it is let go. */
typedef struct work {
    hgh_job job;
    sem_t began;
    sem_t may_end;
    pthread_t thread;
    pid_t id;
    uint64_t marker; /* what the board says while it runs */
    bool knows_its_marker;
    bool returned;
    unsigned told;
} work;

static void work_do(void *argument)
{
    work *own = argument;
    _Atomic uint64_t *marker = hgh_offload_marker(pool, gettid());

    own->thread = pthread_self();
    own->id = gettid();
    own->knows_its_marker = marker != NULL;
    own->marker = marker == NULL ? 0 : atomic_load(marker);
    (void)sem_post(&own->began);
    (void)sem_wait(&own->may_end);
    own->returned = true;
}

static void work_over(hgh_job *job)
{
    work *own = (work *)(void *)((char *)job - offsetof(work, job));

    assert_true(own->returned);
    own->told++;
}

static void work_init(work *own)
{
    *own = (work){.job = {.function = work_do, .object = PLUGIN, .over = work_over}};
    own->job.argument = own;
    (void)sem_init(&own->began, 0, 0);
    (void)sem_init(&own->may_end, 0, 0);
}

static bool work_has_begun(work *own)
{
    return sem_trywait(&own->began) == 0;
}

static int set_up(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(markers); i++) {
        atomic_store(&markers[i], 0);
    }
    memset(&loop, 0, sizeof(loop));
    loop.fd = -1;
    pool = hgh_offload_new(&engine, markers, THREADS, QUEUE);
    assert_non_null(pool);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    assert_int_equal(loop.handles, 0); /* nothing is watched when nothing is under way */
    hgh_offload_free(pool);
    return 0;
}

static void a_function_runs_on_a_thread_and_its_end_is_told(void **state)
{
    work one;

    (void)state;
    work_init(&one);
    assert_int_equal(hgh_offload_begin(pool, &one.job), HG_OK);
    assert_int_equal(sem_wait(&one.began), 0);
    assert_false(pthread_equal(one.thread, pthread_self()));
    assert_true(one.knows_its_marker);
    assert_int_equal(hgh_marker_object(one.marker), PLUGIN);
    assert_int_equal(hgh_marker_call(one.marker), HGH_CALL_OFFLOAD);
    assert_int_equal(one.told, 0);
    (void)sem_post(&one.may_end);
    turn();
    assert_int_equal(one.told, 1);
    assert_int_equal(atomic_load(hgh_offload_marker(pool, one.id)), 0);
    assert_null(hgh_offload_marker(pool, gettid()));
    assert_null(hgh_offload_marker(NULL, one.id));
}

static void there_are_so_many_threads_and_so_many_that_wait(void **state)
{
    work all[THREADS + QUEUE + 1];
    unsigned told = 0;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
        work_init(&all[i]);
        assert_int_equal(hgh_offload_begin(pool, &all[i].job),
                         i < THREADS + QUEUE ? HG_OK : HG_ERR_FULL);
    }
    assert_int_equal(sem_wait(&all[0].began), 0);
    assert_int_equal(sem_wait(&all[1].began), 0);
    (void)usleep(20000); /* time for a third to begin, if there were a thread for it */
    assert_false(work_has_begun(&all[2]));
    for (size_t i = 0; i < THREADS + QUEUE; i++) {
        (void)sem_post(&all[i].may_end);
    }
    while (told < THREADS + QUEUE) {
        turn();
        told = 0;
        for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
            told += all[i].told;
        }
    }
    assert_int_equal(all[THREADS + QUEUE].told, 0);
}

static void what_has_not_begun_is_taken_back(void **state)
{
    work all[THREADS + 2];

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
        work_init(&all[i]);
        assert_int_equal(hgh_offload_begin(pool, &all[i].job), HG_OK);
    }
    assert_int_equal(sem_wait(&all[0].began), 0);
    assert_int_equal(sem_wait(&all[1].began), 0);
    assert_true(hgh_offload_take_back(pool, &all[3].job, false));
    assert_false(hgh_offload_take_back(pool, &all[0].job, false));
    (void)sem_post(&all[0].may_end);
    assert_true(hgh_offload_take_back(pool, &all[0].job, true));
    assert_true(all[0].returned);
    assert_int_equal(sem_wait(&all[2].began), 0); /* the next in the queue */
    (void)sem_post(&all[1].may_end);
    (void)sem_post(&all[2].may_end);
    while (all[1].told + all[2].told < 2) {
        turn();
    }
    assert_int_equal(all[0].told + all[3].told, 0); /* of those taken back nobody hears */
    assert_false(all[3].returned);
}

static void an_end_is_waited_for_so_long(void **state)
{
    work one;

    (void)state;
    assert_true(hgh_offload_settle(pool, 0));
    work_init(&one);
    assert_int_equal(hgh_offload_begin(pool, &one.job), HG_OK);
    assert_int_equal(sem_wait(&one.began), 0);
    assert_false(hgh_offload_settle(pool, 30));
    (void)sem_post(&one.may_end);
    assert_true(hgh_offload_settle(pool, 5000));
    assert_true(one.returned);
    turn();
    assert_int_equal(one.told, 1);
}

static void what_cannot_be_watched_is_not_begun(void **state)
{
    work one;

    (void)state;
    work_init(&one);
    loop.watch_fails = true;
    assert_int_equal(hgh_offload_begin(pool, &one.job), HG_ERR_NO_MEMORY);
    loop.watch_fails = false;
    (void)sem_post(&one.may_end);
    assert_int_equal(hgh_offload_begin(pool, &one.job), HG_OK);
    turn();
    assert_int_equal(one.told, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_function_runs_on_a_thread_and_its_end_is_told, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(there_are_so_many_threads_and_so_many_that_wait, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(what_has_not_begun_is_taken_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_end_is_waited_for_so_long, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_cannot_be_watched_is_not_begun, set_up, tear_down),
    };

    return cmocka_run_group_tests_name("offload", tests, NULL, NULL);
}
