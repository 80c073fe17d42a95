/* limit-req.c - slows requests down to a rate, for each key, and refuses what is beyond a burst. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hotgate/plugin.h>

#define COUNTERS_MAX    4194304
#define NS_PER_MS       1000000
#define NS_PER_S        1e9
#define INTERVAL_NS_MAX 3e17 /* ten years between two requests are a rate of none */
#define BACKLOG_NS_MAX  4e18 /* with the above and a clock that runs 100 years below 2^63 */
#define TRIES_MAX       1000 /* each failed one means that another request went through */

static const char schema[] =
    "{\"type\": \"object\", \"properties\": {"
    "\"rate\": {\"type\": \"number\", \"exclusiveMinimum\": 0,"
    " \"description\": \"Requests a second that pass without waiting.\"},"
    "\"burst\": {\"type\": \"number\", \"minimum\": 0,"
    " \"description\": \"Requests beyond the rate that are let wait instead of refused.\"},"
    "\"key\": {\"type\": \"string\", \"description\": \"What is limited.\"},"
    "\"key_type\": {\"type\": \"string\", \"enum\": [\"var\", \"var_combination\"],"
    " \"default\": \"var\", \"description\": \"`var`: `key` is the name of a variable;"
    " `var_combination`: it is text with `$variables`.\"},"
    "\"policy\": {\"type\": \"string\", \"enum\": [\"local\"], \"default\": \"local\","
    " \"description\": \"The workers of this gateway share the limit.\"},"
    "\"rejected_code\": {\"type\": \"integer\", \"minimum\": 200, \"maximum\": 599,"
    " \"default\": 503, \"description\": \"The status of a rejection.\"},"
    "\"rejected_msg\": {\"type\": \"string\", \"minLength\": 1, \"description\":"
    " \"The body of a rejection is `{\\\"error_msg\\\":\\\"...\\\"}` with it.\"},"
    "\"nodelay\": {\"type\": \"boolean\", \"default\": false,"
    " \"description\": \"Lets requests within the burst pass at once.\"},"
    "\"allow_degradation\": {\"type\": \"boolean\", \"default\": false, \"description\":"
    " \"When there is no room for another key, lets the request pass instead of answering 500.\"}},"
    "\"required\": [\"rate\", \"burst\", \"key\"]}";

typedef struct limit_req {
    int64_t interval_ns; /* between two requests at the rate */
    int64_t backlog_ns;  /* how far ahead of the clock the burst may run */
    hg_text variable;    /* key_type var: its name; else absent */
    hg_template *combination;
    uint32_t rejected_code;
    hg_text rejected_msg; /* absent: none */
    bool nodelay;
    bool allow_degradation;
    char *prefix; /* of the keys in the table: tells this configuration from all others */
    size_t prefix_length;
    json_t *source; /* owns the texts */
} limit_req;

typedef struct limit_attributes {
    int64_t counters;
} limit_attributes;

static const hg_field attribute_fields[] = {
    HG_INT(limit_attributes,
           counters,
           "counters",
           .summary = "Keys that can be limited at once. Each takes 64 bytes of shared memory.",
           .min = 1,
           .max = COUNTERS_MAX,
           .initial = "65536"),
    HG_FIELDS_END,
};

static hg_dict *backlogs; /* of init(): when the last request that was let pass is worked off */

static hg_status init(const void *attributes, hg_error *err)
{
    const limit_attributes *own = attributes;
    hg_dict_options options = HG_DICT_OPTIONS_INIT;

    options.entries = (uint32_t)own->counters;
    options.layout = "backlog-end-ns/1"; /* on the monotonic clock */
    return hg_dict_open("backlogs", &options, &backlogs, err);
}

/* ----------------------------------------------------------------------------- configuration */

static void release(void *state)
{
    limit_req *own = state;

    if (own == NULL) {
        return;
    }
    hg_template_free(own->combination);
    json_decref(own->source);
    free(own->prefix);
    free(own);
}

static hg_text text_of(const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);

    return (hg_text){json_string_value(value), json_string_length(value)};
}

static hg_status key_parse(limit_req *own, hg_issues *issues)
{
    hg_text key = text_of(own->source, "key");
    hg_error err = HG_ERROR_INIT;
    hg_status status;

    if (strcmp(text_of(own->source, "key_type").data, "var") == 0) {
        bool has_sign = key.length > 0 && key.data[0] == '$';

        own->variable = has_sign ? (hg_text){key.data + 1, key.length - 1} : key;
        return HG_OK;
    }
    status = hg_template_compile(key, &own->combination, &err);
    if (status == HG_ERR_INVALID) {
        hg_issues_add(issues, "/key", err.text, "text with variables such as $remote_addr");
    }
    return status;
}

static hg_status prefix_set(limit_req *own, const hg_config_source *source)
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

