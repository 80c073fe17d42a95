/* host/core/encoding.h - bytes as text and back, and comparing secrets; as <hotgate/encoding.h>. */
#ifndef HOST_CORE_ENCODING_H
#define HOST_CORE_ENCODING_H

#include <hotgate/encoding.h>

hg_status
hgh_encode(hg_encoding encoding, hg_text bytes, char *buffer, size_t size, size_t *out_length);

hg_status
hgh_decode(hg_encoding encoding, hg_text text, void *buffer, size_t size, size_t *out_length);

bool hgh_secret_equal(hg_text given, hg_text secret);

#endif
