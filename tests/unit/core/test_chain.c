/* tests/unit/core/test_chain.c - the right plugins in the right order. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/core/chains.h"
#include "tests/unit/core/fake_engine.h"
#include "tests/unit/core/objects.h"
#include "tests/unit/unit.h"

#define A(tag) "{\"unit_a\":{\"tag\":\"" tag "\"}}"

/* ----------------------------------------------------------------------------- compilation */

static void plugins_run_by_priority_and_then_by_name(void **state)
{
    static const struct {
        const char *label;
        const char *plugins;
        const char *steps;
    } cases[] = {
        {"none", "{}", ""},
        {"one", "{\"unit_a\":{}}", "unit_a:-"},
        {"by priority, ties by name", "{\"unit_c\":{},\"unit_a\":{},\"unit_b\":{}}",
         "unit_b:- unit_a:- unit_c:-"},
        {"moved to the front",
         "{\"unit_a\":{},\"unit_b\":{},\"unit_c\":{\"_meta\":{\"priority\":99}}}",
         "unit_c:- unit_b:- unit_a:-"},
        {"moved to the end", "{\"unit_a\":{},\"unit_b\":{\"_meta\":{\"priority\":-9}}}",
         "unit_a:- unit_b:-"},
        {"moved to a tie", "{\"unit_b\":{\"_meta\":{\"priority\":10}},\"unit_a\":{},\"unit_c\":{}}",
         "unit_a:- unit_b:- unit_c:-"},
        {"disabled", "{\"unit_a\":{\"_meta\":{\"disable\":true}},\"unit_b\":{}}", "unit_b:-"},
        {"all disabled", "{\"unit_a\":{\"_meta\":{\"disable\":true}}}", ""},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char json[256];
        hgh_chain *chain;

        (void)snprintf(json, sizeof(json), "{\"plugins\":%s}", cases[i].plugins);
        chain = chain_of_route(stand.generation, route_of(json));
        expect_steps(cases[i].label, chain, HG_PHASE_REWRITE, cases[i].steps);
        expect_steps(cases[i].label, chain, HG_PHASE_ACCESS, cases[i].steps);
        expect_steps(cases[i].label, chain, HG_PHASE_HEADER_FILTER, cases[i].steps);
        expect_steps(cases[i].label, chain, HG_PHASE_LOG, cases[i].steps);
        expect_steps(cases[i].label, chain, HG_PHASE_DELAYED_BODY_FILTER, "");
        assert_null(chain->unavailable);
        hgh_chain_unref(chain);
    }
}

