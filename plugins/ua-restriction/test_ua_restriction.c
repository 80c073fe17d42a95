/* test_ua_restriction.c - which agents pass, and what the others are told. */
#include <stdio.h>
#include <string.h>

#include <hotgate/test_cmocka.h>

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

static void agents_pass_by_their_name(void **state)
{
    static const struct {
        const char *label;
        const char *config;
        const char *headers;
        uint32_t status;
    } cases[] = {
        {"allowed", "{\"allowlist\": [\"my-bot\"]}", "User-Agent: x my-bot/1\n", 200},
        {"not allowed", "{\"allowlist\": [\"my-bot\"]}", "User-Agent: your-bot\n", 403},
        {"other case", "{\"allowlist\": [\"my-bot\"]}", "User-Agent: My-Bot\n", 403},
        {"second pattern", "{\"allowlist\": [\"a\", \"^b\"]}", "User-Agent: b\n", 200},
        {"denied", "{\"denylist\": [\"bad\\\\d\"]}", "user-agent: bad1\n", 403},
        {"not denied", "{\"denylist\": [\"bad\\\\d\"]}", "User-Agent: bad\n", 200},
        {"a pattern beyond ASCII", "{\"denylist\": [\"^\\u20ac$\"]}", "User-Agent: \xe2\x82\xac\n",
         403},
        {"denied behind what is no UTF-8", "{\"denylist\": [\"bad\"]}",
         "User-Agent: \xff\xfe bad\n", 403},
        {"allowed behind what is no UTF-8", "{\"allowlist\": [\"good$\"]}",
         "User-Agent: \xff good\n", 200},
        {"missing, denylist, bypassed", "{\"denylist\": [\"x\"], \"bypass_missing\": true}", "",
         200},
        {"missing, told not to bypass", "{\"denylist\": [\"x\"], \"bypass_missing\": false}", "",
         403},
        {"empty, allowlist", "{\"allowlist\": [\".\"]}", "User-Agent: \n", 403},
        {"empty is not missing", "{\"allowlist\": [\".\"], \"bypass_missing\": true}",
         "User-Agent: \n", 403},
        {"missing, allowlist", "{\"allowlist\": [\".\"]}", "", 403},
        {"missing, denylist", "{\"denylist\": [\"x\"]}", "", 403},
        {"missing, bypassed", "{\"allowlist\": [\".\"], \"bypass_missing\": true}", "", 200},
        {"there, not bypassed", "{\"allowlist\": [\"a\"], \"bypass_missing\": true}",
         "User-Agent: b\n", 403},
        {"empty is there", "{\"denylist\": [\"x\"]}", "User-Agent: \n", 200},
        {"one of two denied", "{\"denylist\": [\"bad\"]}", "User-Agent: good\nUser-Agent: bad\n",
         403},
        {"the first of two denied", "{\"denylist\": [\"bad\"]}",
         "User-Agent: bad\nUser-Agent: good\n", 403},
        {"neither denied", "{\"denylist\": [\"bad\"]}", "User-Agent: a\nUser-Agent: b\n", 200},
        {"one of two allowed", "{\"allowlist\": [\"good\"]}", "User-Agent: good\nUser-Agent: bad\n",
         403},
        {"both allowed", "{\"allowlist\": [\"good\"]}", "User-Agent: good\nUser-Agent: good\n",
         200},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        hg_test_request request = {.headers = cases[i].headers};
        const hg_test_exchange *exchange = hg_test_run(*state, cases[i].config, &request);

        if (exchange->status != cases[i].status ||
            (exchange->tries == 0) != (cases[i].status != 200)) {
            fail_msg("%s: got %u", cases[i].label, exchange->status);
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
        {"default", "", "{\"message\":\"Not allowed\"}\n", "application/json"},
        {"own", ", \"message\": \"no\"", "{\"message\":\"no\"}\n", "application/json"},
        {"beyond ASCII", ", \"message\": \"\\u20ac \\\"\\n\"",
         "{\"message\":\"\xe2\x82\xac \\\"\\n\"}\n", "application/json"},
        {"another body", ", \"_meta\": {\"error_response\": {\"code\": 1}}", "{\"code\":1}\n",
         "application/json"},
        {"another text", ", \"_meta\": {\"error_response\": \"go\"}", "go",
         "text/plain; charset=utf-8"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        const hg_test_exchange *got;
        char config[256];

        (void)snprintf(config, sizeof(config), "{\"allowlist\": [\"a\"]%s}", cases[i].options);
        got = hg_test_run(*state, config, NULL);
        if (got->status != 403 || strcmp(got->body, cases[i].body) != 0 ||
            strcmp(hg_test_header(*state, got, "Content-Type"), cases[i].type) != 0) {
            fail_msg("%s: got %u %s", cases[i].label, got->status, got->body);
        }
    }
    assert_int_equal(
        hg_test_log_count(*state, HG_LOG_WARN, "ua-restriction exits with http status code 403"),
        ARRAY_SIZE(cases));
}

static void every_field_is_told(void **state)
{
    static const hg_test_fact facts[] = {
        {"/priority", "2999"},
        {"/flags", "[]"},
        {"/phases", "[\"access\"]"},
        {"/schema",
         "{\"type\": \"object\","
         " \"oneOf\": [{\"required\": [\"allowlist\"]}, {\"required\": [\"denylist\"]}]}"},
        {"/schema/properties/allowlist", "{\"type\": \"array\", \"minItems\": 1, \"items\": "
                                         "{\"type\": \"string\", \"minLength\": 1}}"},
        {"/schema/properties/denylist", "{\"type\": \"array\", \"minItems\": 1, \"items\": "
                                        "{\"type\": \"string\", \"minLength\": 1}}"},
        {"/schema/properties/bypass_missing", "{\"type\": \"boolean\", \"default\": false}"},
        {"/schema/properties/message",
         "{\"type\": \"string\", \"minLength\": 1, \"maxLength\": 1024,"
         " \"default\": \"Not allowed\"}"},
    };

    hg_test_expect_facts(*state, facts, ARRAY_SIZE(facts));
}

static void configurations_are_judged(void **state)
{
    static const hg_test_row rows[] = {
        {"neither list", "{}", "value should match only one schema, but matches none"},
        {"both lists", "{\"allowlist\": [\"a\"], \"denylist\": [\"b\"]}",
         "value should match only one schema, but matches both schemas 1 and 2"},
        {"empty allowlist", "{\"allowlist\": []}",
         "property \"allowlist\" validation failed: expect array to have at least 1 items"},
        {"empty denylist", "{\"denylist\": []}",
         "property \"denylist\" validation failed: expect array to have at least 1 items"},
        {"empty pattern", "{\"denylist\": [\"\"]}",
         "property \"denylist\" validation failed: failed to validate item 1: string too short, "
         "expected at least 1, got 0"},
        {"broken pattern", "{\"denylist\": [\"a\", \"(\"]}",
         "/plugins/ua-restriction/denylist/1: found \"(\", wanted a regular expression: missing "
         "closing parenthesis at offset 1"},
        {"broken allowed pattern", "{\"allowlist\": [\"[\"]}",
         "/plugins/ua-restriction/allowlist/0: found \"[\", wanted a regular expression: missing "
         "terminating ] for character class at offset 1"},
        {"pattern of another type", "{\"allowlist\": [1]}",
         "property \"allowlist\" validation failed: failed to validate item 1: wrong type: "
         "expected string, got number"},
        {"bypass_missing", "{\"allowlist\": [\"a\"], \"bypass_missing\": 1}",
         "property \"bypass_missing\" validation failed: wrong type: expected boolean, got number"},
        {"empty message", "{\"allowlist\": [\"a\"], \"message\": \"\"}",
         "property \"message\" validation failed: string too short, expected at least 1, got 0"},
        {"message of another type", "{\"allowlist\": [\"a\"], \"message\": 1}",
         "property \"message\" validation failed: wrong type: expected string, got number"},
        {"list of another type", "{\"denylist\": \"a\"}",
         "property \"denylist\" validation failed: wrong type: expected array, got string"},
        {"a pattern twice", "{\"denylist\": [\"a\", \"a\"]}", NULL},
        {"least", "{\"allowlist\": [\"a\"]}", NULL},
        {"least of the other", "{\"denylist\": [\"a\"], \"message\": \"b\"}", NULL},
    };
    char config[1200];

    hg_test_judge(*state, rows, ARRAY_SIZE(rows));
    for (int length = 1024; length <= 1025; length++) {
        hg_test_row row = {"length of the message", config,
                           length == 1024
                               ? NULL
                               : "property \"message\" validation failed: string too long,"
                                 " expected at most 1024, got 1025"};

        (void)snprintf(config, sizeof(config), "{\"denylist\": [\"a\"], \"message\": \"%0*d\"}",
                       length, 0);
        hg_test_judge(*state, &row, 1);
    }
}

HG_TEST_MAIN("ua-restriction",
             HG_TEST_CASE(agents_pass_by_their_name),
             HG_TEST_CASE(a_refused_client_is_told_why),
             HG_TEST_CASE(every_field_is_told),
             HG_TEST_CASE(configurations_are_judged))
