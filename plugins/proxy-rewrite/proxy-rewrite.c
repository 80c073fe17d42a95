/* proxy-rewrite.c - changes what the upstream sees of a request: path, method, host, headers. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hotgate/plugin.h>

#define NUMBER_SIZE 32 /* bytes for any number as text */

static const char schema[] =
    "{\"type\": \"object\", \"minProperties\": 1, \"additionalProperties\": false,"
    " \"properties\": {"
    "\"uri\": {\"type\": \"string\", \"minLength\": 1, \"maxLength\": 4096,"
    " \"pattern\": \"^/.*\", \"description\": \"The new path; variables are filled in. What stands"
    " behind a `?` goes before the client's arguments.\"},"
    "\"regex_uri\": {\"type\": \"array\", \"minItems\": 2, \"items\": {\"type\": \"string\"},"
    " \"description\": \"Pairs of a pattern and what replaces its first match in the path; `$1` is"
    " its first group. The first pattern that matches counts. Without effect beside `uri`.\"},"
    "\"method\": {\"type\": \"string\", \"enum\": [\"GET\", \"POST\", \"PUT\", \"HEAD\","
    " \"DELETE\", \"OPTIONS\", \"MKCOL\", \"COPY\", \"MOVE\", \"PROPFIND\", \"LOCK\","
    " \"UNLOCK\", \"PATCH\", \"TRACE\"], \"description\": \"The new method.\"},"
    "\"host\": {\"type\": \"string\", \"pattern\": \"^[0-9a-zA-Z-.]+(:\\\\d{1,5})?$\","
    " \"description\": \"The new `Host`, with a port if need be.\"},"
    "\"headers\": {\"type\": \"object\", \"minProperties\": 1,"
    " \"description\": \"Headers to set by name; or `add`, `set` (objects) and `remove` (array of"
    " names), in this order. Values are strings or numbers; variables are filled in, and `$1` to"
    " `$15` are the groups of the pattern that matched.\"},"
    "\"use_real_request_uri_unsafe\": {\"type\": \"boolean\","
    " \"description\": \"The target goes upstream as the client sent it, byte by byte; `uri` and"
    " `regex_uri` have no effect.\"}}}";

/* A new target: what stands before a "?" of its text and what stands behind it. */
typedef struct target {
    hg_template *path;
    hg_template *arguments; /* NULL: it has no "?" */
} target;

typedef struct regex_rule {
    hg_regex *regex;
    target replacement;
} regex_rule;

typedef struct header_rule {
    hg_text name;
    hg_template *value; /* NULL: to be removed */
    bool adds;          /* else sets */
} header_rule;

typedef struct proxy_rewrite {
    bool restores; /* the target goes on as it came, whatever else is configured for it */
    target uri;    /* path NULL: none */
    size_t rule_count;
    regex_rule *rules;
    hg_text method; /* absent: as it is, as the next */
    hg_text host;
    size_t header_count;
    header_rule *headers; /* in the order in which they are applied */
    json_t *source;       /* owns the texts */
} proxy_rewrite;

/* ----------------------------------------------------------------------------- configuration */

static void target_done(target *done)
{
    hg_template_free(done->path);
    hg_template_free(done->arguments);
}

static void release(void *state)
{
    proxy_rewrite *own = state;

    if (own == NULL) {
        return;
    }
    target_done(&own->uri);
    for (size_t i = 0; own->rules != NULL && i < own->rule_count; i++) {
        hg_regex_free(own->rules[i].regex);
        target_done(&own->rules[i].replacement);
    }
    for (size_t i = 0; own->headers != NULL && i < own->header_count; i++) {
        hg_template_free(own->headers[i].value);
    }
    free(own->rules);
    free(own->headers);
    json_decref(own->source);
    free(own);
}

static hg_text text_of(const json_t *value)
{
    return (hg_text){json_string_value(value), json_string_length(value)};
}

/* The first "?" that is not part of a variable's fallback; NULL: there is none. */
static const char *question_find(hg_text text)
{
    bool in_braces = false;

    for (size_t i = 0; i < text.length; i++) {
        if (text.data[i] == '$' && i + 1 < text.length && text.data[i + 1] == '{') {
            in_braces = true;
        } else if (text.data[i] == '}') {
            in_braces = false;
        } else if (text.data[i] == '?' && !in_braces) {
            return text.data + i;
        }
    }
    return NULL;
}

