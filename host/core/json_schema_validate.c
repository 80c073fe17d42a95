/* host/core/json_schema_validate.c - judges values by a compiled schema. */
#include <stdio.h>
#include <string.h>

#include "host/core/json_schema_judge.h"
#include "host/core/json_value.h"

#define POINTER_MAX      (16u * 1024)
#define PREFIX_MAX       (32u * 1024)
#define ALTERNATIVES_MAX 512u /* bytes of the alternatives in a message */

typedef bool (*check)(hgh_judge *judge, const hgh_schema_node *node, const json_t *value);

bool hgh_judge_is_satisfied(hgh_judge *judge, const hgh_schema_node *node, const json_t *value)
{
    hg_issues *issues = judge->issues;
    bool satisfied;

    judge->issues = NULL;
    satisfied = hgh_judge_value(judge, node, value);
    judge->issues = issues;
    return satisfied;
}

/** As hgh_judge_value(), with one text for all findings: the prefix so far and `text`. */
static bool judge_with_text(hgh_judge *judge,
                            const hgh_schema_node *node,
                            const json_t *value,
                            const char *text)
{
    hgh_judge_place place = {judge->pointer.length, judge->prefix.length};
    size_t before = judge->fixed_length;
    bool valid;

    if (before == 0) {
        hgh_judge_prefix(judge, "%s", text);
        judge->fixed_length = judge->prefix.length;
    }
    valid = hgh_judge_value(judge, node, value);
    judge->fixed_length = before;
    hgh_judge_leave(judge, place);
    return valid;
}

static bool judge_all_of(hgh_judge *judge, const hgh_schema_node *node, const json_t *value)
{
    const hgh_schema_nodes *list = &node->lists[HGH_LIST_ALL_OF];
    bool valid = true;

    for (size_t i = 0; i < list->count && (valid || judge->issues != NULL); i++) {
        hgh_judge_place place = {judge->pointer.length, judge->prefix.length};

        hgh_judge_prefix(judge, "allOf %zu failed: ", i + 1);
        valid = hgh_judge_value(judge, list->items[i], value) && valid;
        hgh_judge_leave(judge, place);
    }
    return valid;
}

/** Bytes of a list of names as JSON; 0 for one that is too long to be shown, or none. */
static size_t shown_length(const json_t *names)
{
    if (json_array_size(names) > ALTERNATIVES_MAX / sizeof("\"\"")) {
        return 0;
    }
    for (size_t i = 0; i < json_array_size(names); i++) {
        if (json_string_length(json_array_get(names, i)) > ALTERNATIVES_MAX) {
            return 0;
        }
    }
    return names == NULL ? 0 : json_dumpb(names, NULL, 0, JSON_COMPACT);
}

/** `["a"] or ["b"]`: what the branches require; "" if none requires anything. */
static void list_required(const hgh_schema_nodes *list, char *text, size_t size)
{
    size_t length = 0;

    text[0] = '\0';
    for (size_t i = 0; i < list->count; i++) {
        const json_t *names = hgh_schema_node_target(list->items[i])->names;
        size_t needed = shown_length(names);

        if (needed == 0 || length + needed + sizeof(" or ") > size) {
            continue;
        }
        length += (size_t)snprintf(text + length, size - length, "%s", length == 0 ? "" : " or ");
        length += json_dumpb(names, text + length, size - length, JSON_COMPACT);
        text[length] = '\0';
    }
}

static bool judge_any_of(hgh_judge *judge, const hgh_schema_node *node, const json_t *value)
{
    const hgh_schema_nodes *list = &node->lists[HGH_LIST_ANY_OF];
    char shown[HGH_JSON_DESCRIBE_MAX];
    char required[ALTERNATIVES_MAX];

    for (size_t i = 0; i < list->count; i++) {
        if (hgh_judge_is_satisfied(judge, list->items[i], value)) {
            return true;
        }
    }
    if (list->count == 0) {
        return true;
    }
    if (judge->issues == NULL) {
        return false;
    }
    list_required(list, required, sizeof(required));
    return hgh_judge_find(judge, hgh_judge_show(node, value, shown),
                          required[0] == '\0' ? "one of the alternatives" : required,
                          "object matches none of the required%s%s",
                          required[0] == '\0' ? "" : ": ", required);
}

/** What oneOf wants. */
static void list_alternatives(const hgh_schema_nodes *list, char *text, size_t size)
{
    char required[ALTERNATIVES_MAX];

    list_required(list, required, sizeof(required));
    (void)snprintf(text, size, "exactly one of %s",
                   required[0] == '\0' ? "the alternatives" : required);
}

static bool judge_one_of(hgh_judge *judge, const hgh_schema_node *node, const json_t *value)
{
    const hgh_schema_nodes *list = &node->lists[HGH_LIST_ONE_OF];
    char shown[HGH_JSON_DESCRIBE_MAX];
    char wanted[ALTERNATIVES_MAX + sizeof("exactly one of ")];
    size_t matched = list->count; /* the first that did */

    if (list->count == 0) {
        return true;
    }
    for (size_t i = 0; i < list->count; i++) {
        if (!hgh_judge_is_satisfied(judge, list->items[i], value)) {
            continue;
        }
        if (matched < list->count) {
            list_alternatives(list, wanted, sizeof(wanted));
            return hgh_judge_find(
                judge, "more than one of them", wanted,
                "value should match only one schema, but matches both schemas %zu and %zu",
                matched + 1, i + 1);
        }
        matched = i;
    }
    if (matched < list->count) {
        return true;
    }
    list_alternatives(list, wanted, sizeof(wanted));
    return hgh_judge_find(judge, hgh_judge_show(node, value, shown), wanted,
                          "value should match only one schema, but matches none");
}

