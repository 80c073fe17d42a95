/* mocking.c - answers in the place of an upstream that is not there yet. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hotgate/plugin.h>

#define POINTER_SIZE 256 /* bytes of a JSON Pointer; a longer one is cut */
#define NUMBER_SIZE  32  /* bytes for any number as text */
#define MADE_BY      "APISIX/3.18.0"
#define LENGTH_MAX   10   /* characters of a text that is made up, unless its schema wants more */
#define ITEMS_MAX    3    /* items of an array that is made up */
#define NUMBER_MAX   1000 /* of a number that is made up */
#define EXACT_MAX    9e15 /* whole numbers up to here are the same as doubles */
#define GROWN_MAX    16777216u /* bytes of a body that is made up */
#define NESTING_MAX  64u       /* levels of it */
#define VALUES_MAX   10000u    /* values in it */
#define REQUIRED_MAX 1000u     /* least items or characters that are made up */

static const char schema[] =
    "{\"type\": \"object\", \"properties\": {"
    "\"delay\": {\"type\": \"integer\", \"minimum\": 0, \"maximum\": 86400, \"default\": 0,"
    " \"description\": \"Seconds that the answer takes.\"},"
    "\"response_status\": {\"type\": \"integer\", \"minimum\": 200, \"maximum\": 599,"
    " \"default\": 200, \"description\": \"The status of the answer.\"},"
    "\"content_type\": {\"type\": \"string\", \"default\": \"application/json;charset=utf8\","
    " \"description\": \"The type of the answer: `application/json`, `application/xml`, `text/xml`,"
    " `text/plain` or `text/html`.\"},"
    "\"response_example\": {\"title\": \"text with $variables\", \"type\": \"string\","
    " \"description\": \"The body of the answer.\"},"
    "\"response_schema\": {\"title\": \"JSON Schema\", \"type\": \"object\","
    " \"description\": \"What the body of the answer is made up from.\"},"
    "\"with_mock_header\": {\"type\": \"boolean\", \"default\": true,"
    " \"description\": \"With the header `x-mock-by: APISIX/3.18.0`.\"},"
    "\"response_headers\": {\"type\": \"object\", \"minProperties\": 1,"
    " \"description\": \"Further headers of the answer.\","
    " \"additionalProperties\": {\"type\": [\"string\", \"number\"],"
    " \"description\": \"The value of that header; variables are filled in.\"}}},"
    "\"anyOf\": [{\"required\": [\"response_example\"]}, {\"required\": [\"response_schema\"]}]}";

typedef struct mock_header {
    hg_text name;
    hg_template *value;
} mock_header;

typedef struct mocking {
    uint64_t delay_ms;
    uint32_t status;
    hg_text content_type;
    hg_template *example; /* NULL: made up */
    const json_t *model;  /* the schema */
    bool is_xml;
    bool with_mock_header;
    size_t header_count;
    mock_header *headers;
    json_t *source; /* owns texts and schema */
} mocking;

/* ----------------------------------------------------------------------------- configuration */

static void release(void *state)
{
    mocking *own = state;

    if (own == NULL) {
        return;
    }
    hg_template_free(own->example);
    for (size_t i = 0; own->headers != NULL && i < own->header_count; i++) {
        hg_template_free(own->headers[i].value);
    }
    free(own->headers);
    json_decref(own->source);
    free(own);
}

static hg_text text_of(const json_t *value)
{
    return (hg_text){json_string_value(value), json_string_length(value)};
}

static bool type_is(hg_text type, const char *name)
{
    size_t length = strlen(name);

    return type.length >= length && strncasecmp(type.data, name, length) == 0 &&
           (type.length == length || strchr("; \t", type.data[length]) != NULL);
}

