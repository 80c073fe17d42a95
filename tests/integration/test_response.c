/* tests/integration/test_response.c - plugins decide on what upstreams answer, before it is sent.
 */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <zlib.h>

#include <curl/curl.h>

#include <hotgate/error.h>

#include "tests/integration/author.h"
#include "tests/integration/certificates.h"
#include "tests/integration/command.h"
#include "tests/integration/gateway.h"
#include "tests/integration/holding.h"
#include "tests/integration/load.h"
#include "tests/integration/origin.h"
#include "tests/unit/unit.h"

#define LARGE_BYTES     (5u << 20) /* more than sockets and nginx's buffers hold */
#define WAITS           1000u
#define WAITS_AT_A_TIME 50u
#define WAIT_MAX_MS     60u
#define PARKED_MAX      5u
#define PARKED_TRIED    8u
/* Waits of plugins go beyond all times of nginx's. */
#define NGINX_TIMEOUT "1s"
#define BEYOND_MS     1700
#define BEYOND        "\"sleep\": \"1700ms\""

static gateway *running;
static origin *upstream;
static char *folder;
static unsigned grpc_port;
static response got;

static int set_up(void **state)
{
    json_t *certificate;
    char *nginx;
    char *text;

    (void)state;
    upstream = origin_start();
    folder = authority_make();
    certificate_make(folder, "a", "ec", "DNS:localhost");
    grpc_port = free_port();
    nginx = text_format("http_configuration_snippet: |\n"
                        "    proxy_cache_path run/tmp/kept keys_zone=kept:1m;\n"
                        "    server {\n" /* a gRPC upstream, as far as HTTP goes */
                        "      listen 127.0.0.1:%u http2;\n"
                        "      location / {\n"
                        "        add_trailer X-End last;\n"
                        "        proxy_pass http://127.0.0.1:%u;\n"
                        "        proxy_http_version 1.1;\n"
                        "      }\n"
                        "    }\n"
                        "  http_server_configuration_snippet: |\n"
                        "    proxy_cache_valid 200 1m;\n"
                        "    set $kept off;\n"
                        "    if ($arg_kept) { set $kept kept; }\n"
                        "    proxy_cache $kept;\n"
                        "    proxy_cache_key $arg_kept;\n"
                        "    proxy_ignore_headers Cache-Control;\n",
                        grpc_port, origin_port(upstream));
    running = gateway_make(&(gateway_options){
        .workers = 1,
        .hotgate = "parked_requests: 200",
        .nginx = nginx,
        .http = "send_timeout: " NGINX_TIMEOUT,
        .environment = "MALLOC_PERTURB_=200", /* what was freed shows */
    });
    free(nginx);
    author_install(running, "responding", "responding", "");
    author_install(running, "filters", "filters", "");
    author_install(running, "target", "target", "");
    gateway_start(running);
    certificate = certificate_json(folder, "a");
    (void)json_object_set_new(certificate, "snis", json_pack("[s]", "localhost"));
    text = json_dumps(certificate, 0);
    gateway_put(running, "ssls/a", "%s", text);
    json_decref(certificate);
    free(text);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    response_done(&got);
    gateway_free(running);
    folder_remove(folder);
    origin_stop(upstream);
    return 0;
}

/* A route /NAME with these plugins. */
static void put_plugins(const char *name, const char *plugins)
{
    char *key = text_format("routes/%s", name);

    gateway_put(running, key,
                "{\"uri\": \"/%s\", \"plugins\": {%s}, \"timeout\": {\"connect\": 1, \"send\": 1,"
                " \"read\": 1}, \"upstream\": {\"nodes\": {\"127.0.0.1:%u\": 1}}}",
                name, plugins, origin_port(upstream));
    free(key);
}

static void put(const char *name, const char *config)
{
    char *plugins = text_format("\"responding\": {%s}", config);

    put_plugins(name, plugins);
    free(plugins);
}

static void log_clear(void)
{
    char *log = gateway_path(running, "logs/error.log");

    shell(": > '%s'", log); /* nginx appends */
    free(log);
}

static bool is_logged(const char *text)
{
    char *log = gateway_log(running, "logs/error.log");
    bool found = strstr(log, text) != NULL;

    free(log);
    return found;
}

static void expect_header(const char *label, const char *name, const char *wanted)
{
    const char *found = response_header(&got, name);

    if (wanted == NULL ? found != NULL : found == NULL || strcmp(found, wanted) != 0) {
        fail_msg("%s: %s: found \"%s\", wanted \"%s\"\n%s", label, name,
                 found == NULL ? "(none)" : found, wanted == NULL ? "(none)" : wanted, got.head);
    }
}

/* What the origin sends for bytes=N. */
static unsigned long crc_of(size_t length)
{
    char text[26];
    unsigned long crc = crc32(0, NULL, 0);

    for (size_t i = 0; i < sizeof(text); i++) {
        text[i] = (char)('a' + i);
    }
    for (size_t at = 0; at < length; at += sizeof(text)) {
        size_t rest = length - at;

        crc = crc32(crc, (const Bytef *)text, (uInt)(rest < sizeof(text) ? rest : sizeof(text)));
    }
    return crc;
}

static void nothing_is_left(void)
{
    WAIT_UNTIL(gateway_sum(running, "requests_live") == 0);
    assert_int_equal(gateway_sum(running, "requests_parked"), 0);
    assert_false(is_logged("[alert]")); /* nginx finds its buffers in order */
    assert_false(is_logged("[crit]"));
}

/* Of the echo. */
static json_int_t echoed(const char *member)
{
    json_t *echo = json_loads(got.body, 0, NULL);
    json_int_t number = json_integer_value(json_object_get(echo, member));

    if (echo == NULL) {
        fail_msg("no echo: %d %.200s", got.status, got.body);
    }
    json_decref(echo);
    return number;
}

/* ---------------------------------------------------------------------------- what can be done */

