/* echo.c - puts text before, behind or in the place of a response's body, and sets headers. */
#include <stdio.h>
#include <string.h>

#include <hotgate/plugin.h>

#define NUMBER_SIZE 32 /* bytes for any number as text */

typedef struct echo {
    hg_text before_body; /* absent: none, as the next two */
    hg_text body;
    hg_text after_body;
    hg_map headers; /* of const json_t *: strings and numbers */
} echo;

/* What one response has been through. */
typedef struct echo_data {
    bool begun; /* its first piece has been seen */
} echo_data;

static const hg_field header_value = HG_ITEM(HG_KIND_JSON,
                                             const json_t *,
                                             .summary = "The value of that header.",
                                             .schema = "{\"type\": [\"string\", \"number\"]}");

static const hg_field fields[] = {
    HG_STRING(echo, before_body, "before_body", .summary = "Goes before the body."),
    HG_STRING(echo, body, "body", .summary = "Takes the place of the body."),
    HG_STRING(echo, after_body, "after_body", .summary = "Goes behind the body."),
    HG_MAP(echo,
           headers,
           "headers",
           &header_value,
           .summary = "Headers to set on the response.",
           .example = "{\"X-Answer\": 42}",
           .min_length = 1),
    HG_RULE(HG_AT_LEAST_ONE, "before_body", "body", "after_body"),
    HG_FIELDS_END,
};

/* A field name is a token, a value has no control characters: RFC 9110 section 5.5 and 5.6.2. */
static hg_status check(const void *config, const hg_config_source *source, hg_issues *issues)
{
    static const char token[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "!#$%&'*+-.^_`|~";
    const echo *own = config;
    const json_t *const *values = own->headers.values;

    (void)source;
    for (size_t i = 0; i < own->headers.count; i++) {
        const char *name = own->headers.keys[i].data;

        if (own->headers.keys[i].length == 0 || name[strspn(name, token)] != '\0') {
            hg_issues_add(issues, "/headers", name, "names of header fields");
        } else if (json_is_string(values[i]) &&
                   strpbrk(json_string_value(values[i]), "\r\n") != NULL) {
            hg_issues_add(issues, "/headers", "a line break", "values of one line");
        }
    }
    return HG_OK;
}

/* The value of a header as text; `buffer` holds a number. */
static hg_text value_text(const json_t *value, char *buffer)
{
    if (json_is_string(value)) {
        return (hg_text){json_string_value(value), json_string_length(value)};
    }
    if (json_is_integer(value)) {
        (void)snprintf(buffer, NUMBER_SIZE, "%lld", (long long)json_integer_value(value));
    } else {
        (void)snprintf(buffer, NUMBER_SIZE, "%.14g", json_real_value(value));
    }
    return hg_text_of(buffer);
}

static void on_header_filter(hg_request *request, const void *config)
{
    const echo *own = config;
    const json_t *const *values = own->headers.values;
    char number[NUMBER_SIZE];

    (void)hg_response_change_body(request); /* cannot fail in this phase, as what follows */
    (void)hg_response_remove_header(request, HG_TEXT("Content-Encoding"));
    (void)hg_response_remove_header(request, HG_TEXT("ETag"));
    (void)hg_response_remove_header(request, HG_TEXT("Last-Modified"));
    for (size_t i = 0; i < own->headers.count; i++) {
        if (hg_response_set_header(request, own->headers.keys[i], value_text(values[i], number)) !=
            HG_OK) {
            hg_log(request, HG_LOG_ERROR, "header %s cannot be set", own->headers.keys[i].data);
        }
    }
}

static char *append(char *at, hg_text text)
{
    if (text.length > 0) {
        memcpy(at, text.data, text.length);
    }
    return at + text.length;
}

static void on_body_filter(hg_request *request, hg_chunk *chunk, const void *config)
{
    const echo *own = config;
    echo_data *data = hg_request_data(request);
    hg_text none = {NULL, 0};
    bool first = data == NULL || !data->begun;
    hg_text before = first ? own->before_body : none;
    hg_text after = hg_chunk_is_last(chunk) ? own->after_body : none;
    hg_text body = hg_chunk_data(chunk);
    char *joined;
    char *at;

    if (own->body.data != NULL) {
        body = first ? own->body : none; /* in the place of the first piece, and of the others */
    }
    if (data != NULL) {
        data->begun = true;
    }
    joined = hg_request_allocate(request, before.length + body.length + after.length + 1);
    if (joined == NULL) {
        hg_log(request, HG_LOG_ERROR, "no memory for the body");
        return;
    }
    at = append(append(append(joined, before), body), after);
    (void)hg_chunk_set(request, chunk, joined, (size_t)(at - joined)); /* was declared above */
}

HG_PLUGIN("echo",
          "1.0.0",
          .summary = "Puts text before, behind or in the place of a response's body.",
          .priority = 412,
          .config = HG_CONFIG(echo, fields),
          .request_size = (uint32_t)sizeof(echo_data),
          .check = check,
          .header_filter = on_header_filter,
          .body_filter = on_body_filter);
