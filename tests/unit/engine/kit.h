/* tests/unit/engine/kit.h - a gateway in memory with one route, for the tests of the test kit. */
#ifndef TESTS_UNIT_ENGINE_KIT_H
#define TESTS_UNIT_ENGINE_KIT_H

#include <stdio.h>
#include <stdlib.h>

#include <hotgate/test.h>

#include "tests/unit/unit.h"

static inline void kit_failed(void *context, const char *text)
{
    (void)context;
    fail_msg("%s", text);
}

static inline int kit_begin(void **state)
{
    hg_test *test = hg_test_new();

    if (test == NULL) {
        return -1;
    }
    hg_test_on_failure(test, kit_failed, NULL);
    *state = test;
    return 0;
}

static inline int kit_end(void **state)
{
    hg_test_free(*state);
    return 0;
}

/* Where meson has built the object of that name. */
static inline const char *kit_path(const char *object)
{
    static char path[4096];

    (void)snprintf(path, sizeof(path), "%s/%s.so", getenv("HOTGATE_TEST_PLUGINS"), object);
    return path;
}

static inline void kit_load(hg_test *test, const char *plugin)
{
    hg_error err = HG_ERROR_INIT;

    if (hg_test_load(test, kit_path(plugin), NULL, &err) != HG_OK) {
        fail_msg("%s: %s", plugin, err.text);
    }
}

/* Route 1 takes every path to two nodes, with these plugins. */
static inline void kit_route(hg_test *test, const char *plugins)
{
    char text[4096];
    hg_error err = HG_ERROR_INIT;

    (void)snprintf(text, sizeof(text),
                   "{\"uri\": \"/*\", \"plugins\": %s, \"upstream\": {\"nodes\": "
                   "{\"10.0.0.1:80\": 1, \"10.0.0.2:81\": 1}}}",
                   plugins);
    if (hg_test_put(test, "routes/1", text, &err) != HG_OK) {
        fail_msg("%s", err.text);
    }
}

/* The log holds that line, once. */
static inline void kit_assert_log(hg_test *test, const char *part)
{
    size_t count = hg_test_log_count(test, 0, part);

    if (count == 1) {
        return;
    }
    for (size_t i = 0; hg_test_log_line(test, i, NULL) != NULL; i++) {
        print_message("log: %s\n", hg_test_log_line(test, i, NULL));
    }
    fail_msg("\"%s\" is in the log %zu times", part, count);
}

#define KIT_TEST(function) cmocka_unit_test_setup_teardown(function, kit_begin, kit_end)

#endif
