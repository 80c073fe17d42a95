/* tests/integration/test_inside_nginx.c - what nginx does around the plugins: requests inside a
 * request, another path inside, refusals of its own. The plugins run once, or not at all.
 *
 * The plugin `seen` stands in a global rule and says in the log which of its phases run. */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "tests/integration/author.h"
#include "tests/integration/command.h"
#include "tests/integration/gateway.h"
#include "tests/integration/origin.h"
#include "tests/unit/unit.h"

#define PHASES_MAX  200u
#define ALL_PHASES  "rewrite access before_proxy header_filter body_filter log"
#define HEADER_LONG 40000u

static gateway *running;
static origin *upstream;
static response got;
static unsigned dead_port;
static pid_t worker;

static void put_routes(void)
{
    gateway_put(running, "routes/all",
                "{\"uri\": \"/*\", \"upstream\": {\"nodes\": {\"127.0.0.1:%u\": 1}}}",
                origin_port(upstream));
    gateway_put(running, "routes/dead",
                "{\"uri\": \"/dead\", \"upstream\": {\"nodes\": {\"127.0.0.1:%u\": 1}}}",
                dead_port);
    gateway_put(running, "routes/slow",
                "{\"uri\": \"/slow\", \"upstream\": {\"nodes\": {\"127.0.0.1:%u\": 1},"
                " \"timeout\": {\"connect\": 5, \"send\": 5, \"read\": 0.2}}}",
                origin_port(upstream));
    gateway_put(running, "routes/waits",
                "{\"uri\": \"/waits\", \"plugins\": {\"waits\": {\"time\": \"60s\"}},"
                " \"upstream\": {\"nodes\": {\"127.0.0.1:%u\": 1}}}",
                origin_port(upstream));
}

static int start(const char *snippet, const char *apisix)
{
    pid_t workers[GATEWAY_WORKERS_MAX];
    char *nginx;

    upstream = origin_start();
    dead_port = free_port();
    nginx = text_format("http_server_configuration_snippet: |\n%s"
                        "    location = /mirrored {\n"
                        "      internal;\n"
                        "      if ($http_x_mirror = 'gateway') { rewrite ^ /inside last; }\n"
                        "      proxy_pass http://127.0.0.1:%u/mirror;\n"
                        "    }\n",
                        snippet, origin_port(upstream));
    running = gateway_make(&(gateway_options){
        .workers = 1,
        .nginx = nginx,
        .apisix = apisix,
        .http = "client_max_body_size: 100k\n    client_header_timeout: 1s\n"
                "    client_body_timeout: 1s",
    });
    free(nginx);
    author_install(running, "unit_step", "seen", "-DNAME='\"seen\"' -DPRIORITY=1 -DFLAGS=0");
    author_install(running, "waits", "waits", "");
    gateway_start(running);
    assert_int_equal(gateway_workers(running, workers), 1);
    worker = workers[0];
    put_routes();
    return 0;
}

static int set_up_requests_inside(void **state)
{
    (void)state;
    return start("    mirror /mirrored;\n"
                 "    auth_request /allowed;\n"
                 "    add_before_body /before;\n"
                 "    addition_types *;\n"
                 "    log_subrequest on;\n"
                 "    location = /allowed {\n"
                 "      if ($http_x_refuse) { return 403; }\n"
                 "      return 204;\n"
                 "    }\n"
                 "    location = /before { return 200 'before:'; }\n",
                 "enable_server_tokens: false");
}

static int set_up_error_pages(void **state)
{
    (void)state;
    return start("    error_page 502 /fallback;\n"
                 "    error_page 504 /gateway-again;\n"
                 "    location = /fallback { return 200 'fallback'; }\n",
                 NULL);
}

static int tear_down(void **state)
{
    (void)state;
    response_done(&got);
    gateway_free(running);
    origin_stop(upstream);
    return 0;
}

/* From now on `seen` says this tag. */
static void begin(const char *tag)
{
    gateway_put(running, "global_rules/1", "{\"plugins\": {\"seen\": {\"tag\": \"%s\"}}}", tag);
}

