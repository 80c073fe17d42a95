/* tests/plugins/running.c - has a plugin runner judge the request, and tells why it could not. */
#include <hotgate/plugin.h>

typedef struct running_config {
    hg_list plugins; /* of hg_runner_plugin */
    int32_t phase;
    bool decodes;
} running_config;

enum {
    IN_ACCESS = 0,
    IN_REWRITE = 1,
    IN_HEADER_FILTER = 2,
    IN_RESPONSE = 3
};

static const hg_field plugin_fields[] = {
    HG_STRING(hg_runner_plugin, name, "name", .required = true),
    HG_STRING(hg_runner_plugin, value, "value", .required = true),
    HG_FIELDS_END,
};
static const hg_field plugin_item = HG_ITEM_OBJECT(hg_runner_plugin, plugin_fields);

static const hg_field running_fields[] = {
    HG_LIST(running_config, plugins, "plugins", &plugin_item),
    HG_ENUM(running_config,
            phase,
            "phase",
            .names = {"access", "rewrite", "header_filter", "response"},
            .initial = "access"),
    HG_BOOL(running_config, decodes, "decodes"),
    HG_FIELDS_END,
};

static hg_verdict ask(hg_request *request, const running_config *own)
{
    hg_verdict verdict = HG_NEXT;
    hg_error err = HG_ERROR_INIT;
    hg_status status =
        hg_runner_request(request, own->plugins.items, own->plugins.count, &verdict, &err);

    if (status == HG_OK || status == HG_CANCELED) {
        return verdict;
    }
    hg_log(request, HG_LOG_WARN, "status %d, err: %s", (int)status, err.text);
    return hg_request_phase(request) <= HG_PHASE_ACCESS
               ? hg_exit_message(request, 500, hg_text_of(err.text))
               : HG_NEXT;
}

static hg_verdict running_rewrite(hg_request *request, const void *config)
{
    const running_config *own = config;

    return own->phase == IN_REWRITE ? ask(request, own) : HG_NEXT;
}

static hg_verdict running_access(hg_request *request, const void *config)
{
    const running_config *own = config;

    return own->phase == IN_ACCESS ? ask(request, own) : HG_NEXT;
}

static void running_header_filter(hg_request *request, const void *config)
{
    const running_config *own = config;

    if (own->phase == IN_HEADER_FILTER) {
        (void)ask(request, own);
    }
}

static hg_verdict running_response(hg_request *request, const void *config)
{
    const running_config *own = config;
    hg_error err = HG_ERROR_INIT;
    hg_status status;

    if (own->phase != IN_RESPONSE) {
        return HG_NEXT;
    }
    status = hg_runner_response(request, own->plugins.items, own->plugins.count,
                                own->decodes ? (uint32_t)HG_RUNNER_DECODE_BODY : 0, &err);
    return status == HG_OK || status == HG_CANCELED
               ? HG_NEXT
               : hg_exit_message(request, 500, hg_text_of(err.text));
}

HG_PLUGIN("running",
          "1.0.0",
          .priority = 50,
          .flags = HG_WAITS,
          .config = HG_CONFIG(running_config, running_fields),
          .rewrite = running_rewrite,
          .access = running_access,
          .header_filter = running_header_filter,
          .response = running_response);
