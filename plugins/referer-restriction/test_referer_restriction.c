/* test_referer_restriction.c - from where requests may come. */
#include <stdio.h>
#include <string.h>

#include <hotgate/test_cmocka.h>

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))
#define LIST              "[\"a.com\", \"*.b.com\", \"[::1]\"]"

static void requests_pass_by_where_they_come_from(void **state)
{
    static const struct {
        const char *referer; /* NULL: none */
        bool listed;
        bool usable;
    } cases[] = {
        {"http://a.com", true, true},
        {"https://a.com/x?y#z", true, true},
        {"HTTPS://A.COM", true, true},
        {"//a.com/", true, true},
        {"http://a.com:8080/", true, true},
        {"http://user:password@a.com/", true, true},
        {"http://x.b.com", true, true},
        {"http://x.y.b.com", true, true},
        {"http://[::1]:80/", true, true},
        {"http://.b.com", true, true},
        {"http://a.com:", true, true},
        {"http://a.com:65535", true, true},
        {"http://a.com:99999/x", true, true},
        {"http://[::1]", true, true},
        {"http://[::1]/", true, true},
        {"http://a@b@a.com", true, true},
        {"http://b.com", false, true},
        {"http://a.co", false, true},
        {"http://a.com.", false, true},
        {"http://a.com\x80", false, true},
        {"http://\xe2\x82\xac.com", false, true},
        {"http://a.com:x@c.com", false, true},
        {"http://[::2]:80/", false, true},
        {"http://xb.com", false, true},
        {"http://a.com.c.com", false, true},
        {"http://a.com@c.com/", false, true},
        {"http://c.com#.b.com", false, true},
        {"http://c.com?.b.com", false, true},
        {"http://c.com\\.b.com", false, true},
        {"http://c.com/a.com", false, true},
        {NULL, false, false},
        {"", false, false},
        {"a.com", false, false},
        {"ftp://a.com", false, false},
        {"http:/a.com", false, false},
        {"http:a.com", false, false},
        {"http", false, false},
        {"/", false, false},
        {"//", false, false},
        {"https://", false, false},
        {"https:///a.com", false, false},
        {"http://a.com@", false, false},
        {"http://@", false, false},
        {"http://a.com:100000", false, false},
        {"http://a.com:8:0", false, false},
        {"http://[", false, false},
        {"http://[::1]:x", false, false},
        {"http://", false, false},
        {"http://:80", false, false},
        {"http://a.com:80x", false, false},
        {"http://[::1", false, false},
        {"http://[::1]x", false, false},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases) * 4; i++) {
        bool white = i % 2 == 0;
        bool bypass = i % 4 < 2;
        size_t k = i / 4;
        bool passes = cases[k].usable ? cases[k].listed == white : bypass;
        char headers[128];
        char config[128];
        hg_test_request request = {.headers = headers};
        const hg_test_exchange *exchange;

        (void)snprintf(headers, sizeof(headers), cases[k].referer == NULL ? "" : "Referer: %s\n",
                       cases[k].referer);
        (void)snprintf(config, sizeof(config), "{\"%s\": " LIST ", \"bypass_missing\": %s}",
                       white ? "whitelist" : "blacklist", bypass ? "true" : "false");
        exchange = hg_test_run(*state, config, &request);
        if (exchange->status != (passes ? 200 : 403) || (exchange->tries > 0) != passes) {
            fail_msg("%s %s: got %u", config, headers, exchange->status);
        }
    }
}

/* Of several headers the first one counts. */
static void the_first_referer_counts(void **state)
{
    static const struct {
        const char *label;
        const char *headers;
        uint32_t status;
    } cases[] = {
        {"the first", "Referer: http://a.com\nReferer: http://c.com\n", 200},
        {"only the second", "Referer: http://c.com\nReferer: http://a.com\n", 403},
        {"in another case", "REFERER: http://a.com\n", 200},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        hg_test_request request = {.headers = cases[i].headers};

        if (hg_test_run(*state, "{\"whitelist\": " LIST "}", &request)->status != cases[i].status) {
            fail_msg("%s", cases[i].label);
        }
    }
}

