/* host/core/json_schema_default.c - fills in the defaults of a compiled schema. */
#include <string.h>

#include "host/core/json_schema_judge.h"
#include "host/core/json_value.h"

/** Filling in: the judgement decides which branches count, and bounds the effort. */
typedef struct filler {
    hgh_judge judge;
    hg_status status;
} filler;

static void fill(filler *work, const hgh_schema_node *node, json_t *value);

static void fill_property(filler *work, const hgh_schema_named *property, json_t *object)
{
    const json_t *initial = hgh_schema_node_target(property->node)->initial;
    json_t *member = json_object_get(object, property->name);

    if (member != NULL) {
        fill(work, property->node, member);
    } else if (initial != NULL && !json_is_null(initial)) { /* APISIX knows no default of null */
        if (json_object_set_new(object, property->name, json_deep_copy(initial)) != 0) {
            work->status = HG_ERR_NO_MEMORY;
        }
    }
}

/** Members that patterns or "additionalProperties" are about. */
static void fill_other_members(filler *work, const hgh_schema_node *node, json_t *object)
{
    const hgh_schema_names *patterns = &node->maps[HGH_MAP_PATTERN_PROPERTIES];
    const hgh_schema_node *additional = node->children[HGH_CHILD_ADDITIONAL_PROPERTIES];
    const char *name;
    json_t *member;

    if (patterns->count == 0 && additional == NULL) {
        return;
    }
    json_object_foreach(object, name, member)
    {
        bool known = json_object_get(node->properties, name) != NULL;

        for (size_t i = 0; i < patterns->count; i++) {
            if (hgh_judge_matches(&work->judge, patterns->items[i].regex, hg_text_of(name))) {
                known = true;
                fill(work, patterns->items[i].node, member);
            }
        }
        if (!known && additional != NULL) {
            fill(work, additional, member);
        }
    }
}

static void fill_object(filler *work, const hgh_schema_node *node, json_t *object)
{
    const hgh_schema_names *properties = &node->maps[HGH_MAP_PROPERTIES];
    const hgh_schema_names *dependencies = &node->maps[HGH_MAP_DEPENDENCIES];

    for (size_t i = 0; i < properties->count && hgh_judge_spend(&work->judge, 1); i++) {
        fill_property(work, &properties->items[i], object);
    }
    for (size_t i = 0; i < dependencies->count && hgh_judge_spend(&work->judge, 1); i++) {
        if (dependencies->items[i].node != NULL &&
            json_object_get(object, dependencies->items[i].name) != NULL) {
            fill(work, dependencies->items[i].node, object);
        }
    }
    fill_other_members(work, node, object);
}

static void fill_array(filler *work, const hgh_schema_node *node, json_t *array)
{
    const hgh_schema_nodes *list = &node->lists[HGH_LIST_ITEMS];

    for (size_t i = 0; i < json_array_size(array); i++) {
        const hgh_schema_node *item = list->items == NULL ? node->children[HGH_CHILD_ITEMS]
                                      : i < list->count
                                          ? list->items[i]
                                          : node->children[HGH_CHILD_ADDITIONAL_ITEMS];

        if (item == NULL) {
            return;
        }
        fill(work, item, json_array_get(array, i));
    }
}

/** The branches that the value satisfies, once the defaults of its own level are there. */
static void fill_branches(filler *work, const hgh_schema_node *node, json_t *value)
{
    const hgh_schema_node *condition = node->children[HGH_CHILD_IF];

    for (size_t i = 0; i < node->lists[HGH_LIST_ALL_OF].count; i++) {
        fill(work, node->lists[HGH_LIST_ALL_OF].items[i], value);
    }
    for (int which = HGH_LIST_ANY_OF; which <= HGH_LIST_ONE_OF; which++) {
        for (size_t i = 0; i < node->lists[which].count; i++) {
            if (hgh_judge_is_satisfied(&work->judge, node->lists[which].items[i], value)) {
                fill(work, node->lists[which].items[i], value);
            }
        }
    }
    if (condition != NULL) {
        bool satisfied = hgh_judge_is_satisfied(&work->judge, condition, value);
        const hgh_schema_node *branch = node->children[satisfied ? HGH_CHILD_THEN : HGH_CHILD_ELSE];

        if (satisfied) {
            fill(work, condition, value);
        }
        if (branch != NULL) {
            fill(work, branch, value);
        }
    }
}

static void fill(filler *work, const hgh_schema_node *node, json_t *value)
{
    const hgh_schema_node *target = hgh_schema_node_target(node);

    if (work->status != HG_OK || !hgh_judge_go_down(&work->judge)) {
        return;
    }
    if (json_is_object(value)) {
        fill_object(work, target, value);
    } else if (json_is_array(value)) {
        fill_array(work, target, value);
    }
    fill_branches(work, target, value);
    hgh_judge_go_up(&work->judge);
}

hg_status hgh_schema_fill_defaults(const hgh_schema *schema, json_t *value)
{
    filler work = {.status = HG_OK};

    if (hgh_json_is_too_deep(value)) {
        return HG_ERR_TOO_LARGE;
    }
    fill(&work, schema->root, value);
    hgh_judge_done(&work.judge);
    if (work.judge.stop == HGH_JUDGE_NO_MEMORY) {
        return HG_ERR_NO_MEMORY;
    }
    return work.judge.stop == HGH_JUDGE_GOES_ON ? work.status : HG_ERR_TOO_LARGE;
}
