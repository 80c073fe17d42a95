/* tests/integration/test_waiting.c - plugins that wait hold up one request, and nothing is left of
 * it when its client goes. */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <hotgate/error.h>

#include "tests/integration/author.h"
#include "tests/integration/command.h"
#include "tests/integration/gateway.h"
#include "tests/integration/origin.h"
#include "tests/unit/unit.h"

#define LARGE_BYTES  (5u << 20) /* more than nginx keeps in memory: a temporary file */
#define MANY         100u
#define PARKED_MAX   5u
#define PARKED_TRIED 8u

static gateway *running;
static origin *upstream;
static response got;

static int set_up(void **state)
{
    (void)state;
    upstream = origin_start();
    running = gateway_make(&(gateway_options){.workers = 1});
    author_install(running, "waits", "waits", "");
    author_install(running, "target", "target", "");
    gateway_start(running);
    gateway_put(running, "routes/free",
                "{\"uri\": \"/free\", \"upstream\": {\"nodes\": {\"127.0.0.1:%u\": 1}}}",
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

/* A route /NAME with the plugin so configured. */
static void put(const char *name, const char *config)
{
    char *key = text_format("routes/%s", name);

    gateway_put(running, key,
                "{\"uri\": \"/%s\", \"plugins\": {\"waits\": {%s}},"
                " \"upstream\": {\"nodes\": {\"127.0.0.1:%u\": 1}}}",
                name, config, origin_port(upstream));
    free(key);
}

/* What the plugin found: a number of its X-Waited. */
static json_int_t waited(const char *member)
{
    const char *text = response_header(&got, "X-Waited");
    json_t *found = json_loads(text == NULL ? "" : text, 0, NULL);
    json_int_t number;

    if (found == NULL) {
        fail_msg("the plugin has not waited: %d %s", got.status, got.body);
    }
    number = json_integer_value(json_object_get(found, member));
    json_decref(found);
    return number;
}

static json_int_t upstream_got(void)
{
    json_t *echo = json_loads(got.body, 0, NULL);
    json_int_t length = json_integer_value(json_object_get(echo, "body_length"));

    if (echo == NULL) {
        fail_msg("no echo: %d %.200s", got.status, got.body);
    }
    json_decref(echo);
    return length;
}

static void nothing_is_left(void)
{
    WAIT_UNTIL(gateway_sum(running, "requests_live") == 0);
    assert_int_equal(gateway_sum(running, "requests_parked"), 0);
}

/* ----------------------------------------------------------------------------------- sleep */

static void sleep_holds_up_its_request_only(void **state)
{
    static const char text[] = "GET /sleep HTTP/1.1\r\nHost: a\r\n\r\n";
    connection one = {.fd = -1};
    int64_t begin_ms = clock_ms();
    unsigned others = 0;

    (void)state;
    put("sleep", "\"time\": \"400ms\"");
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
    assert_int_equal(waited("status"), HG_OK);
    assert_true(others >= 10);
    connection_close(&one);
}

static void many_sleep_at_once(void **state)
{
    static const char text[] = "GET /nap HTTP/1.1\r\nHost: a\r\n\r\n";
    connection *all = calloc(MANY, sizeof(*all));
    int64_t begin_ms;

    (void)state;
    assert_non_null(all);
    put("nap", "\"time\": \"200ms\"");
    begin_ms = clock_ms();
    for (size_t i = 0; i < MANY; i++) {
        assert_true(connection_open(&all[i], running->port));
        assert_true(connection_send(&all[i], text, sizeof(text) - 1));
    }
    for (size_t i = 0; i < MANY; i++) {
        assert_true(connection_receive(&all[i], false, &got));
        assert_int_equal(got.status, 200);
        connection_close(&all[i]);
    }
    assert_true(clock_ms() - begin_ms < 200 * MANY / 4);
    free(all);
    nothing_is_left();
}

static void every_phase_before_the_upstream_may_wait(void **state)
{
    static const char *const phases[] = {"rewrite", "access", "before_proxy"};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(phases); i++) {
        char *config = text_format("\"phase\": \"%s\", \"time\": \"20ms\"", phases[i]);
        int64_t begin_ms;

        put("phase", config);
        begin_ms = clock_ms();
        http_get(running->port, "/phase", "", &got);
        assert_int_equal(got.status, 200);
        assert_true(clock_ms() - begin_ms >= 19);
        assert_int_equal(waited("status"), HG_OK);
        free(config);
    }
}

/* ------------------------------------------------------------------------------------ body */

static char *pattern(size_t length)
{
    char *text = malloc(length + 1);

    assert_non_null(text);
    for (size_t i = 0; i < length; i++) {
        text[i] = (char)('a' + i * 7 % 26);
    }
    text[length] = '\0';
    return text;
}

static uint32_t sum_of(const char *text, size_t length)
{
    uint32_t sum = 2166136261u; /* FNV-1a, as the plugin's */

    for (size_t i = 0; i < length; i++) {
        sum = (sum ^ (unsigned char)text[i]) * 16777619u;
    }
    return sum;
}

static void body_is_read_whole_and_sent_on(void **state)
{
    static const size_t lengths[] = {0, 1, 1000, 20000, LARGE_BYTES};

    (void)state;
    put("body", "\"for\": \"body\"");
    for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
        char *text = pattern(lengths[i]);
        connection one = {.fd = -1};

        assert_true(connection_open(&one, running->port));
        for (unsigned again = 0; again < 2; again++) { /* the connection stays usable */
            connection_request(&one, "POST", "/body", "", text, &got);
            assert_int_equal(got.status, 200);
            assert_int_equal(waited("status"), HG_OK);
            assert_int_equal(waited("length"), lengths[i]);
            assert_int_equal(waited("sum"), sum_of(text, lengths[i]));
            assert_int_equal(upstream_got(), lengths[i]);
        }
        connection_close(&one);
        free(text);
    }
    nothing_is_left();
}

