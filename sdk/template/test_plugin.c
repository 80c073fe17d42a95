/* test_plugin.c - runs the built plugin on the gateway's core, without a server. */
#include <hotgate/test_cmocka.h>

static void it_greets(void **state)
{
    const hg_test_exchange *got = hg_test_run(*state, "{\"name\": \"you\", \"times\": 2}", NULL);

    assert_int_equal(got->status, 200);
    assert_string_equal(got->body, "{\"message\":\"hello you, 2 times\"}\n");
}

static void configurations_are_judged(void **state)
{
    static const hg_test_row rows[] = {
        {"nothing", "{}", NULL},
        {"nine times", "{\"times\": 9}", NULL},
        {"ten times", "{\"times\": 10}", "at most 9"},
    };

    hg_test_judge(*state, rows, sizeof(rows) / sizeof(rows[0]));
}

HG_TEST_MAIN("template", HG_TEST_CASE(it_greets), HG_TEST_CASE(configurations_are_judged))
