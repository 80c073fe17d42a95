/* test_limit_req.c - who passes at once, who waits, who is refused. */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <hotgate/test_cmocka.h>

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

/* The milliseconds that a request took; it has passed. */
static uint64_t waited(hg_test *test, const hg_test_request *request)
{
    uint64_t before_ms = hg_test_now_ms(test);

    assert_int_equal(hg_test_send(test, request)->status, 200);
    return hg_test_now_ms(test) - before_ms;
}

static void a_burst_waits_and_what_is_beyond_is_refused(void **state)
{
    static const char config[] = "{\"rate\": 10, \"burst\": 2, \"key\": \"remote_addr\"}";
    hg_test_request request = {.uri = "/"};
    const hg_test_exchange *second;
    const hg_test_exchange *third;
    const hg_test_exchange *fourth;

    assert_int_equal(hg_test_run(*state, config, &request)->status, 200);
    second = hg_test_begin(*state, &request);
    third = hg_test_begin(*state, &request);
    fourth = hg_test_begin(*state, &request);
    assert_false(second->ended);
    assert_false(third->ended);
    assert_true(fourth->ended);
    assert_int_equal(fourth->status, 503);
    assert_int_equal(fourth->tries, 0);
    assert_string_equal(fourth->body, "{\"error_msg\":\"503 Service Unavailable\"}\n");
    hg_test_advance(*state, 99);
    assert_false(second->ended);
    hg_test_advance(*state, 1);
    assert_true(second->ended);
    assert_false(third->ended);
    hg_test_advance(*state, 100);
    assert_int_equal(third->status, 200);
    assert_int_equal(waited(*state, &request), 100); /* the bucket holds the third one still */
    hg_test_advance(*state, 100);
    assert_int_equal(waited(*state, &request), 0); /* at the rate nobody waits */
    hg_test_advance(*state, 100000);
    assert_int_equal(waited(*state, &request), 0);
    assert_int_equal(waited(*state, &request), 100); /* idle time is not saved up */
    assert_int_equal(waited(*state, &request), 100); /* nor is time spent waiting */
}

static void rates_need_not_be_whole(void **state)
{
    static const struct {
        const char *label;
        const char *config;
        uint64_t wait_ms; /* of the second request; UINT64_MAX: it is refused */
    } cases[] = {
        {"2.5 a second", "{\"rate\": 2.5, \"burst\": 1, \"key\": \"remote_addr\"}", 400},
        {"one in ten seconds", "{\"rate\": 0.1, \"burst\": 1, \"key\": \"remote_addr\"}", 10000},
        {"a thousand", "{\"rate\": 1000, \"burst\": 1, \"key\": \"remote_addr\"}", 1},
        {"a million", "{\"rate\": 1e6, \"burst\": 1, \"key\": \"remote_addr\"}", 0},
        {"burst of a whole", "{\"rate\": 1, \"burst\": 1, \"key\": \"remote_addr\"}", 1000},
        {"nodelay, as told",
         "{\"rate\": 1, \"burst\": 1, \"nodelay\": false, \"key\": \"remote_addr\"}", 1000},
        {"nodelay, no burst",
         "{\"rate\": 1, \"burst\": 0, \"nodelay\": true, \"key\": \"remote_addr\"}", UINT64_MAX},
        {"two thousand: under a millisecond is no wait",
         "{\"rate\": 2000, \"burst\": 1, \"key\": \"remote_addr\"}", 0},
        {"rate beyond all", "{\"rate\": 1e300, \"burst\": 0, \"key\": \"remote_addr\"}", 0},
        {"once in ten years", "{\"rate\": 3.4e-9, \"burst\": 1, \"key\": \"remote_addr\"}",
         294117647058},
        {"nearly never, and a burst", "{\"rate\": 1e-300, \"burst\": 1, \"key\": \"remote_addr\"}",
         300000000000},
        {"no burst", "{\"rate\": 1, \"burst\": 0, \"key\": \"remote_addr\"}", UINT64_MAX},
        {"half a burst", "{\"rate\": 1, \"burst\": 0.5, \"key\": \"remote_addr\"}", UINT64_MAX},
        {"nearly never", "{\"rate\": 1e-300, \"burst\": 0, \"key\": \"remote_addr\"}", UINT64_MAX},
        {"huge burst", "{\"rate\": 1, \"burst\": 1e300, \"key\": \"remote_addr\"}", 1000},
        {"nodelay", "{\"rate\": 1, \"burst\": 1, \"nodelay\": true, \"key\": \"remote_addr\"}", 0},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        uint64_t before_ms;
        const hg_test_exchange *second;

        assert_int_equal(hg_test_run(*state, cases[i].config, NULL)->status, 200);
        before_ms = hg_test_now_ms(*state);
        second = hg_test_get(*state, "/");
        if (second->status != (cases[i].wait_ms == UINT64_MAX ? 503 : 200) ||
            (second->status == 200 && hg_test_now_ms(*state) - before_ms != cases[i].wait_ms)) {
            fail_msg("%s: got %u after %d ms", cases[i].label, second->status,
                     (int)(hg_test_now_ms(*state) - before_ms));
        }
    }
}

