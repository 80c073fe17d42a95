/* host/runner/log.h - the runner's log: lines on standard error, which who started it collects. */
#ifndef HOST_RUNNER_LOG_H
#define HOST_RUNNER_LOG_H

#include <hotgate/host.h>
#include <hotgate/log.h>

/** Writes "TIME [level] PID: text" and an end of line in one piece; what would end it early becomes
 * a blank. */
void hgh_runner_log(hg_log_level level, const char *format, ...) HG_PRINTF(2, 3);

#endif
