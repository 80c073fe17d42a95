/* host/engine/loopback/target.h - request targets, read and written as nginx does. */
#ifndef HOST_ENGINE_LOOPBACK_TARGET_H
#define HOST_ENGINE_LOOPBACK_TARGET_H

#include <hotgate/error.h>
#include <hotgate/text.h>

#include "host/core/memory.h"

/**
 * Decodes a path and takes out "." and ".." segments and doubled slashes.
 * Returns HG_OK, HG_ERR_INVALID (a bad escape, a NUL, or above the root) or HG_ERR_NO_MEMORY.
 */
hg_status hgh_target_normalise(hgh_memory *memory, hg_text path, hg_text *out_uri);

/** Encodes what may not stand in a path; absent: no memory. */
hg_text hgh_target_encode(hgh_memory *memory, hg_text uri);

#endif
