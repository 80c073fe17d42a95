/* host/core/expression.c - conditions on variables: ["arg_version", "==", "v2"], and groups of
 * them.
 */
#include "host/core/expression.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/core/address.h"
#include "host/core/body_path.h"
#include "host/core/issues.h"
#include "host/core/json_value.h"
#include "host/core/regex.h"

#define POINTER_MAX 512u
#define TEXT_MAX    400u
#define NUMBER_MAX                                                                                 \
    128u /* bytes of a text that is read as a number, without the blanks around it                 \
          */

#define REASON_PREFIX "failed to validate the 'vars' expression: "

typedef enum operation {
    OPERATION_ALL, /* groups first: see is_group() */
    OPERATION_ANY,
    OPERATION_EQUAL,
    OPERATION_DIFFERENT,
    OPERATION_GREATER,
    OPERATION_GREATER_OR_EQUAL,
    OPERATION_LESS,
    OPERATION_LESS_OR_EQUAL,
    OPERATION_MATCH,
    OPERATION_MATCH_ANY_CASE,
    OPERATION_IN,
    OPERATION_HAS,
    OPERATION_IP,
} operation;

typedef enum constant_kind {
    CONSTANT_NULL,
    CONSTANT_FALSE,
    CONSTANT_TRUE,
    CONSTANT_TEXT,
    CONSTANT_NUMBER,
} constant_kind;

/* Sorted, so that a long list costs little. */
typedef struct value_set {
    hg_text *texts; /* owned, in one block with the numbers and with what they point to */
    size_t count;
    double *numbers;
    size_t number_count;
    bool has_true;
    bool has_false;
} value_set;

/* A comparison, or a group, whose members follow it. */
typedef struct item {
    uint8_t operation;
    uint8_t constant; /* a constant_kind; of comparisons by value */
    bool negated;
    uint32_t span;    /* items from this one to the end of its group */
    hg_text variable; /* owned */
    union {
        hg_text text; /* owned */
        double number;
        hg_regex *regex;
        hg_cidrs *cidrs;
        value_set set;
    } value;
} item;

struct hgh_expression {
    uint32_t count;
    item *items; /* a group before its members: the first one is the whole */
};

typedef struct compilation {
    hgh_expression *expression;
    uint32_t room;
    uint32_t regex_count;
    bool too_large; /* was told */
    hg_status status;
    hg_issues *issues;
    size_t pointer_length;
    char pointer[POINTER_MAX];
} compilation;

static bool is_group(const item *at)
{
    return at->operation <= OPERATION_ANY;
}

/* -------------------------------------------------------------------------------- findings */

static void issue(compilation *work, const json_t *value, const char *wanted, const char *reason)
{
    char found[HGH_JSON_DESCRIBE_MAX];
    char text[TEXT_MAX];

    (void)snprintf(text, sizeof(text), REASON_PREFIX "%s", reason);
    hgh_issues_add(work->issues, work->pointer,
                   value == NULL ? "nothing" : hgh_json_describe(value, found, sizeof(found)),
                   wanted, text);
    if (work->status == HG_OK) {
        work->status = HG_ERR_INVALID;
    }
}

static void no_memory(compilation *work)
{
    hgh_issues_add(work->issues, work->pointer, "no memory", "memory", NULL);
    work->status = HG_ERR_NO_MEMORY;
}

/* Goes to a member of an array; returns where to come back to. */
static size_t pointer_push(compilation *work, size_t index)
{
    size_t before = work->pointer_length;
    char segment[24];

    (void)snprintf(segment, sizeof(segment), "%zu", index);
    work->pointer_length =
        hgh_pointer_append(work->pointer, before, sizeof(work->pointer), segment);
    return before;
}

static void pointer_pop(compilation *work, size_t before)
{
    work->pointer_length = before;
    work->pointer[before] = '\0';
}

/* -------------------------------------------------------------------------------- compiling */

