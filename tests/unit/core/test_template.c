/* tests/unit/core/test_template.c - variables, fallbacks and captures are filled into text. */
#include <stdlib.h>

#include "host/core/template.h"
#include "tests/unit/unit.h"

#define MEMORY_MAX 4096u

/** The "request": two variables, and memory that ends. */
typedef struct fake {
    char memory[MEMORY_MAX] __attribute__((aligned(16)));
    size_t used;
    size_t limit;
} fake;

static hg_text lookup(void *context, hg_text name)
{
    (void)context;
    assert_int_equal(name.data[name.length], '\0'); /* an engine may need a C string */
    if (hg_text_equal(name, HG_TEXT("host"))) {
        return HG_TEXT("example.com");
    }
    if (hg_text_equal(name, HG_TEXT("empty"))) {
        return HG_TEXT("");
    }
    if (hg_text_equal(name, HG_TEXT("http.x-y"))) {
        return HG_TEXT("dotted");
    }
    assert_false(hg_text_equal(name, HG_TEXT("9"))); /* a capture that is not there */
    return hg_text_of(NULL);
}

static void *allocate(void *context, size_t size)
{
    fake *from = context;
    size_t rounded = (size + 15u) & ~(size_t)15u;
    void *taken = from->memory + from->used;

    if (from->used + rounded > from->limit) {
        return NULL;
    }
    from->used += rounded;
    return taken;
}

static void render_fills_in_what_the_template_names(void **state)
{
    static const struct {
        const char *source;
        const char *text;
        size_t resolved;
    } cases[] = {
        {"", "", 0},
        {"plain", "plain", 0},
        {"$host", "example.com", 1},
        {"http://$host/", "http://example.com/", 1},
        {"${host}x", "example.comx", 1},
        {"$hostx", "", 0},
        {"$host$host", "example.comexample.com", 2},
        {"[$nothing]", "[]", 0},
        {"[$9]", "[]", 0},
        {"${nothing ?? else where}", "else where", 1},
        {"${nothing??x}", "x", 1},
        {"${nothing ?? }", "", 1},
        {"${host ?? x}", "example.com", 1},
        {"${empty ?? x}", "", 1},
        {"${ host }", "example.com", 1},
        {"${http.x-y}", "dotted", 1},
        {"$host.x-y", "example.com.x-y", 1},
        {"\\$host", "$host", 0},
        {"a\\b", "a\\b", 0},
        {"\\\\$host", "\\$host", 0},
        {"$", "$", 0},
        {"$ $- 5$", "$ $- 5$", 0},
        {"$$host", "$example.com", 1},
        {"$0-$1-$2-${1}", "whole-one--one", 3},
        {"$15$16$016", "", 0},
        {"${2 ?? none}", "none", 1},
    };
    const hg_text captures[] = {HG_TEXT("whole"), HG_TEXT("one"), {NULL, 0}};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        fake memory = {.limit = MEMORY_MAX};
        hg_template *compiled = NULL;
        size_t resolved = 99;
        hg_text text;

        assert_int_equal(
            hgh_template_compile(cases[i].source, strlen(cases[i].source), &compiled, NULL), HG_OK);
        text = hgh_template_render(compiled, captures, ARRAY_SIZE(captures), lookup, allocate,
                                   &memory, &resolved);
        if (text.data == NULL || strcmp(text.data, cases[i].text) != 0 ||
            text.length != strlen(cases[i].text) || resolved != cases[i].resolved) {
            fail_msg("\"%s\": got \"%s\", %zu resolved", cases[i].source, text.data, resolved);
        }
        hgh_template_free(compiled);
    }
}

static void compile_says_where_a_brace_is_wrong(void **state)
{
    static const struct {
        const char *source;
        const char *text;
    } cases[] = {
        {"ab${host", "${ without } at offset 2"},
        {"${", "${ without } at offset 0"},
        {"${}", "${ without a variable's name at offset 0"},
        {"x${a b}", "${ without a variable's name at offset 1"},
        {"${?? x}", "${ without a variable's name at offset 0"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        hg_error err = HG_ERROR_INIT;
        hg_template *compiled = NULL;

        if (hgh_template_compile(cases[i].source, strlen(cases[i].source), &compiled, &err) !=
                HG_ERR_INVALID ||
            compiled != NULL || strcmp(err.text, cases[i].text) != 0) {
            fail_msg("\"%s\": got \"%s\"", cases[i].source, err.text);
        }
    }
    hgh_template_free(NULL);
}

static void a_single_literal_is_not_copied(void **state)
{
    fake memory = {.limit = 0};
    hg_template *compiled = NULL;

    (void)state;
    assert_int_equal(hgh_template_compile("a\\$b", 4, &compiled, NULL), HG_OK);
    assert_int_equal(compiled->count, 1);
    assert_ptr_equal(hgh_template_render(compiled, NULL, 0, lookup, allocate, &memory, NULL).data,
                     compiled->parts[0].literal.data);
    hgh_template_free(compiled);
}

static void without_memory_the_text_is_absent(void **state)
{
    static const char many[] = "$host,$host,$host,$host,$host,$host,$host,$host,$host,$host";
    hg_template *compiled = NULL;

    (void)state;
    assert_int_equal(hgh_template_compile(many, sizeof(many) - 1, &compiled, NULL), HG_OK);
    assert_true(compiled->count > 16);
    for (size_t limit = 0; limit <= 512; limit += 16) {
        fake memory = {.limit = limit};
        size_t need = compiled->count * sizeof(hg_text) + 10 * 11 + 9 + 1;
        hg_text text = hgh_template_render(compiled, NULL, 0, lookup, allocate, &memory, NULL);

        assert_int_equal(hg_text_is_present(text), limit >= need);
    }
    hgh_template_free(compiled);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(render_fills_in_what_the_template_names),
        cmocka_unit_test(compile_says_where_a_brace_is_wrong),
        cmocka_unit_test(a_single_literal_is_not_copied),
        cmocka_unit_test(without_memory_the_text_is_absent),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
