/* test_ip_restriction.c - who passes, who does not, and what he is told. */
#include <stdio.h>
#include <string.h>

#include <hotgate/test_cmocka.h>

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

static void clients_pass_by_their_address(void **state)
{
    static const struct {
        const char *label;
        const char *config;
        const char *client;
        uint32_t status;
    } cases[] = {
        {"whitelisted address", "{\"whitelist\": [\"10.1.2.3\"]}", "10.1.2.3", 200},
        {"other address", "{\"whitelist\": [\"10.1.2.3\"]}", "10.1.2.4", 403},
        {"whitelisted network", "{\"whitelist\": [\"10.0.0.0/8\"]}", "10.255.0.1", 200},
        {"next to the network", "{\"whitelist\": [\"10.0.0.0/8\"]}", "11.0.0.1", 403},
        {"second entry", "{\"whitelist\": [\"1.1.1.1\", \"2.2.2.0/24\"]}", "2.2.2.9", 200},
        {"whitelisted IPv6", "{\"whitelist\": [\"2001:db8::/32\"]}", "2001:db8::1", 200},
        {"other IPv6", "{\"whitelist\": [\"2001:db8::/32\"]}", "2001:db9::1", 403},
        {"IPv4 mapped into IPv6", "{\"whitelist\": [\"10.0.0.0/8\"]}", "::ffff:10.1.1.1", 200},
        {"all of IPv4", "{\"whitelist\": [\"0.0.0.0/0\"]}", "8.8.8.8", 200},
        {"no address, whitelist", "{\"whitelist\": [\"0.0.0.0/0\", \"::/0\"]}", "unix:", 403},
        {"blacklisted address", "{\"blacklist\": [\"10.1.2.3\"]}", "10.1.2.3", 403},
        {"not blacklisted", "{\"blacklist\": [\"10.1.2.3\"]}", "10.1.2.4", 200},
        {"blacklisted network", "{\"blacklist\": [\"10.0.0.0/8\", \"::1\"]}", "::1", 403},
        {"no address, blacklist", "{\"blacklist\": [\"0.0.0.0/0\", \"::/0\"]}", "unix:", 200},
        {"disabled", "{\"blacklist\": [\"0.0.0.0/0\"], \"_meta\": {\"disable\": true}}", "1.1.1.1",
         200},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        hg_test_request request = {.client = cases[i].client};
        const hg_test_exchange *exchange = hg_test_run(*state, cases[i].config, &request);

        if (exchange->status != cases[i].status ||
            (exchange->tries == 0) != (cases[i].status != 200)) {
            fail_msg("%s: got %u after %u tries", cases[i].label, exchange->status,
                     exchange->tries);
        }
    }
}

static void a_refused_client_is_told_why(void **state)
{
    static const struct {
        const char *label;
        const char *config;
        uint32_t status;
        const char *body;
    } cases[] = {
        {"defaults", "{\"blacklist\": [\"127.0.0.1\"]}", 403,
         "{\"message\":\"Your IP address is not allowed\"}\n"},
        {"own message", "{\"blacklist\": [\"127.0.0.1\"], \"message\": \"Go \\\"away\\\"\"}", 403,
         "{\"message\":\"Go \\\"away\\\"\"}\n"},
        {"404", "{\"blacklist\": [\"127.0.0.1\"], \"response_code\": 404}", 404,
         "{\"message\":\"Your IP address is not allowed\"}\n"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        hg_test_request request = {.uri = "/"};
        const hg_test_exchange *exchange = hg_test_run(*state, cases[i].config, &request);

        if (exchange->status != cases[i].status || strcmp(exchange->body, cases[i].body) != 0) {
            fail_msg("%s: got %u %s", cases[i].label, exchange->status, exchange->body);
        }
        assert_string_equal(hg_test_header(*state, exchange, "Content-Type"), "application/json");
    }
    assert_int_equal(hg_test_log_count(*state, HG_LOG_WARN,
                                       "ip-restriction"
                                       " exits with http status code"),
                     ARRAY_SIZE(cases));
}

/* A text of `length` characters in quotes. */
static const char *long_text(size_t length)
{
    static char text[2048];

    memset(text, 'a', sizeof(text));
    text[length] = '\0';
    return text;
}

static void configurations_are_judged(void **state)
{
    static const struct {
        const char *label;
        const char *config;
        const char *text; /* part of the finding; NULL: accepted */
    } cases[] = {
        {"neither list", "{}", ""},
        {"both lists", "{\"whitelist\": [\"1.1.1.1\"], \"blacklist\": [\"1.1.1.2\"]}", ""},
        {"empty list", "{\"whitelist\": []}", ""},
        {"no list", "{\"whitelist\": \"1.1.1.1\"}", ""},
        {"bad address", "{\"whitelist\": [\"10.0.0.256\"]}", "invalid ip address: 10.0.0.256"},
        {"bad mask", "{\"blacklist\": [\"10.0.0.0/33\"]}", "invalid ip address: 10.0.0.0/33"},
        {"bad IPv6 mask", "{\"blacklist\": [\"::1/129\"]}", "invalid ip address: ::1/129"},
        {"a name", "{\"blacklist\": [\"localhost\"]}", "invalid ip address: localhost"},
        {"IPv6", "{\"blacklist\": [\"fe80::/10\"]}", NULL},
        {"status 402", "{\"blacklist\": [\"::1\"], \"response_code\": 402}", ""},
        {"status 405", "{\"blacklist\": [\"::1\"], \"response_code\": 405}", ""},
        {"status as text", "{\"blacklist\": [\"::1\"], \"response_code\": \"403\"}", ""},
        {"empty message", "{\"blacklist\": [\"::1\"], \"message\": \"\"}", ""},
        {"no text as message", "{\"blacklist\": [\"::1\"], \"message\": 1}", ""},
    };
    char config[4096];

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        hg_error err = HG_ERROR_INIT;
        hg_status status =
            hg_test_check(*state, "ip-restriction", HG_TEST_ON_ROUTE, cases[i].config, NULL, &err);

        if ((status == HG_OK) != (cases[i].text == NULL) ||
            (cases[i].text != NULL && strstr(err.text, cases[i].text) == NULL)) {
            fail_msg("%s: got %d \"%s\"", cases[i].label, (int)status, err.text);
        }
    }
    for (size_t length = 1024; length <= 1025; length++) {
        (void)snprintf(config, sizeof(config), "{\"blacklist\": [\"::1\"], \"message\": \"%s\"}",
                       long_text(length));
        assert_int_equal(
            hg_test_check(*state, "ip-restriction", HG_TEST_ON_ROUTE, config, NULL, NULL),
            length == 1024 ? HG_OK : HG_ERR_INVALID);
    }
}

HG_TEST_MAIN("ip-restriction",
             HG_TEST_CASE(clients_pass_by_their_address),
             HG_TEST_CASE(a_refused_client_is_told_why),
             HG_TEST_CASE(configurations_are_judged))