/* The place of a new item, or UINT32_MAX. Items move while more are added. */
static uint32_t item_add(compilation *work, operation kind, bool negated)
{
    hgh_expression *expression = work->expression;

    if (expression->count == HGH_EXPRESSION_ITEMS_MAX) {
        char wanted[64];

        (void)snprintf(wanted, sizeof(wanted), "at most %u groups and comparisons",
                       HGH_EXPRESSION_ITEMS_MAX);
        if (!work->too_large) {
            work->too_large = true;
            issue(work, NULL, wanted, "expression too large");
        }
        return UINT32_MAX;
    }
    if (expression->count == work->room) {
        uint32_t room = work->room == 0 ? 4 : work->room * 2;
        item *grown = realloc(expression->items, room * sizeof(*grown));

        if (grown == NULL) {
            no_memory(work);
            return UINT32_MAX;
        }
        expression->items = grown;
        work->room = room;
    }
    expression->items[expression->count] =
        (item){.operation = (uint8_t)kind, .negated = negated, .span = 1};
    return expression->count++;
}

static bool text_own(compilation *work, hg_text from, bool lower, hg_text *out_text)
{
    char *copy = malloc(from.length + 1);

    if (copy == NULL) {
        no_memory(work);
        return false;
    }
    for (size_t i = 0; i < from.length; i++) {
        copy[i] = lower ? (char)tolower((unsigned char)from.data[i]) : from.data[i];
    }
    copy[from.length] = '\0';
    *out_text = (hg_text){copy, from.length};
    return true;
}

static hg_text text_of_json(const json_t *string)
{
    return (hg_text){json_string_value(string), json_string_length(string)};
}

/* As Lua reads it: blanks around it, hexadecimal and exponents are taken; nothing, "inf" and "nan"
 * are no numbers. */
static bool number_parse(hg_text text, double *out_number)
{
    char copy[NUMBER_MAX];
    char *end = NULL;

    while (text.length > 0 && isspace((unsigned char)text.data[0])) {
        text.data++;
        text.length--;
    }
    while (text.length > 0 && isspace((unsigned char)text.data[text.length - 1])) {
        text.length--;
    }
    if (text.length == 0 || text.length >= sizeof(copy)) {
        return false;
    }
    for (size_t i = 0; i < text.length; i++) {
        if (!isxdigit((unsigned char)text.data[i]) &&
            (text.data[i] == '\0' || strchr("+-.xXpP", text.data[i]) == NULL)) {
            return false;
        }
        copy[i] = text.data[i];
    }
    copy[text.length] = '\0';
    *out_number = strtod(copy, &end);
    return *end == '\0';
}

/* "==" and "~=": any scalar. */
static bool scalar_compile(compilation *work, item *into, const json_t *value, bool lower)
{
    switch (json_typeof(value)) {
    case JSON_NULL:
        into->constant = CONSTANT_NULL;
        return true;
    case JSON_FALSE:
        into->constant = CONSTANT_FALSE;
        return true;
    case JSON_TRUE:
        into->constant = CONSTANT_TRUE;
        return true;
    case JSON_STRING:
        into->constant = CONSTANT_TEXT;
        return text_own(work, text_of_json(value), lower, &into->value.text);
    case JSON_INTEGER:
    case JSON_REAL:
        into->constant = CONSTANT_NUMBER;
        into->value.number = json_number_value(value);
        return true;
    case JSON_ARRAY:
    case JSON_OBJECT:
        break;
    }
    issue(work, value, "a text, a number, true, false or null", "invalid expression");
    return false;
}

static bool number_compile(compilation *work, item *into, const json_t *value)
{
    into->constant = CONSTANT_NUMBER;
    into->value.number = json_number_value(value);
    if (json_is_number(value) ||
        (json_is_string(value) && number_parse(text_of_json(value), &into->value.number))) {
        return true;
    }
    issue(work, value, "a number", "invalid expression");
    return false;
}

