/* tests/integration/test_reload.c - hundreds of new versions under load leave nothing behind.
 *
 * An author outside the tree, who has an installed hotgate that was moved and neither its sources
 * nor its build folder, changes his plugin, builds it, copies it over the old one and reloads. The
 * first request on every worker runs the new code, no request fails, and no worker keeps memory,
 * descriptors, mappings or the old object. */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/integration/author.h"
#include "tests/integration/command.h"
#include "tests/integration/figures.h"
#include "tests/integration/gateway.h"
#include "tests/integration/holding.h"
#include "tests/integration/load.h"
#include "tests/integration/origin.h"
#include "tests/unit/unit.h"

#define WORKERS          4u
#define RELOADS_CI       60u
#define RELOADS_FULL     500u
#define SETTLED_CI       20u /* from this reload on memory may not grow */
#define SETTLED_FULL     100u
#define SLOPE_MAX_CI     2.0 /* KiB a reload: over 40 reloads, single pages are noise */
#define SLOPE_MAX_FULL   0.1
#define LOAD_CONNECTIONS 8u
#define LOAD_PAUSE_US    4000u
#define WARM_REQUESTS    (LOAD_CONNECTIONS + 4u)

static gateway *running;
static origin *upstream;
static connection pinned[GATEWAY_WORKERS_MAX];
static pid_t workers[GATEWAY_WORKERS_MAX];
static response got;
static double private_dirty_kib[WORKERS][RELOADS_FULL + 1];
static int64_t duration_ms[RELOADS_FULL + 1];

static unsigned reloads(void)
{
    return scale_is_full() ? RELOADS_FULL : RELOADS_CI;
}

static unsigned settled(void)
{
    return scale_is_full() ? SETTLED_FULL : SETTLED_CI;
}

/* ---------------------------------------------------------------------------------- author */

static char *author_path(const char *name)
{
    return text_format("%s/hello/%s", author_folder(), name);
}

/* In the author's folder, where the sources of hotgate cannot be seen. */
static void author_run(const char *line)
{
    char *directory = author_path("");
    char *variable = text_format("PKG_CONFIG_PATH=%s", installed_packages());
    const char *arguments[] = {"sh", "-ec", line, NULL};
    const char *environment[] = {variable, NULL};
    command what = {
        .arguments = arguments,
        .environment = environment,
        .directory = directory,
        .hide = source_root(),
    };
    char *text = NULL;

    if (command_run(&what, &text) != 0) {
        fail_msg("%s: %s", line, text);
    }
    free(text);
    free(variable);
    free(directory);
}

static void author_write(const char *name, const char *text)
{
    char *path = author_path(name);

    file_write(path, text, strlen(text));
    free(path);
}

static void author_change(unsigned version)
{
    char *path = text_format("%s/tests/plugins/hello.c", source_root());
    char *source = file_read(path);
    char *changed = text_format("#define HELLO_VERSION \"%u\"\n%s", version, source);

    author_write("hello.c", changed);
    free(changed);
    free(source);
    free(path);
}

static void author_begin(void)
{
    (void)installed_prefix();
    shell("mkdir '%s/hello'", author_folder());
    author_write("meson.build", "project('hello', 'c')\n"
                                "\n"
                                "shared_module('hello', 'hello.c',\n"
                                "  name_prefix: '',\n"
                                "  dependencies: dependency('hotgate-plugin'),\n"
                                "  override_options: ['c_std=c11'])\n");
    author_change(0);
    author_run("meson setup build && ninja -C build");
}

static void author_deliver(void)
{
    char *object = author_path("build/hello.so");

    author_copy(running, object, "hello");
    free(object);
}

/* ----------------------------------------------------------------------------------- steps */

static void first_request_runs(unsigned version)
{
    char wanted[16];

    (void)snprintf(wanted, sizeof(wanted), "%u", version);
    for (size_t i = 0; i < WORKERS; i++) {
        const char *hello;

        connection_request(&pinned[i], "GET", "/hello", "", NULL, &got);
        hello = response_header(&got, "X-Hello");
        if (got.status != 200 || hello == NULL || strcmp(hello, wanted) != 0) {
            fail_msg("worker %d runs version %s after reload %s: status %d", (int)workers[i],
                     hello == NULL ? "none" : hello, wanted, got.status);
        }
        assert_int_equal(atoi(response_header(&got, "X-Worker")), workers[i]);
    }
}

