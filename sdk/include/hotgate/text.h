/* hotgate/text.h - text with a length, as requests and configurations hand it out. */
#ifndef HOTGATE_TEXT_H
#define HOTGATE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * A run of bytes that somebody else owns; every function says how long it stays valid.
 *
 * What the host returns for names, headers, arguments and variables is also NUL-terminated, so
 * `data` may be given to a function of the C library; bodies are not. Absent is `data == NULL`,
 * which differs from empty (`length == 0` with `data` set).
 */
typedef struct hg_text {
    const char *data; /* borrowed; NULL means absent */
    size_t length;    /* bytes, without the terminating NUL */
} hg_text;

/** A text constant from a string literal. */
#ifdef __cplusplus
#define HG_TEXT(literal) (hg_text{"" literal, sizeof("" literal) - 1})
#else
#define HG_TEXT(literal) ((hg_text){"" literal, sizeof("" literal) - 1})
#endif

/** The text of a NUL-terminated string, which stays the owner; NULL gives an absent text. [any] */
static inline hg_text hg_text_of(const char *string)
{
    hg_text text = {string, string == NULL ? 0 : strlen(string)};
    return text;
}

/** True if the text is there, empty or not. [any] */
static inline bool hg_text_is_present(hg_text text)
{
    return text.data != NULL;
}

/** Compares byte by byte. An absent text equals an empty one. [any] */
static inline bool hg_text_equal(hg_text a, hg_text b)
{
    return a.length == b.length && (a.length == 0 || memcmp(a.data, b.data, a.length) == 0);
}

/** Compares without regard to the case of ASCII letters, as header names are. [any] */
static inline bool hg_text_equal_ignoring_case(hg_text a, hg_text b)
{
    return a.length == b.length && (a.length == 0 || strncasecmp(a.data, b.data, a.length) == 0);
}

/** True if `text` begins with `prefix`. [any] */
static inline bool hg_text_starts_with(hg_text text, hg_text prefix)
{
    return text.length >= prefix.length &&
           (prefix.length == 0 || memcmp(text.data, prefix.data, prefix.length) == 0);
}

#ifdef __cplusplus
}
#endif

#endif
