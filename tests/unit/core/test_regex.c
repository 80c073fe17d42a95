/* tests/unit/core/test_regex.c - patterns search UTF-8 text, with captures and bounded effort. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "host/core/regex.h"
#include "tests/unit/unit.h"

#define EFFORT_MS_MAX                                                                              \
    200 /* of a search that is given up; generous: sanitizers, shared machines                     \
         */

static hg_regex *compiled(const char *pattern, bool ignore_case)
{
    hg_regex *regex = NULL;
    hg_error err = HG_ERROR_INIT;

    if (hgh_regex_compile(pattern, strlen(pattern), ignore_case, &regex, &err) != HG_OK) {
        fail_msg("%s: %s", pattern, err.text);
    }
    return regex;
}

static void match_searches_anywhere_in_utf8(void **state)
{
    const struct {
        const char *label;
        const char *pattern;
        bool ignore_case;
        hg_text subject;
        bool matches;
    } cases[] = {
        {"unanchored", "b+", false, HG_TEXT("aabbb"), true},
        {"anchored", "^b", false, HG_TEXT("ab"), false},
        {"case", "ABC", false, HG_TEXT("abc"), false},
        {"case ignored", "ABC", true, HG_TEXT("xabcx"), true},
        {"case ignored beyond ASCII", "\xc3\x84", true, HG_TEXT("\xc3\xa4"), true},
        {"a dot is a character", "^.$", false, HG_TEXT("\xe2\x82\xac"), true},
        {"invalid bytes match nothing", "^.$", false, HG_TEXT("\xff"), false},
        {"text beside invalid bytes matches", "abc", false,
         HG_TEXT("\xff\xfe"
                 "abc\x80"),
         true},
        {"empty subject", "^$", false, HG_TEXT(""), true},
        {"absent subject", "^$", false, {NULL, 0}, true},
        {"empty pattern", "", false, HG_TEXT("x"), true},
        {"no line feed at the end", "^[a-z]+$", false, HG_TEXT("abc\n"), false},
        {"NUL in the subject", "^a.b$", false, HG_TEXT("a\0b"), true},
        {"lookbehind", "(?<=a)b", false, HG_TEXT("ab"), true},
        {"digits are ASCII", "^\\d$", false, HG_TEXT("\xdf\x80"), false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        hg_regex *regex = compiled(cases[i].pattern, cases[i].ignore_case);

        if ((hgh_regex_match(regex, cases[i].subject, NULL, 0) > 0) != cases[i].matches) {
            fail_msg("%s: wanted %s", cases[i].label, cases[i].matches ? "a match" : "none");
        }
        hgh_regex_free(regex);
    }
}

static void groups_that_took_no_part_are_absent(void **state)
{
    hg_regex *regex = compiled("(a)|(b)|(c)", false);
    hg_text captures[HG_REGEX_CAPTURES_MAX];
    const char subject[] = "xxbxx";

    (void)state;
    assert_int_equal(hgh_regex_match(regex, HG_TEXT("xxbxx"), NULL, 0), 4);
    assert_int_equal(hgh_regex_match(regex, hg_text_of(subject), captures, 16), 4);
    assert_ptr_equal(captures[0].data, subject + 2);
    assert_false(hg_text_is_present(captures[1]));
    assert_true(hg_text_equal(captures[2], HG_TEXT("b")));
    assert_false(hg_text_is_present(captures[3]));
    assert_int_equal(hgh_regex_match(regex, hg_text_of(subject), captures, 1), 1);
    assert_int_equal(hgh_regex_match(regex, HG_TEXT("xx"), captures, 16), 0);
    hgh_regex_free(regex);
}

static void a_search_from_a_place_sees_what_stands_before_it(void **state)
{
    static const struct {
        const char *pattern;
        size_t from;
        int32_t at; /* where the match begins; -1: there is none */
    } cases[] = {
        {"a", 0, 0},       {"a", 1, 3},   {"a", 4, -1}, {"^a", 0, 0}, {"^a", 3, -1},
        {"(?<=b)a", 3, 3}, {"c", 99, -1}, {"$", 4, 6},  {".", 4, 4},  {"\\xe4", 5, -1},
    };
    const char subject[] = "abba\xc3\xa4";

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        hg_regex *regex = compiled(cases[i].pattern, false);
        hg_text captures[1] = {{NULL, 0}};
        int32_t count =
            hgh_regex_match_from(regex, hg_text_of(subject), cases[i].from, captures, 1);

        if (count != (cases[i].at < 0 ? 0 : 1) ||
            (count > 0 && captures[0].data != subject + cases[i].at)) {
            fail_msg("%s from %zu: %d", cases[i].pattern, cases[i].from, count);
        }
        hgh_regex_free(regex);
    }
}

static void groups_beyond_the_maximum_are_dropped(void **state)
{
    hg_regex *regex =
        compiled("(a)(a)(a)(a)(a)(a)(a)(a)(a)(a)(a)(a)(a)(a)(a)(a)(a)(a)(a)(a)", false);
    hg_text captures[HG_REGEX_CAPTURES_MAX];

    (void)state;
    assert_int_equal(hgh_regex_match(regex, HG_TEXT("aaaaaaaaaaaaaaaaaaaaaaaa"), captures,
                                     HG_REGEX_CAPTURES_MAX),
                     HG_REGEX_CAPTURES_MAX);
    assert_int_equal(captures[0].length, 20);
    hgh_regex_free(regex);
}

