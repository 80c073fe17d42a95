/* tests/unit/engine/test_kit_calling.c - plugins that call other servers: a script, and sockets. */
#include <arpa/inet.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include <jansson.h>

#include <hotgate/http.h>

#include "tests/unit/engine/kit.h"

#define REPLY_MAX 65536u

static json_t *told; /* what the plugin says came of its calls */

static void configure(hg_test *test, const char *config)
{
    char plugins[2048];

    (void)snprintf(plugins, sizeof(plugins), "{\"calling\": %s}", config);
    kit_load(test, "calling");
    kit_route(test, plugins);
}

static void tell(const hg_test_exchange *exchange)
{
    json_decref(told);
    told = json_loads(exchange->body, 0, NULL);
    if (exchange->status != 200 || told == NULL) {
        fail_msg("%u: %s", exchange->status, exchange->body);
    }
}

static long number(size_t call, const char *member)
{
    return (long)json_integer_value(json_object_get(json_array_get(told, call), member));
}

static const char *text(size_t call, const char *member)
{
    const char *value = json_string_value(json_object_get(json_array_get(told, call), member));

    return value == NULL ? "" : value;
}

static const char *header(size_t call, const char *name)
{
    const json_t *headers = json_object_get(json_array_get(told, call), "headers");
    const char *value = json_string_value(json_object_get(headers, name));

    return value == NULL ? "" : value;
}

static int end(void **state)
{
    json_decref(told);
    told = NULL;
    return kit_end(state);
}

/* --------------------------------------------------------------------------------- scripts */

typedef struct script {
    hg_test_reply reply;
    size_t calls;
    char method[32];
    char url[256];
    char headers[256];
    char body[256];
    uint64_t timeout_ms;
} script;

static bool script_answer(void *context, const hg_test_call *call, hg_test_reply *reply)
{
    script *own = context;

    own->calls++;
    (void)snprintf(own->method, sizeof(own->method), "%s", call->method);
    (void)snprintf(own->url, sizeof(own->url), "%s", call->url);
    (void)snprintf(own->headers, sizeof(own->headers), "%s", call->headers);
    (void)snprintf(own->body, sizeof(own->body), "%s", call->body);
    own->timeout_ms = call->timeout_ms;
    *reply = own->reply;
    return true;
}

static void a_script_sees_the_call_and_answers_it(void **state)
{
    script own = {.reply = {.status = 201,
                            .headers = "X-One: 1\nX-Two:  two \nX-Empty:\n",
                            .body = "hello",
                            .delay_ms = 70}};

    hg_test_on_call(*state, script_answer, &own);
    configure(*state,
              "{\"urls\": [\"https://a.example/x?y=z\"], \"method\": \"PUT\", \"body\": \"b\","
              " \"headers\": [\"X-A=1\", \"X-B=\"], \"timeout\": 500}");
    tell(hg_test_get(*state, "/"));
    assert_int_equal(own.calls, 1);
    assert_string_equal(own.method, "PUT");
    assert_string_equal(own.url, "https://a.example/x?y=z");
    assert_string_equal(own.headers, "X-A: 1\nX-B: \n");
    assert_string_equal(own.body, "b");
    assert_int_equal(own.timeout_ms, 500);
    assert_int_equal(number(0, "result"), HG_OK);
    assert_int_equal(number(0, "status"), 201);
    assert_string_equal(text(0, "body"), "hello");
    assert_string_equal(header(0, "X-One"), "1");
    assert_string_equal(header(0, "X-Two"), "two");
    assert_string_equal(header(0, "X-Empty"), "");
    kit_assert_log(*state, "called -> 0 at 1000070");
}

