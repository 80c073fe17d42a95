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
    hg_test_must_put(*state, "consumers/jack/credentials/second",
                     "{\"plugins\": {\"key-auth\": {\"key\": \"\\u20ac\"}}}");
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
        {"beyond ASCII, in a header", "{}", "/", "apikey: \xe2\x82\xac\n", NULL},
        {"beyond ASCII, in the query", "{}", "/?apikey=%E2%82%AC", "", NULL},
        {"no UTF-8", "{}", "/", "apikey: \xe2\x82\n", "Invalid API key in request"},
        {"a NUL behind", "{}", "/?apikey=k%201%00", "", "Invalid API key in request"},
        {"the first of two headers", "{}", "/", "apikey: k 1\napikey: no\n", NULL},
        {"only the first of two headers", "{}", "/", "apikey: no\napikey: k 1\n",
         "Invalid API key in request"},
        {"the first of two arguments", "{}", "/?apikey=k%201&apikey=no", "", NULL},
        {"only the first of two arguments", "{}", "/?apikey=no&apikey=k%201", "",
         "Invalid API key in request"},
        {"the argument in another case", "{}", "/?APIKEY=k%201", "", "Missing API key in request"},
        {"an empty argument", "{}", "/?apikey=", "", "Invalid API key in request"},
        {"an argument without a value", "{}", "/?apikey", "", "Invalid API key in request"},
        {"an empty header before the query", "{}", "/?apikey=k%201", "apikey: \n",
         "Invalid API key in request"},
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
    static const struct {
        const char *label;
        const char *config;
        const char *challenge;
    } cases[] = {
        {"default", "{}", "apikey realm=\"key\""},
        {"own", "{\"realm\": \"my house\"}", "apikey realm=\"my house\""},
        {"beyond ASCII", "{\"realm\": \"caf\\u00e9\"}", "apikey realm=\"caf\xc3\xa9\""},
        {"empty", "{\"realm\": \"\"}", "apikey realm=\"\""},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        const hg_test_exchange *got = hg_test_run(*state, cases[i].config, NULL);

        if (strcmp(hg_test_header(*state, got, "WWW-Authenticate"), cases[i].challenge) != 0 ||
            strcmp(hg_test_header(*state, got, "Content-Type"), "application/json") != 0) {
            fail_msg("%s: got %s", cases[i].label, hg_test_header(*state, got, "WWW-Authenticate"));
        }
    }
    assert_int_equal(
        hg_test_log_count(*state, HG_LOG_WARN, "key-auth exits with http status code 401"), 4);
}

/* What an operator puts in the place of the body leaves status and challenge. */
static void a_refusal_may_have_another_body(void **state)
{
    const hg_test_exchange *got =
        hg_test_run(*state, "{\"_meta\": {\"error_response\": \"no key, no entry\"}}", NULL);

    assert_int_equal(got->status, 401);
    assert_string_equal(got->body, "no key, no entry");
    assert_string_equal(hg_test_header(*state, got, "WWW-Authenticate"), "apikey realm=\"key\"");
}

static void nobody_is_known_where_nobody_has_a_key(void **state)
{
    hg_test_request request = {.headers = "apikey: k 1\n"};

    assert_string_equal(hg_test_run(*state, "{}", &request)->body,
                        "{\"message\":\"Invalid API key in request\"}\n");
}

