/* host/core/flatbuffer_write.c - writes FlatBuffers, parents before children. */
#include <assert.h>
#include <string.h>

#include "host/core/flatbuffer.h"
#include "host/core/flatbuffer_layout.h"

typedef struct writer {
    hgh_text_builder *into;
    size_t start;     /* of the buffer, in `into` */
    size_t max;       /* of the buffer */
    size_t vtable;    /* position of the last one written; 0: none yet */
    hg_status status; /* after a failure nothing more is written */
} writer;

static size_t position_of(const writer *to)
{
    return to->into->length - to->start;
}

static void put(writer *to, const void *data, size_t length)
{
    size_t before = to->into->length;

    if (to->status != HG_OK) {
        return;
    }
    if (length > to->max - position_of(to) || length > to->into->max - before) {
        to->status = HG_ERR_TOO_LARGE;
        return;
    }
    hgh_text_builder_add(to->into, (hg_text){data, length});
    if (to->into->length - before != length) {
        to->status = HG_ERR_NO_MEMORY;
    }
}

static void put_zeros(writer *to, size_t length)
{
    static const char zeros[64];

    while (length > 0 && to->status == HG_OK) {
        size_t piece = length < sizeof(zeros) ? length : sizeof(zeros);

        put(to, zeros, piece);
        length -= piece;
    }
}

static void store_number(void *into, uint32_t number, size_t width)
{
    unsigned char *bytes = into;

    for (size_t i = 0; i < width; i++) {
        bytes[i] = (unsigned char)(number >> 8 * i);
    }
}

static void put_length(writer *to, size_t length)
{
    unsigned char bytes[4];

    store_number(bytes, (uint32_t)length, sizeof(bytes));
    put(to, bytes, sizeof(bytes));
}

static void align(writer *to)
{
    put_zeros(to, (HGH_FLATBUFFER_ALIGNMENT - position_of(to) % HGH_FLATBUFFER_ALIGNMENT) %
                      HGH_FLATBUFFER_ALIGNMENT);
}

/** Makes the reference at `position` point to what is put next. */
static void refer_here(const writer *to, size_t position)
{
    if (to->status == HG_OK) {
        store_number(to->into->data + to->start + position, (uint32_t)(position_of(to) - position),
                     HGH_FLATBUFFER_REFERENCE_BYTES);
    }
}

static void put_text(writer *to, size_t reference, const void *member)
{
    hg_text text;

    memcpy(&text, member, sizeof(text));
    refer_here(to, reference);
    put_length(to, text.length);
    put(to, text.data, text.length);
    put_zeros(to, 1); /* its terminator */
    align(to);
}

static void
put_table(writer *to, size_t reference, const hgh_flatbuffer_table *table, const char *message);

static void
put_list(writer *to, size_t reference, const hgh_flatbuffer_table *entries, const void *member)
{
    hgh_flatbuffer_list list;
    size_t references;

    memcpy(&list, member, sizeof(list));
    if (list.count > to->max / HGH_FLATBUFFER_REFERENCE_BYTES) {
        to->status = HG_ERR_TOO_LARGE;
        return;
    }
    refer_here(to, reference);
    put_length(to, list.count);
    references = position_of(to);
    put_zeros(to, list.count * HGH_FLATBUFFER_REFERENCE_BYTES);
    for (size_t i = 0; i < list.count && to->status == HG_OK; i++) {
        put_table(to, references + i * HGH_FLATBUFFER_REFERENCE_BYTES, entries,
                  (const char *)list.items + i * entries->size);
    }
}

/** The number of a field that is one, or the type of a union. */
static uint32_t number_of(const hgh_flatbuffer_field *field, const char *message)
{
    uint32_t number;

    memcpy(&number, message + field->offset, sizeof(number));
    return number;
}

static bool is_present(const hgh_flatbuffer_field *field, const char *message)
{
    hg_text text;
    hgh_flatbuffer_list list;

    switch (field->kind) {
    case HGH_FLATBUFFER_TEXT:
        memcpy(&text, message + field->offset, sizeof(text));
        return text.data != NULL;
    case HGH_FLATBUFFER_LIST:
        memcpy(&list, message + field->offset, sizeof(list));
        return list.count > 0;
    case HGH_FLATBUFFER_UNION:
        return number_of(field, message) - 1 < field->table_count;
    case HGH_FLATBUFFER_U8:
    case HGH_FLATBUFFER_U16:
    case HGH_FLATBUFFER_U32:
        break;
    }
    return number_of(field, message) != 0;
}

/** The layout of one table: what its vtable says. */
typedef struct layout {
    uint16_t offsets[HGH_FLATBUFFER_SLOTS_MAX]; /* of the fields in the table; 0: absent */
    size_t slot_count;
    size_t size; /* of the table */
} layout;

static void lay_out(layout *plan, size_t slot, size_t width)
{
    assert(slot < HGH_FLATBUFFER_SLOTS_MAX);
    plan->size = (plan->size + width - 1) / width * width;
    plan->offsets[slot] = (uint16_t)plan->size;
    plan->size += width;
    plan->slot_count = plan->slot_count > slot + 1 ? plan->slot_count : slot + 1;
}

