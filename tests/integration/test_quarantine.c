/* tests/integration/test_quarantine.c - an object that passes every probe and then takes workers
 * down goes out of service by itself, and nothing else suffers. */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/integration/author.h"
#include "tests/integration/command.h"
#include "tests/integration/gateway.h"
#include "tests/integration/origin.h"
#include "tests/integration/told.h"
#include "tests/unit/unit.h"

#define WORKERS "4"
#define TRIES   4000u /* requests at most until something happens */

static gateway *running;
static origin *upstream;
static char *good; /* objects */
static char *bad;
static char *worse;
static response got;

/* ----------------------------------------------------------------------------------- tools */

static void item_is(
    const json_t *told, const char *list, const char *name, const char *member, const char *wanted)
{
    const char *found = text_of(item_of(told, list, name), member);

    if (strstr(found, wanted) == NULL) {
        char *all = json_dumps(told, JSON_INDENT(1));

        fail_msg("%s of %s: found \"%s\", wanted \"%s\" in\n%s", member, name, found, wanted, all);
    }
}

static admin_reply reload(const char *arguments)
{
    char *path = text_format("plugins/reload%s", arguments);
    admin_reply reply = gateway_admin(running, "PUT", path, NULL);

    free(path);
    return reply;
}

static void reload_is(const char *arguments, long status, const char *name, const char *state)
{
    admin_reply reply = reload(arguments);

    if (reply.status != status) {
        fail_msg("reload%s: %ld %s", arguments, reply.status, reply.text);
    }
    if (name != NULL) {
        item_is(reply.json, "plugins", name, "state", state);
    }
    admin_reply_done(&reply);
}

static void route_put(const char *when, const char *fault, int every)
{
    gateway_put(running, "routes/faulty",
                "{\"uri\": \"/faulty\", \"plugins\": {\"faulty\": {\"when\": \"%s\", \"fault\": "
                "\"%s\", \"every\": %d}, \"victim\": {}},"
                " \"upstream\": {\"nodes\": {\"127.0.0.1:%u\": 1}}}",
                when, fault, every, origin_port(upstream));
}

/* One request, of which nothing is known; 0: the connection was cut. */
static int status_of(const char *target)
{
    char *text = text_format("GET %s HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", target);
    connection one = {0};
    int status = 0;

    if (connection_open(&one, running->port) && connection_send(&one, text, strlen(text)) &&
        connection_receive(&one, false, &got)) {
        status = got.status;
    }
    connection_close(&one);
    free(text);
    return status;
}

static void serves(const char *version)
{
    for (unsigned i = 0; i < 40; i++) {
        const char *header;

        http_get(running->port, "/faulty", "", &got);
        header = response_header(&got, "X-Faulty");
        if (got.status != 200 || header == NULL || strcmp(header, version) != 0) {
            fail_msg("status %d, X-Faulty %s, wanted %s", got.status,
                     header == NULL ? "none" : header, version);
        }
    }
}

static json_int_t generation_now(void)
{
    json_t *status = gateway_status(running);
    json_int_t number = json_integer_value(json_object_get(status, "generation"));

    json_decref(status);
    return number;
}

/* Requests until a later generation is in force; how many were cut off or failed. */
static unsigned provoke(json_int_t before)
{
    unsigned failed = 0;

    for (unsigned i = 0; i < TRIES; i++) {
        int status = status_of("/faulty");

        failed += status != 200;
        if ((status != 200 || i % 100 == 99) && generation_now() > before) {
            return failed;
        }
    }
    fail_msg("%u requests, of which %u failed, and no other generation", TRIES, failed);
    return failed;
}

/* The newest line of the history about an event. */
static json_t *event_of(const char *event)
{
    admin_reply reply = gateway_admin(running, "GET", "plugins/history?limit=100", NULL);
    const json_t *events = json_object_get(reply.json, "events");
    json_t *found = NULL;

    for (size_t i = 0; i < json_array_size(events) && found == NULL; i++) {
        if (strcmp(text_of(json_array_get(events, i), "event"), event) == 0) {
            found = json_incref(json_array_get(events, i));
        }
    }
    admin_reply_done(&reply);
    if (found == NULL) {
        fail_msg("the history tells of no %s", event);
    }
    return found;
}

