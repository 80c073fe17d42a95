/* tests/unit/control/test_manifest.c - the manifest is whole or refused, and numbers never clash.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/control/manifest.h"
#include "tests/unit/unit.h"

static char directory[64];
static char path[96];

static int set_up(void **state)
{
    (void)state;
    (void)snprintf(directory, sizeof(directory), "/tmp/hotgate-unit-XXXXXX");
    if (mkdtemp(directory) == NULL) {
        return -1;
    }
    (void)snprintf(path, sizeof(path), "%s/generation.json", directory);
    return 0;
}

static int tear_down(void **state)
{
    char command[96];

    (void)state;
    (void)snprintf(command, sizeof(command), "rm -rf %s", directory);
    return system(command);
}

static void write_text(const char *text, size_t length)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, length, file), length);
    (void)fclose(file);
}

static json_t *manifest_of(const char *text)
{
    json_t *manifest = json_loads(text, 0, NULL);

    assert_non_null(manifest);
    return manifest;
}

#define ENTRY(number)                                                                              \
    "{\"name\":\"a\",\"sha256\":\"x\",\"path\":\"staging/a.x.1.so\",\"number\":" #number "}"

static void what_is_written_is_read_again(void **state)
{
    json_t *manifest = manifest_of(
        "{\"generation\":7,\"next_number\":3,\"listed\":[\"a\"],\"plugins\":[" ENTRY(2) "]}");
    json_t *read = NULL;
    hg_error err = HG_ERROR_INIT;
    struct stat status;

    (void)state;
    assert_int_equal(hgh_manifest_write(path, manifest, &err), HG_OK);
    assert_int_equal(hgh_manifest_write(path, manifest, &err), HG_OK); /* over the old one */
    assert_int_equal(hgh_manifest_read(path, &read, &err), HG_OK);
    assert_true(json_equal(manifest, read));
    assert_int_equal(hgh_manifest_generation(read), 7);
    assert_non_null(hgh_manifest_find(read, "a"));
    assert_null(hgh_manifest_find(read, "b"));
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 07, 0); /* nobody else's to read */
    json_decref(read);
    json_decref(manifest);
}

static void no_file_is_no_manifest(void **state)
{
    json_t *manifest = (json_t *)(uintptr_t)1;
    hg_error err = HG_ERROR_INIT;

    (void)state;
    assert_int_equal(hgh_manifest_read(path, &manifest, &err), HG_OK);
    assert_null(manifest);
}

