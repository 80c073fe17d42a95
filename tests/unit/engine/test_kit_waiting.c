/* tests/unit/engine/test_kit_waiting.c - requests that wait, for times, bodies and descriptors. */
#include <pthread.h>
#include <unistd.h>

#include "tests/unit/engine/kit.h"

static void load(hg_test *test, const char *config)
{
    char plugins[1024];

    kit_load(test, "waiting");
    (void)snprintf(plugins, sizeof(plugins), "{\"waiting\": %s}", config);
    kit_route(test, plugins);
}

static void a_sleeping_request_goes_on_when_the_clock_has_moved(void **state)
{
    const hg_test_exchange *exchange;

    load(*state, "{\"sleep\": \"500ms\", \"sleeps\": 2}");
    exchange = hg_test_begin(*state, &(hg_test_request){0});
    assert_false(exchange->ended);
    hg_test_advance(*state, 499);
    assert_int_equal(hg_test_log_count(*state, 0, "sleep"), 0);
    hg_test_advance(*state, 1);
    kit_assert_log(*state, "sleep -> 0 at 1000500");
    assert_false(exchange->ended);
    hg_test_advance(*state, 10000);
    kit_assert_log(*state, "sleep -> 0 at 1001000");
    assert_true(exchange->ended);
    assert_int_equal(exchange->status, 200);
    assert_int_equal(hg_test_now_ms(*state), HG_TEST_START_MS + 10500);
    assert_int_equal(hg_test_wall_ms(*state), HG_TEST_WALL_START_MS + 10500);
}

static void sending_lets_the_time_pass_at_once(void **state)
{
    load(*state, "{\"sleep\": \"1h\"}");
    assert_int_equal(hg_test_get(*state, "/")->status, 200);
    assert_int_equal(hg_test_now_ms(*state), HG_TEST_START_MS + 3600000);
}

static void two_requests_are_in_flight_at_once(void **state)
{
    const hg_test_exchange *first;
    const hg_test_exchange *second;

    load(*state, "{\"sleep\": \"1s\"}");
    first = hg_test_begin(*state, &(hg_test_request){.uri = "/first"});
    hg_test_advance(*state, 400);
    second = hg_test_begin(*state, &(hg_test_request){.uri = "/second"});
    hg_test_advance(*state, 600);
    assert_true(first->ended);
    assert_false(second->ended);
    assert_string_equal(first->upstream_uri, "/first");
    hg_test_finish(*state, second);
    assert_true(second->ended);
    assert_string_equal(second->upstream_uri, "/second");
}

static void a_body_is_waited_for(void **state)
{
    static const struct {
        const char *label;
        hg_test_request request;
        const char *line;
    } cases[] = {
        {"whole", {.body = "12345678"}, "body -> 0: 12345678"},
        {"none", {.method = "GET"}, "body -> 0: "},
        {"too large", {.body = "123456789"}, "body -> 7: "},
        {"late", {.body = "abc", .body_delay_ms = 70}, "body -> 0: abc"},
        {"broken off", {.body = "abc", .body_breaks_off = true}, "body -> 10: "},
    };

    load(*state, "{\"body_max\": 8}");
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        const hg_test_exchange *exchange;

        hg_test_log_clear(*state);
        exchange = hg_test_send(*state, &cases[i].request);
        if (hg_test_log_count(*state, 0, cases[i].line) != 1 || exchange->tries != 1) {
            fail_msg("%s: \"%s\"", cases[i].label, hg_test_log_line(*state, 0, NULL));
        }
    }
    assert_int_equal(hg_test_now_ms(*state), HG_TEST_START_MS + 70);
}

static void *write_soon(void *context)
{
    const int *fd = context;

    (void)usleep(20000);
    assert_int_equal(write(*fd, "x", 1), 1);
    return NULL;
}

static void a_descriptor_is_waited_for_in_real_time(void **state)
{
    int ends[2];
    char config[64];
    pthread_t writer;

    assert_int_equal(pipe(ends), 0);
    (void)snprintf(config, sizeof(config), "{\"fd\": %d}", ends[0]);
    load(*state, config);
    assert_int_equal(pthread_create(&writer, NULL, write_soon, &ends[1]), 0);
    assert_int_equal(hg_test_get(*state, "/")->status, 200);
    kit_assert_log(*state, "wait_fd -> 0 at 1000000");
    assert_int_equal(pthread_join(writer, NULL), 0);
    (void)close(ends[0]);
    (void)close(ends[1]);
}

