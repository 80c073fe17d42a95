/* test_limit_count.c - what is counted, for how long, and how a rejection looks. */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <hotgate/test_cmocka.h>

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

static void put(hg_test *test, const char *key, const char *json)
{
    hg_error err = HG_ERROR_INIT;

    if (hg_test_put(test, key, json, &err) != HG_OK) {
        fail_msg("%s: %s", key, err.text);
    }
}

static void assert_headers(hg_test *test,
                           const hg_test_exchange *exchange,
                           const char *limit,
                           const char *remaining,
                           const char *reset)
{
    assert_string_equal(hg_test_header(test, exchange, "X-RateLimit-Limit"), limit);
    assert_string_equal(hg_test_header(test, exchange, "X-RateLimit-Remaining"), remaining);
    assert_string_equal(hg_test_header(test, exchange, "X-RateLimit-Reset"), reset);
}

static void a_window_begins_with_the_first_request_of_its_key(void **state)
{
    static const char config[] = "{\"count\": 2, \"time_window\": 60}";
    hg_test_request request = {.uri = "/"};
    const hg_test_exchange *exchange;

    hg_test_advance(*state, 12345); /* no clock to align with */
    exchange = hg_test_run(*state, config, &request);
    assert_int_equal(exchange->status, 200);
    assert_headers(*state, exchange, "2", "1", "60");
    hg_test_advance(*state, 29950);
    exchange = hg_test_send(*state, &request);
    assert_int_equal(exchange->status, 200);
    assert_headers(*state, exchange, "2", "0", "30.05");
    hg_test_advance(*state, 30000);
    exchange = hg_test_send(*state, &request);
    assert_int_equal(exchange->status, 503);
    assert_int_equal(exchange->tries, 0);
    assert_headers(*state, exchange, "2", "0", "0.05");
    hg_test_advance(*state, 50); /* the rejected one did not lengthen it */
    exchange = hg_test_send(*state, &request);
    assert_int_equal(exchange->status, 200);
    assert_headers(*state, exchange, "2", "1", "60");
}

static void the_time_left_has_up_to_two_decimals(void **state)
{
    static const struct {
        uint64_t passed_ms;
        const char *reset;
    } cases[] = {{0, "10"},     {500, "9.5"}, {510, "9.49"},
                 {515, "9.48"}, {9000, "1"},  {9990, "0.01"}};
    hg_test_request request = {.uri = "/"};
    uint64_t at_ms = 0;

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        const hg_test_exchange *exchange;

        hg_test_advance(*state, cases[i].passed_ms - at_ms);
        at_ms = cases[i].passed_ms;
        exchange = hg_test_run(*state, "{\"count\": 100, \"time_window\": 10}", &request);
        assert_string_equal(hg_test_header(*state, exchange, "X-RateLimit-Reset"), cases[i].reset);
    }
}

static void a_rejection_looks_as_configured(void **state)
{
    static const struct {
        const char *label;
        const char *options;
        uint32_t status;
        const char *body;
        bool headers;
    } cases[] = {
        {"defaults", "", 503, "{\"error_msg\":\"503 Service Unavailable\"}\n", true},
        {"own status", ", \"rejected_code\": 429", 429,
         "{\"error_msg\":\"429 Too Many Requests\"}\n", true},
        {"lowest status", ", \"rejected_code\": 200", 200, "", true},
        {"highest status", ", \"rejected_code\": 599", 599, "{\"error_msg\":\"599 Error\"}\n",
         true},
        {"own message", ", \"rejected_msg\": \"slow \\\"down\\\"\"", 503,
         "{\"error_msg\":\"slow \\\"down\\\"\"}\n", true},
        {"without headers", ", \"show_limit_quota_header\": false", 503,
         "{\"error_msg\":\"503 Service Unavailable\"}\n", false},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        hg_test_request request = {.uri = "/"};
        const hg_test_exchange *exchange;
        char config[256];

        (void)snprintf(config, sizeof(config), "{\"count\": 1, \"time_window\": 60%s}",
                       cases[i].options);
        exchange = hg_test_run(*state, config, &request);
        if (exchange->tries != 1 ||
            (hg_test_header(*state, exchange, "X-RateLimit-Limit") != NULL) != cases[i].headers) {
            fail_msg("%s: the first request", cases[i].label);
        }
        exchange = hg_test_send(*state, &request);
        if (exchange->status != cases[i].status || strcmp(exchange->body, cases[i].body) != 0 ||
            exchange->tries != 0 ||
            (hg_test_header(*state, exchange, "X-RateLimit-Limit") != NULL) != cases[i].headers) {
            fail_msg("%s: got %u %s", cases[i].label, exchange->status, exchange->body);
        }
    }
}