static void report_tells(const json_t *told, unsigned version)
{
    size_t index;
    json_t *item;
    bool found = false;
    char wanted[32];

    (void)snprintf(wanted, sizeof(wanted), "1.0.%u", version);
    assert_string_equal(json_string_value(json_object_get(told, "result")), "committed");
    json_array_foreach(json_object_get(told, "plugins"), index, item)
    {
        if (strcmp(json_string_value(json_object_get(item, "name")), "hello") == 0) {
            assert_string_equal(json_string_value(json_object_get(item, "state")),
                                version == 1 ? "loaded" : "replaced");
            assert_string_equal(json_string_value(json_object_get(item, "version")), wanted);
            found = true;
        }
    }
    assert_true(found);
}

static void reload_to(unsigned version)
{
    int64_t begin_ms;
    json_t *told;

    author_change(version);
    author_run("ninja -C build");
    author_deliver();
    begin_ms = clock_ms();
    told = gateway_reload(running);
    duration_ms[version] = clock_ms() - begin_ms;
    report_tells(told, version);
    json_decref(told);
    if (version > 1) {
        first_request_runs(version);
    }
}

/* Requests that began before a reload may still run: their object goes with the last of them. */
static bool old_objects_are_gone(void)
{
    for (size_t i = 0; i < WORKERS; i++) {
        if (hold(workers[i], "hello").objects != 1) {
            return false;
        }
    }
    return true;
}

/* No request, no kept connection to the upstream: what is left is the worker's own. */
static bool only_pinned_connections_are_left(const holding *before)
{
    for (size_t i = 0; i < WORKERS; i++) {
        if (hold(workers[i], "hello").descriptors != before[i].descriptors) {
            return false;
        }
    }
    return true;
}

/* --------------------------------------------------------------------------------- figures */

/* Of a worker, over the reloads from settled() on. */
static double growth(size_t worker)
{
    return slope(private_dirty_kib[worker], settled(), reloads() + 1);
}

/* ------------------------------------------------------------------------------------ test */

static int set_up(void **state)
{
    (void)state;
    upstream = origin_start();
    running = gateway_make(&(gateway_options){
        .workers = WORKERS,
        .hide = source_root(),
        .environment = "MALLOC_PERTURB_=0",
        .http = "upstream: {keepalive_timeout: 1s}",
    });
    author_install(running, "worker", "worker", "");
    gateway_start(running);
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
    return 0;
}

static void author_puts_his_first_plugin_into_service(void **state)
{
    (void)state;
    author_begin();
    reload_to(1);
    gateway_put(running, "routes/hello",
                "{\"uris\": [\"/hello\", \"/load\"], \"plugins\": {\"worker\": {},"
                " \"hello\": {\"name\": \"you\", \"words\": [\"a\", \"b\"]}},"
                " \"upstream\": {\"nodes\": {\"127.0.0.1:%u\": 1}}}",
                origin_port(upstream));
    assert_int_equal(gateway_pin(running, "/hello", pinned, workers), WORKERS);
    first_request_runs(1);
    assert_string_equal(response_header(&got, "X-Name"), "you");
    assert_string_equal(response_header(&got, "X-Greeting"), "hello from 127.0.0.1");
}

/* As many waiting requests at once on each worker as there can be later: stacks of coroutines are
 * kept for the next ones, and shall not look like growth. */
static void every_worker_has_waited_before(void **state)
{
    static const char text[] = "GET /warm HTTP/1.1\r\nHost: localhost\r\n\r\n";

    (void)state;
    gateway_put(running, "routes/warm",
                "{\"uri\": \"/warm\", \"plugins\": {\"hello\": {\"pause\": \"200ms\"}},"
                " \"upstream\": {\"nodes\": {\"127.0.0.1:%u\": 1}}}",
                origin_port(upstream));
    for (size_t i = 0; i < WORKERS; i++) {
        connection *many = calloc(WARM_REQUESTS, sizeof(*many));

        assert_non_null(many);
        for (size_t other = 0; other < WORKERS; other++) {
            if (other != i) {
                stop_worker(workers[other]);
            }
        }
        (void)kill(workers[i], SIGCONT);
        for (size_t j = 0; j < WARM_REQUESTS; j++) {
            assert_true(connection_open(&many[j], running->port));
            assert_true(connection_send(&many[j], text, sizeof(text) - 1));
        }
        for (size_t j = 0; j < WARM_REQUESTS; j++) {
            assert_true(connection_receive(&many[j], false, &got));
            assert_int_equal(got.status, 200);
            connection_close(&many[j]);
        }
        free(many);
    }
    for (size_t i = 0; i < WORKERS; i++) {
        (void)kill(workers[i], SIGCONT);
    }
}

