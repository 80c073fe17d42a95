/* host/control/crash_report.h - a file for each crash of a worker: logs/crashes/TIME-PID.txt, with
 * the stack of the plugin in functions, files and lines. */
#ifndef HOST_CONTROL_CRASH_REPORT_H
#define HOST_CONTROL_CRASH_REPORT_H

#include <jansson.h>

#include <hotgate/error.h>

#include "host/control/instance.h"
#include "host/core/event_loop.h"

#define HGH_CRASH_DIRECTORY   "logs/crashes"
#define HGH_CRASH_REPORTS_MAX 20u /* kept; the oldest goes first */

typedef struct hgh_crash_reports hgh_crash_reports;

/** Both borrowed, as long as it lives. NULL: no memory. */
hgh_crash_reports *hgh_crash_reports_new(hgh_event_loop *loop, const hgh_instance *instance);

/** What has not been written yet is dropped. Accepts NULL. */
void hgh_crash_reports_free(hgh_crash_reports *reports);

/**
 * Writes a report soon: symbols are looked up in a process of their own.
 *
 * name    of the file.
 * text    what stands first; lines that end with a newline.
 * frames  the stack, the innermost first: {"plugin", "path", "offset"}; without "path" it is none
 *         of a plugin. A reference is taken over.
 * When too many wait it is dropped, which the log says.
 */
void hgh_crash_reports_add(hgh_crash_reports *reports,
                           const char *name,
                           const char *text,
                           json_t *frames);

#endif
