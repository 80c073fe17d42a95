/* tests/unit/core/test_body_path.c - paths lead to what JSONPath says, or are refused. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/core/body_path.h"
#include "tests/unit/unit.h"

static const char body[] =
    "{\"model\":\"gpt\","
    "\"user\":{\"name\":\"Rose\",\"first-name\":\"R\",\"tags\":[\"a\",\"b\"]},"
    "\"messages\":["
    "{\"role\":\"system\",\"content\":[{\"type\":\"text\"}]},"
    "{\"role\":\"user\",\"content\":[{\"type\":\"text\"},{\"type\":\"image\"}],\"role\":\"last\"},"
    "{\"role\":\"tool\"}],"
    "\"0\":\"zero\","
    "\"numbers\":[0,1,2,3,4,5,6],"
    "\"a\":{\"b\":{\"a\":{\"b\":{\"c\":1}},\"c\":2}},"
    "\"\":{\"e\":7}}";

static const struct {
    const char *path;
    bool is_query;
    const char *found; /* the values as a list */
} paths[] = {
    {"model", false, "[\"gpt\"]"},
    {"user.name", false, "[\"Rose\"]"},
    {"user.first-name", false, "[\"R\"]"},
    {".user..name", true, "[\"Rose\"]"},
    {".model.", false, "[\"gpt\"]"},
    {"user.name.x", false, "[]"},
    {"user.tags", false, "[[\"a\",\"b\"]]"},
    {"user.tags.0", false, "[]"}, /* an index is for brackets, as in APISIX */
    {"0", false, "[\"zero\"]"},
    {"nothing", false, "[]"},
    {"messages[0].role", true, "[\"system\"]"},
    {"messages[1].role", true, "[\"last\"]"},
    {"messages[-1].role", true, "[\"tool\"]"},
    {"messages[3]", true, "[]"},
    {"messages[-4]", true, "[]"},
    {"messages.0.role", false, "[]"},
    {"messages.0.content[*].type", true, "[\"text\"]"},
    {"messages[*].role", true, "[\"system\",\"last\",\"tool\"]"},
    {"messages[*].content[*].type", true, "[\"text\",\"text\",\"image\"]"},
    {"messages.*.role", true, "[\"system\",\"last\",\"tool\"]"},
    {"user.*", true, "[\"Rose\",\"R\",[\"a\",\"b\"]]"},
    {"user[*]", true, "[\"Rose\",\"R\",[\"a\",\"b\"]]"},
    {"user['name']", true, "[\"Rose\"]"},
    {"user[\"first-name\"]", true, "[\"R\"]"},
    {"user['name', \"tags\" , 'name']", true, "[\"Rose\",[\"a\",\"b\"]]"},
    {"user[0]", true, "[]"},
    {"['model']", true, "[\"gpt\"]"},
    {"*.name", true, "[\"Rose\"]"},
    {"..name", true, "[\"Rose\"]"},
    {"messages..type", true, "[\"text\",\"text\",\"image\"]"},
    {"..['type']", true, "[\"text\",\"text\",\"image\"]"},
    {"messages..[0]", true,
     "[{\"role\":\"system\",\"content\":[{\"type\":\"text\"}]},"
     "{\"type\":\"text\"},{\"type\":\"text\"}]"},
    {"user..*", true, "[\"Rose\",\"R\",[\"a\",\"b\"],\"a\",\"b\"]"},
    {"a..c", true, "[1,2]"},
    {"a..b..c", true, "[1,2]"}, /* each one once, however many ways lead to it */
    {"..a.b..c", true, "[1,2]"},
    {"..e", true, "[7]"},
    {"numbers[1:3]", true, "[1,2]"},
    {"numbers[ 1 : 3 ]", true, "[1,2]"},
    {"numbers[5:]", true, "[5,6]"},
    {"numbers[:2]", true, "[0,1]"},
    {"numbers[-2:]", true, "[5,6]"},
    {"numbers[:-5]", true, "[0,1]"},
    {"numbers[::3]", true, "[0,3,6]"},
    {"numbers[1:6:2]", true, "[1,3,5]"},
    {"numbers[::-3]", true, "[0,3,6]"}, /* in the order of the body */
    {"numbers[5:1:-2]", true, "[3,5]"},
    {"numbers[3::-1]", true, "[0,1,2,3]"},
    {"numbers[:3:-1]", true, "[4,5,6]"},
    {"numbers[-100:100]", true, "[0,1,2,3,4,5,6]"},
    {"numbers[100:-100:-1]", true, "[0,1,2,3,4,5,6]"},
    {"numbers[2:2]", true, "[]"},
    {"numbers[3:1]", true, "[]"},
    {"numbers[::0]", true, "[]"},
    {"numbers[0,2:4,-1]", true, "[0,2,3,6]"},
    {"numbers[999999999999999]", true, "[]"},
    {"user[1:2]", true, "[]"},
    {"model[*]", true, "[]"},
    {"model[0]", true, "[]"},
};

static void paths_lead_to_what_they_name(void **state)
{
    hgh_body_tree *tree = NULL;

    (void)state;
    assert_int_equal(hgh_body_tree_of_json((hg_text){body, sizeof(body) - 1}, &tree, NULL), HG_OK);
    for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
        hgh_text_builder builder = {.max = 4096};
        hgh_body_path path;
        hg_error err = HG_ERROR_INIT;
        uint32_t *places = NULL;
        size_t count = 0;

        if (hgh_body_path_parse(hg_text_of(paths[i].path), &path, &err) != HG_OK) {
            fail_msg("%s: %s", paths[i].path, err.text);
        }
        assert_int_equal(hgh_body_path_find(&path, tree, &places, &count), HG_OK);
        hgh_body_tree_write(tree, places, count, true, &builder);
        if (path.is_query != paths[i].is_query ||
            strcmp(hgh_text_builder_string(&builder), paths[i].found) != 0) {
            fail_msg("%s: found %s, wanted %s", paths[i].path, hgh_text_builder_string(&builder),
                     paths[i].found);
        }
        hgh_text_builder_done(&builder);
        free(places);
    }
    hgh_body_tree_free(tree);
}

