/* host/core/regex.h - regular expressions, by PCRE2 with JIT, with bounded effort. */
#ifndef HOST_CORE_REGEX_H
#define HOST_CORE_REGEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <hotgate/config.h>

/** See hg_regex_compile(). A pattern has at most 4,096 bytes. */
hg_status hgh_regex_compile(
    const char *pattern, size_t length, bool ignore_case, hg_regex **out_regex, hg_error *err);

/** True for what hgh_regex_compile() would take; takes less time to say so. */
bool hgh_regex_is_valid(hg_text pattern);

/** Accepts NULL. */
void hgh_regex_free(hg_regex *regex);

/** See hg_regex_match(). Effort is bounded by a match and a depth limit; over it: no match. */
int32_t
hgh_regex_match(const hg_regex *regex, hg_text subject, hg_text *captures, uint32_t captures_max);

/** True if it matches; *out_failed becomes true if that is not known, the effort having run out. */
bool hgh_regex_search(const hg_regex *regex, hg_text subject, bool *out_failed);

/** See hg_regex_match_from(). */
int32_t hgh_regex_match_from(
    const hg_regex *regex, hg_text subject, size_t from, hg_text *captures, uint32_t captures_max);

#endif
