/* tests/plugins/trace.c - tells the client in X-Trace which of its configurations ran, and when. */
#include <stdio.h>

#include <hotgate/plugin.h>

#ifndef PLUGIN_NAME
#define PLUGIN_NAME "trace"
#endif
#ifndef VERSION
#define VERSION "1.0.0"
#endif
#ifndef TAG_MAX
#define TAG_MAX 100
#endif

typedef struct trace_config {
    hg_text tag;
} trace_config;

typedef struct trace_metadata {
    hg_text word;
} trace_metadata;

static const hg_field trace_fields[] = {
    HG_STRING(trace_config, tag, "tag", .required = true, .max_length = TAG_MAX),
    HG_FIELDS_END,
};
static const hg_field metadata_fields[] = {
    HG_STRING(trace_metadata, word, "word", .initial = "-", .max_length = TAG_MAX),
    HG_FIELDS_END,
};

static void tell(hg_request *request, const char *phase, const trace_config *own)
{
    const trace_metadata *shared = hg_request_metadata(request);
    char text[300];

    (void)snprintf(text, sizeof(text), "%s %s %s %s", phase, own->tag.data, shared->word.data,
                   VERSION);
    if (hg_response_add_header(request, HG_TEXT("X-Trace"), hg_text_of(text)) != HG_OK) {
        hg_log(request, HG_LOG_ERROR, "X-Trace cannot be added");
    }
}

static hg_verdict trace_rewrite(hg_request *request, const void *config)
{
    tell(request, "rewrite", config);
    return HG_NEXT;
}

static hg_verdict trace_access(hg_request *request, const void *config)
{
    tell(request, "access", config);
    return HG_NEXT;
}

HG_PLUGIN(PLUGIN_NAME,
          VERSION,
          .summary = "Tells the client which of its configurations ran, and when.",
          .priority = 15,
          .config = HG_CONFIG(trace_config, trace_fields),
          .metadata = HG_CONFIG(trace_metadata, metadata_fields),
          .rewrite = trace_rewrite,
          .access = trace_access);
