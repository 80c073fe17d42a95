/* tests/unit/core/test_resource.c - objects are decoded, and odd ones do no harm. */
#include <stdio.h>
#include <string.h>

#include "host/core/resource.h"
#include "host/core/snapshot.h"
#include "tests/unit/core/objects.h"
#include "tests/unit/unit.h"

static hgh_snapshot snapshot;

static int set_up(void **state)
{
    (void)state;
    hgh_snapshot_init(&snapshot);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    hgh_snapshot_done(&snapshot);
    return 0;
}

static hgh_route *route_of(const char *json)
{
    return (hgh_route *)(void *)object_put(&snapshot, HGH_ROUTES, "1", 5, json);
}

static void the_kinds_have_the_names_of_their_keys(void **state)
{
    hgh_resource_kind kind = HGH_CONSUMERS;

    (void)state;
    assert_true(hgh_resource_kind_find(HG_TEXT("routes"), &kind));
    assert_int_equal(kind, HGH_ROUTES);
    assert_string_equal(hgh_resource_kind_name(HGH_SERVICES), "services");
    assert_false(hgh_resource_kind_find(HG_TEXT("route"), &kind));
    assert_false(hgh_resource_kind_find((hg_text){0}, &kind));
}

static void a_route_is_decoded_whole(void **state)
{
    hgh_route *route =
        route_of("{\"uris\":[\"/a\",\"/b\"],\"hosts\":[\"A.com\",\"*.B.com\"],\"name\":\"n\","
                 "\"methods\":[\"GET\",\"PURGE\"],\"priority\":-7,\"remote_addr\":\"::1\","
                 "\"service_id\":9,\"upstream_id\":\"u\",\"enable_websocket\":true,"
                 "\"timeout\":{\"connect\":1,\"send\":2,\"read\":3.5},\"plugins\":{\"x\":{}}}");

    (void)state;
    assert_int_equal(route->uri_count, 2);
    assert_string_equal(route->uris[1].data, "/b");
    assert_int_equal(route->host_count, 2);
    assert_string_equal(route->hosts[0].data, "a.com");
    assert_string_equal(route->hosts[1].data, "*.b.com");
    assert_int_equal(route->methods,
                     hgh_method_bit(HG_TEXT("GET")) | hgh_method_bit(HG_TEXT("PURGE")));
    assert_int_equal(route->priority, -7);
    assert_non_null(route->remote_addresses);
    assert_string_equal(route->service->id, "9");
    assert_string_equal(route->upstream_cell->id, "u");
    assert_null(route->upstream);
    assert_true(route->websocket && route->has_websocket && route->enabled);
    assert_int_equal(route->timeouts.read_ms, 3500);
    assert_true(route->base.has_plugins);
    assert_string_equal(route->base.name.data, "n");
    assert_int_equal(route->base.revision, 5);
}

static void numbers_are_read_as_the_schema_counts_them(void **state)
{
    static const struct {
        const char *label;
        const char *json;
        int32_t priority;
        bool enabled;
    } cases[] = {
        {"defaults", "{}", 0, true},
        {"enabled", "{\"status\":1}", 0, true},
        {"disabled", "{\"status\":0}", 0, false},
        {"disabled, with a fraction of zero", "{\"status\":0.0}", 0, false},
        {"status of another type", "{\"status\":\"0\"}", 0, true},
        {"a priority with a fraction of zero", "{\"priority\":10.0}", 10, true},
        {"a priority above the range is cut", "{\"priority\":4294967297}", INT32_MAX, true},
        {"a priority below the range is cut", "{\"priority\":-1e300}", INT32_MIN, true},
        {"a priority of another type", "{\"priority\":\"9\"}", 0, true},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        const hgh_route *route = route_of(cases[i].json);

        if (route->priority != cases[i].priority || route->enabled != cases[i].enabled) {
            fail_msg("%s: priority %d, enabled %d", cases[i].label, route->priority,
                     route->enabled);
        }
    }
}

static void methods_that_nobody_knows_take_nothing(void **state)
{
    (void)state;
    assert_int_equal(route_of("{\"methods\":[]}")->methods, 0);
    assert_int_equal(route_of("{\"methods\":[\"LINK\"]}")->methods, HGH_METHOD_NONE);
    assert_int_equal(route_of("{\"methods\":[null,7,[]]}")->methods, HGH_METHOD_NONE);
    assert_int_equal(hgh_method_bit(HG_TEXT("LINK")), 0);
    assert_int_equal(hgh_method_bit((hg_text){0}), 0);
}

