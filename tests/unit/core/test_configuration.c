/* tests/unit/core/test_configuration.c - configurations are judged, decoded, shared and released.
 */
#include <stdio.h>
#include <string.h>

#include "host/core/configuration.h"
#include "host/core/issues.h"
#include "host/core/snapshot.h"
#include "tests/unit/core/fake_engine.h"
#include "tests/unit/core/objects.h"
#include "tests/unit/core/plugins.h"
#include "tests/unit/unit.h"

static plugin_place place;
static hgh_plugin *step;
static hgh_plugin *raw;
static hgh_plugin *prepared;

static int set_up(void **state)
{
    (void)state;
    plugin_place_init(&place);
    step = plugin_load(&place, "unit_a", 1);
    raw = plugin_load(&place, "unit_raw", 2);
    prepared = plugin_load(&place, "unit_prepared", 3);
    fake_log_clear();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    hgh_plugin_unref(step);
    hgh_plugin_unref(raw);
    hgh_plugin_unref(prepared);
    plugin_place_done(&place);
    return 0;
}

static hg_status decode_as(hgh_plugin *plugin,
                           hgh_use use,
                           const char *json,
                           hgh_configuration **out_configuration,
                           hg_issues *issues,
                           hg_issues *warnings)
{
    json_t *value = json_loads(json, JSON_DECODE_ANY, NULL);
    hg_status status;

    assert_non_null(value);
    status = hgh_configuration_decode(plugin, use, value, "routes", "1", "/plugins/x",
                                      out_configuration, issues, warnings);
    json_decref(value);
    return status;
}

/* One that must be valid. */
static hgh_configuration *decode(hgh_plugin *plugin, const char *json)
{
    hgh_configuration *configuration = NULL;
    hg_issues issues = {0};
    char line[HG_ERROR_TEXT_MAX];

    if (decode_as(plugin, HGH_USE_CONFIG, json, &configuration, &issues, NULL) != HG_OK) {
        fail_msg("%s: %s", json, hgh_issues_first(&issues, line, sizeof(line)));
    }
    assert_true(hgh_issues_is_empty(&issues));
    return configuration;
}

