/* host/core/field_decode.c - from JSON into the author's struct. */
#include "host/core/field_decode.h"

#include <math.h>
#include <stdalign.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/core/address.h"
#include "host/core/expression.h"
#include "host/core/issues.h"
#include "host/core/json_value.h"
#include "host/core/quantity.h"
#include "host/core/regex.h"
#include "host/core/template.h"
#include "host/core/text_builder.h"

#define BLOCK_BYTES       1024u /* of the arena, unless one allocation needs more */
#define POINTER_BYTES_MAX 16384u
#define NUMBER_BYTES      32u
#define INDEX_BYTES       24u

/** Memory that is given back all at once. */
typedef struct block {
    struct block *next;
    size_t used;
    size_t size; /* of `memory` */
    max_align_t memory[];
} block;

/** Something that is not memory alone, to be freed with the rest. */
typedef struct resource {
    struct resource *next; /* in the arena */
    int32_t kind;          /* the hg_field_kind that made it */
    void *made;
} resource;

struct hgh_decoded {
    block *blocks;
    resource *resources;
    void *state; /* in the arena */
};

/** One decoding. */
typedef struct decoder {
    hgh_decoded *decoded;
    hg_issues *issues;
    hgh_text_builder pointer;
    uint32_t stride;
    hg_status status; /* HG_ERR_NO_MEMORY ends it, HG_ERR_INVALID does not */
} decoder;

typedef void (*decode)(decoder *work, const hg_field *field, const json_t *value, void *target);

static void decode_field(decoder *work, const hg_field *field, const json_t *value, void *target);

