/* host/core/flatbuffer_layout.h - how a FlatBuffer is laid out. For its reader and writer alone. */
#ifndef HOST_CORE_FLATBUFFER_LAYOUT_H
#define HOST_CORE_FLATBUFFER_LAYOUT_H

#include "host/core/flatbuffer.h"

/*
 * All numbers are little endian. A buffer begins with the position of its root. A table begins with
 * the distance back to its vtable (signed: it may lie behind), its fields follow in any order; a
 * vtable is its own size, the size of the table, and for each slot the offset of the field in the
 * table, 0 if it is absent. A reference is the distance from itself to a table, text or list.
 */
#define HGH_FLATBUFFER_REFERENCE_BYTES   4u
#define HGH_FLATBUFFER_VTABLE_HEAD_BYTES 4u /* the two sizes */
#define HGH_FLATBUFFER_TABLE_HEAD_BYTES  4u /* the distance to the vtable */
#define HGH_FLATBUFFER_ALIGNMENT         4u /* the largest that occurs */

/** Bytes of a field inside its table; of a union those of its type. */
static inline size_t hgh_flatbuffer_width(hgh_flatbuffer_kind kind)
{
    static const size_t widths[] = {
        [HGH_FLATBUFFER_U8] = 1,
        [HGH_FLATBUFFER_U16] = 2,
        [HGH_FLATBUFFER_U32] = 4,
        [HGH_FLATBUFFER_TEXT] = HGH_FLATBUFFER_REFERENCE_BYTES,
        [HGH_FLATBUFFER_LIST] = HGH_FLATBUFFER_REFERENCE_BYTES,
        [HGH_FLATBUFFER_UNION] = 1,
    };

    return widths[kind];
}

#endif
