/* tests/unit/core/test_upstream_balance.c - keys keep their nodes, load and latency are weighed. */
#include <stdio.h>
#include <string.h>

#include "host/core/upstream.h"
#include "tests/unit/unit.h"

#define KEYS 20000u

static hgh_upstream *decode(const char *json)
{
    json_t *value = json_loads(json, 0, NULL);
    hgh_upstream *upstream = NULL;
    hg_error err = HG_ERROR_INIT;

    assert_non_null(value);
    if (hgh_upstream_decode(value, &upstream, &err) != HG_OK) {
        fail_msg("%s: %s", json, err.text);
    }
    json_decref(value);
    return upstream;
}

static hgh_upstream *chash(const char *nodes)
{
    char json[512];

    (void)snprintf(json, sizeof(json), "{\"type\":\"chash\",\"key\":\"uri\",\"nodes\":{%s}}",
                   nodes);
    return decode(json);
}

static hgh_node *node_of_key(hgh_upstream *upstream, unsigned key)
{
    char text[32];
    hgh_tried tried = {0};

    (void)snprintf(text, sizeof(text), "/key/%u", key);
    tried.hash = hgh_upstream_hash(hg_text_of(text));
    return hgh_upstream_pick(upstream, &tried, 0);
}

/* Of how many keys two upstreams disagree about the node. */
static unsigned moved_keys(hgh_upstream *before, hgh_upstream *after)
{
    unsigned moved = 0;

    for (unsigned i = 0; i < KEYS; i++) {
        moved += !hg_text_equal(node_of_key(before, i)->text, node_of_key(after, i)->text);
    }
    return moved;
}

static void a_key_has_the_same_node_in_every_process(void **state)
{
    hgh_upstream *one = chash("\"a\":1,\"b\":1,\"c\":1");
    hgh_upstream *other = chash("\"c\":1,\"a\":1,\"b\":1"); /* whatever the order */

    (void)state;
    assert_int_equal(moved_keys(one, other), 0);
    /* A fixed value: restarts and other machines must agree. */
    assert_true(hgh_upstream_hash(HG_TEXT("/key/0")) == UINT64_C(17262954634624166571));
    hgh_upstream_unref(one);
    hgh_upstream_unref(other);
}

static void keys_are_spread_by_weight(void **state)
{
    hgh_upstream *upstream = chash("\"a\":1,\"b\":2,\"c\":5,\"d\":0");
    unsigned counts[4] = {0};

    (void)state;
    for (unsigned i = 0; i < KEYS; i++) {
        counts[node_of_key(upstream, i)->host.data[0] - 'a']++;
    }
    assert_in_range(counts[0], KEYS / 8 * 94 / 100, KEYS / 8 * 106 / 100);
    assert_in_range(counts[1], KEYS / 4 * 95 / 100, KEYS / 4 * 105 / 100);
    assert_in_range(counts[2], KEYS / 8 * 5 * 97 / 100, KEYS / 8 * 5 * 103 / 100);
    assert_int_equal(counts[3], 0);
    hgh_upstream_unref(upstream);
}

static void a_change_moves_no_more_keys_than_it_must(void **state)
{
    static const struct {
        const char *label;
        const char *before;
        const char *after;
        unsigned percent; /* of the keys: what the changed node gains or loses */
    } cases[] = {
        {"a node comes", "\"a\":1,\"b\":1,\"c\":1", "\"a\":1,\"b\":1,\"c\":1,\"d\":1", 25},
        {"a node goes", "\"a\":1,\"b\":1,\"c\":1,\"d\":1", "\"a\":1,\"b\":1,\"c\":1", 25},
        {"a weight grows", "\"a\":1,\"b\":1", "\"a\":3,\"b\":1", 25},
        {"a weight with no common divisor", "\"a\":100,\"b\":100", "\"a\":101,\"b\":100", 0},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        hgh_upstream *before = chash(cases[i].before);
        hgh_upstream *after = chash(cases[i].after);
        unsigned moved = moved_keys(before, after);

        if (moved > KEYS * (cases[i].percent + 2) / 100 ||
            (cases[i].percent > 0 && moved < KEYS * (cases[i].percent - 2) / 100)) {
            fail_msg("%s: %u of %u keys moved, wanted %u %%", cases[i].label, moved, KEYS,
                     cases[i].percent);
        }
        hgh_upstream_unref(before);
        hgh_upstream_unref(after);
    }
}

