/* tests/unit/cli/test_command.c - the program as people call it; its path is HOTGATE_PROGRAM. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/ordinary_user.h"
#include "tests/unit/unit.h"

#define TEXT_MAX    16384u
#define DEADLINE_MS 30000

static char directory[64];

static int make_directory(void **state)
{
    (void)state;
    (void)snprintf(directory, sizeof(directory), "/tmp/hotgate-test-XXXXXX");
    return mkdtemp(directory) == NULL ? -1 : chdir(directory);
}

static int remove_entry(const char *path, const struct stat *info, int kind, struct FTW *where)
{
    (void)info;
    (void)kind;
    (void)where;
    return remove(path);
}

static int remove_directory(void **state)
{
    (void)state;
    return chdir("/") == 0 ? nftw(directory, remove_entry, 16, FTW_DEPTH | FTW_PHYS) : -1;
}

/* Runs it in the test's directory; both outputs go to `text`. Returns the exit code. */
static int run(const char *arguments, char text[TEXT_MAX])
{
    char command[1024];
    size_t length;
    FILE *stream;
    int status;

    (void)snprintf(command, sizeof(command), "'%s' %s 2>&1", getenv("HOTGATE_PROGRAM"), arguments);
    stream = popen(command, "r");
    assert_non_null(stream);
    length = fread(text, 1, TEXT_MAX - 1, stream);
    text[length] = '\0';
    status = pclose(stream);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

/* Answers one connection and gives the request back through a pipe. */
typedef struct server {
    unsigned port;
    pid_t process;
    int request;
} server;

static void serve(int listener, int report, const char *answer)
{
    struct pollfd wanted = {.fd = listener, .events = POLLIN};
    char request[4096];
    size_t length = 0;
    int connection;

    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (poll(&wanted, 1, DEADLINE_MS) != 1) {
        _exit(1);
    }
    connection = accept(listener, NULL, NULL);
    do {
        ssize_t got = read(connection, request + length, sizeof(request) - 1 - length);

        if (got <= 0) {
            break;
        }
        length += (size_t)got;
        request[length] = '\0';
    } while (strstr(request, "\r\n\r\n") == NULL);
    (void)!write(report, request, length);
    (void)!write(connection, answer, strlen(answer));
    (void)close(connection);
    _exit(0);
}

static server start_server(const char *status, const char *body)
{
    struct sockaddr_in where = {.sin_family = AF_INET};
    socklen_t size = sizeof(where);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    char answer[2048];
    server made = {0};
    int ends[2];

    (void)inet_pton(AF_INET, "127.0.0.1", &where.sin_addr);
    assert_int_equal(bind(listener, (const struct sockaddr *)&where, sizeof(where)), 0);
    assert_int_equal(listen(listener, 4), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&where, &size), 0);
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    (void)snprintf(answer, sizeof(answer),
                   "HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n"
                   "Connection: close\r\n\r\n%s",
                   status, strlen(body), body);
    made.port = ntohs(where.sin_port);
    made.request = ends[0];
    made.process = fork();
    assert_true(made.process >= 0);
    if (made.process == 0) {
        serve(listener, ends[1], answer);
    }
    (void)close(listener);
    (void)close(ends[1]);
    return made;
}

static void stop_server(server *self, char request[4096])
{
    ssize_t length = read(self->request, request, 4095);

    request[length > 0 ? length : 0] = '\0';
    (void)close(self->request);
    (void)kill(self->process, SIGKILL);
    assert_int_equal(waitpid(self->process, NULL, 0), self->process);
}

