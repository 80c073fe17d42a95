/* tests/unit/core/test_plugin.c - a plugin is loaded whole or not at all, and goes without a trace.
 */
#include <string.h>

#include "host/core/configuration.h"
#include "host/core/issues.h"
#include "host/core/plugin.h"
#include "tests/unit/core/fake_engine.h"
#include "tests/unit/core/plugins.h"
#include "tests/unit/unit.h"

static plugin_place place;

static int set_up(void **state)
{
    (void)state;
    plugin_place_init(&place);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    plugin_place_done(&place);
    return 0;
}

static hg_status load_with(const char *name, const char *attributes, hg_error *err)
{
    json_t *value = attributes == NULL ? NULL : json_loads(attributes, JSON_DECODE_ANY, NULL);
    hgh_plugin *plugin = NULL;
    hg_issues issues = {0};
    hg_status status =
        hgh_plugin_load(&place.host, plugin_path(name), name, 1, value, &plugin, &issues, err);

    assert_int_equal(plugin != NULL, status == HG_OK);
    hgh_plugin_unref(plugin);
    hgh_issues_done(&issues);
    json_decref(value);
    return status;
}

static void init_runs_after_loading_and_exit_before_unloading(void **state)
{
    hgh_plugin *plugin = plugin_load(&place, "unit_a", 1);

    (void)state;
    assert_string_equal(fake_log_text(), "plugin unit_a: init\n");
    assert_int_equal(place.host.objects_mapped, 1);
    assert_ptr_equal(hgh_plugin_ref(plugin), plugin);
    hgh_plugin_unref(plugin);
    assert_true(plugin_is_mapped("/unit_a.so"));
    hgh_plugin_unref(plugin);
    assert_string_equal(fake_log_text(), "plugin unit_a: init\nplugin unit_a: exit\n");
    assert_false(plugin_is_mapped("/unit_a.so"));
    assert_int_equal(place.host.objects_mapped, 0);
}

static void what_cannot_be_loaded_says_why_and_leaves_nothing(void **state)
{
    static const struct {
        const char *name;
        const char *attributes;
        hg_status status;
        const char *text;
    } cases[] = {
        {"missing", NULL, HG_ERR_IO, "cannot open"},
        {"unit_none", NULL, HG_ERR_ABI, "exports no"},
        {"unit_bad_fields", NULL, HG_ERR_INVALID, "config: "},
        {"unit_bad_schema_text", NULL, HG_ERR_INVALID, "config: schema, line 1"},
        {"unit_bad_schema", NULL, HG_ERR_INVALID, "config: "},
        {"unit_bad_metadata", NULL, HG_ERR_INVALID, "metadata: "},
        {"unit_bad_size", NULL, HG_ERR_ABI, "config: found 8 bytes"},
        {"unit_bad_way", NULL, HG_ERR_INVALID, "wanted a field table, or a schema"},
        {"unit_bad_metrics", NULL, HG_ERR_INVALID, "metrics: entry 0"},
        {"unit_bad_metric_kind", NULL, HG_ERR_INVALID, "metrics: entry 0"},
        {"unit_attributes", "{\"fail\":\"no such zone\"}", HG_ERR_IO, "init failed: no such zone"},
        {"unit_attributes", "{\"silent\":true}", HG_ERR_IO, "it gave no reason"},
        {"unit_attributes", "{\"size\":11}", HG_ERR_INVALID, "plugin_attr: "},
        {"unit_attributes", "{\"size\":\"x\"}", HG_ERR_INVALID, "plugin_attr: "},
        {"unit_attributes", "[]", HG_ERR_INVALID, "plugin_attr: "},
        {"unit_attributes", "null", HG_ERR_INVALID, "plugin_attr: "},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        hg_error err = HG_ERROR_INIT;
        hg_status status = load_with(cases[i].name, cases[i].attributes, &err);

        if (status != cases[i].status || strstr(err.text, cases[i].text) == NULL) {
            fail_msg("%s: got status %d, \"%s\"", cases[i].name, (int)status, err.text);
        }
        assert_int_equal(place.host.objects_mapped, 0);
        assert_int_equal(atomic_load(&place.marker), 0);
    }
    assert_int_equal(fake_log_count("exit"), 0); /* what was not initialised is not ended */
}

