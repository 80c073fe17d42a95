/* tests/plugins/unit_prepared.c - completes what its field table decodes, and misbehaves on demand.
 */
#include <stdlib.h>
#include <string.h>

#include <hotgate/plugin.h>

typedef struct prepared {
    hg_text how;
    int64_t length; /* of `how`: made by prepare() */
    char *memory;   /* the same */
} prepared;

static const hg_field fields[] = {
    HG_STRING(prepared, how, "how", .required = true),
    HG_FIELDS_END,
};

static hg_status prepare(void *state, const hg_config_source *source, hg_issues *issues)
{
    prepared *own = state;

    hg_log(NULL, HG_LOG_NOTICE, "prepare %s/%s", source->resource.data, source->id.data);
    own->length = (int64_t)own->how.length;
    if (strcmp(own->how.data, "silent") == 0) {
        return HG_ERR_INVALID;
    }
    if (strcmp(own->how.data, "refuse") == 0) {
        hg_issues_add(issues, "/how", "what stands there", "something else");
        return HG_ERR_INVALID;
    }
    if (strcmp(own->how.data, "memory") == 0) {
        return HG_ERR_NO_MEMORY;
    }
    own->memory = malloc(1);
    if (strcmp(own->how.data, "complain") == 0) { /* and yet return HG_OK */
        hg_issues_add(issues, "/how", "what stands there", "something else");
    }
    return HG_OK;
}

static void dispose(void *state)
{
    prepared *own = state;

    hg_log(NULL, HG_LOG_NOTICE, "dispose");
    free(own->memory);
}

static hg_verdict on_access(hg_request *request, const void *config)
{
    const prepared *own = config;

    hg_log(request, HG_LOG_NOTICE, "length:%d", (int)own->length);
    return HG_NEXT;
}

HG_PLUGIN("unit_prepared",
          "1.0.0",
          .summary = "Completes what was decoded.",
          .priority = 15,
          .config = HG_CONFIG_PREPARED(prepared, fields, prepare, dispose),
          .access = on_access);
