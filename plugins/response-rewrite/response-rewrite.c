/* response-rewrite.c - changes a response: status, headers, body. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include <hotgate/plugin.h>

#define NUMBER_SIZE  32 /* bytes for any number as text */
#define OPTIONS_MAX  16
#define GROW_MIN     1024
#define UNPACK_PIECE 8192
#define WINDOW_ANY   (MAX_WBITS + 32) /* zlib and gzip, told apart by their headers */

static const char schema[] =
    "{\"type\": \"object\", \"properties\": {"
    "\"status_code\": {\"type\": \"integer\", \"minimum\": 200, \"maximum\": 598,"
    " \"description\": \"The new status.\"},"
    "\"body\": {\"type\": \"string\", \"description\": \"The new body.\"},"
    "\"body_base64\": {\"type\": \"boolean\", \"default\": false,"
    " \"description\": \"`body` is base64.\"},"
    "\"headers\": {\"type\": \"object\", \"minProperties\": 1,"
    " \"description\": \"Headers to set by name; or `add` (array of `Name: value`), `set` (object)"
    " and `remove` (array of names), in this order. Values are strings or numbers; variables are"
    " filled in.\"},"
    "\"max_resp_body_size\": {\"type\": \"integer\", \"minimum\": 1, \"default\": 67108864,"
    " \"description\": \"Bytes of a body that filters work on; a larger one passes unchanged, and"
    " the log says so.\"},"
    "\"vars\": {\"title\": \"expression\", \"type\": \"array\", \"description\":"
    " \"Only responses for which it holds are changed; variables of the response are there.\"},"
    "\"filters\": {\"type\": \"array\", \"minItems\": 1, \"description\":"
    " \"What to replace in the body, one after another.\", \"items\": {\"type\": \"object\","
    " \"required\": [\"regex\", \"replace\"], \"properties\": {"
    "\"regex\": {\"title\": \"regular expression\", \"type\": \"string\", \"minLength\": 1,"
    " \"description\": \"What is replaced.\"},"
    "\"replace\": {\"type\": \"string\", \"description\": \"What takes the place of a match; `$1`"
    " is its first group, `$$` a dollar sign.\"},"
    "\"scope\": {\"type\": \"string\", \"enum\": [\"once\", \"global\"], \"default\": \"once\","
    " \"description\": \"The first match or all.\"},"
    "\"options\": {\"type\": \"string\", \"default\": \"jo\", \"description\":"
    " \"Letters of `jouUimsxD`. `i`: any case; `m`: `^` and `$` at every line; `s`: `.` takes line"
    " breaks; `x`: blanks in the pattern do not count; `D`: groups may share a name. The others are"
    " always on.\"}}}}},"
    " \"dependencies\": {\"body\": {\"not\": {\"required\": [\"filters\"]}},"
    " \"filters\": {\"not\": {\"required\": [\"body\"]}}}}";

typedef struct header_rule {
    hg_text name;
    hg_template *value; /* NULL: to be removed */
    bool adds;          /* else sets */
} header_rule;

typedef struct body_filter {
    hg_regex *regex;
    hg_template *replacement;
    bool global;
} body_filter;

typedef struct response_rewrite {
    uint32_t status; /* 0: as it is */
    bool has_body;
    hg_text body;
    char *decoded_body; /* owns `body` if it was base64 */
    size_t header_count;
    header_rule *headers; /* in the order in which they are applied */
    size_t filter_count;
    body_filter *filters;
    size_t buffer_max;
    hg_expression *vars; /* NULL: all responses */
    json_t *source;      /* owns the texts */
} response_rewrite;

/* What one response has been through. */
typedef struct response_data {
    bool applies; /* its variables are as they have to be */
    bool begun;   /* its first piece has been replaced */
    bool filters; /* the filters work on its body */
    bool packed;  /* which is compressed */
} response_data;

/* ----------------------------------------------------------------------------- configuration */

static void release(void *state)
{
    response_rewrite *own = state;

    if (own == NULL) {
        return;
    }
    for (size_t i = 0; own->headers != NULL && i < own->header_count; i++) {
        hg_template_free(own->headers[i].value);
    }
    for (size_t i = 0; own->filters != NULL && i < own->filter_count; i++) {
        hg_regex_free(own->filters[i].regex);
        hg_template_free(own->filters[i].replacement);
    }
    hg_expression_free(own->vars);
    free(own->headers);
    free(own->filters);
    free(own->decoded_body);
    json_decref(own->source);
    free(own);
}

