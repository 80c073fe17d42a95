/* host/core/http_client.c - HTTP calls of one process, on the engine's event loop. */
#include "host/core/http_client.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <curl/curl.h>

#include <hotgate/wait.h>

#include "host/core/address.h"
#include "host/core/host_api_internal.h"

#define CONNECTIONS_MAX   1024L /* of a worker; calls beyond wait for one, within their time */
#define CONNECTIONS_KEPT  256L  /* those idle the longest are closed first */
#define EASY_KEPT         64u   /* handles of libcurl that are used again */
#define NAMES_HELD_S      3600L /* by libcurl, longer than any call takes; each asks for its own */
#define URL_BYTES_MAX     8000u
#define METHOD_BYTES_MAX  32u
#define HEADERS_MAX       256u
#define ORIGIN_BYTES      300u
#define DESCRIPTION_BYTES (HG_ERROR_TEXT_MAX - ORIGIN_BYTES - 8)

/** A socket of libcurl's that the engine watches. */
typedef struct http_socket {
    hgh_http_client *client;
    curl_socket_t fd;
    int what; /* CURL_POLL_* */
    hgh_engine_handle *watch;
} http_socket;

struct hgh_http_client {
    const hgh_engine *engine;
    const char *authorities;
    CURLM *multi; /* NULL: nothing was called yet */
    hgh_engine_handle *timer;
    CURL *idle[EASY_KEPT];
    size_t idle_count;
};

struct hgh_http_transfer {
    hgh_http_client *client;
    const hg_http_call *call;
    hgh_callback done;
    void *context;
    hgh_engine_handle *timeout;
    hgh_engine_handle *resolution;
    hgh_engine_handle *known; /* what comes of it is known: after this time */
    CURL *easy;               /* NULL: not with libcurl */
    bool added;               /* to the multi handle */
    struct curl_slist *headers;
    struct curl_slist *addresses;
    struct curl_slist *elsewhere; /* where to connect to instead of the URL's host */
    CURLU *url;                   /* as it is given to libcurl */
    char *host;
    char port[8];
    char origin[ORIGIN_BYTES]; /* for messages: neither path nor query, which may be secret */
    char description[CURL_ERROR_SIZE];
    bool head_ended;
    bool too_large;
    hgh_http_result result;
};

/* ----------------------------------------------------------------------------------- rules */

static void url_refuse(hg_text url, hg_error *err)
{
    (void)hg_error_set(err, HG_ERR_INVALID,
                       "url: wanted http:// or https:// with a host, at most %u bytes, found "
                       "\"%.*s\"",
                       URL_BYTES_MAX, (int)(url.length < 100 ? url.length : 100),
                       url.data == NULL ? "" : url.data);
}

static bool has_scheme(hg_text url, const char *scheme)
{
    size_t length = strlen(scheme);

    return url.length > length && strncasecmp(url.data, scheme, length) == 0;
}

/* What can be seen without taking it apart. */
static bool url_check(hg_text url)
{
    if (url.length > URL_BYTES_MAX ||
        (!has_scheme(url, "http://") && !has_scheme(url, "https://"))) {
        return false;
    }
    for (size_t i = 0; i < url.length; i++) {
        if ((unsigned char)url.data[i] <= ' ' || url.data[i] == 0x7f) {
            return false;
        }
    }
    return true;
}

static bool header_check(const hg_header *header)
{
    static const char *const made[] = {"Content-Length", "Transfer-Encoding", "Connection"};

    for (size_t i = 0; i < sizeof(made) / sizeof(made[0]); i++) {
        if (hg_text_equal_ignoring_case(header->name, hg_text_of(made[i]))) {
            return false;
        }
    }
    return hgh_name_is_token(header->name) && hgh_value_is_clean(header->value);
}

