/* host/core/field_schema.c - the JSON Schema of a field table. */
#include <math.h>
#include <stdlib.h>

#include "host/core/field.h"
#include "host/core/field_table.h"
#include "host/core/quantity.h"

#define EXACT_MAX 0x1p53 /* whole numbers up to here are the same as integers */

/* What a value is, where its JSON type does not say it. A title, since it has to suit clients that
 * refuse keywords and formats which they do not know. */
static const char *const kind_titles[] = {
    [HG_KIND_DURATION] = "seconds or text with a unit (ms, s, m, h, d)",
    [HG_KIND_BYTES] = "bytes or text with a unit (k, m, g)",
    [HG_KIND_REGEX] = "regular expression",
    [HG_KIND_TEMPLATE] = "text with $variables",
    [HG_KIND_EXPRESSION] = "expression",
};
#define NETWORK_TITLE "IP address or network"

/** What is being put together; one failure for want of memory spoils all of it. */
typedef struct schema_writer {
    json_t *schema; /* owned until taken */
    bool failed;
} schema_writer;

static json_t *table_schema(hgh_fields table, bool strict);

/** Sets a keyword; takes the reference; NULL is want of memory. */
static void set(schema_writer *writer, const char *keyword, json_t *value)
{
    if (json_object_set_new(writer->schema, keyword, value) != 0) {
        writer->failed = true;
    }
}

static json_t *number(double value)
{
    if (fabs(value) <= EXACT_MAX && floor(value) == value) {
        return json_integer((json_int_t)value);
    }
    return json_real(value);
}

static json_t *finish(schema_writer *writer)
{
    if (writer->failed) {
        json_decref(writer->schema);
        return NULL;
    }
    return writer->schema;
}

/** minimum and maximum, in the unit of a plain number. */
static void set_limits(schema_writer *writer, const hg_field *field)
{
    if (field->positive && field->min <= 0) {
        set(writer, "exclusiveMinimum", json_integer(0));
    } else {
        set(writer, "minimum", number(field->min));
    }
    if (field->max != 0) {
        set(writer, "maximum", number(field->max));
    }
}

static void set_lengths(schema_writer *writer,
                        const hg_field *field,
                        const char *min_keyword,
                        const char *max_keyword)
{
    if (field->min_length > 0) {
        set(writer, min_keyword, json_integer(field->min_length));
    }
    if (field->max_length > 0) {
        set(writer, max_keyword, json_integer(field->max_length));
    }
}

static void set_text(schema_writer *writer, const hg_field *field)
{
    set(writer, "type", json_string("string"));
    set_lengths(writer, field, "minLength", "maxLength");
    if (field->pattern != NULL) {
        set(writer, "pattern", json_string(field->pattern));
    }
    if (field->kind == HG_KIND_SECRET) {
        set(writer, "writeOnly", json_true());
    }
    if (field->kind == HG_KIND_ENUM) {
        json_t *names = json_array();

        for (size_t i = 0; i < HG_FIELD_NAMES_MAX && field->names[i] != NULL; i++) {
            writer->failed |= json_array_append_new(names, json_string(field->names[i])) != 0;
        }
        set(writer, "enum", names);
    }
}

/** A number, or text with a unit. */
static void set_quantity(schema_writer *writer, const hg_field *field)
{
    bool is_duration = field->kind == HG_KIND_DURATION;

    set(writer, "type", json_pack("[s, s]", is_duration ? "number" : "integer", "string"));
    set_limits(writer, field);
    set(writer, "pattern", json_string(is_duration ? HGH_DURATION_PATTERN : HGH_BYTES_PATTERN));
}

static json_t *item_schema(const hg_field *field, uint32_t stride)
{
    hg_field item;

    hgh_field_copy(field->item, stride, &item);
    return hgh_field_schema(&item, stride);
}

static void set_container(schema_writer *writer, const hg_field *field, uint32_t stride)
{
    if (field->kind == HG_KIND_MAP) {
        set(writer, "type", json_string("object"));
        set(writer, "additionalProperties", item_schema(field, stride));
        set_lengths(writer, field, "minProperties", "maxProperties");
        return;
    }
    set(writer, "type", json_string("array"));
    set(writer, "items",
        field->kind == HG_KIND_CIDRS
            ? json_pack("{s:s, s:s}", "title", NETWORK_TITLE, "type", "string")
            : item_schema(field, stride));
    set_lengths(writer, field, "minItems", "maxItems");
    if (field->unique) {
        set(writer, "uniqueItems", json_true());
    }
}

/** The schema that a field begins with, before what all kinds have. */
static json_t *first_schema(const hg_field *field, uint32_t stride)
{
    if (field->kind == HG_KIND_OBJECT) {
        return table_schema((hgh_fields){field->fields, stride}, field->strict);
    }
    if (field->kind == HG_KIND_JSON && field->schema != NULL) {
        return json_loads(field->schema, JSON_DECODE_ANY, NULL);
    }
    return json_object();
}

static void set_title(schema_writer *writer, const hg_field *field)
{
    size_t kind = (size_t)field->kind;

    if (kind < sizeof(kind_titles) / sizeof(kind_titles[0]) && kind_titles[kind] != NULL) {
        set(writer, "title", json_string(kind_titles[kind]));
    }
}

