/* limit-count.c - lets a number of requests pass in a window of time, for each key. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hotgate/plugin.h>

#define NUMBER_SIZE  32 /* bytes for any header value */
#define SUFFIX_SIZE  48 /* bytes for a window behind a key */
#define COUNTERS_MAX 4194304
#define WINDOW_MAX_S 3153600000 /* a hundred years */
#define DIGITS_MAX   18         /* digits that fit into 64 bits */
#define TRIES_MAX    1000       /* each failed one means that another request was counted */

#define LIMITS                                                                                     \
    "\"count\": {\"anyOf\": [{\"type\": \"integer\", \"exclusiveMinimum\": 0},"                    \
    " {\"title\": \"text with $variables\", \"type\": \"string\", \"minLength\": 1}],"             \
    " \"description\": \"Requests that pass in a window.\"},"                                      \
    "\"time_window\": {\"anyOf\": [{\"type\": \"integer\", \"exclusiveMinimum\": 0,"               \
    " \"maximum\": 3153600000}, {\"title\": \"text with $variables\", \"type\": \"string\","       \
    " \"minLength\": 1}],"                                                                         \
    " \"description\": \"Seconds that a window lasts.\"}"

static const char schema[] =
    "{\"type\": \"object\", \"properties\": {" LIMITS ","
    "\"window_type\": {\"type\": \"string\", \"enum\": [\"fixed\", \"sliding\"],"
    " \"default\": \"fixed\", \"description\": \"`fixed`: a window begins with the first request of"
    " its key; `sliding`: it ends now.\"},"
    "\"key\": {\"type\": \"string\", \"default\": \"remote_addr\","
    " \"description\": \"What is counted.\"},"
    "\"key_type\": {\"type\": \"string\", \"enum\": [\"var\", \"var_combination\", \"constant\"],"
    " \"default\": \"var\", \"description\": \"`var`: `key` is the name of a variable;"
    " `var_combination`: it is text with `$variables`; `constant`: it is just text.\"},"
    "\"rules\": {\"type\": \"array\", \"minItems\": 1,"
    " \"description\": \"Several limits, looked at in their order.\","
    " \"items\": {\"type\": \"object\", \"properties\": {" LIMITS ","
    " \"key\": {\"title\": \"text with $variables\", \"type\": \"string\", \"minLength\": 1,"
    " \"description\": \"What is counted; no two rules have the same.\"},"
    " \"header_prefix\": {\"type\": \"string\", \"minLength\": 1,"
    " \"pattern\": \"^[!#$%&'*+.^_`|~0-9A-Za-z-]+$\", \"description\": \"The headers of the rule"
    " are `X-PREFIX-RateLimit-Limit` and so on. Left out: its place, from 1.\"}},"
    " \"required\": [\"count\", \"time_window\", \"key\"]}},"
    "\"rejected_code\": {\"type\": \"integer\", \"minimum\": 200, \"maximum\": 599,"
    " \"default\": 503, \"description\": \"The status of a rejection.\"},"
    "\"rejected_msg\": {\"type\": \"string\", \"minLength\": 1, \"description\":"
    " \"The body of a rejection is `{\\\"error_msg\\\":\\\"...\\\"}` with it.\"},"
    "\"policy\": {\"type\": \"string\", \"enum\": [\"local\"], \"default\": \"local\","
    " \"description\": \"The workers of this gateway share their counters.\"},"
    "\"allow_degradation\": {\"type\": \"boolean\", \"default\": false,"
    " \"description\": \"Where the answer would be 500, lets the request pass.\"},"
    "\"show_limit_quota_header\": {\"type\": \"boolean\", \"default\": true,"
    " \"description\": \"Sets the headers that tell limit, remaining requests and reset.\"},"
    "\"group\": {\"type\": \"string\","
    " \"description\": \"Configurations of one group with equal content share their counters.\"}},"
    "\"oneOf\": [{\"required\": [\"count\", \"time_window\"],"
    " \"not\": {\"required\": [\"rules\"]}},"
    " {\"required\": [\"rules\"], \"not\": {\"anyOf\": [{\"required\": [\"count\"]},"
    " {\"required\": [\"time_window\"]}, {\"required\": [\"group\"]}]}}]}";

