/* host/control/admin_exchange.c - one request to the Admin API, and its answer. */
#include "host/control/admin_exchange.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ERROR_TEXT_MAX 2048u
#define ISSUE_TEXT_MAX 1100u
#define STATUS_BAD     400u
#define STATUS_FAILED  500u

const char *hgh_admin_request_argument(const hgh_admin_request *request, const char *name)
{
    for (size_t i = 0; i < request->argument_count; i++) {
        if (strcmp(request->arguments[i].name, name) == 0) {
            return request->arguments[i].value;
        }
    }
    return NULL;
}

const char *hgh_admin_request_cookie(const hgh_admin_request *request,
                                     const char *name,
                                     char *into,
                                     size_t size)
{
    const char *at = request->header(request->context, "Cookie");
    size_t name_length = strlen(name);

    while (at != NULL && *at != '\0') {
        size_t length;

        at += strspn(at, " \t;");
        length = strcspn(at, ";");
        if (length > name_length && at[name_length] == '=' && strncmp(at, name, name_length) == 0) {
            size_t value_length = length - name_length - 1;

            if (value_length >= size) {
                return NULL;
            }
            memcpy(into, at + name_length + 1, value_length);
            into[value_length] = '\0';
            return into;
        }
        at += length;
    }
    return NULL;
}

/* Bytes of the well-formed sequence at `at` (RFC 3629 section 4); 0: there is none. */
static size_t sequence_length(const unsigned char *at)
{
    static const struct {
        unsigned char first_min;
        unsigned char first_max;
        unsigned char second_min;
        unsigned char second_max;
        size_t length;
    } forms[] = {
        {0x00, 0x7f, 0x00, 0xff, 1}, {0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3},
        {0xe1, 0xec, 0x80, 0xbf, 3}, {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3},
        {0xf0, 0xf0, 0x90, 0xbf, 4}, {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4},
    };

    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        if (at[0] < forms[i].first_min || at[0] > forms[i].first_max) {
            continue;
        }
        if (forms[i].length > 1 && (at[1] < forms[i].second_min || at[1] > forms[i].second_max)) {
            return 0;
        }
        for (size_t n = 2; n < forms[i].length; n++) {
            if ((at[n] & 0xc0) != 0x80) { /* the NUL ends here too */
                return 0;
            }
        }
        return forms[i].length;
    }
    return 0;
}

bool hgh_admin_text_is_valid(const char *text)
{
    while (*text != '\0') {
        size_t length = sequence_length((const unsigned char *)text);

        if (length == 0) {
            return false;
        }
        text += length;
    }
    return true;
}

void hgh_admin_text_repair(char *text)
{
    while (*text != '\0') {
        size_t length = sequence_length((const unsigned char *)text);

        if (length == 0) {
            *text = '?';
            length = 1;
        }
        text += length;
    }
}

void hgh_admin_answer_issues(hgh_admin_answer *answer, hg_issues *issues)
{
    char first[ISSUE_TEXT_MAX];

    for (size_t i = 0; i < issues->count; i++) {
        hgh_issue *issue = &issues->items[i];

        hgh_admin_text_repair(issue->pointer); /* parts of what was sent may have been cut */
        hgh_admin_text_repair(issue->found);
        hgh_admin_text_repair(issue->wanted);
        if (issue->text != NULL) {
            hgh_admin_text_repair(issue->text);
        }
    }
    (void)hgh_issues_first(issues, first, sizeof(first));
    hgh_admin_text_repair(first);
    hgh_admin_answer_json(
        answer, STATUS_BAD,
        json_pack("{s:s, s:o}", "error_msg", first, "errors", hgh_issues_json(issues)));
}

void hgh_admin_answer_text(hgh_admin_answer *answer, unsigned status, char *body, size_t length)
{
    free(answer->body);
    answer->status = status;
    answer->body = body;
    answer->body_length = length;
}

void hgh_admin_answer_json(hgh_admin_answer *answer, unsigned status, json_t *json)
{
    char *text = json == NULL ? NULL : json_dumps(json, JSON_COMPACT | JSON_ENCODE_ANY);
    size_t length = text == NULL ? 0 : strlen(text);

    json_decref(json);
    if (text == NULL) {
        hgh_admin_answer_text(answer, STATUS_FAILED, NULL, 0);
        return;
    }
    text[length] = '\n'; /* in the place of the NUL: the length says where it ends */
    hgh_admin_answer_text(answer, status, text, length + 1);
}

HG_PRINTF(3, 0)
static void
answer_error(hgh_admin_answer *answer, unsigned status, const char *format, va_list list)
{
    char text[ERROR_TEXT_MAX];

    (void)vsnprintf(text, sizeof(text), format, list); /* cut is still of use */
    hgh_admin_text_repair(text);
    hgh_admin_answer_json(answer, status, json_pack("{s:s}", "error_msg", text));
}

void hgh_admin_answer_error(hgh_admin_answer *answer, unsigned status, const char *format, ...)
{
    va_list list;

    va_start(list, format);
    answer_error(answer, status, format, list);
    va_end(list);
}

void hgh_admin_answer_header(hgh_admin_answer *answer, const char *name, const char *value)
{
    if (answer->header_count < HGH_ADMIN_HEADERS_MAX) {
        answer->headers[answer->header_count].name = name;
        (void)snprintf(answer->headers[answer->header_count].value, HGH_ADMIN_HEADER_TEXT, "%s",
                       value);
        answer->header_count++;
    }
}

void hgh_admin_answer_done(hgh_admin_answer *answer)
{
    free(answer->body);
    memset(answer, 0, sizeof(*answer));
}

void hgh_admin_later_json(hgh_admin_answer_later *later, unsigned status, json_t *json)
{
    hgh_admin_answer answer = {0};

    hgh_admin_answer_json(&answer, status, json);
    later->send(later, &answer);
}

void hgh_admin_later_error(hgh_admin_answer_later *later, unsigned status, const char *format, ...)
{
    hgh_admin_answer answer = {0};
    va_list list;

    va_start(list, format);
    answer_error(&answer, status, format, list);
    va_end(list);
    later->send(later, &answer);
}
