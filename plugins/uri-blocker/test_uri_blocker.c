/* test_uri_blocker.c - which targets are refused, and how. */
#include <stdio.h>
#include <string.h>

#include <hotgate/test_cmocka.h>

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

static void targets_are_searched(void **state)
{
    static const struct {
        const char *label;
        const char *config;
        const char *uri;
        uint32_t status;
    } cases[] = {
        {"in the path", "{\"block_rules\": [\"root.exe\"]}", "/a/root.exe", 403},
        {"in the arguments", "{\"block_rules\": [\"root.exe\"]}", "/?x=root.exe", 403},
        {"nowhere", "{\"block_rules\": [\"root.exe\"]}", "/?x=user.exe", 200},
        {"second rule", "{\"block_rules\": [\"aa\", \"bb\"]}", "/bb", 403},
        {"at the beginning", "{\"block_rules\": [\"^/admin\"]}", "/x/admin", 200},
        {"other case", "{\"block_rules\": [\"^/admin\"]}", "/Admin", 200},
        {"any case", "{\"block_rules\": [\"^/admin\"], \"case_insensitive\": true}", "/Admin", 403},
        {"encoded", "{\"block_rules\": [\"^/admin\"]}", "/%61dmin", 403},
        {"encoded, with arguments", "{\"block_rules\": [\"^/admin\\\\?a=1$\"]}", "/%61dmin?a=1",
         403},
        {"with dots", "{\"block_rules\": [\"^/admin\"]}", "/x/../admin", 403},
        {"as it was sent", "{\"block_rules\": [\"%61\"]}", "/%61dmin", 403},
        {"told to mind the case", "{\"block_rules\": [\"^/admin\"], \"case_insensitive\": false}",
         "/Admin", 200},
        {"any case, second rule",
         "{\"block_rules\": [\"^/x\", \"^/admin\"], \"case_insensitive\": true}", "/ADMIN", 403},
        {"beyond ASCII", "{\"block_rules\": [\"\\u20ac\"]}", "/%E2%82%AC", 403},
        {"beyond ASCII, any case", "{\"block_rules\": [\"\\u00c4\"], \"case_insensitive\": true}",
         "/%c3%a4", 403},
        {"behind what is no UTF-8", "{\"block_rules\": [\"/admin\"]}", "/%ff/admin", 403},
        {"a question mark without arguments", "{\"block_rules\": [\"n\\\\?$\"]}", "/admin?", 403},
        {"the end of the path behind a decoded one", "{\"block_rules\": [\"^/admin$\"]}",
         "/%61dmin?a", 200},
        {"arguments stay encoded", "{\"block_rules\": [\"=admin\"]}", "/%61?a=%61dmin", 200},
        {"alternatives", "{\"block_rules\": [\"select.+from|drop table\"]}",
         "/?q=select%20*%20from", 403},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        hg_test_request request = {.uri = cases[i].uri};
        const hg_test_exchange *exchange = hg_test_run(*state, cases[i].config, &request);

        if (exchange->status != cases[i].status ||
            (exchange->tries == 0) != (cases[i].status != 200)) {
            fail_msg("%s: got %u", cases[i].label, exchange->status);
        }
    }
}

static void a_refusal_looks_as_configured(void **state)
{
    static const struct {
        const char *options;
        uint32_t status;
        const char *body;
    } cases[] = {
        {"", 403, "{\"error_msg\":\"403 Forbidden\"}\n"},
        {", \"rejected_code\": 200", 200, ""},
        {", \"rejected_code\": 599", 599, "{\"error_msg\":\"599 Error\"}\n"},
        {", \"rejected_msg\": \"access is not allowed\"", 403,
         "{\"error_msg\":\"access is not allowed\"}\n"},
        {", \"rejected_msg\": \"\\u20ac\\\"\", \"rejected_code\": 404", 404,
         "{\"error_msg\":\"\xe2\x82\xac\\\"\"}\n"},
        {", \"rejected_msg\": \"ok\", \"rejected_code\": 200", 200, "{\"error_msg\":\"ok\"}\n"},
        {", \"_meta\": {\"error_response\": \"no\"}", 403, "no"},
        {", \"rejected_code\": 200, \"_meta\": {\"error_response\": \"no\"}", 200, ""},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        const hg_test_exchange *exchange;
        char config[128];

        (void)snprintf(config, sizeof(config), "{\"block_rules\": [\".\"]%s}", cases[i].options);
        exchange = hg_test_run(*state, config, NULL);
        assert_int_equal(exchange->status, cases[i].status);
        assert_string_equal(exchange->body, cases[i].body);
        assert_int_equal(exchange->tries, 0);
    }
    assert_int_equal(
        hg_test_log_count(*state, HG_LOG_WARN, "uri-blocker exits with http status code 403"), 3);
}

static void a_pattern_that_explodes_is_no_match(void **state)
{
    char uri[4096] = "/";
    hg_test_request request = {.uri = uri};

    memset(uri + 1, 'a', sizeof(uri) - 2);
    uri[sizeof(uri) - 2] = '!';
    assert_int_equal(hg_test_run(*state, "{\"block_rules\": [\"(a|aa|a?)+$\"]}", &request)->status,
                     200);
}