/* A number, or text with variables that is one for each request. */
typedef struct limit_number {
    int64_t value;
    hg_template *text; /* NULL: `value` */
} limit_number;

typedef struct header_names {
    hg_text limit;
    hg_text remaining;
    hg_text reset;
} header_names;

typedef struct limit_rule {
    limit_number count;
    limit_number window_s;
    hg_text variable;      /* key_type var: its name; else absent */
    hg_template *template; /* var_combination, and the keys of "rules" */
    hg_text constant;
    header_names names; /* of "rules"; else those of the metadata count */
    char *names_text;   /* owns them */
    char *prefix;       /* of the keys in the table: tells this rule from all others */
    size_t prefix_length;
} limit_rule;

typedef struct limit_count {
    size_t rule_count; /* 1 without "rules" */
    limit_rule *rules;
    bool has_rules; /* one whose key has no value is passed over, not counted by address */
    bool slides;
    uint32_t rejected_code;
    hg_text rejected_msg; /* absent: none */
    bool allow_degradation;
    bool show_headers;
    json_t *source; /* owns the texts */
} limit_count;

typedef struct limit_attributes {
    int64_t counters;
} limit_attributes;

static const hg_field attribute_fields[] = {
    HG_INT(limit_attributes,
           counters,
           "counters",
           .summary = "Keys that can be counted at once; a sliding window takes two. Each takes 64 "
                      "bytes of shared memory.",
           .min = 1,
           .max = COUNTERS_MAX,
           .initial = "65536"),
    HG_FIELDS_END,
};

#define HEADER_NAME "^[!#$%&'*+.^_`|~0-9A-Za-z-]+$" /* a token: RFC 9110 section 5.6.2 */

static const hg_field metadata_fields[] = {
    HG_STRING(header_names,
              limit,
              "limit_header",
              .summary = "The header with how many requests pass in a window.",
              .pattern = HEADER_NAME,
              .initial = "X-RateLimit-Limit"),
    HG_STRING(header_names,
              remaining,
              "remaining_header",
              .summary = "The header with how many of these are left.",
              .pattern = HEADER_NAME,
              .initial = "X-RateLimit-Remaining"),
    HG_STRING(header_names,
              reset,
              "reset_header",
              .summary = "The header with the seconds until the window ends.",
              .pattern = HEADER_NAME,
              .initial = "X-RateLimit-Reset"),
    HG_FIELDS_END,
};

static hg_dict *counters; /* of init() */

static hg_status init(const void *attributes, hg_error *err)
{
    const limit_attributes *own = attributes;
    hg_dict_options options = HG_DICT_OPTIONS_INIT;

    options.entries = (uint32_t)own->counters;
    options.layout = "fixed-window/1"; /* requests since the window began */
    return hg_dict_open("counters", &options, &counters, err);
}

/* ----------------------------------------------------------------------------- configuration */

static void rule_done(limit_rule *done)
{
    hg_template_free(done->count.text);
    hg_template_free(done->window_s.text);
    hg_template_free(done->template);
    free(done->names_text);
    free(done->prefix);
}

static void release(void *state)
{
    limit_count *own = state;

    if (own == NULL) {
        return;
    }
    for (size_t i = 0; own->rules != NULL && i < own->rule_count; i++) {
        rule_done(&own->rules[i]);
    }
    free(own->rules);
    json_decref(own->source);
    free(own);
}

static hg_text text_of(const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);

    return (hg_text){json_string_value(value), json_string_length(value)};
}

static hg_status template_parse(hg_text text,
                                const char *place,
                                const char *name,
                                hg_template **out_template,
                                hg_issues *issues)
{
    char pointer[64];
    hg_error err = HG_ERROR_INIT;
    hg_status status = hg_template_compile(text, out_template, &err);

    (void)snprintf(pointer, sizeof(pointer), "%s/%s", place, name);
    if (status == HG_ERR_INVALID) {
        hg_issues_add(issues, pointer, err.text, "text with variables such as $remote_addr");
    }
    return status;
}

