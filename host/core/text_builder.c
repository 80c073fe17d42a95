/* host/core/text_builder.c - text that grows at its end, up to a maximum. */
#include "host/core/text_builder.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define SIZE_MIN 128u /* bytes of the first allocation */

/** Makes room for `more` bytes and a NUL. */
static bool reserve(hgh_text_builder *builder, size_t more)
{
    size_t size = builder->size == 0 ? SIZE_MIN : builder->size;
    char *larger;

    if (more > builder->max - builder->length) {
        return false;
    }
    while (size < builder->length + more + 1) {
        size *= 2;
    }
    if (size == builder->size) {
        return true;
    }
    larger = realloc(builder->data, size);
    if (larger == NULL) {
        return false;
    }
    builder->data = larger;
    builder->size = size;
    return true;
}

void hgh_text_builder_add(hgh_text_builder *builder, hg_text piece)
{
    if (!reserve(builder, piece.length)) {
        builder->is_cut = true;
        return;
    }
    if (piece.length > 0) {
        memcpy(builder->data + builder->length, piece.data, piece.length);
    }
    builder->length += piece.length;
    builder->data[builder->length] = '\0';
}

void hgh_text_builder_format(hgh_text_builder *builder, const char *format, ...)
{
    va_list arguments;
    va_list again;
    int length;

    va_start(arguments, format);
    va_copy(again, arguments);
    length = vsnprintf(NULL, 0, format, arguments);
    if (length < 0 || !reserve(builder, (size_t)length)) {
        builder->is_cut = true;
    } else {
        (void)vsnprintf(builder->data + builder->length, (size_t)length + 1, format, again);
        builder->length += (size_t)length;
    }
    va_end(again);
    va_end(arguments);
}

void hgh_text_builder_add_segment(hgh_text_builder *builder, const char *segment)
{
    size_t before = builder->length;
    size_t start = 0;

    hgh_text_builder_add(builder, HG_TEXT("/"));
    while (segment[start] != '\0') {
        size_t plain = strcspn(segment + start, "~/");

        hgh_text_builder_add(builder, (hg_text){segment + start, plain});
        start += plain;
        if (segment[start] != '\0') {
            hgh_text_builder_add(builder, segment[start] == '~' ? HG_TEXT("~0") : HG_TEXT("~1"));
            start++;
        }
    }
    if (builder->is_cut) { /* half a segment would name another place */
        hgh_text_builder_cut(builder, before);
    }
}

void hgh_text_builder_cut(hgh_text_builder *builder, size_t length)
{
    if (length < builder->length) {
        builder->length = length;
        builder->data[length] = '\0';
    }
}

const char *hgh_text_builder_string(const hgh_text_builder *builder)
{
    return builder->data == NULL ? "" : builder->data;
}

void hgh_text_builder_done(hgh_text_builder *builder)
{
    free(builder->data);
    builder->data = NULL;
    builder->length = 0;
    builder->size = 0;
    builder->is_cut = false;
}
