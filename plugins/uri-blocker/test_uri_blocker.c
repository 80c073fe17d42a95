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
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        const hg_test_exchange *exchange;
        char config[128];

        (void)snprintf(config, sizeof(config), "{\"block_rules\": [\".\"]%s}", cases[i].options);
        exchange = hg_test_run(*state, config, NULL);
        assert_int_equal(exchange->status, cases[i].status);
        assert_string_equal(exchange->body, cases[i].body);
    }
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
        {"least", "{\"block_rules\": [\"a\"]}", NULL},
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
        assert_int_equal(
            hg_test_check(*state, "uri-blocker", HG_TEST_ON_ROUTE, long_rule, NULL, NULL),
            length == 4096 ? HG_OK : HG_ERR_INVALID);
    }
}

HG_TEST_MAIN("uri-blocker",
             HG_TEST_CASE(targets_are_searched),
             HG_TEST_CASE(a_refusal_looks_as_configured),
             HG_TEST_CASE(a_pattern_that_explodes_is_no_match),
             HG_TEST_CASE(configurations_are_judged))
