/* tests/unit/control/test_plugin_catalog.c - the plugins in force, in the order that they run. */
#include "host/control/plugin_catalog.h"
#include "tests/unit/unit.h"

static void plugins_stand_by_priority_and_then_by_name(void **state)
{
    static const char *const order[] = {"top", "a", "b", "low"};
    hgh_plugin_catalog *catalog = hgh_plugin_catalog_new();
    json_t *plugins = json_loads("[{\"name\":\"b\",\"priority\":5},{\"name\":\"low\",\"priority\":"
                                 "-1},{\"name\":\"a\",\"priority\":5},{\"name\":\"top\","
                                 "\"priority\":10}]",
                                 0, NULL);

    (void)state;
    assert_int_equal(json_array_size(hgh_plugin_catalog_all(catalog)), 0);
    hgh_plugin_catalog_set(catalog, 3, plugins);
    assert_int_equal(hgh_plugin_catalog_generation(catalog), 3);
    for (size_t i = 0; i < ARRAY_SIZE(order); i++) {
        const json_t *plugin = json_array_get(hgh_plugin_catalog_all(catalog), i);

        assert_string_equal(json_string_value(json_object_get(plugin, "name")), order[i]);
        assert_ptr_equal(hgh_plugin_catalog_find(catalog, order[i]), plugin);
    }
    assert_null(hgh_plugin_catalog_find(catalog, "none"));
    hgh_plugin_catalog_free(catalog);
    hgh_plugin_catalog_free(NULL);
}

static void a_set_replaces_all(void **state)
{
    hgh_plugin_catalog *catalog = hgh_plugin_catalog_new();
    json_t *plugins = json_loads("[{\"name\":\"a\",\"priority\":1}]", 0, NULL);
    json_t *none = json_array();

    (void)state;
    hgh_plugin_catalog_set(catalog, 1, plugins);
    hgh_plugin_catalog_set(catalog, 2, none);
    assert_null(hgh_plugin_catalog_find(catalog, "a"));
    hgh_plugin_catalog_free(catalog);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plugins_stand_by_priority_and_then_by_name),
        cmocka_unit_test(a_set_replaces_all),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