static void new_versions_under_load_leave_nothing_behind(void **state)
{
    load_plan plan = {
        .port = running->port,
        .target = "/load?delay=2",
        .connections = LOAD_CONNECTIONS,
        .pause_us = LOAD_PAUSE_US,
    };
    holding before[WORKERS];
    holding after[WORKERS];
    size_t late = 0;
    load_result result;
    load *requests = load_start(&plan);

    (void)state;
    for (unsigned version = 2; version <= reloads(); version++) {
        reload_to(version);
        late += !old_objects_are_gone();
        WAIT_UNTIL(old_objects_are_gone());
        for (size_t i = 0; i < WORKERS; i++) {
            private_dirty_kib[i][version] = private_dirty_kib_of(workers[i]);
        }
        if (version == settled()) { /* let the load end, to count what is there without it */
            result = load_stop(requests);
            assert_int_equal(result.failures, 0);
            WAIT_UNTIL(gateway_sum(running, "requests_live") == 0);
            (void)poll(NULL, 0, 1500); /* kept connections to the upstream end after a second */
            for (size_t i = 0; i < WORKERS; i++) {
                before[i] = hold(workers[i], "hello");
            }
            requests = load_start(&plan);
        }
    }
    result = load_stop(requests);
    print_message("%zu requests under load, %zu failed%s%s; old object mapped after the answer: "
                  "%zu of %u times\n",
                  result.requests, result.failures, result.failures > 0 ? ": " : "", result.first,
                  late, reloads());
    durations_print("reload answered", duration_ms + 2, reloads() - 1);
    assert_int_equal(result.failures, 0);
    assert_true(result.requests > reloads());
    WAIT_UNTIL(only_pinned_connections_are_left(before));
    for (size_t i = 0; i < WORKERS; i++) {
        after[i] = hold(workers[i], "hello");
        print_message("worker %d: Private_Dirty %.0f KiB at reload %u, %.0f at %u, slope %+.3f KiB "
                      "a reload; descriptors %zu and %zu, mappings %zu and %zu\n",
                      (int)workers[i], private_dirty_kib[i][settled()], settled(),
                      private_dirty_kib[i][reloads()], reloads(), growth(i), before[i].descriptors,
                      after[i].descriptors, before[i].mappings, after[i].mappings);
    }
    for (size_t i = 0; i < WORKERS; i++) {
        assert_true(growth(i) <= (scale_is_full() ? SLOPE_MAX_FULL : SLOPE_MAX_CI));
        assert_int_equal(after[i].files, before[i].files);
        assert_int_equal(after[i].mappings, before[i].mappings);
        assert_int_equal(after[i].objects, 1);
    }
}

static void board_agrees_with_the_kernel(void **state)
{
    json_t *status = gateway_status(running);
    size_t plugins = json_array_size(json_object_get(status, "plugins"));
    size_t index;
    json_t *worker;

    (void)state;
    json_array_foreach(json_object_get(status, "workers"), index, worker)
    {
        assert_int_equal(json_integer_value(json_object_get(worker, "objects_mapped")), plugins);
        assert_int_equal(json_integer_value(json_object_get(worker, "objects_pinned")), 0);
        assert_int_equal(json_integer_value(json_object_get(worker, "apply_failures")), 0);
    }
    json_decref(status);
}

static void nothing_of_the_build_is_in_use(void **state)
{
    pid_t pids[64];
    size_t count = gateway_processes(running, pids, ARRAY_SIZE(pids));

    (void)state;
    assert_true(count >= WORKERS + 3); /* and supervisor, control, master */
    for (size_t i = 0; i < count; i++) {
        assert_false(maps_file_of(pids[i], source_root()));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(author_puts_his_first_plugin_into_service),
        cmocka_unit_test(every_worker_has_waited_before),
        cmocka_unit_test(new_versions_under_load_leave_nothing_behind),
        cmocka_unit_test(board_agrees_with_the_kernel),
        cmocka_unit_test(nothing_of_the_build_is_in_use),
    };

    return report(cmocka_run_group_tests(tests, set_up, tear_down));
}
