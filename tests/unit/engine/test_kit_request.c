/* tests/unit/engine/test_kit_request.c - what plugins read of requests and change in them. */
#include "tests/unit/engine/kit.h"

static void load(hg_test *test, const char *actions)
{
    char plugins[2048];

    kit_load(test, "request");
    (void)snprintf(plugins, sizeof(plugins), "{\"request\": {\"actions\": [%s]}}", actions);
    kit_route(test, plugins);
}

static void a_request_is_read_as_it_was_sent(void **state)
{
    static const struct {
        const char *label;
        const char *action;
        const char *line;
    } cases[] = {
        {"method", "{\"call\": \"method\"}", "method=POST"},
        {"scheme", "{\"call\": \"scheme\"}", "scheme=https"},
        {"host in lower case without port", "{\"call\": \"host\"}", "host=example.com"},
        {"decoded path", "{\"call\": \"uri\"}", "plugin request: uri=/a b/c"},
        {"raw target", "{\"call\": \"raw_uri\"}", "raw_uri=/a%20b/x/../c?q=1%202&Q=x"},
        {"arguments", "{\"call\": \"arguments\"}", "arguments=q=1%202&Q=x"},
        {"argument", "{\"call\": \"argument\", \"name\": \"q\"}", "argument=1 2"},
        {"argument in exact case", "{\"call\": \"argument\", \"name\": \"Q\"}", "argument=x"},
        {"no argument", "{\"call\": \"argument\", \"name\": \"z\"}", "argument is absent"},
        {"header in any case", "{\"call\": \"header\", \"name\": \"x-one\"}", "header=1"},
        {"all headers", "{\"call\": \"header_count\"}", "header_count=5"},
        {"cookie", "{\"call\": \"cookie\", \"name\": \"b\"}", "cookie=2"},
        {"no cookie", "{\"call\": \"cookie\", \"name\": \"B\"}", "cookie is absent"},
        {"client", "{\"call\": \"client\"}", "client=2001:db8::7"},
        {"route", "{\"call\": \"route_id\"}", "route_id=1"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        load(*state, cases[i].action);
        hg_test_log_clear(*state);
        (void)hg_test_send(*state, &(hg_test_request){
                                       .method = "POST",
                                       .uri = "/a%20b/x/../c?q=1%202&Q=x",
                                       .headers = "Host: Example.COM:8080\nX-One: 1\n"
                                                  "Cookie: a=1; b=2\nContent-Type: text/plain\n",
                                       .body = "hi",
                                       .client = "[2001:db8::7]:99",
                                       .https = true,
                                   });
        if (hg_test_log_count(*state, HG_LOG_NOTICE, cases[i].line) != 1) {
            fail_msg("%s: no \"%s\"", cases[i].label, cases[i].line);
        }
    }
}

static void listed_variables_have_values(void **state)
{
    static const struct {
        const char *name;
        const char *value;
    } cases[] = {
        {"remote_addr", "127.0.0.1"},
        {"remote_port", "40000"},
        {"server_addr", "127.0.0.1"},
        {"server_port", "9080"},
        {"uri", "/a b"},
        {"request_uri", "/a b?x=1"},
        {"real_request_uri", "/a%20b?x=1"},
        {"args", "x=1"},
        {"query_string", "x=1"},
        {"is_args", "?"},
        {"arg_x", "1"},
        {"host", "localhost"},
        {"http_host", "localhost"},
        {"http_x_real_ip", "1.1.1.1"},
        {"scheme", "http"},
        {"request_method", "GET"},
        {"request", "GET /a%20b?x=1 HTTP/1.1"},
        {"status", "201"},
        {"upstream_status", "201"},
        {"upstream_addr", "10.0.0.1:80"},
        {"upstream_response_time", "0.250"},
        {"upstream_http_x_up", "yes"},
        {"sent_http_x_up", "yes"},
        {"request_time", "0.250"},
        {"bytes_sent", "56"},
        {"body_bytes_sent", "4"},
        {"request_length", "64"},
        {"request_id", "00000000000000000000000000000001"},
        {"msec", "1700000000.250"},
        {"time_iso8601", "2023-11-14T22:13:20+00:00"},
        {"route_id", "1"},
        {"balancer_ip", "10.0.0.1"},
        {"balancer_port", "80"},
        {"upstream_unresolved_host", "10.0.0.1"},
        {"matched_uri", "/*"},
    };
    hg_test *test;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        void *own = NULL;
        char action[256];
        char line[256];

        assert_int_equal(kit_begin(&own), 0);
        test = own;
        (void)snprintf(action, sizeof(action),
                       "{\"phase\": \"log\", \"call\": \"variable\", \"name\": \"%s\"}",
                       cases[i].name);
        (void)snprintf(line, sizeof(line), "variable=%s", cases[i].value);
        load(test, action);
        hg_test_set_upstream(
            test, &(hg_test_upstream){
                      .status = 201, .headers = "X-Up: yes\n", .body = "body", .delay_ms = 250});
        (void)hg_test_send(
            test, &(hg_test_request){.uri = "/a%20b?x=1", .headers = "X-Real-IP: 1.1.1.1\n"});
        if (hg_test_log_count(test, HG_LOG_NOTICE, line) != 1) {
            fail_msg("%s: \"%s\"", cases[i].name, hg_test_log_line(test, 0, NULL));
        }
        hg_test_free(test);
    }
}

