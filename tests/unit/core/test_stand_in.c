/* tests/unit/core/test_stand_in.c - a plugin that is isolated as a whole is not loaded by workers.
 */
#include "host/core/configuration.h"
#include "host/core/generation.h"
#include "host/core/issues.h"
#include "host/core/stand_in.h"
#include "tests/unit/core/plugins.h"
#include "tests/unit/unit.h"

#define DESCRIBED                                                                                  \
    "\"described\":{\"priority\":7,\"flags\":[\"prefer_route\",\"waits\"],"                        \
    "\"phases\":[\"access\",\"response\",\"body_filter\"]}"

/* A generation with one entry that has these members too. NULL: it could not be loaded. */
static hgh_generation *load(plugin_place *place, const char *members)
{
    json_t *manifest = manifest_make(1, NULL, "unit_a=1@/nonexistent/unit_a.so");
    json_t *more = json_loads(members, 0, NULL);
    hgh_generation *generation = NULL;
    hg_error err = HG_ERROR_INIT;
    bool is_done = false;
    hg_status status;

    assert_non_null(more);
    (void)json_object_update(json_array_get(json_object_get(manifest, "plugins"), 0), more);
    assert_int_equal(hgh_generation_new(manifest, &generation, &err), HG_OK);
    status = hgh_generation_load_next(generation, &place->host, NULL, &is_done, &err);
    assert_true(is_done);
    json_decref(more);
    json_decref(manifest);
    if (status != HG_OK) {
        hgh_generation_unref(generation);
        return NULL;
    }
    return generation;
}

static void the_object_is_left_alone_where_the_manifest_says_enough(void **state)
{
    static const struct {
        const char *members;
        const char *sockets; /* of isolated runners; NULL: there are none, as in the probe */
        bool is_stand_in;
    } rows[] = {
        {"{\"isolated\":true," DESCRIBED "}", "run/isolate", true},
        {"{\"isolated\":true," DESCRIBED "}", NULL, false},
        {"{\"isolated\":true}", "run/isolate", false},
        {"{\"isolated\":true,\"described\":7}", "run/isolate", false},
        {"{\"isolated\":false," DESCRIBED "}", "run/isolate", false},
        {"{" DESCRIBED "}", "run/isolate", false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        plugin_place place = {0};
        hgh_generation *generation;

        plugin_place_init(&place);
        place.host.isolation.path = rows[i].sockets;
        generation = load(&place, rows[i].members);
        if ((generation != NULL) != rows[i].is_stand_in) {
            fail_msg("row %zu", i);
        }
        hgh_generation_unref(generation);
        plugin_place_done(&place);
    }
}

static void it_has_the_phases_and_the_priority_of_the_object(void **state)
{
    plugin_place place = {0};
    hgh_generation *generation;
    hgh_plugin *plugin = NULL;
    hgh_configuration *configuration = NULL;
    json_t *value = json_pack("{s:i}", "whatever", 1);
    hg_issues issues = {0};

    (void)state;
    plugin_place_init(&place);
    place.host.isolation.path = "run/isolate";
    generation = load(&place, "{\"isolated\":true," DESCRIBED "}");
    assert_non_null(generation);
    assert_int_equal(hgh_generation_find(generation, "unit_a", &plugin, NULL), HGH_PLUGIN_LOADED);
    assert_int_equal(plugin->descriptor->priority, 7);
    assert_int_equal(plugin->descriptor->flags, HG_PREFER_ROUTE);
    assert_null(plugin->descriptor->rewrite);
    assert_non_null(plugin->descriptor->access);
    assert_non_null(plugin->descriptor->response);
    assert_null(plugin->descriptor->header_filter);
    assert_non_null(plugin->descriptor->body_filter);
    assert_null(plugin->descriptor->delayed_body_filter);
    assert_null(plugin->descriptor->log);
    assert_int_equal(hgh_configuration_decode(plugin, HGH_USE_CONFIG, value, "routes", "1", "/x",
                                              &configuration, &issues, NULL),
                     HG_OK);
    assert_true(configuration->isolated);
    assert_non_null(configuration->isolation);
    hgh_configuration_unref(configuration);
    hgh_generation_unref(generation);
    json_decref(value);
    plugin_place_done(&place);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_object_is_left_alone_where_the_manifest_says_enough),
        cmocka_unit_test(it_has_the_phases_and_the_priority_of_the_object),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
