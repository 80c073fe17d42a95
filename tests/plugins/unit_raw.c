/* tests/plugins/unit_raw.c - decodes by itself, and misbehaves as its configuration says. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <hotgate/plugin.h>

static const char schema[] = "{\"type\":\"object\",\"properties\":{"
                             "\"in_parse\":{\"type\":\"string\"},"
                             "\"in_check\":{\"type\":\"string\"},"
                             "\"count\":{\"type\":\"integer\",\"minimum\":1,\"default\":7}},"
                             "\"required\":[\"count\"]}";

typedef struct raw_state {
    int64_t count;
    char in_check[32];
} raw_state;

static int *volatile nowhere; /* NULL, which the compiler does not know */

/* What a bad plugin does. */
static hg_status misbehave(const char *how, hg_issues *issues)
{
    if (strcmp(how, "refuse") == 0) {
        hg_issues_add(issues, "/count", "what stands there", "something else");
        return HG_ERR_INVALID;
    }
    if (strcmp(how, "complain") == 0) { /* and yet return HG_OK */
        hg_issues_add(issues, "/count", "what stands there", "something else");
        return HG_OK;
    }
    if (strcmp(how, "silent") == 0) {
        return HG_ERR_INVALID;
    }
    if (strcmp(how, "odd") == 0) {
        return HG_ERR_TIMEOUT; /* no status of parse() */
    }
    if (strcmp(how, "memory") == 0) {
        return HG_ERR_NO_MEMORY;
    }
    if (strcmp(how, "crash") == 0) {
        *nowhere = 1;
    }
    if (strcmp(how, "abort") == 0) {
        abort();
    }
    if (strcmp(how, "hang") == 0) {
        for (;;) {
            (void)pause();
        }
    }
    if (strcmp(how, "kill") == 0) {
        _exit(3);
    }
    return HG_OK;
}

static const char *text_of(const json_t *config, const char *member)
{
    const char *text = json_string_value(json_object_get(config, member));

    return text == NULL ? "" : text;
}

static hg_status
raw_parse(const json_t *config, const hg_config_source *source, void **out_state, hg_issues *issues)
{
    const char *how = text_of(config, "in_parse");
    raw_state *state = calloc(1, sizeof(*state));
    hg_status status;

    (void)source;
    if (state == NULL) {
        return HG_ERR_NO_MEMORY;
    }
    status = misbehave(how, issues);
    state->count = json_integer_value(json_object_get(config, "count"));
    (void)snprintf(state->in_check, sizeof(state->in_check), "%s", text_of(config, "in_check"));
    hg_log(NULL, HG_LOG_NOTICE, "parse");
    if (strcmp(how, "dangle") == 0) { /* hands out what it has freed, and refuses */
        *out_state = state;
        free(state);
        return HG_ERR_INVALID;
    }
    if (status != HG_OK) {
        free(state);
        return status;
    }
    *out_state = state;
    return HG_OK;
}

static void raw_release(void *state)
{
    hg_log(NULL, HG_LOG_NOTICE, "release");
    free(state);
}

static hg_status raw_check(const void *config, const hg_config_source *source, hg_issues *issues)
{
    const raw_state *own = config;

    (void)source;
    return misbehave(own->in_check, issues);
}

static hg_verdict raw_access(hg_request *request, const void *config)
{
    const raw_state *own = config;

    hg_log(request, HG_LOG_NOTICE, "count:%d", (int)own->count);
    return HG_NEXT;
}

HG_PLUGIN("unit_raw",
          "1.0.0",
          .summary = "Decodes by itself.",
          .priority = 15,
          .config = HG_CONFIG_RAW(schema, raw_parse, raw_release),
          .check = raw_check,
          .access = raw_access);
