/* tests/unit/core/test_generation.c - a generation holds what its manifest names, or says why not.
 */
#include <string.h>

#include "host/core/generation.h"
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

static void an_empty_manifest_is_done_at_once(void **state)
{
    hgh_generation *generation = generation_make(&place, NULL, 5, NULL, "");

    (void)state;
    assert_int_equal(generation->number, 5);
    assert_int_equal(generation->count, 0);
    assert_int_equal(hgh_generation_find(generation, "unit_a", NULL, NULL), HGH_PLUGIN_MISSING);
    hgh_generation_unref(generation);
}

static void each_call_loads_one_plugin(void **state)
{
    json_t *manifest = manifest_make(1, NULL, "unit_a=1 unit_b=2");
    hgh_generation *generation = NULL;
    bool done = false;

    (void)state;
    assert_int_equal(hgh_generation_new(manifest, &generation, NULL), HG_OK);
    json_decref(manifest);
    assert_int_equal(hgh_generation_load_next(generation, &place.host, NULL, &done, NULL), HG_OK);
    assert_false(done);
    assert_int_equal(place.host.objects_mapped, 1);
    assert_int_equal(hgh_generation_load_next(generation, &place.host, NULL, &done, NULL), HG_OK);
    assert_true(done);
    hgh_generation_unref(generation);
}

static void a_half_loaded_one_can_be_dropped(void **state)
{
    json_t *manifest = manifest_make(1, NULL, "unit_a=1 unit_b=2");
    hgh_generation *generation = NULL;
    bool done = false;

    (void)state;
    assert_int_equal(hgh_generation_new(manifest, &generation, NULL), HG_OK);
    json_decref(manifest);
    assert_int_equal(hgh_generation_load_next(generation, &place.host, NULL, &done, NULL), HG_OK);
    hgh_generation_unref(generation);
    assert_int_equal(place.host.objects_mapped, 0);
}

static void a_name_is_loaded_ignored_or_missing(void **state)
{
    static const struct {
        const char *label;
        const char *listed;
        const char *name;
        hgh_plugin_state wanted;
        const char *reason;
    } cases[] = {
        {"loaded", NULL, "unit_a", HGH_PLUGIN_LOADED, ""},
        {"loaded and listed", "[\"unit_a\",\"gone\"]", "unit_a", HGH_PLUGIN_LOADED, ""},
        {"not there", NULL, "gone", HGH_PLUGIN_MISSING, "not in the plugins directory"},
        {"listed and not there", "[\"unit_a\",\"gone\"]", "gone", HGH_PLUGIN_MISSING,
         "not in the plugins directory"},
        {"left out of the list", "[\"unit_a\"]", "gone", HGH_PLUGIN_IGNORED, ""},
        {"left out of an empty list", "[]", "gone", HGH_PLUGIN_IGNORED, ""},
        {"failed", NULL, "unit_bad_size", HGH_PLUGIN_MISSING, "found 8 bytes"},
        {"failed, left out", "[\"unit_a\"]", "unit_bad_size", HGH_PLUGIN_MISSING, "found 8 bytes"},
        {"a list with other types", "[7,null,\"unit_a\"]", "unit_a", HGH_PLUGIN_LOADED, ""},
        {"a list of another type", "\"unit_a\"", "gone", HGH_PLUGIN_MISSING, ""},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        const char *listed = cases[i].listed;
        hgh_generation *generation;
        hgh_plugin *plugin = NULL;
        const char *reason = "";
        hgh_plugin_state found;

        if (listed != NULL && listed[0] == '"') {
            listed = "{\"unit_a\":1}";
        }
        generation = generation_make(&place, NULL, 1, listed, "unit_a=1 unit_bad_size=2");
        found = hgh_generation_find(generation, cases[i].name, &plugin, &reason);
        if (found != cases[i].wanted || strstr(reason, cases[i].reason) == NULL ||
            (plugin != NULL) != (found == HGH_PLUGIN_LOADED)) {
            fail_msg("%s: %d, \"%s\"", cases[i].label, (int)found, reason);
        }
        hgh_generation_unref(generation);
    }
}

static void a_failure_names_the_plugin_and_the_next_is_loaded(void **state)
{
    json_t *manifest = manifest_make(1, NULL, "unit_bad_size=1 unit_a=2");
    hgh_generation *generation = NULL;
    hg_error err = HG_ERROR_INIT;
    bool done = false;

    (void)state;
    assert_int_equal(hgh_generation_new(manifest, &generation, &err), HG_OK);
    json_decref(manifest);
    assert_int_equal(hgh_generation_load_next(generation, &place.host, NULL, &done, &err),
                     HG_ERR_ABI);
    assert_ptr_equal(strstr(err.text, "unit_bad_size: "), err.text);
    assert_false(done);
    assert_int_equal(hgh_generation_load_next(generation, &place.host, NULL, &done, &err), HG_OK);
    assert_int_equal(hgh_generation_find(generation, "unit_a", NULL, NULL), HGH_PLUGIN_LOADED);
    hgh_generation_unref(generation);
}

