/* tests/integration/test_admin_access.c - who may use the Admin API, on which address, with what.
 */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <curl/curl.h>

#include "tests/integration/command.h"
#include "tests/integration/gateway.h"
#include "tests/unit/unit.h"

#define HEADERS_MAX  4u
#define VIEWER_KEY   GATEWAY_KEY "-viewer"
#define WITH_KEY     "X-API-KEY: " GATEWAY_KEY
#define TIMEOUT_S    60L
#define ON_DATA_PORT "    enable_admin_on_data_port: true\n"

/* A request as an admin client makes it. Zero is a GET without anything. */
typedef struct asked {
    const char *method;
    const char *url;
    const char *headers[HEADERS_MAX];
    const char *body;
    const char *authority;   /* PEM files */
    const char *certificate; /* with its key in the same file */
    const char *socket;
} asked;

typedef struct answered {
    long status; /* 0: no answer */
    char *text;  /* owned */
} answered;

static size_t on_data(char *data, size_t size, size_t count, void *context)
{
    return fwrite(data, size, count, context);
}

static answered ask(const asked *what)
{
    answered got = {0};
    size_t length = 0;
    FILE *into = open_memstream(&got.text, &length);
    struct curl_slist *headers = curl_slist_append(NULL, "Expect:");
    CURL *curl = curl_easy_init();

    for (size_t i = 0; i < HEADERS_MAX && what->headers[i] != NULL; i++) {
        headers = curl_slist_append(headers, what->headers[i]);
    }
    (void)curl_easy_setopt(curl, CURLOPT_URL, what->url);
    (void)curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST,
                           what->method == NULL ? "GET" : what->method);
    (void)curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    (void)curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
    (void)curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(curl, CURLOPT_TIMEOUT, TIMEOUT_S);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_data);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEDATA, into);
    (void)curl_easy_setopt(curl, CURLOPT_HEADER, 1L);
    (void)curl_easy_setopt(curl, CURLOPT_CAINFO, what->authority);
    (void)curl_easy_setopt(curl, CURLOPT_SSLCERT, what->certificate);
    (void)curl_easy_setopt(curl, CURLOPT_SSLKEY, what->certificate);
    (void)curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, what->socket);
    if (what->body != NULL) {
        (void)curl_easy_setopt(curl, CURLOPT_POSTFIELDS, what->body);
    }
    if (curl_easy_perform(curl) == CURLE_OK) {
        (void)curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &got.status);
    }
    (void)fclose(into);
    curl_easy_cleanup(curl);
    curl_slist_free_all(headers);
    return got;
}

/* One request whose answer is known: a status, and a text in it. */
static void expect(const char *label, const asked *what, long status, const char *text)
{
    answered got = ask(what);

    if (got.status != status || strstr(got.text, text) == NULL) {
        print_error("%s: wanted %ld and \"%s\", got %ld: %s\n", label, status, text, got.status,
                    got.text);
        free(got.text);
        fail_msg("%s", label);
    }
    free(got.text);
}

/* Configures with further lines below deployment.admin and top level ones. */
static gateway *make(const char *admin, const char *settings)
{
    gateway *self = gateway_make(&(gateway_options){.settings = settings, .by_socket = true});
    char *path = gateway_path(self, "conf/config.yaml");
    char *text = file_read(path);
    char *at = strstr(text, "  admin:\n");
    char *changed;

    assert_non_null(at);
    at += strlen("  admin:\n");
    changed = text_format("%.*s%s%s", (int)(at - text), text, admin, at);
    file_write(path, changed, strlen(changed));
    free(changed);
    free(text);
    free(path);
    return self;
}

static char *url_of(unsigned port, const char *path)
{
    return text_format("http://127.0.0.1:%u%s", port, path);
}

