/* test_fault_injection.c - which requests are delayed or broken off, and how. */
#include <stdio.h>
#include <string.h>

#include <hotgate/test_cmocka.h>

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

#define RULE(value) "[[\"arg_a\", \"==\", \"" value "\"]]"
#define TWENTY_RULES                                                                                                                                                 \
    RULE("1")                                                                                                                                                        \
    ", " RULE("2") ", " RULE("3") ", " RULE("4") ", " RULE("5") ", " RULE("6") ", " RULE(                                                                            \
        "7") ", " RULE("8") ", " RULE("9") ", " RULE("10") ", " RULE("11") ", " RULE("12") ","                                                                       \
                                                                                           " " RULE("13") ", " RULE("14") ", " RULE("15") ", " RULE("16") ", " RULE( \
                                                                                               "1"                                                                   \
                                                                                               "7") ", " RULE("18") ", " RULE("19") ", " RULE("20")

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
        {"highest status", "{\"abort\": {\"http_status\": 599, \"body\": \"x\"}}", "/", 599, "x"},
        {"body beyond ASCII", "{\"abort\": {\"http_status\": 200, \"body\": \"\\u20ac\"}}", "/",
         200, "\xe2\x82\xac"},
        {"body with odd bytes", "{\"abort\": {\"http_status\": 200, \"body\": \"<$arg_a>\"}}",
         "/?a=%ff%0d%0a", 200, "<\xff\r\n>"},
        {"another body for a status of 400 or more",
         "{\"abort\": {\"http_status\": 400, \"body\": \"x\"}, \"_meta\": {\"error_response\": "
         "\"y\"}}",
         "/", 400, "y"},
        {"the own body below 400",
         "{\"abort\": {\"http_status\": 399, \"body\": \"x\"}, \"_meta\": {\"error_response\": "
         "\"y\"}}",
         "/", 399, "x"},
        {"a variable without a value",
         "{\"abort\": {\"http_status\": 200, \"body\": \"<$arg_b>\"}}", "/", 200, "<>"},
        {"one of twenty rules",
         "{\"abort\": {\"http_status\": 503, \"body\": \"x\", \"vars\": [" TWENTY_RULES "]}}",
         "/?a=20", 503, "x"},
        {"none of twenty rules",
         "{\"abort\": {\"http_status\": 503, \"body\": \"x\", \"vars\": [" TWENTY_RULES "]}}",
         "/?a=21", 0, ""},
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
    static const struct {
        const char *label;
        const char *value; /* JSON */
        const char *sent;  /* NULL: it cannot be */
    } cases[] = {
        {"variable", "\"$remote_addr\"", "127.0.0.1"},
        {"variables and text", "\"<${arg_b ?? none}>$arg_c\"", "<none>1"},
        {"empty", "\"\"", ""},
        {"beyond ASCII", "\"\\u20ac\"", "\xe2\x82\xac"},
        {"no UTF-8", "\"$arg_d\"", "\xff"},
        {"fraction", "1.5", "1.5"},
        {"small fraction", "1e-3", "0.001"},
        {"integer", "7", "7"},
        {"negative", "-1", "-1"},
        {"the greatest integer", "9223372036854775807", "9223372036854775807"},
        {"beyond 64 bits", "1e20", "1e+20"},
        {"line break", "\"$arg_a\"", NULL},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char config[256];
        hg_test_request request = {.uri = "/?a=%0a&c=1&d=%ff"};
        const char *found;

        (void)snprintf(config, sizeof(config),
                       "{\"abort\": {\"http_status\": 200, \"headers\": {\"X-A\": %s}}}",
                       cases[i].value);
        found = hg_test_header(*state, hg_test_run(*state, config, &request), "X-A");
        if (found == NULL || cases[i].sent == NULL ? found != cases[i].sent
                                                   : strcmp(found, cases[i].sent) != 0) {
            fail_msg("%s: got %s", cases[i].label, found);
        }
    }
    assert_int_equal(
        hg_test_log_count(*state, HG_LOG_WARN, "header X-A has a value that cannot be sent"), 1);
}

