/* host/core/field_table.c - what a careless author can write wrong in a field table. */
#include "host/core/field_table.h"

#include <stdlib.h>
#include <string.h>

#include "host/core/field.h"
#include "host/core/field_decode.h"
#include "host/core/issues.h"
#include "host/core/json_schema.h"
#include "host/core/regex.h"

#define NAME_BYTES_MAX  128u
#define STRIDE_MIN      offsetof(hg_field, summary) /* shorter fields cannot be understood */
#define STRIDE_MAX      65536u
#define STRIDE_MULTIPLE sizeof(void *)

/** A table in its struct, on the way down. */
typedef struct table_place {
    hgh_fields fields;
    uint32_t struct_size;
    unsigned depth;
} table_place;

static hg_status check_table(const table_place *place, hg_error *err);

static const char *label(const hg_field *field)
{
    return field->name == NULL ? "(element)" : field->name;
}

static hg_status refuse(hg_error *err, const hg_field *field, const char *why)
{
    return hg_error_set(err, HG_ERR_INVALID, "field \"%s\": %s", label(field), why);
}

/** Bytes of the C type that a kind decodes into; 0 if its author says. */
static size_t size_of_kind(int32_t kind)
{
    switch (kind) {
    case HG_KIND_BOOL:
        return sizeof(bool);
    case HG_KIND_INT:
    case HG_KIND_DURATION:
    case HG_KIND_BYTES:
        return sizeof(int64_t);
    case HG_KIND_NUMBER:
        return sizeof(double);
    case HG_KIND_STRING:
    case HG_KIND_SECRET:
        return sizeof(hg_text);
    case HG_KIND_ENUM:
        return sizeof(int32_t);
    case HG_KIND_LIST:
        return sizeof(hg_list);
    case HG_KIND_MAP:
        return sizeof(hg_map);
    case HG_KIND_OBJECT:
        return 0;
    default:
        return sizeof(void *);
    }
}

static size_t count_names(const hg_field *field)
{
    size_t count = 0;

    while (count < HG_FIELD_NAMES_MAX && field->names[count] != NULL) {
        count++;
    }
    return count;
}

static hg_status check_names(const hg_field *field, hg_error *err)
{
    size_t count = count_names(field);

    if (field->kind == HG_KIND_ENUM && count == 0) {
        return refuse(err, field, "an enum without names");
    }
    for (size_t i = 0; i < count; i++) {
        for (size_t other = 0; other < i; other++) {
            if (strcmp(field->names[i], field->names[other]) == 0) {
                return hg_error_set(err, HG_ERR_INVALID, "field \"%s\": names \"%s\" twice",
                                    label(field), field->names[i]);
            }
        }
    }
    return HG_OK;
}

static hg_status check_limits(const hg_field *field, hg_error *err)
{
    if (!(field->max == 0 || field->min <= field->max)) { /* so that NaN fails too */
        return refuse(err, field, "min is above max");
    }
    if (field->positive && field->max < 0) {
        return refuse(err, field, "positive, yet max is below 0");
    }
    if (field->max_length > 0 && field->min_length > field->max_length) {
        return refuse(err, field, "min_length is above max_length");
    }
    return HG_OK;
}

static hg_status check_pattern(const hg_field *field, hg_error *err)
{
    hg_regex *regex = NULL;
    hg_error why = HG_ERROR_INIT;
    hg_status status;

    if (field->pattern == NULL) {
        return HG_OK;
    }
    if (!hgh_field_is_text(field->kind)) {
        return refuse(err, field, "a pattern, yet no text");
    }
    status = hgh_regex_compile(field->pattern, strlen(field->pattern), false, &regex, &why);
    hgh_regex_free(regex);
    if (status != HG_OK) {
        return hg_error_set(err, status, "field \"%s\": pattern: %s", label(field), why.text);
    }
    return HG_OK;
}

/** What the documentation is made of. */
static hg_status check_texts(const hg_field *field, hg_error *err)
{
    const char *const texts[] = {field->summary, field->example};

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        json_t *as_json = texts[i] == NULL ? NULL : json_string(texts[i]);

        if (texts[i] != NULL && as_json == NULL) {
            return refuse(err, field, "summary or example is no UTF-8");
        }
        json_decref(as_json);
    }
    return HG_OK;
}

