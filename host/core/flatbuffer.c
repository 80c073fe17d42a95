/* host/core/flatbuffer.c - FlatBuffers, read and written by a description of their tables. */
#include "host/core/flatbuffer.h"

#include <assert.h>
#include <string.h>

#include <hotgate/host.h>

/*
 * All numbers are little endian. A buffer begins with the position of its root. A table begins with
 * the distance back to its vtable (signed: it may lie behind), its fields follow in any order; a
 * vtable is its own size, the size of the table, and for each slot the offset of the field in the
 * table, 0 if it is absent. A reference is the distance from itself to a table, text or list.
 */
#define REFERENCE_BYTES   4u
#define VTABLE_HEAD_BYTES 4u /* the two sizes */
#define TABLE_HEAD_BYTES  4u /* the distance to the vtable */
#define ALIGNMENT         4u /* the largest that occurs */

/** Bytes of a field inside its table; of a union those of its type. */
static size_t width_of(hgh_flatbuffer_kind kind)
{
    static const size_t widths[] = {
        [HGH_FLATBUFFER_U8] = 1,
        [HGH_FLATBUFFER_U16] = 2,
        [HGH_FLATBUFFER_U32] = 4,
        [HGH_FLATBUFFER_TEXT] = REFERENCE_BYTES,
        [HGH_FLATBUFFER_LIST] = REFERENCE_BYTES,
        [HGH_FLATBUFFER_UNION] = 1,
    };

    return widths[kind];
}

/* Reading. */

/** Where in the message the reader is, for error texts: one for each table and field above it. */
typedef struct place {
    const struct place *parent;
    const char *name; /* NULL: an entry of a list */
    size_t index;
} place;

typedef struct reader {
    hg_text buffer;
    const hgh_flatbuffer_memory *memory;
    size_t entries_left; /* of all lists together: no honest message has more */
    hg_error *err;
} reader;

/** A table whose sizes have been checked. */
typedef struct table_view {
    size_t position;
    size_t size;
    size_t vtable;
    size_t vtable_size;
} table_view;

static void format_place(hgh_text_builder *text, const place *at)
{
    if (at->parent != NULL) {
        format_place(text, at->parent);
        hgh_text_builder_add(text, HG_TEXT("/"));
    }
    if (at->name != NULL) {
        hgh_text_builder_add(text, hg_text_of(at->name));
    } else {
        hgh_text_builder_format(text, "%zu", at->index);
    }
}

static HG_PRINTF(3, 4) hg_status
    refuse(const reader *from, const place *at, const char *format, ...)
{
    hgh_text_builder text = {.max = HG_ERROR_TEXT_MAX / 2};
    char reason[HG_ERROR_TEXT_MAX / 2];
    va_list arguments;

    if (from->err != NULL) {
        va_start(arguments, format);
        (void)vsnprintf(reason, sizeof(reason), format, arguments);
        va_end(arguments);
        format_place(&text, at);
        (void)hg_error_set(from->err, HG_ERR_INVALID, "%s: %s", hgh_text_builder_string(&text),
                           reason);
        hgh_text_builder_done(&text);
    }
    return HG_ERR_INVALID;
}

/** True if `length` bytes lie at `position`. */
static bool holds(const reader *from, size_t position, size_t length)
{
    return position <= from->buffer.length && length <= from->buffer.length - position;
}

/** A number of `width` bytes, which lie there. */
static uint32_t number_at(const reader *from, size_t position, size_t width)
{
    const unsigned char *bytes = (const unsigned char *)from->buffer.data + position;

    switch (width) {
    case 1:
        return bytes[0];
    case 2:
        return bytes[0] | (uint32_t)bytes[1] << 8;
    default:
        return bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 |
               (uint32_t)bytes[3] << 24;
    }
}

static hg_status open_table(const reader *from, size_t position, const place *at, table_view *out)
{
    int64_t vtable;

    if (!holds(from, position, TABLE_HEAD_BYTES)) {
        return refuse(from, at, "a table at byte %zu, wanted inside the message's %zu", position,
                      from->buffer.length);
    }
    vtable = (int64_t)position - (int32_t)number_at(from, position, 4);
    if (vtable < 0 || !holds(from, (size_t)vtable, VTABLE_HEAD_BYTES)) {
        return refuse(from, at, "a vtable at byte %lld, wanted inside the message's %zu",
                      (long long)vtable, from->buffer.length);
    }
    out->position = position;
    out->vtable = (size_t)vtable;
    out->vtable_size = number_at(from, out->vtable, 2);
    out->size = number_at(from, out->vtable + 2, 2);
    if (out->vtable_size < VTABLE_HEAD_BYTES || out->vtable_size % 2 != 0 ||
        !holds(from, out->vtable, out->vtable_size)) {
        return refuse(from, at,
                      "a vtable of %zu bytes at %zu, wanted an even number from 4 on inside the "
                      "message's %zu",
                      out->vtable_size, out->vtable, from->buffer.length);
    }
    if (out->size < TABLE_HEAD_BYTES || !holds(from, position, out->size)) {
        return refuse(from, at,
                      "a table of %zu bytes at %zu, wanted at least 4 inside the message's %zu",
                      out->size, position, from->buffer.length);
    }
    return HG_OK;
}