/* Cut at its "?" before variables are filled in: one in a value belongs to the path. */
static hg_status target_parse(target *out, hg_text text, const char *pointer, hg_issues *issues)
{
    const char *question = question_find(text);
    hg_text path = text;
    hg_error err = HG_ERROR_INIT;
    hg_status status;

    if (question != NULL) {
        path.length = (size_t)(question - text.data);
    }
    status = hg_template_compile(path, &out->path, &err);
    if (status == HG_OK && question != NULL) {
        hg_text arguments = {question + 1, text.length - path.length - 1};

        status = hg_template_compile(arguments, &out->arguments, &err);
    }
    if (status == HG_ERR_INVALID) {
        hg_issues_add(issues, pointer, err.text, "text with variables such as $request_method");
    }
    return status == HG_ERR_INVALID ? HG_OK : status; /* the finding refuses it */
}

static hg_status rule_parse(regex_rule *rule,
                            const json_t *pattern,
                            const json_t *replacement,
                            size_t place,
                            hg_issues *issues)
{
    char pointer[NUMBER_SIZE + 16];
    hg_error err = HG_ERROR_INIT;
    hg_status status = hg_regex_compile(text_of(pattern), false, &rule->regex, &err);

    (void)snprintf(pointer, sizeof(pointer), "/regex_uri/%zu", place);
    if (status == HG_ERR_INVALID) {
        hg_issues_add(issues, pointer, err.text, "a regular expression");
        return HG_OK;
    }
    (void)snprintf(pointer, sizeof(pointer), "/regex_uri/%zu", place + 1);
    return status == HG_OK ? target_parse(&rule->replacement, text_of(replacement), pointer, issues)
                           : status;
}

static hg_status rules_parse(proxy_rewrite *own, const json_t *list, hg_issues *issues)
{
    size_t count = json_array_size(list);
    hg_status status = HG_OK;

    if (count % 2 != 0) {
        hg_issues_add(issues, "/regex_uri", "an odd number of entries",
                      "pairs of a pattern and its replacement");
        return HG_OK;
    }
    if (count == 0) {
        return HG_OK;
    }
    own->rules = calloc(count / 2, sizeof(*own->rules));
    if (own->rules == NULL) {
        return HG_ERR_NO_MEMORY;
    }
    own->rule_count = count / 2;
    for (size_t i = 0; i < own->rule_count && status == HG_OK; i++) {
        status = rule_parse(&own->rules[i], json_array_get(list, i * 2),
                            json_array_get(list, i * 2 + 1), i * 2, issues);
    }
    return status;
}

/* A field name is a token: RFC 9110 section 5.6.2. */
static bool name_is_valid(const char *name)
{
    static const char token[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "!#$%&'*+-.^_`|~";

    return name[0] != '\0' && name[strspn(name, token)] == '\0';
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

static hg_status header_parse(header_rule *rule,
                              const char *pointer,
                              const char *name,
                              const json_t *value,
                              hg_issues *issues)
{
    char number[NUMBER_SIZE];
    hg_text text = value_text(value, number);
    hg_error err = HG_ERROR_INIT;
    hg_status status;

    rule->name = hg_text_of(name);
    if (!name_is_valid(name)) {
        hg_issues_add(issues, pointer, name, "names of header fields");
        return HG_OK;
    }
    if (text.data == NULL) {
        hg_issues_add(issues, pointer, "a value of another type", "strings and numbers");
        return HG_OK;
    }
    status = hg_template_compile(text, &rule->value, &err);
    if (status == HG_ERR_INVALID) {
        hg_issues_add(issues, pointer, err.text, "text with variables such as $remote_addr");
    }
    return status == HG_ERR_INVALID ? HG_OK : status;
}

/* An object of names and values. */
static hg_status
headers_parse(proxy_rewrite *own, json_t *object, const char *pointer, bool adds, hg_issues *issues)
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
        header_rule *rule = &own->headers[own->header_count];

        if (status == HG_OK) {
            rule->adds = adds;
            own->header_count++;
            status = header_parse(rule, pointer, name, value, issues);
        }
    }
    return status;
}