static void status_and_headers_change(void **state)
{
    (void)state;
    put("change", "\"status\": 418, \"header\": \"new\", \"remove\": \"X-Origin\"");
    http_get(running->port, "/change?bytes=1000", "", &got);
    assert_int_equal(got.status, 418);
    expect_header("change", "X-Responding", "new");
    expect_header("change", "X-Origin", NULL);
    expect_header("change", "Content-Length", "1000");
    assert_int_equal(got.crc, crc_of(1000));
}

static void explain_has_the_phase_in_its_place(void **state)
{
    (void)state;
    shell("'%s' explain -p '%s' GET http://localhost/change >'%s/explained'", running->program,
          running->directory, folder);
    shell("grep -q '^response *responding (routes/change)$' '%s/explained'", folder);
    shell("grep -q ' response, header_filter, log' '%s/explained'", folder);
}

static void responses_of_all_kinds_pass_while_a_plugin_waits(void **state)
{
    static const struct {
        const char *label;
        const char *method;
        const char *arguments;
        int status;
        size_t length;
        const char *content_length; /* NULL: none */
    } rows[] = {
        {"small", "GET", "bytes=10", 200, 10, "10"},
        {"empty", "GET", "bytes=0", 200, 0, "0"},
        {"large", "GET", "bytes=5242880", 200, LARGE_BYTES, "5242880"},
        {"large, chunked", "GET", "bytes=5242880&chunked=1", 200, LARGE_BYTES, NULL},
        {"large, unbuffered", "GET", "bytes=5242880&unbuffered=1", 200, LARGE_BYTES, "5242880"},
        {"unbuffered, chunked", "GET", "bytes=70000&unbuffered=1&chunked=1", 200, 70000, NULL},
        {"late", "GET", "bytes=10&body_delay=100", 200, 10, "10"},
        {"late, unbuffered", "GET", "bytes=10&body_delay=100&unbuffered=1", 200, 10, "10"},
        {"HEAD", "HEAD", "bytes=10", 200, 0, "10"},
        {"HEAD, unbuffered", "HEAD", "bytes=10&unbuffered=1", 200, 0, "10"},
        {"204", "GET", "status=204", 204, 0, NULL},
        {"304", "GET", "status=304", 304, 0, NULL},
        {"a part", "GET", "status=206&part=1&bytes=10", 206, 10, "10"},
        {"an error", "GET", "status=503&bytes=10", 503, 10, "10"},
        {"to be cached", "GET", "kept=1&bytes=200000", 200, 200000, "200000"},
        {"cached", "GET", "kept=1&bytes=200000", 200, 200000, "200000"},
        {"cached, HEAD", "HEAD", "kept=1&bytes=200000", 200, 0, "200000"},
    };
    static const char *const configs[] = {
        "\"header\": \"seen\"",
        "\"header\": \"seen\", \"sleep\": \"20ms\"",
        "\"header\": \"seen\", \"body_max\": 6000000",
        "\"header\": \"seen\", \"sleep\": \"150ms\", \"body_max\": 6000000",
        "\"header\": \"seen\", \"body_max\": 5", /* too large: it passes all the same */
    };

    (void)state;
    for (size_t k = 0; k < ARRAY_SIZE(configs); k++) {
        connection one = {.fd = -1};

        put("kinds", configs[k]);
        assert_true(connection_open(&one, running->port)); /* it stays usable */
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
            char *target = text_format("/kinds?%s", rows[i].arguments);
            char *label = text_format("%s, %s", rows[i].label, configs[k]);

            connection_request(&one, rows[i].method, target, "", NULL, &got);
            if (got.status != rows[i].status || got.length != rows[i].length ||
                got.crc != crc_of(rows[i].length)) {
                fail_msg("%s: status %d, %zu bytes, body \"%.60s\"", label, got.status, got.length,
                         got.body);
            }
            expect_header(label, "Content-Length", rows[i].content_length);
            expect_header(label, "X-Responding", "seen");
            free(label);
            free(target);
        }
        connection_close(&one);
    }
    nothing_is_left();
}

static void the_body_is_read_whole(void **state)
{
    static const struct {
        const char *method;
        const char *arguments;
        const char *line;
    } rows[] = {
        {"GET", "bytes=26", "body -> 0, 26 bytes: abcdefghijklmnopqrstuvwxyz"},
        {"GET", "bytes=0", "body -> 0, 0 bytes"},
        {"GET", "bytes=5242880", "body -> 0, 5242880 bytes: abcdefghij"},
        {"GET", "bytes=5242880&chunked=1", "body -> 0, 5242880 bytes: abcdefghij"},
        {"GET", "bytes=5242880&unbuffered=1", "body -> 0, 5242880 bytes: abcdefghij"},
        {"GET", "bytes=200000&slow=50", "body -> 0, 200000 bytes: abcdefghij"},
        {"GET", "bytes=6000001", "body -> 7, 0 bytes"},
        {"HEAD", "bytes=26", "body -> 0, 0 bytes"},
        {"GET", "status=204", "body -> 0, 0 bytes"},
        {"GET", "kept=2&bytes=200000", "body -> 0, 200000 bytes: abcdefghij"},
        {"GET", "kept=2&bytes=200000", "body -> 0, 200000 bytes: abcdefghij"},
        {"HEAD", "kept=2&bytes=200000", "body -> 0, 0 bytes"},
    };

    (void)state;
    put("whole", "\"body_max\": 6000000");
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        char *target = text_format("/whole?%s", rows[i].arguments);
        connection one = {.fd = -1};

        log_clear();
        assert_true(connection_open(&one, running->port));
        connection_request(&one, rows[i].method, target, "", NULL, &got);
        connection_close(&one);
        if (!is_logged(rows[i].line)) {
            fail_msg("%s: wanted \"%s\"", target, rows[i].line);
        }
        free(target);
    }
    nothing_is_left();
}

/* As it comes: decoding is for who wants it. */
static void a_compressed_body_comes_compressed(void **state)
{
    (void)state;
    put("packed", "\"body_max\": 100000");
    log_clear();
    http_get(running->port, "/packed?gzip=1", "", &got);
    expect_header("packed", "Content-Encoding", "gzip");
    assert_true(is_logged("bytes: \\x1f"));
}

