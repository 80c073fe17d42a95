/* test_basic_auth.c - which names and passwords pass, what others are told, what is hidden. */
#include <stdio.h>
#include <string.h>

#include <hotgate/test_cmocka.h>

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

static int begin_with_consumers(void **state)
{
    if (hg_test_set_up(state) != 0) {
        return -1;
    }
    hg_test_must_put(*state, "consumers/jack",
                     "{\"username\": \"jack\", \"plugins\": {\"basic-auth\":"
                     " {\"username\": \"foo\", \"password\": \"bar\"}}}");
    hg_test_must_put(*state, "consumers/rose",
                     "{\"username\": \"rose\", \"plugins\": {\"basic-auth\":"
                     " {\"username\": \"r s\", \"password\": \" a:b: \"}}}");
    hg_test_must_put(*state, "consumers/jill",
                     "{\"username\": \"jill\", \"plugins\": {\"basic-auth\":"
                     " {\"username\": \"\\u00fc\", \"password\": \"\\u20ac\"}}}");
    hg_test_must_put(*state, "consumers/nobody", "{\"username\": \"nobody\"}");
    return 0;
}

static void names_and_passwords_identify_consumers(void **state)
{
    static const struct {
        const char *label;
        const char *headers;
        const char *consumer; /* NULL: refused */
        const char *message;
    } cases[] = {
        {"foo:bar", "Authorization: Basic Zm9vOmJhcg==\n", "jack", NULL},
        {"without padding", "Authorization: Basic Zm9vOmJhcg\n", "jack", NULL},
        {"scheme in another case", "authorization: bASIC Zm9vOmJhcg==\n", "jack", NULL},
        {"more blanks", "Authorization: Basic   Zm9vOmJhcg==\n", "jack", NULL},
        {"r s: a:b: ", "Authorization: Basic ciBzOiBhOmI6IA==\n", "rose", NULL},
        {"r s: a (cut at the second colon)", "Authorization: Basic ciBzOiBh\n", NULL,
         "Invalid user authorization"},
        {"rs:a:b: (without blanks)", "Authorization: Basic cnM6YTpiOg==\n", NULL,
         "Invalid user authorization"},
        {"beyond ASCII", "Authorization: Basic w7w64oKs\n", "jill", NULL},
        {"beyond ASCII, in Latin-1", "Authorization: Basic /DqA\n", NULL,
         "Invalid user authorization"},
        {"blanks behind", "Authorization: Basic Zm9vOmJhcg==  \n", "jack", NULL},
        {"the first of two headers",
         "Authorization: Basic Zm9vOmJhcg==\nAuthorization: Basic Zm9vOmJheg==\n", "jack", NULL},
        {"only the first of two headers",
         "Authorization: Basic Zm9vOmJheg==\nAuthorization: Basic Zm9vOmJhcg==\n", NULL,
         "Invalid user authorization"},
        {"foo:baz", "Authorization: Basic Zm9vOmJheg==\n", NULL, "Invalid user authorization"},
        {"foo:", "Authorization: Basic Zm9vOg==\n", NULL, "Invalid user authorization"},
        {"foo:bar and a NUL", "Authorization: Basic Zm9vOmJhcgA=\n", NULL,
         "Invalid user authorization"},
        {"foo and a NUL:bar", "Authorization: Basic Zm9vADpiYXI=\n", NULL,
         "Invalid user authorization"},
        {"a NUL and foo:bar", "Authorization: Basic AGZvbzpiYXI=\n", NULL,
         "Invalid user authorization"},
        {"foo:barr", "Authorization: Basic Zm9vOmJhcnI=\n", NULL, "Invalid user authorization"},
        {"fo:bar", "Authorization: Basic Zm86YmFy\n", NULL, "Invalid user authorization"},
        {":bar", "Authorization: Basic OmJhcg==\n", NULL, "Invalid authorization in request"},
        {"foobar", "Authorization: Basic Zm9vYmFy\n", NULL, "Invalid authorization in request"},
        {"no base64", "Authorization: Basic Zm9v_mJhcg\n", NULL,
         "Invalid authorization in request"},
        {"line break in base64", "Authorization: Basic Zm9v OmJhcg==\n", NULL,
         "Invalid authorization in request"},
        {"nothing behind the scheme", "Authorization: Basic \n", NULL,
         "Invalid authorization in request"},
        {"tab behind the scheme", "Authorization: Basic\tZm9vOmJhcg==\n", NULL,
         "Invalid authorization in request"},
        {"part of the scheme", "Authorization: Basi\n", NULL, "Invalid authorization in request"},
        {"a letter more of the scheme", "Authorization: Basics Zm9vOmJhcg==\n", NULL,
         "Invalid authorization in request"},
        {"scheme alone", "Authorization: Basic\n", NULL, "Invalid authorization in request"},
        {"another scheme", "Authorization: Bearer Zm9vOmJhcg==\n", NULL,
         "Invalid authorization in request"},
        {"no scheme", "Authorization: Zm9vOmJhcg==\n", NULL, "Invalid authorization in request"},
        {"empty", "Authorization: \n", NULL, "Invalid authorization in request"},
        {"none", "", NULL, "Missing authorization in request"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        hg_test_request request = {.headers = cases[i].headers};
        const hg_test_exchange *got = hg_test_run(*state, "{}", &request);
        const char *name = hg_test_upstream_header(*state, got, "X-Consumer-Username");
        char body[128];

        (void)snprintf(body, sizeof(body), "{\"message\":\"%s\"}\n",
                       cases[i].message == NULL ? "" : cases[i].message);
        if (cases[i].consumer != NULL) {
            if (got->status != 200 || name == NULL || strcmp(name, cases[i].consumer) != 0) {
                fail_msg("%s: got %u %s", cases[i].label, got->status, got->body);
            }
        } else if (got->status != 401 || strcmp(got->body, body) != 0 || got->tries != 0 ||
                   strcmp(hg_test_header(*state, got, "WWW-Authenticate"),
                          "Basic realm=\"basic\"") != 0) {
            fail_msg("%s: got %u %s", cases[i].label, got->status, got->body);
        }
    }
    assert_int_equal(
        hg_test_log_count(*state, HG_LOG_WARN, "basic-auth exits with http status code 401"), 24);
}

static void a_refusal_names_its_realm(void **state)
{
    static const struct {
        const char *label;
        const char *config;
        const char *challenge;
    } cases[] = {
        {"default", "{}", "Basic realm=\"basic\""},
        {"own", "{\"realm\": \"my house\"}", "Basic realm=\"my house\""},
        {"beyond ASCII", "{\"realm\": \"caf\\u00e9\"}", "Basic realm=\"caf\xc3\xa9\""},
        {"empty", "{\"realm\": \"\"}", "Basic realm=\"\""},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        const hg_test_exchange *got = hg_test_run(*state, cases[i].config, NULL);

        if (strcmp(hg_test_header(*state, got, "WWW-Authenticate"), cases[i].challenge) != 0 ||
            strcmp(hg_test_header(*state, got, "Content-Type"), "application/json") != 0) {
            fail_msg("%s: got %s", cases[i].label, hg_test_header(*state, got, "WWW-Authenticate"));
        }
    }
}

/* What an operator puts in the place of the body leaves status and challenge. */
static void a_refusal_may_have_another_body(void **state)
{
    const hg_test_exchange *got = hg_test_run(
        *state, "{\"_meta\": {\"error_response\": {\"message\": \"who are you\"}}}", NULL);

    assert_int_equal(got->status, 401);
    assert_string_equal(got->body, "{\"message\":\"who are you\"}\n");
    assert_string_equal(hg_test_header(*state, got, "WWW-Authenticate"), "Basic realm=\"basic\"");
}

static void nobody_is_known_where_nobody_has_a_password(void **state)
{
    hg_test_request request = {.headers = "Authorization: Basic Zm9vOmJhcg==\n"};

    assert_string_equal(hg_test_run(*state, "{}", &request)->body,
                        "{\"message\":\"Invalid user authorization\"}\n");
}

static void credentials_are_hidden_on_demand(void **state)
{
    static const struct {
        const char *label;
        const char *config;
        const char *authorization;
        bool hidden;
    } cases[] = {
        {"kept", "{}", "Basic Zm9vOmJhcg==", false},
        {"kept as told", "{\"hide_credentials\": false}", "Basic Zm9vOmJhcg==", false},
        {"hidden", "{\"hide_credentials\": true}", "Basic Zm9vOmJhcg==", true},
        {"hidden, both of two", "{\"hide_credentials\": true}",
         "Basic Zm9vOmJhcg==\nAuthorization: of another", true},
        {"kept, of nobody", "{\"anonymous_consumer\": \"nobody\"}", "Bearer x", false},
        {"hidden, of nobody", "{\"hide_credentials\": true, \"anonymous_consumer\": \"nobody\"}",
         "Bearer x", true},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char headers[128];
        hg_test_request request = {.headers = headers};
        const hg_test_exchange *got;
        const char *seen;

        (void)snprintf(headers, sizeof(headers), "Authorization: %s\n", cases[i].authorization);
        got = hg_test_run(*state, cases[i].config, &request);
        seen = hg_test_upstream_header(*state, got, "Authorization");
        if (got->status != 200 || (seen == NULL) != cases[i].hidden) {
            fail_msg("%s: got %u, upstream %s", cases[i].label, got->status, seen);
        }
    }
}

static void who_is_not_identified_is_the_anonymous_consumer(void **state)
{
    static const char *const headers[] = {"", "Authorization: Basic Zm9vOmJheg==\n",
                                          "Authorization: Basic Zm9v\n"};
    hg_test_request request = {0};
    const hg_test_exchange *got;

    for (size_t i = 0; i < ARRAY_SIZE(headers); i++) {
        request.headers = headers[i];
        got = hg_test_run(*state, "{\"anonymous_consumer\": \"nobody\"}", &request);
        assert_int_equal(got->status, 200);
        assert_string_equal(hg_test_upstream_header(*state, got, "X-Consumer-Username"), "nobody");
        assert_null(hg_test_header(*state, got, "WWW-Authenticate"));
    }
    got = hg_test_run(*state, "{\"anonymous_consumer\": \"somebody\"}", &request);
    assert_int_equal(got->status, 401);
    assert_string_equal(got->body, "{\"message\":\"Invalid user authorization\"}\n");
    assert_int_equal(
        hg_test_log_count(*state, HG_LOG_ERROR, "the anonymous consumer somebody is not there"), 1);
    request.headers = "Authorization: Basic Zm9vOmJhcg==\n";
    got = hg_test_run(*state, "{\"anonymous_consumer\": \"nobody\"}", &request);
    assert_string_equal(hg_test_upstream_header(*state, got, "X-Consumer-Username"), "jack");
}

static void every_field_is_told(void **state)
{
    static const hg_test_fact facts[] = {
        {"/priority", "2520"},
        {"/flags", "[\"auth\"]"},
        {"/phases", "[\"rewrite\"]"},
        {"/schema", "{\"type\": \"object\"}"},
        {"/schema/properties/hide_credentials", "{\"type\": \"boolean\", \"default\": false}"},
        {"/schema/properties/realm",
         "{\"type\": \"string\", \"maxLength\": 256, \"default\": \"basic\","
         " \"pattern\": \"^[^\\\"\\\\\\\\\\\\x00-\\\\x1f\\\\x7f]*$\"}"},
        {"/schema/properties/anonymous_consumer", "{\"type\": \"string\", \"minLength\": 1}"},
        {"/key", "\"username\""},
        {"/consumer_schema", "{\"type\": \"object\", \"required\": [\"username\", \"password\"]}"},
        {"/consumer_schema/properties/username",
         "{\"type\": \"string\", \"minLength\": 1, \"pattern\": \"^[^:]*$\"}"},
        {"/consumer_schema/properties/password",
         "{\"type\": \"string\", \"minLength\": 1, \"writeOnly\": true}"},
    };

    hg_test_expect_facts(*state, facts, ARRAY_SIZE(facts));
}

static void configurations_are_judged(void **state)
{
    static const hg_test_row rows[] = {
        {"defaults", "{}", NULL},
        {"all", "{\"hide_credentials\": true, \"realm\": \"r\", \"anonymous_consumer\": \"a\"}",
         NULL},
        {"hide_credentials of another type", "{\"hide_credentials\": \"yes\"}",
         "property \"hide_credentials\" validation failed: wrong type: expected boolean, got "
         "string"},
        {"realm of another type", "{\"realm\": 1}",
         "property \"realm\" validation failed: wrong type: expected string, got number"},
        {"realm with a quote", "{\"realm\": \"a\\\"b\"}",
         "property \"realm\" validation failed: failed to match pattern "
         "\"^[^\\\"\\\\\\\\\\\\x00-\\\\x1f\\\\x7f]*$\" with \"a\\\"b\""},
        {"realm with a backslash", "{\"realm\": \"a\\\\b\"}",
         "property \"realm\" validation failed: failed to match pattern "
         "\"^[^\\\"\\\\\\\\\\\\x00-\\\\x1f\\\\x7f]*$\" with \"a\\\\b\""},
        {"realm of what stands beside these", "{\"realm\": \" !#[]~\\u0080\"}", NULL},
        {"realm with a NUL", "{\"realm\": \"\\u0000\"}", "\\u0000 is not allowed"},
        {"realm with the last control character", "{\"realm\": \"\\u001f\"}",
         "property \"realm\" validation failed: failed to match pattern"},
        {"realm with DEL", "{\"realm\": \"\\u007f\"}",
         "property \"realm\" validation failed: failed to match pattern"},
        {"realm with a line break", "{\"realm\": \"a\\nb\"}",
         "property \"realm\" validation failed: failed to match pattern "
         "\"^[^\\\"\\\\\\\\\\\\x00-\\\\x1f\\\\x7f]*$\" with \"a\\\nb\""},
        {"anonymous_consumer of another type", "{\"anonymous_consumer\": true}",
         "property \"anonymous_consumer\" validation failed: wrong type: expected string, got "
         "boolean"},
        {"empty anonymous_consumer", "{\"anonymous_consumer\": \"\"}",
         "property \"anonymous_consumer\" validation failed: string too short, expected at least "
         "1, got 0"},
    };
    static const hg_test_row credentials[] = {
        {"both", "{\"username\": \"a\", \"password\": \"b\"}", NULL},
        {"no password", "{\"username\": \"a\"}", "property \"password\" is required"},
        {"no username", "{\"password\": \"b\"}", "property \"username\" is required"},
        {"empty username", "{\"username\": \"\", \"password\": \"b\"}",
         "property \"username\" validation failed: string too short, expected at least 1, got 0"},
        {"empty password", "{\"username\": \"a\", \"password\": \"\"}",
         "property \"password\" validation failed: string too short, expected at least 1, got 0"},
        {"username with a colon", "{\"username\": \"a:b\", \"password\": \"b\"}",
         "property \"username\" validation failed: failed to match pattern \"^[^:]*$\" with "
         "\"a:b\""},
        {"username beyond ASCII", "{\"username\": \"\\u20ac\", \"password\": \"b\"}", NULL},
        {"password with a colon", "{\"username\": \"a\", \"password\": \"b:c\"}", NULL},
        {"username of another type", "{\"username\": 1, \"password\": \"b\"}",
         "property \"username\" validation failed: wrong type: expected string, got number"},
        {"password of another type", "{\"username\": \"a\", \"password\": 1}",
         "property \"password\" validation failed: wrong type: expected string, got number"},
    };
    char realm[400];
    hg_test_row long_realm = {"realm of 257", realm, "realm"};

    hg_test_judge(*state, rows, ARRAY_SIZE(rows));
    hg_test_judge_on(*state, HG_TEST_ON_CONSUMER, credentials, ARRAY_SIZE(credentials));
    (void)snprintf(realm, sizeof(realm), "{\"realm\": \"%0257d\"}", 0);
    hg_test_judge(*state, &long_realm, 1);
    (void)snprintf(realm, sizeof(realm), "{\"realm\": \"%0256d\"}", 0);
    long_realm = (hg_test_row){"realm of 256", realm, NULL};
    hg_test_judge(*state, &long_realm, 1);
}

#define CONSUMER_TEST(function)                                                                    \
    cmocka_unit_test_setup_teardown(function, begin_with_consumers, hg_test_tear_down)

HG_TEST_MAIN("basic-auth",
             CONSUMER_TEST(names_and_passwords_identify_consumers),
             CONSUMER_TEST(a_refusal_names_its_realm),
             CONSUMER_TEST(a_refusal_may_have_another_body),
             HG_TEST_CASE(nobody_is_known_where_nobody_has_a_password),
             CONSUMER_TEST(credentials_are_hidden_on_demand),
             CONSUMER_TEST(who_is_not_identified_is_the_anonymous_consumer),
             CONSUMER_TEST(configurations_are_judged),
             HG_TEST_CASE(every_field_is_told))
