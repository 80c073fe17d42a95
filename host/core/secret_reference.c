/* host/core/secret_reference.c - texts of a configuration that stand for a secret kept elsewhere.
 */
#include "host/core/secret_reference.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "host/core/issues.h"

#define SECRET_PREFIX "$secret://"
#define ENV_PREFIX    "$env://"
#define LEVELS_MAX    256u
#define POINTER_BYTES 1024u

/* The place of the value that is being looked at. */
typedef struct walk {
    char pointer[POINTER_BYTES];
    unsigned level;
    hg_issues *issues;
} walk;

static const char *prefix_of(const char *text)
{
    if (strncmp(text, SECRET_PREFIX, strlen(SECRET_PREFIX)) == 0) {
        return SECRET_PREFIX;
    }
    return strncasecmp(text, ENV_PREFIX, strlen(ENV_PREFIX)) == 0 ? ENV_PREFIX : NULL;
}

bool hgh_secret_is_reference(const char *text)
{
    return prefix_of(text) != NULL;
}

static void text_look(walk *at, const char *text)
{
    const char *what = prefix_of(text);
    char found[64];

    if (what != NULL) {
        (void)snprintf(found, sizeof(found), "a reference %s", what);
        hgh_issues_add(at->issues, at->pointer, found,
                       "the value itself: references are not resolved by this version", NULL);
    }
}

static void value_look(walk *at, const json_t *value);

static void member_look(walk *at, const char *segment, const json_t *value)
{
    size_t length = strlen(at->pointer);

    (void)hgh_pointer_append(at->pointer, length, sizeof(at->pointer), segment);
    value_look(at, value);
    at->pointer[length] = '\0';
}

static void value_look(walk *at, const json_t *value)
{
    const char *name;
    json_t *member;
    size_t index;
    char segment[24];

    if (json_is_string(value)) {
        text_look(at, json_string_value(value));
        return;
    }
    if (++at->level <= LEVELS_MAX) {
        /* jansson's loops take no const; nothing is changed. */
        json_object_foreach((json_t *)(uintptr_t)value, name, member)
        {
            member_look(at, name, member);
        }
        json_array_foreach((json_t *)(uintptr_t)value, index, member)
        {
            (void)snprintf(segment, sizeof(segment), "%zu", index);
            member_look(at, segment, member);
        }
    }
    at->level--;
}

void hgh_secret_references_refuse(const json_t *value, const char *prefix, hg_issues *issues)
{
    walk at = {.issues = issues};

    (void)snprintf(at.pointer, sizeof(at.pointer), "%s", prefix);
    value_look(&at, value);
}