static void a_body_is_replaced(void **state)
{
    static const struct {
        const char *label;
        const char *method;
        const char *arguments;
        int status;
        size_t length;
        const char *content_length;
    } rows[] = {
        {"shorter", "GET", "bytes=100&etag=1", 200, 7, "7"},
        {"longer", "GET", "bytes=1&etag=1", 200, 7, "7"},
        {"of a large one", "GET", "bytes=5242880", 200, 7, "7"},
        {"unbuffered", "GET", "bytes=5242880&unbuffered=1", 200, 7, "7"},
        {"chunked", "GET", "bytes=100&chunked=1", 200, 7, "7"},
        {"late", "GET", "bytes=100&body_delay=100", 200, 7, "7"},
        {"a part", "GET", "status=206&part=1&bytes=10", 200, 7, "7"},
        {"cached", "GET", "kept=3&bytes=200000", 200, 7, "7"},
        {"cached already", "GET", "kept=3&bytes=200000", 200, 7, "7"},
        {"HEAD", "HEAD", "bytes=10", 200, 0, "7"},
        {"204", "GET", "status=204", 204, 0, NULL},
        {"304", "GET", "status=304", 304, 0, NULL},
    };
    static const char *const configs[] = {
        "\"body\": \"another\"",
        "\"body\": \"another\", \"sleep\": \"20ms\"",
        "\"body\": \"another\", \"body_max\": 6000000",
    };

    (void)state;
    for (size_t k = 0; k < ARRAY_SIZE(configs); k++) {
        connection one = {.fd = -1};

        put("another", configs[k]);
        assert_true(connection_open(&one, running->port));
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
            char *target = text_format("/another?%s", rows[i].arguments);
            char *label = text_format("%s, %s", rows[i].label, configs[k]);

            connection_request(&one, rows[i].method, target, "", NULL, &got);
            if (got.status != rows[i].status || got.length != rows[i].length ||
                (got.length > 0 && strcmp(got.body, "another") != 0)) {
                fail_msg("%s: status %d, %zu bytes, body \"%.60s\"", label, got.status, got.length,
                         got.body);
            }
            expect_header(label, "Content-Length", rows[i].content_length);
            expect_header(label, "Content-Range", NULL);
            free(label);
            free(target);
        }
        connection_close(&one);
    }
    nothing_is_left();
}

static void a_range_of_a_cached_body_that_is_replaced_is_the_whole(void **state)
{
    size_t requests;

    (void)state;
    put("range", "\"header\": \"seen\"");
    http_get(running->port, "/range?kept=4&bytes=1000&etag=1", "", &got);
    requests = origin_requests(upstream);
    http_get(running->port, "/range?kept=4&bytes=1000&etag=1", "Range: bytes=27-29\r\n", &got);
    assert_int_equal(got.status, 206);
    assert_string_equal(got.body, "bcd");
    http_get(running->port, "/range?kept=4&bytes=1000&etag=1", "Range: bytes=2000-\r\n", &got);
    assert_int_equal(got.status, 416);
    put("range", "\"body\": \"another\"");
    http_get(running->port, "/range?kept=4&bytes=1000&etag=1", "Range: bytes=26-51\r\n", &got);
    assert_int_equal(got.status, 200);
    assert_string_equal(got.body, "another");
    assert_int_equal(origin_requests(upstream), requests); /* all from the cache */
    nothing_is_left();
}

/* What is cut out of a body is cut before it is held, or not at all. */
static void a_range_of_a_cached_body_that_is_held_is_the_whole(void **state)
{
    static const char *const arguments[] = {"kept=7&bytes=200000&etag=1",
                                            "kept=7&bytes=200000&etag=1",
                                            "kept=8&bytes=300000&etag=1&unbuffered=1"};

    (void)state;
    put("held-range", "\"header\": \"seen\", \"sleep\": \"5ms\"");
    for (size_t i = 0; i < ARRAY_SIZE(arguments); i++) { /* to be cached, cached */
        size_t length = i < 2 ? 200000 : 300000;
        char *target = text_format("/held-range?%s", arguments[i]);
        char *text = text_format("GET %s HTTP/1.1\r\nHost: a\r\nRange: bytes=3-9\r\n\r\n", target);
        connection one = {.fd = -1};

        assert_true(connection_open(&one, running->port));
        assert_true(connection_send(&one, text, strlen(text)));
        if (!connection_receive(&one, false, &got) || got.status != 200 || got.length != length ||
            got.crc != crc_of(length)) {
            fail_msg("%s: %s, status %d, %zu bytes", target, one.error, got.status, got.length);
        }
        connection_request(&one, "GET", "/held-range?bytes=26", "", NULL, &got);
        assert_int_equal(got.status, 200);
        assert_int_equal(got.crc, crc_of(26));
        connection_close(&one);
        free(text);
        free(target);
    }
    nothing_is_left();
}

/* The node's connection stays usable: the rest of what it sends is read and thrown away. */
static void connections_to_the_upstream_are_kept(void **state)
{
    static const char *const configs[] = {
        "\"body\": \"another\"", "\"body\": \"another\", \"sleep\": \"20ms\"", "\"exit\": 403",
        "\"header\": \"x\", \"sleep\": \"20ms\""};
    static const char *const targets[] = {
        "/used?bytes=300", "/used?bytes=300000", "/used?bytes=300&body_delay=50",
        "/used?bytes=300000&unbuffered=1", "/used?bytes=300&chunked=1"};
    json_int_t before;

    (void)state;
    put("kept", "\"header\": \"first\"");
    http_get(running->port, "/kept", "", &got);
    before = echoed("connection");
    for (size_t i = 0; i < ARRAY_SIZE(configs); i++) {
        put("used", configs[i]);
        for (size_t k = 0; k < ARRAY_SIZE(targets); k++) {
            http_get(running->port, targets[k], "", &got);
            nothing_is_left(); /* the client has its response before the upstream has ended */
            http_get(running->port, "/kept", "", &got);
            if (echoed("connection") != before) {
                fail_msg("%s, %s: another connection", targets[k], configs[i]);
            }
        }
    }
}

