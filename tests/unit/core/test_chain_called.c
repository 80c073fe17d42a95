/* tests/unit/core/test_chain_called.c - plugins that another process names, in its order. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/core/issues.h"
#include "tests/unit/core/chains.h"
#include "tests/unit/unit.h"

#define PLUGINS_MAX 4u

typedef struct named {
    const char *name;
    const char *value;
} named;

/* Compiles them; `into` may be NULL. */
static hg_status compiled(const named *plugins, hgh_chain **into, hg_issues *issues)
{
    hgh_called_plugin called[PLUGINS_MAX];
    size_t count = 0;
    hgh_chain *chain = NULL;
    hg_status status;

    while (count < PLUGINS_MAX && plugins[count].name != NULL) {
        called[count] = (hgh_called_plugin){
            plugins[count].name, json_loads(plugins[count].value, JSON_DECODE_ANY, NULL)};
        count++;
    }
    status = hgh_chain_compile_called(stand.generation, &stand.snapshot, called, count, "routes",
                                      "7", &chain, issues);
    for (size_t i = 0; i < count; i++) {
        json_decref((json_t *)(uintptr_t)called[i].value);
    }
    if (into != NULL) {
        *into = chain;
    } else {
        hgh_chain_unref(chain);
    }
    return status;
}

static void plugins_run_in_the_order_in_which_they_are_named(void **state)
{
    static const struct {
        const char *label;
        named plugins[PLUGINS_MAX];
        const char *steps;
    } cases[] = {
        {"none", {{NULL, NULL}}, ""},
        {"by name",
         {{"unit_a", "{}"}, {"unit_b", "{}"}, {"unit_c", "{}"}},
         "unit_a:- unit_b:- unit_c:-"},
        {"the other way",
         {{"unit_c", "{}"}, {"unit_b", "{}"}, {"unit_a", "{}"}},
         "unit_c:- unit_b:- unit_a:-"},
        {"priorities do not count",
         {{"unit_a", "{}"}, {"unit_b", "{\"_meta\":{\"priority\":99}}"}},
         "unit_a:- unit_b:-"},
        {"one that prefers a route", {{"unit_global", "{}"}}, "unit_global:-"},
        {"a disabled one",
         {{"unit_a", "{\"_meta\":{\"disable\":true}}"}, {"unit_b", "{}"}},
         "unit_b:-"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        hg_issues issues = {0};
        hgh_chain *chain = NULL;

        if (compiled(cases[i].plugins, &chain, &issues) != HG_OK) {
            fail_msg("%s", cases[i].label);
        }
        expect_steps(cases[i].label, chain, HG_PHASE_REWRITE, cases[i].steps);
        expect_steps(cases[i].label, chain, HG_PHASE_HEADER_FILTER, cases[i].steps);
        assert_true(hgh_issues_is_empty(&issues));
        hgh_chain_unref(chain);
    }
}

static void every_finding_of_every_plugin_is_told_and_nothing_is_made(void **state)
{
    static const struct {
        const char *label;
        named plugins[PLUGINS_MAX];
        size_t findings;
        const char *pointer;
        const char *text;
    } cases[] = {
        {"unknown", {{"nobody", "{}"}}, 1, "/nobody", "unknown plugin [nobody]"},
        {"twice", {{"unit_a", "{}"}, {"unit_a", "{}"}}, 1, "/unit_a", "stands there twice"},
        {"no object", {{"unit_a", "[]"}}, 1, "/unit_a", "invalid plugin conf []"},
        {"wrong", {{"unit_a", "{\"tag\":5}"}}, 1, "/unit_a/tag", "expected string"},
        {"all of them",
         {{"unit_b", "{\"tag\":5}"}, {"nobody", "{}"}, {"unit_a", "{\"tag\":6}"}},
         3,
         "/unit_b/tag",
         "expected string"},
        {"a name of any bytes", {{"a/b~", "{}"}}, 1, "/a~1b~0", "unknown plugin [a/b~]"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        hg_issues issues = {0};

        if (compiled(cases[i].plugins, NULL, &issues) != HG_ERR_INVALID ||
            issues.count != cases[i].findings ||
            strcmp(issues.items[0].pointer, cases[i].pointer) != 0 ||
            issues.items[0].text == NULL || strstr(issues.items[0].text, cases[i].text) == NULL) {
            fail_msg("%s: %zu, %s %s", cases[i].label, issues.count,
                     issues.count == 0 ? "" : issues.items[0].pointer,
                     issues.count == 0 ? "" : issues.items[0].text);
        }
        hgh_issues_done(&issues);
    }
}

static void a_configuration_knows_whose_it_is(void **state)
{
    static const named plugins[] = {{"unit_a", "{}"}, {NULL, NULL}};
    hg_issues issues = {0};
    hgh_chain *chain = NULL;

    (void)state;
    assert_int_equal(compiled(plugins, &chain, &issues), HG_OK);
    assert_string_equal(chain->configurations[0]->source.resource.data, "routes");
    assert_string_equal(chain->configurations[0]->source.id.data, "7");
    hgh_chain_unref(chain);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define CASE(name) cmocka_unit_test_setup_teardown(name, chains_set_up, chains_tear_down)
        CASE(plugins_run_in_the_order_in_which_they_are_named),
        CASE(every_finding_of_every_plugin_is_told_and_nothing_is_made),
        CASE(a_configuration_knows_whose_it_is),
#undef CASE
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
