/* tests/plugins/many.c - one of hundreds: built once, and given other names of the same length. */
#include <hotgate/plugin.h>

static hg_verdict many_access(hg_request *request, const void *config)
{
    (void)config;
    (void)hg_response_add_header(request, HG_TEXT("X-Many"), HG_TEXT(PLUGIN_NAME));
    return HG_NEXT;
}

HG_PLUGIN(
    PLUGIN_NAME, "1.0.0", .summary = "One of hundreds.", .priority = 40, .access = many_access);