static void remember(void *context, const char *text)
{
    (void)snprintf(context, 256, "%s", text);
}

static void an_unlisted_variable_fails_the_test(void **state)
{
    char text[256] = "";

    load(*state, "{\"call\": \"variable\", \"name\": \"ssl_cipher_of_mine\"}");
    hg_test_on_failure(*state, remember, text);
    (void)hg_test_get(*state, "/");
    assert_non_null(strstr(text, "variable $ssl_cipher_of_mine is not in the list"));
}

static void the_upstream_sees_what_was_changed(void **state)
{
    const hg_test_exchange *exchange;

    load(*state, "{\"call\": \"set_method\", \"value\": \"PUT\"},"
                 "{\"call\": \"set_uri\", \"value\": \"/new path?\"},"
                 "{\"call\": \"set_arguments\", \"value\": \"a=b\"},"
                 "{\"call\": \"set_header\", \"name\": \"X-One\", \"value\": \"2\"},"
                 "{\"phase\": \"access\", \"call\": \"add_header\", \"name\": \"x-one\","
                 " \"value\": \"3\"},"
                 "{\"call\": \"remove_header\", \"name\": \"X-Two\"},"
                 "{\"call\": \"set_body\", \"value\": \"longer\"},"
                 "{\"phase\": \"before_proxy\", \"call\": \"set_upstream_host\","
                 " \"value\": \"up.example\"}");
    exchange = hg_test_send(*state, &(hg_test_request){.method = "POST",
                                                       .uri = "/old?x",
                                                       .headers = "X-One: 1\nX-Two: 1\n",
                                                       .body = "abc"});
    assert_int_equal(exchange->tries, 1);
    assert_string_equal(exchange->upstream_method, "PUT");
    assert_string_equal(exchange->upstream_uri, "/new%20path%3F");
    assert_string_equal(exchange->upstream_arguments, "a=b");
    assert_string_equal(exchange->upstream_host, "up.example");
    assert_string_equal(exchange->upstream_node, "10.0.0.1:80");
    assert_string_equal(exchange->upstream_body, "longer");
    assert_string_equal(hg_test_upstream_header(*state, exchange, "X-One"), "2, 3");
    assert_string_equal(hg_test_upstream_header(*state, exchange, "Content-Length"), "6");
    assert_null(hg_test_upstream_header(*state, exchange, "X-Two"));
}

