/* tests/unit/control/test_runners.c - the runner of ext-plugin.cmd is started as it is told to,
 * told of when it ends, started again, and never left behind.
 *
 * Real processes of the shell, and a loop that waits for them as the supervisor's does. */
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host/control/control_log.h"
#include "host/control/runner_report.h"
#include "host/control/runner_socket.h"
#include "host/control/runners.h"
#include "tests/unit/ordinary_user.h"
#include "tests/unit/unit.h"

#define DEADLINE_MS 30000u

static char directory[64];
static char text[1 << 16];
static hgh_instance instance;
static hgh_event_loop *loop;
static hgh_runners *runners;

static void on_child(void *context, int number)
{
    int wait_status = 0;
    pid_t pid;

    (void)context;
    (void)number;
    while ((pid = waitpid(-1, &wait_status, WNOHANG)) > 0) {
        if (hgh_runners_have(runners, pid)) {
            hgh_runners_ended(runners, pid, wait_status);
        }
    }
}

static int set_up(void **state)
{
    hg_error err = HG_ERROR_INIT;
    char path[128];

    (void)state;
    (void)snprintf(directory, sizeof(directory), "/tmp/hotgate-test-XXXXXX");
    if (mkdtemp(directory) == NULL) {
        return -1;
    }
    (void)snprintf(path, sizeof(path), "%s/run", directory);
    (void)mkdir(path, 0700);
    (void)snprintf(path, sizeof(path), "%s/run/ext-plugin", directory);
    (void)mkdir(path, 0700);
    (void)snprintf(path, sizeof(path), "%s/log", directory);
    instance = (hgh_instance){.directory = directory};
    if (hgh_log_open(path, false, &err) != HG_OK || hgh_event_loop_new(&loop, &err) != HG_OK ||
        hgh_event_loop_signal(loop, SIGCHLD, on_child, NULL, &err) != HG_OK) {
        return -1;
    }
    runners = hgh_runners_new(loop, &instance);
    return runners == NULL ? -1 : 0;
}

static int remove_one(const char *path, const struct stat *info, int kind, struct FTW *place)
{
    (void)info;
    (void)kind;
    (void)place;
    return remove(path);
}