static void removals_parse(proxy_rewrite *own, const json_t *list, hg_issues *issues)
{
    size_t index;
    json_t *name;

    if (list == NULL) {
        return;
    }
    if (json_array_size(list) == 0) {
        hg_issues_add(issues, "/headers/remove", "something else", "an array that is not empty");
        return;
    }
    json_array_foreach(list, index, name)
    {
        if (!json_is_string(name) || !name_is_valid(json_string_value(name))) {
            hg_issues_add(issues, "/headers/remove", "something else", "names of header fields");
        } else {
            own->headers[own->header_count++].name = text_of(name);
        }
    }
}

/* True if the object says what to do with headers; else its members are headers to set. */
static bool has_operations(const json_t *headers)
{
    return json_is_object(json_object_get(headers, "add")) ||
           json_is_object(json_object_get(headers, "set")) ||
           json_is_array(json_object_get(headers, "remove"));
}

static hg_status all_headers_parse(proxy_rewrite *own, json_t *headers, hg_issues *issues)
{
    json_t *add = json_object_get(headers, "add");
    json_t *set = json_object_get(headers, "set");
    json_t *removals = json_object_get(headers, "remove");
    const char *name;
    json_t *value;
    hg_status status;

    if (headers == NULL) {
        return HG_OK;
    }
    own->headers = calloc(json_object_size(headers) + json_object_size(add) +
                              json_object_size(set) + json_array_size(removals),
                          sizeof(*own->headers));
    if (own->headers == NULL) {
        return HG_ERR_NO_MEMORY;
    }
    if (!has_operations(headers)) {
        return headers_parse(own, headers, "/headers", false, issues);
    }
    json_object_foreach(headers, name, value)
    {
        if (value != add && value != set && value != removals) {
            hg_issues_add(issues, "/headers", name, "add, set and remove alone");
        }
    }
    status = headers_parse(own, add, "/headers/add", true, issues);
    if (status == HG_OK) {
        status = headers_parse(own, set, "/headers/set", false, issues);
    }
    removals_parse(own, removals, issues);
    return status;
}

static hg_status
parse(const json_t *config, const hg_config_source *source, void **out_state, hg_issues *issues)
{
    proxy_rewrite *own = calloc(1, sizeof(*own));
    hg_status status = HG_OK;

    (void)source;
    if (own == NULL || (own->source = json_deep_copy(config)) == NULL) {
        release(own);
        return HG_ERR_NO_MEMORY;
    }
    own->restores = json_is_true(json_object_get(config, "use_real_request_uri_unsafe"));
    own->method = text_of(json_object_get(own->source, "method"));
    own->host = text_of(json_object_get(own->source, "host"));
    if (json_object_get(own->source, "uri") != NULL) {
        status =
            target_parse(&own->uri, text_of(json_object_get(own->source, "uri")), "/uri", issues);
    }
    if (status == HG_OK) {
        status = rules_parse(own, json_object_get(own->source, "regex_uri"), issues);
    }
    if (status == HG_OK) {
        status = all_headers_parse(own, json_object_get(own->source, "headers"), issues);
    }
    if (status == HG_OK) {
        *out_state = own;
        own = NULL; /* now the host's */
    }
    release(own);
    return status;
}

/* ---------------------------------------------------------------------------------- requests */

/* What the pattern of the rule that matched has captured. */
typedef struct captured {
    hg_text texts[HG_REGEX_CAPTURES_MAX];
    uint32_t count;
} captured;

static char *append(char *at, hg_text text)
{
    if (text.length > 0) {
        memcpy(at, text.data, text.length);
    }
    return at + text.length;
}

/* Texts in a row, in the request's memory; absent: no memory. */
static hg_text joined(hg_request *request, hg_text first, hg_text second, hg_text third)
{
    char *text = hg_request_allocate(request, first.length + second.length + third.length + 1);
    hg_text none = {NULL, 0};
    char *end;

    if (text == NULL) {
        return none;
    }
    end = append(append(append(text, first), second), third);
    *end = '\0';
    return (hg_text){text, (size_t)(end - text)};
}

/* Encodes what would end the request line early; the rest is the operator's to write right. */
static hg_text arguments_encode(hg_request *request, hg_text text)
{
    static const char digits[] = "0123456789ABCDEF";
    char *encoded = hg_request_allocate(request, text.length * 3 + 1);
    hg_text none = {NULL, 0};
    size_t length = 0;

    if (encoded == NULL) {
        return none;
    }
    for (size_t i = 0; i < text.length; i++) {
        unsigned char c = (unsigned char)text.data[i];

        if (c <= ' ' || c >= 0x7f || c == '#') {
            encoded[length++] = '%';
            encoded[length++] = digits[c >> 4];
            encoded[length++] = digits[c & 15];
        } else {
            encoded[length++] = (char)c;
        }
    }
    return (hg_text){encoded, length};
}

