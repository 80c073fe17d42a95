/* host/control/admission.h - what can be said of a shared object before any code of it runs. */
#ifndef HOST_CONTROL_ADMISSION_H
#define HOST_CONTROL_ADMISSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include <hotgate/plugin.h>

#include "host/core/issues.h"

#define HGH_OBJECT_BYTES_MAX (64u << 20)
#define HGH_SHA256_TEXT      65u /* hexadecimal, with the NUL */
#define HGH_BUILD_ID_TEXT    65u

/** A file, read once: all that follows looks at these bytes and never at the file again. */
typedef struct hgh_object_file {
    unsigned char *bytes; /* owned */
    size_t size;
    char sha256[HGH_SHA256_TEXT];
} hgh_object_file;

/** What an object's note and build id say of it: claims. */
typedef struct hgh_object_claims {
    uint16_t abi_major;
    uint16_t abi_minor;
    char name[HG_NAME_MAX + 1];
    char version[HG_VERSION_MAX + 1];
    char build_id[HGH_BUILD_ID_TEXT]; /* "" if it has none */
} hgh_object_claims;

/**
 * Reads an object whose path nobody else can change: every directory on the way and the file itself
 * belong to root or to this process's user and cannot be written by others; the file is regular,
 * has one name and is not larger than HGH_OBJECT_BYTES_MAX. Links are not followed.
 *
 * path      absolute.
 * out_file  on HG_OK the caller's, for hgh_object_file_done(); else untouched.
 * Returns HG_OK, HG_ERR_INVALID (with the remedy in the text), HG_ERR_TOO_LARGE, HG_ERR_NOT_FOUND,
 * HG_ERR_IO or HG_ERR_NO_MEMORY.
 */
hg_status hgh_object_file_read(const char *path, hgh_object_file *out_file, hg_error *err);

/**
 * Reads an object that is looked at and not put into service: whoever owns it and the way to it.
 * Links are followed. Otherwise as hgh_object_file_read().
 */
hg_status hgh_object_file_read_anywhere(const char *path, hgh_object_file *out_file, hg_error *err);

void hgh_object_file_done(hgh_object_file *file);

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
