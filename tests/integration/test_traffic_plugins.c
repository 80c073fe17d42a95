/* tests/integration/test_traffic_plugins.c - the plugins that limit, judge and redirect traffic,
 * through real workers.
 */
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/integration/author.h"
#include "tests/integration/command.h"
#include "tests/integration/gateway.h"
#include "tests/integration/origin.h"
#include "tests/unit/unit.h"

#define WORKERS      4u
#define CLIENTS      12u
#define COUNT_CI     3000u
#define COUNT_FULL   100000u
#define REJECTED_END 200u /* refusals after which a client has seen the end of the window */
#define IN_FLIGHT    6u
#define SLOW_MS      "30000" /* longer than any test waits */

static gateway *running;
static origin *upstream;
static response got;
static connection one;

/* A copy of the shipped plugin in the instance; a later copy is another version of it. */
static void limit_count_install(unsigned version)
{
    shell("cp \"$(find '%s' -name limit-count.so)\" '%s/plugins/limit-count.new'",
          installed_prefix(), running->directory);
    for (unsigned i = 0; i < version; i++) {
        shell("printf 'x' >>'%s/plugins/limit-count.new'", running->directory);
    }
    shell("mv '%s/plugins/limit-count.new' '%s/plugins/limit-count.so'", running->directory,
          running->directory);
}