/** Zeroed memory, aligned for any type, that lives as long as the decoded value. */
static void *allocate(decoder *work, size_t size)
{
    size_t rounded = (size + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
    block *current = work->decoded->blocks;
    char *memory;

    if (size > SIZE_MAX / 2) {
        work->status = HG_ERR_NO_MEMORY;
        return NULL;
    }
    if (current == NULL || current->size - current->used < rounded) {
        size_t wanted = rounded > BLOCK_BYTES ? rounded : BLOCK_BYTES;

        current = calloc(1, sizeof(block) + wanted);
        if (current == NULL) {
            work->status = HG_ERR_NO_MEMORY;
            return NULL;
        }
        current->size = wanted;
        current->next = work->decoded->blocks;
        work->decoded->blocks = current;
    }
    memory = (char *)current->memory + current->used;
    current->used += rounded;
    return memory;
}

static void resource_free(int32_t kind, void *made)
{
    if (kind == HG_KIND_REGEX) {
        hgh_regex_free(made);
    } else if (kind == HG_KIND_TEMPLATE) {
        hgh_template_free(made);
    } else if (kind == HG_KIND_CIDRS) {
        hgh_cidrs_free(made);
    } else if (kind == HG_KIND_EXPRESSION) {
        hgh_expression_free(made);
    } else {
        json_decref(made);
    }
}

/** Remembers to free what a kind made; frees it at once if there is no memory to remember. */
static bool keep(decoder *work, int32_t kind, void *made)
{
    resource *kept = allocate(work, sizeof(*kept));

    if (kept == NULL) {
        resource_free(kind, made);
        return false;
    }
    *kept = (resource){work->decoded->resources, kind, made};
    work->decoded->resources = kept;
    return true;
}

static void refuse(decoder *work, const char *found, const char *wanted, const char *text)
{
    if (work->status == HG_OK) {
        work->status = HG_ERR_INVALID;
    }
    if (work->issues != NULL) {
        hgh_issues_add(work->issues, hgh_text_builder_string(&work->pointer), found, wanted, text);
    }
}

static void refuse_value(decoder *work, const hg_field *field, const json_t *value)
{
    char shown[HGH_JSON_DESCRIBE_MAX];
    const char *found =
        field->kind == HG_KIND_SECRET ? "***" : hgh_json_describe(value, shown, sizeof(shown));

    refuse(work, found, hgh_field_kind_name(field->kind), NULL);
}

static void decode_bool(decoder *work, const hg_field *field, const json_t *value, void *target)
{
    bool decoded = json_is_true(value);

    if (!json_is_boolean(value)) {
        refuse_value(work, field, value);
        return;
    }
    memcpy(target, &decoded, sizeof(decoded));
}

/** An integer, or a real without a fraction, that int64_t holds. */
static bool to_int64(const json_t *value, int64_t *out_number)
{
    double real = json_number_value(value);

    if (json_is_integer(value)) {
        *out_number = json_integer_value(value);
        return true;
    }
    if (!json_is_real(value) || !hgh_json_is_whole(value) || real < -0x1p63 || real >= 0x1p63) {
        return false;
    }
    *out_number = (int64_t)real;
    return true;
}

static void decode_int(decoder *work, const hg_field *field, const json_t *value, void *target)
{
    int64_t decoded;

    if (to_int64(value, &decoded)) {
        memcpy(target, &decoded, sizeof(decoded));
    } else if (json_is_real(value) && hgh_json_is_whole(value)) {
        char shown[HGH_JSON_DESCRIBE_MAX];

        refuse(work, hgh_json_describe(value, shown, sizeof(shown)), "an integer of 64 bits", NULL);
    } else {
        refuse_value(work, field, value);
    }
}

static void decode_number(decoder *work, const hg_field *field, const json_t *value, void *target)
{
    double decoded = json_number_value(value);

    if (!json_is_number(value)) {
        refuse_value(work, field, value);
        return;
    }
    memcpy(target, &decoded, sizeof(decoded));
}

/** The limits of a quantity, which its schema cannot judge in text. */
static bool is_within_limits(decoder *work, const hg_field *field, double number, const char *unit)
{
    char found[NUMBER_BYTES + 16];
    char wanted[NUMBER_BYTES + 32];

    (void)snprintf(found, sizeof(found), "%.14g%s", number, unit);
    if (field->positive && number <= 0) {
        refuse(work, found, "more than 0", NULL);
        return false;
    }
    if (number < field->min) {
        (void)snprintf(wanted, sizeof(wanted), "at least %.14g%s", field->min, unit);
        refuse(work, found, wanted, NULL);
        return false;
    }
    if (field->max != 0 && number > field->max) {
        (void)snprintf(wanted, sizeof(wanted), "at most %.14g%s", field->max, unit);
        refuse(work, found, wanted, NULL);
        return false;
    }
    return true;
}

static hg_text text_of(const json_t *value)
{
    return (hg_text){json_string_value(value), json_string_length(value)};
}

static void decode_duration(decoder *work, const hg_field *field, const json_t *value, void *target)
{
    int64_t decoded;
    bool is_read = json_is_number(value)
                       ? hgh_duration_from_seconds(json_number_value(value), &decoded)
                       : json_is_string(value) && hgh_duration_parse(text_of(value), &decoded);

    if (!is_read) {
        char shown[HGH_JSON_DESCRIBE_MAX];

        refuse(work, hgh_json_describe(value, shown, sizeof(shown)),
               "seconds, or a number with ms, s, m, h or d", NULL);
    } else if (is_within_limits(work, field, (double)decoded / 1000, " s")) {
        memcpy(target, &decoded, sizeof(decoded));
    }
}

static void decode_bytes(decoder *work, const hg_field *field, const json_t *value, void *target)
{
    int64_t decoded;
    bool is_read = json_is_string(value) ? hgh_bytes_parse(text_of(value), &decoded)
                                         : to_int64(value, &decoded);

    if (!is_read) {
        char shown[HGH_JSON_DESCRIBE_MAX];

        refuse(work, hgh_json_describe(value, shown, sizeof(shown)),
               "bytes, or a number with k, m or g", NULL);
    } else if (is_within_limits(work, field, (double)decoded, " bytes")) {
        memcpy(target, &decoded, sizeof(decoded));
    }
}

/** A copy with a NUL at its end; absent without memory. */
static hg_text copy_text(decoder *work, const char *data, size_t length)
{
    char *copy = allocate(work, length + 1);

    if (copy == NULL) {
        return hg_text_of(NULL);
    }
    memcpy(copy, data, length);
    return (hg_text){copy, length};
}

/** True for a string without a NUL inside, which a C function would take for its end. */
static bool is_plain_text(decoder *work, const hg_field *field, const json_t *value)
{
    if (!json_is_string(value)) {
        refuse_value(work, field, value);
        return false;
    }
    if (memchr(json_string_value(value), '\0', json_string_length(value)) != NULL) {
        refuse(work, "a text with a NUL inside", "a text without", NULL);
        return false;
    }
    return true;
}

static void decode_text(decoder *work, const hg_field *field, const json_t *value, void *target)
{
    hg_text decoded;

    if (!is_plain_text(work, field, value)) {
        return;
    }
    decoded = copy_text(work, json_string_value(value), json_string_length(value));
    memcpy(target, &decoded, sizeof(decoded));
}

static void decode_enum(decoder *work, const hg_field *field, const json_t *value, void *target)
{
    for (int32_t i = 0; i < (int32_t)HG_FIELD_NAMES_MAX && field->names[i] != NULL; i++) {
        if (json_is_string(value) && hg_text_equal(text_of(value), hg_text_of(field->names[i]))) {
            memcpy(target, &i, sizeof(i));
            return;
        }
    }
    refuse_value(work, field, value);
}

static void decode_regex(decoder *work, const hg_field *field, const json_t *value, void *target)
{
    char shown[HGH_JSON_DESCRIBE_MAX];
    char wanted[HG_ERROR_TEXT_MAX + 32];
    hg_regex *regex = NULL;
    hg_error err = HG_ERROR_INIT;
    hg_status status;

    if (!is_plain_text(work, field, value)) {
        return;
    }
    status =
        hgh_regex_compile(json_string_value(value), json_string_length(value), false, &regex, &err);
    if (status == HG_OK && keep(work, field->kind, regex)) {
        memcpy(target, &regex, sizeof(regex));
    } else if (status == HG_ERR_INVALID) {
        (void)snprintf(wanted, sizeof(wanted), "a regular expression: %s", err.text);
        refuse(work, hgh_json_describe(value, shown, sizeof(shown)), wanted, NULL);
    } else {
        work->status = HG_ERR_NO_MEMORY;
    }
}

static void decode_template(decoder *work, const hg_field *field, const json_t *value, void *target)
{
    char shown[HGH_JSON_DESCRIBE_MAX];
    char wanted[HG_ERROR_TEXT_MAX + 32];
    hg_template *compiled = NULL;
    hg_error err = HG_ERROR_INIT;
    hg_status status;

    if (!is_plain_text(work, field, value)) {
        return;
    }
    status =
        hgh_template_compile(json_string_value(value), json_string_length(value), &compiled, &err);
    if (status == HG_OK && keep(work, field->kind, compiled)) {
        memcpy(target, &compiled, sizeof(compiled));
    } else if (status == HG_ERR_INVALID) {
        (void)snprintf(wanted, sizeof(wanted), "text with variables: %s", err.text);
        refuse(work, hgh_json_describe(value, shown, sizeof(shown)), wanted, NULL);
    } else {
        work->status = HG_ERR_NO_MEMORY;
    }
}

static void
decode_expression(decoder *work, const hg_field *field, const json_t *value, void *target)
{
    hgh_expression *expression = NULL;
    hg_issues unread = {0};
    hg_status status =
        hgh_expression_compile(value, hgh_text_builder_string(&work->pointer), &expression,
                               work->issues == NULL ? &unread : work->issues);

    hgh_issues_done(&unread);
    if (status == HG_ERR_NO_MEMORY || (status != HG_OK && work->status == HG_OK)) {
        work->status = status;
    } else if (status != HG_OK) {
        return;
    } else if (expression == NULL || keep(work, field->kind, expression)) {
        memcpy(target, &expression, sizeof(expression));
    }
}

/** Goes to an item; returns the length to cut the pointer to afterwards. */
static size_t enter_item(decoder *work, size_t i)
{
    size_t before = work->pointer.length;
    char segment[INDEX_BYTES];

    (void)snprintf(segment, sizeof(segment), "%zu", i);
    hgh_text_builder_add_segment(&work->pointer, segment);
    return before;
}

/** A finding for each entry that is no network. */
static void refuse_entries(decoder *work, const char *const *entries, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        size_t before = enter_item(work, i);
        hg_cidrs *one = NULL;
        hg_error err = HG_ERROR_INIT;

        if (hgh_cidrs_parse(&entries[i], 1, &one, &err) != HG_OK) {
            char found[HGH_JSON_DESCRIBE_MAX];

            (void)snprintf(found, sizeof(found), "\"%.*s\"",
                           (int)hgh_utf8_fitting(entries[i], strlen(entries[i]), 256), entries[i]);
            refuse(work, found, "an IP address or a network", err.text);
        }
        hgh_cidrs_free(one);
        hgh_text_builder_cut(&work->pointer, before);
    }
}

