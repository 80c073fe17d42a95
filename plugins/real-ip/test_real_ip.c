/* test_real_ip.c - whom a request comes from. */
#include <stdio.h>
#include <string.h>

#include <hotgate/test_cmocka.h>

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))
#define FORWARDED         "\"source\": \"http_x_forwarded_for\""
#define TRUSTED           "\"trusted_addresses\": [\"10.0.0.0/8\", \"2001:db8::/32\"]"

static void the_client_is_who_the_proxy_says(void **state)
{
    static const struct {
        const char *label;
        const char *config;
        hg_test_request request;
        const char *client; /* NULL: it stays who it was */
        const char *port;
    } cases[] = {
        {"argument", "{\"source\": \"arg_ip\"}", {.uri = "/?ip=1.2.3.4"}, "1.2.3.4", "0"},
        {"with a port", "{\"source\": \"arg_ip\"}", {.uri = "/?ip=1.2.3.4:80"}, "1.2.3.4", "80"},
        {"IPv6", "{\"source\": \"arg_ip\"}", {.uri = "/?ip=::1"}, "::1", "0"},
        {"IPv6 in brackets", "{\"source\": \"arg_ip\"}", {.uri = "/?ip=[::1]"}, "::1", "0"},
        {"IPv6 with a port", "{\"source\": \"arg_ip\"}", {.uri = "/?ip=[::1]:8080"}, "::1", "8080"},
        {"blanks around",
         "{\"source\": \"http_x_real_ip\"}",
         {.headers = "X-Real-IP:  1.2.3.4 \n"},
         "1.2.3.4",
         "0"},
        {"tabs around",
         "{" FORWARDED "}",
         {.headers = "X-Forwarded-For: 1.1.1.1,\t2.2.2.2\t,\t3.3.3.3\t, 4.4.4.4\n"},
         "4.4.4.4",
         "0"},
        {"tabs around the last",
         "{" FORWARDED "}",
         {.headers = "X-Forwarded-For: 1.1.1.1,\t 2.2.2.2\n"},
         "2.2.2.2",
         "0"},
        {"tabs before a comma",
         "{" FORWARDED ", \"recursive\": true, " TRUSTED "}",
         {.headers = "X-Forwarded-For: 1.1.1.1\t, 10.1.1.1 \t, 10.2.2.2\n", .client = "10.2.2.2"},
         "1.1.1.1",
         "0"},
        {"IPv4 in brackets",
         "{\"source\": \"arg_ip\"}",
         {.uri = "/?ip=[1.2.3.4]:80", .client = "9.9.9.9:5"},
         NULL,
         NULL},
        {"brackets that do not end",
         "{\"source\": \"arg_ip\"}",
         {.uri = "/?ip=[::1", .client = "9.9.9.9:5"},
         NULL,
         NULL},
        {"brackets that do not begin",
         "{\"source\": \"arg_ip\"}",
         {.uri = "/?ip=::1]", .client = "9.9.9.9:5"},
         NULL,
         NULL},
        {"more between brackets and port",
         "{\"source\": \"arg_ip\"}",
         {.uri = "/?ip=[::1]x:80", .client = "9.9.9.9:5"},
         NULL,
         NULL},
        {"two ports",
         "{\"source\": \"arg_ip\"}",
         {.uri = "/?ip=1.2.3.4:80:90", .client = "9.9.9.9:5"},
         NULL,
         NULL},
        {"brackets alone",
         "{\"source\": \"arg_ip\"}",
         {.uri = "/?ip=[]", .client = "9.9.9.9:5"},
         NULL,
         NULL},
        {"a network",
         "{\"source\": \"arg_ip\"}",
         {.uri = "/?ip=1.2.3.0/24", .client = "9.9.9.9:5"},
         NULL,
         NULL},
        {"a NUL behind",
         "{\"source\": \"arg_ip\"}",
         {.uri = "/?ip=1.2.3.4%00", .client = "9.9.9.9:5"},
         NULL,
         NULL},
        {"port 1", "{\"source\": \"arg_ip\"}", {.uri = "/?ip=1.2.3.4:1"}, "1.2.3.4", "1"},
        {"a port of many digits",
         "{\"source\": \"arg_ip\"}",
         {.uri = "/?ip=1.2.3.4:99999999999999999999", .client = "9.9.9.9:5"},
         NULL,
         NULL},
        {"not recursive, as told",
         "{" FORWARDED ", \"recursive\": false, " TRUSTED "}",
         {.headers = "X-Forwarded-For: 1.1.1.1, 10.1.1.1\n", .client = "10.2.2.2"},
         "10.1.1.1",
         "0"},
        {"recursive, but of another source",
         "{\"source\": \"http_x_real_ip\", \"recursive\": true, " TRUSTED "}",
         {.headers = "X-Real-IP: 10.1.1.1\nX-Forwarded-For: 1.1.1.1\n", .client = "10.2.2.2"},
         "10.1.1.1",
         "0"},
        {"a list in another source",
         "{\"source\": \"http_x_real_ip\"}",
         {.headers = "X-Real-IP: 1.1.1.1, 2.2.2.2\n", .client = "9.9.9.9:5"},
         NULL,
         NULL},
        {"recursive over IPv6",
         "{" FORWARDED ", \"recursive\": true, " TRUSTED "}",
         {.headers = "X-Forwarded-For: 2001:db9::1, [2001:db8::2]:8080, 2001:db8::3\n",
          .client = "10.2.2.2"},
         "2001:db9::1",
         "0"},
        {"nothing behind the last comma",
         "{" FORWARDED "}",
         {.headers = "X-Forwarded-For: 1.1.1.1, \n", .client = "9.9.9.9:5"},
         NULL,
         NULL},
        {"an empty header behind",
         "{" FORWARDED "}",
         {.headers = "X-Forwarded-For: 1.1.1.1\nX-Forwarded-For:\n", .client = "9.9.9.9:5"},
         NULL,
         NULL},
        {"the header in another case",
         "{" FORWARDED "}",
         {.headers = "x-forwarded-FOR: 1.1.1.1\n"},
         "1.1.1.1",
         "0"},
        {"no address, not trusted",
         "{\"source\": \"arg_ip\", " TRUSTED "}",
         {.uri = "/?ip=1.2.3.4", .client = "unix:"},
         NULL,
         NULL},
        {"missing", "{\"source\": \"arg_ip\"}", {.client = "9.9.9.9:5"}, NULL, NULL},
        {"empty", "{\"source\": \"arg_ip\"}", {.uri = "/?ip=", .client = "9.9.9.9:5"}, NULL, NULL},
        {"a name",
         "{\"source\": \"arg_ip\"}",
         {.uri = "/?ip=localhost", .client = "9.9.9.9:5"},
         NULL,
         NULL},
        {"port 0",
         "{\"source\": \"arg_ip\"}",
         {.uri = "/?ip=1.2.3.4:0", .client = "9.9.9.9:5"},
         NULL,
         NULL},
        {"port 65535",
         "{\"source\": \"arg_ip\"}",
         {.uri = "/?ip=1.2.3.4:65535"},
         "1.2.3.4",
         "65535"},
        {"port 65536",
         "{\"source\": \"arg_ip\"}",
         {.uri = "/?ip=1.2.3.4:65536", .client = "9.9.9.9:5"},
         NULL,
         NULL},
        {"port that is none",
         "{\"source\": \"arg_ip\"}",
         {.uri = "/?ip=1.2.3.4:8x", .client = "9.9.9.9:5"},
         NULL,
         NULL},
        {"no port behind the colon",
         "{\"source\": \"arg_ip\"}",
         {.uri = "/?ip=1.2.3.4:", .client = "9.9.9.9:5"},
         NULL,
         NULL},
        {"trusted",
         "{\"source\": \"arg_ip\", " TRUSTED "}",
         {.uri = "/?ip=1.2.3.4", .client = "10.1.1.1"},
         "1.2.3.4",
         "0"},
        {"trusted IPv6",
         "{\"source\": \"arg_ip\", " TRUSTED "}",
         {.uri = "/?ip=1.2.3.4", .client = "[2001:db8::1]:7"},
         "1.2.3.4",
         "0"},
        {"not trusted",
         "{\"source\": \"arg_ip\", " TRUSTED "}",
         {.uri = "/?ip=1.2.3.4", .client = "9.9.9.9:5"},
         NULL,
         NULL},
        {"no address, all trusted",
         "{\"source\": \"arg_ip\"}",
         {.uri = "/?ip=1.2.3.4", .client = "unix:"},
         "1.2.3.4",
         "0"},
        {"the last of a list",
         "{" FORWARDED "}",
         {.headers = "X-Forwarded-For: 1.1.1.1, 2.2.2.2\n"},
         "2.2.2.2",
         "0"},
        {"the last header",
         "{" FORWARDED "}",
         {.headers = "X-Forwarded-For: 1.1.1.1\nX-Forwarded-For: 2.2.2.2,3.3.3.3\n"},
         "3.3.3.3",
         "0"},
        {"recursive",
         "{" FORWARDED ", \"recursive\": true, " TRUSTED "}",
         {.headers = "X-Forwarded-For: 1.1.1.1, 2.2.2.2, 10.1.1.1\n", .client = "10.2.2.2"},
         "2.2.2.2",
         "0"},
        {"recursive over headers",
         "{" FORWARDED ", \"recursive\": true, " TRUSTED "}",
         {.headers = "X-Forwarded-For: 1.1.1.1\nX-Forwarded-For: 10.1.1.1, 10.2.2.2:99\n",
          .client = "10.2.2.2"},
         "1.1.1.1",
         "0"},
        {"recursive, all trusted",
         "{" FORWARDED ", \"recursive\": true, " TRUSTED "}",
         {.headers = "X-Forwarded-For: 10.1.1.1, 10.3.3.3\n", .client = "10.2.2.2"},
         "10.1.1.1",
         "0"},
        {"recursive, without a list of the trusted",
         "{" FORWARDED ", \"recursive\": true}",
         {.headers = "X-Forwarded-For: 1.1.1.1, 10.3.3.3\n"},
         "10.3.3.3",
         "0"},
        {"recursive, malformed on the way",
         "{" FORWARDED ", \"recursive\": true, " TRUSTED "}",
         {.headers = "X-Forwarded-For: 1.1.1.1, unknown, 10.1.1.1\n", .client = "10.2.2.2:6"},
         NULL,
         NULL},
        {"not recursive, trusted last",
         "{" FORWARDED ", " TRUSTED "}",
         {.headers = "X-Forwarded-For: 1.1.1.1, 10.1.1.1\n", .client = "10.2.2.2"},
         "10.1.1.1",
         "0"},
        {"no list", "{" FORWARDED "}", {.client = "9.9.9.9:5"}, NULL, NULL},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        const hg_test_exchange *got;
        char line[128];

        hg_test_log_clear(*state);
        got = hg_test_run(*state, cases[i].config, &cases[i].request);
        (void)snprintf(line, sizeof(line), "the client is %s, port %s", cases[i].client,
                       cases[i].port);
        if (got->status != 200 ||
            hg_test_log_count(*state, HG_LOG_INFO, "the client is") !=
                (cases[i].client == NULL ? 0 : 1) ||
            (cases[i].client != NULL && hg_test_log_count(*state, HG_LOG_INFO, line) != 1)) {
            fail_msg("%s: not \"%s\"", cases[i].label, line);
        }
    }
}

