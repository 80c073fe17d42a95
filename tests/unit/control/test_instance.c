/* tests/unit/control/test_instance.c - an instance directory is made, checked and locked. */
#include <fcntl.h>
#include <ftw.h>
#include <pwd.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host/control/instance.h"
#include "tests/unit/ordinary_user.h"
#include "tests/unit/unit.h"

static char directory[64];

static int make_directory(void **state)
{
    (void)state;
    (void)snprintf(directory, sizeof(directory), "/tmp/hotgate-test-XXXXXX");
    (void)unsetenv("HOTGATE_INSTALL_ROOT");
    return mkdtemp(directory) == NULL ? -1 : 0;
}

static int remove_entry(const char *path, const struct stat *info, int kind, struct FTW *where)
{
    (void)info;
    (void)kind;
    (void)where;
    return remove(path);
}

static int remove_directory(void **state)
{
    (void)state;
    return nftw(directory, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

static unsigned mode_of(const char *relative)
{
    char path[200];
    struct stat info;

    (void)snprintf(path, sizeof(path), "%s/%s", directory, relative);
    if (stat(path, &info) != 0) {
        fail_msg("%s is not there", path);
    }
    return info.st_mode & 07777;
}

static void prepare_makes_what_is_missing(void **state)
{
    static const struct {
        const char *path;
        unsigned mode;
    } expected[] = {
        {"conf", 0750}, {"plugins", 0755}, {"state", 0750}, {"state/feed", 0750}, {"staging", 0750},
        {"run", 0755},  {"logs", 0755},    {"tmp", 0700},   {"run/tmp", 0700},
    };
    hgh_instance instance = {0};
    hg_error err = HG_ERROR_INIT;
    mode_t before = umask(077);

    (void)state;
    assert_int_equal(hgh_instance_open(&instance, directory, NULL, &err), HG_OK);
    assert_string_equal(instance.directory, directory);
    assert_false(instance.as_root);
    assert_int_equal(instance.control_uid, geteuid());
    assert_int_equal(instance.lock, -1);
    assert_int_equal(instance.shared.board, -1);
    for (int round = 0; round < 2; round++) { /* what is there is left alone */
        assert_int_equal(hgh_instance_prepare(&instance, &err), HG_OK);
    }
    (void)umask(before);
    for (size_t i = 0; i < ARRAY_SIZE(expected); i++) {
        if (mode_of(expected[i].path) != expected[i].mode) {
            fail_msg("%s: has mode %04o", expected[i].path, mode_of(expected[i].path));
        }
    }
    hgh_instance_done(&instance);
}

static void paths_are_absolute(void **state)
{
    hgh_instance instance = {0};
    char link[100];
    char expected[200];
    char *path;

    (void)state;
    (void)snprintf(link, sizeof(link), "%s/link", directory);
    assert_int_equal(symlink(directory, link), 0);
    assert_int_equal(hgh_instance_open(&instance, link, NULL, NULL), HG_OK);
    assert_string_equal(instance.directory, directory);
    (void)snprintf(expected, sizeof(expected), "%s/conf/config.yaml", directory);
    assert_string_equal(instance.config_path, expected);
    path = hgh_instance_path(&instance, "run/nginx.conf");
    (void)snprintf(expected, sizeof(expected), "%s/run/nginx.conf", directory);
    assert_string_equal(path, expected);
    free(path);
    assert_true(hgh_instance_contains(&instance, instance.config_path) ||
                access(instance.config_path, F_OK) != 0);
    (void)snprintf(expected, sizeof(expected), "%s/new.yaml", link);
    assert_true(hgh_instance_contains(&instance, expected));
    assert_false(hgh_instance_contains(&instance, "/etc/passwd"));
    assert_false(hgh_instance_contains(&instance, "/tmp/new.yaml"));
    hgh_instance_done(&instance);

    assert_int_equal(chdir("/tmp"), 0);
    assert_int_equal(hgh_instance_open(&instance, directory, "c.yaml", NULL), HG_OK);
    assert_string_equal(instance.config_path, "/tmp/c.yaml");
    hgh_instance_done(&instance);
    assert_int_equal(hgh_instance_open(&instance, directory, "/c.yaml", NULL), HG_OK);
    assert_string_equal(instance.config_path, "/c.yaml");
    hgh_instance_done(&instance);
    assert_int_equal(unlink(link), 0);
}

static void the_installation_is_found_beside_the_program(void **state)
{
    hgh_instance instance = {0};
    hg_error err = HG_ERROR_INIT;
    char program[200] = "";
    char *path;

    (void)state;
    assert_true(readlink("/proc/self/exe", program, sizeof(program) - 1) > 0);
    assert_int_equal(hgh_instance_open(&instance, directory, NULL, NULL), HG_OK);
    assert_memory_equal(program, instance.install, strlen(instance.install));
    assert_int_equal(program[strlen(instance.install)], '/');
    hgh_instance_done(&instance);

    (void)setenv("HOTGATE_INSTALL_ROOT", "/usr/../usr", 1);
    assert_int_equal(hgh_instance_open(&instance, directory, NULL, NULL), HG_OK);
    path = hgh_install_path(&instance, "lib/x.so");
    assert_string_equal(path, "/usr/lib/x.so");
    free(path);
    hgh_instance_done(&instance);

    (void)setenv("HOTGATE_INSTALL_ROOT", "/nonexistent", 1);
    assert_int_equal(hgh_instance_open(&instance, directory, NULL, &err), HG_ERR_NOT_FOUND);
    assert_string_equal(err.text,
                        "HOTGATE_INSTALL_ROOT is /nonexistent: No such file or directory");
    (void)unsetenv("HOTGATE_INSTALL_ROOT");
}

static void bad_directories_are_refused(void **state)
{
    hgh_instance instance = {0};
    hg_error err = HG_ERROR_INIT;
    char path[100];
    char expected[200];
    FILE *file;

    (void)state;
    assert_int_equal(hgh_instance_open(&instance, "/nonexistent", NULL, &err), HG_ERR_NOT_FOUND);
    assert_string_equal(err.text, "instance directory /nonexistent: No such file or directory");
    assert_int_equal(hgh_instance_open(&instance, "/dev/null", NULL, &err), HG_ERR_INVALID);
    assert_string_equal(err.text, "instance directory /dev/null: is not a directory");

    assert_int_equal(hgh_instance_open(&instance, directory, NULL, NULL), HG_OK);
    (void)snprintf(path, sizeof(path), "%s/conf", directory);
    file = fopen(path, "w");
    assert_non_null(file);
    (void)fclose(file);
    assert_int_equal(hgh_instance_prepare(&instance, &err), HG_ERR_INVALID);
    (void)snprintf(expected, sizeof(expected), "%s: is not a directory", path);
    assert_string_equal(err.text, expected);
    assert_int_equal(unlink(path), 0);

    assert_int_equal(chmod(directory, 0500), 0);
    assert_int_equal(hgh_instance_prepare(&instance, &err), HG_ERR_IO);
    (void)snprintf(expected, sizeof(expected), "%s: cannot be made: Permission denied", path);
    assert_string_equal(err.text, expected);
    assert_int_equal(chmod(directory, 0700), 0);

    assert_int_equal(hgh_instance_prepare(&instance, &err), HG_OK);
    (void)snprintf(path, sizeof(path), "%s/state", directory);
    assert_int_equal(chmod(path, 0500), 0);
    assert_int_equal(hgh_instance_prepare(&instance, &err), HG_ERR_IO);
    (void)snprintf(expected, sizeof(expected), "%s: no access: Permission denied", path);
    assert_string_equal(err.text, expected);
    assert_int_equal(chmod(path, 0700), 0);
    hgh_instance_done(&instance);
}

static void the_lock_names_who_has_it(void **state)
{
    hgh_instance first = {0};
    hgh_instance second = {0};
    hg_error err = HG_ERROR_INIT;
    char expected[200];

    (void)state;
    assert_int_equal(hgh_instance_open(&first, directory, NULL, NULL), HG_OK);
    assert_int_equal(hgh_instance_open(&second, directory, NULL, NULL), HG_OK);
    assert_int_equal(hgh_instance_prepare(&first, NULL), HG_OK);
    assert_int_equal(hgh_instance_lock(&first, NULL), HG_OK);
    assert_int_equal(hgh_instance_lock(&second, &err), HG_ERR_EXISTS);
    (void)snprintf(expected, sizeof(expected), "the instance %s is in use by process %ld",
                   directory, (long)getpid());
    assert_string_equal(err.text, expected);
    hgh_instance_done(&first);
    assert_int_equal(hgh_instance_lock(&second, &err), HG_OK);
    hgh_instance_done(&second);
}

/* --- as root, in a child, with users that only this child sees --- */

static const char test_users[] = "root:x:0:0::/:/bin/sh\n"
                                 "hotgate:x:61001:61001::/:/bin/false\n"
                                 "hotgate-worker:x:61002:61001::/:/bin/false\n";

static bool cover(const char *target, const char *text)
{
    char path[] = "/tmp/hotgate-users-XXXXXX";
    int fd = mkstemp(path);
    bool is_done = fd >= 0 && fchmod(fd, 0644) == 0 &&
                   write(fd, text, strlen(text)) == (ssize_t)strlen(text) &&
                   mount(path, target, NULL, MS_BIND, NULL) == 0;

    if (fd >= 0) {
        (void)close(fd);
        (void)unlink(path);
    }
    return is_done;
}

static bool see_users(const char *users, const char *groups)
{
    return unshare(CLONE_NEWNS) == 0 && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
           cover("/etc/passwd", users) && cover("/etc/group", groups);
}

/* Exit status 0: as it should be; 77: this machine does not allow it; else the number of the step.
 */
static int prepare_as_root(void)
{
    static const struct {
        const char *path;
        uid_t uid;
    } owners[] = {
        {"conf", 0},        {"plugins", 0},
        {"state", 61001},   {"state/feed", 61001},
        {"staging", 61001}, {"run", 0},
        {"logs", 0},        {"tmp", 61001},
        {"run/tmp", 61002}, {"logs/control.log", 61001},
    };
    hgh_instance instance = {0};
    hg_error err = HG_ERROR_INIT;
    char path[200];

    if (!see_users(test_users, "root:x:0:\nhotgate:x:61001:\n")) {
        return 77;
    }
    if (hgh_instance_open(&instance, directory, NULL, &err) != HG_OK || !instance.as_root ||
        instance.control_uid != 61001 || instance.worker_uid != 61002 || instance.group != 61001) {
        return 1;
    }
    if (hgh_instance_prepare(&instance, &err) != HG_ERR_INVALID ||
        strstr(err.text, "the user hotgate may not pass through /tmp/hotgate-test-") == NULL) {
        return 2; /* mkdtemp() has given mode 0700 */
    }
    if (chmod(directory, 0711) != 0 || hgh_instance_prepare(&instance, &err) != HG_OK) {
        return 3;
    }
    for (size_t i = 0; i < ARRAY_SIZE(owners); i++) {
        struct stat info;

        (void)snprintf(path, sizeof(path), "%s/%s", directory, owners[i].path);
        if (stat(path, &info) != 0 || info.st_uid != owners[i].uid || info.st_gid != 61001) {
            return 10 + (int)i;
        }
    }
    (void)snprintf(path, sizeof(path), "%s/state", directory);
    if (chown(path, 0, 0) != 0 || hgh_instance_prepare(&instance, &err) != HG_ERR_INVALID ||
        strstr(err.text, ": belongs to user 0, wanted hotgate: chown -R 61001:61001 '") == NULL) {
        return 4;
    }
    if (hgh_instance_set_worker(&instance, "nosuch", &err) != HG_ERR_NOT_FOUND ||
        strcmp(err.text, "nginx_config.user: there is no user \"nosuch\"") != 0 ||
        hgh_instance_set_worker(&instance, "hotgate", &err) != HG_OK ||
        instance.worker_uid != 61001) {
        return 5;
    }
    hgh_instance_done(&instance);
    return 0;
}

static int open_without_users(void)
{
    hgh_instance instance = {0};
    hg_error err = HG_ERROR_INIT;

    if (!see_users("root:x:0:0::/:/bin/sh\n", "root:x:0:\n")) {
        return 77;
    }
    return hgh_instance_open(&instance, directory, NULL, &err) == HG_ERR_NOT_FOUND &&
                   strcmp(err.text,
                          "started as root, the gateway runs as users of its own, which are not "
                          "there; make them:\n"
                          "groupadd --system hotgate\n"
                          "useradd --system --gid hotgate --no-create-home --shell "
                          "/usr/sbin/nologin hotgate\n"
                          "useradd --system --gid hotgate --no-create-home --shell "
                          "/usr/sbin/nologin hotgate-worker") == 0
               ? 0
               : 1;
}

static void run_as_root(int (*steps)(void))
{
    pid_t child;
    int status = 0;

    if (geteuid() != 0) {
        skip();
    }
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        _exit(steps());
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == 77) {
        skip();
    }
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void as_root_two_users_own_what_they_write(void **state)
{
    (void)state;
    run_as_root(prepare_as_root);
}

static void as_root_missing_users_are_named_with_commands(void **state)
{
    (void)state;
    run_as_root(open_without_users);
}

int main(void)
{
    const struct CMUnitTest as_root[] = {
        cmocka_unit_test_setup_teardown(as_root_two_users_own_what_they_write, make_directory,
                                        remove_directory),
        cmocka_unit_test_setup_teardown(as_root_missing_users_are_named_with_commands,
                                        make_directory, remove_directory),
    };
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(prepare_makes_what_is_missing, make_directory,
                                        remove_directory),
        cmocka_unit_test_setup_teardown(paths_are_absolute, make_directory, remove_directory),
        cmocka_unit_test_setup_teardown(the_installation_is_found_beside_the_program,
                                        make_directory, remove_directory),
        cmocka_unit_test_setup_teardown(bad_directories_are_refused, make_directory,
                                        remove_directory),
        cmocka_unit_test_setup_teardown(the_lock_names_who_has_it, make_directory,
                                        remove_directory),
    };
    int failed = cmocka_run_group_tests(as_root, NULL, NULL);

    if (!become_ordinary_user()) {
        return 1;
    }
    return failed + cmocka_run_group_tests(tests, NULL, NULL);
}
