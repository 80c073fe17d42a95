/* host/control/runner_report.h - how it stands with the runners: run/runners.json, which the
 * supervisor writes and control shows. */
#ifndef HOST_CONTROL_RUNNER_REPORT_H
#define HOST_CONTROL_RUNNER_REPORT_H

#include <jansson.h>

#include "host/control/instance.h"

#define HGH_RUNNER_REPORT "run/runners.json"

/** Writes it anew, as a whole; a failure is logged. runners: an array, borrowed. */
void hgh_runner_report_write(const hgh_instance *instance, const json_t *runners);

/** The array as it was written last; empty if there is none. A new reference, NULL: no memory. */
json_t *hgh_runner_report_read(const hgh_instance *instance);

#endif