/** Finds a field; position 0: it is absent. */
static hg_status find_field(const reader *from,
                            const table_view *table,
                            size_t slot,
                            size_t width,
                            const place *at,
                            size_t *out_position)
{
    size_t entry = VTABLE_HEAD_BYTES + 2 * slot;
    size_t offset = entry < table->vtable_size ? number_at(from, table->vtable + entry, 2) : 0;

    if (offset != 0 && (offset < TABLE_HEAD_BYTES || offset + width > table->size)) {
        return refuse(from, at, "a field at byte %zu of its table, wanted 4 to %zu", offset,
                      table->size - width);
    }
    *out_position = offset == 0 ? 0 : table->position + offset;
    return HG_OK;
}

/** Follows the reference at `position` to something of at least four bytes. */
static hg_status follow(const reader *from, size_t position, const place *at, size_t *out_target)
{
    size_t distance = number_at(from, position, 4);
    size_t rest = from->buffer.length - position;

    if (distance < REFERENCE_BYTES || distance > rest || rest - distance < 4) {
        return refuse(from, at,
                      "a reference of %zu at byte %zu, wanted behind itself and inside the "
                      "message's %zu",
                      distance, position, from->buffer.length);
    }
    *out_target = position + distance;
    return HG_OK;
}

/** Follows a reference to `count` elements; they lie in the message. */
static hg_status follow_vector(const reader *from,
                               size_t position,
                               size_t element_bytes,
                               const place *at,
                               size_t *out_elements,
                               size_t *out_count)
{
    size_t target = 0;
    hg_status status = follow(from, position, at, &target);
    size_t count;

    if (status != HG_OK) {
        return status;
    }
    count = number_at(from, target, 4);
    if (count > (from->buffer.length - target - 4) / element_bytes) {
        return refuse(from, at, "%zu elements at byte %zu, wanted inside the message's %zu", count,
                      target, from->buffer.length);
    }
    *out_elements = target + 4;
    *out_count = count;
    return HG_OK;
}

static hg_status read_text(const reader *from, size_t position, const place *at, void *member)
{
    size_t start = 0;
    size_t length = 0;
    hg_status status = follow_vector(from, position, 1, at, &start, &length);
    hg_text text;

    if (status == HG_OK) {
        text = (hg_text){from->buffer.data + start, length};
        memcpy(member, &text, sizeof(text));
    }
    return status;
}

static hg_status read_table(reader *from,
                            size_t position,
                            const hgh_flatbuffer_table *table,
                            const place *at,
                            char *message);

static hg_status read_list(reader *from,
                           size_t position,
                           const hgh_flatbuffer_table *entries,
                           const place *at,
                           void *member)
{
    size_t start = 0;
    size_t count = 0;
    hg_status status = follow_vector(from, position, REFERENCE_BYTES, at, &start, &count);
    char *items;

    if (status != HG_OK || count == 0) {
        return status;
    }
    if (count > from->entries_left) {
        return refuse(from, at, "%zu entries, wanted no more than the message has references",
                      count);
    }
    from->entries_left -= count;
    items = from->memory->allocate(from->memory->context, count * entries->size);
    if (items == NULL) {
        return hg_error_set(from->err, HG_ERR_NO_MEMORY, "%s: out of memory", at->name);
    }
    memset(items, 0, count * entries->size);
    for (size_t i = 0; i < count && status == HG_OK; i++) {
        const place here = {at, NULL, i};
        size_t entry = 0;

        status = follow(from, start + i * REFERENCE_BYTES, &here, &entry);
        if (status == HG_OK) {
            status = read_table(from, entry, entries, &here, items + i * entries->size);
        }
    }
    memcpy(member, &(hgh_flatbuffer_list){items, count}, sizeof(hgh_flatbuffer_list));
    return status;
}

/** Reads the type of a union and, if it is one we know, the table behind it. */
static hg_status read_union(reader *from,
                            const table_view *table,
                            const hgh_flatbuffer_field *field,
                            size_t type_position,
                            const place *at,
                            char *message)
{
    uint32_t type = number_at(from, type_position, 1);
    size_t position = 0;
    size_t target = 0;
    hg_status status = find_field(from, table, field->slot + 1, REFERENCE_BYTES, at, &position);

    if (status != HG_OK || position == 0 || type == 0 || type > field->table_count) {
        return status;
    }
    memcpy(message + field->offset, &type, sizeof(type));
    status = follow(from, position, at, &target);
    return status == HG_OK ? read_table(from, target, &field->tables[type - 1], at, message)
                           : status;
}

