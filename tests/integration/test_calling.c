/* tests/integration/test_calling.c - plugins that call other servers: what they get, what is left.
 */
#include <arpa/inet.h>
#include <dirent.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <hotgate/error.h>

#include "tests/integration/author.h"
#include "tests/integration/certificates.h"
#include "tests/integration/command.h"
#include "tests/integration/gateway.h"
#include "tests/integration/load.h"
#include "tests/integration/origin.h"
#include "tests/integration/sanitizer.h"
#include "tests/unit/unit.h"

#define AT_ONCE        100u /* clients that go away together */
#define WAVES          20u  /* of them, beside the first */
#define WAVES_FULL     100u
#define GROWTH_MAX_KIB 1024
#define RELOADS        6u

static gateway *running;
static origin *server; /* what is called */
static char *folder;   /* of the certificates */
static response got;
static json_t *told;

static int set_up(void **state)
{
    json_t *object;
    char *text;

    (void)state;
    folder = authority_make();
    certificate_make(folder, "a", "ec", "DNS:a.example");
    certificate_make(folder, "client", "ec", NULL);
    server = origin_start();
    running = gateway_make(&(gateway_options){.workers = 1});
    author_install(running, "calling", "calling", "");
    gateway_start(running);
    object = certificate_json(folder, "a");
    (void)json_object_set_new(object, "snis", json_pack("[s]", "a.example"));
    text = json_dumps(object, 0);
    gateway_put(running, "ssls/a", "%s", text);
    free(text);
    json_decref(object);
    gateway_put(running, "routes/free",
                "{\"uri\": \"/free\", \"upstream\": {\"nodes\": {\"127.0.0.1:%u\": 1}}}",
                origin_port(server));
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    response_done(&got);
    json_decref(told);
    gateway_free(running);
    origin_stop(server);
    folder_remove(folder);
    return 0;
}

/* A route /NAME whose plugin makes one call; `more` are further members of its configuration. */
static void put(const char *name, const char *url, const char *more)
{
    char *key = text_format("routes/%s", name);

    gateway_put(running, key,
                "{\"uri\": \"/%s\", \"plugins\": {\"calling\": {\"urls\": [\"%s\"]%s}},"
                " \"upstream\": {\"nodes\": {\"127.0.0.1:%u\": 1}}}",
                name, url, more, origin_port(server));
    free(key);
}

static void put_server(const char *name, const char *target, const char *more)
{
    char *url = text_format("http://127.0.0.1:%u%s", origin_port(server), target);

    put(name, url, more);
    free(url);
}

static json_t *answer(void)
{
    return json_array_get(told, 0);
}

static long number(const char *member)
{
    return (long)json_integer_value(json_object_get(answer(), member));
}

static const char *text_of(const char *member)
{
    const char *value = json_string_value(json_object_get(answer(), member));

    return value == NULL ? "" : value;
}

/* Asks the route, and takes what its plugin tells of the call. */
static void ask(const char *name)
{
    char *target = text_format("/%s", name);

    http_get(running->port, target, "", &got);
    json_decref(told);
    told = json_loads(got.body, 0, NULL);
    if (got.status != 200 || told == NULL) {
        fail_msg("%s: %d %s", name, got.status, got.body);
    }
    free(target);
}

/* What the server has seen of the call. */
static json_t *echo(void)
{
    json_t *seen = json_loads(text_of("body"), 0, NULL);

    if (seen == NULL) {
        fail_msg("no echo: %ld %s %s", number("result"), text_of("error"), text_of("body"));
    }
    return seen;
}

static size_t entries(pid_t pid, const char *what)
{
    char *path = text_format("/proc/%d/%s", (int)pid, what);
    DIR *directory = opendir(path);
    size_t count = 0;

    assert_non_null(directory);
    while (readdir(directory) != NULL) {
        count++;
    }
    (void)closedir(directory);
    free(path);
    return count - 2;
}