/** The schema of a JSON field is one, on its own. */
static hg_status check_schema(const hg_field *field, hg_error *err)
{
    json_t *source;
    hgh_schema *schema = NULL;
    hg_error why = HG_ERROR_INIT;
    json_error_t where;
    hg_status status;

    if (field->schema == NULL) {
        return HG_OK;
    }
    if (field->kind != HG_KIND_JSON) {
        return refuse(err, field, "a schema, yet no JSON");
    }
    source = json_loads(field->schema, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, &where);
    if (source == NULL) {
        return hg_error_set(err, HG_ERR_INVALID, "field \"%s\": schema: line %d column %d: %s",
                            label(field), where.line, where.column, where.text);
    }
    status = hgh_schema_compile(source, &schema, &why);
    hgh_schema_free(schema);
    json_decref(source);
    if (status != HG_OK) {
        return hg_error_set(err, status, "field \"%s\": schema: %s", label(field), why.text);
    }
    return HG_OK;
}

/** `initial` is a value that the field itself would accept. The rest of the field is checked. */
static hg_status check_initial(const hg_field *field, uint32_t stride, hg_error *err)
{
    json_t *source = NULL;
    json_t *initial = NULL;
    hgh_schema *schema = NULL;
    hg_issues issues = {0};
    char why[HG_ERROR_TEXT_MAX];
    hg_status status = HG_OK;

    if (field->initial == NULL) {
        return HG_OK;
    }
    initial = hgh_field_json(field, field->initial);
    if (initial == NULL) {
        return refuse(err, field, "initial is no JSON");
    }
    source = hgh_field_schema(field, stride);
    if (source == NULL) {
        status = hg_error_set(err, HG_ERR_NO_MEMORY, "out of memory");
        goto cleanup;
    }
    status = hgh_schema_compile(source, &schema, err);
    if (status != HG_OK) {
        goto cleanup;
    }
    if (!hgh_schema_validate(schema, initial, "", &issues)) {
        status = HG_ERR_INVALID;
    } else {
        status = hgh_field_try(field, stride, initial, &issues);
    }
    if (status == HG_ERR_INVALID) {
        status = hg_error_set(err, HG_ERR_INVALID, "field \"%s\": initial: %s", label(field),
                              hgh_issues_first(&issues, why, sizeof(why)));
    }

cleanup:
    hgh_issues_done(&issues);
    hgh_schema_free(schema);
    json_decref(initial);
    json_decref(source);
    return status;
}

static hg_status check_field(const table_place *place, const hg_field *field, hg_error *err);

/** What lies below a list, map or object. */
static hg_status check_below(const table_place *place, const hg_field *field, hg_error *err)
{
    table_place below = *place;
    hg_field item;

    below.depth++;
    if (below.depth > HGH_FIELD_DEPTH_MAX) {
        return refuse(err, field, "nested deeper than 16 levels");
    }
    if (field->kind == HG_KIND_OBJECT) {
        if (field->fields == NULL) {
            return refuse(err, field, "an object without a table");
        }
        below.fields.first = field->fields;
        below.struct_size = field->size;
        return check_table(&below, err);
    }
    if (field->kind == HG_KIND_LIST || field->kind == HG_KIND_MAP) {
        if (field->item == NULL) {
            return refuse(err, field, "a list or map without a description of its elements");
        }
        hgh_field_copy(field->item, place->fields.stride, &item);
        item.offset = 0;
        item.name = field->name; /* in messages */
        below.struct_size = item.size;
        return check_field(&below, &item, err);
    }
    return HG_OK;
}

/** All about one field but its name. */
static hg_status check_field(const table_place *place, const hg_field *field, hg_error *err)
{
    size_t size = size_of_kind(field->kind);
    hg_status status;

    if (hgh_field_kind_name(field->kind) == NULL) {
        return hg_error_set(err, HG_ERR_INVALID, "field \"%s\": kind %d is not known", label(field),
                            (int)field->kind);
    }
    if (field->size == 0 || (size != 0 && field->size != size)) {
        return hg_error_set(err, HG_ERR_INVALID, "field \"%s\": has %u bytes, a %s has %zu",
                            label(field), field->size, hgh_field_kind_name(field->kind), size);
    }
    if (field->offset > place->struct_size || field->size > place->struct_size - field->offset) {
        return refuse(err, field, "lies outside its struct");
    }
    if (field->presence > place->struct_size) {
        return refuse(err, field, "presence lies outside the struct");
    }
    status = check_names(field, err);
    if (status == HG_OK) {
        status = check_texts(field, err);
    }
    if (status == HG_OK) {
        status = check_limits(field, err);
    }
    if (status == HG_OK) {
        status = check_pattern(field, err);
    }
    if (status == HG_OK) {
        status = check_schema(field, err);
    }
    if (status == HG_OK) {
        status = check_below(place, field, err);
    }
    return status == HG_OK ? check_initial(field, place->fields.stride, err) : status;
}

