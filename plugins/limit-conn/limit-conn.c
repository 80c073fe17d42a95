/* limit-conn.c - limits how many requests of a key are in flight at once. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hotgate/plugin.h>

#define COUNTERS_MAX 4194304
#define DELAYS       1024u    /* configurations whose delay is learned */
#define DELAY_TTL_MS 3600000u /* what was learned an hour ago says nothing */
#define DELAY_US_MAX 3600e6   /* an hour is as good as a refusal */
#define TRIES_MAX    100

#define NUMBER(name, least, description)                                                           \
    "\"" name "\": {\"anyOf\": [{\"type\": \"integer\", " least "},"                               \
    " {\"title\": \"text with $variables\", \"type\": \"string\", \"minLength\": 1}],"             \
    " \"description\": \"" description "\"}"
#define CONN                                                                                       \
    NUMBER("conn", "\"exclusiveMinimum\": 0", "Requests in flight that pass without waiting.")
#define BURST                                                                                      \
    NUMBER("burst", "\"minimum\": 0", "Requests beyond `conn` that are let wait, not refused.")

static const char schema[] =
    "{\"type\": \"object\", \"properties\": {" CONN ", " BURST ","
    "\"default_conn_delay\": {\"type\": \"number\", \"exclusiveMinimum\": 0,"
    " \"description\": \"Seconds that a request within the burst waits, at first.\"},"
    "\"only_use_default_delay\": {\"type\": \"boolean\", \"default\": false,"
    " \"description\": \"Does not learn the delay from how long requests take.\"},"
    "\"key\": {\"type\": \"string\", \"description\": \"What is limited.\"},"
    "\"key_type\": {\"type\": \"string\", \"enum\": [\"var\", \"var_combination\"],"
    " \"default\": \"var\", \"description\": \"`var`: `key` is the name of a variable;"
    " `var_combination`: it is text with `$variables`.\"},"
    "\"rules\": {\"type\": \"array\", \"minItems\": 1,"
    " \"description\": \"Several limits, instead of `conn`, `burst` and `key`.\","
    " \"items\": {\"type\": \"object\", \"properties\": {" CONN ", " BURST ","
    " \"key\": {\"title\": \"text with $variables\", \"type\": \"string\", \"minLength\": 1,"
    " \"description\": \"What is limited; no two rules have the same.\"}},"
    " \"required\": [\"conn\", \"burst\", \"key\"]}},"
    "\"policy\": {\"type\": \"string\", \"enum\": [\"local\"], \"default\": \"local\","
    " \"description\": \"The workers of this gateway count together.\"},"
    "\"rejected_code\": {\"type\": \"integer\", \"minimum\": 200, \"maximum\": 599,"
    " \"default\": 503, \"description\": \"The status of a rejection.\"},"
    "\"rejected_msg\": {\"type\": \"string\", \"minLength\": 1, \"description\":"
    " \"The body of a rejection is `{\\\"error_msg\\\":\\\"...\\\"}` with it.\"},"
    "\"allow_degradation\": {\"type\": \"boolean\", \"default\": false,"
    " \"description\": \"Where the answer would be 500, lets the request pass.\"}},"
    "\"required\": [\"default_conn_delay\"],"
    "\"oneOf\": [{\"required\": [\"conn\", \"burst\", \"key\"], \"not\": {\"required\": "
    "[\"rules\"]}},"
    " {\"required\": [\"rules\"],"
    " \"not\": {\"anyOf\": [{\"required\": [\"conn\"]}, {\"required\": [\"burst\"]},"
    " {\"required\": [\"key\"]}]}}]}";

/* A number, or text with variables that is one for each request. */
typedef struct limit_number {
    int64_t value;
    hg_template *text; /* NULL: `value` */
} limit_number;

typedef struct limit_rule {
    limit_number conn;
    limit_number burst;
    hg_text variable; /* key_type var: its name; else absent */
    hg_template *combination;
} limit_rule;

typedef struct limit_conn {
    size_t rule_count; /* 1 without "rules" */
    limit_rule *rules;
    bool has_rules; /* one whose key has no value is passed over, not counted by address */
    double delay_us;
    bool learns;
    uint32_t rejected_code;
    hg_text rejected_msg; /* absent: none */
    bool allow_degradation;
    char *prefix; /* of the keys in the tables: tells this configuration from all others */
    size_t prefix_length;
    json_t *source; /* owns the texts */
} limit_conn;

