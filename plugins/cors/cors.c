/* cors.c - tells browsers which origins may read responses (Fetch standard, CORS protocol). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hotgate/plugin.h>

#define NUMBER_SIZE 32 /* bytes for any number as text */
#define ALL_METHODS "GET,POST,PUT,DELETE,PATCH,HEAD,OPTIONS,CONNECT,TRACE"

/* "*", "**", "null", or origins between commas. */
#define ORIGINS_PATTERN "^(\\\\*|\\\\*\\\\*|null|\\\\w+://[^,]+(,\\\\w+://[^,]+)*)$"
/* What a header cannot hold is refused when it is written, not when it is to be sent. */
#define HEADER_VALUE "\"type\": \"string\", \"pattern\": \"^[^\\\\x00-\\\\x1f\\\\x7f]*$\""
#define REGEX_LIST                                                                                 \
    "\"type\": \"array\", \"minItems\": 1, \"uniqueItems\": true, \"items\": {\"title\":"          \
    " \"regular expression\", \"type\": \"string\", \"minLength\": 1, \"maxLength\": 4096}"

static const char schema[] =
    "{\"type\": \"object\", \"properties\": {"
    "\"allow_origins\": {\"type\": \"string\", \"pattern\": \"" ORIGINS_PATTERN "\","
    " \"default\": \"*\", \"description\": \"Origins that may read responses, between commas. `*`:"
    " all, told as it is; `**`: all, told the one that asked; `null`: the origin of that name.\"},"
    "\"allow_methods\": {" HEADER_VALUE ", \"default\": \"*\","
    " \"description\": \"Methods between commas; `**`: all there are.\"},"
    "\"allow_headers\": {" HEADER_VALUE ", \"default\": \"*\","
    " \"description\": \"Headers between commas; `**`: those that the browser asks for.\"},"
    "\"expose_headers\": {" HEADER_VALUE ","
    " \"description\": \"Headers that scripts may read, between commas.\"},"
    "\"max_age\": {\"type\": \"integer\", \"default\": 5, \"minimum\": -9223372036854775808,"
    " \"maximum\": 9223372036854775807, \"description\":"
    " \"Seconds that a browser may keep the answer to a preflight; -1: not at all.\"},"
    "\"allow_credential\": {\"type\": \"boolean\", \"default\": false, \"description\":"
    " \"Allows requests with cookies and credentials; no value may be `*` then.\"},"
    "\"allow_origins_by_regex\": {" REGEX_LIST ", \"description\":"
    " \"Origins that match one of these may read responses, instead of `allow_origins`.\"},"
    "\"allow_origins_by_metadata\": {\"type\": \"array\", \"minItems\": 1, \"uniqueItems\": true,"
    " \"items\": {\"type\": \"string\", \"minLength\": 1, \"maxLength\": 4096},"
    " \"description\": \"Names of origins in the metadata, which may read responses, too.\"},"
    "\"timing_allow_origins\": {\"type\": \"string\", \"pattern\": \"" ORIGINS_PATTERN "\","
    " \"description\": \"Origins that may see how long responses take, as in `allow_origins`.\"},"
    "\"timing_allow_origins_by_regex\": {" REGEX_LIST ", \"description\":"
    " \"Origins that match one of these may see that, instead of `timing_allow_origins`.\"}}}";

/* Whom something is allowed to. */
typedef struct origins {
    hg_text text; /* as configured; absent: nobody is named */
    size_t regex_count;
    hg_regex **regexes; /* if there are any, these alone count */
} origins;

typedef struct cors {
    origins readers;
    origins timing;
    hg_text methods;
    hg_text headers;
    hg_text expose;    /* absent: none */
    hg_text max_age;   /* in `number` */
    size_t name_count; /* of metadata */
    hg_text *names;
    bool credential;
    bool varies; /* the response depends on the origin */
    char number[NUMBER_SIZE];
    json_t *source; /* owns the texts */
} cors;

typedef struct cors_metadata {
    hg_map allow_origins; /* of hg_text, by name */
} cors_metadata;

static const hg_field origins_item =
    HG_ITEM(HG_KIND_STRING,
            hg_text,
            .summary = "Origins as in `allow_origins`.",
            .pattern = "^(\\*|\\*\\*|null|\\w+://[^,]+(,\\w+://[^,]+)*)$");

static const hg_field metadata_fields[] = {
    HG_MAP(cors_metadata,
           allow_origins,
           "allow_origins",
           &origins_item,
           .summary = "Origins by the names that `allow_origins_by_metadata` uses.",
           .example = "{\"partners\": \"https://a.com,https://b.com\"}"),
    HG_FIELDS_END,
};

/* ----------------------------------------------------------------------------- configuration */

static void origins_done(origins *done)
{
    for (size_t i = 0; done->regexes != NULL && i < done->regex_count; i++) {
        hg_regex_free(done->regexes[i]);
    }
    free(done->regexes);
}

