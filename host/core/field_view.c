/* host/core/field_view.c - what operators may see: unknown fields named, secrets hidden. */
#include <stdlib.h>
#include <string.h>

#include "host/core/field.h"
#include "host/core/field_table.h"
#include "host/core/issues.h"
#include "host/core/json_value.h"
#include "host/core/nearest.h"
#include "host/core/text_builder.h"

#define POINTER_BYTES_MAX 16384u
#define WANTED_BYTES_MAX  512u
#define INDEX_BYTES       24u

/** Looking for unknown fields. */
typedef struct searcher {
    hg_issues *issues;
    hgh_text_builder pointer;
    uint32_t stride;
} searcher;

static void search_value(searcher *work, const hg_field *field, const json_t *value);

/** "one of "count", "key"", the nearest first, as far as it fits. */
static void list_names(hgh_fields table, const char *unknown, hgh_text_builder *wanted)
{
    const char *names[HGH_FIELDS_MAX];
    const char *nearest;
    size_t count = 0;
    hg_field field;

    for (size_t i = 0; hgh_field_read(table, i, &field); i++) {
        if (field.kind != HG_KIND_RULE) {
            names[count++] = field.name;
        }
    }
    nearest = hgh_nearest(unknown, names, count);
    hgh_text_builder_add(wanted, hg_text_of(count == 0 ? "no field" : "one of "));
    if (nearest != NULL) {
        hgh_text_builder_format(wanted, "\"%s\"%s", nearest, count > 1 ? ", " : "");
    }
    for (size_t i = 0; i < count; i++) {
        if (names[i] != nearest) {
            bool is_last = i + 1 == count || (i + 2 == count && names[i + 1] == nearest);

            hgh_text_builder_format(wanted, "\"%s\"%s", names[i], is_last ? "" : ", ");
        }
    }
    if (wanted->is_cut) {
        wanted->max += sizeof("...");
        hgh_text_builder_add(wanted, HG_TEXT("..."));
    }
}

static void find_unknown(searcher *work, hgh_fields table, const char *name)
{
    hgh_text_builder wanted = {.max = WANTED_BYTES_MAX};

    list_names(table, name, &wanted);
    hgh_issues_add(work->issues, hgh_text_builder_string(&work->pointer), "an unknown field",
                   hgh_text_builder_string(&wanted), NULL);
    hgh_text_builder_done(&wanted);
}

static void search_table(searcher *work, hgh_fields table, const json_t *object)
{
    const char *name;
    json_t *member;
    hg_field field;

    json_object_foreach(hgh_json_unconst(object), name, member)
    {
        size_t before = work->pointer.length;

        hgh_text_builder_add_segment(&work->pointer, name);
        if (hgh_field_find(table, name, &field)) {
            search_value(work, &field, member);
        } else {
            find_unknown(work, table, name);
        }
        hgh_text_builder_cut(&work->pointer, before);
    }
}

/** The elements of a list or of a map. */
static void search_elements(searcher *work, const hg_field *field, const json_t *value)
{
    hg_field item;
    const char *name;
    json_t *member;

    hgh_field_copy(field->item, work->stride, &item);
    for (size_t i = 0; i < json_array_size(value); i++) {
        size_t before = work->pointer.length;

        hgh_text_builder_format(&work->pointer, "/%zu", i);
        search_value(work, &item, json_array_get(value, i));
        hgh_text_builder_cut(&work->pointer, before);
    }
    json_object_foreach(hgh_json_unconst(value), name, member)
    {
        size_t before = work->pointer.length;

        hgh_text_builder_add_segment(&work->pointer, name);
        search_value(work, &item, member);
        hgh_text_builder_cut(&work->pointer, before);
    }
}

static void search_value(searcher *work, const hg_field *field, const json_t *value)
{
    if (field->kind == HG_KIND_OBJECT) {
        search_table(work, (hgh_fields){field->fields, work->stride}, value);
    } else if (field->kind == HG_KIND_LIST || field->kind == HG_KIND_MAP) {
        search_elements(work, field, value);
    }
}

void hgh_field_table_unknown(const hg_config_description *description,
                             const json_t *value,
                             const char *prefix,
                             hg_issues *issues)
{
    searcher work = {
        .issues = issues,
        .pointer = {.max = POINTER_BYTES_MAX},
        .stride = description->field_size,
    };

    hgh_text_builder_add(&work.pointer, hg_text_of(prefix));
    search_table(&work, (hgh_fields){description->fields, work.stride}, value);
    hgh_text_builder_done(&work.pointer);
}

static json_t *redacted(const hg_field *field, uint32_t stride, const json_t *value);

/** A copy of an object; members that the table does not know are taken as they are. */
static json_t *redacted_table(hgh_fields table, const json_t *object)
{
    json_t *copy = json_object();
    const char *name;
    json_t *member;
    hg_field field;

    json_object_foreach(hgh_json_unconst(object), name, member)
    {
        json_t *shown = hgh_field_find(table, name, &field) ? redacted(&field, table.stride, member)
                                                            : json_deep_copy(member);

        if (json_object_set_new(copy, name, shown) != 0) {
            json_decref(copy);
            return NULL;
        }
    }
    return copy;
}

static json_t *redacted_list(const hg_field *item, uint32_t stride, const json_t *array)
{
    json_t *copy = json_array();

    for (size_t i = 0; i < json_array_size(array); i++) {
        if (json_array_append_new(copy, redacted(item, stride, json_array_get(array, i))) != 0) {
            json_decref(copy);
            return NULL;
        }
    }
    return copy;
}

static json_t *redacted_map(const hg_field *item, uint32_t stride, const json_t *object)
{
    json_t *copy = json_object();
    const char *name;
    json_t *member;

    json_object_foreach(hgh_json_unconst(object), name, member)
    {
        if (json_object_set_new(copy, name, redacted(item, stride, member)) != 0) {
            json_decref(copy);
            return NULL;
        }
    }
    return copy;
}

/** A copy without secrets. A value that its field would refuse is judged by what it looks like. */
static json_t *redacted(const hg_field *field, uint32_t stride, const json_t *value)
{
    hg_field item;

    if (field->kind == HG_KIND_SECRET && !json_is_null(value)) {
        return json_string("***"); /* also what is no string: a secret may be in it */
    }
    if (field->kind == HG_KIND_OBJECT && json_is_object(value)) {
        return redacted_table((hgh_fields){field->fields, stride}, value);
    }
    if (field->kind == HG_KIND_OBJECT && json_is_array(value)) {
        return redacted_list(field, stride, value);
    }
    if (field->kind == HG_KIND_LIST || field->kind == HG_KIND_MAP) {
        hgh_field_copy(field->item, stride, &item);
        if (json_is_array(value)) {
            return redacted_list(&item, stride, value);
        }
        if (json_is_object(value)) {
            return redacted_map(&item, stride, value);
        }
        return redacted(&item, stride, value);
    }
    return json_deep_copy(value);
}

json_t *hgh_field_table_redact(const hg_config_description *description, const json_t *value)
{
    hg_field root = {.kind = HG_KIND_OBJECT, .fields = description->fields};

    return redacted(&root, description->field_size, value);
}
