/* tests/integration/test_watch_plugins.c - `hotgate run --watch-plugins`: what is built serves. */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/integration/author.h"
#include "tests/integration/command.h"
#include "tests/integration/gateway.h"
#include "tests/integration/load.h"
#include "tests/integration/origin.h"
#include "tests/unit/unit.h"

#define ROUNDS 20u

static gateway *running;
static origin *upstream;

static int set_up(void **state)
{
    const gateway_options options = {.watches = true};

    (void)state;
    upstream = origin_start();
    running = gateway_run(&options);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    gateway_free(running);
    origin_stop(upstream);
    return 0;
}

/* The version of a loaded plugin; "": it is not loaded. Until the next call. */
static const char *version_of(const char *name)
{
    static char version[40];
    json_t *status = gateway_status(running);
    size_t index;
    json_t *plugin;

    version[0] = '\0';
    json_array_foreach(json_object_get(status, "plugins"), index, plugin)
    {
        if (strcmp(json_string_value(json_object_get(plugin, "name")), name) == 0) {
            (void)snprintf(version, sizeof(version), "%s",
                           json_string_value(json_object_get(plugin, "version")));
        }
    }
    json_decref(status);
    return version;
}

static bool has_version(const char *name, const char *version)
{
    return strcmp(version_of(name), version) == 0;
}

static size_t told(const char *part)
{
    char *log = gateway_log(running, "logs/control.log");
    size_t count = 0;

    for (const char *at = log; (at = strstr(at, part)) != NULL; at++) {
        count++;
    }
    free(log);
    return count;
}

static char *object_of(const char *version)
{
    char *flags = text_format("-DVERSION='\"%s\"'", version);
    char *object = author_build("trace", "trace", flags);

    free(flags);
    return object;
}

/* The compiler writes into the directory itself, as in an author's edit and build. */
static void what_is_built_comes_into_service_and_goes(void **state)
{
    char *path = gateway_path(running, "plugins/trace.so");
    char *first = object_of("1.0.0");
    char *second = object_of("2.0.0");
    char *output;

    (void)state;
    author_copy(running, first, "trace");
    WAIT_UNTIL(has_version("trace", "1.0.0"));
    gateway_put(running, "routes/1",
                "{\"uri\": \"/t\", \"plugins\": {\"trace\": {\"tag\": \"x\"}},"
                " \"upstream\": {\"nodes\": {\"127.0.0.1:%u\": 1}}}",
                origin_port(upstream));
    author_copy(running, second, "trace"); /* in place */
    WAIT_UNTIL(has_version("trace", "2.0.0"));
    shell("cp '%s' '%s.new' && mv '%s.new' '%s'", first, path, path, path); /* renamed over */
    WAIT_UNTIL(has_version("trace", "1.0.0"));
    /* While a route needs it, it stays; each is told in a line. */
    assert_int_equal(unlink(path), 0);
    gateway_wait_log(running, "logs/control.log", "plugin trace is refused: its file is gone");
    assert_string_equal(version_of("trace"), "1.0.0");
    gateway_delete(running, "routes/1");
    author_copy(running, second, "trace");
    WAIT_UNTIL(has_version("trace", "2.0.0"));
    assert_int_equal(unlink(path), 0);
    WAIT_UNTIL(has_version("trace", ""));
    gateway_wait_log(running, "logs/control.log", "reload: plugin trace is removed");
    output = gateway_log(running, "logs/output.log");
    assert_non_null(strstr(output, "reload: plugin trace 2.0.0 is replaced"));
    free(output);
    free(first);
    free(second);
    free(path);
}