static long rss_kib(pid_t pid)
{
    char *path = text_format("/proc/%d/status", (int)pid);
    char *status = file_read(path);
    const char *line = strstr(status, "VmRSS:");
    long kib;

    assert_non_null(line);
    kib = strtol(line + 6, NULL, 10);
    free(status);
    free(path);
    return kib;
}

static pid_t worker(void)
{
    pid_t pids[GATEWAY_WORKERS_MAX] = {0};

    assert_int_equal(gateway_workers(running, pids), 1);
    return pids[0];
}

/* ----------------------------------------------------------------------------------- calls */

static void a_call_reaches_the_server_whole(void **state)
{
    json_t *seen;

    (void)state;
    put_server("post", "/auth?a=b",
               ", \"method\": \"POST\", \"body\": \"hello\", \"headers\": [\"X-One=1\"]");
    ask("post");
    assert_int_equal(number("status"), 200);
    seen = echo();
    assert_string_equal(json_string_value(json_object_get(seen, "method")), "POST");
    assert_string_equal(json_string_value(json_object_get(seen, "target")), "/auth?a=b");
    assert_string_equal(json_string_value(json_object_get(seen, "body")), "hello");
    assert_string_equal(
        json_string_value(json_object_get(json_object_get(seen, "headers"), "x-one")), "1");
    json_decref(seen);
}

static void connections_are_kept_and_no_thread_is_made(void **state)
{
    json_int_t connection_number = 0;

    (void)state;
    put_server("kept", "/", "");
    for (int i = 0; i < 5; i++) {
        json_t *seen;

        ask("kept");
        seen = echo();
        if (i == 0) {
            connection_number = json_integer_value(json_object_get(seen, "connection"));
        }
        assert_int_equal(json_integer_value(json_object_get(seen, "connection")),
                         connection_number);
        json_decref(seen);
    }
    assert_int_equal(entries(worker(), "task"), 1);
}

static void a_name_is_looked_up_without_a_thread(void **state)
{
    char *url = text_format("http://localhost:%u/", origin_port(server));

    (void)state;
    put("name", url, "");
    free(url);
    ask("name");
    assert_int_equal(number("status"), 200);
    put("nobody", "http://nobody.invalid/", ", \"timeout\": 2000");
    ask("nobody");
    assert_true(number("result") == HG_ERR_NOT_FOUND || number("result") == HG_ERR_TIMEOUT);
    assert_int_equal(entries(worker(), "task"), 1);
}

static void what_goes_wrong_is_told(void **state)
{
    static const struct {
        const char *target;
        const char *more;
        hg_status result;
        const char *error;
    } cases[] = {
        {"/?delay=2000", ", \"timeout\": 100", HG_ERR_TIMEOUT, "no whole answer within 100 ms"},
        {"/?close=1", "", HG_ERR_IO, "127.0.0.1"},
        {"/?bytes=100000&cut=1000", "", HG_ERR_IO, "bytes remaining"},
        {"/?bytes=1001", ", \"body_max\": 1000", HG_ERR_TOO_LARGE, "more than 1000 bytes of body"},
        {"/?bytes=1000", ", \"body_max\": 1000", HG_OK, ""},
        {"/?bytes=300000&chunked=1", "", HG_OK, ""},
        {"/?status=503", "", HG_OK, ""},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        put_server("wrong", cases[i].target, cases[i].more);
        ask("wrong");
        if (number("result") != (long)cases[i].result ||
            strstr(text_of("error"), cases[i].error) == NULL) {
            fail_msg("%s: %ld %s", cases[i].target, number("result"), text_of("error"));
        }
    }
    put("wrong", "http://127.0.0.1:1/", "");
    ask("wrong");
    assert_int_equal(number("result"), HG_ERR_IO);
    assert_non_null(strstr(text_of("error"), "refused"));
}

/* ------------------------------------------------------------------------------------- TLS */