static void a_body_need_not_be_an_object(void **state)
{
    static const struct {
        const char *body;
        const char *path;
        const char *found;
    } cases[] = {
        {"[{\"a\":1},{\"a\":2}]", "[*].a", "[1,2]"},
        {"[{\"a\":1},{\"a\":2}]", "[1].a", "[2]"},
        {"[{\"a\":1},{\"a\":2}]", "a", "[]"},
        {"[[1],[2]]", "..[0]", "[[1],1,2]"},
        {"7", "*", "[]"},
        {"7", "..*", "[]"},
        {"\"a\"", "a", "[]"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        hgh_text_builder builder = {.max = 4096};
        hgh_body_tree *tree = NULL;
        hgh_body_path path;
        uint32_t *places = NULL;
        size_t count = 0;

        assert_int_equal(hgh_body_tree_of_json(hg_text_of(cases[i].body), &tree, NULL), HG_OK);
        assert_int_equal(hgh_body_path_parse(hg_text_of(cases[i].path), &path, NULL), HG_OK);
        assert_int_equal(hgh_body_path_find(&path, tree, &places, &count), HG_OK);
        hgh_body_tree_write(tree, places, count, true, &builder);
        if (strcmp(hgh_text_builder_string(&builder), cases[i].found) != 0) {
            fail_msg("%s of %s: found %s", cases[i].path, cases[i].body,
                     hgh_text_builder_string(&builder));
        }
        hgh_text_builder_done(&builder);
        free(places);
        hgh_body_tree_free(tree);
    }
}

static void what_is_no_path_is_refused(void **state)
{
    static const struct {
        const char *path;
        const char *error;
    } cases[] = {
        {"", "character 1: wanted a key"},
        {".", "character 2: wanted a key"},
        {"..", "character 3: wanted a key"},
        {"a..", "character 4: wanted a key"},
        {"a[", "character 3: wanted a key in quotes"},
        {"a[]", "character 3: wanted a key in quotes"},
        {"a[0", "character 4: wanted \",\" or \"]\""},
        {"a[0,]", "character 5: wanted a key in quotes"},
        {"a[b]", "character 3: wanted a key in quotes"},
        {"a[0]b", "character 5: wanted \".\" or \"[\""},
        {"a[0].", "character 6: wanted a key"},
        {"a[0].[1]", "character 6: wanted a key"},
        {"a['b]", "wanted a quote that ends the key"},
        {"a['b\\'c']", "no backslash in it"},
        {"a[-]", "an index of up to 15 digits"},
        {"a[1234567890123456]", "an index of up to 15 digits"},
        {"a[1:x]", "wanted \",\" or \"]\""},
        {"a[1:2:3:4]", "wanted \",\" or \"]\""},
        {"a[?(@.b)]", "no filters and no scripts"},
        {"a[?@.b]", "no filters and no scripts"},
        {"a[(@.length-1)]", "no filters and no scripts"},
        {"*a", "wanted \".\" or \"[\""},
        {"a b[0]", "wanted \".\" or \"[\""},
        {"$.a[0]", "wanted a key"},
        {"a...b", "wanted a key"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        hgh_body_path path;
        hg_error err = HG_ERROR_INIT;
        hg_status status = hgh_body_path_parse(hg_text_of(cases[i].path), &path, &err);

        if (status != HG_ERR_INVALID || strstr(err.text, cases[i].error) == NULL) {
            fail_msg("%s: got %d, \"%s\"", cases[i].path, (int)status, err.text);
        }
    }
}

static void paths_have_bounds(void **state)
{
    char text[1024] = "";
    hgh_body_path path;
    hg_error err = HG_ERROR_INIT;

    (void)state;
    for (unsigned i = 0; i < HGH_PATH_SEGMENTS_MAX; i++) {
        strcat(text, "[*]");
    }
    assert_int_equal(hgh_body_path_parse(hg_text_of(text), &path, &err), HG_OK);
    strcat(text, "[*]");
    assert_int_equal(hgh_body_path_parse(hg_text_of(text), &path, &err), HG_ERR_INVALID);
    assert_non_null(strstr(err.text, "at most 32 steps"));
    strcpy(text, "[*");
    for (unsigned i = 1; i < HGH_PATH_SELECTORS_MAX; i++) {
        strcat(text, ",*");
    }
    strcat(text, "]");
    assert_int_equal(hgh_body_path_parse(hg_text_of(text), &path, &err), HG_OK);
    strcat(text, "[0]");
    assert_int_equal(hgh_body_path_parse(hg_text_of(text), &path, &err), HG_ERR_INVALID);
    assert_non_null(strstr(err.text, "at most 64 keys"));
    memset(text, 'a', sizeof(text));
    for (unsigned i = 1; i < sizeof(text); i += 2) {
        text[i] = '.';
    }
    assert_int_equal(hgh_body_path_parse((hg_text){text, sizeof(text)}, &path, &err),
                     HG_ERR_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths_lead_to_what_they_name),
        cmocka_unit_test(a_body_need_not_be_an_object),
        cmocka_unit_test(what_is_no_path_is_refused),
        cmocka_unit_test(paths_have_bounds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
