/* tests/plugins/exit.c - ends requests in right and wrong ways. */
#include <hotgate/plugin.h>

enum exit_way {
    EXIT_STATUS = 0,
    EXIT_TEXT = 1,
    EXIT_JSON = 2,
    EXIT_MESSAGE = 3,
    EXIT_ERROR = 4,
    EXIT_FORGOTTEN = 5, /* hg_exit() and HG_NEXT */
    EXIT_SILENT = 6,    /* HG_DONE without hg_exit() */
    EXIT_IN_FILTER = 7,
    EXIT_NO_JSON = 8,
    EXIT_UNAUTHORIZED = 9,
    EXIT_CHALLENGE = 10, /* without a realm */
};

typedef struct exit_config {
    int32_t way;
    int32_t phase;
    int64_t status;
    hg_text text;
} exit_config;

static const hg_field exit_fields[] = {
    HG_ENUM(exit_config,
            way,
            "way",
            .required = true,
            .names = {"status", "text", "json", "message", "error", "forgotten", "silent",
                      "in_filter", "no_json", "unauthorized", "challenge"}),
    HG_ENUM(exit_config,
            phase,
            "phase",
            .initial = "access",
            .names = {"rewrite", "access", "before_proxy", "retry"}),
    HG_INT(exit_config, status, "status", .initial = "403"),
    HG_STRING(exit_config, text, "text", .initial = "no"),
    HG_FIELDS_END,
};

static hg_verdict exit_run(hg_request *request, const void *config, int32_t phase)
{
    const exit_config *own = config;
    uint32_t status = (uint32_t)own->status;
    hg_verdict verdict = HG_NEXT;
    json_t *body;

    if (own->phase != phase) {
        return HG_NEXT;
    }
    switch ((enum exit_way)own->way) {
    case EXIT_STATUS:
        return hg_exit(request, status);
    case EXIT_TEXT:
        return hg_exit_with(request, status, HG_TEXT(""), own->text);
    case EXIT_JSON:
        body = json_pack("{s:[i, b]}", "list", 1, 1);
        verdict = hg_exit_json(request, status, body);
        json_decref(body);
        return verdict;
    case EXIT_NO_JSON:
        return hg_exit_json(request, status, NULL);
    case EXIT_MESSAGE:
        return hg_exit_message(request, status, own->text);
    case EXIT_ERROR:
        return hg_exit_error(request, status, own->text);
    case EXIT_UNAUTHORIZED:
        return hg_exit_unauthorized(request, "Basic", own->text, HG_TEXT("who are you"));
    case EXIT_CHALLENGE:
        return hg_exit_unauthorized(request, "Basic", hg_text_of(NULL), own->text);
    case EXIT_FORGOTTEN:
        (void)hg_exit(request, status);
        return HG_NEXT;
    case EXIT_SILENT:
        return HG_DONE;
    case EXIT_IN_FILTER:
        break;
    }
    return HG_NEXT;
}

static hg_verdict exit_rewrite(hg_request *request, const void *config)
{
    return exit_run(request, config, 0);
}

static hg_verdict exit_access(hg_request *request, const void *config)
{
    return exit_run(request, config, 1);
}

static hg_verdict exit_before_proxy(hg_request *request, const void *config)
{
    uint32_t *tries = hg_request_data(request);
    hg_verdict verdict;

    hg_log(request, HG_LOG_NOTICE, "before_proxy");
    if (++*tries == 1) {
        return exit_run(request, config, 2);
    }
    verdict = exit_run(request, config, 3);
    hg_log(request, HG_LOG_NOTICE, "retry -> %d", (int)verdict);
    return verdict;
}

static void exit_header_filter(hg_request *request, const void *config)
{
    const exit_config *own = config;

    hg_log(request, HG_LOG_NOTICE, "header_filter");
    if (own->way == EXIT_IN_FILTER) {
        hg_log(request, HG_LOG_NOTICE, "in filter -> %d", (int)hg_exit(request, 500));
    }
}

static void exit_log(hg_request *request, const void *config)
{
    (void)config;
    hg_log(request, HG_LOG_NOTICE, "log");
}

HG_PLUGIN("exit",
          "1.0.0",
          .summary = "Ends requests.",
          .priority = 20,
          .config = HG_CONFIG(exit_config, exit_fields),
          .request_size = sizeof(uint32_t),
          .rewrite = exit_rewrite,
          .access = exit_access,
          .before_proxy = exit_before_proxy,
          .header_filter = exit_header_filter,
          .log = exit_log);
