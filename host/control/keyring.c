/* host/control/keyring.c - the keys by which values are encrypted in the store.
 *
 * A sealed value: one byte of version, 8 of the key's id, 12 of nonce, the cipher text, 16 of tag.
 * Version, id and the value's name are authenticated with it. */
#include "host/control/keyring.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#define VERSION       1u
#define ID_BYTES      8u
#define NONCE_BYTES   12u /* NIST SP 800-38D: the length that needs no hashing */
#define TAG_BYTES     16u
#define KEY_BYTES     32u
#define HEADER_BYTES  (1u + ID_BYTES + NONCE_BYTES)
#define DIGEST_BYTES  32u
#define PURPOSE_VALUE "hotgate store: value"
#define PURPOSE_ID    "hotgate store: id of a key"

typedef struct key {
    uint8_t id[ID_BYTES];
    uint8_t bytes[KEY_BYTES];
} key;

struct hgh_keyring {
    EVP_CIPHER *cipher;      /* owned */
    EVP_CIPHER_CTX *context; /* owned: one value after the other */
    size_t count;
    key keys[];
};

static hg_status cipher_failed(hg_error *err)
{
    return hg_error_set(err, HG_ERR_NO_MEMORY, "the encryption of the store fails");
}

static bool derive(const char *text, const char *purpose, uint8_t digest[DIGEST_BYTES])
{
    unsigned length = DIGEST_BYTES;

    return HMAC(EVP_sha256(), text, (int)strlen(text), (const unsigned char *)purpose,
                strlen(purpose), digest, &length) != NULL;
}

static bool key_make(const char *text, key *into)
{
    uint8_t digest[DIGEST_BYTES];

    if (strlen(text) > INT_MAX || !derive(text, PURPOSE_VALUE, into->bytes) ||
        !derive(text, PURPOSE_ID, digest)) {
        return false;
    }
    memcpy(into->id, digest, ID_BYTES);
    return true;
}

hg_status
hgh_keyring_new(const char *const *texts, size_t count, hgh_keyring **out_keyring, hg_error *err)
{
    hgh_keyring *keyring = calloc(1, sizeof(*keyring) + count * sizeof(key));
    bool is_made = keyring != NULL;

    if (is_made) {
        keyring->cipher = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
        keyring->context = EVP_CIPHER_CTX_new();
        is_made = keyring->cipher != NULL && keyring->context != NULL;
    }
    for (size_t i = 0; is_made && i < count; i++) {
        is_made = key_make(texts[i], &keyring->keys[i]);
        keyring->count = i + 1;
    }
    if (!is_made) {
        hgh_keyring_free(keyring);
        return cipher_failed(err);
    }
    *out_keyring = keyring;
    return HG_OK;
}

void hgh_keyring_free(hgh_keyring *keyring)
{
    if (keyring == NULL) {
        return;
    }
    EVP_CIPHER_CTX_free(keyring->context);
    EVP_CIPHER_free(keyring->cipher);
    OPENSSL_cleanse(keyring->keys, keyring->count * sizeof(key));
    free(keyring);
}

size_t hgh_keyring_sealed_size(size_t length)
{
    return HEADER_BYTES + length + TAG_BYTES;
}

/* What is authenticated beside the text: it cannot be moved to another object. */
static bool add_name(EVP_CIPHER_CTX *context, const uint8_t *header, const char *name, bool seals)
{
    int (*update)(EVP_CIPHER_CTX *, unsigned char *, int *, const unsigned char *, int) =
        seals ? EVP_EncryptUpdate : EVP_DecryptUpdate;
    int done = 0;

    return update(context, NULL, &done, header, 1 + ID_BYTES) == 1 &&
           update(context, NULL, &done, (const unsigned char *)name, (int)strlen(name)) == 1;
}