static void an_unchanged_number_is_shared_with_the_previous_generation(void **state)
{
    hgh_generation *first = generation_make(&place, NULL, 1, NULL, "unit_a=1 unit_b=2");
    hgh_generation *second = generation_make(&place, first, 2, NULL, "unit_a=1 unit_c=3");
    hgh_plugin *before = NULL;
    hgh_plugin *after = NULL;

    (void)state;
    (void)hgh_generation_find(first, "unit_a", &before, NULL);
    (void)hgh_generation_find(second, "unit_a", &after, NULL);
    assert_ptr_equal(before, after);
    assert_int_equal(place.host.objects_mapped, 3);
    hgh_generation_unref(first);
    assert_int_equal(place.host.objects_mapped, 2);
    assert_false(plugin_is_mapped("/unit_b.so"));
    assert_true(plugin_is_mapped("/unit_a.so"));
    hgh_generation_unref(second);
}

static void a_new_number_is_a_new_object(void **state)
{
    char entries[256];
    hgh_generation *first = generation_make(&place, NULL, 1, NULL, "unit_a=1");
    hgh_generation *second;
    hgh_plugin *before = NULL;
    hgh_plugin *after = NULL;

    (void)state;
    (void)snprintf(entries, sizeof(entries), "unit_a=2@%s",
                   plugin_copy(&place, "unit_a", "unit_a.2.so"));
    second = generation_make(&place, first, 2, NULL, entries);
    (void)hgh_generation_find(first, "unit_a", &before, NULL);
    (void)hgh_generation_find(second, "unit_a", &after, NULL);
    assert_ptr_not_equal(before, after);
    hgh_generation_unref(first);
    assert_true(plugin_is_mapped("/unit_a.2.so"));
    assert_false(plugin_is_mapped("/unit_a.so"));
    hgh_generation_unref(second);
}

static void relative_paths_start_in_the_directory_of_the_host(void **state)
{
    hgh_generation *generation;

    (void)state;
    (void)plugin_copy(&place, "unit_a", "here.so");
    place.host.directory = place.directory;
    generation = generation_make(&place, NULL, 1, NULL, "unit_a=1@here.so");
    assert_int_equal(hgh_generation_find(generation, "unit_a", NULL, NULL), HGH_PLUGIN_LOADED);
    hgh_generation_unref(generation);
}

static void an_odd_manifest_does_no_harm(void **state)
{
    static const char *const manifests[] = {
        "{}",
        "[]",
        "{\"plugins\":7}",
        "{\"plugins\":{}}",
        "{\"plugins\":[7]}",
        "{\"plugins\":[null,{}]}",
        "{\"plugins\":[{\"name\":7,\"path\":\"x\",\"number\":1}]}",
        "{\"plugins\":[{\"name\":\"unit_a\",\"number\":1}]}",
        "{\"plugins\":[{\"name\":\"unit_a\",\"path\":\"x\"}]}",
        "{\"plugins\":[{\"name\":\"unit_a\",\"path\":\"x\",\"number\":65536}]}",
        "{\"plugins\":[{\"name\":\"unit_a\",\"path\":\"x\",\"number\":-1}]}",
        "{\"plugins\":[{\"name\":\"\",\"path\":\"\",\"number\":1}]}",
        "{\"plugins\":[{\"name\":\"../unit_a\",\"path\":\"/x\",\"number\":1}]}",
        "{\"generation\":\"x\",\"listed\":{},\"plugins\":[]}",
        "{\"plugins\":[{\"name\":"
        "\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\","
        "\"path\":\"/x\",\"number\":1}]}",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(manifests); i++) {
        json_t *manifest = json_loads(manifests[i], 0, NULL);
        hgh_generation *generation = NULL;
        bool done = false;

        assert_non_null(manifest);
        assert_int_equal(hgh_generation_new(manifest, &generation, NULL), HG_OK);
        json_decref(manifest);
        for (int calls = 0; !done && calls < 10; calls++) {
            (void)hgh_generation_load_next(generation, &place.host, NULL, &done, NULL);
        }
        assert_true(done);
        assert_int_equal(hgh_generation_find(generation, "unit_a", NULL, NULL), HGH_PLUGIN_MISSING);
        hgh_generation_unref(generation);
    }
}

static void a_name_that_stands_twice_is_loaded_once(void **state)
{
    hgh_generation *generation = generation_make(&place, NULL, 1, NULL, "unit_a=1 unit_a=2");
    hgh_plugin *plugin = NULL;

    (void)state;
    assert_int_equal(hgh_generation_find(generation, "unit_a", &plugin, NULL), HGH_PLUGIN_LOADED);
    assert_int_equal(plugin->number, 1);
    assert_int_equal(place.host.objects_mapped, 1);
    hgh_generation_unref(generation);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_empty_manifest_is_done_at_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(each_call_loads_one_plugin, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_half_loaded_one_can_be_dropped, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_name_is_loaded_ignored_or_missing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_failure_names_the_plugin_and_the_next_is_loaded, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(an_unchanged_number_is_shared_with_the_previous_generation,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_new_number_is_a_new_object, set_up, tear_down),
        cmocka_unit_test_setup_teardown(relative_paths_start_in_the_directory_of_the_host, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(an_odd_manifest_does_no_harm, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_name_that_stands_twice_is_loaded_once, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