static void what_is_missing_or_malformed_is_logged(void **state)
{
    static const struct {
        const char *label;
        int length; /* of the address, all zeros; 0: none */
        const char *line;
    } cases[] = {
        {"missing", 0, "plugin real-ip: missing real address"},
        {"malformed", 5, "plugin real-ip: bad address: 00000"},
        {"as long as is told", 200, NULL},
        {"longer", 201, NULL},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        int told = cases[i].length > 200 ? 200 : cases[i].length;
        char uri[300] = "/";
        char line[300];
        const char *found;
        int level = 0;

        if (cases[i].length > 0) {
            (void)snprintf(uri, sizeof(uri), "/?ip=%0*d", cases[i].length, 0);
        }
        (void)snprintf(line, sizeof(line), "plugin real-ip: bad address: %0*d", told, 0);
        hg_test_log_clear(*state);
        (void)hg_test_run(*state, "{\"source\": \"arg_ip\"}", &(hg_test_request){.uri = uri});
        found = hg_test_log_line(*state, 0, &level);
        if (found == NULL || level != HG_LOG_WARN ||
            strcmp(found, cases[i].line == NULL ? line : cases[i].line) != 0) {
            fail_msg("%s: got %d %s", cases[i].label, level, found);
        }
    }
}

static void every_field_is_told(void **state)
{
    static const hg_test_fact facts[] = {
        {"/priority", "23000"},
        {"/flags", "[]"},
        {"/phases", "[\"rewrite\"]"},
        {"/schema", "{\"type\": \"object\", \"required\": [\"source\"]}"},
        {"/schema/properties/source", "{\"type\": \"string\", \"minLength\": 1}"},
        {"/schema/properties/trusted_addresses",
         "{\"type\": \"array\", \"minItems\": 1, \"items\": {\"type\": \"string\"}}"},
        {"/schema/properties/recursive", "{\"type\": \"boolean\", \"default\": false}"},
    };

    hg_test_expect_facts(*state, facts, ARRAY_SIZE(facts));
}

