/* tests/unit/control/test_plugin_check.c - configurations are judged elsewhere, come what may. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host/control/control_log.h"
#include "host/control/plugin_check.h"
#include "host/control/probe.h"
#include "tests/unit/control/probe_objects.h"
#include "tests/unit/unit.h"

static hgh_event_loop *loop;
static hgh_plugin_check *check;
static hgh_event_loop_timer limit;
static hgh_event_loop_timer kill_timer;
static json_t *loaded;
static json_t *found_issues;
static json_t *found_warnings;
static hg_status status;
static int calls;

static void on_loaded(void *context, const json_t *plugins)
{
    (void)context;
    json_decref(loaded);
    loaded = json_deep_copy(plugins);
}

static int set_up(void **state)
{
    hgh_plugin_check_options options = {
        .directory = "/tmp", .shared_memory_bytes = 2u << 20, .on_loaded = on_loaded};

    (void)state;
    calls = 0;
    if (hgh_event_loop_new(&loop, NULL) != HG_OK) {
        return -1;
    }
    options.loop = loop;
    check = hgh_plugin_check_new(&options);
    return check == NULL ? -1 : 0;
}

static int tear_down(void **state)
{
    (void)state;
    hgh_plugin_check_free(check);
    hgh_event_loop_free(loop);
    json_decref(loaded);
    json_decref(found_issues);
    json_decref(found_warnings);
    loaded = found_issues = found_warnings = NULL;
    return 0;
}

static void set_manifest(const char *listed)
{
    const char *directory = getenv("HOTGATE_TEST_PLUGINS");
    char text[1024];
    json_t *manifest;

    (void)snprintf(text, sizeof(text),
                   "{\"generation\":1,\"listed\":%s,\"plugins\":["
                   "{\"name\":\"unit_a\",\"path\":\"%s/unit_a.so\",\"number\":1},"
                   "{\"name\":\"unit_raw\",\"path\":\"%s/unit_raw.so\",\"number\":2},"
                   "{\"name\":\"unit_auth\",\"path\":\"%s/unit_auth.so\",\"number\":3},"
                   "{\"name\":\"unit_bad_size\",\"path\":\"%s/unit_bad_size.so\",\"number\":4}]}",
                   listed, directory, directory, directory, directory);
    manifest = json_loads(text, 0, NULL);
    assert_non_null(manifest);
    hgh_plugin_check_set_manifest(check, manifest);
    json_decref(manifest);
}

static void on_done(void *context, hg_status result, const json_t *issues, const json_t *warnings)
{
    (void)context;
    calls++;
    status = result;
    json_decref(found_issues);
    json_decref(found_warnings);
    found_issues = json_deep_copy(issues);
    found_warnings = json_deep_copy(warnings);
    hgh_event_loop_stop(loop);
}

static void on_limit(void *context)
{
    (void)context;
    hgh_event_loop_stop(loop);
}

static void begin(const char *configs)
{
    json_t *value = json_loads(configs, 0, NULL);

    assert_non_null(value);
    calls = 0;
    hgh_plugin_check_run(check, value, on_done, NULL);
    assert_int_equal(calls, 0); /* never before it has returned */
    json_decref(value);
}

static void wait_for_end(void)
{
    hgh_event_loop_timer_start(loop, &limit, 20000, on_limit, NULL);
    assert_int_equal(hgh_event_loop_run(loop, NULL), HG_OK);
    hgh_event_loop_timer_stop(loop, &limit);
    assert_int_equal(calls, 1);
}

static void judge(const char *configs)
{
    begin(configs);
    wait_for_end();
}

static const char *issue(const char *member)
{
    const char *text = json_string_value(json_object_get(json_array_get(found_issues, 0), member));

    return text == NULL ? "" : text;
}

