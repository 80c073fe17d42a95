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
        {"own status and message", ", \"rejected_code\": 429, \"rejected_msg\": \"a\"", 429,
         "{\"error_msg\":\"a\"}\n", true},
        {"message beyond ASCII", ", \"rejected_msg\": \"\\u20ac\\n\"", 503,
         "{\"error_msg\":\"\xe2\x82\xac\\n\"}\n", true},
        {"with headers, as told", ", \"show_limit_quota_header\": true", 503,
         "{\"error_msg\":\"503 Service Unavailable\"}\n", true},
        {"another body", ", \"rejected_msg\": \"a\", \"_meta\": {\"error_response\": {\"b\": 1}}",
         503, "{\"b\":1}\n", true},
        {"another body, below 400",
         ", \"rejected_msg\": \"a\", \"rejected_code\": 399, \"_meta\": {\"error_response\": "
         "\"b\"}",
         399, "{\"error_msg\":\"a\"}\n", true},
        {"sliding", ", \"window_type\": \"sliding\", \"rejected_msg\": \"a\"", 503,
         "{\"error_msg\":\"a\"}\n", true},
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
        {"client, as told",
         ", \"key\": \"remote_addr\", \"key_type\": \"var\"",
         {.client = "1.1.3.1"},
         {.client = "1.1.3.1"},
         true},
        {"IPv6 clients", "", {.client = "[2001:db8::1]:1"}, {.client = "[2001:db8::1]:2"}, true},
        {"an empty value is a value",
         ", \"key\": \"http_x_user\", \"group\": \"3\"",
         {.headers = "X-User:\n", .client = "1.1.1.1"},
         {.headers = "X-User:\n", .client = "1.1.1.2"},
         true},
        {"values of odd bytes",
         ", \"key\": \"http_x_user\", \"group\": \"4\"",
         {.headers = "X-User: \xff\n"},
         {.headers = "X-User: \xfe\n"},
         false},
        {"values with a NUL",
         ", \"key\": \"arg_a\", \"group\": \"5\"",
         {.uri = "/?a=x%00y"},
         {.uri = "/?a=x%00z"},
         false},
        {"constant beyond ASCII",
         ", \"key_type\": \"constant\", \"key\": \"\\u20ac\"",
         {.client = "1.1.1.1"},
         {.client = "1.1.1.2"},
         true},
        {"an empty constant",
         ", \"key_type\": \"constant\", \"key\": \"\"",
         {.client = "1.1.1.1"},
         {.client = "1.1.1.2"},
         true},
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

