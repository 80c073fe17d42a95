/* tests/unit/control/test_generation_archive.c - the last few manifests are kept, whatever else
 * lies there. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/control/generation_archive.h"
#include "host/control/manifest.h"
#include "tests/unit/unit.h"

static char directory[64];
static hgh_instance instance;

static const char *file_path(const char *name)
{
    static char path[160];

    (void)snprintf(path, sizeof(path), "%s/%s/%s", directory, HGH_ARCHIVE_DIRECTORY, name);
    return path;
}

static int set_up(void **state)
{
    char path[96];

    (void)state;
    (void)snprintf(directory, sizeof(directory), "/tmp/hotgate-unit-XXXXXX");
    if (mkdtemp(directory) == NULL) {
        return -1;
    }
    instance = (hgh_instance){.directory = directory, .lock = -1};
    (void)snprintf(path, sizeof(path), "%s/state", directory);
    return mkdir(path, 0750) == 0 && mkdir(file_path(""), 0750) == 0 ? 0 : -1;
}

static int tear_down(void **state)
{
    char command[96];

    (void)state;
    (void)snprintf(command, sizeof(command), "rm -rf %s", directory);
    return system(command);
}

static json_t *manifest_make(uint64_t generation)
{
    return json_pack("{s:I, s:n, s:[]}", "generation", (json_int_t)generation, "listed", "plugins");
}

static void keep(uint64_t generation)
{
    json_t *manifest = manifest_make(generation);
    hg_error err = HG_ERROR_INIT;

    if (hgh_generation_archive_keep(&instance, manifest, &err) != HG_OK) {
        fail_msg("%s", err.text);
    }
    json_decref(manifest);
}

static void put(const char *name, const char *text)
{
    FILE *file = fopen(file_path(name), "w");

    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static bool exists(const char *name)
{
    return access(file_path(name), F_OK) == 0;
}

/* The generations that are kept, such as "3 2 1". */
static const char *kept(void)
{
    static char text[256];
    json_t *all = hgh_generation_archive_all(&instance);
    size_t length = 0;

    assert_non_null(all);
    text[0] = '\0';
    for (size_t i = 0; i < json_array_size(all); i++) {
        length +=
            (size_t)snprintf(text + length, sizeof(text) - length, "%s%llu", i == 0 ? "" : " ",
                             (unsigned long long)hgh_manifest_generation(json_array_get(all, i)));
    }
    json_decref(all);
    return text;
}

static void an_empty_archive_has_nothing(void **state)
{
    (void)state;
    assert_string_equal(kept(), "");
    assert_int_equal(rmdir(file_path("")), 0);
    assert_string_equal(kept(), "");
}

static void the_newest_come_first_by_number(void **state)
{
    (void)state;
    keep(9);
    keep(100);
    keep(10);
    assert_string_equal(kept(), "100 10 9");
    keep(10); /* again: the same file */
    assert_string_equal(kept(), "100 10 9");
}

static void what_was_kept_comes_back_whole(void **state)
{
    json_t *manifest = json_loads(
        "{\"generation\":7,\"listed\":[\"a\"],\"next_number\":4,\"quarantine\":[{\"name\":\"b\"}],"
        "\"plugins\":[{\"name\":\"a\",\"sha256\":\"x\",\"path\":\"staging/a.so\",\"number\":3}]}",
        0, NULL);
    json_t *all;

    (void)state;
    assert_non_null(manifest);
    assert_int_equal(hgh_generation_archive_keep(&instance, manifest, NULL), HG_OK);
    all = hgh_generation_archive_all(&instance);
    assert_int_equal(json_array_size(all), 1);
    assert_true(json_equal(json_array_get(all, 0), manifest));
    json_decref(all);
    json_decref(manifest);
}

static void the_oldest_go(void **state)
{
    (void)state;
    for (uint64_t i = 1; i <= 8; i++) {
        keep(i);
    }
    assert_string_equal(kept(), "8 7 6 5 4");
    assert_false(exists("3.json"));
    assert_true(exists("4.json"));
}