static hg_text text_of(const json_t *value)
{
    return (hg_text){json_string_value(value), json_string_length(value)};
}

static int base64_value(char c)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *at = c == '\0' ? NULL : strchr(digits, c);

    return at == NULL ? -1 : (int)(at - digits);
}

/* RFC 4648 section 4. False: it is no base64, or nothing. */
static bool base64_decode(hg_text text, char *out, size_t *out_length)
{
    size_t padding = 0;
    size_t length = 0;
    uint32_t bits = 0;

    while (padding < 2 && text.length > padding && text.data[text.length - 1 - padding] == '=') {
        padding++;
    }
    if (text.length == 0 || text.length % 4 != 0) {
        return false;
    }
    for (size_t i = 0; i < text.length - padding; i++) {
        int value = base64_value(text.data[i]);

        if (value < 0) {
            return false;
        }
        bits = bits << 6 | (uint32_t)value;
        if (i % 4 != 0) {
            out[length++] = (char)(bits >> (6 - 2 * (i % 4)) & 0xff);
        }
    }
    *out_length = length;
    return true;
}

static hg_status body_parse(response_rewrite *own, hg_issues *issues)
{
    const json_t *body = json_object_get(own->source, "body");

    own->has_body = body != NULL;
    own->body = text_of(body);
    if (!json_is_true(json_object_get(own->source, "body_base64"))) {
        return HG_OK;
    }
    own->decoded_body = malloc(own->body.length + 1);
    if (own->decoded_body == NULL) {
        return HG_ERR_NO_MEMORY;
    }
    if (!base64_decode(own->body, own->decoded_body, &own->body.length)) {
        hg_issues_add(issues, "/body", "invalid base64 content", "base64");
    }
    own->body.data = own->decoded_body;
    return HG_OK;
}

