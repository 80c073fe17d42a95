/* tests/unit/core/test_ssl.c - names find their ssls; what is no certificate is refused. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/pem.h>

#include "host/core/ssl.h"
#include "tests/unit/unit.h"

/* A certificate that has signed itself, and its key; both the caller's. */
static void make_pair(char **out_certificate, char **out_key)
{
    EVP_PKEY *key = EVP_EC_gen("prime256v1");
    X509 *one = X509_new();
    BIO *certificate_text = BIO_new(BIO_s_mem());
    BIO *key_text = BIO_new(BIO_s_mem());
    char *data;
    long length;

    assert_non_null(key);
    assert_int_equal(ASN1_INTEGER_set(X509_get_serialNumber(one), 1), 1);
    (void)X509_gmtime_adj(X509_getm_notBefore(one), 0);
    (void)X509_gmtime_adj(X509_getm_notAfter(one), 3600);
    assert_int_equal(X509_set_pubkey(one, key), 1);
    assert_true(X509_sign(one, key, EVP_sha256()) > 0);
    assert_int_equal(PEM_write_bio_X509(certificate_text, one), 1);
    assert_int_equal(PEM_write_bio_PrivateKey(key_text, key, NULL, NULL, 0, NULL, NULL), 1);
    length = BIO_get_mem_data(certificate_text, &data);
    *out_certificate = strndup(data, (size_t)length);
    length = BIO_get_mem_data(key_text, &data);
    *out_key = strndup(data, (size_t)length);
    BIO_free(certificate_text);
    BIO_free(key_text);
    X509_free(one);
    EVP_PKEY_free(key);
}

static void a_pair_is_parsed_and_each_fault_named(void **state)
{
    char *certificate;
    char *key;
    char *other_certificate;
    char *other_key;
    char *chain = NULL;
    hgh_certificate *made = NULL;

    (void)state;
    make_pair(&certificate, &key);
    make_pair(&other_certificate, &other_key);
    assert_true(asprintf(&chain, "%s%s", certificate, other_certificate) > 0);
    {
        const struct {
            const char *label;
            const char *certificate;
            const char *key;
            const char *error; /* NULL: it is good */
        } cases[] = {
            {"a pair", certificate, key, NULL},
            {"with a chain", chain, key, NULL},
            {"no certificate", "x", key, "failed to parse cert: "},
            {"an empty one", "", key, "failed to parse cert: "},
            {"the key as certificate", key, key, "failed to parse cert: "},
            {"no key", certificate, "x", "failed to parse key: "},
            {"another's key", certificate, other_key,
             "failed to parse key: it is not the key of the certificate"},
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
            hg_error err = HG_ERROR_INIT;
            hg_status status = hgh_certificate_new(hg_text_of(cases[i].certificate),
                                                   hg_text_of(cases[i].key), &made, &err);

            if ((status == HG_OK) != (cases[i].error == NULL) ||
                (cases[i].error != NULL && strstr(err.text, cases[i].error) == NULL)) {
                fail_msg("%s: %d %s", cases[i].label, (int)status, err.text);
            }
            hgh_certificate_free(made);
            made = NULL;
        }
    }
    free(chain);
    free(certificate);
    free(key);
    free(other_certificate);
    free(other_key);
}

static void an_object_with_pairs_and_patterns_is_parsed(void **state)
{
    char *certificate;
    char *key;
    json_t *object;
    hgh_ssl_material *material = NULL;
    hg_error err = HG_ERROR_INIT;

    (void)state;
    make_pair(&certificate, &key);
    object = json_pack("{s:s, s:s, s:[s], s:[s], s:{s:s, s:i, s:[s]}}", "cert", certificate, "key",
                       key, "certs", certificate, "keys", key, "client", "ca", certificate, "depth",
                       3, "skip_mtls_uri_regex", "^/open");
    assert_int_equal(hgh_ssl_material_new(object, &material, &err), HG_OK);
    assert_int_equal(material->certificate_count, 2);
    assert_int_equal(material->depth, 3);
    assert_false(hgh_ssl_wants_client(material, HG_TEXT("/open/1")));
    assert_true(hgh_ssl_wants_client(material, HG_TEXT("/closed")));
    hgh_ssl_material_free(material);
    material = NULL;
    (void)json_array_clear(json_object_get(object, "keys"));
    assert_int_equal(hgh_ssl_material_new(object, &material, &err), HG_ERR_INVALID);
    assert_string_equal(err.text, "mismatched number of certs and keys");
    (void)json_object_del(object, "certs");
    (void)json_object_set_new(json_object_get(object, "client"), "ca", json_string("x"));
    assert_int_equal(hgh_ssl_material_new(object, &material, &err), HG_ERR_INVALID);
    assert_non_null(strstr(err.text, "failed to validate client_cert"));
    assert_null(material);
    json_decref(object);
    free(certificate);
    free(key);
}

/* ------------------------------------------------------------------------------------- names */

