/* host/runner/log.c - the runner's log: lines on standard error, which who started it collects. */
#include "host/runner/log.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#define PREFIX_MAX    64u
#define DAY_S         86400
#define DAYS_TO_EPOCH 719468 /* from 0000/03/01, so that a leap day is the last of its year */
#define CYCLE_DAYS    146097 /* of 400 years */

static const char *level_name(hg_log_level level)
{
    static const char *const names[] = {
        [HG_LOG_ERROR] = "error", [HG_LOG_WARN] = "warn",   [HG_LOG_NOTICE] = "notice",
        [HG_LOG_INFO] = "info",   [HG_LOG_DEBUG] = "debug",
    };

    return names[level];
}

size_t hgh_runner_time_write(time_t at, char into[HGH_RUNNER_TIME_MAX])
{
    int64_t days = at / DAY_S + DAYS_TO_EPOCH;
    int64_t second = at % DAY_S;
    int64_t cycle = days / CYCLE_DAYS;
    int64_t day = days % CYCLE_DAYS; /* of the cycle, then of the year */
    int64_t year = (day - day / 1460 + day / 36524 - day / (CYCLE_DAYS - 1)) / 365;
    int64_t month; /* 0: March */

    day -= 365 * year + year / 4 - year / 100;
    month = (5 * day + 2) / 153;
    day -= (153 * month + 2) / 5;
    return (size_t)snprintf(into, HGH_RUNNER_TIME_MAX,
                            "%04" PRId64 "/%02" PRId64 "/%02" PRId64 " %02" PRId64 ":%02" PRId64
                            ":%02" PRId64,
                            cycle * 400 + year + (month >= 10), month >= 10 ? month - 9 : month + 3,
                            day + 1, second / 3600, second / 60 % 60, second % 60);
}

void hgh_runner_log(hg_log_level level, const char *format, ...)
{
    char line[PREFIX_MAX + HG_LOG_LINE_MAX];
    va_list arguments;
    size_t length = hgh_runner_time_write(time(NULL), line);
    int added;

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
