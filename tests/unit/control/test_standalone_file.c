/* tests/unit/control/test_standalone_file.c - a standalone file as YAML and JSON, and its findings.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "host/control/standalone_file.h"
#include "tests/unit/unit.h"

static hgh_standalone_file take(const char *text, bool is_json)
{
    hgh_standalone_file file = {0};

    assert_int_equal(hgh_standalone_file_take(text, strlen(text), is_json, &file), HG_OK);
    return file;
}

/* The findings as "LINE:COLUMN POINTER ERROR;". */
static void tell(const json_t *errors, char *into, size_t size)
{
    size_t length = 0;

    into[0] = '\0';
    for (size_t i = 0; i < json_array_size(errors); i++) {
        const json_t *one = json_array_get(errors, i);

        length += (size_t)snprintf(into + length, size - length, "%lld:%lld %s %s;",
                                   (long long)json_integer_value(json_object_get(one, "line")),
                                   (long long)json_integer_value(json_object_get(one, "column")),
                                   json_string_value(json_object_get(one, "pointer")),
                                   json_string_value(json_object_get(one, "error")));
    }
}

static void the_end_mark_says_that_it_is_whole(void **state)
{
    static const struct {
        const char *text;
        bool is_json;
        bool is_whole;
    } cases[] = {
        {"", false, false},
        {"#END", false, true},
        {"routes: []\n#END\n", false, true},
        {"routes: []\n#END \t\r\n\n\n\n\n\n\n\n\n\n\n\n", false, true},
        {"routes: []\n#END\n#", false, false},
        {"#END\nroutes: []\n", false, false},
        {"routes: []\n#EN", false, false},
        {"{}", true, true},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        hgh_standalone_file file = take(cases[i].text, cases[i].is_json);

        if (hgh_standalone_file_is_whole(&file) != cases[i].is_whole) {
            fail_msg("%s", cases[i].text);
        }
        hgh_standalone_file_done(&file);
    }
}

static void a_good_file_is_taken_apart(void **state)
{
    static const struct {
        const char *label;
        const char *text;
        bool is_json;
        const char *document;
        const char *plugins; /* NULL: it lists none */
    } cases[] = {
        {"nothing", "#END", false, "{}", NULL},
        {"names for what has none", "routes: [{uri: /a}, {id: 5}, {uri: /b}]\n#END", false,
         "{\"routes\": [{\"uri\": \"/a\", \"id\": \"arr_1\"}, {\"id\": 5},"
         " {\"uri\": \"/b\", \"id\": \"arr_3\"}]}",
         NULL},
        {"but not for consumers and metadata", "consumers: [{}]\nplugin_metadata: [{}]\n#END",
         false, "{\"consumers\": [{}], \"plugin_metadata\": [{}]}", NULL},
        {"plugins leave it", "plugins:\n  - name: a\n  - {name: b, stream: true}\n  - c\n#END",
         false, "{}", "[\"a\", \"c\"]"},
        {"no plugins at all", "plugins: []\n#END", false, "{}", "[]"},
        {"keys with nothing behind them", "routes:\nservices: []\n#END", false,
         "{\"services\": []}", NULL},
        {"the name of release 2.15", "ssl: [{id: 1}]\n#END", false, "{\"ssls\": [{\"id\": 1}]}",
         NULL},
        {"variables", "routes: [{id: ${{HOTGATE_TEST_ID}}, uri: ${{NONE:=/b}}}]\n#END", false,
         "{\"routes\": [{\"id\": 77, \"uri\": \"/b\"}]}", NULL},
        {"JSON", "{\"routes\": [{\"uri\": \"/\\ud83d\\ude00${{HOTGATE_TEST_ID}}\"}]}", true,
         "{\"routes\": [{\"uri\": \"/\xf0\x9f\x98\x80"
         "77\", \"id\": \"arr_1\"}]}",
         NULL},
        {"whole numbers", "{\"routes\": [{\"id\": 1.0}]}", true, "{\"routes\": [{\"id\": 1}]}",
         NULL},
    };

    (void)state;
    assert_int_equal(setenv("HOTGATE_TEST_ID", "77", 1), 0);
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        hgh_standalone_file file = take(cases[i].text, cases[i].is_json);
        json_t *errors = json_array();
        json_t *wanted = json_loads(cases[i].document, 0, NULL);
        json_t *plugins = cases[i].plugins == NULL ? NULL : json_loads(cases[i].plugins, 0, NULL);
        char told[2000];

        assert_int_equal(hgh_standalone_file_parse(&file, errors), HG_OK);
        tell(errors, told, sizeof(told));
        if (told[0] != '\0' || !json_equal(file.document, wanted) ||
            (plugins == NULL) != (file.plugins == NULL) ||
            (plugins != NULL && !json_equal(plugins, file.plugins))) {
            char *text = json_dumps(file.document, JSON_ENCODE_ANY);

            fail_msg("%s: %s %s", cases[i].label, told, text);
        }
        json_decref(errors);
        json_decref(wanted);
        json_decref(plugins);
        hgh_standalone_file_done(&file);
    }
    assert_int_equal(unsetenv("HOTGATE_TEST_ID"), 0);
}

