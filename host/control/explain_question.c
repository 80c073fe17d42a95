/* host/control/explain_question.c - which request is to be explained. */
#include "host/control/explain_question.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "host/control/admin_body.h"
#include "host/core/address.h"
#include "host/core/explain.h"
#include "host/core/json_value.h"
#include "host/core/uri.h"

#define METHOD_MAX  32u
#define WORD_MAX    256u /* bytes of an id or name that is passed on */
#define POINTER_MAX 96u

/* --- in --- */

static json_t *question_of_query(const hgh_admin_request *request)
{
    json_t *question = json_object();
    json_t *headers = json_array();

    for (size_t i = 0; i < request->argument_count; i++) {
        const hgh_admin_argument *argument = &request->arguments[i];
        json_t *value = json_string(argument->value);

        if (strcmp(argument->name, "header") == 0) {
            (void)json_array_append_new(headers, value);
        } else {
            (void)json_object_set_new(question, argument->name, value);
        }
    }
    if (json_array_size(headers) > 0) {
        (void)json_object_set(question, "headers", headers);
    }
    json_decref(headers);
    return question;
}

bool hgh_explain_question_read(const hgh_admin_request *request,
                               json_t **out_question,
                               hgh_admin_answer *answer)
{
    json_t *question = NULL;

    if (strcmp(request->method, "POST") != 0) {
        question = question_of_query(request);
    } else if (!hgh_admin_body_parse(request, HGH_ADMIN_BODY_MAX, &question, answer)) {
        return false;
    }
    *out_question = question;
    return true;
}

/* --- judging --- */

/* The question on its way out. */
typedef struct writer {
    const json_t *question;
    hg_issues *issues;
    char *host;  /* owned: of the header, else of the URL; NULL: none yet */
    FILE *lines; /* headers, as they are sent */
} writer;

static void issue(writer *self, const char *pointer, const json_t *value, const char *wanted)
{
    char found[HGH_JSON_DESCRIBE_MAX];

    hgh_issues_add(self->issues, pointer,
                   value == NULL ? "nothing" : hgh_json_describe(value, found, sizeof(found)),
                   wanted, NULL);
}

/* A text of printable characters; NULL: it is not there, or was refused. */
static const char *text_of(writer *self, const char *name, size_t max, const char *wanted)
{
    const json_t *value = json_object_get(self->question, name);
    const char *text = json_string_value(value);
    char pointer[POINTER_MAX];

    if (value == NULL) {
        return NULL;
    }
    if (text != NULL && text[0] != '\0' && strlen(text) == json_string_length(value) &&
        strlen(text) <= max) {
        const char *at = text;

        while ((unsigned char)*at > ' ' && *at != 0x7f) {
            at++;
        }
        if (*at == '\0') {
            return text;
        }
    }
    (void)snprintf(pointer, sizeof(pointer), "/%s", name);
    issue(self, pointer, value, wanted);
    return NULL;
}

/* RFC 9110, section 5.6.2. */
static bool is_token(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (!isalnum((unsigned char)text[i]) && strchr("!#$%&'*+-.^_`|~", text[i]) == NULL) {
            return false;
        }
    }
    return length > 0;
}

/* What belongs to the connection, or to this way of asking. */
static bool is_reserved(const char *name, size_t length)
{
    static const char *const names[] = {"Connection", "Content-Length", "Transfer-Encoding",
                                        "Expect",     "Keep-Alive",     HGH_EXPLAIN_HEADER};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strlen(names[i]) == length && strncasecmp(names[i], name, length) == 0) {
            return true;
        }
    }
    return false;
}

static bool value_is_good(const char *value, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (((unsigned char)value[i] < ' ' && value[i] != '\t') || value[i] == 0x7f) {
            return false;
        }
    }
    return true;
}

/* One header; false: it is none. */
static bool header_write(writer *self, const char *name, size_t name_length, const json_t *value)
{
    const char *text = json_string_value(value);

    if (text == NULL || !is_token(name, name_length) || is_reserved(name, name_length)) {
        return false;
    }
    text += text[0] == ' ' ? 1 : 0;
    if (!value_is_good(text,
                       json_string_length(value) - (size_t)(text - json_string_value(value)))) {
        return false;
    }
    if (name_length == strlen("Host") && strncasecmp(name, "Host", name_length) == 0) {
        free(self->host);
        self->host = strdup(text);
    } else {
        (void)fprintf(self->lines, "%.*s: %s\r\n", (int)name_length, name, text);
    }
    return true;
}

/* "Name: value". */
static bool header_line_write(writer *self, const json_t *line)
{
    const char *text = json_string_value(line);
    const char *colon = text == NULL ? NULL : strchr(text, ':');
    json_t *value;
    bool is_good;

    if (colon == NULL) {
        return false;
    }
    value = json_stringn(colon + 1, json_string_length(line) - (size_t)(colon + 1 - text));
    is_good = header_write(self, text, (size_t)(colon - text), value);
    json_decref(value);
    return is_good;
}

static void headers_write(writer *self)
{
    static const char wanted[] = "\"Name: value\", of no header that belongs to the connection";
    json_t *headers = hgh_json_unconst(json_object_get(self->question, "headers"));
    char pointer[POINTER_MAX];
    const char *name;
    json_t *value;
    size_t index;

    if (headers != NULL && !json_is_array(headers) && !json_is_object(headers)) {
        issue(self, "/headers", headers, "an array or an object of headers");
    }
    json_array_foreach(headers, index, value)
    {
        if (!header_line_write(self, value)) {
            (void)snprintf(pointer, sizeof(pointer), "/headers/%zu", index);
            issue(self, pointer, value, wanted);
        }
    }
    json_object_foreach(headers, name, value)
    {
        if (!header_write(self, name, strlen(name), value)) {
            size_t length = (size_t)snprintf(pointer, sizeof(pointer), "/headers");

            (void)hgh_pointer_append(pointer, length, sizeof(pointer), name);
            issue(self, pointer, value, wanted);
        }
    }
}