bool hgh_http_call_check(const hg_http_call *call, hg_error *err)
{
    if (!url_check(call->url)) {
        url_refuse(call->url, err);
        return false;
    }
    if (call->method.data != NULL &&
        (!hgh_name_is_token(call->method) || call->method.length > METHOD_BYTES_MAX)) {
        (void)hg_error_set(err, HG_ERR_INVALID, "method: wanted a word of at most %u letters",
                           METHOD_BYTES_MAX);
        return false;
    }
    if (call->header_count > HEADERS_MAX) {
        (void)hg_error_set(err, HG_ERR_INVALID, "headers: found %zu, wanted at most %u",
                           call->header_count, HEADERS_MAX);
        return false;
    }
    for (size_t i = 0; i < call->header_count; i++) {
        if (!header_check(&call->headers[i])) {
            (void)hg_error_set(err, HG_ERR_INVALID,
                               "headers: entry %zu: wanted a name and a value of one line, and "
                               "none that the host makes",
                               i);
            return false;
        }
    }
    if ((call->certificate.data == NULL) != (call->key.data == NULL)) {
        (void)hg_error_set(err, HG_ERR_INVALID, "certificate and key: wanted both or none");
        return false;
    }
    return true;
}

/* ---------------------------------------------------------------------------- event loop */

static void transfers_end(hgh_http_client *client);

static void socket_ready(void *context)
{
    const http_socket *at = context;
    hgh_http_client *client = at->client;
    int running;
    int what = at->what == CURL_POLL_IN    ? CURL_CSELECT_IN
               : at->what == CURL_POLL_OUT ? CURL_CSELECT_OUT
                                           : 0; /* libcurl looks itself */

    (void)curl_multi_socket_action(client->multi, at->fd, what, &running);
    transfers_end(client);
}

static uint32_t events_of(int what)
{
    return (what == CURL_POLL_OUT ? 0u : (uint32_t)HG_WAIT_READABLE) |
           (what == CURL_POLL_IN ? 0u : (uint32_t)HG_WAIT_WRITABLE);
}

static void known_already(void *context);

/* Its socket cannot be watched. libcurl may not be told so: it would give up all transfers. */
static void transfer_starve(hgh_http_client *client, CURL *easy)
{
    hgh_http_transfer *self = NULL;

    if (curl_easy_getinfo(easy, CURLINFO_PRIVATE, &self) != CURLE_OK || self == NULL ||
        self->known != NULL) {
        return; /* a connection that is closed in the background */
    }
    (void)hg_error_set(&self->result.error, HG_ERR_IO,
                       "%s: no connection of the worker is free (worker_connections)",
                       self->origin);
    self->known = client->engine->start_timer(0, known_already, self); /* else it is timed out */
}

/* libcurl wants a socket watched, otherwise, or not any more. */
static int on_socket(CURL *easy, curl_socket_t fd, int what, void *client_pointer, void *given)
{
    hgh_http_client *client = client_pointer;
    http_socket *at = given;

    if (at != NULL) {
        client->engine->stop(at->watch);
        at->watch = NULL;
    }
    if (what == CURL_POLL_REMOVE) {
        free(at);
        return 0;
    }
    if (at == NULL) {
        at = calloc(1, sizeof(*at));
    }
    if (at != NULL) {
        *at = (http_socket){.client = client, .fd = fd, .what = what};
        (void)curl_multi_assign(client->multi, fd, at); /* the socket is libcurl's own */
        at->watch = client->engine->watch(fd, events_of(what), socket_ready, at);
    }
    if (at == NULL || at->watch == NULL) {
        transfer_starve(client, easy);
    }
    return 0;
}

static void timer_over(void *context)
{
    hgh_http_client *client = context;
    int running;

    client->engine->stop(client->timer);
    client->timer = NULL;
    (void)curl_multi_socket_action(client->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    transfers_end(client);
}

static int on_timer(CURLM *multi, long delay_ms, void *client_pointer)
{
    hgh_http_client *client = client_pointer;

    (void)multi;
    client->engine->stop(client->timer);
    client->timer = NULL;
    if (delay_ms < 0) {
        return 0;
    }
    /* Without memory for it the transfers are timed out; an error would end all of them for good.
     */
    client->timer = client->engine->start_background_timer((uint64_t)delay_ms, timer_over, client);
    return 0;
}

hgh_http_client *hgh_http_client_new(const hgh_engine *engine, const char *authorities)
{
    hgh_http_client *client = calloc(1, sizeof(*client));

    if (client != NULL) {
        client->engine = engine;
        client->authorities = authorities;
    }
    return client;
}

static bool multi_open(hgh_http_client *client)
{
    static bool is_ready; /* of the process */
    CURLM *multi;

    if (client->multi != NULL) {
        return true;
    }
    if (!is_ready && curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        return false;
    }
    is_ready = true;
    multi = curl_multi_init();
    if (multi == NULL) {
        return false;
    }
    (void)curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, on_socket);
    (void)curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, client);
    (void)curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, on_timer);
    (void)curl_multi_setopt(multi, CURLMOPT_TIMERDATA, client);
    (void)curl_multi_setopt(multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, CONNECTIONS_MAX);
    (void)curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, CONNECTIONS_KEPT);
    client->multi = multi;
    return true;
}

