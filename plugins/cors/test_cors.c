/* test_cors.c - who may read responses, and what a preflight is answered with. */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <hotgate/test_cmocka.h>

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))
#define PREFLIGHT         "Access-Control-Request-Method: PUT\n"

static bool same(const char *found, const char *wanted)
{
    return found == NULL || wanted == NULL ? found == wanted : strcmp(found, wanted) == 0;
}

static void origins_are_allowed_as_configured(void **state)
{
    static const struct {
        const char *label;
        const char *config;
        const char *origin; /* NULL: none */
        const char *allowed;
        const char *vary;
    } cases[] = {
        {"default", "{}", "https://a.com", "*", NULL},
        {"default, no origin", "{}", NULL, "*", NULL},
        {"any", "{\"allow_origins\": \"**\"}", "https://a.com", "https://a.com", "Origin"},
        {"any, no origin", "{\"allow_origins\": \"**\"}", NULL, "*", "Origin"},
        {"one", "{\"allow_origins\": \"https://a.com\"}", "https://a.com", "https://a.com",
         "Origin"},
        {"not the one", "{\"allow_origins\": \"https://a.com\"}", "https://b.com", NULL, "Origin"},
        {"one, no origin", "{\"allow_origins\": \"https://a.com\"}", NULL, NULL, "Origin"},
        {"one, in another case", "{\"allow_origins\": \"https://a.com\"}", "https://A.com", NULL,
         "Origin"},
        {"middle of a list", "{\"allow_origins\": \"https://a.com,http://b.com:81,xy://c\"}",
         "http://b.com:81", "http://b.com:81", "Origin"},
        {"a list as one", "{\"allow_origins\": \"https://a.com,https://b.com\"}",
         "https://a.com,https://b.com", NULL, "Origin"},
        {"empty origin", "{\"allow_origins\": \"https://a.com\"}", "", NULL, "Origin"},
        {"any, beyond ASCII", "{\"allow_origins\": \"**\"}", "https://\xe2\x82\xac",
         "https://\xe2\x82\xac", "Origin"},
        {"any, no UTF-8", "{\"allow_origins\": \"**\"}", "\xff", "\xff", "Origin"},
        {"one beyond ASCII", "{\"allow_origins\": \"https://\\u20ac\"}", "https://\xe2\x82\xac",
         "https://\xe2\x82\xac", "Origin"},
        {"null is not everybody", "{\"allow_origins\": \"null\"}", "https://a.com", NULL, "Origin"},
        {"pattern in another case", "{\"allow_origins_by_regex\": [\"A.COM\"]}", "https://a.com",
         NULL, "Origin"},
        {"pattern told to ignore case", "{\"allow_origins_by_regex\": [\"(?i)A.COM\"]}",
         "https://a.com", "https://a.com", "Origin"},
        {"first of a list", "{\"allow_origins\": \"https://a.com,http://b.com:81\"}",
         "https://a.com", "https://a.com", "Origin"},
        {"last of a list", "{\"allow_origins\": \"https://a.com,http://b.com:81\"}",
         "http://b.com:81", "http://b.com:81", "Origin"},
        {"part of one", "{\"allow_origins\": \"https://a.com,http://b.com:81\"}", "http://b.com:8",
         NULL, "Origin"},
        {"other scheme", "{\"allow_origins\": \"https://a.com\"}", "http://a.com", NULL, "Origin"},
        {"null", "{\"allow_origins\": \"null\"}", "null", "null", "Origin"},
        {"pattern", "{\"allow_origins_by_regex\": [\"^https://[a-z]+\\\\.a\\\\.com$\"]}",
         "https://x.a.com", "https://x.a.com", "Origin"},
        {"second pattern", "{\"allow_origins_by_regex\": [\"x\", \"b.com\"]}", "https://b.com",
         "https://b.com", "Origin"},
        {"no pattern", "{\"allow_origins_by_regex\": [\"^https://a.com$\"]}", "https://a.com.evil",
         NULL, "Origin"},
        {"pattern instead of origins",
         "{\"allow_origins\": \"https://a.com\", \"allow_origins_by_regex\": [\"b.com\"]}",
         "https://a.com", NULL, "Origin"},
        {"pattern, no origin", "{\"allow_origins_by_regex\": [\".\"]}", NULL, NULL, "Origin"},
        {"metadata",
         "{\"allow_origins\": \"https://a.com\","
         " \"allow_origins_by_metadata\": [\"none\", \"partners\"]}",
         "https://p.com", "https://p.com", "Origin"},
        {"metadata, the second of its list",
         "{\"allow_origins\": \"https://a.com\", \"allow_origins_by_metadata\": [\"partners\"]}",
         "https://q.com", "https://q.com", "Origin"},
        {"metadata of another name",
         "{\"allow_origins\": \"https://a.com\", \"allow_origins_by_metadata\": [\"others\"]}",
         "https://p.com", NULL, "Origin"},
        {"metadata for any, no origin",
         "{\"allow_origins\": \"https://a.com\", \"allow_origins_by_metadata\": [\"any\"]}", NULL,
         "*", "Origin"},
        {"metadata for any",
         "{\"allow_origins\": \"https://a.com\", \"allow_origins_by_metadata\": [\"any\"]}",
         "https://z.com", "https://z.com", "Origin"},
        {"metadata for null",
         "{\"allow_origins\": \"https://a.com\", \"allow_origins_by_metadata\": [\"null\"]}",
         "null", "null", "Origin"},
        {"metadata that is not asked for", "{\"allow_origins\": \"https://a.com\"}",
         "https://p.com", NULL, "Origin"},
        {"metadata beside all", "{\"allow_origins_by_metadata\": [\"partners\"]}", "https://p.com",
         "*", NULL},
        {"metadata beside patterns",
         "{\"allow_origins_by_regex\": [\"x\"], \"allow_origins_by_metadata\": [\"partners\"]}",
         "https://p.com", "https://p.com", "Origin"},
    };
    hg_error err = HG_ERROR_INIT;

    assert_int_equal(hg_test_put(*state, "plugin_metadata/cors",
                                 "{\"allow_origins\": {\"partners\": \"https://p.com,"
                                 "https://q.com\", \"others\": \"https://o.com\", \"any\": \"**\","
                                 " \"null\": \"null\"}}",
                                 &err),
                     HG_OK);
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char headers[128] = "";
        hg_test_request request = {.headers = headers};
        const hg_test_exchange *exchange;

        if (cases[i].origin != NULL) {
            (void)snprintf(headers, sizeof(headers), "Origin: %s\n", cases[i].origin);
        }
        exchange = hg_test_run(*state, cases[i].config, &request);
        if (exchange->tries != 1 ||
            !same(hg_test_header(*state, exchange, "Access-Control-Allow-Origin"),
                  cases[i].allowed) ||
            (hg_test_header(*state, exchange, "Access-Control-Max-Age") == NULL) !=
                (cases[i].allowed == NULL) ||
            !same(hg_test_header(*state, exchange, "Vary"), cases[i].vary)) {
            fail_msg("%s: got %s", cases[i].label,
                     hg_test_header(*state, exchange, "Access-Control-Allow-Origin"));
        }
    }
}

