/* tests/integration/test_sanitizer.c - in a sanitized build a mistake of a plugin is reported, with
 * its file: so no report of the other tests means that there is none. */
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "tests/integration/author.h"
#include "tests/integration/command.h"
#include "tests/integration/gateway.h"
#include "tests/integration/load.h"
#include "tests/integration/origin.h"
#include "tests/integration/sanitizer.h"
#include "tests/unit/unit.h"

#define RELOADS 10u

static gateway *running;
static origin *upstream;

static int set_up(void **state)
{
    (void)state;
    upstream = origin_start();
    running = gateway_make(NULL);
    author_install(running, "overflow", "overflow", "");
    author_install(running, "target", "target", "");
    gateway_start(running);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    gateway_free(running);
    origin_stop(upstream);
    return 0;
}

static bool is_reported(const char *text)
{
    char *log = gateway_log(running, "logs/error.log");
    char *reports;
    bool is_there;

    sanitizer_look(log);
    reports = sanitizer_reports();
    is_there = strstr(reports, text) != NULL;
    free(reports);
    free(log);
    return is_there;
}

static void reloads_under_load_are_clean(void **state)
{
    char *objects[2] = {author_build("target", "target", "-DTARGET_VERSION='\"2\"'"),
                        author_build("target", "target", "-DTARGET_VERSION='\"3\"'")};
    load *requests;
    load_result result;
    char *reports;

    (void)state;
    gateway_put(running, "routes/target",
                "{\"uri\": \"/target\", \"plugins\": {\"target\": {}},"
                " \"upstream\": {\"nodes\": {\"127.0.0.1:%u\": 1}}}",
                origin_port(upstream));
    requests = load_start(&(load_plan){
        .port = running->port, .target = "/target", .connections = 4, .pause_us = 2000});
    for (unsigned i = 0; i < RELOADS; i++) {
        author_copy(running, objects[i % 2], "target");
        json_decref(gateway_reload(running));
        load_wait(requests, 20);
    }
    result = load_stop(requests);
    assert_int_equal(result.failures, 0);
    reports = sanitizer_reports();
    assert_string_equal(reports, "");
    free(reports);
    free(objects[0]);
    free(objects[1]);
}

static void planted_mistake_is_reported_with_its_file(void **state)
{
    connection one = {.fd = -1};
    static const char text[] = "GET /overflow HTTP/1.1\r\nHost: a\r\n\r\n";
    char *log = gateway_path(running, "logs/error.log");

    (void)state;
    gateway_put(running, "routes/overflow",
                "{\"uri\": \"/overflow\", \"plugins\": {\"overflow\": {}},"
                " \"upstream\": {\"nodes\": {\"127.0.0.1:%u\": 1}}}",
                origin_port(upstream));
    assert_true(connection_open(&one, running->port));
    assert_true(connection_send(&one, text, sizeof(text) - 1));
    WAIT_UNTIL(is_reported("ABORTING")); /* the end of it: before that come two reports in pieces */
    assert_true(is_reported("overflow.c:"));
    assert_true(is_reported("heap-buffer-overflow"));
    connection_close(&one);
    shell(": > '%s'", log); /* it was expected */
    sanitizer_forget();
    free(log);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reloads_under_load_are_clean),
        cmocka_unit_test(planted_mistake_is_reported_with_its_file),
    };

    return report(cmocka_run_group_tests(tests, set_up, tear_down));
}
