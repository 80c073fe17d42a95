/* tests/integration/test_runner_life.c - a runner begins, exchanges its plugins, dies and ends. */
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/integration/author.h"
#include "tests/integration/command.h"
#include "tests/integration/gateway.h"
#include "tests/integration/origin.h"
#include "tests/integration/runner_peer.h"
#include "tests/integration/served_runner.h"
#include "tests/unit/unit.h"

#define FAULTY_CRASHES "{\"when\":\"access\"}"

static served_runner served;
static peer first;
static peer second;

static int set_up(void **state)
{
    (void)state;
    runner_make(&served);
    first = (peer){.fd = -1};
    second = (peer){.fd = -1};
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    peer_close(&first);
    peer_close(&second);
    runner_done(&served);
    return 0;
}

static hgh_a6_request_call call_of(uint32_t token)
{
    return (hgh_a6_request_call){.id = 1, .path = {"/", 1}, .conf_token = token};
}

static uint32_t prepared(peer *self, const char *plugin, const char *value)
{
    uint32_t error = 99;
    uint32_t token = peer_prepare(self, "route#1#test#1", plugin, value, &error);

    if (token == 0) {
        fail_msg("%s %s: error %u", plugin, value, error);
    }
    return token;
}

/* Sends a call and does not wait for its answer. */
static void call_begin(const peer *self, uint32_t token)
{
    hgh_a6_request_call call = call_of(token);
    hgh_text_builder frame = {.max = 65536};

    assert_int_equal(hgh_a6_encode_request_call(&frame, &call), HG_OK);
    peer_send(self, frame.data, frame.length);
    hgh_text_builder_done(&frame);
}

/* The text with which a call is ended; owned by the peer. */
static const char *called(peer *self, uint32_t token)
{
    hgh_a6_request_call call = call_of(token);
    hgh_a6_request_answer answer = {0};

    if (peer_call_request(self, &call, &answer) != HGH_A6_HTTP_REQ_CALL) {
        fail_msg("error %u", answer.status);
    }
    return hgh_memory_copy(&self->memory, answer.body).data;
}

/* ------------------------------------------------------------------------------------- end */

static void a_call_under_way_is_answered_before_the_end(void **state)
{
    hg_text payload;
    int end;

    (void)state;
    runner_install(&served, "waiting", "waiting", "");
    runner_start(&served, NULL);
    peer_open(&first, served.path);
    peer_open(&second, served.path);
    call_begin(&first, prepared(&first, "waiting", "{\"sleep\":\"500ms\"}"));
    (void)prepared(&second, "waiting", "{}"); /* the call has begun by now */
    (void)kill(served.pid, SIGTERM);
    assert_true(peer_is_closed(&second));
    assert_int_equal(access(served.path, F_OK), -1);
    assert_int_equal(peer_receive(&first, &payload), HGH_A6_HTTP_REQ_CALL);
    assert_true(peer_is_closed(&first));
    end = wait_for_end(served.pid, (int64_t)DEADLINE_MS);
    served.pid = 0;
    assert_true(WIFEXITED(end) && WEXITSTATUS(end) == 0);
}

static void a_long_call_is_given_up_when_the_grace_is_over(void **state)
{
    int64_t begun_ms;
    int end;

    (void)state;
    runner_install(&served, "waiting", "waiting", "");
    runner_start(&served, (const char *const[]){"--grace", "200", NULL});
    peer_open(&first, served.path);
    peer_open(&second, served.path);
    call_begin(&first, prepared(&first, "waiting", "{\"sleep\":\"60s\"}"));
    (void)prepared(&second, "waiting", "{}");
    begun_ms = clock_ms();
    end = runner_stop(&served, SIGTERM);
    assert_true(WIFEXITED(end) && WEXITSTATUS(end) == 0);
    assert_true(clock_ms() - begun_ms >= 200);
    assert_true(runner_logged(&served, "sleep -> 13")); /* HG_CANCELED: it ended in its own time */
    assert_true(peer_is_closed(&first));
}

