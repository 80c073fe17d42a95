/* tests/unit/control/test_history.c - events are kept in order, and a bad line costs only itself.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "host/control/history.h"
#include "tests/unit/unit.h"

#define FILE_BYTES_MAX (2u << 20) /* as in history.c */

static char directory[64];
static char path[96];
static hgh_instance instance;

static int set_up(void **state)
{
    char state_directory[96];

    (void)state;
    (void)snprintf(directory, sizeof(directory), "/tmp/hotgate-unit-XXXXXX");
    if (mkdtemp(directory) == NULL) {
        return -1;
    }
    (void)snprintf(state_directory, sizeof(state_directory), "%s/state", directory);
    (void)snprintf(path, sizeof(path), "%s/%s", directory, HGH_HISTORY_FILE);
    instance = (hgh_instance){.directory = directory, .lock = -1};
    return mkdir(state_directory, 0750);
}

static int tear_down(void **state)
{
    char command[96];

    (void)state;
    (void)snprintf(command, sizeof(command), "rm -rf %s", directory);
    return system(command);
}

static void add(int number)
{
    hg_error err = HG_ERROR_INIT;

    if (hgh_history_add(&instance, json_pack("{s:i}", "n", number), &err) != HG_OK) {
        fail_msg("%s", err.text);
    }
}

static void append_text(const char *text)
{
    FILE *file = fopen(path, "a");

    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, strlen(text), file), strlen(text));
    assert_int_equal(fclose(file), 0);
}

/* The numbers of the newest events, such as "3 2 1". */
static const char *numbers(size_t limit)
{
    static char text[256];
    json_t *events = hgh_history_read(&instance, limit);
    size_t length = 0;

    assert_non_null(events);
    text[0] = '\0';
    for (size_t i = 0; i < json_array_size(events) && length < sizeof(text) - 16; i++) {
        length += (size_t)snprintf(
            text + length, sizeof(text) - length, "%s%d", length == 0 ? "" : " ",
            (int)json_integer_value(json_object_get(json_array_get(events, i), "n")));
    }
    json_decref(events);
    return text;
}

static off_t file_bytes(void)
{
    struct stat status;

    assert_int_equal(stat(path, &status), 0);
    return status.st_size;
}

static void without_a_file_there_are_no_events(void **state)
{
    (void)state;
    assert_string_equal(numbers(10), "");
}

static void the_newest_come_first_up_to_a_limit(void **state)
{
    (void)state;
    for (int i = 1; i <= 4; i++) {
        add(i);
    }
    assert_string_equal(numbers(10), "4 3 2 1");
    assert_string_equal(numbers(4), "4 3 2 1");
    assert_string_equal(numbers(2), "4 3");
    assert_string_equal(numbers(0), "");
}

static void an_event_says_when_it_was(void **state)
{
    time_t before = time(NULL);
    json_t *events;
    json_int_t at;

    (void)state;
    add(1);
    events = hgh_history_read(&instance, 1);
    at = json_integer_value(json_object_get(json_array_get(events, 0), "at"));
    assert_in_range(at, before, time(NULL));
    json_decref(events);
}

static void the_file_is_nobody_elses_to_read(void **state)
{
    struct stat status;

    (void)state;
    add(1);
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 07, 0);
}

static void texts_of_all_kinds_come_back(void **state)
{
    static const char odd[] = "line\nfeed \"quoted\" \\ \x01 gr\xc3\xbc\xc3\x9f";
    json_t *events;

    (void)state;
    assert_int_equal(hgh_history_add(&instance, json_pack("{s:s}", "why", odd), NULL), HG_OK);
    events = hgh_history_read(&instance, 1);
    assert_string_equal(json_string_value(json_object_get(json_array_get(events, 0), "why")), odd);
    json_decref(events);
}

static void lines_that_are_no_events_are_left_out(void **state)
{
    static const struct {
        const char *what;
        const char *text;
    } rows[] = {
        {"cut short", "{\"n\":7,\"wh"},
        {"cut short behind a brace", "{\"n\":7,\"why\":{}"},
        {"garbage", "\x01\xff\xfe garbage \x80\n"},
        {"empty lines", "\n\n\r\n"},
        {"other types", "7\n[{\"n\":7}]\nnull\n\"n\"\n"},
        {"two on a line", "{\"n\":7}{\"n\":8}\n"},
        {"no text of UTF-8", "{\"n\":\"\xff\"}\n"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        add(1);
        append_text(rows[i].text);
        add(2);
        if (strcmp(numbers(10), "2 1") != 0) {
            fail_msg("%s: %s", rows[i].what, numbers(10));
        }
        assert_int_equal(unlink(path), 0);
    }
}

static void a_last_line_without_an_end_counts_if_it_is_whole(void **state)
{
    (void)state;
    add(1);
    append_text("{\"n\":2}");
    assert_string_equal(numbers(10), "2 1");
    append_text("{\"n\":");
    assert_string_equal(numbers(10), "1");
}

/* So many lines of events at once, from that number on. */
static void append_events(int first, int count, size_t why_bytes)
{
    FILE *file = fopen(path, "a");

    assert_non_null(file);
    for (int i = first; i < first + count; i++) {
        assert_true(fprintf(file, "{\"n\":%d,\"why\":\"%0*d\"}\n", i, (int)why_bytes, 0) > 0);
    }
    assert_int_equal(fclose(file), 0);
}

static void a_file_that_is_too_long_keeps_its_newest_events(void **state)
{
    json_t *events;
    struct stat status;

    (void)state;
    append_events(0, 800, 3000);
    add(800); /* over its size, yet so many events stay in any case */
    assert_in_range(file_bytes(), FILE_BYTES_MAX, 2 * FILE_BYTES_MAX);
    events = hgh_history_read(&instance, 10000);
    assert_int_equal(json_array_size(events), 801);
    json_decref(events);

    append_events(801, (int)HGH_HISTORY_EVENTS, 1);
    append_text("{\"cut short\":");
    add(801 + (int)HGH_HISTORY_EVENTS);
    assert_in_range(file_bytes(), 1, 100000);
    events = hgh_history_read(&instance, 10000);
    assert_int_equal(json_array_size(events), HGH_HISTORY_EVENTS);
    for (size_t i = 0; i < json_array_size(events); i++) {
        assert_int_equal(json_integer_value(json_object_get(json_array_get(events, i), "n")),
                         801 + HGH_HISTORY_EVENTS - i);
    }
    json_decref(events);
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0640);
}

