/* test_jwt_auth.c - tokens of every algorithm, and those that must not pass. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include <hotgate/test_cmocka.h>

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))
#define TOKEN_ROOM        4096
#define HEADERS_ROOM      (TOKEN_ROOM + 64)
#define SECRET            "my-secret-key"

static char told[256]; /* the body of the last answer, for messages */

/* ------------------------------------------------------------------------------------ keys */

enum {
    KEY_RSA,
    KEY_P256,
    KEY_P384,
    KEY_P521,
    KEY_ED25519,
    KEY_ED448,
    KEY_RSA_PSS,
    KEY_OTHER_P256,
    KEYS
};

/* An RSA key that is for PSS alone. */
static EVP_PKEY *rsa_pss_make(void)
{
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "RSA-PSS", NULL);
    EVP_PKEY *made = NULL;

    assert_int_equal(EVP_PKEY_keygen_init(context), 1);
    assert_int_equal(EVP_PKEY_CTX_set_rsa_keygen_bits(context, 2048), 1);
    assert_int_equal(EVP_PKEY_generate(context, &made), 1);
    EVP_PKEY_CTX_free(context);
    return made;
}

/* Made once for the whole program. */
static EVP_PKEY *key(int which)
{
    static EVP_PKEY *made[KEYS];

    if (made[which] != NULL) {
        return made[which];
    }
    switch (which) {
    case KEY_RSA:
        made[which] = EVP_RSA_gen(2048);
        break;
    case KEY_P256:
        made[which] = EVP_EC_gen("P-256");
        break;
    case KEY_P384:
        made[which] = EVP_EC_gen("P-384");
        break;
    case KEY_P521:
        made[which] = EVP_EC_gen("P-521");
        break;
    case KEY_ED25519:
        made[which] = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
        break;
    case KEY_ED448:
        made[which] = EVP_PKEY_Q_keygen(NULL, NULL, "ED448");
        break;
    case KEY_RSA_PSS:
        made[which] = rsa_pss_make();
        break;
    default:
        made[which] = EVP_EC_gen("P-256");
    }
    assert_non_null(made[which]);
    return made[which];
}

/* PEM of the public half of a key; until the next call. */
static const char *pem_of(EVP_PKEY *made)
{
    static char text[8192];
    BIO *bio = BIO_new(BIO_s_mem());
    int length;

    assert_int_equal(PEM_write_bio_PUBKEY(bio, made), 1);
    length = BIO_read(bio, text, sizeof(text) - 1);
    assert_true(length > 0);
    text[length] = '\0';
    BIO_free(bio);
    return text;
}

static const char *public_pem(int which)
{
    return pem_of(key(which));
}

/* PEM of an RSA key of so many bits, whose modulus is any number; until the next call. */
static const char *rsa_pem_of(int bits)
{
    BIGNUM *modulus = BN_new();
    BIGNUM *exponent = BN_new();
    OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
    EVP_PKEY *made = NULL;
    OSSL_PARAM *parameters;
    const char *pem;

    assert_int_equal(BN_set_bit(modulus, bits - 1), 1);
    assert_int_equal(BN_set_bit(modulus, 0), 1);
    assert_int_equal(BN_set_word(exponent, 65537), 1);
    assert_int_equal(OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_N, modulus), 1);
    assert_int_equal(OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_E, exponent), 1);
    parameters = OSSL_PARAM_BLD_to_param(builder);
    assert_int_equal(EVP_PKEY_fromdata_init(context), 1);
    assert_int_equal(EVP_PKEY_fromdata(context, &made, EVP_PKEY_PUBLIC_KEY, parameters), 1);
    pem = pem_of(made);
    EVP_PKEY_free(made);
    OSSL_PARAM_free(parameters);
    OSSL_PARAM_BLD_free(builder);
    EVP_PKEY_CTX_free(context);
    BN_free(exponent);
    BN_free(modulus);
    return pem;
}

/* PEM of a certificate of it; until the next call. */
static const char *certificate_pem(int which)
{
    static char text[4096];
    X509 *certificate = X509_new();
    BIO *bio = BIO_new(BIO_s_mem());
    int length;

    assert_non_null(X509_gmtime_adj(X509_getm_notBefore(certificate), 0));
    assert_non_null(X509_gmtime_adj(X509_getm_notAfter(certificate), 3600));
    assert_int_equal(X509_set_pubkey(certificate, key(which)), 1);
    assert_true(X509_sign(certificate, key(which), EVP_sha256()) > 0);
    assert_int_equal(PEM_write_bio_X509(bio, certificate), 1);
    length = BIO_read(bio, text, sizeof(text) - 1);
    assert_true(length > 0);
    text[length] = '\0';
    BIO_free(bio);
    X509_free(certificate);
    return text;
}

static const char *private_pem(int which)
{
    static char text[4096];
    BIO *bio = BIO_new(BIO_s_mem());
    int length;

    assert_int_equal(PEM_write_bio_PrivateKey(bio, key(which), NULL, NULL, 0, NULL, NULL), 1);
    length = BIO_read(bio, text, sizeof(text) - 1);
    assert_true(length > 0);
    text[length] = '\0';
    BIO_free(bio);
    return text;
}

/* ---------------------------------------------------------------------------------- tokens */

/* Appends base64url to a text, which has room for it. */
static void append_any(char *text, const void *bytes, size_t length)
{
    size_t at = strlen(text);

    (void)EVP_EncodeBlock((unsigned char *)text + at, bytes, (int)length);
    for (; text[at] != '\0'; at++) {
        text[at] = text[at] == '+' ? '-' : text[at] == '/' ? '_' : text[at];
        if (text[at] == '=') {
            text[at] = '\0';
            break;
        }
    }
}

static void append(char *text, const void *bytes, size_t length)
{
    assert_true(strlen(text) + length * 2 + 8 < TOKEN_ROOM);
    append_any(text, bytes, length);
}

static const struct {
    const char *name;
    int key; /* -1: SECRET */
    const EVP_MD *(*digest)(void);
    int number_length; /* with ES */
    int pss;
} algorithms[] = {
    {"HS256", -1, EVP_sha256, 0, 0},        {"HS384", -1, EVP_sha384, 0, 0},
    {"HS512", -1, EVP_sha512, 0, 0},        {"RS256", KEY_RSA, EVP_sha256, 0, 0},
    {"RS384", KEY_RSA, EVP_sha384, 0, 0},   {"RS512", KEY_RSA, EVP_sha512, 0, 0},
    {"ES256", KEY_P256, EVP_sha256, 32, 0}, {"ES384", KEY_P384, EVP_sha384, 48, 0},
    {"ES512", KEY_P521, EVP_sha512, 66, 0}, {"PS256", KEY_RSA, EVP_sha256, 0, 1},
    {"PS384", KEY_RSA, EVP_sha384, 0, 1},   {"PS512", KEY_RSA, EVP_sha512, 0, 1},
    {"EdDSA", KEY_ED25519, NULL, 0, 0},     {"EdDSA", KEY_ED448, NULL, 0, 0},
};

static void sign_with_key(size_t which, char *text)
{
    unsigned char signature[1024];
    unsigned char numbers[132];
    size_t length = sizeof(signature);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    EVP_PKEY_CTX *key_context = NULL;
    int half = algorithms[which].number_length;

    assert_int_equal(
        EVP_DigestSignInit(context, &key_context,
                           algorithms[which].digest == NULL ? NULL : algorithms[which].digest(),
                           NULL, key(algorithms[which].key)),
        1);
    if (algorithms[which].pss) {
        assert_true(EVP_PKEY_CTX_set_rsa_padding(key_context, RSA_PKCS1_PSS_PADDING) > 0);
        assert_true(EVP_PKEY_CTX_set_rsa_pss_saltlen(key_context, -1) > 0);
    }
    assert_int_equal(
        EVP_DigestSign(context, signature, &length, (unsigned char *)text, strlen(text)), 1);
    EVP_MD_CTX_free(context);
    (void)strcat(text, ".");
    if (half > 0) {
        const unsigned char *at = signature;
        ECDSA_SIG *pair = d2i_ECDSA_SIG(NULL, &at, (long)length);

        assert_int_equal(BN_bn2binpad(ECDSA_SIG_get0_r(pair), numbers, half), half);
        assert_int_equal(BN_bn2binpad(ECDSA_SIG_get0_s(pair), numbers + half, half), half);
        ECDSA_SIG_free(pair);
        append(text, numbers, 2 * (size_t)half);
    } else {
        append(text, signature, length);
    }
}

/* Signs header and payload as that algorithm does, whatever the header says. */
static const char *sign(size_t which, const char *header, const char *payload)
{
    static char text[TOKEN_ROOM];

    text[0] = '\0';
    append(text, header, strlen(header));
    (void)strcat(text, ".");
    append(text, payload, strlen(payload));
    if (algorithms[which].key < 0) {
        unsigned char signature[EVP_MAX_MD_SIZE];
        unsigned int length = 0;

        assert_non_null(HMAC(algorithms[which].digest(), SECRET, (int)strlen(SECRET),
                             (unsigned char *)text, strlen(text), signature, &length));
        (void)strcat(text, ".");
        append(text, signature, length);
    } else {
        sign_with_key(which, text);
    }
    return text;
}

static const char *sign_as(size_t which, const char *payload)
{
    char header[64];

    (void)snprintf(header, sizeof(header), "{\"typ\":\"JWT\",\"alg\":\"%s\"}",
                   algorithms[which].name);
    return sign(which, header, payload);
}

/* --------------------------------------------------------------------------------- gateway */

