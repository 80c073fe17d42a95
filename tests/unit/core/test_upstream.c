/* tests/unit/core/test_upstream.c - nodes are decoded in both forms and chosen in a fair order. */
#include <stdio.h>
#include <string.h>

#include "host/core/upstream.h"
#include "tests/unit/unit.h"

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

static void expect_text(const char *label, hg_text found, const char *wanted)
{
    if (!hg_text_equal(found, hg_text_of(wanted))) {
        fail_msg("%s: got \"%.*s\", wanted \"%s\"", label, (int)found.length, found.data, wanted);
    }
}

static void a_node_is_decoded_in_both_forms(void **state)
{
    static const struct {
        const char *label;
        const char *json;
        const char *host;
        const char *host_port;
        const char *text;
        uint16_t port;
        uint32_t weight;
        int32_t priority;
        bool is_name;
    } cases[] = {
        {"map", "{\"nodes\":{\"10.0.0.1:8080\":3}}", "10.0.0.1", "10.0.0.1:8080", "10.0.0.1:8080",
         8080, 3, 0, false},
        {"map without a port", "{\"nodes\":{\"10.0.0.1\":1}}", "10.0.0.1", "10.0.0.1",
         "10.0.0.1:80", 80, 1, 0, false},
        {"map without a port, https", "{\"scheme\":\"https\",\"nodes\":{\"10.0.0.1\":1}}",
         "10.0.0.1", "10.0.0.1", "10.0.0.1:443", 443, 1, 0, false},
        {"map with the scheme's own port", "{\"nodes\":{\"10.0.0.1:80\":1}}", "10.0.0.1",
         "10.0.0.1", "10.0.0.1:80", 80, 1, 0, false},
        {"map, IPv6", "{\"nodes\":{\"[::1]:81\":1}}", "[::1]", "[::1]:81", "[::1]:81", 81, 1, 0,
         false},
        {"map, IPv6 without a port", "{\"nodes\":{\"[2001:db8::1]\":1}}", "[2001:db8::1]",
         "[2001:db8::1]", "[2001:db8::1]:80", 80, 1, 0, false},
        {"map, name", "{\"nodes\":{\"foo.com:81\":0}}", "foo.com", "foo.com:81", "foo.com:81", 81,
         0, 0, true},
        {"array",
         "{\"nodes\":[{\"host\":\"10.0.0.1\",\"port\":8080,\"weight\":3,\"priority\":-2}]}",
         "10.0.0.1", "10.0.0.1:8080", "10.0.0.1:8080", 8080, 3, -2, false},
        {"array without a port", "{\"nodes\":[{\"host\":\"foo\",\"weight\":1}]}", "foo", "foo",
         "foo:80", 80, 1, 0, true},
        {"array, IPv6", "{\"nodes\":[{\"host\":\"[::1]\",\"port\":81,\"weight\":1}]}", "[::1]",
         "[::1]:81", "[::1]:81", 81, 1, 0, false},
        {"numbers written with a fraction of zero",
         "{\"nodes\":[{\"host\":\"a\",\"port\":81.0,\"weight\":2.0,\"priority\":3.0}]}", "a",
         "a:81", "a:81", 81, 2, 3, true},
        {"map, weight with a fraction of zero", "{\"nodes\":{\"a\":2.0}}", "a", "a", "a:80", 80, 2,
         0, true},
        {"a priority beyond the range is cut",
         "{\"nodes\":[{\"host\":\"a\",\"weight\":1,\"priority\":4294967297}]}", "a", "a", "a:80",
         80, 1, INT32_MAX, true},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        hgh_upstream *upstream = decode(cases[i].json);
        const hgh_node *node = &upstream->nodes[0];

        assert_int_equal(upstream->node_count, 1);
        expect_text(cases[i].label, node->host, cases[i].host);
        expect_text(cases[i].label, node->host_port, cases[i].host_port);
        expect_text(cases[i].label, node->text, cases[i].text);
        if (node->port != cases[i].port || node->weight != cases[i].weight ||
            node->priority != cases[i].priority || (node->addresses != NULL) != cases[i].is_name) {
            fail_msg("%s: port %u, weight %u, priority %d, name %d", cases[i].label, node->port,
                     node->weight, node->priority, node->addresses != NULL);
        }
        hgh_upstream_unref(upstream);
    }
}