static void requests_are_limited_by_their_key(void **state)
{
    static const struct {
        const char *label;
        const char *key;
        hg_test_request first;
        hg_test_request second;
        bool same;
    } cases[] = {
        {"variable",
         "\"key\": \"http_x_user\"",
         {.headers = "X-User: a\n"},
         {.headers = "X-User: b\n"},
         false},
        {"same value",
         "\"key\": \"$http_x_user\"",
         {.headers = "X-User: a\n"},
         {.headers = "X-User: a\n", .client = "1.1.1.1"},
         true},
        {"without value",
         "\"key\": \"http_x_user\"",
         {.client = "1.1.1.1"},
         {.client = "1.1.1.1:5"},
         true},
        {"without value, other client",
         "\"key\": \"http_x_user\"",
         {.client = "1.1.1.3"},
         {.client = "1.1.1.2"},
         false},
        {"an empty value is a value",
         "\"key\": \"http_x_user\"",
         {.headers = "X-User:\n", .client = "3.1.1.1"},
         {.headers = "X-User:\n", .client = "3.1.1.2"},
         true},
        {"values of odd bytes",
         "\"key\": \"http_x_user\", \"rejected_code\": 429",
         {.headers = "X-User: \xff\n"},
         {.headers = "X-User: \xfe\n"},
         false},
        {"values with a NUL",
         "\"key\": \"arg_a\"",
         {.uri = "/?a=x%00y"},
         {.uri = "/?a=x%00z"},
         false},
        {"variable, as told",
         "\"key\": \"remote_addr\", \"key_type\": \"var\"",
         {.client = "4.1.1.1:1"},
         {.client = "4.1.1.1:2"},
         true},
        {"combination with a fallback",
         "\"key\": \"a-${http_x ?? none}\", \"key_type\": \"var_combination\"",
         {.client = "5.1.1.3"},
         {.client = "5.1.1.2"},
         true},
        {"combination",
         "\"key\": \"$remote_addr-$arg_a\", \"key_type\": \"var_combination\"",
         {.uri = "/?a=1"},
         {.uri = "/?a=2"},
         false},
        {"combination without values",
         "\"key\": \"a-$http_x\", \"key_type\": \"var_combination\"",
         {.client = "2.1.1.3"},
         {.client = "2.1.1.2"},
         false},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char config[256];

        (void)snprintf(config, sizeof(config), "{\"rate\": 1, \"burst\": 0, %s}", cases[i].key);
        if (hg_test_run(*state, config, &cases[i].first)->status != 200 ||
            (hg_test_send(*state, &cases[i].second)->status != 200) != cases[i].same) {
            fail_msg("%s", cases[i].label);
        }
    }
}

