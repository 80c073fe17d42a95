/* tests/unit/engine/test_kit_responding.c - plugins that decide on an upstream's response, and wait
 * before they do. */
#include "tests/unit/engine/kit.h"

static void route(hg_test *test, const char *config)
{
    char plugins[1024];

    (void)snprintf(plugins, sizeof(plugins), "{\"responding\": %s}", config);
    kit_route(test, plugins);
}

static void load(hg_test *test, const char *config)
{
    kit_load(test, "responding");
    route(test, config);
}

static void put(hg_test *test, const char *key, const char *text)
{
    hg_error err = HG_ERROR_INIT;

    if (hg_test_put(test, key, text, &err) != HG_OK) {
        fail_msg("%s: %s", key, err.text);
    }
}

static void upstream(hg_test *test, const char *headers, const char *body)
{
    hg_test_set_upstream(test,
                         &(hg_test_upstream){.headers = headers, .body = body, .piece_bytes = 4});
}

static void
expect_header(hg_test *test, const hg_test_exchange *exchange, const char *name, const char *value)
{
    const char *found = hg_test_header(test, exchange, name);

    if (value == NULL ? found != NULL : found == NULL || strcmp(found, value) != 0) {
        fail_msg("%s: found \"%s\", wanted \"%s\"", name, found == NULL ? "(none)" : found,
                 value == NULL ? "(none)" : value);
    }
}

static void status_and_headers_change_before_any_filter(void **state)
{
    const hg_test_exchange *exchange;

    kit_load(*state, "response");
    kit_load(*state, "responding");
    kit_route(*state, "{\"responding\": {\"status\": 418, \"header\": \"new\", \"remove\": "
                      "\"x-gone\"}, \"response\": {\"early_header\": \"soon\"}}");
    upstream(*state, "X-Gone: 1\nX-Stays: 2\n", "abc");
    exchange = hg_test_get(*state, "/");
    assert_int_equal(exchange->status, 418);
    expect_header(*state, exchange, "X-Responding", "new");
    expect_header(*state, exchange, "X-Gone", NULL);
    expect_header(*state, exchange, "X-Stays", "2");
    expect_header(*state, exchange, "X-Early", "soon");
    assert_string_equal(exchange->body, "abc");
    kit_assert_log(*state, "phase 8, status 200");
    kit_assert_log(*state, "status is 418"); /* in header_filter */
}

static void global_rules_decide_first_and_each_once(void **state)
{
    const hg_test_exchange *exchange;

    load(*state, "{\"header\": \"route\", \"sleep\": \"5ms\"}");
    put(*state, "global_rules/1",
        "{\"plugins\": {\"responding\": {\"header\": \"global\", \"sleep\": \"10ms\"}}}");
    hg_test_set_upstream(*state, &(hg_test_upstream){.failures = 1}); /* a retry decides nothing */
    exchange = hg_test_get(*state, "/");
    expect_header(*state, exchange, "X-Responding", "global, route");
    assert_int_equal(exchange->tries, 2);
    assert_int_equal(hg_test_log_count(*state, 0, "phase 8"), 2);
}

static void nothing_is_sent_while_a_callback_waits(void **state)
{
    const hg_test_exchange *exchange;

    load(*state, "{\"sleep\": \"500ms\", \"header\": \"late\"}");
    upstream(*state, NULL, "abcdefg");
    exchange = hg_test_begin(*state, &(hg_test_request){0});
    hg_test_advance(*state, 499);
    assert_false(exchange->ended);
    assert_int_equal(exchange->pieces, 0);
    hg_test_finish(*state, exchange);
    assert_int_equal(exchange->status, 200);
    assert_string_equal(exchange->body, "abcdefg");
    assert_int_equal(exchange->pieces, 2);
    expect_header(*state, exchange, "X-Responding", "late");
    assert_int_equal(hg_test_now_ms(*state), HG_TEST_START_MS + 500);
}

