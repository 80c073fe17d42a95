/* test_ip_restriction.c - who passes, who does not, and what he is told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <hotgate/test.h>

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))
#define NAME              "ip-restriction"

static const char *plugin_path; /* of the built object: the program's argument */

static void failed(void *context, const char *text)
{
    (void)context;
    fail_msg("%s", text);
}

static int begin(void **state)
{
    hg_error err = HG_ERROR_INIT;
    hg_test *test = hg_test_new();

    *state = test;
    hg_test_on_failure(test, failed, NULL);
    if (hg_test_load(test, plugin_path, NULL, &err) != HG_OK) {
        print_error("%s\n", err.text);
        return -1;
    }
    return 0;
}

static int end(void **state)
{
    hg_test_free(*state);
    return 0;
}

/* Sends a request through a route with that configuration. */
static const hg_test_exchange *
run(hg_test *test, const char *config, const hg_test_request *request)
{
    char route[4096];
    hg_error err = HG_ERROR_INIT;

    (void)snprintf(route, sizeof(route),
                   "{\"uri\": \"/*\", \"plugins\": {\"" NAME "\": %s},"
                   " \"upstream\": {\"nodes\": {\"127.0.0.1:80\": 1}}}",
                   config);
    if (hg_test_put(test, "routes/1", route, &err) != HG_OK) {
        fail_msg("%s", err.text);
    }
    return hg_test_send(test, request);
}

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
        const hg_test_exchange *exchange = run(*state, cases[i].config, &request);

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
        const hg_test_exchange *exchange = run(*state, cases[i].config, &request);

        if (exchange->status != cases[i].status || strcmp(exchange->body, cases[i].body) != 0) {
            fail_msg("%s: got %u %s", cases[i].label, exchange->status, exchange->body);
        }
        assert_string_equal(hg_test_header(*state, exchange, "Content-Type"), "application/json");
    }
    assert_int_equal(hg_test_log_count(*state, HG_LOG_WARN, NAME " exits with http status code"),
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
            hg_test_check(*state, NAME, HG_TEST_ON_ROUTE, cases[i].config, NULL, &err);

        if ((status == HG_OK) != (cases[i].text == NULL) ||
            (cases[i].text != NULL && strstr(err.text, cases[i].text) == NULL)) {
            fail_msg("%s: got %d \"%s\"", cases[i].label, (int)status, err.text);
        }
    }
    for (size_t length = 1024; length <= 1025; length++) {
        (void)snprintf(config, sizeof(config), "{\"blacklist\": [\"::1\"], \"message\": \"%s\"}",
                       long_text(length));
        assert_int_equal(hg_test_check(*state, NAME, HG_TEST_ON_ROUTE, config, NULL, NULL),
                         length == 1024 ? HG_OK : HG_ERR_INVALID);
    }
}

int main(int count, char **arguments)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(clients_pass_by_their_address, begin, end),
        cmocka_unit_test_setup_teardown(a_refused_client_is_told_why, begin, end),
        cmocka_unit_test_setup_teardown(configurations_are_judged, begin, end),
    };

    plugin_path = count > 1 ? arguments[1] : "./" NAME ".so";
    return cmocka_run_group_tests_name(NAME, tests, NULL, NULL);
}
