/* tests/unit/runner/test_log.c - a line of the runner's log: its time, its level, and that it can
 * be written wherever a plugin dies. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "host/runner/log.h"
#include "tests/unit/unit.h"

#define DEADLINE_S 20u

/* What a call writes to standard error. */
static void capture(void (*call)(void), char *into, size_t size)
{
    FILE *file = tmpfile();
    int before = dup(STDERR_FILENO);
    size_t length;

    assert_non_null(file);
    assert_true(before >= 0 && dup2(fileno(file), STDERR_FILENO) == STDERR_FILENO);
    call();
    (void)dup2(before, STDERR_FILENO);
    (void)close(before);
    rewind(file);
    length = fread(into, 1, size - 1, file);
    into[length] = '\0';
    (void)fclose(file);
}

static void line_write(void)
{
    hgh_runner_log(HG_LOG_WARN, "two\nlines of %s", "text");
}

static void a_line_has_the_time_of_the_world(void **state)
{
    char line[256];
    char wanted[64];
    char rest[64];
    struct tm parts;
    bool is_right = false;

    (void)state;
    (void)snprintf(rest, sizeof(rest), " [warn] %d: two lines of text\n", (int)getpid());
    for (unsigned i = 0; i < 3 && !is_right; i++) { /* a second may end in between */
        time_t now = time(NULL);

        capture(line_write, line, sizeof(line));
        (void)gmtime_r(&now, &parts);
        (void)strftime(wanted, sizeof(wanted), "%Y/%m/%d %H:%M:%S", &parts);
        is_right = strncmp(line, wanted, strlen(wanted)) == 0;
    }
    assert_true(is_right);
    assert_string_equal(line + strlen(wanted), rest);
}

static void days_are_those_of_the_calendar(void **state)
{
    static const struct {
        time_t at;
        const char *text;
    } rows[] = {
        {0, "1970/01/01 00:00:00"},          {951782399, "2000/02/28 23:59:59"},
        {951782400, "2000/02/29 00:00:00"},  {951868800, "2000/03/01 00:00:00"},
        {1709164800, "2024/02/29 00:00:00"}, {1735689599, "2024/12/31 23:59:59"},
        {1735689600, "2025/01/01 00:00:00"}, {4107542400, "2100/03/01 00:00:00"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        char text[HGH_RUNNER_TIME_MAX];

        assert_int_equal(hgh_runner_time_write(rows[i].at, text), strlen(rows[i].text));
        assert_string_equal(text, rows[i].text);
    }
}

static void on_fault(int number)
{
    (void)number;
    hgh_runner_log(HG_LOG_ERROR, "dies");
    _exit(7);
}

/* The C library holds its lock of time zones while it writes where there is no memory. */
static void a_plugin_may_die_within_the_calendar(void **state)
{
    int wait_status = 0;
    pid_t child = fork();

    (void)state;
    assert_true(child >= 0);
    if (child == 0) {
        struct tm *volatile nowhere = NULL;
        time_t now = 0;
        int nothing = open("/dev/null", O_WRONLY | O_CLOEXEC);

        (void)dup2(nothing, STDERR_FILENO);
        (void)signal(SIGALRM, SIG_DFL);
        (void)alarm(DEADLINE_S);
        (void)signal(SIGSEGV, on_fault);
        (void)localtime_r(&now, nowhere);
        _exit(0); /* this library does not mind */
    }
    assert_int_equal(waitpid(child, &wait_status, 0), child);
    assert_true(WIFEXITED(wait_status)); /* else it has waited for ever */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_has_the_time_of_the_world),
        cmocka_unit_test(days_are_those_of_the_calendar),
        cmocka_unit_test(a_plugin_may_die_within_the_calendar),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