/* Sends the request to another target, the client's arguments behind those of the new one. */
static hg_status target_set(
    hg_request *request, hg_text before, const target *to, hg_text after, const captured *captures)
{
    hg_text path = hg_template_render_match(request, to->path, captures->texts, captures->count);
    hg_text none = {NULL, 0};
    hg_text own = hg_request_arguments(request);
    hg_text arguments;
    hg_status status;

    if (to->arguments == NULL) {
        path = joined(request, before, path, after);
        return path.data == NULL ? HG_ERR_NO_MEMORY : hg_request_set_uri(request, path);
    }
    path = joined(request, before, path, none);
    status = path.data == NULL ? HG_ERR_NO_MEMORY : hg_request_set_uri(request, path);
    if (status != HG_OK) {
        return status;
    }
    arguments = hg_template_render_match(request, to->arguments, captures->texts, captures->count);
    arguments = arguments_encode(request, joined(request, arguments, after, none));
    arguments = joined(request, arguments, own.length > 0 ? HG_TEXT("&") : none, own);
    return arguments.data == NULL ? HG_ERR_NO_MEMORY : hg_request_set_arguments(request, arguments);
}

/* The first rule whose pattern is found; HG_OK also if there is none. */
static hg_status rules_apply(hg_request *request, const proxy_rewrite *own, captured *out_captures)
{
    hg_text uri = hg_request_uri(request);

    for (size_t i = 0; i < own->rule_count; i++) {
        int32_t count =
            hg_regex_match(own->rules[i].regex, uri, out_captures->texts, HG_REGEX_CAPTURES_MAX);

        if (count > 0) {
            hg_text match = out_captures->texts[0];
            hg_text before = {uri.data, (size_t)(match.data - uri.data)};
            hg_text after = {match.data + match.length, uri.length - before.length - match.length};

            out_captures->count = (uint32_t)count;
            return target_set(request, before, &own->rules[i].replacement, after, out_captures);
        }
    }
    return HG_OK;
}

static void headers_apply(hg_request *request, const proxy_rewrite *own, const captured *captures)
{
    for (size_t i = 0; i < own->header_count; i++) {
        const header_rule *rule = &own->headers[i];
        hg_status status;

        if (rule->value == NULL) {
            status = hg_request_remove_header(request, rule->name);
        } else {
            hg_text value =
                hg_template_render_match(request, rule->value, captures->texts, captures->count);

            status = rule->adds ? hg_request_add_header(request, rule->name, value)
                                : hg_request_set_header(request, rule->name, value);
        }
        if (status != HG_OK) {
            hg_log(request, HG_LOG_ERROR, "header %s cannot be changed: its value is not allowed",
                   rule->name.data);
        }
    }
}

static hg_verdict on_rewrite(hg_request *request, const void *config)
{
    const proxy_rewrite *own = config;
    captured captures = {.count = 0};
    hg_text none = {NULL, 0};
    hg_status status;

    if (own->restores) {
        status = hg_request_restore_uri(request);
    } else if (own->uri.path != NULL) {
        status = target_set(request, none, &own->uri, none, &captures);
    } else {
        status = rules_apply(request, own, &captures);
    }
    if (status == HG_OK && own->host.data != NULL) {
        status = hg_request_set_upstream_host(request, own->host);
    }
    if (status == HG_OK && own->method.data != NULL) {
        status = hg_request_set_method(request, own->method);
    }
    if (status != HG_OK) {
        hg_log(request, HG_LOG_ERROR, "the new target is not one that can be sent");
        return hg_exit_message(request, 500, HG_TEXT("failed to rewrite the request"));
    }
    headers_apply(request, own, &captures);
    return HG_NEXT;
}

HG_PLUGIN("proxy-rewrite",
          "1.1.0",
          .summary = "Changes what the upstream sees of a request: path, method, host, headers.",
          .priority = 1008,
          .config = HG_CONFIG_RAW(schema, parse, release),
          .rewrite = on_rewrite);