/* No write brings this about; a store that was made elsewhere may hold it. */
static void of_several_owners_of_a_key_the_last_changed_counts(void **state)
{
    static const struct {
        const char *label;
        const char *key; /* of the object that is written; NULL: it is deleted */
        const char *object;
        const char *consumer; /* whose the key "k 1" is then; NULL: nobody's */
    } steps[] = {
        {"one consumer", NULL, NULL, "jack"},
        {"a second consumer", "consumers/rose",
         "{\"username\": \"rose\", \"plugins\": {\"key-auth\": {\"key\": \"k 1\"}}}", "rose"},
        {"a credential of the first", "consumers/jack/credentials/third",
         "{\"plugins\": {\"key-auth\": {\"key\": \"k 1\"}}}", "jack"},
        {"a credential of the second", "consumers/rose/credentials/first",
         "{\"plugins\": {\"key-auth\": {\"key\": \"k 1\"}}}", "rose"},
        {"the last one changed", "consumers/rose/credentials/first",
         "{\"plugins\": {\"key-auth\": {\"key\": \"k 2\"}}}", "jack"},
        {"and gone", "consumers/jack/credentials/third", NULL, "rose"},
        {"the second changed", "consumers/rose", "{\"username\": \"rose\"}", "jack"},
        {"the first gone", "consumers/jack", NULL, NULL},
    };

    for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
        hg_test_request request = {.headers = "apikey: k 1\n"};
        const hg_test_exchange *got;
        const char *name;

        if (steps[i].object != NULL) {
            hg_test_must_put(*state, steps[i].key, steps[i].object);
        } else if (steps[i].key != NULL) {
            assert_int_equal(hg_test_delete(*state, steps[i].key, NULL), HG_OK);
        }
        got = hg_test_run(*state, "{}", &request);
        name = hg_test_upstream_header(*state, got, "X-Consumer-Username");
        if (steps[i].consumer == NULL
                ? got->status != 401
                : got->status != 200 || strcmp(name, steps[i].consumer) != 0) {
            fail_msg("%s: got %u %s", steps[i].label, got->status, name);
        }
    }
}

static void a_key_may_have_4096_bytes(void **state)
{
    static char object[5000];
    static char headers[5000];

    for (int length = 4096; length <= 4097; length++) {
        hg_test_request request = {.headers = headers};

        (void)snprintf(object, sizeof(object),
                       "{\"username\": \"rose\", \"plugins\": {\"key-auth\": {\"key\": \"%0*d\"}}}",
                       length, 0);
        hg_test_must_put(*state, "consumers/rose", object);
        (void)snprintf(headers, sizeof(headers), "apikey: %0*d\n", length, 0);
        assert_int_equal(hg_test_run(*state, "{}", &request)->status, length == 4096 ? 200 : 401);
    }
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
        {"both of two headers are hidden", "{\"hide_credentials\": true}", "/",
         "apikey: k 1\napikey: of another\n", NULL, NULL},
        {"own header", "{\"hide_credentials\": true, \"header\": \"X-Key\"}", "/",
         "X-Key: k 1\napikey: of another\n", "of another", NULL},
        {"own argument", "{\"hide_credentials\": true, \"query\": \"k\"}", "/?k=k%201&apikey=x", "",
         NULL, "apikey=x"},
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
            (header != NULL && strcmp(header, cases[i].header) != 0) ||
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
    static const hg_test_request requests[] = {
        {.headers = "apikey: of another service\n"},
        {.uri = "/?apikey=of+another+service"},
    };

    hg_test_must_put(*state, "consumers/nobody", "{\"username\": \"nobody\"}");
    for (size_t i = 0; i < ARRAY_SIZE(requests); i++) {
        const hg_test_exchange *got =
            hg_test_run(*state, "{\"anonymous_consumer\": \"nobody\", \"hide_credentials\": true}",
                        &requests[i]);

        assert_int_equal(got->status, 200);
        assert_null(hg_test_upstream_header(*state, got, "apikey"));
        assert_null(got->upstream_arguments);
    }
}

