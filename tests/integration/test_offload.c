/* tests/integration/test_offload.c - functions of plugins on threads: results, ends, crashes. */
#include <dirent.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hotgate/error.h>

#include "tests/integration/author.h"
#include "tests/integration/command.h"
#include "tests/integration/gateway.h"
#include "tests/integration/load.h"
#include "tests/integration/origin.h"
#include "tests/unit/unit.h"

#define THREADS       2u
#define QUEUE         3u
#define CLIENTS       10u
#define ABORTED_WAVES 20u

static gateway *running;
static origin *upstream;
static response got;

static int set_up(void **state)
{
    (void)state;
    upstream = origin_start();
    running = gateway_make(
        &(gateway_options){.workers = 1, .hotgate = "offload: {threads: 2, queue: 3}"});
    author_install(running, "offloading", "offloading", "");
    gateway_start(running);
    gateway_put(running, "routes/free",
                "{\"uri\": \"/free\", \"upstream\": {\"nodes\": {\"127.0.0.1:%u\": 1}}}",
                origin_port(upstream));
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

static void put(const char *name, const char *config)
{
    char *key = text_format("routes/%s", name);

    gateway_put(running, key,
                "{\"uri\": \"/%s\", \"plugins\": {\"offloading\": {%s}},"
                " \"upstream\": {\"nodes\": {\"127.0.0.1:%u\": 1}}}",
                name, config, origin_port(upstream));
    free(key);
}

static pid_t worker(void)
{
    pid_t pids[GATEWAY_WORKERS_MAX] = {0};

    WAIT_UNTIL(gateway_workers(running, pids) == 1);
    return pids[0];
}

static size_t threads(void)
{
    char *path = text_format("/proc/%d/task", (int)worker());
    DIR *directory = opendir(path);
    size_t count = 0;

    assert_non_null(directory);
    while (readdir(directory) != NULL) {
        count++;
    }
    (void)closedir(directory);
    free(path);
    return count - 2;
}

static void a_function_blocks_its_request_only(void **state)
{
    static const char text[] = "GET /slow HTTP/1.1\r\nHost: a\r\n\r\n";
    connection one = {.fd = -1};
    int64_t begin_ms;
    unsigned others = 0;

    (void)state;
    assert_int_equal(threads(), 1); /* none before there is work for it */
    put("slow", "\"ms\": 400");
    assert_true(connection_open(&one, running->port));
    begin_ms = clock_ms();
    assert_true(connection_send(&one, text, sizeof(text) - 1));
    while (clock_ms() - begin_ms < 300) {
        http_get(running->port, "/free", "", &got);
        assert_int_equal(got.status, 200);
        others++;
    }
    assert_true(connection_receive(&one, false, &got));
    assert_true(clock_ms() - begin_ms >= 390);
    assert_string_equal(got.body, "{\"status\":0,\"result\":42,\"on_a_thread\":true,"
                                  "\"takes_signals\":false}\n");
    assert_true(others >= 10);
    assert_int_equal(threads(), 2);
    connection_close(&one);
}

static void more_than_may_wait_are_refused(void **state)
{
    static const char text[] = "GET /slow HTTP/1.1\r\nHost: a\r\n\r\n";
    connection all[CLIENTS];
    unsigned good = 0;
    unsigned full = 0;

    (void)state;
    memset(all, 0, sizeof(all));
    put("slow", "\"ms\": 300");
    for (size_t i = 0; i < CLIENTS; i++) {
        assert_true(connection_open(&all[i], running->port));
        assert_true(connection_send(&all[i], text, sizeof(text) - 1));
    }
    for (size_t i = 0; i < CLIENTS; i++) {
        assert_true(connection_receive(&all[i], false, &got));
        good += strstr(got.body, "\"status\":0,\"result\":42") != NULL;
        full += strstr(got.body, "\"status\":3,\"result\":0") != NULL;
        connection_close(&all[i]);
    }
    assert_int_equal(good, THREADS + QUEUE);
    assert_int_equal(full, CLIENTS - THREADS - QUEUE);
    assert_int_equal(threads(), 1 + THREADS);
}

static void a_client_that_goes_leaves_when_the_function_has_returned(void **state)
{
    static const char text[] = "GET /slow HTTP/1.1\r\nHost: a\r\n\r\n";
    pid_t pid = worker();

    (void)state;
    put("slow", "\"ms\": 100");
    for (unsigned i = 0; i < ABORTED_WAVES; i++) {
        connection all[THREADS + QUEUE];

        memset(all, 0, sizeof(all));
        for (size_t k = 0; k < ARRAY_SIZE(all); k++) {
            assert_true(connection_open(&all[k], running->port));
            assert_true(connection_send(&all[k], text, sizeof(text) - 1));
        }
        WAIT_UNTIL(gateway_sum(running, "requests_parked") > 0);
        for (size_t k = 0; k < ARRAY_SIZE(all); k++) {
            connection_close(&all[k]);
        }
        WAIT_UNTIL(gateway_sum(running, "requests_live") == 0);
        assert_int_equal(gateway_sum(running, "requests_parked"), 0);
    }
    assert_int_equal(worker(), pid);
    gateway_wait_log(running, "logs/error.log", "offload -> 13, result 42"); /* it had begun */
    gateway_wait_log(running, "logs/error.log", "offload -> 13, result 0");  /* it had not */
}

static void reloads_wait_for_functions(void **state)
{
    load *requests;
    load_result result;
    json_t *status;
    json_int_t objects;

    (void)state;
    put("load", "\"ms\": 2");
    requests = load_start(&(load_plan){
        .port = running->port, .target = "/load", .connections = 4, .wanted = "\"result\":42"});
    for (unsigned i = 0; i < 5; i++) {
        char *flags = text_format("-DVERSION='\"2.0.%u\"'", i);

        author_install(running, "offloading", "offloading", flags);
        json_decref(gateway_reload(running));
        load_wait(requests, 30);
        free(flags);
    }
    result = load_stop(requests);
    if (result.failures > 0) {
        fail_msg("%zu of %zu failed: %s", result.failures, result.requests, result.first);
    }
    status = gateway_status(running);
    objects = (json_int_t)json_array_size(json_object_get(status, "plugins"));
    json_decref(status);
    WAIT_UNTIL(gateway_sum(running, "objects_mapped") == objects);
    assert_int_equal(gateway_sum(running, "objects_pinned"), 0);
}

static void a_crash_on_a_thread_is_the_plugins(void **state)
{
    static const char text[] = "GET /crash HTTP/1.1\r\nHost: a\r\n\r\n";
    connection one = {.fd = -1};
    pid_t pid = worker();

    (void)state;
    put("crash", "\"ms\": 50, \"crashes\": true");
    assert_true(connection_open(&one, running->port));
    assert_true(connection_send(&one, text, sizeof(text) - 1));
    assert_false(connection_receive(&one, false, &got));
    connection_close(&one);
    gateway_wait_log(
        running, "logs/error.log",
        "this worker dies of signal 6 (Aborted), in an offloaded function of plugin offloading");
    gateway_wait_log(running, "logs/control.log", "offloading");
    WAIT_UNTIL(worker() != pid);
    http_get(running->port, "/free", "", &got);
    assert_int_equal(got.status, 200);
}

static void a_worker_that_ends_waits_for_functions_but_not_for_ever(void **state)
{
    static const char text[] = "GET /slow HTTP/1.1\r\nHost: a\r\n\r\n";
    connection one = {.fd = -1};
    int64_t begin_ms;

    (void)state;
    put("slow", "\"ms\": 8000");
    assert_true(connection_open(&one, running->port));
    assert_true(connection_send(&one, text, sizeof(text) - 1));
    WAIT_UNTIL(gateway_sum(running, "requests_parked") == 1);
    begin_ms = clock_ms();
    assert_int_equal(gateway_stop(running, SIGTERM), 0);
    assert_true(clock_ms() - begin_ms < 6000);
    gateway_wait_log(running, "logs/error.log",
                     "plugin offloading: a function on a thread has not returned");
    connection_close(&one);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_function_blocks_its_request_only),
        cmocka_unit_test(more_than_may_wait_are_refused),
        cmocka_unit_test(a_client_that_goes_leaves_when_the_function_has_returned),
        cmocka_unit_test(reloads_wait_for_functions),
        cmocka_unit_test(a_crash_on_a_thread_is_the_plugins),
        cmocka_unit_test(a_worker_that_ends_waits_for_functions_but_not_for_ever),
    };

    return report(cmocka_run_group_tests(tests, set_up, tear_down));
}
