/* tests/fuzz/fuzz_text.c - small readers of text: formats, URIs, quantities. One text, all readers.
 */
#include "host/core/json_format.h"
#include "host/core/nearest.h"
#include "host/core/quantity.h"
#include "host/core/uri.h"
#include "tests/fuzz/fuzz.h"

static void read_formats(hg_text text)
{
    static const char *const names[] = {
        "date-time", "date", "time",          "email",        "hostname", "ipv4",
        "ipv6",      "uri",  "uri-reference", "json-pointer", "regex",    "uuid",
    };

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        const hgh_json_format *format = hgh_json_format_find(names[i]);

        FUZZ_PROMISE(format != NULL);
        (void)format->check(text);
    }
}

/** The first line is a base, the rest a reference. An absolute one is made normal, once. */
static void resolve(const char *text)
{
    const char *end = strchr(text, '\n');
    char *base = strndup(text, end == NULL ? strlen(text) : (size_t)(end - text));
    char *resolved = hgh_uri_resolve(base, end == NULL ? "" : end + 1);

    FUZZ_PROMISE(resolved != NULL);
    if (hgh_uri_is_absolute(hg_text_of(resolved))) {
        char *normal = hgh_uri_resolve(base, resolved);
        char *again = normal == NULL ? NULL : hgh_uri_resolve(base, normal);

        FUZZ_PROMISE(again != NULL && strcmp(again, normal) == 0);
        free(again);
        free(normal);
    }
    free(resolved);
    free(base);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const words[] = {"count", "time_window", "key", "rejected_code", ""};
    char *text = fuzz_string(data, size);
    int64_t number = 0;

    read_formats((hg_text){text, size});
    if (hgh_duration_parse((hg_text){text, size}, &number)) {
        FUZZ_PROMISE(number >= 0);
    }
    if (hgh_bytes_parse((hg_text){text, size}, &number)) {
        FUZZ_PROMISE(number >= 0);
    }
    (void)hgh_nearest(text, words, sizeof(words) / sizeof(words[0]));
    resolve(text);
    free(text);
    return 0;
}