/* Which phases have run with this tag: one word for each run, but one for all pieces of a body. */
static void phases_of(const char *tag, char phases[PHASES_MAX])
{
    static const char mark[] = "plugin seen: ";
    char *log = gateway_log(running, "logs/error.log");
    size_t tag_length = strlen(tag);
    const char *last = "";
    size_t length = 0;

    phases[0] = '\0';
    for (char *line = strtok(log, "\n"); line != NULL; line = strtok(NULL, "\n")) {
        char *at = strstr(line, mark);
        char *told = at == NULL ? NULL : strchr(at + sizeof(mark), ':');

        /* nginx adds what it is doing, and for whom. */
        if (told == NULL || strncmp(told + 1, tag, tag_length) != 0 ||
            (told[1 + tag_length] != ',' && told[1 + tag_length] != ' ')) {
            continue;
        }
        at += sizeof(mark) - 1;
        *told = '\0';
        if (strcmp(at, "body_filter") != 0 || strcmp(last, at) != 0) {
            length += (size_t)snprintf(phases + length, PHASES_MAX - length, "%s%s",
                                       length == 0 ? "" : " ", at);
        }
        last = at;
    }
    free(log);
}

/* The worker is the same, and a request sent now has been logged whole: all before it has been
 * done. */
static void worker_serves_on(const char *tag)
{
    char *line = text_format("plugin seen: log:%s-end while", tag);
    char *end = text_format("%s-end", tag);
    pid_t now[GATEWAY_WORKERS_MAX] = {0};

    begin(end);
    http_get(running->port, "/end", "", &got);
    assert_int_equal(got.status, 200);
    gateway_wait_log(running, "logs/error.log", line);
    assert_int_equal(gateway_workers(running, now), 1);
    assert_int_equal(now[0], worker);
    free(end);
    free(line);
}

static void expect_phases(const char *tag, const char *wanted)
{
    char phases[PHASES_MAX];

    if (strstr(wanted, "log") != NULL) { /* it may come after the answer */
        char *line = text_format("plugin seen: log:%s while", tag);

        gateway_wait_log(running, "logs/error.log", line);
        free(line);
    }
    worker_serves_on(tag);
    phases_of(tag, phases);
    if (strcmp(phases, wanted) != 0) {
        fail_msg("%s: %s, wanted %s", tag, phases, wanted);
    }
}

/* Whoever makes the response: the upstream, which says another name, a plugin, or nginx. */
static void expect_server(const char *name)
{
    static const char *const targets[] = {"/one", "/dead", "/ends", "/%"};

    begin("server");
    gateway_put(running, "routes/end",
                "{\"uri\": \"/ends\", \"plugins\": {\"seen\": {\"exit_status\": 418}}}");
    for (size_t i = 0; i < ARRAY_SIZE(targets); i++) {
        const char *server;

        http_get(running->port, targets[i], "", &got);
        server = response_header(&got, "Server");
        if (server == NULL || strcmp(server, name) != 0) {
            fail_msg("%s: %s", targets[i], got.head);
        }
    }
    gateway_delete(running, "routes/end");
}

static void every_response_has_the_gateways_server_header(void **state)
{
    (void)state;
    expect_server("APISIX/3.18.0 hotgate/" HGH_VERSION);
}

static void without_tokens_the_server_header_has_no_version(void **state)
{
    (void)state;
    expect_server("APISIX");
}

/* ----------------------------------------------------------------- requests inside a request */

static void requests_inside_a_request_meet_no_plugin(void **state)
{
    static const struct {
        const char *tag;
        const char *headers;
        int status;
        const char *body;
        size_t upstream; /* requests that it gets */
        const char *phases;
    } rows[] = {
        {"mirrored", "", 200, "before:{", 2, ALL_PHASES},
        /* The copy goes to a location of the gateway's own, which is for main requests alone. */
        {"mirrored-to-us", "X-Mirror: gateway\r\n", 200, "before:{", 1, ALL_PHASES},
        /* nginx asks for its own error page too, so that this one is its HTML. */
        {"refused", "X-Refuse: 1\r\n", 403, "<html>", 0, ALL_PHASES},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        size_t before;

        begin(rows[i].tag);
        before = origin_requests(upstream);
        http_get(running->port, "/one", rows[i].headers, &got);
        if (got.status != rows[i].status ||
            strncmp(got.body, rows[i].body, strlen(rows[i].body)) != 0) {
            fail_msg("%s: %d %s", rows[i].tag, got.status, got.body);
        }
        WAIT_UNTIL(origin_requests(upstream) == before + rows[i].upstream);
        expect_phases(rows[i].tag, rows[i].phases);
    }
}