/* Files may grow to so many bytes while `add_when_full` adds. */
static hg_status add_when_full(off_t bytes, json_t *event, hg_error *err)
{
    struct rlimit before;
    struct rlimit limit;
    hg_status status;

    (void)signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    limit = before;
    limit.rlim_cur = (rlim_t)bytes;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    status = hgh_history_add(&instance, event, err);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    (void)signal(SIGXFSZ, SIG_DFL);
    return status;
}

static void a_full_disk_costs_the_event_alone(void **state)
{
    static const off_t room[] = {0, 1, 5, 20};

    (void)state;
    add(1);
    for (size_t i = 0; i < ARRAY_SIZE(room); i++) {
        hg_error err = HG_ERROR_INIT;

        assert_int_equal(add_when_full(file_bytes() + room[i], json_pack("{s:i}", "n", 7), &err),
                         HG_ERR_IO);
        assert_ptr_equal(strstr(err.text, path), err.text);
        assert_non_null(
            strstr(err.text, room[i] == 0 ? ": File too large" : ": no room for a line"));
        assert_string_equal(numbers(10), "1");
    }
    add(2);
    assert_string_equal(numbers(10), "2 1");
}

static void a_disk_too_full_to_trim_keeps_what_is_there(void **state)
{
    char *many = malloc(FILE_BYTES_MAX + 1);
    char *temporary = NULL;

    (void)state;
    assert_non_null(many);
    memset(many, '\n', FILE_BYTES_MAX);
    many[FILE_BYTES_MAX] = '\0';
    for (int i = 1; i <= 9; i++) {
        add(i);
    }
    append_text(many);
    free(many);
    /* Room for no more than is there: the new file is too short for nine lines and this one. */
    assert_int_equal(add_when_full(100, json_pack("{s:i}", "n", 10), NULL), HG_ERR_IO);
    assert_string_equal(numbers(10), "9 8 7 6 5 4 3 2 1");
    assert_true(asprintf(&temporary, "%s.new", path) > 0);
    assert_int_not_equal(access(temporary, F_OK), 0);
    free(temporary);
    add(11); /* there is room again: it trims */
    assert_in_range(file_bytes(), 1, 1000);
    assert_string_equal(numbers(10), "11 9 8 7 6 5 4 3 2 1");
}

static void a_file_that_cannot_be_written_is_an_error(void **state)
{
    hg_error err = HG_ERROR_INIT;
    char elsewhere[96];

    (void)state;
    assert_int_equal(mkdir(path, 0700), 0); /* also for root */
    assert_int_equal(hgh_history_add(&instance, json_pack("{s:i}", "n", 1), &err), HG_ERR_IO);
    assert_ptr_equal(strstr(err.text, path), err.text);
    assert_non_null(strstr(err.text, ": Is a directory"));
    assert_string_equal(numbers(10), "");
    assert_int_equal(rmdir(path), 0);

    (void)snprintf(elsewhere, sizeof(elsewhere), "%s/elsewhere", directory);
    assert_int_equal(symlink(elsewhere, path), 0);
    assert_int_equal(hgh_history_add(&instance, json_pack("{s:i}", "n", 1), &err), HG_ERR_IO);
    assert_int_not_equal(access(elsewhere, F_OK), 0);
}

static void an_event_that_could_not_be_made_is_an_error_with_a_text(void **state)
{
    hg_error err = HG_ERROR_INIT;

    (void)state;
    assert_int_equal(hgh_history_add(&instance, NULL, &err), HG_ERR_NO_MEMORY);
    assert_string_not_equal(err.text, "");
    assert_int_not_equal(access(path, F_OK), 0);
}

#define ROW(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ROW(without_a_file_there_are_no_events),
        ROW(the_newest_come_first_up_to_a_limit),
        ROW(an_event_says_when_it_was),
        ROW(the_file_is_nobody_elses_to_read),
        ROW(texts_of_all_kinds_come_back),
        ROW(lines_that_are_no_events_are_left_out),
        ROW(a_last_line_without_an_end_counts_if_it_is_whole),
        ROW(a_file_that_is_too_long_keeps_its_newest_events),
        ROW(a_full_disk_costs_the_event_alone),
        ROW(a_disk_too_full_to_trim_keeps_what_is_there),
        ROW(a_file_that_cannot_be_written_is_an_error),
        ROW(an_event_that_could_not_be_made_is_an_error_with_a_text),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
