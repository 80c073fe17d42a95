/* uri-blocker.c - refuses requests whose target matches one of a list of patterns. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hotgate/plugin.h>

static const char schema[] =
    "{\"type\": \"object\", \"properties\": {"
    "\"block_rules\": {\"type\": \"array\", \"minItems\": 1, \"uniqueItems\": true,"
    " \"items\": {\"title\": \"regular expression\", \"type\": \"string\", \"minLength\": 1,"
    " \"maxLength\": 4096},"
    " \"description\": \"What is looked for anywhere in path and arguments.\"},"
    "\"rejected_code\": {\"type\": \"integer\", \"minimum\": 200, \"maximum\": 599,"
    " \"default\": 403, \"description\": \"The status of a refusal.\"},"
    "\"rejected_msg\": {\"type\": \"string\", \"minLength\": 1, \"description\":"
    " \"The body of a refusal is `{\\\"error_msg\\\":\\\"...\\\"}` with it.\"},"
    "\"case_insensitive\": {\"type\": \"boolean\", \"default\": false,"
    " \"description\": \"The patterns match letters of any case.\"}},"
    "\"required\": [\"block_rules\"]}";

typedef struct uri_blocker {
    size_t count;
    hg_regex **rules;
    uint32_t rejected_code;
    hg_text rejected_msg; /* absent: none */
    json_t *source;       /* owns the text */
} uri_blocker;

static void release(void *state)
{
    uri_blocker *own = state;

    if (own == NULL) {
        return;
    }
    for (size_t i = 0; own->rules != NULL && i < own->count; i++) {
        hg_regex_free(own->rules[i]);
    }
    free(own->rules);
    json_decref(own->source);
    free(own);
}

static hg_status rules_parse(uri_blocker *own, hg_issues *issues)
{
    const json_t *list = json_object_get(own->source, "block_rules");
    bool ignore_case = json_is_true(json_object_get(own->source, "case_insensitive"));
    hg_status status = HG_OK;

    own->count = json_array_size(list);
    own->rules = calloc(own->count, sizeof(hg_regex *));
    if (own->rules == NULL) {
        return HG_ERR_NO_MEMORY;
    }
    for (size_t i = 0; i < own->count && status != HG_ERR_NO_MEMORY; i++) {
        const json_t *rule = json_array_get(list, i);
        hg_text pattern = {json_string_value(rule), json_string_length(rule)};
        char pointer[48];
        hg_error err = HG_ERROR_INIT;

        (void)snprintf(pointer, sizeof(pointer), "/block_rules/%zu", i);
        status = hg_regex_compile(pattern, ignore_case, &own->rules[i], &err);
        if (status == HG_ERR_INVALID) {
            hg_issues_add(issues, pointer, err.text, "a regular expression");
        }
    }
    return status == HG_ERR_INVALID ? HG_OK : status; /* the finding refuses it */
}

static hg_status
parse(const json_t *config, const hg_config_source *source, void **out_state, hg_issues *issues)
{
    uri_blocker *own = calloc(1, sizeof(*own));
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
    status = rules_parse(own, issues);
    if (status == HG_OK) {
        *out_state = own;
        own = NULL; /* now the host's */
    }
    release(own);
    return status;
}

/* Path and arguments as the upstream will understand them: "/%61dmin" is "/admin". */
static hg_text decoded_target(hg_request *request)
{
    hg_text path = hg_request_uri(request);
    hg_text arguments = hg_request_arguments(request);
    char *target = hg_request_allocate(request, path.length + arguments.length + 1);
    hg_text none = {NULL, 0};

    if (arguments.length == 0) {
        return path;
    }
    if (target == NULL) {
        return none;
    }
    memcpy(target, path.data, path.length);
    target[path.length] = '?';
    memcpy(target + path.length + 1, arguments.data, arguments.length);
    return (hg_text){target, path.length + 1 + arguments.length};
}

static bool is_blocked(const uri_blocker *own, hg_text target)
{
    for (size_t i = 0; i < own->count; i++) {
        if (hg_regex_match(own->rules[i], target, NULL, 0) > 0) {
            return true;
        }
    }
    return false;
}

static hg_verdict on_rewrite(hg_request *request, const void *config)
{
    const uri_blocker *own = config;
    hg_text sent = hg_request_raw_uri(request);
    hg_text decoded = decoded_target(request);

    if (decoded.data == NULL) {
        return hg_exit(request, 500);
    }
    if (!is_blocked(own, sent) && (hg_text_equal(sent, decoded) || !is_blocked(own, decoded))) {
        return HG_NEXT;
    }
    return own->rejected_msg.data == NULL
               ? hg_exit(request, own->rejected_code)
               : hg_exit_error(request, own->rejected_code, own->rejected_msg);
}

HG_PLUGIN("uri-blocker",
          "1.0.0",
          .summary = "Refuses requests whose target matches one of a list of patterns.",
          .priority = 2900,
          .config = HG_CONFIG_RAW(schema, parse, release),
          .rewrite = on_rewrite);
