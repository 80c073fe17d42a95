/* tests/bench/judge.c - a plugin that looks at a request and answers it; so small that what is
 * around it shows. */
#include <hotgate/plugin.h>

static hg_verdict on_rewrite(hg_request *request, const void *config)
{
    (void)config;
    if (hg_text_is_present(hg_request_header(request, HG_TEXT("x-let-through")))) {
        return HG_NEXT;
    }
    return hg_exit_with(request, 200, HG_TEXT("text/plain"), HG_TEXT("judged\n"));
}

HG_PLUGIN(NAME, "1.0.0", .priority = 1, .rewrite = on_rewrite);
