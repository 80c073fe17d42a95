/* host/core/query.h - the arguments of queries and forms, and their percent-decoding. */
#ifndef HOST_CORE_QUERY_H
#define HOST_CORE_QUERY_H

#include <stdbool.h>
#include <stddef.h>

#include <hotgate/text.h>

/**
 * Decodes a name or value of a query or form (WHATWG URL, section 5.1), where "+" is a blank.
 * What is no valid code stays as it is.
 *
 * buffer  of as many bytes as the text has; may be the text itself.
 * Returns how many it took.
 */
size_t hgh_query_decode_into(hg_text text, char *buffer);

/**
 * Cuts the next argument off a query. Nothing is decoded.
 *
 * rest       what is left of it; absent at its end.
 * out_value  absent without "=".
 * Returns false if there is none.
 */
bool hgh_query_next(hg_text *rest, hg_text *out_name, hg_text *out_value);

#endif
