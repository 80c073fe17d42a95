/* tests/unit/core/test_expression.c - expressions hold as their table says, and say what is wrong.
 */
#include <stdio.h>
#include <stdlib.h>

#include "host/core/expression.h"
#include "host/core/issues.h"
#include "tests/unit/unit.h"

#define TEXT(of)                                                                                   \
    {                                                                                              \
        .kind = HGH_VARIABLE_TEXT, .text = {(of), sizeof(of) - 1 }                                 \
    }
#define NUMBER(of, is)                                                                             \
    {                                                                                              \
        .kind = HGH_VARIABLE_NUMBER, .text = {(of), sizeof(of) - 1}, .number = (is)                \
    }
#define BOOLEAN(of)                                                                                \
    {                                                                                              \
        .kind = HGH_VARIABLE_BOOLEAN, .text = {(of), sizeof(of) - 1 }                              \
    }

static const hgh_variable texts[] = {TEXT("a"), TEXT("b"), TEXT("1")};
static const hgh_variable mixed[] = {
    NUMBER("2", 2),
    BOOLEAN("true"),
    {.kind = HGH_VARIABLE_ABSENT},
    {.kind = HGH_VARIABLE_LIST},
};

/* What a request has in these tests; all other variables are absent. */
static const struct {
    const char *name;
    hgh_variable value;
} variables[] = {
    {"arg_one", {.kind = HGH_VARIABLE_TEXT, .text = {"1", 1}}},
    {"arg_ten", {.kind = HGH_VARIABLE_TEXT, .text = {"10", 2}}},
    {"arg_blanks", {.kind = HGH_VARIABLE_TEXT, .text = {" \t10 ", 5}}},
    {"arg_hex", {.kind = HGH_VARIABLE_TEXT, .text = {"0x10", 4}}},
    {"arg_exponent", {.kind = HGH_VARIABLE_TEXT, .text = {"1e3", 3}}},
    {"arg_real", {.kind = HGH_VARIABLE_TEXT, .text = {"1.50", 4}}},
    {"arg_negative", {.kind = HGH_VARIABLE_TEXT, .text = {"-3", 2}}},
    {"arg_nan", {.kind = HGH_VARIABLE_TEXT, .text = {"nan", 3}}},
    {"arg_infinite", {.kind = HGH_VARIABLE_TEXT, .text = {"inf", 3}}},
    {"arg_half", {.kind = HGH_VARIABLE_TEXT, .text = {"10x", 3}}},
    {"arg_nul", {.kind = HGH_VARIABLE_TEXT, .text = {"1\0", 2}}},
    {"arg_empty", {.kind = HGH_VARIABLE_TEXT, .text = {"", 0}}},
    {"arg_name", {.kind = HGH_VARIABLE_TEXT, .text = {"Rose", 4}}},
    {"arg_lower", {.kind = HGH_VARIABLE_TEXT, .text = {"rose", 4}}},
    {"arg_bare", {.kind = HGH_VARIABLE_TRUE}},
    {"remote_addr", {.kind = HGH_VARIABLE_TEXT, .text = {"10.1.2.3", 8}}},
    {"remote_six", {.kind = HGH_VARIABLE_TEXT, .text = {"2001:db8::7", 11}}},
    {"list", {.kind = HGH_VARIABLE_LIST, .items = texts, .item_count = ARRAY_SIZE(texts)}},
    {"mixed", {.kind = HGH_VARIABLE_LIST, .items = mixed, .item_count = ARRAY_SIZE(mixed)}},
    {"object", {.kind = HGH_VARIABLE_LIST}},
    {"json_seven", NUMBER("7", 7)},
    {"json_real", NUMBER("0.33333333333333", 1.0 / 3)},
    {"json_true", BOOLEAN("true")},
    {"json_false", BOOLEAN("false")},
    {"unknown", {.kind = HGH_VARIABLE_UNKNOWN}},
};

typedef struct asked {
    unsigned count;
} asked;

