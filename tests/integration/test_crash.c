/* tests/integration/test_crash.c - kill -9 of each process under load: what fails, what survives.
 */
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/integration/author.h"
#include "tests/integration/command.h"
#include "tests/integration/gateway.h"
#include "tests/integration/load.h"
#include "tests/integration/origin.h"
#include "tests/unit/unit.h"

#define WORKERS          4u
#define LOAD_CONNECTIONS 8u
#define LOAD_PAUSE_US    2000u
#define ROUNDS_CI        3u
#define ROUNDS_FULL      50u
#define OBJECTS          200u /* written in turn */
#define SETTLED_REQUESTS 200u /* under load, after all is back */

static gateway *running;
static origin *upstream;
static load *requests;
static response got;
static unsigned written[OBJECTS]; /* the last value of each object that was acknowledged */
static unsigned maybe[OBJECTS];   /* one that was sent later, without an answer */
static unsigned objects;
static atomic_bool is_killed;

static unsigned rounds(void)
{
    return scale_is_full() ? ROUNDS_FULL : ROUNDS_CI;
}

/* ---------------------------------------------------------------------------------- writes */

/* True if it was acknowledged. */
static bool write_object(unsigned number, unsigned value)
{
    char *key = text_format("routes/w%u", number);
    char *body = text_format("{\"uri\": \"/w/%u\", \"plugins\": {\"mark\": {\"text\": \"%u\"}},"
                             " \"upstream\": {\"nodes\": {\"127.0.0.1:%u\": 1}}}",
                             number, value, origin_port(upstream));
    admin_reply reply = gateway_try(running, "PUT", key, body);
    bool is_acknowledged = reply.status == 200 || reply.status == 201;

    maybe[number] = value;
    if (is_acknowledged) {
        written[number] = value;
    }
    admin_reply_done(&reply);
    free(body);
    free(key);
    return is_acknowledged;
}

/* Writes one after the other until the kill is done; how many were acknowledged. One that comes
 * while control is away may be answered by the next one: the listener stays open. */
static unsigned write_until_killed(void)
{
    static unsigned value;
    unsigned count = 0;

    while (!atomic_load(&is_killed)) {
        count += write_object(objects % OBJECTS, ++value);
        objects++;
    }
    return count;
}

/* What was acknowledged is there: in the store and in force. So may be any later write that nobody
 * answered, of which an object can have several. */
static void all_writes_are_there(void)
{
    unsigned count = objects < OBJECTS ? objects : OBJECTS;

    for (unsigned i = 0; i < count; i++) {
        char target[32];
        const char *mark;

        (void)snprintf(target, sizeof(target), "/w/%u", i);
        http_get(running->port, target, "", &got);
        mark = response_header(&got, "X-Mark");
        if (written[i] == 0 && mark == NULL) {
            continue; /* never acknowledged, and not there */
        }
        if (got.status != 200 || mark == NULL || (unsigned)atoi(mark) < written[i] ||
            (unsigned)atoi(mark) > maybe[i]) {
            fail_msg("object %u was acknowledged as %u and is %s (status %d)", i, written[i],
                     mark == NULL ? "not there" : mark, got.status);
        }
    }
}

/* ------------------------------------------------------------------------------------ kill */

typedef struct killing {
    pid_t pid;
    int after_ms;
} killing;

static void *kill_later(void *context)
{
    const killing *plan = context;

    (void)poll(NULL, 0, plan->after_ms);
    (void)kill(plan->pid, SIGKILL);
    atomic_store(&is_killed, true);
    return NULL;
}

static void kill_begin(killing *plan, pthread_t *out_thread)
{
    assert_true(plan->pid > 0);
    atomic_store(&is_killed, false);
    assert_int_equal(pthread_create(out_thread, NULL, kill_later, plan), 0);
}

static void load_begin(void)
{
    requests = load_start(&(load_plan){
        .port = running->port,
        .target = "/load?delay=1",
        .connections = LOAD_CONNECTIONS,
        .pause_us = LOAD_PAUSE_US,
    });
    load_wait(requests, LOAD_CONNECTIONS * 4);
}

static load_result load_end(const char *what, unsigned kills)
{
    load_result result;

    load_wait(requests, SETTLED_REQUESTS);
    result = load_stop(requests);
    requests = NULL;
    print_message("kill -9 of %s, %u times: %zu requests, %zu failed%s%s\n", what, kills,
                  result.requests, result.failures, result.failures > 0 ? ", first: " : "",
                  result.first);
    return result;
}

static bool all_workers_serve(void)
{
    pid_t pids[GATEWAY_WORKERS_MAX];

    return gateway_workers(running, pids) == WORKERS;
}

static bool none_is_left(const pid_t *pids, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (process_lives(pids[i])) {
            return false;
        }
    }
    return true;
}

/* ----------------------------------------------------------------------------------- tests */

static int set_up(void **state)
{
    (void)state;
    upstream = origin_start();
    running = gateway_make(&(gateway_options){.workers = WORKERS});
    author_install(running, "mark", "mark", "");
    author_install(running, "target", "target", "");
    gateway_start(running);
    gateway_put(running, "routes/load",
                "{\"uri\": \"/load\", \"plugins\": {\"target\": {}},"
                " \"upstream\": {\"nodes\": {\"127.0.0.1:%u\": 1}}}",
                origin_port(upstream));
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    if (requests != NULL) {
        (void)load_stop(requests);
    }
    response_done(&got);
    gateway_free(running);
    origin_stop(upstream);
    return 0;
}

