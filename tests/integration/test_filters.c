/* tests/integration/test_filters.c - what filters make of responses of all kinds. */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "tests/integration/author.h"
#include "tests/integration/command.h"
#include "tests/integration/gateway.h"
#include "tests/integration/origin.h"
#include "tests/integration/sanitizer.h"
#include "tests/unit/unit.h"

#define LARGE_BYTES_CI   (16u << 20)
#define LARGE_BYTES_FULL (100u << 20)
#define GROWTH_MAX_KIB   4096 /* of a worker, whatever streams through it */
#define SLOW_STEPS       10u

static gateway *running;
static origin *upstream;
static response got;
static connection one;

static int set_up(void **state)
{
    (void)state;
    upstream = origin_start();
    running = gateway_make(&(gateway_options){.workers = 1});
    author_install(running, "filters", "filters", "");
    author_install(running, "tries", "tries", "");
    author_install(running, "gate", "gate", "");
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

static void request(const char *method, const char *target)
{
    connection_request(&one, method, target, "", NULL, &got);
}

/* The next request on the same connection finds its own response. */
static void connection_is_in_step(void)
{
    request("GET", "/step?bytes=5");
    assert_true(got.status == 200 || got.status == 418 || got.status == 403);
    assert_string_equal(response_header(&got, "X-Filtered"), "yes");
}

/* ------------------------------------------------------------------------------------ body */

static void filter_that_only_looks_changes_nothing(void **state)
{
    static const char *const targets[] = {"/?bytes=26", "/?bytes=26&chunked=1", "/?bytes=200000",
                                          "/?bytes=200000&chunked=1"};

    (void)state;
    put("\"filters\": {\"mode\": \"pass\"}");
    for (size_t i = 0; i < ARRAY_SIZE(targets); i++) {
        size_t length = i < 2 ? 26 : 200000;
        bool chunked = i % 2 == 1;

        request("GET", targets[i]);
        assert_int_equal(got.status, 200);
        assert_int_equal(got.length, length);
        assert_int_equal(strncmp(got.body, "abcdefghijklmnopqrstuvwxyz", 26), 0);
        assert_int_equal(response_header(&got, "Content-Length") == NULL, chunked);
    }
    connection_is_in_step();
}

static void change_is_sent_without_the_old_length(void **state)
{
    (void)state;
    put("\"filters\": {\"mode\": \"upper\"}");
    request("GET", "/?bytes=30000&etag=1");
    assert_int_equal(got.length, 30000);
    assert_int_equal(strncmp(got.body, "ABCDEFGHIJKLMNOPQRSTUVWXYZABC", 29), 0);
    assert_int_equal(strspn(got.body, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"), 30000);
    assert_string_equal(response_header(&got, "ETag"), "W/\"tag\"");
    assert_null(response_header(&got, "Accept-Ranges"));
    put("\"filters\": {\"mode\": \"append\"}");
    request("GET", "/?bytes=10");
    assert_string_equal(got.body, "abcdefghij and more");
    request("GET", "/?bytes=10&chunked=1");
    assert_string_equal(got.body, "abcdefghij and more");
    put("\"filters\": {\"mode\": \"delayed\"}");
    request("GET", "/?bytes=3");
    assert_string_equal(got.body, "abc at last");
    put("\"filters\": {\"mode\": \"drop\"}");
    request("GET", "/?bytes=100000");
    assert_int_equal(got.status, 200);
    assert_int_equal(got.length, 0);
    connection_is_in_step();
}

static void whole_body_is_handed_over_and_its_length_known(void **state)
{
    static const struct {
        const char *target;
        const char *body;
    } cases[] = {
        {"/?bytes=10", "10 bytes in 1 piece"},
        {"/?bytes=300000", "300000 bytes in 1 piece"},
        {"/?bytes=300000&chunked=1", "300000 bytes in 1 piece"},
        {"/?bytes=0", "0 bytes in 1 piece"},
    };

    (void)state;
    put("\"filters\": {\"mode\": \"buffer\"}");
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char length[24];

        request("GET", cases[i].target);
        (void)snprintf(length, sizeof(length), "%zu", strlen(cases[i].body));
        assert_string_equal(got.body, cases[i].body);
        assert_string_equal(response_header(&got, "Content-Length"), length);
    }
    connection_is_in_step();
}

static void body_over_the_limit_passes_unchanged(void **state)
{
    (void)state;
    put("\"filters\": {\"mode\": \"buffer\", \"max\": \"64k\"}");
    request("GET", "/?bytes=200000");
    assert_int_equal(got.status, 200);
    assert_int_equal(got.length, 200000);
    assert_int_equal(strspn(got.body, "abcdefghijklmnopqrstuvwxyz"), 200000);
    for (size_t i = 0; i < 200000; i++) {
        if (got.body[i] != (char)('a' + i % 26)) {
            fail_msg("byte %zu is wrong", i);
        }
    }
    gateway_wait_log(running, "logs/error.log", "is larger than its limit of 65536 bytes");
    connection_is_in_step();
}

static void change_that_was_not_announced_is_too_late(void **state)
{
    (void)state;
    put("\"filters\": {\"mode\": \"late\"}");
    request("GET", "/?bytes=26");
    assert_string_equal(got.body, "abcdefghijklmnopqrstuvwxyz");
    gateway_wait_log(running, "logs/error.log", "a late change ended with 6"); /* TOO_LATE */
    connection_is_in_step();
}

/* --------------------------------------------------------------------------------- headers */

static void status_and_headers_can_be_changed(void **state)
{
    (void)state;
    put("\"filters\": {\"mode\": \"headers\"}");
    request("GET", "/?bytes=3");
    assert_int_equal(got.status, 418);
    assert_string_equal(response_header(&got, "Content-Type"), "text/tea");
    assert_null(response_header(&got, "X-Origin"));
    assert_non_null(strstr(got.head, "X-More: one\r\nX-More: two\r\n"));
    assert_string_equal(got.body, "abc");
    connection_is_in_step();
}

static void responses_without_body_stay_without(void **state)
{
    static const char *const modes[] = {"pass", "upper", "append", "buffer", "delayed", "drop"};
    static const struct {
        const char *method;
        const char *target;
        int status;
    } cases[] = {
        {"HEAD", "/?bytes=1000", 200},
        {"HEAD", "/?bytes=1000&chunked=1", 200},
        {"GET", "/?status=204", 204},
        {"GET", "/?status=304", 304},
    };

    (void)state;
    for (size_t mode = 0; mode < ARRAY_SIZE(modes); mode++) {
        char *plugins = text_format("\"filters\": {\"mode\": \"%s\"}", modes[mode]);

        put(plugins);
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
            request(cases[i].method, cases[i].target);
            if (got.status != cases[i].status || got.length != 0) {
                fail_msg("%s, %s %s: status %d, %zu bytes", modes[mode], cases[i].method,
                         cases[i].target, got.status, got.length);
            }
            assert_string_equal(response_header(&got, "X-Filtered"), "yes");
            connection_is_in_step();
        }
        free(plugins);
    }
}

static void compressed_body_arrives_as_the_upstream_made_it(void **state)
{
    z_stream stream = {0};
    char text[8192];
    json_t *echo;

    (void)state;
    put("\"filters\": {\"mode\": \"pass\"}");
    connection_request(&one, "GET", "/packed?gzip=1", "Accept-Encoding: gzip\r\n", NULL, &got);
    assert_int_equal(got.status, 200);
    assert_string_equal(response_header(&got, "Content-Encoding"), "gzip");
    assert_int_equal(inflateInit2(&stream, 15 + 16), Z_OK);
    stream.next_in = (Bytef *)got.body;
    stream.avail_in = (uInt)got.kept;
    stream.next_out = (Bytef *)text;
    stream.avail_out = sizeof(text) - 1;
    assert_int_equal(inflate(&stream, Z_FINISH), Z_STREAM_END);
    text[stream.total_out] = '\0';
    (void)inflateEnd(&stream);
    echo = json_loads(text, 0, NULL);
    assert_non_null(echo);
    assert_string_equal(json_string_value(json_object_get(echo, "target")), "/packed?gzip=1");
    json_decref(echo);
}

/* ----------------------------------------------------------------------------------- large */

static long worker_kib(const char *member)
{
    pid_t pids[GATEWAY_WORKERS_MAX];
    char path[64];
    char *text;
    const char *line;
    long kib;

    assert_int_equal(gateway_workers(running, pids), 1);
    (void)snprintf(path, sizeof(path), "/proc/%d/status", (int)pids[0]);
    text = file_read(path);
    line = strstr(text, member);
    assert_non_null(line);
    kib = strtol(line + strlen(member), NULL, 10);
    free(text);
    return kib;
}

/* Of the upstream's letters, in capitals or not. */
static unsigned long crc_of(size_t bytes, char first)
{
    unsigned long crc = 0;
    Bytef text[26];

    for (size_t i = 0; i < sizeof(text); i++) {
        text[i] = (Bytef)(first + (char)i);
    }
    for (size_t at = 0; at < bytes; at += sizeof(text)) {
        size_t left = bytes - at;

        crc = crc32(crc, text, (uInt)(left < sizeof(text) ? left : sizeof(text)));
    }
    return crc;
}

/* The peak is what counts: VmHWM, which begins anew for each mode. */
static void large_body_streams_through_in_little_memory(void **state)
{
    static const char *const modes[] = {"pass", "upper", "append", "double"};
    size_t bytes = scale_is_full() ? LARGE_BYTES_FULL : LARGE_BYTES_CI;

    (void)state;
    for (size_t mode = 0; mode < ARRAY_SIZE(modes); mode++) {
        char *plugins = text_format("\"filters\": {\"mode\": \"%s\"}", modes[mode]);
        char *target = text_format("/?bytes=%zu", bytes);
        long before;
        long after;

        put(plugins);
        request("GET", "/?bytes=1000");
        before = worker_kib("VmRSS:");
        one.body_kept_max = 1000;
        request("GET", target);
        one.body_kept_max = 1u << 20;
        assert_int_equal(got.status, 200);
        assert_int_equal(got.length, mode == 2   ? bytes + strlen(" and more")
                                     : mode == 3 ? 2 * bytes
                                                 : bytes);
        if (mode < 2) {
            assert_int_equal(got.crc, crc_of(bytes, mode == 0 ? 'a' : 'A'));
        }
        after = worker_kib("VmHWM:");
        print_message("%zu MiB through \"%s\": the worker had %ld KiB, and %ld at most\n",
                      bytes >> 20, modes[mode], before, after);
        assert_true(sanitizer_is_on() || after - before < GROWTH_MAX_KIB);
        free(target);
        free(plugins);
    }
}

/* The upstream is faster than the client: what is between them may not pile up in memory. */
static void slow_client_does_not_fill_the_memory(void **state)
{
    static const char *const modes[] = {"pass", "upper", "double"};
    size_t bytes = scale_is_full() ? LARGE_BYTES_FULL : LARGE_BYTES_CI;

    (void)state;
    for (size_t mode = 0; mode < ARRAY_SIZE(modes); mode++) {
        char *plugins = text_format("\"filters\": {\"mode\": \"%s\"}", modes[mode]);
        char *text = text_format("GET /?bytes=%zu HTTP/1.1\r\nHost: a\r\n\r\n", bytes);
        long before;
        long after;

        put(plugins);
        request("GET", "/?bytes=1000");
        before = worker_kib("VmRSS:");
        assert_true(connection_send(&one, text, strlen(text)));
        for (unsigned i = 0; i < SLOW_STEPS; i++) { /* time in which the client reads nothing */
            (void)poll(NULL, 0, 100);
        }
        one.body_kept_max = 1000;
        assert_true(connection_receive(&one, false, &got));
        one.body_kept_max = 1u << 20;
        assert_int_equal(got.length, mode == 2 ? 2 * bytes : bytes);
        if (mode < 2) {
            assert_int_equal(got.crc, crc_of(bytes, mode == 0 ? 'a' : 'A'));
        }
        after = worker_kib("VmHWM:");
        print_message("%zu MiB through \"%s\" to a slow client: the worker had %ld KiB, and %ld at "
                      "most\n",
                      bytes >> 20, modes[mode], before, after);
        assert_true(sanitizer_is_on() || after - before < GROWTH_MAX_KIB);
        free(text);
        free(plugins);
    }
}

/* -------------------------------------------------------------------------------- and exit */

static void filters_run_when_a_plugin_answers(void **state)
{
    static const char *const phases[] = {"rewrite", "access", "before_proxy"};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(phases); i++) {
        size_t before = origin_requests(upstream);
        char *plugins = text_format("\"gate\": {\"phase\": \"%s\"}, \"filters\": {\"mode\":"
                                    " \"append\"}",
                                    phases[i]);

        put(plugins);
        request("GET", "/");
        assert_int_equal(got.status, 403);
        assert_string_equal(response_header(&got, "X-Filtered"), "yes");
        assert_non_null(strstr(got.body, "403 Forbidden"));
        assert_non_null(strstr(got.body, " and more"));
        assert_int_equal(origin_requests(upstream), before);
        connection_is_in_step();
        free(plugins);
    }
    gateway_wait_log(running, "logs/error.log", "one end, status 403");
}