static void requests_are_counted_by_their_key(void **state)
{
    static const struct {
        const char *label;
        const char *options;
        hg_test_request first;
        hg_test_request second;
        bool same; /* both have one counter */
    } cases[] = {
        {"client by default", "", {.client = "1.1.1.1"}, {.client = "1.1.1.2"}, false},
        {"ports do not matter", "", {.client = "1.1.2.1:1"}, {.client = "1.1.2.1:2"}, true},
        {"variable",
         ", \"key\": \"http_x_user\"",
         {.headers = "X-User: a\n"},
         {.headers = "X-User: b\n"},
         false},
        {"variable with a dollar sign",
         ", \"key\": \"$http_x_user\"",
         {.headers = "X-User: c\n", .client = "1.1.1.3"},
         {.headers = "X-User: c\n"},
         true},
        {"variable without value, other client",
         ", \"key\": \"http_x_user\", \"group\": \"1\"",
         {.client = "1.1.1.1"},
         {.client = "1.1.1.2"},
         false},
        {"variable without value, same client",
         ", \"key\": \"http_x_user\", \"group\": \"2\"",
         {.client = "1.1.1.1"},
         {.client = "1.1.1.1"},
         true},
        {"combination, one part differs",
         ", \"key_type\": \"var_combination\", \"key\": \"$remote_addr $http_x_user\"",
         {.headers = "X-User: a\n"},
         {.headers = "X-User: b\n"},
         false},
        {"combination, same",
         ", \"key_type\": \"var_combination\", \"key\": \"${remote_addr}-$arg_a\"",
         {.uri = "/?a=1&b=1"},
         {.uri = "/?a=1&b=2"},
         true},
        {"combination without values, other client",
         ", \"key_type\": \"var_combination\", \"key\": \"a-$http_x_user-\\\\$\"",
         {.client = "1.1.1.1"},
         {.client = "1.1.1.2"},
         false},
        {"combination with a fallback",
         ", \"key_type\": \"var_combination\", \"key\": \"a-${http_x_user ?? none}\"",
         {.client = "1.1.1.1"},
         {.client = "1.1.1.2"},
         true},
        {"constant",
         ", \"key_type\": \"constant\", \"key\": \"$remote_addr\"",
         {.client = "1.1.1.1"},
         {.client = "1.1.1.2"},
         true},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char config[512];

        (void)snprintf(config, sizeof(config), "{\"count\": 1, \"time_window\": 60%s}",
                       cases[i].options);
        if (hg_test_run(*state, config, &cases[i].first)->status != 200 ||
            (hg_test_send(*state, &cases[i].second)->status != 200) != cases[i].same) {
            fail_msg("%s", cases[i].label);
        }
    }
}

