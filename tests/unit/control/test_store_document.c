/* tests/unit/control/test_store_document.c - what is written as a document is read again. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "host/control/store_document.h"
#include "tests/unit/unit.h"

static void put(hgh_resource_table *table,
                const char *key,
                const char *value,
                uint64_t created,
                int64_t expires_wall_s)
{
    hgh_resource_object *object = hgh_resource_object_new(table, key, value, strlen(value), NULL);

    assert_non_null(object);
    object->created = created;
    object->expires_wall_s = expires_wall_s;
    hgh_resource_table_put(table, object);
}

static json_t *write(const hgh_resource_table *table)
{
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);
    json_t *json;

    assert_non_null(out);
    assert_int_equal(hgh_document_write(table, out, NULL), HG_OK);
    assert_int_equal(fclose(out), 0);
    json = json_loads(text, 0, NULL);
    if (json == NULL) {
        fail_msg("no JSON: %s", text);
    }
    free(text);
    return json;
}

static void a_table_comes_back_in_the_order_of_its_age(void **state)
{
    static const char *const keys[] = {"routes/z", "routes/a", "consumers/jack",
                                       "credentials/jack/credentials/c"};
    int64_t later = (int64_t)time(NULL) + 1000;
    hgh_resource_table *table = hgh_resource_table_new();
    json_t *errors = json_array();
    hgh_document document = {0};

    (void)state;
    put(table, "consumers/jack", "{\"username\":\"jack\"}", 1, 0);
    put(table, "routes/z", "{\"id\":\"z\",\"uri\":\"/a\"}", 2, 0);
    put(table, "credentials/jack/credentials/c", "{\"id\":\"c\",\"plugins\":{}}", 3, 0);
    put(table, "routes/a", "{\"id\":\"a\",\"uri\":\"/a\"}", 4, later);
    put(table, "routes/over", "{\"id\":\"over\",\"uri\":\"/a\"}", 5, 1);
    assert_int_equal(hgh_document_read(write(table), &document, errors), HG_OK);
    assert_int_equal(json_array_size(errors), 0);
    assert_int_equal(document.count, ARRAY_SIZE(keys));
    for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
        assert_string_equal(document.items[i].key, keys[i]);
        assert_int_equal(document.items[i].expires_wall_s, i == 1 ? later : 0);
    }
    assert_string_equal(json_string_value(json_object_get(document.items[3].object, "id")), "c");
    assert_null(json_object_get(document.items[2].object, "id"));
    assert_string_equal(document.items[3].kind->name, "credentials");
    assert_string_equal(document.items[3].pointer, "/consumers/1");
    hgh_document_done(&document);
    json_decref(errors);
    hgh_resource_table_free(table);
}

static void every_mistake_of_a_document_is_told(void **state)
{
    static const struct {
        const char *label;
        const char *text;
        const char *pointer;
        const char *error;
        size_t items;
    } cases[] = {
        {"no object", "[]", "", "found no object, wanted an object of lists", 0},
        {"no list", "{\"routes\": 1}", "/routes", "found no list, wanted a list of objects", 0},
        {"no object in it", "{\"routes\": [null]}", "/routes/0",
         "found no object, wanted an object", 0},
        {"no id", "{\"routes\": [{}]}", "/routes/0", "found an object without id, wanted \"id\"",
         0},
        {"an empty id", "{\"routes\": [{\"id\": \"\"}]}", "/routes/0",
         "found an object without id, wanted \"id\"", 0},
        {"no name", "{\"consumers\": [{}]}", "/consumers/0",
         "found an object without id, wanted \"username\"", 0},
        {"twice, in two forms", "{\"routes\": [{\"id\": 1}, {\"id\": \"1\"}]}", "/routes/1",
         "found routes/1, wanted each object once", 1},
        {"unknown kind", "{\"rotues\": [{}]}", "/rotues", "Unsupported resource type: rotues", 0},
        {"below another kind", "{\"credentials\": [{}]}", "/credentials",
         "Unsupported resource type: credentials", 0},
        {"newer", "{\"hotgate\": {\"format\": 2}}", "/hotgate/format",
         "it was exported by a newer hotgate", 0},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        json_t *errors = json_array();
        hgh_document document = {0};
        const char *pointer = "";
        const char *error = "";

        assert_int_equal(hgh_document_read(json_loads(cases[i].text, 0, NULL), &document, errors),
                         HG_OK);
        (void)json_unpack(json_array_get(errors, 0), "{s:s, s:s}", "pointer", &pointer, "error",
                          &error);
        if (json_array_size(errors) != 1 || strcmp(pointer, cases[i].pointer) != 0 ||
            strcmp(error, cases[i].error) != 0 || document.count != cases[i].items) {
            fail_msg("%s: %zu errors, %s: %s", cases[i].label, json_array_size(errors), pointer,
                     error);
        }
        hgh_document_done(&document);
        json_decref(errors);
    }
}

static void what_a_standalone_file_may_hold_is_passed_over(void **state)
{
    json_t *errors = json_array();
    hgh_document document = {0};

    (void)state;
    assert_int_equal(
        hgh_document_read(json_loads("{\"routes_conf_version\": 3, \"protos\": [], \"consumers\": "
                                     "[{\"id\": \"jack\", \"username\": \"jack\"}]}",
                                     0, NULL),
                          &document, errors),
        HG_OK);
    assert_int_equal(json_array_size(errors), 0);
    assert_int_equal(document.count, 1);
    assert_string_equal(document.items[0].key, "consumers/jack");
    hgh_document_done(&document);
    json_decref(errors);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_table_comes_back_in_the_order_of_its_age),
        cmocka_unit_test(every_mistake_of_a_document_is_told),
        cmocka_unit_test(what_a_standalone_file_may_hold_is_passed_over),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
