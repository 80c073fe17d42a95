/* tests/unit/core/frames.h - bytes in hex, and memory for what is decoded of them. */
#ifndef TESTS_UNIT_CORE_FRAMES_H
#define TESTS_UNIT_CORE_FRAMES_H

#include <hotgate/text.h>

#include "host/core/flatbuffer.h"

/** Blocks of exact sizes, so that a write past one is found; zero-initialise. */
typedef struct frame_memory {
    void *blocks[16];
    size_t count;
    size_t bytes; /* of all of them */
    size_t limit; /* of bytes, if not 0: beyond it there is no memory */
} frame_memory;

/** For hgh_flatbuffer_memory. */
hgh_flatbuffer_memory frame_memory_of(frame_memory *memory);

/** The bytes that pairs of hex digits say, blanks left out; a block of the exact size. */
hg_text frame_bytes(frame_memory *memory, const char *hex);

/** A copy in a block of the exact size. */
hg_text frame_copy(frame_memory *memory, hg_text bytes);

/** What follows the header of a frame of the external plugin protocol, which must fit. */
hg_text frame_payload(hg_text frame, uint32_t type);

/** Frees all blocks; it can be used again. */
void frame_memory_done(frame_memory *memory);

#endif