/* An upstream that never ends its body holds nobody who does not want it. */
static void an_endless_body_is_broken_off(void **state)
{
    connection one = {.fd = -1};
    int64_t begin_ms;

    (void)state;
    put("endless", "\"exit\": 403");
    assert_true(connection_open(&one, running->port));
    begin_ms = clock_ms();
    connection_request(&one, "GET", "/endless?bytes=50000000&slow=100", "", NULL, &got);
    assert_int_equal(got.status, 403);
    assert_true(clock_ms() - begin_ms < 2000);
    connection_request(&one, "GET", "/change?bytes=10", "", NULL, &got);
    assert_int_equal(got.status, 418);
    assert_true(clock_ms() - begin_ms < 20000); /* it would be more than a minute */
    connection_close(&one);
    nothing_is_left();
}

static void an_exit_takes_the_place_of_the_response(void **state)
{
    static const char *const configs[] = {"", ", \"sleep\": \"20ms\"", ", \"body_max\": 6000000"};
    static const char *const arguments[] = {
        "bytes=10&etag=1",        "bytes=5242880&etag=1", "bytes=10&gzip=1&chunked=1",
        "bytes=100&unbuffered=1", "status=204",           "status=304",
        "kept=5&bytes=200000",    "kept=5&bytes=200000"};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(configs) * ARRAY_SIZE(arguments); i++) {
        char *config = text_format("\"exit\": 418, \"exit_body\": \"short\", \"header\": \"set\"%s",
                                   configs[i % ARRAY_SIZE(configs)]);
        char *target = text_format("/exit?%s", arguments[i / ARRAY_SIZE(configs)]);

        put("exit", config);
        http_get(running->port, target, "", &got);
        if (got.status != 418 || strcmp(got.body, "short") != 0) {
            fail_msg("%s %s: %d %.60s", target, config, got.status, got.body);
        }
        expect_header(target, "Content-Type", "text/x-exit");
        expect_header(target, "Content-Length", "5");
        expect_header(target, "X-Responding", "set");
        expect_header(target, "X-Origin", NULL);
        expect_header(target, "ETag", NULL);
        expect_header(target, "Content-Encoding", NULL);
        assert_non_null(response_header(&got, "Server"));
        free(target);
        free(config);
    }
    assert_true(is_logged("responding exits with http status code 418"));
    nothing_is_left();
}

static void filters_see_what_has_become_of_it(void **state)
{
    (void)state;
    put_plugins("filtered", "\"responding\": {\"body\": \"another\", \"sleep\": \"10ms\"},"
                            " \"filters\": {\"mode\": \"buffer\"}");
    http_get(running->port, "/filtered?bytes=200000", "", &got);
    assert_int_equal(got.status, 200);
    assert_string_equal(got.body, "7 bytes in 1 piece");
    expect_header("filtered", "Content-Length", "18");
    put_plugins("filtered", "\"responding\": {\"body_max\": 300000},"
                            " \"filters\": {\"mode\": \"buffer\"}");
    http_get(running->port, "/filtered?bytes=200000", "", &got);
    assert_string_equal(got.body, "200000 bytes in 1 piece");
    expect_header("filtered", "Content-Length", "23");
    nothing_is_left();
}

/* -------------------------------------------------------------------- what there is none for */

static void only_an_upstreams_response_is_decided_on(void **state)
{
    unsigned dead = free_port();

    (void)state;
    gateway_put(running, "routes/dead",
                "{\"uri\": \"/dead\", \"plugins\": {\"responding\": {\"header\": \"seen\"}},"
                " \"upstream\": {\"nodes\": {\"127.0.0.1:%u\": 1}}}",
                dead);
    gateway_put(running, "routes/retried",
                "{\"uri\": \"/retried\", \"plugins\": {\"responding\": {\"header\": \"seen\","
                " \"sleep\": \"5ms\"}}, \"upstream\": {\"retries\": 1,"
                " \"nodes\": {\"127.0.0.1:%u\": 1000, \"127.0.0.1:%u\": 1}}}",
                dead, origin_port(upstream));
    put("slow", "\"header\": \"seen\"");
    http_get(running->port, "/dead", "", &got);
    assert_int_equal(got.status, 502);
    expect_header("dead", "X-Responding", NULL);
    http_get(running->port, "/slow?delay=2000", "", &got);
    assert_int_equal(got.status, 504);
    expect_header("slow", "X-Responding", NULL);
    http_get(running->port, "/slow?close=1", "", &got);
    assert_int_equal(got.status, 502);
    expect_header("closed", "X-Responding", NULL);
    http_get(running->port, "/retried?bytes=10", "", &got);
    assert_int_equal(got.status, 200);
    expect_header("retried", "X-Responding", "seen"); /* once */
    nothing_is_left();
}

/* nginx would take it for a response of HTTP/0.9, or for one without a meaning: nobody could decide
 * on that. */
static void what_is_no_response_is_a_failure_of_the_upstream(void **state)
{
    static const char *const arguments[] = {"plain=1", "status=150&bytes=10",
                                            "status=101&bytes=10"};

    (void)state;
    put("no-response", "\"header\": \"seen\"");
    for (size_t i = 0; i < ARRAY_SIZE(arguments); i++) {
        char *target = text_format("/no-response?%s", arguments[i]);

        http_get(running->port, target, "", &got);
        if (got.status != 502 || strcmp(got.body, "{\"error_msg\":\"502 Bad Gateway\"}\n") != 0) {
            fail_msg("%s: %d %.60s", target, got.status, got.body);
        }
        free(target);
    }
    nothing_is_left();
}