static void headers_say_what_is_allowed(void **state)
{
    static const struct {
        const char *label;
        const char *config;
        const char *name;
        const char *value;
    } cases[] = {
        {"methods", "{}", "Access-Control-Allow-Methods", "*"},
        {"own methods", "{\"allow_methods\": \"GET,PUT\"}", "Access-Control-Allow-Methods",
         "GET,PUT"},
        {"all methods", "{\"allow_methods\": \"**\"}", "Access-Control-Allow-Methods",
         "GET,POST,PUT,DELETE,PATCH,HEAD,OPTIONS,CONNECT,TRACE"},
        {"headers", "{}", "Access-Control-Allow-Headers", "*"},
        {"own headers", "{\"allow_headers\": \"X-A,X-B\"}", "Access-Control-Allow-Headers",
         "X-A,X-B"},
        {"headers asked for", "{\"allow_headers\": \"**\"}", "Access-Control-Allow-Headers",
         "X-Asked"},
        {"empty methods", "{\"allow_methods\": \"\"}", "Access-Control-Allow-Methods", ""},
        {"empty headers", "{\"allow_headers\": \"\"}", "Access-Control-Allow-Headers", ""},
        {"methods beyond ASCII", "{\"allow_methods\": \"\\u20ac\"}", "Access-Control-Allow-Methods",
         "\xe2\x82\xac"},
        {"all exposed", "{\"expose_headers\": \"*\"}", "Access-Control-Expose-Headers", "*"},
        {"least age", "{\"max_age\": -9223372036854775808}", "Access-Control-Max-Age",
         "-9223372036854775808"},
        {"greatest age", "{\"max_age\": 9223372036854775807}", "Access-Control-Max-Age",
         "9223372036854775807"},
        {"age of 0", "{\"max_age\": 0}", "Access-Control-Max-Age", "0"},
        {"age with a fraction of 0", "{\"max_age\": 6.0}", "Access-Control-Max-Age", "6"},
        {"no credentials, as told", "{\"allow_credential\": false}",
         "Access-Control-Allow-Credentials", NULL},
        {"timing by the second pattern",
         "{\"timing_allow_origins\": \"https://b.com\","
         " \"timing_allow_origins_by_regex\": [\"x\", \"^https://a\"]}",
         "Timing-Allow-Origin", "https://a.com"},
        {"timing by origin and another pattern",
         "{\"timing_allow_origins\": \"https://a.com\","
         " \"timing_allow_origins_by_regex\": [\"x\"]}",
         "Timing-Allow-Origin", NULL},
        {"timing depends on the origin", "{\"timing_allow_origins\": \"https://b.com\"}", "Vary",
         "Origin"},
        {"timing by patterns does", "{\"timing_allow_origins_by_regex\": [\"x\"]}", "Vary",
         "Origin"},
        {"timing for all does not", "{\"timing_allow_origins\": \"*\"}", "Vary", NULL},
        {"nothing exposed", "{}", "Access-Control-Expose-Headers", NULL},
        {"empty exposed", "{\"expose_headers\": \"\"}", "Access-Control-Expose-Headers", NULL},
        {"exposed", "{\"expose_headers\": \"X-A\"}", "Access-Control-Expose-Headers", "X-A"},
        {"age", "{}", "Access-Control-Max-Age", "5"},
        {"own age", "{\"max_age\": 600}", "Access-Control-Max-Age", "600"},
        {"no age", "{\"max_age\": -1}", "Access-Control-Max-Age", "-1"},
        {"no credentials", "{}", "Access-Control-Allow-Credentials", NULL},
        {"credentials",
         "{\"allow_credential\": true, \"allow_origins\": \"**\", \"allow_methods\": \"**\","
         " \"allow_headers\": \"**\"}",
         "Access-Control-Allow-Credentials", "true"},
        {"no timing", "{}", "Timing-Allow-Origin", NULL},
        {"timing for all", "{\"timing_allow_origins\": \"*\"}", "Timing-Allow-Origin", "*"},
        {"timing for any", "{\"timing_allow_origins\": \"**\"}", "Timing-Allow-Origin",
         "https://a.com"},
        {"timing for one", "{\"timing_allow_origins\": \"https://b.com,https://a.com\"}",
         "Timing-Allow-Origin", "https://a.com"},
        {"timing for others", "{\"timing_allow_origins\": \"https://b.com\"}",
         "Timing-Allow-Origin", NULL},
        {"timing by pattern", "{\"timing_allow_origins_by_regex\": [\"a.com$\"]}",
         "Timing-Allow-Origin", "https://a.com"},
        {"timing by other pattern", "{\"timing_allow_origins_by_regex\": [\"b.com$\"]}",
         "Timing-Allow-Origin", NULL},
    };
    hg_test_request request = {
        .headers = "Origin: https://a.com\nAccess-Control-Request-Headers: X-Asked\n"};

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        const hg_test_exchange *exchange = hg_test_run(*state, cases[i].config, &request);

        if (!same(hg_test_header(*state, exchange, cases[i].name), cases[i].value)) {
            fail_msg("%s: got %s", cases[i].label, hg_test_header(*state, exchange, cases[i].name));
        }
    }
}

