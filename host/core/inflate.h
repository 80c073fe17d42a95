/* host/core/inflate.h - bodies in the content codings gzip and deflate. */
#ifndef HOST_CORE_INFLATE_H
#define HOST_CORE_INFLATE_H

#include <stdbool.h>

#include <hotgate/error.h>
#include <hotgate/text.h>

#include "host/core/text_builder.h"

/** True for a value of Content-Encoding that can be decoded: one coding, gzip or deflate. */
bool hgh_inflate_knows(hg_text coding);

/**
 * Decodes a whole body (RFC 9110 section 8.4.1), appended to `into` up to its maximum.
 *
 * coding  one that hgh_inflate_knows(). What is called deflate may lack its zlib wrapper, as many
 *         servers leave it out.
 * Returns HG_OK, HG_ERR_INVALID (damaged, cut short, or followed by something else),
 * HG_ERR_TOO_LARGE or HG_ERR_NO_MEMORY.
 */
hg_status hgh_inflate(hg_text coding, hg_text data, hgh_text_builder *into);

#endif