/** Names that JSON can have, once in the table. */
static hg_status
check_name(const table_place *place, size_t place_in_table, const hg_field *field, hg_error *err)
{
    json_t *as_json = json_string(field->name); /* NULL for what is no UTF-8 */
    bool fits = as_json != NULL && json_string_length(as_json) > 0 &&
                json_string_length(as_json) <= NAME_BYTES_MAX;
    hg_field other;

    json_decref(as_json);
    if (!fits) {
        return hg_error_set(err, HG_ERR_INVALID, "field %zu has no name of 1 to %u bytes of UTF-8",
                            place_in_table + 1, NAME_BYTES_MAX);
    }
    for (size_t i = 0; i < place_in_table && hgh_field_read(place->fields, i, &other); i++) {
        if (other.kind != HG_KIND_RULE && strcmp(other.name, field->name) == 0) {
            return refuse(err, field, "is twice in its table");
        }
    }
    return HG_OK;
}

static hg_status check_rule(const table_place *place, const hg_field *rule, hg_error *err)
{
    size_t count = count_names(rule);
    hg_field other;

    if (rule->rule < HG_EXACTLY_ONE || rule->rule > HG_REQUIRES) {
        return hg_error_set(err, HG_ERR_INVALID, "rule %d is not known", (int)rule->rule);
    }
    if (count < 2) {
        return hg_error_set(err, HG_ERR_INVALID, "rule names %zu fields, wanted 2 or more", count);
    }
    for (size_t i = 0; i < count; i++) {
        if (!hgh_field_find(place->fields, rule->names[i], &other)) {
            return hg_error_set(err, HG_ERR_INVALID, "rule names \"%s\", which is no field",
                                rule->names[i]);
        }
    }
    return check_names(rule, err);
}

static hg_status check_table(const table_place *place, hg_error *err)
{
    hg_status status = HG_OK;
    hg_field field;
    size_t i;

    for (i = 0; status == HG_OK && hgh_field_read(place->fields, i, &field); i++) {
        if (field.kind == HG_KIND_RULE) {
            continue; /* names of fields that have not been read yet may be broken */
        }
        status = check_name(place, i, &field, err);
        if (status == HG_OK) {
            status = check_field(place, &field, err);
        }
    }
    if (status == HG_OK && i == HGH_FIELDS_MAX) {
        return hg_error_set(err, HG_ERR_INVALID, "table of %u fields, or without HG_FIELDS_END",
                            HGH_FIELDS_MAX);
    }
    for (i = 0; status == HG_OK && hgh_field_read(place->fields, i, &field); i++) {
        if (field.kind == HG_KIND_RULE) {
            status = check_rule(place, &field, err);
        }
    }
    return status;
}

hg_status hgh_field_table_check(const hg_config_description *description, hg_error *err)
{
    table_place place = {
        .fields = {description->fields, description->field_size},
        .struct_size = description->state_size,
    };
    hg_field key;
    hg_status status;

    if (description->fields == NULL) {
        return hg_error_set(err, HG_ERR_INVALID, "description has no field table");
    }
    if (description->field_size < STRIDE_MIN || description->field_size > STRIDE_MAX ||
        description->field_size % STRIDE_MULTIPLE != 0) {
        return hg_error_set(err, HG_ERR_INVALID, "fields have %u bytes, wanted %zu or so",
                            description->field_size, sizeof(hg_field));
    }
    status = check_table(&place, err);
    if (status != HG_OK || description->key == NULL) {
        return status;
    }
    if (!hgh_field_find(place.fields, description->key, &key) ||
        (key.kind != HG_KIND_STRING && key.kind != HG_KIND_SECRET)) {
        return hg_error_set(err, HG_ERR_INVALID, "key \"%s\" is no field that holds text",
                            description->key);
    }
    return HG_OK;
}
