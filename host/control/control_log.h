/* host/control/control_log.h - logs/control.log: the supervisor's and control's messages.
 *
 * One per process, as stderr is one. Lines look like nginx's:
 * "2026/11/22 10:00:00 [notice] 4711#0: text". Until hgh_log_open() they go to stderr alone.
 */
#ifndef HOST_CONTROL_CONTROL_LOG_H
#define HOST_CONTROL_CONTROL_LOG_H

#include <stdbool.h>

#include <hotgate/error.h>
#include <hotgate/log.h>

/** Opens or makes the file; everything logged from here on goes there. HG_OK or HG_ERR_IO. */
hg_status hgh_log_open(const char *path, bool also_stderr, hg_error *err);

/** Messages above this level are dropped; HG_LOG_NOTICE at the start. */
void hgh_log_set_level(hg_log_level level);

/** Logs one line; control characters in it are escaped. */
HG_PRINTF(2, 3) void hgh_log(hg_log_level level, const char *format, ...);

/** Opens the file again after it was moved away; on failure the old one stays in use. */
hg_status hgh_log_reopen(hg_error *err);

/** Back to stderr alone. */
void hgh_log_close(void);

#endif
