/* tests/integration/test_tls.c - the TLS listener: certificates by name, clients by certificate. */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <curl/curl.h>

#include "tests/integration/certificates.h"
#include "tests/integration/command.h"
#include "tests/integration/gateway.h"
#include "tests/integration/origin.h"
#include "tests/unit/unit.h"

static gateway *running;
static origin *upstream;
static char *folder; /* of the certificates */

/** One request on a connection of its own. */
typedef struct call {
    const char *name;   /* for the handshake; NULL: none is sent */
    const char *path;   /* NULL: "/" */
    const char *host;   /* another Host header; NULL: the name */
    const char *client; /* a client certificate in the folder; NULL: none */
    const char *ciphers;
    long version; /* CURL_SSLVERSION_...; 0: any */
    long http;    /* CURL_HTTP_VERSION_...; 0: any */
} call;

typedef struct answer {
    CURLcode code;
    long status; /* 0: there was none */
    long http;
    bool ends;        /* the connection, after HTTP/1.1 */
    char subject[64]; /* CN of the certificate that was shown */
    char algorithm[64];
} answer;

static size_t ignore(char *data, size_t size, size_t count, void *context)
{
    (void)data;
    (void)context;
    return size * count;
}

static size_t take_header(char *data, size_t size, size_t count, void *context)
{
    static const char wanted[] = "Connection: close";
    answer *out = context;

    if (size * count >= sizeof(wanted) - 1 && strncasecmp(data, wanted, sizeof(wanted) - 1) == 0) {
        out->ends = true;
    }
    return size * count;
}

/* "Subject:CN = a" and the like out of the certificate that was shown. */
static void take_certificate(CURL *curl, answer *out)
{
    struct curl_certinfo *info = NULL;

    if (curl_easy_getinfo(curl, CURLINFO_CERTINFO, &info) != CURLE_OK || info == NULL ||
        info->num_of_certs == 0) {
        return;
    }
    for (const struct curl_slist *at = info->certinfo[0]; at != NULL; at = at->next) {
        const char *name = strstr(at->data, "CN = ");

        if (strncmp(at->data, "Subject:", 8) == 0 && name != NULL) {
            (void)snprintf(out->subject, sizeof(out->subject), "%s", name + 5);
        } else if (strncmp(at->data, "Public Key Algorithm:", 21) == 0) {
            (void)snprintf(out->algorithm, sizeof(out->algorithm), "%s", at->data + 21);
        }
    }
}

static answer ask(const call *what)
{
    const char *name = what->name == NULL ? "127.0.0.1" : what->name;
    char *url = text_format("https://%s:%u%s", name, running->tls_port,
                            what->path == NULL ? "/" : what->path);
    char *place = text_format("%s:%u:127.0.0.1", name, running->tls_port);
    char *authority = text_format("%s/ca.pem", folder);
    char *certificate = text_format("%s/%s.pem", folder, what->client);
    char *key = text_format("%s/%s.key", folder, what->client);
    char *host = text_format("Host: %s", what->host);
    struct curl_slist *resolved = curl_slist_append(NULL, place);
    struct curl_slist *headers = what->host == NULL ? NULL : curl_slist_append(NULL, host);
    CURL *curl = curl_easy_init();
    answer out = {0};

    assert_non_null(curl);
    (void)curl_easy_setopt(curl, CURLOPT_URL, url);
    (void)curl_easy_setopt(curl, CURLOPT_RESOLVE, resolved);
    (void)curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    (void)curl_easy_setopt(curl, CURLOPT_CAINFO, authority);
    (void)curl_easy_setopt(curl, CURLOPT_CERTINFO, 1L);
    (void)curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
    (void)curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(curl, CURLOPT_TIMEOUT, 20L);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, ignore);
    (void)curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, take_header);
    (void)curl_easy_setopt(curl, CURLOPT_HEADERDATA, &out);
    (void)curl_easy_setopt(curl, CURLOPT_SSLVERSION, what->version);
    (void)curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, what->http);
    if (what->name == NULL) {
        (void)curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 0L);
    }
    if (what->ciphers != NULL) {
        (void)curl_easy_setopt(curl, CURLOPT_SSL_CIPHER_LIST, what->ciphers);
    }
    if (what->client != NULL) {
        (void)curl_easy_setopt(curl, CURLOPT_SSLCERT, certificate);
        (void)curl_easy_setopt(curl, CURLOPT_SSLKEY, key);
    }
    out.code = curl_easy_perform(curl);
    (void)curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &out.status);
    (void)curl_easy_getinfo(curl, CURLINFO_HTTP_VERSION, &out.http);
    take_certificate(curl, &out);
    curl_easy_cleanup(curl);
    curl_slist_free_all(headers);
    curl_slist_free_all(resolved);
    free(host);
    free(key);
    free(certificate);
    free(authority);
    free(place);
    free(url);
    return out;
}