static void chunked_body_is_read_whole_and_sent_on(void **state)
{
    static const char head[] =
        "POST /body HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    char *text = pattern(100000);
    connection one = {.fd = -1};

    (void)state;
    assert_true(connection_open(&one, running->port));
    assert_true(connection_send(&one, head, sizeof(head) - 1));
    for (size_t at = 0; at < 100000; at += 10000) {
        assert_true(connection_send(&one, "2710\r\n", 6));
        assert_true(connection_send(&one, text + at, 10000));
        assert_true(connection_send(&one, "\r\n", 2));
        (void)poll(NULL, 0, 2); /* in several pieces on the way */
    }
    assert_true(connection_send(&one, "0\r\n\r\n", 5));
    assert_true(connection_receive(&one, false, &got));
    assert_int_equal(got.status, 200);
    assert_int_equal(waited("length"), 100000);
    assert_int_equal(waited("sum"), sum_of(text, 100000));
    assert_int_equal(upstream_got(), 100000);
    connection_close(&one);
    free(text);
}

static void body_over_the_plugins_limit_is_refused_but_sent_on(void **state)
{
    char *text = pattern(5000);
    connection one = {.fd = -1};

    (void)state;
    put("limited", "\"for\": \"body\", \"max\": 1000");
    assert_true(connection_open(&one, running->port));
    connection_request(&one, "POST", "/limited", "", text, &got);
    assert_int_equal(got.status, 200);
    assert_int_equal(waited("status"), HG_ERR_TOO_LARGE);
    assert_int_equal(upstream_got(), 5000);
    connection_close(&one);
    free(text);
}

static void answer_after_the_body_leaves_the_connection_usable(void **state)
{
    char *text = pattern(LARGE_BYTES);
    connection one = {.fd = -1};

    (void)state;
    put("answered", "\"for\": \"body\", \"answers\": true");
    assert_true(connection_open(&one, running->port));
    for (unsigned i = 0; i < 3; i++) {
        connection_request(&one, "POST", "/answered", "", text, &got);
        assert_int_equal(got.status, 200);
        assert_int_equal(waited("length"), LARGE_BYTES);
    }
    connection_close(&one);
    free(text);
    nothing_is_left();
}

static void malformed_chunks_are_an_error(void **state)
{
    static const char text[] =
        "POST /answered HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n"
        "\r\nzz\r\nnonsense\r\n0\r\n\r\n";
    connection one = {.fd = -1};

    (void)state;
    assert_true(connection_open(&one, running->port));
    assert_true(connection_send(&one, text, sizeof(text) - 1));
    assert_true(connection_receive(&one, false, &got));
    assert_true(got.status == 400 || waited("status") == HG_ERR_IO);
    connection_close(&one);
    nothing_is_left();
}

