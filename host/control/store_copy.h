/* host/control/store_copy.h - a copy of the embedded store, also while control writes to it. */
#ifndef HOST_CONTROL_STORE_COPY_H
#define HOST_CONTROL_STORE_COPY_H

#include <stdint.h>

#include <hotgate/error.h>

/**
 * Copies the store as it is at one moment into one file, which is on disk when this returns.
 * Values stay encrypted as they are: no key is needed. Writers do not wait.
 *
 * from          an embedded store.
 * to            must not be there yet; its owner's alone.
 * out_revision  of what was copied.
 * out_count     objects in it.
 * Returns HG_OK, HG_ERR_NOT_FOUND, HG_ERR_EXISTS, HG_ERR_INVALID (no store, or a damaged one),
 * HG_ERR_IO or HG_ERR_FULL. On failure nothing is left at `to`.
 */
hg_status hgh_store_copy(
    const char *from, const char *to, uint64_t *out_revision, uint64_t *out_count, hg_error *err);

#endif
