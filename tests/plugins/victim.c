/* tests/plugins/victim.c - is in order, and needs its variables to be so too. */
#include <hotgate/plugin.h>

typedef struct victim_config {
    int64_t unused;
} victim_config;

static const hg_field victim_fields[] = {
    HG_INT(victim_config, unused, "unused"),
    HG_FIELDS_END,
};

static int value = 1;
static int *volatile place = &value;

static hg_verdict victim_access(hg_request *request, const void *config)
{
    (void)config;
    *place += 1;
    (void)hg_response_set_header(request, HG_TEXT("X-Victim"), HG_TEXT("well"));
    return HG_NEXT;
}

HG_PLUGIN(PLUGIN_NAME,
          "1.0.0",
          .summary = "Is in order, and needs its variables to be so too.",
          .priority = 20,
          .config = HG_CONFIG(victim_config, victim_fields),
          .access = victim_access);
