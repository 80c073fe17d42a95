/* host/core/json_schema_container.c - keywords about objects and arrays. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/core/json_schema_judge.h"
#include "host/core/json_value.h"

#define COUNT_BYTES 64u

/** Judges a member or item; the prefix has been added to since `place`. */
static bool judge_part(hgh_judge *judge,
                       const hgh_schema_node *node,
                       const json_t *value,
                       hgh_judge_place place)
{
    bool valid = hgh_judge_value(judge, node, value);

    hgh_judge_leave(judge, place);
    return valid;
}

/** At a finding: goes on if findings are collected. */
static bool goes_on(const hgh_judge *judge, bool valid)
{
    return (valid || judge->issues != NULL) && judge->stop == HGH_JUDGE_GOES_ON;
}

static bool find_missing(hgh_judge *judge, const char *name, const char *with)
{
    char quoted[HGH_QUOTED_MAX];
    char needed_by[HGH_QUOTED_MAX];
    hgh_judge_place place = hgh_judge_enter(judge, name);

    if (with == NULL) {
        (void)hgh_judge_find(judge, "nothing", "a value", "property %s is required",
                             hgh_judge_quote(name, quoted));
    } else {
        char wanted[HGH_QUOTED_MAX + 32];

        (void)hgh_judge_quote(with, needed_by);
        (void)snprintf(wanted, sizeof(wanted), "a value, since %s is given", needed_by);
        (void)hgh_judge_find(judge, "nothing", wanted, "property %s is required when %s is set",
                             hgh_judge_quote(name, quoted), needed_by);
    }
    hgh_judge_leave(judge, place);
    return false;
}

static bool judge_properties(hgh_judge *judge, const hgh_schema_node *node, const json_t *value)
{
    const hgh_schema_names *properties = &node->maps[HGH_MAP_PROPERTIES];
    bool valid = true;

    for (size_t i = 0; i < properties->count && goes_on(judge, valid); i++) {
        const hgh_schema_named *property = &properties->items[i];
        const json_t *member = json_object_get(value, property->name);
        char quoted[HGH_QUOTED_MAX];

        (void)hgh_judge_spend(judge, 1);
        if (member != NULL) {
            hgh_judge_place place = hgh_judge_enter(judge, property->name);

            if (judge->issues != NULL) {
                hgh_judge_prefix(judge, "property %s validation failed: ",
                                 hgh_judge_quote(property->name, quoted));
            }
            valid = judge_part(judge, property->node, member, place) && valid;
        } else if (property->is_required) {
            valid = find_missing(judge, property->name, NULL);
        }
    }
    return valid;
}

/** Required names that have no schema; the others came with the properties, in their order. */
static bool judge_required(hgh_judge *judge, const hgh_schema_node *node, const json_t *value)
{
    bool valid = true;

    for (size_t i = 0; i < json_array_size(node->names) && goes_on(judge, valid); i++) {
        const char *name = json_string_value(json_array_get(node->names, i));

        (void)hgh_judge_spend(judge, 1);
        if (json_object_get(value, name) == NULL &&
            json_object_get(node->properties, name) == NULL) {
            valid = find_missing(judge, name, NULL);
        }
    }
    return valid;
}

static bool judge_dependency(hgh_judge *judge, const hgh_schema_named *named, const json_t *value)
{
    bool valid = true;

    if (named->node != NULL) {
        hgh_judge_place place = {judge->pointer.length, judge->prefix.length};
        char quoted[HGH_QUOTED_MAX];

        hgh_judge_prefix(judge, "failed to validate dependent schema for %s: ",
                         hgh_judge_quote(named->name, quoted));
        return judge_part(judge, named->node, value, place);
    }
    for (size_t i = 0; i < json_array_size(named->names) && goes_on(judge, valid); i++) {
        const char *name = json_string_value(json_array_get(named->names, i));

        (void)hgh_judge_spend(judge, 1);
        if (json_object_get(value, name) == NULL) {
            valid = find_missing(judge, name, named->name);
        }
    }
    return valid;
}

static bool judge_dependencies(hgh_judge *judge, const hgh_schema_node *node, const json_t *value)
{
    const hgh_schema_names *dependencies = &node->maps[HGH_MAP_DEPENDENCIES];
    bool valid = true;

    for (size_t i = 0; i < dependencies->count && goes_on(judge, valid); i++) {
        if (json_object_get(value, dependencies->items[i].name) != NULL) {
            valid = judge_dependency(judge, &dependencies->items[i], value) && valid;
        }
    }
    return valid;
}

/** Judges a member by the patterns that match its name; says whether one did. */
static bool judge_by_patterns(hgh_judge *judge,
                              const hgh_schema_node *node,
                              const char *name,
                              const json_t *member,
                              bool *out_matched)
{
    const hgh_schema_names *patterns = &node->maps[HGH_MAP_PATTERN_PROPERTIES];
    bool valid = true;

    for (size_t i = 0; i < patterns->count && goes_on(judge, valid); i++) {
        hgh_judge_place place;
        char quoted[HGH_QUOTED_MAX];

        if (!hgh_judge_matches(judge, patterns->items[i].regex, hg_text_of(name))) {
            continue;
        }
        *out_matched = true;
        place = hgh_judge_enter(judge, name);
        hgh_judge_prefix(judge, "failed to validate %.*s (matching %s): ",
                         (int)hgh_utf8_fitting(name, strlen(name), HGH_QUOTED_MAX), name,
                         hgh_judge_quote(patterns->items[i].name, quoted));
        valid = judge_part(judge, patterns->items[i].node, member, place) && valid;
    }
    return valid;
}

