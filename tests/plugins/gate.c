/* tests/plugins/gate.c - ends requests with a status in the phase that it is told. */
#include <hotgate/plugin.h>

enum gate_phase {
    GATE_REWRITE = 0,
    GATE_ACCESS = 1,
    GATE_BEFORE_PROXY = 2,
};

typedef struct gate_config {
    int32_t phase;
    int64_t status;
} gate_config;

static const hg_field gate_fields[] = {
    HG_ENUM(gate_config,
            phase,
            "phase",
            .initial = "access",
            .names = {"rewrite", "access", "before_proxy"}),
    HG_INT(gate_config, status, "status", .initial = "403", .min = 200, .max = 599),
    HG_FIELDS_END,
};

static hg_verdict gate_run(hg_request *request, const gate_config *own, int32_t phase)
{
    return own->phase == phase ? hg_exit(request, (uint32_t)own->status) : HG_NEXT;
}

static hg_verdict gate_rewrite(hg_request *request, const void *config)
{
    return gate_run(request, config, GATE_REWRITE);
}

static hg_verdict gate_access(hg_request *request, const void *config)
{
    return gate_run(request, config, GATE_ACCESS);
}

static hg_verdict gate_before_proxy(hg_request *request, const void *config)
{
    return gate_run(request, config, GATE_BEFORE_PROXY);
}

HG_PLUGIN("gate",
          "1.0.0",
          .summary = "Ends requests with a status in the phase that it is told.",
          .priority = 10,
          .flags = HG_STRICT,
          .config = HG_CONFIG(gate_config, gate_fields),
          .rewrite = gate_rewrite,
          .access = gate_access,
          .before_proxy = gate_before_proxy);
