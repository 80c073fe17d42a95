/* host/control/object_rule_ssl.c - what an ssl demands beyond its schema. */
#include "host/control/object_rule_ssl.h"

#include <stdio.h>
#include <string.h>

#include "host/core/certificate.h"
#include "host/core/regex.h"

#define POINTER_MAX 64u
#define TEXT_MAX    600u
#define KEY_ERROR   "failed to parse key"

static hg_text text_of(const json_t *value)
{
    return (hg_text){json_is_string(value) ? json_string_value(value) : "",
                     json_string_length(value)};
}

void hgh_object_rule_key_pair(const json_t *certificate,
                              const json_t *key,
                              const char *certificate_pointer,
                              const char *key_pointer,
                              const char *prefix,
                              hg_issues *issues)
{
    hgh_certificate *made = NULL;
    hg_error err = HG_ERROR_INIT;
    char text[TEXT_MAX];
    bool is_key;

    if (hgh_certificate_new(text_of(certificate), text_of(key), &made, &err) != HG_OK) {
        is_key = strncmp(err.text, KEY_ERROR, strlen(KEY_ERROR)) == 0;
        (void)snprintf(text, sizeof(text), "%s%s", prefix, err.text);
        hgh_issues_add(issues, is_key ? key_pointer : certificate_pointer,
                       is_key ? "no key of this certificate" : "no certificate",
                       is_key ? "the certificate's private key in PEM" : "certificates in PEM",
                       text);
    }
    hgh_certificate_free(made);
}

static void check_pairs(const json_t *object, hg_issues *issues)
{
    const json_t *certificates = json_object_get(object, "certs");
    const json_t *keys = json_object_get(object, "keys");

    if (json_array_size(certificates) != json_array_size(keys)) {
        hgh_issues_add(issues, "/keys", "another number than of certs", "a key for each of certs",
                       "mismatched number of certs and keys");
        return;
    }
    for (size_t i = 0; i < json_array_size(certificates); i++) {
        char certificate_pointer[POINTER_MAX];
        char key_pointer[POINTER_MAX];
        char prefix[POINTER_MAX];

        (void)snprintf(certificate_pointer, sizeof(certificate_pointer), "/certs/%zu", i);
        (void)snprintf(key_pointer, sizeof(key_pointer), "/keys/%zu", i);
        (void)snprintf(prefix, sizeof(prefix), "failed to handle cert-key pair[%zu]: ", i + 1);
        hgh_object_rule_key_pair(json_array_get(certificates, i), json_array_get(keys, i),
                                 certificate_pointer, key_pointer, prefix, issues);
    }
}

static void check_patterns(const json_t *patterns, hg_issues *issues)
{
    for (size_t i = 0; i < json_array_size(patterns); i++) {
        hg_text pattern = text_of(json_array_get(patterns, i));
        hg_regex *made = NULL;
        hg_error err = HG_ERROR_INIT;
        char pointer[POINTER_MAX];
        char text[TEXT_MAX];

        if (hgh_regex_compile(pattern.data, pattern.length, false, &made, &err) != HG_OK) {
            (void)snprintf(pointer, sizeof(pointer), "/client/skip_mtls_uri_regex/%zu", i);
            (void)snprintf(text, sizeof(text), "invalid skip_mtls_uri_regex: %s", err.text);
            hgh_issues_add(issues, pointer, pattern.data, "a regular expression", text);
        }
        hgh_regex_free(made);
    }
}

static void check_client(const json_t *client, hg_issues *issues)
{
    hgh_authority *made = NULL;
    hg_error err = HG_ERROR_INIT;
    char text[TEXT_MAX];

    if (!json_is_object(client)) {
        return;
    }
    if (hgh_authority_new(text_of(json_object_get(client, "ca")), &made, &err) != HG_OK) {
        (void)snprintf(text, sizeof(text), "failed to validate client_cert: %s", err.text);
        hgh_issues_add(issues, "/client/ca", "no certificate", "certificates in PEM", text);
    }
    hgh_authority_free(made);
    check_patterns(json_object_get(client, "skip_mtls_uri_regex"), issues);
}

void hgh_object_rule_ssl(const json_t *object, hg_issues *issues)
{
    hgh_object_rule_key_pair(json_object_get(object, "cert"), json_object_get(object, "key"),
                             "/cert", "/key", "", issues);
    check_pairs(object, issues);
    check_client(json_object_get(object, "client"), issues);
}
