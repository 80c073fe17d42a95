/* tests/unit/control/test_control.c - the control plane as a process, under a supervisor that the
 * test plays. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <curl/curl.h>

#include "host/control/control.h"
#include "host/core/board.h"
#include "host/core/feed_reader.h"
#include "tests/unit/ordinary_user.h"
#include "tests/unit/unit.h"

#define KEY        "0123456789abcdef"
#define DEADLINE_S 20
#define SECRETS    "{\"keyring\": [\"a key for the tests\"]}"
#define SETTINGS                                                                                   \
    "deployment:\n  admin:\n    admin_key:\n      - name: admin\n        key: " KEY                \
    "\n        role: admin\n"

typedef struct control_test {
    char directory[64];
    char url[64];
    int board;
    int arena;
    int wake;
    int ack;
    int listener;
    int socket; /* the supervisor's end */
    pid_t pid;
    long timeout_ms; /* of a request */
} control_test;

static void path_of(const control_test *test, const char *relative, char *into, size_t size)
{
    (void)snprintf(into, size, "%s/%s", test->directory, relative);
}

static int board_make(void)
{
    int fd = memfd_create("board", 0);
    hgh_board *board;

    assert_int_equal(ftruncate(fd, (off_t)hgh_board_size()), 0);
    board = mmap(NULL, hgh_board_size(), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    assert_true(board != MAP_FAILED);
    hgh_board_init(board);
    (void)munmap(board, hgh_board_size());
    return fd;
}

static int set_up(void **state)
{
    static const char *const directories[] = {"conf",    "state",   "state/feed", "logs",
                                              "plugins", "staging", "run",        "tmp"};
    control_test *test = calloc(1, sizeof(*test));
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(address);

    assert_non_null(test);
    (void)strcpy(test->directory, "/tmp/hotgate-control-XXXXXX");
    assert_non_null(mkdtemp(test->directory));
    for (size_t i = 0; i < ARRAY_SIZE(directories); i++) {
        char path[128];

        path_of(test, directories[i], path, sizeof(path));
        assert_int_equal(mkdir(path, 0750), 0);
    }
    test->board = board_make();
    test->arena = memfd_create("arena", 0);
    test->wake = eventfd(0, EFD_NONBLOCK);
    test->ack = eventfd(0, EFD_NONBLOCK);
    test->listener = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(test->listener, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(test->listener, 100), 0);
    assert_int_equal(getsockname(test->listener, (struct sockaddr *)&address, &size), 0);
    (void)snprintf(test->url, sizeof(test->url), "http://127.0.0.1:%u/apisix/admin",
                   ntohs(address.sin_port));
    test->socket = -1;
    test->timeout_ms = DEADLINE_S * 1000;
    *state = test;
    return 0;
}

static int wait_for_end(control_test *test)
{
    int status = 0;

    assert_int_equal(waitpid(test->pid, &status, 0), test->pid);
    test->pid = 0;
    (void)close(test->socket);
    test->socket = -1;
    return status;
}

static int tear_down(void **state)
{
    control_test *test = *state;
    char command[128];

    if (test->pid > 0) {
        (void)kill(test->pid, SIGKILL);
        (void)wait_for_end(test);
    }
    (void)close(test->board);
    (void)close(test->arena);
    (void)close(test->wake);
    (void)close(test->ack);
    (void)close(test->listener);
    (void)snprintf(command, sizeof(command), "rm -rf %s", test->directory);
    assert_int_equal(system(command), 0);
    free(test);
    return 0;
}

/* The real program, as the supervisor starts it. */
static void start_child(control_test *test)
{
    char numbers[6][16];
    char config[128];
    char texts[][16] = {"hotgate", "control", "-p",    "--config",     "--board",
                        "--arena", "--wake",  "--ack", "--supervisor", "--listen"};
    int ends[2];

    path_of(test, "conf/config.yaml", config, sizeof(config));
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends), 0);
    test->pid = fork();
    assert_true(test->pid >= 0);
    if (test->pid == 0) {
        const int fds[] = {test->board, test->arena, test->wake,
                           test->ack,   ends[1],     test->listener};
        char *arguments[] = {texts[0], texts[1],   texts[2], test->directory, texts[3], config,
                             texts[4], numbers[0], texts[5], numbers[1],      texts[6], numbers[2],
                             texts[7], numbers[3], texts[8], numbers[4],      texts[9], numbers[5],
                             NULL};

        for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
            (void)snprintf(numbers[i], sizeof(numbers[i]), "%d", fds[i]);
        }
        (void)close(ends[0]);
        (void)execv(getenv("HOTGATE_PROGRAM"), arguments);
        _exit(99);
    }
    (void)close(ends[1]);
    test->socket = ends[0];
}