static void the_whole_body_is_waited_for(void **state)
{
    static const struct {
        const char *label;
        const char *config;
        hg_test_upstream upstream;
        const char *method;
        const char *line;
        const char *body; /* that the client gets */
    } rows[] = {
        {"whole",
         "{\"body_max\": 7}",
         {.body = "abcdefg"},
         "GET",
         "body -> 0, 7 bytes: abcdefg",
         "abcdefg"},
        {"in pieces, without a length",
         "{\"body_max\": 7}",
         {.body = "abcdefg", .piece_bytes = 2, .without_length = true},
         "GET",
         "body -> 0, 7 bytes: abcdefg",
         "abcdefg"},
        {"late",
         "{\"body_max\": 7}",
         {.body = "abcdefg", .body_delay_ms = 300},
         "GET",
         "body -> 0, 7 bytes: abcdefg",
         "abcdefg"},
        {"empty", "{\"body_max\": 7}", {.status = 200}, "GET", "body -> 0, 0 bytes: ", ""},
        {"of HEAD", "{\"body_max\": 7}", {.body = "abcdefg"}, "HEAD", "body -> 0, 0 bytes: ", ""},
        {"of 304", "{\"body_max\": 7}", {.status = 304}, "GET", "body -> 0, 0 bytes: ", ""},
        {"too large",
         "{\"body_max\": 6}",
         {.body = "abcdefg", .piece_bytes = 2},
         "GET",
         "body -> 7, 0 bytes: ",
         "abcdefg"},
        {"too large at once",
         "{\"body_max\": 6}",
         {.body = "abcdefg"},
         "GET",
         "body -> 7, 0 bytes: ",
         "abcdefg"},
        {"with a larger limit again",
         "{\"body_max\": 3, \"body_again\": 7}",
         {.body = "abcdefg", .piece_bytes = 2},
         "GET",
         "body -> 0, 7 bytes: abcdefg",
         "abcdefg"},
        {"broken off",
         "{\"body_max\": 7}",
         {.body = "abc", .body_breaks_off = true},
         "GET",
         "body -> 10, 0 bytes: ",
         "abc"},
    };

    kit_load(*state, "responding");
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        const hg_test_exchange *exchange;

        route(*state, rows[i].config);
        hg_test_log_clear(*state);
        hg_test_set_upstream(*state, &rows[i].upstream);
        exchange = hg_test_send(*state, &(hg_test_request){.method = rows[i].method});
        if (hg_test_log_count(*state, 0, rows[i].line) != 1 ||
            strcmp(exchange->body, rows[i].body) != 0 ||
            exchange->broken_off != rows[i].upstream.body_breaks_off) {
            fail_msg("%s: \"%s\", body \"%s\"", rows[i].label, hg_test_log_line(*state, 1, NULL),
                     exchange->body);
        }
    }
    assert_int_equal(hg_test_now_ms(*state), HG_TEST_START_MS + 300);
}

static void a_second_call_returns_the_same_body(void **state)
{
    load(*state, "{\"body_max\": 9, \"body_again\": 9}");
    upstream(*state, NULL, "abcdefg");
    assert_string_equal(hg_test_get(*state, "/")->body, "abcdefg");
    assert_int_equal(hg_test_log_count(*state, 0, "body -> 0, 7 bytes: abcdefg"), 2);
    route(*state, "{\"body_max\": 9, \"body_again\": 6}");
    (void)hg_test_get(*state, "/");
    kit_assert_log(*state, "body -> 7, 0 bytes: ");
}

static void another_body_takes_the_place(void **state)
{
    const hg_test_exchange *exchange;

    load(*state, "{\"body\": \"another\", \"body_max\": 100, \"header\": \"replaced\"}");
    upstream(*state, "Content-Type: text/x-old\nETag: \"1\"\nAccept-Ranges: bytes\nX-Stays: 1\n",
             "the upstream's");
    exchange = hg_test_get(*state, "/");
    assert_string_equal(exchange->body, "another");
    expect_header(*state, exchange, "Content-Length", "7");
    expect_header(*state, exchange, "Content-Type", "text/x-old");
    expect_header(*state, exchange, "ETag", "W/\"1\"");
    expect_header(*state, exchange, "Accept-Ranges", NULL);
    expect_header(*state, exchange, "X-Stays", "1");

    route(*state, "{\"body\": \"\"}");
    exchange = hg_test_get(*state, "/");
    assert_string_equal(exchange->body, "");
    expect_header(*state, exchange, "Content-Length", "0");
}