static char *member(const char *name, const char *file)
{
    json_t *pem = pem_json(folder, file);
    char *quoted = json_dumps(pem, JSON_ENCODE_ANY);
    char *text = text_format(", \"%s\": %s", name, quoted);

    free(quoted);
    json_decref(pem);
    return text;
}

/* The gateway calls itself, in the only worker that it has. */
static void certificates_are_judged(void **state)
{
    char *trusts = member("authorities", "ca.pem");
    char *strange = member("authorities", "client.pem");
    const struct {
        const char *label;
        const char *name;
        const char *more;
        hg_status result;
    } cases[] = {
        {"trusted", "a.example", trusts, HG_OK},
        {"of another name", "b.example", trusts, HG_ERR_TLS},
        {"not trusted", "a.example", strange, HG_ERR_TLS},
        {"not known", "a.example", "", HG_ERR_TLS},
        {"not looked at", "a.example", ", \"insecure\": true", HG_OK},
    };
    char *url = text_format("https://127.0.0.1:%u/free", running->tls_port);

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char *more = text_format("%s, \"server_name\": \"%s\"", cases[i].more, cases[i].name);

        put("tls", url, more);
        ask("tls");
        if (number("result") != (long)cases[i].result ||
            (cases[i].result == HG_OK && number("status") != 200)) {
            fail_msg("%s: %ld %s", cases[i].label, number("result"), text_of("error"));
        }
        free(more);
    }
    free(url);
    free(trusts);
    free(strange);
}

static void a_client_certificate_is_shown(void **state)
{
    json_t *object = certificate_json(folder, "a");
    char *certificate = member("certificate", "client.pem");
    char *key = member("key", "client.key");
    char *url = text_format("https://127.0.0.1:%u/free", running->tls_port);
    char *more =
        text_format("%s%s, \"insecure\": true, \"server_name\": \"m.example\"", certificate, key);
    char *text;

    (void)state;
    (void)json_object_set_new(object, "snis", json_pack("[s]", "m.example"));
    (void)json_object_set_new(object, "client",
                              json_pack("{s:o}", "ca", pem_json(folder, "ca.pem")));
    text = json_dumps(object, 0);
    gateway_put(running, "ssls/m", "%s", text);
    put("mutual", url, ", \"insecure\": true, \"server_name\": \"m.example\"");
    ask("mutual");
    assert_true(number("result") != HG_OK || number("status") == 400);
    put("mutual", url, more);
    ask("mutual");
    if (number("status") != 200) {
        fail_msg("%ld %s", number("result"), text_of("error"));
    }
    free(text);
    free(more);
    free(url);
    free(key);
    free(certificate);
    json_decref(object);
}

/* ---------------------------------------------------------------------------------- clients */

static void a_call_holds_up_its_request_only(void **state)
{
    static const char text[] = "GET /slow HTTP/1.1\r\nHost: a\r\n\r\n";
    connection one = {.fd = -1};
    int64_t begin_ms;
    unsigned others = 0;

    (void)state;
    put_server("slow", "/?delay=400", "");
    assert_true(connection_open(&one, running->port));
    begin_ms = clock_ms();
    assert_true(connection_send(&one, text, sizeof(text) - 1));
    while (clock_ms() - begin_ms < 300) {
        http_get(running->port, "/free", "", &got);
        assert_int_equal(got.status, 200);
        others++;
    }
    assert_true(connection_receive(&one, false, &got));
    assert_true(clock_ms() - begin_ms >= 390);
    assert_true(others >= 10);
    connection_close(&one);
}

/* A server that takes connections and never says anything. */
static int silent_listen(unsigned *out_port)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t length = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(fd, AT_ONCE * 2), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &length), 0);
    *out_port = ntohs(address.sin_port);
    return fd;
}