static hgh_ssl *ssl_new(const char *id, uint64_t created, const char *json)
{
    hgh_ssl *ssl = calloc(1, sizeof(*ssl));
    json_t *object = json_loads(json, 0, NULL);
    hg_error err = HG_ERROR_INIT;

    assert_non_null(ssl);
    assert_non_null(object);
    ssl->base.id = strdup(id);
    ssl->base.created = created;
    assert_int_equal(hgh_ssl_decode(ssl, object, &err), HG_OK);
    json_decref(object);
    return ssl;
}

static void ssl_free(hgh_ssl *ssl)
{
    hgh_ssl_done(ssl);
    free(ssl->base.id);
    free(ssl);
}

static const char *id_of(const hgh_sni_index *index, const char *name)
{
    const hgh_ssl *ssl = hgh_sni_index_find(index, hg_text_of(name));

    return ssl == NULL ? "-" : ssl->base.id;
}

static void names_find_the_most_exact_ssl(void **state)
{
    hgh_ssl *ssls[] = {
        ssl_new("exact", 1, "{\"sni\":\"A.foo.com\"}"),
        ssl_new("wild", 2, "{\"snis\":[\"*.foo.com\",\"bar.com\"]}"),
        ssl_new("glued", 3, "{\"sni\":\"*x.foo.com\"}"),
        ssl_new("off", 4, "{\"sni\":\"off.com\",\"status\":0}"),
        ssl_new("client", 5, "{\"sni\":\"client.com\",\"type\":\"client\"}"),
        ssl_new("nameless", 6, "{\"type\":\"client\"}"),
    };
    static const struct {
        const char *name;
        const char *id;
    } cases[] = {
        {"a.foo.com", "exact"},
        {"A.FOO.COM", "exact"},
        {"a.foo.com.", "exact"},
        {"b.foo.com", "wild"},
        {"bar.com", "wild"},
        {"ax.foo.com", "glued"},
        {"x.foo.com", "glued"},
        {"foo.com", "-"},
        {"a.b.foo.com", "-"},
        {"off.com", "-"},
        {"client.com", "-"},
        {"", "-"},
        {".", "-"},
        {"*.foo.com", "wild"},
        {"com", "-"},
    };
    char long_name[400];
    hgh_sni_index index;

    (void)state;
    hgh_sni_index_init(&index);
    for (size_t i = 0; i < ARRAY_SIZE(ssls); i++) {
        assert_int_equal(hgh_sni_index_add(&index, ssls[i]), HG_OK);
    }
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        if (strcmp(id_of(&index, cases[i].name), cases[i].id) != 0) {
            fail_msg("%s: got %s, wanted %s", cases[i].name, id_of(&index, cases[i].name),
                     cases[i].id);
        }
    }
    memset(long_name, 'a', sizeof(long_name) - 1);
    long_name[sizeof(long_name) - 1] = '\0';
    assert_string_equal(id_of(&index, long_name), "-");
    assert_null(hgh_sni_index_find(&index, (hg_text){0}));
    for (size_t i = 0; i < ARRAY_SIZE(ssls); i++) {
        hgh_sni_index_remove(&index, ssls[i]);
        ssl_free(ssls[i]);
    }
    assert_string_equal(id_of(&index, "a.foo.com"), "-");
    hgh_sni_index_done(&index);
}

static void of_equal_names_the_oldest_counts(void **state)
{
    hgh_ssl *second = ssl_new("second", 2, "{\"snis\":[\"a.com\",\"a.com\"]}");
    hgh_ssl *first = ssl_new("first", 1, "{\"sni\":\"a.com\"}");
    hgh_ssl *third = ssl_new("third", 3, "{\"sni\":\"a.com\"}");
    hgh_sni_index index;

    (void)state;
    hgh_sni_index_init(&index);
    assert_int_equal(hgh_sni_index_add(&index, second), HG_OK);
    assert_int_equal(hgh_sni_index_add(&index, third), HG_OK);
    assert_string_equal(id_of(&index, "a.com"), "second");
    assert_int_equal(hgh_sni_index_add(&index, first), HG_OK);
    assert_string_equal(id_of(&index, "a.com"), "first");
    hgh_sni_index_remove(&index, second);
    assert_string_equal(id_of(&index, "a.com"), "first");
    hgh_sni_index_remove(&index, first);
    assert_string_equal(id_of(&index, "a.com"), "third");
    hgh_sni_index_remove(&index, third);
    hgh_sni_index_remove(&index, third); /* it is not in it */
    assert_string_equal(id_of(&index, "a.com"), "-");
    hgh_sni_index_done(&index);
    ssl_free(first);
    ssl_free(second);
    ssl_free(third);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pair_is_parsed_and_each_fault_named),
        cmocka_unit_test(an_object_with_pairs_and_patterns_is_parsed),
        cmocka_unit_test(names_find_the_most_exact_ssl),
        cmocka_unit_test(of_equal_names_the_oldest_counts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
