/* host/control/object_rule_parts.c - what the rules of several kinds have in common. */
#include "host/control/object_rule_parts.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define POINTER_MAX 512u
#define FOUND_MAX   80u /* bytes of a value that are shown */
#define TEXT_MAX    600u

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

static void found_text(const json_t *value, char *into)
{
    char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);

    (void)snprintf(into, FOUND_MAX, "%s", text == NULL ? "a value" : text); /* cut is enough */
    free(text);
}

void hgh_rule_add(hg_issues *issues,
                  const char *parent,
                  const char *member,
                  const char *found,
                  const char *wanted,
                  const char *text)
{
    char pointer[POINTER_MAX];

    (void)snprintf(pointer, sizeof(pointer), "%s/%s", parent, member);
    hgh_issues_add(issues, pointer, found, wanted, text);
}

static bool is_allowed(const hgh_rule_refusal *row, const json_t *value)
{
    const char *text = json_string_value(value);

    for (size_t i = 0; text != NULL && i < COUNT_OF(row->allowed); i++) {
        if (row->allowed[i] != NULL && strcmp(row->allowed[i], text) == 0) {
            return true;
        }
    }
    return false;
}

void hgh_rule_refuse(const json_t *object,
                     const char *parent,
                     const hgh_rule_refusal *rows,
                     size_t count,
                     hg_issues *issues)
{
    for (size_t i = 0; i < count; i++) {
        const json_t *value = json_object_get(object, rows[i].member);
        char found[FOUND_MAX];
        char text[TEXT_MAX];

        if (value == NULL || is_allowed(&rows[i], value)) {
            continue;
        }
        found_text(value, found);
        (void)snprintf(text, sizeof(text), "unsupported property \"%s\": found %s, wanted %s",
                       rows[i].member, found, rows[i].wanted);
        hgh_rule_add(issues, parent, rows[i].member, found, rows[i].wanted, text);
    }
}

/* Numbers that the data plane keeps in 32 bits, or in milliseconds. */
void hgh_rule_check_range(const json_t *object,
                          const char *parent,
                          const char *member,
                          double min,
                          double max,
                          hg_issues *issues)
{
    const json_t *value = json_object_get(object, member);
    double number = json_number_value(value);
    char found[FOUND_MAX];
    char wanted[FOUND_MAX];
    char text[TEXT_MAX];

    if (!json_is_number(value) || (number >= min && number <= max)) {
        return;
    }
    found_text(value, found);
    (void)snprintf(wanted, sizeof(wanted), "%.0f to %.0f", min, max);
    (void)snprintf(text, sizeof(text),
                   "invalid configuration: property \"%s\" validation failed: expected %s to be "
                   "at %s %.0f",
                   member, found, number < min ? "least" : "most", number < min ? min : max);
    hgh_rule_add(issues, parent, member, found, wanted, text);
}

void hgh_rule_check_timeout(const json_t *object, const char *parent, hg_issues *issues)
{
    static const char *const members[] = {"connect", "send", "read"};
    const json_t *timeout = json_object_get(object, "timeout");
    char pointer[POINTER_MAX];

    (void)snprintf(pointer, sizeof(pointer), "%s/timeout", parent);
    for (size_t i = 0; i < COUNT_OF(members); i++) {
        hgh_rule_check_range(timeout, pointer, members[i], 0, HGH_RULE_SECONDS_MAX, issues);
    }
}