/* 65,530 mappings are what Linux lets a process have. */
static size_t mappings(void)
{
    FILE *maps = fopen("/proc/self/maps", "r");
    size_t lines = 0;

    assert_non_null(maps);
    for (int c = fgetc(maps); c != EOF; c = fgetc(maps)) {
        lines += c == '\n';
    }
    (void)fclose(maps);
    return lines;
}

static void many_patterns_need_few_mappings(void **state)
{
    hg_regex *regexes[1000];
    size_t before = mappings();

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(regexes); i++) {
        char pattern[32];

        (void)snprintf(pattern, sizeof(pattern), "^%zu(a|b)+$", i);
        regexes[i] = compiled(pattern, false);
        assert_int_equal(hgh_regex_match(regexes[i], HG_TEXT("x"), NULL, 0), 0);
    }
    assert_in_range(mappings() - before, 0, ARRAY_SIZE(regexes) / 4);
    for (size_t i = 0; i < ARRAY_SIZE(regexes); i++) {
        hgh_regex_free(regexes[i]);
    }
}

static void compile_says_what_is_wrong_at_which_place(void **state)
{
    static const struct {
        const char *pattern;
        const char *text;
    } cases[] = {
        {"a(b", "missing closing parenthesis at offset 3"},
        {"[z-a]", "at offset 3"},
        {"*", "at offset 0"},
        {"\xff", "UTF-8 error"},
        {"a\\Cb", "at offset 3"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        hg_error err = HG_ERROR_INIT;
        hg_regex *regex = NULL;

        if (hgh_regex_compile(cases[i].pattern, strlen(cases[i].pattern), false, &regex, &err) !=
                HG_ERR_INVALID ||
            regex != NULL || strstr(err.text, cases[i].text) == NULL) {
            fail_msg("%s: got \"%s\"", cases[i].pattern, err.text);
        }
    }
    hgh_regex_free(NULL);
}

static void patterns_have_at_most_4096_bytes(void **state)
{
    char pattern[4097];
    hg_regex *regex = NULL;

    (void)state;
    memset(pattern, 'a', sizeof(pattern));
    assert_int_equal(hgh_regex_compile(pattern, 4096, false, &regex, NULL), HG_OK);
    hgh_regex_free(regex);
    assert_int_equal(hgh_regex_compile(pattern, 4097, false, &regex, NULL), HG_ERR_INVALID);
}

static int64_t now_ms(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void a_pattern_that_explodes_is_given_up(void **state)
{
    /* label, pattern, what the subject repeats */
    static const char *const cases[][3] = {
        {"nested repeat", "(a+)+$", "a"},
        {"alternatives", "(a|a)*b", "a"},
        {"cubic from every place", "a*a*a*a*b", "a"},
        {"just under the limit from every place", "(?:a*)*a*a*c",
         "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa."},
        {"nested groups", "^(([a-z])+.)+[A-Z]([a-z])+$", "a"},
        {"recursion", "(a(?1)?b?)*c", "a"},
    };
    enum {
        LENGTH = 60000
    };
    char *subject = malloc(LENGTH);

    (void)state;
    assert_non_null(subject);
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        hg_regex *regex = compiled(cases[i][1], false);
        int64_t began = now_ms();
        int64_t took;

        for (size_t at = 0; at < LENGTH; at++) {
            subject[at] = cases[i][2][at % strlen(cases[i][2])];
        }
        subject[LENGTH - 1] = '!';
        assert_int_equal(hgh_regex_match(regex, (hg_text){subject, LENGTH}, NULL, 0), 0);
        took = now_ms() - began;
        if (took > EFFORT_MS_MAX) {
            fail_msg("%s: took %lld ms", cases[i][0], (long long)took);
        }
        hgh_regex_free(regex);
    }
    free(subject);
}

/* The search goes in windows: matches at, over and behind their edges are found all the same. */
static void a_match_is_found_anywhere_in_a_long_text(void **state)
{
    enum {
        LENGTH = 3000
    };
    hg_regex *plain = compiled("needle", false);
    hg_regex *behind = compiled("(?<=\xc3\xa4)nee(dle)", false);
    char subject[LENGTH];

    (void)state;
    for (size_t at = 0; at + 8 <= LENGTH; at++) {
        hg_text captures[2];

        for (size_t i = 0; i + 2 <= LENGTH; i += 2) {
            memcpy(subject + i, "\xc3\xb6", 2); /* many places where no character begins */
        }
        memcpy(subject + at, "\xc3\xa4needle", 8);
        assert_int_equal(hgh_regex_match(plain, (hg_text){subject, LENGTH}, captures, 1), 1);
        assert_ptr_equal(captures[0].data, subject + at + 2);
        assert_int_equal(hgh_regex_match(behind, (hg_text){subject, LENGTH}, captures, 2), 2);
        assert_ptr_equal(captures[1].data, subject + at + 5);
    }
    hgh_regex_free(plain);
    hgh_regex_free(behind);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(match_searches_anywhere_in_utf8),
        cmocka_unit_test(groups_that_took_no_part_are_absent),
        cmocka_unit_test(a_search_from_a_place_sees_what_stands_before_it),
        cmocka_unit_test(groups_beyond_the_maximum_are_dropped),
        cmocka_unit_test(many_patterns_need_few_mappings),
        cmocka_unit_test(compile_says_what_is_wrong_at_which_place),
        cmocka_unit_test(patterns_have_at_most_4096_bytes),
        cmocka_unit_test(a_pattern_that_explodes_is_given_up),
        cmocka_unit_test(a_match_is_found_anywhere_in_a_long_text),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
