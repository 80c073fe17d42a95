/* host/engine/nginx/tls.c - handshakes of the TLS listener: certificates out of the live snapshot.
 *
 * nginx's own server has none (it is configured to reject every handshake, and that is undone
 * here); each handshake finds the object of the kind ssls for the name that the client sends.
 */
#include "host/core/ssl.h"
#include "host/engine/nginx/module.h"

#define NAME_SHOWN_MAX 255 /* bytes; what else a client sends is not logged */

/* Where a connection keeps the ssl that its handshake was done with: a reference. */
static int ssl_place = -1;

static hgh_ssl *ssl_of(const SSL *connection)
{
    return SSL_get_ex_data(connection, ssl_place);
}

static void
ssl_forget(void *connection, void *ssl, CRYPTO_EX_DATA *data, int index, long number, void *context)
{
    (void)connection;
    (void)data;
    (void)index;
    (void)number;
    (void)context;
    hgh_resource_unref(ssl);
}

/* ---------------------------------------------------------------------------- client hello */

/* The name of a client hello (RFC 6066 section 3): a list with one entry of type 0. */
static hg_text hello_name(SSL *connection)
{
    const unsigned char *data = NULL;
    size_t size = 0;
    size_t length;

    if (SSL_client_hello_get0_ext(connection, TLSEXT_TYPE_server_name, &data, &size) != 1 ||
        size < 5 || data[2] != TLSEXT_NAMETYPE_host_name) {
        return (hg_text){0};
    }
    length = (size_t)data[3] << 8 | data[4];
    return length > size - 5 ? (hg_text){0} : (hg_text){(const char *)data + 5, length};
}

static bool is_shown(hg_text name)
{
    for (size_t i = 0; i < name.length; i++) {
        if (name.data[i] <= ' ' || name.data[i] > '~') {
            return false;
        }
    }
    return name.length <= NAME_SHOWN_MAX;
}

static void log_unknown(const SSL *connection, hg_text name)
{
    const ngx_connection_t *client = ngx_ssl_get_connection(connection);

    if (name.data == NULL) {
        ngx_log_error(NGX_LOG_INFO, client->log, 0,
                      "failed to find SNI: the client sends no name, and there is no fallback_sni");
    } else {
        ngx_str_t shown = hgh_str_of_text(is_shown(name) ? name : HG_TEXT("(no host name)"));

        ngx_log_error(NGX_LOG_INFO, client->log, 0,
                      "failed to match any SSL certificate by SNI: %V", &shown);
    }
}

static void versions_set(SSL *connection, uint8_t versions)
{
    static const struct {
        hgh_tls_version bit;
        int number;
        uint64_t excluded;
    } rows[] = {
        {HGH_TLS_1_1, TLS1_1_VERSION, SSL_OP_NO_TLSv1_1},
        {HGH_TLS_1_2, TLS1_2_VERSION, SSL_OP_NO_TLSv1_2},
        {HGH_TLS_1_3, TLS1_3_VERSION, SSL_OP_NO_TLSv1_3},
    };
    int min = 0;
    int max = 0;

    if (versions == 0) {
        return; /* those of the listener */
    }
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if ((versions & rows[i].bit) != 0) {
            SSL_clear_options(connection, rows[i].excluded);
            min = min == 0 ? rows[i].number : min;
            max = rows[i].number;
        } else {
            SSL_set_options(connection, rows[i].excluded);
        }
    }
    (void)SSL_set_min_proto_version(connection, min); /* known numbers are not refused */
    (void)SSL_set_max_proto_version(connection, max);
}

/* A session is resumed with the very object and version that it was made with, and no other: what
 * it says of the client's certificate was found out by that one's rules. */
static bool session_bind(SSL *connection, const hgh_ssl *ssl)
{
    static const hgh_hash_key fixed = {{0, 0}};
    struct {
        hgh_hash128 id;
        uint64_t revision;
    } context;

    ngx_memzero(&context, sizeof(context));
    context.id = hgh_siphash128(&fixed, ssl->base.id, ngx_strlen(ssl->base.id));
    context.revision = ssl->base.revision;
    _Static_assert(sizeof(context) <= SSL_MAX_SID_CTX_LENGTH, "too long for OpenSSL");
    return SSL_set_session_id_context(connection, (const unsigned char *)&context,
                                      sizeof(context)) == 1;
}

static int on_client_hello(SSL *connection, int *alert, void *context)
{
    hgh_nginx_main *main = context;
    hg_text name = hello_name(connection);
    hgh_ssl *ssl;

    if (ssl_of(connection) != NULL) {
        return SSL_CLIENT_HELLO_SUCCESS; /* the second hello of one handshake: as the first */
    }
    if (name.data == NULL && main->fallback_sni.len > 0) {
        name = hgh_text_of_str(main->fallback_sni);
    }
    hgh_runtime_sync(main->runtime);
    ssl = hgh_sni_index_find(&main->runtime->snis, name);
    if (ssl == NULL) {
        log_unknown(connection, name);
        *alert = name.data == NULL ? SSL_AD_HANDSHAKE_FAILURE : SSL_AD_UNRECOGNIZED_NAME;
        return SSL_CLIENT_HELLO_ERROR;
    }
    *alert = SSL_AD_INTERNAL_ERROR;
    if (!session_bind(connection, ssl) || SSL_set_ex_data(connection, ssl_place, ssl) != 1) {
        return SSL_CLIENT_HELLO_ERROR;
    }
    (void)hgh_resource_ref(&ssl->base); /* the connection's own, until ssl_forget() */
    versions_set(connection, ssl->versions);
    return SSL_CLIENT_HELLO_SUCCESS;
}

