/* tests/plugins/unit_metadata.c - says in the log what its metadata is. */
#include <hotgate/plugin.h>

typedef struct metadata {
    hg_text word;
} metadata;

typedef struct config {
    hg_text tag;
} config;

static const hg_field fields[] = {
    HG_STRING(config, tag, "tag", .initial = "-"),
    HG_FIELDS_END,
};
static const hg_field metadata_fields[] = {
    HG_STRING(metadata, word, "word", .max_length = 20, .initial = "default"),
    HG_FIELDS_END,
};

static hg_status on_check(const void *own, const hg_config_source *source, hg_issues *issues)
{
    (void)own;
    if (source->use != HG_USE_CONFIG) {
        hg_issues_add(issues, "", "another use than `config`", "none but that");
    }
    return HG_OK;
}

static hg_verdict on_access(hg_request *request, const void *own)
{
    const metadata *shared = hg_request_metadata(request);

    (void)own;
    hg_log(request, HG_LOG_NOTICE, "word:%s", shared->word.data);
    return hg_response_set_header(request, HG_TEXT("X-Word"), shared->word) == HG_OK
               ? HG_NEXT
               : hg_exit(request, 500);
}

HG_PLUGIN("unit_metadata",
          "1.0.0",
          .summary = "Says in the log what its metadata is.",
          .priority = 60,
          .config = HG_CONFIG(config, fields),
          .metadata = HG_CONFIG(metadata, metadata_fields),
          .check = on_check,
          .access = on_access);
