/* tests/integration/test_upstream.c - where requests go, and what happens when nobody is there. */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/integration/author.h"
#include "tests/integration/command.h"
#include "tests/integration/gateway.h"
#include "tests/integration/origin.h"
#include "tests/unit/unit.h"

#define ORIGINS 3u

static gateway *running;
static origin *upstreams[ORIGINS];
static unsigned dead; /* a port where nobody listens */
static response got;

static int set_up(void **state)
{
    (void)state;
    for (size_t i = 0; i < ORIGINS; i++) {
        upstreams[i] = origin_start();
    }
    dead = free_port();
    running = gateway_make(&(gateway_options){.workers = 1}); /* one worker: exact counts */
    author_install(running, "tries", "tries", "");
    gateway_start(running);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    response_done(&got);
    gateway_free(running);
    for (size_t i = 0; i < ORIGINS; i++) {
        origin_stop(upstreams[i]);
    }
    return 0;
}

static unsigned port(size_t i)
{
    return origin_port(upstreams[i]);
}

/* The route / for everything, to an upstream of these members. */
static void put(const char *members)
{
    gateway_put(running, "routes/all",
                "{\"uri\": \"/*\", \"plugins\": {\"tries\": {}}, \"upstream\": {%s}}", members);
}

static void
put_nodes(const char *more, unsigned a, unsigned weight_a, unsigned b, unsigned weight_b)
{
    char *members = text_format("\"nodes\": {\"127.0.0.1:%u\": %u, \"127.0.0.1:%u\": %u}%s", a,
                                weight_a, b, weight_b, more);

    put(members);
    free(members);
}

static void get(const char *target)
{
    http_get(running->port, target, "", &got);
}

/* A header as the upstream saw it; owned by the caller. */
static char *upstream_saw(const char *header)
{
    json_t *echo = json_loads(got.body, 0, NULL);
    const char *value =
        json_string_value(json_object_get(json_object_get(echo, "headers"), header));
    char *copy = strdup(value == NULL ? "" : value);

    if (echo == NULL) {
        fail_msg("no echo: %d %.200s", got.status, got.body);
    }
    json_decref(echo);
    return copy;
}

static void upstream_sees(const char *header, const char *wanted)
{
    char *seen = upstream_saw(header);

    assert_string_equal(seen, wanted);
    free(seen);
}

static json_int_t echo_number(const char *member)
{
    json_t *echo = json_loads(got.body, 0, NULL);
    json_int_t number = json_integer_value(json_object_get(echo, member));

    assert_non_null(echo);
    json_decref(echo);
    return number;
}

/* --------------------------------------------------------------------------------- balance */

static void weights_are_kept_exactly(void **state)
{
    size_t before[ORIGINS];
    char *members =
        text_format("\"nodes\": [{\"host\": \"127.0.0.1\", \"port\": %u, \"weight\": 1},"
                    " {\"host\": \"127.0.0.1\", \"port\": %u, \"weight\": 2},"
                    " {\"host\": \"127.0.0.1\", \"port\": %u, \"weight\": 3}]",
                    port(0), port(1), port(2));

    (void)state;
    put(members);
    free(members);
    for (size_t i = 0; i < ORIGINS; i++) {
        before[i] = origin_requests(upstreams[i]);
    }
    for (unsigned i = 0; i < 60; i++) {
        get("/");
        assert_int_equal(got.status, 200);
    }
    assert_int_equal(origin_requests(upstreams[0]) - before[0], 10);
    assert_int_equal(origin_requests(upstreams[1]) - before[1], 20);
    assert_int_equal(origin_requests(upstreams[2]) - before[2], 30);
}

static void node_without_weight_gets_nothing(void **state)
{
    size_t before = origin_requests(upstreams[1]);

    (void)state;
    put_nodes("", port(0), 1, port(1), 0);
    for (unsigned i = 0; i < 20; i++) {
        get("/");
        assert_int_equal(got.status, 200);
    }
    assert_int_equal(origin_requests(upstreams[1]), before);
}