static void crash_is(const char *place, const char *reason)
{
    json_t *event = event_of("crash");

    if (strstr(text_of(event, "place"), place) == NULL ||
        strstr(text_of(event, "reason"), reason) == NULL) {
        fail_msg("found \"%s: %s\", wanted \"%s: %s\"", text_of(event, "place"),
                 text_of(event, "reason"), place, reason);
    }
    json_decref(event);
}

/* The good version serves, whatever there was before. */
static void good_serves(void)
{
    route_put("never", "crash", 1);
    author_copy(running, good, "faulty");
    reload_is("?force=true&plugin=faulty", 200, "faulty", "");
    serves("1.0.0");
}

static void bad_comes(const char *object)
{
    author_copy(running, object, "faulty");
    reload_is("?force=true&plugin=faulty", 200, "faulty",
              "replaced"); /* the same file as in the row before */
}

/* ------------------------------------------------------------------------------------ tests */

/* What it does, and what is told of it. */
typedef struct row {
    const char *what;
    const char *when;
    const char *fault;
    int every;
    const char *place;
    const char *reason;
} row;

static void new_object_that_workers_die_of_goes_back(void **state)
{
    static const row rows[] = {
        {"rewrite crashes", "rewrite", "crash", 1, "rewrite of plugin faulty 2.0.0", "signal 11"},
        {"access crashes", "access", "crash", 1, "access of plugin faulty 2.0.0", "signal 11"},
        {"before_proxy", "before_proxy", "crash", 1, "before_proxy of plugin faulty", "signal 11"},
        {"response", "response", "crash", 1, "response of plugin faulty 2.0.0", "signal 11"},
        {"header filter", "header_filter", "crash", 1, "header_filter of plugin", "signal 11"},
        {"body filter", "body_filter", "crash", 1, "body_filter of plugin faulty", "signal 11"},
        {"log crashes", "log", "crash", 1, "log of plugin faulty 2.0.0", "signal 11"},
        {"one in 100", "access", "crash", 100, "access of plugin faulty 2.0.0", "signal 11"},
        {"aborts", "access", "abort", 1, "access of plugin faulty 2.0.0", "signal 6"},
        {"stack is used up", "access", "stack", 1, "access of plugin faulty 2.0.0", "signal 11"},
        {"loops", "access", "loop", 1, "access of plugin faulty 2.0.0", "did not come back"},
        {"sleeps", "rewrite", "sleep", 1, "rewrite of plugin faulty 2.0.0", "did not come back"},
        {"takes all memory", "access", "memory", 1, "access of plugin faulty", "too much memory"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        json_int_t before;
        unsigned failed;
        json_t *status;

        good_serves();
        bad_comes(bad);
        before = generation_now();
        route_put(rows[i].when, rows[i].fault, rows[i].every);
        failed = provoke(before);
        serves("1.0.0");
        crash_is(rows[i].place, rows[i].reason);
        crash_is(", routes/faulty", "");
        status = gateway_status(running);
        item_is(status, "quarantine", "faulty", "action", "rolled back");
        item_is(status, "quarantine", "faulty", "version", "2.0.0");
        json_decref(status);
        reload_is("", 200, "faulty", "quarantined"); /* and it blocks nothing */
        serves("1.0.0");
        print_message("%-20s %u requests failed until it was back\n", rows[i].what, failed);
    }
}

/* The file that the history names says where in the source it was. */
static void report_has_the_symbols_of_the_plugin(void **state)
{
    json_int_t before;
    json_t *event;
    char *name;
    char *path;

    (void)state;
    good_serves();
    bad_comes(bad);
    before = generation_now();
    route_put("access", "crash", 1);
    (void)provoke(before);
    event = event_of("crash");
    name = text_format("logs/crashes/%s", text_of(event, "report"));
    path = gateway_path(running, name);
    WAIT_UNTIL(access(path, R_OK) == 0);
    gateway_wait_log(running, name, "stack of the worker");
    gateway_wait_log(running, name, "access of plugin faulty 2.0.0");
    gateway_wait_log(running, name, "cause:    signal 11");
    gateway_wait_log(running, name, " fail at ");
    gateway_wait_log(running, name, "tests/plugins/faulty.c:");
    gateway_wait_log(running, name, " faulty_access at ");
    free(path);
    free(name);
    json_decref(event);
}

/* Where the time goes is in the log: plugin, phase, route and stack. */
static void slow_call_is_told_with_its_stack(void **state)
{
    json_int_t before;
    json_int_t slow;
    char *log;

    (void)state;
    good_serves();
    bad_comes(bad);
    before = generation_now();
    slow = gateway_sum(running, "slow_calls");
    route_put("header_filter", "slow", 1);
    assert_int_equal(status_of("/faulty"), 200); /* it comes back, late */
    gateway_wait_log(running, "logs/control.log",
                     "header_filter of plugin faulty, routes/faulty has");
    log = gateway_log(running, "logs/error.log");
    assert_non_null(strstr(log, "a call that takes long, in header_filter of plugin faulty"));
    assert_non_null(strstr(log, "plugin faulty+0x"));
    free(log);
    assert_true(gateway_sum(running, "slow_calls") > slow);
    assert_int_equal(generation_now(), before);
}

/* A debugger stops a worker in a call for as long as it likes. */
static void stopped_worker_is_not_ended(void **state)
{
    json_int_t before;
    pid_t pids[GATEWAY_WORKERS_MAX];
    connection one = {0};
    const char *request = "GET /faulty HTTP/1.1\r\nHost: a\r\n\r\n";
    int64_t until_ms;

    (void)state;
    good_serves();
    bad_comes(bad);
    before = generation_now();
    route_put("access", "slow", 1);
    WAIT_UNTIL(gateway_workers(running, pids) == 4);
    assert_true(connection_open(&one, running->port));
    assert_true(connection_send(&one, request, strlen(request)));
    gateway_wait_log(running, "logs/control.log",
                     "access of plugin faulty, routes/faulty has been");
    for (unsigned i = 0; i < 4; i++) { /* one of them is in the call, for 300 ms */
        stop_worker(pids[i]);
    }
    until_ms = clock_ms() + 2500; /* beyond the limit, and the time in which it would be ended */
    WAIT_UNTIL(clock_ms() > until_ms);
    for (unsigned i = 0; i < 4; i++) {
        assert_true(process_lives(pids[i]));
        assert_int_equal(kill(pids[i], SIGCONT), 0);
    }
    assert_true(connection_receive(&one, false, &got));
    assert_int_equal(got.status, 200);
    connection_close(&one);
    assert_int_equal(generation_now(), before);
}

/* The probe takes a configuration that the worker dies of. */
static void configuration_that_workers_die_of_is_left_out_alone(void **state)
{
    json_int_t before;
    json_t *status;

    (void)state;
    good_serves();
    bad_comes(bad);
    gateway_put(running, "routes/other",
                "{\"uri\": \"/other\", \"plugins\": {\"faulty\": {}},"
                " \"upstream\": {\"nodes\": {\"127.0.0.1:%u\": 1}}}",
                origin_port(upstream));
    before = generation_now();
    route_put("parse", "crash", 1);
    (void)provoke(before);
    for (unsigned i = 0; i < 40; i++) {
        const char *header;

        http_get(running->port, "/other", "", &got); /* the plugin itself goes on */
        header = response_header(&got, "X-Faulty");
        assert_int_equal(got.status, 200);
        assert_string_equal(header == NULL ? "none" : header, "2.0.0");
        assert_int_equal(status_of("/faulty"), 503);
    }
    crash_is("parse of plugin faulty 2.0.0", "signal 11");
    crash_is("routes/faulty#", "");
    status = gateway_status(running);
    assert_int_equal(
        json_array_size(json_object_get(item_of(status, "plugins", "faulty"), "poison")), 1);
    json_decref(status);
    route_put("never", "crash", 1); /* mended */
    serves("2.0.0");
    gateway_delete(running, "routes/other");
}

/* What is spoilt in a worker stays so when the plugin has gone: the workers go too, and those that
 * die before they are replaced are not laid to the victim. */
static void memory_of_another_plugin_is_the_new_ones_fault(void **state)
{
    pid_t spoilt[GATEWAY_WORKERS_MAX];
    json_int_t before;
    json_t *status;
    size_t count;

    (void)state;
    good_serves();
    bad_comes(bad);
    before = generation_now();
    count = gateway_workers(running, spoilt);
    route_put("rewrite", "corrupt", 1);
    (void)provoke(before);
    for (size_t i = 0; i < count; i++) {
        WAIT_UNTIL(!process_lives(spoilt[i]));
    }
    serves("1.0.0");
    crash_is("access of plugin victim", "signal 11");
    status = gateway_status(running);
    item_is(status, "quarantine", "faulty", "why", "died in plugin victim, which is not new");
    item_is(status, "plugins", "victim", "state", "loaded");
    json_decref(status);
}

/* The way back is worse: what was good once does not come up any more. */
static void object_without_a_way_back_is_switched_off_alone(void **state)
{
    json_int_t before;
    json_t *status;
    json_t *plugin;
    char *staged;

    (void)state;
    good_serves();
    bad_comes(bad);
    staged = gateway_path(running, "staging");
    shell("for f in '%s'/faulty.*.so; do cmp -s \"$f\" '%s' && rm -f \"$f\"; done; true", staged,
          good);
    free(staged);
    before = generation_now();
    route_put("access", "crash", 1);
    (void)provoke(before);
    for (unsigned i = 0; i < 40; i++) {
        assert_int_equal(status_of("/faulty"), 503);
        assert_int_equal(status_of("/plain"), 200);
    }
    status = gateway_status(running);
    item_is(status, "plugins", "faulty", "state", "disabled");
    item_is(status, "quarantine", "faulty", "action", "disabled");
    plugin = json_incref((json_t *)(uintptr_t)item_of(status, "plugins", "faulty"));
    json_decref(status);
    assert_non_null(strstr(text_of(plugin, "disabled"), "workers have died in it"));
    json_decref(plugin);
    route_put("never", "crash", 1); /* the switched off one still judges what is written */
    assert_int_equal(status_of("/faulty"), 503);
    reload_is("?force=true&plugin=faulty", 200, "faulty", "replaced");
    serves("2.0.0");
}

/* The predecessor is there, but refuses what is configured by now. */
static void quarantine_outlasts_a_restart(void **state)
{
    json_int_t before;

    (void)state;
    good_serves();
    bad_comes(bad);
    before = generation_now();
    route_put("log", "abort", 1);
    (void)provoke(before);
    serves("1.0.0");
    assert_int_equal(gateway_stop(running, SIGTERM), 0);
    gateway_start(running);
    serves("1.0.0");
    reload_is("", 200, "faulty", "quarantined");
    serves("1.0.0");
    route_put("never", "crash", 1);
    author_copy(running, worse, "faulty"); /* another hash: an object as any */
    reload_is("", 200, "faulty", "replaced");
    serves("3.0.0");
}

/* kill -9 is nobody's fault, in whatever it comes. */
static void kills_from_outside_blame_nobody(void **state)
{
    json_int_t before;

    (void)state;
    good_serves();
    bad_comes(bad);
    before = generation_now();
    for (unsigned i = 0; i < 6; i++) {
        pid_t pids[GATEWAY_WORKERS_MAX];
        pid_t first;

        assert_true(gateway_workers(running, pids) > 0);
        first = pids[0];
        assert_int_equal(kill(first, SIGKILL), 0);
        WAIT_UNTIL(!process_lives(first));
        WAIT_UNTIL(gateway_workers(running, pids) == 4);
    }
    assert_int_equal(generation_now(), before);
    serves("2.0.0");
}

/* Workers protect themselves while there is nobody to put anything out of service. */
static void nothing_loops_while_control_is_dead(void **state)
{
    json_int_t before;
    pid_t control;
    unsigned failed = 0;

    (void)state;
    good_serves();
    bad_comes(bad);
    before = generation_now();
    route_put("access", "crash", 1);
    control = gateway_control(running);
    assert_int_equal(kill(control, SIGSTOP), 0); /* it does nothing, and nobody replaces it */
    for (unsigned i = 0; i < 40; i++) {
        int status = status_of("/faulty");

        failed += status == 0;
        assert_true(status == 0 || status == 503 || status == 502);
        assert_int_equal(status_of("/plain") == 200 || status_of("/plain") == 200, true);
    }
    assert_in_range(failed, 1, 8); /* each worker that still had it, and no more */
    assert_int_equal(kill(control, SIGCONT), 0);
    WAIT_UNTIL(generation_now() > before);
    serves("1.0.0");
}

static void older_object_is_switched_off_alone(void **state)
{
    json_t *status;
    json_int_t before;

    (void)state;
    assert_int_equal(gateway_stop(running, SIGTERM), 0);
    author_copy(running, bad, "faulty");
    shell("rm -rf '%s/state' '%s/staging'", running->directory, running->directory);
    gateway_start(running); /* it is there from the first generation on */
    gateway_put(running, "routes/plain",
                "{\"uri\": \"/plain\", \"upstream\": {\"nodes\": {\"127.0.0.1:%u\": 1}}}",
                origin_port(upstream));
    before = generation_now();
    route_put("access", "crash", 1);
    (void)provoke(before);
    status = gateway_status(running);
    item_is(status, "plugins", "faulty", "state", "disabled");
    item_is(status, "plugins", "victim", "state", "loaded");
    json_decref(status);
    assert_int_equal(status_of("/faulty"), 503);
    assert_int_equal(status_of("/plain"), 200);
    reload_is("", 200, "faulty", "quarantined");
}

/* ------------------------------------------------------------------------------------- main */

static int begin(void **state)
{
    (void)state;
    upstream = origin_start();
    good = author_build("faulty", "faulty", "-DFAULTY_GOOD");
    bad = author_build("faulty", "faulty", "-DFAULTY_VERSION='\"2.0.0\"'");
    worse = author_build("faulty", "faulty", "-DFAULTY_VERSION='\"3.0.0\"'");
    running = gateway_make(&(gateway_options){
        .workers = 4,
        .hotgate = "call_limit: 1s, worker_memory: 128m",
    });
    author_install(running, "victim", "victim", "");
    author_copy(running, good, "faulty");
    gateway_start(running);
    gateway_put(running, "routes/plain",
                "{\"uri\": \"/plain\", \"upstream\": {\"nodes\": {\"127.0.0.1:%u\": 1}}}",
                origin_port(upstream));
    return 0;
}

static int end(void **state)
{
    (void)state;
    gateway_free(running);
    origin_stop(upstream);
    free(good);
    free(bad);
    free(worse);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(new_object_that_workers_die_of_goes_back),
        cmocka_unit_test(report_has_the_symbols_of_the_plugin),
        cmocka_unit_test(slow_call_is_told_with_its_stack),
        cmocka_unit_test(stopped_worker_is_not_ended),
        cmocka_unit_test(configuration_that_workers_die_of_is_left_out_alone),
        cmocka_unit_test(memory_of_another_plugin_is_the_new_ones_fault),
        cmocka_unit_test(object_without_a_way_back_is_switched_off_alone),
        cmocka_unit_test(quarantine_outlasts_a_restart),
        cmocka_unit_test(kills_from_outside_blame_nobody),
        cmocka_unit_test(nothing_loops_while_control_is_dead),
        cmocka_unit_test(older_object_is_switched_off_alone),
    };

    return report(cmocka_run_group_tests(tests, begin, end));
}