static void a_counter_belongs_to_its_object_and_content(void **state)
{
    static const char service[] =
        "{\"plugins\": {\"limit-count\": {\"count\": 1, \"time_window\": 60}},"
        " \"upstream\": {\"nodes\": {\"127.0.0.1:80\": 1}}}";
    static const char route[] = "{\"uri\": \"/%s\", \"plugins\": {\"limit-count\": {\"count\": %d,"
                                " \"time_window\": 60%s}}, \"upstream\": {\"nodes\":"
                                " {\"127.0.0.1:80\": 1}}}";
    char text[512];

    put(*state, "services/s", service);
    put(*state, "routes/1", "{\"uri\": \"/one\", \"service_id\": \"s\"}");
    put(*state, "routes/2", "{\"uri\": \"/two\", \"service_id\": \"s\"}");
    assert_int_equal(hg_test_get(*state, "/one")->status, 200);
    assert_int_equal(hg_test_get(*state, "/two")->status, 503); /* the service's counter */

    (void)snprintf(text, sizeof(text), route, "three", 1, "");
    put(*state, "routes/3", text);
    (void)snprintf(text, sizeof(text), route, "four", 1, "");
    put(*state, "routes/4", text);
    assert_int_equal(hg_test_get(*state, "/three")->status, 200);
    assert_int_equal(hg_test_get(*state, "/four")->status, 200); /* a route of its own */
    (void)snprintf(text, sizeof(text), route, "three", 2, "");
    put(*state, "routes/3", text); /* changed: from zero */
    assert_int_equal(hg_test_get(*state, "/three")->status, 200);
    (void)snprintf(text, sizeof(text), route, "three", 1, "");
    put(*state, "routes/3", text); /* as it was: where it was */
    assert_int_equal(hg_test_get(*state, "/three")->status, 503);

    (void)snprintf(text, sizeof(text), route, "five", 1, ", \"group\": \"g\"");
    put(*state, "routes/5", text);
    (void)snprintf(text, sizeof(text), route, "six", 1, ", \"group\": \"g\"");
    put(*state, "routes/6", text);
    assert_int_equal(hg_test_get(*state, "/five")->status, 200);
    assert_int_equal(hg_test_get(*state, "/six")->status, 503); /* one group */
}

static void counters_outlive_a_reload_of_the_plugin(void **state)
{
    hg_test_request request = {.uri = "/"};
    hg_error err = HG_ERROR_INIT;

    assert_int_equal(hg_test_run(*state, "{\"count\": 1, \"time_window\": 60}", &request)->status,
                     200);
    assert_int_equal(hg_test_load(*state, hg_test_the_subject()->path, NULL, &err), HG_OK);
    assert_int_equal(hg_test_send(*state, &request)->status, 503);
}

/* Uses up all the room there is for counters. */
static void fill(hg_test *test)
{
    hg_error err = HG_ERROR_INIT;

    assert_int_equal(hg_test_load(test, hg_test_the_subject()->path, "{\"counters\": 1}", &err),
                     HG_OK);
    put(test, "routes/fill",
        "{\"uri\": \"/fill\", \"plugins\": {\"limit-count\": {\"count\": 1, \"time_window\": 999,"
        " \"key\": \"arg_k\"}}, \"upstream\": {\"nodes\": {\"127.0.0.1:80\": 1}}}");
    for (int i = 0; i < 1000; i++) {
        char uri[32];

        (void)snprintf(uri, sizeof(uri), "/fill?k=%d", i);
        if (hg_test_get(test, uri)->status == 500) {
            return;
        }
    }
    fail_msg("the table took 1000 keys");
}

static void a_full_table_fails_or_degrades(void **state)
{
    hg_test *test = hg_test_new();
    hg_test_request request = {.uri = "/", .client = "9.9.9.9"};
    const hg_test_exchange *exchange;

    (void)state;
    hg_test_on_failure(test, hg_test_fail_case, NULL);
    fill(test);
    exchange = hg_test_run(test, "{\"count\": 1, \"time_window\": 60}", &request);
    assert_int_equal(exchange->status, 500);
    assert_string_equal(exchange->body, "{\"error_msg\":\"failed to limit count\"}\n");
    assert_true(hg_test_log_count(test, HG_LOG_ERROR, "failed to limit count: no room") > 0);
    exchange = hg_test_run(test, "{\"count\": 1, \"time_window\": 60, \"allow_degradation\": true}",
                           &request);
    assert_int_equal(exchange->status, 200);
    hg_test_free(test);
}

