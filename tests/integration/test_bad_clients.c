/* tests/integration/test_bad_clients.c - clients of the Admin API that are slow, cut off, many, or
 * speak no HTTP. */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "tests/integration/command.h"
#include "tests/integration/gateway.h"
#include "tests/integration/origin.h"
#include "tests/integration/stored.h"
#include "tests/unit/unit.h"

#define WRITERS      1000u
#define SLOW         1100u /* more than the Admin API has room for */
#define LARGE_BODY   (10u << 20)
#define LARGE_BODIES 12u
#define CUT_OFF      200u
#define ANSWER_MS    300u
#define SERVED_MS    10000 /* that a client waits while others are slow; 30 s is their time */
#define RSS_MAX_KIB  (256l << 10)
#define CONTINUE     "HTTP/1.1 100 Continue\r\n\r\n"
#define KEY_LINE     "X-API-KEY: " GATEWAY_KEY "\r\n"

static gateway *running;
static origin *upstream;
static response got;

static int set_up(void **state)
{
    struct rlimit files;

    (void)state;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &files), 0);
    files.rlim_cur = files.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &files), 0);
    upstream = origin_start();
    running = gateway_run(NULL);
    gateway_put(running, "routes/kept",
                "{\"uri\": \"/kept\", \"upstream\": {\"nodes\": {\"127.0.0.1:%u\": 1}}}",
                origin_port(upstream));
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    response_done(&got);
    gateway_free(running);
    origin_stop(upstream);
    return 0;
}

static int64_t now_ms(void)
{
    struct timespec now = {0};

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/** The gateway is as it was: what is stored, its processes, its answers. */
typedef struct promise {
    char *stored;
    pid_t control;
} promise;

static promise promise_begin(void)
{
    return (promise){.stored = stored_objects(running), .control = gateway_control(running)};
}

static void promise_check(const promise *self, const char *label)
{
    stored_expect(running, self->stored, label);
    assert_int_equal(gateway_control(running), self->control); /* it was not restarted */
    http_get(running->port, "/kept", "", &got);
    assert_int_equal(got.status, 200);
}

static void promise_end(promise *self, const char *label)
{
    promise_check(self, label);
    free(self->stored);
}

static void open_admin(connection *one)
{
    if (!connection_open(one, running->admin_port)) {
        fail_msg("%s", one->error);
    }
}

/* ------------------------------------------------------------------------------------- ids */

static void ids_with_odd_characters_are_refused(void **state)
{
    static const char *const targets[] = {
        "routes/a%2Fb",
        "routes/..",
        "routes/../routes/x",
        "routes/%2e%2e",
        "routes/.",
        "routes/%2E",
        "routes/a%00b",
        "routes/%00",
        "routes/a%0Ab",
        "routes/a%20b",
        "routes/%C3%A4",
        "routes/%E2%80%8B",
        "routes/%FF%FE",
        "routes/%ED%A0%80",
        "routes/%",
        "routes/%2",
        "routes/%zz",
        "routes/a;b",
        "routes/a,b",
        "routes/a:b",
        "routes/a*b",
        "routes/%22",
        "routes/'--",
        "routes/%5C",
        "routes/a/b/c/d",
        "routes/%2F",
        "routes/..%2F..%2Fetc%2Fpasswd",
        "upstreams/a%2Fb",
        "services/%C3%A4",
        "consumers/a%2Fb",
        "consumers/%00",
        "consumer_groups/a%2Fb",
        "plugin_configs/a%2Fb",
        "global_rules/a%2Fb",
        "plugin_metadata/a%2Fb",
        "plugin_metadata/..",
        "ssls/a%2Fb",
    };
    static const char *const methods[] = {"PUT", "GET", "PATCH", "DELETE"};
    promise kept = promise_begin();

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(targets); i++) {
        for (size_t at = 0; at < ARRAY_SIZE(methods); at++) {
            connection one = {.fd = -1};
            char *target = text_format("/apisix/admin/%s", targets[i]);

            open_admin(&one);
            connection_request(
                &one, methods[at], target, KEY_LINE,
                at % 2 == 0 ? "{\"uri\": \"/x\", \"nodes\": {}, \"plugins\": {}}" : NULL, &got);
            if (got.status < 400 || got.status > 499 || strstr(got.body, "error_msg") == NULL) {
                if (strstr(got.body, "\"message\":\"Key not found\"") == NULL &&
                    strstr(got.body, "\"list\":") == NULL) { /* "routes/%2F" is "routes//" */
                    fail_msg("%s %s: %d %s", methods[at], targets[i], got.status, got.body);
                }
            }
            connection_close(&one);
            free(target);
        }
    }
    promise_end(&kept, "odd ids");
}

