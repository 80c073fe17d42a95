/* host/core/json_schema_compile.c - from JSON Schema to a tree of nodes. */
#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "host/core/issues.h"
#include "host/core/json_schema_compiler.h"
#include "host/core/json_value.h"
#include "host/core/regex.h"

#define POINTER_BYTES_MAX   8192u
#define PATTERN_BYTES_SHOWN 128u /* in a message */
#define ROOM_MIN            16u

static const char *const limit_keywords[HGH_LIMIT_COUNT] = {
    [HGH_LIMIT_MINIMUM] = "minimum",
    [HGH_LIMIT_MAXIMUM] = "maximum",
    [HGH_LIMIT_EXCLUSIVE_MINIMUM] = "exclusiveMinimum",
    [HGH_LIMIT_EXCLUSIVE_MAXIMUM] = "exclusiveMaximum",
    [HGH_LIMIT_MULTIPLE_OF] = "multipleOf",
    [HGH_LIMIT_MIN_LENGTH] = "minLength",
    [HGH_LIMIT_MAX_LENGTH] = "maxLength",
    [HGH_LIMIT_MIN_ITEMS] = "minItems",
    [HGH_LIMIT_MAX_ITEMS] = "maxItems",
    [HGH_LIMIT_MIN_PROPERTIES] = "minProperties",
    [HGH_LIMIT_MAX_PROPERTIES] = "maxProperties",
};

static const char *const child_keywords[HGH_CHILD_COUNT] = {
    [HGH_CHILD_NOT] = "not",
    [HGH_CHILD_IF] = "if",
    [HGH_CHILD_THEN] = "then",
    [HGH_CHILD_ELSE] = "else",
    [HGH_CHILD_ITEMS] = "items",
    [HGH_CHILD_ADDITIONAL_ITEMS] = "additionalItems",
    [HGH_CHILD_CONTAINS] = "contains",
    [HGH_CHILD_ADDITIONAL_PROPERTIES] = "additionalProperties",
    [HGH_CHILD_PROPERTY_NAMES] = "propertyNames",
};

static const char *const list_keywords[HGH_LIST_COUNT] = {
    [HGH_LIST_ALL_OF] = "allOf",
    [HGH_LIST_ANY_OF] = "anyOf",
    [HGH_LIST_ONE_OF] = "oneOf",
    [HGH_LIST_ITEMS] = "items",
};

static const char *const map_keywords[HGH_MAP_COUNT] = {
    [HGH_MAP_PROPERTIES] = "properties",
    [HGH_MAP_PATTERN_PROPERTIES] = "patternProperties",
    [HGH_MAP_DEPENDENCIES] = "dependencies",
    [HGH_MAP_DEFINITIONS] = "definitions",
};

void *hgh_schema_grown(void *items, size_t count, size_t *room, size_t item_size)
{
    size_t larger = *room == 0 ? ROOM_MIN : *room * 2;
    void *grown;

    if (count < *room) {
        return items;
    }
    grown = realloc(items, larger * item_size);
    if (grown != NULL) {
        *room = larger;
    }
    return grown;
}

hg_status hgh_schema_no_memory(hgh_schema_compiler *compiler)
{
    return hg_error_set(compiler->err, HG_ERR_NO_MEMORY, "out of memory");
}

hg_status hgh_schema_refuse(hgh_schema_compiler *compiler,
                            const char *keyword,
                            const json_t *found,
                            const char *wanted)
{
    char buffer[HGH_JSON_DESCRIBE_MAX];

    return hg_error_set(compiler->err, HG_ERR_INVALID, "%s%s%s: found %s, wanted %s",
                        hgh_text_builder_string(&compiler->pointer), keyword[0] == '\0' ? "" : "/",
                        keyword, hgh_json_describe(found, buffer, sizeof(buffer)), wanted);
}

/** Goes to a member in the pointer for messages; returns the length to cut it to afterwards. */
static size_t descend(hgh_schema_compiler *compiler, const char *segment)
{
    size_t before = compiler->pointer.length;

    hgh_text_builder_add_segment(&compiler->pointer, segment);
    return before;
}

