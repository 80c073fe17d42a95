/* tests/unit/control/test_admin_redact.c - what of an object the viewer role does not see. */
#include <stdlib.h>
#include <string.h>

#include "host/control/admin_redact.h"
#include "tests/unit/unit.h"

static hgh_plugin_catalog *catalog;

/* `lock` has a secret on routes and on consumers, `several` holds others. */
static int set_up(void **state)
{
    static const char plugins[] =
        "[{\"name\": \"lock\", \"priority\": 1, \"schema\": {\"properties\": {\"code\": {\"type\":"
        " \"string\", \"writeOnly\": true}, \"door\": {\"type\": \"string\"}}},"
        " \"consumer_schema\": {\"properties\": {\"key\": {\"writeOnly\": true}}}},"
        " {\"name\": \"several\", \"priority\": 2, \"delegates\": \"list\","
        " \"schema\": {\"properties\": {\"list\": {\"type\": \"array\"}}}}]";

    (void)state;
    catalog = hgh_plugin_catalog_new();
    hgh_plugin_catalog_set(catalog, 1, json_loads(plugins, 0, NULL));
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    hgh_plugin_catalog_free(catalog);
    return 0;
}

static void secrets_are_hidden_wherever_they_stand(void **state)
{
    static const struct {
        const char *label;
        const char *kind;
        const char *object;
        const char *shown;
    } cases[] = {
        {"on a route", "routes", "{\"plugins\":{\"lock\":{\"code\":\"7\",\"door\":\"a\"}}}",
         "{\"plugins\":{\"lock\":{\"code\":\"***\",\"door\":\"a\"}}}"},
        {"on a consumer", "consumers", "{\"plugins\":{\"lock\":{\"key\":\"7\",\"door\":\"a\"}}}",
         "{\"plugins\":{\"lock\":{\"key\":\"***\",\"door\":\"a\"}}}"},
        {"inside another plugin", "routes",
         "{\"plugins\":{\"several\":{\"list\":[{\"lock\":{\"code\":\"7\",\"door\":\"a\"}},"
         "{\"lock\":{\"code\":\"8\"}}],\"more\":1}}}",
         "{\"plugins\":{\"several\":{\"list\":[{\"lock\":{\"code\":\"***\",\"door\":\"a\"}},"
         "{\"lock\":{\"code\":\"***\"}}],\"more\":1}}}"},
        {"of a plugin that is not there", "routes", "{\"plugins\":{\"gone\":{\"code\":\"7\"}}}",
         "{\"plugins\":{\"gone\":{}}}"},
        {"inside, of a plugin that is not there", "routes",
         "{\"plugins\":{\"several\":{\"list\":[{\"gone\":{\"code\":\"7\"}}]}}}",
         "{\"plugins\":{\"several\":{\"list\":[{\"gone\":{}}]}}}"},
        {"no list at all", "routes", "{\"plugins\":{\"several\":{\"list\":{\"lock\":1}}}}",
         "{\"plugins\":{\"several\":{\"list\":{\"lock\":1}}}}"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        json_t *object = json_loads(cases[i].object, 0, NULL);
        char *shown;

        hgh_admin_redact(catalog, hgh_object_kind_find(cases[i].kind), object);
        shown = json_dumps(object, JSON_COMPACT);
        if (strcmp(shown, cases[i].shown) != 0) {
            fail_msg("%s: %s", cases[i].label, shown);
        }
        free(shown);
        json_decref(object);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(secrets_are_hidden_wherever_they_stand),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