static void a_header_that_was_changed_is_read_anew(void **state)
{
    load(*state, "{\"call\": \"variable\", \"name\": \"http_x_dash_ed\"},"
                 "{\"call\": \"set_header\", \"name\": \"X-Dash-Ed\", \"value\": \"new\"},"
                 "{\"call\": \"variable\", \"name\": \"http_x_dash_ed\"},"
                 "{\"phase\": \"access\", \"call\": \"remove_header\", \"name\": \"x-dash-ed\"},"
                 "{\"phase\": \"access\", \"call\": \"variable\", \"name\": \"http_x_dash_ed\"}");
    (void)hg_test_send(*state, &(hg_test_request){.uri = "/", .headers = "X-Dash-Ed: old\n"});
    kit_assert_log(*state, "variable=old");
    kit_assert_log(*state, "variable=new");
    kit_assert_log(*state, "variable is absent");
}

static void single_arguments_are_taken_out(void **state)
{
    static const struct {
        const char *label;
        const char *name;
        const char *uri;
        const char *arguments; /* that the upstream gets; NULL: none */
    } cases[] = {
        {"one of three", "b", "/?a=1&b=2&c=%33", "a=1&c=%33"},
        {"the first", "a", "/?a=1&b=2", "b=2"},
        {"the last", "b", "/?a=1&b=2", "a=1"},
        {"the only one", "a", "/?a=1", NULL},
        {"all of that name", "a", "/?a=1&b=2&a=3&a", "b=2"},
        {"encoded name", "key", "/?k%65y=1&keys=2", "keys=2"},
        {"encoded blank", "a b", "/?a+b=1&a%20b=2&c", "c"},
        {"without a value", "a", "/?a&b", "b"},
        {"none of that name", "x", "/?a=1&&b=%zz", "a=1&&b=%zz"},
        {"exact case", "a", "/?A=1", "A=1"},
        {"no arguments", "a", "/", NULL},
        {"empty name", "", "/?=1&a", "a"},
        {"cut escape", "a%6", "/?a%6=1&b", "b"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char action[128];
        const hg_test_exchange *exchange;

        (void)snprintf(action, sizeof(action), "{\"call\": \"remove_argument\", \"name\": \"%s\"}",
                       cases[i].name);
        load(*state, action);
        exchange = hg_test_get(*state, cases[i].uri);
        if (exchange->tries != 1 ||
            (exchange->upstream_arguments == NULL) != (cases[i].arguments == NULL) ||
            (cases[i].arguments != NULL &&
             strcmp(exchange->upstream_arguments, cases[i].arguments) != 0)) {
            fail_msg("%s: got \"%s\"", cases[i].label, exchange->upstream_arguments);
        }
    }
}

static void single_cookies_are_taken_out(void **state)
{
    static const struct {
        const char *label;
        const char *name;
        const char *headers;
        const char *cookies; /* that the upstream gets; NULL: none */
    } cases[] = {
        {"one of three", "b", "Cookie: a=1; b=2; c=3\n", "a=1; c=3"},
        {"the only one", "a", "Cookie: a=1\n", NULL},
        {"all of that name", "a", "Cookie: a=1; b=2\nCookie: a=3; c=4\n", "b=2; c=4"},
        {"without blanks", "b", "Cookie: a=1;b=2;c=3\n", "a=1; c=3"},
        {"none of that name", "x", "Cookie: a=1;b=2;;c\n", "a=1;b=2;;c"},
        {"a longer name", "a", "Cookie: ab=1; a=2\n", "ab=1"},
        {"exact case", "A", "Cookie: a=1\n", "a=1"},
        {"in its value", "b", "Cookie: a=b=1\n", "a=b=1"},
        {"no cookies", "a", "X-One: 1\n", NULL},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char action[128];
        const hg_test_exchange *exchange;
        const char *got;

        (void)snprintf(action, sizeof(action), "{\"call\": \"remove_cookie\", \"name\": \"%s\"}",
                       cases[i].name);
        load(*state, action);
        exchange = hg_test_send(*state, &(hg_test_request){.headers = cases[i].headers});
        got = hg_test_upstream_header(*state, exchange, "Cookie");
        if (exchange->tries != 1 || (got == NULL) != (cases[i].cookies == NULL) ||
            (got != NULL && strcmp(got, cases[i].cookies) != 0)) {
            fail_msg("%s: got \"%s\"", cases[i].label, got);
        }
    }
}

static void an_unchanged_target_goes_upstream_as_it_came(void **state)
{
    const hg_test_exchange *exchange;

    load(*state, "");
    exchange = hg_test_get(*state, "/a%2Fb//c/./d?x=%41");
    assert_string_equal(exchange->upstream_uri, "/a%2Fb//c/./d");
    assert_string_equal(exchange->upstream_arguments, "x=%41");
    assert_string_equal(exchange->upstream_host, "localhost");
    exchange = hg_test_get(*state, "/");
    assert_null(exchange->upstream_arguments);
}

static void a_change_that_breaks_its_rules_or_comes_too_late_is_refused(void **state)
{
    static const struct {
        const char *label;
        const char *action;
        const char *line;
    } cases[] = {
        {"value with a line feed",
         "{\"call\": \"set_header\", \"name\": \"X-One\", \"value\": \"a\\nb\"}",
         "set_header -> 1"},
        {"name that is no token",
         "{\"call\": \"add_header\", \"name\": \"X One\", \"value\": \"a\"}", "add_header -> 1"},
        {"path without a slash", "{\"call\": \"set_uri\", \"value\": \"a\"}", "set_uri -> 1"},
        {"blank in arguments", "{\"call\": \"set_arguments\", \"value\": \"a b\"}",
         "set_arguments -> 1"},
        {"body after access",
         "{\"phase\": \"before_proxy\", \"call\": \"set_body\", \"value\": \"a\"}",
         "set_body -> 6"},
        {"header after it was sent",
         "{\"phase\": \"header_filter\", \"call\": \"set_header\", \"name\": \"A\","
         " \"value\": \"b\"}",
         "set_header -> 6"},
        {"argument after it was sent",
         "{\"phase\": \"header_filter\", \"call\": \"remove_argument\", \"name\": \"a\"}",
         "remove_argument -> 6"},
        {"cookie after it was sent",
         "{\"phase\": \"log\", \"call\": \"remove_cookie\", \"name\": \"a\"}",
         "remove_cookie -> 6"},
        {"method in the log phase",
         "{\"phase\": \"log\", \"call\": \"set_method\","
         " \"value\": \"PUT\"}",
         "set_method -> 6"},
        {"response header in the log phase",
         "{\"phase\": \"log\", \"call\": \"set_response_header\", \"name\": \"A\","
         " \"value\": \"b\"}",
         "set_response_header -> 6"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        load(*state, cases[i].action);
        hg_test_log_clear(*state);
        (void)hg_test_get(*state, "/");
        if (hg_test_log_count(*state, HG_LOG_NOTICE, cases[i].line) != 1) {
            fail_msg("%s: \"%s\"", cases[i].label, hg_test_log_line(*state, 0, NULL));
        }
    }
}

static void data_of_a_request_lives_through_its_phases_and_no_longer(void **state)
{
    load(*state, "{\"phase\": \"log\", \"call\": \"data\"}");
    (void)hg_test_get(*state, "/");
    (void)hg_test_get(*state, "/");
    assert_int_equal(hg_test_log_count(*state, HG_LOG_NOTICE, "data=5"), 2);
}

static void every_try_runs_before_proxy_and_goes_to_another_node(void **state)
{
    const hg_test_exchange *exchange;

    load(*state, "{\"phase\": \"before_proxy\", \"call\": \"variable\","
                 " \"name\": \"balancer_port\"}");
    hg_test_set_upstream(*state, &(hg_test_upstream){.body = "ok", .failures = 1});
    exchange = hg_test_get(*state, "/");
    assert_int_equal(exchange->tries, 2);
    assert_int_equal(exchange->status, 200);
    assert_string_equal(exchange->upstream_node, "10.0.0.2:81");
    kit_assert_log(*state, "variable=80");
    kit_assert_log(*state, "variable=81");

    hg_test_set_upstream(*state, &(hg_test_upstream){.failures = 9});
    exchange = hg_test_get(*state, "/");
    assert_int_equal(exchange->tries, 2);
    assert_int_equal(exchange->status, 502);
}

static void names_of_nodes_are_looked_up(void **state)
{
    hg_error err = HG_ERROR_INIT;
    const hg_test_exchange *exchange;

    assert_int_equal(hg_test_put(*state, "routes/n",
                                 "{\"uri\": \"/n\", \"upstream\": {\"pass_host\": \"node\","
                                 " \"nodes\": {\"origin.example:8000\": 1}}}",
                                 &err),
                     HG_OK);
    assert_int_equal(hg_test_put(*state, "routes/i",
                                 "{\"uri\": \"/i\", \"upstream\": {\"nodes\":"
                                 " {\"no.invalid\": 1}}}",
                                 &err),
                     HG_OK);
    exchange = hg_test_get(*state, "/n");
    assert_string_equal(exchange->upstream_node, "192.0.2.53:8000");
    assert_string_equal(exchange->upstream_host, "origin.example:8000");
    exchange = hg_test_get(*state, "/i");
    assert_int_equal(exchange->status, 502);
    assert_int_equal(exchange->tries, 0);
}

static void what_no_route_takes_is_answered_by_the_gateway(void **state)
{
    const hg_test_exchange *exchange = hg_test_get(*state, "/nowhere");

    assert_int_equal(exchange->status, 404);
    assert_string_equal(exchange->body, "{\"error_msg\":\"404 Route Not Found\"}\n");
    assert_string_equal(hg_test_header(*state, exchange, "content-type"), "application/json");
    assert_int_equal(exchange->tries, 0);
}

static void a_request_that_cannot_be_sent_fails_the_test(void **state)
{
    static const struct {
        const char *label;
        hg_test_request request;
    } cases[] = {
        {"relative path", {.uri = "a"}},         {"bad escape", {.uri = "/%4"}},
        {"above the root", {.uri = "/../a"}},    {"header without a colon", {.headers = "Bad\n"}},
        {"no address", {.client = "localhost"}},
    };
    char text[256];

    hg_test_on_failure(*state, remember, text);
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        text[0] = '\0';
        (void)hg_test_send(*state, &cases[i].request);
        if (strncmp(text, "request: ", 9) != 0) {
            fail_msg("%s: \"%s\"", cases[i].label, text);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        KIT_TEST(a_request_is_read_as_it_was_sent),
        KIT_TEST(listed_variables_have_values),
        KIT_TEST(an_unlisted_variable_fails_the_test),
        KIT_TEST(the_upstream_sees_what_was_changed),
        KIT_TEST(a_header_that_was_changed_is_read_anew),
        KIT_TEST(single_arguments_are_taken_out),
        KIT_TEST(single_cookies_are_taken_out),
        KIT_TEST(an_unchanged_target_goes_upstream_as_it_came),
        KIT_TEST(a_change_that_breaks_its_rules_or_comes_too_late_is_refused),
        KIT_TEST(data_of_a_request_lives_through_its_phases_and_no_longer),
        KIT_TEST(every_try_runs_before_proxy_and_goes_to_another_node),
        KIT_TEST(names_of_nodes_are_looked_up),
        KIT_TEST(what_no_route_takes_is_answered_by_the_gateway),
        KIT_TEST(a_request_that_cannot_be_sent_fails_the_test),
    };

    return cmocka_run_group_tests_name("kit_request", tests, NULL, NULL);
}
