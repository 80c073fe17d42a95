/* tests/unit/control/test_runner_output.c - what a runner prints becomes lines of the log. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "host/control/control_log.h"
#include "host/control/runner_output.h"
#include "tests/unit/unit.h"

static char log_path[64];
static char text[1 << 20];
static hgh_event_loop *loop;
static hgh_runner_output output;
static int into;

static int set_up(void **state)
{
    hg_error err = HG_ERROR_INIT;
    int fd;

    (void)state;
    (void)snprintf(log_path, sizeof(log_path), "/tmp/hotgate-test-XXXXXX");
    fd = mkstemp(log_path);
    (void)close(fd);
    memset(&output, 0, sizeof(output));
    return fd >= 0 && hgh_log_open(log_path, false, &err) == HG_OK &&
                   hgh_event_loop_new(&loop, &err) == HG_OK &&
                   hgh_runner_output_open(&output, loop, "runner", &into, &err) == HG_OK
               ? 0
               : -1;
}

static int tear_down(void **state)
{
    (void)state;
    hgh_runner_output_close(&output);
    hgh_event_loop_free(loop);
    hgh_log_close();
    return unlink(log_path);
}

static void print(const char *what)
{
    assert_int_equal(write(into, what, strlen(what)), (ssize_t)strlen(what));
}

static void on_end(void *context)
{
    hgh_event_loop_stop(context);
}

/* Closes the writing end and reads until the loop has seen it. */
static void finish(void)
{
    hgh_event_loop_timer timer = {0};
    hg_error err = HG_ERROR_INIT;

    (void)close(into);
    while (output.is_open) {
        hgh_event_loop_timer_start(loop, &timer, 1, on_end, loop);
        assert_int_equal(hgh_event_loop_run(loop, &err), HG_OK);
    }
}

/* The log without its times and process ids, but with levels other than that of a warning. */
static const char *logged(void)
{
    FILE *file = fopen(log_path, "r");
    char line[4096];
    size_t length = 0;

    assert_non_null(file);
    while (fgets(line, sizeof(line), file) != NULL) {
        bool is_warning = strstr(line, "[warn] ") != NULL;

        length += (size_t)snprintf(text + length, sizeof(text) - length, "%.*s%s",
                                   is_warning ? 0 : (int)strcspn(strchr(line, '['), " "),
                                   strchr(line, '['), strstr(line, "#0: ") + strlen("#0: "));
    }
    (void)fclose(file);
    return text;
}

static void each_line_has_the_name(void **state)
{
    (void)state;
    print("one\n\nthr");
    print("ee\n\tfour\x1b[1m\nno end");
    finish();
    assert_string_equal(logged(), "runner: one\nrunner: \nrunner: three\n"
                                  "runner: \\x09four\\x1B[1m\nrunner: no end\n");
}

static void a_line_of_our_own_has_its_level(void **state)
{
    (void)state;
    print("2026/11/28 10:23:34 [notice] 27839: serves\n"
          "2026/11/28 10:23:34 [error] 27839: fails\n"
          "2026/11/28 10:23:34 [info] 27839: not at this level of the log\n"
          "2026/11/28 10:23:34 [odd] 1: x\n"
          "2026/11/28 [error] y\n");
    finish();
    assert_string_equal(logged(), "[notice]runner: 27839: serves\n"
                                  "[error]runner: 27839: fails\n"
                                  "runner: 2026/11/28 10:23:34 [odd] 1: x\n"
                                  "runner: 2026/11/28 [error] y\n");
}

static void a_long_line_is_cut(void **state)
{
    char line[HGH_RUNNER_LINE_MAX + 500];
    char wanted[HGH_RUNNER_LINE_MAX + 100];

    (void)state;
    memset(line, 'x', sizeof(line) - 2);
    line[sizeof(line) - 2] = '\n';
    line[sizeof(line) - 1] = '\0';
    print(line);
    print("next\n");
    finish();
    (void)snprintf(wanted, sizeof(wanted), "runner: %.*s...\nrunner: next\n",
                   (int)HGH_RUNNER_LINE_MAX, line);
    assert_string_equal(logged(), wanted);
}

static void a_flood_is_counted(void **state)
{
    unsigned lines = 0;
    unsigned long left_out = 0;

    (void)state;
    for (unsigned i = 0; i < 3000; i++) {
        print("drop\n"); /* all of it fits into the pipe, and is read within one second */
    }
    finish();
    for (const char *at = logged(); *at != '\0'; at = strchr(at, '\n') + 1) {
        if (strncmp(at, "runner: drop\n", 13) == 0) {
            lines++;
        } else {
            assert_int_equal(sscanf(at, "runner: %lu more lines within a second", &left_out), 1);
        }
    }
    assert_int_equal(lines, HGH_RUNNER_LINES_MAX);
    assert_int_equal(left_out, 3000 - HGH_RUNNER_LINES_MAX);
}

#define ROW(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ROW(each_line_has_the_name),
        ROW(a_line_of_our_own_has_its_level),
        ROW(a_long_line_is_cut),
        ROW(a_flood_is_counted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