static void one_configuration_counts_for_each_name_by_precedence(void **state)
{
    static const struct {
        const char *label;
        chain_plugins plugins;
        const char *rewrite;
        const char *access;
    } cases[] = {
        {"service alone", {.service = A("s")}, "unit_a:s", "unit_a:s"},
        {"plugin config alone", {.plugin_config = A("p")}, "unit_a:p", "unit_a:p"},
        {"plugin config over service",
         {.plugin_config = A("p"), .service = A("s")},
         "unit_a:p",
         "unit_a:p"},
        {"route over plugin config",
         {.route = A("r"), .plugin_config = A("p")},
         "unit_a:r",
         "unit_a:r"},
        {"route over service", {.route = A("r"), .service = A("s")}, "unit_a:r", "unit_a:r"},
        {"group over route: its rewrite ran with the route",
         {.consumer = "{}", .group = A("g"), .route = A("r")},
         "",
         "unit_a:g"},
        {"group over plugin config",
         {.consumer = "{}", .group = A("g"), .plugin_config = A("p")},
         "",
         "unit_a:g"},
        {"group over service",
         {.consumer = "{}", .group = A("g"), .service = A("s")},
         "",
         "unit_a:g"},
        {"consumer over group", {.consumer = A("c"), .group = A("g")}, "unit_a:c", "unit_a:c"},
        {"consumer over route", {.consumer = A("c"), .route = A("r")}, "", "unit_a:c"},
        {"consumer over plugin config",
         {.consumer = A("c"), .plugin_config = A("p")},
         "",
         "unit_a:c"},
        {"consumer over service", {.consumer = A("c"), .service = A("s")}, "", "unit_a:c"},
        {"a plugin of all five runs once",
         {.consumer = A("c"),
          .group = A("g"),
          .route = A("r"),
          .plugin_config = A("p"),
          .service = A("s")},
         "",
         "unit_a:c"},
        {"each its own",
         {.consumer = A("c"),
          .group = "{\"unit_b\":{\"tag\":\"g\"}}",
          .route = "{}",
          .service = "{\"unit_c\":{\"tag\":\"s\"}}"},
         "unit_b:g unit_a:c",
         "unit_b:g unit_a:c unit_c:s"},
        {"no deep merge", {.route = "{\"unit_a\":{}}", .service = A("s")}, "unit_a:-", "unit_a:-"},
        {"disabled by the route",
         {.route = "{\"unit_a\":{\"_meta\":{\"disable\":true}}}", .service = A("s")},
         "",
         ""},
        {"disabled by the plugin config",
         {.plugin_config = "{\"unit_a\":{\"_meta\":{\"disable\":true}}}", .service = A("s")},
         "",
         ""},
        {"consumer only: both passes",
         {.consumer = A("c"), .route = "{\"unit_b\":{}}"},
         "unit_a:c",
         "unit_b:- unit_a:c"},
        {"disabled by the consumer",
         {.consumer = "{\"unit_a\":{\"_meta\":{\"disable\":true}}}", .route = A("r")},
         "",
         ""},
        {"disabled by the group",
         {.consumer = "{}",
          .group = "{\"unit_a\":{\"_meta\":{\"disable\":true}}}",
          .route = A("r")},
         "",
         ""},
        {"disabled on the route, the consumer's counts: its rewrite ran with the route",
         {.consumer = A("c"), .route = "{\"unit_a\":{\"_meta\":{\"disable\":true}}}"},
         "",
         "unit_a:c"},
        {"the consumer's priority moves it",
         {.consumer = "{\"unit_a\":{\"_meta\":{\"priority\":99}}}", .route = "{\"unit_b\":{}}"},
         "unit_a:-",
         "unit_a:- unit_b:-"},
        {"priority does not outlive the configuration that has it",
         {.route = "{\"unit_a\":{},\"unit_b\":{}}",
          .service = "{\"unit_a\":{\"_meta\":{\"priority\":99}}}"},
         "unit_b:- unit_a:-",
         "unit_b:- unit_a:-"},
        {"a key runs nowhere, and leaves the route's plugin as it is",
         {.consumer = "{\"unit_auth\":{\"key\":\"k\"}}",
          .route = "{\"unit_auth\":{\"tag\":\"r\"}}"},
         "",
         "unit_auth:r"},
        {"a credential runs nowhere",
         {.credential = "{\"unit_auth\":{\"key\":\"k\"}}",
          .consumer = "{}",
          .route = "{\"unit_auth\":{\"tag\":\"r\"}}"},
         "",
         "unit_auth:r"},
        {"authentication of a group is not in the second pass",
         {.consumer = "{}", .group = "{\"unit_auth\":{\"tag\":\"g\"}}"},
         "",
         "unit_auth:g"},
        {"a consumer without plugins",
         {.consumer = "{}", .route = "{\"unit_a\":{}}"},
         "",
         "unit_a:-"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        hgh_chain *chain = chain_of(stand.generation, &cases[i].plugins);

        expect_steps(cases[i].label, chain, HG_PHASE_REWRITE, cases[i].rewrite);
        expect_steps(cases[i].label, chain, HG_PHASE_ACCESS, cases[i].access);
        expect_steps(cases[i].label, chain, HG_PHASE_LOG, cases[i].access);
        hgh_chain_unref(chain);
    }
}

static void what_cannot_run_answers_503_with_a_reason(void **state)
{
    static const struct {
        const char *label;
        const char *plugins;
        const char *reason; /* NULL: all is well */
    } cases[] = {
        {"fine", "{\"unit_a\":{}}", NULL},
        {"not there", "{\"gone\":{}}",
         "plugin gone is not available: not in the plugins directory"},
        {"failed to load", "{\"unit_bad_size\":{}}",
         "plugin unit_bad_size is not available: config: found 8 bytes"},
        {"a configuration that it refuses", "{\"unit_a\":{\"tag\":7}}",
         "plugin unit_a is not available: failed to check"},
        {"a configuration of another type", "{\"unit_a\":null}",
         "plugin unit_a is not available: invalid plugin conf"},
        {"refused, and disabled", "{\"unit_a\":{\"tag\":7,\"_meta\":{\"disable\":true}}}", NULL},
        {"a raw one that refuses, and disabled",
         "{\"unit_raw\":{\"in_parse\":\"silent\",\"_meta\":{\"disable\":true}}}", NULL},
        {"not there, and disabled", "{\"gone\":{\"_meta\":{\"disable\":true}}}", NULL},
        {"_meta itself wrong, and disabled",
         "{\"unit_a\":{\"_meta\":{\"disable\":true,\"priority\":\"1\"}}}",
         "plugin unit_a is not available"},
        {"a raw one that refuses", "{\"unit_raw\":{\"in_parse\":\"silent\"}}",
         "plugin unit_raw is not available"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char json[256];
        hgh_chain *chain;

        (void)snprintf(json, sizeof(json), "{\"plugins\":%s}", cases[i].plugins);
        chain = chain_of_route(stand.generation, route_of(json));
        if (cases[i].reason == NULL
                ? chain->unavailable != NULL
                : chain->unavailable == NULL ||
                      strstr(chain->unavailable, cases[i].reason) != chain->unavailable) {
            fail_msg("%s: \"%s\"", cases[i].label,
                     chain->unavailable == NULL ? "" : chain->unavailable);
        }
        hgh_chain_unref(chain);
    }
}

static void a_plugin_that_an_explicit_list_leaves_out_is_skipped(void **state)
{
    hgh_generation *listed =
        generation_make(&stand.place, stand.generation, 2, "[\"unit_a\"]", "unit_a=1");
    hgh_chain *chain =
        chain_of_route(listed, route_of("{\"plugins\":{\"unit_a\":{},\"unit_b\":{},\"gone\":{}}}"));

    (void)state;
    assert_null(chain->unavailable);
    expect_steps("listed", chain, HG_PHASE_ACCESS, "unit_a:-");
    hgh_chain_unref(chain);
    hgh_generation_unref(listed);
}

static void a_credential_that_is_refused_does_no_harm(void **state)
{
    hgh_chain *chain =
        chain_of(stand.generation, &(chain_plugins){.consumer = "{\"unit_auth\":{\"key\":7}}",
                                                    .route = "{\"unit_a\":{}}"});

    (void)state;
    assert_null(chain->unavailable);
    expect_steps("access", chain, HG_PHASE_ACCESS, "unit_a:-");
    hgh_chain_unref(chain);
}

static void a_chain_keeps_the_keys_of_its_consumer_decoded(void **state)
{
    static const chain_plugins plugins = {.credential = "{\"unit_auth\":{\"key\":\"a\"}}",
                                          .consumer = "{\"unit_auth\":{\"key\":\"b\"}}",
                                          .route = "{\"unit_auth\":{}}"};
    static const hgh_chain_part keepers[] = {HGH_PART_CREDENTIAL, HGH_PART_CONSUMER};
    hgh_chain *chain = chain_of(stand.generation, &plugins);
    hgh_resource *kept[ARRAY_SIZE(keepers)];
    hgh_plugin *plugin = NULL;

    (void)state;
    (void)hgh_generation_find(stand.generation, "unit_auth", &plugin, NULL);
    for (size_t i = 0; i < ARRAY_SIZE(keepers); i++) {
        kept[i] = chain->parts[keepers[i]];
        assert_non_null(hgh_configuration_bound(kept[i], plugin, HGH_USE_CONSUMER));
    }
    hgh_chain_unref(chain);
    for (size_t i = 0; i < ARRAY_SIZE(keepers); i++) {
        assert_null(hgh_configuration_bound(kept[i], plugin, HGH_USE_CONSUMER));
    }
}

static void chains_share_what_one_object_configures(void **state)
{
    hgh_resource *parts[HGH_CHAIN_PARTS] = {
        [HGH_PART_SERVICE] = object_put(&stand.snapshot, HGH_SERVICES, "s", 1,
                                        "{\"plugins\":{\"unit_raw\":{\"count\":5}}}"),
    };
    hgh_chain *chains[2] = {NULL};

    (void)state;
    fake_log_clear();
    for (size_t i = 0; i < ARRAY_SIZE(chains); i++) {
        parts[HGH_PART_ROUTE] =
            object_put(&stand.snapshot, HGH_ROUTES, i == 0 ? "1" : "2", i + 1, "{}");
        assert_int_equal(
            hgh_chain_compile(stand.generation, &stand.snapshot, parts, &chains[i], NULL), HG_OK);
    }
    assert_int_equal(fake_log_count("parse"), 1);
    assert_ptr_equal(chains[0]->configurations[0], chains[1]->configurations[0]);
    hgh_chain_unref(chains[0]);
    assert_int_equal(fake_log_count("release"), 0);
    hgh_chain_unref(chains[1]);
    assert_int_equal(fake_log_count("release"), 1);
}

/* The chain of a route with so many plugins, none of which is there. */
static hgh_chain *chain_of_many(hgh_generation *with, int count, bool disabled)
{
    json_t *plugins = json_object();
    json_t *object = json_pack("{s:o}", "plugins", plugins);
    char *json;
    hgh_chain *chain;

    for (int i = 0; i < count; i++) {
        char name[16];

        (void)snprintf(name, sizeof(name), "p%d", i);
        (void)json_object_set_new(plugins, name,
                                  json_pack("{s:{s:b}}", "_meta", "disable", disabled));
    }
    json = json_dumps(object, 0);
    chain = chain_of_route(with, route_of(json));
    free(json);
    json_decref(object);
    return chain;
}

static void more_plugins_than_a_chain_holds_answer_503(void **state)
{
    hgh_chain *at_the_limit = chain_of_many(stand.generation, 1024, true);
    hgh_chain *over_it = chain_of_many(stand.generation, 1025, true);

    (void)state;
    assert_null(at_the_limit->unavailable);
    assert_non_null(strstr(over_it->unavailable, "more than 1024 plugins"));
    hgh_chain_unref(at_the_limit);
    hgh_chain_unref(over_it);
}

static void ignored_plugins_take_no_room_of_a_chain(void **state)
{
    hgh_generation *listed =
        generation_make(&stand.place, stand.generation, 2, "[\"unit_a\"]", "unit_a=1");
    hgh_chain *chain = chain_of_many(listed, 5000, false);

    (void)state;
    assert_null(chain->unavailable);
    expect_steps("ignored", chain, HG_PHASE_ACCESS, "");
    hgh_chain_unref(chain);
    hgh_generation_unref(listed);
}

static void plugins_of_another_type_are_none(void **state)
{
    static const char *const rows[] = {"{\"plugins\":7}", "{\"plugins\":[{\"unit_a\":{}}]}",
                                       "{\"plugins\":\"unit_a\"}", "{\"plugins\":null}"};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        hgh_chain *chain = chain_of_route(stand.generation, route_of(rows[i]));

        expect_steps(rows[i], chain, HG_PHASE_ACCESS, "");
        hgh_chain_unref(chain);
    }
}

static void an_object_that_cannot_be_read_again_is_no_chain_without_plugins(void **state)
{
    hgh_route *route = route_of("{\"plugins\":{\"unit_auth\":{}}}");
    hgh_resource *parts[HGH_CHAIN_PARTS] = {[HGH_PART_ROUTE] = &route->base};
    hgh_chain *chain = NULL;
    hg_error err = HG_ERROR_INIT;

    (void)state;
    route->base.source.length = 3; /* as if there were no memory to parse it */
    assert_int_not_equal(hgh_chain_compile(stand.generation, &stand.snapshot, parts, &chain, &err),
                         HG_OK);
    assert_null(chain);
}

/* ---------------------------------------------------------------------------- global rules */

static hgh_chain *global_chain(hgh_generation *with)
{
    hgh_chain *chain = NULL;
    hg_error err = HG_ERROR_INIT;

    if (hgh_chain_compile_global(with, &stand.snapshot, &chain, &err) != HG_OK) {
        fail_msg("%s", err.text);
    }
    return chain;
}

static void rule_put(const char *id, uint64_t created, const char *plugins)
{
    char json[256];

    (void)snprintf(json, sizeof(json), "{\"plugins\":%s}", plugins);
    (void)object_put(&stand.snapshot, HGH_GLOBAL_RULES, id, created, json);
}

static void global_rules_are_one_list_by_priority(void **state)
{
    hgh_chain *chain;

    (void)state;
    rule_put("2", 1, "{\"unit_c\":{\"tag\":\"2\"}}");
    rule_put("1", 2, "{\"unit_a\":{\"tag\":\"1\"}}");
    rule_put("3", 3, "{\"unit_b\":{\"_meta\":{\"priority\":-1}}}");
    chain = global_chain(stand.generation);
    expect_steps("rewrite", chain, HG_PHASE_REWRITE, "unit_a:1 unit_c:2 unit_b:-");
    expect_steps("log", chain, HG_PHASE_LOG, "unit_a:1 unit_c:2 unit_b:-");
    assert_null(chain->warning);
    assert_null(chain->unavailable);
    hgh_chain_unref(chain);
}

static void a_plugin_of_two_global_rules_counts_where_it_was_written_first(void **state)
{
    hgh_chain *chain;

    (void)state;
    rule_put("b", 1, "{\"unit_a\":{\"tag\":\"first\"}}");
    rule_put("a", 2, "{\"unit_a\":{\"tag\":\"second\"}}");
    chain = global_chain(stand.generation);
    expect_steps("access", chain, HG_PHASE_ACCESS, "unit_a:first");
    assert_string_equal(chain->warning, "plugin unit_a stands in global rule b and in a: that of a "
                                        "is not run");
    hgh_chain_unref(chain);
}

static void a_plugin_of_a_hundred_global_rules_runs_once(void **state)
{
    hgh_chain *chain;

    (void)state;
    for (uint64_t i = 0; i < 100; i++) {
        char id[8];

        (void)snprintf(id, sizeof(id), "%d", (int)i);
        rule_put(id, 100 - i, i == 42 ? A("42") : A("other"));
    }
    rule_put("42", 1, A("first")); /* the others are younger */
    rule_put("99", 200, A("last"));
    chain = global_chain(stand.generation);
    expect_steps("access", chain, HG_PHASE_ACCESS, "unit_a:first");
    hgh_chain_unref(chain);
}

static void a_global_rule_with_a_missing_plugin_cannot_run(void **state)
{
    hgh_chain *chain;

    (void)state;
    rule_put("1", 1, "{\"gone\":{}}");
    chain = global_chain(stand.generation);
    assert_string_equal(chain->unavailable,
                        "plugin gone is not available: not in the plugins directory");
    hgh_chain_unref(chain);
}

static void without_global_rules_their_chain_is_empty(void **state)
{
    hgh_chain *chain = global_chain(stand.generation);

    (void)state;
    expect_steps("access", chain, HG_PHASE_ACCESS, "");
    hgh_chain_unref(chain);
}

/* -------------------------------------------------------------------------------- metadata */

/* The word that unit_metadata's metadata has; NULL: it gets none. */
static const char *metadata_word(const hgh_chain *chain)
{
    const hgh_step *step = &chain->phases[HG_PHASE_ACCESS].items[0];
    const hg_text *word = hgh_chain_metadata(chain, step);

    return word == NULL ? NULL : word->data;
}

static void steps_have_the_metadata_of_their_plugin(void **state)
{
    static const struct {
        const char *label;
        const char *stored; /* NULL: none */
        const char *word;
    } cases[] = {
        {"none: the default", NULL, "default"},
        {"stored", "{\"word\":\"hello\"}", "hello"},
        {"stored without the field", "{\"id\":\"unit_metadata\"}", "default"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        hgh_chain *chain;

        if (cases[i].stored != NULL) {
            (void)object_put(&stand.snapshot, HGH_PLUGIN_METADATA, "unit_metadata", i + 1,
                             cases[i].stored);
        }
        chain = chain_of(stand.generation,
                         &(chain_plugins){.route = "{\"unit_metadata\":{},\"unit_a\":{}}"});
        assert_null(chain->unavailable);
        if (strcmp(metadata_word(chain), cases[i].word) != 0) {
            fail_msg("%s: got %s", cases[i].label, metadata_word(chain));
        }
        assert_null(hgh_chain_metadata(chain, &chain->phases[HG_PHASE_ACCESS].items[1]));
        hgh_chain_unref(chain);
    }
}

static void a_plugin_without_metadata_description_gets_none(void **state)
{
    hgh_chain *chain;

    (void)state;
    (void)object_put(&stand.snapshot, HGH_PLUGIN_METADATA, "unit_a", 1, "{\"x\":1}");
    chain = chain_of(stand.generation, &(chain_plugins){.route = "{\"unit_a\":{}}"});
    assert_null(chain->unavailable);
    assert_null(metadata_word(chain));
    hgh_chain_unref(chain);
}

static void metadata_that_is_refused_answers_503(void **state)
{
    hgh_chain *chain;

    (void)state;
    (void)object_put(&stand.snapshot, HGH_PLUGIN_METADATA, "unit_metadata", 1, "{\"word\":7}");
    chain = chain_of(stand.generation, &(chain_plugins){.route = "{\"unit_metadata\":{}}"});
    assert_non_null(chain->unavailable);
    assert_non_null(
        strstr(chain->unavailable, "unit_metadata is not available: plugin_metadata: "));
    hgh_chain_unref(chain);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(plugins_run_by_priority_and_then_by_name, chains_set_up,
                                        chains_tear_down),
        cmocka_unit_test_setup_teardown(one_configuration_counts_for_each_name_by_precedence,
                                        chains_set_up, chains_tear_down),
        cmocka_unit_test_setup_teardown(what_cannot_run_answers_503_with_a_reason, chains_set_up,
                                        chains_tear_down),
        cmocka_unit_test_setup_teardown(a_plugin_that_an_explicit_list_leaves_out_is_skipped,
                                        chains_set_up, chains_tear_down),
        cmocka_unit_test_setup_teardown(a_credential_that_is_refused_does_no_harm, chains_set_up,
                                        chains_tear_down),
        cmocka_unit_test_setup_teardown(a_chain_keeps_the_keys_of_its_consumer_decoded,
                                        chains_set_up, chains_tear_down),
        cmocka_unit_test_setup_teardown(chains_share_what_one_object_configures, chains_set_up,
                                        chains_tear_down),
        cmocka_unit_test_setup_teardown(more_plugins_than_a_chain_holds_answer_503, chains_set_up,
                                        chains_tear_down),
        cmocka_unit_test_setup_teardown(ignored_plugins_take_no_room_of_a_chain, chains_set_up,
                                        chains_tear_down),
        cmocka_unit_test_setup_teardown(plugins_of_another_type_are_none, chains_set_up,
                                        chains_tear_down),
        cmocka_unit_test_setup_teardown(
            an_object_that_cannot_be_read_again_is_no_chain_without_plugins, chains_set_up,
            chains_tear_down),
        cmocka_unit_test_setup_teardown(global_rules_are_one_list_by_priority, chains_set_up,
                                        chains_tear_down),
        cmocka_unit_test_setup_teardown(
            a_plugin_of_two_global_rules_counts_where_it_was_written_first, chains_set_up,
            chains_tear_down),
        cmocka_unit_test_setup_teardown(a_plugin_of_a_hundred_global_rules_runs_once, chains_set_up,
                                        chains_tear_down),
        cmocka_unit_test_setup_teardown(a_global_rule_with_a_missing_plugin_cannot_run,
                                        chains_set_up, chains_tear_down),
        cmocka_unit_test_setup_teardown(without_global_rules_their_chain_is_empty, chains_set_up,
                                        chains_tear_down),
        cmocka_unit_test_setup_teardown(steps_have_the_metadata_of_their_plugin, chains_set_up,
                                        chains_tear_down),
        cmocka_unit_test_setup_teardown(a_plugin_without_metadata_description_gets_none,
                                        chains_set_up, chains_tear_down),
        cmocka_unit_test_setup_teardown(metadata_that_is_refused_answers_503, chains_set_up,
                                        chains_tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
