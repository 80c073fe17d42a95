/* host/core/host_api_schema.c - the functions behind <hotgate/schema.h>. */
#include "host/core/host_api_internal.h"
#include "host/core/issues.h"
#include "host/core/json_schema.h"

/* What plugins know as hg_schema is the core's own. */
static hg_status schema_compile(const json_t *source, hg_schema **out_schema, hg_error *err)
{
    hgh_schema *schema = NULL;
    hg_status status = hgh_schema_compile(source, &schema, err);

    if (status == HG_OK) {
        *out_schema = (hg_schema *)schema;
    }
    return status;
}

static void schema_free(hg_schema *schema)
{
    hgh_schema_free((hgh_schema *)schema);
}

static bool schema_validate(const hg_schema *schema, const json_t *value, hg_error *err)
{
    const hgh_schema *own = (const hgh_schema *)schema;
    hg_issues issues = {0};
    char line[HG_ERROR_TEXT_MAX];

    if (hgh_schema_validate(own, value, "", NULL)) { /* without issues it allocates nothing */
        return true;
    }
    (void)hgh_schema_validate(own, value, "", &issues);
    (void)hg_error_set(err, HG_ERR_INVALID, "%s", hgh_issues_first(&issues, line, sizeof(line)));
    hgh_issues_done(&issues);
    return false;
}

static hg_status schema_fill_defaults(const hg_schema *schema, json_t *value)
{
    return hgh_schema_fill_defaults((const hgh_schema *)schema, value);
}

const hg_schema_api hgh_host_schema_api = {
    .size = sizeof(hgh_host_schema_api),
    .compile = schema_compile,
    .free = schema_free,
    .validate = schema_validate,
    .fill_defaults = schema_fill_defaults,
};
