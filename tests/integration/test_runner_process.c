/* tests/integration/test_runner_process.c - the runner of ext-plugin.cmd: started with the gateway,
 * shown, started again, replaced when it is another, gone with the gateway. */
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/integration/command.h"
#include "tests/integration/connection.h"
#include "tests/integration/gateway.h"
#include "tests/unit/unit.h"

#define SCRIPT "echo listening at $APISIX_LISTEN_ADDRESS; sleep 1000 & wait"

static gateway *running;

static char *settings_of(const char *script, const char *variable)
{
    return text_format("ext-plugin:\n  cmd: [sh, -c, '%s']\n  path_for_test: /tmp/hotgate-%d.sock\n"
                       "# %s\n",
                       script, (int)getpid(), variable);
}

static int set_up(void **state)
{
    (void)state;
    running = gateway_run(&(gateway_options){
        .settings = "ext-plugin: {cmd: [sh, -c, '" SCRIPT "', first]}",
    });
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    gateway_free(running);
    return 0;
}

/* What the status says of the only runner; NULL: there is none. Owned by the caller. */
static json_t *shown(void)
{
    json_t *status = gateway_status(running);
    json_t *runner = json_incref(json_array_get(json_object_get(status, "runners"), 0));

    json_decref(status);
    return runner;
}

static pid_t runner_pid(void)
{
    json_t *runner = shown();
    pid_t pid = (pid_t)json_integer_value(json_object_get(runner, "pid"));

    json_decref(runner);
    return pid;
}

static bool control_answers(void)
{
    json_t *status = gateway_status(running);
    bool answers = status != NULL;

    json_decref(status);
    return answers;
}

/* Another one than before, which is gone. */
static pid_t wait_for_another(pid_t before)
{
    pid_t found = 0;

    WAIT_UNTIL((found = runner_pid()) != 0 && found != before);
    assert_false(process_lives(before));
    return found;
}

static void configure(const char *settings)
{
    running->options.settings = settings;
    gateway_configure(running);
    assert_int_equal(kill(running->pid, SIGHUP), 0);
}

static void it_is_shown_and_its_lines_are_in_the_log(void **state)
{
    char *address =
        text_format("runner: listening at unix:%s/run/ext-plugin/runner.sock", running->directory);
    json_t *runner;
    response got = {0};
    connection to = {0};

    (void)state;
    gateway_wait_log(running, "logs/control.log", address);
    WAIT_UNTIL(runner_pid() != 0);
    runner = shown();
    assert_string_equal(json_string_value(json_object_get(runner, "name")), "runner");
    assert_int_equal(json_integer_value(json_object_get(runner, "restarts")), 0);
    assert_true(json_integer_value(json_object_get(runner, "since")) > 0);
    assert_true(json_is_null(json_object_get(runner, "last_exit")));
    assert_true(connection_open(&to, running->control_port));
    connection_request(&to, "GET", "/v1/runners", "", NULL, &got);
    connection_close(&to);
    assert_int_equal(got.status, 200);
    assert_non_null(strstr(got.body, "\"program\":\"sh\",\"socket\":\""));
    assert_null(strstr(got.body, "first")); /* an argument: it may be secret */
    response_done(&got);
    json_decref(runner);
    free(address);
}

static void as_root_it_is_the_workers_user(void **state)
{
    const struct passwd *worker = getpwnam("hotgate-worker");
    char path[64];
    struct stat info;

    (void)state;
    if (geteuid() != 0) {
        skip();
    }
    assert_non_null(worker);
    WAIT_UNTIL(runner_pid() != 0);
    (void)snprintf(path, sizeof(path), "/proc/%d", (int)runner_pid());
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_uid, worker->pw_uid);
}

static void one_that_is_killed_comes_back(void **state)
{
    pid_t first;
    json_t *runner;

    (void)state;
    WAIT_UNTIL(runner_pid() != 0);
    first = runner_pid();
    assert_int_equal(kill(first, SIGKILL), 0);
    (void)wait_for_another(first);
    runner = shown();
    assert_int_equal(json_integer_value(json_object_get(runner, "restarts")), 1);
    assert_string_equal(json_string_value(json_object_get(runner, "last_exit")),
                        "was killed by signal 9 (Killed)");
    json_decref(runner);
    gateway_wait_log(running, "logs/control.log", "was killed by signal 9 (Killed); started again");
}

static void the_death_of_nginx_and_of_control_leaves_it_alone(void **state)
{
    pid_t runner;
    pid_t master = gateway_master(running);
    pid_t control = gateway_control(running);

    (void)state;
    WAIT_UNTIL(runner_pid() != 0);
    runner = runner_pid();
    assert_int_equal(kill(master, SIGKILL), 0);
    assert_int_equal(kill(control, SIGKILL), 0);
    WAIT_UNTIL(gateway_master(running) != 0 && gateway_master(running) != master &&
               gateway_control(running) != 0 && gateway_control(running) != control);
    assert_true(process_lives(runner));
    WAIT_UNTIL(control_answers());
    assert_int_equal(runner_pid(), runner);
}

static void hup_starts_it_anew_if_it_is_another(void **state)
{
    char *other = settings_of(SCRIPT, "first");
    char *same = settings_of(SCRIPT, "second");
    pid_t first;
    pid_t second;

    (void)state;
    WAIT_UNTIL(runner_pid() != 0);
    first = runner_pid();
    configure(other);
    second = wait_for_another(first);
    configure(same);
    gateway_wait_log(running, "logs/control.log", "the configuration was read again");
    WAIT_UNTIL(control_answers());
    assert_int_equal(runner_pid(), second);
    configure(NULL);
    WAIT_UNTIL(!process_lives(second));
    WAIT_UNTIL(control_answers());
    assert_null(shown());
    free(other);
    free(same);
}

static void nothing_of_it_outlives_the_gateway(void **state)
{
    (void)state;
    WAIT_UNTIL(runner_pid() != 0);
    assert_int_equal(gateway_stop(running, SIGQUIT), 0); /* and looks for what is left */
    running->options.settings = "ext-plugin: {cmd: [sleep, '1000']}"; /* a process without others */
    gateway_configure(running);
    gateway_start(running);
    WAIT_UNTIL(runner_pid() != 0);
    gateway_kill(running);
}

#define ROW(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ROW(it_is_shown_and_its_lines_are_in_the_log),
        ROW(as_root_it_is_the_workers_user),
        ROW(one_that_is_killed_comes_back),
        ROW(the_death_of_nginx_and_of_control_leaves_it_alone),
        ROW(hup_starts_it_anew_if_it_is_another),
        ROW(nothing_of_it_outlives_the_gateway),
    };

    return report(cmocka_run_group_tests(tests, NULL, NULL));
}