static void ids_that_are_long_or_missing_are_refused(void **state)
{
    static const size_t lengths[] = {65, 257, 4000, 30000, 100000};
    promise kept = promise_begin();

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
        char *id = calloc(1, lengths[i] + 1);
        char *target;
        connection one = {.fd = -1};

        assert_non_null(id);
        memset(id, 'a', lengths[i]);
        target = text_format("/apisix/admin/routes/%s", id);
        open_admin(&one);
        connection_request(&one, "PUT", target, KEY_LINE, "{\"uri\": \"/x\"}", &got);
        assert_in_range(got.status, 400, 499);
        connection_close(&one);
        free(target);
        free(id);
    }
    for (const char *const *path = (const char *const[]){"routes", "routes/", "", "/", NULL};
         *path != NULL; path++) {
        admin_reply reply = gateway_admin(running, "PUT", *path, "{\"uri\": \"/x\"}");

        assert_in_range(reply.status, 400, 499);
        assert_non_null(reply.json);
        admin_reply_done(&reply);
    }
    promise_end(&kept, "long ids");
}

/* ------------------------------------------------------------------------------------ keys */

static void every_way_of_bringing_keys_has_its_answer(void **state)
{
    static const struct {
        const char *label;
        const char *target; /* behind the path */
        const char *headers;
        int status;
    } cases[] = {
        {"none", "", "", 401},
        {"empty", "", "X-API-KEY:\r\n", 401},
        {"empty argument", "?api_key=", "", 401},
        {"wrong", "", "X-API-KEY: nobodys-key\r\n", 401},
        {"right", "", KEY_LINE, 200},
        {"right, other case of the name", "", "x-api-key: " GATEWAY_KEY "\r\n", 200},
        {"other case of the key", "", "X-API-KEY: INTEGRATION-TEST-KEY\r\n", 401},
        {"half", "", "X-API-KEY: integration-test\r\n", 401},
        {"argument", "?api_key=" GATEWAY_KEY, "", 200},
        {"cookie", "", "Cookie: a=b; x_api_key=" GATEWAY_KEY "; c=d\r\n", 200},
        {"wrong argument, right header", "?api_key=wrong", KEY_LINE, 401},
        {"right argument, wrong header", "?api_key=" GATEWAY_KEY, "X-API-KEY: wrong\r\n", 200},
        {"two headers, the right one first", "", KEY_LINE "X-API-KEY: wrong\r\n", 200},
        {"two headers, the right one last", "", "X-API-KEY: wrong\r\n" KEY_LINE, 401},
        {"in the password", "", "Authorization: Basic aW50ZWdyYXRpb24tdGVzdC1rZXk6\r\n", 401},
        {"bearer", "", "Authorization: Bearer " GATEWAY_KEY "\r\n", 401},
        {"bytes that are no text", "", "X-API-KEY: \xff\xfe\r\n", 401},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char *target = text_format("/apisix/admin/routes/kept%s", cases[i].target);
        connection one = {.fd = -1};

        open_admin(&one);
        connection_request(&one, "GET", target, cases[i].headers, NULL, &got);
        if (got.status != cases[i].status || strstr(got.body, GATEWAY_KEY) != NULL) {
            fail_msg("%s: wanted %d, got %d %s", cases[i].label, cases[i].status, got.status,
                     got.body);
        }
        connection_close(&one);
        free(target);
    }
}

/* ------------------------------------------------------------------------------------ HTTP */

static void answers_in(connection *one, int status, const char *label)
{
    if (!connection_receive(one, false, &got) || got.status != status) {
        fail_msg("%s: wanted %d, got %d %s %s", label, status, got.status, got.body, one->error);
    }
}

static void send_text(connection *one, const char *text)
{
    assert_true(connection_send(one, text, strlen(text)));
}

