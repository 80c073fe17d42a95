/* limit-count.c - lets a number of requests pass in a window of time, for each key. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hotgate/plugin.h>

#define NUMBER_SIZE  32     /* bytes for any header value */
#define COUNTERS     65536u /* keys that are counted at once, unless plugin_attr says otherwise */
#define COUNTERS_MAX 4194304

static const char schema[] =
    "{\"type\": \"object\", \"properties\": {"
    "\"count\": {\"type\": \"integer\", \"exclusiveMinimum\": 0,"
    " \"description\": \"Requests that pass in a window.\"},"
    "\"time_window\": {\"type\": \"integer\", \"exclusiveMinimum\": 0, \"maximum\": 3153600000,"
    " \"description\": \"Seconds from the first request of a key to the end of its window.\"},"
    "\"window_type\": {\"type\": \"string\", \"enum\": [\"fixed\"], \"default\": \"fixed\"},"
    "\"key\": {\"type\": \"string\", \"default\": \"remote_addr\"},"
    "\"key_type\": {\"type\": \"string\", \"enum\": [\"var\", \"var_combination\", \"constant\"],"
    " \"default\": \"var\"},"
    "\"rejected_code\": {\"type\": \"integer\", \"minimum\": 200, \"maximum\": 599,"
    " \"default\": 503},"
    "\"rejected_msg\": {\"type\": \"string\", \"minLength\": 1},"
    "\"policy\": {\"type\": \"string\", \"enum\": [\"local\"], \"default\": \"local\"},"
    "\"allow_degradation\": {\"type\": \"boolean\", \"default\": false},"
    "\"show_limit_quota_header\": {\"type\": \"boolean\", \"default\": true},"
    "\"group\": {\"type\": \"string\"}},"
    "\"required\": [\"count\", \"time_window\"]}";

typedef struct limit_count {
    int64_t count;
    uint64_t window_ms;
    hg_text variable;      /* key_type var: its name; else absent */
    hg_template *template; /* var_combination */
    hg_template *presence; /* its variables alone: empty if none has a value or a fallback */
    hg_text constant;
    uint32_t rejected_code;
    hg_text rejected_msg; /* absent: none */
    bool allow_degradation;
    bool show_headers;
    char *prefix; /* of the keys in the table: tells this configuration from all others */
    size_t prefix_length;
    json_t *source; /* owns the texts */
} limit_count;

typedef struct limit_attributes {
    int64_t counters;
} limit_attributes;

static const hg_field attribute_fields[] = {
    HG_INT(limit_attributes,
           counters,
           "counters",
           .summary = "Keys that can be counted at once; 64 bytes of shared memory each.",
           .min = 1,
           .max = COUNTERS_MAX,
           .initial = "65536"),
    HG_FIELDS_END,
};

static hg_dict *counters; /* of init() */

static hg_status init(const void *attributes, hg_error *err)
{
    const limit_attributes *own = attributes;
    hg_dict_options options = HG_DICT_OPTIONS_INIT;

    options.entries = own == NULL ? COUNTERS : (uint32_t)own->counters;
    options.layout = "fixed-window/1"; /* requests since the window began */
    return hg_dict_open("counters", &options, &counters, err);
}

/* ----------------------------------------------------------------------------- configuration */

static void release(void *state)
{
    limit_count *own = state;

    if (own == NULL) {
        return;
    }
    hg_template_free(own->template);
    hg_template_free(own->presence);
    json_decref(own->source);
    free(own->prefix);
    free(own);
}

static hg_text text_of(const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);

    return (hg_text){json_string_value(value), json_string_length(value)};
}

