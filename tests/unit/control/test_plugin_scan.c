/* tests/unit/control/test_plugin_scan.c - the directories are read as they are, odd names and all.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/control/plugin_scan.h"
#include "tests/unit/unit.h"

#define LONGEST "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" /* 63 */

static char directory[64];
static char shipped[80];
static char own[80];

static int set_up(void **state)
{
    (void)state;
    (void)snprintf(directory, sizeof(directory), "/tmp/hotgate-unit-XXXXXX");
    if (mkdtemp(directory) == NULL) {
        return -1;
    }
    (void)snprintf(shipped, sizeof(shipped), "%s/shipped", directory);
    (void)snprintf(own, sizeof(own), "%s/own", directory);
    return mkdir(shipped, 0755) == 0 && mkdir(own, 0755) == 0 ? 0 : -1;
}

static int tear_down(void **state)
{
    char command[96];

    (void)state;
    (void)snprintf(command, sizeof(command), "rm -rf %s", directory);
    return system(command);
}

static void make(const char *where, const char *name)
{
    char path[256];

    (void)snprintf(path, sizeof(path), "%s/%s", where, name);
    (void)close(open(path, O_WRONLY | O_CREAT, 0644));
}

/* "NAME* NAME! ...": "*" if it is shipped, "!" if it is in conflict. */
static const char *scanned(const char *overrides)
{
    static char text[1024];
    json_t *list = overrides == NULL ? NULL : json_loads(overrides, JSON_DECODE_ANY, NULL);
    hgh_plugin_scan scan = {0};
    hg_error err = HG_ERROR_INIT;
    size_t at = 0;

    text[0] = '\0';
    if (hgh_plugin_scan_run(shipped, own, list, &scan, &err) != HG_OK) {
        fail_msg("%s", err.text);
    }
    for (size_t i = 0; i < scan.count; i++) {
        const hgh_found_plugin *plugin = &scan.plugins[i];

        at += (size_t)snprintf(text + at, sizeof(text) - at, "%s%s%s%s", i == 0 ? "" : " ",
                               plugin->name, plugin->shipped ? "*" : "",
                               plugin->conflict == NULL ? "" : "!");
        assert_ptr_equal(strstr(plugin->path, plugin->shipped ? shipped : own), plugin->path);
        assert_ptr_equal(hgh_plugin_scan_find(&scan, plugin->name), plugin);
    }
    assert_null(hgh_plugin_scan_find(&scan, "nothing"));
    hgh_plugin_scan_done(&scan);
    json_decref(list);
    return text;
}

static void both_directories_are_read_in_the_order_of_names(void **state)
{
    (void)state;
    assert_string_equal(scanned(NULL), "");
    make(shipped, "limit-count.so");
    make(shipped, "echo.so");
    make(own, "hello.so");
    assert_string_equal(scanned(NULL), "echo* hello limit-count*");
}

static void only_objects_are_taken(void **state)
{
    static const char *const names[] = {
        ".so", ".hidden.so", "readme.txt", "noso", "a.so.bak", "a.so~", "a.SO", ".a.so.swp", "so",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        make(own, names[i]);
    }
    assert_string_equal(scanned(NULL), "");
    make(own, LONGEST ".so");
    assert_string_equal(scanned(NULL), LONGEST);
}

static void a_name_that_is_too_long_is_told(void **state)
{
    hgh_plugin_scan scan = {0};

    (void)state;
    make(own, LONGEST "a.so");
    make(own, LONGEST ".so");
    assert_int_equal(hgh_plugin_scan_run(shipped, own, NULL, &scan, NULL), HG_OK);
    assert_int_equal(scan.count, 2);
    for (size_t i = 0; i < scan.count; i++) {
        bool fits = strcmp(scan.plugins[i].name, LONGEST) == 0;

        assert_int_equal(scan.plugins[i].conflict == NULL, fits);
        if (!fits) {
            assert_non_null(strstr(scan.plugins[i].conflict, "has 64 bytes before .so"));
        }
    }
    hgh_plugin_scan_done(&scan);
}

static void an_odd_stem_is_handed_on_for_a_reason_later(void **state)
{
    (void)state;
    make(own, "a b.so"); /* the descriptor's check says what a name may be */
    make(own, "lib.1.so");
    assert_string_equal(scanned(NULL), "a b lib.1");
}

static void a_name_in_both_is_a_conflict_unless_it_is_overridden(void **state)
{
    static const struct {
        const char *label;
        const char *overrides;
        const char *found;
    } cases[] = {
        {"none", NULL, "echo! hello other*"},
        {"an empty list", "[]", "echo! hello other*"},
        {"another name", "[\"hello\"]", "echo! hello other*"},
        {"that name", "[\"echo\"]", "echo hello other*"},
        {"among odd ones", "[7,null,\"echo\"]", "echo hello other*"},
        {"no list", "\"echo\"", "echo! hello other*"},
    };

    (void)state;
    make(shipped, "echo.so");
    make(own, "echo.so");
    make(own, "hello.so");
    make(shipped, "other.so");
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        if (strcmp(scanned(cases[i].overrides), cases[i].found) != 0) {
            fail_msg("%s: %s", cases[i].label, scanned(cases[i].overrides));
        }
    }
}

static void a_directory_that_is_not_there_is_empty(void **state)
{
    (void)state;
    make(shipped, "echo.so");
    assert_int_equal(rmdir(own), 0);
    assert_string_equal(scanned(NULL), "echo*");
}

static void what_is_no_directory_is_an_error(void **state)
{
    hgh_plugin_scan scan = {0};
    hg_error err = HG_ERROR_INIT;

    (void)state;
    assert_int_equal(rmdir(own), 0);
    make(directory, "own");
    make(shipped, "echo.so");
    assert_int_equal(hgh_plugin_scan_run(shipped, own, NULL, &scan, &err), HG_ERR_IO);
    assert_non_null(strstr(err.text, own));
    hgh_plugin_scan_done(&scan); /* what was found before is freed */
}

#define ROW(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ROW(both_directories_are_read_in_the_order_of_names),
        ROW(only_objects_are_taken),
        ROW(a_name_that_is_too_long_is_told),
        ROW(an_odd_stem_is_handed_on_for_a_reason_later),
        ROW(a_name_in_both_is_a_conflict_unless_it_is_overridden),
        ROW(a_directory_that_is_not_there_is_empty),
        ROW(what_is_no_directory_is_an_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
