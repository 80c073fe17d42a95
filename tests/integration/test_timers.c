/* tests/integration/test_timers.c - timers of plugins in workers that come, reload and go. */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/integration/author.h"
#include "tests/integration/command.h"
#include "tests/integration/gateway.h"
#include "tests/integration/origin.h"
#include "tests/integration/sanitizer.h"
#include "tests/unit/unit.h"

#define EVERY_MS 50
#define WATCH_MS 2000

static gateway *running;
static origin *server;

/* A gateway whose workers have the timer. */
static void begin(unsigned workers, const char *attributes)
{
    char *settings = text_format("plugin_attr: {timing: {%s}}", attributes);

    running = gateway_make(&(gateway_options){.workers = workers, .settings = settings});
    author_install(running, "timing", "timing", "");
    gateway_start(running);
    free(settings);
}

static int set_up(void **state)
{
    (void)state;
    server = origin_start();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    origin_stop(server);
    return 0;
}

static int end(void **state)
{
    (void)state;
    gateway_free(running);
    running = NULL;
    return 0;
}

static size_t count_in_log(const char *text)
{
    char *log = gateway_log(running, "logs/error.log");
    size_t count = 0;

    for (const char *at = strstr(log, text); at != NULL; at = strstr(at + 1, text)) {
        count++;
    }
    free(log);
    return count;
}

/* Turns per worker and period; 1: each worker has each. */
static double turns_a_period(unsigned workers)
{
    size_t before = count_in_log("of tick at");
    int64_t begin_ms = clock_ms();
    double periods;

    while (clock_ms() - begin_ms < WATCH_MS) {
        (void)poll(NULL, 0, 50);
    }
    periods = (double)(clock_ms() - begin_ms) / EVERY_MS;
    return (double)(count_in_log("of tick at") - before) / periods / workers;
}

static void each_worker_has_its_turns(void **state)
{
    double turns;

    (void)state;
    begin(3, "every: 50");
    gateway_wait_log(running, "logs/error.log", "of tick at");
    turns = turns_a_period(3);
    print_message("%.2f turns a worker and period\n", turns);
    assert_true(turns > 0.5 && turns <= 1.1);
}

static void one_worker_has_each_turn(void **state)
{
    pid_t pids[GATEWAY_WORKERS_MAX] = {0};
    double turns;

    (void)state;
    begin(3, "every: 50, one_worker: true");
    gateway_wait_log(running, "logs/error.log", "of tick at");
    turns = turns_a_period(1);
    print_message("%.2f turns a period\n", turns);
    assert_true(turns > 0.5 && turns <= 1.1);
    assert_int_equal(gateway_workers(running, pids), 3);
    assert_int_equal(kill(pids[0], SIGKILL), 0); /* whoever has it: others go on */
    turns = turns_a_period(1);
    assert_true(turns > 0.5 && turns <= 1.1);
}

static void a_turn_calls_a_server(void **state)
{
    char *attributes =
        text_format("every: 50, url: \"http://localhost:%u/?status=203\"", origin_port(server));

    (void)state;
    begin(1, attributes);
    free(attributes);
    gateway_wait_log(running, "logs/error.log", "called -> 0 203");
}

static void a_reload_ends_the_turns_of_what_it_replaces(void **state)
{
    json_t *status;
    json_int_t objects;

    (void)state;
    begin(2, "every: 20, sleep: 30");
    for (unsigned i = 0; i < 5; i++) {
        char *flags = text_format("-DVERSION='\"2.0.%u\"'", i);

        gateway_wait_log(running, "logs/error.log", "slept -> 0");
        author_install(running, "timing", "timing", flags);
        json_decref(gateway_reload(running));
        free(flags);
    }
    status = gateway_status(running);
    objects = (json_int_t)json_array_size(json_object_get(status, "plugins")) * 2;
    json_decref(status);
    WAIT_UNTIL(gateway_sum(running, "objects_mapped") == objects);
    assert_int_equal(gateway_sum(running, "objects_pinned"), 0);
    WAIT_UNTIL(count_in_log("a new one: 6") == 10); /* exit of each, in each worker */
}

static void a_crash_in_a_turn_is_the_plugins(void **state)
{
    (void)state;
    if (sanitizer_is_on()) {
        return; /* a crash is its business */
    }
    begin(1, "every: 50, sleep: 10, crash_at: 3");
    gateway_wait_log(running, "logs/error.log",
                     "this worker dies of signal 6 (Aborted), in a timer of plugin timing");
    gateway_wait_log(running, "logs/control.log", "has died in a timer of plugin timing");
}

static void an_end_does_not_wait_for_the_next_turn(void **state)
{
    int64_t begin_ms;

    (void)state;
    begin(1, "first: 3600000, every: 3600000");
    begin_ms = clock_ms();
    assert_int_equal(gateway_stop(running, SIGQUIT), 0);
    assert_true(clock_ms() - begin_ms < 5000);
    assert_int_equal(count_in_log("exit after 0 turns"), 1);
}

static void an_end_cancels_a_turn_that_waits(void **state)
{
    static const int signals[] = {SIGTERM, SIGQUIT};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(signals); i++) {
        int64_t begin_ms;

        begin(1, "every: 10, sleep: 1000000");
        gateway_wait_log(running, "logs/error.log", "turn 1 of tick");
        begin_ms = clock_ms();
        assert_int_equal(gateway_stop(running, signals[i]), 0);
        assert_true(clock_ms() - begin_ms < 5000);
        assert_int_equal(count_in_log("slept -> 13"), 1);
        assert_int_equal(count_in_log("exit after 1 turns"), 1);
        (void)end(NULL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(each_worker_has_its_turns, end),
        cmocka_unit_test_teardown(one_worker_has_each_turn, end),
        cmocka_unit_test_teardown(a_turn_calls_a_server, end),
        cmocka_unit_test_teardown(a_reload_ends_the_turns_of_what_it_replaces, end),
        cmocka_unit_test_teardown(a_crash_in_a_turn_is_the_plugins, end),
        cmocka_unit_test_teardown(an_end_does_not_wait_for_the_next_turn, end),
        cmocka_unit_test_teardown(an_end_cancels_a_turn_that_waits, end),
    };

    return report(cmocka_run_group_tests(tests, set_up, tear_down));
}
