/* host/core/certificate.c - certificates, private keys and authorities, parsed once from PEM. */
#include "host/core/certificate.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

#define CHAIN_MAX 32 /* certificates in one PEM text */

struct hgh_certificate {
    X509 *leaf;
    STACK_OF(X509) * chain;
    EVP_PKEY *key;
};

struct hgh_authority {
    X509_STORE *store;
    STACK_OF(X509_NAME) * names; /* what the client is told */
};

/* OpenSSL's own words for the last error; they name formats, never contents. */
static const char *reason_of(void)
{
    unsigned long code = ERR_peek_last_error();
    const char *reason = code == 0 ? NULL : ERR_reason_error_string(code);

    return reason == NULL ? "no PEM" : reason;
}

static hg_status fail(hg_error *err, const char *what, const char *call)
{
    hg_status status = hg_error_set(err, HG_ERR_INVALID, "failed to parse %s: %s failed: %s", what,
                                    call, reason_of());

    ERR_clear_error();
    return status;
}

static BIO *bio_of(hg_text text)
{
    ERR_clear_error();
    return text.length > INT_MAX ? NULL : BIO_new_mem_buf(text.data, (int)text.length);
}

/* Certificates of a text from the second one on; the end of the text is no error. */
static bool chain_read(BIO *bio, STACK_OF(X509) * chain)
{
    X509 *one;

    while ((one = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL) {
        if (sk_X509_num(chain) >= CHAIN_MAX || sk_X509_push(chain, one) == 0) {
            X509_free(one);
            return false;
        }
    }
    return ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
}

static hg_status leaf_read(hgh_certificate *into, hg_text text, hg_error *err)
{
    BIO *bio = bio_of(text);
    hg_status status = HG_OK;

    into->chain = sk_X509_new_null();
    if (bio == NULL || into->chain == NULL) {
        status = hg_error_set(err, HG_ERR_NO_MEMORY, "certificate: out of memory");
        goto cleanup;
    }
    into->leaf = PEM_read_bio_X509_AUX(bio, NULL, NULL, NULL);
    if (into->leaf == NULL) {
        status = fail(err, "cert", "PEM_read_bio_X509_AUX()");
    } else if (!chain_read(bio, into->chain)) {
        status = fail(err, "cert", "PEM_read_bio_X509()");
    }

cleanup:
    ERR_clear_error();
    BIO_free(bio);
    return status;
}

/* A key that is itself encrypted has nobody to ask for its password. */
static int no_password(char *buffer, int size, int writing, void *context)
{
    (void)buffer;
    (void)size;
    (void)writing;
    (void)context;
    return 0;
}

static hg_status key_read(hgh_certificate *into, hg_text text, hg_error *err)
{
    BIO *bio = bio_of(text);

    if (bio == NULL) {
        return hg_error_set(err, HG_ERR_NO_MEMORY, "key: out of memory");
    }
    into->key = PEM_read_bio_PrivateKey(bio, NULL, no_password, NULL);
    BIO_free(bio);
    if (into->key == NULL) {
        return fail(err, "key", "PEM_read_bio_PrivateKey()");
    }
    if (X509_check_private_key(into->leaf, into->key) != 1) {
        ERR_clear_error();
        return hg_error_set(err, HG_ERR_INVALID,
                            "failed to parse key: it is not the key of the certificate");
    }
    return HG_OK;
}

hg_status hgh_certificate_new(hg_text certificate,
                              hg_text key,
                              hgh_certificate **out_certificate,
                              hg_error *err)
{
    hgh_certificate *made = calloc(1, sizeof(*made));
    hg_status status;

    if (made == NULL) {
        return hg_error_set(err, HG_ERR_NO_MEMORY, "certificate: out of memory");
    }
    status = leaf_read(made, certificate, err);
    if (status == HG_OK) {
        status = key_read(made, key, err);
    }
    if (status == HG_OK) {
        *out_certificate = made;
        made = NULL; /* now the caller's */
    }
    hgh_certificate_free(made);
    return status;
}

void hgh_certificate_free(hgh_certificate *certificate)
{
    if (certificate == NULL) {
        return;
    }
    X509_free(certificate->leaf);
    sk_X509_pop_free(certificate->chain, X509_free);
    EVP_PKEY_free(certificate->key);
    free(certificate);
}

bool hgh_certificate_use(const hgh_certificate *certificate, struct ssl_st *connection)
{
    return SSL_use_cert_and_key(connection, certificate->leaf, certificate->key, certificate->chain,
                                1) == 1;
}

bool hgh_certificate_use_in(const hgh_certificate *certificate, struct ssl_ctx_st *context)
{
    return SSL_CTX_use_cert_and_key(context, certificate->leaf, certificate->key,
                                    certificate->chain, 1) == 1;
}

/* ------------------------------------------------------------------------------- authority */

static bool authority_add(hgh_authority *authority, X509 *one)
{
    X509_NAME *name = X509_NAME_dup(X509_get_subject_name(one));

    if (name == NULL || sk_X509_NAME_push(authority->names, name) == 0) {
        X509_NAME_free(name);
        return false;
    }
    return X509_STORE_add_cert(authority->store, one) == 1;
}

static hg_status authority_read(hgh_authority *authority, BIO *bio, hg_error *err)
{
    unsigned count = 0;
    X509 *one;

    while ((one = PEM_read_bio_X509_AUX(bio, NULL, NULL, NULL)) != NULL) {
        bool added = count < CHAIN_MAX && authority_add(authority, one);

        X509_free(one);
        count++;
        if (!added) {
            return fail(err, "client cert", "X509_STORE_add_cert()");
        }
    }
    return count > 0 && ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE
               ? HG_OK
               : fail(err, "client cert", "PEM_read_bio_X509_AUX()");
}

hg_status hgh_authority_new(hg_text certificates, hgh_authority **out_authority, hg_error *err)
{
    hgh_authority *made = calloc(1, sizeof(*made));
    BIO *bio = bio_of(certificates);
    hg_status status = hg_error_set(err, HG_ERR_NO_MEMORY, "client: out of memory");

    if (made != NULL && bio != NULL && (made->store = X509_STORE_new()) != NULL &&
        (made->names = sk_X509_NAME_new_null()) != NULL) {
        status = authority_read(made, bio, err);
    }
    ERR_clear_error();
    BIO_free(bio);
    if (status == HG_OK) {
        *out_authority = made;
        made = NULL; /* now the caller's */
    }
    hgh_authority_free(made);
    return status;
}

void hgh_authority_free(hgh_authority *authority)
{
    if (authority == NULL) {
        return;
    }
    X509_STORE_free(authority->store);
    sk_X509_NAME_pop_free(authority->names, X509_NAME_free);
    free(authority);
}

/* Said in so many words: nginx's contexts come with a callback that lets everything pass. */
static int stop_if_wrong(int preverified, X509_STORE_CTX *context)
{
    (void)context;
    return preverified;
}

/* The handshake goes on whatever is wrong: the result is looked at when a request comes. */
static int go_on(int preverified, X509_STORE_CTX *context)
{
    (void)preverified;
    (void)context;
    return 1;
}

bool hgh_authority_ask(const hgh_authority *authority,
                       struct ssl_st *connection,
                       int depth,
                       bool required)
{
    STACK_OF(X509_NAME) *names = SSL_dup_CA_list(authority->names);

    if (names == NULL || SSL_set1_verify_cert_store(connection, authority->store) != 1) {
        sk_X509_NAME_pop_free(names, X509_NAME_free);
        return false;
    }
    SSL_set_client_CA_list(connection, names); /* takes them over */
    SSL_set_verify_depth(connection, depth);
    if (required) {
        SSL_set_verify(connection, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT,
                       stop_if_wrong);
    } else {
        SSL_set_verify(connection, SSL_VERIFY_PEER, go_on);
    }
    return true;
}

bool hgh_authority_has_verified(struct ssl_st *connection)
{
    return SSL_get0_peer_certificate(connection) != NULL &&
           SSL_get_verify_result(connection) == X509_V_OK;
}
