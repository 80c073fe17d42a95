/* host/control/object_file.h - reads what the gateway is to run or to trust, once, and with care.
 */
#ifndef HOST_CONTROL_OBJECT_FILE_H
#define HOST_CONTROL_OBJECT_FILE_H

#include <stddef.h>

#include <hotgate/error.h>

#define HGH_OBJECT_BYTES_MAX (64u << 20)
#define HGH_SHA256_TEXT      65u /* hexadecimal, with the NUL */

/** A file, read once: all that follows looks at these bytes and never at the file again. */
typedef struct hgh_object_file {
    unsigned char *bytes; /* owned */
    size_t size;
    char sha256[HGH_SHA256_TEXT];
} hgh_object_file;

/**
 * Reads a file whose path nobody else can change: every directory on the way and the file itself
 * belong to root or to this process's user and cannot be written by others; the file is regular,
 * has one name and is not larger than `bytes_max`. Links are not followed.
 *
 * path      absolute.
 * out_file  on HG_OK the caller's, for hgh_object_file_done(); else untouched.
 * Returns HG_OK, HG_ERR_INVALID (with the remedy in the text), HG_ERR_TOO_LARGE, HG_ERR_NOT_FOUND,
 * HG_ERR_IO (also if it was written to meanwhile) or HG_ERR_NO_MEMORY.
 */
hg_status
hgh_object_file_read(const char *path, size_t bytes_max, hgh_object_file *out_file, hg_error *err);

/**
 * Reads a file that is looked at and not put into service: whoever owns it and the way to it.
 * Links are followed. Otherwise as hgh_object_file_read().
 */
hg_status hgh_object_file_read_anywhere(const char *path,
                                        size_t bytes_max,
                                        hgh_object_file *out_file,
                                        hg_error *err);

void hgh_object_file_done(hgh_object_file *file);

#endif