/* So many clients ask, and go away while their calls are under way. */
static void wave(int silent)
{
    static const char text[] = "GET /long HTTP/1.1\r\nHost: a\r\n\r\n";
    connection *all = calloc(AT_ONCE, sizeof(*all));
    size_t called = 0;
    int fd;

    assert_non_null(all);
    for (size_t i = 0; i < AT_ONCE; i++) {
        assert_true(connection_open(&all[i], running->port));
        assert_true(connection_send(&all[i], text, sizeof(text) - 1));
    }
    WAIT_UNTIL(gateway_sum(running, "requests_parked") == AT_ONCE);
    for (size_t i = 0; i < AT_ONCE; i++) {
        connection_close(&all[i]);
    }
    WAIT_UNTIL(gateway_sum(running, "requests_live") == 0);
    assert_int_equal(gateway_sum(running, "requests_parked"), 0);
    while ((fd = accept(silent, NULL, NULL)) >= 0) {
        char head[1024];

        while (read(fd, head, sizeof(head)) > 0) { /* up to the end of the call's connection */
        }
        (void)close(fd);
        called++;
    }
    assert_int_equal(called, AT_ONCE);
    free(all);
}

static void clients_that_go_away_leave_nothing(void **state)
{
    unsigned waves = scale_is_full() ? WAVES_FULL : WAVES;
    pid_t pid = worker();
    unsigned port;
    int silent = silent_listen(&port);
    char *url = text_format("http://127.0.0.1:%u/", port);
    size_t descriptors;
    long kib;

    (void)state;
    put("long", url, ", \"timeout\": 60000");
    free(url);
    wave(silent); /* what is kept for later is there then */
    descriptors = entries(pid, "fd");
    kib = rss_kib(pid);
    for (unsigned i = 0; i < waves; i++) {
        wave(silent);
    }
    print_message("%u clients gone: %zu and %zu descriptors, %ld and %ld KiB\n", waves * AT_ONCE,
                  descriptors, entries(pid, "fd"), kib, rss_kib(pid));
    assert_true(entries(pid, "fd") <= descriptors);
    assert_true(sanitizer_is_on() || rss_kib(pid) - kib < GROWTH_MAX_KIB);
    assert_int_equal(worker(), pid);
    assert_int_equal(entries(pid, "task"), 1);
    (void)close(silent);
}

/* ----------------------------------------------------------------------------- forward-auth */

/* A server that refuses answers with what it has seen. */
static void a_server_decides_whether_requests_go_on(void **state)
{
    static const struct {
        const char *label;
        const char *auth; /* what is asked of the server */
        const char *options;
        const char *body; /* of the request; NULL: none */
        int status;
        const char *parts[3]; /* of the body that the client gets */
    } cases[] = {
        {"goes on",
         "/auth?etag=1",
         "\"upstream_headers\": [\"ETag\"]",
         NULL,
         200,
         {"\"target\":\"/guarded?a=b\"", "\"etag\":", NULL}},
        {"goes on with its body",
         "/auth",
         "\"request_method\": \"POST\"",
         "the body",
         200,
         {"\"body\":\"the body\"", "\"method\":\"POST\"", NULL}},
        {"refused",
         "/auth?status=401",
         "\"request_headers\": [\"X-Token\"]",
         NULL,
         401,
         {"\"target\":\"/auth?status=401\"", "\"x-token\":\"1\"",
          "\"x-forwarded-uri\":\"/guarded?a=b\""}},
        {"refused for its body",
         "/auth?status=403",
         "\"request_method\": \"POST\"",
         "the body",
         403,
         {"\"body\":\"the body\"", "\"x-forwarded-method\":\"POST\"", "\"body_length\":8"}},
        {"too slow", "/auth?delay=1000", "\"timeout\": 50", NULL, 403, {NULL, NULL, NULL}},
        {"degrades",
         "/auth?close=1",
         "\"allow_degradation\": true",
         NULL,
         200,
         {"\"target\":\"/guarded?a=b\"", NULL, NULL}},
        {"own status", "/auth?close=1", "\"status_on_error\": 503", NULL, 503, {NULL, NULL, NULL}},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        connection one = {.fd = -1};

        gateway_put(running, "routes/guarded",
                    "{\"uri\": \"/guarded\", \"plugins\": {\"forward-auth\": {"
                    "\"uri\": \"http://127.0.0.1:%u%s\", %s}},"
                    " \"upstream\": {\"nodes\": {\"127.0.0.1:%u\": 1}}}",
                    origin_port(server), cases[i].auth, cases[i].options, origin_port(server));
        assert_true(connection_open(&one, running->port));
        connection_request(&one, cases[i].body == NULL ? "GET" : "POST", "/guarded?a=b",
                           "X-Token: 1\r\n", cases[i].body, &got);
        for (size_t k = 0; k < ARRAY_SIZE(cases[i].parts) && cases[i].parts[k] != NULL; k++) {
            if (strstr(got.body, cases[i].parts[k]) == NULL) {
                fail_msg("%s: no %s in %s", cases[i].label, cases[i].parts[k], got.body);
            }
        }
        if (got.status != cases[i].status) {
            fail_msg("%s: %d %s", cases[i].label, got.status, got.body);
        }
        connection_close(&one);
    }
}