static void no_headers_are_allowed_where_none_are_asked_for(void **state)
{
    static const struct {
        const char *label;
        const char *headers;
        const char *allowed;
    } cases[] = {
        {"none", "Origin: https://a.com\n", NULL},
        {"empty", "Origin: https://a.com\nAccess-Control-Request-Headers:\n", ""},
        {"the first of two",
         "Origin: https://a.com\nAccess-Control-Request-Headers: a,b\n"
         "Access-Control-Request-Headers: c\n",
         "a,b"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        hg_test_request request = {.headers = cases[i].headers};
        const hg_test_exchange *exchange =
            hg_test_run(*state, "{\"allow_headers\": \"**\"}", &request);

        if (!same(hg_test_header(*state, exchange, "Access-Control-Allow-Headers"),
                  cases[i].allowed)) {
            fail_msg("%s: got %s", cases[i].label,
                     hg_test_header(*state, exchange, "Access-Control-Allow-Headers"));
        }
    }
}

static void headers_of_the_upstream_are_replaced(void **state)
{
    hg_test_upstream upstream = {
        .headers = "Access-Control-Allow-Origin: https://evil.com\nVary: Accept\n"};
    hg_test_request request = {.headers = "Origin: https://a.com\n"};
    const hg_test_exchange *exchange;

    hg_test_set_upstream(*state, &upstream);
    exchange = hg_test_run(*state, "{\"allow_origins\": \"https://a.com\"}", &request);
    assert_string_equal(hg_test_header(*state, exchange, "Access-Control-Allow-Origin"),
                        "https://a.com");
    assert_string_equal(hg_test_header(*state, exchange, "Vary"), "Accept, Origin");
}

static void a_preflight_is_answered(void **state)
{
    static const struct {
        const char *label;
        const char *method;
        const char *headers;
        bool answered;
    } cases[] = {
        {"preflight", "OPTIONS", "Origin: https://a.com\n" PREFLIGHT, true},
        {"preflight of the first of two origins", "OPTIONS",
         "Origin: https://a.com\nOrigin: https://b.com\n" PREFLIGHT, true},
        {"empty method", "OPTIONS", "Origin: https://a.com\nAccess-Control-Request-Method:\n",
         true},
        {"without a method", "OPTIONS", "Origin: https://a.com\n", false},
        {"without an origin", "OPTIONS", PREFLIGHT, false},
        {"other method", "GET", "Origin: https://a.com\n" PREFLIGHT, false},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        hg_test_request request = {.method = cases[i].method, .headers = cases[i].headers};
        const hg_test_exchange *exchange = hg_test_run(*state, "{}", &request);

        if ((exchange->tries == 0) != cases[i].answered || exchange->status != 200 ||
            exchange->body_length != 0 ||
            !same(hg_test_header(*state, exchange, "Access-Control-Allow-Origin"), "*")) {
            fail_msg("%s", cases[i].label);
        }
    }
}

/* It is told of the one origin as of any other response. */
static void a_preflight_from_elsewhere_is_told_nothing(void **state)
{
    hg_test_request request = {.method = "OPTIONS", .headers = "Origin: https://b.com\n" PREFLIGHT};
    const hg_test_exchange *exchange =
        hg_test_run(*state, "{\"allow_origins\": \"https://a.com\"}", &request);

    assert_int_equal(exchange->status, 200);
    assert_int_equal(exchange->tries, 0);
    assert_null(hg_test_header(*state, exchange, "Access-Control-Allow-Origin"));
    assert_string_equal(hg_test_header(*state, exchange, "Vary"), "Origin");
}

#define ORIGINS                                                                                    \
    "\"type\": \"string\","                                                                        \
    " \"pattern\": \"^(\\\\*|\\\\*\\\\*|null|\\\\w+://[^,]+(,\\\\w+://[^,]+)*)$\""
#define VALUE "\"type\": \"string\", \"pattern\": \"^[^\\\\x00-\\\\x1f\\\\x7f]*$\""
#define LIST                                                                                       \
    "{\"type\": \"array\", \"minItems\": 1, \"uniqueItems\": true,"                                \
    " \"items\": {\"type\": \"string\", \"minLength\": 1, \"maxLength\": 4096}}"

static void every_field_is_told(void **state)
{
    static const hg_test_fact facts[] = {
        {"/priority", "4000"},
        {"/flags", "[]"},
        {"/phases", "[\"rewrite\", \"header_filter\"]"},
        {"/schema", "{\"type\": \"object\"}"},
        {"/schema/properties/allow_origins", "{" ORIGINS ", \"default\": \"*\"}"},
        {"/schema/properties/allow_methods", "{" VALUE ", \"default\": \"*\"}"},
        {"/schema/properties/allow_headers", "{" VALUE ", \"default\": \"*\"}"},
        {"/schema/properties/expose_headers", "{" VALUE "}"},
        {"/schema/properties/max_age",
         "{\"type\": \"integer\", \"default\": 5, \"minimum\": -9223372036854775808,"
         " \"maximum\": 9223372036854775807}"},
        {"/schema/properties/allow_credential", "{\"type\": \"boolean\", \"default\": false}"},
        {"/schema/properties/allow_origins_by_regex", LIST},
        {"/schema/properties/allow_origins_by_metadata", LIST},
        {"/schema/properties/timing_allow_origins", "{" ORIGINS "}"},
        {"/schema/properties/timing_allow_origins_by_regex", LIST},
        {"/metadata_schema", "{\"type\": \"object\"}"},
        {"/metadata_schema/properties/allow_origins",
         "{\"type\": \"object\", \"additionalProperties\": {" ORIGINS "}}"},
    };

    hg_test_expect_facts(*state, facts, ARRAY_SIZE(facts));
}

/* An entry of each list at its greatest length, and one beyond. */
static void entries_of_lists_are_bounded(void **state)
{
    static const char *const lists[] = {"allow_origins_by_regex", "allow_origins_by_metadata",
                                        "timing_allow_origins_by_regex"};

    for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
        for (int length = 4096; length <= 4097; length++) {
            char config[4200];
            char text[200];
            hg_test_row row = {lists[i], config, length == 4096 ? NULL : text};

            (void)snprintf(config, sizeof(config), "{\"%s\": [\"%0*d\"]}", lists[i], length, 0);
            (void)snprintf(text, sizeof(text),
                           "property \"%s\" validation failed: failed to validate item 1: string "
                           "too long, expected at most 4096, got 4097",
                           lists[i]);
            hg_test_judge(*state, &row, 1);
        }
    }
}