static int tear_down(void **state)
{
    (void)state;
    hgh_runners_free(runners);
    hgh_event_loop_free(loop);
    hgh_log_close();
    return nftw(directory, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* --- tools --- */

static void on_turn(void *context)
{
    hgh_event_loop_stop(context);
}

static void turn(void)
{
    hgh_event_loop_timer timer = {0};
    hg_error err = HG_ERROR_INIT;

    hgh_event_loop_timer_start(loop, &timer, 2, on_turn, loop);
    assert_int_equal(hgh_event_loop_run(loop, &err), HG_OK);
}

static const char *logged(void)
{
    char path[128];
    size_t length = 0;
    FILE *file;

    (void)snprintf(path, sizeof(path), "%s/log", directory);
    file = fopen(path, "r");
    assert_non_null(file);
    length = fread(text, 1, sizeof(text) - 1, file);
    text[length] = '\0';
    (void)fclose(file);
    return text;
}

#define WAIT_UNTIL(condition)                                                                      \
    do {                                                                                           \
        uint64_t deadline_ms = hgh_event_loop_now_ms() + DEADLINE_MS;                              \
        while (!(condition)) {                                                                     \
            if (hgh_event_loop_now_ms() > deadline_ms) {                                           \
                fail_msg("never true: %s\n%s", #condition, logged());                              \
            }                                                                                      \
            turn();                                                                                \
        }                                                                                          \
    } while (0)

static void wait_for(const char *what)
{
    WAIT_UNTIL(strstr(logged(), what) != NULL);
}

/* The settings with this text, until the loop runs. */
static void configure(const char *yaml)
{
    hg_issues errors = {0};
    hg_issues warnings = {0};
    hg_error err = HG_ERROR_INIT;
    hgh_settings *settings = NULL;

    assert_int_equal(
        hgh_settings_parse(yaml, strlen(yaml), "config.yaml", &settings, &errors, &warnings),
        HG_OK);
    assert_int_equal(hgh_runners_configure(runners, settings, &err), HG_OK);
    hgh_settings_free(settings);
}

static void configure_script(const char *script)
{
    char yaml[2048];

    (void)snprintf(yaml, sizeof(yaml), "ext-plugin: {cmd: [sh, -c, '%s', name, 'a b']}\n", script);
    configure(yaml);
}

/* What the report says of the only runner. */
static json_t *reported(void)
{
    json_t *array = hgh_runner_report_read(&instance);
    json_t *one = json_incref(json_array_get(array, 0));

    json_decref(array);
    return one;
}

static long reported_pid(void)
{
    json_t *one = reported();
    long pid = (long)json_integer_value(json_object_get(one, "pid"));

    json_decref(one);
    return pid;
}

static bool report_is_empty(void)
{
    json_t *array = hgh_runner_report_read(&instance);
    bool is_empty = json_array_size(array) == 0;

    json_decref(array);
    return is_empty;
}

static void stop_all(void)
{
    pid_t pids[HGH_RUNNERS_MAX];

    hgh_runners_stop(runners);
    WAIT_UNTIL(hgh_runners_pids(runners, pids) == 0);
}

/* --- tests --- */

static void it_gets_its_arguments_and_a_small_environment(void **state)
{
    static const char *const wanted[] = {
        "runner: ./name a b\n",
        "runner: HOME=/nowhere\n",
        "runner: HG_TEST_NAMED=1\n",
        "runner: HG_TEST_SET=2",
        "unix:",
        "/run/ext-plugin/runner.sock\n",
        "TIME=3600\n",
        "runner: end\n",
    };
    int leaked = open("/dev/null", O_RDONLY); /* inherited but for what is done against it */

    (void)state;
    (void)setenv("HG_TEST_NAMED", "1", 1);
    (void)setenv("HG_TEST_OTHER", "1", 1);
    configure("ext-plugin: {cmd: [sh, -c, 'echo \"./$0 $1\"; env; ls -l /proc/$$/fd; cat; "
              "echo end >&2; exec sleep 1000', name, 'a b']}\n"
              "nginx_config: {envs: [HG_TEST_NAMED, HG_TEST_NONE, HG_TEST_SET=2, HOME=/nowhere]}");
    for (size_t i = 0; i < ARRAY_SIZE(wanted); i++) {
        wait_for(wanted[i]);
    }
    assert_null(strstr(logged(), "HG_TEST_OTHER"));
    assert_null(strstr(logged(), "HG_TEST_NONE"));
    assert_null(strstr(logged(), "eventfd"));
    assert_null(strstr(logged(), " 3 -> "));
    assert_int_equal(getpgid((pid_t)reported_pid()), reported_pid());
    (void)close(leaked);
    stop_all();
}

static void an_end_is_told_and_it_starts_again_later_and_later(void **state)
{
    static const char *const wanted[] = {
        ") exited with status 7; started again in 100 ms\n",
        ") exited with status 7; started again in 200 ms\n",
        ") exited with status 7; started again in 400 ms\n",
    };
    json_t *one;

    (void)state;
    configure_script("exit 7");
    for (size_t i = 0; i < ARRAY_SIZE(wanted); i++) {
        wait_for(wanted[i]);
    }
    one = reported();
    assert_string_equal(json_string_value(json_object_get(one, "name")), "runner");
    assert_string_equal(json_string_value(json_object_get(one, "last_exit")),
                        "exited with status 7");
    assert_true(json_integer_value(json_object_get(one, "restarts")) >= 2);
    json_decref(one);
    stop_all();
}

static void a_program_that_is_not_there_is_told_and_tried_again(void **state)
{
    (void)state;
    configure("ext-plugin: {cmd: [/nonexistent/program]}\n");
    wait_for("runner: /nonexistent/program: No such file or directory\n");
    wait_for("started again in 200 ms");
    stop_all();
}

static void it_starts_anew_if_it_is_another_and_only_then(void **state)
{
    static const struct {
        const char *what;
        const char *yaml;
        bool another;
    } rows[] = {
        {"the same", "ext-plugin: {cmd: [sleep, '1000']}\n", false},
        {"other keys", "ext-plugin: {cmd: [sleep, '1000']}\nhotgate: {slow_call: 1s}\n", false},
        {"another argument", "ext-plugin: {cmd: [sleep, '1001']}\n", true},
        {"another variable", "ext-plugin: {cmd: [sleep, '1001']}\nnginx_config: {envs: [A=1]}\n",
         true},
        {"another socket",
         "ext-plugin: {cmd: [sleep, '1001'], path_for_test: /tmp/x}\nnginx_config: {envs: [A=1]}\n",
         true},
    };

    (void)state;
    configure("ext-plugin: {cmd: [sleep, '1000']}\n");
    WAIT_UNTIL(reported_pid() > 0);
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        long before = reported_pid();
        long now = 0;

        configure(rows[i].yaml);
        if (rows[i].another) {
            WAIT_UNTIL((now = reported_pid()) > 0 && now != before);
            assert_int_equal(kill((pid_t)before, 0), -1);
        } else {
            turn();
            assert_int_equal(reported_pid(), before);
        }
    }
    assert_null(strstr(logged(), "[error]")); /* none of it was a failure */
    configure("");
    WAIT_UNTIL(report_is_empty());
}

static void one_that_does_not_end_is_killed(void **state)
{
    uint64_t began_ms;

    (void)state;
    configure_script("trap \"\" TERM; echo ready; while :; do sleep 1; done");
    wait_for("runner: ready\n");
    began_ms = hgh_event_loop_now_ms();
    stop_all();
    assert_true(hgh_event_loop_now_ms() - began_ms >= 1000);
    assert_non_null(strstr(logged(), "does not end: killed"));
    assert_non_null(strstr(logged(), "was killed by signal 9"));
}

/* Both have one socket: the end of the one takes it away. */
static void one_that_is_wanted_again_waits_for_its_end(void **state)
{
    const char *over;
    const char *again;

    (void)state;
    configure_script("trap \"sleep 0.2; echo over; exit 0\" TERM; echo ready; "
                     "while :; do sleep 0.02; done");
    wait_for("runner: ready\n");
    configure("");
    configure_script("echo again; exec sleep 1000");
    wait_for("runner: again\n");
    over = strstr(logged(), "runner: over\n");
    again = strstr(logged(), "runner: again\n");
    assert_true(over != NULL && over < again);
    configure("");
    WAIT_UNTIL(report_is_empty());
    configure_script("echo third; exec sleep 1000");
    wait_for("runner: third\n");
    stop_all();
}

static void a_stale_socket_goes_and_nothing_else(void **state)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char path[128];
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    (void)state;
    (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s/" HGH_RUNNER_SOCKET, directory);
    assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
    (void)close(fd);
    configure_script("echo ready; exec sleep 1000");
    wait_for("runner: ready\n");
    assert_int_equal(access(address.sun_path, F_OK), -1);
    (void)snprintf(path, sizeof(path), "%s/file", directory);
    fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    (void)close(fd);
    (void)snprintf(
        text, sizeof(text),
        "ext-plugin: {cmd: [sh, -c, 'echo again; exec sleep 1000'], path_for_test: %s}\n", path);
    configure(text);
    wait_for("runner: again\n");
    assert_int_equal(access(path, F_OK), 0);
    stop_all();
}

/* The number of those that run and are not about to end. */
static size_t running_count(void)
{
    pid_t pids[HGH_RUNNERS_MAX];

    return hgh_runners_pids(runners, pids);
}

static void isolate(uint64_t generation)
{
    hgh_settings settings = {0};
    hg_error err = HG_ERROR_INIT;

    assert_int_equal(hgh_runners_isolate(runners, &settings, generation, &err), HG_OK);
}

static void an_isolated_one_is_this_program_with_the_generations_manifest(void **state)
{
    char wanted[256];

    (void)state;
    instance.shared.board = open("/dev/null", O_RDONLY | O_CLOEXEC);
    instance.shared.arena = open("/dev/zero", O_RDONLY | O_CLOEXEC);
    (void)snprintf(
        wanted, sizeof(wanted),
        "isolated runner of generation 7: hotgate runner --manifest state/isolate/7.json "
        "--listen unix:run/isolate/7.sock --board %d --arena %d, /dev/null, in %s\n",
        instance.shared.board, instance.shared.arena, directory);
    isolate(7);
    wait_for(wanted);
    isolate(7);
    turn();
    assert_int_equal(running_count(), 1);
    stop_all();
    (void)close(instance.shared.board);
    (void)close(instance.shared.arena);
}

static void only_the_generations_that_are_needed_have_one(void **state)
{
    (void)state;
    configure("ext-plugin: {cmd: [sleep, '1000']}\n");
    isolate(7);
    isolate(8);
    WAIT_UNTIL(running_count() == 3);
    hgh_runners_keep(runners, 8);
    WAIT_UNTIL(running_count() == 2);
    wait_for("isolated runner of generation 7 (process ");
    for (uint64_t i = 9; i < 9 + HGH_ISOLATED_MAX; i++) {
        isolate(i);
    }
    wait_for("isolated runner of generation 8 (process ");
    WAIT_UNTIL(running_count() == HGH_ISOLATED_MAX + 1);
    hgh_runners_keep(runners, 0);
    WAIT_UNTIL(running_count() == 1); /* not that of ext-plugin.cmd */
    stop_all();
}

static void isolated_ones_have_the_environment_of_the_configuration(void **state)
{
    long before;

    (void)state;
    configure("");
    isolate(7);
    WAIT_UNTIL(reported_pid() > 0);
    before = reported_pid();
    configure("hotgate: {slow_call: 1s}\n");
    turn();
    assert_int_equal(reported_pid(), before);
    configure("nginx_config: {envs: [A=1]}\n");
    WAIT_UNTIL(reported_pid() > 0 && reported_pid() != before);
    assert_int_equal(running_count(), 1);
    stop_all();
}

static void one_that_is_given_up_pushes_none_out(void **state)
{
    (void)state;
    isolate(7);
    WAIT_UNTIL(running_count() == 1);
    for (uint64_t i = 8; i < 8 + 2 * HGH_ISOLATED_MAX; i++) {
        isolate(i);
        hgh_runners_drop(runners, i);
    }
    WAIT_UNTIL(running_count() == 1);
    assert_null(strstr(logged(), "isolated runner of generation 7 (process "));
    hgh_runners_drop(runners, 0); /* no generation, and not that of ext-plugin.cmd */
    assert_int_equal(running_count(), 1);
    stop_all();
}

static void a_generation_that_is_needed_again_has_one_again(void **state)
{
    long before;

    (void)state;
    isolate(7);
    WAIT_UNTIL(running_count() == 1);
    before = reported_pid();
    hgh_runners_keep(runners, 0);
    isolate(7);
    assert_int_equal(running_count(), 1); /* that which is about to end */
    WAIT_UNTIL(reported_pid() > 0 && reported_pid() != before);
    assert_int_equal(running_count(), 1);
    stop_all();
}

static void an_isolated_one_that_dies_is_there_again_at_once(void **state)
{
    static const char *const waits[] = {"in 0 ms", "in 0 ms", "in 0 ms", "in 100 ms", "in 200 ms"};

    (void)state;
    isolate(7);
    for (size_t i = 0; i < ARRAY_SIZE(waits); i++) {
        const char *at = logged();

        WAIT_UNTIL(reported_pid() > 0);
        assert_int_equal(kill((pid_t)reported_pid(), SIGKILL), 0);
        for (size_t seen = 0; seen <= i;) { /* the line about this end */
            turn();
            seen = 0;
            for (at = logged(); (at = strstr(at, "; started again ")) != NULL; seen++) {
                at += strlen("; started again ");
                if (seen == i) {
                    assert_memory_equal(at, waits[i], strlen(waits[i]));
                }
            }
        }
    }
    stop_all();
}

static void an_instance_with_a_long_path_is_refused(void **state)
{
    char far[200];
    hg_error err = HG_ERROR_INIT;
    hgh_instance deep = {.directory = far};
    char *argument = directory;
    hgh_settings settings = {.ext_plugin_cmd_count = 1, .ext_plugin_cmd = &argument};

    (void)state;
    memset(far, 'x', sizeof(far) - 1);
    far[0] = '/';
    far[sizeof(far) - 1] = '\0';
    hgh_runners_free(runners);
    runners = hgh_runners_new(loop, &deep);
    assert_int_equal(hgh_runners_configure(runners, &settings, &err), HG_ERR_INVALID);
    assert_non_null(strstr(err.text, "the path is too long for a socket"));
}

/* This program as an isolated runner: says what it was given, and waits. */
static _Noreturn void play_runner(int argc, char **argv)
{
    char link[64];
    char board[128] = "";
    char place[256] = "";

    for (int i = 0; i < argc; i++) {
        (void)printf("%s%s", i == 0 ? "" : " ", argv[i]);
    }
    (void)snprintf(link, sizeof(link), "/proc/self/fd/%s", argv[7]);
    (void)!readlink(link, board, sizeof(board) - 1);
    (void)printf(", %s, in %s\n", board, getcwd(place, sizeof(place)));
    (void)fflush(stdout);
    for (;;) {
        (void)pause();
    }
}

#define ROW(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        ROW(it_gets_its_arguments_and_a_small_environment),
        ROW(an_end_is_told_and_it_starts_again_later_and_later),
        ROW(a_program_that_is_not_there_is_told_and_tried_again),
        ROW(it_starts_anew_if_it_is_another_and_only_then),
        ROW(one_that_does_not_end_is_killed),
        ROW(one_that_is_wanted_again_waits_for_its_end),
        ROW(a_stale_socket_goes_and_nothing_else),
        ROW(an_isolated_one_is_this_program_with_the_generations_manifest),
        ROW(only_the_generations_that_are_needed_have_one),
        ROW(isolated_ones_have_the_environment_of_the_configuration),
        ROW(one_that_is_given_up_pushes_none_out),
        ROW(a_generation_that_is_needed_again_has_one_again),
        ROW(an_isolated_one_that_dies_is_there_again_at_once),
        ROW(an_instance_with_a_long_path_is_refused),
    };

    if (argc == 10 && strcmp(argv[1], "runner") == 0) {
        play_runner(argc, argv);
    }
    return become_ordinary_user() ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
}
