/* tests/plugins/worker.c - says in X-Worker which process answers. */
#include <unistd.h>

#include <hotgate/plugin.h>

static void worker_header_filter(hg_request *request, const void *config)
{
    char text[32];

    (void)config;
    (void)snprintf(text, sizeof(text), "%d", (int)getpid());
    (void)hg_response_set_header(request, HG_TEXT("X-Worker"), hg_text_of(text));
}

HG_PLUGIN("worker",
          "1.0.0",
          .summary = "Says in X-Worker which process answers.",
          .priority = 1,
          .header_filter = worker_header_filter);