void hgh_http_client_free(hgh_http_client *client)
{
    if (client == NULL) {
        return;
    }
    for (size_t i = 0; i < client->idle_count; i++) {
        curl_easy_cleanup(client->idle[i]);
    }
    if (client->multi != NULL) {
        (void)curl_multi_cleanup(client->multi);
    }
    client->engine->stop(client->timer);
    free(client);
}

/* ---------------------------------------------------------------------------------- answer */

static hg_text line_text(const char *from, const char *to)
{
    while (from < to && (*from == ' ' || *from == '\t')) {
        from++;
    }
    while (to > from && (to[-1] == ' ' || to[-1] == '\t' || to[-1] == '\r' || to[-1] == '\n')) {
        to--;
    }
    return (hg_text){from, (size_t)(to - from)};
}

static void head_add(hgh_http_result *result, hg_text name, hg_text value)
{
    hgh_text_builder_add(&result->head, name);
    hgh_text_builder_add(&result->head, (hg_text){"", 1}); /* with its NUL */
    hgh_text_builder_add(&result->head, value);
    hgh_text_builder_add(&result->head, (hg_text){"", 1});
    result->header_count++;
}

/* One line of the head, its status line among them; also of answers with 1xx, and of trailers. */
static size_t on_header(char *data, size_t one, size_t length, void *context)
{
    hgh_http_transfer *self = context;
    const char *colon = memchr(data, ':', length);

    (void)one;
    if (length > 5 && memcmp(data, "HTTP/", 5) == 0) {
        hgh_text_builder_cut(&self->result.head, 0);
        self->result.header_count = 0;
        self->head_ended = false;
    } else if (line_text(data, data + length).length == 0) {
        self->head_ended = true;
    } else if (!self->head_ended && colon != NULL && data[0] != ' ' && data[0] != '\t') {
        head_add(&self->result, line_text(data, colon), line_text(colon + 1, data + length));
        if (self->result.head.is_cut) {
            self->too_large = true;
            return 0;
        }
    }
    return length;
}

static size_t on_body(char *data, size_t one, size_t length, void *context)
{
    hgh_http_transfer *self = context;

    (void)one;
    hgh_text_builder_add(&self->result.body, (hg_text){data, length});
    self->too_large = self->result.body.is_cut;
    return self->too_large ? 0 : length;
}

static hg_status status_of(CURLcode code)
{
    static const struct {
        CURLcode code;
        hg_status status;
    } known[] = {
        {CURLE_OK, HG_OK},
        {CURLE_OPERATION_TIMEDOUT, HG_ERR_TIMEOUT},
        {CURLE_COULDNT_RESOLVE_HOST, HG_ERR_NOT_FOUND},
        {CURLE_OUT_OF_MEMORY, HG_ERR_NO_MEMORY},
        {CURLE_SSL_CONNECT_ERROR, HG_ERR_TLS},
        {CURLE_PEER_FAILED_VERIFICATION, HG_ERR_TLS},
        {CURLE_SSL_CERTPROBLEM, HG_ERR_TLS},
        {CURLE_SSL_CIPHER, HG_ERR_TLS},
        {CURLE_SSL_CACERT_BADFILE, HG_ERR_TLS},
        {CURLE_SSL_ISSUER_ERROR, HG_ERR_TLS},
        {CURLE_SSL_CLIENTCERT, HG_ERR_TLS},
    };

    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (known[i].code == code) {
            return known[i].status;
        }
    }
    return HG_ERR_IO;
}

/* -------------------------------------------------------------------------- the transfer */

/* Gives up all that may still call back. */
static void transfer_stop(hgh_http_transfer *self)
{
    hgh_http_client *client = self->client;

    client->engine->stop(self->timeout);
    client->engine->stop(self->resolution);
    client->engine->stop(self->known);
    self->timeout = NULL;
    self->resolution = NULL;
    self->known = NULL;
    if (self->added) {
        self->added = false;
        (void)curl_multi_remove_handle(client->multi, self->easy);
    }
}