/* Of HEAD the headers are those that GET would have; 204 and 304 have no length at all. */
static void a_replaced_body_is_not_sent_where_there_can_be_none(void **state)
{
    static const struct {
        const char *method;
        uint32_t status;
        const char *length;
    } rows[] = {{"HEAD", 200, "7"}, {"GET", 204, NULL}, {"GET", 304, NULL}};

    load(*state, "{\"body\": \"another\"}");
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        const hg_test_exchange *exchange;

        hg_test_set_upstream(*state, &(hg_test_upstream){.status = rows[i].status});
        exchange = hg_test_send(*state, &(hg_test_request){.method = rows[i].method});
        assert_int_equal(exchange->status, rows[i].status);
        assert_int_equal(exchange->body_length, 0);
        expect_header(*state, exchange, "Content-Length", rows[i].length);
    }
}

static void a_part_that_is_replaced_becomes_a_whole(void **state)
{
    const hg_test_exchange *exchange;

    load(*state, "{\"body\": \"another\"}");
    hg_test_set_upstream(*state, &(hg_test_upstream){.status = 206,
                                                     .headers = "Content-Range: bytes 0-2/9\n",
                                                     .body = "abc"});
    exchange = hg_test_get(*state, "/");
    assert_int_equal(exchange->status, 200);
    expect_header(*state, exchange, "Content-Range", NULL);
    assert_string_equal(exchange->body, "another");
}

static void a_later_plugin_gets_the_body_that_an_earlier_one_has_set(void **state)
{
    load(*state, "{\"body_max\": 100}");
    put(*state, "global_rules/1", "{\"plugins\": {\"responding\": {\"body\": \"another\"}}}");
    upstream(*state, NULL, "the upstream's");
    assert_string_equal(hg_test_get(*state, "/")->body, "another");
    kit_assert_log(*state, "body -> 0, 7 bytes: another");
    route(*state, "{\"body_max\": 6}");
    (void)hg_test_get(*state, "/");
    kit_assert_log(*state, "body -> 7, 0 bytes: ");
}

/* Headers of the upstream go; what this phase, or an earlier one, has set stays. */
static void an_exit_takes_the_place_of_the_response(void **state)
{
    static const char *const waits[] = {"0s", "20ms"};

    kit_load(*state, "response");
    kit_load(*state, "responding");
    for (size_t i = 0; i < ARRAY_SIZE(waits); i++) {
        const hg_test_exchange *exchange;
        char plugins[512];

        (void)snprintf(plugins, sizeof(plugins),
                       "{\"responding\": {\"sleep\": \"%s\", \"header\": \"set\", \"exit\": 418, "
                       "\"exit_body\": \"short\"}, \"response\": {\"early_header\": \"soon\"}}",
                       waits[i]);
        kit_route(*state, plugins);
        hg_test_log_clear(*state);
        upstream(*state, "Content-Type: text/x-old\nSet-Cookie: a=1\nETag: \"1\"\n", "long long");
        exchange = hg_test_get(*state, "/");
        assert_int_equal(exchange->status, 418);
        assert_string_equal(exchange->body, "short");
        expect_header(*state, exchange, "Content-Length", "5");
        expect_header(*state, exchange, "Content-Type", "text/x-exit");
        expect_header(*state, exchange, "Set-Cookie", NULL);
        expect_header(*state, exchange, "ETag", NULL);
        expect_header(*state, exchange, "X-Responding", "set");
        expect_header(*state, exchange, "X-Early", "soon");
        kit_assert_log(*state, "responding exits with http status code 418");
        kit_assert_log(*state, "piece 1: 5 bytes, the last"); /* filters see that response */
        kit_assert_log(*state, "plugin responding: ended with 418");
    }
}

static void an_exit_ends_the_phase(void **state)
{
    load(*state, "{\"header\": \"route\"}");
    put(*state, "global_rules/1", "{\"plugins\": {\"responding\": {\"exit\": 403}}}");
    assert_int_equal(hg_test_get(*state, "/")->status, 403);
    assert_int_equal(hg_test_log_count(*state, 0, "phase 8"), 1);
}

static void an_exit_may_have_no_body(void **state)
{
    static const struct {
        const char *exit;
        const char *body;
        const char *length;
    } rows[] = {
        {"204", "", NULL},
        {"201", "", "0"},
        {"502", "{\"error_msg\":\"502 Bad Gateway\"}\n", "32"},
    };

    kit_load(*state, "responding");
    upstream(*state, NULL, "the upstream's");
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        const hg_test_exchange *exchange;
        char config[64];

        (void)snprintf(config, sizeof(config), "{\"exit\": %s}", rows[i].exit);
        route(*state, config);
        exchange = hg_test_get(*state, "/");
        assert_int_equal(exchange->status, atoi(rows[i].exit));
        assert_string_equal(exchange->body, rows[i].body);
        expect_header(*state, exchange, "Content-Length", rows[i].length);
    }
}