static hg_status
compile_regex(hgh_schema_compiler *compiler, const char *pattern, hg_regex **out_regex)
{
    hg_error why = HG_ERROR_INIT;
    hg_status status = hgh_regex_compile(pattern, strlen(pattern), false, out_regex, &why);

    if (status == HG_ERR_INVALID) {
        size_t length = strlen(pattern);
        size_t shown = hgh_utf8_fitting(pattern, length, PATTERN_BYTES_SHOWN);

        return hg_error_set(compiler->err, status,
                            "%s: found \"%.*s%s\", wanted a regular expression: %s",
                            hgh_text_builder_string(&compiler->pointer), (int)shown, pattern,
                            shown < length ? "..." : "", why.text);
    }
    return status == HG_OK ? HG_OK : hgh_schema_no_memory(compiler);
}

static unsigned type_of_name(const json_t *name)
{
    static const struct {
        const char *name;
        hgh_schema_type type;
    } types[] = {
        {"null", HGH_TYPE_NULL},       {"boolean", HGH_TYPE_BOOLEAN}, {"object", HGH_TYPE_OBJECT},
        {"array", HGH_TYPE_ARRAY},     {"string", HGH_TYPE_STRING},   {"number", HGH_TYPE_NUMBER},
        {"integer", HGH_TYPE_INTEGER},
    };

    for (size_t i = 0; json_is_string(name) && i < sizeof(types) / sizeof(types[0]); i++) {
        if (strcmp(json_string_value(name), types[i].name) == 0) {
            return types[i].type;
        }
    }
    return 0;
}

static hg_status compile_type(hgh_schema_compiler *compiler, hgh_schema_node *node)
{
    node->type = json_object_get(node->source, "type");
    if (json_is_array(node->type)) {
        for (size_t i = 0; i < json_array_size(node->type); i++) {
            unsigned type = type_of_name(json_array_get(node->type, i));

            if (type == 0) {
                return hgh_schema_refuse(compiler, "type", json_array_get(node->type, i),
                                         "the name of a type");
            }
            node->types |= type;
        }
    } else if (node->type != NULL) {
        node->types = type_of_name(node->type);
        if (node->types == 0) {
            return hgh_schema_refuse(compiler, "type", node->type, "the name of a type");
        }
    }
    return HG_OK;
}

static hg_status compile_limits(hgh_schema_compiler *compiler, hgh_schema_node *node)
{
    for (int i = 0; i < HGH_LIMIT_COUNT; i++) {
        const json_t *limit = json_object_get(node->source, limit_keywords[i]);

        if (limit == NULL) {
            continue;
        }
        if (!json_is_number(limit)) {
            return hgh_schema_refuse(compiler, limit_keywords[i], limit, "a number");
        }
        if (i == HGH_LIMIT_MULTIPLE_OF && json_number_value(limit) <= 0) {
            return hgh_schema_refuse(compiler, limit_keywords[i], limit, "a number above 0");
        }
        if (i >= HGH_LIMIT_MIN_LENGTH &&
            (json_number_value(limit) < 0 || !hgh_json_is_whole(limit))) {
            return hgh_schema_refuse(compiler, limit_keywords[i], limit, "an integer of 0 or more");
        }
        node->limits[i] = limit;
    }
    return HG_OK;
}

/** True for a list of strings or NULL. */
static bool is_names(const json_t *names)
{
    for (size_t i = 0; i < json_array_size(names); i++) {
        if (!json_is_string(json_array_get(names, i))) {
            return false;
        }
    }
    return names == NULL || json_is_array(names);
}

static hg_status compile_scalars(hgh_schema_compiler *compiler, hgh_schema_node *node)
{
    const json_t *pattern = json_object_get(node->source, "pattern");
    const json_t *format = json_object_get(node->source, "format");

    node->enumeration = json_object_get(node->source, "enum");
    node->constant = json_object_get(node->source, "const");
    node->initial = json_object_get(node->source, "default");
    node->names = json_object_get(node->source, "required");
    node->unique_items = json_is_true(json_object_get(node->source, "uniqueItems"));
    node->is_secret = json_is_true(json_object_get(node->source, "writeOnly"));
    if (node->enumeration != NULL && !json_is_array(node->enumeration)) {
        return hgh_schema_refuse(compiler, "enum", node->enumeration, "an array");
    }
    if (!is_names(node->names)) {
        return hgh_schema_refuse(compiler, "required", node->names, "an array of strings");
    }
    if (format != NULL && !json_is_string(format)) {
        return hgh_schema_refuse(compiler, "format", format, "a string");
    }
    node->format = format == NULL ? NULL : hgh_json_format_find(json_string_value(format));
    if (pattern != NULL && !json_is_string(pattern)) {
        return hgh_schema_refuse(compiler, "pattern", pattern, "a string");
    }
    if (pattern != NULL) {
        size_t before = descend(compiler, "pattern");
        hg_status status;

        node->pattern = json_string_value(pattern);
        status = compile_regex(compiler, node->pattern, &node->pattern_regex);
        hgh_text_builder_cut(&compiler->pointer, before);
        return status;
    }
    return HG_OK;
}