/* ------------------------------------------------------------------------ another path inside */

static void a_request_that_is_sent_on_inside_has_run_its_plugins(void **state)
{
    static const struct {
        const char *tag;
        const char *target;
        int status;
        const char *body; /* a part */
    } rows[] = {
        {"x-accel-redirect", "/first?redirect=1", 200, "\"target\":\"/redirected\""},
        {"error-page-beside-the-gateway", "/dead", 502, "fallback"},
        {"error-page-of-the-gateway", "/slow?delay=1000", 504, "\"target\":\"/gateway-again"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        begin(rows[i].tag);
        http_get(running->port, rows[i].target, "", &got);
        if (got.status != rows[i].status || strstr(got.body, rows[i].body) == NULL) {
            fail_msg("%s: %d %s", rows[i].tag, got.status, got.body);
        }
        expect_phases(rows[i].tag, ALL_PHASES);
    }
}

/* --------------------------------------------------------------------------------- refusals */

/* Sends a text; the status of the answer, 0: the connection was closed without one. A client that
 * does not wait is gone before the worker has looked: no later event tells of it. */
static int answer_to(const char *text, bool waits)
{
    connection one = {.fd = -1};
    int status = 0;

    if (!waits) {
        stop_worker(worker);
    }
    assert_true(connection_open(&one, running->port));
    assert_true(connection_send(&one, text, strlen(text)));
    if (waits && connection_receive(&one, false, &got)) {
        status = got.status;
    }
    connection_close(&one);
    assert_int_equal(kill(worker, SIGCONT), 0);
    return status;
}

static void what_nginx_refuses_before_its_phases_meets_no_plugin(void **state)
{
    char *longer = calloc(1, HEADER_LONG + 1);
    char *header;
    char *target;

    (void)state;
    assert_non_null(longer);
    memset(longer, 'a', HEADER_LONG);
    header = text_format("GET / HTTP/1.1\r\nHost: a\r\nX-Long: %s\r\n\r\n", longer);
    target = text_format("GET /%s HTTP/1.1\r\nHost: a\r\n\r\n", longer);
    {
        const struct {
            const char *tag;
            const char *text;
            int status;
        } rows[] = {
            {"bad-line", "NONSENSE\r\n\r\n", 400},
            {"no-host", "GET / HTTP/1.1\r\n\r\n", 400},
            {"long-header", header, 400}, /* 431 has not come to nginx yet */
            {"long-target", target, 414},
            {"large-body", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 200000\r\n\r\n", 413},
            {"no-end-of-headers", "GET / HTTP/1.1\r\nHost: a\r\n", 0}, /* 408, and nobody listens */
        };

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
            int status;

            begin(rows[i].tag);
            status = answer_to(rows[i].text, true);
            if (status != rows[i].status) {
                fail_msg("%s: %d", rows[i].tag, status);
            }
            expect_phases(rows[i].tag, "");
        }
    }
    free(header);
    free(target);
    free(longer);
}

static void what_nginx_ends_in_a_phase_is_logged_by_the_plugins_it_met(void **state)
{
    static const struct {
        const char *tag;
        const char *text; /* of the request; %s: a chunk that is too large */
        bool waits;       /* for the answer; else the client goes */
        int status;
        const char *phases;
    } rows[] = {
        {"client-goes-while-the-upstream-is-asked",
         "GET /one?delay=500 HTTP/1.1\r\nHost: a\r\n\r\n", false, 0,
         "rewrite access before_proxy log"},
        {"body-does-not-come", "POST /one HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhalf",
         true, 0, "rewrite access before_proxy log"},
        {"malformed-chunk", "POST /one HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz",
         true, 400, "rewrite access before_proxy header_filter body_filter log"},
        {"too-large-in-chunks",
         "POST /one HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n30000\r\n%s", true,
         413, "rewrite access before_proxy header_filter body_filter log"},
        {"client-goes-while-a-plugin-waits", "GET /waits HTTP/1.1\r\nHost: a\r\n\r\n", false, 0,
         "rewrite access log"},
    };
    char *chunk = calloc(1, 0x30000 + 1);

    (void)state;
    assert_non_null(chunk);
    memset(chunk, 'c', 0x30000);
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        const char *place = strstr(rows[i].text, "%s");
        char *text = text_format(
            "%.*s%s", (int)(place == NULL ? (long)strlen(rows[i].text) : place - rows[i].text),
            rows[i].text, place == NULL ? "" : chunk);
        int status;

        begin(rows[i].tag);
        status = answer_to(text, rows[i].waits);
        if (status != rows[i].status) {
            fail_msg("%s: %d", rows[i].tag, status);
        }
        expect_phases(rows[i].tag, rows[i].phases);
        free(text);
    }
    free(chunk);
}