static void a_redirect_inside_is_decided_on_at_its_end(void **state)
{
    (void)state;
    put("inside", "\"header\": \"seen\", \"sleep\": \"10ms\"");
    log_clear();
    http_get(running->port, "/inside?redirect=1", "", &got);
    assert_int_equal(got.status, 200);
    expect_header("inside", "X-Responding", "seen");
    assert_non_null(strstr(got.body, "/redirected"));
    nothing_is_left();
}

static void another_protocol_is_left_alone(void **state)
{
    static const char text[] = "GET /ws HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n"
                               "Connection: upgrade\r\n\r\n";
    connection one = {.fd = -1};
    char bytes[1024];
    long length = 0;

    (void)state;
    gateway_put(running, "routes/ws",
                "{\"uri\": \"/ws\", \"enable_websocket\": true, \"plugins\": {\"responding\":"
                " {\"exit\": 403}}, \"upstream\": {\"nodes\": {\"127.0.0.1:%u\": 1}}}",
                origin_port(upstream));
    assert_true(connection_open(&one, running->port));
    assert_true(connection_send(&one, text, sizeof(text) - 1));
    length = connection_read(&one, bytes, sizeof(bytes) - 1);
    assert_true(length > 0);
    bytes[length] = '\0';
    assert_non_null(strstr(bytes, "101 Switching"));
    assert_true(connection_send(&one, "ping", 4));
    if (strstr(bytes, "\r\n\r\nping") == NULL) {
        assert_int_equal(connection_read(&one, bytes, sizeof(bytes)), 4);
    }
    connection_close(&one);
    nothing_is_left();
}

/* ------------------------------------------------------------------------------------- times */

static void no_time_of_nginx_runs_out_over_a_wait(void **state)
{
    static const char *const arguments[] = {
        "bytes=10",
        "bytes=5242880",
        "bytes=5242880&chunked=1",
        "bytes=5242880&unbuffered=1",
        "bytes=10&unbuffered=1",
        "bytes=0",
        "kept=6&bytes=200000",
        "bytes=150000&slow=100", /* pieces while it is held */
    };
    static const size_t lengths[] = {10, LARGE_BYTES, LARGE_BYTES, LARGE_BYTES,
                                     10, 0,           200000,      150000};
    static const char *const configs[] = {BEYOND, BEYOND ", \"body_max\": 6000000"};
    connection all[ARRAY_SIZE(arguments) * ARRAY_SIZE(configs)];

    (void)state;
    for (size_t k = 0; k < ARRAY_SIZE(configs); k++) {
        char *name = text_format("beyond%zu", k);

        put(name, configs[k]);
        free(name);
    }
    for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
        char *text = text_format("GET /beyond%zu?%s HTTP/1.1\r\nHost: a\r\n\r\n",
                                 i / ARRAY_SIZE(arguments), arguments[i % ARRAY_SIZE(arguments)]);

        all[i] = (connection){.fd = -1};
        assert_true(connection_open(&all[i], running->port));
        assert_true(connection_send(&all[i], text, strlen(text)));
        free(text);
    }
    for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
        size_t length = lengths[i % ARRAY_SIZE(arguments)];

        if (!connection_receive(&all[i], false, &got) || got.status != 200 ||
            got.length != length || got.crc != crc_of(length)) {
            fail_msg("%s: %s, status %d, %zu bytes", arguments[i % ARRAY_SIZE(arguments)],
                     all[i].error, got.status, got.length);
        }
        connection_close(&all[i]);
    }
    nothing_is_left();
}

static void others_are_served_meanwhile(void **state)
{
    static const char text[] = "GET /held?bytes=10 HTTP/1.1\r\nHost: a\r\n\r\n";
    connection one = {.fd = -1};
    int64_t begin_ms = clock_ms();
    unsigned others = 0;

    (void)state;
    put("held", "\"sleep\": \"400ms\"");
    assert_true(connection_open(&one, running->port));
    assert_true(connection_send(&one, text, sizeof(text) - 1));
    while (clock_ms() - begin_ms < 300) {
        http_get(running->port, "/change?bytes=10", "", &got);
        assert_int_equal(got.status, 418);
        others++;
    }
    assert_true(connection_receive(&one, false, &got));
    assert_true(clock_ms() - begin_ms >= 390);
    assert_true(others >= 3);
    connection_close(&one);
}

/* ------------------------------------------------------------------------------ the upstream */

static void requests_in_a_row_are_answered_in_a_row(void **state)
{
    static const char text[] = "GET /row?bytes=100000&wait=50 HTTP/1.1\r\nHost: a\r\n\r\n"
                               "GET /row?bytes=26 HTTP/1.1\r\nHost: a\r\n\r\n"
                               "GET /row?bytes=52 HTTP/1.1\r\nHost: a\r\n\r\n";
    static const char *const configs[] = {"\"sleep\": \"10ms\"", "\"body_max\": 6000000"};
    static const size_t lengths[] = {100000, 26, 52};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(configs); i++) {
        connection one = {.fd = -1};

        put("row", configs[i]);
        assert_true(connection_open(&one, running->port));
        assert_true(connection_send(&one, text, sizeof(text) - 1));
        for (size_t k = 0; k < ARRAY_SIZE(lengths); k++) {
            assert_true(connection_receive(&one, false, &got));
            assert_int_equal(got.length, lengths[k]);
            assert_int_equal(got.crc, crc_of(lengths[k]));
        }
        connection_close(&one);
    }
    nothing_is_left();
}

static void an_upstream_that_breaks_off_is_told(void **state)
{
    static const char *const arguments[] = {"bytes=300000&cut=1000",
                                            "bytes=300000&cut=1000&chunked=1",
                                            "bytes=300000&cut=1000&unbuffered=1"};
    connection one;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(arguments); i++) {
        char *target = text_format("/broken?%s", arguments[i]);
        char *text = text_format("GET %s HTTP/1.1\r\nHost: a\r\n\r\n", target);

        put("broken", "\"body_max\": 6000000, \"exit\": 502"); /* something better than a part */
        log_clear();
        http_get(running->port, target, "", &got);
        assert_int_equal(got.status, 502);
        assert_string_equal(got.body, "{\"error_msg\":\"502 Bad Gateway\"}\n");
        assert_true(is_logged("body -> 10, 0 bytes"));
        put("broken", "\"header\": \"x\", \"body_max\": 6000000"); /* the part as it is */
        for (unsigned again = 0; again < 2; again++) {
            one = (connection){.fd = -1};
            assert_true(connection_open(&one, running->port));
            assert_true(connection_send(&one, text, strlen(text)));
            assert_false(connection_receive(&one, false, &got));
            assert_int_equal(got.status, 200);
            assert_int_equal(got.length, 1000);
            connection_close(&one);
            put("broken", "\"header\": \"x\", \"sleep\": \"50ms\""); /* without a look at it */
        }
        free(text);
        free(target);
    }
    nothing_is_left();
}