static void meta_is_read(void **state)
{
    static const struct {
        const char *label;
        const char *json;
        bool disabled;
        bool has_priority;
        int32_t priority;
        const char *error_response; /* "": none */
        bool error_response_json;
    } cases[] = {
        {"none", "{}", false, false, 10, "", false},
        {"empty", "{\"_meta\":{}}", false, false, 10, "", false},
        {"disabled", "{\"_meta\":{\"disable\":true}}", true, false, 10, "", false},
        {"enabled", "{\"_meta\":{\"disable\":false}}", false, false, 10, "", false},
        {"priority", "{\"_meta\":{\"priority\":-5}}", false, true, -5, "", false},
        {"priority with a fraction of zero", "{\"_meta\":{\"priority\":7.0}}", false, true, 7, "",
         false},
        {"highest priority", "{\"_meta\":{\"priority\":2147483647}}", false, true, INT32_MAX, "",
         false},
        {"text", "{\"_meta\":{\"error_response\":\"no\"}}", false, false, 10, "no", false},
        {"object", "{\"_meta\":{\"error_response\":{\"a\":[1]}}}", false, false, 10,
         "{\"a\":[1]}\n", true},
        {"an empty filter", "{\"_meta\":{\"filter\":[]}}", false, false, 10, "", false},
        {"a filter", "{\"_meta\":{\"filter\":[[\"arg_x\",\"==\",\"y\"]]}}", false, false, 10, "",
         false},
        {"all", "{\"_meta\":{\"disable\":true,\"priority\":0,\"error_response\":\"\"}}", true, true,
         0, "", false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        hgh_configuration *configuration = decode(step, cases[i].json);

        if (configuration->disabled != cases[i].disabled ||
            configuration->has_priority != cases[i].has_priority ||
            configuration->priority != cases[i].priority ||
            configuration->error_response_json != cases[i].error_response_json ||
            !hg_text_equal(configuration->error_response, hg_text_of(cases[i].error_response))) {
            fail_msg("%s: disabled %d, priority %d, response \"%s\"", cases[i].label,
                     configuration->disabled, configuration->priority,
                     configuration->error_text == NULL ? "" : configuration->error_text);
        }
        hgh_configuration_unref(configuration);
    }
}

/* By its own word or by that of its plugin; what callbacks do not get as configuration never is. */
static void it_is_isolated_if_either_says_so(void **state)
{
    static const struct {
        const char *json;
        hgh_use use;
        bool all; /* of the plugin */
        bool wanted;
    } rows[] = {
        {"{}", HGH_USE_CONFIG, false, false},
        {"{\"_meta\":{\"isolate\":false}}", HGH_USE_CONFIG, false, false},
        {"{\"_meta\":{\"isolate\":true}}", HGH_USE_CONFIG, false, true},
        {"{}", HGH_USE_CONFIG, true, true},
        {"{\"_meta\":{\"isolate\":false}}", HGH_USE_CONFIG, true, true},
        {"{}", HGH_USE_CONSUMER, true, true},
        {"{}", HGH_USE_METADATA, true, false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        hgh_configuration *configuration = NULL;
        hg_issues issues = {0};

        raw->isolated = rows[i].all;
        if (decode_as(raw, rows[i].use, rows[i].json, &configuration, &issues, NULL) != HG_OK ||
            configuration->isolated != rows[i].wanted) {
            fail_msg("row %zu", i);
        }
        hgh_configuration_unref(configuration);
    }
    raw->isolated = false;
}

static void what_cannot_be_isolated_is_refused(void **state)
{
    hgh_configuration *configuration = NULL;
    hg_issues issues = {0};

    (void)state;
    assert_int_equal(decode_as(step, HGH_USE_CONFIG, "{\"_meta\":{\"isolate\":true}}",
                               &configuration, &issues, NULL),
                     HG_ERR_INVALID);
    assert_int_equal(issues.count, 2);
    for (size_t i = 0; i < issues.count; i++) {
        assert_string_equal(issues.items[i].pointer, "/plugins/x/_meta/isolate");
    }
    hgh_issues_done(&issues);
}

static void what_is_wrong_is_named_with_its_place(void **state)
{
    static const struct {
        const char *label;
        const char *json;
        const char *pointer;
        const char *text;
    } cases[] = {
        {"no object", "7", "/plugins/x", "invalid plugin conf 7 for plugin [unit_a]"},
        {"null", "null", "/plugins/x", "invalid plugin conf null for plugin [unit_a]"},
        {"an array", "[1]", "/plugins/x", "invalid plugin conf [1] for plugin [unit_a]"},
        {"an empty array", "[]", "/plugins/x", "invalid plugin conf [] for plugin [unit_a]"},
        {"meta that is an empty array", "{\"_meta\":[]}", "/plugins/x/_meta",
         "expected object, got table"},
        {"meta of another type", "{\"_meta\":7}", "/plugins/x/_meta",
         "expected object, got number"},
        {"unknown member of meta", "{\"_meta\":{\"x\":1}}", "/plugins/x/_meta/x",
         "additional properties forbidden, found x"},
        {"disable of another type", "{\"_meta\":{\"disable\":1}}", "/plugins/x/_meta/disable",
         "expected boolean, got number"},
        {"isolate of another type", "{\"_meta\":{\"isolate\":\"yes\"}}", "/plugins/x/_meta/isolate",
         "expected boolean, got string"},
        {"priority of another type", "{\"_meta\":{\"priority\":\"1\"}}",
         "/plugins/x/_meta/priority", "expected integer, got string"},
        {"priority with a fraction", "{\"_meta\":{\"priority\":1.5}}", "/plugins/x/_meta/priority",
         "expected integer"},
        {"priority out of range", "{\"_meta\":{\"priority\":2147483648}}",
         "/plugins/x/_meta/priority", "expected integer"},
        {"priority far out of range", "{\"_meta\":{\"priority\":1e300}}",
         "/plugins/x/_meta/priority", "expected integer"},
        {"error_response of another type", "{\"_meta\":{\"error_response\":[]}}",
         "/plugins/x/_meta/error_response", "expected string or object, got table"},
        {"a filter of another type", "{\"_meta\":{\"filter\":7}}", "/plugins/x/_meta/filter",
         "failed to validate the 'vars' expression: "},
        {"a filter in the notation with braces", "{\"_meta\":{\"filter\":{\"arg_x\":\"==\"}}}",
         "/plugins/x/_meta/filter",
         "rule should be wrapped inside brackets, as in [[\"arg_version\",\"==\",\"v2\"]]"},
        {"a filter without outer brackets", "{\"_meta\":{\"filter\":[\"arg_x\",\"==\",\"y\"]}}",
         "/plugins/x/_meta/filter", "rule should be wrapped inside brackets"},
        {"a filter with an unknown operator", "{\"_meta\":{\"filter\":[[\"arg_x\",\"*=\",\"y\"]]}}",
         "/plugins/x/_meta/filter/0/1", "invalid operator '*='"},
        {"a filter on no place in a body",
         "{\"_meta\":{\"filter\":[[\"post_arg.x[\",\"==\",\"y\"]]}}", "/plugins/x/_meta/filter/0/0",
         "invalid path behind post_arg.: "},
        {"a function", "{\"_meta\":{\"pre_function\":\"x\"}}", "/plugins/x/_meta/pre_function",
         "failed to load _meta.pre_function in plugin unit_a: "},
        {"own field", "{\"tag\":7}", "/plugins/x/tag",
         "failed to check the configuration of plugin unit_a err: "},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        hgh_configuration *configuration = NULL;
        hg_issues issues = {0};

        if (decode_as(step, HGH_USE_CONFIG, cases[i].json, &configuration, &issues, NULL) !=
                HG_ERR_INVALID ||
            issues.count != 1 || strcmp(issues.items[0].pointer, cases[i].pointer) != 0 ||
            strstr(issues.items[0].text, cases[i].text) == NULL) {
            fail_msg("%s: %zu findings, \"%s\", \"%s\"", cases[i].label, issues.count,
                     issues.count == 0 ? "" : issues.items[0].pointer,
                     issues.count == 0 ? "" : issues.items[0].text);
        }
        assert_null(configuration);
        hgh_issues_done(&issues);
    }
}

/* What does not run must not be in the way; it is judged when it is switched on. */
static void what_a_plugin_refuses_of_a_disabled_configuration_is_a_warning(void **state)
{
    static const struct {
        const char *label;
        hgh_plugin **plugin;
        const char *json;
        hg_status status;
        size_t issues;
        size_t warnings;
    } cases[] = {
        {"a field", &step, "{\"tag\":7,\"_meta\":{\"disable\":true}}", HG_OK, 0, 1},
        {"two fields", &step, "{\"tag\":7,\"sleep_ms\":\"x\",\"_meta\":{\"disable\":true}}", HG_OK,
         0, 2},
        {"its parse()", &raw, "{\"in_parse\":\"refuse\",\"_meta\":{\"disable\":true}}", HG_OK, 0,
         1},
        {"its parse(), which made something", &raw,
         "{\"in_parse\":\"complain\",\"_meta\":{\"disable\":true}}", HG_OK, 0, 1},
        {"its check()", &raw, "{\"in_check\":\"refuse\",\"_meta\":{\"disable\":true}}", HG_OK, 0,
         0},
        {"its prepare()", &prepared, "{\"how\":\"refuse\",\"_meta\":{\"disable\":true}}", HG_OK, 0,
         1},
        {"nothing", &step, "{\"_meta\":{\"disable\":true}}", HG_OK, 0, 0},
        {"_meta", &step, "{\"_meta\":{\"disable\":true,\"filter\":7}}", HG_ERR_INVALID, 1, 0},
        {"a field, and enabled", &step, "{\"tag\":7,\"_meta\":{\"disable\":false}}", HG_ERR_INVALID,
         1, 0},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        hgh_configuration *configuration = NULL;
        hg_issues issues = {0};
        hg_issues warnings = {0};
        hg_status status = decode_as(*cases[i].plugin, HGH_USE_CONFIG, cases[i].json,
                                     &configuration, &issues, &warnings);

        if (status == HG_OK) {
            assert_true(configuration->disabled);
            assert_int_equal(hgh_configuration_check(configuration, &issues), HG_OK);
        }
        if (status != cases[i].status || issues.count != cases[i].issues ||
            warnings.count != cases[i].warnings) {
            fail_msg("%s: %d, %zu findings, %zu warnings", cases[i].label, (int)status,
                     issues.count, warnings.count);
        }
        hgh_issues_done(&issues);
        hgh_issues_done(&warnings);
        hgh_configuration_unref(configuration);
        configuration = NULL;
        (void)decode_as(*cases[i].plugin, HGH_USE_CONFIG, cases[i].json, &configuration, &issues,
                        NULL); /* nobody wants to know */
        hgh_configuration_unref(configuration);
        hgh_issues_done(&issues);
    }
}

static void all_findings_come_at_once(void **state)
{
    hgh_configuration *configuration = NULL;
    hg_issues issues = {0};

    (void)state;
    assert_int_equal(decode_as(step, HGH_USE_CONFIG,
                               "{\"_meta\":{\"disable\":1,\"x\":1},\"tag\":7,\"sleep_ms\":-1}",
                               &configuration, &issues, NULL),
                     HG_ERR_INVALID);
    assert_int_equal(issues.count, 4);
    hgh_issues_done(&issues);
}

static void the_source_says_where_it_stands(void **state)
{
    hgh_configuration *configuration = decode(step, "{\"tag\":\"x\"}");

    (void)state;
    assert_true(hg_text_equal(configuration->source.resource, HG_TEXT("routes")));
    assert_true(hg_text_equal(configuration->source.id, HG_TEXT("1")));
    hgh_configuration_unref(configuration);
}

static void equal_content_has_an_equal_checksum(void **state)
{
    static const struct {
        const char *label;
        const char *left;
        const char *right;
        bool equal;
    } cases[] = {
        {"same", "{\"tag\":\"x\"}", "{\"tag\":\"x\"}", true},
        {"order of members", "{\"tag\":\"x\",\"sleep_ms\":1}", "{\"sleep_ms\":1,\"tag\":\"x\"}",
         true},
        {"blanks", "{\"tag\":\"x\"}", " { \"tag\" : \"x\" } ", true},
        {"value", "{\"tag\":\"x\"}", "{\"tag\":\"y\"}", false},
        {"a default written out", "{}", "{\"tag\":\"-\"}", false},
        {"meta", "{}", "{\"_meta\":{}}", false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        hgh_configuration *left = decode(step, cases[i].left);
        hgh_configuration *right = decode(step, cases[i].right);

        if ((left->source.checksum == right->source.checksum) != cases[i].equal) {
            fail_msg("%s", cases[i].label);
        }
        hgh_configuration_unref(left);
        hgh_configuration_unref(right);
    }
}

static void unknown_fields_are_warned_about(void **state)
{
    hgh_configuration *configuration = NULL;
    hg_issues issues = {0};
    hg_issues warnings = {0};

    (void)state;
    assert_int_equal(
        decode_as(step, HGH_USE_CONFIG, "{\"tga\":\"x\"}", &configuration, &issues, &warnings),
        HG_OK);
    assert_int_equal(issues.count, 0);
    assert_int_equal(warnings.count, 1);
    assert_string_equal(warnings.items[0].pointer, "/plugins/x/tga");
    hgh_issues_done(&warnings);
    hgh_configuration_unref(configuration);
}

static void what_is_judged_stays_unchanged(void **state)
{
    json_t *value = json_loads("{\"_meta\":{\"priority\":1}}", 0, NULL);
    json_t *copy = json_deep_copy(value);
    hgh_configuration *configuration = NULL;
    hg_issues issues = {0};

    (void)state;
    assert_int_equal(hgh_configuration_decode(raw, HGH_USE_CONFIG, value, "routes", "1", "",
                                              &configuration, &issues, NULL),
                     HG_OK);
    assert_true(json_equal(value, copy)); /* neither defaults in it nor _meta out of it */
    hgh_configuration_unref(configuration);
    json_decref(copy);
    json_decref(value);
}

/* ------------------------------------------------------------------------------ the raw way */

static void defaults_are_there_before_rules_and_parse(void **state)
{
    hgh_configuration *configuration = decode(raw, "{}"); /* "count" is required, and has one */

    (void)state;
    assert_int_equal(*(const int64_t *)configuration->state, 7);
    hgh_configuration_unref(configuration);
    assert_string_equal(fake_log_text(), "plugin unit_raw: parse\nplugin unit_raw: release\n");
}

static void a_parse_that_finds_fault_gives_no_configuration(void **state)
{
    static const struct {
        const char *how;
        hg_status status;
        size_t released;
        const char *text;
    } cases[] = {
        {"refuse", HG_ERR_INVALID, 0, "/count"},
        {"complain", HG_ERR_INVALID, 1, "/count"},
        {"silent", HG_ERR_INVALID, 0, "parse() refuses"},
        {"odd", HG_ERR_INVALID, 0, "parse() refuses"},
        {"memory", HG_ERR_NO_MEMORY, 0, "memory"},
        {"dangle", HG_ERR_INVALID, 0, "parse() refuses"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        hgh_configuration *configuration = NULL;
        hg_issues issues = {0};
        char json[64];
        char line[HG_ERROR_TEXT_MAX];
        hg_status status;

        fake_log_clear();
        (void)snprintf(json, sizeof(json), "{\"in_parse\":\"%s\"}", cases[i].how);
        status = decode_as(raw, HGH_USE_CONFIG, json, &configuration, &issues, NULL);
        if (status != cases[i].status || fake_log_count("release") != cases[i].released ||
            issues.count != 1 ||
            strstr(hgh_issues_first(&issues, line, sizeof(line)), cases[i].text) == NULL) {
            fail_msg("%s: status %d, %zu released, \"%s\"", cases[i].how, (int)status,
                     fake_log_count("release"), hgh_issues_first(&issues, line, sizeof(line)));
        }
        assert_null(configuration);
        hgh_issues_done(&issues);
    }
}

/* ------------------------------------------------------------------ completing what is decoded */

static void what_a_table_decodes_is_completed_once_and_given_back(void **state)
{
    hgh_configuration *configuration = decode(prepared, "{\"how\":\"abc\"}");

    (void)state;
    assert_string_equal(((const hg_text *)configuration->state)->data, "abc");
    assert_int_equal(*(const int64_t *)(const void *)((const hg_text *)configuration->state + 1),
                     3);
    hgh_configuration_unref(configuration);
    assert_string_equal(fake_log_text(), "plugin unit_prepared: prepare routes/1\n"
                                         "plugin unit_prepared: dispose\n");
}

static void a_prepare_that_finds_fault_gives_no_configuration(void **state)
{
    static const struct {
        const char *how;
        hg_status status;
        size_t disposed;
        const char *pointer;
        const char *text;
    } cases[] = {
        {"refuse", HG_ERR_INVALID, 0, "/plugins/x/how", "/how"},
        {"complain", HG_ERR_INVALID, 1, "/plugins/x/how", "/how"},
        {"silent", HG_ERR_INVALID, 0, "/plugins/x", "prepare() refuses"},
        {"memory", HG_ERR_NO_MEMORY, 0, "/plugins/x", "memory"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        hgh_configuration *configuration = NULL;
        hg_issues issues = {0};
        char json[64];
        char line[HG_ERROR_TEXT_MAX];
        hg_status status;

        fake_log_clear();
        (void)snprintf(json, sizeof(json), "{\"how\":\"%s\"}", cases[i].how);
        status = decode_as(prepared, HGH_USE_CONFIG, json, &configuration, &issues, NULL);
        if (status != cases[i].status || fake_log_count("dispose") != cases[i].disposed ||
            issues.count != 1 || strcmp(issues.items[0].pointer, cases[i].pointer) != 0 ||
            strstr(hgh_issues_first(&issues, line, sizeof(line)), cases[i].text) == NULL) {
            fail_msg("%s: status %d, %zu disposed, %s \"%s\"", cases[i].how, (int)status,
                     fake_log_count("dispose"), issues.items[0].pointer,
                     hgh_issues_first(&issues, line, sizeof(line)));
        }
        assert_null(configuration);
        hgh_issues_done(&issues);
    }
}

static void what_the_schema_refuses_is_not_prepared(void **state)
{
    hgh_configuration *configuration = NULL;
    hg_issues issues = {0};

    (void)state;
    assert_int_equal(decode_as(prepared, HGH_USE_CONFIG, "{}", &configuration, &issues, NULL),
                     HG_ERR_INVALID);
    assert_int_equal(fake_log_count("prepare"), 0);
    hgh_issues_done(&issues);
}

static void a_check_adds_what_it_finds(void **state)
{
    static const struct {
        const char *how;
        hg_status status;
        const char *text;
    } cases[] = {
        {"", HG_OK, ""},
        {"refuse", HG_ERR_INVALID, "plugin unit_raw err: /count"},
        {"complain", HG_ERR_INVALID, "/count"},
        {"silent", HG_ERR_INVALID, "check() refuses"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char json[64];
        char line[HG_ERROR_TEXT_MAX];
        hg_issues issues = {0};
        hgh_configuration *configuration;

        (void)snprintf(json, sizeof(json), "{\"in_check\":\"%s\"}", cases[i].how);
        configuration = decode(raw, json);
        if (hgh_configuration_check(configuration, &issues) != cases[i].status ||
            strstr(hgh_issues_first(&issues, line, sizeof(line)), cases[i].text) == NULL) {
            fail_msg("%s: \"%s\"", cases[i].how, hgh_issues_first(&issues, line, sizeof(line)));
        }
        hgh_issues_done(&issues);
        hgh_configuration_unref(configuration);
    }
}

static void a_plugin_without_check_finds_nothing(void **state)
{
    hgh_configuration *configuration = decode(step, "{}");
    hg_issues issues = {0};

    (void)state;
    assert_int_equal(hgh_configuration_check(configuration, &issues), HG_OK);
    hgh_configuration_unref(configuration);
}

/* ----------------------------------------------------------------------------------- sharing */

static void the_last_reference_releases(void **state)
{
    hgh_configuration *configuration = decode(raw, "{}");

    (void)state;
    assert_ptr_equal(hgh_configuration_ref(configuration), configuration);
    hgh_configuration_unref(configuration);
    assert_int_equal(fake_log_count("release"), 0);
    hgh_configuration_unref(configuration);
    assert_int_equal(fake_log_count("release"), 1);
    hgh_configuration_unref(NULL);
}

static void it_keeps_its_plugin_loaded(void **state)
{
    hgh_configuration *configuration = decode(raw, "{}");

    (void)state;
    hgh_plugin_unref(raw);
    assert_true(plugin_is_mapped("/unit_raw.so"));
    hgh_configuration_unref(configuration);
    assert_false(plugin_is_mapped("/unit_raw.so"));
    raw = NULL;
}

static void the_list_of_a_resource_is_weak(void **state)
{
    hgh_snapshot snapshot;
    hgh_resource *route;
    hgh_configuration *configuration;
    hgh_configuration *other;

    (void)state;
    hgh_snapshot_init(&snapshot);
    route = object_put(&snapshot, HGH_ROUTES, "1", 1, "{}");
    configuration = decode(raw, "{}");
    other = decode(step, "{}");
    assert_null(hgh_configuration_bound(route, raw, HGH_USE_CONFIG));
    hgh_configuration_bind(configuration, route);
    hgh_configuration_bind(other, route);
    assert_ptr_equal(hgh_configuration_bound(route, raw, HGH_USE_CONFIG), configuration);
    assert_ptr_equal(hgh_configuration_bound(route, step, HGH_USE_CONFIG), other);
    assert_null(hgh_configuration_bound(route, raw, HGH_USE_CONSUMER));
    hgh_configuration_unref(configuration);
    assert_null(hgh_configuration_bound(route, raw, HGH_USE_CONFIG));
    object_remove(&snapshot, HGH_ROUTES, "1"); /* the other one still holds it */
    assert_ptr_equal(hgh_configuration_bound(route, step, HGH_USE_CONFIG), other);
    hgh_configuration_unref(other);
    hgh_snapshot_done(&snapshot);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(meta_is_read, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_cannot_be_isolated_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(it_is_isolated_if_either_says_so, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_wrong_is_named_with_its_place, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            what_a_plugin_refuses_of_a_disabled_configuration_is_a_warning, set_up, tear_down),
        cmocka_unit_test_setup_teardown(all_findings_come_at_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_source_says_where_it_stands, set_up, tear_down),
        cmocka_unit_test_setup_teardown(equal_content_has_an_equal_checksum, set_up, tear_down),
        cmocka_unit_test_setup_teardown(unknown_fields_are_warned_about, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_judged_stays_unchanged, set_up, tear_down),
        cmocka_unit_test_setup_teardown(defaults_are_there_before_rules_and_parse, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_parse_that_finds_fault_gives_no_configuration, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(what_a_table_decodes_is_completed_once_and_given_back,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_prepare_that_finds_fault_gives_no_configuration, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(what_the_schema_refuses_is_not_prepared, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_check_adds_what_it_finds, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_plugin_without_check_finds_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_last_reference_releases, set_up, tear_down),
        cmocka_unit_test_setup_teardown(it_keeps_its_plugin_loaded, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_list_of_a_resource_is_weak, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
