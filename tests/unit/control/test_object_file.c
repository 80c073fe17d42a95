/* tests/unit/control/test_object_file.c - only a file that nobody else can change is read. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/control/object_file.h"
#include "tests/unit/unit.h"

#define BYTES_MAX 1000u

static char directory[64];

static const char *path_of(const char *name)
{
    static char path[128];

    (void)snprintf(path, sizeof(path), "%s/%s", directory, name);
    return path;
}

static int group_set_up(void **state)
{
    (void)state;
    (void)snprintf(directory, sizeof(directory), "/tmp/hotgate-unit-XXXXXX");
    return mkdtemp(directory) == NULL ? -1 : 0;
}

static int group_tear_down(void **state)
{
    char command[96];

    (void)state;
    (void)snprintf(command, sizeof(command), "rm -rf %s", directory);
    return system(command);
}

static void write_file(const char *name, mode_t mode)
{
    int fd = open(path_of(name), O_WRONLY | O_CREAT | O_TRUNC, 0600);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, "content", 7), 7);
    assert_int_equal(fchmod(fd, mode), 0);
    (void)close(fd);
}

static hg_status read_path(const char *path, hg_error *err)
{
    hgh_object_file file = {0};
    hg_status status = hgh_object_file_read(path, BYTES_MAX, &file, err);

    if (status == HG_OK) {
        hgh_object_file_done(&file);
    }
    return status;
}

static hg_status read_anywhere(const char *path, hg_error *err)
{
    hgh_object_file file = {0};
    hg_status status = hgh_object_file_read_anywhere(path, BYTES_MAX, &file, err);

    if (status == HG_OK) {
        hgh_object_file_done(&file);
    }
    return status;
}

static void a_file_is_read_only_if_nobody_else_can_change_it(void **state)
{
    static const struct {
        const char *label;
        const char *name;
        hg_status status;
        const char *text;
        hg_status anywhere; /* where it does not matter who can change it */
    } cases[] = {
        {"own", "own", HG_OK, "", HG_OK},
        {"own, below a directory", "dir/own", HG_OK, "", HG_OK},
        {"slash at the end", "own/", HG_OK, "", HG_ERR_IO},
        {"double slash", "dir//own", HG_OK, "", HG_OK},
        {"empty", "empty", HG_OK, "", HG_OK},
        {"group may write", "group", HG_ERR_INVALID, "chmod go-w", HG_OK},
        {"all may write", "world", HG_ERR_INVALID, "chmod go-w", HG_OK},
        {"link", "link", HG_ERR_IO, "is a link", HG_OK},
        {"link to a directory on the way", "dirlink/own", HG_ERR_IO, "is a link", HG_OK},
        {"two names", "hard", HG_ERR_INVALID, "has 2 names", HG_OK},
        {"FIFO", "fifo", HG_ERR_INVALID, "not a regular file", HG_ERR_INVALID},
        {"directory", "dir", HG_ERR_INVALID, "not a regular file", HG_ERR_INVALID},
        {"directory that others may write", "open/own", HG_ERR_INVALID, "chmod go-w", HG_OK},
        {"missing", "missing", HG_ERR_NOT_FOUND, "No such file", HG_ERR_NOT_FOUND},
        {"below a missing directory", "missing/x", HG_ERR_NOT_FOUND, "No such file",
         HG_ERR_NOT_FOUND},
        {"below a file", "own/x", HG_ERR_IO, "not a directory", HG_ERR_IO},
        {"too large", "large", HG_ERR_TOO_LARGE, "at most", HG_ERR_TOO_LARGE},
    };

    (void)state;
    (void)mkdir(path_of("dir"), 0755);
    (void)mkdir(path_of("open"), 0755);
    write_file("own", 0600);
    write_file("dir/own", 0644);
    write_file("open/own", 0644);
    (void)chmod(path_of("open"), 0777);
    write_file("group", 0620);
    write_file("world", 0602);
    write_file("empty", 0600);
    write_file("large", 0600);
    assert_int_equal(truncate(path_of("empty"), 0), 0);
    assert_int_equal(truncate(path_of("large"), (off_t)BYTES_MAX + 1), 0);
    assert_int_equal(symlink("own", path_of("link")), 0);
    assert_int_equal(symlink("dir", path_of("dirlink")), 0);
    assert_int_equal(mkfifo(path_of("fifo"), 0600), 0);
    write_file("hard", 0600);
    char other[128];
    (void)snprintf(other, sizeof(other), "%s/hard2", directory);
    assert_int_equal(link(path_of("hard"), other), 0);
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        hg_error err = HG_ERROR_INIT;
        hg_status status = read_path(path_of(cases[i].name), &err);

        if (status != cases[i].status || strstr(err.text, cases[i].text) == NULL) {
            fail_msg("%s: got status %d, \"%s\"", cases[i].label, (int)status, err.text);
        }
        status = read_anywhere(path_of(cases[i].name), &err);
        if (status != cases[i].anywhere) {
            fail_msg("%s: anywhere: got status %d, \"%s\"", cases[i].label, (int)status, err.text);
        }
    }
}

static void a_file_of_another_user_is_refused(void **state)
{
    hg_error err = HG_ERROR_INIT;

    (void)state;
    if (geteuid() != 0) {
        skip();
    }
    write_file("foreign", 0644);
    assert_int_equal(chown(path_of("foreign"), 12345, 0), 0);
    assert_int_equal(read_path(path_of("foreign"), &err), HG_ERR_INVALID);
    assert_non_null(strstr(err.text, "belongs to user 12345"));
    assert_int_equal(read_anywhere(path_of("foreign"), &err), HG_OK);
    (void)mkdir(path_of("foreign-dir"), 0755);
    write_file("foreign-dir/own", 0644);
    assert_int_equal(chown(path_of("foreign-dir"), 12345, 0), 0);
    assert_int_equal(read_path(path_of("foreign-dir/own"), &err), HG_ERR_INVALID);
}

static void a_path_that_is_none_is_refused(void **state)
{
    static const char *const rows[] = {"", "/", "//"};
    char name[600];
    hg_error err = HG_ERROR_INIT;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        assert_int_equal(read_path(rows[i], &err), HG_ERR_INVALID);
    }
    memset(name, 'a', sizeof(name) - 1);
    name[0] = '/';
    name[sizeof(name) - 1] = '\0';
    assert_int_equal(read_path(name, &err), HG_ERR_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_is_read_only_if_nobody_else_can_change_it),
        cmocka_unit_test(a_file_of_another_user_is_refused),
        cmocka_unit_test(a_path_that_is_none_is_refused),
    };

    return cmocka_run_group_tests(tests, group_set_up, group_tear_down);
}