static void transfer_end(hgh_http_transfer *self)
{
    transfer_stop(self);
    self->done(self->context); /* which may free it */
}

static void transfer_fail(hgh_http_transfer *self, hg_status status, const char *why)
{
    (void)hg_error_set(&self->result.error, status, "%s: %.*s", self->origin,
                       (int)DESCRIPTION_BYTES, why);
    transfer_end(self);
}

/* libcurl does not say why there is no connection. */
static void cause_add(hgh_http_transfer *self)
{
    size_t length = strlen(self->description);
    long cause = 0;

    if (curl_easy_getinfo(self->easy, CURLINFO_OS_ERRNO, &cause) == CURLE_OK && cause != 0) {
        (void)snprintf(self->description + length, sizeof(self->description) - length, ": %s",
                       strerror((int)cause));
    }
}

static void transfer_complete(hgh_http_transfer *self, CURLcode code)
{
    char text[64];
    long status = 0;

    (void)curl_easy_getinfo(self->easy, CURLINFO_RESPONSE_CODE, &status);
    self->result.status = (uint32_t)status;
    if (self->too_large) {
        (void)snprintf(text, sizeof(text), "the answer has more than %zu bytes of %s",
                       self->result.body.is_cut ? self->result.body.max : self->result.head.max,
                       self->result.body.is_cut ? "body" : "headers");
        transfer_fail(self, HG_ERR_TOO_LARGE, text);
    } else if (code != CURLE_OK) {
        if (code == CURLE_COULDNT_CONNECT) {
            cause_add(self);
        }
        transfer_fail(self, status_of(code),
                      self->description[0] == '\0' ? curl_easy_strerror(code) : self->description);
    } else {
        transfer_end(self);
    }
}

/* What has ended while libcurl was running, told one by one: who is told may begin and end others.
 */
static void transfers_end(hgh_http_client *client)
{
    CURLMsg *message;
    int left;

    while ((message = curl_multi_info_read(client->multi, &left)) != NULL) {
        hgh_http_transfer *self = NULL;

        if (message->msg == CURLMSG_DONE &&
            curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &self) == CURLE_OK) {
            transfer_complete(self, message->data.result);
        }
    }
}

static void timed_out(void *context)
{
    hgh_http_transfer *self = context;
    char text[96];
    curl_off_t connected_us = 0;

    if (self->easy != NULL) {
        (void)curl_easy_getinfo(self->easy, CURLINFO_PRETRANSFER_TIME_T, &connected_us);
    }
    (void)snprintf(text, sizeof(text), "%s within %llu ms",
                   self->resolution != NULL                  ? "its name was not looked up"
                   : self->easy != NULL && connected_us == 0 ? "there was no connection"
                                                             : "there was no whole answer",
                   (unsigned long long)self->call->timeout_ms);
    transfer_fail(self, HG_ERR_TIMEOUT, text);
}

/* ----------------------------------------------------------------------------- to libcurl */

static bool list_add(struct curl_slist **list, const char *line)
{
    struct curl_slist *longer = curl_slist_append(*list, line);

    if (longer == NULL) {
        return false;
    }
    *list = longer;
    return true;
}

/* libcurl leaves out a header without a value unless it ends with ";". */
static bool header_add(hgh_http_transfer *self, const hg_header *header)
{
    hgh_text_builder line = {.max = HG_HTTP_HEAD_MAX_BYTES};
    bool added;

    hgh_text_builder_add(&line, header->name);
    if (header->value.length == 0) {
        hgh_text_builder_add(&line, HG_TEXT(";"));
    } else {
        hgh_text_builder_add(&line, HG_TEXT(": "));
        hgh_text_builder_add(&line, header->value);
    }
    added = !line.is_cut && list_add(&self->headers, hgh_text_builder_string(&line));
    hgh_text_builder_done(&line);
    return added;
}

static bool has_header(const hg_http_call *call, const char *name)
{
    for (size_t i = 0; i < call->header_count; i++) {
        if (hg_text_equal_ignoring_case(call->headers[i].name, hg_text_of(name))) {
            return true;
        }
    }
    return false;
}