static void attributes_reach_init_with_their_defaults(void **state)
{
    hg_error err = HG_ERROR_INIT;

    (void)state;
    assert_int_equal(load_with("unit_attributes", NULL, &err), HG_OK);
    assert_int_equal(fake_log_count("size:3"), 1);
    assert_int_equal(load_with("unit_attributes", "{\"size\":9}", &err), HG_OK);
    assert_int_equal(fake_log_count("size:9"), 1);
    assert_int_equal(load_with("unit_a", "{\"any\":1}", &err), HG_OK); /* it has no use for them */
}

static void the_marker_names_the_plugin_that_is_running(void **state)
{
    hgh_plugin *plugin = plugin_load(&place, "unit_a", 77);

    (void)state;
    assert_int_equal(atomic_load(&place.marker), 0);      /* and none when none is */
    assert_int_equal(place.host.blame.sequence >> 24, 2); /* constructors, init */
    hgh_plugin_unref(plugin);
    assert_int_equal(place.host.blame.sequence >> 24, 4); /* exit, destructors */
}

static void a_description_tells_what_the_admin_api_shows(void **state)
{
    hgh_plugin *plugin = plugin_load(&place, "unit_auth", 1);
    json_t *told = hgh_plugin_describe(plugin);
    json_t *phases = json_object_get(told, "phases");

    (void)state;
    assert_string_equal(json_string_value(json_object_get(told, "name")), "unit_auth");
    assert_string_equal(json_string_value(json_object_get(told, "version")), "1.0.0");
    assert_int_equal(json_integer_value(json_object_get(told, "priority")), 30);
    assert_string_equal(json_string_value(json_array_get(json_object_get(told, "flags"), 0)),
                        "auth");
    assert_int_equal(json_array_size(phases), 6);
    assert_string_equal(json_string_value(json_array_get(phases, 0)), "rewrite");
    assert_true(json_is_object(json_object_get(told, "schema")));
    assert_true(json_is_object(json_object_get(told, "consumer_schema")));
    assert_null(json_object_get(told, "metadata_schema"));
    assert_string_equal(json_string_value(json_object_get(told, "key")), "key");
    json_decref(told);
    hgh_plugin_unref(plugin);
}

static void a_description_tells_attributes_and_metrics(void **state)
{
    hgh_plugin *plugin = plugin_load(&place, "state", 1);
    json_t *told = hgh_plugin_describe(plugin);
    json_t *wanted = json_pack("[{s:s, s:s, s:[s, s], s:s}, {s:s, s:s, s:[], s:s}]", "name",
                               "requests", "kind", "counter", "labels", "method", "status",
                               "summary", "Requests by method and status.", "name", "live", "kind",
                               "gauge", "labels", "summary", "Requests in flight.");

    (void)state;
    assert_true(json_equal(json_object_get(told, "metrics"), wanted));
    assert_null(json_object_get(told, "attributes_schema"));
    json_decref(wanted);
    json_decref(told);
    hgh_plugin_unref(plugin);

    plugin = plugin_load(&place, "unit_attributes", 2);
    told = hgh_plugin_describe(plugin);
    assert_non_null(json_object_get(
        json_object_get(json_object_get(told, "attributes_schema"), "properties"), "silent"));
    assert_null(json_object_get(told, "metrics"));
    json_decref(told);
    hgh_plugin_unref(plugin);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(init_runs_after_loading_and_exit_before_unloading, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(what_cannot_be_loaded_says_why_and_leaves_nothing, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(attributes_reach_init_with_their_defaults, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(the_marker_names_the_plugin_that_is_running, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_description_tells_what_the_admin_api_shows, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_description_tells_attributes_and_metrics, set_up,
                                        tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