static void type_parse(mocking *own, hg_issues *issues)
{
    static const char *const types[] = {"application/xml", "application/json", "text/plain",
                                        "text/html", "text/xml"};
    bool known = false;

    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        known = known || type_is(own->content_type, types[i]);
    }
    own->is_xml =
        type_is(own->content_type, "application/xml") || type_is(own->content_type, "text/xml");
    if (!known) {
        hg_issues_add(issues, "/content_type", "unsupported content type!",
                      "application/xml, application/json, text/plain, text/html or text/xml");
    } else if (own->example == NULL && type_is(own->content_type, "text/html")) {
        hg_issues_add(issues, "/content_type", "text/html, which a schema cannot describe",
                      "JSON, XML or plain text");
    }
    for (size_t i = 0; i < own->content_type.length; i++) {
        if ((unsigned char)own->content_type.data[i] < ' ' || own->content_type.data[i] == 0x7f) {
            hg_issues_add(issues, "/content_type", "a control character", "a media type");
            return;
        }
    }
}

static hg_status
template_parse(hg_text text, const char *pointer, hg_template **out_template, hg_issues *issues)
{
    hg_error err = HG_ERROR_INIT;
    hg_status status = hg_template_compile(text, out_template, &err);

    if (status == HG_ERR_INVALID) {
        hg_issues_add(issues, pointer, err.text, "text with variables such as $remote_addr");
    }
    return status;
}

/* The text of a string or a number; `buffer` holds a number. */
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

/* A field name is a token: RFC 9110 section 5.6.2. */
static bool name_is_valid(const char *name)
{
    static const char token[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "!#$%&'*+-.^_`|~";

    return name[0] != '\0' && name[strspn(name, token)] == '\0';
}

/* "/response_headers/NAME", where a "~" and a "/" of the name are written "~0" and "~1" (RFC 6901
 * section 3). */
static void pointer_set(char *pointer, const char *name)
{
    size_t length = (size_t)snprintf(pointer, POINTER_SIZE, "/response_headers/");

    for (; *name != '\0' && length + 3 < POINTER_SIZE; name++) {
        bool escapes = *name == '~' || *name == '/';

        pointer[length++] = escapes ? '~' : *name;
        if (escapes) {
            pointer[length++] = *name == '~' ? '0' : '1';
        }
    }
    pointer[length] = '\0';
}

static hg_status headers_parse(mocking *own, json_t *object, hg_issues *issues)
{
    const char *name;
    json_t *value;
    hg_status status = HG_OK;

    if (object == NULL) {
        return HG_OK;
    }
    own->headers = calloc(json_object_size(object), sizeof(*own->headers));
    if (own->headers == NULL) {
        return HG_ERR_NO_MEMORY;
    }
    json_object_foreach(object, name, value)
    {
        mock_header *header = &own->headers[own->header_count];
        char number[NUMBER_SIZE];
        char pointer[POINTER_SIZE];

        if (status == HG_ERR_NO_MEMORY) {
            break;
        }
        own->header_count++;
        header->name = hg_text_of(name);
        pointer_set(pointer, name);
        if (!name_is_valid(name)) {
            hg_issues_add(issues, pointer, "what is no name of a header field", "a token");
        }
        status = template_parse(value_text(value, number), pointer, &header->value, issues);
    }
    return status == HG_ERR_INVALID ? HG_OK : status; /* the finding refuses it */
}

/* What is made up is to be described by a schema that holds together. */
static hg_status model_parse(mocking *own, hg_issues *issues)
{
    hg_schema *compiled = NULL;
    hg_error err = HG_ERROR_INIT;
    hg_status status;

    own->model = json_object_get(own->source, "response_schema");
    if (own->model == NULL) {
        return HG_OK;
    }
    status = hg_schema_compile(own->model, &compiled, &err);
    hg_schema_free(compiled);
    if (status != HG_OK && status != HG_ERR_NO_MEMORY) {
        hg_issues_add(issues, "/response_schema", err.text, "a JSON Schema");
        return HG_ERR_INVALID;
    }
    return status;
}

static hg_status
parse(const json_t *config, const hg_config_source *source, void **out_state, hg_issues *issues)
{
    mocking *own = calloc(1, sizeof(*own));
    const json_t *example;
    hg_status status;

    (void)source;
    if (own == NULL || (own->source = json_deep_copy(config)) == NULL) {
        release(own);
        return HG_ERR_NO_MEMORY;
    }
    example = json_object_get(own->source, "response_example");
    own->delay_ms = (uint64_t)json_integer_value(json_object_get(config, "delay")) * 1000;
    own->status = (uint32_t)json_integer_value(json_object_get(config, "response_status"));
    own->content_type = text_of(json_object_get(own->source, "content_type"));
    own->with_mock_header = json_is_true(json_object_get(config, "with_mock_header"));
    status = example == NULL
                 ? HG_OK
                 : template_parse(text_of(example), "/response_example", &own->example, issues);
    if (status == HG_OK) {
        type_parse(own, issues);
        status = model_parse(own, issues);
    }
    if (status == HG_OK) {
        status = headers_parse(own, json_object_get(own->source, "response_headers"), issues);
    }
    if (status == HG_OK) {
        *out_state = own;
        own = NULL; /* now the host's */
    }
    release(own);
    return status;
}

/* -------------------------------------------------------------------------------- made up */

/* Lists of lists would grow without end. */
typedef struct maker {
    unsigned level; /* within others */
    size_t left;    /* values that may still be made */
} maker;

static json_t *value_make(maker *work, const json_t *model);

/* A count from `least` of the schema, or 1, to a few more. */
static size_t count_make(const json_t *model, const char *least, const char *most, size_t usual)
{
    const json_t *min_value = json_object_get(model, least);
    const json_t *max_value = json_object_get(model, most);
    double min = min_value == NULL ? 1 : json_number_value(min_value);
    double max = min > (double)usual ? min : (double)usual;

    if (max_value != NULL && json_number_value(max_value) < max) {
        max = json_number_value(max_value);
    }
    max = max > REQUIRED_MAX ? REQUIRED_MAX : max;
    min = min > max ? max : min;
    return (size_t)min + (size_t)hg_random_below((uint64_t)(max - min) + 1);
}

static json_t *string_make(const json_t *model)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    char text[REQUIRED_MAX + 1];
    size_t length = count_make(model, "minLength", "maxLength", LENGTH_MAX);

    for (size_t i = 0; i < length; i++) {
        text[i] = letters[hg_random_below(sizeof(letters) - 1)];
    }
    return json_stringn(text, length);
}

