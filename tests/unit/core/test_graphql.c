/* tests/unit/core/test_graphql.c - GraphQL documents are read as their grammar says. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/core/graphql.h"
#include "tests/unit/unit.h"

#define QUOTES "\"\"\""

/* "OPERATION NAME: FIELD FIELD", as a test writes what it wants. */
static const char *summary(const hgh_graphql *graphql)
{
    static char text[1024];
    size_t at =
        (size_t)snprintf(text, sizeof(text), "%.*s %.*s:", (int)graphql->operation.length,
                         graphql->operation.data, (int)graphql->name.length, graphql->name.data);

    for (size_t i = 0; i < graphql->field_count; i++) {
        at += (size_t)snprintf(text + at, sizeof(text) - at, " %.*s",
                               (int)graphql->fields[i].length, graphql->fields[i].data);
    }
    return text;
}

/* In a block of its own, so that a sanitizer sees what is read behind it. */
static hg_status
parse(const char *document, hgh_graphql *out_graphql, char **out_copy, hg_error *err)
{
    size_t length = strlen(document);
    char *copy = malloc(length == 0 ? 1 : length);

    assert_non_null(copy);
    memcpy(copy, document, length);
    *out_copy = copy;
    return hgh_graphql_parse((hg_text){copy, length}, out_graphql, err);
}