/* ------------------------------------------------------------------------------ descriptor */

static void descriptor_is_waited_for(void **state)
{
    static const struct {
        const char *config;
        hg_status status;
        int64_t least_ms;
        int64_t most_ms;
    } cases[] = {
        {"\"for\": \"pipe\", \"time\": \"5s\"", HG_OK, 0, 2000},
        {"\"for\": \"timer\", \"time\": \"150ms\"", HG_OK, 145, 2000},
        {"\"for\": \"never\", \"time\": \"150ms\"", HG_ERR_TIMEOUT, 145, 2000},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        int64_t begin_ms;

        put("fd", cases[i].config);
        begin_ms = clock_ms();
        http_get(running->port, "/fd", "", &got);
        begin_ms = clock_ms() - begin_ms;
        if (waited("status") != (json_int_t)cases[i].status || begin_ms < cases[i].least_ms ||
            begin_ms > cases[i].most_ms) {
            fail_msg("%s: status %lld after %lld ms", cases[i].config, (long long)waited("status"),
                     (long long)begin_ms);
        }
    }
}

/* ------------------------------------------------------------------------------ the client */

static void client_that_goes_cancels_the_wait(void **state)
{
    static const struct {
        const char *label;
        const char *config;
        const char *text; /* of the request, after which the client goes */
        bool resets;
        const char *line; /* in the log */
    } cases[] = {
        {"sleep", "\"time\": \"30s\"", "GET /gone HTTP/1.1\r\nHost: a\r\n\r\n", false,
         "the wait for 0 ended with 13"},
        {"sleep, reset", "\"time\": \"30s\", \"phase\": \"rewrite\"",
         "GET /gone HTTP/1.1\r\nHost: a\r\n\r\n", true, "the wait for 0 ended with 13"},
        {"before_proxy", "\"time\": \"30s\", \"phase\": \"before_proxy\"",
         "GET /gone HTTP/1.1\r\nHost: a\r\n\r\n", false, "the wait for 0 ended with 13"},
        {"descriptor", "\"for\": \"never\", \"time\": \"30s\"",
         "GET /gone HTTP/1.1\r\nHost: a\r\n\r\n", false, "the wait for 3 ended with 13"},
        {"waits again", "\"for\": \"twice\", \"time\": \"30s\"",
         "GET /gone HTTP/1.1\r\nHost: a\r\n\r\n", false, "the wait for 5 ended with 13"},
        {"half a body", "\"for\": \"body\"",
         "POST /gone HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\nhalf", false,
         "the wait for 1 ended with 1"}, /* HG_ERR_IO or HG_CANCELED */
        {"half a body, reset", "\"for\": \"body\"",
         "POST /gone HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\nhalf", true,
         "the wait for 1 ended with 1"},
        {"half a chunk", "\"for\": \"body\", \"answers\": true",
         "POST /gone HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nff\r\nhalf", false,
         "the wait for 1 ended with 1"},
    };
    pid_t before[GATEWAY_WORKERS_MAX] = {0};
    pid_t after[GATEWAY_WORKERS_MAX] = {0};

    (void)state;
    (void)gateway_workers(running, before);
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char *log = gateway_path(running, "logs/error.log");
        connection one = {.fd = -1};

        put("gone", cases[i].config);
        shell(": > '%s'", log); /* nginx appends */
        assert_true(connection_open(&one, running->port));
        assert_true(connection_send(&one, cases[i].text, strlen(cases[i].text)));
        WAIT_UNTIL(gateway_sum(running, "requests_parked") == 1);
        if (cases[i].resets) {
            struct linger now = {.l_onoff = 1, .l_linger = 0};

            (void)setsockopt(one.fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
        }
        connection_close(&one);
        print_message("%s\n", cases[i].label);
        gateway_wait_log(running, "logs/error.log", cases[i].line);
        nothing_is_left();
        free(log);
        http_get(running->port, "/free", "", &got);
        assert_int_equal(got.status, 200);
        (void)gateway_workers(running, after);
        assert_memory_equal(before, after, sizeof(before)); /* no worker has died of it */
    }
}

