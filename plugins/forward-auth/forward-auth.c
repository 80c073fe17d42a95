/* forward-auth.c - asks another server whether a request may go on. */
#include <string.h>

#include <hotgate/plugin.h>

#define BODY_MAX_BYTES (16u << 20) /* of a request whose body is to be judged; ours */
#define FORWARDED      5u          /* headers about the request that every call has */
#define OF_BODY        1u          /* and those about its body */
#define HEADER_NAME    "^[!#$%&'*+.^_`|~0-9A-Za-z-]+$" /* RFC 9110 section 5.6.2 */
#define TEXT_TYPE      "text/plain; charset=utf-8"

typedef struct forward_auth {
    hg_text uri;
    int32_t request_method;
    hg_list request_headers; /* of hg_text, as are the next two */
    hg_list upstream_headers;
    hg_list client_headers;
    hg_map extra_headers; /* of const hg_template * */
    bool ssl_verify;
    int64_t timeout_ms;
    bool keepalive;
    int64_t keepalive_timeout_ms;
    int64_t keepalive_pool;
    bool allow_degradation;
    int64_t status_on_error;
} forward_auth;

enum {
    BY_GET = 0,
    BY_POST = 1
};

static const hg_field header_item =
    HG_ITEM(HG_KIND_STRING, hg_text, .min_length = 1, .pattern = HEADER_NAME);
static const hg_field value_item = HG_ITEM(HG_KIND_TEMPLATE, const hg_template *);

static const hg_field fields[] = {
    HG_STRING(forward_auth,
              uri,
              "uri",
              .summary = "The server that is asked.",
              .example = "http://127.0.0.1:9080/auth",
              .required = true,
              .pattern = "^https?://[^/?#\\s]+[^\\s]*$"),
    HG_ENUM(forward_auth,
            request_method,
            "request_method",
            .summary = "How it is asked; with `POST` it gets the body of the request too.",
            .initial = "GET",
            .names = {"GET", "POST"}),
    HG_LIST(forward_auth,
            request_headers,
            "request_headers",
            &header_item,
            .summary = "Headers of the request that it gets, beside `X-Forwarded-*`.",
            .example = "[\"Authorization\"]"),
    HG_LIST(forward_auth,
            upstream_headers,
            "upstream_headers",
            &header_item,
            .summary = "Headers of its answer that the upstream gets, if the request goes on.",
            .example = "[\"X-User-ID\"]"),
    HG_LIST(forward_auth,
            client_headers,
            "client_headers",
            &header_item,
            .summary = "Headers of its answer that the client gets, if it refuses.",
            .example = "[\"Location\"]"),
    HG_MAP(forward_auth,
           extra_headers,
           "extra_headers",
           &value_item,
           .summary = "More headers that it gets; variables are filled in.",
           .min_length = 1),
    HG_BOOL(forward_auth,
            ssl_verify,
            "ssl_verify",
            .summary = "Its certificate must be one that the gateway trusts.",
            .initial = "true"),
    HG_INT(forward_auth,
           timeout_ms,
           "timeout",
           .summary = "Milliseconds that the whole call may take.",
           .min = 1,
           .max = 60000,
           .initial = "3000"),
    HG_BOOL(forward_auth,
            keepalive,
            "keepalive",
            .summary = "Connections to it are kept and used again.",
            .initial = "true"),
    HG_INT(forward_auth,
           keepalive_timeout_ms,
           "keepalive_timeout",
           .summary = "Milliseconds after which an idle one is not used any more.",
           .min = 1000,
           .initial = "60000"),
    HG_INT(forward_auth,
           keepalive_pool,
           "keepalive_pool",
           .summary = "Without effect: a worker keeps connections for all its plugins together.",
           .min = 1,
           .initial = "5"),
    HG_BOOL(forward_auth,
            allow_degradation,
            "allow_degradation",
            .summary = "A request goes on if the server cannot be asked.",
            .initial = "false"),
    HG_INT(forward_auth,
           status_on_error,
           "status_on_error",
           .summary = "What the client gets if the server cannot be asked.",
           .min = 200,
           .max = 599,
           .initial = "403"),
    HG_FIELDS_END,
};

/* ----------------------------------------------------------------------------- configuration */

