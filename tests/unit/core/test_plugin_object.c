/* tests/unit/core/test_plugin_object.c - a plugin that could be misread is refused, a closed one is
 * gone. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host/core/plugin_object.h"
#include "tests/unit/core/plugins.h"
#include "tests/unit/unit.h"

static const hg_host *slot;
static char why[HGH_LEFTOVER_TEXT];

static hg_verdict some_rewrite(hg_request *request, const void *config)
{
    (void)request;
    (void)config;
    return HG_NEXT;
}

/* A good descriptor, from which each row differs in what it says. */
#define GOOD                                                                                       \
    .size = sizeof(hg_plugin), .abi_major = HG_ABI_MAJOR, .abi_minor = HG_ABI_MINOR,               \
    .host = &slot, .name = "a", .version = "1"

#define LONG_NAME "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" /* 63 */

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Woverride-init"

static void check_names_what_is_wrong_with_a_descriptor(void **state)
{
    static const struct {
        const char *label;
        const char *file;
        hg_plugin plugin;
        hg_status status;
        const char *text; /* the part of the message that an operator needs */
    } cases[] = {
        {"good", "a", {GOOD}, HG_OK, ""},
        {"next major", "a", {GOOD, .abi_major = HG_ABI_MAJOR + 1}, HG_ERR_ABI, "build it again"},
        {"next minor", "a", {GOOD, .abi_minor = HG_ABI_MINOR + 1}, HG_ERR_ABI, "build it again"},
        {"next major, all else odd", "a", {.abi_major = 99}, HG_ERR_ABI, "built for ABI 99.0"},
        {"cut short", "a", {GOOD, .size = 8}, HG_ERR_ABI, "descriptor has 8 bytes"},
        {"too long", "a", {GOOD, .size = 4096}, HG_ERR_ABI, "descriptor has 4096 bytes"},
        {"no name", "a", {GOOD, .name = NULL}, HG_ERR_INVALID, "name: found \"\""},
        {"empty name", "", {GOOD, .name = ""}, HG_ERR_INVALID, "name: found \"\""},
        {"name with a dot", "a.b", {GOOD, .name = "a.b"}, HG_ERR_INVALID, "name: found \"a.b\""},
        {"name with a slash", "../a", {GOOD, .name = "../a"}, HG_ERR_INVALID, "name: found"},
        {"longest name", LONG_NAME, {GOOD, .name = LONG_NAME}, HG_OK, ""},
        {"too long a name",
         LONG_NAME "a",
         {GOOD, .name = LONG_NAME "a"},
         HG_ERR_INVALID,
         "1 to 63"},
        {"name of another file", "b", {GOOD}, HG_ERR_INVALID, "calls itself \"a\""},
        {"no version", "a", {GOOD, .version = NULL}, HG_ERR_INVALID, "version"},
        {"empty version", "a", {GOOD, .version = ""}, HG_ERR_INVALID, "version"},
        {"too long a version",
         "a",
         {GOOD, .version = "12345678901234567890123456789012"},
         HG_ERR_INVALID,
         "1 to 31"},
        {"version of odd bytes", "a", {GOOD, .version = "1\xff"}, HG_ERR_INVALID, "ASCII"},
        {"no host slot", "a", {GOOD, .host = NULL}, HG_ERR_INVALID, "HG_PLUGIN"},
        {"unknown flag", "a", {GOOD, .flags = 16}, HG_ERR_INVALID, "flags: found 0x10"},
        {"authentication without rewrite",
         "a",
         {GOOD, .flags = HG_AUTH},
         HG_ERR_INVALID,
         "rewrite"},
        {"authentication",
         "a",
         {GOOD, .flags = HG_AUTH | HG_WAITS | HG_PREFER_ROUTE | HG_STRICT, .rewrite = some_rewrite},
         HG_OK,
         ""},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        hg_error err = HG_ERROR_INIT;
        hg_status status = hgh_plugin_descriptor_check(&cases[i].plugin, cases[i].file, &err);

        if (status != cases[i].status || strstr(err.text, cases[i].text) == NULL) {
            fail_msg("%s: got status %d, \"%s\"", cases[i].label, (int)status, err.text);
        }
    }
}

#pragma GCC diagnostic pop

static void an_object_is_opened_with_its_descriptor(void **state)
{
    hgh_plugin_object *object = NULL;
    hg_error err = HG_ERROR_INIT;

    (void)state;
    assert_int_equal(hgh_plugin_object_open(plugin_path("unit_a"), "unit_a", &object, &err), HG_OK);
    assert_string_equal(hgh_plugin_object_descriptor(object)->name, "unit_a");
    assert_true(plugin_is_mapped("/unit_a.so"));
    assert_true(hgh_plugin_object_close(object, false, why));
}