static void decode_cidrs(decoder *work, const hg_field *field, const json_t *value, void *target)
{
    size_t count = json_array_size(value);
    const char **entries = NULL;
    hg_cidrs *cidrs = NULL;
    hg_status status;

    if (!json_is_array(value)) {
        refuse_value(work, field, value);
        return;
    }
    entries = calloc(count + 1, sizeof(*entries));
    if (entries == NULL) {
        work->status = HG_ERR_NO_MEMORY;
        return;
    }
    for (size_t i = 0; i < count; i++) {
        entries[i] = json_string_value(json_array_get(value, i));
        if (entries[i] == NULL) {
            entries[i] = ""; /* no string: refused as an address */
        }
    }
    status = hgh_cidrs_parse(entries, count, &cidrs, NULL);
    if (status == HG_OK && keep(work, field->kind, cidrs)) {
        memcpy(target, &cidrs, sizeof(cidrs));
    } else if (status == HG_ERR_INVALID) {
        refuse_entries(work, entries, count);
    } else {
        work->status = HG_ERR_NO_MEMORY;
    }
    free(entries);
}

/** Elements one after another; NULL without memory or if there are none. */
static char *allocate_items(decoder *work, const hg_field *item, size_t count)
{
    if (item->size != 0 && count > SIZE_MAX / 2 / item->size) {
        work->status = HG_ERR_NO_MEMORY;
        return NULL;
    }
    return count == 0 ? NULL : allocate(work, count * item->size);
}

