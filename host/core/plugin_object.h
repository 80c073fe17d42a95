/* host/core/plugin_object.h - one shared object in memory: the only place that calls dlopen(). */
#ifndef HOST_CORE_PLUGIN_OBJECT_H
#define HOST_CORE_PLUGIN_OBJECT_H

#include <stdbool.h>

#include <hotgate/plugin.h>

#include "host/core/leftover.h"

/** An object that dlopen() has mapped. */
typedef struct hgh_plugin_object hgh_plugin_object;

/**
 * Checks a descriptor before any later part of it is used: ABI, size, names, priority, phases.
 *
 * name  what it must be called: the stem of its file.
 * Returns HG_OK, HG_ERR_ABI or HG_ERR_INVALID.
 */
hg_status hgh_plugin_descriptor_check(const hg_plugin *plugin, const char *name, hg_error *err);

/**
 * Maps a staged object, which runs its constructors, and checks its descriptor. The file must stay
 * unchanged for as long as it is mapped: a private copy with a path of its own, never a link.
 *
 * path        holds a "/".
 * out_object  on HG_OK owned by the caller; else untouched.
 */
hg_status hgh_plugin_object_open(const char *path,
                                 const char *name,
                                 hgh_plugin_object **out_object,
                                 hg_error *err);

/** True if an address lies in it; *out_offset is the place from its base then. Allocates nothing:
 * for signal handlers too. */
bool hgh_plugin_object_holds(const hgh_plugin_object *object,
                             const void *address,
                             uint64_t *out_offset);

/** Where code of the process lies. */
typedef struct hgh_code_place {
    const char *file;   /* of the loaded object; NULL: not known */
    const char *symbol; /* exported, before the place; NULL: there is none */
    uint64_t offset;    /* from the object's base */
} hgh_code_place;

/** False: there is no object at the address. Allocates nothing, as above. */
bool hgh_plugin_object_find_code(const void *address, hgh_code_place *out_place);

/** Its descriptor, borrowed until close. */
const hg_plugin *hgh_plugin_object_descriptor(const hgh_plugin_object *object);

/**
 * Unmaps it, which runs its destructors, and looks whether it is gone, since dlclose() always says
 * so. If the process would still go to it (see leftover.h), it is not unmapped. Accepts NULL.
 *
 * stays  something else of it is in use, which the caller has written into `why`: no unmapping.
 * why    what keeps it.
 * Returns false if it is still mapped: pinned, for as long as the process lives.
 */
bool hgh_plugin_object_close(hgh_plugin_object *object, bool stays, char why[HGH_LEFTOVER_TEXT]);

#endif