static void members_check(writer *self)
{
    static const char *const names[] = {"uri",    "method",   "headers", "body",
                                        "client", "consumer", "route"};
    const char *name;
    json_t *value;

    json_object_foreach(hgh_json_unconst(self->question), name, value)
    {
        bool is_known = false;

        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
            is_known = is_known || strcmp(names[i], name) == 0;
        }
        if (!is_known) {
            char pointer[POINTER_MAX] = "";

            (void)hgh_pointer_append(pointer, 0, sizeof(pointer), name);
            issue(self, pointer, value, "uri, method, headers, body, client, consumer or route");
        }
    }
}

/* --- out --- */

static void encoded_write(FILE *out, const char *name, const char *value, bool *is_first)
{
    if (value == NULL) {
        return;
    }
    (void)fprintf(out, "%s%s=", *is_first ? "" : "&", name);
    *is_first = false;
    for (const char *at = value; *at != '\0'; at++) {
        if (isalnum((unsigned char)*at) || strchr("-._", *at) != NULL) {
            (void)fputc(*at, out);
        } else {
            (void)fprintf(out, "%%%02X", (unsigned)(unsigned char)*at);
        }
    }
}

static void asked_write(writer *self, FILE *out)
{
    const char *client = text_of(self, "client", WORD_MAX, "an IP address");
    hg_address address;
    bool is_first = true;

    if (client != NULL && hgh_address_parse(hg_text_of(client), &address) != HG_OK) {
        issue(self, "/client", json_object_get(self->question, "client"), "an IP address");
    }
    (void)fputs(HGH_EXPLAIN_HEADER ": ", out);
    encoded_write(out, "client", client, &is_first);
    encoded_write(out, "consumer", text_of(self, "consumer", WORD_MAX, "a consumer's name"),
                  &is_first);
    encoded_write(out, "route", text_of(self, "route", WORD_MAX, "a route's id"), &is_first);
    (void)fputs("\r\n", out);
}

/* The request line. */
static void target_write(writer *self, FILE *out)
{
    static const char wanted[] = "a path that begins with /, or an http URL, percent-encoded";
    const char *method = text_of(self, "method", METHOD_MAX, "a method of HTTP");
    const char *uri = text_of(self, "uri", HGH_ADMIN_BODY_MAX, wanted);
    const char *slash = "";
    hgh_uri parts = {0};

    if (method != NULL && !is_token(method, strlen(method))) {
        issue(self, "/method", json_object_get(self->question, "method"), "a method of HTTP");
    }
    if (uri == NULL) {
        if (json_object_get(self->question, "uri") == NULL) {
            issue(self, "/uri", NULL, wanted);
        }
        return;
    }
    hgh_uri_split(hg_text_of(uri), &parts);
    if (parts.scheme.length > 0 && parts.authority.length > 0) {
        self->host = strndup(parts.authority.data, parts.authority.length);
        uri = parts.path.data;
        slash = parts.path.length == 0 ? "/" : "";
    } else if (uri[0] != '/') {
        issue(self, "/uri", json_object_get(self->question, "uri"), wanted);
        return;
    }
    (void)fprintf(out, "%s %s%.*s HTTP/1.1\r\n", method == NULL ? "GET" : method, slash,
                  (int)strcspn(uri, "#"), uri);
}

static void body_write(writer *self, FILE *out)
{
    const json_t *body = json_object_get(self->question, "body");

    if (body != NULL && !json_is_string(body)) {
        issue(self, "/body", body, "a text");
    } else if (body != NULL) {
        (void)fprintf(out, "Content-Length: %zu\r\n\r\n", json_string_length(body));
        (void)fwrite(json_string_value(body), 1, json_string_length(body), out);
    } else {
        (void)fputs("\r\n", out);
    }
}

hg_status hgh_explain_question_write(const json_t *question,
                                     char **out_text,
                                     size_t *out_length,
                                     hg_issues *issues)
{
    char *lines = NULL;
    char *text = NULL;
    size_t lines_length = 0;
    size_t length = 0;
    size_t before = issues->count;
    writer self = {
        .question = question,
        .issues = issues,
        .lines = open_memstream(&lines, &lines_length),
    };
    FILE *out = open_memstream(&text, &length);
    bool is_whole = self.lines != NULL && out != NULL;

    if (is_whole && !json_is_object(question)) {
        issue(&self, "", question, "an object with the member uri");
    } else if (is_whole) {
        members_check(&self);
        target_write(&self, out);
        headers_write(&self);
        (void)fflush(self.lines);
        (void)fprintf(out, "Host: %s\r\nConnection: close\r\n%s",
                      self.host == NULL ? "localhost" : self.host, lines == NULL ? "" : lines);
        asked_write(&self, out);
        body_write(&self, out);
    }
    is_whole = (self.lines == NULL || fclose(self.lines) == 0) && is_whole;
    is_whole = (out == NULL || fclose(out) == 0) && is_whole;
    free(lines);
    free(self.host);
    if (!is_whole || issues->count > before) {
        free(text);
        return is_whole ? HG_ERR_INVALID : HG_ERR_NO_MEMORY;
    }
    *out_text = text;
    *out_length = length;
    return HG_OK;
}