static void all_of_http_is_understood(void **state)
{
    connection one = {.fd = -1};
    char line[100];

    (void)state;
    open_admin(&one);
    /* Three in one packet: answered in their order. */
    send_text(&one, "GET /apisix/admin/routes/kept HTTP/1.1\r\nHost: a\r\n" KEY_LINE "\r\n"
                    "GET /apisix/admin/routes/none HTTP/1.1\r\nHost: a\r\n" KEY_LINE "\r\n"
                    "GET /apisix/admin/routes/kept HTTP/1.1\r\nHost: a\r\n\r\n");
    answers_in(&one, 200, "first of a pipeline");
    answers_in(&one, 404, "second of a pipeline");
    answers_in(&one, 401, "third of a pipeline");
    connection_close(&one);

    open_admin(&one);
    send_text(&one, "PUT /apisix/admin/routes/chunked HTTP/1.1\r\nHost: a\r\n" KEY_LINE
                    "Transfer-Encoding: chunked\r\n\r\n"
                    "1\r\n{\r\nd;name=value\r\n\"uri\": \"/c\", \r\n");
    send_text(&one, "e\r\n\"plugins\": {}}\r\n0\r\nTrailer: x\r\n\r\n");
    answers_in(&one, 201, "chunks");
    connection_close(&one);

    open_admin(&one);
    send_text(&one, "PUT /apisix/admin/routes/chunked HTTP/1.1\r\nHost: a\r\n" KEY_LINE
                    "Expect: 100-continue\r\nContent-Length: 28\r\n\r\n");
    assert_int_equal(connection_read(&one, line, sizeof(line)), strlen(CONTINUE));
    assert_memory_equal(line, CONTINUE, strlen(CONTINUE));
    send_text(&one, "{\"uri\": \"/d\", \"plugins\": {}}");
    answers_in(&one, 200, "after 100-continue");
    connection_close(&one);

    open_admin(&one);
    send_text(&one, "GET /apisix/admin/routes/kept HTTP/1.0\r\n" KEY_LINE "\r\n");
    answers_in(&one, 200, "HTTP/1.0");
    connection_close(&one);
    gateway_delete(running, "routes/chunked");
}

/** One connection for some bytes; what is answered, if anything is, is no success. */
static void not_understood(const char *label, const char *bytes, size_t length)
{
    connection one = {.fd = -1};
    char answer[4096] = "";
    long came;

    open_admin(&one);
    one.timeout_ms = ANSWER_MS; /* more may be waited for, until the server's patience ends */
    (void)connection_send(&one, bytes, length); /* it may be closed before all is sent */
    (void)shutdown(one.fd, SHUT_WR);
    came = connection_read(&one, answer, sizeof(answer) - 1);
    answer[came < 0 ? 0 : came] = '\0';
    if (came > 0 && strncmp(answer, "HTTP/1.1 4", 10) != 0 &&
        strncmp(answer, "HTTP/1.0 4", 10) != 0 && strncmp(answer, "HTTP/1.1 5", 10) != 0) {
        fail_msg("%s: %s", label, answer);
    }
    connection_close(&one);
}

