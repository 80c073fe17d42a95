/* host/control/admin_target.h - what the path of a request to the Admin API names. */
#ifndef HOST_CONTROL_ADMIN_TARGET_H
#define HOST_CONTROL_ADMIN_TARGET_H

#include <stdbool.h>

#define HGH_ADMIN_ROOT "/apisix/admin"

/** What follows the root. Zero-initialise; hgh_admin_target_done(). */
typedef struct hgh_admin_target {
    char *text;           /* owned: the segments point into it */
    const char *resource; /* never NULL; of APISIX 3, also if it was called as in 2 */
    const char *parent;   /* id of what the object stands below; NULL: it stands alone */
    const char *id;       /* NULL: none */
    const char *sub_path; /* NULL: none */
} hgh_admin_target;

/** True if the path is the root or below it. */
bool hgh_admin_target_is_under_root(const char *path);

/** Splits a path under the root; false: no memory. */
bool hgh_admin_target_parse(const char *path, hgh_admin_target *into);

void hgh_admin_target_done(hgh_admin_target *target);

#endif