static hg_status number_parse(limit_number *number,
                              const json_t *object,
                              const char *place,
                              const char *name,
                              hg_issues *issues)
{
    const json_t *value = json_object_get(object, name);

    if (json_is_string(value)) {
        return template_parse(text_of(object, name), place, name, &number->text, issues);
    }
    if (json_is_real(value)) { /* whole, but beyond 64 bits */
        char pointer[64];

        (void)snprintf(pointer, sizeof(pointer), "%s/%s", place, name);
        hg_issues_add(issues, pointer, "a number beyond 64 bits", "a smaller one");
        return HG_ERR_INVALID;
    }
    number->value = json_integer_value(value);
    return HG_OK;
}

static hg_status key_parse(limit_rule *rule, const json_t *config, hg_issues *issues)
{
    hg_text type = text_of(config, "key_type");
    hg_text key = text_of(config, "key");

    if (hg_text_equal(type, HG_TEXT("var_combination"))) {
        return template_parse(key, "", "key", &rule->template, issues);
    }
    if (hg_text_equal(type, HG_TEXT("constant"))) {
        rule->constant = key;
    } else {
        bool has_sign = key.length > 0 && key.data[0] == '$';

        rule->variable = has_sign ? (hg_text){key.data + 1, key.length - 1} : key;
    }
    return HG_OK;
}

/* "X-PREFIX-RateLimit-Limit" and so on, one behind the other; PREFIX may be the rule's number. */
static hg_status names_make(limit_rule *rule, hg_text prefix, size_t place)
{
    static const char form[] = "X-%.*s-RateLimit-Limit%cX-%.*s-RateLimit-Remaining%c"
                               "X-%.*s-RateLimit-Reset";
    char number[NUMBER_SIZE];
    size_t size;

    (void)snprintf(number, sizeof(number), "%zu", place + 1);
    prefix = prefix.data == NULL ? hg_text_of(number) : prefix;
    size = 3 * prefix.length + sizeof(form);
    rule->names_text = malloc(size);
    if (rule->names_text == NULL) {
        return HG_ERR_NO_MEMORY;
    }
    (void)snprintf(rule->names_text, size, form, (int)prefix.length, prefix.data, '\0',
                   (int)prefix.length, prefix.data, '\0', (int)prefix.length, prefix.data);
    rule->names.limit = hg_text_of(rule->names_text);
    rule->names.remaining = hg_text_of(rule->names.limit.data + rule->names.limit.length + 1);
    rule->names.reset = hg_text_of(rule->names.remaining.data + rule->names.remaining.length + 1);
    return HG_OK;
}

/* A group shares one counter wherever it stands, as long as its configurations are the same. */
static hg_status
prefix_set(limit_rule *rule, const limit_count *own, const hg_config_source *source, size_t place)
{
    hg_text group = text_of(own->source, "group");
    size_t size = source->resource.length + source->id.length + group.length + 64;
    int length;

    rule->prefix = malloc(size);
    if (rule->prefix == NULL) {
        return HG_ERR_NO_MEMORY;
    }
    if (group.data != NULL) {
        length =
            snprintf(rule->prefix, size, "group/%s:%016" PRIx64 ":", group.data, source->checksum);
    } else {
        length = snprintf(rule->prefix, size, "%s/%s:%016" PRIx64 ":", source->resource.data,
                          source->id.data, source->checksum);
    }
    if (own->has_rules) {
        length += snprintf(rule->prefix + length, size - (size_t)length, "%zu:", place);
    }
    rule->prefix_length = (size_t)length;
    return HG_OK;
}

/* The count and the window of a rule, of "rules" or of the configuration itself. */
static hg_status
limits_parse(limit_rule *rule, const json_t *object, const char *place, hg_issues *issues)
{
    hg_status status = number_parse(&rule->count, object, place, "count", issues);

    return status == HG_OK ? number_parse(&rule->window_s, object, place, "time_window", issues)
                           : status;
}

