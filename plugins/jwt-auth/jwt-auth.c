/* jwt-auth.c - identifies consumers by a signed token (RFC 7519) in a header, query or cookie. */
#include <stdlib.h>
#include <string.h>

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include <hotgate/plugin.h>

#define REALM_MAX    256   /* characters; ours */
#define TOKEN_MAX    65536 /* bytes; ours: a longer one is no token */
#define RSA_BITS_MIN 2048  /* RFC 7518, sections 3.3 and 3.5 */
#define RSA_BITS_MAX 16384 /* ours: what it costs to check a signature grows with it */
#define EC_DER_MAX   144   /* two such numbers as DER has them */

typedef struct jwt_auth {
    hg_text header;
    hg_text query;
    hg_text cookie;
    hg_text key_claim_name;
    bool hide_credentials;
    bool store_in_ctx;
    hg_text realm;
    hg_text anonymous_consumer; /* absent: who is not identified is refused */
    hg_list claims_to_verify;   /* int32_t: places in `claims` */
} jwt_auth;

typedef struct credential {
    hg_text key;
    hg_text secret;
    hg_text public_key;
    hg_text private_key;
    int32_t algorithm; /* its place in `algorithms` */
    int64_t exp;
    bool base64_secret;
    int64_t lifetime_grace_period;

    /* of prepare() */
    EVP_PKEY *verifying_key; /* owned; NULL with HS */
    unsigned char *decoded;  /* owned; NULL unless base64_secret */
    hg_text signing_secret;  /* with HS */
} credential;

typedef enum key_family {
    FAMILY_HS,
    FAMILY_RS,
    FAMILY_PS,
    FAMILY_ES,
    FAMILY_EDDSA,
} key_family;

/* RFC 7518 section 3.1, RFC 8037; in the order of the field's names. */
static const struct {
    const char *name;
    key_family family;
    const EVP_MD *(*digest)(void);
    const char *curve;
    size_t number_length; /* bytes of one of the two numbers of a signature, with ES */
} algorithms[] = {
    {"HS256", FAMILY_HS, EVP_sha256, NULL, 0},
    {"HS384", FAMILY_HS, EVP_sha384, NULL, 0},
    {"HS512", FAMILY_HS, EVP_sha512, NULL, 0},
    {"RS256", FAMILY_RS, EVP_sha256, NULL, 0},
    {"RS384", FAMILY_RS, EVP_sha384, NULL, 0},
    {"RS512", FAMILY_RS, EVP_sha512, NULL, 0},
    {"ES256", FAMILY_ES, EVP_sha256, "prime256v1", 32},
    {"ES384", FAMILY_ES, EVP_sha384, "secp384r1", 48},
    {"ES512", FAMILY_ES, EVP_sha512, "secp521r1", 66},
    {"PS256", FAMILY_PS, EVP_sha256, NULL, 0},
    {"PS384", FAMILY_PS, EVP_sha384, NULL, 0},
    {"PS512", FAMILY_PS, EVP_sha512, NULL, 0},
    {"EdDSA", FAMILY_EDDSA, NULL, NULL, 0},
};

enum claim {
    CLAIM_EXP = 0,
    CLAIM_NBF = 1,
};

static const hg_field claim_item = HG_ITEM(HG_KIND_ENUM, int32_t, .names = {"exp", "nbf"});