static hg_status compile_children(hgh_schema_compiler *compiler, hgh_schema_node *node)
{
    hg_status status = HG_OK;

    for (int i = 0; status == HG_OK && i < HGH_CHILD_COUNT; i++) {
        const json_t *child = json_object_get(node->source, child_keywords[i]);
        size_t before;

        if (child == NULL || (i == HGH_CHILD_ITEMS && json_is_array(child))) {
            continue;
        }
        before = descend(compiler, child_keywords[i]);
        status = hgh_schema_compile_node(compiler, child, node->base, &node->children[i]);
        hgh_text_builder_cut(&compiler->pointer, before);
    }
    return status;
}

static hg_status compile_list(hgh_schema_compiler *compiler,
                              const hgh_schema_node *node,
                              const json_t *source,
                              hgh_schema_nodes *list)
{
    hg_status status = HG_OK;

    list->items = calloc(json_array_size(source) + 1, sizeof(*list->items));
    if (list->items == NULL) {
        return hgh_schema_no_memory(compiler);
    }
    for (size_t i = 0; status == HG_OK && i < json_array_size(source); i++) {
        size_t before = compiler->pointer.length;

        hgh_text_builder_format(&compiler->pointer, "/%zu", i);
        status = hgh_schema_compile_node(compiler, json_array_get(source, i), node->base,
                                         &list->items[i]);
        hgh_text_builder_cut(&compiler->pointer, before);
        list->count = i + 1;
    }
    return status;
}

static hg_status compile_lists(hgh_schema_compiler *compiler, hgh_schema_node *node)
{
    hg_status status = HG_OK;

    for (int i = 0; status == HG_OK && i < HGH_LIST_COUNT; i++) {
        const json_t *source = json_object_get(node->source, list_keywords[i]);
        size_t before;

        if (source == NULL || (i == HGH_LIST_ITEMS && !json_is_array(source))) {
            continue;
        }
        if (!json_is_array(source) || (i != HGH_LIST_ITEMS && json_array_size(source) == 0)) {
            return hgh_schema_refuse(compiler, list_keywords[i], source,
                                     "an array of at least one schema");
        }
        before = descend(compiler, list_keywords[i]);
        status = compile_list(compiler, node, source, &node->lists[i]);
        hgh_text_builder_cut(&compiler->pointer, before);
    }
    return status;
}

static hg_status compile_named(hgh_schema_compiler *compiler,
                               const hgh_schema_node *node,
                               hgh_schema_map map,
                               const json_t *source,
                               hgh_schema_named *named)
{
    if (map == HGH_MAP_DEPENDENCIES && json_is_array(source)) {
        named->names = source;
        return is_names(source) ? HG_OK
                                : hgh_schema_refuse(compiler, "", source, "an array of strings");
    }
    if (map == HGH_MAP_PATTERN_PROPERTIES) {
        hg_status status = compile_regex(compiler, named->name, &named->regex);

        if (status != HG_OK) {
            return status;
        }
    }
    return hgh_schema_compile_node(compiler, source, node->base, &named->node);
}