static void the_first_operation_is_told(void **state)
{
    static const struct {
        const char *label;
        const char *document;
        const char *summary;
    } cases[] = {
        {"shorthand", "{owner{name}}", "query : owner"},
        {"anonymous", "query { owner { name } }", "query : owner"},
        {"named", "query repo { owner { name } }", "query repo: owner"},
        {"a mutation", "mutation m{a}", "mutation m: a"},
        {"a subscription", "subscription s{a}", "subscription s: a"},
        {"several fields", "{a, b c\n,d}", "query : a b c d"},
        {"an alias is not the field", "{x: owner, y : repo {z: name}}", "query : owner repo"},
        {"names that are words", "query query { query on fragment true null }",
         "query query: query on fragment true null"},
        {"variables",
         "mutation r($ep: Episode!, $r: [[Int!]]! = [[1], []] @a(b: 1), $s: S = {a: \"b\"}) "
         "{ create(episode: $ep, review: $r) { stars } }",
         "mutation r: create"},
        {"values",
         "{a(i: -0, f: 1.5e+3, g: 1E3, s: \"x\", b: true, n: null, e: RED, v: $v,"
         " l: [1 \"a\" [$v] []], o: {x: {y: [{}]} z: $v})}",
         "query : a"},
        {"strings",
         "{a(s: \"\\\" \\\\ \\/ \\b\\f\\n\\r\\t \\u00e9 \\u{1F600} \\uD83D\\uDE00 # { é\", t: "
         "\"\")}",
         "query : a"},
        {"block strings",
         "{a(s: " QUOTES " \" \"\" \\" QUOTES " \n # } \\u \\ " QUOTES ", t: " QUOTES QUOTES ")}",
         "query : a"},
        {"directives",
         "query q @a @b(c: 1, d: $v) { x @include(if: $v) y(a: 1) @skip(if: $w) {z} }",
         "query q: x y"},
        {"comments", "# {x}\n{ # y\r a #\n}#", "query : a"},
        {"a byte order mark", "\xef\xbb\xbf{a}", "query : a"},
        {"the second one is not told", "query a {b} query c {d}", "query a: b"},
        {"a fragment first", "fragment F on T {x} query a {b}", "query a: b"},
        {"fields of a fragment",
         "query a {b ...F c} fragment F on T @d {x ...G y} "
         "fragment G on T {z{w}}",
         "query a: b x z y c"},
        {"of one that is spread twice", "{...F ...F} fragment F on T {x}", "query : x"},
        {"of fragments that spread one another",
         "{...F} fragment F on T {x ...G} fragment G on T {y ...F}", "query : x y"},
        {"of one that is not there", "{a ...F}", "query : a"},
        {"of fragments inside", "{a ... on T {b ... @x {c ...F d} e{f}} g} fragment F on T {h}",
         "query : a b c h d e g"},
        {"not of those further in", "{a{...F ... on T {b}} c} fragment F on T {h}", "query : a c"},
        {"descriptions",
         QUOTES "of it" QUOTES " query a(\"of it\" $v: T) {b} \"F\" fragment F on T {c}",
         "query a: b"},
        {"nothing between", "query a($b:C=1@d){e(f:$b)@g{h}}", "query a: e"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        hgh_graphql graphql = {0};
        hg_error err = HG_ERROR_INIT;
        char *copy = NULL;

        if (parse(cases[i].document, &graphql, &copy, &err) != HG_OK) {
            fail_msg("%s: %s", cases[i].label, err.text);
        }
        if (strcmp(summary(&graphql), cases[i].summary) != 0) {
            fail_msg("%s: got \"%s\", wanted \"%s\"", cases[i].label, summary(&graphql),
                     cases[i].summary);
        }
        assert_int_equal(graphql.has_more, strstr(cases[i].label, "second") != NULL);
        hgh_graphql_done(&graphql);
        free(copy);
    }
}

static void what_is_no_document_is_refused(void **state)
{
    static const struct {
        const char *document;
        const char *error;
    } cases[] = {
        {"", "near line 1: wanted an operation or a fragment"},
        {"AA", "near line 1: wanted an operation or a fragment"},
        {"type Query { a: Int }", "an operation or a fragment"},
        {"fragment F on T {a}", "no operation"},
        {"{}", "a name"},
        {"{a", "a name"},
        {"{a}}", "an operation or a fragment"},
        {"query q", "\"{\""},
        {"{a{}}", "a name"},
        {"{a:}", "a name"},
        {"{a: 1}", "a name"},
        {"{a()}", "a name"},
        {"{a(b)}", "\":\""},
        {"{a(b:)}", "a value"},
        {"{a(b: 1}", "a name"},
        {"{a(b: [1)}", "a value"},
        {"{a(b: [1}])}", "a value"},
        {"{a(b: {c})}", "\":\""},
        {"{a(b: {c: 1]})}", "a name"},
        {"{a(b: {1: c})}", "a name"},
        {"{a(b: $)}", "a name"},
        {"{a @}", "a name"},
        {"{a ...}", "a fragment"},
        {"{... on {b}}", "a name"},
        {"{... on T}", "a fragment"},
        {"query (a: T) {b}", "\"$\""},
        {"query ($a) {b}", "\":\""},
        {"query ($a: ) {b}", "a name"},
        {"query ($a: [T) {b}", "\"]\""},
        {"query ($a: T!!) {b}", "\"$\""},
        {"query ($a: T = $c) {b}", "a constant"},
        {"query ($a: T @d(e: $f)) {b}", "a constant"},
        {"query () {b}", "\"$\""},
        {"fragment on on T {a} {b}", "the name of a fragment"},
        {"fragment F {a} {b}", "\"on\""},
        {"fragment F on T", "\"{\""},
        {"\"d\" {a}", "an operation or a fragment"},
        {"{a(b: 01)}", "the end of a number"},
        {"{a(b: 1x)}", "the end of a number"},
        {"{a(b: 1.5.2)}", "the end of a number"},
        {"{a(b: 1.)}", "a digit"},
        {"{a(b: .5)}", "a word of GraphQL"},
        {"{a(b: -)}", "a digit"},
        {"{a(b: 1e)}", "a digit"},
        {"{a(b: +1)}", "a word of GraphQL"},
        {"{a(b: \"x)}", "the end of a string"},
        {"{a(b: \"x\n\")}", "the end of a string"},
        {"{a(b: \"\\x\")}", "an escape sequence"},
        {"{a(b: \"\\u12\")}", "an escape sequence"},
        {"{a(b: \"\\u{}\")}", "an escape sequence"},
        {"{a(b: \"\\u{110000}\")}", "an escape sequence"},
        {"{a(b: \"\\u{D83D}\")}", "an escape sequence"},
        {"{a(b: \"\\uD83D\")}", "an escape sequence"},
        {"{a(b: \"\\uD83D\\u0041\")}", "an escape sequence"},
        {"{a(b: \"\\uDE00\\uD83D\")}", "an escape sequence"},
        {"{a(b: " QUOTES "x\"\")}", "the end of a block string"},
        {"{a..b}", "a word of GraphQL"},
        {"{a;b}", "a word of GraphQL"},
        {"{\xc3\xa9}", "a word of GraphQL"},
        {"{a}\n\n%", "near line 3: wanted a word of GraphQL"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        hgh_graphql graphql = {0};
        hg_error err = HG_ERROR_INIT;
        char *copy = NULL;
        hg_status status = parse(cases[i].document, &graphql, &copy, &err);

        if (status != HG_ERR_INVALID || strstr(err.text, cases[i].error) == NULL) {
            fail_msg("%s: got %d, \"%s\", wanted \"%s\"", cases[i].document, (int)status, err.text,
                     cases[i].error);
        }
        free(copy);
    }
}

/* `head`, `count` times `piece`, `tail`. */
static hg_status
parse_repeated(const char *head, const char *piece, size_t count, const char *tail, hg_error *err)
{
    size_t length = strlen(piece);
    char *text = malloc(strlen(head) + count * length + strlen(tail) + 1);
    hgh_graphql graphql = {0};
    char *at;
    hg_status status;

    assert_non_null(text);
    at = stpcpy(text, head);
    for (size_t i = 0; i < count; i++) {
        at = stpcpy(at, piece);
    }
    (void)strcpy(at, tail);
    status = hgh_graphql_parse(hg_text_of(text), &graphql, err);
    hgh_graphql_done(&graphql);
    free(text);
    return status;
}

static void documents_have_bounds(void **state)
{
    static const struct {
        const char *label;
        const char *head;
        const char *piece;
        size_t count;
        const char *tail;
        hg_status status;
    } cases[] = {
        {"as many fields", "{", "a ", HGH_GRAPHQL_SELECTIONS_MAX, "}", HG_OK},
        {"more fields", "{", "a ", HGH_GRAPHQL_SELECTIONS_MAX + 1, "}", HG_ERR_TOO_LARGE},
        {"those further in do not count", "{a{", "a ", HGH_GRAPHQL_SELECTIONS_MAX + 1, "}}", HG_OK},
        {"as many fragments", "{a}", "fragment F on T {a}", HGH_GRAPHQL_FRAGMENTS_MAX, "", HG_OK},
        {"more fragments", "{a}", "fragment F on T {a}", HGH_GRAPHQL_FRAGMENTS_MAX + 1, "",
         HG_ERR_TOO_LARGE},
        {"as deep a value", "{a(b: ", "[", HGH_GRAPHQL_DEPTH_MAX, "", HG_ERR_INVALID},
        {"a deeper value", "{a(b: ", "[", HGH_GRAPHQL_DEPTH_MAX + 1, "", HG_ERR_TOO_LARGE},
        {"a deeper object", "{a(b: ", "{c:", HGH_GRAPHQL_DEPTH_MAX + 1, "", HG_ERR_TOO_LARGE},
        {"as deep a type", "query ($a: ", "[", HGH_GRAPHQL_DEPTH_MAX, "", HG_ERR_INVALID},
        {"a deeper type", "query ($a: ", "[", HGH_GRAPHQL_DEPTH_MAX + 1, "", HG_ERR_TOO_LARGE},
        {"braces may be as deep as they are", "", "{a", 100000, "", HG_ERR_INVALID},
        {"so may fragments inside", "{", "...{", 100000, "", HG_ERR_INVALID},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        hg_error err = HG_ERROR_INIT;
        hg_status status =
            parse_repeated(cases[i].head, cases[i].piece, cases[i].count, cases[i].tail, &err);

        if (status != cases[i].status) {
            fail_msg("%s: got %d, \"%s\"", cases[i].label, (int)status, err.text);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_operation_is_told),
        cmocka_unit_test(what_is_no_document_is_refused),
        cmocka_unit_test(documents_have_bounds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
