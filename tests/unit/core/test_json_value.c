/* tests/unit/core/test_json_value.c - values are compared, hashed, measured and described. */
#include <stdio.h>
#include <stdlib.h>

#include "host/core/json_value.h"
#include "tests/unit/unit.h"

static void equal_values_have_equal_hashes(void **state)
{
    static const struct {
        const char *a;
        const char *b;
        bool equal;
    } cases[] = {
        {"1", "1.0", true},
        {"0", "-0.0", true},
        {"1", "true", false},
        {"0", "false", false},
        {"9007199254740993", "9007199254740992.0", false},
        {"{\"a\":1,\"b\":[2]}", "{\"b\":[2.0],\"a\":1}", true},
        {"{\"a\":1}", "{\"a\":1,\"b\":1}", false},
        {"{\"a\":1}", "{\"b\":1}", false},
        {"[1,2]", "[2,1]", false},
        {"[]", "{}", false},
        {"\"a\"", "\"a\"", true},
        {"\"a\"", "\"a\\u0000b\"", false},
        {"null", "null", true},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        json_t *a = json_loads(cases[i].a, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
        json_t *b = json_loads(cases[i].b, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
        uint64_t effort = 0;

        if (hgh_json_is_equal(a, b, &effort) != cases[i].equal ||
            hgh_json_is_equal(b, a, &effort) != cases[i].equal) {
            fail_msg("%s and %s", cases[i].a, cases[i].b);
        }
        if (cases[i].equal && hgh_json_hash(a, &effort) != hgh_json_hash(b, &effort)) {
            fail_msg("hashes of %s and %s", cases[i].a, cases[i].b);
        }
        assert_true(effort > 0);
        json_decref(a);
        json_decref(b);
    }
}

static void reals_without_a_fraction_become_integers(void **state)
{
    static const char *const cases[][2] = {
        {"1.0", "1"},
        {"-0.0", "0"},
        {"1e3", "1000"},
        {"1.5", "1.5"},
        {"-9223372036854775808.0", "-9223372036854775808"},
        {"9223372036854775808.0", "9.2233720368547758e18"},
        {"1e30", "1e30"},
        {"\"1.0\"", "\"1.0\""},
        {"[1.0,[2.0,{\"a\":3.0}],true]", "[1,[2,{\"a\":3}],true]"},
        {"{\"a\":1.0,\"b\":{\"c\":[2.0,0.5]},\"d\":2.0}",
         "{\"a\":1,\"b\":{\"c\":[2,0.5]},\"d\":2}"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        json_t *value = hgh_json_make_whole(json_loads(cases[i][0], JSON_DECODE_ANY, NULL));
        char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);

        assert_string_equal(text, cases[i][1]);
        free(text);
        json_decref(value);
    }
}

static void describe_keeps_a_message_short(void **state)
{
    static const char *const cases[][2] = {
        {"1", "1"},          {"1.5", "1.5"},   {"\"a\"", "\"a\""}, {"[1,2]", "an array of 2"},
        {"{}", "an object"}, {"true", "true"}, {"false", "false"}, {"null", "null"},
    };
    char buffer[HGH_JSON_DESCRIBE_MAX];
    char text[1001];
    json_t *value;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        value = json_loads(cases[i][0], JSON_DECODE_ANY, NULL);
        assert_string_equal(hgh_json_describe(value, buffer, sizeof(buffer)), cases[i][1]);
        json_decref(value);
    }
    memset(text, 'x', 1000);
    text[1000] = '\0';
    value = json_string(text);
    assert_int_equal(strlen(hgh_json_describe(value, buffer, sizeof(buffer))), 256 + 5);
    json_decref(value);
}

static void what_is_no_utf8_is_mended(void **state)
{
    static const struct {
        const char *text;
        const char *mended;
    } cases[] = {
        {"plain \xc3\xa4 \xe2\x82\xac \xf0\x9f\x98\x80",
         "plain \xc3\xa4 \xe2\x82\xac \xf0\x9f\x98\x80"},
        {"\xff\xfe", "??"},
        {"a\x80", "a?"},
        {"\xc3", "?"},
        {"\xe2\x82", "??"},
        {"\xf0\x9f\x98", "???"},
        {"\xc0\xaf", "??"},           /* '/' in two bytes */
        {"\xe0\x80\xaf", "???"},      /* in three */
        {"\xed\xa0\x80", "???"},      /* a surrogate */
        {"\xf4\x90\x80\x80", "????"}, /* beyond U+10FFFF */
        {"\xf5\x80\x80\x80", "????"},
        {"\xc3\xc3\xa4", "?\xc3\xa4"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char text[32];
        json_t *string;

        (void)snprintf(text, sizeof(text), "%s", cases[i].text);
        hgh_utf8_mend(text);
        assert_string_equal(text, cases[i].mended);
        string = json_string(text); /* which judges it too */
        assert_non_null(string);
        json_decref(string);
    }
}

static void lengths_count_characters(void **state)
{
    json_t *value = json_string("a\xc3\xa4\xe2\x82\xac\xf0\x9f\x92\xa9");

    (void)state;
    assert_int_equal(hgh_json_string_characters(value), 4);
    assert_int_equal(hgh_utf8_fitting("a\xc3\xa4", 3, 2), 1);
    assert_int_equal(hgh_utf8_fitting("a\xc3\xa4", 3, 3), 3);
    json_decref(value);
}

static void depth_counts_objects_and_arrays(void **state)
{
    json_t *value = json_integer(1);

    (void)state;
    for (unsigned i = 0; i < HGH_JSON_DEPTH_MAX; i++) {
        assert_false(hgh_json_is_too_deep(value));
        value = i % 2 == 0 ? json_pack("[o]", value) : json_pack("{s:o}", "a", value);
    }
    assert_false(hgh_json_is_too_deep(value));
    value = json_pack("[o]", value);
    assert_true(hgh_json_is_too_deep(value));
    json_decref(value);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_values_have_equal_hashes),
        cmocka_unit_test(reals_without_a_fraction_become_integers),
        cmocka_unit_test(describe_keeps_a_message_short),
        cmocka_unit_test(what_is_no_utf8_is_mended),
        cmocka_unit_test(lengths_count_characters),
        cmocka_unit_test(depth_counts_objects_and_arrays),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