static void the_body_of_the_request_is_still_there(void **state)
{
    char *large = calloc(1, LARGE_BYTES + 1);
    connection one = {.fd = -1};

    (void)state;
    assert_non_null(large);
    memset(large, 'q', LARGE_BYTES);
    put("sent", "\"sleep\": \"20ms\", \"request_body_max\": 6000000");
    assert_true(connection_open(&one, running->port));
    log_clear();
    connection_request(&one, "POST", "/sent", "", "question", &got);
    assert_int_equal(got.status, 200);
    assert_true(is_logged("request body -> 0, 8 bytes: question"));
    connection_request(&one, "POST", "/sent", "", large, &got); /* in a file */
    assert_int_equal(got.status, 200);
    assert_int_equal(echoed("body_length"), LARGE_BYTES);
    assert_true(is_logged("request body -> 0, 5242880 bytes: qqqqqqqq"));
    connection_close(&one);
    free(large);
    nothing_is_left();
}

/* ---------------------------------------------------------------------------------- clients */

static void slow_clients_get_all_of_it(void **state)
{
    static const char *const configs[] = {
        "\"sleep\": \"20ms\"", "\"body_max\": 6000000",
        "\"body\": \"0123456789abcdef\", \"times\": 327680",
        "\"body\": \"0123456789abcdef\", \"times\": 327680, \"body_max\": 6000000"};
    char piece[65536];

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(configs); i++) {
        static const char text[] =
            "GET /drip?bytes=5242880 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
        connection one = {.fd = -1};
        long length;
        size_t all = 0;

        put("drip", configs[i]);
        assert_true(connection_open(&one, running->port));
        assert_true(connection_send(&one, text, sizeof(text) - 1));
        while ((length = connection_read(&one, piece, sizeof(piece))) > 0) {
            all += (size_t)length;
            (void)poll(NULL, 0, 2);
        }
        assert_int_equal(length, 0);
        assert_true(all > LARGE_BYTES && all < LARGE_BYTES + 1000);
        connection_close(&one);
    }
    nothing_is_left();
}

static void a_client_that_goes_cancels_the_wait(void **state)
{
    static const struct {
        const char *config;
        const char *arguments;
        bool resets;
    } rows[] = {
        {"\"sleep\": \"30s\"", "bytes=10", false},
        {"\"sleep\": \"30s\"", "bytes=10", true},
        {"\"sleep\": \"30s\"", "bytes=5242880", false},
        {"\"sleep\": \"30s\"", "bytes=5242880&unbuffered=1", true},
        {"\"body_max\": 10000000", "bytes=10&body_delay=900", false},
        {"\"body_max\": 10000000", "bytes=10&body_delay=900&unbuffered=1", true},
        {"\"offload\": \"700ms\"", "bytes=10", false},
        {"\"offload\": \"700ms\"", "bytes=5242880", true},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        char *text = text_format("GET /gone?%s HTTP/1.1\r\nHost: a\r\n\r\n", rows[i].arguments);
        connection one = {.fd = -1};

        put("gone", rows[i].config);
        log_clear();
        assert_true(connection_open(&one, running->port));
        assert_true(connection_send(&one, text, strlen(text)));
        WAIT_UNTIL(gateway_sum(running, "requests_parked") == 1);
        if (rows[i].resets) {
            struct linger now = {.l_onoff = 1, .l_linger = 0};

            (void)setsockopt(one.fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
        }
        connection_close(&one);
        http_get(running->port, "/change?bytes=10", "", &got); /* the worker waits for nobody */
        assert_int_equal(got.status, 418);
        print_message("%s %s\n", rows[i].config, rows[i].arguments);
        gateway_wait_log(running, "logs/error.log", "canceled");
        gateway_wait_log(running, "logs/error.log", "ended with 499");
        nothing_is_left();
        free(text);
    }
}

/* -------------------------------------------------------------------------- HTTP/2 and gRPC */

static size_t take_nothing(char *data, size_t size, size_t count, void *context)
{
    unsigned long *crc = context;

    *crc = crc32(*crc, (const Bytef *)data, (uInt)(size * count));
    return size * count;
}

static size_t take_header(char *data, size_t size, size_t count, void *context)
{
    char *text = context;
    size_t length = strlen(text);

    if (length + size * count < RESPONSE_HEAD_MAX) {
        memcpy(text + length, data, size * count);
        text[length + size * count] = '\0';
    }
    return size * count;
}

/* A GET over HTTP/2; its status, and the CRC of the body. Headers and trailers are in got.head. */
static long get_http2(const char *target, unsigned long *out_crc, curl_off_t *out_length)
{
    char *url = text_format("https://localhost:%u%s", running->tls_port, target);
    char *authority = text_format("%s/ca.pem", folder);
    CURL *curl = curl_easy_init();
    long status = 0;
    long version = 0;
    CURLcode code;

    assert_non_null(curl);
    *out_crc = crc32(0, NULL, 0);
    (void)curl_easy_setopt(curl, CURLOPT_URL, url);
    (void)curl_easy_setopt(curl, CURLOPT_CAINFO, authority);
    (void)curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_2TLS);
    (void)curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
    (void)curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(curl, CURLOPT_TIMEOUT, 20L);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_nothing);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEDATA, out_crc);
    (void)curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, take_header);
    (void)curl_easy_setopt(curl, CURLOPT_HEADERDATA, got.head);
    got.head[0] = '\0';
    code = curl_easy_perform(curl);
    if (code != CURLE_OK) {
        fail_msg("HTTP/2: %s", curl_easy_strerror(code));
    }
    (void)curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    (void)curl_easy_getinfo(curl, CURLINFO_HTTP_VERSION, &version);
    (void)curl_easy_getinfo(curl, CURLINFO_SIZE_DOWNLOAD_T, out_length);
    assert_int_equal(version, CURL_HTTP_VERSION_2_0);
    curl_easy_cleanup(curl);
    free(authority);
    free(url);
    return status;
}