static bool regex_compile(compilation *work, item *into, const json_t *value)
{
    bool any_case = into->operation == OPERATION_MATCH_ANY_CASE;
    char reason[TEXT_MAX];
    hg_error err = HG_ERROR_INIT;
    hg_status status;

    if (!json_is_string(value)) {
        issue(work, value, "a regular expression", "invalid expression");
        return false;
    }
    if (work->regex_count == HGH_EXPRESSION_REGEXES_MAX) {
        (void)snprintf(reason, sizeof(reason), "at most %u regular expressions",
                       HGH_EXPRESSION_REGEXES_MAX);
        issue(work, value, reason, "expression too large");
        return false;
    }
    work->regex_count++;
    status = hgh_regex_compile(json_string_value(value), json_string_length(value), any_case,
                               &into->value.regex, &err);
    if (status == HG_ERR_NO_MEMORY) {
        no_memory(work);
    } else if (status != HG_OK) {
        (void)snprintf(reason, sizeof(reason), "invalid regular expression: %.300s", err.text);
        issue(work, value, "a regular expression", reason);
    }
    return status == HG_OK;
}

static int compare_texts(const void *a, const void *b)
{
    const hg_text *left = a;
    const hg_text *right = b;

    if (left->length != right->length) {
        return left->length < right->length ? -1 : 1;
    }
    return left->length == 0 ? 0 : memcmp(left->data, right->data, left->length);
}

static int compare_doubles(const void *a, const void *b)
{
    const double *left = a;
    const double *right = b;

    return (*left > *right) - (*left < *right);
}

static void set_add(value_set *set, const json_t *member, char **at)
{
    hg_text text;

    if (json_is_string(member)) {
        text = text_of_json(member);
        memcpy(*at, text.data, text.length);
        set->texts[set->count++] = (hg_text){*at, text.length};
        *at += text.length;
    } else if (json_is_number(member)) {
        set->numbers[set->number_count++] = json_number_value(member);
    }
    set->has_true = set->has_true || json_is_true(member);
    set->has_false = set->has_false || json_is_false(member);
}

/* Of a list only what a variable can be is kept: the text "1" is not the number 1. */
static bool set_compile(compilation *work, item *into, const json_t *value)
{
    value_set *set = &into->value.set;
    size_t count = json_array_size(value);
    size_t size = 0;
    char *at;

    if (!json_is_array(value)) {
        issue(work, value, "an array", "invalid expression");
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        size += json_string_length(json_array_get(value, i)) + 1;
    }
    set->texts = malloc(count * (sizeof(*set->texts) + sizeof(*set->numbers)) + size + 1);
    if (set->texts == NULL) {
        no_memory(work);
        return false;
    }
    set->numbers = (double *)(void *)(set->texts + count);
    at = (char *)(set->numbers + count);
    for (size_t i = 0; i < count; i++) {
        set_add(set, json_array_get(value, i), &at);
    }
    qsort(set->texts, set->count, sizeof(*set->texts), compare_texts);
    qsort(set->numbers, set->number_count, sizeof(*set->numbers), compare_doubles);
    return true;
}

static bool address_is_valid(compilation *work, const json_t *value)
{
    const char *text = json_string_value(value);
    hg_cidrs *unused = NULL;
    hg_error err = HG_ERROR_INIT;
    hg_status status = text == NULL ? HG_ERR_INVALID : hgh_cidrs_parse(&text, 1, &unused, &err);

    hgh_cidrs_free(unused);
    if (status == HG_ERR_NO_MEMORY) {
        no_memory(work);
    } else if (status != HG_OK) {
        issue(work, value, "an IP address or network", "invalid ip address");
    }
    return status == HG_OK;
}

