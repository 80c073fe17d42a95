/* redirect.c - answers with another place to go to. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hotgate/plugin.h>

#define HTTPS_PORT  443
#define NUMBER_SIZE 16 /* bytes for a port as text, with its colon */

static const char schema[] =
    "{\"type\": \"object\", \"properties\": {"
    "\"ret_code\": {\"type\": \"integer\", \"minimum\": 200, \"maximum\": 599, \"default\": 302,"
    " \"description\": \"The status, except with `http_to_https`.\"},"
    "\"uri\": {\"type\": \"string\", \"minLength\": 2,"
    " \"description\": \"Where to go to; variables are filled in.\"},"
    "\"regex_uri\": {\"type\": \"array\", \"minItems\": 2, \"maxItems\": 2,"
    " \"items\": {\"type\": \"string\"},"
    " \"description\": \"A pattern and what replaces its first match in the path; `$1` is its first"
    " group. A path that does not match goes on.\"},"
    "\"http_to_https\": {\"type\": \"boolean\","
    " \"description\": \"Sends clients that use http to the same place with https.\"},"
    "\"encode_uri\": {\"type\": \"boolean\", \"default\": false,"
    " \"description\": \"Percent-encodes characters that a reference cannot hold.\"},"
    "\"append_query_string\": {\"type\": \"boolean\", \"default\": false, \"description\":"
    " \"Appends the arguments of the request; not beside `http_to_https`.\"}},"
    "\"oneOf\": [{\"required\": [\"uri\"]}, {\"required\": [\"regex_uri\"]},"
    " {\"required\": [\"http_to_https\"]}]}";

typedef struct redirect {
    hg_template *target; /* of uri or regex_uri; NULL: none */
    hg_regex *regex;     /* NULL: `target` is all of it */
    bool http_to_https;
    bool encode;
    bool append_query_string;
    uint32_t status;
} redirect;

typedef struct redirect_attributes {
    int64_t https_port;
} redirect_attributes;

static const hg_field attribute_fields[] = {
    HG_INT(redirect_attributes,
           https_port,
           "https_port",
           .summary = "The port of `http_to_https`; 443 is not written into the address.",
           .min = 1,
           .max = 65535,
           .initial = "443"),
    HG_FIELDS_END,
};

static int64_t https_port; /* of init() */

static hg_status init(const void *attributes, hg_error *err)
{
    const redirect_attributes *own = attributes;

    (void)err;
    https_port = own->https_port;
    return HG_OK;
}

/* ----------------------------------------------------------------------------- configuration */

static void release(void *state)
{
    redirect *own = state;

    if (own == NULL) {
        return;
    }
    hg_template_free(own->target);
    hg_regex_free(own->regex);
    free(own);
}

static hg_text text_of(const json_t *value)
{
    return (hg_text){json_string_value(value), json_string_length(value)};
}

static hg_status
target_parse(redirect *own, const json_t *value, const char *pointer, hg_issues *issues)
{
    hg_error err = HG_ERROR_INIT;
    hg_status status = hg_template_compile(text_of(value), &own->target, &err);

    if (status == HG_ERR_INVALID) {
        hg_issues_add(issues, pointer, err.text, "text with variables such as $request_uri");
    }
    return status;
}

static hg_status regex_parse(redirect *own, const json_t *pair, hg_issues *issues)
{
    hg_error err = HG_ERROR_INIT;
    hg_status status = hg_regex_compile(text_of(json_array_get(pair, 0)), false, &own->regex, &err);

    if (status == HG_ERR_INVALID) {
        hg_issues_add(issues, "/regex_uri/0", err.text, "a regular expression");
    }
    return status == HG_OK ? target_parse(own, json_array_get(pair, 1), "/regex_uri/1", issues)
                           : status;
}

static hg_status
parse(const json_t *config, const hg_config_source *source, void **out_state, hg_issues *issues)
{
    redirect *own = calloc(1, sizeof(*own));
    const json_t *uri = json_object_get(config, "uri");
    const json_t *regex_uri = json_object_get(config, "regex_uri");
    hg_status status = HG_OK;

    (void)source;
    if (own == NULL) {
        return HG_ERR_NO_MEMORY;
    }
    own->status = (uint32_t)json_integer_value(json_object_get(config, "ret_code"));
    own->http_to_https = json_is_true(json_object_get(config, "http_to_https"));
    own->encode = json_is_true(json_object_get(config, "encode_uri"));
    own->append_query_string = json_is_true(json_object_get(config, "append_query_string"));
    if (own->http_to_https && own->append_query_string) {
        hg_issues_add(issues, "/append_query_string", "true beside http_to_https",
                      "only one of `http_to_https` and `append_query_string`");
    }
    if (uri != NULL) {
        status = target_parse(own, uri, "/uri", issues);
    } else if (regex_uri != NULL) {
        status = regex_parse(own, regex_uri, issues);
    }
    if (status == HG_OK) {
        *out_state = own;
        own = NULL; /* now the host's */
    }
    release(own);
    return status;
}

/* ---------------------------------------------------------------------------------- requests */