static void usage_is_checked(void **state)
{
    static const struct {
        const char *arguments;
        int code;
        const char *text; /* a part of what is printed */
    } cases[] = {
        {"", 2, "Usage: hotgate COMMAND"},
        {"--help", 0, "  reload     put new plugin objects into service\n"},
        {"-h", 0, "Usage: hotgate COMMAND"},
        {"--version", 0, "hotgate "},
        {"relaod", 2, "hotgate: no command \"relaod\", did you mean \"reload\"?\n"},
        {"kubernetes", 2, "hotgate: no command \"kubernetes\"; `hotgate --help` lists them\n"},
        {"contrl", 2, "hotgate: no command \"contrl\""},
        {"run --help", 0, "-p, --prefix DIR"},
        {"status --help", 0, "Usage: hotgate status"},
        {"reload --help", 0, "Usage: hotgate reload"},
        {"run --nonsense", 2, "unrecognized option '--nonsense'"},
        {"run -p", 2, "option requires an argument -- 'p'"},
        {"run here", 2, "hotgate run: \"here\" is too much\n"},
        {"status --nonsense", 2, "unrecognized option"},
        {"reload now", 2, "hotgate reload: \"now\" is too much\n"},
        {"--help", 0, "  doc        print the reference of a plugin, made from its object\n"},
        {"check --attributes", 2, "option '--attributes' requires an argument"},
        {"doc --help", 0, "Usage: hotgate doc"},
        {"doc", 2, "hotgate doc: wanted one FILE.so\n"},
        {"doc a.so b.so", 2, "hotgate doc: wanted one FILE.so\n"},
        {"doc --nonsense a.so", 2, "unrecognized option '--nonsense'"},
        {"doc --update", 2, "option '--update' requires an argument"},
        {"doc --update a.md --check a.md a.so", 2, "wanted one of --update, --check and --json\n"},
        {"doc --json --json a.so", 2, "wanted one of --update, --check and --json\n"},
        {"doc nonexistent.so", 1, "error: nonexistent.so: No such file or directory\n"},
        {"doc page.md", 1, "error: the file's name does not end in .so"},
        {"defaults", 0, "\napisix:\n"},
        {"defaults --x", 2, "Usage: hotgate defaults"},
        {"defaults echo", 0, "\n# plugins:\n#   - echo\n"},
        {"defaults >/dev/full", 1, ""},
    };
    char text[TEXT_MAX];

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        int code = run(cases[i].arguments, text);

        if (code != cases[i].code || strstr(text, cases[i].text) == NULL) {
            fail_msg("%s: got %d, %s", cases[i].arguments, code, text);
        }
    }
    (void)run("--help", text);
    assert_null(strstr(text, "control"));
}

static void run_refuses_what_cannot_work(void **state)
{
    char text[TEXT_MAX];
    char expected[300];

    (void)state;
    assert_int_equal(run("run -p nonexistent", text), 1);
    assert_string_equal(text,
                        "hotgate: instance directory nonexistent: No such file or directory\n");
    assert_int_equal(run("run -c nonexistent.yaml", text), 1);
    (void)snprintf(expected, sizeof(expected),
                   "hotgate: %s/nonexistent.yaml: cannot be read: No such file or directory\n",
                   directory);
    assert_string_equal(text, expected);
    assert_int_not_equal(access("conf", F_OK), 0); /* nothing was made */

    write_file("bad.yaml", "apisix:\n  node_listn: 80\n  enable_admin: maybe\n");
    assert_int_equal(run("run -c bad.yaml", text), 1);
    (void)snprintf(expected, sizeof(expected),
                   "hotgate: %s/bad.yaml:2:3: /apisix/node_listn: unknown key, did you mean "
                   "\"node_listen\"?\n"
                   "hotgate: %s/bad.yaml:3:17: /apisix/enable_admin: found \"maybe\", wanted true "
                   "or false\n",
                   directory, directory);
    assert_string_equal(text, expected);
}