static void a_service_and_a_consumer_are_decoded(void **state)
{
    const hgh_service *service = (const hgh_service *)(const void *)object_put(
        &snapshot, HGH_SERVICES, "s", 1,
        "{\"hosts\":[\"X\"],\"upstream\":{\"nodes\":{\"a\":1}},\"enable_websocket\":true}");
    const hg_consumer *consumer = (const hg_consumer *)(const void *)object_put(
        &snapshot, HGH_CONSUMERS, "jack", 1, "{\"username\":\"jack\",\"plugins\":{}}");

    (void)state;
    assert_string_equal(service->hosts[0].data, "x");
    assert_int_equal(service->upstream->node_count, 1);
    assert_true(service->websocket);
    assert_false(consumer->base.has_plugins);
    assert_string_equal(consumer->base.id, "jack");
    assert_null(consumer->base.name.data);
}

static void what_binds_plugins_is_decoded(void **state)
{
    hgh_route *route = route_of("{\"uri\":\"/\",\"plugin_config_id\":7}");
    hg_consumer *consumer = (hg_consumer *)(void *)object_put(
        &snapshot, HGH_CONSUMERS, "jack", 1,
        "{\"group_id\":\"gold\",\"labels\":{\"custom_id\":\"4711\",\"team\":\"a\"}}");
    hg_consumer *credential = (hg_consumer *)(void *)object_put(
        &snapshot, HGH_CREDENTIALS, "jack/credentials/a-1", 1, "{\"plugins\":{\"x\":{}}}");
    static const hgh_resource_kind plain[] = {HGH_CONSUMER_GROUPS, HGH_PLUGIN_CONFIGS,
                                              HGH_GLOBAL_RULES, HGH_PLUGIN_METADATA};

    (void)state;
    assert_string_equal(route->plugin_config->id, "7");
    assert_null(route->plugin_config->current);
    assert_string_equal(consumer->group->id, "gold");
    assert_string_equal(consumer->custom_id.data, "4711");
    assert_null(consumer->consumer);
    assert_ptr_equal(credential->consumer->current, consumer);
    assert_string_equal(hgh_credential_id(credential).data, "a-1");
    assert_true(credential->base.has_plugins);
    for (size_t i = 0; i < ARRAY_SIZE(plain); i++) {
        hgh_resource *object = object_put(&snapshot, plain[i], "1", 1, "{\"plugins\":{\"x\":{}}}");

        assert_true(object->has_plugins);
        assert_ptr_equal(hgh_snapshot_find(&snapshot, plain[i], HG_TEXT("1")), object);
    }
    (void)object_put(&snapshot, HGH_PLUGIN_CONFIGS, "7", 2, "{}");
    assert_non_null(route->plugin_config->current); /* that comes later is found */
}

static void a_credential_needs_an_id_with_its_consumer(void **state)
{
    static const char *const ids[] = {
        "1", "jack", "jack/1", "/credentials/1", "jack/credentials/", "jack/credentials"};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(ids); i++) {
        hgh_feed_slice source = hgh_feed_slice_copy("{}", 2);
        hgh_resource *resource = NULL;
        hg_error err = HG_ERROR_INIT;

        if (hgh_resource_decode(&snapshot, HGH_CREDENTIALS, hg_text_of(ids[i]), source, 1, 1,
                                &resource, &err) != HG_ERR_INVALID ||
            strstr(err.text, "wanted CONSUMER/credentials/ID") == NULL) {
            fail_msg("%s: %s", ids[i], err.text);
        }
        hgh_feed_file_unref(source.file);
    }
}