/* Where 2.15 has it, and where its clients look for it. */
static void the_data_port_has_the_whole_admin_api(void **state)
{
    gateway *self = make(ON_DATA_PORT, NULL);
    char *url;
    char *route;

    (void)state;
    gateway_start(self);
    url = url_of(self->port, "/apisix/admin/plugins/reload");
    route = url_of(self->port, "/apisix/admin/routes/1");
    expect("reload", &(asked){.method = "PUT", .url = url, .headers = {WITH_KEY}}, 200,
           "\"result\":\"unchanged\"");
    expect("version of the API", &(asked){.method = "PUT", .url = url, .headers = {WITH_KEY}}, 200,
           "Server: APISIX/3.18.0 hotgate/");
    expect("no key", &(asked){.method = "PUT", .url = url}, 401, "missing apikey");
    expect("wrong key", &(asked){.method = "PUT", .url = url, .headers = {"X-API-KEY: no"}}, 401,
           "wrong apikey");
    expect("written here",
           &(asked){.method = "PUT",
                    .url = route,
                    .headers = {WITH_KEY},
                    .body = "{\"uri\": \"/a\", \"plugins\": {}}"},
           201, "\"key\":\"/apisix/routes/1\"");
    free(url);
    url = url_of(self->port, "/a");
    expect("in force there: the route is found, and has no upstream", &(asked){.url = url}, 503,
           "{");
    free(url);
    url = url_of(self->admin_port, "/apisix/admin/routes/1");
    expect("the same on the other address", &(asked){.url = url, .headers = {WITH_KEY}}, 200,
           "\"uri\":\"/a\"");
    free(url);
    url = url_of(self->port, "/apisix/adminx");
    expect("a neighbour", &(asked){.url = url}, 404, "404 Route Not Found");
    free(route);
    free(url);
    gateway_free(self);
}

static void without_its_switch_the_data_port_has_none(void **state)
{
    gateway *self = gateway_run(NULL);
    char *url = url_of(self->port, "/apisix/admin/routes");
    char *path = gateway_path(self, "run/admin.sock");

    (void)state;
    expect("off", &(asked){.url = url, .headers = {WITH_KEY}}, 404, "404 Route Not Found");
    assert_int_not_equal(access(path, F_OK), 0);
    free(path);
    free(url);
    gateway_free(self);
}

/* What a client says of itself must not open what its address does not. */
static void the_client_of_the_data_port_is_who_nginx_says(void **state)
{
    static const asked cases[] = {
        {.headers = {WITH_KEY}},
        {.headers = {WITH_KEY, "X-Hotgate-Client: 10.1.2.3"}},
        {.headers = {WITH_KEY, "x-hotgate-client: 10.1.2.3", "X-Hotgate-Client: 10.1.2.3"}},
        {.headers = {WITH_KEY, "X_Hotgate_Client: 10.1.2.3", "X-Forwarded-For: 10.1.2.3"}},
    };
    gateway *self = make(ON_DATA_PORT "    allow_admin: [10.1.2.3]\n", NULL);
    char *url = url_of(self->port, "/apisix/admin/routes");
    char *socket = gateway_path(self, "run/admin.sock");

    (void)state;
    gateway_start(self);
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        asked what = cases[i];

        what.url = url;
        expect("spoofed", &what, 403, "not in allow_admin");
    }
    expect("nobody said who",
           &(asked){.url = "http://x/apisix/admin/routes", .socket = socket, .headers = {WITH_KEY}},
           403, "not in allow_admin");
    free(socket);
    free(url);
    gateway_free(self);
}

/* A key may stand in the query: then it must not stand in a log. */
static void a_key_in_a_query_is_in_no_log(void **state)
{
    static const char *const names[] = {"logs/access.log", "logs/error.log", "logs/control.log",
                                        "logs/output.log"};
    gateway *self = make(ON_DATA_PORT, NULL);
    char *url = url_of(self->port, "/apisix/admin/routes?api_key=" GATEWAY_KEY);
    pid_t control;

    (void)state;
    gateway_start(self);
    expect("key in the query", &(asked){.url = url}, 200, "\"total\":0");
    control = gateway_control(self);
    assert_int_equal(kill(control, SIGKILL), 0); /* nginx has something to say of such a request */
    (void)ask(&(asked){.url = url});
    WAIT_UNTIL(gateway_control(self) != 0 && gateway_control(self) != control);
    gateway_wait_log(self, "logs/access.log", "GET /apisix/admin/routes HTTP/1.1");
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        char *log = gateway_log(self, names[i]);

        if (strstr(log, GATEWAY_KEY) != NULL) {
            fail_msg("%s has the key", names[i]);
        }
        free(log);
    }
    free(url);
    gateway_free(self);
}

