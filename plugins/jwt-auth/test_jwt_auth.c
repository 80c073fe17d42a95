/* test_jwt_auth.c - tokens of every algorithm, and those that must not pass. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
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
    KEY_RSA_SMALL,
    KEYS
};

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
    default:
        made[which] = EVP_RSA_gen(1024);
    }
    assert_non_null(made[which]);
    return made[which];
}

/* PEM of its public half; until the next call. */
static const char *public_pem(int which)
{
    static char text[2048];
    BIO *bio = BIO_new(BIO_s_mem());
    int length;

    assert_int_equal(PEM_write_bio_PUBKEY(bio, key(which)), 1);
    length = BIO_read(bio, text, sizeof(text) - 1);
    assert_true(length > 0);
    text[length] = '\0';
    BIO_free(bio);
    return text;
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

/* Appends base64url to a text. */
static void append(char *text, const void *bytes, size_t length)
{
    size_t at = strlen(text);

    assert_true(at + length * 2 + 8 < TOKEN_ROOM);
    (void)EVP_EncodeBlock((unsigned char *)text + at, bytes, (int)length);
    for (; text[at] != '\0'; at++) {
        text[at] = text[at] == '+' ? '-' : text[at] == '/' ? '_' : text[at];
        if (text[at] == '=') {
            text[at] = '\0';
            break;
        }
    }
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

/* Whoever knows the public key must not be able to sign with it. */
static void a_public_key_is_no_secret(void **state)
{
    static const char *const headers[] = {"{\"alg\":\"HS256\"}", "{\"alg\":\"RS256\"}"};

    put_consumer(*state, credential_of(3));
    for (size_t i = 0; i < ARRAY_SIZE(headers); i++) {
        const char *pem = public_pem(KEY_RSA);
        char token[TOKEN_ROOM] = "";
        unsigned char signature[EVP_MAX_MD_SIZE];
        unsigned int length = 0;

        append(token, headers[i], strlen(headers[i]));
        (void)strcat(token, ".");
        append(token, "{\"key\":\"user-key\"}", 18);
        assert_non_null(HMAC(EVP_sha256(), pem, (int)strlen(pem), (unsigned char *)token,
                             strlen(token), signature, &length));
        (void)strcat(token, ".");
        append(token, signature, length);
        assert_true(is_refused(*state, "{}", token, "failed to verify jwt"));
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

static void extensions_that_are_not_known_are_refused(void **state)
{
    assert_true(is_refused(
        *state, "{}",
        sign(0, "{\"alg\":\"HS256\",\"crit\":[\"b64\"],\"b64\":true}", "{\"key\":\"user-key\"}"),
        "failed to verify jwt"));
}

/* ----------------------------------------------------------------------------------- claims */

static void lifetimes_are_kept(void **state)
{
    static const struct {
        const char *label;
        const char *claims; /* behind the key; now is 1700000000 */
        const char *config;
        int grace;
        bool passes;
    } cases[] = {
        {"none", "", "{}", 0, true},
        {"exp in a second", ",\"exp\":1700000001", "{}", 0, true},
        {"exp now", ",\"exp\":1700000000", "{}", 0, false},
        {"exp a second ago", ",\"exp\":1699999999", "{}", 0, false},
        {"exp a moment from now", ",\"exp\":1700000000.5", "{}", 0, true},
        {"exp within the grace", ",\"exp\":1699999991", "{}", 10, true},
        {"exp at the end of the grace", ",\"exp\":1699999990", "{}", 10, false},
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

        put_consumer(*state, json_pack("{s:s, s:s, s:i}", "key", "user-key", "secret", SECRET,
                                       "lifetime_grace_period", cases[i].grace));
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
        "e30.W10.",                 /* a list */
        "W10.e30.",                 /* the same */
        "e30.MQ.",                  /* a number */
        "e30.eyJhIjoxfQo==.",       /* padded wrongly */
        "e30.eyJhIjoxLCJhIjoyfQ.",  /* {"a":1,"a":2} */
        "e30.eyJhIjoifQ.",          /* {"a":"} */
        "e30.eyJhIjoi_yJ9.",        /* not UTF-8 */
        "e30.eyJhIjoxZTk5OX0.",     /* {"a":1e999} */
        "e30.eyJhIjoiXHUwMDAwIn0.", /* a NUL */
        "Basic Zm9vOmJhcg==",
    };

    for (size_t i = 0; i < ARRAY_SIZE(tokens); i++) {
        if (!is_refused(*state, "{}", tokens[i], "JWT token invalid")) {
            fail_msg("%s: %s", tokens[i], told);
        }
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
    static const char *const headers[] = {"", "Authorization: Bearer no\n",
                                          "Authorization: Bearer e30.eyJrZXkiOiJ4In0.\n"};
    hg_test_request request = {0};
    const hg_test_exchange *got;

    hg_test_must_put(*state, "consumers/nobody", "{\"username\": \"nobody\"}");
    for (size_t i = 0; i < ARRAY_SIZE(headers); i++) {
        request.headers = headers[i];
        got = hg_test_run(
            *state, "{\"anonymous_consumer\": \"nobody\", \"hide_credentials\": true}", &request);
        assert_int_equal(got->status, 200);
        assert_string_equal(hg_test_upstream_header(*state, got, "X-Consumer-Username"), "nobody");
        assert_null(hg_test_upstream_header(*state, got, "Authorization"));
        assert_null(hg_test_header(*state, got, "WWW-Authenticate"));
    }
    got = hg_test_run(*state, "{\"anonymous_consumer\": \"somebody\"}", &request);
    assert_int_equal(got->status, 401);
    assert_string_equal(got->body, "{\"message\":\"Invalid user authorization\"}\n");
    assert_true(passes(*state, "{\"anonymous_consumer\": \"somebody\"}",
                       sign_as(0, "{\"key\":\"user-key\"}")));
}

static void a_refusal_names_its_realm(void **state)
{
    const hg_test_exchange *got = hg_test_run(*state, "{\"realm\": \"my house\"}", NULL);

    assert_string_equal(hg_test_header(*state, got, "WWW-Authenticate"),
                        "Bearer realm=\"my house\"");
    assert_int_equal(
        hg_test_log_count(*state, HG_LOG_WARN, "jwt-auth exits with http status code 401"), 1);
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
        {"RS512", KEY_RSA_SMALL, "2048 to 16384 bits"},
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

/* The field of each secret is named in the schema, so that whoever shows it hides it. */
static void secrets_are_secret(void **state)
{
    static const struct {
        const char *name;
        bool secret;
    } cases[] = {{"secret", true}, {"private_key", true}, {"public_key", false}, {"key", false}};
    json_t *description = hg_test_describe(*state, "jwt-auth");
    const json_t *properties =
        json_object_get(json_object_get(description, "consumer_schema"), "properties");

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        const json_t *field = json_object_get(properties, cases[i].name);

        assert_non_null(field);
        assert_int_equal(json_is_true(json_object_get(field, "writeOnly")), cases[i].secret);
    }
    json_decref(description);
}

#define JACK_TEST(function)                                                                        \
    cmocka_unit_test_setup_teardown(function, begin_with_jack, hg_test_tear_down)

HG_TEST_MAIN("jwt-auth",
             JACK_TEST(every_algorithm_is_verified),
             JACK_TEST(what_is_signed_cannot_be_changed),
             JACK_TEST(the_algorithm_is_that_of_the_key),
             JACK_TEST(unsigned_tokens_are_refused),
             JACK_TEST(a_public_key_is_no_secret),
             JACK_TEST(the_example_of_the_standard_passes),
             JACK_TEST(a_certificate_has_a_key_too),
             JACK_TEST(extensions_that_are_not_known_are_refused),
             JACK_TEST(lifetimes_are_kept),
             JACK_TEST(the_key_claim_names_the_consumer),
             JACK_TEST(what_is_no_token_is_refused),
             JACK_TEST(tokens_of_any_size_are_bounded),
             JACK_TEST(a_token_is_found_in_header_query_or_cookie),
             JACK_TEST(credentials_are_hidden_on_demand),
             JACK_TEST(who_is_not_identified_is_the_anonymous_consumer),
             JACK_TEST(a_refusal_names_its_realm),
             JACK_TEST(configurations_are_judged),
             JACK_TEST(a_key_must_fit_its_algorithm),
             JACK_TEST(a_private_key_is_no_public_key),
             JACK_TEST(secrets_are_secret))