/* ------------------------------------------------------------------------------- statuses */

static void ends_without_a_body_have_none(void **state)
{
    static const struct {
        int status;
        const char *length; /* NULL: no Content-Length */
        const char *body;
    } rows[] = {
        {200, "0", ""},
        {204, NULL, ""},
        {304, NULL, ""},
        {302, "26", "{\"error_msg\":\"302 Found\"}\n"},
        {403, "30", "{\"error_msg\":\"403 Forbidden\"}\n"},
    };
    connection one = {.fd = -1};

    (void)state;
    begin("statuses");
    assert_true(connection_open(&one, running->port));
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        const char *length;

        gateway_put(running, "routes/end",
                    "{\"uri\": \"/ends\", \"plugins\": {\"seen\": {\"exit_status\": %d}}}",
                    rows[i].status);
        /* On one connection: what follows a response without a body would be taken for the next. */
        connection_request(&one, "GET", "/ends", "", NULL, &got);
        length = response_header(&got, "Content-Length");
        if (got.status != rows[i].status || strcmp(got.body, rows[i].body) != 0 ||
            (length == NULL) != (rows[i].length == NULL) ||
            (length != NULL && strcmp(length, rows[i].length) != 0) ||
            (rows[i].length == NULL && strstr(got.head, "Content-Type") != NULL)) {
            fail_msg("%d: %s%s", rows[i].status, got.head, got.body);
        }
    }
    connection_close(&one);
    gateway_delete(running, "routes/end");
}

/* ------------------------------------------------------------------------------------- end */

static void exit_is_called_when_a_worker_ends(void **state)
{
    char *log;

    (void)state;
    assert_int_equal(gateway_stop(running, SIGQUIT), 0);
    log = gateway_log(running, "logs/error.log");
    assert_non_null(strstr(log, "plugin seen: exit"));
    free(log);
}

int main(void)
{
    const struct CMUnitTest requests_inside[] = {
        cmocka_unit_test(requests_inside_a_request_meet_no_plugin),
        cmocka_unit_test(without_tokens_the_server_header_has_no_version),
    };
    const struct CMUnitTest others[] = {
        cmocka_unit_test(a_request_that_is_sent_on_inside_has_run_its_plugins),
        cmocka_unit_test(what_nginx_refuses_before_its_phases_meets_no_plugin),
        cmocka_unit_test(what_nginx_ends_in_a_phase_is_logged_by_the_plugins_it_met),
        cmocka_unit_test(ends_without_a_body_have_none),
        cmocka_unit_test(every_response_has_the_gateways_server_header),
        cmocka_unit_test(exit_is_called_when_a_worker_ends),
    };
    int failures = cmocka_run_group_tests_name("requests inside", requests_inside,
                                               set_up_requests_inside, tear_down);

    return report(failures +
                  cmocka_run_group_tests_name("other ways", others, set_up_error_pages, tear_down));
}
