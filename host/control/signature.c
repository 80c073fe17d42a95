/* host/control/signature.c - who vouches for an object: detached Ed25519 signatures over its bytes.
 */
#include "host/control/signature.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/pem.h>

#include "host/core/encoding.h"

#define KEY_FILE_MAX 16384u /* bytes; a public key in PEM has 113 */

/* ------------------------------------------------------------------------------------ keys */

bool hgh_public_key_is_text(const char *text)
{
    return strncmp(text, HGH_PUBLIC_KEY_PREFIX, strlen(HGH_PUBLIC_KEY_PREFIX)) == 0;
}

hg_status hgh_public_key_parse(const char *text, hgh_public_key *out_key, hg_error *err)
{
    hgh_public_key key;
    size_t length = 0;

    if (!hgh_public_key_is_text(text) ||
        hgh_decode(HG_BASE64, hg_text_of(text + strlen(HGH_PUBLIC_KEY_PREFIX)), key.bytes,
                   sizeof(key.bytes), &length) != HG_OK ||
        length != sizeof(key.bytes)) {
        return hg_error_set(
            err, HG_ERR_INVALID,
            "found \"%.80s\", wanted \"" HGH_PUBLIC_KEY_PREFIX "\" and 32 bytes in base64", text);
    }
    *out_key = key;
    return HG_OK;
}

void hgh_public_key_format(const hgh_public_key *key, char text[HGH_PUBLIC_KEY_TEXT])
{
    size_t prefix = strlen(HGH_PUBLIC_KEY_PREFIX);
    size_t length = 0;

    memcpy(text, HGH_PUBLIC_KEY_PREFIX, prefix + 1);
    (void)hgh_encode(HG_BASE64, (hg_text){(const char *)key->bytes, sizeof(key->bytes)},
                     text + prefix, HGH_PUBLIC_KEY_TEXT - prefix, &length);
}

static hg_status key_read(const char *path, bool anywhere, hgh_public_key *out_key, hg_error *err)
{
    hgh_object_file file = {0};
    hg_status status = anywhere ? hgh_object_file_read_anywhere(path, KEY_FILE_MAX, &file, err)
                                : hgh_object_file_read(path, KEY_FILE_MAX, &file, err);
    BIO *memory;
    EVP_PKEY *key = NULL;
    size_t length = sizeof(out_key->bytes);

    if (status != HG_OK) {
        return status;
    }
    memory = BIO_new_mem_buf(file.bytes, (int)file.size);
    if (memory != NULL) {
        key = PEM_read_bio_PUBKEY(memory, NULL, NULL, NULL);
    }
    if (key == NULL || EVP_PKEY_is_a(key, "ED25519") != 1 ||
        EVP_PKEY_get_raw_public_key(key, out_key->bytes, &length) != 1) {
        status = hg_error_set(err, HG_ERR_INVALID,
                              "%s: is no public key of Ed25519 in PEM, as `hotgate sign --new-key` "
                              "writes it",
                              path);
    }
    EVP_PKEY_free(key);
    (void)BIO_free(memory);
    hgh_object_file_done(&file);
    return status;
}

hg_status hgh_trusted_keys_load(const json_t *list,
                                const char *directory,
                                hgh_trusted_keys *out_keys,
                                hg_error *err)
{
    hgh_trusted_keys keys = {0};
    hg_error cause = HG_ERROR_INIT;
    hg_status status = HG_OK;

    for (size_t i = 0; i < json_array_size(list) && status == HG_OK; i++) {
        const char *text = json_string_value(json_array_get(list, i));
        char path[PATH_MAX];

        if (text == NULL || keys.count == HGH_SIGNATURE_KEYS_MAX) {
            status = hg_error_set(&cause, HG_ERR_INVALID, "wanted up to %u texts",
                                  HGH_SIGNATURE_KEYS_MAX);
        } else if (hgh_public_key_is_text(text)) {
            status = hgh_public_key_parse(text, &keys.keys[keys.count++], &cause);
        } else {
            bool is_whole = directory == NULL || text[0] == '/';

            (void)snprintf(path, sizeof(path), "%s%s%s", is_whole ? "" : directory,
                           is_whole ? "" : "/", text);
            status = key_read(path, directory == NULL, &keys.keys[keys.count++], &cause);
        }
    }
    if (status != HG_OK) {
        return hg_error_set(err, status, "%s: %.400s",
                            directory == NULL ? "--trusted-key" : "plugins_security.trusted_keys",
                            cause.text);
    }
    *out_keys = keys;
    return HG_OK;
}

/* ------------------------------------------------------------------------------- signature */

static bool key_has_made(const hgh_public_key *key,
                         const hgh_object_file *object,
                         const hgh_object_file *signature)
{
    EVP_PKEY *made =
        EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, key->bytes, sizeof(key->bytes));
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool is_valid = made != NULL && context != NULL &&
                    EVP_DigestVerifyInit(context, NULL, NULL, NULL, made) == 1 &&
                    EVP_DigestVerify(context, signature->bytes, signature->size, object->bytes,
                                     object->size) == 1;

    EVP_MD_CTX_free(context);
    EVP_PKEY_free(made);
    return is_valid;
}

static hg_status judge(const hgh_object_file *object,
                       const hgh_object_file *signature,
                       const char *path,
                       const hgh_trusted_keys *keys,
                       size_t *out_key,
                       hg_error *err)
{
    if (signature->size != HGH_SIGNATURE_BYTES) {
        return hg_error_set(err, HG_ERR_INVALID,
                            "%s: has %zu bytes, a signature has %u: sign the object again with "
                            "`hotgate sign`",
                            path, signature->size, HGH_SIGNATURE_BYTES);
    }
    for (size_t i = 0; i < keys->count; i++) {
        if (key_has_made(&keys->keys[i], object, signature)) {
            if (out_key != NULL) {
                *out_key = i;
            }
            return HG_OK;
        }
    }
    return hg_error_set(err, HG_ERR_INVALID,
                        "%s: is no signature of this object by a trusted key (there %s %zu): the "
                        "object was changed after it was signed, or somebody else signed it",
                        path, keys->count == 1 ? "is" : "are", keys->count);
}

hg_status hgh_signature_check(const hgh_object_file *object,
                              const char *path,
                              bool anywhere,
                              const hgh_trusted_keys *keys,
                              size_t *out_key,
                              hg_error *err)
{
    hgh_object_file signature = {0};
    hg_status status =
        anywhere ? hgh_object_file_read_anywhere(path, HGH_OBJECT_BYTES_MAX, &signature, err)
                 : hgh_object_file_read(path, HGH_OBJECT_BYTES_MAX, &signature, err);

    if (status == HG_ERR_NOT_FOUND) {
        return hg_error_set(err, status, "has no signature: wanted %s, made with `hotgate sign`",
                            path);
    }
    if (status == HG_OK) {
        status = judge(object, &signature, path, keys, out_key, err);
        hgh_object_file_done(&signature);
    }
    return status;
}