static void configurations_are_judged_with_their_place(void **state)
{
    static const struct {
        const char *label;
        const char *configs;
        hg_status status;
        const char *pointer;
        const char *text;
    } cases[] = {
        {"none", "[]", HG_OK, "", ""},
        {"valid",
         "[{\"plugin\":\"unit_a\",\"use\":\"config\",\"pointer\":\"/plugins/"
         "unit_a\",\"value\":{}}]",
         HG_OK, "", ""},
        {"a field",
         "[{\"plugin\":\"unit_a\",\"pointer\":\"/plugins/unit_a\",\"value\":{\"tag\":7}}]",
         HG_ERR_INVALID, "/plugins/unit_a/tag",
         "failed to check the configuration of plugin unit_a err: "},
        {"the second one",
         "[{\"plugin\":\"unit_a\",\"pointer\":\"/a\",\"value\":{}},"
         "{\"plugin\":\"unit_raw\",\"pointer\":\"/b\",\"value\":{\"count\":0}}]",
         HG_ERR_INVALID, "/b/count", "unit_raw"},
        {"what only check() sees",
         "[{\"plugin\":\"unit_raw\",\"pointer\":\"/b\",\"value\":{\"in_check\":\"refuse\"}}]",
         HG_ERR_INVALID, "/count", "unit_raw"},
        {"no object", "[{\"plugin\":\"unit_a\",\"pointer\":\"/x\",\"value\":7}]", HG_ERR_INVALID,
         "/x", "invalid plugin conf 7 for plugin [unit_a]"},
        {"no value", "[{\"plugin\":\"unit_a\",\"pointer\":\"/x\"}]", HG_ERR_INVALID, "/x",
         "invalid plugin conf"},
        {"a credential",
         "[{\"plugin\":\"unit_auth\",\"use\":\"consumer\",\"pointer\":\"/x\",\"value\":{}}]",
         HG_ERR_INVALID, "/x/key", "unit_auth"},
        {"a credential's _meta",
         "[{\"plugin\":\"unit_auth\",\"use\":\"consumer\",\"pointer\":\"/x\",\"value\":"
         "{\"key\":\"k\",\"_meta\":{\"priority\":\"1\"}}}]",
         HG_ERR_INVALID, "/x/_meta/priority", "unit_auth"},
        {"on a consumer, of another plugin",
         "[{\"plugin\":\"unit_a\",\"use\":\"consumer\",\"pointer\":\"/x\",\"value\":{}}]", HG_OK,
         "", ""},
        {"unknown", "[{\"plugin\":\"gone\",\"pointer\":\"/plugins/gone\",\"value\":{}}]",
         HG_ERR_INVALID, "/plugins/gone", "unknown plugin [gone]"},
        {"not loaded", "[{\"plugin\":\"unit_bad_size\",\"pointer\":\"/x\",\"value\":{}}]",
         HG_ERR_INVALID, "/x", "unknown plugin [unit_bad_size]"},
        {"unknown, and no object", "[{\"plugin\":\"gone\",\"pointer\":\"/x\",\"value\":7}]",
         HG_ERR_INVALID, "/x", "invalid plugin conf 7 for plugin [gone]"},
        {"unknown, and disabled",
         "[{\"plugin\":\"gone\",\"pointer\":\"/x\",\"value\":{\"_meta\":{\"disable\":true}}}]",
         HG_ERR_INVALID, "/x", "unknown plugin [gone]"},
        {"a field, and disabled",
         "[{\"plugin\":\"unit_a\",\"value\":{\"tag\":7,\"_meta\":{\"disable\":true}}}]", HG_OK, "",
         ""},
        {"metadata of a plugin that says nothing of it",
         "[{\"plugin\":\"unit_a\",\"use\":\"metadata\",\"value\":{\"any\":[1]}}]", HG_OK, "", ""},
        {"odd requests", "[7,null,{},{\"plugin\":7}]", HG_ERR_INVALID, "",
         "invalid plugin conf  for plugin []"},
    };

    (void)state;
    set_manifest("null");
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        judge(cases[i].configs);
        if (status != cases[i].status ||
            (status == HG_OK) != (json_array_size(found_issues) == 0) ||
            strstr(issue("pointer"), cases[i].pointer) == NULL ||
            strstr(issue("text"), cases[i].text) == NULL) {
            fail_msg("%s: status %d, \"%s\", \"%s\"", cases[i].label, (int)status, issue("pointer"),
                     issue("text"));
        }
    }
}

static void unknown_fields_come_as_warnings(void **state)
{
    (void)state;
    set_manifest("null");
    judge("[{\"plugin\":\"unit_a\",\"pointer\":\"/x\",\"value\":{\"tga\":1}}]");
    assert_int_equal(status, HG_OK);
    assert_int_equal(json_array_size(found_warnings), 1);
}

static void a_plugin_that_the_list_leaves_out_is_warned_about(void **state)
{
    (void)state;
    set_manifest("[\"unit_a\"]");
    judge("[{\"plugin\":\"gone\",\"pointer\":\"/x\",\"value\":{\"any\":1}}]");
    assert_int_equal(status, HG_OK);
    assert_int_equal(json_array_size(found_warnings), 1);
}