static void a_refused_client_is_told_why(void **state)
{
    static const struct {
        const char *label;
        const char *options;
        const char *body;
        const char *type;
    } cases[] = {
        {"default", "", "{\"message\":\"Your referer host is not allowed\"}\n", "application/json"},
        {"own", ", \"message\": \"no\"", "{\"message\":\"no\"}\n", "application/json"},
        {"beyond ASCII", ", \"message\": \"\\u20ac\"", "{\"message\":\"\xe2\x82\xac\"}\n",
         "application/json"},
        {"another body", ", \"_meta\": {\"error_response\": {\"code\": 1}}", "{\"code\":1}\n",
         "application/json"},
        {"another text", ", \"_meta\": {\"error_response\": \"go\"}", "go",
         "text/plain; charset=utf-8"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        const hg_test_exchange *got;
        char config[256];

        (void)snprintf(config, sizeof(config), "{\"whitelist\": [\"a\"]%s}", cases[i].options);
        got = hg_test_run(*state, config, NULL);
        if (got->status != 403 || strcmp(got->body, cases[i].body) != 0 ||
            strcmp(hg_test_header(*state, got, "Content-Type"), cases[i].type) != 0) {
            fail_msg("%s: got %u %s", cases[i].label, got->status, got->body);
        }
    }
    assert_int_equal(hg_test_log_count(*state, HG_LOG_WARN,
                                       "referer-restriction exits with http status code 403"),
                     ARRAY_SIZE(cases));
}

static void every_field_is_told(void **state)
{
    static const hg_test_fact facts[] = {
        {"/priority", "2990"},
        {"/flags", "[]"},
        {"/phases", "[\"access\"]"},
        {"/schema",
         "{\"type\": \"object\","
         " \"oneOf\": [{\"required\": [\"whitelist\"]}, {\"required\": [\"blacklist\"]}]}"},
        {"/schema/properties/whitelist",
         "{\"type\": \"array\", \"minItems\": 1, \"items\": {\"type\": \"string\","
         " \"pattern\": \"^\\\\*?[0-9a-zA-Z-._\\\\[\\\\]:]+$\"}}"},
        {"/schema/properties/blacklist",
         "{\"type\": \"array\", \"minItems\": 1, \"items\": {\"type\": \"string\","
         " \"pattern\": \"^\\\\*?[0-9a-zA-Z-._\\\\[\\\\]:]+$\"}}"},
        {"/schema/properties/bypass_missing", "{\"type\": \"boolean\", \"default\": false}"},
        {"/schema/properties/message",
         "{\"type\": \"string\", \"minLength\": 1, \"maxLength\": 1024,"
         " \"default\": \"Your referer host is not allowed\"}"},
    };

    hg_test_expect_facts(*state, facts, ARRAY_SIZE(facts));
}

static void configurations_are_judged(void **state)
{
    static const hg_test_row rows[] = {
        {"neither list", "{}", "value should match only one schema, but matches none"},
        {"both lists", "{\"whitelist\": [\"a\"], \"blacklist\": [\"b\"]}",
         "value should match only one schema, but matches both schemas 1 and 2"},
        {"empty whitelist", "{\"whitelist\": []}",
         "property \"whitelist\" validation failed: expect array to have at least 1 items"},
        {"empty blacklist", "{\"blacklist\": []}",
         "property \"blacklist\" validation failed: expect array to have at least 1 items"},
        {"empty host", "{\"blacklist\": [\"\"]}",
         "property \"blacklist\" validation failed: failed to validate item 1: failed to match "
         "pattern \"^\\\\*?[0-9a-zA-Z-._\\\\[\\\\]:]+$\" with \"\""},
        {"star alone", "{\"blacklist\": [\"*\"]}",
         "property \"blacklist\" validation failed: failed to validate item 1: failed to match "
         "pattern \"^\\\\*?[0-9a-zA-Z-._\\\\[\\\\]:]+$\" with \"*\""},
        {"star inside", "{\"blacklist\": [\"a.*.com\"]}",
         "property \"blacklist\" validation failed: failed to validate item 1: failed to match "
         "pattern \"^\\\\*?[0-9a-zA-Z-._\\\\[\\\\]:]+$\" with \"a.*.com\""},
        {"a reference", "{\"whitelist\": [\"http://a.com/\"]}",
         "property \"whitelist\" validation failed: failed to validate item 1: failed to match "
         "pattern \"^\\\\*?[0-9a-zA-Z-._\\\\[\\\\]:]+$\" with \"http://a.com/\""},
        {"host of another type", "{\"whitelist\": [1]}",
         "property \"whitelist\" validation failed: failed to validate item 1: wrong type: "
         "expected string, got number"},
        {"bypass_missing", "{\"whitelist\": [\"a\"], \"bypass_missing\": 1}",
         "property \"bypass_missing\" validation failed: wrong type: expected boolean, got number"},
        {"empty message", "{\"whitelist\": [\"a\"], \"message\": \"\"}",
         "property \"message\" validation failed: string too short, expected at least 1, got 0"},
        {"list of another type", "{\"whitelist\": \"a\"}",
         "property \"whitelist\" validation failed: wrong type: expected array, got string"},
        {"message of another type", "{\"whitelist\": [\"a\"], \"message\": 1}",
         "property \"message\" validation failed: wrong type: expected string, got number"},
        {"host beyond ASCII", "{\"whitelist\": [\"\\u20ac.com\"]}",
         "property \"whitelist\" validation failed: failed to validate item 1: failed to match"},
        {"host with a line feed", "{\"whitelist\": [\"a.com\\n\"]}",
         "property \"whitelist\" validation failed: failed to validate item 1: failed to match"},
        {"all that a host may have", "{\"whitelist\": [\"*.a-B_0.9\", \"[::1]\", \"*a\"]}", NULL},
        {"a host twice", "{\"whitelist\": [\"a\", \"a\"]}", NULL},
        {"least", "{\"whitelist\": [\"a\"]}", NULL},
        {"least of the other", "{\"blacklist\": [\"a\"], \"message\": \"b\"}", NULL},
    };
    char config[1200];

    hg_test_judge(*state, rows, ARRAY_SIZE(rows));
    for (int length = 1024; length <= 1025; length++) {
        hg_test_row row = {"length of the message", config,
                           length == 1024
                               ? NULL
                               : "property \"message\" validation failed: string too long,"
                                 " expected at most 1024, got 1025"};

        (void)snprintf(config, sizeof(config), "{\"blacklist\": [\"a\"], \"message\": \"%0*d\"}",
                       length, 0);
        hg_test_judge(*state, &row, 1);
    }
}

HG_TEST_MAIN("referer-restriction",
             HG_TEST_CASE(requests_pass_by_where_they_come_from),
             HG_TEST_CASE(the_first_referer_counts),
             HG_TEST_CASE(a_refused_client_is_told_why),
             HG_TEST_CASE(every_field_is_told),
             HG_TEST_CASE(configurations_are_judged))
