/* tests/fuzz/fuzz_template.c - text with variables is compiled and filled in. */
#include "host/core/template.h"
#include "tests/fuzz/fuzz.h"

static hg_text lookup(void *context, hg_text name)
{
    (void)context;
    FUZZ_PROMISE(name.data[name.length] == '\0');
    return name.length % 2 == 0 ? HG_TEXT("value") : hg_text_of(NULL);
}

/** The request's memory. */
typedef struct pool {
    void *blocks[2]; /* values, text */
    size_t count;
} pool;

static void *allocate(void *context, size_t size)
{
    pool *from = context;

    FUZZ_PROMISE(from->count < 2);
    from->blocks[from->count] = malloc(size);
    return from->blocks[from->count++];
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const hg_text captures[] = {HG_TEXT("whole"), HG_TEXT("part"), {NULL, 0}};
    hg_template *compiled = NULL;
    hg_error err = HG_ERROR_INIT;
    size_t resolved = 0;

    if (hgh_template_compile((const char *)data, size, &compiled, &err) != HG_OK) {
        FUZZ_PROMISE(err.text[0] != '\0');
        return 0;
    }
    for (uint32_t count = 0; count <= 3; count++) {
        pool memory = {.count = 0};
        hg_text text =
            hgh_template_render(compiled, captures, count, lookup, allocate, &memory, &resolved);

        FUZZ_PROMISE(hg_text_is_present(text) && text.data[text.length] == '\0');
        FUZZ_PROMISE(resolved <= compiled->count);
        free(memory.blocks[0]);
        free(memory.blocks[1]);
    }
    hgh_template_free(compiled);
    return 0;
}
