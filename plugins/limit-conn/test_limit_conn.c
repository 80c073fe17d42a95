/* test_limit_conn.c - how many requests are in flight, who waits and who is refused. */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <hotgate/test_cmocka.h>

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

/* Puts the route; the upstream takes a second for each request. */
static void route_put(hg_test *test, const char *config)
{
    static const hg_test_upstream slow = {.delay_ms = 1000};
    char route[1024];
    hg_error err = HG_ERROR_INIT;

    hg_test_set_upstream(test, &slow);
    (void)snprintf(route, sizeof(route),
                   "{\"uri\": \"/*\", \"plugins\": {\"limit-conn\": %s},"
                   " \"upstream\": {\"nodes\": {\"127.0.0.1:80\": 1}}}",
                   config);
    if (hg_test_put(test, "routes/1", route, &err) != HG_OK) {
        fail_msg("%s: %s", config, err.text);
    }
}

static const hg_test_exchange *begin(hg_test *test)
{
    return hg_test_begin(test, &(hg_test_request){.uri = "/"});
}

static void requests_pass_wait_or_are_refused_by_how_many_there_are(void **state)
{
    const hg_test_exchange *exchanges[6];

    route_put(*state, "{\"conn\": 2, \"burst\": 3, \"default_conn_delay\": 0.1,"
                      " \"only_use_default_delay\": true, \"key\": \"remote_addr\"}");
    for (size_t i = 0; i < ARRAY_SIZE(exchanges); i++) {
        exchanges[i] = begin(*state);
    }
    for (size_t i = 0; i < 5; i++) {
        assert_false(exchanges[i]->ended);
        assert_int_equal(exchanges[i]->tries, i < 2);
    }
    assert_int_equal(exchanges[5]->status, 503);
    assert_string_equal(exchanges[5]->body, "{\"error_msg\":\"503 Service Unavailable\"}\n");
    assert_int_equal(exchanges[5]->tries, 0);
    hg_test_advance(*state, 99);
    assert_int_equal(exchanges[2]->tries, 0);
    hg_test_advance(*state, 1); /* the third and the fourth wait once the delay, the fifth twice */
    assert_int_equal(exchanges[2]->tries, 1);
    assert_int_equal(exchanges[3]->tries, 1);
    assert_int_equal(exchanges[4]->tries, 0);
    hg_test_advance(*state, 100);
    assert_int_equal(exchanges[4]->tries, 1);
    hg_test_advance(*state, 2000);
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(exchanges[i]->status, 200);
    }
    assert_int_equal(begin(*state)->tries, 1); /* all have been let go */
}

static void the_delay_follows_how_long_requests_take(void **state)
{
    const hg_test_exchange *second;

    route_put(*state, "{\"conn\": 1, \"burst\": 3, \"default_conn_delay\": 3,"
                      " \"key\": \"remote_addr\"}");
    assert_int_equal(hg_test_get(*state, "/")->status, 200); /* took 1 s: (3 + 1) / 2 */
    (void)begin(*state);
    second = begin(*state);
    hg_test_advance(*state, 1999);
    assert_int_equal(second->tries, 0);
    hg_test_advance(*state, 1);
    assert_int_equal(second->tries, 1);
    hg_test_advance(*state, 5000); /* the first: 1.5 s; the second, without its wait: 1.25 s */
    (void)begin(*state);
    second = begin(*state);
    hg_test_advance(*state, 1249);
    assert_int_equal(second->tries, 0);
    hg_test_advance(*state, 1);
    assert_int_equal(second->tries, 1);
}

/* The delay that the next request within the burst waits, of a key that nobody else has. */
static uint64_t delay_of(hg_test *test, const char *key)
{
    char uri[32];
    hg_test_request request = {.uri = uri};
    uint64_t waited_ms = 0;
    const hg_test_exchange *second;

    (void)snprintf(uri, sizeof(uri), "/?k=%s", key);
    (void)hg_test_begin(test, &request);
    second = hg_test_begin(test, &request);
    while (second->tries == 0 && waited_ms < 10000) {
        hg_test_advance(test, 1);
        waited_ms++;
    }
    hg_test_advance(test, 5000); /* both end */
    return waited_ms;
}

#define LEARNING "{\"conn\": 1, \"burst\": 1, \"default_conn_delay\": 3, \"key\": \"arg_k\"%s}"