static bool addresses_compile(compilation *work, item *into, const json_t *value)
{
    size_t count = json_is_array(value) ? json_array_size(value) : 1;
    const char **entries = calloc(count + 1, sizeof(*entries));
    bool valid = true;
    hg_status status;

    if (entries == NULL) {
        no_memory(work);
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        const json_t *entry = json_is_array(value) ? json_array_get(value, i) : value;
        size_t before = work->pointer_length;

        if (json_is_array(value)) {
            (void)pointer_push(work, i);
        }
        valid = address_is_valid(work, entry) && valid;
        entries[i] = json_string_value(entry);
        pointer_pop(work, before);
    }
    status = valid ? hgh_cidrs_parse(entries, count, &into->value.cidrs, NULL) : HG_ERR_INVALID;
    free(entries);
    if (valid && status != HG_OK) {
        no_memory(work); /* each of them has been read */
    }
    return status == HG_OK;
}

static bool constant_compile(compilation *work, uint32_t place, const json_t *value, bool lower)
{
    item *into = &work->expression->items[place];

    switch ((operation)into->operation) {
    case OPERATION_EQUAL:
    case OPERATION_DIFFERENT:
    case OPERATION_HAS:
        return scalar_compile(work, into, value, lower);
    case OPERATION_GREATER:
    case OPERATION_GREATER_OR_EQUAL:
    case OPERATION_LESS:
    case OPERATION_LESS_OR_EQUAL:
        return number_compile(work, into, value);
    case OPERATION_MATCH:
    case OPERATION_MATCH_ANY_CASE:
        return regex_compile(work, into, value);
    case OPERATION_IN:
        return set_compile(work, into, value);
    case OPERATION_IP:
        return addresses_compile(work, into, value);
    case OPERATION_ALL:
    case OPERATION_ANY:
        break;
    }
    return false; /* groups have no constant */
}

static bool operator_find(const json_t *value, operation *out_operation)
{
    static const struct {
        const char *name;
        operation operation;
    } operators[] = {
        {"==", OPERATION_EQUAL},   {"~=", OPERATION_DIFFERENT},
        {">", OPERATION_GREATER},  {">=", OPERATION_GREATER_OR_EQUAL},
        {"<", OPERATION_LESS},     {"<=", OPERATION_LESS_OR_EQUAL},
        {"~~", OPERATION_MATCH},   {"~*", OPERATION_MATCH_ANY_CASE},
        {"in", OPERATION_IN},      {"has", OPERATION_HAS},
        {"ipmatch", OPERATION_IP},
    };

    for (size_t i = 0; json_is_string(value) && i < sizeof(operators) / sizeof(operators[0]); i++) {
        if (hg_text_equal_ignoring_case(text_of_json(value), hg_text_of(operators[i].name))) {
            *out_operation = operators[i].operation;
            return true;
        }
    }
    return false;
}

static bool logic_find(const json_t *value, operation *out_operation, bool *out_negated)
{
    static const struct {
        const char *name;
        operation operation;
        bool negated;
    } words[] = {
        {"AND", OPERATION_ALL, false},
        {"OR", OPERATION_ANY, false},
        {"!AND", OPERATION_ALL, true},
        {"!OR", OPERATION_ANY, true},
    };

    for (size_t i = 0; json_is_string(value) && i < sizeof(words) / sizeof(words[0]); i++) {
        if (hg_text_equal_ignoring_case(text_of_json(value), hg_text_of(words[i].name))) {
            *out_operation = words[i].operation;
            *out_negated = words[i].negated;
            return true;
        }
    }
    return false;
}

/* False: it names a place in a body that cannot be looked for, which has been told. */
static bool variable_path_is_valid(compilation *work, const json_t *value, hg_text name)
{
    const hg_text prefix = HG_TEXT("post_arg.");
    hgh_body_path *path;
    hg_error err = HG_ERROR_INIT;
    char reason[TEXT_MAX];
    size_t before;
    hg_status status;

    if (!hg_text_starts_with(name, prefix)) {
        return true;
    }
    path = malloc(sizeof(*path));
    if (path == NULL) {
        no_memory(work);
        return false;
    }
    status = hgh_body_path_parse((hg_text){name.data + prefix.length, name.length - prefix.length},
                                 path, &err);
    free(path);
    if (status != HG_OK) {
        (void)snprintf(reason, sizeof(reason), "invalid path behind post_arg.: %s", err.text);
        before = pointer_push(work, 0);
        issue(work, value, "a path in the body: docs/variables.md has the language", reason);
        pointer_pop(work, before);
    }
    return status == HG_OK;
}