static void a_rejection_looks_as_configured(void **state)
{
    static const struct {
        const char *options;
        uint32_t status;
        const char *body;
    } cases[] = {
        {"", 503, "{\"error_msg\":\"503 Service Unavailable\"}\n"},
        {", \"rejected_code\": 429", 429, "{\"error_msg\":\"429 Too Many Requests\"}\n"},
        {", \"rejected_msg\": \"slow\"", 503, "{\"error_msg\":\"slow\"}\n"},
        {", \"rejected_code\": 200, \"rejected_msg\": \"slow\"", 200, "{\"error_msg\":\"slow\"}\n"},
        {", \"rejected_code\": 200", 200, ""},
        {", \"rejected_code\": 599", 599, "{\"error_msg\":\"599 Error\"}\n"},
        {", \"rejected_msg\": \"\\u20ac\\\"\"", 503, "{\"error_msg\":\"\xe2\x82\xac\\\"\"}\n"},
        {", \"rejected_msg\": \"a\", \"_meta\": {\"error_response\": \"b\"}", 503, "b"},
        {", \"rejected_code\": 399, \"rejected_msg\": \"a\", \"_meta\": {\"error_response\": "
         "\"b\"}",
         399, "{\"error_msg\":\"a\"}\n"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        const hg_test_exchange *exchange;
        char config[256];

        (void)snprintf(config, sizeof(config),
                       "{\"rate\": 1, \"burst\": 0, \"key\": \"remote_addr\"%s}", cases[i].options);
        (void)hg_test_run(*state, config, NULL);
        exchange = hg_test_get(*state, "/");
        assert_int_equal(exchange->status, cases[i].status);
        assert_string_equal(exchange->body, cases[i].body);
        assert_int_equal(exchange->tries, 0);
    }
}

/* Another object, or other content, has a bucket of its own; the same again has the old one. */
static void a_bucket_belongs_to_its_object_and_content(void **state)
{
    static const struct {
        const char *label;
        const char *key; /* of the object that is written; NULL: none */
        const char *options;
        const char *uri;
        uint32_t status;
    } steps[] = {
        {"a route", "routes/1", "\"rate\": 1", "/1", 200},
        {"the same", NULL, NULL, "/1", 503},
        {"another route of the same content", "routes/2", "\"rate\": 1", "/2", 200},
        {"the first one changed", "routes/1", "\"rate\": 2", "/1", 200},
        {"and back", "routes/1", "\"rate\": 1", "/1", 503},
        {"the second one by itself", NULL, NULL, "/2", 503},
    };

    for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
        if (steps[i].key != NULL) {
            char route[512];

            (void)snprintf(route, sizeof(route),
                           "{\"uri\": \"%s\", \"plugins\": {\"limit-req\": {%s, \"burst\": 0,"
                           " \"key\": \"remote_addr\"}},"
                           " \"upstream\": {\"nodes\": {\"127.0.0.1:80\": 1}}}",
                           steps[i].uri, steps[i].options);
            hg_test_must_put(*state, steps[i].key, route);
        }
        if (hg_test_get(*state, steps[i].uri)->status != steps[i].status) {
            fail_msg("%s", steps[i].label);
        }
    }
}

/* A request that is refused fills nothing: it does not make the next one wait. */
static void what_is_refused_fills_nothing(void **state)
{
    hg_test_request request = {.uri = "/"};

    assert_int_equal(
        hg_test_run(*state, "{\"rate\": 1, \"burst\": 0, \"key\": \"remote_addr\"}", &request)
            ->status,
        200);
    for (int i = 0; i < 9; i++) {
        hg_test_advance(*state, 100);
        assert_int_equal(hg_test_send(*state, &request)->status, 503);
    }
    hg_test_advance(*state, 99);
    assert_int_equal(hg_test_send(*state, &request)->status, 503);
    hg_test_advance(*state, 1);
    assert_int_equal(hg_test_send(*state, &request)->status, 200);
}

