/* host/control/admission.h - what can be said of a shared object before any code of it runs. */
#ifndef HOST_CONTROL_ADMISSION_H
#define HOST_CONTROL_ADMISSION_H

#include <stdint.h>

#include <jansson.h>

#include <hotgate/plugin.h>

#include "host/control/object_file.h"
#include "host/core/issues.h"

#define HGH_BUILD_ID_TEXT 65u

/** What an object says of itself without being run: claims. */
typedef struct hgh_object_claims {
    uint16_t abi_major; /* of its note, as name and version */
    uint16_t abi_minor;
    char name[HG_NAME_MAX + 1];
    char version[HG_VERSION_MAX + 1];
    char build_id[HGH_BUILD_ID_TEXT]; /* "" if it has none */
    char libraries[256];              /* that it needs, with ", " between; may be cut */
    uint32_t constructors; /* functions that run while it is loaded, beyond the compiler's own */
} hgh_object_claims;

/**
 * Judges the ELF object in memory: that it is one for this machine, whole, a plugin of this ABI,
 * and has nothing that would harm the process or keep it from being unloaded.
 *
 * name             what it must be called.
 * allow_libraries  names (without ".so..." too) that it may need beyond the built-in list; array or
 *                  NULL.
 * out_claims       filled on HG_OK; may be NULL.
 * issues           every finding, with its remedy; pointers are "" or a symbol or library.
 * Returns HG_OK, HG_ERR_INVALID, HG_ERR_ABI (another ABI) or HG_ERR_NO_MEMORY.
 */
hg_status hgh_admission_check(const hgh_object_file *file,
                              const char *name,
                              const json_t *allow_libraries,
                              hgh_object_claims *out_claims,
                              hg_issues *issues);

#endif