/* Its gateway makes calls that break off anew, in the next process: that is not kept waiting. */
static void one_of_isolated_plugins_keeps_nobody_waiting(void **state)
{
    char *manifest = text_format("%s/manifest.json", served.folder);
    char *text = text_format("{\"generation\": 1, \"listed\": null, \"plugins\": [{\"name\": "
                             "\"waiting\", \"sha256\": \"\", \"path\": \"%s/waiting.so\", "
                             "\"number\": 1}]}",
                             served.plugins);
    int end;

    (void)state;
    runner_install(&served, "waiting", "waiting", "");
    file_write(manifest, text, strlen(text));
    runner_start(&served, (const char *const[]){"--manifest", manifest, "--grace", "200", NULL});
    peer_open(&first, served.path);
    peer_open(&second, served.path);
    call_begin(&first, prepared(&first, "waiting", "{\"sleep\":\"60s\"}"));
    (void)prepared(&second, "waiting", "{}");
    end = runner_stop(&served, SIGQUIT);
    assert_true(WIFEXITED(end) && WEXITSTATUS(end) == 0);
    assert_true(peer_is_closed(&first));
    free(manifest);
    free(text);
}

static void it_may_have_many_connections(void **state)
{
    struct rlimit ours;
    struct rlimit its = {0};

    (void)state;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &ours), 0);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &(struct rlimit){256, ours.rlim_max}), 0);
    runner_install(&served, "exit", "exit", "");
    runner_start(&served, NULL);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &ours), 0);
    assert_int_equal(prlimit(served.pid, RLIMIT_NOFILE, NULL, &its), 0);
    assert_true(its.rlim_cur == its.rlim_max || its.rlim_cur == 65536);
}

static void a_killed_runner_leaves_a_socket_that_the_next_one_replaces(void **state)
{
    uint32_t token;
    hgh_a6_request_call call;
    hgh_a6_request_answer answer = {0};
    struct stat info;

    (void)state;
    runner_install(&served, "exit", "exit", "");
    runner_start(&served, NULL);
    WAIT_UNTIL(stat(served.path, &info) == 0 && (info.st_mode & 0777) == 0766);
    peer_open(&first, served.path);
    token = prepared(&first, "exit", "{\"way\":\"status\"}");
    (void)runner_stop(&served, SIGKILL);
    assert_int_equal(access(served.path, F_OK), 0);
    runner_start(&served, NULL);
    peer_open(&second, served.path);
    call = call_of(token);
    assert_int_equal(peer_call_request(&second, &call, &answer), HGH_A6_ERROR);
    assert_int_equal(answer.status, HGH_A6_CONF_TOKEN_NOT_FOUND);
}

static void a_socket_of_somebody_else_stays(void **state)
{
    const char *const arguments[] = {
        installed_program(), "runner",      "--plugins", served.plugins,
        "--listen",          served.listen, NULL};
    char *text = NULL;

    (void)state;
    runner_install(&served, "exit", "exit", "");
    runner_start(&served, NULL);
    assert_int_equal(command_run(&(command){.arguments = arguments}, &text), 1);
    assert_non_null(strstr(text, "somebody listens there already"));
    free(text);
}

/* One that reloads starts the next runner at the same path while this one still lives. */
static void the_next_one_of_a_gateway_takes_the_place(void **state)
{
    char *address = text_format("APISIX_LISTEN_ADDRESS=%s", served.listen);
    const char *const environment[] = {address, NULL};
    const char *const arguments[] = {installed_program(), "runner", "--plugins", served.plugins,
                                     NULL};
    int log = open("/dev/null", O_WRONLY | O_CLOEXEC);
    struct stat before;
    struct stat now;
    pid_t old;
    int end;

    (void)state;
    runner_install(&served, "exit", "exit", "");
    runner_start(&served, NULL);
    old = served.pid;
    assert_int_equal(stat(served.path, &before), 0);
    served.pid = command_start(&(command){.arguments = arguments, .environment = environment}, log);
    (void)close(log);
    WAIT_UNTIL(stat(served.path, &now) == 0 && now.st_ino != before.st_ino);
    (void)kill(old, SIGTERM);
    end = wait_for_end(old, (int64_t)DEADLINE_MS);
    assert_true(WIFEXITED(end) && WEXITSTATUS(end) == 0);
    peer_open(&first, served.path);
    (void)prepared(&first, "exit", "{\"way\":\"status\"}");
    free(address);
}