static void a_script_lets_calls_fail(void **state)
{
    static const struct {
        const char *label;
        hg_test_reply reply;
        hg_status result;
        const char *error;
    } cases[] = {
        {"refused", {.failure = HG_ERR_IO}, HG_ERR_IO, "http://a.example:80: as the test says"},
        {"TLS", {.failure = HG_ERR_TLS}, HG_ERR_TLS, "as the test says"},
        {"slow", {.delay_ms = 3001}, HG_ERR_TIMEOUT, "within 3000 ms"},
        {"in time", {.delay_ms = 2999}, HG_OK, ""},
        {"too large", {.body = "12345678901"}, HG_ERR_TOO_LARGE, "more than 10 bytes of body"},
        {"as large as it may be", {.body = "1234567890"}, HG_OK, ""},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        script own = {.reply = cases[i].reply};

        hg_test_on_call(*state, script_answer, &own);
        configure(*state, "{\"urls\": [\"http://a.example/\"], \"body_max\": 10}");
        tell(hg_test_get(*state, "/"));
        if (number(0, "result") != (long)cases[i].result ||
            strstr(text(0, "error"), cases[i].error) == NULL) {
            fail_msg("%s: %ld, %s", cases[i].label, number(0, "result"), text(0, "error"));
        }
    }
}

static void calls_that_break_a_rule_are_not_made(void **state)
{
    static const struct {
        const char *label;
        const char *config;
        const char *error;
    } cases[] = {
        {"no scheme", "{\"urls\": [\"a.example/\"]}", "url: wanted http://"},
        {"other scheme", "{\"urls\": [\"ftp://a.example/\"]}", "url: wanted http://"},
        {"file", "{\"urls\": [\"file:///etc/passwd\"]}", "url: wanted http://"},
        {"no host", "{\"urls\": [\"http://\"]}", "url: wanted http://"},
        {"blank", "{\"urls\": [\"http://a.example/a b\"]}", "found \"http://a.example/a b\""},
        {"line", "{\"urls\": [\"http://a.example/\\r\\nX: y\"]}", "url: wanted"},
        {"empty", "{\"urls\": [\"\"]}", "url: wanted"},
        {"port", "{\"urls\": [\"http://a.example:99999/\"]}", "url: wanted"},
        {"method", "{\"urls\": [\"http://a.example/\"], \"method\": \"G T\"}", "method: wanted"},
        {"long method",
         "{\"urls\": [\"http://a.example/\"],"
         " \"method\": \"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}",
         "at most 32 letters"},
        {"header's name", "{\"urls\": [\"http://a.example/\"], \"headers\": [\"A: b=c\"]}",
         "headers: entry 0"},
        {"header's value",
         "{\"urls\": [\"http://a.example/\"], \"headers\": [\"A=b\", \"B=c\\r\\nD: e\"]}",
         "headers: entry 1"},
        {"length", "{\"urls\": [\"http://a.example/\"], \"headers\": [\"content-length=5\"]}",
         "none that the host makes"},
        {"certificate without key", "{\"urls\": [\"https://a.example/\"], \"certificate\": \"x\"}",
         "both or none"},
        {"key without certificate", "{\"urls\": [\"https://a.example/\"], \"key\": \"x\"}",
         "both or none"},
    };
    script own = {.calls = 0};

    hg_test_on_call(*state, script_answer, &own);
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        configure(*state, cases[i].config);
        tell(hg_test_get(*state, "/"));
        if (number(0, "result") != HG_ERR_INVALID ||
            strstr(text(0, "error"), cases[i].error) == NULL) {
            fail_msg("%s: %ld, %s", cases[i].label, number(0, "result"), text(0, "error"));
        }
    }
    assert_int_equal(own.calls, 0);
}

static bool script_by_host(void *context, const hg_test_call *call, hg_test_reply *reply)
{
    size_t *calls = context;

    ++*calls;
    if (strstr(call->url, "slow") != NULL) {
        *reply = (hg_test_reply){.body = "slow", .delay_ms = 100};
    } else if (strstr(call->url, "bad") != NULL) {
        *reply = (hg_test_reply){.failure = HG_ERR_IO, .delay_ms = 10};
    } else {
        *reply = (hg_test_reply){.status = 204, .delay_ms = 50};
    }
    return true;
}

static void several_calls_are_made_at_once(void **state)
{
    size_t calls = 0;

    hg_test_on_call(*state, script_by_host, &calls);
    configure(*state,
              "{\"urls\": [\"http://slow/\", \"http://bad/\", \"nonsense\", \"http://fast/\"]}");
    tell(hg_test_get(*state, "/"));
    assert_int_equal(calls, 3);
    kit_assert_log(*state, "called -> 10 at 1000100"); /* as long as the longest */
    assert_string_equal(text(0, "body"), "slow");
    assert_int_equal(number(1, "result"), HG_ERR_IO);
    assert_int_equal(number(2, "result"), HG_ERR_INVALID);
    assert_int_equal(number(3, "status"), 204);
}

