/* host/control/admin_body.c - the body of a request to the Admin API, as JSON. */
#include "host/control/admin_body.h"

#include <stdint.h>
#include <stdio.h>

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
    /* A name that stands twice is a mistake whichever value is meant. */
    body = json_loadb(request->body, request->body_length, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES,
                      &where);
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
