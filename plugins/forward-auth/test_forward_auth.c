/* test_forward_auth.c - who is asked what, and what becomes of the request. */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <hotgate/http.h>
#include <hotgate/test_cmocka.h>

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))
#define URI               "\"uri\": \"http://auth.example/check?x=1\""

/** The server that is asked: what it answers, and what it has seen. */
typedef struct auth_server {
    hg_test_reply reply;
    unsigned calls;
    char method[8];
    char url[128];
    char headers[1024];
    char body[128];
    uint64_t timeout_ms;
    uint32_t flags;
} auth_server;

static bool answer(void *context, const hg_test_call *call, hg_test_reply *reply)
{
    auth_server *own = context;

    own->calls++;
    (void)snprintf(own->method, sizeof(own->method), "%s", call->method);
    (void)snprintf(own->url, sizeof(own->url), "%s", call->url);
    (void)snprintf(own->headers, sizeof(own->headers), "%s", call->headers);
    (void)snprintf(own->body, sizeof(own->body), "%s", call->body);
    own->timeout_ms = call->timeout_ms;
    own->flags = call->flags;
    *reply = own->reply;
    return true;
}

/* One request through a route with URI and these options. */
static const hg_test_exchange *
run(void **state, auth_server *server, const char *options, const hg_test_request *request)
{
    char config[1024];

    hg_test_on_call(*state, answer, server);
    (void)snprintf(config, sizeof(config), "{" URI "%s}", options);
    return hg_test_run(*state, config, request);
}

static void the_server_is_told_of_the_request(void **state)
{
    static const hg_test_request request = {
        .method = "PUT",
        .uri = "/a/../c?d=e&f",
        .headers = "Host: Shop.Example:8080\nAuthorization: Bearer x\nX-Forwarded-Uri: /forged\n",
        .client = "192.0.2.7:1234",
        .body = "not sent",
        .https = true,
    };
    auth_server server = {.calls = 0};

    assert_int_equal(run(state, &server, "", &request)->status, 200);
    assert_int_equal(server.calls, 1);
    assert_string_equal(server.method, "GET");
    assert_string_equal(server.url, "http://auth.example/check?x=1");
    assert_string_equal(server.headers, "X-Forwarded-Proto: https\n"
                                        "X-Forwarded-Method: PUT\n"
                                        "X-Forwarded-Host: shop.example\n"
                                        "X-Forwarded-Uri: /c?d=e&f\n"
                                        "X-Forwarded-For: 192.0.2.7\n");
    assert_string_equal(server.body, "");
    assert_int_equal(server.timeout_ms, 3000);
    assert_int_equal(server.flags, 0);
}

static void a_post_has_the_body(void **state)
{
    static const hg_test_request request = {
        .method = "POST",
        .headers = "Content-Type: text/plain\nContent-Encoding: x\nExpect: 100-continue\n",
        .body = "the body",
        .body_delay_ms = 10,
    };
    auth_server server = {.calls = 0};
    const hg_test_exchange *exchange;

    exchange = run(state, &server, ", \"request_method\": \"POST\"", &request);
    assert_int_equal(exchange->status, 200);
    assert_string_equal(exchange->upstream_body, "the body");
    assert_string_equal(server.method, "POST");
    assert_string_equal(server.body, "the body");
    assert_non_null(strstr(server.headers, "Content-Encoding: x\n"));
    assert_null(strstr(server.headers, "Content-Type"));
    assert_null(strstr(server.headers, "Expect"));
    (void)run(state, &server, ", \"request_method\": \"POST\"", NULL);
    assert_string_equal(server.method, "POST");
    assert_string_equal(server.body, "");
}

static void a_body_that_cannot_be_read_is_an_error(void **state)
{
    static char large[(16 << 20) + 1];
    auth_server server = {.calls = 0};
    hg_test_request request = {.method = "POST", .body = large, .body_length = sizeof(large)};

    memset(large, 'a', sizeof(large));
    assert_int_equal(run(state, &server, ", \"request_method\": \"POST\"", &request)->status, 403);
    assert_int_equal(hg_test_log_count(*state, HG_LOG_WARN, "too large to be judged"), 1);
    request.body_length--;
    assert_int_equal(server.calls, 0);
    assert_int_equal(run(state, &server, ", \"request_method\": \"POST\"", &request)->status, 200);
    assert_int_equal(server.calls, 1);
}

