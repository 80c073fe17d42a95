/* tests/unit/core/test_isolation.c - a plugin that a runner cannot run is refused, with all
 * reasons.
 */
#include <string.h>

#include "host/core/isolation.h"
#include "host/core/issues.h"
#include "tests/unit/core/fake_engine.h"
#include "tests/unit/core/plugins.h"
#include "tests/unit/unit.h"

static void every_reason_is_a_finding(void **state)
{
    static const struct {
        const char *plugin;
        const char *reasons; /* what follows "a plugin that ", a line each */
    } rows[] = {
        {"unit_raw", ""},
        {"unit_a", "has a callback for before_proxy\nhas a callback for log\n"},
        {"unit_auth",
         "authenticates consumers\nhas a callback for before_proxy\nhas a callback for log\n"},
        {"delegate", "holds configurations of other plugins\nhas a callback for before_proxy\n"
                     "has a callback for log\n"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        plugin_place place = {0};
        hgh_plugin *plugin;
        hg_issues issues = {0};
        char found[400] = "";

        plugin_place_init(&place);
        plugin = plugin_load(&place, rows[i].plugin, 1);
        assert_int_equal(hgh_isolation_judge(plugin, "/x", &issues), rows[i].reasons[0] == '\0');
        for (size_t k = 0; k < issues.count; k++) {
            assert_string_equal(issues.items[k].pointer, "/x");
            assert_non_null(strstr(issues.items[k].text, "it cannot be isolated: it "));
            (void)strcat(strcat(found, issues.items[k].found + strlen("a plugin that ")), "\n");
        }
        if (strcmp(found, rows[i].reasons) != 0) {
            fail_msg("%s: %s", rows[i].plugin, found);
        }
        hgh_issues_done(&issues);
        hgh_plugin_unref(plugin);
        plugin_place_done(&place);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_reason_is_a_finding),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