/* conf/config.yaml of release 2.15, with its own names alone. */
static void a_configuration_of_2_15_is_understood(void **state)
{
    gateway *self = gateway_make(&(gateway_options){.by_socket = true});
    char *path = gateway_path(self, "conf/config.yaml");
    char *text = text_format("apisix:\n  node_listen: %u\n  enable_admin: true\n"
                             "  ssl: {enable: false}\n"
                             "  admin_key:\n    - name: admin\n      key: " GATEWAY_KEY "\n"
                             "      role: admin\n    - name: viewer\n      key: " VIEWER_KEY
                             "\n      role: viewer\n  allow_admin:\n    - 127.0.0.0/24\n"
                             "  config_center: etcd\n  control: {port: %u}\n"
                             "nginx_config: {worker_processes: 2}\n",
                             self->port, self->control_port);
    char *url;

    (void)state;
    file_write(path, text, strlen(text));
    free(text);
    free(path);
    gateway_start(self);
    url = url_of(self->port, "/apisix/admin/plugins/reload");
    expect("reload", &(asked){.method = "PUT", .url = url, .headers = {WITH_KEY}}, 200,
           "\"result\"");
    expect("a viewer only reads",
           &(asked){.method = "PUT", .url = url, .headers = {"X-API-KEY: " VIEWER_KEY}}, 401,
           "invalid method for role viewer");
    free(url);
    gateway_free(self);
}

/* An authority, a server's certificate for 127.0.0.1, a client's, and one of a stranger. */
static void make_certificates(const gateway *self)
{
    shell("cd '%s/conf' && exec >openssl.log 2>&1 &&"
          " for who in authority stranger; do"
          "   openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2"
          "     -subj /CN=$who -keyout $who.key -out $who.crt || exit 1; done &&"
          " issue() {"
          "   openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes"
          "     -subj /CN=$1 -keyout $1.key -out $1.csr &&"
          "   openssl x509 -req -in $1.csr -CA $2.crt -CAkey $2.key -CAcreateserial -days 2"
          "     -extfile extensions -out $1.crt && cat $1.crt $1.key > $1.pem; } &&"
          " printf 'subjectAltName=IP:127.0.0.1\\nextendedKeyUsage=serverAuth\\n' > extensions &&"
          " issue server authority &&"
          " printf 'extendedKeyUsage=clientAuth\\n' > extensions &&"
          " issue client authority && issue other stranger && chmod 600 *.key *.pem",
          self->directory);
}

static void the_admin_port_speaks_tls(void **state)
{
    gateway *self = make("    https_admin: true\n    admin_api_mtls: {admin_ssl_cert: "
                         "conf/server.crt, admin_ssl_cert_key: conf/server.key}\n",
                         NULL);
    char *authority = gateway_path(self, "conf/authority.crt");
    char *stranger = gateway_path(self, "conf/stranger.crt");
    char *plain = url_of(self->admin_port, "/apisix/admin/routes");
    char *secure = text_format("https://127.0.0.1:%u/apisix/admin/routes", self->admin_port);
    answered got;

    (void)state;
    make_certificates(self);
    gateway_start(self);
    expect("with the right authority",
           &(asked){.url = secure, .headers = {WITH_KEY}, .authority = authority}, 200,
           "\"total\":0");
    got = ask(&(asked){.url = secure, .headers = {WITH_KEY}, .authority = stranger});
    assert_int_equal(got.status, 0); /* it is who it says: a client can tell */
    free(got.text);
    got = ask(&(asked){.url = plain, .headers = {WITH_KEY}});
    assert_int_not_equal(got.status, 200);
    free(got.text);
    expect("a large answer and a kept connection",
           &(asked){.url = secure, .headers = {WITH_KEY}, .authority = authority}, 200,
           "X-API-VERSION: v3");
    free(authority);
    free(stranger);
    free(plain);
    free(secure);
    gateway_free(self);
}

static void with_an_authority_clients_need_its_certificate(void **state)
{
    gateway *self = make("    https_admin: true\n    admin_api_mtls: {admin_ssl_cert: "
                         "conf/server.crt, admin_ssl_cert_key: conf/server.key, "
                         "admin_ssl_ca_cert: conf/authority.crt}\n",
                         NULL);
    char *authority = gateway_path(self, "conf/authority.crt");
    char *client = gateway_path(self, "conf/client.pem");
    char *server = gateway_path(self, "conf/server.pem");
    char *other = gateway_path(self, "conf/other.pem");
    char *url = text_format("https://127.0.0.1:%u/apisix/admin/routes", self->admin_port);
    asked what = {.url = url, .headers = {WITH_KEY}, .authority = authority};
    answered got;

    (void)state;
    make_certificates(self);
    gateway_start(self);
    expect("none", &what, 400, "found no client certificate of a known authority");
    what.certificate = other;
    expect("of another authority", &what, 400, "found no client certificate");
    what.certificate = server;
    expect("for servers", &what, 400, "found no client certificate");
    what.certificate = client;
    expect("the right one", &what, 200, "\"total\":0");
    what.headers[0] = NULL;
    expect("a certificate is no key", &what, 401, "missing apikey");
    got = ask(&(asked){.url = url, .method = "PUT", .body = "{}", .authority = authority});
    assert_int_equal(got.status, 400);
    free(got.text);
    free(authority);
    free(client);
    free(server);
    free(other);
    free(url);
    gateway_free(self);
}

