/* tests/unit/core/test_leftover.c - what lies in a range of addresses, and whose threads run. */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host/core/leftover.h"
#include "tests/unit/unit.h"

static char range[256];

static bool find(char text[HGH_LEFTOVER_TEXT])
{
    return hgh_leftover_find((uintptr_t)range, (uintptr_t)range + sizeof(range), text);
}

static void nothing_is_found_in_a_range_that_is_not_used(void **state)
{
    char text[HGH_LEFTOVER_TEXT];

    (void)state;
    assert_false(find(text));
    assert_false(hgh_leftover_find(0, 0, text));
}

static void a_variable_is_found_until_it_is_gone(void **state)
{
    char text[HGH_LEFTOVER_TEXT];

    (void)state;
    (void)snprintf(range, sizeof(range), "LEFTOVER_TEST=value");
    assert_int_equal(putenv(range), 0);
    assert_true(find(text));
    assert_string_equal(text, "the variable LEFTOVER_TEST of the environment");
    assert_int_equal(unsetenv("LEFTOVER_TEST"), 0);
    assert_false(find(text));
}

static void a_variable_with_a_long_name_is_cut(void **state)
{
    char text[HGH_LEFTOVER_TEXT];

    (void)state;
    memset(range, 'A', 200);
    memcpy(range + 200, "=1", 3);
    assert_int_equal(putenv(range), 0);
    assert_true(find(text));
    assert_true(strlen(text) < 80);
    memcpy(range, "A=", 3);
    assert_int_equal(unsetenv("A"), 0);
    assert_false(find(text));
}

static void on_signal(int number)
{
    (void)number;
}

static void a_handler_is_found_by_its_address(void **state)
{
    uintptr_t at = (uintptr_t)on_signal;
    char text[HGH_LEFTOVER_TEXT];

    (void)state;
    assert_false(hgh_leftover_find(at, at + 1, text));
    assert_true(signal(SIGUSR1, on_signal) != SIG_ERR);
    assert_true(hgh_leftover_find(at, at + 1, text));
    assert_string_equal(text, "a handler of signal 10 (User defined signal 1)");
    assert_false(hgh_leftover_find(at + 1, at + 2, text));
    assert_true(signal(SIGUSR1, SIG_DFL) != SIG_ERR);
    assert_false(hgh_leftover_find(at, at + 1, text));
}

static void *wait_for_byte(void *context)
{
    char byte;

    assert_int_equal(read(*(const int *)context, &byte, 1), 1);
    return NULL;
}

static void a_thread_belongs_to_whose_loading_started_it(void **state)
{
    hgh_thread_watch watch = {0};
    char text[HGH_LEFTOVER_TEXT];
    pthread_t threads[3];
    int ends[2];

    (void)state;
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(pthread_create(&threads[0], NULL, wait_for_byte, &ends[0]), 0);
    hgh_thread_watch_note(&watch, 5); /* what is there at first is the host's */
    assert_false(hgh_thread_watch_find(&watch, 5, NULL, text));
    assert_int_equal(pthread_create(&threads[1], NULL, wait_for_byte, &ends[0]), 0);
    hgh_thread_watch_note(&watch, 6);
    assert_false(hgh_thread_watch_find(&watch, 5, NULL, text));
    assert_true(hgh_thread_watch_find(&watch, 6, NULL, text));
    assert_non_null(strstr(text, "1 thread that still runs ("));
    assert_int_equal(pthread_create(&threads[2], NULL, wait_for_byte, &ends[0]), 0);
    assert_true(hgh_thread_watch_find(&watch, 5, NULL, text)); /* nobody knows whose this one is */
    assert_true(hgh_thread_watch_find(&watch, 6, NULL, text));
    assert_non_null(strstr(text, "2 threads that still run ("));
    assert_int_equal(write(ends[1], "123", 3), 3);
    for (size_t i = 0; i < ARRAY_SIZE(threads); i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    assert_false(
        hgh_thread_watch_find(&watch, 5, NULL, text)); /* also while they are just ending */
    assert_false(hgh_thread_watch_find(&watch, 6, NULL, text));
    (void)close(ends[0]);
    (void)close(ends[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_found_in_a_range_that_is_not_used),
        cmocka_unit_test(a_variable_is_found_until_it_is_gone),
        cmocka_unit_test(a_variable_with_a_long_name_is_cut),
        cmocka_unit_test(a_handler_is_found_by_its_address),
        cmocka_unit_test(a_thread_belongs_to_whose_loading_started_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
