/* multi-auth.c - tries several authentication plugins: the first one that knows the request wins.
 */
#include <hotgate/plugin.h>

#define CHALLENGES_MAX 16u /* told to a refused client; ours */

typedef struct multi_auth {
    const json_t *auth_plugins; /* the host's: they are run by hg_delegate_run() */
} multi_auth;

static const hg_field fields[] = {
    HG_JSON(multi_auth,
            auth_plugins,
            "auth_plugins",
            .summary = "Objects `{PLUGIN: configuration}` of authentication plugins, tried in "
                       "their order. One name may stand there several times.",
            .example = "[{\"key-auth\": {}}, {\"basic-auth\": {}}]",
            .required = true,
            .schema = "{\"type\": \"array\", \"minItems\": 2, \"maxItems\": 64,"
                      " \"items\": {\"type\": \"object\", \"minProperties\": 1,"
                      " \"additionalProperties\": {\"type\": \"object\"}}}"),
    HG_FIELDS_END,
};

/* The message that a plugin wanted to tell, without the line end of its JSON. */
static hg_text one_line(hg_text body)
{
    while (body.length > 0 && body.data[body.length - 1] == '\n') {
        body.length--;
    }
    return body;
}

/* Every way to be known: RFC 9110 section 11.6.1 allows several. */
static void challenges_tell(hg_request *request, const hg_text *challenges, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (hg_response_add_header(request, HG_TEXT("WWW-Authenticate"), challenges[i]) != HG_OK) {
            hg_log(request, HG_LOG_ERROR, "WWW-Authenticate cannot be set");
        }
    }
}

/* Tells why a request was refused, once it is: while one plugin knows it, that is nobody's news. */
static void failures_log(hg_request *request, const hg_delegate_result *failed, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        hg_text body = one_line(failed[i].body);

        hg_log(request, HG_LOG_WARN, "%s failed to authenticate the request, code: %u. error: %.*s",
               failed[i].plugin.data, (unsigned)failed[i].status, (int)body.length,
               body.data == NULL ? "" : body.data);
    }
}

static hg_verdict on_rewrite(hg_request *request, const void *config)
{
    hg_delegate_result failed[CHALLENGES_MAX];
    hg_text challenges[CHALLENGES_MAX];
    hg_delegate_result result;
    size_t failed_count = 0;
    size_t challenge_count = 0;

    (void)config;
    for (uint32_t i = 0; hg_delegate_run(request, i, &result); i++) {
        if (result.status == 0) {
            hg_log(request, HG_LOG_DEBUG, "%s succeed to authenticate the request",
                   result.plugin.data);
            return HG_NEXT;
        }
        if (failed_count < CHALLENGES_MAX) {
            failed[failed_count++] = result;
        }
        if (hg_text_is_present(result.challenge) && challenge_count < CHALLENGES_MAX) {
            challenges[challenge_count++] = result.challenge;
        }
    }
    failures_log(request, failed, failed_count);
    challenges_tell(request, challenges, challenge_count);
    return hg_exit_message(request, 401, HG_TEXT("Authorization Failed"));
}

static const hg_delegates delegates = {
    .size = (uint32_t)sizeof(hg_delegates),
    .required_flags = HG_AUTH,
    .list = "auth_plugins",
};

static const hg_extension extensions[] = {{HG_DELEGATES, &delegates}, {NULL, NULL}};

HG_PLUGIN("multi-auth",
          "1.0.0",
          .summary = "Tries several authentication plugins: the first that knows a request wins.",
          .priority = 2600,
          .flags = HG_AUTH,
          .config = HG_CONFIG(multi_auth, fields),
          .rewrite = on_rewrite,
          .extensions = extensions);
