/* tests/unit/core/test_chain.c - the right plugins in the right order, kept and given up in time.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/core/chain.h"
#include "host/core/snapshot.h"
#include "tests/unit/core/fake_engine.h"
#include "tests/unit/core/objects.h"
#include "tests/unit/core/plugins.h"
#include "tests/unit/unit.h"

#define PLUGINS "unit_a=1 unit_b=2 unit_c=3 unit_auth=4 unit_raw=5 unit_bad_size=6"

static plugin_place place;
static hgh_snapshot snapshot;
static hgh_generation *generation;
static hgh_chain_cache cache;

static int set_up(void **state)
{
    (void)state;
    plugin_place_init(&place);
    hgh_snapshot_init(&snapshot);
    generation = generation_make(&place, NULL, 1, NULL, PLUGINS);
    hgh_chain_cache_init(&cache);
    hgh_chain_cache_detach(&cache, generation);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    hgh_chain_cache_done(&cache);
    hgh_snapshot_done(&snapshot);
    hgh_generation_unref(generation);
    plugin_place_done(&place);
    return 0;
}

static hgh_route *route_of(const char *json)
{
    return (hgh_route *)(void *)object_put(&snapshot, HGH_ROUTES, "1", 1, json);
}

static hg_consumer *consumer_of(const char *json)
{
    return (hg_consumer *)(void *)object_put(&snapshot, HGH_CONSUMERS, "jack", 1, json);
}

static hgh_chain *
compile(hgh_generation *with, hgh_route *route, hgh_service *service, hg_consumer *consumer)
{
    hgh_chain *chain = NULL;
    hg_error err = HG_ERROR_INIT;

    if (hgh_chain_compile(with, route, service, consumer, &chain, &err) != HG_OK) {
        fail_msg("%s", err.text);
    }
    return chain;
}

/* "NAME:TAG NAME:TAG": the steps of a phase, in their order. */
static const char *steps_text(const hgh_chain *chain, hg_phase phase)
{
    static char text[1024];
    const hgh_steps *steps = &chain->phases[phase];
    size_t at = 0;

    text[0] = '\0';
    for (uint32_t i = 0; i < steps->count; i++) {
        const hg_text *tag = steps->items[i].state; /* the first member of unit_step's */

        at += (size_t)snprintf(text + at, sizeof(text) - at, "%s%s:%.*s", i == 0 ? "" : " ",
                               hgh_chain_configuration(chain, &steps->items[i])->plugin->name,
                               (int)tag->length, tag->data);
    }
    return text;
}