static void metadata_is_judged(void **state)
{
    static const hg_test_row rows[] = {
        {"nothing", "{}", NULL},
        {"no origins", "{\"allow_origins\": {}}", NULL},
        {"every form",
         "{\"allow_origins\": {\"a\": \"*\", \"b\": \"**\", \"c\": \"null\", \"\\u20ac\":"
         " \"https://a.com,http://b.com\"}}",
         NULL},
        {"no origin", "{\"allow_origins\": {\"a\": \"b\"}}",
         "property \"allow_origins\" validation failed: failed to validate additional property a: "
         "failed to match pattern"},
        {"comma at the end", "{\"allow_origins\": {\"a\": \"https://a.com,\"}}",
         "property \"allow_origins\" validation failed: failed to validate additional property a: "
         "failed to match pattern"},
        {"a number", "{\"allow_origins\": {\"a\": 1}}",
         "property \"allow_origins\" validation failed: failed to validate additional property a: "
         "wrong type: expected string, got number"},
        {"a list", "{\"allow_origins\": [\"https://a.com\"]}",
         "property \"allow_origins\" validation failed: wrong type: expected object, got table"},
    };

    hg_test_judge_on(*state, HG_TEST_AS_METADATA, rows, ARRAY_SIZE(rows));
}

static void configurations_are_judged(void **state)
{
    static const hg_test_row rows[] = {
        {"nothing", "{}", NULL},
        {"empty allow_origins", "{\"allow_origins\": \"\"}",
         "property \"allow_origins\" validation failed: failed to match pattern "
         "\"^(\\\\*|\\\\*\\\\*|null|\\\\w+://[^,]+(,\\\\w+://[^,]+)*)$\" with \"\""},
        {"no origin", "{\"allow_origins\": \"a.com\"}",
         "property \"allow_origins\" validation failed: failed to match pattern "
         "\"^(\\\\*|\\\\*\\\\*|null|\\\\w+://[^,]+(,\\\\w+://[^,]+)*)$\" with \"a.com\""},
        {"star in a list", "{\"allow_origins\": \"*,https://a.com\"}",
         "property \"allow_origins\" validation failed: failed to match pattern "
         "\"^(\\\\*|\\\\*\\\\*|null|\\\\w+://[^,]+(,\\\\w+://[^,]+)*)$\" with \"*,https://a.com\""},
        {"null in a list", "{\"allow_origins\": \"null,https://a.com\"}",
         "property \"allow_origins\" validation failed: failed to match pattern"},
        {"three stars", "{\"allow_origins\": \"***\"}",
         "property \"allow_origins\" validation failed: failed to match pattern"},
        {"two stars", "{\"allow_origins\": \"**\"}", NULL},
        {"origins of another type", "{\"allow_origins\": [\"https://a.com\"]}",
         "property \"allow_origins\" validation failed: wrong type: expected string, got table"},
        {"line break in methods", "{\"allow_methods\": \"GET\\nPUT\"}",
         "property \"allow_methods\" validation failed: failed to match pattern"},
        {"line break in headers", "{\"allow_headers\": \"A\\r\"}",
         "property \"allow_headers\" validation failed: failed to match pattern"},
        {"control character in what is exposed", "{\"expose_headers\": \"A\\u001f\"}",
         "property \"expose_headers\" validation failed: failed to match pattern"},
        {"DEL in what is exposed", "{\"expose_headers\": \"\\u007f\"}",
         "property \"expose_headers\" validation failed: failed to match pattern"},
        {"what stands beside these", "{\"expose_headers\": \" ~\\u0080\"}", NULL},
        {"max_age beyond 64 bits", "{\"max_age\": 1e300}",
         "property \"max_age\" validation failed: expected 1e+300 to be at most "
         "9.2233720368548e+18"},
        {"max_age far below", "{\"max_age\": -1e300}",
         "property \"max_age\" validation failed: expected -1e+300 to be at least "
         "-9.2233720368548e+18"},
        {"max_age 1.5", "{\"max_age\": 1.5}",
         "property \"max_age\" validation failed: wrong type: expected integer, got number"},
        {"name of another type", "{\"allow_origins_by_metadata\": [1]}",
         "property \"allow_origins_by_metadata\" validation failed: failed to validate item 1: "
         "wrong "
         "type: expected string, got number"},
        {"empty name", "{\"allow_origins_by_metadata\": [\"\"]}",
         "property \"allow_origins_by_metadata\" validation failed: failed to validate item 1: "
         "string too short, expected at least 1, got 0"},
        {"timing patterns twice", "{\"timing_allow_origins_by_regex\": [\"a\", \"a\"]}",
         "property \"timing_allow_origins_by_regex\" validation failed: expected unique items but "
         "items 1 and 2 are equal"},
        {"credential and none of these",
         "{\"allow_credential\": true, \"allow_origins\": \"**\", \"allow_methods\": \"**\","
         " \"allow_headers\": \"**\", \"expose_headers\": \"\", \"timing_allow_origins\": \"**\"}",
         NULL},
        {"comma at the end", "{\"allow_origins\": \"https://a.com,\"}",
         "property \"allow_origins\" validation failed: failed to match pattern "
         "\"^(\\\\*|\\\\*\\\\*|null|\\\\w+://[^,]+(,\\\\w+://[^,]+)*)$\" with \"https://a.com,\""},
        {"null", "{\"allow_origins\": \"null\"}", NULL},
        {"allow_methods", "{\"allow_methods\": [\"GET\"]}",
         "property \"allow_methods\" validation failed: wrong type: expected string, got table"},
        {"allow_headers", "{\"allow_headers\": 1}",
         "property \"allow_headers\" validation failed: wrong type: expected string, got number"},
        {"expose_headers", "{\"expose_headers\": 1}",
         "property \"expose_headers\" validation failed: wrong type: expected string, got number"},
        {"max_age", "{\"max_age\": \"5\"}",
         "property \"max_age\" validation failed: wrong type: expected integer, got string"},
        {"allow_credential", "{\"allow_credential\": 1}",
         "property \"allow_credential\" validation failed: wrong type: expected boolean, got "
         "number"},
        {"credential and all origins",
         "{\"allow_credential\": true, \"allow_methods\": \"GET\", \"allow_headers\": \"A\"}",
         "/plugins/cors/allow_origins: found you can not set '*' for other option when "
         "'allow_credential' is true, wanted values one by one, or '**'"},
        {"credential and all methods",
         "{\"allow_credential\": true, \"allow_origins\": \"**\", \"allow_headers\": \"A\"}",
         "/plugins/cors/allow_methods: found you can not set '*' for other option when "
         "'allow_credential' is true, wanted values one by one, or '**'"},
        {"credential and all headers",
         "{\"allow_credential\": true, \"allow_origins\": \"**\", \"allow_methods\": \"GET\"}",
         "/plugins/cors/allow_headers: found you can not set '*' for other option when "
         "'allow_credential' is true, wanted values one by one, or '**'"},
        {"credential and all exposed",
         "{\"allow_credential\": true, \"allow_origins\": \"**\", \"allow_methods\": \"GET\","
         " \"allow_headers\": \"A\", \"expose_headers\": \"*\"}",
         "/plugins/cors/expose_headers: found you can not set '*' for other option when "
         "'allow_credential' is true, wanted values one by one, or '**'"},
        {"credential and all timing",
         "{\"allow_credential\": true, \"allow_origins\": \"**\", \"allow_methods\": \"GET\","
         " \"allow_headers\": \"A\", \"timing_allow_origins\": \"*\"}",
         "/plugins/cors/timing_allow_origins: found you can not set '*' for other option when "
         "'allow_credential' is true, wanted values one by one, or '**'"},
        {"no patterns", "{\"allow_origins_by_regex\": []}",
         "property \"allow_origins_by_regex\" validation failed: expect array to have at least 1 "
         "items"},
        {"empty pattern", "{\"allow_origins_by_regex\": [\"\"]}",
         "property \"allow_origins_by_regex\" validation failed: failed to validate item 1: string "
         "too short, expected at least 1, got 0"},
        {"pattern twice", "{\"allow_origins_by_regex\": [\"a\", \"a\"]}",
         "property \"allow_origins_by_regex\" validation failed: expected unique items but items 1 "
         "and 2 are equal"},
        {"broken pattern", "{\"allow_origins_by_regex\": [\"a\", \"(\"]}",
         "/plugins/cors/allow_origins_by_regex/1: found missing closing parenthesis at offset 1, "
         "wanted a regular expression"},
        {"no names", "{\"allow_origins_by_metadata\": []}",
         "property \"allow_origins_by_metadata\" validation failed: expect array to have at least "
         "1 items"},
        {"name twice", "{\"allow_origins_by_metadata\": [\"a\", \"a\"]}",
         "property \"allow_origins_by_metadata\" validation failed: expected unique items but "
         "items 1 and 2 are equal"},
        {"timing_allow_origins", "{\"timing_allow_origins\": \"a\"}",
         "property \"timing_allow_origins\" validation failed: failed to match pattern "
         "\"^(\\\\*|\\\\*\\\\*|null|\\\\w+://[^,]+(,\\\\w+://[^,]+)*)$\" with \"a\""},
        {"timing pattern", "{\"timing_allow_origins_by_regex\": [\"(\"]}",
         "/plugins/cors/timing_allow_origins_by_regex/0: found missing closing parenthesis at "
         "offset 1, wanted a regular expression"},
        {"no timing patterns", "{\"timing_allow_origins_by_regex\": []}",
         "property \"timing_allow_origins_by_regex\" validation failed: expect array to have at "
         "least 1 items"},
    };

    hg_test_judge(*state, rows, ARRAY_SIZE(rows));
}

HG_TEST_MAIN("cors",
             HG_TEST_CASE(origins_are_allowed_as_configured),
             HG_TEST_CASE(headers_say_what_is_allowed),
             HG_TEST_CASE(headers_of_the_upstream_are_replaced),
             HG_TEST_CASE(a_preflight_is_answered),
             HG_TEST_CASE(a_preflight_from_elsewhere_is_told_nothing),
             HG_TEST_CASE(no_headers_are_allowed_where_none_are_asked_for),
             HG_TEST_CASE(every_field_is_told),
             HG_TEST_CASE(entries_of_lists_are_bounded),
             HG_TEST_CASE(metadata_is_judged),
             HG_TEST_CASE(configurations_are_judged))