static void clients_of_http_2_get_the_same(void **state)
{
    static const char *const configs[] = {"\"sleep\": \"20ms\"", "\"body_max\": 6000000", BEYOND,
                                          "\"header\": \"x\""};
    static const size_t lengths[] = {10, LARGE_BYTES, 0};
    unsigned long crc;
    curl_off_t length;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(configs) * ARRAY_SIZE(lengths); i++) {
        size_t wanted = lengths[i / ARRAY_SIZE(configs)];
        char *target = text_format("/second?bytes=%zu", wanted);

        put("second", configs[i % ARRAY_SIZE(configs)]);
        assert_int_equal(get_http2(target, &crc, &length), 200);
        assert_int_equal(length, wanted);
        assert_int_equal(crc, crc_of(wanted));
        free(target);
    }
    put("second", "\"exit\": 403, \"exit_body\": \"short\"");
    assert_int_equal(get_http2("/second?bytes=5242880", &crc, &length), 403);
    assert_int_equal(length, 5);
    nothing_is_left();
}

static void a_client_of_http_2_that_goes_cancels_the_wait(void **state)
{
    static const char *const configs[] = {"\"sleep\": \"30s\"", "\"offload\": \"1500ms\"",
                                          "\"body_max\": 10000000"};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(configs); i++) {
        put("second", configs[i]);
        log_clear();
        shell("curl -sk --noproxy '*' --http2 -m 0.6 "
              "'https://localhost:%u/second?bytes=10&body_delay=900' "
              "--resolve localhost:%u:127.0.0.1 >/dev/null || test $? = 28",
              running->tls_port, running->tls_port);
        print_message("%s\n", configs[i]);
        gateway_wait_log(running, "logs/error.log", "canceled");
        gateway_wait_log(running, "logs/error.log", "ended with 499");
        nothing_is_left();
    }
}

static void put_grpc(const char *config)
{
    gateway_put(running, "routes/grpc",
                "{\"uri\": \"/grpc\", \"plugins\": {\"responding\": {%s}}, \"upstream\":"
                " {\"scheme\": \"grpc\", \"nodes\": {\"127.0.0.1:%u\": 1}}}",
                config, grpc_port);
}

static void responses_of_grpc_upstreams_keep_their_trailers(void **state)
{
    static const char *const configs[] = {"\"header\": \"seen\"",
                                          "\"header\": \"seen\", \"sleep\": \"20ms\"",
                                          "\"header\": \"seen\", \"body_max\": 6000000"};
    unsigned long crc;
    curl_off_t length;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(configs); i++) {
        put_grpc(configs[i]);
        assert_int_equal(get_http2("/grpc?bytes=200000&chunked=1", &crc, &length), 200);
        assert_int_equal(crc, crc_of(200000));
        if (strstr(got.head, "x-responding: seen") == NULL ||
            strstr(got.head, "\r\nx-end: last") == NULL) {
            fail_msg("%s: %s", configs[i], got.head);
        }
    }
    put_grpc("\"exit\": 403");
    assert_int_equal(get_http2("/grpc?bytes=200000&chunked=1", &crc, &length), 403);
    assert_null(strstr(got.head, "x-end")); /* of the response that it was */
    nothing_is_left();
}

/* ------------------------------------------------------------------- many, reload, and the end */

static void more_than_may_wait_get_503(void **state)
{
    static const char text[] = "GET /parked?bytes=10 HTTP/1.1\r\nHost: a\r\n\r\n";
    gateway *small =
        gateway_make(&(gateway_options){.workers = 1, .hotgate = "parked_requests: 5"});
    connection all[PARKED_TRIED];
    unsigned good = 0;
    unsigned refused = 0;

    (void)state;
    author_install(small, "responding", "responding", "");
    gateway_start(small);
    gateway_put(small, "routes/parked",
                "{\"uri\": \"/parked\", \"plugins\": {\"responding\": {\"sleep\": \"500ms\"}},"
                " \"upstream\": {\"nodes\": {\"127.0.0.1:%u\": 1}}}",
                origin_port(upstream));
    memset(all, 0, sizeof(all));
    for (size_t i = 0; i < PARKED_TRIED; i++) {
        assert_true(connection_open(&all[i], small->port));
        assert_true(connection_send(&all[i], text, sizeof(text) - 1));
    }
    for (size_t i = 0; i < PARKED_TRIED; i++) {
        assert_true(connection_receive(&all[i], false, &got));
        good += got.status == 200;
        refused += got.status == 503;
        connection_close(&all[i]);
    }
    assert_int_equal(good, PARKED_MAX);
    assert_int_equal(refused, PARKED_TRIED - PARKED_MAX);
    gateway_free(small);
}

static pid_t worker(void)
{
    pid_t pids[GATEWAY_WORKERS_MAX] = {0};

    WAIT_UNTIL(gateway_workers(running, pids) == 1);
    return pids[0];
}