static hg_status read_field(reader *from,
                            const table_view *table,
                            const hgh_flatbuffer_field *field,
                            const place *at,
                            char *message)
{
    size_t width = width_of(field->kind);
    char *member = message + field->offset;
    size_t position = 0;
    hg_status status = find_field(from, table, field->slot, width, at, &position);
    uint32_t number;

    if (status != HG_OK || position == 0) {
        return status;
    }
    switch (field->kind) {
    case HGH_FLATBUFFER_U8:
    case HGH_FLATBUFFER_U16:
    case HGH_FLATBUFFER_U32:
        number = number_at(from, position, width);
        memcpy(member, &number, sizeof(number));
        break;
    case HGH_FLATBUFFER_TEXT:
        status = read_text(from, position, at, member);
        break;
    case HGH_FLATBUFFER_LIST:
        status = read_list(from, position, field->tables, at, member);
        break;
    case HGH_FLATBUFFER_UNION:
        status = read_union(from, table, field, position, at, message);
        break;
    }
    return status;
}

static hg_status read_table(reader *from,
                            size_t position,
                            const hgh_flatbuffer_table *table,
                            const place *at,
                            char *message)
{
    table_view view = {0};
    hg_status status = open_table(from, position, at, &view);

    for (size_t i = 0; i < table->field_count && status == HG_OK; i++) {
        const place here = {at, table->fields[i].name, 0};

        status = read_field(from, &view, &table->fields[i], &here, message);
    }
    return status;
}

hg_status hgh_flatbuffer_read(hg_text buffer,
                              const hgh_flatbuffer_table *table,
                              const hgh_flatbuffer_memory *memory,
                              void *out_message,
                              hg_error *err)
{
    reader from = {buffer, memory, buffer.length / REFERENCE_BYTES, err};
    const place root = {NULL, table->name, 0};

    if (!holds(&from, 0, REFERENCE_BYTES)) {
        return refuse(&from, &root, "a message of %zu bytes, wanted at least 4", buffer.length);
    }
    return read_table(&from, number_at(&from, 0, REFERENCE_BYTES), table, &root, out_message);
}

/* Writing. */

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
    put_zeros(to, (ALIGNMENT - position_of(to) % ALIGNMENT) % ALIGNMENT);
}

/** Makes the reference at `position` point to what is put next. */
static void refer_here(const writer *to, size_t position)
{
    if (to->status == HG_OK) {
        store_number(to->into->data + to->start + position, (uint32_t)(position_of(to) - position),
                     REFERENCE_BYTES);
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
    if (list.count > to->max / REFERENCE_BYTES) {
        to->status = HG_ERR_TOO_LARGE;
        return;
    }
    refer_here(to, reference);
    put_length(to, list.count);
    references = position_of(to);
    put_zeros(to, list.count * REFERENCE_BYTES);
    for (size_t i = 0; i < list.count && to->status == HG_OK; i++) {
        put_table(to, references + i * REFERENCE_BYTES, entries,
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
    layout plan = {.size = TABLE_HEAD_BYTES};

    for (size_t i = 0; i < table->field_count; i++) {
        const hgh_flatbuffer_field *field = &table->fields[i];

        if (!is_present(field, message)) {
            continue;
        }
        lay_out(&plan, field->slot, width_of(field->kind));
        if (field->kind == HGH_FLATBUFFER_UNION) {
            lay_out(&plan, field->slot + 1, REFERENCE_BYTES);
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
    unsigned char bytes[VTABLE_HEAD_BYTES + 2 * HGH_FLATBUFFER_SLOTS_MAX] = {0};
    size_t length = VTABLE_HEAD_BYTES + 2 * plan->slot_count;

    store_number(bytes, (uint32_t)length, 2);
    store_number(bytes + 2, (uint32_t)plan->size, 2);
    for (size_t i = 0; i < plan->slot_count; i++) {
        store_number(bytes + VTABLE_HEAD_BYTES + 2 * i, plan->offsets[i], 2);
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
    unsigned char bytes[TABLE_HEAD_BYTES + 4 * HGH_FLATBUFFER_SLOTS_MAX] = {0};

    store_number(bytes, (uint32_t)(position_of(to) - to->vtable), TABLE_HEAD_BYTES);
    for (size_t i = 0; i < table->field_count; i++) {
        const hgh_flatbuffer_field *field = &table->fields[i];
        size_t width = width_of(field->kind);
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
    put_zeros(&to, REFERENCE_BYTES);
    put_table(&to, 0, table, message);
    if (to.status != HG_OK) {
        hgh_text_builder_cut(into, to.start);
        into->is_cut = was_cut;
    }
    return to.status;
}