static void a_limit_outlives_a_reload_of_the_plugin(void **state)
{
    hg_error err = HG_ERROR_INIT;

    (void)hg_test_run(*state, "{\"rate\": 1, \"burst\": 0, \"key\": \"remote_addr\"}", NULL);
    assert_int_equal(hg_test_load(*state, hg_test_the_subject()->path, NULL, &err), HG_OK);
    assert_int_equal(hg_test_get(*state, "/")->status, 503);
    (void)hg_test_run(*state, "{\"rate\": 2, \"burst\": 0, \"key\": \"remote_addr\"}", NULL);
}

static void a_client_that_leaves_while_it_waits_is_let_go(void **state)
{
    const hg_test_exchange *waiting;

    (void)hg_test_run(*state, "{\"rate\": 1, \"burst\": 5, \"key\": \"remote_addr\"}", NULL);
    waiting = hg_test_begin(*state, &(hg_test_request){.uri = "/"});
    hg_test_cancel(*state, waiting);
    assert_true(waiting->ended);
    assert_int_equal(waiting->tries, 0);
}

static void a_full_table_fails_or_degrades(void **state)
{
    static const char config[] = "{\"rate\": 0.001, \"burst\": 0, \"key\": \"arg_k\"%s}";
    hg_error err = HG_ERROR_INIT;
    hg_test *test = hg_test_new();
    char text[256];
    uint32_t status = 200;

    (void)state;
    hg_test_on_failure(test, hg_test_fail_case, NULL);
    assert_int_equal(hg_test_load(test, hg_test_the_subject()->path, "{\"counters\": 1}", &err),
                     HG_OK);
    (void)snprintf(text, sizeof(text), config, "");
    (void)hg_test_run(test, text, NULL);
    for (int i = 0; i < 1000 && status == 200; i++) {
        (void)snprintf(text, sizeof(text), "/?k=%d", i);
        status = hg_test_get(test, text)->status;
    }
    assert_int_equal(status, 500);
    assert_int_equal(hg_test_log_count(test, HG_LOG_ERROR,
                                       "failed to limit req: no room for another key (plugin_attr: "
                                       "counters)"),
                     1);
    assert_string_equal(hg_test_get(test, "/?k=other")->body,
                        "{\"error_msg\":\"500 Internal Server Error\"}\n");
    (void)snprintf(text, sizeof(text), config, ", \"allow_degradation\": false");
    (void)hg_test_run(test, text, NULL);
    assert_int_equal(hg_test_get(test, "/?k=more")->status, 500);
    (void)snprintf(text, sizeof(text), config, ", \"allow_degradation\": true");
    (void)hg_test_run(test, text, NULL);
    assert_int_equal(hg_test_get(test, "/?k=more")->status, 200);
    hg_test_free(test);
}