static hg_status list_parse(limit_count *own, const json_t *list, hg_issues *issues)
{
    hg_status status = HG_OK;

    for (size_t i = 0; i < own->rule_count && status == HG_OK; i++) {
        const json_t *object = json_array_get(list, i);
        char place[48];

        (void)snprintf(place, sizeof(place), "/rules/%zu", i);
        status = limits_parse(&own->rules[i], object, place, issues);
        if (status == HG_OK) {
            status = template_parse(text_of(object, "key"), place, "key", &own->rules[i].template,
                                    issues);
        }
        if (status == HG_OK) {
            status = names_make(&own->rules[i], text_of(object, "header_prefix"), i);
        }
        for (size_t k = 0; k < i; k++) {
            if (hg_text_equal(text_of(object, "key"), text_of(json_array_get(list, k), "key"))) {
                hg_issues_add(issues, place, "the key of an earlier rule", "a key of its own");
            }
        }
    }
    return status;
}

static hg_status rules_parse(limit_count *own, const hg_config_source *source, hg_issues *issues)
{
    const json_t *list = json_object_get(own->source, "rules");
    hg_status status;

    own->has_rules = list != NULL;
    own->rule_count = list == NULL ? 1 : json_array_size(list);
    own->rules = calloc(own->rule_count, sizeof(*own->rules));
    if (own->rules == NULL) {
        return HG_ERR_NO_MEMORY;
    }
    if (list != NULL) {
        status = list_parse(own, list, issues);
    } else {
        status = limits_parse(&own->rules[0], own->source, "", issues);
        status = status == HG_OK ? key_parse(&own->rules[0], own->source, issues) : status;
    }
    for (size_t i = 0; i < own->rule_count && status == HG_OK; i++) {
        status = prefix_set(&own->rules[i], own, source, i);
    }
    return status;
}

/* Counters of this gateway are never out of step: there is nothing to synchronise. */
static void sync_interval_check(const json_t *config, hg_issues *issues)
{
    const json_t *interval = json_object_get(config, "sync_interval");

    if (interval != NULL && !(json_is_number(interval) && json_number_value(interval) == -1)) {
        hg_issues_add(issues, "/sync_interval", "an interval, which needs another policy",
                      "a configuration without it, or -1");
    }
}

static hg_status
parse(const json_t *config, const hg_config_source *source, void **out_state, hg_issues *issues)
{
    limit_count *own = calloc(1, sizeof(*own));
    hg_status status;

    if (own == NULL || (own->source = json_deep_copy(config)) == NULL) {
        release(own);
        return HG_ERR_NO_MEMORY;
    }
    sync_interval_check(config, issues);
    own->slides = hg_text_equal(text_of(own->source, "window_type"), HG_TEXT("sliding"));
    own->rejected_code = (uint32_t)json_integer_value(json_object_get(config, "rejected_code"));
    own->rejected_msg = text_of(own->source, "rejected_msg");
    own->allow_degradation = json_is_true(json_object_get(config, "allow_degradation"));
    own->show_headers = json_is_true(json_object_get(config, "show_limit_quota_header"));
    status = rules_parse(own, source, issues);
    if (status == HG_OK) {
        *out_state = own;
        own = NULL; /* now the host's */
    }
    release(own);
    return status;
}

/* ---------------------------------------------------------------------------------- requests */

/* What a request finds of its limit. */
typedef struct usage {
    int64_t limit;
    int64_t remaining;
    uint64_t reset_ms;
    bool passes;
} usage;

/* False: the text is no whole number above 0, or one that is too large. */
static bool number_get(hg_request *request, const limit_number *number, int64_t max, int64_t *out)
{
    hg_text text;
    char *end = NULL;

    *out = number->value;
    if (number->text == NULL) {
        return true;
    }
    text = hg_template_render(request, number->text);
    if (text.length == 0 || text.length > DIGITS_MAX) {
        return false;
    }
    *out = strtoll(text.data, &end, 10);
    return end == text.data + text.length && *out > 0 && *out <= max;
}