static hgh_variable find(void *context, hg_text name)
{
    asked *told = context;

    told->count++;
    assert_int_equal(name.data[name.length], '\0');
    for (size_t i = 0; i < ARRAY_SIZE(variables); i++) {
        if (hg_text_equal(name, hg_text_of(variables[i].name))) {
            return variables[i].value;
        }
    }
    return (hgh_variable){0};
}

static json_t *parsed(const char *text)
{
    json_t *value = json_loads(text, JSON_DECODE_ANY, NULL);

    if (value == NULL) {
        fail_msg("%s: no JSON", text);
    }
    return value;
}

static hgh_expression *compiled(const char *text)
{
    json_t *value = parsed(text);
    hgh_expression *expression = NULL;
    hg_issues issues = {0};
    char line[HG_ERROR_TEXT_MAX];

    if (hgh_expression_compile(value, "/vars", &expression, &issues) != HG_OK) {
        fail_msg("%s: %s", text, hgh_issues_first(&issues, line, sizeof(line)));
    }
    hgh_issues_done(&issues);
    json_decref(value);
    return expression;
}

static bool holds(const char *text, unsigned *out_asked)
{
    hgh_expression *expression = compiled(text);
    asked told = {0};
    bool result = hgh_expression_holds(expression, find, &told);

    hgh_expression_free(expression);
    *out_asked = told.count;
    return result;
}

typedef struct holds_case {
    const char *expression; /* one comparison, without the brackets around it, or a whole one */
    bool holds;
} holds_case;

static void expect_comparisons(const holds_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char whole[256];
        unsigned ignored;

        (void)snprintf(whole, sizeof(whole), "[%s]", cases[i].expression);
        if (holds(whole, &ignored) != cases[i].holds) {
            fail_msg("%s: wanted %s", cases[i].expression, cases[i].holds ? "true" : "false");
        }
    }
}

static void equality_compares_texts_as_they_are_and_numbers_by_value(void **state)
{
    static const holds_case cases[] = {
        {"[\"arg_name\", \"==\", \"Rose\"]", true},  {"[\"arg_name\", \"==\", \"rose\"]", false},
        {"[\"arg_name\", \"Rose\"]", false}, /* the short form lowers the constant */
        {"[\"arg_lower\", \"ROSE\"]", true},         {"[\"arg_ten\", \"==\", \"10.0\"]", false},
        {"[\"arg_ten\", \"==\", 10]", true},         {"[\"arg_ten\", 10]", true},
        {"[\"arg_ten\", \"==\", 10.0]", true},       {"[\"arg_blanks\", \"==\", 10]", true},
        {"[\"arg_hex\", \"==\", 16]", true},         {"[\"arg_exponent\", \"==\", 1000]", true},
        {"[\"arg_real\", \"==\", 1.5]", true},       {"[\"arg_negative\", \"==\", -3]", true},
        {"[\"arg_half\", \"==\", 10]", false},       {"[\"arg_nul\", \"==\", 1]", false},
        {"[\"arg_empty\", \"==\", 0]", false},       {"[\"arg_empty\", \"==\", \"\"]", true},
        {"[\"arg_nothing\", \"==\", \"\"]", false},  {"[\"arg_nothing\", \"==\", 0]", false},
        {"[\"arg_nothing\", \"==\", null]", true},   {"[\"arg_empty\", \"==\", null]", false},
        {"[\"arg_bare\", \"==\", \"true\"]", false}, {"[\"arg_bare\", \"==\", \"\"]", false},
        {"[\"arg_bare\", \"==\", true]", true},      {"[\"arg_bare\", \"==\", false]", false},
        {"[\"arg_bare\", \"==\", 1]", false},        {"[\"arg_one\", \"==\", true]", false},
        {"[\"arg_nothing\", \"==\", false]", false},
    };

    (void)state;
    expect_comparisons(cases, ARRAY_SIZE(cases));
}