static void what_is_no_http_is_refused(void **state)
{
    static const struct {
        const char *label;
        const char *text;
    } cases[] = {
        {"one line", "hello\r\n\r\n"},
        {"HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"},
        {"HTTP/9", "GET /apisix/admin/routes HTTP/9.9\r\nHost: a\r\n" KEY_LINE "\r\n"},
        {"no version", "GET /apisix/admin/routes\r\n\r\n"},
        {"a TLS hello", "\x16\x03\x01\x02\x01\x01\x01\xfc\x03\x03"},
        {"a negative length", "PUT /apisix/admin/routes/x HTTP/1.1\r\nHost: a\r\n" KEY_LINE
                              "Content-Length: -1\r\n\r\n{\"uri\": \"/x\"}"},
        {"a length that is no number", "PUT /apisix/admin/routes/x HTTP/1.1\r\nHost: a\r\n" KEY_LINE
                                       "Content-Length: 0x5\r\n\r\n{\"uri\": \"/x\"}"},
        {"a huge length", "PUT /apisix/admin/routes/x HTTP/1.1\r\nHost: a\r\n" KEY_LINE
                          "Content-Length: 99999999999999999999999\r\n\r\n{\"uri\": \"/x\"}"},
        {"two lengths", "PUT /apisix/admin/routes/x HTTP/1.1\r\nHost: a\r\n" KEY_LINE
                        "Content-Length: 5\r\nContent-Length: 13\r\n\r\n{\"uri\": \"/x\"}"},
        {"a chunk of a wrong length", "PUT /apisix/admin/routes/x HTTP/1.1\r\nHost: a\r\n" KEY_LINE
                                      "Transfer-Encoding: chunked\r\n\r\nzz\r\n{\"uri\": \"/x\"}"},
        {"a chunk of a huge length",
         "PUT /apisix/admin/routes/x HTTP/1.1\r\nHost: a\r\n" KEY_LINE
         "Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n{\"uri\": \"/x\"}"},
        {"an unknown coding", "PUT /apisix/admin/routes/x HTTP/1.1\r\nHost: a\r\n" KEY_LINE
                              "Transfer-Encoding: gzip\r\n\r\n{\"uri\": \"/x\"}"},
        {"a header without a colon",
         "PUT /apisix/admin/routes/x HTTP/1.1\r\nHost: a\r\nnonsense\r\n\r\n"},
        {"a body that ends early", "PUT /apisix/admin/routes/x HTTP/1.1\r\nHost: a\r\n" KEY_LINE
                                   "Content-Length: 100\r\n\r\n{\"uri\": \"/x\"}"},
        {"a space in the path", "PUT /apisix/admin/routes/x y HTTP/1.1\r\nHost: a\r\n" KEY_LINE
                                "Content-Length: 13\r\n\r\n{\"uri\": \"/x\"}"},
    };
    promise kept = promise_begin();
    unsigned seed = 1;
    char *large = calloc(1, 200001);
    char *text;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        not_understood(cases[i].label, cases[i].text, strlen(cases[i].text));
    }
    for (size_t i = 0; i < 200; i++) { /* any bytes at all, the same in each run */
        char bytes[512];

        for (size_t at = 0; at < sizeof(bytes); at++) {
            seed = seed * 1103515245u + 12345u;
            bytes[at] = (char)(seed >> 16);
        }
        not_understood("bytes", bytes, sizeof(bytes));
    }
    assert_non_null(large);
    memset(large, 'a', 200000);
    text =
        text_format("GET /apisix/admin/routes HTTP/1.1\r\nHost: a\r\nX-Large: %s\r\n\r\n", large);
    not_understood("a huge header", text, strlen(text));
    free(text);
    text = text_format("GET /apisix/admin/routes?a=%s HTTP/1.1\r\nHost: a\r\n\r\n", large);
    not_understood("a huge address", text, strlen(text));
    free(text);
    free(large);
    promise_end(&kept, "no HTTP");
}

/* ---------------------------------------------------------------------------------- bodies */

static long control_kib(void)
{
    char *path = text_format("/proc/%d/status", (int)gateway_control(running));
    char *status = file_read(path);
    const char *line = strstr(status, "VmRSS:");
    long kib = line == NULL ? -1 : strtol(line + strlen("VmRSS:"), NULL, 10);

    free(status);
    free(path);
    return kib;
}

static void bodies_of_10_mib_are_refused(void **state)
{
    promise kept = promise_begin();
    char *body = malloc(LARGE_BODY + 1);

    (void)state;
    assert_non_null(body);
    memset(body, ' ', LARGE_BODY); /* sound JSON: only its size is wrong */
    memcpy(body, "{\"uri\": \"/x\"}", strlen("{\"uri\": \"/x\"}"));
    body[LARGE_BODY] = '\0';
    for (size_t i = 0; i < LARGE_BODIES; i++) {
        connection one = {.fd = -1};

        open_admin(&one);
        if (i % 2 == 0) {
            connection_request(&one, "PUT", "/apisix/admin/routes/x", KEY_LINE, body, &got);
        } else {
            char head[64];

            (void)snprintf(head, sizeof(head), "%x\r\n", LARGE_BODY);
            send_text(&one, "PUT /apisix/admin/routes/x HTTP/1.1\r\nHost: a\r\n" KEY_LINE
                            "Transfer-Encoding: chunked\r\n\r\n");
            send_text(&one, head);
            send_text(&one, body);
            send_text(&one, "\r\n0\r\n\r\n");
            assert_true(connection_receive(&one, false, &got));
        }
        assert_int_equal(got.status, 400);
        assert_non_null(strstr(got.body, "is greater than the maximum size"));
        connection_close(&one);
    }
    assert_in_range(control_kib(), 1, RSS_MAX_KIB);
    free(body);
    promise_end(&kept, "bodies of 10 MiB");
}

