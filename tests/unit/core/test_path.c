/* tests/unit/core/test_path.c - paths are matched as the configuration wants it. */
#include <stdlib.h>

#include "host/core/path.h"
#include "tests/unit/unit.h"

static void tail_slash_goes_but_not_the_root(void **state)
{
    static const char *const cases[][2] = {
        {"/a/", "/a"}, {"/a", "/a"}, {"/a/b/", "/a/b"}, {"/", "/"}, {"", ""},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        hg_text got = hgh_path_without_tail_slash(hg_text_of(cases[i][0]));

        if (!hg_text_equal(got, hg_text_of(cases[i][1]))) {
            fail_msg("%s: got %.*s", cases[i][0], (int)got.length, got.data);
        }
    }
}

static void parameters_of_segments_go_as_in_servlets(void **state)
{
    static const struct {
        const char *path;
        const char *result; /* NULL: refused */
    } cases[] = {
        {"/a", "/a"},          {"/a;x=1", "/a"},    {"/a;x=1/b", "/a/b"},   {"/a;x;y/b;z", "/a/b"},
        {"/a/;x=1", "/a/"},    {"/;x=1", "/"},      {"/a;/b", "/a/b"},      {"/;x/b", NULL},
        {"/a/;x/b", NULL},     {"/a/..;x/b", NULL}, {"/a/.;/b", NULL},      {"/a/%2e;x/b", NULL},
        {"/a/%2E%2e;x", NULL}, {"/a/.%2e;x", NULL}, {"/a/...;x", "/a/..."}, {"/a/.b;x", "/a/.b"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        hg_text path = hg_text_of(cases[i].path);
        char *buffer = malloc(path.length);
        hg_text got = {0};
        hg_error err = HG_ERROR_INIT;
        hg_status status = hgh_path_like_servlet(path, buffer, &got, &err);

        assert_int_equal(hgh_path_has_parameters(path), strchr(cases[i].path, ';') != NULL);
        if ((status == HG_OK) != (cases[i].result != NULL) ||
            !hg_text_equal(got, hg_text_of(cases[i].result))) {
            fail_msg("%s: got %d, %.*s", cases[i].path, status, (int)got.length, got.data);
        }
        free(buffer);
    }
}

static void encoded_slashes_stay_while_the_rest_is_decoded(void **state)
{
    static const struct {
        const char *target;
        const char *path;
        bool encoded;
    } cases[] = {
        {"/a%2Fb", "/a%2Fb", true},
        {"/a%2fb", "/a%2Fb", true},
        {"/a%2Fb?x=%2F", "/a%2Fb", true},
        {"/ab?x=%2F", "/ab", false},
        {"/a%20b/%41", "/a b/A", false},
        {"/a//b///c", "/a/b/c", false},
        {"//a", "/a", false},
        {"/a/./b/../c", "/a/c", false},
        {"/a/b/..", "/a/", false},
        {"/a/.", "/a/", false},
        {"/../a", "/a", false},
        {"/..", "/", false},
        {"/a/%2e%2E/b", "/b", false},
        {"/a%2F..%2Fb", "/a%2F..%2Fb", true},
        {"/a/..%2Fb", "/a/..%2Fb", true},
        {"/a%2F/../b", "/b", true},
        {"/a/b/", "/a/b/", false},
        {"/%2", "/%2", false},
        {"/%zz", "/%zz", false},
        {"/%", "/%", false},
        {"/", "/", false},
        {"", "/", false},
        {"*", "/", false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        hg_text target = hg_text_of(cases[i].target);
        char *buffer = malloc(target.length + 1); /* the smallest that is promised to do */
        hg_text got = hgh_path_keeping_slashes(target, buffer);

        if (!hg_text_equal(got, hg_text_of(cases[i].path)) ||
            hgh_path_has_encoded_slash(target) != cases[i].encoded) {
            fail_msg("%s: got %.*s", cases[i].target, (int)got.length, got.data);
        }
        free(buffer);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tail_slash_goes_but_not_the_root),
        cmocka_unit_test(parameters_of_segments_go_as_in_servlets),
        cmocka_unit_test(encoded_slashes_stay_while_the_rest_is_decoded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