static void a_call_may_wait_in_the_phases_before_the_upstream_only(void **state)
{
    static const struct {
        const char *phase;
        hg_status result;
    } cases[] = {
        {"rewrite", HG_OK},
        {"access", HG_OK},
        {"before_proxy", HG_OK},
        {"header_filter", HG_ERR_UNSUPPORTED},
    };
    script own = {.calls = 0};
    char line[32];
    char config[128];

    hg_test_on_call(*state, script_answer, &own);
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        hg_test_log_clear(*state);
        (void)snprintf(config, sizeof(config), "{\"urls\": [\"http://a/\"], \"phase\": \"%s\"}",
                       cases[i].phase);
        configure(*state, config);
        (void)hg_test_get(*state, "/");
        (void)snprintf(line, sizeof(line), "called -> %d at", (int)cases[i].result);
        kit_assert_log(*state, line);
    }
    assert_int_equal(own.calls, 3);
}

static void a_client_that_goes_away_cancels_its_calls(void **state)
{
    script own = {.reply = {.delay_ms = 1000}};
    const hg_test_exchange *exchange;

    hg_test_on_call(*state, script_answer, &own);
    configure(*state, "{\"urls\": [\"http://a/\", \"http://b/\"]}");
    exchange = hg_test_begin(*state, &(hg_test_request){0});
    assert_int_equal(own.calls, 2);
    hg_test_cancel(*state, exchange);
    assert_true(exchange->canceled);
    kit_assert_log(*state, "called -> 13 at 1000000");
    hg_test_advance(*state, 5000); /* nothing of them is left to answer */
}

static void a_call_keeps_the_version_that_made_it(void **state)
{
    script own = {.reply = {.delay_ms = 1000}};
    const hg_test_exchange *exchange;

    hg_test_on_call(*state, script_answer, &own);
    configure(*state, "{\"urls\": [\"http://a/\"]}");
    exchange = hg_test_begin(*state, &(hg_test_request){0});
    kit_load(*state, "calling");
    assert_int_equal(hg_test_objects_mapped(*state), 2);
    hg_test_finish(*state, exchange);
    assert_int_equal(exchange->status, 200);
    assert_true(hg_test_poll(*state, 0) || true); /* what is left is freed */
    assert_int_equal(hg_test_objects_mapped(*state), 1);
}

/* --------------------------------------------------------------------------------- sockets */

/** A server of one thread that takes one connection after the other. */
typedef struct server {
    int listener;
    unsigned port;
    const char *reply; /* to each request; NULL: closes instead */
    bool blunt;        /* replies to whatever comes first */
    pthread_t thread;
    unsigned connections;
    unsigned requests;
    char got[REPLY_MAX]; /* the last request */
} server;

/* Reads up to the end of a request's head; false: the connection has ended. */
static bool server_read(server *self, int fd)
{
    size_t length = 0;
    ssize_t got;

    do {
        got = read(fd, self->got + length, sizeof(self->got) - 1 - length);
        length += got > 0 ? (size_t)got : 0;
        self->got[length] = '\0';
    } while (got > 0 && !self->blunt && strstr(self->got, "\r\n\r\n") == NULL);
    return got > 0;
}

static void *server_main(void *context)
{
    server *self = context;
    int fd;

    while ((fd = accept(self->listener, NULL, NULL)) >= 0) {
        self->connections++;
        while (server_read(self, fd)) {
            self->requests++;
            if (self->reply == NULL ||
                write(fd, self->reply, strlen(self->reply)) != (ssize_t)strlen(self->reply) ||
                strstr(self->reply, "close") != NULL) {
                break;
            }
        }
        (void)close(fd);
    }
    return NULL;
}

static void server_start(server *self, const char *reply)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t length = sizeof(address);

    *self = (server){.reply = reply};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    self->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(self->listener, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(self->listener, 8), 0);
    assert_int_equal(getsockname(self->listener, (struct sockaddr *)&address, &length), 0);
    self->port = ntohs(address.sin_port);
    assert_int_equal(pthread_create(&self->thread, NULL, server_main, self), 0);
}