static const hg_field fields[] = {
    HG_STRING(jwt_auth,
              header,
              "header",
              .summary = "The header that holds the token, with or without `Bearer` before it.",
              .min_length = 1,
              .initial = "authorization"),
    HG_STRING(jwt_auth,
              query,
              "query",
              .summary = "The argument that holds the token of a request without that header.",
              .min_length = 1,
              .initial = "jwt"),
    HG_STRING(jwt_auth,
              cookie,
              "cookie",
              .summary = "The cookie that holds the token of a request without both.",
              .min_length = 1,
              .initial = "jwt"),
    HG_STRING(jwt_auth,
              key_claim_name,
              "key_claim_name",
              .summary = "The claim that names the key of the consumer.",
              .min_length = 1,
              .initial = "key"),
    HG_BOOL(jwt_auth,
            hide_credentials,
            "hide_credentials",
            .summary = "Takes the token out before the request goes upstream, also one that "
                       "belongs to nobody.",
            .initial = "false"),
    HG_BOOL(jwt_auth,
            store_in_ctx,
            "store_in_ctx",
            .summary = "Without effect: it is for plugins in Lua.",
            .initial = "false"),
    HG_STRING(jwt_auth,
              realm,
              "realm",
              .summary = "The realm that a refused client is told; without quotes and "
                         "backslashes.",
              .max_length = REALM_MAX,
              .pattern = "^[^\"\\\\\\x00-\\x1f\\x7f]*$",
              .initial = "jwt"),
    HG_STRING(jwt_auth,
              anonymous_consumer,
              "anonymous_consumer",
              .summary = "The consumer of requests that could not be identified. Left out: they "
                         "are refused.",
              .example = "anonymous",
              .min_length = 1),
    HG_LIST(jwt_auth,
            claims_to_verify,
            "claims_to_verify",
            &claim_item,
            .summary = "Claims that a token has to have.",
            .unique = true),
    HG_FIELDS_END,
};

static const hg_field credential_fields[] = {
    HG_STRING(credential,
              key,
              "key",
              .summary = "What the token's key claim says.",
              .required = true,
              .min_length = 1),
    HG_SECRET(credential,
              secret,
              "secret",
              .summary = "The secret that signs; the algorithms HS require it."),
    HG_STRING(credential,
              public_key,
              "public_key",
              .summary = "The public key, which the other algorithms require, or its certificate, "
                         "as PEM. RSA: 2048 to 16384 bits. ES256, ES384, ES512: P-256, P-384, "
                         "P-521. EdDSA: Ed25519 or Ed448."),
    HG_SECRET(credential,
              private_key,
              "private_key",
              .summary = "Without effect: of version 2.15, which signed tokens."),
    HG_ENUM(credential,
            algorithm,
            "algorithm",
            .summary = "How tokens of this key are signed.",
            .initial = "HS256",
            .names = {"HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "ES256", "ES384",
                      "ES512", "PS256", "PS384", "PS512", "EdDSA"}),
    HG_INT(credential,
           exp,
           "exp",
           .summary = "Without effect: seconds that a token lives, for who signs it.",
           .min = 1,
           .initial = "86400"),
    HG_BOOL(credential,
            base64_secret,
            "base64_secret",
            .summary = "`secret` is base64 of the bytes that sign.",
            .initial = "false"),
    HG_INT(credential,
           lifetime_grace_period,
           "lifetime_grace_period",
           .summary = "Seconds by which the clocks of signer and gateway may differ.",
           .initial = "0"),
    HG_FIELDS_END,
};

/* -------------------------------------------------------------------------- configuration */

static hg_status secret_prepare(credential *own, hg_issues *issues)
{
    size_t length = 0;

    if (own->secret.length == 0) {
        hg_issues_add(issues, "/secret", "nothing",
                      "a secret: property \"secret\" is required when using HS based algorithms");
        return HG_ERR_INVALID;
    }
    if (!own->base64_secret) {
        own->signing_secret = own->secret;
        return HG_OK;
    }
    own->decoded = malloc(own->secret.length);
    if (own->decoded == NULL) {
        return HG_ERR_NO_MEMORY;
    }
    if (hg_decode(HG_BASE64, own->secret, own->decoded, own->secret.length, &length) != HG_OK ||
        length == 0) {
        free(own->decoded);
        own->decoded = NULL;
        hg_issues_add(issues, "/secret", "a secret that is not in base64 format",
                      "base64, since base64_secret is true");
        return HG_ERR_INVALID;
    }
    own->signing_secret = (hg_text){(const char *)own->decoded, length};
    return HG_OK;
}

/* Nobody is asked for the password of a key. */
static int no_password(char *buffer, int size, int writes, void *context)
{
    (void)buffer;
    (void)size;
    (void)writes;
    (void)context;
    return -1;
}