/* A writer that takes its time, and opens the file again and again. */
static void a_file_is_not_taken_before_its_writer_is_through(void **state)
{
    char *path = gateway_path(running, "plugins/trace.so");
    char *object = object_of("3.0.0");
    FILE *from = fopen(object, "re");
    int to = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);
    char piece[4096];
    size_t length;
    unsigned pieces = 0;

    (void)state;
    assert_non_null(from);
    assert_true(to >= 0);
    while ((length = fread(piece, 1, sizeof(piece), from)) > 0) {
        assert_int_equal(write(to, piece, length), (ssize_t)length);
        if (pieces++ < 3) { /* longer than the quiet that is waited for: the writer is seen */
            (void)poll(NULL, 0, 250);
        }
    }
    assert_string_equal(version_of("trace"), "");
    assert_int_equal(close(to), 0);
    WAIT_UNTIL(has_version("trace", "3.0.0"));
    assert_int_equal(told("plugin trace is refused: "), 1); /* of the test before */
    assert_int_equal(fclose(from), 0);
    free(object);
    free(path);
}

static void what_is_refused_is_told_once(void **state)
{
    char *broken = gateway_path(running, "plugins/broken.so");
    char *object = object_of("4.0.0");

    (void)state;
    file_write(broken, "no object", strlen("no object"));
    gateway_wait_log(running, "logs/control.log", "plugin broken is refused: ");
    author_copy(running, object, "trace"); /* which it does not hold up */
    WAIT_UNTIL(has_version("trace", "4.0.0"));
    shell("touch '%s'", broken);
    free(object);
    object = object_of("5.0.0");
    author_copy(running, object, "trace");
    WAIT_UNTIL(has_version("trace", "5.0.0"));
    assert_int_equal(told("plugin broken is refused: "), 1);
    file_write(broken, "something else", strlen("something else"));
    WAIT_UNTIL(told("plugin broken is refused: ") == 2);
    assert_int_equal(unlink(broken), 0);
    free(object);
    free(broken);
}

/* Copies faster than reloads: the last one is what serves, and no request fails. */
static void the_last_of_many_changes_is_in_force(void **state)
{
    load_plan plan = {.port = running->port, .target = "/t", .connections = 4};
    char *objects[2] = {object_of("6.0.0"), object_of("7.0.0")};
    load *background;
    load_result result;

    (void)state;
    gateway_put(running, "routes/1",
                "{\"uri\": \"/t\", \"plugins\": {\"trace\": {\"tag\": \"x\"}},"
                " \"upstream\": {\"nodes\": {\"127.0.0.1:%u\": 1}}}",
                origin_port(upstream));
    background = load_start(&plan);
    for (unsigned i = 0; i < ROUNDS; i++) {
        author_copy(running, objects[i % 2], "trace");
        (void)poll(NULL, 0, (int)(i * 20)); /* before, while and after one is being loaded */
    }
    WAIT_UNTIL(has_version("trace", (ROUNDS - 1) % 2 == 0 ? "6.0.0" : "7.0.0"));
    author_copy(running, objects[ROUNDS % 2], "trace");
    WAIT_UNTIL(has_version("trace", ROUNDS % 2 == 0 ? "6.0.0" : "7.0.0"));
    load_wait(background, 100);
    result = load_stop(background);
    if (result.failures != 0) {
        fail_msg("%zu requests failed: %s", result.failures, result.first);
    }
    free(objects[0]);
    free(objects[1]);
}

/* What was built while the gateway did not run, and after control was killed. */
static void what_was_missed_is_made_up_for(void **state)
{
    char *object = object_of("8.0.0");
    pid_t control;

    (void)state;
    assert_int_equal(gateway_stop(running, SIGTERM), 0);
    author_copy(running, object, "trace");
    gateway_start(running);
    WAIT_UNTIL(has_version("trace", "8.0.0"));
    free(object);
    object = object_of("9.0.0");
    control = gateway_control(running);
    assert_int_equal(kill(control, SIGKILL), 0);
    author_copy(running, object, "trace");
    WAIT_UNTIL(has_version("trace", "9.0.0"));
    free(object);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_built_comes_into_service_and_goes),
        cmocka_unit_test(a_file_is_not_taken_before_its_writer_is_through),
        cmocka_unit_test(what_is_refused_is_told_once),
        cmocka_unit_test(the_last_of_many_changes_is_in_force),
        cmocka_unit_test(what_was_missed_is_made_up_for),
    };

    return report(cmocka_run_group_tests(tests, set_up, tear_down));
}
