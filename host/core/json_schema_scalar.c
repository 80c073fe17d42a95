/* host/core/json_schema_scalar.c - keywords about types, strings, numbers and single values. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "host/core/json_schema_judge.h"
#include "host/core/json_value.h"

#define NUMBER_BYTES         32u
#define TYPES_BYTES          80u  /* all seven names with commas */
#define QUOTIENT_ERROR_LIMIT 1e-9 /* what division of decimal fractions may be off; ours */
#define FORMAT_BYTES_SHOWN   512u /* of a text in a message */

static unsigned types_of(const json_t *value)
{
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        return HGH_TYPE_OBJECT;
    case JSON_ARRAY:
        return HGH_TYPE_ARRAY;
    case JSON_STRING:
        return HGH_TYPE_STRING;
    case JSON_INTEGER:
    case JSON_REAL:
        return HGH_TYPE_NUMBER | (hgh_json_is_whole(value) ? (unsigned)HGH_TYPE_INTEGER : 0u);
    case JSON_TRUE:
    case JSON_FALSE:
        return HGH_TYPE_BOOLEAN;
    case JSON_NULL:
    default:
        return HGH_TYPE_NULL;
    }
}

/** The name of its type in Lua, where objects and arrays are tables. */
static const char *lua_type(const json_t *value)
{
    unsigned types = types_of(value);

    if ((types & (HGH_TYPE_OBJECT | HGH_TYPE_ARRAY)) != 0) {
        return "table";
    }
    if ((types & HGH_TYPE_NUMBER) != 0) {
        return "number";
    }
    if (types == HGH_TYPE_NULL) {
        return "userdata";
    }
    return types == HGH_TYPE_STRING ? "string" : "boolean";
}

bool hgh_judge_type(hgh_judge *judge, const hgh_schema_node *node, const json_t *value)
{
    char names[TYPES_BYTES] = "";
    char shown[HGH_JSON_DESCRIBE_MAX];
    size_t length = 0;

    if (node->types == 0 || (node->types & types_of(value)) != 0) {
        return true;
    }
    if (json_is_string(node->type)) {
        return hgh_judge_find(judge, hgh_judge_show(node, value, shown),
                              json_string_value(node->type), "wrong type: expected %s, got %s",
                              json_string_value(node->type), lua_type(value));
    }
    for (size_t i = 0; i < json_array_size(node->type) && length < sizeof(names); i++) {
        length +=
            (size_t)snprintf(names + length, sizeof(names) - length, "%s%s", i == 0 ? "" : ", ",
                             json_string_value(json_array_get(node->type, i)));
    }
    return hgh_judge_find(judge, hgh_judge_show(node, value, shown), names,
                          "wrong type: expected one of %s, got %s", names, lua_type(value));
}

static bool
judge_length(hgh_judge *judge, const hgh_schema_node *node, hgh_schema_limit which, size_t length)
{
    bool is_min = which == HGH_LIMIT_MIN_LENGTH;
    const json_t *limit = node->limits[which];
    char number[NUMBER_BYTES];
    char found[NUMBER_BYTES + sizeof(" characters")];
    char wanted[NUMBER_BYTES + sizeof("at least  characters")];

    if (limit == NULL || (is_min ? (double)length >= json_number_value(limit)
                                 : (double)length <= json_number_value(limit))) {
        return true;
    }
    (void)hgh_json_format_number(limit, number, sizeof(number));
    (void)snprintf(found, sizeof(found), "%zu characters", length);
    (void)snprintf(wanted, sizeof(wanted), "at %s %s characters", is_min ? "least" : "most",
                   number);
    return hgh_judge_find(judge, found, wanted, "string too %s, expected at %s %s, got %zu",
                          is_min ? "short" : "long", is_min ? "least" : "most", number, length);
}

bool hgh_judge_string(hgh_judge *judge, const hgh_schema_node *node, const json_t *value)
{
    bool valid = true;

    if (!json_is_string(value)) {
        return true;
    }
    if (node->limits[HGH_LIMIT_MIN_LENGTH] != NULL || node->limits[HGH_LIMIT_MAX_LENGTH] != NULL) {
        size_t length = hgh_json_string_characters(value);

        (void)hgh_judge_spend(judge, json_string_length(value) / HGH_BYTES_PER_EFFORT);
        valid = judge_length(judge, node, HGH_LIMIT_MIN_LENGTH, length) &&
                judge_length(judge, node, HGH_LIMIT_MAX_LENGTH, length);
    }
    if (valid && node->pattern_regex != NULL) {
        hg_text subject = {json_string_value(value), json_string_length(value)};

        if (!hgh_judge_matches(judge, node->pattern_regex, subject)) {
            char shown[HGH_JSON_DESCRIBE_MAX];
            char wanted[HGH_QUOTED_MAX + 32];
            char pattern[HGH_QUOTED_MAX];
            char quoted[HGH_QUOTED_MAX];

            (void)snprintf(wanted, sizeof(wanted), "text that matches %.*s",
                           (int)hgh_utf8_fitting(node->pattern, strlen(node->pattern), 1024),
                           node->pattern);
            return hgh_judge_find(judge, hgh_judge_show(node, value, shown), wanted,
                                  "failed to match pattern %s with %s",
                                  hgh_judge_quote(node->pattern, pattern),
                                  hgh_judge_quote(node->is_secret ? "***" : subject.data, quoted));
        }
    }
    return valid;
}