static void members_of_unexpected_types_do_no_harm(void **state)
{
    static const char *const members[] = {
        "uri",     "uris",    "host",       "hosts",       "methods",  "priority",
        "status",  "timeout", "service_id", "upstream_id", "upstream", "enable_websocket",
        "plugins", "name",    "nodes",      "scheme",      "username", "retries",
    };
    static const char *const values[] = {
        "null",
        "true",
        "7",
        "-7.5",
        "1e308",
        "\"\"",
        "\"x\"",
        "[]",
        "[null]",
        "[[[]]]",
        "[1,\"\"]",
        "{}",
        "{\"a\":null}",
        "{\"nodes\":{}}",
        "{\"connect\":[]}",
    };

    (void)state;
    for (int kind = 0; kind < HGH_RESOURCE_KINDS; kind++) {
        for (size_t i = 0; i < ARRAY_SIZE(members); i++) {
            for (size_t k = 0; k < ARRAY_SIZE(values); k++) {
                char json[128];
                hgh_resource *resource = NULL;
                hg_error err = HG_ERROR_INIT;
                hgh_feed_slice source;

                (void)snprintf(json, sizeof(json), "{\"%s\":%s}", members[i], values[k]);
                source = hgh_feed_slice_copy(json, strlen(json));
                if (hgh_resource_decode(&snapshot, (hgh_resource_kind)kind, HG_TEXT("1"), source, 1,
                                        1, &resource, &err) != HG_OK) {
                    hgh_feed_file_unref(source.file);
                }
                hgh_resource_unref(resource);
            }
        }
    }
}

static void what_cannot_be_decoded_is_refused_with_its_name(void **state)
{
    static const struct {
        const char *label;
        hgh_resource_kind kind;
        const char *json;
        const char *text;
    } cases[] = {
        {"no JSON", HGH_ROUTES, "{", "routes/7: is no JSON object"},
        {"nothing", HGH_ROUTES, "", "routes/7: is no JSON object"},
        {"an array", HGH_CONSUMERS, "[]", "consumers/7: is no JSON object"},
        {"an address", HGH_ROUTES, "{\"remote_addrs\":[\"10.0.0.0/99\"]}", "routes/7: "},
        {"an address of another type", HGH_ROUTES, "{\"remote_addrs\":[7]}", "routes/7: "},
        {"a node", HGH_UPSTREAMS, "{\"nodes\":{\"a:99999\":1}}", "upstreams/7: node"},
        {"a node of a service", HGH_SERVICES, "{\"upstream\":{\"nodes\":{\"a\":-1}}}",
         "services/7: node"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        hgh_resource *resource = NULL;
        hg_error err = HG_ERROR_INIT;
        hgh_feed_slice source = hgh_feed_slice_copy(cases[i].json, strlen(cases[i].json));
        hg_status status = hgh_resource_decode(&snapshot, cases[i].kind, HG_TEXT("7"), source, 1, 1,
                                               &resource, &err);

        if (status != HG_ERR_INVALID || strstr(err.text, cases[i].text) != err.text) {
            fail_msg("%s: %d, \"%s\"", cases[i].label, (int)status, err.text);
        }
        assert_null(resource);
        hgh_feed_file_unref(source.file); /* still ours */
    }
    assert_int_equal(snapshot.kinds[HGH_ROUTES].count, 0);
}

static void its_json_can_be_read_again(void **state)
{
    json_t *json =
        hgh_resource_json(&route_of("{\"uri\":\"/a\",\"plugins\":{\"x\":{\"y\":1}}}")->base);

    (void)state;
    assert_string_equal(json_string_value(json_object_get(json, "uri")), "/a");
    json_decref(json);
}

static void a_reference_outlives_the_object_it_names(void **state)
{
    hgh_route *route;

    (void)state;
    (void)object_put(&snapshot, HGH_SERVICES, "s", 1, "{}");
    route = route_of("{\"service_id\":\"s\"}");
    assert_non_null(route->service->current);
    object_remove(&snapshot, HGH_SERVICES, "s");
    assert_null(route->service->current);
    (void)object_put(&snapshot, HGH_SERVICES, "s", 2, "{}");
    assert_non_null(route->service->current);
    object_remove(&snapshot, HGH_ROUTES, "1");
    object_remove(&snapshot, HGH_SERVICES, "s");
    assert_int_equal(snapshot.kinds[HGH_SERVICES].count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_kinds_have_the_names_of_their_keys),
        cmocka_unit_test_setup_teardown(a_route_is_decoded_whole, set_up, tear_down),
        cmocka_unit_test_setup_teardown(numbers_are_read_as_the_schema_counts_them, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(methods_that_nobody_knows_take_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_service_and_a_consumer_are_decoded, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_binds_plugins_is_decoded, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_credential_needs_an_id_with_its_consumer, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(members_of_unexpected_types_do_no_harm, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_cannot_be_decoded_is_refused_with_its_name, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(its_json_can_be_read_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_reference_outlives_the_object_it_names, set_up,
                                        tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