static double limit(const json_t *model, const char *name, const char *exclusive, double otherwise)
{
    const json_t *value = json_object_get(model, name);

    if (!json_is_number(value)) {
        value = json_object_get(model, exclusive);
    }
    return json_is_number(value) ? json_number_value(value) : otherwise;
}

static bool is_below(const json_t *model, double value, double min)
{
    const json_t *end = json_object_get(model, "exclusiveMinimum");

    return value < min || (end != NULL && value <= json_number_value(end));
}

static bool is_above(const json_t *model, double value, double max)
{
    const json_t *end = json_object_get(model, "exclusiveMaximum");

    return value > max || (end != NULL && value >= json_number_value(end));
}

/* An integer within the limits of a schema, beside a number that is; where the limits are beyond
 * what a double is exact for, the one that is given. */
static json_t *integer_make(const json_t *model, double beside, double min, double max)
{
    double value;

    if (beside < -EXACT_MAX || beside > EXACT_MAX) {
        const json_t *end = json_object_get(model, "minimum");

        end = end == NULL ? json_object_get(model, "maximum") : end;
        return json_integer(json_integer_value(end));
    }
    value = (double)(json_int_t)beside;
    if (is_below(model, value, min)) {
        value += 1;
    } else if (is_above(model, value, max)) {
        value -= 1;
    }
    return json_integer((json_int_t)value);
}