static hg_status
compile_map(hgh_schema_compiler *compiler, hgh_schema_node *node, hgh_schema_map map)
{
    const json_t *source = json_object_get(node->source, map_keywords[map]);
    hgh_schema_names *names = &node->maps[map];
    hg_status status = HG_OK;
    const char *name;
    json_t *member;

    if (!json_is_object(source)) {
        return hgh_schema_refuse(compiler, map_keywords[map], source, "an object");
    }
    names->items = calloc(json_object_size(source) + 1, sizeof(*names->items));
    if (names->items == NULL) {
        return hgh_schema_no_memory(compiler);
    }
    json_object_foreach(hgh_json_unconst(source), name, member)
    {
        hgh_schema_named *named = &names->items[names->count++];
        size_t before = descend(compiler, map_keywords[map]);

        hgh_text_builder_add_segment(&compiler->pointer, name);
        named->name = name;
        status = compile_named(compiler, node, map, member, named);
        hgh_text_builder_cut(&compiler->pointer, before);
        if (status != HG_OK) {
            break;
        }
    }
    return status;
}

/** Marks the properties that are required, so that no list is searched for each. */
static hg_status mark_required(hgh_schema_compiler *compiler, hgh_schema_node *node)
{
    hgh_schema_names *properties = &node->maps[HGH_MAP_PROPERTIES];
    json_t *required = json_object(); /* as a set */
    hg_status status = required == NULL ? hgh_schema_no_memory(compiler) : HG_OK;

    for (size_t i = 0; status == HG_OK && i < json_array_size(node->names); i++) {
        if (json_object_set_new(required, json_string_value(json_array_get(node->names, i)),
                                json_true()) != 0) {
            status = hgh_schema_no_memory(compiler);
        }
    }
    for (size_t i = 0; status == HG_OK && i < properties->count; i++) {
        properties->items[i].is_required =
            json_object_get(required, properties->items[i].name) != NULL;
    }
    json_decref(required);
    return status;
}

static hg_status compile_maps(hgh_schema_compiler *compiler, hgh_schema_node *node)
{
    hg_status status = HG_OK;

    node->properties = json_object_get(node->source, "properties");
    for (int i = 0; status == HG_OK && i < HGH_MAP_COUNT; i++) {
        if (json_object_get(node->source, map_keywords[i]) != NULL) {
            status = compile_map(compiler, node, (hgh_schema_map)i);
        }
    }
    if (status == HG_OK && node->names != NULL && node->properties != NULL) {
        status = mark_required(compiler, node);
    }
    return status;
}

static int compare_sources(const void *a, const void *b)
{
    uintptr_t left = (uintptr_t)((const hgh_schema_node *)a)->source;
    uintptr_t right = (uintptr_t)((const hgh_schema_node *)b)->source;

    return (left > right) - (left < right);
}

/** A node that has been made from this JSON, or NULL. */
static const hgh_schema_node *find_compiled(const hgh_schema_compiler *compiler, const json_t *json)
{
    hgh_schema_node wanted = {.source = json};
    void *found = tfind(&wanted, &compiler->by_json, compare_sources);

    return found == NULL ? NULL : *(const hgh_schema_node *const *)found;
}

/** Adds an empty node for this JSON; NULL without memory. */
static hgh_schema_node *
new_node(hgh_schema_compiler *compiler, const json_t *json, const char *base)
{
    hgh_schema *schema = compiler->schema;
    hgh_schema_node **nodes =
        hgh_schema_grown(schema->nodes, schema->count, &schema->room, sizeof(*nodes));
    hgh_schema_node *node = calloc(1, sizeof(*node));

    if (nodes != NULL) {
        schema->nodes = nodes;
    }
    if (nodes == NULL || node == NULL) {
        free(node);
        return NULL;
    }
    node->source = json;
    node->base = base;
    schema->nodes[schema->count++] = node;
    return tsearch(node, &compiler->by_json, compare_sources) == NULL ? NULL : node;
}

static hg_status compile_keywords(hgh_schema_compiler *compiler, hgh_schema_node *node)
{
    static hg_status (*const steps[])(hgh_schema_compiler *, hgh_schema_node *) = {
        compile_type, compile_limits,   compile_scalars,
        compile_maps, compile_children, compile_lists,
    };
    hg_status status = HG_OK;

    for (size_t i = 0; status == HG_OK && i < sizeof(steps) / sizeof(steps[0]); i++) {
        status = steps[i](compiler, node);
    }
    return status;
}