static void decode_list(decoder *work, const hg_field *field, const json_t *value, void *target)
{
    hg_list decoded = {NULL, json_array_size(value)};
    hg_field item;
    char *items;

    hgh_field_copy(field->item, work->stride, &item);
    if (!json_is_array(value)) {
        refuse_value(work, field, value);
        return;
    }
    items = allocate_items(work, &item, decoded.count);
    for (size_t i = 0; i < decoded.count && work->status != HG_ERR_NO_MEMORY; i++) {
        size_t before = enter_item(work, i);

        decode_field(work, &item, json_array_get(value, i), items + i * item.size);
        hgh_text_builder_cut(&work->pointer, before);
    }
    decoded.items = items;
    memcpy(target, &decoded, sizeof(decoded));
}

static void decode_map(decoder *work, const hg_field *field, const json_t *value, void *target)
{
    hg_map decoded = {.count = json_object_size(value)};
    hg_field item;
    hg_text *keys;
    char *values;
    const char *name;
    json_t *member;
    size_t i = 0;

    hgh_field_copy(field->item, work->stride, &item);
    if (!json_is_object(value)) {
        refuse_value(work, field, value);
        return;
    }
    values = allocate_items(work, &item, decoded.count);
    keys = allocate(work, (decoded.count + 1) * sizeof(*keys));
    if (work->status == HG_ERR_NO_MEMORY || keys == NULL) {
        return;
    }
    json_object_foreach(hgh_json_unconst(value), name, member)
    {
        size_t before = work->pointer.length;

        hgh_text_builder_add_segment(&work->pointer, name);
        keys[i] = copy_text(work, name, strlen(name));
        decode_field(work, &item, member, values + i * item.size);
        hgh_text_builder_cut(&work->pointer, before);
        i++;
        if (work->status == HG_ERR_NO_MEMORY) {
            return;
        }
    }
    decoded.keys = keys;
    decoded.values = values;
    memcpy(target, &decoded, sizeof(decoded));
}

static void decode_json(decoder *work, const hg_field *field, const json_t *value, void *target)
{
    if (keep(work, field->kind, json_incref(hgh_json_unconst(value)))) {
        memcpy(target, &value, sizeof(value));
    }
}

/** Gives a member that is left out its initial value, also where its whole object is left out. */
static void decode_absent(decoder *work, const hg_field *field, void *target);

/** Decodes the members of an object into a struct; NULL for an object that is not there. */
static void decode_table(decoder *work, hgh_fields table, const json_t *object, char *target)
{
    hg_field field;

    for (size_t i = 0; work->status != HG_ERR_NO_MEMORY && hgh_field_read(table, i, &field); i++) {
        const json_t *member;
        size_t before = work->pointer.length;

        if (field.kind == HG_KIND_RULE) {
            continue;
        }
        member = json_object_get(object, field.name);
        if (field.presence > 0) {
            bool is_given = member != NULL;

            memcpy(target + field.presence - 1, &is_given, sizeof(is_given));
        }
        hgh_text_builder_add_segment(&work->pointer, field.name);
        if (member != NULL) {
            decode_field(work, &field, member, target + field.offset);
        } else {
            decode_absent(work, &field, target + field.offset);
        }
        hgh_text_builder_cut(&work->pointer, before);
    }
}