/* A key under which this request is counted. */
typedef struct held_key {
    struct held_key *next;
    hg_text key;
} held_key;

typedef struct request_data {
    held_key *held;
    uint64_t slept_ms;
} request_data;

typedef struct limit_attributes {
    int64_t counters;
} limit_attributes;

static const hg_field attribute_fields[] = {
    HG_INT(limit_attributes,
           counters,
           "counters",
           .summary = "Keys, each for every worker that has requests of it in flight, that can be "
                      "counted at once. Each takes 64 bytes of shared memory.",
           .min = 1,
           .max = COUNTERS_MAX,
           .initial = "65536"),
    HG_FIELDS_END,
};

static hg_dict *flights; /* of init(): requests in flight */
static hg_dict *delays;  /* microseconds, by configuration */

static hg_status init(const void *attributes, hg_error *err)
{
    const limit_attributes *own = attributes;
    hg_dict_options options = HG_DICT_OPTIONS_INIT;
    hg_status status;

    options.entries = (uint32_t)own->counters;
    options.layout = "in-flight/1";
    status = hg_dict_open("flights", &options, &flights, err);
    options.entries = DELAYS;
    options.layout = "delay-us/1";
    return status == HG_OK ? hg_dict_open("delays", &options, &delays, err) : status;
}

/* ----------------------------------------------------------------------------- configuration */

static void release(void *state)
{
    limit_conn *own = state;

    if (own == NULL) {
        return;
    }
    for (size_t i = 0; own->rules != NULL && i < own->rule_count; i++) {
        hg_template_free(own->rules[i].conn.text);
        hg_template_free(own->rules[i].burst.text);
        hg_template_free(own->rules[i].combination);
    }
    free(own->rules);
    free(own->prefix);
    json_decref(own->source);
    free(own);
}

static hg_text text_of(const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);

    return (hg_text){json_string_value(value), json_string_length(value)};
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

static hg_status number_parse(limit_number *number,
                              const json_t *object,
                              const char *place,
                              const char *name,
                              hg_issues *issues)
{
    const json_t *value = json_object_get(object, name);
    char pointer[64];

    (void)snprintf(pointer, sizeof(pointer), "%s/%s", place, name);
    if (json_is_real(value)) { /* whole, but beyond 64 bits */
        hg_issues_add(issues, pointer, "a number beyond 64 bits", "a smaller one");
        return HG_ERR_INVALID;
    }
    if (json_is_string(value)) {
        return template_parse(text_of(object, name), pointer, &number->text, issues);
    }
    number->value = json_integer_value(value);
    return HG_OK;
}

static hg_status rule_parse(
    limit_rule *rule, const json_t *object, const char *place, bool is_variable, hg_issues *issues)
{
    hg_text key = text_of(object, "key");
    char pointer[64];
    hg_status status = number_parse(&rule->conn, object, place, "conn", issues);

    if (status == HG_OK) {
        status = number_parse(&rule->burst, object, place, "burst", issues);
    }
    if (status == HG_OK && is_variable) {
        bool has_sign = key.length > 0 && key.data[0] == '$';

        rule->variable = has_sign ? (hg_text){key.data + 1, key.length - 1} : key;
    } else if (status == HG_OK) {
        (void)snprintf(pointer, sizeof(pointer), "%s/key", place);
        status = template_parse(key, pointer, &rule->combination, issues);
    }
    return status;
}

static hg_status rules_parse(limit_conn *own, hg_issues *issues)
{
    const json_t *list = json_object_get(own->source, "rules");
    bool is_variable = list == NULL && strcmp(text_of(own->source, "key_type").data, "var") == 0;
    hg_status status = HG_OK;

    own->has_rules = list != NULL;
    own->rule_count = list == NULL ? 1 : json_array_size(list);
    own->rules = calloc(own->rule_count, sizeof(*own->rules));
    if (own->rules == NULL) {
        return HG_ERR_NO_MEMORY;
    }
    if (list == NULL) {
        return rule_parse(&own->rules[0], own->source, "", is_variable, issues);
    }
    for (size_t i = 0; i < own->rule_count && status == HG_OK; i++) {
        char place[32];

        (void)snprintf(place, sizeof(place), "/rules/%zu", i);
        status = rule_parse(&own->rules[i], json_array_get(list, i), place, false, issues);
        for (size_t k = 0; k < i; k++) {
            if (json_equal(json_object_get(json_array_get(list, i), "key"),
                           json_object_get(json_array_get(list, k), "key"))) {
                hg_issues_add(issues, place, "the key of an earlier rule", "a key of its own");
            }
        }
    }
    return status;
}