static long status_of(const char *name)
{
    return ask(&(call){.name = name}).status;
}

static void is_shown(const char *name, const char *subject)
{
    answer got = ask(&(call){.name = name});

    if (got.status != 200 || strcmp(got.subject, subject) != 0) {
        fail_msg("%s: got %ld (%s) with the certificate of \"%s\", wanted that of \"%s\"", name,
                 got.status, curl_easy_strerror(got.code), got.subject, subject);
    }
}

/* Takes the value over. */
static void put_ssl(const char *id, json_t *value)
{
    char *key = text_format("ssls/%s", id);
    char *text = json_dumps(value, JSON_COMPACT);

    assert_non_null(text);
    gateway_put(running, key, "%s", text);
    json_decref(value);
    free(text);
    free(key);
}

/* The certificate of a name, with members written as JSON with ' for ". */
static json_t *ssl_of(const char *certificate, const char *members)
{
    json_t *value = certificate_json(folder, certificate);
    char *text = text_format("{%s}", members);
    json_t *more;

    for (char *at = text; *at != '\0'; at++) {
        *at = *at == '\'' ? '"' : *at;
    }
    more = json_loads(text, 0, NULL);
    assert_non_null(more);
    assert_int_equal(json_object_update(value, more), 0);
    json_decref(more);
    free(text);
    return value;
}

static int set_up(void **state)
{
    (void)state;
    (void)curl_global_init(CURL_GLOBAL_ALL);
    folder = authority_make();
    certificate_make(folder, "a", "ec", "DNS:a.example");
    certificate_make(folder, "b", "ec", "DNS:a.example,DNS:b.example");
    certificate_make(folder, "rsa", "rsa", "DNS:two.example");
    certificate_make(folder, "ec", "ec", "DNS:two.example");
    certificate_make(folder, "wild", "ec", "DNS:*.wild.example,DNS:x.wild.example");
    certificate_make(folder, "exact", "ec", "DNS:x.wild.example");
    certificate_make(folder, "client", "ec", NULL);
    shell("cd '%s' && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes "
          "-keyout stranger.key -out stranger.pem -days 2 -subj /CN=stranger 2>/dev/null",
          folder);
    upstream = origin_start();
    running = gateway_run(
        &(gateway_options){.ssl = "fallback_sni: fallback.example, ssl_session_tickets: true"});
    gateway_put(running, "routes/all",
                "{\"uri\": \"/*\", \"upstream\": {\"nodes\": {\"127.0.0.1:%u\": 1}}}",
                origin_port(upstream));
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    gateway_free(running);
    origin_stop(upstream);
    folder_remove(folder);
    curl_global_cleanup();
    return 0;
}

/* ------------------------------------------------------------------------------------ names */

static void certificate_is_chosen_by_name(void **state)
{
    (void)state;
    put_ssl("a", ssl_of("a", "'sni': 'A.example'"));
    put_ssl("wild", ssl_of("wild", "'snis': ['*.wild.example', 'other.example']"));
    put_ssl("exact", ssl_of("exact", "'sni': 'x.wild.example'"));
    is_shown("a.example", "a");
    is_shown("y.wild.example", "wild");
    is_shown("x.wild.example", "exact");
    assert_int_equal(ask(&(call){.name = "none.example"}).code, CURLE_SSL_CONNECT_ERROR);
    assert_int_equal(ask(&(call){.name = "a.b.wild.example"}).code, CURLE_SSL_CONNECT_ERROR);
    gateway_wait_log(running, "logs/error.log",
                     "failed to match any SSL certificate by SNI: none.example");
}

