/* fault-injection.c - delays or breaks off some requests, to see how others cope. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hotgate/plugin.h>

#define RULES_MAX    20
#define POINTER_SIZE 256 /* bytes of a JSON Pointer; a longer one is cut */
#define NUMBER_SIZE  32  /* bytes for any number as text */

#define VARS                                                                                       \
    "\"vars\": {\"type\": \"array\", \"maxItems\": 20, \"description\": \"Only requests for which" \
    " one of these holds.\", \"items\": {\"title\": \"expression\", \"type\": \"array\"}}"
#define PERCENTAGE                                                                                 \
    "\"percentage\": {\"type\": \"integer\", \"minimum\": 0, \"maximum\": 100, \"description\":"   \
    " \"How many of a hundred requests; left out: all.\"}"

static const char schema[] =
    "{\"type\": \"object\", \"minProperties\": 1, \"properties\": {"
    "\"abort\": {\"type\": \"object\", \"description\": \"Answers in the place of the upstream.\","
    " \"properties\": {"
    "\"http_status\": {\"type\": \"integer\", \"minimum\": 200, \"maximum\": 599,"
    " \"description\": \"The status of the answer.\"},"
    "\"body\": {\"title\": \"text with $variables\", \"type\": \"string\", \"minLength\": 0,"
    " \"description\": \"The body of the answer.\"},"
    "\"headers\": {\"type\": \"object\", \"minProperties\": 1,"
    " \"description\": \"Headers of the answer.\","
    " \"additionalProperties\": {\"type\": [\"string\", \"number\"],"
    " \"description\": \"The value of that header; variables are filled in.\"}},"
    " " PERCENTAGE ", " VARS "}, \"required\": [\"http_status\"]},"
    "\"delay\": {\"type\": \"object\", \"description\": \"Lets requests wait, before `abort`.\","
    " \"properties\": {"
    "\"duration\": {\"type\": \"number\", \"minimum\": 0, \"maximum\": 86400,"
    " \"description\": \"Seconds that a request waits.\"},"
    " " PERCENTAGE ", " VARS "}, \"required\": [\"duration\"]}},"
    "\"anyOf\": [{\"required\": [\"abort\"]}, {\"required\": [\"delay\"]}]}";

/* Which requests it is for. */
typedef struct condition {
    bool is_set;                     /* there is such a fault */
    int64_t percentage;              /* 100: of all */
    size_t rule_count;               /* any of these holds; 0: all requests */
    hg_expression *rules[RULES_MAX]; /* NULL: one that always holds */
} condition;

typedef struct abort_header {
    hg_text name;
    hg_template *value;
} abort_header;

typedef struct fault_injection {
    condition delay;
    uint64_t delay_ms;
    condition abort;
    uint32_t status;
    hg_template *body; /* NULL: none */
    size_t header_count;
    abort_header *headers;
    json_t *source; /* owns the names */
} fault_injection;

/* ----------------------------------------------------------------------------- configuration */

static void condition_done(condition *done)
{
    for (size_t i = 0; i < done->rule_count; i++) {
        hg_expression_free(done->rules[i]);
    }
}

static void release(void *state)
{
    fault_injection *own = state;

    if (own == NULL) {
        return;
    }
    condition_done(&own->delay);
    condition_done(&own->abort);
    hg_template_free(own->body);
    for (size_t i = 0; own->headers != NULL && i < own->header_count; i++) {
        hg_template_free(own->headers[i].value);
    }
    free(own->headers);
    json_decref(own->source);
    free(own);
}

static hg_status
condition_parse(condition *into, const json_t *fault, const char *name, hg_issues *issues)
{
    const json_t *percentage = json_object_get(fault, "percentage");
    const json_t *vars = json_object_get(fault, "vars");
    hg_status status = HG_OK;

    into->is_set = fault != NULL;
    into->percentage = percentage == NULL ? 100 : json_integer_value(percentage);
    into->rule_count = json_array_size(vars);
    for (size_t i = 0; i < into->rule_count && status == HG_OK; i++) {
        char pointer[64];

        (void)snprintf(pointer, sizeof(pointer), "/%s/vars/%zu", name, i);
        status = hg_expression_compile(json_array_get(vars, i), pointer, &into->rules[i], issues);
    }
    return status;
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
    return (hg_text){json_string_value(value), json_string_length(value)};
}