static void difference_is_the_opposite_of_equality(void **state)
{
    static const holds_case cases[] = {
        {"[\"arg_name\", \"~=\", \"Rose\"]", false}, {"[\"arg_name\", \"~=\", \"rose\"]", true},
        {"[\"arg_ten\", \"~=\", 10]", false},        {"[\"arg_half\", \"~=\", 10]", true},
        {"[\"arg_nothing\", \"~=\", \"a\"]", true},  {"[\"arg_nothing\", \"~=\", 1]", true},
        {"[\"arg_nothing\", \"~=\", null]", false},  {"[\"arg_empty\", \"~=\", null]", true},
        {"[\"arg_bare\", \"~=\", \"true\"]", true},  {"[\"arg_bare\", \"~=\", true]", false},
        {"[\"arg_nothing\", \"~=\", false]", true},
    };

    (void)state;
    expect_comparisons(cases, ARRAY_SIZE(cases));
}

static void order_is_of_numbers_never_of_letters(void **state)
{
    static const holds_case cases[] = {
        {"[\"arg_ten\", \">\", 9]", true},
        {"[\"arg_ten\", \">\", 10]", false},
        {"[\"arg_ten\", \">\", \"9\"]", true},
        {"[\"arg_ten\", \">=\", 10]", true},
        {"[\"arg_ten\", \">=\", 11]", false},
        {"[\"arg_ten\", \"<\", 10]", false},
        {"[\"arg_ten\", \"<\", 10.5]", true},
        {"[\"arg_ten\", \"<=\", 10]", true},
        {"[\"arg_ten\", \"<=\", \"0x9\"]", false},
        {"[\"arg_name\", \">\", 0]", false},
        {"[\"arg_name\", \"<=\", 0]", false},
        {"[\"arg_nothing\", \"<\", 10]", false},
        {"[\"arg_nothing\", \">=\", 0]", false},
        {"[\"arg_empty\", \"<\", 10]", false},
        {"[\"arg_infinite\", \">\", 10]", false},
        {"[\"arg_nan\", \"<\", 10]", false},
        {"[\"arg_bare\", \">\", 0]", false},
        {"[\"list\", \">\", 0]", false},
        {"[\"arg_nothing\", \"!\", \"<\", 10]", true},
        {"[\"arg_ten\", \"!\", \"<\", 11]", false},
    };

    (void)state;
    expect_comparisons(cases, ARRAY_SIZE(cases));
}

static void patterns_search_the_text(void **state)
{
    static const holds_case cases[] = {
        {"[\"arg_name\", \"~~\", \"os\"]", true},
        {"[\"arg_name\", \"~~\", \"^os\"]", false},
        {"[\"arg_name\", \"~~\", \"rose\"]", false},
        {"[\"arg_name\", \"~*\", \"^rOSE$\"]", true},
        {"[\"arg_name\", \"~*\", \"^lily$\"]", false},
        {"[\"arg_empty\", \"~~\", \"^$\"]", true},
        {"[\"arg_nothing\", \"~~\", \".*\"]", false},
        {"[\"arg_nothing\", \"~*\", \".*\"]", false},
        {"[\"arg_nothing\", \"!\", \"~~\", \".*\"]", true},
        {"[\"arg_bare\", \"~~\", \"^true$\"]", true},
        {"[\"list\", \"~~\", \".*\"]", false},
        {"[\"arg_name\", \"!\", \"~~\", \"os\"]", false},
    };

    (void)state;
    expect_comparisons(cases, ARRAY_SIZE(cases));
}

