/* tests/unit/core/test_explain_token.c - who may ask for an explanation, and for how long. */
#include <stdio.h>
#include <string.h>

#include "host/core/explain_token.h"
#include "tests/unit/unit.h"

#define NOW 1700000000

static const hgh_explain_key key = {.bytes = "0123456789abcdef0123456789abcde"};

static void a_token_is_good_until_its_time(void **state)
{
    char token[HGH_EXPLAIN_TOKEN_MAX];

    (void)state;
    assert_int_equal(hgh_explain_token_make(&key, NOW + 10, token), HG_OK);
    assert_int_equal(hgh_explain_token_check(&key, hg_text_of(token), NOW + 9), HG_OK);
    assert_int_equal(hgh_explain_token_check(&key, hg_text_of(token), NOW + 10), HG_ERR_TIMEOUT);
}

static void a_token_of_another_key_is_none(void **state)
{
    hgh_explain_key other = key;
    char token[HGH_EXPLAIN_TOKEN_MAX];

    (void)state;
    other.bytes[31] ^= 1;
    assert_int_equal(hgh_explain_token_make(&other, NOW + 10, token), HG_OK);
    assert_int_equal(hgh_explain_token_check(&key, hg_text_of(token), NOW), HG_ERR_INVALID);
}

static void what_was_changed_is_no_token(void **state)
{
    char token[HGH_EXPLAIN_TOKEN_MAX];

    (void)state;
    assert_int_equal(hgh_explain_token_make(&key, NOW + 10, token), HG_OK);
    for (size_t i = 0; i < strlen(token); i++) {
        char changed[HGH_EXPLAIN_TOKEN_MAX];

        (void)strcpy(changed, token);
        changed[i] = changed[i] == '1' ? '2' : '1';
        if (hgh_explain_token_check(&key, hg_text_of(changed), NOW) != HG_ERR_INVALID) {
            fail_msg("changed at %zu: %s", i, changed);
        }
    }
}

static void garbage_is_no_token(void **state)
{
    static const char *const cases[] = {
        "",
        ".",
        "1",
        "1.",
        ".00",
        "-1.00",
        "99999999999999999999.00",
        "1 .00",
        "1700000010.zz",
        "1700000010..00",
    };
    char token[HGH_EXPLAIN_TOKEN_MAX];

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        if (hgh_explain_token_check(&key, hg_text_of(cases[i]), NOW) != HG_ERR_INVALID) {
            fail_msg("\"%s\"", cases[i]);
        }
    }
    assert_int_equal(hgh_explain_token_check(&key, (hg_text){0}, NOW), HG_ERR_INVALID);
    assert_int_equal(hgh_explain_token_make(&key, NOW + 10, token), HG_OK);
    for (size_t length = 0; length < strlen(token); length++) {
        assert_int_equal(hgh_explain_token_check(&key, (hg_text){token, length}, NOW),
                         HG_ERR_INVALID);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_token_is_good_until_its_time),
        cmocka_unit_test(a_token_of_another_key_is_none),
        cmocka_unit_test(what_was_changed_is_no_token),
        cmocka_unit_test(garbage_is_no_token),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
