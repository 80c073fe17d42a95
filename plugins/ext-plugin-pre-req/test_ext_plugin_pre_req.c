/* test_ext_plugin_pre_req.c - what a runner does to the request, and what its failures do. */
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <hotgate/test_cmocka.h>

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))
#define CONF              "\"conf\": [{\"name\": \"ext-plugin-A\", \"value\": \"{}\"}]"

/* Whole messages of the protocol: type, length (24 bits), a FlatBuffer. */
#define MESSAGE(bytes)                                                                             \
    {                                                                                              \
        bytes, sizeof(bytes) - 1                                                                   \
    }

typedef struct message {
    const char *bytes; /* NULL: the connection is closed instead */
    size_t length;
} message;

static const message prepared = /* token 1 */
    MESSAGE("\x01\x00\x00\x14\x0c\x00\x00\x00\x06\x00\x08\x00\x04\x00\x00\x00\x08\x00\x00\x00"
            "\x01\x00\x00\x00");
static const message failed = /* RPC_ERROR, service unavailable */
    MESSAGE("\x00\x00\x00\x14\x0c\x00\x00\x00\x06\x00\x05\x00\x04\x00\x00\x00\x08\x00\x00\x00"
            "\x01\x00\x00\x00");
static const message closed = {NULL, 0};
static const message nothing =
    MESSAGE("\x02\x00\x00\x0c\x08\x00\x00\x00\x04\x00\x04\x00\x04\x00\x00\x00");
static const message stop = /* 418, "teapot" */
    MESSAGE("\x02\x00\x00\x40\x10\x00\x00\x00\x0a\x00\x0c\x00\x00\x00\x04\x00\x08\x00\x00\x00"
            "\x0c\x00\x00\x00\x01\x00\x00\x00\x10\x00\x00\x00\x0a\x00\x0c\x00\x04\x00\x00\x00"
            "\x08\x00\x00\x00\x0c\x00\x00\x00\xa2\x01\x00\x00\x04\x00\x00\x00\x06\x00\x00\x00"
            "teapot\x00\x00");
static const message rewrite = /* the header x-runner: yes */
    MESSAGE("\x02\x00\x00\x60\x10\x00\x00\x00\x0a\x00\x0c\x00\x00\x00\x04\x00\x08\x00\x00\x00"
            "\x0c\x00\x00\x00\x02\x00\x00\x00\x0c\x00\x00\x00\x08\x00\x08\x00\x00\x00\x04\x00"
            "\x08\x00\x00\x00\x04\x00\x00\x00\x01\x00\x00\x00\x0c\x00\x00\x00\x08\x00\x0c\x00"
            "\x04\x00\x08\x00\x08\x00\x00\x00\x08\x00\x00\x00\x14\x00\x00\x00\x08\x00\x00\x00"
            "x-runner\x00\x00\x00\x00\x03\x00\x00\x00yes\x00");

/* ----------------------------------------------------------------------------- a runner of ours */

/** One connection at a time, one answer to all calls. */
static struct {
    char path[64];
    int listener;
    pthread_t thread;
    pthread_mutex_t busy; /* held: it answers nothing meanwhile */
    message answer;
    unsigned calls;
} runner = {.busy = PTHREAD_MUTEX_INITIALIZER};

static bool message_read(int fd, unsigned char *out_type)
{
    unsigned char header[4];
    char payload[65536];
    size_t length;

    if (recv(fd, header, sizeof(header), MSG_WAITALL) != (ssize_t)sizeof(header)) {
        return false;
    }
    length = (size_t)header[1] << 16 | (size_t)header[2] << 8 | header[3];
    *out_type = header[0];
    return length <= sizeof(payload) && recv(fd, payload, length, MSG_WAITALL) == (ssize_t)length;
}

static void *serve(void *unused)
{
    int fd;

    (void)unused;
    while ((fd = accept(runner.listener, NULL, NULL)) >= 0) {
        unsigned char type;

        while (message_read(fd, &type)) {
            message answer;

            pthread_mutex_lock(&runner.busy);
            answer = type == 1 ? prepared : runner.answer;
            runner.calls += type == 1 ? 0 : 1;
            pthread_mutex_unlock(&runner.busy);
            if (answer.bytes == NULL ||
                send(fd, answer.bytes, answer.length, MSG_NOSIGNAL) != (ssize_t)answer.length) {
                break;
            }
        }
        (void)close(fd);
    }
    return NULL;
}