static void membership_wants_an_identical_element(void **state)
{
    static const holds_case cases[] = {
        {"[\"arg_name\", \"in\", [\"Lily\", \"Rose\", \"A\"]]", true},
        {"[\"arg_name\", \"in\", [\"rose\"]]", false},
        {"[\"arg_one\", \"in\", [1, \"2\"]]", false},
        {"[\"arg_one\", \"in\", [1, \"1\"]]", true},
        {"[\"arg_one\", \"in\", []]", false},
        {"[\"arg_empty\", \"in\", [\"\"]]", true},
        {"[\"arg_nothing\", \"in\", [\"\", null]]", false},
        {"[\"arg_bare\", \"in\", [true]]", true},
        {"[\"arg_bare\", \"in\", [\"true\"]]", false},
        {"[\"arg_name\", \"!\", \"in\", [\"Lily\"]]", true},
        {"[\"arg_nothing\", \"!\", \"in\", [\"Lily\"]]", true},
        {"[\"list\", \"in\", [\"a\"]]", false},
        {"[\"list\", \"has\", \"b\"]", true},
        {"[\"list\", \"has\", \"c\"]", false},
        {"[\"list\", \"has\", 1]", false},
        {"[\"list\", \"has\", \"1\"]", true},
        {"[\"mixed\", \"has\", 2]", true},
        {"[\"mixed\", \"has\", \"2\"]", true},
        {"[\"mixed\", \"has\", 3]", false},
        {"[\"mixed\", \"has\", true]", true},
        {"[\"mixed\", \"has\", false]", false},
        {"[\"mixed\", \"has\", null]", false},
        {"[\"object\", \"has\", \"a\"]", false},
        {"[\"list\", \"!\", \"has\", \"c\"]", true},
        {"[\"arg_name\", \"has\", \"Rose\"]", false},
        {"[\"arg_nothing\", \"has\", \"a\"]", false},
    };

    (void)state;
    expect_comparisons(cases, ARRAY_SIZE(cases));
}

static void values_of_json_are_what_they_are_and_the_texts_they_are_written_as(void **state)
{
    static const holds_case cases[] = {
        {"[\"json_seven\", \"==\", 7]", true},
        {"[\"json_seven\", \"==\", 7.5]", false},
        {"[\"json_seven\", \"==\", \"7\"]", true},
        {"[\"json_seven\", \"==\", \"7.0\"]", false},
        {"[\"json_seven\", \"==\", true]", false},
        {"[\"json_seven\", \"~=\", 7]", false},
        {"[\"json_seven\", \">\", 6]", true},
        {"[\"json_seven\", \"<=\", \"6\"]", false},
        {"[\"json_seven\", \"~~\", \"^7$\"]", true},
        {"[\"json_seven\", \"in\", [1, 7]]", true},
        {"[\"json_seven\", \"in\", [\"7\"]]", true},
        {"[\"json_seven\", \"in\", [1, \"8\", true]]", false},
        {"[\"json_seven\", \"==\", null]", false},
        {"[\"json_real\", \"==\", 0.3333333333333333]", true},
        {"[\"json_real\", \"==\", 0.33333333333333]", false},
        {"[\"json_true\", \"==\", true]", true},
        {"[\"json_true\", \"==\", \"true\"]", true},
        {"[\"json_true\", \"==\", false]", false},
        {"[\"json_true\", \"==\", 1]", false},
        {"[\"json_true\", \"in\", [true]]", true},
        {"[\"json_true\", \"in\", [false]]", false},
        {"[\"json_true\", \">\", 0]", false},
        {"[\"json_true\", \"~~\", \"t.*e\"]", true},
        {"[\"json_false\", \"==\", false]", true},
        {"[\"json_false\", \"==\", \"false\"]", true},
        {"[\"json_false\", \"~=\", true]", true},
        {"[\"json_false\", \"==\", null]", false},
        {"[\"json_false\", \"in\", [false, \"a\"]]", true},
        {"[\"object\", \"==\", null]", false},
        {"[\"object\", \"==\", \"\"]", false},
        {"[\"object\", \"~=\", \"a\"]", true},
        {"[\"object\", \"~~\", \".\"]", false},
    };

    (void)state;
    expect_comparisons(cases, ARRAY_SIZE(cases));
}