static void put_consumer(hg_test *test, json_t *credential)
{
    json_t *consumer =
        json_pack("{s:s, s:{s:o}}", "username", "jack", "plugins", "jwt-auth", credential);
    char *text = json_dumps(consumer, 0);

    assert_non_null(text);
    hg_test_must_put(test, "consumers/jack", text);
    free(text);
    json_decref(consumer);
}

/* The credential of an algorithm. */
static json_t *credential_of(size_t which)
{
    return algorithms[which].key < 0
               ? json_pack("{s:s, s:s, s:s}", "key", "user-key", "secret", SECRET, "algorithm",
                           algorithms[which].name)
               : json_pack("{s:s, s:s, s:s}", "key", "user-key", "public_key",
                           public_pem(algorithms[which].key), "algorithm", algorithms[which].name);
}

static const hg_test_exchange *send(hg_test *test, const char *config, const char *token)
{
    char *headers = malloc(strlen(token) + 64);
    hg_test_request request = {.headers = headers};
    const hg_test_exchange *got;

    assert_non_null(headers);
    (void)sprintf(headers, "Authorization: Bearer %s\n", token);
    got = hg_test_run(test, config, &request);
    free(headers);
    (void)snprintf(told, sizeof(told), "%s", got->body);
    return got;
}

static bool passes(hg_test *test, const char *config, const char *token)
{
    const hg_test_exchange *got = send(test, config, token);
    const char *name = hg_test_upstream_header(test, got, "X-Consumer-Username");

    return got->status == 200 && name != NULL && strcmp(name, "jack") == 0;
}

static bool is_refused(hg_test *test, const char *config, const char *token, const char *message)
{
    const hg_test_exchange *got = send(test, config, token);
    char body[128];

    (void)snprintf(body, sizeof(body), "{\"message\":\"%s\"}\n", message);
    return got->status == 401 && strcmp(got->body, body) == 0 && got->tries == 0 &&
           strcmp(hg_test_header(test, got, "WWW-Authenticate"), "Bearer realm=\"jwt\"") == 0;
}

static int begin_with_jack(void **state)
{
    if (hg_test_set_up(state) != 0) {
        return -1;
    }
    put_consumer(*state, credential_of(0));
    return 0;
}

/* ------------------------------------------------------------------------------- signatures */

static void every_algorithm_is_verified(void **state)
{
    for (size_t i = 0; i < ARRAY_SIZE(algorithms); i++) {
        char token[TOKEN_ROOM];
        char *at;

        put_consumer(*state, credential_of(i));
        (void)strcpy(token, sign_as(i, "{\"key\":\"user-key\"}"));
        if (!passes(*state, "{}", token)) {
            fail_msg("%s of key %d: %s", algorithms[i].name, algorithms[i].key, told);
        }
        /* One bit of the signature. */
        at = strrchr(token, '.') + 3;
        *at = *at == 'A' ? 'B' : 'A';
        if (!is_refused(*state, "{}", token, "failed to verify jwt")) {
            fail_msg("%s with another signature: %s", algorithms[i].name, told);
        }
        /* None. */
        strrchr(token, '.')[1] = '\0';
        assert_true(is_refused(*state, "{}", token, "failed to verify jwt"));
    }
}

static void what_is_signed_cannot_be_changed(void **state)
{
    char token[TOKEN_ROOM];
    char changed[TOKEN_ROOM] = "";
    static const char payload[] = "{\"key\":\"user-key\",\"admin\":true}";

    for (size_t i = 0; i < ARRAY_SIZE(algorithms); i++) {
        put_consumer(*state, credential_of(i));
        (void)strcpy(token, sign_as(i, "{\"key\":\"user-key\"}"));
        changed[0] = '\0';
        (void)strncat(changed, token, (size_t)(strchr(token, '.') - token) + 1);
        append(changed, payload, strlen(payload));
        (void)strcat(changed, strrchr(token, '.'));
        if (!is_refused(*state, "{}", changed, "failed to verify jwt")) {
            fail_msg("%s: %s", algorithms[i].name, told);
        }
    }
}

/* The token's word for it counts with no key. */
static void the_algorithm_is_that_of_the_key(void **state)
{
    for (size_t own = 0; own < ARRAY_SIZE(algorithms); own++) {
        put_consumer(*state, credential_of(own));
        for (size_t other = 0; other < ARRAY_SIZE(algorithms); other++) {
            char header[64];

            if (strcmp(algorithms[own].name, algorithms[other].name) == 0) {
                continue;
            }
            /* Signed as it says, but that is not what the key is for. */
            if (!is_refused(*state, "{}", sign_as(other, "{\"key\":\"user-key\"}"),
                            "failed to verify jwt")) {
                fail_msg("%s for a key of %s: %s", algorithms[other].name, algorithms[own].name,
                         told);
            }
            /* It says what the key is for, but is not signed so. */
            (void)snprintf(header, sizeof(header), "{\"alg\":\"%s\"}", algorithms[own].name);
            if (!is_refused(*state, "{}", sign(other, header, "{\"key\":\"user-key\"}"),
                            "failed to verify jwt")) {
                fail_msg("%s that calls itself %s: %s", algorithms[other].name,
                         algorithms[own].name, told);
            }
        }
    }
}

static void unsigned_tokens_are_refused(void **state)
{
    static const char *const headers[] = {
        "{\"alg\":\"none\"}",
        "{\"alg\":\"None\"}",
        "{\"alg\":\"NONE\"}",
        "{\"alg\":\"nOnE\"}",
        "{\"alg\":\" none\"}",
        "{\"alg\":\"none \"}",
        "{\"ALG\":\"HS256\"}",
        "{\"alg\":\"HS256 \"}",
        "{\"alg\":\"HS2\"}",
        "{\"alg\":\"HS2567\"}",
        "{\"alg\":{\"alg\":\"HS256\"}}",
        "{\"alg\":true}",
        "{\"alg\":\"\"}",
        "{\"alg\":null}",
        "{}",
        "{\"alg\":0}",
        "{\"alg\":[\"HS256\"]}",
        "{\"alg\":\"hs256\"}",
    };

    for (size_t i = 0; i < ARRAY_SIZE(headers); i++) {
        char token[TOKEN_ROOM];

        (void)strcpy(token, sign(0, headers[i], "{\"key\":\"user-key\"}"));
        if (!is_refused(*state, "{}", token, "failed to verify jwt")) {
            fail_msg("%s, signed: %s", headers[i], told);
        }
        strrchr(token, '.')[1] = '\0';
        if (!is_refused(*state, "{}", token, "failed to verify jwt")) {
            fail_msg("%s: %s", headers[i], told);
        }
    }
}

/* A token whose signature is an HMAC with those bytes as its secret. */
static void sign_with_bytes(char *token,
                            const char *algorithm,
                            const EVP_MD *digest,
                            const void *secret,
                            size_t secret_length)
{
    char header[64];
    unsigned char signature[EVP_MAX_MD_SIZE];
    unsigned int length = 0;

    (void)snprintf(header, sizeof(header), "{\"alg\":\"%s\"}", algorithm);
    token[0] = '\0';
    append(token, header, strlen(header));
    (void)strcat(token, ".");
    append(token, "{\"key\":\"user-key\"}", 18);
    assert_non_null(HMAC(digest, secret, (int)secret_length, (unsigned char *)token, strlen(token),
                         signature, &length));
    (void)strcat(token, ".");
    append(token, signature, length);
}

/* Whoever knows the public key must not be able to sign with it, in whatever form it is written. */
static void a_public_key_is_no_secret(void **state)
{
    for (size_t i = 0; i < ARRAY_SIZE(algorithms); i++) {
        char pem[8192];
        unsigned char *der = NULL;
        int der_length;

        if (algorithms[i].key < 0) {
            continue;
        }
        put_consumer(*state, credential_of(i));
        (void)snprintf(pem, sizeof(pem), "%s", public_pem(algorithms[i].key));
        der_length = i2d_PUBKEY(key(algorithms[i].key), &der);
        assert_true(der_length > 0);
        for (size_t k = 0; k < 3; k++) { /* HS256, HS384, HS512 */
            const struct {
                const char *label;
                const void *bytes;
                size_t length;
            } forms[] = {
                {"PEM", pem, strlen(pem)},
                {"PEM without its last line end", pem, strlen(pem) - 1},
                {"DER", der, (size_t)der_length},
                {"nothing", "", 0},
            };

            for (size_t f = 0; f < ARRAY_SIZE(forms); f++) {
                for (int honest = 0; honest < 2; honest++) {
                    char token[TOKEN_ROOM];

                    sign_with_bytes(token, honest ? algorithms[k].name : algorithms[i].name,
                                    algorithms[k].digest(), forms[f].bytes, forms[f].length);
                    if (!is_refused(*state, "{}", token, "failed to verify jwt")) {
                        fail_msg("%s with %s of a key of %s: %s", algorithms[k].name,
                                 forms[f].label, algorithms[i].name, told);
                    }
                }
            }
        }
        OPENSSL_free(der);
    }
}

/* Keys that a token brings along are nobody's. */
static void a_token_cannot_bring_its_key(void **state)
{
    static const char *const headers[] = {
        "{\"alg\":\"ES256\",\"kid\":\"user-key\"}",
        "{\"alg\":\"ES256\",\"kid\":\"../../dev/null\"}",
        "{\"alg\":\"ES256\",\"kid\":\"' OR 1=1 --\"}",
        "{\"alg\":\"ES256\",\"kid\":7}",
        "{\"alg\":\"ES256\",\"jku\":\"http://127.0.0.1/keys\"}",
        "{\"alg\":\"ES256\",\"jwk\":{\"kty\":\"EC\",\"crv\":\"P-256\"}}",
        "{\"alg\":\"ES256\",\"x5c\":[\"MIIB\"]}",
    };

    for (size_t i = 0; i < ARRAY_SIZE(headers); i++) {
        put_consumer(*state, json_pack("{s:s, s:s, s:s}", "key", "user-key", "algorithm", "ES256",
                                       "public_key", public_pem(KEY_P256)));
        if (!passes(*state, "{}", sign(6, headers[i], "{\"key\":\"user-key\"}"))) {
            fail_msg("%s, of the known key: %s", headers[i], told); /* and they do no harm */
        }
        put_consumer(*state, json_pack("{s:s, s:s, s:s}", "key", "user-key", "algorithm", "ES256",
                                       "public_key", public_pem(KEY_OTHER_P256)));
        if (!is_refused(*state, "{}", sign(6, headers[i], "{\"key\":\"user-key\"}"),
                        "failed to verify jwt")) {
            fail_msg("%s, of another key: %s", headers[i], told);
        }
    }
}