static void the_delay_is_learned_unless_told(void **state)
{
    static const struct {
        const char *label;
        const char *options;
        uint64_t second_ms; /* after two requests of a second */
    } cases[] = {
        {"by default", "", 1500},
        {"as told", ", \"only_use_default_delay\": false", 1500},
        {"not at all", ", \"only_use_default_delay\": true", 3000},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char config[256];

        (void)snprintf(config, sizeof(config), LEARNING, cases[i].options);
        route_put(*state, config);
        assert_int_equal(delay_of(*state, "a"), 3000);
        /* (3 + 1) / 2, (2 + 1) / 2: each took a second, not counting what it waited */
        if (delay_of(*state, "b") != cases[i].second_ms) {
            fail_msg("%s", cases[i].label);
        }
    }
}

static void what_was_learned_is_forgotten_after_an_hour(void **state)
{
    char config[256];

    (void)snprintf(config, sizeof(config), LEARNING, "");
    route_put(*state, config);
    assert_int_equal(delay_of(*state, "a"), 3000); /* then 5 s for both to end */
    hg_test_advance(*state, 3600000 - 5001);
    assert_int_equal(delay_of(*state, "b"), 1500);
    hg_test_advance(*state, 3600001);
    assert_int_equal(delay_of(*state, "c"), 3000);
}

static void who_is_refused_teaches_nothing(void **state)
{
    char config[256];
    hg_test_request request = {.uri = "/?k=a"};

    (void)snprintf(config, sizeof(config), LEARNING, "");
    route_put(*state, config);
    (void)hg_test_begin(*state, &request);
    (void)hg_test_begin(*state, &request);
    for (int i = 0; i < 5; i++) { /* each of them took no time at all */
        assert_int_equal(hg_test_begin(*state, &request)->status, 503);
    }
    assert_int_equal(delay_of(*state, "b"), 3000);
}

static void a_wait_is_an_hour_at_most(void **state)
{
    const hg_test_exchange *second;

    route_put(*state, "{\"conn\": 1, \"burst\": 1, \"default_conn_delay\": 1e300,"
                      " \"only_use_default_delay\": true, \"key\": \"remote_addr\"}");
    hg_test_set_upstream(*state, &(hg_test_upstream){.delay_ms = 10000000});
    (void)begin(*state);
    second = begin(*state);
    hg_test_advance(*state, 3599999);
    assert_int_equal(second->tries, 0);
    hg_test_advance(*state, 1);
    assert_int_equal(second->tries, 1);
}

/* Another object, or other content, counts by itself. */
static void a_count_belongs_to_its_object_and_content(void **state)
{
    static const struct {
        const char *label;
        const char *key; /* of the object that is written; NULL: none */
        const char *options;
        const char *uri;
        uint32_t status; /* 0: it is in flight */
    } steps[] = {
        {"a route", "routes/1", "\"conn\": 1", "/1", 0},
        {"the same", NULL, NULL, "/1", 503},
        {"another route of the same content", "routes/2", "\"conn\": 1", "/2", 0},
        {"the first one changed", "routes/1", "\"conn\": 2", "/1", 0},
        {"and back", "routes/1", "\"conn\": 1", "/1", 503},
        {"the second one by itself", NULL, NULL, "/2", 503},
    };

    hg_test_set_upstream(*state, &(hg_test_upstream){.delay_ms = 1000});
    for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
        if (steps[i].key != NULL) {
            char route[512];

            (void)snprintf(route, sizeof(route),
                           "{\"uri\": \"%s\", \"plugins\": {\"limit-conn\": {%s, \"burst\": 0,"
                           " \"default_conn_delay\": 1, \"key\": \"remote_addr\"}},"
                           " \"upstream\": {\"nodes\": {\"127.0.0.1:80\": 1}}}",
                           steps[i].uri, steps[i].options);
            hg_test_must_put(*state, steps[i].key, route);
        }
        if (hg_test_begin(*state, &(hg_test_request){.uri = steps[i].uri})->status !=
            steps[i].status) {
            fail_msg("%s", steps[i].label);
        }
    }
}