static void a_descriptor_that_is_not_ready_in_time_is_a_timeout(void **state)
{
    const hg_test_exchange *exchange;
    int ends[2];
    char config[64];

    assert_int_equal(pipe(ends), 0);
    (void)snprintf(config, sizeof(config), "{\"fd\": %d, \"fd_timeout\": \"3s\"}", ends[0]);
    load(*state, config);
    exchange = hg_test_begin(*state, &(hg_test_request){0});
    assert_false(hg_test_poll(*state, 1));
    assert_false(exchange->ended);
    hg_test_advance(*state, 3000);
    assert_true(exchange->ended);
    kit_assert_log(*state, "wait_fd -> 8 at 1003000");
    (void)close(ends[0]);
    (void)close(ends[1]);
}

static void what_cannot_be_watched_is_an_error_at_once(void **state)
{
    FILE *file = tmpfile();
    char config[64];

    assert_non_null(file);
    (void)snprintf(config, sizeof(config), "{\"fd\": %d}", fileno(file));
    load(*state, config);
    (void)hg_test_get(*state, "/");
    kit_assert_log(*state, "wait_fd -> 10 at 1000000");
    (void)fclose(file);
}

static void a_client_that_goes_away_cancels_the_wait(void **state)
{
    static const char *const configs[] = {
        "{\"sleep\": \"1h\", \"sleeps\": 3}",
        "{\"body_max\": 10}",
    };
    static const char *const lines[] = {"sleep -> 13", "body -> 13"};

    for (size_t i = 0; i < ARRAY_SIZE(configs); i++) {
        const hg_test_exchange *exchange;

        hg_test_log_clear(*state);
        load(*state, configs[i]);
        exchange = hg_test_begin(*state, &(hg_test_request){.body = "abc", .body_delay_ms = 1000});
        assert_false(exchange->ended);
        hg_test_cancel(*state, exchange);
        assert_true(exchange->ended);
        assert_true(exchange->canceled);
        assert_int_equal(exchange->status, 499);
        assert_int_equal(exchange->tries, 0);
        kit_assert_log(*state, lines[i]);
        kit_assert_log(*state, "ended with 499");
        hg_test_advance(*state, 7200000); /* nothing of it is left to fire */
    }
}

static void a_client_that_goes_away_during_the_answer_is_logged(void **state)
{
    const hg_test_exchange *exchange;

    load(*state, "{}");
    hg_test_set_upstream(*state, &(hg_test_upstream){.delay_ms = 100});
    exchange = hg_test_begin(*state, &(hg_test_request){0});
    assert_int_equal(exchange->tries, 1);
    hg_test_cancel(*state, exchange);
    assert_int_equal(exchange->status, 499);
    kit_assert_log(*state, "ended with 499");
}

static void only_the_first_before_proxy_may_wait(void **state)
{
    load(*state, "{\"sleep\": \"1s\", \"before_proxy\": true, \"in_filter\": true}");
    hg_test_set_upstream(*state, &(hg_test_upstream){.failures = 1});
    assert_int_equal(hg_test_get(*state, "/")->tries, 2);
    kit_assert_log(*state, "sleep -> 0 at 1001000");
    kit_assert_log(*state, "sleep -> 9 at 1001000");
    kit_assert_log(*state, "filter -> 9");
}

static void requests_left_in_flight_are_broken_off_at_the_end(void **state)
{
    load(*state, "{\"sleep\": \"1s\"}");
    (void)hg_test_begin(*state, &(hg_test_request){0});
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        KIT_TEST(a_sleeping_request_goes_on_when_the_clock_has_moved),
        KIT_TEST(sending_lets_the_time_pass_at_once),
        KIT_TEST(two_requests_are_in_flight_at_once),
        KIT_TEST(a_body_is_waited_for),
        KIT_TEST(a_descriptor_is_waited_for_in_real_time),
        KIT_TEST(a_descriptor_that_is_not_ready_in_time_is_a_timeout),
        KIT_TEST(what_cannot_be_watched_is_an_error_at_once),
        KIT_TEST(a_client_that_goes_away_cancels_the_wait),
        KIT_TEST(a_client_that_goes_away_during_the_answer_is_logged),
        KIT_TEST(only_the_first_before_proxy_may_wait),
        KIT_TEST(requests_left_in_flight_are_broken_off_at_the_end),
    };

    return cmocka_run_group_tests_name("kit_waiting", tests, NULL, NULL);
}
