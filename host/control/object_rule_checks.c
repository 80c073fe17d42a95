/* host/control/object_rule_checks.c - what health checks demand beyond their schema. */
#include "host/control/object_rule_checks.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "host/control/object_rule_parts.h"

#define POINTER_MAX 512u
#define TEXT_MAX    600u

/* RFC 9110 section 5.6.2. */
#define TOKEN_CHARACTERS                                                                           \
    "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

static void refuse(const char *parent,
                   const char *member,
                   const char *found,
                   const char *wanted,
                   hg_issues *issues)
{
    char pointer[POINTER_MAX];
    char text[TEXT_MAX];

    (void)snprintf(pointer, sizeof(pointer), "%s/checks/active", parent);
    (void)snprintf(text, sizeof(text),
                   "invalid configuration: property \"checks\" validation failed: property "
                   "\"active\" validation failed: property \"%s\" validation failed: found "
                   "\"%.80s\", wanted %s",
                   member, found, wanted);
    hgh_rule_add(issues, pointer, member, found, wanted, text);
}

static bool is_path(const char *path)
{
    for (const char *at = path; *at != '\0'; at++) {
        if (*at <= ' ' || *at == 0x7f) {
            return false;
        }
    }
    return path[0] == '/';
}

/* "Name: value" without line ends. */
static bool is_header(const char *line)
{
    size_t name = strspn(line, TOKEN_CHARACTERS);

    if (name == 0 || line[name] != ':') {
        return false;
    }
    for (const char *at = line + name; *at != '\0'; at++) {
        if ((*at < ' ' && *at != '\t') || *at == 0x7f) {
            return false;
        }
    }
    return true;
}

void hgh_object_rule_checks(const json_t *checks, const char *parent, hg_issues *issues)
{
    const json_t *active = json_object_get(checks, "active");
    const json_t *headers = json_object_get(active, "req_headers");
    const char *method = json_string_value(json_object_get(active, "http_method"));
    const char *path = json_string_value(json_object_get(active, "http_path"));

    if (method != NULL && (method[0] == '\0' || method[strspn(method, TOKEN_CHARACTERS)] != '\0')) {
        refuse(parent, "http_method", method, "a method of HTTP", issues);
    }
    if (path != NULL && !is_path(path)) {
        refuse(parent, "http_path", path, "a path that begins with / and has no blank", issues);
    }
    for (size_t i = 0; i < json_array_size(headers); i++) {
        const char *line = json_string_value(json_array_get(headers, i));
        char member[48];

        if (line != NULL && !is_header(line)) {
            (void)snprintf(member, sizeof(member), "req_headers/%zu", i);
            refuse(parent, member, line, "a header as \"Name: value\"", issues);
        }
    }
}