/* What is counted; the client's address where the configured key has no value. Absent: a rule of
 * several that does not apply. */
static hg_text key_of(hg_request *request, const limit_count *own, const limit_rule *rule)
{
    hg_text key = rule->constant;

    if (rule->template != NULL) {
        key = hg_template_render_key(request, rule->template);
    } else if (rule->variable.data != NULL) {
        key = hg_request_variable(request, rule->variable);
    }
    return key.data == NULL && !own->has_rules
               ? hg_request_variable(request, HG_TEXT("remote_addr"))
               : key;
}

/* The whole key in the table, with room for a number behind it; absent: no memory. */
static hg_text full_key(hg_request *request, const limit_rule *rule, hg_text key)
{
    char *full = hg_request_allocate(request, rule->prefix_length + key.length + SUFFIX_SIZE);
    hg_text none = {NULL, 0};

    if (full == NULL) {
        return none;
    }
    memcpy(full, rule->prefix, rule->prefix_length);
    if (key.length > 0) {
        memcpy(full + rule->prefix_length, key.data, key.length);
    }
    return (hg_text){full, rule->prefix_length + key.length};
}

/* A window that begins with the first request of its key. */
static hg_status count_fixed(hg_text key, int64_t limit, uint64_t window_ms, usage *out)
{
    int64_t used = 0;
    hg_status status = hg_dict_add(counters, key, 1, window_ms, &used, &out->reset_ms);

    if (status == HG_OK) {
        out->limit = limit;
        out->remaining = used >= limit ? 0 : limit - used;
        out->passes = used <= limit;
    }
    return status;
}

/* Windows of another length, where it depends on the request, are others. */
static int64_t counted_in(hg_text key, uint64_t window_ms, uint64_t window)
{
    int64_t value = 0; /* of a key that is not there */

    key.length += (size_t)snprintf((char *)(uintptr_t)key.data + key.length, SUFFIX_SIZE,
                                   ":%" PRIu64 ":%" PRIu64, window_ms, window);
    (void)hg_dict_get(counters, key, &value, NULL);
    return value;
}

/* A window that ends now: what was counted in the part of the previous one that it still covers,
 * taken as even, and in the current one. Refused requests are not counted. */
static hg_status count_sliding(hg_text key, int64_t limit, uint64_t window_ms, usage *out)
{
    uint64_t now_ms = hg_clock_ms();
    uint64_t window = now_ms / window_ms;
    uint64_t passed_ms = now_ms % window_ms;
    double before = window == 0 ? 0 : (double)counted_in(key, window_ms, window - 1);
    double share = before * (double)(window_ms - passed_ms) / (double)window_ms;
    hg_status status = HG_ERR_CONFLICT;

    for (int i = 0; i < TRIES_MAX && status == HG_ERR_CONFLICT; i++) {
        int64_t used = counted_in(key, window_ms, window);
        double left = (double)limit - share - (double)used;
        hg_text current = key;

        current.length += strlen(key.data + key.length); /* counted_in() has written it */
        out->limit = limit;
        out->reset_ms = window_ms - passed_ms;
        out->passes = left >= 1;
        out->remaining = left >= 1 ? (int64_t)(left - 1) : 0;
        status = out->passes
                     ? hg_dict_replace(counters, current, used, used + 1, 2 * window_ms - passed_ms)
                     : HG_OK;
    }
    return status;
}

/* Digits of a number, written backwards from `end`; where they begin. */
static char *digits_write(char *end, uint64_t number, unsigned least)
{
    do {
        *--end = (char)('0' + number % 10);
        number /= 10;
        least = least > 0 ? least - 1 : 0;
    } while (number > 0 || least > 0);
    return end;
}

static void header_set(hg_request *request, hg_text name, const char *value, const char *end)
{
    if (hg_response_set_header(request, name, (hg_text){value, (size_t)(end - value)}) != HG_OK) {
        hg_log(request, HG_LOG_ERROR, "%s cannot be set", name.data);
    }
}

