/* host/control/json_merge.c - changes a JSON value by a part of it, as PATCH does. */
#include "host/control/json_merge.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define DEPTH_MAX 256u /* levels: what the schema accepts at most */

static hg_status no_memory(hg_error *err)
{
    return hg_error_set(err, HG_ERR_NO_MEMORY, "out of memory");
}

/* Two objects with members are merged; everything else replaces. */
static bool merges(const json_t *old, const json_t *patch)
{
    return json_is_object(old) && json_is_object(patch) && json_object_size(old) > 0 &&
           json_object_size(patch) > 0;
}

static hg_status merge_level(json_t *target, const json_t *patch, size_t depth, hg_error *err)
{
    const char *name;
    json_t *value;

    if (depth > DEPTH_MAX) {
        return hg_error_set(err, HG_ERR_TOO_LARGE, "found more than %u levels", DEPTH_MAX);
    }
    /* The macro wants a non-const object; nothing is written through it. */
    json_object_foreach((json_t *)(uintptr_t)patch, name, value)
    {
        json_t *old = json_object_get(target, name);

        if (json_is_null(value)) {
            (void)json_object_del(target, name); /* deleting what is not there is no failure */
        } else if (merges(old, value)) {
            hg_status status = merge_level(old, value, depth + 1, err);

            if (status != HG_OK) {
                return status;
            }
        } else if (json_object_set_new(target, name, json_deep_copy(value)) != 0) {
            return no_memory(err);
        }
    }
    return HG_OK;
}

hg_status hgh_json_merge(json_t *target, const json_t *patch, hg_error *err)
{
    return merge_level(target, patch, 1, err);
}

hg_status hgh_json_merge_path(json_t *target, const char *path, json_t *value, hg_error *err)
{
    json_t *parent = target;
    const char *at = path;
    size_t depth = 1;
    const char *slash;

    for (slash = strchr(at, '/'); slash != NULL; slash = strchr(at, '/')) {
        size_t length = (size_t)(slash - at);
        json_t *child = json_object_getn(parent, at, length);

        if (++depth > DEPTH_MAX) {
            return hg_error_set(err, HG_ERR_TOO_LARGE, "found more than %u levels", DEPTH_MAX);
        }
        if (child == NULL) {
            child = json_object();
            if (json_object_setn_new(parent, at, length, child) != 0) {
                return no_memory(err);
            }
        }
        if (!json_is_object(child)) {
            return hg_error_set(err, HG_ERR_INVALID, "invalid sub-path: /%.*s", (int)(slash - path),
                                path);
        }
        parent = child;
        at = slash + 1;
    }
    return json_object_set(parent, at, value) == 0 ? HG_OK : no_memory(err);
}