static void limits_may_be_text_with_variables(void **state)
{
    static const struct {
        const char *label;
        const char *uri;
        uint32_t status; /* of the second request */
    } cases[] = {
        {"one in a window", "/?n=1&w=60", 503},
        {"two in a window", "/?n=2&w=60", 200},
        {"fallback", "/?w=60", 503},
        {"no window", "/?n=1", 500},
        {"no number", "/?n=x&w=60", 500},
        {"more than a number", "/?n=1x&w=60", 500},
        {"zero", "/?n=0&w=60", 500},
        {"negative", "/?n=-1&w=60", 500},
        {"fraction", "/?n=1.5&w=60", 500},
        {"many digits", "/?n=1111111111111111111&w=60", 500},
        {"too long a window", "/?n=1&w=3153600001", 500},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        hg_test_request request = {.uri = cases[i].uri};
        const hg_test_exchange *exchange;

        hg_test_advance(*state, 61000);
        (void)hg_test_run(*state, "{\"count\": \"${arg_n ?? 1}\", \"time_window\": \"$arg_w\"}",
                          &request);
        exchange = hg_test_send(*state, &request);
        if (exchange->status != cases[i].status ||
            (exchange->status == 500 &&
             strcmp(exchange->body, "{\"error_msg\":\"failed to limit count\"}\n") != 0)) {
            fail_msg("%s: got %u %s", cases[i].label, exchange->status, exchange->body);
        }
    }
    assert_int_equal(hg_test_run(*state,
                                 "{\"count\": \"$arg_n\", \"time_window\": 1,"
                                 " \"allow_degradation\": true}",
                                 NULL)
                         ->status,
                     200);
    /* One counter, whatever the limit of a request. */
    (void)hg_test_run(*state, "{\"count\": \"$arg_n\", \"time_window\": 70}",
                      &(hg_test_request){.uri = "/?n=9"});
    assert_headers(*state, hg_test_get(*state, "/?n=5"), "5", "3", "70");
}

static void a_sliding_window_covers_the_time_until_now(void **state)
{
    static const char config[] =
        "{\"count\": 10, \"time_window\": 100, \"window_type\": \"sliding\"}";
    const hg_test_exchange *exchange;

    hg_test_advance(*state, 100000 - hg_test_now_ms(*state) % 100000); /* a window begins */
    exchange = hg_test_run(*state, config, NULL);
    assert_headers(*state, exchange, "10", "9", "100");
    for (int i = 0; i < 9; i++) {
        assert_int_equal(hg_test_get(*state, "/")->status, 200);
    }
    exchange = hg_test_get(*state, "/");
    assert_int_equal(exchange->status, 503);
    assert_headers(*state, exchange, "10", "0", "100");
    hg_test_advance(*state, 99990);
    assert_int_equal(hg_test_get(*state, "/")->status, 503);
    hg_test_advance(*state, 10); /* the next one: all of the previous one is still covered */
    assert_int_equal(hg_test_get(*state, "/")->status, 503);
    hg_test_advance(*state, 25000); /* three quarters: 7.5 of 10 */
    exchange = hg_test_get(*state, "/");
    assert_int_equal(exchange->status, 200);
    assert_headers(*state, exchange, "10", "1", "75");
    assert_int_equal(hg_test_get(*state, "/")->status, 200);
    assert_int_equal(hg_test_get(*state, "/")->status, 503);
    hg_test_advance(*state, 25000); /* half: 5, and 2 of its own */
    assert_headers(*state, hg_test_get(*state, "/"), "10", "2", "50");
    hg_test_advance(*state, 200000); /* two windows later nothing is left */
    assert_headers(*state, hg_test_get(*state, "/"), "10", "9", "50");
}

static void rules_count_one_after_another(void **state)
{
    static const char config[] =
        "{\"rejected_code\": 429, \"rules\": ["
        "{\"count\": 1, \"time_window\": 60, \"key\": \"$arg_a\", \"header_prefix\": \"User\"},"
        "{\"count\": \"${arg_n ?? 3}\", \"time_window\": 30, \"key\": \"b-$arg_b\"}]%s}";
    const hg_test_exchange *exchange;
    char text[512];

    (void)snprintf(text, sizeof(text), config, "");
    exchange = hg_test_run(*state, text, &(hg_test_request){.uri = "/?a=1&b=1"});
    assert_int_equal(exchange->status, 200);
    assert_string_equal(hg_test_header(*state, exchange, "X-User-RateLimit-Limit"), "1");
    assert_string_equal(hg_test_header(*state, exchange, "X-User-RateLimit-Remaining"), "0");
    assert_string_equal(hg_test_header(*state, exchange, "X-User-RateLimit-Reset"), "60");
    assert_string_equal(hg_test_header(*state, exchange, "X-2-RateLimit-Limit"), "3");
    assert_string_equal(hg_test_header(*state, exchange, "X-2-RateLimit-Remaining"), "2");
    assert_string_equal(hg_test_header(*state, exchange, "X-2-RateLimit-Reset"), "30");
    assert_null(hg_test_header(*state, exchange, "X-RateLimit-Limit"));
    exchange = hg_test_get(*state, "/?a=1&b=1"); /* the first one ends it: the second counts not */
    assert_int_equal(exchange->status, 429);
    assert_null(hg_test_header(*state, exchange, "X-2-RateLimit-Limit"));
    exchange = hg_test_get(*state, "/?b=1"); /* the first one has no key */
    assert_int_equal(exchange->status, 200);
    assert_null(hg_test_header(*state, exchange, "X-User-RateLimit-Limit"));
    assert_string_equal(hg_test_header(*state, exchange, "X-2-RateLimit-Remaining"), "1");
    assert_int_equal(hg_test_get(*state, "/?b=1&n=2")->status, 429);
    exchange = hg_test_get(*state, "/");
    assert_int_equal(exchange->status, 500);
    assert_string_equal(exchange->body, "{\"error_msg\":\"failed to limit count\"}\n");
    assert_int_equal(hg_test_log_count(*state, HG_LOG_ERROR, "no rule applies"), 1);
    (void)snprintf(text, sizeof(text), config, ", \"allow_degradation\": true");
    assert_int_equal(hg_test_run(*state, text, NULL)->status, 200);
}

