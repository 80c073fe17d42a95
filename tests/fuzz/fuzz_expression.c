/* tests/fuzz/fuzz_expression.c - conditions on variables: JSON, compiled and asked. */
#include <jansson.h>

#include "host/core/expression.h"
#include "host/core/issues.h"
#include "tests/fuzz/fuzz.h"

/** Variables of every kind, by the first letter of the name. */
static hgh_variable find(void *context, hg_text name)
{
    static const hgh_variable items[] = {
        {.kind = HGH_VARIABLE_TEXT, .text = {"", 0}},
        {.kind = HGH_VARIABLE_TEXT, .text = {"a", 1}},
        {.kind = HGH_VARIABLE_TEXT, .text = {"10.0.0.1", 8}},
        {.kind = HGH_VARIABLE_NUMBER, .text = {"10", 2}, .number = 10},
        {.kind = HGH_VARIABLE_BOOLEAN, .text = {"false", 5}},
        {.kind = HGH_VARIABLE_LIST},
    };
    const unsigned *round = context;

    FUZZ_PROMISE(name.data[name.length] == '\0');
    switch (name.length == 0 ? '\0' : name.data[0]) {
    case 'a':
        return items[*round % 6];
    case 'b':
        return (hgh_variable){.kind = HGH_VARIABLE_LIST, .items = items, .item_count = *round % 7};
    case 'c':
        return (hgh_variable){.kind = HGH_VARIABLE_TRUE};
    case 'd':
        return (hgh_variable){.kind = HGH_VARIABLE_TEXT, .text = name};
    case 'e':
        return (hgh_variable){.kind = HGH_VARIABLE_UNKNOWN};
    default:
        return (hgh_variable){.kind = HGH_VARIABLE_ABSENT};
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    json_t *value = json_loadb((const char *)data, size, JSON_DECODE_ANY, NULL);
    hgh_expression *expression = NULL;
    hg_issues issues = {0};

    (void)hgh_expression_has_braces((hg_text){(const char *)data, size});
    if (value != NULL) {
        hg_status status = hgh_expression_compile(value, "/vars", &expression, &issues);
        json_t *shown = hgh_issues_json(&issues);

        FUZZ_PROMISE(shown != NULL);
        FUZZ_PROMISE((status == HG_OK) == hgh_issues_is_empty(&issues));
        json_decref(shown);
        for (unsigned round = 0; status == HG_OK && round < 7; round++) {
            bool failed = false;
            bool holds = hgh_expression_ask(expression, find, &round, &failed);

            FUZZ_PROMISE(!holds || !failed);
            FUZZ_PROMISE(hgh_expression_holds(expression, find, &round) == holds);
        }
    }
    hgh_expression_free(expression);
    hgh_issues_done(&issues);
    json_decref(value);
    return 0;
}
