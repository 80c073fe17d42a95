/* tests/unit/control/test_schema_changes.c - what differs is told where it stands. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/control/schema_changes.h"
#include "tests/unit/unit.h"

static json_t *json_of(const char *text)
{
    json_t *json = text == NULL ? NULL : json_loads(text, JSON_DECODE_ANY, NULL);

    assert_true(text == NULL || json != NULL);
    return json;
}

static json_t *changes_of(const char *before, const char *after)
{
    json_t *old = json_of(before);
    json_t *new = json_of(after);
    json_t *changes = hgh_schema_changes(old, new);

    assert_non_null(changes);
    json_decref(old);
    json_decref(new);
    return changes;
}

static void what_differs_is_told_where_it_stands(void **state)
{
    static const struct {
        const char *what;
        const char *before;
        const char *after;
        const char *changes;
    } rows[] = {
        {"the same", "{'schema':{'a':{'b':[1]}}}", "{'schema':{'a':{'b':[1]}}}", "[]"},
        {"the same in another order", "{'schema':{'a':1,'b':2}}", "{'schema':{'b':2,'a':1}}", "[]"},
        {"nothing at all", "{}", "{}", "[]"},
        {"no descriptions", NULL, NULL, "[]"},
        {"descriptions of another type", "7", "[]", "[]"},
        {"null is no schema", "{'schema':null}", "{}", "[]"},
        {"other members", "{'version':'1','schema':{}}", "{'version':'2','schema':{}}", "[]"},
        {"added", "{'schema':{}}", "{'schema':{'a':1}}",
         "[{'pointer':'/schema/a','change':'added','to':1}]"},
        {"removed", "{'schema':{'a':{'b':1}}}", "{'schema':{}}",
         "[{'pointer':'/schema/a','change':'removed','from':{'b':1}}]"},
        {"changed", "{'schema':{'a':1}}", "{'schema':{'a':'x'}}",
         "[{'pointer':'/schema/a','change':'changed','from':1,'to':'x'}]"},
        {"nested", "{'schema':{'properties':{'rate':{'type':'integer','minimum':1}}}}",
         "{'schema':{'properties':{'rate':{'type':'integer','minimum':0},'burst':{}}}}",
         "[{'pointer':'/schema/properties/rate/minimum','change':'changed','from':1,'to':0},"
         "{'pointer':'/schema/properties/burst','change':'added','to':{}}]"},
        {"an array is one value", "{'schema':{'enum':[1,2]}}", "{'schema':{'enum':[1,3]}}",
         "[{'pointer':'/schema/enum','change':'changed','from':[1,2],'to':[1,3]}]"},
        {"an object and none", "{'schema':{'a':{'b':1}}}", "{'schema':{'a':[]}}",
         "[{'pointer':'/schema/a','change':'changed','from':{'b':1},'to':[]}]"},
        {"null is a value", "{'schema':{'default':null}}", "{'schema':{}}",
         "[{'pointer':'/schema/default','change':'removed','from':null}]"},
        {"null and another value", "{'schema':{'default':null}}", "{'schema':{'default':0}}",
         "[{'pointer':'/schema/default','change':'changed','from':null,'to':0}]"},
        {"integers and reals differ", "{'schema':{'a':1}}", "{'schema':{'a':1.0}}",
         "[{'pointer':'/schema/a','change':'changed','from':1,'to':1.0}]"},
        {"escaped", "{'schema':{'a/b~c':{'~1':1}}}", "{'schema':{'a/b~c':{'~1':2,'':3}}}",
         "[{'pointer':'/schema/a~1b~0c/~01','change':'changed','from':1,'to':2},"
         "{'pointer':'/schema/a~1b~0c/','change':'added','to':3}]"},
        {"all three, in order",
         "{'consumer_schema':{'a':1},'metadata_schema':{'a':1},'schema':{'a':1}}",
         "{'consumer_schema':{'a':2},'metadata_schema':{},'schema':{'a':1,'b':1}}",
         "[{'pointer':'/schema/b','change':'added','to':1},"
         "{'pointer':'/metadata_schema/a','change':'removed','from':1},"
         "{'pointer':'/consumer_schema/a','change':'changed','from':1,'to':2}]"},
        {"a schema comes", "{'schema':{}}", "{'schema':{},'metadata_schema':{'a':1}}",
         "[{'pointer':'/metadata_schema','change':'added','to':{'a':1}}]"},
        {"a schema goes", "{'consumer_schema':{'a':1}}", "{'consumer_schema':null}",
         "[{'pointer':'/consumer_schema','change':'removed','from':{'a':1}}]"},
        {"the first version", NULL, "{'schema':{}}",
         "[{'pointer':'/schema','change':'added','to':{}}]"},
        {"schemas of no object", "{'schema':true}", "{'schema':false}",
         "[{'pointer':'/schema','change':'changed','from':true,'to':false}]"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        const char *sources[] = {rows[i].before, rows[i].after, rows[i].changes};
        char texts[3][512];
        json_t *wanted;
        json_t *changes;

        for (size_t j = 0; j < 3; j++) { /* written with the other quotes, which read better here */
            (void)snprintf(texts[j], sizeof(texts[j]), "%s", sources[j] == NULL ? "" : sources[j]);
            for (char *at = texts[j]; *at != '\0'; at++) {
                *at = *at == '\'' ? '"' : *at;
            }
        }
        wanted = json_of(texts[2]);
        changes =
            changes_of(sources[0] == NULL ? NULL : texts[0], sources[1] == NULL ? NULL : texts[1]);
        if (!json_equal(changes, wanted)) {
            fail_msg("%s: %s", rows[i].what, json_dumps(changes, 0));
        }
        json_decref(changes);
        json_decref(wanted);
    }
}