static void release(void *state)
{
    cors *own = state;

    if (own == NULL) {
        return;
    }
    origins_done(&own->readers);
    origins_done(&own->timing);
    free(own->names);
    json_decref(own->source);
    free(own);
}

static hg_text text_of(const json_t *value)
{
    return (hg_text){json_string_value(value), json_string_length(value)};
}

static hg_text member(const cors *own, const char *name)
{
    return text_of(json_object_get(own->source, name));
}

static hg_status regexes_parse(origins *into, const cors *own, const char *name, hg_issues *issues)
{
    const json_t *list = json_object_get(own->source, name);
    hg_status status = HG_OK;

    if (list == NULL) {
        return HG_OK;
    }
    into->regex_count = json_array_size(list);
    into->regexes = calloc(into->regex_count, sizeof(hg_regex *));
    if (into->regexes == NULL) {
        return HG_ERR_NO_MEMORY;
    }
    for (size_t i = 0; i < into->regex_count && status != HG_ERR_NO_MEMORY; i++) {
        char pointer[80];
        hg_error err = HG_ERROR_INIT;

        (void)snprintf(pointer, sizeof(pointer), "/%s/%zu", name, i);
        status = hg_regex_compile(text_of(json_array_get(list, i)), false, &into->regexes[i], &err);
        if (status == HG_ERR_INVALID) {
            hg_issues_add(issues, pointer, err.text, "a regular expression");
        }
    }
    return status == HG_ERR_INVALID ? HG_OK : status; /* the finding refuses it */
}

static hg_status names_parse(cors *own)
{
    const json_t *list = json_object_get(own->source, "allow_origins_by_metadata");

    own->name_count = json_array_size(list);
    own->names = own->name_count == 0 ? NULL : calloc(own->name_count, sizeof(*own->names));
    if (own->name_count > 0 && own->names == NULL) {
        return HG_ERR_NO_MEMORY;
    }
    for (size_t i = 0; i < own->name_count; i++) {
        own->names[i] = text_of(json_array_get(list, i));
    }
    return HG_OK;
}

/* With credentials browsers take "*" for a name, and everybody would be nobody. */
static void credential_check(const cors *own, hg_issues *issues)
{
    static const char *const names[] = {"allow_origins", "allow_methods", "allow_headers",
                                        "expose_headers", "timing_allow_origins"};

    for (size_t i = 0; own->credential && i < sizeof(names) / sizeof(names[0]); i++) {
        char pointer[32];

        (void)snprintf(pointer, sizeof(pointer), "/%s", names[i]);
        if (hg_text_equal(member(own, names[i]), HG_TEXT("*"))) {
            hg_issues_add(issues, pointer,
                          "you can not set '*' for other option when 'allow_credential' is true",
                          "values one by one, or '**'");
        }
    }
}

static bool depends_on_origin(const origins *whom)
{
    return whom->regex_count > 0 ||
           (whom->text.data != NULL && !hg_text_equal(whom->text, HG_TEXT("*")));
}

static hg_status
parse(const json_t *config, const hg_config_source *source, void **out_state, hg_issues *issues)
{
    cors *own = calloc(1, sizeof(*own));
    hg_status status;

    (void)source;
    if (own == NULL || (own->source = json_deep_copy(config)) == NULL) {
        release(own);
        return HG_ERR_NO_MEMORY;
    }
    own->readers.text = member(own, "allow_origins");
    own->timing.text = member(own, "timing_allow_origins");
    own->methods = member(own, "allow_methods");
    own->headers = member(own, "allow_headers");
    own->expose = member(own, "expose_headers");
    own->credential = json_is_true(json_object_get(config, "allow_credential"));
    (void)snprintf(own->number, sizeof(own->number), "%lld",
                   (long long)json_integer_value(json_object_get(config, "max_age")));
    own->max_age = hg_text_of(own->number);
    if (hg_text_equal(own->methods, HG_TEXT("**"))) {
        own->methods = HG_TEXT(ALL_METHODS);
    }
    credential_check(own, issues);
    status = regexes_parse(&own->readers, own, "allow_origins_by_regex", issues);
    if (status == HG_OK) {
        status = regexes_parse(&own->timing, own, "timing_allow_origins_by_regex", issues);
    }
    if (status == HG_OK) {
        status = names_parse(own);
    }
    if (status == HG_OK) {
        own->varies = depends_on_origin(&own->readers) || depends_on_origin(&own->timing);
        *out_state = own;
        own = NULL; /* now the host's */
    }
    release(own);
    return status;
}

/* ---------------------------------------------------------------------------------- requests */

