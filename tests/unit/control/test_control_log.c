/* tests/unit/control/test_control_log.c - lines look like nginx's, and survive rotation. */
#include <regex.h>
#include <stdlib.h>
#include <unistd.h>

#include "host/control/control_log.h"
#include "tests/unit/unit.h"

static char directory[] = "/tmp/hotgate-test-XXXXXX";
static char path[64];
static char moved[64];

static int open_log(void **state)
{
    (void)state;
    if (mkdtemp(directory) == NULL) {
        return -1;
    }
    (void)snprintf(path, sizeof(path), "%s/control.log", directory);
    (void)snprintf(moved, sizeof(moved), "%s/control.log.1", directory);
    return hgh_log_open(path, false, NULL) == HG_OK ? 0 : -1;
}

static int close_log(void **state)
{
    (void)state;
    hgh_log_close();
    (void)unlink(path);
    (void)unlink(moved);
    return rmdir(directory);
}

static void read_file(const char *name, char *buffer, size_t size)
{
    FILE *file = fopen(name, "r");
    size_t length;

    assert_non_null(file);
    length = fread(buffer, 1, size - 1, file);
    buffer[length] = '\0';
    (void)fclose(file);
}

static void lines_look_like_those_of_nginx(void **state)
{
    char text[1024];
    char pattern[200];
    regex_t regex;

    (void)state;
    hgh_log(HG_LOG_NOTICE, "count %d", 7);
    hgh_log(HG_LOG_INFO, "below the level");
    hgh_log(HG_LOG_ERROR, "two\nlines \x1b[0m \xc3\xa4");
    read_file(path, text, sizeof(text));
    (void)snprintf(pattern, sizeof(pattern),
                   "^[0-9]{4}/[0-9]{2}/[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2} \\[notice\\] %ld#0: "
                   "count 7\n[^\n]* \\[error\\] [0-9]+#0: two\\\\nlines \\\\x1B\\[0m \xc3\xa4\n$",
                   (long)getpid());
    assert_int_equal(regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB), 0);
    if (regexec(&regex, text, 0, NULL, 0) != 0) {
        fail_msg("got %s", text);
    }
    regfree(&regex);
}

static void reopen_makes_a_new_file(void **state)
{
    char text[1024];

    (void)state;
    assert_int_equal(rename(path, moved), 0);
    hgh_log(HG_LOG_WARN, "before");
    assert_int_equal(hgh_log_reopen(NULL), HG_OK);
    hgh_log(HG_LOG_WARN, "after");
    read_file(moved, text, sizeof(text));
    assert_non_null(strstr(text, "before\n"));
    read_file(path, text, sizeof(text));
    assert_non_null(strstr(text, "after\n"));
    assert_null(strstr(text, "before"));
}

static void an_unwritable_file_is_an_error(void **state)
{
    hg_error err = HG_ERROR_INIT;

    (void)state;
    assert_int_equal(hgh_log_open("/nonexistent/control.log", false, &err), HG_ERR_IO);
    assert_string_equal(err.text,
                        "/nonexistent/control.log: cannot be written: No such file or directory");
    hgh_log(HG_LOG_WARN, "still here"); /* the log that was open stays */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_look_like_those_of_nginx),
        cmocka_unit_test(reopen_makes_a_new_file),
        cmocka_unit_test(an_unwritable_file_is_an_error),
    };

    return cmocka_run_group_tests(tests, open_log, close_log);
}
