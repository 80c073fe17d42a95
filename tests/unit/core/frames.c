/* tests/unit/core/frames.c - bytes in hex, and memory for what is decoded of them. */
#include "tests/unit/core/frames.h"

#include <ctype.h>
#include <stdlib.h>

#include "host/core/a6.h"
#include "tests/unit/unit.h"

static void *allocate(void *context, size_t size)
{
    frame_memory *memory = context;
    void *block;

    if (memory->limit != 0 && size > memory->limit - memory->bytes) {
        return NULL;
    }
    assert_true(memory->count < ARRAY_SIZE(memory->blocks));
    block = malloc(size);
    assert_non_null(block);
    memory->blocks[memory->count++] = block;
    memory->bytes += size;
    return block;
}

hgh_flatbuffer_memory frame_memory_of(frame_memory *memory)
{
    return (hgh_flatbuffer_memory){allocate, memory};
}

static unsigned digit(char letter)
{
    assert_true(isxdigit((unsigned char)letter));
    return letter <= '9' ? (unsigned)(letter - '0') : (unsigned)(letter - 'a' + 10);
}

hg_text frame_bytes(frame_memory *memory, const char *hex)
{
    char *bytes = allocate(memory, strlen(hex) / 2 + 1);
    size_t length = 0;

    for (const char *at = hex; *at != '\0'; at++) {
        if (*at != ' ') {
            bytes[length++] = (char)(digit(at[0]) << 4 | digit(at[1]));
            at++;
        }
    }
    return frame_copy(memory, (hg_text){bytes, length});
}

hg_text frame_copy(frame_memory *memory, hg_text bytes)
{
    char *copy = allocate(memory, bytes.length);

    if (bytes.length > 0) {
        memcpy(copy, bytes.data, bytes.length);
    }
    return (hg_text){copy, bytes.length};
}

hg_text frame_payload(hg_text frame, uint32_t type)
{
    uint32_t found = 0;
    size_t length = 0;

    assert_true(frame.length >= HGH_A6_HEADER_BYTES);
    hgh_a6_header_read((const unsigned char *)frame.data, &found, &length);
    assert_int_equal(found, type);
    assert_int_equal(length, frame.length - HGH_A6_HEADER_BYTES);
    return (hg_text){frame.data + HGH_A6_HEADER_BYTES, length};
}

void frame_memory_done(frame_memory *memory)
{
    while (memory->count > 0) {
        free(memory->blocks[--memory->count]);
    }
    memory->bytes = 0;
}
