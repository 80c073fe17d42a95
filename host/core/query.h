/* host/core/query.h - percent-decoding of queries and forms. */
#ifndef HOST_CORE_QUERY_H
#define HOST_CORE_QUERY_H

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

#endif