/* Those of the call, and none that libcurl would add by itself. */
static bool headers_make(hgh_http_transfer *self, const char *authority)
{
    static const char *const by_itself[] = {"Accept", "Content-Type", "Expect"};
    const hg_http_call *call = self->call;
    char line[32];

    for (size_t i = 0; i < call->header_count; i++) {
        if (!header_add(self, &call->headers[i])) {
            return false;
        }
    }
    for (size_t i = 0; i < sizeof(by_itself) / sizeof(by_itself[0]); i++) {
        (void)snprintf(line, sizeof(line), "%s:", by_itself[i]);
        /* The later ones only come with a body, and each costs libcurl some effort. */
        if ((i == 0 || call->body.data != NULL) && !has_header(call, by_itself[i]) &&
            !list_add(&self->headers, line)) {
            return false;
        }
    }
    return call->server_name.data == NULL || has_header(call, "Host") ||
           header_add(self, &(hg_header){HG_TEXT("Host"), hg_text_of(authority)});
}

/* The name for TLS stands in the URL, the host is what is connected to. */
static bool server_name_set(hgh_http_transfer *self)
{
    char name[256];
    char line[ORIGIN_BYTES * 2];

    if (self->call->server_name.length == 0 || self->call->server_name.length >= sizeof(name)) {
        return false;
    }
    memcpy(name, self->call->server_name.data, self->call->server_name.length);
    name[self->call->server_name.length] = '\0';
    (void)snprintf(line, sizeof(line), "%s:%s:%s:%s", name, self->port, self->host, self->port);
    return curl_url_set(self->url, CURLUPART_HOST, name, 0) == CURLUE_OK &&
           list_add(&self->elsewhere, line);
}

/* False: it is none. */
static bool url_parse(hgh_http_transfer *self)
{
    char *text = strndup(self->call->url.data, self->call->url.length);
    bool good;

    self->url = curl_url();
    good = text != NULL && self->url != NULL &&
           curl_url_set(self->url, CURLUPART_URL, text, CURLU_PATH_AS_IS) == CURLUE_OK;
    free(text);
    return good;
}