static void keys_whose_buckets_are_empty_make_room(void **state)
{
    hg_error err = HG_ERROR_INIT;
    hg_test *test = hg_test_new();

    (void)state;
    hg_test_on_failure(test, hg_test_fail_case, NULL);
    assert_int_equal(hg_test_load(test, hg_test_the_subject()->path, "{\"counters\": 1}", &err),
                     HG_OK);
    (void)hg_test_run(test, "{\"rate\": 10, \"burst\": 0, \"key\": \"arg_k\"}", NULL);
    for (int i = 0; i < 1000; i++) { /* fewer fill the table if they stay */
        char uri[32];

        (void)snprintf(uri, sizeof(uri), "/?k=%d", i);
        assert_int_equal(hg_test_get(test, uri)->status, 200);
        hg_test_advance(test, 101);
    }
    hg_test_free(test);
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

static void every_field_is_told(void **state)
{
    static const hg_test_fact facts[] = {
        {"/priority", "1001"},
        {"/flags", "[\"waits\"]"},
        {"/phases", "[\"access\"]"},
        {"/schema", "{\"type\": \"object\", \"required\": [\"rate\", \"burst\", \"key\"]}"},
        {"/schema/properties/rate", "{\"type\": \"number\", \"exclusiveMinimum\": 0}"},
        {"/schema/properties/burst", "{\"type\": \"number\", \"minimum\": 0}"},
        {"/schema/properties/key", "{\"type\": \"string\"}"},
        {"/schema/properties/key_type",
         "{\"type\": \"string\", \"enum\": [\"var\", \"var_combination\"], \"default\": \"var\"}"},
        {"/schema/properties/policy",
         "{\"type\": \"string\", \"enum\": [\"local\"], \"default\": \"local\"}"},
        {"/schema/properties/rejected_code",
         "{\"type\": \"integer\", \"minimum\": 200, \"maximum\": 599, \"default\": 503}"},
        {"/schema/properties/rejected_msg", "{\"type\": \"string\", \"minLength\": 1}"},
        {"/schema/properties/nodelay", "{\"type\": \"boolean\", \"default\": false}"},
        {"/schema/properties/allow_degradation", "{\"type\": \"boolean\", \"default\": false}"},
        {"/attributes_schema", "{\"type\": \"object\"}"},
        {"/attributes_schema/properties/counters",
         "{\"type\": \"integer\", \"minimum\": 1, \"maximum\": 4194304, \"default\": 65536}"},
    };

    hg_test_expect_facts(*state, facts, ARRAY_SIZE(facts));
}

static void configurations_are_judged(void **state)
{
    static const hg_test_row rows[] = {
        {"nothing", "{}", "property \"rate\" is required"},
        {"no rate", "{\"burst\": 0, \"key\": \"a\"}", "property \"rate\" is required"},
        {"no burst", "{\"rate\": 1, \"key\": \"a\"}", "property \"burst\" is required"},
        {"no key", "{\"rate\": 1, \"burst\": 0}", "property \"key\" is required"},
        {"least", "{\"rate\": 0.001, \"burst\": 0, \"key\": \"remote_addr\"}", NULL},
        {"rate 0", "{\"rate\": 0, \"burst\": 0, \"key\": \"a\"}",
         "property \"rate\" validation failed: expected 0 to be greater than 0"},
        {"rate -1", "{\"rate\": -1, \"burst\": 0, \"key\": \"a\"}",
         "property \"rate\" validation failed: expected -1 to be greater than 0"},
        {"smallest rate", "{\"rate\": 1e-300, \"burst\": 0, \"key\": \"a\"}", NULL},
        {"greatest rate and burst", "{\"rate\": 1e300, \"burst\": 1e300, \"key\": \"a\"}", NULL},
        {"empty key", "{\"rate\": 1, \"burst\": 0, \"key\": \"\"}", NULL},
        {"key_type var", "{\"rate\": 1, \"burst\": 0, \"key\": \"a\", \"key_type\": \"var\"}",
         NULL},
        {"key_type var_combination",
         "{\"rate\": 1, \"burst\": 0, \"key\": \"a\", \"key_type\": \"var_combination\"}", NULL},
        {"policy redis-cluster",
         "{\"rate\": 1, \"burst\": 0, \"key\": \"a\", \"policy\": \"redis-cluster\"}",
         "property \"policy\" validation failed: matches none of the enum values"},
        {"rejected_code as text",
         "{\"rate\": 1, \"burst\": 0, \"key\": \"a\", \"rejected_code\": \"503\"}",
         "property \"rejected_code\" validation failed: wrong type: expected integer, got string"},
        {"rejected_msg of one",
         "{\"rate\": 1, \"burst\": 0, \"key\": \"a\", \"rejected_msg\": \"b\"}", NULL},
        {"rejected_msg of another type",
         "{\"rate\": 1, \"burst\": 0, \"key\": \"a\", \"rejected_msg\": 1}",
         "property \"rejected_msg\" validation failed: wrong type: expected string, got number"},
        {"rate as text", "{\"rate\": \"1\", \"burst\": 0, \"key\": \"a\"}",
         "property \"rate\" validation failed: wrong type: expected number, got string"},
        {"burst -1", "{\"rate\": 1, \"burst\": -1, \"key\": \"a\"}",
         "property \"burst\" validation failed: expected -1 to be at least 0"},
        {"burst as text", "{\"rate\": 1, \"burst\": \"1\", \"key\": \"a\"}",
         "property \"burst\" validation failed: wrong type: expected number, got string"},
        {"key of another type", "{\"rate\": 1, \"burst\": 0, \"key\": 1}",
         "property \"key\" validation failed: wrong type: expected string, got number"},
        {"key_type", "{\"rate\": 1, \"burst\": 0, \"key\": \"a\", \"key_type\": \"constant\"}",
         "property \"key_type\" validation failed: matches none of the enum values"},
        {"broken combination",
         "{\"rate\": 1, \"burst\": 0, \"key\": \"${a\", \"key_type\": \"var_combination\"}",
         "/plugins/limit-req/key: found ${ without } at offset 0, wanted text with variables such "
         "as $remote_addr"},
        {"policy local", "{\"rate\": 1, \"burst\": 0, \"key\": \"a\", \"policy\": \"local\"}",
         NULL},
        {"policy redis", "{\"rate\": 1, \"burst\": 0, \"key\": \"a\", \"policy\": \"redis\"}",
         "property \"policy\" validation failed: matches none of the enum values"},
        {"rejected_code 199", "{\"rate\": 1, \"burst\": 0, \"key\": \"a\", \"rejected_code\": 199}",
         "property \"rejected_code\" validation failed: expected 199 to be at least 200"},
        {"rejected_code 200", "{\"rate\": 1, \"burst\": 0, \"key\": \"a\", \"rejected_code\": 200}",
         NULL},
        {"rejected_code 599", "{\"rate\": 1, \"burst\": 0, \"key\": \"a\", \"rejected_code\": 599}",
         NULL},
        {"rejected_code 600", "{\"rate\": 1, \"burst\": 0, \"key\": \"a\", \"rejected_code\": 600}",
         "property \"rejected_code\" validation failed: expected 600 to be at most 599"},
        {"empty rejected_msg",
         "{\"rate\": 1, \"burst\": 0, \"key\": \"a\", \"rejected_msg\": \"\"}",
         "property \"rejected_msg\" validation failed: string too short, expected at least 1, got "
         "0"},
        {"nodelay", "{\"rate\": 1, \"burst\": 0, \"key\": \"a\", \"nodelay\": 1}",
         "property \"nodelay\" validation failed: wrong type: expected boolean, got number"},
        {"allow_degradation",
         "{\"rate\": 1, \"burst\": 0, \"key\": \"a\", \"allow_degradation\": 1}",
         "property \"allow_degradation\" validation failed: wrong type: expected boolean, got "
         "number"},
    };

    hg_test_judge(*state, rows, ARRAY_SIZE(rows));
}

HG_TEST_MAIN("limit-req",
             HG_TEST_CASE(a_burst_waits_and_what_is_beyond_is_refused),
             HG_TEST_CASE(rates_need_not_be_whole),
             HG_TEST_CASE(requests_are_limited_by_their_key),
             HG_TEST_CASE(a_rejection_looks_as_configured),
             HG_TEST_CASE(a_bucket_belongs_to_its_object_and_content),
             HG_TEST_CASE(what_is_refused_fills_nothing),
             HG_TEST_CASE(a_limit_outlives_a_reload_of_the_plugin),
             HG_TEST_CASE(a_client_that_leaves_while_it_waits_is_let_go),
             HG_TEST_CASE(a_full_table_fails_or_degrades),
             HG_TEST_CASE(keys_whose_buckets_are_empty_make_room),
             HG_TEST_CASE(attributes_are_judged),
             HG_TEST_CASE(every_field_is_told),
             HG_TEST_CASE(configurations_are_judged))
