/* tests/unit/core/test_generation.c - a generation holds what its manifest names, or says why not.
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "host/core/board.h"
#include "host/core/configuration.h"
#include "host/core/generation.h"
#include "host/core/issues.h"
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

/* The manifest of unit_a and unit_b, with further members in the entry of unit_a; loaded. */
static hgh_generation *
generation_with(const hgh_generation *previous, const char *members, const char *entries)
{
    json_t *manifest = manifest_make(1, NULL, entries);
    json_t *more = json_loads(members, 0, NULL);
    hgh_generation *generation = NULL;
    hg_error err = HG_ERROR_INIT;
    bool done = false;

    assert_non_null(more);
    (void)json_object_update(json_array_get(json_object_get(manifest, "plugins"), 0), more);
    assert_int_equal(hgh_generation_new(manifest, &generation, &err), HG_OK);
    while (!done) { /* what is left out on purpose fails nothing */
        assert_int_equal(hgh_generation_load_next(generation, &place.host, previous, &done, &err),
                         HG_OK);
    }
    json_decref(more);
    json_decref(manifest);
    return generation;
}

static void a_disabled_plugin_is_left_out_with_its_reason(void **state)
{
    hgh_generation *generation =
        generation_with(NULL, "{\"disabled\":\"2 workers have died in it\"}", "unit_a=1 unit_b=2");
    const char *reason = NULL;

    (void)state;
    assert_int_equal(hgh_generation_find(generation, "unit_a", NULL, &reason), HGH_PLUGIN_MISSING);
    assert_string_equal(reason, "disabled: 2 workers have died in it");
    assert_int_equal(hgh_generation_find(generation, "unit_b", NULL, NULL), HGH_PLUGIN_LOADED);
    assert_int_equal(generation->count, 2);
    assert_int_equal(place.host.objects_mapped, 1);
    hgh_generation_unref(generation);
}

static void a_disabled_plugin_is_not_even_opened(void **state)
{
    hgh_generation *generation =
        generation_with(NULL, "{\"disabled\":\"x\"}", "unit_a=1@/nonexistent/unit_a.so");

    (void)state;
    assert_int_equal(hgh_generation_find(generation, "unit_a", NULL, NULL), HGH_PLUGIN_MISSING);
    hgh_generation_unref(generation);
}

static void a_long_reason_is_cut(void **state)
{
    char members[2048];
    hgh_generation *generation;
    const char *reason = NULL;

    (void)state;
    (void)snprintf(members, sizeof(members), "{\"disabled\":\"%01500d\"}", 0);
    generation = generation_with(NULL, members, "unit_a=1");
    (void)hgh_generation_find(generation, "unit_a", NULL, &reason);
    assert_ptr_equal(strstr(reason, "disabled: 000"), reason);
    assert_in_range(strlen(reason), 100, HG_ERROR_TEXT_MAX - 1);
    hgh_generation_unref(generation);
}

static void a_plugin_that_was_running_goes_when_it_is_disabled(void **state)
{
    hgh_generation *first = generation_make(&place, NULL, 1, NULL, "unit_a=1");
    hgh_generation *second = generation_with(first, "{\"disabled\":\"x\"}", "unit_a=1");

    (void)state;
    hgh_generation_unref(first);
    assert_int_equal(place.host.objects_mapped, 0);
    hgh_generation_unref(second);
}

/* A board on which workers have died in a plugin so often. */
static hgh_board *board_make(uint32_t number, uint64_t deaths)
{
    hgh_board *board = calloc(1, hgh_board_size());

    assert_non_null(board);
    hgh_board_init(board);
    for (uint64_t i = 1; i <= deaths; i++) {
        board->crashes[i].at_ms = fake_now_ms;
        board->crashes[i].marker = hgh_marker_make(i, number, HG_PHASE_LOG);
        board->crashes[i].seen.signal_number = SIGSEGV;
        atomic_store(&board->crashes[i].number, i);
    }
    atomic_store(&board->crashes_found, deaths);
    return board;
}

static void what_the_board_blames_is_left_out(void **state)
{
    static const struct {
        const char *what;
        uint32_t number;
        uint64_t deaths;
        uint64_t settled;
        uint64_t later_ms;
        hgh_plugin_state wanted;
    } rows[] = {
        {"nobody died", 1, 0, 0, 0, HGH_PLUGIN_LOADED},
        {"one death", 1, 1, 0, 0, HGH_PLUGIN_LOADED},
        {"two deaths", 1, 2, 0, 0, HGH_PLUGIN_MISSING},
        {"two in another one", 7, 2, 0, 0, HGH_PLUGIN_LOADED},
        {"something was done about it", 1, 2, 2, 0, HGH_PLUGIN_LOADED},
        {"and it goes on", 1, 4, 2, 0, HGH_PLUGIN_MISSING},
        {"a minute later", 1, 2, 0, HGH_CRASH_WINDOW_MS + 1, HGH_PLUGIN_LOADED},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        hgh_board *board = board_make(rows[i].number, rows[i].deaths);
        uint64_t before_ms = fake_now_ms;
        hgh_generation *generation;
        const char *reason = "";

        atomic_store(&board->crashes_settled, rows[i].settled);
        fake_now_ms += rows[i].later_ms;
        place.host.board = board;
        generation = generation_with(NULL, "{}", "unit_a=1 unit_b=2");
        if (hgh_generation_find(generation, "unit_a", NULL, &reason) != rows[i].wanted ||
            (rows[i].wanted == HGH_PLUGIN_MISSING &&
             strcmp(reason, "left out: 2 workers have died in it within 60 s") != 0) ||
            hgh_generation_find(generation, "unit_b", NULL, NULL) != HGH_PLUGIN_LOADED) {
            fail_msg("%s: %s", rows[i].what, reason);
        }
        hgh_generation_unref(generation);
        place.host.board = NULL;
        fake_now_ms = before_ms;
        free(board);
    }
}