/* The kit's connections must be closed: free it first. */
static void server_stop(server *self)
{
    (void)shutdown(self->listener, SHUT_RDWR);
    assert_int_equal(pthread_join(self->thread, NULL), 0);
    (void)close(self->listener);
}

static void call_server(hg_test *test, const server *self, const char *host, const char *more)
{
    char config[512];

    (void)snprintf(config, sizeof(config), "{\"urls\": [\"http://%s:%u/a/../b?c=d\"]%s}", host,
                   self->port, more);
    configure(test, config);
    tell(hg_test_get(test, "/"));
}

static hg_test *kit_new(void)
{
    void *test = NULL;

    assert_int_equal(kit_begin(&test), 0);
    return test;
}

static void a_server_gets_the_call_and_nothing_else(void **state)
{
    hg_test *test = kit_new();
    char wanted[256];
    server own;

    (void)state;
    server_start(&own, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-A: 1\r\n"
                       "Connection: close\r\n\r\nok");
    call_server(test, &own, "127.0.0.1", ", \"headers\": [\"X-B=2\", \"X-C=\"]");
    assert_string_equal(text(0, "body"), "ok");
    assert_string_equal(header(0, "X-A"), "1");
    (void)snprintf(wanted, sizeof(wanted),
                   "GET /a/../b?c=d HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nX-B: 2\r\nX-C:\r\n\r\n",
                   own.port);
    assert_string_equal(own.got, wanted);
    call_server(test, &own, "localhost", ", \"method\": \"POST\", \"body\": \"\"");
    (void)snprintf(wanted, sizeof(wanted),
                   "POST /a/../b?c=d HTTP/1.1\r\nHost: localhost:%u\r\nContent-Length: 0\r\n\r\n",
                   own.port);
    assert_string_equal(own.got, wanted);
    call_server(test, &own, "127.0.0.1", ", \"headers\": [\"Host=other.example\"]");
    assert_non_null(strstr(own.got, "Host: other.example\r\n"));
    assert_null(strstr(own.got, "127.0.0.1"));
    hg_test_free(test);
    server_stop(&own);
}

static void connections_are_used_again_unless_the_call_says_not(void **state)
{
    hg_test *test = kit_new();
    server own;

    (void)state;
    server_start(&own, "HTTP/1.1 204 No Content\r\n\r\n");
    for (int i = 0; i < 3; i++) {
        call_server(test, &own, "127.0.0.1", "");
        assert_int_equal(number(0, "status"), 204);
    }
    assert_int_equal(own.connections, 1);
    assert_int_equal(own.requests, 3);
    hg_test_free(test);
    test = kit_new();
    for (int i = 0; i < 3; i++) {
        call_server(test, &own, "127.0.0.1", ", \"keepalive\": false");
        assert_int_equal(number(0, "status"), 204);
    }
    assert_int_equal(own.connections, 4);
    hg_test_free(test);
    server_stop(&own);
}

