/* tests/fuzz/fuzz_a6.c - a peer sends any payload as any message of the external plugin protocol.
 */
#include "host/core/a6.h"
#include "tests/fuzz/fuzz.h"
#include "tests/unit/core/a6_kinds.h"

#define KINDS      9u
#define BLOCKS_MAX 16u /* more lists than a message has */
#define FRAME_MAX  (HGH_A6_HEADER_BYTES + HGH_A6_PAYLOAD_MAX)

typedef struct blocks {
    void *all[BLOCKS_MAX]; /* owned; of exact sizes, so that a write behind one shows */
    size_t count;
    size_t bytes;
} blocks;

static void *allocate(void *context, size_t size)
{
    blocks *to = context;

    FUZZ_PROMISE(size > 0 && to->count < BLOCKS_MAX);
    to->bytes += size;
    to->all[to->count] = malloc(size);
    FUZZ_PROMISE(to->all[to->count] != NULL);
    return to->all[to->count++];
}

static void blocks_done(blocks *from)
{
    while (from->count > 0) {
        free(from->all[--from->count]);
    }
}

/** What was read can be written, and reads the same again. */
static void expect_same(const a6_kind *kind, const a6_message *message)
{
    hgh_text_builder first = {.max = FRAME_MAX};
    hgh_text_builder second = {.max = FRAME_MAX};
    blocks memory = {{NULL}, 0, 0};
    hgh_a6_memory lists = {allocate, &memory};
    a6_message again;
    hg_status status = kind->encode(&first, message);

    /* Entries may share a text in what was read; what is written has one for each. */
    FUZZ_PROMISE(status == HG_OK || status == HG_ERR_TOO_LARGE);
    if (status == HG_OK) {
        FUZZ_PROMISE(kind->decode((hg_text){first.data + HGH_A6_HEADER_BYTES,
                                            first.length - HGH_A6_HEADER_BYTES},
                                  &lists, &again, NULL) == HG_OK);
        FUZZ_PROMISE(kind->encode(&second, &again) == HG_OK);
        FUZZ_PROMISE(second.length == first.length &&
                     memcmp(second.data, first.data, first.length) == 0);
    } else {
        FUZZ_PROMISE(first.length == 0);
    }
    blocks_done(&memory);
    hgh_text_builder_done(&first);
    hgh_text_builder_done(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const a6_kind *kind;
    blocks memory = {{NULL}, 0, 0};
    hgh_a6_memory lists = {allocate, &memory};
    hg_error err = HG_ERROR_INIT;
    a6_message before;
    a6_message message;
    char *payload;

    if (size == 0) {
        return 0;
    }
    kind = &a6_kinds[data[0] % KINDS]; /* the first byte says which message; the rest is it */
    payload = malloc(size);
    FUZZ_PROMISE(payload != NULL);
    memcpy(payload + 1, data + 1, size - 1); /* its end is the block's */
    memset(&before, 0x5a, sizeof(before));
    message = before;
    if (kind->decode((hg_text){payload + 1, size - 1}, &lists, &message, &err) == HG_OK) {
        FUZZ_PROMISE(err.text[0] == '\0');
        expect_same(kind, &message);
    } else {
        FUZZ_PROMISE(strncmp(err.text, kind->name + 3, strlen(kind->name + 3)) == 0); /* "A6." */
        FUZZ_PROMISE(memcmp(&message, &before, sizeof(before)) == 0);
    }
    FUZZ_PROMISE(memory.bytes <= 8 * (size - 1));
    blocks_done(&memory);
    free(payload);
    return 0;
}
