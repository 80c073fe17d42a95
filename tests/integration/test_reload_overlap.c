/* tests/integration/test_reload_overlap.c - a reload and what goes on at the same time: another
 * reload, the gateway's end, a download that began before. */
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/integration/author.h"
#include "tests/integration/command.h"
#include "tests/integration/gateway.h"
#include "tests/integration/holding.h"
#include "tests/integration/origin.h"
#include "tests/integration/told.h"
#include "tests/unit/unit.h"

#define WORKERS        3u
#define AT_ONCE        4u
#define ROUNDS         5u
#define DOWNLOAD_BYTES 30000000u
#define PART_BYTES     100000u

static gateway *running;
static origin *upstream;
static char *objects[2]; /* of "trace": 1.0.0 and 2.0.0 */
static unsigned turn;    /* which of them lies in the directory */
static response got;

/* ----------------------------------------------------------------------------------- tools */

static json_int_t number_of(const json_t *object, const char *name)
{
    return json_integer_value(json_object_get(object, name));
}

static void other_version_comes(void)
{
    turn = 1 - turn;
    author_copy(running, objects[turn], "trace");
}

/* The version that all workers run; it is a finding if they differ. */
static unsigned version_served(void)
{
    unsigned version = 0;

    for (unsigned i = 0; i < 12; i++) {
        const char *trace;
        unsigned found;

        http_get(running->port, "/trace", "", &got);
        trace = response_header(&got, "X-Trace");
        assert_int_equal(got.status, 200);
        assert_non_null(trace);
        found = strstr(trace, "2.0.0") != NULL ? 2 : 1;
        if (version != 0 && found != version) {
            fail_msg("version %u beside version %u", found, version);
        }
        version = found;
    }
    return version;
}

static void *reload_send(void *context)
{
    admin_reply *reply = context;

    *reply = gateway_try(running, "PUT", "plugins/reload", NULL);
    return NULL;
}

/* ------------------------------------------------------------------------------------ tests */

/* One exchanges the object, the others come to a directory in which nothing has changed since. */
static void reloads_at_once_are_answered_one_after_the_other(void **state)
{
    (void)state;
    for (unsigned round = 0; round < ROUNDS; round++) {
        pthread_t threads[AT_ONCE];
        admin_reply replies[AT_ONCE] = {0};
        unsigned committed = 0;
        json_t *status;

        other_version_comes();
        for (unsigned i = 0; i < AT_ONCE; i++) {
            assert_int_equal(pthread_create(&threads[i], NULL, reload_send, &replies[i]), 0);
        }
        for (unsigned i = 0; i < AT_ONCE; i++) {
            assert_int_equal(pthread_join(threads[i], NULL), 0);
        }
        status = gateway_status(running);
        for (unsigned i = 0; i < AT_ONCE; i++) {
            const char *result = text_of(replies[i].json, "result");

            assert_int_equal(replies[i].status, 200);
            committed += strcmp(result, "committed") == 0;
            assert_true(strcmp(result, "committed") == 0 || strcmp(result, "unchanged") == 0);
            assert_int_equal(number_of(replies[i].json, "generation"),
                             number_of(status, "generation"));
            admin_reply_done(&replies[i]);
        }
        assert_int_equal(committed, 1);
        assert_int_equal(version_served(), turn + 1);
        json_decref(status);
    }
}

/* At another moment of the reload each time. */
static void end_during_a_reload_leaves_the_old_or_the_new(void **state)
{
    static const struct {
        int number;
        unsigned after_ms;
    } rows[] = {
        {SIGTERM, 0},  {SIGTERM, 30}, {SIGTERM, 60}, {SIGTERM, 120}, {SIGTERM, 240},
        {SIGQUIT, 10}, {SIGQUIT, 50}, {SIGQUIT, 90}, {SIGQUIT, 180}, {SIGQUIT, 360},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        pthread_t thread;
        admin_reply reply = {0};
        unsigned before = version_served();
        unsigned served;
        int code;

        other_version_comes();
        assert_int_equal(pthread_create(&thread, NULL, reload_send, &reply), 0);
        (void)poll(NULL, 0, (int)rows[i].after_ms); /* which moment it is does not matter */
        code = gateway_stop(running, rows[i].number);
        assert_int_equal(pthread_join(thread, NULL), 0);
        assert_int_equal(code, 0);
        gateway_start(running);
        served = version_served();
        print_message("%s after %u ms: the reload was answered with %ld, version %u before, %u "
                      "after\n",
                      rows[i].number == SIGTERM ? "TERM" : "QUIT", rows[i].after_ms, reply.status,
                      before, served);
        if (reply.status == 200) {
            assert_int_equal(served, turn + 1); /* what was answered is in force */
        }
        json_decref(gateway_reload(running));
        assert_int_equal(version_served(), turn + 1);
        admin_reply_done(&reply);
    }
}

