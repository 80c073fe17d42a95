/* tests/plugins/described.c - the plugin of APISIX's page about plugins: an object of a version, a
 * priority, a name and two schemas. */
#include <hotgate/plugin.h>

#ifndef VERSION
#define VERSION "0.1"
#endif

typedef struct described_config {
    hg_text size;
} described_config;

typedef struct described_metadata {
    hg_text unit;
} described_metadata;

static const hg_field schema[] = {
    HG_STRING(described_config, size, "size", .required = true),
    HG_FIELDS_END,
};
static const hg_field metadata_schema[] = {
    HG_STRING(described_metadata, unit, "unit", .initial = "cm"),
    HG_FIELDS_END,
};

static hg_verdict described_access(hg_request *request, const void *config)
{
    const described_config *own = config;
    const described_metadata *shared = hg_request_metadata(request);

    (void)hg_response_set_header(request, HG_TEXT("X-Size"), own->size);
    (void)hg_response_set_header(request, HG_TEXT("X-Unit"), shared->unit);
    (void)hg_response_set_header(request, HG_TEXT("X-Version"), HG_TEXT(VERSION));
    (void)hg_response_add_header(request, HG_TEXT("X-Order"), HG_TEXT(PLUGIN_NAME));
    return HG_NEXT;
}

HG_PLUGIN(PLUGIN_NAME,
          VERSION,
          .priority = 0, /* the priority of this plugin will be 0 */
          .config = HG_CONFIG(described_config, schema),
          .metadata = HG_CONFIG(described_metadata, metadata_schema),
          .access = described_access);