static void an_answer_has_the_type_of_its_body(void **state)
{
    static const struct {
        const char *label;
        const char *abort;
        const char *type;
    } cases[] = {
        {"text", "\"body\": \"x\"", "text/plain; charset=utf-8"},
        {"the gateway's own", "\"http_status\": 503", "application/json"},
        {"as told", "\"body\": \"{}\", \"headers\": {\"Content-Type\": \"application/json\"}",
         "application/json"},
        {"as told in another case",
         "\"body\": \"x\", \"headers\": {\"content-type\": \"text/css\"}", "text/css"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char config[256];
        const char *found;

        (void)snprintf(config, sizeof(config), "{\"abort\": {%s%s}}", cases[i].abort,
                       strstr(cases[i].abort, "http_status") == NULL ? ", \"http_status\": 200"
                                                                     : "");
        found = hg_test_header(*state, hg_test_run(*state, config, NULL), "Content-Type");
        if (found == NULL || strcmp(found, cases[i].type) != 0) {
            fail_msg("%s: got %s", cases[i].label, found);
        }
    }
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
        {"a part of a millisecond, rounded", "{\"delay\": {\"duration\": 0.0015}}", "/", 2, 200},
        {"less than half a millisecond", "{\"delay\": {\"duration\": 0.0004}}", "/", 0, 200},
        {"a millisecond", "{\"delay\": {\"duration\": 0.001}}", "/", 1, 200},
        {"a day", "{\"delay\": {\"duration\": 86400}}", "/", 86400000, 200},
        {"all of a hundred", "{\"delay\": {\"duration\": 1, \"percentage\": 100}}", "/", 1000, 200},
        {"no rules", "{\"delay\": {\"duration\": 1, \"vars\": []}}", "/", 1000, 200},
        {"each for its own rules",
         "{\"delay\": {\"duration\": 1, \"vars\": [[[\"arg_a\", \"==\", \"1\"]]]},"
         " \"abort\": {\"http_status\": 503, \"vars\": [[[\"arg_a\", \"==\", \"2\"]]]}}",
         "/?a=2", 0, 503},
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
    static const struct {
        const char *percentage;
        int least; /* of 2000 that are broken off: seven deviations around the mean */
        int most;
    } cases[] = {{", \"percentage\": 0", 0, 0},         {", \"percentage\": 1", 1, 52},
                 {", \"percentage\": 30", 450, 750},    {", \"percentage\": 99", 1948, 1999},
                 {", \"percentage\": 100", 2000, 2000}, {"", 2000, 2000}};

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char config[128];
        int broken = 0;

        (void)snprintf(config, sizeof(config), "{\"abort\": {\"http_status\": 503%s}}",
                       cases[i].percentage);
        (void)hg_test_run(*state, config, NULL);
        for (int k = 0; k < 2000; k++) {
            broken += hg_test_get(*state, "/")->status == 503 ? 1 : 0;
        }
        if (broken < cases[i].least || broken > cases[i].most) {
            fail_msg("503%s: %d of 2000", cases[i].percentage, broken);
        }
    }
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

#define PERCENTAGE "{\"type\": \"integer\", \"minimum\": 0, \"maximum\": 100}"
#define VARS       "{\"type\": \"array\", \"maxItems\": 20, \"items\": {\"type\": \"array\"}}"

static void every_field_is_told(void **state)
{
    static const hg_test_fact facts[] = {
        {"/priority", "11000"},
        {"/flags", "[\"waits\"]"},
        {"/phases", "[\"rewrite\"]"},
        {"/schema", "{\"type\": \"object\", \"minProperties\": 1,"
                    " \"anyOf\": [{\"required\": [\"abort\"]}, {\"required\": [\"delay\"]}]}"},
        {"/schema/properties/abort", "{\"type\": \"object\", \"required\": [\"http_status\"]}"},
        {"/schema/properties/abort/properties/http_status",
         "{\"type\": \"integer\", \"minimum\": 200, \"maximum\": 599}"},
        {"/schema/properties/abort/properties/body", "{\"type\": \"string\", \"minLength\": 0}"},
        {"/schema/properties/abort/properties/headers",
         "{\"type\": \"object\", \"minProperties\": 1,"
         " \"additionalProperties\": {\"type\": [\"string\", \"number\"]}}"},
        {"/schema/properties/abort/properties/percentage", PERCENTAGE},
        {"/schema/properties/abort/properties/vars", VARS},
        {"/schema/properties/delay", "{\"type\": \"object\", \"required\": [\"duration\"]}"},
        {"/schema/properties/delay/properties/duration",
         "{\"type\": \"number\", \"minimum\": 0, \"maximum\": 86400}"},
        {"/schema/properties/delay/properties/percentage", PERCENTAGE},
        {"/schema/properties/delay/properties/vars", VARS},
    };

    hg_test_expect_facts(*state, facts, ARRAY_SIZE(facts));
}

/* All that is wrong in a list is told at once, each with its place. */
static void findings_have_their_places(void **state)
{
    static const struct {
        const char *config;
        const char *pointers[3];
    } cases[] = {
        {"{\"delay\": {\"duration\": 1, \"vars\": [[], [[\"a\", \"=\", 1]]]}}",
         {"/delay/vars/1/0/1"}},
        {"{\"abort\": {\"http_status\": 503, \"vars\": [[\"a\", \"==\", \"1\"]]}}",
         {"/abort/vars/0"}},
        {"{\"abort\": {\"http_status\": 503, \"body\": \"${\"}}", {"/abort/body"}},
        {"{\"abort\": {\"http_status\": 503,"
         " \"headers\": {\"A\": \"${\", \"B\": \"\", \"~C/D\": \"\", \"E\": \"$\\u007b\"}}}",
         {"/abort/headers/A", "/abort/headers/~0C~1D", "/abort/headers/E"}},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        json_t *issues = NULL;

        (void)hg_test_check(*state, "fault-injection", HG_TEST_ON_ROUTE, cases[i].config, &issues,
                            NULL);
        for (size_t k = 0; k < 3; k++) {
            const char *found =
                json_string_value(json_object_get(json_array_get(issues, k), "pointer"));
            const char *wanted = cases[i].pointers[k];

            if (found == NULL || wanted == NULL
                    ? found != wanted
                    : strcmp(found + strlen("/plugins/fault-injection"), wanted) != 0) {
                fail_msg("%s: at %s, not %s", cases[i].config, found, wanted);
            }
        }
        json_decref(issues);
    }
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
        {"abort of another type", "{\"abort\": 503}",
         "property \"abort\" validation failed: wrong type: expected object, got number"},
        {"delay of another type", "{\"delay\": 1}",
         "property \"delay\" validation failed: wrong type: expected object, got number"},
        {"both", "{\"delay\": {\"duration\": 0}, \"abort\": {\"http_status\": 200}}", NULL},
        {"status 200", "{\"abort\": {\"http_status\": 200}}", NULL},
        {"empty body", "{\"abort\": {\"http_status\": 503, \"body\": \"\"}}", NULL},
        {"headers of another type", "{\"abort\": {\"http_status\": 503, \"headers\": []}}",
         "property \"abort\" validation failed: property \"headers\" validation failed: wrong "
         "type: "
         "expected object, got table"},
        {"header of all that a name may have",
         "{\"abort\": {\"http_status\": 503, \"headers\": {\"!#$%&'*+-.^_`|~09AZaz\": \"\"}}}",
         NULL},
        {"header without a name", "{\"abort\": {\"http_status\": 503, \"headers\": {\"\": \"a\"}}}",
         "/plugins/fault-injection/abort/headers/: found what is no name"},
        {"header with a colon", "{\"abort\": {\"http_status\": 503, \"headers\": {\"a:\": \"a\"}}}",
         "/plugins/fault-injection/abort/headers/a:: found what is no name"},
        {"header beyond ASCII",
         "{\"abort\": {\"http_status\": 503, \"headers\": {\"\\u00e4\": \"a\"}}}",
         "/plugins/fault-injection/abort/headers/\xc3\xa4: found what is no name"},
        {"percentage 0", "{\"abort\": {\"http_status\": 503, \"percentage\": 0}}", NULL},
        {"percentage 100", "{\"abort\": {\"http_status\": 503, \"percentage\": 100}}", NULL},
        {"percentage 0 of delay", "{\"delay\": {\"duration\": 1, \"percentage\": 0}}", NULL},
        {"percentage 100 of delay", "{\"delay\": {\"duration\": 1, \"percentage\": 100}}", NULL},
        {"percentage -1 of delay", "{\"delay\": {\"duration\": 1, \"percentage\": -1}}",
         "property \"delay\" validation failed: property \"percentage\" validation failed: "
         "expected -1 to be at least 0"},
        {"percentage 101 of delay", "{\"delay\": {\"duration\": 1, \"percentage\": 101}}",
         "property \"delay\" validation failed: property \"percentage\" validation failed: "
         "expected 101 to be at most 100"},
        {"duration 0", "{\"delay\": {\"duration\": 0}}", NULL},
        {"a little too long", "{\"delay\": {\"duration\": 86400.001}}",
         "property \"delay\" validation failed: property \"duration\" validation failed: expected "
         "86400.001 to be at most 86400"},
        {"vars of texts", "{\"delay\": {\"duration\": 1, \"vars\": [\"a\"]}}",
         "property \"delay\" validation failed: property \"vars\" validation failed: failed to "
         "validate item 1: wrong type: expected array, got string"},
        {"twenty rules of abort",
         "{\"abort\": {\"http_status\": 503, \"vars\": [" TWENTY_RULES "]}}", NULL},
        {"more rules of abort",
         "{\"abort\": {\"http_status\": 503, \"vars\": [" TWENTY_RULES ", []]}}",
         "property \"abort\" validation failed: property \"vars\" validation failed: expect array "
         "to have at most 20 items"},
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
         "/plugins/fault-injection/abort/headers/A B: found what is no name of a header field, "
         "wanted a token"},
        {"broken header", "{\"abort\": {\"http_status\": 503, \"headers\": {\"A\": \"${\"}}}",
         "/plugins/fault-injection/abort/headers/A: found ${ without } at offset 0, wanted text "
         "with "
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
             HG_TEST_CASE(an_answer_has_the_type_of_its_body),
             HG_TEST_CASE(requests_are_delayed),
             HG_TEST_CASE(a_percentage_is_a_share_of_the_requests),
             HG_TEST_CASE(a_client_that_leaves_is_not_answered),
             HG_TEST_CASE(every_field_is_told),
             HG_TEST_CASE(findings_have_their_places),
             HG_TEST_CASE(configurations_are_judged))