static void a_closed_object_is_no_longer_mapped(void **state)
{
    (void)state;
    for (int i = 0; i < 100; i++) {
        hgh_plugin_object *object = NULL;

        assert_int_equal(hgh_plugin_object_open(plugin_path("unit_a"), "unit_a", &object, NULL),
                         HG_OK);
        assert_true(hgh_plugin_object_close(object, false, why));
        assert_false(plugin_is_mapped("/unit_a.so"));
    }
}

static void an_object_that_stays_is_noticed(void **state)
{
    hgh_plugin_object *first = NULL;
    hgh_plugin_object *second = NULL;

    (void)state;
    assert_int_equal(hgh_plugin_object_open(plugin_path("unit_a"), "unit_a", &first, NULL), HG_OK);
    assert_int_equal(hgh_plugin_object_open(plugin_path("unit_a"), "unit_a", &second, NULL), HG_OK);
    assert_false(hgh_plugin_object_close(first, false, why)); /* the other handle keeps it */
    assert_true(hgh_plugin_object_close(second, false, why));
}

static void copies_of_one_object_are_told_apart(void **state)
{
    plugin_place place = {0};
    hgh_plugin_object *first = NULL;
    hgh_plugin_object *second = NULL;

    (void)state;
    plugin_place_init(&place);
    assert_int_equal(
        hgh_plugin_object_open(plugin_copy(&place, "unit_a", "x.1.so"), "unit_a", &first, NULL),
        HG_OK);
    assert_int_equal(
        hgh_plugin_object_open(plugin_copy(&place, "unit_a", "x.2.so"), "unit_a", &second, NULL),
        HG_OK);
    assert_ptr_not_equal(hgh_plugin_object_descriptor(first), hgh_plugin_object_descriptor(second));
    assert_true(hgh_plugin_object_close(first, false, why));
    assert_true(plugin_is_mapped("/x.2.so"));
    assert_true(hgh_plugin_object_close(second, false, why));
    plugin_place_done(&place);
}

static void what_cannot_be_opened_says_why_and_leaves_nothing(void **state)
{
    static const struct {
        const char *label;
        const char *file;
        const char *name;
        hg_status status;
        const char *text;
    } cases[] = {
        {"no file", "missing", "missing", HG_ERR_IO, "cannot open shared object file"},
        {"no plugin", "unit_none", "unit_none", HG_ERR_ABI, "exports no hg_plugin_v"},
        {"another name", "unit_a", "other", HG_ERR_INVALID, "calls itself \"unit_a\""},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        hgh_plugin_object *object = NULL;
        hg_error err = HG_ERROR_INIT;
        hg_status status =
            hgh_plugin_object_open(plugin_path(cases[i].file), cases[i].name, &object, &err);

        if (status != cases[i].status || strstr(err.text, cases[i].text) == NULL ||
            strstr(err.text, "tests/plugins") != NULL) { /* the reason without its long path */
            fail_msg("%s: got status %d, \"%s\"", cases[i].label, (int)status, err.text);
        }
        assert_null(object);
        assert_false(plugin_is_mapped(cases[i].file));
    }
}

static void a_file_of_garbage_is_refused(void **state)
{
    plugin_place place = {0};
    hgh_plugin_object *object = NULL;
    hg_error err = HG_ERROR_INIT;
    const char *path;

    (void)state;
    plugin_place_init(&place);
    path = plugin_copy(&place, "unit_a", "cut.so");
    assert_int_equal(truncate(path, 40), 0);
    assert_int_equal(hgh_plugin_object_open(path, "cut", &object, &err), HG_ERR_IO);
    assert_string_not_equal(err.text, "");
    plugin_place_done(&place);
}

static void nothing_may_be_closed(void **state)
{
    (void)state;
    assert_true(hgh_plugin_object_close(NULL, false, why));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(check_names_what_is_wrong_with_a_descriptor),
        cmocka_unit_test(an_object_is_opened_with_its_descriptor),
        cmocka_unit_test(a_closed_object_is_no_longer_mapped),
        cmocka_unit_test(an_object_that_stays_is_noticed),
        cmocka_unit_test(copies_of_one_object_are_told_apart),
        cmocka_unit_test(what_cannot_be_opened_says_why_and_leaves_nothing),
        cmocka_unit_test(a_file_of_garbage_is_refused),
        cmocka_unit_test(nothing_may_be_closed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
