/* request-validation.c - refuses requests whose headers or body break a JSON Schema. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hotgate/plugin.h>

#define FORM_TYPE "application/x-www-form-urlencoded"

static const char schema[] =
    "{\"type\": \"object\", \"properties\": {"
    "\"header_schema\": {\"title\": \"JSON Schema\", \"type\": \"object\","
    " \"description\": \"What the headers have to keep to.\"},"
    "\"body_schema\": {\"title\": \"JSON Schema\", \"type\": \"object\","
    " \"description\": \"What the body has to keep to.\"},"
    "\"rejected_code\": {\"type\": \"integer\", \"minimum\": 200, \"maximum\": 599,"
    " \"default\": 400, \"description\": \"The status of a refusal.\"},"
    "\"rejected_msg\": {\"type\": \"string\", \"minLength\": 1, \"maxLength\": 256,"
    " \"description\": \"The body of a refusal. Left out: what the schema found.\"},"
    "\"max_req_body_size\": {\"type\": \"integer\", \"minimum\": 1,"
    " \"maximum\": 9223372036854775807, \"default\": 67108864,"
    " \"description\": \"Bytes of a body; a longer one is refused.\"}},"
    "\"anyOf\": [{\"required\": [\"header_schema\"]}, {\"required\": [\"body_schema\"]}]}";

typedef struct request_validation {
    hg_schema *headers; /* NULL: any */
    hg_schema *body;
    uint32_t rejected_code;
    hg_text rejected_msg; /* absent: what the schema says */
    size_t body_max;
    json_t *source; /* owns the text */
} request_validation;

/* ----------------------------------------------------------------------------- configuration */