static void more_than_may_wait_get_503(void **state)
{
    static const char text[] = "GET /parked HTTP/1.1\r\nHost: a\r\n\r\n";
    gateway *small =
        gateway_make(&(gateway_options){.workers = 1, .hotgate = "parked_requests: 5"});
    connection all[PARKED_TRIED];
    unsigned good = 0;
    unsigned refused = 0;

    (void)state;
    author_install(small, "waits", "waits", "");
    gateway_start(small);
    gateway_put(small, "routes/parked",
                "{\"uri\": \"/parked\", \"plugins\": {\"waits\": {\"time\": \"500ms\"}},"
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
    gateway_wait_log(small, "logs/error.log", "5 requests are parked already");
    http_get(small->port, "/parked", "", &got);
    assert_int_equal(got.status, 200);
    gateway_free(small);
}

/* ------------------------------------------------------------------------ reload, and stop */

static void request_that_waits_ends_on_the_version_it_began_with(void **state)
{
    static const char text[] = "GET /both HTTP/1.1\r\nHost: a\r\n\r\n";
    connection one = {.fd = -1};
    json_t *told;
    int64_t begin_ms;

    (void)state;
    gateway_put(running, "routes/both",
                "{\"uri\": \"/both\", \"plugins\": {\"waits\": {\"time\": \"1500ms\"},"
                " \"target\": {}}, \"upstream\": {\"nodes\": {\"127.0.0.1:%u\": 1}}}",
                origin_port(upstream));
    assert_true(connection_open(&one, running->port));
    assert_true(connection_send(&one, text, sizeof(text) - 1));
    WAIT_UNTIL(gateway_sum(running, "requests_parked") == 1);
    author_install(running, "target", "target", "-DTARGET_VERSION='\"2\"'");
    begin_ms = clock_ms();
    told = gateway_reload(running);
    json_decref(told);
    assert_true(clock_ms() - begin_ms < 1400); /* the answer does not wait for it */
    assert_true(connection_receive(&one, false, &got));
    assert_int_equal(got.status, 200);
    assert_string_equal(response_header(&got, "X-Target"), "1");
    connection_request(&one, "GET", "/both", "", NULL, &got);
    assert_string_equal(response_header(&got, "X-Target"), "2");
    connection_close(&one);
    told = gateway_status(running);
    begin_ms = (int64_t)json_array_size(json_object_get(told, "plugins"));
    json_decref(told);
    WAIT_UNTIL(gateway_sum(running, "objects_mapped") == begin_ms); /* and its object goes */
}

static void orderly_stop_lets_waiting_requests_end(void **state)
{
    static const char text[] = "GET /sleep HTTP/1.1\r\nHost: a\r\n\r\n";
    connection one = {.fd = -1};

    (void)state;
    assert_true(connection_open(&one, running->port));
    assert_true(connection_send(&one, text, sizeof(text) - 1));
    WAIT_UNTIL(gateway_sum(running, "requests_parked") == 1);
    assert_int_equal(kill(running->pid, SIGQUIT), 0);
    assert_true(connection_receive(&one, false, &got));
    assert_int_equal(got.status, 200);
    connection_close(&one);
    assert_int_equal(gateway_stop(running, 0), 0); /* it is on its way */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sleep_holds_up_its_request_only),
        cmocka_unit_test(many_sleep_at_once),
        cmocka_unit_test(every_phase_before_the_upstream_may_wait),
        cmocka_unit_test(body_is_read_whole_and_sent_on),
        cmocka_unit_test(chunked_body_is_read_whole_and_sent_on),
        cmocka_unit_test(body_over_the_plugins_limit_is_refused_but_sent_on),
        cmocka_unit_test(answer_after_the_body_leaves_the_connection_usable),
        cmocka_unit_test(malformed_chunks_are_an_error),
        cmocka_unit_test(descriptor_is_waited_for),
        cmocka_unit_test(client_that_goes_cancels_the_wait),
        cmocka_unit_test(more_than_may_wait_get_503),
        cmocka_unit_test(request_that_waits_ends_on_the_version_it_began_with),
        cmocka_unit_test(orderly_stop_lets_waiting_requests_end),
    };

    return report(cmocka_run_group_tests(tests, set_up, tear_down));
}