/* A field name is a token: RFC 9110 section 5.6.2. */
static bool name_is_valid(hg_text name)
{
    static const char token[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "!#$%&'*+-.^_`|~";

    for (size_t i = 0; i < name.length; i++) {
        if (memchr(token, name.data[i], sizeof(token) - 1) == NULL) {
            return false;
        }
    }
    return name.length > 0;
}

/* The text of a string or a number; `buffer` holds a number; absent: it is neither. */
static hg_text value_text(const json_t *value, char *buffer)
{
    if (json_is_integer(value)) {
        (void)snprintf(buffer, NUMBER_SIZE, "%lld", (long long)json_integer_value(value));
        return hg_text_of(buffer);
    }
    if (json_is_real(value)) {
        (void)snprintf(buffer, NUMBER_SIZE, "%.14g", json_real_value(value));
        return hg_text_of(buffer);
    }
    return text_of(value);
}

static hg_status header_add(response_rewrite *own,
                            const char *pointer,
                            hg_text name,
                            hg_text value,
                            bool adds,
                            hg_issues *issues)
{
    header_rule *rule = &own->headers[own->header_count++];
    hg_error err = HG_ERROR_INIT;
    hg_status status;

    rule->name = name;
    rule->adds = adds;
    if (!name_is_valid(name)) {
        hg_issues_add(issues, pointer, "something else", "names of header fields");
        return HG_OK;
    }
    if (value.data == NULL) {
        hg_issues_add(issues, pointer, "a value of another type", "strings and numbers");
        return HG_OK;
    }
    status = hg_template_compile(value, &rule->value, &err);
    if (status == HG_ERR_INVALID) {
        hg_issues_add(issues, pointer, err.text, "text with variables such as $remote_addr");
    }
    return status == HG_ERR_INVALID ? HG_OK : status; /* the finding refuses it */
}

/* An object of names and values to set. */
static hg_status
settings_parse(response_rewrite *own, json_t *object, const char *pointer, hg_issues *issues)
{
    const char *name;
    json_t *value;
    hg_status status = HG_OK;

    if (object == NULL) {
        return HG_OK;
    }
    if (!json_is_object(object) || json_object_size(object) == 0) {
        hg_issues_add(issues, pointer, "something else", "an object that is not empty");
        return HG_OK;
    }
    json_object_foreach(object, name, value)
    {
        char number[NUMBER_SIZE];

        if (status == HG_OK) {
            status = header_add(own, pointer, hg_text_of(name), value_text(value, number), false,
                                issues);
        }
    }
    return status;
}

/* An array of "Name: value". */
static hg_status additions_parse(response_rewrite *own, const json_t *list, hg_issues *issues)
{
    size_t index;
    json_t *line;
    hg_status status = HG_OK;

    if (list != NULL && json_array_size(list) == 0) {
        hg_issues_add(issues, "/headers/add", "something else", "an array that is not empty");
    }
    json_array_foreach(list, index, line)
    {
        hg_text text = text_of(line);
        const char *colon = text.data == NULL ? NULL : strchr(text.data, ':');
        hg_text name = {text.data, colon == NULL ? 0 : (size_t)(colon - text.data)};
        const char *value = colon == NULL ? "" : colon + 1 + strspn(colon + 1, " ");

        while (name.length > 0 && name.data[name.length - 1] == ' ') {
            name.length--;
        }
        if (status == HG_OK) {
            status = header_add(own, "/headers/add", name, hg_text_of(value), true, issues);
        }
    }
    return status;
}

static void removals_parse(response_rewrite *own, const json_t *list, hg_issues *issues)
{
    size_t index;
    json_t *name;

    if (list != NULL && json_array_size(list) == 0) {
        hg_issues_add(issues, "/headers/remove", "something else", "an array that is not empty");
    }
    json_array_foreach(list, index, name)
    {
        if (!json_is_string(name) || !name_is_valid(text_of(name))) {
            hg_issues_add(issues, "/headers/remove", "something else", "names of header fields");
        } else {
            own->headers[own->header_count++].name = text_of(name);
        }
    }
}

/* True if the object says what to do with headers; else its members are headers to set. */
static bool has_operations(const json_t *headers)
{
    return json_is_array(json_object_get(headers, "add")) ||
           json_is_object(json_object_get(headers, "set")) ||
           json_is_array(json_object_get(headers, "remove"));
}

static hg_status headers_parse(response_rewrite *own, json_t *headers, hg_issues *issues)
{
    const json_t *add = json_object_get(headers, "add");
    json_t *set = json_object_get(headers, "set");
    const json_t *removals = json_object_get(headers, "remove");
    const char *name;
    json_t *value;
    hg_status status;

    if (headers == NULL) {
        return HG_OK;
    }
    own->headers = calloc(json_object_size(headers) + json_array_size(add) + json_object_size(set) +
                              json_array_size(removals),
                          sizeof(*own->headers));
    if (own->headers == NULL) {
        return HG_ERR_NO_MEMORY;
    }
    if (!has_operations(headers)) {
        return settings_parse(own, headers, "/headers", issues);
    }
    json_object_foreach(headers, name, value)
    {
        if (value != add && value != set && value != removals) {
            hg_issues_add(issues, "/headers", name, "add, set and remove alone");
        }
    }
    status = additions_parse(own, add, issues);
    if (status == HG_OK) {
        status = settings_parse(own, set, "/headers/set", issues);
    }
    removals_parse(own, removals, issues);
    return status;
}

/* Options of ngx.re: `j` and `o` are always on here, the others go into the pattern. */
static bool options_parse(hg_text options, char *inline_options, bool *out_ignore_case)
{
    size_t length = 0;

    for (size_t i = 0; i < options.length; i++) {
        char c = options.data[i];

        if (c == 'i') {
            *out_ignore_case = true;
        } else if ((c == 'm' || c == 's' || c == 'x' || c == 'D') && length + 1 < OPTIONS_MAX) {
            inline_options[length++] = c == 'D' ? 'J' : c; /* names of groups may be repeated */
        } else if (c != 'j' && c != 'o' && c != 'u' && c != 'U') {
            return false;
        }
    }
    inline_options[length] = '\0';
    return true;
}

/* The replacement as a template: "$$" is a dollar sign there, "\$" here. */
static hg_status replacement_compile(hg_text text, hg_template **out_replacement, hg_error *err)
{
    char *copy = malloc(text.length + 1);
    hg_status status;

    if (copy == NULL) {
        return HG_ERR_NO_MEMORY;
    }
    for (size_t i = 0; i < text.length; i++) {
        copy[i] = text.data[i];
        if (text.data[i] == '$' && i + 1 < text.length && text.data[i + 1] == '$') {
            copy[i++] = '\\';
            copy[i] = '$';
        }
    }
    status = hg_template_compile((hg_text){copy, text.length}, out_replacement, err);
    free(copy);
    return status;
}

static hg_status
filter_parse(body_filter *filter, const json_t *object, size_t place, hg_issues *issues)
{
    hg_text regex = text_of(json_object_get(object, "regex"));
    char inline_options[OPTIONS_MAX] = "";
    char pointer[NUMBER_SIZE + 24];
    hg_error err = HG_ERROR_INIT;
    bool ignore_case = false;
    char *pattern = malloc(regex.length + OPTIONS_MAX + 8);
    hg_status status;
    int length;

    if (pattern == NULL) {
        return HG_ERR_NO_MEMORY;
    }
    filter->global = strcmp(json_string_value(json_object_get(object, "scope")), "global") == 0;
    if (!options_parse(text_of(json_object_get(object, "options")), inline_options, &ignore_case)) {
        (void)snprintf(pointer, sizeof(pointer), "/filters/%zu/options", place);
        hg_issues_add(issues, pointer, "an option of another engine", "letters of \"jouUimsxD\"");
    }
    length = inline_options[0] == '\0' ? snprintf(pattern, regex.length + 1, "%s", regex.data)
                                       : snprintf(pattern, regex.length + OPTIONS_MAX + 8,
                                                  "(?%s)%s", inline_options, regex.data);
    status =
        hg_regex_compile((hg_text){pattern, (size_t)length}, ignore_case, &filter->regex, &err);
    if (status == HG_ERR_INVALID) {
        (void)snprintf(pointer, sizeof(pointer), "/filters/%zu/regex", place);
        hg_issues_add(issues, pointer, err.text, "a regular expression");
        status = HG_OK;
    }
    if (status == HG_OK) {
        status = replacement_compile(text_of(json_object_get(object, "replace")),
                                     &filter->replacement, &err);
    }
    if (status == HG_ERR_INVALID) {
        (void)snprintf(pointer, sizeof(pointer), "/filters/%zu/replace", place);
        hg_issues_add(issues, pointer, err.text, "text with groups such as $1");
        status = HG_OK;
    }
    free(pattern);
    return status;
}

static hg_status filters_parse(response_rewrite *own, const json_t *list, hg_issues *issues)
{
    size_t count = json_array_size(list);
    hg_status status = HG_OK;

    if (count == 0) {
        return HG_OK;
    }
    own->filters = calloc(count, sizeof(*own->filters));
    if (own->filters == NULL) {
        return HG_ERR_NO_MEMORY;
    }
    own->filter_count = count;
    for (size_t i = 0; i < count && status == HG_OK; i++) {
        status = filter_parse(&own->filters[i], json_array_get(list, i), i, issues);
    }
    return status;
}

static hg_status
parse(const json_t *config, const hg_config_source *source, void **out_state, hg_issues *issues)
{
    response_rewrite *own = calloc(1, sizeof(*own));
    hg_status status;

    (void)source;
    if (own == NULL || (own->source = json_deep_copy(config)) == NULL) {
        release(own);
        return HG_ERR_NO_MEMORY;
    }
    own->status = (uint32_t)json_integer_value(json_object_get(config, "status_code"));
    own->buffer_max = (size_t)json_integer_value(json_object_get(config, "max_resp_body_size"));
    status = body_parse(own, issues);
    if (status == HG_OK && json_object_get(config, "vars") != NULL) {
        status =
            hg_expression_compile(json_object_get(config, "vars"), "/vars", &own->vars, issues);
    }
    if (status == HG_OK) {
        status = headers_parse(own, json_object_get(own->source, "headers"), issues);
    }
    if (status == HG_OK) {
        status = filters_parse(own, json_object_get(own->source, "filters"), issues);
    }
    if (status == HG_OK) {
        *out_state = own;
        own = NULL; /* now the host's */
    }
    release(own);
    return status;
}

/* ---------------------------------------------------------------------------------- headers */

static void headers_apply(hg_request *request, const response_rewrite *own)
{
    for (size_t i = 0; i < own->header_count; i++) {
        const header_rule *rule = &own->headers[i];
        hg_status status;

        if (rule->value == NULL) {
            status = hg_response_remove_header(request, rule->name);
        } else {
            hg_text value = hg_template_render(request, rule->value);

            status = rule->adds ? hg_response_add_header(request, rule->name, value)
                                : hg_response_set_header(request, rule->name, value);
        }
        if (status != HG_OK) {
            hg_log(request, HG_LOG_ERROR, "header %.*s cannot be changed: its value is not allowed",
                   (int)rule->name.length, rule->name.data);
        }
    }
}

/* What does not hold for another body. */
static void stale_headers_remove(hg_request *request)
{
    (void)hg_response_remove_header(request, HG_TEXT("Content-Encoding")); /* cannot fail here */
    (void)hg_response_remove_header(request, HG_TEXT("ETag"));
    (void)hg_response_remove_header(request, HG_TEXT("Last-Modified"));
}

/* What zlib can unpack. */
static bool is_packed(hg_text encoding)
{
    return hg_text_equal_ignoring_case(encoding, HG_TEXT("gzip")) ||
           hg_text_equal_ignoring_case(encoding, HG_TEXT("deflate"));
}

/* A compressed body keeps its headers until it has been unpacked. */
static void filters_begin(hg_request *request, const response_rewrite *own, response_data *data)
{
    hg_text encoding = hg_response_header(request, HG_TEXT("Content-Encoding"));

    data->packed = is_packed(encoding);
    if (encoding.length > 0 && !data->packed) {
        hg_log(request, HG_LOG_WARN, "filters do not work on an encoded body: %s", encoding.data);
        return;
    }
    data->filters = hg_response_buffer_body(request, own->buffer_max) == HG_OK;
    if (data->filters && !data->packed) {
        stale_headers_remove(request);
    }
}

static void on_header_filter(hg_request *request, const void *config)
{
    const response_rewrite *own = config;
    response_data *data = hg_request_data(request);

    if (data == NULL) {
        hg_log(request, HG_LOG_ERROR, "no memory: the response is left as it is");
        return;
    }
    data->applies = hg_expression_holds(request, own->vars);
    if (!data->applies) {
        return;
    }
    if (own->status != 0) {
        (void)hg_response_set_status(request, own->status); /* its range was judged */
    }
    if (own->has_body) {
        (void)hg_response_change_body(request);
        stale_headers_remove(request);
    } else if (own->filter_count > 0) {
        filters_begin(request, own, data);
    }
    headers_apply(request, own);
}

/* ------------------------------------------------------------------------------------- body */

/* Text that grows in the request's memory. */
typedef struct grown {
    hg_request *request;
    char *data;
    size_t length;
    size_t room;
    bool failed; /* no memory */
} grown;

static void grown_add(grown *text, hg_text more)
{
    if (text->length + more.length > text->room) {
        size_t room = (text->length + more.length) * 2 + GROW_MIN;
        char *larger = hg_request_allocate(text->request, room);

        if (larger == NULL) {
            text->failed = true;
            return;
        }
        if (text->length > 0) {
            memcpy(larger, text->data, text->length);
        }
        text->data = larger;
        text->room = room;
    }
    if (more.length > 0) {
        memcpy(text->data + text->length, more.data, more.length);
        text->length += more.length;
    }
}

/* The bytes of the UTF-8 character that begins there. */
static size_t character_length(hg_text rest)
{
    size_t length = 1;

    while (length < rest.length && ((unsigned char)rest.data[length] & 0xc0) == 0x80) {
        length++;
    }
    return length;
}

/* Replaces the first match, or all of them; false: no memory, or none. */
static bool filter_apply(hg_request *request, const body_filter *filter, hg_text *body)
{
    grown result = {.request = request};
    hg_text whole = *body;
    hg_text captures[HG_REGEX_CAPTURES_MAX];
    size_t at = 0; /* up to here it has been copied */
    int32_t count = hg_regex_match(filter->regex, whole, captures, HG_REGEX_CAPTURES_MAX);

    if (count == 0) {
        return false;
    }
    while (count > 0) {
        size_t from = (size_t)(captures[0].data - whole.data);

        if (from < at) { /* a pattern that moves its own beginning back */
            break;
        }
        grown_add(&result, (hg_text){whole.data + at, from - at});
        grown_add(&result, hg_template_render_match(request, filter->replacement, captures,
                                                    (uint32_t)count));
        at = from + captures[0].length;
        if (captures[0].length == 0 && at < whole.length) { /* go on behind a character */
            size_t step = character_length((hg_text){whole.data + at, whole.length - at});

            grown_add(&result, (hg_text){whole.data + at, step});
            at += step;
        } else if (captures[0].length == 0) {
            break;
        }
        count = filter->global
                    ? hg_regex_match_from(filter->regex, whole, at, captures, HG_REGEX_CAPTURES_MAX)
                    : 0;
    }
    grown_add(&result, (hg_text){whole.data + at, whole.length - at});
    if (result.failed) {
        return false;
    }
    *body = (hg_text){result.data == NULL ? "" : result.data, result.length};
    return true;
}

/* Unpacks a whole body of at most `max` bytes; false: it is damaged or longer. */
static bool unpack(hg_request *request, hg_text packed, size_t max, hg_text *out_body)
{
    grown result = {.request = request};
    z_stream stream;
    char piece[UNPACK_PIECE];
    int status = Z_OK;

    memset(&stream, 0, sizeof(stream));
    if (packed.length > UINT_MAX || inflateInit2(&stream, WINDOW_ANY) != Z_OK) {
        return false;
    }
    stream.next_in = (Bytef *)(uintptr_t)packed.data; /* zlib reads it only */
    stream.avail_in = (uInt)packed.length;
    while (status == Z_OK && !result.failed && result.length <= max) {
        stream.next_out = (Bytef *)piece;
        stream.avail_out = sizeof(piece);
        status = inflate(&stream, Z_NO_FLUSH);
        grown_add(&result, (hg_text){piece, sizeof(piece) - stream.avail_out});
    }
    (void)inflateEnd(&stream);
    if (status != Z_STREAM_END || result.failed || result.length > max) {
        return false;
    }
    *out_body = (hg_text){result.data == NULL ? "" : result.data, result.length};
    return true;
}

/* The body that filters work on; false: it stays as it is. */
static bool body_open(hg_request *request,
                      const response_rewrite *own,
                      const response_data *data,
                      hg_text *body)
{
    if (!data->packed || body->length == 0) {
        return true;
    }
    if (!unpack(request, *body, own->buffer_max, body)) {
        hg_log(request, HG_LOG_WARN,
               "filters do not work on a compressed body that is damaged or longer than %zu bytes",
               own->buffer_max);
        return false;
    }
    stale_headers_remove(request);
    return true;
}

static void on_body_filter(hg_request *request, hg_chunk *chunk, const void *config)
{
    const response_rewrite *own = config;
    response_data *data = hg_request_data(request);
    hg_text body = hg_chunk_data(chunk);
    bool changed;

    if (data == NULL || !data->applies) {
        return;
    }
    if (own->has_body) { /* in the place of the first piece, and of the others */
        (void)hg_chunk_set(request, chunk, own->body.data, data->begun ? 0 : own->body.length);
        data->begun = true;
        return;
    }
    if (!data->filters || !body_open(request, own, data, &body)) {
        return;
    }
    changed = data->packed;
    for (size_t i = 0; i < own->filter_count; i++) {
        changed = filter_apply(request, &own->filters[i], &body) || changed;
    }
    if (changed && hg_chunk_set(request, chunk, body.data, body.length) != HG_OK) {
        hg_log(request, HG_LOG_ERROR, "no memory: the body is left as it is");
    }
}

HG_PLUGIN("response-rewrite",
          "1.1.0",
          .summary = "Changes a response: status, headers, body.",
          .priority = 899,
          .config = HG_CONFIG_RAW(schema, parse, release),
          .request_size = (uint32_t)sizeof(response_data),
          .header_filter = on_header_filter,
          .body_filter = on_body_filter);
