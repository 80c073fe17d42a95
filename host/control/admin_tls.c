/* host/control/admin_tls.c - the certificates of the Admin API's own listeners. */
#include "host/control/admin_tls.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/pem.h>
#include <openssl/x509.h>

#define FILE_MAX  (32u << 10) /* bytes; three of them fit into a packet to control */
#define KEY_PLACE "deployment.admin.admin_api_mtls."

/* The whole file as text. */
static hg_status file_read(const char *path, char **out_text, hg_error *err)
{
    char *text = calloc(1, FILE_MAX + 2);
    size_t length = 0;
    struct stat info;
    hg_status status = HG_OK;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a FIFO must not hold us */

    if (text == NULL) {
        status = hg_error_set(err, HG_ERR_NO_MEMORY, "out of memory");
    } else if (fd < 0 || fstat(fd, &info) != 0) {
        status = hg_error_set(err, HG_ERR_IO, "%s: %s", path, strerror(errno));
    } else if (!S_ISREG(info.st_mode)) {
        status = hg_error_set(err, HG_ERR_INVALID, "%s: is not a regular file", path);
    }
    while (status == HG_OK && length <= FILE_MAX) {
        ssize_t got = read(fd, text + length, FILE_MAX + 1 - length);

        if (got > 0) {
            length += (size_t)got;
        } else if (got == 0) {
            break;
        } else if (errno != EINTR) {
            status = hg_error_set(err, HG_ERR_IO, "%s: %s", path, strerror(errno));
        }
    }
    if (status == HG_OK && length > FILE_MAX) {
        status =
            hg_error_set(err, HG_ERR_TOO_LARGE, "%s: has more than %u KiB", path, FILE_MAX >> 10);
    }
    if (fd >= 0) {
        (void)close(fd);
    }
    if (status != HG_OK) {
        if (text != NULL) {
            explicit_bzero(text, FILE_MAX + 2);
        }
        free(text);
        return status;
    }
    *out_text = text;
    return HG_OK;
}

/* Nobody is there who could type one. */
static int no_passphrase(char *buffer, int size, int is_writing, void *context)
{
    (void)buffer;
    (void)size;
    (void)is_writing;
    (void)context;
    return -1;
}

static X509 *certificate_parse(const char *text)
{
    BIO *bio = BIO_new_mem_buf(text, -1);
    X509 *certificate = bio == NULL ? NULL : PEM_read_bio_X509(bio, NULL, no_passphrase, NULL);

    BIO_free(bio);
    return certificate;
}

static EVP_PKEY *key_parse(const char *text)
{
    BIO *bio = BIO_new_mem_buf(text, -1);
    EVP_PKEY *key = bio == NULL ? NULL : PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL);

    BIO_free(bio);
    return key;
}

/* What a text means, without a word of it: it may hold a key. */
static hg_status judge(const hgh_admin_tls *tls, const hgh_settings *settings, hg_error *err)
{
    X509 *certificate = certificate_parse(tls->certificate);
    X509 *authority = tls->authorities == NULL ? NULL : certificate_parse(tls->authorities);
    EVP_PKEY *key = key_parse(tls->key);
    hg_status status = HG_OK;

    if (certificate == NULL) {
        status = hg_error_set(err, HG_ERR_INVALID,
                              KEY_PLACE "admin_ssl_cert: %s: found no certificate, wanted PEM",
                              settings->admin_ssl_cert);
    } else if (key == NULL) {
        status = hg_error_set(err, HG_ERR_INVALID,
                              KEY_PLACE "admin_ssl_cert_key: %s: found no private key, wanted PEM "
                                        "without a passphrase",
                              settings->admin_ssl_cert_key);
    } else if (X509_check_private_key(certificate, key) != 1) {
        status = hg_error_set(err, HG_ERR_INVALID,
                              KEY_PLACE "admin_ssl_cert_key: %s: found another key than that of %s",
                              settings->admin_ssl_cert_key, settings->admin_ssl_cert);
    } else if (tls->authorities != NULL && authority == NULL) {
        status = hg_error_set(err, HG_ERR_INVALID,
                              KEY_PLACE "admin_ssl_ca_cert: %s: found no certificate, wanted PEM",
                              settings->admin_ssl_ca_cert);
    }
    EVP_PKEY_free(key);
    X509_free(authority);
    X509_free(certificate);
    return status;
}

static hg_status
load_one(const char *directory, const char *name, const char *path, char **out_text, hg_error *err)
{
    hg_error why = HG_ERROR_INIT;
    char *absolute = NULL;
    hg_status status;

    if (path == NULL) {
        return HG_OK;
    }
    if (asprintf(&absolute, "%s%s%s", path[0] == '/' ? "" : directory, path[0] == '/' ? "" : "/",
                 path) < 0) {
        return hg_error_set(err, HG_ERR_NO_MEMORY, "out of memory");
    }
    status = file_read(absolute, out_text, &why);
    free(absolute);
    return status == HG_OK ? HG_OK
                           : hg_error_set(err, status, KEY_PLACE "%s: %.400s", name, why.text);
}

hg_status hgh_admin_tls_load(const char *directory,
                             const hgh_settings *settings,
                             hgh_admin_tls *out_tls,
                             hg_error *err)
{
    hgh_admin_tls tls = {0};
    hg_status status = HG_OK;

    if (settings->enable_admin && settings->https_admin) {
        status =
            load_one(directory, "admin_ssl_cert", settings->admin_ssl_cert, &tls.certificate, err);
        if (status == HG_OK) {
            status = load_one(directory, "admin_ssl_cert_key", settings->admin_ssl_cert_key,
                              &tls.key, err);
        }
        if (status == HG_OK) {
            status = load_one(directory, "admin_ssl_ca_cert", settings->admin_ssl_ca_cert,
                              &tls.authorities, err);
        }
        if (status == HG_OK) {
            status = judge(&tls, settings, err);
        }
    }
    if (status != HG_OK) {
        hgh_admin_tls_done(&tls);
        return status;
    }
    *out_tls = tls;
    return HG_OK;
}

void hgh_admin_tls_done(hgh_admin_tls *tls)
{
    if (tls->key != NULL) {
        explicit_bzero(tls->key, strlen(tls->key));
    }
    free(tls->certificate);
    free(tls->key);
    free(tls->authorities);
    *tls = (hgh_admin_tls){0};
}
