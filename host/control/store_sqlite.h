/* host/control/store_sqlite.h - the embedded store: one SQLite database in the instance. */
#ifndef HOST_CONTROL_STORE_SQLITE_H
#define HOST_CONTROL_STORE_SQLITE_H

#include <hotgate/error.h>

#include "host/control/store.h"

#define HGH_STORE_FILE "state/store.db" /* of the instance */

/** Raised when an older hotgate could not read it any more. 2: values may be encrypted, as BLOB. */
#define HGH_STORE_SQLITE_FORMAT 2

/**
 * Opens the database, or makes it if there is no file of that name. A file that is damaged, of a
 * newer format or of something else is left as it is; one of an older format is brought to this
 * one.
 *
 * out_store  on HG_OK owned by the caller; else untouched.
 * Returns HG_OK, HG_ERR_INVALID (no store that this version reads), HG_ERR_IO, HG_ERR_FULL or
 * HG_ERR_NO_MEMORY.
 */
hg_status hgh_store_sqlite_open(const char *path, hgh_store **out_store, hg_error *err);

#endif