static void filters_run_when_the_upstream_cannot_be_reached(void **state)
{
    (void)state;
    gateway_put(running, "routes/all",
                "{\"uri\": \"/*\", \"plugins\": {\"filters\": {\"mode\": \"append\"}},"
                " \"upstream\": {\"nodes\": {\"127.0.0.1:%u\": 1}}}",
                free_port());
    request("GET", "/");
    assert_int_equal(got.status, 502);
    assert_string_equal(response_header(&got, "X-Filtered"), "yes");
    assert_non_null(strstr(got.body, "502 Bad Gateway"));
    assert_non_null(strstr(got.body, " and more"));
}

/* ----------------------------------------------------------------------------------- retry */

static void retry_runs_before_proxy_again_and_sends_its_headers(void **state)
{
    unsigned dead = free_port();
    unsigned first = 0;
    unsigned second = 0;

    (void)state;
    gateway_put(running, "routes/all",
                "{\"uri\": \"/*\", \"plugins\": {\"tries\": {}, \"filters\": {}},"
                " \"upstream\": {\"nodes\": {\"127.0.0.1:%u\": 1, \"127.0.0.1:%u\": 1},"
                " \"retries\": 1}}",
                dead, origin_port(upstream));
    for (unsigned i = 0; i < 10; i++) {
        json_t *echo;
        const char *tried;

        connection_request(&one, "PUT", "/", "X-Try: from the client\r\n", "a body", &got);
        assert_int_equal(got.status, 200);
        echo = json_loads(got.body, 0, NULL);
        tried = json_string_value(json_object_get(json_object_get(echo, "headers"), "x-try"));
        assert_non_null(tried);
        first += strcmp(tried, "1") == 0;
        second += strcmp(tried, "2") == 0;
        assert_string_equal(json_string_value(json_object_get(echo, "body")), "a body");
        json_decref(echo);
    }
    assert_int_equal(first, 5);
    assert_int_equal(second, 5);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, open_one, close_one)
    const struct CMUnitTest tests[] = {
        CASE(filter_that_only_looks_changes_nothing),
        CASE(change_is_sent_without_the_old_length),
        CASE(whole_body_is_handed_over_and_its_length_known),
        CASE(body_over_the_limit_passes_unchanged),
        CASE(change_that_was_not_announced_is_too_late),
        CASE(status_and_headers_can_be_changed),
        CASE(responses_without_body_stay_without),
        CASE(compressed_body_arrives_as_the_upstream_made_it),
        CASE(large_body_streams_through_in_little_memory),
        CASE(slow_client_does_not_fill_the_memory),
        CASE(filters_run_when_a_plugin_answers),
        CASE(filters_run_when_the_upstream_cannot_be_reached),
        CASE(retry_runs_before_proxy_again_and_sends_its_headers),
    };

    return report(cmocka_run_group_tests(tests, set_up, tear_down));
}