/* True if the plugin of a generation decodes an empty configuration of route 1. */
static bool decodes(const hgh_generation *generation, const char *name)
{
    json_t *value = json_object();
    hgh_configuration *configuration = NULL;
    hgh_plugin *plugin = NULL;
    hg_issues issues = {0};
    hg_status status;

    assert_int_equal(hgh_generation_find(generation, name, &plugin, NULL), HGH_PLUGIN_LOADED);
    status = hgh_configuration_decode(plugin, HGH_USE_CONFIG, value, "routes", "1", "/plugins/a",
                                      &configuration, &issues, NULL);
    assert_true(status == HG_OK || strstr(issues.items[0].found, "workers have died over") != NULL);
    hgh_configuration_unref(configuration);
    hgh_issues_done(&issues);
    json_decref(value);
    return status == HG_OK;
}

static void poison_is_not_decoded(void **state)
{
    hgh_generation *first = generation_with(NULL, "{}", "unit_a=1 unit_b=2");
    hgh_generation *second;
    hgh_plugin *plugin = NULL;
    hgh_configuration *configuration = NULL;
    json_t *value = json_object();
    hg_issues issues = {0};
    char subject[HGH_SUBJECT_MAX];
    char members[256];

    (void)state;
    (void)hgh_generation_find(first, "unit_a", &plugin, NULL);
    assert_int_equal(hgh_configuration_decode(plugin, HGH_USE_CONFIG, value, "routes", "1", "",
                                              &configuration, &issues, NULL),
                     HG_OK);
    hgh_configuration_subject(&configuration->source, subject);
    (void)snprintf(members, sizeof(members), "{\"poison\":[\"routes/2#1\",7,null,\"%s\"]}",
                   subject);
    second = generation_with(first, members, "unit_a=1 unit_b=2");
    assert_false(decodes(second, "unit_a"));
    assert_true(decodes(second, "unit_b")); /* it is that plugin's alone */
    assert_false(decodes(first, "unit_a")); /* which they share */
    hgh_generation_unref(first);
    first = generation_with(second, "{}", "unit_a=1");
    assert_false(decodes(first, "unit_a")); /* it only grows */
    hgh_configuration_unref(configuration);
    hgh_generation_unref(first);
    hgh_generation_unref(second);
    json_decref(value);
}

static void all_of_a_plugin_may_be_isolated(void **state)
{
    hgh_generation *generation = generation_with(NULL, "{\"isolated\":true}", "unit_a=1 unit_b=2");
    hgh_plugin *plugin = NULL;

    (void)state;
    assert_int_equal(hgh_generation_find(generation, "unit_a", &plugin, NULL), HGH_PLUGIN_LOADED);
    assert_true(plugin->isolated);
    assert_int_equal(hgh_generation_find(generation, "unit_b", &plugin, NULL), HGH_PLUGIN_LOADED);
    assert_false(plugin->isolated);
    hgh_generation_unref(generation);
}

static void a_poison_of_another_type_does_no_harm(void **state)
{
    static const char *const members[] = {
        "{\"poison\":7}",   "{\"poison\":{\"routes/1\":1}}",
        "{\"poison\":[]}",  "{\"poison\":[[],{},7,null]}",
        "{\"disabled\":7}", "{\"disabled\":null}",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(members); i++) {
        hgh_generation *generation = generation_with(NULL, members[i], "unit_a=1");

        assert_true(decodes(generation, "unit_a"));
        hgh_generation_unref(generation);
    }
}

#define ROW(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ROW(an_empty_manifest_is_done_at_once),
        ROW(each_call_loads_one_plugin),
        ROW(a_half_loaded_one_can_be_dropped),
        ROW(a_name_is_loaded_ignored_or_missing),
        ROW(a_failure_names_the_plugin_and_the_next_is_loaded),
        ROW(an_unchanged_number_is_shared_with_the_previous_generation),
        ROW(a_new_number_is_a_new_object),
        ROW(relative_paths_start_in_the_directory_of_the_host),
        ROW(an_odd_manifest_does_no_harm),
        ROW(a_name_that_stands_twice_is_loaded_once),
        ROW(a_disabled_plugin_is_left_out_with_its_reason),
        ROW(a_disabled_plugin_is_not_even_opened),
        ROW(a_long_reason_is_cut),
        ROW(a_plugin_that_was_running_goes_when_it_is_disabled),
        ROW(what_the_board_blames_is_left_out),
        ROW(poison_is_not_decoded),
        ROW(all_of_a_plugin_may_be_isolated),
        ROW(a_poison_of_another_type_does_no_harm),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
