/* tests/unit/engine/test_kit_facts.c - what is told of a plugin is compared with every fact. */
#include <hotgate/test_cmocka.h>

#include "tests/unit/unit.h"

#define TOLD                                                                                       \
    "{\"priority\": 7, \"phases\": [\"access\"], \"schema\": {\"type\": \"object\","               \
    " \"description\": \"d\", \"required\": [\"a\"], \"properties\": {"                            \
    " \"a\": {\"title\": \"t\", \"type\": \"integer\", \"minimum\": 1, \"examples\": [1]},"        \
    " \"b\": {\"type\": \"object\", \"properties\": {\"c\": {\"anyOf\": [{\"title\": \"t\"}, "     \
    "2]}}},"                                                                                       \
    " \"list\": {\"items\": {\"properties\": {\"title\": {\"description\": \"d\"}}}}}},"           \
    " \"consumer_schema\": {\"properties\": {\"key\": true}}, \"metadata_schema\": {}}"

#define PRIORITY                                                                                   \
    {                                                                                              \
        "/priority", "7"                                                                           \
    }
#define PHASES                                                                                     \
    {                                                                                              \
        "/phases", "[\"access\"]"                                                                  \
    }
#define SCHEMA                                                                                     \
    {                                                                                              \
        "/schema", "{\"type\": \"object\", \"required\": [\"a\"]}"                                 \
    }
#define FIELD_A                                                                                    \
    {                                                                                              \
        "/schema/properties/a", "{\"minimum\": 1, \"type\": \"integer\"}"                          \
    }
#define FIELD_B                                                                                    \
    {                                                                                              \
        "/schema/properties/b", "{\"type\": \"object\"}"                                           \
    }
#define FIELD_C                                                                                    \
    {                                                                                              \
        "/schema/properties/b/properties/c", "{\"anyOf\": [{}, 2]}"                                \
    }
#define FIELD_LIST                                                                                 \
    {                                                                                              \
        "/schema/properties/list", "{\"items\": {\"properties\": {\"title\": {}}}}"                \
    }
#define KEY                                                                                        \
    {                                                                                              \
        "/consumer_schema/properties/key", "true"                                                  \
    }

static void facts_are_compared_and_none_may_be_missing(void **state)
{
    static const struct {
        const char *label;
        hg_test_fact facts[8];
        const char *text; /* NULL: they hold */
    } cases[] = {
        {"all", {PRIORITY, PHASES, SCHEMA, FIELD_A, FIELD_B, FIELD_C, FIELD_LIST, KEY}, NULL},
        {"the fields alone", {FIELD_A, FIELD_B, FIELD_C, FIELD_LIST, KEY}, NULL},
        {"another priority",
         {{"/priority", "8"}, FIELD_A, FIELD_B, FIELD_C, FIELD_LIST, KEY},
         "/priority: found 7, wanted 8"},
        {"something that is not told",
         {{"/key", "\"a\""}, FIELD_A, FIELD_B, FIELD_C, FIELD_LIST, KEY},
         "/key: found nothing, wanted \"a\""},
        {"another minimum",
         {{"/schema/properties/a", "{\"minimum\": 2, \"type\": \"integer\"}"}},
         "/schema/properties/a: found {\"type\": \"integer\", \"minimum\": 1}, wanted "
         "{\"minimum\": 2, \"type\": \"integer\"}"},
        {"a keyword less",
         {{"/schema", "{\"type\": \"object\"}"}},
         "/schema: found {\"type\": \"object\", \"required\": [\"a\"]}, wanted "
         "{\"type\": \"object\"}"},
        {"no JSON", {{"/priority", "7,"}}, "/priority: found 7, wanted 7,"},
        {"a field without a fact",
         {FIELD_A, FIELD_B, FIELD_C, KEY},
         "/schema/properties/list: no fact is about it"},
        {"a field below another one",
         {FIELD_A, FIELD_B, FIELD_LIST, KEY},
         "/schema/properties/b/properties/c: no fact is about it"},
        {"a field of consumers",
         {FIELD_A, FIELD_B, FIELD_C, FIELD_LIST},
         "/consumer_schema/properties/key: no fact is about it"},
    };
    json_t *told = json_loads(TOLD, 0, NULL);

    (void)state;
    assert_non_null(told);
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char text[512] = "";
        size_t count = 0;
        bool differs;

        while (count < ARRAY_SIZE(cases[i].facts) && cases[i].facts[count].place != NULL) {
            count++;
        }
        differs = hg_test_differs(told, cases[i].facts, count, text, sizeof(text));
        if (differs != (cases[i].text != NULL) || (differs && strcmp(text, cases[i].text) != 0)) {
            fail_msg("%s: got \"%s\"", cases[i].label, text);
        }
    }
    json_decref(told);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(facts_are_compared_and_none_may_be_missing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