/* The key of a PEM text, or of the certificate in it; NULL: neither is there. */
static EVP_PKEY *key_read(hg_text pem)
{
    BIO *bio = pem.length > INT32_MAX ? NULL : BIO_new_mem_buf(pem.data, (int)pem.length);
    EVP_PKEY *key = bio == NULL ? NULL : PEM_read_bio_PUBKEY(bio, NULL, no_password, NULL);

    if (bio != NULL && key == NULL && BIO_reset(bio) == 1) {
        X509 *certificate = PEM_read_bio_X509(bio, NULL, no_password, NULL);

        key = certificate == NULL ? NULL : X509_get_pubkey(certificate);
        X509_free(certificate);
    }
    BIO_free(bio);
    ERR_clear_error(); /* the queue belongs to the whole process */
    return key;
}

/* What is wrong with a key for an algorithm; NULL: it fits. */
static const char *key_unfit(const EVP_PKEY *key, size_t algorithm)
{
    int type = EVP_PKEY_get_base_id(key);
    char curve[64] = "";
    int bits = EVP_PKEY_get_bits(key);

    switch (algorithms[algorithm].family) {
    case FAMILY_RS:
    case FAMILY_PS:
        if (type != EVP_PKEY_RSA &&
            (type != EVP_PKEY_RSA_PSS || algorithms[algorithm].family != FAMILY_PS)) {
            return "an RSA key";
        }
        return bits >= RSA_BITS_MIN && bits <= RSA_BITS_MAX ? NULL
                                                            : "an RSA key of 2048 to 16384 bits";
    case FAMILY_ES:
        if (type != EVP_PKEY_EC || EVP_PKEY_get_group_name(key, curve, sizeof(curve), NULL) != 1 ||
            strcmp(curve, algorithms[algorithm].curve) != 0) {
            return algorithms[algorithm].number_length == 32   ? "a key of the curve P-256"
                   : algorithms[algorithm].number_length == 48 ? "a key of the curve P-384"
                                                               : "a key of the curve P-521";
        }
        return NULL;
    case FAMILY_EDDSA:
        return type == EVP_PKEY_ED25519 || type == EVP_PKEY_ED448 ? NULL
                                                                  : "a key of Ed25519 or Ed448";
    case FAMILY_HS:
        break;
    }
    return "no key";
}

static hg_status key_prepare(credential *own, hg_issues *issues)
{
    const char *unfit;

    if (own->public_key.length == 0) {
        hg_issues_add(issues, "/public_key", "nothing",
                      "a key: property \"public_key\" is required when using other than HS based "
                      "algorithms");
        return HG_ERR_INVALID;
    }
    own->verifying_key = key_read(own->public_key);
    if (own->verifying_key == NULL) {
        hg_issues_add(issues, "/public_key", "what is no public key",
                      "PEM of a public key or of a certificate");
        return HG_ERR_INVALID;
    }
    unfit = key_unfit(own->verifying_key, (size_t)own->algorithm);
    if (unfit != NULL) {
        EVP_PKEY_free(own->verifying_key);
        own->verifying_key = NULL;
        hg_issues_add(issues, "/public_key", "a key that the algorithm cannot use", unfit);
        return HG_ERR_INVALID;
    }
    return HG_OK;
}

static hg_status credential_prepare(void *state, const hg_config_source *source, hg_issues *issues)
{
    credential *own = state;

    (void)source;
    return algorithms[own->algorithm].family == FAMILY_HS ? secret_prepare(own, issues)
                                                          : key_prepare(own, issues);
}

static void credential_dispose(void *state)
{
    credential *own = state;

    EVP_PKEY_free(own->verifying_key);
    if (own->decoded != NULL) {
        OPENSSL_cleanse(own->decoded, own->signing_secret.length);
        free(own->decoded);
    }
}

/* ------------------------------------------------------------------------------ signatures */

