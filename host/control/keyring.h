/* host/control/keyring.h - the keys by which values are encrypted in the store. */
#ifndef HOST_CONTROL_KEYRING_H
#define HOST_CONTROL_KEYRING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <hotgate/error.h>

#define HGH_KEYRING_ID_TEXT 17u /* bytes of a key's id as text, with the NUL */

/**
 * Keys in their order: the first one encrypts, all decrypt. AES-256-GCM; the key of the cipher is
 * derived from the text by HMAC-SHA-256, so a text may have any length.
 */
typedef struct hgh_keyring hgh_keyring;

/**
 * texts        secrets, at least one; borrowed for the call.
 * out_keyring  on HG_OK owned by the caller; else untouched.
 */
hg_status
hgh_keyring_new(const char *const *texts, size_t count, hgh_keyring **out_keyring, hg_error *err);

/** Wipes the keys. Accepts NULL. */
void hgh_keyring_free(hgh_keyring *keyring);

/** Bytes of a sealed value. */
size_t hgh_keyring_sealed_size(size_t length);

/**
 * Encrypts with the first key.
 *
 * name  what the value belongs to: it cannot be opened under another name.
 * into  hgh_keyring_sealed_size() bytes.
 */
hg_status hgh_keyring_seal(hgh_keyring *keyring,
                           const char *name,
                           const char *value,
                           size_t length,
                           uint8_t *into,
                           hg_error *err);

/**
 * Decrypts with the key that it names.
 *
 * out_value  on HG_OK NUL-terminated and owned by the caller; else untouched.
 * Returns HG_OK, HG_ERR_NOT_FOUND (its key is not here; the text names it), HG_ERR_INVALID (it was
 * changed or stood elsewhere) or HG_ERR_NO_MEMORY.
 */
hg_status hgh_keyring_open(hgh_keyring *keyring,
                           const char *name,
                           const uint8_t *sealed,
                           size_t sealed_length,
                           char **out_value,
                           size_t *out_length,
                           hg_error *err);

/** True if it was sealed with the first key. */
bool hgh_keyring_is_current(const hgh_keyring *keyring, const uint8_t *sealed, size_t length);

/** What tells keys apart in messages and says nothing about them. */
const char *
hgh_keyring_id(const hgh_keyring *keyring, size_t index, char text[HGH_KEYRING_ID_TEXT]);

size_t hgh_keyring_count(const hgh_keyring *keyring);

#endif
