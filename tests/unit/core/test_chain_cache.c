/* tests/unit/core/test_chain_cache.c - chains are kept, and given up in time. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/core/chains.h"
#include "tests/unit/core/fake_engine.h"
#include "tests/unit/core/objects.h"
#include "tests/unit/unit.h"

/* What the stand.cache has; it keeps a reference if it does keep the chain. */
static hgh_chain *
get_by(hgh_generation *with, hgh_route *route, hg_consumer *consumer, hg_consumer *credential)
{
    hgh_chain *chain = NULL;
    hg_error err = HG_ERROR_INIT;

    if (hgh_chain_cache_get(&stand.cache, with, route, consumer, credential, &chain, &err) !=
        HG_OK) {
        fail_msg("%s", err.text);
    }
    hgh_chain_unref(chain);
    return chain;
}

static hgh_chain *get(hgh_generation *with, hgh_route *route, hg_consumer *consumer)
{
    return get_by(with, route, consumer, NULL);
}

static void a_chain_is_compiled_once(void **state)
{
    hgh_route *route = route_of("{\"plugins\":{\"unit_raw\":{}}}");
    hg_consumer *consumer = consumer_of("{}");

    (void)state;
    fake_log_clear();
    assert_ptr_equal(get(stand.generation, route, NULL), get(stand.generation, route, NULL));
    assert_ptr_equal(get(stand.generation, route, consumer),
                     get(stand.generation, route, consumer));
    assert_ptr_not_equal(get(stand.generation, route, consumer),
                         get(stand.generation, route, NULL));
    assert_int_equal(stand.cache.count, 2);
    assert_int_equal(fake_log_count("parse"), 1);
}

static void another_part_makes_another_chain(void **state)
{
    static const struct {
        const char *label;
        hgh_resource_kind kind;
        bool with_consumer;
    } cases[] = {
        {"service", HGH_SERVICES, false},
        {"plugin config", HGH_PLUGIN_CONFIGS, false},
        {"group", HGH_CONSUMER_GROUPS, true},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        hgh_resource_kind kind = cases[i].kind;
        hgh_route *route = route_of("{\"service_id\":\"x\",\"plugin_config_id\":\"x\"}");
        hg_consumer *consumer = cases[i].with_consumer ? consumer_of("{\"group_id\":\"x\"}") : NULL;

        (void)object_put(&stand.snapshot, kind, "x", 1, "{\"plugins\":{\"unit_a\":{}}}");
        expect_steps(cases[i].label, get(stand.generation, route, consumer), HG_PHASE_ACCESS,
                     "unit_a:-");
        (void)object_put(&stand.snapshot, kind, "x", 2, "{\"plugins\":{\"unit_b\":{}}}");
        expect_steps(cases[i].label, get(stand.generation, route, consumer), HG_PHASE_ACCESS,
                     "unit_b:-");
        object_remove(&stand.snapshot, kind, "x");
        expect_steps(cases[i].label, get(stand.generation, route, consumer), HG_PHASE_ACCESS, "");
        assert_int_equal(stand.cache.count, 1);
        hgh_chain_cache_detach(&stand.cache, stand.generation);
        assert_true(hgh_chain_cache_free_some(&stand.cache, 4));
    }
}

static void each_credential_of_a_consumer_has_its_chain(void **state)
{
    hgh_route *route = route_of("{\"plugins\":{\"unit_auth\":{}}}");
    hg_consumer *consumer = consumer_of("{}");
    hg_consumer *first =
        (hg_consumer *)(void *)object_put(&stand.snapshot, HGH_CREDENTIALS, "jack/credentials/1", 1,
                                          "{\"plugins\":{\"unit_auth\":{\"key\":\"a\"}}}");
    hg_consumer *second =
        (hg_consumer *)(void *)object_put(&stand.snapshot, HGH_CREDENTIALS, "jack/credentials/2", 1,
                                          "{\"plugins\":{\"unit_auth\":{\"key\":\"b\"}}}");
    hgh_chain *by_first = get_by(stand.generation, route, consumer, first);

    (void)state;
    assert_ptr_equal(get_by(stand.generation, route, consumer, first), by_first);
    assert_ptr_not_equal(get_by(stand.generation, route, consumer, second), by_first);
    assert_ptr_not_equal(get(stand.generation, route, consumer), by_first);
    assert_int_equal(stand.cache.count, 3);
    /* The consumer that the credential now belongs to is another one. */
    consumer = consumer_of("{\"desc\":\"new\"}");
    assert_ptr_equal(get_by(stand.generation, route, consumer, first)->parts[HGH_PART_CONSUMER],
                     &consumer->base);
}

