/* hotgate/log.h - messages to the gateway's log. */
#ifndef HOTGATE_LOG_H
#define HOTGATE_LOG_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include <hotgate/host.h>

#ifdef __cplusplus
extern "C" {
#endif

/** How much a message matters; the operator sets the limit (nginx_config.error_log_level). */
typedef enum hg_log_level {
    HG_LOG_ERROR = 1, /* something is broken and wants attention */
    HG_LOG_WARN = 2,  /* something was refused or is suspicious */
    HG_LOG_NOTICE = 3,
    HG_LOG_INFO = 4,
    HG_LOG_DEBUG = 5,
} hg_log_level;

#define HG_LOG_LINE_MAX 2048u /* bytes, with the NUL; a longer message is cut */

/** The host's side of this header. ABI: fields are only appended. */
typedef struct hg_log_api {
    uint32_t size;
    uint32_t reserved;
    void (*write)(const hg_host *host,
                  hg_request *request,
                  hg_log_level level,
                  const char *text,
                  size_t length);
} hg_log_api;

/** True if messages of that level are written: for those that take an effort to make. [any] */
static inline bool hg_log_is_on(hg_log_level level)
{
    return (int32_t)level <= hg_host_slot->log_level;
}

/**
 * Writes one line to the gateway's log: the host adds time, level, plugin and, with a request, its
 * client, route and request line. [any]
 *
 * request  the request it is about, or NULL.
 * format   as for printf(); control characters in the result are escaped, secrets are not: do not
 *          log values of HG_SECRET fields.
 */
HG_PRINTF(3, 4)
static inline void hg_log(hg_request *request, hg_log_level level, const char *format, ...)
{
    char line[HG_LOG_LINE_MAX];
    va_list arguments;
    int length;

    if (!hg_log_is_on(level)) {
        return;
    }
    va_start(arguments, format);
    length = vsnprintf(line, sizeof(line), format, arguments);
    va_end(arguments);
    if (length > 0) {
        size_t kept = (size_t)length < sizeof(line) ? (size_t)length : sizeof(line) - 1;
        hg_host_slot->log->write(hg_host_slot, request, level, line, kept);
    }
}

#ifdef __cplusplus
}
#endif

#endif