static void set_kind(schema_writer *writer, const hg_field *field, uint32_t stride)
{
    set_title(writer, field);
    switch (field->kind) {
    case HG_KIND_BOOL:
        set(writer, "type", json_string("boolean"));
        break;
    case HG_KIND_INT:
    case HG_KIND_NUMBER:
        set(writer, "type", json_string(field->kind == HG_KIND_INT ? "integer" : "number"));
        set_limits(writer, field);
        break;
    case HG_KIND_DURATION:
    case HG_KIND_BYTES:
        set_quantity(writer, field);
        break;
    case HG_KIND_CIDRS:
    case HG_KIND_LIST:
    case HG_KIND_MAP:
        set_container(writer, field, stride);
        break;
    case HG_KIND_EXPRESSION:
        set(writer, "type", json_string("array"));
        break;
    case HG_KIND_OBJECT:
    case HG_KIND_JSON:
        break; /* first_schema() has said it */
    default:
        set_text(writer, field);
        break;
    }
}

json_t *hgh_field_schema(const hg_field *field, uint32_t stride)
{
    schema_writer writer = {.schema = first_schema(field, stride)};

    if (json_is_boolean(writer.schema)) {
        return writer.schema; /* of a JSON field: has no place for more */
    }
    set_kind(&writer, field, stride);
    if (field->summary != NULL) {
        set(&writer, "description", json_string(field->summary));
    }
    if (field->initial != NULL) {
        set(&writer, "default", hgh_field_json(field, field->initial));
    }
    if (field->example != NULL) {
        json_t *example = hgh_field_json(field, field->example);

        set(&writer, "examples",
            json_pack("[o]", example == NULL ? json_string(field->example) : example));
    }
    return finish(&writer);
}

/** [{"required": ["a"]}, {"required": ["b"]}] */
static json_t *alternatives(const hg_field *rule)
{
    json_t *list = json_array();

    for (size_t i = 0; i < HG_FIELD_NAMES_MAX && rule->names[i] != NULL; i++) {
        if (json_array_append_new(list, json_pack("{s:[s]}", "required", rule->names[i])) != 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

/** Puts a rule under its keyword, or, if that is taken, into "allOf". */
static void add_alternatives(schema_writer *writer, const char *keyword, const hg_field *rule)
{
    json_t *all = json_object_get(writer->schema, "allOf");

    if (json_object_get(writer->schema, keyword) == NULL) {
        set(writer, keyword, alternatives(rule));
        return;
    }
    if (all == NULL) {
        set(writer, "allOf", json_array());
        all = json_object_get(writer->schema, "allOf");
    }
    if (json_array_append_new(all, json_pack("{s:o}", keyword, alternatives(rule))) != 0) {
        writer->failed = true;
    }
}

/** {"dependencies": {"first": ["second", ...]}}; further rules about the first add to its list. */
static void add_dependency(schema_writer *writer, const hg_field *rule)
{
    json_t *dependencies = json_object_get(writer->schema, "dependencies");
    json_t *names;

    if (dependencies == NULL) {
        set(writer, "dependencies", json_object());
        dependencies = json_object_get(writer->schema, "dependencies");
    }
    names = json_object_get(dependencies, rule->names[0]);
    if (names == NULL) {
        writer->failed |= json_object_set_new(dependencies, rule->names[0], json_array()) != 0;
        names = json_object_get(dependencies, rule->names[0]);
    }
    for (size_t i = 1; i < HG_FIELD_NAMES_MAX && rule->names[i] != NULL; i++) {
        writer->failed |= json_array_append_new(names, json_string(rule->names[i])) != 0;
    }
}

static void add_rule(schema_writer *writer, const hg_field *rule)
{
    if (rule->rule == HG_REQUIRES) {
        add_dependency(writer, rule);
    } else {
        add_alternatives(writer, rule->rule == HG_EXACTLY_ONE ? "oneOf" : "anyOf", rule);
    }
}

static json_t *table_schema(hgh_fields table, bool strict)
{
    schema_writer writer = {.schema = json_pack("{s:s}", "type", "object")};
    json_t *properties = json_object();
    json_t *required = json_array();
    hg_field field;

    for (size_t i = 0; hgh_field_read(table, i, &field); i++) {
        if (field.kind == HG_KIND_RULE) {
            continue;
        }
        writer.failed |= json_object_set_new(properties, field.name,
                                             hgh_field_schema(&field, table.stride)) != 0;
        if (field.required) {
            writer.failed |= json_array_append_new(required, json_string(field.name)) != 0;
        }
    }
    set(&writer, "properties", properties);
    if (json_array_size(required) > 0) {
        set(&writer, "required", required);
    } else {
        json_decref(required);
    }
    for (size_t i = 0; hgh_field_read(table, i, &field); i++) {
        if (field.kind == HG_KIND_RULE) {
            add_rule(&writer, &field);
        }
    }
    if (strict) {
        set(&writer, "additionalProperties", json_false());
    }
    return finish(&writer);
}

json_t *hgh_field_table_schema(const hg_config_description *description, bool strict)
{
    return table_schema((hgh_fields){description->fields, description->field_size}, strict);
}