static void change_is_in_force_at_the_next_handshake(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 10; i++) { /* on every worker: each connection may be another's */
        put_ssl("a", ssl_of("a", "'sni': 'a.example'"));
        for (unsigned k = 0; k < 3; k++) {
            is_shown("a.example", "a");
        }
        put_ssl("a", ssl_of("b", "'sni': 'a.example'"));
        for (unsigned k = 0; k < 3; k++) {
            is_shown("a.example", "b");
        }
    }
    put_ssl("a", ssl_of("b", "'sni': 'a.example', 'status': 0"));
    assert_int_equal(status_of("a.example"), 0);
    put_ssl("a", ssl_of("b", "'sni': 'b.example'"));
    assert_int_equal(status_of("a.example"), 0);
    is_shown("b.example", "b");
    gateway_delete(running, "ssls/a");
    assert_int_equal(status_of("b.example"), 0);
}

static void the_older_of_two_with_one_name_is_shown(void **state)
{
    (void)state;
    put_ssl("first", ssl_of("a", "'sni': 'a.example'"));
    put_ssl("second", ssl_of("b", "'sni': 'a.example'"));
    is_shown("a.example", "a");
    put_ssl("first", ssl_of("a", "'sni': 'a.example', 'status': 0"));
    is_shown("a.example", "b");
    put_ssl("first", ssl_of("a", "'sni': 'a.example'"));
    is_shown("a.example", "a");
    gateway_delete(running, "ssls/first");
    is_shown("a.example", "b");
    gateway_delete(running, "ssls/second");
}

static void client_without_a_name_gets_the_fallback(void **state)
{
    (void)state;
    assert_int_equal(ask(&(call){0}).code, CURLE_SSL_CONNECT_ERROR);
    put_ssl("fallback", ssl_of("b", "'sni': 'fallback.example'"));
    assert_int_equal(ask(&(call){0}).status, 200);
    gateway_delete(running, "ssls/fallback");
}

/* ---------------------------------------------------------------------- what is negotiated */

static void client_gets_the_kind_of_key_that_it_can_use(void **state)
{
    json_t *value = ssl_of("rsa", "'sni': 'two.example'");
    answer got;

    (void)state;
    (void)json_object_set_new(value, "certs", json_pack("[o]", pem_json(folder, "ec.pem")));
    (void)json_object_set_new(value, "keys", json_pack("[o]", pem_json(folder, "ec.key")));
    put_ssl("two", value);
    got = ask(&(call){.name = "two.example",
                      .version = CURL_SSLVERSION_MAX_TLSv1_2,
                      .ciphers = "ECDHE-ECDSA-AES128-GCM-SHA256"});
    assert_int_equal(got.status, 200);
    assert_string_equal(got.subject, "ec");
    got = ask(&(call){.name = "two.example",
                      .version = CURL_SSLVERSION_MAX_TLSv1_2,
                      .ciphers = "ECDHE-RSA-AES128-GCM-SHA256"});
    assert_int_equal(got.status, 200);
    assert_string_equal(got.subject, "rsa");
}

static void versions_are_those_of_the_name(void **state)
{
    (void)state;
    put_ssl("old", ssl_of("a", "'sni': 'a.example', 'ssl_protocols': ['TLSv1.2']"));
    put_ssl("new", ssl_of("b", "'sni': 'b.example', 'ssl_protocols': ['TLSv1.3']"));
    assert_int_equal(ask(&(call){.name = "a.example", .version = CURL_SSLVERSION_TLSv1_3}).code,
                     CURLE_SSL_CONNECT_ERROR);
    assert_int_equal(status_of("a.example"), 200);
    assert_int_equal(ask(&(call){.name = "b.example", .version = CURL_SSLVERSION_MAX_TLSv1_2}).code,
                     CURLE_SSL_CONNECT_ERROR);
    assert_int_equal(status_of("b.example"), 200);
    put_ssl("old", ssl_of("a", "'sni': 'a.example'"));
    assert_int_equal(ask(&(call){.name = "a.example", .version = CURL_SSLVERSION_TLSv1_3}).status,
                     200);
    gateway_delete(running, "ssls/new");
    gateway_delete(running, "ssls/old");
}

static void http_2_is_offered(void **state)
{
    answer got;

    (void)state;
    put_ssl("a", ssl_of("a", "'sni': 'a.example'"));
    got = ask(&(call){.name = "a.example", .http = CURL_HTTP_VERSION_2TLS});
    assert_int_equal(got.status, 200);
    assert_int_equal(got.http, CURL_HTTP_VERSION_2_0);
    got = ask(&(call){.name = "a.example", .http = CURL_HTTP_VERSION_1_1});
    assert_int_equal(got.status, 200);
    assert_int_equal(got.http, CURL_HTTP_VERSION_1_1);
}