/* A schema with so many members, all of one value. */
static json_t *description_make(unsigned members, int value)
{
    json_t *schema = json_object();
    char key[16];

    for (unsigned i = 0; i < members; i++) {
        (void)snprintf(key, sizeof(key), "m%u", i);
        (void)json_object_set_new(schema, key, json_integer(value));
    }
    return json_pack("{s:o}", "schema", schema);
}

static void further_ones_are_counted_in_one_last_line(void **state)
{
    static const struct {
        unsigned members;
        size_t lines;
        json_int_t more;
    } rows[] = {
        {HGH_SCHEMA_CHANGES_MAX - 1, HGH_SCHEMA_CHANGES_MAX - 1, 0},
        {HGH_SCHEMA_CHANGES_MAX, HGH_SCHEMA_CHANGES_MAX, 0},
        {HGH_SCHEMA_CHANGES_MAX + 1, HGH_SCHEMA_CHANGES_MAX + 1, 1},
        {HGH_SCHEMA_CHANGES_MAX + 1000, HGH_SCHEMA_CHANGES_MAX + 1, 1000},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        json_t *before = description_make(rows[i].members, 1);
        json_t *after = description_make(rows[i].members, 2);
        json_t *changes = hgh_schema_changes(before, after);
        const json_t *last = json_array_get(changes, json_array_size(changes) - 1);

        assert_int_equal(json_array_size(changes), rows[i].lines);
        if (rows[i].more == 0) {
            assert_string_equal(json_string_value(json_object_get(last, "change")), "changed");
        } else {
            assert_string_equal(json_string_value(json_object_get(last, "change")), "more");
            assert_string_equal(json_string_value(json_object_get(last, "pointer")), "");
            assert_int_equal(json_integer_value(json_object_get(last, "to")), rows[i].more);
        }
        json_decref(changes);
        json_decref(after);
        json_decref(before);
    }
}

/* {"schema": {KEY: {KEY: ... value}}} */
static json_t *deep_make(const char *key, unsigned depth, int value)
{
    json_t *inner = json_integer(value);

    for (unsigned i = 0; i < depth; i++) {
        inner = json_pack("{s:o}", key, inner);
    }
    return json_pack("{s:o}", "schema", inner);
}

static void what_lies_too_deep_is_told_of_at_its_parent(void **state)
{
    static const char *const keys[] = {"a", "a-name-of-thirty-letters-----",
                                       "~~~~~~~~~~~/////////"};
    char long_key[600];

    (void)state;
    memset(long_key, 'k', sizeof(long_key) - 1);
    long_key[sizeof(long_key) - 1] = '\0';
    for (size_t i = 0; i < ARRAY_SIZE(keys) + 1; i++) {
        const char *key = i < ARRAY_SIZE(keys) ? keys[i] : long_key;
        json_t *before = deep_make(key, 1000, 1);
        json_t *after = deep_make(key, 1000, 2);
        json_t *changes = hgh_schema_changes(before, after);
        const json_t *change = json_array_get(changes, 0);
        const char *pointer = json_string_value(json_object_get(change, "pointer"));

        assert_int_equal(json_array_size(changes), 1);
        assert_ptr_equal(strstr(pointer, "/schema"), pointer);
        assert_in_range(strlen(pointer), strlen("/schema"), 255);
        assert_string_equal(json_string_value(json_object_get(change, "change")), "changed");
        json_decref(changes);
        json_decref(after);
        json_decref(before);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_differs_is_told_where_it_stands),
        cmocka_unit_test(further_ones_are_counted_in_one_last_line),
        cmocka_unit_test(what_lies_too_deep_is_told_of_at_its_parent),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