static void what_is_wrong_is_told_with_its_place(void **state)
{
    static const struct {
        const char *text;
        bool is_json;
        const char *told;
    } cases[] = {
        {"routes: [\n#END", false, "3:1  did not find expected node content"},
        {"a: 1\na: 2\n#END", false, "2:1  the key \"a\" is there twice;"},
        {"a: ${{HOTGATE_NONE}}\n#END", false,
         "1:4  the environment variable HOTGATE_NONE is not set"},
        {"[1]\n#END", false, "1:1  found no object, wanted an object of lists;"},
        {"plugins:\n#END", false, "1:9 /plugins found nothing, wanted a list of names"},
        {"plugins:\n  - a\n  - {title: b}\n  - 5\n#END", false,
         "3:5 /plugins/1 found no name, wanted a name, or an object with `name`;4:5 /plugins/2 "},
        {"ssls: []\nssl: []\n#END", false,
         "2:6 /ssl found ssl beside ssls, wanted one of the two;"},
        {"{\"routes\": [}", true, "1:13  unexpected token near '}';"},
        {"{\"a\": 1,\n \"a\": 2}", true, "2:4  duplicate object key near '\"a\"';"},
        {"{\"plugins\": [\n 5]}", true, "2:2 /plugins/0 found no name"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        hgh_standalone_file file = take(cases[i].text, cases[i].is_json);
        json_t *errors = json_array();
        char told[2000];

        assert_int_equal(hgh_standalone_file_parse(&file, errors), HG_OK);
        tell(errors, told, sizeof(told));
        if (strncmp(told, cases[i].told, strlen(cases[i].told)) != 0) {
            fail_msg("%s: got \"%s\", wanted \"%s\"", cases[i].text, told, cases[i].told);
        }
        json_decref(errors);
        hgh_standalone_file_done(&file);
    }
}

/* Findings that come later, from whoever judges the objects. */
static void a_finding_of_an_object_gets_its_place(void **state)
{
    static const struct {
        const char *text;
        bool is_json;
        const char *pointer;
        int line;
        int column;
    } cases[] = {
        {"routes:\n  - uri: 5\n#END", false, "/routes/0/uri", 2, 10},
        {"routes:\n  - uri: 5\n#END", false, "/routes/0/plugins/x", 2, 5},
        {"routes:\n  - uri: 5\n#END", false, "", 1, 1},
        {"ssl:\n  - cert: 5\n#END", false, "/ssls/0/cert", 2, 11},
        {"base: &b\n  k: 1\nroutes:\n  - *b\n#END", false, "/routes/0/k", 4, 5},
        {"{\"routes\": [\n{\"uri\": 5}]}", true, "/routes/0/uri", 2, 9},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        hgh_standalone_file file = take(cases[i].text, cases[i].is_json);
        json_t *errors = json_array();
        json_t *finding = json_pack("{s:s}", "pointer", cases[i].pointer);

        assert_int_equal(hgh_standalone_file_parse(&file, errors), HG_OK);
        hgh_standalone_file_place(&file, finding);
        if (json_integer_value(json_object_get(finding, "line")) != cases[i].line ||
            json_integer_value(json_object_get(finding, "column")) != cases[i].column) {
            char *text = json_dumps(finding, 0);

            fail_msg("%s: %s", cases[i].text, text);
        }
        json_decref(errors);
        json_decref(finding);
        hgh_standalone_file_done(&file);
    }
}

static void reading_says_why_it_cannot(void **state)
{
    char path[] = "/tmp/hotgate-standalone-XXXXXX";
    int fd = mkstemp(path);
    hgh_standalone_file file = {0};
    hgh_standalone_file same = {0};
    hg_error err = HG_ERROR_INIT;

    (void)state;
    assert_int_equal(write(fd, "#END\n", 5), 5);
    assert_int_equal(close(fd), 0);
    assert_int_equal(hgh_standalone_file_read(path, false, &file, &err), HG_OK);
    same = take("#END\n", false);
    assert_string_equal(file.text, "#END\n");
    assert_string_equal(file.sha256, same.sha256);
    assert_int_equal(strlen(file.sha256), 64);
    hgh_standalone_file_done(&file);
    hgh_standalone_file_done(&same);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(hgh_standalone_file_read(path, false, &file, &err), HG_ERR_NOT_FOUND);
    assert_non_null(strstr(err.text, path));
    assert_int_equal(hgh_standalone_file_read("/tmp", false, &file, &err), HG_ERR_IO);
    assert_string_equal(err.text, "/tmp: is not a regular file");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_end_mark_says_that_it_is_whole),
        cmocka_unit_test(a_good_file_is_taken_apart),
        cmocka_unit_test(what_is_wrong_is_told_with_its_place),
        cmocka_unit_test(a_finding_of_an_object_gets_its_place),
        cmocka_unit_test(reading_says_why_it_cannot),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