/* The two numbers of ES have one form: those of fixed length, and neither of them 0. */
static void signatures_of_curves_have_one_form(void **state)
{
    for (size_t i = 0; i < ARRAY_SIZE(algorithms); i++) {
        int half = algorithms[i].number_length;
        char token[TOKEN_ROOM];
        unsigned char raw[1024];
        size_t length = sizeof(raw);
        const unsigned char *at = raw;
        EVP_MD_CTX *context;
        ECDSA_SIG *pair;

        if (half == 0) {
            continue;
        }
        put_consumer(*state, credential_of(i));
        (void)strcpy(token, sign_as(i, "{\"key\":\"user-key\"}"));
        *strrchr(token, '.') = '\0';
        context = EVP_MD_CTX_new();
        assert_int_equal(
            EVP_DigestSignInit(context, NULL, algorithms[i].digest(), NULL, key(algorithms[i].key)),
            1);
        assert_int_equal(
            EVP_DigestSign(context, raw, &length, (unsigned char *)token, strlen(token)), 1);
        EVP_MD_CTX_free(context);
        pair = d2i_ECDSA_SIG(NULL, &at, (long)length);
        assert_non_null(pair);
        for (int form = 0; form < 7; form++) {
            static const char *const labels[] = {"right",    "DER",      "swapped", "zeros",
                                                 "one more", "one less", "ones"};
            unsigned char numbers[200] = {0};
            char all[TOKEN_ROOM];
            size_t size = 2 * (size_t)half;
            bool passed;

            assert_true(BN_bn2binpad(ECDSA_SIG_get0_r(pair), numbers + (form == 2 ? half : 0),
                                     half) == half);
            assert_true(BN_bn2binpad(ECDSA_SIG_get0_s(pair), numbers + (form == 2 ? 0 : half),
                                     half) == half);
            if (form == 1) {
                memcpy(numbers, raw, length);
                size = length;
            }
            if (form == 3 || form == 6) {
                memset(numbers, form == 3 ? 0 : 255, sizeof(numbers));
            }
            size += form == 4 ? 1 : 0;
            size -= form == 5 ? 1 : 0;
            (void)strcpy(all, token);
            (void)strcat(all, ".");
            append(all, numbers, size);
            passed = passes(*state, "{}", all);
            if (passed != (form == 0) ||
                (!passed && strcmp(told, "{\"message\":\"failed to verify jwt\"}\n") != 0)) {
                fail_msg("%s, %s: %s", algorithms[i].name, labels[form], told);
            }
        }
        ECDSA_SIG_free(pair);
    }
}

/* RFC 7518 section 3.5: the salt is as long as the digest. */
static void the_salt_of_pss_has_one_length(void **state)
{
    static const int salts[] = {0, 20, 31, 32, 33, RSA_PSS_SALTLEN_MAX};

    put_consumer(*state, credential_of(9)); /* PS256 */
    for (size_t i = 0; i < ARRAY_SIZE(salts); i++) {
        char token[TOKEN_ROOM] = "";
        unsigned char signature[512];
        size_t length = sizeof(signature);
        EVP_MD_CTX *context = EVP_MD_CTX_new();
        EVP_PKEY_CTX *key_context = NULL;

        append(token, "{\"alg\":\"PS256\"}", 15);
        (void)strcat(token, ".");
        append(token, "{\"key\":\"user-key\"}", 18);
        assert_int_equal(
            EVP_DigestSignInit(context, &key_context, EVP_sha256(), NULL, key(KEY_RSA)), 1);
        assert_true(EVP_PKEY_CTX_set_rsa_padding(key_context, RSA_PKCS1_PSS_PADDING) > 0);
        assert_true(EVP_PKEY_CTX_set_rsa_pss_saltlen(key_context, salts[i]) > 0);
        assert_int_equal(
            EVP_DigestSign(context, signature, &length, (unsigned char *)token, strlen(token)), 1);
        EVP_MD_CTX_free(context);
        (void)strcat(token, ".");
        append(token, signature, length);
        if (salts[i] == 32 ? !passes(*state, "{}", token)
                           : !is_refused(*state, "{}", token, "failed to verify jwt")) {
            fail_msg("%d: %s", salts[i], told);
        }
    }
}

/* RFC 7515, appendix A.1. */
static void the_example_of_the_standard_passes(void **state)
{
    static const char token[] =
        "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9."
        "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0"
        "cnVlfQ.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

    put_consumer(
        *state, json_pack("{s:s, s:s, s:b}", "key", "joe", "secret",
                          "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ+EstJQLr/T+1qS0gZH75aKtMN3Yj0iPS4hcgUu"
                          "TwjAzZr1Z9CAow==",
                          "base64_secret", 1));
    hg_test_set_wall_ms(*state, INT64_C(1300819379999));
    if (!passes(*state, "{\"key_claim_name\": \"iss\"}", token)) {
        fail_msg("%s", told);
    }
    hg_test_set_wall_ms(*state, INT64_C(1300819380000));
    assert_true(is_refused(*state, "{\"key_claim_name\": \"iss\"}", token, "failed to verify jwt"));
}

static void a_certificate_has_a_key_too(void **state)
{
    put_consumer(*state, json_pack("{s:s, s:s, s:s}", "key", "user-key", "algorithm", "RS256",
                                   "public_key", certificate_pem(KEY_RSA)));
    assert_true(passes(*state, "{}", sign_as(3, "{\"key\":\"user-key\"}")));
}