static bool hmac_is_valid(const credential *own, hg_text signed_text, hg_text signature)
{
    unsigned char wanted[EVP_MAX_MD_SIZE];
    unsigned int length = 0;

    if (own->signing_secret.length > INT32_MAX ||
        HMAC(algorithms[own->algorithm].digest(), own->signing_secret.data,
             (int)own->signing_secret.length, (const unsigned char *)signed_text.data,
             signed_text.length, wanted, &length) == NULL) {
        return false;
    }
    return hg_secret_equal(signature, (hg_text){(const char *)wanted, length});
}

/* Two numbers of fixed length (RFC 7518 section 3.4) as OpenSSL has them; 0: they are not. */
static size_t signature_to_der(hg_text signature, size_t number_length, unsigned char *der)
{
    const unsigned char *bytes = (const unsigned char *)signature.data;
    ECDSA_SIG *pair = signature.length == 2 * number_length ? ECDSA_SIG_new() : NULL;
    BIGNUM *first = pair == NULL ? NULL : BN_bin2bn(bytes, (int)number_length, NULL);
    BIGNUM *second =
        pair == NULL ? NULL : BN_bin2bn(bytes + number_length, (int)number_length, NULL);
    int length = 0;

    if (first != NULL && second != NULL && ECDSA_SIG_set0(pair, first, second) == 1) {
        length = i2d_ECDSA_SIG(pair, &der);
    } else {
        BN_free(first);
        BN_free(second);
    }
    ECDSA_SIG_free(pair);
    return length > 0 ? (size_t)length : 0;
}

static bool pss_set(EVP_PKEY_CTX *context)
{
    return EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PSS_PADDING) > 0 &&
           EVP_PKEY_CTX_set_rsa_pss_saltlen(context, RSA_PSS_SALTLEN_DIGEST) > 0;
}

static bool key_signed(const credential *own, hg_text signed_text, hg_text signature)
{
    const EVP_MD *digest =
        algorithms[own->algorithm].digest == NULL ? NULL : algorithms[own->algorithm].digest();
    key_family family = algorithms[own->algorithm].family;
    unsigned char der[EC_DER_MAX];
    EVP_MD_CTX *context;
    EVP_PKEY_CTX *key_context = NULL; /* of `context` */
    bool valid;

    if (family == FAMILY_ES) {
        signature.length =
            signature_to_der(signature, algorithms[own->algorithm].number_length, der);
        signature.data = (const char *)der;
        if (signature.length == 0) {
            return false;
        }
    }
    context = EVP_MD_CTX_new();
    valid = context != NULL &&
            EVP_DigestVerifyInit(context, &key_context, digest, NULL, own->verifying_key) == 1 &&
            (family != FAMILY_PS || pss_set(key_context)) &&
            EVP_DigestVerify(context, (const unsigned char *)signature.data, signature.length,
                             (const unsigned char *)signed_text.data, signed_text.length) == 1;
    EVP_MD_CTX_free(context);
    ERR_clear_error(); /* the queue belongs to the whole process */
    return valid;
}

/* ----------------------------------------------------------------------------------- token */

/* A token, taken apart; nothing of it is believed yet. */
typedef struct token {
    hg_text signed_text; /* header and payload as they were sent */
    hg_text signature;   /* bytes, pooled */
    json_t *header;      /* owned, an object, as is the next */
    json_t *payload;
} token;

static void token_done(token *parsed)
{
    json_decref(parsed->header);
    json_decref(parsed->payload);
}

static bool part_decode(hg_request *request, hg_text part, hg_text *out_bytes)
{
    char *bytes = hg_request_allocate(request, part.length + 1);

    out_bytes->data = bytes;
    return bytes != NULL &&
           hg_decode(HG_BASE64_URL, part, bytes, part.length, &out_bytes->length) == HG_OK;
}

/* A member that stands there twice could be read in two ways: it is refused. */
static json_t *part_object(hg_request *request, hg_text part)
{
    hg_text bytes;
    json_t *object = NULL;

    if (part_decode(request, part, &bytes)) {
        object = json_loadb(bytes.data, bytes.length, JSON_REJECT_DUPLICATES, NULL);
    }
    if (!json_is_object(object)) {
        json_decref(object);
        return NULL;
    }
    return object;
}