static hg_status prefix_set(limit_conn *own, const hg_config_source *source)
{
    size_t size = source->resource.length + source->id.length + 32;

    own->prefix = malloc(size);
    if (own->prefix == NULL) {
        return HG_ERR_NO_MEMORY;
    }
    own->prefix_length = (size_t)snprintf(own->prefix, size, "%s/%s:%016" PRIx64 ":",
                                          source->resource.data, source->id.data, source->checksum);
    return HG_OK;
}

static hg_status
parse(const json_t *config, const hg_config_source *source, void **out_state, hg_issues *issues)
{
    limit_conn *own = calloc(1, sizeof(*own));
    hg_status status;

    if (own == NULL || (own->source = json_deep_copy(config)) == NULL) {
        release(own);
        return HG_ERR_NO_MEMORY;
    }
    own->delay_us = json_number_value(json_object_get(config, "default_conn_delay")) * 1e6;
    own->learns = !json_is_true(json_object_get(config, "only_use_default_delay"));
    own->rejected_code = (uint32_t)json_integer_value(json_object_get(config, "rejected_code"));
    own->rejected_msg = text_of(own->source, "rejected_msg");
    own->allow_degradation = json_is_true(json_object_get(config, "allow_degradation"));
    status = rules_parse(own, issues);
    if (status == HG_OK) {
        status = prefix_set(own, source);
    }
    if (status == HG_OK) {
        *out_state = own;
        own = NULL; /* now the host's */
    }
    release(own);
    return status;
}

/* ---------------------------------------------------------------------------------- requests */

static double smaller(double a, double b)
{
    return a < b ? a : b;
}

static double larger(double a, double b)
{
    return a > b ? a : b;
}

/* False: the text is no whole number of at least that much for this request. */
static bool number_get(hg_request *request, const limit_number *number, int64_t min, int64_t *out)
{
    hg_text text;
    char *end = NULL;

    *out = number->value;
    if (number->text == NULL) {
        return true;
    }
    text = hg_template_render(request, number->text);
    if (text.length == 0 || text.length > 18) { /* 18 digits fit into 64 bits */
        return false;
    }
    *out = strtoll(text.data, &end, 10);
    return end == text.data + text.length && *out >= min;
}

/* The whole key in the table; absent: the rule does not apply, or there is no memory. */
static hg_text key_of(hg_request *request, const limit_conn *own, size_t place)
{
    const limit_rule *rule = &own->rules[place];
    hg_text key = rule->combination != NULL ? hg_template_render_key(request, rule->combination)
                                            : hg_request_variable(request, rule->variable);
    size_t size;
    hg_text none = {NULL, 0};
    char *full;
    int length;

    if (own->has_rules && key.data == NULL) {
        return none;
    }
    if (key.data == NULL) {
        key = hg_request_variable(request, HG_TEXT("remote_addr"));
    }
    size = own->prefix_length + key.length + 24;
    full = hg_request_allocate(request, size);
    if (full == NULL) {
        return none;
    }
    length = snprintf(full, size, "%s%zu:", own->prefix, place);
    if (key.length > 0) {
        memcpy(full + length, key.data, key.length);
    }
    return (hg_text){full, (size_t)length + key.length};
}

/* Counts this request no more under the keys that came after `kept`. */
static void let_go(request_data *data, held_key *kept)
{
    while (data->held != kept) {
        int64_t sum;

        (void)hg_dict_hold(flights, data->held->key, -1, &sum); /* takes away, needs no room */
        data->held = data->held->next;
    }
}

/* What a request beyond the limit waits for one that is in flight: as configured, or learned. */
static double delay_us(const limit_conn *own)
{
    int64_t learned;

    if (own->learns &&
        hg_dict_get(delays, (hg_text){own->prefix, own->prefix_length}, &learned, NULL) == HG_OK) {
        return (double)learned;
    }
    return own->delay_us;
}

typedef enum rule_result {
    RULE_PASSES,
    RULE_REJECTS,
    RULE_DOES_NOT_APPLY,
    RULE_FAILS,
} rule_result;

