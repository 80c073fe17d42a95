/* host/core/memory.h - memory that goes all at once, and header lists in it. */
#ifndef HOST_CORE_MEMORY_H
#define HOST_CORE_MEMORY_H

#include <stdbool.h>
#include <stddef.h>

#include <hotgate/error.h>
#include <hotgate/request.h>
#include <hotgate/text.h>

/**
 * Zero-initialise. Every piece is an allocation of its own, so that the address sanitizer sees who
 * writes past the end of one.
 */
typedef struct hgh_memory {
    struct hgh_memory_piece *pieces;
} hgh_memory;

/** Aligned for any type, not cleared; NULL: no memory. */
void *hgh_memory_take(hgh_memory *memory, size_t size);

/** A copy with a NUL behind it; absent stays absent, as does what there is no memory for. */
hg_text hgh_memory_copy(hgh_memory *memory, hg_text text);

void hgh_memory_done(hgh_memory *memory);

/** One header, in order. */
typedef struct hgh_header_line {
    struct hgh_header_line *next;
    hg_header header; /* texts end with NUL */
} hgh_header_line;

/** Lines live in the memory they were added with. Zero-initialise. */
typedef struct hgh_headers {
    hgh_header_line *first;
} hgh_headers;

hg_status hgh_headers_add(hgh_headers *headers, hgh_memory *memory, hg_text name, hg_text value);

/** Replaces all of that name, at the place of the first; an absent value removes. */
hg_status hgh_headers_set(hgh_headers *headers, hgh_memory *memory, hg_text name, hg_text value);

/** The first of that name in any case; absent if there is none. */
hg_text hgh_headers_find(const hgh_headers *headers, hg_text name);

/** The one at a place, from 0; false past the end. */
bool hgh_headers_at(const hgh_headers *headers, size_t index, hg_header *out_header);

/** The values of that name, joined by ", ", in new memory; NULL: there is none. */
const char *hgh_headers_joined(const hgh_headers *headers, hgh_memory *memory, hg_text name);

/** Adds "Name: value" lines, each ended by "\n". HG_ERR_INVALID: a line without a colon. */
hg_status hgh_headers_add_lines(hgh_headers *headers, hgh_memory *memory, const char *lines);

/** Adds a copy of every line of `from`. */
hg_status hgh_headers_copy(hgh_headers *headers, hgh_memory *memory, const hgh_headers *from);

#endif