/* The next packet from control; "" if it has ended. */
static const char *packet(const control_test *test)
{
    static char text[100];
    struct pollfd ready = {.fd = test->socket, .events = POLLIN};
    ssize_t length;

    assert_int_equal(poll(&ready, 1, DEADLINE_S * 1000), 1);
    length = recv(test->socket, text, sizeof(text) - 1, 0);
    text[length < 0 ? 0 : length] = '\0';
    return text;
}

static void answer(const control_test *test, const char *text)
{
    assert_int_equal(send(test->socket, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

static void start(control_test *test)
{
    start_child(test);
    assert_string_equal(packet(test), "settings");
    answer(test, "ok\n" SETTINGS);
    assert_string_equal(packet(test), "secrets");
    answer(test, "ok\n" SECRETS);
    assert_string_equal(packet(test), "ready");
}

static const char *log_text(const control_test *test)
{
    static char text[100000];
    char path[128];
    FILE *file;
    size_t length = 0;

    path_of(test, "logs/control.log", path, sizeof(path));
    file = fopen(path, "r");
    if (file != NULL) {
        length = fread(text, 1, sizeof(text) - 1, file);
        (void)fclose(file);
    }
    text[length] = '\0';
    return text;
}

static size_t take(char *data, size_t size, size_t count, void *context)
{
    char *into = context;
    size_t length = strlen(into);

    if (length + size * count < 4000) {
        memcpy(into + length, data, size * count);
        into[length + size * count] = '\0';
    }
    return size * count;
}

/* The status; 0 if there was no answer. */
static long request(
    const control_test *test, const char *method, const char *target, const char *body, char *seen)
{
    CURL *curl = curl_easy_init();
    struct curl_slist *headers = curl_slist_append(NULL, "X-API-KEY: " KEY);
    char url[256];
    long status = 0;

    (void)snprintf(url, sizeof(url), "%s%s", test->url, target);
    (void)curl_easy_setopt(curl, CURLOPT_URL, url);
    (void)curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
    (void)curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEDATA, seen);
    (void)curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, test->timeout_ms);
    if (body != NULL) {
        (void)curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body);
    }
    seen[0] = '\0';
    if (curl_easy_perform(curl) == CURLE_OK) {
        (void)curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    }
    curl_slist_free_all(headers);
    curl_easy_cleanup(curl);
    return status;
}

/* What a worker that starts now finds: how often `key` is put, and the last value. */
static int count_in_feed(const control_test *test, const char *key, char *last, size_t size)
{
    hgh_feed_reader reader;
    char path[128];
    bool switched = false;
    uint64_t word;
    int count = 0;

    path_of(test, "state/feed", path, sizeof(path));
    assert_int_equal(hgh_feed_reader_open(&reader, path, NULL), HG_OK);
    word = hgh_feed_reader_word(&reader);
    assert_int_equal(hgh_feed_reader_follow(&reader, word, &switched, NULL), HG_OK);
    for (;;) {
        const hgh_feed_record *record = NULL;

        assert_int_equal(hgh_feed_reader_next(&reader, word, &record, NULL), HG_OK);
        if (record == NULL) {
            break;
        }
        if (strcmp(hgh_feed_record_key(record), key) == 0) {
            (void)snprintf(last, size, "%s", hgh_feed_record_value(record));
            count++;
        }
    }
    hgh_feed_reader_done(&reader);
    return count;
}

static void a_write_is_in_the_feed_before_it_is_answered(void **state)
{
    control_test *test = *state;
    char seen[4096];
    char value[4096] = "";

    start(test);
    assert_int_equal(request(test, "PUT", "/services/1", "{\"desc\":\"first\"}", seen), 201);
    assert_int_equal(count_in_feed(test, "services/1", value, sizeof(value)), 1);
    assert_non_null(strstr(value, "\"desc\":\"first\""));
    assert_int_equal(request(test, "PUT", "/services/1", "{\"desc\":\"second\"}", seen), 200);
    assert_int_equal(count_in_feed(test, "services/1", value, sizeof(value)), 2);
    assert_non_null(strstr(value, "\"desc\":\"second\""));
}