/* ----------------------------------------------------------------------------- client CAs */

static void put_mutual(const char *id, const char *certificate, const char *sni, const char *skip)
{
    json_t *value = ssl_of(certificate, "'snis': []");
    json_t *client = json_pack("{s:o}", "ca", pem_json(folder, "ca.pem"));

    (void)json_object_set_new(value, "snis", json_pack("[s]", sni));
    if (skip != NULL) {
        (void)json_object_set_new(client, "skip_mtls_uri_regex", json_pack("[s]", skip));
    }
    (void)json_object_set_new(value, "client", client);
    put_ssl(id, value);
}

static void client_needs_a_certificate_of_the_authority(void **state)
{
    (void)state;
    put_mutual("a", "a", "a.example", NULL);
    assert_int_equal(ask(&(call){.name = "a.example", .client = "client"}).status, 200);
    assert_int_equal(ask(&(call){.name = "a.example"}).status, 0);
    assert_int_equal(ask(&(call){.name = "a.example", .client = "stranger"}).status, 0);
    assert_int_equal(
        ask(&(call){.name = "a.example", .version = CURL_SSLVERSION_MAX_TLSv1_2}).status, 0);
    put_ssl("a", ssl_of("a", "'sni': 'a.example'"));
    assert_int_equal(ask(&(call){.name = "a.example"}).status, 200);
}

static void some_paths_need_no_client_certificate(void **state)
{
    (void)state;
    put_mutual("a", "a", "a.example", "^/open");
    assert_int_equal(ask(&(call){.name = "a.example", .path = "/open/1"}).status, 200);
    assert_int_equal(ask(&(call){.name = "a.example", .path = "/closed"}).status, 400);
    assert_int_equal(
        ask(&(call){.name = "a.example", .path = "/closed", .client = "stranger"}).status, 400);
    assert_int_equal(
        ask(&(call){.name = "a.example", .path = "/closed", .client = "client"}).status, 200);
}

static void handshake_for_one_name_is_no_key_to_another(void **state)
{
    (void)state;
    put_mutual("a", "a", "a.example", NULL);
    put_ssl("b", ssl_of("b", "'sni': 'b.example'"));
    assert_int_equal(ask(&(call){.name = "b.example"}).status, 200);
    assert_int_equal(ask(&(call){.name = "b.example", .host = "a.example"}).status, 400);
    assert_int_equal(
        ask(&(call){.name = "b.example", .host = "A.EXAMPLE:1", .client = "client"}).status, 400);
    assert_int_equal(ask(&(call){.name = "b.example", .host = "none.example"}).status, 200);
    gateway_delete(running, "ssls/b");
}

/* Who came before a certificate was wanted would be refused for as long as the connection is kept.
 */
static void a_connection_that_lacks_a_certificate_is_not_kept(void **state)
{
    call closed = {.name = "a.example", .path = "/closed", .http = CURL_HTTP_VERSION_1_1};
    answer got;

    (void)state;
    put_mutual("a", "a", "a.example", "^/open");
    got = ask(&closed);
    assert_int_equal(got.status, 400);
    assert_true(got.ends);
    closed.client = "client";
    got = ask(&closed);
    assert_int_equal(got.status, 200);
    assert_false(got.ends);
}

/* A session is no way round the certificate of the client either. */
static void session_of_one_name_is_not_resumed_for_another(void **state)
{
    static const char *const versions[] = {"-tls1_2", "-tls1_3"};

    (void)state;
    put_mutual("a", "a", "a.example", NULL);
    put_ssl("b", ssl_of("b", "'sni': 'b.example'"));
    for (size_t i = 0; i < ARRAY_SIZE(versions); i++) {
        shell("cd '%s' && printf 'GET / HTTP/1.1\\r\\nHost: b.example\\r\\nConnection: "
              "close\\r\\n\\r\\n' > request",
              folder);
        shell("cd '%s' && (cat request; sleep 0.3) | openssl s_client %s -connect 127.0.0.1:%u "
              "-servername b.example -sess_out session -ign_eof >first 2>&1; grep -q 'HTTP/1.1 "
              "200' first",
              folder, versions[i], running->tls_port);
        shell(
            "cd '%s' && (cat request; sleep 0.3) | openssl s_client %s -connect 127.0.0.1:%u "
            "-servername b.example -sess_in session -ign_eof >again 2>&1; grep -q '^Reused' again",
            folder, versions[i], running->tls_port);
        shell("cd '%s' && (cat request; sleep 0.3) | openssl s_client %s -connect 127.0.0.1:%u "
              "-servername a.example -sess_in session -ign_eof >other 2>&1 || true; "
              "! grep -E '^Reused|HTTP/1.1 200' other",
              folder, versions[i], running->tls_port);
    }
    gateway_delete(running, "ssls/b");
}

