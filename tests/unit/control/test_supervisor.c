/* tests/unit/control/test_supervisor.c - children are started, restarted and never left behind.
 *
 * This program plays all parts: `test_supervisor supervise DIR` is the supervisor, whose
 * /proc/self/exe it is again as `control`, and a script passes for nginx (`fake-nginx`). What these
 * two do is told by empty files in DIR/tmp, and they tell what they did in DIR/tmp/events.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "host/control/build_config.h"
#include "host/control/control_log.h"
#include "host/control/listener.h"
#include "host/control/supervisor.h"
#include "tests/unit/ordinary_user.h"
#include "tests/unit/unit.h"

#define DEADLINE_MS 30000
#define TEXT_MAX    65536u
#define PIDS_MAX    64u

static char directory[64];
static char program[512];
static unsigned data_port;
static unsigned admin_port;

/* --- files --- */

static void path_of(char path[256], const char *relative)
{
    (void)snprintf(path, 256, "%s/%s", directory, relative);
}

static void write_text(const char *relative, const char *text)
{
    char path[256];
    FILE *file;

    path_of(path, relative);
    file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static const char *read_text(const char *relative)
{
    static char text[TEXT_MAX];
    char path[256];
    size_t length = 0;
    FILE *file;

    path_of(path, relative);
    file = fopen(path, "r");
    if (file != NULL) {
        length = fread(text, 1, sizeof(text) - 1, file);
        (void)fclose(file);
    }
    text[length] = '\0';
    return text;
}

static bool is_there(const char *relative)
{
    char path[256];

    path_of(path, relative);
    return access(path, F_OK) == 0;
}

/* --- the parts that are played --- */

static void note(const char *what)
{
    char path[256];
    char line[100];
    int length = snprintf(line, sizeof(line), "%s %ld\n", what, (long)getpid());
    int fd;

    path_of(path, "tmp/events");
    fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    (void)!write(fd, line, (size_t)length);
    (void)close(fd);
}

static volatile sig_atomic_t last_signal;

static void on_signal(int number)
{
    last_signal = number;
}

static void watch(int number)
{
    struct sigaction action = {.sa_handler = on_signal};

    (void)sigaction(number, &action, NULL);
}

static const char *option(int argc, char **argv, const char *name)
{
    for (int i = 0; i + 1 < argc; i++) {
        if (strcmp(argv[i], name) == 0) {
            return argv[i + 1];
        }
    }
    return NULL;
}

static int play_control(int argc, char **argv)
{
    static char answer[HGH_SUPERVISOR_PACKET_MAX];
    int socket = atoi(option(argc, argv, "--supervisor"));
    ssize_t length;

    (void)snprintf(directory, sizeof(directory), "%s", option(argc, argv, "-p"));
    watch(SIGTERM);
    watch(SIGUSR1);
    note("control");
    if (is_there("tmp/control-fails")) {
        return 3;
    }
    length = send(socket, "settings", 8, 0) == 8 ? recv(socket, answer, sizeof(answer) - 1, 0) : 0;
    if (length > 0) {
        answer[length] = '\0';
        write_text("tmp/settings", answer);
    }
    write_text("tmp/listen", option(argc, argv, "--listen") == NULL ? "none" : "some");
    if (!is_there("tmp/control-silent") && send(socket, "ready", 5, 0) != 5) {
        return 4;
    }
    for (;;) {
        (void)pause();
        if (last_signal == SIGUSR1) {
            note("control-rotates");
        }
        if (last_signal == SIGTERM) {
            return 0;
        }
    }
}

static void play_worker(void)
{
    note("worker");
    for (;;) {
        (void)pause();
    }
}

/* Takes the first inherited socket and answers connections with its process id. */
static int play_master(void)
{
    const char *sockets = getenv("NGINX");
    int listener = sockets == NULL ? -1 : atoi(sockets);
    char path[256];
    char text[32];
    pid_t worker;
    FILE *log;

    if (is_there("tmp/nginx-fails")) {
        path_of(path, "logs/error.log");
        log = fopen(path, "a");
        (void)fputs("2026/11/22 10:00:00 [emerg] 1#0: this line is wrong\n", log);
        (void)fclose(log);
        return 1;
    }
    watch(SIGTERM);
    watch(SIGQUIT);
    watch(SIGHUP);
    watch(SIGUSR1);
    worker = fork();
    if (worker == 0) {
        (void)signal(SIGTERM, SIG_DFL);
        play_worker();
    }
    (void)snprintf(text, sizeof(text), "%ld\n", (long)getpid());
    write_text("run/nginx.pid", text);
    note("nginx");
    for (;;) {
        struct pollfd wanted = {.fd = listener, .events = POLLIN};
        int number;

        if (poll(&wanted, 1, -1) > 0) {
            int connection = accept(listener, NULL, NULL);

            (void)!write(connection, text, strlen(text));
            (void)close(connection);
        }
        number = last_signal;
        last_signal = 0;
        if (number == SIGHUP) {
            note("nginx-reloads");
        } else if (number == SIGUSR1) {
            note("nginx-rotates");
        } else if (number != 0 && !is_there("tmp/nginx-stubborn")) {
            note(number == SIGQUIT ? "nginx-quits" : "nginx-ends");
            if (!is_there("tmp/nginx-leaves-worker")) {
                (void)kill(worker, SIGKILL);
                (void)waitpid(worker, NULL, 0);
            }
            return 0;
        }
    }
}

static int play_nginx(int argc, char **argv)
{
    if (argc > 2 && strcmp(argv[2], "-V") == 0) {
        const char *version = getenv("HG_TEST_NGINX_VERSION");

        (void)fprintf(stderr, "nginx version: nginx/%s\nconfigure arguments: %s\n",
                      version == NULL ? HGH_NGINX_VERSION : version,
                      getenv("HG_TEST_NGINX_PLAIN") == NULL ? "--with-compat" : "");
        return 0;
    }
    (void)snprintf(directory, sizeof(directory), "%s", option(argc, argv, "-p"));
    directory[strlen(directory) - 1] = '\0'; /* it ends with a slash */
    return play_master();
}

static int play_supervisor(const char *where)
{
    hgh_instance instance = {0};
    hgh_settings *settings = NULL;
    hg_issues errors = {0};
    hg_issues warnings = {0};
    hg_error err = HG_ERROR_INIT;
    char path[256];
    int code = 1;

    (void)snprintf(directory, sizeof(directory), "%s", where);
    path_of(path, "logs/control.log");
    if (hgh_instance_open(&instance, where, NULL, &err) != HG_OK ||
        hgh_instance_prepare(&instance, &err) != HG_OK ||
        hgh_instance_lock(&instance, &err) != HG_OK || hgh_log_open(path, false, &err) != HG_OK) {
        (void)fprintf(stderr, "%s\n", err.text);
    } else if (hgh_settings_load(instance.config_path, &settings, &errors, &warnings) != HG_OK) {
        (void)fprintf(stderr, "%s\n", errors.items[0].text);
    } else {
        code = hgh_supervisor_run(&instance, settings, false);
    }
    hgh_issues_done(&errors);
    hgh_issues_done(&warnings);
    hgh_instance_done(&instance);
    hgh_log_close();
    return code;
}

/* --- the tests' tools --- */

static int64_t now_ms(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Evaluates the condition again and again until it holds. */
#define WAIT_UNTIL(condition)                                                                      \
    do {                                                                                           \
        int64_t deadline_ms = now_ms() + DEADLINE_MS;                                              \
        while (!(condition)) {                                                                     \
            if (now_ms() > deadline_ms) {                                                          \
                char seen[TEXT_MAX];                                                               \
                (void)snprintf(seen, sizeof(seen), "%s", read_text("tmp/events"));                 \
                fail_msg("never true: %s\n%s\n%s", #condition, seen,                               \
                         read_text("logs/control.log"));                                           \
            }                                                                                      \
            (void)poll(NULL, 0, 5);                                                                \
        }                                                                                          \
    } while (0)

/* Below the range of outgoing connections, so that nobody takes it meanwhile. */
static unsigned free_port(void)
{
    static unsigned next;

    if (next == 0) {
        next = 10000 + (unsigned)getpid() % 15000;
    }
    for (;;) {
        hgh_listen listen = {.address = "127.0.0.1", .port = (uint16_t)next++};
        int fd = -1;

        if (hgh_listener_open(&listen, 0, &fd, NULL) == HG_OK) {
            (void)close(fd);
            return listen.port;
        }
    }
}

static void write_config(const char *more)
{
    char text[1024];

    (void)snprintf(
        text, sizeof(text),
        "apisix: {node_listen: '127.0.0.1:%u', enable_control: false, ssl: {enable: false}}\n"
        "deployment: {admin: {admin_listen: '127.0.0.1:%u', "
        "admin_key: [{key: 0123456789abcdef-, role: admin}]}}\n"
        "hotgate: {nginx: %s/nginx}\n%s",
        data_port, admin_port, directory, more);
    write_text("conf/config.yaml", text);
}

static int make_instance(void **state)
{
    static const char *const directories[] = {"conf", "tmp", "run", "logs", "state", "state/feed"};
    char command[1024];
    char path[256];

    (void)state;
    (void)snprintf(directory, sizeof(directory), "/tmp/hotgate-test-XXXXXX");
    if (mkdtemp(directory) == NULL) {
        return -1;
    }
    for (size_t i = 0; i < ARRAY_SIZE(directories); i++) {
        path_of(path, directories[i]);
        if (mkdir(path, 0700) != 0) {
            return -1;
        }
    }
    (void)snprintf(command, sizeof(command), "mkdir -p '%s/install/%s'", directory,
                   HGH_ENGINE_DIRECTORY);
    if (system(command) != 0) {
        return -1;
    }
    write_text("install/" HGH_ENGINE_DIRECTORY "/ngx_http_hotgate_module.so", "");
    (void)snprintf(command, sizeof(command), "#!/bin/sh\nexec '%s' fake-nginx \"$@\"\n", program);
    write_text("nginx", command);
    path_of(path, "nginx");
    (void)chmod(path, 0700);
    path_of(path, "install");
    (void)setenv("HOTGATE_INSTALL_ROOT", path, 1);
    (void)unsetenv("HG_TEST_NGINX_VERSION");
    (void)unsetenv("HG_TEST_NGINX_PLAIN");
    data_port = free_port();
    admin_port = free_port();
    write_config("");
    return 0;
}

static int remove_entry(const char *path, const struct stat *info, int kind, struct FTW *where)
{
    (void)info;
    (void)kind;
    (void)where;
    return remove(path);
}

static int remove_instance(void **state)
{
    (void)state;
    return nftw(directory, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

static pid_t start_supervisor(void)
{
    pid_t child = fork();

    assert_true(child >= 0);
    if (child == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        (void)execl(program, program, "supervise", directory, (char *)NULL);
        _exit(127);
    }
    return child;
}

/* All process ids noted with a name; returns how many. */
static size_t noted(const char *name, pid_t pids[PIDS_MAX])
{
    size_t count = 0;
    size_t length = strlen(name);

    for (const char *line = read_text("tmp/events"); line != NULL && *line != '\0';) {
        if (strncmp(line, name, length) == 0 && line[length] == ' ' && count < PIDS_MAX) {
            pids[count++] = (pid_t)atol(line + length);
        }
        line = strchr(line, '\n');
        line += line == NULL ? 0 : 1;
    }
    return count;
}

static size_t count_noted(const char *name)
{
    pid_t pids[PIDS_MAX];

    return noted(name, pids);
}

static pid_t last_noted(const char *name)
{
    pid_t pids[PIDS_MAX];
    size_t count = noted(name, pids);

    assert_true(count > 0);
    return pids[count - 1];
}

/* Ended, if perhaps not reaped yet. */
static bool is_gone(pid_t pid)
{
    char path[64];
    char line[200] = "";
    const char *state;
    FILE *file;

    (void)snprintf(path, sizeof(path), "/proc/%ld/stat", (long)pid);
    file = fopen(path, "r");
    if (file == NULL) {
        return true;
    }
    if (fgets(line, sizeof(line), file) == NULL) {
        line[0] = '\0';
    }
    (void)fclose(file);
    state = strrchr(line, ')');
    return state == NULL || state[2] == 'Z' || state[2] == 'X';
}

static bool all_gone(void)
{
    static const char *const names[] = {"control", "nginx", "worker"};

    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        pid_t pids[PIDS_MAX];
        size_t count = noted(names[i], pids);

        for (size_t j = 0; j < count; j++) {
            if (!is_gone(pids[j])) {
                return false;
            }
        }
    }
    return true;
}

static int exit_code_of(pid_t supervisor)
{
    int status = 0;

    WAIT_UNTIL(waitpid(supervisor, &status, WNOHANG) == supervisor);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void stop_with(pid_t supervisor, int number)
{
    assert_int_equal(kill(supervisor, number), 0);
    assert_int_equal(exit_code_of(supervisor), 0);
    assert_true(all_gone());
}

static bool log_has(const char *text)
{
    return strstr(read_text("logs/control.log"), text) != NULL;
}

/* Connects, which a listening socket allows even while nobody accepts. */
static int connect_to(unsigned port)
{
    struct sockaddr_in where = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    (void)inet_pton(AF_INET, "127.0.0.1", &where.sin_addr);
    if (connect(fd, (const struct sockaddr *)&where, sizeof(where)) != 0) {
        (void)close(fd);
        return -1;
    }
    return fd;
}

static pid_t who_answers(int fd)
{
    struct pollfd wanted = {.fd = fd, .events = POLLIN};
    char text[32] = "";
    ssize_t length;

    assert_true(fd >= 0);
    assert_int_equal(poll(&wanted, 1, DEADLINE_MS), 1);
    length = read(fd, text, sizeof(text) - 1);
    assert_true(length > 0);
    (void)close(fd);
    return (pid_t)atol(text);
}

/* --- the tests --- */

static void control_gets_the_file_and_then_nginx_starts(void **state)
{
    pid_t supervisor = start_supervisor();
    char expected[2048];
    char events[1024];

    (void)state;
    WAIT_UNTIL(count_noted("nginx") == 1 && count_noted("worker") == 1);
    (void)snprintf(expected, sizeof(expected), "ok\n%s", read_text("conf/config.yaml"));
    assert_string_equal(read_text("tmp/settings"), expected);
    assert_string_equal(read_text("tmp/listen"), "some");
    (void)snprintf(events, sizeof(events), "%s", read_text("tmp/events"));
    assert_memory_equal(events, "control ", 8);
    assert_int_equal(who_answers(connect_to(data_port)), last_noted("nginx"));
    assert_true(connect_to(admin_port) >= 0);
    assert_non_null(strstr(read_text("run/nginx.conf"), "hotgate_feed state/feed;"));
    stop_with(supervisor, SIGTERM);
    assert_int_equal(count_noted("nginx-ends"), 1);
    assert_true(log_has("stopped\n"));
}

static void quit_lets_nginx_finish(void **state)
{
    pid_t supervisor = start_supervisor();

    (void)state;
    WAIT_UNTIL(count_noted("nginx") == 1 && count_noted("worker") == 1);
    stop_with(supervisor, SIGQUIT);
    assert_int_equal(count_noted("nginx-quits"), 1);
}

static void control_is_restarted_with_back_off(void **state)
{
    pid_t supervisor = start_supervisor();

    (void)state;
    WAIT_UNTIL(count_noted("nginx") == 1);
    for (size_t i = 1; i <= 3; i++) {
        (void)kill(last_noted("control"), SIGKILL);
        WAIT_UNTIL(count_noted("control") == i + 1);
    }
    assert_true(log_has("was killed by signal 9 (Killed); started again in 100 ms"));
    assert_true(log_has("was killed by signal 9 (Killed); started again in 200 ms"));
    assert_true(log_has("was killed by signal 9 (Killed); started again in 400 ms"));
    assert_int_equal(count_noted("nginx"), 1);
    stop_with(supervisor, SIGINT);
}

static void listeners_survive_the_death_of_nginx(void **state)
{
    pid_t supervisor = start_supervisor();
    pid_t first;
    pid_t worker;

    (void)state;
    WAIT_UNTIL(count_noted("nginx") == 1 && count_noted("worker") == 1);
    first = last_noted("nginx");
    worker = last_noted("worker");
    for (size_t i = 1; i <= 6; i++) { /* more than a start may fail: these starts did not */
        int connection;

        (void)kill(last_noted("nginx"), SIGKILL);
        WAIT_UNTIL(is_gone(last_noted("nginx")) || count_noted("nginx") > i);
        connection = connect_to(data_port);
        WAIT_UNTIL(count_noted("nginx") == i + 1);
        assert_int_not_equal(who_answers(connection), first);
        WAIT_UNTIL(count_noted("worker") == i + 1);
        if (i == 2) {
            break; /* the back-off doubles: this has shown enough */
        }
    }
    WAIT_UNTIL(is_gone(worker));
    assert_int_equal(count_noted("control"), 1);
    stop_with(supervisor, SIGTERM);
}

static void nothing_outlives_a_killed_supervisor(void **state)
{
    pid_t supervisor = start_supervisor();

    (void)state;
    WAIT_UNTIL(count_noted("nginx") == 1 && count_noted("worker") == 1);
    (void)kill(supervisor, SIGKILL);
    assert_int_equal(waitpid(supervisor, NULL, 0), supervisor);
    WAIT_UNTIL(all_gone());
    assert_int_equal(connect_to(data_port), -1);

    supervisor = start_supervisor(); /* and the instance can be used again */
    WAIT_UNTIL(count_noted("nginx") == 2);
    stop_with(supervisor, SIGTERM);
}

static void what_nginx_left_behind_is_killed(void **state)
{
    pid_t supervisor;

    (void)state;
    write_text("tmp/nginx-leaves-worker", "");
    supervisor = start_supervisor();
    WAIT_UNTIL(count_noted("nginx") == 1 && count_noted("worker") == 1);
    stop_with(supervisor, SIGTERM);
}

static void a_second_signal_kills(void **state)
{
    pid_t supervisor;

    (void)state;
    write_text("tmp/nginx-stubborn", "");
    supervisor = start_supervisor();
    WAIT_UNTIL(count_noted("nginx") == 1 && count_noted("worker") == 1);
    (void)kill(supervisor, SIGINT);
    WAIT_UNTIL(log_has("stopping"));
    stop_with(supervisor, SIGINT);
    assert_true(log_has("a second signal to stop: all is killed"));
}

static void a_second_gateway_on_the_instance_is_refused(void **state)
{
    pid_t supervisor = start_supervisor();

    (void)state;
    WAIT_UNTIL(count_noted("nginx") == 1);
    assert_int_equal(exit_code_of(start_supervisor()), 1);
    assert_int_equal(count_noted("control"), 1);
    assert_int_equal(who_answers(connect_to(data_port)), last_noted("nginx"));
    stop_with(supervisor, SIGTERM);
}

static void a_taken_port_is_refused(void **state)
{
    const unsigned *const ports[] = {&data_port, &admin_port};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(ports); i++) {
        hgh_listen listen = {.address = "127.0.0.1", .port = (uint16_t)*ports[i]};
        char expected[100];
        int fd = -1;

        assert_int_equal(hgh_listener_open(&listen, 0, &fd, NULL), HG_OK);
        assert_int_equal(exit_code_of(start_supervisor()), 1);
        (void)snprintf(expected, sizeof(expected),
                       "cannot listen on 127.0.0.1:%u: Address already in use\n", *ports[i]);
        assert_true(log_has(expected));
        assert_int_equal(count_noted("control"), 0);
        (void)close(fd);
    }
}

static void an_nginx_that_cannot_start_is_shown(void **state)
{
    (void)state;
    write_text("tmp/nginx-fails", "");
    assert_int_equal(exit_code_of(start_supervisor()), 1);
    assert_true(log_has("nginx could not be started, 5 times in a row (exited with status 1): "
                        "2026/11/22 10:00:00 [emerg] 1#0: this line is wrong\n"));
    assert_true(all_gone());
}

static void an_nginx_that_does_not_fit_is_refused(void **state)
{
    (void)state;
    (void)setenv("HG_TEST_NGINX_VERSION", "1.2.3", 1);
    assert_int_equal(exit_code_of(start_supervisor()), 1);
    assert_true(log_has("/nginx is nginx 1.2.3, but hotgate was built for nginx " HGH_NGINX_VERSION
                        ": install that version"));
    (void)unsetenv("HG_TEST_NGINX_VERSION");
    (void)setenv("HG_TEST_NGINX_PLAIN", "1", 1);
    assert_int_equal(exit_code_of(start_supervisor()), 1);
    assert_true(log_has("was built without --with-compat"));
    (void)unsetenv("HG_TEST_NGINX_PLAIN");
    write_config("hotgate: {nginx: /nonexistent/nginx}\n");
    assert_int_equal(exit_code_of(start_supervisor()), 1); /* the key is there twice */
    write_text("conf/config.yaml", "hotgate: {nginx: /nonexistent/nginx}\n");
    assert_int_equal(exit_code_of(start_supervisor()), 1);
    assert_true(log_has("hotgate.nginx: /nonexistent/nginx is not a program\n"));
    assert_int_equal(count_noted("control"), 0);
}

static void a_control_that_cannot_start_ends_it(void **state)
{
    (void)state;
    write_text("tmp/control-fails", "");
    assert_int_equal(exit_code_of(start_supervisor()), 1);
    assert_true(log_has("control could not be started, 5 times in a row (exited with status 3), "
                        "and no state was ever published: nothing to serve\n"));
    assert_int_equal(count_noted("control"), 5);
    assert_int_equal(count_noted("nginx"), 0);
}

static void nginx_serves_what_was_published_without_control(void **state)
{
    pid_t supervisor;

    (void)state;
    write_text("tmp/control-silent", "");
    write_text("state/feed/word", "somewhat");
    supervisor = start_supervisor();
    WAIT_UNTIL(count_noted("nginx") == 1);
    assert_true(log_has("nginx starts on the state that was published last"));
    stop_with(supervisor, SIGTERM);
}

static void hup_takes_the_new_configuration(void **state)
{
    pid_t supervisor = start_supervisor();
    unsigned old_admin_port = admin_port;
    char expected[64];

    (void)state;
    WAIT_UNTIL(count_noted("nginx") == 1);
    data_port = free_port();
    admin_port = free_port();
    write_config("");
    (void)kill(supervisor, SIGHUP);
    WAIT_UNTIL(count_noted("nginx-reloads") == 1 && count_noted("control") == 2);
    (void)snprintf(expected, sizeof(expected), "listen 127.0.0.1:%u;", data_port);
    assert_non_null(strstr(read_text("run/nginx.conf"), expected));
    WAIT_UNTIL(connect_to(old_admin_port) < 0);
    assert_true(connect_to(admin_port) >= 0);
    assert_false(log_has("started again"));

    /* nginx has opened its new address itself; a new one gets it from the supervisor */
    (void)kill(last_noted("nginx"), SIGKILL);
    WAIT_UNTIL(count_noted("nginx") == 2);
    assert_int_equal(who_answers(connect_to(data_port)), last_noted("nginx"));
    stop_with(supervisor, SIGTERM);
}

static void hup_with_a_bad_configuration_changes_nothing(void **state)
{
    hgh_listen taken = {.address = "127.0.0.1", .port = (uint16_t)free_port()};
    pid_t supervisor = start_supervisor();
    char before[TEXT_MAX];
    char expected[200];
    int fd = -1;

    (void)state;
    WAIT_UNTIL(count_noted("nginx") == 1);
    (void)snprintf(before, sizeof(before), "%s", read_text("run/nginx.conf"));
    write_config("nginx_confg: {}\n");
    (void)kill(supervisor, SIGHUP);
    WAIT_UNTIL(log_has("the configuration stays as it was"));
    assert_true(
        log_has("config.yaml:4:1: /nginx_confg: unknown key, did you mean \"nginx_config\"?"));

    assert_int_equal(hgh_listener_open(&taken, 0, &fd, NULL), HG_OK);
    data_port = taken.port;
    write_config("");
    (void)kill(supervisor, SIGHUP);
    (void)snprintf(expected, sizeof(expected),
                   "the configuration stays as it was: cannot listen on 127.0.0.1:%u: Address "
                   "already in use\n",
                   data_port);
    WAIT_UNTIL(log_has(expected));
    assert_string_equal(read_text("run/nginx.conf"), before);
    assert_int_equal(count_noted("nginx-reloads"), 0);
    assert_int_equal(count_noted("control"), 1);
    (void)close(fd);
    stop_with(supervisor, SIGTERM);
}

static void usr1_opens_all_logs_again(void **state)
{
    pid_t supervisor = start_supervisor();
    char path[256];
    char moved[256];

    (void)state;
    WAIT_UNTIL(count_noted("nginx") == 1);
    path_of(path, "logs/control.log");
    path_of(moved, "logs/control.log.1");
    assert_int_equal(rename(path, moved), 0);
    (void)kill(supervisor, SIGUSR1);
    WAIT_UNTIL(count_noted("nginx-rotates") == 1 && count_noted("control-rotates") == 1);
    stop_with(supervisor, SIGTERM);
    assert_true(log_has("stopped\n"));
    assert_false(log_has("data plane on"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_instance, remove_instance)

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        TEST(control_gets_the_file_and_then_nginx_starts),
        TEST(quit_lets_nginx_finish),
        TEST(control_is_restarted_with_back_off),
        TEST(listeners_survive_the_death_of_nginx),
        TEST(nothing_outlives_a_killed_supervisor),
        TEST(what_nginx_left_behind_is_killed),
        TEST(a_second_signal_kills),
        TEST(a_second_gateway_on_the_instance_is_refused),
        TEST(a_taken_port_is_refused),
        TEST(an_nginx_that_cannot_start_is_shown),
        TEST(an_nginx_that_does_not_fit_is_refused),
        TEST(a_control_that_cannot_start_ends_it),
        TEST(nginx_serves_what_was_published_without_control),
        TEST(hup_takes_the_new_configuration),
        TEST(hup_with_a_bad_configuration_changes_nothing),
        TEST(usr1_opens_all_logs_again),
    };

    if (argc > 2 && strcmp(argv[1], "supervise") == 0) {
        return play_supervisor(argv[2]);
    }
    if (argc > 2 && strcmp(argv[1], "control") == 0) {
        return play_control(argc, argv);
    }
    if (argc > 2 && strcmp(argv[1], "fake-nginx") == 0) {
        return play_nginx(argc, argv);
    }
    if (!become_ordinary_user() || readlink("/proc/self/exe", program, sizeof(program) - 1) <= 0) {
        return 1;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