static void why_a_token_was_refused_stands_in_the_log(void **state)
{
    static const struct {
        const char *header;
        const char *claims;
        const char *config;
        const char *why;
    } cases[] = {
        {"{\"alg\":\"HS384\"}", "", "{}", "its algorithm is not that of the key"},
        {"{\"alg\":\"HS256\",\"crit\":[\"b64\"],\"b64\":true}", "", "{}",
         "it asks for extensions in crit"},
        {"{\"alg\":\"HS256\",\"crit\":null}", "", "{}", "it asks for extensions in crit"},
        {"{\"alg\":\"HS256\",\"crit\":[]}", "", "{}", "it asks for extensions in crit"},
        {"{\"alg\":\"HS256\"}", ",\"exp\":\"1\"", "{}", "it has no time in exp"},
        {"{\"alg\":\"HS256\"}", "", "{\"claims_to_verify\": [\"exp\"]}", "it has no time in exp"},
        {"{\"alg\":\"HS256\"}", ",\"nbf\":\"1\"", "{}", "it has no time in nbf"},
        {"{\"alg\":\"HS256\"}", "", "{\"claims_to_verify\": [\"nbf\"]}", "it has no time in nbf"},
        {"{\"alg\":\"HS256\"}", ",\"exp\":1700000000", "{}", "it is expired"},
        {"{\"alg\":\"HS256\"}", ",\"nbf\":1700000001", "{}", "it is not valid yet"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char payload[128];
        char line[128];

        (void)snprintf(payload, sizeof(payload), "{\"key\":\"user-key\"%s}", cases[i].claims);
        (void)snprintf(line, sizeof(line), "failed to verify jwt: %s", cases[i].why);
        hg_test_log_clear(*state);
        if (!is_refused(*state, cases[i].config, sign(0, cases[i].header, payload),
                        "failed to verify jwt") ||
            hg_test_log_count(*state, HG_LOG_WARN, line) != 1) {
            fail_msg("%s: %s, %s", line, told, hg_test_log_line(*state, 0, NULL));
        }
    }
    hg_test_log_clear(*state);
    put_consumer(*state, json_pack("{s:s, s:s}", "key", "user-key", "secret", "another"));
    assert_true(
        is_refused(*state, "{}", sign_as(0, "{\"key\":\"user-key\"}"), "failed to verify jwt"));
    assert_int_equal(hg_test_log_count(*state, HG_LOG_WARN,
                                       "failed to verify jwt: its signature is not that of the "
                                       "key"),
                     1);
}

/* ----------------------------------------------------------------------------------- claims */

static void lifetimes_are_kept(void **state)
{
    static const struct {
        const char *label;
        const char *claims; /* behind the key; now is 1700000000 */
        const char *config;
        int grace; /* -1: the greatest there is */
        bool passes;
    } cases[] = {
        {"none", "", "{}", 0, true},
        {"exp in a second", ",\"exp\":1700000001", "{}", 0, true},
        {"exp now", ",\"exp\":1700000000", "{}", 0, false},
        {"exp a second ago", ",\"exp\":1699999999", "{}", 0, false},
        {"exp a moment from now", ",\"exp\":1700000000.5", "{}", 0, true},
        {"exp within the grace", ",\"exp\":1699999991", "{}", 10, true},
        {"exp at the end of the grace", ",\"exp\":1699999990", "{}", 10, false},
        {"exp within the greatest grace", ",\"exp\":1", "{}", -1, true},
        {"nbf within the greatest grace", ",\"nbf\":1e15", "{}", -1, true},
        {"exp of the greatest integer", ",\"exp\":9223372036854775807", "{}", 0, true},
        {"nbf of the greatest integer", ",\"nbf\":9223372036854775807", "{}", 0, false},
        {"exp in a list", ",\"exp\":[1800000000]", "{}", 0, false},
        {"exp beside iat", ",\"iat\":9999999999,\"exp\":1800000000", "{}", 0, true},
        {"nbf a moment from now", ",\"nbf\":1700000000.5", "{}", 0, false},
        {"exp long ago", ",\"exp\":0", "{}", 10, false},
        {"exp before all time", ",\"exp\":-1", "{}", 0, false},
        {"exp for ever", ",\"exp\":1e300", "{}", 0, true},
        {"exp of text", ",\"exp\":\"1700000001\"", "{}", 0, false},
        {"exp of nothing", ",\"exp\":null", "{}", 0, false},
        {"exp of truth", ",\"exp\":true", "{}", 0, false},
        {"nbf now", ",\"nbf\":1700000000", "{}", 0, true},
        {"nbf in a second", ",\"nbf\":1700000001", "{}", 0, false},
        {"nbf a second ago", ",\"nbf\":1699999999", "{}", 0, true},
        {"nbf within the grace", ",\"nbf\":1700000010", "{}", 10, true},
        {"nbf behind the grace", ",\"nbf\":1700000011", "{}", 10, false},
        {"nbf of text", ",\"nbf\":\"1\"", "{}", 0, false},
        {"both", ",\"nbf\":1,\"exp\":1800000000", "{}", 0, true},
        {"exp wanted and there", ",\"exp\":1700000001", "{\"claims_to_verify\": [\"exp\"]}", 0,
         true},
        {"exp wanted and not there", "", "{\"claims_to_verify\": [\"exp\"]}", 0, false},
        {"nbf wanted and not there", ",\"exp\":1700000001", "{\"claims_to_verify\": [\"nbf\"]}", 0,
         false},
        {"nbf wanted and there", ",\"nbf\":1", "{\"claims_to_verify\": [\"nbf\"]}", 0, true},
        {"nbf wanted, exp over", ",\"nbf\":1,\"exp\":1", "{\"claims_to_verify\": [\"nbf\"]}", 0,
         false},
        {"both wanted, one there", ",\"nbf\":1", "{\"claims_to_verify\": [\"nbf\", \"exp\"]}", 0,
         false},
        {"nothing wanted", "", "{\"claims_to_verify\": []}", 0, true},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char payload[256];
        bool passed;

        put_consumer(*state, json_pack("{s:s, s:s, s:I}", "key", "user-key", "secret", SECRET,
                                       "lifetime_grace_period",
                                       cases[i].grace < 0 ? (json_int_t)INT64_MAX
                                                          : (json_int_t)cases[i].grace));
        (void)snprintf(payload, sizeof(payload), "{\"key\":\"user-key\"%s}", cases[i].claims);
        passed = passes(*state, cases[i].config, sign_as(0, payload));
        if (passed != cases[i].passes ||
            (!passed && strcmp(told, "{\"message\":\"failed to verify jwt\"}\n") != 0)) {
            fail_msg("%s: %s", cases[i].label, told);
        }
    }
    assert_int_equal(hg_test_log_count(*state, HG_LOG_WARN, "it is expired"), 6);
}

static void the_key_claim_names_the_consumer(void **state)
{
    static const struct {
        const char *label;
        const char *config;
        const char *payload;
        const char *message; /* NULL: passes */
    } cases[] = {
        {"key", "{}", "{\"key\":\"user-key\"}", NULL},
        {"unknown key", "{}", "{\"key\":\"other\"}", "Invalid user key in JWT token"},
        {"empty key", "{}", "{\"key\":\"\"}", "Invalid user key in JWT token"},
        {"number", "{}", "{\"key\":1}", "Invalid user key in JWT token"},
        {"list", "{}", "{\"key\":[\"user-key\"]}", "Invalid user key in JWT token"},
        {"no key", "{}", "{\"sub\":\"user-key\"}", "missing user key in JWT token"},
        {"null", "{}", "{\"key\":null}", "missing user key in JWT token"},
        {"empty payload", "{}", "{}", "missing user key in JWT token"},
        {"a key in another case", "{}", "{\"key\":\"User-Key\"}", "Invalid user key in JWT token"},
        {"a key with a blank behind", "{}", "{\"key\":\"user-key \"}",
         "Invalid user key in JWT token"},
        {"a key with more behind", "{}", "{\"key\":\"user-key2\"}",
         "Invalid user key in JWT token"},
        {"a key beyond ASCII", "{}", "{\"key\":\"\xe2\x82\xac\"}", "Invalid user key in JWT token"},
        {"a key with a NUL behind", "{}", "{\"key\":\"user-key\\u0000\"}", "JWT token invalid"},
        {"truth", "{}", "{\"key\":true}", "Invalid user key in JWT token"},
        {"an object", "{}", "{\"key\":{\"key\":\"user-key\"}}", "Invalid user key in JWT token"},
        {"the claim in another case", "{}", "{\"KEY\":\"user-key\"}",
         "missing user key in JWT token"},
        {"a claim with a dot", "{\"key_claim_name\": \"a.b\"}", "{\"a.b\":\"user-key\"}", NULL},
        {"a claim with a dot is no path", "{\"key_claim_name\": \"a.b\"}",
         "{\"a\":{\"b\":\"user-key\"}}", "missing user key in JWT token"},
        {"a claim beyond ASCII", "{\"key_claim_name\": \"\\u20ac\"}",
         "{\"\xe2\x82\xac\":\"user-key\"}", NULL},
        {"exp for a key", "{\"key_claim_name\": \"exp\"}", "{\"exp\":\"user-key\"}",
         "failed to verify jwt"},
        {"another claim", "{\"key_claim_name\": \"iss\"}", "{\"iss\":\"user-key\"}", NULL},
        {"the default claim", "{\"key_claim_name\": \"iss\"}", "{\"key\":\"user-key\"}",
         "missing user key in JWT token"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        const char *token = sign_as(0, cases[i].payload);

        if (cases[i].message == NULL
                ? !passes(*state, cases[i].config, token)
                : !is_refused(*state, cases[i].config, token, cases[i].message)) {
            fail_msg("%s: %s", cases[i].label, told);
        }
    }
}

/* ------------------------------------------------------------------------------- bad tokens */

static void what_is_no_token_is_refused(void **state)
{
    static const char *const tokens[] = {
        "",
        ".",
        "..",
        "...",
        "a",
        "a.b",
        "a.b.c",
        "e30.e30",
        "e30.e30.!",
        "e30.e30.e30.e30",
        "e30=.e3.",
        "e30.W10.",           /* a list */
        "W10.e30.",           /* the same */
        "e30.MQ.",            /* a number */
        "e30.eyJhIjoxfQo==.", /* padded wrongly */
        ".e30.e30",
        "e30..e30",
        "e30.e30.e30.",
        ".e30.e30.e30",
        " e30.e30.",
        "e30 .e30.",
        "e30.e30. ",
        "e30\t.e30.",
        "e30==.e30.",
        "e30.e30.=",
        "e3.e30.",
        "e.e30.",
        "e30.e30.A",
        "e30.e30.AB",  /* what is left over of its bits is not 0 */
        "e31.e30.",    /* the same */
        "e30.e30.A+A", /* of the other base64 */
        "e30.e30.A/A",
        "e30.e30.A%41",
        "e30.bnVsbA.", /* null */
        "e30.dHJ1ZQ.", /* true */
        "e30.ImEi.",   /* "a" */
        "bnVsbA.e30.",
        "e30.e317fQ.",                                 /* {}{} */
        "e30.eyJhIjoxfQA.",                            /* {"a":1} and a NUL */
        "e30.AA.",                                     /* a NUL */
        "e30.77u_e30.",                                /* a byte order mark before {} */
        "e30.eyJhIjoxLH0.",                            /* {"a":1,} */
        "e30.eydhJzoxfQ.",                             /* {'a':1} */
        "e30.eyJhIjp7ImIiOjEsImIiOjJ9fQ.",             /* {"a":{"b":1,"b":2}} */
        "eyJhbGciOiJIUzI1NiIsImFsZyI6Im5vbmUifQ.e30.", /* {"alg":"HS256","alg":"none"} */
        "e30.eyJhIjo5MjIzMzcyMDM2ODU0Nzc1ODA4fQ.",     /* {"a":9223372036854775808} */
        "e30.eyJhIjoxLCJhIjoyfQ.",                     /* {"a":1,"a":2} */
        "e30.eyJhIjoifQ.",                             /* {"a":"} */
        "e30.eyJhIjoi_yJ9.",                           /* not UTF-8 */
        "e30.eyJhIjoxZTk5OX0.",                        /* {"a":1e999} */
        "e30.eyJhIjoiXHUwMDAwIn0.",                    /* a NUL */
        "Basic Zm9vOmJhcg==",
    };

    for (size_t i = 0; i < ARRAY_SIZE(tokens); i++) {
        if (!is_refused(*state, "{}", tokens[i], "JWT token invalid")) {
            fail_msg("%s: %s", tokens[i], told);
        }
    }
}

/* Every beginning and every end of a good token, and every place for a dot too many. */
static void parts_of_a_token_are_refused(void **state)
{
    char token[TOKEN_ROOM];
    size_t length;

    (void)strcpy(token, sign_as(0, "{\"key\":\"user-key\"}"));
    length = strlen(token);
    for (size_t i = 0; i <= length; i++) {
        char part[TOKEN_ROOM];

        for (int kind = 0; kind < 4; kind++) {
            static const char *const labels[] = {"beginning", "end", "dot", "without"};
            const hg_test_exchange *got;

            (void)snprintf(part, sizeof(part), "%.*s%s%s", (int)(kind == 1 ? 0 : i), token,
                           kind == 2 ? "." : "",
                           kind == 0                 ? ""
                           : kind == 3 && i < length ? token + i + 1
                                                     : token + i);
            if (strcmp(part, token) == 0) {
                continue;
            }
            got = send(*state, "{}", part);
            if (got->status != 401 || got->tries != 0) {
                fail_msg("%s %zu: %u %s", labels[kind], i, got->status, told);
            }
        }
    }
    assert_true(passes(*state, "{}", token));
}

/* A signature may have the padding that RFC 7515 takes off; nothing else is read in two ways. */
static void what_is_left_over_of_bits_counts(void **state)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    char token[TOKEN_ROOM];
    char *last;
    size_t good;

    (void)strcpy(token, sign_as(0, "{\"key\":\"user-key\"}"));
    last = token + strlen(token) - 1;
    good = (size_t)(strchr(digits, *last) - digits);
    for (size_t i = 0; i < 64; i++) {
        *last = digits[i];
        if (i == good ? !passes(*state, "{}", token)
                      : !is_refused(*state, "{}", token,
                                    i % 4 != 0 ? "JWT token invalid" : "failed to verify jwt")) {
            fail_msg("%c for %c: %s", digits[i], digits[good], told);
        }
    }
    *last = digits[good];
    (void)strcat(token, "=");
    assert_true(passes(*state, "{}", token));
    (void)strcat(token, "=");
    assert_true(is_refused(*state, "{}", token, "JWT token invalid"));
}

/* A good token of exactly so many bytes; owned. */
static char *token_of(size_t wanted)
{
    char *token = calloc(1, wanted + 64);

    for (size_t blanks = 0; blanks < 4; blanks++) { /* lengths of base64 leave gaps */
        for (size_t fill = wanted * 3 / 4 - 100; fill < wanted * 3 / 4; fill++) {
            char *payload = malloc(fill + 64);
            char header[64];
            unsigned char signature[EVP_MAX_MD_SIZE];
            unsigned int length = 0;
            size_t at;

            (void)snprintf(header, sizeof(header), "{\"alg\":\"HS256\"%*s}", (int)blanks, "");
            (void)sprintf(payload, "{\"key\":\"user-key\",\"a\":\"%0*d\"}", (int)fill, 0);
            token[0] = '\0';
            append_any(token, header, strlen(header));
            (void)strcat(token, ".");
            append_any(token, payload, strlen(payload));
            free(payload);
            at = strlen(token);
            if (at + 44 != wanted) {
                continue;
            }
            assert_non_null(HMAC(EVP_sha256(), SECRET, (int)strlen(SECRET), (unsigned char *)token,
                                 at, signature, &length));
            (void)strcat(token, ".");
            append_any(token, signature, length);
            assert_int_equal(strlen(token), wanted);
            return token;
        }
    }
    fail_msg("no token has %zu bytes", wanted);
    return NULL;
}

static void a_token_may_have_65536_bytes(void **state)
{
    for (size_t length = 65536; length <= 65537; length++) {
        char *token = token_of(length);

        if (length == 65536 ? !passes(*state, "{}", token)
                            : !is_refused(*state, "{}", token, "JWT token invalid")) {
            fail_msg("%zu: %s", length, told);
        }
        free(token);
    }
}

static void tokens_of_any_size_are_bounded(void **state)
{
    static const size_t sizes[] = {65537, 1 << 20, 16 << 20};
    static char deep[3072];
    char *token;

    for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
        token = malloc(sizes[i] + 1);

        assert_non_null(token);
        memset(token, 'A', sizes[i]);
        memcpy(token, "e30.", 4);
        token[sizes[i] - 1] = '.';
        token[sizes[i]] = '\0';
        assert_true(is_refused(*state, "{}", token, "JWT token invalid"));
        memset(token, '.', sizes[i]);
        assert_true(is_refused(*state, "{}", token, "JWT token invalid"));
        free(token);
    }
    /* Lists in lists: what is open when the text ends does not matter any more. */
    memset(deep, '[', sizeof(deep));
    memcpy(deep, "{\"key\":", 7);
    token = calloc(1, 8192);
    assert_non_null(token);
    (void)strcpy(token, "e30.");
    (void)EVP_EncodeBlock((unsigned char *)token + 4, (unsigned char *)deep, sizeof(deep));
    (void)strcat(token, ".");
    assert_true(is_refused(*state, "{}", token, "JWT token invalid"));
    free(token);
}

