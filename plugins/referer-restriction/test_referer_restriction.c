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
        {"http://b.com", false, true},
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

static void a_refused_client_is_told_why(void **state)
{
    const hg_test_exchange *exchange = hg_test_run(*state, "{\"whitelist\": [\"a\"]}", NULL);

    assert_int_equal(exchange->status, 403);
    assert_string_equal(exchange->body, "{\"message\":\"Your referer host is not allowed\"}\n");
    assert_string_equal(hg_test_header(*state, exchange, "Content-Type"), "application/json");
    exchange = hg_test_run(*state, "{\"whitelist\": [\"a\"], \"message\": \"no\"}", NULL);
    assert_string_equal(exchange->body, "{\"message\":\"no\"}\n");
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
        {"least", "{\"whitelist\": [\"a\"]}", NULL},
    };
    char config[1200];

    hg_test_judge(*state, rows, ARRAY_SIZE(rows));
    for (int length = 1024; length <= 1025; length++) {
        (void)snprintf(config, sizeof(config), "{\"blacklist\": [\"a\"], \"message\": \"%0*d\"}",
                       length, 0);
        assert_int_equal(
            hg_test_check(*state, "referer-restriction", HG_TEST_ON_ROUTE, config, NULL, NULL),
            length == 1024 ? HG_OK : HG_ERR_INVALID);
    }
}

HG_TEST_MAIN("referer-restriction",
             HG_TEST_CASE(requests_pass_by_where_they_come_from),
             HG_TEST_CASE(a_refused_client_is_told_why),
             HG_TEST_CASE(configurations_are_judged))