static int64_t clamped(double value, double max)
{
    return (int64_t)(value > max ? max : value);
}

static hg_status
parse(const json_t *config, const hg_config_source *source, void **out_state, hg_issues *issues)
{
    limit_req *own = calloc(1, sizeof(*own));
    double interval_ns = NS_PER_S / json_number_value(json_object_get(config, "rate"));
    hg_status status;

    if (own == NULL || (own->source = json_deep_copy(config)) == NULL) {
        release(own);
        return HG_ERR_NO_MEMORY;
    }
    interval_ns = interval_ns > INTERVAL_NS_MAX ? INTERVAL_NS_MAX : interval_ns;
    own->interval_ns = clamped(interval_ns, INTERVAL_NS_MAX);
    own->backlog_ns =
        clamped(json_number_value(json_object_get(config, "burst")) * interval_ns, BACKLOG_NS_MAX);
    own->rejected_code = (uint32_t)json_integer_value(json_object_get(config, "rejected_code"));
    own->rejected_msg = text_of(own->source, "rejected_msg");
    own->nodelay = json_is_true(json_object_get(config, "nodelay"));
    own->allow_degradation = json_is_true(json_object_get(config, "allow_degradation"));
    status = key_parse(own, issues);
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

/* The whole key in the table; the client's address where the configured one has no value. */
static hg_text key_of(hg_request *request, const limit_req *own)
{
    hg_text key = own->combination != NULL ? hg_template_render_key(request, own->combination)
                                           : hg_request_variable(request, own->variable);
    hg_text none = {NULL, 0};
    char *full;

    if (key.data == NULL) {
        key = hg_request_variable(request, HG_TEXT("remote_addr"));
    }
    full = hg_request_allocate(request, own->prefix_length + key.length + 1);
    if (full == NULL) {
        return none;
    }
    memcpy(full, own->prefix, own->prefix_length);
    if (key.length > 0) {
        memcpy(full + own->prefix_length, key.data, key.length);
    }
    return (hg_text){full, own->prefix_length + key.length};
}

/* A leaking bucket, kept as the one moment at which it is empty again: a request moves that moment
 * by an interval, but not into the past, and is refused if it then lies beyond the burst.
 * out_wait_ns  how long this request has to wait; -1: it is refused. */
static hg_status enter(hg_text key, const limit_req *own, int64_t *out_wait_ns)
{
    int64_t now_ns = (int64_t)hg_clock_ms() * NS_PER_MS;

    for (int i = 0; i < TRIES_MAX; i++) {
        int64_t before_ns = 0; /* of a key that is not there */
        int64_t after_ns;
        hg_status status;

        (void)hg_dict_get(backlogs, key, &before_ns, NULL);
        after_ns = before_ns + own->interval_ns;
        after_ns = before_ns == 0 || after_ns < now_ns ? now_ns : after_ns;
        if (after_ns - now_ns > own->backlog_ns) {
            *out_wait_ns = -1;
            return HG_OK;
        }
        status = hg_dict_replace(backlogs, key, before_ns, after_ns,
                                 (uint64_t)(after_ns - now_ns + own->interval_ns) / NS_PER_MS + 1);
        if (status != HG_ERR_CONFLICT) {
            *out_wait_ns = after_ns - now_ns;
            return status;
        }
    }
    return HG_ERR_CONFLICT;
}

static hg_verdict reject(hg_request *request, const limit_req *own)
{
    return own->rejected_msg.data == NULL
               ? hg_exit(request, own->rejected_code)
               : hg_exit_error(request, own->rejected_code, own->rejected_msg);
}

static hg_verdict on_access(hg_request *request, const void *config)
{
    const limit_req *own = config;
    hg_text key = key_of(request, own);
    int64_t wait_ns = 0;
    hg_status status = key.data == NULL ? HG_ERR_NO_MEMORY : enter(key, own, &wait_ns);

    if (status != HG_OK) {
        hg_log(request, HG_LOG_ERROR, "failed to limit req: %s",
               status == HG_ERR_FULL ? "no room for another key (plugin_attr: counters)"
                                     : "out of memory");
        return own->allow_degradation ? HG_NEXT : hg_exit(request, 500);
    }
    if (wait_ns < 0) {
        return reject(request, own);
    }
    if (!own->nodelay && wait_ns >= NS_PER_MS) {
        (void)hg_sleep(request, (uint64_t)wait_ns / NS_PER_MS); /* canceled: nothing more to do */
    }
    return HG_NEXT;
}

HG_PLUGIN("limit-req",
          "1.0.0",
          .summary = "Slows requests down to a rate, for each key, and refuses what is beyond.",
          .priority = 1001,
          .flags = HG_WAITS,
          .config = HG_CONFIG_RAW(schema, parse, release),
          .attributes = HG_CONFIG(limit_attributes, attribute_fields),
          .init = init,
          .access = on_access);