/* Takes the URL apart. False: no memory. */
static bool url_take(hgh_http_transfer *self)
{
    char *host = NULL;
    char *port = NULL;
    char *scheme = NULL;
    const char *authority;
    bool good = curl_url_get(self->url, CURLUPART_HOST, &host, 0) == CURLUE_OK &&
                curl_url_get(self->url, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) == CURLUE_OK &&
                curl_url_get(self->url, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK;

    if (good) {
        (void)snprintf(self->port, sizeof(self->port), "%s", port);
        (void)snprintf(self->origin, sizeof(self->origin), "%s://%s:%s", scheme, host, port);
        self->host = strdup(host);
        /* The port is left out where it is the scheme's own (RFC 9110 section 7.2). */
        authority = strcmp(port, strcmp(scheme, "https") == 0 ? "443" : "80") == 0
                        ? host
                        : self->origin + strlen(scheme) + 3;
        good = self->host != NULL && headers_make(self, authority) &&
               (self->call->server_name.data == NULL || server_name_set(self));
    }
    curl_free(host);
    curl_free(port);
    curl_free(scheme);
    return good;
}

static struct curl_blob blob_of(hg_text text)
{
    return (struct curl_blob){
        .data = (void *)(uintptr_t)text.data, .len = text.length, .flags = CURL_BLOB_NOCOPY};
}

static void tls_set(const hgh_http_transfer *self)
{
    const hg_http_call *call = self->call;
    long verifies = (call->flags & HG_HTTP_INSECURE) == 0;
    struct curl_blob authorities = blob_of(call->authorities);
    struct curl_blob certificate = blob_of(call->certificate);
    struct curl_blob key = blob_of(call->key);

    (void)curl_easy_setopt(self->easy, CURLOPT_SSL_VERIFYPEER, verifies);
    (void)curl_easy_setopt(self->easy, CURLOPT_SSL_VERIFYHOST, verifies * 2);
    if (call->authorities.data != NULL) {
        (void)curl_easy_setopt(self->easy, CURLOPT_CAINFO_BLOB, &authorities);
    } else if (self->client->authorities != NULL) {
        (void)curl_easy_setopt(self->easy, CURLOPT_CAINFO, self->client->authorities);
    }
    if (call->certificate.data != NULL) {
        (void)curl_easy_setopt(self->easy, CURLOPT_SSLCERT_BLOB, &certificate);
        (void)curl_easy_setopt(self->easy, CURLOPT_SSLKEY_BLOB, &key);
    }
}

static void method_set(const hgh_http_transfer *self)
{
    const hg_http_call *call = self->call;
    char method[METHOD_BYTES_MAX + 1] = "GET";

    if (call->method.data != NULL) {
        memcpy(method, call->method.data, call->method.length);
        method[call->method.length] = '\0';
    }
    if (call->body.data != NULL) {
        (void)curl_easy_setopt(self->easy, CURLOPT_POST, 1L);
        (void)curl_easy_setopt(self->easy, CURLOPT_POSTFIELDSIZE_LARGE,
                               (curl_off_t)call->body.length);
        (void)curl_easy_setopt(self->easy, CURLOPT_POSTFIELDS, call->body.data);
    }
    if (strcmp(method, "HEAD") == 0 && call->body.data == NULL) {
        (void)curl_easy_setopt(self->easy, CURLOPT_NOBODY, 1L);
    } else {
        (void)curl_easy_setopt(self->easy, CURLOPT_CUSTOMREQUEST, method);
    }
}

static void options_set(hgh_http_transfer *self)
{
    CURL *easy = self->easy;
    const hg_http_call *call = self->call;
    uint64_t connect_ms =
        call->connect_timeout_ms == 0 ? call->timeout_ms : call->connect_timeout_ms;
    long own = (call->flags & HG_HTTP_NO_KEEPALIVE) != 0;

    (void)curl_easy_setopt(easy, CURLOPT_PRIVATE, self);
    (void)curl_easy_setopt(easy, CURLOPT_CURLU, self->url);
    (void)curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    (void)curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1);
    (void)curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(easy, CURLOPT_PROXY, "");
    (void)curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, self->description);
    (void)curl_easy_setopt(easy, CURLOPT_HTTPHEADER, self->headers);
    (void)curl_easy_setopt(easy, CURLOPT_RESOLVE, self->addresses);
    (void)curl_easy_setopt(easy, CURLOPT_CONNECT_TO, self->elsewhere);
    (void)curl_easy_setopt(easy, CURLOPT_DNS_CACHE_TIMEOUT, NAMES_HELD_S);
    (void)curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
    (void)curl_easy_setopt(easy, CURLOPT_HEADERDATA, self);
    (void)curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    (void)curl_easy_setopt(easy, CURLOPT_WRITEDATA, self);
    (void)curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS,
                           (long)(connect_ms > INT32_MAX ? INT32_MAX : connect_ms));
    (void)curl_easy_setopt(easy, CURLOPT_MAXAGE_CONN, (long)((call->idle_ms + 999) / 1000));
    (void)curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, own);
    (void)curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, own);
    method_set(self);
    tls_set(self);
}

/* Hands it to libcurl, which begins at the next turn of the loop. False: no memory. */
static bool transfer_send(hgh_http_transfer *self)
{
    hgh_http_client *client = self->client;

    if (!multi_open(client)) {
        return false;
    }
    self->easy = client->idle_count > 0 ? client->idle[--client->idle_count] : curl_easy_init();
    if (self->easy == NULL) {
        return false;
    }
    options_set(self);
    self->added = curl_multi_add_handle(client->multi, self->easy) == CURLM_OK;
    return self->added;
}

static void name_resolved(
    void *context, hg_status status, const hg_address *addresses, size_t count, uint32_t ttl_s)
{
    hgh_http_transfer *self = context;
    hgh_text_builder line = {.max = HG_HTTP_HEAD_MAX_BYTES};

    (void)ttl_s;
    self->resolution = NULL;
    if (status != HG_OK || count == 0) {
        transfer_fail(self, HG_ERR_NOT_FOUND, "the name has no address");
        return;
    }
    hgh_text_builder_format(&line, "+%s:%s:", self->host, self->port);
    for (size_t i = 0; i < count; i++) {
        char text[64];

        (void)hgh_address_format(&addresses[i], text, sizeof(text));
        hgh_text_builder_format(&line, addresses[i].family == HG_ADDRESS_IPV6 ? "%s[%s]" : "%s%s",
                                i == 0 ? "" : ",", text);
    }
    if (line.is_cut || !list_add(&self->addresses, hgh_text_builder_string(&line)) ||
        !transfer_send(self)) {
        transfer_fail(self, HG_ERR_NO_MEMORY, "out of memory");
    }
    hgh_text_builder_done(&line);
}

/* ------------------------------------------------------------------------ begin and end */

static void known_already(void *context)
{
    transfer_end(context);
}