/** JSON of the largest size that is read, made to take as long as it can. */
static void bodies_that_are_hard_to_read_are_refused(void **state)
{
    static const struct {
        const char *label;
        const char *begin;
        const char *repeated;
        const char *end;
    } cases[] = {
        {"depth", "{\"uri\": \"/x\", \"labels\": ", "[", ""},
        {"depth of objects", "{\"uri\": \"/x\", \"labels\": ", "{\"a\":", ""},
        {"digits of an integer", "{\"uri\": \"/x\", \"priority\": 1", "0", "}"},
        {"digits of a fraction", "{\"uri\": \"/x\", \"priority\": 1.", "1", "}"},
        {"digits of an exponent", "{\"uri\": \"/x\", \"priority\": 1e", "9", "}"},
        {"escapes", "{\"uri\": \"/x\", \"desc\": \"", "\\u00e4", "\"}"},
        {"nodes", "{\"uri\": \"/x\", \"upstream\": {\"nodes\": [0", ",{}", "]}}"},
        {"equal items", "{\"uri\": \"/x\", \"methods\": [\"GET\"", ",\"GET\"", "]}"},
        {"numbers", "{\"uri\": \"/x\", \"hosts\": [0", ",1", "]}"},
        {"an enormous number", "{\"uri\": \"/x\", \"priority\": 1e400", " ", "}"},
    };
    promise kept = promise_begin();

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        const size_t size = 1500000;
        size_t length = strlen(cases[i].begin);
        char *body = malloc(size + 1);
        int64_t began;
        admin_reply reply;

        assert_non_null(body);
        memcpy(body, cases[i].begin, length);
        while (length + strlen(cases[i].repeated) + strlen(cases[i].end) < size) {
            memcpy(body + length, cases[i].repeated, strlen(cases[i].repeated));
            length += strlen(cases[i].repeated);
        }
        (void)snprintf(body + length, size - length, "%s", cases[i].end);
        began = now_ms();
        reply = gateway_admin(running, "PUT", "routes/x", body);
        print_message("%s: %ld in %d ms\n", cases[i].label, reply.status, (int)(now_ms() - began));
        if (reply.status != 400 || reply.json == NULL || strlen(reply.text) > 100000 ||
            now_ms() - began > SERVED_MS) {
            fail_msg("%s: %ld %.300s", cases[i].label, reply.status, reply.text);
        }
        admin_reply_done(&reply);
        free(body);
    }
    promise_end(&kept, "hard bodies");
}

/* ----------------------------------------------------------------------------- slow clients */