/* ----------------------------------------------------------------------------- certificates */

static int on_certificate(SSL *connection, void *context)
{
    const ngx_connection_t *client = ngx_ssl_get_connection(connection);
    hgh_ssl *ssl = ssl_of(connection);
    const hgh_ssl_material *material;
    hg_error err = HG_ERROR_INIT;

    (void)context;
    material = ssl == NULL ? NULL : hgh_ssl_material_of(ssl, &err);
    if (material == NULL) {
        ngx_log_error(NGX_LOG_ERR, client->log, 0, "ssls/%s: %s", ssl == NULL ? "" : ssl->base.id,
                      err.text);
        return 0;
    }
    SSL_certs_clear(connection);
    for (size_t i = 0; i < material->certificate_count; i++) {
        if (!hgh_certificate_use(material->certificates[i], connection)) {
            ngx_log_error(NGX_LOG_ERR, client->log, 0,
                          "ssls/%s: certificate %uz cannot be used: its key may be too short",
                          ssl->base.id, i);
            ERR_clear_error();
        }
    }
    return material->authority == NULL ||
           hgh_authority_ask(material->authority, connection, material->depth,
                             material->skip_count == 0);
}

/* -------------------------------------------------------------------------------- requests */

/* False: this ssl wants a certificate of the client for this path, and there is no good one. */
static bool is_satisfied(hgh_ssl *ssl, SSL *connection, hg_text uri)
{
    hg_error err = HG_ERROR_INIT;
    const hgh_ssl_material *material = hgh_ssl_material_of(ssl, &err);

    return material != NULL &&
           (!hgh_ssl_wants_client(material, uri) || hgh_authority_has_verified(connection));
}

bool hgh_nginx_tls_allows(ngx_http_request_t *http)
{
    const hgh_nginx_main *main = ngx_http_get_module_main_conf(http, ngx_http_hotgate_module);
    SSL *connection = http->connection->ssl->connection;
    hgh_ssl *own = ssl_of(connection);
    hgh_ssl *named;
    hg_text uri = hgh_text_of_str(http->uri);

    if (own == NULL) {
        return true; /* a listener of somebody else's */
    }
    if (!is_satisfied(own, connection, uri)) {
        ngx_log_error(NGX_LOG_WARN, http->connection->log, 0,
                      "client certificate was not present or not verified: ssls/%s", own->base.id);
        return false;
    }
    /* A handshake for one name is no key to another, which may want more of its clients. */
    named = hgh_sni_index_find(&main->runtime->snis, hgh_text_of_str(http->headers_in.server));
    if (named == NULL || named == own) {
        return true;
    }
    if (ngx_strcmp(named->base.id, own->base.id) == 0) {
        return is_satisfied(named, connection, uri); /* changed since the handshake */
    }
    if (hgh_ssl_material_of(named, NULL) == NULL ||
        hgh_ssl_wants_client(hgh_ssl_material_of(named, NULL), uri)) {
        ngx_log_error(NGX_LOG_WARN, http->connection->log, 0,
                      "client certificate verified with ssls/%s, but the host is that of ssls/%s",
                      own->base.id, named->base.id);
        return false;
    }
    return true;
}

/* --------------------------------------------------------------------------- configuration */

char *hgh_nginx_tls_directive(ngx_conf_t *conf, ngx_command_t *command, void *target)
{
    hgh_nginx_main *main = ngx_http_conf_get_module_main_conf(conf, ngx_http_hotgate_module);
    const ngx_str_t *arguments = conf->args->elts;

    (void)command;
    (void)target;
    main->tls_server = ngx_http_conf_get_module_srv_conf(conf, ngx_http_ssl_module);
    main->fallback_sni = arguments[1];
    return NGX_CONF_OK;
}

ngx_int_t hgh_nginx_tls_install(ngx_conf_t *conf, hgh_nginx_main *main)
{
    ngx_http_ssl_srv_conf_t *server = main->tls_server;

    if (server == NULL) {
        return NGX_OK;
    }
    if (server->ssl.ctx == NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, conf, 0,
                           "\"hotgate_tls\" needs \"ssl_reject_handshake on\" in its server");
        return NGX_ERROR;
    }
    if (ssl_place < 0) {
        ssl_place = SSL_get_ex_new_index(0, NULL, NULL, NULL, ssl_forget);
    }
    if (ssl_place < 0) {
        return NGX_ERROR;
    }
    server->reject_handshake = 0;
    SSL_CTX_set_client_hello_cb(server->ssl.ctx, on_client_hello, main);
    SSL_CTX_set_cert_cb(server->ssl.ctx, on_certificate, NULL);
    return NGX_OK;
}
