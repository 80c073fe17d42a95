/* host/core/explain_values.h - the values of an expression's variables, to be shown to an operator.
 */
#ifndef HOST_CORE_EXPLAIN_VALUES_H
#define HOST_CORE_EXPLAIN_VALUES_H

#include <jansson.h>

#include "host/core/expression.h"

/**
 * {"arg_version": "v1", "http_x": null}: what each variable of an expression is now. An argument
 * without "=" is true; values of headers that authenticate and of cookies are "***"; long values
 * and many variables are cut. A new reference; NULL: no memory.
 *
 * expression  NULL gives {}.
 */
json_t *
hgh_explain_values(const hgh_expression *expression, hgh_expression_lookup find, void *context);

/** A JSON string of any bytes: what is no UTF-8 becomes '?'. A new reference; NULL: no memory. */
json_t *hgh_explain_text(hg_text text);

#endif