static void a_retry_takes_the_next_node_of_the_key(void **state)
{
    hgh_upstream *all = chash("\"a\":1,\"b\":1,\"c\":1");
    hgh_upstream *rest = chash("\"b\":1,\"c\":1");

    (void)state;
    for (unsigned i = 0; i < 1000; i++) {
        char text[32];
        hgh_tried tried = {0};
        const hgh_node *first;

        (void)snprintf(text, sizeof(text), "/key/%u", i);
        tried.hash = hgh_upstream_hash(hg_text_of(text));
        first = hgh_upstream_pick(all, &tried, 0);
        if (first->host.data[0] == 'a') { /* it goes where it would go without that node */
            assert_string_equal(hgh_upstream_pick(all, &tried, 0)->host.data,
                                node_of_key(rest, i)->host.data);
        }
    }
    hgh_upstream_unref(all);
    hgh_upstream_unref(rest);
}

static void the_hash_source_is_decoded(void **state)
{
    static const struct {
        const char *json;
        hgh_hash_on on;
        const char *key;
    } cases[] = {
        {"\"key\":\"uri\"", HGH_HASH_ON_VARIABLE, "uri"},
        {"\"key\":\"x-user\",\"hash_on\":\"header\"", HGH_HASH_ON_HEADER, "x-user"},
        {"\"key\":\"session\",\"hash_on\":\"cookie\"", HGH_HASH_ON_COOKIE, "session"},
        {"\"hash_on\":\"consumer\"", HGH_HASH_ON_CONSUMER, NULL},
        {"\"key\":\"$uri$arg_a\",\"hash_on\":\"vars_combinations\"", HGH_HASH_ON_COMBINATION, NULL},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char json[160];
        hgh_upstream *upstream;

        (void)snprintf(json, sizeof(json), "{\"type\":\"chash\",\"nodes\":{\"a\":1},%s}",
                       cases[i].json);
        upstream = decode(json);
        assert_int_equal(upstream->hash_on, cases[i].on);
        assert_true(hg_text_equal(upstream->hash_key, hg_text_of(cases[i].key)));
        assert_int_equal(upstream->hash_template != NULL, cases[i].on == HGH_HASH_ON_COMBINATION);
        hgh_upstream_unref(upstream);
    }
}

/* ------------------------------------------------------------------------------ least_conn */

static hgh_node *pick(hgh_upstream *upstream)
{
    hgh_tried tried = {0};

    return hgh_upstream_pick(upstream, &tried, 0);
}

static void the_idlest_node_is_chosen_by_weight(void **state)
{
    hgh_upstream *upstream =
        decode("{\"type\":\"least_conn\",\"nodes\":{\"a\":1,\"b\":1,\"c\":2}}");
    unsigned counts[3] = {0};

    (void)state;
    for (unsigned i = 0; i < 40; i++) { /* none of them ends */
        hgh_node *node = pick(upstream);

        hgh_node_enter(node);
        counts[node->host.data[0] - 'a']++;
    }
    assert_int_equal(counts[0], 10);
    assert_int_equal(counts[1], 10);
    assert_int_equal(counts[2], 20);
    for (unsigned i = 0; i < 5; i++) {
        hgh_node_leave(&upstream->nodes[1], false, 1, 1);
    }
    for (unsigned i = 0; i < 5; i++) {
        hgh_node *node = pick(upstream);

        assert_int_equal(node->host.data[0], 'b');
        hgh_node_enter(node);
    }
    hgh_upstream_unref(upstream);
}

static void idle_nodes_take_turns(void **state)
{
    hgh_upstream *upstream = decode("{\"type\":\"least_conn\",\"nodes\":{\"a\":1,\"b\":1}}");
    char found[7] = "";

    (void)state;
    for (size_t i = 0; i < 6; i++) {
        found[i] = pick(upstream)->host.data[0];
    }
    assert_string_equal(found, "ababab");
    hgh_upstream_unref(upstream);
}