static bool variable_compile(compilation *work, uint32_t place, const json_t *value)
{
    hg_text name = text_of_json(value);
    size_t before;

    if (name.length > 0 && memchr(name.data, '\0', name.length) == NULL) {
        return variable_path_is_valid(work, value, name) &&
               text_own(work, name, false, &work->expression->items[place].variable);
    }
    before = pointer_push(work, 0);
    issue(work, value, "the name of a variable", "invalid expression");
    pointer_pop(work, before);
    return false;
}

static void operator_issue(compilation *work, const json_t *value, size_t index)
{
    size_t before = pointer_push(work, index);
    char found[HGH_JSON_DESCRIBE_MAX];
    char reason[TEXT_MAX];

    (void)snprintf(reason, sizeof(reason), "invalid operator '%.300s'",
                   json_is_string(value) ? json_string_value(value)
                                         : hgh_json_describe(value, found, sizeof(found)));
    issue(work, value, "==, ~=, >, >=, <, <=, ~~, ~*, in, has or ipmatch", reason);
    pointer_pop(work, before);
}

static void comparison_compile(compilation *work, const json_t *value)
{
    size_t size = json_array_size(value);
    bool negated = size == 4;
    operation kind = OPERATION_EQUAL;
    uint32_t place;
    size_t before;

    if (size < 2 || size > 4) {
        issue(work, value,
              "[variable, operator, constant] or [variable, \"!\", operator, constant]",
              "invalid expression");
        return;
    }
    if (negated && (!json_is_string(json_array_get(value, 1)) ||
                    strcmp(json_string_value(json_array_get(value, 1)), "!") != 0)) {
        before = pointer_push(work, 1);
        issue(work, json_array_get(value, 1), "\"!\"", "bad 'not' expression");
        pointer_pop(work, before);
        return;
    }
    if (size > 2 && !operator_find(json_array_get(value, size - 2), &kind)) {
        operator_issue(work, json_array_get(value, size - 2), size - 2);
        return;
    }
    place = item_add(work, kind, negated);
    if (place == UINT32_MAX) {
        return;
    }
    (void)variable_compile(work, place, json_array_get(value, 0)); /* what is wrong has been told */
    before = pointer_push(work, size - 1);
    (void)constant_compile(work, place, json_array_get(value, size - 1), size == 2);
    pointer_pop(work, before);
}

static void item_compile(compilation *work, const json_t *value, unsigned depth);

static void group_compile(compilation *work,
                          const json_t *rule,
                          operation kind,
                          bool negated,
                          size_t first,
                          unsigned depth)
{
    uint32_t place;

    if (depth == HGH_EXPRESSION_DEPTH_MAX) {
        issue(work, rule, "at most 32 groups within groups", "expression too deep");
        return;
    }
    if (first > 0 && json_array_size(rule) < first + 2) {
        issue(work, rule, "at least two expressions after the word", "rule too short");
        return;
    }
    place = item_add(work, kind, negated);
    for (size_t i = first; place != UINT32_MAX && i < json_array_size(rule); i++) {
        size_t before = pointer_push(work, i);

        item_compile(work, json_array_get(rule, i), depth + 1);
        pointer_pop(work, before);
    }
    if (place != UINT32_MAX) {
        work->expression->items[place].span = work->expression->count - place;
    }
}