static void what_is_out_of_range_is_refused(void **state)
{
    static const struct {
        const char *label;
        const char *nodes;
    } cases[] = {
        {"port", "{\"a:70000\":1}"},
        {"negative port", "[{\"host\":\"a\",\"port\":-1,\"weight\":1}]"},
        {"huge port", "[{\"host\":\"a\",\"port\":99999999999,\"weight\":1}]"},
        {"negative weight", "{\"a\":-1}"},
        {"huge weight", "{\"a\":1e300}"},
        {"no host", "[{\"weight\":1}]"},
        {"empty host", "{\":80\":1}"},
        {"host of another type", "[{\"host\":7,\"weight\":1}]"},
        {"not even an object", "[7]"},
        {"a good one before it", "[{\"host\":\"a\",\"weight\":1},{\"host\":\"\",\"weight\":1}]"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char json[160];
        json_t *value;
        hgh_upstream *upstream = NULL;
        hg_error err = HG_ERROR_INIT;

        (void)snprintf(json, sizeof(json), "{\"nodes\":%s}", cases[i].nodes);
        value = json_loads(json, 0, NULL);
        assert_non_null(value);
        if (hgh_upstream_decode(value, &upstream, &err) != HG_ERR_INVALID ||
            strstr(err.text, "out of range") == NULL) {
            fail_msg("%s: \"%s\"", cases[i].label, err.text);
        }
        assert_null(upstream);
        json_decref(value);
    }
}

static void a_long_host_is_refused_and_the_longest_is_kept(void **state)
{
    char host[257];
    json_t *value;
    hgh_upstream *upstream = NULL;
    hg_error err = HG_ERROR_INIT;

    (void)state;
    memset(host, 'a', sizeof(host) - 1);
    host[256] = '\0';
    value = json_pack("{s:{s:i}}", "nodes", host, 1);
    assert_int_equal(hgh_upstream_decode(value, &upstream, &err), HG_ERR_INVALID);
    json_decref(value);
    host[255] = '\0';
    value = json_pack("{s:[{s:s, s:i, s:i}]}", "nodes", "host", host, "port", 65535, "weight", 1);
    assert_int_equal(hgh_upstream_decode(value, &upstream, &err), HG_OK);
    assert_int_equal(upstream->nodes[0].text.length, 255 + 6);
    json_decref(value);
    hgh_upstream_unref(upstream);
}

static void too_many_nodes_are_refused(void **state)
{
    json_t *nodes = json_array();
    json_t *value = json_pack("{s:o}", "nodes", nodes);
    hgh_upstream *upstream = NULL;
    hg_error err = HG_ERROR_INIT;

    (void)state;
    for (int i = 0; i < 4097; i++) {
        (void)json_array_append_new(nodes, json_pack("{s:s, s:i}", "host", "a", "weight", 1));
    }
    assert_int_equal(hgh_upstream_decode(value, &upstream, &err), HG_ERR_INVALID);
    assert_non_null(strstr(err.text, "4097"));
    json_decref(value);
}

static void values_of_unexpected_types_do_no_harm(void **state)
{
    static const char *const rows[] = {
        "{}",
        "{\"nodes\":7}",
        "{\"nodes\":\"a\"}",
        "{\"nodes\":null}",
        "{\"nodes\":[]}",
        "{\"nodes\":{}}",
        "{\"nodes\":{\"a\":\"x\"}}",
        "{\"nodes\":{\"a:x\":1}}",
        "{\"scheme\":7,\"pass_host\":[],\"upstream_host\":{},\"retries\":\"x\"}",
        "{\"pass_host\":\"rewrite\"}",
        "{\"timeout\":7,\"retry_timeout\":\"x\"}",
        "{\"timeout\":{\"connect\":\"x\",\"send\":-1,\"read\":1e308},\"retry_timeout\":-1e308}",
        "{\"retries\":-1}",
        "{\"retries\":1e30}",
        "[]",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        hgh_upstream_unref(decode(rows[i]));
    }
}

static void times_are_milliseconds_of_what_is_written(void **state)
{
    static const struct {
        const char *label;
        const char *seconds;
        uint64_t ms;
    } cases[] = {
        {"whole", "3", 3000},      {"fraction", "0.5", 500},
        {"tiny", "0.00001", 1},    {"zero", "0", 0},
        {"negative", "-1", 0},     {"beyond what can be counted", "1e300", INT32_MAX},
        {"no number", "\"1\"", 0},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char json[128];
        hgh_upstream *upstream;

        (void)snprintf(json, sizeof(json), "{\"timeout\":{\"read\":%s},\"retry_timeout\":%s}",
                       cases[i].seconds, cases[i].seconds);
        upstream = decode(json);
        if (upstream->timeouts.read_ms != cases[i].ms ||
            upstream->retry_timeout_ms != cases[i].ms || upstream->timeouts.send_ms != 0) {
            fail_msg("%s: %llu ms", cases[i].label, (unsigned long long)upstream->timeouts.read_ms);
        }
        hgh_upstream_unref(upstream);
    }
}

static void retries_are_as_many_as_other_nodes_unless_given(void **state)
{
    static const struct {
        const char *label;
        const char *json;
        uint32_t retries;
    } cases[] = {
        {"three nodes", "{\"nodes\":{\"a\":1,\"b\":1,\"c\":1}}", 2},
        {"no node", "{\"nodes\":{}}", 0},
        {"given", "{\"nodes\":{\"a\":1},\"retries\":7}", 7},
        {"given as 0", "{\"nodes\":{\"a\":1,\"b\":1},\"retries\":0}", 0},
        {"given with a fraction of zero", "{\"nodes\":{\"a\":1,\"b\":1},\"retries\":3.0}", 3},
        {"negative", "{\"nodes\":{\"a\":1},\"retries\":-4}", 0},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        hgh_upstream *upstream = decode(cases[i].json);

        if (upstream->retries != cases[i].retries) {
            fail_msg("%s: %u", cases[i].label, upstream->retries);
        }
        hgh_upstream_unref(upstream);
    }
}

static void the_host_header_is_passed_as_configured(void **state)
{
    static const struct {
        const char *label;
        const char *json;
        hgh_pass_host wanted;
    } cases[] = {
        {"default", "{}", HGH_PASS_HOST_CLIENT},
        {"pass", "{\"pass_host\":\"pass\"}", HGH_PASS_HOST_CLIENT},
        {"node", "{\"pass_host\":\"node\"}", HGH_PASS_HOST_NODE},
        {"rewrite", "{\"pass_host\":\"rewrite\",\"upstream_host\":\"x\"}", HGH_PASS_HOST_REWRITE},
        {"rewrite without a host", "{\"pass_host\":\"rewrite\"}", HGH_PASS_HOST_CLIENT},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        hgh_upstream *upstream = decode(cases[i].json);

        if (upstream->pass_host != cases[i].wanted) {
            fail_msg("%s: %u", cases[i].label, upstream->pass_host);
        }
        hgh_upstream_unref(upstream);
    }
}

/* ------------------------------------------------------------------------------- balancing */

static char picked_letter(hgh_upstream *upstream)
{
    hgh_tried tried = {0};
    const hgh_node *node = hgh_upstream_pick(upstream, &tried, 0);

    return node == NULL ? '-' : node->host.data[0];
}

static void the_order_of_weights_is_smooth(void **state)
{
    static const struct {
        const char *label;
        const char *nodes;
        const char *sequence;
    } cases[] = {
        {"nginx's own example", "{\"a\":5,\"b\":1,\"c\":1}", "aabacaaaabacaa"},
        {"equal", "{\"a\":1,\"b\":1,\"c\":1}", "abcabc"},
        {"two to one", "{\"a\":2,\"b\":1}", "abaaba"},
        {"weight 0 gets nothing", "{\"a\":0,\"b\":1}", "bbb"},
        {"all of weight 0", "{\"a\":0,\"b\":0}", "--"},
        {"none", "{}", "-"},
        {"large weights", "{\"a\":4294967295,\"b\":4294967295}", "abab"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char json[128];
        char found[32] = "";
        hgh_upstream *upstream;

        (void)snprintf(json, sizeof(json), "{\"nodes\":%s}", cases[i].nodes);
        upstream = decode(json);
        for (size_t k = 0; k < strlen(cases[i].sequence); k++) {
            found[k] = picked_letter(upstream);
        }
        if (strcmp(found, cases[i].sequence) != 0) {
            fail_msg("%s: got %s, wanted %s", cases[i].label, found, cases[i].sequence);
        }
        hgh_upstream_unref(upstream);
    }
}

static void a_tried_node_is_not_picked_again(void **state)
{
    hgh_upstream *upstream = decode("{\"nodes\":{\"a\":1,\"b\":9,\"c\":0}}");
    hgh_tried tried = {0};
    const hgh_node *first = hgh_upstream_pick(upstream, &tried, 0);
    const hgh_node *second = hgh_upstream_pick(upstream, &tried, 0);

    (void)state;
    assert_int_equal(first->host.data[0], 'b');
    assert_int_equal(second->host.data[0], 'a');
    assert_null(hgh_upstream_pick(upstream, &tried, 0));
    assert_int_equal(tried.count, 2);
    hgh_upstream_unref(upstream);
}

static void a_lower_priority_is_used_when_the_higher_are_tried(void **state)
{
    hgh_upstream *upstream = decode("{\"nodes\":["
                                    "{\"host\":\"a\",\"weight\":1,\"priority\":-1},"
                                    "{\"host\":\"b\",\"weight\":1},"
                                    "{\"host\":\"c\",\"weight\":1},"
                                    "{\"host\":\"d\",\"weight\":0,\"priority\":9}]}");
    hgh_tried tried = {0};

    (void)state;
    for (int i = 0; i < 4; i++) {
        char letter = picked_letter(upstream);

        assert_true(letter == 'b' || letter == 'c');
    }
    assert_int_equal(hgh_upstream_pick(upstream, &tried, 0)->priority, 0);
    assert_int_equal(hgh_upstream_pick(upstream, &tried, 0)->priority, 0);
    assert_int_equal(hgh_upstream_pick(upstream, &tried, 0)->host.data[0], 'a');
    assert_null(hgh_upstream_pick(upstream, &tried, 0));
    hgh_upstream_unref(upstream);
}

static void picking_ends_with_more_nodes_than_can_be_remembered(void **state)
{
    json_t *nodes = json_array();
    json_t *value = json_pack("{s:o}", "nodes", nodes);
    hgh_upstream *upstream = NULL;
    hgh_tried tried = {0};
    hg_error err = HG_ERROR_INIT;
    int picked = 0;

    (void)state;
    for (int i = 0; i < 300; i++) {
        (void)json_array_append_new(nodes, json_pack("{s:s, s:i}", "host", "a", "weight", 1));
    }
    assert_int_equal(hgh_upstream_decode(value, &upstream, &err), HG_OK);
    json_decref(value);
    while (picked <= 1000 && hgh_upstream_pick(upstream, &tried, 0) != NULL) {
        picked++;
    }
    assert_int_equal(picked, 300);
    hgh_upstream_unref(upstream);
}

/* ------------------------------------------------------------------------------- addresses */

static void an_address_has_the_port_of_its_node(void **state)
{
    hgh_upstream *upstream = decode("{\"nodes\":{\"[::1]:8443\":1}}");
    hg_address storage;

    (void)state;
    assert_ptr_equal(hgh_node_address(&upstream->nodes[0], UINT64_MAX - 1, &storage), &storage);
    assert_int_equal(storage.port, 8443);
    hgh_upstream_unref(upstream);
}

static void the_addresses_of_a_name_take_turns_until_their_time_is_over(void **state)
{
    hgh_upstream *upstream = decode("{\"nodes\":{\"foo.com:81\":1}}");
    hgh_node *node = &upstream->nodes[0];
    hgh_upstream *other = decode("{\"nodes\":{\"10.0.0.1\":1,\"10.0.0.2\":1}}");
    hg_address addresses[2] = {other->nodes[0].address, other->nodes[1].address};
    hg_address a;
    hg_address b;

    (void)state;
    assert_null(hgh_node_address(node, 0, &a));
    hgh_node_resolved(node, addresses, 2, 5, 1000);
    assert_non_null(hgh_node_address(node, 5999, &a));
    assert_non_null(hgh_node_address(node, 5999, &b));
    assert_memory_not_equal(&a, &b, sizeof(a));
    assert_int_equal(a.port, 81);
    assert_null(hgh_node_address(node, 6000, &a));
    hgh_upstream_unref(upstream);
    hgh_upstream_unref(other);
}

static void a_name_keeps_no_more_addresses_than_it_has_room_for(void **state)
{
    hgh_upstream *upstream = decode("{\"nodes\":{\"foo.com\":1}}");
    hg_address addresses[HGH_NODE_ADDRESSES_MAX + 8] = {0};

    (void)state;
    hgh_node_resolved(&upstream->nodes[0], addresses, ARRAY_SIZE(addresses), 0, 1000);
    assert_int_equal(upstream->nodes[0].addresses->count, HGH_NODE_ADDRESSES_MAX);
    assert_int_equal(upstream->nodes[0].addresses->valid_until_ms,
                     2000); /* 0 would be asked at once again */
    hgh_upstream_unref(upstream);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_node_is_decoded_in_both_forms),
        cmocka_unit_test(what_is_out_of_range_is_refused),
        cmocka_unit_test(a_long_host_is_refused_and_the_longest_is_kept),
        cmocka_unit_test(too_many_nodes_are_refused),
        cmocka_unit_test(values_of_unexpected_types_do_no_harm),
        cmocka_unit_test(times_are_milliseconds_of_what_is_written),
        cmocka_unit_test(retries_are_as_many_as_other_nodes_unless_given),
        cmocka_unit_test(the_host_header_is_passed_as_configured),
        cmocka_unit_test(the_order_of_weights_is_smooth),
        cmocka_unit_test(a_tried_node_is_not_picked_again),
        cmocka_unit_test(a_lower_priority_is_used_when_the_higher_are_tried),
        cmocka_unit_test(picking_ends_with_more_nodes_than_can_be_remembered),
        cmocka_unit_test(an_address_has_the_port_of_its_node),
        cmocka_unit_test(the_addresses_of_a_name_take_turns_until_their_time_is_over),
        cmocka_unit_test(a_name_keeps_no_more_addresses_than_it_has_room_for),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
