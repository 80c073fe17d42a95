/* host/core/field_decode.h - decoding one field; for field_*.c. */
#ifndef HOST_CORE_FIELD_DECODE_H
#define HOST_CORE_FIELD_DECODE_H

#include "host/core/field.h"
#include "host/core/field_table.h"

/**
 * Decodes a value of one field into memory of its own, as a trial. The field has been checked.
 *
 * issues  may be NULL.
 * Returns HG_OK, HG_ERR_INVALID or HG_ERR_NO_MEMORY.
 */
hg_status
hgh_field_try(const hg_field *field, uint32_t stride, const json_t *value, hg_issues *issues);

#endif