/* -------------------------------------------------------------------------- reload and stop */

static void no_call_is_lost_over_reloads(void **state)
{
    load *requests;
    load_result result;
    json_t *status;
    json_int_t objects;

    (void)state;
    put_server("load", "/?delay=3", "");
    requests = load_start(&(load_plan){.port = running->port,
                                       .target = "/load",
                                       .connections = 8,
                                       .wanted = "\"result\":0,\"status\":200"});
    load_wait(requests, 50);
    for (unsigned i = 0; i < RELOADS; i++) {
        char *flags = text_format("-DVERSION='\"2.0.%u\"'", i);

        author_install(running, "calling", "calling", flags);
        json_decref(gateway_reload(running));
        load_wait(requests, 50);
        free(flags);
    }
    result = load_stop(requests);
    if (result.failures > 0) {
        fail_msg("%zu of %zu failed: %s", result.failures, result.requests, result.first);
    }
    status = gateway_status(running);
    objects = (json_int_t)json_array_size(json_object_get(status, "plugins"));
    json_decref(status);
    WAIT_UNTIL(gateway_sum(running, "objects_mapped") == objects);
    assert_int_equal(gateway_sum(running, "objects_pinned"), 0);
}

static void an_orderly_stop_lets_calls_end(void **state)
{
    static const char text[] = "GET /slow HTTP/1.1\r\nHost: a\r\n\r\n";
    connection one = {.fd = -1};

    (void)state;
    put_server("slow", "/?delay=700", "");
    assert_true(connection_open(&one, running->port));
    assert_true(connection_send(&one, text, sizeof(text) - 1));
    WAIT_UNTIL(gateway_sum(running, "requests_parked") == 1);
    assert_int_equal(kill(running->pid, SIGQUIT), 0);
    assert_true(connection_receive(&one, false, &got));
    assert_int_equal(got.status, 200);
    assert_non_null(strstr(got.body, "\"status\":200"));
    connection_close(&one);
    assert_int_equal(gateway_stop(running, 0), 0); /* it is on its way */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_call_reaches_the_server_whole),
        cmocka_unit_test(connections_are_kept_and_no_thread_is_made),
        cmocka_unit_test(a_name_is_looked_up_without_a_thread),
        cmocka_unit_test(what_goes_wrong_is_told),
        cmocka_unit_test(certificates_are_judged),
        cmocka_unit_test(a_client_certificate_is_shown),
        cmocka_unit_test(a_call_holds_up_its_request_only),
        cmocka_unit_test(clients_that_go_away_leave_nothing),
        cmocka_unit_test(a_server_decides_whether_requests_go_on),
        cmocka_unit_test(no_call_is_lost_over_reloads),
        cmocka_unit_test(an_orderly_stop_lets_calls_end),
    };

    return report(cmocka_run_group_tests(tests, set_up, tear_down));
}
