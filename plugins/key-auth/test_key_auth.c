/* test_key_auth.c - which keys pass, what others are told, what the upstream sees. */
#include <stdio.h>
#include <string.h>

#include <hotgate/test_cmocka.h>

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

static int begin_with_jack(void **state)
{
    if (hg_test_set_up(state) != 0) {
        return -1;
    }
    hg_test_must_put(*state, "consumers/jack",
                     "{\"username\": \"jack\", \"plugins\": {\"key-auth\": {\"key\": \"k 1\"}}}");
    return 0;
}

static void a_key_identifies_its_consumer(void **state)
{
    static const struct {
        const char *label;
        const char *config;
        const char *uri;
        const char *headers;
        const char *message; /* of the refusal; NULL: passes */
    } cases[] = {
        {"header", "{}", "/", "apikey: k 1\n", NULL},
        {"header in any case", "{}", "/", "APIKEY: k 1\n", NULL},
        {"query", "{}", "/?apikey=k%201", "", NULL},
        {"header before query", "{}", "/?apikey=no", "apikey: k 1\n", NULL},
        {"wrong header, right query", "{}", "/?apikey=k%201", "apikey: no\n",
         "Invalid API key in request"},
        {"none", "{}", "/", "", "Missing API key in request"},
        {"wrong key", "{}", "/", "apikey: k 2\n", "Invalid API key in request"},
        {"empty key", "{}", "/", "apikey: \n", "Invalid API key in request"},
        {"own header", "{\"header\": \"X-Key\"}", "/", "x-key: k 1\n", NULL},
        {"the default's header", "{\"header\": \"X-Key\"}", "/", "apikey: k 1\n",
         "Missing API key in request"},
        {"own argument", "{\"query\": \"k\"}", "/?k=k%201", "", NULL},
        {"the default's argument", "{\"query\": \"k\"}", "/?apikey=k%201", "",
         "Missing API key in request"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        hg_test_request request = {.uri = cases[i].uri, .headers = cases[i].headers};
        const hg_test_exchange *exchange = hg_test_run(*state, cases[i].config, &request);
        char body[128];

        (void)snprintf(body, sizeof(body), "{\"message\":\"%s\"}\n",
                       cases[i].message == NULL ? "" : cases[i].message);
        if (cases[i].message == NULL) {
            const char *name = hg_test_upstream_header(*state, exchange, "X-Consumer-Username");

            if (exchange->status != 200 || name == NULL || strcmp(name, "jack") != 0) {
                fail_msg("%s: got %u %s", cases[i].label, exchange->status, exchange->body);
            }
        } else if (exchange->status != 401 || strcmp(exchange->body, body) != 0 ||
                   exchange->tries != 0) {
            fail_msg("%s: got %u %s", cases[i].label, exchange->status, exchange->body);
        }
    }
}

static void a_refusal_names_its_realm(void **state)
{
    hg_test_request request = {.uri = "/"};
    const hg_test_exchange *exchange = hg_test_run(*state, "{}", &request);

    assert_string_equal(hg_test_header(*state, exchange, "WWW-Authenticate"),
                        "apikey realm=\"key\"");
    assert_string_equal(hg_test_header(*state, exchange, "Content-Type"), "application/json");
    exchange = hg_test_run(*state, "{\"realm\": \"my house\"}", &request);
    assert_string_equal(hg_test_header(*state, exchange, "WWW-Authenticate"),
                        "apikey realm=\"my house\"");
    assert_int_equal(
        hg_test_log_count(*state, HG_LOG_WARN, "key-auth exits with http status code 401"), 2);
}

static void credentials_are_hidden_on_demand(void **state)
{
    static const struct {
        const char *label;
        const char *config;
        const char *uri;
        const char *headers;
        const char *header;    /* that the upstream gets; NULL: none */
        const char *arguments; /* the same */
    } cases[] = {
        {"header is kept", "{}", "/", "apikey: k 1\n", "k 1", NULL},
        {"header is hidden", "{\"hide_credentials\": true}", "/", "apikey: k 1\n", NULL, NULL},
        {"query is kept", "{}", "/?a=1&apikey=k%201", "", NULL, "a=1&apikey=k%201"},
        {"query is hidden", "{\"hide_credentials\": true}", "/?a=1&apikey=k%201&b", "", NULL,
         "a=1&b"},
        {"alone", "{\"hide_credentials\": true}", "/?apikey=k%201", "", NULL, NULL},
        {"twice", "{\"hide_credentials\": true}", "/?apikey=k%201&x=y&apikey=2", "", NULL, "x=y"},
        {"encoded name", "{\"hide_credentials\": true}", "/?api%6Bey=k%201&apikey2=1", "", NULL,
         "apikey2=1"},
        {"a header hides no query", "{\"hide_credentials\": true}", "/?apikey=x", "apikey: k 1\n",
         NULL, "apikey=x"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        hg_test_request request = {.uri = cases[i].uri, .headers = cases[i].headers};
        const hg_test_exchange *exchange = hg_test_run(*state, cases[i].config, &request);
        const char *header = hg_test_upstream_header(*state, exchange, "apikey");
        const char *arguments = exchange->upstream_arguments;

        if (exchange->tries != 1 || (header == NULL) != (cases[i].header == NULL) ||
            (arguments == NULL) != (cases[i].arguments == NULL) ||
            (arguments != NULL && strcmp(arguments, cases[i].arguments) != 0)) {
            fail_msg("%s: header %s, arguments %s", cases[i].label, header, arguments);
        }
    }
}

static void who_is_not_identified_is_the_anonymous_consumer(void **state)
{
    static const struct {
        const char *label;
        const char *config;
        const char *headers;
        const char *consumer; /* NULL: refused */
    } cases[] = {
        {"no key", "{\"anonymous_consumer\": \"nobody\"}", "", "nobody"},
        {"wrong key", "{\"anonymous_consumer\": \"nobody\"}", "apikey: no\n", "nobody"},
        {"right key", "{\"anonymous_consumer\": \"nobody\"}", "apikey: k 1\n", "jack"},
        {"no such consumer", "{\"anonymous_consumer\": \"somebody\"}", "", NULL},
        {"no such consumer, right key", "{\"anonymous_consumer\": \"somebody\"}", "apikey: k 1\n",
         "jack"},
    };

    hg_test_must_put(*state, "consumers/nobody", "{\"username\": \"nobody\"}");
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        hg_test_request request = {.headers = cases[i].headers};
        const hg_test_exchange *got = hg_test_run(*state, cases[i].config, &request);
        const char *name = hg_test_upstream_header(*state, got, "X-Consumer-Username");

        if (cases[i].consumer == NULL) {
            assert_int_equal(got->status, 401);
            assert_string_equal(got->body, "{\"message\":\"Invalid user authorization\"}\n");
            assert_string_equal(hg_test_header(*state, got, "WWW-Authenticate"),
                                "apikey realm=\"key\"");
            assert_int_equal(hg_test_log_count(*state, HG_LOG_ERROR,
                                               "the anonymous consumer somebody is not there"),
                             1);
        } else if (got->status != 200 || strcmp(name, cases[i].consumer) != 0 ||
                   hg_test_header(*state, got, "WWW-Authenticate") != NULL) {
            fail_msg("%s: got %u, %s", cases[i].label, got->status, name);
        }
    }
}

static void a_wrong_key_is_hidden_too(void **state)
{
    hg_test_request request = {.headers = "apikey: of another service\n"};
    const hg_test_exchange *got;

    hg_test_must_put(*state, "consumers/nobody", "{\"username\": \"nobody\"}");
    got = hg_test_run(*state, "{\"anonymous_consumer\": \"nobody\", \"hide_credentials\": true}",
                      &request);
    assert_int_equal(got->status, 200);
    assert_null(hg_test_upstream_header(*state, got, "apikey"));
}

static void a_client_cannot_name_its_consumer(void **state)
{
    hg_test_request request = {.headers = "apikey: k 1\nX-Consumer-Username: admin\n"
                                          "X-Credential-Identifier: 1\nX-Consumer-Custom-ID: 2\n"};
    const hg_test_exchange *got = hg_test_run(*state, "{}", &request);

    assert_string_equal(hg_test_upstream_header(*state, got, "X-Consumer-Username"), "jack");
    assert_null(hg_test_upstream_header(*state, got, "X-Credential-Identifier"));
    assert_null(hg_test_upstream_header(*state, got, "X-Consumer-Custom-ID"));
}

static void a_changed_key_counts_at_once(void **state)
{
    hg_test_request request = {.headers = "apikey: new\n"};
    hg_error err = HG_ERROR_INIT;

    assert_int_equal(hg_test_run(*state, "{}", &request)->status, 401);
    assert_int_equal(
        hg_test_put(*state, "consumers/jack",
                    "{\"username\": \"jack\", \"plugins\": {\"key-auth\": {\"key\": \"new\"}}}",
                    &err),
        HG_OK);
    assert_int_equal(hg_test_send(*state, &request)->status, 200);
    assert_int_equal(hg_test_delete(*state, "consumers/jack", &err), HG_OK);
    assert_int_equal(hg_test_send(*state, &request)->status, 401);
}

static void configurations_are_judged(void **state)
{
    static const hg_test_row rows[] = {
        {"defaults", "{}", NULL},
        {"empty header", "{\"header\": \"\"}",
         "property \"header\" validation failed: string too short, expected at least 1, got 0"},
        {"header of another type", "{\"header\": 1}",
         "property \"header\" validation failed: wrong type: expected string, got number"},
        {"empty query", "{\"query\": \"\"}",
         "property \"query\" validation failed: string too short, expected at least 1, got 0"},
        {"query of another type", "{\"query\": []}",
         "property \"query\" validation failed: wrong type: expected string, got table"},
        {"hide_credentials of another type", "{\"hide_credentials\": 1}",
         "property \"hide_credentials\" validation failed: wrong type: expected boolean, got "
         "number"},
        {"realm with a quote", "{\"realm\": \"a\\\"b\"}",
         "property \"realm\" validation failed: failed to match pattern "
         "\"^[^\\\"\\\\\\\\\\\\x00-\\\\x1f\\\\x7f]*$\" with \"a\\\"b\""},
        {"realm with a line break", "{\"realm\": \"a\\nb\"}",
         "property \"realm\" validation failed: failed to match pattern "
         "\"^[^\\\"\\\\\\\\\\\\x00-\\\\x1f\\\\x7f]*$\" with \"a\\\nb\""},
        {"realm of another type", "{\"realm\": true}",
         "property \"realm\" validation failed: wrong type: expected string, got boolean"},
        {"anonymous_consumer", "{\"anonymous_consumer\": \"nobody\"}", NULL},
        {"empty anonymous_consumer", "{\"anonymous_consumer\": \"\"}",
         "property \"anonymous_consumer\" validation failed: string too short, expected at least "
         "1, got 0"},
        {"anonymous_consumer of another type", "{\"anonymous_consumer\": {}}",
         "property \"anonymous_consumer\" validation failed: wrong type: expected string, got "
         "table"},
    };
    static const hg_test_row credentials[] = {
        {"key", "{\"key\": \"a\"}", NULL},
        {"no key", "{}", "property \"key\" is required"},
        {"empty key", "{\"key\": \"\"}",
         "property \"key\" validation failed: string too short, expected at least 1, got 0"},
        {"number", "{\"key\": 1}",
         "property \"key\" validation failed: wrong type: expected string, got number"},
    };

    hg_test_judge(*state, rows, ARRAY_SIZE(rows));
    hg_test_judge_on(*state, HG_TEST_ON_CONSUMER, credentials, ARRAY_SIZE(credentials));
}

#define JACK_TEST(function)                                                                        \
    cmocka_unit_test_setup_teardown(function, begin_with_jack, hg_test_tear_down)

HG_TEST_MAIN("key-auth",
             JACK_TEST(a_key_identifies_its_consumer),
             JACK_TEST(a_refusal_names_its_realm),
             JACK_TEST(credentials_are_hidden_on_demand),
             JACK_TEST(who_is_not_identified_is_the_anonymous_consumer),
             JACK_TEST(a_wrong_key_is_hidden_too),
             JACK_TEST(a_client_cannot_name_its_consumer),
             JACK_TEST(a_changed_key_counts_at_once),
             JACK_TEST(configurations_are_judged))