static void release(void *state)
{
    request_validation *own = state;

    if (own == NULL) {
        return;
    }
    hg_schema_free(own->headers);
    hg_schema_free(own->body);
    json_decref(own->source);
    free(own);
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

/* A copy in lower case, owned by the caller; NULL: no memory. */
static char *lower_copy(const char *name)
{
    size_t length = strlen(name);
    char *copy = malloc(length + 1);

    for (size_t i = 0; copy != NULL && i <= length; i++) {
        copy[i] = lower(name[i]);
    }
    return copy;
}

static hg_status names_lower(json_t *schema_part);

/* Adds a member under its name in lower case; HG_ERR_INVALID: there is one. */
static hg_status member_rename(json_t *into, const char *name, json_t *member)
{
    char *own_name = lower_copy(name);
    hg_status status = own_name == NULL ? HG_ERR_NO_MEMORY : HG_OK;

    if (status == HG_OK && json_object_get(into, own_name) != NULL) {
        status = HG_ERR_INVALID;
    } else if (status == HG_OK && json_object_set(into, own_name, member) != 0) {
        status = HG_ERR_NO_MEMORY;
    }
    free(own_name);
    return status;
}

/* The members of `object` are schemas, and their names those of headers. */
static hg_status members_rename(json_t *parent, const char *key, json_t *object)
{
    json_t *copy = json_object();
    const char *name;
    json_t *member;
    hg_status status = copy == NULL ? HG_ERR_NO_MEMORY : HG_OK;

    json_object_foreach(object, name, member)
    {
        status = status == HG_OK ? names_lower(member) : status;
        status = status == HG_OK ? member_rename(copy, name, member) : status;
    }
    if (status == HG_OK && json_object_set(parent, key, copy) != 0) {
        status = HG_ERR_NO_MEMORY;
    }
    json_decref(copy);
    return status;
}

/* The members of `object` are schemas under names of their own. */
static hg_status members_lower(json_t *object)
{
    const char *name;
    json_t *member;
    hg_status status = HG_OK;

    json_object_foreach(object, name, member)
    {
        status = status == HG_OK ? names_lower(member) : status;
    }
    return status;
}

/* Names of headers, or schemas. */
static hg_status list_lower(json_t *list)
{
    size_t index;
    json_t *item;
    hg_status status = HG_OK;

    json_array_foreach(list, index, item)
    {
        char *name = json_is_string(item) ? lower_copy(json_string_value(item)) : NULL;

        if (status == HG_OK && !json_is_string(item)) {
            status = names_lower(item);
        } else if (status == HG_OK &&
                   (name == NULL || json_array_set_new(list, index, json_string(name)) != 0)) {
            status = HG_ERR_NO_MEMORY;
        }
        free(name);
    }
    return status;
}

/* Names of headers have no case: all in a schema become lower case, as those of a request do. What
 * is below one header is none any more: texts, or a list of them. HG_ERR_INVALID: a header is
 * there twice. */
static hg_status names_lower(json_t *schema_part)
{
    static const char *const renamed[] = {"properties", "dependencies"};
    static const char *const kept[] = {"patternProperties", "definitions"};
    static const char *const lists[] = {"required", "allOf", "anyOf", "oneOf"};
    static const char *const single[] = {"not", "if", "then", "else", "additionalProperties"};
    hg_status status = HG_OK;

    if (json_is_array(schema_part)) {
        return list_lower(schema_part); /* of a dependency */
    }
    if (!json_is_object(schema_part)) {
        return HG_OK; /* true, false, or not there */
    }
    for (size_t i = 0; status == HG_OK && i < sizeof(renamed) / sizeof(renamed[0]); i++) {
        json_t *part = json_object_get(schema_part, renamed[i]);

        status = json_is_object(part) ? members_rename(schema_part, renamed[i], part) : HG_OK;
    }
    for (size_t i = 0; status == HG_OK && i < sizeof(kept) / sizeof(kept[0]); i++) {
        status = members_lower(json_object_get(schema_part, kept[i]));
    }
    for (size_t i = 0; status == HG_OK && i < sizeof(lists) / sizeof(lists[0]); i++) {
        status = list_lower(json_object_get(schema_part, lists[i]));
    }
    for (size_t i = 0; status == HG_OK && i < sizeof(single) / sizeof(single[0]); i++) {
        status = names_lower(json_object_get(schema_part, single[i]));
    }
    return status;
}

static hg_status
schema_parse(const json_t *source, const char *pointer, hg_schema **out_schema, hg_issues *issues)
{
    hg_error err = HG_ERROR_INIT;
    hg_status status;

    if (source == NULL) {
        return HG_OK;
    }
    status = hg_schema_compile(source, out_schema, &err);
    if (status != HG_OK && status != HG_ERR_NO_MEMORY) {
        hg_issues_add(issues, pointer, err.text, "a JSON Schema");
        return HG_ERR_INVALID;
    }
    return status;
}

/* The schema as it was written first: its findings have the places that the operator knows. */
static hg_status header_schema_parse(request_validation *own, hg_issues *issues)
{
    static const char pointer[] = "/header_schema";
    json_t *headers = json_object_get(own->source, "header_schema");
    hg_status status = schema_parse(headers, pointer, &own->headers, issues);

    if (status != HG_OK || headers == NULL) {
        return status;
    }
    hg_schema_free(own->headers);
    own->headers = NULL;
    status = names_lower(headers);
    if (status == HG_ERR_INVALID) {
        hg_issues_add(issues, pointer, "a header twice, in names that differ in their case alone",
                      "each header once");
    }
    return status == HG_OK ? schema_parse(headers, pointer, &own->headers, issues) : status;
}

static hg_status
parse(const json_t *config, const hg_config_source *source, void **out_state, hg_issues *issues)
{
    request_validation *own = calloc(1, sizeof(*own));
    const json_t *message;
    hg_status status;

    (void)source;
    if (own == NULL || (own->source = json_deep_copy(config)) == NULL) {
        release(own);
        return HG_ERR_NO_MEMORY;
    }
    message = json_object_get(own->source, "rejected_msg");
    own->rejected_msg = (hg_text){json_string_value(message), json_string_length(message)};
    own->rejected_code = (uint32_t)json_integer_value(json_object_get(config, "rejected_code"));
    own->body_max = (size_t)json_integer_value(json_object_get(config, "max_req_body_size"));
    status = header_schema_parse(own, issues);
    if (status == HG_OK) {
        status = schema_parse(json_object_get(own->source, "body_schema"), "/body_schema",
                              &own->body, issues);
    }
    if (status == HG_OK) {
        *out_state = own;
        own = NULL; /* now the host's */
    }
    release(own);
    return status;
}

/* ---------------------------------------------------------------------------------- requests */

static hg_verdict reject(hg_request *request, const request_validation *own, const char *why)
{
    hg_text none = {NULL, 0};

    return hg_exit_with(request, own->rejected_code, none,
                        hg_text_is_present(own->rejected_msg) ? own->rejected_msg
                                                              : hg_text_of(why));
}

/* Text as JSON; what is no UTF-8 is refused by a value of another type. */
static json_t *json_of(hg_text text)
{
    json_t *value = json_stringn(text.data, text.length);

    return value == NULL ? json_null() : value;
}

/* Adds a member; several values of one name become an array. */
static void member_add(json_t *object, const char *name, json_t *value)
{
    json_t *there = json_object_get(object, name);

    if (there == NULL) {
        (void)json_object_set_new(object, name, value); /* without memory it is missing */
        return;
    }
    if (!json_is_array(there)) {
        json_t *array = json_pack("[O]", there);

        (void)json_object_set_new(object, name, array);
        there = array;
    }
    (void)json_array_append_new(there, value);
}

static json_t *headers_read(hg_request *request)
{
    json_t *object = json_object();
    hg_header header;

    for (size_t i = 0; object != NULL && hg_request_header_at(request, i, &header); i++) {
        char *name = hg_request_allocate(request, header.name.length + 1);

        for (size_t k = 0; name != NULL && k < header.name.length; k++) {
            name[k] = lower(header.name.data[k]);
        }
        if (name != NULL) {
            name[header.name.length] = '\0';
            member_add(object, name, json_of(header.value));
        }
    }
    return object;
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c = lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Percent-decoding of a form, where "+" is a blank (WHATWG URL, section 5.1). */
static hg_text form_decode(hg_request *request, const char *from, const char *end)
{
    char *decoded = hg_request_allocate(request, (size_t)(end - from) + 1);
    hg_text none = {NULL, 0};
    size_t length = 0;

    if (decoded == NULL) {
        return none;
    }
    for (; from < end; from++) {
        char c = *from == '+' ? ' ' : *from;

        if (c == '%' && end - from > 2 && hex_value(from[1]) >= 0 && hex_value(from[2]) >= 0) {
            c = (char)(hex_value(from[1]) * 16 + hex_value(from[2]));
            from += 2;
        }
        decoded[length++] = c;
    }
    decoded[length] = '\0';
    return (hg_text){decoded, length};
}

/* Adds a field of a form; false: its name is none that could be judged. */
static bool field_add(json_t *object, hg_text name, json_t *value)
{
    json_t *text = json_stringn(name.data, name.length); /* NULL: no UTF-8 */
    bool judged = text != NULL && strlen(name.data) == name.length;

    if (judged && name.length > 0) {
        member_add(object, name.data, value);
    } else {
        json_decref(value);
    }
    json_decref(text);
    return judged;
}

/* The fields of a form by name; one without "=" is true. NULL, and *out_why: it cannot be judged.
 */
static json_t *form_read(hg_request *request, hg_text body, const char **out_why)
{
    const char *at = body.data;
    const char *end = at + body.length;
    json_t *object = json_object();

    *out_why = "no memory";
    while (object != NULL && at < end) {
        const char *stop = memchr(at, '&', (size_t)(end - at));
        const char *equals;

        stop = stop == NULL ? end : stop;
        equals = memchr(at, '=', (size_t)(stop - at));
        if (!field_add(object, form_decode(request, at, equals == NULL ? stop : equals),
                       equals == NULL ? json_true()
                                      : json_of(form_decode(request, equals + 1, stop)))) {
            *out_why = "the name of a field is no UTF-8, or holds a NUL";
            json_decref(object);
            return NULL;
        }
        at = stop + 1;
    }
    return object;
}

/* The upstream gets the very value that was judged: a body is written anew if defaults were filled
 * in, or if it names a member twice, where the upstream might take the other one. */
static bool body_replace(hg_request *request, hg_text body, const json_t *judged)
{
    json_t *sent =
        json_loadb(body.data, body.length, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, NULL);
    bool done = true;

    if (sent == NULL || !json_equal(sent, judged)) {
        char *text = json_dumps(judged, JSON_COMPACT | JSON_ENCODE_ANY);

        done = text != NULL && hg_request_set_body(request, text, strlen(text)) == HG_OK;
        free(text);
    }
    json_decref(sent);
    return done;
}

static hg_verdict
body_judge(hg_request *request, const request_validation *own, hg_text body, bool is_form)
{
    json_error_t where;
    const char *why = where.text;
    hg_error err = HG_ERROR_INIT;
    json_t *value = is_form ? form_read(request, body, &why)
                            : json_loadb(body.data, body.length, JSON_DECODE_ANY, &where);
    hg_verdict verdict = HG_NEXT;

    if (value == NULL) {
        hg_log(request, HG_LOG_INFO, "failed to decode the req body: %s", why);
        return reject(request, own, why);
    }
    if (!hg_schema_validate(own->body, value, &err)) {
        hg_log(request, HG_LOG_INFO, "req schema validation failed: %s", err.text);
        verdict = reject(request, own, err.text);
    } else if (!is_form && (hg_schema_fill_defaults(own->body, value) != HG_OK ||
                            !body_replace(request, body, value))) {
        hg_log(request, HG_LOG_ERROR, "no memory for the body");
        verdict = hg_exit(request, 500);
    }
    json_decref(value);
    return verdict;
}

/* How many there are; one that upstream and gateway read differently would be judged in vain. */
static size_t content_types(hg_request *request, hg_text *out_last)
{
    hg_header header;
    size_t count = 0;

    for (size_t i = 0; hg_request_header_at(request, i, &header); i++) {
        if (hg_text_equal_ignoring_case(header.name, HG_TEXT("Content-Type"))) {
            *out_last = header.value;
            count++;
        }
    }
    return count;
}

static bool is_form_type(hg_text type)
{
    hg_text form = HG_TEXT(FORM_TYPE);

    return type.length >= form.length && strncasecmp(type.data, form.data, form.length) == 0 &&
           (type.length == form.length || strchr("; \t", type.data[form.length]) != NULL);
}

static hg_verdict on_rewrite(hg_request *request, const void *config)
{
    const request_validation *own = config;
    hg_text body = {NULL, 0};
    hg_text type = {"", 0};
    hg_status status;

    if (own->headers != NULL) {
        json_t *headers = headers_read(request);
        hg_error err = HG_ERROR_INIT;
        bool valid = headers != NULL && hg_schema_validate(own->headers, headers, &err);

        json_decref(headers);
        if (!valid) {
            hg_log(request, HG_LOG_INFO, "req header validation failed: %s", err.text);
            return reject(request, own, err.text);
        }
    }
    if (own->body == NULL) {
        return HG_NEXT;
    }
    if (content_types(request, &type) > 1) {
        return reject(request, own, "duplicate Content-Type header");
    }
    status = hg_request_body(request, own->body_max, &body);
    if (status == HG_CANCELED) {
        return HG_NEXT;
    }
    if (status == HG_ERR_TOO_LARGE) {
        return reject(request, own, "the request body is greater than the maximum size allowed");
    }
    if (status != HG_OK || body.length == 0) {
        return reject(request, own,
                      status == HG_OK ? "the request has no body" : "failed to get body");
    }
    return body_judge(request, own, body, is_form_type(type));
}

HG_PLUGIN("request-validation",
          "1.0.0",
          .summary = "Refuses requests whose headers or body break a JSON Schema.",
          .priority = 2800,
          .flags = HG_WAITS,
          .config = HG_CONFIG_RAW(schema, parse, release),
          .rewrite = on_rewrite);
