/* tests/unit/core/test_json_format.c - strings that have a format, and such that nearly have. */
#include "host/core/json_format.h"
#include "tests/unit/unit.h"

static void check_accepts_the_format_and_nothing_else(void **state)
{
    static const struct {
        const char *format;
        const char *text;
        bool valid;
    } cases[] = {
        {"date", "2024-02-29", true},
        {"date", "2023-02-29", false},
        {"date", "2024-1-01", false},
        {"time", "23:59:59.25Z", true},
        {"time", "23:59:60Z", true},
        {"time", "01:29:60+01:30", true},
        {"time", "12:00:60Z", false},
        {"time", "12:00:00", false},
        {"time", "12:00:00.Z", false},
        {"date-time", "2024-01-01t00:00:00z", true},
        {"date-time", "2024-01-01 00:00:00Z", false},
        {"email", "a.b+c@x.org", true},
        {"email", "\"a b\"@[127.0.0.1]", true},
        {"email", "a@[IPv6:::1]", true},
        {"email", ".a@x.org", false},
        {"email", "a..b@x.org", false},
        {"email", "x.org", false},
        {"email", "a@", false},
        {"hostname", "a-b.example.com", true},
        {"hostname", "-a", false},
        {"hostname", "a-.b", false},
        {"hostname", "a..b", false},
        {"hostname", "", false},
        {"hostname", "www.xn--bcher-kva.example", true},
        {"hostname", "XN--BCHER-KVA.example", true},
        {"hostname", "xn--.example", false},
        {"hostname", "xn--abc-.example", false},
        {"hostname", "xn--hello-txk.example", false}, /* begins with a mark */
        {"ipv4", "127.0.0.1", true},
        {"ipv4", "127.0.0.01", false},
        {"ipv6", "::1", true},
        {"ipv6", "[::1]", false},
        {"ipv6", "127.0.0.1", false},
        {"uri", "http://a/b", true},
        {"uri", "/b", false},
        {"uri-reference", "/b", true},
        {"json-pointer", "/a~0/b~1", true},
        {"json-pointer", "a", false},
        {"json-pointer", "/~2", false},
        {"regex", "^a+$", true},
        {"regex", "(", false},
        {"uuid", "2EB8AA08-aa98-11ea-b4aa-73b441d16380", true},
        {"uuid", "2eb8aa08aa9811eab4aa73b441d16380", false},
        {"uuid", "2eb8aa08-aa98-11ea-b4aa-73b441d1638g", false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        const hgh_json_format *format = hgh_json_format_find(cases[i].format);

        assert_non_null(format);
        if (format->check(hg_text_of(cases[i].text)) != cases[i].valid) {
            fail_msg("%s: \"%s\"", cases[i].format, cases[i].text);
        }
    }
    assert_null(hgh_json_format_find("colour"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(check_accepts_the_format_and_nothing_else),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