/* Texts in a row, in the request's memory; absent: no memory. */
static hg_text joined(hg_request *request, hg_text first, hg_text second, hg_text third)
{
    size_t size = first.length + second.length + third.length + 1;
    char *text = hg_request_allocate(request, size);
    hg_text none = {NULL, 0};

    if (text == NULL) {
        return none;
    }
    (void)snprintf(text, size, "%.*s%.*s%.*s", (int)first.length, first.data, (int)second.length,
                   second.data, (int)third.length, third.data);
    return (hg_text){text, size - 1};
}

/* Characters of RFC 3986 stay as they are, a "%" too: it may be encoded already. */
static bool stays(unsigned char c, bool encode_all)
{
    static const char others[] = "-._~:/?#[]@!$&'()*+,;=%";

    if (!encode_all) {
        return c > ' ' && c != 0x7f; /* what a header or a reference cannot hold */
    }
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != '\0' && strchr(others, c) != NULL);
}

static hg_text encoded(hg_request *request, hg_text text, bool encode_all)
{
    static const char digits[] = "0123456789ABCDEF";
    char *out = hg_request_allocate(request, text.length * 3 + 1);
    hg_text none = {NULL, 0};
    size_t length = 0;

    if (out == NULL) {
        return none;
    }
    for (size_t i = 0; i < text.length; i++) {
        unsigned char c = (unsigned char)text.data[i];

        if (stays(c, encode_all)) {
            out[length++] = (char)c;
        } else {
            out[length++] = '%';
            out[length++] = digits[c >> 4];
            out[length++] = digits[c & 15];
        }
    }
    out[length] = '\0';
    return (hg_text){out, length};
}

static hg_verdict go_to(hg_request *request, const redirect *own, hg_text place, uint32_t status)
{
    hg_text query = hg_request_arguments(request);

    if (place.data != NULL) {
        place = encoded(request, place, own->encode);
    }
    if (place.data != NULL && own->append_query_string && query.length > 0) {
        bool has_query = memchr(place.data, '?', place.length) != NULL;

        place = joined(request, place, has_query ? HG_TEXT("&") : HG_TEXT("?"), query);
    }
    if (place.data == NULL ||
        hg_response_set_header(request, HG_TEXT("Location"), place) != HG_OK) {
        hg_log(request, HG_LOG_ERROR, "no memory for a place to go to");
        return hg_exit(request, 500);
    }
    return hg_exit(request, status);
}

/* Requests that may change something are repeated with their method and body. */
static hg_verdict go_to_https(hg_request *request, const redirect *own)
{
    hg_text method = hg_request_method(request);
    bool is_safe = hg_text_equal(method, HG_TEXT("GET")) || hg_text_equal(method, HG_TEXT("HEAD"));
    char port[NUMBER_SIZE] = "";
    hg_text host = hg_request_host(request);
    hg_text origin;

    if (host.length == 0) {
        return hg_exit_error(request, 400, HG_TEXT("the request names no host"));
    }
    if (https_port != HTTPS_PORT) {
        (void)snprintf(port, sizeof(port), ":%d", (int)https_port);
    }
    origin = joined(request, HG_TEXT("https://"), host, hg_text_of(port));
    if (origin.data != NULL) {
        origin = joined(request, origin, hg_request_raw_uri(request), HG_TEXT(""));
    }
    return go_to(request, own, origin, is_safe ? 301 : 308);
}

/* The scheme of the client's connection, which a proxy may have ended. */
static bool is_http(hg_request *request)
{
    hg_text forwarded = hg_request_header(request, HG_TEXT("X-Forwarded-Proto"));

    return hg_text_equal_ignoring_case(
        hg_text_is_present(forwarded) ? forwarded : hg_request_scheme(request), HG_TEXT("http"));
}

static hg_verdict on_rewrite(hg_request *request, const void *config)
{
    const redirect *own = config;
    hg_text captures[HG_REGEX_CAPTURES_MAX];
    hg_text path = hg_request_uri(request);
    hg_text middle;
    int32_t count = 0;

    if (own->http_to_https && is_http(request)) {
        return go_to_https(request, own);
    }
    if (own->target == NULL) {
        return HG_NEXT;
    }
    if (own->regex == NULL) {
        return go_to(request, own, hg_template_render(request, own->target), own->status);
    }
    count = hg_regex_match(own->regex, path, captures, HG_REGEX_CAPTURES_MAX);
    if (count == 0) {
        return HG_NEXT;
    }
    middle = hg_template_render_match(request, own->target, captures, (uint32_t)count);
    if (middle.data != NULL) {
        const char *end = captures[0].data + captures[0].length;
        hg_text before = {path.data, (size_t)(captures[0].data - path.data)};
        hg_text after = {end, (size_t)(path.data + path.length - end)};

        middle = joined(request, before, middle, after);
    }
    return go_to(request, own, middle, own->status);
}

HG_PLUGIN("redirect",
          "1.0.0",
          .summary = "Answers with another place to go to.",
          .priority = 900,
          .config = HG_CONFIG_RAW(schema, parse, release),
          .attributes = HG_CONFIG(redirect_attributes, attribute_fields),
          .init = init,
          .rewrite = on_rewrite);