/* ------------------------------------------------------------------------- where it is found */

/* A text with the token where its pattern has an @. */
static void fill(char *text, const char *pattern, const char *token)
{
    text[0] = '\0';
    for (const char *at = pattern; *at != '\0'; at++) {
        assert_true(strlen(text) + strlen(token) + 2 < TOKEN_ROOM);
        (void)(*at == '@' ? strcat(text, token) : strncat(text, at, 1));
    }
}

static void a_token_is_found_in_header_query_or_cookie(void **state)
{
    static const struct {
        const char *label;
        const char *config;
        const char *uri;     /* @: the token */
        const char *headers; /* the same */
        const char *message; /* NULL: passes */
    } cases[] = {
        {"header", "{}", "/", "Authorization: @\n", NULL},
        {"Bearer", "{}", "/", "Authorization: Bearer @\n", NULL},
        {"bearer", "{}", "/", "Authorization: bearer @\n", NULL},
        {"BEARER", "{}", "/", "Authorization: BEARER @\n", NULL},
        {"bEaReR", "{}", "/", "Authorization: bEaReR @\n", NULL},
        {"two blanks", "{}", "/", "Authorization: Bearer  @\n", "JWT token invalid"},
        {"a tab", "{}", "/", "Authorization: Bearer\t@\n", "JWT token invalid"},
        {"no blank", "{}", "/", "Authorization: Bearer@\n", "JWT token invalid"},
        {"Bearer alone", "{}", "/", "Authorization: Bearer\n", "JWT token invalid"},
        {"Bearer and a blank", "{}", "/", "Authorization: Bearer \n", "JWT token invalid"},
        {"Bearer twice", "{}", "/", "Authorization: Bearer Bearer @\n", "JWT token invalid"},
        {"another scheme", "{}", "/", "Authorization: Basic @\n", "JWT token invalid"},
        {"a list of two", "{}", "/", "Authorization: Bearer @, Bearer @\n", "JWT token invalid"},
        {"the first of two headers", "{}", "/",
         "Authorization: Bearer @\nAuthorization: Bearer no\n", NULL},
        {"only the first of two headers", "{}", "/",
         "Authorization: Bearer no\nAuthorization: Bearer @\n", "JWT token invalid"},
        {"an empty header before the query", "{}", "/?jwt=@", "Authorization: \n",
         "JWT token invalid"},
        {"an empty argument before the cookie", "{}", "/?jwt=", "Cookie: jwt=@\n",
         "JWT token invalid"},
        {"an argument without a value", "{}", "/?jwt", "", "JWT token invalid"},
        {"an empty cookie", "{}", "/", "Cookie: jwt=\n", "JWT token invalid"},
        {"the first of two arguments", "{}", "/?jwt=@&jwt=no", "", NULL},
        {"only the first of two arguments", "{}", "/?jwt=no&jwt=@", "", "JWT token invalid"},
        {"the first of two cookies", "{}", "/", "Cookie: jwt=@; jwt=no\n", NULL},
        {"only the first of two cookies", "{}", "/", "Cookie: jwt=no; jwt=@\n",
         "JWT token invalid"},
        {"the argument in another case", "{}", "/?JWT=@", "", "Missing JWT token in request"},
        {"the cookie in another case", "{}", "/", "Cookie: JWT=@\n",
         "Missing JWT token in request"},
        {"Bearer in the query", "{}", "/?jwt=Bearer%20@", "", "JWT token invalid"},
        {"a NUL behind, in the query", "{}", "/?jwt=@%00", "", "JWT token invalid"},
        {"a NUL in front, in the query", "{}", "/?jwt=%00@", "", "JWT token invalid"},
        {"own header, in another case", "{\"header\": \"x-TOKEN\"}", "/", "X-Token: Bearer @\n",
         NULL},
        {"query", "{}", "/?a=b&jwt=@", "", NULL},
        {"cookie", "{}", "/", "Cookie: a=b; jwt=@\n", NULL},
        {"header before query", "{}", "/?jwt=@", "Authorization: Bearer no\n", "JWT token invalid"},
        {"query before cookie", "{}", "/?jwt=no", "Cookie: jwt=@\n", "JWT token invalid"},
        {"none", "{}", "/?token=@", "X-Token: @\nCookie: token=@\n",
         "Missing JWT token in request"},
        {"own header", "{\"header\": \"X-Token\"}", "/", "X-Token: @\n", NULL},
        {"the default's header", "{\"header\": \"X-Token\"}", "/", "Authorization: @\n",
         "Missing JWT token in request"},
        {"own argument", "{\"query\": \"token\"}", "/?token=@", "", NULL},
        {"the default's argument", "{\"query\": \"token\"}", "/?jwt=@", "",
         "Missing JWT token in request"},
        {"own cookie", "{\"cookie\": \"token\"}", "/", "Cookie: token=@\n", NULL},
        {"the default's cookie", "{\"cookie\": \"token\"}", "/", "Cookie: jwt=@\n",
         "Missing JWT token in request"},
    };
    const char *token = sign_as(0, "{\"key\":\"user-key\"}");

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char uri[TOKEN_ROOM];
        char headers[TOKEN_ROOM];
        hg_test_request request = {.uri = uri, .headers = headers};
        const hg_test_exchange *got;
        char body[128];

        fill(uri, cases[i].uri, token);
        fill(headers, cases[i].headers, token);
        got = hg_test_run(*state, cases[i].config, &request);
        (void)snprintf(body, sizeof(body), "{\"message\":\"%s\"}\n",
                       cases[i].message == NULL ? "" : cases[i].message);
        if (cases[i].message == NULL ? got->status != 200
                                     : got->status != 401 || strcmp(got->body, body) != 0) {
            fail_msg("%s: got %u %s", cases[i].label, got->status, got->body);
        }
    }
}