static hgh_chain *get_global(void)
{
    hgh_chain *chain = NULL;

    assert_int_equal(hgh_chain_cache_get_global(&stand.cache, stand.generation, &chain, NULL),
                     HG_OK);
    hgh_chain_unref(chain);
    return chain;
}

static void the_chain_of_the_global_rules_is_kept_until_one_changes(void **state)
{
    hgh_chain *first;

    (void)state;
    (void)object_put(&stand.snapshot, HGH_GLOBAL_RULES, "1", 1, "{\"plugins\":{\"unit_a\":{}}}");
    first = get_global();
    expect_steps("first", first, HG_PHASE_ACCESS, "unit_a:-");
    assert_ptr_equal(get_global(), first);
    (void)object_put(&stand.snapshot, HGH_GLOBAL_RULES, "2", 2, "{\"plugins\":{\"unit_b\":{}}}");
    hgh_chain_cache_forget_global(&stand.cache);
    expect_steps("second", get_global(), HG_PHASE_ACCESS, "unit_b:- unit_a:-");
    hgh_chain_cache_detach(&stand.cache, stand.generation);
    assert_null(stand.cache.global);
    assert_true(hgh_chain_cache_free_some(&stand.cache, 4));
}

static void a_change_of_metadata_makes_other_chains_of_its_plugin_alone(void **state)
{
    hgh_route *with = route_of("{\"plugins\":{\"unit_metadata\":{}}}");
    hgh_route *without = (hgh_route *)(void *)object_put(&stand.snapshot, HGH_ROUTES, "2", 2,
                                                         "{\"plugins\":{\"unit_a\":{}}}");
    hgh_chain *unchanged = hgh_chain_ref(get(stand.generation, without, NULL));

    (void)state;
    (void)object_put(&stand.snapshot, HGH_GLOBAL_RULES, "1", 1,
                     "{\"plugins\":{\"unit_metadata\":{}}}");
    for (int i = 0; i < 4; i++) {
        hgh_chain *old = hgh_chain_ref(get(stand.generation, with, NULL));
        hgh_chain *old_global = hgh_chain_ref(get_global());

        if (i == 0) { /* of another plugin */
            (void)object_put(&stand.snapshot, HGH_PLUGIN_METADATA, "unit_a", 1, "{}");
        } else if (i == 3) {
            object_remove(&stand.snapshot, HGH_PLUGIN_METADATA, "unit_metadata");
        } else {
            (void)object_put(&stand.snapshot, HGH_PLUGIN_METADATA, "unit_metadata", (uint64_t)i,
                             "{\"word\":\"x\"}");
        }
        hgh_chain_cache_metadata_changed(&stand.cache);
        assert_int_equal(get(stand.generation, with, NULL) == old, i == 0);
        assert_int_equal(get_global() == old_global, i == 0);
        assert_ptr_equal(get(stand.generation, without, NULL), unchanged);
        assert_int_equal(stand.cache.count, 2);
        hgh_chain_unref(old);
        hgh_chain_unref(old_global);
    }
    hgh_chain_unref(unchanged);
}

static void an_object_of_many_chains_gives_them_up_in_slices(void **state)
{
    enum {
        ROUTES = 100
    };
    hgh_route *routes[ROUTES];
    hgh_resource *gone;

    (void)state;
    (void)object_put(&stand.snapshot, HGH_SERVICES, "s", 1, "{\"plugins\":{\"unit_a\":{}}}");
    for (int i = 0; i < ROUTES; i++) {
        char id[16];

        (void)snprintf(id, sizeof(id), "%d", i);
        routes[i] = (hgh_route *)(void *)object_put(&stand.snapshot, HGH_ROUTES, id, 1,
                                                    "{\"service_id\":\"s\"}");
        (void)get(stand.generation, routes[i], NULL);
    }
    gone = hgh_resource_ref(hgh_snapshot_find(&stand.snapshot, HGH_SERVICES, HG_TEXT("s")));
    (void)object_put(&stand.snapshot, HGH_SERVICES, "s", 2, "{\"plugins\":{\"unit_b\":{}}}");
    hgh_chain_cache_forget(&stand.cache, gone);
    assert_int_equal(stand.cache.count, ROUTES - 16);
    for (int i = 0; i < ROUTES; i++) { /* no request is given what is left */
        expect_steps("changed", get(stand.generation, routes[i], NULL), HG_PHASE_ACCESS,
                     "unit_b:-");
    }
    while (!hgh_chain_cache_free_some(&stand.cache, 7)) {
    }
    assert_int_equal(stand.cache.count, ROUTES);
    assert_null(gone->chains);
    assert_int_equal(gone->references, 1);
    hgh_resource_unref(gone);
}

