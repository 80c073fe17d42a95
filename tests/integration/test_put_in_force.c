/* tests/integration/test_put_in_force.c - a change that was answered is in force on every worker.
 *
 * One connection is pinned to each of four workers. After each answer of the Admin API the very
 * next request on each of them must see the change: nothing is waited for, nothing is repeated. */
#include <stdio.h>
#include <stdlib.h>

#include "tests/integration/author.h"
#include "tests/integration/command.h"
#include "tests/integration/gateway.h"
#include "tests/integration/origin.h"
#include "tests/unit/unit.h"

#define WORKERS     4u
#define ROUNDS_CI   300u
#define ROUNDS_FULL 2000u

static gateway *running;
static origin *upstream;
static origin *other;
static connection pinned[GATEWAY_WORKERS_MAX];
static pid_t workers[GATEWAY_WORKERS_MAX];
static response got;

static unsigned rounds(void)
{
    return scale_is_full() ? ROUNDS_FULL : ROUNDS_CI;
}

static int set_up(void **state)
{
    (void)state;
    upstream = origin_start();
    other = origin_start();
    running = gateway_make(&(gateway_options){.workers = WORKERS});
    author_install(running, "mark", "mark", "");
    author_install(running, "worker", "worker", "");
    gateway_start(running);
    gateway_put(running, "routes/worker",
                "{\"uri\": \"/worker\", \"plugins\": {\"worker\": {}},"
                " \"upstream\": {\"nodes\": {\"127.0.0.1:%u\": 1}}}",
                origin_port(upstream));
    assert_int_equal(gateway_pin(running, "/worker", pinned, workers), WORKERS);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    for (size_t i = 0; i < WORKERS; i++) {
        connection_close(&pinned[i]);
    }
    response_done(&got);
    gateway_free(running);
    origin_stop(upstream);
    origin_stop(other);
    return 0;
}

/* The next request on the connection to that worker. */
static void get(size_t worker, const char *target)
{
    connection_request(&pinned[worker], "GET", target, "", NULL, &got);
}

static void expect_mark(unsigned round, const char *target, const char *wanted)
{
    for (size_t i = 0; i < WORKERS; i++) {
        const char *mark;

        get(i, target);
        mark = response_header(&got, "X-Mark");
        if (got.status != 200 || mark == NULL || strcmp(mark, wanted) != 0) {
            fail_msg("round %u, worker %d: status %d, X-Mark %s, wanted %s", round, (int)workers[i],
                     got.status, mark == NULL ? "missing" : mark, wanted);
        }
    }
}

static void expect_status(unsigned round, const char *target, int wanted)
{
    for (size_t i = 0; i < WORKERS; i++) {
        get(i, target);
        if (got.status != wanted) {
            fail_msg("round %u, worker %d: status %d, wanted %d", round, (int)workers[i],
                     got.status, wanted);
        }
    }
}

static void every_worker_sees_a_changed_route(void **state)
{
    (void)state;
    for (unsigned round = 0; round < rounds(); round++) {
        char mark[32];

        (void)snprintf(mark, sizeof(mark), "route-%u", round);
        gateway_put(running, "routes/mark",
                    "{\"uri\": \"/mark\", \"plugins\": {\"mark\": {\"text\": \"%s\"}},"
                    " \"upstream\": {\"nodes\": {\"127.0.0.1:%u\": 1}}}",
                    mark, origin_port(upstream));
        expect_mark(round, "/mark", mark);
    }
}

static void every_worker_sees_routes_come_and_go(void **state)
{
    (void)state;
    for (unsigned round = 0; round < rounds() / 2; round++) {
        char key[32];
        char target[32];

        (void)snprintf(key, sizeof(key), "routes/r%u", round);
        (void)snprintf(target, sizeof(target), "/r/%u", round);
        gateway_put(running, key,
                    "{\"uri\": \"%s\", \"upstream\": {\"nodes\": {\"127.0.0.1:%u\": 1}}}", target,
                    origin_port(upstream));
        expect_status(round, target, 200);
        gateway_delete(running, key);
        expect_status(round, target, 404);
    }
}

static void every_worker_sees_a_changed_service_and_upstream(void **state)
{
    (void)state;
    gateway_put(running, "upstreams/u", "{\"nodes\": {\"127.0.0.1:%u\": 1}}",
                origin_port(upstream));
    gateway_put(running, "services/s", "{\"upstream_id\": \"u\"}");
    gateway_put(running, "routes/s", "{\"uri\": \"/s\", \"service_id\": \"s\"}");
    for (unsigned round = 0; round < rounds() / 4; round++) {
        unsigned port = round % 2 == 0 ? origin_port(other) : origin_port(upstream);
        char mark[32];

        (void)snprintf(mark, sizeof(mark), "service-%u", round);
        gateway_put(running, "services/s",
                    "{\"upstream_id\": \"u\", \"plugins\": {\"mark\": {\"text\": \"%s\"}}}", mark);
        expect_mark(round, "/s", mark);
        gateway_put(running, "upstreams/u", "{\"nodes\": {\"127.0.0.1:%u\": 1}}", port);
        for (size_t i = 0; i < WORKERS; i++) {
            get(i, "/s");
            assert_int_equal(got.status, 200);
            assert_int_equal(atoi(response_header(&got, "X-Origin")), port);
        }
    }
}

static void every_worker_sees_a_patch_and_a_disabled_route(void **state)
{
    (void)state;
    gateway_put(running, "routes/p",
                "{\"uri\": \"/p\", \"plugins\": {\"mark\": {\"text\": \"p\"}},"
                " \"upstream\": {\"nodes\": {\"127.0.0.1:%u\": 1}}}",
                origin_port(upstream));
    for (unsigned round = 0; round < rounds() / 4; round++) {
        char mark[32];
        char *body =
            text_format("{\"status\": 1, \"plugins\": {\"mark\": {\"text\": \"p-%u\"}}}", round);
        admin_reply reply = gateway_admin(running, "PATCH", "routes/p", body);

        assert_int_equal(reply.status, 200);
        admin_reply_done(&reply);
        free(body);
        (void)snprintf(mark, sizeof(mark), "p-%u", round);
        expect_mark(round, "/p", mark);
        reply = gateway_admin(running, "PATCH", "routes/p", "{\"status\": 0}");
        assert_int_equal(reply.status, 200);
        admin_reply_done(&reply);
        expect_status(round, "/p", 404);
    }
}

/* All of the above was seen by the same four processes, on the same four connections. */
static void connections_stay_with_their_workers(void **state)
{
    (void)state;
    for (size_t i = 0; i < WORKERS; i++) {
        get(i, "/worker");
        assert_int_equal(atoi(response_header(&got, "X-Worker")), workers[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_worker_sees_a_changed_route),
        cmocka_unit_test(every_worker_sees_routes_come_and_go),
        cmocka_unit_test(every_worker_sees_a_changed_service_and_upstream),
        cmocka_unit_test(every_worker_sees_a_patch_and_a_disabled_route),
        cmocka_unit_test(connections_stay_with_their_workers),
    };

    return report(cmocka_run_group_tests(tests, set_up, tear_down));
}