static void credentials_are_hidden_on_demand(void **state)
{
    static const struct {
        const char *label;
        const char *uri;
        const char *headers;
        const char *name;      /* of the header that is looked at */
        const char *value;     /* that the upstream gets when it is hidden; NULL: none */
        const char *arguments; /* the same */
    } cases[] = {
        {"header", "/?a=b", "Authorization: Bearer @\n", "Authorization", NULL, "a=b"},
        {"query", "/?a=b&jwt=@", "Cookie: jwt=x\n", "Cookie", "jwt=x", "a=b"},
        {"cookie", "/?a=b", "Cookie: a=b; jwt=@; c=d\n", "Cookie", "a=b; c=d", "a=b"},
        {"both of two headers", "/?a=b", "Authorization: Bearer @\nAuthorization: x\n",
         "Authorization", NULL, "a=b"},
        {"both of two arguments", "/?jwt=@&a=b&jwt=x", "Cookie: jwt=x\n", "Cookie", "jwt=x", "a=b"},
        {"an argument with an encoded name", "/?a=b&j%77t=@", "", "Cookie", NULL, "a=b"},
        {"both of two cookies", "/?a=b", "Cookie: jwt=@; a=b; jwt=x\n", "Cookie", "a=b", "a=b"},
        {"a header hides no argument", "/?a=b&jwt=x", "Authorization: @\n", "Authorization", NULL,
         "a=b&jwt=x"},
    };
    const char *token = sign_as(0, "{\"key\":\"user-key\"}");

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        for (int hidden = 0; hidden < 2; hidden++) {
            char uri[TOKEN_ROOM];
            char headers[TOKEN_ROOM];
            hg_test_request request = {.uri = uri, .headers = headers};
            const hg_test_exchange *got;
            const char *value;

            fill(uri, cases[i].uri, token);
            fill(headers, cases[i].headers, token);
            got = hg_test_run(*state, hidden ? "{\"hide_credentials\": true}" : "{}", &request);
            value = hg_test_upstream_header(*state, got, cases[i].name);
            assert_int_equal(got->status, 200);
            if (!hidden) {
                assert_true(strstr(got->upstream_arguments, token) != NULL ||
                            (value != NULL && strstr(value, token) != NULL));
            } else if (strcmp(got->upstream_arguments, cases[i].arguments) != 0 ||
                       (value == NULL) != (cases[i].value == NULL) ||
                       (value != NULL && strcmp(value, cases[i].value) != 0)) {
                fail_msg("%s: %s, %s", cases[i].label, got->upstream_arguments, value);
            }
        }
    }
}

static void who_is_not_identified_is_the_anonymous_consumer(void **state)
{
    static const hg_test_request requests[] = {
        {.headers = ""},
        {.headers = "Authorization: Bearer no\n"},
        {.headers = "Authorization: Bearer e30.eyJrZXkiOiJ4In0.\n"},
        {.headers = "Authorization: Bearer e30.eyJrZXkiOiJ1c2VyLWtleSJ9.\n"},
        {.uri = "/?jwt=no"},
        {.headers = "Cookie: jwt=no\n"},
    };
    const hg_test_exchange *got;

    hg_test_must_put(*state, "consumers/nobody", "{\"username\": \"nobody\"}");
    for (size_t i = 0; i < ARRAY_SIZE(requests); i++) {
        got =
            hg_test_run(*state, "{\"anonymous_consumer\": \"nobody\", \"hide_credentials\": true}",
                        &requests[i]);
        assert_int_equal(got->status, 200);
        assert_string_equal(hg_test_upstream_header(*state, got, "X-Consumer-Username"), "nobody");
        assert_null(hg_test_upstream_header(*state, got, "Authorization"));
        assert_null(hg_test_upstream_header(*state, got, "Cookie"));
        assert_null(got->upstream_arguments);
        assert_null(hg_test_header(*state, got, "WWW-Authenticate"));
    }
    got = hg_test_run(*state, "{\"anonymous_consumer\": \"somebody\"}", &requests[1]);
    assert_int_equal(got->status, 401);
    assert_string_equal(got->body, "{\"message\":\"Invalid user authorization\"}\n");
    assert_int_equal(
        hg_test_log_count(*state, HG_LOG_ERROR, "the anonymous consumer somebody is not there"), 1);
    assert_true(passes(*state, "{\"anonymous_consumer\": \"somebody\"}",
                       sign_as(0, "{\"key\":\"user-key\"}")));
}

static void nobody_is_known_where_nobody_has_a_key(void **state)
{
    assert_true(is_refused(*state, "{}", sign_as(0, "{\"key\":\"user-key\"}"),
                           "Invalid user key in JWT token"));
}

static void a_refusal_names_its_realm(void **state)
{
    static const struct {
        const char *label;
        const char *config;
        const char *challenge;
    } cases[] = {
        {"default", "{}", "Bearer realm=\"jwt\""},
        {"own", "{\"realm\": \"my house\"}", "Bearer realm=\"my house\""},
        {"beyond ASCII", "{\"realm\": \"caf\\u00e9\"}", "Bearer realm=\"caf\xc3\xa9\""},
        {"empty", "{\"realm\": \"\"}", "Bearer realm=\"\""},
        {"anonymous, who is not there", "{\"anonymous_consumer\": \"x\"}", "Bearer realm=\"jwt\""},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        const hg_test_exchange *got = hg_test_run(*state, cases[i].config, NULL);

        if (strcmp(hg_test_header(*state, got, "WWW-Authenticate"), cases[i].challenge) != 0 ||
            strcmp(hg_test_header(*state, got, "Content-Type"), "application/json") != 0) {
            fail_msg("%s: got %s", cases[i].label, hg_test_header(*state, got, "WWW-Authenticate"));
        }
    }
    assert_int_equal(
        hg_test_log_count(*state, HG_LOG_WARN, "jwt-auth exits with http status code 401"), 5);
}

/* What an operator puts in the place of the body leaves status and challenge. */
static void a_refusal_may_have_another_body(void **state)
{
    const hg_test_exchange *got =
        hg_test_run(*state, "{\"_meta\": {\"error_response\": {\"a\": 1}}}", NULL);

    assert_int_equal(got->status, 401);
    assert_string_equal(got->body, "{\"a\":1}\n");
    assert_string_equal(hg_test_header(*state, got, "WWW-Authenticate"), "Bearer realm=\"jwt\"");
}

/* Bytes of a secret that are no text, a secret of one character, and one beyond ASCII. */
static void secrets_are_bytes(void **state)
{
    static const struct {
        const char *label;
        const char *secret;
        int base64;
        const char *bytes;
        size_t length;
    } cases[] = {
        {"one character", "x", 0, "x", 1},
        {"beyond ASCII", "\xe2\x82\xac", 0, "\xe2\x82\xac", 3},
        {"text that looks like base64", "AAH/", 0, "AAH/", 4},
        {"a NUL among them", "AAH/", 1, "\x00\x01\xff", 3},
        {"one byte", "/w==", 1, "\xff", 1},
        {"one byte without padding", "/w", 1, "\xff", 1},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char token[TOKEN_ROOM];

        put_consumer(*state, json_pack("{s:s, s:s, s:b}", "key", "user-key", "secret",
                                       cases[i].secret, "base64_secret", cases[i].base64));
        sign_with_bytes(token, "HS256", EVP_sha256(), cases[i].bytes, cases[i].length);
        if (!passes(*state, "{}", token)) {
            fail_msg("%s: %s", cases[i].label, told);
        }
        sign_with_bytes(token, "HS256", EVP_sha256(), cases[i].bytes, cases[i].length - 1);
        if (!is_refused(*state, "{}", token, "failed to verify jwt")) {
            fail_msg("%s, a byte less: %s", cases[i].label, told);
        }
    }
}

/* The parameters that a key for PSS alone has are those that tokens need. */
static void a_key_for_pss_alone_verifies(void **state)
{
    char token[TOKEN_ROOM] = "";
    unsigned char signature[512];
    size_t length = sizeof(signature);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    EVP_PKEY_CTX *key_context = NULL;

    put_consumer(*state, json_pack("{s:s, s:s, s:s}", "key", "user-key", "algorithm", "PS256",
                                   "public_key", public_pem(KEY_RSA_PSS)));
    append(token, "{\"alg\":\"PS256\"}", 15);
    (void)strcat(token, ".");
    append(token, "{\"key\":\"user-key\"}", 18);
    assert_int_equal(
        EVP_DigestSignInit(context, &key_context, EVP_sha256(), NULL, key(KEY_RSA_PSS)), 1);
    assert_true(EVP_PKEY_CTX_set_rsa_pss_saltlen(key_context, RSA_PSS_SALTLEN_DIGEST) > 0);
    assert_int_equal(
        EVP_DigestSign(context, signature, &length, (unsigned char *)token, strlen(token)), 1);
    EVP_MD_CTX_free(context);
    (void)strcat(token, ".");
    append(token, signature, length);
    assert_true(passes(*state, "{}", token));
}

/* ---------------------------------------------------------------------------- configurations */