/* Where the variable that begins behind a "$" ends; 0: none begins there. */
static size_t variable_length(const char *at)
{
    static const char names[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";

    if (*at == '{') {
        const char *end = strchr(at, '}');

        return end == NULL ? 0 : (size_t)(end - at) + 1;
    }
    return strspn(at, names);
}

/* The variables of a template without its literals; `out` is as long as the key. */
static void variables_only(const char *key, char *out)
{
    while (*key != '\0') {
        size_t length;

        if (key[0] == '\\' && key[1] == '$') {
            key += 2;
            continue;
        }
        if (*key++ != '$') {
            continue;
        }
        length = variable_length(key);
        if (length > 0) {
            *out++ = '$';
            memcpy(out, key, length);
            out += length;
            key += length;
        }
    }
    *out = '\0';
}

static hg_status combination_parse(limit_count *own, hg_text key, hg_issues *issues)
{
    hg_error err = HG_ERROR_INIT;
    hg_status status = hg_template_compile(key, &own->template, &err);
    char *variables = malloc(key.length + 2);

    if (variables == NULL) {
        return HG_ERR_NO_MEMORY;
    }
    if (status == HG_OK) {
        variables_only(key.data, variables);
        status = hg_template_compile(hg_text_of(variables), &own->presence, &err);
    }
    if (status == HG_ERR_INVALID) {
        hg_issues_add(issues, "/key", err.text, "text with variables such as $remote_addr");
    }
    free(variables);
    return status;
}

static hg_status key_parse(limit_count *own, const json_t *config, hg_issues *issues)
{
    const char *type = json_string_value(json_object_get(config, "key_type"));
    hg_text key = text_of(config, "key");

    if (strcmp(type, "var_combination") == 0) {
        return combination_parse(own, key, issues);
    }
    if (strcmp(type, "constant") == 0) {
        own->constant = key;
        return HG_OK;
    }
    own->variable =
        key.length > 0 && key.data[0] == '$' ? (hg_text){key.data + 1, key.length - 1} : key;
    return HG_OK;
}

/* A group shares one counter wherever it stands, as long as its configurations are the same. */
static hg_status prefix_set(limit_count *own, const json_t *config, const hg_config_source *source)
{
    hg_text group = text_of(config, "group");
    size_t size = source->resource.length + source->id.length + group.length + 32;

    own->prefix = malloc(size);
    if (own->prefix == NULL) {
        return HG_ERR_NO_MEMORY;
    }
    if (group.data != NULL) {
        own->prefix_length = (size_t)snprintf(own->prefix, size, "group/%s:%016" PRIx64 ":",
                                              group.data, source->checksum);
    } else {
        own->prefix_length =
            (size_t)snprintf(own->prefix, size, "%s/%s:%016" PRIx64 ":", source->resource.data,
                             source->id.data, source->checksum);
    }
    return HG_OK;
}

/* What needs more than this version has must not be taken for something that it would not do. */
static void refuse_later_attributes(const json_t *config, hg_issues *issues)
{
    static const struct {
        const char *name;
        const char *pointer;
    } later[] = {
        {"rules", "/rules"},
        {"sync_interval", "/sync_interval"},
    };

    for (size_t i = 0; i < sizeof(later) / sizeof(later[0]); i++) {
        if (json_object_get(config, later[i].name) != NULL) {
            hg_issues_add(issues, later[i].pointer, "an attribute of a later version",
                          "a configuration without it");
        }
    }
}

static hg_status
parse(const json_t *config, const hg_config_source *source, void **out_state, hg_issues *issues)
{
    limit_count *own = calloc(1, sizeof(*own));
    hg_status status;

    if (own == NULL) {
        return HG_ERR_NO_MEMORY;
    }
    refuse_later_attributes(config, issues);
    own->source = json_deep_copy(config);
    own->count = json_integer_value(json_object_get(config, "count"));
    own->window_ms = (uint64_t)json_integer_value(json_object_get(config, "time_window")) * 1000u;
    own->rejected_code = (uint32_t)json_integer_value(json_object_get(config, "rejected_code"));
    own->rejected_msg = text_of(own->source, "rejected_msg");
    own->allow_degradation = json_is_true(json_object_get(config, "allow_degradation"));
    own->show_headers = json_is_true(json_object_get(config, "show_limit_quota_header"));
    status = own->source == NULL ? HG_ERR_NO_MEMORY : key_parse(own, own->source, issues);
    if (status == HG_OK) {
        status = prefix_set(own, own->source, source);
    }
    if (status == HG_OK) {
        *out_state = own;
        own = NULL; /* now the host's */
    }
    release(own);
    return status;
}

/* ---------------------------------------------------------------------------------- requests */

/* What is counted; the client's address where the configured key has no value. */
static hg_text key_of(hg_request *request, const limit_count *own)
{
    hg_text key = own->constant;

    if (own->template != NULL && hg_template_render(request, own->presence).length > 0) {
        key = hg_template_render(request, own->template);
    } else if (own->variable.data != NULL) {
        key = hg_request_variable(request, own->variable);
    }
    return key.data == NULL ? hg_request_variable(request, HG_TEXT("remote_addr")) : key;
}

static void header_set(hg_request *request, hg_text name, const char *value)
{
    if (hg_response_set_header(request, name, hg_text_of(value)) != HG_OK) {
        hg_log(request, HG_LOG_ERROR, "%s cannot be set", name.data);
    }
}

/* Limit, what is left, and the seconds until the window ends with up to two decimals. */
static void headers_set(hg_request *request, const limit_count *own, int64_t used, uint64_t ttl_ms)
{
    int64_t left = used >= own->count ? 0 : own->count - used;
    unsigned hundredths = (unsigned)(ttl_ms / 10 % 100);
    char text[NUMBER_SIZE];

    (void)snprintf(text, sizeof(text), "%" PRId64, own->count);
    header_set(request, HG_TEXT("X-RateLimit-Limit"), text);
    (void)snprintf(text, sizeof(text), "%" PRId64, left);
    header_set(request, HG_TEXT("X-RateLimit-Remaining"), text);
    if (hundredths == 0) {
        (void)snprintf(text, sizeof(text), "%" PRIu64, ttl_ms / 1000);
    } else if (hundredths % 10 == 0) {
        (void)snprintf(text, sizeof(text), "%" PRIu64 ".%u", ttl_ms / 1000, hundredths / 10);
    } else {
        (void)snprintf(text, sizeof(text), "%" PRIu64 ".%02u", ttl_ms / 1000, hundredths);
    }
    header_set(request, HG_TEXT("X-RateLimit-Reset"), text);
}

static hg_status
count(hg_request *request, const limit_count *own, int64_t *out_used, uint64_t *out_ttl_ms)
{
    hg_text key = key_of(request, own);
    char *full = hg_request_allocate(request, own->prefix_length + key.length + 1);

    if (full == NULL) {
        return HG_ERR_NO_MEMORY;
    }
    memcpy(full, own->prefix, own->prefix_length);
    if (key.length > 0) {
        memcpy(full + own->prefix_length, key.data, key.length);
    }
    return hg_dict_add(counters, (hg_text){full, own->prefix_length + key.length}, 1,
                       own->window_ms, out_used, out_ttl_ms);
}

static hg_verdict on_access(hg_request *request, const void *config)
{
    const limit_count *own = config;
    int64_t used = 0;
    uint64_t ttl_ms = 0;
    hg_status status = count(request, own, &used, &ttl_ms);

    if (status != HG_OK) {
        hg_log(request, HG_LOG_ERROR, "failed to limit count: %s",
               status == HG_ERR_FULL ? "no room for another key (plugin_attr: counters)"
                                     : "out of memory");
        return own->allow_degradation
                   ? HG_NEXT
                   : hg_exit_error(request, 500, HG_TEXT("failed to limit count"));
    }
    if (own->show_headers) {
        headers_set(request, own, used, ttl_ms);
    }
    if (used <= own->count) {
        return HG_NEXT;
    }
    return own->rejected_msg.data == NULL
               ? hg_exit(request, own->rejected_code)
               : hg_exit_error(request, own->rejected_code, own->rejected_msg);
}

HG_PLUGIN("limit-count",
          "1.0.0",
          .summary = "Lets a number of requests pass in a window of time, for each key.",
          .priority = 1002,
          .config = HG_CONFIG_RAW(schema, parse, release),
          .attributes = HG_CONFIG(limit_attributes, attribute_fields),
          .init = init,
          .access = on_access);
