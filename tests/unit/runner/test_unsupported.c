/* tests/unit/runner/test_unsupported.c - what a runner cannot do is told by the table, and by the
 * page for authors in the same words. */
#include <stdio.h>
#include <stdlib.h>

#include "host/core/text_builder.h"
#include "host/runner/unsupported.h"
#include "tests/unit/unit.h"

#define PAGE "docs/write-a-plugin.md"

static char *page_read(void)
{
    char path[4096];
    hgh_text_builder text = {.max = 16u << 20};
    char buffer[8192];
    size_t length;
    FILE *file;

    (void)snprintf(path, sizeof(path), "%s/" PAGE, getenv("HOTGATE_SOURCE_ROOT"));
    file = fopen(path, "r");
    assert_non_null(file);
    while ((length = fread(buffer, 1, sizeof(buffer), file)) > 0) {
        hgh_text_builder_add(&text, (hg_text){buffer, length});
    }
    (void)fclose(file);
    return text.data;
}

static void the_page_has_every_row(void **state)
{
    size_t count = 0;
    const hgh_unsupported *rows = hgh_unsupported_all(&count);
    char *page = page_read();

    (void)state;
    assert_true(count > 0);
    for (size_t i = 0; i < count; i++) {
        char row[512];

        (void)snprintf(row, sizeof(row), "\n| %s | `%s` | %s |\n",
                       hgh_unsupported_kind_name(rows[i].kind), rows[i].name, rows[i].why);
        if (strstr(page, row) == NULL) {
            fail_msg(PAGE " has no line%s", row);
        }
    }
    free(page);
}

static void a_description_tells_what_does_not_run(void **state)
{
    static const struct {
        const char *label;
        const char *description;
        const char *names;
    } cases[] = {
        {"nothing", "{\"phases\":[\"rewrite\",\"access\"],\"flags\":[\"waits\"]}", ""},
        {"phases", "{\"phases\":[\"rewrite\",\"before_proxy\",\"log\"],\"flags\":[]}",
         "before_proxy log "},
        {"flags", "{\"phases\":[],\"flags\":[\"auth\",\"prefer_route\"]}", "auth prefer_route "},
        {"schemas", "{\"metadata_schema\":{},\"attributes_schema\":{}}", "metadata attributes "},
        {"no description", "{}", ""},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        json_t *description = json_loads(cases[i].description, 0, NULL);
        json_t *list = hgh_unsupported_of(description);
        char names[128] = "";

        for (size_t k = 0; k < json_array_size(list); k++) {
            (void)strcat(names,
                         json_string_value(json_object_get(json_array_get(list, k), "name")));
            (void)strcat(names, " ");
        }
        if (strcmp(names, cases[i].names) != 0) {
            fail_msg("%s: got %s", cases[i].label, names);
        }
        json_decref(list);
        json_decref(description);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_page_has_every_row),
        cmocka_unit_test(a_description_tells_what_does_not_run),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