static void what_is_damaged_is_refused_with_the_way_out(void **state)
{
    static const struct {
        const char *label;
        const char *text;
    } cases[] = {
        {"empty", ""},
        {"cut", "{\"generation\":1,\"listed\":null,\"plugins\":["},
        {"no JSON", "generation: 1"},
        {"an array", "[]"},
        {"no generation", "{\"listed\":null,\"plugins\":[]}"},
        {"negative generation", "{\"generation\":-1,\"listed\":null,\"plugins\":[]}"},
        {"generation of another type", "{\"generation\":\"1\",\"listed\":null,\"plugins\":[]}"},
        {"no plugins", "{\"generation\":1,\"listed\":null}"},
        {"plugins of another type", "{\"generation\":1,\"listed\":null,\"plugins\":{}}"},
        {"no list", "{\"generation\":1,\"plugins\":[]}"},
        {"list of another type", "{\"generation\":1,\"listed\":\"a\",\"plugins\":[]}"},
        {"an odd entry", "{\"generation\":1,\"listed\":null,\"plugins\":[7]}"},
        {"an entry without a number",
         "{\"generation\":1,\"listed\":null,\"plugins\":[{\"name\":\"a\",\"sha256\":\"x\","
         "\"path\":\"p\"}]}"},
        {"number 0", "{\"generation\":1,\"listed\":null,\"plugins\":[" ENTRY(0) "]}"},
        {"number too high", "{\"generation\":1,\"listed\":null,\"plugins\":[" ENTRY(65536) "]}"},
        {"a name twice",
         "{\"generation\":1,\"listed\":null,\"plugins\":[" ENTRY(1) "," ENTRY(2) "]}"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        json_t *manifest = NULL;
        hg_error err = HG_ERROR_INIT;

        write_text(cases[i].text, strlen(cases[i].text));
        if (hgh_manifest_read(path, &manifest, &err) != HG_ERR_INVALID ||
            strstr(err.text, "move it away") == NULL || manifest != NULL) {
            fail_msg("%s: \"%s\"", cases[i].label, err.text);
        }
        assert_int_equal(access(path, F_OK), 0); /* it is kept for whoever looks into it */
    }
}

static void every_cut_of_a_good_file_is_refused(void **state)
{
    const char *text =
        "{\"generation\":1,\"next_number\":2,\"listed\":null,\"plugins\":[" ENTRY(1) "]}";

    (void)state;
    for (size_t length = 0; length < strlen(text); length++) {
        json_t *manifest = NULL;
        hg_error err = HG_ERROR_INIT;

        write_text(text, length);
        assert_int_equal(hgh_manifest_read(path, &manifest, &err), HG_ERR_INVALID);
    }
}

static void what_cannot_be_written_leaves_the_old_one(void **state)
{
    json_t *old = manifest_of("{\"generation\":1,\"listed\":null,\"plugins\":[]}");
    json_t *next = manifest_of("{\"generation\":2,\"listed\":null,\"plugins\":[]}");
    json_t *read = NULL;
    char temporary[112];
    hg_error err = HG_ERROR_INIT;

    (void)state;
    assert_int_equal(hgh_manifest_write(path, old, &err), HG_OK);
    (void)snprintf(temporary, sizeof(temporary), "%s.new", path);
    assert_int_equal(mkdir(temporary, 0700), 0); /* in its way */
    assert_int_equal(hgh_manifest_write(path, next, &err), HG_ERR_IO);
    assert_non_null(strstr(err.text, temporary));
    assert_int_equal(rmdir(temporary), 0);
    assert_int_equal(symlink("/dev/full", temporary), 0); /* a link is not followed */
    assert_int_equal(hgh_manifest_write(path, next, &err), HG_ERR_IO);
    (void)unlink(temporary);
    assert_int_equal(hgh_manifest_read(path, &read, &err), HG_OK);
    assert_int_equal(hgh_manifest_generation(read), 1);
    assert_int_equal(hgh_manifest_write("/nonexistent/generation.json", next, &err), HG_ERR_IO);
    json_decref(read);
    json_decref(old);
    json_decref(next);
}

static void a_number_is_never_one_in_use(void **state)
{
    static const struct {
        const char *label;
        const char *text;
        uint32_t first;
        uint32_t second;
    } cases[] = {
        {"fresh", "{\"next_number\":1,\"plugins\":[]}", 1, 2},
        {"in the middle", "{\"next_number\":9,\"plugins\":[" ENTRY(9) "," ENTRY(10) "]}", 11, 12},
        {"at the end", "{\"next_number\":65535,\"plugins\":[]}", 65535, 1},
        {"around the end", "{\"next_number\":65535,\"plugins\":[" ENTRY(65535) "," ENTRY(1) "]}", 2,
         3},
        {"beyond the end", "{\"next_number\":65536,\"plugins\":[]}", 1, 2},
        {"none", "{\"plugins\":[]}", 1, 2},
        {"zero", "{\"next_number\":0,\"plugins\":[]}", 1, 2},
        {"negative", "{\"next_number\":-70000,\"plugins\":[]}", 1, 2},
        {"huge", "{\"next_number\":9223372036854775807,\"plugins\":[]}", 1, 2},
        {"another type", "{\"next_number\":\"5\",\"plugins\":[]}", 1, 2},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        json_t *manifest = manifest_of(cases[i].text);
        uint32_t first = hgh_manifest_take_number(manifest);
        uint32_t second = hgh_manifest_take_number(manifest);

        if (first != cases[i].first || second != cases[i].second) {
            fail_msg("%s: %u, then %u", cases[i].label, first, second);
        }
        json_decref(manifest);
    }
}

static void the_first_free_number_is_found_behind_many(void **state)
{
    json_t *plugins = json_array();
    json_t *manifest = json_pack("{s:i, s:o}", "next_number", 5, "plugins", plugins);

    (void)state;
    (void)json_array_append_new(plugins, json_pack("{s:i}", "number", 1));
    for (int i = 2; i <= 300; i++) {
        (void)json_array_append_new(plugins, json_pack("{s:i}", "number", i));
    }
    assert_int_equal(hgh_manifest_take_number(manifest), 301);
    json_decref(manifest);
}

static void a_new_one_is_valid(void **state)
{
    json_t *manifest = hgh_manifest_new();
    json_t *read = NULL;

    (void)state;
    assert_int_equal(hgh_manifest_generation(manifest), 0);
    assert_int_equal(hgh_manifest_write(path, manifest, NULL), HG_OK);
    assert_int_equal(hgh_manifest_read(path, &read, NULL), HG_OK);
    json_decref(read);
    json_decref(manifest);
}

#define ROW(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ROW(what_is_written_is_read_again),
        ROW(no_file_is_no_manifest),
        ROW(what_is_damaged_is_refused_with_the_way_out),
        ROW(every_cut_of_a_good_file_is_refused),
        ROW(what_cannot_be_written_leaves_the_old_one),
        ROW(a_number_is_never_one_in_use),
        ROW(the_first_free_number_is_found_behind_many),
        ROW(a_new_one_is_valid),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