static int begin(void **state)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    if (hg_test_set_up(state) != 0) {
        return -1;
    }
    (void)snprintf(runner.path, sizeof(runner.path), "/tmp/hotgate-runner-%ld.sock",
                   (long)getpid());
    (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", runner.path);
    (void)unlink(runner.path);
    runner.calls = 0;
    runner.listener = socket(AF_UNIX, SOCK_STREAM, 0);
    if (bind(runner.listener, (struct sockaddr *)&address, sizeof(address)) != 0 ||
        listen(runner.listener, 8) != 0 || pthread_create(&runner.thread, NULL, serve, NULL) != 0) {
        return -1;
    }
    return hg_test_set_runner(*state, runner.path) == HG_OK ? 0 : -1;
}

static int end(void **state)
{
    (void)hg_test_tear_down(state); /* closes the kept connection */
    (void)shutdown(runner.listener, SHUT_RDWR);
    (void)pthread_join(runner.thread, NULL);
    (void)close(runner.listener);
    return unlink(runner.path);
}

#define RUNNER_TEST(function) cmocka_unit_test_setup_teardown(function, begin, end)

static int64_t calls_with(hg_test *test, const char *result)
{
    const char *const labels[] = {result, NULL};
    int64_t value = 0;

    (void)hg_test_metric(test, "ext-plugin-pre-req", "calls", labels, &value);
    return value;
}