static bool judge_not(hgh_judge *judge, const hgh_schema_node *node, const json_t *value)
{
    char shown[HGH_JSON_DESCRIBE_MAX];

    if (node->children[HGH_CHILD_NOT] == NULL ||
        !hgh_judge_is_satisfied(judge, node->children[HGH_CHILD_NOT], value)) {
        return true;
    }
    return hgh_judge_find(judge, hgh_judge_show(node, value, shown), "another value",
                          "value wasn't supposed to match schema");
}

static bool judge_condition(hgh_judge *judge, const hgh_schema_node *node, const json_t *value)
{
    const hgh_schema_node *branch;
    bool satisfied;

    if (node->children[HGH_CHILD_IF] == NULL) {
        return true;
    }
    satisfied = hgh_judge_is_satisfied(judge, node->children[HGH_CHILD_IF], value);
    branch = node->children[satisfied ? HGH_CHILD_THEN : HGH_CHILD_ELSE];
    return branch == NULL ||
           judge_with_text(judge, branch, value,
                           satisfied ? "then clause did not match" : "else clause did not match");
}

/** All keywords of a node that is no reference. */
static bool judge_keywords(hgh_judge *judge, const hgh_schema_node *node, const json_t *value)
{
    /* In the order of APISIX's validator, which reports the first finding only. */
    static const check checks[] = {
        hgh_judge_object,    hgh_judge_array, hgh_judge_string, hgh_judge_number,
        hgh_judge_constants, judge_all_of,    judge_any_of,     judge_one_of,
        judge_not,           judge_condition, hgh_judge_format,
    };
    bool valid = true;

    if (!hgh_judge_type(judge, node, value)) {
        return false; /* the rest would say the same in other words */
    }
    for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++) {
        valid = checks[i](judge, node, value) && valid;
        if (judge->stop != HGH_JUDGE_GOES_ON || (!valid && judge->issues == NULL)) {
            return false;
        }
    }
    return valid;
}

bool hgh_judge_value(hgh_judge *judge, const hgh_schema_node *node, const json_t *value)
{
    const hgh_schema_node *target = hgh_schema_node_target(node);
    char shown[HGH_JSON_DESCRIBE_MAX];
    bool valid;

    if (target->never) {
        return hgh_judge_find(judge, hgh_judge_show(target, value, shown), "no value",
                              "expect false always");
    }
    if (!hgh_judge_go_down(judge)) {
        return false;
    }
    valid = judge_keywords(judge, target, value);
    hgh_judge_go_up(judge);
    return valid && judge->stop == HGH_JUDGE_GOES_ON;
}

/** The finding of a judgement that ended early. */
static void find_stop(const hgh_judge *judge, const char *prefix, hg_issues *issues)
{
    static const char *const texts[][3] = {
        /* found, wanted, text */
        [HGH_JUDGE_TOO_COMPLEX] = {"a value that takes too many checks", "a smaller value",
                                   "value is too complex to validate"},
        [HGH_JUDGE_TOO_DEEP] = {"a value nested too deep", "at most 256 levels",
                                "value is nested deeper than 256 levels"},
        [HGH_JUDGE_NO_MEMORY] = {"a value that memory is too short for", "a smaller value",
                                 "out of memory"},
    };

    if (issues->count == HGH_ISSUES_MAX) { /* this one explains the others */
        hgh_issues_cut(issues, HGH_ISSUES_MAX - 1);
        issues->dropped++;
    }
    hgh_issues_add(issues, prefix, texts[judge->stop][0], texts[judge->stop][1],
                   texts[judge->stop][2]);
}

bool hgh_schema_validate(const hgh_schema *schema,
                         const json_t *value,
                         const char *prefix,
                         hg_issues *issues)
{
    hgh_judge judge = {
        .pointer = {.max = POINTER_MAX},
        .prefix = {.max = PREFIX_MAX},
        .text = {.max = 2 * PREFIX_MAX},
    };
    bool valid;

    if (hgh_json_is_too_deep(value)) {
        judge.stop = HGH_JUDGE_TOO_DEEP;
    }
    /* Without texts first, which takes a fraction of the time: most values are valid. */
    valid = hgh_judge_value(&judge, schema->root, value);
    if (!valid && issues != NULL && judge.stop == HGH_JUDGE_GOES_ON) {
        hgh_text_builder_add(&judge.pointer, hg_text_of(prefix));
        judge.issues = issues;
        judge.effort = 0; /* but with what is left of the time */
        judge.clock_effort = 0;
        (void)hgh_judge_value(&judge, schema->root, value); /* it finds what is wrong */
    }
    if (judge.stop != HGH_JUDGE_GOES_ON && issues != NULL) {
        find_stop(&judge, prefix, issues);
    }
    hgh_judge_done(&judge);
    return valid;
}