static void connection_to_the_upstream_is_used_again(void **state)
{
    json_int_t used;

    (void)state;
    put_nodes("", port(0), 1, port(1), 0);
    get("/");
    used = echo_number("connection");
    for (unsigned i = 0; i < 10; i++) {
        get("/");
        assert_int_equal(echo_number("connection"), used);
    }
}

/* Writes `key` where a text has %u. */
static void replace_key(const char *text, const char *key, char *into, size_t size)
{
    const char *mark = strstr(text, "%u");

    (void)snprintf(into, size, "%.*s%s%s",
                   (int)(mark == NULL ? strlen(text) : (size_t)(mark - text)), text,
                   mark == NULL ? "" : key, mark == NULL ? "" : mark + 2);
}

static void put_chash(const char *hash)
{
    char *members = text_format("\"type\": \"chash\", %s, \"nodes\": {\"127.0.0.1:%u\": 1,"
                                " \"127.0.0.1:%u\": 1, \"127.0.0.1:%u\": 1}",
                                hash, port(0), port(1), port(2));

    put(members);
    free(members);
}

/* Sends the same request again and again; the origin that got all of them. */
static json_int_t origin_of(const char *target, const char *headers)
{
    json_int_t first = 0;

    for (unsigned i = 0; i < 6; i++) {
        http_get(running->port, target, headers, &got);
        assert_int_equal(got.status, 200);
        if (i == 0) {
            first = echo_number("origin");
        }
        assert_int_equal(echo_number("origin"), first);
    }
    return first;
}

