/* tests/unit/control/test_control_options.c - control takes what the supervisor says, and no less.
 */
#include <string.h>

#include "host/control/control_options.h"
#include "tests/unit/unit.h"

#define ARGUMENTS_MAX 40u
#define NEEDED        "-p d --config c --board 3 --arena 4 --wake 5 --ack 6 --supervisor 7"

static bool parse(const char *line, hgh_control_options *options)
{
    char text[1024];
    char *arguments[ARGUMENTS_MAX] = {(char[]){"control"}};
    char *rest = NULL;
    int count = 1;

    (void)strcpy(text, line);
    for (char *piece = strtok_r(text, " ", &rest); piece != NULL && count < (int)ARGUMENTS_MAX - 1;
         piece = strtok_r(NULL, " ", &rest)) {
        arguments[count++] = piece;
    }
    *options = (hgh_control_options){0};
    return hgh_control_options_parse(count, arguments, options);
}

static void all_of_it_is_taken(void **state)
{
    hgh_control_options options;

    (void)state;
    assert_true(parse(NEEDED " --listen 8,9 --listen-local 10 --listen-engine 11"
                             " --listen-control 12 --listen-status 13 --watch-plugins",
                      &options));
    assert_int_equal(options.shared.board, 3);
    assert_int_equal(options.shared.supervisor, 7);
    assert_int_equal(options.listener_count, 2);
    assert_int_equal(options.listeners[1], 9);
    assert_int_equal(options.local, 10);
    assert_int_equal(options.engine, 11);
    assert_int_equal(options.control_api, 12);
    assert_int_equal(options.status, 13);
    assert_true(options.watches_plugins);
}

static void what_is_not_said_is_not_there(void **state)
{
    hgh_control_options options;

    (void)state;
    assert_true(parse(NEEDED, &options));
    assert_int_equal(options.listener_count, 0);
    assert_int_equal(options.local, -1);
    assert_int_equal(options.status, -1);
    assert_false(options.watches_plugins);
}

static void anything_else_is_refused(void **state)
{
    static const char *const rows[] = {
        "",
        "--config c --board 3 --arena 4 --wake 5 --ack 6 --supervisor 7", /* no instance */
        "-p d --board 3 --arena 4 --wake 5 --ack 6 --supervisor 7",
        "-p d --config c --arena 4 --wake 5 --ack 6 --supervisor 7",
        NEEDED " --listen 8,x",
        NEEDED " --listen 8,-1",
        NEEDED " --listen-local 1x",
        NEEDED " --nonsense",
        NEEDED " more",
        NEEDED " --listen 1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1",
        "-p d --config c --board 99999999999 --arena 4 --wake 5 --ack 6 --supervisor 7",
    };
    hgh_control_options options;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        if (parse(rows[i], &options)) {
            fail_msg("taken: %s", rows[i]);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_of_it_is_taken),
        cmocka_unit_test(what_is_not_said_is_not_there),
        cmocka_unit_test(anything_else_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