hg_status hgh_schema_compile_node(hgh_schema_compiler *compiler,
                                  const json_t *json,
                                  const char *base,
                                  const hgh_schema_node **out_node)
{
    const hgh_schema_node *compiled = find_compiled(compiler, json);
    hgh_schema_node *node;
    hg_status status = HG_OK;

    if (compiled != NULL) {
        *out_node = compiled;
        return HG_OK;
    }
    if (!json_is_object(json) && !json_is_boolean(json)) {
        return hgh_schema_refuse(compiler, "", json, "a schema: an object or a boolean");
    }
    node = new_node(compiler, json, base);
    if (node == NULL) {
        return hgh_schema_no_memory(compiler);
    }
    node->never = json_is_false(json);
    if (json_object_get(json, "$ref") != NULL) { /* all its siblings are void (section 8.3) */
        status = hgh_schema_note_reference(compiler, node);
    } else if (json_is_object(json)) {
        status = hgh_schema_note_id(compiler, compiler->schema->count - 1, json, base, &node->base);
        if (status == HG_OK) {
            status = compile_keywords(compiler, node);
        }
    }
    if (status == HG_OK) {
        *out_node = node;
    }
    return status;
}

static void keep_node(void *node)
{
    (void)node; /* the tree only borrows it */
}

static void compiler_done(hgh_schema_compiler *compiler)
{
    for (size_t i = 0; i < compiler->pending_count; i++) {
        free(compiler->pending[i].pointer);
    }
    free(compiler->pending);
    json_decref(compiler->ids);
    tdestroy(compiler->by_json, keep_node);
    hgh_text_builder_done(&compiler->pointer);
}

hg_status hgh_schema_compile_document(hgh_schema_compiler *compiler,
                                      const json_t *json,
                                      const char *base,
                                      const hgh_schema_node **out_node)
{
    json_t *copy;

    if (hgh_json_is_too_deep(json)) {
        return hg_error_set(compiler->err, HG_ERR_TOO_LARGE,
                            "schema is nested deeper than %u levels", HGH_JSON_DEPTH_MAX);
    }
    copy = json_deep_copy(json);
    if (json_array_append_new(compiler->schema->sources, copy) != 0) {
        return hgh_schema_no_memory(compiler);
    }
    return hgh_schema_compile_node(compiler, copy, base, out_node);
}

hg_status hgh_schema_compile(const json_t *source, hgh_schema **out_schema, hg_error *err)
{
    return hgh_schema_compile_with(source, NULL, out_schema, err);
}

hg_status hgh_schema_compile_with(const json_t *source,
                                  const json_t *documents,
                                  hgh_schema **out_schema,
                                  hg_error *err)
{
    hgh_schema_compiler compiler = {
        .schema = calloc(1, sizeof(hgh_schema)),
        .documents = documents,
        .ids = json_object(),
        .pointer = {.max = POINTER_BYTES_MAX},
        .err = err,
    };
    hg_status status;

    if (compiler.schema != NULL) {
        compiler.schema->sources = json_array();
    }
    if (compiler.schema == NULL || compiler.schema->sources == NULL || compiler.ids == NULL) {
        status = hgh_schema_no_memory(&compiler);
        goto cleanup;
    }
    status = hgh_schema_compile_document(&compiler, source, "", &compiler.schema->root);
    if (status == HG_OK) {
        status = hgh_schema_resolve_references(&compiler);
    }
    if (status == HG_OK) {
        *out_schema = compiler.schema;
        compiler.schema = NULL;
    }

cleanup:
    hgh_schema_free(compiler.schema);
    compiler_done(&compiler);
    return status;
}

static void node_free(hgh_schema_node *node)
{
    for (int i = 0; i < HGH_LIST_COUNT; i++) {
        free(node->lists[i].items);
    }
    for (int i = 0; i < HGH_MAP_COUNT; i++) {
        for (size_t at = 0; at < node->maps[i].count; at++) {
            hgh_regex_free(node->maps[i].items[at].regex);
        }
        free(node->maps[i].items);
    }
    hgh_regex_free(node->pattern_regex);
    free(node);
}

void hgh_schema_free(hgh_schema *schema)
{
    if (schema == NULL) {
        return;
    }
    for (size_t i = 0; i < schema->count; i++) {
        node_free(schema->nodes[i]);
    }
    for (size_t i = 0; i < schema->base_count; i++) {
        free(schema->bases[i]);
    }
    free(schema->nodes);
    free(schema->bases);
    json_decref(schema->sources);
    free(schema);
}