/* A preflight asks for permission; any other OPTIONS request is the upstream's to answer. */
static hg_verdict on_rewrite(hg_request *request, const void *config)
{
    static const char asks[] = "Access-Control-Request-Method";

    (void)config;
    if (hg_text_equal(hg_request_method(request), HG_TEXT("OPTIONS")) &&
        hg_text_is_present(hg_request_header(request, HG_TEXT("Origin"))) &&
        hg_text_is_present(hg_request_header(request, hg_text_of(asks)))) {
        return hg_exit(request, 200);
    }
    return HG_NEXT;
}

static bool list_has(hg_text list, hg_text origin)
{
    const char *end = list.data + list.length;

    for (const char *at = list.data; at < end;) {
        const char *comma = memchr(at, ',', (size_t)(end - at));
        const char *stop = comma == NULL ? end : comma;

        if (hg_text_equal((hg_text){at, (size_t)(stop - at)}, origin)) {
            return true;
        }
        at = stop + 1;
    }
    return false;
}

/* What is sent to that origin, which is absent of a request from no other site; absent: nothing. */
static hg_text allowed_by_text(hg_text allowed, hg_text origin)
{
    hg_text nobody = {NULL, 0};

    if (hg_text_equal(allowed, HG_TEXT("*")) ||
        (hg_text_equal(allowed, HG_TEXT("**")) && !hg_text_is_present(origin))) {
        return HG_TEXT("*");
    }
    if (hg_text_is_present(origin) &&
        (hg_text_equal(allowed, HG_TEXT("**")) || list_has(allowed, origin))) {
        return origin;
    }
    return nobody;
}

static hg_text allowed_to(const origins *whom, hg_text origin)
{
    hg_text nobody = {NULL, 0};

    if (whom->regex_count == 0) {
        return hg_text_is_present(whom->text) ? allowed_by_text(whom->text, origin) : nobody;
    }
    for (size_t i = 0; hg_text_is_present(origin) && i < whom->regex_count; i++) {
        if (hg_regex_match(whom->regexes[i], origin, NULL, 0) > 0) {
            return origin;
        }
    }
    return nobody;
}

static hg_text allowed_by_metadata(hg_request *request, const cors *own, hg_text origin)
{
    const cors_metadata *metadata = hg_request_metadata(request);
    const hg_text *lists = metadata == NULL ? NULL : metadata->allow_origins.values;
    hg_text nobody = {NULL, 0};

    for (size_t i = 0; i < own->name_count && lists != NULL; i++) {
        for (size_t k = 0; k < metadata->allow_origins.count; k++) {
            if (hg_text_equal(metadata->allow_origins.keys[k], own->names[i])) {
                hg_text allowed = allowed_by_text(lists[k], origin);

                if (hg_text_is_present(allowed)) {
                    return allowed;
                }
            }
        }
    }
    return nobody;
}

static void set(hg_request *request, hg_text name, hg_text value)
{
    if (hg_text_is_present(value) && hg_response_set_header(request, name, value) != HG_OK) {
        hg_log(request, HG_LOG_ERROR, "%s cannot be set", name.data);
    }
}

static void headers_set(hg_request *request, const cors *own, hg_text origin)
{
    hg_text headers = own->headers;

    if (hg_text_equal(headers, HG_TEXT("**"))) {
        headers = hg_request_header(request, HG_TEXT("Access-Control-Request-Headers"));
    }
    set(request, HG_TEXT("Access-Control-Allow-Origin"), origin);
    set(request, HG_TEXT("Access-Control-Allow-Methods"), own->methods);
    set(request, HG_TEXT("Access-Control-Allow-Headers"), headers);
    set(request, HG_TEXT("Access-Control-Max-Age"), own->max_age);
    if (own->expose.length > 0) {
        set(request, HG_TEXT("Access-Control-Expose-Headers"), own->expose);
    }
    if (own->credential) {
        set(request, HG_TEXT("Access-Control-Allow-Credentials"), HG_TEXT("true"));
    }
}

static void on_header_filter(hg_request *request, const void *config)
{
    const cors *own = config;
    hg_text origin = hg_request_header(request, HG_TEXT("Origin"));
    hg_text allowed = allowed_to(&own->readers, origin);

    if (!hg_text_is_present(allowed)) {
        allowed = allowed_by_metadata(request, own, origin);
    }
    if (own->varies &&
        hg_response_add_header(request, HG_TEXT("Vary"), HG_TEXT("Origin")) != HG_OK) {
        hg_log(request, HG_LOG_ERROR, "Vary cannot be set");
    }
    if (hg_text_is_present(allowed)) {
        headers_set(request, own, allowed);
    }
    set(request, HG_TEXT("Timing-Allow-Origin"), allowed_to(&own->timing, origin));
}

HG_PLUGIN("cors",
          "1.0.0",
          .summary = "Tells browsers which origins may read responses.",
          .priority = 4000,
          .config = HG_CONFIG_RAW(schema, parse, release),
          .metadata = HG_CONFIG(cors_metadata, metadata_fields),
          .rewrite = on_rewrite,
          .header_filter = on_header_filter);