static void a_certificate_that_cannot_be_used_prevents_the_start(void **state)
{
    static const struct {
        const char *label;
        const char *certificate;
        const char *key;
        const char *authority;
        const char *text;
    } cases[] = {
        {"not there", "conf/none.crt", "conf/server.key", "", "admin_ssl_cert: /tmp/"},
        {"no certificate", "conf/extensions", "conf/server.key", "",
         "admin_ssl_cert: conf/extensions: found no certificate, wanted PEM"},
        {"no key", "conf/server.crt", "conf/server.crt", "",
         "admin_ssl_cert_key: conf/server.crt: found no private key, wanted PEM without a "
         "passphrase"},
        {"another key", "conf/server.crt", "conf/client.key", "",
         "admin_ssl_cert_key: conf/client.key: found another key than that of conf/server.crt"},
        {"no authority", "conf/server.crt", "conf/server.key", "conf/extensions",
         "admin_ssl_ca_cert: conf/extensions: found no certificate, wanted PEM"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char *admin = text_format("    https_admin: true\n    admin_api_mtls: {admin_ssl_cert: %s, "
                                  "admin_ssl_cert_key: %s, admin_ssl_ca_cert: '%s'}\n",
                                  cases[i].certificate, cases[i].key, cases[i].authority);
        gateway *self = make(admin, NULL);
        char *text = NULL;

        make_certificates(self);
        if (gateway_refuse(self, &text) != 1 || strstr(text, cases[i].text) == NULL ||
            strstr(text, "PRIVATE") != NULL) {
            fail_msg("%s: %s", cases[i].label, text);
        }
        free(text);
        free(admin);
        gateway_free(self);
    }
}

/* New ones are taken by HUP; bad ones change nothing. */
static void certificates_are_renewed_without_a_restart(void **state)
{
    gateway *self = make("    https_admin: true\n    admin_api_mtls: {admin_ssl_cert: "
                         "conf/server.crt, admin_ssl_cert_key: conf/server.key}\n",
                         NULL);
    char *authority = gateway_path(self, "conf/authority.crt");
    char *url = text_format("https://127.0.0.1:%u/apisix/admin/routes", self->admin_port);
    asked what = {.url = url, .headers = {WITH_KEY}, .authority = authority};
    pid_t control;
    answered got;

    (void)state;
    make_certificates(self);
    gateway_start(self);
    shell("cp '%s/conf/server.crt' '%s/conf/good.crt'; echo garbage > '%s/conf/server.crt'",
          self->directory, self->directory, self->directory);
    assert_int_equal(kill(self->pid, SIGHUP), 0);
    gateway_wait_log(self, "logs/control.log",
                     "the configuration stays as it was: "
                     "deployment.admin.admin_api_mtls.admin_ssl_cert");
    expect("the old one", &what, 200, "\"total\":0");
    shell("rm '%s/conf/good.crt'", self->directory);
    make_certificates(self);
    control = gateway_control(self);
    assert_int_equal(kill(self->pid, SIGHUP), 0);
    WAIT_UNTIL(gateway_control(self) != 0 && gateway_control(self) != control);
    do { /* the new authority knows the new one alone */
        got = ask(&what);
        free(got.text);
    } while (got.status != 200);
    free(authority);
    free(url);
    gateway_free(self);
}

static void the_instance_socket_is_for_its_owner_and_needs_no_key(void **state)
{
    gateway *self = make("    allow_admin: [10.1.2.3]\n", NULL);
    char *socket = gateway_path(self, "run/control.sock");
    char *tcp = url_of(self->admin_port, "/apisix/admin/routes");
    struct stat info;

    (void)state;
    gateway_start(self);
    expect("the network is shut", &(asked){.url = tcp, .headers = {WITH_KEY}}, 403, "allow_admin");
    expect("the socket is open",
           &(asked){.url = "http://localhost/apisix/admin/routes", .socket = socket}, 200,
           "\"total\":0");
    assert_int_equal(stat(socket, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
    assert_int_equal(info.st_uid, geteuid());
    assert_int_equal(gateway_stop(self, SIGTERM), 0);
    assert_int_not_equal(access(socket, F_OK), 0);
    free(tcp);
    free(socket);
    gateway_free(self);
}

static void keys_have_roles_and_places(void **state)
{
    static const struct {
        const char *label;
        const char *method;
        const char *path;
        const char *headers[HEADERS_MAX];
        long status;
        const char *text;
    } cases[] = {
        {"admin in the header", "GET", "", {WITH_KEY}, 200, "total"},
        {"name of the header in small letters", "GET", "", {"x-api-key: " GATEWAY_KEY}, 200, ""},
        {"in the query", "GET", "?api_key=" GATEWAY_KEY, {NULL}, 200, "total"},
        {"in a cookie", "GET", "", {"Cookie: a=b; x_api_key=" GATEWAY_KEY}, 200, "total"},
        {"the query comes first", "GET", "?api_key=no", {WITH_KEY}, 401, "wrong apikey"},
        {"the header before the cookie",
         "GET",
         "",
         {"X-API-KEY: no", "Cookie: x_api_key=" GATEWAY_KEY},
         401,
         "wrong apikey"},
        {"two headers: the first one", "GET", "", {"X-API-KEY: no", WITH_KEY}, 401, "wrong"},
        {"a beginning of the key", "GET", "", {"X-API-KEY: integration"}, 401, "wrong apikey"},
        {"more than the key", "GET", "", {WITH_KEY "x"}, 401, "wrong apikey"},
        {"an empty key", "GET", "", {"X-API-KEY;"}, 401, "wrong apikey"},
        {"none", "GET", "", {NULL}, 401, "missing apikey"},
        {"a viewer reads", "GET", "", {"X-API-KEY: " VIEWER_KEY}, 200, "total"},
        {"a viewer does not write",
         "PUT",
         "/1",
         {"X-API-KEY: " VIEWER_KEY},
         401,
         "invalid method for role viewer"},
        {"nor delete",
         "DELETE",
         "/1",
         {"X-API-KEY: " VIEWER_KEY},
         401,
         "invalid method for role viewer"},
    };
    gateway *self = gateway_run(NULL);

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char *path = text_format("/apisix/admin/routes%s", cases[i].path);
        char *url = url_of(self->admin_port, path);
        asked what = {.method = cases[i].method, .url = url};

        memcpy(what.headers, cases[i].headers, sizeof(what.headers));
        expect(cases[i].label, &what, cases[i].status, cases[i].text);
        free(url);
        free(path);
    }
    gateway_free(self);
}

static void the_check_of_keys_can_be_switched_off(void **state)
{
    gateway *self = make("    admin_key_required: false\n", NULL);
    char *url = url_of(self->admin_port, "/apisix/admin/routes/1");

    (void)state;
    gateway_start(self);
    expect("a write without a key",
           &(asked){.method = "PUT", .url = url, .body = "{\"uri\": \"/a\", \"plugins\": {}}"}, 201,
           "/apisix/routes/1");
    free(url);
    gateway_free(self);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_data_port_has_the_whole_admin_api),
        cmocka_unit_test(without_its_switch_the_data_port_has_none),
        cmocka_unit_test(the_client_of_the_data_port_is_who_nginx_says),
        cmocka_unit_test(a_key_in_a_query_is_in_no_log),
        cmocka_unit_test(a_configuration_of_2_15_is_understood),
        cmocka_unit_test(the_admin_port_speaks_tls),
        cmocka_unit_test(with_an_authority_clients_need_its_certificate),
        cmocka_unit_test(a_certificate_that_cannot_be_used_prevents_the_start),
        cmocka_unit_test(certificates_are_renewed_without_a_restart),
        cmocka_unit_test(the_instance_socket_is_for_its_owner_and_needs_no_key),
        cmocka_unit_test(keys_have_roles_and_places),
        cmocka_unit_test(the_check_of_keys_can_be_switched_off),
    };

    return report(cmocka_run_group_tests_name("admin access", tests, NULL, NULL));
}
