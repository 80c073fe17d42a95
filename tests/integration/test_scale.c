/* tests/integration/test_scale.c - many routes: all of them are found, by workers that were away or
 * are new, and what concerns many of them at once. Facts, no times: tests/bench measures. */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/integration/author.h"
#include "tests/integration/command.h"
#include "tests/integration/gateway.h"
#include "tests/integration/origin.h"
#include "tests/unit/unit.h"

static gateway *running;
static origin *upstream;
static response got;
static unsigned routes; /* written so far */

static int set_up(void **state)
{
    static const gateway_options options = {.workers = 1};

    (void)state;
    upstream = origin_start();
    running = gateway_make(&options);
    author_install(running, "mark", "mark", "");
    gateway_start(running);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    response_done(&got);
    gateway_free(running);
    origin_stop(upstream);
    return 0;
}

/* Routes /r/0, /r/1, ... that name themselves. */
static void routes_put(unsigned count)
{
    for (unsigned end = routes + count; routes < end; routes++) {
        char key[32];

        (void)snprintf(key, sizeof(key), "routes/r%u", routes);
        gateway_put(running, key,
                    "{\"uri\": \"/r/%u\", \"plugins\": {\"mark\": {\"text\": \"%u\"}},"
                    " \"upstream\": {\"nodes\": {\"127.0.0.1:%u\": 1}}}",
                    routes, routes, origin_port(upstream));
    }
}

static void expect_mark(unsigned number)
{
    char text[16];
    const char *mark = response_header(&got, "X-Mark");

    (void)snprintf(text, sizeof(text), "%u", number);
    if (got.status != 200 || mark == NULL || strcmp(mark, text) != 0) {
        fail_msg("/r/%u: %d, X-Mark %s", number, got.status, mark == NULL ? "" : mark);
    }
}

static void expect_routes(void)
{
    for (unsigned i = 0; i < routes; i += 1 + routes / 50) {
        char target[32];

        (void)snprintf(target, sizeof(target), "/r/%u", i);
        http_get(running->port, target, "", &got);
        expect_mark(i);
    }
}

static void each_of_many_routes_is_found(void **state)
{
    (void)state;
    routes_put(scale_is_full() ? 20000 : 500);
    expect_routes();
}

static void a_worker_that_was_away_applies_all_before_it_answers(void **state)
{
    pid_t pids[GATEWAY_WORKERS_MAX];
    connection client = {.fd = -1};
    char request[128];

    (void)state;
    assert_int_equal(gateway_workers(running, pids), 1);
    assert_true(connection_open(&client, running->port));
    connection_request(&client, "GET", "/r/0", "", NULL, &got);
    expect_mark(0);
    stop_worker(pids[0]);
    routes_put(scale_is_full() ? 20000 : 1000);
    (void)snprintf(request, sizeof(request), "GET /r/%u HTTP/1.1\r\nHost: h\r\n\r\n", routes - 1);
    assert_true(connection_send(&client, request, strlen(request)));
    assert_int_equal(kill(pids[0], SIGCONT), 0);
    assert_true(connection_receive(&client, false, &got));
    expect_mark(routes - 1);
    connection_close(&client);
    expect_routes();
}

static void a_new_worker_has_all_before_it_answers(void **state)
{
    pid_t old[GATEWAY_WORKERS_MAX];
    pid_t pids[GATEWAY_WORKERS_MAX] = {0};

    (void)state;
    assert_int_equal(gateway_workers(running, old), 1);
    assert_int_equal(kill(old[0], SIGKILL), 0);
    WAIT_UNTIL(gateway_workers(running, pids) == 1 && pids[0] != old[0]);
    expect_routes();
}

static void expect_of_service(const char *host, int status)
{
    for (unsigned i = 0; i < 100; i += 33) {
        connection client = {.fd = -1};
        char request[128];
        int length =
            snprintf(request, sizeof(request), "GET /s/%u HTTP/1.1\r\nHost: %s\r\n\r\n", i, host);

        assert_true(connection_open(&client, running->port));
        assert_true(connection_send(&client, request, (size_t)length));
        assert_true(connection_receive(&client, false, &got));
        assert_int_equal(got.status, status);
        connection_close(&client);
    }
}

static void the_hosts_of_a_service_move_its_routes_and_no_others(void **state)
{
    (void)state;
    gateway_put(running, "services/s",
                "{\"hosts\": [\"one\"], \"upstream\": {\"nodes\": {\"127.0.0.1:%u\": 1}}}",
                origin_port(upstream));
    for (unsigned i = 0; i < 100; i++) {
        char key[32];

        (void)snprintf(key, sizeof(key), "routes/s%u", i);
        gateway_put(running, key, "{\"uri\": \"/s/%u\", \"service_id\": \"s\"}", i);
    }
    expect_of_service("one", 200);
    expect_of_service("two", 404);
    gateway_put(
        running, "services/s",
        "{\"hosts\": [\"two\", \"*.three\"], \"upstream\": {\"nodes\": {\"127.0.0.1:%u\": 1}}}",
        origin_port(upstream));
    expect_of_service("one", 404);
    expect_of_service("two", 200);
    expect_of_service("a.three", 200);
    expect_routes();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_of_many_routes_is_found),
        cmocka_unit_test(a_worker_that_was_away_applies_all_before_it_answers),
        cmocka_unit_test(a_new_worker_has_all_before_it_answers),
        cmocka_unit_test(the_hosts_of_a_service_move_its_routes_and_no_others),
    };

    return report(cmocka_run_group_tests(tests, set_up, tear_down));
}
