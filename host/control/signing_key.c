/* host/control/signing_key.c - the private side of signatures: making a pair of keys, and signing.
 */
#include "host/control/signing_key.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/evp.h>
#include <openssl/pem.h>

#define KEY_FILE_MAX 16384 /* bytes; a private key in PEM has 119 */
#define PRIVATE_MODE 0600u
#define PUBLIC_MODE  0644u

struct hgh_signing_key {
    EVP_PKEY *key; /* owned */
    hgh_public_key public;
};

/* ------------------------------------------------------------------------------------ make */

/* A new file; it is gone again if it cannot be written whole. */
static hg_status
file_make(const char *path, mode_t mode, int flags, const void *bytes, size_t length, hg_error *err)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC | flags, mode);
    ssize_t written;

    if (fd < 0) {
        return hg_error_set(err, errno == EEXIST ? HG_ERR_EXISTS : HG_ERR_IO, "%s: %s", path,
                            errno == EEXIST ? "is there already: a key is never overwritten"
                                            : strerror(errno));
    }
    written = write(fd, bytes, length);
    if (written != (ssize_t)length || fchmod(fd, mode) != 0 || fsync(fd) != 0) {
        (void)hg_error_set(err, HG_ERR_IO, "%s: %s", path,
                           written >= 0 && written != (ssize_t)length ? "no space left"
                                                                      : strerror(errno));
        (void)close(fd);
        (void)unlink(path);
        return HG_ERR_IO;
    }
    (void)close(fd); /* it is on the disk */
    return HG_OK;
}

static hg_status pem_write(const char *path, mode_t mode, const BIO *pem, hg_error *err)
{
    char *bytes = NULL;
    long length = BIO_get_mem_data((BIO *)(uintptr_t)pem, &bytes);

    return file_make(path, mode, O_EXCL, bytes, (size_t)length, err);
}

hg_status hgh_signing_key_make(const char *private_path,
                               const char *public_path,
                               hgh_public_key *out_public,
                               hg_error *err)
{
    EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    BIO *secret = BIO_new(BIO_s_secmem());
    BIO *open_part = BIO_new(BIO_s_mem());
    size_t length = sizeof(out_public->bytes);
    hg_status status;

    if (key == NULL || secret == NULL || open_part == NULL ||
        PEM_write_bio_PKCS8PrivateKey(secret, key, NULL, NULL, 0, NULL, NULL) != 1 ||
        PEM_write_bio_PUBKEY(open_part, key) != 1 ||
        EVP_PKEY_get_raw_public_key(key, out_public->bytes, &length) != 1) {
        status = hg_error_set(err, HG_ERR_NO_MEMORY, "no key could be made");
    } else {
        status = pem_write(public_path, PUBLIC_MODE, open_part, err);
    }
    if (status == HG_OK) {
        status = pem_write(private_path, PRIVATE_MODE, secret, err);
        if (status != HG_OK) {
            (void)unlink(public_path); /* half a pair helps nobody */
        }
    }
    (void)BIO_free(secret);
    (void)BIO_free(open_part);
    EVP_PKEY_free(key);
    return status;
}

/* ------------------------------------------------------------------------------------ read */

/* An encrypted key: nobody is asked, and OpenSSL is not to ask at the terminal. */
static int no_password(char *buffer, int size, int writes, void *context)
{
    (void)writes;
    *(bool *)context = true;
    if (size > 0) {
        buffer[0] = '\0';
    }
    return -1;
}

static hg_status mode_check(const char *path, hg_error *err)
{
    struct stat info;

    if (stat(path, &info) == 0 && (info.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
        return hg_error_set(err, HG_ERR_INVALID, "%s: can be read by others: chmod 0600", path);
    }
    return HG_OK; /* what cannot be looked at cannot be read either */
}

static hg_status
key_parse(const char *path, const hgh_object_file *file, hgh_signing_key *into, hg_error *err)
{
    BIO *memory = BIO_new_mem_buf(file->bytes, (int)file->size);
    size_t length = sizeof(into->public.bytes);
    bool is_encrypted = false;
    EVP_PKEY *key =
        memory == NULL ? NULL : PEM_read_bio_PrivateKey(memory, NULL, no_password, &is_encrypted);

    (void)BIO_free(memory);
    if (key == NULL || EVP_PKEY_is_a(key, "ED25519") != 1 ||
        EVP_PKEY_get_raw_public_key(key, into->public.bytes, &length) != 1) {
        EVP_PKEY_free(key);
        return hg_error_set(err, HG_ERR_INVALID, "%s: %s", path,
                            is_encrypted ? "is encrypted with a password: decrypt it with "
                                           "`openssl pkey` where it is used"
                                         : "is no private key of Ed25519 in PEM, as `hotgate sign "
                                           "--new-key` writes it");
    }
    into->key = key;
    return HG_OK;
}

hg_status hgh_signing_key_read(const char *path, hgh_signing_key **out_key, hg_error *err)
{
    hgh_object_file file = {0};
    hgh_signing_key *key = calloc(1, sizeof(*key));
    hg_status status = key == NULL ? hg_error_set(err, HG_ERR_NO_MEMORY, "out of memory")
                                   : hgh_object_file_read_anywhere(path, KEY_FILE_MAX, &file, err);

    if (status == HG_OK) {
        status = mode_check(path, err);
    }
    if (status == HG_OK) {
        status = key_parse(path, &file, key, err);
    }
    if (file.bytes != NULL) {
        explicit_bzero(file.bytes, file.size);
    }
    hgh_object_file_done(&file);
    if (status != HG_OK) {
        hgh_signing_key_free(key);
        return status;
    }
    *out_key = key;
    return HG_OK;
}

const hgh_public_key *hgh_signing_key_public(const hgh_signing_key *key)
{
    return &key->public;
}

/* ------------------------------------------------------------------------------------ sign */

hg_status hgh_signing_key_sign(const hgh_signing_key *key,
                               const hgh_object_file *object,
                               const char *path,
                               hg_error *err)
{
    unsigned char signature[HGH_SIGNATURE_BYTES];
    size_t length = sizeof(signature);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    char temporary[PATH_MAX];
    hg_status status;

    if (context == NULL || EVP_DigestSignInit(context, NULL, NULL, NULL, key->key) != 1 ||
        EVP_DigestSign(context, signature, &length, object->bytes, object->size) != 1 ||
        length != sizeof(signature)) {
        EVP_MD_CTX_free(context);
        return hg_error_set(err, HG_ERR_NO_MEMORY, "%s: could not be made", path);
    }
    EVP_MD_CTX_free(context);
    if (snprintf(temporary, sizeof(temporary), "%s.new", path) >= (int)sizeof(temporary)) {
        return hg_error_set(err, HG_ERR_INVALID, "%s: is too long a path", path);
    }
    /* A gateway that reloads now sees the old one or the new one. */
    status = file_make(temporary, PUBLIC_MODE, O_TRUNC, signature, sizeof(signature), err);
    if (status == HG_OK && rename(temporary, path) != 0) {
        status = hg_error_set(err, HG_ERR_IO, "%s: %s", path, strerror(errno));
        (void)unlink(temporary);
    }
    return status;
}

void hgh_signing_key_free(hgh_signing_key *key)
{
    if (key != NULL) {
        EVP_PKEY_free(key->key);
        free(key);
    }
}