/* A global rule and a route count the same request, each by itself, and both let it go. */
static void a_global_rule_and_a_route_both_count(void **state)
{
    static const hg_test_upstream slow = {.delay_ms = 1000};
    const hg_test_exchange *first;

    hg_test_set_upstream(*state, &slow);
    hg_test_must_put(*state, "global_rules/1",
                     "{\"plugins\": {\"limit-conn\": {\"conn\": 2, \"burst\": 0,"
                     " \"default_conn_delay\": 1, \"key\": \"remote_addr\"}}}");
    hg_test_must_put(
        *state, "routes/1",
        "{\"uri\": \"/1\", \"plugins\": {\"limit-conn\": {\"conn\": 1, \"burst\": 0,"
        " \"default_conn_delay\": 1, \"key\": \"remote_addr\", \"rejected_code\": 429}},"
        " \"upstream\": {\"nodes\": {\"127.0.0.1:80\": 1}}}");
    hg_test_must_put(*state, "routes/2",
                     "{\"uri\": \"/2\", \"upstream\": {\"nodes\": {\"127.0.0.1:80\": 1}}}");
    first = hg_test_begin(*state, &(hg_test_request){.uri = "/1"});
    assert_int_equal(hg_test_begin(*state, &(hg_test_request){.uri = "/1"})->status, 429);
    (void)hg_test_begin(*state, &(hg_test_request){.uri = "/2"}); /* the refused one is let go */
    assert_int_equal(hg_test_begin(*state, &(hg_test_request){.uri = "/2"})->status, 503);
    hg_test_finish(*state, first);
    hg_test_advance(*state, 2000);
    assert_int_equal(hg_test_begin(*state, &(hg_test_request){.uri = "/1"})->tries, 1);
}

static void a_client_that_leaves_is_not_counted_any_more(void **state)
{
    const hg_test_exchange *first;
    const hg_test_exchange *waiting;

    route_put(*state, "{\"conn\": 1, \"burst\": 1, \"default_conn_delay\": 0.5,"
                      " \"key\": \"remote_addr\"}");
    first = begin(*state);
    waiting = begin(*state);
    assert_int_equal(begin(*state)->status, 503);
    hg_test_cancel(*state, waiting); /* while it waits for its turn */
    hg_test_cancel(*state, first);   /* while the upstream works */
    assert_int_equal(begin(*state)->tries, 1);
}

static void counts_outlive_a_reload_of_the_plugin(void **state)
{
    hg_error err = HG_ERROR_INIT;
    const hg_test_exchange *first;

    route_put(*state, "{\"conn\": 1, \"burst\": 0, \"default_conn_delay\": 1,"
                      " \"key\": \"remote_addr\"}");
    first = begin(*state);
    assert_int_equal(hg_test_load(*state, hg_test_the_subject()->path, NULL, &err), HG_OK);
    assert_int_equal(begin(*state)->status, 503);
    hg_test_finish(*state, first); /* with the old object */
    assert_int_equal(begin(*state)->tries, 1);
}

static void requests_are_counted_by_their_key(void **state)
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
         "\"key\": \"http_x_user\"",
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
        {"combination without values",
         "\"key\": \"a-$http_x\", \"key_type\": \"var_combination\"",
         {.client = "5.1.1.3"},
         {.client = "5.1.1.2"},
         false},
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
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char config[256];
        const hg_test_exchange *first;
        const hg_test_exchange *second;

        (void)snprintf(config, sizeof(config),
                       "{\"conn\": 1, \"burst\": 0, \"default_conn_delay\": 1, %s}", cases[i].key);
        route_put(*state, config);
        first = hg_test_begin(*state, &cases[i].first);
        second = hg_test_begin(*state, &cases[i].second);
        if ((second->status == 503) != cases[i].same) {
            fail_msg("%s", cases[i].label);
        }
        hg_test_finish(*state, first);
        hg_test_finish(*state, second);
    }
}

static void limits_may_be_text_with_variables(void **state)
{
    static const struct {
        const char *label;
        const char *uri;
        uint32_t status; /* of the second request in flight */
    } cases[] = {
        {"one", "/?n=1", 503},
        {"two", "/?n=2", 0},
        {"none", "/", 500},
        {"no number", "/?n=x", 500},
        {"trailing", "/?n=1x", 500},
        {"zero", "/?n=0", 500},
        {"negative", "/?n=-1", 500},
        {"fraction", "/?n=1.5", 500},
        {"18 digits", "/?n=111111111111111111", 0},
        {"endless", "/?n=1111111111111111111", 500},
        {"nothing", "/?n=", 500},
        {"a NUL behind", "/?n=1%00", 500},
        {"hexadecimal", "/?n=0x1", 500},
        {"a burst", "/?n=1&b=1", 0},
        {"burst of 0", "/?n=1&b=0", 503},
        {"negative burst", "/?n=1&b=-1", 500},
        {"a burst that is no number", "/?n=1&b=x", 500},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        hg_test_request request = {.uri = cases[i].uri};
        const hg_test_exchange *first;
        const hg_test_exchange *second;

        route_put(*state, "{\"conn\": \"$arg_n\", \"burst\": \"${arg_b ?? 0}\","
                          " \"default_conn_delay\": 1, \"key\": \"remote_addr\"}");
        first = hg_test_begin(*state, &request);
        second = hg_test_begin(*state, &request);
        if (second->status != cases[i].status) {
            fail_msg("%s: got %u", cases[i].label, second->status);
        }
        hg_test_finish(*state, first);
        hg_test_finish(*state, second);
    }
    assert_true(hg_test_log_count(*state, HG_LOG_ERROR,
                                  "failed to limit conn: conn or burst is no number here") > 0);
    route_put(*state, "{\"conn\": \"$arg_n\", \"burst\": 0, \"default_conn_delay\": 1,"
                      " \"key\": \"remote_addr\", \"allow_degradation\": true}");
    assert_int_equal(hg_test_get(*state, "/")->status, 200);
}

