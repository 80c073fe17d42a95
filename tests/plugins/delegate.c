/* tests/plugins/delegate.c - runs the plugins that its configuration holds, and logs what they make
 * of the request. */
#include <hotgate/plugin.h>

typedef struct delegate_config {
    const json_t *inside;
    bool ends; /* with 418 if one of them wants to end the request */
} delegate_config;

static const hg_field fields[] = {
    HG_JSON(delegate_config,
            inside,
            "inside",
            .schema = "{\"type\": \"array\", \"items\": {\"type\": \"object\"}}"),
    HG_BOOL(delegate_config, ends, "ends", .initial = "false"),
    HG_FIELDS_END,
};

static hg_verdict run_all(hg_request *request, const void *config, const char *phase)
{
    const delegate_config *own = config;
    hg_delegate_result result;
    bool ended = false;

    for (uint32_t i = 0; hg_delegate_run(request, i, &result); i++) {
        hg_log(request, HG_LOG_NOTICE, "%s %s: %u '%.*s' '%s'", phase, result.plugin.data,
               (unsigned)result.status, (int)result.body.length,
               result.body.data == NULL ? "" : result.body.data,
               result.challenge.data == NULL ? "" : result.challenge.data);
        if (hg_text_is_present(result.body)) { /* not what holds a line end, as JSON does */
            (void)hg_response_add_header(request, HG_TEXT("X-Inside"), result.body);
        }
        ended = ended || result.status != 0;
    }
    return ended && own->ends ? hg_exit(request, 418) : HG_NEXT;
}

static hg_verdict on_rewrite(hg_request *request, const void *config)
{
    return run_all(request, config, "rewrite");
}

static hg_verdict on_access(hg_request *request, const void *config)
{
    return run_all(request, config, "access");
}

static hg_verdict on_before_proxy(hg_request *request, const void *config)
{
    return run_all(request, config, "before_proxy");
}

static void on_log(hg_request *request, const void *config)
{
    hg_delegate_result result;

    (void)config;
    hg_log(request, HG_LOG_NOTICE, "in log -> %d", (int)hg_delegate_run(request, 0, &result));
}

static const hg_delegates delegates = {.size = (uint32_t)sizeof(hg_delegates), .list = "inside"};
static const hg_extension extensions[] = {{HG_DELEGATES, &delegates}, {NULL, NULL}};

HG_PLUGIN("delegate",
          "1.0.0",
          .summary = "Runs other plugins.",
          .priority = 90,
          .config = HG_CONFIG(delegate_config, fields),
          .rewrite = on_rewrite,
          .access = on_access,
          .before_proxy = on_before_proxy,
          .log = on_log,
          .extensions = extensions);