/* ------------------------------------------------------------------------------------ ewma */

/* How many of 1,000 requests go to the first node at that time. */
static unsigned share_of_first(hgh_upstream *upstream, uint64_t now_ms)
{
    unsigned count = 0;

    for (unsigned i = 0; i < 1000; i++) {
        hgh_tried tried = {0};

        count += hgh_upstream_pick(upstream, &tried, now_ms) == &upstream->nodes[0];
    }
    return count;
}

static void the_slower_of_two_is_avoided_until_that_is_old(void **state)
{
    hgh_upstream *upstream = decode("{\"type\":\"ewma\",\"nodes\":{\"a\":1,\"b\":1}}");

    (void)state;
    assert_in_range(share_of_first(upstream, 1000), 400, 600); /* nothing is known */
    hgh_node_leave(&upstream->nodes[0], false, 300, 1000);
    assert_in_range(share_of_first(upstream, 1000), 400, 600); /* the other is not flooded */
    hgh_node_leave(&upstream->nodes[1], false, 3, 1000);
    assert_int_equal(share_of_first(upstream, 1000), 0);
    hgh_node_leave(&upstream->nodes[1], false, 3, 100000);
    assert_true(share_of_first(upstream, 100000) > 900); /* 300 ms then are 0 ms now */
    hgh_upstream_unref(upstream);
}

static void a_node_that_fails_quickly_is_not_a_fast_one(void **state)
{
    hgh_upstream *upstream = decode("{\"type\":\"ewma\",\"nodes\":{\"a\":1,\"b\":1}}");

    (void)state;
    hgh_node_leave(&upstream->nodes[0], true, 0, 1000);
    hgh_node_leave(&upstream->nodes[1], false, 200, 1000);
    assert_int_equal(share_of_first(upstream, 1000), 0);
    hgh_upstream_unref(upstream);
}

static void requests_under_way_count_too(void **state)
{
    hgh_upstream *upstream = decode("{\"type\":\"ewma\",\"nodes\":{\"a\":1,\"b\":1}}");

    (void)state;
    hgh_node_leave(&upstream->nodes[0], false, 10, 1000);
    hgh_node_leave(&upstream->nodes[1], false, 10, 1000);
    for (unsigned i = 0; i < 5; i++) {
        hgh_node_enter(&upstream->nodes[0]);
    }
    assert_int_equal(share_of_first(upstream, 1000), 0);
    hgh_upstream_unref(upstream);
}

static void priorities_come_before_every_type(void **state)
{
    static const char *const types[] = {"roundrobin", "least_conn", "ewma", "chash"};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
        char json[256];
        hgh_tried tried = {0};
        hgh_upstream *upstream;

        (void)snprintf(json, sizeof(json),
                       "{\"type\":\"%s\",\"key\":\"uri\",\"nodes\":["
                       "{\"host\":\"a\",\"weight\":100,\"priority\":-1},"
                       "{\"host\":\"b\",\"weight\":1},{\"host\":\"c\",\"weight\":0}]}",
                       types[i]);
        upstream = decode(json);
        assert_int_equal(hgh_upstream_pick(upstream, &tried, 1)->host.data[0], 'b');
        assert_int_equal(hgh_upstream_pick(upstream, &tried, 1)->host.data[0], 'a');
        assert_null(hgh_upstream_pick(upstream, &tried, 1));
        hgh_upstream_unref(upstream);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_key_has_the_same_node_in_every_process),
        cmocka_unit_test(keys_are_spread_by_weight),
        cmocka_unit_test(a_change_moves_no_more_keys_than_it_must),
        cmocka_unit_test(a_retry_takes_the_next_node_of_the_key),
        cmocka_unit_test(the_hash_source_is_decoded),
        cmocka_unit_test(the_idlest_node_is_chosen_by_weight),
        cmocka_unit_test(idle_nodes_take_turns),
        cmocka_unit_test(the_slower_of_two_is_avoided_until_that_is_old),
        cmocka_unit_test(a_node_that_fails_quickly_is_not_a_fast_one),
        cmocka_unit_test(requests_under_way_count_too),
        cmocka_unit_test(priorities_come_before_every_type),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
