/* tests/plugins/tries.c - counts in X-Try how often a request was sent upstream. */
#include <hotgate/plugin.h>

static hg_verdict tries_before_proxy(hg_request *request, const void *config)
{
    uint32_t *count = hg_request_data(request);
    char text[16];

    (void)config;
    if (count != NULL) {
        (void)snprintf(text, sizeof(text), "%u", ++*count);
        (void)hg_request_set_header(request, HG_TEXT("X-Try"), hg_text_of(text));
    }
    return HG_NEXT;
}

HG_PLUGIN("tries",
          "1.0.0",
          .summary = "Counts in X-Try how often a request was sent upstream.",
          .priority = 45,
          .request_size = sizeof(uint32_t),
          .before_proxy = tries_before_proxy);
