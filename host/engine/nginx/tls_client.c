/* host/engine/nginx/tls_client.c - TLS towards the nodes of upstreams. */
#include "host/engine/nginx/module.h"

hg_text hgh_host_without_port(hg_text host)
{
    const char *bracket;
    const char *colon;

    if (host.length > 0 && host.data[0] == '[') {
        bracket = memchr(host.data, ']', host.length);
        return bracket == NULL ? host : (hg_text){host.data, (size_t)(bracket + 1 - host.data)};
    }
    colon = memchr(host.data, ':', host.length);
    return colon == NULL ? host : (hg_text){host.data, (size_t)(colon - host.data)};
}

/* Trusts what the operator has named, or the system's authorities. */
static ngx_int_t trust_set(const hgh_nginx_main *main, SSL_CTX *context)
{
    /* A directive's parameter ends with a NUL. */
    const char *file = (const char *)main->trusted_certificate.data;
    int set = main->trusted_certificate.len == 0 ? SSL_CTX_set_default_verify_paths(context)
                                                 : SSL_CTX_load_verify_file(context, file);

    if (set == 1) {
        return NGX_OK;
    }
    ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0, "%V: no certificates can be read from it",
                  &main->trusted_certificate);
    ERR_clear_error();
    return NGX_ERROR;
}

static void context_free(void *context)
{
    if (context != NULL) {
        ngx_ssl_cleanup_ctx(context); /* connections keep what they use of it */
        ngx_free(context);
    }
}

/* What nginx's own contexts for gRPC have: without it the node answers in HTTP/1.1. */
static bool protocol_set(const hgh_upstream *upstream, SSL_CTX *context)
{
    static const unsigned char http_2[] = {2, 'h', '2'}; /* RFC 7301 section 3.1 */

    return upstream->scheme != HGH_SCHEME_GRPCS ||
           SSL_CTX_set_alpn_protos(context, http_2, sizeof(http_2)) == 0;
}

static ngx_ssl_t *context_make(const hgh_nginx_main *main,
                               const hgh_upstream *upstream,
                               const hgh_certificate *certificate,
                               ngx_log_t *log)
{
    ngx_ssl_t *made = ngx_calloc(sizeof(*made), log);

    if (made == NULL) {
        return NULL;
    }
    made->log = ngx_cycle->log;
    if (ngx_ssl_create(made, NGX_SSL_TLSv1 | NGX_SSL_TLSv1_1 | NGX_SSL_TLSv1_2 | NGX_SSL_TLSv1_3,
                       NULL) != NGX_OK ||
        !protocol_set(upstream, made->ctx) ||
        (upstream->tls->verify && trust_set(main, made->ctx) != NGX_OK) ||
        (certificate != NULL && !hgh_certificate_use_in(certificate, made->ctx))) {
        ngx_log_error(NGX_LOG_ERR, log, 0, "TLS to the upstream cannot be set up");
        ERR_clear_error();
        context_free(made);
        return NULL;
    }
    made->buffer_size = NGX_SSL_BUFSIZE;
    return made;
}

ngx_ssl_t *hgh_nginx_upstream_context(hgh_nginx_main *main, hgh_upstream *upstream, ngx_log_t *log)
{
    hgh_upstream_tls *tls = upstream->tls;
    const hgh_certificate *certificate = NULL;
    uint64_t revision = 0;
    hg_error err = HG_ERROR_INIT;

    if (hgh_upstream_certificate(upstream, &certificate, &revision, &err) != HG_OK) {
        ngx_log_error(NGX_LOG_ERR, log, 0, "client certificate for the upstream: %s", err.text);
        return NULL;
    }
    if (tls->context == NULL || tls->context_revision != revision) {
        ngx_ssl_t *made = context_make(main, upstream, certificate, log);

        if (made == NULL) {
            return NULL;
        }
        context_free(tls->context);
        tls->context = made;
        tls->context_free = context_free;
        tls->context_revision = revision;
    }
    return tls->context;
}

ngx_ssl_t *hgh_nginx_client_context(hgh_nginx_main *main)
{
    ngx_ssl_t *made = &main->client_context;

    if (made->ctx != NULL) {
        return made;
    }
    made->log = ngx_cycle->log;
    if (ngx_ssl_create(made, NGX_SSL_TLSv1_2 | NGX_SSL_TLSv1_3, NULL) != NGX_OK ||
        trust_set(main, made->ctx) != NGX_OK) {
        ngx_ssl_cleanup_ctx(made);
        made->ctx = NULL;
        return NULL;
    }
    made->buffer_size = NGX_SSL_BUFSIZE;
    return made;
}
