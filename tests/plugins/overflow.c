/* tests/plugins/overflow.c - reads one byte too many, for the sanitizer to find. */
#include <stdlib.h>

#include <hotgate/plugin.h>

static hg_verdict overflow_access(hg_request *request, const void *config)
{
    volatile char *heap = malloc(16);
    volatile size_t size = 16; /* the compiler may not see what we do */
    char text[16];

    (void)config;
    if (heap != NULL) {
        (void)snprintf(text, sizeof(text), "%d", heap[size] == 0 ? 0 : 1);
        (void)hg_response_set_header(request, HG_TEXT("X-Beyond"), hg_text_of(text));
        free((void *)heap);
    }
    return HG_NEXT;
}

HG_PLUGIN("overflow",
          "1.0.0",
          .summary = "Reads one byte too many.",
          .priority = 10,
          .access = overflow_access);
