/* host/control/signature.h - who vouches for an object: detached Ed25519 signatures over its bytes.
 *
 * Beside NAME.so lies NAME.so.sig: the 64 bytes of RFC 8032 over the whole file, and nothing else,
 * as `hotgate sign` and `openssl pkeyutl -sign -rawin` write them. */
#ifndef HOST_CONTROL_SIGNATURE_H
#define HOST_CONTROL_SIGNATURE_H

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

#include <hotgate/error.h>

#include "host/control/object_file.h"

#define HGH_SIGNATURE_SUFFIX   ".sig"
#define HGH_SIGNATURE_BYTES    64u
#define HGH_SIGNATURE_KEYS_MAX 16u        /* trusted at a time; while one replaces another, two */
#define HGH_PUBLIC_KEY_PREFIX  "ed25519:" /* of a key as text: then its bytes in base64 */
#define HGH_PUBLIC_KEY_BYTES   32u
#define HGH_PUBLIC_KEY_TEXT    80u /* bytes of such a text, with the NUL */

typedef struct hgh_public_key {
    unsigned char bytes[HGH_PUBLIC_KEY_BYTES];
} hgh_public_key;

/** Those that may vouch for objects. */
typedef struct hgh_trusted_keys {
    size_t count;
    hgh_public_key keys[HGH_SIGNATURE_KEYS_MAX];
} hgh_trusted_keys;

/** True if a text is to be a key itself, and not the path of its file. */
bool hgh_public_key_is_text(const char *text);

/** Takes a key from its text. HG_OK or HG_ERR_INVALID. */
hg_status hgh_public_key_parse(const char *text, hgh_public_key *out_key, hg_error *err);

void hgh_public_key_format(const hgh_public_key *key, char text[HGH_PUBLIC_KEY_TEXT]);

/**
 * Takes a list of keys: texts, and paths of files in PEM.
 *
 * list       an array of texts.
 * directory  where relative paths start; nobody else may be able to change the files. NULL: paths
 *            that were typed, whoever owns the files.
 * Returns HG_OK, HG_ERR_INVALID, or what reading a file returned.
 */
hg_status hgh_trusted_keys_load(const json_t *list,
                                const char *directory,
                                hgh_trusted_keys *out_keys,
                                hg_error *err);

/**
 * Judges the signature in the file `path` over an object that has been read.
 *
 * anywhere  others may own or write the signature's file: it is looked at only.
 * out_key   on HG_OK the index of the key that it was made with; may be NULL.
 * Returns HG_OK, HG_ERR_NOT_FOUND (there is no signature), HG_ERR_INVALID (it is none, or none of
 * the keys has made it for these bytes) or what reading it returned. `err` has the remedy.
 */
hg_status hgh_signature_check(const hgh_object_file *object,
                              const char *path,
                              bool anywhere,
                              const hgh_trusted_keys *keys,
                              size_t *out_key,
                              hg_error *err);

#endif
