/* host/core/issues.h - findings about one configuration: where, what was found, what was wanted. */
#ifndef HOST_CORE_ISSUES_H
#define HOST_CORE_ISSUES_H

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

#include <hotgate/error.h>

#define HGH_ISSUES_MAX 64u /* kept; later ones are only counted */

/** One finding. Texts are owned by the hg_issues that holds it. */
typedef struct hgh_issue {
    char *pointer; /* JSON Pointer (RFC 6901) */
    char *found;
    char *wanted;
    char *text; /* the same in the words that APISIX's clients know; NULL if it has none */
} hgh_issue;

/** Caller's storage: zero-initialise, then hgh_issues_done(). */
struct hg_issues {
    size_t count;   /* kept in items */
    size_t dropped; /* found beyond HGH_ISSUES_MAX or when memory was short */
    hgh_issue items[HGH_ISSUES_MAX];
};

/** Adds one finding; copies everything; `text` may be NULL. What is no UTF-8 becomes '?': findings
 * may quote any bytes, and end as JSON. */
void hgh_issues_add(hg_issues *issues,
                    const char *pointer,
                    const char *found,
                    const char *wanted,
                    const char *text);

/** Moves all findings of `from` into `into`, each pointer behind `prefix`; `from` is empty then. */
void hgh_issues_take(hg_issues *into, hg_issues *from, const char *prefix);

/** Drops the findings beyond the first `count`. */
void hgh_issues_cut(hg_issues *issues, size_t count);

bool hgh_issues_is_empty(const hg_issues *issues);

/**
 * The first finding as one line: its APISIX text if it has one, else
 * "POINTER: found F, wanted W". Borrowed from `buffer`.
 */
const char *hgh_issues_first(const hg_issues *issues, char *buffer, size_t size);

/** All findings as a JSON array of {pointer, found, wanted, text if there is one}; a new reference,
 * NULL: no memory. */
json_t *hgh_issues_json(const hg_issues *issues);

/** Frees the texts; the storage may be used again. */
void hgh_issues_done(hg_issues *issues);

/**
 * Appends an escaped segment to a JSON Pointer: "/a" + "b/c" -> "/a/b~1c" (RFC 6901 section 3).
 * Cut if it does not fit. Returns the new length.
 */
size_t hgh_pointer_append(char *pointer, size_t length, size_t size, const char *segment);

#endif
