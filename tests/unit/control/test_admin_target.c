/* tests/unit/control/test_admin_target.c - each path names what clients mean by it. */
#include <stdio.h>

#include "host/control/admin_target.h"
#include "tests/unit/unit.h"

static const char *or_none(const char *text)
{
    return text == NULL ? "-" : text;
}

static void paths_are_taken_apart(void **state)
{
    static const struct {
        const char *path;
        const char *parts; /* resource, parent, id, sub-path */
    } cases[] = {
        {"", " - - -"},
        {"/", " - - -"},
        {"/routes", "routes - - -"},
        {"/routes/", "routes - - -"},
        {"//routes//1", "routes - 1 -"},
        {"/routes/1/", "routes - 1 -"},
        {"/routes/1/a", "routes - 1 a"},
        {"/routes/1/a/b//", "routes - 1 a/b"},
        {"/consumers/jack", "consumers - jack -"},
        {"/consumers/jack/credentials", "credentials jack - -"},
        {"/consumers/jack/credentials/", "credentials jack - -"},
        {"/consumers/jack/credentials/1", "credentials jack 1 -"},
        {"/consumers/jack/credentials/1/a/b", "credentials jack 1 a/b"},
        {"/consumers/jack/credentialsx", "consumers - jack credentialsx"},
        {"/consumers/jack/routes/1", "consumers - jack routes/1"},
        {"/routes/jack/credentials/1", "routes - jack credentials/1"},
        {"/ssl/1", "ssls - 1 -"},
        {"/proto", "protos - - -"},
        {"/schema/route", "schema - route -"},
        {"/schema/plugins", "schema - plugins -"},
        {"/schema/plugins/", "schema - plugins -"},
        {"/schema/plugins/key-auth", "plugins - key-auth -"},
        {"/schema/validate/routes", "schema - validate routes"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        hgh_admin_target target = {0};
        char path[200];
        char parts[200];

        (void)snprintf(path, sizeof(path), HGH_ADMIN_ROOT "%s", cases[i].path);
        assert_true(hgh_admin_target_is_under_root(path));
        assert_true(hgh_admin_target_parse(path, &target));
        (void)snprintf(parts, sizeof(parts), "%s %s %s %s", target.resource, or_none(target.parent),
                       or_none(target.id), or_none(target.sub_path));
        if (strcmp(parts, cases[i].parts) != 0) {
            fail_msg("%s: %s", path, parts);
        }
        hgh_admin_target_done(&target);
    }
}

static void only_the_root_and_what_is_below_counts(void **state)
{
    static const char *const others[] = {"", "/", "/apisix", "/apisix/adminx", "/other/admin"};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
        assert_false(hgh_admin_target_is_under_root(others[i]));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths_are_taken_apart),
        cmocka_unit_test(only_the_root_and_what_is_below_counts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