static void an_exit_has_the_error_response_of_its_configuration(void **state)
{
    const hg_test_exchange *exchange;

    load(*state, "{\"exit\": 500, \"_meta\": {\"error_response\": {\"message\": \"sorry\"}}}");
    exchange = hg_test_get(*state, "/");
    assert_int_equal(exchange->status, 500);
    assert_string_equal(exchange->body, "{\"message\":\"sorry\"}\n");
    expect_header(*state, exchange, "Content-Type", "application/json");
}

static void ending_without_an_exit_is_a_mistake_that_is_told(void **state)
{
    load(*state, "{\"done_without_exit\": true}");
    assert_int_equal(hg_test_get(*state, "/")->status, 500);
    kit_assert_log(*state, "plugin responding returned HG_DONE without calling hg_exit()");
}

static void a_broken_body_can_be_replaced(void **state)
{
    const hg_test_exchange *exchange;

    load(*state, "{\"body_max\": 100, \"exit\": 502}");
    hg_test_set_upstream(*state, &(hg_test_upstream){.body = "abc", .body_breaks_off = true});
    exchange = hg_test_get(*state, "/");
    assert_int_equal(exchange->status, 502);
    assert_false(exchange->broken_off);
    assert_string_equal(exchange->body, "{\"error_msg\":\"502 Bad Gateway\"}\n");
}

static void what_no_upstream_has_sent_is_not_decided_on(void **state)
{
    kit_load(*state, "exit");
    load(*state, "{\"exit\": 403}");
    hg_test_set_upstream(*state, &(hg_test_upstream){.failures = 5});
    assert_int_equal(hg_test_get(*state, "/")->status, 502);
    kit_route(
        *state,
        "{\"responding\": {\"exit\": 403}, \"exit\": {\"way\": \"status\", \"status\": 201}}");
    assert_int_equal(hg_test_get(*state, "/")->status, 201);
    assert_int_equal(hg_test_log_count(*state, 0, "phase 8"), 0);
}

static void the_body_of_the_request_is_still_there(void **state)
{
    load(*state, "{\"request_body_max\": 100}");
    (void)hg_test_send(*state, &(hg_test_request){.method = "POST", .body = "question"});
    kit_assert_log(*state, "request body -> 0, 8 bytes: question");
    route(*state, "{\"request_body_max\": 7}");
    (void)hg_test_send(*state, &(hg_test_request){.method = "POST", .body = "question"});
    kit_assert_log(*state, "request body -> 7, 0 bytes: ");
}

static void a_filter_decides_there_too(void **state)
{
    const hg_test_exchange *exchange;

    load(*state, "{\"sleep\": \"1ms\", \"header\": \"yes\", \"_meta\": {\"filter\": [[\"arg_do\", "
                 "\"==\", \"it\"]]}}");
    exchange = hg_test_get(*state, "/?do=it");
    expect_header(*state, exchange, "X-Responding", "yes");
    exchange = hg_test_get(*state, "/?do=not");
    expect_header(*state, exchange, "X-Responding", NULL);
}

/* The request's body is asked for before it goes upstream: there is no other callback to do it. */
static void a_filter_on_the_body_is_decided(void **state)
{
    const hg_test_exchange *exchange;

    load(*state, "{\"header\": \"yes\", \"_meta\": {\"filter\": [[\"post_arg_do\", \"==\", "
                 "\"it\"]]}}");
    exchange = hg_test_send(
        *state, &(hg_test_request){.method = "POST",
                                   .headers = "Content-Type: application/x-www-form-urlencoded\n",
                                   .body = "do=it"});
    expect_header(*state, exchange, "X-Responding", "yes");
}