static void other_files_do_not_count_and_stay(void **state)
{
    static const char *const names[] = {
        "-1.json",   "+9.json",
        " 9.json",   "009.json",
        "0x9.json",  "9.json.new",
        "9",         "9.json~",
        ".json",     "a9.json",
        "9a.json",   "9.JSON",
        "notes.txt", "99999999999999999999999999.json",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        put(names[i], "{\"generation\":9,\"listed\":null,\"plugins\":[]}");
    }
    for (uint64_t i = 1; i <= 7; i++) {
        keep(i);
    }
    assert_string_equal(kept(), "7 6 5 4 3");
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        if (!exists(names[i])) {
            fail_msg("%s is gone", names[i]);
        }
    }
}

static void what_cannot_be_read_is_left_out(void **state)
{
    static const char *const texts[] = {
        "",
        "garbage",
        "{\"generation\":2,\"list",
        "[]",
        "{\"generation\":2}",
        "{\"generation\":-2,\"listed\":null,\"plugins\":[]}",
        "{\"generation\":2,\"listed\":null,\"plugins\":[{\"name\":7}]}",
    };

    (void)state;
    keep(1);
    keep(3);
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        put("2.json", texts[i]);
        if (strcmp(kept(), "3 1") != 0) {
            fail_msg("%s: %s", texts[i], kept());
        }
    }
    assert_int_equal(unlink(file_path("2.json")), 0);
    assert_int_equal(mkdir(file_path("2.json"), 0700), 0);
    assert_string_equal(kept(), "3 1");
}

static void the_newest_are_found_among_very_many(void **state)
{
    char name[32];
    char text[96];

    (void)state;
    for (int i = 1; i <= 200; i++) {
        int number = i * 7 % 201; /* in no order */

        (void)snprintf(name, sizeof(name), "%d.json", number);
        (void)snprintf(text, sizeof(text), "{\"generation\":%d,\"listed\":null,\"plugins\":[]}",
                       number);
        put(name, text);
    }
    assert_string_equal(kept(), "200 199 198 197 196");
    keep(201);
    assert_string_equal(kept(), "201 200 199 198 197");
}

static void without_room_nothing_is_lost(void **state)
{
    json_t *manifest = manifest_make(9);
    struct rlimit before;
    struct rlimit limit;
    hg_error err = HG_ERROR_INIT;

    (void)state;
    for (uint64_t i = 1; i <= 5; i++) {
        keep(i);
    }
    (void)signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    limit = before;
    limit.rlim_cur = 10;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    assert_int_equal(hgh_generation_archive_keep(&instance, manifest, &err), HG_ERR_IO);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    (void)signal(SIGXFSZ, SIG_DFL);
    assert_non_null(strstr(err.text, "9.json"));
    assert_string_equal(kept(), "5 4 3 2 1");
    json_decref(manifest);
}

static void without_its_directory_an_error_says_where(void **state)
{
    json_t *manifest = manifest_make(9);
    hg_error err = HG_ERROR_INIT;

    (void)state;
    assert_int_equal(rmdir(file_path("")), 0);
    assert_int_equal(hgh_generation_archive_keep(&instance, manifest, &err), HG_ERR_IO);
    assert_non_null(strstr(err.text, HGH_ARCHIVE_DIRECTORY));
    json_decref(manifest);
}

#define ROW(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ROW(an_empty_archive_has_nothing),
        ROW(the_newest_come_first_by_number),
        ROW(what_was_kept_comes_back_whole),
        ROW(the_oldest_go),
        ROW(other_files_do_not_count_and_stay),
        ROW(what_cannot_be_read_is_left_out),
        ROW(the_newest_are_found_among_very_many),
        ROW(without_room_nothing_is_lost),
        ROW(without_its_directory_an_error_says_where),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