static void decode_object(decoder *work, const hg_field *field, const json_t *value, void *target)
{
    if (!json_is_object(value)) {
        refuse_value(work, field, value);
        return;
    }
    decode_table(work, (hgh_fields){field->fields, work->stride}, value, target);
}

static void decode_absent(decoder *work, const hg_field *field, void *target)
{
    static const int32_t none = -1;
    json_t *initial;

    if (field->initial != NULL) {
        initial = hgh_field_json(field, field->initial);
        if (initial == NULL) {
            work->status = HG_ERR_NO_MEMORY;
            return;
        }
        decode_field(work, field, initial, target);
        json_decref(initial);
    } else if (field->kind == HG_KIND_ENUM) {
        memcpy(target, &none, sizeof(none));
    } else if (field->kind == HG_KIND_OBJECT) {
        decode_table(work, (hgh_fields){field->fields, work->stride}, NULL, target);
    }
}

static void decode_field(decoder *work, const hg_field *field, const json_t *value, void *target)
{
    static const decode decoders[] = {
        [HG_KIND_BOOL] = decode_bool,         [HG_KIND_INT] = decode_int,
        [HG_KIND_NUMBER] = decode_number,     [HG_KIND_STRING] = decode_text,
        [HG_KIND_SECRET] = decode_text,       [HG_KIND_ENUM] = decode_enum,
        [HG_KIND_DURATION] = decode_duration, [HG_KIND_BYTES] = decode_bytes,
        [HG_KIND_CIDRS] = decode_cidrs,       [HG_KIND_REGEX] = decode_regex,
        [HG_KIND_TEMPLATE] = decode_template, [HG_KIND_LIST] = decode_list,
        [HG_KIND_OBJECT] = decode_object,     [HG_KIND_MAP] = decode_map,
        [HG_KIND_JSON] = decode_json,         [HG_KIND_EXPRESSION] = decode_expression,
    };

    decoders[field->kind](work, field, value, target);
}

static void decoder_init(decoder *work, uint32_t stride, const char *prefix, hg_issues *issues)
{
    *work = (decoder){
        .decoded = calloc(1, sizeof(hgh_decoded)),
        .issues = issues,
        .pointer = {.max = POINTER_BYTES_MAX},
        .stride = stride,
    };
    hgh_text_builder_add(&work->pointer, hg_text_of(prefix));
    if (work->decoded == NULL) {
        work->status = HG_ERR_NO_MEMORY;
    }
}

hg_status hgh_field_table_decode(const hg_config_description *description,
                                 const json_t *value,
                                 const char *prefix,
                                 hgh_decoded **out_decoded,
                                 hg_issues *issues)
{
    decoder work;
    hg_field object = {.kind = HG_KIND_OBJECT, .fields = description->fields};

    decoder_init(&work, description->field_size, prefix, issues);
    if (work.status == HG_OK) {
        work.decoded->state = allocate(&work, description->state_size);
    }
    if (work.status == HG_OK) {
        decode_object(&work, &object, value, work.decoded->state);
    }
    if (work.status == HG_OK) {
        *out_decoded = work.decoded;
        work.decoded = NULL;
    }
    hgh_decoded_free(work.decoded);
    hgh_text_builder_done(&work.pointer);
    return work.status;
}

hg_status
hgh_field_try(const hg_field *field, uint32_t stride, const json_t *value, hg_issues *issues)
{
    decoder work;
    void *target;

    decoder_init(&work, stride, "", issues);
    target = work.status == HG_OK ? allocate(&work, field->size) : NULL;
    if (target != NULL) {
        decode_field(&work, field, value, target);
    }
    hgh_decoded_free(work.decoded);
    hgh_text_builder_done(&work.pointer);
    return work.status;
}

void *hgh_decoded_state(const hgh_decoded *decoded)
{
    return decoded->state;
}

void hgh_decoded_free(hgh_decoded *decoded)
{
    if (decoded == NULL) {
        return;
    }
    for (const resource *at = decoded->resources; at != NULL; at = at->next) {
        resource_free(at->kind, at->made);
    }
    for (block *at = decoded->blocks; at != NULL;) {
        block *next = at->next;

        free(at);
        at = next;
    }
    free(decoded);
}
