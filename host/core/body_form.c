/* host/core/body_form.c - an urlencoded form as a tree. */
#include <stdlib.h>
#include <string.h>

#include "host/core/body_tree.h"
#include "host/core/query.h"

/* One field of a form, decoded: places in the tree's own text. */
typedef struct field {
    uint32_t key;
    uint32_t key_length;
    uint32_t value;
    uint32_t value_length;
    uint32_t order; /* in which it was sent */
    uint32_t first; /* of the first one with its key */
    uint32_t hash;  /* of the key, so that few keys have to be compared */
    bool bare;      /* without "=" */
} field;

typedef struct form {
    field *fields; /* owned */
    size_t count;
    size_t room;
    const char *text; /* decoded */
} form;

static field *form_add(form *self)
{
    if (self->count == self->room) {
        size_t room = self->room == 0 ? 16 : self->room * 2;
        field *grown = realloc(self->fields, room * sizeof(*grown));

        if (grown == NULL) {
            return NULL;
        }
        self->fields = grown;
        self->room = room;
    }
    self->fields[self->count] = (field){.order = (uint32_t)self->count};
    return &self->fields[self->count++];
}

/* Equal keys beside one another, and of one key as they were sent. */
static int compare_fields(const void *a, const void *b, void *context)
{
    const form *in = context;
    const field *left = a;
    const field *right = b;
    int order;

    if (left->hash != right->hash) {
        return left->hash < right->hash ? -1 : 1;
    }
    if (left->key_length != right->key_length) {
        return left->key_length < right->key_length ? -1 : 1;
    }
    order = memcmp(in->text + left->key, in->text + right->key, left->key_length);
    if (order != 0) {
        return order;
    }
    return left->order < right->order ? -1 : 1;
}

/* As they were sent, but those of one key behind the first of them. */
static int compare_orders(const void *a, const void *b)
{
    const field *left = a;
    const field *right = b;

    if (left->first != right->first) {
        return left->first < right->first ? -1 : 1;
    }
    return left->order < right->order ? -1 : 1;
}

static uint32_t hash_of(const char *text, size_t length)
{
    uint32_t hash = 2166136261u; /* FNV-1a */

    for (size_t i = 0; i < length; i++) {
        hash = (hash ^ (unsigned char)text[i]) * 16777619u;
    }
    return hash;
}

/* Decodes all fields into `text`, which has room for the body; the status of the first failure. */
static hg_status form_read(form *self, hg_text body, char *text)
{
    const char *at = body.data;
    const char *end = body.data + body.length;
    size_t length = 0;

    while (at < end) {
        const char *stop = memchr(at, '&', (size_t)(end - at));
        const char *equals;
        field *added;

        stop = stop == NULL ? end : stop;
        if (stop == at) { /* nothing between two "&" */
            at = stop + 1;
            continue;
        }
        equals = memchr(at, '=', (size_t)(stop - at));
        if (self->count == HGH_BODY_VALUES_MAX) {
            return HG_ERR_TOO_LARGE;
        }
        added = form_add(self);
        if (added == NULL) {
            return HG_ERR_NO_MEMORY;
        }
        added->bare = equals == NULL;
        added->key = (uint32_t)length;
        added->key_length = (uint32_t)hgh_query_decode_into(
            (hg_text){at, (size_t)((equals == NULL ? stop : equals) - at)}, text + length);
        added->hash = hash_of(text + length, added->key_length);
        length += added->key_length;
        added->value = (uint32_t)length;
        if (equals != NULL) {
            added->value_length = (uint32_t)hgh_query_decode_into(
                (hg_text){equals + 1, (size_t)(stop - equals - 1)}, text + length);
            length += added->value_length;
        }
        at = stop + 1;
    }
    return HG_OK;
}

static bool is_same_key(const form *self, const field *left, const field *right)
{
    return left->hash == right->hash &&
           hg_text_equal((hg_text){self->text + left->key, left->key_length},
                         (hg_text){self->text + right->key, right->key_length});
}

/* Brings those of one key together. */
static void form_group(form *self)
{
    if (self->count < 2) {
        return;
    }
    qsort_r(self->fields, self->count, sizeof(*self->fields), compare_fields, self);
    for (size_t i = 0; i < self->count; i++) {
        field *at = &self->fields[i];

        at->first = i > 0 && is_same_key(self, at - 1, at) ? at[-1].first : at->order;
    }
    qsort(self->fields, self->count, sizeof(*self->fields), compare_orders);
}

static void field_add(hgh_body_maker *maker, const field *from, bool in_array)
{
    hgh_body_value *value = hgh_body_maker_add(maker, from->bare ? HGH_VALUE_BARE : HGH_VALUE_TEXT);

    if (value == NULL) {
        return;
    }
    value->text = from->value;
    value->length = from->value_length;
    if (!in_array) {
        value->key = from->key;
        value->key_length = from->key_length;
    }
}

/* All fields of one key: the value, or an array of them. */
static void fields_add(hgh_body_maker *maker, const form *self, size_t first, size_t count)
{
    uint32_t place = maker->tree->count;
    hgh_body_value *array;

    if (count == 1) {
        field_add(maker, &self->fields[first], false);
        return;
    }
    array = hgh_body_maker_add(maker, HGH_VALUE_ARRAY);
    if (array == NULL) {
        return;
    }
    array->key = self->fields[first].key;
    array->key_length = self->fields[first].key_length;
    array->length = (uint32_t)count;
    for (size_t i = 0; i < count && maker->status == HG_OK; i++) {
        field_add(maker, &self->fields[first + i], true);
    }
    maker->tree->values[place].end = maker->tree->count;
}

static void form_build(hgh_body_maker *maker, form *self)
{
    uint32_t members = 0;
    size_t first = 0;

    if (hgh_body_maker_add(maker, HGH_VALUE_OBJECT) == NULL) {
        return;
    }
    form_group(self);
    while (first < self->count && maker->status == HG_OK) {
        size_t count = 1;

        while (first + count < self->count &&
               self->fields[first + count].first == self->fields[first].first) {
            count++;
        }
        fields_add(maker, self, first, count);
        first += count;
        members++;
    }
    maker->tree->values[HGH_BODY_ROOT].length = members;
    maker->tree->values[HGH_BODY_ROOT].end = maker->tree->count;
}

hg_status hgh_body_tree_of_form(hg_text body, hgh_body_tree **out_tree, hg_error *err)
{
    hgh_body_maker maker;
    form self = {0};
    char *text;

    (void)err;
    if (body.length > HGH_BODY_BYTES_MAX) {
        return HG_ERR_TOO_LARGE;
    }
    if (hgh_body_maker_begin(&maker, NULL) != HG_OK) {
        return HG_ERR_NO_MEMORY;
    }
    text = malloc(body.length + 1);
    maker.tree->own_text = text;
    maker.tree->text = text;
    self.text = text;
    maker.status = text == NULL ? HG_ERR_NO_MEMORY : form_read(&self, body, text);
    if (maker.status == HG_OK) {
        form_build(&maker, &self);
    }
    free(self.fields);
    return hgh_body_maker_end(&maker, out_tree);
}
