/* tests/unit/engine/test_kit_exit.c - how plugins end requests, rightly and wrongly. */
#include "tests/unit/engine/kit.h"

static const hg_test_exchange *run(hg_test *test, const char *config)
{
    char plugins[1024];

    kit_load(test, "exit");
    (void)snprintf(plugins, sizeof(plugins), "{\"exit\": %s}", config);
    kit_route(test, plugins);
    hg_test_log_clear(test);
    return hg_test_get(test, "/");
}

static void an_exit_is_the_response(void **state)
{
    static const struct {
        const char *label;
        const char *config;
        uint32_t status;
        const char *type;
        const char *body;
    } cases[] = {
        {"status alone", "{\"way\": \"status\"}", 403, "application/json",
         "{\"error_msg\":\"403 Forbidden\"}\n"},
        {"status below 300", "{\"way\": \"status\", \"status\": 204}", 204, NULL, ""},
        {"text", "{\"way\": \"text\", \"status\": 200}", 200, "", "no"},
        {"json", "{\"way\": \"json\"}", 403, "application/json", "{\"list\":[1,true]}\n"},
        {"no json at all", "{\"way\": \"no_json\", \"status\": 200}", 500, "application/json",
         "{\"error_msg\":\"500 Internal Server Error\"}\n"},
        {"message", "{\"way\": \"message\", \"text\": \"a\\\"b\"}", 403, "application/json",
         "{\"message\":\"a\\\"b\"}\n"},
        {"error", "{\"way\": \"error\", \"phase\": \"rewrite\"}", 403, "application/json",
         "{\"error_msg\":\"no\"}\n"},
        {"before_proxy", "{\"way\": \"message\", \"phase\": \"before_proxy\"}", 403,
         "application/json", "{\"message\":\"no\"}\n"},
        {"_meta.error_response",
         "{\"way\": \"message\", \"_meta\": {\"error_response\": {\"x\": 1}}}", 403,
         "application/json", "{\"x\":1}\n"},
        {"status out of range", "{\"way\": \"message\", \"status\": 99}", 500, "application/json",
         "{\"error_msg\":\"500 Internal Server Error\"}\n"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        const hg_test_exchange *exchange = run(*state, cases[i].config);
        const char *type = hg_test_header(*state, exchange, "Content-Type");

        if (exchange->status != cases[i].status || strcmp(exchange->body, cases[i].body) != 0 ||
            (type == NULL) != (cases[i].type == NULL) ||
            (type != NULL && strcmp(type, cases[i].type) != 0) || exchange->tries != 0) {
            fail_msg("%s: got %u %s \"%s\"", cases[i].label, exchange->status, type,
                     exchange->body);
        }
        /* Filters and log run for it too. */
        if (hg_test_log_count(*state, 0, "header_filter") != 1 ||
            hg_test_log_count(*state, 0, "plugin exit: log") != 1) {
            fail_msg("%s: a later phase did not run", cases[i].label);
        }
    }
}

static void who_is_not_known_is_told_how_to_say_so(void **state)
{
    static const struct {
        const char *label;
        const char *config;
        const char *challenge;
        const char *body;
    } cases[] = {
        {"realm", "{\"way\": \"unauthorized\", \"text\": \"my house\"}", "Basic realm=\"my house\"",
         "{\"message\":\"who are you\"}\n"},
        {"empty realm", "{\"way\": \"unauthorized\", \"text\": \"\"}", "Basic realm=\"\"",
         "{\"message\":\"who are you\"}\n"},
        {"quoted realm", "{\"way\": \"unauthorized\", \"text\": \"a\\\"b\\\\\"}",
         "Basic realm=\"a\\\"b\\\\\"", "{\"message\":\"who are you\"}\n"},
        {"no realm", "{\"way\": \"challenge\", \"phase\": \"rewrite\"}", "Basic",
         "{\"message\":\"no\"}\n"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        const hg_test_exchange *exchange = run(*state, cases[i].config);
        const char *challenge = hg_test_header(*state, exchange, "WWW-Authenticate");

        if (exchange->status != 401 || challenge == NULL ||
            strcmp(challenge, cases[i].challenge) != 0 ||
            strcmp(exchange->body, cases[i].body) != 0) {
            fail_msg("%s: got %u %s %s", cases[i].label, exchange->status, challenge,
                     exchange->body);
        }
    }
    /* What cannot be a header is left out; the refusal stands. */
    assert_int_equal(run(*state, "{\"way\": \"unauthorized\", \"text\": \"a\\nb\"}")->status, 401);
    kit_assert_log(*state, "could not set WWW-Authenticate");
}

static void a_rejection_is_logged_word_for_word(void **state)
{
    (void)run(*state, "{\"way\": \"message\", \"status\": 429}");
    assert_int_equal(hg_test_log_count(*state, HG_LOG_WARN, "exit exits with http status code 429"),
                     1);
    (void)run(*state, "{\"way\": \"message\", \"status\": 302}");
    assert_int_equal(hg_test_log_count(*state, HG_LOG_WARN, "exits with http status code"), 0);
}

static void an_exit_that_is_not_returned_still_ends_the_request(void **state)
{
    const hg_test_exchange *exchange = run(*state, "{\"way\": \"forgotten\"}");

    assert_int_equal(exchange->status, 403);
    assert_int_equal(exchange->tries, 0);
    assert_int_equal(
        hg_test_log_count(*state, HG_LOG_ERROR, "called hg_exit() and returned HG_NEXT"), 1);
}

static void ending_without_an_exit_is_an_error(void **state)
{
    const hg_test_exchange *exchange = run(*state, "{\"way\": \"silent\"}");

    assert_int_equal(exchange->status, 500);
    assert_int_equal(
        hg_test_log_count(*state, HG_LOG_ERROR, "returned HG_DONE without calling hg_exit()"), 1);
}

static void a_filter_cannot_end_a_request(void **state)
{
    const hg_test_exchange *exchange = run(*state, "{\"way\": \"in_filter\"}");

    assert_int_equal(exchange->status, 200);
    assert_int_equal(hg_test_log_count(*state, HG_LOG_ERROR, "not possible in this phase"), 1);
    kit_assert_log(*state, "in filter -> 0");
}

static void a_retry_cannot_end_a_request(void **state)
{
    const hg_test_exchange *exchange;

    hg_test_set_upstream(*state, &(hg_test_upstream){.failures = 1});
    exchange = run(*state, "{\"way\": \"status\", \"phase\": \"retry\"}");
    assert_int_equal(exchange->status, 200);
    assert_int_equal(exchange->tries, 2);
    assert_int_equal(hg_test_log_count(*state, 0, "before_proxy"), 2);
    assert_int_equal(hg_test_log_count(*state, HG_LOG_ERROR, "not possible in this phase"), 1);
    kit_assert_log(*state, "retry -> 0");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        KIT_TEST(an_exit_is_the_response),
        KIT_TEST(who_is_not_known_is_told_how_to_say_so),
        KIT_TEST(a_rejection_is_logged_word_for_word),
        KIT_TEST(an_exit_that_is_not_returned_still_ends_the_request),
        KIT_TEST(ending_without_an_exit_is_an_error),
        KIT_TEST(a_filter_cannot_end_a_request),
        KIT_TEST(a_retry_cannot_end_a_request),
    };

    return cmocka_run_group_tests_name("kit_exit", tests, NULL, NULL);
}
