/* tests/plugins/version.c - built twice under one name: what a reload exchanges. */
#include <hotgate/plugin.h>

typedef struct version_config {
    int64_t number;
} version_config;

#ifdef SECOND
#define VERSION_TEXT "2.0.0"
#define NUMBER_MAX   10
#else
#define VERSION_TEXT "1.0.0"
#define NUMBER_MAX   100
#endif

static const hg_field version_fields[] = {
    HG_INT(version_config, number, "number", .max = NUMBER_MAX, .initial = "1"),
    HG_FIELDS_END,
};

static hg_verdict version_access(hg_request *request, const void *config)
{
    (void)config;
    (void)hg_sleep(request, 100); /* long enough for a reload */
    return hg_exit_with(request, 200, HG_TEXT("text/plain"), HG_TEXT(VERSION_TEXT));
}

HG_PLUGIN("version",
          VERSION_TEXT,
          .summary = "Says which version it is.",
          .priority = 10,
          .flags = HG_WAITS,
          .config = HG_CONFIG(version_config, version_fields),
          .metadata = HG_CONFIG(version_config, version_fields),
          .access = version_access);