/* Whatever holds the configuration; all of it counts by itself. */
static void objects_of_every_kind_count_by_themselves(void **state)
{
    static const char *const objects[][2] = {
        {"plugin_configs/p",
         "{\"plugins\": {\"limit-count\": {\"count\": 1, \"time_window\": 60}}}"},
        {"routes/a", "{\"uri\": \"/a\", \"plugin_config_id\": \"p\","
                     " \"upstream\": {\"nodes\": {\"127.0.0.1:80\": 1}}}"},
        {"routes/b", "{\"uri\": \"/b\", \"plugin_config_id\": \"p\","
                     " \"upstream\": {\"nodes\": {\"127.0.0.1:80\": 1}}}"},
        {"routes/p", "{\"uri\": \"/c\", \"plugins\": {\"limit-count\":"
                     " {\"count\": 1, \"time_window\": 60}},"
                     " \"upstream\": {\"nodes\": {\"127.0.0.1:80\": 1}}}"},
        {"routes/d", "{\"uri\": \"/d\", \"upstream\": {\"nodes\": {\"127.0.0.1:80\": 1}}}"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(objects); i++) {
        put(*state, objects[i][0], objects[i][1]);
    }
    assert_int_equal(hg_test_get(*state, "/a")->status, 200);
    assert_int_equal(hg_test_get(*state, "/b")->status, 503); /* one counter: the plugin config's */
    assert_int_equal(hg_test_get(*state, "/c")->status, 200); /* the same id, another kind */
    put(*state, "global_rules/p",
        "{\"plugins\": {\"limit-count\": {\"count\": 2, \"time_window\": 60}}}");
    assert_int_equal(hg_test_get(*state, "/d")->status, 200);
    assert_int_equal(hg_test_get(*state, "/d")->status, 200);
    assert_int_equal(hg_test_get(*state, "/d")->status, 503); /* of all routes together */
    assert_int_equal(hg_test_get(*state, "/none")->status, 503);
}

/* Equal content under one name of a group; another name, or other content, is counted apart. */
static void a_group_shares_what_is_equal(void **state)
{
    static const struct {
        const char *label;
        const char *first;
        const char *second;
        bool same;
    } cases[] = {
        {"equal", "\"count\": 1, \"group\": \"a\"", "\"group\": \"a\", \"count\": 1", true},
        {"another name", "\"count\": 1, \"group\": \"b\"", "\"count\": 1, \"group\": \"c\"", false},
        {"other content", "\"count\": 1, \"group\": \"d\"",
         "\"count\": 1, \"group\": \"d\", \"rejected_code\": 429", false},
        {"an empty name", "\"count\": 1, \"group\": \"\"", "\"count\": 1, \"group\": \"\"", true},
        {"beyond ASCII", "\"count\": 1, \"group\": \"\\u20ac\"",
         "\"count\": 1, \"group\": \"\\u20ac\"", true},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        for (int k = 0; k < 2; k++) {
            char route[512];

            (void)snprintf(route, sizeof(route),
                           "{\"uri\": \"/%d\", \"plugins\": {\"limit-count\": {\"time_window\": 60,"
                           " %s}}, \"upstream\": {\"nodes\": {\"127.0.0.1:80\": 1}}}",
                           k, k == 0 ? cases[i].first : cases[i].second);
            put(*state, k == 0 ? "routes/0" : "routes/1", route);
        }
        if (hg_test_get(*state, "/0")->status != 200 ||
            (hg_test_get(*state, "/1")->status != 200) != cases[i].same) {
            fail_msg("%s", cases[i].label);
        }
    }
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
    assert_true(hg_test_log_count(test, HG_LOG_ERROR,
                                  "failed to limit count: no room for another key (plugin_attr: "
                                  "counters)") > 0);
    assert_null(hg_test_header(test, exchange, "X-RateLimit-Limit"));
    exchange = hg_test_run(
        test, "{\"count\": 1, \"time_window\": 60, \"_meta\": {\"error_response\": \"full\"}}",
        &request);
    assert_int_equal(exchange->status, 500);
    assert_string_equal(exchange->body, "full");
    exchange = hg_test_run(test,
                           "{\"count\": 1, \"time_window\": 60, \"window_type\": \"sliding\","
                           " \"allow_degradation\": false}",
                           &request);
    assert_int_equal(exchange->status, 500);
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
        {"18 digits", "/?n=111111111111111111&w=60", 200},
        {"many digits", "/?n=1111111111111111111&w=60", 500},
        {"empty", "/?n=&w=60", 500},
        {"a blank in front", "/?n=%201&w=60", 503},
        {"a blank behind", "/?n=1%20&w=60", 500},
        {"a NUL behind", "/?n=1%00&w=60", 500},
        {"hexadecimal", "/?n=0x1&w=60", 500},
        {"beyond ASCII", "/?n=%D9%A1&w=60", 500},
        {"longest window", "/?n=1&w=3153600000", 503},
        {"too long a window", "/?n=1&w=3153600001", 500},
        {"window of 0", "/?n=1&w=0", 500},
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
    assert_true(hg_test_log_count(*state, HG_LOG_ERROR,
                                  "failed to limit count: count or time_window is no number here") >
                0);
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

static void the_greatest_numbers_are_counted(void **state)
{
    static const struct {
        const char *label;
        const char *config;
        const char *limit;
        const char *remaining;
        const char *reset;
    } cases[] = {
        {"count", "{\"count\": 9223372036854775807, \"time_window\": 1}", "9223372036854775807",
         "9223372036854775806", "1"},
        {"window", "{\"count\": 10, \"time_window\": 3153600000}", "10", "9", "3153600000"},
        {"both, as text", "{\"count\": \"999999999999999999\", \"time_window\": \"3153600000\"}",
         "999999999999999999", "999999999999999998", "3153600000"},
        {"written as a fraction", "{\"count\": 2.0, \"time_window\": 6e1}", "2", "1", "60"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        assert_headers(*state, hg_test_run(*state, cases[i].config, NULL), cases[i].limit,
                       cases[i].remaining, cases[i].reset);
    }
}

/* What one of them counts is nothing to the others, though their keys have one value. */
static void each_rule_has_counters_of_its_own(void **state)
{
    const hg_test_exchange *exchange =
        hg_test_run(*state,
                    "{\"rules\": [{\"count\": 1, \"time_window\": 60, \"key\": \"$arg_a\"},"
                    " {\"count\": 5, \"time_window\": 60, \"key\": \"${arg_b ?? x}\","
                    " \"header_prefix\": \"B-C\"}]}",
                    &(hg_test_request){.uri = "/?a=x"});

    assert_string_equal(hg_test_header(*state, exchange, "X-1-RateLimit-Limit"), "1");
    assert_string_equal(hg_test_header(*state, exchange, "X-1-RateLimit-Remaining"), "0");
    assert_string_equal(hg_test_header(*state, exchange, "X-1-RateLimit-Reset"), "60");
    assert_string_equal(hg_test_header(*state, exchange, "X-B-C-RateLimit-Limit"), "5");
    assert_string_equal(hg_test_header(*state, exchange, "X-B-C-RateLimit-Remaining"), "4");
    assert_string_equal(hg_test_header(*state, exchange, "X-B-C-RateLimit-Reset"), "60");
}

/* Of a rejection, those of the rules until then; without the headers if told so. */
static void headers_of_rules_can_be_left_out(void **state)
{
    const hg_test_exchange *exchange =
        hg_test_run(*state,
                    "{\"show_limit_quota_header\": false, \"rejected_msg\": \"slow\", \"rules\":"
                    " [{\"count\": 1, \"time_window\": 60, \"key\": \"$remote_addr\"}]}",
                    NULL);

    assert_int_equal(exchange->status, 200);
    assert_null(hg_test_header(*state, exchange, "X-1-RateLimit-Limit"));
    exchange = hg_test_get(*state, "/");
    assert_int_equal(exchange->status, 503);
    assert_string_equal(exchange->body, "{\"error_msg\":\"slow\"}\n");
    assert_null(hg_test_header(*state, exchange, "X-1-RateLimit-Limit"));
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
}

static void metadata_is_judged(void **state)
{
    static const hg_test_row rows[] = {
        {"nothing", "{}", NULL},
        {"all that a name may have",
         "{\"limit_header\": \"!#$%&'*+.^_`|~09AZaz-\", \"remaining_header\": \"a\","
         " \"reset_header\": \"b\"}",
         NULL},
        {"limit_header with a blank", "{\"limit_header\": \"a b\"}",
         "property \"limit_header\" validation failed: failed to match pattern"},
        {"empty limit_header", "{\"limit_header\": \"\"}",
         "property \"limit_header\" validation failed: failed to match pattern"},
        {"limit_header with a line feed", "{\"limit_header\": \"a\\n\"}",
         "property \"limit_header\" validation failed: failed to match pattern"},
        {"remaining_header of another type", "{\"remaining_header\": 1}",
         "property \"remaining_header\" validation failed: wrong type: expected string, got "
         "number"},
        {"remaining_header with a colon", "{\"remaining_header\": \"a:\"}",
         "property \"remaining_header\" validation failed: failed to match pattern"},
        {"reset_header beyond ASCII", "{\"reset_header\": \"\\u00e4\"}",
         "property \"reset_header\" validation failed: failed to match pattern"},
    };

    hg_test_judge_on(*state, HG_TEST_AS_METADATA, rows, ARRAY_SIZE(rows));
}

static void attributes_are_judged(void **state)
{
    static const hg_test_row rows[] = {
        {"none", "{}", NULL},
        {"the least", "{\"counters\": 1}", NULL},
        {"too few", "{\"counters\": 0}", "expected 0 to be at least 1"},
        {"too many", "{\"counters\": 4194305}", "expected 4194305 to be at most 4194304"},
        {"no number", "{\"counters\": \"many\"}", "wrong type: expected integer, got string"},
    };

    (void)state;
    hg_test_judge_attributes(rows, ARRAY_SIZE(rows));
}

#define COUNT                                                                                      \
    "{\"anyOf\": [{\"type\": \"integer\", \"exclusiveMinimum\": 0},"                               \
    " {\"type\": \"string\", \"minLength\": 1}]}"
#define WINDOW                                                                                     \
    "{\"anyOf\": [{\"type\": \"integer\", \"exclusiveMinimum\": 0, \"maximum\": 3153600000},"      \
    " {\"type\": \"string\", \"minLength\": 1}]}"
#define NAME "\"type\": \"string\", \"pattern\": \"^[!#$%&'*+.^_`|~0-9A-Za-z-]+$\""

static void every_field_is_told(void **state)
{
    static const hg_test_fact facts[] = {
        {"/priority", "1002"},
        {"/flags", "[]"},
        {"/phases", "[\"access\"]"},
        {"/schema",
         "{\"type\": \"object\", \"oneOf\": [{\"required\": [\"count\", \"time_window\"],"
         " \"not\": {\"required\": [\"rules\"]}}, {\"required\": [\"rules\"],"
         " \"not\": {\"anyOf\": [{\"required\": [\"count\"]}, {\"required\": [\"time_window\"]},"
         " {\"required\": [\"group\"]}]}}]}"},
        {"/schema/properties/count", COUNT},
        {"/schema/properties/time_window", WINDOW},
        {"/schema/properties/window_type",
         "{\"type\": \"string\", \"enum\": [\"fixed\", \"sliding\"], \"default\": \"fixed\"}"},
        {"/schema/properties/key", "{\"type\": \"string\", \"default\": \"remote_addr\"}"},
        {"/schema/properties/key_type", "{\"type\": \"string\", \"default\": \"var\","
                                        " \"enum\": [\"var\", \"var_combination\", \"constant\"]}"},
        {"/schema/properties/rules", "{\"type\": \"array\", \"minItems\": 1, \"items\": {\"type\": "
                                     "\"object\", \"properties\": {"
                                     "\"count\": " COUNT ", \"time_window\": " WINDOW ","
                                     " \"key\": {\"type\": \"string\", \"minLength\": 1},"
                                     " \"header_prefix\": {\"minLength\": 1, " NAME "}},"
                                     " \"required\": [\"count\", \"time_window\", \"key\"]}}"},
        {"/schema/properties/rejected_code",
         "{\"type\": \"integer\", \"minimum\": 200, \"maximum\": 599, \"default\": 503}"},
        {"/schema/properties/rejected_msg", "{\"type\": \"string\", \"minLength\": 1}"},
        {"/schema/properties/policy",
         "{\"type\": \"string\", \"enum\": [\"local\"], \"default\": \"local\"}"},
        {"/schema/properties/allow_degradation", "{\"type\": \"boolean\", \"default\": false}"},
        {"/schema/properties/show_limit_quota_header",
         "{\"type\": \"boolean\", \"default\": true}"},
        {"/schema/properties/group", "{\"type\": \"string\"}"},
        {"/metadata_schema", "{\"type\": \"object\"}"},
        {"/metadata_schema/properties/limit_header",
         "{" NAME ", \"default\": \"X-RateLimit-Limit\"}"},
        {"/metadata_schema/properties/remaining_header",
         "{" NAME ", \"default\": \"X-RateLimit-Remaining\"}"},
        {"/metadata_schema/properties/reset_header",
         "{" NAME ", \"default\": \"X-RateLimit-Reset\"}"},
        {"/attributes_schema", "{\"type\": \"object\"}"},
        {"/attributes_schema/properties/counters",
         "{\"type\": \"integer\", \"minimum\": 1, \"maximum\": 4194304, \"default\": 65536}"},
    };

    hg_test_expect_facts(*state, facts, ARRAY_SIZE(facts));
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
        {"greatest count", "{\"count\": 9223372036854775807, \"time_window\": 1}", NULL},
        {"count one beyond", "{\"count\": 9223372036854775808, \"time_window\": 1}",
         "too big integer"},
        {"count with a fraction of 0", "{\"count\": 1.0, \"time_window\": 1e3}", NULL},
        {"count -1", "{\"count\": -1, \"time_window\": 1}",
         "property \"count\" validation failed: object matches none of the required"},
        {"empty time_window", "{\"count\": 1, \"time_window\": \"\"}",
         "property \"time_window\" validation failed: object matches none of the required"},
        {"time_window of another type", "{\"count\": 1, \"time_window\": []}",
         "property \"time_window\" validation failed: object matches none of the required"},
        {"time_window beyond all", "{\"count\": 1, \"time_window\": 1e300}",
         "property \"time_window\" validation failed: object matches none of the required"},
        {"empty key", "{\"count\": 1, \"time_window\": 1, \"key\": \"\"}", NULL},
        {"key_type var", "{\"count\": 1, \"time_window\": 1, \"key_type\": \"var\"}", NULL},
        {"key_type var_combination",
         "{\"count\": 1, \"time_window\": 1, \"key_type\": \"var_combination\"}", NULL},
        {"key_type constant", "{\"count\": 1, \"time_window\": 1, \"key_type\": \"constant\"}",
         NULL},
        {"rejected_msg of one", "{\"count\": 1, \"time_window\": 1, \"rejected_msg\": \"a\"}",
         NULL},
        {"rejected_msg of another type", "{\"count\": 1, \"time_window\": 1, \"rejected_msg\": 1}",
         "property \"rejected_msg\" validation failed: wrong type: expected string, got number"},
        {"rejected_code as text", "{\"count\": 1, \"time_window\": 1, \"rejected_code\": \"503\"}",
         "property \"rejected_code\" validation failed: wrong type: expected integer, got string"},
        {"policy redis-cluster",
         "{\"count\": 1, \"time_window\": 1, \"policy\": \"redis-cluster\"}",
         "property \"policy\" validation failed: matches none of the enum values"},
        {"policy redis-sentinel",
         "{\"count\": 1, \"time_window\": 1, \"policy\": \"redis-sentinel\"}",
         "property \"policy\" validation failed: matches none of the enum values"},
        {"empty group", "{\"count\": 1, \"time_window\": 1, \"group\": \"\"}", NULL},
        {"sync_interval 0", "{\"count\": 1, \"time_window\": 1, \"sync_interval\": 0}",
         "/plugins/limit-count/sync_interval: found an interval"},
        {"sync_interval as text", "{\"count\": 1, \"time_window\": 1, \"sync_interval\": \"-1\"}",
         "/plugins/limit-count/sync_interval: found an interval"},
        {"rules, count and time_window",
         "{\"count\": 1, \"time_window\": 1,"
         " \"rules\": [{\"count\": 1, \"time_window\": 1, \"key\": \"$a\"}]}",
         "value should match only one schema, but matches none"},
        {"one rule", "{\"rules\": [{\"count\": 1, \"time_window\": 1, \"key\": \"a\"}]}", NULL},
        {"rules of another type", "{\"rules\": {}}",
         "property \"rules\" validation failed: wrong type: expected array, got table"},
        {"rule of another type", "{\"rules\": [1]}",
         "property \"rules\" validation failed: failed to validate item 1: wrong type: expected "
         "object, got number"},
        {"rule with a key of another type",
         "{\"rules\": [{\"count\": 1, \"time_window\": 1, \"key\": 1}]}",
         "property \"rules\" validation failed: failed to validate item 1: property \"key\" "
         "validation failed: wrong type: expected string, got number"},
        {"rule with count 0", "{\"rules\": [{\"count\": 0, \"time_window\": 1, \"key\": \"a\"}]}",
         "property \"rules\" validation failed: failed to validate item 1: property \"count\" "
         "validation failed: object matches none of the required"},
        {"rule with too long a time_window",
         "{\"rules\": [{\"count\": 1, \"time_window\": 3153600001, \"key\": \"a\"}]}",
         "property \"rules\" validation failed: failed to validate item 1: property "
         "\"time_window\" validation failed: object matches none of the required"},
        {"second rule with a broken time_window",
         "{\"rules\": [{\"count\": 1, \"time_window\": 1, \"key\": \"a\"},"
         " {\"count\": 1, \"time_window\": \"${\", \"key\": \"b\"}]}",
         "/plugins/limit-count/rules/1/time_window: found ${ without }"},
        {"rule with an empty prefix",
         "{\"rules\": [{\"count\": 1, \"time_window\": 1, \"key\": \"a\", \"header_prefix\": "
         "\"\"}]}",
         "property \"rules\" validation failed: failed to validate item 1: property "
         "\"header_prefix\" validation failed: string too short, expected at least 1, got 0"},
        {"rule with all that a prefix may have",
         "{\"rules\": [{\"count\": 1, \"time_window\": 1, \"key\": \"a\","
         " \"header_prefix\": \"!#$%&'*+.^_`|~09AZaz-\"}]}",
         NULL},
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
             HG_TEST_CASE(objects_of_every_kind_count_by_themselves),
             HG_TEST_CASE(a_group_shares_what_is_equal),
             HG_TEST_CASE(counters_outlive_a_reload_of_the_plugin),
             HG_TEST_CASE(a_full_table_fails_or_degrades),
             HG_TEST_CASE(limits_may_be_text_with_variables),
             HG_TEST_CASE(the_greatest_numbers_are_counted),
             HG_TEST_CASE(a_sliding_window_covers_the_time_until_now),
             HG_TEST_CASE(rules_count_one_after_another),
             HG_TEST_CASE(each_rule_has_counters_of_its_own),
             HG_TEST_CASE(headers_of_rules_can_be_left_out),
             HG_TEST_CASE(headers_have_the_names_of_the_metadata),
             HG_TEST_CASE(metadata_is_judged),
             HG_TEST_CASE(attributes_are_judged),
             HG_TEST_CASE(every_field_is_told),
             HG_TEST_CASE(configurations_are_judged))