/* --------------------------------------------------------------------------------- refusals */

static void unusable_pem_is_refused_and_never_shown(void **state)
{
    static const struct {
        const char *label;
        const char *member; /* that is replaced */
        const char *file;   /* by this one's text; NULL: by text that is no PEM */
        const char *error;
    } cases[] = {
        {"no certificate", "cert", NULL, "failed to parse cert: "},
        {"no key", "key", NULL, "failed to parse key: "},
        {"key of another certificate", "key", "b.key",
         "failed to parse key: it is not the key of the certificate"},
        {"certificate as key", "key", "a.pem", "failed to parse key: "},
    };
    char *log;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        json_t *value = ssl_of("a", "'sni': 'bad.example'");
        json_t *other = cases[i].file == NULL ? json_sprintf("secretsecret%0200d", 7)
                                              : pem_json(folder, cases[i].file);
        admin_reply reply;
        char *text;

        (void)json_object_set_new(value, cases[i].member, other);
        text = json_dumps(value, JSON_COMPACT);
        reply = gateway_admin(running, "PUT", "ssls/bad", text);
        if (reply.status != 400 || strstr(reply.text, cases[i].error) == NULL ||
            strstr(reply.text, "secretsecret") != NULL || strstr(reply.text, "BEGIN") != NULL) {
            fail_msg("%s: got %ld %s", cases[i].label, reply.status, reply.text);
        }
        admin_reply_done(&reply);
        free(text);
        json_decref(value);
    }
    log = gateway_log(running, "logs/control.log");
    assert_null(strstr(log, "secretsecret"));
    free(log);
}

static void key_is_in_no_answer(void **state)
{
    json_t *value = ssl_of("a", "'sni': 'hidden.example'");
    char *text = json_dumps(value, JSON_COMPACT);
    admin_reply reply = gateway_admin(running, "PUT", "ssls/hidden", text);

    (void)state;
    assert_int_equal(reply.status, 201);
    assert_null(strstr(reply.text, "PRIVATE"));
    assert_non_null(strstr(reply.text, "BEGIN CERTIFICATE"));
    admin_reply_done(&reply);
    reply = gateway_admin(running, "GET", "ssls/hidden", NULL);
    assert_int_equal(reply.status, 200);
    assert_null(strstr(reply.text, "PRIVATE"));
    assert_non_null(strstr(reply.text, "BEGIN CERTIFICATE"));
    admin_reply_done(&reply);
    reply = gateway_admin(running, "GET", "ssls", NULL);
    assert_null(strstr(reply.text, "PRIVATE"));
    admin_reply_done(&reply);
    reply = gateway_admin(running, "PATCH", "ssls/hidden", "{\"status\": 0}");
    assert_int_equal(reply.status, 200);
    assert_null(strstr(reply.text, "PRIVATE"));
    admin_reply_done(&reply);
    gateway_put(running, "ssls/hidden", "%s", text); /* the key was kept by the patch */
    gateway_delete(running, "ssls/hidden");
    json_decref(value);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(certificate_is_chosen_by_name),
        cmocka_unit_test(change_is_in_force_at_the_next_handshake),
        cmocka_unit_test(the_older_of_two_with_one_name_is_shown),
        cmocka_unit_test(client_without_a_name_gets_the_fallback),
        cmocka_unit_test(client_gets_the_kind_of_key_that_it_can_use),
        cmocka_unit_test(versions_are_those_of_the_name),
        cmocka_unit_test(http_2_is_offered),
        cmocka_unit_test(client_needs_a_certificate_of_the_authority),
        cmocka_unit_test(some_paths_need_no_client_certificate),
        cmocka_unit_test(handshake_for_one_name_is_no_key_to_another),
        cmocka_unit_test(a_connection_that_lacks_a_certificate_is_not_kept),
        cmocka_unit_test(session_of_one_name_is_not_resumed_for_another),
        cmocka_unit_test(unusable_pem_is_refused_and_never_shown),
        cmocka_unit_test(key_is_in_no_answer),
    };

    return report(cmocka_run_group_tests(tests, set_up, tear_down));
}
