/* host/core/flatbuffer_read.c - reads FlatBuffers of any layout, and believes nothing they say. */
#include <string.h>

#include <hotgate/host.h>

#include "host/core/flatbuffer.h"
#include "host/core/flatbuffer_layout.h"

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

    if (!holds(from, position, HGH_FLATBUFFER_TABLE_HEAD_BYTES)) {
        return refuse(from, at, "a table at byte %zu, wanted inside the message's %zu", position,
                      from->buffer.length);
    }
    vtable = (int64_t)position - (int32_t)number_at(from, position, 4);
    if (vtable < 0 || !holds(from, (size_t)vtable, HGH_FLATBUFFER_VTABLE_HEAD_BYTES)) {
        return refuse(from, at, "a vtable at byte %lld, wanted inside the message's %zu",
                      (long long)vtable, from->buffer.length);
    }
    out->position = position;
    out->vtable = (size_t)vtable;
    out->vtable_size = number_at(from, out->vtable, 2);
    out->size = number_at(from, out->vtable + 2, 2);
    if (out->vtable_size < HGH_FLATBUFFER_VTABLE_HEAD_BYTES || out->vtable_size % 2 != 0 ||
        !holds(from, out->vtable, out->vtable_size)) {
        return refuse(from, at,
                      "a vtable of %zu bytes at %zu, wanted an even number from 4 on inside the "
                      "message's %zu",
                      out->vtable_size, out->vtable, from->buffer.length);
    }
    if (out->size < HGH_FLATBUFFER_TABLE_HEAD_BYTES || !holds(from, position, out->size)) {
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
    size_t entry = HGH_FLATBUFFER_VTABLE_HEAD_BYTES + 2 * slot;
    size_t offset = entry < table->vtable_size ? number_at(from, table->vtable + entry, 2) : 0;

    if (offset != 0 && (offset < HGH_FLATBUFFER_TABLE_HEAD_BYTES || offset + width > table->size)) {
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

    if (distance < HGH_FLATBUFFER_REFERENCE_BYTES || distance > rest || rest - distance < 4) {
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
    hg_status status =
        follow_vector(from, position, HGH_FLATBUFFER_REFERENCE_BYTES, at, &start, &count);
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

        status = follow(from, start + i * HGH_FLATBUFFER_REFERENCE_BYTES, &here, &entry);
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
    hg_status status =
        find_field(from, table, field->slot + 1, HGH_FLATBUFFER_REFERENCE_BYTES, at, &position);

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
    size_t width = hgh_flatbuffer_width(field->kind);
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
    reader from = {buffer, memory, buffer.length / HGH_FLATBUFFER_REFERENCE_BYTES, err};
    const place root = {NULL, table->name, 0};

    if (!holds(&from, 0, HGH_FLATBUFFER_REFERENCE_BYTES)) {
        return refuse(&from, &root, "a message of %zu bytes, wanted at least 4", buffer.length);
    }
    return read_table(&from, number_at(&from, 0, HGH_FLATBUFFER_REFERENCE_BYTES), table, &root,
                      out_message);
}
