/* host/core/flatbuffer.h - FlatBuffers, read and written by a description of their tables. */
#ifndef HOST_CORE_FLATBUFFER_H
#define HOST_CORE_FLATBUFFER_H

#include <stddef.h>
#include <stdint.h>

#include <hotgate/error.h>
#include <hotgate/text.h>

#include "host/core/text_builder.h"

#define HGH_FLATBUFFER_SLOTS_MAX 8u /* of one table */

/** What a field is in the buffer; and the type of the member that stands for it. */
typedef enum hgh_flatbuffer_kind {
    HGH_FLATBUFFER_U8,    /* uint32_t; 0 is the same as absent */
    HGH_FLATBUFFER_U16,   /* uint32_t; 0 is the same as absent */
    HGH_FLATBUFFER_U32,   /* uint32_t; 0 is the same as absent */
    HGH_FLATBUFFER_TEXT,  /* hg_text: a string or a vector of bytes; absent is not empty */
    HGH_FLATBUFFER_LIST,  /* hgh_flatbuffer_list: a vector of tables; empty is the same as absent */
    HGH_FLATBUFFER_UNION, /* uint32_t: which table, counted from 1; 0 none. Takes two slots */
} hgh_flatbuffer_kind;

typedef struct hgh_flatbuffer_list {
    const void *items; /* `count` structs of the size that the entries' table has */
    size_t count;
} hgh_flatbuffer_list;

/** A field, and where in the table's struct it belongs. */
typedef struct hgh_flatbuffer_field {
    const char *name; /* in error texts */
    hgh_flatbuffer_kind kind;
    uint32_t slot;
    size_t offset; /* of the member */

    /**
     * LIST: the table of its entries. UNION: its tables, in their order; what they hold are members
     * of the same struct as the union, and their offsets count from its beginning.
     */
    const struct hgh_flatbuffer_table *tables;
    uint32_t table_count; /* UNION */
} hgh_flatbuffer_field;

/** A table: constant, and never a part of itself. */
typedef struct hgh_flatbuffer_table {
    const char *name; /* in error texts */
    size_t size;      /* bytes of its struct */
    const hgh_flatbuffer_field *fields;
    size_t field_count;
} hgh_flatbuffer_table;

/**
 * Where decoded lists are put; nothing of it is freed. One message makes it allocate eight times
 * its own length at most (an entry of a list takes a reference in the message and its struct here).
 */
typedef struct hgh_flatbuffer_memory {
    void *(*allocate)(void *context, size_t size); /* aligned for any object; NULL: there is none */
    void *context;
} hgh_flatbuffer_memory;

/**
 * Reads a buffer whose root is such a table. It relies on nothing that it has not checked against
 * the length, on no alignment, and on no zero behind a string.
 *
 * buffer       borrowed; the texts of the message lie in it, and are not NUL-terminated.
 * out_message  the table's struct, zeroed by the caller; of no use after a failure.
 * A union whose type is unknown, or whose value is absent, is read as none.
 * Returns HG_OK, HG_ERR_INVALID (err: which field, what was found, what was wanted) or
 * HG_ERR_NO_MEMORY.
 */
hg_status hgh_flatbuffer_read(hg_text buffer,
                              const hgh_flatbuffer_table *table,
                              const hgh_flatbuffer_memory *memory,
                              void *out_message,
                              hg_error *err);

/**
 * Appends a message as a buffer: aligned relative to its own beginning, with a zero behind every
 * text, parents before children, equal vtables of neighbours shared.
 *
 * message  the table's struct; borrowed for the call.
 * max      of the buffer's length; at most INT32_MAX, what offsets can reach.
 * Returns HG_OK, HG_ERR_TOO_LARGE (the message, or a number for its field) or HG_ERR_NO_MEMORY;
 * then nothing has been appended.
 */
hg_status hgh_flatbuffer_write(hgh_text_builder *into,
                               const hgh_flatbuffer_table *table,
                               const void *message,
                               size_t max);

#endif
