/* host/core/issues.c - findings about one configuration: where, what was found, what was wanted. */
#include "host/core/issues.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/core/json_value.h"

static void issue_clear(hgh_issue *issue)
{
    free(issue->pointer);
    free(issue->found);
    free(issue->wanted);
    free(issue->text);
    memset(issue, 0, sizeof(*issue));
}

/** A copy that is UTF-8; NULL: no memory. */
static char *copy_of(const char *text)
{
    char *copy = strdup(text);

    if (copy != NULL) {
        hgh_utf8_mend(copy);
    }
    return copy;
}

void hgh_issues_add(
    hg_issues *issues, const char *pointer, const char *found, const char *wanted, const char *text)
{
    hgh_issue issue;

    if (issues->count == HGH_ISSUES_MAX) {
        issues->dropped++;
        return;
    }
    issue = (hgh_issue){
        .pointer = copy_of(pointer),
        .found = copy_of(found),
        .wanted = copy_of(wanted),
        .text = text == NULL ? NULL : copy_of(text),
    };
    if (issue.pointer == NULL || issue.found == NULL || issue.wanted == NULL ||
        (text != NULL && issue.text == NULL)) {
        issue_clear(&issue);
        issues->dropped++;
        return;
    }
    issues->items[issues->count++] = issue;
}

void hgh_issues_take(hg_issues *into, hg_issues *from, const char *prefix)
{
    for (size_t i = 0; i < from->count; i++) {
        hgh_issue *issue = &from->items[i];
        char *pointer = NULL;

        if (asprintf(&pointer, "%s%s", prefix, issue->pointer) < 0 ||
            into->count == HGH_ISSUES_MAX) {
            free(pointer);
            issue_clear(issue);
            into->dropped++;
            continue;
        }
        free(issue->pointer);
        issue->pointer = pointer;
        into->items[into->count++] = *issue;
    }
    into->dropped += from->dropped;
    memset(from, 0, sizeof(*from));
}

void hgh_issues_cut(hg_issues *issues, size_t count)
{
    while (issues->count > count) {
        issue_clear(&issues->items[--issues->count]);
    }
}

bool hgh_issues_is_empty(const hg_issues *issues)
{
    return issues->count == 0 && issues->dropped == 0;
}

const char *hgh_issues_first(const hg_issues *issues, char *buffer, size_t size)
{
    const hgh_issue *issue = &issues->items[0];

    if (issues->count == 0) {
        (void)snprintf(buffer, size, "%s", issues->dropped == 0 ? "" : "out of memory");
    } else if (issue->text != NULL) {
        (void)snprintf(buffer, size, "%s", issue->text);
    } else {
        (void)snprintf(buffer, size, "%s%sfound %s, wanted %s", issue->pointer,
                       issue->pointer[0] == '\0' ? "" : ": ", issue->found, issue->wanted);
    }
    return buffer;
}

json_t *hgh_issues_json(const hg_issues *issues)
{
    json_t *array = json_array();

    for (size_t i = 0; array != NULL && i < issues->count; i++) {
        const hgh_issue *issue = &issues->items[i];
        json_t *item = json_pack("{s:s, s:s, s:s, s:s*}", "pointer", issue->pointer, "found",
                                 issue->found, "wanted", issue->wanted, "text", issue->text);

        if (json_array_append_new(array, item) != 0) {
            json_decref(array);
            return NULL;
        }
    }
    return array;
}

void hgh_issues_done(hg_issues *issues)
{
    hgh_issues_cut(issues, 0);
    issues->dropped = 0;
}

size_t hgh_pointer_append(char *pointer, size_t length, size_t size, const char *segment)
{
    if (length + 1 < size) {
        pointer[length++] = '/';
    }
    for (const char *at = segment; *at != '\0' && length + 2 < size; at++) {
        if (*at == '~' || *at == '/') {
            pointer[length++] = '~';
            pointer[length++] = *at == '~' ? '0' : '1';
        } else {
            pointer[length++] = *at;
        }
    }
    pointer[length] = '\0';
    return length;
}
