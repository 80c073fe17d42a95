/* host/core/explain_values.c - the values of an expression's variables, to be shown to an operator.
 */
#include "host/core/explain_values.h"

#include <string.h>

#include "host/core/json_value.h"

#define VARIABLES_MAX 20u  /* shown of one expression */
#define VALUE_MAX     200u /* bytes shown of one value */
#define HIDDEN        "***"

json_t *hgh_explain_text(hg_text text)
{
    char shown[VALUE_MAX + 4];
    size_t length = text.data == NULL ? 0 : hgh_utf8_fitting(text.data, text.length, VALUE_MAX);

    if (length > 0) {
        memcpy(shown, text.data, length);
    }
    for (size_t i = 0; i < length; i++) {
        shown[i] = shown[i] == '\0' ? '?' : shown[i];
    }
    (void)strcpy(shown + length, length < text.length ? "..." : "");
    hgh_utf8_mend(shown);
    return json_string(shown);
}

/* They may be what a client, or the gateway itself, authenticates with. */
static bool is_secret(hg_text name)
{
    static const char *const names[] = {"http_authorization", "http_proxy_authorization",
                                        "http_cookie", "http_apikey", "sent_http_set_cookie"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (hg_text_equal_ignoring_case(name, hg_text_of(names[i]))) {
            return true;
        }
    }
    return hg_text_starts_with(name, HG_TEXT("cookie_"));
}

static json_t *number_value(hg_text text)
{
    json_t *number = json_loadb(text.data, text.length, JSON_DECODE_ANY, NULL);

    return number == NULL ? hgh_explain_text(text) : number; /* one that is too large for jansson */
}

static json_t *scalar_value(const hgh_variable *variable)
{
    switch (variable->kind) {
    case HGH_VARIABLE_ABSENT:
        break;
    case HGH_VARIABLE_TRUE:
        return json_true();
    case HGH_VARIABLE_TEXT:
        return hgh_explain_text(variable->text);
    case HGH_VARIABLE_NUMBER:
        return number_value(variable->text);
    case HGH_VARIABLE_BOOLEAN:
        return json_boolean(hg_text_equal(variable->text, HG_TEXT("true")));
    case HGH_VARIABLE_LIST:
        return json_array(); /* inside another one: something that is equal to nothing */
    case HGH_VARIABLE_UNKNOWN:
        return json_string("(not known)");
    }
    return json_null();
}

static json_t *value_of(hg_text name, const hgh_variable *variable)
{
    json_t *list;

    if (variable->kind == HGH_VARIABLE_TEXT && is_secret(name)) {
        return json_string(HIDDEN);
    }
    if (variable->kind != HGH_VARIABLE_LIST) {
        return scalar_value(variable);
    }
    list = json_array();
    for (size_t i = 0; list != NULL && i < variable->item_count && i < VARIABLES_MAX; i++) {
        (void)json_array_append_new(list, scalar_value(&variable->items[i]));
    }
    return list;
}

/* The variables of one expression on their way into an object. */
typedef struct collection {
    json_t *values;
    hgh_expression_lookup find;
    void *context;
} collection;

static void variable_add(void *context, hg_text name)
{
    const collection *into = context;
    hgh_variable variable;

    if (json_object_size(into->values) == VARIABLES_MAX ||
        json_object_get(into->values, name.data) != NULL) {
        return;
    }
    variable = into->find(into->context, name);
    (void)json_object_set_new(into->values, name.data, value_of(name, &variable));
}

json_t *
hgh_explain_values(const hgh_expression *expression, hgh_expression_lookup find, void *context)
{
    collection into = {json_object(), find, context};

    if (into.values != NULL && expression != NULL) {
        hgh_expression_each_variable(expression, variable_add, &into);
    }
    return into.values;
}
