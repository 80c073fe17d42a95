/* tests/unit/control/test_staging.c - copies are private, whole, and gone when nothing names them.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/control/staging.h"
#include "tests/unit/unit.h"

static char directory[64];
static hgh_instance instance;

static int set_up(void **state)
{
    char path[96];

    (void)state;
    (void)snprintf(directory, sizeof(directory), "/tmp/hotgate-unit-XXXXXX");
    if (mkdtemp(directory) == NULL) {
        return -1;
    }
    (void)snprintf(path, sizeof(path), "%s/staging", directory);
    instance = (hgh_instance){.directory = directory, .lock = -1};
    return mkdir(path, 0750);
}

static int tear_down(void **state)
{
    char command[96];

    (void)state;
    (void)snprintf(command, sizeof(command), "rm -rf %s", directory);
    return system(command);
}

static hgh_object_file file_of(char *bytes)
{
    hgh_object_file file = {.bytes = (unsigned char *)bytes, .size = strlen(bytes)};

    memset(file.sha256, 'a', sizeof(file.sha256) - 1);
    return file;
}

static bool exists(const char *relative)
{
    char path[256];

    (void)snprintf(path, sizeof(path), "%s/%s", directory, relative);
    return access(path, F_OK) == 0;
}

static void a_copy_has_a_name_of_its_own_and_nobody_writes_it(void **state)
{
    char bytes[] = "content";
    hgh_object_file file = file_of(bytes);
    char *first = NULL;
    char *second = NULL;
    char path[256];
    struct stat status;

    (void)state;
    assert_int_equal(hgh_staging_write(&instance, "echo", 7, &file, &first, NULL), HG_OK);
    assert_int_equal(hgh_staging_write(&instance, "echo", 8, &file, &second, NULL), HG_OK);
    assert_string_not_equal(first, second);
    assert_ptr_equal(strstr(first, "staging/echo.aaaa"), first);
    assert_non_null(strstr(first, ".7.so"));
    (void)snprintf(path, sizeof(path), "%s/%s", directory, first);
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_size, 7);
    assert_int_equal(status.st_mode & 0777, 0440);
    free(first);
    free(second);
}

static void what_a_given_up_reload_left_is_written_anew(void **state)
{
    char old_bytes[] = "old content";
    char new_bytes[] = "new";
    hgh_object_file old_file = file_of(old_bytes);
    hgh_object_file new_file = file_of(new_bytes);
    char *first = NULL;
    char *second = NULL;
    char path[256];
    struct stat before;
    struct stat after;
    int held;

    (void)state;
    assert_int_equal(hgh_staging_write(&instance, "echo", 7, &old_file, &first, NULL), HG_OK);
    (void)snprintf(path, sizeof(path), "%s/%s", directory, first);
    held = open(path, O_RDONLY); /* so that its number is not used again */
    assert_int_equal(stat(path, &before), 0);
    assert_int_equal(hgh_staging_write(&instance, "echo", 7, &new_file, &second, NULL), HG_OK);
    assert_int_equal(stat(path, &after), 0);
    assert_int_not_equal(before.st_ino, after.st_ino); /* a mapped file never changes */
    assert_int_equal(after.st_size, 3);
    (void)close(held);
    free(first);
    free(second);
}

static void a_copy_that_cannot_be_finished_is_not_left(void **state)
{
    struct rlimit old;
    struct rlimit none;
    char bytes[] = "content";
    hgh_object_file file = file_of(bytes);
    char *path = NULL;
    hg_error err = HG_ERROR_INIT;
    hg_status status;

    (void)state;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    none = (struct rlimit){0, old.rlim_max};
    (void)signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &none), 0);
    status = hgh_staging_write(&instance, "echo", 7, &file, &path, &err);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    assert_int_equal(status, HG_ERR_IO);
    assert_non_null(strstr(err.text, "staging/echo"));
    assert_null(path);
    assert_false(exists("staging/echo."
                        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.7.so"));
}

static void a_directory_that_is_not_there_is_an_error(void **state)
{
    hgh_instance nowhere = {.directory = (char[]){"/nonexistent"}, .lock = -1};
    char bytes[] = "content";
    hgh_object_file file = file_of(bytes);
    char *path = NULL;
    hg_error err = HG_ERROR_INIT;

    (void)state;
    assert_int_equal(hgh_staging_write(&nowhere, "echo", 7, &file, &path, &err), HG_ERR_IO);
    assert_int_equal(hgh_staging_check(&nowhere, &err), HG_ERR_IO);
    assert_int_equal(hgh_staging_check(&instance, &err), HG_OK);
    hgh_staging_sweep(&nowhere, NULL);
    hgh_staging_remove(&nowhere, "staging/x.so");
}

static void what_no_manifest_names_is_swept(void **state)
{
    static const char *const files[] = {"staging/now.so", "staging/back.so", "staging/before.so",
                                        "staging/old.so", "staging/.hidden"};
    json_t *manifests = json_loads(
        "[{\"plugins\":[{\"path\":\"staging/now.so\",\"previous\":{\"path\":\"staging/back.so\"}},"
        "{\"path\":7},{}]}, {\"plugins\":[{\"path\":\"staging/before.so\"}]}]",
        0, NULL);
    char path[128];

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
        (void)snprintf(path, sizeof(path), "%s/%s", directory, files[i]);
        (void)close(open(path, O_WRONLY | O_CREAT, 0440));
    }
    (void)snprintf(path, sizeof(path), "%s/staging/sub", directory);
    assert_int_equal(mkdir(path, 0750), 0);
    hgh_staging_sweep(&instance, manifests);
    assert_true(exists("staging/now.so"));
    assert_true(exists("staging/before.so"));
    assert_true(exists("staging/back.so"));
    assert_false(exists("staging/old.so"));
    assert_true(exists("staging/.hidden"));
    assert_true(exists("staging/sub"));
    (void)json_array_remove(manifests, 1);
    hgh_staging_sweep(&instance, manifests);
    assert_false(exists("staging/before.so"));
    hgh_staging_remove(&instance, "staging/now.so");
    assert_false(exists("staging/now.so"));
    json_decref(manifests);
}

#define ROW(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ROW(a_copy_has_a_name_of_its_own_and_nobody_writes_it),
        ROW(what_a_given_up_reload_left_is_written_anew),
        ROW(a_copy_that_cannot_be_finished_is_not_left),
        ROW(a_directory_that_is_not_there_is_an_error),
        ROW(what_no_manifest_names_is_swept),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