static void a_call_that_takes_too_long_fails(void **state)
{
    hgh_a6_request_call call;
    hgh_a6_request_answer answer = {0};

    (void)state;
    runner_install(&served, "waiting", "waiting", "");
    runner_install(&served, "offloading", "offloading", "");
    runner_start(&served, (const char *const[]){"--call-timeout", "100", NULL});
    peer_open(&first, served.path);
    call = call_of(prepared(&first, "waiting", "{\"sleep\":\"60s\"}"));
    assert_int_equal(peer_call_request(&first, &call, &answer), HGH_A6_ERROR);
    assert_int_equal(answer.status, HGH_A6_SERVICE_UNAVAILABLE);
    call = call_of(prepared(&first, "offloading", "{\"ms\":1000}"));
    assert_int_equal(peer_call_request(&first, &call, &answer), HGH_A6_ERROR);
    assert_int_equal(answer.status, HGH_A6_SERVICE_UNAVAILABLE);
    assert_true(runner_logged(&served, "have not ended within 100 ms"));
    WAIT_UNTIL(runner_logged(&served, "offload -> 13"));
}

/* ---------------------------------------------------------------------------------- crashes */

static void a_crash_is_told_to_the_call_that_it_is_of(void **state)
{
    hg_text payload;
    int end;

    (void)state;
    runner_install(&served, "faulty", "faulty", "");
    runner_install(&served, "waiting", "waiting", "");
    runner_start(&served, NULL);
    peer_open(&first, served.path);
    peer_open(&second, served.path);
    call_begin(&second, prepared(&second, "waiting", "{\"sleep\":\"60s\"}"));
    call_begin(&first, prepared(&first, "faulty", FAULTY_CRASHES));
    assert_int_equal(peer_receive(&first, &payload), HGH_A6_ERROR);
    assert_int_equal(peer_error_code(&first, payload), HGH_A6_SERVICE_UNAVAILABLE);
    assert_true(peer_is_closed(&second));
    end = wait_for_end(served.pid, (int64_t)DEADLINE_MS);
    served.pid = 0;
    assert_true(WIFSIGNALED(end));
    assert_true(runner_logged(&served, "this runner dies of signal"));
    assert_true(runner_logged(&served, "of plugin faulty"));
}

/* ----------------------------------------------------------------------------------- reload */

/* How often the process has an object of that plugin mapped for execution. */
static unsigned objects_mapped(const char *name)
{
    char *path = text_format("/proc/%d/maps", (int)served.pid);
    char *text = file_read(path);
    char *wanted = text_format("/%s.", name);
    unsigned count = 0;

    for (const char *line = text; line != NULL && *line != '\0';) {
        const char *end = strchr(line, '\n');
        size_t length = end == NULL ? strlen(line) : (size_t)(end - line);

        count += memmem(line, length, wanted, strlen(wanted)) != NULL &&
                 memmem(line, length, "r-xp", 4) != NULL;
        line = end == NULL ? NULL : end + 1;
    }
    free(wanted);
    free(text);
    free(path);
    return count;
}

static void reload_exchanges_plugins_while_calls_end_on_the_old(void **state)
{
    uint32_t token;

    (void)state;
    runner_install(&served, "version", "version", "");
    runner_install(&served, "waiting", "waiting", "");
    runner_start(&served, NULL);
    peer_open(&first, served.path);
    peer_open(&second, served.path);
    token = prepared(&first, "version", "{}");
    assert_string_equal(called(&first, token), "1.0.0");
    call_begin(&second, prepared(&second, "waiting", "{\"sleep\":\"60s\"}"));
    runner_install(&served, "version", "version", "-DSECOND");
    (void)kill(served.pid, SIGHUP);
    WAIT_UNTIL(runner_logged(&served, "reload: generation 2 is in force"));
    assert_true(runner_logged(&served, "reload: plugin version 2.0.0 is replaced"));
    assert_string_equal(called(&first, token), "2.0.0");
    assert_true(objects_mapped("version") >= 1);
    assert_int_equal(objects_mapped("waiting"), 1); /* unchanged: the same object */
    peer_close(&second);
    WAIT_UNTIL(objects_mapped("version") == 1);
}