/** The value in APISIX's texts about numbers. */
static const char *show_number(const hgh_schema_node *node, const json_t *value, char *buffer)
{
    return node->is_secret ? "***" : hgh_json_format_number(value, buffer, NUMBER_BYTES);
}

static bool is_multiple(const json_t *value, const json_t *of)
{
    double quotient;

    if (json_is_integer(value) && json_is_integer(of)) {
        return json_integer_value(value) % json_integer_value(of) == 0;
    }
    if (fmod(json_number_value(value), json_number_value(of)) == 0.0) {
        return true;
    }
    quotient = json_number_value(value) / json_number_value(of);
    return isfinite(quotient) && fabs(quotient - rint(quotient)) < QUOTIENT_ERROR_LIMIT;
}

bool hgh_judge_number(hgh_judge *judge, const hgh_schema_node *node, const json_t *value)
{
    static const struct {
        hgh_schema_limit limit;
        const char *words;
        bool allowed[3]; /* when the value is below, at and above the limit */
    } rules[] = {
        {HGH_LIMIT_MINIMUM, "at least", {false, true, true}},
        {HGH_LIMIT_EXCLUSIVE_MINIMUM, "greater than", {false, false, true}},
        {HGH_LIMIT_MAXIMUM, "at most", {true, true, false}},
        {HGH_LIMIT_EXCLUSIVE_MAXIMUM, "smaller than", {true, false, false}},
    };
    const json_t *of = node->limits[HGH_LIMIT_MULTIPLE_OF];
    char found[NUMBER_BYTES];
    char number[NUMBER_BYTES];
    char wanted[NUMBER_BYTES + sizeof("a multiple of ")];
    bool valid = true;

    if (!json_is_number(value)) {
        return true;
    }
    for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
        const json_t *limit = node->limits[rules[i].limit];

        if (limit != NULL && !rules[i].allowed[hgh_json_compare_numbers(value, limit) + 1]) {
            (void)hgh_json_format_number(limit, number, sizeof(number));
            (void)snprintf(wanted, sizeof(wanted), "%s %s", rules[i].words, number);
            valid = hgh_judge_find(judge, show_number(node, value, found), wanted,
                                   "expected %s to be %s %s", show_number(node, value, found),
                                   rules[i].words, number);
        }
    }
    if (of != NULL && !is_multiple(value, of)) {
        (void)hgh_json_format_number(of, number, sizeof(number));
        (void)snprintf(wanted, sizeof(wanted), "a multiple of %s", number);
        valid = hgh_judge_find(judge, show_number(node, value, found), wanted,
                               "expected %s to be a multiple of %s",
                               show_number(node, value, found), number);
    }
    return valid;
}

/** "one of 1, "a"...", as far as it fits. */
static const char *list_values(const json_t *values, char *text, size_t size)
{
    size_t length = (size_t)snprintf(text, size, "one of ");

    for (size_t i = 0; i < json_array_size(values); i++) {
        char shown[HGH_JSON_DESCRIBE_MAX];
        const char *piece = hgh_json_describe(json_array_get(values, i), shown, sizeof(shown));

        if (length + strlen(piece) + sizeof(", ...") > size) {
            (void)snprintf(text + length, size - length, "%s...", i == 0 ? "" : ", ");
            break;
        }
        length += (size_t)snprintf(text + length, size - length, "%s%s", i == 0 ? "" : ", ", piece);
    }
    return text;
}

bool hgh_judge_constants(hgh_judge *judge, const hgh_schema_node *node, const json_t *value)
{
    char shown[HGH_JSON_DESCRIBE_MAX];
    char wanted[2 * HGH_JSON_DESCRIBE_MAX];
    bool valid = true;

    if (node->enumeration != NULL) {
        bool is_one = false;

        for (size_t i = 0; !is_one && i < json_array_size(node->enumeration); i++) {
            is_one = hgh_json_is_equal(value, json_array_get(node->enumeration, i), &judge->effort);
        }
        if (!is_one && hgh_judge_spend(judge, 0)) {
            valid = hgh_judge_find(judge, hgh_judge_show(node, value, shown),
                                   list_values(node->enumeration, wanted, sizeof(wanted)),
                                   "matches none of the enum values");
        }
    }
    if (node->constant != NULL && !hgh_json_is_equal(value, node->constant, &judge->effort)) {
        valid = hgh_judge_find(judge, hgh_judge_show(node, value, shown),
                               hgh_json_describe(node->constant, wanted, sizeof(wanted)),
                               "failed to check const value");
    }
    return valid && hgh_judge_spend(judge, 0);
}

bool hgh_judge_format(hgh_judge *judge, const hgh_schema_node *node, const json_t *value)
{
    char shown[HGH_JSON_DESCRIBE_MAX];
    hg_text text;

    if (node->format == NULL || !json_is_string(value)) {
        return true;
    }
    text = (hg_text){json_string_value(value), json_string_length(value)};
    if (!hgh_judge_spend(judge, node->format->effort + text.length / HGH_BYTES_PER_EFFORT) ||
        node->format->check(text)) {
        return judge->stop == HGH_JUDGE_GOES_ON;
    }
    return hgh_judge_find(
        judge, hgh_judge_show(node, value, shown), node->format->name,
        "expect valid %s format but got: %.*s", node->format->name,
        node->is_secret ? 3 : (int)hgh_utf8_fitting(text.data, text.length, FORMAT_BYTES_SHOWN),
        node->is_secret ? "***" : text.data);
}