static void what_servers_do_wrong_is_told(void **state)
{
    static const struct {
        const char *label;
        const char *reply;
        const char *more;
        hg_status result;
        const char *told; /* the error, or the body */
    } cases[] = {
        {"closed", NULL, "", HG_ERR_IO, "Empty reply from server"},
        {"cut", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nok", "",
         HG_ERR_IO, "3 bytes remaining"},
        {"no HTTP", "SSH-2.0-close\r\n\r\n", "", HG_ERR_IO, "HTTP/0.9"},
        {"too large", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nA: close\r\n\r\n12345",
         ", \"body_max\": 4", HG_ERR_TOO_LARGE, "more than 4 bytes of body"},
        {"large enough", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nA: close\r\n\r\n12345",
         ", \"body_max\": 5", HG_OK, "12345"},
        {"chunks, and a trailer",
         "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
         "3\r\nabc\r\n2\r\nde\r\n0\r\nX-Late: 1\r\n\r\n",
         "", HG_OK, "abcde"},
        {"informational first",
         "HTTP/1.1 103 Early Hints\r\nX-Early: 1\r\n\r\n"
         "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nbody",
         "", HG_OK, "body"},
        {"a redirect is an answer",
         "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nConnection: close\r\n\r\ngo", "",
         HG_OK, "go"},
        {"silent", "", ", \"timeout\": 40", HG_ERR_TIMEOUT, "no whole answer within 40 ms"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        hg_test *test = kit_new();
        server own;

        server_start(&own, cases[i].reply);
        call_server(test, &own, "127.0.0.1", cases[i].more);
        if (number(0, "result") != (long)cases[i].result ||
            strstr(text(0, cases[i].result == HG_OK ? "body" : "error"), cases[i].told) == NULL) {
            fail_msg("%s: %ld, %s%s", cases[i].label, number(0, "result"), text(0, "error"),
                     text(0, "body"));
        }
        assert_string_equal(header(0, "X-Late"), "");
        assert_string_equal(header(0, "X-Early"), "");
        hg_test_free(test);
        server_stop(&own);
    }
}

static void who_is_not_there_is_told(void **state)
{
    static const struct {
        const char *label;
        const char *server;
        unsigned port; /* 0: of one that is there and speaks no TLS */
        hg_status result;
        const char *error;
    } cases[] = {
        {"refused", "http://127.0.0.1", 1, HG_ERR_IO, "http://127.0.0.1:1: Failed to connect"},
        {"no such name", "http://nobody.invalid", 80, HG_ERR_NOT_FOUND,
         "http://nobody.invalid:80: the name has no address"},
        {"no TLS there", "https://127.0.0.1", 0, HG_ERR_TLS, "https://127.0.0.1:"},
    };
    server own;

    (void)state;
    server_start(&own, "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n");
    own.blunt = true;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        hg_test *test = kit_new();
        char config[256];

        (void)snprintf(config, sizeof(config), "{\"urls\": [\"%s:%u/secret?key=1\"]}",
                       cases[i].server, cases[i].port == 0 ? own.port : cases[i].port);
        configure(test, config);
        tell(hg_test_get(test, "/"));
        if (number(0, "result") != (long)cases[i].result ||
            strstr(text(0, "error"), cases[i].error) == NULL ||
            strstr(text(0, "error"), "secret") != NULL) {
            fail_msg("%s: %ld, %s", cases[i].label, number(0, "result"), text(0, "error"));
        }
        hg_test_free(test);
    }
    server_stop(&own);
}

static void a_client_that_goes_away_closes_the_connection(void **state)
{
    hg_test *test = kit_new();
    const hg_test_exchange *exchange;
    char config[128];
    server own;

    (void)state;
    server_start(&own, ""); /* it never answers */
    (void)snprintf(config, sizeof(config), "{\"urls\": [\"http://127.0.0.1:%u/\"]}", own.port);
    configure(test, config);
    exchange = hg_test_begin(test, &(hg_test_request){0});
    while (hg_test_poll(test, 100)) {
    }
    hg_test_cancel(test, exchange);
    kit_assert_log(test, "called -> 13");
    server_stop(&own); /* it is served no more: the thread's read has ended */
    hg_test_free(test);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_script_sees_the_call_and_answers_it, kit_begin, end),
        cmocka_unit_test_setup_teardown(a_script_lets_calls_fail, kit_begin, end),
        cmocka_unit_test_setup_teardown(calls_that_break_a_rule_are_not_made, kit_begin, end),
        cmocka_unit_test_setup_teardown(several_calls_are_made_at_once, kit_begin, end),
        cmocka_unit_test_setup_teardown(a_call_may_wait_in_the_phases_before_the_upstream_only,
                                        kit_begin, end),
        cmocka_unit_test_setup_teardown(a_client_that_goes_away_cancels_its_calls, kit_begin, end),
        cmocka_unit_test_setup_teardown(a_call_keeps_the_version_that_made_it, kit_begin, end),
        cmocka_unit_test(a_server_gets_the_call_and_nothing_else),
        cmocka_unit_test(connections_are_used_again_unless_the_call_says_not),
        cmocka_unit_test(what_servers_do_wrong_is_told),
        cmocka_unit_test(who_is_not_there_is_told),
        cmocka_unit_test(a_client_that_goes_away_closes_the_connection),
    };

    return cmocka_run_group_tests_name("kit_calling", tests, NULL, NULL);
}