/* As many as a text and as a number say; the next one is refused. */
static void numbers_are_read_as_they_are_written(void **state)
{
    static const char *const numbers[] = {"\"conn\": 10, \"burst\": 2.0",
                                          "\"conn\": \"10\", \"burst\": \"02\"",
                                          "\"conn\": 1e1, \"burst\": 2"};

    for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
        char config[256];

        (void)snprintf(config, sizeof(config),
                       "{%s, \"default_conn_delay\": 1, \"key\": \"remote_addr\","
                       " \"only_use_default_delay\": true}",
                       numbers[i]);
        route_put(*state, config);
        for (int k = 0; k < 12; k++) {
            const hg_test_exchange *got = begin(*state);

            assert_false(got->ended);
            assert_int_equal(got->tries, k < 10);
        }
        if (begin(*state)->status != 503) {
            fail_msg("%s", numbers[i]);
        }
        hg_test_advance(*state, 10000);
    }
}

static void all_rules_have_to_let_a_request_pass(void **state)
{
    static const char rules[] =
        "{\"default_conn_delay\": 0.1, \"only_use_default_delay\": true, \"rules\": ["
        "{\"conn\": 2, \"burst\": 0, \"key\": \"$arg_a\"},"
        "{\"conn\": 1, \"burst\": 1, \"key\": \"$arg_b\"}]%s}";
    const hg_test_exchange *both;
    const hg_test_exchange *waiting;
    char config[512];

    (void)snprintf(config, sizeof(config), rules, "");
    route_put(*state, config);
    both = hg_test_begin(*state, &(hg_test_request){.uri = "/?a=1&b=1"});
    waiting = hg_test_begin(*state, &(hg_test_request){.uri = "/?b=1"});
    assert_int_equal(waiting->tries, 0);
    /* Refused by the second rule: the first one does not count it. */
    assert_int_equal(hg_test_begin(*state, &(hg_test_request){.uri = "/?a=1&b=1"})->status, 503);
    assert_int_equal(hg_test_begin(*state, &(hg_test_request){.uri = "/?a=1"})->tries, 1);
    assert_int_equal(hg_test_begin(*state, &(hg_test_request){.uri = "/?a=1"})->status, 503);
    hg_test_finish(*state, both);
    hg_test_finish(*state, waiting);
    assert_int_equal(hg_test_get(*state, "/")->status, 500); /* none applies */
    assert_string_equal(hg_test_get(*state, "/")->body,
                        "{\"error_msg\":\"500 Internal Server Error\"}\n");
    assert_int_equal(
        hg_test_log_count(*state, HG_LOG_ERROR, "failed to limit conn: no rule applies"), 2);
    (void)snprintf(config, sizeof(config), rules, ", \"allow_degradation\": true");
    route_put(*state, config);
    assert_int_equal(hg_test_get(*state, "/")->status, 200);
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
        {", \"rejected_msg\": \"busy\"", 503, "{\"error_msg\":\"busy\"}\n"},
        {", \"rejected_code\": 200", 200, ""},
        {", \"rejected_code\": 599", 599, "{\"error_msg\":\"599 Error\"}\n"},
        {", \"rejected_msg\": \"\\u20ac\\\"\"", 503, "{\"error_msg\":\"\xe2\x82\xac\\\"\"}\n"},
        {", \"rejected_msg\": \"a\", \"_meta\": {\"error_response\": \"b\"}", 503, "b"},
        {", \"rejected_code\": 399, \"rejected_msg\": \"a\", \"_meta\": {\"error_response\": "
         "\"b\"}",
         399, "{\"error_msg\":\"a\"}\n"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        const hg_test_exchange *first;
        const hg_test_exchange *second;
        char config[256];

        (void)snprintf(config, sizeof(config),
                       "{\"conn\": 1, \"burst\": 0, \"default_conn_delay\": 1,"
                       " \"key\": \"remote_addr\"%s}",
                       cases[i].options);
        route_put(*state, config);
        first = begin(*state);
        second = begin(*state);
        assert_int_equal(second->status, cases[i].status);
        assert_string_equal(second->body, cases[i].body);
        hg_test_finish(*state, first);
    }
}

