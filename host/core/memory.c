/* host/core/memory.c - memory that goes all at once, and header lists in it. */
#include "host/core/memory.h"

#include <stdlib.h>
#include <string.h>

typedef struct hgh_memory_piece {
    struct hgh_memory_piece *next;
    max_align_t bytes[];
} hgh_memory_piece;

void *hgh_memory_take(hgh_memory *memory, size_t size)
{
    hgh_memory_piece *piece = malloc(sizeof(*piece) + size);

    if (piece == NULL) {
        return NULL;
    }
    piece->next = memory->pieces;
    memory->pieces = piece;
    return piece->bytes;
}

hg_text hgh_memory_copy(hgh_memory *memory, hg_text text)
{
    char *copy;

    if (text.data == NULL) {
        return text;
    }
    copy = hgh_memory_take(memory, text.length + 1);
    if (copy == NULL) {
        return (hg_text){0};
    }
    if (text.length > 0) {
        memcpy(copy, text.data, text.length);
    }
    copy[text.length] = '\0';
    return (hg_text){copy, text.length};
}

void hgh_memory_done(hgh_memory *memory)
{
    while (memory->pieces != NULL) {
        hgh_memory_piece *next = memory->pieces->next;

        free(memory->pieces);
        memory->pieces = next;
    }
}

static hgh_header_line *line_new(hgh_memory *memory, hg_text name, hg_text value)
{
    hgh_header_line *line = hgh_memory_take(memory, sizeof(*line));

    if (line == NULL) {
        return NULL;
    }
    line->next = NULL;
    line->header.name = hgh_memory_copy(memory, name);
    line->header.value = hgh_memory_copy(memory, value);
    return line->header.name.data == NULL || line->header.value.data == NULL ? NULL : line;
}

hg_status hgh_headers_add(hgh_headers *headers, hgh_memory *memory, hg_text name, hg_text value)
{
    hgh_header_line *line = line_new(memory, name, value);
    hgh_header_line **at = &headers->first;

    if (line == NULL) {
        return HG_ERR_NO_MEMORY;
    }
    while (*at != NULL) {
        at = &(*at)->next;
    }
    *at = line;
    return HG_OK;
}

hg_status hgh_headers_set(hgh_headers *headers, hgh_memory *memory, hg_text name, hg_text value)
{
    hgh_header_line *line = NULL;
    hgh_header_line **at = &headers->first;

    if (value.data != NULL) {
        line = line_new(memory, name, value);
        if (line == NULL) {
            return HG_ERR_NO_MEMORY;
        }
    }
    while (*at != NULL) {
        if (!hg_text_equal_ignoring_case((*at)->header.name, name)) {
            at = &(*at)->next;
        } else if (line != NULL) {
            line->next = (*at)->next;
            *at = line;
            at = &line->next;
            line = NULL;
        } else {
            *at = (*at)->next;
        }
    }
    *at = line;
    return HG_OK;
}

hg_text hgh_headers_find(const hgh_headers *headers, hg_text name)
{
    const hgh_header_line *line = headers->first;

    while (line != NULL && !hg_text_equal_ignoring_case(line->header.name, name)) {
        line = line->next;
    }
    return line == NULL ? (hg_text){0} : line->header.value;
}

bool hgh_headers_at(const hgh_headers *headers, size_t index, hg_header *out_header)
{
    const hgh_header_line *line = headers->first;

    while (line != NULL && index > 0) {
        line = line->next;
        index--;
    }
    if (line != NULL) {
        *out_header = line->header;
    }
    return line != NULL;
}

const char *hgh_headers_joined(const hgh_headers *headers, hgh_memory *memory, hg_text name)
{
    size_t size = 0;
    char *text;
    char *at;

    for (const hgh_header_line *line = headers->first; line != NULL; line = line->next) {
        if (hg_text_equal_ignoring_case(line->header.name, name)) {
            size += line->header.value.length + 2;
        }
    }
    if (size == 0) {
        return NULL;
    }
    text = hgh_memory_take(memory, size);
    at = text;
    for (const hgh_header_line *line = headers->first; line != NULL && text != NULL;
         line = line->next) {
        if (hg_text_equal_ignoring_case(line->header.name, name)) {
            if (at != text) {
                *at++ = ',';
                *at++ = ' ';
            }
            memcpy(at, line->header.value.data, line->header.value.length);
            at += line->header.value.length;
        }
    }
    if (text != NULL) {
        *at = '\0';
    }
    return text;
}

hg_status hgh_headers_add_lines(hgh_headers *headers, hgh_memory *memory, const char *lines)
{
    const char *at = lines;
    hg_status status = HG_OK;

    while (at != NULL && *at != '\0' && status == HG_OK) {
        const char *end = at + strcspn(at, "\n");
        const char *colon = memchr(at, ':', (size_t)(end - at));
        const char *value = colon == NULL ? NULL : colon + 1;

        if (colon == NULL || colon == at) {
            return HG_ERR_INVALID;
        }
        while (value < end && *value == ' ') {
            value++;
        }
        status = hgh_headers_add(headers, memory, (hg_text){at, (size_t)(colon - at)},
                                 (hg_text){value, (size_t)(end - value)});
        at = *end == '\0' ? end : end + 1;
    }
    return status;
}

hg_status hgh_headers_copy(hgh_headers *headers, hgh_memory *memory, const hgh_headers *from)
{
    hg_status status = HG_OK;

    for (const hgh_header_line *line = from->first; line != NULL && status == HG_OK;
         line = line->next) {
        status = hgh_headers_add(headers, memory, line->header.name, line->header.value);
    }
    return status;
}