static void addresses_lie_in_networks(void **state)
{
    static const holds_case cases[] = {
        {"[\"remote_addr\", \"ipmatch\", \"10.1.2.3\"]", true},
        {"[\"remote_addr\", \"ipmatch\", [\"127.0.0.1\", \"10.0.0.0/8\"]]", true},
        {"[\"remote_addr\", \"ipmatch\", [\"127.0.0.1\", \"::1\"]]", false},
        {"[\"remote_addr\", \"ipmatch\", []]", false},
        {"[\"remote_addr\", \"!\", \"ipmatch\", [\"10.0.0.0/8\"]]", false},
        {"[\"remote_six\", \"ipmatch\", \"2001:db8::/32\"]", true},
        {"[\"remote_six\", \"ipmatch\", \"10.0.0.0/8\"]", false},
        {"[\"arg_name\", \"ipmatch\", \"0.0.0.0/0\"]", false},
        {"[\"arg_nothing\", \"ipmatch\", \"0.0.0.0/0\"]", false},
        {"[\"arg_bare\", \"ipmatch\", \"0.0.0.0/0\"]", false},
        {"[\"arg_nothing\", \"!\", \"ipmatch\", \"0.0.0.0/0\"]", true},
    };

    (void)state;
    expect_comparisons(cases, ARRAY_SIZE(cases));
}

#define YES "[\"arg_one\", \"==\", 1]"
#define NO  "[\"arg_one\", \"==\", 2]"

static void groups_combine_expressions_and_groups(void **state)
{
    static const struct {
        const char *label;
        const char *expression;
        bool holds;
        unsigned asked;
    } cases[] = {
        {"empty", "[]", true, 0},
        {"one", "[" YES "]", true, 1},
        {"all", "[" YES "," YES "]", true, 2},
        {"not all, and the rest is not asked", "[" NO "," YES "]", false, 1},
        {"AND", "[\"AND\"," YES "," YES "]", true, 2},
        {"AND, one does not", "[\"AND\"," YES "," NO "," YES "]", false, 2},
        {"OR", "[\"OR\"," NO "," YES "]", true, 2},
        {"OR, and the rest is not asked", "[\"OR\"," YES "," NO "]", true, 1},
        {"OR, none", "[\"OR\"," NO "," NO "]", false, 2},
        {"!AND, all", "[\"!AND\"," YES "," YES "]", false, 2},
        {"!AND, not all", "[\"!AND\"," YES "," NO "]", true, 2},
        {"!OR, one", "[\"!OR\"," NO "," YES "]", false, 2},
        {"!OR, none", "[\"!OR\"," NO "," NO "]", true, 2},
        {"the case of the word", "[\"oR\"," NO "," YES "]", true, 2},
        {"the case of an operator", "[[\"arg_one\", \"IN\", [\"1\"]]]", true, 1},
        {"a group in a list", "[" YES ",[\"OR\"," NO "," YES "]]", true, 3},
        {"a list in a group", "[\"OR\"," NO ",[" YES "," YES "]]", true, 3},
        {"groups in groups", "[\"AND\",[\"OR\"," NO "," YES "],[\"!OR\"," NO "," NO "]]", true, 4},
        {"what follows a group that was left early", "[[\"OR\"," YES "," NO "]," NO "]", false, 2},
        {"an empty list in a group", "[\"OR\"," NO ",[]]", true, 1},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        unsigned count = 0;
        bool result = holds(cases[i].expression, &count);

        if (result != cases[i].holds || count != cases[i].asked) {
            fail_msg("%s: got %d with %u variables, wanted %d with %u", cases[i].label, result,
                     count, cases[i].holds, cases[i].asked);
        }
    }
}

#define UNKNOWN "[\"unknown\", \"==\", \"a\"]"