static layout layout_of(const hgh_flatbuffer_table *table, const char *message)
{
    layout plan = {.size = HGH_FLATBUFFER_TABLE_HEAD_BYTES};

    for (size_t i = 0; i < table->field_count; i++) {
        const hgh_flatbuffer_field *field = &table->fields[i];

        if (!is_present(field, message)) {
            continue;
        }
        lay_out(&plan, field->slot, hgh_flatbuffer_width(field->kind));
        if (field->kind == HGH_FLATBUFFER_UNION) {
            lay_out(&plan, field->slot + 1, HGH_FLATBUFFER_REFERENCE_BYTES);
        }
    }
    return plan;
}

static bool is_last_vtable(const writer *to, const unsigned char *bytes, size_t length)
{
    return to->vtable != 0 && position_of(to) - to->vtable >= length &&
           memcmp(to->into->data + to->start + to->vtable, bytes, length) == 0;
}

/** Puts the vtable, unless the last one says the same. */
static void put_vtable(writer *to, const layout *plan)
{
    unsigned char bytes[HGH_FLATBUFFER_VTABLE_HEAD_BYTES + 2 * HGH_FLATBUFFER_SLOTS_MAX] = {0};
    size_t length = HGH_FLATBUFFER_VTABLE_HEAD_BYTES + 2 * plan->slot_count;

    store_number(bytes, (uint32_t)length, 2);
    store_number(bytes + 2, (uint32_t)plan->size, 2);
    for (size_t i = 0; i < plan->slot_count; i++) {
        store_number(bytes + HGH_FLATBUFFER_VTABLE_HEAD_BYTES + 2 * i, plan->offsets[i], 2);
    }
    if (to->status == HG_OK && !is_last_vtable(to, bytes, length)) {
        to->vtable = position_of(to);
        put(to, bytes, length);
        align(to);
    }
}

/** Puts the table itself, with zeros where its references will be. */
static void
put_fields(writer *to, const layout *plan, const hgh_flatbuffer_table *table, const char *message)
{
    unsigned char bytes[HGH_FLATBUFFER_TABLE_HEAD_BYTES + 4 * HGH_FLATBUFFER_SLOTS_MAX] = {0};

    store_number(bytes, (uint32_t)(position_of(to) - to->vtable), HGH_FLATBUFFER_TABLE_HEAD_BYTES);
    for (size_t i = 0; i < table->field_count; i++) {
        const hgh_flatbuffer_field *field = &table->fields[i];
        size_t width = hgh_flatbuffer_width(field->kind);
        uint32_t number;

        if (plan->offsets[field->slot] == 0 || field->kind == HGH_FLATBUFFER_TEXT ||
            field->kind == HGH_FLATBUFFER_LIST) {
            continue;
        }
        number = number_of(field, message);
        if (width < sizeof(number) && number >> 8 * width != 0) {
            to->status = HG_ERR_TOO_LARGE;
        }
        store_number(bytes + plan->offsets[field->slot], number, width);
    }
    put(to, bytes, plan->size);
    align(to);
}

/** Puts what a field of the table at `position` refers to, if it does. */
static void put_behind(writer *to,
                       size_t position,
                       const layout *plan,
                       const hgh_flatbuffer_field *field,
                       const char *message)
{
    const char *member = message + field->offset;
    size_t reference = position + plan->offsets[field->slot];

    if (field->kind == HGH_FLATBUFFER_TEXT) {
        put_text(to, reference, member);
    } else if (field->kind == HGH_FLATBUFFER_LIST) {
        put_list(to, reference, field->tables, member);
    } else if (field->kind == HGH_FLATBUFFER_UNION) {
        put_table(to, position + plan->offsets[field->slot + 1],
                  &field->tables[number_of(field, message) - 1], message);
    }
}

/** Puts a table behind all that is there, which is aligned and stays so. */
static void
put_table(writer *to, size_t reference, const hgh_flatbuffer_table *table, const char *message)
{
    layout plan = layout_of(table, message);
    size_t position;

    put_vtable(to, &plan);
    position = position_of(to);
    refer_here(to, reference);
    put_fields(to, &plan, table, message);
    for (size_t i = 0; i < table->field_count && to->status == HG_OK; i++) {
        if (plan.offsets[table->fields[i].slot] != 0) {
            put_behind(to, position, &plan, &table->fields[i], message);
        }
    }
}

hg_status hgh_flatbuffer_write(hgh_text_builder *into,
                               const hgh_flatbuffer_table *table,
                               const void *message,
                               size_t max)
{
    bool was_cut = into->is_cut;
    writer to = {into, into->length, max, 0, HG_OK};

    assert(max <= INT32_MAX);
    put_zeros(&to, HGH_FLATBUFFER_REFERENCE_BYTES);
    put_table(&to, 0, table, message);
    if (to.status != HG_OK) {
        hgh_text_builder_cut(into, to.start);
        into->is_cut = was_cut;
    }
    return to.status;
}
