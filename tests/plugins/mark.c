/* tests/plugins/mark.c - puts its configured text into a header, both ways. */
#include <hotgate/plugin.h>

typedef struct mark_config {
    hg_text text;
} mark_config;

static const hg_field mark_fields[] = {
    HG_STRING(mark_config, text, "text", .required = true, .max_length = 200),
    HG_FIELDS_END,
};

static hg_verdict mark_rewrite(hg_request *request, const void *config)
{
    const mark_config *own = config;

    (void)hg_request_set_header(request, HG_TEXT("X-Mark"), own->text);
    (void)hg_response_set_header(request, HG_TEXT("X-Mark"), own->text);
    return HG_NEXT;
}

HG_PLUGIN("mark",
          "1.0.0",
          .summary = "Puts its configured text into a header, both ways.",
          .priority = 20,
          .config = HG_CONFIG(mark_config, mark_fields),
          .rewrite = mark_rewrite);