static bool is_token(hg_text name)
{
    static const char others[] = "!#$%&'*+-.^_`|~";

    for (size_t i = 0; i < name.length; i++) {
        char c = name.data[i];

        if (!((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
              (c != '\0' && strchr(others, c) != NULL))) {
            return false;
        }
    }
    return name.length > 0;
}

/* What the host makes of the body itself, and what is of one connection (RFC 9110 section 7.6.1).
 */
static bool is_framing(hg_text name)
{
    static const char *const names[] = {"Content-Length", "Transfer-Encoding",
                                        "Connection",     "Expect",
                                        "Keep-Alive",     "TE",
                                        "Trailer",        "Upgrade"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (hg_text_equal_ignoring_case(name, hg_text_of(names[i]))) {
            return true;
        }
    }
    return false;
}

static hg_status check(const void *config, const hg_config_source *source, hg_issues *issues)
{
    const forward_auth *own = config;
    hg_status status = HG_OK;

    (void)source;
    for (size_t i = 0; i < own->extra_headers.count; i++) {
        hg_text name = own->extra_headers.keys[i];

        if (!is_token(name) || is_framing(name)) {
            hg_issues_add(issues, "/extra_headers", name.data,
                          "names of headers, and none that say how the body is sent");
            status = HG_ERR_INVALID;
        }
    }
    return status;
}

/* --------------------------------------------------------------------------------- the call */

/** Headers of the call, pooled with the request. */
typedef struct header_list {
    hg_header *items;
    size_t count;
    size_t room;
} header_list;

static bool list_has(const header_list *list, hg_text name)
{
    for (size_t i = 0; i < list->count; i++) {
        if (hg_text_equal_ignoring_case(list->items[i].name, name)) {
            return true;
        }
    }
    return false;
}

/* An absent value is left out. */
static void list_add(header_list *list, hg_text name, hg_text value)
{
    if (hg_text_is_present(value) && list->count < list->room) {
        list->items[list->count++] = (hg_header){name, value};
    }
}

static size_t request_header_count(hg_request *request)
{
    hg_header header;
    size_t count = 0;

    while (hg_request_header_at(request, count, &header)) {
        count++;
    }
    return count;
}

/* Every header of the request that has that name. */
static void request_headers_add(hg_request *request, header_list *list, hg_text name)
{
    hg_header header;

    for (size_t i = 0; hg_request_header_at(request, i, &header); i++) {
        if (hg_text_equal_ignoring_case(header.name, name)) {
            list_add(list, name, header.value);
        }
    }
}

static void forwarded_add(hg_request *request, header_list *list)
{
    list_add(list, HG_TEXT("X-Forwarded-Proto"), hg_request_scheme(request));
    list_add(list, HG_TEXT("X-Forwarded-Method"), hg_request_method(request));
    list_add(list, HG_TEXT("X-Forwarded-Host"), hg_request_host(request));
    list_add(list, HG_TEXT("X-Forwarded-Uri"),
             hg_request_variable(request, HG_TEXT("request_uri")));
    list_add(list, HG_TEXT("X-Forwarded-For"),
             hg_request_variable(request, HG_TEXT("remote_addr")));
}

/* What stands in the configuration goes before what the client has sent. */
static bool headers_make(hg_request *request, const forward_auth *own, header_list *list)
{
    const hg_template *const *values = own->extra_headers.values;
    const hg_text *names = own->request_headers.items;
    size_t made;

    list->room = FORWARDED + OF_BODY + own->extra_headers.count + request_header_count(request);
    list->items = hg_request_allocate(request, list->room * sizeof(*list->items));
    if (list->items == NULL) {
        return false;
    }
    for (size_t i = 0; i < own->extra_headers.count; i++) {
        list_add(list, own->extra_headers.keys[i], hg_template_render(request, values[i]));
    }
    made = list->count;
    forwarded_add(request, list);
    for (size_t i = 0; i < made; i++) { /* an extra header takes the place of a forwarded one */
        for (size_t k = made; k < list->count; k++) {
            if (hg_text_equal_ignoring_case(list->items[i].name, list->items[k].name)) {
                list->items[k] = list->items[--list->count];
            }
        }
    }
    if (own->request_method == BY_POST) {
        list_add(list, HG_TEXT("Content-Encoding"),
                 hg_request_header(request, HG_TEXT("Content-Encoding")));
    }
    for (size_t i = 0; i < own->request_headers.count; i++) {
        if (!list_has(list, names[i]) && !is_framing(names[i])) {
            request_headers_add(request, list, names[i]);
        }
    }
    return true;
}

/* Returns as hg_http(); `error` says why it has no answer. */
static hg_status
ask(hg_request *request, const forward_auth *own, hg_http_answer *answer, const char **error)
{
    header_list headers = {NULL, 0, 0};
    hg_http_call call = {
        .url = own->uri,
        .method = own->request_method == BY_POST ? HG_TEXT("POST") : HG_TEXT("GET"),
        .timeout_ms = (uint64_t)own->timeout_ms,
        .idle_ms = (uint64_t)own->keepalive_timeout_ms,
        .flags = (own->ssl_verify ? 0u : HG_HTTP_INSECURE) |
                 (own->keepalive ? 0u : HG_HTTP_NO_KEEPALIVE),
    };
    hg_status status = HG_OK;

    if (own->request_method == BY_POST) {
        status = hg_request_body(request, BODY_MAX_BYTES, &call.body);
    }
    if (status != HG_OK) {
        *error = status == HG_ERR_TOO_LARGE ? "the body of the request is too large to be judged"
                                            : "the body of the request cannot be read";
        return status;
    }
    if (!headers_make(request, own, &headers)) {
        *error = "out of memory";
        return HG_ERR_NO_MEMORY;
    }
    call.headers = headers.items;
    call.header_count = headers.count;
    status = hg_http(request, &call, answer);
    if (status == HG_OK && (answer->status < 200 || answer->status > 599)) {
        *error = "its status is none of 200 to 599";
        return HG_ERR_IO;
    }
    *error = status == HG_OK ? "" : answer->error.data;
    return status;
}

/* ---------------------------------------------------------------------------------- answers */

/* Headers of those names are the server's to set: what the client has sent of them goes. */
static bool
upstream_headers_set(hg_request *request, const forward_auth *own, const hg_http_answer *answer)
{
    const hg_text *names = own->upstream_headers.items;
    bool set = true;

    for (size_t i = 0; i < own->upstream_headers.count; i++) {
        if (is_framing(names[i])) {
            continue;
        }
        set = hg_request_remove_header(request, names[i]) == HG_OK && set;
        for (size_t k = 0; k < answer->header_count; k++) {
            if (hg_text_equal_ignoring_case(answer->headers[k].name, names[i])) {
                set = hg_request_add_header(request, names[i], answer->headers[k].value) == HG_OK &&
                      set;
            }
        }
    }
    return set;
}

static hg_verdict refuse(hg_request *request, const forward_auth *own, const hg_http_answer *answer)
{
    const hg_text *names = own->client_headers.items;
    hg_text type = hg_http_header(answer, HG_TEXT("Content-Type"));

    for (size_t i = 0; i < own->client_headers.count; i++) {
        bool is_type = hg_text_equal_ignoring_case(names[i], HG_TEXT("Content-Type"));

        for (size_t k = 0; k < answer->header_count && !is_framing(names[i]) && !is_type; k++) {
            if (hg_text_equal_ignoring_case(answer->headers[k].name, names[i])) {
                (void)hg_response_add_header(request, names[i], answer->headers[k].value);
            }
        }
    }
    return hg_exit_with(request, answer->status,
                        hg_text_is_present(type) ? type : HG_TEXT(TEXT_TYPE), answer->body);
}

static hg_verdict on_access(hg_request *request, const void *config)
{
    const forward_auth *own = config;
    hg_http_answer answer = {0};
    const char *error = "";
    hg_status status = ask(request, own, &answer, &error);

    if (status == HG_CANCELED) {
        return HG_NEXT;
    }
    if (status != HG_OK) {
        answer = (hg_http_answer){0};
        hg_log(request, HG_LOG_WARN, "failed to process forward auth, err: %s", error);
        if (!own->allow_degradation) {
            return hg_exit(request, (uint32_t)own->status_on_error);
        }
    } else if (answer.status >= 300) {
        return refuse(request, own, &answer);
    }
    if (!upstream_headers_set(request, own, &answer)) {
        hg_log(request, HG_LOG_ERROR, "out of memory");
        return hg_exit(request, 500);
    }
    return HG_NEXT;
}

HG_PLUGIN("forward-auth",
          "1.0.0",
          .summary = "Asks another server whether a request may go on.",
          .priority = 2002,
          .flags = HG_WAITS,
          .config = HG_CONFIG(forward_auth, fields),
          .check = check,
          .access = on_access);
