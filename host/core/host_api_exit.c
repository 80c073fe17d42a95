/* host/core/host_api_exit.c - how a plugin ends a request with a response of its own. */
#include <stdlib.h>
#include <string.h>

#include "host/core/host_api_internal.h"

static hg_verdict exit_refused(hg_request *request, const char *why)
{
    char line[256];
    int length = snprintf(line, sizeof(line), "plugin %s: hg_exit() %s",
                          hgh_request_configuration(request)->plugin->name, why);

    request->engine->log(request->engine_request, HG_LOG_ERROR, (hg_text){line, (size_t)length});
    return HG_NEXT;
}

hg_verdict hgh_host_exit(hg_request *request, uint32_t status, hg_text content_type, hg_text body)
{
    bool is_possible = hgh_request_is_open(request) ? request->stage < HGH_STAGE_UPSTREAM
                                                    : request->phase == HG_PHASE_RESPONSE;

    if (!is_possible) {
        return exit_refused(request, "is not possible in this phase");
    }
    if (status < 200 || status > 599 || !hgh_value_is_clean(content_type)) {
        (void)exit_refused(request, "wants a status of 200 to 599 and a clean content type");
        status = 500;
        body = (hg_text){0};
    }
    request->exit =
        (hgh_exit){.set = true, .status = status, .body = hgh_request_text_copy(request, body)};
    if (body.data != NULL) {
        request->exit.content_type = content_type.data == NULL
                                         ? HG_TEXT("text/plain; charset=utf-8")
                                         : hgh_request_text_copy(request, content_type);
    }
    return HG_DONE;
}

hg_verdict hgh_host_exit_json(hg_request *request, uint32_t status, const json_t *body)
{
    char *text = json_dumps(body, JSON_COMPACT | JSON_ENCODE_ANY);
    size_t length = text == NULL ? 0 : strlen(text);
    hg_verdict verdict;

    if (text == NULL) { /* json_pack() returns NULL for a wrong format: not a success then */
        (void)exit_refused(request, "wants a JSON value");
        return hgh_host_exit(request, 500, (hg_text){0}, (hg_text){0});
    }
    text[length] = '\n'; /* where its NUL was: the body is copied by length */
    verdict =
        hgh_host_exit(request, status, HG_TEXT("application/json"), (hg_text){text, length + 1});
    free(text);
    return verdict;
}

hg_verdict
hgh_host_exit_member(hg_request *request, uint32_t status, const char *member, hg_text text)
{
    json_t *body = json_pack("{s:s%}", member, text.data == NULL ? "" : text.data, text.length);
    hg_verdict verdict;

    if (body == NULL) { /* not UTF-8 */
        body = json_pack("{s:s}", member, hgh_status_reason(status));
    }
    verdict = hgh_host_exit_json(request, status, body);
    json_decref(body);
    return verdict;
}

/* SCHEME realm="REALM" (RFC 9110 section 11.6.1), the realm as a quoted string; absent: no memory.
 */
static hg_text challenge_make(hg_request *request, const char *scheme, hg_text realm)
{
    static const char middle[] = " realm=\"";
    size_t length = strlen(scheme);
    char *text = hgh_request_allocate(request, length + sizeof(middle) + realm.length * 2 + 1);

    if (text == NULL) {
        return (hg_text){0};
    }
    memcpy(text, scheme, length);
    if (realm.data != NULL) {
        memcpy(text + length, middle, sizeof(middle) - 1);
        length += sizeof(middle) - 1;
        for (size_t i = 0; i < realm.length; i++) {
            if (realm.data[i] == '"' || realm.data[i] == '\\') {
                text[length++] = '\\';
            }
            text[length++] = realm.data[i];
        }
        text[length++] = '"';
    }
    text[length] = '\0';
    return (hg_text){text, length};
}

hg_verdict
hgh_host_exit_unauthorized(hg_request *request, const char *scheme, hg_text realm, hg_text text)
{
    hg_text challenge = challenge_make(request, scheme, realm);

    if (challenge.data == NULL ||
        hgh_host_set_response_header(request, HG_TEXT("WWW-Authenticate"), challenge) != HG_OK) {
        (void)exit_refused(request, "could not set WWW-Authenticate");
    }
    return hgh_host_exit_member(request, 401, "message", text);
}
