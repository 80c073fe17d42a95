/* tests/plugins/unit_bad.c - has one fault in what it declares; built once for each. */
#include <hotgate/plugin.h>

typedef struct bad_config {
    int64_t number;
} bad_config;

#if defined(BAD_FIELDS)
static const hg_field fields[] = {
    HG_INT(bad_config, number, "number", .initial = "many"),
    HG_FIELDS_END,
};
#define CONFIG HG_CONFIG(bad_config, fields)
#elif defined(BAD_SCHEMA_TEXT)
#define SCHEMA "{\"type\":"
#elif defined(BAD_SCHEMA)
#define SCHEMA "{\"type\":\"nothing\"}"
#elif defined(BAD_METADATA)
#define METADATA "{\"pattern\":\"(\"}"
#elif defined(BAD_SIZE)
#define CONFIG (&(const hg_config_description){.size = 8})
#elif defined(BAD_METRICS)
static const hg_metric metrics[] = {{.kind = HG_METRIC_COUNTER, .name = ""}, {.kind = 0}};
#define METRICS metrics
#elif defined(BAD_METRIC_KIND)
static const hg_metric metrics[] = {{.kind = 9, .name = "a"}, {.kind = 0}};
#define METRICS metrics
#elif defined(BAD_DELEGATES)
static const hg_delegates delegates = {.size = (uint32_t)sizeof(hg_delegates), .list = "a/b"};
static const hg_extension extensions[] = {
    {"unknown", NULL}, {HG_DELEGATES, &delegates}, {NULL, NULL}};
#define EXTENSIONS extensions
#elif defined(BAD_WAY)
#define CONFIG (&(const hg_config_description){.size = sizeof(hg_config_description)})
#endif

#if defined(SCHEMA) || defined(METADATA)
static hg_status
parse(const json_t *config, const hg_config_source *source, void **out_state, hg_issues *issues)
{
    (void)config;
    (void)source;
    (void)out_state;
    (void)issues;
    return HG_OK;
}

static void release(void *state)
{
    (void)state;
}
#endif
#if defined(SCHEMA)
#define CONFIG HG_CONFIG_RAW(SCHEMA, parse, release)
#endif
#ifndef CONFIG
#define CONFIG NULL
#endif
#ifndef METRICS
#define METRICS NULL
#endif
#ifndef EXTENSIONS
#define EXTENSIONS NULL
#endif
#if defined(METADATA)
#define METADATA_DESCRIPTION HG_CONFIG_RAW(METADATA, parse, release)
#else
#define METADATA_DESCRIPTION NULL
#endif

HG_PLUGIN(NAME,
          "1.0.0",
          .summary = "Is refused.",
          .config = CONFIG,
          .metadata = METADATA_DESCRIPTION,
          .metrics = METRICS,
          .extensions = EXTENSIONS);