/* A credential names itself to the upstream, and a label of its consumer. */
static void a_credential_identifies_too(void **state)
{
    hg_test_request request = {.headers = "apikey: \xe2\x82\xac\n"};
    const hg_test_exchange *got;

    hg_test_must_put(*state, "consumers/jack",
                     "{\"username\": \"jack\", \"labels\": {\"custom_id\": \"4711\"}}");
    got = hg_test_run(*state, "{}", &request);
    assert_string_equal(hg_test_upstream_header(*state, got, "X-Consumer-Username"), "jack");
    assert_string_equal(hg_test_upstream_header(*state, got, "X-Credential-Identifier"), "second");
    assert_string_equal(hg_test_upstream_header(*state, got, "X-Consumer-Custom-ID"), "4711");
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

static void every_field_is_told(void **state)
{
    static const hg_test_fact facts[] = {
        {"/priority", "2500"},
        {"/flags", "[\"auth\"]"},
        {"/phases", "[\"rewrite\"]"},
        {"/schema", "{\"type\": \"object\"}"},
        {"/schema/properties/header",
         "{\"type\": \"string\", \"minLength\": 1, \"default\": \"apikey\"}"},
        {"/schema/properties/query",
         "{\"type\": \"string\", \"minLength\": 1, \"default\": \"apikey\"}"},
        {"/schema/properties/hide_credentials", "{\"type\": \"boolean\", \"default\": false}"},
        {"/schema/properties/realm",
         "{\"type\": \"string\", \"maxLength\": 256, \"default\": \"key\","
         " \"pattern\": \"^[^\\\"\\\\\\\\\\\\x00-\\\\x1f\\\\x7f]*$\"}"},
        {"/schema/properties/anonymous_consumer", "{\"type\": \"string\", \"minLength\": 1}"},
        {"/key", "\"key\""},
        {"/consumer_schema", "{\"type\": \"object\", \"required\": [\"key\"]}"},
        {"/consumer_schema/properties/key",
         "{\"type\": \"string\", \"minLength\": 1, \"writeOnly\": true}"},
    };

    hg_test_expect_facts(*state, facts, ARRAY_SIZE(facts));
}

static void configurations_are_judged(void **state)
{
    static const hg_test_row rows[] = {
        {"defaults", "{}", NULL},
        {"shortest",
         "{\"header\": \"a\", \"query\": \"b\", \"hide_credentials\": false, \"realm\": \"\","
         " \"anonymous_consumer\": \"c\"}",
         NULL},
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
        {"realm of what stands beside these", "{\"realm\": \" !#[]~\\u0080\"}", NULL},
        {"realm with a backslash", "{\"realm\": \"\\\\\"}",
         "property \"realm\" validation failed: failed to match pattern"},
        {"realm with the last control character", "{\"realm\": \"\\u001f\"}",
         "property \"realm\" validation failed: failed to match pattern"},
        {"realm with DEL", "{\"realm\": \"\\u007f\"}",
         "property \"realm\" validation failed: failed to match pattern"},
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
    for (int length = 256; length <= 257; length++) {
        char config[300];
        hg_test_row row = {"length of the realm", config,
                           length == 256 ? NULL
                                         : "property \"realm\" validation failed: string too long,"
                                           " expected at most 256, got 257"};

        (void)snprintf(config, sizeof(config), "{\"realm\": \"%0*d\"}", length, 0);
        hg_test_judge(*state, &row, 1);
    }
}

#define JACK_TEST(function)                                                                        \
    cmocka_unit_test_setup_teardown(function, begin_with_jack, hg_test_tear_down)

HG_TEST_MAIN("key-auth",
             JACK_TEST(a_key_identifies_its_consumer),
             JACK_TEST(a_refusal_names_its_realm),
             JACK_TEST(a_refusal_may_have_another_body),
             HG_TEST_CASE(nobody_is_known_where_nobody_has_a_key),
             JACK_TEST(of_several_owners_of_a_key_the_last_changed_counts),
             HG_TEST_CASE(a_key_may_have_4096_bytes),
             JACK_TEST(credentials_are_hidden_on_demand),
             JACK_TEST(who_is_not_identified_is_the_anonymous_consumer),
             JACK_TEST(a_wrong_key_is_hidden_too),
             JACK_TEST(a_credential_identifies_too),
             JACK_TEST(a_client_cannot_name_its_consumer),
             JACK_TEST(a_changed_key_counts_at_once),
             HG_TEST_CASE(every_field_is_told),
             HG_TEST_CASE(configurations_are_judged))
