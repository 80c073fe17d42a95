/* host/control/generation_archive.h - manifests of earlier generations: state/generations/N.json.
 *
 * What a way back needs: the manifest, and the staged objects that it names. */
#ifndef HOST_CONTROL_GENERATION_ARCHIVE_H
#define HOST_CONTROL_GENERATION_ARCHIVE_H

#include <stdint.h>

#include <jansson.h>

#include <hotgate/error.h>

#include "host/control/instance.h"

#define HGH_ARCHIVE_DIRECTORY "state/generations"
#define HGH_ARCHIVE_MAX       5u /* kept; the oldest goes first */

/** Keeps the manifest that is in force and about to be replaced; the oldest ones go. */
hg_status
hgh_generation_archive_keep(const hgh_instance *instance, const json_t *manifest, hg_error *err);

/** All that are kept, the newest first, as an array of manifests; what cannot be read is left out.
 * NULL: no memory. */
json_t *hgh_generation_archive_all(const hgh_instance *instance);

#endif