static json_t *number_make(const json_t *model, bool is_integer)
{
    double min = limit(model, "minimum", "exclusiveMinimum", 0);
    double max = limit(model, "maximum", "exclusiveMaximum", min + NUMBER_MAX);
    double part = (double)(hg_random_below(1000000) + 1) / 1000002.0; /* within, never at an end */
    double value;

    if (min >= max && json_object_get(model, "minimum") == NULL &&
        json_object_get(model, "exclusiveMinimum") == NULL) {
        min = max - NUMBER_MAX;
    }
    value = min + (max - min) * part;
    return is_integer ? integer_make(model, value, min, max) : json_real(value);
}

static json_t *array_make(maker *work, const json_t *model)
{
    const json_t *items = json_object_get(model, "items");
    size_t count = count_make(model, "minItems", "maxItems", ITEMS_MAX);
    json_t *array = json_array();

    for (size_t i = 0; json_is_object(items) && i < count && work->left > 0; i++) {
        (void)json_array_append_new(array, value_make(work, items)); /* or it is shorter */
    }
    return array;
}

static json_t *object_make(maker *work, const json_t *model)
{
    const json_t *properties = json_object_get(model, "properties");
    json_t *object = json_object();
    const char *name;
    json_t *property;

    json_object_foreach((json_t *)(uintptr_t)properties, name, property)
    {
        (void)json_object_set_new(object, name, value_make(work, property));
    }
    return object;
}

static const char *type_of(const json_t *model)
{
    const json_t *type = json_object_get(model, "type");

    if (json_is_array(type)) {
        type = json_array_get(type, 0);
    }
    if (json_is_string(type)) {
        return json_string_value(type);
    }
    if (json_object_get(model, "properties") != NULL) {
        return "object";
    }
    return json_object_get(model, "items") != NULL ? "array" : "string";
}

/* What the schema gives as an example, else something of its type; a new reference. */
static json_t *value_make(maker *work, const json_t *model)
{
    static const char *const given[] = {"example", "const", "default"};
    const json_t *choices = json_object_get(model, "enum");
    const char *type = type_of(model);
    bool may_make = work->left > 0;

    work->left -= may_make ? 1 : 0; /* also what is given takes room in the body */
    for (size_t i = 0; i < sizeof(given) / sizeof(given[0]); i++) {
        json_t *value = json_object_get(model, given[i]);

        if (value != NULL) {
            return json_incref(value);
        }
    }
    if (json_array_size(choices) > 0) {
        return json_incref(
            json_array_get(choices, (size_t)hg_random_below(json_array_size(choices))));
    }
    if (work->level >= NESTING_MAX || !may_make || strcmp(type, "null") == 0) {
        return json_null();
    }
    if (strcmp(type, "object") == 0 || strcmp(type, "array") == 0) {
        json_t *value;

        work->level++;
        value = type[0] == 'o' ? object_make(work, model) : array_make(work, model);
        work->level--;
        return value;
    }
    if (strcmp(type, "boolean") == 0) {
        return json_boolean(hg_random_below(2) == 1);
    }
    if (strcmp(type, "string") == 0) {
        return string_make(model);
    }
    return number_make(model, strcmp(type, "integer") == 0);
}

/* --------------------------------------------------------------------------------------- text */

/* Text that grows up to a maximum; owned. */
typedef struct grown {
    char *data;
    size_t length;
    size_t room;
    bool failed;
} grown;

static void grown_add(grown *text, const char *data, size_t length)
{
    if (text->failed || length > GROWN_MAX - text->length) {
        text->failed = true;
        return;
    }
    if (text->length + length + 1 > text->room) {
        size_t room = (text->length + length + 1) * 2;
        char *more = realloc(text->data, room);

        if (more == NULL) {
            text->failed = true;
            return;
        }
        text->data = more;
        text->room = room;
    }
    memcpy(text->data + text->length, data, length);
    text->length += length;
}

/* For json_dump_callback(): ends it where the text has ended. */
static int grown_add_json(const char *buffer, size_t size, void *text)
{
    grown *own = text;

    grown_add(own, buffer, size);
    return own->failed ? -1 : 0;
}

static void grown_add_string(grown *text, const char *string)
{
    grown_add(text, string, strlen(string));
}

