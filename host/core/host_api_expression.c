/* host/core/host_api_expression.c - the functions behind <hotgate/expression.h>. */
#include "host/core/expression.h"
#include "host/core/host_api_internal.h"

/* What plugins know as hg_expression is the core's own. */
static hg_status expression_compile(const json_t *value,
                                    const char *pointer,
                                    hg_expression **out_expression,
                                    hg_issues *issues)
{
    hgh_expression *expression = NULL;
    hg_status status = hgh_expression_compile(value, pointer, &expression, issues);

    if (status == HG_OK) {
        *out_expression = (hg_expression *)expression;
    }
    return status;
}

static void expression_free(hg_expression *expression)
{
    hgh_expression_free((hgh_expression *)expression);
}

static bool expression_holds(hg_request *request, const hg_expression *expression)
{
    return hgh_expression_holds((const hgh_expression *)expression, hgh_request_expression_variable,
                                request);
}

const hg_expression_api hgh_host_expression_api = {
    .size = sizeof(hgh_host_expression_api),
    .compile = expression_compile,
    .free = expression_free,
    .holds = expression_holds,
};
