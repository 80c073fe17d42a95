/* test_real_ip.c - whom a request comes from. */
#include <stdio.h>
#include <string.h>

#include <hotgate/test_cmocka.h>

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))
#define FORWARDED         "\"source\": \"http_x_forwarded_for\""
#define TRUSTED           "\"trusted_addresses\": [\"10.0.0.0/8\", \"2001:db8::/32\"]"

/* The client that the rest of the gateway sees is in what the route writes into its log line. */
static void the_client_is_who_the_proxy_says(void **state)
{
    static const struct {
        const char *label;
        const char *config;
        hg_test_request request;
        const char *client; /* what the upstream is told */
        const char *port;
    } cases[] = {
        {"argument", "{\"source\": \"arg_ip\"}", {.uri = "/?ip=1.2.3.4"}, "1.2.3.4", ""},
        {"with a port", "{\"source\": \"arg_ip\"}", {.uri = "/?ip=1.2.3.4:80"}, "1.2.3.4", "80"},
        {"IPv6", "{\"source\": \"arg_ip\"}", {.uri = "/?ip=::1"}, "::1", ""},
        {"IPv6 in brackets", "{\"source\": \"arg_ip\"}", {.uri = "/?ip=[::1]"}, "::1", ""},
        {"IPv6 with a port", "{\"source\": \"arg_ip\"}", {.uri = "/?ip=[::1]:8080"}, "::1", "8080"},
        {"blanks around",
         "{\"source\": \"http_x_real_ip\"}",
         {.headers = "X-Real-IP:  1.2.3.4 \n"},
         "1.2.3.4",
         ""},
        {"missing", "{\"source\": \"arg_ip\"}", {.client = "9.9.9.9:5"}, "9.9.9.9", "5"},
        {"empty",
         "{\"source\": \"arg_ip\"}",
         {.uri = "/?ip=", .client = "9.9.9.9:5"},
         "9.9.9.9",
         "5"},
        {"a name",
         "{\"source\": \"arg_ip\"}",
         {.uri = "/?ip=localhost", .client = "9.9.9.9:5"},
         "9.9.9.9",
         "5"},
        {"port 0",
         "{\"source\": \"arg_ip\"}",
         {.uri = "/?ip=1.2.3.4:0", .client = "9.9.9.9:5"},
         "9.9.9.9",
         "5"},
        {"port 65535",
         "{\"source\": \"arg_ip\"}",
         {.uri = "/?ip=1.2.3.4:65535"},
         "1.2.3.4",
         "65535"},
        {"port 65536",
         "{\"source\": \"arg_ip\"}",
         {.uri = "/?ip=1.2.3.4:65536", .client = "9.9.9.9:5"},
         "9.9.9.9",
         "5"},
        {"port that is none",
         "{\"source\": \"arg_ip\"}",
         {.uri = "/?ip=1.2.3.4:8x", .client = "9.9.9.9:5"},
         "9.9.9.9",
         "5"},
        {"no port behind the colon",
         "{\"source\": \"arg_ip\"}",
         {.uri = "/?ip=1.2.3.4:", .client = "9.9.9.9:5"},
         "9.9.9.9",
         "5"},
        {"trusted",
         "{\"source\": \"arg_ip\", " TRUSTED "}",
         {.uri = "/?ip=1.2.3.4", .client = "10.1.1.1"},
         "1.2.3.4",
         ""},
        {"trusted IPv6",
         "{\"source\": \"arg_ip\", " TRUSTED "}",
         {.uri = "/?ip=1.2.3.4", .client = "[2001:db8::1]:7"},
         "1.2.3.4",
         ""},
        {"not trusted",
         "{\"source\": \"arg_ip\", " TRUSTED "}",
         {.uri = "/?ip=1.2.3.4", .client = "9.9.9.9:5"},
         "9.9.9.9",
         "5"},
        {"no address, all trusted",
         "{\"source\": \"arg_ip\"}",
         {.uri = "/?ip=1.2.3.4", .client = "unix:"},
         "1.2.3.4",
         ""},
        {"the last of a list",
         "{" FORWARDED "}",
         {.headers = "X-Forwarded-For: 1.1.1.1, 2.2.2.2\n"},
         "2.2.2.2",
         ""},
        {"the last header",
         "{" FORWARDED "}",
         {.headers = "X-Forwarded-For: 1.1.1.1\nX-Forwarded-For: 2.2.2.2,3.3.3.3\n"},
         "3.3.3.3",
         ""},
        {"recursive",
         "{" FORWARDED ", \"recursive\": true, " TRUSTED "}",
         {.headers = "X-Forwarded-For: 1.1.1.1, 2.2.2.2, 10.1.1.1\n", .client = "10.2.2.2"},
         "2.2.2.2",
         ""},
        {"recursive over headers",
         "{" FORWARDED ", \"recursive\": true, " TRUSTED "}",
         {.headers = "X-Forwarded-For: 1.1.1.1\nX-Forwarded-For: 10.1.1.1, 10.2.2.2:99\n",
          .client = "10.2.2.2"},
         "1.1.1.1",
         ""},
        {"recursive, all trusted",
         "{" FORWARDED ", \"recursive\": true, " TRUSTED "}",
         {.headers = "X-Forwarded-For: 10.1.1.1, 10.3.3.3\n", .client = "10.2.2.2"},
         "10.1.1.1",
         ""},
        {"recursive, without a list of the trusted",
         "{" FORWARDED ", \"recursive\": true}",
         {.headers = "X-Forwarded-For: 1.1.1.1, 10.3.3.3\n"},
         "10.3.3.3",
         ""},
        {"recursive, malformed on the way",
         "{" FORWARDED ", \"recursive\": true, " TRUSTED "}",
         {.headers = "X-Forwarded-For: 1.1.1.1, unknown, 10.1.1.1\n", .client = "10.2.2.2:6"},
         "10.2.2.2",
         "6"},
        {"not recursive, trusted last",
         "{" FORWARDED ", " TRUSTED "}",
         {.headers = "X-Forwarded-For: 1.1.1.1, 10.1.1.1\n", .client = "10.2.2.2"},
         "10.1.1.1",
         ""},
        {"no list", "{" FORWARDED "}", {.client = "9.9.9.9:5"}, "9.9.9.9", "5"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        static const char route[] =
            "{\"uri\": \"/*\", \"plugins\": {\"real-ip\": %s, \"proxy-rewrite\": {\"headers\":"
            " {\"X-Client\": \"$remote_addr\", \"X-Port\": \"$remote_port\"}}},"
            " \"upstream\": {\"nodes\": {\"127.0.0.1:80\": 1}}}";
        char text[1024];
        hg_error err = HG_ERROR_INIT;
        const hg_test_exchange *exchange;

        (void)snprintf(text, sizeof(text), route, cases[i].config);
        if (hg_test_put(*state, "routes/1", text, &err) != HG_OK) {
            fail_msg("%s: %s", cases[i].label, err.text);
        }
        exchange = hg_test_send(*state, &cases[i].request);
        if (strcmp(hg_test_upstream_header(*state, exchange, "X-Client"), cases[i].client) != 0 ||
            strcmp(hg_test_upstream_header(*state, exchange, "X-Port"), cases[i].port) != 0) {
            fail_msg("%s: got %s port %s", cases[i].label,
                     hg_test_upstream_header(*state, exchange, "X-Client"),
                     hg_test_upstream_header(*state, exchange, "X-Port"));
        }
    }
}

static void what_is_missing_or_malformed_is_logged(void **state)
{
    (void)hg_test_run(*state, "{\"source\": \"arg_ip\"}", NULL);
    assert_int_equal(hg_test_log_count(*state, HG_LOG_WARN, "missing real address"), 1);
    (void)hg_test_get(*state, "/?ip=here");
    assert_int_equal(hg_test_log_count(*state, HG_LOG_WARN, "bad address: here"), 1);
}

static void configurations_are_judged(void **state)
{
    static const hg_test_row rows[] = {
        {"nothing", "{}", "source"},
        {"empty source", "{\"source\": \"\"}", "source"},
        {"source of another type", "{\"source\": 1}", "source"},
        {"least", "{\"source\": \"arg_ip\"}", NULL},
        {"no trusted", "{\"source\": \"a\", \"trusted_addresses\": []}", "trusted_addresses"},
        {"trusted", "{\"source\": \"a\", \"trusted_addresses\": [\"::1\", \"10.0.0.0/8\"]}", NULL},
        {"bad trusted", "{\"source\": \"a\", \"trusted_addresses\": [\"10.0.0.0/33\"]}",
         "invalid ip address: 10.0.0.0/33"},
        {"recursive", "{\"source\": \"a\", \"recursive\": 1}", "recursive"},
    };

    hg_test_judge(*state, rows, ARRAY_SIZE(rows));
}

/* proxy-rewrite shows what it sees; its object lies beside this plugin's. */
static int set_up(void **state)
{
    char path[4096];
    const char *own = hg_test_the_subject()->path;
    const char *name = strrchr(own, '/');
    hg_error err = HG_ERROR_INIT;

    (void)snprintf(path, sizeof(path), "%.*s/proxy-rewrite.so",
                   name == NULL ? 1 : (int)(name - own), name == NULL ? "." : own);
    if (hg_test_set_up(state) != 0) {
        return -1;
    }
    if (hg_test_load(*state, path, NULL, &err) != HG_OK) {
        print_error("%s\n", err.text);
        return -1;
    }
    return 0;
}

HG_TEST_MAIN("real-ip",
             cmocka_unit_test_setup_teardown(the_client_is_who_the_proxy_says,
                                             set_up,
                                             hg_test_tear_down),
             HG_TEST_CASE(what_is_missing_or_malformed_is_logged),
             HG_TEST_CASE(configurations_are_judged))
