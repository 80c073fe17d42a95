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
        {"foo:baz", "Authorization: Basic Zm9vOmJheg==\n", NULL, "Invalid user authorization"},
        {"foo:", "Authorization: Basic Zm9vOg==\n", NULL, "Invalid user authorization"},
        {"foo:bar and a NUL", "Authorization: Basic Zm9vOmJhcgA=\n", NULL,
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
        hg_test_log_count(*state, HG_LOG_WARN, "basic-auth exits with http status code 401"), 17);
}

static void a_refusal_names_its_realm(void **state)
{
    const hg_test_exchange *got = hg_test_run(*state, "{\"realm\": \"my house\"}", NULL);

    assert_string_equal(hg_test_header(*state, got, "WWW-Authenticate"),
                        "Basic realm=\"my house\"");
    assert_string_equal(hg_test_header(*state, got, "Content-Type"), "application/json");
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

/* The field of each secret is named in the schema, so that whoever shows it hides it. */
static void the_password_is_a_secret(void **state)
{
    json_t *description = hg_test_describe(*state, "basic-auth");
    const json_t *fields =
        json_object_get(json_object_get(description, "consumer_schema"), "properties");

    assert_true(json_is_true(json_object_get(json_object_get(fields, "password"), "writeOnly")));
    assert_null(json_object_get(json_object_get(fields, "username"), "writeOnly"));
    json_decref(description);
}

#define CONSUMER_TEST(function)                                                                    \
    cmocka_unit_test_setup_teardown(function, begin_with_consumers, hg_test_tear_down)

HG_TEST_MAIN("basic-auth",
             CONSUMER_TEST(names_and_passwords_identify_consumers),
             CONSUMER_TEST(a_refusal_names_its_realm),
             CONSUMER_TEST(credentials_are_hidden_on_demand),
             CONSUMER_TEST(who_is_not_identified_is_the_anonymous_consumer),
             CONSUMER_TEST(configurations_are_judged),
             CONSUMER_TEST(the_password_is_a_secret))
