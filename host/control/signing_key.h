/* host/control/signing_key.h - the private side of signatures: making a pair of keys, and signing.
 */
#ifndef HOST_CONTROL_SIGNING_KEY_H
#define HOST_CONTROL_SIGNING_KEY_H

#include "host/control/signature.h"

/** A private key that may sign objects. */
typedef struct hgh_signing_key hgh_signing_key;

/**
 * Makes a pair: the private key in PEM (PKCS #8), for its owner alone, and the public one. Neither
 * file may be there yet: HG_ERR_EXISTS, and nothing is written.
 *
 * Returns HG_OK, HG_ERR_EXISTS, HG_ERR_IO or HG_ERR_NO_MEMORY.
 */
hg_status hgh_signing_key_make(const char *private_path,
                               const char *public_path,
                               hgh_public_key *out_public,
                               hg_error *err);

/**
 * Reads a private key in PEM; others may not be able to read its file.
 *
 * out_key  on HG_OK the caller's, for hgh_signing_key_free(); else untouched.
 */
hg_status hgh_signing_key_read(const char *path, hgh_signing_key **out_key, hg_error *err);

/** Its other half. */
const hgh_public_key *hgh_signing_key_public(const hgh_signing_key *key);

/** Signs an object into the file `path`, replacing it as a whole. HG_OK, HG_ERR_IO or
 * HG_ERR_NO_MEMORY. */
hg_status hgh_signing_key_sign(const hgh_signing_key *key,
                               const hgh_object_file *object,
                               const char *path,
                               hg_error *err);

/** Accepts NULL. */
void hgh_signing_key_free(hgh_signing_key *key);

#endif