/* It does not hold, and the one who asks is told, unless the rest decides. */
static void what_depends_on_an_unknown_variable_cannot_be_told(void **state)
{
    static const struct {
        const char *expression;
        bool holds;
        bool failed;
    } cases[] = {
        {"[" UNKNOWN "]", false, true},
        {"[[\"unknown\", \"!\", \"==\", \"a\"]]", false, true},
        {"[[\"unknown\", \"==\", null]]", false, true},
        {"[[\"unknown\", \"~=\", \"a\"]]", false, true},
        {"[[\"unknown\", \"!\", \"in\", []]]", false, true},
        {"[" UNKNOWN "," YES "]", false, true},
        {"[" UNKNOWN "," NO "]", false, false},
        {"[" NO "," UNKNOWN "]", false, false},
        {"[\"OR\"," UNKNOWN "," NO "]", false, true},
        {"[\"OR\"," UNKNOWN "," YES "]", true, false},
        {"[\"!OR\"," UNKNOWN "," NO "]", false, true},
        {"[\"!OR\"," UNKNOWN "," YES "]", false, false},
        {"[\"!AND\"," UNKNOWN "," NO "]", true, false},
        {"[\"!AND\"," UNKNOWN "," YES "]", false, true},
        {"[\"OR\",[" UNKNOWN "," NO "]," YES "]", true, false},
        {"[" YES "]", true, false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        hgh_expression *expression = compiled(cases[i].expression);
        asked told = {0};
        bool failed = !cases[i].failed;
        bool result = hgh_expression_ask(expression, find, &told, &failed);

        if (result != cases[i].holds || failed != cases[i].failed) {
            fail_msg("%s: got %d, failed %d", cases[i].expression, result, failed);
        }
        assert_int_equal(hgh_expression_holds(expression, find, &told), cases[i].holds);
        hgh_expression_free(expression);
    }
}

static void without_an_expression_everything_holds(void **state)
{
    (void)state;
    assert_null(compiled("[]"));
    assert_true(hgh_expression_holds(NULL, find, NULL));
    hgh_expression_free(NULL);
}

static void mistakes_are_told_with_place_and_reason(void **state)
{
    static const struct {
        const char *expression;
        const char *pointer;
        const char *reason;
        const char *wanted; /* a part */
    } cases[] = {
        {"[\"arg_a\", \"==\", \"1\"]", "/vars", "rule should be wrapped inside brackets",
         HGH_EXPRESSION_EXAMPLE},
        {"[1]", "/vars", "rule should be wrapped inside brackets", HGH_EXPRESSION_EXAMPLE},
        {"{\"arg_a\": \"1\"}", "/vars",
         "rule should be wrapped inside brackets, as in " HGH_EXPRESSION_EXAMPLE, "an array"},
        {"[{\"arg_a\": \"1\"}]", "/vars/0",
         "rule should be wrapped inside brackets, as in " HGH_EXPRESSION_EXAMPLE, "an array"},
        {"\"arg_a == 1\"", "/vars", "invalid expression", HGH_EXPRESSION_EXAMPLE},
        {"null", "/vars", "invalid expression", HGH_EXPRESSION_EXAMPLE},
        {"[\"OR\"]", "/vars", "rule too short", "at least two"},
        {"[\"OR\"," YES "]", "/vars", "rule too short", "at least two"},
        {"[[\"AND\"," YES "]]", "/vars/0", "rule too short", "at least two"},
        {"[" YES ",\"OR\"," YES "]", "/vars/1", "invalid expression", "the word comes first"},
        {"[" YES ",\"arg_a\"]", "/vars/1", "invalid expression", "an expression"},
        {"[" YES ",7]", "/vars/1", "invalid expression", "an expression"},
        {"[[\"arg_a\"]]", "/vars/0", "invalid expression", "[variable, operator, constant]"},
        {"[[\"arg_a\",\"==\",\"1\",\"2\",\"3\"]]", "/vars/0", "invalid expression",
         "[variable, operator, constant]"},
        {"[[1,\"==\",\"1\"]]", "/vars/0/0", "invalid expression", "the name of a variable"},
        {"[[\"\",\"==\",\"1\"]]", "/vars/0/0", "invalid expression", "the name of a variable"},
        {"[[\"post_arg.\",\"==\",\"1\"]]", "/vars/0/0",
         "invalid path behind post_arg.: character 1: wanted a key", "a path in the body"},
        {"[[\"post_arg.a[?(@.b>1)]\",\"has\",\"1\"]]", "/vars/0/0",
         "invalid path behind post_arg.: character 3: wanted a key, an index, a slice or \"*\": "
         "there "
         "are no filters and no scripts",
         "a path in the body"},
        {"[[\"post_arg.a[b]\",\"has\",\"1\"]]", "/vars/0/0",
         "invalid path behind post_arg.: character 3: wanted a key in quotes, an index, a slice or "
         "\"*\"",
         "a path in the body"},
        {"[[\"arg_a\",\"*=\",\"1\"]]", "/vars/0/1", "invalid operator '*='", "ipmatch"},
        {"[[\"arg_a\",\"!\",\"1\"]]", "/vars/0/1", "invalid operator '!'", "ipmatch"},
        {"[[\"arg_a\",null,\"1\"]]", "/vars/0/1", "invalid operator 'null'", "ipmatch"},
        {"[[\"arg_a\",[],\"1\"]]", "/vars/0/1", "invalid operator 'an array of 0'", "ipmatch"},
        {"[[\"arg_a\",\"!\",\"=\",\"1\"]]", "/vars/0/2", "invalid operator '='", "ipmatch"},
        {"[[\"arg_a\",\"not\",\"==\",\"1\"]]", "/vars/0/1", "bad 'not' expression", "\"!\""},
        {"[[\"arg_a\",\"==\",[\"1\"]]]", "/vars/0/2", "invalid expression", "a text, a number"},
        {"[[\"arg_a\",{}]]", "/vars/0/1", "invalid expression", "a text, a number"},
        {"[[\"arg_a\",\">\",\"many\"]]", "/vars/0/2", "invalid expression", "a number"},
        {"[[\"arg_a\",\"<=\",null]]", "/vars/0/2", "invalid expression", "a number"},
        {"[[\"arg_a\",\"in\",\"abc\"]]", "/vars/0/2", "invalid expression", "an array"},
        {"[[\"arg_a\",\"!\",\"in\",7]]", "/vars/0/3", "invalid expression", "an array"},
        {"[[\"list\",\"has\",[\"a\"]]]", "/vars/0/2", "invalid expression", "a text, a number"},
        {"[[\"arg_a\",\"~~\",\"a(b\"]]", "/vars/0/2",
         "invalid regular expression: missing closing parenthesis at offset 3",
         "a regular expression"},
        {"[[\"arg_a\",\"~*\",7]]", "/vars/0/2", "invalid expression", "a regular expression"},
        {"[[\"remote_addr\",\"ipmatch\",\"10.0.0.0/33\"]]", "/vars/0/2", "invalid ip address",
         "an IP address or network"},
        {"[[\"remote_addr\",\"ipmatch\",[\"::1\",\"x\"]]]", "/vars/0/2/1", "invalid ip address",
         "an IP address or network"},
        {"[[\"remote_addr\",\"ipmatch\",7]]", "/vars/0/2", "invalid ip address",
         "an IP address or network"},
        {"[[\"OR\"," YES ",[\"arg_a\",\"=\",\"1\"]]]", "/vars/0/2/1", "invalid operator '='",
         "ipmatch"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        json_t *value = parsed(cases[i].expression);
        hgh_expression *expression = NULL;
        hg_issues issues = {0};
        char text[512];

        if (hgh_expression_compile(value, "/vars", &expression, &issues) != HG_ERR_INVALID ||
            expression != NULL || issues.count != 1) {
            fail_msg("%s: %zu findings", cases[i].expression, issues.count);
        }
        (void)snprintf(text, sizeof(text), "failed to validate the 'vars' expression: %s",
                       cases[i].reason);
        if (strcmp(issues.items[0].pointer, cases[i].pointer) != 0 ||
            strcmp(issues.items[0].text, text) != 0 ||
            strstr(issues.items[0].wanted, cases[i].wanted) == NULL) {
            fail_msg("%s: %s: %s, wanted %s", cases[i].expression, issues.items[0].pointer,
                     issues.items[0].text, issues.items[0].wanted);
        }
        hgh_issues_done(&issues);
        json_decref(value);
    }
}

static void all_mistakes_are_told_at_once(void **state)
{
    json_t *value = parsed("[[\"arg_a\",\"=\",1],\"OR\",[\"\",\"~~\",\"(\"],[\"b\",\"in\",1]]");
    hgh_expression *expression = NULL;
    hg_issues issues = {0};

    (void)state;
    assert_int_equal(hgh_expression_compile(value, "/a", &expression, &issues), HG_ERR_INVALID);
    assert_int_equal(issues.count, 5);
    assert_string_equal(issues.items[0].pointer, "/a/0/1");
    assert_string_equal(issues.items[1].pointer, "/a/1");
    assert_string_equal(issues.items[2].pointer, "/a/2/0");
    assert_string_equal(issues.items[3].pointer, "/a/2/2");
    assert_string_equal(issues.items[4].pointer, "/a/3/2");
    hgh_issues_done(&issues);
    json_decref(value);
}

static json_t *nested(unsigned depth)
{
    json_t *value = parsed("[" YES "]");

    while (--depth > 0) {
        value = json_pack("[o]", value);
    }
    return value;
}

static json_t *repeated(const char *comparison, unsigned count)
{
    json_t *list = json_array();

    while (count-- > 0) {
        assert_int_equal(json_array_append_new(list, parsed(comparison)), 0);
    }
    return list;
}

static void depth_and_size_have_bounds(void **state)
{
    const struct {
        const char *label;
        json_t *value;
        const char *reason; /* NULL: it is taken */
    } cases[] = {
        {"deep", nested(HGH_EXPRESSION_DEPTH_MAX), NULL},
        {"too deep", nested(HGH_EXPRESSION_DEPTH_MAX + 1), "expression too deep"},
        {"far too deep", nested(2000), "expression too deep"},
        {"large", repeated(YES, HGH_EXPRESSION_ITEMS_MAX - 1), NULL},
        {"too large", repeated(YES, HGH_EXPRESSION_ITEMS_MAX), "expression too large"},
        {"far too large", repeated(YES, 100000), "expression too large"},
        {"patterns", repeated("[\"arg_a\",\"~~\",\"a\"]", HGH_EXPRESSION_REGEXES_MAX), NULL},
        {"too many patterns", repeated("[\"arg_a\",\"~~\",\"a\"]", HGH_EXPRESSION_REGEXES_MAX + 1),
         "expression too large"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        hgh_expression *expression = NULL;
        hg_issues issues = {0};
        hg_status status = hgh_expression_compile(cases[i].value, "/vars", &expression, &issues);

        if ((status == HG_OK) != (cases[i].reason == NULL) ||
            (cases[i].reason != NULL && strstr(issues.items[0].text, cases[i].reason) == NULL)) {
            fail_msg("%s: %zu findings", cases[i].label, issues.count);
        }
        assert_in_range(issues.count, 0, 1);
        hgh_expression_free(expression);
        hgh_issues_done(&issues);
        json_decref(cases[i].value);
    }
}

static void braces_of_the_documentation_are_noticed(void **state)
{
    static const struct {
        const char *text;
        bool braces;
    } cases[] = {
        {"{\"filter\": {{\"arg_version\", \"==\", \"v2\"}}}", true},
        {"{\"filter\": {\n  { \"arg_version\", \"==\", \"v2\" }\n}}", true},
        {"{\"a\": {\"b\": 1}}", false},
        {"{{", false},
        {"{ {", false},
        {"{", false},
        {"", false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        if (hgh_expression_has_braces(hg_text_of(cases[i].text)) != cases[i].braces) {
            fail_msg("%s", cases[i].text);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equality_compares_texts_as_they_are_and_numbers_by_value),
        cmocka_unit_test(difference_is_the_opposite_of_equality),
        cmocka_unit_test(order_is_of_numbers_never_of_letters),
        cmocka_unit_test(patterns_search_the_text),
        cmocka_unit_test(membership_wants_an_identical_element),
        cmocka_unit_test(values_of_json_are_what_they_are_and_the_texts_they_are_written_as),
        cmocka_unit_test(addresses_lie_in_networks),
        cmocka_unit_test(groups_combine_expressions_and_groups),
        cmocka_unit_test(what_depends_on_an_unknown_variable_cannot_be_told),
        cmocka_unit_test(without_an_expression_everything_holds),
        cmocka_unit_test(mistakes_are_told_with_place_and_reason),
        cmocka_unit_test(all_mistakes_are_told_at_once),
        cmocka_unit_test(depth_and_size_have_bounds),
        cmocka_unit_test(braces_of_the_documentation_are_noticed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
