/* host/control/staging.h - private copies of the objects that processes map.
 *
 * A mapped file must never change, and a second generation of the same bytes must be a second
 * object: each has a name of its own, NAME.SHA256.GENERATION.so. */
#ifndef HOST_CONTROL_STAGING_H
#define HOST_CONTROL_STAGING_H

#include <jansson.h>

#include <hotgate/error.h>

#include "host/control/admission.h"
#include "host/control/instance.h"

#define HGH_STAGING_DIRECTORY "staging"

/**
 * Writes a copy.
 *
 * out_path  on HG_OK its path from the instance directory, the caller's to free; else untouched.
 * Returns HG_OK, HG_ERR_IO (a full disk: nothing is left behind) or HG_ERR_NO_MEMORY.
 */
hg_status hgh_staging_write(const hgh_instance *instance,
                            const char *name,
                            uint64_t generation,
                            const hgh_object_file *file,
                            char **out_path,
                            hg_error *err);

/** Removes one copy; for a candidate that was refused. */
void hgh_staging_remove(const hgh_instance *instance, const char *path);

/** Removes every copy that no manifest of an array names, as an object or as one that another has
 * replaced. */
void hgh_staging_sweep(const hgh_instance *instance, const json_t *manifests);

/** HG_ERR_IO with a text if nothing can be mapped for execution from there (mount option noexec).
 */
hg_status hgh_staging_check(const hgh_instance *instance, hg_error *err);

#endif