static void without_control_no_request_fails_and_writes_survive(void **state)
{
    unsigned acknowledged = 0;
    load_result result;

    (void)state;
    load_begin();
    for (unsigned round = 0; round < rounds(); round++) {
        killing plan = {gateway_control(running), 5 + (int)(round * 7 % 40)};
        pthread_t killer;

        kill_begin(&plan, &killer);
        acknowledged += write_until_killed();
        (void)pthread_join(killer, NULL);
        WAIT_UNTIL(all_workers_serve());
        assert_int_not_equal(gateway_control(running), plan.pid);
        all_writes_are_there();
    }
    result = load_end("control", rounds());
    print_message("%u writes were acknowledged, none was lost\n", acknowledged);
    assert_int_equal(result.failures, 0);
}

static void control_killed_in_a_reload_leaves_one_generation(void **state)
{
    char *objects_of[2] = {author_build("target", "target", "-DTARGET_VERSION='\"2\"'"),
                           author_build("target", "target", "-DTARGET_VERSION='\"3\"'")};
    load_result result;
    unsigned answered = 0;

    (void)state;
    load_begin();
    for (unsigned round = 0; round < rounds(); round++) {
        killing plan = {gateway_control(running), 2 + (int)(round * 11 % 45)};
        admin_reply reply;
        pthread_t killer;
        json_t *status;
        json_int_t generation;

        author_copy(running, objects_of[round % 2], "target");
        kill_begin(&plan, &killer);
        reply = gateway_try(running, "PUT", "plugins/reload", NULL);
        answered += reply.status == 200;
        (void)pthread_join(killer, NULL);
        admin_reply_done(&reply);
        WAIT_UNTIL(all_workers_serve());
        status = gateway_status(running);
        generation = json_integer_value(json_object_get(status, "generation"));
        json_decref(status);
        WAIT_UNTIL(gateway_sum(running, "generation") == generation * (json_int_t)WORKERS);
        status = gateway_reload(running); /* whatever was left behind, the next one works */
        json_decref(status);
        http_get(running->port, "/load", "", &got);
        assert_string_equal(response_header(&got, "X-Target"), round % 2 == 0 ? "2" : "3");
    }
    result = load_end("control in a reload", rounds());
    print_message("%u of these reloads were answered first\n", answered);
    assert_int_equal(result.failures, 0);
    free(objects_of[0]);
    free(objects_of[1]);
}

static void without_a_worker_only_its_requests_fail(void **state)
{
    load_result result;

    (void)state;
    load_begin();
    for (unsigned round = 0; round < rounds(); round++) {
        pid_t pids[GATEWAY_WORKERS_MAX];

        assert_int_equal(gateway_workers(running, pids), WORKERS);
        assert_int_equal(kill(pids[round % WORKERS], SIGKILL), 0);
        WAIT_UNTIL(none_is_left(&pids[round % WORKERS], 1));
        WAIT_UNTIL(all_workers_serve());
        load_wait(requests, LOAD_CONNECTIONS * 4);
    }
    result = load_end("a worker", rounds());
    assert_true(result.failures <= (size_t)LOAD_CONNECTIONS * rounds());
    all_writes_are_there();
}

static void without_the_master_only_requests_under_way_fail(void **state)
{
    load_result result;

    (void)state;
    load_begin();
    for (unsigned round = 0; round < rounds(); round++) {
        pid_t master = gateway_master(running);
        pid_t pids[GATEWAY_WORKERS_MAX];
        size_t count = gateway_workers(running, pids);

        assert_true(master > 0);
        assert_int_equal(count, WORKERS);
        assert_int_equal(kill(master, SIGKILL), 0);
        WAIT_UNTIL(none_is_left(pids, count));
        WAIT_UNTIL(gateway_master(running) > 0 && gateway_master(running) != master);
        WAIT_UNTIL(all_workers_serve());
        load_wait(requests, LOAD_CONNECTIONS * 4);
    }
    result = load_end("nginx's master", rounds());
    assert_true(result.failures <= (size_t)LOAD_CONNECTIONS * rounds());
    all_writes_are_there();
}

static void without_the_supervisor_nothing_is_left_and_all_comes_back(void **state)
{
    unsigned kills = rounds() > 10 ? 10 : rounds();

    (void)state;
    for (unsigned round = 0; round < kills; round++) {
        load_result result;
        int64_t begin_ms;
        killing plan = {running->pid, 5 + (int)(round * 7 % 40)};
        pthread_t killer;

        load_begin();
        kill_begin(&plan, &killer);
        (void)write_until_killed();
        (void)pthread_join(killer, NULL);
        begin_ms = clock_ms();
        gateway_kill(running);
        result = load_stop(requests);
        requests = NULL;
        print_message("kill -9 of the supervisor: nothing is left after %lld ms; %zu requests were "
                      "answered\n",
                      (long long)(clock_ms() - begin_ms), result.requests);
        gateway_start(running);
        all_writes_are_there();
    }
}

static void all_ends_in_order_after_that(void **state)
{
    (void)state;
    assert_int_equal(gateway_stop(running, SIGTERM), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_control_no_request_fails_and_writes_survive),
        cmocka_unit_test(control_killed_in_a_reload_leaves_one_generation),
        cmocka_unit_test(without_a_worker_only_its_requests_fail),
        cmocka_unit_test(without_the_master_only_requests_under_way_fail),
        cmocka_unit_test(without_the_supervisor_nothing_is_left_and_all_comes_back),
        cmocka_unit_test(all_ends_in_order_after_that),
    };

    return report(cmocka_run_group_tests(tests, set_up, tear_down));
}
