/* host/runner/log.c - the runner's log: lines on standard error, which who started it collects. */
#include "host/runner/log.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

#define PREFIX_MAX 64u

static const char *level_name(hg_log_level level)
{
    static const char *const names[] = {
        [HG_LOG_ERROR] = "error", [HG_LOG_WARN] = "warn",   [HG_LOG_NOTICE] = "notice",
        [HG_LOG_INFO] = "info",   [HG_LOG_DEBUG] = "debug",
    };

    return names[level];
}

void hgh_runner_log(hg_log_level level, const char *format, ...)
{
    char line[PREFIX_MAX + HG_LOG_LINE_MAX];
    time_t now = time(NULL);
    struct tm parts;
    va_list arguments;
    size_t length;
    int added;

    (void)gmtime_r(&now, &parts);
    length = strftime(line, PREFIX_MAX, "%Y/%m/%d %H:%M:%S", &parts);
    length += (size_t)snprintf(line + length, PREFIX_MAX - length, " [%s] %d: ", level_name(level),
                               (int)getpid());
    va_start(arguments, format);
    added = vsnprintf(line + length, HG_LOG_LINE_MAX, format, arguments);
    va_end(arguments);
    if (added < 0) {
        return;
    }
    added = (unsigned)added < HG_LOG_LINE_MAX ? added : (int)HG_LOG_LINE_MAX - 1;
    for (int i = 0; i < added; i++) {
        char *at = &line[length + (size_t)i];

        *at = *at == '\n' || *at == '\r' ? ' ' : *at;
    }
    length += (size_t)added;
    line[length++] = '\n';
    if (write(STDERR_FILENO, line, length) < 0) {
        return; /* nobody reads it: there is nowhere to say so */
    }
}