static void
expect_steps(const char *label, const hgh_chain *chain, hg_phase phase, const char *wanted)
{
    if (strcmp(steps_text(chain, phase), wanted) != 0) {
        fail_msg("%s: got \"%s\", wanted \"%s\"", label, steps_text(chain, phase), wanted);
    }
}

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
        chain = compile(generation, route_of(json), NULL, NULL);
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
        const char *service;
        const char *route;
        const char *consumer; /* NULL: none */
        const char *rewrite;
        const char *access;
    } cases[] = {
        {"service alone", "{\"unit_a\":{\"tag\":\"s\"}}", "{}", NULL, "unit_a:s", "unit_a:s"},
        {"route over service", "{\"unit_a\":{\"tag\":\"s\"},\"unit_b\":{\"tag\":\"s\"}}",
         "{\"unit_a\":{\"tag\":\"r\"}}", NULL, "unit_b:s unit_a:r", "unit_b:s unit_a:r"},
        {"no deep merge", "{\"unit_a\":{\"tag\":\"s\"}}", "{\"unit_a\":{}}", NULL, "unit_a:-",
         "unit_a:-"},
        {"disabled by the route", "{\"unit_a\":{}}", "{\"unit_a\":{\"_meta\":{\"disable\":true}}}",
         NULL, "", ""},
        {"consumer over both: its rewrite ran with the route",
         "{\"unit_a\":{\"tag\":\"s\"},\"unit_b\":{\"tag\":\"s\"}}", "{\"unit_a\":{\"tag\":\"r\"}}",
         "{\"unit_a\":{\"tag\":\"c\"}}", "", "unit_b:s unit_a:c"},
        {"consumer only: both passes", "{}", "{\"unit_b\":{\"tag\":\"r\"}}",
         "{\"unit_a\":{\"tag\":\"c\"}}", "unit_a:c", "unit_b:r unit_a:c"},
        {"disabled by the consumer", "{}", "{\"unit_a\":{},\"unit_b\":{}}",
         "{\"unit_a\":{\"_meta\":{\"disable\":true}}}", "", "unit_b:-"},
        {"the consumer's priority moves it", "{}", "{\"unit_b\":{\"tag\":\"r\"}}",
         "{\"unit_a\":{\"_meta\":{\"priority\":99}}}", "unit_a:-", "unit_a:- unit_b:r"},
        {"a credential runs nowhere", "{}", "{\"unit_auth\":{\"tag\":\"r\"}}",
         "{\"unit_auth\":{\"key\":\"k\"}}", "", ""},
        {"a consumer without plugins", "{}", "{\"unit_a\":{}}", "{}", "", "unit_a:-"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char json[256];
        hgh_service *service;
        hgh_route *route;
        hg_consumer *consumer = NULL;
        hgh_chain *chain;

        (void)snprintf(json, sizeof(json), "{\"plugins\":%s}", cases[i].service);
        service = (hgh_service *)(void *)object_put(&snapshot, HGH_SERVICES, "s", 1, json);
        (void)snprintf(json, sizeof(json), "{\"plugins\":%s}", cases[i].route);
        route = route_of(json);
        if (cases[i].consumer != NULL) {
            (void)snprintf(json, sizeof(json), "{\"plugins\":%s}", cases[i].consumer);
            consumer = consumer_of(json);
        }
        chain = compile(generation, route, service, consumer);
        expect_steps(cases[i].label, chain, HG_PHASE_REWRITE, cases[i].rewrite);
        expect_steps(cases[i].label, chain, HG_PHASE_ACCESS, cases[i].access);
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
        {"refused, though disabled", "{\"unit_a\":{\"tag\":7,\"_meta\":{\"disable\":true}}}",
         "plugin unit_a is not available"},
        {"a raw one that refuses", "{\"unit_raw\":{\"in_parse\":\"silent\"}}",
         "plugin unit_raw is not available"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char json[256];
        hgh_chain *chain;

        (void)snprintf(json, sizeof(json), "{\"plugins\":%s}", cases[i].plugins);
        chain = compile(generation, route_of(json), NULL, NULL);
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
    hgh_generation *listed = generation_make(&place, generation, 2, "[\"unit_a\"]", "unit_a=1");
    hgh_chain *chain = compile(
        listed, route_of("{\"plugins\":{\"unit_a\":{},\"unit_b\":{},\"gone\":{}}}"), NULL, NULL);

    (void)state;
    assert_null(chain->unavailable);
    expect_steps("listed", chain, HG_PHASE_ACCESS, "unit_a:-");
    hgh_chain_unref(chain);
    hgh_generation_unref(listed);
}

static void a_credential_that_is_refused_does_no_harm(void **state)
{
    hgh_chain *chain = compile(generation, route_of("{\"plugins\":{\"unit_a\":{}}}"), NULL,
                               consumer_of("{\"plugins\":{\"unit_auth\":{\"key\":7}}}"));

    (void)state;
    assert_null(chain->unavailable);
    expect_steps("access", chain, HG_PHASE_ACCESS, "unit_a:-");
    hgh_chain_unref(chain);
}

static void a_chain_keeps_the_credential_of_its_consumer_decoded(void **state)
{
    hg_consumer *consumer = consumer_of("{\"plugins\":{\"unit_auth\":{\"key\":\"k\"}}}");
    hgh_chain *chain =
        compile(generation, route_of("{\"plugins\":{\"unit_auth\":{}}}"), NULL, consumer);
    hgh_plugin *plugin = NULL;

    (void)state;
    (void)hgh_generation_find(generation, "unit_auth", &plugin, NULL);
    assert_non_null(hgh_configuration_bound(&consumer->base, plugin, HGH_USE_CONSUMER));
    hgh_chain_unref(chain);
    assert_null(hgh_configuration_bound(&consumer->base, plugin, HGH_USE_CONSUMER));
}

static void chains_share_what_one_object_configures(void **state)
{
    hgh_service *service = (hgh_service *)(void *)object_put(
        &snapshot, HGH_SERVICES, "s", 1, "{\"plugins\":{\"unit_raw\":{\"count\":5}}}");
    hgh_route *first = route_of("{}");
    hgh_route *second = (hgh_route *)(void *)object_put(&snapshot, HGH_ROUTES, "2", 2, "{}");
    hgh_chain *a;
    hgh_chain *b;

    (void)state;
    fake_log_clear();
    a = compile(generation, first, service, NULL);
    b = compile(generation, second, service, NULL);
    assert_int_equal(fake_log_count("parse"), 1);
    assert_ptr_equal(a->configurations[0], b->configurations[0]);
    hgh_chain_unref(a);
    assert_int_equal(fake_log_count("release"), 0);
    hgh_chain_unref(b);
    assert_int_equal(fake_log_count("release"), 1);
}

static void more_plugins_than_a_chain_holds_answer_503(void **state)
{
    json_t *plugins = json_object();
    json_t *object = json_pack("{s:o}", "plugins", plugins);
    char *json;
    hgh_chain *chain;

    (void)state;
    for (int i = 0; i < 1025; i++) {
        char name[16];

        (void)snprintf(name, sizeof(name), "p%d", i);
        (void)json_object_set_new(plugins, name, json_object());
    }
    json = json_dumps(object, 0);
    chain = compile(generation, route_of(json), NULL, NULL);
    assert_non_null(strstr(chain->unavailable, "more than 1024 plugins"));
    hgh_chain_unref(chain);
    free(json);
    json_decref(object);
}

static void plugins_of_another_type_are_none(void **state)
{
    static const char *const rows[] = {"{\"plugins\":7}", "{\"plugins\":[{\"unit_a\":{}}]}",
                                       "{\"plugins\":\"unit_a\"}", "{\"plugins\":null}"};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        hgh_chain *chain = compile(generation, route_of(rows[i]), NULL, NULL);

        expect_steps(rows[i], chain, HG_PHASE_ACCESS, "");
        hgh_chain_unref(chain);
    }
}

static void an_object_that_cannot_be_read_again_is_no_chain_without_plugins(void **state)
{
    hgh_route *route = route_of("{\"plugins\":{\"unit_auth\":{}}}");
    hgh_chain *chain = NULL;
    hg_error err = HG_ERROR_INIT;

    (void)state;
    route->base.source.length = 3; /* as if there were no memory to parse it */
    assert_int_not_equal(hgh_chain_compile(generation, route, NULL, NULL, &chain, &err), HG_OK);
    assert_null(chain);
}

/* ----------------------------------------------------------------------------------- cache */

/* What the cache has; it keeps a reference if it does keep the chain. */
static hgh_chain *get(hgh_generation *with, hgh_route *route, hg_consumer *consumer)
{
    hgh_chain *chain = NULL;
    hg_error err = HG_ERROR_INIT;

    if (hgh_chain_cache_get(&cache, with, route, consumer, &chain, &err) != HG_OK) {
        fail_msg("%s", err.text);
    }
    hgh_chain_unref(chain);
    return chain;
}

static void a_chain_is_compiled_once(void **state)
{
    hgh_route *route = route_of("{\"plugins\":{\"unit_raw\":{}}}");
    hg_consumer *consumer = consumer_of("{}");

    (void)state;
    fake_log_clear();
    assert_ptr_equal(get(generation, route, NULL), get(generation, route, NULL));
    assert_ptr_equal(get(generation, route, consumer), get(generation, route, consumer));
    assert_ptr_not_equal(get(generation, route, consumer), get(generation, route, NULL));
    assert_int_equal(cache.count, 2);
    assert_int_equal(fake_log_count("parse"), 1);
}

static void another_service_makes_another_chain(void **state)
{
    hgh_route *route = route_of("{\"service_id\":\"s\"}");

    (void)state;
    (void)object_put(&snapshot, HGH_SERVICES, "s", 1, "{\"plugins\":{\"unit_a\":{}}}");
    expect_steps("first", get(generation, route, NULL), HG_PHASE_ACCESS, "unit_a:-");
    (void)object_put(&snapshot, HGH_SERVICES, "s", 2, "{\"plugins\":{\"unit_b\":{}}}");
    expect_steps("second", get(generation, route, NULL), HG_PHASE_ACCESS, "unit_b:-");
    object_remove(&snapshot, HGH_SERVICES, "s");
    expect_steps("none", get(generation, route, NULL), HG_PHASE_ACCESS, "");
    assert_int_equal(cache.count, 1);
}

static void the_least_recently_used_chain_goes_first(void **state)
{
    hgh_route **routes = calloc(HGH_CHAINS_MAX + 2, sizeof(hgh_route *));
    char id[16];

    (void)state;
    for (uint32_t i = 0; i < HGH_CHAINS_MAX; i++) {
        (void)snprintf(id, sizeof(id), "%u", i);
        routes[i] = (hgh_route *)(void *)object_put(&snapshot, HGH_ROUTES, id, i + 1, "{}");
        (void)get(generation, routes[i], NULL);
    }
    (void)get(generation, routes[0], NULL); /* used again: the second is the oldest now */
    routes[HGH_CHAINS_MAX] =
        (hgh_route *)(void *)object_put(&snapshot, HGH_ROUTES, "last", 99999, "{}");
    (void)get(generation, routes[HGH_CHAINS_MAX], NULL);
    assert_int_equal(cache.count, HGH_CHAINS_MAX);
    assert_non_null(routes[0]->chain);
    assert_null(routes[1]->chain);
    assert_non_null(routes[2]->chain);
    free(routes);
}

static void an_object_takes_its_chains_with_it(void **state)
{
    static const struct {
        const char *label;
        hgh_resource_kind kind;
        const char *id;
        uint32_t left;
    } cases[] = {
        {"route", HGH_ROUTES, "1", 2},
        {"service", HGH_SERVICES, "s", 2},
        {"consumer", HGH_CONSUMERS, "jack", 2},
        {"upstream", HGH_UPSTREAMS, "u", 4},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        hgh_route *first;
        hgh_route *second;
        hg_consumer *consumer;
        hgh_resource *gone;

        (void)object_put(&snapshot, HGH_SERVICES, "s", 1, "{}");
        (void)object_put(&snapshot, HGH_UPSTREAMS, "u", 1, "{}");
        first = route_of("{\"service_id\":\"s\",\"upstream_id\":\"u\"}");
        second = (hgh_route *)(void *)object_put(&snapshot, HGH_ROUTES, "2", 2, "{}");
        consumer = consumer_of("{}");
        (void)get(generation, first, NULL);
        (void)get(generation, first, consumer);
        (void)get(generation, second, NULL);
        (void)get(generation, second, consumer);
        assert_int_equal(cache.count, 4);
        gone = hgh_snapshot_take(&snapshot, cases[i].kind, hg_text_of(cases[i].id));
        hgh_chain_cache_forget(&cache, gone);
        assert_true(hgh_chain_cache_free_some(&cache, 4));
        if (cache.count != cases[i].left || gone->references != 1) {
            fail_msg("%s: %u chains left, %u references", cases[i].label, cache.count,
                     gone->references);
        }
        hgh_resource_unref(gone);
        hgh_chain_cache_detach(&cache, generation);
        assert_true(hgh_chain_cache_free_some(&cache, 4));
    }
}

static void a_running_request_keeps_its_chain(void **state)
{
    hgh_route *route = route_of("{\"plugins\":{\"unit_raw\":{}}}");
    hgh_chain *chain = hgh_chain_ref(get(generation, route, NULL));

    (void)state;
    fake_log_clear();
    hgh_chain_cache_forget(&cache, &route->base);
    assert_true(hgh_chain_cache_free_some(&cache, 1));
    object_remove(&snapshot, HGH_ROUTES, "1");
    assert_int_equal(fake_log_count("release"), 0);
    hgh_chain_unref(chain);
    assert_int_equal(fake_log_count("release"), 1);
}

static void detached_chains_are_freed_in_slices(void **state)
{
    char id[16];

    (void)state;
    for (int i = 0; i < 10; i++) {
        (void)snprintf(id, sizeof(id), "%d", i);
        (void)get(generation, (hgh_route *)(void *)object_put(&snapshot, HGH_ROUTES, id, 1, "{}"),
                  NULL);
    }
    hgh_chain_cache_detach(&cache, generation);
    assert_int_equal(cache.count, 0);
    assert_null(
        ((hgh_route *)(void *)hgh_snapshot_find(&snapshot, HGH_ROUTES, HG_TEXT("3")))->chain);
    assert_false(hgh_chain_cache_free_some(&cache, 4));
    assert_false(hgh_chain_cache_free_some(&cache, 4));
    assert_true(hgh_chain_cache_free_some(&cache, 4));
    assert_true(hgh_chain_cache_free_some(&cache, 4));
}

static void an_old_generation_leaves_nothing_in_the_cache(void **state)
{
    hgh_generation *next = generation_make(&place, generation, 2, NULL, "unit_b=2");
    hgh_route *route = route_of("{\"plugins\":{\"unit_a\":{}}}");
    hg_consumer *consumer = consumer_of("{\"plugins\":{\"unit_c\":{}}}");
    hgh_chain *kept = hgh_chain_ref(get(generation, route, NULL));
    hgh_chain *later = NULL;

    (void)state;
    hgh_chain_cache_detach(&cache, next);
    assert_true(hgh_chain_cache_free_some(&cache, UINT32_MAX));
    /* A request that waited meanwhile finds its consumer only now. */
    assert_int_equal(hgh_chain_cache_get(&cache, generation, route, consumer, &later, NULL), HG_OK);
    expect_steps("old", later, HG_PHASE_ACCESS, "unit_a:- unit_c:-");
    assert_int_equal(cache.count, 0);
    hgh_chain_unref(kept);
    hgh_chain_unref(later);
    hgh_generation_unref(generation);
    generation = next;
    assert_false(plugin_is_mapped("/unit_a.so"));
    assert_true(plugin_is_mapped("/unit_b.so"));
}

static void an_object_that_was_replaced_leaves_nothing_in_the_cache(void **state)
{
    hgh_route *old_route;
    hg_consumer *old_consumer;

    (void)state;
    old_route = (hgh_route *)hgh_resource_ref(&route_of("{}")->base);
    old_consumer = (hg_consumer *)hgh_resource_ref(&consumer_of("{}")->base);
    (void)route_of("{\"uri\":\"/new\"}");
    (void)get(generation, old_route, NULL);
    (void)get(generation, old_route, old_consumer);
    assert_int_equal(cache.count, 0);
    assert_null(old_route->chain);
    (void)consumer_of("{\"desc\":\"new\"}");
    (void)get(generation,
              (hgh_route *)(void *)hgh_snapshot_find(&snapshot, HGH_ROUTES, HG_TEXT("1")),
              old_consumer);
    assert_int_equal(cache.count, 0);
    assert_int_equal(old_route->base.references, 1);
    assert_int_equal(old_consumer->base.references, 1);
    hgh_resource_unref(&old_route->base);
    hgh_resource_unref(&old_consumer->base);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(plugins_run_by_priority_and_then_by_name, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(one_configuration_counts_for_each_name_by_precedence,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_cannot_run_answers_503_with_a_reason, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_plugin_that_an_explicit_list_leaves_out_is_skipped,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_credential_that_is_refused_does_no_harm, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_chain_keeps_the_credential_of_its_consumer_decoded,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(chains_share_what_one_object_configures, set_up, tear_down),
        cmocka_unit_test_setup_teardown(more_plugins_than_a_chain_holds_answer_503, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(plugins_of_another_type_are_none, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            an_object_that_cannot_be_read_again_is_no_chain_without_plugins, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_chain_is_compiled_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(another_service_makes_another_chain, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_least_recently_used_chain_goes_first, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(an_object_takes_its_chains_with_it, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_running_request_keeps_its_chain, set_up, tear_down),
        cmocka_unit_test_setup_teardown(detached_chains_are_freed_in_slices, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_old_generation_leaves_nothing_in_the_cache, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(an_object_that_was_replaced_leaves_nothing_in_the_cache,
                                        set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