static void headers_of_the_request_are_sent_on(void **state)
{
    static const struct {
        const char *label;
        const char *options;
        const char *headers;
        const char *has;     /* the server gets this; NULL: nothing is looked for */
        const char *has_not; /* and not that */
    } cases[] = {
        {"none by itself", "", "Authorization: a\nCookie: b\n", NULL, "Cookie"},
        {"those named", ", \"request_headers\": [\"Authorization\"]",
         "authorization: a\nCookie: b\n", "Authorization: a\n", "Cookie"},
        {"in any case", ", \"request_headers\": [\"authorization\"]", "Authorization: a\n",
         "authorization: a\n", NULL},
        {"all of one name", ", \"request_headers\": [\"X-A\"]", "X-A: 1\nX-B: 2\nX-A: 3\n",
         "X-A: 1\nX-A: 3\n", "X-B"},
        {"an empty one", ", \"request_headers\": [\"X-A\"]", "X-A:\n", "X-A: \n", NULL},
        {"one that is not there", ", \"request_headers\": [\"X-A\"]", "X-B: 2\n", NULL, "X-A"},
        {"not those about the request", ", \"request_headers\": [\"x-forwarded-for\"]",
         "X-Forwarded-For: 6.6.6.6\n", "X-Forwarded-For: 127.0.0.1\n", "6.6.6.6"},
        {"not those about the body's length",
         ", \"request_headers\": [\"Content-Length\", \"Transfer-Encoding\", \"Connection\"]",
         "Content-Length: 0\nConnection: close\n", NULL, "Con"},
        {"host", ", \"request_headers\": [\"Host\"]", "Host: a.example\n", "Host: a.example\n",
         NULL},
        {"extra", ", \"extra_headers\": {\"X-Route\": \"$route_id\", \"X-Const\": \"c\"}", "",
         "X-Const: c\n", NULL},
        {"extra with variables", ", \"extra_headers\": {\"X-Who\": \"$remote_addr for $http_x_a\"}",
         "X-A: 1\n", "X-Who: 127.0.0.1 for 1\n", NULL},
        {"extra before what the client sends",
         ", \"extra_headers\": {\"X-A\": \"gateway\"}, \"request_headers\": [\"X-A\"]",
         "X-A: client\n", "X-A: gateway\n", "client"},
        {"extra before what is forwarded", ", \"extra_headers\": {\"x-forwarded-host\": \"h\"}",
         "Host: client\n", "x-forwarded-host: h\n", "X-Forwarded-Host"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        auth_server server = {.calls = 0};
        hg_test_request request = {.headers = cases[i].headers};

        (void)run(state, &server, cases[i].options, &request);
        if (server.calls != 1 ||
            (cases[i].has != NULL && strstr(server.headers, cases[i].has) == NULL) ||
            (cases[i].has_not != NULL && strstr(server.headers, cases[i].has_not) != NULL)) {
            fail_msg("%s: %u calls, \"%s\"", cases[i].label, server.calls, server.headers);
        }
    }
}

static void a_value_that_would_be_two_lines_is_refused(void **state)
{
    auth_server server = {.calls = 0};
    hg_test_request request = {.uri = "/?a=x%0d%0aX-Admin:%201"};

    assert_int_equal(
        run(state, &server, ", \"extra_headers\": {\"X-A\": \"$arg_a\"}", &request)->status, 403);
    assert_int_equal(server.calls, 0);
}

static void a_good_answer_lets_the_request_go_on(void **state)
{
    static const struct {
        const char *label;
        hg_test_reply reply;
        const char *options;
        const char *client; /* headers of the request */
        const char *x_user; /* what the upstream gets of it; NULL: none */
    } cases[] = {
        {"set", {.headers = "X-User: jack\n"}, ", \"upstream_headers\": [\"X-User\"]", "", "jack"},
        {"other status",
         {.status = 299, .headers = "X-User: jack\n"},
         ", \"upstream_headers\": [\"x-user\"]",
         "",
         "jack"},
        {"in the place of the client's",
         {.headers = "X-User: jack\n"},
         ", \"upstream_headers\": [\"X-User\"]",
         "X-User: admin\nx-user: root\n",
         "jack"},
        {"absent ones are removed",
         {.headers = "X-Other: 1\n"},
         ", \"upstream_headers\": [\"X-User\"]",
         "X-User: admin\n",
         NULL},
        {"several",
         {.headers = "X-User: a\nX-User: b\n"},
         ", \"upstream_headers\": [\"X-User\"]",
         "",
         "a, b"},
        {"not asked for", {.headers = "X-User: jack\n"}, "", "X-User: me\n", "me"},
        {"not the client's",
         {.headers = "X-User: jack\n"},
         ", \"client_headers\": [\"X-User\"]",
         "",
         NULL},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        auth_server server = {.reply = cases[i].reply};
        hg_test_request request = {.headers = cases[i].client};
        const hg_test_exchange *exchange = run(state, &server, cases[i].options, &request);
        const char *got = hg_test_upstream_header(*state, exchange, "X-User");

        if (exchange->status != 200 || exchange->tries != 1 ||
            strcmp(got == NULL ? "" : got, cases[i].x_user == NULL ? "" : cases[i].x_user) != 0 ||
            hg_test_header(*state, exchange, "X-User") != NULL) {
            fail_msg("%s: %u, \"%s\"", cases[i].label, exchange->status, got);
        }
    }
}

static void a_refusal_is_the_clients_answer(void **state)
{
    static const struct {
        const char *label;
        hg_test_reply reply;
        const char *options;
        uint32_t status;
        const char *body;
        const char *type;
        const char *location; /* a header; NULL: none */
    } cases[] = {
        {"status and body",
         {.status = 401, .body = "who?"},
         "",
         401,
         "who?",
         "text/plain; charset=utf-8",
         NULL},
        {"its type",
         {.status = 403, .body = "{}", .headers = "Content-Type: application/json\n"},
         "",
         403,
         "{}",
         "application/json",
         NULL},
        {"headers",
         {.status = 302, .headers = "Location: /login\nX-B: 1\n"},
         ", \"client_headers\": [\"location\"]",
         302,
         "",
         "text/plain; charset=utf-8",
         "/login"},
        {"no headers by themselves",
         {.status = 302, .headers = "Location: /login\n"},
         "",
         302,
         "",
         "text/plain; charset=utf-8",
         NULL},
        {"not those of the upstream",
         {.status = 300, .headers = "Location: /login\n"},
         ", \"upstream_headers\": [\"Location\"]",
         300,
         "",
         "text/plain; charset=utf-8",
         NULL},
        {"server error",
         {.status = 500, .body = "oops"},
         "",
         500,
         "oops",
         "text/plain; charset=utf-8",
         NULL},
        {"also with degradation",
         {.status = 503, .body = "no"},
         ", \"allow_degradation\": true",
         503,
         "no",
         "text/plain; charset=utf-8",
         NULL},
        {"its length is ours",
         {.status = 400, .body = "abc", .headers = "Content-Length: 99\n"},
         ", \"client_headers\": [\"Content-Length\"]",
         400,
         "abc",
         "text/plain; charset=utf-8",
         NULL},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        auth_server server = {.reply = cases[i].reply};
        const hg_test_exchange *got = run(state, &server, cases[i].options, NULL);
        const char *location = hg_test_header(*state, got, "Location");

        if (got->status != cases[i].status || got->tries != 0 ||
            strcmp(got->body, cases[i].body) != 0 ||
            strcmp(hg_test_header(*state, got, "Content-Type"), cases[i].type) != 0 ||
            strcmp(location == NULL ? "" : location,
                   cases[i].location == NULL ? "" : cases[i].location) != 0) {
            fail_msg("%s: %u \"%s\" %s", cases[i].label, got->status, got->body, location);
        }
    }
    assert_int_equal(hg_test_log_count(*state, HG_LOG_WARN, "forward-auth exits with http status"),
                     5);
}

static void who_cannot_be_asked_refuses(void **state)
{
    static const struct {
        const char *label;
        hg_test_reply reply;
        const char *options;
        uint32_t status;
        const char *log;
    } cases[] = {
        {"refused", {.failure = HG_ERR_IO}, "", 403, "http://auth.example:80"},
        {"TLS", {.failure = HG_ERR_TLS}, "", 403, "http://auth.example:80"},
        {"slow", {.delay_ms = 3001}, "", 403, "within 3000 ms"},
        {"slower than told", {.delay_ms = 51}, ", \"timeout\": 50", 403, "within 50 ms"},
        {"own status",
         {.failure = HG_ERR_IO},
         ", \"status_on_error\": 503",
         503,
         "http://auth.example:80"},
        {"degrades",
         {.failure = HG_ERR_IO},
         ", \"allow_degradation\": true",
         200,
         "http://auth.example:80"},
        {"no status that there is", {.status = 700}, "", 403, "none of 200 to 599"},
        {"informational", {.status = 199}, ", \"status_on_error\": 599", 599, "none of 200"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        auth_server server = {.reply = cases[i].reply};
        const hg_test_exchange *got;

        hg_test_log_clear(*state);
        got = run(state, &server, cases[i].options, NULL);
        if (got->status != cases[i].status ||
            hg_test_log_count(*state, HG_LOG_WARN, "failed to process forward auth, err: ") != 1 ||
            hg_test_log_count(*state, HG_LOG_WARN, cases[i].log) != 1) {
            fail_msg("%s: %u", cases[i].label, got->status);
        }
    }
}

static void a_client_cannot_forge_what_the_server_would_say(void **state)
{
    auth_server server = {.reply = {.failure = HG_ERR_IO}};
    hg_test_request request = {.headers = "X-User: admin\n"};
    const hg_test_exchange *exchange =
        run(state, &server, ", \"allow_degradation\": true, \"upstream_headers\": [\"X-User\"]",
            &request);

    assert_int_equal(exchange->status, 200);
    assert_null(hg_test_upstream_header(*state, exchange, "X-User"));
}

static void the_call_is_made_as_configured(void **state)
{
    auth_server server = {.calls = 0};

    (void)run(state, &server, ", \"ssl_verify\": false, \"timeout\": 60000", NULL);
    assert_int_equal(server.flags, HG_HTTP_INSECURE);
    assert_int_equal(server.timeout_ms, 60000);
    (void)run(state, &server,
              ", \"keepalive\": false, \"keepalive_timeout\": 1000, \"keepalive_pool\": 1", NULL);
    assert_int_equal(server.flags, HG_HTTP_NO_KEEPALIVE);
}

static void a_client_that_goes_away_is_no_error(void **state)
{
    auth_server server = {.reply = {.delay_ms = 1000}};
    const hg_test_exchange *exchange;

    hg_test_on_call(*state, answer, &server);
    (void)run(state, &server, "", NULL);
    exchange = hg_test_begin(*state, &(hg_test_request){0});
    hg_test_cancel(*state, exchange);
    assert_true(exchange->canceled);
    assert_int_equal(hg_test_log_count(*state, HG_LOG_WARN, ""), 0);
}

static void every_field_is_told(void **state)
{
    static const hg_test_fact facts[] = {
        {"/priority", "2002"},
        {"/flags", "[\"waits\"]"},
        {"/phases", "[\"access\"]"},
        {"/schema/required", "[\"uri\"]"},
        {"/schema/properties/uri",
         "{\"type\": \"string\", \"pattern\": \"^https?://[^/?#\\\\s]+[^\\\\s]*$\"}"},
        {"/schema/properties/request_method",
         "{\"type\": \"string\", \"enum\": [\"GET\", \"POST\"], \"default\": \"GET\"}"},
        {"/schema/properties/request_headers",
         "{\"type\": \"array\", \"items\": {\"type\": \"string\", \"minLength\": 1,"
         " \"pattern\": \"^[!#$%&'*+.^_`|~0-9A-Za-z-]+$\"}}"},
        {"/schema/properties/upstream_headers",
         "{\"type\": \"array\", \"items\": {\"type\": \"string\", \"minLength\": 1,"
         " \"pattern\": \"^[!#$%&'*+.^_`|~0-9A-Za-z-]+$\"}}"},
        {"/schema/properties/client_headers",
         "{\"type\": \"array\", \"items\": {\"type\": \"string\", \"minLength\": 1,"
         " \"pattern\": \"^[!#$%&'*+.^_`|~0-9A-Za-z-]+$\"}}"},
        {"/schema/properties/extra_headers", "{\"type\": \"object\", \"minProperties\": 1,"
                                             " \"additionalProperties\": {\"type\": \"string\"}}"},
        {"/schema/properties/ssl_verify", "{\"type\": \"boolean\", \"default\": true}"},
        {"/schema/properties/timeout",
         "{\"type\": \"integer\", \"minimum\": 1, \"maximum\": 60000, \"default\": 3000}"},
        {"/schema/properties/keepalive", "{\"type\": \"boolean\", \"default\": true}"},
        {"/schema/properties/keepalive_timeout",
         "{\"type\": \"integer\", \"minimum\": 1000, \"default\": 60000}"},
        {"/schema/properties/keepalive_pool",
         "{\"type\": \"integer\", \"minimum\": 1, \"default\": 5}"},
        {"/schema/properties/allow_degradation", "{\"type\": \"boolean\", \"default\": false}"},
        {"/schema/properties/status_on_error",
         "{\"type\": \"integer\", \"minimum\": 200, \"maximum\": 599, \"default\": 403}"},
    };

    hg_test_expect_facts(*state, facts, ARRAY_SIZE(facts));
}

static void configurations_are_judged(void **state)
{
    static const hg_test_row rows[] = {
        {"least", "{" URI "}", NULL},
        {"https", "{\"uri\": \"https://a.example\"}", NULL},
        {"no uri", "{}", "property \"uri\" is required"},
        {"no scheme", "{\"uri\": \"a.example\"}", "property \"uri\" validation failed"},
        {"other scheme", "{\"uri\": \"ftp://a.example\"}", "property \"uri\" validation failed"},
        {"no host", "{\"uri\": \"http:///a\"}", "property \"uri\" validation failed"},
        {"blank", "{\"uri\": \"http://a /b\"}", "property \"uri\" validation failed"},
        {"number", "{\"uri\": 1}", "property \"uri\" validation failed"},
        {"method", "{" URI ", \"request_method\": \"PUT\"}", "property \"request_method\""},
        {"request header", "{" URI ", \"request_headers\": [\"A B\"]}",
         "property \"request_headers\""},
        {"request headers", "{" URI ", \"request_headers\": \"A\"}",
         "property \"request_headers\""},
        {"upstream header", "{" URI ", \"upstream_headers\": [\"\"]}",
         "property \"upstream_headers\""},
        {"client header", "{" URI ", \"client_headers\": [1]}", "property \"client_headers\""},
        {"no extra header", "{" URI ", \"extra_headers\": {}}", "property \"extra_headers\""},
        {"extra header's name", "{" URI ", \"extra_headers\": {\"A:\": \"b\"}}",
         "names of headers"},
        {"extra header's empty name", "{" URI ", \"extra_headers\": {\"\": \"b\"}}",
         "names of headers"},
        {"extra header of the body", "{" URI ", \"extra_headers\": {\"content-length\": \"1\"}}",
         "names of headers"},
        {"extra header's value", "{" URI ", \"extra_headers\": {\"A\": 1}}",
         "property \"extra_headers\""},
        {"extra header with variables", "{" URI ", \"extra_headers\": {\"A\": \"$host\"}}", NULL},
        {"ssl_verify", "{" URI ", \"ssl_verify\": 1}", "property \"ssl_verify\""},
        {"no timeout", "{" URI ", \"timeout\": 0}", "property \"timeout\""},
        {"least timeout", "{" URI ", \"timeout\": 1}", NULL},
        {"longest timeout", "{" URI ", \"timeout\": 60000}", NULL},
        {"longer timeout", "{" URI ", \"timeout\": 60001}", "property \"timeout\""},
        {"keepalive", "{" URI ", \"keepalive\": \"yes\"}", "property \"keepalive\""},
        {"keepalive_timeout", "{" URI ", \"keepalive_timeout\": 999}",
         "property \"keepalive_timeout\""},
        {"keepalive_pool", "{" URI ", \"keepalive_pool\": 0}", "property \"keepalive_pool\""},
        {"allow_degradation", "{" URI ", \"allow_degradation\": null}",
         "property \"allow_degradation\""},
        {"least status", "{" URI ", \"status_on_error\": 200}", NULL},
        {"lower status", "{" URI ", \"status_on_error\": 199}", "property \"status_on_error\""},
        {"highest status", "{" URI ", \"status_on_error\": 599}", NULL},
        {"higher status", "{" URI ", \"status_on_error\": 600}", "property \"status_on_error\""},
    };

    hg_test_judge_on(*state, HG_TEST_ON_ROUTE, rows, ARRAY_SIZE(rows));
}

HG_TEST_MAIN("forward-auth",
             HG_TEST_CASE(the_server_is_told_of_the_request),
             HG_TEST_CASE(a_post_has_the_body),
             HG_TEST_CASE(a_body_that_cannot_be_read_is_an_error),
             HG_TEST_CASE(headers_of_the_request_are_sent_on),
             HG_TEST_CASE(a_value_that_would_be_two_lines_is_refused),
             HG_TEST_CASE(a_good_answer_lets_the_request_go_on),
             HG_TEST_CASE(a_refusal_is_the_clients_answer),
             HG_TEST_CASE(who_cannot_be_asked_refuses),
             HG_TEST_CASE(a_client_cannot_forge_what_the_server_would_say),
             HG_TEST_CASE(the_call_is_made_as_configured),
             HG_TEST_CASE(a_client_that_goes_away_is_no_error),
             HG_TEST_CASE(every_field_is_told),
             HG_TEST_CASE(configurations_are_judged))