static void configurations_are_judged(void **state)
{
    static const hg_test_row rows[] = {
        {"nothing", "{}", "property \"source\" is required"},
        {"empty source", "{\"source\": \"\"}",
         "property \"source\" validation failed: string too short, expected at least 1, got 0"},
        {"source of another type", "{\"source\": 1}",
         "property \"source\" validation failed: wrong type: expected string, got number"},
        {"least", "{\"source\": \"arg_ip\"}", NULL},
        {"no trusted", "{\"source\": \"a\", \"trusted_addresses\": []}",
         "property \"trusted_addresses\" validation failed: expect array to have at least 1 items"},
        {"trusted", "{\"source\": \"a\", \"trusted_addresses\": [\"::1\", \"10.0.0.0/8\"]}", NULL},
        {"bad trusted", "{\"source\": \"a\", \"trusted_addresses\": [\"10.0.0.0/33\"]}",
         "invalid ip address: 10.0.0.0/33"},
        {"trusted of another type", "{\"source\": \"a\", \"trusted_addresses\": \"10.0.0.0/8\"}",
         "property \"trusted_addresses\" validation failed: wrong type: expected array, got "
         "string"},
        {"trusted numbers", "{\"source\": \"a\", \"trusted_addresses\": [1]}",
         "property \"trusted_addresses\" validation failed: failed to validate item 1: wrong type: "
         "expected string, got number"},
        {"empty trusted", "{\"source\": \"a\", \"trusted_addresses\": [\"::1\", \"\"]}",
         "invalid ip address: "},
        {"widest and narrowest networks",
         "{\"source\": \"a\", \"trusted_addresses\":"
         " [\"0.0.0.0/0\", \"1.1.1.1/32\", \"::/0\", \"::1/128\"]}",
         NULL},
        {"bad IPv6 trusted", "{\"source\": \"a\", \"trusted_addresses\": [\"::1/129\"]}",
         "invalid ip address: ::1/129"},
        {"shortest source", "{\"source\": \"a\", \"recursive\": true}", NULL},
        {"recursive", "{\"source\": \"a\", \"recursive\": 1}",
         "property \"recursive\" validation failed: wrong type: expected boolean, got number"},
    };

    hg_test_judge(*state, rows, ARRAY_SIZE(rows));
}

HG_TEST_MAIN("real-ip",
             HG_TEST_CASE(the_client_is_who_the_proxy_says),
             HG_TEST_CASE(what_is_missing_or_malformed_is_logged),
             HG_TEST_CASE(every_field_is_told),
             HG_TEST_CASE(configurations_are_judged))