/* What the engine answers instead of the network. */
static void script_take(hgh_http_transfer *self, const hgh_http_reply *reply)
{
    hg_text rest = hg_text_of(reply->headers == NULL ? "" : reply->headers);

    if (reply->failure != HG_OK) {
        (void)hg_error_set(&self->result.error, reply->failure, "%s: as the test says",
                           self->origin);
    }
    self->result.status = reply->status;
    while (rest.length > 0) {
        const char *end = memchr(rest.data, '\n', rest.length);
        size_t length = end == NULL ? rest.length : (size_t)(end - rest.data);
        const char *colon = memchr(rest.data, ':', length);

        if (colon != NULL) {
            head_add(&self->result, line_text(rest.data, colon),
                     line_text(colon + 1, rest.data + length));
        }
        length += end != NULL;
        rest = (hg_text){rest.data + length, rest.length - length};
    }
    hgh_text_builder_add(&self->result.body, reply->body);
    if (self->result.body.is_cut) {
        (void)hg_error_set(&self->result.error, HG_ERR_TOO_LARGE,
                           "%s: the answer has more than %zu bytes of body", self->origin,
                           self->result.body.max);
    }
}

/* False: no memory. */
static bool transfer_begin(hgh_http_transfer *self, hgh_engine_request *request)
{
    const hgh_engine *engine = self->client->engine;
    hgh_http_reply reply = {0};
    hg_address address;

    /* A worker that is to end waits for calls of requests. */
    self->timeout = (request == NULL ? engine->start_background_timer : engine->start_timer)(
        self->call->timeout_ms, timed_out, self);
    if (self->timeout == NULL) {
        return false;
    }
    if (!url_parse(self)) {
        url_refuse(self->call->url, &self->result.error);
        self->known = engine->start_timer(0, known_already, self);
        return self->known != NULL;
    }
    if (!url_take(self)) {
        return false;
    }
    if (engine->answer_call != NULL && engine->answer_call(self->call, &reply)) {
        script_take(self, &reply);
    } else if (hgh_address_parse(hg_text_of(self->host), &address) == HG_OK) {
        return transfer_send(self);
    } else {
        self->resolution = engine->resolve(request, hg_text_of(self->host), name_resolved, self);
        if (self->resolution != NULL) {
            return true;
        }
        (void)hg_error_set(&self->result.error, HG_ERR_NOT_FOUND,
                           "%s: names cannot be looked up, no resolver is configured",
                           self->origin);
    }
    self->known = engine->start_timer(reply.delay_ms, known_already, self);
    return self->known != NULL;
}

hgh_http_transfer *hgh_http_transfer_new(hgh_http_client *client,
                                         hgh_engine_request *request,
                                         const hg_http_call *call,
                                         hgh_callback done,
                                         void *context)
{
    hgh_http_transfer *self = calloc(1, sizeof(*self));

    if (self == NULL) {
        return NULL;
    }
    self->client = client;
    self->call = call;
    self->done = done;
    self->context = context;
    self->result.head.max = HG_HTTP_HEAD_MAX_BYTES;
    self->result.body.max = call->body_max_bytes;
    if (!transfer_begin(self, request)) {
        hgh_http_transfer_free(self);
        return NULL;
    }
    return self;
}

const hgh_http_result *hgh_http_transfer_result(const hgh_http_transfer *transfer)
{
    return &transfer->result;
}

/* Its connections are those of the multi handle, so nothing of the call is kept with it. */
static void easy_give_back(hgh_http_client *client, CURL *easy)
{
    if (client->idle_count < EASY_KEPT) {
        curl_easy_reset(easy);
        client->idle[client->idle_count++] = easy;
    } else {
        curl_easy_cleanup(easy);
    }
}

void hgh_http_transfer_free(hgh_http_transfer *transfer)
{
    if (transfer == NULL) {
        return;
    }
    transfer_stop(transfer);
    if (transfer->easy != NULL) {
        easy_give_back(transfer->client, transfer->easy);
    }
    curl_slist_free_all(transfer->headers);
    curl_slist_free_all(transfer->addresses);
    curl_slist_free_all(transfer->elsewhere);
    hgh_text_builder_done(&transfer->result.head);
    hgh_text_builder_done(&transfer->result.body);
    curl_url_cleanup(transfer->url);
    free(transfer->host);
    free(transfer);
}
