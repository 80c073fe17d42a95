/* tests/plugins/serverless.c - stands in for serverless-pre-function and serverless-post-function:
 * takes their configuration, and runs no Lua: it appends its own name to X-Order instead.
 *
 * Built as one or the other by PLUGIN_NAME and PRIORITY. */
#include <hotgate/plugin.h>

enum serverless_phase {
    SERVERLESS_REWRITE = 0,
    SERVERLESS_ACCESS = 1,
    SERVERLESS_HEADER_FILTER = 2,
};

typedef struct serverless_config {
    int32_t phase;
    hg_list functions;
} serverless_config;

static const hg_field function_item = HG_ITEM(HG_KIND_STRING, hg_text);
static const hg_field serverless_fields[] = {
    HG_ENUM(serverless_config,
            phase,
            "phase",
            .initial = "access",
            .names = {"rewrite", "access", "header_filter"}),
    HG_LIST(serverless_config,
            functions,
            "functions",
            &function_item,
            .required = true,
            .min_length = 1),
    HG_FIELDS_END,
};

static void tell(hg_request *request, const serverless_config *own, enum serverless_phase phase)
{
    if (own->phase == (int32_t)phase &&
        hg_response_add_header(request, HG_TEXT("X-Order"), HG_TEXT(PLUGIN_NAME)) != HG_OK) {
        hg_log(request, HG_LOG_ERROR, "X-Order cannot be added");
    }
}

static hg_verdict serverless_rewrite(hg_request *request, const void *config)
{
    tell(request, config, SERVERLESS_REWRITE);
    return HG_NEXT;
}

static hg_verdict serverless_access(hg_request *request, const void *config)
{
    tell(request, config, SERVERLESS_ACCESS);
    return HG_NEXT;
}

static void serverless_header_filter(hg_request *request, const void *config)
{
    tell(request, config, SERVERLESS_HEADER_FILTER);
}

HG_PLUGIN(PLUGIN_NAME,
          "0.1",
          .summary = "Stands in for the plugin of that name.",
          .priority = PRIORITY,
          .flags = HG_STRICT,
          .config = HG_CONFIG(serverless_config, serverless_fields),
          .rewrite = serverless_rewrite,
          .access = serverless_access,
          .header_filter = serverless_header_filter);
