/* host/core/ssl.h - one object of the kind ssls: names, certificates, and who may connect. */
#ifndef HOST_CORE_SSL_H
#define HOST_CORE_SSL_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include <hotgate/config.h>
#include <hotgate/error.h>
#include <hotgate/text.h>

#include "host/core/certificate.h"
#include "host/core/map.h"
#include "host/core/resource.h"

#define HGH_SSL_CERTIFICATES_MAX 17u /* cert and 16 of certs */

/** Versions of TLS, as bits. */
typedef enum hgh_tls_version {
    HGH_TLS_1_1 = 1,
    HGH_TLS_1_2 = 2,
    HGH_TLS_1_3 = 4,
} hgh_tls_version;

/** What is parsed when a handshake first needs it. Immutable. */
typedef struct hgh_ssl_material {
    size_t certificate_count;
    hgh_certificate *certificates[HGH_SSL_CERTIFICATES_MAX]; /* owned */
    hgh_authority *authority; /* owned; NULL: clients need no certificate */
    int depth;                /* of chains that clients show */
    size_t skip_count;
    hg_regex **skip; /* owned: URIs that need no client certificate */
} hgh_ssl_material;

/** Where an ssl is found by one name. */
typedef struct hgh_sni_entry {
    hgh_map_node node; /* by name, in the index, if it is the first of its name */
    struct hgh_ssl *ssl;
    struct hgh_sni_entry *next; /* of the same name, written later */
} hgh_sni_entry;

typedef struct hgh_ssl {
    hgh_resource base;
    bool serves;      /* type server, status 1 */
    bool is_client;   /* type client: the gateway shows it to upstreams */
    uint8_t versions; /* bits of hgh_tls_version; 0: those of the listener */
    size_t sni_count;
    hg_text *snis;              /* lower case; owned, in one block with what they point to */
    hgh_sni_entry *entries;     /* owned; one each */
    hgh_ssl_material *material; /* owned; NULL: nobody has asked yet */
} hgh_ssl;

/** Decodes what the index needs; the rest stays in the feed until hgh_ssl_material_of(). */
hg_status hgh_ssl_decode(hgh_ssl *ssl, const json_t *object, hg_error *err);

/** Frees what hgh_ssl_decode() and hgh_ssl_material_of() made. */
void hgh_ssl_done(hgh_ssl *ssl);

/** Parses certificates, keys, authority and patterns of an object; control judges with it.
 *
 * out_material  on HG_OK owned by the caller; else untouched.
 */
hg_status
hgh_ssl_material_new(const json_t *object, hgh_ssl_material **out_material, hg_error *err);

/** Accepts NULL. */
void hgh_ssl_material_free(hgh_ssl_material *material);

/** The ssl's material, parsed on first use; borrowed. NULL with `err` set: it cannot be parsed. */
const hgh_ssl_material *hgh_ssl_material_of(hgh_ssl *ssl, hg_error *err);

/** True if a client must have shown a good certificate for this path. */
bool hgh_ssl_wants_client(const hgh_ssl_material *material, hg_text uri);

/** Names to ssls: the map of one process. */
typedef struct hgh_sni_index {
    hgh_map names; /* of hgh_sni_entry */
} hgh_sni_index;

void hgh_sni_index_init(hgh_sni_index *index);
void hgh_sni_index_done(hgh_sni_index *index);

/** Enters the names of an ssl that serves. HG_OK or HG_ERR_NO_MEMORY. */
hg_status hgh_sni_index_add(hgh_sni_index *index, hgh_ssl *ssl);

/** Takes them out; does nothing if they are not in it. */
void hgh_sni_index_remove(hgh_sni_index *index, hgh_ssl *ssl);

/**
 * The ssl for a name, or NULL; borrowed. The exact name comes before `*` and the longest rest of
 * it; a `*` stands for characters of the first label alone (RFC 6125 section 6.4.3). Of several
 * with one name the first that was written.
 *
 * name  any case, with or without a dot at its end.
 */
hgh_ssl *hgh_sni_index_find(const hgh_sni_index *index, hg_text name);

#endif