static void an_orderly_end_is_continued_by_the_next_start(void **state)
{
    control_test *test = *state;
    char seen[4096];
    char value[4096] = "";
    int status;

    start(test);
    assert_int_equal(request(test, "PUT", "/services/1", "{\"desc\":\"kept\"}", seen), 201);
    assert_int_equal(kill(test->pid, SIGTERM), 0);
    status = wait_for_end(test);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    assert_non_null(strstr(log_text(test), "control runs: revision 0, 0 objects"));
    assert_non_null(strstr(log_text(test), "control ends"));
    start(test);
    assert_int_equal(request(test, "GET", "/services/1", NULL, seen), 200);
    assert_non_null(strstr(seen, "\"desc\":\"kept\""));
    assert_non_null(strstr(seen, "\"createdIndex\":1"));
    assert_int_equal(count_in_feed(test, "services/1", value, sizeof(value)), 1);
    assert_int_equal(request(test, "POST", "/services", "{}", seen), 201);
    assert_non_null(strstr(seen, "\"id\":\"00000000000000000002\""));
}

static void a_kill_loses_nothing_that_was_answered(void **state)
{
    control_test *test = *state;
    char seen[4096];
    char value[4096];

    for (int round = 0; round < 5; round++) {
        char target[64];
        int answered = 0;
        pid_t killer;

        start(test);
        killer = fork();
        if (killer == 0) {
            (void)usleep((useconds_t)(20000 + round * 7000));
            (void)kill(test->pid, SIGKILL);
            _exit(0);
        }
        test->timeout_ms = 1000; /* the listener outlives control: a request may wait in vain */
        for (long code = 201; code == 201; answered++) {
            (void)snprintf(target, sizeof(target), "/services/%d-%d", round, answered);
            code = request(test, "PUT", target, "{}", seen);
        }
        answered--; /* the last one was not */
        test->timeout_ms = DEADLINE_S * 1000;
        assert_int_equal(waitpid(killer, NULL, 0), killer);
        assert_true(WIFSIGNALED(wait_for_end(test)));
        start(test);
        for (int i = 0; i < answered; i++) {
            (void)snprintf(target, sizeof(target), "/services/%d-%d", round, i);
            assert_int_equal(request(test, "GET", target, NULL, seen), 200);
            assert_int_equal(count_in_feed(test, target + 1, value, sizeof(value)), 1);
        }
        assert_int_equal(kill(test->pid, SIGTERM), 0);
        (void)wait_for_end(test);
    }
}

static void control_ends_with_its_supervisor(void **state)
{
    control_test *test = *state;
    int status = 0;

    start(test);
    (void)shutdown(test->socket, SHUT_RDWR);
    (void)close(test->socket);
    test->socket = -1;
    assert_int_equal(waitpid(test->pid, &status, 0), test->pid);
    test->pid = 0;
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    assert_non_null(strstr(log_text(test), "the supervisor is gone"));
}

static void the_log_is_opened_again_on_usr1(void **state)
{
    control_test *test = *state;
    char path[128];
    char moved[140];

    start(test);
    path_of(test, "logs/control.log", path, sizeof(path));
    (void)snprintf(moved, sizeof(moved), "%s.1", path);
    assert_int_equal(rename(path, moved), 0);
    assert_int_equal(kill(test->pid, SIGUSR1), 0);
    for (int i = 0; i < DEADLINE_S * 100 && access(path, F_OK) != 0; i++) {
        (void)usleep(10000);
    }
    assert_int_equal(access(path, F_OK), 0);
    assert_int_equal(kill(test->pid, SIGTERM), 0);
    (void)wait_for_end(test);
    assert_non_null(strstr(log_text(test), "control ends"));
}

static void damage_store(const control_test *test)
{
    char path[128];
    FILE *file;

    path_of(test, "state/store.db", path, sizeof(path));
    file = fopen(path, "w");
    for (int i = 0; i < 1000; i++) {
        (void)fputs("no database", file);
    }
    (void)fclose(file);
}

static void put_directory_in_place_of_store(const control_test *test)
{
    char path[128];

    path_of(test, "state/store.db", path, sizeof(path));
    assert_int_equal(mkdir(path, 0750), 0);
}

static void remove_feed(const control_test *test)
{
    char path[128];

    path_of(test, "state/feed", path, sizeof(path));
    assert_int_equal(rmdir(path), 0);
}

static void close_directory(const control_test *test)
{
    char path[128];

    path_of(test, "state", path, sizeof(path));
    assert_int_equal(chmod(path, 0500), 0);
}