static void headers_have_the_names_of_the_metadata(void **state)
{
    static const char config[] = "{\"count\": 2, \"time_window\": 60}";
    const hg_test_exchange *exchange;
    hg_error err = HG_ERROR_INIT;

    put(*state, "plugin_metadata/limit-count",
        "{\"limit_header\": \"X-Most\", \"remaining_header\": \"X-Left\"}");
    exchange = hg_test_run(*state, config, NULL);
    assert_string_equal(hg_test_header(*state, exchange, "X-Most"), "2");
    assert_string_equal(hg_test_header(*state, exchange, "X-Left"), "1");
    assert_string_equal(hg_test_header(*state, exchange, "X-RateLimit-Reset"), "60");
    assert_null(hg_test_header(*state, exchange, "X-RateLimit-Limit"));
    put(*state, "plugin_metadata/limit-count", "{\"reset_header\": \"X-End\"}");
    exchange = hg_test_get(*state, "/");
    assert_string_equal(hg_test_header(*state, exchange, "X-End"), "60");
    assert_string_equal(hg_test_header(*state, exchange, "X-RateLimit-Limit"), "2");
    assert_int_equal(
        hg_test_put(*state, "plugin_metadata/limit-count", "{\"limit_header\": \"a b\"}", &err),
        HG_ERR_INVALID);
    assert_int_equal(
        hg_test_put(*state, "plugin_metadata/limit-count", "{\"remaining_header\": 1}", &err),
        HG_ERR_INVALID);
}

static void attributes_are_judged(void **state)
{
    static const char *const wrong[] = {"{\"counters\": 0}", "{\"counters\": 4194305}",
                                        "{\"counters\": \"many\"}"};

    for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
        assert_int_equal(hg_test_load(*state, hg_test_the_subject()->path, wrong[i], NULL),
                         HG_ERR_INVALID);
    }
}

