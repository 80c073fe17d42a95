/* tests/fuzz/fuzz_address.c - addresses and networks, one a line, and what a set of them holds. */
#include "host/core/address.h"
#include "tests/fuzz/fuzz.h"

#define ENTRIES_MAX 32u

/** What was read can be written, and that reads as the same. */
static void read_alone(hg_text text)
{
    hg_address address;
    hg_address again;
    char written[64];
    char rewritten[64];

    if (hgh_address_parse_with_port(text, &address) == HG_OK) {
        FUZZ_PROMISE(hgh_address_format(&address, written, sizeof(written)) > 0);
    }
    if (hgh_address_parse(text, &address) != HG_OK) {
        return;
    }
    FUZZ_PROMISE(hgh_address_format(&address, written, sizeof(written)) > 0);
    FUZZ_PROMISE(hgh_address_parse(hg_text_of(written), &again) == HG_OK);
    FUZZ_PROMISE(hgh_address_format(&again, rewritten, sizeof(rewritten)) > 0);
    FUZZ_PROMISE(strcmp(written, rewritten) == 0);
    for (size_t size = 0; size < sizeof(written); size++) { /* never beyond its buffer */
        char *small = malloc(size + 1);

        FUZZ_PROMISE(small != NULL);
        (void)hgh_address_format(&address, small, size);
        free(small);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *entries[ENTRIES_MAX] = {NULL};
    size_t count = 0;
    hg_cidrs *cidrs = NULL;
    hg_error err = HG_ERROR_INIT;
    hg_text line;

    while (count < ENTRIES_MAX && fuzz_line(&data, &size, &line)) {
        char *text = fuzz_string((const uint8_t *)line.data, line.length);

        read_alone(hg_text_of(text));
        entries[count++] = text;
    }
    if (hgh_cidrs_parse((const char *const *)entries, count, &cidrs, &err) == HG_OK) {
        for (size_t i = 0; i < count; i++) {
            hg_address address;

            FUZZ_PROMISE(hgh_address_parse(hg_text_of(entries[i]), &address) != HG_OK ||
                         hgh_cidrs_contain(cidrs, &address));
        }
    } else {
        FUZZ_PROMISE(err.text[0] != '\0');
    }
    hgh_cidrs_free(cidrs);
    for (size_t i = 0; i < count; i++) {
        free(entries[i]);
    }
    return 0;
}