static void a_reload_that_fails_changes_nothing(void **state)
{
    char *path = text_format("%s/version.so", served.plugins);
    char *other = text_format("%s/other.so", served.plugins);
    uint32_t token;

    (void)state;
    runner_install(&served, "version", "version", "");
    runner_start(&served, NULL);
    peer_open(&first, served.path);
    token = prepared(&first, "version", "{\"number\":50}");
    /* the second one takes at most 10 */
    runner_install(&served, "version", "version", "-DSECOND");
    (void)kill(served.pid, SIGHUP);
    WAIT_UNTIL(runner_logged(&served, "reload: nothing was changed"));
    assert_true(runner_logged(&served, "plugin version is rejected"));
    assert_string_equal(called(&first, token), "1.0.0");
    /* still rejected, and it does not keep another one out */
    runner_install(&served, "exit", "exit", "");
    (void)kill(served.pid, SIGHUP);
    WAIT_UNTIL(runner_logged(&served, "reload: plugin exit 1.0.0 is loaded"));
    assert_string_equal(called(&first, token), "1.0.0");
    file_write(other, "garbage", 7);
    (void)kill(served.pid, SIGHUP);
    WAIT_UNTIL(runner_logged(&served, "plugin other is rejected"));
    assert_string_equal(called(&first, token), "1.0.0");
    free(path);
    free(other);
}

static void a_plugin_that_is_taken_away_is_forgotten(void **state)
{
    char *path = text_format("%s/version.so", served.plugins);
    hgh_a6_request_call call;
    hgh_a6_request_answer answer = {0};
    uint32_t error = 99;

    (void)state;
    runner_install(&served, "version", "version", "");
    runner_install(&served, "exit", "exit", "");
    runner_start(&served, NULL);
    peer_open(&first, served.path);
    call = call_of(prepared(&first, "version", "{}"));
    assert_int_equal(unlink(path), 0);
    (void)kill(served.pid, SIGHUP);
    WAIT_UNTIL(runner_logged(&served, "reload: plugin version is removed"));
    assert_int_equal(peer_call_request(&first, &call, &answer), HGH_A6_ERROR);
    assert_int_equal(answer.status, HGH_A6_CONF_TOKEN_NOT_FOUND);
    assert_int_equal(peer_prepare(&first, "k", "version", "{}", &error), 0);
    assert_int_equal(error, HGH_A6_BAD_REQUEST);
    WAIT_UNTIL(objects_mapped("version") == 0);
    free(path);
}

/* ----------------------------------------------------------------------------------- calls */

static void a_plugin_calls_servers_by_name(void **state)
{
    origin *server = origin_start();
    char *value =
        text_format("{\"urls\":[\"http://localhost:%u/asked?status=202\"]}", origin_port(server));

    (void)state;
    runner_install(&served, "calling", "calling", "");
    runner_start(&served, NULL);
    peer_open(&first, served.path);
    assert_non_null(strstr(called(&first, prepared(&first, "calling", value)), "\"status\":202"));
    assert_int_equal(origin_requests(server), 1);
    free(value);
    origin_stop(server);
}

/* ------------------------------------------------------------------------------------ usage */

static void what_cannot_begin_says_why(void **state)
{
    static char long_path[160] = "unix:/";
    const struct {
        const char *label;
        const char *arguments[8];
        const char *environment[3];
        int code;
        const char *text;
    } cases[] = {
        {"help", {"--help"}, {NULL}, 0, "Usage: hotgate runner"},
        {"unknown option", {"--bogus"}, {NULL}, 2, "Usage: hotgate runner"},
        {"too much", {"more"}, {NULL}, 2, "\"more\" is too much"},
        {"no address", {NULL}, {NULL}, 2, "no address to listen on"},
        {"no scheme", {"--listen", "/tmp/x"}, {NULL}, 2, "wanted unix:PATH"},
        {"no path", {"--listen", "unix:"}, {NULL}, 2, "wanted unix:PATH"},
        {"a long path", {"--listen", long_path}, {NULL}, 2, "wanted at most 107"},
        {"no directory",
         {"--plugins", "/nowhere", "--listen", served.listen},
         {NULL},
         1,
         "the directory of plugins: /nowhere: No such file"},
        {"a file", {"--plugins", "/etc/passwd", "--listen", served.listen}, {NULL}, 1, "a file"},
        {"no plugin",
         {"--plugins", served.plugins, "--listen", served.listen},
         {NULL},
         1,
         "there is no plugin"},
        {"grace", {"--listen", served.listen, "--grace", "1s"}, {NULL}, 2, "--grace: found \"1s\""},
        {"an expiry",
         {"--plugins", served.plugins},
         {"APISIX_LISTEN_ADDRESS=unix:/tmp/x", "APISIX_CONF_EXPIRE_TIME=0"},
         2,
         "wanted seconds above 0"},
    };

    (void)state;
    memset(long_path + 6, 'x', sizeof(long_path) - 7);
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        const char *all[10] = {installed_program(), "runner"};
        char *text = NULL;
        int code;

        memcpy(all + 2, cases[i].arguments, sizeof(cases[i].arguments));
        code =
            command_run(&(command){.arguments = all, .environment = cases[i].environment}, &text);
        if (code != cases[i].code || strstr(text, cases[i].text) == NULL) {
            print_error("%s: wanted %d and \"%s\", got %d: %s\n", cases[i].label, cases[i].code,
                        cases[i].text, code, text);
            free(text);
            fail_msg("%s", cases[i].label);
        }
        free(text);
    }
}