static int set_up(void **state)
{
    (void)state;
    upstream = origin_start();
    running = gateway_make(
        &(gateway_options){.workers = WORKERS, .hotgate = "plugins_override: [limit-count]"});
    limit_count_install(0);
    gateway_start(running);
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

static int open_one(void **state)
{
    (void)state;
    one = (connection){.fd = -1};
    return connection_open(&one, running->port) ? 0 : -1;
}

static int close_one(void **state)
{
    (void)state;
    connection_close(&one);
    return 0;
}

/* The route / for everything, with the plugins so configured. */
static void put(const char *plugins)
{
    gateway_put(running, "routes/all",
                "{\"uri\": \"/*\", \"plugins\": {%s},"
                " \"upstream\": {\"nodes\": {\"127.0.0.1:%u\": 1}}}",
                plugins, origin_port(upstream));
}

/* --------------------------------------------------------------------------- limit-count */

/* What all clients have seen. */
static struct {
    atomic_uint passed;
    atomic_uint rejected;
    atomic_uint broken; /* sent, and not answered */
    atomic_uint others; /* any other answer */
} seen;

static unsigned count(void)
{
    return scale_is_full() ? COUNT_FULL : COUNT_CI;
}

static void *client_run(void *context)
{
    static const char text[] = "GET /counted HTTP/1.1\r\nHost: localhost\r\n\r\n";
    connection with = {.fd = -1, .is_ended = true};
    response *answer = calloc(1, sizeof(*answer));

    (void)context;
    while (answer != NULL && atomic_load(&seen.rejected) < REJECTED_END * CLIENTS) {
        if (with.is_ended) {
            connection_close(&with);
            if (!connection_open(&with, running->port)) {
                (void)poll(NULL, 0, 5);
                continue;
            }
        }
        if (!connection_send(&with, text, strlen(text)) ||
            !connection_receive(&with, false, answer)) {
            with.is_ended = true;
            atomic_fetch_add(&seen.broken, 1);
        } else if (answer->status == 200) {
            atomic_fetch_add(&seen.passed, 1);
        } else if (answer->status == 429) {
            atomic_fetch_add(&seen.rejected, 1);
        } else {
            atomic_fetch_add(&seen.others, 1);
        }
    }
    connection_close(&with);
    response_done(answer);
    free(answer);
    return NULL;
}

/* Twelve clients use up a window on four workers; meanwhile a worker is killed and another version
 * of the plugin comes in. No request passes beyond the count, but for one a killed worker may have
 * lost, and none is counted that was not sent. */
static void limit_count_is_exact_over_a_kill_and_a_reload(void **state)
{
    pthread_t clients[CLIENTS];
    pid_t workers[GATEWAY_WORKERS_MAX];
    unsigned passed;
    unsigned broken;

    (void)state;
    gateway_put(running, "routes/counted",
                "{\"uri\": \"/counted\", \"plugins\": {\"limit-count\": {\"count\": %u,"
                " \"time_window\": 3600, \"rejected_code\": 429, \"key_type\": \"constant\","
                " \"key\": \"all\"}}, \"upstream\": {\"nodes\": {\"127.0.0.1:%u\": 1}}}",
                count(), origin_port(upstream));
    for (size_t i = 0; i < CLIENTS; i++) {
        assert_int_equal(pthread_create(&clients[i], NULL, client_run, NULL), 0);
    }
    WAIT_UNTIL(atomic_load(&seen.passed) > count() / 4);
    assert_int_equal(gateway_workers(running, workers), WORKERS);
    assert_int_equal(kill(workers[1], SIGKILL), 0);
    WAIT_UNTIL(gateway_workers(running, workers) == WORKERS);
    limit_count_install(1);
    json_decref(gateway_reload(running));
    for (size_t i = 0; i < CLIENTS; i++) {
        (void)pthread_join(clients[i], NULL);
    }
    passed = atomic_load(&seen.passed);
    broken = atomic_load(&seen.broken);
    assert_int_equal(atomic_load(&seen.others), 0);
    assert_true(broken <= CLIENTS); /* what the killed worker had */
    if (passed > count() + 1 || passed + broken < count()) {
        fail_msg("%u of %u passed, %u were not answered", passed, count(), broken);
    }
    gateway_delete(running, "routes/counted");
}

/* ---------------------------------------------------------------------------- limit-conn */

static connection flying[IN_FLIGHT];

static void flight_begin(connection *with)
{
    static const char text[] = "GET /slow?delay=" SLOW_MS " HTTP/1.1\r\nHost: localhost\r\n\r\n";

    *with = (connection){.fd = -1};
    assert_true(connection_open(with, running->port));
    assert_true(connection_send(with, text, strlen(text)));
}

/* The status of another request, which is short if it passes. */
static int status_of_another(void)
{
    http_get(running->port, "/short", "", &got);
    return got.status;
}

/* True if the gateway has answered: it has refused, since the origin takes its time. */
static bool is_answered(const connection *with)
{
    struct pollfd ready = {.fd = with->fd, .events = POLLIN};

    return poll(&ready, 1, 0) > 0;
}

/* One request is under way; until what was there before is given up it may be refused. */
static void flight_insist(connection *with)
{
    int64_t deadline_ms = clock_ms() + DEADLINE_MS;
    bool is_refused = true;

    while (is_refused) {
        size_t before = origin_requests(upstream);

        assert_true(clock_ms() < deadline_ms);
        flight_begin(with);
        WAIT_UNTIL(origin_requests(upstream) > before || is_answered(with));
        is_refused = origin_requests(upstream) == before;
        if (is_refused) {
            connection_close(with);
        }
    }
}

static void flights_begin(void)
{
    for (size_t i = 0; i < IN_FLIGHT; i++) {
        flight_insist(&flying[i]);
    }
}

static void flights_end(void)
{
    for (size_t i = 0; i < IN_FLIGHT; i++) {
        connection_close(&flying[i]);
    }
}

static void limit_conn_counts_over_all_workers_and_leaks_nothing(void **state)
{
    pid_t workers[GATEWAY_WORKERS_MAX];
    pid_t again[GATEWAY_WORKERS_MAX];
    size_t count_of_workers;

    (void)state;
    put("\"limit-conn\": {\"conn\": 6, \"burst\": 0, \"default_conn_delay\": 0.1,"
        " \"key\": \"server_name\"}");
    flights_begin();
    assert_int_equal(status_of_another(), 503);
    flights_end(); /* clients that go are not counted any more */

    flights_begin();
    assert_int_equal(status_of_another(), 503);
    count_of_workers = gateway_workers(running, workers);
    for (size_t i = 0; i < count_of_workers; i++) {
        assert_int_equal(kill(workers[i], SIGKILL), 0);
    }
    WAIT_UNTIL(gateway_workers(running, again) == WORKERS && again[0] != workers[0]);
    flights_end();
    flights_begin(); /* as many as before the kill */
    assert_int_equal(status_of_another(), 503);
    flights_end();
}

/* ----------------------------------------------------------------------------- limit-req */

static void limit_req_lets_a_burst_wait(void **state)
{
    static const char text[] = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
    int64_t begin_ms = clock_ms();
    int statuses[4];

    (void)state;
    put("\"limit-req\": {\"rate\": 5, \"burst\": 2, \"key\": \"remote_addr\","
        " \"rejected_code\": 429}");
    for (size_t i = 0; i < ARRAY_SIZE(statuses); i++) {
        flying[i] = (connection){.fd = -1};
        assert_true(connection_open(&flying[i], running->port));
        assert_true(connection_send(&flying[i], text, strlen(text)));
        if (i == 0) {
            assert_true(connection_receive(&flying[0], false, &got)); /* the bucket has begun */
            statuses[0] = got.status;
        }
    }
    for (size_t i = 1; i < ARRAY_SIZE(statuses); i++) {
        assert_true(connection_receive(&flying[i], false, &got));
        statuses[i] = got.status;
    }
    for (size_t i = 0; i < ARRAY_SIZE(statuses); i++) {
        connection_close(&flying[i]);
    }
    assert_int_equal(statuses[0], 200);
    /* Four workers may take the others in any order: two wait, one is refused. */
    assert_int_equal((statuses[1] == 429) + (statuses[2] == 429) + (statuses[3] == 429), 1);
    assert_int_equal((statuses[1] == 200) + (statuses[2] == 200) + (statuses[3] == 200), 2);
    assert_true(clock_ms() - begin_ms >= 390); /* 400 ms, less a turn of the clock */
}

/* ------------------------------------------------------------------------------- clients */

/* A header as the upstream got it; borrowed from `body`. */
static const char *upstream_header(const json_t *body, const char *name)
{
    return json_string_value(json_object_get(json_object_get(body, "headers"), name));
}

static void real_ip_holds_for_one_request_of_a_connection(void **state)
{
    json_t *body;

    (void)state;
    put("\"real-ip\": {\"source\": \"http_x_client\", \"trusted_addresses\": [\"127.0.0.0/8\"]},"
        " \"ip-restriction\": {\"blacklist\": [\"192.0.2.66\"]}");
    connection_request(&one, "GET", "/", "X-Client: 192.0.2.7:99\r\n", NULL, &got);
    body = json_loads(got.body, 0, NULL);
    assert_string_equal(upstream_header(body, "x-real-ip"), "192.0.2.7");
    assert_string_equal(upstream_header(body, "x-forwarded-for"), "192.0.2.7");
    json_decref(body);
    connection_request(&one, "GET", "/", "X-Client: 192.0.2.66\r\n", NULL, &got);
    assert_int_equal(got.status, 403);
    connection_request(&one, "GET", "/", "X-Client: 2001:db8::1\r\n", NULL, &got);
    body = json_loads(got.body, 0, NULL);
    assert_string_equal(upstream_header(body, "x-real-ip"), "2001:db8::1");
    json_decref(body);
    connection_request(&one, "GET", "/", "", NULL, &got); /* the connection is who it was */
    body = json_loads(got.body, 0, NULL);
    assert_string_equal(upstream_header(body, "x-real-ip"), "127.0.0.1");
    json_decref(body);
    gateway_wait_log(running, "logs/error.log", "missing real address");
}

/* Sends a body without a length, in two chunks of that many bytes. */
static int chunked_status(size_t chunk)
{
    static const char head[] = "POST / HTTP/1.1\r\nHost: localhost\r\n"
                               "Transfer-Encoding: chunked\r\n\r\n";
    char text[4096];
    int length = snprintf(text, sizeof(text), "%s%zx\r\n%0*d\r\n%zx\r\n%0*d\r\n0\r\n\r\n", head,
                          chunk, (int)chunk, 1, chunk, (int)chunk, 2);
    connection with = {.fd = -1};

    assert_true(connection_open(&with, running->port));
    assert_true(connection_send(&with, text, (size_t)length));
    if (!connection_receive(&with, false, &got)) {
        fail_msg("%s", with.error);
    }
    connection_close(&with);
    return got.status;
}

/* The second chunk comes when the first one has been read: nginx itself finds it too long. */
static int slow_chunks_status(const char *second_length)
{
    static const char head[] = "POST / HTTP/1.1\r\nHost: localhost\r\n"
                               "Transfer-Encoding: chunked\r\n\r\n3c\r\n";
    char digits[60];
    connection with = {.fd = -1};

    memset(digits, '1', sizeof(digits));
    assert_true(connection_open(&with, running->port));
    assert_true(connection_send(&with, head, strlen(head)));
    WAIT_UNTIL(gateway_sum(running, "requests_live") > 0);
    assert_true(connection_send(&with, digits, sizeof(digits)));
    assert_true(connection_send(&with, second_length, strlen(second_length)));
    assert_true(connection_send(&with, digits, sizeof(digits)));
    (void)connection_send(&with, "\r\n0\r\n\r\n", strlen("\r\n0\r\n\r\n"));
    if (!connection_receive(&with, false, &got)) {
        fail_msg("%s", with.error);
    }
    connection_close(&with);
    return got.status;
}

static void client_control_bounds_bodies(void **state)
{
    static const char *const others[] = {
        "",
        ", \"request-validation\": {\"body_schema\": {\"type\": \"number\"}}",
        ", \"echo\": {\"after_body\": \"x\"}",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
        char plugins[256];
        bool judges = i == 1;

        (void)snprintf(plugins, sizeof(plugins), "\"client-control\": {\"max_body_size\": 100}%s",
                       others[i]);
        put(plugins);
        (void)open_one(NULL);
        connection_request(&one, "POST", "/", "", "1", &got);
        assert_int_equal(got.status, 200);
        connection_close(&one);
        (void)open_one(NULL);
        connection_request(&one, "POST", "/", "", /* 101 digits */
                           "11111111111111111111111111111111111111111111111111111111111111111111"
                           "111111111111111111111111111111111",
                           &got);
        assert_int_equal(got.status, 413);
        connection_close(&one);
        /* 100 digits beginning with zeros are no JSON number */
        assert_int_equal(chunked_status(50), judges ? 400 : 200);
        assert_int_equal(chunked_status(51), judges ? 400 : 413);
        assert_int_equal(chunked_status(1500), judges ? 400 : 413);
        assert_int_equal(slow_chunks_status("\r\n3c\r\n"), 413);
        assert_int_equal(slow_chunks_status("\r\nmany\r\n"), 400);
        WAIT_UNTIL(gateway_sum(running, "requests_live") == 0);
    }
    put("\"client-control\": {\"max_body_size\": 0}");
    assert_int_equal(chunked_status(1500), 200);
    (void)open_one(NULL);
}

/* What nginx reads when it keeps a connection may not be of the request that has gone: freed memory
 * is filled with a pattern, as which a timeout is over at once. */
static void a_connection_outlives_a_request_with_a_bound(void **state)
{
    gateway *other =
        gateway_run(&(gateway_options){.workers = 1, .environment = "MALLOC_PERTURB_=255"});
    connection client = {.fd = -1};

    (void)state;
    gateway_put(other, "routes/1",
                "{\"uri\": \"/*\", \"plugins\": {\"client-control\": {\"max_body_size\": 100}},"
                " \"upstream\": {\"nodes\": {\"127.0.0.1:%u\": 1}}}",
                origin_port(upstream));
    assert_true(connection_open(&client, other->port));
    for (int i = 0; i < 10; i++) {
        connection_request(&client, "POST", "/", "", "body", &got);
        assert_int_equal(got.status, 200);
        connection_request(&client, "GET", "/", "", NULL, &got);
        assert_int_equal(got.status, 200);
        (void)poll(NULL, 0, 2); /* nginx has time to close it */
    }
    connection_close(&client);
    gateway_free(other);
}

/* --------------------------------------------------------------------- one request each */

static void every_plugin_does_its_work_in_the_gateway(void **state)
{
    static const struct {
        const char *label;
        const char *plugins;
        const char *method;
        const char *target;
        const char *headers;
        const char *sent;
        int status;
        const char *name; /* of a header of the response; NULL: none is looked at */
        const char *value;
        const char *body; /* part of it */
    } cases[] = {
        {"cors preflight", "\"cors\": {\"allow_origins\": \"**\"}", "OPTIONS", "/",
         "Origin: https://a.com\r\nAccess-Control-Request-Method: PUT\r\n", NULL, 200,
         "Access-Control-Allow-Origin", "https://a.com", ""},
        {"cors", "\"cors\": {\"allow_origins\": \"https://a.com,https://b.com\"}", "GET", "/",
         "Origin: https://b.com\r\n", NULL, 200, "Access-Control-Allow-Origin", "https://b.com",
         "\"method\""},
        {"redirect",
         "\"redirect\": {\"regex_uri\": [\"^/old/(.*)\", \"/new/$1\"],"
         " \"append_query_string\": true}",
         "GET", "/old/a%20b?c=1", "", NULL, 302, "Location", "/new/a%20b?c=1", "302 Found"},
        {"redirect to https", "\"redirect\": {\"http_to_https\": true}", "POST", "/x?y", "", "1",
         308, "Location", "https://localhost/x?y", ""},
        {"request-id kept", "\"request-id\": {}", "GET", "/", "X-Request-Id: mine\r\n", NULL, 200,
         "X-Request-Id", "mine", "\"x-request-id\":\"mine\""},
        {"uri-blocker",
         "\"uri-blocker\": {\"block_rules\": [\"^/admin\"],"
         " \"rejected_msg\": \"no\"}",
         "GET", "/%61dmin", "", NULL, 403, NULL, NULL, "{\"error_msg\":\"no\"}"},
        {"ua-restriction", "\"ua-restriction\": {\"denylist\": [\"bad\"]}", "GET", "/",
         "User-Agent: bad-bot\r\n", NULL, 403, NULL, NULL, "{\"message\":\"Not allowed\"}"},
        {"referer-restriction", "\"referer-restriction\": {\"whitelist\": [\"*.a.com\"]}", "GET",
         "/", "Referer: http://www.a.com/x\r\n", NULL, 200, NULL, NULL, "\"method\""},
        {"fault-injection",
         "\"fault-injection\": {\"delay\": {\"duration\": 0.01}, \"abort\": {\"http_status\": 418,"
         " \"body\": \"$uri\", \"vars\": [[[\"arg_a\", \"==\", \"1\"]]]}}",
         "GET", "/tea?a=1", "", NULL, 418, NULL, NULL, "/tea"},
        {"mocking",
         "\"mocking\": {\"response_example\": \"<a/>\","
         " \"content_type\": \"application/xml\"}",
         "GET", "/", "", NULL, 200, "x-mock-by", "APISIX/3.18.0", "<a/>"},
        {"request-validation refuses",
         "\"request-validation\": {\"body_schema\": {\"required\": [\"a\"]}}", "POST", "/", "",
         "{}", 400, NULL, NULL, "property \"a\" is required"},
        {"request-validation fills in",
         "\"request-validation\": {\"body_schema\": {\"properties\": {\"b\": {\"default\": 7}}}}",
         "POST", "/", "", "{\"a\": 1}", 200, NULL, NULL, "{\\\"a\\\":1,\\\"b\\\":7}"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        const char *value;

        put(cases[i].plugins);
        connection_request(&one, cases[i].method, cases[i].target, cases[i].headers, cases[i].sent,
                           &got);
        value = cases[i].name == NULL ? NULL : response_header(&got, cases[i].name);
        if (got.status != cases[i].status || strstr(got.body, cases[i].body) == NULL ||
            (cases[i].name != NULL && (value == NULL || strcmp(value, cases[i].value) != 0))) {
            fail_msg("%s: got %d %s: %s", cases[i].label, got.status, value, got.body);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_connection_outlives_a_request_with_a_bound),
        cmocka_unit_test_setup_teardown(client_control_bounds_bodies, open_one, close_one),
        cmocka_unit_test_setup_teardown(real_ip_holds_for_one_request_of_a_connection, open_one,
                                        close_one),
        cmocka_unit_test_setup_teardown(every_plugin_does_its_work_in_the_gateway, open_one,
                                        close_one),
        cmocka_unit_test(limit_req_lets_a_burst_wait),
        /* Workers are killed below: what they had stays on the board. */
        cmocka_unit_test(limit_count_is_exact_over_a_kill_and_a_reload),
        cmocka_unit_test(limit_conn_counts_over_all_workers_and_leaks_nothing),
    };

    return report(cmocka_run_group_tests(tests, set_up, tear_down));
}
