/* host/control/keyring_file.h - conf/keyring: keys of the store that nobody had to think of. */
#ifndef HOST_CONTROL_KEYRING_FILE_H
#define HOST_CONTROL_KEYRING_FILE_H

#include <stddef.h>

#include <hotgate/error.h>

#define HGH_KEYRING_FILE "conf/keyring"

/**
 * Reads the keys, a line each; lines that begin with # are comments.
 *
 * path       a file that is not there has no keys.
 * out_keys   on HG_OK an array of *out_count texts, for hgh_keyring_texts_free(); else untouched.
 * Returns HG_OK, HG_ERR_INVALID (a line is no key; the text names it), HG_ERR_IO or
 * HG_ERR_NO_MEMORY.
 */
hg_status
hgh_keyring_file_read(const char *path, char ***out_keys, size_t *out_count, hg_error *err);

/** Generates one key into a file that is not there, for its owner alone. HG_ERR_IO: the text says
 * where to write one instead. */
hg_status hgh_keyring_file_make(const char *path, hg_error *err);

/** Wipes and frees. Accepts NULL. */
void hgh_keyring_texts_free(char **keys, size_t count);

#endif
