/* test_plugin.c - runs the built plugin on the gateway's core, without a server. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <hotgate/test.h>

static const char *plugin_path; /* of the built object: the program's argument */

static int begin(void **state)
{
    hg_error err = HG_ERROR_INIT;
    hg_test *test = hg_test_new();

    *state = test;
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

static void it_greets(void **state)
{
    hg_error err = HG_ERROR_INIT;
    const hg_test_exchange *exchange;

    assert_int_equal(hg_test_put(*state, "routes/1",
                                 "{\"uri\": \"/hello\", \"plugins\": {\"template\":"
                                 " {\"name\": \"you\", \"times\": 2}}}",
                                 &err),
                     HG_OK);
    exchange = hg_test_get(*state, "/hello");
    assert_int_equal(exchange->status, 200);
    assert_string_equal(exchange->body, "{\"message\":\"hello you, 2 times\"}\n");
}

static void it_greets_at_most_nine_times(void **state)
{
    hg_error err = HG_ERROR_INIT;

    assert_int_equal(
        hg_test_check(*state, "template", HG_TEST_ON_ROUTE, "{\"times\": 10}", NULL, &err),
        HG_ERR_INVALID);
}

int main(int count, char **arguments)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(it_greets, begin, end),
        cmocka_unit_test_setup_teardown(it_greets_at_most_nine_times, begin, end),
    };

    plugin_path = count > 1 ? arguments[1] : "./template.so";
    return cmocka_run_group_tests(tests, NULL, NULL);
}