static void the_first_run_generates_a_key(void **state)
{
    char text[TEXT_MAX];
    char arguments[100];
    char outside[64] = "/tmp/hotgate-test-XXXXXX";
    struct stat info;
    int fd = mkstemp(outside);

    (void)state;
    assert_true(fd >= 0);
    assert_int_equal(mkdir("conf", 0700), 0);
    write_file("conf/config.yaml", "hotgate: {nginx: /nonexistent/nginx} # mine\n");
    assert_int_equal(run("run", text), 1); /* it gets as far as to look for nginx */
    assert_non_null(strstr(text, "an admin key was generated into "));
    assert_non_null(strstr(text, "hotgate.nginx: /nonexistent/nginx is not a program"));
    assert_int_equal(stat("conf/config.yaml", &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
    assert_int_equal(run("run", text), 1);
    assert_null(strstr(text, "generated"));

    assert_true(dprintf(fd, "hotgate: {nginx: /nonexistent/nginx}\n") > 0);
    (void)close(fd);
    (void)snprintf(arguments, sizeof(arguments), "run -c %s", outside);
    assert_int_equal(run(arguments, text), 1);
    assert_non_null(strstr(text, ": no admin key, and it lies outside the instance, where hotgate "
                                 "writes nothing. Add these lines to it, or set what is empty:\n"
                                 "deployment:\n  admin:\n    admin_key:\n      - name: admin\n"));
    assert_int_equal(unlink(outside), 0);
}

static void reload_sends_the_key_of_the_instance(void **state)
{
    char text[TEXT_MAX];
    char config[512];
    char request[4096];
    server gateway = start_server("200 OK", "{\"generation\":7,\"replaced\":[{\"name\":\"hello\","
                                            "\"version\":\"0.2\"}]}\n");

    (void)state;
    assert_int_equal(mkdir("conf", 0700), 0);
    (void)snprintf(config, sizeof(config),
                   "deployment:\n  admin:\n    admin_listen: {ip: 0.0.0.0, port: %u}\n"
                   "    admin_key:\n"
                   "      - {name: v, key: viewer-key-0123456, role: viewer}\n"
                   "      - {name: a, key: admin-key-01234567, role: admin}\n",
                   gateway.port);
    write_file("conf/config.yaml", config);
    assert_int_equal(run("reload", text), 0);
    assert_string_equal(text, "generation: 7\n\nreplaced\nname   version\nhello  0.2\n");
    stop_server(&gateway, request);
    assert_memory_equal(request, "PUT /apisix/admin/plugins/reload HTTP/1.1\r\n", 43);
    assert_non_null(strstr(request, "\r\nX-API-KEY: admin-key-01234567\r\n"));
}

static void answers_decide_about_the_exit_status(void **state)
{
    static const struct {
        const char *label;
        const char *status;
        const char *body;
        const char *options;
        int code;
        const char *text;
    } cases[] = {
        {"json", "200 OK", "{\"generation\":7}\n", "--json", 0, "{\"generation\":7}\n"},
        {"no JSON", "200 OK", "done", "", 0, "done\n"},
        {"refused", "409 Conflict", "{\"error_msg\":\"hello.so: built for ABI 9\"}", "", 1,
         "error_msg: hello.so: built for ABI 9\n"
         "hotgate status: refused with status 409: hello.so: built for ABI 9\n"},
        {"wrong key", "401 Unauthorized",
         "{\"error_msg\":\"failed to check token\",\"description\":\"wrong apikey\"}", "--json", 1,
         "{\"error_msg\":\"failed to check token\",\"description\":\"wrong apikey\"}"},
        {"a page", "404 Not Found", "<html></html>", "", 1,
         "hotgate status: refused with status 404\n"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        server gateway = start_server(cases[i].status, cases[i].body);
        char arguments[200];
        char text[TEXT_MAX];
        char request[4096];
        int code;

        (void)snprintf(arguments, sizeof(arguments),
                       "status --url http://127.0.0.1:%u/ --key 'a key' %s", gateway.port,
                       cases[i].options);
        code = run(arguments, text);
        stop_server(&gateway, request);
        if (code != cases[i].code || strstr(text, cases[i].text) == NULL) {
            fail_msg("%s: got %d, %s", cases[i].label, code, text);
        }
        assert_memory_equal(request, "GET /apisix/admin/plugins/status HTTP/1.1\r\n", 43);
        assert_non_null(strstr(request, "\r\nX-API-KEY: a key\r\n"));
    }
}

static void no_gateway_is_a_failure(void **state)
{
    server gateway = start_server("200 OK", "");
    char arguments[100];
    char text[TEXT_MAX];
    char request[4096];

    (void)state;
    (void)kill(gateway.process, SIGKILL);
    stop_server(&gateway, request);
    (void)snprintf(arguments, sizeof(arguments), "reload --url http://127.0.0.1:%u", gateway.port);
    assert_int_equal(run(arguments, text), 1);
    assert_non_null(strstr(text, "/apisix/admin/plugins/reload: Failed to connect to 127.0.0.1"));
    assert_int_equal(run("status", text), 1);
    assert_string_equal(text, "hotgate status: ./conf/config.yaml: cannot be read: No such file or "
                              "directory\n"
                              "hotgate status: -p DIR names the instance, --url and --key the "
                              "gateway itself\n");
    write_file("off.yaml", "apisix: {enable_admin: false}\n");
    assert_int_equal(run("status -c off.yaml", text), 1);
    assert_string_equal(
        text, "hotgate status: this gateway has no Admin API: apisix.enable_admin is false\n");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_directory, remove_directory)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(usage_is_checked),
        TEST(run_refuses_what_cannot_work),
        TEST(the_first_run_generates_a_key),
        TEST(reload_sends_the_key_of_the_instance),
        TEST(answers_decide_about_the_exit_status),
        TEST(no_gateway_is_a_failure),
    };

    if (getenv("HOTGATE_PROGRAM") == NULL || !become_ordinary_user()) {
        return 1;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
