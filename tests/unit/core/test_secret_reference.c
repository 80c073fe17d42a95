/* tests/unit/core/test_secret_reference.c - references to secrets are refused wherever they stand.
 */
#include "host/core/issues.h"
#include "host/core/secret_reference.h"
#include "tests/unit/unit.h"

static void references_are_found_at_any_depth(void **state)
{
    static const struct {
        const char *label;
        const char *value;
        const char *pointer; /* of the only finding; NULL: there is none */
    } cases[] = {
        {"plain", "{\"key\":\"one\"}", NULL},
        {"a secret", "{\"key\":\"$secret://vault/1/jack/key\"}", "/p/key"},
        {"a variable", "{\"key\":\"$env://KEY\"}", "/p/key"},
        {"a variable in capitals", "{\"key\":\"$ENV://KEY\"}", "/p/key"},
        {"a secret in capitals is a text", "{\"key\":\"$SECRET://a\"}", NULL},
        {"not at the beginning", "{\"key\":\"a $secret://b\"}", NULL},
        {"in a list", "{\"a\":[\"b\",\"$secret://c\"]}", "/p/a/1"},
        {"in an object", "{\"a\":{\"b/c\":\"$env://D\"}}", "/p/a/b~1c"},
        {"a name is no value", "{\"$secret://a\":1}", NULL},
        {"a text alone", "\"$secret://a\"", "/p"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        hg_issues issues = {0};
        json_t *value = json_loads(cases[i].value, JSON_DECODE_ANY, NULL);

        hgh_secret_references_refuse(value, "/p", &issues);
        if (issues.count != (cases[i].pointer == NULL ? 0 : 1) ||
            (issues.count == 1 && strcmp(issues.items[0].pointer, cases[i].pointer) != 0)) {
            fail_msg("%s: %zu findings, %s", cases[i].label, issues.count,
                     issues.count == 0 ? "" : issues.items[0].pointer);
        }
        hgh_issues_done(&issues);
        json_decref(value);
    }
}

static void a_deep_value_ends(void **state)
{
    json_t *value = json_string("$secret://a");
    hg_issues issues = {0};

    (void)state;
    for (int i = 0; i < 1000; i++) {
        json_t *outer = json_array();

        assert_int_equal(json_array_append_new(outer, value), 0);
        value = outer;
    }
    hgh_secret_references_refuse(value, "", &issues);
    assert_true(hgh_issues_is_empty(&issues));
    json_decref(value);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(references_are_found_at_any_depth),
        cmocka_unit_test(a_deep_value_ends),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
