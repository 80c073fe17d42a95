/* host/control/admin_body.c - the body of a request to the Admin API, as JSON. */
#include "host/control/admin_body.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/core/expression.h"
#include "host/core/json_value.h"

#define STATUS_BAD  400u
#define BRACES_HINT "; expressions are arrays: " HGH_EXPRESSION_EXAMPLE

static void refuse(const char *reason, hgh_admin_answer *answer)
{
    char text[JSON_ERROR_TEXT_LENGTH + 100 + sizeof(BRACES_HINT)];

    (void)snprintf(text, sizeof(text), "invalid request body: %s", reason);
    hgh_admin_text_repair(text);
    /* The body itself may hold secrets, and nobody can tell where. */
    hgh_admin_answer_json(answer, STATUS_BAD,
                          json_pack("{s:s, s:s}", "error_msg", text, "req_body", "***"));
}

/* A copy in which line breaks and tabs inside of texts are escaped; NULL: there are none, or no
 * memory. JSON has no such texts, APISIX takes them: code in a configuration is written that way.
 */
static char *line_breaks_escape(const char *text, size_t length, size_t *out_length)
{
    char *copy = malloc(2 * length + 1);
    size_t written = 0;
    bool inside = false;
    bool any = false;

    for (size_t i = 0; copy != NULL && i < length; i++) {
        const char *found = text[i] == '\0' ? NULL : strchr("\nn\rr\tt", text[i]);
        bool breaks = inside && found != NULL && (found[0] < ' ');

        if (breaks) {
            copy[written++] = '\\';
        }
        any |= breaks;
        copy[written++] = breaks ? found[1] : text[i];
        if (inside && text[i] == '\\' && i + 1 < length) {
            copy[written++] = text[++i];
        } else if (text[i] == '"') {
            inside = !inside;
        }
    }
    if (copy != NULL && !any) {
        explicit_bzero(copy, written); /* it may hold secrets */
        free(copy);
        return NULL;
    }
    *out_length = written;
    return copy;
}

/* A name that stands twice is a mistake whichever value is meant. */
static json_t *body_load(const char *text, size_t length, json_error_t *where)
{
    const size_t flags = JSON_DECODE_ANY | JSON_REJECT_DUPLICATES;
    json_t *body = json_loadb(text, length, flags, where);
    char *escaped;
    size_t escaped_length = 0;

    if (body != NULL) {
        return body;
    }
    escaped = line_breaks_escape(text, length, &escaped_length);
    if (escaped != NULL) {
        json_error_t unused; /* places are those of what was sent */

        body = json_loadb(escaped, escaped_length, flags, &unused);
        explicit_bzero(escaped, escaped_length); /* it may hold secrets */
        free(escaped);
    }
    return body;
}

bool hgh_admin_body_parse(const hgh_admin_request *request,
                          unsigned max,
                          json_t **out_body,
                          hgh_admin_answer *answer)
{
    char reason[JSON_ERROR_TEXT_LENGTH + 60 + sizeof(BRACES_HINT)];
    json_error_t where;
    json_t *body;

    if (request->body_length > max || (request->body_is_dropped && request->body_length > 0)) {
        hgh_admin_answer_error(
            answer, STATUS_BAD,
            "invalid request body: request size %llu is greater than the maximum "
            "size %u allowed",
            (unsigned long long)request->body_length, max);
        return false;
    }
    if (request->body_length == 0) {
        return true;
    }
    body = body_load(request->body, request->body_length, &where);
    if (body == NULL) {
        bool braces = hgh_expression_has_braces((hg_text){request->body, request->body_length});

        (void)snprintf(reason, sizeof(reason), "%s at line %d column %d%s", where.text, where.line,
                       where.column, braces ? BRACES_HINT : "");
        refuse(reason, answer);
        return false;
    }
    if (hgh_json_is_too_deep(body)) {
        json_decref(body);
        refuse("found more than 256 levels", answer);
        return false;
    }
    *out_body = hgh_json_make_whole(body);
    return true;
}