hg_status hgh_keyring_seal(hgh_keyring *keyring,
                           const char *name,
                           const char *value,
                           size_t length,
                           uint8_t *into,
                           hg_error *err)
{
    EVP_CIPHER_CTX *context = keyring->context;
    uint8_t *nonce = into + 1 + ID_BYTES;
    uint8_t *text = into + HEADER_BYTES;
    int done = 0;

    if (length > INT_MAX) {
        return hg_error_set(err, HG_ERR_TOO_LARGE, "found a value of %zu bytes", length);
    }
    into[0] = VERSION;
    memcpy(into + 1, keyring->keys[0].id, ID_BYTES);
    if (getrandom(nonce, NONCE_BYTES, 0) != (ssize_t)NONCE_BYTES) {
        return hg_error_set(err, HG_ERR_IO, "no random numbers: %s", strerror(errno));
    }
    if (EVP_EncryptInit_ex2(context, keyring->cipher, keyring->keys[0].bytes, nonce, NULL) != 1 ||
        !add_name(context, into, name, true) ||
        EVP_EncryptUpdate(context, text, &done, (const unsigned char *)value, (int)length) != 1 ||
        EVP_EncryptFinal_ex(context, text + done, &done) != 1 ||
        EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_GCM_GET_TAG, TAG_BYTES, text + length) != 1) {
        return cipher_failed(err);
    }
    return HG_OK;
}

static const key *find_key(const hgh_keyring *keyring, const uint8_t *id)
{
    for (size_t i = 0; i < keyring->count; i++) {
        if (memcmp(keyring->keys[i].id, id, ID_BYTES) == 0) {
            return &keyring->keys[i];
        }
    }
    return NULL;
}

static const char *id_text(const uint8_t *id, char text[HGH_KEYRING_ID_TEXT])
{
    for (size_t i = 0; i < ID_BYTES; i++) {
        (void)snprintf(text + 2 * i, 3, "%02x", id[i]);
    }
    return text;
}

hg_status hgh_keyring_open(hgh_keyring *keyring,
                           const char *name,
                           const uint8_t *sealed,
                           size_t sealed_length,
                           char **out_value,
                           size_t *out_length,
                           hg_error *err)
{
    EVP_CIPHER_CTX *context = keyring->context;
    uint8_t tag[TAG_BYTES];
    char id[HGH_KEYRING_ID_TEXT];
    const key *with;
    uint8_t *value;
    size_t length;
    int done = 0;
    int rest = 0;

    if (sealed_length < HEADER_BYTES + TAG_BYTES || sealed_length > INT_MAX ||
        sealed[0] != VERSION) {
        return hg_error_set(err, HG_ERR_INVALID, "%s: found no value of this version of hotgate",
                            name);
    }
    with = find_key(keyring, sealed + 1);
    if (with == NULL) {
        return hg_error_set(err, HG_ERR_NOT_FOUND,
                            "%s is encrypted with the key %s, which is not in the keyring", name,
                            id_text(sealed + 1, id));
    }
    length = sealed_length - HEADER_BYTES - TAG_BYTES;
    value = malloc(length + 1);
    if (value == NULL) {
        return hg_error_set(err, HG_ERR_NO_MEMORY, "out of memory");
    }
    memcpy(tag, sealed + HEADER_BYTES + length, TAG_BYTES); /* the library takes no const */
    if (EVP_DecryptInit_ex2(context, keyring->cipher, with->bytes, sealed + 1 + ID_BYTES, NULL) !=
            1 ||
        !add_name(context, sealed, name, false) ||
        EVP_DecryptUpdate(context, value, &done, sealed + HEADER_BYTES, (int)length) != 1 ||
        EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_GCM_SET_TAG, TAG_BYTES, tag) != 1 ||
        EVP_DecryptFinal_ex(context, value + done, &rest) != 1) {
        OPENSSL_cleanse(value, length);
        free(value);
        return hg_error_set(err, HG_ERR_INVALID,
                            "%s: found an encrypted value that was changed or stood elsewhere",
                            name);
    }
    value[length] = '\0';
    *out_value = (char *)value;
    *out_length = length;
    return HG_OK;
}

bool hgh_keyring_is_current(const hgh_keyring *keyring, const uint8_t *sealed, size_t length)
{
    return length > 1 + ID_BYTES && memcmp(sealed + 1, keyring->keys[0].id, ID_BYTES) == 0;
}

const char *hgh_keyring_id(const hgh_keyring *keyring, size_t index, char text[HGH_KEYRING_ID_TEXT])
{
    return id_text(keyring->keys[index].id, text);
}

size_t hgh_keyring_count(const hgh_keyring *keyring)
{
    return keyring->count;
}