static void every_field_is_told(void **state)
{
    static const hg_test_fact facts[] = {
        {"/priority", "2900"},
        {"/flags", "[]"},
        {"/phases", "[\"rewrite\"]"},
        {"/schema", "{\"type\": \"object\", \"required\": [\"block_rules\"]}"},
        {"/schema/properties/block_rules",
         "{\"type\": \"array\", \"minItems\": 1, \"uniqueItems\": true,"
         " \"items\": {\"type\": \"string\", \"minLength\": 1, \"maxLength\": 4096}}"},
        {"/schema/properties/rejected_code",
         "{\"type\": \"integer\", \"minimum\": 200, \"maximum\": 599, \"default\": 403}"},
        {"/schema/properties/rejected_msg", "{\"type\": \"string\", \"minLength\": 1}"},
        {"/schema/properties/case_insensitive", "{\"type\": \"boolean\", \"default\": false}"},
    };

    hg_test_expect_facts(*state, facts, ARRAY_SIZE(facts));
}

static void configurations_are_judged(void **state)
{
    static const hg_test_row rows[] = {
        {"nothing", "{}", "property \"block_rules\" is required"},
        {"no list", "{\"block_rules\": \"a\"}",
         "property \"block_rules\" validation failed: wrong type: expected array, got string"},
        {"empty list", "{\"block_rules\": []}",
         "property \"block_rules\" validation failed: expect array to have at least 1 items"},
        {"empty rule", "{\"block_rules\": [\"\"]}",
         "property \"block_rules\" validation failed: failed to validate item 1: string too short, "
         "expected at least 1, got 0"},
        {"rule of another type", "{\"block_rules\": [1]}",
         "property \"block_rules\" validation failed: failed to validate item 1: wrong type: "
         "expected string, got number"},
        {"same rule twice", "{\"block_rules\": [\"a\", \"a\"]}",
         "property \"block_rules\" validation failed: expected unique items but items 1 and 2 are "
         "equal"},
        {"broken rule", "{\"block_rules\": [\"a\", \"(\"]}",
         "/plugins/uri-blocker/block_rules/1: found missing closing parenthesis at offset 1, "
         "wanted a regular expression"},
        {"two broken rules", "{\"block_rules\": [\"[\", \"a\", \"(\"]}",
         "/plugins/uri-blocker/block_rules/0: found missing terminating ]"},
        {"least", "{\"block_rules\": [\"a\"]}", NULL},
        {"rejected_code 200", "{\"block_rules\": [\"a\"], \"rejected_code\": 200}", NULL},
        {"rejected_code 599", "{\"block_rules\": [\"a\"], \"rejected_code\": 599}", NULL},
        {"rejected_msg of one", "{\"block_rules\": [\"a\"], \"rejected_msg\": \"b\"}", NULL},
        {"rejected_msg of another type", "{\"block_rules\": [\"a\"], \"rejected_msg\": 1}",
         "property \"rejected_msg\" validation failed: wrong type: expected string, got number"},
        {"rejected_code 199", "{\"block_rules\": [\"a\"], \"rejected_code\": 199}",
         "property \"rejected_code\" validation failed: expected 199 to be at least 200"},
        {"rejected_code 600", "{\"block_rules\": [\"a\"], \"rejected_code\": 600}",
         "property \"rejected_code\" validation failed: expected 600 to be at most 599"},
        {"rejected_code as text", "{\"block_rules\": [\"a\"], \"rejected_code\": \"403\"}",
         "property \"rejected_code\" validation failed: wrong type: expected integer, got string"},
        {"empty rejected_msg", "{\"block_rules\": [\"a\"], \"rejected_msg\": \"\"}",
         "property \"rejected_msg\" validation failed: string too short, expected at least 1, got "
         "0"},
        {"case_insensitive", "{\"block_rules\": [\"a\"], \"case_insensitive\": 1}",
         "property \"case_insensitive\" validation failed: wrong type: expected boolean, got "
         "number"},
    };
    char long_rule[4200];
    size_t length;

    hg_test_judge(*state, rows, ARRAY_SIZE(rows));
    for (length = 4096; length <= 4097; length++) {
        (void)snprintf(long_rule, sizeof(long_rule), "{\"block_rules\": [\"%0*d\"]}", (int)length,
                       0);
        hg_test_judge(*state,
                      &(hg_test_row){"length of a rule", long_rule,
                                     length == 4096 ? NULL
                                                    : "property \"block_rules\" validation failed: "
                                                      "failed to validate item 1: string too long, "
                                                      "expected at most 4096, got 4097"},
                      1);
    }
}

HG_TEST_MAIN("uri-blocker",
             HG_TEST_CASE(targets_are_searched),
             HG_TEST_CASE(a_refusal_looks_as_configured),
             HG_TEST_CASE(a_pattern_that_explodes_is_no_match),
             HG_TEST_CASE(every_field_is_told),
             HG_TEST_CASE(configurations_are_judged))