/* Limit, what is left, and the seconds until the window ends with up to two decimals. */
static void headers_set(hg_request *request, const header_names *names, const usage *found)
{
    char text[NUMBER_SIZE];
    char *end = text + sizeof(text);
    uint64_t hundredths = found->reset_ms / 10 % 100;
    char *at = end;

    header_set(request, names->limit, digits_write(end, (uint64_t)found->limit, 1), end);
    header_set(request, names->remaining, digits_write(end, (uint64_t)found->remaining, 1), end);
    if (hundredths > 0) {
        bool tenths = hundredths % 10 == 0;

        at = digits_write(end, tenths ? hundredths / 10 : hundredths, tenths ? 1 : 2);
        *--at = '.';
    }
    header_set(request, names->reset, digits_write(at, found->reset_ms / 1000, 1), end);
}

static const header_names *names_of(hg_request *request, const limit_rule *rule)
{
    return rule->names_text != NULL ? &rule->names : hg_request_metadata(request);
}

typedef enum rule_result {
    RULE_PASSES,
    RULE_REJECTS,
    RULE_DOES_NOT_APPLY,
    RULE_FAILS,
} rule_result;

static rule_result rule_fails(hg_request *request, const char *why)
{
    hg_log(request, HG_LOG_ERROR, "failed to limit count: %s", why);
    return RULE_FAILS;
}

/* Counts the request under one rule. */
static rule_result rule_apply(hg_request *request, const limit_count *own, const limit_rule *rule)
{
    hg_text key = key_of(request, own, rule);
    usage found = {0, 0, 0, false};
    int64_t limit = 0;
    int64_t window_s = 0;
    hg_status status;

    if (key.data == NULL && own->has_rules) {
        return RULE_DOES_NOT_APPLY;
    }
    if (!number_get(request, &rule->count, INT64_MAX, &limit) ||
        !number_get(request, &rule->window_s, WINDOW_MAX_S, &window_s)) {
        return rule_fails(request, "count or time_window is no number here");
    }
    key = full_key(request, rule, key);
    if (key.data == NULL) {
        return rule_fails(request, "out of memory");
    }
    status = own->slides ? count_sliding(key, limit, (uint64_t)window_s * 1000, &found)
                         : count_fixed(key, limit, (uint64_t)window_s * 1000, &found);
    if (status != HG_OK) {
        return rule_fails(request, status == HG_ERR_FULL
                                       ? "no room for another key (plugin_attr: counters)"
                                       : "too many others are counting");
    }
    if (own->show_headers) {
        headers_set(request, names_of(request, rule), &found);
    }
    return found.passes ? RULE_PASSES : RULE_REJECTS;
}

static hg_verdict on_access(hg_request *request, const void *config)
{
    const limit_count *own = config;
    rule_result result = RULE_DOES_NOT_APPLY;
    bool any = false;

    for (size_t i = 0; i < own->rule_count && result != RULE_REJECTS && result != RULE_FAILS; i++) {
        result = rule_apply(request, own, &own->rules[i]);
        any = any || result != RULE_DOES_NOT_APPLY;
    }
    if (result == RULE_REJECTS) {
        return own->rejected_msg.data == NULL
                   ? hg_exit(request, own->rejected_code)
                   : hg_exit_error(request, own->rejected_code, own->rejected_msg);
    }
    if (!any) {
        result = rule_fails(request, "no rule applies");
    }
    return result == RULE_FAILS && !own->allow_degradation
               ? hg_exit_error(request, 500, HG_TEXT("failed to limit count"))
               : HG_NEXT;
}

HG_PLUGIN("limit-count",
          "1.1.0",
          .summary = "Lets a number of requests pass in a window of time, for each key.",
          .priority = 1002,
          .config = HG_CONFIG_RAW(schema, parse, release),
          .metadata = HG_CONFIG(header_names, metadata_fields),
          .attributes = HG_CONFIG(limit_attributes, attribute_fields),
          .init = init,
          .access = on_access);
