/* tests/plugins/isolated.c - says which process runs it, and dies in it when a request says so. */
#include <stdlib.h>
#include <unistd.h>

#include <hotgate/plugin.h>

#ifndef ISOLATED_VERSION
#define ISOLATED_VERSION "1.0.0"
#endif

typedef struct isolated_config {
    hg_text text;
} isolated_config;

static const hg_field isolated_fields[] = {
    HG_STRING(isolated_config, text, "text", .initial = "none"),
    HG_FIELDS_END,
};

static int *volatile nowhere; /* the compiler may not know that it leads there */

static void set_pid(hg_request *request, const char *name)
{
    char text[32];

    (void)snprintf(text, sizeof(text), "%d", (int)getpid());
    (void)hg_response_set_header(request, hg_text_of(name), hg_text_of(text));
}

static bool is_told(hg_request *request, const char *what)
{
    return hg_text_equal(hg_request_header(request, HG_TEXT("X-Do")), hg_text_of(what));
}

static hg_verdict isolated_rewrite(hg_request *request, const void *config)
{
    const isolated_config *own = config;

    if (is_told(request, "crash")) {
        *nowhere = 1;
    }
    if (is_told(request, "hang")) {
        for (;;) { /* until it is killed for it */
        }
    }
    set_pid(request, "X-Rewrite");
    (void)hg_response_set_header(request, HG_TEXT("X-Text"), own->text);
    return HG_NEXT;
}

static hg_verdict isolated_access(hg_request *request, const void *config)
{
    (void)config;
    return is_told(request, "stop") ? hg_exit(request, 418) : HG_NEXT;
}

static void isolated_header_filter(hg_request *request, const void *config)
{
    (void)config;
    set_pid(request, "X-Filter");
    (void)hg_response_set_header(request, HG_TEXT("X-Version"), HG_TEXT(ISOLATED_VERSION));
}

HG_PLUGIN(PLUGIN_NAME,
          ISOLATED_VERSION,
          .summary = "Says which process runs it.",
          .priority = 50,
          .config = HG_CONFIG(isolated_config, isolated_fields),
          .rewrite = isolated_rewrite,
          .access = isolated_access,
          .header_filter = isolated_header_filter);