static void a_configuration_that_brings_its_plugin_down_is_refused(void **state)
{
    static const struct {
        const char *how;
        hg_status status;
        const char *text;
    } cases[] = {
        {"\"in_parse\":\"crash\"", HG_ERR_IO, "parse: crashed with signal 11"},
        {"\"in_parse\":\"abort\"", HG_ERR_IO, "parse: aborted with signal 6"},
        {"\"in_parse\":\"kill\"", HG_ERR_IO, "parse: called exit(3)"},
        {"\"in_parse\":\"hang\"", HG_ERR_TIMEOUT, "parse: did not return within"},
        {"\"in_check\":\"crash\"", HG_ERR_IO, "check: crashed with signal 11"},
        {"\"in_check\":\"hang\"", HG_ERR_TIMEOUT, "check: did not return within"},
    };

    (void)state;
    set_manifest("null");
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char configs[256];

        (void)snprintf(
            configs, sizeof(configs),
            "[{\"plugin\":\"unit_a\",\"pointer\":\"/a\",\"value\":{}},"
            "{\"plugin\":\"unit_raw\",\"pointer\":\"/plugins/unit_raw\",\"value\":{%s}}]",
            cases[i].how);
        judge(configs);
        if (status != cases[i].status || strstr(issue("text"), cases[i].text) == NULL ||
            strstr(issue("text"), "plugin unit_raw") == NULL ||
            strcmp(issue("pointer"), "/plugins/unit_raw") != 0) {
            fail_msg("%s: status %d, \"%s\", \"%s\"", cases[i].how, (int)status, issue("pointer"),
                     issue("text"));
        }
        judge("[{\"plugin\":\"unit_raw\",\"pointer\":\"/x\",\"value\":{}}]"); /* and on it goes */
        assert_int_equal(status, HG_OK);
    }
}

static void kill_child(void *context)
{
    (void)context;
    assert_int_equal(kill(last_child(), SIGKILL), 0);
}

static void a_child_that_is_killed_amid_a_judgement_is_replaced(void **state)
{
    (void)state;
    set_manifest("null");
    judge("[{\"plugin\":\"unit_raw\",\"pointer\":\"/x\",\"value\":{}}]");
    begin("[{\"plugin\":\"unit_raw\",\"pointer\":\"/x\",\"value\":{\"in_parse\":\"hang\"}}]");
    hgh_event_loop_timer_start(loop, &kill_timer, 100, kill_child, NULL);
    wait_for_end();
    assert_int_equal(status, HG_ERR_IO);
    assert_non_null(strstr(issue("text"), "signal 9"));
    judge("[{\"plugin\":\"unit_raw\",\"pointer\":\"/x\",\"value\":{}}]");
    assert_int_equal(status, HG_OK);
}

static void a_child_that_is_killed_while_idle_is_replaced(void **state)
{
    (void)state;
    set_manifest("null");
    judge("[{\"plugin\":\"unit_raw\",\"pointer\":\"/x\",\"value\":{}}]");
    assert_int_equal(kill(last_child(), SIGKILL), 0);
    hgh_event_loop_timer_start(loop, &limit, 200, on_limit, NULL); /* its end is heard of */
    assert_int_equal(hgh_event_loop_run(loop, NULL), HG_OK);
    judge("[{\"plugin\":\"unit_raw\",\"pointer\":\"/x\",\"value\":{}}]");
    assert_int_equal(status, HG_OK);
}

static void the_plugins_are_described_once_they_are_loaded(void **state)
{
    hg_error err = HG_ERROR_INIT;

    (void)state;
    set_manifest("null");
    assert_int_equal(hgh_plugin_check_load(check, &err), HG_OK);
    assert_int_equal(hgh_plugin_check_load(check, &err), HG_OK); /* it runs already */
    judge("[]");
    assert_int_equal(json_array_size(loaded), 3); /* the bad one is left out */
}

static void another_manifest_is_another_child(void **state)
{
    (void)state;
    judge("[{\"plugin\":\"unit_a\",\"pointer\":\"/x\",\"value\":{}}]");
    assert_int_equal(status, HG_ERR_INVALID); /* an empty one at first */
    set_manifest("null");
    judge("[{\"plugin\":\"unit_a\",\"pointer\":\"/x\",\"value\":{}}]");
    assert_int_equal(status, HG_OK);
}

static void a_judgement_under_way_may_be_dropped(void **state)
{
    (void)state;
    set_manifest("null");
    begin("[{\"plugin\":\"unit_raw\",\"pointer\":\"/x\",\"value\":{\"in_parse\":\"hang\"}}]");
    hgh_plugin_check_free(check);
    check = NULL;
    hgh_plugin_check_free(NULL);
    assert_int_equal(calls, 0);
}

#define ROW(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        ROW(configurations_are_judged_with_their_place),
        ROW(unknown_fields_come_as_warnings),
        ROW(a_plugin_that_the_list_leaves_out_is_warned_about),
        ROW(a_configuration_that_brings_its_plugin_down_is_refused),
        ROW(a_child_that_is_killed_amid_a_judgement_is_replaced),
        ROW(a_child_that_is_killed_while_idle_is_replaced),
        ROW(the_plugins_are_described_once_they_are_loaded),
        ROW(another_manifest_is_another_child),
        ROW(a_judgement_under_way_may_be_dropped),
    };

    if (argc > 1 && strcmp(argv[1], "probe") == 0) { /* the child is this program again */
        return hgh_probe_main(argc - 1, argv + 1);
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