/* HEADER.PAYLOAD.SIGNATURE (RFC 7515 section 7.1); false: it is no token, and nothing is owned. */
static bool token_parse(hg_request *request, hg_text text, token *out_token)
{
    const char *end = text.data + text.length;
    const char *first = memchr(text.data, '.', text.length);
    const char *second = first == NULL ? NULL : memchr(first + 1, '.', (size_t)(end - first - 1));
    token parsed = {0};

    if (text.length > TOKEN_MAX || second == NULL) {
        return false;
    }
    parsed.signed_text = (hg_text){text.data, (size_t)(second - text.data)};
    if (part_decode(request, (hg_text){second + 1, (size_t)(end - second - 1)},
                    &parsed.signature)) {
        parsed.header = part_object(request, (hg_text){text.data, (size_t)(first - text.data)});
        parsed.payload = part_object(request, (hg_text){first + 1, (size_t)(second - first - 1)});
    }
    if (parsed.header == NULL || parsed.payload == NULL) {
        token_done(&parsed);
        return false;
    }
    *out_token = parsed;
    return true;
}

/* The key says which algorithm it is for, not the token. */
static const char *signature_unfit(const token *given, const credential *own)
{
    const char *algorithm = json_string_value(json_object_get(given->header, "alg"));

    if (algorithm == NULL || strcmp(algorithm, algorithms[own->algorithm].name) != 0) {
        return "its algorithm is not that of the key";
    }
    if (json_object_get(given->header, "crit") != NULL) {
        return "it asks for extensions in crit"; /* RFC 7515 section 4.1.11 */
    }
    if (algorithms[own->algorithm].family == FAMILY_HS
            ? !hmac_is_valid(own, given->signed_text, given->signature)
            : !key_signed(own, given->signed_text, given->signature)) {
        return "its signature is not that of the key";
    }
    return NULL;
}

static bool is_wanted(const jwt_auth *config, int32_t claim)
{
    const int32_t *wanted = config->claims_to_verify.items;

    for (size_t i = 0; i < config->claims_to_verify.count; i++) {
        if (wanted[i] == claim) {
            return true;
        }
    }
    return false;
}

/* RFC 7519, sections 4.1.4 and 4.1.5; fractions of a second are allowed there. */
static const char *lifetime_unfit(const token *given, const jwt_auth *config, const credential *own)
{
    const json_t *exp = json_object_get(given->payload, "exp");
    const json_t *nbf = json_object_get(given->payload, "nbf");
    double now_s = (double)hg_wall_ms() / 1000;
    double grace_s = (double)own->lifetime_grace_period;

    if ((exp == NULL && is_wanted(config, CLAIM_EXP)) || (exp != NULL && !json_is_number(exp))) {
        return "it has no time in exp";
    }
    if ((nbf == NULL && is_wanted(config, CLAIM_NBF)) || (nbf != NULL && !json_is_number(nbf))) {
        return "it has no time in nbf";
    }
    if (exp != NULL && json_number_value(exp) <= now_s - grace_s) {
        return "it is expired";
    }
    if (nbf != NULL && json_number_value(nbf) > now_s + grace_s) {
        return "it is not valid yet";
    }
    return NULL;
}

/* --------------------------------------------------------------------------------- rewrite */

/* Where a token stands. */
typedef enum place {
    PLACE_HEADER,
    PLACE_QUERY,
    PLACE_COOKIE,
} place;

/* The first of the three places that holds one; absent: none does. */
static hg_text token_find(hg_request *request, const jwt_auth *own, place *out_place)
{
    hg_text text = hg_request_header(request, own->header);

    *out_place = PLACE_HEADER;
    if (hg_text_is_present(text)) {
        bool is_named = text.length >= 7 &&
                        hg_text_equal_ignoring_case((hg_text){text.data, 7}, HG_TEXT("Bearer "));

        return is_named ? (hg_text){text.data + 7, text.length - 7} : text;
    }
    *out_place = PLACE_QUERY;
    text = hg_request_argument(request, own->query);
    if (hg_text_is_present(text)) {
        return text;
    }
    *out_place = PLACE_COOKIE;
    return hg_request_cookie(request, own->cookie);
}

