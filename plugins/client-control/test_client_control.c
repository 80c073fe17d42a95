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

static void configurations_are_judged(void **state)
{
    static const hg_test_row rows[] = {
        {"nothing", "{}", NULL},
        {"0", "{\"max_body_size\": 0}", NULL},
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
             HG_TEST_CASE(configurations_are_judged))