static void equal_keys_go_to_one_node(void **state)
{
    static const struct {
        const char *label;
        const char *hash;
        const char *target; /* with %u for the key */
        const char *headers;
        bool differs; /* several keys use several nodes */
    } cases[] = {
        {"uri", "\"key\": \"uri\"", "/item/%u", "", true},
        {"an argument", "\"key\": \"arg_id\"", "/x?id=%u", "", true},
        {"a header", "\"hash_on\": \"header\", \"key\": \"X-User\"", "/", "X-User: %u\r\n", true},
        {"a cookie", "\"hash_on\": \"cookie\", \"key\": \"session\"", "/",
         "Cookie: a=b; session=%u\r\n", true},
        {"a combination", "\"hash_on\": \"vars_combinations\", \"key\": \"$http_x_user-$arg_a\"",
         "/?a=%u", "X-User: b\r\n", true},
        {"a key that is not there: the client's address", "\"key\": \"arg_id\"", "/y/%u", "",
         false},
        {"no consumer: the client's address", "\"hash_on\": \"consumer\"", "/z/%u", "", false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        bool differs = false;
        json_int_t first = 0;

        put_chash(cases[i].hash);
        for (unsigned key = 0; key < 12; key++) {
            char *target = text_format("%u", key);
            char filled[128];
            char headers[128];
            json_int_t used;

            replace_key(cases[i].target, target, filled, sizeof(filled));
            replace_key(cases[i].headers, target, headers, sizeof(headers));
            used = origin_of(filled, headers);
            first = key == 0 ? used : first;
            differs = differs || used != first;
            free(target);
        }
        if (differs != cases[i].differs) {
            fail_msg("%s: %s node", cases[i].label, differs ? "more than one" : "one");
        }
    }
    gateway_wait_log(running, "logs/error.log",
                     "chash_key fetch is nil, use default chash_key remote_addr");
}

/* A node that is busy gets no more until the others are as busy. */
static void busy_node_is_passed_over_by_least_conn(void **state)
{
    static const char slow[] = "GET /?delay=1500 HTTP/1.1\r\nHost: a\r\n\r\n";
    connection one = {.fd = -1};
    size_t before[2] = {origin_requests(upstreams[0]), origin_requests(upstreams[1])};
    size_t busy;

    (void)state;
    put_nodes(", \"type\": \"least_conn\"", port(0), 1, port(1), 1);
    assert_true(connection_open(&one, running->port));
    assert_true(connection_send(&one, slow, sizeof(slow) - 1));
    WAIT_UNTIL(origin_requests(upstreams[0]) + origin_requests(upstreams[1]) ==
               before[0] + before[1] + 1);
    busy = origin_requests(upstreams[0]) > before[0] ? 0 : 1;
    for (unsigned i = 0; i < 10; i++) {
        get("/");
        assert_int_equal(echo_number("origin"), port(1 - busy));
    }
    assert_true(connection_receive(&one, false, &got));
    connection_close(&one);
    put_nodes("", port(0), 1, port(1), 1);
}

static void faster_node_gets_most_by_ewma(void **state)
{
    size_t before[2];

    (void)state;
    put_nodes(", \"type\": \"ewma\"", port(0), 1, port(1), 1);
    for (size_t i = 0; i < ARRAY_SIZE(before); i++) {
        before[i] = origin_requests(upstreams[i]);
    }
    for (unsigned i = 0; i < 30; i++) {
        char *target = text_format("/?delay=150&delay_at=%u", port(0));

        get(target);
        assert_int_equal(got.status, 200);
        free(target);
    }
    assert_true(origin_requests(upstreams[0]) > before[0]);
    assert_true(origin_requests(upstreams[0]) - before[0] <= 5);
}

/* ---------------------------------------------------------------------------------- retries */

static void dead_node_is_passed_over(void **state)
{
    (void)state;
    put_nodes("", dead, 1, port(0), 1);
    for (unsigned i = 0; i < 20; i++) {
        get("/");
        assert_int_equal(got.status, 200);
        assert_int_equal(echo_number("origin"), port(0));
    }
}

static void without_retries_a_dead_node_is_an_error(void **state)
{
    unsigned good = 0;
    unsigned bad = 0;

    (void)state;
    put_nodes(", \"retries\": 0", dead, 1, port(0), 1);
    for (unsigned i = 0; i < 20; i++) {
        get("/");
        good += got.status == 200;
        bad += got.status == 502;
    }
    assert_int_equal(good, 10);
    assert_int_equal(bad, 10);
    assert_non_null(strstr(got.status == 502 ? got.body : "\"error_msg\"", "\"error_msg\""));
}

static void upstream_that_hangs_up_is_retried_elsewhere(void **state)
{
    size_t before[2] = {origin_requests(upstreams[0]), origin_requests(upstreams[1])};

    (void)state;
    put_nodes("", port(0), 1, port(1), 1);
    get("/?close=1"); /* both do */
    assert_int_equal(got.status, 502);
    for (size_t i = 0; i < ARRAY_SIZE(before); i++) { /* a kept connection is no try */
        size_t asked = origin_requests(upstreams[i]) - before[i];

        assert_true(asked == 1 || asked == 2);
    }
}

static void post_is_not_sent_twice(void **state)
{
    connection one = {.fd = -1};
    size_t before = origin_requests(upstreams[0]) + origin_requests(upstreams[1]);

    (void)state;
    put_nodes("", port(0), 1, port(1), 1);
    assert_true(connection_open(&one, running->port));
    connection_request(&one, "POST", "/?close=1", "", "an order", &got);
    assert_int_equal(got.status, 502);
    assert_int_equal(origin_requests(upstreams[0]) + origin_requests(upstreams[1]), before + 1);
    /* Where no connection could be made nothing was sent: that may be tried elsewhere. */
    put_nodes("", dead, 1, port(0), 1);
    for (unsigned i = 0; i < 4; i++) {
        connection_request(&one, "POST", "/", "", "an order", &got);
        assert_int_equal(got.status, 200);
        assert_int_equal(echo_number("body_length"), strlen("an order"));
    }
    connection_close(&one);
}

static void nobody_there_is_502(void **state)
{
    (void)state;
    put("\"nodes\": {\"127.0.0.1:1\": 1}");
    get("/");
    assert_int_equal(got.status, 502);
    assert_string_equal(response_header(&got, "Content-Type"), "application/json");
    assert_non_null(strstr(got.body, "502 Bad Gateway"));
}

/* --------------------------------------------------------------------------------- timeouts */

static void slow_upstream_is_504_in_its_time(void **state)
{
    int64_t begin_ms;

    (void)state;
    put_nodes(", \"retries\": 0, \"timeout\": {\"connect\": 1, \"send\": 1, \"read\": 0.3}",
              port(0), 1, port(1), 1);
    begin_ms = clock_ms();
    get("/?delay=2000");
    assert_int_equal(got.status, 504);
    assert_true(clock_ms() - begin_ms >= 290 && clock_ms() - begin_ms < 1500);
    get("/");
    assert_int_equal(got.status, 200);
}

static void timeout_of_the_route_wins(void **state)
{
    int64_t begin_ms;

    (void)state;
    gateway_put(running, "routes/all",
                "{\"uri\": \"/*\", \"timeout\": {\"connect\": 1, \"send\": 1, \"read\": 0.3},"
                " \"upstream\": {\"nodes\": {\"127.0.0.1:%u\": 1},"
                " \"timeout\": {\"connect\": 9, \"send\": 9, \"read\": 9}}}",
                port(0));
    begin_ms = clock_ms();
    get("/?delay=2000");
    assert_int_equal(got.status, 504);
    assert_true(clock_ms() - begin_ms < 1500);
}

static void retries_end_with_their_own_time(void **state)
{
    int64_t begin_ms;

    (void)state;
    put_nodes(", \"retries\": 20, \"retry_timeout\": 0.5,"
              " \"timeout\": {\"connect\": 1, \"send\": 1, \"read\": 0.3}",
              port(0), 1, port(1), 1);
    begin_ms = clock_ms();
    get("/?delay=3000");
    assert_int_equal(got.status, 502); /* as in APISIX: there is nobody left to try */
    assert_true(clock_ms() - begin_ms < 2500);
}

static void response_that_is_cut_is_not_passed_on_as_whole(void **state)
{
    connection one = {.fd = -1};
    static const char text[] = "GET /?bytes=100000&cut=50000 HTTP/1.1\r\nHost: a\r\n\r\n";

    (void)state;
    put_nodes("", port(0), 1, port(1), 0);
    assert_true(connection_open(&one, running->port));
    assert_true(connection_send(&one, text, sizeof(text) - 1));
    assert_false(connection_receive(&one, false, &got));
    connection_close(&one);
}

/* ------------------------------------------------------------------------------------- host */

static void host_names_are_resolved(void **state)
{
    char *members = text_format("\"nodes\": {\"localhost:%u\": 1}", port(0));

    (void)state;
    put(members);
    for (unsigned i = 0; i < 5; i++) {
        get("/");
        assert_int_equal(got.status, 200);
        assert_int_equal(echo_number("origin"), port(0));
    }
    free(members);
}

static void host_header_follows_pass_host(void **state)
{
    char *node = text_format("localhost:%u", port(0));
    char *pass = text_format("\"nodes\": {\"%s\": 1}, \"pass_host\": \"pass\"", node);
    char *own = text_format("\"nodes\": {\"%s\": 1}, \"pass_host\": \"node\"", node);
    char *rewrite = text_format("\"nodes\": {\"%s\": 1}, \"pass_host\": \"rewrite\","
                                " \"upstream_host\": \"other.example\"",
                                node);

    (void)state;
    put(pass);
    get("/");
    upstream_sees("host", "localhost"); /* as http_get() sends it */
    put(own);
    get("/");
    upstream_sees("host", node);
    put(rewrite);
    get("/");
    upstream_sees("host", "other.example");
    upstream_sees("x-forwarded-for", "127.0.0.1");
    upstream_sees("x-forwarded-host", "localhost");
    free(rewrite);
    free(own);
    free(pass);
    free(node);
}

/* ------------------------------------------------------------------------------------ https */

static void https_upstream_is_reached(void **state)
{
    char *key = text_format("%s/key.pem", author_folder());
    char *certificate = text_format("%s/certificate.pem", author_folder());
    unsigned tls_port = free_port();
    char *port_text = text_format("%u", tls_port);
    char *members =
        text_format("\"scheme\": \"https\", \"nodes\": {\"127.0.0.1:%u\": 1}", tls_port);
    const char *arguments[] = {"openssl", "s_server",  "-accept", port_text, "-key", key,
                               "-cert",   certificate, "-www",    "-quiet",  NULL};
    int nothing = open("/dev/null", O_WRONLY | O_CLOEXEC);
    pid_t server;

    (void)state;
    shell("openssl req -x509 -newkey rsa:2048 -nodes -keyout '%s' -out '%s' -days 2 -subj "
          "/CN=localhost 2>/dev/null",
          key, certificate);
    server = command_start(&(command){.arguments = arguments}, nothing);
    assert_true(server > 0);
    put(members);
    WAIT_UNTIL((get("/"), got.status == 200)); /* until it listens there is 502 */
    assert_non_null(strstr(got.body, "Cipher"));
    (void)kill(server, SIGKILL);
    (void)waitpid(server, NULL, 0);
    (void)close(nothing);
    free(members);
    free(port_text);
    free(certificate);
    free(key);
}

/* -------------------------------------------------------------------------------- websocket */

static const char upgrade[] = "GET /socket HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\n"
                              "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                              "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n";

static void put_socket(bool enabled)
{
    gateway_put(running, "routes/socket",
                "{\"uri\": \"/socket\", \"enable_websocket\": %s, \"priority\": 9,"
                " \"upstream\": {\"nodes\": {\"127.0.0.1:%u\": 1}}}",
                enabled ? "true" : "false", port(0));
}

static void websocket_carries_bytes_both_ways(void **state)
{
    connection one = {.fd = -1};

    (void)state;
    put_socket(true);
    assert_true(connection_open(&one, running->port));
    assert_true(connection_send(&one, upgrade, sizeof(upgrade) - 1));
    assert_true(connection_receive(&one, false, &got));
    assert_int_equal(got.status, 101);
    for (unsigned i = 0; i < 50; i++) {
        char sent[64];
        char back[64];
        size_t length = (size_t)snprintf(sent, sizeof(sent), "%c frame %u", 0x81, i);
        size_t have = 0;

        assert_true(connection_send(&one, sent, length));
        while (have < length) {
            long more = connection_read(&one, back + have, sizeof(back) - have);

            assert_true(more > 0);
            have += (size_t)more;
        }
        assert_memory_equal(back, sent, length);
    }
    connection_close(&one);
    WAIT_UNTIL(gateway_sum(running, "requests_live") == 0);
}

static void upgrade_is_not_passed_on_unless_it_is_enabled(void **state)
{
    connection one = {.fd = -1};

    (void)state;
    put_socket(false);
    assert_true(connection_open(&one, running->port));
    assert_true(connection_send(&one, upgrade, sizeof(upgrade) - 1));
    assert_true(connection_receive(&one, false, &got));
    assert_int_equal(got.status, 200);
    upstream_sees("upgrade", "");
    connection_close(&one);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(weights_are_kept_exactly),
        cmocka_unit_test(node_without_weight_gets_nothing),
        cmocka_unit_test(connection_to_the_upstream_is_used_again),
        cmocka_unit_test(equal_keys_go_to_one_node),
        cmocka_unit_test(busy_node_is_passed_over_by_least_conn),
        cmocka_unit_test(faster_node_gets_most_by_ewma),
        cmocka_unit_test(dead_node_is_passed_over),
        cmocka_unit_test(without_retries_a_dead_node_is_an_error),
        cmocka_unit_test(upstream_that_hangs_up_is_retried_elsewhere),
        cmocka_unit_test(post_is_not_sent_twice),
        cmocka_unit_test(nobody_there_is_502),
        cmocka_unit_test(slow_upstream_is_504_in_its_time),
        cmocka_unit_test(timeout_of_the_route_wins),
        cmocka_unit_test(retries_end_with_their_own_time),
        cmocka_unit_test(response_that_is_cut_is_not_passed_on_as_whole),
        cmocka_unit_test(host_names_are_resolved),
        cmocka_unit_test(host_header_follows_pass_host),
        cmocka_unit_test(https_upstream_is_reached),
        cmocka_unit_test(websocket_carries_bytes_both_ways),
        cmocka_unit_test(upgrade_is_not_passed_on_unless_it_is_enabled),
    };

    return report(cmocka_run_group_tests(tests, set_up, tear_down));
}
