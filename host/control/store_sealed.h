/* host/control/store_sealed.h - a store whose values are encrypted, around any other one. */
#ifndef HOST_CONTROL_STORE_SEALED_H
#define HOST_CONTROL_STORE_SEALED_H

#include <stdbool.h>

#include <hotgate/error.h>

#include "host/control/keyring.h"
#include "host/control/store.h"

/**
 * A store that encrypts what it is given and decrypts what it gives.
 *
 * inner      taken, on success and on failure.
 * keyring    taken likewise; NULL: there are no keys, then nothing may be encrypted.
 * encrypts   false: values are written as they are; those that are encrypted can be read.
 * out_store  on HG_OK owned by the caller; else untouched.
 */
hg_status hgh_store_sealed_new(
    hgh_store *inner, hgh_keyring *keyring, bool encrypts, hgh_store **out_store, hg_error *err);

/**
 * Brings all values into the form in which new ones are written: encrypted with the first key, or
 * plain. One transaction. If one cannot be decrypted, nothing is changed.
 *
 * out_count  how many were written anew.
 * Returns HG_OK, HG_ERR_INVALID (a value cannot be decrypted; the text says why), or what the store
 * fails with.
 */
hg_status hgh_store_sealed_settle(hgh_store *store, size_t *out_count, hg_error *err);

#endif