static size_t entries_count(const char *path)
{
    DIR *directory = opendir(path);
    const struct dirent *entry;
    size_t count = 0;

    assert_non_null(directory);
    while ((entry = readdir(directory)) != NULL) {
        count += entry->d_name[0] != '.';
    }
    (void)closedir(directory);
    return count;
}

/* Of one that has died while it loaded its plugins: the number is none of a process. */
static void copies_that_were_left_behind_go(void **state)
{
    char *temporary = text_format("TMPDIR=%s/tmp", served.folder);
    const char *const environment[] = {temporary, NULL};
    const char *const arguments[] = {
        installed_program(), "runner",      "--plugins", served.plugins,
        "--listen",          served.listen, NULL};
    const char *folder = temporary + strlen("TMPDIR=");
    int log = open("/dev/null", O_WRONLY | O_CLOEXEC);

    (void)state;
    shell("mkdir -p %s/hotgate-runner-2147483647-abcdef/staging %s/hotgate-runner-%d-abcdef",
          folder, folder, (int)getpid());
    shell("touch %s/hotgate-runner-2147483647-abcdef/staging/a.so", folder);
    runner_install(&served, "exit", "exit", "");
    served.pid = command_start(&(command){.arguments = arguments, .environment = environment}, log);
    (void)close(log);
    peer_open(&first, served.path);
    assert_int_equal(entries_count(folder), 1); /* that of a process which lives */
    free(temporary);
}

static void the_environment_alone_is_enough(void **state)
{
    char *address = text_format("APISIX_LISTEN_ADDRESS=unix:%s", served.path);
    const char *const environment[] = {address, "APISIX_CONF_EXPIRE_TIME=3600", NULL};
    const char *const arguments[] = {installed_program(), "runner", NULL};
    int log = open("/dev/null", O_WRONLY | O_CLOEXEC);

    (void)state;
    served.pid = command_start(&(command){.arguments = arguments, .environment = environment}, log);
    (void)close(log);
    peer_open(&first, served.path);
    /* one of those that come with hotgate */
    (void)prepared(&first, "mocking", "{\"response_example\":\"hi\"}");
    free(address);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        CASE(a_call_under_way_is_answered_before_the_end),
        CASE(a_long_call_is_given_up_when_the_grace_is_over),
        CASE(one_of_isolated_plugins_keeps_nobody_waiting),
        CASE(it_may_have_many_connections),
        CASE(a_killed_runner_leaves_a_socket_that_the_next_one_replaces),
        CASE(a_socket_of_somebody_else_stays),
        CASE(the_next_one_of_a_gateway_takes_the_place),
        CASE(a_call_that_takes_too_long_fails),
        CASE(a_crash_is_told_to_the_call_that_it_is_of),
        CASE(reload_exchanges_plugins_while_calls_end_on_the_old),
        CASE(a_reload_that_fails_changes_nothing),
        CASE(a_plugin_that_is_taken_away_is_forgotten),
        CASE(a_plugin_calls_servers_by_name),
        CASE(what_cannot_begin_says_why),
        CASE(copies_that_were_left_behind_go),
        CASE(the_environment_alone_is_enough),
#undef CASE
    };

    return report(cmocka_run_group_tests(tests, NULL, NULL));
}
