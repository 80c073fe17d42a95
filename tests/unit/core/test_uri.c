/* tests/unit/core/test_uri.c - references are taken apart, checked and resolved. */
#include <stdlib.h>

#include "host/core/uri.h"
#include "tests/unit/unit.h"

/* RFC 3986, section 5.4, and what schemas use. */
static void resolve_follows_the_rfc(void **state)
{
    static const char *const cases[][3] = {
        /* base, reference, result */
        {"http://a/b/c/d;p?q", "g:h", "g:h"},
        {"http://a/b/c/d;p?q", "g", "http://a/b/c/g"},
        {"http://a/b/c/d;p?q", "./g", "http://a/b/c/g"},
        {"http://a/b/c/d;p?q", "g/", "http://a/b/c/g/"},
        {"http://a/b/c/d;p?q", "/g", "http://a/g"},
        {"http://a/b/c/d;p?q", "//g", "http://g"},
        {"http://a/b/c/d;p?q", "?y", "http://a/b/c/d;p?y"},
        {"http://a/b/c/d;p?q", "g?y", "http://a/b/c/g?y"},
        {"http://a/b/c/d;p?q", "#s", "http://a/b/c/d;p?q#s"},
        {"http://a/b/c/d;p?q", "g?y#s", "http://a/b/c/g?y#s"},
        {"http://a/b/c/d;p?q", ";x", "http://a/b/c/;x"},
        {"http://a/b/c/d;p?q", "", "http://a/b/c/d;p?q"},
        {"http://a/b/c/d;p?q", ".", "http://a/b/c/"},
        {"http://a/b/c/d;p?q", "..", "http://a/b/"},
        {"http://a/b/c/d;p?q", "../g", "http://a/b/g"},
        {"http://a/b/c/d;p?q", "../../../g", "http://a/g"},
        {"http://a/b/c/d;p?q", "/./g", "http://a/g"},
        {"http://a/b/c/d;p?q", "/../g", "http://a/g"},
        {"http://a/b/c/d;p?q", "g.", "http://a/b/c/g."},
        {"http://a/b/c/d;p?q", "..g", "http://a/b/c/..g"},
        {"http://a/b/c/d;p?q", "./../g", "http://a/b/g"},
        {"http://a/b/c/d;p?q", "g/./h", "http://a/b/c/g/h"},
        {"http://a/b/c/d;p?q", "g/../h", "http://a/b/c/h"},
        {"http://a", "b", "http://a/b"},
        {"", "#/definitions/a", "#/definitions/a"},
        {"", "a.json", "a.json"},
        {"urn:example:a", "#x", "urn:example:a#x"},
        {"file:///f/a.json", "b.json", "file:///f/b.json"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char *resolved = hgh_uri_resolve(cases[i][0], cases[i][1]);

        assert_non_null(resolved);
        if (strcmp(resolved, cases[i][2]) != 0) {
            fail_msg("\"%s\" at \"%s\": got \"%s\"", cases[i][1], cases[i][0], resolved);
        }
        free(resolved);
    }
}

static void references_and_uris_are_told_apart(void **state)
{
    static const struct {
        const char *text;
        bool is_reference;
        bool is_absolute;
    } cases[] = {
        {"http://u:p@h.org:80/a?b=c#d", true, true},
        {"http://[::1]:80/", true, true},
        {"http://[v1.x]/", true, true},
        {"mailto:a@b.org", true, true},
        {"/a/b", true, false},
        {"a%20b", true, false},
        {"", true, false},
        {"a%2", false, false},
        {"a b", false, false},
        {"http://h/\\", false, false},
        {"http://[::1/", false, false},
        {"http://[1.2.3.4]/", false, false},
        {"http://h:80a/", false, false},
        {"1a:b", false, false},
        {"\xc3\xa4", false, false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        hg_text text = hg_text_of(cases[i].text);

        if (hgh_uri_is_reference(text) != cases[i].is_reference ||
            hgh_uri_is_absolute(text) != cases[i].is_absolute) {
            fail_msg("\"%s\"", cases[i].text);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(resolve_follows_the_rfc),
        cmocka_unit_test(references_and_uris_are_told_apart),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