static void a_full_table_fails_or_degrades(void **state)
{
    static const char config[] = "{\"conn\": 1, \"burst\": 0, \"default_conn_delay\": 1,"
                                 " \"key\": \"arg_k\"%s}";
    hg_error err = HG_ERROR_INIT;
    hg_test *test = hg_test_new();
    char text[256];
    uint32_t status = 0;

    (void)state;
    hg_test_on_failure(test, hg_test_fail_case, NULL);
    assert_int_equal(hg_test_load(test, hg_test_the_subject()->path, "{\"counters\": 1}", &err),
                     HG_OK);
    (void)snprintf(text, sizeof(text), config, "");
    route_put(test, text);
    for (int i = 0; i < 1000 && status == 0; i++) {
        (void)snprintf(text, sizeof(text), "/?k=%d", i);
        status = hg_test_begin(test, &(hg_test_request){.uri = text})->status;
    }
    assert_int_equal(status, 500);
    assert_int_equal(
        hg_test_log_count(test, HG_LOG_ERROR,
                          "failed to limit conn: no room for another key (plugin_attr: "
                          "counters)"),
        1);
    (void)snprintf(text, sizeof(text), config, ", \"allow_degradation\": false");
    route_put(test, text);
    assert_int_equal(hg_test_begin(test, &(hg_test_request){.uri = "/?k=more"})->status, 500);
    (void)snprintf(text, sizeof(text), config, ", \"allow_degradation\": true");
    route_put(test, text);
    assert_int_equal(hg_test_begin(test, &(hg_test_request){.uri = "/?k=more"})->tries, 1);
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

#define CONN                                                                                       \
    "{\"anyOf\": [{\"type\": \"integer\", \"exclusiveMinimum\": 0},"                               \
    " {\"type\": \"string\", \"minLength\": 1}]}"
#define BURST                                                                                      \
    "{\"anyOf\": [{\"type\": \"integer\", \"minimum\": 0}, {\"type\": \"string\", \"minLength\": " \
    "1}]}"

static void every_field_is_told(void **state)
{
    static const hg_test_fact facts[] = {
        {"/priority", "1003"},
        {"/flags", "[\"waits\"]"},
        {"/phases", "[\"access\", \"log\"]"},
        {"/schema", "{\"type\": \"object\", \"required\": [\"default_conn_delay\"],"
                    " \"oneOf\": [{\"required\": [\"conn\", \"burst\", \"key\"], \"not\": "
                    "{\"required\": [\"rules\"]}},"
                    " {\"required\": [\"rules\"], \"not\": {\"anyOf\": [{\"required\": [\"conn\"]},"
                    " {\"required\": [\"burst\"]}, {\"required\": [\"key\"]}]}}]}"},
        {"/schema/properties/conn", CONN},
        {"/schema/properties/burst", BURST},
        {"/schema/properties/default_conn_delay",
         "{\"type\": \"number\", \"exclusiveMinimum\": 0}"},
        {"/schema/properties/only_use_default_delay",
         "{\"type\": \"boolean\", \"default\": false}"},
        {"/schema/properties/key", "{\"type\": \"string\"}"},
        {"/schema/properties/key_type",
         "{\"type\": \"string\", \"enum\": [\"var\", \"var_combination\"], \"default\": \"var\"}"},
        {"/schema/properties/rules", "{\"type\": \"array\", \"minItems\": 1, \"items\": {\"type\": "
                                     "\"object\", \"properties\": {"
                                     "\"conn\": " CONN ", \"burst\": " BURST
                                     ", \"key\": {\"type\": \"string\", \"minLength\": 1}},"
                                     " \"required\": [\"conn\", \"burst\", \"key\"]}}"},
        {"/schema/properties/policy",
         "{\"type\": \"string\", \"enum\": [\"local\"], \"default\": \"local\"}"},
        {"/schema/properties/rejected_code",
         "{\"type\": \"integer\", \"minimum\": 200, \"maximum\": 599, \"default\": 503}"},
        {"/schema/properties/rejected_msg", "{\"type\": \"string\", \"minLength\": 1}"},
        {"/schema/properties/allow_degradation", "{\"type\": \"boolean\", \"default\": false}"},
        {"/attributes_schema", "{\"type\": \"object\"}"},
        {"/attributes_schema/properties/counters",
         "{\"type\": \"integer\", \"minimum\": 1, \"maximum\": 4194304, \"default\": 65536}"},
    };

    hg_test_expect_facts(*state, facts, ARRAY_SIZE(facts));
}

#define BASE "\"default_conn_delay\": 1, \"key\": \"a\""

static void configurations_are_judged(void **state)
{
    static const hg_test_row rows[] = {
        {"nothing", "{}", "property \"default_conn_delay\" is required"},
        {"no conn", "{\"burst\": 0, " BASE "}",
         "value should match only one schema, but matches none"},
        {"no burst", "{\"conn\": 1, " BASE "}",
         "value should match only one schema, but matches none"},
        {"no key", "{\"conn\": 1, \"burst\": 0, \"default_conn_delay\": 1}",
         "value should match only one schema, but matches none"},
        {"no delay", "{\"conn\": 1, \"burst\": 0, \"key\": \"a\"}",
         "property \"default_conn_delay\" is required"},
        {"least", "{\"conn\": 1, \"burst\": 0, " BASE "}", NULL},
        {"greatest", "{\"conn\": 9223372036854775807, \"burst\": 9223372036854775807, " BASE "}",
         NULL},
        {"conn one beyond", "{\"conn\": 9223372036854775808, \"burst\": 0, " BASE "}",
         "too big integer"},
        {"burst beyond 64 bits", "{\"conn\": 1, \"burst\": 1e300, " BASE "}",
         "/plugins/limit-conn/burst: found a number beyond 64 bits, wanted a smaller one"},
        {"burst 0.5", "{\"conn\": 1, \"burst\": 0.5, " BASE "}",
         "property \"burst\" validation failed: object matches none of the required"},
        {"burst empty", "{\"conn\": 1, \"burst\": \"\", " BASE "}",
         "property \"burst\" validation failed: object matches none of the required"},
        {"burst of another type", "{\"conn\": 1, \"burst\": null, " BASE "}",
         "property \"burst\" validation failed: object matches none of the required"},
        {"conn -1", "{\"conn\": -1, \"burst\": 0, " BASE "}",
         "property \"conn\" validation failed: object matches none of the required"},
        {"smallest delay",
         "{\"conn\": 1, \"burst\": 0, \"default_conn_delay\": 1e-300, \"key\": \"a\"}", NULL},
        {"delay -1", "{\"conn\": 1, \"burst\": 0, \"default_conn_delay\": -1, \"key\": \"a\"}",
         "property \"default_conn_delay\" validation failed: expected -1 to be greater than 0"},
        {"empty key", "{\"conn\": 1, \"burst\": 0, \"default_conn_delay\": 1, \"key\": \"\"}",
         NULL},
        {"key of another type",
         "{\"conn\": 1, \"burst\": 0, \"default_conn_delay\": 1, \"key\": 1}",
         "property \"key\" validation failed: wrong type: expected string, got number"},
        {"key_type var", "{\"conn\": 1, \"burst\": 0, \"key_type\": \"var\", " BASE "}", NULL},
        {"key_type var_combination",
         "{\"conn\": 1, \"burst\": 0, \"key_type\": \"var_combination\", " BASE "}", NULL},
        {"policy redis-cluster",
         "{\"conn\": 1, \"burst\": 0, \"policy\": \"redis-cluster\", " BASE "}",
         "property \"policy\" validation failed: matches none of the enum values"},
        {"rejected_code as text",
         "{\"conn\": 1, \"burst\": 0, \"rejected_code\": \"503\", " BASE "}",
         "property \"rejected_code\" validation failed: wrong type: expected integer, got string"},
        {"rejected_msg of one", "{\"conn\": 1, \"burst\": 0, \"rejected_msg\": \"b\", " BASE "}",
         NULL},
        {"rejected_msg of another type",
         "{\"conn\": 1, \"burst\": 0, \"rejected_msg\": 1, " BASE "}",
         "property \"rejected_msg\" validation failed: wrong type: expected string, got number"},
        {"rules and key alone",
         "{\"default_conn_delay\": 1, \"key\": \"a\","
         " \"rules\": [{\"conn\": 1, \"burst\": 0, \"key\": \"$a\"}]}",
         "value should match only one schema, but matches none"},
        {"rules and conn alone",
         "{\"default_conn_delay\": 1, \"conn\": 1,"
         " \"rules\": [{\"conn\": 1, \"burst\": 0, \"key\": \"$a\"}]}",
         "value should match only one schema, but matches none"},
        {"rules and burst alone",
         "{\"default_conn_delay\": 1, \"burst\": 1,"
         " \"rules\": [{\"conn\": 1, \"burst\": 0, \"key\": \"$a\"}]}",
         "value should match only one schema, but matches none"},
        {"rules of another type", "{\"default_conn_delay\": 1, \"rules\": {}}",
         "property \"rules\" validation failed: wrong type: expected array, got table"},
        {"rule of another type", "{\"default_conn_delay\": 1, \"rules\": [1]}",
         "property \"rules\" validation failed: failed to validate item 1: wrong type: expected "
         "object, got number"},
        {"rule with an empty key",
         "{\"default_conn_delay\": 1, \"rules\": [{\"conn\": 1, \"burst\": 0, \"key\": \"\"}]}",
         "property \"rules\" validation failed: failed to validate item 1: property \"key\" "
         "validation failed: string too short, expected at least 1, got 0"},
        {"rule with a key of another type",
         "{\"default_conn_delay\": 1, \"rules\": [{\"conn\": 1, \"burst\": 0, \"key\": 1}]}",
         "property \"rules\" validation failed: failed to validate item 1: property \"key\" "
         "validation failed: wrong type: expected string, got number"},
        {"second rule with a broken burst",
         "{\"default_conn_delay\": 1, \"rules\": [{\"conn\": 1, \"burst\": 0, \"key\": \"a\"},"
         " {\"conn\": 1, \"burst\": \"${\", \"key\": \"b\"}]}",
         "/plugins/limit-conn/rules/1/burst: found ${ without }"},
        {"conn 0", "{\"conn\": 0, \"burst\": 0, " BASE "}",
         "property \"conn\" validation failed: object matches none of the required"},
        {"conn beyond 64 bits", "{\"conn\": 1e300, \"burst\": 0, " BASE "}",
         "/plugins/limit-conn/conn: found a number beyond 64 bits, wanted a smaller one"},
        {"conn 1.5", "{\"conn\": 1.5, \"burst\": 0, " BASE "}",
         "property \"conn\" validation failed: object matches none of the required"},
        {"conn empty", "{\"conn\": \"\", \"burst\": 0, " BASE "}",
         "property \"conn\" validation failed: object matches none of the required"},
        {"conn broken", "{\"conn\": \"${\", \"burst\": 0, " BASE "}",
         "/plugins/limit-conn/conn: found ${ without } at offset 0, wanted text with variables "
         "such as $remote_addr"},
        {"conn of another type", "{\"conn\": [], \"burst\": 0, " BASE "}",
         "property \"conn\" validation failed: object matches none of the required"},
        {"burst -1", "{\"conn\": 1, \"burst\": -1, " BASE "}",
         "property \"burst\" validation failed: object matches none of the required"},
        {"burst broken", "{\"conn\": 1, \"burst\": \"${\", " BASE "}",
         "/plugins/limit-conn/burst: found ${ without } at offset 0, wanted text with variables "
         "such as $remote_addr"},
        {"delay 0", "{\"conn\": 1, \"burst\": 0, \"default_conn_delay\": 0, \"key\": \"a\"}",
         "property \"default_conn_delay\" validation failed: expected 0 to be greater than 0"},
        {"delay as text",
         "{\"conn\": 1, \"burst\": 0, \"default_conn_delay\": \"1\", \"key\": \"a\"}",
         "property \"default_conn_delay\" validation failed: wrong type: expected number, got "
         "string"},
        {"only_use_default_delay",
         "{\"conn\": 1, \"burst\": 0, \"only_use_default_delay\": 1, " BASE "}",
         "property \"only_use_default_delay\" validation failed: wrong type: expected boolean, got "
         "number"},
        {"key_type", "{\"conn\": 1, \"burst\": 0, \"key_type\": \"constant\", " BASE "}",
         "property \"key_type\" validation failed: matches none of the enum values"},
        {"broken combination",
         "{\"conn\": 1, \"burst\": 0, \"key_type\": \"var_combination\","
         " \"default_conn_delay\": 1, \"key\": \"${\"}",
         "/plugins/limit-conn/key: found ${ without } at offset 0, wanted text with variables such "
         "as $remote_addr"},
        {"rules",
         "{\"default_conn_delay\": 1, \"rules\": [{\"conn\": 1, \"burst\": 0,"
         " \"key\": \"$a\"}, {\"conn\": \"1\", \"burst\": \"0\", \"key\": \"$b\"}]}",
         NULL},
        {"no rules", "{\"default_conn_delay\": 1, \"rules\": []}",
         "property \"rules\" validation failed: expect array to have at least 1 items"},
        {"rules and conn",
         "{\"conn\": 1, \"burst\": 0, " BASE ", \"rules\": [{\"conn\": 1, \"burst\": 0,"
         " \"key\": \"$a\"}]}",
         "value should match only one schema, but matches none"},
        {"rule without key",
         "{\"default_conn_delay\": 1, \"rules\": [{\"conn\": 1, \"burst\": 0}]}",
         "property \"rules\" validation failed: failed to validate item 1: property \"key\" is "
         "required"},
        {"rule without conn",
         "{\"default_conn_delay\": 1, \"rules\": [{\"key\": \"$a\", \"burst\": 0}]}",
         "property \"rules\" validation failed: failed to validate item 1: property \"conn\" is "
         "required"},
        {"rule without burst",
         "{\"default_conn_delay\": 1, \"rules\": [{\"key\": \"$a\", \"conn\": 1}]}",
         "property \"rules\" validation failed: failed to validate item 1: property \"burst\" is "
         "required"},
        {"broken rule",
         "{\"default_conn_delay\": 1, \"rules\": [{\"conn\": 1, \"burst\": 0,"
         " \"key\": \"${\"}]}",
         "/plugins/limit-conn/rules/0/key: found ${ without } at offset 0, wanted text with "
         "variables such as $remote_addr"},
        {"keys twice",
         "{\"default_conn_delay\": 1, \"rules\": [{\"conn\": 1, \"burst\": 0, \"key\": \"$a\"},"
         " {\"conn\": 2, \"burst\": 0, \"key\": \"$a\"}]}",
         "/plugins/limit-conn/rules/1: found the key of an earlier rule, wanted a key of its own"},
        {"policy local", "{\"conn\": 1, \"burst\": 0, \"policy\": \"local\", " BASE "}", NULL},
        {"policy redis", "{\"conn\": 1, \"burst\": 0, \"policy\": \"redis\", " BASE "}",
         "property \"policy\" validation failed: matches none of the enum values"},
        {"rejected_code 199", "{\"conn\": 1, \"burst\": 0, \"rejected_code\": 199, " BASE "}",
         "property \"rejected_code\" validation failed: expected 199 to be at least 200"},
        {"rejected_code 200", "{\"conn\": 1, \"burst\": 0, \"rejected_code\": 200, " BASE "}",
         NULL},
        {"rejected_code 599", "{\"conn\": 1, \"burst\": 0, \"rejected_code\": 599, " BASE "}",
         NULL},
        {"rejected_code 600", "{\"conn\": 1, \"burst\": 0, \"rejected_code\": 600, " BASE "}",
         "property \"rejected_code\" validation failed: expected 600 to be at most 599"},
        {"empty rejected_msg", "{\"conn\": 1, \"burst\": 0, \"rejected_msg\": \"\", " BASE "}",
         "property \"rejected_msg\" validation failed: string too short, expected at least 1, got "
         "0"},
        {"allow_degradation", "{\"conn\": 1, \"burst\": 0, \"allow_degradation\": 1, " BASE "}",
         "property \"allow_degradation\" validation failed: wrong type: expected boolean, got "
         "number"},
    };

    hg_test_judge(*state, rows, ARRAY_SIZE(rows));
}

HG_TEST_MAIN("limit-conn",
             HG_TEST_CASE(requests_pass_wait_or_are_refused_by_how_many_there_are),
             HG_TEST_CASE(the_delay_follows_how_long_requests_take),
             HG_TEST_CASE(the_delay_is_learned_unless_told),
             HG_TEST_CASE(what_was_learned_is_forgotten_after_an_hour),
             HG_TEST_CASE(who_is_refused_teaches_nothing),
             HG_TEST_CASE(a_wait_is_an_hour_at_most),
             HG_TEST_CASE(a_count_belongs_to_its_object_and_content),
             HG_TEST_CASE(a_global_rule_and_a_route_both_count),
             HG_TEST_CASE(a_client_that_leaves_is_not_counted_any_more),
             HG_TEST_CASE(counts_outlive_a_reload_of_the_plugin),
             HG_TEST_CASE(requests_are_counted_by_their_key),
             HG_TEST_CASE(limits_may_be_text_with_variables),
             HG_TEST_CASE(numbers_are_read_as_they_are_written),
             HG_TEST_CASE(all_rules_have_to_let_a_request_pass),
             HG_TEST_CASE(a_rejection_looks_as_configured),
             HG_TEST_CASE(a_full_table_fails_or_degrades),
             HG_TEST_CASE(attributes_are_judged),
             HG_TEST_CASE(every_field_is_told),
             HG_TEST_CASE(configurations_are_judged))
