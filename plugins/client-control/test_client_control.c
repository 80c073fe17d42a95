/* test_client_control.c - how long a body may be. */
#include <string.h>

#include <hotgate/test_cmocka.h>

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

static void bodies_pass_up_to_the_limit(void **state)
{
    static const struct {
        const char *label;
        const char *config;
        const char *headers;
        const char *body;
        uint32_t status;
    } cases[] = {
        {"at the limit", "{\"max_body_size\": 4}", "", "1234", 200},
        {"over it", "{\"max_body_size\": 4}", "", "12345", 413},
        {"over it, without a length", "{\"max_body_size\": 4}", "Transfer-Encoding: chunked\n",
         "12345", 413},
        {"at it, without a length", "{\"max_body_size\": 4}", "Transfer-Encoding: chunked\n",
         "1234", 200},
        {"least limit", "{\"max_body_size\": 1}", "", "1", 200},
        {"over the least limit", "{\"max_body_size\": 1}", "", "12", 413},
        {"no body", "{\"max_body_size\": 1}", "", NULL, 200},
        {"0: no limit", "{\"max_body_size\": 0}", "", "12345", 200},
        {"not given", "{}", "", "12345", 200},
        {"largest number", "{\"max_body_size\": 9223372036854775807}", "", "12345", 200},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        hg_test_request request = {
            .method = "POST", .headers = cases[i].headers, .body = cases[i].body};
        const hg_test_exchange *exchange = hg_test_run(*state, cases[i].config, &request);

        if (exchange->status != cases[i].status ||
            (exchange->tries == 0) != (cases[i].status != 200)) {
            fail_msg("%s: got %u", cases[i].label, exchange->status);
        }
        if (cases[i].status == 413) {
            assert_string_equal(exchange->body, "{\"error_msg\":\"413 Content Too Large\"}\n");
        }
    }
}

static void a_refusal_may_have_another_body(void **state)
{
    hg_test_request request = {.method = "POST", .body = "12"};
    const hg_test_exchange *got = hg_test_run(
        *state, "{\"max_body_size\": 1, \"_meta\": {\"error_response\": \"too much\"}}", &request);

    assert_int_equal(got->status, 413);
    assert_string_equal(got->body, "too much");
    assert_int_equal(
        hg_test_log_count(*state, HG_LOG_WARN, "client-control exits with http status code 413"),
        1);
}

static void every_field_is_told(void **state)
{
    static const hg_test_fact facts[] = {
        {"/priority", "22000"},
        {"/flags", "[]"},
        {"/phases", "[\"rewrite\"]"},
        {"/schema", "{\"type\": \"object\"}"},
        {"/schema/properties/max_body_size", "{\"type\": \"integer\", \"minimum\": 0}"},
    };

    hg_test_expect_facts(*state, facts, ARRAY_SIZE(facts));
}

static void configurations_are_judged(void **state)
{
    static const hg_test_row rows[] = {
        {"nothing", "{}", NULL},
        {"0", "{\"max_body_size\": 0}", NULL},
        {"1", "{\"max_body_size\": 1}", NULL},
        {"as large as a number can be", "{\"max_body_size\": 9223372036854775807}", NULL},
        {"larger", "{\"max_body_size\": 9223372036854775808}", "too big integer"},
        {"much larger", "{\"max_body_size\": 1e300}",
         "/plugins/client-control/max_body_size: found 1e+300, wanted an integer of 64 bits"},
        {"-1", "{\"max_body_size\": -1}",
         "property \"max_body_size\" validation failed: expected -1 to be at least 0"},
        {"text", "{\"max_body_size\": \"1\"}",
         "property \"max_body_size\" validation failed: wrong type: expected integer, got string"},
        {"fraction", "{\"max_body_size\": 1.5}",
         "property \"max_body_size\" validation failed: wrong type: expected integer, got number"},
    };

    hg_test_judge(*state, rows, ARRAY_SIZE(rows));
}

HG_TEST_MAIN("client-control",
             HG_TEST_CASE(bodies_pass_up_to_the_limit),
             HG_TEST_CASE(a_refusal_may_have_another_body),
             HG_TEST_CASE(every_field_is_told),
             HG_TEST_CASE(configurations_are_judged))
