/* tests/integration/test_isolate.c - plugins that run in the gateway's own runner: where they run,
 * what is refused, what a crash costs, reloads, and the word for all of a plugin. */
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "tests/integration/author.h"
#include "tests/integration/command.h"
#include "tests/integration/connection.h"
#include "tests/integration/gateway.h"
#include "tests/integration/origin.h"
#include "tests/unit/unit.h"

static gateway *running;
static origin *upstream;
static response got;

static void put(const char *key, const char *uri, const char *plugins)
{
    gateway_put(running, key,
                "{\"uri\": \"%s\", \"plugins\": %s, \"upstream\": {\"nodes\": "
                "{\"127.0.0.1:%u\": 1}}}",
                uri, plugins, origin_port(upstream));
}

static int set_up(void **state)
{
    (void)state;
    upstream = origin_start();
    running = gateway_make(&(gateway_options){.hotgate = "call_limit: 2s"});
    author_install(running, "isolated", "isolated", "");
    author_install(running, "isolated", "other", "");
    gateway_start(running);
    put("routes/in", "/in", "{\"isolated\": {\"text\": \"a\"}}");
    put("routes/out", "/out", "{\"isolated\": {\"text\": \"b\", \"_meta\": {\"isolate\": true}}}");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    gateway_free(running);
    running = NULL;
    origin_stop(upstream);
    response_done(&got);
    return 0;
}

/* --- tools --- */

/* A process that a header of the last response names; 0: the header is not there. */
static pid_t pid_in(const char *header)
{
    const char *value = response_header(&got, header);

    return value == NULL ? 0 : (pid_t)atoi(value);
}

static bool is_worker(pid_t pid)
{
    pid_t workers[GATEWAY_WORKERS_MAX];
    size_t count = gateway_workers(running, workers);

    for (size_t i = 0; i < count; i++) {
        if (workers[i] == pid) {
            return true;
        }
    }
    return false;
}

/* The isolated runners that the status shows. */
static size_t runner_count(void)
{
    json_t *status = gateway_status(running);
    size_t count = json_array_size(json_object_get(status, "runners"));

    json_decref(status);
    return count;
}

/* The process of the newest one. */
static pid_t runner_pid(void)
{
    json_t *status = gateway_status(running);
    const json_t *runners = json_object_get(status, "runners");
    json_t *newest = json_array_get(runners, json_array_size(runners) - 1);
    pid_t pid = (pid_t)json_integer_value(json_object_get(newest, "pid"));

    json_decref(status);
    return pid;
}

static void get(const char *target, const char *headers, int status)
{
    http_get(running->port, target, headers, &got);
    if (got.status != status) {
        fail_msg("%s %s: %d, wanted %d", target, headers, got.status, status);
    }
}

/* --- tests --- */

static void one_word_moves_a_plugin_out_of_the_workers(void **state)
{
    admin_reply reply;

    (void)state;
    get("/in", "", 200);
    assert_true(is_worker(pid_in("X-Rewrite")));
    assert_string_equal(response_header(&got, "X-Text"), "a");
    get("/out", "", 200);
    assert_int_equal(pid_in("X-Rewrite"), runner_pid());
    assert_int_equal(pid_in("X-Filter"), runner_pid());
    assert_string_equal(response_header(&got, "X-Text"), "b");
    get("/out", "X-Do: stop\r\n", 418);
    assert_int_equal(runner_count(), 1);
    reply = gateway_admin(running, "GET", "/explain?uri=/out", NULL);
    assert_non_null(strstr(reply.text, "\"isolated\":true"));
    admin_reply_done(&reply);
    put("routes/out", "/out", "{\"isolated\": {\"text\": \"c\", \"_meta\": {\"isolate\": false}}}");
    get("/out", "", 200);
    assert_true(is_worker(pid_in("X-Rewrite")));
}

static void what_cannot_be_isolated_is_refused_with_all_reasons(void **state)
{
    admin_reply reply = gateway_admin(
        running, "PUT", "routes/no",
        "{\"uri\": \"/no\", \"plugins\": {\"key-auth\": {\"_meta\": {\"isolate\": true}}}}");

    (void)state;
    assert_int_equal(reply.status, 400);
    assert_non_null(strstr(reply.text, "it cannot be isolated: it authenticates consumers"));
    admin_reply_done(&reply);
    reply = gateway_admin(running, "PUT", "routes/no",
                          "{\"uri\": \"/no\", \"plugins\": {\"isolated\": {\"_meta\": "
                          "{\"isolate\": \"yes\"}}}}");
    assert_int_equal(reply.status, 400);
    admin_reply_done(&reply);
}