/* A field name is a token: RFC 9110 section 5.6.2. */
static bool name_is_valid(const char *name)
{
    static const char token[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "!#$%&'*+-.^_`|~";

    return name[0] != '\0' && name[strspn(name, token)] == '\0';
}

/* "/abort/headers/NAME", where a "~" and a "/" of the name are written "~0" and "~1" (RFC 6901
 * section 3). */
static void pointer_set(char *pointer, const char *name)
{
    size_t length = (size_t)snprintf(pointer, POINTER_SIZE, "/abort/headers/");

    for (; *name != '\0' && length + 3 < POINTER_SIZE; name++) {
        bool escapes = *name == '~' || *name == '/';

        pointer[length++] = escapes ? '~' : *name;
        if (escapes) {
            pointer[length++] = *name == '~' ? '0' : '1';
        }
    }
    pointer[length] = '\0';
}

static hg_status headers_parse(fault_injection *own, json_t *object, hg_issues *issues)
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
        abort_header *header = &own->headers[own->header_count];
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

static hg_status
parse(const json_t *config, const hg_config_source *source, void **out_state, hg_issues *issues)
{
    fault_injection *own = calloc(1, sizeof(*own));
    const json_t *delay;
    const json_t *abort;
    const json_t *body;
    hg_status status;

    (void)source;
    if (own == NULL || (own->source = json_deep_copy(config)) == NULL) {
        release(own);
        return HG_ERR_NO_MEMORY;
    }
    delay = json_object_get(own->source, "delay");
    abort = json_object_get(own->source, "abort");
    body = json_object_get(abort, "body");
    own->delay_ms = (uint64_t)(json_number_value(json_object_get(delay, "duration")) * 1000 + 0.5);
    own->status = (uint32_t)json_integer_value(json_object_get(abort, "http_status"));
    status = condition_parse(&own->delay, delay, "delay", issues);
    if (status == HG_OK) {
        status = condition_parse(&own->abort, abort, "abort", issues);
    }
    if (status == HG_OK && body != NULL) {
        char unused[NUMBER_SIZE];

        status = template_parse(value_text(body, unused), "/abort/body", &own->body, issues);
    }
    if (status == HG_OK) {
        status = headers_parse(own, json_object_get(abort, "headers"), issues);
    }
    if (status == HG_OK) {
        *out_state = own;
        own = NULL; /* now the host's */
    }
    release(own);
    return status;
}

/* ---------------------------------------------------------------------------------- requests */

static bool applies(hg_request *request, const condition *fault)
{
    bool holds = fault->rule_count == 0;

    if (!fault->is_set) {
        return false;
    }
    for (size_t i = 0; !holds && i < fault->rule_count; i++) {
        holds = hg_expression_holds(request, fault->rules[i]);
    }
    return holds && (int64_t)hg_random_below(100) < fault->percentage;
}

static hg_verdict break_off(hg_request *request, const fault_injection *own)
{
    hg_text none = {NULL, 0};

    for (size_t i = 0; i < own->header_count; i++) {
        hg_text value = hg_template_render(request, own->headers[i].value);

        if (hg_response_set_header(request, own->headers[i].name, value) != HG_OK) {
            hg_log(request, HG_LOG_WARN, "header %s has a value that cannot be sent",
                   own->headers[i].name.data);
        }
    }
    if (own->body == NULL) {
        return hg_exit(request, own->status);
    }
    return hg_exit_with(request, own->status, none, hg_template_render(request, own->body));
}

static hg_verdict on_rewrite(hg_request *request, const void *config)
{
    const fault_injection *own = config;

    if (applies(request, &own->delay) && own->delay_ms > 0 &&
        hg_sleep(request, own->delay_ms) != HG_OK) {
        return HG_NEXT; /* the client has gone */
    }
    return applies(request, &own->abort) ? break_off(request, own) : HG_NEXT;
}

HG_PLUGIN("fault-injection",
          "1.0.0",
          .summary = "Delays or breaks off some requests, to see how others cope.",
          .priority = 11000,
          .flags = HG_WAITS,
          .config = HG_CONFIG_RAW(schema, parse, release),
          .rewrite = on_rewrite);
