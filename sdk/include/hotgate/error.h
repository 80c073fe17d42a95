/* hotgate/error.h - how a function says that it failed, and why. */
#ifndef HOTGATE_ERROR_H
#define HOTGATE_ERROR_H

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#ifdef __cplusplus
extern "C" {
#endif

/** The result of a function that can fail. ABI: a value never changes its meaning. */
typedef enum hg_status {
    HG_OK = 0,
    HG_ERR_INVALID = 1,     /* an argument or a configuration breaks its rules */
    HG_ERR_NO_MEMORY = 2,   /* an allocation failed */
    HG_ERR_FULL = 3,        /* a bounded table or buffer has no room left */
    HG_ERR_NOT_FOUND = 4,   /* nothing has that name */
    HG_ERR_EXISTS = 5,      /* something has that name already */
    HG_ERR_TOO_LATE = 6,    /* what was to be changed has been sent already */
    HG_ERR_TOO_LARGE = 7,   /* a body or a value is over its limit */
    HG_ERR_TIMEOUT = 8,     /* the time given to wait is over */
    HG_ERR_UNSUPPORTED = 9, /* this engine or this phase cannot do that */
    HG_ERR_IO = 10,         /* the operating system refused; the text says what */
    HG_ERR_ABI = 11,        /* built for another binary interface */
    HG_ERR_CONFLICT = 12,   /* somebody else changed the value meanwhile */
    HG_CANCELED = 13,       /* the client has gone or the gateway stops: return at once */
    HG_ERR_TLS = 14,        /* no trust between the two ends of a connection */
} hg_status;

/** A word for a status, such as "timeout"; for logs and labels. [any] */
static inline const char *hg_status_name(hg_status status)
{
    switch (status) {
    case HG_OK:
        return "ok";
    case HG_ERR_INVALID:
        return "invalid";
    case HG_ERR_NO_MEMORY:
        return "no_memory";
    case HG_ERR_FULL:
        return "full";
    case HG_ERR_NOT_FOUND:
        return "not_found";
    case HG_ERR_EXISTS:
        return "exists";
    case HG_ERR_TOO_LATE:
        return "too_late";
    case HG_ERR_TOO_LARGE:
        return "too_large";
    case HG_ERR_TIMEOUT:
        return "timeout";
    case HG_ERR_UNSUPPORTED:
        return "unsupported";
    case HG_ERR_IO:
        return "io";
    case HG_ERR_ABI:
        return "abi";
    case HG_ERR_CONFLICT:
        return "conflict";
    case HG_CANCELED:
        return "canceled";
    case HG_ERR_TLS:
        return "tls";
    default:
        return "unknown";
    }
}

#define HG_ERROR_TEXT_MAX 508u /* bytes, with the NUL; longer texts are cut */

/**
 * One failure, on the caller's stack: where, what was found, what was wanted.
 * A function that takes one accepts NULL and writes to it only when it fails.
 * ABI: this layout is final, so that either side can put one on its stack.
 */
typedef struct hg_error {
    int32_t status; /* an hg_status; HG_OK until something failed */
    char text[HG_ERROR_TEXT_MAX];
} hg_error;

/** An error that nothing has been written to. */
#define HG_ERROR_INIT                                                                              \
    {                                                                                              \
        0, ""                                                                                      \
    }

/** Writes status and text into `err`, if there is one, and returns the status. [any] */
#if defined(__GNUC__)
__attribute__((format(printf, 3, 4)))
#endif
static inline hg_status
hg_error_set(hg_error *err, hg_status status, const char *format, ...)
{
    if (err != NULL) {
        va_list arguments;

        va_start(arguments, format);
        err->status = (int32_t)status;
        (void)vsnprintf(err->text, sizeof(err->text), format, arguments); /* cut is still of use */
        va_end(arguments);
    }
    return status;
}

/**
 * Findings about one configuration, collected by the host: it keeps the first 64 and counts the
 * rest. Handed to parse() and check(); filled with hg_issues_add() of <hotgate/config.h>.
 */
typedef struct hg_issues hg_issues;

#ifdef __cplusplus
}
#endif

#endif
