/* host/control/explain_question.h - which request is to be explained: read from a request to the
 * Admin API or the Control API, written as a request to the data plane. */
#ifndef HOST_CONTROL_EXPLAIN_QUESTION_H
#define HOST_CONTROL_EXPLAIN_QUESTION_H

#include <stdbool.h>

#include <jansson.h>

#include <hotgate/error.h>

#include "host/control/admin_exchange.h"

/**
 * The question in a request: POST has it as JSON in its body, GET in its query.
 *
 *   uri       path and query, or a whole http URL; percent-encoded. Required.
 *   method    GET unless it is given.
 *   headers   ["Name: value"...], or {"Name": "value"...}; in a query header=Name:%20value, any
 *             number of times.
 *   body      text that the request has as its body.
 *   client    the address that it comes from: 127.0.0.1 unless it is given.
 *   consumer  a consumer whose request it is: then nobody authenticates.
 *   route     a route that is told of in any case.
 *
 * out_question  a new reference; the value as it was written.
 * answer        made if the body is no JSON: then false is returned.
 */
bool hgh_explain_question_read(const hgh_admin_request *request,
                               json_t **out_question,
                               hgh_admin_answer *answer);

/**
 * The request to be sent to the data plane; the caller frees.
 *
 * out_text  on HG_OK owned by the caller, *out_length bytes; else untouched.
 * issues    all that is wrong with the question.
 * Returns HG_OK, HG_ERR_INVALID or HG_ERR_NO_MEMORY.
 */
hg_status hgh_explain_question_write(const json_t *question,
                                     char **out_text,
                                     size_t *out_length,
                                     hg_issues *issues);

#endif