static void the_runner_decides(void **state)
{
    static const struct {
        const char *label;
        const message *answer;
        uint32_t status;
        const char *body;
        const char *x_runner; /* of the upstream's request; NULL: none */
        const char *result;   /* in the metric */
    } cases[] = {
        {"nothing", &nothing, 200, "", NULL, "passed"},
        {"rewrite", &rewrite, 200, "", "yes", "passed"},
        {"stop", &stop, 418, "teapot", NULL, "stopped"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        int64_t before = calls_with(*state, cases[i].result);
        const hg_test_exchange *exchange;
        const char *header;

        runner.answer = *cases[i].answer;
        exchange = hg_test_run(*state, "{" CONF "}", NULL);
        header = hg_test_upstream_header(*state, exchange, "X-Runner");
        if (exchange->status != cases[i].status || strcmp(exchange->body, cases[i].body) != 0 ||
            (header == NULL) != (cases[i].x_runner == NULL) ||
            calls_with(*state, cases[i].result) != before + 1) {
            fail_msg("%s: %u %s", cases[i].label, exchange->status, exchange->body);
        }
    }
    assert_int_equal(runner.calls, ARRAY_SIZE(cases));
    assert_int_equal(
        hg_test_log_count(*state, HG_LOG_WARN, "ext-plugin-pre-req exits with http status"), 1);
}

static void a_runner_that_fails_refuses_or_is_passed_over(void **state)
{
    static const struct {
        const char *label;
        const message *answer;
        const char *options;
        uint32_t status;
        const char *log;
        const char *result;
    } cases[] = {
        {"error", &failed, "", 503, "the runner says: service unavailable", "io"},
        {"closed", &closed, "", 503, "has closed the connection", "io"},
        {"another type", &prepared, "", 503, "found a message of type 1", "invalid"},
        {"degrades", &failed, ", \"allow_degradation\": true", 200, "it goes on: unix:/tmp/", "io"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        int64_t before = calls_with(*state, cases[i].result);
        char config[256];
        const hg_test_exchange *exchange;

        hg_test_log_clear(*state);
        runner.answer = *cases[i].answer;
        (void)snprintf(config, sizeof(config), "{" CONF "%s}", cases[i].options);
        exchange = hg_test_run(*state, config, NULL);
        if (exchange->status != cases[i].status ||
            hg_test_log_count(*state, 0, cases[i].log) != 1 ||
            hg_test_log_count(*state, 0, runner.path) != 1 ||
            calls_with(*state, cases[i].result) != before + 1 ||
            (exchange->status == 503 &&
             strcmp(exchange->body, "{\"error_msg\":\"503 Service Unavailable\"}\n") != 0)) {
            fail_msg("%s: %u %s", cases[i].label, exchange->status, exchange->body);
        }
    }
}

static void without_a_runner_it_refuses(void **state)
{
    assert_int_equal(hg_test_set_runner(*state, NULL), HG_OK);
    assert_int_equal(hg_test_run(*state, "{" CONF "}", NULL)->status, 503);
    assert_int_equal(hg_test_log_count(*state, HG_LOG_ERROR, "no plugin runner is configured"), 1);
    assert_int_equal(hg_test_run(*state, "{" CONF ", \"allow_degradation\": true}", NULL)->status,
                     200);
    assert_int_equal(hg_test_log_count(*state, HG_LOG_WARN, "no plugin runner is configured"), 1);
}

static void who_goes_away_is_no_error(void **state)
{
    const hg_test_exchange *exchange;

    runner.answer = nothing;
    (void)hg_test_run(*state, "{" CONF "}", NULL);
    pthread_mutex_lock(&runner.busy);
    exchange = hg_test_begin(*state, &(hg_test_request){0});
    hg_test_cancel(*state, exchange);
    pthread_mutex_unlock(&runner.busy);
    assert_true(exchange->canceled);
    assert_int_equal(hg_test_log_count(*state, HG_LOG_ERROR, ""), 0);
}

static void every_field_is_told(void **state)
{
    static const hg_test_fact facts[] = {
        {"/priority", "12000"},
        {"/flags", "[\"waits\"]"},
        {"/phases", "[\"rewrite\"]"},
        {"/schema/properties/conf",
         "{\"type\": \"array\", \"minItems\": 1, \"items\": {\"type\": \"object\", \"properties\":"
         " {\"name\": {\"type\": \"string\", \"minLength\": 1, \"maxLength\": 128}, \"value\":"
         " {\"type\": \"string\"}}, \"required\": [\"name\", \"value\"]}}"},
        {"/schema/properties/allow_degradation", "{\"type\": \"boolean\", \"default\": false}"},
    };

    hg_test_expect_facts(*state, facts, ARRAY_SIZE(facts));
}

static void configurations_are_judged(void **state)
{
    static const hg_test_row rows[] = {
        {"nothing", "{}", NULL},
        {"usual", "{" CONF "}", NULL},
        {"empty value", "{\"conf\": [{\"name\": \"a\", \"value\": \"\"}]}", NULL},
        {"unknown property", "{\"other\": 1}", NULL},
        {"no plugin", "{\"conf\": []}", "property \"conf\" validation failed"},
        {"no array", "{\"conf\": {}}", "property \"conf\" validation failed"},
        {"no object", "{\"conf\": [1]}", "failed to validate item 1"},
        {"no name", "{\"conf\": [{\"value\": \"\"}]}",
         "failed to validate item 1: property \"name\" is required"},
        {"no value", "{\"conf\": [{\"name\": \"a\", \"value\": \"\"}, {\"name\": \"b\"}]}",
         "failed to validate item 2: property \"value\" is required"},
        {"empty name", "{\"conf\": [{\"name\": \"\", \"value\": \"\"}]}",
         "property \"name\" validation failed"},
        {"value of another type", "{\"conf\": [{\"name\": \"a\", \"value\": {}}]}",
         "property \"value\" validation failed"},
        {"allow_degradation", "{\"allow_degradation\": 1}",
         "property \"allow_degradation\" validation failed"},
    };

    hg_test_judge(*state, rows, ARRAY_SIZE(rows));
}

HG_TEST_MAIN("ext-plugin-pre-req",
             RUNNER_TEST(the_runner_decides),
             RUNNER_TEST(a_runner_that_fails_refuses_or_is_passed_over),
             RUNNER_TEST(without_a_runner_it_refuses),
             RUNNER_TEST(who_goes_away_is_no_error),
             HG_TEST_CASE(every_field_is_told),
             HG_TEST_CASE(configurations_are_judged))