static void configurations_are_judged(void **state)
{
    static const hg_test_row rows[] = {
        {"defaults", "{}", NULL},
        {"all",
         "{\"header\": \"a\", \"query\": \"b\", \"cookie\": \"c\", \"key_claim_name\": \"d\","
         " \"hide_credentials\": true, \"store_in_ctx\": true, \"realm\": \"e\","
         " \"anonymous_consumer\": \"f\", \"claims_to_verify\": [\"exp\", \"nbf\"]}",
         NULL},
        {"empty header", "{\"header\": \"\"}",
         "property \"header\" validation failed: string too short, expected at least 1, got 0"},
        {"header of another type", "{\"header\": 1}",
         "property \"header\" validation failed: wrong type: expected string, got number"},
        {"empty query", "{\"query\": \"\"}",
         "property \"query\" validation failed: string too short, expected at least 1, got 0"},
        {"query of another type", "{\"query\": 1}",
         "property \"query\" validation failed: wrong type: expected string, got number"},
        {"empty cookie", "{\"cookie\": \"\"}",
         "property \"cookie\" validation failed: string too short, expected at least 1, got 0"},
        {"cookie of another type", "{\"cookie\": 1}",
         "property \"cookie\" validation failed: wrong type: expected string, got number"},
        {"empty key_claim_name", "{\"key_claim_name\": \"\"}",
         "property \"key_claim_name\" validation failed: string too short, expected at least 1, "
         "got 0"},
        {"key_claim_name of another type", "{\"key_claim_name\": []}",
         "property \"key_claim_name\" validation failed: wrong type: expected string, got table"},
        {"hide_credentials of another type", "{\"hide_credentials\": 1}",
         "property \"hide_credentials\" validation failed: wrong type: expected boolean, got "
         "number"},
        {"store_in_ctx of another type", "{\"store_in_ctx\": 1}",
         "property \"store_in_ctx\" validation failed: wrong type: expected boolean, got number"},
        {"realm of another type", "{\"realm\": 1}",
         "property \"realm\" validation failed: wrong type: expected string, got number"},
        {"realm with a quote", "{\"realm\": \"\\\"\"}",
         "property \"realm\" validation failed: failed to match pattern "
         "\"^[^\\\"\\\\\\\\\\\\x00-\\\\x1f\\\\x7f]*$\" with \"\\\"\""},
        {"realm of what stands beside these", "{\"realm\": \" !#[]~\\u0080\"}", NULL},
        {"realm with a backslash", "{\"realm\": \"\\\\\"}",
         "property \"realm\" validation failed: failed to match pattern"},
        {"realm with a line feed", "{\"realm\": \"a\\n\"}",
         "property \"realm\" validation failed: failed to match pattern"},
        {"realm with DEL", "{\"realm\": \"\\u007f\"}",
         "property \"realm\" validation failed: failed to match pattern"},
        {"no claims", "{\"claims_to_verify\": []}", NULL},
        {"exp alone", "{\"claims_to_verify\": [\"exp\"]}", NULL},
        {"nbf alone", "{\"claims_to_verify\": [\"nbf\"]}", NULL},
        {"claim in another case", "{\"claims_to_verify\": [\"EXP\"]}",
         "property \"claims_to_verify\" validation failed: failed to validate item 1: matches none "
         "of the enum values"},
        {"anonymous_consumer of another type", "{\"anonymous_consumer\": 1}",
         "property \"anonymous_consumer\" validation failed: wrong type: expected string, got "
         "number"},
        {"empty anonymous_consumer", "{\"anonymous_consumer\": \"\"}",
         "property \"anonymous_consumer\" validation failed: string too short, expected at least "
         "1, got 0"},
        {"another claim", "{\"claims_to_verify\": [\"iat\"]}",
         "property \"claims_to_verify\" validation failed: failed to validate item 1: matches none "
         "of the enum values"},
        {"a claim twice", "{\"claims_to_verify\": [\"exp\", \"exp\"]}",
         "property \"claims_to_verify\" validation failed: expected unique items but items 1 and 2 "
         "are equal"},
        {"claims of another type", "{\"claims_to_verify\": \"exp\"}",
         "property \"claims_to_verify\" validation failed: wrong type: expected array, got string"},
    };
    static const hg_test_row credentials[] = {
        {"secret", "{\"key\": \"a\", \"secret\": \"b\"}", NULL},
        {"all",
         "{\"key\": \"a\", \"secret\": \"b\", \"algorithm\": \"HS384\", \"exp\": 1,"
         " \"base64_secret\": false, \"lifetime_grace_period\": 0, \"public_key\": \"x\","
         " \"private_key\": \"y\"}",
         NULL},
        {"no key", "{\"secret\": \"b\"}", "property \"key\" is required"},
        {"empty key", "{\"key\": \"\", \"secret\": \"b\"}",
         "property \"key\" validation failed: string too short, expected at least 1, got 0"},
        {"key of another type", "{\"key\": 1, \"secret\": \"b\"}",
         "property \"key\" validation failed: wrong type: expected string, got number"},
        {"no secret", "{\"key\": \"a\"}",
         "/plugins/jwt-auth/secret: found nothing, wanted a secret: property \"secret\" is "
         "required when using HS based algorithms"},
        {"empty secret", "{\"key\": \"a\", \"secret\": \"\"}",
         "/plugins/jwt-auth/secret: found nothing, wanted a secret: property \"secret\" is "
         "required when using HS based algorithms"},
        {"secret of another type", "{\"key\": \"a\", \"secret\": 1}",
         "property \"secret\" validation failed: wrong type: expected string, got number"},
        {"base64", "{\"key\": \"a\", \"secret\": \"YWJj\", \"base64_secret\": true}", NULL},
        {"no base64", "{\"key\": \"a\", \"secret\": \"a-b_\", \"base64_secret\": true}",
         "/plugins/jwt-auth/secret: found a secret that is not in base64 format, wanted base64, "
         "since base64_secret is true"},
        {"base64 of nothing", "{\"key\": \"a\", \"secret\": \"=\", \"base64_secret\": true}",
         "/plugins/jwt-auth/secret: found a secret that is not in base64 format, wanted base64, "
         "since base64_secret is true"},
        {"base64_secret of another type",
         "{\"key\": \"a\", \"secret\": \"b\", \"base64_secret\": 1}",
         "property \"base64_secret\" validation failed: wrong type: expected boolean, got number"},
        {"none", "{\"key\": \"a\", \"secret\": \"b\", \"algorithm\": \"none\"}",
         "property \"algorithm\" validation failed: matches none of the enum values"},
        {"lower case", "{\"key\": \"a\", \"secret\": \"b\", \"algorithm\": \"hs256\"}",
         "property \"algorithm\" validation failed: matches none of the enum values"},
        {"greatest numbers",
         "{\"key\": \"a\", \"secret\": \"b\", \"exp\": 9223372036854775807,"
         " \"lifetime_grace_period\": 9223372036854775807}",
         NULL},
        {"exp beyond 64 bits", "{\"key\": \"a\", \"secret\": \"b\", \"exp\": 1e300}",
         "/plugins/jwt-auth/exp: found 1e+300, wanted an integer of 64 bits"},
        {"HS384", "{\"key\": \"a\", \"secret\": \"b\", \"algorithm\": \"HS384\"}", NULL},
        {"HS512", "{\"key\": \"a\", \"secret\": \"b\", \"algorithm\": \"HS512\"}", NULL},
        {"algorithm of another type", "{\"key\": \"a\", \"secret\": \"b\", \"algorithm\": 256}",
         "property \"algorithm\" validation failed: wrong type: expected string, got number"},
        {"public_key of another type", "{\"key\": \"a\", \"secret\": \"b\", \"public_key\": 1}",
         "property \"public_key\" validation failed: wrong type: expected string, got number"},
        {"private_key of another type", "{\"key\": \"a\", \"secret\": \"b\", \"private_key\": 1}",
         "property \"private_key\" validation failed: wrong type: expected string, got number"},
        {"empty public_key", "{\"key\": \"a\", \"algorithm\": \"ES256\", \"public_key\": \"\"}",
         "/plugins/jwt-auth/public_key: found nothing, wanted a key: property \"public_key\" is "
         "required when using other than HS based algorithms"},
        {"base64 of the other kind",
         "{\"key\": \"a\", \"secret\": \"_-8\", \"base64_secret\": true}", "not in base64 format"},
        {"exp 0", "{\"key\": \"a\", \"secret\": \"b\", \"exp\": 0}",
         "property \"exp\" validation failed: expected 0 to be at least 1"},
        {"exp of another type", "{\"key\": \"a\", \"secret\": \"b\", \"exp\": \"1\"}",
         "property \"exp\" validation failed: wrong type: expected integer, got string"},
        {"negative grace", "{\"key\": \"a\", \"secret\": \"b\", \"lifetime_grace_period\": -1}",
         "property \"lifetime_grace_period\" validation failed: expected -1 to be at least 0"},
        {"grace of another type",
         "{\"key\": \"a\", \"secret\": \"b\", \"lifetime_grace_period\": 0.5}",
         "property \"lifetime_grace_period\" validation failed: wrong type: expected integer, got "
         "number"},
        {"RS256 without a key", "{\"key\": \"a\", \"algorithm\": \"RS256\"}",
         "/plugins/jwt-auth/public_key: found nothing, wanted a key: property \"public_key\" is "
         "required when using other than HS based algorithms"},
        {"EdDSA with a secret alone",
         "{\"key\": \"a\", \"secret\": \"b\", \"algorithm\": \"EdDSA\"}",
         "/plugins/jwt-auth/public_key: found nothing, wanted a key: property \"public_key\" is "
         "required when using other than HS based algorithms"},
        {"no PEM", "{\"key\": \"a\", \"algorithm\": \"RS256\", \"public_key\": \"x\"}",
         "/plugins/jwt-auth/public_key: found what is no public key, wanted PEM of a public key or "
         "of a certificate"},
        {"cut PEM",
         "{\"key\": \"a\", \"algorithm\": \"RS256\","
         " \"public_key\": \"-----BEGIN PUBLIC KEY-----\\nMIIB\\n-----END PUBLIC KEY-----\"}",
         "/plugins/jwt-auth/public_key: found what is no public key, wanted PEM of a public key or "
         "of a certificate"},
    };

    hg_test_judge(*state, rows, ARRAY_SIZE(rows));
    hg_test_judge_on(*state, HG_TEST_ON_CONSUMER, credentials, ARRAY_SIZE(credentials));
}

