/* host/control/json_merge.h - changes a JSON value by a part of it, as PATCH does. */
#ifndef HOST_CONTROL_JSON_MERGE_H
#define HOST_CONTROL_JSON_MERGE_H

#include <stddef.h>

#include <jansson.h>

#include <hotgate/error.h>

/**
 * Puts `patch` (an object) over `target` (an object), in place: objects merge, arrays are replaced,
 * null deletes the member, an empty object or array replaces what was there, and so does an object
 * where there was none.
 * Returns HG_OK, HG_ERR_NO_MEMORY or HG_ERR_TOO_LARGE (deeper than 256 levels).
 */
hg_status hgh_json_merge(json_t *target, const json_t *patch, hg_error *err);

/**
 * Puts `value` at a path of `target`, in place; parents that are missing are made.
 *
 * path    "upstream/nodes": member names, not empty.
 * value   a reference is taken.
 * Returns HG_OK, HG_ERR_NO_MEMORY, HG_ERR_INVALID ("invalid sub-path: /upstream": no object) or
 * HG_ERR_TOO_LARGE (deeper than 256 levels).
 */
hg_status hgh_json_merge_path(json_t *target, const char *path, json_t *value, hg_error *err);

#endif