/* ---------------------------------------------------------------------------------------- XML */

static void xml_add_text(grown *text, const char *string)
{
    for (; *string != '\0'; string++) {
        switch (*string) {
        case '<':
            grown_add_string(text, "&lt;");
            break;
        case '>':
            grown_add_string(text, "&gt;");
            break;
        case '&':
            grown_add_string(text, "&amp;");
            break;
        default:
            grown_add(text, string, 1);
            break;
        }
    }
}

/* A name as XML wants it: other characters become "_". */
static void xml_add_name(grown *text, const char *name)
{
    static const char first[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_";

    if (name[0] == '\0' || strchr(first, name[0]) == NULL) {
        grown_add_string(text, "_");
    }
    for (; *name != '\0'; name++) {
        bool fits = strchr(first, *name) != NULL || strchr("0123456789-.", *name) != NULL;

        grown_add(text, fits ? name : "_", 1);
    }
}

static void xml_add(grown *text, const char *name, const json_t *value)
{
    size_t index;
    json_t *item;
    const char *key;

    if (json_is_array(value)) { /* an element of that name for each */
        json_array_foreach((json_t *)(uintptr_t)value, index, item)
        {
            xml_add(text, name, item);
        }
        return;
    }
    grown_add_string(text, "<");
    xml_add_name(text, name);
    grown_add_string(text, ">");
    if (json_is_object(value)) {
        json_object_foreach((json_t *)(uintptr_t)value, key, item)
        {
            xml_add(text, key, item);
        }
    } else if (json_is_string(value)) {
        xml_add_text(text, json_string_value(value));
    } else if (!json_is_null(value)) {
        char *plain = json_dumps(value, JSON_ENCODE_ANY);

        grown_add_string(text, plain == NULL ? "" : plain);
        free(plain);
    }
    grown_add_string(text, "</");
    xml_add_name(text, name);
    grown_add_string(text, ">");
}

/* ---------------------------------------------------------------------------------- requests */

static void header_set(hg_request *request, hg_text name, hg_text value)
{
    if (hg_response_set_header(request, name, value) != HG_OK) {
        hg_log(request, HG_LOG_WARN, "header %s has a value that cannot be sent", name.data);
    }
}

static hg_verdict answer(hg_request *request, const mocking *own, hg_text body)
{
    if (own->with_mock_header) {
        header_set(request, HG_TEXT("x-mock-by"), HG_TEXT(MADE_BY));
    }
    for (size_t i = 0; i < own->header_count; i++) {
        header_set(request, own->headers[i].name,
                   hg_template_render(request, own->headers[i].value));
    }
    return hg_exit_with(request, own->status, own->content_type, body);
}

static hg_verdict answer_made_up(hg_request *request, const mocking *own)
{
    maker work = {0, VALUES_MAX};
    json_t *value = value_make(&work, own->model);
    grown text = {NULL, 0, 0, false};
    hg_verdict verdict;

    if (own->is_xml) {
        xml_add(&text, "data", value);
    } else {
        (void)json_dump_callback(value, grown_add_json, &text, JSON_COMPACT | JSON_ENCODE_ANY);
    }
    json_decref(value);
    verdict = text.failed || text.data == NULL
                  ? hg_exit(request, 500)
                  : answer(request, own, (hg_text){text.data, text.length});
    free(text.data);
    return verdict;
}

static hg_verdict on_access(hg_request *request, const void *config)
{
    const mocking *own = config;

    if (own->delay_ms > 0 && hg_sleep(request, own->delay_ms) != HG_OK) {
        return HG_NEXT; /* the client has gone */
    }
    return own->example != NULL ? answer(request, own, hg_template_render(request, own->example))
                                : answer_made_up(request, own);
}

HG_PLUGIN("mocking",
          "1.0.0",
          .summary = "Answers in the place of an upstream that is not there yet.",
          .priority = 10900,
          .flags = HG_WAITS,
          .config = HG_CONFIG_RAW(schema, parse, release),
          .access = on_access);