static void what_is_left_of_an_object_that_has_gone_goes_with_the_cache(void **state)
{
    (void)state;
    (void)object_put(&stand.snapshot, HGH_SERVICES, "s", 1, "{}");
    for (int i = 0; i < 40; i++) {
        char id[16];

        (void)snprintf(id, sizeof(id), "%d", i);
        (void)get(stand.generation,
                  (hgh_route *)(void *)object_put(&stand.snapshot, HGH_ROUTES, id, 1,
                                                  "{\"service_id\":\"s\"}"),
                  NULL);
    }
    hgh_chain_cache_forget(&stand.cache,
                           hgh_snapshot_find(&stand.snapshot, HGH_SERVICES, HG_TEXT("s")));
    assert_non_null(stand.cache.gone); /* tear_down gives it up */
}

static void the_least_recently_used_chain_goes_first(void **state)
{
    hgh_route **routes = calloc(HGH_CHAINS_MAX + 2, sizeof(hgh_route *));
    char id[16];

    (void)state;
    for (uint32_t i = 0; i < HGH_CHAINS_MAX; i++) {
        (void)snprintf(id, sizeof(id), "%u", i);
        routes[i] = (hgh_route *)(void *)object_put(&stand.snapshot, HGH_ROUTES, id, i + 1, "{}");
        (void)get(stand.generation, routes[i], NULL);
    }
    (void)get(stand.generation, routes[0], NULL); /* used again: the second is the oldest now */
    routes[HGH_CHAINS_MAX] =
        (hgh_route *)(void *)object_put(&stand.snapshot, HGH_ROUTES, "last", 99999, "{}");
    (void)get(stand.generation, routes[HGH_CHAINS_MAX], NULL);
    assert_int_equal(stand.cache.count, HGH_CHAINS_MAX);
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
        {"plugin config", HGH_PLUGIN_CONFIGS, "p", 2},
        {"consumer", HGH_CONSUMERS, "jack", 2},
        {"group", HGH_CONSUMER_GROUPS, "g", 2},
        {"upstream", HGH_UPSTREAMS, "u", 4},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        hgh_route *first;
        hgh_route *second;
        hg_consumer *consumer;
        hgh_resource *gone;

        (void)object_put(&stand.snapshot, HGH_SERVICES, "s", 1, "{}");
        (void)object_put(&stand.snapshot, HGH_UPSTREAMS, "u", 1, "{}");
        (void)object_put(&stand.snapshot, HGH_PLUGIN_CONFIGS, "p", 1, "{}");
        (void)object_put(&stand.snapshot, HGH_CONSUMER_GROUPS, "g", 1, "{}");
        first = route_of("{\"service_id\":\"s\",\"upstream_id\":\"u\",\"plugin_config_id\":\"p\"}");
        second = (hgh_route *)(void *)object_put(&stand.snapshot, HGH_ROUTES, "2", 2, "{}");
        consumer = consumer_of("{\"group_id\":\"g\"}");
        (void)get(stand.generation, first, NULL);
        (void)get(stand.generation, first, consumer);
        (void)get(stand.generation, second, NULL);
        (void)get(stand.generation, second, consumer);
        assert_int_equal(stand.cache.count, 4);
        gone = hgh_snapshot_take(&stand.snapshot, cases[i].kind, hg_text_of(cases[i].id));
        hgh_chain_cache_forget(&stand.cache, gone);
        assert_true(hgh_chain_cache_free_some(&stand.cache, 4));
        if (stand.cache.count != cases[i].left || gone->references != 1) {
            fail_msg("%s: %u chains left, %u references", cases[i].label, stand.cache.count,
                     gone->references);
        }
        hgh_resource_unref(gone);
        hgh_chain_cache_detach(&stand.cache, stand.generation);
        assert_true(hgh_chain_cache_free_some(&stand.cache, 4));
    }
}

