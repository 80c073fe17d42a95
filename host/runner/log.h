/* host/runner/log.h - the runner's log: lines on standard error, which who started it collects. */
#ifndef HOST_RUNNER_LOG_H
#define HOST_RUNNER_LOG_H

#include <stddef.h>
#include <time.h>

#include <hotgate/host.h>
#include <hotgate/log.h>

#define HGH_RUNNER_TIME_MAX 40u /* with its NUL */

/** "YYYY/MM/DD HH:MM:SS" of that time, in UTC. Returns its length. Functions of the C library that
 * know calendars take a lock, which who has died may hold. */
size_t hgh_runner_time_write(time_t at, char into[HGH_RUNNER_TIME_MAX]);

/** Writes "TIME [level] PID: text" and an end of line in one piece; what would end it early becomes
 * a blank. Also from a signal's handler. */
void hgh_runner_log(hg_log_level level, const char *format, ...) HG_PRINTF(2, 3);

#endif
