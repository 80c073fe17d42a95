/* tests/plugins/variables.c - says in the log what variables are in each phase; built under several
 * names. */
#include <hotgate/plugin.h>

typedef struct variables_config {
    hg_list names;           /* of hg_text */
    const hg_template *text; /* NULL: none */
    const hg_expression *when;
    hg_text body; /* replaces the request's in rewrite; absent: it stays */
    bool reads;   /* in rewrite, before that; with HG_WAITS */
} variables_config;

typedef struct variables_metadata {
    const hg_template *text;
} variables_metadata;

static const hg_field name_item = HG_ITEM(HG_KIND_STRING, hg_text);

static const hg_field fields[] = {
    HG_LIST(variables_config, names, "names", &name_item),
    HG_TEMPLATE(variables_config, text, "text"),
    HG_EXPRESSION(variables_config, when, "when"),
    HG_STRING(variables_config, body, "body"),
    HG_BOOL(variables_config, reads, "reads"),
    HG_FIELDS_END,
};
static const hg_field metadata_fields[] = {
    HG_TEMPLATE(variables_metadata, text, "text"),
    HG_FIELDS_END,
};

static void
say_text(hg_request *request, const char *phase, const char *name, const hg_template *compiled)
{
    if (compiled != NULL) {
        hg_log(request, HG_LOG_NOTICE, "%s %s=%s", phase, name,
               hg_template_render(request, compiled).data);
    }
}

static void say(hg_request *request, const char *phase, const variables_config *own)
{
    const hg_text *names = own->names.items;
    const variables_metadata *shared = hg_request_metadata(request);

    for (size_t i = 0; i < own->names.count; i++) {
        hg_text value = hg_request_variable(request, names[i]);

        hg_log(request, HG_LOG_NOTICE, "%s %s%s%s", phase, names[i].data,
               value.data == NULL ? "" : "=", value.data == NULL ? " is absent" : value.data);
    }
    say_text(request, phase, "text", own->text);
    say_text(request, phase, "metadata", shared->text);
    if (own->when != NULL) {
        hg_log(request, HG_LOG_NOTICE, "%s when=%d", phase,
               (int)hg_expression_holds(request, own->when));
    }
}

#ifdef LATE
#define REWRITE NULL
#define ACCESS  NULL
#else
#define REWRITE on_rewrite
#define ACCESS  on_access

static hg_verdict on_rewrite(hg_request *request, const void *config)
{
    const variables_config *own = config;
    hg_text body = {NULL, 0};

    if (own->reads) {
        hg_log(request, HG_LOG_NOTICE, "rewrite body -> %d",
               (int)hg_request_body(request, 1000, &body));
    }
    if (own->body.data != NULL) {
        hg_log(request, HG_LOG_NOTICE, "rewrite set -> %d",
               (int)hg_request_set_body(request, own->body.data, own->body.length));
    }
    say(request, "rewrite", own);
    return HG_NEXT;
}

static hg_verdict on_access(hg_request *request, const void *config)
{
    say(request, "access", config);
    return HG_NEXT;
}
#endif

static void on_header_filter(hg_request *request, const void *config)
{
    say(request, "header_filter", config);
}

static void on_log(hg_request *request, const void *config)
{
    say(request, "log", config);
}

HG_PLUGIN(NAME,
          "1.0.0",
          .summary = "Says in the log what variables are.",
          .priority = 15,
          .flags = FLAGS,
          .config = HG_CONFIG(variables_config, fields),
          .metadata = HG_CONFIG(variables_metadata, metadata_fields),
          .rewrite = REWRITE,
          .access = ACCESS,
          .header_filter = on_header_filter,
          .log = on_log);