/* Each wave on connections of its own, some of which go away while they wait. */
static void wave_of_waits(unsigned first)
{
    connection all[WAITS_AT_A_TIME];

    for (unsigned i = 0; i < WAITS_AT_A_TIME; i++) {
        char *text = text_format("GET /many?wait=%u&bytes=%u%s HTTP/1.1\r\nHost: a\r\n\r\n",
                                 (first + i) * 7919 % WAIT_MAX_MS, (first + i) * 104729 % 300000,
                                 i % 3 == 0 ? "&unbuffered=1" : "");

        all[i] = (connection){.fd = -1};
        assert_true(connection_open(&all[i], running->port));
        assert_true(connection_send(&all[i], text, strlen(text)));
        free(text);
        if (i % 10 == 9) {
            connection_close(&all[i]);
        }
    }
    for (unsigned i = 0; i < WAITS_AT_A_TIME; i++) {
        size_t length = (first + i) * 104729 % 300000;

        if (all[i].fd >= 0 && (!connection_receive(&all[i], false, &got) || got.status != 200 ||
                               got.length != length || got.crc != crc_of(length))) {
            fail_msg("request %u: %s, status %d, %zu bytes instead of %zu", first + i, all[i].error,
                     got.status, got.length, length);
        }
        connection_close(&all[i]);
    }
}

static void a_thousand_waits_leave_nothing_behind(void **state)
{
    holding before;
    holding after;

    (void)state;
    put("many", "\"body_max\": 100000"); /* a third of them */
    wave_of_waits(0);
    nothing_is_left();
    before = hold(worker(), "responding");
    for (unsigned first = 0; first < WAITS; first += WAITS_AT_A_TIME) {
        wave_of_waits(first);
    }
    nothing_is_left();
    after = hold(worker(), "responding");
    print_message("descriptors %zu, then %zu; mappings %zu, then %zu; %.0f KiB, then %.0f\n",
                  before.descriptors, after.descriptors, before.mappings, after.mappings,
                  before.private_dirty_kib, after.private_dirty_kib);
    assert_true(after.files <= before.files);
    assert_true(after.descriptors <= before.descriptors + WAITS_AT_A_TIME); /* kept connections */
    assert_true(after.mappings <= before.mappings + 20); /* stacks of coroutines are kept too */
}

static void a_reload_while_it_waits_changes_nothing_for_it(void **state)
{
    static const char text[] = "GET /both?bytes=5242880 HTTP/1.1\r\nHost: a\r\n\r\n";
    connection one = {.fd = -1};

    (void)state;
    put_plugins("both", "\"responding\": {\"sleep\": \"700ms\"}, \"target\": {}");
    assert_true(connection_open(&one, running->port));
    assert_true(connection_send(&one, text, sizeof(text) - 1));
    WAIT_UNTIL(gateway_sum(running, "requests_parked") == 1);
    author_install(running, "target", "target", "-DTARGET_VERSION='\"2\"'");
    json_decref(gateway_reload(running));
    assert_true(connection_receive(&one, false, &got));
    assert_int_equal(got.crc, crc_of(LARGE_BYTES));
    assert_string_equal(response_header(&got, "X-Target"), "1");
    connection_request(&one, "GET", "/both", "", NULL, &got);
    assert_string_equal(response_header(&got, "X-Target"), "2");
    connection_close(&one);
}

static void orderly_stop_lets_held_responses_go(void **state)
{
    static const char text[] = "GET /last?bytes=5242880 HTTP/1.1\r\nHost: a\r\n\r\n";
    connection one = {.fd = -1};

    (void)state;
    put("last", "\"sleep\": \"2s\"");
    assert_true(connection_open(&one, running->port));
    assert_true(connection_send(&one, text, sizeof(text) - 1));
    WAIT_UNTIL(gateway_sum(running, "requests_parked") == 1);
    assert_int_equal(kill(running->pid, SIGQUIT), 0);
    assert_true(connection_receive(&one, false, &got));
    assert_int_equal(got.status, 200);
    assert_int_equal(got.crc, crc_of(LARGE_BYTES));
    connection_close(&one);
    assert_int_equal(gateway_stop(running, 0), 0); /* it is on its way */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(status_and_headers_change),
        cmocka_unit_test(explain_has_the_phase_in_its_place),
        cmocka_unit_test(responses_of_all_kinds_pass_while_a_plugin_waits),
        cmocka_unit_test(the_body_is_read_whole),
        cmocka_unit_test(a_compressed_body_comes_compressed),
        cmocka_unit_test(a_body_is_replaced),
        cmocka_unit_test(a_range_of_a_cached_body_that_is_replaced_is_the_whole),
        cmocka_unit_test(a_range_of_a_cached_body_that_is_held_is_the_whole),
        cmocka_unit_test(connections_to_the_upstream_are_kept),
        cmocka_unit_test(an_endless_body_is_broken_off),
        cmocka_unit_test(an_exit_takes_the_place_of_the_response),
        cmocka_unit_test(filters_see_what_has_become_of_it),
        cmocka_unit_test(only_an_upstreams_response_is_decided_on),
        cmocka_unit_test(what_is_no_response_is_a_failure_of_the_upstream),
        cmocka_unit_test(a_redirect_inside_is_decided_on_at_its_end),
        cmocka_unit_test(another_protocol_is_left_alone),
        cmocka_unit_test(no_time_of_nginx_runs_out_over_a_wait),
        cmocka_unit_test(others_are_served_meanwhile),
        cmocka_unit_test(requests_in_a_row_are_answered_in_a_row),
        cmocka_unit_test(an_upstream_that_breaks_off_is_told),
        cmocka_unit_test(the_body_of_the_request_is_still_there),
        cmocka_unit_test(slow_clients_get_all_of_it),
        cmocka_unit_test(a_client_that_goes_cancels_the_wait),
        cmocka_unit_test(clients_of_http_2_get_the_same),
        cmocka_unit_test(a_client_of_http_2_that_goes_cancels_the_wait),
        cmocka_unit_test(responses_of_grpc_upstreams_keep_their_trailers),
        cmocka_unit_test(more_than_may_wait_get_503),
        cmocka_unit_test(a_thousand_waits_leave_nothing_behind),
        cmocka_unit_test(a_reload_while_it_waits_changes_nothing_for_it),
        cmocka_unit_test(orderly_stop_lets_held_responses_go),
    };

    return report(cmocka_run_group_tests(tests, set_up, tear_down));
}
