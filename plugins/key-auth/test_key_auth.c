/* test_key_auth.c - which keys pass, what others are told, what the upstream sees. */
#include <stdio.h>
#include <string.h>

#include <hotgate/test_cmocka.h>

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

static int begin_with_jack(void **state)
{
    hg_error err = HG_ERROR_INIT;

    if (hg_test_set_up(state) != 0) {
        return -1;
    }
    return hg_test_put(*state, "consumers/jack",
                       "{\"username\": \"jack\", \"plugins\": {\"key-auth\": {\"key\": \"k 1\"}}}",
                       &err) == HG_OK
               ? 0
               : -1;
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

static void a_credential_identifies_its_consumer(void **state)
{
    hg_test_request request = {.headers = "apikey: other\nX-Credential-Identifier: forged\n"};
    const hg_test_exchange *exchange;
    hg_error err = HG_ERROR_INIT;

    assert_int_equal(hg_test_put(*state, "consumers/jack/credentials/second",
                                 "{\"plugins\": {\"key-auth\": {\"key\": \"other\"}}}", &err),
                     HG_OK);
    exchange = hg_test_run(*state, "{}", &request);
    assert_int_equal(exchange->status, 200);
    assert_string_equal(hg_test_upstream_header(*state, exchange, "X-Consumer-Username"), "jack");
    assert_string_equal(hg_test_upstream_header(*state, exchange, "X-Credential-Identifier"),
                        "second");
    assert_int_equal(hg_test_delete(*state, "consumers/jack/credentials/second", &err), HG_OK);
    assert_int_equal(hg_test_send(*state, &request)->status, 401);
}

static void requests_without_a_valid_key_may_belong_to_a_consumer(void **state)
{
    static const struct {
        const char *label;
        const char *headers;
        const char *consumer;
    } cases[] = {
        {"no key", "", "guest"},
        {"a wrong key", "apikey: no\n", "guest"},
        {"a key", "apikey: k 1\n", "jack"},
    };
    const char *config = "{\"anonymous_consumer\": \"guest\"}";
    const hg_test_exchange *exchange;
    hg_error err = HG_ERROR_INIT;

    exchange = hg_test_run(*state, config, NULL);
    assert_int_equal(exchange->status, 401);
    assert_string_equal(exchange->body, "{\"message\":\"Invalid user authorization\"}\n");
    assert_int_equal(hg_test_log_count(*state, HG_LOG_ERROR, "consumer guest is not there"), 1);
    assert_int_equal(hg_test_put(*state, "consumers/guest", "{\"username\": \"guest\"}", &err),
                     HG_OK);
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        hg_test_request request = {.headers = cases[i].headers};
        const char *name;

        exchange = hg_test_run(*state, config, &request);
        name = hg_test_upstream_header(*state, exchange, "X-Consumer-Username");
        if (exchange->status != 200 || name == NULL || strcmp(name, cases[i].consumer) != 0) {
            fail_msg("%s: %u %s", cases[i].label, exchange->status, name);
        }
    }
}

static void configurations_are_judged(void **state)
{
    static const hg_test_row rows[] = {
        {"defaults", "{}", NULL},
        {"empty header", "{\"header\": \"\"}", ""},
        {"header of another type", "{\"header\": 1}", ""},
        {"empty query", "{\"query\": \"\"}", ""},
        {"query of another type", "{\"query\": []}", ""},
        {"hide_credentials of another type", "{\"hide_credentials\": 1}", ""},
        {"realm with a quote", "{\"realm\": \"a\\\"b\"}", ""},
        {"realm with a line break", "{\"realm\": \"a\\nb\"}", ""},
        {"realm of another type", "{\"realm\": true}", ""},
        {"anonymous_consumer", "{\"anonymous_consumer\": \"nobody\"}", NULL},
        {"empty anonymous_consumer", "{\"anonymous_consumer\": \"\"}", ""},
        {"anonymous_consumer of another type", "{\"anonymous_consumer\": {}}", ""},
    };
    static const struct {
        const char *label;
        const char *config;
        hg_status status;
    } credentials[] = {
        {"key", "{\"key\": \"a\"}", HG_OK},
        {"no key", "{}", HG_ERR_INVALID},
        {"empty key", "{\"key\": \"\"}", HG_ERR_INVALID},
        {"number", "{\"key\": 1}", HG_ERR_INVALID},
    };

    hg_test_judge(*state, rows, ARRAY_SIZE(rows));
    for (size_t i = 0; i < ARRAY_SIZE(credentials); i++) {
        hg_status status = hg_test_check(*state, "key-auth", HG_TEST_ON_CONSUMER,
                                         credentials[i].config, NULL, NULL);

        if (status != credentials[i].status) {
            fail_msg("%s: got %d", credentials[i].label, (int)status);
        }
    }
}

HG_TEST_MAIN(
    "key-auth",
    cmocka_unit_test_setup_teardown(a_key_identifies_its_consumer,
                                    begin_with_jack,
                                    hg_test_tear_down),
    cmocka_unit_test_setup_teardown(a_refusal_names_its_realm, begin_with_jack, hg_test_tear_down),
    cmocka_unit_test_setup_teardown(credentials_are_hidden_on_demand,
                                    begin_with_jack,
                                    hg_test_tear_down),
    cmocka_unit_test_setup_teardown(a_changed_key_counts_at_once,
                                    begin_with_jack,
                                    hg_test_tear_down),
    cmocka_unit_test_setup_teardown(a_credential_identifies_its_consumer,
                                    begin_with_jack,
                                    hg_test_tear_down),
    cmocka_unit_test_setup_teardown(requests_without_a_valid_key_may_belong_to_a_consumer,
                                    begin_with_jack,
                                    hg_test_tear_down),
    cmocka_unit_test_setup_teardown(configurations_are_judged, begin_with_jack, hg_test_tear_down))
