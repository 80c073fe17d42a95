/* host/control/admin_body.h - the body of a request to the Admin API, as JSON. */
#ifndef HOST_CONTROL_ADMIN_BODY_H
#define HOST_CONTROL_ADMIN_BODY_H

#include <stdbool.h>

#include <jansson.h>

#include "host/control/admin_exchange.h"

/**
 * Reads a body: too large, no JSON, a name twice or too deep, and it is refused. 2.0 in it is 2;
 * a line break inside of a text is one.
 *
 * max       bytes that a body may have.
 * out_body  a new reference; untouched without a body.
 * answer    made if it is refused: then false is returned.
 */
bool hgh_admin_body_parse(const hgh_admin_request *request,
                          unsigned max,
                          json_t **out_body,
                          hgh_admin_answer *answer);

#endif
