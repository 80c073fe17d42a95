/* test_fault_injection.c - which requests are delayed or broken off, and how. */
#include <stdio.h>
#include <string.h>

#include <hotgate/test_cmocka.h>

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

static void requests_are_broken_off(void **state)
{
    static const struct {
        const char *label;
        const char *config;
        const char *uri;
        uint32_t status; /* 0: it goes on */
        const char *body;
    } cases[] = {
        {"status", "{\"abort\": {\"http_status\": 503}}", "/", 503,
         "{\"error_msg\":\"503 Service Unavailable\"}\n"},
        {"least status", "{\"abort\": {\"http_status\": 200}}", "/", 200, ""},
        {"body", "{\"abort\": {\"http_status\": 200, \"body\": \"hi\"}}", "/", 200, "hi"},
        {"empty body", "{\"abort\": {\"http_status\": 503, \"body\": \"\"}}", "/", 503, ""},
        {"variables", "{\"abort\": {\"http_status\": 418, \"body\": \"$uri ${arg_a ?? b}\"}}", "/x",
         418, "/x b"},
        {"none of a hundred", "{\"abort\": {\"http_status\": 503, \"percentage\": 0}}", "/", 0, ""},
        {"all of a hundred",
         "{\"abort\": {\"http_status\": 503, \"percentage\": 100,"
         " \"body\": \"x\"}}",
         "/", 503, "x"},
        {"a rule holds",
         "{\"abort\": {\"http_status\": 503, \"body\": \"x\","
         " \"vars\": [[[\"arg_a\", \"==\", \"1\"]]]}}",
         "/?a=1", 503, "x"},
        {"no rule holds",
         "{\"abort\": {\"http_status\": 503,"
         " \"vars\": [[[\"arg_a\", \"==\", \"1\"]]]}}",
         "/?a=2", 0, ""},
        {"one of two holds",
         "{\"abort\": {\"http_status\": 503, \"body\": \"x\","
         " \"vars\": [[[\"arg_a\", \"==\", \"1\"]], [[\"arg_b\", \"==\", \"1\"]]]}}",
         "/?b=1", 503, "x"},
        {"all of one rule",
         "{\"abort\": {\"http_status\": 503,"
         " \"vars\": [[[\"arg_a\", \"==\", \"1\"], [\"arg_b\", \"==\","
         " \"1\"]]]}}",
         "/?b=1", 0, ""},
        {"a rule that always holds",
         "{\"abort\": {\"http_status\": 503, \"body\": \"x\","
         " \"vars\": [[[\"arg_a\", \"==\", \"1\"]], []]}}",
         "/", 503, "x"},
        {"no rules", "{\"abort\": {\"http_status\": 503, \"body\": \"x\", \"vars\": []}}", "/", 503,
         "x"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        hg_test_request request = {.uri = cases[i].uri};
        const hg_test_exchange *exchange = hg_test_run(*state, cases[i].config, &request);

        if (exchange->status != (cases[i].status == 0 ? 200 : cases[i].status) ||
            strcmp(exchange->body, cases[i].body) != 0 ||
            (exchange->tries == 0) != (cases[i].status != 0)) {
            fail_msg("%s: got %u %s", cases[i].label, exchange->status, exchange->body);
        }
    }
}

static void an_answer_has_the_configured_headers(void **state)
{
    hg_test_request request = {.uri = "/?a=%0a"};
    const hg_test_exchange *exchange =
        hg_test_run(*state,
                    "{\"abort\": {\"http_status\": 200, \"body\": \"{}\", \"headers\": {"
                    "\"X-A\": \"$remote_addr\", \"X-B\": 1.5, \"X-C\": 7, \"X-D\": \"$arg_a\","
                    " \"Content-Type\": \"application/json\"}}}",
                    &request);

    assert_string_equal(hg_test_header(*state, exchange, "X-A"), "127.0.0.1");
    assert_string_equal(hg_test_header(*state, exchange, "X-B"), "1.5");
    assert_string_equal(hg_test_header(*state, exchange, "X-C"), "7");
    assert_null(hg_test_header(*state, exchange, "X-D"));
    assert_int_equal(hg_test_log_count(*state, HG_LOG_WARN, "header X-D"), 1);
    assert_string_equal(hg_test_header(*state, exchange, "Content-Type"), "application/json");
    exchange = hg_test_run(*state, "{\"abort\": {\"http_status\": 200, \"body\": \"x\"}}", NULL);
    assert_string_equal(hg_test_header(*state, exchange, "Content-Type"),
                        "text/plain; charset=utf-8");
}

static void requests_are_delayed(void **state)
{
    static const struct {
        const char *label;
        const char *config;
        const char *uri;
        uint64_t wait_ms;
        uint32_t status;
    } cases[] = {
        {"a second", "{\"delay\": {\"duration\": 1}}", "/", 1000, 200},
        {"a part of one", "{\"delay\": {\"duration\": 0.05}}", "/", 50, 200},
        {"none", "{\"delay\": {\"duration\": 0}}", "/", 0, 200},
        {"none of a hundred", "{\"delay\": {\"duration\": 1, \"percentage\": 0}}", "/", 0, 200},
        {"a rule holds", "{\"delay\": {\"duration\": 1, \"vars\": [[[\"arg_a\", \"==\", \"1\"]]]}}",
         "/?a=1", 1000, 200},
        {"no rule holds",
         "{\"delay\": {\"duration\": 1, \"vars\": [[[\"arg_a\", \"==\", \"1\"]]]}}", "/", 0, 200},
        {"then broken off", "{\"delay\": {\"duration\": 1}, \"abort\": {\"http_status\": 503}}",
         "/", 1000, 503},
        {"each for itself",
         "{\"delay\": {\"duration\": 1, \"percentage\": 0}, \"abort\": {\"http_status\": 503}}",
         "/", 0, 503},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        hg_test_request request = {.uri = cases[i].uri};
        uint64_t before_ms = hg_test_now_ms(*state);
        const hg_test_exchange *exchange = hg_test_run(*state, cases[i].config, &request);

        if (exchange->status != cases[i].status ||
            hg_test_now_ms(*state) - before_ms != cases[i].wait_ms) {
            fail_msg("%s: got %u after %d ms", cases[i].label, exchange->status,
                     (int)(hg_test_now_ms(*state) - before_ms));
        }
    }
}

static void a_percentage_is_a_share_of_the_requests(void **state)
{
    int broken = 0;

    (void)hg_test_run(*state, "{\"abort\": {\"http_status\": 503, \"percentage\": 30}}", NULL);
    for (int i = 0; i < 2000; i++) {
        broken += hg_test_get(*state, "/")->status == 503 ? 1 : 0;
    }
    assert_in_range(broken, 450, 750); /* 600 and seven deviations of 20 */
}

static void a_client_that_leaves_is_not_answered(void **state)
{
    const hg_test_exchange *waiting;

    (void)hg_test_run(*state, "{\"delay\": {\"duration\": 0}}", NULL);
    (void)hg_test_run(*state, "{\"delay\": {\"duration\": 1}, \"abort\": {\"http_status\": 503}}",
                      NULL);
    waiting = hg_test_begin(*state, &(hg_test_request){.uri = "/"});
    assert_false(waiting->ended);
    hg_test_cancel(*state, waiting);
    assert_int_equal(waiting->status, 499);
}

static void configurations_are_judged(void **state)
{
    static const hg_test_row rows[] = {
        {"nothing", "{}", "expect object to have at least 1 properties"},
        {"neither", "{\"other\": 1}",
         "object matches none of the required: [\"abort\"] or [\"delay\"]"},
        {"no status", "{\"abort\": {}}",
         "property \"abort\" validation failed: property \"http_status\" is required"},
        {"status 199", "{\"abort\": {\"http_status\": 199}}",
         "property \"abort\" validation failed: property \"http_status\" validation failed: "
         "expected 199 to be at least 200"},
        {"status 599", "{\"abort\": {\"http_status\": 599}}", NULL},
        {"status 600", "{\"abort\": {\"http_status\": 600}}",
         "property \"abort\" validation failed: property \"http_status\" validation failed: "
         "expected 600 to be at most 599"},
        {"status as text", "{\"abort\": {\"http_status\": \"503\"}}",
         "property \"abort\" validation failed: property \"http_status\" validation failed: wrong "
         "type: expected integer, got string"},
        {"body of another type", "{\"abort\": {\"http_status\": 503, \"body\": 1}}",
         "property \"abort\" validation failed: property \"body\" validation failed: wrong type: "
         "expected string, got number"},
        {"broken body", "{\"abort\": {\"http_status\": 503, \"body\": \"${\"}}",
         "/plugins/fault-injection/abort/body: found ${ without } at offset 0, wanted text with "
         "variables such as $remote_addr"},
        {"no headers", "{\"abort\": {\"http_status\": 503, \"headers\": {}}}",
         "property \"abort\" validation failed: property \"headers\" validation failed: expect "
         "object to have at least 1 properties"},
        {"header value", "{\"abort\": {\"http_status\": 503, \"headers\": {\"A\": []}}}",
         "property \"abort\" validation failed: property \"headers\" validation failed: failed to "
         "validate additional property A: wrong type: expected one of string, number, got table"},
        {"header name", "{\"abort\": {\"http_status\": 503, \"headers\": {\"A B\": \"\"}}}",
         "/plugins/fault-injection/abort/headers: found A B, wanted names of header fields"},
        {"broken header", "{\"abort\": {\"http_status\": 503, \"headers\": {\"A\": \"${\"}}}",
         "/plugins/fault-injection/abort/headers: found ${ without } at offset 0, wanted text with "
         "variables such as $remote_addr"},
        {"percentage -1", "{\"abort\": {\"http_status\": 503, \"percentage\": -1}}",
         "property \"abort\" validation failed: property \"percentage\" validation failed: "
         "expected -1 to be at least 0"},
        {"percentage 101", "{\"abort\": {\"http_status\": 503, \"percentage\": 101}}",
         "property \"abort\" validation failed: property \"percentage\" validation failed: "
         "expected 101 to be at most 100"},
        {"percentage 1.5", "{\"delay\": {\"duration\": 1, \"percentage\": 1.5}}",
         "property \"delay\" validation failed: property \"percentage\" validation failed: wrong "
         "type: expected integer, got number"},
        {"no duration", "{\"delay\": {}}",
         "property \"delay\" validation failed: property \"duration\" is required"},
        {"duration -1", "{\"delay\": {\"duration\": -1}}",
         "property \"delay\" validation failed: property \"duration\" validation failed: expected "
         "-1 to be at least 0"},
        {"duration as text", "{\"delay\": {\"duration\": \"1\"}}",
         "property \"delay\" validation failed: property \"duration\" validation failed: wrong "
         "type: expected number, got string"},
        {"longest duration", "{\"delay\": {\"duration\": 86400}}", NULL},
        {"too long a duration", "{\"delay\": {\"duration\": 86401}}",
         "property \"delay\" validation failed: property \"duration\" validation failed: expected "
         "86401 to be at most 86400"},
        {"vars of another type", "{\"delay\": {\"duration\": 1, \"vars\": \"a\"}}",
         "property \"delay\" validation failed: property \"vars\" validation failed: wrong type: "
         "expected array, got string"},
        {"broken vars", "{\"delay\": {\"duration\": 1, \"vars\": [[], [[\"a\", \"=\", 1]]]}}",
         "failed to validate the 'vars' expression: invalid operator '='"},
        {"broken vars of abort",
         "{\"abort\": {\"http_status\": 503, \"vars\": [[\"a\", \"==\", \"1\"]]}}",
         "failed to validate the 'vars' expression: rule should be wrapped inside brackets"},
        {"21 rules",
         "{\"delay\": {\"duration\": 1, \"vars\": [[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],"
         "[],[],[],[],[],[]]}}",
         "property \"delay\" validation failed: property \"vars\" validation failed: expect array "
         "to have at most 20 items"},
        {"20 rules",
         "{\"delay\": {\"duration\": 1, \"vars\": [[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],"
         "[],[],[],[],[]]}}",
         NULL},
    };

    hg_test_judge(*state, rows, ARRAY_SIZE(rows));
}

HG_TEST_MAIN("fault-injection",
             HG_TEST_CASE(requests_are_broken_off),
             HG_TEST_CASE(an_answer_has_the_configured_headers),
             HG_TEST_CASE(requests_are_delayed),
             HG_TEST_CASE(a_percentage_is_a_share_of_the_requests),
             HG_TEST_CASE(a_client_that_leaves_is_not_answered),
             HG_TEST_CASE(configurations_are_judged))