static void not_an_item(compilation *work, const json_t *value)
{
    operation kind;
    bool negated;

    if (logic_find(value, &kind, &negated)) {
        issue(work, value, "an expression; the word comes first: [\"OR\", [...], [...]]",
              "invalid expression");
    } else if (json_is_object(value)) {
        issue(work, value, "an array, as in " HGH_EXPRESSION_EXAMPLE,
              "rule should be wrapped inside brackets, as in " HGH_EXPRESSION_EXAMPLE);
    } else {
        issue(work, value, "an expression, as in " HGH_EXPRESSION_EXAMPLE, "invalid expression");
    }
}

static void item_compile(compilation *work, const json_t *value, unsigned depth)
{
    const json_t *first = json_array_get(value, 0);
    operation kind = OPERATION_ALL;
    bool negated = false;

    if (!json_is_array(value)) {
        not_an_item(work, value);
    } else if (logic_find(first, &kind, &negated)) {
        group_compile(work, value, kind, negated, 1, depth);
    } else if (first == NULL || json_is_array(first) || json_is_object(first)) {
        group_compile(work, value, OPERATION_ALL, false, 0, depth);
    } else {
        comparison_compile(work, value);
    }
}

/* The outermost array holds expressions, it is none itself. */
static void rule_compile(compilation *work, const json_t *value)
{
    const json_t *first = json_array_get(value, 0);
    operation kind;
    bool negated;

    if (json_is_array(value) && !json_is_array(first) && !json_is_object(first) &&
        !logic_find(first, &kind, &negated)) {
        issue(work, value, "an array of expressions, as in " HGH_EXPRESSION_EXAMPLE,
              "rule should be wrapped inside brackets");
    } else {
        item_compile(work, value, 0);
    }
}

hg_status hgh_expression_compile(const json_t *value,
                                 const char *pointer,
                                 hgh_expression **out_expression,
                                 hg_issues *issues)
{
    compilation work = {.issues = issues};

    (void)snprintf(work.pointer, sizeof(work.pointer), "%s", pointer);
    work.pointer_length = strlen(work.pointer);
    if (json_is_array(value) && json_array_size(value) == 0) {
        *out_expression = NULL;
        return HG_OK;
    }
    work.expression = calloc(1, sizeof(*work.expression));
    if (work.expression == NULL) {
        no_memory(&work);
        return HG_ERR_NO_MEMORY;
    }
    rule_compile(&work, value);
    if (work.status == HG_OK) {
        *out_expression = work.expression;
        work.expression = NULL; /* now the caller's */
    }
    hgh_expression_free(work.expression);
    return work.status;
}

static void item_done(item *at)
{
    free((void *)(uintptr_t)at->variable.data);
    switch ((operation)at->operation) {
    case OPERATION_EQUAL:
    case OPERATION_DIFFERENT:
    case OPERATION_HAS:
        if (at->constant == CONSTANT_TEXT) {
            free((void *)(uintptr_t)at->value.text.data);
        }
        break;
    case OPERATION_MATCH:
    case OPERATION_MATCH_ANY_CASE:
        hgh_regex_free(at->value.regex);
        break;
    case OPERATION_IN:
        free(at->value.set.texts);
        break;
    case OPERATION_IP:
        hgh_cidrs_free(at->value.cidrs);
        break;
    case OPERATION_ALL:
    case OPERATION_ANY:
    case OPERATION_GREATER:
    case OPERATION_GREATER_OR_EQUAL:
    case OPERATION_LESS:
    case OPERATION_LESS_OR_EQUAL:
        break;
    }
}

void hgh_expression_free(hgh_expression *expression)
{
    if (expression == NULL) {
        return;
    }
    for (uint32_t i = 0; i < expression->count; i++) {
        item_done(&expression->items[i]);
    }
    free(expression->items);
    free(expression);
}

/* ----------------------------------------------------------------------------------- asking */

static bool has_text(const hgh_variable *variable)
{
    return variable->kind == HGH_VARIABLE_TEXT || variable->kind == HGH_VARIABLE_NUMBER ||
           variable->kind == HGH_VARIABLE_BOOLEAN;
}