/* Counts the request under one rule; out_wait_ms grows to what it has to wait. */
static rule_result rule_apply(hg_request *request,
                              const limit_conn *own,
                              size_t place,
                              request_data *data,
                              uint64_t *out_wait_ms)
{
    held_key *held = hg_request_allocate(request, sizeof(*held));
    int64_t conn = 0;
    int64_t burst = 0;
    int64_t sum = 0;
    double wait_us;

    if (!number_get(request, &own->rules[place].conn, 1, &conn) ||
        !number_get(request, &own->rules[place].burst, 0, &burst)) {
        hg_log(request, HG_LOG_ERROR, "failed to limit conn: conn or burst is no number here");
        return RULE_FAILS;
    }
    if (held == NULL) {
        return RULE_FAILS;
    }
    held->key = key_of(request, own, place);
    if (held->key.data == NULL) {
        return RULE_DOES_NOT_APPLY;
    }
    if (hg_dict_hold(flights, held->key, 1, &sum) != HG_OK) {
        hg_log(request, HG_LOG_ERROR,
               "failed to limit conn: no room for another key (plugin_attr: counters)");
        return RULE_FAILS;
    }
    held->next = data->held;
    data->held = held;
    if (sum - conn > burst) {
        return RULE_REJECTS;
    }
    if (sum > conn) {
        wait_us = smaller((double)((sum - 1) / conn) * delay_us(own), DELAY_US_MAX);
        *out_wait_ms = (uint64_t)larger((double)*out_wait_ms, wait_us / 1000);
    }
    return RULE_PASSES;
}

static hg_verdict fail(hg_request *request, const limit_conn *own)
{
    return own->allow_degradation ? HG_NEXT : hg_exit(request, 500);
}

static hg_verdict on_access(hg_request *request, const void *config)
{
    const limit_conn *own = config;
    request_data *data = hg_request_data(request);
    held_key *before = data == NULL ? NULL : data->held;
    uint64_t wait_ms = 0;
    bool any = false;

    if (data == NULL) {
        return fail(request, own);
    }
    for (size_t i = 0; i < own->rule_count; i++) {
        rule_result result = rule_apply(request, own, i, data, &wait_ms);

        any = any || result != RULE_DOES_NOT_APPLY;
        if (result == RULE_FAILS) {
            let_go(data, before);
            return fail(request, own);
        }
        if (result == RULE_REJECTS) {
            let_go(data, before);
            return own->rejected_msg.data == NULL
                       ? hg_exit(request, own->rejected_code)
                       : hg_exit_error(request, own->rejected_code, own->rejected_msg);
        }
    }
    if (!any) {
        hg_log(request, HG_LOG_ERROR, "failed to limit conn: no rule applies");
        return fail(request, own);
    }
    if (wait_ms > 0) {
        data->slept_ms += wait_ms;
        (void)hg_sleep(request, wait_ms); /* canceled: nothing more to do */
    }
    return HG_NEXT;
}

/* The delay follows how long requests take: half of what it was, half of the last one. */
static void delay_learn(hg_request *request, const limit_conn *own, uint64_t slept_ms)
{
    hg_text key = {own->prefix, own->prefix_length};
    hg_text took = hg_request_variable(request, HG_TEXT("request_time"));
    double took_us = took.data == NULL ? 0 : strtod(took.data, NULL) * 1e6;
    double latency_us = larger(took_us - (double)slept_ms * 1000, 0);

    for (int i = 0; i < TRIES_MAX; i++) {
        int64_t before = 0; /* not learned yet */
        double base;

        (void)hg_dict_get(delays, key, &before, NULL);
        base = before == 0 ? own->delay_us : (double)before;
        if (hg_dict_replace(delays, key, before,
                            (int64_t)smaller(larger((base + latency_us) / 2, 1), DELAY_US_MAX),
                            DELAY_TTL_MS) != HG_ERR_CONFLICT) {
            return; /* full: the configured delay holds */
        }
    }
}

static void on_log(hg_request *request, const void *config)
{
    const limit_conn *own = config;
    request_data *data = hg_request_data(request);

    if (data == NULL || data->held == NULL) {
        return;
    }
    let_go(data, NULL);
    if (own->learns) {
        delay_learn(request, own, data->slept_ms);
    }
}

HG_PLUGIN("limit-conn",
          "1.0.0",
          .summary = "Limits how many requests of a key are in flight at once.",
          .priority = 1003,
          .flags = HG_WAITS,
          .config = HG_CONFIG_RAW(schema, parse, release),
          .attributes = HG_CONFIG(limit_attributes, attribute_fields),
          .request_size = (uint32_t)sizeof(request_data),
          .init = init,
          .access = on_access,
          .log = on_log);
