/* host/control/manifest.h - what a generation consists of: state/generation.json.
 *
 * {"generation": N, "next_number": M, "listed": [names] or null, "plugins": [{"name", "version",
 *  "sha256", "build_id", "path", "number", "attributes", "shipped", "isolated",
 *  "described"}...]}
 *
 * The same text goes to the workers; it alone says what is loaded at a start. */
#ifndef HOST_CONTROL_MANIFEST_H
#define HOST_CONTROL_MANIFEST_H

#include <stdint.h>

#include <jansson.h>

#include <hotgate/error.h>

#define HGH_MANIFEST_FILE      "state/generation.json"
#define HGH_MANIFEST_BYTES_MAX (64u << 20)
#define HGH_OBJECT_NUMBER_MAX  65535u /* the blame marker has 16 bits for it */

/** An empty one of generation 0; a new reference, NULL: no memory. */
json_t *hgh_manifest_new(void);

/**
 * Reads and checks the file.
 *
 * out_manifest  on HG_OK a new reference; NULL if there is no file.
 * Returns HG_OK, HG_ERR_INVALID (says what is wrong; the file stays as it is) or HG_ERR_IO.
 */
hg_status hgh_manifest_read(const char *path, json_t **out_manifest, hg_error *err);

/** Writes it so that after a crash either the old or the new one is there. */
hg_status hgh_manifest_write(const char *path, const json_t *manifest, hg_error *err);

uint64_t hgh_manifest_generation(const json_t *manifest);

/** The entry of a plugin, borrowed; NULL: it has none. */
json_t *hgh_manifest_find(const json_t *manifest, const char *name);

/** A number for an object that is put into service; 0: all are used up by plugins in force. */
uint32_t hgh_manifest_take_number(json_t *manifest);

#endif