/** Judges a member that no property and no pattern is about. */
static bool judge_additional(hgh_judge *judge,
                             const hgh_schema_node *node,
                             const char *name,
                             const json_t *member)
{
    const hgh_schema_node *additional = node->children[HGH_CHILD_ADDITIONAL_PROPERTIES];
    hgh_judge_place place = hgh_judge_enter(judge, name);
    int shown = (int)hgh_utf8_fitting(name, strlen(name), HGH_QUOTED_MAX);

    if (hgh_schema_node_target(additional)->never) {
        (void)hgh_judge_find(judge, "an unknown field", "no field of that name",
                             "additional properties forbidden, found %.*s", shown, name);
        hgh_judge_leave(judge, place);
        return false;
    }
    hgh_judge_prefix(judge, "failed to validate additional property %.*s: ", shown, name);
    return judge_part(judge, additional, member, place);
}

static bool judge_name(hgh_judge *judge, const hgh_schema_node *node, const char *name)
{
    json_t *text = json_string(name);
    hgh_judge_place place = hgh_judge_enter(judge, name);
    char quoted[HGH_QUOTED_MAX];
    bool valid;

    if (text == NULL) {
        judge->stop = HGH_JUDGE_NO_MEMORY;
        return false;
    }
    hgh_judge_prefix(judge,
                     "name of property %s validation failed: ", hgh_judge_quote(name, quoted));
    valid = judge_part(judge, node->children[HGH_CHILD_PROPERTY_NAMES], text, place);
    json_decref(text);
    return valid;
}

/** Members one by one: patterns, additional ones, names. */
static bool judge_members(hgh_judge *judge, const hgh_schema_node *node, const json_t *value)
{
    bool valid = true;
    const char *name;
    json_t *member;

    if (node->maps[HGH_MAP_PATTERN_PROPERTIES].count == 0 &&
        node->children[HGH_CHILD_ADDITIONAL_PROPERTIES] == NULL &&
        node->children[HGH_CHILD_PROPERTY_NAMES] == NULL) {
        return true;
    }
    json_object_foreach(hgh_json_unconst(value), name, member)
    {
        bool known = json_object_get(node->properties, name) != NULL;

        (void)hgh_judge_spend(judge, 1);
        valid = judge_by_patterns(judge, node, name, member, &known) && valid;
        if (!known && node->children[HGH_CHILD_ADDITIONAL_PROPERTIES] != NULL &&
            goes_on(judge, valid)) {
            valid = judge_additional(judge, node, name, member) && valid;
        }
        if (node->children[HGH_CHILD_PROPERTY_NAMES] != NULL && goes_on(judge, valid)) {
            valid = judge_name(judge, node, name) && valid;
        }
        if (!goes_on(judge, valid)) {
            break;
        }
    }
    return valid;
}

/** minItems, maxItems, minProperties, maxProperties. */
static bool judge_count(hgh_judge *judge,
                        const hgh_schema_node *node,
                        hgh_schema_limit which,
                        size_t count,
                        const char *container,
                        const char *parts)
{
    bool is_min = which == HGH_LIMIT_MIN_ITEMS || which == HGH_LIMIT_MIN_PROPERTIES;
    const json_t *limit = node->limits[which];
    char number[COUNT_BYTES];
    char found[COUNT_BYTES];
    char wanted[2 * COUNT_BYTES];

    if (limit == NULL || (is_min ? (double)count >= json_number_value(limit)
                                 : (double)count <= json_number_value(limit))) {
        return true;
    }
    (void)hgh_json_format_number(limit, number, sizeof(number));
    (void)snprintf(found, sizeof(found), "%zu %s", count, parts);
    (void)snprintf(wanted, sizeof(wanted), "at %s %s", is_min ? "least" : "most", number);
    return hgh_judge_find(judge, found, wanted, "expect %s to have at %s %s %s", container,
                          is_min ? "least" : "most", number, parts);
}

bool hgh_judge_object(hgh_judge *judge, const hgh_schema_node *node, const json_t *value)
{
    static bool (*const steps[])(hgh_judge *, const hgh_schema_node *, const json_t *) = {
        judge_properties,
        judge_required,
        judge_dependencies,
        judge_members,
    };
    size_t count = json_object_size(value);
    bool valid = true;

    if (!json_is_object(value)) {
        return true;
    }
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]) && goes_on(judge, valid); i++) {
        valid = steps[i](judge, node, value) && valid;
    }
    return judge_count(judge, node, HGH_LIMIT_MIN_PROPERTIES, count, "object", "properties") &&
           judge_count(judge, node, HGH_LIMIT_MAX_PROPERTIES, count, "object", "properties") &&
           valid;
}