static void clients_that_are_cut_off_leave_nothing(void **state)
{
    static const char *const pieces[] = {
        "P",
        "PUT /apisix/admin/routes/x HT",
        "PUT /apisix/admin/routes/x HTTP/1.1\r\nHost: a\r\n" KEY_LINE,
        "PUT /apisix/admin/routes/x HTTP/1.1\r\nHost: a\r\n" KEY_LINE
        "Content-Length: 40\r\n\r\n{\"uri\": \"/x\"}",
    };
    promise kept = promise_begin();

    (void)state;
    for (size_t i = 0; i < CUT_OFF; i++) {
        connection one = {.fd = -1};
        struct linger at_once = {.l_onoff = 1}; /* a reset instead of an end */

        open_admin(&one);
        send_text(&one, pieces[i % ARRAY_SIZE(pieces)]);
        if (i % 3 == 0) {
            (void)setsockopt(one.fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
        }
        connection_close(&one);
    }
    promise_end(&kept, "clients that were cut off");
}

static void others_are_served_while_many_are_slow(void **state)
{
    static const char begin[] = "PUT /apisix/admin/routes/x HTTP/1.1\r\nHost: a\r\n" KEY_LINE
                                "Content-Length: 40\r\n\r\n{\"uri\"";
    promise kept = promise_begin();
    connection *slow = calloc(SLOW, sizeof(*slow));
    size_t refused = 0;

    (void)state;
    assert_non_null(slow);
    for (size_t i = 0; i < SLOW; i++) {
        slow[i].fd = -1;
        if (!connection_open(&slow[i], running->admin_port) ||
            !connection_send(&slow[i], begin, i % sizeof(begin))) {
            refused++; /* the kernel's queue is full */
        }
    }
    for (size_t i = 0; i < 10; i++) {
        int64_t began = now_ms();
        admin_reply reply = gateway_admin(running, "GET", "routes/kept", NULL);

        assert_int_equal(reply.status, 200);
        if (now_ms() - began > SERVED_MS) {
            fail_msg("waited for %d ms", (int)(now_ms() - began));
        }
        admin_reply_done(&reply);
    }
    print_message("%zu slow clients, %zu of them not let in\n", (size_t)SLOW, refused);
    promise_check(&kept, "slow clients, while they are there");
    for (size_t i = 0; i < SLOW; i++) {
        connection_close(&slow[i]);
    }
    free(slow);
    promise_end(&kept, "slow clients");
}

/* --------------------------------------------------------------------------------- writers */

/** Each writer's object says who it is. */
static void send_write(connection *one, size_t writer)
{
    char body[128];
    char *text;

    (void)snprintf(body, sizeof(body),
                   "{\"uri\": \"/writer\", \"plugins\": {}, \"name\": \"writer %zu\"}", writer);
    text = text_format("PUT /apisix/admin/routes/shared HTTP/1.1\r\nHost: a\r\n" KEY_LINE
                       "Content-Length: %zu\r\n\r\n%s",
                       strlen(body), body);
    send_text(one, text);
    free(text);
}

static void a_thousand_writers_of_one_object_all_get_an_answer(void **state)
{
    connection *writers = calloc(WRITERS, sizeof(*writers));
    json_int_t revisions_min = 0;
    json_int_t last_revision = 0;
    char last_name[64] = "";
    unsigned created = 0;
    admin_reply reply = gateway_admin(running, "GET", "routes/kept", NULL);

    (void)state;
    assert_non_null(writers);
    revisions_min = json_integer_value(json_object_get(reply.json, "modifiedIndex"));
    admin_reply_done(&reply);
    for (size_t i = 0; i < WRITERS; i++) {
        writers[i].fd = -1;
        open_admin(&writers[i]);
    }
    for (size_t i = 0; i < WRITERS; i++) {
        send_write(&writers[i], i);
    }
    for (size_t i = 0; i < WRITERS; i++) {
        json_t *answer;
        json_int_t revision;

        if (!connection_receive(&writers[i], false, &got)) {
            fail_msg("writer %zu: %s", i, writers[i].error);
        }
        if (got.status != 200 && got.status != 201) {
            fail_msg("writer %zu: %d %s", i, got.status, got.body);
        }
        created += got.status == 201 ? 1 : 0;
        answer = json_loads(got.body, 0, NULL);
        revision = json_integer_value(json_object_get(answer, "modifiedIndex"));
        if (revision > last_revision || last_revision == 0) {
            last_revision = revision;
            (void)snprintf(
                last_name, sizeof(last_name), "%s",
                json_string_value(json_object_get(json_object_get(answer, "value"), "name")));
        }
        json_decref(answer);
        connection_close(&writers[i]);
    }
    free(writers);
    assert_int_equal(created, 1);
    reply = gateway_admin(running, "GET", "routes/shared", NULL);
    assert_int_equal(reply.status, 200);
    assert_true(json_integer_value(json_object_get(reply.json, "modifiedIndex")) >=
                revisions_min + (json_int_t)WRITERS);
    if (last_revision != 0) { /* answers to writes say the revision: the last one has won */
        assert_int_equal(json_integer_value(json_object_get(reply.json, "modifiedIndex")),
                         last_revision);
        assert_string_equal(
            json_string_value(json_object_get(json_object_get(reply.json, "value"), "name")),
            last_name);
    }
    admin_reply_done(&reply);
    gateway_delete(running, "routes/shared");
}

static void no_log_has_the_key(void **state)
{
    static const char *const names[] = {"logs/error.log", "logs/control.log", "logs/access.log",
                                        "logs/output.log"};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        char *log = gateway_log(running, names[i]);

        if (strstr(log, GATEWAY_KEY) != NULL) {
            fail_msg("%s holds the admin key: %.500s", names[i], strstr(log, GATEWAY_KEY) - 200);
        }
        free(log);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ids_with_odd_characters_are_refused),
        cmocka_unit_test(ids_that_are_long_or_missing_are_refused),
        cmocka_unit_test(every_way_of_bringing_keys_has_its_answer),
        cmocka_unit_test(all_of_http_is_understood),
        cmocka_unit_test(what_is_no_http_is_refused),
        cmocka_unit_test(bodies_of_10_mib_are_refused),
        cmocka_unit_test(bodies_that_are_hard_to_read_are_refused),
        cmocka_unit_test(clients_that_are_cut_off_leave_nothing),
        cmocka_unit_test(a_thousand_writers_of_one_object_all_get_an_answer),
        cmocka_unit_test(others_are_served_while_many_are_slow),
        cmocka_unit_test(no_log_has_the_key),
    };

    return report(cmocka_run_group_tests(tests, set_up, tear_down));
}