static void a_running_request_keeps_its_chain(void **state)
{
    hgh_route *route = route_of("{\"plugins\":{\"unit_raw\":{}}}");
    hgh_chain *chain = hgh_chain_ref(get(stand.generation, route, NULL));

    (void)state;
    fake_log_clear();
    hgh_chain_cache_forget(&stand.cache, &route->base);
    assert_true(hgh_chain_cache_free_some(&stand.cache, 1));
    object_remove(&stand.snapshot, HGH_ROUTES, "1");
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
        (void)get(stand.generation,
                  (hgh_route *)(void *)object_put(&stand.snapshot, HGH_ROUTES, id, 1, "{}"), NULL);
    }
    hgh_chain_cache_detach(&stand.cache, stand.generation);
    assert_int_equal(stand.cache.count, 0);
    assert_null(
        ((hgh_route *)(void *)hgh_snapshot_find(&stand.snapshot, HGH_ROUTES, HG_TEXT("3")))->chain);
    assert_false(hgh_chain_cache_free_some(&stand.cache, 4));
    assert_false(hgh_chain_cache_free_some(&stand.cache, 4));
    assert_true(hgh_chain_cache_free_some(&stand.cache, 4));
    assert_true(hgh_chain_cache_free_some(&stand.cache, 4));
}

static void an_old_generation_leaves_nothing_in_the_cache(void **state)
{
    hgh_generation *next = generation_make(&stand.place, stand.generation, 2, NULL, "unit_b=2");
    hgh_route *route = route_of("{\"plugins\":{\"unit_a\":{}}}");
    hg_consumer *consumer = consumer_of("{\"plugins\":{\"unit_c\":{}}}");
    hgh_chain *kept = hgh_chain_ref(get(stand.generation, route, NULL));
    hgh_chain *later = NULL;

    (void)state;
    hgh_chain_cache_detach(&stand.cache, next);
    assert_true(hgh_chain_cache_free_some(&stand.cache, UINT32_MAX));
    /* A request that waited meanwhile finds its consumer only now. */
    assert_int_equal(
        hgh_chain_cache_get(&stand.cache, stand.generation, route, consumer, NULL, &later, NULL),
        HG_OK);
    expect_steps("old", later, HG_PHASE_ACCESS, "unit_a:- unit_c:-");
    assert_int_equal(stand.cache.count, 0);
    hgh_chain_unref(kept);
    hgh_chain_unref(later);
    hgh_generation_unref(stand.generation);
    stand.generation = next;
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
    (void)get(stand.generation, old_route, NULL);
    (void)get(stand.generation, old_route, old_consumer);
    assert_int_equal(stand.cache.count, 0);
    assert_null(old_route->chain);
    (void)consumer_of("{\"desc\":\"new\"}");
    (void)get(stand.generation,
              (hgh_route *)(void *)hgh_snapshot_find(&stand.snapshot, HGH_ROUTES, HG_TEXT("1")),
              old_consumer);
    assert_int_equal(stand.cache.count, 0);
    assert_int_equal(old_route->base.references, 1);
    assert_int_equal(old_consumer->base.references, 1);
    hgh_resource_unref(&old_route->base);
    hgh_resource_unref(&old_consumer->base);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_chain_is_compiled_once, chains_set_up, chains_tear_down),
        cmocka_unit_test_setup_teardown(another_part_makes_another_chain, chains_set_up,
                                        chains_tear_down),
        cmocka_unit_test_setup_teardown(each_credential_of_a_consumer_has_its_chain, chains_set_up,
                                        chains_tear_down),
        cmocka_unit_test_setup_teardown(the_chain_of_the_global_rules_is_kept_until_one_changes,
                                        chains_set_up, chains_tear_down),
        cmocka_unit_test_setup_teardown(a_change_of_metadata_makes_other_chains_of_its_plugin_alone,
                                        chains_set_up, chains_tear_down),
        cmocka_unit_test_setup_teardown(an_object_of_many_chains_gives_them_up_in_slices,
                                        chains_set_up, chains_tear_down),
        cmocka_unit_test_setup_teardown(what_is_left_of_an_object_that_has_gone_goes_with_the_cache,
                                        chains_set_up, chains_tear_down),
        cmocka_unit_test_setup_teardown(the_least_recently_used_chain_goes_first, chains_set_up,
                                        chains_tear_down),
        cmocka_unit_test_setup_teardown(an_object_takes_its_chains_with_it, chains_set_up,
                                        chains_tear_down),
        cmocka_unit_test_setup_teardown(a_running_request_keeps_its_chain, chains_set_up,
                                        chains_tear_down),
        cmocka_unit_test_setup_teardown(detached_chains_are_freed_in_slices, chains_set_up,
                                        chains_tear_down),
        cmocka_unit_test_setup_teardown(an_old_generation_leaves_nothing_in_the_cache,
                                        chains_set_up, chains_tear_down),
        cmocka_unit_test_setup_teardown(an_object_that_was_replaced_leaves_nothing_in_the_cache,
                                        chains_set_up, chains_tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