static bool judge_items(hgh_judge *judge, const hgh_schema_node *node, const json_t *value)
{
    const hgh_schema_nodes *list = &node->lists[HGH_LIST_ITEMS];
    bool is_list = list->items != NULL;
    bool valid = true;

    for (size_t i = 0; i < json_array_size(value) && goes_on(judge, valid); i++) {
        bool is_additional = is_list && i >= list->count;
        const hgh_schema_node *item = is_additional ? node->children[HGH_CHILD_ADDITIONAL_ITEMS]
                                      : is_list     ? list->items[i]
                                                    : node->children[HGH_CHILD_ITEMS];
        char segment[COUNT_BYTES];
        hgh_judge_place place;

        if (item == NULL) { /* nor is there one for those behind */
            return valid;
        }
        (void)hgh_judge_spend(judge, 1);
        if (is_additional && hgh_schema_node_target(item)->never) {
            char wanted[COUNT_BYTES];

            (void)snprintf(segment, sizeof(segment), "%zu items", json_array_size(value));
            (void)snprintf(wanted, sizeof(wanted), "at most %zu", list->count);
            return hgh_judge_find(judge, segment, wanted, "found unexpected extra items in array");
        }
        (void)snprintf(segment, sizeof(segment), "%zu", i);
        place = hgh_judge_enter(judge, segment);
        hgh_judge_prefix(
            judge, "failed to validate %sitem %zu: ", is_additional ? "additional " : "", i + 1);
        valid = judge_part(judge, item, json_array_get(value, i), place) && valid;
    }
    return valid;
}

/** An item with its hash, to sort by. */
typedef struct hashed_item {
    uint64_t hash;
    size_t place;
} hashed_item;

static int compare_hashed(const void *a, const void *b)
{
    const hashed_item *left = a;
    const hashed_item *right = b;

    if (left->hash != right->hash) {
        return left->hash < right->hash ? -1 : 1;
    }
    return (left->place > right->place) - (left->place < right->place);
}

/** Finds two equal items among those of equal hash. */
static bool find_equal(hgh_judge *judge,
                       const json_t *value,
                       const hashed_item *items,
                       size_t count,
                       size_t *out_first,
                       size_t *out_second)
{
    for (size_t i = 0; i < count; i++) {
        for (size_t other = i + 1; other < count && items[other].hash == items[i].hash; other++) {
            if (!hgh_judge_spend(judge, 1)) {
                return false;
            }
            if (hgh_json_is_equal(json_array_get(value, items[i].place),
                                  json_array_get(value, items[other].place), &judge->effort)) {
                *out_first = items[i].place;
                *out_second = items[other].place;
                return true;
            }
        }
    }
    return false;
}

static bool judge_unique(hgh_judge *judge, const hgh_schema_node *node, const json_t *value)
{
    size_t count = json_array_size(value);
    hashed_item *items;
    size_t first;
    size_t second;
    bool valid = true;

    if (!node->unique_items || count < 2) {
        return true;
    }
    items = calloc(count, sizeof(*items));
    if (items == NULL) {
        judge->stop = HGH_JUDGE_NO_MEMORY;
        return false;
    }
    for (size_t i = 0; i < count && hgh_judge_spend(judge, 1); i++) {
        items[i] = (hashed_item){hgh_json_hash(json_array_get(value, i), &judge->effort), i};
    }
    qsort(items, count, sizeof(*items), compare_hashed);
    if (find_equal(judge, value, items, count, &first, &second)) {
        char found[COUNT_BYTES];

        (void)snprintf(found, sizeof(found), "equal items %zu and %zu", first + 1, second + 1);
        valid = hgh_judge_find(judge, found, "unique items",
                               "expected unique items but items %zu and %zu are equal", first + 1,
                               second + 1);
    }
    free(items);
    return valid && judge->stop == HGH_JUDGE_GOES_ON;
}

static bool judge_contains(hgh_judge *judge, const hgh_schema_node *node, const json_t *value)
{
    const hgh_schema_node *contained = node->children[HGH_CHILD_CONTAINS];

    if (contained == NULL) {
        return true;
    }
    for (size_t i = 0; i < json_array_size(value); i++) {
        if (hgh_judge_is_satisfied(judge, contained, json_array_get(value, i))) {
            return true;
        }
    }
    return hgh_judge_find(judge, "an array without such an item", "an item as described",
                          "failed to check contains");
}

bool hgh_judge_array(hgh_judge *judge, const hgh_schema_node *node, const json_t *value)
{
    size_t count = json_array_size(value);
    bool valid;

    if (!json_is_array(value)) {
        return true;
    }
    valid = judge_count(judge, node, HGH_LIMIT_MIN_ITEMS, count, "array", "items") &&
            judge_count(judge, node, HGH_LIMIT_MAX_ITEMS, count, "array", "items");
    if (goes_on(judge, valid)) {
        valid = judge_items(judge, node, value) && valid;
    }
    if (goes_on(judge, valid)) {
        valid = judge_unique(judge, node, value) && valid;
    }
    return goes_on(judge, valid) ? judge_contains(judge, node, value) && valid : valid;
}