static void a_crash_costs_that_call_and_nothing_else(void **state)
{
    pid_t before;
    json_t *status;

    (void)state;
    get("/out", "", 200);
    before = pid_in("X-Rewrite");
    for (unsigned i = 0; i < 4; i++) { /* workers would have left it out after two */
        get("/out", "X-Do: crash\r\n", 503);
        get("/in", "", 200);
        get("/out", "", 200);
        assert_int_not_equal(pid_in("X-Rewrite"), before);
        before = pid_in("X-Rewrite");
    }
    gateway_wait_log(running, "logs/control.log",
                     "has died in rewrite of plugin isolated 1.0.0 (sha256 ");
    gateway_wait_log(running, "logs/control.log",
                     ", routes/out, in the isolated runner: signal 11 (Segmentation fault)");
    status = gateway_status(running);
    assert_int_equal(json_array_size(json_object_get(status, "quarantine")), 0);
    assert_int_equal(json_integer_value(json_object_get(status, "generation")), 1);
    json_decref(status);
}

static void a_call_that_does_not_come_back_is_ended(void **state)
{
    (void)state;
    get("/out", "", 200);
    get("/out", "X-Do: hang\r\n", 503);
    gateway_wait_log(running, "logs/control.log",
                     "in the isolated runner: it did not come back and was killed");
    get("/out", "", 200);
}

static void it_comes_back_whoever_is_killed(void **state)
{
    pid_t control = gateway_control(running);
    pid_t before;

    (void)state;
    get("/out", "", 200);
    before = pid_in("X-Rewrite");
    assert_int_equal(kill(control, SIGKILL), 0);
    get("/out", "", 200);
    assert_int_equal(pid_in("X-Rewrite"), before);
    WAIT_UNTIL(gateway_control(running) != 0 && gateway_control(running) != control);
    assert_int_equal(kill(before, SIGKILL), 0);
    get("/out", "", 200);
    assert_int_not_equal(pid_in("X-Rewrite"), before);
    gateway_kill(running);
    gateway_start(running);
    get("/out", "", 200);
    assert_false(is_worker(pid_in("X-Rewrite")));
}

static void a_reload_has_a_runner_of_its_own(void **state)
{
    pid_t before;
    json_t *report;

    (void)state;
    get("/out", "", 200);
    before = pid_in("X-Rewrite");
    author_install(running, "isolated", "isolated", "-DISOLATED_VERSION='\"1.1.0\"'");
    report = gateway_reload(running);
    get("/out", "", 200);
    assert_string_equal(response_header(&got, "X-Version"), "1.1.0");
    assert_int_not_equal(pid_in("X-Rewrite"), before);
    WAIT_UNTIL(!process_lives(before));
    WAIT_UNTIL(runner_count() == 1);
    get("/out", "", 200);
    json_decref(report);
}

/* Reloads with such a list; what the report says. */
static char *reload_with(const char *isolate, int status)
{
    admin_reply reply;
    char *text;

    running->options.hotgate = isolate;
    gateway_configure(running);
    reply = gateway_admin(running, "PUT", "plugins/reload", NULL);
    assert_int_equal(reply.status, status);
    text = reply.text;
    reply.text = NULL;
    admin_reply_done(&reply);
    return text;
}

/* True if any worker has the object of the plugin "other" in its memory. */
static bool is_in_a_worker(void)
{
    pid_t workers[GATEWAY_WORKERS_MAX];
    size_t count = gateway_workers(running, workers);
    bool is_there = false;

    assert_true(count > 0);
    for (size_t i = 0; i < count; i++) {
        char path[64];
        char *maps;

        (void)snprintf(path, sizeof(path), "/proc/%d/maps", (int)workers[i]);
        maps = file_read(path);
        is_there = is_there || strstr(maps, "/staging/other") != NULL;
        free(maps);
    }
    return is_there;
}

static void all_of_a_plugin_can_be_isolated(void **state)
{
    char *refused;

    (void)state;
    put("routes/other", "/other", "{\"other\": {}}");
    get("/other", "", 200);
    assert_true(is_worker(pid_in("X-Rewrite")));
    assert_true(is_in_a_worker());
    free(reload_with("isolate: [other, nosuch]", 200));
    get("/other", "", 200);
    assert_int_equal(pid_in("X-Rewrite"), runner_pid());
    assert_int_equal(pid_in("X-Filter"), runner_pid());
    WAIT_UNTIL(!is_in_a_worker());
    gateway_wait_log(running, "logs/control.log", "hotgate.isolate: there is no plugin nosuch");
    refused = reload_with("isolate: [key-auth]", 409);
    assert_non_null(strstr(refused, "cannot be isolated, as hotgate.isolate wants it: it is a "
                                    "plugin that authenticates consumers"));
    get("/other", "", 200);
    assert_false(is_worker(pid_in("X-Rewrite")));
    free(reload_with(NULL, 200));
    get("/other", "", 200);
    assert_true(is_worker(pid_in("X-Rewrite")));
    free(refused);
}

#define ROW(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ROW(one_word_moves_a_plugin_out_of_the_workers),
        ROW(what_cannot_be_isolated_is_refused_with_all_reasons),
        ROW(a_crash_costs_that_call_and_nothing_else),
        ROW(a_call_that_does_not_come_back_is_ended),
        ROW(it_comes_back_whoever_is_killed),
        ROW(a_reload_has_a_runner_of_its_own),
        ROW(all_of_a_plugin_can_be_isolated),
    };

    return report(cmocka_run_group_tests(tests, NULL, NULL));
}