static void what_prevents_a_start_is_told(void **state)
{
    static const struct {
        const char *label;
        void (*happens)(const control_test *test);
        const char *packet; /* NULL: good settings */
        const char *text;
    } cases[] = {
        {"settings that cannot be read", NULL, "error\n/etc/x: Permission denied",
         "control cannot start: the settings: /etc/x: Permission denied"},
        {"nonsense", NULL, "what?", "control cannot start: the settings: asking the supervisor"},
        {"wrong settings", NULL, "ok\nnope: 1\n", "conf/config.yaml:1:1: "},
        {"wrong type", NULL, "ok\napisix: 7\n", "config.yaml cannot be used"},
        {"damaged store", damage_store, NULL, "state/store.db: not readable, left as it is"},
        {"no file", put_directory_in_place_of_store, NULL, "control cannot start: the store: "},
        {"no feed", remove_feed, NULL, "control cannot start: the feed: state/feed: "},
        {"no permission", close_directory, NULL, "state/store.db: Permission denied"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        control_test *test = NULL;
        char path[128];
        int status;

        (void)set_up((void **)&test);
        if (cases[i].happens != NULL) {
            cases[i].happens(test);
        }
        start_child(test);
        assert_string_equal(packet(test), "settings");
        answer(test, cases[i].packet == NULL ? "ok\n" SETTINGS : cases[i].packet);
        if (cases[i].packet == NULL) {
            assert_string_equal(packet(test), "secrets");
            answer(test, "ok\n" SECRETS);
        }
        assert_string_equal(packet(test), "");
        status = wait_for_end(test);
        if (!WIFEXITED(status) || WEXITSTATUS(status) != 1 ||
            strstr(log_text(test), cases[i].text) == NULL) {
            fail_msg("%s: %x %s", cases[i].label, (unsigned)status, log_text(test));
        }
        path_of(test, "state", path, sizeof(path));
        (void)chmod(path, 0750);
        (void)tear_down((void **)&test);
    }
}

static void wrong_options_are_refused(void **state)
{
    static const char *const options[][4] = {
        {"control", NULL, NULL, NULL},        {"control", "-p", "/tmp", NULL},
        {"control", "--board", "x", NULL},    {"control", "--board", "-1", NULL},
        {"control", "--listen", "3,x", NULL}, {"control", "--nope", NULL, NULL},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(options); i++) {
        char texts[4][16];
        char *arguments[5] = {NULL};
        int count = 0;

        for (; count < 4 && options[i][count] != NULL; count++) {
            (void)snprintf(texts[count], sizeof(texts[count]), "%s", options[i][count]);
            arguments[count] = texts[count];
        }
        assert_int_equal(hgh_control_main(count, arguments), 2);
    }
}

static void a_stranger_s_child_does_not_run(void **state)
{
    control_test *test = *state;
    int status = 0;
    pid_t middle;
    int ends[2];

    /* The grandchild's parent did not make the socket. */
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends), 0);
    middle = fork();
    if (middle == 0) {
        pid_t child = fork();

        if (child == 0) {
            char texts[][16] = {"control", "-p",    "--config",     "--board", "--arena",
                                "--wake",  "--ack", "--supervisor", "0",       ""};
            char *arguments[] = {texts[0], texts[1], test->directory, texts[2], texts[0], texts[3],
                                 texts[8], texts[4], texts[8],        texts[5], texts[8], texts[6],
                                 texts[8], texts[7], texts[9],        NULL};

            (void)snprintf(texts[9], sizeof(texts[9]), "%d", ends[1]);
            _exit(hgh_control_main((int)ARRAY_SIZE(arguments) - 1, arguments));
        }
        (void)waitpid(child, &status, 0);
        _exit(WIFEXITED(status) ? WEXITSTATUS(status) : 99);
    }
    assert_int_equal(waitpid(middle, &status, 0), middle);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 1);
    (void)close(ends[0]);
    (void)close(ends[1]);
}

#define CONTROL_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CONTROL_TEST(a_write_is_in_the_feed_before_it_is_answered),
        CONTROL_TEST(an_orderly_end_is_continued_by_the_next_start),
        CONTROL_TEST(a_kill_loses_nothing_that_was_answered),
        CONTROL_TEST(control_ends_with_its_supervisor),
        CONTROL_TEST(the_log_is_opened_again_on_usr1),
        cmocka_unit_test(what_prevents_a_start_is_told),
        cmocka_unit_test(wrong_options_are_refused),
        CONTROL_TEST(a_stranger_s_child_does_not_run),
    };

    if (!become_ordinary_user() || getenv("HOTGATE_PROGRAM") == NULL) {
        return 1;
    }
    (void)curl_global_init(CURL_GLOBAL_DEFAULT);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