static void a_client_that_goes_cancels_the_wait(void **state)
{
    static const char *const waits[] = {"{\"sleep\": \"1h\", \"header\": \"x\"}",
                                        "{\"body_max\": 9, \"header\": \"x\"}"};

    kit_load(*state, "responding");
    for (size_t i = 0; i < ARRAY_SIZE(waits); i++) {
        const hg_test_exchange *exchange;

        route(*state, waits[i]);
        hg_test_log_clear(*state);
        hg_test_set_upstream(*state, &(hg_test_upstream){.body = "a", .body_delay_ms = 3600000});
        exchange = hg_test_begin(*state, &(hg_test_request){0});
        assert_false(exchange->ended);
        hg_test_cancel(*state, exchange);
        assert_true(exchange->ended);
        assert_int_equal(exchange->status, 499);
        kit_assert_log(*state, "canceled");
        kit_assert_log(*state, "ended with 499");
    }
}

static void a_function_on_a_thread_is_waited_for(void **state)
{
    load(*state, "{\"offload\": \"20ms\", \"header\": \"after\"}");
    expect_header(*state, hg_test_get(*state, "/"), "X-Responding", "after");
    kit_assert_log(*state, "offload -> 0");
}

static void these_calls_belong_to_their_phase(void **state)
{
    load(*state, "{\"in_filter\": true}");
    upstream(*state, NULL, "abc");
    assert_string_equal(hg_test_get(*state, "/")->body, "abc");
    kit_assert_log(*state, "in the filter -> 9");
    kit_assert_log(*state, "set in the filter -> 6");
}

/* The request finishes with what it began with. */
static void a_reload_while_it_waits_changes_nothing_for_it(void **state)
{
    const hg_test_exchange *exchange;
    hg_error err = HG_ERROR_INIT;

    load(*state, "{\"sleep\": \"1s\", \"header\": \"first\"}");
    exchange = hg_test_begin(*state, &(hg_test_request){0});
    assert_int_equal(hg_test_load(*state, kit_path("responding"), NULL, &err), HG_OK);
    route(*state, "{\"header\": \"second\"}");
    assert_int_equal(hg_test_objects_mapped(*state), 2);
    hg_test_finish(*state, exchange);
    expect_header(*state, exchange, "X-Responding", "first");
    assert_int_equal(hg_test_objects_mapped(*state), 1);
    expect_header(*state, hg_test_get(*state, "/"), "X-Responding", "second");
}

static void the_phase_is_named_in_its_place(void **state)
{
    json_t *told;
    const json_t *phases;

    kit_load(*state, "responding");
    told = hg_test_describe(*state, "responding");
    phases = json_object_get(told, "phases");
    assert_int_equal(json_array_size(phases), 3);
    assert_string_equal(json_string_value(json_array_get(phases, 0)), "response");
    assert_string_equal(json_string_value(json_array_get(phases, 1)), "header_filter");
    json_decref(told);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        KIT_TEST(status_and_headers_change_before_any_filter),
        KIT_TEST(global_rules_decide_first_and_each_once),
        KIT_TEST(nothing_is_sent_while_a_callback_waits),
        KIT_TEST(the_whole_body_is_waited_for),
        KIT_TEST(a_second_call_returns_the_same_body),
        KIT_TEST(another_body_takes_the_place),
        KIT_TEST(a_replaced_body_is_not_sent_where_there_can_be_none),
        KIT_TEST(a_part_that_is_replaced_becomes_a_whole),
        KIT_TEST(a_later_plugin_gets_the_body_that_an_earlier_one_has_set),
        KIT_TEST(an_exit_takes_the_place_of_the_response),
        KIT_TEST(an_exit_ends_the_phase),
        KIT_TEST(an_exit_may_have_no_body),
        KIT_TEST(an_exit_has_the_error_response_of_its_configuration),
        KIT_TEST(ending_without_an_exit_is_a_mistake_that_is_told),
        KIT_TEST(a_broken_body_can_be_replaced),
        KIT_TEST(what_no_upstream_has_sent_is_not_decided_on),
        KIT_TEST(the_body_of_the_request_is_still_there),
        KIT_TEST(a_filter_decides_there_too),
        KIT_TEST(a_filter_on_the_body_is_decided),
        KIT_TEST(a_client_that_goes_cancels_the_wait),
        KIT_TEST(a_function_on_a_thread_is_waited_for),
        KIT_TEST(these_calls_belong_to_their_phase),
        KIT_TEST(a_reload_while_it_waits_changes_nothing_for_it),
        KIT_TEST(the_phase_is_named_in_its_place),
    };

    return cmocka_run_group_tests_name("kit_responding", tests, NULL, NULL);
}