static hg_status token_hide(hg_request *request, const jwt_auth *own)
{
    place where;

    (void)token_find(request, own, &where); /* it is the place that counts */
    switch (where) {
    case PLACE_HEADER:
        return hg_request_remove_header(request, own->header);
    case PLACE_QUERY:
        return hg_request_remove_argument(request, own->query);
    case PLACE_COOKIE:
        break;
    }
    return hg_request_remove_cookie(request, own->cookie);
}

/* The request goes on as that consumer's. A token is hidden only now: what is refused here may be
 * looked at by the next plugin of a multi-auth. */
static hg_verdict attach(hg_request *request, const jwt_auth *own, const hg_consumer *consumer)
{
    if (own->hide_credentials && token_hide(request, own) != HG_OK) {
        return hg_exit(request, 500);
    }
    return hg_consumer_attach(request, consumer) == HG_OK ? HG_NEXT : hg_exit(request, 500);
}

/* What becomes of a request that was not identified. */
static hg_verdict refuse(hg_request *request, const jwt_auth *own, hg_text message)
{
    if (own->anonymous_consumer.data != NULL) {
        const hg_consumer *anonymous = hg_consumer_named(request, own->anonymous_consumer);

        if (anonymous != NULL) {
            return attach(request, own, anonymous);
        }
        hg_log(request, HG_LOG_ERROR, "the anonymous consumer %s is not there",
               own->anonymous_consumer.data);
        message = HG_TEXT("Invalid user authorization");
    }
    return hg_exit_unauthorized(request, "Bearer", own->realm, message);
}

/* Whose token it is; NULL: nobody's, and *out_message says why. */
static const hg_consumer *
identify(hg_request *request, const jwt_auth *own, const token *given, hg_text *out_message)
{
    const json_t *key = json_object_get(given->payload, own->key_claim_name.data);
    const hg_consumer *consumer = NULL;
    const credential *found;
    const char *unfit;

    if (key == NULL || json_is_null(key)) {
        *out_message = HG_TEXT("missing user key in JWT token");
        return NULL;
    }
    if (json_is_string(key)) {
        consumer =
            hg_consumer_find(request, (hg_text){json_string_value(key), json_string_length(key)});
    }
    found = consumer == NULL ? NULL : hg_consumer_config(request, consumer);
    if (found == NULL) {
        *out_message = HG_TEXT("Invalid user key in JWT token");
        return NULL;
    }
    unfit = signature_unfit(given, found);
    if (unfit == NULL) {
        unfit = lifetime_unfit(given, own, found);
    }
    if (unfit != NULL) {
        hg_log(request, HG_LOG_WARN, "failed to verify jwt: %s", unfit);
        *out_message = HG_TEXT("failed to verify jwt");
        return NULL;
    }
    return consumer;
}

static hg_verdict on_rewrite(hg_request *request, const void *config)
{
    const jwt_auth *own = config;
    const hg_consumer *consumer;
    hg_text message = {NULL, 0};
    place where;
    hg_text text = token_find(request, own, &where);
    token given;

    if (!hg_text_is_present(text)) {
        return refuse(request, own, HG_TEXT("Missing JWT token in request"));
    }
    if (!token_parse(request, text, &given)) {
        return refuse(request, own, HG_TEXT("JWT token invalid"));
    }
    consumer = identify(request, own, &given, &message);
    token_done(&given);
    return consumer == NULL ? refuse(request, own, message) : attach(request, own, consumer);
}

HG_PLUGIN("jwt-auth",
          "1.0.0",
          .summary = "Identifies consumers by a signed token in a header, query or cookie.",
          .priority = 2510,
          .flags = HG_AUTH,
          .config = HG_CONFIG(jwt_auth, fields),
          .consumer = HG_CONSUMER_PREPARED(
              credential, credential_fields, "key", credential_prepare, credential_dispose),
          .rewrite = on_rewrite);