static bool is_true(const hgh_variable *variable)
{
    return variable->kind == HGH_VARIABLE_TRUE || (variable->kind == HGH_VARIABLE_BOOLEAN &&
                                                   hg_text_equal(variable->text, HG_TEXT("true")));
}

static bool is_false(const hgh_variable *variable)
{
    return variable->kind == HGH_VARIABLE_BOOLEAN &&
           hg_text_equal(variable->text, HG_TEXT("false"));
}

/* What a variable is as a number; false: it is none. */
static bool number_of(const hgh_variable *variable, double *out_number)
{
    if (variable->kind == HGH_VARIABLE_NUMBER) {
        *out_number = variable->number;
        return true;
    }
    return variable->kind == HGH_VARIABLE_TEXT && number_parse(variable->text, out_number);
}

static bool is_equal(const item *at, const hgh_variable *variable)
{
    double number;

    switch ((constant_kind)at->constant) {
    case CONSTANT_NULL:
        return variable->kind == HGH_VARIABLE_ABSENT;
    case CONSTANT_TRUE:
        return is_true(variable);
    case CONSTANT_FALSE:
        return is_false(variable);
    case CONSTANT_TEXT:
        return has_text(variable) && hg_text_equal(variable->text, at->value.text);
    case CONSTANT_NUMBER:
        return number_of(variable, &number) && number >= at->value.number &&
               number <= at->value.number;
    }
    return false;
}

/* Below, at or above the constant; false: it is no number. */
static bool compare_numbers(const item *at, const hgh_variable *variable, int *out_order)
{
    double number;

    if (!number_of(variable, &number)) {
        return false;
    }
    *out_order = (number > at->value.number) - (number < at->value.number);
    return true;
}

static bool is_match(const item *at, const hgh_variable *variable, bool *out_failed)
{
    if (variable->kind == HGH_VARIABLE_TRUE) {
        return hgh_regex_search(at->value.regex, HG_TEXT("true"), out_failed);
    }
    return has_text(variable) && hgh_regex_search(at->value.regex, variable->text, out_failed);
}

/* In lists a text is not the number that it can be read as. */
static bool is_in(const value_set *set, const hgh_variable *variable)
{
    if ((is_true(variable) && set->has_true) || (is_false(variable) && set->has_false)) {
        return true;
    }
    if (variable->kind == HGH_VARIABLE_NUMBER && set->number_count > 0 &&
        bsearch(&variable->number, set->numbers, set->number_count, sizeof(*set->numbers),
                compare_doubles) != NULL) {
        return true;
    }
    return has_text(variable) && set->count > 0 &&
           bsearch(&variable->text, set->texts, set->count, sizeof(*set->texts), compare_texts) !=
               NULL;
}

static bool has_item(const item *at, const hgh_variable *variable)
{
    if (variable->kind != HGH_VARIABLE_LIST || at->constant == CONSTANT_NULL) {
        return false;
    }
    for (size_t i = 0; i < variable->item_count; i++) {
        const hgh_variable *one = &variable->items[i];

        if ((at->constant != CONSTANT_NUMBER || one->kind == HGH_VARIABLE_NUMBER) &&
            is_equal(at, one)) {
            return true;
        }
    }
    return false;
}

static bool is_address_in(const hg_cidrs *cidrs, const hgh_variable *variable)
{
    hg_address address;

    return variable->kind == HGH_VARIABLE_TEXT &&
           hgh_address_parse(variable->text, &address) == HG_OK &&
           hgh_cidrs_contain(cidrs, &address);
}

/* An expression that is being asked. */
typedef struct question {
    hgh_expression_lookup find;
    void *context;
} question;

/* What an expression is: unknown is neither. */
typedef enum truth {
    NO = 0,
    YES = 1,
    UNKNOWN = 2,
} truth;

static truth truth_of(bool holds)
{
    return holds ? YES : NO;
}