static void a_key_must_fit_its_algorithm(void **state)
{
    static const struct {
        const char *algorithm;
        int key;
        const char *text; /* NULL: it fits */
    } cases[] = {
        {"RS256", KEY_RSA, NULL},
        {"PS512", KEY_RSA, NULL},
        {"RS256", KEY_P256, "an RSA key"},
        {"PS256", KEY_ED25519, "an RSA key"},
        {"RS256", KEY_RSA_PSS, "an RSA key"},
        {"PS256", KEY_RSA_PSS, NULL},
        {"PS384", KEY_RSA_PSS, NULL},
        {"RS384", KEY_RSA, NULL},
        {"RS512", KEY_RSA, NULL},
        {"PS256", KEY_RSA, NULL},
        {"PS384", KEY_RSA, NULL},
        {"RS256", KEY_ED448, "an RSA key"},
        {"ES256", KEY_P521, "the curve P-256"},
        {"ES256", KEY_ED25519, "the curve P-256"},
        {"ES384", KEY_P521, "the curve P-384"},
        {"ES512", KEY_P384, "the curve P-521"},
        {"EdDSA", KEY_RSA, "Ed25519 or Ed448"},
        {"ES256", KEY_P256, NULL},
        {"ES256", KEY_P384, "the curve P-256"},
        {"ES384", KEY_P384, NULL},
        {"ES384", KEY_P256, "the curve P-384"},
        {"ES512", KEY_P521, NULL},
        {"ES512", KEY_RSA, "the curve P-521"},
        {"EdDSA", KEY_ED25519, NULL},
        {"EdDSA", KEY_ED448, NULL},
        {"EdDSA", KEY_P256, "Ed25519 or Ed448"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        json_t *config = json_pack("{s:s, s:s, s:s}", "key", "a", "algorithm", cases[i].algorithm,
                                   "public_key", public_pem(cases[i].key));
        char *text = json_dumps(config, 0);
        hg_test_row row = {cases[i].algorithm, text, cases[i].text};

        hg_test_judge_on(*state, HG_TEST_ON_CONSUMER, &row, 1);
        free(text);
        json_decref(config);
    }
}

static void an_rsa_key_has_2048_to_16384_bits(void **state)
{
    static const struct {
        int bits;
        bool fits;
    } cases[] = {{1024, false}, {2047, false}, {2048, true}, {16384, true}, {16385, false}};

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        json_t *config = json_pack("{s:s, s:s, s:s}", "key", "a", "algorithm", "RS256",
                                   "public_key", rsa_pem_of(cases[i].bits));
        char *text = json_dumps(config, 0);
        char label[16];
        hg_test_row row = {label, text,
                           cases[i].fits ? NULL
                                         : "/plugins/jwt-auth/public_key: found a key that the "
                                           "algorithm cannot use, wanted an RSA key of 2048 to "
                                           "16384 bits"};

        (void)snprintf(label, sizeof(label), "%d bits", cases[i].bits);
        hg_test_judge_on(*state, HG_TEST_ON_CONSUMER, &row, 1);
        free(text);
        json_decref(config);
    }
}

static void a_realm_has_256_characters_at_most(void **state)
{
    for (int length = 256; length <= 257; length++) {
        char config[300];
        hg_test_row row = {"length of the realm", config,
                           length == 256 ? NULL
                                         : "property \"realm\" validation failed: string too long,"
                                           " expected at most 256, got 257"};

        (void)snprintf(config, sizeof(config), "{\"realm\": \"%0*d\"}", length, 0);
        hg_test_judge(*state, &row, 1);
    }
}

static void a_private_key_is_no_public_key(void **state)
{
    json_t *config = json_pack("{s:s, s:s, s:s}", "key", "a", "algorithm", "RS256", "public_key",
                               private_pem(KEY_RSA));
    char *text = json_dumps(config, 0);
    hg_test_row row = {"private key", text, "what is no public key"};

    hg_test_judge_on(*state, HG_TEST_ON_CONSUMER, &row, 1);
    free(text);
    json_decref(config);
}

static void every_field_is_told(void **state)
{
    static const hg_test_fact facts[] = {
        {"/priority", "2510"},
        {"/flags", "[\"auth\"]"},
        {"/phases", "[\"rewrite\"]"},
        {"/schema", "{\"type\": \"object\"}"},
        {"/schema/properties/header",
         "{\"type\": \"string\", \"minLength\": 1, \"default\": \"authorization\"}"},
        {"/schema/properties/query",
         "{\"type\": \"string\", \"minLength\": 1, \"default\": \"jwt\"}"},
        {"/schema/properties/cookie",
         "{\"type\": \"string\", \"minLength\": 1, \"default\": \"jwt\"}"},
        {"/schema/properties/key_claim_name",
         "{\"type\": \"string\", \"minLength\": 1, \"default\": \"key\"}"},
        {"/schema/properties/hide_credentials", "{\"type\": \"boolean\", \"default\": false}"},
        {"/schema/properties/store_in_ctx", "{\"type\": \"boolean\", \"default\": false}"},
        {"/schema/properties/realm",
         "{\"type\": \"string\", \"maxLength\": 256, \"default\": \"jwt\","
         " \"pattern\": \"^[^\\\"\\\\\\\\\\\\x00-\\\\x1f\\\\x7f]*$\"}"},
        {"/schema/properties/anonymous_consumer", "{\"type\": \"string\", \"minLength\": 1}"},
        {"/schema/properties/claims_to_verify",
         "{\"type\": \"array\", \"uniqueItems\": true,"
         " \"items\": {\"type\": \"string\", \"enum\": [\"exp\", \"nbf\"]}}"},
        {"/key", "\"key\""},
        {"/consumer_schema", "{\"type\": \"object\", \"required\": [\"key\"]}"},
        {"/consumer_schema/properties/key", "{\"type\": \"string\", \"minLength\": 1}"},
        {"/consumer_schema/properties/secret", "{\"type\": \"string\", \"writeOnly\": true}"},
        {"/consumer_schema/properties/public_key", "{\"type\": \"string\"}"},
        {"/consumer_schema/properties/private_key", "{\"type\": \"string\", \"writeOnly\": true}"},
        {"/consumer_schema/properties/algorithm",
         "{\"type\": \"string\", \"default\": \"HS256\", \"enum\": [\"HS256\", \"HS384\", "
         "\"HS512\","
         " \"RS256\", \"RS384\", \"RS512\", \"ES256\", \"ES384\", \"ES512\", \"PS256\", \"PS384\","
         " \"PS512\", \"EdDSA\"]}"},
        {"/consumer_schema/properties/exp",
         "{\"type\": \"integer\", \"minimum\": 1, \"default\": 86400}"},
        {"/consumer_schema/properties/base64_secret",
         "{\"type\": \"boolean\", \"default\": false}"},
        {"/consumer_schema/properties/lifetime_grace_period",
         "{\"type\": \"integer\", \"minimum\": 0, \"default\": 0}"},
    };

    hg_test_expect_facts(*state, facts, ARRAY_SIZE(facts));
}

#define JACK_TEST(function)                                                                        \
    cmocka_unit_test_setup_teardown(function, begin_with_jack, hg_test_tear_down)

HG_TEST_MAIN("jwt-auth",
             JACK_TEST(every_algorithm_is_verified),
             JACK_TEST(what_is_signed_cannot_be_changed),
             JACK_TEST(the_algorithm_is_that_of_the_key),
             JACK_TEST(unsigned_tokens_are_refused),
             JACK_TEST(a_public_key_is_no_secret),
             JACK_TEST(a_token_cannot_bring_its_key),
             JACK_TEST(signatures_of_curves_have_one_form),
             JACK_TEST(the_salt_of_pss_has_one_length),
             JACK_TEST(a_key_for_pss_alone_verifies),
             JACK_TEST(secrets_are_bytes),
             JACK_TEST(the_example_of_the_standard_passes),
             JACK_TEST(a_certificate_has_a_key_too),
             JACK_TEST(why_a_token_was_refused_stands_in_the_log),
             JACK_TEST(lifetimes_are_kept),
             JACK_TEST(the_key_claim_names_the_consumer),
             JACK_TEST(what_is_no_token_is_refused),
             JACK_TEST(parts_of_a_token_are_refused),
             JACK_TEST(what_is_left_over_of_bits_counts),
             JACK_TEST(a_token_may_have_65536_bytes),
             JACK_TEST(tokens_of_any_size_are_bounded),
             JACK_TEST(a_token_is_found_in_header_query_or_cookie),
             JACK_TEST(credentials_are_hidden_on_demand),
             JACK_TEST(who_is_not_identified_is_the_anonymous_consumer),
             HG_TEST_CASE(nobody_is_known_where_nobody_has_a_key),
             JACK_TEST(a_refusal_names_its_realm),
             JACK_TEST(a_refusal_may_have_another_body),
             JACK_TEST(configurations_are_judged),
             JACK_TEST(a_key_must_fit_its_algorithm),
             JACK_TEST(a_private_key_is_no_public_key),
             HG_TEST_CASE(an_rsa_key_has_2048_to_16384_bits),
             HG_TEST_CASE(a_realm_has_256_characters_at_most),
             HG_TEST_CASE(every_field_is_told))