static void configurations_are_judged(void **state)
{
    static const hg_test_row rows[] = {
        {"nothing", "{}", "value should match only one schema, but matches none"},
        {"no count", "{\"time_window\": 1}",
         "value should match only one schema, but matches none"},
        {"no time_window", "{\"count\": 1}",
         "value should match only one schema, but matches none"},
        {"least", "{\"count\": 1, \"time_window\": 1}", NULL},
        {"count 0", "{\"count\": 0, \"time_window\": 1}",
         "property \"count\" validation failed: object matches none of the required"},
        {"count beyond 64 bits", "{\"count\": 1e300, \"time_window\": 1}",
         "/plugins/limit-count/count: found a number beyond 64 bits, wanted a smaller one"},
        {"count 1.5", "{\"count\": 1.5, \"time_window\": 1}",
         "property \"count\" validation failed: object matches none of the required"},
        {"count as text", "{\"count\": \"$arg_c\", \"time_window\": 1}", NULL},
        {"empty count", "{\"count\": \"\", \"time_window\": 1}",
         "property \"count\" validation failed: object matches none of the required"},
        {"broken count", "{\"count\": \"${\", \"time_window\": 1}",
         "/plugins/limit-count/count: found ${ without } at offset 0, wanted text with variables "
         "such as $remote_addr"},
        {"count of another type", "{\"count\": true, \"time_window\": 1}",
         "property \"count\" validation failed: object matches none of the required"},
        {"time_window 0", "{\"count\": 1, \"time_window\": 0}",
         "property \"time_window\" validation failed: object matches none of the required"},
        {"time_window as text", "{\"count\": 1, \"time_window\": \"1\"}", NULL},
        {"longest time_window", "{\"count\": 1, \"time_window\": 3153600000}", NULL},
        {"too long a time_window", "{\"count\": 1, \"time_window\": 3153600001}",
         "property \"time_window\" validation failed: object matches none of the required"},
        {"broken time_window", "{\"count\": 1, \"time_window\": \"${\"}",
         "/plugins/limit-count/time_window: found ${ without } at offset 0, wanted text with "
         "variables such as $remote_addr"},
        {"window_type fixed", "{\"count\": 1, \"time_window\": 1, \"window_type\": \"fixed\"}",
         NULL},
        {"window_type sliding", "{\"count\": 1, \"time_window\": 1, \"window_type\": \"sliding\"}",
         NULL},
        {"window_type of another kind",
         "{\"count\": 1, \"time_window\": 1, \"window_type\": \"leaking\"}",
         "property \"window_type\" validation failed: matches none of the enum values"},
        {"key_type", "{\"count\": 1, \"time_window\": 1, \"key_type\": \"variable\"}",
         "property \"key_type\" validation failed: matches none of the enum values"},
        {"key of another type", "{\"count\": 1, \"time_window\": 1, \"key\": 1}",
         "property \"key\" validation failed: wrong type: expected string, got number"},
        {"broken combination",
         "{\"count\": 1, \"time_window\": 1, \"key_type\": \"var_combination\","
         " \"key\": \"${remote_addr\"}",
         "/plugins/limit-count/key: found ${ without } at offset 0, wanted text with variables "
         "such as $remote_addr"},
        {"rejected_code 199", "{\"count\": 1, \"time_window\": 1, \"rejected_code\": 199}",
         "property \"rejected_code\" validation failed: expected 199 to be at least 200"},
        {"rejected_code 200", "{\"count\": 1, \"time_window\": 1, \"rejected_code\": 200}", NULL},
        {"rejected_code 599", "{\"count\": 1, \"time_window\": 1, \"rejected_code\": 599}", NULL},
        {"rejected_code 600", "{\"count\": 1, \"time_window\": 1, \"rejected_code\": 600}",
         "property \"rejected_code\" validation failed: expected 600 to be at most 599"},
        {"empty rejected_msg", "{\"count\": 1, \"time_window\": 1, \"rejected_msg\": \"\"}",
         "property \"rejected_msg\" validation failed: string too short, expected at least 1, got "
         "0"},
        {"policy local", "{\"count\": 1, \"time_window\": 1, \"policy\": \"local\"}", NULL},
        {"policy redis", "{\"count\": 1, \"time_window\": 1, \"policy\": \"redis\"}",
         "property \"policy\" validation failed: matches none of the enum values"},
        {"allow_degradation", "{\"count\": 1, \"time_window\": 1, \"allow_degradation\": 1}",
         "property \"allow_degradation\" validation failed: wrong type: expected boolean, got "
         "number"},
        {"show_limit_quota_header",
         "{\"count\": 1, \"time_window\": 1, \"show_limit_quota_header\": \"no\"}",
         "property \"show_limit_quota_header\" validation failed: wrong type: expected boolean, "
         "got string"},
        {"group", "{\"count\": 1, \"time_window\": 1, \"group\": 1}",
         "property \"group\" validation failed: wrong type: expected string, got number"},
        {"rules",
         "{\"rules\": [{\"count\": 1, \"time_window\": 1, \"key\": \"$a\"}, {\"count\": \"1\","
         " \"time_window\": \"1\", \"key\": \"$b\", \"header_prefix\": \"B\"}]}",
         NULL},
        {"no rules", "{\"rules\": []}",
         "property \"rules\" validation failed: expect array to have at least 1 items"},
        {"rules and count",
         "{\"count\": 1, \"rules\": [{\"count\": 1, \"time_window\": 1, \"key\": \"$a\"}]}",
         "value should match only one schema, but matches none"},
        {"rules and time_window",
         "{\"time_window\": 1, \"rules\": [{\"count\": 1, \"time_window\": 1,"
         " \"key\": \"$a\"}]}",
         "value should match only one schema, but matches none"},
        {"rules and group",
         "{\"group\": \"g\", \"rules\": [{\"count\": 1, \"time_window\": 1,"
         " \"key\": \"$a\"}]}",
         "value should match only one schema, but matches none"},
        {"rule without key", "{\"rules\": [{\"count\": 1, \"time_window\": 1}]}",
         "property \"rules\" validation failed: failed to validate item 1: property \"key\" is "
         "required"},
        {"rule with an empty key",
         "{\"rules\": [{\"count\": 1, \"time_window\": 1, \"key\": \"\"}]}",
         "property \"rules\" validation failed: failed to validate item 1: property \"key\" "
         "validation failed: string too short, expected at least 1, got 0"},
        {"rule with a broken key",
         "{\"rules\": [{\"count\": 1, \"time_window\": 1, \"key\": \"${\"}]}",
         "/plugins/limit-count/rules/0/key: found ${ without } at offset 0, wanted text with "
         "variables such as $remote_addr"},
        {"rule without count", "{\"rules\": [{\"time_window\": 1, \"key\": \"$a\"}]}",
         "property \"rules\" validation failed: failed to validate item 1: property \"count\" is "
         "required"},
        {"rule with a broken count",
         "{\"rules\": [{\"count\": \"${\", \"time_window\": 1, \"key\": \"$a\"}]}",
         "/plugins/limit-count/rules/0/count: found ${ without } at offset 0, wanted text with "
         "variables such as $remote_addr"},
        {"rule without time_window", "{\"rules\": [{\"count\": 1, \"key\": \"$a\"}]}",
         "property \"rules\" validation failed: failed to validate item 1: property "
         "\"time_window\" is required"},
        {"rule with a broken prefix",
         "{\"rules\": [{\"count\": 1, \"time_window\": 1, \"key\": \"$a\","
         " \"header_prefix\": \"a b\"}]}",
         "property \"rules\" validation failed: failed to validate item 1: property "
         "\"header_prefix\" validation failed: failed to match pattern "
         "\"^[!#$%&'*+.^_`|~0-9A-Za-z-]+$\" with \"a b\""},
        {"rules of one key",
         "{\"rules\": [{\"count\": 1, \"time_window\": 1, \"key\": \"$a\"}, {\"count\": 2,"
         " \"time_window\": 1, \"key\": \"$a\"}]}",
         "/plugins/limit-count/rules/1: found the key of an earlier rule, wanted a key of its own"},
        {"sync_interval off", "{\"count\": 1, \"time_window\": 1, \"sync_interval\": -1}", NULL},
        {"sync_interval", "{\"count\": 1, \"time_window\": 1, \"sync_interval\": 1}",
         "/plugins/limit-count/sync_interval: found an interval, which needs another policy, "
         "wanted a configuration without it, or -1"},
    };

    hg_test_judge(*state, rows, ARRAY_SIZE(rows));
}

HG_TEST_MAIN("limit-count",
             cmocka_unit_test_setup_teardown(a_window_begins_with_the_first_request_of_its_key,
                                             hg_test_set_up,
                                             hg_test_tear_down),
             HG_TEST_CASE(the_time_left_has_up_to_two_decimals),
             HG_TEST_CASE(a_rejection_looks_as_configured),
             HG_TEST_CASE(requests_are_counted_by_their_key),
             HG_TEST_CASE(a_counter_belongs_to_its_object_and_content),
             HG_TEST_CASE(counters_outlive_a_reload_of_the_plugin),
             HG_TEST_CASE(a_full_table_fails_or_degrades),
             HG_TEST_CASE(limits_may_be_text_with_variables),
             HG_TEST_CASE(a_sliding_window_covers_the_time_until_now),
             HG_TEST_CASE(rules_count_one_after_another),
             HG_TEST_CASE(headers_have_the_names_of_the_metadata),
             HG_TEST_CASE(attributes_are_judged),
             HG_TEST_CASE(configurations_are_judged))
