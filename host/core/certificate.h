/* host/core/certificate.h - certificates, private keys and authorities, parsed once from PEM.
 *
 * The one place of the core that knows OpenSSL: control judges with it what the workers use.
 */
#ifndef HOST_CORE_CERTIFICATE_H
#define HOST_CORE_CERTIFICATE_H

#include <stdbool.h>

#include <hotgate/error.h>
#include <hotgate/text.h>

struct ssl_st;
struct ssl_ctx_st;

/** A certificate with its chain and its private key. Immutable. */
typedef struct hgh_certificate hgh_certificate;

/**
 * Parses PEM texts. No error shows anything of the key.
 *
 * certificate  the certificate itself, then those of its chain.
 * out_certificate  on HG_OK owned by the caller; else untouched.
 * Returns HG_OK, HG_ERR_INVALID ("failed to parse cert: ...", "failed to parse key: ...") or
 * HG_ERR_NO_MEMORY.
 */
hg_status hgh_certificate_new(hg_text certificate,
                              hg_text key,
                              hgh_certificate **out_certificate,
                              hg_error *err);

/** Accepts NULL. */
void hgh_certificate_free(hgh_certificate *certificate);

/** Presents it on a connection, beside those of other kinds of keys. False: OpenSSL refuses. */
bool hgh_certificate_use(const hgh_certificate *certificate, struct ssl_st *connection);

/** Presents it on every connection of a context. */
bool hgh_certificate_use_in(const hgh_certificate *certificate, struct ssl_ctx_st *context);

/** Certificates that a peer's must be signed by. Immutable. */
typedef struct hgh_authority hgh_authority;

/** Parses one or more certificates in PEM. As hgh_certificate_new(). */
hg_status hgh_authority_new(hg_text certificates, hgh_authority **out_authority, hg_error *err);

/** Accepts NULL. */
void hgh_authority_free(hgh_authority *authority);

/**
 * Asks the client of a connection for a certificate.
 *
 * depth     certificates between the client's and the authority's, at most.
 * required  the handshake fails without a good one; else whoever serves the connection looks at
 *           what came of it.
 */
bool hgh_authority_ask(const hgh_authority *authority,
                       struct ssl_st *connection,
                       int depth,
                       bool required);

/** True if the peer of a connection has shown a certificate and it was found good. */
bool hgh_authority_has_verified(struct ssl_st *connection);

#endif