/* Requests of earlier generations on all workers of a status or report, and their generation. */
static json_int_t old_requests(const json_t *told, json_int_t *out_generation)
{
    json_int_t sum = 0;
    size_t index;
    json_t *worker;

    *out_generation = 0;
    json_array_foreach(json_object_get(told, "workers"), index, worker)
    {
        json_int_t generation = number_of(worker, "oldest_generation");

        sum += number_of(worker, "requests_old");
        assert_int_equal(number_of(worker, "requests_old") > 0, generation > 0);
        if (generation > 0) {
            *out_generation = generation;
        }
    }
    return sum;
}

static size_t objects_mapped(void)
{
    pid_t pids[GATEWAY_WORKERS_MAX];
    size_t count = gateway_workers(running, pids);
    size_t sum = 0;

    assert_int_equal(count, WORKERS);
    for (size_t i = 0; i < count; i++) {
        sum += hold(pids[i], "trace").objects;
    }
    return sum;
}

static void read_part(connection *from, size_t bytes)
{
    static char part[4096];

    for (size_t length = 0; length < bytes;) {
        long count = connection_read(from, part, sizeof(part));

        assert_true(count > 0);
        length += (size_t)count;
    }
}

static void download_holds_its_generation_and_no_longer(void **state)
{
    static const char text[] = "GET /trace?bytes=30000000 HTTP/1.1\r\nHost: a\r\n"
                               "Connection: close\r\n\r\n";
    connection download = {.fd = -1};
    static char rest[65536];
    json_t *told = gateway_status(running);
    json_int_t before = number_of(told, "generation");
    json_int_t mapped = gateway_sum(running, "objects_mapped");
    json_int_t oldest;

    (void)state;
    json_decref(told);
    WAIT_UNTIL(objects_mapped() == WORKERS);
    assert_true(connection_open(&download, running->port));
    assert_true(connection_send(&download, text, sizeof(text) - 1));
    read_part(&download, PART_BYTES);
    for (unsigned i = 0; i < 3; i++) { /* however many generations come */
        other_version_comes();
        told = gateway_reload(running);
        assert_string_equal(text_of(told, "result"), "committed");
        assert_int_equal(old_requests(told, &oldest), 1);
        assert_int_equal(oldest, before);
        json_decref(told);
        told = gateway_status(running);
        assert_int_equal(old_requests(told, &oldest), 1);
        assert_int_equal(oldest, before);
        json_decref(told);
        assert_int_equal(version_served(), turn + 1);
        read_part(&download, PART_BYTES);
        WAIT_UNTIL(objects_mapped() == WORKERS + 1); /* those in between go at once */
        WAIT_UNTIL(gateway_sum(running, "objects_mapped") == mapped + 1);
    }
    while (connection_read(&download, rest, sizeof(rest)) > 0) {
    }
    connection_close(&download);
    WAIT_UNTIL(gateway_sum(running, "requests_old") == 0);
    WAIT_UNTIL(objects_mapped() == WORKERS);
    WAIT_UNTIL(gateway_sum(running, "objects_mapped") == mapped);
    assert_int_equal(gateway_sum(running, "objects_pinned"), 0);
    told = gateway_status(running);
    assert_int_equal(old_requests(told, &oldest), 0);
    assert_int_equal(oldest, 0);
    json_decref(told);
}

/* ------------------------------------------------------------------------------------- main */

static int begin(void **state)
{
    (void)state;
    upstream = origin_start();
    objects[0] = author_build("trace", "trace", "");
    objects[1] = author_build("trace", "trace", "-DVERSION='\"2.0.0\"'");
    running = gateway_make(&(gateway_options){.workers = WORKERS});
    author_copy(running, objects[0], "trace");
    gateway_start(running);
    gateway_put(running, "routes/trace",
                "{\"uri\": \"/trace\", \"plugins\": {\"trace\": {\"tag\": \"a\"}},"
                " \"upstream\": {\"nodes\": {\"127.0.0.1:%u\": 1}}}",
                origin_port(upstream));
    return 0;
}

static int end(void **state)
{
    (void)state;
    response_done(&got);
    gateway_free(running);
    origin_stop(upstream);
    free(objects[0]);
    free(objects[1]);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reloads_at_once_are_answered_one_after_the_other),
        cmocka_unit_test(download_holds_its_generation_and_no_longer),
        cmocka_unit_test(end_during_a_reload_leaves_the_old_or_the_new),
    };

    return report(cmocka_run_group_tests(tests, begin, end));
}