static truth opposite(truth of)
{
    return of == UNKNOWN ? UNKNOWN : truth_of(of == NO);
}

static truth match_holds(const item *at, const hgh_variable *variable)
{
    bool failed = false;
    bool holds = is_match(at, variable, &failed);

    return failed ? UNKNOWN : truth_of(holds);
}

static truth comparison_holds(const item *at, const question *asked)
{
    hgh_variable variable = asked->find(asked->context, at->variable);
    int order = 0;

    if (variable.kind == HGH_VARIABLE_UNKNOWN) {
        return UNKNOWN;
    }
    switch ((operation)at->operation) {
    case OPERATION_EQUAL:
        return truth_of(is_equal(at, &variable));
    case OPERATION_DIFFERENT:
        return truth_of(!is_equal(at, &variable));
    case OPERATION_GREATER:
        return truth_of(compare_numbers(at, &variable, &order) && order > 0);
    case OPERATION_GREATER_OR_EQUAL:
        return truth_of(compare_numbers(at, &variable, &order) && order >= 0);
    case OPERATION_LESS:
        return truth_of(compare_numbers(at, &variable, &order) && order < 0);
    case OPERATION_LESS_OR_EQUAL:
        return truth_of(compare_numbers(at, &variable, &order) && order <= 0);
    case OPERATION_MATCH:
    case OPERATION_MATCH_ANY_CASE:
        return match_holds(at, &variable);
    case OPERATION_IN:
        return truth_of(is_in(&at->value.set, &variable));
    case OPERATION_HAS:
        return truth_of(has_item(at, &variable));
    case OPERATION_IP:
        return truth_of(is_address_in(at->value.cidrs, &variable));
    case OPERATION_ALL:
    case OPERATION_ANY:
        break;
    }
    return NO; /* groups do not come here */
}

/* As deep as groups are, at most HGH_EXPRESSION_DEPTH_MAX. */
static truth item_holds(const item *at, const question *asked)
{
    const item *end = at + at->span;
    truth decides = truth_of(at->operation == OPERATION_ANY); /* the value of a member that does */
    truth result = opposite(decides);

    if (!is_group(at)) {
        result = comparison_holds(at, asked);
    }
    for (const item *member = at + 1; member < end && result != decides; member += member->span) {
        truth holds = item_holds(member, asked);

        result = holds == result ? result : holds == decides ? decides : UNKNOWN;
    }
    return at->negated ? opposite(result) : result;
}

bool hgh_expression_ask(const hgh_expression *expression,
                        hgh_expression_lookup find,
                        void *context,
                        bool *out_failed)
{
    const question asked = {find, context};
    truth holds = expression == NULL ? YES : item_holds(expression->items, &asked);

    *out_failed = holds == UNKNOWN;
    return holds == YES;
}

bool hgh_expression_holds(const hgh_expression *expression,
                          hgh_expression_lookup find,
                          void *context)
{
    bool failed;

    return hgh_expression_ask(expression, find, context, &failed);
}

void hgh_expression_each_variable(const hgh_expression *expression,
                                  void (*visit)(void *context, hg_text name),
                                  void *context)
{
    for (uint32_t i = 0; i < expression->count; i++) {
        if (!is_group(&expression->items[i])) {
            visit(context, expression->items[i].variable);
        }
    }
}

/* ------------------------------------------------------------------------------------ hints */

static size_t skip_blanks(hg_text text, size_t at)
{
    while (at < text.length && isspace((unsigned char)text.data[at])) {
        at++;
    }
    return at;
}

bool hgh_expression_has_braces(hg_text text)
{
    for (size_t i = 0; i < text.length; i++) {
        size_t next;

        if (text.data[i] != '{') {
            continue;
        }
        next = skip_blanks(text, i + 1);
        if (next < text.length && text.data[next] == '{') {
            next = skip_blanks(text, next + 1);
            if (next < text.length && text.data[next] == '"') {
                return true;
            }
        }
    }
    return false;
}
