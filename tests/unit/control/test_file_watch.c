/* tests/unit/control/test_file_watch.c - a change of a file is told, however it was made. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/control/file_watch.h"
#include "tests/unit/unit.h"

#define PATH_MAX_BYTES 200u
#define DEADLINE_MS    10000u
#define SHORT_MS       50u

typedef struct watched {
    char directory[64];
    hgh_event_loop *loop;
    hgh_file_watch *watch;
    hgh_event_loop_timer deadline;
    unsigned calls;
    bool is_late;
} watched;

static void on_change(void *context)
{
    watched *self = context;

    self->calls++;
    hgh_event_loop_stop(self->loop);
}

static void on_deadline(void *context)
{
    watched *self = context;

    self->is_late = true;
    hgh_event_loop_stop(self->loop);
}

/* Runs until a change is told; false: none is, for so long. */
static bool is_told(watched *self, uint64_t wait_ms)
{
    self->is_late = false;
    hgh_event_loop_timer_start(self->loop, &self->deadline, wait_ms, on_deadline, self);
    assert_int_equal(hgh_event_loop_run(self->loop, NULL), HG_OK);
    hgh_event_loop_timer_stop(self->loop, &self->deadline);
    return !self->is_late;
}

/* Takes what is still to be told of a change. */
static void settle(watched *self)
{
    while (is_told(self, SHORT_MS)) {
    }
}

static void shell(const watched *self, const char *line)
{
    char command[600];

    (void)snprintf(command, sizeof(command), "cd %s && { %s; }", self->directory, line);
    if (system(command) != 0) {
        fail_msg("%s", command);
    }
}

static int set_up(void **state)
{
    watched *self = calloc(1, sizeof(*self));
    char path[PATH_MAX_BYTES];

    assert_non_null(self);
    (void)strcpy(self->directory, "/tmp/hotgate-watch-XXXXXX");
    assert_non_null(mkdtemp(self->directory));
    assert_int_equal(hgh_event_loop_new(&self->loop, NULL), HG_OK);
    shell(self, "mkdir conf && echo 1 > conf/file");
    (void)snprintf(path, sizeof(path), "%s/conf/file", self->directory);
    assert_int_equal(hgh_file_watch_new(self->loop, path, on_change, self, &self->watch, NULL),
                     HG_OK);
    *state = self;
    return 0;
}

static int tear_down(void **state)
{
    watched *self = *state;

    shell(self, "rm -rf ../${PWD##*/}/*");
    hgh_file_watch_free(self->watch);
    hgh_event_loop_free(self->loop);
    assert_int_equal(rmdir(self->directory), 0);
    free(self);
    return 0;
}

static void every_kind_of_change_is_told(void **state)
{
    static const char *const lines[] = {
        "echo 2 > conf/file",
        "echo 3 > conf/new && mv conf/new conf/file",
        "rm conf/file",
        "echo 4 > conf/file",
        "touch conf/file",
        "mkdir away && echo 5 > away/file && ln -sf ../away/file conf/file",
        "echo 6 > away/file",
        "mkdir x y && echo 1 > x/f && echo 2 > y/f && ln -s ../x conf/data && "
        "ln -sf data/f conf/file",
        "ln -s ../y conf/next && mv -T conf/next conf/data",
        "mv conf conf.old && mkdir conf && echo 7 > conf/file",
        "echo 8 > conf/file",
        "rm -r conf",
        "mkdir conf && echo 9 > conf/file",
    };
    watched *self = *state;

    for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
        settle(self);
        shell(self, lines[i]);
        if (!is_told(self, DEADLINE_MS)) {
            fail_msg("not told: %s", lines[i]);
        }
    }
}

/* What a writer that never closes has written is told once it is quiet. */
static void a_writer_that_stays_is_not_waited_for(void **state)
{
    watched *self = *state;
    char path[PATH_MAX_BYTES];
    int fd;

    (void)snprintf(path, sizeof(path), "%s/conf/file", self->directory);
    fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "more\n", 5), 5);
    assert_true(is_told(self, DEADLINE_MS));
    assert_int_equal(close(fd), 0);
}

static void a_writer_is_known_until_it_has_closed(void **state)
{
    watched *self = *state;
    char path[PATH_MAX_BYTES];
    int fd;

    (void)snprintf(path, sizeof(path), "%s/conf/file", self->directory);
    fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_false(is_told(self, SHORT_MS));
    assert_true(hgh_file_watch_is_written(self->watch, "file"));
    assert_false(hgh_file_watch_is_written(self->watch, "other"));
    assert_int_equal(close(fd), 0);
    assert_true(is_told(self, DEADLINE_MS));
    assert_false(hgh_file_watch_is_written(self->watch, "file"));
    /* One that is taken away under its writer is nobody's. */
    fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
    assert_int_equal(write(fd, "x", 1), 1);
    assert_int_equal(unlink(path), 0);
    assert_true(is_told(self, DEADLINE_MS));
    assert_false(hgh_file_watch_is_written(self->watch, "file"));
    assert_int_equal(close(fd), 0);
}

static void reading_is_no_change(void **state)
{
    watched *self = *state;

    shell(self, "cat conf/file > /dev/null");
    assert_false(is_told(self, SHORT_MS));
}

/* A directory is watched with what lies in it. */
static void a_directory_is_watched_with_its_files(void **state)
{
    static const char *const lines[] = {
        "echo 1 > conf/a.so",         "echo 2 > conf/a.so", "rm conf/a.so",
        "mv conf gone && mkdir conf", "echo 3 > conf/b.so",
    };
    watched *self = *state;
    char path[PATH_MAX_BYTES];

    hgh_file_watch_free(self->watch);
    (void)snprintf(path, sizeof(path), "%s/conf/.", self->directory);
    assert_int_equal(hgh_file_watch_new(self->loop, path, on_change, self, &self->watch, NULL),
                     HG_OK);
    for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
        settle(self);
        shell(self, lines[i]);
        if (!is_told(self, DEADLINE_MS)) {
            fail_msg("not told: %s", lines[i]);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_kind_of_change_is_told, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_writer_that_stays_is_not_waited_for, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_writer_is_known_until_it_has_closed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(reading_is_no_change, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_directory_is_watched_with_its_files, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
