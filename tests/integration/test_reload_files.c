/* tests/integration/test_reload_files.c - whatever happens to the files of plugins and to their
 * places, each reload takes a whole object or none, and what serves goes on serving. */
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/integration/author.h"
#include "tests/integration/command.h"
#include "tests/integration/gateway.h"
#include "tests/integration/target.h"
#include "tests/unit/unit.h"

#define RELOADS_CI   20u
#define RELOADS_FULL 300u

static gateway *running;
static char *staging;
static char *plugins;

static int set_up(void **state)
{
    (void)state;
    running = target_start(NULL);
    staging = gateway_path(running, "staging");
    plugins = gateway_path(running, "plugins");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    target_stop();
    free(staging);
    free(plugins);
    return 0;
}

static int restore(void **state)
{
    (void)state;
    target_restore();
    json_decref(gateway_reload(running));
    target_runs("1");
    return 0;
}

/* ------------------------------------------------------------------------------- the object */

static void an_object_that_is_overwritten_in_place_goes_on_serving(void **state)
{
    size_t length;
    unsigned char *bytes = target_bytes(&length);

    (void)state;
    (void)target_load();
    memset(bytes, 0xff, length);
    target_put_bytes(bytes, length); /* into the same inode */
    target_runs("1");
    target_put_bytes("", 0);
    target_runs("1");
    target_is_refused("overwritten", "no ELF object");
    target_runs("1");
    target_load_end(0);
    free(bytes);
}

static void an_object_that_is_deleted_goes_on_serving(void **state)
{
    (void)state;
    (void)target_load();
    target_remove();
    target_runs("1");
    target_is_refused("deleted", "its file is gone, but 1 object uses it: routes/target");
    target_runs("1");
    target_load_end(0);
}

/* Writes over and over: both versions by renaming, then in place, as fast as it goes. */
static void write_without_end(const char *first, const char *second)
{
    const char *const arguments[] = {
        "sh",
        "-c",
        "while :; do for i in \"$0\" \"$1\"; do cp \"$i\" \"$2.new\"; mv \"$2.new\" \"$2\"; "
        "cat \"$i\" >\"$2\"; done; done",
        first,
        second,
        target_path(),
        NULL};
    int null = STDERR_FILENO;

    _exit(command_start(&(command){.arguments = arguments}, null) < 0 ? 1 : (pause(), 0));
}

/* What it may say of a file of which it has got half of one version, or of two. */
static bool is_about_half_a_file(const char *message)
{
    static const char *const texts[] = {"was written to while it was read",
                                        "cut short",
                                        "no ELF object",
                                        "outside the file",
                                        "damaged",
                                        "file is gone",
                                        "section"};

    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        if (message != NULL && strstr(message, texts[i]) != NULL) {
            return true;
        }
    }
    return false;
}

static void an_object_that_changes_while_it_is_read_is_taken_whole_or_not(void **state)
{
    size_t reloads = scale_is_full() ? RELOADS_FULL : RELOADS_CI;
    char *first = author_build("target", "target", "-DTARGET_VERSION='\"first\"'");
    char *second = author_build("target", "target", "-DTARGET_VERSION='\"second\"'");
    size_t committed = 0;
    pid_t writer;

    (void)state;
    (void)target_load();
    writer = fork();
    if (writer == 0) {
        (void)setpgid(0, 0);
        write_without_end(first, second);
    }
    (void)setpgid(writer, writer);
    for (size_t i = 0; i < reloads; i++) {
        admin_reply reply = gateway_admin(running, "PUT", "plugins/reload", NULL);
        const char *message = json_string_value(json_object_get(reply.json, "error_msg"));

        if (reply.status == 200) {
            committed++;
        } else if (reply.status != 409 || !is_about_half_a_file(message)) {
            (void)kill(-writer, SIGKILL);
            fail_msg("%ld %s", reply.status, reply.text);
        }
        admin_reply_done(&reply);
    }
    (void)kill(-writer, SIGKILL);
    assert_int_equal(waitpid(writer, NULL, 0), writer);
    print_message("%zu of %zu reloads took what was being written\n", committed, reloads);
    target_load_end(0);
    free(first);
    free(second);
}

/* ------------------------------------------------------------------------------- the places */

static void a_directory_that_cannot_be_read_is_refused(void **state)
{
    (void)state;
    if (getuid() != 0) {
        skip(); /* as root control runs as another user, which this is about */
    }
    (void)target_load();
    assert_int_equal(chmod(plugins, 0700), 0);
    target_is_refused_with("unreadable directory", "plugins: Permission denied");
    assert_int_equal(chmod(plugins, 0711), 0);
    target_is_refused_with("directory without list", "plugins: Permission denied");
    assert_int_equal(chmod(plugins, 0755), 0);
    assert_int_equal(chmod(target_path(), 0600), 0);
    target_is_refused("unreadable file", "target.so: Permission denied");
    target_runs("1");
    target_load_end(0);
}

static void a_directory_that_others_can_write_is_refused(void **state)
{
    (void)state;
    assert_int_equal(chmod(plugins, 0777), 0);
    author_install(running, "target", "target", "-DTARGET_VERSION='\"2\"'");
    target_is_refused_with("directory of all", "plugins: can be written by others: chmod go-w");
    assert_int_equal(chmod(plugins, 0755), 0);
    target_runs("1");
}

/* Puts another file system over staging, with what lies there; false: that is not possible here. */
static bool staging_mount(const char *how, unsigned long flags)
{
    char *copy = text_format("%s/staged", author_folder());

    shell("cp -a '%s' '%s'", staging, copy);
    if (mount("tmpfs", staging, "tmpfs", flags, how) != 0) {
        shell("rm -rf '%s'", copy);
        free(copy);
        return false;
    }
    shell("chown --reference='%s' '%s' && chmod --reference='%s' '%s' && rm -rf '%s'", copy,
          staging, copy, staging, copy);
    free(copy);
    return true;
}

static void staging_that_is_mounted_noexec_is_refused(void **state)
{
    (void)state;
    if (!staging_mount("", MS_NOEXEC)) {
        skip(); /* mounting needs rights that we have not */
    }
    (void)target_load();
    author_install(running, "target", "target", "-DTARGET_VERSION='\"2\"'");
    target_is_refused_with("noexec", "staging: is on a filesystem mounted noexec, no plugin can be "
                                     "loaded from it: move the instance directory or remount");
    target_runs("1");
    target_load_end(0);
    assert_int_equal(umount(staging), 0);
}

static void a_full_staging_disk_is_refused_and_leaves_nothing(void **state)
{
    (void)state;
    if (!staging_mount("size=8k", 0)) {
        skip();
    }
    (void)target_load();
    author_install(running, "target", "target", "-DTARGET_VERSION='\"2\"'");
    target_is_refused("full disk", "No space left on device");
    target_runs("1");
    target_staged_serves();
    target_load_end(0);
    assert_int_equal(umount(staging), 0);
}

int main(void)
{
#define ROW(name) cmocka_unit_test_teardown(name, restore)
    const struct CMUnitTest tests[] = {
        ROW(an_object_that_is_overwritten_in_place_goes_on_serving),
        ROW(an_object_that_is_deleted_goes_on_serving),
        ROW(an_object_that_changes_while_it_is_read_is_taken_whole_or_not),
        ROW(a_directory_that_cannot_be_read_is_refused),
        ROW(a_directory_that_others_can_write_is_refused),
        ROW(staging_that_is_mounted_noexec_is_refused),
        ROW(a_full_staging_disk_is_refused_and_leaves_nothing),
    };

    return report(cmocka_run_group_tests(tests, set_up, tear_down));
}
